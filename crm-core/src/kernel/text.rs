//! Folding: the searchable key of a text, the same on every backend (N-17, C04).
//!
//! People write one name in many ways: with Arabic or Persian letters, with or without vowel marks, accents, joiners
//! and capital letters. [`fold`] maps all of them to one key. The key is what is indexed and what a search term is
//! compared with; it is never shown to anybody. Two texts with the same key need not be the same text.

use std::borrow::Cow;

use icu_normalizer::DecomposingNormalizerBorrowed;
use icu_normalizer::properties::CanonicalCombiningClassMapBorrowed;
use icu_properties::CodePointMapData;
use icu_properties::props::{GeneralCategory, GeneralCategoryGroup};

#[cfg(test)]
mod tests;

/// The searchable key of a text. Idempotent, and linear in the length of the text.
///
/// The key is made of words of letters and digits with one space between them:
///
/// - Unicode compatibility decomposition (NFKD) and lower case; `ß` is `ss`, final sigma is sigma. That is full case
///   folding, except that dotless `ı` is `i` too, so that Turkish names are found from any keyboard.
/// - Accents and vowel marks go: Latin, Greek and Cyrillic diacritics, Arabic harakat, Hebrew niqqud and cantillation.
///   Marks that make another letter in other scripts stay (Indic vowel signs, Thai tones, kana voicing).
/// - Latin letters without decomposition: `ł ø đ ð ħ ŧ` lose their stroke, `æ œ þ` become two letters.
/// - Arabic yeh, alef maksura and yeh barree are Persian yeh; Arabic kaf is Persian kaf; every alef is a plain alef;
///   teh marbuta and all forms of heh are heh; hamza on a seat is the seat, and a lone hamza goes (`امضاء`, `امضا`).
/// - Final Hebrew letters are the ordinary ones, so that the beginning of a longer word is found (`אברהם`, `אברהמי`).
/// - Persian and Arabic-Indic digits are ASCII digits.
/// - Apostrophes, quotation marks, geresh and gershayim go, wherever they stand: `O'Brien` is `obrien`, `צה"ל` is `צהל`.
/// - Tatweel and invisible characters (joiners, direction marks, soft hyphens, variation selectors) go.
/// - Everything else that is neither letter, digit nor mark (punctuation, symbols, emoji, control characters, white
///   space) separates words.
///
/// **The Persian half space (ZWNJ) joins.** Writers leave it out or type a space instead, and one key cannot equal all
/// three for every word. Left out is the same key. For a space, the affixes that are written apart most often join their
/// word: `می` and `نمی` the next one, `ها`, `های`, `تر`, `ترین` and their like the one before. So `می‌خواهم`, `می خواهم`
/// and `میخواهم` are one key. Compounds and double names written with a real space (`علی رضا`) stay two words.
///
/// ```
/// use crm_core::kernel::text::fold;
/// assert_eq!(fold("  Zażółć, GĘŚLĄ  jaźń "), "zazolc gesla jazn");
/// assert_eq!(fold("علي كريمي ۱۲"), fold("علی کریمی 12"));
/// assert_eq!(fold("می‌خواهم"), fold("می خواهم"));
/// assert_eq!(fold("O’Brien & Søn"), "obrien son");
/// ```
pub fn fold(text: &str) -> String {
    let nfkd = DecomposingNormalizerBorrowed::new_nfkd();
    let classes = CanonicalCombiningClassMapBorrowed::new();
    let categories = CodePointMapData::<GeneralCategory>::new();
    let mut key = String::with_capacity(text.len());
    let mut gap = false;
    // Spacing accents decompose to a space and a mark; as apostrophes they must go before that.
    let source = text.chars().filter(|c| !matches!(c, '\u{b4}' | '\u{1fbd}' | '\u{1fbf}' | '\u{1ffd}'));
    for c in nfkd.normalize_iter(source).flat_map(char::to_lowercase) {
        let c = letter(digit(c));
        if is_dropped_letter(c) || is_invisible(c) || is_dropped_mark(classes.get_u8(c)) {
            continue;
        }
        if !is_word_category(categories.get(c)) {
            gap = true;
            continue;
        }
        if std::mem::take(&mut gap) && !key.is_empty() {
            key.push(' ');
        }
        match c {
            'æ' => key.push_str("ae"),
            'œ' => key.push_str("oe"),
            'þ' => key.push_str("th"),
            'ß' => key.push_str("ss"),
            c => key.push(c),
        }
    }
    // What went may have stood between two marks; bring those into canonical order.
    let key = match nfkd.normalize(&key) {
        Cow::Borrowed(_) => key,
        Cow::Owned(ordered) => ordered,
    };
    join_affixes(key)
}

/// Maps Persian, Arabic-Indic and full-width digits to ASCII digits and leaves everything else as it is.
///
/// ```
/// assert_eq!(crm_core::kernel::text::fold_digits("کد ۱۲-٣"), "کد 12-3");
/// ```
pub fn fold_digits(text: &str) -> String {
    text.chars().map(digit).collect()
}

