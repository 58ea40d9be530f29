//! Units of work: all or nothing, attempts, reading only.

use uuid::Uuid;

use super::bench::{Bench, Factory, zloty};
use super::sample::Specimen;
use crate::access::Actor;
use crate::catalog::{NewProduct, Product};
use crate::customers::{Customer, NewCustomer};
use crate::kernel::page::Limit;
use crate::work::{Entity, Filter, Permit};
use crate::{Error, ErrorKind, Result};

fn specimen(n: u128) -> Specimen {
    Specimen::new(Uuid::from_u128(n).into(), "work", 0)
}

fn insert(work: &mut Permit<'_, '_>, n: u128) -> Result<()> {
    work.insert(&specimen(n))
}

fn oops() -> Error {
    Error::invalid("conformance", "conformance.asked_for")
}

/// Numbers of the specimens that are stored.
pub(super) fn stored(bench: &Bench) -> Vec<u128> {
    let all = bench.read(|work| work.select(Filter::<Specimen>::all()).all()).unwrap();
    all.iter().map(|specimen| Uuid::from(specimen.id).as_u128()).collect()
}

/// A job that returns an error, or panics, leaves nothing; its error comes back as it was, of whatever type.
pub fn a_failed_job_leaves_nothing(factory: Factory<'_>) {
    #[derive(Debug)]
    enum HostError {
        Crm(Error),
        Own(u32),
    }
    impl From<Error> for HostError {
        fn from(error: Error) -> Self {
            Self::Crm(error)
        }
    }
    let bench = Bench::open(factory);
    let own = bench.crm.blocking().run(&Actor::system(), "host", |work| {
        let mut work = work.unrestricted()?;
        insert(&mut work, 1)?;
        work.branches().create(crate::branches::NewBranch::named("x", "UTC", "EUR"))?;
        Err::<(), _>(HostError::Own(7))
    });
    assert!(matches!(own, Err(HostError::Own(7))));
    let taken = bench.crm.blocking().run(&Actor::system(), "host", |work| {
        let mut work = work.unrestricted()?;
        insert(&mut work, 1)?;
        insert(&mut work, 1)?;
        Ok::<_, HostError>(())
    });
    assert!(matches!(taken, Err(HostError::Crm(Error::AlreadyExists { .. }))));
    let panicked: Result<()> = bench.run(|work| {
        insert(work, 1)?;
        panic!("asked for by the suite");
    });
    assert_eq!(panicked.unwrap_err().kind(), ErrorKind::Panicked);
    assert!(stored(&bench).is_empty());
    bench.run(|work| insert(work, 1)).unwrap();
    assert_eq!(stored(&bench), [1]);
    assert!(bench.read(|work| work.branches().page(Limit::default(), None)).unwrap().items.is_empty());
}

/// What fails in an attempt is gone, also what a store notices only when it writes; what is around it stays.
pub fn attempts_fail_alone(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let product = bench.goods("taken", 1);
    bench
        .run(move |work| {
            insert(work, 1)?;
            let failed = work.attempt(|work| {
                insert(work, 2)?;
                let mut changed: Product = work.get(product.id)?;
                changed.name = "never".into();
                work.update(&mut changed)?;
                Err::<(), _>(oops())
            });
            assert_eq!(failed.unwrap_err().kind(), ErrorKind::Invalid);
            assert_eq!(work.get::<Product>(product.id)?.name, "taken");
            let taken = work.attempt(|work| {
                insert(work, 3)?;
                work.catalog().create_product(NewProduct::goods("taken", "again", product.price()))
            });
            assert_eq!(taken.unwrap_err().kind(), ErrorKind::AlreadyExists);
            let twice = work.attempt(|work| insert(work, 1));
            assert_eq!(twice.unwrap_err().kind(), ErrorKind::AlreadyExists);
            // The fallback that attempts are for.
            work.attempt(|work| work.catalog().create_product(NewProduct::goods("free", "other", product.price())))?;
            insert(work, 4)?;
            assert_eq!(work.count(Filter::<Specimen>::all())?, 2);
            Ok(())
        })
        .unwrap();
    assert_eq!(stored(&bench), [1, 4]);
    let skus = bench.read(|work| work.catalog().products(None, Limit::default(), None)).unwrap();
    assert_eq!(skus.items.iter().map(|product| product.sku.as_str()).collect::<Vec<_>>(), ["free", "taken"]);
}

/// An attempt fails whose job has swallowed a failure inside it: nothing of it is kept, and the rest goes on.
pub fn attempts_do_not_hide_failures(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    bench.goods("taken", 1);
    bench
        .run(move |work| {
            insert(work, 1)?;
            // Noticed at once, and noticed when it is written.
            let at_once = work.attempt(|work| {
                insert(work, 2)?;
                let _ = insert(work, 1);
                Ok::<_, Error>(())
            });
            assert_eq!(at_once.unwrap_err().kind(), ErrorKind::Poisoned);
            for and_more in [false, true] {
                let when_written = work.attempt(|work| {
                    insert(work, 3)?;
                    let again = work.catalog().create_product(NewProduct::goods("taken", "again", zloty(1)));
                    if again.is_ok() {
                        let _ = work.count(Filter::<Product>::all());
                    }
                    if and_more {
                        let _ = insert(work, 4);
                    }
                    Ok::<_, Error>(())
                });
                assert_eq!(when_written.unwrap_err().kind(), ErrorKind::Poisoned);
            }
            insert(work, 5)
        })
        .unwrap();
    assert_eq!(stored(&bench), [1, 5]);
    bench.verify();
}

