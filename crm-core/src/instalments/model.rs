//! Plans, instalments, payments and cheques.

use super::rules::ChequeState;
use crate::branches::BranchId;
use crate::customers::CustomerId;
use crate::kernel::currency::Currency;
use crate::kernel::money::Money;
use crate::kernel::time::{CivilDate, Timestamp};
use crate::purchases::PurchaseId;
use crate::work::Version;

crate::id! {
    /// Names a payment of instalments.
    pub struct PaymentId;
    /// Names a cheque.
    pub struct ChequeId;
}

crate::entity! {
    /// What is paid later of a purchase, and how far it is paid. Its row is locked by whoever changes anything of it.
    pub struct InstalmentPlan {
        kind: "instalment_plan", table: "crm_instalment_plans", key: (purchase_id: PurchaseId),
        columns: instalment_plan, version: version, scoped: { branch: branch_id, customer: customer_id },
    } {
        /// The purchase.
        purchase_id: PurchaseId,
        /// The optimistic lock.
        version: Version,
        /// Where.
        branch_id: BranchId,
        /// Who owes, if known.
        customer_id: Option<CustomerId>,
        /// The currency of every amount in it.
        currency: Currency,
        /// What the purchase cost, in minor units.
        total_minor: i64,
        /// What is paid later of it: the sum of the instalments, in minor units.
        financed_minor: i64,
        /// What has been paid of that: the sum of the payments. Negative only when money was handed out that a bounced
        /// cheque has never brought.
        paid_minor: i64,
        /// What returns have taken off it, in minor units.
        returned_minor: i64,
        /// What returns of the purchase have given back by any tender, in minor units.
        refunded_minor: i64,
    }
}

impl InstalmentPlan {
    /// What is still to be paid, in minor units.
    pub fn owed_minor(&self) -> i64 {
        self.financed_minor.saturating_sub(self.returned_minor).saturating_sub(self.paid_minor)
    }

    /// What is still to be paid.
    pub fn owed(&self) -> Money {
        Money::new(self.owed_minor(), self.currency)
    }

    /// What the customer pays for the purchase in all, with what was paid at once, after returns: the n of S-12.
    pub fn due(&self) -> Money {
        Money::new(self.total_minor.saturating_sub(self.refunded_minor), self.currency)
    }

    /// What of that has been paid: the p of S-12, never below zero.
    pub fn cleared(&self) -> Money {
        Money::new(self.due().minor().saturating_sub(self.owed_minor()).max(0), self.currency)
    }
}

crate::entity! {
    /// An instalment.
    pub struct Instalment {
        kind: "instalment", table: "crm_instalments", key: (purchase_id: PurchaseId, number: u16), columns: instalment,
        version: version, scoped: { branch: branch_id, customer: customer_id },
    } {
        /// The purchase.
        purchase_id: PurchaseId,
        /// Its number, from 1.
        number: u16,
        /// The optimistic lock.
        version: Version,
        /// Where.
        branch_id: BranchId,
        /// Who owes, if known.
        customer_id: Option<CustomerId>,
        /// The last day on which it is paid in time.
        due_on: CivilDate,
        /// How much, in minor units.
        amount_minor: i64,
        /// What is covered by payments, in minor units.
        paid_minor: i64,
        /// What is covered by returns, in minor units.
        returned_minor: i64,
        /// Whether something of it is still to be paid.
        open: bool,
    }
}

crate::entity! {
    /// Money that came for instalments, or went back. Never changed.
    pub struct InstalmentPayment {
        kind: "instalment_payment", table: "crm_instalment_payments",
        key: (purchase_id: PurchaseId, id: PaymentId), columns: instalment_payment,
    } {
        /// The purchase.
        purchase_id: PurchaseId,
        /// Its id.
        id: PaymentId,
        /// How much, in minor units; negative when a cheque bounced or money was handed out for a return.
        amount_minor: i64,
        /// How: a method of tenders, or `return`.
        method: String,
        /// The cheque that brought it.
        cheque_id: Option<ChequeId>,
        /// When it happened (S-48).
        occurred_at: Timestamp,
        /// When it was recorded (S-48).
        recorded_at: Timestamp,
    }
}

crate::entity! {
    /// A cheque.
    pub struct Cheque {
        kind: "cheque", table: "crm_cheques", key: (id: ChequeId), columns: cheque, version: version,
        unique: { sayad_id: [sayad_id] }, personal: [number, sayad_id, bank],
        scoped: { branch: branch_id, customer: customer_id },
    } {
        /// Its id.
        id: ChequeId,
        /// The optimistic lock.
        version: Version,
        /// Where it was taken.
        branch_id: BranchId,
        /// Who gave it, if known.
        customer_id: Option<CustomerId>,
        /// The purchase whose instalments it pays.
        purchase_id: PurchaseId,
        /// Where it is.
        state: ChequeState,
        /// The number on it.
        number: String,
        /// The bank it is drawn on.
        bank: Option<String>,
        /// The number under which Iran's central bank registers it.
        sayad_id: Option<String>,
        /// The day on which it can be cashed.
        due_on: CivilDate,
        /// How much, in minor units.
        amount_minor: i64,
        /// The currency.
        currency: Currency,
        /// The cheque that stands in its place.
        replaced_by_id: Option<ChequeId>,
        /// When it was taken.
        received_at: Timestamp,
    }
}

impl Cheque {
    /// How much.
    pub fn amount(&self) -> Money {
        Money::new(self.amount_minor, self.currency)
    }
}
