//! Numbers, money, dates and names as people of a language write them: what all explanations share.

use crate::Result;
use crate::kernel::calendar::Calendar;
use crate::kernel::currency::Currencies;
use crate::kernel::language::Language;
use crate::kernel::money::Money;
use crate::kernel::rate::Rate;
use crate::kernel::time::CivilDate;

/// How numbers and money are written.
struct Numbers {
    /// Between thousands.
    group: &'static str,
    /// Before the decimals.
    decimal: &'static str,
    percent: &'static str,
    /// The units of money: the code, or the name of the display unit, and what people write.
    units: &'static [(&'static str, Unit)],
    points: Unit,
}

/// A noun behind a number.
#[derive(Clone, Copy)]
pub(crate) enum Unit {
    /// The same behind every number.
    Same(&'static str),
    /// Behind 1, behind 2 to 4, behind 5 and more, and behind fractions: the last three differ in Polish alone.
    Counted([&'static str; 4]),
}

const EN: Numbers = Numbers {
    group: ",",
    decimal: ".",
    percent: "%",
    units: &[("toman", Unit::Same("toman"))],
    points: Unit::Counted(["point", "points", "points", "points"]),
};
const PL: Numbers = Numbers {
    group: "\u{a0}",
    decimal: ",",
    percent: "%",
    units: &[("PLN", Unit::Same("zł")), ("toman", Unit::Counted(["toman", "tomany", "tomanów", "tomana"]))],
    points: Unit::Counted(["punkt", "punkty", "punktów", "punktu"]),
};
const HE: Numbers = Numbers {
    group: ",",
    decimal: ".",
    percent: "%",
    units: &[("ILS", Unit::Same("₪")), ("toman", Unit::Same("תומאן"))],
    points: Unit::Counted(["נקודה", "נקודות", "נקודות", "נקודות"]),
};
const FA: Numbers = Numbers {
    group: "٬",
    decimal: "٫",
    percent: "٪",
    units: &[("toman", Unit::Same("تومان")), ("IRR", Unit::Same("ریال"))],
    points: Unit::Same("امتیاز"),
};

/// Writes numbers, money and dates in a language.
pub(crate) struct Words<'w> {
    language: Language,
    numbers: &'static Numbers,
    currencies: &'w Currencies,
}

impl<'w> Words<'w> {
    pub(crate) fn new(language: Language, currencies: &'w Currencies) -> Self {
        let numbers = match language {
            Language::En => &EN,
            Language::Pl => &PL,
            Language::He => &HE,
            Language::Fa => &FA,
        };
        Self { language, numbers, currencies }
    }

    /// An amount with its unit.
    pub(crate) fn amount(&self, amount: Money) -> Result<String> {
        let text = amount.format_display(self.currencies)?;
        let name = self.currencies.get(amount.currency())?.unit_name();
        let unit = self.numbers.units.iter().find(|(code, _)| *code == name).map(|(_, unit)| *unit);
        let unit = unit.map_or(name, |unit| unit.behind(&text));
        Ok(format!("{}\u{a0}{unit}", self.number(&text)))
    }

    /// So many points.
    pub(crate) fn points(&self, points: i64) -> String {
        self.counted(points, self.numbers.points)
    }

    /// So many of something.
    pub(crate) fn counted(&self, number: i64, unit: Unit) -> String {
        let text = number.to_string();
        format!("{}\u{a0}{}", self.number(&text), unit.behind(&text))
    }

    /// A rate as a percentage; one that no decimal says, as a fraction.
    pub(crate) fn percent(&self, rate: Rate) -> String {
        match rate.to_percent() {
            Ok(percent) => self.isolate(&format!("{}{}", self.plain(&percent.to_string()), self.numbers.percent)),
            Err(_) => self.isolate(&self.plain(&rate.to_string())),
        }
    }

    /// A date in a calendar.
    pub(crate) fn date(&self, date: CivilDate, calendar: Calendar) -> String {
        self.isolate(&self.language.digits(&calendar.of(date).to_string()))
    }

    /// A text with its digits as the language writes them.
    pub(crate) fn digits(&self, text: &str) -> String {
        self.language.digits(text)
    }

    /// A number in the writing of the language, from its ASCII form.
    pub(crate) fn number(&self, text: &str) -> String {
        self.isolate(&self.plain(text))
    }

    /// The same without an isolate.
    pub(crate) fn plain(&self, text: &str) -> String {
        let numbers = self.numbers;
        let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, rest)| (whole, Some(rest)));
        let digits = whole.chars().filter(char::is_ascii_digit).count();
        let mut written = String::new();
        let mut left = digits;
        for c in whole.chars() {
            if c.is_ascii_digit() {
                if left < digits && left.is_multiple_of(3) {
                    written.push_str(numbers.group);
                }
                left -= 1;
            }
            written.push(self.language.digit(c));
        }
        if let Some(fraction) = fraction {
            written.push_str(numbers.decimal);
            written.extend(fraction.chars().map(|c| self.language.digit(c)));
        }
        written
    }

    /// Numbers read from left to right everywhere.
    pub(crate) fn isolate(&self, number: &str) -> String {
        if self.language.is_right_to_left() { format!("\u{2066}{number}\u{2069}") } else { number.to_owned() }
    }
}

impl Unit {
    /// The form behind a number, by the plural rules of Polish (CLDR).
    fn behind(self, text: &str) -> &'static str {
        let [one, few, many, fraction] = match self {
            Self::Same(unit) => return unit,
            Self::Counted(forms) => forms,
        };
        if text.contains('.') {
            return fraction;
        }
        let number: i64 = text.parse().unwrap_or(0);
        match (number.unsigned_abs() % 10, number.unsigned_abs() % 100) {
            _ if number == 1 => one,
            (2..=4, last_two) if !(12..=14).contains(&last_two) => few,
            _ => many,
        }
    }
}

/// A name keeps its own direction, and leaves that of its surroundings alone. What a person typed cannot break out.
pub(crate) fn isolated(name: &str) -> String {
    let harmless = |c: &char| !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let name: String = name.chars().filter(harmless).collect();
    format!("\u{2068}{name}\u{2069}")
}

/// Replaces names in braces, once: what is put in is not looked at again.
pub(crate) fn fill(sentence: &str, values: &[(&str, String)]) -> String {
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
