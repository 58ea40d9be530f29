//! Making gift cards.

use crm_core::access::Target;
use crm_core::branches::{Branch, BranchId};
use crm_core::kernel::input::fold_code;
use crm_core::kernel::money::Money;
use crm_core::kernel::page::{Cursor, Limit, Page};
use crm_core::loyalty::gift_cards::{
    GiftBatch, GiftBatchId, GiftCard, GiftCardState, GiftCode, GiftStep, gift_batch, gift_card, gift_step,
};
use crm_core::loyalty::ledger::NEVER;
use crm_core::work::Version;
use crm_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::event::GiftBatchMade;
use super::{GiftKey, READ};
use crate::Club;

/// Permission to make gift cards and to hand them out.
pub const ISSUE: &str = "loyalty.gift_cards.issue";

/// The most cards of a batch: they are made in one transaction.
const MAX_SIZE: u32 = 1_000;

/// Gift cards to make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewBatch {
    /// A name that no batch has had: 1 to 20 letters and digits.
    pub name: String,
    /// The branch whose cards they are, if they are not good everywhere.
    #[serde(default)]
    pub branch: Option<BranchId>,
    /// What each is worth when it comes to life.
    pub face: Money,
    /// How many, 1 to 1000.
    pub size: u32,
}

/// A card that was made. Its code is here and nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrintedCard<'b> {
    /// What is printed on its outside.
    pub serial: &'b str,
    /// What is printed under the seal.
    pub code: GiftCode,
}

/// A batch that was made, with the codes, for this once.
#[derive(Debug, Clone, PartialEq)]
pub struct MadeBatch {
    /// The batch.
    pub batch: GiftBatch,
    cards: Vec<(String, GiftCode)>,
}

impl MadeBatch {
    /// The cards, in the order of their serial numbers.
    pub fn cards(&self) -> impl ExactSizeIterator<Item = PrintedCard<'_>> {
        self.cards.iter().map(|(serial, code)| PrintedCard { serial, code: *code })
    }
}

