//! Numbers of cards, with a check digit.

use crate::kernel::random::Randomness;
use crate::{Error, Result};

/// The most digits of a number that is made, with its check digit.
pub const MAX_DIGITS: u8 = 32;

/// The check digit of these digits (ISO/IEC 7812-1, annex B: Luhn). It tells every wrong digit, and every two neighbours
/// in the wrong order but for 0 and 9.
///
/// # Errors
/// [`Error::Invalid`] with rule `card.number` for anything but digits.
///
/// ```
/// use crm_core::loyalty::cards::check_digit;
/// assert_eq!(check_digit("7992739871")?, 3);
/// # Ok::<(), crm_core::Error>(())
/// ```
pub fn check_digit(digits: &str) -> Result<u8> {
    let mut sum: u32 = 0;
    for (at, byte) in digits.bytes().rev().enumerate() {
        if !byte.is_ascii_digit() {
            return Err(Error::invalid("number", "card.number"));
        }
        let digit = u32::from(byte - b'0');
        let weighed = if at % 2 == 0 { 2 * digit } else { digit };
        sum = (sum + weighed / 10 + weighed % 10) % 10;
    }
    Ok(u8::try_from((10 - sum) % 10).unwrap_or_default())
}

/// Whether a folded number is all digits and ends with its check digit.
///
/// ```
/// use crm_core::loyalty::cards::is_card_number;
/// assert!(is_card_number("79927398713"));
/// assert!(!is_card_number("79927398731"), "two digits changed places");
/// ```
pub fn is_card_number(number: &str) -> bool {
    let Some((at, last)) = number.char_indices().next_back() else { return false };
    let body = number.get(..at).unwrap_or_default();
    !body.is_empty() && check_digit(body).is_ok_and(|check| last == char::from(b'0' + check))
}

/// A new number: the prefix, digits that nobody can foresee, the check digit.
///
/// # Errors
/// [`Error::Invalid`] with rule `cards.digits` when fewer than eight digits would be left to chance;
/// [`Error::Backend`] without randomness.
pub fn draw_number(prefix: &str, digits: u8, randomness: &dyn Randomness) -> Result<String> {
    let length = usize::from(digits);
    if digits > MAX_DIGITS || length < prefix.len().saturating_add(9) {
        return Err(Error::invalid("digits", "cards.digits"));
    }
    let mut number = prefix.to_owned();
    while number.len() + 1 < length {
        let mut byte = [0; 1];
        randomness.fill(&mut byte)?;
        // 250 is the largest multiple of 10 in a byte: above it, the low digits would come more often.
        if byte[0] < 250 {
            number.push(char::from(b'0' + byte[0] % 10));
        }
    }
    let check = check_digit(&number)?;
    number.push(char::from(b'0' + check));
    Ok(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::random::SeededRandomness;

    #[test]
    fn known_numbers() {
        // The number of ISO/IEC 7812-1's descriptions, and test numbers that card schemes publish.
        for number in ["79927398713", "4111111111111111", "5555555555554444", "378282246310005"] {
            assert!(is_card_number(number), "{number}");
        }
        for number in ["", "0", "7", "79927398710", "7992739871۳", "7992 7398713", "A", "ABCDEF"] {
            assert!(!is_card_number(number), "{number}");
        }
    }

    proptest! {
        /// S-36: the check digit tells one wrong digit, and neighbours that changed places unless they are 0 and 9.
        #[test]
        fn slips_are_told(seed: u64, at in 0_usize..16, other in 0_u8..10) {
            let number = draw_number("29", 16, &SeededRandomness::new(seed)).unwrap();
            prop_assert!(number.len() == 16 && number.starts_with("29") && is_card_number(&number));
            let mut wrong = number.clone().into_bytes();
            wrong[at] = b'0' + other;
            let wrong = String::from_utf8(wrong).unwrap();
            prop_assert_eq!(is_card_number(&wrong), wrong == number);
            let mut swapped = number.into_bytes();
            let at = at.min(14);
            swapped.swap(at, at + 1);
            let (a, b) = (swapped[at], swapped[at + 1]);
            let is_blind = a == b || (a.min(b), a.max(b)) == (b'0', b'9');
            prop_assert_eq!(is_card_number(&String::from_utf8(swapped).unwrap()), is_blind);
        }
    }

    /// Each digit that is left to chance comes as often as the others: within 5 sigma of 10,000 draws.
    #[test]
    fn digits_are_even() {
        let source = SeededRandomness::new(4);
        let mut seen = [[0_u32; 10]; 12];
        for _ in 0..10_000 {
            let number = draw_number("", 13, &source).unwrap();
            for (place, digit) in number.bytes().take(12).enumerate() {
                seen[place][usize::from(digit - b'0')] += 1;
            }
        }
        assert!(seen.iter().flatten().all(|&times| (850..=1_150).contains(&times)), "{seen:?}");
    }

    #[test]
    fn too_little_chance_is_refused() {
        let source = SeededRandomness::new(1);
        for (prefix, digits) in [("", 8), ("29", 10), ("123456789", 17), ("", 33)] {
            assert!(draw_number(prefix, digits, &source).is_err(), "{prefix} {digits}");
        }
        assert!(draw_number("", 9, &source).is_ok() && draw_number("29", 11, &source).is_ok());
        assert!(draw_number("2x", 16, &source).is_err());
    }
}
