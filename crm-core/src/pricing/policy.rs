//! A policy ready for use: its rules found by product, category, attribute and audience, without looking at the others.

use std::collections::HashMap;

use super::cart::Context;
use super::check;
use super::model::{
    Assortment, Audience, PolicySettings, PriceRule, PriceRuleId, RuleTerms, Stage, TierId, UsageLimit,
};
use super::rules;
use super::tax::{self, TaxRate};
use super::tree::CategoryTree;
use crate::branches::BranchId;
use crate::catalog::{Product, ProductId};
use crate::customers::CustomerId;
use crate::kernel::time::Timestamp;
use crate::partners::{CustomerGroupId, PartnerGroupId};
use crate::{Error, Result};

/// A compiled price policy: never changed, shared by all who quote.
#[derive(Debug)]
pub struct Policy {
    /// By stage, then by id and version: what is found for a line is in the order of the stages.
    rules: Vec<Rule>,
    /// The highest version of each.
    by_id: HashMap<PriceRuleId, u32>,
    pub(super) tree: CategoryTree,
    pub(super) taxes: Vec<TaxRate>,
    pub(super) settings: PolicySettings,
    keys: HashMap<AudienceKey, u32>,
    everything: Bucket,
    products: HashMap<ProductId, Bucket>,
    attributes: HashMap<String, HashMap<String, Bucket>>,
    /// The buckets of categories, and for each node of the tree the nearest that has one, itself or above.
    categories: Vec<(usize, Bucket)>,
    nearest: Vec<Option<u32>>,
}

/// A version of a rule while it is in force.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) id: PriceRuleId,
    pub(super) version: u32,
    from: Timestamp,
    until: Option<Timestamp>,
    /// How specific it is on products (S-25): everything, categories by depth, an attribute, a product.
    pub(super) specific: u32,
    /// How personal it is (S-26, C11): everybody, a branch, groups, a customer.
    pub(super) personal: u8,
    /// Whether its audience says more than the key it is found by.
    narrowed: bool,
    /// Whether it asks for more than its audience: a day, a quantity, a currency, a limit.
    pub(super) conditional: bool,
    pub(super) terms: RuleTerms,
}

/// The rules on one thing, by the key of whom they are for.
type Bucket = Vec<(u32, u32)>;

/// What the rules of a bucket are told apart by: the narrowest that their audience says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum AudienceKey {
    Everyone,
    Branch(BranchId),
    Tier(TierId),
    CustomerGroup(CustomerGroupId),
    PartnerGroup(PartnerGroupId),
    Customer(CustomerId),
}

/// The keys of a context that any rule has, sorted.
pub(super) struct Keys(Vec<u32>);

const ATTRIBUTE: u32 = 1 << 16;
const PRODUCT: u32 = 1 << 17;

impl Policy {
    /// Compiles the versions of rules, in any order. [`check`](fn@super::check) says what is wrong with them, in full.
    ///
    /// # Errors
    /// [`Error::Invalid`] for the first rule that is wrong in itself, or a tax rate below nothing or above the whole.
    pub fn compile(
        versions: &[PriceRule],
        tree: CategoryTree,
        taxes: Vec<TaxRate>,
        settings: PolicySettings,
    ) -> Result<Self> {
        taxes.iter().try_for_each(|rate| tax::check(rate.rate))?;
        let mut policy = Self {
            rules: in_force(versions, &tree)?,
            by_id: HashMap::new(),
            nearest: vec![None; tree.len()],
            tree,
            taxes,
            settings,
            keys: HashMap::new(),
            everything: Bucket::new(),
            products: HashMap::new(),
            attributes: HashMap::new(),
            categories: Vec::new(),
        };
        policy.keys.insert(AudienceKey::Everyone, 0);
        policy.index();
        Ok(policy)
    }

    /// The name of a rule, for explanations.
    pub fn rule_name(&self, id: PriceRuleId) -> Option<&str> {
        self.rule(*self.by_id.get(&id)?).map(|rule| rule.terms.name.as_str())
    }

    /// The tree of categories.
    pub fn tree(&self) -> &CategoryTree {
        &self.tree
    }

