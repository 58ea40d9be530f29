//! Every operation of the core, in one list: what `conformance/access.rs` measures against every grant and every reach.

use std::time::Duration;

use super::bench::{Bench, at, zloty};
use super::purchases::{receive, sale};
use super::sales;
use crate::Result;
use crate::access::{Scoped, Target, UserId};
use crate::branches::{self, Branch, NewBranch};
use crate::catalog::{self, Category, NewProduct, Product};
use crate::customers::{self, Customer, Identifiers, NewCustomer};
use crate::instalments::{self, ChequeAction, ChequeState, NewCheque, NewPayment};
use crate::invoices::{self, NewSeries};
use crate::journal::{self, JournalQuery};
use crate::kernel::page::Limit;
use crate::kernel::time::CivilDate;
use crate::module::{self, OutboxId};
use crate::purchases::{self, NewLine, NewPurchase, NewTender, PurchaseId};
use crate::returns::{self, NewReturn, NewReturnLine};
use crate::shipping::{self, PickQuery, ShipLine};
use crate::work::{Filter, UnitOfWork};

/// What there is to act upon.
#[derive(Clone)]
pub(super) struct World {
    pub(super) branch: Branch,
    pub(super) elsewhere: Branch,
    pub(super) customer: Customer,
    pub(super) other: Customer,
    pub(super) product: Product,
    pub(super) category: Category,
    pub(super) purchase: PurchaseId,
    pub(super) message: OutboxId,
    pub(super) new: NewPurchase,
    pub(super) owner: UserId,
    /// What was sold to the customer at the branch.
    pub(super) sales: sales::World,
}

impl World {
    pub(super) fn new(bench: &Bench) -> Self {
        let (branch, elsewhere) = (bench.branch("access"), bench.branch("elsewhere"));
        let owner = UserId::from(uuid::Uuid::from_u128(7));
        let person = |card: &str, branch: &Branch, owner| {
            let new = NewCustomer { branch: Some(branch.id), owner, ..NewCustomer::person("Access") };
            bench.customer(new.with_card(card).with_phone(format!("+4860123456{}", card.len()))).id
        };
        let (customer, other) = (person("A1", &branch, Some(owner)), person("A23", &elsewhere, None));
        let product = bench.goods("access", 100);
        let category = bench.run(|work| work.catalog().create_category(None, "Access")).unwrap();
        let mut recorded = Vec::new();
        for (branch, customer) in [(branch.id, customer), (elsewhere.id, customer), (elsewhere.id, other)] {
            receive(bench, &product, branch, 100);
            let receipt = recorded.len().to_string();
            let new = NewPurchase { customer: Some(customer), ..sale(branch, &receipt, product.id, 1) };
            recorded.push(bench.run(move |work| work.purchases().record(&new, &receipt)).unwrap().purchase);
        }
        let message = bench.run(|work| work.send("email", serde_json::json!(null))).unwrap();
        let new = NewPurchase { customer: Some(customer), ..sale(branch.id, "new", product.id, 1) };
        // The purchases have changed the stage.
        let get = |id| bench.read(move |work| work.customers().get(id)).unwrap();
        let (customer, other, purchase) = (get(customer), get(other), recorded[0]);
        let shop = sales::Shop { branch: branch.id, customer: customer.id, tea: product.id, cup: product.id };
        bench.run(move |work| work.invoices().create_series(&NewSeries::yearly(shop.branch, "FV", "FV/"))).unwrap();
        let sales = sales::world(bench, shop);
        Self { branch, elsewhere, customer, other, product, category, purchase, message, new, owner, sales }
    }

    /// To whom belongs what was sold.
    fn sale(&self) -> Target {
        Target { customer: Some(self.customer.id), ..Target::branch(self.branch.id) }
    }

    /// The same world, with ids and codes of what is not there.
    pub(super) fn absent(&self) -> Self {
        let mut absent = self.clone();
        let nobody = uuid::Uuid::max();
        absent.branch.id = nobody.into();
        absent.customer.id = nobody.into();
        absent.customer.card_no = Some("nobody".into());
        absent.customer.phone = Some(crate::kernel::phone::Phone::from_e164("+48609999999").unwrap());
        absent.purchase = nobody.into();
        let sales = &mut absent.sales;
        (sales.shop.branch, sales.shop.customer) = (nobody.into(), nobody.into());
        (sales.open, sales.invoiced, sales.owed) = (nobody.into(), nobody.into(), nobody.into());
        (sales.invoice, sales.returned, sales.cheque) = (nobody.into(), nobody.into(), nobody.into());
        absent.new = NewPurchase { branch: absent.branch.id, customer: Some(absent.customer.id), ..absent.new };
        absent
    }
}

