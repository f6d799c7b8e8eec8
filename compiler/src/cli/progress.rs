//! Progress of what takes longer than people wait in silence.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::console::Console;

/// How long nothing is said, and how often something is.
const PATIENCE: Duration = Duration::from_secs(2);

/// Says how far the work is, now and then.
pub(super) struct Progress<'c> {
    console: &'c Console,
    said: Mutex<Instant>,
}

impl<'c> Progress<'c> {
    pub(super) fn new(console: &'c Console) -> Self {
        Self {
            console,
            said: Mutex::new(Instant::now()),
        }
    }

    /// Tells that `done` of `of` are done, in the words `what`; at most once every [`PATIENCE`].
    pub(super) fn tell(&self, done: usize, of: usize, what: &str) {
        let Ok(mut said) = self.said.lock() else {
            return;
        };
        if said.elapsed() >= PATIENCE {
            *said = Instant::now();
            self.console.progress(format_args!("{done} of {of} {what}"));
        }
    }
}
