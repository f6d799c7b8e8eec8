//! Our own normal form of a condition: what a signature covers of it.
//!
//! Cedar's syntax tree as JSON is Cedar's: it writes one expression in several ways, and in others with each of its
//! minor releases. Here every expression has one spelling, an array of a word and its operands, so that a signature
//! outlives a release of Cedar. What Cedar can write and is not known here is an error: a digest that left it out would
//! cover two rules that differ in it.

use serde_json::{Map, Value};
use stopgate_decide::json::Json;

use super::node::{Node, UnknownForm};

/// A part of Cedar's syntax tree that has no place in the normal form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} stands in a condition, and no digest of a rule can cover it")]
pub struct UnknownNode(String);

impl From<UnknownForm> for UnknownNode {
    fn from(unknown: UnknownForm) -> Self {
        // A word of Cedar's own is short.
        Self(unknown.what().chars().take(60).collect())
    }
}

type Normal = Result<Json, UnknownNode>;

/// Returns the normal form of a rule's clauses: all of them joined, each `unless` negated.
pub(super) fn clauses(clauses: &[Value]) -> Normal {
    let parts = clauses.iter().map(|clause| {
        let body = clause.get("body").unwrap_or(&Value::Null);
        match clause.get("kind").and_then(Value::as_str) {
            Some("when") => node(body),
            Some("unless") => Ok(not(node(body)?)),
            _ => Err(UnknownForm::new("a clause of another kind").into()),
        }
    });
    // Clauses are joined like operands: `when { a } when { b }` and `when { a && b }` are one rule.
    Ok(joined("and", parts.collect::<Result<_, _>>()?))
}

/// Returns the normal form of one expression. Depth is bounded by [`super::bounds`].
fn node(tree: &Value) -> Normal {
    match Node::read(tree)? {
        Node::Literal(value) => literal(value),
        Node::Var(name) => Ok(array("var", [text(name)])),
        Node::Unary("!", argument) => Ok(not(node(argument)?)),
        Node::Unary("neg", argument) => Ok(negative(node(argument)?)),
        Node::Unary(word, argument) => Ok(array(word, [node(argument)?])),
        Node::Binary(word, [left, right]) => {
            let both = [node(left)?, node(right)?];
            Ok(match word {
                // As Cedar itself takes them apart.
                "!=" => not(array("==", both)),
                ">" => not(array("<=", both)),
                ">=" => not(array("<", both)),
                "&&" => joined("and", both.into()),
                "||" => joined("or", both.into()),
                word => array(word, both),
            })
        }
        Node::Get { left, name } => Ok(member(node(left)?, name)),
        Node::Has { left, names } => Ok(presence(node(left)?, &names)),
        Node::Like { left, pattern } => Ok(array("like", [node(left)?, pattern_of(pattern)?])),
        // `is T in p` means `is T` and `in p`, and other releases may write it so.
        Node::Is { left, kind, within } => {
            let left = node(left)?;
            let mut parts = vec![array("is", [left.clone(), text(kind)])];
            if let Some(within) = within {
                parts.push(array("in", [left, node(within)?]));
            }
            Ok(joined("and", parts))
        }
        Node::If([condition, then, otherwise]) => Ok(array(
            "if",
            [node(condition)?, node(then)?, node(otherwise)?],
        )),
        Node::Set(elements) => set(elements.iter().map(node)),
        Node::Record(members) => record(members),
        Node::Call { name, arguments } => {
            let arguments = arguments.iter().map(node);
            let arguments = arguments.collect::<Result<Vec<_>, _>>()?;
            Ok(array("call", std::iter::once(text(name)).chain(arguments)))
        }
    }
}

/// Returns the normal form of a value that is written out: the value with its type.
fn literal(value: &Value) -> Normal {
    let unknown = || UnknownForm::new("a value of another type").into();
    match value {
        Value::Bool(truth) => Ok(array("bool", [Json::Bool(*truth)])),
        Value::Number(number) => number.as_i64().map(long).ok_or_else(unknown),
        Value::String(written) => Ok(array("string", [text(written)])),
        Value::Object(_) => {
            let entity = value.get("__entity");
            // Whole numbers stand as text in the form, because JSON numbers of ours end at 2^53 and Cedar's do not.
            let part = |name| entity.and_then(|entity| entity.get(name)?.as_str());
            match (part("type"), part("id")) {
                (Some(kind), Some(id)) => Ok(array("entity", [text(kind), text(id)])),
                _ => Err(unknown()),
            }
        }
        Value::Null | Value::Array(_) => Err(unknown()),
    }
}

