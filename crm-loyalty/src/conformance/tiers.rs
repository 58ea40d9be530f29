//! Tiers: counted exactly, reached at once, lost when reviewed, known to prices.

use std::time::Duration;

use crm_core::access::{Actor, Principal, Region};
use crm_core::conformance::{Bench, Factory};
use crm_core::customers::NewCustomer;
use crm_core::journal::{JournalEntry, JournalQuery};
use crm_core::kernel::calendar::{Calendar, Span, Unit};
use crm_core::kernel::page::Limit;
use crm_core::kernel::rate::Rate;
use crm_core::kernel::time::{CivilDate, Clock, TimeOfDay, Timestamp, Zone};
use crm_core::loyalty::ledger::{Account, AccountId};
use crm_core::loyalty::programme::Programme;
use crm_core::loyalty::tiers::event::{TIER_ENDING, TIER_LOWERED, TIER_REACHED};
use crm_core::loyalty::tiers::{
    Cause, LadderId, Need, Pin, PinKind, Rules, Standing, Sums, TierLadder, TierTerms, Validity, Window, tier_change,
};
use crm_core::pricing::{Adjustment, Assortment, Audience, Cart, NewRule, QuoteRequest, RuleTerms, Stage, TierId};
use crm_core::purchases::{ByQuote, NewPurchase, NewTender, Recorded};
use crm_core::reexport::Uuid;
use crm_core::work::{Json, Version};
use crm_core::{ErrorKind, Result};
use proptest::test_runner::{Config, TestRunner};

use super::open;
use super::tier_histories::{Keeper, Step, What, any_history, any_ladder, business_day, live};
use crate::WorkLoyalty;
use crate::programme::NewVersion;
use crate::tiers::{self, Posting, TierView};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn tier(n: u128) -> TierId {
    Uuid::from_u128(n).into()
}

const LADDER: u128 = 100;
const SILVER: u128 = 1;
const GOLD: u128 = 2;
const BLACK: u128 = 3;

fn ladder() -> LadderId {
    Uuid::from_u128(LADDER).into()
}

/// Silver from 100, gold from 250 or four purchases, black from 400, by the Gregorian year.
fn terms() -> TierLadder {
    let window = Window::Period { unit: Unit::Year, calendar: Calendar::Gregorian };
    let gold = Need { count: Some(4), any: true, ..Need::amount(250) };
    let tiers = [
        TierTerms::new(tier(SILVER), "silver", Need::amount(100)),
        TierTerms::new(tier(GOLD), "gold", gold),
        TierTerms::new(tier(BLACK), "black", Need::amount(400)),
    ];
    TierLadder::new(ladder(), "club", window, tiers)
}

fn save(bench: &Bench, ladders: &[TierLadder]) -> Programme {
    let zone = Zone::new("Asia/Tehran").unwrap();
    let programme = Programme { tiers: ladders.to_vec(), ..Programme::new("Club", zone) };
    let programme = Programme { cutoff: TimeOfDay::new(4, 0).unwrap(), ..programme };
    let new = NewVersion::now(programme.clone());
    bench.run(move |work| work.loyalty().save_programme(new.clone()).map(drop)).unwrap();
    programme
}

fn member(bench: &Bench) -> AccountId {
    bench.customer(NewCustomer::person("Ala Kot")).id.into()
}

fn count(bench: &Bench, programme: &Programme, account: AccountId, on: CivilDate, sums: Sums) -> Result<()> {
    let programme = programme.clone();
    bench.run(move |work| {
        let account = work.lock::<Account>(account)?;
        let cause = if sums.takes_away() { Cause::Return } else { Cause::Purchase };
        tiers::post(work, &programme, &account, &Posting { on, sums, cause, cause_ref: None })
    })
}

fn today(bench: &Bench) -> CivilDate {
    business_day().date_of(bench.clock.now())
}

/// Buys once for so much today.
fn buy(bench: &Bench, programme: &Programme, account: AccountId, amount: i64) {
    count(bench, programme, account, today(bench), Sums { amount, count: 1, points: 0 }).unwrap();
}

fn view(bench: &Bench, account: AccountId) -> TierView {
    bench.read(move |work| work.loyalty().tiers(account)).unwrap().remove(0)
}

