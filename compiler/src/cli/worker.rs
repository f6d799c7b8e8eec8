//! `stopgate __worker`: the process that proves, which `check` and `diff` start for themselves.
//!
//! It is no command for people, so it is in no help, page or completion.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::console::{Failure, Format};
use super::exit::Exit;
use crate::proof::solver::{COMMAND, serve};

/// Serves until standard input ends, if that is what `arguments` ask for: the time of one question in milliseconds, and
/// the solver's program if there is one.
pub(super) fn asked_for(mut arguments: impl Iterator<Item = OsString>) -> Option<Exit> {
    arguments.next().filter(|first| *first == COMMAND)?;
    let limit = arguments.next().and_then(|limit| limit.into_string().ok());
    let failure = match limit.and_then(|limit| limit.parse().ok()) {
        None => Failure::usage("this command is started by stopgate itself"),
        Some(limit) => match serve(arguments.next(), Duration::from_millis(limit)) {
            Ok(()) => return Some(Exit::Fine),
            Err(error) => Failure::failed(error),
        },
    };
    Some(failure.deliver(COMMAND, Format::Text))
}

/// Returns the program of this process, whatever became of the program's file.
pub(super) fn program() -> PathBuf {
    "/proc/self/exe".into()
}
