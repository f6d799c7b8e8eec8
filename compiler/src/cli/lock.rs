//! `stopgate lock`: pins what servers offer, and says what changed since.

mod render;

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use stopgate_author::compile::compile;
use stopgate_author::lock::Lock;
use stopgate_decide::name::ToolName;

use crate::lock::{
    Comparison, Environment, FetchError, LockStanding, OverwriteVerdict, ServerSpec, compare,
    fetch, write,
};
use crate::reader::{Read, Wanted, read};
use crate::words::word;

use super::console::{CommandAnswer, Console, Failure, Format};
use super::duration::duration;
use super::exit::Exit;
use super::repository::diagnostics;

/// Pin what a tool's server offers, or check that it still offers it
///
/// Starts the server that the catalog names, asks it for its functions and writes catalog/TOOL.lock.json. Over a lock
/// that is there it writes only if server.contract in the catalog took the step that the changes ask for: a new major
/// for what may break callers and rules, a new minor for additions, a new patch for other words.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stopgate lock erp                 write catalog/erp.lock.json
  stopgate lock --check policies    in CI: exit 7 if a server of the repository differs from its lock

The server gets PATH, HOME and the variables of server.env, no shell, and is ended afterwards.")]
pub(super) struct Args {
    /// Only this tool; by default every tool of the catalog
    #[arg(value_name = "TOOL")]
    tool: Option<String>,
    /// Folder with stopgate.yaml [default: .]
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Write nothing; exit 7 if anything differs
    #[arg(long)]
    check: bool,
    /// How long each server may take, in seconds (30s) or milliseconds (500ms)
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    timeout: Duration,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

pub(super) fn run(args: &Args, console: &Console) -> Result<CommandAnswer, Failure> {
    let (tool, dir) = args.target()?;
    let specs = specs(args, &dir, tool.as_ref(), console)?;
    let environment = Environment::of_process();
    let mut reports = Vec::with_capacity(specs.len());
    for spec in &specs {
        console.progress(format_args!(
            "asking {} ({})",
            spec.tool,
            spec.command.join(" ")
        ));
        for name in environment.unset(&spec.env) {
            console.progress(format_args!("  {name} is not set"));
        }
        reports.push(report(args, &dir, spec, &environment)?);
    }
    let exit = reports
        .iter()
        .map(|report| report.outcome.exit())
        .fold(Exit::Fine, Exit::and);
    match args.format {
        Format::Json => {
            let tools: Vec<_> = reports
                .iter()
                .map(ToolReport::as_json)
                .collect::<Result<_, _>>()
                .map_err(Failure::failed)?;
            CommandAnswer::json(
                "lock",
                exit,
                serde_json::json!({"check": args.check, "tools": tools}),
            )
        }
        Format::Text => Ok(CommandAnswer::text(
            exit,
            reports.iter().map(ToolReport::to_string).collect(),
        )),
    }
}

impl Args {
    /// Returns the tool and the folder. A single argument that is a repository is the folder, as in every other
    /// command.
    fn target(&self) -> Result<(Option<ToolName>, PathBuf), Failure> {
        let Self { tool, dir, .. } = self;
        if let (Some(only), None) = (tool, dir)
            && Path::new(only).join("stopgate.yaml").is_file()
        {
            return Ok((None, PathBuf::from(only)));
        }
        let parse = |name: &str| {
            name.parse().map_err(|error| {
                let neither = "is neither a tool nor a folder with stopgate.yaml";
                Failure::usage(format!("`{name}` {neither}: {error}"))
            })
        };
        let tool: Option<ToolName> = tool.as_deref().map(parse).transpose()?;
        Ok((tool, dir.clone().unwrap_or_else(|| PathBuf::from("."))))
    }
}

/// Returns the servers to ask. A catalog that cannot be read fails the run: a server that is not asked would look
/// unchanged.
fn specs(
    args: &Args,
    dir: &Path,
    tool: Option<&ToolName>,
    console: &Console,
) -> Result<Vec<ServerSpec>, Failure> {
    let Read {
        reading, source, ..
    } = read(dir, Wanted::Files)?;
    let stem = |path: &str| {
        Some(
            path.strip_prefix("catalog/")?
                .strip_suffix(".yaml")?
                .to_owned(),
        )
    };
    let catalogs: Vec<String> = reading
        .documents
        .iter()
        .filter_map(|(path, _)| stem(path))
        .filter(|stem| tool.is_none_or(|tool| tool.as_str() == stem))
        .collect();
    if catalogs.is_empty() {
        let (name, dir) = (tool.map_or("TOOL", ToolName::as_str), dir.display());
        return Err(Failure::usage(format!(
            "there is no catalog/{name}.yaml in {dir}"
        )));
    }
    let compiled = compile(reading.sources());
    let spec = |stem: &String| {
        let (tool, server) = compiled.servers.get_key_value(stem.as_str())?;
        Some(ServerSpec {
            tool: tool.clone(),
            contract: server.contract,
            command: server.command.clone(),
            env: server.env.clone(),
        })
    };
    match catalogs.iter().map(spec).collect() {
        Some(specs) => Ok(specs),
        None if compiled.diagnostics.has_errors() => {
            let answer = diagnostics(
                "lock",
                &compiled,
                &source,
                (Exit::Fine, args.format),
                console,
            )?;
            Err(Failure::Answered(answer))
        }
        None => Err(Failure::new(
            Exit::Invalid,
            "a catalog does not say how its server is started",
        )),
    }
}

/// What came of one tool.
struct ToolReport {
    tool: ToolName,
    /// The command that locks it.
    command: String,
    outcome: Outcome,
}

enum Outcome {
    Failed(FetchError),
    /// There was no lock, and one was written.
    First(Lock),
    /// There is no lock, and none was to be written.
    Missing,
    Unreadable(String),
    Compared {
        comparison: Comparison,
        done: LockAction,
    },
}

/// What was done about a comparison.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LockAction {
    /// Nothing, because nothing that counts differs.
    Nothing,
    /// The lock was written.
    Written,
    /// Something differs, and nothing was to be written.
    Shown,
    /// Something differs, and was not written because the contract lacks the step.
    Refused,
}

