//! The list of them.

use crm_core::access::Actor;
use crm_core::accounts::Source;
use crm_core::branches::Branch;
use crm_core::customers::Merge;
use crm_core::kernel::calendar::Calendar;
use crm_core::kernel::page::Limit;
use crm_core::kernel::random::SystemRandomness;
use crm_core::kernel::time::{CivilDate, Zone};
use crm_core::loyalty::Asset;
use crm_core::loyalty::cards::{BlockReason, CardId};
use crm_core::loyalty::gift_cards::GiftCode;
use crm_core::loyalty::ledger::AccountState;
use crm_core::loyalty::tiers::{Pin, PinKind};
use crm_core::work::{Permit, UnitOfWork};
use crm_core::{Crm, Error, Result};
use crm_loyalty::WorkLoyalty;
use crm_loyalty::cards::NewCard;
use crm_loyalty::gift_cards::{CrmGiftDesk, ShowGift};
use crm_loyalty::programme::NewVersion;

use super::{
    CREDIT, activation, ask, asked, back, buy, by_card, carry_out, clerk, club_sale, gift_card, given, grant, ladder,
    living, member, new_bonus, new_grant, passing, person, planned, printed, programme, sku, sold, spend, ticket, tier,
};
use crate::faults::harness::{Operation, first, run};

/// Shows a code at the desk.
fn show(crm: &Crm, code: &str, source: &str) -> Result<()> {
    let look = |work: &mut UnitOfWork<'_>| first::<Branch>(&mut work.unrestricted()?);
    let branch = crm.blocking().read(&Actor::system(), "branch", look)?.id;
    let show = ShowGift { code: code.into(), branch, customer: None, source: Source::new(source) };
    crm.blocking().wait(crm.gift_desk().show(&Actor::system(), &show)).map(drop)
}

type Job = fn(&mut Permit<'_, '_>, &str) -> Result<()>;

/// An operation on what was prepared for it.
fn on(prepared: Job, name: &'static str, job: Job) -> Operation {
    Operation::new(name, job).after(move |crm, name| run(crm, name, prepared))
}

fn merge(work: &mut Permit<'_, '_>, name: &str) -> Result<()> {
    let (survivor, loser) = (by_card(work, name)?, by_card(work, &format!("L{name}"))?);
    let merge = Merge { survivor, loser, take: Vec::new(), reason: "the same".into() };
    work.customers().merge(&merge, name).map(drop)
}

/// Two members with credit, points and a tier, one of them with a card of the club.
fn two(work: &mut Permit<'_, '_>, name: &str) -> Result<()> {
    member(work, name)?;
    let customer = member(work, &format!("L{name}"))?;
    let new = NewCard { customer, number: Some(format!("C{name}")), active: true };
    work.loyalty().issue_card(&new, name)?;
    buy(work, name, (Some(customer), "tea"), Vec::new()).map(drop)
}

/// Sales, returns, and what becomes of accounts.
fn accounts() -> [Operation; 9] {
    let just_a_member: Job = |work, name| member(work, name).map(drop);
    [
        on(just_a_member, "a purchase", club_sale),
        on(
            |work, name| {
                member(work, name)?;
                club_sale(work, name)?;
                let sold = sold(work, name)?;
                back(work, sold, 1, &format!("{name} a"))
            },
            "a return, the second in parts",
            |work, name| {
                let sold = sold(work, name)?;
                back(work, sold, 2, &format!("{name} b"))
            },
        ),
        on(
            |work, name| {
                let member = member(work, name)?;
                let sold = buy(work, name, (Some(member), "tea"), Vec::new())?;
                // A tenth of thirty złoty was earned.
                work.loyalty().adjust(member.into(), CREDIT, -1_300, "spent", &format!("{name} spent"))?;
                back(work, sold, 3, name)
            },
            "a debt, forgiven",
            |work, name| {
                let member = by_card(work, name)?;
                work.loyalty().write_off(member.into(), CREDIT, 300, "lost", name).map(drop)
            },
        ),
        on(just_a_member, "an account, set right", |work, name| {
            let account = by_card(work, name)?.into();
            work.loyalty().adjust(account, CREDIT, 7, "found", &format!("{name} more"))?;
            work.loyalty().adjust(account, Asset::Points, -1_000, "lost", &format!("{name} less")).map(drop)
        }),
        on(just_a_member, "an account, frozen and thawed", |work, name| {
            let account = by_card(work, name)?.into();
            for (n, state) in [AccountState::Frozen, AccountState::Active].into_iter().enumerate() {
                work.loyalty().set_state(account, state, "asked for", &format!("{name} {n}"))?;
            }
            Ok(())
        }),
        Operation::new("an account, opened and closed", |work, name| {
            let account = person(work, None)?.into();
            work.loyalty().set_state(account, AccountState::Closed, "left", name)
        }),
        on(two, "a merge", merge),
        on(
            |work, name| {
                two(work, name)?;
                merge(work, name)
            },
            "a merge, taken back",
            |work, name| {
                let survivor = by_card(work, name)?;
                let merged = work.customers().merged(survivor)?;
                let loser = merged.first().ok_or_else(|| Error::Setup("nobody was merged".into()))?.id;
                work.customers().unmerge(loser, "not the same", &format!("{name} back")).map(drop)
            },
        ),
        Operation::new("a version of the programme", |work, _| {
            let gift = sku(work, "gift")?;
            work.loyalty().save_programme(NewVersion::now(programme(gift))).map(drop)
        }),
    ]
}

