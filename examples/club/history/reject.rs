//! Rows that could not be used, each with its number and why.

use std::fmt;
use std::path::Path;

use crm_core::{Error, Result};

macro_rules! reasons {
    ($($(#[$meta:meta])* $name:ident = $code:literal, $about:literal;)+) => {
        /// Why a row was not used.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) enum Reason {
            $($(#[$meta])* $name,)+
        }

        impl Reason {
            /// What is written into the list of rejected rows.
            pub(crate) const fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)+
                }
            }

            /// In words.
            pub(crate) const fn about(self) -> &'static str {
                match self {
                    $(Self::$name => $about,)+
                }
            }
        }
    };
}

reasons! {
    Malformed = "row.fields", "not as many fields as the heading";
    NotUtf8 = "row.encoding", "not UTF-8";
    TooLong = "row.too_long", "too long: a quotation mark may be missing";
    ManyLines = "row.lines", "read as one row with the lines beside it: a quotation mark may be missing";
    NoCustomer = "customer.missing", "no customer";
    NoDate = "date.missing", "no date";
    DateFormat = "date.format", "a date that cannot be read";
    DateOrder = "date.order", "day or month first? State --date-order";
    NoSuchDay = "date.no_such_day", "a day that does not exist";
    YearOutOfRange = "date.year", "a year before 1900 or after 2100: perhaps another --calendar";
    NoAmount = "amount.missing", "no amount";
    AmountFormat = "amount.format", "an amount that cannot be read";
    AmountAmbiguous = "amount.ambiguous", "thousands or decimals? State --decimal";
    TooManyDecimals = "amount.decimals", "more decimals than the currency has";
    AmountTooLarge = "amount.too_large", "an amount that is too large";
    QuantityFormat = "quantity.format", "a quantity that is not a whole number, or zero";
    NegativePrice = "price.negative", "a negative price";
    NotNegative = "cancellation.quantity", "a cancellation of what is not negative";
    ReceiptTooLong = "receipt.too_long", "a receipt number of more than 60 characters";
    OtherCustomer = "receipt.customer", "another customer than in the first row of the receipt";
    ReceiptAgain = "receipt.again", "the receipt number was used before";
    NotBought = "return.not_bought", "a return of what was not bought before";
    MoreThanBought = "return.more_than_bought", "a return of more than was left of what was bought";
    Refused = "refused", "refused by the store";
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.about())
    }
}

/// A row that was not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rejected {
    /// The line of the file in which the row begins, from 1; the heading is the first.
    pub(crate) row: u64,
    pub(crate) reason: Reason,
}

/// Writes a list of rejected rows: the line of the file, the code of the reason, and the reason in words. What the row
/// says is left where it is, for it may be about a person.
///
/// # Errors
/// What the file meets.
pub(crate) fn write(path: &Path, rejected: &[Rejected]) -> Result<()> {
    let failed = |error: csv::Error| Error::Setup(format!("{}: {error}", path.display()));
    let mut list = csv::Writer::from_path(path).map_err(failed)?;
    list.write_record(["line", "reason", "about"]).map_err(failed)?;
    for Rejected { row, reason } in rejected {
        list.write_record([row.to_string().as_str(), reason.code(), reason.about()]).map_err(failed)?;
    }
    list.flush().map_err(|error| failed(error.into()))
}
