//! What a rule asks of many customers, read with few queries and only where it asks.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::belongs::Facts;
use super::group_rule::GroupRule;
use super::model::Partner;
use crate::branches::{Branch, BranchId, business_day};
use crate::customers::{Customer, CustomerId, customer};
use crate::journal::{JournalEntry, journal_entry};
use crate::kernel::money::Money;
use crate::kernel::time::Timestamp;
use crate::preferences::{Preference, PreferenceSource, preference};
use crate::purchases::event::PURCHASE_RECORDED;
use crate::returns::event::PURCHASE_RETURNED;
use crate::work::{Permit, one_of};
use crate::{Error, Result};

/// Whose histories are read with one query: as many as storages read from an index each and merge.
const HISTORIES: usize = 8;

/// What a rule asks for.
#[derive(Default)]
struct Asked<'r> {
    preferences: BTreeSet<&'r str>,
    partner: bool,
    known: bool,
    purchases: bool,
}

impl<'r> Asked<'r> {
    fn by(rule: &'r GroupRule) -> Self {
        let mut asked = Self::default();
        rule.each_condition(&mut |condition| match condition {
            GroupRule::Prefers { key, .. } => {
                asked.preferences.insert(key);
            }
            GroupRule::Partner => asked.partner = true,
            GroupRule::Bought { .. } | GroupRule::NotBoughtFor(_) => asked.purchases = true,
            GroupRule::KnownFor(_) => asked.known = true,
            _ => {}
        });
        asked
    }
}

/// What a rule asks of these customers now, in their order. Purchases are read in the journal, as they are
/// [listed](crate::purchases::Purchases::of_customer), and summed as they come.
pub(super) fn facts_of(work: &mut Permit<'_, '_>, rule: &GroupRule, customers: &[Customer]) -> Result<Vec<Facts>> {
    let (asked, now) = (Asked::by(rule), work.now());
    let mut branches: BTreeMap<BranchId, Branch> = BTreeMap::new();
    if asked.partner || asked.known || asked.purchases {
        let ids: BTreeSet<BranchId> = customers.iter().filter_map(|customer| customer.branch_id).collect();
        let found = work.get_many::<Branch>(&ids.into_iter().collect::<Vec<_>>())?;
        branches = found.into_iter().flatten().map(|branch| (branch.id, branch)).collect();
    }
    let of = |customer: &Customer| {
        let branch = customer.branch_id.and_then(|branch| branches.get(&branch));
        Facts::new(rule, customer, business_day(branch), now)
    };
    let mut facts: Vec<Facts> = customers.iter().map(of).collect();
    // Whose facts are at which place.
    let mut places: BTreeMap<CustomerId, usize> =
        (0..).zip(customers).map(|(at, customer)| (customer.id, at)).collect();
    if asked.partner {
        let ids: Vec<CustomerId> = customers.iter().map(|customer| customer.id).collect();
        for (facts, partner) in facts.iter_mut().zip(work.get_many::<Partner>(&ids)?) {
            facts.partner = partner.is_some_and(|partner| partner.is_valid_on(facts.today()));
        }
    }
    if !asked.preferences.is_empty() {
        read_preferences(work, &asked.preferences, &places, &mut facts)?;
    }
    if asked.known || asked.purchases {
        add_earlier(work, &mut places, &mut facts)?;
    }
    if asked.purchases {
        read_purchases(work, &places, &mut facts)?;
    }
    Ok(facts)
}

fn read_preferences(
    work: &mut Permit<'_, '_>,
    keys: &BTreeSet<&str>,
    places: &BTreeMap<CustomerId, usize>,
    facts: &mut [Facts],
) -> Result<()> {
    let asked = preference::customer_id.is_in(places.keys().copied()).and(preference::key.is_in(keys.iter().copied()));
    let mut heaviest: BTreeMap<(usize, String), PreferenceSource> = BTreeMap::new();
    work.select::<Preference>(asked).for_each(|known| {
        let Some((&at, facts)) = places.get(&known.customer_id).and_then(|at| Some((at, facts.get_mut(*at)?))) else {
            return Ok(());
        };
        let first = heaviest.entry((at, known.key.clone())).or_insert(known.source);
        if known.source <= *first {
            *first = known.source;
            facts.preferences.insert(known.key, known.value);
        }
        Ok(())
    })
}

/// Adds the records that lead to these customers: their histories are theirs too, and they are known since the first of them.
fn add_earlier(work: &mut Permit<'_, '_>, places: &mut BTreeMap<CustomerId, usize>, facts: &mut [Facts]) -> Result<()> {
    let mut last: Vec<CustomerId> = places.keys().copied().collect();
    while !last.is_empty() {
        let found = work.select(customer::merged_into_id.is_in(last.drain(..).map(Some))).all()?;
        for earlier in found {
            let at = earlier.merged_into_id.and_then(|into| places.get(&into)).copied();
            let Some((at, facts)) = at.and_then(|at| Some((at, facts.get_mut(at)?))) else { continue };
            facts.known_since = facts.known_since.min(earlier.created_at);
            // What leads in a circle, `verify` tells.
            if places.insert(earlier.id, at).is_none() {
                last.push(earlier.id);
            }
        }
    }
    Ok(())
}

/// What the journal says of a purchase.
#[derive(Deserialize)]
struct Recorded {
    total: Money,
}

/// What the journal says of a return.
#[derive(Deserialize)]
struct Returned {
    purchased_at: Timestamp,
    total: Money,
    everything: bool,
}

fn read_purchases(work: &mut Permit<'_, '_>, places: &BTreeMap<CustomerId, usize>, facts: &mut [Facts]) -> Result<()> {
    let unreadable = |error| Error::backend("an entry of the journal", error);
    let ids: Vec<CustomerId> = places.keys().copied().collect();
    for some in ids.chunks(HISTORIES) {
        let kinds = journal_entry::kind.is_in([PURCHASE_RECORDED, PURCHASE_RETURNED]);
        let told = one_of(journal_entry::customer_id, some).and(kinds);
        work.select::<JournalEntry>(told).for_each(|entry| {
            let at = entry.customer_id.and_then(|customer| places.get(&customer));
            let Some(facts) = at.and_then(|at| facts.get_mut(*at)) else { return Ok(()) };
            if entry.kind == PURCHASE_RECORDED {
                let Recorded { total } = serde_json::from_value(entry.payload.0).map_err(unreadable)?;
                facts.bought(entry.occurred_at, total);
            } else {
                let Returned { purchased_at, total, everything } =
                    serde_json::from_value(entry.payload.0).map_err(unreadable)?;
                facts.brought_back(purchased_at, total, everything);
            }
            Ok(())
        })?;
    }
    Ok(())
}
