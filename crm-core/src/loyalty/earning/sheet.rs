//! What a purchase has earned, kept with it: what returns and payments change is computed from this alone, never from the
//! rules of the day (S-12, S-28, S-46).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::base::BaseLine;
use super::counted::Counted;
use super::counters::{CounterKey, LimitUse};
use super::engine::{Basis, Contribution, Earned, steps, sum};
use super::model::{Available, Earn, EarningTerms};
use super::paid::Paid;
use super::plan::{Lost, Snapshot, reaches};
use crate::Result;
use crate::branches::BranchId;
use crate::customers::CustomerId;
use crate::kernel::allocate::cumulative_floor;
use crate::loyalty::Asset;
use crate::loyalty::ledger::{AccountId, LotId};
use crate::loyalty::programme::Validity;
use crate::pricing::Least;
use crate::purchases::PurchaseId;
use crate::work::{Json, Version};

crate::entity! {
    /// What a purchase has earned, and why (C79).
    pub struct PurchaseSheet {
        kind: "loyalty_sheet", table: "crm_loyalty_sheets", key: (purchase_id: PurchaseId), columns: purchase_sheet,
        version: version, scoped: { branch: branch_id, customer: customer_id },
    } {
        /// The purchase.
        purchase_id: PurchaseId,
        /// The optimistic lock.
        version: Version,
        /// The account it is on.
        account_id: AccountId,
        /// Who bought.
        customer_id: CustomerId,
        /// Where.
        branch_id: BranchId,
        /// The version of the programme that was in force when it happened.
        programme: u32,
        /// What it has earned.
        document: Json<Sheet>,
    }
}

/// What a purchase has earned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sheet {
    /// As what the member bought, and when.
    pub snapshot: Snapshot,
    /// The lines.
    pub lines: Vec<SheetLine>,
    /// What each rule gave.
    pub contributions: Vec<Contribution>,
    /// The rules that were met and gave nothing, with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<Lost>,
    /// What has the same dates, for each a lot or several.
    pub portions: Vec<Portion>,
    /// What goes on counting (S-38).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counted: Vec<Counted>,
    /// What was used of limits (S-40).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uses: Vec<LimitUse>,
    /// How far counters were before, those that were not at nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counters: Vec<(CounterKey, i64)>,
    /// What of it is paid (S-12).
    pub paid: Paid,
    /// Whether it is in another currency than its programme counts in: its money counts nothing then (S-21).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub foreign: bool,
    /// What its returns could not take back of each asset (S-28).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owed: Vec<(Asset, i64)>,
}

/// A line of a purchase, with what has come back of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SheetLine {
    /// The number of the line.
    pub line_no: u16,
    /// Pieces.
    pub quantity: i64,
    /// Of what it has earned, in minor units (S-11).
    pub base_minor: i64,
    /// Pieces that have come back.
    #[serde(default)]
    pub returned: i64,
    /// Pieces that have left, where it is earned as they do (S-12).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipped: Option<i64>,
}

impl SheetLine {
    pub(super) fn of(line: &BaseLine) -> Self {
        Self { line_no: line.line_no, quantity: line.quantity, base_minor: line.base_minor, returned: 0, shipped: None }
    }

    /// The base of what is kept: with each piece that comes back it loses `floor(base × returned / quantity)` in all.
    ///
    /// # Errors
    /// `allocate.returned` for more pieces than there are.
    pub fn kept_base(&self) -> Result<i64> {
        Ok(self.base_minor - cumulative_floor(self.base_minor, self.returned, self.quantity)?)
    }

    /// Pieces that nothing is earned with now: those that have come back, or have not left yet. Returns take those first
    /// that have not left.
    pub(super) fn without(&self) -> i64 {
        let here = self.shipped.map_or(0, |shipped| self.quantity.saturating_sub(shipped));
        here.max(self.returned)
    }
}

/// What a purchase has earned of one asset with the same dates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Portion {
    /// What.
    pub asset: Asset,
    /// From when on it can be spent.
    pub available: Available,
    /// How long.
    pub valid: Validity,
    /// The places of its contributions.
    pub contributions: Vec<usize>,
    /// How much of it is on the account now.
    pub posted: i64,
    /// The lots it was given in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lots: Vec<LotId>,
}

