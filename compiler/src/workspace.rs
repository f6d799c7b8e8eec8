//! The policy repository on disk: its only reader.
//!
//! Everything that looks like policy is read, wherever it stands, because a rule that nobody reads is a hole: whether
//! it stands in the right place is for the front end to say. Sizes and numbers are bounded before anything is read,
//! and nothing outside the folder is: a link may only point at a file inside.

pub mod trust;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// One byte more than a document may have, so that the front end sees that one is too long.
const READ_AT_MOST: u64 = 1024 * 1024 + 1;
/// Most files of a repository.
const MAX_FILES: usize = 4096;
/// Most bytes of all files together.
const MAX_TOTAL: usize = 256 * 1024 * 1024;
/// Folders inside each other.
const MAX_DEPTH: usize = 8;

/// Folders whose every file has to be a document; prose is the exception.
const DOCUMENT_FOLDERS: [&str; 3] = ["catalog", "rules", "tests"];
/// What policy is written in, however it is misspelt or misplaced.
const POLICY_EXTENSIONS: [&str; 3] = ["yaml", "yml", "cedar"];
/// Trust roots are read by `verify` and the sidecar, never as policy.
const TRUST: &str = "trust";

/// A file's path relative to the repository, with `/`, and its bytes.
pub type Document = (String, Vec<u8>);

/// Why a repository cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// There is no repository.
    #[error("{} is not a policy repository: it has no stopgate.yaml", dir.display())]
    NotARepository {
        /// The folder that was named.
        dir: PathBuf,
    },
    /// Files that cannot be policy, all of them.
    #[error("{}", problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n       "))]
    Refused {
        /// In the order of their paths; never empty.
        problems: Vec<Problem>,
    },
    /// The disk failed.
    #[error("{} cannot be read", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// One file that is refused unread.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Problem {
    /// A link to somewhere else.
    #[error("{0} is a link that leaves the repository, or a link to a folder")]
    Link(String),
    /// A socket, a pipe, a device.
    #[error("{0} is not a regular file")]
    Special(String),
    /// A name that is not text.
    #[error("{0} has a name that is not UTF-8")]
    Name(String),
    /// Too deep.
    #[error("{0} is more than {MAX_DEPTH} folders deep")]
    Deep(String),
    /// Too many, or too much.
    #[error("a repository has at most {MAX_FILES} files and {} MiB", MAX_TOTAL >> 20)]
    Many,
}

/// Reads every document of the repository in `dir`, in the order of their paths.
///
/// # Errors
/// [`WorkspaceError`]; what is wrong with the documents themselves is not known here.
pub fn read(dir: &Path) -> Result<Vec<Document>, WorkspaceError> {
    let (root, files) = list(dir)?;
    let mut budget = Budget::default();
    let mut documents = Vec::with_capacity(files.len());
    for name in files {
        let path = root.join(&name);
        let mut bytes = Vec::new();
        let file = File::open(&path).map_err(io(&path))?;
        file.take(READ_AT_MOST)
            .read_to_end(&mut bytes)
            .map_err(io(&path))?;
        let bytes = budget.take(&bytes)?;
        documents.push((name, bytes));
    }
    Ok(documents)
}

/// How much of a repository has been read.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    files: usize,
    bytes: usize,
}

impl Budget {
    /// One document's bytes, as far as they are read, if there is room for them.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<Vec<u8>, WorkspaceError> {
        let length = usize::try_from(READ_AT_MOST).unwrap_or(usize::MAX);
        let bytes = bytes.get(..length).unwrap_or(bytes);
        self.files = self.files.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes.len());
        if self.files > MAX_FILES || self.bytes > MAX_TOTAL {
            return Err(WorkspaceError::Refused {
                problems: vec![Problem::Many],
            });
        }
        Ok(bytes.to_vec())
    }
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
    let (root, files) = list(dir)?;
    let stamp = |name: String| {
        let path = root.join(&name);
        let file = fs::metadata(&path).map_err(io(&path))?;
        let stamp = Stamp {
            inode: file.ino(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
            length: file.len(),
        };
        Ok((name, stamp))
    };
    files.into_iter().map(stamp).collect()
}

