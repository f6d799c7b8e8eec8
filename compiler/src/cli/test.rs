//! `stopgate test`: the decision tables, over the bundle that would be shipped.

use super::console::{Answer, Console, Failure, Format};
use super::exit::Exit;
use super::repository::Repository;
use crate::build::BuildError;
use crate::glob::Glob;
use crate::report::{Paint, json, junit, text};
use crate::test::test;

/// Run the decision tables of tests/
///
/// The policy is compiled, signed with a key made for this run and forgotten, opened as the sidecar opens it, and
/// every case goes through the same decision. Every pair of operation and profile that no case names is tried with
/// all evidence and must be rejected.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stopgate test policies
  stopgate test policies --filter '*refund*'   only cases with such names
  stopgate test policies --filter unlisted     only the pairs that no case names
  stopgate test policies --coverage            which rules and pairs no case touches
  stopgate test policies --format junit        for CI

Exits 0 when all passed, 3 when the policy is invalid, 4 when one failed.")]
pub(super) struct Args {
    #[command(flatten)]
    repository: Repository,
    /// Run only cases whose name matches: `*` is any text, `?` one character
    #[arg(long, value_name = "GLOB")]
    filter: Option<String>,
    /// Also show rules that matched in no case and pairs that no case names
    #[arg(long)]
    coverage: bool,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = TestFormat::Text)]
    format: TestFormat,
}

/// Formats of test results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum TestFormat {
    /// For people
    Text,
    /// One JSON object
    Json,
    /// JUnit XML
    Junit,
}

impl Args {
    /// How everything but the results is said.
    pub(super) const fn format(&self) -> Format {
        match self.format {
            TestFormat::Json => Format::Json,
            TestFormat::Text | TestFormat::Junit => Format::Text,
        }
    }
}

pub(super) fn run(args: &Args, console: &Console) -> Result<Answer, Failure> {
    let valid = args.repository.valid("test", args.format(), console)?;
    let filter = args.filter.as_deref().map(Glob::new);
    let report = test(&valid.policy, &valid.suites, filter.as_ref())?;
    if let Some(pattern) = &args.filter
        && report.passed() == 0
        && report.failed() == 0
        && report.skipped() == 0
    {
        return Err(Failure::usage(format!("no case matches `{pattern}`")));
    }
    let exit = if report.failed() == 0 {
        Exit::Fine
    } else {
        Exit::TestFailed
    };
    match args.format {
        TestFormat::Json => Answer::json("test", exit, json::test(&report, args.coverage)),
        TestFormat::Junit => Ok(Answer::text(exit, junit::test(&report))),
        TestFormat::Text => {
            let paint = Paint::new(console.colour());
            Ok(Answer::text(
                exit,
                text::test(&report, args.coverage, paint),
            ))
        }
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::Key(_) => Self::untrusted(error),
            BuildError::Assemble(_)
            | BuildError::Pack(_)
            | BuildError::Open(_)
            | BuildError::Root(_) => Self::failed(error),
        }
    }
}
