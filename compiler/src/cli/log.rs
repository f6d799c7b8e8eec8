//! `stopgate log verify`: is a decision log what the sidecar wrote, all of it, in its order?

use std::collections::BTreeMap;
use std::error::Error as _;
use std::fmt::Write as _;
use std::path::PathBuf;

use serde::Serialize;
use stopgate_decide::record::{Break, RecordKind, Stamp, file_name};

use crate::log::{CheckedLog, LogError, Step, verify};
use crate::words::count;

use super::console::{CommandAnswer, Failure, Format};
use super::exit::Exit;

/// Read the sidecar's decision log
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Verify(Verify),
}

/// Check that a decision log is whole and unchanged
///
/// Every line has to be the record that the next one was written after, from file to file. A line that was changed,
/// left out, put in or moved is found, with its place. Lines cut off at the very end cannot be: compare the head with
/// one noted before. Where times run backwards, because the clock of the machine was set back, the lines are named; the
/// log is whole all the same, and the exit code does not change.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stopgate log verify /var/lib/stopgate/log        every file of the log
  stopgate log verify 0*.jsonl --format json       for programs

Exit codes: 0 the log is whole, 7 it is broken.")]
struct Verify {
    /// Files of the log in any order, or its folder
    #[arg(required = true, value_name = "FILES")]
    files: Vec<PathBuf>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl Args {
    /// Returns the format of the result.
    pub(super) const fn format(&self) -> Format {
        let Command::Verify(Verify { format, .. }) = &self.command;
        *format
    }
}

pub(super) fn run(args: &Args) -> Result<CommandAnswer, Failure> {
    let Command::Verify(Verify { files, format }) = &args.command;
    let checked = verify(files).map_err(unreadable)?;
    let exit = if checked.broken.is_none() {
        Exit::Fine
    } else {
        Exit::Differs
    };
    match format {
        Format::Json => CommandAnswer::json("log verify", exit, LogReport::new(&checked)),
        Format::Text => Ok(CommandAnswer::text(exit, text(&checked))),
    }
}

fn unreadable(error: LogError) -> Failure {
    match error {
        LogError::Empty { .. } | LogError::Name { .. } => Failure::usage(error)
            .with_help("the log is the folder `log` in the sidecar's state_dir"),
        LogError::Twice { .. } => Failure::usage(error).with_help("name the files of one log only"),
        LogError::Read { .. } => Failure::failed(error),
    }
}

#[derive(Serialize)]
struct LogReport {
    files: usize,
    records: BTreeMap<&'static str, u64>,
    first: Option<LogPlace>,
    last: Option<LogPlace>,
    head: Option<String>,
    unrecorded_attempts: u64,
    unclean_starts: u64,
    times_backwards: u64,
    backwards: Vec<Earlier>,
    broken: Option<Broken>,
}

#[derive(Serialize)]
struct Earlier {
    file: Option<String>,
    line: u64,
    seq: u64,
    time: String,
    before: String,
}

#[derive(Serialize)]
struct LogPlace {
    seq: u64,
    time: String,
}

#[derive(Serialize)]
struct Broken {
    file: Option<String>,
    line: u64,
    seq: Option<u64>,
    message: String,
}

impl LogReport {
    fn new(checked: &CheckedLog) -> Self {
        let CheckedLog {
            files,
            records,
            first,
            last,
            chain,
            unrecorded,
            unclean,
            backwards,
            broken,
        } = checked;
        let place = |stamp: &Stamp| LogPlace {
            seq: stamp.seq.get(),
            time: format!("{:.6}", stamp.time),
        };
        Self {
            files: *files,
            records: RecordKind::ALL
                .map(|kind| (kind.as_str(), records.get(&kind).copied().unwrap_or(0)))
                .into(),
            first: first.as_ref().map(place),
            last: last.as_ref().map(place),
            head: chain.head().map(|(_, digest)| digest.to_string()),
            unrecorded_attempts: *unrecorded,
            unclean_starts: *unclean,
            times_backwards: backwards.count,
            backwards: backwards.first.iter().map(Earlier::new).collect(),
            broken: broken.as_ref().map(|broken| Broken {
                file: broken.file.map(file_name),
                line: broken.line,
                seq: broken.seq.map(|seq| seq.get()),
                message: chained(&broken.fault),
            }),
        }
    }
}

impl Earlier {
    fn new(step: &Step) -> Self {
        let Step {
            file,
            line,
            seq,
            time,
            before,
        } = step;
        Self {
            file: file.map(file_name),
            line: *line,
            seq: seq.get(),
            time: format!("{time:.6}"),
            before: format!("{before:.6}"),
        }
    }
}

/// Returns the report for people: what stands in the log, then the verdict.
fn text(checked: &CheckedLog) -> String {
    let LogReport {
        files,
        records,
        first,
        last,
        head,
        unrecorded_attempts,
        unclean_starts,
        times_backwards,
        backwards,
        ..
    } = LogReport::new(checked);
    let total = records
        .values()
        .fold(0_u64, |sum, count| sum.saturating_add(*count));
    let mut text = format!("{} in {}\n", count(total, "record"), count(files, "file"));
    // Writing to a string cannot fail.
    let mut line = |line: std::fmt::Arguments<'_>| {
        let _always_fits = writeln!(text, "{line}");
    };
    for kind in RecordKind::ALL {
        line(format_args!(
            "  {:<9}{}",
            kind.as_str(),
            records.get(kind.as_str()).copied().unwrap_or(0)
        ));
    }
    for (name, place) in [("first", first), ("last", last)] {
        if let Some(LogPlace { seq, time }) = place {
            line(format_args!("{name:<6}{seq} at {time}"));
        }
    }
    if let Some(missing) = checked
        .first
        .and_then(|stamp| stamp.seq.get().checked_sub(1))
        .filter(|missing| *missing > 0)
    {
        line(format_args!(
            "records 1 to {missing} are not among the files, so nothing is said about them"
        ));
    }
    if let Some(head) = head {
        line(format_args!("head  {head}"));
    }
    if unrecorded_attempts > 0 {
        let attempts = count(unrecorded_attempts, "attempt");
        line(format_args!(
            "gaps: {attempts} rejected without a record, because the disk refused or too many waited"
        ));
    }
    if unclean_starts > 0 {
        line(format_args!(
            "{} without a stop before",
            count(unclean_starts, "start")
        ));
    }
    if times_backwards > 0 {
        let times = count(times_backwards, "time");
        line(format_args!(
            "warning: the clock was set back {times}, so records are older than those before them:"
        ));
    }
    for Earlier {
        file,
        line: at,
        seq,
        time,
        before,
    } in &backwards
    {
        let file = file.as_deref().unwrap_or_default();
        line(format_args!(
            "  {file}:{at}: record {seq} is of {time}, the one before of {before}"
        ));
    }
    let named = u64::try_from(backwards.len()).unwrap_or(u64::MAX);
    if let Some(more) = times_backwards.checked_sub(named).filter(|more| *more > 0) {
        line(format_args!("  and {more} more"));
    }
    match &checked.broken {
        None => line(format_args!("whole")),
        Some(broken) => line(format_args!("broken at {}", at(broken))),
    }
    text
}

fn at(broken: &Break) -> String {
    let mut text = broken.to_string();
    if let Some(source) = broken.source() {
        let _always_fits = write!(text, ": {}", chained(source));
    }
    text
}

/// Returns an error and everything under it, in one line.
fn chained(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let _always_fits = write!(text, ": {error}");
        source = error.source();
    }
    text
}
