//! `stopgate timestamp`: sign which release of a channel is the newest.

use std::path::PathBuf;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use stopgate_decide::bundle::TrustRoot;
use stopgate_decide::bundle::root::TrustError;
use stopgate_decide::name::ChannelName;
use stopgate_decide::supply::TimestampDocument;
use stopgate_store::{Items, NotNext, NotOffered, Policies, StoreAddress};

use crate::key::SigningKey;
use crate::timestamp::{TimestampError, Timestamper};

use super::console::{CommandAnswer, Console, Failure, Format};
use super::duration::duration;
use super::exit::Exit;
use super::output::read_whole;
use super::verify::MAX_ROOT_BYTES;

/// Sign which release of a channel is the newest
///
/// Sidecars of a policy that states `freshness` let less pass the older the newest timestamp is: without one, whoever can
/// write to the store could keep a newer release from them. It lists the stops in force too, so that nobody can take one
/// out of the store unseen. Run it every minute, or leave it running with --every. It never signs for an older release
/// than it has signed for before, and forgets no stop that it has seen: both it notes in files beside its key.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stopgate timestamp --channel prod --store dir:channels --root root.dsse.json --key clock.key
  stopgate timestamp --channel prod --store dir:channels --root root.dsse.json --key clock.key --every 1m

Exits 0 when it is signed, 1 when the store cannot be used or nothing was published yet, 2 when the file of what was signed
before cannot be read, 7 when an item of the store is spoilt, 8 when the head is older than before, the clock was set back, or
a signature or a key is not to be trusted. With --every it goes on until it is ended, and says on stderr what fails.")]
pub(super) struct Args {
    /// Channel whose newest release is signed for
    #[arg(long, value_name = "NAME")]
    channel: ChannelName,
    /// Where channels are: dir:FOLDER or dynamodb:TABLE
    #[arg(long, value_name = "STORE")]
    store: StoreAddress,
    /// Trust root that sidecars judge by; it goes on to those in the store that follow it
    #[arg(long, value_name = "FILE")]
    root: PathBuf,
    /// Key of a timestamper, made by `stopgate keygen`; repeat it to sign with several
    #[arg(long = "key", value_name = "FILE", required = true)]
    keys: Vec<PathBuf>,
    /// How long each timestamp proves anything
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = duration)]
    valid: Duration,
    /// Sign again and again, with this time in between
    #[arg(long, value_name = "TIME", value_parser = duration)]
    every: Option<Duration>,
    /// File with what was signed for before; left out: the first key's name with .marks behind it
    #[arg(long, value_name = "FILE")]
    marks: Option<PathBuf>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

pub(super) fn run(args: &Args, console: &Console) -> Result<CommandAnswer, Failure> {
    let keys = args.keys.iter().map(|path| SigningKey::read(path));
    let keys = keys
        .collect::<Result<Vec<_>, _>>()
        .map_err(Failure::untrusted)?;
    let marks = args.marks.clone().or_else(|| {
        let mut marks = args.keys.first()?.clone().into_os_string();
        marks.push(".marks");
        Some(marks.into())
    });
    let marks = marks.ok_or_else(|| Failure::usage("no key is named"))?;
    loop {
        let signed = sign(args, &keys, &marks);
        let Some(pause) = args.every else {
            return answer(args, &signed?);
        };
        // Whoever runs it for ever reads what happens as it happens: what one turn could not do, the next one may.
        match signed {
            Ok(signed) => console.progress(format_args!(
                "version {} signed for until {}",
                signed.version, signed.expires
            )),
            Err(failure) => {
                failure.deliver("timestamp", Format::Text);
            }
        }
        std::thread::sleep(pause);
    }
}

/// Signs once. Root and store are read each time, so that a newer root is found, in the file or in the store.
fn sign(
    args: &Args,
    keys: &[SigningKey],
    marks: &std::path::Path,
) -> Result<TimestampDocument, Failure> {
    let now = Timestamp::now();
    let root = read_whole(&args.root, MAX_ROOT_BYTES)?;
    let root = TrustRoot::open(&root, Timestamp::MIN).map_err(Failure::untrusted)?;
    let store: Box<dyn Items> = args.store.open()?;
    let policies = Policies::new(store);
    let (newer, not_next) = policies.newer_roots(&root);
    // Where nobody can say which is the newest, nothing is signed. What stands there and does not follow changes nothing.
    if let Some(NotNext::Store(error)) = not_next {
        return Err(error.into());
    }
    let mut before = vec![root];
    before.extend(newer.into_iter().map(|newer| newer.trust));
    let root = before.pop();
    let root = root.ok_or_else(|| Failure::usage("there is no trust root"))?;
    let expires = root.statement().expires;
    if now >= expires {
        return Err(Failure::untrusted(TrustError::Expired(expires)));
    }
    let timestamper = Timestamper {
        channel: &args.channel,
        root: &root,
        before: &before,
        keys,
        valid: SignedDuration::try_from(args.valid).map_err(Failure::usage)?,
        marks,
    };
    Ok(timestamper.sign(&policies, now)?)
}

fn answer(args: &Args, signed: &TimestampDocument) -> Result<CommandAnswer, Failure> {
    match args.format {
        Format::Json => {
            let body = json!({
                "channel": signed.channel,
                "version": signed.version,
                "release": signed.release,
                "root": signed.root,
                "issued": signed.issued,
                "expires": signed.expires,
                "stops": signed.stops,
            });
            CommandAnswer::json("timestamp", Exit::Fine, body)
        }
        Format::Text => {
            let text = format!(
                "version    {}\nrelease    {}\nexpires    {}\nstops      {}\n",
                signed.version,
                signed.release,
                signed.expires,
                signed.stops.len()
            );
            Ok(CommandAnswer::text(Exit::Fine, text))
        }
    }
}

impl From<TimestampError> for Failure {
    fn from(error: TimestampError) -> Self {
        match error {
            TimestampError::Store(error) => error.into(),
            TimestampError::Nothing | TimestampError::Later => Self::failed(error),
            TimestampError::Marks { .. } => Self::usage(error)
                .with_help("it keeps an older release from being signed for, and a stop from being forgotten: restore it, or name another with --marks"),
            TimestampError::NotOffered(NotOffered::Store(error)) => error.into(),
            TimestampError::Refused(_) | TimestampError::NotOffered(_) => Self::untrusted(error)
                .with_help("find out who wrote to the store; sidecars keep what they have, and let less pass as time goes by"),
            TimestampError::OlderRoot { .. } => Self::untrusted(error)
                .with_help("name the newest root with --root, or find out who took it out of the store"),
            TimestampError::Document(_) | TimestampError::Key(_) | TimestampError::Clock { .. } => {
                Self::untrusted(error)
            }
        }
    }
}
