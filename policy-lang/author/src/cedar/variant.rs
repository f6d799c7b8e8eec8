//! Conditions with one thing changed: what decision tables are tried with, to see whether they notice.
//!
//! A change is made on Cedar's syntax tree, printed, and read again like any author's condition, so a variant is never
//! something that nobody could have written. Whether it has the types of its operations is for the validator to say.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::Condition;
use super::condition::any_node;
use super::node::Node;
use super::text::{print_exactly, print_expression};

/// A condition that differs from another in one place.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// What is changed, as Cedar prints it.
    pub before: String,
    /// What stands there instead; `None` where it is left out.
    pub after: Option<String>,
    /// The whole condition; `None` when nothing of it is left, so that the rule always matches.
    pub condition: Option<Condition>,
}

/// The constants of a condition: values around which its answer may change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Constants {
    /// Whole numbers.
    pub numbers: BTreeSet<i64>,
    /// Texts, and for each pattern one text that fits it.
    pub texts: BTreeSet<String>,
}

/// One changed place: the whole expression with it, and what to show of it.
struct Edit {
    whole: Value,
    before: Value,
    after: Option<Value>,
    /// Only a constant, which says nothing without what it is compared with.
    bare: bool,
}

impl Condition {
    /// Returns this condition with each of its parts changed by itself: a number moved by one, a value left out of a
    /// list, a comparison that lets one value more or less through or is turned around, an operand of `&&` or `||` left
    /// out. `<` and `<=` beside a number are not exchanged: moving the number does the same.
    #[must_use]
    pub fn variants(&self) -> Vec<Variant> {
        let clauses = self.clauses();
        let mut variants = Vec::new();
        for (at, clause) in clauses.iter().enumerate() {
            let kind = clause.get("kind").and_then(Value::as_str);
            let Some(body) = clause.get("body") else {
                continue;
            };
            let others = || {
                let others = clauses.iter().enumerate().filter(|(other, _)| *other != at);
                others.map(|(_, clause)| clause.clone())
            };
            // Left out as a whole: a clause of one operand, and every `unless`, of which no operand is a conjunct of
            // the condition. Every other change is one inside the clause.
            if operands("&&", body).len() == 1 || kind == Some("unless") {
                let left: Vec<Value> = others().collect();
                variants.extend(variant(clause_text(clause), None, &left));
            }
            for edit in edits(body) {
                let mut whole: Vec<Value> = others().collect();
                // At the old place, so that what comes first is still evaluated first: order decides which read is
                // guarded.
                whole.insert(
                    at.min(whole.len()),
                    json!({"kind": kind, "body": edit.whole}),
                );
                let after = edit.after.as_ref().map(print_expression);
                variants.extend(variant(print_expression(&edit.before), after, &whole));
            }
        }
        variants
    }

    /// Returns every constant in the condition.
    #[must_use]
    pub fn constants(&self) -> Constants {
        let mut constants = Constants::default();
        for body in self.bodies() {
            any_node(body, &mut |node| {
                match node {
                    Ok(Node::Literal(Value::Number(number))) => {
                        // Only whole numbers occur: `Node` refuses a literal of another kind.
                        constants.numbers.extend(number.as_i64());
                    }
                    Ok(Node::Literal(Value::String(text))) => {
                        constants.texts.insert(text.clone());
                    }
                    Ok(Node::Like { pattern, .. }) => {
                        let literal = |part: &Value| {
                            let text = part.get("Literal").and_then(Value::as_str);
                            // A `Wildcard` stands for any text, so one letter will do.
                            text.unwrap_or("x").to_owned()
                        };
                        let parts = pattern.as_array().map_or(&[][..], Vec::as_slice);
                        constants.texts.insert(parts.iter().map(literal).collect());
                    }
                    Ok(_) | Err(_) => {}
                }
                false
            });
        }
        constants
    }
}

/// Makes the variant whose clauses are `clauses`; returns `None` when Cedar or the bounds do not take it.
fn variant(before: String, after: Option<String>, clauses: &[Value]) -> Option<Variant> {
    let text = |clause: &Value| {
        let body = print_exactly(clause.get("body").unwrap_or(&Value::Null));
        match clause.get("kind").and_then(Value::as_str) {
            Some("unless") => format!("!({body})"),
            _ => format!("({body})"),
        }
    };
    let condition = match clauses {
        [] => None,
        [only] if only.get("kind").and_then(Value::as_str) == Some("when") => {
            Some(print_exactly(only.get("body").unwrap_or(&Value::Null)))
        }
        // Clauses become one expression: a variant has the form of a `when:`.
        _ => Some(clauses.iter().map(text).collect::<Vec<_>>().join(" && ")),
    };
    let condition = match condition {
        // A variant that the parser refuses is none: it could not have been written.
        Some(text) => Some(Condition::parse(&text).ok()?),
        None => None,
    };
    Some(Variant {
        before,
        after,
        condition,
    })
}