fn told(bench: &Bench, kind: &str) -> Vec<JournalEntry> {
    let query = JournalQuery { kinds: vec![kind.to_owned()], ..JournalQuery::default() };
    bench.read(move |work| work.journal().page(&query, Limit::MAX, None)).unwrap().items
}

/// Two members in a store.
struct Stored<'b> {
    bench: &'b Bench,
    programme: Programme,
    members: [AccountId; 2],
}

impl Keeper for Stored<'_> {
    fn post(&mut self, member: usize, _: Timestamp, on: CivilDate, sums: Sums) {
        count(self.bench, &self.programme, self.members[member], on, sums).unwrap();
    }

    fn pin(&mut self, member: usize, now: Timestamp, pin: Option<Pin>) {
        let (account, ladder, key) = (
            self.members[member],
            self.programme.tiers[0].id,
            format!("{ladder} {member} {now} {pin:?}", ladder = self.programme.tiers[0].id),
        );
        let pinned = self.bench.run(move |work| match pin.clone() {
            Some(pin) => work.loyalty().pin_tier(account, ladder, pin, &key),
            None => work.loyalty().unpin_tier(account, ladder, &key),
        });
        // There may be nothing to take off.
        if let Err(error) = pinned {
            assert_eq!(error.to_string(), "pin: pin.none");
        }
    }

    fn review(&mut self, member: usize, _: Timestamp) {
        let account = self.members[member];
        self.bench.run(move |work| work.loyalty().review_tiers(account)).unwrap();
        let again = self.bench.run(move |work| work.loyalty().review_tiers(account)).unwrap();
        assert_eq!(again, 0, "a second review finds nothing to do");
    }

    fn join(&mut self, _: Timestamp) {
        let (programme, [survivor, other]) = (self.programme.clone(), self.members);
        let joined = self.bench.run(move |work| {
            let (survivor, other) = (work.lock::<Account>(survivor)?, work.lock::<Account>(other)?);
            tiers::join(work, &programme, &survivor, &other)
        });
        joined.unwrap();
    }

    fn standing(&mut self, member: usize, now: Timestamp) -> Standing {
        let (account, ladder) = (self.members[member], self.programme.tiers[0].clone());
        let view = view(self.bench, account);
        // As somebody sees it who looks only at the row.
        let standing = self.bench.read(move |work| work.find::<Standing>(&(account, ladder.id))).unwrap();
        let standing =
            standing.unwrap_or_else(|| Rules::new(&self.programme.tiers[0], &business_day()).fresh(account, now));
        Standing { tier_id: view.tier, valid_through: view.valid_through.unwrap_or(CivilDate::MAX), ..standing }
    }

    fn history(&mut self, member: usize, now: Timestamp) -> Vec<(Timestamp, Option<TierId>)> {
        self.review(member, now);
        let (account, ladder) = (self.members[member], self.programme.tiers[0].id);
        let of = tier_change::account_id.eq(account).and(tier_change::ladder_id.eq(ladder));
        let changes = self.bench.read(move |work| work.select(of.clone()).all()).unwrap();
        changes.into_iter().map(|change| (change.from_at, change.tier_id)).collect()
    }
}

/// T-12: for random histories with returns, back-dating, pins, late reviews and merges, on ladders with all windows and
/// calendars, what is stored is what naive recomputation from full history says.
pub fn equal_the_model(factory: Factory<'_>) {
    let bench = open(factory);
    let config = Config { cases: 12, failure_persistence: None, max_shrink_iters: 100, ..Config::default() };
    let lived = TestRunner::new(config).run(&(any_ladder(), any_history(30)), |(mut ladder, steps)| {
        // Another ladder for each history, whatever is shrunk.
        ladder.id = bench.run(|work| Ok(work.new_id())).unwrap();
        keep(&bench, &ladder, &steps);
        Ok(())
    });
    lived.unwrap();
    bench.verify();
}

/// Lives a history in the store.
fn keep(bench: &Bench, ladder: &TierLadder, steps: &[Step]) {
    let joined_at = bench.clock.now();
    let programme = save(bench, std::slice::from_ref(ladder));
    let members = [member(bench), member(bench)];
    live(ladder, steps, joined_at, &mut Stored { bench, programme, members }, |hours| {
        bench.clock.advance(Duration::from_secs(u64::from(hours) * 3600));
        bench.clock.now()
    });
}

