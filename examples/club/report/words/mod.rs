//! The words of the report: one file for each language, the same for all of them.

mod en;
mod fa;
mod he;
mod pl;

use crm_core::kernel::calendar::Calendar;
use crm_core::kernel::language::Language;

use super::summary::{Bound, Sentence, Title};
use crate::history::Reason;

/// What a language brings.
pub(crate) struct Words {
    /// The calendar its readers use.
    pub(crate) calendar: Calendar,
    /// The months in a date, and alone on an axis.
    pub(crate) months: [&'static str; 12],
    pub(crate) short_months: [&'static str; 12],
    /// The Jalali months, for dates that are shown in that calendar too.
    pub(crate) jalali_months: [&'static str; 12],
    /// `{club}`
    pub(crate) report: &'static str,
    /// `{from}`, `{to}`
    pub(crate) period: &'static str,
    /// `{day}`
    pub(crate) as_of: &'static str,
    pub(crate) members: &'static str,
    pub(crate) purchases: &'static str,
    pub(crate) net_sales: &'static str,
    /// `{returned}`
    pub(crate) after_returns: &'static str,
    pub(crate) credit_outstanding: &'static str,
    /// `{pending}`
    pub(crate) and_pending: &'static str,
    pub(crate) points_outstanding: &'static str,
    pub(crate) debt: &'static str,
    pub(crate) by_tier: &'static str,
    pub(crate) tiers: [(&'static str, &'static str); 3],
    pub(crate) no_tier: &'static str,
    /// `{rate}`
    pub(crate) earns: &'static str,
    pub(crate) over_time: &'static str,
    pub(crate) kept: &'static str,
    pub(crate) returned: &'static str,
    pub(crate) by_expiry: &'static str,
    pub(crate) no_expiry: &'static str,
    pub(crate) nothing_there: &'static str,
    pub(crate) where_credit_went: &'static str,
    pub(crate) where_points_went: &'static str,
    pub(crate) issued: &'static str,
    pub(crate) redeemed: &'static str,
    pub(crate) expired: &'static str,
    pub(crate) available: &'static str,
    pub(crate) pending: &'static str,
    pub(crate) held: &'static str,
    pub(crate) by_branch: &'static str,
    pub(crate) top_members: &'static str,
    pub(crate) member: &'static str,
    pub(crate) card: &'static str,
    pub(crate) tier: &'static str,
    pub(crate) spent: &'static str,
    pub(crate) credit: &'static str,
    pub(crate) points: &'static str,
    pub(crate) at_the_desk: &'static str,
    pub(crate) desk_lead: &'static str,
    pub(crate) outbox: &'static str,
    pub(crate) outbox_lead: &'static str,
    pub(crate) topics: &'static [(&'static str, &'static str)],
    pub(crate) history: &'static str,
    /// `{read}`, `{used}`, `{rejected}`
    pub(crate) rows: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) count: &'static str,
    /// `{rows}`
    pub(crate) first_rows: &'static str,
    /// `{rows}`, `{difference}`
    pub(crate) other_price: &'static str,
    pub(crate) speed: &'static str,
    /// `{recorded}`, `{seconds}`, `{rate}`, `{callers}`
    pub(crate) speed_lead: &'static str,
    /// `{checked}`
    pub(crate) all_hold: &'static str,
    /// `{checked}`, `{broken}`
    pub(crate) broken: &'static str,
    pub(crate) points_unit: &'static str,
    pub(crate) title: fn(Title) -> &'static str,
    pub(crate) sentence: fn(Sentence) -> &'static str,
    pub(crate) bound: fn(Bound) -> &'static str,
    pub(crate) why: fn(Reason) -> &'static str,
}

impl Words {
    pub(crate) fn of(language: Language) -> &'static Self {
        match language {
            Language::En => &en::WORDS,
            Language::Pl => &pl::WORDS,
            Language::He => &he::WORDS,
            Language::Fa => &fa::WORDS,
        }
    }

    /// The name of a tier in this language, or as it was given.
    pub(crate) fn tier_name<'n>(&self, name: &'n str) -> &'n str {
        self.tiers.iter().find(|(known, _)| *known == name).map_or(name, |(_, said)| said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENTENCES: [(Sentence, &[&str]); 21] = [
        (Sentence::IsPartner, &["who", "group", "rate", "category"]),
        (Sentence::PaysLess, &["list", "total"]),
        (Sentence::AsksForCredit, &["who", "total"]),
        (Sentence::UsesCredit, &["available", "used", "bound"]),
        (Sentence::PaysTheRest, &["rest", "credit", "points"]),
        (Sentence::BringsBack, &["who", "pieces", "product"]),
        (Sentence::IsGivenBack, &["cash", "credit"]),
        (Sentence::IsTakenBack, &["credit", "points"]),
        (Sentence::LosesCard, &["who", "old"]),
        (Sentence::GetsCard, &["new", "credit"]),
        (Sentence::OldCardRefused, &["old"]),
        (Sentence::PaysByCheque, &["who", "total", "due"]),
        (Sentence::ChequeClears, &["credit"]),
        (Sentence::ChequeBounces, &["owed", "credit"]),
        (Sentence::NearTier, &["who", "missing", "tier"]),
        (Sentence::ReachesTier, &["total", "tier", "rate"]),
        (Sentence::GiftToBest, &["count", "amount", "until"]),
        (Sentence::IsBrought, &["who", "by"]),
        (Sentence::ReferrerEarns, &["total", "share", "by"]),
        (Sentence::WillExpire, &["who", "credit", "until", "jalali"]),
        (Sentence::IsReminded, &["count"]),
    ];

    /// Each sentence names all it is given and nothing else, in every language.
    #[test]
    fn sentences_name_their_facts() {
        for language in Language::ALL {
            for (sentence, facts) in SENTENCES {
                let text = (Words::of(language).sentence)(sentence);
                let mut named: Vec<&str> =
                    text.split('{').skip(1).map(|rest| rest.split_once('}').unwrap().0).collect();
                named.sort_unstable();
                let mut facts = facts.to_vec();
                // Every date is Jalali there: to say it again would be once too often.
                facts.retain(|fact| language != Language::Fa || *fact != "jalali");
                facts.sort_unstable();
                assert_eq!(named, facts, "{language} {sentence:?}");
            }
        }
    }
}
