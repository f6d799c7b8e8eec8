//! The process that proves: what it may use, that it ends, and that nothing it says by mistake is a proof.

use std::fs::Permissions;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use stopgate::check::{Depth, check, look_closer, signed_reviews};
use stopgate::diff::{Class, Limits, Side, Version, diff};
use stopgate_author::diagnostic::Code;

use crate::Desk;
use crate::solvers::changed;

/// How long anything here may take that is over in a moment.
const SOON: Duration = Duration::from_secs(30);

/// Reads the number of each job into `n` and answers it by `answer`; whether it was asked to close one is left to that.
fn answering(answer: &str) -> String {
    format!(
        "while read -r line; do n=${{line#*number\\\":}}; n=${{n%%,*}}; case $line in\n  \
         '{{\"close\"'*) echo '{{\"closed\":'\"$last\"'}}';;\n  *) last=$n; {answer};;\n esac; done"
    )
}

const PREPARED: &str = r#"echo '{"prepared":'"$n"'}'"#;
const PROVED: &str = r#"echo '{"answered":{"job":'"$n"',"answer":"proved"}}'"#;

/// A program in place of `stopgate` that does `what`.
fn program(desk: &Desk, what: &str) -> PathBuf {
    let path = desk.path("program");
    std::fs::write(&path, format!("#!/bin/sh\n{what}\n")).expect("written");
    std::fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("a program");
    path
}

/// What became of a change and of its rules.
struct Found {
    /// Whether every rule was proved.
    complete: bool,
    codes: Vec<Code>,
    messages: Vec<String>,
    classes: Vec<Class>,
    undecided: Vec<String>,
}

/// Asks the process `program` about a desk whose work tree says the same as its commit in other words.
fn found(desk: &Desk, program: &Path, per_slice: Duration) -> Found {
    let limits = Limits {
        per_slice,
        workers: 1,
        ..Limits::by(program)
    };
    let old = desk.path("old");
    std::fs::create_dir(&old).expect("a folder");
    let archive = format!(
        "git -C '{}' archive HEAD p | tar -x -C '{}'",
        desk.path("").display(),
        old.display()
    );
    assert!(
        Command::new("sh")
            .args(["-c", &archive])
            .status()
            .expect("sh")
            .success()
    );
    let base = check(&old.join("p"))
        .expect("readable")
        .policy
        .expect("valid");
    std::fs::remove_dir_all(&old).expect("deleted");
    let dir = desk.path("p");
    let mut compiled = check(&dir).expect("readable");
    let head = compiled.policy.clone().expect("valid");
    let side = |name: &str| Side {
        name: name.to_owned(),
        commit: None,
    };
    fn version(policy: &stopgate_author::policy::Policy) -> Version<'_> {
        Version {
            policy,
            suites: &[],
        }
    }
    let sides = (side("base"), side("head"));
    let change = diff(
        Some(version(&base)),
        version(&head),
        sides,
        &limits,
        &|_, _| {},
    );
    let change = change.expect("compared");
    let trust = stopgate::workspace::read(&dir).expect("readable").trust;
    let reviews = signed_reviews(&trust, &compiled, jiff::Timestamp::now());
    let today = jiff::civil::date(2026, 11, 24);
    let complete = look_closer(
        &mut compiled,
        (&reviews, &dir),
        today,
        Depth::Evaluable,
        &limits,
        &|_, _| {},
    );
    let diagnostics = &compiled.diagnostics;
    Found {
        complete,
        codes: diagnostics.iter().map(|found| found.code).collect(),
        messages: diagnostics
            .iter()
            .map(|found| found.message.clone())
            .collect(),
        classes: change.operations.iter().map(|one| one.class).collect(),
        undecided: change
            .operations
            .into_iter()
            .flat_map(|one| one.undecided)
            .collect(),
    }
}