/// S-44, S-51: what two have together is reached when they become one, not when a pin of the survivor was over before.
pub fn a_pin_that_was_over_does_not_date_back_what_a_merge_gives(factory: Factory<'_>) {
    let bench = open(factory);
    let steps = [
        Step { hours: 0, what: What::Pin { member: 0, step: 0, at_least: false, hours: Some(10) } },
        Step { hours: 1, what: What::Buy { member: 1, days_ago: 0, amount: 150, points: 0 } },
        Step { hours: 24, what: What::Join },
        Step { hours: 24, what: What::Review { member: 0 } },
    ];
    keep(&bench, &terms(), &steps);
    bench.verify();
}

/// S-51: whatever was jumped, one event; the tier at any instant is known; S-18: a purchase of last year promotes at once.
pub fn are_reached_at_once_and_told_once(factory: Factory<'_>) {
    let bench = open(factory);
    let programme = save(&bench, &[terms()]);
    let ala = member(&bench);
    let begin = bench.clock.now();
    assert_eq!(view(&bench, ala).tier, None);
    bench.clock.advance(DAY);
    buy(&bench, &programme, ala, 99);
    let seen = view(&bench, ala);
    let missing = seen.progress.next.unwrap();
    assert_eq!((seen.tier, missing.tier, missing.amount), (None, tier(SILVER), Some(1)));
    bench.clock.advance(DAY);
    buy(&bench, &programme, ala, 400);
    let promoted_at = bench.clock.now();
    let seen = view(&bench, ala);
    assert_eq!((seen.tier, seen.since), (Some(tier(BLACK)), promoted_at));
    assert_eq!(seen.valid_through, Some(CivilDate::new(2026, 12, 31).unwrap()), "to the end of the next year");
    assert_eq!((seen.progress.next, seen.progress.sums.amount), (None, 499));
    let black = bench.read(|work| work.loyalty().tier_members(ladder(), tier(BLACK), Limit::default(), None)).unwrap();
    assert_eq!(black.items.iter().map(|account| account.id).collect::<Vec<_>>(), [ala]);
    let events = told(&bench, TIER_REACHED);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].payload.0["to"], serde_json::json!(tier(BLACK)));
    assert_eq!(events[0].customer_id.map(AccountId::from), Some(ala));
    let at = |at: Timestamp| bench.read(move |work| work.loyalty().tier_at(ala, ladder(), at)).unwrap();
    let before = promoted_at.checked_add_micros(-1).unwrap();
    assert_eq!([begin, before, promoted_at].map(at), [None, None, Some(tier(BLACK))]);

    // A purchase of last year is recorded now, and is enough for gold until the end of this one.
    let ola = member(&bench);
    let last_year = CivilDate::new(2024, 12, 31).unwrap();
    count(&bench, &programme, ola, last_year, Sums { amount: 300, count: 1, points: 0 }).unwrap();
    let seen = view(&bench, ola);
    assert_eq!((seen.tier, seen.valid_through), (Some(tier(GOLD)), Some(CivilDate::new(2025, 12, 31).unwrap())));
    assert_eq!(seen.progress.sums, Sums::ZERO, "nothing in this year's window");
    let keep = seen.progress.keep.unwrap();
    assert_eq!((keep.tier, keep.amount, keep.count, keep.any), (tier(GOLD), Some(250), Some(4), true));

    let history = |limit: u32, after: Option<crm_core::kernel::page::Cursor>| {
        let page =
            bench.read(move |work| work.loyalty().tier_history(ala, ladder(), Limit::new(limit)?, after.as_ref()));
        page.unwrap()
    };
    bench.clock.set("2027-06-01T12:00:00Z".parse().unwrap());
    bench.run(move |work| work.loyalty().review_tiers(ala)).unwrap();
    let new_year = business_day().start(CivilDate::new(2027, 1, 1).unwrap());
    let all = history(10, None).items;
    assert_eq!((all.len(), all[0].from, all[0].until, all[0].tier), (2, new_year, None, None));
    assert_eq!((all[1].from, all[1].until, all[1].tier), (promoted_at, Some(new_year), Some(tier(BLACK))));
    assert_eq!((all[0].cause, all[1].cause), (Cause::Review, Cause::Purchase));
    let first = history(1, None);
    assert_eq!([first.items, history(1, first.next).items].concat(), all, "page by page");
    assert_eq!(told(&bench, TIER_LOWERED).len(), 1);
    bench.verify();
}

