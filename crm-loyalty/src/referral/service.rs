//! Looking at referrals, and what the host says about them.

use crm_core::customers::{Customer, CustomerId};
use crm_core::kernel::page::{Cursor, Limit, Page};
use crm_core::loyalty::referral::{
    Barred, Fingerprint, Referral, ReferralReward, fingerprint, referral, referral_reward,
};
use crm_core::{Error, Result};

use super::link;
use crate::Club;

/// Permission to say who pays with what, and to bar referrals.
pub const WRITE: &str = "loyalty.referral.write";
/// Permission to see who brought whom, and what it gave.
pub const READ: &str = "loyalty.referral.read";
/// Permission to give what there is for bringing others: the module has it for its handlers.
pub const REWARD: &str = "loyalty.referral.reward";

impl Club<'_, '_> {
    /// Says by what a customer pays: a digest of a card or an account, 32 to 128 hexadecimal digits, made by the host with a
    /// key of its own. A member and somebody they have brought who pay with one card are one, and so are two whom one member
    /// has brought: nothing more is given for them, and what was is taken back (S-34).
    ///
    /// ```
    /// # use crm_core::access::Actor;
    /// # use crm_core::customers::NewCustomer;
    /// # use crm_core::kernel::currency::Currency;
    /// # use crm_core::kernel::rate::Rate;
    /// # use crm_core::kernel::time::Zone;
    /// # use crm_core::loyalty::Asset;
    /// # use crm_core::loyalty::programme::Programme;
    /// # use crm_core::loyalty::programme::Validity;
    /// # use crm_core::loyalty::referral::ReferralTerm;
    /// # use crm_core::pricing::Audience;
    /// # use crm_core::{Crm, MemoryStorage, Result};
    /// # use crm_loyalty::programme::NewVersion;
    /// # use crm_loyalty::{Loyalty, WorkLoyalty as _};
    /// # fn main() -> Result<()> {
    /// # let crm = Crm::builder(MemoryStorage::new()).module(Loyalty::new()).build_blocking()?;
    /// # crm.blocking().run(&Actor::system(), "shop", |work| {
    /// # let mut programme = Programme::new("Club", Zone::new("Europe/Warsaw")?);
    /// # programme.referral.terms = vec![ReferralTerm {
    /// #     name: "Friends".into(),
    /// #     audience: Audience::default(),
    /// #     asset: Asset::Points,
    /// #     currency: Currency::PLN,
    /// #     registration: 100,
    /// #     first_purchase: 0,
    /// #     share: Rate::ZERO,
    /// #     min_base: 0,
    /// #     delay_days: 0,
    /// #     validity: Validity::Forever,
    /// #     purchases: None,
    /// #     months: None,
    /// #     per_referee: None,
    /// #     per_period: None,
    /// #     total: None,
    /// # }];
    /// # work.loyalty().save_programme(NewVersion::now(programme.clone()))?;
    /// # let ala = work.customers().create(NewCustomer::person("Ala"))?.id;
    /// # let ola = work.customers().create(NewCustomer { referrer: Some(ala), ..NewCustomer::person("Ola") })?.id;
    /// // The host has seen both pay with one card. It makes the digest with a key of its own.
    /// let digest = "5c".repeat(32);
    /// work.loyalty().note_payment(ala, &digest)?;
    /// work.loyalty().note_payment(ola, &digest)?;
    /// let referral = work.loyalty().referral_of(ola)?.expect("Ala has brought her");
    /// assert!(referral.barred.is_some());
    /// assert_eq!(work.loyalty().balances(ala.into())?[&Asset::Points].available, 0);
    /// # Ok::<_, crm_core::Error>(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    /// `fingerprint.format`; [`Error::NotFound`] for a customer out of reach.
    pub fn note_payment(&mut self, customer: CustomerId, digest: &str) -> Result<()> {
        let (mut work, customer) = self.0.permit_on::<Customer>(WRITE, customer)?;
        let hexadecimal = digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !hexadecimal || !(32..=128).contains(&digest.len()) {
            return Err(Error::invalid("digest", "fingerprint.format"));
        }
        let digest = digest.to_ascii_lowercase();
        let key = (digest.clone(), customer.id);
        if work.find::<Fingerprint>(&key)?.is_none() {
            let noted_at = work.now();
            work.insert(&Fingerprint { digest: digest.clone(), customer_id: customer.id, noted_at })?;
        }
        let same = work.select::<Fingerprint>(fingerprint::digest.eq(digest)).all()?;
        let others: Vec<_> = same.into_iter().map(|other| other.customer_id).filter(|id| *id != customer.id).collect();
        link::bar_by_payment(&mut work, customer.id, &others)
    }