    fn index(&mut self) {
        let mut by_node = HashMap::<usize, Bucket>::new();
        for (at, rule) in (0_u32..).zip(&self.rules) {
            let bucket = match &rule.terms.on {
                Assortment::Everything => &mut self.everything,
                Assortment::Product(product) => self.products.entry(*product).or_default(),
                Assortment::Attribute { key, value } => {
                    self.attributes.entry(key.clone()).or_default().entry(value.clone()).or_default()
                }
                Assortment::Category(category) => match self.tree.position(*category) {
                    Some(node) => by_node.entry(node).or_default(),
                    None => continue,
                },
            };
            let highest = self.by_id.entry(rule.id).or_insert(at);
            if self.rules.get(*highest as usize).is_some_and(|known| known.version < rule.version) {
                *highest = at;
            }
            for key in audience_keys(&rule.terms.audience) {
                let next = u32::try_from(self.keys.len()).unwrap_or(u32::MAX);
                bucket.push((*self.keys.entry(key).or_insert(next), at));
            }
        }
        self.everything.sort_unstable();
        self.products.values_mut().for_each(|bucket| bucket.sort_unstable());
        self.attributes.values_mut().flat_map(HashMap::values_mut).for_each(|bucket| bucket.sort_unstable());
        for bucket in by_node.values_mut() {
            bucket.sort_unstable();
        }
        self.categories = by_node.into_iter().collect();
        let own: HashMap<usize, u32> = self.categories.iter().map(|(node, _)| *node).zip(0..).collect();
        for node in 0..self.nearest.len() {
            let mut up = std::iter::successors(Some(node), |node| self.tree.parent(*node));
            let found = up.find_map(|node| own.get(&node).copied());
            if let Some(nearest) = self.nearest.get_mut(node) {
                *nearest = found;
            }
        }
    }

    /// The keys of whom the context is about.
    pub(super) fn keys(&self, context: &Context) -> Keys {
        let all = std::iter::once(AudienceKey::Everyone)
            .chain(std::iter::once(AudienceKey::Branch(context.branch)))
            .chain(context.tiers.iter().copied().map(AudienceKey::Tier))
            .chain(context.customer_groups.iter().copied().map(AudienceKey::CustomerGroup))
            .chain(context.partner_groups.iter().copied().map(AudienceKey::PartnerGroup))
            .chain(context.customer.map(AudienceKey::Customer));
        let mut keys: Vec<u32> = all.filter_map(|key| self.keys.get(&key).copied()).collect();
        keys.sort_unstable();
        keys.dedup();
        Keys(keys)
    }

    /// The rules in force that are on a product and for whom the context is about, each once, in the order of their
    /// stages and ids. `node` is the product's category in the tree.
    pub(super) fn matching(
        &self,
        product: &Product,
        node: Option<usize>,
        context: &Context,
        keys: &Keys,
        found: &mut Vec<u32>,
    ) {
        found.clear();
        let mut look = |bucket: &Bucket| {
            for key in &keys.0 {
                let from = bucket.partition_point(|(other, _)| other < key);
                let of_key = bucket.iter().skip(from).take_while(|(other, _)| other == key).map(|(_, rule)| *rule);
                found.extend(of_key.filter(|rule| self.rule(*rule).is_some_and(|rule| rule.is_for(context))));
            }
        };
        look(&self.everything);
        if let Some(bucket) = self.products.get(&product.id) {
            look(bucket);
        }
        if !self.attributes.is_empty() {
            for (key, value) in &product.attributes.0 {
                if let Some(bucket) = self.attributes.get(key).and_then(|values| values.get(value)) {
                    look(bucket);
                }
            }
        }
        let nearest = |node: Option<usize>| *self.nearest.get(node?)?;
        let mut next = nearest(node);
        while let Some((node, bucket)) = next.and_then(|at| self.categories.get(at as usize)) {
            look(bucket);
            next = nearest(self.tree.parent(*node));
        }
        found.sort_unstable();
        // A rule for several groups of the customer is found by each.
        found.dedup();
    }

    /// The rules with limits that may apply to one of these products, each once.
    pub(super) fn limited<'p>(
        &self,
        products: impl IntoIterator<Item = &'p Product>,
        context: &Context,
    ) -> Vec<(PriceRuleId, &[UsageLimit])> {
        if self.rules.iter().all(|rule| rule.terms.limits.is_empty()) {
            return Vec::new();
        }
        let keys = self.keys(context);
        let (mut all, mut found) = (Vec::new(), Vec::new());
        for product in products {
            let node = product.category_id.and_then(|category| self.tree.position(category));
            self.matching(product, node, context, &keys, &mut found);
            all.extend_from_slice(&found);
        }
        all.sort_unstable();
        all.dedup();
        let rules = all.into_iter().filter_map(|at| self.rule(at));
        rules.filter(|rule| !rule.terms.limits.is_empty()).map(|rule| (rule.id, rule.terms.limits.as_slice())).collect()
    }

    /// The limits of a version of a rule.
    pub(super) fn limits(&self, id: PriceRuleId, version: u32) -> &[UsageLimit] {
        let found = self.rules.iter().find(|rule| (rule.id, rule.version) == (id, version));
        found.map_or(&[], |rule| rule.terms.limits.as_slice())
    }

    /// Where the rules of the stages after this one begin.
    pub(super) fn after(&self, stage: Stage) -> u32 {
        // There are not more rules than numbers for them.
        u32::try_from(self.rules.partition_point(|rule| rule.terms.stage <= stage)).unwrap_or(u32::MAX)
    }

    pub(super) fn rule(&self, at: u32) -> Option<&Rule> {
        self.rules.get(at as usize)
    }
}