/// S-18: reviews may be late, repeated, or left to the next purchase; it comes to the same.
pub fn are_reviewed_late_or_twice(factory: Factory<'_>) {
    let bench = open(factory);
    let month = Window::Period { unit: Unit::Month, calendar: Calendar::Jalali };
    let ladder = TierLadder { window: month, grace_days: 5, notice_days: 3, valid: Validity::Period, ..terms() };
    let programme = save(&bench, &[ladder]);
    // 1 Farvardin is the day on which the clock stands.
    let members: [AccountId; 3] = std::array::from_fn(|_| member(&bench));
    for one in members {
        buy(&bench, &programme, one, 250);
    }
    let end = Calendar::Jalali.date(1404, 1, 31).unwrap();
    let day = business_day();
    let review_at = day.start(end.add_days(6).unwrap());
    let [punctual, late, buying] = members;
    let review = |one| bench.run(move |work| work.loyalty().review_tiers(one)).unwrap();
    assert_eq!(review(punctual), 0);
    assert_eq!(told(&bench, TIER_ENDING).len(), 0);
    bench.clock.set(day.start(end.add_days(3).unwrap()));
    assert_eq!([review(punctual), review(punctual)], [0, 0]);
    assert_eq!(told(&bench, TIER_ENDING).len(), 1, "told once");
    assert_eq!(told(&bench, TIER_ENDING)[0].payload.0["kept_through"], serde_json::json!(end.add_days(5).unwrap()));
    bench.clock.set(review_at.checked_add_micros(-1).unwrap());
    assert_eq!(
        (review(punctual), view(&bench, punctual).tier),
        (0, Some(tier(GOLD))),
        "kept through the days of grace"
    );
    bench.clock.set(review_at);
    assert_eq!(view(&bench, late).tier, None, "seen as reviewed, before it is");
    assert_eq!([review(punctual), review(punctual)], [1, 0]);
    bench.clock.advance(DAY * 100);
    buy(&bench, &programme, buying, 1);
    let next = || bench.run(|work| work.loyalty().review_next_tiers(Limit::new(1)?)).unwrap();
    assert_eq!([next(), next()], [1, 0], "only one is left");
    assert_eq!(review(late), 0);
    for one in members {
        let page = bench.read(move |work| work.loyalty().tier_history(one, self::ladder(), Limit::default(), None));
        assert_eq!(page.unwrap().items[0].from, review_at);
    }
    bench.verify();
}

