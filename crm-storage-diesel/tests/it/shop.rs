//! A small shop that several tests sell from, and what must be true of it at any time.

use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

use crm_core::access::{Actor, Target};
use crm_core::branches::{BranchId, NewBranch};
use crm_core::catalog::{NewProduct, ProductId};
use crm_core::customers::{CustomerId, NewCustomer};
use crm_core::invoices::NewSeries;
use crm_core::journal::{JournalEntry, journal_entry};
use crm_core::kernel::currency::Currency;
use crm_core::kernel::money::Money;
use crm_core::module::{Manifest, Module, OutboxMessage, Permission, Registry};
use crm_core::purchases::event::PurchaseRecorded;
use crm_core::purchases::{NewLine, NewPurchase, NewTender, Purchase, PurchaseLine, Receipt, purchase};
use crm_core::work::{CommandRecord, Filter};
use crm_core::{Crm, CrmBuilder, Error, Result};
use crm_storage_diesel::DieselStorage;

/// Ids of the shop, which the clean-up of a fresh process finds again by name.
#[derive(Debug, Clone)]
pub struct Shop {
    pub branch: BranchId,
    pub products: Vec<ProductId>,
    pub customer: CustomerId,
}

const THANK: Permission = Permission { name: "thank_you.send", about: "thank customers" };

/// Sends a thank-you for each purchase, so that the outbox takes part.
struct ThankYou;

impl Module for ThankYou {
    fn manifest(&self) -> Manifest {
        Manifest { name: "thank_you", requires: &["core"], permissions: &[THANK], ..Manifest::default() }
    }

    fn install(&self, registry: &mut Registry) -> Result<()> {
        registry.on::<PurchaseRecorded>("thank the customer", |work, event| {
            let mut permit = work.permit(THANK.name, &Target::branch(event.branch))?;
            permit.send("sms", serde_json::json!({ "purchase": event.purchase })).map(|_| ())
        });
        Ok(())
    }
}

/// Opens the store and the shop in it, stocked if it is new.
pub fn open(storage: DieselStorage, stock: i64) -> (Crm, Shop) {
    open_with(storage, stock, |builder| builder)
}

/// The same with more modules.
pub fn open_with(storage: DieselStorage, stock: i64, modules: impl FnOnce(CrmBuilder) -> CrmBuilder) -> (Crm, Shop) {
    let crm = modules(Crm::builder(storage).module(ThankYou)).build_blocking().unwrap();
    let found = crm.blocking().run(&Actor::system(), "find the shop", |work| {
        let mut work = work.unrestricted()?;
        let Some(branch) = work.select(Filter::<crm_core::branches::Branch>::all()).first()? else { return Ok(None) };
        let products = (0..3).map(|n| work.catalog().product_by_sku(&format!("P{n}")).map(|product| product.id));
        let products = products.collect::<Result<Vec<_>>>()?;
        let customer = work.customers().by_phone("+48512345678")?.id;
        Ok::<_, Error>(Some(Shop { branch: branch.id, products, customer }))
    });
    if let Some(shop) = found.unwrap() {
        return (crm, shop);
    }
    let shop = crm.blocking().run(&Actor::system(), "open the shop", move |work| {
        let branch = work.branches().create(NewBranch::named("Warszawa", "Europe/Warsaw", "PLN"))?;
        let mut products = Vec::new();
        for n in 0..3 {
            let price = Money::new(1_000 + n, Currency::PLN);
            let product = work.catalog().create_product(NewProduct::goods(format!("P{n}"), "Herbata", price))?;
            work.catalog().receive(product.id, branch.id, stock)?;
            products.push(product.id);
        }
        let customer = work.customers().create(NewCustomer::person("Ala Kot").with_phone("+48512345678"))?;
        work.invoices().create_series(&NewSeries::yearly(branch.id, "FV", "FV/"))?;
        Ok::<_, Error>(Shop { branch: branch.id, products, customer: customer.id })
    });
    (crm, shop.unwrap())
}

