//! `stopgate verify`: whether a sidecar would load a bundle, and who signed it.

use std::fmt;
use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::json;
use stopgate_decide::bundle::{Bundle, MAX_BUNDLE_BYTES, TrustRoot};
use stopgate_decide::calendar::{Calendar, zone_data};

use super::console::{CommandAnswer, Failure, Format};
use super::exit::Exit;
use super::output::read_whole;

/// Bytes of a trust root; a thousand keys fit.
pub(super) const MAX_ROOT_BYTES: usize = 1024 * 1024;

/// Verify a bundle against a trust root
///
/// Opens the bundle exactly as the sidecar does: layout, digest of each part, every signature, the publisher's
/// threshold, every rule. Where its calendar may mean something else under this program's zone data than under that of the
/// program that tested and built it, that is said; it is no reason not to load it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stopgate verify prod.stopgate --root policies/trust/root.dsse.json

Exits 0 when a sidecar with this root would load it, 8 when it would not.")]
pub(super) struct Args {
    /// Bundle to verify
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Trust root to verify it against
    #[arg(long, value_name = "FILE")]
    root: PathBuf,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

pub(super) fn run(args: &Args) -> Result<CommandAnswer, Failure> {
    let bytes = read_whole(&args.file, MAX_BUNDLE_BYTES)?;
    let root = read_whole(&args.root, MAX_ROOT_BYTES)?;
    let root = TrustRoot::open(&root, Timestamp::now()).map_err(Failure::untrusted)?;
    let bundle = Bundle::open(&bytes, &root).map_err(Failure::untrusted)?;
    let keys = &root.statement().keys;
    let owner = |id: &String| {
        keys.get(id)
            .map(|key| key.owner.clone())
            .unwrap_or_default()
    };
    let version = root.statement().version;
    let zones = Zones::new(&bundle);
    match args.format {
        Format::Json => {
            let signer = |id: &String| json!({"id": id, "owner": owner(id), "role": "publisher"});
            let body = json!({
                "digest": bundle.digest(),
                "organisation": bundle.organisation(),
                "rules": bundle.rules_len(),
                "tools": bundle.tool_names().collect::<Vec<_>>(),
                "zone_data": zones.json(),
                "signers": bundle.signers().iter().map(signer).collect::<Vec<_>>(),
                "root": {"version": version, "expires": root.statement().expires},
            });
            CommandAnswer::json("verify", Exit::Fine, body)
        }
        Format::Text => {
            let signers: Vec<String> = bundle
                .signers()
                .iter()
                .map(|id| format!("{id} ({}), publisher", owner(id)))
                .collect();
            let text = format!(
                "verified  {}\nof        {}, rules: {}\nsigned    by {}\nzones     {zones}\nroot      version {version}, expires {}\n",
                bundle.digest(),
                bundle.organisation(),
                bundle.rules_len(),
                signers.join("; "),
                root.statement().expires
            );
            Ok(CommandAnswer::text(Exit::Fine, text))
        }
    }
}

/// The zone data that a bundle was tested with, beside that of this program.
struct Zones<'b> {
    /// That of the program that built it, if it says so.
    bundle: Option<&'b str>,
    calendar: &'b Calendar,
}

impl<'b> Zones<'b> {
    fn new(bundle: &'b Bundle) -> Self {
        Self {
            bundle: bundle.zone_data(),
            calendar: bundle.calendar(),
        }
    }

    /// Returns whether the calendar may mean something else here than it did in the tests.
    fn may_differ(&self) -> bool {
        self.bundle != Some(zone_data()) && self.calendar.can_move()
    }

    fn json(&self) -> serde_json::Value {
        json!({"bundle": self.bundle, "program": zone_data(), "may_differ": self.may_differ()})
    }
}

impl fmt::Display for Zones<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (own, zone) = (zone_data(), self.calendar.zone());
        match self.bundle {
            Some(theirs) => write!(f, "{theirs}")?,
            None => write!(f, "not said")?,
        }
        if self.may_differ() {
            write!(
                f,
                "; this program has {own}, so business time in {zone} may be another than in the tests: run them again"
            )?;
        }
        Ok(())
    }
}
