//! Moving what a member has to another, and back.

use crm_core::access::Target;
use crm_core::customers::CustomerId;
use crm_core::customers::event::{CustomersMerged, CustomersUnmerged};
use crm_core::loyalty::cards::{Card, CardId, card};
use crm_core::loyalty::gift_cards::{GiftCard, GiftCardId, gift_card};
use crm_core::loyalty::ledger::{Account, AccountId, Balance, EntryKind, Lot, LotId, PostingAccount, balance};
use crm_core::loyalty::merge::{MemberMerge, MovedLot, goes_back};
use crm_core::work::{Json, Permit, UnitOfWork};
use crm_core::{Error, Result};

use crate::ledger::{Book, Cause, enrol};
use crate::{cards, earning, programme, tiers};

/// Permission to move what a member has to another; the club itself does when two customers become one.
pub const MERGE: &str = "loyalty.merge";

/// Two customers became one: the loser's lots go to the survivor one by one, with their dates, and so do debts and cards.
///
/// # Errors
/// `merge.open_holds` while something is set aside on the loser's account.
pub(crate) fn on_merged(work: &mut UnitOfWork<'_>, event: &CustomersMerged) -> Result<()> {
    let mut work = work.permit(MERGE, &Target::customer(event.survivor))?;
    let work = &mut work;
    let from: AccountId = event.loser.into();
    if work.find::<Account>(&from)?.is_none() {
        return Ok(());
    }
    let to = enrol(work, event.survivor)?.id;
    let (mut source, mut target) = open_both(work, from, to)?;
    let cause = Cause { reason: Some(event.reason.clone()), ..Cause::default() };
    if !source.account().open_holds.0.is_empty() {
        return Err(Error::invalid("loser", "merge.open_holds"));
    }
    let open: Vec<Lot> = source.open_lots(work)?.cloned().collect();
    let mut lots = Vec::with_capacity(open.len());
    for lot in open {
        let amount = source.withdraw(work, lot.id, EntryKind::Transfer, PostingAccount::Transferred, &cause)?;
        let there = target.take_over(work, &lot, amount, &cause)?;
        lots.push(MovedLot { lot: lot.id, there, amount });
    }
    let mut debts = Vec::new();
    for balance in work.select(balance::account_id.eq(from)).all()? {
        let Balance { asset, debt, .. } = balance;
        if debt > 0 {
            source.take_over_debt(work, asset, -debt, &cause)?;
            target.take_over_debt(work, asset, debt, &cause)?;
            debts.push((asset, debt));
        }
    }
    source.set_merged_into(Some(to));
    source.close(work)?;
    target.close(work)?;
    let (loser, survivor): (Account, Account) = (work.get(from)?, work.get(to)?);
    let tiers = match programme::current_or_last(work)? {
        Some(current) => kept(&tiers::join(work, &current.programme, &survivor, &loser)?)?,
        None => serde_json::Value::Null,
    };
    let counters = earning::join(work, from, to)?;
    let cards = work.select(card::account_id.eq(from)).all()?;
    let moved_cards = cards.iter().map(|card| card.id).collect();
    cards.into_iter().try_for_each(|card| cards::re_key(work, card, &survivor))?;
    let gifts = bound_to(work, event.loser)?;
    bind(work, &gifts, event.survivor)?;
    work.insert(&MemberMerge {
        loser_id: from,
        survivor_id: to,
        merged_at: work.now(),
        lots: Json(lots),
        debts: Json(debts),
        cards: Json(moved_cards),
        gifts: Json(gifts),
        tiers: Json(tiers),
        counters: Json(counters),
    })
}

