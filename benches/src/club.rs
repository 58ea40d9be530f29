//! The club of the bench: what its programme says, and its members.

use crm_core::kernel::calendar::Span;
use crm_core::kernel::id::{IdSource, SeededIds};
use crm_core::kernel::money::Money;
use crm_core::kernel::rate::Rate;
use crm_core::kernel::time::{Timestamp, Zone};
use crm_core::loyalty::Asset;
use crm_core::loyalty::earning::{Earn, EarnRule};
use crm_core::loyalty::ledger::{
    Account, AccountId, AccountKind, AccountState, Balance, Entry, EntryId, EntryKind, Lot, LotId, LotSource, NEVER,
    Posting, PostingAccount,
};
use crm_core::loyalty::programme::{Programme, Validity};
use crm_core::loyalty::redemption::{Limits, LimitsFor, RedemptionTerms};
use crm_core::loyalty::tiers::{Need, Rules, Standing, TierLadder, TierTerms, Window};
use crm_core::pricing::Audience;
use crm_core::work::{Entity, Json, Version};
use uuid::Uuid;

use crate::Result;
use crate::data::{Loader, Shop};

/// What every second purchase pays with credit, in minor units: less than the cheapest purchase costs.
pub const PART: i64 = 50;
/// How long credit can be used.
pub const VALID: Validity = Validity::For(Span::Months(6));
/// Percent of what is paid otherwise that is given back as credit.
pub const PERCENT: i64 = 2;
/// Minor units for which there is a point.
pub const PER_POINT: i64 = 100;
/// The key of the rule that gives credit.
pub const CREDIT_RULE: &str = "back";
/// The key of the rule that gives points.
pub const POINTS_RULE: &str = "points";
/// The one ladder.
pub const LADDER: Uuid = Uuid::from_u128(1);

/// Two per cent back as credit for half a year, a point for each whole unit of money, and a ladder whose first step nobody
/// reaches in a run.
///
/// # Errors
/// Never, but for a broken kernel.
pub fn programme(shop: &Shop) -> Result<Programme> {
    let credit = EarnRule {
        valid: VALID,
        ..EarnRule::new(CREDIT_RULE, Asset::Credit(shop.currency), Earn::Percent(Rate::percent(PERCENT)))
    };
    let per = Money::new(PER_POINT, shop.currency);
    let points = EarnRule::new(POINTS_RULE, Asset::Points, Earn::Rate { give: 1, per });
    let mut programme = Programme {
        tiers: vec![ladder()],
        cutoff: shop.cutoff()?,
        ..Programme::new("Club", Zone::new("Europe/Warsaw")?)
    };
    programme.earning.rules = vec![credit, points];
    Ok(programme)
}

/// Nothing is earned, and everybody redeems so much credit a day at most, in minor units: what is left can be told exactly.
///
/// # Errors
/// Never, but for a broken kernel.
pub fn redeeming_programme(shop: &Shop, per_day: i64) -> Result<Programme> {
    let limits = Limits { per_day: Some(per_day), ..Limits::default() };
    let limits = LimitsFor { asset: Asset::Credit(shop.currency), audience: Audience::default(), limits };
    let redemption = RedemptionTerms { limits: vec![limits], ..RedemptionTerms::default() };
    Ok(Programme { redemption, cutoff: shop.cutoff()?, ..Programme::new("Tills", Zone::new("Europe/Warsaw")?) })
}

fn ladder() -> TierLadder {
    let gold = TierTerms::new(Uuid::from_u128(2).into(), "gold", Need::amount(1_000_000_000_000));
    TierLadder::new(LADDER.into(), "club", Window::Lifetime, [gold])
}

/// What every member has to begin with.
#[derive(Debug, Clone, Copy)]
pub struct Opening {
    /// Of what.
    pub asset: Asset,
    /// How much.
    pub amount: i64,
    /// Until when.
    pub expires_at: Timestamp,
}

/// Enough credit for every redemption of a run, and some points.
pub fn openings(shop: &Shop) -> [Opening; 2] {
    let opening = |asset, amount| Opening { asset, amount, expires_at: NEVER };
    [opening(Asset::Credit(shop.currency), 1_000_000), opening(Asset::Points, 10)]
}

