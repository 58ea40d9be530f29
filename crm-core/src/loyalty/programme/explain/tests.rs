use super::*;
use crate::kernel::currency::Currency;
use crate::kernel::time::{Weekday, Zone};
use crate::loyalty::earning::{EarningTerms, Hours};
use crate::loyalty::programme::PointValue;
use crate::pricing::{Audience, Days, LimitPeriod};
use uuid::Uuid;

const CREDIT: Asset = Asset::Credit(Currency::PLN);

/// A programme with a rule of every kind, and every clause.
fn programme() -> Programme {
    let pln = |minor| Money::new(minor, Currency::PLN);
    let rule = |key: &str, asset, earn| EarnRule { stack: "tiers".into(), ..EarnRule::new(key, asset, earn) };
    let limit = |per, soft, every| EarnLimit { cap: LimitCap::Amount(5), per, every, soft };
    let month = LimitPeriod { unit: Period::Month, calendar: Calendar::Jalali };
    let silver = EarnRule {
        audience: Audience { tiers: vec![Uuid::from_u128(1).into()], ..Audience::default() },
        days: Some(Days {
            weekdays: vec![Weekday::Friday],
            from: Some("2025-03-21".parse().unwrap()),
            ..Days::default()
        }),
        hours: Some(Hours { from: TimeOfDay::new(9, 0).unwrap(), until: TimeOfDay::new(11, 30).unwrap() }),
        at_least: vec![Least::Pieces(3), Least::Amount(pln(1_000))],
        at_most: Some(250),
        limits: vec![limit(LimitPer::Customer, false, Some(month)), limit(LimitPer::Rule, true, None)],
        available: Available::NextBusinessDay,
        valid: Validity::For(Span::Months(6)),
        ..rule("silver", CREDIT, Earn::Percent(Rate::new(15, 200).unwrap()))
    };
    let piece = EarnRule {
        on: Goods::Products(vec![Uuid::from_u128(2).into()]),
        valid: Validity::ToEndOf(Period::Year),
        ..rule("tea", Asset::Points, Earn::Piece(2))
    };
    let earning = EarningTerms {
        exclusive: vec!["tiers".into()],
        when: EarnWhen::Fulfilled,
        at_threshold: AtThreshold::Split,
        rules: vec![
            silver,
            piece,
            rule("rate", Asset::Points, Earn::Rate { give: 1, per: pln(100) }),
            EarnRule {
                on_return: OnReturn::ReEvaluate,
                available: Available::After(Span::Days(14)),
                ..rule("step", CREDIT, Earn::Step { give: 500, step: pln(10_000), carry: true })
            },
            rule("every", Asset::Points, Earn::Every { give: 22, nth: 3, per_day: Some(1) }),
            EarnRule {
                valid: Validity::Through("2026-03-20".parse().unwrap()),
                ..rule("fixed", Asset::Points, Earn::Fixed(5))
            },
            rule("more", CREDIT, Earn::Boost(Rate::ONE)),
            rule("less", CREDIT, Earn::Boost(Rate::percent(-50))),
        ],
        ..EarningTerms::default()
    };
    Programme {
        calendar: Calendar::Jalali,
        point_values: vec![PointValue { currency: Currency::PLN, worth: Rate::percent(50) }],
        earning,
        ..Programme::new("Club", Zone::new("Asia/Tehran").unwrap())
    }
}

fn said(language: Language) -> String {
    let name = |named| match named {
        Named::Tier(_) => Some("Silver".to_owned()),
        Named::Product(_) => Some("Tea".to_owned()),
        _ => None,
    };
    explain(&programme(), language, &Currencies::iso4217(), &name).unwrap()
}

#[test]
fn english_says_every_rule() {
    let plain: String = said(Language::En).replace(['\u{2068}', '\u{2069}'], "").replace('\u{a0}', " ");
    for sentence in [
        "Club. Days begin at 00:00 in Asia/Tehran; months and years are those of the Jalali calendar.",
        "2 points are worth 0.01 PLN.",
        "What is shipped is earned as it leaves, and not before.",
        "Of a purchase that reaches a tier, what is beyond it earns as in that tier.",
        "Of the rules of group tiers only the one that gives most applies.",
        "silver: 7.5% of the base as credit; for Silver; from 1404-01-01 on; on Fridays; from 09:00 until 11:30; \
         from 3 pieces on; from 10.00 PLN on; at most 2.50 PLN for a purchase; at most 0.05 PLN for a member a month; \
         at most 0.05 PLN for all together in all (this may be passed, and is reported); can be spent from the next \
         business day on; valid for 6 months.",
        "tea: 2 points for each piece; with Tea; can be spent from the next purchase on; valid to the end of the year.",
        "rate: 1 point for each 1.00 PLN of the base, and in proportion; can be spent",
        "step: 5.00 PLN for each full 100.00 PLN of the base; what is left over counts with the next purchase; can be \
         spent after 14 days; valid without an end; a return takes back what the rest would not have earned.",
        "every: 22 points for every purchase number 3 of a member; at most 1 of one day at one branch count",
        "fixed: 5 points for a purchase; can be spent from the next purchase on; valid through 1404-12-29.",
        "more: 100% more than the other rules of its group give.",
        "less: 50% less than the other rules of its group give.",
    ] {
        assert!(plain.contains(sentence), "{sentence}\n\n{plain}");
    }
}

/// No language leaves a name in braces, says less lines than another, or a foreign digit; isolates are closed.
#[test]
fn every_language_says_all_of_it() {
    let lines = said(Language::En).lines().count();
    for language in Language::ALL {
        let text = said(language);
        assert_eq!(text.lines().count(), lines, "{language}");
        assert!(!text.contains(['{', '}']), "{text}");
        assert!(!text.contains("  "), "{text}");
        let open = text.chars().filter(|c| ('\u{2066}'..='\u{2068}').contains(c)).count();
        assert_eq!(open, text.chars().filter(|c| *c == '\u{2069}').count());
        if language == Language::Fa {
            assert!(!text.contains(|c: char| c.is_ascii_digit()), "{text}");
        }
    }
    assert!(said(Language::Pl).replace('\u{a0}', " ").contains("22 punkty"));
    assert!(said(Language::Pl).replace('\u{a0}', " ").contains("ważność: 6 miesięcy"));
    assert!(said(Language::Fa).replace('\u{a0}', " ").contains("۲۲\u{2069} امتیاز"));
}