/// They are two after all: what was moved goes back, if nothing has happened to it since.
///
/// # Errors
/// `merge.lots_used` when something was spent of a moved lot or is set aside, `merge.debt_repaid` when a moved debt was
/// repaid.
pub(crate) fn on_unmerged(work: &mut UnitOfWork<'_>, event: &CustomersUnmerged) -> Result<()> {
    let mut work = work.permit(MERGE, &Target::customer(event.survivor))?;
    let work = &mut work;
    let to: AccountId = event.loser.into();
    let Some(merge) = work.find::<MemberMerge>(&to)? else { return Ok(()) };
    let from = merge.survivor_id;
    // Locked in the order of their ids, before the one stands for itself again (S-33).
    let _: (Account, Account) = (work.lock(from.min(to))?, work.lock(from.max(to))?);
    let mut loser: Account = work.get(to)?;
    loser.merged_into = None;
    work.update(&mut loser)?;
    let (mut source, mut target) = open_both(work, from, to)?;
    let cause = Cause { reason: Some(event.reason.clone()), ..Cause::default() };
    let ids: Vec<LotId> = merge.lots.0.iter().map(|moved| moved.there).collect();
    let lots = source.lots_by_id(work, &ids)?;
    for (moved, lot) in merge.lots.0.iter().zip(&lots) {
        if goes_back(moved, lot)? > 0 {
            let amount = source.withdraw(work, lot.id, EntryKind::Transfer, PostingAccount::Transferred, &cause)?;
            let back = Lot { id: moved.lot, ..lot.clone() };
            target.take_over(work, &back, amount, &cause)?;
        }
    }
    for (asset, debt) in &merge.debts.0 {
        source.take_over_debt(work, *asset, -debt, &cause)?;
        target.take_over_debt(work, *asset, *debt, &cause)?;
    }
    source.close(work)?;
    target.close(work)?;
    let (member, survivor): (Account, Account) = (work.get(to)?, work.get(from)?);
    if let (false, Some(current)) = (merge.tiers.0.is_null(), programme::current_or_last(work)?) {
        let joined = serde_json::from_value(merge.tiers.0.clone());
        let joined = joined.map_err(|error| Error::backend("the counters of a merge", error))?;
        tiers::part(work, &current.programme, &survivor, &joined)?;
    }
    earning::part(work, from, &merge.counters.0)?;
    for card in cards_that_go_back(work, from, &merge.cards.0)? {
        cards::re_key(work, card, &member)?;
    }
    let theirs = bound_to(work, event.survivor)?;
    let gifts: Vec<_> = merge.gifts.0.iter().copied().filter(|gift| theirs.contains(gift)).collect();
    bind(work, &gifts, event.loser)?;
    work.delete(&merge)
}

/// Under which id a lot stands now that was on this account, and has gone to others with it since. One that was given to the
/// survivor in its place stands there already.
pub(crate) fn went_to(work: &mut Permit<'_, '_>, mut account: AccountId, mut lot: LotId) -> Result<LotId> {
    while let Some(merge) = work.find::<MemberMerge>(&account)? {
        lot = merge.lots.0.iter().find(|moved| moved.lot == lot).map_or(lot, |moved| moved.there);
        account = merge.survivor_id;
    }
    Ok(lot)
}

fn kept(joined: &tiers::Joined) -> Result<serde_json::Value> {
    serde_json::to_value(joined).map_err(|error| Error::backend("the counters of a merge", error))
}

/// Both books, opened in the order of their accounts (S-33).
fn open_both(work: &mut Permit<'_, '_>, one: AccountId, other: AccountId) -> Result<(Book, Book)> {
    let first = Book::open(work, one.min(other))?;
    let second = Book::open(work, one.max(other))?;
    Ok(if one < other { (first, second) } else { (second, first) })
}

/// The cards that came with the loser, and those that have replaced them since.
fn cards_that_go_back(work: &mut Permit<'_, '_>, account: AccountId, came: &[CardId]) -> Result<Vec<Card>> {
    let mut back: Vec<Card> = Vec::new();
    // In the order of their ids, a card comes after the one it has replaced.
    for card in work.select(card::account_id.eq(account)).all()? {
        let in_place = card.replaces_id.is_some_and(|old| back.iter().any(|card| card.id == old));
        if in_place || came.contains(&card.id) {
            back.push(card);
        }
    }
    Ok(back)
}

fn bound_to(work: &mut Permit<'_, '_>, owner: CustomerId) -> Result<Vec<GiftCardId>> {
    let cards = work.select(gift_card::owner_id.eq(owner)).all()?;
    Ok(cards.into_iter().map(|card| card.id).collect())
}

/// Gift cards are somebody else's alone to spend from now on.
fn bind(work: &mut Permit<'_, '_>, gifts: &[GiftCardId], owner: CustomerId) -> Result<()> {
    for gift in gifts {
        let mut card: GiftCard = work.get(*gift)?;
        card.owner_id = Some(owner);
        work.update(&mut card)?;
        if let Some(account) = card.account_id {
            let mut account: Account = work.get(account)?;
            account.customer_id = Some(owner);
            work.update(&mut account)?;
        }
    }
    Ok(())
}
