//! From a cart to a quote: the stages, one after the other (S-24).

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::amounts::{self, Standing};
use super::cart::{Cart, Context, Discount, Off};
use super::choose::{self, Candidate};
use super::model::{Adjustment, Base, Per, PriceRuleId, Stage};
use super::policy::{Policy, Rule};
use super::quote::{By, Lost, Quote, QuotedLine, RuleUse, Taken, Why};
use super::rules::{self, Totals};
use super::tax::{self, LineTax, TaxMode, TaxSum};
use crate::catalog::{Product, ProductId};
use crate::kernel::input::required_text;
use crate::kernel::rate::{Rate, Rounding};
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
    standing: Vec<Standing>,
    quoted: Vec<QuotedLine>,
    /// The rule after which only ⑦ is left.
    ended: Vec<Option<PriceRuleId>>,
    /// The rules whose conditions are met, and where those of each line are.
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

    /// Finds the rules of every line whose conditions are met.
    fn meet(&mut self) {
        let (policy, context) = (self.policy, self.context);
        let keys = policy.keys(context);
        let mut found = Vec::new();
        for product in &self.products {
            policy.matching(product, context, &keys, &mut found);
            let from = self.met.len();
            self.met.extend_from_slice(&found);
            self.of_line.push(from..self.met.len());
        }
        let totals = self.totals();
        let mut met = Vec::with_capacity(self.met.len());
        for (line, range) in self.of_line.iter_mut().enumerate() {
            let from = met.len();
            for at in self.met.get(range.clone()).unwrap_or_default() {
                let (Some(rule), Some(standing)) = (policy.rule(*at), self.standing.get(line)) else { continue };
                match rules::unmet(rule, context, standing, totals.get(at)) {
                    None => met.push(*at),
                    Some(why) if self.detail == Detail::Explained => {
                        if let Some(line) = self.quoted.get_mut(line) {
                            line.lost.push(lost(rule, why));
                        }
                    }
                    Some(_) => {}
                }
            }
            *range = from..met.len();
        }
        self.met = met;
    }

    /// What the cart has of rules that count over all of it.
    fn totals(&self) -> HashMap<u32, Totals> {
        let mut totals = HashMap::new();
        for (range, standing) in self.of_line.iter().zip(&self.standing) {
            for at in self.met.get(range.clone()).unwrap_or_default() {
                if self.policy.rule(*at).is_some_and(rules::counts_over_cart) {
                    totals.entry(*at).or_insert_with(Totals::default).add(standing);
                }
            }
        }
        totals
    }

    /// Lets the rules of one stage apply, line by line, and then takes off what each gives to all its lines.
    fn apply_rules(&mut self, stage: Stage) -> Result<()> {
        for line in &mut self.standing {
            line.began = line.now;
        }
        let orders = self.orders(stage);
        let mut won: Vec<(u32, usize)> = Vec::new();
        let mut candidates = Vec::new();
        for line in 0..self.standing.len() {
            let ended = self.ended.get(line).copied().flatten().filter(|_| stage != Stage::Cash);
            self.candidates(stage, line, &orders, &mut candidates);
            let chosen = match ended {
                Some(_) => 0,
                None => choose::choose(self.policy, self.context, &mut candidates),
            };
            won.extend(candidates.iter().take(chosen).map(|candidate| (candidate.at, line)));
            if self.detail == Detail::Explained {
                let Some(quoted) = self.quoted.get_mut(line) else { continue };
                for candidate in candidates.iter().skip(chosen) {
                    let why = match (ended, candidates.first()) {
                        (Some(by), _) => Why::Final(by),
                        (None, Some(first)) => choose::why(self.policy, self.context, candidate, first),
                        (None, None) => continue,
                    };
                    quoted.lost.push(lost(candidate.rule, why));
                }
            }
        }
        let policy = self.policy;
        let rank = |at: u32| std::cmp::Reverse(policy.rule(at).map(|rule| rule.terms.priority));
        won.sort_unstable_by_key(|(at, line)| (rank(*at), *at, *line));
        for lines in won.chunk_by(|a, b| a.0 == b.0) {
            let Some(rule) = lines.first().and_then(|(at, _)| policy.rule(*at)) else { continue };
            self.give(rule, lines)?;
        }
        Ok(())
    }

    fn candidates(&self, stage: Stage, line: usize, orders: &HashMap<u32, i64>, candidates: &mut Vec<Candidate<'a>>) {
        candidates.clear();
        let (Some(range), Some(standing)) = (self.of_line.get(line), self.standing.get(line)) else { return };
        for at in self.met.get(range.clone()).unwrap_or_default() {
            let Some(rule) = self.policy.rule(*at).filter(|rule| rule.terms.stage == stage) else { continue };
            let order = orders.get(at).copied().unwrap_or(0);
            let budget = rules::budget(rule, self.context);
            let gain = amounts::gain(&rule.terms.adjustment, rule.terms.base, standing, order, budget);
            candidates.push(Candidate::new(*at, rule, gain));
        }
    }

    /// For rules of the stage with an amount on the order: what the lines they are on begin the stage with, in all.
    fn orders(&self, stage: Stage) -> HashMap<u32, i64> {
        let mut orders = HashMap::new();
        for (line, range) in self.of_line.iter().enumerate() {
            if stage != Stage::Cash && self.ended.get(line).copied().flatten().is_some() {
                continue;
            }
            for at in self.met.get(range.clone()).unwrap_or_default() {
                let on_order = |rule: &&Rule| {
                    rule.terms.stage == stage
                        && matches!(rule.terms.adjustment, Adjustment::Amount { per: Per::Order, .. })
                };
                if self.policy.rule(*at).filter(on_order).is_some() {
                    // The list prices of all lines have a sum, so what is left of them does.
                    *orders.entry(*at).or_insert(0) += self.standing.get(line).map_or(0, |line| line.began);
                }
            }
        }
        orders
    }

    /// Takes off what one rule gives to the lines it applies to.
    fn give(&mut self, rule: &Rule, lines: &[(u32, usize)]) -> Result<()> {
        let terms = &rule.terms;
        let budget = rules::budget(rule, self.context);
        let standing: Vec<Standing> = lines.iter().filter_map(|(_, line)| self.standing.get(*line).copied()).collect();
        let rounding = self.policy.settings.rounding;
        let given = amounts::give(&terms.adjustment, terms.base, rounding, budget, &standing)?;
        let mut sum = 0_i64;
        for ((_, line), (off, bound)) in lines.iter().zip(given) {
            let of = self.standing.get(*line).map_or(0, |line| line.base(terms.base));
            let by = By::Rule { id: rule.id, version: rule.version };
            sum += off; // Of what has a sum.
            self.take(
                *line,
                Taken { stage: terms.stage, by, how: terms.adjustment, of_minor: of, off_minor: off, bound },
            );
            if let Some(ended) = self.ended.get_mut(*line).filter(|_| terms.ends) {
                *ended = Some(rule.id);
            }
        }
        if !terms.limits.is_empty() {
            let passes = rules::passes(rule, self.context, sum);
            self.uses.push(RuleUse { rule: rule.id, version: rule.version, off_minor: sum, passes });
        }
        Ok(())
    }

    /// Takes off what a person gives: off one line, or off all that no rule has closed.
    fn take_by_hand(&mut self, stage: Stage, line: Option<usize>, discount: &Discount) -> Result<()> {
        let reason = required_text("reason", &discount.reason, 200)?;
        let how = match discount.off {
            Off::Percent(rate) if (Rate::ZERO..=Rate::ONE).contains(&rate) => Adjustment::Percent(rate),
            Off::Amount(off) if off.currency() != self.context.currency => {
                return Err(Error::invalid("discount", "money.currency"));
            }
            Off::Amount(off) if !off.is_negative() => {
                Adjustment::Amount { off, per: if line.is_some() { Per::Line } else { Per::Order } }
            }
            Off::Percent(_) | Off::Amount(_) => return Err(Error::invalid("discount", "discount.range")),
        };
        let open = |at: &usize| stage == Stage::Cash || self.ended.get(*at).copied().flatten().is_none();
        let lines: Vec<usize> = match line {
            Some(line) if !open(&line) => return Err(Error::invalid("extra.line", "discount.final_price")),
            Some(line) => vec![line],
            None => (0..self.standing.len()).filter(open).collect(),
        };
        let mut standing = Vec::with_capacity(lines.len());
        for line in &lines {
            if let Some(line) = self.standing.get_mut(*line) {
                line.began = line.now;
                standing.push(*line);
            }
        }
        // A person's percentage is rounded like a rule's.
        let rounding: Rounding = self.policy.settings.rounding;
        let given = amounts::give(&how, Base::OnPrevious, rounding, None, &standing)?;
        for ((line, (off, bound)), standing) in lines.into_iter().zip(given).zip(standing) {
            let by = By::Hand(reason.clone());
            self.take(line, Taken { stage, by, how, of_minor: standing.began, off_minor: off, bound });
        }
        Ok(())
    }

    fn take(&mut self, line: usize, taken: Taken) {
        let (Some(standing), Some(quoted)) = (self.standing.get_mut(line), self.quoted.get_mut(line)) else { return };
        standing.now -= taken.off_minor;
        quoted.net_minor = standing.now;
        quoted.taken.push(taken);
    }

    /// Tax and sums.
    fn finish(mut self) -> Result<Quote> {
        let taxes = self.taxes()?;
        let mut quote = Quote {
            customer: self.context.customer,
            branch: self.context.branch,
            currency: self.context.currency,
            business_date: self.context.business_date,
            lines: self.quoted,
            taxes,
            uses: self.uses,
            list_minor: 0,
            discount_minor: 0,
            tax_minor: 0,
            total_minor: 0,
        };
        let add = |sum: &mut i64, amount: i64| {
            *sum = sum.checked_add(amount).ok_or_else(overflow)?;
            Ok::<_, Error>(())
        };
        for line in &mut quote.lines {
            let tax = line.tax.as_ref();
            let on_top = tax.filter(|tax| tax.mode == TaxMode::OnTop).map_or(0, |tax| tax.tax_minor);
            line.total_minor = line.net_minor.checked_add(on_top).ok_or_else(overflow)?;
            add(&mut quote.list_minor, line.list_minor)?;
            add(&mut quote.discount_minor, line.list_minor - line.net_minor)?;
            add(&mut quote.tax_minor, tax.map_or(0, |tax| tax.tax_minor))?;
            add(&mut quote.total_minor, line.total_minor)?;
        }
        Ok(quote)
    }

    /// The tax of every line, and of every rate.
    fn taxes(&mut self) -> Result<Vec<TaxSum>> {
        let (policy, context) = (self.policy, self.context);
        let mut by_rate: BTreeMap<(&str, Rate, TaxMode), Vec<usize>> = BTreeMap::new();
        let mut rates: Vec<(&str, &tax::TaxRate)> = Vec::new();
        for (line, product) in self.products.iter().enumerate() {
            let above = || product.category_id.and_then(|category| policy.tree.tax_class(category));
            let Some(class) = product.tax_class.as_deref().or_else(above) else { continue };
            let known = rates.iter().find(|(other, _)| *other == class).map(|(_, rate)| *rate);
            let rate = match known {
                Some(rate) => rate,
                None => {
                    let rate = tax::rate_for(&policy.taxes, class, context.branch, context.business_date)?;
                    rates.push((class, rate));
                    rate
                }
            };
            by_rate.entry((class, rate.rate, rate.mode)).or_default().push(line);
        }
        let mut sums = Vec::with_capacity(by_rate.len());
        for ((class, rate, mode), lines) in by_rate {
            let amounts: Vec<i64> = lines.iter().filter_map(|line| Some(self.quoted.get(*line)?.net_minor)).collect();
            let taxes = tax::of_lines(&amounts, rate, mode, policy.settings.tax_rounding)?;
            let (mut net_minor, mut tax_minor) = (0_i64, 0_i64);
            for ((line, amount), tax) in lines.into_iter().zip(amounts).zip(taxes) {
                tax_minor = tax_minor.checked_add(tax).ok_or_else(overflow)?;
                let contained = if mode == TaxMode::Included { tax } else { 0 };
                net_minor = net_minor.checked_add(amount - contained).ok_or_else(overflow)?;
                if let Some(line) = self.quoted.get_mut(line) {
                    line.tax = Some(LineTax { class: class.to_owned(), rate, mode, tax_minor: tax });
                }
            }
            sums.push(TaxSum { class: class.to_owned(), rate, mode, net_minor, tax_minor });
        }
        Ok(sums)
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

fn lost(rule: &Rule, why: Why) -> Lost {
    Lost { stage: rule.terms.stage, rule: rule.id, version: rule.version, why }
}

fn overflow() -> Error {
    Error::invalid("total", "money.overflow")
}