/// S-19: by hand, exactly or at least, with an end; and a return within its days takes a promotion back at once.
pub fn are_pinned_and_taken_back(factory: Factory<'_>) {
    let bench = open(factory);
    let programme = save(&bench, &[TierLadder { take_back_days: 14, ..terms() }]);
    let ala = member(&bench);
    let until = bench.clock.now().checked_add(DAY * 10).unwrap();
    let pin = Pin { tier: Some(tier(GOLD)), kind: PinKind::AtLeast, until: Some(until), reason: "A friend".into() };
    let pinned = pin.clone();
    bench.run(move |work| work.loyalty().pin_tier(ala, ladder(), pinned.clone(), "pin")).unwrap();
    assert_eq!((view(&bench, ala).tier, view(&bench, ala).earned), (Some(tier(GOLD)), None));
    buy(&bench, &programme, ala, 450);
    assert_eq!(view(&bench, ala).tier, Some(tier(BLACK)), "a higher one may be earned");
    let bought_on = today(&bench);
    bench.clock.advance(DAY * 2);
    count(&bench, &programme, ala, bought_on, Sums { amount: -350, count: 0, points: 0 }).unwrap();
    let seen = view(&bench, ala);
    assert_eq!((seen.tier, seen.earned), (Some(tier(GOLD)), Some(tier(SILVER))), "taken back to what is left");
    bench.clock.set(until);
    assert_eq!(view(&bench, ala).tier, Some(tier(SILVER)), "the pin is over");
    let too_much = count(&bench, &programme, ala, bought_on, Sums { amount: -101, count: 0, points: 0 });
    assert_eq!(too_much.unwrap_err().to_string(), "tiers: tiers.not_counted");
    for (pin, code) in [
        (Pin { tier: Some(tier(77)), ..pin.clone() }, "pin.tier"),
        (Pin { reason: " ".into(), until: None, ..pin.clone() }, "text.required"),
        (pin.clone(), "pin.until"),
    ] {
        let pin = Pin { until: if code == "pin.until" { pin.until } else { None }, ..pin };
        let refused = bench.run(move |work| work.loyalty().pin_tier(ala, ladder(), pin.clone(), code));
        assert!(refused.unwrap_err().to_string().ends_with(code), "{code}");
    }
    let clerk = Actor::new(Principal::Anonymous).granted(tiers::READ, Region::customer(Uuid::max().into()));
    let hidden = bench.run_as(&clerk, move |work| work.loyalty().tiers(ala));
    assert_eq!(hidden.unwrap_err().kind(), ErrorKind::NotFound, "out of reach");
    let refused = bench.run_as(&clerk, move |work| work.loyalty().unpin_tier(ala, ladder(), "unpin"));
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Denied);
    bench.verify();
}

/// S-44, T-13: two become one with what both have counted, never lower than before, and two again as they were.
pub fn are_joined_and_parted(factory: Factory<'_>) {
    let bench = open(factory);
    let rolling = Window::Rolling { span: Span::Days(30), calendar: Calendar::Gregorian };
    let other_id = Uuid::from_u128(LADDER + 1).into();
    let mut second = TierLadder { id: other_id, window: rolling, ..terms() };
    second.tiers.iter_mut().zip(50..).for_each(|(tier, n)| tier.id = self::tier(n));
    let programme = save(&bench, &[terms(), second]);
    let (ala, ola) = (member(&bench), member(&bench));
    buy(&bench, &programme, ala, 150);
    bench.clock.advance(DAY);
    buy(&bench, &programme, ola, 120);
    buy(&bench, &programme, ala, 20);
    let standings = |one: AccountId| {
        let found = bench.read(move |work| work.get_many::<Standing>(&[(one, ladder()), (one, other_id)]));
        let plain = |found: Standing| Standing { version: Version::FIRST, windows: Json(Vec::new()), ..found };
        found.unwrap().into_iter().map(|found| found.map(plain)).collect::<Vec<_>>()
    };
    let before = (standings(ala), standings(ola));
    let (terms, parting) = (programme.clone(), programme.clone());
    let joined = bench.run(move |work| {
        let (survivor, other) = (work.lock::<Account>(ala)?, work.lock::<Account>(ola)?);
        tiers::join(work, &terms, &survivor, &other)
    });
    let joined = joined.unwrap();
    assert_eq!(view(&bench, ala).tier, Some(tier(GOLD)));
    assert_eq!(view(&bench, ala).progress.sums, Sums { amount: 290, count: 3, points: 0 });
    assert_eq!(standings(ola), [None, None]);
    bench.verify();
    bench
        .run(move |work| {
            let survivor = work.lock::<Account>(ala)?;
            tiers::part(work, &parting, &survivor, &joined)
        })
        .unwrap();
    let after = (standings(ala), standings(ola));
    let shown = |of: &Vec<Option<Standing>>| of.iter().flatten().map(|one| one.tier_id).collect::<Vec<_>>();
    assert_eq!(shown(&after.0), shown(&before.0));
    assert_eq!(after.1, before.1);
    let counted = |of: &Vec<Option<Standing>>| of.iter().flatten().map(|one| one.amount_minor).collect::<Vec<_>>();
    assert_eq!(counted(&after.0), counted(&before.0));
    assert_eq!(view(&bench, ala).progress.sums, Sums { amount: 170, count: 2, points: 0 });
    bench.verify();
}

