//! `stopgate diff`: the gate.

use std::path::Path;

use stopgate_lang::compile::{Compiled, Sources, compile};

use super::console::{Answer, Console, Failure, Format};
use super::exit::Exit;
use super::repository::{Repository, diagnostics};
use crate::diff::{Diff, Limits, Side, Version, diff};
use crate::git::{GitError, History};
use crate::workspace;

/// What stands for the files as they are on the disk.
const WORKTREE: &str = "worktree";
/// What stands for no policy at all.
const EMPTY: &str = "empty";

/// Show what a change of policy really does to decisions, and stop a loosening
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    repository: Repository,
    /// What to compare with: a revision, or `empty` for the first commit
    #[arg(long, value_name = "REV")]
    base: String,
    /// What to compare: a revision, or `worktree` for the files as they are
    #[arg(long, value_name = "REV", default_value = WORKTREE)]
    head: String,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

pub(super) fn run(args: &Args, console: &Console) -> Result<Answer, Failure> {
    let dir = &args.repository.dir;
    let (head_side, head) = read(dir, &args.head)?;
    let base = (args.base != EMPTY)
        .then(|| read(dir, &args.base))
        .transpose()?;
    let mut head = compile(Sources::new(head));
    let Some(head_policy) = head.policy.take() else {
        return Err(Failure::Answered(diagnostics(
            "diff",
            &head,
            args.format,
            console,
        )?));
    };
    let (base_side, mut base) = match base {
        None => (
            Side {
                name: EMPTY.to_owned(),
                commit: None,
            },
            None,
        ),
        Some((side, documents)) => (side, Some(compile(Sources::new(documents)))),
    };
    let base_policy = match &mut base {
        None => None,
        Some(compiled) => Some(
            compiled
                .policy
                .take()
                .ok_or_else(|| broken(&args.base, compiled))?,
        ),
    };
    let base = base
        .as_ref()
        .zip(base_policy.as_ref())
        .map(|(compiled, policy)| Version {
            policy,
            suites: &compiled.suites,
        });
    let version = Version {
        policy: &head_policy,
        suites: &head.suites,
    };
    let progress = |_: usize, _: usize| {};
    let found = diff(
        base,
        version,
        (base_side, head_side),
        Limits::default(),
        &progress,
    )
    .map_err(Failure::failed)?;
    Ok(Answer::text(exit(&found), format!("{found:#?}\n")))
}

/// How the run ends, by the gravest that was found.
fn exit(found: &Diff) -> Exit {
    let of_class = found.operations.iter().map(|change| {
        let review = change.cells.iter().any(|cell| cell.class.needs_review())
            || change.class.needs_review();
        let undecided = if change.undecided.is_empty() {
            Exit::Fine
        } else {
            Exit::Undecided
        };
        undecided.and(if review {
            Exit::ReviewNeeded
        } else {
            Exit::Fine
        })
    });
    let failing = if found.failing.is_empty() {
        Exit::Fine
    } else {
        Exit::Invalid
    };
    of_class.fold(failing, Exit::and)
}

fn broken(revision: &str, compiled: &Compiled) -> Failure {
    let (errors, _) = compiled.diagnostics.counts();
    let error = format!(
        "the base, revision `{revision}`, has {errors} errors of its own, so nothing can be compared with it"
    );
    Failure::new(Exit::Invalid, error).with_help("name a base that `stopgate check` accepts")
}

/// The documents of a revision or of the disk, and what to call them.
fn read(dir: &Path, revision: &str) -> Result<(Side, Vec<workspace::Document>), Failure> {
    if revision == WORKTREE {
        let side = Side {
            name: WORKTREE.to_owned(),
            commit: None,
        };
        return Ok((side, workspace::read(dir)?));
    }
    let read = History::open(dir)?.read(revision)?;
    let side = Side {
        name: read.name,
        commit: Some(read.commit),
    };
    Ok((side, read.documents))
}

impl From<GitError> for Failure {
    fn from(error: GitError) -> Self {
        match error {
            GitError::NoRepository(_) | GitError::NoPolicy { .. } => Self::usage(error),
            GitError::NoRevision { shallow: true, .. } => {
                Self::usage(error).with_help("fetch it first: git fetch --deepen=50")
            }
            GitError::NoRevision { .. } => Self::usage(error),
            GitError::Refused(refused) => refused.into(),
            GitError::Git { .. } => Self::failed(error),
        }
    }
}
