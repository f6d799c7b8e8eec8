//! `check --watch` reports again when a document changes, and ends with its standard input.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::Desk;

/// Longest wait for a report; a look is taken a few times a second.
const DEADLINE: Duration = Duration::from_secs(30);

/// The next line that ends with the totals of a report.
fn totals(lines: &Receiver<String>) -> String {
    let until = Instant::now() + DEADLINE;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let line = lines
            .recv_timeout(left)
            .expect("a report before the deadline");
        if line.contains(" errors, ") || line.contains(" error, ") {
            return line;
        }
    }
}

#[test]
fn every_change_is_reported_and_the_end_of_input_is_the_end() {
    let desk = Desk::with_repository();
    let mut child = Command::new(env!("CARGO_BIN_EXE_stopgate"))
        .args(["check", "p", "--watch"])
        .current_dir(desk.path("."))
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("stopgate starts");
    let stdin = child.stdin.take().expect("a pipe");
    let stdout = child.stdout.take().expect("a pipe");
    let (send, lines) = channel();
    let reader = std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                return;
            }
        }
    });
    assert!(totals(&lines).contains("0 errors"));
    desk.edit("p/rules/tickets.yaml", "risk: low", "risk: tiny");
    assert!(totals(&lines).contains("1 error,"));
    desk.edit("p/rules/tickets.yaml", "risk: tiny", "risk: low");
    assert!(totals(&lines).contains("0 errors"));
    std::fs::write(desk.path("p/rules/extra.yml"), "stopgate: 1\n").expect("written");
    assert!(!totals(&lines).contains("0 errors"));
    drop(stdin);
    let until = Instant::now() + DEADLINE;
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child") {
            break status;
        }
        assert!(Instant::now() < until, "it did not end with its input");
        std::thread::yield_now();
    };
    assert_eq!(status.code(), Some(3), "the last report had errors");
    reader.join().expect("the reader ends with its pipe");
}