impl Club<'_, '_> {
    /// Makes a batch of gift cards. Their codes are returned, for printing, and stored nowhere: whoever loses the answer makes
    /// another batch, under another name. The cards can be sold once the batch was [released](Self::release_gift_batch).
    ///
    /// ```
    /// # use crm_core::access::Actor;
    /// # use crm_core::accounts::Key;
    /// # use crm_core::kernel::currency::Currency;
    /// # use crm_core::kernel::money::Money;
    /// # use crm_core::{Crm, MemoryStorage, Result};
    /// # use crm_loyalty::{Loyalty, WorkLoyalty as _};
    /// # fn main() -> Result<()> {
    /// # let loyalty = Loyalty::new().gift_card_key(Key::new(*b"0123456789abcdef0123456789abcdeF")?);
    /// # let crm = Crm::builder(MemoryStorage::new()).module(loyalty).build_blocking()?;
    /// # crm.blocking().run(&Actor::system(), "shop", |work| {
    /// use crm_core::kernel::page::Limit;
    /// use crm_core::loyalty::gift_cards::GiftCardState;
    /// use crm_loyalty::gift_cards::NewBatch;
    /// let new = NewBatch { name: "A".into(), branch: None, face: Money::new(5_000, Currency::PLN), size: 2 };
    /// let made = work.loyalty().make_gift_batch(&new)?;
    /// // To the printer, and nowhere else.
    /// let printed: Vec<_> = made.cards().map(|card| (card.serial.to_owned(), card.code.expose())).collect();
    /// assert_eq!(printed[0].0, "A-0001");
    ///
    /// // They are back, and nobody has kept the codes.
    /// work.loyalty().release_gift_batch(made.batch.id)?;
    /// let cards = work.loyalty().gift_cards_of(made.batch.id, Limit::new(10)?, None)?.items;
    /// assert!(cards.iter().all(|card| card.state == GiftCardState::Issued));
    /// # Ok::<_, crm_core::Error>(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Setup`] without a key; [`Error::Invalid`] with `gift_batch.size`, `gift_batch.face`, `gift_batch.currency`
    /// when it is not that of the branch, `code.format` for the name; [`Error::AlreadyExists`] for a name that was used. After
    /// [`Error::OutcomeUnknown`] make another batch, of another name: codes are shown once, and cards that were not released
    /// are worth nothing.
    pub fn make_gift_batch(&mut self, new: &NewBatch) -> Result<MadeBatch> {
        let target = new.branch.map_or(Target::ANY, Target::branch);
        let mut work = self.0.permit(ISSUE, &target)?;
        let key = GiftKey::of(&work)?;
        if !(1..=MAX_SIZE).contains(&new.size) {
            return Err(Error::invalid("size", "gift_batch.size"));
        }
        if new.face.minor() <= 0 {
            return Err(Error::invalid("face", "gift_batch.face"));
        }
        if let Some(branch) = new.branch
            && work.get::<Branch>(branch)?.currency != new.face.currency()
        {
            return Err(Error::invalid("face", "gift_batch.currency"));
        }
        let name = fold_code("name", &new.name, 20)?;
        if work.select(gift_batch::name.eq(name.as_str())).first()?.is_some() {
            return Err(Error::AlreadyExists { kind: "gift_batch", unique: "name".into() });
        }
        let now = work.now();
        let batch = GiftBatch {
            id: work.new_id(),
            version: Version::FIRST,
            name,
            branch_id: new.branch,
            currency: new.face.currency(),
            face_minor: new.face.minor(),
            size: new.size,
            made_at: now,
            released_at: None,
        };
        work.insert(&batch)?;
        let (mut rows, mut cards) = (Vec::new(), Vec::new());
        for number in 1..=new.size {
            let code = GiftCode::draw(work.randomness())?;
            let digest = code.digest(key);
            let serial = format!("{}-{number:04}", batch.name);
            rows.push(GiftCard {
                id: digest.id(),
                version: Version::FIRST,
                code_hash: digest.text(),
                last_four: code.last_four(),
                serial: serial.clone(),
                batch_id: batch.id,
                branch_id: new.branch,
                currency: batch.currency,
                face_minor: batch.face_minor,
                state: GiftCardState::Draft,
                owner_id: None,
                account_id: None,
                issued_at: now,
                activated_at: None,
                expires_at: NEVER,
                purchase_id: None,
            });
            cards.push((serial, code));
        }
        work.insert_all(&rows)?;
        work.emit(&told(&batch, new.face))?;
        Ok(MadeBatch { batch, cards })
    }

    /// Hands the cards of a batch out to be sold: they were printed, and nobody has kept the codes. Nothing happens to a batch
    /// that was released before.
    ///
    /// There is an example at [`make_gift_batch`](Self::make_gift_batch).
    ///
    /// # Errors
    /// [`Error::NotFound`] for a batch out of reach.
    pub fn release_gift_batch(&mut self, id: GiftBatchId) -> Result<GiftBatch> {
        let (mut work, found) = self.0.permit_on::<GiftBatch>(ISSUE, id)?;
        let mut batch: GiftBatch = work.lock(found.id)?;
        if batch.released_at.is_some() {
            return Ok(batch);
        }
        let now = work.now();
        for mut card in work.select(gift_card::batch_id.eq(id)).all()? {
            if card.state == GiftCardState::Draft {
                card.state = gift_step(&card, GiftStep::Release, now)?;
                work.update(&mut card)?;
            }
        }
        batch.released_at = Some(now);
        work.update(&mut batch)?;
        work.emit(&told(&batch, Money::new(batch.face_minor, batch.currency)))?;
        Ok(batch)
    }

    /// One page of the cards of a batch, by serial number.
    ///
    /// There is an example at [`make_gift_batch`](Self::make_gift_batch).
    ///
    /// # Errors
    /// [`Error::NotFound`] for a batch out of reach.
    pub fn gift_cards_of(&mut self, id: GiftBatchId, limit: Limit, after: Option<&Cursor>) -> Result<Page<GiftCard>> {
        let (mut work, batch) = self.0.permit_on::<GiftBatch>(READ, id)?;
        work.select(gift_card::batch_id.eq(batch.id)).order_by(gift_card::serial).page(limit, after)
    }
}

fn told(batch: &GiftBatch, face: Money) -> GiftBatchMade {
    GiftBatchMade {
        batch: batch.id,
        branch: batch.branch_id,
        size: batch.size,
        face,
        released: batch.released_at.is_some(),
    }
}
