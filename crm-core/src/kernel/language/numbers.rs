//! Numbers, money and names as a language writes them.

use super::Language;
use crate::Result;
use crate::kernel::currency::Currencies;
use crate::kernel::money::Money;
use crate::kernel::rate::Rate;

/// How a language writes numbers and money.
struct Marks {
    /// Between thousands.
    group: &'static str,
    /// Before the decimals.
    decimal: &'static str,
    percent: &'static str,
    /// The units of money: the code, or the name of the display unit, and what people write.
    units: &'static [(&'static str, Unit)],
}

/// A unit of money behind a number.
#[derive(Clone, Copy)]
enum Unit {
    /// The same behind every number.
    Same(&'static str),
    /// In Polish: behind 1, behind 2 to 4, behind 5 and more, and behind fractions.
    Counted([&'static str; 4]),
}

const EN: Marks = Marks { group: ",", decimal: ".", percent: "%", units: &[("toman", Unit::Same("toman"))] };

const PL: Marks = Marks {
    group: "\u{a0}",
    decimal: ",",
    percent: "%",
    units: &[("PLN", Unit::Same("zł")), ("toman", Unit::Counted(["toman", "tomany", "tomanów", "tomana"]))],
};

const HE: Marks = Marks {
    group: ",",
    decimal: ".",
    percent: "%",
    units: &[("ILS", Unit::Same("₪")), ("toman", Unit::Same("תומאן"))],
};

const FA: Marks = Marks {
    group: "٬",
    decimal: "٫",
    percent: "٪",
    units: &[
        ("toman", Unit::Same("تومان")),
        ("IRR", Unit::Same("ریال")),
        ("EUR", Unit::Same("یورو")),
        ("GBP", Unit::Same("پوند")),
        ("USD", Unit::Same("دلار")),
    ],
};

impl Language {
    const fn marks(self) -> &'static Marks {
        match self {
            Self::En => &EN,
            Self::Pl => &PL,
            Self::He => &HE,
            Self::Fa => &FA,
        }
    }

    /// A number in the writing of the language, from its ASCII form: with its digits, its decimal mark, and marks between
    /// thousands.
    ///
    /// ```
    /// use crm_core::kernel::language::Language;
    /// assert_eq!(Language::Fa.number("-1250000.5"), "-۱٬۲۵۰٬۰۰۰٫۵");
    /// ```
    pub fn number(self, text: &str) -> String {
        let marks = self.marks();
        let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, rest)| (whole, Some(rest)));
        let digits = whole.chars().filter(char::is_ascii_digit).count();
        let mut written = String::new();
        let mut left = digits;
        for c in whole.chars() {
            if c.is_ascii_digit() {
                if left < digits && left.is_multiple_of(3) {
                    written.push_str(marks.group);
                }
                left -= 1;
            }
            written.push(self.digit(c));
        }
        if let Some(fraction) = fraction {
            written.push_str(marks.decimal);
            written.extend(fraction.chars().map(|c| self.digit(c)));
        }
        written
    }

    /// A rate as a percentage; one that no decimal says, as a fraction.
    ///
    /// ```
    /// use crm_core::kernel::{language::Language, rate::Rate};
    /// assert_eq!(Language::Fa.percent(Rate::percent(5)), "۵٪");
    /// ```
    pub fn percent(self, rate: Rate) -> String {
        match rate.to_percent() {
            Ok(percent) => format!("{}{}", self.number(&percent.to_string()), self.marks().percent),
            Err(_) => self.number(&rate.to_string()),
        }
    }

    /// An amount in the display unit of its currency, with the unit behind it. In languages written from right to left the
    /// number stands in an [isolate](Self::isolated_number).
    ///
    /// ```
    /// use crm_core::kernel::{currency::{Currencies, Currency}, language::Language, money::Money};
    /// let price = Money::new(1_250_050, Currency::PLN);
    /// assert_eq!(Language::Pl.money(price, &Currencies::iso4217())?, "12\u{a0}500,50\u{a0}zł");
    /// # Ok::<(), crm_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) for a currency that is not known.
    pub fn money(self, amount: Money, currencies: &Currencies) -> Result<String> {
        let text = amount.format_display(currencies)?;
        let unit = self.unit_of(&text, currencies.get(amount.currency())?.unit_name());
        Ok(format!("{}\u{a0}{unit}", self.isolated_number(&text)))
    }

    /// What people write behind this number for a unit of money: its own name if the language has no other.
    fn unit_of<'n>(self, number: &str, name: &'n str) -> &'n str {
        match self.marks().units.iter().find(|(code, _)| *code == name).map(|(_, unit)| *unit) {
            None => name,
            Some(Unit::Same(unit)) => unit,
            Some(Unit::Counted([one, few, many, fraction])) => match Counted::of(number) {
                Counted::One => one,
                Counted::Few => few,
                Counted::Many => many,
                Counted::Fraction => fraction,
            },
        }
    }

    /// The same as [`number`](Self::number), kept from being turned round: numbers read from left to right everywhere.
    pub fn isolated_number(self, text: &str) -> String {
        self.kept_together(&self.number(text))
    }

    /// What is written from left to right in every language, in an isolate where its surroundings are not.
    pub fn kept_together(self, text: &str) -> String {
        if self.is_right_to_left() { format!("\u{2066}{text}\u{2069}") } else { text.to_owned() }
    }
}

/// Which form a noun has behind a number, by the plural rules of Polish (CLDR).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Behind 1.
    One,
    /// Behind 2 to 4, 22 to 24 and so on, but not 12 to 14.
    Few,
    /// Behind all other whole numbers.
    Many,
    /// Behind a number with decimals.
    Fraction,
}

impl Counted {
    /// The form behind a number, from its ASCII form.
    pub fn of(number: &str) -> Self {
        if number.contains('.') {
            return Self::Fraction;
        }
        let number: i64 = number.parse().unwrap_or(0);
        match (number.unsigned_abs() % 10, number.unsigned_abs() % 100) {
            _ if number == 1 => Self::One,
            (2..=4, last_two) if !(12..=14).contains(&last_two) => Self::Few,
            _ => Self::Many,
        }
    }
}

/// A name in an isolate: it keeps its own direction, and leaves that of its surroundings alone. What a person typed cannot
/// break out.
pub fn isolated(name: &str) -> String {
    let harmless = |c: &char| !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let name: String = name.chars().filter(harmless).collect();
    format!("\u{2068}{name}\u{2069}")
}

/// Replaces names in braces, once: what is put in is not looked at again. A name without a value goes.
///
/// ```
/// use crm_core::kernel::language::fill;
/// assert_eq!(fill("{who} paid {sum}", &[("who", "{sum}".into()), ("sum", "7".into())]), "{sum} paid 7");
/// ```
pub fn fill(sentence: &str, values: &[(&str, String)]) -> String {
    let mut filled = String::with_capacity(sentence.len() * 2);
    let mut rest = sentence;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let Some((name, behind)) = after.split_once('}') else { break };
        if let Some((_, value)) = values.iter().find(|(known, _)| *known == name) {
            filled.push_str(value);
        }
        rest = behind;
    }
    filled.push_str(rest);
    filled
}
