//! `stopgate explain`: one attempt, answered and accounted for.

use std::fs::File;
use std::io::Read as _;

use jiff::Timestamp;
use stopgate_author::policy::Policy;
use stopgate_decide::attempt::{Attempt, INPUT_LIMITS, Input, Subject, Target};
use stopgate_decide::decide::{LimitNow, LimitedBy, Outcome, Reason, Situation, StopsInForce};
use stopgate_decide::name::{ChannelName, OperationName, ProfileName, ToolName};
use stopgate_decide::surface::{Approval, Enforces, Evidence, Limit};

use crate::explain::{Explanation, explain};
use crate::report::{Paint, json, text};

use super::console::{CommandAnswer, Console, Failure, Format};
use super::exit::Exit;
use super::repository::{Repository, Valid};
use super::source::{From, said};

/// Explain what would happen to one attempt, and why
///
/// Shows the decision, the rules that matched, the rules that one false condition kept from matching, and what would
/// change the answer. The attempt is decided exactly as the sidecar would decide it.
#[derive(Debug, clap::Args)]
#[command(after_help = r#"Examples:
  stopgate explain policies --tool erp --operation create_refund --profile support-analyst \
    --input '{"order_id":"A-1001","amount_cents":40000,"currency":"EUR"}' --now 2026-11-24T20:00:00Z
  stopgate explain policies --tool erp --operation get_order --profile finance --profile manager \
    --input @attempt.json --channel prod --evidence approval=supervisor,user_confirmation

Exits 0 whatever the decision is."#)]
pub(super) struct Args {
    #[command(flatten)]
    repository: Repository,
    #[command(flatten)]
    from: From,
    /// Tool that is acted on
    #[arg(long, value_name = "TOOL")]
    tool: String,
    /// What is done there, by the catalog's name
    #[arg(
        long,
        value_name = "OPERATION",
        required_unless_present = "function",
        conflicts_with = "function"
    )]
    operation: Option<String>,
    /// What is done there, by the server's name
    #[arg(long, value_name = "FUNCTION")]
    function: Option<String>,
    /// Profile that the user holds; repeat it for a user who holds several
    #[arg(long = "profile", value_name = "PROFILE", value_delimiter = ',')]
    profiles: Vec<ProfileName>,
    /// Arguments of the call: JSON, or @FILE
    #[arg(long, value_name = "JSON", default_value = "{}")]
    input: String,
    /// What has been collected, such as approval=supervisor,user_confirmation,dry_run; `all` is everything
    #[arg(long, value_name = "EVIDENCE", default_value = "none", value_parser = evidence)]
    evidence: Evidence,
    /// When it happens, such as 2026-11-24T20:00:00Z; left out: now
    #[arg(long, value_name = "TIME")]
    now: Option<Timestamp>,
    /// Channel whose ceiling holds; left out: no ceiling
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<ChannelName>,
    /// Id of the agent that acts
    #[arg(long, value_name = "ID", default_value = "explain")]
    agent: String,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

/// Reads `--evidence`.
fn evidence(text: &str) -> Result<Evidence, String> {
    let mut evidence = match text {
        "all" => return Ok(Evidence::ALL),
        "none" => return Ok(Evidence::NONE),
        _ => Evidence::NONE,
    };
    for part in text.split(',') {
        match part.split_once('=') {
            None if part == "user_confirmation" => evidence.user_confirmation = true,
            None if part == "dry_run" => evidence.dry_run = true,
            Some(("approval", level)) => {
                let level = Approval::from_word(level);
                evidence.approval =
                    level.ok_or("approval is automatic, supervisor or committee")?;
            }
            None | Some(_) => {
                return Err(format!(
                    "`{part}` is no evidence; there is approval=LEVEL, user_confirmation, dry_run, all and none"
                ));
            }
        }
    }
    Ok(evidence)
}

pub(super) fn run(args: &Args, console: &Console) -> Result<CommandAnswer, Failure> {
    let Valid { policy, source, .. } =
        args.repository
            .valid(args.from.wanted(), ("explain", args.format), console)?;
    known_profiles(args, &policy)?;
    let attempt = attempt(args, &policy)?;
    let limit = limit(args, &policy)?;
    let situation = Situation {
        now: args.now.unwrap_or_else(Timestamp::now),
        // Without a channel there is no ceiling to be under, and the report says so.
        limit: LimitNow {
            class: limit.unwrap_or(Limit::High),
            by: LimitedBy::Ceiling,
        },
        stops: StopsInForce::default(),
        evidence: args.evidence,
        enforces: Enforces::ALL,
    };
    console.detail(format_args!("deciding at {}", situation.now));
    let explained = explain(&policy, &attempt, &situation)?;
    if let Some(names) = names_there_are(&explained, &attempt, &policy) {
        console.progress(format_args!("{names}"));
    }
    match args.format {
        Format::Json => {
            let body = said(json::explain(&explained, limit), &source);
            CommandAnswer::json("explain", Exit::Fine, body)
        }
        Format::Text => {
            let paint = Paint::new(console.colour());
            let text = text::explain(&explained, limit, paint);
            Ok(CommandAnswer::text(Exit::Fine, format!("{source}\n{text}")))
        }
    }
}

