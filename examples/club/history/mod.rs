//! A purchase history in a file: rows in, receipts out.
//!
//! One row is held at a time, and one receipt. Every row ends in a receipt or is rejected with its number and a reason: the
//! reader counts both, and [`Count::rows`] is their sum.

pub(crate) mod amount;
mod bound;
pub(crate) mod columns;
pub(crate) mod date;
mod file;
pub(crate) mod reject;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::io::Read;
use std::ops::Range;
use std::rc::Rc;

use crm_core::kernel::currency::Currency;
use crm_core::kernel::input::fold_code;
use crm_core::kernel::text::fold_digits;
use crm_core::kernel::time::{TimeOfDay, Timestamp};
use crm_core::{Error, Result};
use csv::ByteRecord;

pub(crate) use columns::{Layout, Stated};
pub(crate) use file::{Digest, digest, file, open, unpacked};
pub(crate) use reject::{Reason, Rejected};

use bound::Bounded;
use columns::Amount;
use date::When;

/// A row is not longer than this.
const MAX_ROW: usize = 64 * 1024;
/// A receipt has no more lines than a purchase may have.
const MAX_LINES: usize = 1000;

/// What somebody bought at one time, and what they brought back with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Receipt {
    /// The line of the file in which it begins.
    pub(crate) row: u64,
    pub(crate) number: String,
    /// The number of the customer's card.
    pub(crate) customer: String,
    /// Their name, or whatever the file calls them by.
    pub(crate) name: String,
    pub(crate) branch: Option<String>,
    pub(crate) at: Timestamp,
    pub(crate) sold: Vec<Line>,
    /// Pieces of earlier purchases.
    pub(crate) back: Vec<Line>,
}

/// A row of a receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) row: u64,
    /// Empty if the file does not say what was bought.
    pub(crate) sku: String,
    pub(crate) product: Option<String>,
    pub(crate) category: Option<String>,
    /// More than none.
    pub(crate) pieces: i64,
    /// One piece, in minor units, rounded up.
    pub(crate) unit_minor: i64,
    /// All pieces, rounded once, half up (S-13).
    pub(crate) total_minor: i64,
}

/// What comes out of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Receipt(Receipt),
    Rejected(Rejected),
}

/// How many rows came, and what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// All but the heading.
    pub(crate) rows: u64,
    pub(crate) rejected: u64,
}

/// Reads a history row by row.
pub(crate) struct Reader<R> {
    csv: csv::Reader<Bounded<R>>,
    /// What was read since the last row ended.
    since: Rc<Cell<usize>>,
    layout: Layout,
    record: ByteRecord,
    /// What is gathered of the receipt that is being read, and its number in the file.
    open: Option<Receipt>,
    number: Option<String>,
    count: Count,
    /// Lines that were read as part of a row that is rejected, and are still to be told.
    swallowed: Range<u64>,
    done: bool,
}

/// A row, understood.
struct Row {
    number: Option<String>,
    /// Whether the receipt says that it takes an earlier one back.
    cancels: bool,
    customer: String,
    name: String,
    branch: Option<String>,
    at: Timestamp,
    back: bool,
    line: Line,
}

