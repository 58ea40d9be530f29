//! The secret of a gift card: made, written, read and hidden.

use std::fmt;

use uuid::Uuid;

use super::GiftCardId;
use crate::accounts::Key;
use crate::kernel::hex::hexadecimal;
use crate::kernel::random::Randomness;
use crate::kernel::text::fold_digits;
use crate::{Error, Result};

/// Digits and capital letters without I, L, O and U: what is read for another is read as that one.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// The symbols that are left to chance: 95 bits, where S-35 asks for 80.
const DRAWN: usize = 19;
/// All symbols of a code, with the check symbol.
pub const CODE_SYMBOLS: usize = DRAWN + 1;
/// How people see a code: in groups of four.
const GROUP: usize = 4;
/// The longest text that is looked at.
const MAX_BYTES: usize = 200;

/// The code of a gift card: 19 symbols that nobody can guess, and one by which a slip of the hand is told. Shown once,
/// when the card is made; only a keyed digest and the last four symbols are stored.
///
/// ```
/// use crm_core::kernel::random::SeededRandomness;
/// use crm_core::loyalty::gift_cards::GiftCode;
/// let code = GiftCode::draw(&SeededRandomness::new(7))?;
/// let written = code.expose();
/// assert_eq!(written.len(), "XXXX-XXXX-XXXX-XXXX-XXXX".len());
/// assert_eq!(GiftCode::parse(&written.to_lowercase().replace('-', " "))?, code);
/// assert_eq!(format!("{code:?}"), "GiftCode(…)");
/// # Ok::<(), crm_core::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct GiftCode([u8; CODE_SYMBOLS]);

impl GiftCode {
    /// A new one.
    ///
    /// # Errors
    /// [`Error::Backend`] without randomness.
    pub fn draw(randomness: &dyn Randomness) -> Result<Self> {
        let mut bytes = [0; DRAWN];
        randomness.fill(&mut bytes)?;
        let mut values = [0; CODE_SYMBOLS];
        for (value, byte) in values.iter_mut().zip(bytes) {
            // 32 divides 256, so every symbol has the same chance.
            *value = byte & 31;
        }
        values[DRAWN] = check_symbol(&values[..DRAWN]);
        Ok(Self(values))
    }

    /// Reads what people type: digits of any script, small letters, I and L for 1, O for 0, with or without the spaces
    /// and dashes. A slip is told here, before anything is looked up.
    ///
    /// # Errors
    /// [`Error::Invalid`] with rule `gift_code.format` for other characters or another length, `gift_code.check` when the
    /// check symbol tells that something was mistyped.
    pub fn parse(typed: &str) -> Result<Self> {
        let wrong = || Error::invalid("code", "gift_code.format");
        if typed.len() > MAX_BYTES {
            return Err(wrong());
        }
        let mut values = [0; CODE_SYMBOLS];
        let mut read = 0;
        for typed in fold_digits(typed.trim()).chars() {
            if matches!(typed, ' ' | '-' | '.' | '\u{a0}' | '\u{2010}'..='\u{2015}' | '\u{200c}'..='\u{200f}') {
                continue;
            }
            let value = value_of(typed).ok_or_else(wrong)?;
            *values.get_mut(read).ok_or_else(wrong)? = value;
            read += 1;
        }
        if read != CODE_SYMBOLS {
            return Err(wrong());
        }
        if check_symbol(&values[..DRAWN]) != values[DRAWN] {
            return Err(Error::invalid("code", "gift_code.check"));
        }
        Ok(Self(values))
    }

    /// The code itself, in groups of four: for the card or the message that carries it. Not for logs.
    pub fn expose(&self) -> String {
        let groups = self.0.chunks(GROUP).map(written);
        groups.collect::<Vec<_>>().join("-")
    }

    /// The last four symbols, by which people tell their cards apart. 75 bits are left to be guessed by whoever knows them.
    pub fn last_four(&self) -> String {
        written(&self.0[CODE_SYMBOLS - GROUP..])
    }

    /// The first four symbols: guesses that begin alike are counted together.
    pub(super) fn beginning(&self) -> &[u8] {
        &self.0[..GROUP]
    }

    /// What is stored of it. Who has the store and not the key cannot try codes on it.
    pub fn digest(&self, key: &Key) -> CodeDigest {
        CodeDigest(key.derive(&[b"gift card", &self.0]))
    }
}

impl fmt::Debug for GiftCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GiftCode(…)")
    }
}

/// The keyed digest of a code: its first half names the card, all of it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeDigest([u8; 32]);

impl CodeDigest {
    /// The id of the card with this code.
    pub fn id(&self) -> GiftCardId {
        let mut id = [0; 16];
        id.copy_from_slice(&self.0[..16]);
        Uuid::from_bytes(id).into()
    }

    /// All of it, as it is stored.
    pub fn text(&self) -> String {
        hexadecimal(&self.0)
    }
}

fn written(values: &[u8]) -> String {
    values.iter().filter_map(|&value| ALPHABET.get(usize::from(value))).map(|&symbol| char::from(symbol)).collect()
}

fn value_of(typed: char) -> Option<u8> {
    let symbol = match typed.to_ascii_uppercase() {
        'I' | 'L' => '1',
        'O' => '0',
        other => other,
    };
    ALPHABET.iter().position(|&known| char::from(known) == symbol).and_then(|value| u8::try_from(value).ok())
}

