//! Our own normal form of a condition: what a signature covers of it.
//!
//! Cedar's syntax tree as JSON is Cedar's: it writes one expression in several ways, and in others with each of its
//! minor releases. Here every expression has one spelling, an array of a word and its operands, so that a signature
//! outlives a release of Cedar. What Cedar can write and is not known here is an error: a digest that left it out would
//! cover two rules that differ in it.

use serde_json::{Map, Value};

use crate::json::Json;

/// A part of Cedar's syntax tree that has no place in the normal form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a condition holds `{0}`, which no digest of a rule can cover")]
pub struct UnknownNode(String);

impl UnknownNode {
    /// The error for `word`, which is Cedar's own and short; anything else of the tree is cut.
    fn at(word: &str) -> Self {
        Self(word.chars().take(40).collect())
    }
}

type Normal = Result<Json, UnknownNode>;

/// Functions of Cedar's extension types. `a.f(b)` and `f(a, b)` are one call.
const FUNCTIONS: [&str; 22] = [
    "datetime",
    "decimal",
    "duration",
    "durationSince",
    "greaterThan",
    "greaterThanOrEqual",
    "ip",
    "isInRange",
    "isIpv4",
    "isIpv6",
    "isLoopback",
    "isMulticast",
    "lessThan",
    "lessThanOrEqual",
    "offset",
    "toDate",
    "toDays",
    "toHours",
    "toMilliseconds",
    "toMinutes",
    "toSeconds",
    "toTime",
];

/// The normal form of a rule's clauses: all of them joined, each `unless` negated.
pub(super) fn clauses(clauses: &[Value]) -> Normal {
    let parts = clauses.iter().map(|clause| {
        let [kind, body] = members(clause, "clause", ["kind", "body"])?;
        match kind.as_str() {
            Some("when") => node(body),
            Some("unless") => Ok(not(node(body)?)),
            _ => Err(UnknownNode::at("clause")),
        }
    });
    Ok(joined("and", parts.collect::<Result<_, _>>()?))
}

/// The normal form of one expression. Depth is bounded by [`super::bounds`].
fn node(tree: &Value) -> Normal {
    let (word, operand) = only(tree)?;
    match word {
        "Value" => literal(operand),
        "Var" => match operand.as_str() {
            Some(name @ ("principal" | "action" | "resource" | "context")) => {
                Ok(array("var", [text(name)]))
            }
            _ => Err(UnknownNode::at(word)),
        },
        "!" => Ok(not(argument(word, operand)?)),
        "neg" => Ok(negative(argument(word, operand)?)),
        "isEmpty" => Ok(array(word, [argument(word, operand)?])),
        "==" | "<" | "<=" | "in" | "+" | "-" | "*" | "contains" | "containsAll" | "containsAny"
        | "getTag" | "hasTag" => Ok(array(word, both(word, operand)?)),
        // As Cedar itself takes them apart.
        "!=" => Ok(not(array("==", both(word, operand)?))),
        ">" => Ok(not(array("<=", both(word, operand)?))),
        ">=" => Ok(not(array("<", both(word, operand)?))),
        "&&" => Ok(joined("and", both(word, operand)?.into())),
        "||" => Ok(joined("or", both(word, operand)?.into())),
        "." => {
            let [left, names] = members(operand, word, ["left", "attr"])?;
            Ok(names_of(names, word)?.iter().fold(node(left)?, member))
        }
        "has" => {
            let [left, names] = members(operand, word, ["left", "attr"])?;
            presence(node(left)?, &names_of(names, word)?)
        }
        "like" => {
            let [left, pattern] = members(operand, word, ["left", "pattern"])?;
            Ok(array(word, [node(left)?, pattern_of(pattern)?]))
        }
        "is" => is(operand),
        "if-then-else" => {
            let [condition, then, otherwise] = members(operand, word, ["if", "then", "else"])?;
            Ok(array(
                "if",
                [node(condition)?, node(then)?, node(otherwise)?],
            ))
        }
        "Set" => set(elements(operand, word)?.iter().map(node)),
        "Record" => record(operand.as_object(), node),
        function if FUNCTIONS.contains(&function) => {
            let arguments = elements(operand, word)?.iter().map(node);
            Ok(call(function, arguments.collect::<Result<_, _>>()?))
        }
        unknown => Err(UnknownNode::at(unknown)),
    }
}

