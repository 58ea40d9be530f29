//! What is paid later: instalments, and cheques until they are cleared (C17, N-7).
//!
//! What is cleared of a purchase is one number that grows with payments and cleared cheques and falls when a cheque
//! bounces; which instalments it covers follows from it, the earliest first. Modules are told the cleared money and what
//! it is part of, so that what is earned by paying is earned as it is paid (S-12).

mod cheques;
pub mod event;
mod invariants;
mod model;
mod rules;
mod service;
mod tender;

pub use cheques::{ChequeTerms, NewCheque};
pub use invariants::plans_agree;
pub use model::{
    Cheque, ChequeId, Instalment, InstalmentPayment, InstalmentPlan, PaymentId, cheque, instalment, instalment_payment,
    instalment_plan,
};
pub use rules::{ChequeAction, ChequeState, Covered, Due, Terms, cover, sayad_id, schedule};
pub(crate) use service::after_return;
pub use service::{GRANT, InstalmentReceipt, Instalments, NewPayment, PAY, READ};
pub(crate) use tender::{ByCheque, ByInstalments};
