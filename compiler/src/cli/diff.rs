//! `stopgate diff`: the gate.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum as _;
use jiff::Timestamp;
use stopgate_author::compile::Compiled;

use super::comparing::{telling, today};
use super::console::{CommandAnswer, Console, Failure, Format};
use super::duration::duration;
use super::exit::Exit;
use super::repository::Repository;
use super::source::said;
use super::worker::program;
use crate::compared::{About, CompareError, Compared, WORKTREE};
use crate::diff::{Diff, Limits, cases};
use crate::gate::{Gate, GateReport};
use crate::matrix::{Matrix, matrix};
use crate::reader::Source;
use crate::report::{html, json, markdown, sarif, text};

/// Show what a change of policy really does to decisions, and stop a loosening
///
/// Every operation that differs is proved: who can do what with less than before, or with more, each with a request
/// that both policies were asked about. Settings, routes, locks and tests are compared too. What is looser has to be
/// signed by reviewers in waivers/; their keys and their number are those of the base.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stopgate diff policies --base origin/main                     the files as they are, against a branch
  stopgate diff policies --base v12 --head v13                  two revisions
  stopgate diff policies --base origin/main --format markdown   a comment on a pull request
  stopgate diff policies --base origin/main --report html=gate.html --report json=gate.json
  stopgate diff policies --base origin/main --emit-test cases.yaml   tests that the change breaks

Exits 0 when nothing is looser or reviewers have signed what is, 3 when the policy is invalid, 5 when a review is
needed, 6 when something could not be decided, 8 when a signature does not hold.")]
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
    /// Also write what is looser as cases of decision tables that fail under head; never over a file that is there
    #[arg(long, value_name = "FILE")]
    emit_test: Option<PathBuf>,
    /// Also print the digest of the bundle that head makes, for `stopgate build --expect`; HTML implies it
    #[arg(long)]
    digest: bool,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = DiffFormat::Text)]
    format: DiffFormat,
    /// Also write the result to a new file, in any of these formats, such as html=gate.html; as often as needed
    #[arg(long = "report", value_name = "FORMAT=FILE", value_parser = report)]
    reports: Vec<ReportFile>,
}

/// A file for the result, and its format.
#[derive(Debug, Clone)]
struct ReportFile {
    format: DiffFormat,
    file: PathBuf,
}

/// Reads what follows `--report`.
fn report(text: &str) -> Result<ReportFile, String> {
    let (format, file) = text
        .split_once('=')
        .filter(|(_, file)| !file.is_empty())
        .ok_or("write a format and a file, such as html=gate.html")?;
    let format = DiffFormat::from_str(format, false).map_err(|_unknown| {
        let formats: Vec<_> = DiffFormat::value_variants()
            .iter()
            .filter_map(|format| Some(format.to_possible_value()?.get_name().to_owned()))
            .collect();
        format!("{format:?} is no format; there are {}", formats.join(", "))
    })?;
    Ok(ReportFile {
        format,
        file: file.into(),
    })
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
    /// Returns the format of everything but the findings.
    pub(super) const fn format(&self) -> Format {
        match self.format {
            DiffFormat::Json => Format::Json,
            DiffFormat::Text | DiffFormat::Markdown | DiffFormat::Sarif | DiffFormat::Html => {
                Format::Text
            }
        }
    }

    /// Returns how much is compared. The page shows the whole of both policies and a bundle is made of a whole one, so
    /// these need everything.
    fn about(&self) -> About {
        let mut formats = self.reports.iter().map(|report| report.format);
        if self.digest
            || self.format == DiffFormat::Html
            || formats.any(|format| format == DiffFormat::Html)
        {
            About::Everything
        } else {
            About::Difference
        }
    }

    /// Checks that no file would be written over. That is said before minutes of proofs, and checked once more when the
    /// file is written.
    fn files_are_new(&self) -> Result<(), Failure> {
        let reports = self.reports.iter().map(|report| &report.file);
        let mut named = BTreeSet::new();
        for file in self.emit_test.iter().chain(reports) {
            if file.symlink_metadata().is_ok() {
                return Err(is_there(file));
            }
            if !named.insert(file) {
                let twice = format!("{} is named for two things", file.display());
                return Err(Failure::usage(twice).with_help("name a file for each"));
            }
        }
        Ok(())
    }

    /// Writes the reports, and answers in the format of stdout. `told` makes the result in a format, coloured or not.
    fn tell(
        &self,
        told: impl Fn(DiffFormat, bool) -> Result<CommandAnswer, Failure>,
        console: &Console,
    ) -> Result<CommandAnswer, Failure> {
        for report in &self.reports {
            write_new(&report.file, &told(report.format, false)?.stdout)?;
        }
        told(self.format, console.colour())
    }

    fn limits(&self) -> Limits {
        Limits {
            per_slice: self.slice_limit,
            whole: self.run_limit,
            ..Limits::by(program())
        }
    }
}

