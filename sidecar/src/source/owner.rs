//! Who could put something else in the place of a file: whoever owns it, a folder or a link on the way to it, and
//! whoever may write there.
//!
//! ```text
//! owner     ours or root's, for the file, each link and each folder
//! writing   nobody else may; in a sticky folder others may, for they cannot touch what is not theirs
//! mounts    what is mounted read-only nobody writes here; only an owner without a number is refused there
//! ```
//!
//! It opens nothing and follows each link itself, so that no name on the way is taken on trust.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;

use rustix::fs::{FileType, Stat, StatVfsMountFlags, lstat, readlink, statvfs};
use rustix::io::Errno;

use crate::bounds::MAX_LINKS;

/// How the kernel shows an owner that has no number here. It stands for anybody.
const UNMAPPED: u32 = 65534;

/// Permission of the group, and of everybody, to write.
const GROUP_WRITES: u32 = 0o020;
const ALL_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// Something else can be put where an input is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} may be replaced by {by}: {}", path.display(), by.mend(path))]
pub struct MayBeReplaced {
    /// The file, link or folder that lets them.
    pub path: PathBuf,
    /// Who they are.
    pub by: By,
}

/// Who can replace something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Its owner, who is neither this process's user nor root.
    Owner(u32),
    /// An owner that has no number here.
    Unmapped,
    /// Everybody in this group.
    Group(u32),
    /// Everybody.
    Everybody,
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner(uid) => write!(f, "uid {uid}"),
            Self::Unmapped => write!(f, "an owner without a number here ({UNMAPPED})"),
            Self::Group(gid) => write!(f, "gid {gid}"),
            Self::Everybody => f.write_str("everybody"),
        }
    }
}

impl By {
    /// Returns what the operator has to do so that nobody of this kind can replace `path`: a command, wherever one
    /// suffices.
    fn mend(self, path: &Path) -> String {
        let path = super::word(path);
        match self {
            // A link is given away itself, not what it leads to.
            Self::Owner(_) => format!("`chown -h {} {path}`", rustix::process::geteuid()),
            Self::Unmapped => {
                "give it an owner that has a number in this user namespace, from outside".to_owned()
            }
            Self::Group(_) | Self::Everybody => format!("`chmod go-w {path}`"),
        }
    }
}

impl MayBeReplaced {
    /// Tells operators who could replace what, as an event.
    pub fn tell(&self) {
        let Self { path, by } = self;
        tracing::error!(path = %path.display(), %by, mend = by.mend(path), "may_be_replaced");
    }
}

/// What an input is, once it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file: nobody else may write into it.
    File,
    /// A folder of ours: nobody else may put anything into it.
    Folder,
    /// A name for something that this process makes.
    Place,
}

/// Why a way cannot be walked to its end.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// Somebody could change it.
    #[error(transparent)]
    Replaceable(#[from] MayBeReplaced),
    /// The system refused to look at this.
    #[error("cannot look at {}", path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Makes a function for `map_err` that turns the system's error about `path` into a [`Stopped::Io`].
fn failed<E: Into<io::Error>>(path: &Path) -> impl FnOnce(E) -> Stopped {
    move |source| Stopped::Io {
        path: path.to_owned(),
        source: source.into(),
    }
}

/// The end of a way.
#[derive(Debug)]
pub struct Walked {
    /// The path without links.
    pub path: PathBuf,
    /// What is there; `None` for nothing.
    pub found: Option<Stat>,
}

/// What decides about one thing on the way.
#[derive(Debug, Clone, Copy)]
struct Owned {
    uid: u32,
    gid: u32,
    mode: u32,
}

impl Owned {
    #[expect(
        clippy::unnecessary_cast,
        reason = "the width of these fields differs between machines"
    )]
    const fn from_stat(stat: &Stat) -> Self {
        Self {
            uid: stat.st_uid as u32,
            gid: stat.st_gid as u32,
            mode: stat.st_mode as u32,
        }
    }

    /// Returns who, other than the owner, may write there: everybody, the group, or nobody (`None`).
    const fn others(self) -> Option<By> {
        // Everybody first: the group is among them, and the command that mends it is the same.
        if self.mode & ALL_WRITE != 0 {
            Some(By::Everybody)
        } else if self.mode & GROUP_WRITES != 0 {
            Some(By::Group(self.gid))
        } else {
            None
        }
    }
}

/// This process, as far as owners are concerned.
#[derive(Debug, Clone, Copy)]
struct Us {
    uid: u32,
    /// Every owner has a number here.
    all_mapped: bool,
}

impl Us {
    fn now() -> Self {
        static ALL_MAPPED: OnceLock<bool> = OnceLock::new();
        let all_mapped = || {
            let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
            // All numbers stand for themselves: no user namespace hides an owner.
            map.split_whitespace().eq(["0", "0", "4294967295"])
        };
        Self {
            uid: rustix::process::geteuid().as_raw(),
            all_mapped: *ALL_MAPPED.get_or_init(all_mapped),
        }
    }

