//! What earning counts by: business days with their cut-off, days of any calendar, periods of limits; and categories.

use crm_core::catalog::NewProduct;
use crm_core::conformance::Factory;
use crm_core::kernel::calendar::{Calendar, Unit};
use crm_core::kernel::rate::Rate;
use crm_core::kernel::time::{TimeOfDay, Timestamp, Weekday};
use crm_core::loyalty::earning::{Earn, EarnLimit, EarnRule, Goods, LimitCap, Why};
use crm_core::pricing::{Days, LimitPer, LimitPeriod, NamedDay};
use crm_core::purchases::PurchaseId;

use super::earning::{CREDIT, POINTS, Shop, percent, pln, programme, shop};

impl Shop {
    fn at(&self, time: &str) {
        self.bench.clock.set(time.parse::<Timestamp>().unwrap());
    }

    /// The days of the branch begin at four.
    fn open_late(&self) {
        let branch = self.branch;
        let changed = self.bench.run(move |work| {
            let mut stored = work.branches().get(branch)?;
            stored.cutoff = TimeOfDay::new(4, 0)?;
            work.branches().update(&mut stored)
        });
        changed.unwrap();
    }

    /// What tea for 10.00 earns at an instant.
    fn earns_at(&self, time: &str) -> i64 {
        self.at(time);
        self.earned(self.buy(time, &[(self.tea, 1)]))
    }

    fn earned(&self, purchase: PurchaseId) -> i64 {
        self.sheet(purchase).document.0.earned(CREDIT)
    }
}

fn boost(days: Days) -> EarnRule {
    EarnRule { days: Some(days), ..EarnRule::new("boost", CREDIT, Earn::Boost(Rate::ONE)) }
}

/// S-15: the night of Friday belongs to Friday until the branch's cut-off, to the microsecond; the night before does not. The
/// programme's own days begin at midnight and have no say in it.
pub fn a_day_ends_at_the_cut_off(factory: Factory<'_>) {
    let shop = shop(factory);
    shop.open_late();
    let friday = Days { weekdays: vec![Weekday::Friday], ..Days::default() };
    shop.save(&programme([percent("five", 5), boost(friday)]));
    for (time, earned) in [
        ("2025-03-22T03:59:00+01:00", 100),
        ("2025-03-22T03:59:59.999999+01:00", 100),
        ("2025-03-22T04:00:00+01:00", 50),
        ("2025-03-28T03:59:00+01:00", 50),
        ("2025-03-28T04:00:00+01:00", 100),
        // In summer time, which began on Sunday, it is four an hour earlier.
        ("2025-04-05T01:59:59Z", 100),
        ("2025-04-05T02:00:00Z", 50),
    ] {
        assert_eq!(shop.earns_at(time), earned, "{time}");
    }
    shop.bench.verify();
}

/// S-15: days that come back in a calendar of their own, whatever the programme counts in: two days of Nowruz, which begins
/// on the 20th or the 21st of March.
pub fn a_named_day_is_of_its_own_calendar(factory: Factory<'_>) {
    let shop = shop(factory);
    let nowruz = NamedDay { name: "Nowruz".into(), calendar: Calendar::Jalali, month: 1, day: 1, days: 2 };
    shop.save(&programme([percent("five", 5), boost(Days { named: vec![nowruz], ..Days::default() })]));
    for (time, earned) in [
        // 1 Farvardin of 1404, 1405 and, after a leap year of theirs or ours, of 1407.
        ("2025-03-21T12:00:00+01:00", 100),
        ("2025-03-22T23:59:59+01:00", 100),
        ("2025-03-23T00:00:00+01:00", 50),
        ("2026-03-20T23:59:59+01:00", 50),
        ("2026-03-21T00:00:00+01:00", 100),
        ("2028-03-19T12:00:00+01:00", 50),
        ("2028-03-20T12:00:00+01:00", 100),
        ("2028-03-22T12:00:00+01:00", 50),
    ] {
        assert_eq!(shop.earns_at(time), earned, "{time}");
    }
    shop.bench.verify();
}

