//! The journal: one line of JSON for each side effect, written before it happens, so that a test can count them.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::PathBuf;

use serde_json::Value;

/// Where the side effects of one run are written down, if anywhere.
#[derive(Debug)]
pub struct Journal(Option<PathBuf>);

impl Journal {
    /// A journal that appends to `path`; without one nothing is kept.
    #[must_use]
    pub const fn new(path: Option<PathBuf>) -> Self {
        Self(path)
    }

    /// The journal that the environment variable `variable` names.
    #[must_use]
    pub fn of_variable(variable: &str) -> Self {
        Self(std::env::var_os(variable).map(PathBuf::from))
    }

    /// Writes `effect` down. What this fails for must not happen.
    ///
    /// # Errors
    /// The disk's.
    pub fn write(&self, effect: &Value) -> io::Result<()> {
        let Some(path) = &self.0 else {
            return Ok(());
        };
        let line = format!("{effect}\n");
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        file.write_all(line.as_bytes())
    }
}
