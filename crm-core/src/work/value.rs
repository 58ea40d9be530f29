//! What crosses the storage port: values, rows and keys.

use std::sync::Arc;

use uuid::Uuid;

use crate::kernel::time::{CivilDate, Timestamp};
use crate::{Error, Result};

/// One cell of a row. Small on purpose: every backend maps these eight and no more.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Value {
    /// No value. Sorts before everything; equal to nothing in a filter.
    Null,
    /// Yes or no.
    Bool(bool),
    /// Any integer: counts, minor units of money, versions.
    Int(i64),
    /// Text, ordered by its bytes on every backend.
    Text(String),
    /// An id.
    Uuid(Uuid),
    /// An instant.
    Time(Timestamp),
    /// A civil date.
    Date(CivilDate),
    /// A JSON document as text. Never filtered on or ordered by.
    Json(String),
}

impl Value {
    /// Whether this is [`Value::Null`].
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The integer, if it is one.
    pub fn as_int(&self) -> Option<i64> {
        if let Self::Int(value) = self { Some(*value) } else { None }
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(value) = self { Some(value) } else { None }
    }
}

/// The values of an entity, one for each column of its schema. Shared, for many remember the same row.
pub type Row = Arc<[Value]>;

/// The values of an entity's key columns.
pub type Key = Arc<[Value]>;

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// [`Value::Bool`]
    Bool,
    /// [`Value::Int`]
    Int,
    /// [`Value::Text`]
    Text,
    /// [`Value::Uuid`]
    Uuid,
    /// [`Value::Time`]
    Time,
    /// [`Value::Date`]
    Date,
    /// [`Value::Json`]
    Json,
}

/// A Rust type that is kept in a column.
///
/// Implemented for the integers, `bool`, `String`, the ids, the times, and `Option` of each; enums get it from
/// [`text_enum!`](crate::text_enum), documents from [`Json`].
pub trait Field: Sized {
    /// The column type.
    const TYPE: ColumnType;
    /// Whether the column may be null: only `Option` says yes.
    const NULLABLE: bool = false;

    /// The value to store.
    fn to_value(&self) -> Value;

    /// Back from the stored value.
    ///
    /// # Errors
    /// [`Error::Backend`] when the stored value is not of this type: the store was changed behind our back.
    fn from_value(value: &Value) -> Result<Self>;
}

/// The error for a stored value that does not fit its type.
pub fn misfit(expected: &'static str) -> Error {
    Error::Backend { context: format!("a stored value is no {expected}").into(), source: None }
}

macro_rules! field {
    ($($type:ty => $variant:ident),+ $(,)?) => {$(
        impl Field for $type {
            const TYPE: ColumnType = ColumnType::$variant;

            fn to_value(&self) -> Value {
                Value::$variant(self.clone())
            }

            fn from_value(value: &Value) -> Result<Self> {
                match value {
                    Value::$variant(value) => Ok(value.clone()),
                    _ => Err(misfit(stringify!($variant))),
                }
            }
        }
    )+};
}
field!(bool => Bool, i64 => Int, String => Text, Uuid => Uuid, Timestamp => Time, CivilDate => Date);

macro_rules! small_int_field {
    ($($type:ty),+) => {$(
        impl Field for $type {
            const TYPE: ColumnType = ColumnType::Int;

            fn to_value(&self) -> Value {
                Value::Int(i64::from(*self))
            }

            fn from_value(value: &Value) -> Result<Self> {
                i64::from_value(value)?.try_into().map_err(|_| misfit(stringify!($type)))
            }
        }
    )+};
}
small_int_field!(i32, u32, u16, u8);

impl<T: Field> Field for Option<T> {
    const TYPE: ColumnType = T::TYPE;
    const NULLABLE: bool = true;

    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::Null, Field::to_value)
    }

    fn from_value(value: &Value) -> Result<Self> {
        if value.is_null() { Ok(None) } else { T::from_value(value).map(Some) }
    }
}

/// A document kept as JSON in one column: custom fields, rule sheets, form schemas. Never filtered on.
///
/// ```
/// use crm_core::work::{Field, Json, Value};
/// let tags = Json(vec!["vip".to_owned()]);
/// assert_eq!(tags.to_value(), Value::Json(r#"["vip"]"#.to_owned()));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Json<T>(pub T);

impl<T: serde::Serialize + serde::de::DeserializeOwned> Field for Json<T> {
    const TYPE: ColumnType = ColumnType::Json;

    fn to_value(&self) -> Value {
        // Only maps with keys that are no strings can fail here, and null is what JSON has for "no value".
        Value::Json(serde_json::to_string(&self.0).unwrap_or_else(|_| "null".to_owned()))
    }

    fn from_value(value: &Value) -> Result<Self> {
        match value {
            Value::Json(text) => {
                serde_json::from_str(text).map(Self).map_err(|error| Error::backend("a stored document", error))
            }
            _ => Err(misfit("Json")),
        }
    }
}

/// The optimistic lock of a row: 1 when it is inserted, one more with every update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Version(i64);

impl Version {
    /// The version of a row that was never changed.
    pub const FIRST: Self = Self(1);

    /// The version after one more update.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl Default for Version {
    fn default() -> Self {
        Self::FIRST
    }
}

impl Field for Version {
    const TYPE: ColumnType = ColumnType::Int;

    fn to_value(&self) -> Value {
        Value::Int(self.0)
    }

    fn from_value(value: &Value) -> Result<Self> {
        i64::from_value(value).map(Self)
    }
}

/// Gives an enum of unit variants a stable text for storage, serde and display.
///
/// ```
/// crm_core::text_enum! {
///     /// How a note came in.
///     pub enum Source {
///         /// Typed by staff.
///         Staff = "staff",
///         /// From a form.
///         Form = "form",
///     }
/// }
/// assert_eq!("form".parse::<Source>().unwrap(), Source::Form);
/// assert_eq!(Source::Staff.as_str(), "staff");
/// ```
#[macro_export]
macro_rules! text_enum {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, $crate::reexport::serde::Serialize, $crate::reexport::serde::Deserialize)]
        #[serde(crate = "::crm_core::reexport::serde")]
        $vis enum $name {
            $($(#[$variant_meta])* #[serde(rename = $text)] $variant),+
        }

        impl $name {
            /// Every variant, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable text of this variant.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::Error;

            fn from_str(text: &str) -> $crate::Result<Self> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err($crate::Error::invalid(stringify!($name), "enum.unknown")),
                }
            }
        }

        impl $crate::work::Field for $name {
            const TYPE: $crate::work::ColumnType = $crate::work::ColumnType::Text;

            fn to_value(&self) -> $crate::work::Value {
                $crate::work::Value::Text(self.as_str().to_owned())
            }

            fn from_value(value: &$crate::work::Value) -> $crate::Result<Self> {
                value.as_text().ok_or_else(|| $crate::work::misfit(stringify!($name)))?
                    .parse()
                    .map_err(|_| $crate::work::misfit(stringify!($name)))
            }
        }
    };
}
