//! The history that is to be recorded: a file, or the one that comes with this program.

use std::io::Read;
use std::path::PathBuf;

use crm_core::Result;
use crm_core::kernel::currency::{Currencies, Currency};
use crm_core::kernel::time::{Timestamp, Zone};

use crate::history::{self, Digest, Found, Reader, Stated};

/// Two years of a tea shop, made up: see `sample.rs`.
const SAMPLE: &str = include_str!("sample.csv");

/// A history, looked through once.
pub(crate) struct Source {
    path: Option<PathBuf>,
    stated: Stated,
    currencies: Currencies,
    pub(crate) digest: Digest,
    pub(crate) rows: u64,
    /// The first and the last instant of a receipt.
    pub(crate) period: Option<(Timestamp, Timestamp)>,
    pub(crate) currency: Currency,
    pub(crate) zone: Zone,
    /// What a receipt costs on average.
    pub(crate) average_minor: i64,
    /// The branch of the first receipt.
    pub(crate) first_branch: Option<String>,
}

impl Source {
    /// Looks through a history: how many rows, and of what time.
    ///
    /// # Errors
    /// What the file meets; a column that is missing.
    pub(crate) fn survey(path: Option<PathBuf>, stated: Stated) -> Result<Self> {
        let digest = match &path {
            Some(path) => history::digest(history::file(path)?)?,
            None => history::digest(SAMPLE.as_bytes())?,
        };
        let currencies = Currencies::iso4217();
        let mut reader = reader(path.as_ref(), &stated, &currencies)?;
        let (currency, zone) = (reader.layout().currency, reader.layout().zone.clone());
        let (mut receipts, mut total) = (0_i128, 0_i128);
        let (mut period, mut first_branch) = (None::<(Timestamp, Timestamp)>, None);
        while let Some(found) = reader.next()? {
            if let Found::Receipt(receipt) = found {
                let (first, last) = period.unwrap_or((receipt.at, receipt.at));
                period = Some((first.min(receipt.at), last.max(receipt.at)));
                receipts += i128::from(!receipt.sold.is_empty());
                total += receipt.sold.iter().map(|line| i128::from(line.total_minor)).sum::<i128>();
                first_branch = first_branch.or(receipt.branch);
            }
        }
        let rows = reader.count().rows;
        let average_minor = i64::try_from(total / receipts.max(1)).unwrap_or(i64::MAX);
        Ok(Self { path, stated, currencies, digest, rows, period, currency, zone, average_minor, first_branch })
    }

    /// Reads it from the beginning.
    ///
    /// # Errors
    /// What the file meets.
    pub(crate) fn reader(&self) -> Result<Reader<Box<dyn Read>>> {
        reader(self.path.as_ref(), &self.stated, &self.currencies)
    }

    /// What it is called.
    pub(crate) fn name(&self) -> String {
        let name = self.path.as_ref().and_then(|path| path.file_name());
        name.map_or_else(|| "sample.csv".to_owned(), |name| name.to_string_lossy().into_owned())
    }

    /// What the shop is called: the sample's has a name.
    pub(crate) fn shop(&self) -> String {
        let name = self.name();
        if self.path.is_none() { "Four Winds".into() } else { name.split('.').next().unwrap_or(&name).to_owned() }
    }
}

fn reader(path: Option<&PathBuf>, stated: &Stated, currencies: &Currencies) -> Result<Reader<Box<dyn Read>>> {
    let opened = match path {
        Some(path) => history::open(path)?,
        None => history::unpacked(SAMPLE.as_bytes())?,
    };
    Reader::new(opened.input, opened.delimiter, stated, currencies)
}
