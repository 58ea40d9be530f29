//! Hebrew.

use crm_core::kernel::calendar::Calendar;

use super::{Bound, Reason, Sentence, Title, Words};

pub(super) const WORDS: Words = Words {
    calendar: Calendar::Gregorian,
    months: [
        "בינואר", "בפברואר", "במרץ", "באפריל", "במאי", "ביוני", "ביולי", "באוגוסט", "בספטמבר", "באוקטובר", "בנובמבר",
        "בדצמבר",
    ],
    short_months: [
        "ינו׳", "פבר׳", "מרץ", "אפר׳", "מאי", "יוני", "יולי", "אוג׳", "ספט׳", "אוק׳", "נוב׳", "דצמ׳",
    ],
    jalali_months: [
        "בפרורדין", "באורדיבהשת", "בח׳ורדאד", "בתיר", "במורדאד", "בשהריור", "במהר", "באבאן", "באזר", "בדיי", "בבהמן",
        "באספנד",
    ],
    report: "מועדון הלקוחות של {club}",
    period: "רכישות מ־{from} עד {to}",
    as_of: "נכון ל־{day}",
    members: "חברי מועדון",
    purchases: "רכישות",
    net_sales: "מכירות נטו",
    after_returns: "אחרי החזרות של {returned}",
    credit_outstanding: "זיכוי לשימוש",
    and_pending: "ועוד {pending} שטרם הבשילו",
    points_outstanding: "נקודות לשימוש",
    debt: "חוב של חברי המועדון",
    by_tier: "חברי מועדון לפי דרגה",
    tiers: [("bronze", "ארד"), ("silver", "כסף"), ("gold", "זהב")],
    no_tier: "עדיין בלי דרגה",
    earns: "צבירה של {rate}",
    over_time: "רכישות לאורך זמן",
    kept: "נשאר",
    returned: "הוחזר",
    by_expiry: "זיכוי לפי מועד פקיעה",
    no_expiry: "ללא מועד",
    nothing_there: "אין כאן דבר.",
    where_credit_went: "מה נעשה בזיכוי",
    where_points_went: "מה נעשה בנקודות",
    issued: "ניתן",
    redeemed: "נוצל",
    expired: "פג",
    available: "זמין",
    pending: "טרם הבשיל",
    held: "מוחזק",
    by_branch: "מכירות נטו לפי סניף",
    top_members: "החברים המובילים",
    member: "חבר מועדון",
    card: "כרטיס",
    tier: "דרגה",
    spent: "סך הרכישות",
    credit: "זיכוי",
    points: "נקודות",
    at_the_desk: "ליד הדלפק",
    desk_lead: "מה קרה בחנות בימים שאחרי סוף ההיסטוריה.",
    outbox: "תיבת היוצאות",
    outbox_lead: "הודעות שממתינות למשלוח.",
    topics: &[],
    history: "ההיסטוריה שנקראה",
    rows: "מתוך {read} שורות נרשמו {used} ונדחו {rejected}.",
    reason: "סיבה",
    count: "שורות",
    first_rows: "שורות {rows}",
    other_price: "ב־{rows} שורות של החזרה רשום מחיר אחר מזה ששולם. מוחזר מה ששולם; ההפרש הוא {difference}.",
    speed: "נרשם בכל שנייה",
    speed_lead: "{recorded} רכישות והחזרות ב־{seconds} שניות: {rate} בשנייה, {callers} במקביל.",
    all_hold: "כל {checked} כללי השלמות של הספרים מתקיימים.",
    broken: "מתוך {checked} כללי השלמות של הספרים הופרו {broken}.",
    points_unit: "נקודות",
    title,
    sentence,
    bound,
    why,
};

fn title(title: Title) -> &'static str {
    match title {
        Title::Partner => "רכישה של שותף",
        Title::Credit => "תשלום חלקי בזיכוי",
        Title::Return => "החזרת מוצר",
        Title::LostCard => "כרטיס אבד",
        Title::Cheque => "המחאה חזרה",
        Title::Tier => "דרגה חדשה",
        Title::Gift => "מתנה לכל בעלי הדרגה",
        Title::Referral => "חבר מביא חבר",
        Title::Reminder => "הגיע מועד התזכורת",
    }
}

