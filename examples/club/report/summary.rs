//! What the report tells, as plain data: it can be made by hand, and looked at before there is a store.

use std::collections::BTreeMap;

use crm_core::kernel::currency::Currency;
use crm_core::kernel::rate::Rate;
use crm_core::kernel::time::CivilDate;

use crate::history::{Reason, Rejected};

/// Everything in a report. Amounts are in minor units of one currency.
#[derive(Clone, Debug)]
pub(crate) struct Summary {
    /// What the shop is called.
    pub(crate) shop: String,
    /// Where the history comes from.
    pub(crate) source: String,
    pub(crate) currency: Currency,
    /// The first and the last day of the history.
    pub(crate) period: Option<(CivilDate, CivilDate)>,
    /// The day the report speaks of.
    pub(crate) as_of: CivilDate,
    pub(crate) rows: Rows,
    pub(crate) sales: Sales,
    pub(crate) members: u64,
    pub(crate) tiers: Vec<Tier>,
    /// Credit, and the same for points.
    pub(crate) credit: Account,
    pub(crate) points: Account,
    /// Credit that is there, by the last day it can be used; nothing for what does not expire.
    pub(crate) expiry: BTreeMap<Option<CivilDate>, i64>,
    pub(crate) top: Vec<Member>,
    pub(crate) outbox: Vec<Topic>,
    pub(crate) desk: Vec<Scene>,
    /// How many invariants were checked, and how many were found broken.
    pub(crate) checked: (usize, usize),
    /// How fast it went. Left out of a report that is to be the same on every run.
    pub(crate) speed: Option<Speed>,
}

/// What became of the rows of the history.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    pub(crate) read: u64,
    pub(crate) rejected: BTreeMap<Reason, u64>,
    /// The first of them.
    pub(crate) examples: Vec<Rejected>,
    /// How many rows of returns differ from what was paid, and by how much: what was paid is given back.
    pub(crate) other_price: (u64, i64),
}

impl Rows {
    pub(crate) fn rejected(&self) -> u64 {
        self.rejected.values().sum()
    }
}

/// What was bought and brought back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sales {
    pub(crate) purchases: u64,
    pub(crate) returns: u64,
    pub(crate) sold_minor: i64,
    pub(crate) returned_minor: i64,
    pub(crate) days: BTreeMap<CivilDate, Day>,
    /// What each branch sold, less what came back.
    pub(crate) branches: Vec<(String, i64)>,
}

/// A business day.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Day {
    pub(crate) purchases: u64,
    pub(crate) sold_minor: i64,
    pub(crate) returned_minor: i64,
}

/// A tier, and who is in it.
#[derive(Clone, Debug)]
pub(crate) struct Tier {
    pub(crate) name: String,
    /// The credit it earns.
    pub(crate) rate: Rate,
    pub(crate) members: u64,
}

/// The accounts of all members together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Account {
    /// All that was ever given.
    pub(crate) issued: i64,
    pub(crate) redeemed: i64,
    pub(crate) expired: i64,
    pub(crate) available: i64,
    /// Earned, and not to be used yet.
    pub(crate) pending: i64,
    pub(crate) held: i64,
    pub(crate) debt: i64,
}

/// One of the members who bought most.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) card: String,
    pub(crate) tier: Option<String>,
    pub(crate) purchases: u64,
    pub(crate) spent_minor: i64,
    pub(crate) credit_minor: i64,
    pub(crate) points: i64,
}

/// Messages of a kind that wait in the outbox.
#[derive(Clone, Debug)]
pub(crate) struct Topic {
    pub(crate) name: String,
    pub(crate) messages: u64,
}

/// Something that happened at the desk.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) title: Title,
    pub(crate) on: CivilDate,
    pub(crate) told: Vec<Told>,
}

impl Scene {
    pub(crate) fn new(title: Title, on: CivilDate) -> Self {
        Self { title, on, told: Vec::new() }
    }

    /// The same with a sentence more.
    #[must_use]
    pub(crate) fn tell(mut self, sentence: Sentence, facts: impl IntoIterator<Item = (&'static str, Fact)>) -> Self {
        self.told.push(Told { sentence, facts: facts.into_iter().collect() });
        self
    }
}

/// A sentence with what goes into it.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) sentence: Sentence,
    pub(crate) facts: Vec<(&'static str, Fact)>,
}

/// What goes into a sentence.
#[derive(Clone, Debug)]
pub(crate) enum Fact {
    Text(String),
    /// The end of a card number.
    Card(String),
    /// The name of a tier.
    Tier(String),
    Money(i64),
    Points(i64),
    Count(i64),
    Day(CivilDate),
    /// In the Jalali calendar, in every language.
    Jalali(CivilDate),
    Rate(Rate),
    Bound(Bound),
}

impl Fact {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }
}

/// Why no more credit could be used (S-22).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    Asked,
    Available,
    PerInvoice,
    Daily,
}

/// What a scene is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Title {
    Partner,
    Credit,
    Return,
    LostCard,
    Cheque,
    Tier,
    Gift,
    Referral,
    Reminder,
}

/// What is told at the desk, with the names of its facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sentence {
    /// `{who}`, `{group}`, `{rate}`, `{category}`
    IsPartner,
    /// `{list}`, `{total}`
    PaysLess,
    /// `{who}`, `{total}`
    AsksForCredit,
    /// `{available}`, `{used}`, `{bound}`
    UsesCredit,
    /// `{rest}`, `{credit}`, `{points}`
    PaysTheRest,
    /// `{who}`, `{pieces}`, `{product}`
    BringsBack,
    /// `{cash}`, `{credit}`
    IsGivenBack,
    /// `{credit}`, `{points}`
    IsTakenBack,
    /// `{who}`, `{old}`
    LosesCard,
    /// `{new}`, `{credit}`
    GetsCard,
    /// `{old}`
    OldCardRefused,
    /// `{who}`, `{total}`, `{due}`
    PaysByCheque,
    /// `{credit}`
    ChequeClears,
    /// `{owed}`, `{credit}`
    ChequeBounces,
    /// `{who}`, `{missing}`, `{tier}`
    NearTier,
    /// `{total}`, `{tier}`, `{rate}`
    ReachesTier,
    /// `{count}`, `{amount}`, `{until}`
    GiftToBest,
    /// `{who}`, `{by}`
    IsBrought,
    /// `{total}`, `{share}`, `{by}`
    ReferrerEarns,
    /// `{who}`, `{credit}`, `{until}`, `{jalali}`
    WillExpire,
    /// `{count}`
    IsReminded,
}

/// How fast the history was recorded.
#[derive(Clone, Debug)]
pub(crate) struct Speed {
    /// Purchases and returns.
    pub(crate) recorded: u64,
    pub(crate) millis: u64,
    /// In each second.
    pub(crate) seconds: Vec<u64>,
    pub(crate) callers: usize,
    pub(crate) backend: String,
}