/// S-40, S-15: limits that begin anew: of a member for each business day of the branch, of everybody for each month of the
/// Jalali calendar. What comes back gives its own period room again, and no other.
pub fn limits_begin_anew_with_their_period(factory: Factory<'_>) {
    let shop = shop(factory);
    shop.open_late();
    let limit = |cap, per, unit, calendar| {
        vec![EarnLimit { cap: LimitCap::Amount(cap), per, every: Some(LimitPeriod { unit, calendar }), soft: false }]
    };
    let daily = limit(150, LimitPer::Customer, Unit::Day, Calendar::Gregorian);
    let monthly = limit(25, LimitPer::Rule, Unit::Month, Calendar::Jalali);
    let points = EarnRule::new("points", POINTS, Earn::Rate { give: 1, per: pln(100) });
    shop.save(&programme([EarnRule { limits: daily, ..percent("ten", 10) }, EarnRule { limits: monthly, ..points }]));
    let buys = |time: &str| {
        shop.at(time);
        let sold = shop.buy(time, &[(shop.tea, 1)]);
        let sheet = shop.sheet(sold).document.0;
        let used_up = sheet.lost.iter().filter(|lost| lost.why == Why::UsedUp).count();
        (sold, [sheet.earned(CREDIT), sheet.earned(POINTS)], used_up)
    };
    // 1 Farvardin, a Friday.
    let first = buys("2025-03-21T12:00:00+01:00");
    assert_eq!((first.1, first.2), ([100, 10], 0));
    let second = buys("2025-03-21T13:00:00+01:00");
    assert_eq!((second.1, second.2), ([50, 10], 0));
    let third = buys("2025-03-22T03:59:59+01:00");
    assert_eq!((third.1, third.2), ([0, 5], 1), "still the same business day");
    let fourth = buys("2025-03-22T04:00:00+01:00");
    assert_eq!((fourth.1, fourth.2), ([100, 0], 1), "a day later, and the same month");
    // Ours changes, theirs does not: 12 and 31 Farvardin.
    for time in ["2025-04-01T12:00:00+02:00", "2025-04-20T12:00:00+02:00"] {
        assert_eq!(buys(time).1, [100, 0], "{time}");
    }
    // 1 Ordibehesht, but not before the branch opens its day.
    assert_eq!(buys("2025-04-21T03:59:59+02:00").1, [50, 0], "of the 20th there were 50 left");
    assert_eq!(buys("2025-04-21T04:00:00+02:00").1, [100, 10]);
    shop.bring_back(first.0, &[(1, 1)], "back");
    assert_eq!(buys("2025-04-21T12:00:00+02:00").1, [50, 10]);
    assert_eq!(buys("2025-04-22T12:00:00+02:00").1, [100, 5], "25 in all: what came back was of Farvardin");
    assert_eq!(buys("2025-05-21T12:00:00+02:00").1, [100, 0], "31 Ordibehesht");
    assert_eq!(buys("2025-05-22T12:00:00+02:00").1, [100, 10], "1 Khordad");
    shop.bench.verify();
}

/// S-11: a rule is on categories with what is below them, less what the programme leaves out with what is below that; a
/// product in no category is in none.
pub fn categories_reach_down_their_trees(factory: Factory<'_>) {
    let shop = shop(factory);
    let category = |parent, name: &'static str| {
        shop.bench.run(move |work| work.catalog().create_category(parent, name)).unwrap().id
    };
    let food = category(None, "Food");
    let drinks = category(Some(food), "Drinks");
    let strong = category(Some(drinks), "Strong");
    let spirits = category(Some(strong), "Spirits");
    let books = category(None, "Books");
    let sold_in = |sku: &'static str, category| {
        let new = NewProduct { category: Some(category), ..NewProduct::service(sku, sku, pln(1_000)) };
        shop.bench.run(move |work| work.catalog().create_product(new.clone())).unwrap().id
    };
    let bread = sold_in("bread", food);
    let juice = sold_in("juice", drinks);
    let wine = sold_in("wine", strong);
    let vodka = sold_in("vodka", spirits);
    let book = sold_in("book", books);
    let mut terms = programme([
        EarnRule { on: Goods::Categories(vec![food]), ..percent("food", 10) },
        EarnRule { on: Goods::Categories(vec![drinks, books]), ..EarnRule::new("pieces", POINTS, Earn::Piece(3)) },
        EarnRule { on: Goods::Products(vec![wine]), ..EarnRule::new("wine", POINTS, Earn::Piece(100)) },
    ]);
    terms.earning.base.excluded_categories = vec![strong];
    shop.save(&terms);
    let lines = [(bread, 1), (juice, 2), (wine, 4), (vodka, 8), (book, 16), (shop.tea, 32)];
    let sold = shop.buy("1", &lines);
    let sheet = shop.sheet(sold).document.0;
    let given: Vec<_> =
        sheet.contributions.iter().map(|one| (one.rule.as_str(), one.amount, one.shares.clone())).collect();
    let of_food = vec![100, 200, 0, 0, 0, 0];
    let pieces = vec![0, 6, 0, 0, 48, 0];
    assert_eq!(given, [("food", 300, of_food), ("pieces", 54, pieces)]);
    // The tree as it is now: what goes below another is of that.
    shop.bench.run(move |work| work.catalog().move_category(spirits, Some(books)).map(drop)).unwrap();
    let moved = shop.buy("2", &[(vodka, 1), (wine, 1)]);
    let sheet = shop.sheet(moved).document.0;
    assert_eq!((sheet.earned(CREDIT), sheet.earned(POINTS)), (0, 3));
    shop.bench.verify();
}
