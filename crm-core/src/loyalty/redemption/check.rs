//! What is wrong with terms of redemption.

use super::terms::{Limits, RedemptionTerms};
use crate::kernel::rate::Rate;
use crate::loyalty::Asset;
use crate::loyalty::programme::Finding;

/// Everything that is wrong with the terms. `has_points` says whether points are worth something.
pub fn check(terms: &RedemptionTerms, has_points: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    if terms.hold_minutes == 0 {
        findings.push(Finding::fault("redemption", "redemption.hold_minutes"));
    }
    for (at, found) in terms.limits.iter().enumerate() {
        let place = || format!("redemption.limits.{at}");
        if is_wrong(&found.limits, found.asset) {
            findings.push(Finding::fault(place(), "redemption.limit"));
        }
        if found.asset == Asset::Points && !has_points {
            findings.push(Finding::warning(place(), "redemption.points_are_worth_nothing", None));
        }
        let same = |other: &super::LimitsFor| (other.asset, &other.audience) == (found.asset, &found.audience);
        if terms.limits.iter().take(at).any(same) {
            findings.push(Finding::fault(place(), "redemption.twice"));
        }
    }
    findings
}

fn is_wrong(limits: &Limits, asset: Asset) -> bool {
    let negative = [limits.per_invoice, limits.per_day, limits.minimum].into_iter().flatten().any(|limit| limit < 0);
    let rate = limits.per_invoice_rate.is_some_and(|rate| rate < Rate::ZERO || rate > Rate::ONE);
    let cash = limits.cash_part.iter().enumerate().any(|(at, part)| {
        let twice = limits.cash_part.iter().take(at).any(|other| other.currency() == part.currency());
        twice || part.is_negative() || asset.currency().is_some_and(|currency| currency != part.currency())
    });
    negative || rate || cash || matches!(asset, Asset::Gift(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::currency::Currency;
    use crate::kernel::money::Money;

    #[test]
    fn nonsense_is_found() {
        let of = |json: serde_json::Value| -> RedemptionTerms { serde_json::from_value(json).unwrap() };
        for (terms, code) in [
            (serde_json::json!({ "hold_minutes": 0 }), "redemption.hold_minutes"),
            (serde_json::json!({ "limits": [{ "asset": "points", "per_day": -1 }] }), "redemption.limit"),
            (serde_json::json!({ "limits": [{ "asset": "points", "per_invoice_rate": "101%" }] }), "redemption.limit"),
            (serde_json::json!({ "limits": [{ "asset": "gift:PLN", "per_day": 1 }] }), "redemption.limit"),
            (serde_json::json!({ "limits": [{ "asset": "points" }, { "asset": "points" }] }), "redemption.twice"),
        ] {
            let codes: Vec<_> = check(&of(terms), true).into_iter().map(|finding| finding.code).collect();
            assert_eq!(codes, [code]);
        }
        let mut terms = of(serde_json::json!({ "limits": [{ "asset": "credit:PLN" }] }));
        assert_eq!(check(&terms, false), []);
        terms.limits[0].limits.cash_part = vec![Money::new(1, Currency::EUR)];
        assert_eq!(check(&terms, false).len(), 1);
    }
}
