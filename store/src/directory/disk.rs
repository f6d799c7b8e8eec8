//! Folders and files of a store, by descriptors: no link is followed, nothing but regular files is read, reads are
//! bounded, and every error says what was tried where.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, Dir, FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use crate::StoreError;

/// Where a file is written before it is moved to its place. What a crash leaves there is nobody's.
const NEW: &str = "writing.new";

/// How long a lock that somebody else holds is left alone before it is tried again.
pub(super) const PAUSE: Duration = Duration::from_millis(2);

/// An open folder, and its path for messages.
#[derive(Debug)]
pub(super) struct Folder {
    fd: OwnedFd,
    place: String,
}

/// A lock that is held. Dropped: unlocked, and not only closed, because a process that is just being started by another
/// thread holds a copy of every descriptor until it is its own.
#[derive(Debug)]
pub(super) struct Lock(OwnedFd);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing unlocks too; an error here only means that it may take longer.
        let _ = rustix::fs::flock(&self.0, FlockOperation::Unlock);
    }
}

/// How a folder is opened: to be read, as reading is what no flag says.
const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC);

impl Folder {
    /// Opens the folder of a store, wherever the path leads.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let place = path.display().to_string();
        match rustix::fs::open(path, FOLDER, Mode::empty()) {
            Ok(fd) => Ok(Self { fd, place }),
            Err(errno) => Err(failed("open", &place, errno)),
        }
    }

    /// Opens the folder `name` in this one; `None` if there is nothing of that name.
    pub(super) fn enter(&self, name: &str) -> Result<Option<Self>, StoreError> {
        let place = self.place(name);
        match rustix::fs::openat(&self.fd, name, FOLDER | OFlags::NOFOLLOW, Mode::empty()) {
            Ok(fd) => Ok(Some(Self { fd, place })),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(failed("open", &place, errno)),
        }
    }

    /// Makes the folder `name` in this one if there is none, and opens it. It stays once this one is flushed.
    pub(super) fn make(&self, name: &str) -> Result<Self, StoreError> {
        if let Some(folder) = self.enter(name)? {
            return Ok(folder);
        }
        self.change("make", name, || {
            rustix::fs::mkdirat(&self.fd, name, Mode::from_raw_mode(0o755))
        })?;
        let made = self.enter(name)?;
        made.ok_or_else(|| failed("open", &self.place(name), Errno::NOENT))
    }

    /// Returns the names of everything in the folder, in no order.
    pub(super) fn names(&self) -> Result<Vec<String>, StoreError> {
        let error = |errno| failed("list", &self.place, errno);
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.fd).map_err(error)? {
            let entry = entry.map_err(error)?;
            match entry.file_name().to_str() {
                Ok("." | "..") => {}
                Ok(name) => names.push(name.to_owned()),
                Err(_) => return Err(spoilt(&self.place, "a name in it is no text")),
            }
        }
        Ok(names)
    }

    /// Opens the regular file `name`; `None` if there is nothing of that name.
    fn file(&self, name: &str) -> Result<Option<OwnedFd>, StoreError> {
        // A pipe is opened without waiting for who writes into it, and refused then.
        let flags =
            OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let fd = match rustix::fs::openat(&self.fd, name, flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(failed("open", &self.place(name), errno)),
        };
        let stat =
            rustix::fs::fstat(&fd).map_err(|errno| failed("look at", &self.place(name), errno))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(spoilt(&self.place(name), "it is no regular file"));
        }
        Ok(Some(fd))
    }

    /// Reads the regular file `name` whole; `None` if there is nothing of that name.
    pub(super) fn read(&self, name: &str, most: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(fd) = self.file(name)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        let read = File::from(fd)
            .take(most.saturating_add(1))
            .read_to_end(&mut bytes);
        read.map_err(|error| failed("read", &self.place(name), error))?;
        if u64::try_from(bytes.len()).is_ok_and(|length| length <= most) {
            Ok(Some(bytes))
        } else {
            Err(spoilt(
                &self.place(name),
                "it is longer than any that a store writes",
            ))
        }
    }

    /// Locks the file `name` for `how`, trying again until `deadline` has passed.
    pub(super) fn lock(
        &self,
        name: &str,
        how: FlockOperation,
        deadline: Duration,
    ) -> Result<Lock, StoreError> {
        let Some(fd) = self.file(name)? else {
            return Err(failed("open the store by", &self.place(name), Errno::NOENT));
        };
        let start = Instant::now();
        loop {
            match rustix::fs::flock(&fd, how) {
                Ok(()) => return Ok(Lock(fd)),
                Err(Errno::WOULDBLOCK | Errno::INTR) if start.elapsed() < deadline => {
                    std::thread::sleep(PAUSE)
                }
                Err(Errno::WOULDBLOCK | Errno::INTR) => {
                    return Err(failed(
                        "wait longer for the lock",
                        &self.place(name),
                        Errno::TIMEDOUT,
                    ));
                }
                Err(errno) => return Err(failed("lock", &self.place(name), errno)),
            }
        }
    }

    /// Writes a file that must not be there yet, as far as the disk.
    pub(super) fn create(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let open = || rustix::fs::openat(&self.fd, name, flags, Mode::from_raw_mode(0o644));
        let mut file = File::from(self.change("create", name, open)?);
        // In two halves, so that the tests also see a file that is cut.
        let (one, other) = bytes.split_at(bytes.len() / 2);
        self.change("write", name, || file.write_all(one))?;
        self.change("write", name, || file.write_all(other))?;
        self.change("flush", name, || file.sync_all())
    }

    /// Writes `bytes` beside and then moves the file into `folder`, as `name`: there it is whole or not at all. What stood
    /// there is gone. The move stays once `folder` is flushed.
    pub(super) fn place_file(
        &self,
        bytes: &[u8],
        folder: &Self,
        name: &str,
    ) -> Result<(), StoreError> {
        self.remove(NEW)?;
        self.create(NEW, bytes)?;
        folder.change("move a file to", name, || {
            rustix::fs::renameat(&self.fd, NEW, &folder.fd, name)
        })
    }

    /// Removes the file `name`, if it is there.
    pub(super) fn remove(&self, name: &str) -> Result<(), StoreError> {
        self.change("remove", name, || {
            match rustix::fs::unlinkat(&self.fd, name, AtFlags::empty()) {
                Err(Errno::NOENT) => Ok(()),
                done => done,
            }
        })
    }

    /// Makes sure that the folder's names survive a power cut.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        self.change("flush", ".", || rustix::fs::fsync(&self.fd))
    }

    /// Does what changes the disk. In tests, a writer may die before any of it.
    fn change<T, E: Into<std::io::Error>>(
        &self,
        action: &str,
        name: &str,
        does: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, StoreError> {
        #[cfg(test)]
        super::tests::step(action, &self.place(name))?;
        does().map_err(|error| failed(action, &self.place(name), error))
    }

    /// Returns the path of `name` in the folder, for messages.
    pub(super) fn place(&self, name: &str) -> String {
        format!("{}/{name}", self.place)
    }
}

/// Makes the error of an `action` that the system refused.
pub(super) fn failed(action: &str, place: &str, error: impl Into<std::io::Error>) -> StoreError {
    let source = error.into();
    let links = [Errno::LOOP, Errno::NOTDIR].map(|errno| Some(errno.raw_os_error()));
    if links.contains(&source.raw_os_error()) {
        return spoilt(place, "a link, or a file where a folder belongs");
    }
    let what = format!("{action} {place}");
    StoreError::Unavailable {
        what,
        source: Box::new(source),
    }
}

/// Makes the error for what no store has written.
pub(super) fn spoilt(place: &str, why: &str) -> StoreError {
    let (place, why) = (place.to_owned(), why.to_owned());
    StoreError::Spoilt { place, why }
}
