//! A shop for the checks of what follows a sale.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::bench::{Bench, Factory, zloty};
use super::purchases::receive;
use super::race::race;
use crate::branches::BranchId;
use crate::catalog::{NewProduct, ProductId, Stock, stock_level};
use crate::customers::{CustomerId, NewCustomer};
use crate::instalments::{ChequeId, ChequeTerms, NewCheque, Terms};
use crate::invoices::{Invoice, InvoiceId, NewSeries};
use crate::journal::{JournalEntry, JournalQuery};
use crate::kernel::calendar::Span;
use crate::kernel::money::Money;
use crate::kernel::page::Limit;
use crate::kernel::rate::Rate;
use crate::kernel::time::CivilDate;
use crate::purchases::{Figures, NewLine, NewPurchase, NewTender, PurchaseId, Receipt};
use crate::returns::{NewReturn, NewReturnLine, ReturnId, Returned};
use crate::shipping::ShipLine;
use crate::work::Filter;
use crate::{Error, Result, instalments, invoices, purchases, returns, shipping};

/// A branch with a customer, a series of invoices, and plenty of two goods at 19.99 and 3.33.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shop {
    pub(super) branch: BranchId,
    pub(super) customer: CustomerId,
    pub(super) tea: ProductId,
    pub(super) cup: ProductId,
}

/// How much of each of the goods there is.
pub(super) const STOCK: i64 = 10_000;

pub(super) fn shop(bench: &Bench) -> Shop {
    let branch = bench.branch("sales").id;
    let customer = bench.customer(NewCustomer::person("Ewa <Kot>")).id;
    let [tea, cup] = [("tea", 1999), ("cup", 333)].map(|(sku, price)| {
        let product = bench.goods(sku, price);
        receive(bench, &product, branch, STOCK);
        product.id
    });
    bench.run(move |work| work.invoices().create_series(&NewSeries::yearly(branch, "FV", "FV/"))).unwrap();
    Shop { branch, customer, tea, cup }
}

impl Shop {
    /// A purchase by the customer, with a receipt number of its own.
    pub(super) fn sale(&self, receipt: &str, lines: &[(ProductId, i64)], tenders: Vec<NewTender>) -> NewPurchase {
        let lines: Vec<_> = lines.iter().map(|(product, quantity)| NewLine::of(*product, *quantity)).collect();
        NewPurchase::of(self.branch, receipt, lines, tenders).by(self.customer)
    }
}

pub(super) fn record(bench: &Bench, new: &NewPurchase) -> Result<Receipt> {
    let new = new.clone();
    bench.run(move |work| work.purchases().record(&new, &new.receipt_no))
}

pub(super) fn take_back(bench: &Bench, purchase: PurchaseId, lines: &[(u16, i64)], key: &str) -> Result<Returned> {
    let lines: Vec<_> = lines.iter().map(|(line_no, quantity)| NewReturnLine::of(*line_no, *quantity)).collect();
    let (new, key) = (NewReturn::of(purchase, lines), key.to_owned());
    bench.run(move |work| work.returns().record(&new, &key))
}

/// The payloads of the events of a kind, the latest first.
pub(super) fn told(bench: &Bench, kind: &str) -> Vec<serde_json::Value> {
    let query = JournalQuery { kinds: vec![kind.to_owned()], ..JournalQuery::default() };
    let page = bench.read(move |work| work.journal().page(&query, Limit::MAX, None)).unwrap();
    page.items.into_iter().map(|entry| entry.payload.0).collect()
}

pub(super) fn day(text: &str) -> CivilDate {
    text.parse().unwrap()
}

pub(super) fn monthly(first_due: &str, count: u16) -> Terms {
    Terms { first_due: day(first_due), count, every: Span::Months(1) }
}

pub(super) fn cheque(number: &str, due_on: &str) -> ChequeTerms {
    ChequeTerms { number: number.to_owned(), due_on: day(due_on), bank: None, sayad_id: None }
}

