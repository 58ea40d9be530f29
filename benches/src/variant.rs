//! Ways to record purchases, and how they are measured against each other.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::feed::{Draft, Feed};
use crate::reads::Reads;
use crate::report::{Table, median, millis, number, quantile};
use crate::{Result, cpu};

/// Purchases that a hand-written group holds.
pub const GROUP: usize = 64;
/// What a reader rests between two reads, as one person at a screen would, only faster.
const READER_REST: Duration = Duration::from_millis(1);

/// What a variant is compared as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// What an application developer would write.
    Plain,
    /// What can be reached; the fastest of these counts.
    Limit,
    /// Compared with the others.
    Contender,
}

/// One way to record purchases.
pub trait Variant {
    /// Its name in the table.
    fn name(&self) -> String;

    /// What it is compared as.
    fn role(&self) -> Role;

    /// Records purchases until then. Returns how long each took until it was durable.
    ///
    /// # Errors
    /// The first that happens.
    fn run(&mut self, feed: &Feed, until: Instant) -> Result<Vec<Duration>>;
}

/// Lets every caller record one purchase after the other until then, each on a thread of its own.
///
/// # Errors
/// The first of any caller.
pub fn call_until<C>(callers: impl IntoIterator<Item = C>, feed: &Feed, until: Instant) -> Result<Vec<Duration>>
where
    C: FnMut(Draft) -> Result<()> + Send,
{
    let one = |mut call: C| -> Result<Vec<Duration>> {
        let mut taken = Vec::new();
        loop {
            let start = Instant::now();
            if start >= until {
                return Ok(taken);
            }
            call(feed.next())?;
            taken.push(start.elapsed());
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = callers.into_iter().map(|call| scope.spawn(|| one(call))).collect();
        let mut all = Vec::new();
        for thread in threads {
            all.extend(thread.join().map_err(|_| "a caller panicked")??);
        }
        Ok(all)
    })
}

/// How the rounds go.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// How often each variant has its turn.
    pub rounds: usize,
    /// How long a turn lasts.
    pub cell: Duration,
    /// The process of the database server, if its CPU time is to be told.
    pub server: Option<u32>,
    /// Whether CPU time of this process belongs to the variants alone.
    pub own_cpu: bool,
}

struct Cell {
    rate: f64,
    p50: Duration,
    p99: Duration,
    own_cpu: Option<f64>,
    server_cpu: Option<f64>,
}

fn measure(variant: &mut dyn Variant, feed: &Feed, plan: &Plan) -> Result<Cell> {
    variant.run(feed, Instant::now() + plan.cell / 10)?;
    let own = || if plan.own_cpu { cpu::of_this_process() } else { None };
    let server = || plan.server.and_then(cpu::of_server);
    let (start, own_before, server_before) = (Instant::now(), own(), server());
    let mut taken = variant.run(feed, start + plan.cell)?;
    let (wall, own_after, server_after) = (start.elapsed(), own(), server());
    let done = taken.len().max(1) as f64;
    let each = |before: Option<Duration>, after: Option<Duration>| {
        Some(after?.saturating_sub(before?).as_secs_f64() * 1e6 / done)
    };
    Ok(Cell {
        rate: taken.len() as f64 / wall.as_secs_f64(),
        p50: quantile(&mut taken, 0.5),
        p99: quantile(&mut taken, 0.99),
        own_cpu: each(own_before, own_after),
        server_cpu: each(server_before, server_after),
    })
}

