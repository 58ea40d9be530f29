//! An invoice as a page of HTML, to be shown or printed.

use std::fmt::{self, Write as _};

use super::document::InvoiceDocument;
use super::model::InvoiceKind;
use crate::kernel::currency::Currencies;
use crate::kernel::language::Language;
use crate::kernel::money::Money;
use crate::kernel::rate::Rate;
use crate::kernel::time::CivilDate;
use crate::{Error, Result};

/// The words on an invoice.
struct Words {
    invoice: &'static str,
    credit_note: &'static str,
    corrects: &'static str,
    issued_on: &'static str,
    sold_on: &'static str,
    receipt: &'static str,
    seller: &'static str,
    buyer: &'static str,
    product: &'static str,
    quantity: &'static str,
    unit_price: &'static str,
    net: &'static str,
    tax: &'static str,
    total: &'static str,
    paid: &'static str,
    given_back: &'static str,
    methods: [(&'static str, &'static str); 5],
}

const EN: Words = Words {
    invoice: "Invoice",
    credit_note: "Credit note",
    corrects: "Corrects invoice",
    issued_on: "Issued on",
    sold_on: "Sold on",
    receipt: "Receipt",
    seller: "Seller",
    buyer: "Buyer",
    product: "Product",
    quantity: "Quantity",
    unit_price: "Unit price",
    net: "Net",
    tax: "Tax",
    total: "Total",
    paid: "Paid",
    given_back: "Given back",
    methods: [
        ("cash", "Cash"),
        ("card", "Card"),
        ("transfer", "Bank transfer"),
        ("cheque", "Cheque"),
        ("instalments", "Instalments"),
    ],
};

const PL: Words = Words {
    invoice: "Faktura",
    credit_note: "Faktura korygująca",
    corrects: "Do faktury",
    issued_on: "Data wystawienia",
    sold_on: "Data sprzedaży",
    receipt: "Paragon",
    seller: "Sprzedawca",
    buyer: "Nabywca",
    product: "Nazwa",
    quantity: "Ilość",
    unit_price: "Cena jednostkowa",
    net: "Netto",
    tax: "Podatek",
    total: "Razem",
    paid: "Zapłata",
    given_back: "Zwrot",
    methods: [
        ("cash", "Gotówka"),
        ("card", "Karta"),
        ("transfer", "Przelew"),
        ("cheque", "Czek"),
        ("instalments", "Raty"),
    ],
};

const HE: Words = Words {
    invoice: "חשבונית",
    credit_note: "חשבונית זיכוי",
    corrects: "עבור חשבונית",
    issued_on: "תאריך הפקה",
    sold_on: "תאריך מכירה",
    receipt: "קבלה",
    seller: "מוכר",
    buyer: "לקוח",
    product: "פריט",
    quantity: "כמות",
    unit_price: "מחיר ליחידה",
    net: "לפני מס",
    tax: "מס",
    total: "סך הכול",
    paid: "שולם",
    given_back: "הוחזר",
    methods: [
        ("cash", "מזומן"),
        ("card", "כרטיס"),
        ("transfer", "העברה בנקאית"),
        ("cheque", "המחאה"),
        ("instalments", "תשלומים"),
    ],
};

const FA: Words = Words {
    invoice: "فاکتور",
    credit_note: "فاکتور برگشت از فروش",
    corrects: "بابت فاکتور",
    issued_on: "تاریخ صدور",
    sold_on: "تاریخ فروش",
    receipt: "رسید",
    seller: "فروشنده",
    buyer: "خریدار",
    product: "شرح کالا",
    quantity: "تعداد",
    unit_price: "قیمت واحد",
    net: "خالص",
    tax: "مالیات",
    total: "جمع کل",
    paid: "پرداخت",
    given_back: "بازپرداخت",
    methods: [
        ("cash", "نقد"),
        ("card", "کارت"),
        ("transfer", "انتقال بانکی"),
        ("cheque", "چک"),
        ("instalments", "اقساط"),
    ],
};

const STYLE: &str = "body{font-family:sans-serif;margin:2em}table{border-collapse:collapse;width:100%}\
    td,th{border-bottom:1px solid #999;padding:.3em;text-align:start}td.n,th.n{text-align:end}\
    dt{font-weight:bold}@media print{body{margin:0}}";

/// A whole page that shows the invoice in a language: from right to left where it is written so, with its digits, and with
/// dates in the calendar of the branch. Nothing in it is loaded from elsewhere, and every text of the data is escaped.
///
/// # Errors
/// [`Error::NotFound`] when the currency is not among those known.
///
/// ```
/// # use crm_core::invoices::{InvoiceDocument, to_html};
/// # use crm_core::kernel::{currency::Currencies, language::Language};
/// # fn page(document: &InvoiceDocument) -> crm_core::Result<String> {
/// to_html(document, Language::Fa, &Currencies::iso4217())
/// # }
/// ```
pub fn to_html(document: &InvoiceDocument, language: Language, currencies: &Currencies) -> Result<String> {
    let mut page = Page { document, language, currencies, html: String::with_capacity(4096) };
    page.write()?;
    Ok(page.html)
}

struct Page<'p> {
    document: &'p InvoiceDocument,
    language: Language,
    currencies: &'p Currencies,
    html: String,
}