fn long(number: i64) -> Json {
    array("long", [text(&number.to_string())])
}

/// Returns the normal form of the negation of `of`. `-5` is a number, whether Cedar writes it as one or as the negation
/// of `5`.
fn negative(of: Json) -> Json {
    let number = match of.as_array() {
        Some([word, Json::String(digits)]) if word.as_str() == Some("long") => {
            // The negation of the least number is no number, and stays what it is.
            digits.parse::<i64>().ok().and_then(i64::checked_neg)
        }
        _ => None,
    };
    number.map_or_else(|| array("neg", [of]), long)
}

/// Returns the normal form of a `has`: `left has a.b` says that `left` has `a`, and that this member has `b`.
fn presence(left: Json, names: &[&str]) -> Json {
    let mut reached = left;
    let mut parts = Vec::new();
    for name in names {
        parts.push(array("has", [reached.clone(), text(name)]));
        reached = member(reached, name);
    }
    joined("and", parts)
}

fn member(left: Json, name: &str) -> Json {
    array("get", [left, text(name)])
}

/// Returns the normal form of a pattern: its texts, with `null` for whatever may stand between them. Cedar writes a
/// text in pieces of any length, so pieces that follow each other are joined.
fn pattern_of(pattern: &Value) -> Normal {
    let unknown = || UnknownForm::new("a pattern of another kind");
    let mut pieces: Vec<Json> = Vec::new();
    for piece in pattern.as_array().ok_or_else(unknown)? {
        if piece.as_str() == Some("Wildcard") {
            // Two stars in a row mean the same as one.
            if pieces.last() != Some(&Json::Null) {
                pieces.push(Json::Null);
            }
            continue;
        }
        let written = piece.get("Literal").and_then(Value::as_str);
        let written = written.ok_or_else(unknown)?;
        match pieces.last_mut() {
            Some(Json::String(before)) => before.push_str(written),
            _ if written.is_empty() => {}
            _ => pieces.push(text(written)),
        }
    }
    Ok(Json::Array(pieces))
}

/// Returns the normal form of a set, with the elements in one order and each once: a set has neither order nor
/// repetition.
fn set(elements: impl Iterator<Item = Normal>) -> Normal {
    let mut all = elements.collect::<Result<Vec<Json>, _>>()?;
    // Sorted by their text: any order will do if it is the same for equal sets.
    all.sort_by_cached_key(Json::canonical);
    all.dedup();
    Ok(array("set", all))
}

fn record(members: &Map<String, Value>) -> Normal {
    let members = members.iter();
    let members = members.map(|(name, value)| Ok((name.clone(), node(value)?)));
    let members = members.collect::<Result<Vec<_>, UnknownNode>>()?;
    Ok(array("record", [Json::Object(members)]))
}

fn not(of: Json) -> Json {
    array("not", [of])
}

/// Joins `parts` by `word`. Parts that are themselves joined by `word` come into the same row, because how operands of
/// one operator are grouped means nothing. A single part stays as it is.
fn joined(word: &str, parts: Vec<Json>) -> Json {
    let mut row = Vec::new();
    for part in parts {
        // Only `and` and `or` are joined in rows, and both can be grouped in any way: no other word may come here.
        let first = part.as_array().and_then(|inner| inner.first());
        if first.and_then(Json::as_str) == Some(word)
            && let Json::Array(inner) = part
        {
            row.extend(inner.into_iter().skip(1));
        } else {
            row.push(part);
        }
    }
    match <[Json; 1]>::try_from(row) {
        Ok([only]) => only,
        Err(row) => array(word, row),
    }
}

fn array(word: &str, operands: impl IntoIterator<Item = Json>) -> Json {
    Json::Array(std::iter::once(text(word)).chain(operands).collect())
}

fn text(text: &str) -> Json {
    Json::String(text.to_owned())
}

#[cfg(test)]
mod tests;