/// Gives every variant its turn in every round, and prints the medians.
///
/// # Errors
/// The first that happens.
pub fn compete(variants: &mut [Box<dyn Variant>], feed: &Feed, plan: &Plan) -> Result<()> {
    let mut cells: Vec<Vec<Cell>> = variants.iter().map(|_| Vec::new()).collect();
    for round in 1..=plan.rounds {
        for (variant, cells) in variants.iter_mut().zip(&mut cells) {
            let cell = measure(variant.as_mut(), feed, plan)?;
            eprintln!("round {round} of {}: {}: {:.0}/s", plan.rounds, variant.name(), cell.rate);
            cells.push(cell);
        }
    }
    let rate = |cells: &[Cell]| median(cells.iter().map(|cell| cell.rate).collect());
    let best = |role: Role| {
        let rates =
            variants.iter().zip(&cells).filter(|(variant, _)| variant.role() == role).map(|(_, cells)| rate(cells));
        rates.reduce(f64::max)
    };
    let (plain, limit) = (best(Role::Plain), best(Role::Limit));
    let mut table = Table::new(&[
        "variant",
        "purchases/s",
        "lowest",
        "highest",
        "p50_ms",
        "p99_ms",
        "client_cpu_us",
        "server_cpu_us",
        "/plain",
        "/limit",
    ]);
    for (variant, cells) in variants.iter().zip(&cells) {
        let rates = || cells.iter().map(|cell| cell.rate);
        let of = |value: fn(&Cell) -> Option<f64>| cells.iter().map(value).collect::<Option<Vec<_>>>().map(median);
        let p50 = quantile(&mut cells.iter().map(|cell| cell.p50).collect::<Vec<_>>(), 0.5);
        let p99 = quantile(&mut cells.iter().map(|cell| cell.p99).collect::<Vec<_>>(), 0.5);
        table.row(vec![
            variant.name(),
            format!("{:.0}", rate(cells)),
            number(rates().reduce(f64::min), 0),
            number(rates().reduce(f64::max), 0),
            millis(p50),
            millis(p99),
            number(of(|cell| cell.own_cpu), 0),
            number(of(|cell| cell.server_cpu), 0),
            number(plain.map(|plain| rate(cells) / plain), 2),
            number(limit.map(|limit| rate(cells) / limit), 2),
        ]);
    }
    table.print();
    Ok(())
}

/// Measures a writer alone and with readers beside it, and prints both, and what the readers met.
///
/// # Errors
/// The first that happens.
pub fn with_readers(
    writer: &mut dyn Variant,
    mut readers: Vec<Box<dyn Reads + Send>>,
    feed: &Feed,
    plan: &Plan,
) -> Result<()> {
    let mut table = Table::new(&[
        "variant",
        "purchases/s",
        "loss",
        "reads/s",
        "point_p50_us",
        "point_p99_us",
        "page_p50_us",
        "page_p99_us",
    ]);
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    let (mut points, mut pages) = (Vec::new(), Vec::new());
    for round in 1..=plan.rounds {
        alone.push(measure(writer, feed, plan)?.rate);
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| -> Result<()> {
            let threads: Vec<_> =
                readers.iter_mut().map(|reader| scope.spawn(|| read_until(reader.as_mut(), feed, &stop))).collect();
            let cell = measure(writer, feed, plan);
            stop.store(true, Ordering::Relaxed);
            for thread in threads {
                let (point, page) = thread.join().map_err(|_| "a reader panicked")??;
                points.extend(point);
                pages.extend(page);
            }
            beside.push(cell?.rate);
            Ok(())
        })?;
        eprintln!("round {round} of {}: {} with readers", plan.rounds, writer.name());
    }
    // The readers also read while the writer warmed up.
    let seconds = plan.cell.as_secs_f64() * 1.1 * plan.rounds as f64;
    let reads = (points.len() + pages.len()) as f64 / seconds;
    let (alone, beside) = (median(alone), median(beside));
    table.row(vec![
        format!("{} + {} readers", writer.name(), readers.len()),
        format!("{beside:.0}"),
        format!("{:.1}%", (1.0 - beside / alone) * 100.0),
        format!("{reads:.0}"),
        format!("{:.0}", quantile(&mut points, 0.5).as_secs_f64() * 1e6),
        format!("{:.0}", quantile(&mut points, 0.99).as_secs_f64() * 1e6),
        format!("{:.0}", quantile(&mut pages, 0.5).as_secs_f64() * 1e6),
        format!("{:.0}", quantile(&mut pages, 0.99).as_secs_f64() * 1e6),
    ]);
    table.print();
    Ok(())
}

type Taken = Vec<Duration>;

fn read_until(reader: &mut dyn Reads, feed: &Feed, stop: &AtomicBool) -> Result<(Taken, Taken)> {
    let (mut points, mut pages) = (Vec::new(), Vec::new());
    let mut random = fastrand::Rng::new();
    while !stop.load(Ordering::Relaxed) {
        let customer = feed.shop.customers[random.usize(..feed.shop.customers.len())];
        let start = Instant::now();
        reader.customer(customer)?;
        points.push(start.elapsed());
        std::thread::sleep(READER_REST);
        let start = Instant::now();
        reader.journal(&crate::reads::JournalPage::of_customer(customer))?;
        pages.push(start.elapsed());
        std::thread::sleep(READER_REST);
    }
    Ok((points, pages))
}
