//! `stopgate build`: the file that is published.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::console::{Answer, Console, Failure, Format};
use super::exit::Exit;
use super::output::write_whole;
use super::repository::Repository;
use crate::build::{Built, build};
use crate::key::SigningKey;

/// Compile a policy repository into one signed bundle
///
/// The same policy and keys give the same bytes. Without --key the bundle is not signed: it can be looked at, but no
/// sidecar loads it and `stopgate verify` exits 8.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stopgate build policies -o prod.stopgate --key ci.key
  stopgate build policies && tar tf policy.stopgate     what is in it

Exits 0 when it is written, 3 when the policy is invalid, 8 when a key cannot be used.")]
pub(super) struct Args {
    #[command(flatten)]
    repository: Repository,
    /// File to write; replaced if it is there
    #[arg(short, long, value_name = "FILE", default_value = "policy.stopgate")]
    output: PathBuf,
    /// Key to sign with, made by `stopgate keygen`; repeat it to sign with several
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

pub(super) fn run(args: &Args, console: &Console) -> Result<Answer, Failure> {
    let keys = args
        .keys
        .iter()
        .map(|path| SigningKey::read(path))
        .collect::<Result<Vec<_>, _>>();
    let keys = keys.map_err(Failure::untrusted)?;
    let valid = args.repository.valid("build", args.format, console)?;
    let built = build(&valid.policy, &keys)?;
    write_whole(&args.output, &built.bytes)?;
    if built.signers.is_empty() {
        console.progress(format_args!(
            "not signed: no sidecar will load it; sign with --key"
        ));
    }
    match args.format {
        Format::Json => Answer::json("build", Exit::Fine, body(&built, &args.output)),
        Format::Text => Ok(Answer::text(Exit::Fine, words(&built, &args.output))),
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

fn words(built: &Built, output: &Path) -> String {
    let signers = if built.signers.is_empty() {
        "nobody".to_owned()
    } else {
        built.signers.join(", ")
    };
    let mut out = format!(
        "digest  {}\nfile    {}, {} bytes\nsigned  by {signers}\nparts\n",
        built.digest,
        output.display(),
        built.bytes.len()
    );
    for (name, size) in &built.parts {
        let _always_fits = writeln!(out, "  {size:>8}  {name}");
    }
    out
}
