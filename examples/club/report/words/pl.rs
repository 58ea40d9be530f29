//! Polish.

use crm_core::kernel::calendar::Calendar;

use super::{Bound, Reason, Sentence, Title, Words};

pub(super) const WORDS: Words = Words {
    calendar: Calendar::Gregorian,
    months: [
        "stycznia", "lutego", "marca", "kwietnia", "maja", "czerwca", "lipca", "sierpnia", "września", "października",
        "listopada", "grudnia",
    ],
    short_months: ["sty", "lut", "mar", "kwi", "maj", "cze", "lip", "sie", "wrz", "paź", "lis", "gru"],
    jalali_months: [
        "farwardin", "ordibeheszt", "chordad", "tir", "mordad", "szahriwar", "mehr", "aban", "azar", "dej", "bahman",
        "esfand",
    ],
    report: "Klub {club}",
    period: "Zakupy od {from} do {to}",
    as_of: "stan na {day}",
    members: "Klubowicze",
    purchases: "Zakupy",
    net_sales: "Sprzedaż netto",
    after_returns: "po zwrotach na {returned}",
    credit_outstanding: "Środki do wykorzystania",
    and_pending: "oraz {pending} jeszcze niedostępne",
    points_outstanding: "Punkty do wykorzystania",
    debt: "Do oddania przez klubowiczów",
    by_tier: "Klubowicze według poziomu",
    tiers: [("bronze", "Brąz"), ("silver", "Srebro"), ("gold", "Złoto")],
    no_tier: "Jeszcze bez poziomu",
    earns: "nalicza {rate}",
    over_time: "Zakupy w czasie",
    kept: "Zatrzymane",
    returned: "Zwrócone",
    by_expiry: "Środki według terminu ważności",
    no_expiry: "bezterminowo",
    nothing_there: "Nic tu nie ma.",
    where_credit_went: "Co się stało ze środkami",
    where_points_went: "Co się stało z punktami",
    issued: "Przyznane",
    redeemed: "Wykorzystane",
    expired: "Przeterminowane",
    available: "Dostępne",
    pending: "Jeszcze niedostępne",
    held: "Zablokowane",
    by_branch: "Sprzedaż netto według oddziału",
    top_members: "Najlepsi klubowicze",
    member: "Klubowicz",
    card: "Karta",
    tier: "Poziom",
    spent: "Suma zakupów",
    credit: "Środki",
    points: "Punkty",
    at_the_desk: "Przy ladzie",
    desk_lead: "Co się działo w sklepie w dniach po zakończeniu historii.",
    outbox: "Skrzynka nadawcza",
    outbox_lead: "Wiadomości czekające na doręczenie.",
    topics: &[],
    history: "Wczytana historia",
    rows: "Wierszy w pliku: {read}; zapisano: {used}; odrzucono: {rejected}.",
    reason: "Powód",
    count: "Wiersze",
    first_rows: "wiersze {rows}",
    other_price: "Wiersze zwrotów z inną ceną niż zapłacona: {rows}. Zwracane jest to, co zapłacono; różnica wynosi {difference}.",
    speed: "Zapisano w każdej sekundzie",
    speed_lead: "Zakupy i zwroty: {recorded} w {seconds} s, czyli {rate} na sekundę, po {callers} naraz.",
    all_hold: "Wszystkie niezmienniki ksiąg są zachowane (sprawdzono: {checked}).",
    broken: "Sprawdzono niezmienniki ksiąg: {checked}; naruszone: {broken}.",
    points_unit: "pkt",
    title,
    sentence,
    bound,
    why,
};

fn title(title: Title) -> &'static str {
    match title {
        Title::Partner => "Zakupy partnera",
        Title::Credit => "Zapłata częściowo środkami klubu",
        Title::Return => "Zwrot towaru",
        Title::LostCard => "Zgubiona karta",
        Title::Cheque => "Czek bez pokrycia",
        Title::Tier => "Nowy poziom",
        Title::Gift => "Prezent dla całego poziomu",
        Title::Referral => "Ktoś z polecenia",
        Title::Reminder => "Nadchodzi przypomnienie",
    }
}

