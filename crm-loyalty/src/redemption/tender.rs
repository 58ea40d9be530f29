//! The tenders `credit` and `points`.

use crm_core::access::Target;
use crm_core::kernel::money::Money;
use crm_core::loyalty::Asset;
use crm_core::loyalty::ledger::{AccountId, Hold, HoldId};
use crm_core::loyalty::redemption::{Asked, cost, restored_by, usable};
use crm_core::purchases::{GiveBack, NewTender, Paid, Payment, TenderMethod};
use crm_core::work::{Permit, UnitOfWork};
use crm_core::{Error, Result};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::service::{Asking, REDEEM, redeem, refuse_less};
use super::terms::{restored_until, terms};
use crate::ledger::{Book, Cause};
use crate::{ahead, cards, gift_cards, programme, referral, tiers};

/// The tender that pays with the customer's credit.
pub const CREDIT: &str = "credit";
/// The tender that pays with the customer's points.
pub const POINTS: &str = "points";

/// Pays so much with the customer's credit.
pub fn credit(amount: Money) -> NewTender {
    NewTender::of(CREDIT, amount)
}

/// Pays so much with the customer's points.
pub fn points(amount: Money) -> NewTender {
    NewTender::of(POINTS, amount)
}

/// The same with what was set aside.
pub fn with_hold(tender: NewTender, hold: HoldId) -> NewTender {
    NewTender { details: Some(serde_json::json!({ "hold": hold })), ..tender }
}

/// What the host may hand over with the tender.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Details {
    /// What was set aside for it.
    hold: Option<HoldId>,
    /// The card it is made with (S-36).
    card: Option<Uuid>,
}

/// Pays with an asset of the member who buys.
pub(crate) struct Redeeming {
    /// With points, and not with credit in the currency of the purchase.
    pub(crate) points: bool,
}

impl TenderMethod for Redeeming {
    fn pay(&self, work: &mut UnitOfWork<'_>, payment: &Payment<'_>) -> Result<Paid> {
        let purchase = payment.purchase;
        let customer = purchase.customer_id.ok_or_else(|| Error::invalid("customer", "redeem.customer"))?;
        let target = Target { customer: Some(customer), ..Target::branch(purchase.branch_id) };
        let mut work = work.permit(REDEEM, &target)?;
        if payment.amount.is_zero() {
            return Ok(Paid::NOW);
        }
        let details: Details = match payment.details {
            // The cause may hold what was typed: it is left out.
            Some(details) => Details::deserialize(details).map_err(|_| Error::invalid("details", "tender.details"))?,
            None => Details::default(),
        };
        ahead::of_purchase(&mut work, customer, purchase.branch_id, purchase.currency);
        referral::lock_before(&mut work, customer, None)?;
        let mut book = Book::open(&mut work, customer.into())?;
        if let Some(programme) = programme::current(&mut work, purchase.occurred_at)? {
            tiers::expect(&mut work, &programme.programme, book.account().id, purchase.business_date);
        }
        let hold = if let Some(hold) = details.hold {
            if let Some(card) = details.card {
                cards::may_spend(&mut work, card.into(), book.account().id)?;
            }
            self.capture(&mut work, &mut book, payment, hold)?;
            hold
        } else {
            let (paid_otherwise, used_here) = self.beside(&mut work, payment)?;
            let asking = Asking {
                asset: self.asset(payment.amount),
                branch: purchase.branch_id,
                due: due(&mut work, payment)?,
                amount: payment.amount,
                paid_otherwise,
                used_here,
                card: details.card,
                minutes: None,
                pays: Some(purchase.id),
            };
            redeem(&mut work, &mut book, &asking)?.hold
        };
        book.close(&mut work)?;
        Ok(Paid { reference: Some(hold.into()), ..Paid::NOW })
    }

