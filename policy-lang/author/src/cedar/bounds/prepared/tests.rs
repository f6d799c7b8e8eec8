//! What is too large for a proof, and that what people write is not.

use super::super::super::Condition;
use super::too_large;

/// Returns whether a condition is accepted, and checks that nothing but its size is wrong with a condition that is not.
fn is_accepted(text: &str) -> bool {
    match Condition::parse(text) {
        Ok(condition) => too_large(condition.clauses()).is_none(),
        Err(mistakes) => {
            let codes: Vec<_> = mistakes.iter().map(|mistake| mistake.code).collect();
            assert_eq!(codes, ["proof-too-large"], "{text}");
            false
        }
    }
}

const FLAG: &str = "context.input.f";

/// Returns conditions with so many operators inside each other, on values that may be missing.
fn nested(many: usize) -> Vec<String> {
    let left = |start: &str, part: &str, end: &str| {
        format!("{}{FLAG}{}{end}", start.repeat(many), part.repeat(many))
    };
    let now = "context.time.now";
    vec![
        left("", &format!(" + {FLAG}"), " > 0"),
        left("", " * 2", " > 0"),
        left("-(", ")", " > 0"),
        left("(", &format!(" == {FLAG})"), ""),
        left("(if ", " then context.input.g else context.input.h)", ""),
        left("((", " && context.input.g) || context.input.h)", ""),
        left("{a: ", &format!(" + {FLAG}}}.a"), " > 0"),
        format!("{now}{} > {now}", ".toDate()".repeat(many)),
        format!("{now}{} > {now}", ".offset(duration(\"1h\"))".repeat(many)),
        format!("context.input.o{}.p == 1", ".p".repeat(2 * many)),
        format!("context.input.o{} has p", ".p".repeat(2 * many)),
    ]
}

#[test]
fn t4_what_doubles_is_refused_before_a_proof_is_prepared() {
    for text in nested(3) {
        assert!(is_accepted(&text), "{text}");
    }
    for text in nested(16) {
        assert!(!is_accepted(&text), "{text}");
    }
}

#[test]
fn t4_rows_of_operators_are_no_larger_than_they_read() {
    for text in [
        [FLAG; 90].join(" && "),
        [FLAG; 90].join(" || "),
        ["context.input.n > 3 && context.input.n < 9"; 40].join(" || "),
        ["context.input has n && context.input.n < 9"; 40].join(" || "),
        ["context.input.s like \"*a*\""; 80].join(" || "),
        ["principal in Stopgate::Profile::\"lead\""; 90].join(" || "),
        format!("[{}].contains(context.input.n)", ["1"; 380].join(", ")),
        "if context.input.f then context.input.n < 3 else context.input.n * 100 < 9".to_owned(),
        "context.input.a * 100 + context.input.b * 100 + context.input.c * 100 < 5".to_owned(),
    ] {
        assert!(is_accepted(&text), "{text}");
    }
}

#[test]
fn t4_forms_that_are_not_known_count_as_the_largest() {
    let clause = |body: serde_json::Value| serde_json::json!([{"kind": "when", "body": body}]);
    let known = clause(serde_json::json!({"Value": true}));
    let clauses = |clauses: &serde_json::Value| clauses.as_array().cloned().unwrap_or_default();
    assert_eq!(too_large(&clauses(&known)), None);
    for unknown in [
        serde_json::json!({"&&": {"left": {"Value": true}}}),
        serde_json::json!({"novelty": [{"Var": "context"}]}),
        serde_json::Value::Null,
    ] {
        let within = serde_json::json!({"!": {"arg": unknown}});
        for body in [unknown, within] {
            assert!(too_large(&clauses(&clause(body))).is_some());
        }
    }
}
