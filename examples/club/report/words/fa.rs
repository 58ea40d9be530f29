//! Persian.

use crm_core::kernel::calendar::Calendar;

use super::{Bound, Reason, Sentence, Title, Words};

const MONTHS: [&str; 12] =
    ["فروردین", "اردیبهشت", "خرداد", "تیر", "مرداد", "شهریور", "مهر", "آبان", "آذر", "دی", "بهمن", "اسفند"];

pub(super) const WORDS: Words = Words {
    calendar: Calendar::Jalali,
    months: MONTHS,
    short_months: MONTHS,
    jalali_months: MONTHS,
    report: "باشگاه مشتریان {club}",
    period: "خریدها از {from} تا {to}",
    as_of: "در تاریخ {day}",
    members: "اعضا",
    purchases: "خریدها",
    net_sales: "فروش خالص",
    after_returns: "پس از {returned} برگشت از فروش",
    credit_outstanding: "اعتبار مانده",
    and_pending: "و {pending} که هنوز آزاد نشده",
    points_outstanding: "امتیاز مانده",
    debt: "بدهی اعضا",
    by_tier: "اعضا به تفکیک سطح",
    tiers: [("bronze", "برنزی"), ("silver", "نقره‌ای"), ("gold", "طلایی")],
    no_tier: "هنوز بدون سطح",
    earns: "{rate} اعتبار",
    over_time: "خریدها در گذر زمان",
    kept: "فروش",
    returned: "برگشتی",
    by_expiry: "اعتبار مانده به تفکیک زمان پایان",
    no_expiry: "بدون پایان",
    nothing_there: "چیزی نیست.",
    where_credit_went: "اعتبارها چه شد",
    where_points_went: "امتیازها چه شد",
    issued: "داده‌شده",
    redeemed: "خرج‌شده",
    expired: "پایان‌یافته",
    available: "در دسترس",
    pending: "آزادنشده",
    held: "نگه‌داشته",
    by_branch: "فروش خالص شعبه‌ها",
    top_members: "اعضای برتر",
    member: "عضو",
    card: "کارت",
    tier: "سطح",
    spent: "جمع خرید",
    credit: "اعتبار",
    points: "امتیاز",
    at_the_desk: "پشت پیشخوان",
    desk_lead: "آنچه در روزهای پس از پایان سابقهٔ خرید در فروشگاه گذشت.",
    outbox: "صندوق خروجی",
    outbox_lead: "پیام‌هایی که در انتظار ارسال‌اند.",
    topics: &[],
    history: "سابقه‌ای که خوانده شد",
    rows: "از {read} ردیف، {used} ردیف ثبت و {rejected} ردیف رد شد.",
    reason: "دلیل",
    count: "ردیف‌ها",
    first_rows: "ردیف‌های {rows}",
    other_price: "در {rows} ردیف برگشتی قیمت دیگری جز قیمت پرداختی آمده است. همان که پرداخت شده پس داده می‌شود؛ تفاوت {difference} است.",
    speed: "ثبت‌شده در هر ثانیه",
    speed_lead: "{recorded} خرید و برگشتی در {seconds} ثانیه: {rate} در ثانیه، {callers} هم‌زمان.",
    all_hold: "همهٔ {checked} قاعدهٔ درستی دفترها برقرار است.",
    broken: "از {checked} قاعدهٔ درستی دفترها {broken} نقض شده است.",
    points_unit: "امتیاز",
    title,
    sentence,
    bound,
    why,
};

fn title(title: Title) -> &'static str {
    match title {
        Title::Partner => "خرید یک همکار",
        Title::Credit => "پرداخت بخشی با اعتبار",
        Title::Return => "کالایی برمی‌گردد",
        Title::LostCard => "کارتی گم می‌شود",
        Title::Cheque => "چکی برگشت می‌خورد",
        Title::Tier => "رسیدن به سطح تازه",
        Title::Gift => "هدیه به برترین‌ها",
        Title::Referral => "دوستی معرفی شده است",
        Title::Reminder => "زمان یادآوری می‌رسد",
    }
}

