//! The policy repository that a command works on, and the way out when it is not fine.

use std::path::PathBuf;

use stopgate_lang::compile::{Compiled, Summary};
use stopgate_lang::policy::Policy;
use stopgate_lang::source::SourceMap;
use stopgate_lang::testing::TestSuite;

use super::console::{Answer, Console, Failure, Format};
use super::exit::Exit;
use crate::check::check;
use crate::report::{json, text};
use crate::workspace::WorkspaceError;

/// The positional argument of every command that reads policy.
#[derive(Debug, clap::Args)]
pub(super) struct Repository {
    /// Folder with stopgate.yaml
    #[arg(value_name = "DIR", default_value = ".")]
    pub(super) dir: PathBuf,
}

/// A repository without errors.
pub(super) struct Valid {
    pub(super) policy: Policy,
    pub(super) suites: Vec<TestSuite>,
    pub(super) sources: SourceMap,
}

impl Repository {
    /// Reads and checks the repository.
    pub(super) fn compile(&self, console: &Console) -> Result<Compiled, Failure> {
        console.detail(format_args!("reading {}", self.dir.display()));
        let compiled = check(&self.dir)?;
        let Summary { files, rules } = compiled.summary;
        console.detail(format_args!("compiled {files} files with {rules} rules"));
        Ok(compiled)
    }

    /// The policy, or its diagnostics as the answer of `command`.
    pub(super) fn valid(
        &self,
        command: &str,
        format: Format,
        console: &Console,
    ) -> Result<Valid, Failure> {
        let mut compiled = self.compile(console)?;
        let Some(policy) = compiled.policy.take() else {
            return Err(Failure::Answered(diagnostics(
                command,
                &compiled,
                Exit::Fine,
                format,
                console,
            )?));
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
        })
    }
}

/// Everything found in a repository as the answer of `command`, which ends with `exit` if nothing of it is an error.
pub(super) fn diagnostics(
    command: &str,
    compiled: &Compiled,
    exit: Exit,
    format: Format,
    console: &Console,
) -> Result<Answer, Failure> {
    let exit = if compiled.diagnostics.has_errors() {
        Exit::Invalid
    } else {
        exit
    };
    match format {
        Format::Json => Answer::json(command, exit, json::check(compiled)),
        Format::Text => Ok(Answer::text(exit, text::check(compiled, console.colour()))),
    }
}

impl From<WorkspaceError> for Failure {
    fn from(error: WorkspaceError) -> Self {
        match error {
            WorkspaceError::NotARepository { .. } => Self::usage(error).with_help(
                "name the folder with stopgate.yaml, or make one with `stopgate init DIR`",
            ),
            WorkspaceError::Refused { .. } => Self::new(Exit::Invalid, error),
            WorkspaceError::Io { .. } => Self::failed(error),
        }
    }
}
