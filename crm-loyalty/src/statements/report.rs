//! What the club owes at an instant, and what branches owe each other: streamed account by account (S-42, N-24).

use std::collections::BTreeMap;

use crm_core::access::Target;
use crm_core::customers::CustomerId;
use crm_core::kernel::page::{Cursor, Limit};
use crm_core::kernel::time::Timestamp;
use crm_core::loyalty::ledger::rules::FALLS_DUE;
use crm_core::loyalty::ledger::{Account, AccountId, Entry, EntryKind, Lot, LotId, entry, lot};
use crm_core::loyalty::statements::{Buckets, Known, Liability, Settlement, outstanding, settled};
use crm_core::partners::{CustomerGroup, CustomerGroupId, Membership, membership};
use crm_core::work::{Filter, Permit};
use crm_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::Club;
use crate::ledger::lapsing;

/// Permission to see what the club owes, and what branches owe each other.
pub const REPORT: &str = "loyalty.reports.read";

/// How many accounts are looked at together: what is in memory at once is theirs.
const AT_ONCE: u32 = 100;

/// What the club owes: at which instant, told apart how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiabilityQuery {
    /// At which instant, and as it was known when (S-48).
    pub at: Known,
    /// Between which limits expiries are told apart.
    #[serde(default)]
    pub buckets: Buckets,
}

/// What was spent in a period, by where it had been given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettlementQuery {
    /// The first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub until: Timestamp,
    /// What had been written down by then (S-48).
    pub known_at: Timestamp,
}

impl Club<'_, '_> {
    /// What is outstanding at any instant, past ones too, as it was known at any other: by asset, group, branch where it
    /// was given, and expiry (S-42). Groups are those of today. Entries are read account by account, so that memory stays
    /// bounded; read it with [`Crm::read`](crm_core::Crm::read).
    ///
    /// ```
    /// # use crm_core::access::Actor;
    /// # use crm_core::customers::NewCustomer;
    /// # use crm_core::loyalty::Asset;
    /// # use crm_core::{Crm, MemoryStorage, Result};
    /// # use crm_loyalty::{Loyalty, WorkLoyalty as _};
    /// # fn main() -> Result<()> {
    /// # let crm = Crm::builder(MemoryStorage::new()).module(Loyalty::new()).build_blocking()?;
    /// # crm.blocking().run(&Actor::system(), "shop", |work| {
    /// # let ala = work.customers().create(NewCustomer::person("Ala"))?.id;
    /// use crm_core::loyalty::statements::{Buckets, Known};
    /// use crm_loyalty::statements::LiabilityQuery;
    /// work.loyalty().adjust(ala.into(), Asset::Points, 300, "bought before there was a club", "1")?;
    /// let now = LiabilityQuery { at: Known::at(work.now()), buckets: Buckets::default() };
    /// assert_eq!(work.loyalty().liability(&now)?.total(Asset::Points), 300);
    /// # Ok::<_, crm_core::Error>(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Denied`] without [`REPORT`] for all records.
    pub fn liability(&mut self, query: &LiabilityQuery) -> Result<Liability> {
        let mut work = self.0.permit(REPORT, &Target::ANY)?;
        let ranks = ranks(&mut work)?;
        let mut liability = Liability::default();
        each_chunk(&mut work, |work, accounts| {
            let ids: Vec<AccountId> = accounts.iter().map(|account| account.id).collect();
            let groups = groups_of(work, accounts, &ranks, query.at.as_at)?;
            let fallen_due = entry::kind.is_in(FALLS_DUE).and(entry::occurred_at.le(query.at.known_at));
            let known = entry::recorded_at.le(query.at.known_at).or(fallen_due);
            let known = entry::occurred_at.le(query.at.as_at).and(known);
            let mut entries = by_account(work, &ids, known)?;
            let mut lots = lots_of(work, &ids)?;
            let lapsing = lapsing(work, accounts)?;
            for account in accounts {
                let entries = entries.remove(&account.id).unwrap_or_default();
                let lots = lots.remove(&account.id).unwrap_or_default();
                let due = lapsing.get(&account.id).map_or(&[][..], |settled| &settled.due);
                let left = outstanding(&entries, due, &lots, &query.at)?;
                let group = account.customer_id.and_then(|customer| groups.get(&customer).copied());
                liability.add(&left, &lots, group, &query.buckets)?;
            }
            Ok(())
        })?;
        Ok(liability)
    }

