//! Recording a history: many tills at once, the receipts of one customer always at the same.
//!
//! Every receipt has an idempotency key of the file and its row. So a run that was killed is simply run again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crm_core::branches::BranchId;
use crm_core::catalog::{CategoryId, NewProduct, ProductId};
use crm_core::customers::{CustomerId, NewCustomer, Stage, customer};
use crm_core::kernel::money::Money;
use crm_core::kernel::time::Zone;
use crm_core::purchases::{Figures, NewLine, NewPurchase, NewTender};
use crm_core::work::{Storage, UnitOfWork};
use crm_core::{Error, Result};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::history::{Found, Line, Reason, Receipt, Rejected};
use crate::shop::{self, Shop};
use crate::source::Source;
use crate::take_back::{TakenBack, Wanted, is_of_the_receipt, take_back};
use crate::terminal::Progress;
use crate::till::{Till, seed};

/// So many receipts are looked at for who and what is new, before they go to the tills.
const BLOCK: usize = 512;
/// So many receipts wait before a till.
const WAITING: usize = 64;
/// So many rejected rows are named for each reason.
const NAMED: usize = 8;

/// What became of a history.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) rows: u64,
    pub(crate) purchases: u64,
    pub(crate) returns: u64,
    /// Every row that was not used, as the tills come to them: eight bytes each.
    rejected: BTreeMap<Reason, Vec<u64>>,
    pub(crate) other_price: (u64, i64),
    /// Purchases and returns in each second.
    pub(crate) seconds: Vec<u64>,
    /// The first failure that is not of a row.
    failed: Option<Error>,
}

impl Tally {
    fn reject(&mut self, row: u64, reason: Reason) {
        self.rejected.entry(reason).or_default().push(row);
    }

    /// How many rows were not used, for each reason.
    pub(crate) fn rejected(&self) -> BTreeMap<Reason, u64> {
        self.rejected.iter().map(|(reason, rows)| (*reason, u64::try_from(rows.len()).unwrap_or(u64::MAX))).collect()
    }

    /// The first rows of each reason.
    pub(crate) fn examples(&self) -> Vec<Rejected> {
        self.up_to(NAMED)
    }

    /// Every row that was not used, in the order of the file.
    pub(crate) fn every_rejected(&self) -> Vec<Rejected> {
        let mut every = self.up_to(usize::MAX);
        every.sort_unstable_by_key(|rejected| (rejected.row, rejected.reason));
        every
    }

    /// So many rows of each reason.
    fn up_to(&self, most: usize) -> Vec<Rejected> {
        let rows = self.rejected.iter().flat_map(|(reason, rows)| rows.iter().take(most).map(|row| (*row, *reason)));
        rows.map(|(row, reason)| Rejected { row, reason }).collect()
    }
}

/// A receipt on its way to a till, with the ids of all in it.
struct Ready {
    receipt: Receipt,
    customer: CustomerId,
    branch: BranchId,
    sold: Vec<ProductId>,
    back: Vec<Option<ProductId>>,
}

/// Who and what is known by now.
#[derive(Default)]
struct Known {
    customers: HashMap<String, CustomerId>,
    products: HashMap<String, ProductId>,
    branches: HashMap<String, BranchId>,
}

/// What a till needs.
struct Common {
    shop: Shop,
    digest: String,
    by_amount: bool,
    tally: Mutex<Tally>,
    progress: Progress,
    began: Instant,
}

