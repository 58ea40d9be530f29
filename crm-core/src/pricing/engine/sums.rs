//! What is left after the stages: tax, and sums.

use std::collections::BTreeMap;

use super::{Pricing, overflow};
use crate::kernel::rate::Rate;
use crate::pricing::quote::Quote;
use crate::pricing::tax::{self, LineTax, TaxMode, TaxRate, TaxSum};
use crate::{Error, Result};

impl Pricing<'_> {
    /// Tax and sums.
    pub(super) fn finish(mut self) -> Result<Quote> {
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
        let mut rates: Vec<(&str, &TaxRate)> = Vec::new();
        for (line, (product, node)) in self.products.iter().zip(&self.nodes).enumerate() {
            let above = || policy.tree.tax_class(*node);
            let Some(class) = product.tax_class.as_deref().or_else(above) else { continue };
            let known = rates.iter().find(|(other, _)| *other == class).map(|(_, rate)| *rate);
            let rate = if let Some(rate) = known {
                rate
            } else {
                let rate = tax::rate_for(&policy.taxes, class, context.branch, context.business_date)?;
                rates.push((class, rate));
                rate
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
