//! Random histories of an account, lived by the ledger and by the plain model (T-1, T-2, T-3, T-7).

use std::cell::Cell;
use std::time::Duration;

use crm_core::branches::BranchId;
use crm_core::conformance::{Bench, Factory};
use crm_core::customers::NewCustomer;
use crm_core::kernel::currency::Currency;
use crm_core::kernel::time::Timestamp;
use crm_core::loyalty::Asset;
use crm_core::loyalty::ledger::rules::Amounts;
use crm_core::loyalty::ledger::{
    Account, AccountId, EntryKind, Hold, HoldId, Lot, LotId, LotSource, NEVER, PostingAccount, lot,
};
use crm_core::loyalty::statements::{Buckets, Known, Liability};
use crm_core::purchases::PurchaseId;
use crm_core::work::{Filter, Permit};
use crm_core::{Error, ErrorKind, Result};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::ledger_model::{Model, Step, What, any_history, round};
use super::open;
use crate::WorkLoyalty;
use crate::ledger::{Book, Cause, ClawBack, Give, NewHold, Policy, Take};
use crate::statements::LiabilityQuery;

const ASSETS: [Asset; 2] = [Asset::Points, Asset::Credit(Currency::PLN)];
const HOUR: Duration = Duration::from_secs(3600);

/// An account that lives a history.
struct Lived<'b> {
    bench: &'b Bench,
    account: AccountId,
    branch: BranchId,
    begin: Timestamp,
    lots: Vec<LotId>,
    holds: Vec<HoldId>,
}

