//! `stopgate signoff`: reviewers let a change pass from one bundle to another.

use std::collections::BTreeSet;
use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::json;
use stopgate_decide::digest::Digest;
use stopgate_decide::supply::{FormatOne, SignOff, Unsealed};
use stopgate_decide::surface::Risk;
use stopgate_decide::visible::visible;

use crate::build::digest;
use crate::compared::{About, CompareError, Compared};
use crate::diff::Limits;
use crate::gate::{Gate, GateReport};
use crate::key::SigningKey;
use crate::publish::seal;
use crate::reader::{Source, committed};
use crate::report::text;

use super::comparing::{telling, today};
use super::console::{CommandAnswer, Console, Failure, Format};
use super::diff::exit;
use super::exit::Exit;
use super::output::write_whole;
use super::repository::{Checked, Repository, diagnostics};
use super::sign::{agree, own_root, reviewer};
use super::worker::program;

/// Sign off that a release may be looser, as a reviewer
///
/// Runs the gate over the change with the reviewer's own program, shows its verdict and the two bundles, and asks;
/// without a terminal, --yes has to bring the digest of what is signed. It lets exactly this change pass, in every channel
/// that has the base's bundle. What the gate does not pass is not signed off: first come the waivers.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stopgate signoff policies --base v12 --rev v13 --key ana.key -o ana.signoff
  stopgate signoff policies --base empty --key ana.key                   the first policy of all

