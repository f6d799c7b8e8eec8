//! `stopgate man`: the manual, one page a command.

use std::path::{Path, PathBuf};

use clap::Command;
use clap_mangen::Man;

use super::console::{CommandAnswer, Failure, Format};
use super::exit::Exit;
use super::output::write_whole;

/// Write the manual pages
///
/// One page for `stopgate` and one for each of its commands, in section 1. Pages that are there are written again.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stopgate man -o /usr/local/share/man/man1")]
pub(super) struct Args {
    /// Folder for the pages, which is there
    #[arg(short, long, value_name = "DIR")]
    out: PathBuf,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

pub(super) fn run(args: &Args) -> Result<CommandAnswer, Failure> {
    let mut command = super::command();
    command.build();
    let mut written = Vec::new();
    pages(&command, &args.out, &mut written)?;
    match args.format {
        Format::Json => {
            let body = serde_json::json!({"written": written});
            CommandAnswer::json("man", Exit::Fine, body)
        }
        Format::Text => {
            let lines = written.iter().map(|path| format!("wrote {path}\n"));
            Ok(CommandAnswer::text(Exit::Fine, lines.collect()))
        }
    }
}

/// Writes the page of `command` and of everything below it.
fn pages(command: &Command, folder: &Path, written: &mut Vec<String>) -> Result<(), Failure> {
    let page = Man::new(command.clone());
    let path = folder.join(page.get_filename());
    let mut text = Vec::new();
    page.render(&mut text).map_err(Failure::failed)?;
    write_whole(&path, &text)?;
    written.push(path.display().to_string());
    let below = command.get_subcommands();
    for command in below.filter(|command| command.get_name() != "help") {
        pages(command, folder, written)?;
    }
    Ok(())
}
