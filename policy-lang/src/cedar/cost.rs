//! What evaluating rules costs at most, in steps that are counted before anything is decided.
//!
//! A step is about the work of comparing two characters. Cedar's evaluator has no loops, so everything it does is
//! bounded by the size of what it looks at: a text by the longest that the tool's schema lets through, and never more
//! than the input. Only a pattern of `like` costs more than that, the product of text and pattern. The same count is
//! taken of what authors wrote and of what a bundle holds.

use std::collections::BTreeMap;

use cedar_policy_core::ast::{BinaryOp, Expr, ExprKind, Literal, Pattern, PatternElem, Var};

use crate::attempt::MAX_PROFILES;
use crate::fact::{Fact, FactType, Place};
use crate::name::{OperationName, ProfileName, RuleId, ToolName};
use crate::policy::Rule;
use crate::tool_schema::{InputType, Shape};

use super::CedarMistake;

/// Most steps that the rules which one attempt can meet may take together: some 20 ms of the 50 ms that a decision has,
/// at 0.6 ns for each step (docs/decisions/0012).
pub(crate) const MOST_STEPS: u64 = 1 << 25;

/// What is said of rules that could keep a decision busy for too long.
const HELP: &str = "a `like` costs the longest text times what stands behind the first `*`: give the argument a \
                    `maxLength` in the tool's schema, shorten the pattern, or lower `limits.input_bytes`";

/// Longest id of an agent, in bytes: the sidecar accepts no longer one.
const AGENT: u64 = 256;

/// Steps of a byte of JSON inside a text, which a fact looks into.
const HIDDEN_JSON: u64 = 4;

/// A number of steps or of bytes that grows with the input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Steps {
    /// Whatever the input.
    fixed: u64,
    /// For each byte of it.
    each: u64,
}

impl Steps {
    const ONE: Self = Self::fixed(1);
    /// The bytes of the whole input.
    const INPUT: Self = Self { fixed: 0, each: 1 };

    pub(crate) const fn fixed(fixed: u64) -> Self {
        Self { fixed, each: 0 }
    }

    /// Returns the number for an input of so many bytes.
    pub(crate) const fn at(self, bytes: u64) -> u64 {
        // Saturating everywhere: a count that wraps around would be small, and accept what it should refuse.
        self.each.saturating_mul(bytes).saturating_add(self.fixed)
    }

    pub(crate) const fn and(self, other: Self) -> Self {
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
pub(crate) struct Scene<'a> {
    pub(crate) input: &'a InputType,
    pub(crate) facts: &'a [Fact],
    /// Longest input, in bytes.
    pub(crate) input_bytes: usize,
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
pub(crate) fn of_one_attempt(anybody: Steps, by_profile: impl IntoIterator<Item = Steps>) -> Steps {
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
    /// Returns a mistake if an attempt on `operation` may take too many steps with `rules`, which are all those on the
    /// operation. The costliest rule is named.
    pub(super) fn too_costly(
        &self,
        operation: (&ToolName, &OperationName),
        rules: &[&Rule],
    ) -> Option<(RuleId, CedarMistake)> {
        let longest = length(self.input_bytes);
        let together = self.together(rules).at(longest);
        if together <= MOST_STEPS {
            return None;
        }
        // By the rule's own steps: the one to change first.
        let own = |rule: &&&Rule| self.of_rule(rule).at(longest);
        let rule = rules.iter().max_by_key(own)?;
        let (tool, name) = operation;
        let message = format!(
            "the rules that an attempt on {tool}/{name} can meet take up to {together} steps together, more than the \
             {MOST_STEPS} that are accepted; {} of them are this rule's",
            own(&rule)
        );
        let range = rule.condition.as_ref();
        // Only a `like` costs a product, so this is where to look.
        let range = range.map_or(0..0, |condition| condition.find("like"));
        let mistake = CedarMistake::new("rule-too-costly", message, range).help(HELP);
        Some((rule.id.clone(), mistake))
    }

    /// Counts the most steps that `rules`, all those on one operation, take for one attempt.
    fn together(&self, rules: &[&Rule]) -> Steps {
        // Rules for everybody are always asked, those of a profile only for who holds it. A rule that names several
        // profiles stands in the index once for each.
        let mut anybody = Steps::default();
        let mut by_profile: BTreeMap<&ProfileName, Steps> = BTreeMap::new();
        for rule in rules {
            let steps = self.of_rule(rule);
            match &rule.scope.profiles {
                None => anybody = anybody.and(steps),
                Some(profiles) => {
                    for profile in profiles {
                        let so_far = by_profile.entry(profile).or_default();
                        *so_far = so_far.and(steps);
                    }
                }
            }
        }
        of_one_attempt(anybody, by_profile.into_values())
        // The same sum as `Index::steps` makes of a bundle. If the two differed, a policy would build and not open.
    }

    /// Counts the steps of a rule as its author wrote it, with what the rule's scope adds to the condition.
    pub(super) fn of_rule(&self, rule: &Rule) -> Steps {
        // `!(principal in [profiles])` and `[agents].contains(context.agent.id)`, each joined to the condition.
        let except = length(rule.scope.except.len()).saturating_mul(3);
        let agents = rule.scope.agents.iter().flatten();
        let agents = agents.map(|agent| length(agent.len()).saturating_add(2));
        // The rest is the agent's id and the few nodes around these two tests.
        let scope = agents.fold(except.saturating_add(AGENT + 16), u64::saturating_add);
        let condition = rule
            .condition
            .as_ref()
            .and_then(|condition| condition.expression.as_deref());
        Steps::fixed(scope).and(self.of_condition(condition))
    }

    /// Counts the steps of a condition, or of having none.
    pub(super) fn of_condition(&self, condition: Option<&Expr>) -> Steps {
        condition.map_or(Steps::ONE, |condition| self.estimate(condition).steps)
    }

    /// Counts the steps before any rule is asked: checking the input and computing the facts.
    pub(crate) fn before_rules(&self) -> Steps {
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
