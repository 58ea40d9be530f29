//! Loyal customers by recency, frequency and money (C89), of what qualifies: streamed in the order of accounts, so that
//! nothing is kept for it and no purchase writes a row more.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crm_core::kernel::page::{Cursor, CursorValue, Limit, Page};
use crm_core::kernel::time::CivilDate;
use crm_core::loyalty::ledger::{Account, AccountId, AccountKind};
use crm_core::loyalty::loyal::{Bounds, Figures, Scores, Spread};
use crm_core::loyalty::tiers::{QualifyingDay, qualifying_day};
use crm_core::reexport::Uuid;
use crm_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::Club;

/// Permission to see which customers are loyal.
pub const READ: &str = "loyalty.loyal.read";

/// The most pages of days that one page of the list looks at, so that a list of the few best answers in time.
const MAX_PAGES: usize = 50;

/// Who is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoyalQuery {
    /// The first business day that counts.
    pub from: CivilDate,
    /// The last one: recency is counted back from it.
    pub through: CivilDate,
    /// Where scores begin.
    pub bounds: Bounds,
    /// The least scores that are wanted.
    pub at_least: Scores,
}

/// A member with figures and scores.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoyalCustomer {
    /// The account.
    pub account: AccountId,
    /// The customer.
    pub customer: Option<crm_core::customers::CustomerId>,
    /// What they have bought.
    pub figures: Figures,
    /// The scores.
    pub scores: Scores,
}