impl Common {
    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Records all of a history.
///
/// # Errors
/// What the file or the store meets. What was recorded until then stays, and is not recorded again.
pub(crate) async fn import(
    storage: &Arc<dyn Storage>,
    source: &Source,
    shop: &Shop,
    callers: usize,
    progress: Progress,
) -> Result<Tally> {
    let front = Till::open(storage).await?;
    let mut reader = source.reader()?;
    let common = Arc::new(Common {
        shop: shop.clone(),
        digest: source.digest.as_str().to_owned(),
        by_amount: reader.layout().sku.is_none(),
        tally: Mutex::default(),
        progress,
        began: Instant::now(),
    });
    let (mut ways, mut tills) = (Vec::new(), Vec::new());
    for _ in 0..callers.max(1) {
        let (way, receipts) = mpsc::channel(WAITING);
        let (till, common) = (Till::open(storage).await?, common.clone());
        tills.push(tokio::spawn(async move { sell(&till, &common, receipts).await }));
        ways.push(way);
    }
    let mut known = Known::default();
    let mut block = Vec::with_capacity(BLOCK);
    let outcome = loop {
        let found = match reader.next() {
            Ok(found) => found,
            Err(error) => break Err(error),
        };
        let ended = found.is_none();
        match found {
            Some(Found::Receipt(receipt)) => block.push(receipt),
            Some(Found::Rejected(rejected)) => common.tally().reject(rejected.row, rejected.reason),
            None => {}
        }
        if block.len() == BLOCK || ended {
            let receipts = std::mem::take(&mut block);
            if let Err(error) = introduce(&front, &common, &source.zone, &mut known, &receipts).await {
                break Err(error);
            }
            for receipt in receipts {
                let way = usize::try_from(seed(&receipt.customer)).unwrap_or(usize::MAX) % ways.len();
                let Some(ready) = ready(&common, &known, receipt) else { continue };
                // A till that is gone has told why.
                if ways[way].send(ready).await.is_err() {
                    break;
                }
            }
            common.progress.at(reader.count().rows);
        }
        if ended || common.tally().failed.is_some() {
            break Ok(());
        }
    };
    drop(ways);
    for till in tills {
        till.await.map_err(|error| Error::backend("a till", error))?;
    }
    outcome?;
    common.progress.done();
    let mut tally = std::mem::take(&mut *common.tally());
    tally.rows = reader.count().rows;
    tally.rejected.values_mut().for_each(|rows| rows.sort_unstable());
    tally.failed.take().map_or(Ok(tally), Err)
}

/// What one till does: receipt after receipt.
async fn sell(till: &Till, common: &Arc<Common>, mut receipts: mpsc::Receiver<Ready>) {
    while let Some(ready) = receipts.recv().await {
        let rows: Vec<u64> = ready.receipt.sold.iter().chain(&ready.receipt.back).map(|line| line.row).collect();
        match record(till, common, ready).await {
            Ok((purchases, taken)) => {
                let mut tally = common.tally();
                tally.purchases += purchases;
                tally.returns += taken.returns;
                tally.other_price.0 += taken.other_price;
                tally.other_price.1 += taken.difference_minor;
                taken.not_bought.iter().for_each(|row| tally.reject(*row, Reason::NotBought));
                taken.too_many.iter().for_each(|row| tally.reject(*row, Reason::MoreThanBought));
                let second = usize::try_from(common.began.elapsed().as_secs()).unwrap_or(usize::MAX);
                if tally.seconds.len() <= second {
                    tally.seconds.resize(second.saturating_add(1), 0);
                }
                if let Some(count) = tally.seconds.get_mut(second) {
                    *count += purchases + taken.returns;
                }
            }
            Err(error) if is_of_the_receipt(&error) => {
                let again = matches!(&error, Error::AlreadyExists { kind, .. } if *kind == "purchase");
                let reason = if again { Reason::ReceiptAgain } else { Reason::Refused };
                let mut tally = common.tally();
                for row in rows {
                    tally.reject(row, reason);
                }
            }
            Err(error) => {
                common.tally().failed.get_or_insert(error);
                return;
            }
        }
    }
}

async fn record(till: &Till, common: &Arc<Common>, ready: Ready) -> Result<(u64, TakenBack)> {
    let key = format!("{}/{}", common.digest, ready.receipt.row);
    let at = ready.receipt.at;
    let currency = common.shop.currency;
    let purchase = (!ready.sold.is_empty()).then(|| {
        let lines: Vec<_> = ready
            .receipt
            .sold
            .iter()
            .zip(&ready.sold)
            .map(|(line, product)| new_line(line, *product, currency))
            .collect();
        NewPurchase::of(ready.branch, ready.receipt.number.clone(), lines, [NewTender::cash_rest()]).by(ready.customer)
    });
    let wanted: Vec<Wanted> = ready
        .receipt
        .back
        .iter()
        .zip(&ready.back)
        .map(|(line, product)| Wanted {
            row: line.row,
            product: *product,
            pieces: line.pieces,
            unit_minor: line.unit_minor,
            total_minor: line.total_minor,
            same_price_only: common.by_amount,
        })
        .collect();
    let (customer, name) = (ready.customer, key.clone());
    till.run(at, &name, move |work| {
        let purchases = match &purchase {
            Some(purchase) => work.purchases().record(purchase, &key).map(|_| 1)?,
            None => 0,
        };
        let taken = if wanted.is_empty() { TakenBack::default() } else { take_back(work, customer, &wanted, &key)? };
        Ok((purchases, taken))
    })
    .await
}

/// The line at the price the file says: that of one piece rounded up, and a discount for the rest.
fn new_line(line: &Line, product: ProductId, currency: crm_core::kernel::currency::Currency) -> NewLine {
    let discount = line.unit_minor.saturating_mul(line.pieces).saturating_sub(line.total_minor);
    NewLine {
        product,
        quantity: line.pieces,
        unit_price: Some(Money::new(line.unit_minor, currency)),
        figures: (discount > 0)
            .then(|| Figures { discount: Money::new(discount, currency), ..Figures::none(currency) }),
    }
}

/// A receipt with its ids; nothing if it only takes back what nobody knows, which is told.
fn ready(common: &Common, known: &Known, receipt: Receipt) -> Option<Ready> {
    let customer = known.customers.get(&receipt.customer).copied();
    let branch = receipt.branch.as_ref().and_then(|name| known.branches.get(name)).copied().unwrap_or(common.shop.main);
    let id = |line: &Line| known.products.get(sku(line)).copied();
    let sold: Vec<ProductId> = receipt.sold.iter().filter_map(id).collect();
    let back = receipt.back.iter().map(id).collect();
    match customer {
        Some(customer) if sold.len() == receipt.sold.len() => Some(Ready { receipt, customer, branch, sold, back }),
        _ => {
            let mut tally = common.tally();
            receipt.back.iter().for_each(|line| tally.reject(line.row, Reason::NotBought));
            receipt.sold.iter().for_each(|line| tally.reject(line.row, Reason::Refused));
            None
        }
    }
}

/// What a line is of; a file that does not say has one product.
fn sku(line: &Line) -> &str {
    if line.sku.is_empty() { "PURCHASE" } else { &line.sku }
}

/// Who and what a block has that was not seen before.
#[derive(Clone, Default, Serialize)]
struct New {
    /// Card, name, branch.
    customers: BTreeMap<String, (String, Option<String>)>,
    products: BTreeMap<String, NewGoods>,
    branches: BTreeSet<String>,
}

#[derive(Clone, Serialize)]
struct NewGoods {
    name: String,
    category: Option<String>,
    unit_minor: i64,
}

/// The ids of those, in their order.
#[derive(Serialize, Deserialize)]
struct Introduced {
    customers: Vec<CustomerId>,
    products: Vec<ProductId>,
    branches: Vec<BranchId>,
}

/// Makes the customers, products and branches that a block has for the first time, in one job.
async fn introduce(
    front: &Till,
    common: &Arc<Common>,
    zone: &Zone,
    known: &mut Known,
    block: &[Receipt],
) -> Result<()> {
    let mut new = New::default();
    // Only who buys is introduced: what is brought back was bought before, or by nobody.
    for receipt in block.iter().filter(|receipt| !receipt.sold.is_empty()) {
        if !known.customers.contains_key(&receipt.customer) {
            let about = || (receipt.name.clone(), receipt.branch.clone());
            new.customers.entry(receipt.customer.clone()).or_insert_with(about);
        }
        new.branches.extend(receipt.branch.iter().filter(|name| !known.branches.contains_key(*name)).cloned());
        for line in receipt.sold.iter().filter(|line| !known.products.contains_key(sku(line))) {
            new.products.entry(sku(line).to_owned()).or_insert_with(|| NewGoods {
                name: line
                    .product
                    .clone()
                    .unwrap_or_else(|| if line.sku.is_empty() { "Purchase".into() } else { line.sku.clone() }),
                category: line.category.clone(),
                unit_minor: line.unit_minor,
            });
        }
    }
    let (Some(first), Some(at)) = (block.first(), block.iter().map(|receipt| receipt.at).min()) else { return Ok(()) };
    if new.customers.is_empty() && new.products.is_empty() && new.branches.is_empty() {
        return Ok(());
    }
    let key = format!("{}/{}", common.digest, first.row);
    let (shop, zone, asked, name) = (common.shop.clone(), zone.clone(), new.clone(), format!("introduce {key}"));
    let made = front
        .run(at, &name, move |work| {
            let mut permit = work.unrestricted()?;
            permit.once("club.introduce", &key, &asked, |work| make(work, &shop, &zone, &asked))
        })
        .await?;
    known.customers.extend(new.customers.into_keys().zip(made.customers));
    known.products.extend(new.products.into_keys().zip(made.products));
    known.branches.extend(new.branches.into_iter().zip(made.branches));
    Ok(())
}

/// Makes what is not there yet: another history may have brought it.
fn make(work: &mut UnitOfWork<'_>, shop: &Shop, zone: &Zone, new: &New) -> Result<Introduced> {
    let names: Vec<String> = new.branches.iter().cloned().collect();
    let mut branches: HashMap<String, BranchId> =
        shop::branches(work, &names)?.into_iter().map(|branch| (branch.name, branch.id)).collect();
    for name in &names {
        if !branches.contains_key(name) {
            let made = work.branches().create(shop::new_branch(name, zone, shop.currency))?;
            branches.insert(name.clone(), made.id);
        }
    }
    let skus: Vec<String> = new.products.keys().cloned().collect();
    let mut products: HashMap<String, ProductId> =
        shop::products(work, &skus)?.into_iter().map(|product| (product.sku, product.id)).collect();
    let mut categories: HashMap<(CategoryId, String), CategoryId> =
        shop::categories(work)?.into_iter().map(|one| ((one.parent, one.name), one.id)).collect();
    for (sku, goods) in &new.products {
        if products.contains_key(sku) {
            continue;
        }
        // `Tea & coffee > Tea` is a way down the tree.
        let mut category = shop.everything;
        for name in goods.category.iter().flat_map(|way| way.split('>')).map(str::trim).filter(|name| !name.is_empty())
        {
            let place = (category, name.to_owned());
            category = if let Some(id) = categories.get(&place) {
                *id
            } else {
                let made = work.catalog().create_category(Some(category), name)?.id;
                categories.insert(place, made);
                made
            };
        }
        let price = Money::new(goods.unit_minor, shop.currency);
        // What the shop has of it is not in the file, and what the file does not name is not counted.
        let stocked = sku != "PURCHASE";
        let new = NewProduct {
            category: Some(category),
            stocked,
            oversell: stocked,
            ..NewProduct::goods(sku, &goods.name, price)
        };
        products.insert(sku.clone(), work.catalog().create_product(new)?.id);
    }
    let cards: Vec<String> = new.customers.keys().cloned().collect();
    let mut customers: HashMap<String, CustomerId> = work
        .unrestricted()?
        .select(customer::card_no.is_in(cards.iter().cloned().map(Some)))
        .all()?
        .into_iter()
        .filter_map(|customer| customer.card_no.map(|card| (card, customer.id)))
        .collect();
    for (card, (name, branch)) in &new.customers {
        if !customers.contains_key(card) {
            let branch = branch.as_ref().and_then(|name| branches.get(name)).copied().unwrap_or(shop.main);
            let new = NewCustomer {
                stage: Stage::Customer,
                branch: Some(branch),
                ..NewCustomer::person(name).with_card(card)
            };
            customers.insert(card.clone(), work.customers().create(new)?.id);
        }
    }
    let all =
        |names: &[String], ids: &HashMap<String, _>| names.iter().filter_map(|name| ids.get(name).copied()).collect();
    Ok(Introduced {
        customers: all(&cards, &customers),
        products: skus.iter().filter_map(|sku| products.get(sku).copied()).collect(),
        branches: names.iter().filter_map(|name| branches.get(name).copied()).collect(),
    })
}
