//! The part of this process's environment that a server may see, and the search for its program.
//!
//! Values are handed on and never shown: what a server says is searched for them first.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use stopgate_author::lock::pretty;
use stopgate_decide::json::Json;

use super::failure::ServerFailure;

/// Shorter values would be found in any text, and say nothing where they are.
const SHORTEST_REDACTED: usize = 4;
/// Shorter values, and mere words, may well stand in a description for reasons of its own.
const SHORTEST_SECRET: usize = 8;

/// Variables by name. Printing one shows names only.
#[derive(Clone)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// Returns the environment of this process.
    #[must_use]
    pub fn of_process() -> Self {
        std::env::vars_os().collect()
    }

    /// Returns those of `names` that are not set.
    #[must_use]
    pub fn unset<'a>(&self, names: &'a [String]) -> Vec<&'a str> {
        names
            .iter()
            .map(String::as_str)
            .filter(|name| self.get(name).is_none())
            .collect()
    }

    fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    /// Returns the command to start. Its program is found on `PATH`; its environment is `PATH`, `HOME` and `names`.
    pub(super) fn command(
        &self,
        words: &[String],
        names: &[String],
    ) -> Result<Command, ServerFailure> {
        let [program, arguments @ ..] = words else {
            return Err(ServerFailure::NoProgram);
        };
        let mut command = Command::new(self.find(program)?);
        command.args(arguments).env_clear();
        for name in ["PATH", "HOME"]
            .into_iter()
            .chain(names.iter().map(String::as_str))
        {
            if let Some(value) = self.get(name) {
                command.env(name, value);
            }
        }
        Ok(command)
    }

    fn find(&self, program: &str) -> Result<PathBuf, ServerFailure> {
        if program.is_empty() {
            return Err(ServerFailure::NoProgram);
        }
        if program.contains('/') {
            return Err(ServerFailure::Path(program.to_owned()));
        }
        let path = self.get("PATH").unwrap_or_default();
        std::env::split_paths(path)
            // A relative folder would be looked up in a repository that somebody else wrote.
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(program))
            .find(|candidate| is_executable(candidate))
            .ok_or_else(|| ServerFailure::NotFound(program.to_owned()))
    }

    /// Returns the first of `names` whose value stands in the text of a lock, spelt as a lock spells it. Short values
    /// and mere words are not looked for.
    pub(super) fn leaked_into(&self, lock: &str, names: &[String]) -> Option<String> {
        let spelt = |value: &str| {
            pretty(&Json::String(value.to_owned()))
                .trim_matches('"')
                .to_owned()
        };
        let secret =
            |value: &str| value.len() >= SHORTEST_SECRET && !value.chars().all(char::is_alphabetic);
        let mut leaked = self
            .values(names)
            .filter(|(_, value)| secret(value) && lock.contains(&spelt(value)));
        leaked.next().map(|(name, _)| name.to_owned())
    }

    /// Returns `text` with the values of `names` replaced by their names.
    pub(super) fn redact(&self, text: &str, names: &[String]) -> String {
        let mut values: Vec<_> = self
            .values(names)
            .filter(|(_, value)| value.len() >= SHORTEST_REDACTED)
            .collect();
        // The longest first: a value may hold another.
        values.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
        values
            .into_iter()
            .fold(text.to_owned(), |text, (name, value)| {
                text.replace(value, &format!("${name}"))
            })
    }

    fn values<'a>(&'a self, names: &'a [String]) -> impl Iterator<Item = (&'a str, &'a str)> {
        names
            .iter()
            .filter_map(|name| Some((name.as_str(), self.get(name)?.to_str()?)))
    }
}

impl FromIterator<(OsString, OsString)> for Environment {
    fn from_iter<I: IntoIterator<Item = (OsString, OsString)>>(variables: I) -> Self {
        Self(variables.into_iter().collect())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

fn is_executable(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}
