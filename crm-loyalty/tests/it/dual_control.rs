//! What takes two persons (row 64): of many who agree, or agree while it changes, one has said what was carried out.

use std::sync::Arc;

use crm_core::MemoryStorage;
use crm_core::access::{Actor, Principal, Reach, UserId};
use crm_core::conformance::race;
use crm_core::customers::NewCustomer;
use crm_core::kernel::time::Zone;
use crm_core::loyalty::Asset;
use crm_core::loyalty::bonus::{BonusLimit, BonusRequest, BonusTerms};
use crm_core::loyalty::programme::{Programme, Validity};
use crm_core::reexport::Uuid;
use crm_core::work::Storage;
use crm_core::{Error, ErrorKind};
use crm_loyalty::WorkLoyalty;
use crm_loyalty::bonus::{self, NewBonus};
use crm_loyalty::programme::NewVersion;

/// How many races there are, unless `CRM_DUAL_CONTROL` says so.
const RACES: usize = 150;

fn clerk(number: u128, permission: &'static str) -> Actor {
    let principal = Principal::User(UserId::from(Uuid::from_u128(number)));
    Actor::new(principal).granted(permission, Reach::all())
}

/// In each race two agree to what they have seen, and who has asked for it asks for more, all at once: at most one of the two
/// carries it out, with the figure they have seen; or it has changed, and waits for somebody who has seen that.
#[test]
fn one_of_many_carries_out_what_was_seen() {
    let races = std::env::var("CRM_DUAL_CONTROL").ok().map_or(RACES, |number| number.parse().unwrap());
    let bench = crm_loyalty::conformance::open(&|| Arc::new(MemoryStorage::new()) as Arc<dyn Storage>);
    let (branch, customer) = (bench.branch("here").id, bench.customer(NewCustomer::person("Ala Kot")).id);
    let bonus = BonusTerms {
        standard: [(Asset::Points, BonusLimit { each: 1_000, per_day: None })].into(),
        second_above: [(Asset::Points, 100)].into(),
        ..BonusTerms::default()
    };
    let programme = Programme { bonus, ..Programme::new("Club", Zone::UTC) };
    bench.run(move |work| work.loyalty().save_programme(NewVersion::now(programme.clone())).map(drop)).unwrap();
    let maker = clerk(1, bonus::GIVE);
    let asked: Vec<BonusRequest> = (0..races)
        .map(|race| {
            let (asset, amount, reason) = (Asset::Points, 200, "a bonus".to_owned());
            let new = NewBonus { customer, branch, asset, amount, validity: Validity::Forever, reason };
            let key = race.to_string();
            bench.run_as(&maker, move |work| work.loyalty().give_bonus(&new, &key)).unwrap()
        })
        .collect();
    let approve = |seen: &BonusRequest, by: u128| {
        let seen = seen.clone();
        bench.run_as(&clerk(by, bonus::APPROVE), move |work| work.loyalty().approve_bonus(&seen))
    };
    let rounds = race(3, races, |turn| {
        let seen = &asked[turn.round];
        match turn.worker {
            0 => {
                let id = seen.id;
                bench.run_as(&maker, move |work| work.loyalty().change_bonus(id, 300, "a larger one"))
            }
            worker => approve(seen, 1 + worker as u128),
        }
    });
    let (mut carried_out, mut changed) = (0, 0);
    for (round, seen) in rounds.iter().zip(&asked) {
        assert_eq!(round.won.len(), 1, "{round:?}");
        for lost in &round.lost {
            let typed = matches!(lost, Error::Invalid { rule: "bonus.decided", .. });
            assert!(typed || lost.kind() == ErrorKind::Conflict, "{lost:?}");
        }
        if round.won[0].amount == seen.amount {
            carried_out += 1;
        } else {
            // Nobody has agreed to the new figure; who does, carries it out.
            let now = &round.won[0];
            assert_eq!(approve(seen, 4).unwrap_err().kind(), ErrorKind::Conflict);
            assert_eq!(approve(now, 4).unwrap().amount, 300);
            changed += 1;
        }
    }
    let account = customer.into();
    let has = bench.read(move |work| work.loyalty().balances(account)).unwrap()[&Asset::Points].available;
    assert_eq!(has, 200 * carried_out + 300 * changed);
    bench.verify();
    println!("{races} races: {carried_out} carried out as seen, {changed} changed first");
}
