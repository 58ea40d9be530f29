//! Settings that are kept at levels.

use super::bench::{Bench, Factory};
use super::partners::contract;
use super::race::race;
use crate::access::{Actor, HiddenField, Principal, Region};
use crate::accounts::{AccountsPolicy, CODE_TOPIC, Identifier};
use crate::customers::{self, Customer, LANGUAGE, NewCustomer, Stage};
use crate::kernel::language::Language;
use crate::kernel::rate::Rate;
use crate::module::OutboxMessage;
use crate::pricing::{
    Adjustment, Assortment, DiscountLimits, NewRule, PolicySettings, PriceRule, RuleTerms, Stage as PriceStage,
};
use crate::settings::{Level, Setting, StoredSetting};
use crate::work::Filter;
use crate::{Error, ErrorKind, Result};

/// How long goods are kept back; `None` is for ever.
const KEEP: Setting<Option<u16>> = Setting::new("example.keep", customers::READ, customers::WRITE, || Some(3))
    .checked(|days| if *days == Some(0) { Err(Error::invalid("keep", "example.keep")) } else { Ok(()) });

/// S-66: the customer's own value goes before that of their groups, partners' first and by priority, the branch, everybody;
/// what lost is told. A contract that has ended brings no group.
pub fn the_nearest_level_wins(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let (here, there) = (bench.branch("here").id, bench.branch("there").id);
    let new = NewCustomer { branch: Some(here), stage: Stage::Customer, ..NewCustomer::person("Ala") };
    let who = bench.customer(new).id;
    let [low, high] = [("B", 1), ("A", 2)]
        .map(|(name, n)| bench.run(move |work| work.partners().create_partner_group(name, n)).unwrap().id);
    let segment = bench.run(|work| work.partners().create_customer_group("Teachers", 9)).unwrap().id;
    bench.run(move |work| work.partners().join(who, segment)).unwrap();
    // The clock of the bench shows the 21st.
    let sign = |through| {
        let contract = contract(10, Some(through), &[low, high]);
        bench.run(move |work| work.partners().sign(who, &contract)).unwrap();
    };
    sign(21);
    let kept = |branch| bench.run(move |work| work.settings().resolve(&KEEP, Some(who), branch)).unwrap();
    assert_eq!((kept(None).value, kept(None).level), (Some(3), None));

    // From the last to the nearest: each wins over those before.
    let way = [
        Level::Everybody,
        Level::Branch(here),
        Level::CustomerGroup(segment),
        Level::PartnerGroup(low),
        Level::PartnerGroup(high),
        Level::Customer(who),
    ];
    for (n, level) in way.into_iter().enumerate() {
        let days = (n != 2).then_some(10 + u16::try_from(n).unwrap());
        bench.run(move |work| work.settings().set(&KEEP, level, &days)).unwrap();
        let now = kept(Some(here));
        assert_eq!((now.value, now.level, now.passed_over.len()), (days, Some(level), n));
    }
    let all = kept(Some(here));
    let lost: Vec<_> = all.passed_over.iter().map(|(level, _)| *level).collect();
    assert_eq!(lost, way.into_iter().rev().skip(1).collect::<Vec<_>>());
    let elsewhere = kept(Some(there));
    assert!(!elsewhere.passed_over.iter().any(|(level, _)| matches!(level, Level::Branch(_))));
    bench.run(move |work| work.settings().clear(&KEEP, Level::Customer(who))).unwrap();
    assert_eq!(kept(None).level, Some(Level::PartnerGroup(high)));
    sign(20);
    assert_eq!((kept(None).level, kept(None).value), (Some(Level::CustomerGroup(segment)), None));
    let nobody = bench.run(move |work| work.settings().resolve(&KEEP, None, Some(here))).unwrap();
    assert_eq!(nobody.level, Some(Level::Branch(here)));

    languages(&bench, who, here);
}