fn sentence(sentence: Sentence) -> &'static str {
    match sentence {
        Sentence::IsPartner => "{who} – שותפות בקבוצה {group}: הנחה של {rate} על {category} ועל כל מה שתחתיה.",
        Sentence::PaysLess => "מחיר המחירון הוא {list}; לתשלום {total}.",
        Sentence::AsksForCredit => "{who}: רכישה של {total}, בבקשה לנצל את כל הזיכוי.",
        Sentence::UsesCredit => "מתוך זיכוי של {available} אפשר לנצל {used}: {bound}.",
        Sentence::PaysTheRest => "היתרה, {rest}, משולמת במזומן ומזכה ב־{credit} ובעוד {points}.",
        Sentence::BringsBack => "{who}: החזרה של {pieces} × {product}.",
        Sentence::IsGivenBack => "{cash} מוחזרים במזומן, ו־{credit} חוזרים לזיכוי שממנו באו.",
        Sentence::IsTakenBack => "מה שנצבר על הפריטים האלה נלקח בחזרה: {credit} ו־{points}.",
        Sentence::LosesCard => "{who}: אבד הכרטיס המסתיים ב־{old}. הוא נחסם מיד.",
        Sentence::GetsCard => "כרטיס חדש, המסתיים ב־{new}, פותח את אותו החשבון: הזיכוי, {credit}, עדיין שם.",
        Sentence::OldCardRefused => "ניסיון להשתמש בכרטיס המסתיים ב־{old}: סירוב.",
        Sentence::PaysByCheque => "{who}: תשלום של {total} בהמחאה לתאריך {due}. עדיין לא נצבר דבר.",
        Sentence::ChequeClears => "ההמחאה נפרעה, ואיתה הבשיל זיכוי של {credit}.",
        Sentence::ChequeBounces => "הבנק החזיר אותה: שוב מגיעים {owed}, והזיכוי של {credit} מבוטל.",
        Sentence::NearTier => "{who}: עוד {missing} עד דרגת {tier}.",
        Sentence::ReachesTier => "עם רכישה של {total} מושגת דרגת {tier}. מהרכישה הבאה הצבירה היא {rate}.",
        Sentence::GiftToTier => "{count} חברים בדרגת {tier} מקבלים {amount} כל אחד, בתוקף עד {until}.",
        Sentence::IsBrought => "{who} – הצטרפות בהמלצה של {by}.",
        Sentence::ReferrerEarns => "מרכישה ראשונה של {total} מועבר זיכוי של {share} אל {by}.",
        Sentence::WillExpire => "{who}: זיכוי של {credit} פוקע {until}, שהוא {jalali} בלוח הפרסי.",
        Sentence::IsReminded => "התזכורת בתיבת היוצאות; ימים לפני המועד: {count}.",
    }
}

fn bound(bound: Bound) -> &'static str {
    match bound {
        Bound::Asked => "כמה שביקשו",
        Bound::Available => "כל מה שזמין",
        Bound::PerInvoice => "לא יותר בחשבונית אחת",
        Bound::Daily => "לא יותר ביום אחד",
    }
}

fn why(reason: Reason) -> &'static str {
    match reason {
        Reason::Malformed => "מספר השדות שונה מזה שבכותרת",
        Reason::NotUtf8 => "לא UTF-8",
        Reason::TooLong => "ארוך מדי: אולי חסרה מירכה",
        Reason::NoCustomer => "אין לקוח",
        Reason::NoDate => "אין תאריך",
        Reason::DateFormat => "תאריך שאי אפשר לקרוא",
        Reason::DateOrder => "יום קודם או חודש קודם? יש לציין \u{2066}--date-order\u{2069}",
        Reason::NoSuchDay => "יום שאינו קיים",
        Reason::YearOutOfRange => "שנה לפני 1900 או אחרי 2100: אולי \u{2066}--calendar\u{2069} אחר",
        Reason::NoAmount => "אין סכום",
        Reason::AmountFormat => "סכום שאי אפשר לקרוא",
        Reason::AmountAmbiguous => "אלפים או שברים? יש לציין \u{2066}--decimal\u{2069}",
        Reason::TooManyDecimals => "יותר ספרות אחרי הנקודה משיש למטבע",
        Reason::AmountTooLarge => "סכום גדול מדי",
        Reason::QuantityFormat => "כמות שאינה מספר שלם, או אפס",
        Reason::NegativePrice => "מחיר שלילי",
        Reason::NotNegative => "ביטול של מה שאינו שלילי",
        Reason::ReceiptTooLong => "מספר קבלה של יותר מ־60 תווים",
        Reason::OtherCustomer => "לקוח אחר מזה שבשורה הראשונה של הקבלה",
        Reason::ReceiptAgain => "מספר הקבלה כבר היה בשימוש",
        Reason::NotBought => "החזרה של מה שלא נקנה קודם",
        Reason::MoreThanBought => "החזרה של יותר ממה שנותר מהרכישה",
        Reason::Refused => "נדחה בידי מאגר הנתונים",
    }
}