    /// What was spent in a period, by the branch that had given it and the branch where it was spent, less what was given
    /// back: what branches owe each other (N-24). Memory stays bounded.
    ///
    /// ```
    /// # use crm_core::access::Actor;
    /// # use crm_core::branches::NewBranch;
    /// # use crm_core::catalog::NewProduct;
    /// # use crm_core::customers::NewCustomer;
    /// # use crm_core::kernel::money::Money;
    /// # use crm_core::kernel::rate::Rate;
    /// # use crm_core::kernel::time::Zone;
    /// # use crm_core::loyalty::Asset;
    /// # use crm_core::loyalty::earning::{Earn, EarnRule};
    /// # use crm_core::loyalty::programme::Programme;
    /// # use crm_core::purchases::{NewLine, NewPurchase, NewTender};
    /// # use crm_core::{Crm, MemoryStorage, Result};
    /// # use crm_loyalty::programme::NewVersion;
    /// # use crm_loyalty::{Loyalty, WorkLoyalty as _};
    /// # fn main() -> Result<()> {
    /// # let crm = Crm::builder(MemoryStorage::new()).module(Loyalty::new()).build_blocking()?;
    /// # crm.blocking().run(&Actor::system(), "shop", |work| {
    /// # let branch = work.branches().create(NewBranch::named("Rynek", "Europe/Warsaw", "PLN"))?;
    /// # let zloty = |zloty: i64| Money::new(zloty * 100, branch.currency);
    /// # let credit = Asset::Credit(branch.currency);
    /// # let tea = work.catalog().create_product(NewProduct::service("tea", "Tea", zloty(10)))?.id;
    /// # let ala = work.customers().create(NewCustomer::person("Ala"))?.id;
    /// # let mut programme = Programme::new("Club", Zone::new("Europe/Warsaw")?);
    /// # programme.earning.rules = vec![EarnRule::new("five", credit, Earn::Percent(Rate::percent(5)))];
    /// # work.loyalty().save_programme(NewVersion::now(programme.clone()))?;
    /// # let sale = |receipt: &str, pieces, tender| NewPurchase::of(branch.id, receipt, [NewLine::of(tea, pieces)], [tender]).by(ala);
    /// use std::time::Duration;
    /// use crm_loyalty::statements::SettlementQuery;
    /// // Earned in one branch, and spent in another.
    /// work.purchases().record(&sale("1", 10, NewTender::cash_rest()), "1")?;
    /// let other = work.branches().create(NewBranch::named("Kazimierz", "Europe/Warsaw", "PLN"))?.id;
    /// let tenders = [crm_loyalty::redemption::credit(zloty(3)), NewTender::cash_rest()];
    /// let new = NewPurchase::of(other, "1", [NewLine::of(tea, 1)], tenders).by(ala);
    /// work.purchases().record(&new, "2")?;
    /// let (from, until) = (work.now(), work.now().checked_add(Duration::from_secs(1))?);
    /// let settlement = work.loyalty().settlement(&SettlementQuery { from, until, known_at: until })?;
    /// assert_eq!(settlement.net(branch.id, credit), -300, "it owes the other what was spent there");
    /// # Ok::<_, crm_core::Error>(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    /// `statement.period` when it ends before it begins; [`Error::Denied`] without [`REPORT`] for all records.
    pub fn settlement(&mut self, query: &SettlementQuery) -> Result<Settlement> {
        if query.until < query.from {
            return Err(Error::invalid("until", "statement.period"));
        }
        let mut work = self.0.permit(REPORT, &Target::ANY)?;
        let mut settlement = Settlement::default();
        each_chunk(&mut work, |work, accounts| {
            let ids: Vec<AccountId> = accounts.iter().map(|account| account.id).collect();
            let spent = entry::kind
                .is_in([EntryKind::Redeem, EntryKind::Capture, EntryKind::Restore])
                .and(entry::occurred_at.ge(query.from))
                .and(entry::occurred_at.lt(query.until))
                .and(entry::recorded_at.le(query.known_at));
            let entries = by_account(work, &ids, spent)?;
            let touched: Vec<AccountId> = entries.keys().copied().collect();
            let lots = lots_of(work, &touched)?;
            for (account, entries) in entries {
                let Some(lots) = lots.get(&account) else { continue };
                for entry in entries {
                    settled(&mut settlement, &entry, lots)?;
                }
            }
            Ok(())
        })?;
        Ok(settlement)
    }
}

