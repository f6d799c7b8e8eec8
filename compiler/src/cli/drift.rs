//! `stopgate drift`: whether everything runs what git says.

use std::fmt::Write as _;
use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::json;
use stopgate_decide::name::ChannelName;
use stopgate_decide::supply::StopInForce;
use stopgate_store::{Policies, StoreAddress};

use crate::build::digest;
use crate::drift::{Reference, Sameness, head};
use crate::reader::committed;

use super::console::{CommandAnswer, Console, Failure, Format};
use super::exit::Exit;
use super::publish::no_root;
use super::repository::{Checked, Repository};
use super::sign::own_root;

/// Whether everything runs what git says
///
/// Compares the commit, the head of the channel with every document and every byte that it rests on, the rows that people
/// read, its timestamp, its stops, and each sidecar. Each of them is the same, different, or could not be looked at, which is never called the same.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stopgate drift policies --channel prod --store dir:channels
  stopgate drift policies --channel prod --store dir:channels --sidecar /run/stopgate/erp.sock --sidecar /run/stopgate/hr.sock

Exits 0 when everything is the same, 1 when something could not be looked at, 2 when the files are not what was committed, 3
when the policy is invalid, 7 when anything is different, 8 when the repository's trust root is none.")]
pub(super) struct Args {
    #[command(flatten)]
    repository: Repository,
    /// Channel that is compared
    #[arg(long, value_name = "NAME")]
    channel: ChannelName,
    /// Where channels are, such as dir:FOLDER
    #[arg(long, value_name = "STORE")]
    store: StoreAddress,
    /// Socket of a sidecar; repeat it for several
    #[arg(long = "sidecar", value_name = "SOCKET")]
    sidecars: Vec<PathBuf>,
    /// Revision that should be in force, read from git; left out: HEAD, if the files are exactly that
    #[arg(long, value_name = "REV")]
    rev: Option<String>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

/// What was looked at, where it is, and what that came to.
struct DriftLook {
    what: &'static str,
    place: String,
    sameness: Sameness,
}

pub(super) fn run(args: &Args, console: &Console) -> Result<CommandAnswer, Failure> {
    let read = committed(&args.repository.dir, args.rev.as_deref())?;
    let checked = Checked::compile(read, console);
    let root = own_root(&checked.trust)?.ok_or_else(no_root)?;
    let valid = checked.valid("drift", args.format, console)?;
    let commit = (digest(&valid.policy)?, valid.source.to_string());
    let looks = match args.store.open() {
        Ok(store) => {
            let policies = Policies::new(store);
            let (reference, sameness) = head(&policies, &args.channel, &root);
            let mut looks = vec![look("store", args.store.to_string(), sameness)];
            if let Some(reference) = reference {
                let now = Timestamp::now();
                let timestamp = reference.beside_timestamp(&policies, &root, now);
                looks.insert(0, look("git", commit.1, reference.beside_commit(commit.0)));
                let rows = reference.beside_rows(&policies);
                looks.push(look("rows", args.channel.to_string(), rows));
                looks.push(look("timestamp", args.channel.to_string(), timestamp));
                let (stops, sameness) = reference.beside_stops(&policies, &root, now);
                looks.push(look("stops", args.channel.to_string(), sameness));
                looks.extend(sidecars(args, &reference, &stops)?);
            }
            looks
        }
        Err(error) => {
            let sameness = Sameness::Unknown(error.to_string());
            vec![look("store", args.store.to_string(), sameness)]
        }
    };
    let exit = exit(&looks);
    match args.format {
        Format::Json => {
            let looks = looks.iter().map(DriftLook::json).collect::<Vec<_>>();
            let body = json!({"channel": args.channel, "looks": looks});
            CommandAnswer::json("drift", exit, body)
        }
        Format::Text => {
            let mut text = String::new();
            for look in &looks {
                let (word, told) = look.said();
                let DriftLook { what, place, .. } = look;
                let _always_fits = writeln!(text, "{word:<9}  {what} {place}: {told}");
            }
            Ok(CommandAnswer::text(exit, text))
        }
    }
}

const fn look(what: &'static str, place: String, sameness: Sameness) -> DriftLook {
    DriftLook {
        what,
        place,
        sameness,
    }
}

/// Asks one sidecar after the other; each has some seconds.
fn sidecars(
    args: &Args,
    reference: &Reference,
    stops: &[StopInForce],
) -> Result<Vec<DriftLook>, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::failed)?;
    runtime.block_on(async {
        let mut looks = Vec::new();
        for socket in &args.sidecars {
            let place = socket.display().to_string();
            looks.push(look(
                "sidecar",
                place,
                reference.beside_sidecar(socket, stops).await,
            ));
        }
        Ok(looks)
    })
}

impl DriftLook {
    /// Returns the word for what the look came to, and what was found.
    fn said(&self) -> (&'static str, &str) {
        match &self.sameness {
            Sameness::Same(told) => ("same", told),
            Sameness::Different(told) => ("different", told),
            Sameness::Unknown(told) => ("unknown", told),
        }
    }

    fn json(&self) -> serde_json::Value {
        let (word, told) = self.said();
        json!({"what": self.what, "place": self.place, "verdict": word, "found": told})
    }
}

/// Returns how the run ends: what differs is worse than what nobody knows.
fn exit(looks: &[DriftLook]) -> Exit {
    let any = |wanted: fn(&Sameness) -> bool| looks.iter().any(|look| wanted(&look.sameness));
    if any(|found| matches!(found, Sameness::Different(_))) {
        Exit::Differs
    } else if any(|found| matches!(found, Sameness::Unknown(_))) {
        Exit::Failed
    } else {
        Exit::Fine
    }
}