/// What a customer's record says of their language goes first, then what is set; codes go out in it.
fn languages(bench: &Bench, who: crate::customers::CustomerId, here: crate::branches::BranchId) {
    let spoken = || bench.run(move |work| work.customers().language(who, None)).unwrap();
    assert_eq!((spoken().value, spoken().level), (Language::En, None));
    bench.run(move |work| work.settings().set(&LANGUAGE, Level::Branch(here), &Language::He)).unwrap();
    assert_eq!((spoken().value, spoken().level), (Language::He, Some(Level::Branch(here))));
    let locale = |tag: &'static str| {
        bench
            .run(move |work| {
                let mut customer: Customer = work.customers().get(who)?;
                customer.locale = Some(tag.to_owned());
                work.customers().update(&mut customer)
            })
            .unwrap();
    };
    locale("de-AT");
    assert_eq!(spoken().value, Language::He, "there are no texts in it");
    locale("fa-IR");
    assert_eq!((spoken().value, spoken().level), (Language::Fa, Some(Level::Customer(who))));
    assert_eq!(spoken().passed_over, [(Level::Branch(here), Language::He)]);
    let hidden = HiddenField { kind: "customer".into(), column: "locale".into() };
    let clerk = Actor::new(Principal::User(uuid::Uuid::nil().into()))
        .granted(customers::READ, Region::branches([here]))
        .hiding(std::collections::BTreeSet::from([hidden]));
    let seen = bench.run_as(&clerk, move |work| work.customers().language(who, None)).unwrap();
    assert_eq!(seen.value, Language::He, "a language that is hidden does not count");

    bench
        .run(move |work| {
            work.accounts().set_policy(AccountsPolicy::default())?;
            work.accounts().issue(who, &Identifier::parse("ala@example.org", None)?, None)
        })
        .unwrap();
    let sent = bench.read(|work| work.select(Filter::<OutboxMessage>::all()).all()).unwrap();
    let code = sent.iter().find(|message| message.topic == CODE_TOPIC).unwrap();
    assert_eq!(code.payload.0.get("language").and_then(|tag| tag.as_str()), Some("fa"));
}

/// What the setting's own check refuses is not stored; nothing is set for what is not there; a setting takes its own
/// permission, and one without bounds for more than a customer or a branch.
pub fn refuse_nonsense(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let here = bench.branch("here").id;
    let who = bench.customer(NewCustomer { branch: Some(here), ..NewCustomer::person("Ala") }).id;
    let nobody = uuid::Uuid::max();
    let set = |level, days| bench.run(move |work| work.settings().set(&KEEP, level, &days));
    let refused = set(Level::Everybody, Some(0)).unwrap_err();
    assert!(matches!(refused, Error::Invalid { rule: "example.keep", .. }), "{refused}");
    for level in [
        Level::Customer(nobody.into()),
        Level::Branch(nobody.into()),
        Level::PartnerGroup(nobody.into()),
        Level::CustomerGroup(nobody.into()),
    ] {
        assert_eq!(set(level, Some(1)).unwrap_err().kind(), ErrorKind::NotFound, "{level}");
    }
    bench.run(|work| work.settings().clear(&KEEP, Level::Everybody)).unwrap();
    let stored = || bench.read(|work| work.count(Filter::<StoredSetting>::all())).unwrap();
    assert_eq!(stored(), 0);

    let clerk = Actor::new(Principal::User(uuid::Uuid::nil().into()))
        .granted(customers::WRITE, Region::branches([here]))
        .granted(customers::READ, Region::branches([here]));
    let as_clerk = |level| bench.run_as(&clerk, move |work| work.settings().set(&KEEP, level, &Some(5)));
    as_clerk(Level::Customer(who)).unwrap();
    as_clerk(Level::Branch(here)).unwrap();
    assert_eq!(as_clerk(Level::Everybody).unwrap_err().kind(), ErrorKind::Denied);
    let reader = clerk.granted(customers::WRITE, Region::none());
    let denied = bench.run_as(&reader, move |work| work.settings().clear(&KEEP, Level::Branch(here)));
    assert_eq!(denied.unwrap_err().kind(), ErrorKind::Denied);
    assert_eq!(stored(), 2);
    bench.verify();
}

/// Many write the first price rule, the first category, the first limits and the first setting at once, through two
/// doors to one store: each is there, and nobody is told that something exists.
pub fn first_ones_race(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let rounds = race(8, 1, |turn| -> Result<()> {
        let terms = RuleTerms::new(
            "First",
            PriceStage::Campaign,
            Assortment::Everything,
            Adjustment::Percent(Rate::percent(1)),
        );
        bench.run(move |work| {
            let name = format!("First {}", turn.worker);
            match turn.worker % 4 {
                0 => work.pricing().save_rule(NewRule::now(terms.clone())).map(drop),
                1 => work.catalog().create_category(None, &name).map(drop),
                2 => work.pricing().set_discount_limits(DiscountLimits::default()),
                _ => work.settings().set(&LANGUAGE, Level::Everybody, &Language::Pl),
            }
        })
    });
    let lost: Vec<_> = rounds.iter().flat_map(|round| &round.lost).collect();
    assert!(lost.is_empty(), "{lost:?}");
    bench.run(|work| work.pricing().set_settings(PolicySettings::default())).unwrap();
    let rules = bench.read(|work| work.count(Filter::<PriceRule>::all())).unwrap();
    assert_eq!(rules, 2);
    bench.verify();
}
