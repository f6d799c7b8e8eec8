//! Opening a file to look at it: only a regular one, found out without waiting for anybody.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, Stat};

use super::owner::{self, Kind, MayBeReplaced, Stopped};

/// A file that is open for reading.
#[derive(Debug)]
pub struct Opened {
    /// The file.
    pub file: File,
    /// Its length in bytes when it was opened.
    pub length: u64,
    /// What tells it from another, and from itself after a change.
    pub identity: FileIdentity,
}

/// What tells a file from another, and from itself after a change. It proves nothing about what is in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileIdentity {
    device: u64,
    inode: u64,
    size: i64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody else could put another in its place.
    #[error(transparent)]
    Replaceable(#[from] MayBeReplaced),
    /// It is something else than a file, which may never end.
    #[error("{} is {kind}, not a regular file", path.display())]
    NotRegular {
        /// The path.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
    },
    /// It is longer than it may be.
    #[error("{} has {length} bytes, and {most} are the most", path.display())]
    TooLong {
        /// The path.
        path: PathBuf,
        /// Its length in bytes.
        length: u64,
        /// The most bytes that are read.
        most: u64,
    },
}

impl From<Stopped> for Unreadable {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Replaceable(replaceable) => replaceable.into(),
            Stopped::Io { path, source } => Self::Io {
                action: "look at",
                path,
                source,
            },
        }
    }
}

impl FileIdentity {
    #[expect(
        clippy::unnecessary_cast,
        reason = "the width of these fields differs between machines"
    )]
    const fn from_stat(stat: &Stat) -> Self {
        Self {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            size: stat.st_size as i64,
            modified: (stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            changed: (stat.st_ctime as i64, stat.st_ctime_nsec as i64),
        }
    }

    /// Returns the seconds since 1970 at which the file, or what is known about it, was changed last.
    #[must_use]
    pub const fn changed(&self) -> i64 {
        self.changed.0
    }
}

/// Makes a function for `map_err` that turns the system's error into an [`Unreadable::Io`]: `action` was tried on
/// `path`.
fn failed<E: Into<io::Error>>(action: &'static str, path: &Path) -> impl FnOnce(E) -> Unreadable {
    move |source| Unreadable::Io {
        action,
        path: path.to_owned(),
        source: source.into(),
    }
}

/// Opens the regular file at `path`, if nobody else can put another in its place.
///
/// # Errors
/// [`Unreadable`]: somebody can, there is none, the system refuses it, or it is something else.
pub fn open(path: &Path) -> Result<Opened, Unreadable> {
    let once = || open_regular(&owner::walk(path, Kind::File)?.path);
    match once() {
        // Whoever publishes moves a link and removes what it led to: that is the moment in between.
        Err(Unreadable::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => once(),
        other => other,
    }
}

/// Opens the regular file at `path`, which is no link, whosever it is.
fn open_regular(path: &Path) -> Result<Opened, Unreadable> {
    // Looked at before it is opened, because opening alone does something to a device; and again after it.
    let stat = rustix::fs::lstat(path).map_err(failed("look at", path))?;
    regular(path, &stat)?;
    // A pipe is opened without waiting for who writes into it.
    let flags =
        OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NOFOLLOW;
    let file = rustix::fs::open(path, flags, Mode::empty()).map_err(failed("open", path))?;
    let stat = rustix::fs::fstat(&file).map_err(failed("look at", path))?;
    regular(path, &stat)?;
    Ok(Opened {
        file: file.into(),
        length: u64::try_from(stat.st_size).unwrap_or(0),
        identity: FileIdentity::from_stat(&stat),
    })
}

fn regular(path: &Path, stat: &Stat) -> Result<(), Unreadable> {
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => return Ok(()),
        FileType::Directory => "a folder",
        FileType::Symlink => "a link",
        FileType::Fifo => "a pipe",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        FileType::Unknown => "of no known kind",
    };
    let path = path.to_owned();
    Err(Unreadable::NotRegular { path, kind })
}

/// Reads the regular file at `path` whole, if it has at most `most` bytes.
///
/// # Errors
/// [`Unreadable`], as for [`open`], or it is too long.
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>, Unreadable> {
    read_opened(open(path)?, path, most)
}

/// Reads the regular file at `path` as [`read`] does, whosever the file is and whoever could replace it.
///
/// # Errors
/// [`Unreadable`].
pub fn read_unowned(path: &Path, most: u64) -> Result<Vec<u8>, Unreadable> {
    let resolved = std::fs::canonicalize(path).map_err(failed("look at", path))?;
    read_opened(open_regular(&resolved)?, path, most)
}

fn read_opened(opened: Opened, path: &Path, most: u64) -> Result<Vec<u8>, Unreadable> {
    let too_long = |length| Unreadable::TooLong {
        path: path.to_owned(),
        length,
        most,
    };
    if opened.length > most {
        return Err(too_long(opened.length));
    }
    // One byte more than is allowed, to tell a file that is as long as it may be from one that goes on.
    let mut bytes = Vec::new();
    let read = opened
        .file
        .take(most.saturating_add(1))
        .read_to_end(&mut bytes);
    read.map_err(failed("read", path))?;
    // It grew meanwhile, or does not say how long it is.
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if length > most {
        return Err(too_long(length));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn t11_only_a_regular_file_is_read_and_nothing_is_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        fs::write(path("file"), "text").expect("written");
        std::os::unix::fs::symlink(path("file"), path("link")).expect("a link");
        let mode = Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, path("pipe"), FileType::Fifo, mode, 0)
            .expect("a pipe");
        let _listener = UnixListener::bind(path("socket")).expect("a socket");
        assert_eq!(read(&path("file"), 4).expect("a file"), b"text");
        assert_eq!(read(&path("link"), 4).expect("a file"), b"text");
        for (what, said) in [
            (path("pipe"), "is a pipe, not a regular file"),
            (path("socket"), "is a socket, not a regular file"),
            (folder.path().to_owned(), "is a folder, not a regular file"),
            ("/dev/zero".into(), "is a device, not a regular file"),
        ] {
            let why = read(&what, 4).expect_err("no regular file").to_string();
            assert_eq!(why, format!("{} {said}", what.display()));
        }
        let long = read(&path("file"), 3).expect_err("too long").to_string();
        assert!(long.ends_with("has 4 bytes, and 3 are the most"), "{long}");
        let none = read(&path("none"), 3).expect_err("nothing").to_string();
        assert!(none.starts_with("cannot look at "), "{none}");
    }

    /// What the kernel makes up as it is read has no length, and may have no end.
    #[test]
    fn t11_a_file_that_does_not_say_how_long_it_is_is_bounded_too() {
        let path = Path::new("/proc/self/maps");
        let path = fs::canonicalize(path).expect("a path");
        assert_eq!(open_regular(&path).expect("a file").length, 0);
        let read = read_unowned(&path, 16);
        assert!(matches!(read, Err(Unreadable::TooLong { .. })), "{read:?}");
    }
}
