//! The terms that apply to a redemption.

use crm_core::branches::{Branch, BranchId};
use crm_core::customers::CustomerId;
use crm_core::kernel::currency::Currency;
use crm_core::kernel::rate::Rate;
use crm_core::kernel::time::{CivilDate, Timestamp};
use crm_core::loyalty::Asset;
use crm_core::loyalty::programme::{Compiled, Validity};
use crm_core::loyalty::redemption::{Limits, Redeemer, RedemptionTerms};
use crm_core::partners::{Membership, Partner};
use crm_core::work::Permit;
use crm_core::{Error, Result};

use crate::programme::current;
use crate::tiers::tiers_at;

/// What the programme in force says about paying with one asset, for somebody.
pub(super) struct Terms {
    pub(super) redemption: RedemptionTerms,
    pub(super) limits: Limits,
    /// Minor units for one point.
    pub(super) point_value: Option<Rate>,
    /// The business day now.
    pub(super) today: CivilDate,
    /// The version of the programme, for the entry (S-20).
    pub(super) reason: Option<String>,
}

/// The terms now. Days are those of the programme, or of the branch where there is none.
///
/// # Errors
/// `redeem.asset` for money of gift cards, which is spent by whoever shows the code alone (S-35); `redeem.currency`,
/// `programme.no_point_value`.
pub(super) fn terms(
    work: &mut Permit<'_, '_>,
    asset: Asset,
    currency: Currency,
    branch: BranchId,
    customer: Option<CustomerId>,
) -> Result<Terms> {
    if matches!(asset, Asset::Gift(_)) {
        return Err(Error::invalid("asset", "redeem.asset"));
    }
    if asset.currency().is_some_and(|own| own != currency) {
        return Err(Error::invalid("asset", "redeem.currency"));
    }
    let now = work.now();
    let Some(compiled) = current(work, now)? else {
        if asset == Asset::Points {
            return Err(Error::invalid("points", "programme.no_point_value"));
        }
        let branch: Branch = work.get(branch)?;
        let today = branch.business_day().date_of(now);
        let (redemption, limits) = (RedemptionTerms::default(), Limits::default());
        return Ok(Terms { redemption, limits, point_value: None, today, reason: None });
    };
    let programme = &compiled.programme;
    let point_value = if asset == Asset::Points { Some(programme.point_value(currency)?) } else { None };
    let today = programme.dates().day.date_of(now);
    let redeemer = redeemer(work, &compiled, asset, branch, customer, today)?;
    Ok(Terms {
        limits: programme.redemption.limits_of(asset, &redeemer),
        redemption: programme.redemption.clone(),
        point_value,
        today,
        reason: Some(format!("programme {}", compiled.number)),
    })
}

/// Who redeems, as far as a limit asks for it.
fn redeemer(
    work: &mut Permit<'_, '_>,
    compiled: &Compiled,
    asset: Asset,
    branch: BranchId,
    customer: Option<CustomerId>,
    today: CivilDate,
) -> Result<Redeemer> {
    let mut redeemer = Redeemer::at(branch, customer);
    let Some(customer) = customer else { return Ok(redeemer) };
    let limits = compiled.programme.redemption.limits.iter().filter(|limits| limits.asset == asset);
    let audiences: Vec<_> = limits.map(|limits| &limits.audience).collect();
    let mut groups: Vec<_> =
        audiences.iter().flat_map(|audience| &audience.customer_groups).map(|group| (customer, *group)).collect();
    groups.sort_unstable();
    groups.dedup();
    if !groups.is_empty() {
        let found = work.get_many::<Membership>(&groups)?.into_iter().flatten();
        redeemer.customer_groups = found.map(|membership| membership.group_id).collect();
    }
    if audiences.iter().any(|audience| !audience.tiers.is_empty()) {
        let now = work.now();
        redeemer.tiers = tiers_at(work, &compiled.programme, customer.into(), now)?;
    }
    if audiences.iter().any(|audience| !audience.partner_groups.is_empty())
        && let Some(partner) = work.find::<Partner>(&customer)?
        && partner.is_valid_on(today)
    {
        redeemer.partner_groups = partner.groups.0;
    }
    Ok(redeemer)
}

/// Until when at least what is given back can be used (S-29).
pub(super) fn restored_until(work: &mut Permit<'_, '_>) -> Result<Timestamp> {
    let now = work.now();
    let Some(compiled) = current(work, now)? else { return Ok(Timestamp::MIN) };
    let programme = &compiled.programme;
    let grace = programme.redemption.grace;
    Ok(grace.map_or(Timestamp::MIN, |span| Validity::For(span).ends(now, &programme.dates())))
}
