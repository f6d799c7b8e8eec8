//! `stopgate root`: the first trust root, and the one that follows another.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp, Unit};
use serde_json::json;
use stopgate_decide::bundle::TrustRoot;
use stopgate_decide::bundle::root::{RootRole, RootRoles, RootStatement};
use stopgate_decide::name::ChannelName;
use stopgate_decide::supply::ReleaseVersion;
use stopgate_decide::visible::visible;

use super::console::{CommandAnswer, Failure, Format};
use super::exit::Exit;
use super::output::{read_whole, write_whole};
use super::verify::MAX_ROOT_BYTES;
use crate::key::{PublicKey, SigningKey};
use crate::root::{Holders, NextRoot, RootError, first_with};
use crate::words::list;

/// Days until a root expires, unless --expires says otherwise.
const DAYS: i64 = 365;

/// Make a trust root: who may sign bundles, waivers, releases, timestamps and stops
///
/// Version 1, signed by the root key itself, one signature needed for each role. Sidecars are given this file and
/// trust nothing else, so check its keys before you hand it out. With --timestamp or --stop it is of the second format,
/// which channels of releases need: no key may then hold two of the roles of publisher, reviewer, timestamp and stop. The gate
/// reads it from trust/root.dsse.json of the revision that a change is judged by: the change that brings it in is signed by
/// nobody yet.
///
/// With --next it is the version that follows another one, whose holders stay: keys that are named join their roles, and
/// --leave takes some away. It is signed by the root keys of both versions. docs/guide/keys.md has the order in which a key is
/// replaced without stopping anybody.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stopgate root --key offline/root.key --publisher ci.pub -o policies/trust/root.dsse.json
  stopgate root --key offline/root.key --publisher ci.pub --reviewer ana.pub --reviewer eva.pub
  stopgate root --key offline/root.key --publisher ci.pub --reviewer ana.pub --reviewer eva.pub --timestamp clock.pub
  stopgate root --key me.key -o root.dsse.json           one key for both, to try things out
  stopgate root --next policies/trust/root.dsse.json --key offline/root.key --publisher ci2.pub -o policies/trust/root.dsse.json
  stopgate root --next policies/trust/root.dsse.json --key offline/root.key --leave ci -o policies/trust/root.dsse.json