Exits 0 when it is signed, 2 when the files are not what was committed, 3 when the policy is invalid, 5 when the gate
does not let the change pass, 6 when it could not be decided, 8 when it was not agreed to or the key is no reviewer's.")]
pub(super) struct Args {
    #[command(flatten)]
    repository: Repository,
    /// Revision whose bundle the channel has; `empty` where there is none yet
    #[arg(long, value_name = "REV")]
    base: String,
    /// Revision that will be published, read from git; left out: HEAD, if the files are exactly that
    #[arg(long, value_name = "REV")]
    rev: Option<String>,
    /// Sign off that a channel's bundle is published once more, because a publisher's key leaves: base and rev make the same
    #[arg(long)]
    again: bool,
    /// Private key of the reviewer
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Sign without asking if what is signed has this digest
    #[arg(long, value_name = "DIGEST")]
    yes: Option<Digest>,
    /// File to write; left out: KEYID.signoff
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

pub(super) fn run(args: &Args, console: &Console) -> Result<CommandAnswer, Failure> {
    let key = SigningKey::read(&args.key).map_err(Failure::untrusted)?;
    let id = key.public().map_err(Failure::untrusted)?.id();
    let read = committed(&args.repository.dir, args.rev.as_deref())?;
    let Checked { trust, source, .. } = Checked::compile(read, console);
    // Sidecars judge it by the root that they have, which is the one that stands beside the policy.
    let root = own_root(&trust)?;
    let owner = reviewer(root.as_ref(), "the repository", &id)?;
    // A name could move between two looks; a commit does not.
    let Source::Revision { commit: head, .. } = &source else {
        return Err(Failure::usage(
            "a change of commits is signed off, and the folder is in no git repository",
        ));
    };
    let compared = Compared::read(
        &args.repository.dir,
        (&args.base, head),
        About::Everything,
        &Limits::by(program()),
        Timestamp::now(),
        &telling(console),
    );
    let compared = match compared {
        Err(CompareError::Invalid(head)) => {
            let shape = (Exit::Invalid, args.format);
            return diagnostics("signoff", &head.0, &head.1, shape, console);
        }
        other => other?,
    };
    let gate = compared.judged(&compared.signatures, today());
    let found = GateReport {
        diff: gate.diff,
        settings: gate.settings,
        folder: &args.repository.dir,
        waivers: &gate.shown(),
        to_sign: gate.to_sign.as_ref(),
        bundle: compared.bundle,
        mend: &gate.mend(),
    };
    let verdict = text::diff(&found, false);
    let exit = exit(&gate);
    if exit != Exit::Fine {
        console.progress(format_args!(
            "the gate does not let the change pass, so it is not signed off"
        ));
        return match args.format {
            Format::Json => CommandAnswer::json("signoff", exit, json!({"verdict": verdict})),
            Format::Text => Ok(CommandAnswer::text(exit, verdict)),
        };
    }
    // A base that means nothing any more is not the same as none: a sign-off from no policy lets a first release pass.
    if compared.base.is_none() && compared.base_side().commit.is_some() {
        return Err(Failure::usage(
            "the base does not compile any more, so nobody can say from which bundle the change goes",
        ));
    }
    let sign_off = sign_off(&compared, &gate, args.again)?;
    let document = Unsealed::new(&sign_off).map_err(Failure::failed)?;
    let signed = document.digest();
    let shown = shown(&verdict, &sign_off, (&id, &owner), signed);
    let asked = agree((args.yes, signed), &shown)?;
    let bytes = seal(document, std::slice::from_ref(&key)).map_err(Failure::untrusted)?;
    let own = || PathBuf::from(format!("{id}.signoff"));
    let output = args.output.clone().unwrap_or_else(own);
    write_whole(&output, &bytes)?;
    match args.format {
        Format::Json => {
            let body = json!({
                "organisation": sign_off.organisation,
                "base": sign_off.base,
                "bundle": sign_off.bundle,
                "risk": sign_off.risk,
                "waivers": sign_off.waivers,
                "digest": signed,
                "signer": {"id": id, "owner": owner},
                "file": output.display().to_string(),
            });
            CommandAnswer::json("signoff", Exit::Fine, body)
        }
        Format::Text => {
            let shown = if asked { "" } else { &shown };
            let text = format!("{shown}signed     {}\n", output.display());
            Ok(CommandAnswer::text(Exit::Fine, text))
        }
    }
}

/// Returns what is signed: the change, at the highest risk at which the gate found it looser.
fn sign_off(compared: &Compared, gate: &Gate<'_>, again: bool) -> Result<SignOff, Failure> {
    let base = compared.base.as_ref().map(|base| digest(&base.policy));
    let base = base.transpose()?;
    let bundle = match compared.bundle {
        Some(bundle) => bundle,
        None => digest(&compared.head.policy)?,
    };
    let is_same = base == Some(bundle);
    if is_same && !again {
        let same = "both revisions make the same bundle: there is nothing to sign off";
        let help = "for `stopgate publish --again`, add --again";
        return Err(Failure::usage(same).with_help(help));
    }
    if again && !is_same {
        return Err(Failure::usage(
            "the revisions make different bundles: that is a change, and nothing is published again",
        ));
    }
    let risks = gate.judged.iter().map(|(loosening, _)| loosening.risk);
    // Before a first policy nobody could do anything, so the first one is looser everywhere.
    let risk = match base {
        Some(_) => risks.max().unwrap_or(Risk::Low),
        None => Risk::High,
    };
    let holds = compared.holds();
    let waivers = gate.waivers.iter().filter_map(|report| {
        let waiver = compared.waiver(report.id.as_str())?;
        Some(waiver.statement(holds.as_ref()?).digest())
    });
    Ok(SignOff {
        format: FormatOne,
        organisation: compared.head.policy.organisation.clone(),
        base,
        bundle,
        risk,
        waivers: waivers.collect::<BTreeSet<_>>(),
    })
}

/// Returns everything that a reviewer reads before signing.
fn shown(verdict: &str, sign_off: &SignOff, (id, owner): (&str, &str), signed: Digest) -> String {
    let base = sign_off
        .base
        .map_or_else(|| "no policy".to_owned(), |base| base.to_string());
    format!(
        "{verdict}\nfrom       {base}\nto         {}\nof         {}, at risk {} at most\nkey        {id} ({})\ndigest     {signed}\n",
        sign_off.bundle,
        sign_off.organisation,
        sign_off.risk,
        visible(owner, 60)
    )
}