pub(super) fn run(args: &Args, console: &Console) -> Result<CommandAnswer, Failure> {
    args.files_are_new()?;
    let compared = Compared::read(
        &args.repository.dir,
        (&args.base, &args.head),
        args.about(),
        &args.limits(),
        Timestamp::now(),
        &telling(console),
    );
    let compared = match compared {
        Err(CompareError::Invalid(head)) => return invalid(args, &head.0, &head.1, console),
        other => other?,
    };
    let gate = compared.judged(&compared.signatures, today());
    bugs(gate.diff, console);
    let base = compared.base.as_ref();
    if let Some(file) = &args.emit_test {
        let head = compared.head.version();
        let cases = base.map_or_else(String::new, |base| cases(gate.diff, base.version(), head));
        emit(file, &cases, console)?;
    }
    let found = GateReport {
        diff: gate.diff,
        settings: gate.settings,
        folder: &args.repository.dir,
        waivers: &gate.shown(),
        to_sign: gate.to_sign.as_ref(),
        bundle: compared.bundle,
        mend: &gate.mend(),
    };
    let exit = exit(&gate);
    args.tell(
        |format, colour| match format {
            DiffFormat::Text => Ok(CommandAnswer::text(exit, text::diff(&found, colour))),
            DiffFormat::Markdown => Ok(CommandAnswer::text(exit, markdown::diff(&found))),
            DiffFormat::Json => CommandAnswer::json("diff", exit, json::diff(&found)),
            DiffFormat::Sarif => {
                CommandAnswer::document(exit, &sarif::diff(&found, &args.repository.dir))
            }
            DiffFormat::Html => {
                let before = base.map_or_else(Matrix::empty, |base| matrix(&base.policy));
                let after = matrix(&compared.head.policy);
                Ok(CommandAnswer::text(
                    exit,
                    html::diff(&found, &before, &after),
                ))
            }
        },
        console,
    )
}

/// Returns the answer for a head that does not compile: its mistakes.
fn invalid(
    args: &Args,
    compiled: &Compiled,
    source: &Source,
    console: &Console,
) -> Result<CommandAnswer, Failure> {
    console.progress(format_args!(
        "the head does not compile, so nothing is compared"
    ));
    let exit = Exit::Invalid;
    args.tell(
        |format, colour| match format {
            DiffFormat::Text => Ok(CommandAnswer::text(exit, text::check(compiled, colour))),
            DiffFormat::Markdown => {
                let mistakes = text::check(compiled, false);
                Ok(CommandAnswer::text(exit, markdown::invalid(&mistakes)))
            }
            DiffFormat::Json => {
                CommandAnswer::json("diff", exit, said(json::check(compiled), source))
            }
            DiffFormat::Sarif => {
                CommandAnswer::document(exit, &sarif::check(compiled, &args.repository.dir))
            }
            DiffFormat::Html => {
                let mistakes = text::check(compiled, false);
                Ok(CommandAnswer::text(exit, html::invalid(&mistakes)))
            }
        },
        console,
    )
}

/// Returns how the run ends: by the gravest thing that was found.
pub(super) fn exit(gate: &Gate<'_>) -> Exit {
    let applies = |does: bool, exit: Exit| if does { exit } else { Exit::Fine };
    let undecided = gate
        .diff
        .operations
        .iter()
        .any(|change| !change.undecided.is_empty());
    [
        applies(gate.spoilt().next().is_some(), Exit::Untrusted),
        applies(!gate.diff.failing.is_empty(), Exit::Invalid),
        applies(undecided, Exit::Undecided),
        applies(gate.is_open || gate.has_errors, Exit::ReviewNeeded),
    ]
    .into_iter()
    .fold(Exit::Fine, Exit::and)
}

/// Writes `cases` to a new file; where there is none, says so and writes nothing.
fn emit(path: &Path, cases: &str, console: &Console) -> Result<(), Failure> {
    if cases.is_empty() {
        console.progress(format_args!(
            "no operation is looser for anybody: {} is not written",
            path.display()
        ));
        return Ok(());
    }
    write_new(path, cases)
}

/// Writes a file that was not there.
fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let written = File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| {
        if error.kind() == ErrorKind::AlreadyExists {
            is_there(path)
        } else {
            Failure::failed(error)
        }
    })
}

fn is_there(path: &Path) -> Failure {
    Failure::usage(format!("{} is there already", path.display()))
        .with_help("name a new file: nothing is written over")
}

/// Keeps what the solver named and the bundles did not confirm, for whoever looks into it.
fn bugs(found: &Diff, console: &Console) {
    for bug in &found.bugs {
        let file = tempfile::Builder::new()
            .prefix("stopgate-bug-")
            .suffix(".json")
            .tempfile();
        let kept = file.and_then(|mut file| {
            std::io::Write::write_all(&mut file, bug.request.as_bytes())?;
            Ok(file.keep()?.1)
        });
        match kept {
            Ok(path) => console.progress(format_args!(
                "{}/{}: the solver's request is kept in {}",
                bug.tool,
                bug.operation,
                path.display()
            )),
            Err(error) => {
                console.progress(format_args!("the solver's request cannot be kept: {error}"))
            }
        }
    }
}
