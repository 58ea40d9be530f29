//! Modules, the journal and the outbox.

use std::time::Duration;

use serde::Serialize;
use uuid::Uuid;

use super::bench::{Bench, Factory, at};
use super::race::race;
use super::sample::{Specimen, SpecimenFound, specimen};
use crate::access::{Actor, Principal, Reach, Region, Target};
use crate::customers::{Customer, NewCustomer, READ};
use crate::journal::{JournalEntry, JournalQuery};
use crate::kernel::page::Limit;
use crate::kernel::rate::Rate;
use crate::kernel::time::Timestamp;
use crate::module::{About, DELIVER, Event, Manifest, Module, OutboxId, OutboxMessage, Registry};
use crate::pricing::{Adjustment, Assortment, Audience, Cart, NewRule, QuoteRequest, RuleTerms, Stage, TierId};
use crate::purchases::{ByQuote, NewPurchase, NewTender, Recorded};
use crate::work::Filter;
use crate::{Error, ErrorKind, Result};

fn find(bench: &Bench, size: i64) -> Result<()> {
    bench.run(move |work| {
        let specimen = Specimen::new(work.new_id(), "found", size);
        work.insert(&specimen)?;
        work.emit(&SpecimenFound { specimen: specimen.id, size })?;
        Ok(())
    })
}

/// A handler works in the transaction of whoever emits, and its failure is theirs.
pub fn a_handler_fails_its_emitter(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    find(&bench, 1).unwrap();
    let error = find(&bench, -1).unwrap_err();
    assert!(matches!(error, Error::Invalid { rule: "specimen.negative", .. }), "{error:?}");
    let labels = |size| {
        let found =
            bench.read(move |work| work.select(specimen::size.eq(size)).order_by(specimen::label).all()).unwrap();
        found.into_iter().map(|specimen| specimen.label).collect::<Vec<_>>()
    };
    assert_eq!(labels(1), ["answer", "found"]);
    assert!(labels(-1).is_empty());
    assert_eq!(bench.read(|work| work.count(Filter::<JournalEntry>::all())).unwrap(), 1);
    // In an attempt the emitter lives on.
    bench
        .run(|work| {
            let id = work.new_id();
            let failed = work.attempt(|work| work.emit(&SpecimenFound { specimen: id, size: -2 }));
            assert!(failed.is_err());
            work.insert(&Specimen::new(id, "survivor", -2))
        })
        .unwrap();
    assert_eq!(labels(-2), ["survivor"]);
}

/// A handler has the grants of its module, not those of whoever emits.
pub fn handlers_act_as_their_module(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let finder = Actor::new(Principal::Anonymous).granted("conformance.find", Reach::all());
    let emitted = bench.run_as(&finder, |work| {
        let mut work = work.permit("conformance.find", &Target::ANY)?;
        work.emit(&SpecimenFound { specimen: Uuid::nil().into(), size: 5 })?;
        assert_eq!(work.actor().principal(), &Principal::Anonymous, "and back again");
        Ok(())
    });
    emitted.unwrap();
    assert_eq!(bench.read(|work| work.count(specimen::label.eq("answer"))).unwrap(), 1);
}

/// An event that no module declares is refused.
pub fn undeclared_events_are_refused(factory: Factory<'_>) {
    #[derive(Serialize)]
    struct Undeclared;
    impl Event for Undeclared {
        const KIND: &'static str = "conformance.undeclared";
        fn about(&self) -> About {
            About::default()
        }
    }
    let bench = Bench::open(factory);
    assert_eq!(bench.run(|work| work.emit(&Undeclared)).unwrap_err().kind(), ErrorKind::Setup);
    assert_eq!(bench.read(|work| work.count(Filter::<JournalEntry>::all())).unwrap(), 0);
}

