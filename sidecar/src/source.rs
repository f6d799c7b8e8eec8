//! Files that somebody else puts in place and that decisions rest on, above all the bundle, the trust root and the key
//! sets.
//!
//! Each is looked at again and again. A look has a deadline, runs on a thread of its own, and holds up no other: what
//! never ends costs one thread and is told, counted and seen in the status, while the others go on. What is in force
//! stays in force when a look fails. A file that somebody else could replace is not read. What a file says is none of
//! this module's business.

mod guard;
mod look;
mod open;
mod owner;
mod seen;

use std::path::Path;

pub use guard::Guard;
pub use look::{Looker, Missed};
pub use open::{FileIdentity, Opened, Unreadable, open, read, read_unowned};
pub use owner::{By, Kind, MayBeReplaced, Stopped, Walked, walk};
pub use seen::{Looked, SourceName, Sources};

/// Returns the message of `error` and of everything that caused it, with `: ` in between.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Returns the path as one word of a shell, for a command that is shown to people.
pub(crate) fn word(path: &Path) -> String {
    let path = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@%".contains(c);
    if path.chars().all(plain) {
        path
    } else {
        format!("'{}'", path.replace('\'', r"'\''"))
    }
}
