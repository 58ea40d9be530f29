//! Saving price rules, and pricing by those that are stored.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::cart::{Cart, Context};
use super::check::{self, Finding};
use super::engine::{self, Detail};
use super::event::{RuleSaved, SettingsChanged, TaxRateAdded};
use super::limits;
use super::model::{PolicySettings, PriceRule, PriceRuleId, RuleTerms, price_rule};
use super::policy::Policy;
use super::preview;
use super::quote::Quote;
use super::tax::{self, TaxMode, TaxRate};
use super::tree::CategoryTree;
use crate::access::Target;
use crate::branches::{Branch, BranchId};
use crate::catalog::{self, Category, CategoryId, Product, ProductId, category, product};
use crate::customers::{Customer, CustomerId};
use crate::kernel::rate::Rate;
use crate::kernel::time::{CivilDate, Timestamp};
use crate::partners;
use crate::work::{Filter, Json, Permit, UnitOfWork, Version};
use crate::{Error, Result};

/// Permission to save and retire price rules, tax rates and the policy's settings.
pub const WRITE: &str = "pricing.write";
/// Permission to see rules, and to ask for prices.
pub const READ: &str = "pricing.read";

crate::id! {
    /// Names the price policy: there is one.
    pub struct PricePolicyId;
}

crate::entity! {
    /// The price policy: its settings, and a stamp that is another one whenever a rule, a tax rate or a setting changes.
    pub struct PricePolicy {
        kind: "price_policy", records: [], key: (id: PricePolicyId), columns: price_policy, version: version,
    } {
        /// The nil id.
        id: PricePolicyId,
        /// The optimistic lock.
        version: Version,
        /// Changes with the policy.
        stamp: Uuid,
        /// What holds for all rules.
        settings: Json<PolicySettings>,
    }
}

/// The policy that was compiled last, by the stamps of what it was made of. Stamps are never used twice, so what a unit
/// of work compiled and then did not commit is never taken for something else.
#[derive(Default)]
pub(crate) struct Compiled(Mutex<Option<([Uuid; 2], Arc<Policy>)>>);

/// A version of a rule to save.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRule {
    /// The rule it is a version of; a rule of its own, without one.
    #[serde(default)]
    pub rule: Option<PriceRuleId>,
    /// The first instant it is in force: not before now, and now if left out.
    #[serde(default)]
    pub from: Option<Timestamp>,
    /// The first instant it is no longer in force.
    #[serde(default)]
    pub until: Option<Timestamp>,
    /// What it says.
    pub terms: RuleTerms,
}

impl NewRule {
    /// A rule that is in force from now on.
    pub fn now(terms: RuleTerms) -> Self {
        Self { rule: None, from: None, until: None, terms }
    }
}

/// What somebody asks the price of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuoteRequest {
    /// Where.
    pub branch: BranchId,
    /// Who buys, if known.
    #[serde(default)]
    pub customer: Option<CustomerId>,
    /// When, if not now.
    #[serde(default)]
    pub at: Option<Timestamp>,
    /// What.
    pub cart: Cart,
}

/// Whether a price is still what it was (S-47).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confirmed {
    /// It is.
    Same(Quote),
    /// It is not: this is the price now.
    Changed(Quote),
}

/// Prices, seen from a unit of work: `work.pricing()`.
pub struct Pricing<'w, 't>(pub(super) &'w mut UnitOfWork<'t>);

impl<'t> UnitOfWork<'t> {
    /// Price rules and quotes.
    pub fn pricing(&mut self) -> Pricing<'_, 't> {
        Pricing(self)
    }
}

impl Pricing<'_, '_> {
    /// Saves a version of a rule, and says what whoever saves it should know. Earlier versions stay as they are.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the code of a [`Fault`](super::Fault), or `rule.in_the_past`, `rule.period`;
    /// [`Error::NotFound`] for a rule that is not there.
    pub fn save_rule(&mut self, new: NewRule) -> Result<(PriceRule, Vec<Finding>)> {
        let mut work = self.0.permit(WRITE, &Target::ANY)?;
        let tree = CategoryTree::new(&work.select(Filter::<Category>::all()).all()?)?;
        if let Some(fault) = check::faults(&new.terms, &tree).first() {
            return Err(Error::invalid("terms", fault.code()));
        }
        let rule = add_version(&mut work, new.rule, new.from, new.until, Some(new.terms))?;
        let rules = work.select(Filter::<PriceRule>::all()).all()?;
        let mut findings = check::check(&rules, &tree);
        findings.retain(|finding| finding.rule == rule.id || finding.other == Some(rule.id));
        Ok((rule, findings))
    }

    /// Retires a rule from an instant on, now if left out. It can be brought back by another version.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] with rule `rule.in_the_past`.
    pub fn retire_rule(&mut self, rule: PriceRuleId, from: Option<Timestamp>) -> Result<PriceRule> {
        let mut work = self.0.permit(WRITE, &Target::ANY)?;
        add_version(&mut work, Some(rule), from, None, None)
    }

