//! `stopgate build`: the file that is published.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::json;
use stopgate_decide::digest::Digest;

use crate::build::{Built, build};
use crate::key::SigningKey;
use crate::reader::{Source, committed};
use crate::words::list;

use super::console::{CommandAnswer, Console, Failure, Format};
use super::exit::Exit;
use super::output::write_whole;
use super::repository::{Checked, Repository};
use super::source::said;

/// Compile a policy repository into one signed bundle
///
/// What is built is a commit: --rev, or HEAD if the folder holds exactly that, ignored files included. Files are built
/// only where there is no git repository. The same policy and keys give the same bytes. Without --key the bundle is not signed: it can be looked at, but no
/// sidecar loads it and `stopgate verify` exits 8.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stopgate build policies -o prod.stopgate --key ci.key
  stopgate build policies --rev main --expect sha256:5b0e… --key ci.key   what the gate judged, and nothing else
  stopgate build policies && tar tf policy.stopgate     what is in it

Exits 0 when it is written, 2 when the files are not what was committed, 3 when the policy is invalid, 7 when the bundle
is not the one that was expected, 8 when a key cannot be used.")]
pub(super) struct Args {
    #[command(flatten)]
    repository: Repository,
    /// File to write; replaced if it is there
    #[arg(short, long, value_name = "FILE", default_value = "policy.stopgate")]
    output: PathBuf,
    /// Key to sign with, made by `stopgate keygen`; repeat it to sign with several
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,
    /// Revision to build, read from git; left out: HEAD, if the files are exactly that
    #[arg(long, value_name = "REV")]
    rev: Option<String>,
    /// Write nothing unless the bundle has this digest, which the gate prints
    #[arg(long, value_name = "DIGEST")]
    expect: Option<Digest>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

pub(super) fn run(args: &Args, console: &Console) -> Result<CommandAnswer, Failure> {
    let keys = args
        .keys
        .iter()
        .map(|path| SigningKey::read(path))
        .collect::<Result<Vec<_>, _>>();
    let keys = keys.map_err(Failure::untrusted)?;
    let read = committed(&args.repository.dir, args.rev.as_deref())?;
    let valid = Checked::compile(read, console).valid("build", args.format, console)?;
    let built = build(&valid.policy, &keys)?;
    if let Some(expected) = args.expect.filter(|expected| *expected != built.digest) {
        let differs = format!(
            "what {} makes is {}, not {expected}",
            valid.source, built.digest
        );
        return Err(Failure::new(Exit::Differs, differs).with_help(
            "nothing is written; the gate's digest is that of the revision and the program it judged with, its zone data \
             included",
        ));
    }
    write_whole(&args.output, &built.bytes)?;
    if built.signers.is_empty() {
        console.progress(format_args!(
            "not signed: no sidecar will load it; sign with --key"
        ));
    }
    match args.format {
        Format::Json => CommandAnswer::json(
            "build",
            Exit::Fine,
            said(body(&built, &args.output), &valid.source),
        ),
        Format::Text => Ok(CommandAnswer::text(
            Exit::Fine,
            words(&built, &valid.source, &args.output),
        )),
    }
}

fn body(built: &Built, output: &Path) -> serde_json::Value {
    let parts = built
        .parts
        .iter()
        .map(|(name, size)| json!({"name": name, "size": size}));
    json!({
        "file": output.display().to_string(),
        "digest": built.digest,
        "size": built.bytes.len(),
        "signers": built.signers,
        "parts": parts.collect::<Vec<_>>(),
    })
}

fn words(built: &Built, source: &Source, output: &Path) -> String {
    let signers = if built.signers.is_empty() {
        "nobody".to_owned()
    } else {
        list(&built.signers)
    };
    let mut out = format!(
        "digest  {}\nsource  {source}\nfile    {}, {} bytes\nsigned  by {signers}\nparts\n",
        built.digest,
        output.display(),
        built.bytes.len()
    );
    for (name, size) in &built.parts {
        let _always_fits = writeln!(out, "  {size:>8}  {name}");
    }
    out
}
