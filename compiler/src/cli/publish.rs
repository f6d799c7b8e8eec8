//! `stopgate publish`: a commit becomes the policy of a channel.

use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::json;
use stopgate_decide::bundle::TrustRoot;
use stopgate_decide::digest::Digest;
use stopgate_decide::json::Json;
use stopgate_decide::name::ChannelName;
use stopgate_decide::supply::{ChannelId, MAX_DOCUMENT_BYTES, ReleaseChange};
use stopgate_decide::visible::visible;
use stopgate_store::{Items, Policies, StoreAddress, StoreError};

use crate::build::build;
use crate::key::SigningKey;
use crate::publish::{Passes, Plan, PlannedRelease, Publication, PublishError, RootOut};
use crate::reader::{Source, committed};
use crate::words::{list, word};

use super::console::{CommandAnswer, Console, Failure, Format};
use super::exit::Exit;
use super::output::read_whole;
use super::repository::{Checked, Repository, Valid};

/// Make a commit the policy of a channel
///
/// Builds and signs the bundle of a commit, compares it with the one that the channel has, and makes it the next version
/// if nobody can do more under it, or if reviewers signed off that they can (`stopgate signoff`). Everything is checked
/// as sidecars will check it, before anything is written. The head moves last, in one step: whoever is cut short, or
/// runs twice, begins again. If the channel has the bundle already, nothing is written. A trust root that follows another is
/// put into the store first, where sidecars find it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stopgate publish policies --channel prod --store dir:channels --key ci.key --plan    what would happen
  stopgate publish policies --channel prod --store dir:channels --key ci.key
  stopgate publish policies --channel prod --store dir:channels --key ci.key --sign-off ana.signoff

Exits 0 when the channel has it, 1 when the store cannot be used or somebody else published meanwhile, 2 when the files
are not what was committed, 3 when the policy is invalid, 5 when reviewers have to sign it off, 7 when the bundle is not
the one that was expected, 8 when a key, a signature or what the channel holds is not to be trusted.")]
pub(super) struct Args {
    #[command(flatten)]
    repository: Repository,
    #[command(flatten)]
    pub(super) target: Target,
    /// Revision to publish, read from git; left out: HEAD, if the files are exactly that
    #[arg(long, value_name = "REV")]
    rev: Option<String>,
    /// Publish also what the channel has already, as the next version: signed with these keys, because others leave. It takes a
    /// sign-off (`stopgate signoff --again`)
    #[arg(long)]
    again: bool,
    /// Write nothing unless the bundle has this digest, which the gate prints
    #[arg(long, value_name = "DIGEST")]
    expect: Option<Digest>,
}

/// Where a release is published, and by whom.
#[derive(Debug, clap::Args)]
pub(super) struct Target {
    /// Channel that gets it; the policy has to name it
    #[arg(long, value_name = "NAME")]
    pub(super) channel: ChannelName,
    /// Where channels are: dir:FOLDER or dynamodb:TABLE
    #[arg(long, value_name = "STORE")]
    store: StoreAddress,
    /// Key of a publisher, made by `stopgate keygen`; repeat it to sign with several
    #[arg(long = "key", value_name = "FILE", required = true)]
    keys: Vec<PathBuf>,
    /// What reviewers signed with `stopgate signoff`; repeat it for several
    #[arg(long = "sign-off", value_name = "FILE")]
    sign_offs: Vec<PathBuf>,
    /// Say what would happen, and write nothing
    #[arg(long)]
    plan: bool,
    /// Also write the rows that people read again, whatever somebody made of them
    #[arg(long, conflicts_with = "plan")]
    rows: bool,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

/// What signs a release: keys of publishers, and what reviewers signed.
pub(super) struct Signatures {
    pub(super) keys: Vec<SigningKey>,
    pub(super) sign_offs: Vec<Vec<u8>>,
}

impl Target {
    /// Reads the keys and the sign-offs.
    pub(super) fn signatures(&self) -> Result<Signatures, Failure> {
        let keys = self.keys.iter().map(|path| SigningKey::read(path));
        let keys = keys.collect::<Result<Vec<_>, _>>();
        let sign_offs = self.sign_offs.iter();
        let sign_offs = sign_offs.map(|path| read_whole(path, MAX_DOCUMENT_BYTES));
        Ok(Signatures {
            keys: keys.map_err(Failure::untrusted)?,
            sign_offs: sign_offs.collect::<Result<Vec<_>, _>>()?,
        })
    }

