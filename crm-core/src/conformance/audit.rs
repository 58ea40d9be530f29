//! The journal as an audit trail: who, where, under which permission, in which command, because of what (S-52), and sealed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::bench::{Bench, Factory, at};
use super::operations::{OPERATIONS, World};
use super::purchases::sale;
use crate::access::{Actor, Principal, Reach, Region, Target, UserId};
use crate::branches::NewBranch;
use crate::catalog::NewProduct;
use crate::customers::NewCustomer;
use crate::journal::{JournalEntry, JournalQuery, JournalSeal, journal_entry};
use crate::kernel::page::Limit;
use crate::module::{About, Event, Manifest, Module, Permission, Registry};
use crate::purchases::event::{PURCHASE_RECORDED, PurchaseRecorded};
use crate::purchases::{self, NewPurchase};
use crate::work::{Filter, Json};
use crate::{Crm, ErrorKind, Result};

/// A module that answers a purchase with an event of its own.
struct Thanker;

#[derive(Serialize, Deserialize)]
struct Thanked;

impl Event for Thanked {
    const KIND: &'static str = "thanker.thanked";

    fn about(&self) -> About {
        About::default()
    }

    fn rule(&self) -> Option<String> {
        Some("polite@3".to_owned())
    }
}

impl Module for Thanker {
    fn manifest(&self) -> Manifest {
        Manifest {
            name: "thanker",
            permissions: &[Permission { name: "thanker.thank", about: "thank for purchases" }],
            events: &[Thanked::KIND],
            ..Manifest::default()
        }
    }

    fn install(&self, registry: &mut Registry) -> Result<()> {
        registry.on("thank", |work, _: &PurchaseRecorded| {
            work.permit("thanker.thank", &Target::ANY)?.emit(&Thanked).map(|_| ())
        });
        Ok(())
    }
}

/// Every entry names who did it, where, under which permission, in which command, and what caused it.
pub fn entries_say_who_where_and_why(factory: Factory<'_>) {
    let crm = Crm::builder_on(factory()).module(Thanker).build_blocking().unwrap();
    let (branch, product, buyer) = crm
        .blocking()
        .run(&Actor::system(), "shop", |work| {
            let branch = work.branches().create(NewBranch::named("Here", "Europe/Warsaw", "PLN"))?;
            let product = work.catalog().create_product(NewProduct::service("V", "Visit", super::bench::zloty(5)))?;
            let buyer = work.customers().create(NewCustomer::person("Buyer"))?;
            Ok::<_, crate::Error>((branch.id, product.id, buyer.id))
        })
        .unwrap();
    let user = UserId::from(uuid::Uuid::from_u128(42));
    let clerk = Actor::new(Principal::User(user)).granted(purchases::RECORD, Region::branches([branch])).via("till 3");
    let new = NewPurchase { customer: Some(buyer), ..sale(branch, "1", product, 1) };
    let command = crm
        .blocking()
        .run(&clerk, "sell", move |work| {
            work.purchases().record(&new, "key")?;
            Ok::<_, crate::Error>(work.command_key("purchases.record", "key"))
        })
        .unwrap();
    let entries: Vec<JournalEntry> = crm
        .blocking()
        .read(&Actor::system(), "journal", |work| work.unrestricted()?.select(Filter::<JournalEntry>::all()).all())
        .unwrap();
    let of = |kind: &str| entries.iter().find(|entry| entry.kind == kind).unwrap();
    let (sold, reached, thanked) = (of(PURCHASE_RECORDED), of("customers.stage_reached"), of(Thanked::KIND));
    for entry in [sold, reached] {
        assert_eq!(entry.actor, format!("user:{user}"));
        assert_eq!(entry.permission, purchases::RECORD);
        assert_eq!((entry.command_id, entry.cause_id, entry.rule.as_deref()), (Some(command), None, None));
    }
    assert_eq!((thanked.actor.as_str(), thanked.permission.as_str()), ("module:thanker", "thanker.thank"));
    assert_eq!((thanked.command_id, thanked.cause_id), (Some(command), Some(sold.id)));
    assert_eq!(thanked.rule.as_deref(), Some("polite@3"));
    assert!([sold, reached, thanked].iter().all(|entry| entry.channel.as_deref() == Some("till 3")));
    let created = of("customers.created");
    assert_eq!((created.actor.as_str(), created.channel.as_deref(), created.command_id), ("system", None, None));
    crm.blocking().close().unwrap();
}

/// The journal can be read as it was known at an instant, whatever was dated back since (S-48).
pub fn the_past_is_kept_as_it_was_known(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let branch = bench.branch("then").id;
    let product =
        bench.run(|work| work.catalog().create_product(NewProduct::service("V", "Visit", super::bench::zloty(5))));
    let product = product.unwrap().id;
    let known_at = at("2025-03-21T09:00:00Z");
    bench.clock.advance(Duration::from_secs(60));
    let yesterday = NewPurchase { occurred_at: Some(at("2025-03-20T09:00:00Z")), ..sale(branch, "late", product, 1) };
    bench.run(move |work| work.purchases().record(&yesterday, "late")).unwrap();
    let told = |known_at| {
        let until = Some(at("2025-03-21T09:00:00Z"));
        let query = JournalQuery { until, known_at, ..JournalQuery::default() };
        bench.read(move |work| work.journal().page(&query, Limit::MAX, None)).unwrap().items.len()
    };
    assert_eq!((told(Some(known_at)), told(None)), (0, 1));
}

