//! `stopgate stop`: let less through for a while, at once and alone.

use std::path::PathBuf;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use stopgate_decide::bundle::TrustRoot;
use stopgate_decide::name::{ChannelName, OperationName, OwnerName, StopId, ToolName};
use stopgate_decide::supply::{ChannelId, Stop, StopLimit};
use stopgate_store::{Items, Policies, StoreAddress};

use crate::key::SigningKey;
use crate::stop::{StopError, Stopping, organisation};

use super::console::{CommandAnswer, Failure, Format};
use super::duration::day;
use super::exit::Exit;
use super::output::{read_whole, write_whole};
use super::verify::MAX_ROOT_BYTES;

/// Let less through for a while, at once and alone
///
/// One holder of the role `stop` signs that no more than the limit passes, everywhere or for a tool, an operation or an
/// agent. Sidecars look for stops every three seconds. A stop can only tighten; it ends by itself after a day at most, and
/// before that only `stopgate lift` ends it. The trust root may be past its date.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stopgate stop --channel prod --store dir:channels --root root.dsse.json --key night.key --reason 'refunds go to one account'
  stopgate stop --channel prod --store dir:channels --root root.dsse.json --key night.key --tool erp --operation create_refund --for 4h --reason 'being looked into'
  stopgate stop --channel prod --store dir:channels --root root.dsse.json --key night.key --agent refund-bot --limit read_only --reason 'odd calls'

Exits 0 when the store has it, 1 when the store cannot be used, 2 when there is another stop with that name, 7 when an item of
the store is spoilt, 8 when the key is of nobody who may stop.")]
pub(super) struct Args {
    #[command(flatten)]
    place: StopPlace,
    /// Key of a holder of the role `stop`, made by `stopgate keygen`; repeat it if the root asks for several
    #[arg(long = "key", value_name = "FILE", required = true)]
    keys: Vec<PathBuf>,
    /// Stop only what is done with this tool
    #[arg(long, value_name = "NAME")]
    tool: Option<ToolName>,
    /// Stop only this operation of the tool
    #[arg(long, value_name = "NAME", requires = "tool")]
    operation: Option<OperationName>,
    /// Stop only this agent, and every attempt of which nobody can say which agent it is
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// Highest class of action that still passes: none, read_only, low or medium
    #[arg(long, value_name = "LIMIT", default_value = "none", value_parser = limit)]
    limit: StopLimit,
    /// Why, for the people whose calls are rejected
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// How long it holds, up to 24h
    #[arg(long = "for", value_name = "TIME", default_value = "24h", value_parser = day)]
    lasts: Duration,
    /// What people call it; left out: the time
    #[arg(long, value_name = "ID")]
    id: Option<StopId>,
    /// File to write instead of the store: ID.stop in FILE.stops/ stops sidecars that follow file:FILE
    #[arg(short, long, value_name = "FILE", conflicts_with = "store")]
    output: Option<PathBuf>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

/// Where something is stopped or lifted.
#[derive(Debug, clap::Args)]
pub(super) struct StopPlace {
    /// Channel
    #[arg(long, value_name = "NAME")]
    pub(super) channel: ChannelName,
    /// Where channels are, such as dir:FOLDER
    #[arg(long, value_name = "STORE", required_unless_present = "output")]
    store: Option<StoreAddress>,
    /// Whose channel it is; left out: what its newest release says
    #[arg(long, value_name = "NAME", required_unless_present = "store")]
    organisation: Option<OwnerName>,
    /// Trust root that sidecars judge by
    #[arg(long, value_name = "FILE")]
    root: PathBuf,
}

impl StopPlace {
    /// Reads the trust root, whatever its date: sidecars go on after it, and can be stopped.
    pub(super) fn root(&self) -> Result<TrustRoot, Failure> {
        let root = read_whole(&self.root, MAX_ROOT_BYTES)?;
        TrustRoot::open(&root, Timestamp::MIN).map_err(Failure::untrusted)
    }

    /// Opens the store, if one is named.
    pub(super) fn open(&self) -> Result<Option<Policies<Box<dyn Items>>>, Failure> {
        let opened = self.store.as_ref().map(StoreAddress::open);
        Ok(opened.transpose()?.map(Policies::new))
    }

    /// Returns whose channel it is.
    pub(super) fn channel<S: Items>(
        &self,
        policies: Option<&Policies<S>>,
        root: &TrustRoot,
    ) -> Result<ChannelId, Failure> {
        let organisation = match (&self.organisation, policies) {
            (Some(organisation), _) => organisation.clone(),
            (None, Some(policies)) => organisation(policies, &self.channel, root)?,
            (None, None) => return Err(Failure::usage("--organisation is missing")),
        };
        Ok(ChannelId {
            organisation,
            channel: self.channel.clone(),
        })
    }

