//! Which repository a folder is in, and where: found without following anything that the repository itself could turn.
//!
//! A link on the way would make the commands that follow it see another folder than the gate, which reads objects; and
//! a submodule's history is not that of the repository that uses it. Both are refused.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use git2::{ErrorCode, Repository};

use super::entry::{LINK, SUBMODULE, mode};
use super::error::GitError;

/// A folder, as it was found from the working directory on.
struct FoundFolder {
    /// The last folder that is there, without links.
    real: PathBuf,
    /// What was named below it and is not on the disk.
    below: PathBuf,
    /// Every link that was followed.
    links: Vec<PathBuf>,
}

impl FoundFolder {
    /// Walks to `dir` step by step, and notes every link on the way. Steps that are not on the disk are kept for the
    /// revision; `None` means that it cannot be told where the steps lead.
    fn locate(dir: &Path) -> Option<Self> {
        let mut found = Self {
            real: PathBuf::from("/"),
            below: PathBuf::new(),
            links: Vec::new(),
        };
        let dir = entered()?.join(dir);
        let mut steps = dir.components();
        for step in steps.by_ref() {
            match step {
                Component::Prefix(_) | Component::RootDir => found.real = PathBuf::from("/"),
                Component::CurDir => {}
                Component::ParentDir => {
                    found.real.pop();
                }
                Component::Normal(name) => {
                    let next = found.real.join(name);
                    match fs::symlink_metadata(&next) {
                        Ok(kind) if kind.is_symlink() => {
                            found.real = fs::canonicalize(&next).ok()?;
                            found.links.push(next);
                        }
                        Ok(_) => found.real = next,
                        Err(_) => {
                            found.below.push(name);
                            break;
                        }
                    }
                }
            }
        }
        for step in steps {
            match step {
                Component::Normal(name) => found.below.push(name),
                Component::CurDir => {}
                // Where nothing is on the disk, nothing is above it either.
                Component::Prefix(_) | Component::RootDir | Component::ParentDir => return None,
            }
        }
        Some(found)
    }
}

/// Returns the working directory by the name that it was entered by, if `PWD` names the same folder: a link on that way
/// is one that was followed. Otherwise it is the real path.
fn entered() -> Option<PathBuf> {
    let real = std::env::current_dir().ok()?;
    let named = std::env::var_os("PWD").map(PathBuf::from);
    let same = |named: &PathBuf| {
        let (is, named) = (fs::metadata(&real).ok()?, fs::metadata(named).ok()?);
        Some((is.dev(), is.ino()) == (named.dev(), named.ino()))
    };
    let named = named.filter(|named| named.is_absolute() && same(named) == Some(true));
    Some(named.unwrap_or(real))
}

/// Returns whether a folder from `real` upwards has an entry `.git`, whatever is in it.
fn is_claimed(real: &Path) -> bool {
    let mut folders = real.ancestors();
    folders.any(|folder| fs::symlink_metadata(folder.join(".git")).is_ok())
}

/// Opens the repository that is found from `real` upwards.
///
/// # Errors
/// [`GitError::NoRepository`] only where nothing says that there is one; otherwise why it cannot be opened.
fn discover(dir: &Path, real: &Path) -> Result<Repository, GitError> {
    Repository::discover(real).map_err(|error| {
        let why = GitError::opening(dir, error);
        // Files are believed only where nothing says that there is a history of them.
        if matches!(why, GitError::NoRepository(_)) && is_claimed(real) {
            GitError::Unplaced(dir.to_owned())
        } else {
            why
        }
    })
}

/// Returns the top of the work tree that `real` is in, or of a bare repository its own folder.
fn top(dir: &Path, real: &Path, repository: &Repository) -> Result<PathBuf, GitError> {
    let place = |path: &Path| {
        let unplaced = |_| GitError::Unplaced(dir.to_owned());
        fs::canonicalize(path).map_err(unplaced)
    };
    let top = place(repository.workdir().unwrap_or_else(|| repository.path()))?;
    let claim = real.ancestors().find_map(|folder| {
        let found = fs::symlink_metadata(folder.join(".git")).ok()?;
        Some((folder, found))
    });
    // A file or link that leads to a repository somewhere. What that does not say is where the file lies, so that it would
    // be taken for the repository of the folder that it happens to be in.
    match claim {
        Some((folder, found)) if !found.is_dir() && !repository.is_bare() => {
            let folder = place(folder)?;
            if folder == top {
                Ok(top)
            } else if repository.is_worktree() {
                Err(GitError::Unplaced(dir.to_owned()))
            } else {
                Err(GitError::Separate {
                    dir: dir.to_owned(),
                    top: folder,
                })
            }
        }
        Some(_) | None => Ok(top),
    }
}

