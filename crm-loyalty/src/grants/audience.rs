//! Who an audience is, page by page.

use std::collections::BTreeMap;

use crm_core::customers::CustomerId;
use crm_core::kernel::page::{Cursor, Limit};
use crm_core::kernel::time::Timestamp;
use crm_core::loyalty::ledger::{Account, AccountId, AccountKind, account};
use crm_core::partners::{Membership, membership};
use crm_core::pricing::Audience;
use crm_core::work::{Permit, Select};
use crm_core::{Error, Result};

use crate::members::{Member, dates, members};

/// The accounts of a page of an audience, in the order of their ids, and the place after it, if there may be more.
pub(super) struct AudiencePage {
    pub(super) accounts: Vec<Account>,
    pub(super) next: Option<String>,
}

/// The next page of an audience after a place, as of an instant, each member once: by name, by group, or of all accounts,
/// whichever the audience says most narrowly. Who is named by several records that lead to one may come on several pages.
/// Rows are read in the order of an index; memory stays bounded.
pub(super) fn page(
    work: &mut Permit<'_, '_>,
    audience: &Audience,
    as_of: Timestamp,
    limit: Limit,
    after: Option<&str>,
) -> Result<AudiencePage> {
    let (customers, at_group, next) = if !audience.customers.is_empty() {
        let from = after.map_or(Ok(0), str::parse).map_err(|_| alien())?;
        let mut named = audience.customers.clone();
        named.sort_unstable();
        named.dedup();
        let page: Vec<CustomerId> = named.iter().skip(from).take(limit.get()).copied().collect();
        let until = from.saturating_add(page.len());
        (page, None, (until < named.len()).then(|| until.to_string()))
    } else if audience.customer_groups.is_empty() {
        let page = work.select(account::kind.eq(AccountKind::Member)).page(limit, cursor(after)?.as_ref())?;
        let joined = page.items.into_iter().filter(|account: &Account| account.opened_at <= as_of);
        (joined.filter_map(|account| account.customer_id).collect(), None, page.next.map(|next| next.encode()))
    } else {
        let (at, after) = match after.and_then(|after| after.split_once('/')) {
            None => (0, None),
            Some((at, after)) => {
                (at.parse::<usize>().map_err(|_| alien())?, Some(after).filter(|after| !after.is_empty()))
            }
        };
        let group = audience.customer_groups.get(at).copied().ok_or_else(alien)?;
        let select: Select<'_, '_, Membership> = work.select(membership::group_id.eq(group));
        let page = select.order_by(membership::customer_id).page(limit, cursor(after)?.as_ref())?;
        let next = match page.next {
            Some(next) => Some(format!("{at}/{next}")),
            None => (at + 1 < audience.customer_groups.len()).then(|| format!("{}/", at + 1)),
        };
        (page.items.into_iter().map(|member| member.customer_id).collect(), Some(at), next)
    };
    let today = dates(work)?.day.date_of(work.now());
    let mut members = members(work, &customers, &[audience], as_of, today)?;
    let earlier = at_group.map_or(&[][..], |at| audience.customer_groups.get(..at).unwrap_or_default());
    // Whoever is in an earlier group was on its pages.
    members.retain(|member| member.is_of(audience) && !earlier.iter().any(|group| member.is_in(*group)));
    Ok(AudiencePage { accounts: accounts_of(work, &members, !audience.customers.is_empty())?, next })
}

/// The accounts of these members, each once. Customers without an account are no members. By the name of one that was
/// merged its survivor is meant (S-44); in groups and among all accounts the survivor stands itself.
fn accounts_of(work: &mut Permit<'_, '_>, members: &[Member], are_named: bool) -> Result<Vec<Account>> {
    let ids: Vec<AccountId> = members.iter().map(|member| member.customer.id.into()).collect();
    let mut accounts = BTreeMap::new();
    for mut account in work.get_many::<Account>(&ids)?.into_iter().flatten() {
        while let Some(into) = account.merged_into.filter(|_| are_named) {
            account = work.get(into)?;
        }
        if account.merged_into.is_none() {
            accounts.insert(account.id, account);
        }
    }
    Ok(accounts.into_values().collect())
}

fn cursor(text: Option<&str>) -> Result<Option<Cursor>> {
    text.map(Cursor::decode).transpose()
}

fn alien() -> Error {
    Error::invalid("cursor", "page.cursor")
}
