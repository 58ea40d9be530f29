//! Pages of a list by key: a page starts after the last row of the one before, however deep it lies, and rows that come
//! or go meanwhile shift nothing.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// How many rows a page has at most: 1 to 1000, by default 50.
///
/// ```
/// use crm_core::kernel::page::Limit;
/// assert_eq!(Limit::default().get(), 50);
/// assert_eq!(Limit::new(1000)?.get(), 1000);
/// assert!(Limit::new(1001).is_err());
/// # Ok::<(), crm_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Limit(u32);

impl Limit {
    /// The largest page.
    pub const MAX: Self = Self(1000);

    /// A page of this many rows.
    ///
    /// # Errors
    ///
    /// Field `limit`, rule `page.limit` for zero and above 1000.
    pub fn new(rows: u32) -> Result<Self> {
        if (1..=Self::MAX.0).contains(&rows) { Ok(Self(rows)) } else { Err(Error::invalid("limit", "page.limit")) }
    }

    /// The number of rows.
    pub fn get(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(50)
    }
}

impl TryFrom<u32> for Limit {
    type Error = Error;

    fn try_from(rows: u32) -> Result<Self> {
        Self::new(rows)
    }
}

impl From<Limit> for u32 {
    fn from(limit: Limit) -> Self {
        limit.0
    }
}

/// One sort value of a row. `Debug` shows the kind only: a sort value may be somebody's name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CursorValue {
    /// No value.
    Null,
    /// A number, an amount in minor units, an instant in microseconds.
    Int(i64),
    /// A text, for example a folded name.
    Text(String),
    /// Raw bytes, for example a foreign id.
    Bytes(Vec<u8>),
}

impl fmt::Debug for CursorValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "Null",
            Self::Int(_) => "Int(…)",
            Self::Text(_) => "Text(…)",
            Self::Bytes(_) => "Bytes(…)",
        })
    }
}

/// A place in a list: the sort values of a row, the last of which are its key.
///
/// As text (`Display`, serde) it is one opaque word, safe in a URL. It is neither secret nor signed: who has it can read
/// the sort values, and can make another one. So a cursor never widens what its reader may see: a query narrows by the
/// actor's reach first, and checks that the values have the types of its own sort columns.
///
/// ```
/// use crm_core::kernel::page::{Cursor, CursorValue};
/// # fn main() -> crm_core::Result<()> {
/// let cursor = Cursor::new(vec![CursorValue::Text("nowak".into()), CursorValue::Int(3)])?;
/// assert_eq!(Cursor::decode(&cursor.encode())?, cursor);
/// assert!(Cursor::decode("garbage").is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cursor {
    values: Vec<CursorValue>,
}

/// The first byte, so that the bytes may change one day.
const VERSION: u8 = 1;
/// The longest cursor in bytes, before base64: it has to fit into a URL.
const MAX_BYTES: usize = 4096;

impl Cursor {
    /// The place of the row with these sort values, in the order of the sort.
    ///
    /// # Errors
    ///
    /// Field `cursor`, rule `page.cursor` when the values take more than about 4000 bytes. Sort by a bounded prefix.
    pub fn new(values: Vec<CursorValue>) -> Result<Self> {
        let cursor = Self { values };
        if cursor.to_bytes().len() > MAX_BYTES { Err(invalid()) } else { Ok(cursor) }
    }

    /// The sort values.
    pub fn values(&self) -> &[CursorValue] {
        &self.values
    }

    /// The cursor as base64url without padding.
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.to_bytes())
    }

    /// Reads what [`Cursor::encode`] wrote. Whatever else comes in, it is refused, never panics, and allocates no more than
    /// a few times its own length.
    ///
    /// # Errors
    ///
    /// Field `cursor`, rule `page.cursor`.
    pub fn decode(text: &str) -> Result<Self> {
        // Four characters are three bytes.
        if text.len() > MAX_BYTES.div_ceil(3) * 4 {
            return Err(invalid());
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| invalid())?;
        Self::from_bytes(&bytes).filter(|_| bytes.len() <= MAX_BYTES).ok_or_else(invalid)
    }

    /// Version, then per value a tag and its bytes: an integer as 8, text and bytes with a length of 4.
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        for value in &self.values {
            match value {
                CursorValue::Null => out.push(0),
                CursorValue::Int(int) => {
                    out.push(1);
                    out.extend_from_slice(&int.to_be_bytes());
                }
                CursorValue::Text(text) => put(&mut out, 2, text.as_bytes()),
                CursorValue::Bytes(bytes) => put(&mut out, 3, bytes),
            }
        }
        out
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (&[VERSION], mut rest) = bytes.split_first_chunk()? else { return None };
        let mut values = Vec::new();
        while let Some((tag, after)) = rest.split_first() {
            rest = after;
            values.push(match tag {
                0 => CursorValue::Null,
                1 => CursorValue::Int(i64::from_be_bytes(*take_chunk(&mut rest)?)),
                2 => CursorValue::Text(String::from_utf8(take(&mut rest)?.to_vec()).ok()?),
                3 => CursorValue::Bytes(take(&mut rest)?.to_vec()),
                _ => return None,
            });
        }
        Some(Self { values })
    }
}