fn attempt(args: &Args, policy: &Policy) -> Result<Attempt, Failure> {
    let target = match (&args.operation, &args.function) {
        (Some(operation), _) => Target::Operation(operation.clone()),
        (None, Some(function)) => Target::Function(function.clone()),
        (None, None) => return Err(Failure::usage("name the --operation or the --function")),
    };
    Ok(Attempt {
        subject: Subject {
            issuer: policy
                .identity
                .first()
                .map(|issuer| issuer.issuer.clone())
                .unwrap_or_default(),
            id: "explain".to_owned(),
        },
        profiles: args.profiles.iter().cloned().collect(),
        agent: args.agent.clone(),
        tool: args.tool.clone(),
        target,
        input: Input::parse(&input(&args.input)?),
        definition: None,
    })
}

/// Returns the bytes of the input: as given, or read from the file that it names. Of a file, one byte more is read than
/// an input may have, so that a longer one is noticed.
fn input(given: &str) -> Result<Vec<u8>, Failure> {
    let Some(path) = given.strip_prefix('@') else {
        return Ok(given.as_bytes().to_vec());
    };
    let limit = u64::try_from(INPUT_LIMITS.bytes)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    read.map_err(|error| Failure::usage(format!("the input file {path} cannot be read: {error}")))?;
    Ok(bytes)
}

/// Checks that the policy has every profile that was named. A misspelt profile would be ignored like a group that
/// nobody maps, and the answer would be about somebody else.
fn known_profiles(args: &Args, policy: &Policy) -> Result<(), Failure> {
    match args
        .profiles
        .iter()
        .find(|profile| !policy.profiles.contains_key(*profile))
    {
        None => Ok(()),
        Some(unknown) => {
            let known: Vec<&str> = policy.profiles.keys().map(ProfileName::as_str).collect();
            let message = format!("profiles.yaml has no profile `{unknown}`");
            Err(Failure::usage(message).with_help(format!("it has {}", known.join(", "))))
        }
    }
}

/// Returns the names there are, if the tool or the operation of the attempt is unknown.
fn names_there_are(explained: &Explanation, attempt: &Attempt, policy: &Policy) -> Option<String> {
    let Outcome::Reject(rejection) = explained.decision.outcome() else {
        return None;
    };
    let names: Vec<&str> = match (rejection.reason, policy.tools.get(attempt.tool.as_str())) {
        (Reason::UnknownTool, _) => policy.tools.keys().map(ToolName::as_str).collect(),
        (Reason::UnknownOperation, Some(tool)) => match &attempt.target {
            Target::Operation(_) => tool.operations.keys().map(OperationName::as_str).collect(),
            Target::Function(_) => tool
                .operations
                .values()
                .map(|operation| operation.function.as_str())
                .collect(),
        },
        _ => return None,
    };
    Some(format!("the catalog has {}", names.join(", ")))
}

/// Returns the ceiling of the channel that was named, if one was.
fn limit(args: &Args, policy: &Policy) -> Result<Option<Limit>, Failure> {
    let Some(channel) = &args.channel else {
        return Ok(None);
    };
    let ceiling = policy.channels.get(channel).ok_or_else(|| {
        let known: Vec<&str> = policy.channels.keys().map(ChannelName::as_str).collect();
        let message = format!("stopgate.yaml has no channel `{channel}`");
        Failure::usage(message).with_help(format!("it has {}", known.join(", ")))
    })?;
    Ok(Some(ceiling.limit_for(&args.tool)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_what_is_named_and_nothing_else() {
        assert_eq!(evidence("none"), Ok(Evidence::NONE));
        assert_eq!(evidence("all"), Ok(Evidence::ALL));
        let some = Evidence {
            approval: Approval::Supervisor,
            user_confirmation: true,
            dry_run: false,
        };
        assert_eq!(evidence("approval=supervisor,user_confirmation"), Ok(some));
        for wrong in [
            "",
            "approval",
            "approval=boss",
            "user_confirmation=false",
            "all,dry_run",
            "dry_run,",
        ] {
            assert!(evidence(wrong).is_err(), "{wrong}");
        }
    }
}