fn io(path: &Path) -> impl Fn(io::Error) -> WorkspaceError + use<> {
    let path = path.to_owned();
    move |source| WorkspaceError::Io {
        path: path.clone(),
        source,
    }
}

/// The repository's real folder, and the names of its documents in order.
fn list(dir: &Path) -> Result<(PathBuf, Vec<String>), WorkspaceError> {
    if !dir.join("stopgate.yaml").is_file() {
        return Err(WorkspaceError::NotARepository {
            dir: dir.to_owned(),
        });
    }
    let mut walk = Walk {
        root: fs::canonicalize(dir).map_err(io(dir))?,
        files: Vec::new(),
        problems: Vec::new(),
    };
    walk.folder("", 0)?;
    let Walk {
        root,
        mut files,
        mut problems,
    } = walk;
    if files.len() > MAX_FILES {
        problems.push(Problem::Many);
    }
    if !problems.is_empty() {
        problems.sort();
        return Err(WorkspaceError::Refused { problems });
    }
    files.sort();
    Ok((root, files))
}

struct Walk {
    root: PathBuf,
    files: Vec<String>,
    problems: Vec<Problem>,
}

impl Walk {
    /// Looks at everything in the folder `name`, relative to the root.
    fn folder(&mut self, name: &str, depth: usize) -> Result<(), WorkspaceError> {
        let path = self.root.join(name);
        let io = |source| WorkspaceError::Io {
            path: path.clone(),
            source,
        };
        for entry in fs::read_dir(&path).map_err(io)? {
            let entry = entry.map_err(io)?;
            let kind = entry.file_type().map_err(io)?;
            let file_name = entry.file_name();
            let within = |entry: &str| {
                if name.is_empty() {
                    entry.to_owned()
                } else {
                    format!("{name}/{entry}")
                }
            };
            let Some(file_name) = file_name.to_str() else {
                self.problems
                    .push(Problem::Name(within(&file_name.to_string_lossy())));
                continue;
            };
            if is_not_policy(&within(file_name)) {
                continue;
            }
            self.entry(within(file_name), kind, depth)?;
            if self.files.len() > MAX_FILES {
                return Ok(());
            }
        }
        Ok(())
    }

    fn entry(
        &mut self,
        name: String,
        kind: fs::FileType,
        depth: usize,
    ) -> Result<(), WorkspaceError> {
        if kind.is_dir() {
            if depth >= MAX_DEPTH {
                self.problems.push(Problem::Deep(name));
                return Ok(());
            }
            return self.folder(&name, depth.saturating_add(1));
        }
        if !may_be_policy(&name) {
            return Ok(());
        }
        if kind.is_symlink() {
            if self.stays_inside(&name) {
                self.files.push(name)
            } else {
                self.problems.push(Problem::Link(name))
            }
        } else if kind.is_file() {
            self.files.push(name);
        } else {
            self.problems.push(Problem::Special(name));
        }
        Ok(())
    }

    /// Whether the link `name` leads to a regular file of this repository.
    fn stays_inside(&self, name: &str) -> bool {
        fs::canonicalize(self.root.join(name))
            .is_ok_and(|target| target.starts_with(&self.root) && target.is_file())
    }
}

/// Whether what stands at `name` is none of ours, with all that is in it.
pub(crate) fn is_not_policy(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or(name);
    // What begins with a dot belongs to git and other tools.
    file.starts_with('.') || name == TRUST
}

/// Whether the folder `name` is deeper than any of a repository.
pub(crate) fn is_too_deep(name: &str) -> bool {
    name.split('/').count() > MAX_DEPTH
}