fn invalid() -> Error {
    Error::invalid("cursor", "page.cursor")
}

fn put(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    // A length beyond u32 never gets out: the cursor is far too long then.
    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(bytes);
}

fn take_chunk<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (chunk, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(chunk)
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = u32::from_be_bytes(*take_chunk(rest)?);
    let (bytes, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = after;
    Some(bytes)
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.encode())
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cursor({:?})", self.values)
    }
}

impl std::str::FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::decode(text)
    }
}

impl TryFrom<String> for Cursor {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::decode(&text)
    }
}

impl From<Cursor> for String {
    fn from(cursor: Cursor) -> Self {
        cursor.encode()
    }
}

/// A part of a list, and where the next part begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The rows, in the order of the list.
    pub items: Vec<T>,
    /// Where to read on; `None` at the end.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// The same page of other things.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(f).collect(), next: self.next }
    }
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self { items: Vec::new(), next: None }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = CursorValue> {
        prop_oneof![
            Just(CursorValue::Null),
            any::<i64>().prop_map(CursorValue::Int),
            prop::collection::vec(any::<char>(), 0..20).prop_map(|v| CursorValue::Text(v.into_iter().collect())),
            prop::collection::vec(any::<u8>(), 0..20).prop_map(CursorValue::Bytes),
        ]
    }

    proptest! {
        #[test]
        fn a_cursor_reads_back(values in prop::collection::vec(value(), 0..6)) {
            let cursor = Cursor::new(values).unwrap();
            let text = cursor.encode();
            prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
            prop_assert_eq!(&Cursor::decode(&text).unwrap(), &cursor);
            let json = serde_json::to_string(&cursor).unwrap();
            prop_assert_eq!(&json, &format!("\"{text}\""));
            prop_assert_eq!(serde_json::from_str::<Cursor>(&json).unwrap(), cursor);
        }

        #[test]
        fn any_text_is_refused_or_is_the_only_spelling(chars in prop::collection::vec(any::<char>(), 0..60), plain in "[A-Za-z0-9_-]{0,80}") {
            for text in [chars.into_iter().collect::<String>(), plain] {
                match Cursor::decode(&text) {
                    Ok(cursor) => prop_assert_eq!(cursor.encode(), text),
                    Err(error) => prop_assert_eq!(error.to_string(), "cursor: page.cursor"),
                }
            }
        }

        #[test]
        fn any_bytes_are_refused_or_are_the_only_spelling(tail in prop::collection::vec(any::<u8>(), 0..60), short in prop::collection::vec(0_u8..4, 0..60)) {
            for tail in [tail, short] {
                let text = URL_SAFE_NO_PAD.encode([&[VERSION][..], &tail].concat());
                if let Ok(cursor) = Cursor::decode(&text) {
                    prop_assert_eq!(cursor.encode(), text);
                }
            }
        }
    }

    #[test]
    fn broken_cursors() {
        let cursor = Cursor::new(vec![CursorValue::Text("x".into())]).unwrap();
        let good = cursor.to_bytes();
        let with = |change: fn(&mut Vec<u8>)| {
            let mut bytes = good.clone();
            change(&mut bytes);
            Cursor::decode(&URL_SAFE_NO_PAD.encode(bytes))
        };
        assert!(with(|_| {}).is_ok());
        assert!(with(|b| b[0] = 2).is_err());
        assert!(with(|b| b[1] = 9).is_err());
        assert!(with(|b| b[2] = 0xff).is_err()); // a length of four gigabytes
        assert!(with(|b| b[6] = 0xff).is_err()); // not UTF-8
        assert!(with(|b| b.truncate(5)).is_err());
        assert!(with(|b| b.extend([2, 0])).is_err());
        assert!(Cursor::decode(&format!("{}=", cursor.encode())).is_err());
        assert!(Cursor::decode(&"A".repeat(1_000_000)).is_err());
        let long = |n| Cursor::new(vec![CursorValue::Text("x".repeat(n))]);
        assert!(Cursor::decode(&long(4090).unwrap().encode()).is_ok());
        assert!(long(4091).is_err());
    }

    #[test]
    fn limits() {
        assert!(Limit::new(1).is_ok() && Limit::new(1000).is_ok());
        for rows in [0, 1001, u32::MAX] {
            assert_eq!(Limit::new(rows).unwrap_err().to_string(), "limit: page.limit");
        }
        assert_eq!(serde_json::to_string(&Limit::default()).unwrap(), "50");
        assert!(serde_json::from_str::<Limit>("0").is_err());
    }

    #[test]
    fn pages_map_and_travel() {
        let next = Cursor::new(vec![CursorValue::Text("Nowak".into())]).unwrap();
        let page = Page { items: vec![1, 2], next: Some(next) }.map(|n| n.to_string());
        assert_eq!(page.items, ["1", "2"]);
        let json = serde_json::to_string(&page).unwrap();
        assert_eq!(serde_json::from_str::<Page<String>>(&json).unwrap(), page);
        assert!(!format!("{page:?}").contains("Nowak"));
        assert_eq!(Page::<u8>::default(), Page { items: vec![], next: None });
    }
}
