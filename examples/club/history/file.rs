//! Opening a history: plain or gzip, whatever it is called.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use crm_core::{Error, Result};
use flate2::bufread::MultiGzDecoder;
use sha2::{Digest as _, Sha256};

/// What a file is called by in idempotency keys: the beginning of its SHA-256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Digest(String);

impl Digest {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The digest of all that comes, read in one pass.
///
/// # Errors
/// What the file meets.
pub(crate) fn digest(mut input: impl Read) -> Result<Digest> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = input.read(&mut buffer).map_err(unreadable)?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
    }
    let bytes = hash.finalize();
    let first = bytes.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    Ok(Digest(format!("{first:016x}")))
}

/// A history that is being read.
pub(crate) struct Opened {
    pub(crate) input: Box<dyn Read>,
    pub(crate) delimiter: u8,
}

/// Opens a file.
///
/// # Errors
/// What the file meets.
pub(crate) fn open(path: &Path) -> Result<Opened> {
    unpacked(file(path)?)
}

/// The bytes of a file as they are.
///
/// # Errors
/// What the file meets.
pub(crate) fn file(path: &Path) -> Result<File> {
    File::open(path).map_err(|error| Error::Setup(format!("{}: {error}", path.display())))
}

/// The same of what is at hand already.
///
/// # Errors
/// What the file meets.
pub(crate) fn unpacked(input: impl Read + 'static) -> Result<Opened> {
    let mut input = BufReader::with_capacity(64 * 1024, input);
    let packed = input.fill_buf().map_err(unreadable)?.starts_with(&[0x1f, 0x8b]);
    let input: Box<dyn Read> = if packed { Box::new(MultiGzDecoder::new(input)) } else { Box::new(input) };
    let mut input = BufReader::with_capacity(64 * 1024, input);
    let delimiter = delimiter(input.fill_buf().map_err(unreadable)?);
    Ok(Opened { input: Box::new(input), delimiter })
}

/// The delimiter is whichever is most often in the heading.
fn delimiter(beginning: &[u8]) -> u8 {
    let heading = beginning.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let times = |delimiter: u8| heading.split(|byte| *byte == delimiter).count();
    // The last of equals wins: the comma.
    b"|\t;,".iter().copied().max_by_key(|delimiter| times(*delimiter)).unwrap_or(b',')
}

fn unreadable(error: std::io::Error) -> Error {
    Error::backend("reading the history", error)
}
