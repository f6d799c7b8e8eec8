//! What evaluating rules costs at most, in steps that are counted before anything is decided.
//!
//! A step is about the work of comparing two characters. Cedar's evaluator has no loops, so everything it does is
//! bounded by the size of what it looks at: a text by the longest that the tool's schema lets through, and never more
//! than the input. Only a pattern of `like` costs more than that, the product of text and pattern. The same count is
//! taken of what authors wrote and of what a bundle holds.

use cedar_policy_core::ast::{BinaryOp, Expr, ExprKind, Literal, Pattern, PatternElem, Var};

use crate::attempt::MAX_PROFILES;
use crate::fact::{Fact, FactType, Place};
use crate::tool_schema::{InputType, Shape};

/// Most steps that the rules which one attempt can meet may take together: some 20 ms of the 50 ms that a decision has,
/// at 0.6 ns for each step (docs/decisions/0012).
pub const MOST_STEPS: u64 = 1 << 25;

/// Longest id of an agent, in bytes: the sidecar accepts no longer one.
pub const AGENT: u64 = 256;

/// Steps of a byte of JSON inside a text, which a fact looks into.
const HIDDEN_JSON: u64 = 4;

/// A number of steps or of bytes that grows with the input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Steps {
    /// Whatever the input.
    fixed: u64,
    /// For each byte of it.
    each: u64,
}

impl Steps {
    const ONE: Self = Self::fixed(1);
    /// The bytes of the whole input.
    const INPUT: Self = Self { fixed: 0, each: 1 };

    /// Returns a number that is the same whatever the input.
    #[must_use]
    pub const fn fixed(fixed: u64) -> Self {
        Self { fixed, each: 0 }
    }

    /// Returns the number for an input of so many bytes.
    #[must_use]
    pub const fn at(self, bytes: u64) -> u64 {
        // Saturating everywhere: a count that wraps around would be small, and accept what it should refuse.
        self.each.saturating_mul(bytes).saturating_add(self.fixed)
    }

    /// Adds both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            fixed: self.fixed.saturating_add(other.fixed),
            each: self.each.saturating_add(other.each),
        }
    }

    const fn times(self, factor: u64) -> Self {
        Self {
            fixed: self.fixed.saturating_mul(factor),
            each: self.each.saturating_mul(factor),
        }
    }

    /// Returns a number that is no less than either of the two, whatever the input.
    fn or(self, other: Self) -> Self {
        Self {
            // Part by part, which may be more than either of the two, and is never less.
            fixed: self.fixed.max(other.fixed),
            each: self.each.max(other.each),
        }
    }
}

/// What the requests of one operation can hold.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// Types of the arguments.
    pub input: &'a InputType,
    /// What is computed of them.
    pub facts: &'a [Fact],
    /// Longest input, in bytes.
    pub input_bytes: usize,
}

/// What is known about a part of an expression.
struct Estimate<'a> {
    /// To evaluate it, at most.
    steps: Steps,
    /// Length of its value in bytes, at most; a number and a truth value have 1.
    size: Steps,
    part: Part<'a>,
}

/// Where the value of a part of an expression comes from.
#[derive(Clone, Copy)]
enum Part<'a> {
    Context,
    Input(&'a InputType),
    Facts,
    Agent,
    /// A text, a number or a truth value.
    Scalar,
    Anything,
}

impl<'a> Estimate<'a> {
    const fn scalar(steps: Steps) -> Self {
        Self {
            steps,
            size: Steps::ONE,
            part: Part::Scalar,
        }
    }
}

