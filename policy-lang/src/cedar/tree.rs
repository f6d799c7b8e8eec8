//! Cedar's syntax tree as JSON, in the few forms that our own expressions are made of. Nothing is glued as text.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::NAMESPACE;

pub(super) fn profile(id: &str) -> Value {
    json!({"Value": {"__entity": {"type": format!("{NAMESPACE}::Profile"), "id": id}}})
}

/// The value at `path` below the context.
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

/// `left OPERATOR right`.
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

/// Whether the principal is in one of `ids`: one test for each, because a solver is slower at sets that overlap, and
/// halved again and again, so that no tree is deep.
pub(super) fn holds<'a>(ids: impl IntoIterator<Item = &'a str>) -> Value {
    let ids: BTreeSet<&str> = ids.into_iter().collect();
    any(&Vec::from_iter(ids))
}

fn any(ids: &[&str]) -> Value {
    match ids {
        [] => value(false),
        [id] => binary("in", json!({"Var": "principal"}), profile(id)),
        more => {
            let (first, second) = more.split_at(more.len() / 2);
            binary("||", any(first), any(second))
        }
    }
}
