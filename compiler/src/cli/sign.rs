//! `stopgate sign`: a reviewer's signature of a waiver or a review.

use std::io::{BufRead, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use jiff::{Timestamp, civil::Date};
use serde_json::json;
use stopgate_author::compile::Compiled;
use stopgate_author::policy::Gate;
use stopgate_author::waiver::Jurisdiction;
use stopgate_decide::bundle::TrustRoot;
use stopgate_decide::bundle::root::Role;
use stopgate_decide::digest::Digest;
use stopgate_decide::visible::visible;

use crate::compared::{About, CompareError, Compared};
use crate::diff::{Limits, Side};
use crate::key::SigningKey;
use crate::reader::{Source, committed};
use crate::sign::{Paper, SignError};
use crate::words::word;
use crate::workspace::trust::Trust;
use crate::{review, waiver};

use super::comparing::{telling, today};
use super::console::{CommandAnswer, Console, Failure, Format};
use super::exit::Exit;
use super::output::write_whole;
use super::repository::{Checked, diagnostics};
use super::shown;
use super::worker::program;

/// Sign a waiver or a review, as a reviewer
///
/// Shows what the document says, what the gate found about everything that a waiver names, and the digest, and asks;
/// without a terminal, --yes has to bring the digest. Comments are not signed, everything else is. The signature goes
/// into a file beside the document, ID.KEYID.sig; what is signed is a commit. A waiver's counts where the trust root of the revision that is changed
/// lists the key as a reviewer's; a review's, where the repository's own does.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stopgate sign policies/waivers/2026-014.yaml --waiver --base origin/main --key ana.key
  stopgate sign policies/reviews/2027-Q1.yaml --review --key ana.key --yes sha256:5b0e…

Exits 0 when it is signed, 2 when the files are not what was committed, 3 when the policy is invalid, 8 when it was not agreed to, the key cannot be used or is no
reviewer's, or the signature would count for nothing: the waiver has expired, would hold too long, or names what is
not in the change.")]
pub(super) struct Args {
    /// waivers/ID.yaml or reviews/ID.yaml of a policy repository
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The file is a waiver or a review
    #[arg(long, visible_alias = "review", required = true)]
    waiver: bool,
    /// Revision that the change goes into; a waiver needs it
    #[arg(long, value_name = "REV")]
    base: Option<String>,
    /// Revision that holds the document and the change, read from git; left out: HEAD, if the files are exactly that
    #[arg(long, value_name = "REV")]
    rev: Option<String>,
    /// Private key of the reviewer
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Sign without asking if the document has this digest
    #[arg(long, value_name = "DIGEST")]
    yes: Option<Digest>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

pub(super) fn run(args: &Args, console: &Console) -> Result<CommandAnswer, Failure> {
    let place = PaperPlace::from_path(&args.file)?;
    let key = SigningKey::read(&args.key).map_err(Failure::untrusted)?;
    let read = committed(&place.repository, args.rev.as_deref())?;
    let Checked {
        compiled,
        trust,
        source,
    } = Checked::compile(read, console);
    let policy = compiled.policy.as_ref();
    let Some((gate, organisation)) = policy.map(|policy| (policy.gate, &policy.organisation))
    else {
        let shape = (Exit::Invalid, args.format);
        let answer = diagnostics("sign", &compiled, &source, shape, console)?;
        return Err(Failure::Answered(answer));
    };
    let paper = place.paper(&compiled)?;
    let today = today();
    let id = key.public().map_err(Failure::untrusted)?.id();
    let (gate, holds, owner, summary) = match &paper {
        Paper::Review(_) => {
            paper.refuse(gate, today)?;
            let root = own_root(&trust)?;
            let owner = reviewer(root.as_ref(), "the repository", &id)?;
            let holds = Jurisdiction::new(organisation, root.as_ref());
            (gate, holds, owner, paper.summary(today, None))
        }
        Paper::Waiver(waiver) => {
            let base = args.base.as_deref().ok_or_else(no_base)?;
            // A name could move between two looks; a commit does not.
            let Source::Revision { commit: head, .. } = &source else {
                return Err(no_commit());
            };
            let compared = Compared::read(
                &place.repository,
                (base, head),
                About::Difference,
                &Limits::by(program()),
                Timestamp::now(),
                &telling(console),
            );
            let compared = match compared {
                Err(CompareError::Invalid(head)) => {
                    let shape = (Exit::Invalid, args.format);
                    return diagnostics("sign", &head.0, &head.1, shape, console);
                }
                other => other?,
            };
            // What is signed is what was compared.
            if compared.waiver(&place.id) != Some(waiver) {
                let changed = format!("the waiver `{}` was changed while it was read", place.id);
                return Err(Failure::failed(changed));
            }
            let holds = compared.holds().ok_or_else(|| unread(base))?;
            paper.refuse(compared.gate(), today)?;
            let owner = reviewer(compared.root.as_ref(), base, &id)?;
            // Other signatures decide nothing about whether this one is worth making.
            let judged = compared.judged(&[], today);
            if let Some(why) = crate::sign::worthless(&judged, waiver) {
                let help = format!(
                    "`stopgate diff {}--base {}` prints the waiver that the change needs",
                    place.named,
                    word(base)
                );
                return Err(Failure::untrusted(why).with_help(help));
            }
            let Side { name, commit } = compared.base_side();
            let commit = commit.as_deref().unwrap_or("no commit");
            let named = if name == commit {
                commit.to_owned()
            } else {
                format!("{} ({commit})", visible(name, 300))
            };
            let summary = paper.summary(today, Some(&judged));
            let summary = format!("{summary}base     {named}\n");
            (compared.gate(), holds, owner, summary)
        }
    };
    let digest = paper.statement(&holds).digest();
    let Jurisdiction { organisation, root } = &holds;
    let root = root.map_or_else(|| "none".to_owned(), |root| root.to_string());
    let owner = visible(&owner, 60);
    let source = source.to_string();
    let head = visible(&source, 300);
    let shown = format!(
        "{summary}head     {head}\nholds    for {organisation}, under the root role {root}\nkey      {id} ({owner})\ndigest   {digest}\n"
    );
    let asked = agree((args.yes, digest), &shown)?;
    let written = write(&place, &paper, (&key, &holds), (gate, today))?;
    match args.format {
        Format::Json => {
            let body = json!({
                "kind": place.kind,
                "id": paper.id(),
                "digest": digest,
                "holds": {"organisation": organisation, "root": holds.root},
                "signer": {"id": id, "owner": owner},
                "file": written,
                "source": source,
            });
            CommandAnswer::json("sign", Exit::Fine, body)
        }
        Format::Text => {
            let shown = if asked { "" } else { &shown };
            let text = format!("{shown}signed   {written}\n");
            Ok(CommandAnswer::text(Exit::Fine, text))
        }
    }
}

/// Where a document to sign stands.
struct PaperPlace {
    repository: PathBuf,
    /// The same as an argument of a command, with a space behind it; empty where it is left out.
    named: String,
    /// `waiver` or `review`.
    kind: &'static str,
    /// The stem of its file.
    id: String,
}

impl PaperPlace {
    fn from_path(file: &Path) -> Result<Self, Failure> {
        let elsewhere = || {
            Failure::usage(format!("{} is no waiver and no review", file.display())).with_help(
                "waivers are waivers/ID.yaml and reviews are reviews/ID.yaml of a policy repository",
            )
        };
        let path = std::fs::canonicalize(file).map_err(|error| {
            Failure::usage(format!("{} cannot be read: {error}", file.display()))
        })?;
        let folder = path.parent().ok_or_else(elsewhere)?;
        let kind = match folder.file_name().and_then(|name| name.to_str()) {
            Some(waiver::FOLDER) => "waiver",
            Some(review::FOLDER) => "review",
            Some(_) | None => return Err(elsewhere()),
        };
        let name = path.file_name().and_then(|name| name.to_str());
        let id = name.and_then(|name| name.strip_suffix(".yaml"));
        let repository = folder.parent().ok_or_else(elsewhere)?;
        // As it was typed, if the file's own folder was.
        let typed = file
            .parent()
            .filter(|typed| typed.file_name() == folder.file_name());
        let named = typed.and_then(Path::parent).unwrap_or(repository);
        let named = named.to_string_lossy();
        Ok(Self {
            named: if named.is_empty() {
                String::new()
            } else {
                format!("{} ", word(&named))
            },
            repository: repository.to_owned(),
            kind,
            id: id.ok_or_else(elsewhere)?.to_owned(),
        })
    }

    /// Returns the document to sign, out of the whole compiled repository.
    fn paper(&self, compiled: &Compiled) -> Result<Paper, Failure> {
        let waivers = compiled.waivers.iter().cloned().map(Paper::Waiver);
        let reviews = compiled.reviews.iter().cloned().map(Paper::Review);
        let is_it = |paper: &Paper| match paper {
            Paper::Waiver(waiver) => self.kind == "waiver" && waiver.id.as_str() == self.id,
            Paper::Review(review) => self.kind == "review" && review.id.as_str() == self.id,
        };
        let mut all = waivers.chain(reviews);
        let missing =
            || Failure::usage(format!("the repository has no {} `{}`", self.kind, self.id));
        all.find(is_it).ok_or_else(missing)
    }
}

fn no_base() -> Failure {
    Failure::usage("a waiver is signed for the change of a revision, and none is named")
        .with_help("add --base REV, the revision that the change goes into, such as origin/main")
}

fn no_commit() -> Failure {
    Failure::usage("a waiver is signed for a commit, and the folder is in no git repository")
        .with_help("commit the change and its waiver, and sign there")
}

/// Refuses to sign a waiver where the base's organisation, to which signatures are bound, cannot be read.
fn unread(base: &str) -> Failure {
    let message = format!(
        "stopgate.yaml of {} cannot be read, so no signature is bound to its organisation",
        visible(base, 300)
    );
    let help = "mend it first, by a change that people merge by hand: no waiver counts before";
    Failure::untrusted(message).with_help(help)
}

/// Returns the repository's own trust root, verified.
pub(super) fn own_root(trust: &Trust) -> Result<Option<TrustRoot>, Failure> {
    let open = |bytes: &Vec<u8>| TrustRoot::open(bytes, Timestamp::now());
    let opened = trust.root.as_ref().map(open);
    opened.transpose().map_err(Failure::untrusted)
}

/// Returns who holds the key `id`, which has to be a reviewer's in `root`, the trust root of `place`.
pub(super) fn reviewer(root: Option<&TrustRoot>, place: &str, id: &str) -> Result<String, Failure> {
    let help = "`stopgate root --reviewer FILE` makes a trust root with reviewers; it counts once it is in the base";
    let none = || {
        let none = format!("{place} has no trust/root.dsse.json, so nobody can sign");
        Failure::untrusted(none).with_help(help)
    };
    let root = root.ok_or_else(none)?;
    if !root.has(Role::Reviewer, id) {
        let message = format!("the key {id} is no reviewer's in trust/root.dsse.json of {place}");
        let statement = root.statement();
        let keys = statement.roles.reviewer.iter().flat_map(|role| &role.keys);
        let owners = keys.filter_map(|id| Some(visible(&statement.keys.get(id)?.owner, 60)));
        let owners: Vec<String> = owners.collect();
        let help = match owners.as_slice() {
            [] => help.to_owned(),
            owners => format!("its reviewers are {}", owners.join(", ")),
        };
        return Err(Failure::untrusted(message).with_help(help));
    }
    let key = root.statement().keys.get(id);
    Ok(key.map(|key| key.owner.clone()).unwrap_or_default())
}

/// Asks the person at the terminal whether what is `shown`, with this `digest`, is to be signed; asks nobody if the
/// digest was `given`. Returns whether somebody was asked.
pub(super) fn agree(
    (given, digest): (Option<Digest>, Digest),
    shown: &str,
) -> Result<bool, Failure> {
    if let Some(agreed) = given {
        return same(agreed, digest).map(|()| false);
    }
    let stdin = std::io::stdin();
    let err = std::io::stderr().lock();
    if stdin.is_terminal() {
        return ask(stdin.lock(), err, shown).map(|()| true);
    }
    say(err, shown)?;
    Err(Failure::untrusted("nobody is there to be asked")
        .with_help(format!("to agree to what is shown, add --yes {digest}")))
}

fn same(agreed: Digest, digest: Digest) -> Result<(), Failure> {
    if agreed == digest {
        return Ok(());
    }
    let message = format!("what is there is {digest}, not the {agreed} that was agreed to");
    Err(Failure::untrusted(message).with_help("look at it again, and sign what you see"))
}

/// Shows what is signed and asks the person for a yes. Only `yes` is one.
fn ask(mut person: impl BufRead, err: impl Write, shown: &str) -> Result<(), Failure> {
    say(err, &format!("{shown}sign it? type yes: "))?;
    let mut answer = String::new();
    person.read_line(&mut answer).map_err(Failure::failed)?;
    if answer.trim() == "yes" {
        Ok(())
    } else {
        Err(Failure::untrusted("not agreed to, so not signed"))
    }
}

/// Writes what has to be read before signing, and fails if that cannot be written: nobody agreed to what nobody could
/// read.
fn say(mut err: impl Write, text: &str) -> Result<(), Failure> {
    let text = shown::text(text.to_owned());
    err.write_all(text.as_bytes())
        .and_then(|()| err.flush())
        .map_err(Failure::failed)
}

/// Signs the document, and says where the signature is.
fn write(
    place: &PaperPlace,
    paper: &Paper,
    (key, holds): (&SigningKey, &Jurisdiction),
    (gate, today): (Gate, Date),
) -> Result<String, Failure> {
    let (path, bytes) = paper.sign(key, holds, gate, today)?;
    let path = place.repository.join(path);
    write_whole(&path, &bytes)?;
    Ok(path.display().to_string())
}

impl From<SignError> for Failure {
    fn from(error: SignError) -> Self {
        match error {
            SignError::Waiver { .. } | SignError::Review { .. } => {
                Self::untrusted(error).with_help("change its day, and have it signed then")
            }
            SignError::TooLong | SignError::Key(_) => Self::untrusted(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_a_yes_and_it_is_asked_after_everything_is_shown() {
        for (answer, agreed) in [
            ("yes\n", true),
            (" yes \r\n", true),
            ("y\n", false),
            ("YES\n", false),
            ("yes please\n", false),
            ("\n", false),
            ("", false),
            ("no\nyes\n", false),
        ] {
            let mut shown = Vec::new();
            let asked = ask(answer.as_bytes(), &mut shown, "waiver   2026-014\n");
            assert_eq!(asked.is_ok(), agreed, "{answer:?}");
            let shown = String::from_utf8(shown).expect("text");
            assert_eq!(shown, "waiver   2026-014\nsign it? type yes: ");
        }
    }
}
