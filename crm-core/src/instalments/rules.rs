//! Schedules, what is covered by what was paid, and the states of a cheque: pure functions.

use serde::{Deserialize, Serialize};

use crate::kernel::allocate::allocate;
use crate::kernel::calendar::{Calendar, Span};
use crate::kernel::text::digits;
use crate::kernel::time::CivilDate;
use crate::{Error, Result};

/// The most instalments of a purchase.
pub(super) const MAX_INSTALMENTS: u16 = 360;

/// How an amount is paid in instalments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// When the first is due.
    pub first_due: CivilDate,
    /// How many, 1 to 360.
    pub count: u16,
    /// How long after one the next is due, in the calendar of the branch.
    pub every: Span,
}

/// An amount that is due on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The last day on which it is in time.
    pub due_on: CivilDate,
    /// How much, in minor units.
    pub amount_minor: i64,
}

/// The instalments of an amount: equal but for the last unit (largest remainder, the earlier ones get it), each due so
/// long after the first day, counted in the calendar, so that the 31st is followed by the end of a short month and then
/// by a 31st again.
///
/// # Errors
/// `instalments.count` unless there are 1 to 360 and no more than units of the amount; `instalments.every` unless each is
/// due after the one before; `date.range`.
///
/// ```
/// use crm_core::instalments::{Terms, schedule};
/// use crm_core::kernel::calendar::{Calendar, Span};
/// let first_due = Calendar::Jalali.date(1404, 6, 31)?;
/// let terms = Terms { first_due, count: 3, every: Span::Months(1) };
/// let dues = schedule(Calendar::Jalali, 100, &terms)?;
/// assert_eq!(dues.iter().map(|due| due.amount_minor).collect::<Vec<_>>(), [34, 33, 33]);
/// assert_eq!(Calendar::Jalali.of(dues[1].due_on).to_string(), "1404-07-30");
/// # Ok::<(), crm_core::Error>(())
/// ```
pub fn schedule(calendar: Calendar, amount_minor: i64, terms: &Terms) -> Result<Vec<Due>> {
    if terms.count == 0 || terms.count > MAX_INSTALMENTS || amount_minor < i64::from(terms.count) {
        return Err(Error::invalid("count", "instalments.count"));
    }
    let amounts = allocate(amount_minor, &vec![1; usize::from(terms.count)])?;
    let mut dues: Vec<Due> = Vec::with_capacity(amounts.len());
    for (number, amount_minor) in (0..).zip(amounts) {
        let due_on = calendar.add(terms.first_due, times(terms.every, number)?)?;
        if dues.last().is_some_and(|before| before.due_on >= due_on) {
            return Err(Error::invalid("every", "instalments.every"));
        }
        dues.push(Due { due_on, amount_minor });
    }
    Ok(dues)
}

fn times(span: Span, count: i32) -> Result<Span> {
    let times = |length: i32| length.checked_mul(count).ok_or_else(|| Error::invalid("every", "instalments.every"));
    Ok(match span {
        Span::Days(days) => Span::Days(times(days)?),
        Span::Weeks(weeks) => Span::Weeks(times(weeks)?),
        Span::Months(months) => Span::Months(times(months)?),
        Span::Quarters(quarters) => Span::Quarters(times(quarters)?),
        Span::Years(years) => Span::Years(times(years)?),
    })
}

/// How far an instalment is covered, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Covered {
    /// By what was paid.
    pub paid: i64,
    /// By what was returned of the purchase.
    pub returned: i64,
}

/// Which instalments, given in the order they are due, are covered by what was paid and returned: payments cover the
/// earliest, returns the latest.
///
/// `paid` may be negative: money was handed out for a return, and the cheque that it came from bounced later. Then so much
/// less counts as returned, for it is owed again.
///
/// ```
/// use crm_core::instalments::{Covered, cover};
/// let covered = cover(&[30, 30, 30], 40, 20);
/// assert_eq!(covered[1], Covered { paid: 10, returned: 0 });
/// assert_eq!(covered[2], Covered { paid: 0, returned: 20 });
/// ```
pub fn cover(amounts: &[i64], paid: i64, returned: i64) -> Vec<Covered> {
    let mut returned_left = returned.saturating_add(paid.min(0)).max(0);
    let mut paid_left = paid.max(0);
    let mut covered = vec![Covered::default(); amounts.len()];
    for (covered, amount) in covered.iter_mut().zip(amounts) {
        covered.paid = paid_left.min(*amount);
        paid_left -= covered.paid;
    }
    for (covered, amount) in covered.iter_mut().zip(amounts).rev() {
        covered.returned = returned_left.min(amount - covered.paid);
        returned_left -= covered.returned;
    }
    covered
}

