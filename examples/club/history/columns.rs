//! Which column says what.

use crm_core::kernel::calendar::Calendar;
use crm_core::kernel::currency::Currency;
use crm_core::kernel::time::Zone;
use crm_core::{Error, Result};

use super::amount::Mark;
use super::date::{Dates, Order};

/// What the user says about a file. What is not said is taken from a file that is known, or from the usual.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stated {
    pub(crate) customer: Option<String>,
    pub(crate) date: Option<String>,
    pub(crate) amount: Option<String>,
    pub(crate) price: Option<String>,
    pub(crate) quantity: Option<String>,
    pub(crate) receipt: Option<String>,
    pub(crate) sku: Option<String>,
    pub(crate) product: Option<String>,
    pub(crate) category: Option<String>,
    pub(crate) branch: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) minor_units: bool,
    pub(crate) mark: Option<Mark>,
    pub(crate) order: Option<Order>,
    pub(crate) calendar: Option<Calendar>,
    pub(crate) currency: Option<Currency>,
    pub(crate) zone: Option<Zone>,
}

/// What a line costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Amount {
    /// The whole line, in this column.
    Line(usize),
    /// One piece, in this column.
    Piece(usize),
}

/// Where everything is in a file, and how it is written.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) customer: usize,
    pub(crate) date: usize,
    pub(crate) amount: Amount,
    pub(crate) quantity: Option<usize>,
    pub(crate) receipt: Option<usize>,
    pub(crate) sku: Option<usize>,
    pub(crate) product: Option<usize>,
    pub(crate) category: Option<usize>,
    pub(crate) branch: Option<usize>,
    pub(crate) name: Option<usize>,
    pub(crate) fields: usize,
    /// Decimals of the unit that is written: none if amounts are in minor units.
    pub(crate) exponent: u8,
    pub(crate) mark: Mark,
    pub(crate) dates: Dates,
    pub(crate) currency: Currency,
    pub(crate) zone: Zone,
}

/// A file that is known by its heading.
struct Known {
    heading: &'static [&'static str],
    currency: &'static str,
    zone: &'static str,
    customer: &'static str,
    date: &'static str,
    amount: Option<&'static str>,
    price: Option<&'static str>,
    quantity: &'static str,
    receipt: Option<&'static str>,
    sku: Option<&'static str>,
    product: Option<&'static str>,
    category: Option<&'static str>,
    branch: Option<&'static str>,
    name: Option<&'static str>,
}

const NOTHING: Known = Known {
    heading: &[],
    currency: "EUR",
    zone: "UTC",
    customer: "customer",
    date: "date",
    amount: None,
    price: None,
    quantity: "quantity",
    receipt: None,
    sku: None,
    product: None,
    category: None,
    branch: None,
    name: None,
};

const KNOWN: [Known; 3] = [
    // CDNOW, as the package `Lifetimes` has it.
    Known {
        heading: &["customer_id", "date", "quantity", "amount_cents"],
        currency: "USD",
        zone: "America/New_York",
        customer: "customer_id",
        amount: Some("amount_cents"),
        ..NOTHING
    },
    // UCI Online Retail.
    Known {
        heading: &[
            "InvoiceNo",
            "StockCode",
            "Description",
            "Quantity",
            "InvoiceDate",
            "UnitPrice",
            "CustomerID",
            "Country",
        ],
        currency: "GBP",
        zone: "Europe/London",
        customer: "CustomerID",
        date: "InvoiceDate",
        price: Some("UnitPrice"),
        quantity: "Quantity",
        receipt: Some("InvoiceNo"),
        sku: Some("StockCode"),
        product: Some("Description"),
        ..NOTHING
    },
    // The history that comes with this program.
    Known {
        heading: &["receipt", "date", "branch", "card", "name", "sku", "product", "category", "quantity", "price"],
        customer: "card",
        price: Some("price"),
        receipt: Some("receipt"),
        sku: Some("sku"),
        product: Some("product"),
        category: Some("category"),
        branch: Some("branch"),
        name: Some("name"),
        ..NOTHING
    },
];

