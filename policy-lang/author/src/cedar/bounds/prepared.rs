//! How large a condition becomes when a proof about it is prepared.
//!
//! A proof's language has no failing: whatever may be absent or overflow becomes a choice between nothing and a value,
//! and whoever uses it says it again each time it asks which of the two it is. What is said again is kept once, but
//! compared as a whole, so the time is that of the tree, which an operator on such an operand may multiply. The size of
//! that tree is what is bounded here, before anything is prepared. Operators that are chained are taken as
//! [`leaning`](super::super::tree::leaning) writes them.

use serde_json::Value;

use super::super::node::Node;
use super::super::tree::row;

/// Most nodes of the tree that a rule becomes: more than anybody writes who is read by people, and prepared within a
/// tenth of a second by a fast build, within a second by a slow one.
const MOST: u64 = 1 << 18;

/// How often a range of addresses says its operands; as much is taken of what is not known.
const RANGE: u64 = 32;

/// What an expression becomes, as far as sizes matter.
#[derive(Debug, Clone, Copy)]
enum Term {
    /// A value that is always there.
    Sure(u64),
    /// A value that is there unless something holds: the sizes of what, and of the value.
    Unless(u64, u64),
    /// Either of the two, in a form that nothing is known of.
    Maybe(u64),
}

use Term::{Maybe, Sure, Unless};

impl Term {
    const fn size(self) -> u64 {
        // One node says that a value is there; a choice between nothing and a value takes three.
        match self {
            Sure(value) => value.saturating_add(1),
            Unless(absent, value) => absent.saturating_add(value).saturating_add(3),
            Maybe(all) => all,
        }
    }

    /// Returns the size of the question whether the value is absent; 0 for a value that is always there.
    const fn absent(self) -> u64 {
        match self {
            Sure(_) => 0,
            Unless(absent, _) => absent,
            Maybe(all) => all.saturating_add(2),
        }
    }

    /// Returns the size of reading the value, whether or not it is there: of the value alone if it is always there, and
    /// otherwise of the whole term and one node more.
    const fn value(self) -> u64 {
        match self {
            Sure(value) => value,
            Unless(..) | Maybe(_) => self.size().saturating_add(1),
        }
    }

    /// Returns the term of `then` where `then` is only there if this term is there too.
    const fn then(self, then: Self) -> Self {
        match (self, then) {
            (Sure(_), then) => then,
            (Unless(..) | Maybe(_), Sure(value)) => Unless(self.absent(), value),
            (Unless(..) | Maybe(_), Unless(..) | Maybe(_)) => {
                Maybe(self.absent().saturating_add(then.size()).saturating_add(2))
            }
        }
    }
}

/// Returns how many nodes the tree has that `clauses` become in a proof, and how many are accepted. Returns `None` if
/// the tree is not too large.
pub(in super::super) fn too_large(clauses: &[Value]) -> Option<(u64, u64)> {
    let bodies = clauses.iter().filter_map(|clause| clause.get("body"));
    let size = bodies.fold(0_u64, |all, body| all.saturating_add(term(body).size()));
    (size > MOST).then_some((size, MOST))
}

// A term that is too large refuses a rule, and one that is too small lets a proof grow without bound: in doubt it is
// the larger one.
fn term(tree: &Value) -> Term {
    let Ok(node) = Node::read(tree) else {
        // What is not known may be of any size.
        return Maybe(u64::MAX);
    };
    match node {
        Node::Literal(_) | Node::Var(_) => Sure(1),
        Node::Unary("neg", arg) => arithmetic(term(arg), Sure(0)),
        Node::Unary(_, of) | Node::Like { left: of, .. } => unary(term(of), 1),
        Node::Is { left, within, .. } => {
            // A test of the type, and one of the parents if there is one: each says the left side.
            let within = within.map_or(Sure(1), term);
            both(both(term(left), within), term(left))
        }
        Node::Binary("+" | "-" | "*", [left, right]) => arithmetic(term(left), term(right)),
        // A whole row at once, however it is bracketed: proofs are prepared of the row bracketed from the right.
        Node::Binary(operator @ ("&&" | "||"), _) => {
            let operands = row(operator, tree);
            chain(operands.into_iter().map(term))
        }
        Node::Binary(_, [left, right]) => both(term(left), term(right)),
        Node::If([condition, then, otherwise]) => {
            chosen(term(condition), term(then), term(otherwise))
        }
        Node::Get { left, .. } => attribute(left),
        Node::Has { left, names } => has(term(left), names.len()),
        Node::Set(_) | Node::Record(_) => all(&node),
        Node::Call { name, .. } => call(name, all(&node)),
    }
}