/// Many at once, half of whom sell the last pieces with an invoice while the others bring back pieces of one earlier
/// purchase, which can be sold again: nothing is sold or taken back twice, and no number is left out.
pub fn tills_and_returns_race(factory: Factory<'_>) {
    const WORKERS: usize = 64;
    const LEFT: i64 = 12;
    const BACK: i64 = 10;
    let bench = Bench::open(factory);
    let shop = shop(&bench);
    let last = bench.goods("last", 500);
    receive(&bench, &last, shop.branch, LEFT + BACK);
    let sale = |receipt: &str, pieces| {
        let sale = shop.sale(receipt, &[(last.id, pieces)], vec![NewTender::cash_rest()]);
        record(&bench, &NewPurchase { invoice: Some("FV".into()), ..sale })
    };
    let earlier = sale("earlier", BACK).unwrap().purchase;
    let round = race(WORKERS, 1, |turn| {
        let name = turn.worker.to_string();
        if turn.worker % 2 == 0 {
            sale(&name, 1).map(|_| "sold")
        } else {
            take_back(&bench, earlier, &[(1, 1)], &name).map(|_| "back")
        }
    });
    let round = &round[0];
    let refused = round.lost.iter().map(|error| match error {
        Error::Invalid { rule, .. } => *rule,
        other => panic!("{other:?}"),
    });
    let mut ended = BTreeMap::new();
    for how in round.won.iter().copied().chain(refused) {
        *ended.entry(how).or_insert(0) += 1;
    }
    let half = (WORKERS / 2) as i64;
    let sold = ended.get("sold").copied().unwrap_or(0);
    assert!((LEFT..=LEFT + BACK).contains(&sold), "{ended:?}");
    let expected =
        [("sold", sold), ("stock.insufficient", half - sold), ("back", BACK), ("return.more_than_sold", half - BACK)];
    assert_eq!(ended, expected.into());
    let on_hand = bench.read(move |work| work.catalog().on_hand(last.id, shop.branch)).unwrap();
    assert_eq!(on_hand, LEFT + BACK - sold);
    let mut numbers = BTreeMap::<_, Vec<i64>>::new();
    let invoices: Vec<Invoice> = bench.run(|work| work.select(Filter::all()).all()).unwrap();
    for invoice in invoices {
        numbers.entry((invoice.series, invoice.period)).or_default().push(invoice.number);
    }
    for numbers in numbers.values_mut() {
        numbers.sort_unstable();
        assert_eq!(*numbers, (1..=numbers.len() as i64).collect::<Vec<_>>());
    }
    assert_eq!(numbers.values().map(Vec::len).sum::<usize>() as i64, 1 + sold + BACK, "an invoice or a note for each");
    bench.verify();
}

/// What there is to act upon.
#[derive(Debug, Clone, Copy)]
pub(super) struct World {
    pub(super) shop: Shop,
    /// Not final, to be shipped, of three pieces of which one has left.
    pub(super) open: PurchaseId,
    /// With an invoice, of three pieces of which one came back.
    pub(super) invoiced: PurchaseId,
    pub(super) invoice: InvoiceId,
    pub(super) returned: ReturnId,
    /// Without an invoice, paid in instalments, of which a cheque has come.
    pub(super) owed: PurchaseId,
    pub(super) cheque: ChequeId,
}

pub(super) fn world(bench: &Bench, shop: Shop) -> World {
    let open = shop.sale("open", &[(shop.tea, 3)], vec![NewTender::cash_rest()]);
    let open = record(bench, &NewPurchase { open: true, to_ship: true, ..open }).unwrap().purchase;
    bench.run(move |work| work.shipping().ship(open, &[ShipLine { line_no: 1, quantity: 1 }], "ship")).unwrap();
    let invoiced = shop.sale("invoiced", &[(shop.tea, 3)], vec![NewTender::cash_rest()]);
    let invoiced = record(bench, &NewPurchase { invoice: Some("FV".into()), ..invoiced }).unwrap();
    let returned = take_back(bench, invoiced.purchase, &[(1, 1)], "one").unwrap().return_id;
    let instalments =
        vec![NewTender::instalments(zloty(90), &monthly("2025-04-01", 3)).unwrap(), NewTender::cash_rest()];
    let owed = record(bench, &shop.sale("owed", &[(shop.tea, 1)], instalments)).unwrap().purchase;
    let new = NewCheque { purchase: owed, amount: zloty(50), terms: cheque("1", "2025-05-01"), replaces: None };
    let cheque = bench.run(move |work| work.instalments().take_cheque(&new, "cheque")).unwrap();
    let (invoiced, invoice) = (invoiced.purchase, invoiced.invoice.unwrap());
    World { shop, open, invoiced, invoice, returned, owed, cheque }
}

