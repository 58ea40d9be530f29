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
    /// # Errors
    /// [`Error::NotFound`] out of reach, and where nobody has brought the customer.
    pub fn bar_referral(&mut self, referee: CustomerId) -> Result<Referral> {
        let (mut work, referral) = self.0.permit_on::<Referral>(WRITE, referee)?;
        link::bar(&mut work, referral.referee_id, Barred::ByHand)?;
        work.get(referee)
    }

    /// Who has brought a customer, if anybody has.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn referral_of(&mut self, referee: CustomerId) -> Result<Option<Referral>> {
        self.0.within(READ)?.find(&referee)
    }

    /// Those whom a member has brought, within reach.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn referrals(&mut self, referrer: CustomerId, limit: Limit, after: Option<&Cursor>) -> Result<Page<Referral>> {
        let mut work = self.0.within(READ)?;
        work.select(link::brought_by(referrer)).order_by(referral::referee_id).page(limit, after)
    }

    /// What was given for one customer, within reach.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn referral_rewards(&mut self, referee: CustomerId) -> Result<Vec<ReferralReward>> {
        self.0.within(READ)?.select(referral_reward::referee_id.eq(referee)).all()
    }
}
