//! What many want at once, of which there is enough for some.

use crm_core::access::Actor;
use crm_core::catalog::ProductId;
use crm_core::customers::CustomerId;
use crm_core::kernel::page::Limit;
use crm_core::loyalty::Asset;
use crm_core::loyalty::gift_cards::GiftCardState;
use crm_core::loyalty::grants::GrantState;
use crm_core::loyalty::ledger::{AccountId, AccountState, HoldState};
use crm_core::pricing::{Cart, QuoteRequest};
use crm_core::purchases::{ByQuote, NewLine, NewPurchase, NewTender, Recorded};
use crm_core::returns::{NewReturn, NewReturnLine};
use crm_core::work::UnitOfWork;
use crm_core::{Crm, Error, Result};
use crm_loyalty::WorkLoyalty;
use crm_loyalty::bonus;
use crm_loyalty::gift_cards::{Activation, GIFT_CARD, GiftTender};
use crm_loyalty::redemption::{NewHolding, credit, points, with_hold};

use super::world::{CREDIT, Ids, World, clerk, zloty};
use super::{ALL, PROCESSES};

/// For how many of them there is enough.
pub const ENOUGH: usize = 20;

/// Of how many things one does something while two do something else.
pub const PAIRS: usize = ALL / PROCESSES;

/// Something that many want at once.
pub struct Contest {
    pub name: &'static str,
    /// One of so many tries.
    pub attempt: fn(&Crm, &Ids, usize) -> Result<()>,
    /// How many of all win.
    pub wins: usize,
    /// What the others are told.
    pub refusals: &'static [&'static str],
    /// What is true afterwards.
    pub check: fn(&World),
}

fn run<T: Send + 'static>(
    crm: &Crm,
    actor: &Actor,
    job: impl Fn(&mut UnitOfWork<'_>) -> Result<T> + Send + 'static,
) -> Result<T> {
    crm.blocking().run(actor, "club race", job)
}

/// Somebody buys tea for ten złoty, pays with this, and the rest with cash.
fn buy(
    crm: &Crm,
    ids: &Ids,
    what: &str,
    (customer, tender): (Option<CustomerId>, Option<NewTender>),
    n: usize,
) -> Result<()> {
    sell(crm, ids, ids.tea, &format!("{what} {n}"), (customer, tender))
}

fn sell(
    crm: &Crm,
    ids: &Ids,
    product: ProductId,
    receipt: &str,
    (customer, tender): (Option<CustomerId>, Option<NewTender>),
) -> Result<()> {
    let tenders = tender.into_iter().chain([NewTender::cash_rest()]);
    let new = NewPurchase::of(ids.branch, receipt, [NewLine::of(product, 1)], tenders.collect::<Vec<_>>());
    let new = NewPurchase { customer, ..new };
    run(crm, &Actor::system(), move |work| work.purchases().record(&new, &new.receipt_no).map(drop))
}

/// Sets some of the credit aside.
fn hold(crm: &Crm, ids: &Ids, n: usize) -> Result<()> {
    let (account, branch, due, amount) = (ids.credit.into(), ids.branch, zloty(1_000), zloty(100));
    let new = NewHolding { account, asset: CREDIT, branch, due, amount, minutes: None, card: None };
    run(crm, &Actor::system(), move |work| work.loyalty().hold(&new, &format!("hold {n}")).map(drop))
}

/// Buys at the price with something off, if it is still told, and else not.
fn buy_limited(crm: &Crm, ids: &Ids, n: usize) -> Result<()> {
    let sold_out = || Error::invalid("rule", "price.used_up");
    let request = QuoteRequest { branch: ids.branch, customer: None, at: None, cart: Cart::of([(ids.limited, 1)]) };
    let asked = request.clone();
    let quote = crm.blocking().read(&Actor::system(), "quote", move |work| work.pricing().quote(&asked))?;
    if quote.discount_minor == 0 {
        return Err(sold_out());
    }
    let new = NewPurchase::quoted(&request, format!("limited {n}"), [NewTender::cash_rest()]);
    run(crm, &Actor::system(), move |work| {
        let key = new.receipt_no.clone();
        match work.purchases().record_quoted(&new, &ByQuote::of(&request, &quote), &key)? {
            Recorded::Done(_) => Ok(()),
            Recorded::Changed(_) => Err(sold_out()),
        }
    })
}

/// Whether it was refused by one of these rules.
fn invalid(ended: &Result<()>, rules: &[&str]) -> bool {
    matches!(ended, Err(Error::Invalid { rule, .. }) if rules.contains(rule))
}

fn enough(each: i64) -> i64 {
    each * i64::try_from(ENOUGH).unwrap()
}