impl Club<'_, '_> {
    /// The members within reach who have at least these scores, in the order of their accounts. A page may have fewer than
    /// asked for, and still a next one: it looks at a bounded number of days.
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
    /// # use crm_core::loyalty::tiers::{Need, TierLadder, TierTerms, Window};
    /// # use crm_core::pricing::TierId;
    /// # use crm_core::purchases::{NewLine, NewPurchase, NewTender};
    /// # use crm_core::reexport::Uuid;
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
    /// # let silver = TierId::from(Uuid::from_u128(1));
    /// # let step = TierTerms::new(silver, "silver", Need::amount(10_000));
    /// # programme.tiers = vec![TierLadder::new(Uuid::from_u128(2).into(), "Club", Window::Lifetime, [step])];
    /// # let ladder = programme.tiers[0].id;
    /// # work.loyalty().save_programme(NewVersion::now(programme.clone()))?;
    /// # let sale = |receipt: &str, pieces, tender| NewPurchase::of(branch.id, receipt, [NewLine::of(tea, pieces)], [tender]).by(ala);
    /// # work.purchases().record(&sale("1", 10, NewTender::cash_rest()), "1")?;
    /// use crm_core::kernel::page::Limit;
    /// use crm_core::loyalty::loyal::Scores;
    /// use crm_loyalty::loyal::LoyalQuery;
    /// let (through, _) = Zone::new("Europe/Warsaw")?.local(work.now());
    /// let from = through.add_days(-365)?;
    /// let (bounds, members) = work.loyalty().loyal_bounds(from, through, 5)?;
    /// assert_eq!(members, 1);
    /// let query = LoyalQuery { from, through, bounds, at_least: Scores::LOWEST };
    /// let loyal = work.loyalty().loyal_customers(&query, Limit::new(10)?, None)?.items;
    /// assert_eq!((loyal[0].customer, loyal[0].figures.amount_minor), (Some(ala), 10_000));
    /// # Ok::<_, crm_core::Error>(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`]; [`Error::Invalid`] with `loyal.bounds`, or for a cursor of another list.
    pub fn loyal_customers(
        &mut self,
        query: &LoyalQuery,
        limit: Limit,
        after: Option<&Cursor>,
    ) -> Result<Page<LoyalCustomer>> {
        query.bounds.check()?;
        let after = after.map(account_of).transpose()?;
        let mut items = Vec::new();
        let last = self.each_member(query.from, query.through, after, MAX_PAGES, |account, figures| {
            let scores = query.bounds.scores(figures, query.through);
            if scores.reach(query.at_least) {
                let (account, customer) = (account.id, account.customer_id);
                items.push(LoyalCustomer { account, customer, figures: *figures, scores });
            }
            if items.len() < limit.get() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(Page { items, next: last.map(cursor_of).transpose()? })
    }

    /// The bounds with which each of so many scores, 2 to 10, has about as many of the members within reach who have bought
    /// in this time; and how many those are. Reads everything once, in memory that does not grow.
    ///
    /// There is an example at [`loyal_customers`](Self::loyal_customers).
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn loyal_bounds(&mut self, from: CivilDate, through: CivilDate, scores: u8) -> Result<(Bounds, u64)> {
        let mut spread = Spread::new(through);
        self.each_member(from, through, None, usize::MAX, |_, figures| {
            spread.add(figures);
            ControlFlow::Continue(())
        })?;
        Ok((spread.bounds(scores), spread.members()))
    }

    /// Hands over every member within reach who has bought in this time, in the order of accounts, until it is enough. Says
    /// after whom to go on, unless everybody was there.
    fn each_member(
        &mut self,
        from: CivilDate,
        through: CivilDate,
        after: Option<AccountId>,
        pages: usize,
        mut each: impl FnMut(&Account, &Figures) -> ControlFlow<()>,
    ) -> Result<Option<AccountId>> {
        let mut within = qualifying_day::business_date.ge(from).and(qualifying_day::business_date.le(through));
        if let Some(after) = after {
            within = within.and(qualifying_day::account_id.gt(after));
        }
        let mut cursor: Option<Cursor> = None;
        // Whose days come now: an account may go on on the next page. Nobody out of reach.
        let mut now: Option<(AccountId, Option<Account>, Figures)> = None;
        let mut looked_at = 0;
        loop {
            let days = RefCell::new(Vec::<QualifyingDay>::new());
            let page = self.0.within(READ)?.led_to::<QualifyingDay, Account>(
                within.clone(),
                Limit::MAX,
                cursor.as_ref(),
                |day| {
                    let account = day.account_id;
                    days.borrow_mut().push(day);
                    Some(account)
                },
            )?;
            let members = page.items.into_iter().filter(is_member).map(|account| (account.id, account));
            let mut members: BTreeMap<AccountId, Account> = members.collect();
            for day in days.into_inner() {
                if now.as_ref().is_none_or(|(of, ..)| *of != day.account_id) {
                    if let Some((of, account, figures)) = now.take()
                        && hand_over(account.as_ref(), &figures, &mut each).is_break()
                    {
                        return Ok(Some(of));
                    }
                    now = Some((day.account_id, members.remove(&day.account_id), Figures::default()));
                }
                if let Some((_, _, figures)) = &mut now {
                    figures.add(day.business_date, day.sums());
                }
            }
            cursor = page.next;
            looked_at += 1;
            if cursor.is_none() {
                break;
            }
            if looked_at >= pages {
                // The account that comes now is not complete: it comes again.
                return Ok(now.map(|(of, ..)| before(of)));
            }
        }
        if let Some((_, account, figures)) = now {
            // Whether it is enough or not: there is nobody after this one.
            let _ = hand_over(account.as_ref(), &figures, &mut each);
        }
        Ok(None)
    }
}

fn hand_over(
    account: Option<&Account>,
    figures: &Figures,
    each: &mut impl FnMut(&Account, &Figures) -> ControlFlow<()>,
) -> ControlFlow<()> {
    match account {
        Some(account) if !figures.is_nothing() => each(account, figures),
        _ => ControlFlow::Continue(()),
    }
}

/// Whoever was merged into somebody else counts there.
fn is_member(account: &Account) -> bool {
    account.kind == AccountKind::Member && account.merged_into.is_none()
}

/// The id just before this one.
fn before(account: AccountId) -> AccountId {
    Uuid::from_u128(Uuid::from(account).as_u128().saturating_sub(1)).into()
}

fn cursor_of(account: AccountId) -> Result<Cursor> {
    Cursor::new(vec![CursorValue::Bytes(Uuid::from(account).as_bytes().to_vec())])
}

fn account_of(cursor: &Cursor) -> Result<AccountId> {
    let alien = || Error::invalid("cursor", "page.cursor");
    match cursor.values() {
        [CursorValue::Bytes(bytes)] => Uuid::from_slice(bytes).map(AccountId::from).map_err(|_| alien()),
        _ => Err(alien()),
    }
}
