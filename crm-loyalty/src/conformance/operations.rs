//! Every operation of the club, in one list, and what it does for whom: each is measured against every grant and reach.

use crm_core::access::{Scoped, Target};
use crm_core::conformance::matrix::{Operation, Run};
use crm_core::customers;
use crm_core::kernel::calendar::Calendar;
use crm_core::kernel::page::Limit;
use crm_core::kernel::time::{CivilDate, Timestamp};
use crm_core::loyalty::bonus::BonusState;
use crm_core::loyalty::cards::BlockReason;
use crm_core::loyalty::grants::MemberState;
use crm_core::loyalty::ledger::{AccountId, AccountState};
use crm_core::loyalty::loyal::{Bounds, Scores};
use crm_core::loyalty::programme::Validity;
use crm_core::loyalty::statements::{Buckets, Known};
use crm_core::loyalty::tiers::{Pin, PinKind};
use crm_core::pricing::Audience;

use super::world::{CREDIT, World, ladder, programme, tier, zloty};

use crate::bonus::NewBonus;
use crate::cards::NewCard;
use crate::earning::WhatIf;
use crate::gift_cards::{Activation, NewBatch};
use crate::grants::NewGrant;
use crate::loyal::LoyalQuery;
use crate::programme::NewVersion;
use crate::redemption::{NewHolding, Query};
use crate::statements::{LiabilityQuery, SettlementQuery};
use crate::{
    WorkLoyalty as _, anniversaries, bonus, cards, earning, gift_cards, grants, ledger, loyal, programme as terms,
    redemption, referral, statements, tiers,
};

type Row = Operation<World>;

