//! Where `sample.csv` comes from: two years of a tea shop with four branches, made up by arithmetic alone.
//!
//! `CLUB_SAMPLE=write cargo test -p crm-examples --bin club sample` writes it anew.

use std::fmt::Write as _;

use crm_core::kernel::time::CivilDate;

/// By branch: who buys there.
const PEOPLE: [(&str, [&str; 16]); 4] = [
    (
        "Warszawa",
        [
            "Łucja Żółć",
            "Grzegorz Brzęczyszczykiewicz",
            "Świętosława Dąb",
            "Jan Kowalski",
            "Zofia Wiśniewska",
            "Michał Wójcik",
            "Agnieszka Kamińska",
            "Piotr Lewandowski",
            "Małgorzata Źdźbło",
            "Tomasz Szymański",
            "Ewa Woźniak",
            "Kacper Mróz",
            "Hanna Jabłońska",
            "Kawiarnia „Pod Żaglem”",
            "Antoni Czyż",
            "Róża Ćwik",
        ],
    ),
    (
        "חיפה",
        [
            "נועה לוי",
            "יוסף כהן",
            "תמר מזרחי",
            "דוד פרץ",
            "מיכל אברהם",
            "אורי פרידמן",
            "יעל דהן",
            "איתן ביטון",
            "שירה אזולאי",
            "עומר גבאי",
            "רחל שפירא",
            "אבנר כץ",
            "ליאור חדד",
            "הילה רוזן",
            "גיל שרון",
            "מאיה בן־דוד",
        ],
    ),
    (
        "اصفهان",
        [
            "سارا کریمی",
            "علی رضایی",
            "مریم حسینی",
            "محمد موسوی",
            "زهرا احمدی",
            "رضا جعفری",
            "نرگس صادقی",
            "حسین رحیمی",
            "فاطمه کاظمی",
            "امیر قاسمی",
            "لیلا نوری",
            "کیان شریفی",
            "پریسا اکبری",
            "آرش مرادی",
            "شیرین یوسفی",
            "می‌ترا پاکزاد",
        ],
    ),
    (
        "Bristol",
        [
            "Emma Clarke",
            "Oliver O’Brien",
            "Siân Hughes",
            "George Bennett",
            "Amelia Wright",
            "Harry Walker",
            "Grace Evans",
            "Jack Thompson",
            "Isla Roberts",
            "Noah Green",
            "Freya Hall",
            "Leo Baker",
            "Ruby Adams",
            "Arthur Mitchell",
            "Poppy Turner",
            "Zoë Phillips",
        ],
    ),
];

/// Number, name, way down the tree of products, price in cents.
const GOODS: [(&str, &str, &str, i64); 14] = [
    ("T-01", "Earl Grey, 100 g", "Tea & coffee > Black tea", 850),
    ("T-02", "Lahijan, 250 g", "Tea & coffee > Black tea", 1_490),
    ("T-03", "Sencha, 100 g", "Tea & coffee > Green tea", 1_120),
    ("T-04", "Jasmine pearls, 50 g", "Tea & coffee > Green tea", 1_375),
    ("C-01", "Arabica, 250 g", "Tea & coffee > Coffee", 1_095),
    ("C-02", "Turkish coffee, 500 g", "Tea & coffee > Coffee", 1_660),
    ("P-01", "Glass, gilded", "At the table > Glass", 640),
    ("P-02", "Bolesławiec mug", "At the table > Porcelain", 2_250),
    ("P-03", "Teapot, 1 l", "At the table > Porcelain", 4_890),
    ("P-04", "Samovar, 4 l", "At the table > Samovars", 18_900),
    ("S-01", "Gaz with pistachio", "Sweets", 1_240),
    ("S-02", "Halva, 400 g", "Sweets", 695),
    ("S-03", "Toruń gingerbread", "Sweets", 520),
    ("S-04", "Shortbread", "Sweets", 455),
];

/// A small generator (Lehmer, 2^31 - 1): the same numbers for ever.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0 * 48_271 % 2_147_483_647;
        self.0 / 7 % bound
    }

    fn pick<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        &of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }
}

fn field(text: &str) -> String {
    if text.contains([',', '"']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

fn sample() -> String {
    let mut dice = Dice(1_404);
    let mut csv = "receipt,date,branch,card,name,sku,product,category,quantity,price\n".to_owned();
    let first: CivilDate = "2023-10-24".parse().unwrap();
    let mut receipt = 1_000;
    // What each card bought last, to be brought back.
    let mut last: Vec<Option<(usize, i64)>> = vec![None; 64];
    for day in 0..731 {
        let date = first.add_days(day).unwrap();
        // More is sold before Nowruz and in December.
        let busy = u64::from((3..=3).contains(&date.month()) || date.month() == 12);
        for _ in 0..dice.below(2 + busy) + u64::from(day % 5 == 0) {
            let who = usize::try_from(dice.below(64) * (dice.below(64) + 64) / 128).unwrap();
            let (branch, people) = PEOPLE[who % 4];
            let (name, card) = (people[who / 4], 7_000_000 + who * 137);
            let time = format!("{:02}:{:02}", 9 + dice.below(10), dice.below(60));
            let mut row = |receipt: String, goods: usize, pieces: i64, price: String| {
                let (sku, product, way, _) = GOODS[goods];
                let (product, way) = (field(product), field(way));
                writeln!(csv, "{receipt},{date} {time},{branch},{card},{name},{sku},{product},{way},{pieces},{price}")
                    .unwrap();
            };
            let price = |goods: usize| format!("{}.{:02}", GOODS[goods].3 / 100, GOODS[goods].3 % 100);
            receipt += 1;
            if let (Some((goods, pieces)), 0) = (last[who], dice.below(12)) {
                let back = 1 + i64::try_from(dice.below(u64::try_from(pieces).unwrap())).unwrap();
                row(format!("C{receipt}"), goods, -back, price(goods));
                last[who] = None;
                continue;
            }
            for _ in 0..=dice.below(3) {
                let goods = dice.pick(&[0, 1, 2, 3, 4, 5, 0, 2, 4, 6, 7, 8, 10, 11, 12, 13, 9]).to_owned();
                let pieces = if goods == 9 { 1 } else { 1 + i64::try_from(dice.below(4)).unwrap() };
                row(receipt.to_string(), goods, pieces, price(goods));
                last[who] = Some((goods, pieces));
            }
            // What people get wrong.
            match receipt {
                1_040 => row("1040".into(), 3, 1, "\"1.375,00\"".into()),
                1_200 => row("C9001".into(), 9, -2, price(9)),
                1_333 => row("1333".into(), 0, 0, price(0)),
                _ => {}
            }
        }
    }
    csv.push_str("9999,2025-02-30 10:00,Bristol,7000411,Emma Clarke,S-04,Shortbread,Sweets,1,4.55\n");
    csv
}

#[test]
fn the_sample_is_what_its_generator_writes() {
    let written = sample();
    if std::env::var("CLUB_SAMPLE").is_ok_and(|what| what == "write") {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/club/sample.csv"), &written).unwrap();
    } else {
        assert!(written == include_str!("sample.csv"), "run it with CLUB_SAMPLE=write");
    }
}
