//! A shop's history, day by day: its invoices as purchases, its cancellations as returns of what the same customer bought
//! before. What the store then has, customer by customer and product by product, agrees to the penny with sums that are
//! made of the file's lines alone.
//!
//! The file is UCI Online Retail, the last quarter of 2011, where it is at hand: beside the project, or where `CRM_CASES`
//! points. `CRM_RETAIL` says how many of its lines, or `all`. A history in the same shape, made up, is always replayed.
//!
//! Prices have up to three decimals. The amount of a line is the exact one rounded once, half up, to the penny (S-13); the
//! price of one piece is stored rounded up, with a discount on the line for the rest.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader};
use std::sync::Arc;
use std::time::Instant;

use crm_core::access::Actor;
use crm_core::branches::{BranchId, NewBranch};
use crm_core::catalog::{NewProduct, ProductId, Stock};
use crm_core::customers::{CustomerId, NewCustomer};
use crm_core::kernel::currency::Currency;
use crm_core::kernel::money::Money;
use crm_core::kernel::time::{ManualClock, Timestamp};
use crm_core::purchases::{Figures, NewLine, NewPurchase, NewTender, Purchase, PurchaseId};
use crm_core::returns::{NewReturn, NewReturnLine, Return};
use crm_core::work::Filter;
use crm_core::{Crm, Error};
use crm_storage_diesel::DieselStorage;

use crate::databases;

/// How much of the file is replayed when nobody asks for more: all of it, but not by a program that checks itself.
const LINES: usize = if cfg!(debug_assertions) { 40_000 } else { usize::MAX };

/// A line of the file.
struct Entry {
    invoice: String,
    sku: String,
    name: String,
    /// Pieces, more than none.
    quantity: i64,
    at: Timestamp,
    day: String,
    /// Thousandths of a pound for one piece.
    price: i64,
    customer: String,
}

impl Entry {
    fn parse(line: &str) -> Self {
        let fields = fields(line);
        let [invoice, sku, name, quantity, at, price, customer, _country] = fields.as_slice() else { panic!("{line}") };
        let (day, time) = at.split_once(' ').unwrap();
        let (pounds, decimals) = price.split_once('.').unwrap_or((price, ""));
        assert!(decimals.len() <= 3, "{line}");
        Self {
            invoice: invoice.clone(),
            sku: sku.clone(),
            name: if name.trim().is_empty() { sku.clone() } else { name.clone() },
            quantity: quantity.parse::<i64>().unwrap().abs(),
            at: format!("{day}T{time}Z").parse().unwrap(),
            day: day.to_owned(),
            price: format!("{pounds}{decimals:0<3}").parse().unwrap(),
            customer: customer.clone(),
        }
    }

    fn cancels(&self) -> bool {
        self.invoice.starts_with('C')
    }

    fn pence(&self) -> i64 {
        pence(self.price, self.quantity)
    }
}

/// The fields of a line. Those in quotes may have commas, and quotes twice.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '"' if quoted && chars.next_if_eq(&'"').is_some() => fields.last_mut().unwrap().push('"'),
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            _ => fields.last_mut().unwrap().push(char),
        }
    }
    fields
}

/// What so many pieces cost, rounded half up.
fn pence(price: i64, pieces: i64) -> i64 {
    (price * pieces + 5) / 10
}

fn money(pence: i64) -> Money {
    Money::new(pence, Currency::new("GBP").unwrap())
}

/// What the lines say, each by itself.
#[derive(Default)]
struct Plain {
    lines: usize,
    sold: BTreeMap<String, i64>,
    cancelled: BTreeMap<String, i64>,
    /// Pieces of each product, less what was cancelled.
    pieces: BTreeMap<String, i64>,
    /// Pieces that a customer has of a product.
    has: HashMap<(String, String), i64>,
    /// Cancelled pieces that the customer did not have.
    missing: i64,
}

impl Plain {
    fn add(&mut self, entry: &Entry) {
        self.lines += 1;
        let sign = if entry.cancels() { -1 } else { 1 };
        let sums = if entry.cancels() { &mut self.cancelled } else { &mut self.sold };
        *sums.entry(entry.customer.clone()).or_default() += entry.pence();
        *self.pieces.entry(entry.sku.clone()).or_default() += sign * entry.quantity;
        let has = self.has.entry((entry.customer.clone(), entry.sku.clone())).or_default();
        let after = *has + sign * entry.quantity;
        self.missing += (-after).max(0);
        *has = after.max(0);
    }
}

