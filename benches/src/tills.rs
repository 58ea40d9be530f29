//! Many tills that redeem at once, from one account or from several, until there is no more to redeem.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crm_core::access::Actor;
use crm_core::customers::CustomerId;
use crm_core::kernel::time::{Clock as _, SystemClock};
use crm_core::loyalty::Asset;
use crm_core::{Crm, Error};
use crm_loyalty::WorkLoyalty as _;
use futures_util::stream::{FuturesUnordered, TryStreamExt as _};

use crate::Result;
use crate::club::PART;
use crate::feed::Feed;
use crate::report::{millis, quantile};

/// How many tills, and what there is.
#[derive(Debug, Clone, Copy)]
pub struct Tills {
    /// Tills at once.
    pub tills: usize,
    /// What each tries, purchases.
    pub attempts: usize,
    /// What each account has had of credit, in minor units.
    pub credit_minor: i64,
    /// What each may redeem a day, in minor units.
    pub per_day_minor: i64,
}

/// What came of them.
#[derive(Debug, Clone)]
pub struct Met {
    /// Purchases that were recorded, a second, until the last of them.
    pub rate: f64,
    /// Purchases that were recorded.
    pub recorded: usize,
    /// Purchases that were refused, since no more could be redeemed.
    pub refused: usize,
    /// Purchases that gave up: other writers were in the way longer than it is tried.
    pub busy: usize,
    /// How long those took that were recorded.
    taken: Vec<Duration>,
}

enum Outcome {
    Recorded,
    Refused,
    Busy,
}

struct Attempt {
    customer: CustomerId,
    outcome: Outcome,
    ended: Instant,
    took: Duration,
}

impl Tills {
    /// Lets every till try its purchases, spread over these openings of the same store: each has a writer of its own, as
    /// another process would. Then checks what everybody has left, to the last unit.
    ///
    /// # Errors
    /// When more was redeemed than there was or may be, or less than was recorded; any error but a refusal.
    pub fn run(&self, crms: &[Crm], feed: &Feed) -> Result<Met> {
        let first = crms.first().ok_or("no store")?;
        let (start, day) = (Instant::now(), feed.shop.day.date_of(SystemClock.now()));
        let tills: FuturesUnordered<_> =
            crms.iter().cycle().take(self.tills).map(|crm| till(crm, feed, self.attempts)).collect();
        let tried: Vec<Attempt> = first.blocking().wait(tills.try_concat())?;
        let same_day = day == feed.shop.day.date_of(SystemClock.now());
        self.check(first, feed, &tried, same_day)?;
        let recorded = || tried.iter().filter(|attempt| matches!(attempt.outcome, Outcome::Recorded));
        let count = |of: fn(&Outcome) -> bool| tried.iter().filter(|attempt| of(&attempt.outcome)).count();
        let last = recorded().map(|attempt| attempt.ended).max().unwrap_or(start);
        Ok(Met {
            rate: recorded().count() as f64 / last.duration_since(start).as_secs_f64(),
            recorded: recorded().count(),
            refused: count(|outcome| matches!(outcome, Outcome::Refused)),
            busy: count(|outcome| matches!(outcome, Outcome::Busy)),
            taken: recorded().map(|attempt| attempt.took).collect(),
        })
    }

    fn check(&self, crm: &Crm, feed: &Feed, tried: &[Attempt], same_day: bool) -> Result<()> {
        let mut of = BTreeMap::<CustomerId, (i64, i64, i64)>::new();
        for attempt in tried {
            let (recorded, refused, busy) = of.entry(attempt.customer).or_default();
            match attempt.outcome {
                Outcome::Recorded => *recorded += 1,
                Outcome::Refused => *refused += 1,
                Outcome::Busy => *busy += 1,
            }
        }
        let credit = Asset::Credit(feed.shop.currency);
        for (customer, (recorded, refused, busy)) in of {
            let balances = crm
                .blocking()
                .read(&Actor::system(), "balances", move |work| work.loyalty().balances(customer.into()))?;
            let left = balances.get(&credit).map_or(0, |amounts| amounts.available);
            if self.credit_minor - left != recorded * PART {
                return Err(format!("{left} left of {}, {recorded} recorded", self.credit_minor).into());
            }
            let most = self.credit_minor.min(self.per_day_minor) / PART;
            let expected = most.min(recorded + refused + busy);
            if same_day && (recorded > most || (busy == 0 && recorded != expected)) {
                return Err(format!("{recorded} recorded, {refused} refused, but {most} could be").into());
            }
        }
        Ok(())
    }
}

impl Met {
    /// The cells of a table: purchases/s, p50, p99, recorded, refused, busy.
    pub fn cells(&mut self) -> Vec<String> {
        vec![
            format!("{:.0}", self.rate),
            millis(quantile(&mut self.taken, 0.5)),
            millis(quantile(&mut self.taken, 0.99)),
            self.recorded.to_string(),
            self.refused.to_string(),
            self.busy.to_string(),
        ]
    }
}

async fn till(crm: &Crm, feed: &Feed, attempts: usize) -> Result<Vec<Attempt>> {
    let actor = Actor::system();
    let mut tried = Vec::with_capacity(attempts);
    for _ in 0..attempts {
        let draft = feed.next();
        let customer = draft.purchase.customer.ok_or("no customer")?;
        let start = Instant::now();
        let done = crm
            .run(&actor, "purchase", move |work| work.purchases().record(&draft.purchase, &draft.key).map(|_| ()))
            .await;
        let outcome = match done {
            Ok(()) => Outcome::Recorded,
            Err(Error::Invalid { rule: "redeem.daily_cap" | "redeem.not_enough", .. }) => Outcome::Refused,
            Err(Error::Busy { .. } | Error::Conflict { .. }) => Outcome::Busy,
            Err(other) => return Err(other.into()),
        };
        tried.push(Attempt { customer, outcome, ended: Instant::now(), took: start.elapsed() });
    }
    Ok(tried)
}