fn sentence(sentence: Sentence) -> &'static str {
    match sentence {
        Sentence::IsPartner => {
            "{who} از همکاران گروه {group} است: {rate} تخفیف برای شاخهٔ {category} و هرچه زیر آن است."
        }
        Sentence::PaysLess => "قیمت پایه {list} است و {total} پرداخت می‌شود.",
        Sentence::AsksForCredit => "{who} به مبلغ {total} خرید می‌کند و می‌خواهد همهٔ اعتبارش را خرج کند.",
        Sentence::UsesCredit => "از {available} اعتبار، {used} قابل استفاده است: {bound}.",
        Sentence::PaysTheRest => "بقیه، یعنی {rest}، نقد پرداخت می‌شود و {credit} اعتبار تازه و {points} می‌آورد.",
        Sentence::BringsBack => "{who} {pieces} × {product} پس می‌آورد.",
        Sentence::IsGivenBack => "{cash} نقد پس داده می‌شود و {credit} به همان اعتباری برمی‌گردد که از آن آمده بود.",
        Sentence::IsTakenBack => "آنچه این کالاها آورده بودند پس گرفته می‌شود: {credit} و {points}.",
        Sentence::LosesCard => "{who} کارت با شمارهٔ پایانی {old} را گم کرده است. کارت بی‌درنگ مسدود می‌شود.",
        Sentence::GetsCard => {
            "کارت تازه، با شمارهٔ پایانی {new}، همان حساب را باز می‌کند: {credit} اعتبار سر جای خود است."
        }
        Sentence::OldCardRefused => "کسی کارت با شمارهٔ پایانی {old} را می‌آزماید: پذیرفته نمی‌شود.",
        Sentence::PaysByCheque => "{who} {total} را با چکی به تاریخ {due} می‌پردازد. هنوز چیزی تعلق نمی‌گیرد.",
        Sentence::ChequeClears => "چک وصول می‌شود و با آن {credit} اعتبار آزاد می‌شود.",
        Sentence::ChequeBounces => "بانک چک را برمی‌گرداند: دوباره {owed} بدهی است و {credit} اعتبار پس گرفته می‌شود.",
        Sentence::NearTier => "{who} تا سطح {tier} تنها {missing} فاصله دارد.",
        Sentence::ReachesTier => {
            "با خریدی به مبلغ {total} سطح {tier} به دست می‌آید. از خرید بعدی {rate} اعتبار داده می‌شود."
        }
        Sentence::GiftToBest => {
            "به {count} عضوی که بیشتر از همه خریده‌اند هر کدام {amount} هدیه داده می‌شود، با اعتبار تا {until}."
        }
        Sentence::IsBrought => "{who} با معرفی {by} عضو می‌شود.",
        Sentence::ReferrerEarns => "از نخستین خرید به مبلغ {total}، {share} اعتبار به {by} می‌رسد.",
        Sentence::WillExpire => "{credit} اعتبار {who} در {until} پایان می‌یابد.",
        Sentence::IsReminded => "{count} روز پیش از آن، یادآوری در صندوق خروجی است.",
    }
}

fn bound(bound: Bound) -> &'static str {
    match bound {
        Bound::Asked => "همان که خواسته شد",
        Bound::Available => "هرچه در دسترس بود",
        Bound::PerInvoice => "سقف هر فاکتور",
        Bound::Daily => "سقف روزانه",
    }
}

fn why(reason: Reason) -> &'static str {
    match reason {
        Reason::Malformed => "تعداد ستون‌ها با سرستون یکی نیست",
        Reason::NotUtf8 => "UTF-8 نیست",
        Reason::TooLong => "بیش از اندازه بلند است: شاید گیومه‌ای جا افتاده",
        Reason::ManyLines => "با سطرهای کنارش یکجا خوانده شد: شاید گیومه‌ای جا افتاده",
        Reason::NoCustomer => "مشتری ندارد",
        Reason::NoDate => "تاریخ ندارد",
        Reason::DateFormat => "تاریخ خوانا نیست",
        Reason::DateOrder => "اول روز است یا ماه؟ \u{2066}--date-order\u{2069} را مشخص کنید",
        Reason::NoSuchDay => "چنین روزی نیست",
        Reason::YearOutOfRange => "سال پیش از ۱۹۰۰ یا پس از ۲۱۰۰ میلادی: شاید \u{2066}--calendar\u{2069} دیگری باید",
        Reason::NoAmount => "مبلغ ندارد",
        Reason::AmountFormat => "مبلغ خوانا نیست",
        Reason::AmountAmbiguous => "هزارگان است یا اعشار؟ \u{2066}--decimal\u{2069} را مشخص کنید",
        Reason::TooManyDecimals => "رقم‌های اعشار بیش از آن است که ارز دارد",
        Reason::AmountTooLarge => "مبلغ بیش از اندازه بزرگ است",
        Reason::QuantityFormat => "تعداد عدد صحیح نیست یا صفر است",
        Reason::NegativePrice => "قیمت منفی است",
        Reason::NotNegative => "ابطالی که منفی نیست",
        Reason::ReceiptTooLong => "شمارهٔ رسید بیش از ۶۰ نویسه است",
        Reason::OtherCustomer => "مشتری با ردیف نخست رسید یکی نیست",
        Reason::ReceiptAgain => "شمارهٔ رسید پیش‌تر به کار رفته است",
        Reason::NotBought => "برگشت چیزی که پیش‌تر خریده نشده",
        Reason::MoreThanBought => "برگشت بیش از آنچه از خرید مانده بود",
        Reason::Refused => "انبارهٔ داده آن را نپذیرفت",
    }
}
