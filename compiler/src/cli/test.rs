//! `stopgate test`: the decision tables, over the bundle that would be shipped.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::console::{CommandAnswer, Console, Failure, Format};
use super::exit::Exit;
use super::repository::{Repository, Valid};
use super::source::{From, said};
use crate::build::BuildError;
use crate::glob::Glob;
use crate::mutants::{MutantReport, mutants};
use crate::report::{Paint, json, junit, text};
use crate::test::test;

/// Run the decision tables of tests/
///
/// The policy is compiled, signed with a key made for this run and forgotten, opened as the sidecar opens it, and
/// every case goes through the same decision. Every pair of operation and profile that no case names is tried with
/// all evidence and must be rejected.
///
/// With --mutants the tables are tested too: each rule, need, mask, bound and floor is removed or moved by one step, and
/// some case has to come out otherwise. For each change that none notices, the case that would is printed, to be pasted.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stopgate test policies
  stopgate test policies --filter '*refund*'   only cases with such names
  stopgate test policies --filter unlisted     only the pairs that no case names
  stopgate test policies --coverage            which rules and pairs no case touches
  stopgate test policies --format junit        for CI
  stopgate test policies --mutants --min-score 95   whether the cases would notice a change

Exits 0 when all passed, 3 when the policy is invalid, 4 when one failed or the score is below --min-score.")]
pub(super) struct Args {
    #[command(flatten)]
    repository: Repository,
    #[command(flatten)]
    from: From,
    /// Run only cases whose name matches: `*` is any text, `?` one character
    #[arg(long, value_name = "GLOB")]
    filter: Option<String>,
    /// Also show rules that matched in no case and pairs that no case names
    #[arg(long)]
    coverage: bool,
    /// When all pass, also try every small change of the policy, and show those that no case notices
    #[arg(long, conflicts_with = "filter")]
    mutants: bool,
    /// Least percentage of changes that have to be noticed
    #[arg(long, value_name = "N", requires = "mutants", value_parser = clap::value_parser!(u8).range(0..=100))]
    min_score: Option<u8>,
    /// How to print the result; junit shows no mutants
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
    /// Returns the format of everything but the results.
    pub(super) const fn format(&self) -> Format {
        match self.format {
            TestFormat::Json => Format::Json,
            TestFormat::Text | TestFormat::Junit => Format::Text,
        }
    }
}

pub(super) fn run(args: &Args, console: &Console) -> Result<CommandAnswer, Failure> {
    let valid = args
        .repository
        .valid(args.from.wanted(), ("test", args.format()), console)?;
    let filter = args.filter.as_deref().map(Glob::new);
    let report = test(&valid.policy, &valid.suites, filter.as_ref())?;
    if let Some(pattern) = &args.filter
        && report.passed() == 0
        && report.failed() == 0
        && report.skipped() == 0
    {
        return Err(Failure::usage(format!("no case matches `{pattern}`")));
    }
    let mutants = if args.mutants && report.failed() == 0 {
        Some(judged(&valid, console)?)
    } else {
        None
    };
    let passed = report.failed() == 0 && reaches(mutants.as_ref(), args.min_score);
    let exit = if passed { Exit::Fine } else { Exit::TestFailed };
    match args.format {
        TestFormat::Json => {
            let mutants = mutants.as_ref();
            let body = json::test(&report, args.coverage, mutants);
            CommandAnswer::json("test", exit, said(body, &valid.source))
        }
        TestFormat::Junit => Ok(CommandAnswer::text(exit, junit::test(&report))),
        TestFormat::Text => {
            let paint = Paint::new(console.colour());
            let mut out = format!("{}\n", valid.source);
            out.push_str(&text::test(&report, args.coverage, paint));
            match &mutants {
                Some(mutants) => out.push_str(&text::mutants(mutants, args.min_score, paint)),
                None if args.mutants => {
                    out.push_str("no mutants were tried: first the cases have to pass\n")
                }
                None => {}
            }
            Ok(CommandAnswer::text(exit, out))
        }
    }
}

/// Judges the tables, and says on stderr how far it is when that takes long.
fn judged(valid: &Valid, console: &Console) -> Result<MutantReport, Failure> {
    const PATIENCE: Duration = Duration::from_secs(2);
    let said = Mutex::new(Instant::now());
    let progress = |done: usize, all: usize| {
        // A worker that is just saying something says it for all.
        let Ok(mut said) = said.try_lock() else {
            return;
        };
        if said.elapsed() >= PATIENCE {
            *said = Instant::now();
            console.progress(format_args!("{done} of {all} mutants"));
        }
    };
    let Valid {
        policy,
        suites,
        sources,
        source: _,
    } = valid;
    Ok(mutants(policy, suites, sources, &progress)?)
}

/// Returns whether the score is what was asked for. Mutants that were asked for and not tried have no score.
fn reaches(mutants: Option<&MutantReport>, least: Option<u8>) -> bool {
    least.is_none_or(|least| mutants.is_some_and(|mutants| mutants.score() >= least))
}

impl std::convert::From<BuildError> for Failure {
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