#[test]
fn a_process_that_says_what_is_expected_is_believed() {
    let desk = changed();
    let all = program(&desk, &answering(&format!("{PREPARED}; {PROVED}")));
    let found = found(&desk, &all, Duration::from_secs(10));
    assert!(found.complete, "{:?}", found.messages);
    assert_eq!(found.codes, []);
    assert_eq!(found.classes, []);
}

#[test]
fn t4_what_a_process_says_by_mistake_is_no_proof() {
    let twice = format!("{PREPARED}; {PROVED}; {PROVED}");
    let of_another = format!("n=$((n + 1)); {PREPARED}; {PROVED}");
    let first = format!("{PROVED}; {PREPARED}");
    let otherwise = format!(
        "{PREPARED}; echo '{{\"answered\":{{\"job\":'\"$n\"',\"answer\":\"proved\",\"more\":1}}}}'"
    );
    let of_no_kind =
        format!("{PREPARED}; echo '{{\"answered\":{{\"job\":'\"$n\"',\"answer\":\"done\"}}}}'");
    let then_dies = format!("{PREPARED}; {PROVED}; exit 0");
    let then_hangs = format!("{PREPARED}; {PROVED}; exec tail -f /dev/null");
    let in_the_middle = format!("{PREPARED}; printf '{{\"answered\":{{\"job\":'; exit 0");
    for (name, what) in [
        ("does not read", "exec tail -f /dev/null".to_owned()),
        ("dies", "exit 1".to_owned()),
        ("dies of a question", "read -r line; kill -9 $$".to_owned()),
        (
            "talks nonsense",
            "while read -r line; do echo banana; done".to_owned(),
        ),
        ("says nothing it was asked", "exec cat".to_owned()),
        ("never stops", "exec yes '{\"prepared\":1}'".to_owned()),
        ("never ends a line", "exec tr '\\0' x </dev/zero".to_owned()),
        ("answers twice", answering(&twice)),
        ("answers another", answering(&of_another)),
        ("answers before it is prepared", answering(&first)),
        ("answers in another form", answering(&otherwise)),
        ("answers what was not asked", answering(&of_no_kind)),
        ("dies before it is done", answering(&then_dies)),
        ("hangs before it is done", answering(&then_hangs)),
        ("dies in the middle of an answer", answering(&in_the_middle)),
    ] {
        let desk = changed();
        let program = program(&desk, &what);
        let found = found(&desk, &program, Duration::from_millis(500));
        assert!(!found.complete, "{name}");
        assert_eq!(
            found.codes,
            [Code::Unproved],
            "{name}: {:?}",
            found.messages
        );
        assert_eq!(
            found.classes,
            [Class::Undecided],
            "{name}: {:?}",
            found.undecided
        );
        assert!(!found.undecided.is_empty(), "{name}");
    }
    let desk = changed();
    let found = found(&desk, &desk.path("nowhere"), Duration::from_millis(500));
    assert!(!found.complete);
    assert_eq!(found.classes, [Class::Undecided]);
}

#[test]
fn t4_a_rule_that_cannot_be_prepared_is_named_once() {
    let desk = changed();
    // Whatever adds 1 to something takes for ever.
    let slow = format!(
        "case $line in *'\\\"+\\\"'*) exec tail -f /dev/null;; *) {PREPARED}; {PROVED};; esac"
    );
    let slow = program(&desk, &answering(&slow));
    let found = found(&desk, &slow, Duration::from_millis(500));
    assert_eq!(found.classes, [Class::Undecided], "{:?}", found.undecided);
    let [why] = found.undecided.as_slice() else {
        panic!("{:?}", found.undecided);
    };
    let expected =
        "the proof of erp/create_refund could not be prepared in 0.5 s (rule erp/refund-small)";
    assert_eq!(why, expected);
    let [message] = found.messages.as_slice() else {
        panic!("{:?}", found.messages);
    };
    assert!(message.ends_with(expected), "{message}");
}

