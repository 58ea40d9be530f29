//! A priced order in which every amount says where it comes from.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::model::{Adjustment, Least, PriceRuleId, Stage};
use super::tax::{LineTax, TaxMode, TaxSum};
use crate::branches::BranchId;
use crate::catalog::ProductId;
use crate::customers::CustomerId;
use crate::kernel::currency::Currency;
use crate::kernel::money::Money;
use crate::kernel::time::CivilDate;
use crate::{Error, Result};

/// A priced order (S-47). All amounts are minor units of its currency; those of its lines sum to its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// For whom, if known.
    pub customer: Option<CustomerId>,
    /// Where.
    pub branch: BranchId,
    /// The currency of all amounts.
    pub currency: Currency,
    /// The business day of the branch.
    pub business_date: CivilDate,
    /// The lines of the cart, in its order.
    pub lines: Vec<QuotedLine>,
    /// The tax, by rate.
    pub taxes: Vec<TaxSum>,
    /// The uses of rules with limits, for whoever keeps their counters (S-40).
    pub uses: Vec<RuleUse>,
    /// What everything costs at list prices.
    pub list_minor: i64,
    /// What was taken off.
    pub discount_minor: i64,
    /// All tax, whether contained or on top.
    pub tax_minor: i64,
    /// What is to be paid.
    pub total_minor: i64,
}

/// A priced line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotedLine {
    /// What.
    pub product: ProductId,
    /// Pieces.
    pub quantity: i64,
    /// The list price of one (①).
    pub unit_minor: i64,
    /// The list price of all.
    pub list_minor: i64,
    /// What was taken off, in order.
    pub taken: Vec<Taken>,
    /// What is left after all discounts.
    pub net_minor: i64,
    /// The tax, where the product has a tax class.
    pub tax: Option<LineTax>,
    /// What is to be paid.
    pub total_minor: i64,
    /// The rules that were on this line and did not apply. Empty in a quote without explanation.
    pub lost: Vec<Lost>,
}

/// Something taken off a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// At which stage.
    pub stage: Stage,
    /// By what.
    pub by: By,
    /// What the rule, or the seller, said.
    pub how: Adjustment,
    /// What it was taken off.
    pub of_minor: i64,
    /// How much.
    pub off_minor: i64,
    /// What kept it from being more.
    pub bound: Option<Bound>,
}

/// Who or what takes something off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// A rule.
    Rule {
        /// The rule.
        id: PriceRuleId,
        /// Its version.
        version: u32,
    },
    /// A person, for this reason.
    Hand(String),
}

crate::text_enum! {
    /// What kept a discount from being more.
    pub enum Bound {
        /// The floor price of the product.
        Floor = "floor",
        /// Nothing was left to take off.
        Nothing = "nothing",
        /// The limit of the rule (S-40).
        Budget = "budget",
    }
}

/// A rule that was on a line and did not apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// Its stage.
    pub stage: Stage,
    /// The rule.
    pub rule: PriceRuleId,
    /// Its version.
    pub version: u32,
    /// Why not.
    pub why: Why,
}

/// Why a rule did not apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// That rule is on the product itself, or on a deeper category (S-25).
    MoreSpecific(PriceRuleId),
    /// That rule is for fewer: the customer before groups, groups before the branch, the branch before all (S-26).
    MorePersonal(PriceRuleId),
    /// That rule is for a group that stands before (S-26).
    GroupBefore(PriceRuleId),
    /// That rule has priority.
    Priority(PriceRuleId),
    /// That rule takes off more.
    Smaller(PriceRuleId),
    /// That rule is its equal, and has the lower id.
    Equal(PriceRuleId),
    /// That rule is exclusive.
    Exclusive(PriceRuleId),
    /// That rule was the last that applies.
    Final(PriceRuleId),
    /// It begins with more than there is.
    AtLeast(Least),
    /// It is not for this day.
    Day,
    /// Its limit is reached (S-40).
    UsedUp,
    /// It is limited for each customer, and the customer is not known.
    CustomerUnknown,
    /// Its amounts are of another currency.
    Currency,
}

/// A use of a rule with limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleUse {
    /// The rule.
    pub rule: PriceRuleId,
    /// Its version.
    pub version: u32,
    /// What it took off in all.
    pub off_minor: i64,
    /// The soft limits, from 0, that this passes.
    pub passes: Vec<usize>,
}

impl Quote {
    /// What is to be paid.
    pub fn total(&self) -> Money {
        Money::new(self.total_minor, self.currency)
    }

