//! What another programme would have given for what was bought (N-4). Nothing is written.

use std::collections::BTreeMap;
use std::sync::Arc;

use crm_core::access::Target;
use crm_core::branches::BranchId;
use crm_core::customers::CustomerId;
use crm_core::journal::JournalQuery;
use crm_core::journal::{JournalEntry, journal_entry};
use crm_core::kernel::currency::Currency;
use crm_core::kernel::page::{Cursor, Limit};
use crm_core::kernel::time::Timestamp;
use crm_core::loyalty::Asset;
use crm_core::loyalty::earning::{
    Basis, CounterKey, Counters, EarnWhen, Earned, Occasion, Paid, Plan, PurchaseSheet, Sheet, base_lines,
};
use crm_core::loyalty::ledger::{Account, AccountKind, account};
use crm_core::loyalty::programme::{Compiled, Programme, ProgrammeVersion};
use crm_core::partners::{CustomerGroupId, Membership};
use crm_core::pricing::TierId;
use crm_core::purchases::event::PURCHASE_RECORDED;
use crm_core::purchases::{Purchase, PurchaseId, PurchaseLine, Tender, purchase_line, tender};
use crm_core::work::{Json, Permit};
use crm_core::{Error, Result};

use crate::Club;
use crate::programme;

/// Permission to ask what another programme would have given.
pub const WHAT_IF: &str = "loyalty.what_if";

/// Another programme, and the purchases to ask it about: those that happened in this time.
#[derive(Debug, Clone)]
pub struct WhatIf {
    /// The programme.
    pub programme: Programme,
    /// Purchases from this instant on.
    pub from: Option<Timestamp>,
    /// Purchases before this instant.
    pub until: Option<Timestamp>,
}

/// What was given, and what would have been, in smallest units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Difference {
    /// What stands on accounts for these purchases, after returns and as far as they are paid.
    pub recorded: i64,
    /// What would.
    pub replayed: i64,
}

impl Difference {
    /// How much more would have been given.
    pub fn more(&self) -> i64 {
        self.replayed.saturating_sub(self.recorded)
    }

    fn add(&mut self, other: Self) {
        self.recorded = self.recorded.saturating_add(other.recorded);
        self.replayed = self.replayed.saturating_add(other.replayed);
    }
}

/// The difference for one member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberDifference {
    /// Who.
    pub customer: CustomerId,
    /// By asset; those that are the same are left out.
    pub assets: BTreeMap<Asset, Difference>,
}

/// The difference in all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Members asked about.
    pub members: u64,
    /// Members for whom something differs.
    pub changed: u64,
    /// Purchases replayed.
    pub purchases: u64,
    /// By asset.
    pub assets: BTreeMap<Asset, Difference>,
    /// By the branch of the purchase.
    pub branches: BTreeMap<(BranchId, Asset), Difference>,
    /// By the tiers that members had.
    pub tiers: BTreeMap<(TierId, Asset), Difference>,
    /// By the groups that members were in, as far as either programme asks for them.
    pub groups: BTreeMap<(CustomerGroupId, Asset), Difference>,
    /// What the club would owe at most, in minor units: credit, and points at what each programme says they are worth.
    pub liability: BTreeMap<Currency, Difference>,
    /// The parts of the programme that differ from the one in force and are not replayed: what they would change is not in
    /// the figures.
    pub not_replayed: Vec<&'static str>,
}