/// A value that is written out, with its type.
fn literal(value: &Value) -> Normal {
    match value {
        Value::Bool(truth) => Ok(array("bool", [Json::Bool(*truth)])),
        Value::Number(number) => {
            let number = number.as_i64().ok_or_else(|| UnknownNode::at("number"))?;
            Ok(long(number))
        }
        Value::String(written) => Ok(array("string", [text(written)])),
        Value::Array(values) => set(values.iter().map(literal)),
        Value::Null => Err(UnknownNode::at("null")),
        Value::Object(object) => match (object.get("__entity"), object.get("__extn")) {
            (None, None) if object.keys().any(|name| name.starts_with("__")) => {
                Err(UnknownNode::at("escape"))
            }
            (None, None) => record(Some(object), literal),
            (Some(_), _) => {
                let [entity] = members(value, "__entity", ["__entity"])?;
                let [kind, id] = members(entity, "__entity", ["type", "id"])?;
                match (kind.as_str(), id.as_str()) {
                    (Some(kind), Some(id)) => Ok(array("entity", [text(kind), text(id)])),
                    _ => Err(UnknownNode::at("__entity")),
                }
            }
            (None, Some(_)) => {
                let [made] = members(value, "__extn", ["__extn"])?;
                extension(made)
            }
        },
    }
}

/// A value of an extension type, which is a call of the function that makes it.
fn extension(made: &Value) -> Normal {
    let one = members(made, "__extn", ["fn", "arg"]);
    let (name, arguments) = match one {
        Ok([name, argument]) => (name, vec![literal(argument)?]),
        Err(_) => {
            let [name, all] = members(made, "__extn", ["fn", "args"])?;
            let all = elements(all, "__extn")?.iter().map(literal);
            (name, all.collect::<Result<_, _>>()?)
        }
    };
    let known = name.as_str().filter(|name| FUNCTIONS.contains(name));
    let name = known.ok_or_else(|| UnknownNode::at("__extn"))?;
    Ok(call(name, arguments))
}

fn long(number: i64) -> Json {
    array("long", [text(&number.to_string())])
}

/// `-5` is a number, whether it is written as one or as what is taken from nothing.
fn negative(of: Json) -> Json {
    let number = match of.as_array() {
        Some([word, Json::String(digits)]) if word.as_str() == Some("long") => {
            digits.parse::<i64>().ok().and_then(i64::checked_neg)
        }
        _ => None,
    };
    number.map_or_else(|| array("neg", [of]), long)
}

/// `left has a.b` says that `left` has `a`, and that this has `b`.
fn presence(left: Json, names: &[&str]) -> Normal {
    let mut reached = left;
    let mut parts = Vec::new();
    for name in names {
        parts.push(array("has", [reached.clone(), text(name)]));
        reached = member(reached, name);
    }
    if parts.is_empty() {
        return Err(UnknownNode::at("has"));
    }
    Ok(joined("and", parts))
}

fn member(left: Json, name: &&str) -> Json {
    array("get", [left, text(name)])
}

/// The names that an access goes along: Cedar writes one as a text and several as an array.
fn names_of<'a>(names: &'a Value, word: &str) -> Result<Vec<&'a str>, UnknownNode> {
    let unknown = || UnknownNode::at(word);
    match names {
        Value::String(name) => Ok(vec![name]),
        Value::Array(names) => {
            let names = names.iter().map(|name| name.as_str().ok_or_else(unknown));
            names.collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Err(unknown()),
    }
}

/// A pattern as texts, with `null` for whatever may stand between them. Cedar writes texts in pieces of any length.
fn pattern_of(pattern: &Value) -> Normal {
    let mut pieces: Vec<Json> = Vec::new();
    for piece in elements(pattern, "pattern")? {
        if piece.as_str() == Some("Wildcard") {
            if pieces.last() != Some(&Json::Null) {
                pieces.push(Json::Null);
            }
            continue;
        }
        let [written] = members(piece, "pattern", ["Literal"])?;
        let written = written.as_str().ok_or_else(|| UnknownNode::at("pattern"))?;
        match pieces.last_mut() {
            Some(Json::String(before)) => before.push_str(written),
            _ if written.is_empty() => {}
            _ => pieces.push(text(written)),
        }
    }
    Ok(Json::Array(pieces))
}