fn gift_cards(code: String) -> [Operation; 10] {
    [
        Operation::new("gift cards, made", printed),
        on(printed, "a gift card, sold", |work, name| {
            let new = activation(work, name)?;
            work.loyalty().activate_gift_card(&new, name).map(drop)
        }),
        on(living, "a gift card, brought back", |work, name| {
            let sale = sold(work, &format!("{name} gift"))?;
            back(work, sale, 3, name)
        }),
        on(living, "a gift card, spent", spend),
        on(
            |work, name| {
                living(work, name)?;
                spend(work, name)
            },
            "a gift card, given back to",
            |work, name| {
                let sold = sold(work, name)?;
                back(work, sold, 2, name)
            },
        ),
        on(living, "a gift card, filled again", |work, name| {
            let new = activation(work, name)?;
            work.loyalty().reload_gift_card(&new, &format!("{name} again")).map(drop)
        }),
        on(living, "a gift card, blocked, freed and paid out", |work, name| {
            let card = gift_card(work, name)?.id;
            work.loyalty().block_gift_card(card, "lost")?;
            work.loyalty().unblock_gift_card(card)?;
            work.loyalty().pay_out_gift_card(card, "asked for", name).map(drop)
        }),
        Operation::of("a gift card, shown", move |crm, name| show(crm, &code, name)),
        // Of the right form, and nobody's: that it was tried is kept.
        Operation::of("a gift card, shown in vain", |crm, name| {
            match show(crm, &GiftCode::draw(&SystemRandomness)?.expose(), name) {
                Err(Error::Invalid { rule: "gift_card.refused", .. }) => Ok(()),
                other => other,
            }
        }),
        on(
            |work, name| {
                living(work, name)?;
                ticket(work, name, 0).map(drop)
            },
            "tickets, forgotten",
            |work, _| work.loyalty().forget_gift_tickets(Limit::MAX).map(drop),
        ),
    ]
}

/// A card of the club that is not in use yet.
fn issued(work: &mut Permit<'_, '_>, name: &str) -> Result<()> {
    let customer = person(work, None)?;
    let new = NewCard { customer, number: Some(format!("C{name}")), active: false };
    work.loyalty().issue_card(&new, name).map(drop)
}

fn card(work: &mut Permit<'_, '_>, name: &str) -> Result<CardId> {
    Ok(work.loyalty().card_by_number(&format!("C{name}"))?.id)
}

fn cards() -> [Operation; 4] {
    [
        Operation::new("a card, issued", issued),
        on(issued, "a card, to its loss and after", |work, name| {
            let card = card(work, name)?;
            work.loyalty().activate_card(card)?;
            work.loyalty().block_card(card, BlockReason::Lost, None)?;
            work.loyalty().unblock_card(card)?;
            work.loyalty().block_card(card, BlockReason::Stolen, None)?;
            work.loyalty().replace_card(card, None, &format!("{name} new")).map(drop)
        }),
        on(issued, "a card, refused at a till", |work, name| {
            let branch = first::<Branch>(work)?.id;
            work.loyalty().show_card(&format!("C{name}"), branch).map(drop)
        }),
        on(
            |work, name| member(work, name).map(drop),
            "a card, taken over",
            |work, name| {
                let customer = by_card(work, name)?;
                work.loyalty().adopt_card(customer).map(drop)
            },
        ),
    ]
}

