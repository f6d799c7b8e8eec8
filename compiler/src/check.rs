//! From a folder to a checked policy, or to every mistake in it.

use std::path::Path;

use stopgate_lang::compile::{Compiled, Sources, compile};

use crate::workspace::{self, WorkspaceError};

/// Reads and compiles the repository in `dir`.
///
/// # Errors
/// [`WorkspaceError`] when the folder cannot be read; mistakes in its documents are part of the result.
pub fn check(dir: &Path) -> Result<Compiled, WorkspaceError> {
    workspace::read(dir).map(|documents| compile(Sources::new(documents)))
}
