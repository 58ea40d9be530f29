//! The same for a club: the killed process records purchases that are paid with credit, at once or with what was set aside
//! before, and earn credit and points. The ledger says of each purchase all it has to, or there is no purchase.

use std::collections::BTreeMap;

use crm_core::access::Actor;
use crm_core::customers::{CustomerId, NewCustomer};
use crm_core::journal::{JournalEntry, journal_entry};
use crm_core::kernel::currency::Currency;
use crm_core::kernel::money::Money;
use crm_core::kernel::rate::Rate;
use crm_core::kernel::time::Zone;
use crm_core::loyalty::Asset;
use crm_core::loyalty::earning::{Earn, EarnRule, EarningTerms, PurchaseSheet};
use crm_core::loyalty::ledger::{Account, Entry, EntryKind, Hold, HoldState, PostingAccount};
use crm_core::loyalty::programme::Programme;
use crm_core::purchases::{NewLine, NewPurchase, NewTender, Purchase, PurchaseId};
use crm_core::work::Filter;
use crm_core::{Crm, Error, Result};
use crm_loyalty::programme::NewVersion;
use crm_loyalty::redemption::{NewHolding, credit, with_hold};
use crm_loyalty::{Loyalty, WorkLoyalty};
use crm_storage_diesel::DieselStorage;

use super::{Trade, rounds};
use crate::postgres::Server;
use crate::shop::{self, Shop};

const CREDIT: Asset = Asset::Credit(Currency::PLN);
/// What a purchase pays with credit, of 30.03.
const PAID: i64 = 100;
/// A tenth of the rest, and a point for each złoty of it.
const EARNED: [(Asset, i64); 2] = [(Asset::Points, 29), (CREDIT, 290)];
/// How many members buy in turn.
const MEMBERS: usize = 5;

/// The shop, and who buys there.
#[derive(Clone)]
struct Club {
    shop: Shop,
    members: Vec<CustomerId>,
}

const CLUB: Trade<Club> = Trade { child: "crash::club::child", open, sell, counts, assert_whole };

fn open(url: &str) -> (Crm, Club) {
    let storage = DieselStorage::open(url).unwrap();
    let (crm, shop) = shop::open_with(storage, 1_000_000, |builder| builder.module(Loyalty::new()));
    let members = crm.blocking().run(&Actor::system(), "open the club", |work| {
        let phones = (0..MEMBERS).map(|n| format!("+4850100000{n}"));
        if work.loyalty().programme(None)?.is_some() {
            return phones.map(|phone| Ok(work.customers().by_phone(&phone)?.id)).collect();
        }
        let rules = vec![
            EarnRule::new("tenth", CREDIT, Earn::Percent(Rate::percent(10))),
            EarnRule::new("points", Asset::Points, Earn::Rate { give: 1, per: Money::new(100, Currency::PLN) }),
        ];
        let earning = EarningTerms { rules, ..EarningTerms::default() };
        let programme = Programme { earning, ..Programme::new("Club", Zone::new("Europe/Warsaw")?) };
        work.loyalty().save_programme(NewVersion::now(programme))?;
        phones
            .map(|phone| {
                let member = work.customers().create(NewCustomer::person("Ala Kot").with_phone(&phone))?.id;
                work.loyalty().adjust(member.into(), CREDIT, 10_000, "welcome", &phone)?;
                Ok(member)
            })
            .collect::<Result<Vec<_>>>()
    });
    (crm, Club { shop, members: members.unwrap() })
}

/// Every other purchase is paid with what is set aside first, by a command of its own.
fn sell(crm: &Crm, club: &Club, receipt_no: &str) -> Result<()> {
    let n: usize = receipt_no.rsplit('-').next().unwrap().parse().unwrap();
    let (member, shop) = (club.members[n % MEMBERS], club.shop.clone());
    let amount = Money::new(PAID, Currency::PLN);
    let tender = if n.is_multiple_of(2) {
        credit(amount)
    } else {
        let due = Money::new(3_003, Currency::PLN);
        let new = NewHolding {
            account: member.into(),
            asset: CREDIT,
            branch: shop.branch,
            due,
            amount,
            minutes: None,
            card: None,
        };
        let key = receipt_no.to_owned();
        let held = crm.blocking().run(&Actor::system(), "hold", move |work| work.loyalty().hold(&new, &key))?;
        with_hold(credit(amount), held.hold)
    };
    let receipt_no = receipt_no.to_owned();
    crm.blocking().run(&Actor::system(), "sell", move |work| {
        let lines: Vec<_> = shop.products.iter().map(|product| NewLine::of(*product, 1)).collect();
        let tenders = [tender.clone(), NewTender::cash_rest()];
        let new =
            NewPurchase { invoice: Some("FV".into()), ..NewPurchase::of(shop.branch, &receipt_no, lines, tenders) };
        work.purchases().record(&new.by(member), &receipt_no).map(drop)
    })
}