/// Starts the process itself, as `stopgate` does.
fn started(group: bool) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stopgate"));
    command
        .args(["__worker", "7500"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if group {
        command.process_group(0);
    }
    command
}

/// Waits until `done` says so, and looks again and again until it does.
fn soon<T>(what: &str, done: impl Fn() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(done) = done() {
            return done;
        }
        assert!(begun.elapsed() < SOON, "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn t4_the_process_that_proves_limits_itself_and_ends_with_its_input() {
    let mut child = started(true).spawn().expect("it starts");
    let limits = format!("/proc/{}/limits", child.id());
    let limited = |name: &str, soft: &str| {
        let text = std::fs::read_to_string(&limits).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name))?;
        let word = line.strip_prefix(name)?.split_whitespace().next()?;
        (word == soft).then_some(())
    };
    for (name, soft) in [
        ("Max cpu time", "10"),
        ("Max address space", "2147483648"),
        ("Max core file size", "0"),
    ] {
        soon(name, || limited(name, soft));
    }
    drop(child.stdin.take());
    let status = child.wait().expect("it ends");
    assert!(!status.success(), "its group is killed, and it with it");
}

#[test]
fn t4_the_process_that_proves_shares_its_group_with_nobody() {
    let output = started(false)
        .stdin(Stdio::null())
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("process group of its own"), "{said}");
}

/// Whether a process is there and not only its number.
fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| {
        let state = stat
            .rsplit(')')
            .next()
            .and_then(|rest| rest.trim().chars().next());
        state != Some('Z')
    })
}

/// A run that waits for a solver, which says its own number and that of whoever started it.
fn waiting(desk: &Desk) -> (Child, Vec<String>) {
    let numbers = desk.path("numbers");
    let made = Command::new("mkfifo").arg(&numbers).status();
    assert!(made.expect("mkfifo").success());
    let solver = desk.solver.as_ref().expect("a solver");
    let child = Command::new(env!("CARGO_BIN_EXE_stopgate"))
        .args(["check", "p", "--require-proof"])
        .current_dir(desk.path(""))
        .env("CVC5", solver)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("stopgate starts");
    let numbers = std::fs::File::open(numbers).expect("the solver has started");
    let line = BufReader::new(numbers)
        .lines()
        .next()
        .expect("a line")
        .expect("text");
    let pids: Vec<String> = line.split(' ').map(str::to_owned).collect();
    assert!(
        pids.len() == 2 && pids.iter().all(|pid| is_alive(pid)),
        "{line}"
    );
    (child, pids)
}

#[test]
fn t4_nothing_is_left_of_a_run_that_is_killed_or_interrupted() {
    for signal in ["KILL", "INT", "TERM"] {
        let desk = changed().with_solver("echo \"$$ $PPID\" > numbers; exec tail -f /dev/null");
        let (mut run, pids) = waiting(&desk);
        let sent = Command::new("kill")
            .args([&format!("-{signal}"), &run.id().to_string()])
            .status();
        assert!(sent.expect("kill").success());
        run.wait().expect("it ends");
        for pid in &pids {
            soon(&format!("{pid} after {signal}"), || {
                (!is_alive(pid)).then_some(())
            });
        }
    }
}

#[test]
fn t4_a_process_that_is_late_is_ended_with_all_that_it_started() {
    let desk = changed();
    let numbers = desk.path("numbers");
    let stays = format!(
        "tail -f /dev/null & echo \"$!\" >> '{}'; exec tail -f /dev/null",
        numbers.display()
    );
    let program = program(&desk, &stays);
    let found = found(&desk, &program, Duration::from_millis(500));
    assert_eq!(found.classes, [Class::Undecided]);
    let pids = std::fs::read_to_string(numbers).expect("it was started");
    assert!(pids.lines().count() > 1, "{pids}");
    for pid in pids.lines() {
        soon(pid, || (!is_alive(pid)).then_some(()));
    }
}
