//! A shop with a club for the checks.

use crm_core::Result;
use crm_core::accounts::Key;
use crm_core::conformance::{Bench, Factory};
use crm_core::customers::CustomerId;
use crm_core::kernel::time::Timestamp;
use crm_core::loyalty::Asset;
use crm_core::loyalty::ledger::{AccountId, EntryKind, LotSource, NEVER};
use crm_core::loyalty::programme::Programme;
use crm_core::work::Permit;

use crate::ledger::{Book, Give};
use crate::programme::NewVersion;
use crate::{Loyalty, WorkLoyalty as _};

/// The key that codes of gift cards are hidden by in the checks.
pub const GIFT_KEY: [u8; 32] = *b"a key of the club's own checks 1";

/// A store with the club.
pub fn open(factory: Factory<'_>) -> Bench {
    let key = Key::new(GIFT_KEY).expect("a key");
    Bench::open_with(factory, |builder| builder.module(Loyalty::new().gift_card_key(key)))
}

/// Puts a programme into force.
pub(super) fn save(shop: &Bench, programme: Programme) {
    shop.run(move |work| work.loyalty().save_programme(NewVersion::now(programme.clone())).map(|_| ())).unwrap();
}

/// Gives an account something that ends.
pub(super) fn give_until(
    work: &mut Permit<'_, '_>,
    account: AccountId,
    (asset, amount): (Asset, i64),
    expires_at: Timestamp,
) -> Result<()> {
    let now = work.now();
    let mut book = Book::open(work, account)?;
    let give = Give {
        asset,
        amount,
        kind: EntryKind::Give,
        source: LotSource::Bonus,
        occurred_at: now,
        available_at: now,
        expires_at,
        purchase: None,
        branch: None,
        campaign: None,
        reason: None,
        repays_debt: false,
    };
    book.give(work, &give)?;
    book.close(work)
}

/// Gives a member points that do not end.
pub(super) fn give(shop: &Bench, member: CustomerId, points: i64) {
    shop.run(move |work| give_until(work, member.into(), (Asset::Points, points), NEVER)).unwrap();
}

/// What the clock shows.
pub(super) trait Now {
    /// The instant.
    fn clock_now(&self) -> Timestamp;
}

impl Now for Bench {
    fn clock_now(&self) -> Timestamp {
        use crm_core::kernel::time::Clock as _;
        self.clock.now()
    }
}