const fn reads(name: &'static str, permissions: &'static [&'static str], run: Run<World>) -> Row {
    Operation::reads(name, permissions, run)
}

const fn writes(name: &'static str, permissions: &'static [&'static str], run: Run<World>) -> Row {
    Operation::writes(name, permissions, run)
}

fn belonging<E: Scoped>(records: &[E]) -> Vec<Target> {
    records.iter().map(Scoped::target).collect()
}

/// What only whoever may everything sees or changes.
fn anybodys<T>(_: T) -> Vec<Target> {
    vec![Target::ANY]
}

/// What is on the member's account.
fn accounts<T>(world: &World) -> impl FnOnce(T) -> Vec<Target> {
    let target = world.account();
    move |_| vec![target]
}

/// What belongs to the member's record.
fn customers<T>(world: &World) -> impl FnOnce(T) -> Vec<Target> {
    let target = world.customer.target();
    move |_| vec![target]
}

fn account(world: &World) -> AccountId {
    world.customer.id.into()
}

fn new_grant(world: &World) -> NewGrant {
    NewGrant {
        name: "new".into(),
        audience: Audience { customers: vec![world.customer.id], ..Audience::default() },
        asset: CREDIT,
        amount: 1,
        validity: Validity::Forever,
        budget: None,
        late_joiners_until: None,
        notify: false,
    }
}

fn activation(world: &World, serial: &str) -> Activation {
    Activation { serial: serial.to_owned(), purchase: world.sale, line_no: 1, owner: None }
}

fn pin() -> Pin {
    Pin { tier: Some(tier(1)), kind: PinKind::Exactly, until: None, reason: "a friend".into() }
}

/// Who has bought anything at all.
fn everybody() -> LoyalQuery {
    let bounds = Bounds { days_ago: Vec::new(), purchases: Vec::new(), amount_minor: Vec::new() };
    LoyalQuery { from: CivilDate::MIN, through: CivilDate::MAX, bounds, at_least: Scores::LOWEST }
}

const DIGEST: &str = "00112233445566778899aabbccddeeff";

/// Every public operation of the club. One without a row fails a test.
pub const OPERATIONS: &[Row] = &[
    writes("enrol", &[ledger::ENROL], |work, world| work.loyalty().enrol(world.customer.id).map(customers(world))),
    reads("account", &[ledger::READ], |work, world| Ok(belonging(&[work.loyalty().account(account(world))?]))),
    reads("balances", &[ledger::READ], |work, world| work.loyalty().balances(account(world)).map(accounts(world))),
    reads("balances_at", &[ledger::READ], |work, world| {
        let now = work.now();
        work.loyalty().balances_at(account(world), now, None).map(accounts(world))
    }),
    reads("lots", &[ledger::READ], |work, world| work.loyalty().lots(account(world)).map(accounts(world))),
    reads("entries", &[ledger::READ], |work, world| {
        work.loyalty().entries(account(world), Limit::default(), None).map(accounts(world))
    }),
    writes("set_state", &[ledger::MANAGE], |work, world| {
        let frozen = AccountState::Frozen;
        work.loyalty().set_state(account(world), frozen, "asked for", "new").map(accounts(world))
    }),
    writes("write_off", &[ledger::ADJUST], |work, world| {
        work.loyalty().write_off(account(world), CREDIT, 1, "forgiven", "new").map(accounts(world))
    }),
    writes("adjust", &[ledger::ADJUST], |work, world| {
        work.loyalty().adjust(account(world), CREDIT, 1, "for nothing", "new").map(accounts(world))
    }),
    writes("settle", &[ledger::MAINTAIN], |work, world| work.loyalty().settle(account(world)).map(accounts(world))),
    writes("rebuild", &[ledger::MAINTAIN], |work, world| work.loyalty().rebuild(account(world)).map(accounts(world))),
    reads("usable", &[ledger::READ], |work, world| {
        let (account, branch, due) = (account(world), world.branch, zloty(1_000));
        let query = Query { account, asset: CREDIT, branch, due, requested: None };
        work.loyalty().usable(&query).map(accounts(world))
    }),
    writes("hold", &[redemption::REDEEM], |work, world| {
        let (account, branch, due, amount) = (account(world), world.branch, zloty(1_000), zloty(1));
        let new = NewHolding { account, asset: CREDIT, branch, due, amount, minutes: None, card: None };
        work.loyalty().hold(&new, "new").map(accounts(world))
    }),
    writes("void_hold", &[redemption::REDEEM], |work, world| {
        work.loyalty().void_hold(account(world), world.hold, "new").map(accounts(world))
    }),
    reads("held", &[ledger::READ], |work, world| work.loyalty().held(account(world), world.hold).map(accounts(world))),
    reads("points_of", &[earning::READ], |work, world| {
        Ok(belonging(work.loyalty().points_of(world.purchase)?.as_slice()))
    }),
    reads("what_if", &[earning::WHAT_IF], |work, world| {
        let asked = WhatIf { programme: programme(world.gift), from: None, until: None };
        work.loyalty().what_if(&asked, |_| Ok(())).map(anybodys)
    }),
    writes("save_programme", &[terms::WRITE], |work, world| {
        work.loyalty().save_programme(NewVersion::now(programme(world.gift))).map(anybodys)
    }),
    reads("check_programme", &[terms::READ], |work, world| {
        work.loyalty().check_programme(&programme(world.gift)).map(anybodys)
    }),
    reads("programme", &[terms::READ], |work, _| work.loyalty().programme(None).map(anybodys)),
    reads("programme_versions", &[terms::READ], |work, _| work.loyalty().programme_versions().map(anybodys)),
    writes("give_bonus", &[bonus::GIVE], |work, world| {
        let (customer, branch, reason) = (world.customer.id, world.branch, "a bonus".to_owned());
        let new = NewBonus { customer, branch, asset: CREDIT, amount: 1, validity: Validity::Forever, reason };
        work.loyalty().give_bonus(&new, "new")?;
        Ok(vec![Target::branch(branch), world.account()])
    }),
    writes("change_bonus", &[bonus::GIVE], |work, world| {
        Ok(belonging(&[work.loyalty().change_bonus(world.own_bonus.id, 150, "less")?]))
    }),
    writes("withdraw_bonus", &[bonus::GIVE], |work, world| {
        Ok(belonging(&[work.loyalty().withdraw_bonus(world.own_bonus.id)?]))
    }),
    writes("approve_bonus", &[bonus::APPROVE], |work, world| {
        Ok(belonging(&[work.loyalty().approve_bonus(&world.bonus)?]))
    }),
    writes("refuse_bonus", &[bonus::APPROVE], |work, world| {
        Ok(belonging(&[work.loyalty().refuse_bonus(&world.bonus)?]))
    }),
    reads("bonuses", &[bonus::READ], |work, _| {
        Ok(belonging(&work.loyalty().bonuses(BonusState::Waiting, Limit::default(), None)?.items))
    }),
    reads("preview_grant", &[grants::PLAN], |work, world| {
        work.loyalty().preview_grant(&new_grant(world)).map(anybodys)
    }),
    writes("plan_grant", &[grants::PLAN], |work, world| {
        work.loyalty().plan_grant(&new_grant(world), "new").map(anybodys)
    }),
    writes("approve_grant", &[grants::APPROVE], |work, world| {
        work.loyalty().approve_grant(&world.waiting).map(anybodys)
    }),
    writes("begin_grant", &[grants::PLAN], |work, world| work.loyalty().begin_grant(world.ready).map(anybodys)),
    writes("call_off_grant", &[grants::PLAN], |work, world| work.loyalty().call_off_grant(world.ready).map(anybodys)),
    writes("revoke_grant", &[grants::PLAN], |work, world| work.loyalty().revoke_grant(world.given).map(anybodys)),
    writes("run_grant", &[grants::RUN], |work, world| {
        work.loyalty().run_grant(world.begun, Limit::default()).map(anybodys)
    }),
    reads("grant", &[grants::READ], |work, world| work.loyalty().grant(world.given).map(anybodys)),
    reads("grants", &[grants::READ], |work, _| work.loyalty().grants(Limit::default(), None).map(anybodys)),
    reads("grant_members", &[grants::READ], |work, world| {
        work.loyalty().grant_members(world.given, MemberState::Given, Limit::default(), None).map(anybodys)
    }),
    writes("tell_day", &[anniversaries::WRITE], |work, world| {
        let (on, calendar) = (CivilDate::new(2001, 6, 2)?, Calendar::Gregorian);
        work.loyalty().tell_day(world.customer.id, "wedding", Some(on), calendar).map(customers(world))
    }),
    reads("days_of", &[anniversaries::READ], |work, world| {
        work.loyalty().days_of(world.customer.id).map(customers(world))
    }),
    writes("celebrate", &[anniversaries::CELEBRATE], |work, _| {
        work.loyalty().celebrate(Limit::default()).map(anybodys)
    }),
    writes("note_payment", &[referral::WRITE], |work, world| {
        work.loyalty().note_payment(world.customer.id, DIGEST).map(customers(world))
    }),
    writes("bar_referral", &[referral::WRITE], |work, world| {
        Ok(belonging(&[work.loyalty().bar_referral(world.friend)?]))
    }),
    reads("referral_of", &[referral::READ], |work, world| {
        Ok(belonging(work.loyalty().referral_of(world.friend)?.as_slice()))
    }),
    reads("referrals", &[referral::READ], |work, world| {
        Ok(belonging(&work.loyalty().referrals(world.customer.id, Limit::default(), None)?.items))
    }),
    reads("referral_rewards", &[referral::READ], |work, world| {
        Ok(belonging(&work.loyalty().referral_rewards(world.friend)?))
    }),
    reads("account_statement", &[statements::READ], |work, world| {
        let now = work.now();
        work.loyalty().account_statement(account(world), Timestamp::MIN, now).map(accounts(world))
    }),
    reads("upcoming_expiry", &[statements::READ], |work, world| {
        work.loyalty().upcoming_expiry(account(world), Timestamp::MAX).map(accounts(world))
    }),
    writes("remind", &[statements::REMIND], |work, _| work.loyalty().remind(Limit::default(), None).map(anybodys)),
    reads("liability", &[statements::REPORT], |work, _| {
        let query = LiabilityQuery { at: Known::at(work.now()), buckets: Buckets::default() };
        work.loyalty().liability(&query).map(anybodys)
    }),
    reads("settlement", &[statements::REPORT], |work, _| {
        let now = work.now();
        let query = SettlementQuery { from: Timestamp::MIN, until: now, known_at: now };
        work.loyalty().settlement(&query).map(anybodys)
    }),
    writes("issue_card", &[cards::ISSUE], |work, world| {
        work.loyalty().issue_card(&NewCard::active(world.customer.id), "new").map(customers(world))
    }),
    writes("adopt_card", &[cards::ISSUE, customers::WRITE], |work, world| {
        work.loyalty().adopt_card(world.customer.id).map(customers(world))
    }),
    writes("activate_card", &[cards::ISSUE], |work, world| {
        Ok(belonging(&[work.loyalty().activate_card(world.issued)?]))
    }),
    writes("block_card", &[cards::BLOCK], |work, world| {
        Ok(belonging(&[work.loyalty().block_card(world.card.id, BlockReason::Lost, None)?.card]))
    }),
    writes("unblock_card", &[cards::BLOCK], |work, world| {
        Ok(belonging(&[work.loyalty().unblock_card(world.blocked)?]))
    }),
    writes("replace_card", &[cards::ISSUE], |work, world| {
        Ok(belonging(&[work.loyalty().replace_card(world.card.id, None, "new")?]))
    }),
    reads("card_by_number", &[cards::READ], |work, world| {
        Ok(belonging(&[work.loyalty().card_by_number(&world.card.number)?]))
    }),
    writes("show_card", &[cards::READ], |work, world| {
        work.loyalty().show_card(&world.card.number, world.branch).map(accounts(world))
    }),
    reads("cards_of", &[cards::READ], |work, world| work.loyalty().cards_of(world.customer.id).map(customers(world))),
    writes("make_gift_batch", &[gift_cards::ISSUE], |work, world| {
        let new = NewBatch { name: "new".into(), branch: Some(world.branch), face: zloty(1), size: 1 };
        work.loyalty().make_gift_batch(&new)?;
        Ok(vec![Target::branch(world.branch)])
    }),
    writes("make_gift_batch", &[gift_cards::ISSUE], |work, _| {
        let new = NewBatch { name: "new".into(), branch: None, face: zloty(1), size: 1 };
        work.loyalty().make_gift_batch(&new).map(anybodys)
    }),
    writes("release_gift_batch", &[gift_cards::ISSUE], |work, world| {
        Ok(belonging(&[work.loyalty().release_gift_batch(world.batch)?]))
    }),
    reads("gift_cards_of", &[gift_cards::READ], |work, world| {
        work.loyalty().gift_cards_of(world.batch, Limit::default(), None)?;
        Ok(vec![Target::branch(world.branch)])
    }),
    writes("activate_gift_card", &[gift_cards::SELL], |work, world| {
        work.loyalty().activate_gift_card(&activation(world, &world.unsold), "new").map(accounts(world))
    }),
    writes("reload_gift_card", &[gift_cards::SELL], |work, world| {
        work.loyalty().reload_gift_card(&activation(world, &world.gift_card.serial), "new").map(accounts(world))
    }),
    reads("gift_card", &[gift_cards::READ], |work, world| {
        Ok(belonging(&[work.loyalty().gift_card(&world.gift_card.serial)?.0]))
    }),
    writes("block_gift_card", &[gift_cards::CARE], |work, world| {
        Ok(belonging(&[work.loyalty().block_gift_card(world.gift_card.id, "lost")?]))
    }),
    writes("unblock_gift_card", &[gift_cards::CARE], |work, world| {
        Ok(belonging(&[work.loyalty().unblock_gift_card(world.blocked_gift_card.id)?]))
    }),
    writes("pay_out_gift_card", &[gift_cards::CARE], |work, world| {
        work.loyalty().pay_out_gift_card(world.gift_card.id, "asked for", "new")?;
        Ok(vec![world.gift_card.target()])
    }),
    writes("forget_gift_tickets", &[gift_cards::CARE], |work, _| {
        work.loyalty().forget_gift_tickets(Limit::default()).map(anybodys)
    }),
    reads("loyal_customers", &[loyal::READ], |work, world| {
        let found = work.loyalty().loyal_customers(&everybody(), Limit::default(), None)?.items;
        Ok(found.iter().filter(|one| one.account == account(world)).map(|_| world.account()).collect())
    }),
    reads("loyal_bounds", &[loyal::READ], |work, world| {
        // The member alone has bought something.
        let (_, members) = work.loyalty().loyal_bounds(CivilDate::MIN, CivilDate::MAX, 2)?;
        Ok((0..members).map(|_| world.account()).collect())
    }),
    reads("tiers", &[tiers::READ], |work, world| work.loyalty().tiers(account(world)).map(accounts(world))),
    reads("tier_at", &[tiers::READ], |work, world| {
        let now = work.now();
        work.loyalty().tier_at(account(world), ladder(1), now).map(accounts(world))
    }),
    reads("tier_history", &[tiers::READ], |work, world| {
        work.loyalty().tier_history(account(world), ladder(1), Limit::default(), None).map(accounts(world))
    }),
    writes("pin_tier", &[tiers::PIN], |work, world| {
        work.loyalty().pin_tier(account(world), ladder(1), pin(), "new").map(accounts(world))
    }),
    writes("unpin_tier", &[tiers::PIN], |work, world| {
        work.loyalty().unpin_tier(account(world), ladder(2), "new").map(accounts(world))
    }),
    writes("review_tiers", &[tiers::REVIEW], |work, world| {
        work.loyalty().review_tiers(account(world)).map(accounts(world))
    }),
    writes("review_next_tiers", &[tiers::REVIEW], |work, _| {
        work.loyalty().review_next_tiers(Limit::default()).map(anybodys)
    }),
    reads("tier_members", &[tiers::READ], |work, _| {
        Ok(belonging(&work.loyalty().tier_members(ladder(1), tier(1), Limit::default(), None)?.items))
    }),
];

/// Permissions under which the club works when it is told of something, and that open no operation.
pub const OF_HANDLERS: &[&str] = &[earning::EARN, referral::REWARD, crate::merge::MERGE];