fn clause_text(clause: &Value) -> String {
    let body = print_expression(clause.get("body").unwrap_or(&Value::Null));
    match clause.get("kind").and_then(Value::as_str) {
        Some("unless") => format!("!({body})"),
        _ => body,
    }
}

/// Returns the operands of a chain of `operator`, or the expression itself if it is no such chain.
fn operands<'a>(operator: &str, node: &'a Value) -> Vec<&'a Value> {
    let mut operands = Vec::new();
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        match node
            .get(operator)
            .and_then(|both| Some((both.get("left")?, both.get("right")?)))
        {
            // The right one below the left one on the stack, so that operands come out in their order.
            Some((left, right)) => open.extend([right, left]),
            None => operands.push(node),
        }
    }
    operands
}

fn chain(operator: &str, operands: &[Value]) -> Option<Value> {
    let mut operands = operands.iter().cloned();
    let first = operands.next()?;
    Some(operands.fold(first, |left, right| {
        one(operator, json!({"left": left, "right": right}))
    }))
}

fn one(operator: &str, operand: Value) -> Value {
    Value::Object(Map::from_iter([(operator.to_owned(), operand)]))
}

/// Returns every change in `node`. Depth is bounded by what a condition may have.
fn edits(node: &Value) -> Vec<Edit> {
    let Some((operator, operand)) = node.as_object().and_then(|node| node.iter().next()) else {
        return Vec::new();
    };
    match operator.as_str() {
        "&&" | "||" => edits_of_chain(operator, node),
        "Value" => edits_of_number(operand),
        // A way to a value, not a value.
        "." | "has" | "Var" => Vec::new(),
        _ => {
            let mut found = edits_of_set(operator, operand);
            found.extend(edits_of_comparison(operator, operand, node));
            found.extend(edits_below(operator, operand, node));
            found
        }
    }
}

fn edits_of_chain(operator: &str, node: &Value) -> Vec<Edit> {
    let parts: Vec<Value> = operands(operator, node).into_iter().cloned().collect();
    let mut found = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        let mut left = parts.clone();
        left.remove(at);
        found.extend(chain(operator, &left).map(|whole| Edit {
            whole,
            before: part.clone(),
            after: None,
            bare: false,
        }));
        // The change inside one operand, with all others as they were.
        for edit in edits(part) {
            let mut changed = parts.clone();
            if let Some(place) = changed.get_mut(at) {
                place.clone_from(&edit.whole);
            }
            found.extend(chain(operator, &changed).map(|whole| Edit { whole, ..edit }));
        }
    }
    found
}

fn edits_of_number(value: &Value) -> Vec<Edit> {
    let Some(number) = value.as_i64() else {
        return Vec::new();
    };
    // A bound at the end of the numbers has one neighbour.
    let moved = [number.checked_sub(1), number.checked_add(1)];
    let constant = |number: i64| one("Value", json!(number));
    moved
        .into_iter()
        .flatten()
        .map(|moved| Edit {
            whole: constant(moved),
            before: constant(number),
            after: Some(constant(moved)),
            bare: true,
        })
        .collect()
}

fn edits_of_set(operator: &str, operand: &Value) -> Vec<Edit> {
    let Some(elements) = operand
        .as_array()
        // An empty list has no type in Cedar, so the last value is never taken out.
        .filter(|elements| operator == "Set" && elements.len() > 1)
    else {
        return Vec::new();
    };
    let without = |at: usize| {
        let mut left = elements.clone();
        left.remove(at);
        one("Set", Value::Array(left))
    };
    (0..elements.len())
        .map(|at| Edit {
            whole: without(at),
            before: one(operator, operand.clone()),
            after: Some(without(at)),
            bare: true,
        })
        .collect()
}

fn edits_of_comparison(operator: &str, operand: &Value, node: &Value) -> Option<Edit> {
    // Moving the number by one tries the same boundary.
    let beside_number = ["left", "right"].into_iter().any(|side| {
        let value = operand.get(side).and_then(|side| side.get("Value"));
        value.is_some_and(Value::is_i64)
    });
    let other = match operator {
        "==" => "!=",
        "!=" => "==",
        _ if beside_number => return None,
        "<" => "<=",
        "<=" => "<",
        ">" => ">=",
        ">=" => ">",
        _ => return None,
    };
    let changed = one(other, operand.clone());
    Some(Edit {
        whole: changed.clone(),
        before: node.clone(),
        after: Some(changed),
        bare: false,
    })
}