impl Lived<'_> {
    fn at(&self, hour: i64) -> Timestamp {
        self.begin.checked_add(HOUR * u32::try_from(hour).unwrap()).unwrap()
    }

    /// Does something with the book.
    fn book<T: Send + 'static>(
        &self,
        doing: impl Fn(&mut Book, &mut Permit<'_, '_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let account = self.account;
        self.bench.run(move |work| {
            let mut book = Book::open(work, account)?;
            let done = doing(&mut book, work)?;
            book.close(work)?;
            Ok(done)
        })
    }

    /// All lots, in the order in which they were made.
    fn stored(&self) -> Vec<Lot> {
        let account = self.account;
        self.bench.read(move |work| work.select(lot::account_id.eq(account)).all()).unwrap()
    }

    fn amounts(&self) -> [Amounts; 2] {
        let account = self.account;
        let balances = self.bench.read(move |work| work.loyalty().balances(account)).unwrap();
        ASSETS.map(|asset| balances.get(&asset).copied().unwrap_or_default())
    }

    /// What expires and when, soonest first: the hour, the asset and how much.
    fn upcoming(&self) -> Vec<(i64, usize, i64)> {
        let (account, begin) = (self.account, self.begin.as_micros());
        let list = self.bench.read(move |work| work.loyalty().upcoming_expiry(account, Timestamp::MAX)).unwrap();
        let hour = |at: Timestamp| (at.as_micros() - begin) / 3_600_000_000;
        let which = |asset| ASSETS.iter().position(|one| *one == asset).unwrap();
        list.iter().map(|one| (hour(one.expires_at), which(one.asset), one.amount)).collect()
    }

    /// What the club owes at some hours, as it is known at some others, all accounts together.
    fn owed(&self, hour: i64) -> Vec<Liability> {
        let hours = [(hour, hour), (hour / 2, hour), (hour / 2, hour / 2), (hour, hour / 2)];
        let owed = hours.map(|(as_at, known_at)| {
            let at = Known { as_at: self.at(as_at), known_at: self.at(known_at) };
            let query = LiabilityQuery { at, buckets: Buckets::default() };
            self.bench.read(move |work| work.loyalty().liability(&query)).unwrap()
        });
        owed.to_vec()
    }

    /// What all accounts have.
    fn had_by_all(&self) -> [i64; 2] {
        let accounts: Vec<Account> = self.bench.read(|work| work.select(Filter::all()).all()).unwrap();
        let mut sums = [0; 2];
        for account in accounts {
            let balances = self.bench.read(move |work| work.loyalty().balances(account.id)).unwrap();
            for (sum, asset) in sums.iter_mut().zip(ASSETS) {
                *sum += balances.get(&asset).map_or(0, |had| had.available + had.pending + had.held);
            }
        }
        sums
    }

    /// Whether it was done.
    fn live(&mut self, what: &What, now: Timestamp) -> bool {
        let done = self.try_to(what, now);
        // Lots are made by gifts and by what comes back.
        self.lots = self.stored().into_iter().map(|lot| lot.id).collect();
        match done {
            Ok(()) => true,
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::Invalid | ErrorKind::NotFound), "{error}");
                false
            }
        }
    }

    fn try_to(&mut self, what: &What, now: Timestamp) -> Result<()> {
        let hours = |hours: i64| now.checked_add_micros(hours * 3_600_000_000);
        let nothing = || Error::not_found("test", "nothing");
        let hold_of = |hold| round(hold, self.holds.len()).map(|at| self.holds[at]).ok_or_else(nothing);
        let lot_of = |lot| round(lot, self.lots.len()).map(|at| self.lots[at]).ok_or_else(nothing);
        match *what {
            What::Give { asset, amount, ago, delay, life, earned } => {
                let available_at = hours(delay - ago)?;
                let give = Give {
                    asset: ASSETS[asset],
                    amount,
                    kind: if earned { EntryKind::Earn } else { EntryKind::Give },
                    source: LotSource::Bonus,
                    occurred_at: hours(-ago)?,
                    available_at,
                    expires_at: life.map_or(Ok(NEVER), |life| hours(delay - ago + life))?,
                    purchase: None,
                    branch: None,
                    campaign: None,
                    reason: None,
                    repays_debt: earned,
                };
                self.book(move |book, work| book.give(work, &give).map(drop))
            }
            What::Take { asset, amount } => self.book(move |book, work| {
                let take = Take {
                    asset: ASSETS[asset],
                    amount,
                    kind: EntryKind::Adjust,
                    to: PostingAccount::Adjustment,
                    occurred_at: work.now(),
                    purchase: None,
                    branch: None,
                    reason: None,
                    not_of: None,
                };
                book.take(work, &take).map(drop)
            }),
            What::Pay { asset, amount } => self.hold(asset, amount, now, true),
            What::Hold { asset, amount, hours: length } => self.hold(asset, amount, hours(length)?, false),
            What::Capture { hold, amount } => {
                let (hold, branch) = (hold_of(hold)?, self.branch);
                self.book(move |book, work| {
                    let purchase: PurchaseId = work.new_id();
                    book.capture(work, hold, (amount, amount), branch, purchase)
                })
            }
            What::Void { hold } => {
                let hold = hold_of(hold)?;
                self.book(move |book, work| book.void(work, hold, None))
            }
            What::ClawBack { lot, amount } => {
                let (account, lot) = (self.account, lot_of(lot)?);
                self.book(move |book, work| {
                    let asset = work.get::<Lot>((account, lot))?.asset;
                    let (own_lots, cause, policy) = (vec![lot], Cause::default(), Policy::Debt);
                    book.claw_back(work, &ClawBack { asset, amount, owed: 0, own_lots, cause, policy }).map(drop)
                })
            }
            What::Restore { hold, amount, grace } => {
                let (account, hold) = (self.account, hold_of(hold)?);
                let not_before = if grace > 0 { hours(grace)? } else { Timestamp::MIN };
                self.book(move |book, work| {
                    let hold: Hold = work.get((account, hold))?;
                    if hold.purchase_id.is_none() {
                        return Err(Error::invalid("hold", "test.not_paid"));
                    }
                    book.restore(work, &hold, amount, amount, not_before, &Cause::default()).map(drop)
                })
            }
            What::Revoke { lot } => {
                let lot = lot_of(lot)?;
                self.book(move |book, work| book.revoke(work, lot, &Cause::default()).map(drop))
            }
            What::WriteOff { asset, amount } => {
                self.book(move |book, work| book.write_off(work, ASSETS[asset], amount, &Cause::default()).map(drop))
            }
            What::Settle => {
                let account = self.account;
                self.bench.run(move |work| work.loyalty().settle(account))
            }
            What::Rebuild => {
                let account = self.account;
                let wrong = self.bench.run(move |work| work.loyalty().rebuild(account))?;
                assert_eq!(wrong, 0, "what is kept is what the entries come to");
                Ok(())
            }
        }
    }

    fn hold(&mut self, asset: usize, amount: i64, lapses_at: Timestamp, at_once: bool) -> Result<()> {
        let branch = self.branch;
        let hold = self.book(move |book, work| {
            let new = NewHold {
                asset: ASSETS[asset],
                amount,
                worth_minor: amount,
                point_value: None,
                branch,
                business_date: "2025-03-21".parse()?,
                lapses_at,
                card: None,
                pays: at_once.then(|| work.new_id()),
                reason: None,
            };
            book.hold(work, &new)
        })?;
        self.holds.push(hold);
        Ok(())
    }
}