/// C63: quotes and purchases at their price know the tier of the customer: the one before what is bought (S-16).
pub fn are_known_to_prices(factory: Factory<'_>) {
    let bench = open(factory);
    let programme = save(&bench, &[terms()]);
    let branch = bench.branch("Warszawa").id;
    let tea = bench.goods("tea", 1_000).id;
    bench.run(move |work| work.catalog().receive(tea, branch, 100).map(drop)).unwrap();
    let tenth = Adjustment::Percent(Rate::percent(10));
    let for_gold = Audience { tiers: vec![tier(GOLD)], ..Audience::default() };
    let rule = RuleTerms::new("gold", Stage::Group, Assortment::Everything, tenth).for_whom(for_gold);
    bench.run(move |work| work.pricing().save_rule(NewRule::now(rule.clone())).map(drop)).unwrap();
    let ala = bench.customer(NewCustomer::person("Ala Kot")).id;
    let asks = move |at| QuoteRequest { branch, customer: Some(ala), at, cart: Cart::of([(tea, 1)]) };
    let quote = |at| bench.read(move |work| work.pricing().quote(&asks(at))).unwrap();
    let first = quote(None);
    assert_eq!(first.total_minor, 1_000);
    let before = bench.clock.now();
    bench.clock.advance(DAY);
    buy(&bench, &programme, ala.into(), 250);
    assert_eq!((quote(None).total_minor, quote(Some(before)).total_minor), (900, 1_000), "as it was at that time");
    let context = bench.read(move |work| work.pricing().context(&asks(None))).unwrap();
    assert_eq!(context.tiers, [tier(GOLD)], "what previews begin with");
    let record = |digest_of: crm_core::pricing::Quote, receipt: &'static str| {
        bench.run(move |work| {
            let new = NewPurchase::quoted(&asks(None), receipt, [NewTender::cash_rest()]);
            work.purchases().record_quoted(&new, &ByQuote::of(&asks(None), &digest_of), receipt)
        })
    };
    let Recorded::Changed(now) = record(first, "1").unwrap() else { panic!("it is cheaper now") };
    assert_eq!(now.total_minor, 900);
    assert!(matches!(record(*now, "2").unwrap(), Recorded::Done(_)));
    // A year later nobody has reviewed it, and it is over all the same.
    bench.clock.set("2027-01-02T12:00:00Z".parse().unwrap());
    assert_eq!(quote(None).total_minor, 1_000);
    // A cashier who may ask for prices needs no grant for tiers.
    let till = Actor::new(Principal::Anonymous).granted(crm_core::pricing::READ, Region::all());
    assert!(bench.run_as(&till, move |work| work.pricing().quote(&asks(None))).is_ok());
}

/// N-2, S-18: one history, and the calendar of the ladder is switched while it runs: each time what counts is what was bought
/// in the year of that calendar, and in the end it is as it was.
pub fn are_counted_in_the_calendar_in_force(factory: Factory<'_>) {
    let bench = open(factory);
    let ala = member(&bench);
    let ladder = |calendar| TierLadder { window: Window::Period { unit: Unit::Year, calendar }, ..terms() };
    let programme = save(&bench, &[ladder(Calendar::Gregorian)]);
    let last = today(&bench);
    // Every eleven days for two years: so much that each day is told apart from any sum of others nearby.
    let history: Vec<_> = (0..66).map(|n| (last.add_days(-11 * n).unwrap(), i64::from(n * n + 1))).collect();
    for (on, amount) in history.iter().rev() {
        count(&bench, &programme, ala, *on, Sums { amount: *amount, count: 1, points: 0 }).unwrap();
    }
    let (gregorian, jalali) = (Calendar::Gregorian, Calendar::Jalali);
    let calendars = [gregorian, jalali, Calendar::HijriUmmAlQura, Calendar::HijriTabular, gregorian];
    let sums = calendars.map(|calendar| {
        save(&bench, &[ladder(calendar)]);
        let since = calendar.start_of(last, Unit::Year);
        let bought: i64 = history.iter().filter(|(on, _)| *on >= since).map(|(_, amount)| amount).sum();
        let sums = view(&bench, ala).progress.sums.amount;
        assert_eq!(sums, bought, "{calendar:?}");
        bench.verify();
        sums
    });
    assert!(sums[0] == sums[4] && sums[0] != sums[1] && sums[1] != sums[2], "{sums:?}");
}