/// Opens the repository that `dir` is in, and returns the folder in its revisions that `dir` names. For a bare
/// repository, `dir` is the repository's folder, followed by the folder of the policy in the revisions.
pub(super) fn open(dir: &Path) -> Result<(Repository, PathBuf), GitError> {
    let unplaced = || GitError::Unplaced(dir.to_owned());
    let FoundFolder { real, below, links } = FoundFolder::locate(dir).ok_or_else(unplaced)?;
    let repository = discover(dir, &real)?;
    let top = top(dir, &real, &repository)?;
    let inside = fs::canonicalize(&real).map_err(|_| unplaced())?;
    let inside = inside.strip_prefix(&top).map_err(|_| unplaced())?;
    for link in links {
        if link.starts_with(&top) || is_committed(dir, &link, LINK)? {
            return Err(GitError::Through {
                dir: dir.to_owned(),
                link,
            });
        }
    }
    if !repository.is_bare() && is_submodule(dir, &repository, &top)? {
        return Err(GitError::InSubmodule {
            dir: dir.to_owned(),
            submodule: top,
        });
    }
    // Joined with nothing, a path would end with a slash.
    let folder = inside.iter().chain(&below).collect();
    Ok((repository, folder))
}

/// Returns whether the repository around `path` has `path` as an entry of the mode `wanted`, staged or in HEAD. Only
/// where there is no repository around it is the answer no by itself: a repository that cannot be asked is an error.
fn is_committed(dir: &Path, path: &Path, wanted: u32) -> Result<bool, GitError> {
    let unplaced = || GitError::Unplaced(dir.to_owned());
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(false);
    };
    let parent = fs::canonicalize(parent).map_err(|_| unplaced())?;
    let repository = match discover(dir, &parent) {
        Ok(repository) => repository,
        Err(GitError::NoRepository(_)) => return Ok(false),
        Err(why) => return Err(why),
    };
    if repository.is_bare() {
        return Err(unplaced());
    }
    let top = top(dir, &parent, &repository)?;
    let inside = parent.strip_prefix(top).map_err(|_| unplaced())?.join(name);
    let index = repository.index().map_err(GitError::of_index)?;
    let staged = index.get_path(&inside, 0).map(|entry| entry.mode);
    // A repository without a commit has none of it.
    let head = || repository.head().ok()?.peel_to_tree().ok();
    let in_head = || Some(mode(&head()?.get_path(&inside).ok()?));
    Ok(staged == Some(wanted) || in_head() == Some(wanted))
}

/// Returns whether the work tree at `top` is that of a submodule.
fn is_submodule(dir: &Path, repository: &Repository, top: &Path) -> Result<bool, GitError> {
    // git keeps what belongs to a submodule in the repository that uses it, whatever became of the entry.
    let kept = repository.path().ancestors().any(|folder| {
        let above = folder.parent();
        folder.ends_with("modules")
            && above.is_some_and(|git| git.join("HEAD").is_file() && git.join("objects").is_dir())
    });
    Ok(kept || is_committed(dir, top, SUBMODULE)?)
}

impl GitError {
    /// Returns why git's library does not open what `dir` is in, with an error of its own for each reason.
    pub(super) fn opening(dir: &Path, source: git2::Error) -> Self {
        let dir = dir.to_owned();
        let message = source.message();
        let after = |words: &str| Some(message.split_once(words)?.1.trim_matches('\'').to_owned());
        if source.code() == ErrorCode::NotFound {
            return Self::NoRepository(dir);
        }
        if source.code() == ErrorCode::Owner {
            return Self::Owner(dir);
        }
        let extension = after("unsupported extension name ");
        let format =
            || after("unknown object format ").map(|format| format!("the object format {format}"));
        match extension.or_else(format) {
            Some(what) => Self::Unknown { dir, what },
            None => Self::Unopened { dir, source },
        }
    }
}