Exits 8 when a key cannot be used.")]
pub(super) struct Args {
    /// Private key that signs roots; with --next, repeat it to sign with several
    #[arg(long = "key", value_name = "FILE", required = true)]
    keys: Vec<PathBuf>,
    /// Root that this one follows
    #[arg(long, value_name = "FILE")]
    next: Option<PathBuf>,
    /// Public key that signs roots from now on; repeat it for several
    #[arg(long = "root-key", value_name = "FILE", requires = "next")]
    root_keys: Vec<PathBuf>,
    /// Id of a key that leaves every role, or whose keys leave; repeat it for several
    #[arg(long = "leave", value_name = "KEY", requires = "next")]
    leaving: Vec<String>,
    /// Version from which a channel goes on, where somebody has published too high a one, such as prod=12
    #[arg(long = "version-of", value_name = "CHANNEL=VERSION", requires = "next", value_parser = version_of)]
    versions: Vec<(ChannelName, u64)>,
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
    /// File to write; only the file of --next is overwritten
    #[arg(short, long, value_name = "FILE", default_value = "root.dsse.json")]
    output: PathBuf,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

pub(super) fn run(args: &Args) -> Result<CommandAnswer, Failure> {
    if args.next.as_ref() != Some(&args.output) && args.output.symlink_metadata().is_ok() {
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
    let keys = args.keys.iter().map(|path| SigningKey::read(path));
    let keys = keys
        .collect::<Result<Vec<_>, _>>()
        .map_err(Failure::untrusted)?;
    let holders = Holders {
        publishers: public_keys(&args.publishers)?,
        reviewers: public_keys(&args.reviewers)?,
        timestampers: public_keys(&args.timestampers)?,
        stoppers: public_keys(&args.stoppers)?,
    };
    let root = match (&args.next, keys.as_slice(), args.keys.as_slice()) {
        (Some(before), keys, _) => {
            let before = read_whole(before, MAX_ROOT_BYTES)?;
            // Also one that is past its date is followed: that is the day on which it is needed most.
            let before = TrustRoot::open(&before, Timestamp::MIN).map_err(Failure::untrusted)?;
            let next = NextRoot {
                root: &before,
                joining_root: &public_keys(&args.root_keys)?,
                joining: &holders,
                leaving: &args.leaving,
                versions: args.versions.iter().cloned().collect(),
                expires,
            };
            next.sign(keys)?
        }
        (None, [key], [path]) => first_with(key, &owner(path), &holders, expires)?,
        (None, _, _) => {
            return Err(Failure::usage("the first root is signed by one key")
                .with_help("let others join with --next and --root-key"));
        }
    };
    if let Some(folder) = args.output.parent() {
        std::fs::create_dir_all(folder).map_err(Failure::failed)?;
    }
    write_whole(&args.output, &root)?;
    let root = TrustRoot::open(&root, Timestamp::MIN).map_err(Failure::untrusted)?;
    let statement = root.statement();
    let RootRoles {
        root,
        publisher,
        reviewer,
        timestamp,
        stop,
    } = &statement.roles;
    let held = |role: Option<&RootRole>| listed(statement, role);
    let file = args.output.display().to_string();
    let (version, reviewers) = (statement.version, held(reviewer.as_ref()));
    match args.format {
        Format::Json => {
            let key = |(id, owner): &Listed| json!({"id": id, "owner": owner});
            let keys = |keys: &[Listed]| keys.iter().map(key).collect::<Vec<_>>();
            let body = json!({
                "file": file,
                "version": version,
                "expires": expires,
                "root": keys(&held(Some(root))),
                "publisher": keys(&held(Some(publisher))),
                "reviewer": keys(&reviewers),
                "timestamp": keys(&held(timestamp.as_ref())),
                "stop": keys(&held(stop.as_ref())),
            });
            CommandAnswer::json("root", Exit::Fine, body)
        }
        Format::Text => {
            let key = |(id, owner): &Listed| format!("{id} ({})", visible(owner, 60));
            let keys = |keys: &[Listed]| list(keys.iter().map(key));
            let mut text = format!(
                "root       {file}, version {version}, expires {expires}\nroot key   {}\npublisher  {}\n",
                keys(&held(Some(root))),
                keys(&held(Some(publisher)))
            );
            for (role, holders) in [
                ("reviewer", &reviewers),
                ("timestamp", &held(timestamp.as_ref())),
                ("stop", &held(stop.as_ref())),
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

fn version_of(text: &str) -> Result<(ChannelName, u64), String> {
    let wrong = || format!("`{text}` is no channel with a version, such as prod=12");
    let (channel, version) = text.split_once('=').ok_or_else(wrong)?;
    let channel = channel.parse().map_err(|_| wrong())?;
    let version = version.parse().ok().and_then(ReleaseVersion::new);
    Ok((channel, version.ok_or_else(wrong)?.get()))
}

/// A key's id, and whose it is.
type Listed = (String, String);

/// Returns the keys of a role.
fn listed(statement: &RootStatement, role: Option<&RootRole>) -> Vec<Listed> {
    let ids = role.into_iter().flat_map(|role| &role.keys);
    let listed = ids.filter_map(|id| Some((id.clone(), statement.keys.get(id)?.owner.clone())));
    let mut listed: Vec<_> = listed.collect();
    listed.sort_by(|(id, owner), (other_id, other)| (owner, id).cmp(&(other, other_id)));
    listed
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
            RootError::NoKey(_) => Self::usage(error),
            RootError::Json(_) => Self::failed(error),
        }
    }
}
