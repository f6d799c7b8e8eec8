//! Which repository a folder is in, and where: found without following anything that the repository itself could turn.
//!
//! A link on the way would make the commands that follow it see another folder than the gate, which reads objects; and
//! a submodule's history is not that of the repository that uses it. Both are refused.

use std::fs;
use std::path::{Component, Path, PathBuf};

use git2::{ErrorCode, Repository};

use super::{GitError, LINK, SUBMODULE, mode};

/// A folder, as it was found from the working directory on.
struct Found {
    /// The last folder that is there, without links.
    real: PathBuf,
    /// What was named below it and is not on the disk.
    below: PathBuf,
    /// Every link that was followed.
    links: Vec<PathBuf>,
}

impl Found {
    fn of(dir: &Path) -> Option<Self> {
        let mut found = Self {
            real: std::env::current_dir().ok()?,
            below: PathBuf::new(),
            links: Vec::new(),
        };
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

/// The repository that `dir` is in, and the folder in its revisions that `dir` names. Of a bare repository, `dir` is its
/// folder, then the folder with the policy in it.
pub(super) fn open(dir: &Path) -> Result<(Repository, PathBuf), GitError> {
    let nowhere = || GitError::NoRepository(dir.to_owned());
    let Found { real, below, links } = Found::of(dir).ok_or_else(nowhere)?;
    let repository = Repository::discover(&real).map_err(|error| GitError::opening(dir, error))?;
    let place = |path: &Path| fs::canonicalize(path).map_err(|_| nowhere());
    let top = place(repository.workdir().unwrap_or_else(|| repository.path()))?;
    let inside = place(&real)?;
    let inside = inside.strip_prefix(&top).map_err(|_| nowhere())?;
    for link in links {
        if link.starts_with(&top) || is_committed(&link, LINK) {
            return Err(GitError::Through {
                dir: dir.to_owned(),
                link,
            });
        }
    }
    if !repository.is_bare() && is_submodule(&repository, &top) {
        return Err(GitError::InSubmodule {
            dir: dir.to_owned(),
            submodule: top,
        });
    }
    // Joined with nothing, a path would end with a slash.
    let folder = inside.iter().chain(&below).collect();
    Ok((repository, folder))
}

/// Whether the repository around `path` knows it as an entry of this mode.
fn is_committed(path: &Path, wanted: u32) -> bool {
    let committed = || {
        let parent = fs::canonicalize(path.parent()?).ok()?;
        let repository = Repository::discover(&parent).ok()?;
        let top = fs::canonicalize(repository.workdir()?).ok()?;
        let inside = parent.strip_prefix(top).ok()?.join(path.file_name()?);
        let staged = repository.index().ok();
        let staged = staged.and_then(|index| Some(index.get_path(&inside, 0)?.mode));
        let head = || repository.head().ok()?.peel_to_tree().ok();
        let in_head = || Some(mode(&head()?.get_path(&inside).ok()?));
        Some(staged == Some(wanted) || in_head() == Some(wanted))
    };
    committed().unwrap_or(false)
}

/// Whether the work tree at `top` is that of a submodule.
fn is_submodule(repository: &Repository, top: &Path) -> bool {
    // git keeps what belongs to a submodule in the repository that uses it, whatever became of the entry.
    let kept = repository.path().ancestors().any(|folder| {
        let above = folder.parent();
        folder.ends_with("modules")
            && above.is_some_and(|git| git.join("HEAD").is_file() && git.join("objects").is_dir())
    });
    kept || is_committed(top, SUBMODULE)
}

impl GitError {
    /// Why git's library does not open what `dir` is in, each reason in a sentence of its own.
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
