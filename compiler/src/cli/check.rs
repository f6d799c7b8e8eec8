//! `stopgate check`: every mistake at once, and again at every change.

mod watch;

use super::console::{Answer, Console, Failure, Format};
use super::exit::Exit;
use super::repository::{Repository, diagnostics};
use crate::report::sarif;

/// Report every mistake in a policy repository
///
/// Each with its code, file, line, a caret, and what to write instead. Warnings change no exit code.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stopgate check                         the repository in this folder
  stopgate check policies --watch        again at every change, until ctrl-c
  stopgate check policies --format json  for programs
  stopgate check policies --format sarif > stopgate.sarif   for code hosts and editors

Exits 0 when there is no error, 3 when there is one; with --watch as the last report says.")]
pub(super) struct Args {
    #[command(flatten)]
    repository: Repository,
    /// Report again whenever a document changes, until ctrl-c or the end of standard input
    #[arg(long)]
    watch: bool,
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
    /// How everything but the diagnostics is said.
    pub(super) const fn format(&self) -> Format {
        match self.format {
            CheckFormat::Json => Format::Json,
            CheckFormat::Text | CheckFormat::Sarif => Format::Text,
        }
    }
}

pub(super) fn run(args: &Args, console: &Console) -> Result<Answer, Failure> {
    if args.watch {
        return watch::run(args, console);
    }
    once(args, console)
}

/// One report.
fn once(args: &Args, console: &Console) -> Result<Answer, Failure> {
    let compiled = args.repository.compile(console)?;
    let answer = diagnostics("check", &compiled, args.format(), console)?;
    match args.format {
        CheckFormat::Text | CheckFormat::Json => Ok(answer),
        CheckFormat::Sarif => {
            let report = sarif::check(&compiled, &args.repository.dir);
            let text = serde_json::to_string_pretty(&report).map_err(Failure::failed)?;
            Ok(Answer::text(answer.exit, text + "\n"))
        }
    }
}

impl Failure {
    /// How the run ends that this is the answer of.
    const fn exit(&self) -> Exit {
        match self {
            Self::Error { exit, .. } => *exit,
            Self::Answered(answer) => answer.exit,
        }
    }
}
