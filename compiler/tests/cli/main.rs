//! The binary `stopgate` as a user and a pipeline see it: what it prints, what it writes, how it ends.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what the tests share fails as they do"
)]

mod bundles;
mod causes;
#[path = "../shared/copy.rs"]
mod copy;
mod exits;
mod guide;
mod mutants;
mod odoo;
mod output;
mod packaging;
mod publish;
mod reference;
mod sarif;
mod schemas;
mod sign;
mod source;
mod tightened;
mod views;
mod watch;

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use copy::copy;

/// What a run left.
struct Run {
    exit: i32,
    stdout: String,
    stderr: String,
}

impl Run {
    /// The JSON object on stdout.
    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }

    /// Everything a user sees, for a snapshot; how the files of this source tree stand to its last commit is left out.
    fn shown(&self) -> String {
        let shown = self.all();
        let lines = shown.split('\n').map(|line| {
            let (before, files) = match line.split_once("files, ") {
                Some((before, rest)) if !rest.starts_with("in no git") => (before, true),
                _ => (line, false),
            };
            match before.trim() {
                "" if files => format!("{before}files, …"),
                "\"source\": \"" if files => format!("{before}files, …\""),
                _ => line.to_owned(),
            }
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    fn all(&self) -> String {
        let stderr = if self.stderr.is_empty() {
            String::new()
        } else {
            format!("--- stderr\n{}", self.stderr)
        };
        format!("exit {}\n{}{stderr}", self.exit, self.stdout)
    }
}

/// A folder of its own, in which commands run.
struct Desk {
    folder: TempDir,
}

impl Desk {
    /// An empty one.
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    /// One with the repository of `stopgate init` in `p`.
    fn with_repository() -> Self {
        let desk = Self::new();
        assert_eq!(desk.run(&["init", "p"]).exit, 0);
        desk
    }

    /// One with the reference repository in `bank`, which is in no git repository here.
    fn with_bank() -> Self {
        let desk = Self::new();
        copy(Path::new(&bank()), &desk.path("bank"));
        desk
    }

    /// git in the folder `name`, as somebody who commits without a key.
    fn git(&self, name: &str, args: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=t", "-c", "user.email=t@t.example"])
            .args(["-c", "commit.gpgsign=false", "-c", "core.autocrlf=false"])
            .args(args)
            .current_dir(self.path(name))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("HOME", self.folder.path())
            .output()
            .expect("git starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {args:?}: {said}");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        text.trim().to_owned()
    }

    /// Commits everything in the folder `name`, which becomes a repository if it is none.
    fn commit(&self, name: &str) {
        self.git(name, &["init", "-q", "-b", "main"]);
        self.git(name, &["add", "-A"]);
        self.git(name, &["commit", "-q", "--allow-empty", "-m", "as it is"]);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Replaces `from`, which has to be there, in the file `name`.
    fn edit(&self, name: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path(name)).expect("a file");
        assert!(text.contains(from), "{name} has no {from:?}");
        std::fs::write(self.path(name), text.replacen(from, to, 1)).expect("written");
    }

    /// Runs `stopgate` here. The environment is empty, so that a test sees what every machine sees.
    fn run(&self, args: &[&str]) -> Run {
        self.run_in(".", args)
    }

    /// The same in the folder `from`.
    fn run_in(&self, from: &str, args: &[&str]) -> Run {
        let output = Command::new(env!("CARGO_BIN_EXE_stopgate"))
            .args(args)
            .current_dir(self.path(from))
            .env_clear()
            .output()
            .expect("stopgate starts");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Run {
            exit: output.status.code().expect("not killed"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

/// The reference repository.
fn bank() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies");
    path.to_str().expect("UTF-8").to_owned()
}

/// The flags of one refund by a support analyst.
fn refund<'a>(repository: &'a str, input: &'a str, now: &'a str) -> Vec<&'a str> {
    vec![
        "explain",
        repository,
        "--tool=erp",
        "--operation=create_refund",
        "--profile=support-analyst",
        "--input",
        input,
        "--now",
        now,
    ]
}
