//! The policy repository that a command works on, and the way out when it is not fine.

use std::path::PathBuf;

use stopgate_author::compile::{Compiled, Summary, compile};
use stopgate_author::policy::Policy;
use stopgate_author::source::SourceMap;
use stopgate_author::testing::TestSuite;

use super::console::{CommandAnswer, Console, Failure, Format};
use super::exit::Exit;
use super::source::{detail, said};
use crate::reader::{Read, Source, Wanted, read};
use crate::report::{json, text};
use crate::workspace::trust::Trust;

/// The positional argument of every command that reads policy.
#[derive(Debug, clap::Args)]
pub(super) struct Repository {
    /// Folder with stopgate.yaml
    #[arg(value_name = "DIR", default_value = ".")]
    pub(super) dir: PathBuf,
}

/// A repository that was read and compiled, whatever came of it.
pub(super) struct Checked {
    pub(super) compiled: Compiled,
    pub(super) trust: Trust,
    pub(super) source: Source,
}

/// A repository without errors.
pub(super) struct Valid {
    pub(super) policy: Policy,
    pub(super) suites: Vec<TestSuite>,
    pub(super) sources: SourceMap,
    pub(super) source: Source,
}

impl Checked {
    /// Compiles what was read.
    pub(super) fn compile(read: Read, console: &Console) -> Self {
        let Read {
            reading, source, ..
        } = read;
        detail(&reading, &source.to_string(), console);
        let compiled = compile(reading.sources());
        let Summary { files, rules } = compiled.summary;
        console.detail(format_args!("compiled {files} files with {rules} rules"));
        Self {
            compiled,
            trust: reading.trust,
            source,
        }
    }

    /// Returns the policy if it compiles.
    ///
    /// # Errors
    /// [`Failure`] with the policy's diagnostics as the answer of `command`.
    pub(super) fn valid(
        self,
        command: &str,
        format: Format,
        console: &Console,
    ) -> Result<Valid, Failure> {
        let Self {
            mut compiled,
            source,
            trust: _,
        } = self;
        let Some(policy) = compiled.policy.take() else {
            let answer = diagnostics(command, &compiled, &source, (Exit::Fine, format), console)?;
            return Err(Failure::Answered(answer));
        };
        let (_, warnings) = compiled.diagnostics.counts();
        if warnings > 0 {
            console.progress(format_args!(
                "warnings: {warnings}; `stopgate check` shows them"
            ));
        }
        Ok(Valid {
            policy,
            suites: compiled.suites,
            sources: compiled.sources,
            source,
        })
    }
}

impl Repository {
    /// Reads and compiles the state of the repository that is wanted.
    pub(super) fn check(&self, wanted: Wanted<'_>, console: &Console) -> Result<Checked, Failure> {
        console.detail(format_args!("reading {}", self.dir.display()));
        Ok(Checked::compile(read(&self.dir, wanted)?, console))
    }

    /// Reads and compiles what is `wanted`, and returns the policy if it compiles.
    ///
    /// # Errors
    /// [`Failure`] if it cannot be read, or with the policy's diagnostics as the answer of `command`.
    pub(super) fn valid(
        &self,
        wanted: Wanted<'_>,
        (command, format): (&str, Format),
        console: &Console,
    ) -> Result<Valid, Failure> {
        self.check(wanted, console)?.valid(command, format, console)
    }
}

/// Returns everything found in a repository as the answer of `command`, which ends with `exit` if none of it is an
/// error.
pub(super) fn diagnostics(
    command: &str,
    compiled: &Compiled,
    source: &Source,
    (exit, format): (Exit, Format),
    console: &Console,
) -> Result<CommandAnswer, Failure> {
    let exit = if compiled.diagnostics.has_errors() {
        Exit::Invalid
    } else {
        exit
    };
    match format {
        Format::Json => CommandAnswer::json(command, exit, said(json::check(compiled), source)),
        Format::Text => {
            let text = text::check(compiled, console.colour());
            Ok(CommandAnswer::text(exit, format!("{source}\n{text}")))
        }
    }
}
