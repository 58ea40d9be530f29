//! A shop floor for checks of what is given: a branch, something to buy, members, and a programme.

use std::sync::Arc;
use std::time::Duration;

use crm_core::access::{Actor, Principal, Reach, UserId};
use crm_core::branches::BranchId;
use crm_core::catalog::{NewProduct, ProductId};
use crm_core::conformance::{Bench, Factory};
use crm_core::customers::{Customer, CustomerId, NewCustomer};
use crm_core::kernel::currency::Currency;
use crm_core::kernel::money::Money;
use crm_core::kernel::page::Limit;
use crm_core::kernel::time::{Clock, Timestamp, Zone};
use crm_core::loyalty::Asset;
use crm_core::loyalty::ledger::rules::Amounts;
use crm_core::loyalty::ledger::{AccountId, Balance};
use crm_core::loyalty::programme::Programme;
use crm_core::module::{OutboxMessage, outbox_message};
use crm_core::purchases::{NewLine, NewPurchase, NewTender, PurchaseId};
use crm_core::reexport::Uuid;
use crm_core::returns::{NewReturn, NewReturnLine};
use crm_core::work::{Entity, Filter};
use crm_core::{Error, Result};

use super::open;
use crate::ledger::Book;
use crate::programme::NewVersion;
use crate::{NOTICES, WorkLoyalty};

pub(super) const POINTS: Asset = Asset::Points;
pub(super) const DAY: Duration = Duration::from_secs(24 * 3600);

pub(super) fn credit() -> Asset {
    Asset::Credit(Currency::PLN)
}

/// The shop.
pub(super) struct Floor {
    pub(super) bench: Bench,
    pub(super) branch: BranchId,
    /// A service for one złoty, of which any number can be sold.
    pub(super) zloty: ProductId,
}

impl Floor {
    /// A shop whose programme gives what `terms` say, beside nothing.
    pub(super) fn new(factory: Factory<'_>, terms: impl FnOnce(&mut Programme)) -> Arc<Self> {
        let bench = open(factory);
        let branch = bench.branch("Warsaw").id;
        let one = Money::new(100, Currency::PLN);
        let zloty =
            bench.run(move |work| work.catalog().create_product(NewProduct::service("z", "z", one))).unwrap().id;
        let floor = Self { bench, branch, zloty };
        floor.programme(terms);
        Arc::new(floor)
    }

    /// Another version of the programme.
    pub(super) fn programme(&self, terms: impl FnOnce(&mut Programme)) {
        let mut programme = Programme::new("Club", Zone::new("Europe/Warsaw").unwrap());
        terms(&mut programme);
        self.bench.run(move |work| work.loyalty().save_programme(NewVersion::now(programme.clone()))).unwrap();
    }

    pub(super) fn member(&self, name: &str) -> CustomerId {
        self.bench.customer(NewCustomer { branch: Some(self.branch), ..NewCustomer::person(name) }).id
    }

    pub(super) fn brought(&self, name: &str, referrer: CustomerId) -> CustomerId {
        self.register(NewCustomer { referrer: Some(referrer), ..NewCustomer::person(name) }).unwrap().id
    }

    pub(super) fn register(&self, new: NewCustomer) -> Result<Customer> {
        self.bench.run(move |work| work.customers().create(new.clone()))
    }

    /// Somebody buys for so many złoty.
    pub(super) fn buy(&self, customer: CustomerId, receipt: &str, zlotys: i64) -> PurchaseId {
        self.try_buy(customer, receipt, zlotys, vec![NewTender::cash_rest()]).unwrap()
    }

    pub(super) fn try_buy(
        &self,
        customer: CustomerId,
        receipt: &str,
        zlotys: i64,
        tenders: Vec<NewTender>,
    ) -> Result<PurchaseId> {
        let lines = vec![NewLine::of(self.zloty, zlotys)];
        let new = NewPurchase::of(self.branch, receipt, lines, tenders).by(customer);
        self.record(new)
    }

    pub(super) fn record(&self, new: NewPurchase) -> Result<PurchaseId> {
        let key = new.receipt_no.clone();
        Ok(self.bench.run(move |work| work.purchases().record(&new, &key))?.purchase)
    }

    /// So many pieces of the first line come back.
    pub(super) fn bring_back(&self, purchase: PurchaseId, pieces: i64, key: &str) {
        let new = NewReturn::of(purchase, [NewReturnLine::of(1, pieces)]);
        let key = key.to_owned();
        self.bench.run(move |work| work.returns().record(&new, &key)).unwrap();
    }

    /// What an account holds now, with everything done that is due.
    pub(super) fn holds(&self, customer: CustomerId, asset: Asset) -> Amounts {
        self.bench
            .run(move |work| {
                Book::open(work, customer.into())?.close(work)?;
                let balance = work.find::<Balance>(&(AccountId::from(customer), asset))?;
                Ok(balance.map_or(Amounts::default(), |Balance { available, pending, held, debt, .. }| Amounts {
                    available,
                    pending,
                    held,
                    debt,
                }))
            })
            .unwrap()
    }

    pub(super) fn available(&self, customer: CustomerId, asset: Asset) -> i64 {
        self.holds(customer, asset).available
    }

    /// How many notices there are in the outbox.
    pub(super) fn notices(&self) -> Vec<serde_json::Value> {
        let all = outbox_message::topic.eq(NOTICES);
        let found: Vec<OutboxMessage> = self.bench.read(move |work| work.select(all.clone()).all()).unwrap();
        found.into_iter().map(|message| message.payload.0).collect()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.bench.clock.now()
    }
}

/// A member of staff with these permissions everywhere.
pub(super) fn clerk(number: u128, permissions: &[&'static str]) -> Actor {
    let principal = Principal::User(UserId::from(Uuid::from_u128(number)));
    permissions.iter().fold(Actor::new(principal), |actor, name| actor.granted(*name, Reach::all()))
}

pub(super) fn rule<T: std::fmt::Debug>(result: Result<T>) -> &'static str {
    match result {
        Err(Error::Invalid { rule, .. }) => rule,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

pub(super) fn limit(rows: u32) -> Limit {
    Limit::new(rows).unwrap()
}

pub(super) fn everything<E: Entity>() -> Filter<E> {
    Filter::all()
}
