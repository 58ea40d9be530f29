//! Quotas: never more than the limit, and nothing lost.

use std::time::Duration;

use super::bench::{Bench, Factory};
use super::race;
use crate::customers::{Customer, NewCustomer};
use crate::kernel::page::Limit;
use crate::quotas::{CUSTOMERS, Quota};
use crate::work::Filter;
use crate::{Error, ErrorKind, Result};

const HOUR: Duration = Duration::from_secs(3600);

fn rule<T: std::fmt::Debug>(result: Result<T>) -> &'static str {
    match result {
        Err(Error::Invalid { rule, .. }) => rule,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

fn parts(bench: &Bench, name: &'static str) -> (i64, i64, i64) {
    let quota = bench.read(move |work| work.quotas().get(name)).unwrap();
    (quota.free, quota.reserved, quota.used)
}

/// Many ask at once for what is nearly used up: exactly the limit is given.
pub fn are_exact(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    bench.run(|work| work.quotas().set("sms", 20, 3)).unwrap();
    let rounds = race(8, 6, |turn| {
        bench.run(move |work| {
            let kept = work.quotas().reserve("sms", 1, HOUR)?;
            // Every other one is given back at once: its unit is there for the next.
            if turn.worker % 2 == 0 { work.quotas().commit(kept.id, 1) } else { work.quotas().release(kept.id) }
        })
    });
    for error in rounds.iter().flat_map(|round| &round.lost) {
        assert!(matches!(error, Error::Invalid { rule: "quota.exhausted", .. }), "{error:?}");
    }
    let (free, reserved, used) = parts(&bench, "sms");
    assert_eq!((free, reserved, used), (0, 0, 20));
    bench.verify();
}

/// A reservation is settled once; what was forgotten comes back; a lowered limit takes nothing away.
pub fn settle_once(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    bench.run(|work| work.quotas().set("sms", 10, 0)).unwrap();
    let reserve = |amount| bench.run(move |work| work.quotas().reserve("sms", amount, HOUR));
    let (one, two, three) = (reserve(4).unwrap(), reserve(3).unwrap(), reserve(3).unwrap());
    assert_eq!(rule(reserve(1)), "quota.exhausted");
    assert_eq!(rule(reserve(0)), "quota.not_positive");
    assert_eq!(rule(reserve(-5)), "quota.not_positive");
    assert_eq!(bench.run(|work| work.quotas().reserve("unknown", 1, HOUR)).unwrap_err().kind(), ErrorKind::NotFound);
    let (one, two) = (one.id, two.id);
    assert_eq!(rule(bench.run(move |work| work.quotas().commit(one, 5))), "quota.more_than_kept");
    // Committed and released at the same moment: one of them.
    let rounds = race(6, 1, |turn| {
        bench.run(
            move |work| {
                if turn.worker % 2 == 0 { work.quotas().commit(one, 3) } else { work.quotas().release(one) }
            },
        )
    });
    assert_eq!(rounds[0].won.len(), 1);
    assert!(rounds[0].lost.iter().all(|error| error.kind() == ErrorKind::NotFound), "{:?}", rounds[0].lost);
    let (free, reserved, used) = parts(&bench, "sms");
    assert!((free, reserved, used) == (1, 6, 3) || (free, reserved, used) == (4, 6, 0));
    bench.run(move |work| work.quotas().commit(two, 0)).unwrap();
    bench.clock.advance(Duration::from_micros(3_599_999_999));
    assert_eq!(bench.run(|work| work.quotas().release_expired("sms", Limit::default())).unwrap(), 0);
    bench.clock.advance(Duration::from_micros(1));
    assert_eq!(bench.run(|work| work.quotas().release_expired("sms", Limit::default())).unwrap(), 1);
    let late = three.id;
    assert_eq!(bench.run(move |work| work.quotas().commit(late, 3)).unwrap_err().kind(), ErrorKind::NotFound);
    let (_, _, used) = parts(&bench, "sms");
    bench.run(|work| work.quotas().set("sms", 2, 0)).unwrap();
    assert_eq!(parts(&bench, "sms"), (2 - used, 0, used));
    bench.run(|work| work.quotas().set("sms", 5, 0)).unwrap();
    assert_eq!(parts(&bench, "sms"), (5 - used, 0, used));
    assert_eq!(rule(bench.run(|work| work.quotas().set("sms", -1, 0))), "quota.negative");
    bench.verify();
}

/// Once customers are limited, each takes one, and one too many is refused with nothing left of it.
pub fn count_customers(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    bench.customer(NewCustomer::person("Before anybody counted"));
    bench.run(|work| work.quotas().set(CUSTOMERS, 9, 77)).unwrap();
    assert_eq!(parts(&bench, CUSTOMERS), (8, 0, 1), "those who are there are counted");
    let rounds = race(6, 3, |turn| {
        let new = NewCustomer::person(format!("{turn:?}"));
        bench.run(move |work| work.customers().create(new.clone()))
    });
    assert_eq!(rounds.iter().map(|round| round.won.len()).sum::<usize>(), 8);
    for error in rounds.iter().flat_map(|round| &round.lost) {
        assert!(matches!(error, Error::Invalid { rule: "quota.exhausted", .. }), "{error:?}");
    }
    assert_eq!(bench.read(|work| work.count(Filter::<Customer>::all())).unwrap(), 9);
    // A customer who is refused for another reason takes nothing.
    bench.run(|work| work.quotas().set(CUSTOMERS, 10, 0)).unwrap();
    let refused = bench.run(|work| {
        let tried = work.attempt(|work| work.customers().create(NewCustomer::person(" ")));
        assert_eq!(tried.unwrap_err().kind(), ErrorKind::Invalid);
        Ok(())
    });
    refused.unwrap();
    assert_eq!(parts(&bench, CUSTOMERS), (1, 0, 9));
    assert_eq!(bench.read(|work| work.count(Filter::<Quota>::all())).unwrap(), 1);
    bench.verify();
}