fn is(operand: &Value) -> Normal {
    let word = "is";
    let (left, kind, within) = match members(operand, word, ["left", "entity_type"]) {
        Ok([left, kind]) => (left, kind, None),
        Err(_) => {
            let [left, kind, within] = members(operand, word, ["left", "entity_type", "in"])?;
            (left, kind, Some(within))
        }
    };
    let kind = kind.as_str().ok_or_else(|| UnknownNode::at(word))?;
    let left = node(left)?;
    let mut parts = vec![array(word, [left.clone(), text(kind)])];
    if let Some(within) = within {
        parts.push(array("in", [left, node(within)?]));
    }
    Ok(joined("and", parts))
}

/// Elements in one order, each once: a set has neither order nor repetition.
fn set(elements: impl Iterator<Item = Normal>) -> Normal {
    let mut all = elements.collect::<Result<Vec<Json>, _>>()?;
    all.sort_by_cached_key(Json::canonical);
    all.dedup();
    Ok(array("set", all))
}

fn record(members: Option<&Map<String, Value>>, form: impl Fn(&Value) -> Normal) -> Normal {
    let members = members.ok_or_else(|| UnknownNode::at("Record"))?.iter();
    let members = members.map(|(name, value)| Ok((name.clone(), form(value)?)));
    let members = members.collect::<Result<Vec<_>, UnknownNode>>()?;
    Ok(array("record", [Json::Object(members)]))
}

fn call(function: &str, arguments: Vec<Json>) -> Json {
    array("call", std::iter::once(text(function)).chain(arguments))
}

fn not(of: Json) -> Json {
    array("not", [of])
}

/// `parts` joined by `word`, those that are joined by it themselves in one row: how operands of one operator are
/// grouped means nothing. One part is itself.
fn joined(word: &str, parts: Vec<Json>) -> Json {
    let mut row = Vec::new();
    for part in parts {
        match part {
            Json::Array(inner) if inner.first().and_then(Json::as_str) == Some(word) => {
                row.extend(inner.into_iter().skip(1));
            }
            part => row.push(part),
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

fn argument(word: &str, operand: &Value) -> Normal {
    let [argument] = members(operand, word, ["arg"])?;
    node(argument)
}

fn both(word: &str, operand: &Value) -> Result<[Json; 2], UnknownNode> {
    let [left, right] = members(operand, word, ["left", "right"])?;
    Ok([node(left)?, node(right)?])
}

/// The one member of an object that has one.
fn only(tree: &Value) -> Result<(&str, &Value), UnknownNode> {
    let members = tree.as_object().ok_or_else(|| UnknownNode::at("value"))?;
    let mut all = members.iter();
    match (all.next(), all.next()) {
        (Some((word, operand)), None) => Ok((word, operand)),
        (Some(_), Some(_)) => Err(UnknownNode::at("several")),
        (None, _) => Err(UnknownNode::at("nothing")),
    }
}

/// The members of an object that has these and no others.
fn members<'a, const N: usize>(
    object: &'a Value,
    word: &str,
    names: [&str; N],
) -> Result<[&'a Value; N], UnknownNode> {
    let unknown = || UnknownNode::at(word);
    let members = object.as_object().filter(|all| all.len() == N);
    let members = members.ok_or_else(unknown)?;
    let found = names.map(|name| members.get(name));
    let found: Vec<&Value> = found.into_iter().flatten().collect();
    found.try_into().map_err(|_missing| unknown())
}

fn elements<'a>(list: &'a Value, word: &str) -> Result<&'a [Value], UnknownNode> {
    let elements = list.as_array().map(Vec::as_slice);
    elements.ok_or_else(|| UnknownNode::at(word))
}

#[cfg(test)]
mod tests;
