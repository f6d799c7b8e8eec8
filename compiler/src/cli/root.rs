//! `stopgate root`: the first trust root.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp, Unit};
use serde_json::json;

use super::console::{Answer, Failure, Format};
use super::exit::Exit;
use super::output::write_whole;
use crate::key::{PublicKey, SigningKey};
use crate::root::{RootError, first};

/// Days until a root expires, unless --expires says otherwise.
const DAYS: i64 = 365;

/// Make the first trust root: who may sign bundles
///
/// Version 1, signed by the root key itself, one signature needed for each role. Sidecars are given this file and
/// trust nothing else, so check its keys before you hand it out.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stopgate root --key offline/root.key --publisher ci.pub -o policies/trust/root.dsse.json
  stopgate root --key me.key -o root.dsse.json           one key for both, to try things out

Exits 8 when a key cannot be used.")]
pub(super) struct Args {
    /// Private key that signs roots
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Public key that signs bundles; repeat it for several; left out: the root key does
    #[arg(long = "publisher", value_name = "FILE")]
    publishers: Vec<PathBuf>,
    /// Instant from which the root is refused; left out: in 365 days
    #[arg(long, value_name = "TIME")]
    expires: Option<Timestamp>,
    /// File to write; never overwritten
    #[arg(short, long, value_name = "FILE", default_value = "root.dsse.json")]
    output: PathBuf,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

pub(super) fn run(args: &Args) -> Result<Answer, Failure> {
    if args.output.symlink_metadata().is_ok() {
        let message = format!("{} exists and is not overwritten", args.output.display());
        return Err(Failure::usage(message)
            .with_help("a changed root is a new version, signed by the one before"));
    }
    let now = Timestamp::now();
    let year = SignedDuration::from_hours(DAYS.saturating_mul(24));
    let in_a_year = || {
        now.checked_add(year)
            .and_then(|then| then.round(Unit::Second))
    };
    let expires = args
        .expires
        .map_or_else(in_a_year, Ok)
        .map_err(Failure::failed)?;
    if expires <= now {
        return Err(Failure::usage(format!("--expires {expires} has passed")));
    }
    let key = SigningKey::read(&args.key).map_err(Failure::untrusted)?;
    let owner = owner(&args.key);
    let mut publishers = BTreeMap::new();
    for path in &args.publishers {
        publishers.insert(
            self::owner(path),
            PublicKey::read(path).map_err(Failure::untrusted)?,
        );
    }
    let root = first(&key, &owner, &publishers, expires)?;
    if let Some(folder) = args.output.parent() {
        std::fs::create_dir_all(folder).map_err(Failure::failed)?;
    }
    write_whole(&args.output, &root)?;
    let own = key.public().map_err(Failure::untrusted)?.id();
    let publishers: Vec<(String, String)> = if publishers.is_empty() {
        vec![(own.clone(), owner.clone())]
    } else {
        publishers
            .iter()
            .map(|(owner, key)| (key.id(), owner.clone()))
            .collect()
    };
    let file = args.output.display().to_string();
    match args.format {
        Format::Json => {
            let key = |(id, owner): &(String, String)| json!({"id": id, "owner": owner});
            let publishers: Vec<_> = publishers.iter().map(key).collect();
            let body = json!({"file": file, "version": 1, "expires": expires, "root": [key(&(own, owner))], "publisher": publishers});
            Answer::json("root", Exit::Fine, body)
        }
        Format::Text => {
            let publishers: Vec<String> = publishers
                .iter()
                .map(|(id, owner)| format!("{id} ({owner})"))
                .collect();
            let text = format!(
                "root       {file}, version 1, expires {expires}\nroot key   {own} ({owner})\npublisher  {}\n",
                publishers.join(", ")
            );
            Ok(Answer::text(Exit::Fine, text))
        }
    }
}

/// Whose key it is, as far as the file's name says.
fn owner(path: &Path) -> String {
    path.file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default()
}

impl From<RootError> for Failure {
    fn from(error: RootError) -> Self {
        match error {
            RootError::Key(_) | RootError::Refused(_) => Self::untrusted(error),
            RootError::Json(_) => Self::failed(error),
        }
    }
}
