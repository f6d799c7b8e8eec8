//! `stopgate status`: what a channel has, and who follows it, without a policy repository.

use std::path::PathBuf;

use jiff::Timestamp;
use stopgate_decide::bundle::TrustRoot;
use stopgate_decide::bundle::root::TrustError;

use super::console::{CommandAnswer, Console, Failure, Format};
use super::drift::Places;
use super::output::read_whole;
use super::verify::MAX_ROOT_BYTES;

/// What a channel has, and who follows it
///
/// Looks at the channel as `stopgate drift` does, verified down to the last byte, but needs no policy repository: only the trust
/// root, of any version from which sidecars come to the newest. What is different or cannot be looked at is said in the same words.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stopgate status --channel prod --store dir:channels --root root.dsse.json
  stopgate status --channel prod --store dir:channels --root root.dsse.json --sidecar /run/stopgate/erp.sock

Exits 0 when what the channel has holds and everybody named has it, 1 when something could not be looked at, 7 when something is
not as it has to be, 8 when the trust root is none.")]
pub(super) struct Args {
    #[command(flatten)]
    places: Places,
    /// Trust root that sidecars judge by
    #[arg(long, value_name = "FILE")]
    root: PathBuf,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

pub(super) fn run(args: &Args, console: &Console) -> Result<CommandAnswer, Failure> {
    let root_file = read_whole(&args.root, MAX_ROOT_BYTES)?;
    let root = TrustRoot::open(&root_file, Timestamp::MIN).map_err(Failure::untrusted)?;
    let wanted = args.places.newest(root, root_file, None);
    // Only the date of the newest one counts.
    let expires = wanted.root.statement().expires;
    if Timestamp::now() >= expires {
        return Err(Failure::untrusted(TrustError::Expired(expires)));
    }
    let looks = args.places.looks(&wanted, console)?;
    args.places.answer("status", args.format, &looks)
}
