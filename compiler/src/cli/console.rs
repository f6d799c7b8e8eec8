//! How a run speaks: findings and results go to stdout at its end, progress to stderr while it runs.
//!
//! Colour is for terminals only and never when `NO_COLOR` is set; JSON is one object, whatever happened.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::io::{IsTerminal as _, Write as _};

use serde::Serialize;
use stopgate_decide::visible::visible;

use super::exit::Exit;
use super::shown;

/// Where the help lists them.
const GLOBAL: &str = "Options of every command";

/// Flags of every command.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Loudness {
    /// Say only results: no progress on stderr
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = GLOBAL)]
    quiet: bool,
    /// Say more: also each step, on stderr
    #[arg(short, long, global = true, help_heading = GLOBAL)]
    verbose: bool,
}

/// Text for people or one JSON object for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// One JSON object
    Json,
}

/// What the run knows about who listens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Console {
    loudness: Loudness,
    colour: bool,
}

impl Console {
    /// Reads the terminal and `NO_COLOR` once.
    pub(crate) fn new(loudness: Loudness) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|value| value != "dumb");
        Self {
            loudness,
            colour: wanted && std::io::stdout().is_terminal(),
        }
    }

    /// Returns whether text on stdout may be coloured.
    pub(crate) const fn colour(&self) -> bool {
        self.colour
    }

    /// Writes one line of progress on stderr, unless `-q` was given.
    pub(crate) fn progress(&self, line: fmt::Arguments<'_>) {
        if !self.loudness.quiet {
            say(line);
        }
    }

    /// Returns whether `-v` asks for more.
    pub(crate) const fn is_verbose(&self) -> bool {
        self.loudness.verbose
    }

    /// Writes one line on stderr that only `-v` asks for.
    pub(crate) fn detail(&self, line: fmt::Arguments<'_>) {
        if self.loudness.verbose {
            say(line);
        }
    }
}

fn say(line: fmt::Arguments<'_>) {
    // A file can be called anything: what a terminal would obey is spelt out.
    let text = line.to_string();
    let lines = text.split('\n').map(|line| visible(line, usize::MAX));
    let text = lines.collect::<Vec<_>>().join("\n");
    // Progress that nobody can read any more changes no result.
    let _unread = writeln!(std::io::stderr().lock(), "{text}");
}

/// What a command answers.
#[derive(Debug)]
pub(crate) struct CommandAnswer {
    /// How the run ends.
    pub(crate) exit: Exit,
    /// Everything for stdout, final newline included.
    pub(crate) stdout: String,
}

impl CommandAnswer {
    /// Makes the JSON object of `command`: `stopgate`, `command` and `exit`, then the members of `body`.
    pub(crate) fn json(command: &str, exit: Exit, body: impl Serialize) -> Result<Self, Failure> {
        let document = JsonDocument {
            stopgate: 1,
            command,
            exit: exit.code(),
            body,
        };
        Self::document(exit, &document)
    }

    /// Makes an answer of `document` as JSON, whatever the document's format.
    pub(crate) fn document(exit: Exit, document: &impl Serialize) -> Result<Self, Failure> {
        let mut stdout = serde_json::to_string_pretty(document).map_err(Failure::failed)?;
        stdout.push('\n');
        let stdout = shown::json(stdout);
        Ok(Self { exit, stdout })
    }

    /// Makes an answer of text for people.
    pub(crate) fn text(exit: Exit, stdout: String) -> Self {
        let stdout = shown::text(stdout);
        Self { exit, stdout }
    }

    /// Writes the answer. A reader that has gone away is not an error of ours; a full disk is.
    pub(crate) fn deliver(&self) -> Exit {
        let mut out = std::io::stdout().lock();
        match out
            .write_all(self.stdout.as_bytes())
            .and_then(|()| out.flush())
        {
            Ok(()) => self.exit,
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => self.exit,
            Err(error) => {
                say(format_args!("error: stdout cannot be written: {error}"));
                Exit::Failed
            }
        }
    }
}

#[derive(Serialize)]
struct JsonDocument<'a, T> {
    stopgate: u32,
    command: &'a str,
    exit: u8,
    #[serde(flatten)]
    body: T,
}

/// Why a command did not come to its end.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something failed.
    Error {
        /// How the run ends.
        exit: Exit,
        /// What failed; its sources are printed too.
        error: Box<dyn Error + Send + Sync>,
        /// What to do about it.
        help: Option<String>,
    },
    /// There is an answer already, such as the diagnostics of a policy that should have been built.
    Answered(CommandAnswer),
}

impl Failure {
    /// Makes a failure that ends with `exit`.
    pub(crate) fn new(exit: Exit, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Error {
            exit,
            error: error.into(),
            help: None,
        }
    }

    /// Makes a failure of the world around the command: exit 1.
    pub(crate) fn failed(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Exit::Failed, error)
    }

    /// Makes a failure of using the command wrongly: exit 2.
    pub(crate) fn usage(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Exit::Usage, error)
    }

    /// Makes a failure of a signature or of the trust in it: exit 8.
    pub(crate) fn untrusted(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Exit::Untrusted, error)
    }

    /// Adds advice on what to do about the failure.
    pub(crate) fn with_help(mut self, advice: impl Into<String>) -> Self {
        if let Self::Error { help, .. } = &mut self {
            *help = Some(advice.into());
        }
        self
    }

    /// Writes the failure on stderr, and as the command's JSON object on stdout if that was asked for. Returns how the
    /// run ends.
    pub(crate) fn deliver(&self, command: &str, format: Format) -> Exit {
        let (exit, error, help) = match self {
            Self::Answered(answer) => return answer.deliver(),
            Self::Error { exit, error, help } => (*exit, error, help),
        };
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            // Writing to a string cannot fail.
            let _always_fits = write!(message, ": {error}");
            source = error.source();
        }
        say(format_args!("error: {message}"));
        if let Some(help) = help {
            say(format_args!("help: {help}"));
        }
        match format {
            Format::Text => exit,
            Format::Json => {
                let body = serde_json::json!({"error": message, "help": help});
                CommandAnswer::json(command, exit, body)
                    .map_or(Exit::Failed, |answer| answer.deliver())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_spelt_out_and_colours_stay() {
        for (text, told) in [
            ("ana\n\tbob é → ü\n", "ana\n\tbob é → ü\n"),
            ("\x1b[31;1mred\x1b[0m", "\x1b[31;1mred\x1b[0m"),
            ("\x1b[2J\x1b[H", "\\u{1b}[2J\\u{1b}[H"),
            ("\x1b]0;title\x07", "\\u{1b}]0;title\\u{7}"),
            ("a\rb\x08\u{9b}2J", "a\\u{d}b\\u{8}\\u{9b}2J"),
            ("\x1b[31", "\\u{1b}[31"),
            ("\x1b", "\\u{1b}"),
        ] {
            let answer = CommandAnswer::text(Exit::Fine, text.to_owned());
            assert_eq!(answer.stdout, told);
        }
    }
}
