//! `stopgate lift`: end a stop before its time.

use std::path::PathBuf;

use serde_json::json;
use stopgate_decide::name::StopId;
use stopgate_decide::supply::MAX_DOCUMENT_BYTES;

use crate::stop::{Lifting, StopError};

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
others have to sign too, 7 when an item of the store is spoilt, 8 when a key or a signature is not to be trusted.")]
pub(super) struct Args {
    /// Stop that ends
    #[arg(value_name = "ID", required_unless_present = "document")]
    id: Option<StopId>,
    #[command(flatten)]
    place: StopPlace,
    /// The stop in a file, where it is in no store
    #[arg(long, value_name = "FILE", conflicts_with_all = ["store", "id"], requires = "output")]
    document: Option<PathBuf>,
    /// Key of a publisher or a reviewer; repeat it to sign with several
    #[arg(long = "key", value_name = "FILE", required = true)]
    keys: Vec<PathBuf>,
    /// What others have signed with --output; repeat it for several
    #[arg(long, value_name = "FILE")]
    signed: Vec<PathBuf>,
    /// File to write instead of the store: for others to sign too, or as ID.lift in FILE.stops/
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
    let root = args.place.root()?;
    let policies = args.place.open()?;
    let channel = args.place.channel(policies.as_ref(), &root)?;
    let stop = match (&args.document, &args.id, &policies) {
        (Some(file), _, _) => read_whole(file, MAX_DOCUMENT_BYTES)?,
        (None, Some(id), Some(policies)) => {
            let stored = policies.stop(&channel.channel, id)?;
            stored.ok_or_else(|| StopError::NoStop(id.clone()))?
        }
        (None, _, _) => return Err(Failure::usage("--store or --document is missing")),
    };
    let lifting = Lifting::sign((&channel, &stop), &root, &keys, &signed)?;
    match (&args.output, &policies, &lifting.missing) {
        (Some(file), _, _) => write_whole(file, &lifting.lift.bytes)?,
        (None, Some(policies), None) => lifting.put(policies)?,
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
                "id": lifting.stop.id,
                "stop": lifting.lift.digest,
                "file": args.output.as_ref().map(|file| file.display().to_string()),
                "missing": missing,
            });
            CommandAnswer::json("lift", exit, body)
        }
        Format::Text => {
            let mut text = format!(
                "stop       {}\nreached    {}\n",
                lifting.stop.id,
                reaches(&lifting.stop)
            );
            let place = args.place.told(args.output.as_ref());
            match (missing, &args.output) {
                (None, None) => text.push_str(&format!("lifted     {place}\n")),
                (None, Some(_)) => text.push_str(&format!("signed     {place}: it lifts the stop\n")),
                (Some(why), None) => text.push_str(&format!(
                    "missing    {why}\n           nothing is written: --output FILE writes what was signed, for others to add to\n"
                )),
                (Some(why), Some(_)) => text.push_str(&format!("missing    {why}\nsigned     {place}\n")),
            }
            Ok(CommandAnswer::text(exit, text))
        }
    }
}
