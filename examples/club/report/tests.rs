//! The page, made by hand.

use crm_core::kernel::currency::Currency;
use crm_core::kernel::rate::Rate;
use crm_core::kernel::time::CivilDate;

use super::summary::*;
use super::*;
use crate::history::{Reason, Rejected};

fn day(text: &str) -> CivilDate {
    text.parse().unwrap()
}

/// Something of everything.
pub(crate) fn made_up() -> Summary {
    let mut days = std::collections::BTreeMap::new();
    let first = day("2023-09-23");
    for index in 0..760_i32 {
        let wave = i64::from(index % 97) * 310 + i64::from((index * index) % 53) * 190;
        let sold_minor = 4_000 + wave + i64::from(index) * 11;
        let returned_minor = if index % 9 == 0 { sold_minor / 3 } else { 0 };
        days.insert(first.add_days(index).unwrap(), Day { purchases: 2, sold_minor, returned_minor });
    }
    let member = |name: &str, card: &str, tier: &str, spent, credit, points| Member {
        name: name.into(),
        card: card.into(),
        tier: Some(tier.into()),
        purchases: 31,
        spent_minor: spent,
        credit_minor: credit,
        points,
    };
    let expiry = [
        ("2025-11-20", 3_250),
        ("2025-12-31", 18_420),
        ("2026-01-15", 42_000),
        ("2026-03-20", 61_133),
        ("2026-06-01", 20_500),
    ];
    let mut expiry: std::collections::BTreeMap<_, _> = expiry.map(|(on, minor)| (Some(day(on)), minor)).into();
    expiry.insert(None, 9_900);
    let on = day("2025-10-25");
    let text = Fact::text;
    let desk = vec![
        Scene::new(Title::Partner, on)
            .tell(
                Sentence::IsPartner,
                [
                    ("who", text("Kawiarnia „Pod Żaglem”")),
                    ("group", text("Wholesale B")),
                    ("rate", Fact::Rate(Rate::percent(15))),
                    ("category", text("Tea & coffee")),
                ],
            )
            .tell(Sentence::PaysLess, [("list", Fact::Money(48_000)), ("total", Fact::Money(40_800))]),
        Scene::new(Title::Credit, on)
            .tell(Sentence::AsksForCredit, [("who", text("سارا کریمی")), ("total", Fact::Money(6_400))])
            .tell(
                Sentence::UsesCredit,
                [
                    ("available", Fact::Money(4_150)),
                    ("used", Fact::Money(3_200)),
                    ("bound", Fact::Bound(Bound::PerInvoice)),
                ],
            )
            .tell(
                Sentence::PaysTheRest,
                [("rest", Fact::Money(3_200)), ("credit", Fact::Money(160)), ("points", Fact::Points(64))],
            ),
        Scene::new(Title::Return, on)
            .tell(
                Sentence::BringsBack,
                [("who", text("سارا کریمی")), ("pieces", Fact::Count(1)), ("product", text("Porcelain cup"))],
            )
            .tell(Sentence::IsGivenBack, [("cash", Fact::Money(900)), ("credit", Fact::Money(900))])
            .tell(Sentence::IsTakenBack, [("credit", Fact::Money(45)), ("points", Fact::Points(18))]),
        Scene::new(Title::LostCard, on)
            .tell(Sentence::LosesCard, [("who", text("נועה לוי")), ("old", Fact::Card("0417".into()))])
            .tell(Sentence::GetsCard, [("new", Fact::Card("9921".into())), ("credit", Fact::Money(12_030))])
            .tell(Sentence::OldCardRefused, [("old", Fact::Card("0417".into()))]),
        Scene::new(Title::Cheque, on)
            .tell(
                Sentence::PaysByCheque,
                [("who", text("Łucja Żółć")), ("total", Fact::Money(52_000)), ("due", Fact::Day(day("2025-11-10")))],
            )
            .tell(Sentence::ChequeClears, [("credit", Fact::Money(2_600))])
            .tell(Sentence::ChequeBounces, [("owed", Fact::Money(52_000)), ("credit", Fact::Money(2_600))]),
        Scene::new(Title::Tier, on)
            .tell(
                Sentence::NearTier,
                [("who", text("Emma <Clarke>")), ("missing", Fact::Money(1_900)), ("tier", Fact::Tier("gold".into()))],
            )
            .tell(
                Sentence::ReachesTier,
                [
                    ("total", Fact::Money(2_450)),
                    ("tier", Fact::Tier("gold".into())),
                    ("rate", Fact::Rate(Rate::percent(8))),
                ],
            ),
        Scene::new(Title::Reminder, day("2025-11-14"))
            .tell(
                Sentence::WillExpire,
                [
                    ("who", text("سارا کریمی")),
                    ("credit", Fact::Money(3_250)),
                    ("until", Fact::Day(day("2025-11-20"))),
                    ("jalali", Fact::Jalali(day("2025-11-20"))),
                ],
            )
            .tell(Sentence::IsReminded, [("count", Fact::Count(6))]),
    ];
    Summary {
        shop: "Four Winds".into(),
        source: "sample.csv".into(),
        currency: Currency::new("EUR").unwrap(),
        period: Some((first, day("2025-10-21"))),
        as_of: day("2025-11-14"),
        rows: Rows {
            read: 1_843,
            rejected: [(Reason::AmountAmbiguous, 2), (Reason::NotBought, 11)].into(),
            examples: (0..9).map(|row| Rejected { row: 100 + row, reason: Reason::NotBought }).collect(),
            other_price: (3, -120),
        },
        sales: Sales {
            purchases: 612,
            returns: 41,
            sold_minor: days.values().map(|day| day.sold_minor).sum(),
            returned_minor: days.values().map(|day| day.returned_minor).sum(),
            days,
            branches: vec![
                ("Warszawa".into(), 812_300),
                ("Haifa".into(), 641_250),
                ("اصفهان".into(), 502_100),
                ("Bristol".into(), 211_905),
            ],
        },
        members: 64,
        tiers: vec![
            Tier { name: "bronze".into(), rate: Rate::percent(2), members: 31 },
            Tier { name: "silver".into(), rate: Rate::percent(5), members: 17 },
            Tier { name: "gold".into(), rate: Rate::percent(8), members: 9 },
        ],
        credit: Account {
            issued: 233_000,
            redeemed: 41_200,
            expired: 18_400,
            available: 155_203,
            pending: 18_197,
            held: 0,
            debt: 2_600,
        },
        points: Account {
            issued: 48_120,
            redeemed: 9_400,
            expired: 3_100,
            available: 34_420,
            pending: 1_200,
            held: 0,
            debt: 0,
        },
        expiry,
        top: vec![
            member("Łucja Żółć", "4000417", "gold", 241_050, 12_030, 4_410),
            member("سارا کریمی", "4000533", "gold", 198_400, 3_250, 3_870),
            member("נועה לוי", "4000611", "silver", 143_900, 8_115, 2_205),
            member("Emma <Clarke>", "4000702", "silver", 121_333, 5_500, 1_980),
            member("Zażółć & Gęśla", "4000810", "bronze", 64_200, 900, 640),
        ],
        outbox: vec![
            Topic { name: "loyalty.tier_reached".into(), messages: 57 },
            Topic { name: "loyalty.expiry_reminder".into(), messages: 12 },
        ],
        desk,
        checked: (41, 0),
        speed: Some(Speed {
            recorded: 653,
            millis: 4_310,
            seconds: vec![120, 160, 171, 150, 52],
            callers: 64,
            backend: "SQLite 3.50".into(),
        }),
    }
}

