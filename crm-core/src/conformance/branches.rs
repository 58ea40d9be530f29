//! Branches.

use super::bench::{Bench, Factory};
use crate::branches::{Branch, NewBranch};
use crate::kernel::calendar::Calendar;
use crate::kernel::currency::Currency;
use crate::kernel::page::Limit;
use crate::kernel::time::TimeOfDay;
use crate::{Error, ErrorKind};

/// A branch is opened, found, listed by name, and changed, but not its currency.
pub fn open_and_change(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let tehran = bench
        .run(|work| {
            work.branches().create(NewBranch {
                calendar: Calendar::Jalali,
                cutoff: "04:00".parse::<TimeOfDay>()?,
                ..NewBranch::named(" تهران ", "Asia/Tehran", "IRR")
            })
        })
        .unwrap();
    assert_eq!((tehran.name.as_str(), tehran.calendar, tehran.active), ("تهران", Calendar::Jalali, true));
    let (a, b) = (bench.branch("B"), bench.branch("A"));
    let id = tehran.id;
    assert!(bench.read(move |work| work.branches().get(id)).unwrap() == tehran);
    let first = bench.read(|work| work.branches().page(Limit::new(2)?, None)).unwrap();
    assert_eq!(first.items.iter().map(|branch| branch.id).collect::<Vec<_>>(), [b.id, a.id]);
    let rest = bench.read(move |work| work.branches().page(Limit::new(2)?, first.next.as_ref())).unwrap();
    assert!(rest.items == [tehran.clone()] && rest.next.is_none());
    let mut closed = tehran.clone();
    (closed.active, closed.name) = (false, "Tehran".into());
    bench.run(move |work| work.branches().update(&mut closed.clone())).unwrap();
    let stale = bench.run(move |work| work.branches().update(&mut tehran.clone()));
    assert_eq!(stale.unwrap_err().kind(), ErrorKind::Conflict);
    let fixed = bench.run(move |work| {
        let mut branch: Branch = work.branches().get(id)?;
        assert_eq!((branch.active, branch.name.as_str()), (false, "Tehran"));
        branch.currency = Currency::new("PLN")?;
        work.branches().update(&mut branch)
    });
    assert!(matches!(fixed, Err(Error::Invalid { rule: "branch.currency_fixed", .. })));
}

/// Names, zones and currencies that are none.
pub fn refuse_nonsense(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let long = "x".repeat(201);
    for (name, zone, currency) in [
        (" ", "UTC", "PLN"),
        (long.as_str(), "UTC", "PLN"),
        ("x", "Europe/Nowhere", "PLN"),
        ("x", "UTC", "ZZZ"),
        ("x", "UTC", "zloty"),
    ] {
        let new = NewBranch::named(name, zone, currency);
        let refused = bench.run(move |work| work.branches().create(new.clone()));
        let expected = if currency == "ZZZ" { ErrorKind::NotFound } else { ErrorKind::Invalid };
        assert_eq!(refused.unwrap_err().kind(), expected, "{name} {zone} {currency}");
    }
    assert!(bench.read(|work| work.branches().page(Limit::default(), None)).unwrap().items.is_empty());
}
