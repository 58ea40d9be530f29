//! What a history takes back does not say of which purchase it was. Pieces are taken from the customer's last purchase at the
//! same price, and then from those at other prices; what was paid is given back.

use std::collections::BTreeMap;

use crm_core::catalog::ProductId;
use crm_core::customers::CustomerId;
use crm_core::kernel::page::Limit;
use crm_core::purchases::{PurchaseId, purchase_line};
use crm_core::returns::{NewReturn, NewReturnLine, ReturnLine, return_line};
use crm_core::work::{Permit, UnitOfWork};
use crm_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// Pieces that come back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Wanted {
    pub(crate) row: u64,
    /// Nothing, if nobody ever bought it.
    pub(crate) product: Option<ProductId>,
    pub(crate) pieces: i64,
    pub(crate) unit_minor: i64,
    pub(crate) total_minor: i64,
    /// Whether only a purchase at the same price can be meant: the file does not say what was bought.
    pub(crate) same_price_only: bool,
}

/// What became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TakenBack {
    pub(crate) returns: u64,
    /// Rows of which nothing could be taken back, for nothing of it had been bought.
    pub(crate) not_bought: Vec<u64>,
    /// Rows of which some pieces were more than was left.
    pub(crate) too_many: Vec<u64>,
    /// Rows that name another price than was paid, and by how much more they ask than is given.
    pub(crate) other_price: u64,
    pub(crate) difference_minor: i64,
}

/// A line that was bought, and what is left of it.
#[derive(Clone, Debug)]
struct Bought {
    purchase: PurchaseId,
    line_no: u16,
    product: ProductId,
    unit_minor: i64,
    total_minor: i64,
    quantity: i64,
    left: i64,
}

/// Takes back what a receipt says, of earlier purchases of this customer. Done once for each key.
///
/// # Errors
/// What the store meets.
pub(crate) fn take_back(
    work: &mut UnitOfWork<'_>,
    customer: CustomerId,
    wanted: &[Wanted],
    key: &str,
) -> Result<TakenBack> {
    let mut permit = work.unrestricted()?;
    permit.once("club.take_back", key, &(customer, wanted), |work| {
        let mut bought = bought_by(work, customer, wanted)?;
        let (takes, mut outcome) = choose(wanted, &mut bought);
        for (number, (purchase, lines)) in (1..).zip(takes) {
            let lines: Vec<_> = lines.into_iter().map(|(line_no, pieces)| NewReturnLine::of(line_no, pieces)).collect();
            work.returns().record(&NewReturn::of(purchase, lines), &format!("{key}/{number}"))?;
            outcome.returns += 1;
        }
        Ok(outcome)
    })
}

