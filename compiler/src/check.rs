//! From a folder to a checked policy, or to every mistake in it; and what can be found in a policy that has none.

mod lint;
mod proof;

use std::path::Path;

use jiff::civil::Date;
use stopgate_lang::compile::{Compiled, Sources, compile};

pub use proof::Depth;

use crate::diff::Limits;
use crate::workspace::{self, WorkspaceError};

/// Reads and compiles the repository in `dir`.
///
/// # Errors
/// [`WorkspaceError`] when the folder cannot be read; mistakes in its documents are part of the result.
pub fn check(dir: &Path) -> Result<Compiled, WorkspaceError> {
    workspace::read(dir).map(|documents| compile(Sources::new(documents)))
}

/// Adds to a valid policy's diagnostics what a date and the solver can say about it. Whether everything that was asked
/// was also answered.
pub fn look_closer(
    compiled: &mut Compiled,
    today: Date,
    depth: Depth,
    limits: Limits,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> bool {
    let Some(policy) = &compiled.policy else {
        return true;
    };
    let (places, dx) = (&compiled.places, &mut compiled.diagnostics);
    lint::lint(policy, places, today, dx);
    let complete = proof::prove(policy, places, depth, limits, progress, dx);
    dx.sort(&compiled.sources);
    complete
}
