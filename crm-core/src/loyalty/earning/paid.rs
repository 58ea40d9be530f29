//! What is paid of a purchase (S-12).

use serde::{Deserialize, Serialize};

/// What of a purchase is paid: p of n.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paid {
    /// The cleared money, in minor units: p.
    pub cleared: i64,
    /// What is due in all, after returns: n.
    pub due: i64,
}

impl Paid {
    /// Paid at once.
    pub const FULLY: Self = Self { cleared: 0, due: 0 };

    /// Nothing of it is paid, whatever it costs.
    pub const NOTHING: Self = Self { cleared: 0, due: 1 };

    /// Whether nothing is left to pay.
    pub fn is_full(self) -> bool {
        self.cleared >= self.due
    }

    /// What of an amount is earned by now: floor(amount × p / n) (S-12).
    ///
    /// ```
    /// use crm_core::loyalty::earning::Paid;
    /// let paid = |cleared| Paid { cleared, due: 3 }.of(100);
    /// assert_eq!([0, 1, 2, 3].map(paid), [0, 33, 66, 100]);
    /// ```
    pub fn of(self, amount: i64) -> i64 {
        if self.is_full() {
            return amount;
        }
        // Less than the amount, for less is cleared than is due.
        let part = i128::from(amount) * i128::from(self.cleared.max(0)) / i128::from(self.due);
        i64::try_from(part).unwrap_or(amount)
    }
}
