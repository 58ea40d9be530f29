//! Loyal customers: the list is what naive sums say, page by page, for whoever may see whom.

use crm_core::access::{Actor, Principal, Region};
use crm_core::conformance::{Bench, Factory};
use crm_core::customers::NewCustomer;
use crm_core::kernel::page::Limit;
use crm_core::kernel::time::CivilDate;
use crm_core::loyalty::ledger::AccountId;
use crm_core::loyalty::loyal::{Bounds, Figures, Scores};
use crm_core::loyalty::tiers::{QualifyingDay, Sums};
use crm_core::reexport::Uuid;

use super::open;
use crate::WorkLoyalty;
use crate::loyal::{self, LoyalCustomer, LoyalQuery};

fn day(n: i32) -> CivilDate {
    CivilDate::new(2025, 1, 1).unwrap().add_days(n).unwrap()
}

/// So many members; the n-th has bought on n of the days, for n each time.
fn members(bench: &Bench, count: u16) -> Vec<AccountId> {
    let mut members: Vec<AccountId> =
        (0..count).map(|_| bench.customer(NewCustomer::person("Ala")).id.into()).collect();
    members.sort_unstable();
    for (account_id, n) in members.iter().copied().zip(1..) {
        let bought = (0..n).map(|on| {
            let amount_minor = i64::from(n);
            QualifyingDay { account_id, business_date: day(on * 2), amount_minor, purchases: 1, points: 0 }
        });
        let bought: Vec<QualifyingDay> = bought.collect();
        bench.run(move |work| work.insert_all(&bought)).unwrap();
    }
    members
}

fn all(bench: &Bench, actor: &Actor, query: &LoyalQuery, limit: u32) -> Vec<LoyalCustomer> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let (query, cursor) = (query.clone(), after.clone());
        let page = bench
            .run_as(actor, move |work| work.loyalty().loyal_customers(&query, Limit::new(limit)?, cursor.as_ref()));
        let page = page.unwrap();
        assert!(page.items.len() <= usize::try_from(limit).unwrap());
        found.extend(page.items);
        after = page.next;
        if after.is_none() {
            return found;
        }
    }
}

/// C89: figures are those of the period, scores those of the bounds, and every page size comes to the same list.
pub fn are_listed_by_their_scores(factory: Factory<'_>) {
    let bench = open(factory);
    // 1 to 60 days each: more days than one page of them has.
    let members = members(&bench, 60);
    let (from, through) = (day(10), day(200));
    let (bounds, count) = bench.read(move |work| work.loyalty().loyal_bounds(from, through, 5)).unwrap();
    assert_eq!(count, 55, "the first five have bought before that");
    let mut query = LoyalQuery { from, through, bounds, at_least: Scores::LOWEST };
    let system = Actor::system();
    let everybody = all(&bench, &system, &query, 1000);
    let expected: Vec<_> = members.iter().zip(1_i32..).skip(5).collect();
    assert_eq!(everybody.len(), expected.len());
    for (found, (account, n)) in everybody.iter().zip(expected) {
        let mut figures = Figures::default();
        for on in (0..n).map(|on| day(on * 2)).filter(|on| (from..=through).contains(on)) {
            figures.add(on, Sums { amount: n.into(), count: 1, points: 0 });
        }
        assert_eq!((found.account, found.figures), (*account, figures));
    }
    for score in 1..=5 {
        let frequent = everybody.iter().filter(|one| one.scores.frequency == score).count();
        assert_eq!(frequent, 11, "as many in each score");
    }
    for limit in [1, 7, 55] {
        assert_eq!(all(&bench, &system, &query, limit), everybody);
    }
    query.at_least = Scores { recency: 5, frequency: 5, monetary: 4 };
    let best = all(&bench, &system, &query, 3);
    assert_eq!(best.iter().map(|one| one.account).collect::<Vec<_>>(), members[49..]);
    // Somebody sees themselves alone; without a grant nothing.
    let own = Actor::new(Principal::Anonymous).granted(loyal::READ, Region::customer(Uuid::from(members[59]).into()));
    query.at_least = Scores::LOWEST;
    let seen: Vec<_> = all(&bench, &own, &query, 10).into_iter().map(|one| one.account).collect();
    assert_eq!(seen, [members[59]]);
    let bounds = Bounds { purchases: vec![3, 2], ..Bounds::default() };
    let crossed = LoyalQuery { bounds, ..query };
    let refused = bench.read(move |work| work.loyalty().loyal_customers(&crossed, Limit::default(), None));
    assert_eq!(refused.unwrap_err().to_string(), "bounds: loyal.bounds");
}

/// C89: what is bought counts without any tiers.
pub fn are_listed_without_tiers(factory: Factory<'_>) {
    let shop = super::earning::shop(factory);
    shop.save(&super::earning::programme([]));
    shop.buy("1", &[(shop.tea, 2)]);
    let back = shop.buy("2", &[(shop.tea, 1)]);
    shop.buy("3", &[(shop.cup, 3)]);
    shop.bring_back(back, &[(1, 1)], "back");
    let query = LoyalQuery { from: day(0), through: day(364), bounds: Bounds::default(), at_least: Scores::LOWEST };
    let found = all(&shop.bench, &Actor::system(), &query, 10);
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].account, found[0].figures.purchases, found[0].figures.amount_minor),
        (shop.ala.into(), 2, 2_999)
    );
}