    /// Every version of a rule, the first first.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn versions(&mut self, rule: PriceRuleId) -> Result<Vec<PriceRule>> {
        self.0.permit(READ, &Target::ANY)?.select(price_rule::id.eq(rule)).all()
    }

    /// Everything that is wrong with the rules that are stored, each by itself and with each other.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn check(&mut self) -> Result<Vec<Finding>> {
        let mut work = self.0.permit(READ, &Target::ANY)?;
        let tree = CategoryTree::new(&work.select(Filter::<Category>::all()).all()?)?;
        Ok(check::check(&work.select(Filter::<PriceRule>::all()).all()?, &tree))
    }

    /// Sets what holds for all rules.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`WRITE`].
    pub fn set_settings(&mut self, settings: PolicySettings) -> Result<()> {
        let mut work = self.0.permit(WRITE, &Target::ANY)?;
        stamp(&mut work, |policy| policy.settings = Json(settings))?;
        work.emit(&SettingsChanged { settings }).map(drop)
    }

    /// Adds the rate of a tax class from a business day on: at one branch, or wherever there is none of its own.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a class that is none, a rate below nothing or above the whole.
    pub fn add_tax_rate(
        &mut self,
        class: &str,
        branch: Option<BranchId>,
        from: CivilDate,
        rate: Rate,
        mode: TaxMode,
    ) -> Result<TaxRate> {
        let mut work = self.0.permit(WRITE, &Target::ANY)?;
        tax::check(rate)?;
        if let Some(branch) = branch {
            work.get::<Branch>(branch)?;
        }
        let class = catalog::tax_class(class)?;
        let rate = TaxRate { id: work.new_id(), class, branch_id: branch, valid_from: from, rate, mode };
        work.insert(&rate)?;
        stamp(&mut work, |_| {})?;
        work.emit(&TaxRateAdded { rate: rate.id })?;
        Ok(rate)
    }

    /// The policy that is stored, compiled. It is compiled once and kept until something changes.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn policy(&mut self) -> Result<Arc<Policy>> {
        policy(&mut self.0.permit(READ, &Target::ANY)?)
    }

    /// The circumstances of a request: who the customer is, by what is stored and valid on that business day, what modules
    /// [know of them](crate::module::Registry::price_context), such as tiers, and how far limits are used up (S-40).
    ///
    /// # Errors
    /// [`Error::NotFound`] for the branch or the customer; [`Error::Invalid`] with rule `purchase.in_the_future`.
    pub fn context(&mut self, request: &QuoteRequest) -> Result<Context> {
        let target = Target { branch: Some(request.branch), customer: request.customer, owner: None };
        let mut work = self.0.permit(READ, &target)?;
        let (policy, products) = (policy(&mut work)?, products(&mut work, &request.cart)?);
        context(&mut work, request, &policy, &products)
    }

    /// Prices a cart by the rules that are stored.
    ///
    /// # Errors
    /// As [`context`](Self::context) and [`quote`](fn@super::quote).
    pub fn quote(&mut self, request: &QuoteRequest) -> Result<Quote> {
        let target = Target { branch: Some(request.branch), customer: request.customer, owner: None };
        let mut work = self.0.permit(READ, &target)?;
        price(&mut work, request).map(|(quote, _)| quote)
    }

    /// The same in circumstances that the caller has completed.
    ///
    /// # Errors
    /// As [`quote`](fn@super::quote); [`Error::Denied`] where the actor may not ask.
    pub fn quote_in(&mut self, cart: &Cart, context: &Context, detail: Detail) -> Result<Quote> {
        let target = Target { branch: Some(context.branch), customer: context.customer, owner: None };
        let mut work = self.0.permit(READ, &target)?;
        let (policy, products) = (policy(&mut work)?, products(&mut work, cart)?);
        engine::quote(&policy, &products, cart, context, detail)
    }

    /// Prices a cart again, and says whether that is still what was quoted (S-47).
    ///
    /// # Errors
    /// As [`quote`](Self::quote).
    pub fn confirm(&mut self, request: &QuoteRequest, digest: &[u8; 32]) -> Result<Confirmed> {
        let quote = self.quote(request)?;
        Ok(if quote.digest() == *digest { Confirmed::Same(quote) } else { Confirmed::Changed(quote) })
    }

    /// What one piece of each active product in the subtree of a category costs in these circumstances, and why: with a
    /// partner group in the context, what its partners pay. Product by product, so that memory stays bounded.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the category; the first error of `each`.
    pub fn preview(
        &mut self,
        category: CategoryId,
        context: &Context,
        mut each: impl FnMut(&Product, Quote) -> Result<()>,
    ) -> Result<()> {
        let mut work = self.0.permit(READ, &Target::branch(context.branch))?;
        let policy = policy(&mut work)?;
        let top: Category = work.get(category)?;
        let subtree = work.select(category::path.starts_with(top.path)).order_by(category::path).all()?;
        for category in subtree {
            let sold = product::category_id.eq(category.id).and(product::currency.eq(context.currency));
            let sold = work.select(sold.and(product::active.eq(true))).order_by(product::sku);
            sold.for_each(|product| preview::preview(&policy, context, [Ok(product)], &mut each))?;
        }
        Ok(())
    }
}

