//! The guide's console blocks are run, in their order, in one folder; with `BLESS=1` their outputs are written again.

use std::path::Path;
use std::process::Command;

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use crate::Desk;

#[test]
fn the_first_policy_shows_what_happens() {
    is_current("first-policy.md");
}

#[test]
fn writing_a_policy_shows_what_happens() {
    is_current("write-a-policy.md");
}

#[test]
fn a_rollout_shows_what_happens() {
    is_current("rollout.md");
}

#[test]
fn reviewing_a_change_shows_what_happens() {
    is_current("review-a-change.md");
}

#[test]
fn publishing_shows_what_happens() {
    is_current("publish.md");
}

#[test]
fn keys_show_what_happens() {
    is_current("keys.md");
}

fn is_current(page: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs/guide")
        .join(page);
    let kept = std::fs::read_to_string(&path).expect("the guide");
    let made = run_blocks(&kept);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &made).expect("written");
    } else {
        assert!(
            kept == made,
            "docs/guide/{page} is stale: run this test with BLESS=1"
        );
    }
}

/// The page with the output of every command put in place of what stands there. A block ```` ```yaml file=F before=L ````
/// goes into the file F above the line L, or to its end. In a block ```` ```console asks ```` a person says yes, and what is
/// shown to that person is not in the page, for keys and digests are others each time.
fn run_blocks(page: &str) -> String {
    let desk = Desk::new();
    let steps = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rollout");
    std::os::unix::fs::symlink(steps, desk.path("steps")).expect("a link");
    let mut out = String::new();
    let (mut in_block, mut asks) = (false, false);
    let mut edit: Option<Edit<'_>> = None;
    for line in page.lines() {
        if let Some(target) = line.strip_prefix("```yaml file=") {
            edit = Some(Edit::of(target));
        } else if line == "```"
            && let Some(edit) = edit.take()
        {
            edit.apply(&desk);
        } else if let Some(edit) = &mut edit {
            edit.text.push_str(line);
            edit.text.push('\n');
        }
        match (line, line.strip_prefix("$ ")) {
            ("```console" | "```console asks", _) => {
                in_block = true;
                asks = line.ends_with("asks");
            }
            ("```", _) => in_block = false,
            (_, Some(command)) if in_block && asks => agree(&desk, command),
            (_, Some(command)) if in_block => {
                out.push_str(&format!("{line}\n{}", shell(&desk, command)));
                continue;
            }
            _ if in_block => continue,
            _ => {}
        }
        out.push_str(line);
        out.push('\n');
    }
    out
}

/// Text for a file.
struct Edit<'a> {
    file: &'a str,
    before: Option<&'a str>,
    text: String,
}

impl<'a> Edit<'a> {
    fn of(target: &'a str) -> Self {
        let (file, before) = match target.split_once(" before=") {
            Some((file, before)) => (file, Some(before)),
            None => (target, None),
        };
        Self {
            file,
            before,
            text: String::new(),
        }
    }

    fn apply(self, desk: &Desk) {
        let path = desk.path(self.file);
        let kept = std::fs::read_to_string(&path).expect("a file to edit");
        let at = match self.before {
            None => kept.len(),
            Some(line) => kept.find(&format!("\n{line}")).expect("the line") + 1,
        };
        let (head, tail) = kept.split_at(at);
        std::fs::write(&path, format!("{head}{}{tail}", self.text)).expect("written");
    }
}

/// Runs `command`, which asks, and says yes to what it shows.
fn agree(desk: &Desk, command: &str) {
    let shown = shell(desk, command);
    let mut lines = shown.lines();
    let digest = lines.find_map(|line| line.strip_prefix("digest   "));
    let digest = digest.unwrap_or_else(|| panic!("{shown}"));
    let done = shell(desk, &format!("{command} --yes {digest} && echo agreed"));
    assert!(done.ends_with("agreed\n"), "{done}");
}

fn shell(desk: &Desk, command: &str) -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_stopgate"))
        .parent()
        .expect("a folder");
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", &format!("exec 2>&1; {command}")])
        .current_dir(desk.path("."))
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", binary.display()))
        .env("HOME", desk.path("."));
    // Who commits, and when: the ids of commits are part of what is shown.
    for who in ["AUTHOR", "COMMITTER"] {
        shell
            .env(format!("GIT_{who}_NAME"), "author")
            .env(format!("GIT_{who}_EMAIL"), "author@acme.example")
            .env(format!("GIT_{who}_DATE"), "2026-11-24T10:00:00Z");
    }
    let output = shell.output().expect("a shell");
    let text = any_day(&any_solver(
        &String::from_utf8(output.stdout).expect("UTF-8"),
    ));
    // Where keys are made, commits that name them are others each time.
    if desk.path("clock.key").exists() {
        any_id(&text)
    } else {
        text
    }
}

/// Text in which ids of commits and of keys are words.
fn any_id(text: &str) -> String {
    let mut out = String::new();
    for piece in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let word = piece.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        let shown = match word.len() {
            40 if word.chars().all(is_hex) => "COMMIT",
            16 if word.chars().all(is_hex) => "KEY",
            _ => word,
        };
        out.push_str(&piece.replacen(word, shown, 1));
    }
    out
}

/// Text in which today is the day of the guide: drafts of waivers begin and end on days of their own.
fn any_day(text: &str) -> String {
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let guide = date(2026, 11, 26);
    [0_i32, 14].iter().fold(text.to_owned(), |text, days| {
        let day = |from: Date| from.checked_add(days.days()).expect("a day").to_string();
        text.replace(&day(today), &day(guide))
    })
}

/// Text with the solver's version left out: machines have different ones.
fn any_solver(text: &str) -> String {
    const NAMED: &str = "cvc5 version ";
    let mut pieces = text.split(NAMED);
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        out.push_str("cvc5");
        out.push_str(piece.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.'));
    }
    out
}
