//! `stopgate init`: a small repository to begin with.

use std::path::PathBuf;

use super::console::{CommandAnswer, Failure, Format};
use super::exit::Exit;
use crate::editor;
use crate::init::{BANK, InitError, MINIMAL, init};
use crate::words::word;

/// Write a small policy repository that passes check and test
///
/// One document of each kind for a made-up ticket system, with comments that say what each key does; or the complete
/// policy of an imaginary bank, to read and to try things on. Nothing is ever overwritten.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stopgate init policies && stopgate test policies
  stopgate init --example bank bank && stopgate matrix bank")]
pub(super) struct Args {
    /// Folder of the new repository; made if it is not there
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Write this repository instead of the small one
    #[arg(long, value_enum, value_name = "NAME")]
    example: Option<Example>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

/// Repositories to learn from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Example {
    /// The reference policy of an imaginary bank: locks, rules, guardrails and decision tables
    Bank,
}

pub(super) fn run(args: &Args) -> Result<CommandAnswer, Failure> {
    let template = match args.example {
        None => MINIMAL,
        Some(Example::Bank) => BANK,
    };
    let written = init(&args.dir, template)?;
    let written: Vec<String> = written
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let dir = word(&args.dir.to_string_lossy());
    let next = [
        format!("stopgate check {dir}"),
        format!("stopgate test {dir}"),
        format!("stopgate matrix {dir}"),
    ];
    match args.format {
        Format::Json => CommandAnswer::json(
            "init",
            Exit::Fine,
            serde_json::json!({"written": written, "next": next}),
        ),
        Format::Text => {
            let then = match args.example {
                None => format!(
                    "\nThen put your own MCP server into catalog/TOOL.yaml, run `stopgate lock TOOL {dir}`, and write rules for it.\n"
                ),
                Some(Example::Bank) => String::new(),
            };
            // One line for all schemas: nobody reads them.
            let schemas = args.dir.join(editor::FOLDER).display().to_string();
            let mut shown: Vec<String> = written
                .into_iter()
                .filter(|path| !path.starts_with(&schemas))
                .collect();
            shown.push(format!(
                "{schemas}/, with which editors complete and explain"
            ));
            let text = format!(
                "wrote {}\n\nnext:\n  {}\n{then}",
                shown.join("\n      "),
                next.join("\n  "),
            );
            Ok(CommandAnswer::text(Exit::Fine, text))
        }
    }
}

impl From<InitError> for Failure {
    fn from(error: InitError) -> Self {
        match error {
            InitError::Exists { .. } => {
                Self::usage(error).with_help("name a folder without a policy repository")
            }
            InitError::Io { .. } => Self::failed(error),
        }
    }
}
