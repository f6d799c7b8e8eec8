//! `stopgate diff`: the gate.

use std::time::Duration;

use stopgate_lang::change::{Change, changes};
use stopgate_lang::compile::Compiled;

use super::console::{Answer, Console, Failure, Format};
use super::duration::duration;
use super::exit::Exit;
use super::progress::Progress;
use super::repository::{Repository, diagnostics};
use super::revisions::{Pair, WORKTREE};
use crate::diff::{Diff, Limits, Side, Version, diff};
use crate::matrix::{Matrix, matrix};
use crate::report::{GateReport, html, json, markdown, sarif, text};

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
    /// Longest that the proofs about one operation may take, such as 10s
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "10s")]
    slice_limit: Duration,
    /// Longest that all proofs together may take
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "2m")]
    run_limit: Duration,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = DiffFormat::Text)]
    format: DiffFormat,
}

/// Formats of the gate's findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum DiffFormat {
    /// For people at a terminal
    Text,
    /// A comment on a pull request
    Markdown,
    /// One JSON object
    Json,
    /// SARIF 2.1.0
    Sarif,
    /// One self-contained page
    Html,
}

impl Args {
    /// How everything but the findings is said.
    pub(super) const fn format(&self) -> Format {
        match self.format {
            DiffFormat::Json => Format::Json,
            DiffFormat::Text | DiffFormat::Markdown | DiffFormat::Sarif | DiffFormat::Html => {
                Format::Text
            }
        }
    }

    const fn limits(&self) -> Limits {
        Limits {
            per_slice: self.slice_limit,
            whole: self.run_limit,
            workers: 0,
        }
    }
}

pub(super) fn run(args: &Args, console: &Console) -> Result<Answer, Failure> {
    let Pair { base, head } = Pair::read(&args.repository.dir, args.base.as_str(), &args.head)?;
    // A first policy has nothing that it could loosen.
    let settings = base
        .as_ref()
        .map_or_else(Vec::new, |base| changes(&base.sources(), &head.sources()));
    let mut compiled = head.compile(console);
    let Some(head_policy) = compiled.policy.take() else {
        return Err(Failure::Answered(diagnostics(
            "diff",
            &compiled,
            Exit::Fine,
            args.format(),
            console,
        )?));
    };
    let mut base_compiled = base.as_ref().map(|base| base.compile(console));
    let base_policy = match &mut base_compiled {
        None => None,
        Some(base) => Some(base.policy.take().ok_or_else(|| broken(&args.base, base))?),
    };
    let version = base_compiled.as_ref().zip(base_policy.as_ref());
    let version = version.map(|(compiled, policy)| Version {
        policy,
        suites: &compiled.suites,
    });
    let head_version = Version {
        policy: &head_policy,
        suites: &compiled.suites,
    };
    let sides = (base.map_or_else(Side::empty, |base| base.side), head.side);
    let progress = Progress::new(console);
    let found = diff(version, head_version, sides, args.limits(), &|done, of| {
        progress.tell(done, of, "operations");
    });
    let found = found.map_err(Failure::failed)?;
    let exit = exit(&found, &settings);
    let report = GateReport {
        diff: &found,
        settings: &settings,
        waivers: &[],
    };
    match args.format {
        DiffFormat::Text => Ok(Answer::text(exit, text::diff(&report, console.colour()))),
        DiffFormat::Markdown => Ok(Answer::text(exit, markdown::diff(&report))),
        DiffFormat::Json => Answer::json("diff", exit, json::diff(&report)),
        DiffFormat::Sarif => {
            let report = sarif::diff(&report, &args.repository.dir);
            let text = serde_json::to_string_pretty(&report).map_err(Failure::failed)?;
            Ok(Answer::text(exit, text + "\n"))
        }
        DiffFormat::Html => {
            let before = base_policy.as_ref().map_or_else(Matrix::empty, matrix);
            let after = matrix(&head_policy);
            Ok(Answer::text(exit, html::diff(&report, &before, &after)))
        }
    }
}

/// How the run ends, by the gravest that was found.
fn exit(found: &Diff, settings: &[Change]) -> Exit {
    let settings = settings.iter().any(|change| change.effect.needs_review());
    let settings = if settings {
        Exit::ReviewNeeded
    } else {
        Exit::Fine
    };
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
    of_class.fold(failing.and(settings), Exit::and)
}

/// The base has mistakes of its own.
pub(super) fn broken(revision: &str, compiled: &Compiled) -> Failure {
    let (errors, _) = compiled.diagnostics.counts();
    let error = format!(
        "the base, revision `{revision}`, has {errors} errors of its own, so nothing can be compared with it"
    );
    Failure::new(Exit::Invalid, error).with_help("name a base that `stopgate check` accepts")
}
