//! The log of a SQLite file, where a commit does not wait for the disk: whoever relies on it waits, and has let others write.

#[cfg(feature = "sqlite")]
use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crm_core::{Error, Result};

/// What a log is written to.
trait Disk: Send {
    fn sync(&mut self) -> std::io::Result<()>;
}

#[cfg(feature = "sqlite")]
impl Disk for File {
    fn sync(&mut self) -> std::io::Result<()> {
        self.sync_data()
    }
}

/// The log of a file. What is committed stands in it in the order of the commits, and after a loss of power a commit counts
/// only if all before it do: whatever is synced can rely on all it has seen.
pub(crate) struct Log {
    /// Nothing, after it failed: what the system then says is on the disk may not be.
    disk: Mutex<Option<Box<dyn Disk>>>,
    /// Whether something was committed since the last one began to sync.
    written: AtomicBool,
}

impl Log {
    /// The log at a path. SQLite has made it.
    #[cfg(feature = "sqlite")]
    pub(crate) fn open(path: &str) -> std::io::Result<Self> {
        Ok(Self::on(File::options().write(true).open(path)?))
    }

    #[cfg(any(test, feature = "sqlite"))]
    fn on(disk: impl Disk + 'static) -> Self {
        Self { disk: Mutex::new(Some(Box::new(disk))), written: AtomicBool::new(false) }
    }

    /// Notes that something was committed just now.
    pub(crate) fn note_commit(&self) {
        self.written.store(true, Ordering::Release);
    }

    /// Waits until all that is committed is on the disk.
    ///
    /// # Errors
    /// [`Error::OutcomeUnknown`] when the disk failed, from then on each time.
    pub(crate) fn sync(&self) -> Result<()> {
        let mut disk = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
        let synced = match &mut *disk {
            // Who waited here while another synced may find that done which he came for.
            Some(disk) => !self.written.swap(false, Ordering::AcqRel) || disk.sync().is_ok(),
            None => false,
        };
        if synced {
            return Ok(());
        }
        *disk = None;
        Err(Error::OutcomeUnknown)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// A disk that counts, and fails at the second time.
    struct Failing(Arc<AtomicUsize>);

    impl Disk for Failing {
        fn sync(&mut self) -> std::io::Result<()> {
            if self.0.fetch_add(1, Ordering::Relaxed) == 1 { Err(std::io::Error::other("no")) } else { Ok(()) }
        }
    }

    /// A log whose disk fails at the second time.
    pub(crate) fn failing() -> Log {
        Log::on(Failing(Arc::default()))
    }

    #[test]
    fn what_failed_once_is_never_trusted_again() {
        let asked = Arc::new(AtomicUsize::new(0));
        let log = Log::on(Failing(asked.clone()));
        log.sync().unwrap();
        assert_eq!(asked.load(Ordering::Relaxed), 0, "nothing was committed");
        log.note_commit();
        log.sync().unwrap();
        log.sync().unwrap();
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        log.note_commit();
        assert!(matches!(log.sync(), Err(Error::OutcomeUnknown)));
        assert!(matches!(log.sync(), Err(Error::OutcomeUnknown)), "also for who committed before and came late");
        assert_eq!(asked.load(Ordering::Relaxed), 2, "the next time it would have said that all is well");
    }
}
