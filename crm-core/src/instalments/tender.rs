//! The two tenders that are paid later.

use serde::de::DeserializeOwned;

use super::cheques::{ChequeTerms, take};
use super::model::InstalmentPlan;
use super::rules::{Due, Terms, schedule};
use super::service::{GRANT, finance};
use crate::access::Target;
use crate::branches::Branch;
use crate::purchases::{GiveBack, Paid, Payment, TenderMethod};
use crate::work::UnitOfWork;
use crate::{Error, Result};

/// By instalments: the details are the [`Terms`].
pub(crate) struct ByInstalments;

/// By cheque. With [`ChequeTerms`] as its details the cheque is kept here, and counts when it is cleared; without, the host
/// keeps it, and it counts at once.
pub(crate) struct ByCheque;

impl TenderMethod for ByInstalments {
    fn pay(&self, work: &mut UnitOfWork<'_>, payment: &Payment<'_>) -> Result<Paid> {
        let mut work = work.permit(GRANT, &Target::branch(payment.purchase.branch_id))?;
        if payment.purchase.customer_id.is_none() {
            return Err(Error::invalid("customer", "instalments.customer"));
        }
        let terms: Terms = details(payment)?.ok_or_else(|| Error::invalid("details", "tender.details"))?;
        let branch: Branch = work.get(payment.purchase.branch_id)?;
        finance(&mut work, payment, &schedule(branch.calendar, payment.amount.minor(), &terms)?)?;
        Ok(Paid::LATER)
    }

    fn give_back(&self, _: &mut UnitOfWork<'_>, _: &GiveBack<'_>) -> Result<()> {
        // The return itself makes the debt less.
        Ok(())
    }
}

impl TenderMethod for ByCheque {
    fn pay(&self, work: &mut UnitOfWork<'_>, payment: &Payment<'_>) -> Result<Paid> {
        let Some(terms) = details::<ChequeTerms>(payment)? else { return Ok(Paid::NOW) };
        let mut work = work.permit(GRANT, &Target::branch(payment.purchase.branch_id))?;
        finance(&mut work, payment, &[Due { due_on: terms.due_on, amount_minor: payment.amount.minor() }])?;
        let plan: InstalmentPlan = work.get(payment.purchase.id)?;
        let cheque = take(&mut work, &plan, payment.amount, &terms)?;
        Ok(Paid { reference: Some(cheque.into()), ..Paid::LATER })
    }

    fn give_back(&self, _: &mut UnitOfWork<'_>, _: &GiveBack<'_>) -> Result<()> {
        Ok(())
    }
}

fn details<T: DeserializeOwned>(payment: &Payment<'_>) -> Result<Option<T>> {
    // The cause may hold what was typed: it is left out.
    let parse =
        |details: &serde_json::Value| T::deserialize(details).map_err(|_| Error::invalid("details", "tender.details"));
    payment.details.map(parse).transpose()
}