    /// Returns where the document went, in words.
    pub(super) fn told(&self, output: Option<&PathBuf>) -> String {
        match (output, &self.store) {
            (Some(file), _) => file.display().to_string(),
            (None, Some(store)) => format!("{} in {store}", self.channel),
            (None, None) => String::new(),
        }
    }
}

fn limit(text: &str) -> Result<StopLimit, String> {
    let words = StopLimit::ALL.map(StopLimit::as_str).join(", ");
    StopLimit::from_word(text).ok_or_else(|| format!("it is one of {words}"))
}

/// Reads private keys.
pub(super) fn keys(paths: &[PathBuf]) -> Result<Vec<SigningKey>, Failure> {
    let keys = paths.iter().map(|path| SigningKey::read(path));
    keys.collect::<Result<_, _>>().map_err(Failure::untrusted)
}

pub(super) fn run(args: &Args) -> Result<CommandAnswer, Failure> {
    let keys = keys(&args.keys)?;
    let root = args.place.root()?;
    let policies = args.place.open()?;
    let channel = args.place.channel(policies.as_ref(), &root)?;
    let now = Timestamp::now();
    let made = || now.strftime("stop-%Y%m%d-%H%M%S").to_string().parse();
    let id = args.id.clone().map_or_else(made, Ok);
    let stopping = Stopping {
        channel: &channel,
        id: &id.map_err(Failure::failed)?,
        tool: args.tool.as_ref(),
        operation: args.operation.as_ref(),
        agent: args.agent.as_deref(),
        limit: args.limit,
        reason: &args.reason,
        lasts: SignedDuration::try_from(args.lasts).map_err(Failure::usage)?,
    };
    let sealed = stopping.sign(&root, &keys, now)?;
    match (&args.output, &policies) {
        (Some(file), _) => write_whole(file, &sealed.bytes)?,
        (None, Some(policies)) => sealed.put(policies)?,
        (None, None) => return Err(Failure::usage("--store is missing")),
    }
    let stop = &sealed.document;
    match args.format {
        Format::Json => {
            let mut body = said(stop);
            if let Value::Object(members) = &mut body {
                members.insert("digest".to_owned(), json!(sealed.digest));
            }
            CommandAnswer::json("stop", Exit::Fine, body)
        }
        Format::Text => {
            let place = args.place.told(args.output.as_ref());
            let text = format!(
                "stop       {}\nlimit      {}\nreaches    {}\nuntil      {}\ndigest     {}\nstopped    {place}\n",
                stop.id,
                lets_through(stop.limit),
                reaches(stop),
                stop.expires,
                sealed.digest,
            );
            Ok(CommandAnswer::text(Exit::Fine, text))
        }
    }
}

/// Returns what a stop says, as JSON.
pub(super) fn said(stop: &Stop) -> Value {
    json!({
        "organisation": stop.organisation,
        "channel": stop.channel,
        "id": stop.id,
        "tool": stop.tool,
        "operation": stop.operation,
        "agent": stop.agent,
        "limit": stop.limit,
        "reason": stop.reason,
        "by": stop.by,
        "issued": stop.issued,
        "expires": stop.expires,
    })
}

const fn lets_through(limit: StopLimit) -> &'static str {
    match limit {
        StopLimit::None => "none: nothing passes",
        StopLimit::ReadOnly => "read_only: reads at low risk pass",
        StopLimit::Low => "low: what is of low risk passes",
        StopLimit::Medium => "medium: what is of medium risk at most passes",
    }
}

/// Returns what a stop reaches, in words.
pub(super) fn reaches(stop: &Stop) -> String {
    let what = match (&stop.tool, &stop.operation) {
        (Some(tool), Some(operation)) => format!("{tool}/{operation}"),
        (Some(tool), None) => format!("every operation of {tool}"),
        (None, _) => "every tool".to_owned(),
    };
    match &stop.agent {
        Some(agent) => format!(
            "{what}, for the agent {} and whoever may be it",
            stopgate_decide::visible::visible(agent, 100)
        ),
        None => what,
    }
}

impl From<StopError> for Failure {
    fn from(error: StopError) -> Self {
        match error {
            StopError::Store(error) => error.into(),
            StopError::Taken(_) => Self::usage(error).with_help("give it another name with --id"),
            StopError::NoStop(_) | StopError::Changed(_) => Self::failed(error),
            StopError::OtherLift => Self::usage(error),
            StopError::NoOrganisation(_) => {
                Self::untrusted(error).with_help("say whose it is with --organisation")
            }
            StopError::Stranger(_) => Self::untrusted(error)
                .with_help("`stopgate root` names the keys that may stop, publish and review"),
            StopError::Document(_) => Self::usage(error),
            StopError::Refused(_) | StopError::Key(_) => Self::untrusted(error),
        }
    }
}
