//! Who may do what, and what `verify` finds.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::bench::{Bench, Factory};
use super::matrix::{self, nobody};
use super::operations::{OPERATIONS, World};
use super::purchases::{receive, sale};
use crate::access::{Actor, Principal, Reach, Region};
use crate::branches::NewBranch;
use crate::catalog::{Stock, stock_level};
use crate::customers::{NewCustomer, SearchField, SearchKey, search_keys};
use crate::journal::{JournalEntry, JournalQuery, journal_entry};
use crate::kernel::page::Limit;
use crate::partners::{CustomerGroup, GroupRule};
use crate::preferences::{Preference, PreferenceSource};
use crate::purchases::{NewPurchase, Tender};
use crate::work::{Filter, Json, Permit};
use crate::{ErrorKind, Result, access, branches, catalog, customers, journal, purchases};

/// Each operation is refused without any one of its permissions, whatever else is granted, and goes with nothing but
/// them. A grant that reaches nothing is none.
pub fn nothing_without_a_grant(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let world = World::new(&bench);
    matrix::nothing_without_a_grant(&bench, &world, OPERATIONS);
}

/// What an operation shows within a reach is what it shows without bounds, less what is out of reach; it changes nothing
/// beyond, and refuses in the same words whether a record is out of reach or absent (but for what a forbid names).
pub fn nothing_beyond_its_reach(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let world = World::new(&bench);
    let shops = Region::branches([world.branch.id, world.elsewhere.id]);
    let regions = [
        Region::branches([world.branch.id]),
        Region::branches([world.elsewhere.id]),
        shops.clone(),
        Region::customer(world.customer.id),
        Region::customer(world.other.id),
        Region::owners([world.owner]),
    ];
    matrix::nothing_beyond_its_reach(&bench, &world, OPERATIONS, &regions, &shops);
}

/// Each permission that the core declares is asked for by some operation, and the other way round.
pub fn every_permission_has_an_operation(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let description = bench.crm.describe();
    let core = description.modules.iter().find(|module| module.name == "core").unwrap();
    let declared: BTreeSet<&str> = core.permissions.iter().map(|(name, _)| *name).collect();
    let asked = OPERATIONS.iter().flat_map(|operation| operation.permissions.iter().copied());
    // A guard asks for the one, and whoever lets people log in for the other.
    let asked: BTreeSet<&str> = asked.chain([access::ADMIN, access::LOGIN]).collect();
    assert_eq!(declared, asked);
}

/// All rows are for the system alone: neither its name nor a grant of any name makes an actor that.
pub fn only_the_system_is_unrestricted(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    assert!(bench.run_as(&Actor::system(), |work| work.unrestricted().map(|_| ())).is_ok());
    let named = Actor::new(Principal::System);
    for actor in [nobody(), named.clone(), named.granted("unrestricted", Reach::all())] {
        let refused = bench.run_as(&actor, |work| work.unrestricted().map(|_| ()));
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Denied);
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
    let plants: [(&str, Plant); 9] = [
        ("stock.movements", |work, world| {
            work.add::<Stock>(&(world.product.id, world.branch.id), stock_level::on_hand, 1, None)
        }),
        ("stock.movements", |work, world| {
            let stock: Stock = work.get((world.product.id, world.branch.id))?;
            work.delete(&stock)
        }),
        ("purchases.sums", |work, world| {
            let method = "cash".to_owned();
            let (tender_no, amount_minor, paid_later, reference) = (9, 1, false, None);
            work.insert(&Tender { purchase_id: world.purchase, tender_no, method, amount_minor, paid_later, reference })
        }),
        ("purchases.sums", |work, world| {
            let (_, mut lines, _) = work.purchases().get(world.purchase)?;
            for line in &mut lines {
                (line.line_no, line.stocked) = (line.line_no + 9, false);
            }
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
        ("preferences.values", |work, world| {
            let id = (world.customer.id, "tea".to_owned(), PreferenceSource::Stated);
            let mut known: Preference = work.get(id)?;
            known.value.push(' ');
            work.update(&mut known)
        }),
        ("partners.rules", |work, world| {
            let mut group: CustomerGroup = work.get(world.rule_group)?;
            group.rule = Some(Json(GroupRule::Any(Vec::new())));
            work.update(&mut group)
        }),
    ];
    for (invariant, plant) in plants {
        let bench = Bench::open(factory);
        let world = World::new(&bench);
        bench.verify();
        bench.run(move |work| plant(work, &world)).unwrap();
        let found = bench.crm.blocking().verify().unwrap();
        assert!(!found.is_empty() && found.iter().all(|violation| violation.invariant == invariant), "{found:?}");
    }
}
