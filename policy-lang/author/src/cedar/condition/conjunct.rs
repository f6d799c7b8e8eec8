//! The parts of a condition that must each be true.

use serde_json::{Value, json};

use super::super::node::Node;
use super::super::text::print_expression;
use super::{Condition, path, reads_of};

/// One part of a condition that has to be true by itself for the rule to match.
#[derive(Debug, Clone, PartialEq)]
pub struct Conjunct {
    /// The part, as Cedar prints it.
    pub text: String,
    clause: Value,
}

impl Conjunct {
    /// Returns whether this part asks if something is there that `other` reads, so that `other` cannot be asked without
    /// this part.
    pub(crate) fn guards(&self, other: &Self) -> bool {
        // Only a bare `has` guards: `!(a has b)` or `a has b || …` being false says nothing about what can be read.
        let body = |conjunct: &Self| conjunct.clause.get("body").cloned().unwrap_or_default();
        let own = body(self);
        let asked = match Node::read(&own) {
            Ok(Node::Has { .. })
                if self.clause.get("kind").and_then(Value::as_str) == Some("when") =>
            {
                path(&own)
            }
            Ok(_) | Err(_) => None,
        };
        asked.is_some_and(|asked| {
            reads_of([&body(other)])
                .iter()
                .any(|read| read.starts_with(&asked))
        })
    }
}

impl Condition {
    /// Returns the parts that must each be true: operands of the top-level `&&`s of every `when`, and every `unless`.
    #[must_use]
    pub fn conjuncts(&self) -> Vec<Conjunct> {
        let mut conjuncts = Vec::new();
        for clause in self.clauses.iter() {
            let body = clause.get("body").cloned().unwrap_or_default();
            // An `unless` is one part as a whole: it is false when all of it holds, so nothing inside it has to be
            // true by itself.
            if clause.get("kind").and_then(Value::as_str) == Some("unless") {
                let text = format!("!({})", print_expression(&body));
                conjuncts.push(Conjunct {
                    text,
                    clause: clause.clone(),
                });
                continue;
            }
            let mut open = vec![body];
            while let Some(body) = open.pop() {
                match body
                    .get("&&")
                    .and_then(|and| Some((and.get("left")?.clone(), and.get("right")?.clone())))
                {
                    Some((left, right)) => open.extend([right, left]),
                    None => {
                        let text = print_expression(&body);
                        conjuncts.push(Conjunct {
                            text,
                            clause: json!({"kind": "when", "body": body}),
                        });
                    }
                }
            }
        }
        conjuncts
    }

    /// Makes a condition of some of this condition's conjuncts.
    pub(crate) fn of_conjuncts<'a>(
        &self,
        conjuncts: impl IntoIterator<Item = &'a Conjunct>,
    ) -> Self {
        let clauses: Vec<Value> = conjuncts
            .into_iter()
            .map(|conjunct| conjunct.clause.clone())
            .collect();
        Self {
            source: self.source.clone(),
            clauses: clauses.into(),
            // The clauses decide what is matched. The expression is that of the whole condition, which only costs are
            // counted of.
            expression: self.expression.clone(),
            offset: self.offset,
        }
    }
}