crate::text_enum! {
    /// Where a cheque is.
    pub enum ChequeState {
        /// With us.
        Received = "received",
        /// With the bank.
        Deposited = "deposited",
        /// Paid.
        Cleared = "cleared",
        /// Refused by the bank.
        Bounced = "bounced",
        /// Given back to whoever gave it.
        GivenBack = "given_back",
        /// Another cheque stands in its place.
        Replaced = "replaced",
    }
}

crate::text_enum! {
    /// What happens to a cheque.
    pub enum ChequeAction {
        /// It is taken to the bank.
        Deposit = "deposit",
        /// It is taken back from the bank.
        Withdraw = "withdraw",
        /// The bank has paid.
        Clear = "clear",
        /// The bank refuses to pay, or takes back what it has paid.
        Bounce = "bounce",
        /// It goes back to whoever gave it.
        GiveBack = "give_back",
        /// Another cheque is given in its place.
        Replace = "replace",
    }
}

/// Every step that a cheque can take: from, by, to.
const STEPS: [(ChequeState, ChequeAction, ChequeState); 11] = {
    use ChequeAction::{Bounce, Clear, Deposit, GiveBack, Replace, Withdraw};
    use ChequeState::{Bounced, Cleared, Deposited, GivenBack, Received, Replaced};
    [
        (Received, Deposit, Deposited),
        (Received, GiveBack, GivenBack),
        (Received, Replace, Replaced),
        (Deposited, Withdraw, Received),
        (Deposited, Clear, Cleared),
        (Deposited, Bounce, Bounced),
        // A bank may take back what it has paid.
        (Cleared, Bounce, Bounced),
        (Bounced, Deposit, Deposited),
        (Bounced, GiveBack, GivenBack),
        (Bounced, Replace, Replaced),
        // Settled in another way at the counter, against the bounced paper.
        (Bounced, Clear, Cleared),
    ]
};

impl ChequeState {
    /// Where a cheque is after this happens to it.
    ///
    /// # Errors
    /// `cheque.step` when that cannot happen to it now.
    ///
    /// ```
    /// use crm_core::instalments::{ChequeAction, ChequeState};
    /// assert_eq!(ChequeState::Received.after(ChequeAction::Deposit)?, ChequeState::Deposited);
    /// assert!(ChequeState::Replaced.after(ChequeAction::Clear).is_err());
    /// # Ok::<(), crm_core::Error>(())
    /// ```
    pub fn after(self, action: ChequeAction) -> Result<Self> {
        let step = STEPS.iter().find(|(from, by, _)| (*from, *by) == (self, action));
        step.map(|(.., to)| *to).ok_or_else(|| Error::invalid("action", "cheque.step"))
    }
}

/// The number under which Iran's central bank registers a cheque (`شناسه صیاد`): 16 digits of any script, separators left
/// out. How its check digits are made is not published, so only the form is checked.
///
/// # Errors
/// `cheque.sayad_id`.
///
/// ```
/// use crm_core::instalments::sayad_id;
/// assert_eq!(sayad_id("۱۲۳۴ ۵۶۷۸ ۹۰۱۲ ۳۴۵۶")?, "1234567890123456");
/// # Ok::<(), crm_core::Error>(())
/// ```
pub fn sayad_id(text: &str) -> Result<String> {
    let number = digits(text);
    let separators = |c: char| c.is_whitespace() || c == '-';
    if number.len() == 16 && text.chars().filter(|c| !separators(*c)).count() == 16 {
        Ok(number)
    } else {
        Err(Error::invalid("sayad_id", "cheque.sayad_id"))
    }
}
