//! Of what is earned (S-11).

use serde::{Deserialize, Serialize};

use super::model::Goods;
use crate::catalog::{CategoryId, ProductId};
use crate::loyalty::programme::Programme;
use crate::pricing::CategoryTree;
use crate::purchases::{PurchaseLine, Tender};

/// The tenders that are paid with what was earned before: nothing is earned with their share. A gift card is none of
/// them: money was received for it, and its sale has earned nothing.
pub const REDEEMED: [&str; 2] = ["credit", "points"];

/// A line of a purchase, as far as earning is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseLine {
    /// The number of the line.
    pub line_no: u16,
    /// What was bought.
    pub product: ProductId,
    /// Its category at that time.
    pub category: Option<CategoryId>,
    /// Pieces.
    pub quantity: i64,
    /// Whether it earns at all.
    pub earns: bool,
    /// Of what it earns, in minor units.
    pub base_minor: i64,
}

/// Of what each line earns: what is paid for it after all discounts, less the tax if it is left out, less the stored shares
/// that are paid with credit or points; never less than nothing. What is left out earns nothing, nor does the sale of a gift
/// card (S-11).
///
/// ```
/// use crm_core::kernel::time::Zone;
/// use crm_core::loyalty::earning::base_lines;
/// use crm_core::loyalty::programme::Programme;
/// # use crm_core::kernel::rate::Rate;
/// # use crm_core::pricing::CategoryTree;
/// # use crm_core::purchases::{PurchaseLine, Tender};
/// # use crm_core::work::Json;
/// # let id = uuid::Uuid::from_u128(1);
/// # let tender = |tender_no, method: &str, amount_minor| Tender {
/// #     purchase_id: id.into(), tender_no, method: method.into(), amount_minor, paid_later: false, reference: None,
/// # };
/// let line = PurchaseLine {
///     total_minor: 123, tax_minor: 23, tender_shares: Json(vec![40, 83]),
///     // …
/// #   purchase_id: id.into(), line_no: 1, product_id: id.into(), category_id: None, quantity: 1, stocked: true,
/// #   unit_price_minor: 123, discount_minor: 0, order_discount_minor: 0, tax_rate: Rate::percent(23), tax_included: true,
/// };
/// let tenders = [tender(1, "credit", 40), tender(2, "cash", 83)];
/// let club = Programme::new("Club", Zone::UTC);
/// let lines = base_lines(&[line], &tenders, &club, &CategoryTree::default());
/// assert_eq!(lines[0].base_minor, 123 - 23 - 40);
/// ```
pub fn base_lines(
    lines: &[PurchaseLine],
    tenders: &[Tender],
    programme: &Programme,
    tree: &CategoryTree,
) -> Vec<BaseLine> {
    let terms = &programme.earning.base;
    let redeemed: Vec<bool> = tenders.iter().map(|tender| REDEEMED.contains(&tender.method.as_str())).collect();
    let of_line = |line: &PurchaseLine| {
        let paid = if terms.excludes_tax { line.net_minor() } else { line.total_minor };
        let shares = line.tender_shares.0.iter().zip(&redeemed).filter(|(_, redeemed)| **redeemed);
        let with_credit = shares.fold(0_i64, |sum, (share, _)| sum.saturating_add(*share));
        let out = terms.excluded_products.contains(&line.product_id)
            || programme.gift_cards.products.contains(&line.product_id)
            || within(&terms.excluded_categories, line.category_id, tree);
        BaseLine {
            line_no: line.line_no,
            product: line.product_id,
            category: line.category_id,
            quantity: line.quantity,
            earns: !out,
            base_minor: if out { 0 } else { paid.saturating_sub(with_credit).max(0) },
        }
    };
    lines.iter().map(of_line).collect()
}

impl Goods {
    /// Whether a line is of these.
    pub(super) fn contain(&self, line: &BaseLine, tree: &CategoryTree) -> bool {
        line.earns
            && match self {
                Self::Everything => true,
                Self::Categories(categories) => within(categories, line.category, tree),
                Self::Products(products) => products.contains(&line.product),
            }
    }
}

/// Whether a category is one of these, or below one.
fn within(categories: &[CategoryId], category: Option<CategoryId>, tree: &CategoryTree) -> bool {
    category
        .is_some_and(|category| categories.iter().any(|above| *above == category || tree.is_within(category, *above)))
}
