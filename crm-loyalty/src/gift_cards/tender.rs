//! Paying with a gift card.

use crm_core::access::Target;
use crm_core::kernel::time::Timestamp;
use crm_core::loyalty::gift_cards::{GiftCard, GiftStep, GiftTicket, GiftTicketId, gift_step};
use crm_core::loyalty::ledger::{AccountState, EntryKind, Hold, PostingAccount};
use crm_core::purchases::{GiveBack, Paid, Payment, TenderMethod};
use crm_core::work::{Permit, UnitOfWork};
use crm_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::sale::{change, sold_on};
use super::{SHOW, asset, terms};
use crate::ledger::{Book, Cause, NewHold, Take};
use crate::redemption::{CREDIT, POINTS};

/// Paid with a gift card: the method of a tender whose details are a [`GiftTender`]. Not for other gift cards: those are paid with
/// money alone, or `gift_card.buys_gift_card` refuses it.
pub const GIFT_CARD: &str = "gift_card";

/// The methods that pay with what is stored, and not with money.
pub(super) const STORED: [&str; 3] = [CREDIT, POINTS, GIFT_CARD];

/// What a tender [`GIFT_CARD`] wants to know: the ticket that showing the code has given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GiftTender {
    /// The ticket.
    pub ticket: GiftTicketId,
}

/// The tender.
pub(crate) struct GiftCards;

impl TenderMethod for GiftCards {
    fn pay(&self, work: &mut UnitOfWork<'_>, payment: &Payment<'_>) -> Result<Paid> {
        let purchase = payment.purchase;
        let mut work = work.permit(SHOW, &Target::branch(purchase.branch_id))?;
        let work = &mut work;
        if payment.amount.is_zero() {
            return Ok(Paid::NOW);
        }
        let wrong = |_| Error::invalid("details", "tender.details");
        let details = payment.details.cloned().unwrap_or_default();
        let details: GiftTender = serde_json::from_value(details).map_err(wrong)?;
        let refused = || Error::invalid("ticket", "gift_card.refused");
        let found = work.find::<GiftTicket>(&details.ticket)?;
        let now = work.now();
        let mut ticket = found
            .filter(|ticket| !ticket.used && now < ticket.ends_at && ticket.branch_id == purchase.branch_id)
            .ok_or_else(refused)?;
        // The account is the lock: the card is read after it.
        let mut book = Book::open(work, ticket.account_id)?;
        let mut card: GiftCard = work.get(ticket.card_id)?;
        let customer = ticket.customer_id.or(purchase.customer_id);
        let is_active = book.account().state == AccountState::Active;
        if !is_active || !card.is_good(customer, now) || card.currency != payment.amount.currency() {
            return Err(refused());
        }
        let stored = payment.parts.iter().filter(|(method, _)| STORED.contains(method));
        let stored = stored.fold(0_i64, |sum, (_, amount)| sum.saturating_add(amount.minor()));
        if stored > purchase.total_minor.saturating_sub(sold_on(work, payment.lines)?) {
            return Err(Error::invalid("tenders", "gift_card.buys_gift_card"));
        }
        let (terms, _) = terms(work)?;
        let asset = asset(&card);
        let amount = payment.amount.minor();
        let hold = book.hold(
            work,
            &NewHold {
                asset,
                amount,
                worth_minor: amount,
                point_value: None,
                branch: purchase.branch_id,
                business_date: purchase.business_date,
                lapses_at: ticket.ends_at,
                card: Some(card.id.into()),
                pays: Some(purchase.id),
                reason: None,
            },
        )?;
        let left = book.available(work, asset)?;
        if terms.single_use && left > 0 {
            let forfeited = Take {
                asset,
                amount: left,
                kind: EntryKind::Expire,
                to: PostingAccount::Breakage,
                occurred_at: now,
                purchase: Some(purchase.id),
                branch: Some(purchase.branch_id),
                reason: None,
                not_of: None,
            };
            book.take(work, &forfeited)?;
        }
        let amounts = book.amounts(work, asset)?;
        book.close(work)?;
        (ticket.used, ticket.hold_id) = (true, Some(hold));
        work.update(&mut ticket)?;
        let state = gift_step(&card, GiftStep::Spend { empty: amounts.available + amounts.held == 0 }, now)?;
        if state != card.state {
            card.state = state;
            change(work, &mut card)?;
        }
        Ok(Paid { later: false, reference: Some(ticket.id.into()) })
    }

    fn give_back(&self, work: &mut UnitOfWork<'_>, refund: &GiveBack<'_>) -> Result<()> {
        let mut work = work.permit(SHOW, &Target::branch(refund.purchase.branch_id))?;
        let missing = || Error::backend("giving back to a gift card", "no ticket stands behind the tender");
        let ticket = refund.tender.reference.ok_or_else(missing)?;
        give_back(&mut work, ticket.into(), refund)
    }
}

fn give_back(work: &mut Permit<'_, '_>, ticket: GiftTicketId, refund: &GiveBack<'_>) -> Result<()> {
    let ticket: GiftTicket = work.get(ticket)?;
    let missing = || Error::backend("giving back to a gift card", "its ticket was never used");
    let hold = ticket.hold_id.ok_or_else(missing)?;
    let mut book = Book::open(work, ticket.account_id)?;
    let hold: Hold = work.get((ticket.account_id, hold))?;
    let mut card: GiftCard = work.get(ticket.card_id)?;
    let cause = Cause {
        purchase: Some(refund.purchase.id),
        branch: Some(refund.purchase.branch_id),
        reverses: hold.entry_id,
        reason: None,
    };
    let amount = refund.amount.minor();
    book.restore(work, &hold, amount, amount, Timestamp::MIN, &cause)?;
    let left = book.available(work, hold.asset)?;
    book.close(work)?;
    if left > 0 {
        let state = gift_step(&card, GiftStep::Refill, work.now())?;
        if state != card.state {
            card.state = state;
            change(work, &mut card)?;
        }
    }
    Ok(())
}
