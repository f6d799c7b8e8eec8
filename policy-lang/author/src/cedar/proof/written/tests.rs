//! That what is read is what was written, however deep, and that leaning changes no meaning.

use cedar_policy::{
    Context, Entities, EntityUid, EvalResult, Expression, Request, eval_expression,
};
use serde_json::json;

use super::super::super::Condition;
use super::super::super::text::print_exactly;
use super::super::super::tree::leaning;
use super::*;

#[test]
fn every_tree_is_read_as_it_was_written() {
    let mut deep =
        json!({"a": [1, -2, 9_223_372_036_854_775_807_i64, null, true, "\"\\é"], "b": {}});
    for _ in 0..1000 {
        deep = json!({"left": deep, "right": [[], "x"]});
    }
    assert_eq!(read(&write(&deep)), Some(deep));
}

#[test]
fn what_was_not_written_is_not_read() {
    for text in [
        "",
        "null",
        "[]",
        r#"[{"leaf":1},{"array":[1]}]"#,
        r#"[{"array":[0]}]"#,
        r#"[{"leaf":1},{"array":[0,0]}]"#,
        r#"[{"leaf":1},{"object":[["a",7]]}]"#,
        r#"[{"leaf":1,"array":[]}]"#,
    ] {
        assert_eq!(read(text), None, "{text}");
    }
}

/// Evaluates an expression, and returns `None` if that fails.
fn value(tree: &Value) -> Option<EvalResult> {
    let text = print_exactly(tree);
    let expression: Expression = text.parse().expect("an expression");
    let uid = |text: &str| text.parse::<EntityUid>().expect("an entity");
    let (user, action, tool) = (uid("U::\"u\""), uid("A::\"a\""), uid("T::\"t\""));
    let request = Request::new(user, action, tool, Context::empty(), None).expect("a request");
    eval_expression(&request, &Entities::empty(), &expression).ok()
}

#[test]
fn brackets_from_the_right_mean_what_brackets_from_the_left_mean() {
    let overflow = "9223372036854775807 + 1 > 0";
    let leaves = ["true", "false", overflow];
    let mut seen = [0_usize; 2];
    for number in 0..27_usize {
        let leaf = |at: u32| leaves.get(number / 3_usize.pow(at) % 3).expect("a leaf");
        let (a, b, c) = (leaf(0), leaf(1), leaf(2));
        for shape in [
            "a && b && c",
            "a || b || c",
            "(a && b) || c || a",
            "(a || b) && c && b",
        ] {
            let parts = shape.split(' ').map(|word| {
                let leaf = match word.trim_matches(['(', ')']) {
                    "a" => a,
                    "b" => b,
                    "c" => c,
                    operator => return operator.to_owned(),
                };
                word.replace(|c: char| c.is_alphabetic(), &format!("({leaf})"))
            });
            let text = parts.collect::<Vec<_>>().join(" ");
            let condition = Condition::parse(&text).expect("a condition");
            let clause = condition.clauses().first().expect("a clause");
            let tree = clause.get("body").expect("a body");
            let leant = leaning(tree);
            let count = seen.get_mut(usize::from(leant != *tree)).expect("two");
            *count += 1;
            assert_eq!(value(&leant), value(tree), "{text}");
        }
    }
    assert_eq!(seen, [0, 108], "every one of them is bracketed anew");
}
