//! The customer club as a module: credit, points, tiers, cards, gift cards and referral.
//!
//! Its words, values and pure rules are in [`crm_core::loyalty`]; here is what is done with them, and nothing that a third
//! party's module could not do.

mod ahead;
pub mod anniversaries;
pub mod bonus;
pub mod cards;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod earning;
pub mod gift_cards;
pub mod grants;
pub mod jobs;
pub mod ledger;
pub mod loyal;
mod members;
pub mod merge;
mod notice;
pub mod programme;
pub mod redemption;
pub mod referral;
pub mod statements;
pub mod tiers;

use crm_core::Result;
use crm_core::accounts::Key;
use crm_core::customers::event::{CustomerChanged, CustomerCreated, CustomersMerged, CustomersUnmerged};
use crm_core::instalments::event::InstalmentsCleared;
use crm_core::loyalty::anniversaries::event::{DAY_CELEBRATED, DAY_TOLD};
use crm_core::loyalty::anniversaries::{Celebration, SpecialDay};
use crm_core::loyalty::bonus::event::BONUS_CHANGED;
use crm_core::loyalty::bonus::{BonusDay, BonusRequest};
use crm_core::loyalty::cards::Card;
use crm_core::loyalty::earning::{EarnCounter, PurchaseSheet};
use crm_core::loyalty::gift_cards::{GiftBatch, GiftCard, GiftSale, GiftTicket};
use crm_core::loyalty::grants::event::GRANT_MOVED;
use crm_core::loyalty::grants::{GrantMember, GroupGrant};
use crm_core::loyalty::ledger::{Account, AccountId, Balance, DayUse, Entry, Hold, Lot};
use crm_core::loyalty::merge::MemberMerge;
use crm_core::loyalty::programme::{ProgrammeState, ProgrammeVersion};
use crm_core::loyalty::referral::event::{REFERRAL_BARRED, REFERRAL_NOTED};
use crm_core::loyalty::referral::{Fingerprint, Referral, ReferralReward, Referrer};
use crm_core::loyalty::statements::Reminded;
use crm_core::loyalty::tiers::event::{TIER_ENDING, TIER_LOWERED, TIER_PINNED, TIER_REACHED};
use crm_core::loyalty::tiers::{QualifyingDay, Standing, TierChange};
use crm_core::module::{Manifest, Module, Permission, Registry};
use crm_core::purchases::event::PurchaseRecorded;
use crm_core::returns::event::PurchaseReturned;
use crm_core::shipping::event::{Shipped, Unshipped};
use crm_core::work::{Entity, Permit, UnitOfWork};

pub use notice::{NOTICES, Notice};

/// The module: `Crm::builder(storage).module(Loyalty::new())`.
#[derive(Debug, Default)]
pub struct Loyalty {
    gift_key: gift_cards::GiftKey,
}

impl Loyalty {
    /// The club with standard settings.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with gift cards: their codes are hidden by this key, which is not in the store. Without it nothing is done
    /// with gift cards; with another, no card that was made before is found.
    ///
    /// ```
    /// use crm_core::accounts::Key;
    /// use crm_core::{Crm, MemoryStorage};
    /// use crm_loyalty::Loyalty;
    /// # fn main() -> crm_core::Result<()> {
    /// let key = Key::new(*b"0123456789abcdef0123456789abcdeF")?;
    /// let crm = Crm::builder(MemoryStorage::new()).module(Loyalty::new().gift_card_key(key)).build_blocking()?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn gift_card_key(mut self, key: Key) -> Self {
        self.gift_key = gift_cards::GiftKey(Some(key));
        self
    }
}

const fn permission(name: &'static str, about: &'static str) -> Permission {
    Permission { name, about }
}

