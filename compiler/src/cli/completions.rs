//! `stopgate completions`: what shells complete.

use clap_complete::Shell;

use super::console::{CommandAnswer, Failure, Format};
use super::exit::Exit;

/// Print the completion script of a shell
///
/// The script completes commands, options and their values. Where a shell looks for such scripts is the shell's
/// business; its manual says.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stopgate completions bash > ~/.local/share/bash-completion/completions/stopgate
  stopgate completions fish > ~/.config/fish/completions/stopgate.fish
  stopgate completions zsh > ~/.zfunc/_stopgate")]
pub(super) struct Args {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
    /// How to print the script
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

pub(super) fn run(args: &Args) -> Result<CommandAnswer, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::command(), "stopgate", &mut script);
    let script = String::from_utf8(script).map_err(Failure::failed)?;
    match args.format {
        Format::Text => Ok(CommandAnswer::text(Exit::Fine, script)),
        Format::Json => {
            let body = serde_json::json!({"shell": args.shell.to_string(), "script": script});
            CommandAnswer::json("completions", Exit::Fine, body)
        }
    }
}