fn report(
    args: &Args,
    dir: &Path,
    spec: &ServerSpec,
    environment: &Environment,
) -> Result<ToolReport, Failure> {
    let tool = spec.tool.clone();
    let folder = if dir == Path::new(".") {
        String::new()
    } else {
        format!(" {}", word(&dir.to_string_lossy()))
    };
    let command = format!("stopgate lock {tool}{folder}");
    let offered = match fetch(spec, environment, args.timeout) {
        Ok(lock) => lock,
        Err(error) => {
            return Ok(ToolReport {
                tool,
                command,
                outcome: Outcome::Failed(error),
            });
        }
    };
    let path = dir.join("catalog").join(format!("{tool}.lock.json"));
    let at = |source| {
        Failure::failed(LockFile {
            path: path.clone(),
            source,
        })
    };
    let committed = match fs::read(&path) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(at(error)),
    };
    let outcome = match compare(committed.as_deref(), &offered) {
        LockStanding::First if args.check => Outcome::Missing,
        LockStanding::First => {
            write(&path, &offered).map_err(at)?;
            Outcome::First(offered)
        }
        LockStanding::Unreadable(error) => Outcome::Unreadable(error.to_string()),
        LockStanding::Compared(comparison) => {
            // What the digests leave out may differ, and is brought up to date.
            let equal = committed.as_deref() == Some(offered.to_string().as_bytes());
            let done = match comparison.verdict() {
                OverwriteVerdict::Same if args.check || equal => LockAction::Nothing,
                OverwriteVerdict::StepTaken
                | OverwriteVerdict::StepMissing(_)
                | OverwriteVerdict::WentBack
                    if args.check =>
                {
                    LockAction::Shown
                }
                OverwriteVerdict::StepMissing(_) | OverwriteVerdict::WentBack => {
                    LockAction::Refused
                }
                OverwriteVerdict::Same | OverwriteVerdict::StepTaken => {
                    write(&path, &offered).map_err(at)?;
                    LockAction::Written
                }
            };
            Outcome::Compared { comparison, done }
        }
    };
    Ok(ToolReport {
        tool,
        command,
        outcome,
    })
}

#[derive(Debug, thiserror::Error)]
#[error("{} cannot be read or written", path.display())]
struct LockFile {
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl Outcome {
    const fn exit(&self) -> Exit {
        match self {
            Self::Failed(_) => Exit::Failed,
            Self::First(_) => Exit::Fine,
            Self::Missing | Self::Unreadable(_) => Exit::Differs,
            Self::Compared { done, .. } => match done {
                LockAction::Nothing | LockAction::Written => Exit::Fine,
                LockAction::Shown | LockAction::Refused => Exit::Differs,
            },
        }
    }
}
