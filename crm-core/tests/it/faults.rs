//! Whatever call of the storage goes wrong, an operation is done as a whole or not at all.

use std::sync::Arc;
use std::time::Duration;

use crm_core::access::Actor;
use crm_core::branches::{BranchId, NewBranch};
use crm_core::catalog::{CategoryId, NewProduct, ProductId};
use crm_core::conformance::{Fault, FaultyStorage, GroupedMemory, RawJob};
use crm_core::customers::{CustomerId, NewCustomer};
use crm_core::instalments::{ChequeAction, ChequeId, ChequeTerms, NewCheque, NewPayment, Terms};
use crm_core::invoices::NewSeries;
use crm_core::kernel::calendar::Span;
use crm_core::kernel::currency::Currency;
use crm_core::kernel::money::Money;
use crm_core::kernel::page::Limit;
use crm_core::kernel::time::CivilDate;
use crm_core::purchases::{NewLine, NewPurchase, NewTender, PurchaseId};
use crm_core::returns::{NewReturn, NewReturnLine};
use crm_core::shipping::ShipLine;
use crm_core::work::{Criteria, Direction, Mode, Permit, Query, Row, Storage, Tx, Verdict};
use crm_core::{Crm, Error, ErrorKind, MemoryStorage, Result};

#[derive(Clone, Copy)]
struct World {
    branch: BranchId,
    customer: CustomerId,
    product: ProductId,
    category: CategoryId,
    other: CategoryId,
    /// Final, without an invoice.
    plain: PurchaseId,
    /// Not final, and to be shipped.
    open: PurchaseId,
    /// Invoiced, and paid later by this cheque, which is with the bank.
    owed: PurchaseId,
    cheque: ChequeId,
}

/// Half of 200 in instalments, the rest in cash.
fn on_credit() -> Result<Vec<NewTender>> {
    let first_due = CivilDate::new(2030, 1, 31)?;
    let terms = Terms { first_due, count: 3, every: Span::Months(1) };
    Ok(vec![NewTender::instalments(Money::new(100, Currency::PLN), &terms)?, NewTender::cash_rest()])
}

fn system<T: Send + 'static>(crm: &Crm, job: impl Fn(&mut Permit<'_, '_>) -> Result<T> + Send + 'static) -> Result<T> {
    crm.blocking().run(&Actor::system(), "faults", move |work| job(&mut work.unrestricted()?))
}

fn world(crm: &Crm) -> World {
    let world = system(crm, |work| {
        let branch = work.branches().create(NewBranch::named("Gdynia", "Europe/Warsaw", "PLN"))?.id;
        let customer = work.customers().create(NewCustomer::person("Ola Nowak").with_card("A1"))?.id;
        let price = Money::new(100, Currency::new("PLN")?);
        let product = work.catalog().create_product(NewProduct::goods("tea", "Tea", price))?.id;
        work.catalog().receive(product, branch, 20)?;
        let category = work.catalog().create_category(None, "Food")?.id;
        work.catalog().create_category(Some(category), "Hot")?;
        let other = work.catalog().create_category(None, "Drinks")?.id;
        work.send("email", serde_json::json!({}))?;

        work.invoices().create_series(&NewSeries::yearly(branch, "FV", "FV/"))?;
        let sale =
            |receipt: &str, tenders| NewPurchase::of(branch, receipt, [NewLine::of(product, 2)], tenders).by(customer);
        let cash = || vec![NewTender::cash_rest()];
        let plain = work.purchases().record(&sale("plain", cash()), "plain")?.purchase;
        let open = NewPurchase { open: true, to_ship: true, ..sale("open", cash()) };
        let open = work.purchases().record(&open, "open")?.purchase;
        let owed = NewPurchase { invoice: Some("FV".into()), ..sale("owed", on_credit()?) };
        let owed = work.purchases().record(&owed, "owed")?.purchase;
        let (number, due_on) = ("7".to_owned(), CivilDate::new(2030, 1, 31)?);
        let terms = ChequeTerms { number, due_on, bank: None, sayad_id: None };
        let new = NewCheque { purchase: owed, amount: Money::new(50, Currency::PLN), terms, replaces: None };
        let cheque = work.instalments().take_cheque(&new, "cheque")?;
        work.instalments().move_cheque(cheque, ChequeAction::Deposit, "deposit")?;
        Ok(World { branch, customer, product, category, other, plain, open, owed, cheque })
    });
    world.unwrap()
}

fn everything(crm: &Crm, storage: &dyn Storage) -> Vec<Row> {
    let schemas = crm.schemas();
    let (job, answers) = RawJob::new(move |tx: &mut dyn Tx| {
        let mut rows = Vec::new();
        for schema in schemas.iter() {
            let (criteria, order) = (Criteria::everything(), schema.key.to_vec());
            let query = Query { schema, criteria, order, direction: Direction::Ascending, after: None, limit: 0 };
            rows.extend(tx.select(&query).unwrap());
        }
        (Verdict::Commit, rows)
    });
    pollster::block_on(storage.run(Mode::Read, Box::new(job))).unwrap();
    answers.try_iter().last().unwrap()
}

type Operation = fn(&mut Permit<'_, '_>, World) -> Result<()>;

