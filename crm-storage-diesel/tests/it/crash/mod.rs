//! T-9: a process that records purchases is killed with SIGKILL at random moments. Everything it acknowledged is there,
//! nothing is half there, and stock, journal, outbox and idempotency keys agree.

mod club;

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crm_core::{Crm, Result};
use crm_storage_diesel::DieselStorage;

use crate::shop::Shop;
use crate::{databases, processes, shop};

const THREADS: usize = 8;

fn rounds(default: u32) -> u32 {
    std::env::var("CRM_CRASH_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(default)
}

/// What the killed process sells, and what must be true of it.
struct Trade<W> {
    /// The test that is the child.
    child: &'static str,
    /// Opens the store, and the shop in it if it is new.
    open: fn(&str) -> (Crm, W),
    /// Sells something, once under each receipt number.
    sell: fn(&Crm, &W, &str) -> Result<()>,
    /// What another sale would change.
    counts: fn(&Crm, &W) -> Vec<i64>,
    /// Fails unless all of it is whole.
    assert_whole: fn(&Crm),
}

/// A shop without modules that take part in a sale.
const PLAIN: Trade<Shop> = Trade {
    child: "crash::child",
    open: |url| shop::open(DieselStorage::open(url).unwrap(), 1_000_000),
    sell: |crm, shop, receipt_no| shop::sell_invoiced(crm, shop, receipt_no).map(|_| ()),
    counts: |crm, shop| vec![shop::left(crm, shop)],
    assert_whole: shop::assert_whole,
};

#[test]
fn child() {
    PLAIN.child();
}

impl<W: Clone + Send + 'static> Trade<W> {
    /// The child: sells until it is killed, and says each receipt number once the purchase is acknowledged.
    fn child(&self) {
        let Some(words) = processes::role(self.child) else { return };
        let [url, round] = words.as_slice() else { panic!("{words:?}") };
        let (crm, shop) = (self.open)(url);
        let sellers: Vec<_> = (0..THREADS)
            .map(|till| {
                let (crm, shop, round, sell) = (crm.clone(), shop.clone(), round.clone(), self.sell);
                thread::spawn(move || {
                    for n in 0.. {
                        let receipt_no = format!("{round}-{till}-{n}");
                        match sell(&crm, &shop, &receipt_no) {
                            Ok(()) => processes::say(&receipt_no),
                            // The server is gone: so is this process, soon.
                            Err(error) => return assert!(error.is_retryable(), "{receipt_no}: {error:?}"),
                        }
                    }
                })
            })
            .collect();
        for seller in sellers {
            seller.join().unwrap();
        }
    }

    /// Lets a child sell, ends it at some moment by `end`, and looks what is there: so many times.
    fn crash(&self, url: &str, rounds: u32, mut end: impl FnMut(&mut processes::Running)) {
        drop((self.open)(url));
        let mut acknowledged = 0;
        for round in 0..rounds {
            let mut child = processes::spawn(self.child, &[url, &round.to_string()]);
            let lines = child.lines();
            let (sender, receiver) = mpsc::channel();
            let some = (round * 5 % 16) as usize;
            let reader = thread::spawn(move || {
                let mut said = Vec::new();
                for line in lines {
                    if said.len() == some {
                        let _ = sender.send(());
                    }
                    said.push(line);
                }
                said
            });
            // Once it has sold some, it lives for 1 to 100 ms more: the step is coprime with the span, so no moment repeats
            // soon.
            receiver.recv_timeout(Duration::from_secs(60)).expect("the child sells");
            thread::sleep(Duration::from_millis(u64::from(round * 37 % 100 + 1)));
            end(&mut child);
            let said = reader.join().unwrap();
            acknowledged += said.len();

            let (crm, shop) = (self.open)(url);
            for receipt_no in &said {
                assert!(shop::has_receipt(&crm, receipt_no), "{receipt_no} was acknowledged and is lost");
            }
            (self.assert_whole)(&crm);
            // What was in flight can be repeated under its key, and is done once.
            if let Some(last) = said.last() {
                let before = (self.counts)(&crm, &shop);
                (self.sell)(&crm, &shop, last).unwrap();
                assert_eq!((self.counts)(&crm, &shop), before, "{last} was sold twice");
            }
            crm.blocking().close().unwrap();
        }
        println!("{}: {rounds} kills, {acknowledged} acknowledged purchases, 0 lost, 0 half there", self.child);
    }

    fn sqlite_survives_kills(&self, by_default: u32) {
        let database = databases::sqlite_file();
        self.crash(database.url(), rounds(by_default), processes::Running::kill);
        assert_eq!(databases::sqlite_pragma(database.url(), "integrity_check"), ["ok"]);
        assert_eq!(databases::sqlite_pragma(database.url(), "foreign_key_check"), [""; 0]);
    }

    fn postgres_survives_kills_of_its_client(&self, by_default: u32) {
        let database = databases::postgres();
        self.crash(database.url(), rounds(by_default), processes::Running::kill);
    }
}

#[test]
fn sqlite_survives_kills() {
    PLAIN.sqlite_survives_kills(12);
}

#[test]
fn postgres_survives_kills_of_its_client() {
    PLAIN.postgres_survives_kills_of_its_client(8);
}