fn sentence(sentence: Sentence) -> &'static str {
    match sentence {
        Sentence::IsPartner => "{who} to partner z grupy {group}: rabat {rate} na kategorię {category} i wszystko pod nią.",
        Sentence::PaysLess => "Cena katalogowa to {list}; do zapłaty jest {total}.",
        Sentence::AsksForCredit => "{who} kupuje za {total} i chce wykorzystać wszystkie środki.",
        Sentence::UsesCredit => "Z dostępnych {available} można wykorzystać {used}: {bound}.",
        Sentence::PaysTheRest => "Pozostałe {rest} wpływa gotówką i daje {credit} nowych środków oraz {points}.",
        Sentence::BringsBack => "{who} oddaje {pieces} × {product}.",
        Sentence::IsGivenBack => "{cash} wraca gotówką, a {credit} do środków, z których pochodzi.",
        Sentence::IsTakenBack => "To, co te sztuki przyniosły, jest cofane: {credit} i {points}.",
        Sentence::LosesCard => "{who} zgłasza zgubienie karty z końcówką {old}. Karta jest natychmiast zablokowana.",
        Sentence::GetsCard => "Nowa karta, z końcówką {new}, otwiera to samo konto: nadal jest tam {credit}.",
        Sentence::OldCardRefused => "Ktoś próbuje użyć karty z końcówką {old}: odmowa.",
        Sentence::PaysByCheque => "{who} płaci {total} czekiem z terminem {due}. Na razie nic nie jest naliczone.",
        Sentence::ChequeClears => "Czek zostaje zrealizowany, a z nim {credit} środków.",
        Sentence::ChequeBounces => "Bank go cofa: znów do zapłaty jest {owed}, a {credit} środków zostaje cofnięte.",
        Sentence::NearTier => "{who}: do poziomu {tier} brakuje {missing}.",
        Sentence::ReachesTier => "Zakup za {total} daje poziom {tier}. Od następnego zakupu naliczane jest {rate}.",
        Sentence::GiftToTier => "Klubowicze poziomu {tier} ({count}) dostają po {amount}, ważne do {until}.",
        Sentence::IsBrought => "{who} dołącza z polecenia; poleca {by}.",
        Sentence::ReferrerEarns => "Z pierwszego zakupu za {total} środki w kwocie {share} trafiają do: {by}.",
        Sentence::WillExpire => "{who}: {credit} środków wygasa {until}, czyli {jalali} w kalendarzu perskim.",
        Sentence::IsReminded => "Przypomnienie jest w skrzynce nadawczej; dni przed terminem: {count}.",
    }
}

fn bound(bound: Bound) -> &'static str {
    match bound {
        Bound::Asked => "tyle, ile trzeba",
        Bound::Available => "wszystko, co jest dostępne",
        Bound::PerInvoice => "więcej nie można na jednym rachunku",
        Bound::Daily => "więcej nie można jednego dnia",
    }
}

fn why(reason: Reason) -> &'static str {
    match reason {
        Reason::Malformed => "inna liczba pól niż w nagłówku",
        Reason::NotUtf8 => "to nie jest UTF-8",
        Reason::TooLong => "za długi: może brakować cudzysłowu",
        Reason::NoCustomer => "brak klienta",
        Reason::NoDate => "brak daty",
        Reason::DateFormat => "nieczytelna data",
        Reason::DateOrder => "najpierw dzień czy miesiąc? Trzeba podać --date-order",
        Reason::NoSuchDay => "nie ma takiego dnia",
        Reason::YearOutOfRange => "rok przed 1900 lub po 2100: może inny --calendar",
        Reason::NoAmount => "brak kwoty",
        Reason::AmountFormat => "nieczytelna kwota",
        Reason::AmountAmbiguous => "tysiące czy ułamek? Trzeba podać --decimal",
        Reason::TooManyDecimals => "więcej miejsc po przecinku, niż ma waluta",
        Reason::AmountTooLarge => "za duża kwota",
        Reason::QuantityFormat => "ilość nie jest liczbą całkowitą albo wynosi zero",
        Reason::NegativePrice => "ujemna cena",
        Reason::NotNegative => "anulowanie czegoś, co nie jest ujemne",
        Reason::ReceiptTooLong => "numer paragonu dłuższy niż 60 znaków",
        Reason::OtherCustomer => "inny klient niż w pierwszym wierszu paragonu",
        Reason::ReceiptAgain => "numer paragonu już był",
        Reason::NotBought => "zwrot czegoś, co nie było wcześniej kupione",
        Reason::MoreThanBought => "zwrot większej liczby sztuk, niż zostało z zakupu",
        Reason::Refused => "odrzucone przez magazyn danych",
    }
}