const OPERATIONS: [(&str, Operation); 15] = [
    ("create a customer", |work, world| {
        let new = NewCustomer {
            branch: Some(world.branch),
            referrer: Some(world.customer),
            ..NewCustomer::person("Jan Lis")
        };
        work.customers().create(new.with_card("B2")).map(|_| ())
    }),
    ("change a customer", |work, world| {
        let mut customer = work.customers().get(world.customer)?;
        customer.name = "Ola Kowalska".into();
        work.customers().update(&mut customer)
    }),
    ("move a category", |work, world| work.catalog().move_category(world.category, Some(world.other)).map(|_| ())),
    ("correct stock", |work, world| work.catalog().correct(world.product, world.branch, -4)),
    ("record a purchase", |work, world| {
        let lines = [NewLine::of(world.product, 2), NewLine::of(world.product, 1)];
        let new = NewPurchase::of(world.branch, "1", lines, [NewTender::cash_rest()]).by(world.customer);
        work.purchases().record(&new, "key").map(|_| ())
    }),
    ("record an invoiced purchase on credit", |work, world| {
        let lines = [NewLine::of(world.product, 2)];
        let new = NewPurchase::of(world.branch, "1", lines, on_credit()?).by(world.customer);
        let new = NewPurchase { invoice: Some("FV".into()), to_ship: true, ..new };
        work.purchases().record(&new, "key").map(|_| ())
    }),
    ("finalise a purchase", |work, world| work.purchases().finalise(world.open, Some("FV")).map(|_| ())),
    ("take goods back", |work, world| {
        let new = NewReturn::of(world.owed, [NewReturnLine::of(1, 1)]);
        work.returns().record(&new, "key").map(|_| ())
    }),
    ("strike out a line", |work, world| work.returns().void(world.open, 1, "typo", "key").map(|_| ())),
    ("ship", |work, world| work.shipping().ship(world.open, &[ShipLine { line_no: 1, quantity: 1 }], "key")),
    ("issue an invoice", |work, world| work.invoices().issue(world.plain, "FV", "key").map(|_| ())),
    ("pay instalments", |work, world| {
        let (amount, method) = (Money::new(30, Currency::PLN), "cash".to_owned());
        let new = NewPayment { purchase: world.owed, amount, method, occurred_at: None };
        work.instalments().pay(&new, "key").map(|_| ())
    }),
    ("clear a cheque", |work, world| {
        work.instalments().move_cheque(world.cheque, ChequeAction::Clear, "key").map(|_| ())
    }),
    ("claim messages", |work, _| work.outbox().claim(Limit::default(), Duration::from_secs(1)).map(|_| ())),
    // Either the first choice or the second is stored, and what is around it in both cases.
    ("attempt", |work, world| {
        work.catalog().create_category(None, "before")?;
        let first = work.attempt(|work| {
            work.catalog().create_category(Some(world.other), "first choice")?;
            work.catalog().receive(world.product, world.branch, 1)
        });
        if first.is_err() {
            work.catalog().create_category(Some(world.other), "second choice")?;
        }
        work.catalog().create_category(None, "after").map(|_| ())
    }),
];

/// `reruns`: the storage may run a job again of its own accord, and so pass over a fault.
fn all_or_nothing(storage: fn() -> Arc<dyn Storage>, reruns: bool) {
    for fault in [Fault::ErrorBefore, Fault::ErrorAfter, Fault::Crash] {
        for (what, operation) in OPERATIONS {
            for n in 1.. {
                let faulty = FaultyStorage::new(storage());
                let crm = Crm::builder_on(faulty.clone()).build_blocking().unwrap();
                let world = world(&crm);
                let before = everything(&crm, &*faulty);
                faulty.fail_at(n, fault);
                let ended = system(&crm, move |work| operation(work, world));
                let calls = faulty.count_calls();
                faulty.heal();
                assert_eq!(crm.blocking().verify().unwrap(), []);
                let after = everything(&crm, &*faulty);
                if let Err(error) = ended {
                    let expected = if fault == Fault::Crash { ErrorKind::Panicked } else { ErrorKind::Backend };
                    assert!([expected, ErrorKind::Poisoned].contains(&error.kind()), "{what} {n}: {error:?}");
                    assert_eq!(after, before, "{what}: {fault:?} at call {n}");
                    continue;
                }
                assert_ne!(after, before, "{what} has done something");
                if calls < n {
                    assert!(n > 3, "{what} has made {calls} calls");
                    break;
                }
                assert!(what == "attempt" || reruns, "{what}: {fault:?} at call {n} went unnoticed");
                if what == "attempt" {
                    let tree = system(&crm, move |work| work.catalog().subtree(world.other)).unwrap();
                    let names: Vec<_> = tree.iter().map(|category| category.name.as_str()).collect();
                    assert!(
                        names == ["Drinks", "second choice"] || (reruns && names == ["Drinks", "first choice"]),
                        "{names:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn in_memory() {
    all_or_nothing(|| Arc::new(MemoryStorage::new()), false);
}

#[test]
fn behind_the_write_buffer() {
    all_or_nothing(|| Arc::new(GroupedMemory::new()), true);
}

#[test]
fn a_delay_changes_nothing() {
    let faulty = FaultyStorage::new(Arc::new(MemoryStorage::new()));
    let crm = Crm::builder_on(faulty.clone()).build_blocking().unwrap();
    faulty.fail_at(1, Fault::Delay(Duration::from_millis(1)));
    world(&crm);
    assert!(faulty.count_calls() > 10);
    assert_eq!(crm.blocking().verify().unwrap(), []);
}

#[test]
fn a_swallowed_fault_is_no_commit() {
    let faulty = FaultyStorage::new(Arc::new(MemoryStorage::new()));
    let crm = Crm::builder_on(faulty.clone()).build_blocking().unwrap();
    faulty.fail_at(1, Fault::ErrorBefore);
    let ended = system(&crm, |work| {
        let _ = work.branches().create(NewBranch::named("lost", "UTC", "PLN"));
        work.branches().create(NewBranch::named("kept", "UTC", "PLN"))
    });
    assert!(matches!(ended, Err(Error::Poisoned)), "{ended:?}");
    faulty.heal();
    assert!(system(&crm, |work| work.branches().page(Limit::default(), None)).unwrap().items.is_empty());
}
