//! A solver that is missing, dies, hangs or talks nonsense proves nothing.

use crate::Desk;

/// How a solver can be broken, by what it is called here.
const BROKEN: [(&str, &str); 3] = [
    ("dies", "exit 1"),
    // One line is read, so that it is in the middle of a question.
    ("is killed", "read -r line; kill -9 $$"),
    (
        "talks nonsense",
        "while read -r line; do echo '(banana'; done",
    ),
];

fn broken() -> Vec<(&'static str, Desk)> {
    let mut all: Vec<_> = BROKEN
        .iter()
        .map(|(name, what)| (*name, changed().with_solver(what)))
        .collect();
    let mut missing = changed();
    missing.solver = Some("/nonexistent".into());
    all.push(("is missing", missing));
    all
}

/// A repository whose work tree says the same in other words, and does sums.
pub(crate) fn changed() -> Desk {
    let desk = Desk::of_the_bank();
    desk.edit(
        "rules/erp.yaml",
        "context.input.amount_cents > 0 && context.input.amount_cents <= 50000",
        "context.input.amount_cents + 1 > 1 && context.input.amount_cents <= 50000",
    );
    desk
}

#[test]
fn a_broken_solver_is_no_proof_of_rules() {
    for (name, desk) in broken() {
        let run = desk.run(&["check", "p", "--require-proof"]);
        assert_eq!(run.exit, 6, "{name}: {}", run.shown());
        assert!(
            run.stdout.contains("is not proved: "),
            "{name}: {}",
            run.shown()
        );
        let run = desk.run(&["check", "p"]);
        assert_eq!(run.exit, 0, "{name}: {}", run.shown());
        assert!(run.stdout.contains("unproved"), "{name}: {}", run.shown());
    }
}

#[test]
fn a_broken_solver_is_no_proof_of_a_change() {
    for (name, desk) in broken() {
        for format in ["text", "json"] {
            let run = desk.run(&["diff", "p", "--base=HEAD", "--format", format]);
            assert_eq!(run.exit, 6, "{name}: {}", run.shown());
            let why = match name {
                "is missing" => "no solver",
                _ => "whether",
            };
            assert!(run.stdout.contains(why), "{name}: {}", run.shown());
        }
    }
}

#[test]
fn a_solver_that_hangs_is_left_alone_after_its_time() {
    let desk = changed().with_solver("exec tail -f /dev/null");
    for format in ["text", "json"] {
        let limits = ["--slice-limit=1s", "--run-limit=2s"];
        let args = ["diff", "p", "--base=HEAD", "--format", format];
        let run = desk.run(&[&args[..], &limits[..]].concat());
        assert_eq!(run.exit, 6, "{}", run.shown());
        assert!(run.stdout.contains("did not answer"), "{}", run.shown());
    }
    let run = desk.run(&["check", "p", "--require-proof", "--run-limit=1s"]);
    assert_eq!(run.exit, 6, "{}", run.shown());
}

/// Two operations with one rule changed each.
fn twice_changed() -> Desk {
    let desk = Desk::of_the_bank();
    for (name, from, to) in [
        (
            "rules/erp.yaml",
            "amount_cents <= 50000",
            "amount_cents <= 50001",
        ),
        (
            "rules/salesforce.yaml",
            "context.facts.rows == 1",
            "context.facts.rows <= 1",
        ),
    ] {
        desk.edit(name, from, to);
    }
    desk
}

/// What became of operations, in the order of the report.
fn classes(desk: &Desk) -> (i32, Vec<String>) {
    let run = desk.run(&["diff", "p", "--base=HEAD", "--format=json"]);
    let said: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
    let operations = said.get("operations").and_then(|all| all.as_array());
    let operations = operations.expect("operations").iter();
    let class = |one: &serde_json::Value| {
        let class = one.get("class").and_then(|class| class.as_str());
        class.expect("a class").to_owned()
    };
    (run.exit, operations.map(class).collect())
}

#[test]
fn a_solver_that_is_killed_with_a_question_leaves_that_one_undecided_and_a_fresh_one_goes_on() {
    let (exit, whole) = classes(&twice_changed());
    assert_eq!(exit, 5);
    assert!(
        whole.len() > 1 && whole.iter().all(|class| class == "looser"),
        "{whole:?}"
    );
    // The first process has the question, whole, and ends without an answer; all others are the real solver.
    let killed = "if mkdir \"$0.once\" 2>/dev/null; then sed -u '/check-sat/q' >/dev/null; kill -9 $$; fi\nexec cvc5 \"$@\"";
    let (exit, classes) = classes(&twice_changed().with_solver(killed));
    assert_eq!(exit, 6, "{classes:?}");
    let undecided = classes.iter().filter(|class| *class == "undecided").count();
    let looser = classes.iter().filter(|class| *class == "looser").count();
    assert_eq!((undecided, looser), (1, whole.len() - 1), "{classes:?}");
}

#[test]
fn a_solver_that_gives_up_by_itself_proves_nothing() {
    let gives_up = "exec cvc5 --lang smt --strings-exp --rlimit-per=1";
    let desk = twice_changed().with_solver(gives_up);
    let run = desk.run(&["diff", "p", "--base=HEAD"]);
    assert_eq!(run.exit, 6, "{}", run.shown());
    assert!(
        run.stdout.contains("did not come to an end"),
        "{}",
        run.shown()
    );
}
