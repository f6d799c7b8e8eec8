//! What `stopgate check` finds in a valid policy, what `stopgate diff` emits as cases, and that no broken solver is
//! taken for a proof.

#![expect(clippy::expect_used, reason = "what the tests share fails as they do")]

#[path = "../shared/copy.rs"]
mod copy;
mod costs;
mod emitted;
mod findings;
mod hidden;
mod largest;
mod paged;
mod processes;
mod reported;
mod solvers;
mod unconfirmed;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
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
    fn shown(&self) -> String {
        format!(
            "exit {}\n{}--- stderr\n{}",
            self.exit, self.stdout, self.stderr
        )
    }
}

/// A git repository with a policy in `p`.
struct Desk {
    folder: TempDir,
    /// The solver's program, instead of the machine's.
    solver: Option<PathBuf>,
}

impl Desk {
    /// With the repository of `stopgate init`, committed.
    fn new() -> Self {
        let desk = Self::empty();
        assert_eq!(desk.run(&["init", "p"]).exit, 0);
        desk.commit();
        desk
    }

    /// With the reference repository, committed.
    fn of_the_bank() -> Self {
        let desk = Self::empty();
        copy(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies"),
            &desk.path("p"),
        );
        desk.commit();
        desk
    }

    fn empty() -> Self {
        let desk = Self {
            folder: tempfile::tempdir().expect("a folder"),
            solver: None,
        };
        desk.git(&["init", "-q", "-b", "main"]);
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Replaces `from`, which has to be there, in the file `name` of the policy.
    fn edit(&self, name: &str, from: &str, to: &str) {
        let path = self.path("p").join(name);
        let text = std::fs::read_to_string(&path).expect("a file");
        assert!(text.contains(from), "{name} has no {from:?}");
        std::fs::write(path, text.replacen(from, to, 1)).expect("written");
    }

    fn commit(&self) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "-q", "-m", "policy"]);
    }

    fn git(&self, args: &[&str]) {
        let who = ["-c", "user.name=t", "-c", "user.email=t@acme.example"];
        let git = Command::new("git")
            .args(who)
            .args(args)
            .current_dir(self.folder.path())
            .status();
        assert!(git.expect("git starts").success(), "git {args:?}");
    }

    /// A solver that answers `--version` and does `what` with every question.
    fn with_solver(mut self, what: &str) -> Self {
        let path = self.path("solver");
        let text = format!(
            "#!/bin/sh\ncase \"$1\" in --version) echo 'This is cvc5 version 0.0'; exit 0;; esac\n{what}\n"
        );
        std::fs::write(&path, text).expect("written");
        std::fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("a program");
        self.solver = Some(path);
        self
    }

    /// Runs `stopgate` here.
    fn run(&self, args: &[&str]) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stopgate"));
        command.args(args).current_dir(self.folder.path());
        match &self.solver {
            Some(solver) => command.env("CVC5", solver),
            None => command.env_remove("CVC5"),
        };
        let output = command.output().expect("stopgate starts");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Run {
            exit: output.status.code().expect("not killed"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}