    /// SHA-256 over what was asked, the versions of the rules that applied, and every amount (S-47).
    ///
    /// Two quotes have the same digest when they say the same, whether explained or not, and whenever they were made: a
    /// rule that lost, or came into force meanwhile without touching this order, does not make a quote stale.
    pub fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        let mut put = |bytes: &[u8]| hash.update(bytes);
        put(b"quote/1");
        put(&[u8::from(self.customer.is_some())]);
        put(self.customer.map(uuid::Uuid::from).unwrap_or_default().as_bytes());
        put(uuid::Uuid::from(self.branch).as_bytes());
        put(self.currency.as_str().as_bytes());
        put(&(self.lines.len() as u64).to_be_bytes());
        for line in &self.lines {
            put(uuid::Uuid::from(line.product).as_bytes());
            for number in [line.quantity, line.unit_minor, line.net_minor, line.total_minor] {
                put(&number.to_be_bytes());
            }
            put(&(line.taken.len() as u64).to_be_bytes());
            for taken in &line.taken {
                match &taken.by {
                    By::Rule { id, version } => {
                        put(&[0]);
                        put(uuid::Uuid::from(*id).as_bytes());
                        put(&version.to_be_bytes());
                    }
                    By::Hand(reason) => {
                        put(&[1]);
                        put(&(reason.len() as u64).to_be_bytes());
                        put(reason.as_bytes());
                    }
                }
                put(&[taken.stage as u8]);
                put(&taken.off_minor.to_be_bytes());
            }
            if let Some(tax) = &line.tax {
                put(&[1, tax.mode as u8]);
                for number in [tax.rate.num(), tax.rate.den(), tax.tax_minor] {
                    put(&number.to_be_bytes());
                }
            }
        }
        hash.finalize().into()
    }

    /// Whether all amounts agree with each other: discounts with what they were taken off, lines with their sums.
    ///
    /// # Errors
    /// [`Error::Invalid`] with rule `quote.inconsistent`, naming what does not agree.
    pub fn verify(&self) -> Result<()> {
        let (mut list, mut off, mut tax, mut total) = (0_i128, 0_i128, 0_i128, 0_i128);
        for line in &self.lines {
            line.verify()?;
            list += i128::from(line.list_minor);
            off += i128::from(line.list_minor) - i128::from(line.net_minor);
            tax += line.tax.as_ref().map_or(0, |tax| i128::from(tax.tax_minor));
            total += i128::from(line.total_minor);
        }
        ensure(list == self.list_minor.into(), "list")?;
        ensure(off == self.discount_minor.into(), "discount")?;
        ensure(tax == self.tax_minor.into(), "tax")?;
        ensure(total == self.total_minor.into(), "total")?;
        let by_rate: i128 = self.taxes.iter().map(|sum| i128::from(sum.tax_minor)).sum();
        ensure(by_rate == tax, "taxes")?;
        for used in &self.uses {
            let by_rule = |taken: &&Taken| matches!(taken.by, By::Rule { id, .. } if id == used.rule);
            let taken = self.lines.iter().flat_map(|line| &line.taken).filter(by_rule);
            ensure(taken.map(|taken| i128::from(taken.off_minor)).sum::<i128>() == used.off_minor.into(), "uses")?;
        }
        Ok(())
    }
}

impl QuotedLine {
    fn verify(&self) -> Result<()> {
        ensure(i128::from(self.unit_minor) * i128::from(self.quantity) == self.list_minor.into(), "line.list")?;
        let mut left = self.list_minor;
        let mut stage = Stage::List;
        for taken in &self.taken {
            ensure(stage <= taken.stage, "taken.stage")?;
            stage = taken.stage;
            ensure((0..=left).contains(&taken.off_minor), "taken.off")?;
            // What a stage began with, or the list price: never more than that.
            ensure((left..=self.list_minor).contains(&taken.of_minor), "taken.of")?;
            left -= taken.off_minor;
        }
        ensure(left == self.net_minor && left >= 0, "line.net")?;
        let on_top = match &self.tax {
            Some(tax) if tax.mode == TaxMode::OnTop => tax.tax_minor,
            _ => 0,
        };
        ensure(self.net_minor.checked_add(on_top) == Some(self.total_minor), "line.total")
    }
}

fn ensure(agrees: bool, what: &'static str) -> Result<()> {
    if agrees { Ok(()) } else { Err(Error::invalid(what, "quote.inconsistent")) }
}