impl Sheet {
    /// The sheet of a purchase that was just recorded: nothing is posted yet.
    pub fn new(snapshot: Snapshot, lines: &[BaseLine], earned: Earned, terms: &EarningTerms, paid: Paid) -> Self {
        let mut portions = Vec::<Portion>::new();
        for (place, contribution) in earned.contributions.iter().enumerate() {
            if contribution.basis == Basis::Counted {
                continue;
            }
            let rule = terms.rules.iter().find(|rule| rule.key == contribution.rule);
            let (available, valid) = rule.map_or_else(Default::default, |rule| (rule.available, rule.valid));
            let dates = (contribution.asset, available, valid);
            match portions.iter_mut().find(|portion| (portion.asset, portion.available, portion.valid) == dates) {
                Some(portion) => portion.contributions.push(place),
                None => portions.push(Portion {
                    asset: contribution.asset,
                    available,
                    valid,
                    contributions: vec![place],
                    posted: 0,
                    lots: Vec::new(),
                }),
            }
        }
        Self {
            snapshot,
            lines: lines.iter().map(SheetLine::of).collect(),
            contributions: earned.contributions,
            lost: earned.lost,
            portions,
            counted: earned.counted,
            uses: earned.uses,
            counters: earned.counters,
            paid,
            foreign: false,
            owed: Vec::new(),
        }
    }

    /// The goods are shipped, and it is earned as they leave (S-12). None have yet.
    #[must_use]
    pub fn to_ship(mut self) -> Self {
        self.lines.iter_mut().for_each(|line| line.shipped = Some(0));
        self
    }

    /// Whether it is earned as goods leave.
    pub fn is_shipped(&self) -> bool {
        self.lines.iter().any(|line| line.shipped.is_some())
    }

    /// Takes note of pieces that have left, by line; of less than nothing, that they have not.
    pub fn left(&mut self, lines: impl IntoIterator<Item = (u16, i64)>) {
        for (line_no, pieces) in lines {
            let line = self.lines.iter_mut().find(|line| line.line_no == line_no);
            if let Some(shipped) = line.and_then(|line| line.shipped.as_mut()) {
                *shipped = shipped.saturating_add(pieces);
            }
        }
    }

    /// How much of each portion belongs on the account now: of what is kept and has left, as far as it is paid (S-12, S-28).
    /// Of several portions of an asset the first is earned first.
    ///
    /// # Errors
    /// `allocate.returned` for more pieces than there are.
    pub fn targets(&self) -> Result<Vec<i64>> {
        let kept: Vec<i64> = self.portions.iter().map(|portion| self.kept_of(portion)).collect::<Result<_>>()?;
        let mut targets = Vec::with_capacity(kept.len());
        for (place, portion) in self.portions.iter().enumerate() {
            let of_asset = || self.portions.iter().zip(&kept).filter(|(other, _)| other.asset == portion.asset);
            let all = of_asset().fold(0_i64, |sum, (_, kept)| sum.saturating_add(*kept));
            let earlier = self.portions.iter().zip(&targets).filter(|(other, _)| other.asset == portion.asset);
            let earlier = earlier.fold(0_i64, |sum, (_, target): (_, &i64)| sum.saturating_add(*target));
            let left = self.paid.of(all).saturating_sub(earlier);
            targets.push(left.clamp(0, kept.get(place).copied().unwrap_or(0)));
        }
        Ok(targets)
    }

    /// What is kept of a portion and has left: of each line's share `e` the part without is lost, `floor(e × r / q)` in all
    /// (S-12, S-28).
    fn kept_of(&self, portion: &Portion) -> Result<i64> {
        let contributions = || portion.contributions.iter().filter_map(|place| self.contributions.get(*place));
        let mut kept = 0_i64;
        for (place, line) in self.lines.iter().enumerate() {
            let shares = contributions().filter(|one| one.basis == Basis::Share);
            let share =
                shares.filter_map(|one| one.shares.get(place)).fold(0_i64, |sum, share| sum.saturating_add(*share));
            kept = kept.saturating_add(share - cumulative_floor(share, line.without(), line.quantity)?);
        }
        // Of the whole it cannot be said which piece has brought it: it is earned with the last that leaves.
        let all_left = self.lines.iter().all(|line| line.without() == line.returned);
        for again in contributions().filter(|one| all_left && one.basis != Basis::Share) {
            kept = kept.saturating_add(self.kept(again)?);
        }
        Ok(kept)
    }