impl Layout {
    /// Finds the columns.
    ///
    /// # Errors
    /// [`Error::Setup`] that names the column that is missing and those that are there.
    pub(crate) fn find(
        heading: &[String],
        stated: &Stated,
        exponent_of: impl Fn(Currency) -> Result<u8>,
    ) -> Result<Self> {
        let known = KNOWN.iter().find(|known| known.heading == heading);
        let is_known = known.is_some();
        let known = known.unwrap_or(&NOTHING);
        let at = |name: &str| heading.iter().position(|column| column.trim().eq_ignore_ascii_case(name.trim()));
        let missing = |option: &str, name: &str| {
            Error::Setup(format!("no column {name:?} for {option}; the heading has: {}", heading.join(", ")))
        };
        // What is stated must be there. What is known of a known file is; what is only usual may be.
        let column = |option: &str, stated: &Option<String>, usual: Option<&str>| match (stated, usual) {
            (Some(name), _) => at(name).map(Some).ok_or_else(|| missing(option, name)),
            (None, Some(name)) => Ok(at(name)),
            (None, None) => Ok(None),
        };
        let needed = |option: &str, found: Option<usize>, usual: &str| found.ok_or_else(|| missing(option, usual));
        let customer = column("--customer", &stated.customer, Some(known.customer))?;
        let date = column("--date", &stated.date, Some(known.date))?;
        let usual_amount = if is_known { known.amount } else { Some("amount") };
        let amount_name = stated.amount.as_deref().or(usual_amount);
        let price = column("--price", &stated.price, known.price.filter(|_| stated.amount.is_none()))?;
        let amount = match (price, column("--amount", &stated.amount, usual_amount)?) {
            (Some(_), Some(_)) if stated.price.is_some() && stated.amount.is_some() => {
                return Err(Error::Setup("either --amount or --price".into()));
            }
            (Some(price), _) if stated.amount.is_none() => Amount::Piece(price),
            (_, amount) => Amount::Line(needed("--amount", amount, "amount")?),
        };
        let minor_units = stated.minor_units
            || matches!(amount, Amount::Line(_))
                && amount_name.is_some_and(|name| name.ends_with("_cents") || name.ends_with("_minor"));
        let currency = stated.currency.map_or_else(|| Currency::new(known.currency), Ok)?;
        Ok(Self {
            customer: needed("--customer", customer, known.customer)?,
            date: needed("--date", date, known.date)?,
            amount,
            quantity: column("--quantity", &stated.quantity, Some(known.quantity))?,
            receipt: column("--receipt", &stated.receipt, known.receipt)?,
            sku: column("--sku", &stated.sku, known.sku)?,
            product: column("--product", &stated.product, known.product)?,
            category: column("--category", &stated.category, known.category)?,
            branch: column("--branch", &stated.branch, known.branch)?,
            name: column("--name", &stated.name, known.name)?,
            fields: heading.len(),
            exponent: if minor_units { 0 } else { exponent_of(currency)? },
            mark: stated.mark.unwrap_or(if is_known { Mark::Point } else { Mark::Unstated }),
            dates: Dates { calendar: stated.calendar.unwrap_or_default(), order: stated.order },
            currency,
            zone: stated.zone.clone().map_or_else(|| Zone::new(known.zone), Ok)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(heading: &[&str], stated: &Stated) -> Result<Layout> {
        let heading: Vec<String> = heading.iter().map(ToString::to_string).collect();
        Layout::find(&heading, stated, |_| Ok(2))
    }

    #[test]
    fn known_files_need_no_words() {
        let cdnow = find(KNOWN[0].heading, &Stated::default()).unwrap();
        assert_eq!((cdnow.amount, cdnow.exponent, cdnow.quantity), (Amount::Line(3), 0, Some(2)));
        let uci = find(KNOWN[1].heading, &Stated::default()).unwrap();
        assert_eq!((uci.amount, uci.exponent, uci.receipt), (Amount::Piece(5), 2, Some(0)));
        assert_eq!(uci.currency.as_str(), "GBP");
    }

    #[test]
    fn others_say_what_is_where() {
        let stated = Stated { customer: Some("member".into()), amount: Some("TOTAL".into()), ..Stated::default() };
        let layout = find(&["date", "member", "total"], &stated).unwrap();
        assert_eq!((layout.customer, layout.date, layout.amount), (1, 0, Amount::Line(2)));
        assert_eq!((layout.mark, layout.quantity), (Mark::Unstated, None));
        let error = find(&["date", "who", "total"], &stated).unwrap_err().to_string();
        assert!(error.contains("member") && error.contains("who"), "{error}");
        let both = Stated { amount: Some("a".into()), price: Some("b".into()), ..Stated::default() };
        assert!(find(&["customer", "date", "a", "b"], &both).is_err());
        let error = find(&["customer", "date"], &Stated::default()).unwrap_err().to_string();
        assert!(error.contains("--amount"), "{error}");
    }

    #[test]
    fn cents_are_seen_by_the_name() {
        let stated = Stated { amount: Some("amount_cents".into()), ..Stated::default() };
        assert_eq!(find(&["customer", "date", "amount_cents"], &stated).unwrap().exponent, 0);
    }
}
