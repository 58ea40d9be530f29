//! Pick lists and shipping.

use super::bench::{Bench, Factory};
use super::race::race;
use super::sales::{record, shop, take_back, told};
use crate::kernel::page::Limit;
use crate::purchases::{NewPurchase, NewTender, PurchaseId};
use crate::shipping::event::{SHIPPED, UNSHIPPED};
use crate::shipping::{PickQuery, ShipLine};
use crate::{Error, Result};

fn ship(bench: &Bench, purchase: PurchaseId, line_no: u16, quantity: i64, key: &str) -> Result<()> {
    let key = key.to_owned();
    bench.run(move |work| work.shipping().ship(purchase, &[ShipLine { line_no, quantity }], &key))
}

fn unship(bench: &Bench, purchase: PurchaseId, line_no: u16, quantity: i64, key: &str) -> Result<()> {
    let key = key.to_owned();
    bench.run(move |work| work.shipping().unship(purchase, &[ShipLine { line_no, quantity }], "rain", &key))
}

fn rule(result: Result<()>) -> &'static str {
    match result.unwrap_err() {
        Error::Invalid { rule, .. } => rule,
        other => panic!("{other:?}"),
    }
}

/// A line is on the pick list as long as pieces that the customer keeps have not left.
pub fn lists_what_is_to_be_packed(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let shop = shop(&bench);
    let cash = || vec![NewTender::cash_rest()];
    record(&bench, &shop.sale("at the till", &[(shop.tea, 1)], cash())).unwrap();
    let new = NewPurchase { to_ship: true, ..shop.sale("1", &[(shop.tea, 5), (shop.cup, 2)], cash()) };
    let sold = record(&bench, &new).unwrap().purchase;
    let list = |query: PickQuery| {
        let page = bench.read(move |work| work.shipping().pick_list(&query, Limit::MAX, None)).unwrap();
        page.items.iter().map(|line| (line.line_no, line.to_pack())).collect::<Vec<_>>()
    };
    let all = PickQuery::of(shop.branch);
    assert_eq!(list(all), [(1, 5), (2, 2)]);
    assert_eq!(list(PickQuery { product: Some(shop.cup), ..all }), [(2, 2)]);
    assert_eq!(list(PickQuery { customer: Some(shop.customer), ..all }), [(1, 5), (2, 2)]);
    assert_eq!(list(PickQuery { customer: Some(uuid::Uuid::nil().into()), ..all }), []);
    ship(&bench, sold, 1, 2, "a").unwrap();
    ship(&bench, sold, 1, 2, "a").unwrap();
    assert_eq!(list(all), [(1, 3), (2, 2)]);
    // Of what comes back, pieces that have not left come first.
    take_back(&bench, sold, &[(1, 2)], "back").unwrap();
    assert_eq!(list(all), [(1, 1), (2, 2)]);
    for (quantity, expected) in [
        (2, "ship.more_than_open"),
        (i64::MAX, "ship.more_than_open"),
        (0, "ship.quantity_not_positive"),
        (-1, "ship.quantity_not_positive"),
        (i64::MIN, "ship.quantity_not_positive"),
    ] {
        assert_eq!(rule(ship(&bench, sold, 1, quantity, "bad")), expected);
    }
    for (quantity, expected) in
        [(3, "ship.more_than_shipped"), (i64::MAX, "ship.more_than_shipped"), (0, "ship.quantity_not_positive")]
    {
        assert_eq!(rule(unship(&bench, sold, 1, quantity, "bad")), expected);
    }
    let lines = [ShipLine { line_no: 2, quantity: 2 }, ShipLine { line_no: 1, quantity: 1 }];
    bench.run(move |work| work.shipping().ship(sold, &lines, "b")).unwrap();
    assert_eq!(list(all), []);
    assert_eq!(told(&bench, SHIPPED)[0]["complete"], true);
    // What had left comes back: nothing is to be packed for it again.
    take_back(&bench, sold, &[(2, 1)], "late").unwrap();
    assert_eq!(list(all), []);
    unship(&bench, sold, 2, 2, "c").unwrap();
    assert_eq!(list(all), [(2, 1)]);
    assert_eq!(told(&bench, UNSHIPPED)[0]["reason"], "rain");
    bench.verify();
}

/// Of many who ship the same pieces, exactly as many do as there are.
pub fn ships_nothing_twice(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let shop = shop(&bench);
    let new = NewPurchase { to_ship: true, ..shop.sale("1", &[(shop.tea, 7)], vec![NewTender::cash_rest()]) };
    let sold = record(&bench, &new).unwrap().purchase;
    let round = race(16, 1, |turn| ship(&bench, sold, 1, 1, &turn.worker.to_string())).remove(0);
    assert_eq!(round.won.len(), 7, "{:?}", round.lost);
    assert!(round.lost.into_iter().all(|error| rule(Err(error)) == "ship.more_than_open"));
    bench.verify();
}