fn counts(crm: &Crm, club: &Club) -> Vec<i64> {
    let members = club.members.clone();
    let amounts = crm.blocking().read(&Actor::system(), "count", move |work| {
        let mut counts = Vec::new();
        for member in &members {
            let balances = work.loyalty().balances((*member).into())?;
            counts.extend(balances.values().flat_map(|amounts| [amounts.available, amounts.held]));
        }
        Ok::<_, Error>(counts)
    });
    let mut counts = amounts.unwrap();
    counts.push(shop::left(crm, &club.shop));
    counts
}

/// Of every purchase there are the sheet, the entry that pays and the one that earns, and the hold; of nothing else.
fn assert_whole(crm: &Crm) {
    assert_eq!(crm.blocking().verify().unwrap(), []);
    crm.blocking()
        .read(&Actor::system(), "check", |work| {
            let mut work = work.unrestricted()?;
            let purchases: Vec<PurchaseId> =
                work.select(Filter::<Purchase>::all()).all()?.into_iter().map(|purchase| purchase.id).collect();
            let recorded = journal_entry::kind.eq(crm_core::purchases::event::PURCHASE_RECORDED);
            assert_eq!(work.count::<JournalEntry>(recorded)?, purchases.len() as u64);

            let mut sheets = BTreeMap::new();
            for sheet in work.select(Filter::<PurchaseSheet>::all()).all()? {
                let earned = EARNED.map(|(asset, _)| (asset, sheet.document.0.posted(asset)));
                sheets.insert(sheet.purchase_id, earned);
            }
            let (mut paid, mut earned) = (BTreeMap::new(), BTreeMap::new());
            for entry in work.select(Filter::<Entry>::all()).all()? {
                let Some(purchase) = entry.purchase_id else {
                    assert!(matches!(entry.kind, EntryKind::Hold | EntryKind::Void | EntryKind::Adjust), "{entry:?}");
                    continue;
                };
                let side = match entry.kind {
                    EntryKind::Redeem | EntryKind::Capture => PostingAccount::Redeemed,
                    EntryKind::Earn => PostingAccount::Issued,
                    _ => panic!("{entry:?}"),
                };
                let to = if side == PostingAccount::Redeemed { &mut paid } else { &mut earned };
                let of_purchase: &mut BTreeMap<Asset, i64> = to.entry(purchase).or_default();
                for posting in entry.postings.0.iter().filter(|posting| posting.account == side) {
                    *of_purchase.entry(posting.asset).or_default() += posting.amount;
                }
            }
            let mut captured = BTreeMap::new();
            for hold in work.select(Filter::<Hold>::all()).all()? {
                match hold.purchase_id {
                    Some(purchase) => {
                        assert_eq!((hold.state, hold.amount), (HoldState::Captured, PAID));
                        assert_eq!(captured.insert(purchase, hold.id), None, "paid twice");
                    }
                    // The process died before it could pay with it.
                    None => assert!(matches!(hold.state, HoldState::Open | HoldState::Lapsed)),
                }
            }
            for purchase in &purchases {
                assert_eq!(paid.remove(purchase), Some([(CREDIT, PAID)].into()), "{purchase}");
                let issued = EARNED.map(|(asset, amount)| (asset, -amount));
                assert_eq!(earned.remove(purchase), Some(issued.into()), "{purchase}");
                assert_eq!(sheets.remove(purchase), Some(EARNED), "{purchase}");
                assert!(captured.remove(purchase).is_some(), "{purchase}");
            }
            assert_eq!((paid.len(), earned.len(), sheets.len(), captured.len()), (0, 0, 0, 0), "without a purchase");

            // What there is: the welcome, and of each purchase what it earned less what it paid.
            let mut there = 0;
            for account in work.select(Filter::<Account>::all()).all()? {
                let credit = work.loyalty().balances(account.id)?.get(&CREDIT).copied().unwrap_or_default();
                there += credit.available + credit.held;
            }
            let welcome = 10_000 * i64::try_from(MEMBERS).unwrap();
            let sold = i64::try_from(purchases.len()).unwrap();
            assert_eq!(there, welcome + sold * (EARNED[1].1 - PAID));
            Ok::<_, Error>(())
        })
        .unwrap();
}

#[test]
fn child() {
    CLUB.child();
}

#[test]
fn sqlite_survives_kills() {
    CLUB.sqlite_survives_kills(24);
}

#[test]
fn postgres_survives_kills_of_its_client() {
    CLUB.postgres_survives_kills_of_its_client(6);
}

/// The server dies too while they sell, and what it had acknowledged is on the disk.
#[test]
fn postgres_survives_crashes_of_its_server() {
    let Some(mut server) = Server::own() else { return };
    let url = server.url.clone();
    CLUB.crash(&url, rounds(2), |child| {
        server.crash();
        child.kill();
        server.start_again();
    });
}
