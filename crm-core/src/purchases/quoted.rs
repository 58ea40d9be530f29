//! Recording a purchase at the price of a quote (S-46, S-47).

use serde::{Deserialize, Serialize};

use super::discounts::Agreed;
use super::new::{NewLine, NewPurchase, NewTender};
use super::record::record;
use super::rules::Figures;
use super::service::{Purchases, RECORD, Receipt};
use crate::access::Target;
use crate::branches::Branch;
use crate::catalog::{Product, ProductId, Stock};
use crate::customers::Customer;
use crate::kernel::money::Money;
use crate::kernel::rate::Rate;
use crate::pricing::{self, Adjustment, Cart, CartLine, Discount, Extra, Per, Quote, QuoteRequest, Stage, TaxMode};
use crate::work::CommandRecord;
use crate::{Error, Result};

/// The price a purchase is to be recorded at: that of the quote with this digest, as long as it still is the price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByQuote {
    /// What the seller took off by hand: needs [`DISCOUNT`](pricing::DISCOUNT).
    #[serde(default)]
    pub extra: Vec<Extra>,
    /// The cash discount on the bill: needs [`DISCOUNT`](pricing::DISCOUNT).
    #[serde(default)]
    pub cash: Option<Discount>,
    /// The [digest](Quote::digest) of the quote that was agreed upon.
    pub digest: [u8; 32],
}

impl ByQuote {
    /// What was asked, at the price that was told.
    pub fn of(request: &QuoteRequest, quote: &Quote) -> Self {
        Self { extra: request.cart.extra.clone(), cash: request.cart.cash.clone(), digest: quote.digest() }
    }

    fn request(&self, new: &NewPurchase) -> QuoteRequest {
        let lines = new.lines.iter().map(|line| CartLine { product: line.product, quantity: line.quantity }).collect();
        let cart = Cart { lines, extra: self.extra.clone(), cash: self.cash.clone() };
        QuoteRequest { branch: new.branch, customer: new.customer, at: new.occurred_at, cart }
    }
}

/// What became of a purchase that was to be recorded at the price of a quote.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a price that has changed records nothing"]
pub enum Recorded {
    /// It is recorded.
    Done(Receipt),
    /// It is not, for the price is another one by now: this one. Nothing was written, and the idempotency key is not
    /// used: whoever agrees to the new price sends the same purchase with its digest.
    Changed(Box<Quote>),
}

impl NewPurchase {
    /// What was asked the price of, to be recorded with [`record_quoted`](Purchases::record_quoted).
    pub fn quoted(request: &QuoteRequest, receipt_no: impl Into<String>, tenders: impl Into<Vec<NewTender>>) -> Self {
        let lines: Vec<_> = request.cart.lines.iter().map(|line| NewLine::of(line.product, line.quantity)).collect();
        let new = Self::of(request.branch, receipt_no, lines, tenders);
        Self { customer: request.customer, occurred_at: request.at, ..new }
    }
}

impl Purchases<'_, '_> {
    /// Records a purchase at the price of a quote: prices it again by what is stored, and records it if that comes to the
    /// same (S-47). The lines say product and quantity alone. Their discounts and taxes are stored, with the rules and
    /// versions they come from; the limits of rules are counted in the same transaction (S-40).
    ///
    /// Needs [`pricing::READ`] beside [`RECORD`], but not [`SET_PRICE`](super::SET_PRICE).
    ///
    /// # Errors
    /// As [`record`](Self::record) and [`quote`](pricing::Pricing::quote); [`Error::Invalid`] with `quote.own_price` for a
    /// line with a price of its own, `limit.used_up` when somebody else has just used up the limit of a rule,
    /// `discount.over_limit` for more by hand than the actor may take off.
    pub fn record_quoted(&mut self, new: &NewPurchase, price: &ByQuote, idempotency_key: &str) -> Result<Recorded> {
        let target = Target { branch: Some(new.branch), customer: new.customer, owner: None };
        self.0.permit(pricing::READ, &target)?;
        let mut work = self.0.permit(RECORD, &target)?;
        if !price.extra.is_empty() || price.cash.is_some() {
            work.actor().require(pricing::DISCOUNT, &target)?;
        }
        let products: Vec<ProductId> = new.lines.iter().map(|line| line.product).collect();
        let stock: Vec<_> = products.iter().map(|product| (*product, new.branch)).collect();
        let command = work.command_key("purchases.record", idempotency_key);
        work.expect::<CommandRecord>(&[command]);
        work.expect::<Branch>(&[new.branch]);
        work.expect::<Customer>(new.customer.as_slice());
        work.expect::<Product>(&products);
        work.expect::<Stock>(&stock);
        // A repetition is answered by what was stored, whatever the price is by now.
        let mut priced = None;
        if work.find::<CommandRecord>(&command)?.is_none() {
            if new.history_only || new.lines.iter().any(|line| line.unit_price.is_some() || line.figures.is_some()) {
                return Err(Error::invalid("lines", "quote.own_price"));
            }
            let (quote, policy) = pricing::price(&mut work, &price.request(new))?;
            pricing::within_limits(&mut work, &quote)?;
            if quote.digest() != price.digest {
                return Ok(Recorded::Changed(Box::new(quote)));
            }
            priced = Some((quote, policy));
        }
        let receipt = work.once("purchases.record", idempotency_key, &(new, price), |work| {
            let (quote, policy) = priced.ok_or(Error::Conflict { kind: "command" })?;
            let uses = pricing::take(work, &policy, &quote)?;
            record(work, new, &products, Some(&Agreed { quote, uses }))
        })?;
        Ok(Recorded::Done(receipt))
    }
}

/// The lines of a quote as lines of a purchase.
pub(super) fn lines(quote: &Quote) -> Result<Vec<NewLine>> {
    let money = |minor| Money::new(minor, quote.currency);
    let mut lines = Vec::with_capacity(quote.lines.len());
    for line in &quote.lines {
        let (mut discount, mut order_discount) = (0_i64, 0_i64);
        for taken in &line.taken {
            let on_order = matches!(taken.how, Adjustment::Amount { per: Per::Order, .. });
            let sum = if on_order || taken.stage == Stage::Cash { &mut order_discount } else { &mut discount };
            *sum = sum.checked_add(taken.off_minor).ok_or_else(|| Error::invalid("discount", "money.overflow"))?;
        }
        let tax = line.tax.as_ref();
        lines.push(NewLine {
            product: line.product,
            quantity: line.quantity,
            unit_price: Some(money(line.unit_minor)),
            figures: Some(Figures {
                discount: money(discount),
                order_discount: money(order_discount),
                tax: money(tax.map_or(0, |tax| tax.tax_minor)),
                tax_rate: tax.map_or(Rate::ZERO, |tax| tax.rate),
                tax_included: tax.is_none_or(|tax| tax.mode == TaxMode::Included),
            }),
        });
    }
    Ok(lines)
}