#[test]
fn every_language_escapes_and_names_its_direction() {
    let summary = made_up();
    for language in Language::ALL {
        let page = to_html(&summary, language, &Currencies::iso4217());
        assert!(!page.contains("<Clarke>") && page.contains("&lt;Clarke&gt;"), "{language}");
        assert!(page.contains(if language.is_right_to_left() { "dir=\"rtl\"" } else { "dir=\"ltr\"" }));
        assert!(!page.contains("http") && !page.contains("<script"), "nothing is loaded, nothing runs");
        assert!(
            !page.contains('{') || !page.rsplit("</style>").next().unwrap().contains('{'),
            "every name is filled in"
        );
        assert_eq!(page, to_html(&summary, language, &Currencies::iso4217()), "the same data is the same page");
        if let Ok(folder) = std::env::var("CLUB_REPORTS") {
            std::fs::write(format!("{folder}/{language}.html"), page).unwrap();
        }
    }
}

#[test]
fn a_persian_page_counts_in_jalali_months_and_persian_digits() {
    let page = to_html(&Summary { speed: None, ..made_up() }, Language::Fa, &Currencies::iso4217());
    assert!(page.contains("۱\u{a0}مهر\u{a0}۱۴۰۲"), "the first day");
    assert!(page.contains("۲۳\u{a0}آبان\u{a0}۱۴۰۴"), "as of");
    let text = page.rsplit("</style>").next().unwrap();
    let outside_marks: String = text.split('<').filter_map(|part| part.split_once('>').map(|(_, text)| text)).collect();
    let outside_marks = outside_marks.replace("sample.csv", "");
    let ascii: Vec<char> = outside_marks.chars().filter(char::is_ascii_digit).collect();
    assert!(ascii.is_empty(), "{ascii:?}: names of people and cards have Persian digits too");
}

#[test]
fn nothing_is_a_page_too() {
    let empty = Summary {
        period: None,
        rows: Rows::default(),
        sales: Sales::default(),
        members: 0,
        tiers: Vec::new(),
        credit: Account::default(),
        points: Account::default(),
        expiry: std::collections::BTreeMap::new(),
        top: Vec::new(),
        outbox: Vec::new(),
        desk: Vec::new(),
        speed: None,
        ..made_up()
    };
    for language in Language::ALL {
        assert!(to_html(&empty, language, &Currencies::iso4217()).ends_with("</html>\n"));
    }
}
