//! What the writer needs of a disk, and the disk. Every call may fail; what a failure means is the writer's business.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

use rustix::fs::FallocateFlags;
use stopgate_decide::record::{Seq, file_name};

use super::room::Room;

/// The files of a log, of which the last is written. Interrupted calls are the caller's to repeat.
pub(super) trait Storage: Send + 'static {
    /// Begins the file whose first record is `first`; it is the one written from here on.
    fn create(&mut self, first: Seq) -> io::Result<()>;

    /// Makes sure that the new file is found after a power cut.
    fn sync_directory(&mut self) -> io::Result<()>;

    /// Makes sure that `len` bytes from `offset` on will find room. The size of the file stays.
    fn preallocate(&mut self, offset: u64, len: u64) -> io::Result<()>;

    /// Writes some of `bytes` at `offset`, which is the end of the file, and returns how many.
    fn write(&mut self, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Cuts the file to `len` bytes.
    fn truncate(&mut self, len: u64) -> io::Result<()>;

    /// Makes sure that data and size of the file survive a power cut.
    fn sync(&mut self) -> io::Result<()>;

    /// Makes sure that readers find the very file that is written where it belongs, with `len` bytes in it: one that was
    /// deleted, moved or replaced still takes data, but nobody will ever read it.
    fn verify(&mut self, len: u64) -> io::Result<()>;

    /// Returns the room on the disk, if it can be told.
    fn room(&mut self) -> Option<Room>;
}

/// A file or folder that is locked: the thing itself, whatever paths lead to it. Dropped: unlocked, and not only closed,
/// because a process that is just being started by another thread holds a copy of every descriptor until it is its own.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    /// Locks `file`. The error is of the kind `WouldBlock` if somebody else has locked it.
    pub(super) fn take(file: File) -> io::Result<Self> {
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Returns the file or folder that is locked.
    pub(super) const fn file(&self) -> &File {
        &self.0
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::warn!(%error, "a file of the log is not unlocked");
        }
    }
}

/// The real thing.
#[derive(Debug)]
pub(super) struct Files {
    /// Held, not used: the lock of the state directory goes with the writer.
    _lock: Lock,
    directory: Lock,
    path: PathBuf,
    current: Option<Current>,
}

/// The file that is written, and its path.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) file: Lock,
    pub(super) path: PathBuf,
}

impl Files {
    /// Takes over the files in the folder `path`, which `directory` is a handle of. `lock` is that of the state
    /// directory, and `current` is the file to go on in, if there is one.
    pub(super) const fn new(
        lock: Lock,
        directory: Lock,
        path: PathBuf,
        current: Option<Current>,
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
            .map(|current| current.file.file())
            .ok_or_else(no_file)
    }
}

impl Storage for Files {
    fn create(&mut self, first: Seq) -> io::Result<()> {
        // It must not be there yet: two files of one number would be two logs.
        let path = self.path.join(file_name(first));
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        let file = Lock::take(file)?;
        self.current = Some(Current { file, path });
        Ok(())
    }

    fn sync_directory(&mut self) -> io::Result<()> {
        self.directory.file().sync_all()
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
        // Linux appends, whatever the offset, to a file that was opened so. In one that was cut, writing where the end was
        // would hide that in a hole.
        self.current()?.write_at(bytes, offset)
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.current()?.set_len(len)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.current()?.sync_data()
    }

    fn verify(&mut self, len: u64) -> io::Result<()> {
        let current = self.current.as_ref().ok_or_else(no_file)?;
        let (ours, found) = (
            current.file.file().metadata()?,
            fs::metadata(&current.path)?,
        );
        // The handle leads to what is written, the path to what readers find.
        if (ours.dev(), ours.ino()) != (found.dev(), found.ino()) {
            return Err(io::Error::other("another file stands in its place"));
        }
        if ours.len() != len {
            return Err(io::Error::other(format!(
                "it has {} bytes, and {len} were written",
                ours.len()
            )));
        }
        Ok(())
    }

    fn room(&mut self) -> Option<Room> {
        let found = rustix::fs::fstatvfs(self.directory.file()).ok()?;
        Some(Room {
            free: found.f_bavail.saturating_mul(found.f_frsize),
            size: found.f_blocks.saturating_mul(found.f_frsize),
        })
    }
}

fn no_file() -> io::Error {
    io::Error::other("no file of the log is open")
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

    fn verify(&mut self, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn room(&mut self) -> Option<Room> {
        None
    }
}