/// The value of the polynomial with these coefficients at a generator of the field of 32 elements, times the generator:
/// each place weighs something else, so one wrong symbol is told, and any two that changed places are.
fn check_symbol(values: &[u8]) -> u8 {
    values.iter().fold(0, |sum, value| times_generator(sum ^ value))
}

/// Times x, modulo x⁵ + x² + 1.
fn times_generator(value: u8) -> u8 {
    let doubled = value << 1;
    if doubled & 0b10_0000 == 0 { doubled } else { doubled ^ 0b10_0101 }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::kernel::random::{SeededRandomness, SystemRandomness};

    fn code(seed: u64) -> GiftCode {
        GiftCode::draw(&SeededRandomness::new(seed)).unwrap()
    }

    proptest! {
        /// S-35: what people make of a code when they type it is the code.
        #[test]
        fn read_as_it_is_meant(seed: u64, how in prop::collection::vec(0_u8..4, 24), gap in "[ .-]{0,2}") {
            let code = code(seed);
            let mut typed = String::new();
            for (c, how) in code.expose().chars().zip(how) {
                match (c, how) {
                    ('-', _) => typed.push_str(&gap),
                    ('0', 1) => typed.push('o'),
                    ('0', 2) => typed.push('O'),
                    ('1', 1) => typed.push('l'),
                    ('1', 2) => typed.push('I'),
                    ('0'..='9', 3) => typed.push(char::from_u32(u32::from('۰') + u32::from(c) - 48).unwrap()),
                    (c, 1) => typed.push(c.to_ascii_lowercase()),
                    (c, _) => typed.push(c),
                }
            }
            prop_assert_eq!(GiftCode::parse(&format!("  {typed}\n")).unwrap(), code);
        }

        /// One wrong symbol, and any two symbols in each other's place, are told.
        #[test]
        fn slips_are_told(seed: u64, at in 0..CODE_SYMBOLS, to in 0..CODE_SYMBOLS, value in 0_u8..32) {
            let code = code(seed);
            let mut wrong = code.0;
            wrong[at] = value;
            let parse = |values: &[u8]| GiftCode::parse(&written(values));
            prop_assert_eq!(parse(&wrong).is_ok(), wrong == code.0);
            let mut swapped = code.0;
            swapped.swap(at, to);
            // The check symbol itself has a place like the others.
            prop_assert_eq!(parse(&swapped).is_ok(), swapped == code.0);
        }

        #[test]
        fn nothing_else_is_a_code(text in "\\PC{0,40}") {
            if let Ok(code) = GiftCode::parse(&text) {
                prop_assert_eq!(GiftCode::parse(&code.expose()).unwrap(), code);
            }
        }

        /// A digest needs the key, and the id is in it.
        #[test]
        fn digests_differ_by_code_and_key(a: u64, b: u64) {
            prop_assume!(a != b);
            let keys = [*b"0123456789abcdef0123456789abcdef", *b"0123456789abcdef0123456789abcdeF"];
            let [one, other] = keys.map(|key| Key::new(key).unwrap());
            prop_assert_ne!(code(a).digest(&one), code(b).digest(&one));
            prop_assert_ne!(code(a).digest(&one), code(a).digest(&other));
            let digest = code(a).digest(&one);
            prop_assert!(digest.text().starts_with(&Uuid::from(digest.id()).simple().to_string()));
        }
    }

    #[test]
    fn texts_of_another_form_are_refused() {
        let written = code(1).expose();
        for bad in ["", "-", &written[1..], &format!("{written}0"), &written.replace('-', "_"), &"0".repeat(1_000)] {
            assert!(matches!(GiftCode::parse(bad), Err(Error::Invalid { rule: "gift_code.format", .. })), "{bad}");
        }
        assert!(GiftCode::parse(&format!("{}U", &written[..23])).is_err());
    }

    /// Threat 12: no code twice, and each bit of each place as often set as not, within 6 sigma. `CRM_GIFT_CODES` sets
    /// how many are drawn, 100,000 unless it is set.
    #[test]
    fn codes_are_even_and_unique() {
        let many: u32 = std::env::var("CRM_GIFT_CODES").ok().and_then(|n| n.parse().ok()).unwrap_or(100_000);
        let mut set = [[0_u32; 5]; CODE_SYMBOLS];
        let mut together = [[0_u32; 32]; CODE_SYMBOLS];
        // Of a code whose bits are even, 64 tell two apart as well as 95: fewer than one pair meets in 100 million.
        let mut seen = HashSet::with_capacity(many as usize);
        for _ in 0..many {
            let code = GiftCode::draw(&SystemRandomness).unwrap();
            let packed = code.0.iter().take(DRAWN).fold(0_u128, |packed, value| (packed << 5) | u128::from(*value));
            assert!(seen.insert(packed), "a code came twice");
            for (place, &value) in code.0.iter().enumerate() {
                together[place][usize::from(value)] += 1;
                for (bit, count) in set[place].iter_mut().enumerate() {
                    *count += u32::from((value >> bit) & 1);
                }
            }
        }
        // One of k equal outcomes comes n/k times, with a variance of n(k−1)/k².
        let n = i64::from(many);
        let even = |k: i64, count: u32| (k * i64::from(count) - n).pow(2) <= 36 * n * (k - 1);
        for (place, bits) in set.iter().enumerate() {
            assert!(bits.iter().all(|&count| even(2, count)), "place {place}: {bits:?} of {many}");
        }
        for (place, symbols) in together.iter().enumerate() {
            assert!(symbols.iter().all(|&count| even(32, count)), "place {place}: {symbols:?} of {many}");
        }
    }
}
