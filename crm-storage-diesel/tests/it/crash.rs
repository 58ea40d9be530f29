//! T-9: a process that records purchases is killed with SIGKILL at random moments. Everything it acknowledged is there,
//! nothing is half there, and stock, journal, outbox and idempotency keys agree.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crm_storage_diesel::DieselStorage;

use crate::{databases, processes, shop};

const THREADS: usize = 8;

fn rounds(default: u32) -> u32 {
    std::env::var("CRM_CRASH_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(default)
}

/// The child: sells until it is killed, and says each receipt number once the purchase is acknowledged.
#[test]
fn child() {
    let Some(words) = processes::role("crash::child") else { return };
    let [url, round] = words.as_slice() else { panic!("{words:?}") };
    let (crm, shop) = shop::open(DieselStorage::open(url).unwrap(), 1_000_000);
    let sellers: Vec<_> = (0..THREADS)
        .map(|till| {
            let (crm, shop, round) = (crm.clone(), shop.clone(), round.clone());
            thread::spawn(move || {
                for n in 0.. {
                    let receipt_no = format!("{round}-{till}-{n}");
                    shop::sell_invoiced(&crm, &shop, &receipt_no).unwrap();
                    processes::say(&receipt_no);
                }
            })
        })
        .collect();
    for seller in sellers {
        seller.join().unwrap();
    }
}

fn crash(url: &str, rounds: u32) {
    drop(shop::open(DieselStorage::open(url).unwrap(), 1_000_000));
    let mut acknowledged = 0;
    for round in 0..rounds {
        let mut child = processes::spawn("crash::child", &[url, &round.to_string()]);
        let lines = child.lines();
        let (sender, receiver) = mpsc::channel();
        let reader = thread::spawn(move || {
            let mut said = Vec::new();
            for line in lines {
                if said.is_empty() {
                    let _ = sender.send(());
                }
                said.push(line);
            }
            said
        });
        // Once it sells, it lives for 1 to 100 ms more: the step is coprime with the span, so no moment repeats soon.
        receiver.recv_timeout(Duration::from_secs(60)).expect("the child sells");
        thread::sleep(Duration::from_millis(u64::from(round * 37 % 100 + 1)));
        child.kill();
        let said = reader.join().unwrap();
        acknowledged += said.len();

        let (crm, shop) = shop::open(DieselStorage::open(url).unwrap(), 0);
        for receipt_no in &said {
            assert!(shop::has_receipt(&crm, receipt_no), "{receipt_no} was acknowledged and is lost");
        }
        shop::assert_whole(&crm);
        // What was in flight can be repeated under its key, and is done once.
        if let Some(last) = said.last() {
            let before = shop::left(&crm, &shop);
            shop::sell_invoiced(&crm, &shop, last).unwrap();
            assert_eq!(shop::left(&crm, &shop), before, "{last} was sold twice");
        }
        crm.blocking().close().unwrap();
    }
    println!("{rounds} kills, {acknowledged} acknowledged purchases, 0 lost, 0 half there");
}

#[test]
fn sqlite_survives_kills() {
    let database = databases::sqlite_file();
    crash(database.url(), rounds(12));
    assert_eq!(databases::sqlite_pragma(database.url(), "integrity_check"), ["ok"]);
    assert_eq!(databases::sqlite_pragma(database.url(), "foreign_key_check"), [""; 0]);
}

#[test]
fn postgres_survives_kills_of_its_client() {
    let database = databases::postgres();
    crash(database.url(), rounds(8));
}
