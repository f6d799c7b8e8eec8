//! What the count says of single conditions, and which rules cost too much. That bundles are never counted higher is a
//! property test.

use std::collections::BTreeSet;
use std::path::Path;

use stopgate_decide::json::{Json, Limits};
use stopgate_decide::tool_schema::InputType;

use crate::cedar::Condition;
use crate::compile::{Sources, compile};
use crate::policy::Policy;

use super::*;

const SCHEMA: &str = r#"{"type": "object", "additionalProperties": false, "required": ["note"], "properties": {
    "note": {"type": "string"}, "key": {"type": "string", "maxLength": 10}, "n": {"type": "integer"},
    "unit": {"type": "string", "enum": ["EUR", "GBP"]},
    "tags": {"type": "array", "items": {"type": "string"}},
    "kinds": {"type": "array", "items": {"type": "string", "enum": ["a", "b", "c"]}, "maxItems": 5},
    "order": {"type": "object", "additionalProperties": false, "properties": {"note": {"type": "string"}}}}}"#;

fn input() -> InputType {
    let limits = Limits {
        bytes: 8192,
        depth: 8,
        members: 200,
    };
    let schema = Json::parse(SCHEMA.as_bytes(), limits).expect("JSON");
    InputType::from_schema(&schema, &BTreeSet::new()).expect("a type")
}

/// Counts the steps of `text` at an input of so many bytes, where 1,000 are accepted.
fn steps(text: &str, bytes: u64) -> u64 {
    let input = input();
    let scene = Scene {
        input: &input,
        facts: &[],
        input_bytes: 1000,
    };
    let condition = Condition::parse(text).expect(text);
    scene
        .of_condition(condition.expression.as_deref())
        .at(bytes)
}

/// What reading a member of the input takes.
const READ: u64 = 3;

#[test]
fn a_like_costs_the_text_times_what_stands_behind_the_first_star() {
    for (pattern, times) in [
        ("abc", 1),
        ("abc*", 1),
        ("abc*d", 2),
        ("*abcd", 5),
        ("*a*b*", 5),
    ] {
        let like = |path: &str| format!("context.input.{path} like \"{pattern}\"");
        assert_eq!(steps(&like("note"), 1000), READ + 1000 * times, "{pattern}");
        assert_eq!(steps(&like("note"), 30), READ + 30 * times, "{pattern}");
        // Ten characters are forty bytes at most, whatever else is in the input.
        assert_eq!(steps(&like("key"), 1000), READ + 40 * times, "{pattern}");
        assert_eq!(steps(&like("order.note"), 1000), READ + 1 + 1000 * times);
    }
    let either = "(if context.input.n > 3 then context.input.note else \"long\") like \"*abcd\"";
    assert!(steps(either, 1000) >= 5000);
}

#[test]
fn everything_else_costs_what_it_looks_at() {
    for (text, least, most) in [
        ("context.input.n > 3", 1, 10),
        ("context.input.unit == \"EUR\"", 3, 12),
        ("context.input.note == \"EUR\"", 3, 12),
        ("context.input.note == context.input.order.note", 1000, 1020),
        ("[\"a\", \"b\"].contains(context.input.note)", 1000, 1020),
        ("context.input.tags.contains(\"a\")", 1, 12),
        (
            "context.input.tags.containsAny(context.input.kinds)",
            1000,
            1050,
        ),
        ("context.input.kinds.containsAll([\"a\"])", 10, 60),
        ("context.input has order.note", 2, 20),
        (
            "principal in [Stopgate::Profile::\"a\", Stopgate::Profile::\"b\"]",
            2,
            20,
        ),
        ("context.agent.id like \"bot-*\"", 256, 270),
    ] {
        let found = steps(text, 1000);
        assert!((least..=most).contains(&found), "{text}: {found}");
    }
    // What is put together is looked at whole, whoever reads it.
    assert!(steps("{a: context.input.note}.a like \"*abcd\"", 1000) >= 5000);
}

#[test]
fn checking_the_input_counts_too() {
    let input = input();
    let scene = Scene {
        input: &input,
        facts: &[],
        input_bytes: 1000,
    };
    // Each of seven names is looked for, and elements of a list among three.
    assert_eq!(scene.before_rules().at(10), 20);
}

fn policy(folder: &str) -> Policy {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let (mut files, mut folders) = (Vec::new(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(&root).expect("inside").to_str();
                let name = name.expect("UTF-8").to_owned();
                files.push((name, std::fs::read(&path).expect("a file")));
            }
        }
    }
    let compiled = compile(Sources::new(files));
    compiled.policy.expect("a policy")
}

/// Checks that rules are taken up to the bound and refused above it, and that the dearest of several is named. The
/// compiler and whoever opens a bundle refuse by the same bound.
#[test]
fn t27_rules_that_may_keep_a_decision_busy_are_refused() {
    let input = input();
    let mut policy = policy("tests/base");
    let mut rule = policy.rules.remove(0);
    rule.scope.profiles = None;
    let scene = |input_bytes| Scene {
        input: &input,
        facts: &[],
        input_bytes,
    };
    let like = |behind: usize| {
        let text = format!("context.input.note like \"*{}\"", "a".repeat(behind));
        Condition::parse(&text).expect("a condition")
    };
    let (tool, name) = (
        "erp".parse().expect("a name"),
        "get_order".parse().expect("a name"),
    );
    // 2^16 bytes times 511 and 512: the rest of the rule is what makes the difference.
    rule.condition = Some(like(510));
    let fine = too_costly(&scene(65_536), (&tool, &name), &[&rule]);
    assert!(fine.is_none(), "{fine:?}");
    rule.condition = Some(like(511));
    let (id, mistake) = too_costly(&scene(65_536), (&tool, &name), &[&rule]).expect("too costly");
    assert_eq!((&id, mistake.code), (&rule.id, "rule-too-costly"));
    assert!(
        mistake.message.contains("erp/get_order"),
        "{}",
        mistake.message
    );
    assert!(too_costly(&scene(65_535), (&tool, &name), &[&rule]).is_none());

    // Together they are too many, and the dearest is named.
    let (mut cheap, mut dear) = (rule.clone(), rule);
    cheap.condition = Some(like(200));
    dear.condition = Some(like(400));
    dear.id = policy.rules.remove(0).id;
    assert!(too_costly(&scene(65_536), (&tool, &name), &[&cheap]).is_none());
    let both = too_costly(&scene(65_536), (&tool, &name), &[&cheap, &dear, &cheap]);
    assert_eq!(both.map(|(id, _)| id), Some(dear.id));
}
