//! Random histories of two members on a random ladder, lived by whatever keeps tiers and by the plain model (T-12).

use crm_core::kernel::calendar::{Calendar, Span, Unit};
use crm_core::kernel::time::{BusinessDay, CivilDate, TimeOfDay, Timestamp, Zone};
use crm_core::loyalty::tiers::{
    Anniversary, Downgrade, Need, Pin, PinKind, Standing, Sums, TierLadder, TierTerms, Validity, Window,
};
use crm_core::pricing::TierId;
use crm_core::reexport::Uuid;
use proptest::prelude::*;

use super::tier_model::TierModel;

/// Something happens so many hours after what happened before.
#[derive(Debug, Clone)]
pub struct Step {
    pub(super) hours: u32,
    pub(super) what: What,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    Buy { member: usize, days_ago: i32, amount: i64, points: i64 },
    Return { purchase: usize, percent: i64 },
    Pin { member: usize, step: usize, at_least: bool, hours: Option<u32> },
    Unpin { member: usize },
    Review { member: usize },
    Join,
}

/// What keeps tiers: two members, 0 and 1.
pub trait Keeper {
    /// Counts something.
    fn post(&mut self, member: usize, now: Timestamp, on: CivilDate, sums: Sums);
    /// Sets a pin or takes it off.
    fn pin(&mut self, member: usize, now: Timestamp, pin: Option<Pin>);
    /// Does what is due.
    fn review(&mut self, member: usize, now: Timestamp);
    /// Makes one of both: 0 survives.
    fn join(&mut self, now: Timestamp);
    /// Where a member stands now, what is due done.
    fn standing(&mut self, member: usize, now: Timestamp) -> Standing;
    /// Every tier that was shown, with the instant from which on, after a review.
    fn history(&mut self, member: usize, now: Timestamp) -> Vec<(Timestamp, Option<TierId>)>;
}

/// Any ladder of three tiers, the lowest perhaps for everybody.
pub fn any_ladder() -> impl Strategy<Value = TierLadder> {
    let calendar = || prop::sample::select(&Calendar::ALL[..]);
    let unit = prop::sample::select(vec![Unit::Year, Unit::Quarter, Unit::Month]);
    let of = prop::sample::select(Anniversary::ALL);
    let window = prop_oneof![
        1 => Just(Window::Lifetime),
        2 => (1..90_i32).prop_map(|days| Window::Rolling { span: Span::Days(days), calendar: Calendar::Gregorian }),
        2 => (1..6_i32, calendar())
            .prop_map(|(months, calendar)| Window::Rolling { span: Span::Months(months), calendar }),
        3 => (unit, calendar()).prop_map(|(unit, calendar)| Window::Period { unit, calendar }),
        3 => (of, 1..13_u16, calendar())
            .prop_map(|(of, months, calendar)| Window::Anniversary { of, months, calendar }),
    ];
    let downgrade = prop::sample::select(Downgrade::ALL);
    let valid = prop::sample::select(Validity::ALL);
    let needs = (any::<bool>(), any::<bool>(), any::<bool>());
    (window, downgrade, valid, 0..27_u16, 0..40_u16, needs, any::<u128>()).prop_map(
        |(window, downgrade, valid, grace_days, take_back_days, (free, any, points), seed)| {
            let id = |n: u128| Uuid::from_u128(seed.wrapping_add(n));
            let low = if free { Need::nothing() } else { Need::amount(100) };
            let tiers = [
                TierTerms::new(id(1).into(), "low", low),
                TierTerms::new(id(2).into(), "middle", Need { count: Some(4), any, ..Need::amount(250) }),
                TierTerms::new(id(3).into(), "high", Need { points: points.then_some(40), ..Need::amount(400) }),
            ];
            let mut ladder = TierLadder::new(id(4).into(), format!("ladder {seed}"), window, tiers);
            ladder.downgrade = match (window, downgrade) {
                (Window::Lifetime, Downgrade::OneStep) => Downgrade::ToQualified,
                (_, downgrade) => downgrade,
            };
            ladder.grace_days = match window {
                Window::Rolling { span: Span::Days(days), .. } => grace_days.min(u16::try_from(days - 1).unwrap()),
                _ => grace_days,
            };
            // A count of 4 does not make the middle tier easier than the lowest with `any`.
            if any && !free {
                ladder.tiers[0].need = Need { count: Some(2), any: true, ..Need::amount(100) };
            }
            (ladder.valid, ladder.take_back_days) = (valid, take_back_days);
            ladder
        },
    )
}

