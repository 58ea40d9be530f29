//! What the club gives, and what it has given: the one place that knows the module of the club.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use crm_core::customers::CustomerId;
use crm_core::kernel::calendar::{Calendar, Span, Unit};
use crm_core::kernel::currency::Currency;
use crm_core::kernel::money::Money;
use crm_core::kernel::rate::Rate;
use crm_core::kernel::time::{CivilDate, Timestamp, Weekday, Zone};
use crm_core::loyalty::Asset;
use crm_core::loyalty::earning::{AssetCap, Available, Earn, EarnLimit, EarnRule, EarningTerms, LimitCap};
use crm_core::loyalty::ledger::{AccountId, Balance, Entry, Lot, NEVER, PostingAccount, lot};
use crm_core::loyalty::programme::{PointValue, Programme, Validity};
use crm_core::loyalty::redemption::{Limits, LimitsFor, RedemptionTerms};
use crm_core::loyalty::referral::{ReferralTerm, ReferralTerms};
use crm_core::loyalty::statements::ReminderTerms;
use crm_core::loyalty::tiers::{LadderId, Need, Standing, TierLadder, TierTerms, Window};
use crm_core::pricing::{Audience, Days, LimitPer, LimitPeriod, TierId};
use crm_core::work::{Filter, UnitOfWork};
use crm_core::{CrmBuilder, Error, Result};
use crm_loyalty::jobs::{self, RunDue};
use crm_loyalty::programme::NewVersion;
use crm_loyalty::{Loyalty, WorkLoyalty as _};
use uuid::Uuid;

use crate::report::summary::{Account, Tier};
use crate::till::Till;

/// The tiers from the lowest up, and what of a purchase each gives as credit.
pub(crate) const TIERS: [(&str, i64); 3] = [("bronze", 2), ("silver", 5), ("gold", 8)];
/// Of those who come from a history, the club counts months in this calendar.
pub(crate) const CALENDAR: Calendar = Calendar::Jalali;
/// Members are reminded so many days before the last day on which something is good.
pub(crate) const REMINDED: u16 = 7;

/// Adds the club to a store.
pub(crate) fn install(builder: CrmBuilder) -> CrmBuilder {
    builder.module(Loyalty::new())
}

pub(crate) fn ladder() -> LadderId {
    Uuid::from_u128(1).into()
}

pub(crate) fn tier(step: usize) -> TierId {
    Uuid::from_u128(10 + step as u128).into()
}

/// How large amounts are in this shop: what a fortieth of an average receipt is, roundly.
pub(crate) fn round_unit(average_minor: i64) -> i64 {
    let wanted = (average_minor / 40).max(1);
    let mut unit = 1_i64;
    loop {
        for rounded in [1, 2, 5].map(|digit| unit.saturating_mul(digit)) {
            if rounded.saturating_mul(2) > wanted {
                return rounded;
            }
        }
        unit = unit.saturating_mul(10);
    }
}

/// The programme of the club.
fn programme(zone: &Zone, currency: Currency, unit: i64) -> Programme {
    let credit = Asset::Credit(currency);
    let tiers = TIERS.iter().enumerate().map(|(step, (name, _))| {
        let need = [Need::nothing(), Need::amount(200 * unit), Need::amount(600 * unit)];
        TierTerms::new(tier(step), *name, need.get(step).copied().unwrap_or_default())
    });
    let year = Window::Rolling { span: Span::Months(12), calendar: CALENDAR };
    let mut rules: Vec<EarnRule> = TIERS
        .iter()
        .enumerate()
        .map(|(step, (name, percent))| EarnRule {
            name: format!("Credit of {name}"),
            // What the lowest tier gives everybody gets; of several rates the highest counts.
            audience: if step == 0 {
                Audience::default()
            } else {
                Audience { tiers: vec![tier(step)], ..Audience::default() }
            },
            stack: "credit".into(),
            available: Available::After(Span::Days(14)),
            valid: Validity::For(Span::Months(6)),
            ..EarnRule::new(format!("credit-{name}"), credit, Earn::Percent(Rate::percent(*percent)))
        })
        .collect();
    rules.push(EarnRule {
        name: "Points".into(),
        valid: Validity::ToEndOf(Unit::Year),
        ..EarnRule::new("points", Asset::Points, Earn::Rate { give: 1, per: Money::new(unit, currency) })
    });
    for (day, percent) in [(Weekday::Tuesday, 50), (Weekday::Friday, 100)] {
        rules.push(EarnRule {
            name: format!("{percent} % more points on {day:?}"),
            days: Some(Days { weekdays: vec![day], ..Days::default() }),
            ..EarnRule::new(
                format!("points-{day:?}").to_lowercase(),
                Asset::Points,
                Earn::Boost(Rate::percent(percent)),
            )
        });
    }
    let daily = EarnLimit {
        cap: LimitCap::Amount(120 * unit),
        per: LimitPer::Customer,
        every: Some(LimitPeriod { unit: Unit::Day, calendar: Calendar::Gregorian }),
        soft: true,
    };
    Programme {
        calendar: CALENDAR,
        point_values: vec![PointValue { currency, worth: Rate::new(unit, 100).unwrap_or(Rate::ZERO) }],
        earning: EarningTerms {
            rules,
            exclusive: vec!["credit".into()],
            caps: vec![AssetCap { asset: credit, at_most: Some(80 * unit), limits: vec![daily] }],
            ..EarningTerms::default()
        },
        redemption: RedemptionTerms {
            limits: vec![LimitsFor {
                asset: credit,
                audience: Audience::default(),
                limits: Limits {
                    per_invoice: Some(100 * unit),
                    per_invoice_rate: Some(Rate::percent(50)),
                    per_day: Some(150 * unit),
                    minimum: Some(unit),
                    cash_part: Vec::new(),
                },
            }],
            ..RedemptionTerms::default()
        },
        referral: ReferralTerms {
            terms: vec![ReferralTerm {
                name: "Friends".into(),
                audience: Audience::default(),
                asset: credit,
                currency,
                registration: 0,
                first_purchase: 0,
                share: Rate::percent(5),
                min_base: 0,
                delay_days: 14,
                validity: Validity::For(Span::Months(6)),
                purchases: Some(3),
                months: None,
                per_referee: None,
                per_period: None,
                total: None,
            }],
        },
        reminders: ReminderTerms { days_before: [REMINDED].into() },
        tiers: vec![TierLadder::new(ladder(), "club", year, tiers.collect::<Vec<_>>())],
        ..Programme::new("Club", zone.clone())
    }
}

