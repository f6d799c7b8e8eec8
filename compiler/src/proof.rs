//! What every proof is made of, whoever asks: `check` about one policy, `diff` about two.
//!
//! The rules that reach an operation become a [`slice`], the slice at a level becomes permits and forbids, [`ask`] puts
//! questions about these to the [`solver`], and a [`stage`] decides what the solver only claims. Nothing here knows what
//! is asked for which purpose, and nothing reads a disk.

mod ask;
mod parts;
pub(crate) mod slice;
pub(crate) mod solver;
pub(crate) mod stage;

use std::path::PathBuf;
use std::time::Duration;

pub(crate) use ask::Ask;
pub(crate) use parts::parts_between;
pub use parts::{Answer, Direction, Part};
pub use solver::INSTALL;

/// How long proofs may take, and who makes them.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The program `stopgate`: it prepares proofs as a process, which can be ended.
    pub program: PathBuf,
    /// For one operation, and for one question.
    pub per_slice: Duration,
    /// For all of them.
    pub whole: Duration,
    /// Processes that prove, each with its solver; zero stands for one a processor.
    pub workers: usize,
}

impl Limits {
    /// Returns the usual limits for proofs that `program` makes: 10 s for each operation and each question, 120 s for
    /// all of them, and one process for each processor.
    #[must_use]
    pub fn by(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            per_slice: Duration::from_secs(10),
            whole: Duration::from_secs(120),
            workers: 0,
        }
    }
}
