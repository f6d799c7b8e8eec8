//! `stopgate check --watch`: a fresh report whenever a document is not what it was.
//!
//! The documents' metadata is asked for a few times a second. A policy repository has tens of files, so that costs
//! nothing that can be measured, works alike on every file system, and needs no dependency; notifications of the
//! system would need all of editors' ways to save (write, rename, link) to be told apart.

use std::io::Read as _;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use super::{Args, CommandAnswer, Console, Failure, once};
use crate::workspace::{Stamps, stamps};

/// Time between two looks: short beside the reader's patience, long beside the cost.
const PERIOD: Duration = Duration::from_millis(300);

/// Reports until standard input ends; the last report's exit is the run's.
pub(super) fn run(args: &Args, console: &Console) -> Result<CommandAnswer, Failure> {
    let (end, ended) = channel();
    std::thread::spawn(move || {
        // Whatever is typed is not for us; the end of it is, and an error is an end.
        let mut stdin = std::io::stdin().lock();
        let mut typed = [0; 256];
        while matches!(stdin.read(&mut typed), Ok(1..)) {}
        drop(end);
    });
    let look = || stamps(&args.repository.dir).ok();
    // Taken before the report, so that what changes during it is seen.
    let mut seen = look();
    let mut exit = report(args, console);
    loop {
        match ended.recv_timeout(PERIOD) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => {
                return Ok(CommandAnswer::text(exit, String::new()));
            }
        }
        let now = look();
        if now != seen {
            console.progress(format_args!("\n{}", changes(seen.as_ref(), now.as_ref())));
            seen = now;
            exit = report(args, console);
        }
    }
}

/// Prints one report. That a repository cannot be read is a report too: the next change may mend it.
fn report(args: &Args, console: &Console) -> super::Exit {
    let exit = match once(args, console) {
        Ok(answer) => answer.deliver(),
        Err(failure) => {
            let exit = failure.exit();
            failure.deliver("check", args.format());
            exit
        }
    };
    console.progress(format_args!(
        "watching {}; ctrl-c ends",
        args.repository.dir.display()
    ));
    exit
}

/// Returns a line that names the documents that changed.
fn changes(before: Option<&Stamps>, now: Option<&Stamps>) -> String {
    let (Some(before), Some(now)) = (before, now) else {
        return "changed: the repository".to_owned();
    };
    let names = before.keys().chain(now.keys());
    let mut changed: Vec<&str> = names
        .filter(|name| before.get(*name) != now.get(*name))
        .map(String::as_str)
        .collect();
    changed.sort_unstable();
    changed.dedup();
    format!("changed: {}", changed.join(", "))
}
