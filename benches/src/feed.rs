//! Purchases to record, one after the other, for any number of callers.

use std::sync::atomic::{AtomicU64, Ordering};

use crm_core::purchases::{NewLine, NewPurchase, NewTender};
use uuid::Uuid;

use crate::data::Shop;

/// A purchase of three lines, and the key under which it is recorded once.
#[derive(Debug, Clone)]
pub struct Draft {
    /// What to record.
    pub purchase: NewPurchase,
    /// The idempotency key.
    pub key: String,
}

/// An endless supply of purchases, each given out once.
#[derive(Debug)]
pub struct Feed {
    /// The shop in which they happen.
    pub shop: Shop,
    next: AtomicU64,
}

impl Feed {
    /// Purchases in this shop.
    pub fn new(shop: Shop) -> Self {
        Self { shop, next: AtomicU64::new(1) }
    }

    /// The next purchase.
    pub fn next(&self) -> Draft {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut random = fastrand::Rng::with_seed(number);
        let mut products = Vec::with_capacity(3);
        while products.len() < 3 {
            let product = self.shop.products[random.usize(..self.shop.products.len())];
            if !products.contains(&product) {
                products.push(product);
            }
        }
        // Whoever locks rows locks them in the order of their ids.
        products.sort_unstable();
        let branch = self.shop.branches[random.usize(..self.shop.branches.len())];
        let customer = self.shop.customers[random.usize(..self.shop.customers.len())];
        let lines: Vec<_> = products.into_iter().map(|product| NewLine::of(product, random.i64(1..4))).collect();
        let purchase = NewPurchase::of(branch, format!("R{number}"), lines, [NewTender::cash_rest()]).by(customer);
        Draft { purchase, key: Uuid::from_u128(u128::from(number)).to_string() }
    }
}
