//! `stopgate rollback`: an earlier release of a channel becomes its newest.

use jiff::Timestamp;
use stopgate_decide::bundle::MAX_BUNDLE_BYTES;
use stopgate_decide::supply::{ChannelId, Link, ReleaseVersion};

use crate::build::Built;
use crate::publish::Publication;
use crate::reader::{Wanted, read};

use super::console::{CommandAnswer, Console, Failure};
use super::publish::{Target, finish, no_root};
use super::repository::Repository;

/// Make an earlier release of a channel its newest
///
/// Publishes the bundle of an earlier version once more, as the next version: versions never go back. The bundle is the one
/// in the store, to the byte, so it is what was in force then. It is compared with what is in force now, and where somebody
/// can do more under it, reviewers have to sign it off like any other release.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stopgate rollback policies --channel prod --to 12 --store dir:channels --key ci.key --plan
  stopgate rollback policies --channel prod --to 12 --store dir:channels --key ci.key --sign-off ana.signoff

Exits 0 when the channel has it, 1 when the store cannot be used, has no such version or somebody else published meanwhile, 5
when reviewers have to sign it off, 7 when an item of the store is spoilt, 8 when a key, a signature or what the channel holds
is not to be trusted.")]
pub(super) struct Args {
    #[command(flatten)]
    repository: Repository,
    #[command(flatten)]
    pub(super) target: Target,
    /// Version to go back to
    #[arg(long, value_name = "VERSION", value_parser = version)]
    to: ReleaseVersion,
}

fn version(text: &str) -> Result<ReleaseVersion, String> {
    let number = text.parse().ok().and_then(ReleaseVersion::new);
    number.ok_or_else(|| "a version is a number from 1 on".to_owned())
}

pub(super) fn run(args: &Args, console: &Console) -> Result<CommandAnswer, Failure> {
    let signatures = args.target.signatures()?;
    console.detail(format_args!("reading {}", args.repository.dir.display()));
    // Only the trust root of the folder counts here: what is published is in the store.
    let trust = read(&args.repository.dir, Wanted::Files)?.reading.trust;
    let root = super::sign::own_root(&trust)?.ok_or_else(no_root)?;
    let policies = args.target.open()?;
    let channel = &args.target.channel;
    let none = || {
        Failure::failed(format!(
            "the channel `{channel}` has no version {}",
            args.to
        ))
    };
    // 1. The release then, which the one after it names, and so on up to the head: each is believed because of the next.
    let head = policies.head(channel)?.ok_or_else(none)?;
    let mut link = Link::offered(&head.release, head.sign_off.as_deref(), &root);
    let then = loop {
        let found = link.map_err(Failure::untrusted)?;
        let release = found.release().document().clone();
        if release.version <= args.to {
            break release;
        }
        let (Some(before), Some(previous)) = (release.version.before(), release.previous) else {
            return Err(none());
        };
        let stored = policies.history(channel, before)?.ok_or_else(none)?;
        link = Link::before(&stored.release, previous, stored.sign_off.as_deref(), &root);
    };
    if then.version != args.to {
        return Err(none());
    }
    // 2. Its bundle, to the byte.
    let most = u64::try_from(MAX_BUNDLE_BYTES).unwrap_or(u64::MAX);
    let bytes = policies.bundle(then.bundle, most)?;
    let gone = || {
        Failure::failed(format!(
            "the bundle of version {} is not in the store",
            args.to
        ))
    };
    let built = Built {
        bytes: bytes.ok_or_else(gone)?,
        digest: then.bundle,
        parts: Vec::new(),
        signers: Vec::new(),
    };
    let channel = ChannelId {
        organisation: then.organisation.clone(),
        channel: channel.clone(),
    };
    let publication = Publication {
        channel: &channel,
        built: &built,
        commit: &then.commit,
        tests: then.tests,
        root: &root,
        root_file: None,
        keys: &signatures.keys,
        sign_offs: &signatures.sign_offs,
        now: Timestamp::now(),
        again: false,
    };
    let dir = args.repository.dir.to_string_lossy();
    finish("rollback", &args.target, &dir, &publication, &policies)
}
