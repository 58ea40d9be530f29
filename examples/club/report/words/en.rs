//! English.

use crm_core::kernel::calendar::Calendar;

use super::{Bound, Reason, Sentence, Title, Words};

pub(super) const WORDS: Words = Words {
    calendar: Calendar::Gregorian,
    months: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    short_months: ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
    jalali_months: [
        "Farvardin",
        "Ordibehesht",
        "Khordad",
        "Tir",
        "Mordad",
        "Shahrivar",
        "Mehr",
        "Aban",
        "Azar",
        "Dey",
        "Bahman",
        "Esfand",
    ],
    report: "The club of {club}",
    period: "Purchases from {from} to {to}",
    as_of: "as of {day}",
    members: "Members",
    purchases: "Purchases",
    net_sales: "Net sales",
    after_returns: "after {returned} of returns",
    credit_outstanding: "Credit outstanding",
    and_pending: "and {pending} that is not due yet",
    points_outstanding: "Points outstanding",
    debt: "Owed by members",
    by_tier: "Members by tier",
    tiers: [("bronze", "Bronze"), ("silver", "Silver"), ("gold", "Gold")],
    no_tier: "No tier yet",
    earns: "earns {rate}",
    over_time: "Purchases over time",
    kept: "Kept",
    returned: "Returned",
    by_expiry: "Credit outstanding by expiry",
    no_expiry: "no end",
    nothing_there: "Nothing there.",
    where_credit_went: "What became of the credit",
    where_points_went: "What became of the points",
    issued: "Given",
    redeemed: "Used",
    expired: "Expired",
    available: "Available",
    pending: "Not due yet",
    held: "Held",
    by_branch: "Net sales by branch",
    top_members: "Top members",
    member: "Member",
    card: "Card",
    tier: "Tier",
    spent: "Bought for",
    credit: "Credit",
    points: "Points",
    at_the_desk: "At the desk",
    desk_lead: "What happened in the shop on the days after the history ends.",
    outbox: "Outbox",
    outbox_lead: "Messages that wait for whoever delivers them.",
    topics: &[],
    history: "The history that was read",
    rows: "Of {read} rows {used} were recorded and {rejected} rejected.",
    reason: "Reason",
    count: "Rows",
    first_rows: "rows {rows}",
    other_price: "{rows} rows of returns name another price than was paid. What was paid is given back; the difference is {difference}.",
    speed: "Recorded in each second",
    speed_lead: "{recorded} purchases and returns in {seconds} s: {rate} a second, {callers} at a time.",
    all_hold: "All {checked} invariants of the books hold.",
    broken: "Of {checked} invariants of the books {broken} are broken.",
    points_unit: "points",
    title,
    sentence,
    bound,
    why: Reason::about,
};

fn title(title: Title) -> &'static str {
    match title {
        Title::Partner => "A partner buys",
        Title::Credit => "Paid partly by credit",
        Title::Return => "Something comes back",
        Title::LostCard => "A card is lost",
        Title::Cheque => "A cheque bounces",
        Title::Tier => "A tier is reached",
        Title::Gift => "A gift for the best",
        Title::Referral => "A friend was brought along",
        Title::Reminder => "A reminder falls due",
    }
}

fn sentence(sentence: Sentence) -> &'static str {
    match sentence {
        Sentence::IsPartner => {
            "{who} is a partner of the group {group}: {rate} off {category} and everything below it."
        }
        Sentence::PaysLess => "The goods list at {list}; {total} is paid.",
        Sentence::AsksForCredit => "{who} buys for {total} and wants to use all the credit there is.",
        Sentence::UsesCredit => "Of {available} of credit, {used} can be used: {bound}.",
        Sentence::PaysTheRest => "The other {rest} is paid in cash, and earns {credit} of new credit and {points}.",
        Sentence::BringsBack => "{who} brings back {pieces} × {product}.",
        Sentence::IsGivenBack => "{cash} is handed out in cash, and {credit} goes back to the credit it came from.",
        Sentence::IsTakenBack => "What these pieces had earned is taken back: {credit} and {points}.",
        Sentence::LosesCard => "{who} has lost the card ending in {old}. It is blocked at once.",
        Sentence::GetsCard => "A new card, ending in {new}, opens the same account: {credit} of credit is still there.",
        Sentence::OldCardRefused => "Somebody tries the card ending in {old}: refused.",
        Sentence::PaysByCheque => "{who} pays {total} by a cheque that is due on {due}. Nothing is earned yet.",
        Sentence::ChequeClears => "The cheque is cleared, and {credit} of credit with it.",
        Sentence::ChequeBounces => "The bank takes it back: {owed} is owed again, and {credit} of credit is withdrawn.",
        Sentence::NearTier => "{who} is {missing} short of {tier}.",
        Sentence::ReachesTier => {
            "With a purchase of {total}, {tier} is reached. From the next purchase on, {rate} is earned."
        }
        Sentence::GiftToBest => "The {count} members who bought most get {amount} each, valid through {until}.",
        Sentence::IsBrought => "{who} joins, brought along by {by}.",
        Sentence::ReferrerEarns => "Of a first purchase of {total}, {share} of credit goes to {by}.",
        Sentence::WillExpire => {
            "{credit} of credit of {who} ends on {until}, which is {jalali} in the Jalali calendar."
        }
        Sentence::IsReminded => "{count} days before that, the reminder is in the outbox.",
    }
}

fn bound(bound: Bound) -> &'static str {
    match bound {
        Bound::Asked => "as much as was asked for",
        Bound::Available => "all that is available",
        Bound::PerInvoice => "no more on one invoice",
        Bound::Daily => "no more on one day",
    }
}
