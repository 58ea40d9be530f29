//! Checks of typed input that every noun needs.

use std::borrow::Cow;

use crate::kernel::text::{fold, fold_digits};
use crate::{Error, Result};

/// Text that must be there: trimmed, 1 to `max` characters, no control characters.
///
/// # Errors
/// [`Error::Invalid`] with rule `text.required`, `text.too_long` or `text.control`.
///
/// ```
/// use crm_core::kernel::input::required_text;
/// assert_eq!(required_text("name", "  Ala ", 10)?, "Ala");
/// assert!(required_text("name", " ", 10).is_err());
/// # Ok::<(), crm_core::Error>(())
/// ```
pub fn required_text(field: impl Into<Cow<'static, str>>, text: &str, max: usize) -> Result<String> {
    let text = text.trim();
    let rule = if text.is_empty() {
        "text.required"
    } else if text.chars().count() > max {
        "text.too_long"
    } else if text.chars().any(char::is_control) {
        "text.control"
    } else {
        return Ok(text.to_owned());
    };
    Err(Error::invalid(field, rule))
}

/// The longest folded text: 300 characters of four bytes.
const MAX_FOLDED_BYTES: usize = 1200;

/// A text folded for searching, within what an index takes: a few characters fold to many.
///
/// # Errors
/// [`Error::Invalid`] with rule `text.too_long`.
pub(crate) fn folded(field: impl Into<Cow<'static, str>>, text: &str) -> Result<String> {
    let folded = fold(text);
    if folded.len() <= MAX_FOLDED_BYTES { Ok(folded) } else { Err(Error::invalid(field, "text.too_long")) }
}

/// A code that people type, such as a card number: digits of any script as ASCII, letters as capitals, and the spaces,
/// dashes and dots left out by which people group it.
///
/// # Errors
/// [`Error::Invalid`] with rule `code.format` for other characters, for nothing, and for more than `max`.
///
/// ```
/// use crm_core::kernel::input::fold_code;
/// assert_eq!(fold_code("card_no", "ab-۱۲ 34", 64)?, "AB1234");
/// # Ok::<(), crm_core::Error>(())
/// ```
pub fn fold_code(field: impl Into<Cow<'static, str>>, text: &str, max: usize) -> Result<String> {
    let code: String = fold_digits(text.trim())
        .chars()
        .filter(|c| !matches!(c, ' ' | '-' | '.' | '\u{a0}' | '\u{200c}' | '\u{200e}' | '\u{200f}'))
        .map(|c| c.to_ascii_uppercase())
        .collect();
    if code.is_empty() || code.len() > max || !code.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(Error::invalid(field, "code.format"));
    }
    Ok(code)
}