impl<R: Read> Reader<R> {
    /// Reads the heading and finds the columns.
    ///
    /// # Errors
    /// What the file meets; [`Error::Setup`] when a column is missing.
    pub(crate) fn new(
        input: R,
        delimiter: u8,
        stated: &Stated,
        currencies: &crm_core::kernel::currency::Currencies,
    ) -> Result<Self> {
        let (input, since) = Bounded::new(input);
        let mut csv = csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(input);
        let heading = csv.byte_headers().map_err(unreadable)?;
        let heading: Vec<String> = heading
            .iter()
            .map(|name| String::from_utf8_lossy(name).trim_start_matches('\u{feff}').trim().to_owned())
            .collect();
        let layout = Layout::find(&heading, stated, |currency: Currency| Ok(currencies.get(currency)?.exponent))?;
        let (record, swallowed) = (ByteRecord::new(), 0..0);
        let (open, number, count) = (None, None, Count::default());
        Ok(Self { csv, since, layout, record, open, number, count, swallowed, done: false })
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn count(&self) -> Count {
        self.count
    }

    /// The next receipt or rejected row; nothing at the end.
    ///
    /// # Errors
    /// What the file meets: it may be cut off. What came before is told before that.
    pub(crate) fn next(&mut self) -> Result<Option<Found>> {
        if let Some(row) = self.swallowed.next() {
            self.count.rows += 1;
            return Ok(Some(self.reject(row, Reason::ManyLines)));
        }
        while !self.done {
            self.since.set(0);
            let begins = self.csv.position().line();
            match self.csv.read_byte_record(&mut self.record) {
                Ok(true) => {}
                Ok(false) => self.done = true,
                // The receipt that was being read may go on behind the place where the file is cut off.
                Err(error) => return Err(stopped(error, begins)),
            }
            if self.done {
                break;
            }
            self.count.rows += 1;
            let row = self.record.position().map_or(0, csv::Position::line);
            let lines = self.record.as_slice().trim_ascii_end().split(|byte| *byte == b'\n').count() as u64;
            if lines > 1 {
                // What a lost quotation mark has joined could be read as one row by chance. Every line of it is told.
                self.swallowed = row + 1..row + lines;
                return Ok(Some(self.reject(row, Reason::ManyLines)));
            }
            if let Some(found) = self.take(row) {
                return Ok(Some(found));
            }
        }
        Ok(self.open.take().map(Found::Receipt))
    }

    fn reject(&mut self, row: u64, reason: Reason) -> Found {
        self.count.rejected += 1;
        Found::Rejected(Rejected { row, reason })
    }

    /// Puts a row where it belongs. Tells a rejected row at once, and a receipt when the next one begins.
    fn take(&mut self, row: u64) -> Option<Found> {
        let read = match understand(&self.record, &self.layout, row) {
            Ok(read) => read,
            Err(reason) => return Some(self.reject(row, reason)),
        };
        let mut part = String::new();
        if let (Some(open), Some(number)) = (&mut self.open, &read.number)
            && self.number.as_ref() == Some(number)
        {
            if open.customer != read.customer {
                return Some(self.reject(row, Reason::OtherCustomer));
            }
            let lines = if read.back { &mut open.back } else { &mut open.sold };
            if lines.len() < MAX_LINES {
                lines.push(read.line);
                return None;
            }
            // A purchase takes no more: the rest is another one.
            part = format!("/{row}");
        }
        self.number.clone_from(&read.number);
        let mut receipt = Receipt {
            row,
            // A file without receipts: each row is one.
            number: read.number.map_or_else(|| row.to_string(), |number| number + &part),
            customer: read.customer,
            name: read.name,
            branch: read.branch,
            at: read.at,
            sold: Vec::new(),
            back: Vec::new(),
        };
        if read.back {
            receipt.back.push(read.line);
        } else {
            receipt.sold.push(read.line);
        }
        debug_assert!(!read.cancels || receipt.sold.is_empty());
        self.open.replace(receipt).map(Found::Receipt)
    }
}

fn understand(record: &ByteRecord, layout: &Layout, row: u64) -> Result<Row, Reason> {
    if record.as_slice().len() > MAX_ROW {
        return Err(Reason::TooLong);
    }
    if record.len() != layout.fields {
        return Err(Reason::Malformed);
    }
    let record = std::str::from_utf8(record.as_slice()).is_ok().then_some(record).ok_or(Reason::NotUtf8)?;
    let text = |at: usize| record.get(at).and_then(|field| std::str::from_utf8(field).ok()).unwrap_or_default().trim();
    let optional =
        |at: Option<usize>| at.map(text).filter(|text| !text.is_empty()).map(|text| shortened(text, 200).to_owned());

    let customer = text(layout.customer);
    if customer.is_empty() {
        return Err(Reason::NoCustomer);
    }
    let name = optional(layout.name).unwrap_or_else(|| shortened(customer, 200).to_owned());
    let number = layout.receipt.map(text).filter(|number| !number.is_empty()).map(code);
    if number.as_ref().is_some_and(|number| number.chars().count() > 60) {
        return Err(Reason::ReceiptTooLong);
    }
    let at = instant(layout.dates.read(text(layout.date))?, layout, row)?;
    let pieces = match layout.quantity.map(text) {
        None => 1,
        Some(quantity) => pieces(quantity)?,
    };
    let (amount_at, by_piece) = match layout.amount {
        Amount::Line(at) => (at, false),
        Amount::Piece(at) => (at, true),
    };
    if text(amount_at).is_empty() {
        return Err(Reason::NoAmount);
    }
    let amount = amount::read(text(amount_at), layout.mark)?;
    if by_piece && amount.mantissa < 0 {
        return Err(Reason::NegativePrice);
    }
    let cancels = number.as_ref().is_some_and(|number| is_cancellation(number));
    let back = cancels || pieces < 0 || amount.mantissa < 0;
    if cancels && pieces > 0 && amount.mantissa >= 0 {
        return Err(Reason::NotNegative);
    }
    let pieces = pieces.checked_abs().ok_or(Reason::QuantityFormat)?;
    let exponent = layout.exponent;
    let (unit_minor, total_minor) = if by_piece {
        (amount.rounded_up(exponent)?, amount.times(pieces, exponent)?)
    } else {
        let total = amount.to_minor(exponent)?.checked_abs().ok_or(Reason::AmountTooLarge)?;
        // Rounded up, so that what is too much is a discount on the line.
        (total / pieces + i64::from(total % pieces != 0), total)
    };
    // The store takes the pieces off the price again: that must fit too.
    unit_minor.checked_mul(pieces).ok_or(Reason::AmountTooLarge)?;
    let sku = layout.sku.map(text).map(|sku| shortened(sku, 60).to_owned()).unwrap_or_default();
    let (product, category) = (optional(layout.product), optional(layout.category));
    let line = Line { row, sku, product, category, pieces, unit_minor, total_minor };
    let customer = card(customer);
    Ok(Row { number, cancels, customer, name, branch: optional(layout.branch), at, back, line })
}

/// What the file calls a customer by, as the number of a card: letters and digits as they are (T-14), a digest of anything
/// else, for example of an e-mail address.
fn card(text: &str) -> String {
    let folded = fold_code("card_no", text, 64);
    folded.unwrap_or_else(|_| {
        format!("X{}", digest(text.as_bytes()).map(|digest| digest.as_str().to_uppercase()).unwrap_or_default())
    })
}

/// A number or code as it is compared: ASCII digits, no space around it. Leading zeros stay (T-14).
fn code(text: &str) -> String {
    fold_digits(text.trim())
}

/// An invoice whose number begins with C takes back what was bought before, as in UCI Online Retail.
fn is_cancellation(number: &str) -> bool {
    number.strip_prefix(['C', 'c']).is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit()))
}

