//! What expires soon: as a list, and as messages (S-41).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crm_core::Result;
use crm_core::access::Target;
use crm_core::kernel::page::{Cursor, Limit};
use crm_core::kernel::time::Timestamp;
use crm_core::loyalty::ledger::{Account, AccountId, Lot, LotId, account, lot};
use crm_core::loyalty::programme::Dates;
use crm_core::loyalty::statements::{Expiring, Reminded, ReminderTerms, reminded, reminders, upcoming};
use crm_core::work::Permit;
use serde::{Deserialize, Serialize};

use super::READ;
use crate::ledger::{lapsing, open_lots};
use crate::members::dates;
use crate::notice::{Notice, notify};
use crate::{Club, programme};

/// Permission to remind members of what expires: for jobs.
pub const REMIND: &str = "loyalty.remind";

const DAY: Duration = Duration::from_secs(24 * 3600);

/// What a run has done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemindProgress {
    /// How many accounts it has looked at.
    pub accounts: usize,
    /// How many messages it has written.
    pub messages: usize,
    /// Where to go on; nothing when all accounts were looked at.
    pub next: Option<String>,
}

impl Club<'_, '_> {
    /// What of an account expires until an instant: a list of dates and amounts, soonest first, what is set aside not
    /// counted (S-41). Pending ones too. Of an account that was merged into another, what of that one does (S-44).
    ///
    /// There is an example at [`remind`](Self::remind).
    ///
    /// # Errors
    /// [`NotFound`](crm_core::Error::NotFound) for an account out of reach.
    pub fn upcoming_expiry(&mut self, account: AccountId, until: Timestamp) -> Result<Vec<Expiring>> {
        let (mut work, account) = self.on_account(READ, account)?;
        let dates = dates(&mut work)?;
        let lots = open_lots(&mut work, &account)?;
        Ok(upcoming(&lots, &dates.day, work.now(), until))
    }

