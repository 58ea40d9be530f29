//! Making offers, and what becomes of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::event::OfferMoved;
use super::model::{Offer, OfferId, offer};
use super::rules::{OfferAction, OfferState};
use crate::access::{Scoped as _, Target};
use crate::branches::{Branch, BranchId};
use crate::catalog::{Product, ProductId};
use crate::customers::{self, Customer, CustomerId};
use crate::kernel::input::required_text;
use crate::kernel::language::Language;
use crate::kernel::money::Money;
use crate::kernel::page::{Cursor, Limit, Page};
use crate::kernel::time::Timestamp;
use crate::pricing::explain::{Names, explain};
use crate::pricing::{self, Cart, PriceRuleId, Quote, QuoteRequest};
use crate::purchases::{self, Agreed, NewLine, NewPurchase, NewTender, Receipt};
use crate::work::{Json, Permit, UnitOfWork, Version, one_of};
use crate::{Error, Result};

/// Permission to make offers, send them and take them back.
pub const WRITE: &str = "offers.write";
/// Permission to accept and decline offers.
pub const ANSWER: &str = "offers.answer";
/// Permission to see offers.
pub const READ: &str = "offers.read";

/// An offer to make: of a cart, of what somebody asked for in words, or both.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewOffer {
    /// Where.
    pub branch: BranchId,
    /// To whom, if known.
    #[serde(default)]
    pub customer: Option<CustomerId>,
    /// What was asked for, 1 to 2000 characters.
    #[serde(default)]
    pub inquiry: Option<String>,
    /// What is offered; it can be [priced](Offers::price) later.
    #[serde(default)]
    pub cart: Option<Cart>,
    /// The first instant at which it does not hold any more: after now.
    pub expires_at: Timestamp,
}

impl std::fmt::Debug for NewOffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("NewOffer");
        shown.field("branch", &self.branch).field("cart", &self.cart).field("expires_at", &self.expires_at);
        shown.finish_non_exhaustive()
    }
}

/// How an accepted offer becomes a purchase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acceptance {
    /// The number on the receipt.
    pub receipt_no: String,
    /// How it was paid.
    pub tenders: Vec<NewTender>,
    /// See [`NewPurchase::to_ship`].
    #[serde(default)]
    pub to_ship: bool,
    /// See [`NewPurchase::open`].
    #[serde(default)]
    pub open: bool,
    /// See [`NewPurchase::invoice`].
    #[serde(default)]
    pub invoice: Option<String>,
}

impl Acceptance {
    /// A purchase that is final at once.
    pub fn of(receipt_no: impl Into<String>, tenders: impl Into<Vec<NewTender>>) -> Self {
        Self { receipt_no: receipt_no.into(), tenders: tenders.into(), to_ship: false, open: false, invoice: None }
    }
}

/// Offers, seen from a unit of work: `work.offers()`.
pub struct Offers<'w, 't>(&'w mut UnitOfWork<'t>);

impl<'t> UnitOfWork<'t> {
    /// Offers to customers.
    pub fn offers(&mut self) -> Offers<'_, 't> {
        Offers(self)
    }
}

impl Offers<'_, '_> {
    /// Makes an offer, as a draft. With a cart it has its price at once: that of now, which is kept. Done once for each
    /// `idempotency_key`.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the branch or the customer; [`Error::Invalid`] with `offer.empty` without cart and
    /// inquiry, `offer.in_the_past`, and as [`price`](Self::price); [`Error::IdempotencyMismatch`].
    pub fn create(&mut self, new: &NewOffer, idempotency_key: &str) -> Result<OfferId> {
        let target = Target { branch: Some(new.branch), customer: new.customer, owner: None };
        let mut work = self.0.permit(WRITE, &target)?;
        if let Some(cart) = &new.cart {
            may_take_off(&work, cart, &target)?;
        }
        work.once("offers.create", idempotency_key, new, |work| {
            if new.inquiry.is_none() && new.cart.is_none() {
                return Err(Error::invalid("cart", "offer.empty"));
            }
            if new.expires_at <= work.now() {
                return Err(Error::invalid("expires_at", "offer.in_the_past"));
            }
            let inquiry = new.inquiry.as_deref().map(|text| required_text("inquiry", text, 2000)).transpose()?;
            let branch: Branch = work.get(new.branch)?;
            let customer = new.customer.map(|id| work.get::<Customer>(id)).transpose()?;
            let mut offer = Offer {
                id: work.new_id(),
                version: Version::FIRST,
                branch_id: branch.id,
                customer_id: customer.map(|customer| customer.id),
                state: OfferState::Draft,
                inquiry,
                quote: None,
                uses: Json(Vec::new()),
                made_at: work.now(),
                expires_at: new.expires_at,
                reason: None,
                purchase_id: None,
            };
            if let Some(cart) = &new.cart {
                offer.quote = Some(Json(priced(work, &offer, cart)?));
            }
            work.insert(&offer)?;
            work.emit(&OfferMoved::of(&offer, None))?;
            Ok(offer.id)
        })
    }