/// T-1, T-2, T-3, T-7, S-06, S-41, S-42, S-48: whatever happens in whatever order, noticed however late, an account is what a plain model
/// says that lives everything through again; so is every instant of its past, and `verify` finds nothing.
pub fn equal_the_model(factory: Factory<'_>) {
    let bench = open(factory);
    let branch = bench.branch("club").id;
    let mut runner = TestRunner::new(Config { cases: 32, failure_persistence: None, ..Config::default() });
    let number = Cell::new(0);
    let outcome = runner.run(&any_history(), |history: Vec<Step>| {
        number.set(number.get() + 1);
        let account = bench.customer(NewCustomer::person(format!("Ala {}", number.get()))).id.into();
        let begin = crm_core::kernel::time::Clock::now(&*bench.clock);
        let mut lived = Lived { bench: &bench, account, branch, begin, lots: Vec::new(), holds: Vec::new() };
        let mut hour = 0;
        for (n, step) in history.iter().enumerate() {
            hour += step.hours;
            bench.clock.set(lived.at(hour));
            let done = lived.live(&step.what, lived.at(hour));
            let (model, expected) = Model::replay(&history[..=n], hour);
            prop_assert_eq!(done, expected[n], "step {}", n);
            prop_assert_eq!(lived.amounts(), model.amounts(), "step {}", n);
            prop_assert_eq!(lived.upcoming(), model.upcoming(), "step {}", n);
        }
        // Every lot, once everything that is due is written down; that changes no answer.
        let before = (lived.owed(hour), lived.upcoming());
        lived.live(&What::Settle, lived.at(hour));
        prop_assert_eq!(ASSETS.map(|asset| before.0[0].total(asset)), lived.had_by_all());
        prop_assert_eq!((lived.owed(hour), lived.upcoming()), before);
        let stored: Vec<_> = lived.stored().iter().map(|lot| (lot.remaining, lot.held, lot.expired)).collect();
        prop_assert_eq!(stored, Model::replay(&history, hour).0.lots());
        // Every hour of the past, as it was known then.
        for past in 0..=hour {
            let (at, expected) = (lived.at(past), Model::replay(&history, past).0.amounts());
            let then = bench.read(move |work| work.loyalty().balances_at(account, at, Some(at))).unwrap();
            let then = ASSETS.map(|asset| then.get(&asset).copied().unwrap_or_default());
            prop_assert_eq!(then, expected, "hour {}", past);
        }
        Ok(())
    });
    outcome.unwrap();
    bench.verify();
}