/// Adds a version to a rule, or a rule.
fn add_version(
    work: &mut Permit<'_, '_>,
    rule: Option<PriceRuleId>,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    terms: Option<RuleTerms>,
) -> Result<PriceRule> {
    let from = from.unwrap_or(work.now());
    if from < work.now() {
        return Err(Error::invalid("from", "rule.in_the_past"));
    }
    if until.is_some_and(|until| until <= from) {
        return Err(Error::invalid("until", "rule.period"));
    }
    // First the policy, so that two who save at once do not both add the same version.
    stamp(work, |_| {})?;
    let (id, number) = match rule {
        None => (work.new_id(), 1),
        Some(rule) => {
            let last = work.select(price_rule::id.eq(rule)).descending().first()?;
            let last = last.ok_or_else(|| Error::not_found("price_rule", rule))?;
            (rule, last.number.checked_add(1).ok_or_else(|| Error::invalid("rule", "rule.versions"))?)
        }
    };
    let retired = terms.is_none();
    let version = PriceRule { id, number, effective_from: from, effective_until: until, terms: terms.map(Json) };
    work.insert(&version)?;
    work.emit(&RuleSaved { rule: id, number, retired })?;
    Ok(version)
}

/// Changes the policy, and its stamp.
fn stamp(work: &mut Permit<'_, '_>, change: impl FnOnce(&mut PricePolicy)) -> Result<()> {
    let (id, stamp) = (PricePolicyId::from(Uuid::nil()), work.new_id::<Uuid>());
    let settings = Json(PolicySettings::default());
    let mut policy = work.find_or_first(id, |_| PricePolicy { id, version: Version::FIRST, stamp, settings })?;
    policy.stamp = stamp;
    change(&mut policy);
    work.update(&mut policy)
}

/// The policy that is stored, compiled.
pub(crate) fn policy(work: &mut Permit<'_, '_>) -> Result<Arc<Policy>> {
    let stored = work.find::<PricePolicy>(&Uuid::nil().into())?;
    let tree = catalog::tree_stamp(work)?;
    let stamps = [stored.as_ref().map_or(Uuid::nil(), |policy| policy.stamp), tree];
    let kept = &work.shared.prices.0;
    if let Some((of, policy)) = &*kept.lock().unwrap_or_else(PoisonError::into_inner)
        && *of == stamps
    {
        return Ok(policy.clone());
    }
    let rules = work.select(Filter::<PriceRule>::all()).all()?;
    let tree = CategoryTree::new(&work.select(Filter::<Category>::all()).all()?)?;
    let taxes = work.select(Filter::<TaxRate>::all()).all()?;
    let settings = stored.map_or_else(PolicySettings::default, |policy| policy.settings.0);
    let policy = Arc::new(Policy::compile(&rules, tree, taxes, settings)?);
    *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some((stamps, policy.clone()));
    Ok(policy)
}

/// Prices a request by what is stored, and says by which policy.
pub(crate) fn price(work: &mut Permit<'_, '_>, request: &QuoteRequest) -> Result<(Quote, Arc<Policy>)> {
    let (policy, products) = (policy(work)?, products(work, &request.cart)?);
    let context = context(work, request, &policy, &products)?;
    let quote = engine::quote(&policy, &products, &request.cart, &context, Detail::Explained)?;
    Ok((quote, policy))
}

fn products(work: &mut Permit<'_, '_>, cart: &Cart) -> Result<BTreeMap<ProductId, Product>> {
    let ids: Vec<ProductId> = cart.lines.iter().take(engine::MAX_LINES).map(|line| line.product).collect();
    let found = work.get_many::<Product>(&ids)?.into_iter().flatten();
    Ok(found.map(|product| (product.id, product)).collect())
}

fn context(
    work: &mut Permit<'_, '_>,
    request: &QuoteRequest,
    policy: &Policy,
    products: &BTreeMap<ProductId, Product>,
) -> Result<Context> {
    let branch: Branch = work.get(request.branch)?;
    let at = request.at.unwrap_or(work.now());
    if at > work.now() {
        return Err(Error::invalid("at", "purchase.in_the_future"));
    }
    let date = branch.business_day().date_of(at);
    let mut context = Context::new(branch.id, branch.currency, date, at);
    if let Some(customer) = request.customer {
        context.customer = Some(work.get::<Customer>(customer)?.id);
        let groups = partners::groups_of(work, customer, date)?;
        (context.partner_groups, context.customer_groups) = (groups.partner, groups.customer);
        for completion in &work.shared.installed.completions {
            work.acting_as(&completion.actor, |work| (completion.call)(work, customer, &mut context))?;
        }
    }
    context.used = limits::used(work, policy, products, &context)?;
    Ok(context)
}
