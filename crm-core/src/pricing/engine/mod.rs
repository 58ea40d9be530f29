//! From a cart to a quote: the stages, one after the other (S-24).

mod stages;
mod sums;

use std::collections::BTreeMap;
use std::ops::Range;

use super::amounts::Standing;
use super::cart::{Cart, Context};
use super::model::{PriceRuleId, Stage};
use super::policy::Policy;
use super::quote::{Quote, QuotedLine, RuleUse};
use crate::catalog::{Product, ProductId};
use crate::{Error, Result};

/// The most lines of a cart.
pub const MAX_LINES: usize = 1000;

/// Whether a quote tells which rules lost, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// It does.
    Explained,
    /// It does not, which is faster. All amounts are the same, and so is the digest.
    Plain,
}

/// Prices a cart. Pure: the same input gives the same quote, and nothing else is looked at.
///
/// # Errors
/// [`Error::Invalid`] for no lines or too many, a quantity that is not positive, a product that is not sold or of
/// another currency, a discount by hand that is out of range or without a reason, a tax class without a rate, and
/// amounts that do not fit; [`Error::NotFound`] for a product that is not among `products`.
///
/// ```
/// use std::collections::BTreeMap;
/// use crm_core::kernel::currency::Currency;
/// use crm_core::pricing::{Cart, CategoryTree, Context, Detail, Policy, PolicySettings, quote};
/// # use crm_core::catalog::Product;
/// # fn main() -> crm_core::Result<()> {
/// # let tea: Product = serde_json::from_value(serde_json::json!({
/// #     "id": uuid::Uuid::nil(), "version": 1, "sku": "tea", "name": "Tea", "category_id": null, "price_minor": 1250,
/// #     "currency": "PLN", "stocked": true, "oversell": false, "active": true, "floor_minor": null, "tax_class": null,
/// #     "attributes": {},
/// # })).unwrap();
/// let policy = Policy::compile(&[], CategoryTree::default(), Vec::new(), PolicySettings::default())?;
/// let here_and_now = Context::new(uuid::Uuid::nil().into(), Currency::PLN, "2025-03-21".parse()?, "2025-03-21T10:00:00Z".parse()?);
/// let cart = Cart::of([(tea.id, 3)]);
/// let quote = quote(&policy, &BTreeMap::from([(tea.id, tea)]), &cart, &here_and_now, Detail::Explained)?;
/// assert_eq!(quote.total_minor, 3_750);
/// quote.verify()?;
/// # Ok(())
/// # }
/// ```
pub fn quote(
    policy: &Policy,
    products: &BTreeMap<ProductId, Product>,
    cart: &Cart,
    context: &Context,
    detail: Detail,
) -> Result<Quote> {
    if cart.lines.is_empty() || cart.lines.len() > MAX_LINES {
        return Err(Error::invalid("lines", "cart.line_count"));
    }
    let lines = cart.lines.iter().map(|line| {
        let product = products.get(&line.product).ok_or_else(|| Error::not_found("product", line.product))?;
        Ok((product, line.quantity))
    });
    Pricing::new(policy, context, detail, lines)?.run(cart)
}

/// The cart on its way through the stages.
pub(super) struct Pricing<'a> {
    policy: &'a Policy,
    context: &'a Context,
    detail: Detail,
    products: Vec<&'a Product>,
    /// Their categories in the tree.
    nodes: Vec<Option<usize>>,
    standing: Vec<Standing>,
    quoted: Vec<QuotedLine>,
    /// The rule after which only ⑦ is left.
    ended: Vec<Option<PriceRuleId>>,
    /// The rules whose conditions are met, and where those of each line are whose stage has not been.
    met: Vec<u32>,
    of_line: Vec<Range<usize>>,
    /// What rules with limits have given.
    uses: Vec<RuleUse>,
}

impl<'a> Pricing<'a> {
    pub(super) fn new(
        policy: &'a Policy,
        context: &'a Context,
        detail: Detail,
        lines: impl Iterator<Item = Result<(&'a Product, i64)>>,
    ) -> Result<Self> {
        let room = lines.size_hint().0;
        let mut new = Self {
            policy,
            context,
            detail,
            products: Vec::with_capacity(room),
            nodes: Vec::with_capacity(room),
            standing: Vec::with_capacity(room),
            quoted: Vec::with_capacity(room),
            ended: Vec::with_capacity(room),
            met: Vec::new(),
            of_line: Vec::with_capacity(room),
            uses: Vec::new(),
        };
        let mut all = 0_i64;
        for line in lines {
            let (product, quantity) = line?;
            let list = list_price(product, quantity, context)?;
            all = all.checked_add(list).ok_or_else(overflow)?;
            let floor = product.floor_minor.unwrap_or(0).max(0).saturating_mul(quantity);
            new.products.push(product);
            new.nodes.push(product.category_id.and_then(|category| policy.tree.position(category)));
            new.standing.push(Standing { quantity, list, began: list, now: list, floor });
            new.ended.push(None);
            new.quoted.push(QuotedLine {
                product: product.id,
                quantity,
                unit_minor: product.price_minor,
                list_minor: list,
                taken: Vec::new(),
                net_minor: list,
                tax: None,
                total_minor: list,
                lost: Vec::new(),
            });
        }
        Ok(new)
    }

    pub(super) fn run(mut self, cart: &Cart) -> Result<Quote> {
        self.meet();
        for stage in [Stage::Terms, Stage::Product, Stage::Group, Stage::Campaign] {
            self.apply_rules(stage)?;
        }
        for extra in &cart.extra {
            if extra.line.is_some_and(|line| line >= self.quoted.len()) {
                return Err(Error::invalid("extra.line", "cart.no_such_line"));
            }
            self.take_by_hand(Stage::Manual, extra.line, &extra.discount)?;
        }
        self.apply_rules(Stage::Cash)?;
        if let Some(cash) = &cart.cash {
            self.take_by_hand(Stage::Cash, None, cash)?;
        }
        self.finish()
    }
}

fn list_price(product: &Product, quantity: i64, context: &Context) -> Result<i64> {
    if quantity <= 0 {
        return Err(Error::invalid("quantity", "line.quantity_not_positive"));
    }
    if !product.active {
        return Err(Error::invalid("product", "line.product_inactive"));
    }
    if product.currency != context.currency {
        return Err(Error::invalid("product", "line.currency"));
    }
    if product.price_minor < 0 {
        return Err(Error::invalid("product", "line.price_negative"));
    }
    product.price_minor.checked_mul(quantity).ok_or_else(overflow)
}

fn overflow() -> Error {
    Error::invalid("total", "money.overflow")
}