/// Looks at all accounts, some at a time.
fn each_chunk(
    work: &mut Permit<'_, '_>,
    mut each: impl FnMut(&mut Permit<'_, '_>, &[Account]) -> Result<()>,
) -> Result<()> {
    let mut after: Option<Cursor> = None;
    loop {
        let page = work.select(Filter::<Account>::all()).page(Limit::new(AT_ONCE)?, after.as_ref())?;
        each(work, &page.items)?;
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

fn by_account(
    work: &mut Permit<'_, '_>,
    accounts: &[AccountId],
    filter: Filter<Entry>,
) -> Result<BTreeMap<AccountId, Vec<Entry>>> {
    let mut entries = BTreeMap::<AccountId, Vec<Entry>>::new();
    let of_these = entry::account_id.is_in(accounts.iter().copied()).and(filter);
    work.select(of_these).for_each(|entry| {
        entries.entry(entry.account_id).or_default().push(entry);
        Ok(())
    })?;
    Ok(entries)
}

fn lots_of(work: &mut Permit<'_, '_>, accounts: &[AccountId]) -> Result<BTreeMap<AccountId, BTreeMap<LotId, Lot>>> {
    let mut lots = BTreeMap::<AccountId, BTreeMap<LotId, Lot>>::new();
    if accounts.is_empty() {
        return Ok(lots);
    }
    work.select::<Lot>(lot::account_id.is_in(accounts.iter().copied())).for_each(|lot| {
        lots.entry(lot.account_id).or_default().insert(lot.id, lot);
        Ok(())
    })?;
    Ok(lots)
}

/// All groups of customers, by how they rank: the higher priority first. There are few.
fn ranks(work: &mut Permit<'_, '_>) -> Result<BTreeMap<CustomerGroupId, (std::cmp::Reverse<i32>, CustomerGroupId)>> {
    let groups = work.select(Filter::<CustomerGroup>::all()).all()?;
    Ok(groups.into_iter().map(|group| (group.id, (std::cmp::Reverse(group.priority), group.id))).collect())
}

/// The group of each member that ranks first, of those they belonged to by an instant.
fn groups_of(
    work: &mut Permit<'_, '_>,
    accounts: &[Account],
    ranks: &BTreeMap<CustomerGroupId, (std::cmp::Reverse<i32>, CustomerGroupId)>,
    at: Timestamp,
) -> Result<BTreeMap<CustomerId, CustomerGroupId>> {
    let customers: Vec<CustomerId> = accounts.iter().filter_map(|account| account.customer_id).collect();
    let mut first = BTreeMap::<CustomerId, CustomerGroupId>::new();
    if ranks.is_empty() || customers.is_empty() {
        return Ok(first);
    }
    let joined = membership::customer_id.is_in(customers).and(membership::since.le(at));
    for member in work.select::<Membership>(joined).all()? {
        let best = first.entry(member.customer_id).or_insert(member.group_id);
        if ranks.get(&member.group_id) < ranks.get(best) {
            *best = member.group_id;
        }
    }
    Ok(first)
}