/// Returns the changes in the operands of `operator`: in members of its object, or in elements of its array.
fn edits_below(operator: &str, operand: &Value, node: &Value) -> Vec<Edit> {
    let mut found = Vec::new();
    let mut add = |edit: Edit, changed: Value| {
        let whole = one(operator, changed);
        // `500` says nothing by itself: what is shown is the comparison around it.
        let (before, after) = if edit.bare {
            (node.clone(), Some(whole.clone()))
        } else {
            (edit.before, edit.after)
        };
        found.push(Edit {
            whole,
            before,
            after,
            // A list says as little as its elements.
            bare: edit.bare && operator == "Set",
        });
    };
    match operand {
        Value::Object(members) => {
            for (name, member) in members {
                for edit in edits(member) {
                    let mut changed = members.clone();
                    changed.insert(name.clone(), edit.whole.clone());
                    add(edit, Value::Object(changed));
                }
            }
        }
        Value::Array(elements) => {
            for (at, element) in elements.iter().enumerate() {
                for edit in edits(element) {
                    let mut changed = elements.clone();
                    if let Some(place) = changed.get_mut(at) {
                        place.clone_from(&edit.whole);
                    }
                    add(edit, Value::Array(changed));
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns each variant of a condition: `before → after`, and the whole condition that comes of it.
    fn variants(text: &str) -> Vec<(String, String)> {
        let condition = Condition::parse(text).expect("a condition");
        let change = |variant: Variant| {
            let after = variant.after.unwrap_or_else(|| "–".to_owned());
            let whole = variant.condition.map(|condition| condition.text());
            (
                format!("{} → {after}", variant.before),
                whole.unwrap_or_else(|| "–".to_owned()),
            )
        };
        condition.variants().into_iter().map(change).collect()
    }

    fn changes(text: &str) -> Vec<String> {
        variants(text)
            .into_iter()
            .map(|(change, _)| change)
            .collect()
    }

    #[test]
    fn a_bound_is_moved_and_each_conjunct_is_left_out() {
        let found = variants("context.input.n > 0 && context.input.n <= 500");
        let expected = [
            ("context.input.n > 0 → –", "context.input.n <= 500"),
            (
                "context.input.n > 0 → context.input.n > -1",
                "context.input.n > -1 && context.input.n <= 500",
            ),
            (
                "context.input.n > 0 → context.input.n > 1",
                "context.input.n > 1 && context.input.n <= 500",
            ),
            ("context.input.n <= 500 → –", "context.input.n > 0"),
            (
                "context.input.n <= 500 → context.input.n <= 499",
                "context.input.n > 0 && context.input.n <= 499",
            ),
            (
                "context.input.n <= 500 → context.input.n <= 501",
                "context.input.n > 0 && context.input.n <= 501",
            ),
        ];
        let expected: Vec<_> = expected
            .iter()
            .map(|(change, whole)| ((*change).to_owned(), (*whole).to_owned()))
            .collect();
        let squeezed = |text: String| text.replace(['(', ')'], "");
        let found: Vec<_> = found
            .into_iter()
            .map(|(change, whole)| (squeezed(change), squeezed(whole)))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_list_loses_each_value_and_shows_what_it_is_asked() {
        let found = changes(r#"["EUR", "a  b"].contains(context.input.c)"#);
        assert_eq!(
            found,
            [
                r#"["EUR", "a b"].contains(context.input.c) → –"#,
                r#"["EUR", "a b"].contains(context.input.c) → ["a b"].contains(context.input.c)"#,
                r#"["EUR", "a b"].contains(context.input.c) → ["EUR"].contains(context.input.c)"#,
            ]
        );
        // What is shown is squeezed; what is tried is not.
        let (_, whole) = &variants(r#"["EUR", "a  b"].contains(context.input.c)"#)[1];
        assert_eq!(whole, r#"["a  b"].contains(context.input.c)"#);
    }

    #[test]
    fn comparisons_turn_around_and_alternatives_are_left_out() {
        let found = changes(r#"context.input.a == "x" || !(context.input.b < context.input.c)"#);
        assert_eq!(
            found,
            [
                r#"(context.input.a == "x") || (!(context.input.b < context.input.c)) → –"#,
                r#"context.input.a == "x" → –"#,
                r#"context.input.a == "x" → context.input.a != "x""#,
                "!(context.input.b < context.input.c) → –",
                "context.input.b < context.input.c → context.input.b <= context.input.c",
            ]
        );
    }

    #[test]
    fn constants_are_what_answers_may_change_around() {
        let condition = Condition::parse(
            r#"context.input.n > 3 && context.input.k like "SUP-*" && ["A"].contains(context.input.c)"#,
        )
        .expect("a condition");
        let Constants { numbers, texts } = condition.constants();
        assert_eq!(numbers, BTreeSet::from([3]));
        assert_eq!(texts, BTreeSet::from(["A".to_owned(), "SUP-x".to_owned()]));
    }
}