const PERMISSIONS: &[Permission] = &[
    permission(ledger::ENROL, "make customers members of the club"),
    permission(ledger::READ, "see accounts of the club and what is on them"),
    permission(grants::PLAN, "plan and revoke gifts to groups"),
    permission(grants::APPROVE, "agree to a gift to a group that somebody else has planned"),
    permission(grants::RUN, "carry out gifts to groups"),
    permission(grants::READ, "see gifts to groups"),
    permission(bonus::GIVE, "give by hand, up to one's limit"),
    permission(bonus::APPROVE, "agree to what somebody else wants to give by hand"),
    permission(bonus::READ, "see what was given by hand"),
    permission(anniversaries::WRITE, "tell weddings and other days of customers that come back"),
    permission(anniversaries::READ, "see days of customers that come back"),
    permission(anniversaries::CELEBRATE, "give what days that come back give"),
    permission(referral::WRITE, "say who pays with what, and bar referrals"),
    permission(referral::READ, "see who brought whom, and what it gave"),
    permission(referral::REWARD, "give what there is for bringing others"),
    permission(statements::READ, "see statements of accounts, and what expires"),
    permission(statements::REPORT, "see what the club owes, and what branches owe each other"),
    permission(statements::REMIND, "remind members of what expires"),
    permission(cards::ISSUE, "issue, activate and replace members' cards"),
    permission(cards::BLOCK, "block members' cards, and free them again"),
    permission(cards::READ, "look members' cards up"),
    permission(gift_cards::ISSUE, "make gift cards and hand them out"),
    permission(gift_cards::SELL, "bring gift cards to life that were paid for"),
    permission(gift_cards::SHOW, "take codes of gift cards from whoever shows them"),
    permission(gift_cards::READ, "look gift cards up by their serial numbers"),
    permission(gift_cards::CARE, "block gift cards, free them, and pay out what is left"),
    permission(merge::MERGE, "move what a member has when two customers become one"),
    permission(programme::WRITE, "save versions of the club's programme"),
    permission(programme::READ, "see the club's programme"),
    permission(ledger::MANAGE, "freeze, thaw and close accounts of the club"),
    permission(ledger::ADJUST, "set accounts of the club right by hand, and forgive debts"),
    permission(ledger::MAINTAIN, "write down what is due on accounts of the club"),
    permission(redemption::REDEEM, "set aside and pay with what is on accounts of the club"),
    permission(earning::EARN, "let purchases earn credit and points"),
    permission(earning::READ, "see what purchases have earned"),
    permission(earning::WHAT_IF, "ask what another programme would have given"),
    permission(loyal::READ, "see which customers are loyal"),
    permission(tiers::READ, "see tiers, what is missing to them, and their history"),
    permission(tiers::PIN, "set tiers by hand"),
    permission(tiers::REVIEW, "review tiers that are due"),
];

impl Module for Loyalty {
    fn manifest(&self) -> Manifest {
        Manifest {
            name: "loyalty",
            requires: &["core"],
            permissions: PERMISSIONS,
            uses: &[],
            // A kind after those it refers to: rows are written in this order.
            entities: &[
                ProgrammeState::SCHEMA,
                ProgrammeVersion::SCHEMA,
                Account::SCHEMA,
                Balance::SCHEMA,
                Lot::SCHEMA,
                Hold::SCHEMA,
                DayUse::SCHEMA,
                Entry::SCHEMA,
                PurchaseSheet::SCHEMA,
                EarnCounter::SCHEMA,
                SpecialDay::SCHEMA,
                Celebration::SCHEMA,
                Referral::SCHEMA,
                Referrer::SCHEMA,
                ReferralReward::SCHEMA,
                Fingerprint::SCHEMA,
                BonusRequest::SCHEMA,
                BonusDay::SCHEMA,
                GroupGrant::SCHEMA,
                GrantMember::SCHEMA,
                Reminded::SCHEMA,
                QualifyingDay::SCHEMA,
                Standing::SCHEMA,
                TierChange::SCHEMA,
                Card::SCHEMA,
                GiftBatch::SCHEMA,
                GiftCard::SCHEMA,
                GiftSale::SCHEMA,
                GiftTicket::SCHEMA,
                MemberMerge::SCHEMA,
            ],
            events: &[
                ledger::event::LEDGER_POSTED,
                ledger::event::ACCOUNT_OPENED,
                ledger::event::ACCOUNT_STATE_CHANGED,
                programme::event::PROGRAMME_SAVED,
                DAY_TOLD,
                DAY_CELEBRATED,
                REFERRAL_NOTED,
                REFERRAL_BARRED,
                BONUS_CHANGED,
                GRANT_MOVED,
                TIER_REACHED,
                TIER_LOWERED,
                TIER_ENDING,
                TIER_PINNED,
                cards::event::CARD_CHANGED,
                cards::event::CARD_REFUSED,
                gift_cards::event::GIFT_BATCH_MADE,
                gift_cards::event::GIFT_CARD_CHANGED,
                gift_cards::event::GIFT_CARD_SHOWN,
                gift_cards::event::GIFT_CODE_TRIED,
            ],
        }
    }