/// A line that was sold, and how much of it came back.
struct Bought {
    /// Which purchase, in the order of recording.
    purchase: usize,
    line_no: u16,
    price: i64,
    quantity: i64,
    back: i64,
}

impl Bought {
    /// Takes pieces back, and says how much money that is: whatever k returns give back in all is one return's (S-28).
    fn take(&mut self, pieces: i64) -> i64 {
        let given = |back: i64| pence(self.price, self.quantity) * back / self.quantity;
        let money = given(self.back + pieces) - given(self.back);
        self.back += pieces;
        money
    }
}

/// What of the cancellations is not simply undone: lines, pieces and pence.
#[derive(Debug, Default, PartialEq, Eq)]
struct Apart(BTreeMap<&'static str, [i64; 3]>);

const NOT_BOUGHT: &str = "nothing of it was bought before";
const TOO_MANY: &str = "more than was left of what was bought";
const OTHER_PRICE: &str = "bought at another price: what was paid is given back, and this is the difference";

impl Apart {
    fn note(&mut self, why: &'static str, pieces: i64, pence: i64) {
        let [lines, all_pieces, all_pence] = self.0.entry(why).or_default();
        (*lines, *all_pieces, *all_pence) = (*lines + 1, *all_pieces + pieces, *all_pence + pence);
    }
}

/// What is done of a day, in its order.
#[derive(Clone)]
enum Step {
    Buy(NewPurchase),
    TakeBack { purchase: usize, lines: Vec<NewReturnLine>, money: i64, key: String },
}

struct Replay {
    crm: Crm,
    clock: Arc<ManualClock>,
    branch: BranchId,
    customers: HashMap<String, CustomerId>,
    products: HashMap<String, ProductId>,
    purchases: Vec<PurchaseId>,
    bought: HashMap<(String, String), Vec<Bought>>,
    plain: Plain,
    apart: Apart,
    /// By customer: what the file cancels and the store does not give back, in pence.
    kept: BTreeMap<String, i64>,
    /// By product: cancelled pieces that were not taken back.
    pieces_kept: BTreeMap<String, i64>,
    /// Whether every day comes twice, as from a host that was not sure.
    twice: bool,
}

impl Replay {
    fn open(url: &str) -> Self {
        let clock = Arc::new(ManualClock::new("2011-09-01T00:00:00Z".parse().unwrap()));
        let storage = DieselStorage::open(url).unwrap();
        let crm = Crm::builder(storage).clock(clock.clone()).build_blocking().unwrap();
        let open = crm.blocking().run(&Actor::system(), "open", |work| {
            work.branches().create(NewBranch::named("Online", "Europe/London", "GBP"))
        });
        let branch = open.unwrap().id;
        Self {
            crm,
            clock,
            branch,
            customers: HashMap::new(),
            products: HashMap::new(),
            purchases: Vec::new(),
            bought: HashMap::new(),
            plain: Plain::default(),
            apart: Apart::default(),
            kept: BTreeMap::new(),
            pieces_kept: BTreeMap::new(),
            twice: false,
        }
    }

    fn run(&mut self, history: impl Iterator<Item = Entry>) {
        let mut history = history.peekable();
        while let Some(first) = history.peek() {
            let day = first.day.clone();
            let mut invoices: Vec<Vec<Entry>> = Vec::new();
            while let Some(entry) = history.next_if(|entry| entry.day == day) {
                self.plain.add(&entry);
                match invoices.last_mut() {
                    Some(invoice) if invoice[0].invoice == entry.invoice => invoice.push(entry),
                    _ => invoices.push(vec![entry]),
                }
            }
            self.day(&invoices);
        }
    }

    fn day(&mut self, invoices: &[Vec<Entry>]) {
        self.clock.set(invoices.iter().flatten().map(|entry| entry.at).max().unwrap());
        self.introduce(invoices);
        let mut steps = Vec::new();
        let mut next = self.purchases.len();
        for invoice in invoices {
            if invoice[0].cancels() {
                steps.extend(self.cancel(invoice));
            } else {
                steps.push(self.buy(invoice, next));
                next += 1;
            }
        }
        let known = self.purchases.clone();
        let day = move |work: &mut crm_core::work::UnitOfWork<'_>| {
            let mut purchases = known.clone();
            for step in &steps {
                match step {
                    Step::Buy(new) => purchases.push(work.purchases().record(new, &new.receipt_no)?.purchase),
                    Step::TakeBack { purchase, lines, money, key } => {
                        let new = NewReturn::of(purchases[*purchase], lines.clone());
                        let returned = work.returns().record(&new, key)?;
                        assert_eq!(returned.total.minor(), *money, "{key}");
                    }
                }
            }
            Ok::<_, Error>(purchases)
        };
        let blocking = self.crm.blocking();
        self.purchases = blocking.run(&Actor::system(), "a day", day.clone()).unwrap();
        if self.twice {
            assert_eq!(blocking.run(&Actor::system(), "the day again", day).unwrap(), self.purchases);
        }
    }

    /// Makes the customers and the products that buy and are bought for the first time.
    fn introduce(&mut self, invoices: &[Vec<Entry>]) {
        let (mut customers, mut products) = (BTreeMap::new(), BTreeMap::new());
        for entry in invoices.iter().flatten().filter(|entry| !entry.cancels()) {
            if !self.customers.contains_key(&entry.customer) {
                let name = format!("Customer {}", entry.customer);
                let new = NewCustomer::person(name).with_card(entry.customer.clone());
                customers.entry(entry.customer.clone()).or_insert(new);
            }
            if !self.products.contains_key(&entry.sku) {
                let price = money(pence(entry.price, 1));
                // What the shop has of it is not in the file.
                let new = NewProduct { oversell: true, ..NewProduct::goods(&entry.sku, &entry.name, price) };
                products.entry(entry.sku.clone()).or_insert(new);
            }
        }
        let made = self.crm.blocking().run(&Actor::system(), "who and what is new", move |work| {
            let mut made = (Vec::new(), Vec::new());
            for (name, new) in &customers {
                made.0.push((name.clone(), work.customers().create(new.clone())?.id));
            }
            for (sku, new) in &products {
                made.1.push((sku.clone(), work.catalog().create_product(new.clone())?.id));
            }
            Ok::<_, Error>(made)
        });
        let (customers, products) = made.unwrap();
        self.customers.extend(customers);
        self.products.extend(products);
    }

    fn buy(&mut self, invoice: &[Entry], purchase: usize) -> Step {
        let mut lines = Vec::new();
        for (line_no, entry) in (1_u16..).zip(invoice) {
            let unit_price = (entry.price + 9) / 10;
            let discount = money(unit_price * entry.quantity - entry.pence());
            lines.push(NewLine {
                product: self.products[&entry.sku],
                quantity: entry.quantity,
                unit_price: Some(money(unit_price)),
                figures: Some(Figures { discount, ..Figures::none(discount.currency()) }),
            });
            let (price, quantity) = (entry.price, entry.quantity);
            let key = (entry.customer.clone(), entry.sku.clone());
            self.bought.entry(key).or_default().push(Bought { purchase, line_no, price, quantity, back: 0 });
        }
        let first = &invoice[0];
        let new = NewPurchase::of(self.branch, &first.invoice, lines, [NewTender::cash_rest()]);
        let new = new.by(self.customers[&first.customer]);
        let total = money(invoice.iter().map(Entry::pence).sum());
        Step::Buy(NewPurchase { occurred_at: Some(first.at), expected_total: Some(total), ..new })
    }

    /// Takes each line's pieces from the last purchase at this price, and then from those at other prices.
    fn cancel(&mut self, invoice: &[Entry]) -> Vec<Step> {
        let mut taken: BTreeMap<usize, (BTreeMap<u16, i64>, i64)> = BTreeMap::new();
        for entry in invoice {
            let mut left = entry.quantity;
            let bought = self.bought.entry((entry.customer.clone(), entry.sku.clone())).or_default();
            let why = if bought.is_empty() { NOT_BOUGHT } else { TOO_MANY };
            for same in [true, false] {
                for bought in bought.iter_mut().rev().filter(|bought| (bought.price == entry.price) == same) {
                    let pieces = left.min(bought.quantity - bought.back);
                    if pieces == 0 {
                        continue;
                    }
                    let asked = pence(entry.price, left) - pence(entry.price, left - pieces);
                    let money = bought.take(pieces);
                    left -= pieces;
                    let (lines, sum) = taken.entry(bought.purchase).or_default();
                    *lines.entry(bought.line_no).or_default() += pieces;
                    *sum += money;
                    if same {
                        assert_eq!(money, asked, "{} {}", entry.invoice, entry.sku);
                    } else {
                        self.apart.note(OTHER_PRICE, pieces, asked - money);
                        *self.kept.entry(entry.customer.clone()).or_default() += asked - money;
                    }
                }
            }
            if left > 0 {
                let pence = pence(entry.price, left);
                self.apart.note(why, left, pence);
                *self.kept.entry(entry.customer.clone()).or_default() += pence;
                *self.pieces_kept.entry(entry.sku.clone()).or_default() += left;
            }
        }
        let back = |(purchase, (lines, money)): (usize, (BTreeMap<u16, i64>, i64))| Step::TakeBack {
            purchase,
            lines: lines.into_iter().map(|(line_no, pieces)| NewReturnLine::of(line_no, pieces)).collect(),
            money,
            key: format!("{} {purchase}", invoice[0].invoice),
        };
        taken.into_iter().map(back).collect()
    }

    /// The store agrees with the lines, and with itself.
    fn check(&self) {
        let (sold, returned, on_hand) = self.stored();
        let plain = &self.plain;
        assert_eq!(sold, by_id(&plain.sold, &self.customers), "sold, by customer");
        let kept = |customer: &String| self.kept.get(customer).copied().unwrap_or(0);
        let given = plain.cancelled.iter().map(|(customer, pence)| (customer.clone(), pence - kept(customer)));
        assert_eq!(returned, by_id(&given.collect(), &self.customers), "given back, by customer");
        let pieces_kept = |sku: &String| self.pieces_kept.get(sku).copied().unwrap_or(0);
        let gone = plain.pieces.iter().map(|(sku, pieces)| (sku.clone(), -pieces - pieces_kept(sku)));
        assert_eq!(on_hand, by_id(&gone.collect(), &self.products), "pieces, by product");
        assert_eq!(self.pieces_kept.values().sum::<i64>(), plain.missing, "pieces nobody had");
        let sum = |sums: &BTreeMap<String, i64>| sums.values().sum::<i64>();
        let stored = |sums: &BTreeMap<_, i64>| sums.values().sum::<i64>();
        let (file, kept) = (sum(&plain.sold) - sum(&plain.cancelled), sum(&self.kept));
        assert_eq!(self.apart.0.values().map(|[.., pence]| pence).sum::<i64>(), kept, "each with its reason");
        assert_eq!(stored(&sold) - stored(&returned), file + kept, "net");
        println!("net in the file {file}, in the store {}: {kept} pence apart", stored(&sold) - stored(&returned));
        for (why, [lines, pieces, pence]) in &self.apart.0 {
            println!("  {why}: {lines} lines, {pieces} pieces, {pence} pence");
        }
        assert_eq!(self.crm.blocking().verify().unwrap(), []);
    }

    /// What the store has: sold and given back by customer, on hand by product.
    fn stored(&self) -> (BTreeMap<CustomerId, i64>, BTreeMap<CustomerId, i64>, BTreeMap<ProductId, i64>) {
        let read = self.crm.blocking().read(&Actor::system(), "sums", |work| {
            let mut work = work.unrestricted()?;
            let (mut sold, mut returned, mut on_hand) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
            work.select(Filter::<Purchase>::all()).for_each(|purchase| {
                *sold.entry(purchase.customer_id.unwrap()).or_default() += purchase.total_minor;
                Ok(())
            })?;
            work.select(Filter::<Return>::all()).for_each(|one| {
                *returned.entry(one.customer_id.unwrap()).or_default() += one.total_minor;
                Ok(())
            })?;
            work.select(Filter::<Stock>::all()).for_each(|stock| {
                *on_hand.entry(stock.product_id).or_default() += stock.on_hand;
                Ok(())
            })?;
            let there = |sums: BTreeMap<_, i64>| sums.into_iter().filter(|(_, sum)| *sum != 0).collect();
            let on_hand = on_hand.into_iter().filter(|(_, sum): &(ProductId, i64)| *sum != 0).collect();
            Ok::<_, Error>((there(sold), there(returned), on_hand))
        });
        read.unwrap()
    }
}

