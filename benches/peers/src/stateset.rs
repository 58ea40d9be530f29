//! `stateset-embedded` on SQLite: an order of three lines, points for it, and every second time credit applied to it. Each
//! is a call of its own there, and a transaction of its own.

use std::path::Path;
use std::time::{Duration, Instant};

use rust_decimal::Decimal;
use stateset_core::{
    AdjustPoints, CreateCustomer, CreateInventoryItem, CreateLoyaltyProgram, CreateOrder, CreateOrderItem,
    CreateProduct, CreateProductVariant, CreateStoreCredit, CurrencyCode, CustomerId, EnrollCustomer, LoyaltyAccountId,
    LoyaltyTransactionType, Product, ProductStatus, StoreCreditId, StoreCreditReason, UpdateProduct,
};
use stateset_embedded::Commerce;

use crate::report::Table;
use crate::{row, Options, Result};

/// What is paid with credit every second time.
const PART: Decimal = Decimal::from_parts(50, 0, 0, false, 2);

struct Member {
    customer: CustomerId,
    account: LoyaltyAccountId,
    credit: StoreCreditId,
}

struct Sold {
    product: Product,
    sku: String,
    price: Decimal,
}

struct Shop {
    commerce: Commerce,
    members: Vec<Member>,
    products: Vec<Sold>,
}

/// Measures it with one caller and with many, each a thread.
pub fn run(path: &Path, options: &Options, table: &mut Table) -> Result<()> {
    let shop = Shop::open(path, options)?;
    for callers in [1, options.callers] {
        let (start, until) = (Instant::now(), Instant::now() + options.cell);
        let taken = std::thread::scope(|scope| -> Result<Vec<Duration>> {
            let threads: Vec<_> = (0..callers)
                .map(|caller| {
                    scope.spawn({
                        let shop = &shop;
                        move || shop.sell_until(caller, until)
                    })
                })
                .collect();
            let mut all = Vec::new();
            for thread in threads {
                all.extend(thread.join().map_err(|_| "a caller panicked")??);
            }
            Ok(all)
        })?;
        table.row(row(format!("stateset-embedded, SQLite, {callers} threads"), taken, start));
    }
    Ok(())
}

impl Shop {
    fn open(path: &Path, options: &Options) -> Result<Self> {
        // It is set by the environment only. Without it what was answered may be lost when the machine stops.
        std::env::set_var("STATESET_SQLITE_SYNCHRONOUS", "FULL");
        let start = Instant::now();
        let commerce = Commerce::new(path.to_str().ok_or("no such path")?)?;
        let tiers = Vec::new();
        let program = commerce.loyalty().create_program(CreateLoyaltyProgram {
            name: "Club".into(),
            description: None,
            points_per_dollar: 1,
            tiers,
        })?;
        let mut products = Vec::with_capacity(options.products);
        for number in 0..options.products {
            let (sku, name) = (format!("SKU-{number:06}"), format!("Product {number}"));
            let price = Decimal::new(99 + (number as i64 * 7919) % 10_000, 2);
            let variant = CreateProductVariant { sku: sku.clone(), price, ..Default::default() };
            let product = commerce.products().create(CreateProduct {
                name: name.clone(),
                slug: None,
                description: None,
                product_type: None,
                attributes: None,
                seo: None,
                variants: Some(vec![variant]),
            })?;
            let status = Some(ProductStatus::Active);
            commerce.products().update(product.id, UpdateProduct { status, ..UpdateProduct::default() })?;
            commerce.inventory().create_item(CreateInventoryItem {
                sku: sku.clone(),
                name,
                description: None,
                unit_of_measure: None,
                initial_quantity: Some(Decimal::from(1_000_000_000)),
                location_id: None,
                reorder_point: None,
                safety_stock: None,
            })?;
            products.push(Sold { product, sku, price });
        }
        let mut members = Vec::with_capacity(options.members);
        for number in 0..options.members {
            let customer = commerce.customers().create(CreateCustomer {
                email: format!("member{number}@example.org"),
                first_name: "Anna".into(),
                last_name: format!("No {number}"),
                phone: None,
                accepts_marketing: None,
                tags: None,
                metadata: None,
            })?;
            let account =
                commerce.loyalty().enroll(EnrollCustomer { customer_id: customer.id, program_id: program.id })?;
            let credit = commerce.store_credits().create(CreateStoreCredit {
                customer_id: customer.id,
                amount: Decimal::from(10_000),
                currency: CurrencyCode::USD,
                reason: StoreCreditReason::Loyalty,
                reference_id: None,
                note: None,
                expires_at: None,
            })?;
            members.push(Member { customer: customer.id, account: account.id, credit: credit.id });
        }
        eprintln!("stateset-embedded: loaded in {:.1} s", start.elapsed().as_secs_f64());
        Ok(Self { commerce, members, products })
    }

    fn sell_until(&self, caller: usize, until: Instant) -> Result<Vec<Duration>> {
        let (mut taken, mut number) = (Vec::new(), caller * 7919);
        while Instant::now() < until {
            let start = Instant::now();
            number += 1;
            self.sell(number)?;
            taken.push(start.elapsed());
        }
        Ok(taken)
    }

    fn sell(&self, number: usize) -> Result<()> {
        let member = &self.members[number * 31 % self.members.len()];
        let mut total = Decimal::ZERO;
        let items = (0..3).map(|line| {
            let sold = &self.products[(number * 17 + line) % self.products.len()];
            let quantity = 1 + (number + line) as i32 % 3;
            total += sold.price * Decimal::from(quantity);
            CreateOrderItem {
                product_id: sold.product.id,
                sku: sold.sku.clone(),
                name: sold.product.name.clone(),
                quantity,
                unit_price: sold.price,
                ..Default::default()
            }
        });
        let order = self.commerce.orders().create(CreateOrder {
            customer_id: member.customer,
            items: items.collect(),
            currency: Some(CurrencyCode::USD),
            ..Default::default()
        })?;
        let reference = Some(order.id.to_string());
        if number % 2 == 0 {
            self.commerce.store_credits().apply(member.credit, PART, reference.clone())?;
        }
        self.commerce.loyalty().adjust_points(AdjustPoints {
            account_id: member.account,
            points: i64::try_from(total.trunc())?,
            transaction_type: LoyaltyTransactionType::Earn,
            reference_id: reference,
            description: None,
        })?;
        Ok(())
    }
}
