//! Nodes of Cedar's syntax tree as JSON, and the one place that knows what they look like.
//!
//! Every walk over a condition reads it through [`Node::read`]. A shape that is not here is an error and never passed
//! over: what a walk does not see, a proof does not know, and Cedar's JSON gains shapes between minor versions.

use serde_json::{Map, Value, json};

/// One node, with its operands.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node<'a> {
    /// A truth value, a whole number, a text or an entity that is written out.
    Literal(&'a Value),
    /// `principal`, `action`, `resource` or `context`.
    Var(&'a str),
    /// `!a`, `-a`, `a.isEmpty()`.
    Unary(&'static str, &'a Value),
    /// `a == b`, `a && b`, `a.contains(b)` and the like.
    Binary(&'static str, [&'a Value; 2]),
    /// `left.name` and `left["name"]`.
    Get { left: &'a Value, name: &'a str },
    /// `left has a.b.c`.
    Has {
        left: &'a Value,
        names: Vec<&'a str>,
    },
    /// `left like "pattern"`.
    Like { left: &'a Value, pattern: &'a Value },
    /// `left is Type`, `left is Type in within`.
    Is {
        left: &'a Value,
        kind: &'a str,
        within: Option<&'a Value>,
    },
    /// `if a then b else c`.
    If([&'a Value; 3]),
    /// A list that is written out.
    Set(&'a [Value]),
    /// A record that is written out.
    Record(&'a Map<String, Value>),
    /// A function of an extension type.
    Call {
        name: &'static str,
        arguments: &'a [Value],
    },
}

/// A shape that this program does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UnknownForm(String);

impl UnknownForm {
    pub(super) fn new(what: &str) -> Self {
        Self(what.to_owned())
    }

    /// Returns what the unknown shape is, as the subject of a sentence.
    pub(super) fn what(&self) -> &str {
        &self.0
    }
}

const VARS: [&str; 4] = ["principal", "action", "resource", "context"];

const UNARY: [&str; 3] = ["!", "neg", "isEmpty"];

const BINARY: [&str; 17] = [
    "==",
    "!=",
    "in",
    "<",
    "<=",
    ">",
    ">=",
    "&&",
    "||",
    "+",
    "-",
    "*",
    "contains",
    "containsAll",
    "containsAny",
    "getTag",
    "hasTag",
];

/// Nodes that are neither operators of one or two operands nor calls.
#[cfg(test)]
pub(super) const OTHERS: [&str; 9] = [
    "Value",
    "Var",
    ".",
    "has",
    "like",
    "is",
    "if-then-else",
    "Set",
    "Record",
];

// The functions of Cedar's extension types. One that a release adds is refused until proofs and costs know it.
const CALLS: [&str; 22] = [
    "decimal",
    "lessThan",
    "lessThanOrEqual",
    "greaterThan",
    "greaterThanOrEqual",
    "ip",
    "isIpv4",
    "isIpv6",
    "isLoopback",
    "isMulticast",
    "isInRange",
    "datetime",
    "duration",
    "offset",
    "durationSince",
    "toDate",
    "toTime",
    "toMilliseconds",
    "toSeconds",
    "toMinutes",
    "toHours",
    "toDays",
];

/// Returns every word that a node can begin with.
#[cfg(test)]
pub(super) fn words() -> impl Iterator<Item = &'static str> {
    UNARY.into_iter().chain(BINARY).chain(OTHERS).chain(CALLS)
}

/// Most names of one `has`: a proof doubles with each of them.
const MOST_NAMES: usize = 12;

impl<'a> Node<'a> {
    /// Reads the outermost node of `tree`.
    ///
    /// # Errors
    /// [`UnknownForm`] when it has another shape than those that are known here.
    pub(super) fn read(tree: &'a Value) -> Result<Self, UnknownForm> {
        // Cedar's JSON has one member for each node: the operator, with its operands below.
        let members = tree.as_object().filter(|members| members.len() == 1);
        let Some((word, operand)) = members.and_then(|members| members.iter().next()) else {
            return Err(UnknownForm::new("what stands here"));
        };
        Self::named(word, operand).ok_or_else(|| UnknownForm(format!("`{word}`")))
    }

    fn named(word: &str, operand: &'a Value) -> Option<Self> {
        // Operands are read by their exact names and number. A node with one member more is another node.
        if let Some(operator) = known(&UNARY, word) {
            let [arg] = fields(operand, ["arg"])?;
            return Some(Self::Unary(operator, arg));
        }
        if let Some(operator) = known(&BINARY, word) {
            return Some(Self::Binary(operator, fields(operand, ["left", "right"])?));
        }
        if let Some(name) = known(&CALLS, word) {
            let arguments = operand.as_array()?;
            return Some(Self::Call { name, arguments });
        }
        match word {
            "Value" => is_literal(operand).then_some(Self::Literal(operand)),
            "Var" => Some(Self::Var(
                operand.as_str().filter(|var| VARS.contains(var))?,
            )),
            "." => {
                let [left, name] = fields(operand, ["left", "attr"])?;
                let name = name.as_str()?;
                Some(Self::Get { left, name })
            }
            "has" => {
                let [left, attr] = fields(operand, ["left", "attr"])?;
                let names = names(attr)?;
                Some(Self::Has { left, names })
            }
            "like" => {
                let [left, pattern] = fields(operand, ["left", "pattern"])?;
                is_pattern(pattern).then_some(Self::Like { left, pattern })
            }
            // `is … in …` is one node in Cedar's JSON, with the parent as a third member.
            "is" => {
                let within = operand.get("in");
                let [left, kind] = match within {
                    None => fields(operand, ["left", "entity_type"])?,
                    Some(_) => {
                        let [left, kind, _] = fields(operand, ["left", "entity_type", "in"])?;
                        [left, kind]
                    }
                };
                let kind = kind.as_str()?;
                Some(Self::Is { left, kind, within })
            }
            "if-then-else" => Some(Self::If(fields(operand, ["if", "then", "else"])?)),
            "Set" => Some(Self::Set(operand.as_array()?)),
            "Record" => Some(Self::Record(operand.as_object()?)),
            _ => None,
        }
    }

    /// Returns the expressions inside the node, from left to right.
    pub(super) fn operands(&self) -> Vec<&'a Value> {
        match self {
            Self::Literal(_) | Self::Var(_) => Vec::new(),
            Self::Unary(_, arg) => vec![arg],
            Self::Binary(_, both) => both.to_vec(),
            Self::Get { left, .. } | Self::Has { left, .. } | Self::Like { left, .. } => vec![left],
            Self::Is { left, within, .. } => [*left].into_iter().chain(*within).collect(),
            Self::If(three) => three.to_vec(),
            Self::Set(all) | Self::Call { arguments: all, .. } => all.iter().collect(),
            Self::Record(members) => members.values().collect(),
        }
    }

    /// Returns the type and the id of the entity that the node is; `None` if the node is no entity.
    pub(super) fn entity(&self) -> Option<(&'a str, &'a str)> {
        let Self::Literal(value) = self else {
            return None;
        };
        let entity = value.get("__entity")?;
        Some((entity.get("type")?.as_str()?, entity.get("id")?.as_str()?))
    }
}

/// Returns the one of `all` that is `word`; `None` if there is none.
fn known(all: &[&'static str], word: &str) -> Option<&'static str> {
    all.iter().find(|one| **one == word).copied()
}

/// Returns the members `names` of an operand that has exactly these; `None` if the operand has others.
fn fields<'a, const N: usize>(operand: &'a Value, names: [&str; N]) -> Option<[&'a Value; N]> {
    let members = operand.as_object().filter(|members| members.len() == N)?;
    let found: Vec<&Value> = names
        .into_iter()
        .filter_map(|name| members.get(name))
        .collect();
    found.try_into().ok()
}

/// Returns the names that a `has` asks for, of which Cedar writes several as an array; `None` if they are no names.
fn names(attr: &Value) -> Option<Vec<&str>> {
    match attr {
        Value::String(name) => Some(vec![name]),
        Value::Array(names) if !names.is_empty() => names.iter().map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    }
}

fn is_literal(value: &Value) -> bool {
    match value {
        Value::Bool(_) | Value::String(_) => true,
        // Cedar has no other numbers than whole ones of 64 bits.
        Value::Number(number) => number.is_i64(),
        Value::Object(_) => {
            let entity =
                fields(value, ["__entity"]).and_then(|[entity]| fields(entity, ["type", "id"]));
            entity.is_some_and(|parts| parts.iter().all(|part| part.is_string()))
        }
        Value::Null | Value::Array(_) => false,
    }
}

fn is_pattern(pattern: &Value) -> bool {
    let is_part = |part: &Value| {
        let literal = fields(part, ["Literal"]).is_some_and(|[text]| text.is_string());
        literal || part.as_str() == Some("Wildcard")
    };
    pattern
        .as_array()
        .is_some_and(|parts| parts.iter().all(is_part))
}

/// Returns `tree` with one meaning written in one way, if everything in it is known: `a has b.c` becomes what it means,
/// `a has b && a.b has c`. Depth is bounded by what a condition may have.
///
/// # Errors
/// [`UnknownForm`]. A `has` of several names is known after a path alone: anything else would be evaluated once for
/// each name.
pub(super) fn plain(tree: &Value) -> Result<Value, UnknownForm> {
    let node = Node::read(tree)?;
    if let Node::Has { left, names } = &node
        && names.len() > 1
    {
        return written_out(left, names);
    }
    with_operands(tree, &node, &mut plain)
}

fn written_out(left: &Value, names: &[&str]) -> Result<Value, UnknownForm> {
    // Anything but a path would be written, and evaluated, once for each name.
    if !is_path(left) {
        return Err(UnknownForm::new(
            "a `has` of several names after anything but a path",
        ));
    }
    if names.len() > MOST_NAMES {
        return Err(UnknownForm(format!(
            "a `has` of more than {MOST_NAMES} names"
        )));
    }
    let mut left = left.clone();
    let mut tests = Vec::with_capacity(names.len());
    for name in names {
        // `a has b.c` means that `a` has `b` and that `a.b` has `c`.
        tests.push(json!({"has": {"left": left, "attr": name}}));
        left = json!({".": {"left": left, "attr": name}});
    }
    let all = tests
        .into_iter()
        .reduce(|left, right| json!({"&&": {"left": left, "right": right}}));
    all.ok_or_else(|| UnknownForm::new("a `has` of no name"))
}

/// Returns whether `tree` is a variable or what is read below a variable.
fn is_path(tree: &Value) -> bool {
    match Node::read(tree) {
        Ok(Node::Var(_)) => true,
        Ok(Node::Get { left, .. }) => is_path(left),
        Ok(_) | Err(_) => false,
    }
}

/// Returns `tree`, whose outermost node is `node`, with `change` made to each operand of the node. A walk over a tree
/// is in this function once for each level of the tree, so the function is kept small: what is made of the operands is
/// made in another.
pub(super) fn with_operands<E>(
    tree: &Value,
    node: &Node<'_>,
    change: &mut impl FnMut(&Value) -> Result<Value, E>,
) -> Result<Value, E> {
    let mut changed = Vec::new();
    for operand in node.operands() {
        changed.push(change(operand)?);
    }
    Ok(with_these(tree, node, changed))
}

/// Returns `tree`, whose outermost node is `node`, with `operands` in place of the node's own, in their order.
#[inline(never)]
fn with_these(tree: &Value, node: &Node<'_>, operands: Vec<Value>) -> Value {
    let one = |operator: &str, operand: Value| {
        Value::Object(Map::from_iter([(operator.to_owned(), operand)]))
    };
    let mut operands = operands.into_iter();
    // Operands come in the order in which `operands` lists them; both have to change together.
    let mut next = || operands.next().unwrap_or_default();
    match node {
        Node::Literal(_) | Node::Var(_) => tree.clone(),
        Node::Unary(operator, _) => one(operator, json!({"arg": next()})),
        Node::Binary(operator, _) => one(operator, json!({"left": next(), "right": next()})),
        Node::Get { name, .. } => json!({".": {"left": next(), "attr": name}}),
        Node::Has { names, .. } => {
            let attr = match names.as_slice() {
                [name] => json!(name),
                more => json!(more),
            };
            json!({"has": {"left": next(), "attr": attr}})
        }
        Node::Like { pattern, .. } => json!({"like": {"left": next(), "pattern": pattern}}),
        Node::Is { kind, within, .. } => {
            let mut is = Map::from_iter([
                ("left".to_owned(), next()),
                ("entity_type".to_owned(), json!(kind)),
            ]);
            if within.is_some() {
                is.insert("in".to_owned(), next());
            }
            one("is", Value::Object(is))
        }
        Node::If(_) => {
            json!({"if-then-else": {"if": next(), "then": next(), "else": next()}})
        }
        Node::Set(_) => one("Set", operands.collect()),
        Node::Record(members) => {
            let names = members.keys().cloned();
            one("Record", Value::Object(names.zip(operands).collect()))
        }
        Node::Call { name, .. } => one(name, operands.collect()),
    }
}

#[cfg(test)]
mod tests;