/// Sells one piece of each product, under a key that is the receipt number.
pub fn sell(crm: &Crm, shop: &Shop, receipt_no: &str) -> Result<Receipt> {
    record(crm, shop, receipt_no, None)
}

/// The same with an invoice: numbers without a gap, as [`assert_whole`] sees.
pub fn sell_invoiced(crm: &Crm, shop: &Shop, receipt_no: &str) -> Result<Receipt> {
    record(crm, shop, receipt_no, Some("FV".to_owned()))
}

fn record(crm: &Crm, shop: &Shop, receipt_no: &str, invoice: Option<String>) -> Result<Receipt> {
    let (shop, receipt_no) = (shop.clone(), receipt_no.to_owned());
    crm.blocking().run(&Actor::system(), "sell", move |work| {
        let lines: Vec<_> = shop.products.iter().map(|product| NewLine::of(*product, 1)).collect();
        let sale = NewPurchase::of(shop.branch, &receipt_no, lines, [NewTender::cash_rest()]).by(shop.customer);
        work.purchases().record(&NewPurchase { invoice: invoice.clone(), ..sale }, &receipt_no)
    })
}

/// How many pieces of the first product are left.
pub fn left(crm: &Crm, shop: &Shop) -> i64 {
    let shop = shop.clone();
    let read = move |work: &mut crm_core::work::UnitOfWork<'_>| work.catalog().on_hand(shop.products[0], shop.branch);
    crm.blocking().read(&Actor::system(), "left", read).unwrap()
}

/// Whatever happened: every purchase is whole, and nothing is without its purchase.
pub fn assert_whole(crm: &Crm) {
    assert_eq!(crm.blocking().verify().unwrap(), []);
    let counts = crm.blocking().read(&Actor::system(), "count", |work| {
        let mut work = work.unrestricted()?;
        let purchases = work.count(Filter::<Purchase>::all())?;
        let recorded = journal_entry::kind.eq(crm_core::purchases::event::PURCHASE_RECORDED);
        Ok::<_, Error>((
            purchases,
            [
                work.count(Filter::<CommandRecord>::all())?,
                work.count::<JournalEntry>(recorded)?,
                work.count(Filter::<OutboxMessage>::all())?,
                work.count(Filter::<PurchaseLine>::all())? / 3,
            ],
        ))
    });
    let (purchases, others) = counts.unwrap();
    assert_eq!(others, [purchases; 4], "commands, journal, outbox, lines for {purchases} purchases");
}

/// Whether the purchase with this receipt number is there.
pub fn has_receipt(crm: &Crm, receipt_no: &str) -> bool {
    let receipt_no = receipt_no.to_owned();
    let read = move |work: &mut crm_core::work::UnitOfWork<'_>| {
        work.unrestricted()?.count::<Purchase>(purchase::receipt_no.eq(receipt_no.as_str())).map(|count| count == 1)
    };
    crm.blocking().read(&Actor::system(), "receipt", read).unwrap()
}

/// Somebody with a job.
pub type Caller = Box<dyn FnOnce(&Crm) + Send>;

/// Holds the writer, lets jobs queue up that are then one group, and lets go.
pub fn in_one_group(crm: &Crm, jobs: Vec<Caller>) {
    let (started, wait_for_start) = mpsc::channel();
    let (release, wait_for_release) = mpsc::channel::<()>();
    let wait_for_release = Mutex::new(wait_for_release);
    thread::scope(|scope| {
        let holding = crm.clone();
        scope.spawn(move || {
            holding.blocking().run(&Actor::system(), "hold", move |_| {
                started.send(()).unwrap();
                let _ = wait_for_release.lock().unwrap().recv();
                Ok::<_, Error>(())
            })
        });
        wait_for_start.recv().unwrap();
        for job in jobs {
            scope.spawn(move || job(crm));
            thread::sleep(Duration::from_millis(30));
        }
        release.send(()).unwrap();
    });
}