/// The sums by the store's ids, without those that are zero.
fn by_id<Id: Ord + Copy>(sums: &BTreeMap<String, i64>, ids: &HashMap<String, Id>) -> BTreeMap<Id, i64> {
    sums.iter().filter(|(_, sum)| **sum != 0).map(|(name, sum)| (ids[name], *sum)).collect()
}

/// The most memory this process had, as Linux tells it.
fn peak_memory() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")).map(|peak| peak.trim().to_owned())
}

/// Two customers in three days. Among it: a price of parts of a penny, the same goods twice on an invoice and at two
/// prices, what is cancelled on the day it was bought, twice, and without having been bought.
const MADE_UP: &str = "\
1,A,\"TEA, \"\"GREEN\"\"\",10,2011-09-01 08:25:00,1.25,7,Poland
1,B,CUP,3,2011-09-01 08:25:00,0.333,7,Poland
1,A,\"TEA, \"\"GREEN\"\"\",2,2011-09-01 08:26:00,1.25,7,Poland
C2,A,\"TEA, \"\"GREEN\"\"\",-11,2011-09-01 09:00:00,1.25,7,Poland
3,A,,4,2011-09-01 10:00:00,1.45,8,Iran
C4,D,Discount,-1,2011-09-02 10:00:00,5.00,8,Iran
C4,A,,-1,2011-09-02 10:00:00,1.25,8,Iran
C4,A,,-4,2011-09-02 10:00:00,1.45,8,Iran
C5,B,CUP,-3,2011-09-02 10:30:00,0.333,7,Poland
6,POST,POSTAGE,1,2011-09-05 10:00:00,0.001,7,Poland
6,A,TEA,1,2011-09-05 10:00:00,0,7,Poland
C7,A,TEA,-1,2011-09-05 10:01:00,1.25,7,Poland";