/// A public operation.
pub struct Operation {
    /// The noun and the method: `customers.get`.
    pub name: &'static str,
    /// The permissions it asks for.
    pub permissions: &'static [&'static str],
    /// Whether it changes anything.
    pub writes: bool,
    /// Does it, and says to whom what it has shown or changed belongs.
    pub(super) run: fn(&mut UnitOfWork<'_>, &World) -> Result<Vec<Target>>,
}

type Run = fn(&mut UnitOfWork<'_>, &World) -> Result<Vec<Target>>;

const fn reads(name: &'static str, permissions: &'static [&'static str], run: Run) -> Operation {
    Operation { name, permissions, writes: false, run }
}

const fn writes(name: &'static str, permissions: &'static [&'static str], run: Run) -> Operation {
    Operation { name, permissions, writes: true, run }
}

fn belonging<E: Scoped>(records: &[E]) -> Vec<Target> {
    records.iter().map(Scoped::target).collect()
}

fn anybodys<T>(_: T) -> Vec<Target> {
    vec![Target::ANY]
}

/// Every public operation of the core. One without a row fails a test.
pub const OPERATIONS: &[Operation] = &[
    writes("branches.create", &[branches::WRITE], |work, _| {
        work.branches().create(NewBranch::named("new", "UTC", "PLN")).map(anybodys)
    }),
    writes("branches.update", &[branches::WRITE], |work, world| {
        work.branches().update(&mut world.branch.clone())?;
        Ok(vec![world.branch.target()])
    }),
    reads("branches.get", &[branches::READ], |work, world| Ok(belonging(&[work.branches().get(world.branch.id)?]))),
    reads("branches.page", &[branches::READ], |work, _| {
        Ok(belonging(&work.branches().page(Limit::default(), None)?.items))
    }),
    writes("customers.create", &[customers::WRITE], |work, world| {
        let (branch, owner) = (Some(world.branch.id), Some(world.owner));
        let new = NewCustomer { branch, owner, ..NewCustomer::person("New") };
        // It belongs to nobody before it is there: a customer creates no customer.
        Ok(vec![Target { customer: None, ..work.customers().create(new)?.target() }])
    }),
    writes("customers.update", &[customers::WRITE], |work, world| {
        let mut changed = world.customer.clone();
        changed.name = "Changed".into();
        work.customers().update(&mut changed)?;
        Ok(vec![world.customer.target()])
    }),
    writes("customers.relate", &[customers::WRITE], |work, world| {
        work.customers().relate(world.customer.id, "friend", world.other.id)?;
        Ok(vec![world.customer.target(), world.other.target()])
    }),
    reads("customers.get", &[customers::READ], |work, world| {
        Ok(belonging(&[work.customers().get(world.customer.id)?]))
    }),
    reads("customers.page", &[customers::READ], |work, _| {
        Ok(belonging(&work.customers().page(Filter::all(), Limit::default(), None)?.items))
    }),
    reads("customers.search", &[customers::READ], |work, _| {
        let found = work.customers().search("access", Limit::default())?;
        Ok(found.iter().map(|found| found.customer.target()).collect())
    }),
    reads("customers.identify", &[customers::READ], |work, world| {
        let identifiers = Identifiers { card: world.customer.card_no.clone(), ..Identifiers::default() };
        Ok(belonging(&[work.customers().identify(&identifiers)?]))
    }),
    reads("customers.by_phone", &[customers::READ], |work, world| {
        let phone = world.customer.phone.as_ref().map_or("", |phone| phone.as_str()).to_owned();
        Ok(belonging(&[work.customers().by_phone(&phone)?]))
    }),
    reads("customers.relations", &[customers::READ], |work, world| {
        work.customers().relations(world.customer.id)?;
        Ok(vec![world.customer.target()])
    }),
    writes("catalog.create_category", &[catalog::WRITE], |work, _| {
        work.catalog().create_category(None, "New").map(anybodys)
    }),
    writes("catalog.move_category", &[catalog::WRITE], |work, world| {
        work.catalog().move_category(world.category.id, None).map(anybodys)
    }),
    writes("catalog.create_product", &[catalog::WRITE], |work, _| {
        work.catalog().create_product(NewProduct::goods("new", "New", zloty(1))).map(anybodys)
    }),
    writes("catalog.update_product", &[catalog::WRITE], |work, world| {
        work.catalog().update_product(&mut world.product.clone()).map(anybodys)
    }),
    reads("catalog.subtree", &[catalog::READ], |work, world| work.catalog().subtree(world.category.id).map(anybodys)),
    reads("catalog.product", &[catalog::READ], |work, world| work.catalog().product(world.product.id).map(anybodys)),
    reads("catalog.product_by_sku", &[catalog::READ], |work, _| work.catalog().product_by_sku("access").map(anybodys)),
    reads("catalog.products", &[catalog::READ], |work, _| {
        work.catalog().products(None, Limit::default(), None).map(anybodys)
    }),
    reads("catalog.on_hand", &[catalog::READ], |work, world| {
        work.catalog().on_hand(world.product.id, world.branch.id)?;
        Ok(vec![world.branch.target()])
    }),
    reads("catalog.movements", &[catalog::READ], |work, world| {
        let page = work.catalog().movements(world.product.id, world.branch.id, Limit::default(), None)?;
        Ok(belonging(&page.items))
    }),
    writes("catalog.receive", &[catalog::STOCK], |work, world| {
        work.catalog().receive(world.product.id, world.branch.id, 1)?;
        Ok(vec![world.branch.target()])
    }),
    writes("catalog.correct", &[catalog::STOCK], |work, world| {
        work.catalog().correct(world.product.id, world.branch.id, -1)?;
        Ok(vec![world.branch.target()])
    }),
    writes("purchases.record", &[purchases::RECORD], |work, world| {
        work.purchases().record(&world.new, "new")?;
        Ok(vec![Target { customer: world.new.customer, ..Target::branch(world.new.branch) }])
    }),
    writes("purchases.record", &[purchases::RECORD, purchases::SET_PRICE], |work, world| {
        let lines = vec![NewLine { unit_price: Some(zloty(1)), ..NewLine::of(world.product.id, 1) }];
        work.purchases().record(&NewPurchase { lines, ..world.new.clone() }, "cheap")?;
        let branch = Target::branch(world.new.branch);
        Ok(vec![Target { customer: world.new.customer, ..branch }, branch])
    }),
    reads("purchases.get", &[purchases::READ], |work, world| Ok(belonging(&[work.purchases().get(world.purchase)?.0]))),
    reads("purchases.of_customer", &[purchases::READ], |work, world| {
        Ok(belonging(&work.purchases().of_customer(world.customer.id, Limit::default(), None)?.items))
    }),
    writes("purchases.record", &[purchases::RECORD, purchases::BACKDATE], |work, world| {
        let occurred_at = Some(at("2025-03-20T12:00:00Z"));
        work.purchases().record(&NewPurchase { occurred_at, ..world.new.clone() }, "late")?;
        let branch = Target::branch(world.new.branch);
        Ok(vec![Target { customer: world.new.customer, ..branch }, branch])
    }),
    writes("purchases.record", &[purchases::RECORD, purchases::IMPORT], |work, world| {
        work.purchases().record(&NewPurchase { history_only: true, ..world.new.clone() }, "old")?;
        Ok(vec![Target { customer: world.new.customer, ..Target::branch(world.new.branch) }])
    }),
    writes("purchases.record", &[purchases::RECORD, instalments::GRANT], |work, world| {
        let tenders = vec![NewTender::instalments(zloty(100), &sales::monthly("2025-04-01", 3))?];
        work.purchases().record(&NewPurchase { tenders, ..world.new.clone() }, "credit")?;
        Ok(vec![Target { customer: world.new.customer, ..Target::branch(world.new.branch) }])
    }),
    writes("purchases.record", &[purchases::RECORD, invoices::ISSUE], |work, world| {
        work.purchases().record(&NewPurchase { invoice: Some("FV".into()), ..world.new.clone() }, "invoiced")?;
        Ok(vec![Target { customer: world.new.customer, ..Target::branch(world.new.branch) }])
    }),
    writes("purchases.finalise", &[purchases::RECORD, invoices::ISSUE], |work, world| {
        work.purchases().finalise(world.sales.open, Some("FV"))?;
        Ok(vec![world.sale()])
    }),
    reads("purchases.open", &[purchases::READ], |work, world| {
        Ok(belonging(&work.purchases().open(world.branch.id, Limit::default(), None)?.items))
    }),
    writes("returns.record", &[returns::RECORD], |work, world| {
        work.returns().record(&NewReturn::of(world.sales.invoiced, [NewReturnLine::of(1, 1)]), "back")?;
        Ok(vec![world.sale()])
    }),
    writes("returns.record", &[returns::RECORD], |work, world| {
        let new = NewReturn::of(world.sales.invoiced, [NewReturnLine::of(1, 1)]);
        work.returns().record(&NewReturn { branch: Some(world.elsewhere.id), ..new }, "elsewhere")?;
        Ok(vec![world.sale(), Target { branch: Some(world.elsewhere.id), ..world.sale() }])
    }),
    writes("returns.void", &[returns::VOID], |work, world| {
        work.returns().void(world.sales.open, 1, "typo", "void")?;
        Ok(vec![world.sale()])
    }),
    reads("returns.get", &[returns::READ], |work, world| Ok(belonging(&[work.returns().get(world.sales.returned)?.0]))),
    reads("returns.of_purchase", &[returns::READ], |work, world| {
        Ok(belonging(&work.returns().of_purchase(world.sales.invoiced, Limit::default(), None)?.items))
    }),
    writes("shipping.ship", &[shipping::SHIP], |work, world| {
        work.shipping().ship(world.sales.open, &[ShipLine { line_no: 1, quantity: 1 }], "more")?;
        Ok(vec![world.sale()])
    }),
    writes("shipping.unship", &[shipping::SHIP], |work, world| {
        work.shipping().unship(world.sales.open, &[ShipLine { line_no: 1, quantity: 1 }], "rain", "less")?;
        Ok(vec![world.sale()])
    }),
    reads("shipping.pick_list", &[shipping::READ], |work, world| {
        let query = PickQuery::of(world.branch.id);
        Ok(belonging(&work.shipping().pick_list(&query, Limit::default(), None)?.items))
    }),
    reads("shipping.of_purchase", &[shipping::READ], |work, world| {
        Ok(belonging(&work.shipping().of_purchase(world.sales.open)?))
    }),
    writes("invoices.create_series", &[invoices::SERIES], |work, world| {
        work.invoices().create_series(&NewSeries::yearly(world.branch.id, "new", ""))?;
        Ok(vec![world.branch.target()])
    }),
    reads("invoices.series", &[invoices::READ], |work, world| Ok(belonging(&work.invoices().series(world.branch.id)?))),
    writes("invoices.issue", &[invoices::ISSUE], |work, world| {
        work.invoices().issue(world.sales.owed, "FV", "issue")?;
        Ok(vec![world.sale()])
    }),
    reads("invoices.get", &[invoices::READ], |work, world| {
        Ok(belonging(&[work.invoices().get(world.sales.invoice)?]))
    }),
    reads("invoices.of_purchase", &[invoices::READ], |work, world| {
        Ok(belonging(&work.invoices().of_purchase(world.sales.invoiced)?))
    }),
    reads("invoices.of_customer", &[invoices::READ], |work, world| {
        Ok(belonging(&work.invoices().of_customer(world.customer.id, Limit::default(), None)?.items))
    }),
    reads("invoices.in_series", &[invoices::READ], |work, world| {
        Ok(belonging(&work.invoices().in_series(world.branch.id, "FV", 2025, Limit::default(), None)?.items))
    }),
    writes("instalments.pay", &[instalments::PAY], |work, world| {
        let (purchase, method) = (world.sales.owed, purchases::CASH.to_owned());
        let new = NewPayment { purchase, amount: zloty(1), method, occurred_at: None };
        work.instalments().pay(&new, "pay")?;
        Ok(vec![world.sale()])
    }),
    writes("instalments.take_cheque", &[instalments::PAY], |work, world| {
        let terms = sales::cheque("2", "2025-05-01");
        let new = NewCheque { purchase: world.sales.owed, amount: zloty(1), terms, replaces: None };
        work.instalments().take_cheque(&new, "another")?;
        Ok(vec![world.sale()])
    }),
    writes("instalments.move_cheque", &[instalments::PAY], |work, world| {
        work.instalments().move_cheque(world.sales.cheque, ChequeAction::Deposit, "bank")?;
        Ok(vec![world.sale()])
    }),
    reads("instalments.of_purchase", &[instalments::READ], |work, world| {
        Ok(belonging(&work.instalments().of_purchase(world.sales.owed)?.1))
    }),
    reads("instalments.due", &[instalments::READ], |work, world| {
        let page = work.instalments().due(world.branch.id, CivilDate::MAX, Limit::default(), None)?;
        Ok(belonging(&page.items))
    }),
    reads("instalments.of_customer", &[instalments::READ], |work, world| {
        Ok(belonging(&work.instalments().of_customer(world.customer.id, Limit::default(), None)?.items))
    }),
    reads("instalments.cheque", &[instalments::READ], |work, world| {
        Ok(belonging(&[work.instalments().cheque(world.sales.cheque)?]))
    }),
    reads("instalments.cheques", &[instalments::READ], |work, world| {
        let (state, until) = (ChequeState::Received, CivilDate::MAX);
        Ok(belonging(&work.instalments().cheques(world.branch.id, state, until, Limit::default(), None)?.items))
    }),
    reads("journal.page", &[journal::READ], |work, _| {
        Ok(belonging(&work.journal().page(&JournalQuery::default(), Limit::default(), None)?.items))
    }),
    writes("outbox.claim", &[module::DELIVER], |work, _| {
        work.outbox().claim(Limit::default(), Duration::from_secs(1)).map(anybodys)
    }),
    writes("outbox.failed", &[module::DELIVER], |work, world| {
        work.outbox().failed(world.message, "code", None).map(anybodys)
    }),
    writes("outbox.delivered", &[module::DELIVER], |work, world| work.outbox().delivered(world.message).map(anybodys)),
];