/// What is given, by hand and to groups.
fn gifts() -> [Operation; 9] {
    [
        Operation::new("a bonus", |work, name| {
            let new = new_bonus(work, name, 5, 30)?;
            work.loyalty().give_bonus(&new, name).map(drop)
        }),
        Operation::new("a bonus, asked for, changed and withdrawn", |work, name| {
            let new = new_bonus(work, name, 500, 30)?;
            let asked = work.loyalty().give_bonus(&new, name)?.id;
            work.loyalty().change_bonus(asked, 400, "less")?;
            work.loyalty().withdraw_bonus(asked).map(drop)
        }),
        Operation::new("a bonus, approved", |work, name| {
            let seen = asked(work, name)?;
            work.loyalty().approve_bonus(&seen).map(drop)
        })
        .after(ask),
        Operation::new("a bonus, refused", |work, name| {
            let seen = asked(work, name)?;
            work.loyalty().refuse_bonus(&seen).map(drop)
        })
        .after(ask),
        Operation::new("a gift to a group, planned", planned),
        on(planned, "a gift to a group, given", |work, name| {
            let grant = grant(work, name)?.id;
            work.loyalty().begin_grant(grant)?;
            carry_out(work, name)
        }),
        on(given, "a gift to a group, revoked", |work, name| {
            let grant = grant(work, name)?.id;
            work.loyalty().revoke_grant(grant)?;
            carry_out(work, name)
        }),
        on(planned, "a gift to a group, called off", |work, name| {
            let grant = grant(work, name)?.id;
            work.loyalty().call_off_grant(grant).map(drop)
        }),
        Operation::new("a gift to a group, approved", |work, name| {
            let seen = grant(work, name)?;
            work.loyalty().approve_grant(&seen).map(drop)
        })
        .after(|crm, name| {
            let name = name.to_owned();
            let plan = move |work: &mut UnitOfWork<'_>| {
                work.loyalty().plan_grant(&new_grant(&name, Vec::new(), Some(1_000)), &name).map(drop)
            };
            crm.blocking().run(&clerk(), "plan", plan)
        }),
    ]
}

/// What happens by itself, and what members tell.
fn members() -> [Operation; 8] {
    [
        on(
            |work, name| member(work, name).map(drop),
            "friends",
            |work, name| {
                let friend = by_card(work, name)?;
                work.loyalty().note_payment(friend, &"0123456789abcdef".repeat(2))?;
                work.loyalty().bar_referral(friend).map(drop)
            },
        ),
        Operation::new("a day that comes back", |work, _| {
            let member = person(work, None)?;
            work.loyalty().tell_day(member, "wedding", Some(CivilDate::new(2001, 6, 2)?), Calendar::Gregorian).map(drop)
        }),
        on(
            |work, _| {
                let member = person(work, None)?;
                // Tomorrow sixteen years ago.
                let told = Zone::UTC.local(work.now()).0.add_days(1 - 4 * 1_461)?;
                work.loyalty().tell_day(member, "wedding", Some(told), Calendar::Gregorian).map(drop)
            },
            "days that have come",
            |work, _| {
                while work.loyalty().celebrate(Limit::new(1)?)?.more {}
                Ok(())
            },
        )
        .later(2),
        on(passing, "what ends soon, told", |work, _| work.loyalty().remind(Limit::MAX, None).map(drop)).later(4),
        on(passing, "what is due on an account", |work, name| {
            let member = by_card(work, name)?;
            work.loyalty().settle(member.into())
        })
        .later(12),
        on(passing, "a review of tiers", |work, name| {
            let member = by_card(work, name)?;
            match work.loyalty().review_tiers(member.into())? {
                0 => Err(Error::Setup("no tier was lowered".into())),
                _ => Ok(()),
            }
        })
        .later(100),
        on(passing, "a review of the next tiers", |work, _| {
            match work.loyalty().review_next_tiers(Limit::new(3)?)? {
                0 => Err(Error::Setup("no tier was due".into())),
                _ => Ok(()),
            }
        })
        .later(100),
        on(
            |work, name| member(work, name).map(drop),
            "a tier, pinned and not",
            |work, name| {
                let member = by_card(work, name)?.into();
                let pin = Pin { tier: Some(tier()), kind: PinKind::AtLeast, until: None, reason: "a friend".into() };
                work.loyalty().pin_tier(member, ladder(), pin, name)?;
                work.loyalty().unpin_tier(member, ladder(), name)
            },
        ),
    ]
}

/// Every operation of the club that writes. The code is that of a gift card with money on it.
pub fn operations(code: String) -> Vec<Operation> {
    let made = accounts().into_iter().chain(gift_cards(code)).chain(cards()).chain(gifts());
    made.chain(members()).collect()
}
