//! Where a command reads its policy from, how it says so, and the ways out when it is not there.

use serde_json::{Value, json};
use stopgate_decide::digest::Digest;
use stopgate_decide::visible::visible;

use crate::git::GitError;
use crate::reader::{ReadError, Source, Wanted};
use crate::report::json::with;
use crate::workspace::{Reading, WorkspaceError};

use super::console::{Console, Failure};

/// Flags of every command that reads a policy and publishes nothing.
#[derive(Debug, clap::Args)]
pub(super) struct From {
    /// Read a revision from git, not the files: a commit, a branch, a tag
    #[arg(long, value_name = "REV", conflicts_with = "staged")]
    rev: Option<String>,
    /// Read what is staged for the next commit, not the files
    #[arg(long)]
    staged: bool,
}

impl From {
    /// Returns what the options mean: a revision, what is staged, or the files.
    pub(super) fn wanted(&self) -> Wanted<'_> {
        match (&self.rev, self.staged) {
            (Some(revision), _) => Wanted::Revision(revision),
            (None, true) => Wanted::Staged,
            (None, false) => Wanted::Files,
        }
    }
}

/// Returns the body of an answer, with where the answer's policy was read.
pub(super) fn said(body: Value, source: &Source) -> Value {
    with(body, json!({"source": source.to_string()}))
}

/// Writes the name of every document that was read on stderr if `-v` asks for more, with the digest of its bytes.
pub(super) fn detail(reading: &Reading, name: &str, console: &Console) {
    if !console.is_verbose() {
        return;
    }
    // A line each, whatever a file is called.
    let shown = |path: &str| visible(path, usize::MAX);
    for (path, bytes) in &reading.documents {
        let (path, digest) = (shown(path), Digest::compute(bytes));
        console.detail(format_args!("read {path} of {name}: {digest}"));
    }
    for path in reading.unread.keys().map(|path| shown(path)) {
        console.detail(format_args!("read {path} of {name}: refused"));
    }
}

impl std::convert::From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Git(error) => error.into(),
            ReadError::Workspace(error) => error.into(),
            ReadError::Differs { .. } => Self::usage(error).with_help(
                "commit them, or name the revision that is meant: --rev HEAD; what is ignored or not added counts too",
            ),
        }
    }
}

impl std::convert::From<GitError> for Failure {
    fn from(error: GitError) -> Self {
        let help = match &error {
            GitError::NoRevision { shallow: true, .. } => {
                "fetch more of the history, such as with git fetch --deepen=50"
            }
            GitError::NoRevision { empty: true, .. } => {
                "nothing is committed there yet: `git add` the folder, `git commit` it, and say it again"
            }
            GitError::NoPolicy { .. } => {
                "if it is new, `git add` and `git commit` it first; what has nothing before it is compared with `--base empty`"
            }
            GitError::Ambiguous { .. } => {
                "name the commit, or the whole name such as refs/remotes/origin/main"
            }
            GitError::Owner(_) => {
                "`git config --global --add safe.directory FOLDER` names it; what environment variables say of it is not read"
            }
            GitError::Unknown { .. } => {
                "repositories of SHA-1 objects with plain files for branches are read; clone it into one"
            }
            GitError::Through { .. } | GitError::OnTheWay { what: "a link", .. } => {
                "name the folder itself; a link leads elsewhere for everybody who reads objects"
            }
            GitError::InSubmodule { .. } | GitError::OnTheWay { .. } => {
                "keep the policy in the repository that uses it, or name a clone of the submodule's own repository"
            }
            GitError::Separate { .. } => {
                "say it in there, once: git config core.worktree \"$(git rev-parse --show-toplevel)\""
            }
            GitError::SplitIndex => {
                "`git update-index --no-split-index` makes it one; `git config core.splitIndex false` keeps it so"
            }
            GitError::SparseIndex => {
                "`git sparse-checkout reapply --no-sparse-index` writes it with every file"
            }
            GitError::Conflict(_) => "resolve them, and add what is meant",
            GitError::Partial { .. } => {
                "fetch what is missing, once: git fetch --refetch --no-filter"
            }
            GitError::Unplaced(_) => {
                "git looks for it above that folder too: see what `git -C DIR rev-parse --show-toplevel` says there"
            }
            GitError::NoRepository(_)
            | GitError::Unopened { .. }
            | GitError::NoRevision { .. }
            | GitError::Refused(_)
            | GitError::Git { .. } => "",
        };
        let failure = match error {
            GitError::Refused(refused) => return refused.into(),
            GitError::Git { .. }
            | GitError::Partial { .. }
            | GitError::SplitIndex
            | GitError::SparseIndex => Self::failed(error),
            GitError::NoRepository(_)
            | GitError::Owner(_)
            | GitError::Unknown { .. }
            | GitError::Unopened { .. }
            | GitError::Unplaced(_)
            | GitError::Separate { .. }
            | GitError::Through { .. }
            | GitError::InSubmodule { .. }
            | GitError::OnTheWay { .. }
            | GitError::NoRevision { .. }
            | GitError::Ambiguous { .. }
            | GitError::NoPolicy { .. }
            | GitError::Conflict(_) => Self::usage(error),
        };
        if help.is_empty() {
            failure
        } else {
            failure.with_help(help)
        }
    }
}

impl std::convert::From<WorkspaceError> for Failure {
    fn from(error: WorkspaceError) -> Self {
        match error {
            WorkspaceError::NotARepository { .. } => Self::usage(error).with_help(
                "name the folder with stopgate.yaml, or make one with `stopgate init DIR`; in a bare repository, name a \
                 revision with --rev",
            ),
            WorkspaceError::Refused { .. } => Self::new(super::exit::Exit::Invalid, error),
            WorkspaceError::Io { .. } => Self::failed(error),
        }
    }
}
