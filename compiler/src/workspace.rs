//! The policy repository on disk: its only reader.
//!
//! Everything that looks like policy is read, wherever it stands, because a rule that nobody reads is a hole: whether
//! it stands in the right place is for the front end to say. What may stand there, and how much, is said in one place
//! for files and for git ([`survey`]); links are never followed, and nothing outside the folder is read.

mod bounds;
mod reading;
pub(crate) mod survey;
pub mod trust;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

pub use bounds::Document;
use bounds::MAX_DOCUMENT;
pub use reading::{Problem, Reading, WorkspaceError};
use survey::{Content, Kind, Survey};

/// The document that makes a folder a policy repository.
pub(crate) const STOPGATE: &str = "stopgate.yaml";

/// Reads the repository in `dir` from the disk.
///
/// # Errors
/// [`WorkspaceError`]; what is wrong with the documents themselves is not known here.
pub fn read(dir: &Path) -> Result<Reading, WorkspaceError> {
    let (root, survey) = look(dir)?;
    survey.read(|path, ()| content(&root.join(path)))
}

/// Reads a file that was a regular one a moment ago, and still has to be. Of a file that is too long only the length is
/// kept.
fn content(path: &Path) -> Result<Content, WorkspaceError> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = opened.map_err(io(path))?;
    let found = file.metadata().map_err(io(path))?;
    if !found.is_file() {
        let problems = vec![Problem::Special(path.display().to_string())];
        return Err(WorkspaceError::Refused { problems });
    }
    if found.len() > MAX_DOCUMENT {
        return Ok(Content::Long(found.len()));
    }
    let mut bytes = Vec::new();
    let most = MAX_DOCUMENT.saturating_add(1);
    let read = <&File>::take(&file, most).read_to_end(&mut bytes);
    let read = u64::try_from(read.map_err(io(path))?).unwrap_or(u64::MAX);
    // It may have grown meanwhile.
    Ok(if read > MAX_DOCUMENT {
        Content::Long(read)
    } else {
        Content::Bytes(bytes)
    })
}

/// What tells that a document is not what it was: which file it is, when it changed, and how long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    inode: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    length: u64,
}

/// The stamp of every document, by path.
pub type Stamps = BTreeMap<String, Stamp>;

/// Looks at every document of the repository in `dir`, and reads none.
///
/// # Errors
/// [`WorkspaceError`], as [`read`] would.
pub fn stamps(dir: &Path) -> Result<Stamps, WorkspaceError> {
    let (root, survey) = look(dir)?;
    let stamp = |name: String| {
        let path = root.join(&name);
        let file = fs::symlink_metadata(&path).map_err(io(&path))?;
        let stamp = Stamp {
            inode: file.ino(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
            length: file.len(),
        };
        Ok((name, stamp))
    };
    survey.paths()?.into_iter().map(stamp).collect()
}

fn io(path: &Path) -> impl Fn(io::Error) -> WorkspaceError + use<> {
    let path = path.to_owned();
    move |source| WorkspaceError::Io {
        path: path.clone(),
        source,
    }
}

/// Returns the repository's real folder, and what the walk through it met.
fn look(dir: &Path) -> Result<(PathBuf, Survey<()>), WorkspaceError> {
    let stopgate = fs::symlink_metadata(dir.join(STOPGATE));
    if !stopgate.is_ok_and(|found| !found.is_dir()) {
        return Err(WorkspaceError::NotARepository {
            dir: dir.to_owned(),
        });
    }
    let root = fs::canonicalize(dir).map_err(io(dir))?;
    let mut survey = Survey::default();
    walk(&root, "", &mut survey)?;
    Ok((root, survey))
}

/// Notes everything in the folder `name` of `root`, and what is below it, in `survey`.
fn walk(root: &Path, name: &str, survey: &mut Survey<()>) -> Result<(), WorkspaceError> {
    let path = root.join(name);
    for entry in fs::read_dir(&path).map_err(io(&path))? {
        let entry = entry.map_err(io(&path))?;
        let kind = entry.file_type().map_err(io(&path))?;
        let kind = if kind.is_dir() && is_repository(&entry.path()) {
            Kind::Submodule
        } else if kind.is_dir() {
            Kind::Folder
        } else if kind.is_symlink() {
            Kind::Link
        } else if kind.is_file() {
            Kind::File
        } else {
            Kind::Special
        };
        let below = survey.meet(name, entry.file_name().as_bytes(), kind, ());
        if let Some(below) = below {
            walk(root, &below, survey)?;
        }
        if survey.is_full() {
            break;
        }
    }
    Ok(())
}

/// Returns whether git takes a folder for another repository's.
fn is_repository(folder: &Path) -> bool {
    fs::symlink_metadata(folder.join(".git")).is_ok()
}

#[cfg(test)]
mod tests;