    fn install(&self, registry: &mut Registry) -> Result<()> {
        registry.provide(programme::Versions::default());
        registry.provide(self.gift_key.clone());
        registry.on::<CustomerCreated>("enrol", |work, event| ledger::on_customer(work, event.customer));
        registry.tender(redemption::CREDIT, redemption::Redeeming { points: false });
        registry.tender(redemption::POINTS, redemption::Redeeming { points: true });
        registry.invariant("loyalty.accounts", ledger::accounts_agree);
        registry.on::<CustomerCreated>("birthday", |work, event| anniversaries::on_customer(work, event.customer));
        registry.on::<CustomerCreated>("referral", |work, event| referral::on_customer(work, event.customer));
        registry.on::<CustomerChanged>("birthday", |work, event| {
            anniversaries::on_changed(work, event.customer, &event.columns)
        });
        registry.on::<CustomerChanged>("referral", |work, event| {
            referral::on_changed(work, event.customer, &event.columns)
        });
        // Before what opens the buyer's own account: accounts are locked in the order of their ids (S-33).
        registry.on::<PurchaseRecorded>("referral", referral::on_purchase);
        registry.on::<PurchaseReturned>("referral", referral::on_return);
        registry.on::<InstalmentsCleared>("referral", referral::on_cleared);
        registry.on::<PurchaseRecorded>("earn", earning::on_purchase);
        registry.on::<PurchaseReturned>("claw back", earning::on_return);
        registry.on::<InstalmentsCleared>("earn as it is paid", earning::on_cleared);
        registry.on::<Shipped>("earn as it leaves", earning::on_shipped);
        registry.on::<Unshipped>("earn as it leaves", earning::on_unshipped);
        registry.invariant("earning.sheets", earning::sheets_agree);
        registry.price_context(tiers::complete);
        registry.invariant("tiers.counts", tiers::counts_agree);
        registry.invariant("tiers.history", tiers::standings_agree);
        registry.on::<CustomerCreated>("card numbers", |work, event| cards::on_card_no(work, event.customer));
        registry.on::<CustomerChanged>("card numbers", |work, event| {
            if event.columns.iter().any(|column| column == "card_no") {
                cards::on_card_no(work, event.customer)?;
            }
            Ok(())
        });
        registry.on::<CustomersMerged>("members", merge::on_merged);
        registry.on::<CustomersUnmerged>("members", merge::on_unmerged);
        registry.on::<CustomersMerged>("days", anniversaries::on_merged);
        registry.on::<CustomersUnmerged>("days", anniversaries::on_unmerged);
        registry.on::<CustomersMerged>("referral", referral::on_merged);
        registry.on::<CustomersUnmerged>("referral", referral::on_unmerged);
        registry.on::<PurchaseReturned>("gift cards", gift_cards::on_return);
        registry.tender(gift_cards::GIFT_CARD, gift_cards::GiftCards);
        registry.invariant("loyalty.grants", grants::lists_agree);
        registry.invariant("loyalty.referrals", referral::rewards_agree);
        registry.invariant("loyalty.cards", cards::cards_agree);
        registry.invariant("loyalty.gift_cards", gift_cards::gift_cards_agree);
        registry.invariant("loyalty.merges", merge::merges_agree);
        Ok(())
    }
}