/// Whatever is changed in sealed entries, taken out of them or slipped in among them is found.
pub fn changes_break_the_seal(factory: Factory<'_>) {
    type Forgery = fn(&mut JournalEntry);
    let forgeries: [Forgery; 8] = [
        |entry| entry.kind.push('x'),
        |entry| entry.actor.push('x'),
        |entry| entry.permission.clear(),
        |entry| entry.channel = Some("till 4".to_owned()),
        |entry| entry.reference_id = Some(uuid::Uuid::from_u128(1)),
        |entry| entry.branch_id = None,
        |entry| entry.rule = Some("another@1".to_owned()),
        |entry| entry.payload = Json(serde_json::json!({ "total": 1 })),
    ];
    let bench = Bench::open(factory);
    for name in ["a", "b", "c", "d"] {
        bench.branch(name);
        bench.clock.advance(Duration::from_secs(10));
    }
    let seal = |margin| bench.run(move |work| work.journal().seal(Duration::from_secs(margin))).unwrap();
    assert_eq!(seal(25).map(|seal| (seal.number, seal.entries)), Some((1, 2)), "those of the last 25 s are left open");
    assert_eq!(seal(25), None);
    bench.clock.advance(Duration::from_secs(60));
    assert_eq!(seal(25).map(|seal| (seal.number, seal.entries)), Some((2, 3)), "two branches, and the first seal");
    bench.verify();

    let broken = |forge: &dyn Fn(&JournalEntry) -> Option<JournalEntry>, number: &str| {
        let whole: JournalEntry =
            bench.read(|work| work.select(Filter::<JournalEntry>::all()).first()).unwrap().unwrap();
        let forged = forge(&whole);
        let original = whole.clone();
        let planted = forged.clone();
        bench
            .run(move |work| {
                work.delete(&original)?;
                planted.iter().try_for_each(|forged| work.insert(forged))
            })
            .unwrap();
        let found = bench.crm.blocking().verify().unwrap();
        assert!(
            found.iter().any(|violation| violation.invariant == "journal.seals" && violation.what.contains(number))
        );
        bench
            .run(move |work| {
                forged.iter().try_for_each(|forged| work.delete(forged))?;
                work.insert(&whole)
            })
            .unwrap();
        bench.verify();
    };
    for forgery in forgeries {
        let forge = |entry: &JournalEntry| {
            let mut forged = entry.clone();
            forgery(&mut forged);
            Some(forged)
        };
        broken(&forge, "seal 1: an entry");
    }
    broken(&|_| None, "seal 1: 2 entries were sealed, there are 1");
    // One more, dated back and written down back.
    bench
        .run(|work| {
            let first = work.select(Filter::<JournalEntry>::all()).first()?.unwrap();
            let id = work.new_id();
            work.insert(&JournalEntry { id, ..first })
        })
        .unwrap();
    let found = bench.crm.blocking().verify().unwrap();
    assert!(found.iter().any(|violation| violation.what == "seal 1: 2 entries were sealed, there are 3"), "{found:?}");
    // A seal that is taken away leaves a gap.
    bench
        .run(|work| {
            let first = work.select(Filter::<JournalSeal>::all()).first()?.unwrap();
            work.delete(&first)?;
            let slipped = work.select(journal_entry::recorded_at.eq(at("2025-03-21T09:00:00Z"))).all()?;
            work.delete(&slipped[slipped.len() - 1])
        })
        .unwrap();
    let found = bench.crm.blocking().verify().unwrap();
    assert!(found.iter().any(|violation| violation.what == "seal 1 is missing"), "{found:?}");
}

/// Sealing is a right of its own.
pub fn sealing_needs_a_permission(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let reader = Actor::new(Principal::Anonymous).granted(crate::journal::READ, Reach::all());
    let refused = bench.run_as(&reader, |work| work.journal().seal(Duration::ZERO));
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Denied);
}

/// Bookkeeping that the journal does not tell of: a message on its way to its reader, who will; what is kept of a quota,
/// for what it was kept for is told; and clearing away what is over.
const UNTOLD: &[&str] = &[
    "outbox.claim",
    "outbox.delivered",
    "outbox.failed",
    "quotas.reserve",
    "quotas.commit",
    "quotas.release",
    "quotas.release_expired",
    "accounts.prune",
    // Tells of each offer that it ends: of none, nothing.
    "offers.expire",
];

/// Every operation that changes something leaves an entry: there is no change without an audit trail (C28).
pub fn every_change_is_told(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let world = World::new(&bench);
    bench.clock.advance(Duration::from_secs(1));
    let mut silent = Vec::new();
    for operation in OPERATIONS.iter().filter(|operation| operation.writes && !UNTOLD.contains(&operation.name)) {
        let world = world.clone();
        let told = bench.run(move |work| {
            let mut told = 0;
            let undone: Result<()> = work.attempt(|work| {
                let before = work.count(Filter::<JournalEntry>::all())?;
                (operation.run)(work, &world)?;
                told = work.count(Filter::<JournalEntry>::all())? - before;
                Err(crate::Error::ReadOnly)
            });
            match undone {
                Err(crate::Error::ReadOnly) => Ok(told),
                Err(error) => Err(error),
                Ok(()) => unreachable!(),
            }
        });
        if told.unwrap() == 0 {
            silent.push(operation.name);
        }
    }
    assert_eq!(silent, [""; 0]);
}