/// Any history of so many steps.
pub fn any_history(steps: usize) -> impl Strategy<Value = Vec<Step>> {
    let member = || 0..2_usize;
    let buy = (member(), prop_oneof![2 => Just(0), 1 => 0..120_i32], 1..200_i64, 0..20_i64)
        .prop_map(|(member, days_ago, amount, points)| What::Buy { member, days_ago, amount, points });
    let pin = (member(), 0..4_usize, any::<bool>(), prop::option::of(1..2_000_u32))
        .prop_map(|(member, step, at_least, hours)| What::Pin { member, step, at_least, hours });
    let what = prop_oneof![
        8 => buy,
        4 => (any::<usize>(), 1..101_i64).prop_map(|(purchase, percent)| What::Return { purchase, percent }),
        1 => pin,
        1 => member().prop_map(|member| What::Unpin { member }),
        2 => member().prop_map(|member| What::Review { member }),
        1 => Just(What::Join),
    ];
    let hours = prop_oneof![2 => Just(0_u32), 4 => 0..72_u32, 3 => 72..1_000_u32, 1 => 1_000..12_000_u32];
    prop::collection::vec((hours, what).prop_map(|(hours, what)| Step { hours, what }), 1..steps)
}

/// The business days of the programme in histories.
pub fn business_day() -> BusinessDay {
    BusinessDay::new(Zone::new("Asia/Tehran").unwrap(), TimeOfDay::new(4, 0).unwrap())
}

/// What was bought, and what of it has not come back.
struct Bought {
    member: usize,
    on: CivilDate,
    left: Sums,
}

/// Lives a history, and fails where the keeper and the model differ. `advance` moves the clock on, and says the time.
pub fn live(
    ladder: &TierLadder,
    steps: &[Step],
    joined_at: Timestamp,
    keeper: &mut dyn Keeper,
    mut advance: impl FnMut(u32) -> Timestamp,
) {
    assert_eq!(ladder.faults(), []);
    let day = business_day();
    let mut models = [0, 1].map(|_| TierModel::new(ladder.clone(), day.clone(), joined_at));
    let mut bought = Vec::<Bought>::new();
    let (mut joined, mut now) = (false, joined_at);
    for step in steps {
        now = advance(step.hours);
        for model in &mut models {
            model.pass(now);
        }
        let who = |member: usize| if joined { 0 } else { member };
        match &step.what {
            What::Buy { member, days_ago, amount, points } => {
                let (member, on) = (who(*member), day.date_of(now).add_days(-days_ago).unwrap());
                let left = Sums { amount: *amount, count: 1, points: *points };
                bought.push(Bought { member, on, left });
                keeper.post(member, now, on, left);
                models[member].post(now, on, left);
            }
            What::Return { purchase, percent } if !bought.is_empty() => {
                let at = purchase % bought.len();
                let purchase = &mut bought[at];
                let left = purchase.left;
                let part = |all: i64| -(all * percent / 100);
                let back = Sums { amount: part(left.amount), count: part(left.count), points: part(left.points) };
                if back != Sums::ZERO {
                    purchase.left = left.plus(back);
                    keeper.post(who(purchase.member), now, purchase.on, back);
                    models[who(purchase.member)].post(now, purchase.on, back);
                }
            }
            What::Pin { member, step, at_least, hours } => {
                let kind = if *at_least { PinKind::AtLeast } else { PinKind::Exactly };
                let later = |hours: u32| now.checked_add_micros(i64::from(hours) * 3_600_000_000).unwrap();
                let until = hours.map(later);
                let pin = Pin { tier: ladder.tier(*step).map(|tier| tier.id), kind, until, reason: "test".into() };
                keeper.pin(who(*member), now, Some(pin));
                models[who(*member)].pin(now, Some((*step, *at_least, until)));
            }
            What::Unpin { member } => {
                keeper.pin(who(*member), now, None);
                models[who(*member)].pin(now, None);
            }
            What::Review { member } => keeper.review(who(*member), now),
            What::Join if !joined => {
                joined = true;
                keeper.join(now);
                let [survivor, other] = &mut models;
                survivor.join(now, other);
            }
            What::Return { .. } | What::Join => {}
        }
        for (member, model) in models.iter().enumerate().take(if joined { 1 } else { 2 }) {
            let standing = keeper.standing(member, now);
            let said = (ladder.step_of(standing.tier_id), standing.valid_through);
            assert_eq!(said, (model.shown(), model.valid), "member {member} after {step:?} at {now}");
        }
    }
    let told = keeper.history(0, now);
    let told: Vec<_> = told.into_iter().map(|(at, tier)| (at, ladder.step_of(tier))).collect();
    assert_eq!(told, models[0].history[1..], "the history of the survivor");
}