    /// Returns the owner, if the owner could do harm: an owner that has no number here, or one that is neither root nor
    /// this process's user.
    const fn stranger(self, owned: Owned) -> Option<By> {
        // Only where every owner has a number here is 65534 a user of its own, which may be this process's.
        if owned.uid == UNMAPPED && !(self.all_mapped && self.uid == UNMAPPED) {
            Some(By::Unmapped)
        } else if owned.uid == 0 || owned.uid == self.uid {
            None
        } else {
            Some(By::Owner(owned.uid))
        }
    }
}

/// Refuses what is at `path` for what `by` can do, unless `mount` is on a file system where nobody can write.
fn refuse(path: &Path, by: By, mount: &Path) -> Result<(), Stopped> {
    // Asked only for what would be refused: a mount that nobody can write on is rare.
    let found = statvfs(mount).map_err(failed(mount))?;
    if by != By::Unmapped && found.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return Ok(());
    }
    let path = path.to_owned();
    Err(MayBeReplaced { path, by }.into())
}

/// Refuses what is at `path` if somebody but its owner can write there.
fn written(path: &Path, owned: Owned, sticky_passes: bool) -> Result<(), Stopped> {
    match owned.others() {
        Some(by) if !(sticky_passes && owned.mode & STICKY != 0) => refuse(path, by, path),
        Some(_) | None => Ok(()),
    }
}

/// Walks to `path` and looks at everything on the way, as the kernel would.
///
/// # Errors
/// [`Stopped`]: the first thing that somebody else could change, or that cannot be looked at. What is not there cannot
/// be changed; the folder that it would be in can.
pub fn walk(path: &Path, kind: Kind) -> Result<Walked, Stopped> {
    let us = Us::now();
    let absolute = std::path::absolute(path).map_err(failed(path))?;
    let mut left: VecDeque<PathBuf> = steps(&absolute);
    let mut at = PathBuf::from("/");
    let mut stat = harmless(&at, looked_at(&at)?, us, &at)?;
    let mut links = 0_usize;
    while let Some(step) = left.pop_front() {
        match step.components().next() {
            Some(Component::Normal(_)) => {}
            // No link is left in `at`, so its parent is the folder that the kernel goes to.
            Some(Component::ParentDir) => {
                at.pop();
                continue;
            }
            Some(Component::RootDir) => {
                at = PathBuf::from("/");
                continue;
            }
            Some(Component::CurDir | Component::Prefix(_)) | None => continue,
        }
        // What can be added or renamed in this folder?
        written(&at, Owned::from_stat(&looked_at(&at)?), true)?;
        let next = at.join(&step);
        stat = match lstat(&next) {
            Ok(stat) => harmless(&next, stat, us, &at)?,
            // What is not there belongs to nobody, and the folder has been looked at.
            Err(Errno::NOENT) => {
                at = next;
                at.extend(left);
                return Ok(Walked {
                    path: at,
                    found: None,
                });
            }
            Err(error) => return Err(failed(&next)(error)),
        };
        if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink {
            links = links.saturating_add(1);
            if links > MAX_LINKS {
                return Err(failed(&next)(Errno::LOOP));
            }
            let to = readlink(&next, Vec::new()).map_err(failed(&next))?;
            let to = PathBuf::from(OsString::from_vec(to.into_bytes()));
            // What the link leads to comes before the rest of the way.
            for step in steps(&to).into_iter().rev() {
                left.push_front(step);
            }
        } else {
            at = next;
        }
    }
    let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    match kind {
        Kind::File if regular => written(&at, Owned::from_stat(&stat), false)?,
        Kind::Folder => written(&at, Owned::from_stat(&stat), false)?,
        // What is no file is refused as that.
        Kind::File | Kind::Place => {}
    }
    Ok(Walked {
        path: at,
        found: Some(stat),
    })
}

/// Returns the parts of a path, one by one; the root is one of them.
fn steps(path: &Path) -> VecDeque<PathBuf> {
    path.components()
        .map(|step| PathBuf::from(step.as_os_str()))
        .collect()
}

fn looked_at(path: &Path) -> Result<Stat, Stopped> {
    lstat(path).map_err(failed(path))
}

/// Returns `stat`, what is at `path` in `folder`, if it belongs to nobody who could do harm. What is mounted read-only
/// passes whoever owns it, unless the owner has no number here.
fn harmless(path: &Path, stat: Stat, us: Us, folder: &Path) -> Result<Stat, Stopped> {
    if let Some(by) = us.stranger(Owned::from_stat(&stat)) {
        // A link is where its folder is, whatever it leads to.
        let link = FileType::from_raw_mode(stat.st_mode) == FileType::Symlink;
        refuse(path, by, if link { folder } else { path })?;
    }
    Ok(stat)
}

#[cfg(test)]
mod tests;
