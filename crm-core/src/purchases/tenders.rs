//! What a tender does: the hook by which modules take money, and give it back.

use std::collections::BTreeMap;

use serde_json::Value;
use uuid::Uuid;

use super::model::{Purchase, PurchaseLine, Tender};
use super::new::NewTender;
use crate::access::Actor;
use crate::kernel::money::Money;
use crate::returns::ReturnId;
use crate::work::{Permit, UnitOfWork};
use crate::{Error, Result};

/// What a method of paying does in the transaction of the purchase and of its returns. A module
/// [registers](crate::module::Registry::tender) its own, for example for a gift card: what fails there fails the purchase.
///
/// Nothing slow and nothing outside happens here; what must happen outside goes to the outbox.
pub trait TenderMethod: Send + Sync + 'static {
    /// Takes the money: captures it, or writes down that it is owed.
    ///
    /// # Errors
    /// What keeps the purchase from being paid so.
    fn pay(&self, work: &mut UnitOfWork<'_>, payment: &Payment<'_>) -> Result<Paid>;

    /// Gives a part back. The parts of all returns of a purchase sum to no more than was taken.
    ///
    /// # Errors
    /// What keeps the return from happening.
    fn give_back(&self, work: &mut UnitOfWork<'_>, refund: &GiveBack<'_>) -> Result<()>;
}

/// What a tender is to take.
#[derive(Debug)]
pub struct Payment<'p> {
    /// The purchase, as it is being recorded.
    pub purchase: &'p Purchase,
    /// Its lines, with the share of each tender.
    pub lines: &'p [PurchaseLine],
    /// All tenders of the purchase, in their order: how, and how much.
    pub parts: &'p [(&'p str, Money)],
    /// The number of the tender, from 1.
    pub tender_no: u16,
    /// How much; zero when nothing was left to pay.
    pub amount: Money,
    /// What the host has handed over with it.
    pub details: Option<&'p Value>,
}

/// What became of a tender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paid {
    /// Whether it is paid later.
    pub later: bool,
    /// The record that stands behind it; it is handed back when something is to be given back.
    pub reference: Option<Uuid>,
}

impl Paid {
    /// Paid, and nothing more to say.
    pub const NOW: Self = Self { later: false, reference: None };
    /// Owed.
    pub const LATER: Self = Self { later: true, reference: None };
}

/// What a tender is to give back.
#[derive(Debug)]
pub struct GiveBack<'r> {
    /// The purchase.
    pub purchase: &'r Purchase,
    /// The tender, with its reference.
    pub tender: &'r Tender,
    /// The return.
    pub return_id: ReturnId,
    /// How much.
    pub amount: Money,
}

/// A method for which the host does everything: cash, a card terminal, a transfer.
pub(crate) struct AtTheTill;

impl TenderMethod for AtTheTill {
    fn pay(&self, _: &mut UnitOfWork<'_>, _: &Payment<'_>) -> Result<Paid> {
        Ok(Paid::NOW)
    }

    fn give_back(&self, _: &mut UnitOfWork<'_>, _: &GiveBack<'_>) -> Result<()> {
        Ok(())
    }
}

/// The methods that are installed, by name.
pub(crate) type Methods = BTreeMap<&'static str, InstalledMethod>;

/// A method, and the module it acts as.
pub(crate) struct InstalledMethod {
    pub(crate) actor: Actor,
    pub(crate) method: Box<dyn TenderMethod>,
}

/// Refuses a method that nobody has registered.
pub(super) fn check(work: &Permit<'_, '_>, tender: &NewTender) -> Result<()> {
    let known = work.shared.installed.tenders.contains_key(tender.method.as_str());
    if known { Ok(()) } else { Err(Error::invalid("method", "tender.unknown")) }
}

/// Lets a method take its money, and returns the tender to store.
pub(super) fn pay(
    work: &mut Permit<'_, '_>,
    purchase: &Purchase,
    lines: &[PurchaseLine],
    parts: &[(&str, Money)],
    tender_no: u16,
    tender: &NewTender,
) -> Result<Tender> {
    let amount = parts.get(usize::from(tender_no) - 1).map_or(Money::zero(purchase.currency), |(_, amount)| *amount);
    let shared = work.shared;
    let installed = shared.installed.tenders.get(tender.method.as_str());
    let installed = installed.ok_or_else(|| Error::invalid("method", "tender.unknown"))?;
    let payment = Payment { purchase, lines, parts, tender_no, amount, details: tender.details.as_ref() };
    // Nothing is taken for what only goes into the record.
    let paid = if purchase.history_only {
        Paid::NOW
    } else {
        work.acting_as(&installed.actor, |work| installed.method.pay(work, &payment))?
    };
    Ok(Tender {
        purchase_id: purchase.id,
        tender_no,
        method: tender.method.clone(),
        amount_minor: amount.minor(),
        paid_later: paid.later,
        reference: paid.reference,
    })
}

/// Lets a method give something back.
pub(crate) fn give_back(
    work: &mut Permit<'_, '_>,
    purchase: &Purchase,
    tender: &Tender,
    return_id: ReturnId,
    amount: Money,
) -> Result<()> {
    let shared = work.shared;
    let installed = shared.installed.tenders.get(tender.method.as_str());
    // It was there when the purchase was recorded: the program was put together otherwise since.
    let missing = || Error::Setup(format!("no module knows the tender {}", tender.method));
    let installed = installed.ok_or_else(missing)?;
    let refund = GiveBack { purchase, tender, return_id, amount };
    work.acting_as(&installed.actor, |work| installed.method.give_back(work, &refund))
}