impl Page<'_> {
    fn words(&self) -> &'static Words {
        match self.language {
            Language::En => &EN,
            Language::Pl => &PL,
            Language::He => &HE,
            Language::Fa => &FA,
        }
    }

    fn write(&mut self) -> Result<()> {
        let (document, words) = (self.document, self.words());
        let language = self.language;
        let direction = if language.is_right_to_left() { "rtl" } else { "ltr" };
        let title = match document.kind {
            InvoiceKind::Invoice => words.invoice,
            InvoiceKind::CreditNote => words.credit_note,
        };
        self.put(format_args!("<!DOCTYPE html><html lang=\"{}\" dir=\"{direction}\"><head>", language.tag()))?;
        let number = language.digits(&document.number);
        self.put(format_args!("<meta charset=\"utf-8\"><title>{title} {}</title>", Escaped(&number)))?;
        // A number is a run of its own, lest it be turned round among letters of the other direction.
        self.put(format_args!(
            "<style>{STYLE}</style></head><body><h1>{title} <bdi>{}</bdi></h1><dl>",
            Escaped(&number)
        ))?;
        if let Some(corrected) = &document.corrects {
            self.fact(words.corrects, &self.language.digits(corrected))?;
        }
        self.fact(words.issued_on, &self.date(document.issued_on))?;
        self.fact(words.sold_on, &self.date(document.sold_on))?;
        self.fact(words.receipt, &self.language.digits(&document.receipt_no))?;
        self.fact(words.seller, &document.seller)?;
        if let Some(buyer) = &document.buyer {
            self.fact(words.buyer, &buyer.name)?;
            if let Some(number) = &buyer.registered_as {
                self.put(format_args!("<dd><bdi>{}</bdi></dd>", Escaped(&self.language.digits(number))))?;
            }
        }
        self.put(format_args!("</dl>"))?;
        self.lines()?;
        self.taxes()?;
        self.payments()?;
        self.put(format_args!("</body></html>"))
    }

    fn lines(&mut self) -> Result<()> {
        let (document, words) = (self.document, self.words());
        self.put(format_args!(
            "<table><thead><tr><th>#</th><th>{}</th><th class=\"n\">{}</th><th class=\"n\">{}</th><th class=\"n\">{}</th>\
             <th class=\"n\">{}</th><th class=\"n\">{}</th></tr></thead><tbody>",
            words.product, words.quantity, words.unit_price, words.net, words.tax, words.total
        ))?;
        for line in &document.lines {
            let (number, quantity) = (self.number(line.line_no), self.number(line.quantity));
            self.put(format_args!("<tr><td>{number}</td><td>{} <small>", Escaped(&line.name)))?;
            self.put(format_args!("<bdi>{}</bdi></small></td><td class=\"n\">{quantity}</td>", Escaped(&line.sku)))?;
            for minor in [line.unit_price_minor, line.net_minor, line.tax_minor, line.total_minor] {
                self.amount(minor)?;
            }
            self.put(format_args!("</tr>"))?;
        }
        self.put(format_args!("</tbody><tfoot><tr><th colspan=\"5\">{} ", words.total))?;
        let unit = self.currencies.get(document.currency)?.unit_name();
        self.put(format_args!("({})</th>", Escaped(unit)))?;
        self.amount(document.tax_minor)?;
        self.amount(document.total_minor)?;
        self.put(format_args!("</tr></tfoot></table>"))
    }

    fn taxes(&mut self) -> Result<()> {
        let (document, words) = (self.document, self.words());
        if document.tax_minor == 0 {
            return Ok(());
        }
        let (tax, net) = (words.tax, words.net);
        self.put(format_args!(
            "<table><thead><tr><th>%</th><th class=\"n\">{net}</th><th class=\"n\">{tax}</th></tr></thead><tbody>"
        ))?;
        for sum in &document.taxes {
            let rate = self.language.digits(&percent(sum.rate));
            self.put(format_args!("<tr><td><bdi>{}</bdi></td>", Escaped(&rate)))?;
            self.amount(sum.net_minor)?;
            self.amount(sum.tax_minor)?;
            self.put(format_args!("</tr>"))?;
        }
        self.put(format_args!("</tbody></table>"))
    }

    fn payments(&mut self) -> Result<()> {
        let (document, words) = (self.document, self.words());
        let title = match document.kind {
            InvoiceKind::Invoice => words.paid,
            InvoiceKind::CreditNote => words.given_back,
        };
        self.put(format_args!("<table><thead><tr><th colspan=\"2\">{title}</th></tr></thead><tbody>"))?;
        for payment in &document.payments {
            let known = words.methods.iter().find(|(method, _)| *method == payment.method);
            let name = known.map_or(payment.method.as_str(), |(_, name)| name);
            self.put(format_args!("<tr><td>{}</td>", Escaped(name)))?;
            self.amount(payment.amount_minor)?;
            self.put(format_args!("</tr>"))?;
        }
        self.put(format_args!("</tbody></table>"))
    }

    fn fact(&mut self, name: &str, value: &str) -> Result<()> {
        self.put(format_args!("<dt>{name}</dt><dd><bdi>{}</bdi></dd>", Escaped(value)))
    }

    fn amount(&mut self, minor: i64) -> Result<()> {
        let amount = Money::new(minor, self.document.currency).format_display(self.currencies)?;
        let amount = self.language.digits(&amount);
        self.put(format_args!("<td class=\"n\"><bdi>{}</bdi></td>", Escaped(&amount)))
    }

    fn date(&self, date: CivilDate) -> String {
        let date = self.document.calendar.of(date).to_string();
        self.language.digits(&date.replace('-', "/"))
    }

    fn number(&self, number: impl Into<i64>) -> String {
        self.language.digits(&number.into().to_string())
    }

    fn put(&mut self, text: fmt::Arguments<'_>) -> Result<()> {
        self.html.write_fmt(text).map_err(|error| Error::backend("writing a page", error))
    }
}

/// A rate as people write it: `23%`, or as a fraction where it has no decimals.
fn percent(rate: Rate) -> String {
    rate.to_percent().map_or_else(|_| rate.to_string(), |percent| format!("{}%", percent.normalize()))
}

/// A text in which nothing is mark-up.
struct Escaped<'t>(&'t str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}
