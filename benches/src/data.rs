//! The shop: branches, customers and products. The same every time, made of their numbers.

use std::sync::Arc;

use crm_core::branches::{Branch, BranchId};
use crm_core::catalog::{Movement, Product, ProductId, Stock, StockMovement};
use crm_core::customers::{Customer, CustomerId, CustomerKind, SearchKey, Stage, search_keys};
use crm_core::kernel::calendar::Calendar;
use crm_core::kernel::currency::Currency;
use crm_core::kernel::email::Email;
use crm_core::kernel::id::{IdSource, SeededIds};
use crm_core::kernel::phone::Phone;
use crm_core::kernel::text::fold;
use crm_core::kernel::time::{BusinessDay, TimeOfDay, Timestamp, Zone};
use crm_core::purchases::Purchase;
use crm_core::work::{Entity, Row, Schema, Version};
use uuid::Uuid;

use crate::Result;

/// Branches of the shop, each with stock of every product.
const BRANCHES: usize = 4;
/// Pieces of each product at each branch: more than a run can sell.
const PIECES: i64 = 1_000_000_000;
/// Customers loaded at once, with their search keys sorted.
const CHUNK: usize = 100_000;

const FIRST_NAMES: [&str; 24] = [
    "Anna",
    "Żaneta",
    "Łukasz",
    "Piotr",
    "Zofia",
    "Michał",
    "Małgorzata",
    "Krzysztof",
    "Ewa",
    "Jan",
    "Agnieszka",
    "Paweł",
    "علی",
    "مریم",
    "زهرا",
    "رضا",
    "דוד",
    "שרה",
    "José",
    "Øystein",
    "Zoë",
    "Gül",
    "Štěpán",
    "Ida",
];
const SYLLABLES: [&str; 40] = [
    "ba", "be", "bo", "ce", "cho", "da", "du", "fi", "ga", "go", "ha", "ja", "ka", "ki", "ko", "la", "le", "ło", "ma",
    "mi", "na", "ne", "no", "pa", "po", "ra", "re", "ro", "sa", "se", "szy", "ta", "to", "tu", "wa", "wi", "wo", "za",
    "ze", "żó",
];

/// Takes rows in bulk, with hand-written SQL.
pub trait Loader {
    /// Adds rows of one kind.
    ///
    /// # Errors
    /// What the database meets.
    fn load(&mut self, schema: &'static Schema, rows: &mut dyn Iterator<Item = Row>) -> Result<()>;

    /// Brings statistics up to date, and everything onto the disk.
    ///
    /// # Errors
    /// What the database meets.
    fn settle(&mut self) -> Result<()>;
}

/// Who there is, what is sold, and where.
#[derive(Debug, Clone)]
pub struct Shop {
    /// The branches.
    pub branches: Arc<[BranchId]>,
    /// The products, in the order of their ids.
    pub products: Arc<[ProductId]>,
    /// The customers, in the order of their ids.
    pub customers: Arc<[CustomerId]>,
    /// The currency of every price.
    pub currency: Currency,
    /// The business day of every branch.
    pub day: BusinessDay,
    opened: Timestamp,
}

impl Shop {
    /// A shop with so many customers and products.
    ///
    /// # Errors
    /// Never, but for a broken kernel.
    pub fn new(customers: usize, products: usize) -> Result<Self> {
        let opened: Timestamp = "2025-01-01T00:00:00Z".parse()?;
        let ids = |seed: u64, count: usize| {
            let source = SeededIds::new(seed);
            move || -> Vec<Uuid> { (0..count).map(|_| source.next(opened)).collect() }
        };
        Ok(Self {
            branches: ids(1, BRANCHES)().into_iter().map(BranchId::from).collect(),
            products: ids(2, products)().into_iter().map(ProductId::from).collect(),
            customers: ids(3, customers)().into_iter().map(CustomerId::from).collect(),
            currency: Currency::new("PLN")?,
            day: BusinessDay::new(Zone::new("Europe/Warsaw")?, TimeOfDay::new(4, 0)?),
            opened,
        })
    }

    /// When it was opened.
    pub fn opened(&self) -> Timestamp {
        self.opened
    }

    /// When a business day of it ends.
    ///
    /// # Errors
    /// Never.
    pub fn cutoff(&self) -> Result<TimeOfDay> {
        Ok(TimeOfDay::new(4, 0)?)
    }

