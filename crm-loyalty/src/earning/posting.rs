//! Bringing an account to what a sheet says.

use crm_core::Result;
use crm_core::branches::{Branch, BranchId};
use crm_core::kernel::time::Timestamp;
use crm_core::loyalty::Asset;
use crm_core::loyalty::earning::{Available, Basis, PurchaseSheet, Sheet, Shortfall};
use crm_core::loyalty::ledger::{EntryKind, LotId, LotSource};
use crm_core::loyalty::programme::{Compiled, Validity};
use crm_core::purchases::PurchaseId;
use crm_core::work::Permit;

use crate::ledger::{Book, Cause, ClawBack, Give, Policy};

/// Where entries say they come from.
pub(super) struct Reason {
    purchase: PurchaseId,
    branch: BranchId,
    programme: u32,
}

impl Reason {
    pub(super) fn of(sheet: &PurchaseSheet, branch: &Branch) -> Self {
        Self { purchase: sheet.purchase_id, branch: branch.id, programme: sheet.programme }
    }

    /// The rules with the version of the programme (S-52).
    fn of_rules<'r>(&self, rules: impl Iterator<Item = &'r str>) -> String {
        let rules: Vec<_> = rules.collect();
        format!("{} (programme {})", rules.join(", "), self.programme)
    }
}

/// Posts for one purchase.
pub(super) struct Poster<'p> {
    programme: &'p Compiled,
    branch: &'p Branch,
    at: Timestamp,
    reason: Reason,
}

impl<'p> Poster<'p> {
    pub(super) fn new(programme: &'p Compiled, branch: &'p Branch, at: Timestamp, reason: Reason) -> Self {
        Self { programme, branch, at, reason }
    }

    /// Posts the difference between what belongs on the account and what is there: first what is taken, then what is given.
    pub(super) fn bring(&self, work: &mut Permit<'_, '_>, book: &mut Book, sheet: &mut Sheet) -> Result<()> {
        let targets = sheet.targets()?;
        for asset in sheet.assets() {
            let mut down = 0_i64;
            for (portion, target) in sheet.portions.iter_mut().zip(&targets).filter(|(one, _)| one.asset == asset) {
                if *target < portion.posted {
                    down = down.saturating_add(portion.posted - target);
                    portion.posted = *target;
                }
            }
            self.take_back(work, book, sheet, asset, down)?;
        }
        for (place, target) in targets.into_iter().enumerate() {
            let Some(portion) = sheet.portions.get(place) else { continue };
            let up = target.saturating_sub(portion.posted);
            let rules = portion.contributions.iter().filter_map(|at| sheet.contributions.get(*at));
            let reason = self.reason.of_rules(rules.map(|one| one.rule.as_str()));
            let lot = self.give(work, book, (portion.asset, up), (portion.available, portion.valid), reason)?;
            if let Some(portion) = sheet.portions.get_mut(place) {
                portion.posted = target;
                portion.lots.extend(lot);
            }
        }
        Ok(())
    }

    /// Gives what the counters have brought with the purchase itself, after caps.
    pub(super) fn counted_at_purchase(
        &self,
        work: &mut Permit<'_, '_>,
        book: &mut Book,
        sheet: &mut Sheet,
    ) -> Result<()> {
        for counted in &mut sheet.counted {
            let own = sheet.contributions.iter().find(|one| one.basis == Basis::Counted && one.rule == counted.rule);
            let amount = own.map_or(0, |own| own.amount);
            let reason = self.reason.of_rules(std::iter::once(counted.rule.as_str()));
            let dates = (counted.available, counted.valid);
            counted.lots.extend(self.give(work, book, (counted.asset, amount), dates, reason)?);
            counted.posted = amount;
        }
        Ok(())
    }

    /// Posts so many steps of a rule that counts, or takes them back.
    pub(super) fn steps(
        &self,
        work: &mut Permit<'_, '_>,
        book: &mut Book,
        sheet: &mut Sheet,
        place: usize,
        steps: i64,
    ) -> Result<()> {
        let Some(counted) = sheet.counted.get_mut(place) else { return Ok(()) };
        let amount = counted.give.saturating_mul(steps);
        counted.posted = counted.posted.saturating_add(amount);
        let (asset, dates) = (counted.asset, (counted.available, counted.valid));
        if amount > 0 {
            let reason = self.reason.of_rules(std::iter::once(counted.rule.as_str()));
            counted.lots.extend(self.give(work, book, (asset, amount), dates, reason)?);
            Ok(())
        } else {
            self.take_back(work, book, sheet, asset, amount.saturating_neg())
        }
    }

    fn give(
        &self,
        work: &mut Permit<'_, '_>,
        book: &mut Book,
        (asset, amount): (Asset, i64),
        (available, valid): (Available, Validity),
        reason: String,
    ) -> Result<Option<LotId>> {
        if amount <= 0 {
            return Ok(None);
        }
        let dates = self.programme.programme.dates();
        let available_at = available.from(self.at, &self.branch.business_day(), &dates);
        let give = Give {
            asset,
            amount,
            kind: EntryKind::Earn,
            source: LotSource::Purchase,
            occurred_at: self.at,
            available_at,
            expires_at: valid.ends(available_at, &dates),
            purchase: Some(self.reason.purchase),
            branch: Some(self.reason.branch),
            campaign: None,
            reason: Some(reason),
            repays_debt: true,
        };
        Ok(book.give(work, &give)?.lot)
    }

    fn take_back(
        &self,
        work: &mut Permit<'_, '_>,
        book: &mut Book,
        sheet: &mut Sheet,
        asset: Asset,
        amount: i64,
    ) -> Result<()> {
        if amount <= 0 {
            return Ok(());
        }
        let portions = sheet.portions.iter().filter(|one| one.asset == asset).flat_map(|one| &one.lots);
        let counted = sheet.counted.iter().filter(|one| one.asset == asset).flat_map(|one| &one.lots);
        let own_lots = portions.chain(counted).copied().collect();
        let owed = sheet.owed.iter().find(|(other, _)| *other == asset).map_or(0, |(_, owed)| *owed);
        let policy = match self.programme.programme.earning.shortfall {
            Shortfall::Debt => Policy::Debt,
            Shortfall::ClampAtZero => Policy::ClampAtZero,
        };
        let cause = Cause {
            purchase: Some(self.reason.purchase),
            branch: Some(self.reason.branch),
            reverses: None,
            reason: None,
        };
        let taken = book.claw_back(work, &ClawBack { asset, amount, owed, own_lots, cause, policy })?;
        let owed = owed.saturating_add(taken.debt).saturating_add(taken.adjusted);
        sheet.owed.retain(|(other, _)| *other != asset);
        if owed != 0 {
            sheet.owed.push((asset, owed));
        }
        Ok(())
    }
}
