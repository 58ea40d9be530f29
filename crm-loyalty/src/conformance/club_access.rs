//! Who may do what in the club.

use std::collections::BTreeSet;

use crm_core::access::{Actor, Reach, Region};
use crm_core::accounts::Source;
use crm_core::conformance::matrix::{self, granted, nobody};
use crm_core::conformance::{Bench, Factory};
use crm_core::loyalty::Asset;
use crm_core::loyalty::gift_cards::GiftCode;
use crm_core::{ErrorKind, customers};

use super::open;
use super::operations::{OF_HANDLERS, OPERATIONS};
use super::world::{World, zloty};
use crate::WorkLoyalty as _;
use crate::gift_cards::{CrmGiftDesk as _, NewBatch, SHOW, ShowGift};
use crate::redemption::{NewHolding, REDEEM};

/// Each operation is refused without any one of its permissions, whatever else is granted, and goes with nothing but
/// them.
pub fn nothing_without_a_grant(factory: Factory<'_>) {
    let bench = open(factory);
    let world = World::new(&bench);
    matrix::nothing_without_a_grant(&bench, &world, OPERATIONS);
    bench.verify();
}

/// What an operation shows within a reach is what it shows without bounds, less what is out of reach; it changes nothing
/// beyond, and refuses in the same words whether something is out of reach or absent.
pub fn nothing_beyond_its_reach(factory: Factory<'_>) {
    let bench = open(factory);
    let world = World::new(&bench);
    let shops = Region::branches([world.branch, world.elsewhere]);
    let regions = [
        Region::branches([world.branch]),
        Region::branches([world.elsewhere]),
        shops.clone(),
        Region::customer(world.customer.id),
        Region::customer(world.other),
        Region::owners([world.owner]),
    ];
    matrix::nothing_beyond_its_reach(&bench, &world, OPERATIONS, &regions, &shops);
    bench.verify();
}

/// Each permission that the club declares is asked for by some operation, at the desk, or by its handlers; and it asks for
/// no other, but for what the core asks of whoever changes a customer's record.
pub fn every_permission_has_an_operation(factory: Factory<'_>) {
    let bench = open(factory);
    let description = bench.crm.describe();
    let club = description.modules.iter().find(|module| module.name == "loyalty").unwrap();
    let declared: BTreeSet<&str> = club.permissions.iter().map(|(name, _)| *name).collect();
    let asked = OPERATIONS.iter().flat_map(|operation| operation.permissions.iter().copied());
    let asked: BTreeSet<&str> = asked.filter(|name| *name != customers::WRITE).collect();
    let others: BTreeSet<&str> = OF_HANDLERS.iter().copied().chain([SHOW]).collect();
    assert!(asked.is_disjoint(&others), "what opens an operation stands in its row alone");
    assert_eq!(declared, asked.union(&others).copied().collect());
}

/// Codes of gift cards are taken from whoever shows them by whoever may, where they may.
pub fn codes_are_taken_within_reach(factory: Factory<'_>) {
    let bench = open(factory);
    let world = World::new(&bench);
    let code = unsold(&bench);
    let show = |actor: &Actor, branch| {
        let show = ShowGift { code: code.expose(), branch, customer: None, source: Source::new("till") };
        bench.crm.blocking().wait(bench.crm.gift_desk().show(actor, &show)).unwrap_err().kind()
    };
    let others = OPERATIONS.iter().flat_map(|operation| operation.permissions.iter().copied());
    let without = granted(others.chain(OF_HANDLERS.iter().copied()), &Reach::all());
    let here = nobody().granted(SHOW, Region::branches([world.branch]));
    for actor in [&nobody(), &without, &without.clone().granted(SHOW, Reach::none())] {
        assert_eq!(show(actor, world.branch), ErrorKind::Denied);
    }
    assert_eq!(show(&here, world.elsewhere), ErrorKind::Denied);
    // The code is no good, and that is what whoever may is told.
    assert_eq!(show(&here, world.branch), ErrorKind::Invalid);
}

/// Credit is set aside at a branch by whoever may redeem there, not merely where the member is at home.
pub fn credit_is_held_within_reach(factory: Factory<'_>) {
    let bench = open(factory);
    let world = World::new(&bench);
    let (member, due) = (world.customer.id, zloty(100));
    let asset = Asset::Credit(due.currency());
    bench.run(move |work| work.loyalty().adjust(member.into(), asset, 10_000, "a gift", "given")).unwrap();
    let till = nobody().granted(REDEEM, Region::branches([world.branch]));
    let hold = |branch, key: &'static str| {
        let new =
            NewHolding { account: member.into(), asset, branch, due, amount: zloty(1), minutes: None, card: None };
        bench.crm.blocking().run(&till, "hold", move |work| work.loyalty().hold(&new, key))
    };
    assert_eq!(hold(world.elsewhere, "there").unwrap_err().kind(), ErrorKind::Denied);
    hold(world.branch, "here").unwrap();
    bench.verify();
}

/// The code of a card that was not sold.
fn unsold(bench: &Bench) -> GiftCode {
    let new = NewBatch { name: "unsold".into(), branch: None, face: zloty(1), size: 1 };
    let made = bench.run(move |work| work.loyalty().make_gift_batch(&new)).unwrap();
    made.cards().next().unwrap().code
}