    /// Reminds the members of the next accounts of what expires: one message for all lots of one day, once for each lot
    /// and threshold (S-41). Run it until there is no `next`; late, twice or by several at once has the same result.
    ///
    /// ```
    /// # use crm_core::access::Actor;
    /// # use crm_core::branches::NewBranch;
    /// # use crm_core::customers::NewCustomer;
    /// # use crm_core::kernel::calendar::Span;
    /// # use crm_core::kernel::time::Zone;
    /// # use crm_core::loyalty::Asset;
    /// # use crm_core::loyalty::programme::Programme;
    /// # use crm_core::loyalty::programme::Validity;
    /// # use crm_core::{Crm, MemoryStorage, Result};
    /// # use crm_loyalty::bonus::NewBonus;
    /// # use crm_loyalty::programme::NewVersion;
    /// # use crm_loyalty::{Loyalty, WorkLoyalty as _};
    /// # fn main() -> Result<()> {
    /// # let crm = Crm::builder(MemoryStorage::new()).module(Loyalty::new()).build_blocking()?;
    /// # crm.blocking().run(&Actor::system(), "shop", |work| {
    /// # let branch = work.branches().create(NewBranch::named("Rynek", "Europe/Warsaw", "PLN"))?;
    /// # let ala = work.customers().create(NewCustomer::person("Ala"))?.id;
    /// # let mut programme = Programme::new("Club", Zone::new("Europe/Warsaw")?);
    /// # programme.reminders.days_before = [7, 30].into();
    /// # work.loyalty().save_programme(NewVersion::now(programme.clone()))?;
    /// # let (customer, asset, validity) = (ala, Asset::Points, Validity::For(Span::Days(7)));
    /// # let new = NewBonus { customer, branch: branch.id, asset, amount: 50, validity, reason: "a late delivery".into() };
    /// # work.loyalty().give_bonus(&new, "bonus 1")?;
    /// use std::time::Duration;
    /// use crm_core::kernel::page::Limit;
    /// // What was given today is good for a week.
    /// let month = work.now().checked_add(Duration::from_secs(30 * 24 * 3600))?;
    /// assert_eq!(work.loyalty().upcoming_expiry(ala.into(), month)?[0].amount, 50);
    /// let progress = work.loyalty().remind(Limit::new(100)?, None)?;
    /// assert_eq!((progress.messages, progress.next), (1, None));
    /// assert_eq!(work.loyalty().remind(Limit::new(100)?, None)?.messages, 0, "once");
    /// # Ok::<_, crm_core::Error>(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Denied`](crm_core::Error::Denied) without [`REMIND`].
    pub fn remind(&mut self, limit: Limit, after: Option<&str>) -> Result<RemindProgress> {
        let mut work = self.0.permit(REMIND, &Target::ANY)?;
        let nothing = RemindProgress { accounts: 0, messages: 0, next: None };
        let now = work.now();
        let Some(programme) = programme::current(&mut work, now)? else { return Ok(nothing) };
        let terms = &programme.programme.reminders;
        let Some(furthest) = terms.days_before.last() else { return Ok(nothing) };
        let dates = programme.programme.dates();
        // Whatever expires on an account, something is due there then or before: the sweep's index finds it. A day more,
        // for the last day ends after its beginning, and one for clocks that change.
        let until = now.checked_add(DAY * (u32::from(*furthest) + 2))?;
        let after = after.map(Cursor::decode).transpose()?;
        let soon = account::due_at.le(until);
        let page = work.select::<Account>(soon).order_by(account::due_at).page(limit, after.as_ref())?;
        let ids: Vec<AccountId> = page.items.iter().map(|account| account.id).collect();
        let mut progress =
            RemindProgress { accounts: ids.len(), messages: 0, next: page.next.map(|next| next.encode()) };
        if ids.is_empty() {
            return Ok(progress);
        }
        let mut lots = BTreeMap::<AccountId, Vec<Lot>>::new();
        let ending = lot::account_id.is_in(ids.iter().copied()).and(lot::open.eq(true)).and(lot::expires_at.le(until));
        for lot in work.select::<Lot>(ending).all()? {
            lots.entry(lot.account_id).or_default().push(lot);
        }
        for (account, settled) in lapsing(&mut work, &page.items)? {
            lots.insert(account, settled.lots.into_values().filter(|lot| lot.expires_at <= until).collect());
        }
        let mut told = BTreeMap::<AccountId, BTreeSet<(LotId, u16)>>::new();
        for done in work.select::<Reminded>(reminded::account_id.is_in(ids)).all()? {
            told.entry(done.account_id).or_default().insert((done.lot_id, done.days_before));
        }
        for (account, lots) in lots {
            let told = told.remove(&account).unwrap_or_default();
            progress.messages += remind(&mut work, account, &lots, &told, terms, &dates)?;
        }
        Ok(progress)
    }
}

/// Reminds one member.
fn remind(
    work: &mut Permit<'_, '_>,
    account: AccountId,
    lots: &[Lot],
    told: &BTreeSet<(LotId, u16)>,
    terms: &ReminderTerms,
    dates: &Dates,
) -> Result<usize> {
    let now = work.now();
    let messages = reminders(lots, terms, told, &dates.day, now);
    if messages.is_empty() {
        return Ok(0);
    }
    // Of two who look at once, one waits here, and finds what the other has told.
    let account: Account = work.lock(account)?;
    let mut sent = 0;
    for message in messages {
        let keys: Vec<_> = message.done.iter().map(|(lot, days)| (account.id, *lot, *days)).collect();
        if work.get_many::<Reminded>(&keys)?.iter().any(Option::is_some) {
            continue;
        }
        let done = |(lot_id, days_before)| Reminded { account_id: account.id, lot_id, days_before, sent_at: now };
        let done: Vec<Reminded> = message.done.into_iter().map(done).collect();
        work.insert_all(&done)?;
        let (customer, last_day, amounts) = (account.customer_id, message.last_day, message.amounts);
        notify(work, &Notice::Expiring { account: account.id, customer, last_day, amounts })?;
        sent += 1;
    }
    Ok(sent)
}
