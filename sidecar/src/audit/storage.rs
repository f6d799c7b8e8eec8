//! What the writer needs of a disk, and the disk. Every call may fail; what a failure means is the writer's business.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

use rustix::fs::FallocateFlags;
use stopgate_lang::record::{Seq, file_name};

use super::recover::Lock;

/// The files of a log, of which the last is written. Interrupted calls are the caller's to repeat.
pub(super) trait Storage: Send + 'static {
    /// Begins the file whose first record is `first`; it is the one written from here on.
    fn create(&mut self, first: Seq) -> io::Result<()>;

    /// Makes sure that the new file is found after a power cut.
    fn sync_directory(&mut self) -> io::Result<()>;

    /// Makes sure that `len` bytes from `offset` on will find room. The size of the file stays.
    fn preallocate(&mut self, offset: u64, len: u64) -> io::Result<()>;

    /// Writes some of `bytes` at `offset` and says how many.
    fn write(&mut self, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Cuts the file to `len` bytes.
    fn truncate(&mut self, len: u64) -> io::Result<()>;

    /// Makes sure that data and size of the file survive a power cut.
    fn sync(&mut self) -> io::Result<()>;
}

/// The real thing.
#[derive(Debug)]
pub(super) struct Files {
    /// Held, not used: the lock of the state directory goes with the writer.
    _lock: Lock,
    directory: File,
    path: PathBuf,
    current: Option<File>,
}

impl Files {
    /// The files in the folder `path`, which `directory` is a handle of.
    pub(super) const fn new(
        lock: Lock,
        directory: File,
        path: PathBuf,
        current: Option<File>,
    ) -> Self {
        Self {
            _lock: lock,
            directory,
            path,
            current,
        }
    }

    fn current(&self) -> io::Result<&File> {
        self.current
            .as_ref()
            .ok_or_else(|| io::Error::other("no file of the log is open"))
    }
}

impl Storage for Files {
    fn create(&mut self, first: Seq) -> io::Result<()> {
        let path = self.path.join(file_name(first));
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        self.current = Some(file);
        Ok(())
    }

    fn sync_directory(&mut self) -> io::Result<()> {
        self.directory.sync_all()
    }

    fn preallocate(&mut self, offset: u64, len: u64) -> io::Result<()> {
        Ok(rustix::fs::fallocate(
            self.current()?,
            FallocateFlags::KEEP_SIZE,
            offset,
            len,
        )?)
    }

    fn write(&mut self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.current()?.write_at(bytes, offset)
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.current()?.set_len(len)
    }

    fn sync(&mut self) -> io::Result<()> {
        let file = self.current()?;
        file.sync_data()?;
        // A file that was deleted still takes data, but nobody will ever read it.
        if file.metadata()?.nlink() == 0 {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "the file was deleted",
            ));
        }
        Ok(())
    }
}

/// Takes everything and keeps nothing.
#[derive(Debug)]
pub(super) struct Discard;

impl Storage for Discard {
    fn create(&mut self, _: Seq) -> io::Result<()> {
        Ok(())
    }

    fn sync_directory(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn preallocate(&mut self, _: u64, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn write(&mut self, bytes: &[u8], _: u64) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn truncate(&mut self, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}
