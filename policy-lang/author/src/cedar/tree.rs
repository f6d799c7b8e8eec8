//! Cedar's syntax tree as JSON, in the few forms that our own expressions are made of. Nothing is glued as text.

use std::collections::BTreeSet;
use std::convert::Infallible;

use serde_json::{Map, Value, json};

use super::NAMESPACE;
use super::node::{Node, with_operands};

pub(super) fn profile(id: &str) -> Value {
    json!({"Value": {"__entity": {"type": format!("{NAMESPACE}::Profile"), "id": id}}})
}

/// Returns the expression that reads the value at `path` below the context.
pub(super) fn read<'a>(path: impl IntoIterator<Item = &'a str>) -> Value {
    let context = json!({"Var": "context"});
    path.into_iter().fold(
        context,
        |left, attr| json!({".": {"left": left, "attr": attr}}),
    )
}

pub(super) fn has(left: Value, attr: &str) -> Value {
    json!({"has": {"left": left, "attr": attr}})
}

pub(super) fn value(value: impl Into<Value>) -> Value {
    json!({"Value": value.into()})
}

pub(super) fn set(elements: impl IntoIterator<Item = Value>) -> Value {
    json!({"Set": elements.into_iter().collect::<Vec<_>>()})
}

/// Returns the expression `left OPERATOR right`.
pub(super) fn binary(operator: &str, left: Value, right: Value) -> Value {
    let both = json!({"left": left, "right": right});
    Value::Object(Map::from_iter([(operator.to_owned(), both)]))
}

pub(super) fn not(arg: Value) -> Value {
    json!({"!": {"arg": arg}})
}

pub(super) fn either(condition: Value, then: Value, otherwise: Value) -> Value {
    json!({"if-then-else": {"if": condition, "then": then, "else": otherwise}})
}

/// Returns the operands of `operator` in a row, in their order, however they are bracketed. If `tree` is no expression
/// of `operator`, it is the only operand.
pub(super) fn row<'v>(operator: &str, tree: &'v Value) -> Vec<&'v Value> {
    let (mut operands, mut open) = (Vec::new(), vec![tree]);
    while let Some(tree) = open.pop() {
        match Node::read(tree) {
            // An explicit stack: rows may have hundreds of operands, each one deeper than the one before.
            Ok(Node::Binary(found, [left, right])) if found == operator => {
                open.extend([right, left]);
            }
            Ok(_) | Err(_) => operands.push(tree),
        }
    }
    operands
}

/// Returns `tree` with every row of `&&` or `||` bracketed from the right, which means the same: the parser brackets
/// from the left, and what prepares a proof says the left of each of them twice.
pub(super) fn leaning(tree: &Value) -> Value {
    match Node::read(tree) {
        Ok(Node::Binary(operator @ ("&&" | "||"), _)) => {
            let operands = row(operator, tree).into_iter().rev().map(leaning);
            let row = operands.reduce(|rest, operand| binary(operator, operand, rest));
            row.unwrap_or_else(|| tree.clone())
        }
        Ok(node) => {
            let inner = &mut |tree: &Value| Ok::<_, Infallible>(leaning(tree));
            with_operands(tree, &node, inner).unwrap_or_else(|never| match never {})
        }
        // Nothing is said of what is not known, and Cedar refuses it.
        Err(_) => tree.clone(),
    }
}

/// Returns the expression that asks whether the principal is in one of `ids`: one test for each id, because a solver is
/// slower at sets that overlap, and halved again and again, so that no tree is deep.
pub(super) fn holds<'a>(ids: impl IntoIterator<Item = &'a str>) -> Value {
    let ids: BTreeSet<&str> = ids.into_iter().collect();
    any(&Vec::from_iter(ids))
}

fn any(ids: &[&str]) -> Value {
    // Nobody is in any of none.
    match ids {
        [] => value(false),
        [id] => binary("in", json!({"Var": "principal"}), profile(id)),
        more => {
            let (first, second) = more.split_at(more.len() / 2);
            binary("||", any(first), any(second))
        }
    }
}