pub const CONTESTS: &[Contest] = &[
    // Row 1: credit, some of which is paid with and some set aside.
    Contest {
        name: "credit",
        attempt: |crm, ids, n| {
            let tender = credit(zloty(100));
            if n % 2 == 0 { buy(crm, ids, "credit", (Some(ids.credit), Some(tender)), n) } else { hold(crm, ids, n) }
        },
        wins: ENOUGH,
        refusals: &["redeem.not_enough"],
        check: |world| assert_eq!(world.has(world.ids.credit, CREDIT), (0, 0)),
    },
    // S-08, row 3: one till pays with what was set aside, two others free it. It ends once, and in one way.
    Contest {
        name: "a hold that is paid with and freed",
        attempt: |crm, ids, n| {
            let (account, hold) = (ids.saver.into(), ids.held[n % PAIRS]);
            if n < PAIRS {
                let tender = with_hold(credit(zloty(200)), hold);
                return buy(crm, ids, "held", (Some(ids.saver), Some(tender)), n);
            }
            run(crm, &Actor::system(), move |work| work.loyalty().void_hold(account, hold, &format!("void {n}")))
        },
        wins: PAIRS,
        refusals: &["redeem.hold_over"],
        check: |world| {
            let (account, holds) = (world.ids.saver.into(), world.ids.held.clone());
            let states = world.read(move |work| {
                holds.iter().map(|hold| Ok(work.loyalty().held(account, *hold)?.state)).collect::<Result<Vec<_>>>()
            });
            let paid = states.iter().filter(|state| **state == HoldState::Captured).count();
            assert_eq!(paid + states.iter().filter(|state| **state == HoldState::Voided).count(), PAIRS);
            let left = 300 * PAIRS - 200 * paid;
            assert_eq!(world.has(world.ids.saver, CREDIT), (i64::try_from(left).unwrap(), 0));
        },
    },
    Contest {
        name: "points",
        attempt: |crm, ids, n| buy(crm, ids, "points", (Some(ids.points), Some(points(zloty(100)))), n),
        wins: ENOUGH,
        refusals: &["redeem.not_enough"],
        check: |world| assert_eq!(world.has(world.ids.points, Asset::Points), (0, 0)),
    },
    Contest {
        name: "the cap of the day",
        attempt: |crm, ids, n| buy(crm, ids, "cap", (Some(ids.capped), Some(credit(zloty(100)))), n),
        wins: ENOUGH,
        refusals: &["redeem.daily_cap"],
        check: |world| assert_eq!(world.has(world.ids.capped, CREDIT), (1_000_000 - enough(100), 0)),
    },
    Contest {
        name: "gift card",
        attempt: |crm, ids, n| {
            let ticket = GiftTender { ticket: ids.tickets[n] };
            let tender = NewTender::of(GIFT_CARD, zloty(100)).with_details(&ticket)?;
            buy(crm, ids, "gift card", (None, Some(tender)), n)
        },
        wins: ENOUGH,
        // Once it is empty it is no longer good.
        refusals: &["gift_card.refused"],
        check: |world| {
            let serial = world.ids.serial.clone();
            let (card, left) = world.read(move |work| work.loyalty().gift_card(&serial));
            assert_eq!((card.state, left), (GiftCardState::Exhausted, zloty(0)));
        },
    },
    Contest {
        name: "one piece for many gift cards",
        attempt: |crm, ids, n| {
            let (serial, purchase, owner) = (ids.serials[n].clone(), ids.piece, None);
            let new = Activation { serial, purchase, line_no: 1, owner };
            run(crm, &Actor::system(), move |work| work.loyalty().activate_gift_card(&new, &new.serial).map(drop))
        },
        wins: 1,
        refusals: &["gift_card.no_piece"],
        check: |_| {},
    },
    // S-35: pieces come back while they come to life. Whether before or after, no card keeps what was given back for it.
    Contest {
        name: "a gift card whose piece comes back",
        attempt: |crm, ids, n| {
            let purchase = ids.brought_back[n % PAIRS];
            if n < PAIRS {
                let back = NewReturn::of(purchase, [NewReturnLine::of(1, 1)]);
                return run(crm, &Actor::system(), move |work| {
                    work.returns().record(&back, &format!("back {n}")).map(drop)
                });
            }
            let new = Activation { serial: ids.serials[ALL + n - PAIRS].clone(), purchase, line_no: 1, owner: None };
            let ended =
                run(crm, &Actor::system(), move |work| work.loyalty().activate_gift_card(&new, &new.serial).map(drop));
            if invalid(&ended, &["gift_card.no_piece"]) { Ok(()) } else { ended }
        },
        wins: ALL,
        refusals: &[],
        check: |world| {
            for serial in &world.ids.serials[ALL..] {
                let serial = serial.clone();
                let (card, left) = world.read(move |work| work.loyalty().gift_card(&serial));
                assert!(matches!(card.state, GiftCardState::Issued | GiftCardState::Refunded), "{card:?}");
                assert_eq!(left, zloty(0));
            }
        },
    },
    // S-40: what is sold with something off, by quote.
    Contest {
        name: "uses of a price rule",
        attempt: buy_limited,
        wins: ENOUGH,
        refusals: &["price.used_up"],
        check: |_| {},
    },
    // S-40: everybody may buy, and the campaign gives what it has.
    Contest {
        name: "the budget of a campaign",
        attempt: |crm, ids, n| buy(crm, ids, "budget", (Some(ids.budget[n % 3]), None), n),
        wins: ALL,
        refusals: &[],
        check: |world| {
            let given: i64 = world.ids.budget.iter().map(|customer| world.has(*customer, CREDIT).0).sum();
            assert_eq!(given, enough(100));
        },
    },
    // S-38
    Contest {
        name: "every third purchase",
        attempt: |crm, ids, n| buy(crm, ids, "third", (Some(ids.third), None), n),
        wins: ALL,
        refusals: &[],
        check: |world| {
            let thirds = i64::try_from(ALL / 3).unwrap();
            assert_eq!(world.has(world.ids.third, Asset::Points), (50 * thirds, 0));
        },
    },
    // Row 13: the first purchase of a friend, of which there are many at once.
    Contest {
        name: "the reward for one friend",
        attempt: |crm, ids, n| buy(crm, ids, "friend", (Some(ids.referee), None), n),
        wins: ALL,
        refusals: &[],
        check: |world| assert_eq!(world.has(world.ids.referrer, CREDIT), (0, 1_000)),
    },
    Contest {
        name: "the rewards for many friends",
        attempt: |crm, ids, n| buy(crm, ids, "friends", (Some(ids.friends[n]), None), n),
        wins: ALL,
        refusals: &[],
        check: |world| assert_eq!(world.has(world.ids.champion, CREDIT), (0, enough(1_000))),
    },
    // Row 64
    Contest {
        name: "what takes two",
        attempt: |crm, ids, n| {
            let seen = ids.bonus.clone().ok_or_else(|| Error::Setup("no bonus".into()))?;
            let second = clerk(2 + u128::try_from(n).unwrap(), bonus::APPROVE);
            run(crm, &second, move |work| work.loyalty().approve_bonus(&seen).map(drop))
        },
        wins: 1,
        refusals: &["bonus.decided"],
        check: |world| assert_eq!(world.has(world.ids.credit, Asset::Points), (500, 0)),
    },
    // S-49: some close accounts that are empty, while others give something. Whoever is second is told, which is as good.
    Contest {
        name: "an account that is closed",
        attempt: |crm, ids, n| {
            let account: AccountId = ids.closing[n % PAIRS].into();
            let ended = run(crm, &Actor::system(), move |work| {
                let key = format!("closing {n}");
                if n < PAIRS {
                    work.loyalty().set_state(account, AccountState::Closed, "asked for", &key)
                } else {
                    work.loyalty().adjust(account, Asset::Points, 1, "asked for", &key).map(drop)
                }
            });
            if invalid(&ended, &["loyalty.closed", "loyalty.not_empty"]) { Ok(()) } else { ended }
        },
        wins: ALL,
        refusals: &[],
        check: |world| {
            for member in world.ids.closing.clone() {
                let account = world.read(move |work| work.loyalty().account(member.into()));
                let is_closed = account.state == AccountState::Closed;
                assert_eq!(is_closed, world.has(member, Asset::Points) == (0, 0), "closed is empty");
            }
        },
    },
    // S-37: chunks of a gift to a group, its budget kept.
    Contest {
        name: "a gift to a group",
        attempt: |crm, ids, _| {
            let grant = ids.grant;
            run(crm, &Actor::system(), move |work| work.loyalty().run_grant(grant, Limit::new(2)?).map(drop))
        },
        wins: ALL,
        refusals: &[],
        check: |world| {
            let id = world.ids.grant;
            let grant = world.read(move |work| work.loyalty().grant(id));
            assert_eq!((grant.state, grant.given, grant.given_units), (GrantState::Given, enough(1), enough(7)));
            let had = world.ids.friends.iter().filter(|friend| world.has(**friend, Asset::Points).0 == 7).count();
            assert_eq!(had, ENOUGH);
        },
    },
];
