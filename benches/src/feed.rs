//! Purchases to record, one after the other, for any number of callers.

use std::sync::atomic::{AtomicU64, Ordering};

use crm_core::kernel::money::Money;
use crm_core::purchases::{NewLine, NewPurchase, NewTender};
use crm_loyalty::redemption::credit;
use uuid::Uuid;

use crate::club;
use crate::data::Shop;

/// A purchase of three lines, and the key under which it is recorded once.
#[derive(Debug, Clone)]
pub struct Draft {
    /// What to record.
    pub purchase: NewPurchase,
    /// The idempotency key.
    pub key: String,
    /// What of it is paid with credit, in minor units.
    pub credit_minor: i64,
}

/// An endless supply of purchases, each given out once.
#[derive(Debug)]
pub struct Feed {
    /// The shop in which they happen.
    pub shop: Shop,
    /// Whether its customers are members of the club.
    pub club: bool,
    /// Which of the purchases pays a part with credit: every second, each, or none.
    redeems: Option<u64>,
    next: AtomicU64,
}

impl Feed {
    /// Purchases in this shop.
    pub fn new(shop: Shop) -> Self {
        Self { shop, club: false, redeems: None, next: AtomicU64::new(1) }
    }

    /// Purchases of members, of which every second pays a part with credit.
    pub fn of_members(shop: Shop) -> Self {
        Self { club: true, redeems: Some(2), ..Self::new(shop) }
    }

    /// Purchases of members, each of which pays a part with credit.
    pub fn of_redeemers(shop: Shop) -> Self {
        Self { club: true, redeems: Some(1), ..Self::new(shop) }
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
        let redeems = self.redeems.is_some_and(|every| number.is_multiple_of(every));
        let credit_minor = if redeems { club::PART } else { 0 };
        let credit = (credit_minor > 0).then(|| credit(Money::new(credit_minor, self.shop.currency)));
        let tenders: Vec<_> = credit.into_iter().chain([NewTender::cash_rest()]).collect();
        let purchase = NewPurchase::of(branch, format!("R{number}"), lines, tenders).by(customer);
        Draft { purchase, key: Uuid::from_u128(u128::from(number)).to_string(), credit_minor }
    }
}
