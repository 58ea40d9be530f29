//! Who may do what, and what `verify` finds.

use std::time::Duration;

use uuid::Uuid;

use super::bench::{Bench, Factory, zloty};
use super::purchases::{receive, sale};
use crate::access::{Actor, Principal, Region};
use crate::branches::NewBranch;
use crate::catalog::{NewProduct, Product, Stock, stock_level};
use crate::customers::{Identifiers, NewCustomer, SearchField, SearchKey, search_keys};
use crate::journal::{JournalEntry, JournalQuery, journal_entry};
use crate::kernel::page::Limit;
use crate::module::OutboxId;
use crate::purchases::{NewPurchase, Tender};
use crate::work::{Filter, Permit, UnitOfWork};
use crate::{Error, ErrorKind, Result, branches, catalog, customers, journal, module, purchases};

type Operation = fn(&mut UnitOfWork<'_>, &World) -> Result<()>;

/// What there is to act upon.
#[derive(Clone)]
struct World {
    branch: branches::Branch,
    customer: customers::Customer,
    product: Product,
    category: catalog::Category,
    purchase: purchases::PurchaseId,
    message: OutboxId,
    new: NewPurchase,
}

fn world(bench: &Bench) -> World {
    let branch = bench.branch("access");
    let customer =
        bench.customer(NewCustomer { branch: Some(branch.id), ..NewCustomer::person("Access").with_card("A1") });
    let product = bench.goods("access", 100);
    receive(bench, &product, branch.id, 100);
    let category = bench.run(|work| work.catalog().create_category(None, "Access")).unwrap();
    let new = NewPurchase { customer: Some(customer.id), ..sale(branch.id, "1", product.id, 1) };
    let recorded = new.clone();
    let purchase = bench.run(move |work| work.purchases().record(&recorded, "1")).unwrap().purchase;
    let message = bench.run(|work| work.send("email", serde_json::json!(null))).unwrap();
    // The purchase has changed the stage.
    let id = customer.id;
    let customer = bench.read(move |work| work.customers().get(id)).unwrap();
    World { branch, customer, product, category, purchase, message, new: NewPurchase { receipt_no: "2".into(), ..new } }
}

/// Every operation of the core, with the permission it asks for.
const OPERATIONS: &[(&str, &str, Operation)] = &[
    (branches::WRITE, "open a branch", |work, _| {
        work.branches().create(NewBranch::named("new", "UTC", "PLN")).map(|_| ())
    }),
    (branches::WRITE, "change a branch", |work, world| work.branches().update(&mut world.branch.clone())),
    (branches::READ, "get a branch", |work, world| work.branches().get(world.branch.id).map(|_| ())),
    (branches::READ, "list branches", |work, _| work.branches().page(Limit::default(), None).map(|_| ())),
    (customers::WRITE, "create a customer", |work, _| work.customers().create(NewCustomer::person("New")).map(|_| ())),
    (customers::WRITE, "change a customer", |work, world| {
        let mut changed = world.customer.clone();
        changed.name = "Changed".into();
        work.customers().update(&mut changed)
    }),
    (customers::WRITE, "relate customers", |work, world| {
        let other = Uuid::nil().into();
        match work.customers().relate(world.customer.id, "friend", other) {
            // There is no such other: whoever learns that was allowed to.
            Err(Error::NotFound { .. }) => Ok(()),
            other => other,
        }
    }),
    (customers::READ, "get a customer", |work, world| work.customers().get(world.customer.id).map(|_| ())),
    (customers::READ, "get nobody", |work, _| match work.customers().get(Uuid::nil().into()) {
        Err(Error::NotFound { .. }) => Ok(()),
        other => other.map(|_| ()),
    }),
    (customers::READ, "list customers", |work, _| {
        work.customers().page(Filter::all(), Limit::default(), None).map(|_| ())
    }),
    (customers::READ, "search customers", |work, _| work.customers().search("a", Limit::default()).map(|_| ())),
    (customers::READ, "identify a customer", |work, _| {
        let identifiers = Identifiers { card: Some("nobody".into()), ..Identifiers::default() };
        match work.customers().identify(&identifiers) {
            Err(Error::NotFound { .. }) => Ok(()),
            other => other.map(|_| ()),
        }
    }),
    (customers::READ, "see relations", |work, world| work.customers().relations(world.customer.id).map(|_| ())),
    (catalog::WRITE, "create a category", |work, _| work.catalog().create_category(None, "New").map(|_| ())),
    (catalog::WRITE, "move a category", |work, world| {
        work.catalog().move_category(world.category.id, None).map(|_| ())
    }),
    (catalog::WRITE, "create a product", |work, _| {
        work.catalog().create_product(NewProduct::goods("new", "New", zloty(1))).map(|_| ())
    }),
    (catalog::WRITE, "change a product", |work, world| work.catalog().update_product(&mut world.product.clone())),
    (catalog::READ, "see a subtree", |work, world| work.catalog().subtree(world.category.id).map(|_| ())),
    (catalog::READ, "get a product", |work, world| work.catalog().product(world.product.id).map(|_| ())),
    (catalog::READ, "find a product", |work, _| work.catalog().product_by_sku("access").map(|_| ())),
    (catalog::READ, "list products", |work, _| work.catalog().products(None, Limit::default(), None).map(|_| ())),
    (catalog::READ, "see stock", |work, world| work.catalog().on_hand(world.product.id, world.branch.id).map(|_| ())),
    (catalog::READ, "see movements", |work, world| {
        work.catalog().movements(world.product.id, world.branch.id, Limit::default(), None).map(|_| ())
    }),
    (catalog::STOCK, "receive goods", |work, world| work.catalog().receive(world.product.id, world.branch.id, 1)),
    (catalog::STOCK, "correct stock", |work, world| work.catalog().correct(world.product.id, world.branch.id, -1)),
    (purchases::RECORD, "record a purchase", |work, world| work.purchases().record(&world.new, "2").map(|_| ())),
    (purchases::READ, "get a purchase", |work, world| work.purchases().get(world.purchase).map(|_| ())),
    (purchases::READ, "get no purchase", |work, _| match work.purchases().get(Uuid::nil().into()) {
        Err(Error::NotFound { .. }) => Ok(()),
        other => other.map(|_| ()),
    }),
    (purchases::READ, "list purchases", |work, world| {
        work.purchases().of_customer(world.customer.id, Limit::default(), None).map(|_| ())
    }),
    (journal::READ, "read the journal", |work, _| {
        work.journal().page(&JournalQuery::default(), Limit::default(), None).map(|_| ())
    }),
    (module::DELIVER, "claim messages", |work, _| {
        work.outbox().claim(Limit::default(), Duration::from_secs(1)).map(|_| ())
    }),
    (module::DELIVER, "report a failure", |work, world| work.outbox().failed(world.message, "code", None)),
    (module::DELIVER, "report a delivery", |work, world| work.outbox().delivered(world.message)),
];

/// Each operation is refused without its permission, whatever else is granted, and goes with nothing but it.
pub fn nothing_without_a_grant(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let world = world(&bench);
    let names: std::collections::BTreeSet<&str> = OPERATIONS.iter().map(|(permission, ..)| *permission).collect();
    let nobody = Actor::new(Principal::User(Uuid::nil().into()));
    for (permission, what, operation) in OPERATIONS {
        let others = names.iter().filter(|name| *name != permission);
        let without = others.fold(nobody.clone(), |actor, name| actor.granted(*name, Region::all()));
        let only = nobody.clone().granted(*permission, Region::all());
        for (actor, allowed) in [(&nobody, false), (&without, false), (&only, true)] {
            let world = world.clone();
            // Nothing of it is kept, so that each operation meets the same world.
            let ended = bench.run_as(actor, move |work| {
                let done = work.attempt(|work| operation(work, &world).and(Err::<(), _>(Error::Poisoned)));
                Ok(done.unwrap_err())
            });
            match ended.unwrap() {
                Error::Poisoned => assert!(allowed, "{what} went without {permission}"),
                Error::Denied { permission: asked } => {
                    assert!(!allowed && asked == *permission, "{what} asked for {asked}, not {permission}");
                }
                other => panic!("{what}: {other:?}"),
            }
        }
    }
}

/// A grant for some branches reaches what belongs to them, in lists and one by one; the rest is as if it were not.
pub fn branches_narrow(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let (here, there) = (bench.branch("here").id, bench.branch("there").id);
    let product = bench.goods("narrow", 100);
    let person = |name: &str, branch| bench.customer(NewCustomer { branch, ..NewCustomer::person(name) }).id;
    let (mine, theirs, nobodys) = (person("Ann A", Some(here)), person("Ann B", Some(there)), person("Ann C", None));
    for branch in [here, there] {
        receive(&bench, &product, branch, 10);
        let new = NewPurchase { customer: Some(mine), ..sale(branch, "1", product.id, 1) };
        bench.run(move |work| work.purchases().record(&new, &branch.to_string())).unwrap();
    }
    let reach = || Region::branches([here]);
    let permissions = [
        branches::READ,
        branches::WRITE,
        customers::READ,
        customers::WRITE,
        purchases::READ,
        purchases::RECORD,
        catalog::READ,
        catalog::STOCK,
        journal::READ,
    ];
    let clerk = permissions
        .into_iter()
        .fold(Actor::new(Principal::User(Uuid::nil().into())), |actor, name| actor.granted(name, reach()));
    let all = || Limit::default();
    let listed = bench.run_as(&clerk, move |work| work.branches().page(all(), None)).unwrap();
    assert_eq!(listed.items.iter().map(|branch| branch.id).collect::<Vec<_>>(), [here]);
    let listed = bench.run_as(&clerk, move |work| work.customers().page(Filter::all(), all(), None)).unwrap();
    assert_eq!(listed.items.iter().map(|customer| customer.id).collect::<Vec<_>>(), [mine]);
    let found = bench.run_as(&clerk, move |work| work.customers().search("ann", all())).unwrap();
    assert_eq!(found.iter().map(|found| found.customer.id).collect::<Vec<_>>(), [mine]);
    let bought = bench.run_as(&clerk, move |work| work.purchases().of_customer(mine, all(), None)).unwrap();
    assert_eq!(bought.items.iter().map(|purchase| purchase.branch_id).collect::<Vec<_>>(), [here]);
    let told = bench.run_as(&clerk, move |work| work.journal().page(&JournalQuery::default(), all(), None)).unwrap();
    assert!(!told.items.is_empty() && told.items.iter().all(|entry| entry.branch_id == Some(here)));

    let kind = |result: Result<()>| result.unwrap_err().kind();
    for id in [theirs, nobodys] {
        assert_eq!(kind(bench.run_as(&clerk, move |work| work.customers().get(id).map(|_| ()))), ErrorKind::NotFound);
        assert_eq!(
            kind(bench.run_as(&clerk, move |work| work.customers().relations(id).map(|_| ()))),
            ErrorKind::NotFound
        );
    }
    assert_eq!(kind(bench.run_as(&clerk, move |work| work.branches().get(there).map(|_| ()))), ErrorKind::NotFound);
    let foreign = bench.read(move |work| work.purchases().of_customer(mine, all(), None)).unwrap();
    let foreign = foreign.items.iter().find(|purchase| purchase.branch_id == there).unwrap().id;
    assert_eq!(kind(bench.run_as(&clerk, move |work| work.purchases().get(foreign).map(|_| ()))), ErrorKind::NotFound);
    let id = product.id;
    let denied: [Result<()>; 6] = [
        bench.run_as(&clerk, move |work| work.catalog().receive(id, there, 1)),
        bench.run_as(&clerk, move |work| work.catalog().on_hand(id, there).map(|_| ())),
        bench.run_as(&clerk, move |work| work.purchases().record(&sale(there, "9", id, 1), "9").map(|_| ())),
        bench.run_as(&clerk, move |work| work.customers().create(NewCustomer::person("x")).map(|_| ())),
        bench.run_as(&clerk, |work| work.branches().create(NewBranch::named("x", "UTC", "PLN")).map(|_| ())),
        bench.run_as(&clerk, move |work| {
            // To hand a customer over takes a grant at both ends.
            let mut mine = work.customers().get(mine)?;
            mine.branch_id = Some(there);
            work.customers().update(&mut mine)
        }),
    ];
    for result in denied {
        assert_eq!(kind(result), ErrorKind::Denied);
    }
    bench.run_as(&clerk, move |work| work.purchases().record(&sale(here, "9", id, 1), "9")).unwrap();
    bench
        .run_as(&clerk, move |work| {
            work.customers().create(NewCustomer { branch: Some(here), ..NewCustomer::person("x") })
        })
        .unwrap();
}

/// A customer who serves themselves sees themselves and nobody else.
pub fn customers_see_their_own(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let branch = bench.branch("own").id;
    let product = bench.goods("own", 100);
    receive(&bench, &product, branch, 10);
    let ids = ["Own A", "Own B"].map(|name| bench.customer(NewCustomer::person(name)).id);
    let purchases = ids.map(|id| {
        let new = NewPurchase { customer: Some(id), ..sale(branch, &id.to_string(), product.id, 1) };
        bench.run(move |work| work.purchases().record(&new, "own")).map(|receipt| receipt.purchase)
    });
    // One key, two payloads: the second is refused, and so records again under a key of its own.
    assert_eq!(purchases[1].as_ref().unwrap_err().kind(), ErrorKind::IdempotencyMismatch);
    let new = NewPurchase { customer: Some(ids[1]), ..sale(branch, "second", product.id, 1) };
    let foreign = bench.run(move |work| work.purchases().record(&new, "second")).unwrap().purchase;
    let own = *purchases[0].as_ref().unwrap();
    let [me, other] = ids;
    let permissions = [customers::READ, customers::WRITE, purchases::READ, journal::READ, branches::READ];
    let actor = permissions
        .into_iter()
        .fold(Actor::new(Principal::Customer(me)), |actor, name| actor.granted(name, Region::customer(me)));
    let all = Limit::default;
    assert_eq!(bench.run_as(&actor, move |work| work.customers().get(me)).unwrap().id, me);
    assert_eq!(bench.run_as(&actor, move |work| work.purchases().get(own)).unwrap().0.id, own);
    let found = bench.run_as(&actor, move |work| work.customers().search("own", all())).unwrap();
    assert_eq!(found.iter().map(|found| found.customer.id).collect::<Vec<_>>(), [me]);
    let listed = bench.run_as(&actor, move |work| work.customers().page(Filter::all(), all(), None)).unwrap();
    assert_eq!(listed.items.len(), 1);
    let told = bench.run_as(&actor, move |work| work.journal().page(&JournalQuery::default(), all(), None)).unwrap();
    assert!(!told.items.is_empty() && told.items.iter().all(|entry| entry.customer_id == Some(me)));
    assert!(bench.run_as(&actor, move |work| work.branches().page(all(), None)).unwrap().items.is_empty());
    assert!(
        bench.run_as(&actor, move |work| work.purchases().of_customer(other, all(), None)).unwrap().items.is_empty()
    );
    let kind = |result: Result<()>| result.unwrap_err().kind();
    assert_eq!(kind(bench.run_as(&actor, move |work| work.customers().get(other).map(|_| ()))), ErrorKind::NotFound);
    assert_eq!(kind(bench.run_as(&actor, move |work| work.purchases().get(foreign).map(|_| ()))), ErrorKind::NotFound);
    let changed = bench.run_as(&actor, move |work| {
        let mut me = work.customers().get(me)?;
        me.name = "Own Anew".into();
        work.customers().update(&mut me)
    });
    changed.unwrap();
    let stolen = bench.read(move |work| work.customers().get(other)).unwrap();
    let stolen = bench.run_as(&actor, move |work| work.customers().update(&mut stolen.clone()));
    assert_eq!(kind(stolen), ErrorKind::NotFound, "whom one may not change is not there");
}

/// What was put in past the operations is found, by the name of the rule it breaks.
pub fn verify_finds_what_was_planted(factory: Factory<'_>) {
    type Plant = fn(&mut Permit<'_, '_>, &World) -> Result<()>;
    let plants: [(&str, Plant); 7] = [
        ("stock.movements", |work, world| {
            work.add::<Stock>(&(world.product.id, world.branch.id), stock_level::on_hand, 1, None)
        }),
        ("stock.movements", |work, world| {
            let stock: Stock = work.get((world.product.id, world.branch.id))?;
            work.delete(&stock)
        }),
        ("purchases.sums", |work, world| {
            work.insert(&Tender { purchase_id: world.purchase, tender_no: 9, method: "cash".into(), amount_minor: 1 })
        }),
        ("purchases.sums", |work, world| {
            let (_, mut lines, _) = work.purchases().get(world.purchase)?;
            lines.iter_mut().for_each(|line| (line.line_no, line.stocked) = (line.line_no + 9, false));
            work.insert_all(&lines)
        }),
        ("purchases.history", |work, world| {
            let told = journal_entry::reference_id.eq(uuid::Uuid::from(world.purchase));
            work.select::<JournalEntry>(told).all()?.iter().try_for_each(|entry| work.delete(entry))
        }),
        ("customers.search_keys", |work, world| {
            let (field, token) = (SearchField::Name, "somebody else".to_owned());
            work.insert(&SearchKey { field, token, customer_id: world.customer.id })
        }),
        ("customers.search_keys", |work, world| work.delete(&search_keys(&world.customer)[0])),
    ];
    for (invariant, plant) in plants {
        let bench = Bench::open(factory);
        let world = world(&bench);
        bench.verify();
        bench.run(move |work| plant(work, &world)).unwrap();
        let found = bench.crm.blocking().verify().unwrap();
        assert!(!found.is_empty() && found.iter().all(|violation| violation.invariant == invariant), "{found:?}");
    }
}