/// The club, seen from a unit of work: `work.loyalty()`.
///
/// ```
/// # use crm_core::access::Actor;
/// # use crm_core::branches::NewBranch;
/// # use crm_core::catalog::NewProduct;
/// # use crm_core::customers::NewCustomer;
/// # use crm_core::kernel::money::Money;
/// # use crm_core::kernel::rate::Rate;
/// # use crm_core::kernel::time::Zone;
/// # use crm_core::loyalty::Asset;
/// # use crm_core::loyalty::earning::{Earn, EarnRule};
/// # use crm_core::loyalty::programme::Programme;
/// # use crm_core::purchases::{NewLine, NewPurchase, NewTender};
/// # use crm_core::{Crm, MemoryStorage, Result};
/// # use crm_loyalty::programme::NewVersion;
/// # use crm_loyalty::{Loyalty, WorkLoyalty as _};
/// # fn main() -> Result<()> {
/// # let crm = Crm::builder(MemoryStorage::new()).module(Loyalty::new()).build_blocking()?;
/// # crm.blocking().run(&Actor::system(), "shop", |work| {
/// # let branch = work.branches().create(NewBranch::named("Rynek", "Europe/Warsaw", "PLN"))?;
/// # let zloty = |zloty: i64| Money::new(zloty * 100, branch.currency);
/// # let credit = Asset::Credit(branch.currency);
/// # let tea = work.catalog().create_product(NewProduct::service("tea", "Tea", zloty(10)))?.id;
/// # let ala = work.customers().create(NewCustomer::person("Ala"))?.id;
/// let mut programme = Programme::new("Club", Zone::new("Europe/Warsaw")?);
/// programme.earning.rules = vec![EarnRule::new("five", credit, Earn::Percent(Rate::percent(5)))];
/// work.loyalty().save_programme(NewVersion::now(programme))?;
///
/// // Every customer is a member; what they buy earns, and what they have pays.
/// let sale = NewPurchase::of(branch.id, "1", [NewLine::of(tea, 4)], [NewTender::cash_rest()]).by(ala);
/// work.purchases().record(&sale, "sale 1")?;
/// assert_eq!(work.loyalty().balances(ala.into())?[&credit].available, 200);
/// let tenders = [crm_loyalty::redemption::credit(zloty(2)), NewTender::cash_rest()];
/// let sale = NewPurchase::of(branch.id, "2", [NewLine::of(tea, 1)], tenders).by(ala);
/// work.purchases().record(&sale, "sale 2")?;
/// assert_eq!(work.loyalty().balances(ala.into())?[&credit].available, 40, "five per cent of eight");
/// # Ok::<_, crm_core::Error>(())
/// # })
/// # }
/// ```
pub struct Club<'w, 't>(pub(crate) &'w mut UnitOfWork<'t>);

impl<'t> Club<'_, 't> {
    /// The way to an account for one operation, as [`permit_on`](UnitOfWork::permit_on); to the one it was merged into, if it
    /// was (S-44). The actor must reach every account on the way: out of reach is the same as absent.
    pub(crate) fn on_account(
        &mut self,
        permission: &'static str,
        account: AccountId,
    ) -> Result<(Permit<'_, 't>, Account)> {
        let (mut work, mut account) = self.0.permit_on::<Account>(permission, account)?;
        while let Some(into) = account.merged_into {
            (_, account) = work.permit_on::<Account>(permission, into)?;
        }
        Ok((work, account))
    }
}

/// The operations of the club, as an extension of the unit of work.
pub trait WorkLoyalty<'t> {
    /// The customer club.
    fn loyalty(&mut self) -> Club<'_, 't>;
}

impl<'t> WorkLoyalty<'t> for UnitOfWork<'t> {
    fn loyalty(&mut self) -> Club<'_, 't> {
        Club(self)
    }
}
