//! The command line: one module per subcommand, each from parsed flags to an [`console::CommandAnswer`].
//!
//! Every command takes `--format` and `-q`/`-v`, asks nothing (but `sign`), and ends with one of the codes in [`exit`].

mod build;
mod check;
mod comparing;
mod completions;
mod console;
mod diff;
mod drift;
mod duration;
pub mod exit;
mod explain;
mod init;
mod keygen;
mod lift;
mod lock;
mod log;
mod man;
mod matrix;
mod output;
mod progress;
mod publish;
mod replay;
mod repository;
mod rollback;
mod root;
mod schemas;
mod shown;
mod sign;
mod signoff;
mod source;
mod status;
mod stop;
mod test;
mod timestamp;
mod verify;
mod worker;

use std::process::ExitCode;
use std::sync::LazyLock;

use clap::{CommandFactory as _, Parser, Subcommand};
use console::{CommandAnswer, Console, Failure, Format, Loudness};
use exit::Exit;
use stopgate_decide::calendar::zone_data;

/// Policy-as-code for what AI agents may do
///
/// Stopgate turns risk rules for every tool, operation and profile into one signed bundle, which the sidecar enforces
/// before an agent acts. This command checks, tests, explains and builds that policy.
#[derive(Debug, Parser)]
#[command(name = "stopgate", version = version(), propagate_version = true, after_help = AFTER_HELP, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    loudness: Loudness,
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
First steps:
  stopgate init policies           write a small repository that passes; --example bank: a complete one
  stopgate check policies          every mistake, with file, line and what to write instead
  stopgate test policies           run the decision tables, and every pair they do not name
  stopgate matrix policies         who may do what, on one page

Exit codes: 0 fine, 1 the tool failed, 2 usage, 3 policy invalid, 4 a policy test failed, 5 review needed,
6 undecided, 7 stored differs from reviewed, 8 signature or trust failure.";

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Args),
    Lock(lock::Args),
    Check(check::Args),
    Test(test::Args),
    Explain(explain::Args),
    Matrix(matrix::Args),
    Diff(diff::Args),
    Replay(replay::Args),
    Keygen(keygen::Args),
    Root(root::Args),
    Sign(sign::Args),
    Build(build::Args),
    Verify(verify::Args),
    Signoff(signoff::Args),
    Publish(publish::Args),
    Rollback(rollback::Args),
    Timestamp(timestamp::Args),
    Stop(stop::Args),
    Lift(lift::Args),
    Drift(drift::Args),
    Status(status::Args),
    Log(log::Args),
    Schemas(schemas::Args),
    Completions(completions::Args),
    Man(man::Args),
}

impl Command {
    /// Runs the command. Returns its name, format and outcome; the format also shapes the outcome of a failure.
    fn run(&self, console: &Console) -> (&'static str, Format, Result<CommandAnswer, Failure>) {
        match self {
            Self::Init(args) => ("init", args.format, init::run(args)),
            Self::Lock(args) => ("lock", args.format, lock::run(args, console)),
            Self::Check(args) => ("check", args.format(), check::run(args, console)),
            Self::Test(args) => ("test", args.format(), test::run(args, console)),
            Self::Explain(args) => ("explain", args.format, explain::run(args, console)),
            Self::Matrix(args) => ("matrix", args.format(), matrix::run(args, console)),
            Self::Diff(args) => ("diff", args.format(), diff::run(args, console)),
            Self::Replay(args) => ("replay", args.format, replay::run(args, console)),
            Self::Keygen(args) => ("keygen", args.format, keygen::run(args)),
            Self::Root(args) => ("root", args.format, root::run(args)),
            Self::Sign(args) => ("sign", args.format, sign::run(args, console)),
            Self::Build(args) => ("build", args.format, build::run(args, console)),
            Self::Verify(args) => ("verify", args.format, verify::run(args)),
            Self::Signoff(args) => ("signoff", args.format, signoff::run(args, console)),
            Self::Publish(args) => ("publish", args.target.format, publish::run(args, console)),
            Self::Rollback(args) => ("rollback", args.target.format, rollback::run(args, console)),
            Self::Drift(args) => ("drift", args.format, drift::run(args, console)),
            Self::Status(args) => ("status", args.format, status::run(args, console)),
            Self::Timestamp(args) => ("timestamp", args.format, timestamp::run(args, console)),
            Self::Stop(args) => ("stop", args.format, stop::run(args)),
            Self::Lift(args) => ("lift", args.format, lift::run(args)),
            Self::Log(args) => ("log verify", args.format(), log::run(args)),
            Self::Schemas(args) => ("schemas", args.format, schemas::run(args)),
            Self::Completions(args) => ("completions", args.format, completions::run(args)),
            Self::Man(args) => ("man", args.format, man::run(args)),
        }
    }
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    if let Some(exit) = worker::asked_for(std::env::args_os().skip(1)) {
        return exit.into();
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) => {
            let exit = if answer.use_stderr() {
                Exit::Usage
            } else {
                Exit::Fine
            };
            return if answer.print().is_ok() {
                exit.into()
            } else {
                Exit::Failed.into()
            };
        }
    };
    let console = Console::new(cli.loudness);
    let (name, format, outcome) = cli.command.run(&console);
    match outcome {
        Ok(answer) => answer.deliver(),
        Err(failure) => failure.deliver(name, format),
    }
    .into()
}

/// Returns the whole command line as data, for the reference page.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

/// Returns what `--version` says: the release, the commit, and the zone data that calendars are read with.
fn version() -> &'static str {
    static VERSION: LazyLock<String> =
        LazyLock::new(|| format!("{}, zone data {}", env!("BUILT_VERSION"), zone_data()));
    &VERSION
}