impl Rule {
    /// Whether it is in force, and for whom the context is about.
    fn is_for(&self, context: &Context) -> bool {
        fn meets<T: PartialEq>(wanted: &[T], had: &[T]) -> bool {
            wanted.is_empty() || wanted.iter().any(|one| had.contains(one))
        }
        if context.at < self.from || self.until.is_some_and(|until| until <= context.at) {
            return false;
        }
        let audience = &self.terms.audience;
        !self.narrowed
            || meets(&audience.partner_groups, &context.partner_groups)
                && meets(&audience.customer_groups, &context.customer_groups)
                && meets(&audience.tiers, &context.tiers)
                && meets(&audience.customers, context.customer.as_slice())
                && meets(&audience.branches, &[context.branch])
    }
}

/// Each version for as long as no later one has begun, by id.
fn in_force(versions: &[PriceRule], tree: &CategoryTree) -> Result<Vec<Rule>> {
    let mut sorted: Vec<&PriceRule> = versions.iter().collect();
    sorted.sort_unstable_by_key(|version| (version.id, version.number));
    let mut rules = Vec::with_capacity(sorted.len());
    let mut until: Option<Timestamp> = None;
    let mut later: Option<&PriceRule> = None;
    for version in sorted.into_iter().rev() {
        match later {
            Some(later) if later.id == version.id => {
                if later.number == version.number {
                    return Err(Error::invalid("rules", "rule.version_twice"));
                }
                until = Some(until.map_or(later.effective_from, |until| until.min(later.effective_from)));
            }
            _ => until = None,
        }
        later = Some(version);
        let ends = [until, version.effective_until].into_iter().flatten().min();
        let Some(terms) = &version.terms else { continue };
        if let Some(fault) = check::faults(&terms.0, tree).first() {
            return Err(Error::invalid("rules", fault.code()));
        }
        if ends.is_some_and(|ends| ends <= version.effective_from) {
            continue;
        }
        rules.push(Rule {
            id: version.id,
            version: version.number,
            from: version.effective_from,
            until: ends,
            specific: specific(&terms.0.on, tree),
            personal: personal(&terms.0.audience),
            narrowed: lists(&terms.0.audience) > 1,
            conditional: rules::is_conditional(&terms.0),
            terms: terms.0.clone(),
        });
    }
    rules.sort_by_key(|rule| (rule.terms.stage, rule.id, rule.version));
    Ok(rules)
}

pub(super) fn specific(on: &Assortment, tree: &CategoryTree) -> u32 {
    match on {
        Assortment::Everything => 0,
        Assortment::Category(category) => tree.depth(*category).unwrap_or(0).into(),
        Assortment::Attribute { .. } => ATTRIBUTE,
        Assortment::Product(_) => PRODUCT,
    }
}

pub(super) fn personal(audience: &Audience) -> u8 {
    if !audience.customers.is_empty() {
        3
    } else if !(audience.partner_groups.is_empty() && audience.customer_groups.is_empty() && audience.tiers.is_empty())
    {
        2
    } else {
        u8::from(!audience.branches.is_empty())
    }
}

/// How many lists an audience has.
fn lists(audience: &Audience) -> u8 {
    [
        audience.partner_groups.is_empty(),
        audience.customer_groups.is_empty(),
        audience.tiers.is_empty(),
        audience.customers.is_empty(),
        audience.branches.is_empty(),
    ]
    .map(|empty| u8::from(!empty))
    .iter()
    .sum()
}

/// The narrowest list of an audience: whoever it is for has one of these keys.
fn audience_keys(audience: &Audience) -> Vec<AudienceKey> {
    if !audience.customers.is_empty() {
        audience.customers.iter().copied().map(AudienceKey::Customer).collect()
    } else if !audience.partner_groups.is_empty() {
        audience.partner_groups.iter().copied().map(AudienceKey::PartnerGroup).collect()
    } else if !audience.customer_groups.is_empty() {
        audience.customer_groups.iter().copied().map(AudienceKey::CustomerGroup).collect()
    } else if !audience.tiers.is_empty() {
        audience.tiers.iter().copied().map(AudienceKey::Tier).collect()
    } else if !audience.branches.is_empty() {
        audience.branches.iter().copied().map(AudienceKey::Branch).collect()
    } else {
        vec![AudienceKey::Everyone]
    }
}