/// The journal has everything that happened, the latest first, page by page, by customer, kind and time.
pub fn the_journal_tells_all(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let start = at("2025-03-21T09:00:00Z");
    let mut customers = Vec::new();
    for n in 0..7 {
        let branch = bench.branch(["a", "b", "c", "d", "e", "f", "g"][n]);
        customers.push(bench.customer(NewCustomer { branch: Some(branch.id), ..NewCustomer::person("Journal") }));
        // Two entries of one instant are told apart by their ids.
        bench.clock.advance(Duration::from_secs(60));
    }
    let told = |query: JournalQuery, limit: u32| {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let (query, cursor) = (query.clone(), after.clone());
            let page =
                bench.read(move |work| work.journal().page(&query, Limit::new(limit)?, cursor.as_ref())).unwrap();
            all.extend(page.items);
            after = page.next;
            if after.is_none() {
                return all;
            }
        }
    };
    let all = told(JournalQuery::default(), 50);
    assert_eq!(all.len(), 14);
    assert!(all.windows(2).all(|two| (two[0].occurred_at, two[0].id) > (two[1].occurred_at, two[1].id)));
    assert!(all.iter().all(|entry| entry.actor == "system" && entry.recorded_at == entry.occurred_at));
    for limit in [1, 2, 3, 14] {
        assert!(told(JournalQuery::default(), limit) == all);
    }
    let of = told(JournalQuery { customer: Some(customers[2].id), ..JournalQuery::default() }, 1);
    assert_eq!(of.iter().map(|entry| entry.kind.as_str()).collect::<Vec<_>>(), ["customers.created"]);
    assert_eq!(of[0].reference_id, Some(customers[2].id.into()));
    let opened = |kinds: &[&str]| JournalQuery {
        kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
        ..JournalQuery::default()
    };
    assert_eq!(told(opened(&["branches.opened"]), 2).len(), 7);
    assert_eq!(told(opened(&["branches.opened", "customers.created"]), 5).len(), 14);
    assert_eq!(told(opened(&["nothing"]), 5).len(), 0);
    let minute = |n: u64| start.checked_add(Duration::from_secs(60 * n)).unwrap();
    let between = JournalQuery { from: Some(minute(2)), until: Some(minute(4)), ..JournalQuery::default() };
    assert_eq!(told(between, 3).len(), 4);
    let branch = customers[1].branch_id.unwrap();
    // Who may see one branch, or only themselves, is told of that.
    for (region, expected) in [(Region::branches([branch]), 1), (Region::customer(customers[1].id), 1)] {
        let actor = Actor::new(Principal::User(Uuid::nil().into())).granted(crate::journal::READ, region);
        let page = bench.run_as(&actor, |work| work.journal().page(&JournalQuery::default(), Limit::default(), None));
        assert_eq!(page.unwrap().items.len(), expected);
    }
}

fn send(bench: &Bench, topic: &'static str) -> OutboxId {
    bench.run(move |work| work.send(topic, serde_json::json!({ "to": topic }))).unwrap()
}

fn claim(bench: &Bench) -> Vec<OutboxMessage> {
    bench.run(|work| work.outbox().claim(Limit::default(), Duration::from_secs(30))).unwrap()
}

/// A message is there when its transaction has committed, is one worker's for a lease, comes again after a failure or
/// a lost worker, and is gone once it is delivered.
pub fn the_outbox_delivers(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let dropped: Result<()> = bench.run(|work| {
        work.send("email", serde_json::json!(null))?;
        Err(Error::invalid("conformance", "conformance.asked_for"))
    });
    assert!(dropped.is_err());
    assert!(claim(&bench).is_empty());
    let first = send(&bench, "email");
    bench.clock.advance(Duration::from_secs(1));
    let second = send(&bench, "sms");
    let ids = |messages: &[OutboxMessage]| messages.iter().map(|message| message.id).collect::<Vec<_>>();
    let claimed = claim(&bench);
    assert_eq!(ids(&claimed), [first, second], "the oldest first");
    assert!(claimed.iter().all(|message| message.attempts == 1));
    assert_eq!(claimed[1].payload.0, serde_json::json!({ "to": "sms" }));
    assert!(claim(&bench).is_empty(), "they are leased");
    bench.run(move |work| work.outbox().delivered(first)).unwrap();
    let again = bench.run(move |work| work.outbox().delivered(first));
    assert_eq!(again.unwrap_err().kind(), ErrorKind::NotFound);
    bench.clock.advance(Duration::from_secs(30));
    let back = claim(&bench);
    assert_eq!((ids(&back), back[0].attempts), (vec![second], 2), "its worker was lost");
    let retry: Timestamp = at("2025-03-21T10:00:00Z");
    bench.run(move |work| work.outbox().failed(second, "smtp.refused", Some(retry))).unwrap();
    bench.clock.set(at("2025-03-21T09:59:59.999999Z"));
    assert!(claim(&bench).is_empty());
    bench.clock.set(retry);
    let back = claim(&bench);
    assert_eq!((back[0].attempts, back[0].last_error.as_deref()), (3, Some("smtp.refused")));
    bench.run(move |work| work.outbox().failed(second, "smtp.refused", None)).unwrap();
    bench.clock.set(Timestamp::MAX);
    // Even the lease that would end after the end of time is no way to get it.
    let dead = bench.run(|work| work.outbox().claim(Limit::default(), Duration::ZERO)).unwrap();
    assert!(dead.is_empty(), "given up");
    let kept: OutboxMessage = bench.read(move |work| work.get(second)).unwrap();
    assert!(kept.dead);
    let actor = Actor::new(Principal::Module("worker".into()));
    let refused = bench.run_as(&actor, |work| work.outbox().claim(Limit::default(), Duration::from_secs(1)));
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Denied);
    let worker = actor.granted(DELIVER, Region::all());
    assert!(bench.run_as(&worker, |work| work.outbox().claim(Limit::default(), Duration::ZERO)).is_ok());
}

