//! A bound on what is held of one row: after a quotation mark that is not closed, all that follows would be one row.

use std::cell::Cell;
use std::io::{Error, ErrorKind, Read, Result};
use std::rc::Rc;

/// So many bytes may come in one row before reading stops. A row of more than [`MAX_ROW`](super::MAX_ROW) is rejected.
const MOST: usize = 1024 * 1024;

/// An input that fails when too much is read without a row ending.
pub(super) struct Bounded<R> {
    input: R,
    since: Rc<Cell<usize>>,
}

impl<R: Read> Bounded<R> {
    /// The input, and what was read of it since it was set to nothing.
    pub(super) fn new(input: R) -> (Self, Rc<Cell<usize>>) {
        let since = Rc::<Cell<usize>>::default();
        (Self { input, since: since.clone() }, since)
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if self.since.get() > MOST {
            let why = format!("a row of more than {MOST} bytes: a quotation mark may be missing");
            return Err(Error::new(ErrorKind::InvalidData, why));
        }
        let read = self.input.read(buffer)?;
        self.since.set(self.since.get() + read);
        Ok(read)
    }
}