    /// Loads everything but customers.
    ///
    /// # Errors
    /// What the database meets.
    pub fn load(&self, loader: &mut dyn Loader) -> Result<()> {
        let branches = (1..).zip(self.branches.iter()).map(|(number, id)| self.branch(number, *id));
        let branches: Vec<Branch> = branches.collect::<Result<_>>()?;
        load(loader, branches.iter())?;
        let products: Vec<Product> = (1..).zip(self.products.iter()).map(|(n, id)| self.product(n, *id)).collect();
        load(loader, products.iter())?;
        let places =
            || self.products.iter().flat_map(|product| self.branches.iter().map(move |branch| (*product, *branch)));
        let stock = places().map(|(product_id, branch_id)| Stock { product_id, branch_id, on_hand: PIECES });
        loader.load(Stock::SCHEMA, &mut stock.map(|stock| stock.to_row()))?;
        let ids = SeededIds::new(4);
        let receipts = places().map(|(product_id, branch_id)| StockMovement {
            product_id,
            branch_id,
            id: ids.next(self.opened).into(),
            quantity: PIECES,
            movement: Movement::Receipt,
            cause: None,
            recorded_at: self.opened,
        });
        loader.load(StockMovement::SCHEMA, &mut receipts.map(|movement| movement.to_row()))
    }

    /// Loads the customers from one number up to, not including, another, with what they are found by.
    ///
    /// # Errors
    /// What the database meets.
    pub fn load_customers(&self, loader: &mut dyn Loader, numbers: std::ops::Range<usize>) -> Result<()> {
        for from in numbers.clone().step_by(CHUNK) {
            let chunk = (from..numbers.end.min(from + CHUNK)).map(|number| self.customer(number));
            let chunk: Vec<Customer> = chunk.collect::<Result<_>>()?;
            load(loader, chunk.iter())?;
            let mut keys: Vec<SearchKey> = chunk.iter().flat_map(search_keys).collect();
            keys.sort_unstable_by(|a, b| {
                (a.field.as_str(), &a.token, a.customer_id).cmp(&(b.field.as_str(), &b.token, b.customer_id))
            });
            load(loader, keys.iter())?;
        }
        Ok(())
    }

    /// Loads one purchase of each of these customers, without lines: receipts to be found.
    ///
    /// # Errors
    /// What the database meets.
    pub fn load_receipts(&self, loader: &mut dyn Loader, numbers: std::ops::Range<usize>) -> Result<()> {
        let branch_id = *self.branches.first().ok_or("no branch")?;
        let purchases = numbers.map(|number| Purchase {
            id: Uuid::from_u128(number as u128).into(),
            branch_id,
            receipt_no: format!("r{number:09}"),
            customer_id: self.customers.get(number).copied(),
            occurred_at: self.opened,
            recorded_at: self.opened,
            business_date: self.day.date_of(self.opened),
            currency: self.currency,
            total_minor: 0,
            history_only: false,
        });
        loader.load(Purchase::SCHEMA, &mut purchases.map(|purchase| purchase.to_row()))
    }

    fn branch(&self, number: usize, id: BranchId) -> Result<Branch> {
        Ok(Branch {
            id,
            version: Version::FIRST,
            name: format!("Branch {number}"),
            zone: Zone::new("Europe/Warsaw")?,
            calendar: Calendar::Gregorian,
            currency: self.currency,
            cutoff: TimeOfDay::new(4, 0)?,
            active: true,
        })
    }

    fn product(&self, number: usize, id: ProductId) -> Product {
        Product {
            id,
            version: Version::FIRST,
            sku: format!("SKU-{number:06}"),
            name: format!("Product {number}"),
            category_id: None,
            price_minor: 99 + (number as i64 * 7919) % 10_000,
            currency: self.currency,
            stocked: true,
            oversell: false,
            active: true,
            floor_minor: None,
            tax_class: None,
            attributes: crm_core::work::Json::default(),
        }
    }

    /// The customer with this number, from 0.
    ///
    /// # Errors
    /// When there is none.
    pub fn customer(&self, number: usize) -> Result<Customer> {
        let mut random = fastrand::Rng::with_seed(number as u64);
        let first = FIRST_NAMES[random.usize(..FIRST_NAMES.len())];
        let last: String = (0..3).map(|_| SYLLABLES[random.usize(..SYLLABLES.len())]).collect();
        let name = format!("{first} {last}ski");
        let email =
            number.is_multiple_of(3).then(|| Email::parse(&format!("{}{number}@example.org", fold_ascii(&last))));
        Ok(Customer {
            id: *self.customers.get(number).ok_or("no such customer")?,
            version: Version::FIRST,
            kind: CustomerKind::Person,
            stage: Stage::Customer,
            folded_name: fold(&name),
            name,
            phone: Some(Phone::from_e164(format!("+48{}", random.u32(500_000_000..800_000_000)))?),
            email: email.transpose()?,
            card_no: number.is_multiple_of(2).then(|| format!("C{number:09}")),
            national_id: None,
            birth_date: None,
            branch_id: self.branches.get(number % self.branches.len()).copied(),
            owner_id: None,
            referrer_id: None,
            locale: None,
            created_at: self.opened,
            merged_into_id: None,
        })
    }
}

fn load<'e, E: Entity>(loader: &mut dyn Loader, entities: impl Iterator<Item = &'e E>) -> Result<()> {
    loader.load(E::SCHEMA, &mut entities.map(Entity::to_row))
}

fn fold_ascii(text: &str) -> String {
    fold(text).chars().filter(char::is_ascii).collect()
}