/// Workers that claim at once get different messages, and together all of them.
pub fn workers_never_share_a_message(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let mut sent: Vec<OutboxId> = (0..40).map(|_| send(&bench, "email")).collect();
    let rounds = race(8, 6, |_| bench.run(|work| work.outbox().claim(Limit::new(1)?, Duration::from_secs(30))));
    assert!(rounds.iter().all(|round| round.lost.is_empty()), "{rounds:?}");
    let mut claimed: Vec<OutboxId> =
        rounds.iter().flat_map(|round| round.won.iter().flatten()).map(|message| message.id).collect();
    claimed.sort_unstable();
    sent.sort_unstable();
    assert_eq!(claimed, sent);
}

/// A module that knows a tier of some: by what is stored, as itself.
struct Tiers(TierId);

impl Module for Tiers {
    fn manifest(&self) -> Manifest {
        Manifest { name: "conformance.tiers", requires: &["core"], uses: &[READ], ..Manifest::default() }
    }

    fn install(&self, registry: &mut Registry) -> Result<()> {
        let gold = self.0;
        registry.price_context(move |work, customer, context| {
            let customer: Customer = work.within(READ)?.get(customer)?;
            if customer.folded_name.contains("gold") {
                context.tiers.push(gold);
            }
            Ok(())
        });
        Ok(())
    }
}

/// What a module knows of a customer counts for quotes, for what is recorded at them, and for the circumstances of previews
/// (C63), whoever asks.
pub fn prices_know_what_modules_know(factory: Factory<'_>) {
    let gold: TierId = Uuid::from_u128(7).into();
    let bench = Bench::open_with(factory, |builder| builder.module(Tiers(gold)));
    let branch = bench.branch("Warszawa").id;
    let tea = bench.goods("tea", 1_000).id;
    let [ala, ola] = ["Ala Gold", "Ola"].map(|name| bench.customer(NewCustomer::person(name)).id);
    let tenth = Adjustment::Percent(Rate::percent(10));
    let audience = Audience { tiers: vec![gold], ..Audience::default() };
    let terms = RuleTerms::new("gold", Stage::Group, Assortment::Everything, tenth).for_whom(audience);
    bench.run(move |work| work.pricing().save_rule(NewRule::now(terms.clone())).map(drop)).unwrap();
    // Who may ask for prices and nothing else.
    let till = Actor::new(Principal::Anonymous).granted(crate::pricing::READ, Reach::all());
    let request = move |customer| QuoteRequest { branch, customer, at: None, cart: Cart::of([(tea, 1)]) };
    let total =
        |customer| bench.run_as(&till, move |work| work.pricing().quote(&request(customer))).unwrap().total_minor;
    assert_eq!([total(None), total(Some(ola)), total(Some(ala))], [1_000, 1_000, 900]);
    let context = bench.run_as(&till, move |work| work.pricing().context(&request(Some(ala)))).unwrap();
    assert_eq!(context.tiers, [gold]);
    bench.run(move |work| work.catalog().receive(tea, branch, 1).map(drop)).unwrap();
    let recorded = bench.run(move |work| {
        let quote = work.pricing().quote(&request(Some(ala)))?;
        let new = NewPurchase::quoted(&request(Some(ala)), "1", [NewTender::cash_rest()]);
        work.purchases().record_quoted(&new, &ByQuote::of(&request(Some(ala)), &quote), "1")
    });
    assert!(matches!(recorded.unwrap(), Recorded::Done(_)), "it is priced the same when it is recorded");
    bench.verify();
}
