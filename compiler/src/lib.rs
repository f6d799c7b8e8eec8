//! Everything that happens to policy before it is published, as plain functions, and the command line over them.
//!
//! [`reader`] is the one way to a policy, over [`workspace`] for files and [`git`] for revisions; the passes take values and return values; [`cli`]
//! turns them into text, JSON and exit codes. What is tested or explained is always a bundle opened as the sidecar
//! opens it, never the documents themselves.

pub mod build;
pub mod check;
pub mod cli;
mod compared;
pub mod diff;
pub mod drift;
pub mod editor;
pub mod explain;
pub mod gate;
pub mod git;
pub mod glob;
pub mod init;
pub mod key;
pub mod lock;
pub mod log;
pub mod matrix;
pub mod mutants;
mod process;
pub mod proof;
pub mod publish;
pub mod reader;
pub mod replay;
pub mod report;
pub mod review;
pub mod root;
pub mod sign;
pub mod stop;
pub mod test;
pub mod timestamp;
mod turns;
pub mod waiver;
mod whole;
mod words;
pub mod workspace;
mod yaml;