    /// Opens the store. The first publication makes a folder for one, a plan does not.
    pub(super) fn open(&self) -> Result<Policies<Box<dyn Items>>, Failure> {
        let opened = if self.plan {
            self.store.open()
        } else {
            self.store.open_or_create()
        };
        Ok(Policies::new(opened?))
    }
}

pub(super) fn run(args: &Args, console: &Console) -> Result<CommandAnswer, Failure> {
    let Target {
        channel, format, ..
    } = &args.target;
    let signatures = args.target.signatures()?;
    // 1. The bundle, and the root that sidecars are given.
    let read = committed(&args.repository.dir, args.rev.as_deref())?;
    let checked = Checked::compile(read, console);
    let root = super::sign::own_root(&checked.trust)?;
    let root_file = checked.trust.root.clone();
    let valid = checked.valid("publish", *format, console)?;
    let root = root.ok_or_else(no_root)?;
    let channel = ChannelId {
        organisation: valid.policy.organisation.clone(),
        channel: channel.clone(),
    };
    let built = build(&valid.policy, &signatures.keys)?;
    if let Some(expected) = args.expect.filter(|expected| *expected != built.digest) {
        let source = &valid.source;
        let differs = format!("what {source} makes is {}, not {expected}", built.digest);
        return Err(Failure::new(Exit::Differs, differs).with_help("nothing is published"));
    }
    let publication = Publication {
        channel: &channel,
        built: &built,
        commit: commit(&valid.source),
        tests: tests(&valid),
        root: &root,
        root_file: root_file.as_deref(),
        keys: &signatures.keys,
        sign_offs: &signatures.sign_offs,
        now: Timestamp::now(),
        again: args.again,
    };
    if let Err(failure) = is_named(&valid, &root, &channel, &built) {
        // Under an older root everything is in vain, and that is said before whose key is missing in it.
        if let Ok(store) = args.target.store.open() {
            by_newest_root(&publication, &Policies::new(store), args.target.plan)?;
        }
        return Err(failure);
    }
    // 2. What it would do, whether anybody has to sign it off, and then the writes.
    let dir = args.repository.dir.to_string_lossy();
    finish(
        "publish",
        &args.target,
        &dir,
        &publication,
        &args.target.open()?,
    )
}

/// Publishes what is to be published, or says who has to sign it off, as the answer of `command`. `dir` is where the
/// policy's repository is.
pub(super) fn finish<S: Items>(
    command: &str,
    target: &Target,
    dir: &str,
    publication: &Publication<'_>,
    policies: &Policies<S>,
) -> Result<CommandAnswer, Failure> {
    let Target {
        channel,
        store,
        format,
        ..
    } = target;
    let answer = |exit: Exit, text: String, body: serde_json::Value| match format {
        Format::Json => CommandAnswer::json(command, exit, body),
        Format::Text => Ok(CommandAnswer::text(exit, text)),
    };
    let digest = publication.built.digest;
    let plan = match publication.plan(policies) {
        Err(PublishError::OlderRoot { .. }) => {
            by_newest_root(publication, policies, target.plan)?;
            publication.plan(policies)?
        }
        plan => plan?,
    };
    let planned = match &plan {
        Plan::Release(planned) => planned,
        Plan::Unchanged(version) => {
            let out = match target.plan {
                true => None,
                false => publication.hand_out_root(policies, false)?,
            };
            let mut text = match out {
                None => format!(
                    "unchanged  {channel} has {digest} since version {version}, nothing is written\n"
                ),
                Some(out) => format!(
                    "unchanged  {channel} has {digest} since version {version}\n{}",
                    told_root(out)
                ),
            };
            let mut body = json!({
                "channel": channel,
                "version": version,
                "bundle": digest,
                "outcome": "unchanged",
            });
            with_root(&mut body, out);
            if target.rows {
                let mended = publication.mend_rows(policies)?;
                text = format!(
                    "unchanged  {channel} has {digest} since version {version}\n{}rows       {mended} were something else, and are written again\n",
                    out.map(told_root).unwrap_or_default()
                );
                if let Some(object) = body.as_object_mut() {
                    object.insert("rows_mended".to_owned(), json!(mended));
                }
            }
            return answer(Exit::Fine, text, body);
        }
    };
    if let Passes::NeedsSignOff(missing) = &planned.passes {
        let needs = format!("reviewers have to sign it off: {missing}");
        let ask = ask_for(dir, planned);
        let text = format!("{}sign-off   {needs}\n           {ask}\n", told(planned));
        let body = body(planned, "needs_sign_off", Some(&needs));
        return answer(Exit::ReviewNeeded, text, body);
    }
    if target.plan {
        let text = format!("{}planned    nothing is written\n", told(planned));
        return answer(Exit::Fine, text, body(planned, "planned", None));
    }
    let out = publication.publish(planned, policies)?;
    if target.rows {
        publication.mend_rows(policies)?;
    }
    let text = format!(
        "{}{}published  {channel} in {store}\n",
        told(planned),
        out.map(told_root).unwrap_or_default()
    );
    let mut body = body(planned, "published", None);
    with_root(&mut body, out);
    answer(Exit::Fine, text, body)
}

/// Checks that sidecars go by no newer root. A root that is missing between others in the store is put there on the way.
fn by_newest_root<S: Items>(
    publication: &Publication<'_>,
    policies: &Policies<S>,
    is_plan: bool,
) -> Result<(), Failure> {
    let Err(older) = publication.is_newest_root(policies) else {
        return Ok(());
    };
    let missing = match is_plan {
        true => None,
        false => publication.hand_out_root(policies, false)?,
    };
    let failure = Failure::from(older);
    Err(match missing {
        None => failure,
        Some(RootOut { version, .. }) => failure.with_help(format!(
            "version {version} was missing in the store and is there now; publish a commit that has the newest \
             trust/root.dsse.json"
        )),
    })
}

/// Returns what became of the trust root, as a line.
fn told_root(RootOut { version, follows }: RootOut) -> String {
    let before = version.saturating_sub(1);
    let gap = if follows {
        String::new()
    } else {
        format!(
            ", and version {before} is not: publish the commit that has it, so that sidecars with an older one come to this"
        )
    };
    format!("root       version {version} of the trust root is in the store now{gap}\n")
}

fn with_root(body: &mut serde_json::Value, out: Option<RootOut>) {
    if let (Some(out), Some(object)) = (out, body.as_object_mut()) {
        object.insert(
            "root".to_owned(),
            json!({"version": out.version, "follows": out.follows}),
        );
    }
}

/// Checks that the policy names the channel: sidecars would refuse another.
fn is_named(
    valid: &Valid,
    root: &TrustRoot,
    channel: &ChannelId,
    built: &crate::build::Built,
) -> Result<(), Failure> {
    let channel = &channel.channel;
    if valid.policy.channels.contains_key(channel) {
        // Who signs the bundle is told here, before the store is asked for anything.
        return stopgate_decide::bundle::Bundle::open(&built.bytes, root)
            .map(|_| ())
            .map_err(Failure::untrusted);
    }
    let named = list(valid.policy.channels.keys());
    let message = format!("stopgate.yaml names no channel `{channel}`");
    Err(Failure::usage(message).with_help(format!("its channels are {named}")))
}

/// Returns the commit, or what else it was built from.
fn commit(source: &Source) -> &str {
    match source {
        Source::Revision { commit, .. } => commit,
        Source::Files(_) | Source::Staged(_) => "files in no git repository",
    }
}

/// Returns a digest of the decision tables beside the policy.
fn tests(valid: &Valid) -> Digest {
    let text = |text: &str| Json::String(text.to_owned());
    let tables = valid.sources.files();
    let tables = tables.filter(|file| file.path().starts_with("tests/"));
    let mut tables: Vec<_> = tables
        .map(|file| {
            let digest = Digest::compute(file.text().as_bytes());
            (file.path().to_string(), digest.to_string())
        })
        .collect();
    tables.sort();
    let tables = tables
        .iter()
        .map(|(path, digest)| Json::Array(vec![text(path), text(digest)]));
    Json::Array(tables.collect()).digest("stopgate-tests")
}

/// Returns what the plan is, in lines.
fn told(planned: &PlannedRelease) -> String {
    let release = &planned.release;
    let passes = match &planned.passes {
        Passes::NotLooser => "nobody can do more under it".to_owned(),
        Passes::SignedOff(keys) => format!("signed off with {}", list(keys)),
        Passes::NeedsSignOff(_) => "somebody may be able to do more under it".to_owned(),
    };
    let base = planned.before.as_ref().map_or_else(
        || "nothing, it is the first".to_owned(),
        |before| {
            let before = &before.release;
            format!("version {}, {}", before.version, before.bundle)
        },
    );
    format!(
        "version    {}\nbundle     {}\ncommit     {}\nreplaces   {base}\nchange     {passes}\n",
        release.version,
        release.bundle,
        visible(&release.commit, 100)
    )
}

/// Returns the command with which a reviewer signs the release off.
fn ask_for(dir: &str, planned: &PlannedRelease) -> String {
    let before = planned.before.as_ref();
    let base = before.map_or("empty", |before| before.release.commit.as_str());
    let again = match planned.release.change {
        ReleaseChange::Same => " --again",
        ReleaseChange::Stricter | ReleaseChange::Looser => "",
    };
    format!(
        "stopgate signoff {} --base {} --rev {} --key KEY{again}",
        word(dir),
        word(&visible(base, 100)),
        word(&visible(&planned.release.commit, 100)),
    )
}

fn body(planned: &PlannedRelease, outcome: &str, why: Option<&str>) -> serde_json::Value {
    let release = &planned.release;
    let signed_off = match &planned.passes {
        Passes::SignedOff(keys) => keys.as_slice(),
        Passes::NotLooser | Passes::NeedsSignOff(_) => &[],
    };
    let mut body = json!({
        "channel": release.channel,
        "version": release.version,
        "bundle": release.bundle,
        "commit": release.commit,
        "change": release.change,
        "signed_off_by": signed_off,
        "outcome": outcome,
    });
    if let Some(object) = body.as_object_mut() {
        if let Some(before) = &planned.before {
            let before = json!({
                "version": before.release.version,
                "bundle": before.release.bundle,
                "commit": before.release.commit,
            });
            object.insert("replaces".to_owned(), before);
        }
        if let Some(why) = why {
            object.insert("why".to_owned(), json!(why));
        }
    }
    body
}

pub(super) fn no_root() -> Failure {
    Failure::untrusted(
        "the repository has no trust/root.dsse.json, so no sidecar would trust a release",
    )
    .with_help("`stopgate root --publisher FILE --reviewer FILE --timestamp FILE` makes one")
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Spoilt { .. } => Self::new(Exit::Differs, error)
                .with_help("somebody else wrote to the store, or its disk is damaged"),
            StoreError::Conflict { .. }
            | StoreError::Unavailable { .. }
            | StoreError::Invalid(_) => Self::failed(error),
        }
    }
}

impl From<PublishError> for Failure {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Store(error) => error.into(),
            PublishError::Conflict(_) => Self::failed(error)
                .with_help("run it again: the plan is made anew, beside what is there now"),
            PublishError::NoBase(_) | PublishError::Versions(_) => Self::failed(error),
            PublishError::Head(_) => Self::untrusted(error).with_help(
                "sidecars keep what they have; find out who wrote to the store before anything is published",
            ),
            PublishError::OlderRoot { .. } => Self::untrusted(error)
                .with_help("publish a commit that has the newest trust/root.dsse.json"),
            PublishError::OtherRoot(_) => Self::untrusted(error)
                .with_help("sidecars have the one or the other: find out who signed it, and make a next version that follows the one they have"),
            PublishError::SignOffs => Self::usage(error),
            PublishError::NotAgain(_) => Self::usage(error)
                .with_help("publish the commit that the channel has with --rev, or this one without --again"),
            PublishError::Base(_)
            | PublishError::Bundle(_)
            | PublishError::Release(_)
            | PublishError::Document { .. }
            | PublishError::OtherChange(_)
            | PublishError::Key(_) => Self::untrusted(error),
        }
    }
}
