//! `stopgate root`: the first trust root.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp, Unit};
use serde_json::json;

use super::console::{CommandAnswer, Failure, Format};
use super::exit::Exit;
use super::output::write_whole;
use crate::key::{PublicKey, SigningKey};
use crate::root::{Holders, RootError, first_with};
use crate::words::list;

/// Days until a root expires, unless --expires says otherwise.
const DAYS: i64 = 365;

/// Make the first trust root: who may sign bundles and waivers
///
/// Version 1, signed by the root key itself, one signature needed for each role. Sidecars are given this file and
/// trust nothing else, so check its keys before you hand it out. With --timestamp or --stop it is of the second format,
/// which channels of releases need: no key may then hold two of the roles of publisher, reviewer, timestamp and stop. The gate reads it from trust/root.dsse.json of the
/// revision that a change is judged by: the change that brings it in is signed by nobody yet.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stopgate root --key offline/root.key --publisher ci.pub -o policies/trust/root.dsse.json
  stopgate root --key offline/root.key --publisher ci.pub --reviewer ana.pub --reviewer eva.pub
  stopgate root --key offline/root.key --publisher ci.pub --reviewer ana.pub --reviewer eva.pub --timestamp clock.pub
  stopgate root --key me.key -o root.dsse.json           one key for both, to try things out

Exits 8 when a key cannot be used.")]
pub(super) struct Args {
    /// Private key that signs roots
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Public key that signs bundles; repeat it for several; left out: the root key does
    #[arg(long = "publisher", value_name = "FILE")]
    publishers: Vec<PathBuf>,
    /// Public key that signs waivers, reviews and sign-offs; repeat it for several; left out: nobody can sign any
    #[arg(long = "reviewer", value_name = "FILE")]
    reviewers: Vec<PathBuf>,
    /// Public key that signs timestamps; repeat it for several; left out: nobody can sign any
    #[arg(long = "timestamp", value_name = "FILE")]
    timestampers: Vec<PathBuf>,
    /// Public key that signs stops; repeat it for several; left out: nobody can sign any
    #[arg(long = "stop", value_name = "FILE")]
    stoppers: Vec<PathBuf>,
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

pub(super) fn run(args: &Args) -> Result<CommandAnswer, Failure> {
    if args.output.symlink_metadata().is_ok() {
        let message = format!("{} exists and is not overwritten", args.output.display());
        let help = "move the old file away first; docs/guide/review-a-change.md says what another root voids";
        return Err(Failure::usage(message).with_help(help));
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
    let holders = Holders {
        publishers: public_keys(&args.publishers)?,
        reviewers: public_keys(&args.reviewers)?,
        timestampers: public_keys(&args.timestampers)?,
        stoppers: public_keys(&args.stoppers)?,
    };
    let root = first_with(&key, &owner, &holders, expires)?;
    if let Some(folder) = args.output.parent() {
        std::fs::create_dir_all(folder).map_err(Failure::failed)?;
    }
    write_whole(&args.output, &root)?;
    let own = key.public().map_err(Failure::untrusted)?.id();
    let own = (own, owner);
    let publishers = if holders.publishers.is_empty() {
        vec![own.clone()]
    } else {
        listed(&holders.publishers)
    };
    let reviewers = listed(&holders.reviewers);
    let timestampers = listed(&holders.timestampers);
    let stoppers = listed(&holders.stoppers);
    let file = args.output.display().to_string();
    match args.format {
        Format::Json => {
            let key = |(id, owner): &Listed| json!({"id": id, "owner": owner});
            let keys = |keys: &[Listed]| keys.iter().map(key).collect::<Vec<_>>();
            let body = json!({
                "file": file,
                "version": 1,
                "expires": expires,
                "root": keys(&[own]),
                "publisher": keys(&publishers),
                "reviewer": keys(&reviewers),
                "timestamp": keys(&timestampers),
                "stop": keys(&stoppers),
            });
            CommandAnswer::json("root", Exit::Fine, body)
        }
        Format::Text => {
            let key = |(id, owner): &Listed| format!("{id} ({owner})");
            let keys = |keys: &[Listed]| list(keys.iter().map(key));
            let mut text = format!(
                "root       {file}, version 1, expires {expires}\nroot key   {}\npublisher  {}\n",
                keys(&[own]),
                keys(&publishers)
            );
            for (role, holders) in [
                ("reviewer", &reviewers),
                ("timestamp", &timestampers),
                ("stop", &stoppers),
            ] {
                if !holders.is_empty() {
                    let _always_fits = writeln!(text, "{role:<9}  {}", keys(holders));
                }
            }
            if let [_alone] = reviewers.as_slice() {
                text.push_str(
                    "what is looser at risk high takes two reviewers, unless gate.sign_off says otherwise\n",
                );
            }
            Ok(CommandAnswer::text(Exit::Fine, text))
        }
    }
}

/// A key's id, and whose it is.
type Listed = (String, String);

fn listed(keys: &BTreeMap<String, PublicKey>) -> Vec<Listed> {
    keys.iter()
        .map(|(owner, key)| (key.id(), owner.clone()))
        .collect()
}

/// Reads the keys in `paths` and returns them by their owners, each of whom has one.
fn public_keys(paths: &[PathBuf]) -> Result<BTreeMap<String, PublicKey>, Failure> {
    let mut keys = BTreeMap::new();
    for path in paths {
        let key = PublicKey::read(path).map_err(Failure::untrusted)?;
        if keys.insert(owner(path), key).is_some() {
            let message = format!("two keys of one role are called {}", owner(path));
            return Err(
                Failure::usage(message).with_help("rename one of the files after its owner")
            );
        }
    }
    Ok(keys)
}

/// Returns whose key it is, as far as the file's name says.
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