    /// Bars a referral by hand: nothing more is given for it, and what was is taken back.
    ///
    /// There is an example at [`referral_of`](Self::referral_of).
    ///
    /// # Errors
    /// [`Error::NotFound`] out of reach, and where nobody has brought the customer.
    pub fn bar_referral(&mut self, referee: CustomerId) -> Result<Referral> {
        let (mut work, referral) = self.0.permit_on::<Referral>(WRITE, referee)?;
        link::bar(&mut work, referral.referee_id, Barred::ByHand)?;
        work.get(referee)
    }

    /// Who has brought a customer, if anybody has.
    ///
    /// ```
    /// # use crm_core::access::Actor;
    /// # use crm_core::customers::NewCustomer;
    /// # use crm_core::kernel::currency::Currency;
    /// # use crm_core::kernel::rate::Rate;
    /// # use crm_core::kernel::time::Zone;
    /// # use crm_core::loyalty::Asset;
    /// # use crm_core::loyalty::programme::Programme;
    /// # use crm_core::loyalty::programme::Validity;
    /// # use crm_core::loyalty::referral::ReferralTerm;
    /// # use crm_core::pricing::Audience;
    /// # use crm_core::{Crm, MemoryStorage, Result};
    /// # use crm_loyalty::programme::NewVersion;
    /// # use crm_loyalty::{Loyalty, WorkLoyalty as _};
    /// # fn main() -> Result<()> {
    /// # let crm = Crm::builder(MemoryStorage::new()).module(Loyalty::new()).build_blocking()?;
    /// # crm.blocking().run(&Actor::system(), "shop", |work| {
    /// # let mut programme = Programme::new("Club", Zone::new("Europe/Warsaw")?);
    /// # programme.referral.terms = vec![ReferralTerm {
    /// #     name: "Friends".into(),
    /// #     audience: Audience::default(),
    /// #     asset: Asset::Points,
    /// #     currency: Currency::PLN,
    /// #     registration: 100,
    /// #     first_purchase: 0,
    /// #     share: Rate::ZERO,
    /// #     min_base: 0,
    /// #     delay_days: 0,
    /// #     validity: Validity::Forever,
    /// #     purchases: None,
    /// #     months: None,
    /// #     per_referee: None,
    /// #     per_period: None,
    /// #     total: None,
    /// # }];
    /// # work.loyalty().save_programme(NewVersion::now(programme.clone()))?;
    /// # let ala = work.customers().create(NewCustomer::person("Ala"))?.id;
    /// use crm_core::kernel::page::Limit;
    /// let ola = work.customers().create(NewCustomer { referrer: Some(ala), ..NewCustomer::person("Ola") })?.id;
    /// let referral = work.loyalty().referral_of(ola)?.expect("Ala has brought her");
    /// assert_eq!(referral.referrer_id, ala);
    /// assert_eq!(work.loyalty().referrals(ala, Limit::new(10)?, None)?.items, [referral]);
    /// assert_eq!(work.loyalty().referral_rewards(ola)?.len(), 1, "for the registration");
    /// assert_eq!(work.loyalty().balances(ala.into())?[&Asset::Points].available, 100);
    ///
    /// // The two are one person: what was given is taken back.
    /// work.loyalty().bar_referral(ola)?;
    /// assert_eq!(work.loyalty().balances(ala.into())?[&Asset::Points].available, 0);
    /// # Ok::<_, crm_core::Error>(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn referral_of(&mut self, referee: CustomerId) -> Result<Option<Referral>> {
        self.0.within(READ)?.find(&referee)
    }

    /// Those whom a member has brought, within reach.
    ///
    /// There is an example at [`referral_of`](Self::referral_of).
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn referrals(&mut self, referrer: CustomerId, limit: Limit, after: Option<&Cursor>) -> Result<Page<Referral>> {
        let mut work = self.0.within(READ)?;
        work.select(link::brought_by(referrer)).order_by(referral::referee_id).page(limit, after)
    }

    /// What was given for one customer, within reach.
    ///
    /// There is an example at [`referral_of`](Self::referral_of).
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn referral_rewards(&mut self, referee: CustomerId) -> Result<Vec<ReferralReward>> {
        self.0.within(READ)?.select(referral_reward::referee_id.eq(referee)).all()
    }
}
