//! `stopgate keygen`: a new signing key.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde::Serialize;
use stopgate_decide::name::OwnerName;

use crate::key::SigningKey;

use super::console::{CommandAnswer, Failure, Format};
use super::exit::Exit;

/// Make an Ed25519 signing key
///
/// Writes NAME.key, which only its owner can read, and NAME.pub, which goes into the trust root. Nothing is
/// overwritten. The private key is not encrypted: keep it where only the signer can read it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stopgate keygen ci                     ./ci.key and ./ci.pub
  stopgate keygen root -o ~/offline      the key that signs the trust root")]
pub(super) struct Args {
    /// Name of the key, as the trust root will list it
    #[arg(value_parser = clap::value_parser!(OwnerName))]
    name: OwnerName,
    /// Folder the two files go to
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    output: PathBuf,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

#[derive(Serialize)]
struct Made<'a> {
    name: &'a str,
    id: String,
    private_key: String,
    public_key: String,
    public: String,
}

pub(super) fn run(args: &Args) -> Result<CommandAnswer, Failure> {
    let name = args.name.as_str();
    let private_key = args.output.join(format!("{name}.key"));
    let public_key = args.output.join(format!("{name}.pub"));
    if let Some(there) = [&private_key, &public_key]
        .into_iter()
        .find(|path| path.exists())
    {
        return Err(Failure::usage(format!(
            "{} exists and is not overwritten",
            there.display()
        )));
    }
    if !args.output.is_dir() {
        let folder = args.output.display();
        return Err(
            Failure::failed(format!("there is no folder {folder}")).with_help("make it first")
        );
    }
    let key = SigningKey::generate().map_err(Failure::failed)?;
    let public = key.public().map_err(Failure::failed)?;
    key.write_new(&private_key)
        .and_then(|()| public.write_new(&public_key))
        .map_err(Failure::failed)?;
    let made = Made {
        name,
        id: public.id(),
        private_key: private_key.display().to_string(),
        public_key: public_key.display().to_string(),
        public: public.to_string(),
    };
    match args.format {
        Format::Json => CommandAnswer::json("keygen", Exit::Fine, made),
        Format::Text => {
            let mut text = format!("id      {}\nkey     ed25519 {}\n", made.id, made.public);
            let _always_fits = write!(
                text,
                "private {}  (0600, not encrypted)\npublic  {}\n",
                made.private_key, made.public_key
            );
            Ok(CommandAnswer::text(Exit::Fine, text))
        }
    }
}
