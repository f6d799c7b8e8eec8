//! `stopgate check`: every mistake at once.

use super::console::{Answer, Console, Failure, Format};
use super::repository::{Repository, diagnostics};

/// Report every mistake in a policy repository
///
/// Each with its code, file, line, a caret, and what to write instead. Warnings change no exit code.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stopgate check                         the repository in this folder
  stopgate check policies --format json  for programs

Exits 0 when there is no error, 3 when there is one.")]
pub(super) struct Args {
    #[command(flatten)]
    repository: Repository,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

pub(super) fn run(args: &Args, console: &Console) -> Result<Answer, Failure> {
    diagnostics(
        "check",
        &args.repository.compile(console)?,
        args.format,
        console,
    )
}