/// What recording a purchase asks for beside its own permission, one way of recording at a time.
pub fn special_ways_take_permissions(factory: Factory<'_>) {
    use crate::access::{Actor, Principal, Region};
    let bench = Bench::open(factory);
    let shop = shop(&bench);
    let plain = shop.sale("special", &[(shop.tea, 1)], vec![NewTender::cash_rest()]);
    let discount = Figures { discount: zloty(1), ..Figures::none(zloty(0).currency()) };
    let with = |line: NewLine| NewPurchase { lines: vec![line], ..plain.clone() };
    let line = NewLine::of(shop.tea, 1);
    let on_credit = NewTender::instalments(zloty(1999), &monthly("2025-04-01", 3)).unwrap();
    let by_cheque = NewTender::cheque(zloty(1999), &cheque("1", "2025-04-01")).unwrap();
    let ways = [
        (purchases::SET_PRICE, with(NewLine { unit_price: Some(zloty(1)), ..line.clone() })),
        (purchases::SET_PRICE, with(NewLine { figures: Some(discount), ..line })),
        (
            purchases::BACKDATE,
            NewPurchase { occurred_at: Some("2025-03-20T22:59:59Z".parse().unwrap()), ..plain.clone() },
        ),
        (purchases::IMPORT, NewPurchase { history_only: true, ..plain.clone() }),
        (instalments::GRANT, NewPurchase { tenders: vec![on_credit], ..plain.clone() }),
        (instalments::GRANT, NewPurchase { tenders: vec![by_cheque], ..plain.clone() }),
        (invoices::ISSUE, NewPurchase { invoice: Some("FV".into()), ..plain }),
    ];
    let clerk = Actor::new(Principal::User(Uuid::nil().into())).granted(purchases::RECORD, Region::all());
    for (n, (permission, new)) in ways.into_iter().enumerate() {
        let new = NewPurchase { receipt_no: n.to_string(), ..new };
        let try_as = |actor: &Actor| {
            let new = new.clone();
            bench.run_as(actor, move |work| work.purchases().record(&new, &new.receipt_no))
        };
        match try_as(&clerk).unwrap_err() {
            crate::Error::Denied { permission: asked } => assert_eq!(asked, permission),
            other => panic!("{permission}: {other:?}"),
        }
        try_as(&clerk.clone().granted(permission, Region::branches([shop.branch]))).unwrap();
    }
    bench.verify();
}

