//! Earning: what holds for all rules and purchases, and the worked cases of others.

mod cases;
mod properties;

use std::sync::Arc;

use crm_core::kernel::currency::Currency;
use crm_core::kernel::money::Money;
use crm_core::kernel::rate::Rate;
use crm_core::kernel::time::{CivilDate, TimeOfDay, Timestamp, Zone};
use crm_core::loyalty::Asset;
use crm_core::loyalty::earning::{
    BaseLine, Counters, Earn, EarnRule, Earned, EarningTerms, Occasion, Paid, Plan, Snapshot,
};
use crm_core::loyalty::programme::{Compiled, Programme, ProgrammeVersion};
use crm_core::pricing::CategoryTree;
use crm_core::work::Json;
use uuid::Uuid;

const CREDIT: Asset = Asset::Credit(Currency::PLN);
const POINTS: Asset = Asset::Points;

/// Any id by its number.
fn id<I: From<Uuid>>(number: u128) -> I {
    Uuid::from_u128(number).into()
}

fn pln(minor: i64) -> Money {
    Money::new(minor, Currency::PLN)
}

fn percent(key: &str, percent: i64) -> EarnRule {
    EarnRule::new(key, CREDIT, Earn::Percent(Rate::percent(percent)))
}

fn boost(key: &str, percent: i64) -> EarnRule {
    EarnRule::new(key, CREDIT, Earn::Boost(Rate::percent(percent)))
}

/// A line of so many pieces with this base. Its product has its number.
fn line(line_no: u16, base_minor: i64, quantity: i64) -> BaseLine {
    BaseLine { line_no, product: id(line_no.into()), category: None, quantity, earns: true, base_minor }
}

fn snapshot() -> Snapshot {
    Snapshot {
        tiers: Vec::new(),
        customer_groups: Vec::new(),
        partner_groups: Vec::new(),
        raised: Vec::new(),
        date: CivilDate::new(2025, 3, 21).unwrap(),
        time: TimeOfDay::new(12, 0).unwrap(),
    }
}

fn compiled(earning: EarningTerms) -> Compiled {
    let programme = Programme { earning, ..Programme::new("Club", Zone::UTC) };
    let version = ProgrammeVersion {
        number: 1,
        effective_from: Timestamp::MIN,
        effective_until: None,
        saved_at: Timestamp::MIN,
        terms: Json(programme),
    };
    Compiled::new(version, Arc::new(CategoryTree::default()))
}

fn terms(rules: impl IntoIterator<Item = EarnRule>) -> EarningTerms {
    EarningTerms { rules: rules.into_iter().collect(), ..EarningTerms::default() }
}

fn earn_as(snapshot: &Snapshot, earning: &EarningTerms, lines: &[BaseLine], counters: &Counters) -> Earned {
    let compiled = compiled(earning.clone());
    let occasion = Occasion { branch: id(1), customer: id(1), currency: Currency::PLN, snapshot, lines };
    Plan::new(&compiled, occasion).earn(counters, Paid::FULLY).unwrap()
}

fn earn(earning: &EarningTerms, lines: &[BaseLine]) -> Earned {
    earn_as(&snapshot(), earning, lines, &Counters::new())
}
