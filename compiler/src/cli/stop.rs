//! `stopgate stop`: let less through for a while, at once and alone.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use stopgate_decide::bundle::TrustRoot;
use stopgate_decide::name::{ChannelName, OperationName, OwnerName, StopId, ToolName};
use stopgate_decide::supply::{ChannelId, MAX_DOCUMENT_BYTES, Stop, StopLimit};
use stopgate_store::{Items, Policies, StoreAddress};

use crate::key::SigningKey;
use crate::stop::{Sealed, StopError, Stopping, not_behind, organisation};

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

Exits 0 when sidecars can see it, 1 when the store cannot be used, 2 when there is another stop with that name, 7 when it is
stored and sidecars cannot see it, 8 when the key is of nobody who may stop, or nobody says whose channel it is.")]
pub(super) struct Args {
    #[command(flatten)]
    place: StopPlace,
    /// Key of a holder of the role `stop`, made by `stopgate keygen`; repeat it if the root asks for several
    #[arg(
        long = "key",
        value_name = "FILE",
        required_unless_present = "document"
    )]
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
    #[arg(long, value_name = "TEXT", required_unless_present = "document")]
    reason: Option<String>,
    /// How long it holds, up to 24h
    #[arg(long = "for", value_name = "TIME", default_value = "24h", value_parser = day)]
    lasts: Duration,
    /// What people call it; left out: the time
    #[arg(long, value_name = "ID")]
    id: Option<StopId>,
    /// File to write too, or instead of a store: a name in FILE.stops/ that ends with .stop stops sidecars that follow file:FILE
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// A stop that somebody has signed: put that into the store
    #[arg(long, value_name = "FILE", requires = "store", conflicts_with_all = ["keys", "tool", "operation", "agent", "reason", "id", "output"])]
    document: Option<PathBuf>,
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
    /// Where channels are: dir:FOLDER or dynamodb:TABLE
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
    /// Reads the trust root, whatever its date: sidecars go on after it, and can be stopped. Where the store has roots that
    /// follow, it is the newest: what counts under an old copy need not count with sidecars.
    pub(super) fn root<S: Items>(
        &self,
        policies: Option<&Policies<S>>,
    ) -> Result<TrustRoot, Failure> {
        let root = read_whole(&self.root, MAX_ROOT_BYTES)?;
        let root = TrustRoot::open(&root, Timestamp::MIN).map_err(Failure::untrusted)?;
        let newer = policies.and_then(|policies| policies.newer_roots(&root).0.pop());
        Ok(newer.map_or(root, |newest| newest.trust))
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
        let found = policies.map(|policies| organisation(policies, &self.channel, root));
        let organisation = match (&self.organisation, found) {
            (Some(named), Some(Ok(found))) if *named != found => {
                let channel = &self.channel;
                let other = format!("the channel `{channel}` is of `{found}`, not of `{named}`");
                return Err(Failure::usage(other));
            }
            (Some(named), _) => named.clone(),
            (None, Some(found)) => found?,
            (None, None) => return Err(Failure::usage("--organisation is missing")),
        };
        Ok(ChannelId {
            organisation,
            channel: self.channel.clone(),
        })
    }

    /// Returns where it is stored, in words.
    pub(super) fn stored(&self) -> Option<String> {
        let store = self.store.as_ref()?;
        Some(format!("{} in {store}", self.channel))
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
    let policies = args.place.open()?;
    let root = args.place.root(policies.as_ref())?;
    let channel = args.place.channel(policies.as_ref(), &root)?;
    let clock = Timestamp::now();
    let now = policies.as_ref().map_or(clock, |policies| {
        not_behind(policies, &channel, &root, clock)
    });
    let sealed = match &args.document {
        Some(file) => Sealed::<Stop>::read(read_whole(file, MAX_DOCUMENT_BYTES)?, &channel, &root)?,
        None => sign(args, &channel, &root, &keys, now)?,
    };
    if let Some(file) = &args.output {
        is_found_there(file)?;
        if file.symlink_metadata().is_ok() {
            let message = format!("{} exists and is not overwritten", file.display());
            return Err(Failure::usage(message));
        }
        write_whole(file, &sealed.bytes)?;
    }
    if let Some(policies) = &policies {
        sealed.put(policies, &channel, &root, now)?;
    }
    // The stop is made: what is looked for from here on is only a slip of the pen.
    let warning = policies
        .as_ref()
        .and_then(|policies| unreached(policies, &sealed.document));
    let stop = &sealed.document;
    match args.format {
        Format::Json => {
            let mut body = said(stop);
            if let Value::Object(members) = &mut body {
                members.insert("digest".to_owned(), json!(sealed.digest));
                members.insert("warning".to_owned(), json!(warning));
            }
            CommandAnswer::json("stop", Exit::Fine, body)
        }
        Format::Text => {
            let written = args.output.as_ref();
            let written = written.map(|file| format!("written    {}\n", file.display()));
            let stored = args.place.stored();
            let stored = stored.map(|place| format!("stopped    {place}\n"));
            let warning = warning.map(|warning| format!("warning    {warning}\n"));
            let text = format!(
                "stop       {}\nlimit      {}\nreaches    {}\nuntil      {}\ndigest     {}\n{}{}{}",
                stop.id,
                lets_through(stop.limit),
                reaches(stop),
                stop.expires,
                sealed.digest,
                written.unwrap_or_default(),
                stored.unwrap_or_default(),
                warning.unwrap_or_default(),
            );
            Ok(CommandAnswer::text(Exit::Fine, text))
        }
    }
}