/// What was put in past the operations is found, by the name of the rule it breaks.
pub fn verify_finds_what_was_planted(factory: Factory<'_>) {
    use crate::pricing::{Adjustment, By, LimitCounter, Stage, Taken};
    use crate::work::{Json, Permit};
    type Plant = fn(&mut Permit<'_, '_>, &World) -> Result<()>;
    let plants: [(&str, Plant); 13] = [
        ("purchases.discounts", |work, world| {
            let (stage, by, how) = (Stage::Manual, By::Hand("x".into()), Adjustment::Percent(Rate::percent(10)));
            let taken = Taken { stage, by, how, of_minor: 1_999, off_minor: 199, bound: None };
            let (taken, uses) = (Json(vec![vec![taken]]), Json(Vec::new()));
            work.insert(&purchases::PurchaseDiscounts { purchase_id: world.owed, taken, uses })
        }),
        ("pricing.limits", |work, _| {
            let (rule_id, customer_id, period) = (work.new_id(), Uuid::nil(), day("2025-03-01"));
            work.insert(&LimitCounter { rule_id, counts: "uses".into(), customer_id, period, balance: -1 })
        }),
        ("purchases.sums", |work, world| {
            let mut line: purchases::PurchaseLine = work.get((world.owed, 1))?;
            work.delete(&line)?;
            line.tender_shares.0[0] -= 1;
            work.insert(&line)
        }),
        ("purchases.sums", |work, world| {
            let mut line: purchases::PurchaseLine = work.get((world.owed, 1))?;
            work.delete(&line)?;
            line.discount_minor += 1;
            work.insert(&line)
        }),
        ("purchases.products", |work, world| {
            let mut line: purchases::PurchaseLine = work.get((world.owed, 1))?;
            work.delete(&line)?;
            let place = (line.product_id, world.shop.branch);
            work.add::<Stock>(&place, stock_level::on_hand, line.quantity, None)?;
            (line.product_id, line.stocked) = (work.new_id(), false);
            work.insert(&line)
        }),
        ("journal.references", |work, _| {
            let told = work.select(Filter::<JournalEntry>::all()).first()?;
            let entry = told.ok_or_else(|| crate::Error::not_found("journal", "first"))?;
            work.insert(&JournalEntry { id: work.new_id(), customer_id: Some(work.new_id()), ..entry })
        }),
        ("returns.shares", |work, world| {
            let mut line: returns::ReturnLine = work.get((world.invoiced, 1, world.returned))?;
            work.delete(&line)?;
            line.tax_minor += 1;
            work.insert(&line)
        }),
        ("returns.shares", |work, world| {
            let line: returns::ReturnLine = work.get((world.invoiced, 1, world.returned))?;
            let (purchase_id, quantity) = (world.owed, 2);
            let (total_minor, tax_minor, restocked) = (0, 0, false);
            work.insert(&returns::ReturnLine { purchase_id, quantity, total_minor, tax_minor, restocked, ..line })
        }),
        ("returns.shares", |work, world| {
            let refund: returns::Refund = work.get((world.returned, 1))?;
            work.delete(&refund)
        }),
        ("shipping.pick_lines", |work, world| {
            let mut line: shipping::PickLine = work.get((world.open, 1))?;
            line.returned += 1;
            work.update(&mut line)
        }),
        ("invoices.numbers", |work, world| {
            let mut counter: invoices::InvoiceCounter = work.get((world.shop.branch, "FV".to_owned(), 2025))?;
            counter.last += 1;
            work.update(&mut counter)
        }),
        ("invoices.numbers", |work, world| {
            let invoice: invoices::Invoice = work.get(world.invoice)?;
            let number = invoice.number + 7;
            work.insert(&invoices::Invoice { id: work.new_id(), number, ..invoice })
        }),
        ("instalments.sums", |work, world| {
            let mut one: instalments::Instalment = work.get((world.owed, 2))?;
            one.amount_minor += 1;
            work.update(&mut one)
        }),
    ];
    for (invariant, plant) in plants {
        let bench = Bench::open(factory);
        let world = world(&bench, shop(&bench));
        bench.verify();
        bench.run(move |work| plant(work, &world)).unwrap();
        let found = bench.crm.blocking().verify().unwrap();
        assert!(!found.is_empty() && found.iter().all(|one| one.invariant == invariant), "{invariant}: {found:?}");
    }
}

/// Goods of which nothing is counted.
pub(super) fn service(bench: &Bench, sku: &'static str, price: Money) -> ProductId {
    bench.run(move |work| work.catalog().create_product(NewProduct::service(sku, sku, price))).unwrap().id
}

/// 23 % on top, and a discount.
pub(super) fn figures(list: i64, discount: i64, order_discount: i64, tax_included: bool) -> Figures {
    let price = list - discount - order_discount;
    let tax = if tax_included { price - price * 100 / 123 } else { price * 23 / 100 };
    Figures {
        discount: zloty(discount),
        order_discount: zloty(order_discount),
        tax: zloty(tax),
        tax_rate: Rate::percent(23),
        tax_included,
    }
}