/// Returns the most steps that one attempt takes, where the rules for everybody take `anybody` and those of each
/// profile one of `by_profile`. A subject holds no more profiles than are accepted, so only so many count.
#[must_use]
pub fn of_one_attempt(anybody: Steps, by_profile: impl IntoIterator<Item = Steps>) -> Steps {
    let by_profile: Vec<Steps> = by_profile.into_iter().collect();
    // Which profiles are the dearest may depend on the length of the input. The largest fixed parts and the largest
    // parts for each byte are summed apart, maybe of different profiles, so that the sum is too small at no length.
    let most = |part: fn(&Steps) -> u64| {
        let mut parts: Vec<u64> = by_profile.iter().map(part).collect();
        parts.sort_unstable_by(|a, b| b.cmp(a));
        let dearest = parts.into_iter().take(MAX_PROFILES);
        dearest.fold(0, u64::saturating_add)
    };
    anybody.and(Steps {
        fixed: most(|steps| steps.fixed),
        each: most(|steps| steps.each),
    })
}

impl<'a> Scene<'a> {
    /// Counts the steps of a condition, or of having none.
    #[must_use]
    pub fn of_condition(&self, condition: Option<&Expr>) -> Steps {
        condition.map_or(Steps::ONE, |condition| self.estimate(condition).steps)
    }

    /// Counts the steps before any rule is asked: checking the input and computing the facts.
    #[must_use]
    pub fn before_rules(&self) -> Steps {
        let facts = self.facts.iter().map(|fact| match fact.projection.place {
            Place::Input(_) => Steps::INPUT,
            // A fact inside a text has to parse the text as JSON again.
            Place::Hidden { .. } => Steps::INPUT.times(HIDDEN_JSON),
        });
        let checking = Steps::INPUT.times(of_members(self.input));
        facts.fold(checking, Steps::and)
    }

    /// Returns the size of a part of the input that has at most `most` bytes or elements. The part is never larger than
    /// the input.
    fn up_to(&self, most: u64) -> Steps {
        // A size that depends on the input only where it has to: short inputs are then known to be cheap.
        if most < length(self.input_bytes) {
            Steps::fixed(most.max(1))
        } else {
            Steps::INPUT
        }
    }

    /// Returns the size of all that a request can hold: the input, each fact, which is made of the input, and the
    /// agent's id.
    fn whole(&self) -> Steps {
        let times = length(self.facts.len()).saturating_add(1);
        Steps::INPUT.times(times).and(Steps::fixed(AGENT))
    }

