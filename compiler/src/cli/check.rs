//! `stopgate check`: every mistake at once, and again at every change.

mod watch;

use std::time::Duration;

use jiff::Zoned;

use super::console::{CommandAnswer, Console, Failure, Format};
use super::duration::duration;
use super::exit::Exit;
use super::progress::Progress;
use super::repository::{Checked, Repository, diagnostics};
use super::source::From;
use super::worker::program;
use crate::check::{Depth, look_at_freshness, look_closer, signed_reviews};
use crate::proof::Limits;
use crate::report::sarif;

/// Report every mistake in a policy repository
///
/// Each with its code, file, line, a caret, and what to write instead. Warnings change no exit code.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stopgate check                         the repository in this folder
  stopgate check policies --staged       what the next commit would hold; for hooks
  stopgate check policies --rev main     a revision, read from git alone
  stopgate check policies --watch        again at every change, until ctrl-c
  stopgate check policies --require-proof  also prove what each rule does; what pipelines run
  stopgate check policies --format json  for programs
  stopgate check policies --format sarif > stopgate.sarif   for code hosts and editors

Exits 0 when there is no error, 3 when there is one, 6 when a required proof is missing; with --watch as the last report says.")]
pub(super) struct Args {
    #[command(flatten)]
    repository: Repository,
    #[command(flatten)]
    from: From,
    /// Report again whenever a document changes, until ctrl-c or the end of standard input
    #[arg(long, conflicts_with_all = ["rev", "staged"])]
    watch: bool,
    /// Prove of every rule that it can be evaluated, can match and has an effect; what cannot be proved exits 6
    #[arg(long)]
    require_proof: bool,
    /// Longest that all proofs together may take, such as 2m
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "2m")]
    run_limit: Duration,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    format: CheckFormat,
}

/// Formats of diagnostics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum CheckFormat {
    /// For people
    Text,
    /// One JSON object
    Json,
    /// SARIF 2.1.0; columns in characters
    Sarif,
}

impl Args {
    /// Returns the format of everything but the diagnostics.
    pub(super) const fn format(&self) -> Format {
        match self.format {
            CheckFormat::Json => Format::Json,
            CheckFormat::Text | CheckFormat::Sarif => Format::Text,
        }
    }
}

pub(super) fn run(args: &Args, console: &Console) -> Result<CommandAnswer, Failure> {
    if args.watch {
        return watch::run(args, console);
    }
    once(args, console)
}

/// Checks the repository once and returns the report.
fn once(args: &Args, console: &Console) -> Result<CommandAnswer, Failure> {
    let Checked {
        mut compiled,
        trust,
        source,
    } = args.repository.check(args.from.wanted(), console)?;
    let depth = if args.require_proof {
        Depth::Everything
    } else {
        Depth::Evaluable
    };
    let limits = Limits {
        whole: args.run_limit,
        ..Limits::by(program())
    };
    let progress = Progress::new(console);
    let now = Zoned::now();
    let reviews = signed_reviews(&trust, &compiled, now.timestamp());
    let today = now.date();
    let tell = |done, of| progress.tell(done, of, "asked about");
    look_at_freshness(&mut compiled, &trust);
    let reviews = (&reviews, args.repository.dir.as_path());
    let proved = look_closer(&mut compiled, reviews, today, depth, &limits, &tell);
    let exit = if args.require_proof && !proved {
        Exit::Undecided
    } else {
        Exit::Fine
    };
    let shape = (exit, args.format());
    let answer = diagnostics("check", &compiled, &source, shape, console)?;
    match args.format {
        CheckFormat::Text | CheckFormat::Json => Ok(answer),
        CheckFormat::Sarif => {
            let report = sarif::check(&compiled, &args.repository.dir);
            CommandAnswer::document(answer.exit, &report)
        }
    }
}

impl Failure {
    /// Returns how a run ends that fails in this way.
    const fn exit(&self) -> Exit {
        match self {
            Self::Error { exit, .. } => *exit,
            Self::Answered(answer) => answer.exit,
        }
    }
}
