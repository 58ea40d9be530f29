//! The connection is lost while committing, and the server crashes under load. Who repeats a command with the
//! same key learns the truth, and what was acknowledged is there.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crm_core::{Crm, ErrorKind};
use crm_storage_diesel::DieselStorage;

use crate::postgres::Server;
use crate::proxy::{Cut, Proxy};
use crate::shop::{self, Shop};

const CUTS: [Cut; 3] = [Cut::Before, Cut::Answer, Cut::Between];

fn rounds(default: usize) -> usize {
    std::env::var("CRM_OUTCOME_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(default)
}

/// Repeats a sale until it is acknowledged: no more than a few times.
fn sell_at_last(crm: &Crm, shop: &Shop, receipt_no: &str) {
    for _ in 0..3 {
        match shop::sell(crm, shop, receipt_no) {
            Ok(_) => return,
            Err(error) => assert!(error.is_retryable(), "{receipt_no}: {error:?}"),
        }
    }
    panic!("{receipt_no} cannot be sold");
}

#[test]
fn a_sale_whose_commit_is_cut_is_sold_once() {
    const STOCK: i64 = 100_000;
    let Some(server) = Server::own() else { return };
    let proxy = Proxy::start(server.socket_dir());
    let (crm, shop) = shop::open(DieselStorage::open(&proxy.url()).unwrap(), STOCK);
    // Sees the truth without the proxy.
    let (direct, _) = shop::open(DieselStorage::open(&server.url).unwrap(), 0);
    let mut sold = 0;
    for round in 0..rounds(45) {
        let cut = CUTS[round % CUTS.len()];
        let receipt_no = format!("cut {round}");
        proxy.cut(cut);
        let error = shop::sell(&crm, &shop, &receipt_no).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{cut:?}: {error:?}");
        match cut {
            Cut::Before => assert!(!shop::has_receipt(&direct, &receipt_no)),
            Cut::Answer => assert!(shop::has_receipt(&direct, &receipt_no)),
            Cut::Between => {}
        }
        sell_at_last(&crm, &shop, &receipt_no);
        sold += 1;
        assert!(shop::has_receipt(&direct, &receipt_no));
        assert_eq!(shop::left(&direct, &shop), STOCK - sold, "{cut:?}");
    }
    assert_eq!(proxy.cuts(), rounds(45));
    shop::assert_whole(&direct);
    println!("{} commits cut, {sold} purchases, each once", proxy.cuts());
}

#[test]
fn a_group_whose_commit_is_cut_is_sold_once() {
    const STOCK: i64 = 100_000;
    const TILLS: usize = 8;
    let Some(server) = Server::own() else { return };
    let proxy = Proxy::start(server.socket_dir());
    let (crm, shop) = shop::open(DieselStorage::open(&proxy.url()).unwrap(), STOCK);
    let mut unknown = 0;
    for round in 0..rounds(15) {
        proxy.cut(CUTS[round % CUTS.len()]);
        let name = |till: usize| format!("group {round} {till}");
        let outcomes: Vec<_> = thread::scope(|scope| {
            let tills = (0..TILLS).map(|till| {
                let (crm, shop, name) = (&crm, &shop, &name);
                scope.spawn(move || shop::sell(crm, shop, &name(till)))
            });
            tills.collect::<Vec<_>>().into_iter().map(|till| till.join().unwrap()).collect()
        });
        let before = unknown;
        for (till, outcome) in outcomes.iter().enumerate() {
            match outcome {
                Ok(_) => assert!(shop::has_receipt(&crm, &name(till))),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error:?}");
                    unknown += 1;
                }
            }
        }
        assert!(unknown > before, "nobody's outcome was unknown");
        (0..TILLS).for_each(|till| sell_at_last(&crm, &shop, &name(till)));
        let sold = i64::try_from((round + 1) * TILLS).unwrap();
        assert_eq!(shop::left(&crm, &shop), STOCK - sold);
    }
    shop::assert_whole(&crm);
    println!("{} commits cut, {unknown} outcomes unknown, each purchase once", proxy.cuts());
}

/// Sells until told to stop, each receipt until it is acknowledged.
fn till(crm: &Crm, shop: &Shop, number: usize, stop: &AtomicBool, acknowledged: &Mutex<Vec<String>>) {
    for n in 0.. {
        let receipt_no = format!("till {number} {n}");
        loop {
            if stop.load(Ordering::SeqCst) {
                return;
            }
            match shop::sell(crm, shop, &receipt_no) {
                Ok(_) => break acknowledged.lock().unwrap().push(receipt_no),
                Err(error) => assert!(error.is_retryable(), "{error:?}"),
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn a_crash_of_the_server_loses_nothing_acknowledged() {
    const STOCK: i64 = 1_000_000;
    let Some(mut server) = Server::own() else { return };
    let (crm, shop) = shop::open(DieselStorage::open(&server.url).unwrap(), STOCK);
    let (stop, acknowledged) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for number in 0..4 {
            let (crm, shop, stop, acknowledged) = (&crm, &shop, &stop, &acknowledged);
            scope.spawn(move || till(crm, shop, number, stop, acknowledged));
        }
        let wait_for_more = || {
            let (more, patience) = (acknowledged.lock().unwrap().len() + 40, Instant::now());
            while acknowledged.lock().unwrap().len() < more && patience.elapsed() < Duration::from_secs(60) {
                thread::sleep(Duration::from_millis(1));
            }
        };
        for _ in 0..4 {
            wait_for_more();
            server.crash();
            server.start_again();
        }
        wait_for_more();
        stop.store(true, Ordering::SeqCst);
    });
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.len() >= 5 * 40, "{} were sold", acknowledged.len());
    for receipt_no in &acknowledged {
        assert!(shop::has_receipt(&crm, receipt_no), "{receipt_no} was acknowledged and is lost");
    }
    shop::assert_whole(&crm);
    println!("4 crashes of the server, {} acknowledged purchases, 0 lost", acknowledged.len());
}
