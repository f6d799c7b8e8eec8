//! The exit codes of `stopgate-sidecar`, one meaning each.

use std::process::ExitCode;

/// It was told to stop, answered what was under way and recorded its `stop`.
pub const DRAINED: u8 = 0;
/// It could not start or could not go on, for a reason that is not its log's.
pub const FAILED: u8 = 1;
/// The command line or the configuration is wrong, or somebody else could replace a file that it names.
pub const USAGE: u8 = 2;
/// The decision log failed: nothing could be recorded any more, so nothing may be answered.
pub const LOG_FAILED: u8 = 74;

/// Returns the exit code for how a sidecar ended.
#[must_use]
pub fn code(ended: &Result<(), crate::run::Failed>) -> ExitCode {
    use crate::run::Failed;
    // A log that failed has a code of its own, because starting again at once helps nobody: the disk has to be looked
    // at.
    ExitCode::from(match ended {
        Ok(()) => DRAINED,
        Err(Failed::Log(_) | Failed::Stop(_)) => LOG_FAILED,
        Err(Failed::Door | Failed::Part(_)) => FAILED,
    })
}