    /// Gives a draft its price: that of this cart now, which is kept, whatever rules and list prices do afterwards. Done
    /// once for each `idempotency_key`.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] with `offer.not_a_draft`, `discount.over_limit`, and as
    /// [`quote`](pricing::Pricing::quote); [`Error::IdempotencyMismatch`].
    pub fn price(&mut self, id: OfferId, cart: &Cart, idempotency_key: &str) -> Result<Money> {
        let (mut work, found) = self.0.permit_on::<Offer>(WRITE, id)?;
        may_take_off(&work, cart, &found.target())?;
        work.once("offers.price", idempotency_key, &(id, cart), |work| {
            let mut offer: Offer = work.lock(id)?;
            if offer.state != OfferState::Draft {
                return Err(Error::invalid("offer", "offer.not_a_draft"));
            }
            let quote = priced(work, &offer, cart)?;
            let total = quote.total();
            offer.quote = Some(Json(quote));
            work.update(&mut offer)?;
            work.emit(&OfferMoved::of(&offer, Some(OfferState::Draft)))?;
            Ok(total)
        })
    }

    /// Sends an offer: from now on its price holds, and it holds what it uses of limited rules (S-40). Delivering it is the
    /// host's business: [`text`](Self::text) is what it says. Done once for each `idempotency_key`.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] with `offer.step`, `offer.not_priced`, `offer.expired`, `limit.used_up`
    /// when a limit has no room for it any more; [`Error::IdempotencyMismatch`].
    pub fn send(&mut self, id: OfferId, idempotency_key: &str) -> Result<()> {
        let (mut work, _) = self.0.permit_on::<Offer>(WRITE, id)?;
        work.once("offers.send", idempotency_key, &id, |work| {
            let mut offer: Offer = work.lock(id)?;
            let to = offer.state.after(OfferAction::Send)?;
            in_time(work, &offer)?;
            let quote = offer.quote.as_ref().ok_or_else(|| Error::invalid("offer", "offer.not_priced"))?;
            let policy = pricing::policy(work)?;
            offer.uses = Json(pricing::take(work, &policy, &quote.0)?);
            moved(work, offer, to)
        })
    }

    /// Accepts an offer: it becomes a purchase, at its own price. Once only, however many try. Needs
    /// [`purchases::RECORD`] too. Done once for each `idempotency_key`.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] with `offer.step` when it was answered or withdrawn before,
    /// `offer.expired`; and as [`record`](purchases::Purchases::record).
    pub fn accept(&mut self, id: OfferId, acceptance: &Acceptance, idempotency_key: &str) -> Result<Receipt> {
        let (mut work, found) = self.0.permit_on::<Offer>(ANSWER, id)?;
        work.actor().require(purchases::RECORD, &found.target())?;
        work.once("offers.accept", idempotency_key, &(id, acceptance), |work| {
            let mut offer: Offer = work.lock(id)?;
            let to = offer.state.after(OfferAction::Accept)?;
            in_time(work, &offer)?;
            let quote = offer.quote.clone().ok_or_else(|| Error::invalid("offer", "offer.not_priced"))?.0;
            let products: Vec<ProductId> = quote.lines.iter().map(|line| line.product).collect();
            let lines: Vec<_> = quote.lines.iter().map(|line| NewLine::of(line.product, line.quantity)).collect();
            let new = NewPurchase {
                customer: offer.customer_id,
                to_ship: acceptance.to_ship,
                open: acceptance.open,
                invoice: acceptance.invoice.clone(),
                ..NewPurchase::of(offer.branch_id, &acceptance.receipt_no, lines, acceptance.tenders.clone())
            };
            // What the offer holds of limits is the purchase's from now on.
            let agreed = Agreed { quote, uses: std::mem::take(&mut offer.uses.0) };
            let receipt = purchases::record(work, &new, &products, Some(&agreed))?;
            offer.purchase_id = Some(receipt.purchase);
            moved(work, offer, to)?;
            Ok(receipt)
        })
    }

    /// Says that the customer does not want it. Done once for each `idempotency_key`.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] with `offer.step`; [`Error::IdempotencyMismatch`].
    pub fn decline(&mut self, id: OfferId, reason: Option<&str>, idempotency_key: &str) -> Result<()> {
        self.end(id, ANSWER, OfferAction::Decline, reason, idempotency_key)
    }

    /// Takes an offer back. Done once for each `idempotency_key`.
    ///
    /// # Errors
    /// As [`decline`](Self::decline).
    pub fn withdraw(&mut self, id: OfferId, reason: Option<&str>, idempotency_key: &str) -> Result<()> {
        self.end(id, WRITE, OfferAction::Withdraw, reason, idempotency_key)
    }

    fn end(
        &mut self,
        id: OfferId,
        permission: &'static str,
        action: OfferAction,
        reason: Option<&str>,
        idempotency_key: &str,
    ) -> Result<()> {
        let (mut work, _) = self.0.permit_on::<Offer>(permission, id)?;
        work.once("offers.end", idempotency_key, &(id, action, reason), |work| {
            let mut offer: Offer = work.lock(id)?;
            let to = offer.state.after(action)?;
            offer.reason = reason.map(|reason| required_text("reason", reason, 500)).transpose()?;
            let_go(work, &mut offer)?;
            moved(work, offer, to)
        })
    }

