//! Kernel values as columns.

use super::value::{ColumnType, Field, Value, misfit};
use crate::Result;
use crate::kernel::calendar::Calendar;
use crate::kernel::currency::Currency;
use crate::kernel::email::Email;
use crate::kernel::phone::Phone;
use crate::kernel::rate::Rate;
use crate::kernel::time::{TimeOfDay, Zone};

macro_rules! text_field {
    ($($type:ty: $text:expr, $parse:expr);+ $(;)?) => {$(
        impl Field for $type {
            const TYPE: ColumnType = ColumnType::Text;

            fn to_value(&self) -> Value {
                let text: fn(&$type) -> String = $text;
                Value::Text(text(self))
            }

            fn from_value(value: &Value) -> Result<Self> {
                let parse: fn(&str) -> Result<$type> = $parse;
                value.as_text().and_then(|text| parse(text).ok()).ok_or_else(|| misfit(stringify!($type)))
            }
        }
    )+};
}

text_field! {
    Currency: |currency| currency.as_str().to_owned(), Currency::new;
    Zone: |zone| zone.name().to_owned(), Zone::new;
    Calendar: ToString::to_string, str::parse;
    Rate: ToString::to_string, str::parse;
    TimeOfDay: ToString::to_string, str::parse;
    Phone: |phone| phone.as_str().to_owned(), |text| Phone::from_e164(text);
    Email: |email| email.as_str().to_owned(), Email::parse;
}