/// An attempt that holds an attempt: the inner may fail alone, the outer takes the inner with it.
pub fn attempts_nest(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    bench
        .run(|work| {
            insert(work, 1)?;
            work.attempt(|work| {
                insert(work, 2)?;
                let inner = work.attempt(|work| {
                    insert(work, 3)?;
                    insert(work, 2)
                });
                assert_eq!(inner.unwrap_err().kind(), ErrorKind::AlreadyExists);
                work.attempt(|work| insert(work, 4))?;
                // Deleted in the one, inserted anew in the other.
                work.attempt(|work| work.delete(&specimen(1)))?;
                work.attempt(|work| insert(work, 1))
            })?;
            let outer = work.attempt(|work| {
                insert(work, 5)?;
                work.attempt(|work| {
                    insert(work, 6)?;
                    work.delete(&specimen(2))
                })?;
                assert!(work.find::<Specimen>(&specimen(2).id)?.is_none());
                Err::<(), _>(oops())
            });
            assert!(outer.is_err());
            assert!(work.find::<Specimen>(&specimen(2).id)?.is_some());
            let mut deep = Ok(());
            for depth in 0..20 {
                deep = deep.and(work.attempt(|work| {
                    insert(work, 100 + depth)?;
                    if depth % 2 == 0 { Ok(()) } else { Err(oops()) }
                }));
            }
            assert!(deep.is_err());
            Ok(())
        })
        .unwrap();
    let expected: Vec<u128> = [1, 2, 4].into_iter().chain((100..120).step_by(2)).collect();
    assert_eq!(stored(&bench), expected);
}

/// A job that reads only is refused every write, and nothing of it is stored even if it hides that.
pub fn reads_refuse_writes(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    bench.run(|work| insert(work, 1)).unwrap();
    let branch = bench.branch("read").id;
    let product = bench.goods("read", 1);
    super::purchases::receive(&bench, &product, branch, 5);
    type Write = Box<dyn Fn(&mut Permit<'_, '_>) -> Result<()> + Send>;
    let writes: Vec<Write> = vec![
        Box::new(|work| insert(work, 2)),
        Box::new(|work| work.update(&mut specimen(1))),
        Box::new(|work| work.delete(&specimen(1))),
        Box::new(move |work| work.catalog().receive(product.id, branch, 1)),
        Box::new(move |work| {
            let on_hand = crate::catalog::stock_level::on_hand;
            work.add::<crate::catalog::Stock>(&(product.id, branch), on_hand, 1, None)
        }),
        Box::new(|work| work.customers().create(NewCustomer::person("Nobody")).map(|_| ())),
    ];
    for write in writes {
        let write = std::sync::Arc::new(std::sync::Mutex::new(write));
        let hidden = write.clone();
        let refused = bench.read(move |work| (write.lock().unwrap())(work));
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::ReadOnly);
        let _ = bench.read(move |work| {
            let _ = (hidden.lock().unwrap())(work);
            Ok(())
        });
    }
    assert_eq!(stored(&bench), [1]);
    let on_hand = bench.read(move |work| work.catalog().on_hand(product.id, branch)).unwrap();
    assert_eq!(on_hand, 5);
    assert!(bench.read(|work| work.select(Filter::<Customer>::all()).all()).unwrap().is_empty());
}

/// A job that hides a failed write does not commit.
pub fn a_swallowed_failure_is_no_commit(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    bench.run(|work| insert(work, 1)).unwrap();
    let hidden = bench.run(|work| {
        insert(work, 2)?;
        let _ = insert(work, 1);
        let _ = insert(work, 3);
        Ok(())
    });
    let kind = hidden.unwrap_err().kind();
    assert!(matches!(kind, ErrorKind::Poisoned | ErrorKind::AlreadyExists), "{kind:?}");
    assert_eq!(stored(&bench), [1]);
}

/// Saying what will be read changes no answer, right or wrong as it may be.
pub fn expectations_change_nothing(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    bench.run(|work| insert(work, 1)).unwrap();
    bench
        .run(|work| {
            let ids: Vec<_> = [1, 2, 3].map(|n| specimen(n).id).to_vec();
            work.expect::<Specimen>(&ids);
            insert(work, 2)?;
            work.expect::<Specimen>(&ids);
            work.attempt(|work| {
                work.expect::<Specimen>(&ids);
                work.delete(&specimen(1))
            })?;
            work.expect::<Specimen>(&ids);
            let there: Vec<bool> = work.get_many::<Specimen>(&ids)?.iter().map(Option::is_some).collect();
            assert_eq!(there, [false, true, false]);
            assert_eq!(work.count(Filter::<Specimen>::all())?, 1);
            Ok(())
        })
        .unwrap();
    bench
        .read(|work| {
            work.expect::<Specimen>(&[specimen(2).id]);
            assert_eq!(work.get::<Specimen>(specimen(2).id)?.id(), specimen(2).id);
            Ok(())
        })
        .unwrap();
    assert_eq!(stored(&bench), [2]);
}