/// Puts the programme in force.
///
/// # Errors
/// What the store meets.
pub(crate) fn save(work: &mut UnitOfWork<'_>, zone: &Zone, currency: Currency, unit: i64) -> Result<()> {
    work.loyalty().save_programme(NewVersion::now(programme(zone, currency, unit))).map(|_| ())
}

/// Does what is due until an instant. May be called at any time.
///
/// # Errors
/// What the store meets; [`Error::Setup`] for something that could not be done.
pub(crate) async fn run_due(till: &Till, now: Timestamp) -> Result<()> {
    till.set(now);
    let report = jobs::run_due(&till.crm, &till.actor, &RunDue::default(), |_| ControlFlow::Continue(())).await?;
    let failure = report.failures.first();
    failure.map_or(Ok(()), |failure| Err(Error::Setup(format!("{}: {}", failure.job, failure.error))))
}

/// What the books of the club say.
#[derive(Default)]
pub(crate) struct Books {
    pub(crate) credit: Account,
    pub(crate) points: Account,
    pub(crate) expiry: BTreeMap<Option<CivilDate>, i64>,
    pub(crate) tiers: Vec<Tier>,
    pub(crate) standings: HashMap<CustomerId, String>,
    pub(crate) balances: HashMap<CustomerId, (i64, i64)>,
}

/// Reads the books as of now, also what is due and not posted yet.
///
/// # Errors
/// What the store meets.
pub(crate) fn books(
    work: &mut UnitOfWork<'_>,
    customers: &[CustomerId],
    currency: Currency,
    zone: &Zone,
) -> Result<Books> {
    let now = work.now();
    let mut work = work.unrestricted()?;
    let mut books = Books::default();
    let credit = Asset::Credit(currency);
    work.select(Filter::<Entry>::all()).for_each(|entry| {
        for posting in &entry.postings.0 {
            let Some(account) = books.account(posting.asset, credit) else { continue };
            match posting.account {
                PostingAccount::Issued => account.issued -= posting.amount,
                PostingAccount::Redeemed => account.redeemed += posting.amount,
                PostingAccount::Breakage => account.expired += posting.amount,
                _ => {}
            }
        }
        Ok(())
    })?;
    let mut of_top: HashMap<AccountId, (i64, i64)> = customers.iter().map(|id| ((*id).into(), (0, 0))).collect();
    work.select(lot::open.eq(true)).for_each(|lot: Lot| {
        let Some(account) = books.account(lot.asset, credit) else { return Ok(()) };
        account.held += lot.held;
        if lot.expires_at <= now {
            account.expired += lot.remaining;
        } else if lot.available_at > now {
            account.pending += lot.remaining;
        } else {
            account.available += lot.remaining;
            if let Some((money, points)) = of_top.get_mut(&lot.account_id) {
                *if lot.asset == credit { money } else { points } += lot.remaining;
            }
        }
        if lot.asset == credit && lot.expires_at > now && lot.remaining > 0 {
            let last = (lot.expires_at != NEVER).then(|| lot.expires_at.checked_add_micros(-1)).transpose()?;
            *books.expiry.entry(last.map(|last| zone.date_of(last))).or_default() += lot.remaining;
        }
        Ok(())
    })?;
    work.select(Filter::<Balance>::all()).for_each(|balance| {
        if let Some(account) = books.account(balance.asset, credit) {
            account.debt += balance.debt;
        }
        Ok(())
    })?;
    let mut members = [0_u64; TIERS.len()];
    let mut tier_of = HashMap::new();
    work.select(Filter::<Standing>::all()).for_each(|standing| {
        let step = standing.tier_id.and_then(|id| (0..TIERS.len()).find(|step| tier(*step) == id));
        if let Some(count) = step.and_then(|step| members.get_mut(step)) {
            *count += 1;
        }
        if of_top.contains_key(&standing.account_id) {
            tier_of.insert(standing.account_id, step);
        }
        Ok(())
    })?;
    for ((name, percent), members) in TIERS.iter().zip(members) {
        books.tiers.push(Tier { name: (*name).to_owned(), rate: Rate::percent(*percent), members });
    }
    for customer in customers {
        let account = AccountId::from(*customer);
        if let Some((name, _)) = tier_of.get(&account).copied().flatten().and_then(|step| TIERS.get(step)) {
            books.standings.insert(*customer, (*name).to_owned());
        }
        books.balances.insert(*customer, of_top.get(&account).copied().unwrap_or_default());
    }
    Ok(books)
}

impl Books {
    fn account(&mut self, asset: Asset, credit: Asset) -> Option<&mut Account> {
        match asset {
            Asset::Points => Some(&mut self.points),
            asset if asset == credit => Some(&mut self.credit),
            _ => None,
        }
    }
}