impl Club<'_, '_> {
    /// Replays another programme over the purchases that earned by one, without writing (N-4). `each` is called for every
    /// member for whom something differs; memory stays bounded by the purchases of a page.
    ///
    /// Members had the tiers they had, and goods the categories they have today. What a changed part that is not replayed would
    /// change is not told, but that there is one: [`Report::not_replayed`]. Everybody's budgets are used in the order of members here, and of time there; what
    /// counters said then is known, so only what differs is counted anew. An unchanged programme differs in nothing
    /// (T-21).
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
    /// # work.purchases().record(&sale("1", 4, NewTender::cash_rest()), "1")?;
    /// use crm_loyalty::earning::WhatIf;
    /// programme.earning.rules[0].earn = Earn::Percent(Rate::percent(6));
    /// let asked = WhatIf { programme, from: None, until: None };
    /// let mut told = Vec::new();
    /// let report = work.loyalty().what_if(&asked, |member| {
    ///     told.push(member.customer);
    ///     Ok(())
    /// })?;
    /// assert_eq!((report.assets[&credit].recorded, report.assets[&credit].more()), (200, 40));
    /// assert_eq!(told, [ala]);
    /// # Ok::<_, crm_core::Error>(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    /// The code of the first finding that would keep the programme from being saved; the first error of `each`.
    pub fn what_if(&mut self, asked: &WhatIf, mut each: impl FnMut(MemberDifference) -> Result<()>) -> Result<Report> {
        let mut work = self.0.permit(WHAT_IF, &Target::ANY)?;
        let tree = Arc::new(programme::tree(&mut work)?);
        let findings = crm_core::loyalty::programme::check(&asked.programme, &tree);
        if let Some(fault) = findings.into_iter().find(|finding| finding.error) {
            return Err(Error::invalid(fault.place, fault.code));
        }
        let version = ProgrammeVersion {
            number: u32::MAX,
            effective_from: Timestamp::MIN,
            effective_until: None,
            saved_at: work.now(),
            terms: Json(asked.programme.clone()),
        };
        let compiled = Compiled::new(version, tree);
        let mut replay = Replay { asked, compiled, everybody: Counters::new(), report: Report::default() };
        let mut after: Option<Cursor> = None;
        loop {
            let members = account::kind.eq(AccountKind::Member);
            let page = work.select::<Account>(members).page(Limit::MAX, after.as_ref())?;
            for member in page.items {
                if let Some(customer) = member.customer_id {
                    replay.member(&mut work, customer, &mut each)?;
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let now = work.now();
        let current = programme::current(&mut work, now)?;
        let current = current.as_deref().map(|current| &current.programme);
        replay.worth(current)?;
        replay.report.not_replayed = current.map_or_else(Vec::new, |current| not_replayed(current, &asked.programme));
        Ok(replay.report)
    }
}

/// The parts that differ and have nothing to do with what purchases earn by the tiers and the times they had.
fn not_replayed(current: &Programme, asked: &Programme) -> Vec<&'static str> {
    let (now, then) = (&current.earning, &asked.earning);
    let parts = [
        ("currency", current.currency != asked.currency),
        ("tiers", current.tiers != asked.tiers),
        ("earning.at_threshold", now.at_threshold != then.at_threshold),
        ("earning.when", now.when != then.when),
        ("redemption", current.redemption != asked.redemption),
        ("referral", current.referral != asked.referral),
        ("anniversaries", current.anniversaries != asked.anniversaries),
    ];
    parts.into_iter().filter(|(_, differs)| *differs).map(|(part, _)| part).collect()
}

struct Replay<'a> {
    asked: &'a WhatIf,
    compiled: Compiled,
    /// How much further everybody's counters would be.
    everybody: Counters,
    report: Report,
}

/// A purchase as it was recorded.
struct Recorded {
    purchase: Purchase,
    sheet: Sheet,
    number: u32,
    lines: Vec<PurchaseLine>,
    tenders: Vec<Tender>,
}

impl Replay<'_> {
    fn member(
        &mut self,
        work: &mut Permit<'_, '_>,
        customer: CustomerId,
        each: &mut impl FnMut(MemberDifference) -> Result<()>,
    ) -> Result<()> {
        let query = JournalQuery {
            customer: Some(customer),
            kinds: vec![PURCHASE_RECORDED.to_owned()],
            from: self.asked.from,
            until: self.asked.until,
            known_at: None,
        };
        let mut differs = BTreeMap::<Asset, Difference>::new();
        let (mut own, mut after) = (Counters::new(), None);
        loop {
            let told = work.select::<JournalEntry>(query.filter()).order_by(journal_entry::occurred_at);
            let page = told.page(Limit::MAX, after.as_ref())?;
            let ids: Vec<PurchaseId> =
                page.items.iter().filter_map(|entry| entry.reference_id.map(PurchaseId::from)).collect();
            for recorded in recorded(work, &ids)? {
                self.purchase(work, customer, &recorded, &mut own, &mut differs)?;
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        self.report.members += 1;
        differs.retain(|_, difference| difference.more() != 0);
        if !differs.is_empty() {
            self.report.changed += 1;
            each(MemberDifference { customer, assets: differs })?;
        }
        Ok(())
    }

    fn purchase(
        &mut self,
        work: &mut Permit<'_, '_>,
        customer: CustomerId,
        recorded: &Recorded,
        own: &mut Counters,
        differs: &mut BTreeMap<Asset, Difference>,
    ) -> Result<()> {
        let old = programme::numbered(work, recorded.number)?;
        let mut snapshot = recorded.sheet.snapshot.clone();
        // Of groups that nobody asked for then it is known who is in them now, and since when.
        let unknown: Vec<_> = self.compiled.groups.iter().filter(|group| !old.groups.contains(group)).collect();
        let unknown: Vec<_> = unknown.into_iter().map(|group| (customer, *group)).collect();
        let found = work.get_many::<Membership>(&unknown)?.into_iter().flatten();
        let found = found.filter(|member| member.since <= recorded.purchase.occurred_at);
        snapshot.customer_groups.extend(found.map(|member| member.group_id));

        let was = earn(&old, customer, recorded, &recorded.sheet.snapshot, |_| 0)?;
        let further =
            |key: &CounterKey| if key.own { own.get(key) } else { self.everybody.get(key) }.copied().unwrap_or(0);
        let is = earn(&self.compiled, customer, recorded, &snapshot, further)?;
        for (moves, sign) in [(&is.1.moves, 1), (&was.1.moves, -1)] {
            for (key, amount) in moves {
                let counters = if key.own { &mut *own } else { &mut self.everybody };
                let sum = counters.entry(key.clone()).or_default();
                *sum = sum.saturating_add(amount.saturating_mul(sign));
            }
        }
        own.retain(|_, further| *further != 0);
        self.everybody.retain(|_, further| *further != 0);

        // What returns have changed of what is counted is taken as it was.
        let mut would: BTreeMap<Asset, i64> = counted(&is.1);
        for (asset, amount) in counted(&was.1) {
            let sum = would.entry(asset).or_default();
            *sum = sum.saturating_sub(amount);
        }
        for one in &recorded.sheet.counted {
            let sum = would.entry(one.asset).or_default();
            *sum = sum.saturating_add(one.posted);
        }
        let terms = &self.compiled.programme.earning;
        let mut sheet = Sheet::new(snapshot, &is.0, is.1, terms, recorded.sheet.paid);
        if leaves(&self.compiled, recorded) {
            sheet = sheet.to_ship();
            sheet.left(recorded.sheet.lines.iter().map(|line| (line.line_no, line.shipped.unwrap_or(0))));
        }
        sheet.came_back(recorded.sheet.lines.iter().map(|line| (line.line_no, line.returned)));
        for (portion, target) in sheet.portions.iter().zip(sheet.targets()?) {
            let sum = would.entry(portion.asset).or_default();
            *sum = sum.saturating_add(target);
        }
        for asset in recorded.sheet.assets() {
            would.entry(asset).or_default();
        }
        for (asset, replayed) in would {
            let difference = Difference { recorded: recorded.sheet.posted(asset), replayed };
            differs.entry(asset).or_default().add(difference);
            self.note(recorded.purchase.branch_id, &sheet, asset, difference);
        }
        self.report.purchases += 1;
        Ok(())
    }

    fn note(&mut self, branch: BranchId, sheet: &Sheet, asset: Asset, difference: Difference) {
        let report = &mut self.report;
        report.assets.entry(asset).or_default().add(difference);
        report.branches.entry((branch, asset)).or_default().add(difference);
        for tier in &sheet.snapshot.tiers {
            report.tiers.entry((*tier, asset)).or_default().add(difference);
        }
        for group in &sheet.snapshot.customer_groups {
            report.groups.entry((*group, asset)).or_default().add(difference);
        }
    }

    /// What is owed, by the programme of today and by the other one.
    fn worth(&mut self, current: Option<&Programme>) -> Result<()> {
        let worth = |programme: Option<&Programme>, points: i64, currency: Currency| match programme {
            Some(programme) if programme.point_value(currency).is_ok() => {
                programme.worth_of(points, currency).map(|worth| worth.minor())
            }
            _ => Ok(0),
        };
        for (asset, difference) in self.report.assets.clone() {
            if let Some(currency) = asset.currency() {
                self.report.liability.entry(currency).or_default().add(difference);
                continue;
            }
            let asked = Some(&self.asked.programme);
            let values = [current, asked].into_iter().flatten().flat_map(|programme| &programme.point_values);
            let mut currencies: Vec<_> = values.map(|value| value.currency).collect();
            currencies.sort_unstable();
            currencies.dedup();
            for currency in currencies {
                let recorded = worth(current, difference.recorded, currency)?;
                let replayed = worth(asked, difference.replayed, currency)?;
                self.report.liability.entry(currency).or_default().add(Difference { recorded, replayed });
            }
        }
        Ok(())
    }
}

/// Whether a purchase earns by a programme as its goods leave. Of those that did not then it is not known when they left.
fn leaves(programme: &Compiled, recorded: &Recorded) -> bool {
    programme.programme.earning.when == EarnWhen::Fulfilled && recorded.sheet.is_shipped()
}

/// What a purchase earns by a programme, with the counters as they were then, and further.
fn earn(
    programme: &Compiled,
    customer: CustomerId,
    recorded: &Recorded,
    snapshot: &crm_core::loyalty::earning::Snapshot,
    further: impl Fn(&CounterKey) -> i64,
) -> Result<(Vec<crm_core::loyalty::earning::BaseLine>, Earned)> {
    let Recorded { purchase, sheet, lines, tenders, .. } = recorded;
    let lines = base_lines(lines, tenders, &programme.programme, &programme.tree);
    let occasion =
        Occasion { branch: purchase.branch_id, customer, currency: purchase.currency, snapshot, lines: &lines };
    let later = tenders.iter().filter(|tender| tender.paid_later).map(|tender| tender.amount_minor);
    let due = purchase.total_minor;
    let paid = Paid { cleared: due.saturating_sub(later.fold(0, i64::saturating_add)), due };
    let paid = if leaves(programme, recorded) { Paid::NOTHING } else { paid };
    let plan = Plan::new(programme, occasion);
    let then: Counters = sheet.counters.iter().cloned().collect();
    let at = |key: CounterKey| {
        let at = then.get(&key).copied().unwrap_or(0).saturating_add(further(&key));
        (key, at)
    };
    let counters = plan.counters()?.into_iter().map(at).collect();
    let earned = plan.earn(&counters, paid)?;
    Ok((lines, earned))
}

/// What counters have brought, by asset.
fn counted(earned: &Earned) -> BTreeMap<Asset, i64> {
    let mut sums = BTreeMap::<Asset, i64>::new();
    for one in earned.contributions.iter().filter(|one| one.basis == Basis::Counted) {
        let sum = sums.entry(one.asset).or_default();
        *sum = sum.saturating_add(one.amount);
    }
    sums
}

/// Purchases that have a sheet, in the order of the ids.
fn recorded(work: &mut Permit<'_, '_>, ids: &[PurchaseId]) -> Result<Vec<Recorded>> {
    // Nothing was earned with what is only here for the record.
    let sheets: Vec<PurchaseSheet> = work.get_many(ids)?.into_iter().flatten().collect();
    let ids: Vec<_> = sheets.iter().map(|sheet| sheet.purchase_id).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let purchases = work.get_many::<Purchase>(&ids)?;
    let mut lines = BTreeMap::<PurchaseId, Vec<PurchaseLine>>::new();
    for line in work.select(purchase_line::purchase_id.is_in(ids.iter().copied())).all()? {
        lines.entry(line.purchase_id).or_default().push(line);
    }
    let mut tenders = BTreeMap::<PurchaseId, Vec<Tender>>::new();
    for tender in work.select(tender::purchase_id.is_in(ids.iter().copied())).all()? {
        tenders.entry(tender.purchase_id).or_default().push(tender);
    }
    let recorded = sheets.into_iter().zip(purchases).filter_map(|(sheet, purchase)| {
        Some(Recorded {
            purchase: purchase.filter(|purchase| !purchase.history_only)?,
            lines: lines.remove(&sheet.purchase_id).unwrap_or_default(),
            tenders: tenders.remove(&sheet.purchase_id).unwrap_or_default(),
            number: sheet.programme,
            sheet: sheet.document.0,
        })
    });
    Ok(recorded.collect())
}
