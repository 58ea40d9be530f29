//! What it costs that lists are narrowed to whoever asks: the same page of customers, by how far the grant reaches.

use std::path::Path;
use std::time::{Duration, Instant};

use crm_core::access::{Actor, Principal, Reach, Region, UserId};
use crm_core::customers::READ;
use crm_core::kernel::page::{Cursor, CursorValue, Limit};
use crm_core::work::Filter;
use crm_core::{Crm, Error};
use uuid::Uuid;

use crate::data::{Loader, Shop};
use crate::reads::PAGE;
use crate::report::{Table, micros, quantile};
use crate::sqlite_store::{SqliteStore, Tuning};
use crate::{Result, ours};

/// Customers whom one user is responsible for.
const OF_A_USER: usize = 200;

/// An actor, and what their pages took.
struct Reader {
    name: &'static str,
    actor: Actor,
    /// The first page, and one in the middle.
    times: [Vec<Duration>; 2],
    rows: [usize; 2],
}

/// Asks for pages of so many customers on SQLite, so often, the readers in turns. Ratios are of the time that it takes
/// with a reach without bounds.
///
/// # Errors
/// What the database meets.
pub fn pages(dir: &Path, customers: usize, repeats: usize) -> Result<Table> {
    let store = SqliteStore::create(&dir.join("narrowing.sqlite"))?;
    let shop = Shop::new(customers, 1)?;
    let mut loader = store.loader()?;
    shop.load(&mut loader)?;
    shop.load_customers(&mut loader, 0..customers)?;
    give_owners(&store, &shop)?;
    loader.settle()?;
    drop(loader);

    let crm = ours::connect(&store.url())?;
    let branch = *shop.branches.first().ok_or("no branch")?;
    let customer = *shop.customers.first().ok_or("no customer")?;
    let (here, own) = (Region::branches([branch]), Region::owners([user(0)]));
    let mut both = here.clone();
    both.extend(own.clone());
    let reader = |name, reach: Reach| Reader {
        name,
        actor: Actor::new(Principal::User(user(0))).granted(READ, reach),
        times: [const { Vec::new() }; 2],
        rows: [0; 2],
    };
    let mut readers = [
        reader("all", Reach::all()),
        reader("one branch of four", here.into()),
        reader("own: 200 customers", own.into()),
        reader("one branch, and own", both.into()),
        reader("oneself", Region::customer(customer).into()),
    ];
    let middle = CursorValue::Text("m".to_owned());
    let middle = Cursor::new(vec![middle, CursorValue::Bytes(Uuid::nil().as_bytes().to_vec())])?;
    for number in 0..repeats + repeats / 10 {
        for reader in &mut readers {
            for (at, after) in [None, Some(&middle)].into_iter().enumerate() {
                let start = Instant::now();
                reader.rows[at] = page(&crm, &reader.actor, after)?;
                let took = start.elapsed();
                // The first ones warm caches and statements up.
                if number >= repeats / 10 {
                    reader.times[at].push(took);
                }
            }
        }
    }
    crm.blocking().close()?;

    let mut table = Table::new(&["reach", "rows", "first page, us", "ratio", "in the middle, us", "ratio"]);
    let mut of_all = [Duration::ZERO; 2];
    for mut reader in readers {
        let [first, middle] = &mut reader.times;
        let times = [quantile(first, 0.5), quantile(middle, 0.5)];
        if of_all[0].is_zero() {
            of_all = times;
        }
        let ratio = |at: usize| format!("{:.2}", times[at].as_secs_f64() / of_all[at].as_secs_f64());
        let rows = format!("{}/{}", reader.rows[0], reader.rows[1]);
        table.row(vec![reader.name.to_owned(), rows, micros(times[0]), ratio(0), micros(times[1]), ratio(1)]);
    }
    Ok(table)
}

fn page(crm: &Crm, actor: &Actor, after: Option<&Cursor>) -> Result<usize> {
    let (limit, after) = (Limit::new(PAGE as u32)?, after.cloned());
    let page = crm
        .blocking()
        .read(actor, "customers", move |work| work.customers().page(Filter::all(), limit, after.as_ref()));
    Ok(page.map(|page| page.items.len()).map_err(|error: Error| error)?)
}

fn user(number: usize) -> UserId {
    Uuid::from_u128(1 + number as u128).into()
}

/// Each user is responsible for as many, whose names are all over the alphabet.
fn give_owners(store: &SqliteStore, shop: &Shop) -> Result<()> {
    let mut connection = store.connect(Tuning::Large)?;
    let transaction = connection.transaction()?;
    let mut update = transaction.prepare("UPDATE crm_customers SET owner_id = ?1 WHERE id >= ?2 AND id <= ?3")?;
    for (number, customers) in shop.customers.chunks(OF_A_USER).enumerate() {
        let (Some(from), Some(to)) = (customers.first(), customers.last()) else { continue };
        update.execute([user(number).into(), Uuid::from(*from), Uuid::from(*to)])?;
    }
    drop(update);
    Ok(transaction.commit()?)
}
