//! The rules of tiers by themselves, against the plain model.

use crm_core::Result;
use crm_core::kernel::time::BusinessDay;
use crm_core::kernel::time::{CivilDate, Timestamp};
use crm_core::loyalty::tiers::{Cause, Change, Day, Days, Pin, Rules, Standing, Sums, TierLadder};
use crm_core::pricing::TierId;
use crm_loyalty::conformance::tier_histories::{Keeper, any_history, any_ladder, business_day, live};
use proptest::prelude::*;

/// Two standings, and every day that was counted for them.
struct InMemory {
    ladder: TierLadder,
    day: BusinessDay,
    standings: [Standing; 2],
    days: [Vec<Day>; 2],
    changes: [Vec<Change>; 2],
}

fn among(days: &[Day]) -> impl FnMut(Days) -> Result<Vec<Day>> + '_ {
    |asked| Ok(days.iter().filter(|day| asked.contains(day.on)).copied().collect())
}

impl InMemory {
    fn new(ladder: &TierLadder, now: Timestamp) -> Self {
        let day = business_day();
        let fresh = |n| Rules::new(ladder, &day).fresh(uuid(n).into(), now);
        let standings = [fresh(0), fresh(1)];
        Self {
            ladder: ladder.clone(),
            standings,
            days: [const { Vec::new() }; 2],
            changes: [const { Vec::new() }; 2],
            day,
        }
    }
}

fn uuid(n: u128) -> crm_core::reexport::Uuid {
    crm_core::reexport::Uuid::from_u128(n)
}

impl Keeper for InMemory {
    fn post(&mut self, member: usize, now: Timestamp, on: CivilDate, sums: Sums) {
        let rules = Rules::new(&self.ladder, &self.day);
        let (standing, days) = (&mut self.standings[member], &mut self.days[member]);
        let cause = if sums.takes_away() { Cause::Return } else { Cause::Purchase };
        let added = Day { on, sums };
        let changes = rules.count(standing, now, added, cause, &mut among(days)).unwrap();
        self.changes[member].extend(changes);
        days.push(added);
    }

    fn pin(&mut self, member: usize, now: Timestamp, pin: Option<Pin>) {
        self.review(member, now);
        let changes = Rules::new(&self.ladder, &self.day).pin(&mut self.standings[member], now, pin);
        self.changes[member].extend(changes);
    }

    fn review(&mut self, member: usize, now: Timestamp) {
        let rules = Rules::new(&self.ladder, &self.day);
        let days = &self.days[member];
        let changes = rules.settle(&mut self.standings[member], now, &mut among(days)).unwrap();
        self.changes[member].extend(changes);
    }

    fn join(&mut self, now: Timestamp) {
        self.review(0, now);
        let others = std::mem::take(&mut self.days[1]);
        self.days[0].extend(others);
        self.standings[0].last_on = self.standings[0].last_on.max(self.standings[1].last_on);
        let rules = Rules::new(&self.ladder, &self.day);
        let changes = rules.recount(&mut self.standings[0], now, false, &mut among(&self.days[0])).unwrap();
        self.changes[0].extend(changes);
    }

    fn standing(&mut self, member: usize, now: Timestamp) -> Standing {
        let mut standing = self.standings[member].clone();
        let rules = Rules::new(&self.ladder, &self.day);
        rules.settle(&mut standing, now, &mut among(&self.days[member])).unwrap();
        standing
    }

    fn history(&mut self, member: usize, now: Timestamp) -> Vec<(Timestamp, Option<TierId>)> {
        self.review(member, now);
        self.changes[member].iter().map(|change| (change.at, change.to)).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// T-12: whatever is bought, returned, dated back, pinned, reviewed early or late and merged, on whatever ladder, comes to
    /// what naive recomputation from full history says.
    #[test]
    fn rules_equal_the_model(ladder in any_ladder(), steps in any_history(40)) {
        let mut now: Timestamp = "2024-01-10T10:00:00Z".parse().unwrap();
        let joined = now;
        let mut keeper = InMemory::new(&ladder, now);
        live(&ladder, &steps, joined, &mut keeper, |hours| {
            now = now.checked_add_micros(i64::from(hours) * 3_600_000_000).unwrap();
            now
        });
    }

    /// S-16: where a purchase raises somebody is where they would be raised if it was paid unit by unit.
    #[test]
    fn a_purchase_raises_where_each_unit_would(ladder in any_ladder(), steps in any_history(12), money in 0..450_i64) {
        let mut now: Timestamp = "2024-01-10T10:00:00Z".parse().unwrap();
        let mut keeper = InMemory::new(&ladder, now);
        live(&ladder, &steps, now, &mut keeper, |hours| {
            now = now.checked_add_micros(i64::from(hours) * 3_600_000_000).unwrap();
            now
        });
        let standing = keeper.standing(0, now);
        let (rules, on) = (Rules::new(&ladder, &keeper.day), keeper.day.date_of(now));
        let mut tier = standing.tier_id;
        let mut expected = Vec::new();
        for amount in 0..money {
            let mut then = standing.clone();
            let paid = Day { on, sums: Sums { amount, count: 0, points: 0 } };
            rules.count(&mut then, now, paid, Cause::Purchase, &mut among(&keeper.days[0])).unwrap();
            if then.tier_id != tier {
                expected.push((amount, then.tier_id));
                tier = then.tier_id;
            }
        }
        let raised = rules.raised_by(&standing, now, (on, money), &mut among(&keeper.days[0])).unwrap();
        // Before the first unit nothing is raised by the purchase.
        expected.retain(|(after, _)| *after > 0);
        prop_assert_eq!(raised, expected);
    }
}
