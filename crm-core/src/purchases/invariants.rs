//! What is true of purchases at all times.

use std::collections::BTreeMap;

use super::event::PURCHASE_RECORDED;
use super::model::{Purchase, PurchaseId, PurchaseLine, Tender};
use crate::Result;
use crate::catalog::Product;
use crate::journal::journal_entry;
use crate::module::Violation;
use crate::work::{Filter, Permit};

/// What the lines of a purchase come to.
#[derive(Default)]
struct Sums {
    total: i64,
    /// By tender.
    shares: Vec<i64>,
    /// A line whose figures or shares do not make its total.
    wrong: bool,
}

impl Sums {
    fn add(&mut self, line: &PurchaseLine) {
        let price = line.list_minor() - line.discount_minor - line.order_discount_minor;
        let total = if line.tax_included { price } else { price.saturating_add(line.tax_minor) };
        let shares = &line.tender_shares.0;
        let paid = shares.iter().fold(0_i64, |sum, share| sum.saturating_add(*share));
        self.wrong |= total != line.total_minor || paid != line.total_minor || shares.iter().any(|share| *share < 0);
        self.total = self.total.saturating_add(line.total_minor);
        self.shares.resize(self.shares.len().max(shares.len()), 0);
        for (sum, share) in self.shares.iter_mut().zip(shares) {
            *sum = sum.saturating_add(*share);
        }
    }
}

/// The figures of every line make its total, and so do its shares; the lines and the tenders of every purchase sum to its
/// total; and the shares of every tender sum to its amount (T-10).
pub fn sums_agree(work: &mut Permit<'_, '_>) -> Result<Vec<Violation>> {
    let mut lines = BTreeMap::<PurchaseId, Sums>::new();
    work.select(Filter::<PurchaseLine>::all()).for_each(|line| {
        lines.entry(line.purchase_id).or_default().add(&line);
        Ok(())
    })?;
    let mut tenders = BTreeMap::<PurchaseId, Vec<i64>>::new();
    work.select(Filter::<Tender>::all()).for_each(|tender| {
        tenders.entry(tender.purchase_id).or_default().push(tender.amount_minor);
        Ok(())
    })?;
    let mut violations = Vec::new();
    let mut report = |id: PurchaseId, what: &str| {
        violations.push(Violation { invariant: "purchases.sums", what: format!("{id}: {what}") });
    };
    work.select(Filter::<Purchase>::all()).for_each(|purchase| {
        let sums = lines.remove(&purchase.id);
        let paid = tenders.remove(&purchase.id);
        if sums.as_ref().map(|sums| sums.total) != Some(purchase.total_minor) {
            report(purchase.id, "its lines do not sum to its total");
        }
        let total = |paid: &Vec<i64>| paid.iter().fold(0_i64, |sum, amount| sum.saturating_add(*amount));
        if paid.as_ref().map(total) != Some(purchase.total_minor) {
            report(purchase.id, "its tenders do not sum to its total");
        }
        if sums.as_ref().is_some_and(|sums| sums.wrong) {
            report(purchase.id, "the figures or the shares of a line do not make its total");
        }
        if sums.map(|sums| sums.shares) != paid {
            report(purchase.id, "the shares of a tender do not sum to its amount");
        }
        Ok(())
    })?;
    for id in lines.keys().chain(tenders.keys()) {
        report(*id, "lines or tenders of no purchase");
    }
    Ok(violations)
}

/// Every purchase of a customer stands in their history, where [`Purchases::of_customer`](super::Purchases::of_customer) finds it.
pub fn stand_in_the_history(work: &mut Permit<'_, '_>) -> Result<Vec<Violation>> {
    let mut told = std::collections::BTreeSet::new();
    work.select(journal_entry::kind.eq(PURCHASE_RECORDED)).for_each(|entry| {
        told.extend(entry.customer_id.zip(entry.reference_id));
        Ok(())
    })?;
    let mut violations = Vec::new();
    work.select(Filter::<Purchase>::all()).for_each(|purchase| {
        if purchase.customer_id.is_some_and(|customer| !told.contains(&(customer, purchase.id.into()))) {
            let what = format!("{}: does not stand in its customer's history", purchase.id);
            violations.push(Violation { invariant: "purchases.history", what });
        }
        Ok(())
    })?;
    Ok(violations)
}

/// The product of every line exists. No foreign key says so: it would be a query for every line that is written.
pub fn lines_name_products(work: &mut Permit<'_, '_>) -> Result<Vec<Violation>> {
    let mut products = std::collections::BTreeSet::new();
    work.select(Filter::<Product>::all()).for_each(|product| {
        products.insert(product.id);
        Ok(())
    })?;
    let mut violations = Vec::new();
    work.select(Filter::<PurchaseLine>::all()).for_each(|line| {
        if !products.contains(&line.product_id) {
            let what = format!("{}: line {} is of a product that does not exist", line.purchase_id, line.line_no);
            violations.push(Violation { invariant: "purchases.products", what });
        }
        Ok(())
    })?;
    Ok(violations)
}
