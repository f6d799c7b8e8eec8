//! `stopgate matrix`: who may do what, on one page.

use super::console::{CommandAnswer, Console, Failure, Format};
use super::exit::Exit;
use super::repository::Repository;
use super::source::{From, said};
use crate::matrix::matrix;
use crate::report::{Paint, html, json, markdown, text};

/// Show who may do what: operations by profiles
///
/// A cell lists what the rules that reach the pair ask for, floors included, strictest first: risk/approval for what
/// is granted, `?` where there is a condition, +approval where a rule raises what another grants, `never` where no
/// evidence helps, – where no rule reaches the pair, which is then always rejected.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stopgate matrix policies
  stopgate matrix policies --format markdown > matrix.md
  stopgate matrix policies --format html > matrix.html")]
pub(super) struct Args {
    #[command(flatten)]
    repository: Repository,
    #[command(flatten)]
    from: From,
    /// How to print the page
    #[arg(long, value_enum, default_value_t = MatrixFormat::Text)]
    format: MatrixFormat,
}

/// Formats of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum MatrixFormat {
    /// For a terminal
    Text,
    /// For a pull request
    Markdown,
    /// One JSON object
    Json,
    /// For a browser: one file that loads nothing
    Html,
}

impl Args {
    /// Returns the format of everything but the page.
    pub(super) const fn format(&self) -> Format {
        match self.format {
            MatrixFormat::Json => Format::Json,
            MatrixFormat::Text | MatrixFormat::Markdown | MatrixFormat::Html => Format::Text,
        }
    }
}

pub(super) fn run(args: &Args, console: &Console) -> Result<CommandAnswer, Failure> {
    let valid = args
        .repository
        .valid(args.from.wanted(), ("matrix", args.format()), console)?;
    let page = matrix(&valid.policy);
    match args.format {
        MatrixFormat::Json => CommandAnswer::json(
            "matrix",
            Exit::Fine,
            said(json::matrix(&page), &valid.source),
        ),
        MatrixFormat::Markdown => Ok(CommandAnswer::text(Exit::Fine, markdown::matrix(&page))),
        MatrixFormat::Html => Ok(CommandAnswer::text(Exit::Fine, html::matrix(&page))),
        MatrixFormat::Text => {
            let page = text::matrix(&page, Paint::new(console.colour()));
            Ok(CommandAnswer::text(
                Exit::Fine,
                format!("{}\n{page}", valid.source),
            ))
        }
    }
}