    /// What is kept of one contribution.
    ///
    /// # Errors
    /// `allocate.returned` for more pieces than there are.
    pub fn kept(&self, contribution: &Contribution) -> Result<i64> {
        match &contribution.basis {
            Basis::Share => {
                let mut kept = 0_i64;
                for (line, share) in self.lines.iter().zip(&contribution.shares) {
                    kept = kept.saturating_add(share - cumulative_floor(*share, line.returned, line.quantity)?);
                }
                Ok(kept)
            }
            Basis::Again { lines, earn, at_least } => {
                let own: Vec<_> = lines.iter().filter_map(|place| self.lines.get(*place)).collect();
                if !still_met(&own, at_least)? {
                    return Ok(0);
                }
                let earned = match earn {
                    Earn::Step { give, step, .. } => {
                        let bases: Vec<i64> = own.iter().map(|line| line.kept_base()).collect::<Result<_>>()?;
                        steps(sum(&bases), step.minor()).saturating_mul(*give)
                    }
                    _ => contribution.amount,
                };
                Ok(earned.min(contribution.amount))
            }
            Basis::Counted => {
                let own = self.counted.iter().find(|one| one.rule == contribution.rule);
                Ok(own.map_or(0, |counted| counted.posted))
            }
        }
    }

    /// How much of an asset it has earned when it was recorded, in all.
    pub fn earned(&self, asset: Asset) -> i64 {
        let amounts = self.contributions.iter().filter(|one| one.asset == asset).map(|one| one.amount);
        amounts.fold(0, i64::saturating_add)
    }

    /// How much of an asset is on the account for it now.
    pub fn posted(&self, asset: Asset) -> i64 {
        let portions = self.portions.iter().filter(|one| one.asset == asset).map(|one| one.posted);
        let counted = self.counted.iter().filter(|one| one.asset == asset).map(|one| one.posted);
        portions.chain(counted).fold(0, i64::saturating_add)
    }

    /// The assets it has earned.
    pub fn assets(&self) -> Vec<Asset> {
        let earned = self.portions.iter().map(|one| one.asset).chain(self.counted.iter().map(|one| one.asset));
        let mut assets: Vec<_> = earned.collect();
        assets.sort_unstable();
        assets.dedup();
        assets
    }

    /// What it counts towards tiers (S-17).
    ///
    /// # Errors
    /// `allocate.returned` for more pieces than there are.
    pub fn qualifying(&self) -> Result<Qualifying> {
        let mut sums = Qualifying::default();
        for line in &self.lines {
            sums.amount_minor = sums.amount_minor.saturating_add(line.kept_base()?);
        }
        if self.foreign {
            sums.amount_minor = 0;
        }
        sums.purchases = i64::from(self.lines.iter().any(|line| line.returned < line.quantity));
        for contribution in self.contributions.iter().filter(|one| one.asset == Asset::Points) {
            let counted = contribution.basis == Basis::Counted;
            sums.points = sums.points.saturating_add(if counted { 0 } else { self.kept(contribution)? });
        }
        Ok(sums)
    }

    /// Takes note of what has come back in all, by line.
    pub fn came_back(&mut self, lines: impl IntoIterator<Item = (u16, i64)>) {
        for (line_no, returned) in lines {
            if let Some(line) = self.lines.iter_mut().find(|line| line.line_no == line_no) {
                line.returned = returned;
            }
        }
    }

    /// What is still used of each limit, in the order of the uses: where nothing is kept of what was given it is no use, and
    /// what was taken back is not given (S-40, S-50).
    ///
    /// # Errors
    /// `allocate.returned` for more pieces than there are.
    pub fn used(&self) -> Result<Vec<i64>> {
        let all_back = self.lines.iter().all(|line| line.returned == line.quantity);
        let mut used = Vec::with_capacity(self.uses.len());
        for one in &self.uses {
            let mut kept = 0_i64;
            for contribution in self.contributions.iter().filter(|other| match &one.rule {
                Some(rule) => other.rule == *rule,
                None => other.asset == one.asset,
            }) {
                kept = kept.saturating_add(self.kept(contribution)?);
            }
            used.push(if one.uses { i64::from(!all_back && kept > 0) } else { kept });
        }
        Ok(used)
    }
}

/// Whether something is kept of the lines of a rule, and no less than it asks for.
pub(super) fn still_met(lines: &[&SheetLine], at_least: &[Least]) -> Result<bool> {
    let mut kept = Vec::with_capacity(lines.len());
    for line in lines {
        kept.push((line.kept_base()?, line.quantity.saturating_sub(line.returned)));
    }
    let something = kept.iter().any(|(_, pieces)| *pieces > 0);
    Ok(something && at_least.iter().all(|least| reaches(*least, kept.iter().copied())))
}

/// What a purchase counts towards tiers (S-17): what is kept of it, whether it is paid or not. The money of another currency
/// than the programme's counts nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Qualifying {
    /// The base of what is kept, in minor units.
    pub amount_minor: i64,
    /// One, unless all of it came back.
    pub purchases: i64,
    /// Points that its rules gave for what is kept, but for those that are counted over purchases (S-38).
    pub points: i64,
}

/// The account of everybody's counters.
pub fn everybody() -> AccountId {
    Uuid::nil().into()
}