/// Returns the term of a call of `function`, a function of an extension type. A function that makes a value takes a
/// text, and the call is that value.
fn call(function: &str, operands: Term) -> Term {
    match function {
        "decimal" | "ip" | "datetime" | "duration" => operands,
        "lessThan" | "lessThanOrEqual" | "greaterThan" | "greaterThanOrEqual" | "isIpv4"
        | "isIpv6" | "toMilliseconds" | "toSeconds" | "toMinutes" | "toHours" | "toDays" => {
            unary(operands, 1)
        }
        "toTime" => unary(operands, 4),
        "isLoopback" | "isMulticast" | "isInRange" => unary(operands, RANGE),
        "offset" | "durationSince" => arithmetic(operands, Sure(0)),
        "toDate" => arithmetic(both(operands, operands), Sure(0)),
        _ => arithmetic(unary(operands, RANGE), Sure(0)),
    }
}

fn unary(of: Term, times: u64) -> Term {
    let value = of.value().saturating_mul(times).saturating_add(2);
    of.then(Sure(value))
}

/// Returns the term of a value that is made of two values, and is there where both are.
fn both(left: Term, right: Term) -> Term {
    let values = left.value().saturating_add(right.value());
    left.then(right.then(Sure(values.saturating_add(2))))
}

/// Returns the term of arithmetic on two values. Arithmetic asks whether it overflows, and that question says both
/// values again.
fn arithmetic(left: Term, right: Term) -> Term {
    let value = left.value().saturating_add(right.value()).saturating_add(1);
    left.then(right.then(Unless(value, value)))
}

/// Returns the term of operands in a row, each of which decides whether the next one is looked at.
fn chain(operands: impl DoubleEndedIterator<Item = Term>) -> Term {
    let rest = operands.rev();
    let row = rest.reduce(|rest, operand| chosen(operand, rest, Sure(1)));
    row.unwrap_or(Sure(1))
}

/// Returns the term of `if condition then … else …`, which is there where the condition and the chosen one of the two
/// are.
fn chosen(condition: Term, then: Term, otherwise: Term) -> Term {
    let with = condition.value().saturating_add(2);
    condition.then(match (then, otherwise) {
        (Sure(then), Sure(otherwise)) => Sure(with.saturating_add(then).saturating_add(otherwise)),
        _ => Maybe(
            with.saturating_add(then.size())
                .saturating_add(otherwise.size()),
        ),
    })
}

/// Returns the term of reading a member of `left`. Members of the context and of its parts are always there; members
/// below these may be left out.
fn attribute(left: &Value) -> Term {
    let of = term(left);
    let value = of.value().saturating_add(1);
    of.then(if is_part(left) {
        Sure(value)
    } else {
        Maybe(value)
    })
}

/// Returns whether `tree` is the context, or a part of the context that is known to have its members.
fn is_part(tree: &Value) -> bool {
    let is_context = |tree| matches!(Node::read(tree), Ok(Node::Var("context")));
    match Node::read(tree) {
        Ok(Node::Get {
            left,
            name: "time" | "agent",
        }) => is_context(left),
        Ok(_) | Err(_) => is_context(tree),
    }
}

/// Returns the term of asking for a member of `of`, or for a member inside another, in so many steps.
fn has(of: Term, steps: usize) -> Term {
    let (mut asked, mut current) = (Vec::new(), of);
    // Each step asks for one member of what the step before reached, which may be missing itself.
    for _ in 0..steps {
        asked.push(unary(current, 1));
        current = current.then(Maybe(current.value().saturating_add(1)));
    }
    chain(asked.into_iter())
}

/// Returns the term of a value that is made of all operands of `node`, and is there where all of them are.
fn all(node: &Node<'_>) -> Term {
    let (mut absent, mut value, mut sure) = (0_u64, 1_u64, true);
    for part in node.operands().into_iter().map(term) {
        absent = absent.saturating_add(part.absent()).saturating_add(1);
        value = value.saturating_add(part.value());
        sure &= matches!(part, Sure(_));
    }
    if sure {
        Sure(value)
    } else {
        Unless(absent, value)
    }
}

#[cfg(test)]
mod tests;
