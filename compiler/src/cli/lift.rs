//! `stopgate lift`: end a stop before its time.

use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::json;
use stopgate_decide::digest::Digest;
use stopgate_decide::name::StopId;
use stopgate_decide::supply::{LONGEST_STOP, MAX_DOCUMENT_BYTES};

use crate::stop::{Lifting, Sealed, stop_called};

use super::console::{CommandAnswer, Failure, Format};
use super::exit::Exit;
use super::output::{read_whole, write_whole};
use super::stop::{StopPlace, keys, reaches};

/// End a stop before its time
///
/// Lets through again what the policy lets through, so it takes those who may loosen: publishers, and as many reviewers as
/// sign off at risk high. Who signs on another machine writes a file with --output, which the next one brings with
/// --signed. Without it the stop ends by itself, after a day at most.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stopgate lift INC-7 --channel prod --store dir:channels --root root.dsse.json --key ana.key -o ana.lift
  stopgate lift INC-7 --channel prod --store dir:channels --root root.dsse.json --key eva.key --signed ana.lift -o both.lift
  stopgate lift INC-7 --channel prod --store dir:channels --root root.dsse.json --key ci.key --signed both.lift

Exits 0 when the store has it, or the file has every signature, 1 when the store cannot be used or has no such stop, 5 when
others have to sign too, 7 when an item of the store is spoilt or another stop is in its place, 8 when a key or a signature is not to be trusted.")]
pub(super) struct Args {
    /// Stop that ends
    #[arg(
        value_name = "ID",
        required_unless_present = "digest",
        requires = "store"
    )]
    id: Option<StopId>,
    #[command(flatten)]
    place: StopPlace,
    /// Digest of the stop, where it is in no store: sidecars and `stopgate drift` name it
    #[arg(long, value_name = "DIGEST", conflicts_with = "id")]
    digest: Option<Digest>,
    /// Key of a publisher or a reviewer; repeat it to sign with several
    #[arg(long = "key", value_name = "FILE", required = true)]
    keys: Vec<PathBuf>,
    /// What others have signed with --output; repeat it for several
    #[arg(long, value_name = "FILE")]
    signed: Vec<PathBuf>,
    /// File to write instead of the store: for others to sign too, or a name in FILE.stops/ that ends with .lift
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

pub(super) fn run(args: &Args) -> Result<CommandAnswer, Failure> {
    let keys = keys(&args.keys)?;
    let signed = args.signed.iter();
    let signed = signed.map(|path| read_whole(path, MAX_DOCUMENT_BYTES));
    let signed = signed.collect::<Result<Vec<_>, _>>()?;
    let policies = args.place.open()?;
    let root = args.place.root(policies.as_ref())?;
    let channel = args.place.channel(policies.as_ref(), &root)?;
    let stop = match (&args.id, &policies) {
        (Some(id), Some(policies)) => Some(stop_called(policies, &channel, id, &root)?),
        (Some(_), None) | (None, _) => None,
    };
    let digest = stop.as_ref().map(|stop| stop.digest).or(args.digest);
    let digest = digest.ok_or_else(|| Failure::usage("--digest is missing"))?;
    let lifting = Lifting::sign((&channel, digest), &root, &keys, &signed)?;
    match (&args.output, &policies, &lifting.missing) {
        (Some(file), _, _) => write_whole(file, &lifting.lift.bytes)?,
        (None, Some(policies), None) => {
            // Of a stop that is not there nobody says when it ends: as long as one that is made now could hold.
            let now = Timestamp::now();
            let longest = now.checked_add(LONGEST_STOP).unwrap_or(Timestamp::MAX);
            let expires = stop.as_ref().map_or(longest, |stop| stop.document.expires);
            lifting.put(policies, expires)?;
        }
        (None, _, _) => {}
    }
    let missing = lifting.missing.map(|signers| signers.to_string());
    let exit = match missing {
        Some(_) => Exit::ReviewNeeded,
        None => Exit::Fine,
    };
    match args.format {
        Format::Json => {
            let body = json!({
                "channel": channel.channel,
                "id": stop.as_ref().map(|stop| &stop.document.id),
                "stop": lifting.lift.digest,
                "file": args.output.as_ref().map(|file| file.display().to_string()),
                "missing": missing,
            });
            CommandAnswer::json("lift", exit, body)
        }
        Format::Text => {
            let mut text = match &stop {
                Some(Sealed { document, .. }) => {
                    format!(
                        "stop       {}\nreached    {}\n",
                        document.id,
                        reaches(document)
                    )
                }
                None => format!("stop       {digest}\n"),
            };
            let written = args.output.as_ref().map(|file| file.display());
            let stored = args.place.stored().unwrap_or_default();
            match (missing, written) {
                (None, None) => text.push_str(&format!("lifted     {stored}\n")),
                (None, Some(file)) => text.push_str(&format!("signed     {file}: it lifts the stop\n")),
                (Some(why), None) => text.push_str(&format!(
                    "missing    {why}\n           nothing is written: --output FILE writes what was signed, for others to add to\n"
                )),
                (Some(why), Some(file)) => text.push_str(&format!("missing    {why}\nsigned     {file}\n")),
            }
            Ok(CommandAnswer::text(exit, text))
        }
    }
}