fn sign(
    args: &Args,
    channel: &ChannelId,
    root: &TrustRoot,
    keys: &[SigningKey],
    now: Timestamp,
) -> Result<Sealed<Stop>, Failure> {
    let made = || now.strftime("stop-%Y%m%d-%H%M%S-%6f").to_string().parse();
    let id = args.id.clone().map_or_else(made, Ok);
    let stopping = Stopping {
        channel,
        id: &id.map_err(Failure::failed)?,
        tool: args.tool.as_ref(),
        operation: args.operation.as_ref(),
        agent: args.agent.as_deref(),
        limit: args.limit,
        reason: args.reason.as_deref().unwrap_or_default(),
        lasts: SignedDuration::try_from(args.lasts).map_err(Failure::usage)?,
    };
    Ok(stopping.sign(root, keys, now)?)
}

/// Checks that sidecars that follow a file find the stop, where it is written beside that file.
fn is_found_there(file: &Path) -> Result<(), Failure> {
    let folder = file.parent().and_then(Path::extension);
    let is_beside = folder.is_some_and(|extension| extension == "stops");
    if is_beside && file.extension().is_none_or(|extension| extension != "stop") {
        let message = format!(
            "{} does not end with .stop, so no sidecar reads it",
            file.display()
        );
        return Err(Failure::usage(message));
    }
    Ok(())
}

/// Returns a warning if nothing was published to the channel, or if no rule of its bundle reaches what is stopped, as far as its
/// rows say: nothing passes there anyway, unless a name is another one.
fn unreached<S: Items>(policies: &Policies<S>, stop: &Stop) -> Option<String> {
    let Some(head) = policies.head(&stop.channel).ok()? else {
        let channel = &stop.channel;
        return Some(format!(
            "nothing was ever published to `{channel}` here: nobody may follow it"
        ));
    };
    let tool = stop.tool.as_ref()?;
    let found = policies.has_row(head.bundle, tool, stop.operation.as_ref());
    (found.ok()? == Some(false)).then(|| {
        let reaches = reaches(stop);
        format!("no rule reaches {reaches}, so this stops nothing that passes: is it spelt so?")
    })
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
            StopError::NoStop(_) => Self::failed(error)
                .with_help("`drift` and `GetStatus` name stops by their digest: --digest lifts one that is in no store"),
            StopError::OtherStop { .. } => Self::new(Exit::Differs, error)
                .with_help("somebody else wrote to the store: look at both stops before anything is lifted"),
            StopError::Unseen { .. } => Self::new(Exit::Differs, error)
                .with_help("mend the items of stops in the store, or stop by other means: nothing is stopped by this"),
            StopError::OtherLift => Self::usage(error),
            StopError::NoOrganisation(_) => Self::untrusted(error)
                .with_help("is the channel spelt so? if it is, say whose it is with --organisation"),
            StopError::Stranger(_) | StopError::NoStopKey { .. } => Self::untrusted(error),
            StopError::Document(_) => Self::usage(error),
            StopError::Refused(_) | StopError::Key(_) => Self::untrusted(error),
        }
    }
}
