//! `stopgate schemas`: what editors complete and explain documents with.

use std::path::PathBuf;

use super::console::{CommandAnswer, Failure, Format};
use super::exit::Exit;
use super::output::write_whole;
use crate::editor;

/// Write the JSON Schemas of all documents, for editors
///
/// `stopgate init` writes them into a new repository, and into each document a first line that names its schema. Write
/// them again after an upgrade: schemas that are there are replaced.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stopgate schemas                          in the folder with stopgate.yaml
  stopgate schemas -o policies/.stopgate/schemas")]
pub(super) struct Args {
    /// Folder for the schemas; made if it is not there
    #[arg(short, long, value_name = "DIR", default_value = editor::FOLDER)]
    out: PathBuf,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

pub(super) fn run(args: &Args) -> Result<CommandAnswer, Failure> {
    std::fs::create_dir_all(&args.out).map_err(Failure::failed)?;
    let mut written = Vec::new();
    for (name, text) in editor::schemas() {
        let path = args.out.join(name);
        write_whole(&path, text.as_bytes())?;
        written.push(path.display().to_string());
    }
    match args.format {
        Format::Json => {
            let body = serde_json::json!({"written": written});
            CommandAnswer::json("schemas", Exit::Fine, body)
        }
        Format::Text => {
            let lines = written.iter().map(|path| format!("wrote {path}\n"));
            Ok(CommandAnswer::text(Exit::Fine, lines.collect()))
        }
    }
}
