//! What somebody pays for a whole catalogue, and what a changed policy would change: one product at a time, so that
//! memory stays bounded (N-10).

use serde::{Deserialize, Serialize};

use super::cart::{Cart, Context};
use super::engine::{Detail, Pricing};
use super::policy::Policy;
use super::quote::Quote;
use crate::Result;
use crate::catalog::Product;

/// Quotes one piece of each product, and hands every quote over. "What do partners of group B pay for this category, and
/// why" is a context with that group, and the products of the subtree.
///
/// # Errors
/// The first of a product or of `each`: see [`quote`](fn@super::quote).
pub fn preview(
    policy: &Policy,
    context: &Context,
    products: impl IntoIterator<Item = Result<Product>>,
    mut each: impl FnMut(&Product, Quote) -> Result<()>,
) -> Result<()> {
    for product in products {
        let product = product?;
        let quote = one(policy, context, &product, Detail::Explained)?;
        each(&product, quote)?;
    }
    Ok(())
}

/// What one policy would change against another, over a catalogue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// Products looked at.
    pub products: u64,
    /// Products that would cost less.
    pub cheaper: u64,
    /// Products that would cost more.
    pub dearer: u64,
    /// What one piece of each costs now, in minor units.
    pub before_minor: i128,
    /// What one piece of each would cost.
    pub after_minor: i128,
}

/// Compares two policies over a catalogue, and hands over the two quotes of each product whose price would change.
///
/// # Errors
/// As [`preview`].
pub fn compare(
    before: &Policy,
    after: &Policy,
    context: &Context,
    products: impl IntoIterator<Item = Result<Product>>,
    mut changed: impl FnMut(&Product, &Quote, &Quote) -> Result<()>,
) -> Result<Effect> {
    let mut effect = Effect::default();
    for product in products {
        let product = product?;
        let was = one(before, context, &product, Detail::Plain)?;
        let is = one(after, context, &product, Detail::Plain)?;
        effect.products += 1;
        effect.cheaper += u64::from(is.total_minor < was.total_minor);
        effect.dearer += u64::from(is.total_minor > was.total_minor);
        effect.before_minor += i128::from(was.total_minor);
        effect.after_minor += i128::from(is.total_minor);
        if was.total_minor != is.total_minor {
            changed(&product, &was, &is)?;
        }
    }
    Ok(effect)
}

fn one(policy: &Policy, context: &Context, product: &Product, detail: Detail) -> Result<Quote> {
    Pricing::new(policy, context, detail, std::iter::once(Ok((product, 1))))?.run(&Cart::default())
}