/// Makes members of all customers, each with a lot of each of these, on the ladders of the programme.
///
/// # Errors
/// What the database meets.
pub fn load_members(shop: &Shop, loader: &mut dyn Loader, openings: &[Opening], ladders: &[TierLadder]) -> Result<()> {
    let accounts = || shop.customers.iter().map(|customer| AccountId::from(*customer));
    let due_at = openings.iter().map(|opening| opening.expires_at).min().unwrap_or(NEVER);
    let account = |id: AccountId| Account {
        id,
        version: Version::FIRST,
        kind: AccountKind::Member,
        customer_id: Some(Uuid::from(id).into()),
        branch_id: None,
        state: AccountState::Active,
        opened_at: shop.opened(),
        due_at,
        open_holds: Json(Vec::new()),
        merged_into: None,
    };
    loader.load(Account::SCHEMA, &mut accounts().map(|id| account(id).to_row()))?;
    let given = || accounts().flat_map(|account| openings.iter().map(move |opening| (account, *opening)));
    let balance = |(account_id, opening): (AccountId, Opening)| Balance {
        account_id,
        asset: opening.asset,
        version: Version::FIRST,
        available: opening.amount,
        pending: 0,
        held: 0,
        debt: 0,
    };
    loader.load(Balance::SCHEMA, &mut given().map(|given| balance(given).to_row()))?;
    // The same again for each kind: so nothing is kept of a million members.
    let ids = || {
        let source = SeededIds::new(6);
        let opened = shop.opened();
        move || source.next(opened)
    };
    let (next, mut origins) = (ids(), Origins::new(shop));
    let mut lots = given().enumerate().map(|(place, (account_id, opening))| {
        let lot = Lot {
            account_id,
            id: next().into(),
            version: Version::FIRST,
            asset: opening.asset,
            amount: opening.amount,
            remaining: opening.amount,
            held: 0,
            expired: 0,
            earned_at: shop.opened(),
            available_at: shop.opened(),
            expires_at: opening.expires_at,
            matured: true,
            open: true,
            source: LotSource::Opening,
            origin_id: origins.of(place / openings.len()),
            purchase_id: None,
            branch_id: None,
            campaign_id: None,
        };
        lot.to_row()
    });
    loader.load(Lot::SCHEMA, &mut lots)?;
    drop(lots);
    let (next, mut origins) = (ids(), Origins::new(shop));
    let mut entries = accounts().enumerate().map(|(place, account_id)| {
        let postings = openings.iter().flat_map(|opening| {
            let lot: LotId = next().into();
            [(PostingAccount::Issued, None, -opening.amount), (PostingAccount::Available, Some(lot), opening.amount)]
                .map(|(account, lot, amount)| Posting { asset: opening.asset, account, lot, amount })
        });
        let entry = Entry {
            account_id,
            postings: Json(postings.collect()),
            id: origins.of(place),
            kind: EntryKind::Give,
            occurred_at: shop.opened(),
            recorded_at: shop.opened(),
            branch_id: None,
            purchase_id: None,
            reverses_id: None,
            actor: "system".to_owned(),
            reason: None,
        };
        entry.to_row()
    });
    loader.load(Entry::SCHEMA, &mut entries)?;
    drop(entries);
    for ladder in ladders {
        let rules = Rules::new(ladder, &shop.day);
        loader.load(Standing::SCHEMA, &mut accounts().map(|id| rules.fresh(id, shop.opened()).to_row()))?;
    }
    Ok(())
}

/// The entries by which members got what they have to begin with.
struct Origins {
    ids: SeededIds,
    opened: Timestamp,
    last: Option<(usize, EntryId)>,
}

impl Origins {
    fn new(shop: &Shop) -> Self {
        Self { ids: SeededIds::new(7), opened: shop.opened(), last: None }
    }

    /// That of the member at this place; asked for in order.
    fn of(&mut self, place: usize) -> EntryId {
        match self.last {
            Some((last, id)) if last == place => id,
            _ => {
                let id = self.ids.next(self.opened).into();
                self.last = Some((place, id));
                id
            }
        }
    }
}