    /// Ends at most `limit` offers of a branch whose time is over, so that what they hold of limits is free again, and
    /// says how many. Nobody can accept one that is over, whether this was done or not.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`WRITE`].
    pub fn expire(&mut self, branch: BranchId, limit: Limit) -> Result<u32> {
        let mut work = self.0.permit(WRITE, &Target::branch(branch))?;
        let over = offer::branch_id.eq(branch).and(offer::expires_at.le(work.now()));
        let mut ended = 0;
        for state in [OfferState::Sent, OfferState::Draft] {
            let Ok(rest) = Limit::new(u32::from(limit).saturating_sub(ended)) else { break };
            for found in work.select(over.clone().and(offer::state.eq(state))).page(rest, None)?.items {
                let mut offer: Offer = work.lock(found.id)?;
                // Somebody may have ended it meanwhile.
                let Ok(to) = offer.state.after(OfferAction::Expire) else { continue };
                let_go(&mut work, &mut offer)?;
                moved(&mut work, offer, to)?;
                ended += 1;
            }
        }
        Ok(ended)
    }

    /// An offer.
    ///
    /// # Errors
    /// [`Error::NotFound`], also where the actor may not see it.
    pub fn get(&mut self, id: OfferId) -> Result<Offer> {
        self.0.within(READ)?.get(id)
    }

    /// One page of the offers of a branch in a state, those that expire first at the beginning, narrowed to what the actor
    /// may see.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn of_branch(
        &mut self,
        branch: BranchId,
        state: OfferState,
        limit: Limit,
        after: Option<&Cursor>,
    ) -> Result<Page<Offer>> {
        let filter = offer::branch_id.eq(branch).and(offer::state.eq(state));
        self.0.within(READ)?.select(filter).order_by(offer::expires_at).page(limit, after)
    }

    /// One page of the offers to a customer, the latest first, narrowed to what the actor may see.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn of_customer(&mut self, customer: CustomerId, limit: Limit, after: Option<&Cursor>) -> Result<Page<Offer>> {
        let mut visible = self.0.within(READ)?;
        let ids = customers::ids_of(&mut visible, customer)?;
        let filter = one_of(offer::customer_id, &ids);
        visible.select(filter).order_by(offer::made_at).descending().page(limit, after)
    }

    /// What an offer says: its lines, what was taken off each and why, and the sums, ready to print.
    ///
    /// # Errors
    /// [`Error::NotFound`], also where the actor may not see it; [`Error::Invalid`] with `offer.not_priced`.
    pub fn text(&mut self, id: OfferId, language: Language) -> Result<String> {
        let (mut work, offer) = self.0.permit_on::<Offer>(READ, id)?;
        let quote = offer.quote.ok_or_else(|| Error::invalid("offer", "offer.not_priced"))?.0;
        let ids: Vec<ProductId> = quote.lines.iter().map(|line| line.product).collect();
        let products = work.get_many::<Product>(&ids)?.into_iter().flatten();
        let products: BTreeMap<ProductId, String> = products.map(|product| (product.id, product.name)).collect();
        let policy = pricing::policy(&mut work)?;
        let product = |id: ProductId| products.get(&id).cloned();
        let rule = |id: PriceRuleId| policy.rule_name(id).map(ToOwned::to_owned);
        explain(&quote, language, work.currencies(), &Names { product: &product, rule: &rule })
    }
}

fn may_take_off(work: &Permit<'_, '_>, cart: &Cart, target: &Target) -> Result<()> {
    if cart.extra.is_empty() && cart.cash.is_none() { Ok(()) } else { work.actor().require(pricing::DISCOUNT, target) }
}

/// The price of a cart, as it will be promised. The rules that lost are nobody's business outside.
fn priced(work: &mut Permit<'_, '_>, offer: &Offer, cart: &Cart) -> Result<Quote> {
    let (branch, customer) = (offer.branch_id, offer.customer_id);
    let request = QuoteRequest { branch, customer, at: None, cart: cart.clone() };
    let (mut quote, _) = pricing::price(work, &request)?;
    pricing::within_limits(work, &quote)?;
    for line in &mut quote.lines {
        line.lost.clear();
    }
    Ok(quote)
}

fn in_time(work: &Permit<'_, '_>, offer: &Offer) -> Result<()> {
    if work.now() < offer.expires_at { Ok(()) } else { Err(Error::invalid("offer", "offer.expired")) }
}

/// Gives back what an offer holds of limits.
fn let_go(work: &mut Permit<'_, '_>, offer: &mut Offer) -> Result<()> {
    let held = std::mem::take(&mut offer.uses.0);
    pricing::give_back(work, held.iter().map(|used| (used, used.amount)))
}

fn moved(work: &mut Permit<'_, '_>, mut offer: Offer, to: OfferState) -> Result<()> {
    let from = std::mem::replace(&mut offer.state, to);
    work.update(&mut offer)?;
    work.emit(&OfferMoved::of(&offer, Some(from))).map(drop)
}
