//! Small histories of a policy repository, and the gate run on them as a pipeline runs it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::copy::copy;

/// What a run of the gate left.
pub(crate) struct Verdict {
    pub(crate) exit: i32,
    pub(crate) stderr: String,
    reports: PathBuf,
}

impl Verdict {
    /// One of the reports; empty when it was not written.
    pub(crate) fn report(&self, name: &str) -> String {
        std::fs::read_to_string(self.reports.join(name)).unwrap_or_default()
    }

    /// Everything that was written anywhere, by the name of its file.
    pub(crate) fn written(&self) -> Vec<(String, String)> {
        let reports = std::fs::read_dir(&self.reports).expect("a folder");
        let report = |entry: std::io::Result<std::fs::DirEntry>| {
            let name = entry.expect("an entry").file_name();
            let name = name.to_str().expect("UTF-8").to_owned();
            let text = self.report(&name);
            (name, text)
        };
        let said = ("stderr".to_owned(), self.stderr.clone());
        reports.map(report).chain([said]).collect()
    }

    /// Everything, for the message of a failed test.
    pub(crate) fn all(&self) -> String {
        format!(
            "exit {}\n{}\n{}",
            self.exit,
            self.stderr,
            self.report("comment.md")
        )
    }
}

/// A clone with a work tree, whose policy lies in `policies/`, and a folder beside it for everything else.
pub(crate) struct History {
    folder: TempDir,
}

impl History {
    /// The repository of `stopgate init`, committed on `main` with the version of this build and the gate itself.
    pub(crate) fn new() -> Self {
        Self::of(|policies| {
            let init = Command::new(env!("CARGO_BIN_EXE_stopgate"))
                .args(["init", "-q"])
                .arg(policies)
                .output()
                .expect("stopgate starts");
            assert!(init.status.success());
        })
    }

    /// The reference repository, likewise.
    pub(crate) fn of_the_bank() -> Self {
        Self::of(|policies| copy(&top().join("policies"), policies))
    }

    fn of(write: impl FnOnce(&Path)) -> Self {
        let history = Self {
            folder: tempfile::tempdir().expect("a folder"),
        };
        std::fs::create_dir(history.path("clone")).expect("a folder");
        history.git(&["init", "--quiet", "--initial-branch=main"]);
        write(&history.path("clone/policies"));
        history.write("policies/.stopgate-version", env!("CARGO_PKG_VERSION"));
        copy(
            &top().join("ci/pipelines"),
            &history.path("clone/ci/pipelines"),
        );
        history.commit();
        history
    }

    /// A place beside the clone.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file of the work tree.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path("clone").join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("written");
    }

    /// Replaces `from`, which has to be there, in a file of the work tree.
    pub(crate) fn edit(&self, name: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path("clone").join(name)).expect("a file");
        assert!(text.contains(from), "{name} has no {from:?}");
        self.write(name, &text.replacen(from, to, 1));
    }

    /// Commits the work tree.
    pub(crate) fn commit(&self) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "a change of policy"]);
    }

    /// git in the clone; what it says.
    pub(crate) fn git(&self, args: &[&str]) -> String {
        let output = self.command("git").args(args).output().expect("git starts");
        assert!(output.status.success(), "git {args:?}: {}", text(&output));
        String::from_utf8(output.stdout)
            .expect("UTF-8")
            .trim()
            .to_owned()
    }

    /// A program in the clone, in an environment that every machine has, with the shipped `stopgate` on its PATH.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let stopgate = Path::new(env!("CARGO_BIN_EXE_stopgate"))
            .parent()
            .expect("a folder");
        command
            .current_dir(self.path("clone"))
            .env_clear()
            .env(
                "PATH",
                format!("{}:/usr/local/bin:/usr/bin:/bin", stopgate.display()),
            )
            .env("HOME", self.folder.path())
            .env("GIT_CONFIG_NOSYSTEM", "1");
        for who in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{who}_NAME"), "author")
                .env(format!("GIT_{who}_EMAIL"), "author@acme.example");
        }
        command
    }

    /// The gate on a bare clone of all this, from the first commit to the last.
    pub(crate) fn gate(&self) -> Verdict {
        self.gate_between("HEAD^", "HEAD")
    }

    /// The gate on a bare clone of all this.
    pub(crate) fn gate_between(&self, base: &str, head: &str) -> Verdict {
        let bare = self.path("bare.git");
        let _was_it_there = std::fs::remove_dir_all(&bare);
        let bare = bare.to_str().expect("UTF-8");
        self.git(&["clone", "--quiet", "--bare", ".", bare]);
        self.judge(self.command("bash"), &["-C", bare, base, head])
    }

    /// Runs the gate of this source tree with `args`, by a bash that is prepared already.
    pub(crate) fn judge(&self, mut bash: Command, args: &[&str]) -> Verdict {
        let reports = self.path("reports");
        let _was_it_there = std::fs::remove_dir_all(&reports);
        let output = bash
            .arg(top().join("ci/pipelines/gate"))
            .args(["-p", "policies", "-o"])
            .arg(&reports)
            .args(args)
            .output()
            .expect("bash starts");
        self.verdict(&output, reports)
    }

    /// What a run of the gate left, whoever started it.
    pub(crate) fn verdict(&self, output: &Output, reports: PathBuf) -> Verdict {
        Verdict {
            exit: output.status.code().expect("not killed"),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            reports,
        }
    }
}

/// The top of the source tree.
pub(crate) fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