    fn estimate(&self, expr: &Expr) -> Estimate<'a> {
        match expr.expr_kind() {
            ExprKind::Lit(Literal::String(text)) => Estimate {
                steps: Steps::ONE,
                size: Steps::fixed(length(text.len()).max(1)),
                part: Part::Scalar,
            },
            ExprKind::Lit(Literal::Bool(_) | Literal::Long(_) | Literal::EntityUID(_))
            | ExprKind::Slot(_)
            | ExprKind::Unknown(_)
            | ExprKind::Var(Var::Principal | Var::Action | Var::Resource) => {
                Estimate::scalar(Steps::ONE)
            }
            ExprKind::Var(Var::Context) => Estimate {
                steps: Steps::ONE,
                size: self.whole(),
                part: Part::Context,
            },
            ExprKind::GetAttr { expr, attr } => {
                let of = self.estimate(expr);
                let (size, part) = self.member(&of, attr);
                Estimate {
                    steps: of.steps.and(Steps::ONE),
                    size,
                    part,
                }
            }
            ExprKind::HasAttr { expr, .. } | ExprKind::Is { expr, .. } => {
                Estimate::scalar(self.estimate(expr).steps.and(Steps::ONE))
            }
            // As many questions for one name, each about all that stands before it.
            ExprKind::ExtHasAttr { expr, attrs } => {
                let names = length(attrs.len());
                let each = self
                    .estimate(expr)
                    .steps
                    .and(Steps::fixed(names.saturating_add(2)));
                Estimate::scalar(each.times(names))
            }
            ExprKind::Like { expr, pattern } => {
                let of = self.estimate(expr);
                // Each character may be compared with each that stands behind the first star.
                Estimate::scalar(of.steps.and(of.size.times(behind_star(pattern))))
            }
            ExprKind::UnaryApp { arg, .. } => {
                Estimate::scalar(self.estimate(arg).steps.and(Steps::ONE))
            }
            // Both operands are counted, and beside them what the operator itself looks at.
            ExprKind::BinaryApp { op, arg1, arg2 } => {
                let (left, right) = (self.estimate(arg1), self.estimate(arg2));
                let own = self.of_operator(*op, &left, &right).and(Steps::ONE);
                Estimate::scalar(left.steps.and(right.steps).and(own))
            }
            // As if the second operand were always looked at.
            ExprKind::And { left, right } | ExprKind::Or { left, right } => {
                let both = self.estimate(left).steps.and(self.estimate(right).steps);
                Estimate::scalar(both.and(Steps::ONE))
            }
            // Only one of the two is evaluated, and it is not known which.
            ExprKind::If {
                test_expr,
                then_expr,
                else_expr,
            } => {
                let (then, otherwise) = (self.estimate(then_expr), self.estimate(else_expr));
                let either = then.steps.or(otherwise.steps);
                let scalars = matches!((then.part, otherwise.part), (Part::Scalar, Part::Scalar));
                Estimate {
                    steps: self.estimate(test_expr).steps.and(either).and(Steps::ONE),
                    size: then.size.or(otherwise.size),
                    part: if scalars {
                        Part::Scalar
                    } else {
                        Part::Anything
                    },
                }
            }
            ExprKind::ExtensionFunctionApp { args, .. } => {
                Estimate::scalar(self.made_of(args.iter()).steps)
            }
            ExprKind::Set(elements) => self.made_of(elements.iter()),
            ExprKind::Record(members) => self.made_of(members.values()),
        }
    }

    /// Counts a value that is made anew of all its `parts`, each of which is looked at whole.
    fn made_of<'e>(&self, parts: impl Iterator<Item = &'e Expr>) -> Estimate<'a> {
        let made = Estimate {
            steps: Steps::ONE,
            size: Steps::ONE,
            part: Part::Anything,
        };
        parts
            .map(|part| self.estimate(part))
            .fold(made, |made, part| {
                let size = part.size.and(Steps::ONE);
                Estimate {
                    steps: made.steps.and(part.steps).and(size),
                    size: made.size.and(size),
                    part: Part::Anything,
                }
            })
    }

    /// Returns the size of the member `name` of `of`, and where the member's value comes from.
    fn member(&self, of: &Estimate<'a>, name: &str) -> (Steps, Part<'a>) {
        match of.part {
            Part::Context => match name {
                "input" => (Steps::INPUT, Part::Input(self.input)),
                "facts" => (self.whole(), Part::Facts),
                "agent" => (Steps::fixed(AGENT), Part::Agent),
                _ => (Steps::ONE, Part::Anything),
            },
            Part::Input(members) => match members.member(name).map(|member| &member.shape) {
                Some(Shape::Object(members)) => (Steps::INPUT, Part::Input(members)),
                Some(shape) => (self.up_to(longest(shape)), part(shape)),
                // Nothing is there: evaluating ends here.
                None => (Steps::ONE, Part::Anything),
            },
            Part::Facts => {
                let fact = self.facts.iter().find(|fact| fact.name.as_str() == name);
                match fact.map(|fact| fact.projection.view.of_type()) {
                    Some(FactType::Long) => (Steps::ONE, Part::Scalar),
                    Some(FactType::String) => (Steps::INPUT, Part::Scalar),
                    Some(FactType::Strings) => (Steps::INPUT, Part::Anything),
                    None => (Steps::ONE, Part::Anything),
                }
            }
            Part::Agent => (Steps::fixed(AGENT), Part::Scalar),
            // Of what was put together in the rule itself, no member is larger than the whole.
            Part::Scalar | Part::Anything => (of.size, Part::Anything),
        }
    }

    /// Counts the steps in which an operator looks at its operands.
    fn of_operator(&self, op: BinaryOp, left: &Estimate<'_>, right: &Estimate<'_>) -> Steps {
        let at_most = |one: &Estimate<'_>| one.size.at(length(self.input_bytes));
        match op {
            // Two texts differ in length, or at a place that both have.
            BinaryOp::Eq => match (left.part, right.part) {
                // The lengths are compared at the longest input, where the difference counts.
                (Part::Scalar, _) | (_, Part::Scalar) if at_most(left) < at_most(right) => {
                    left.size
                }
                (Part::Scalar, _) | (_, Part::Scalar) => right.size,
                _ => left.size.and(right.size),
            },
            // A set finds an element without reading the others, so only what is looked for is read whole.
            BinaryOp::Contains | BinaryOp::In => right.size,
            BinaryOp::ContainsAll | BinaryOp::ContainsAny | BinaryOp::GetTag | BinaryOp::HasTag => {
                left.size.and(right.size)
            }
            BinaryOp::Less | BinaryOp::LessEq | BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul => {
                Steps::ONE
            }
        }
    }
}

