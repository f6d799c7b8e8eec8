//! The largest rule that is accepted, of every kind of operator: its proofs are prepared well within their time.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stopgate_author::cedar::Condition;
use stopgate_author::lock::LockedFunction;
use stopgate_decide::json::{Json, Limits};

use crate::Desk;

/// What `check` may take for one rule, start and end included.
const TIME: Duration = Duration::from_secs(10);
/// More operators than any rule may have.
const TOO_MANY: usize = 512;

/// A condition with so many operators.
type Class = (&'static str, fn(usize) -> String);

/// A condition for which every optional argument is there.
fn there(rest: &str) -> String {
    let all = ["ob", "oi", "ol", "os"].map(|name| format!("context.input has {name}"));
    format!("{} && {rest}", all.join(" && "))
}

/// `part` so many times, each with its number for `#`.
fn row(many: usize, operator: &str, part: &str) -> String {
    let parts = (0..many).map(|at| part.replace('#', &at.to_string()));
    format!("({})", parts.collect::<Vec<_>>().join(operator))
}

/// `inner` inside so many `before` and `after`.
fn nested(many: usize, before: &str, inner: &str, after: &str) -> String {
    format!("{}{inner}{}", before.repeat(many), after.repeat(many))
}

const CLASSES: [Class; 28] = [
    ("+", |many| {
        format!("context.input.i{} > 5", " + context.input.j".repeat(many))
    }),
    ("+ of what may be missing", |many| {
        there(&format!(
            "context.input.oi{} > 5",
            " + context.input.oi".repeat(many)
        ))
    }),
    ("-", |many| {
        format!("context.input.i{} > 5", " - context.input.j".repeat(many))
    }),
    ("*", |many| {
        format!("context.input.i{} > 5", " * 2".repeat(many))
    }),
    ("negation", |many| {
        format!("{} > 5", nested(many, "-(", "context.input.i", ")"))
    }),
    ("&&", |many| row(many, " && ", "context.input.i > #")),
    ("&& of what may be missing", |many| {
        there(&row(many, " && ", "context.input.oi > #"))
    }),
    ("||", |many| row(many, " || ", "context.input.i == #")),
    ("|| of what may be missing", |many| {
        there(&row(many, " || ", "context.input.oi == #"))
    }),
    ("&& and || in turn", |many| {
        there(&nested(
            many,
            "((",
            "context.input.ob",
            " && context.input.b) || context.input.ob)",
        ))
    }),
    ("if", |many| {
        there(&nested(
            many,
            "(if ",
            "context.input.ob",
            " then context.input.b else context.input.ob)",
        ))
    }),
    ("!", |many| {
        there(&nested(many, "!(", "context.input.ob", ")"))
    }),
    ("==", |many| {
        there(&nested(
            many,
            "(",
            "context.input.ob",
            " == context.input.ob)",
        ))
    }),
    ("<", |many| {
        row(many, " || ", "(context.input.i < # && # < context.input.j)")
    }),
    ("has", |many| {
        row(
            many,
            " || ",
            "(context.input has or && context.input.or has oq && context.input.or.oq has y)",
        )
    }),
    ("has of several", |many| {
        row(
            many,
            " || ",
            "(context.input has or.oq.y && context.input.or.oq.y == \"#\")",
        )
    }),
    ("like", |many| {
        row(many, " || ", "context.input.s like \"*#*a*\"")
    }),
    ("in", |many| {
        row(many, " || ", "principal in Stopgate::Profile::\"support\"")
    }),
    ("in of several", |many| {
        format!(
            "principal in [{}]",
            row(many, ", ", "Stopgate::Profile::\"support\"").trim_matches(['(', ')'])
        )
    }),
    ("a set", |many| {
        format!(
            "[{}].contains(context.input.i)",
            row(many, ", ", "#").trim_matches(['(', ')'])
        )
    }),
    ("a set of sums", |many| {
        there(&format!(
            "[{}].contains(context.input.i)",
            row(many, ", ", "context.input.oi + #").trim_matches(['(', ')'])
        ))
    }),
    ("contains", |many| {
        row(many, " && ", "context.input.l.contains(\"#\")")
    }),
    ("containsAll", |many| {
        there(&row(
            many,
            " && ",
            "context.input.ol.containsAll([\"#\", \"a\"])",
        ))
    }),
    ("containsAny", |many| {
        there(&row(
            many,
            " || ",
            "context.input.ol.containsAny([\"#\", \"a\"])",
        ))
    }),
    ("a record", |many| {
        there(&format!(
            "{} > 5",
            nested(many, "{a: ", "context.input.oi", "}.a")
        ))
    }),
    ("offset", |many| {
        format!(
            "context.time.now{} > datetime(\"2026-01-01\")",
            ".offset(duration(\"1h\"))".repeat(many)
        )
    }),
    ("toDate", |many| {
        format!(
            "context.time.now{} > datetime(\"2026-01-01\")",
            ".toDate()".repeat(many)
        )
    }),
    ("decimal", |many| {
        row(many, " && ", "decimal(\"1.0\").lessThan(decimal(\"2.0\"))")
    }),
];

/// The most operators of a class that are accepted: more are refused, and by the bounds alone.
fn most(class: fn(usize) -> String) -> usize {
    let is_accepted = |many: usize| match Condition::parse(&class(many)) {
        Ok(_) => true,
        Err(mistakes) => {
            let codes: BTreeSet<_> = mistakes.iter().map(|mistake| mistake.code).collect();
            let bounds = ["cedar-too-large", "proof-too-large"];
            assert!(codes.iter().all(|code| bounds.contains(code)), "{codes:?}");
            false
        }
    };
    let (mut accepted, mut refused) = (1, TOO_MANY);
    assert!(is_accepted(accepted) && !is_accepted(refused));
    while accepted + 1 < refused {
        let middle = accepted.midpoint(refused);
        if is_accepted(middle) {
            accepted = middle;
        } else {
            refused = middle;
        }
    }
    accepted
}

/// A function with arguments of every type that rules read, each once required and once not.
fn function() -> Value {
    let text = json!({"type": "string"});
    let inner = json!({"type": "object", "properties": {"y": text}, "required": ["y"], "additionalProperties": false});
    let outer =
        json!({"type": "object", "properties": {"oq": inner}, "additionalProperties": false});
    let listed = json!({"type": "array", "items": text});
    let properties = json!({
        "i": {"type": "integer"}, "j": {"type": "integer"}, "oi": {"type": "integer"},
        "b": {"type": "boolean"}, "ob": {"type": "boolean"}, "s": text, "os": text, "l": listed, "ol": listed, "or": outer,
    });
    json!({
        "name": "close_ticket",
        "inputSchema": {"type": "object", "properties": properties, "required": ["i", "j", "b", "s", "l"], "additionalProperties": false},
    })
}

/// A repository whose one operation with arguments has them all, and a solver that never finds anything, at once.
fn desk() -> Desk {
    let desk = Desk::new();
    let path = desk.path("p/catalog/tickets.lock.json");
    let text = std::fs::read_to_string(&path).expect("a lock");
    let mut lock: Value = serde_json::from_str(&text).expect("JSON");
    let definition = function();
    let limits = Limits {
        bytes: 1 << 20,
        depth: 32,
        members: 1 << 10,
    };
    let read = Json::parse(definition.to_string().as_bytes(), limits).expect("strict JSON");
    let digest = LockedFunction::new(read).expect("a function").digest;
    let first = lock.pointer_mut("/functions/0").expect("a function");
    *first = json!({"digest": digest, "definition": definition});
    std::fs::write(path, lock.to_string()).expect("written");
    desk.edit(
        "tests/tickets.yaml",
        "  close_ticket: {ticket_id: T-1, reason: solved}\n",
        "  close_ticket: {i: 1, j: 1, b: true, s: a, l: [a]}\n",
    );
    let tests = std::fs::read_to_string(desk.path("p/tests/tickets.yaml")).expect("tests");
    let (head, _) = tests.split_once("cases:").expect("cases");
    let cases = "cases:\n  - {name: q, as: [support], do: get_ticket, expect: {permit: [read]}}\n";
    std::fs::write(desk.path("p/tests/tickets.yaml"), format!("{head}{cases}")).expect("written");
    desk.with_solver("exec sed -un '/check-sat/s/.*/unknown/p'")
}

/// A policy with one rule that has a condition.
fn with_condition(desk: &Desk, condition: &str) {
    let rule = |id: &str, operation: &str, rest: &str| {
        format!(
            "  - {{id: {id}, operations: [{operation}], profiles: [support], risk: low, approval: automatic{rest}}}\n"
        )
    };
    let when = format!(", when: {}", Value::from(condition));
    let rules = rule("read", "get_ticket", "") + &rule("x", "close_ticket", &when);
    let text = format!(
        "stopgate: 1\ntool: tickets\nowner: service-desk\nreview_by: 2027-12-31\nrules:\n{rules}"
    );
    std::fs::write(desk.path("p/rules/tickets.yaml"), text).expect("written");
}

#[test]
fn t4_the_largest_accepted_rule_of_every_operator_is_prepared_in_time() {
    let desk = desk();
    for (name, class) in CLASSES {
        let most = most(class);
        with_condition(&desk, &class(most));
        let begun = Instant::now();
        let run = desk.run(&["check", "p", "--require-proof", "--format=json"]);
        let took = begun.elapsed();
        // A solver that finds nothing leaves everything open, and nothing else does.
        assert_eq!(run.exit, 6, "{name}, {most}: {}", run.shown());
        let asked = run.stdout.contains("the solver did not come to an end");
        assert!(asked, "{name}, {most}: {}", run.shown());
        let prepared = !run.stdout.contains("be prepared") && !run.stdout.contains("was over");
        assert!(prepared, "{name}, {most}: {}", run.shown());
        assert!(took < TIME, "{name}, {most}: {took:?}");
    }
}