/// Whether the front end has to see the file: by its folder, or by its extension wherever it is.
pub(crate) fn may_be_policy(name: &str) -> bool {
    let extension = Path::new(name)
        .extension()
        .and_then(|extension| extension.to_str())
        .unwrap_or_default();
    let in_documents = name
        .split_once('/')
        .is_some_and(|(folder, _)| DOCUMENT_FOLDERS.contains(&folder));
    let prose = extension.eq_ignore_ascii_case("md");
    in_documents && !prose
        || POLICY_EXTENSIONS
            .iter()
            .any(|policy| extension.eq_ignore_ascii_case(policy))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn repository(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a folder");
        for file in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, *file).expect("written");
        }
        dir
    }

    fn names(dir: &Path) -> Vec<String> {
        read(dir)
            .expect("a repository")
            .into_iter()
            .map(|(name, _)| name)
            .collect()
    }

    #[test]
    fn whatever_looks_like_policy_is_read_and_nothing_else() {
        let dir = repository(&[
            "stopgate.yaml",
            "README.md",
            "rules/erp.yaml",
            "rules/README.md",
            "rules/erp.yml",
            "rules/erp.yaml.orig",
            "rules/deep/hr.cedar",
            "other/hr.YAML",
            "other/data.json",
            "trust/root.dsse.json",
            "trust/notes.yaml",
            ".git/config.yaml",
            "rules/.erp.yaml.swp",
        ]);
        let read = names(dir.path());
        let wanted = [
            "other/hr.YAML",
            "rules/deep/hr.cedar",
            "rules/erp.yaml",
            "rules/erp.yaml.orig",
            "rules/erp.yml",
            "stopgate.yaml",
        ];
        assert_eq!(read, wanted);
    }

    #[test]
    fn links_may_not_leave_and_special_files_are_not_opened() {
        let dir = repository(&["stopgate.yaml", "rules/erp.yaml"]);
        let outside = repository(&["secret.yaml", "folder/x.yaml"]);
        symlink("erp.yaml", dir.path().join("rules/same.yaml")).expect("a link");
        assert_eq!(
            names(dir.path()),
            ["rules/erp.yaml", "rules/same.yaml", "stopgate.yaml"]
        );
        symlink(
            outside.path().join("secret.yaml"),
            dir.path().join("rules/out.yaml"),
        )
        .expect("a link");
        symlink(
            outside.path().join("folder"),
            dir.path().join("rules/folder"),
        )
        .expect("a link");
        symlink("nowhere", dir.path().join("rules/dangling.yaml")).expect("a link");
        let _listener =
            std::os::unix::net::UnixListener::bind(dir.path().join("rules/socket.yaml"))
                .expect("a socket");
        let Err(WorkspaceError::Refused { problems }) = read(dir.path()) else {
            panic!("refused")
        };
        let link = |name: &str| Problem::Link(name.into());
        let wanted = [
            link("rules/dangling.yaml"),
            link("rules/folder"),
            link("rules/out.yaml"),
            Problem::Special("rules/socket.yaml".into()),
        ];
        assert_eq!(problems, wanted);
    }

    #[test]
    fn t4_a_long_file_is_read_only_far_enough_to_know_that_it_is_long() {
        let dir = repository(&["stopgate.yaml"]);
        fs::write(dir.path().join("profiles.yaml"), vec![b'#'; 3 << 20]).expect("written");
        let documents = read(dir.path()).expect("read");
        assert_eq!(documents[0].1.len() as u64, READ_AT_MOST);
    }

    #[test]
    fn a_folder_without_stopgate_yaml_is_no_repository() {
        let dir = repository(&["rules/erp.yaml"]);
        assert!(matches!(
            read(dir.path()),
            Err(WorkspaceError::NotARepository { .. })
        ));
        assert!(matches!(
            read(&dir.path().join("none")),
            Err(WorkspaceError::NotARepository { .. })
        ));
    }
}