    fn give_back(&self, work: &mut UnitOfWork<'_>, refund: &GiveBack<'_>) -> Result<()> {
        let (purchase, Some(hold)) = (refund.purchase, refund.tender.reference) else { return Ok(()) };
        let customer = purchase.customer_id.ok_or_else(|| Error::invalid("customer", "redeem.customer"))?;
        let target = Target { customer: Some(customer), ..Target::branch(purchase.branch_id) };
        let mut work = work.permit(REDEEM, &target)?;
        let not_before = restored_until(&mut work)?;
        referral::lock_before(&mut work, customer, Some(purchase.id))?;
        let mut book = Book::open(&mut work, customer.into())?;
        let hold = paid_with(&mut work, customer.into(), book.account().id, hold.into())?;
        let refund_minor = refund.amount.minor();
        let amount = restored_by(hold.amount, hold.worth_minor, hold.refunded_minor, refund_minor)?;
        let cause = Cause {
            purchase: Some(purchase.id),
            branch: Some(purchase.branch_id),
            reverses: hold.entry_id,
            reason: None,
        };
        book.restore(&mut work, &hold, amount, refund_minor, not_before, &cause)?;
        book.close(&mut work)
    }
}

/// What may be paid so: not gift cards, or what ends would become what does not (S-22).
fn due(work: &mut Permit<'_, '_>, payment: &Payment<'_>) -> Result<Money> {
    let cards = gift_cards::sold_on(work, payment.lines)?;
    Ok(Money::new(payment.purchase.total_minor.saturating_sub(cards), payment.purchase.currency))
}

/// What a purchase was paid with: on the account of the member, or on the one it was merged into since.
fn paid_with(work: &mut Permit<'_, '_>, member: AccountId, survivor: AccountId, hold: HoldId) -> Result<Hold> {
    if let Some(found) = work.find::<Hold>(&(member, hold))? {
        return Ok(found);
    }
    work.get((survivor, hold))
}

impl Redeeming {
    fn method(&self) -> &'static str {
        if self.points { POINTS } else { CREDIT }
    }

    fn asset(&self, amount: Money) -> Asset {
        if self.points { Asset::Points } else { Asset::Credit(amount.currency()) }
    }

    /// Pays with what was set aside. It is honoured (S-47); what limits one purchase is measured with the purchase.
    fn capture(&self, work: &mut Permit<'_, '_>, book: &mut Book, payment: &Payment<'_>, id: HoldId) -> Result<()> {
        let purchase = payment.purchase;
        let minor = payment.amount.minor();
        let hold = book.open_hold(work, id)?.clone();
        if hold.asset != self.asset(payment.amount) {
            return Err(Error::invalid("hold", "redeem.hold_asset"));
        }
        if minor > hold.worth_minor {
            return Err(Error::invalid("amount", "redeem.hold_exceeded"));
        }
        let terms = terms(work, hold.asset, purchase.currency, purchase.branch_id, purchase.customer_id)?;
        let (paid_otherwise, used_here) = self.beside(work, payment)?;
        let mut limits = terms.limits;
        // These were met when it was set aside.
        (limits.per_day, limits.minimum) = (None, None);
        let found = usable(
            &limits,
            &Asked {
                requested: Some(minor),
                due: due(work, payment)?,
                paid_otherwise,
                available: hold.amount,
                used_today: 0,
                used_here,
                point_value: hold.point_value,
            },
        )?;
        refuse_less(&found, payment.amount)?;
        book.capture(work, id, (found.amount, minor), purchase.branch_id, purchase.id)
    }

    /// What the purchase is paid with beside this tender: with credit or points in all, and with this asset by the tenders
    /// before, in units of it.
    fn beside(&self, work: &mut Permit<'_, '_>, payment: &Payment<'_>) -> Result<(i64, i64)> {
        let (mut otherwise, mut here) = (0_i64, 0_i64);
        for (tender_no, (method, amount)) in (1_u16..).zip(payment.parts) {
            if tender_no == payment.tender_no || ![CREDIT, POINTS].contains(method) {
                continue;
            }
            otherwise = otherwise.saturating_add(amount.minor());
            if tender_no < payment.tender_no && *method == self.method() {
                let purchase = payment.purchase;
                let asset = self.asset(*amount);
                let terms = terms(work, asset, purchase.currency, purchase.branch_id, purchase.customer_id)?;
                here = here.saturating_add(cost(terms.point_value.as_ref(), amount.minor())?);
            }
        }
        Ok((otherwise, here))
    }
}