/// Only the digits of a text, as ASCII: the key to look up phones, cards and order numbers by.
///
/// ```
/// assert_eq!(crm_core::kernel::text::digits("+۹۸ (912) ٣٤٥"), "98912345");
/// ```
pub fn digits(text: &str) -> String {
    text.chars().map(digit).filter(char::is_ascii_digit).collect()
}

/// The words of a key made by [`fold`], in their order.
///
/// ```
/// use crm_core::kernel::text::{fold, words};
/// assert_eq!(words(&fold("Anna-Maria")).collect::<Vec<_>>(), ["anna", "maria"]);
/// ```
pub fn words(folded: &str) -> impl Iterator<Item = &str> {
    folded.split(' ').filter(|word| !word.is_empty())
}

/// Characters that leave no trace on the screen and travel along when text is copied: joiners, direction marks, fillers.
/// The zero-width space is not one of them: it separates words.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
        || (c != '\u{200b}' && CodePointMapData::<GeneralCategory>::new().get(c) == GeneralCategory::Format)
}

/// A letter, a digit or a mark of one, in any script.
pub(crate) fn is_word_char(c: char) -> bool {
    is_word_category(CodePointMapData::<GeneralCategory>::new().get(c))
}

fn is_word_category(category: GeneralCategory) -> bool {
    let word = GeneralCategoryGroup::Letter.union(GeneralCategoryGroup::Number).union(GeneralCategoryGroup::Mark);
    word.contains(category)
}

fn digit(c: char) -> char {
    let zero = match c {
        '\u{660}'..='\u{669}' => 0x660,
        '\u{6f0}'..='\u{6f9}' => 0x6f0,
        '\u{ff10}'..='\u{ff19}' => 0xff10,
        _ => return c,
    };
    char::from_digit(u32::from(c).saturating_sub(zero), 10).unwrap_or(c)
}

/// One letter for the letters that people do not tell apart when they search. Takes lower case.
fn letter(c: char) -> char {
    match c {
        'ł' => 'l',
        'ø' => 'o',
        'đ' | 'ð' => 'd',
        'ħ' => 'h',
        'ŧ' => 't',
        'ı' => 'i',
        'ς' => 'σ',
        // yeh, alef maksura, yeh barree
        '\u{64a}' | '\u{649}' | '\u{6d2}' => '\u{6cc}',
        // kaf, swash kaf
        '\u{643}' | '\u{6aa}' => '\u{6a9}',
        // alef wasla
        '\u{671}' => '\u{627}',
        // teh marbuta, heh doachashmee, heh goal, teh marbuta goal, ae
        '\u{629}' | '\u{6be}' | '\u{6c1}' | '\u{6c3}' | '\u{6d5}' => '\u{647}',
        'ך' => 'כ',
        'ם' => 'מ',
        'ן' => 'נ',
        'ף' => 'פ',
        'ץ' => 'צ',
        c => c,
    }
}

/// Quotation marks and what stands for an apostrophe, modifier letters, geresh and gershayim, tatweel, lone hamza.
fn is_dropped_letter(c: char) -> bool {
    matches!(c, '\'' | '"' | '`' | '\u{2b9}'..='\u{2d1}' | '\u{2018}'..='\u{201f}' | '\u{2032}'..='\u{2037}'
        | '\u{5f3}' | '\u{5f4}' | '\u{640}' | '\u{621}' | '\u{674}')
}

/// Overlays (1), Hebrew, Arabic and Syriac points (10 to 36), and marks around a letter (200 and up). The other classes
/// (nukta, kana voicing, virama, Thai, Lao and Tibetan signs) make another letter.
fn is_dropped_mark(class: u8) -> bool {
    matches!(class, 1 | 10..=36 | 200..)
}

/// Persian affixes that are often written as words of their own, in folded letters.
const PREFIXES: [&str; 2] = ["می", "نمی"];
const SUFFIXES: [&str; 9] = ["ها", "های", "هایی", "هایم", "هایت", "هایش", "تر", "تری", "ترین"];

fn join_affixes(key: String) -> String {
    if !words(&key).any(|word| PREFIXES.contains(&word) || SUFFIXES.contains(&word)) {
        return key;
    }
    let is_persian = |c: char| matches!(c, '\u{620}'..='\u{6ff}');
    let mut joined = String::with_capacity(key.len());
    let mut after_prefix = false;
    for word in words(&key) {
        let glued = word.starts_with(is_persian)
            && (after_prefix || (SUFFIXES.contains(&word) && joined.ends_with(is_persian)));
        if !glued && !joined.is_empty() {
            joined.push(' ');
        }
        joined.push_str(word);
        after_prefix = !glued && PREFIXES.contains(&word);
    }
    joined
}