#[test]
fn a_made_up_history_agrees_with_its_sums() {
    let database = databases::sqlite_file();
    let mut replay = Replay::open(database.url());
    replay.twice = true;
    replay.run(MADE_UP.lines().map(Entry::parse));
    replay.check();
    let sum = |sums: &BTreeMap<String, i64>| sums.values().sum::<i64>();
    assert_eq!(
        (sum(&replay.plain.sold), sum(&replay.plain.cancelled)),
        (1250 + 100 + 250 + 580, 1375 + 500 + 125 + 580 + 100 + 125)
    );
    let apart = [(NOT_BOUGHT, [1, 1, 500]), (OTHER_PRICE, [1, 1, -20]), (TOO_MANY, [1, 1, 145])];
    assert_eq!(replay.apart, Apart(apart.into()));
}

#[test]
fn a_real_history_agrees_with_its_sums() {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/cases").to_owned();
    let folder = std::env::var("CRM_CASES").unwrap_or(beside);
    let path = format!("{folder}/retail/online_retail_2011q4_known_customers.csv.gz");
    let Ok(file) = std::fs::File::open(path) else {
        println!("skipped: the history is not at hand");
        return;
    };
    let lines = match std::env::var("CRM_RETAIL") {
        Ok(all) if all == "all" => usize::MAX,
        Ok(lines) => lines.parse().unwrap(),
        Err(_) => LINES,
    };
    let database = databases::sqlite_file();
    let mut replay = Replay::open(database.url());
    let read = BufReader::new(flate2::read::GzDecoder::new(file));
    let started = Instant::now();
    replay.run(read.lines().skip(1).take(lines).map(|line| Entry::parse(&line.unwrap())));
    let (lines, seconds) = (replay.plain.lines, started.elapsed().as_secs_f64());
    let each = seconds * 1e6 / f64::from(u32::try_from(lines).unwrap());
    println!("{lines} lines in {seconds:.1} s: {each:.0} µs a line");
    replay.check();
    println!(
        "checked after {:.1} s; peak memory {}",
        started.elapsed().as_secs_f64(),
        peak_memory().unwrap_or_default()
    );
}
