//! `stopgate replay`: what a change of policy would have done to the attempts on record.

use std::path::{Path, PathBuf};

use serde_json::json;
use stopgate_decide::directory::{Directory, MAX_DIRECTORY_BYTES};

use crate::build::rehearse;
use crate::compared::{ReadRevision, WORKTREE, broken};
use crate::diff::Side;
use crate::reader::Source;
use crate::replay::{Done, Predicted, Question, ReplayError, Replayed, ReplayedPolicy, replay};
use crate::report::{Paint, json as body, text};

use super::comparing::telling;
use super::console::{CommandAnswer, Console, Failure, Format};
use super::exit::Exit;
use super::output::read_whole;
use super::progress::Progress;
use super::repository::{Repository, diagnostics};
use super::source::said;

/// Longest report of a change that is read, in bytes: some thousand changed operations.
const MAX_PREDICTION_BYTES: usize = 256 * 1024 * 1024;

/// Decide recorded attempts again, before and after a change of policy
///
/// Every attempt in the sidecar's decision log is decided under both policies, from its record alone: with the profiles,
/// the instant and the agent that stand there, and with nothing collected yet. The answer says which of them flip, at
/// which operation and for whom, and how many approvals a day people would be asked for. Changed groups and changed
/// evidence are not seen. The budget is limits.approvals_per_approver_per_day of the base.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stopgate replay policies --log /var/lib/stopgate/log --base main
  stopgate replay policies.git --log a.jsonl b.jsonl --base v1 --head v2 --directory people.json
  stopgate replay policies --log /var/lib/stopgate/log --base main --predicted diff.json