/// What the customer has bought of these products, the latest first.
fn bought_by(work: &mut Permit<'_, '_>, customer: CustomerId, wanted: &[Wanted]) -> Result<Vec<Bought>> {
    let products: Vec<ProductId> = wanted.iter().filter_map(|one| one.product).collect();
    let mut bought = Vec::new();
    let mut after = None;
    while !products.is_empty() {
        let page = work.purchases().of_customer(customer, Limit::new(100)?, after.as_ref())?;
        for purchase in page.items {
            let lines = work.select(purchase_line::purchase_id.eq(purchase.id)).all()?;
            if !lines.iter().any(|line| products.contains(&line.product_id)) {
                continue;
            }
            let mut returned = BTreeMap::<u16, i64>::new();
            for line in work.select::<ReturnLine>(return_line::purchase_id.eq(purchase.id)).all()? {
                *returned.entry(line.line_no).or_default() += line.quantity;
            }
            // The last line first, as the last purchase.
            for line in lines.into_iter().rev().filter(|line| products.contains(&line.product_id)) {
                bought.push(Bought {
                    purchase: purchase.id,
                    line_no: line.line_no,
                    product: line.product_id,
                    unit_minor: line.unit_price_minor,
                    total_minor: line.total_minor,
                    quantity: line.quantity,
                    left: line.quantity - returned.get(&line.line_no).copied().unwrap_or(0),
                });
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(bought)
}

/// Which pieces of which purchases.
type Takes = BTreeMap<PurchaseId, BTreeMap<u16, i64>>;

/// Chooses the pieces, and counts what there is none for.
fn choose(wanted: &[Wanted], bought: &mut [Bought]) -> (Takes, TakenBack) {
    let (mut takes, mut outcome) = (Takes::new(), TakenBack::default());
    for one in wanted {
        let mut left = one.pieces;
        let mut asked_at_other_price = 0;
        let mut given = 0;
        for same in [true, false] {
            if !same && one.same_price_only {
                break;
            }
            let fitting = |bought: &&mut Bought| {
                Some(bought.product) == one.product && (bought.unit_minor == one.unit_minor) == same
            };
            for bought in bought.iter_mut().filter(fitting) {
                let pieces = left.min(bought.left);
                if pieces == 0 {
                    continue;
                }
                if !same {
                    asked_at_other_price += part(one.total_minor, pieces, one.pieces);
                    given += part(bought.total_minor, pieces, bought.quantity);
                }
                bought.left -= pieces;
                left -= pieces;
                *takes.entry(bought.purchase).or_default().entry(bought.line_no).or_default() += pieces;
            }
        }
        if asked_at_other_price != given {
            outcome.other_price += 1;
            outcome.difference_minor += asked_at_other_price - given;
        }
        if left == one.pieces {
            outcome.not_bought.push(one.row);
        } else if left > 0 {
            outcome.too_many.push(one.row);
        }
    }
    (takes, outcome)
}

fn part(total: i64, pieces: i64, of: i64) -> i64 {
    i64::try_from(i128::from(total) * i128::from(pieces) / i128::from(of.max(1))).unwrap_or(0)
}

/// Whether a failure is of this receipt alone, and the next one can go on.
pub(crate) fn is_of_the_receipt(error: &Error) -> bool {
    matches!(error, Error::Invalid { .. } | Error::AlreadyExists { .. } | Error::NotFound { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn product(number: u128) -> ProductId {
        Uuid::from_u128(number).into()
    }

    fn bought(purchase: u128, line_no: u16, unit: i64, quantity: i64) -> Bought {
        let total_minor = unit * quantity;
        let (purchase, product) = (Uuid::from_u128(purchase).into(), product(1));
        Bought { purchase, line_no, product, unit_minor: unit, total_minor, quantity, left: quantity }
    }

    fn wanted(pieces: i64, unit: i64) -> Wanted {
        let total_minor = pieces * unit;
        Wanted { row: 7, product: Some(product(1)), pieces, unit_minor: unit, total_minor, same_price_only: false }
    }

    #[test]
    fn the_last_purchase_at_the_same_price_goes_first() {
        let mut all = [bought(3, 1, 145, 4), bought(2, 1, 125, 2), bought(1, 2, 125, 10)];
        let (takes, outcome) = choose(&[wanted(5, 125)], &mut all);
        let of = |number: u128| takes.get(&Uuid::from_u128(number).into()).cloned().unwrap_or_default();
        assert_eq!((of(2), of(1), of(3)), ([(1, 2)].into(), [(2, 3)].into(), BTreeMap::new()));
        assert_eq!(outcome, TakenBack::default());
        let (takes, outcome) = choose(&[wanted(9, 125)], &mut all);
        assert_eq!(takes.len(), 2, "the seven that are left, and two at another price");
        assert_eq!((outcome.other_price, outcome.difference_minor), (1, -40));
        let (_, outcome) = choose(&[wanted(9, 125)], &mut all);
        assert_eq!(outcome.too_many, [7]);
        let (_, outcome) = choose(&[wanted(1, 125)], &mut all);
        assert_eq!(outcome.not_bought, [7]);
    }

    #[test]
    fn without_goods_only_the_price_can_say_which() {
        let only = |pieces, unit| Wanted { same_price_only: true, ..wanted(pieces, unit) };
        let (takes, outcome) = choose(&[only(1, 500)], &mut [bought(1, 1, 501, 1)]);
        assert!(takes.is_empty() && outcome.not_bought == [7]);
    }

    proptest! {
        /// S-28: no more is taken back of a line than was left of it, and every piece is either taken or told of.
        #[test]
        fn no_more_than_was_bought(
            lines in prop::collection::vec((1_u128..4, 1_u16..4, 1_i64..4, 1_i64..9), 0..8),
            back in prop::collection::vec((1_i64..12, 1_i64..4), 1..6),
        ) {
            let mut all: Vec<Bought> = lines.iter().map(|(p, l, unit, quantity)| bought(*p, *l, *unit, *quantity)).collect();
            let before: i64 = all.iter().map(|one| one.left).sum();
            let wanted: Vec<Wanted> = back.iter().map(|(pieces, unit)| wanted(*pieces, *unit)).collect();
            let (takes, outcome) = choose(&wanted, &mut all);
            let taken: i64 = takes.values().flat_map(BTreeMap::values).sum();
            prop_assert!(all.iter().all(|one| one.left >= 0));
            prop_assert_eq!(before - taken, all.iter().map(|one| one.left).sum::<i64>());
            let asked: i64 = wanted.iter().map(|one| one.pieces).sum();
            prop_assert_eq!(taken, asked.min(before));
            prop_assert_eq!(outcome.not_bought.is_empty() && outcome.too_many.is_empty(), asked <= before);
        }
    }
}