/// A whole number, not zero; `3.00` is one.
fn pieces(text: &str) -> Result<i64, Reason> {
    let number = amount::read(text, amount::Mark::Unstated).and_then(|number| number.to_minor(0));
    number.ok().filter(|pieces| *pieces != 0).ok_or(Reason::QuantityFormat)
}

/// The instant of a row. One that only has a day is put after noon, a millisecond for each row, so that the order of the file
/// is the order of time.
fn instant(when: When, layout: &Layout, row: u64) -> Result<Timestamp, Reason> {
    const NOON: i64 = 12 * 3600 * 1_000_000;
    let (date, time) = match when {
        When::At(instant) => return Ok(instant),
        When::On(date, time) => (date, time),
    };
    let noon = || {
        let millis = i64::try_from(row % 36_000_000).unwrap_or(0);
        TimeOfDay::from_micros(NOON + millis * 1000).map_err(|_| Reason::DateFormat)
    };
    Ok(layout.zone.at(date, time.map_or_else(noon, Ok)?))
}

fn shortened(text: &str, most: usize) -> &str {
    text.char_indices().nth(most).map_or(text, |(end, _)| text.get(..end).unwrap_or(text))
}

fn unreadable(error: csv::Error) -> Error {
    Error::backend("reading the history", error)
}

/// A failure on the way, with the line of the row that was being read.
fn stopped(error: csv::Error, begins: u64) -> Error {
    Error::backend(format!("reading the history, in the row of line {begins}"), error)
}