Exits 0 when nobody is asked for more than the budget, 3 when a policy is invalid, 5 when somebody would be asked for
more, or for something that too few people can approve, or when an answer flips that --predicted does not tell of. Without --directory each route counts as if the fewest people
shared it. Whether the log is whole is for `stopgate log verify` to say.")]
pub(super) struct Args {
    #[command(flatten)]
    repository: Repository,
    /// Files of decision logs, or folders of them; the last line of the last file may be unfinished
    #[arg(long, value_name = "FILES", required = true, num_args = 1..)]
    log: Vec<PathBuf>,
    /// What to compare with: a revision
    #[arg(long, value_name = "REV")]
    base: String,
    /// What to compare: a revision, or `worktree` for the files as they are
    #[arg(long, visible_alias = "rev", value_name = "REV", default_value = WORKTREE)]
    head: String,
    /// Compare what is staged for the next commit
    #[arg(long, conflicts_with = "head")]
    staged: bool,
    /// Decide under this channel's ceilings, each policy's own, instead of the limits on record
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,
    /// People, as JSON: who can fill a seat shares its load
    #[arg(long, value_name = "FILE")]
    directory: Option<PathBuf>,
    /// What `stopgate diff --format json` has printed of this change: a flip that it has not predicted exits 5
    #[arg(long, value_name = "FILE")]
    predicted: Option<PathBuf>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

pub(super) fn run(args: &Args, console: &Console) -> Result<CommandAnswer, Failure> {
    let directory = args.directory.as_deref().map(people).transpose()?;
    // A forecast holds nobody up: the gate says what becomes of such a change.
    let (base_side, base) = match base(args, console)? {
        Ok(base) => base,
        Err(nothing) => return Ok(nothing),
    };
    let (head_side, head, source) = match head(args, console)? {
        Ok(head) => head,
        Err(invalid) => return Ok(invalid),
    };
    let sides = [&base_side, &head_side];
    let predicted = args.predicted.as_deref();
    let predicted = predicted.map(|file| prediction(file, sides)).transpose()?;
    if let Some(channel) = args.channel.as_deref() {
        let known = [&base, &head].map(|side| side.bundle.has_channel(channel));
        if known == [false, false] {
            let error = format!("neither policy has a channel `{channel}`");
            return Err(Failure::usage(error));
        }
    } else if base.policy.channels != head.policy.channels {
        console.progress(format_args!(
            "ceilings differ, and both policies are replayed under those on record: --channel NAME takes each one's own"
        ));
    }
    let question = Question {
        base: &base,
        head: &head,
        channel: args.channel.as_deref(),
        directory: directory.as_ref(),
    };
    let progress = Progress::new(console);
    let tell = |Done {
                    attempts,
                    mebibytes,
                    of,
                }| {
        progress.tell(mebibytes, of, &format!("MiB, {attempts} attempts"));
    };
    let found = replay(question, &args.log, tell)?;
    if let Some(torn) = &found.torn {
        console.progress(format_args!(
            "{}:{}: the last line has no end and is left out",
            torn.path.display(),
            torn.line
        ));
    }
    let surprise = predicted.map(|predicted| predicted.surprise(&found.flips));
    let exit = match &surprise {
        Some(surprise) if !surprise.flips.is_empty() => Exit::ReviewNeeded,
        Some(_) | None => exit(&found),
    };
    match args.format {
        Format::Json => {
            let body = body::replay(&found, surprise.as_ref(), question, sides);
            CommandAnswer::json("replay", exit, said(body, &source))
        }
        Format::Text => {
            let paint = Paint::new(console.colour());
            let text = text::replay(&found, surprise.as_ref(), (question, sides), paint);
            Ok(CommandAnswer::text(exit, format!("{source}\n{text}")))
        }
    }
}

const fn exit(found: &Replayed) -> Exit {
    if found.forecast.over {
        Exit::ReviewNeeded
    } else {
        Exit::Fine
    }
}

fn prediction(file: &Path, sides: [&Side; 2]) -> Result<Predicted, Failure> {
    let bytes = read_whole(file, MAX_PREDICTION_BYTES)?;
    Predicted::parse(&bytes, sides).map_err(|why| {
        Failure::usage(why)
            .with_help("`stopgate diff --format json` with the same --base and --head prints it")
    })
}

fn people(path: &Path) -> Result<Directory, Failure> {
    let text = read_whole(path, MAX_DIRECTORY_BYTES)?;
    Directory::parse(&text).map_err(Failure::usage)
}

/// Returns the policy to compare with, or the answer that nothing can be compared with it.
fn base(
    args: &Args,
    console: &Console,
) -> Result<Result<(Side, ReplayedPolicy), CommandAnswer>, Failure> {
    let revision = ReadRevision::base(&args.repository.dir, &args.base)?;
    let mut compiled = revision.compile(&telling(console));
    let Some(policy) = compiled.policy.take() else {
        let why = format!(
            "nothing is replayed: {}",
            broken(&revision.side.name, &compiled)
        );
        return Ok(Err(match args.format {
            Format::Json => {
                let body = said(json!({"nothing": why}), &revision.source);
                CommandAnswer::json("replay", Exit::Fine, body)?
            }
            Format::Text => {
                CommandAnswer::text(Exit::Fine, format!("{}\n{why}\n", revision.source))
            }
        }));
    };
    let bundle = rehearse(&policy)?;
    Ok(Ok((revision.side, ReplayedPolicy { policy, bundle })))
}

/// Returns the policy to compare, or the answer with its diagnostics.
fn head(
    args: &Args,
    console: &Console,
) -> Result<Result<(Side, ReplayedPolicy, Source), CommandAnswer>, Failure> {
    let dir = &args.repository.dir;
    let revision = if args.staged {
        ReadRevision::staged(dir)?
    } else {
        ReadRevision::read(dir, &args.head)?
    };
    let mut compiled = revision.compile(&telling(console));
    let Some(policy) = compiled.policy.take() else {
        let answer = diagnostics(
            "replay",
            &compiled,
            &revision.source,
            (Exit::Invalid, args.format),
            console,
        )?;
        return Ok(Err(answer));
    };
    let bundle = rehearse(&policy)?;
    let version = ReplayedPolicy { policy, bundle };
    Ok(Ok((revision.side, version, revision.source)))
}

impl From<ReplayError> for Failure {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Empty { .. } => Self::usage(error)
                .with_help("the log is the folder `log` in the sidecar's state_dir"),
            ReplayError::Twice { .. } => Self::usage(error),
            ReplayError::Line { .. } | ReplayError::Endless { .. } => {
                Self::failed(error).with_help("`stopgate log verify` says where the log was broken")
            }
            ReplayError::Read { .. } | ReplayError::Days(_) | ReplayError::Worker => {
                Self::failed(error)
            }
        }
    }
}
