//! Branches.

use crate::kernel::calendar::Calendar;
use crate::kernel::currency::Currency;
use crate::kernel::time::{BusinessDay, TimeOfDay, Zone};
use crate::work::Version;

crate::id! {
    /// Names a branch.
    pub struct BranchId;
}

crate::entity! {
    /// A place of business.
    pub struct Branch {
        kind: "branch", table: "crm_branches", key: (id: BranchId), columns: branch, version: version,
        scoped: { branch: id },
    } {
        /// Its id.
        id: BranchId,
        /// The optimistic lock.
        version: Version,
        /// Its name.
        name: String,
        /// Its time zone.
        zone: Zone,
        /// The calendar its people use.
        calendar: Calendar,
        /// The currency it sells in.
        currency: Currency,
        /// When its business day begins (S-15): 04:00 means that 03:59 belongs to the day before.
        cutoff: TimeOfDay,
        /// Whether it trades.
        active: bool,
    }
}

/// The business days of a branch; without one, the calendar days of UTC.
pub(crate) fn business_day(branch: Option<&Branch>) -> BusinessDay {
    branch.map_or_else(|| BusinessDay::new(Zone::UTC, TimeOfDay::MIDNIGHT), Branch::business_day)
}

impl Branch {
    /// The business days of this branch.
    pub fn business_day(&self) -> BusinessDay {
        BusinessDay::new(self.zone.clone(), self.cutoff)
    }
}