/// Counts the steps for each byte of an object that it takes to check the object against `members`. A name has at least
/// four bytes with what is around it, and is looked for among all names.
fn of_members(members: &InputType) -> u64 {
    let each = members
        .members()
        .iter()
        .map(|member| of_check(&member.shape));
    let names = length(members.members().len()).div_ceil(4);
    each.fold(names.max(1), u64::max)
}

/// Counts the steps for each byte of a value that it takes to check the value against a shape.
fn of_check(shape: &Shape) -> u64 {
    match shape {
        // A value with what is around it has at least two bytes, and is looked for among all.
        Shape::String {
            one_of: Some(one_of),
            ..
        } => length(one_of.len()).div_ceil(2).max(1),
        Shape::Integer {
            one_of: Some(one_of),
            ..
        } => length(one_of.len()).div_ceil(2).max(1),
        Shape::Listed(values) => length(values.len()).max(1),
        Shape::Array { element, .. } => of_check(element),
        Shape::Object(members) => of_members(members),
        Shape::Open { members, rest } => of_members(members).max(of_check(rest)),
        Shape::Either(shapes) => shapes
            .iter()
            .map(of_check)
            .fold(0, u64::saturating_add)
            .max(1),
        Shape::String { .. }
        | Shape::Integer { .. }
        | Shape::Number { .. }
        | Shape::Boolean
        | Shape::Anything => 1,
    }
}

/// Returns the bytes of the longest value of a shape that is no object; `u64::MAX` where the shape does not say.
fn longest(shape: &Shape) -> u64 {
    match shape {
        Shape::String {
            one_of: Some(one_of),
            ..
        } => one_of
            .iter()
            .map(|text| length(text.len()))
            .max()
            .unwrap_or(1),
        // A character has at most four bytes.
        Shape::String { max, .. } => length(*max).saturating_mul(4),
        Shape::Integer { .. } | Shape::Boolean | Shape::Number { .. } => 1,
        Shape::Array { element, max, .. } => {
            length(*max).saturating_mul(longest(element).saturating_add(1))
        }
        // Whatever has no bound of its own is bounded by the input (`up_to`).
        Shape::Object(_)
        | Shape::Open { .. }
        | Shape::Either(_)
        | Shape::Listed(_)
        | Shape::Anything => u64::MAX,
    }
}

/// Returns what the count knows of where a value of `shape` comes from: it is a scalar, or anything else.
const fn part(shape: &Shape) -> Part<'_> {
    match shape {
        Shape::String { .. } | Shape::Integer { .. } | Shape::Boolean | Shape::Number { .. } => {
            Part::Scalar
        }
        Shape::Array { .. }
        | Shape::Object(_)
        | Shape::Open { .. }
        | Shape::Either(_)
        | Shape::Listed(_)
        | Shape::Anything => Part::Anything,
    }
}

/// Returns how often each character of a text may be looked at: once, and once for each character of the pattern behind
/// the first `*`. Cedar's matcher goes back to the last `*` again and again.
fn behind_star(pattern: &Pattern) -> u64 {
    let star = |element: &&PatternElem| matches!(element, PatternElem::Wildcard);
    let behind = pattern.iter().skip_while(|element| !star(element));
    length(behind.skip(1).count()).saturating_add(1)
}

fn length(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
