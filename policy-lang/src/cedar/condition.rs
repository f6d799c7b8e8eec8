//! Conditions: Cedar expressions over the request, kept as Cedar's own syntax tree so that no form is ever made by
//! gluing text.

use std::collections::BTreeSet;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use cedar_policy::{Expression, Policy, PolicyId};
use miette::Diagnostic as _;
use serde_json::{Value, json};

use super::{CedarMistake, NAMESPACE, bounds};

/// When a rule matches: the `when` and `unless` clauses of one rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    source: Source,
    clauses: Arc<[Value]>,
}

/// The author's text, which the validator is given so that its messages point into it.
#[derive(Debug, Clone, PartialEq)]
enum Source {
    /// The value of a `when:` key: one expression.
    Expression(Arc<str>),
    /// A whole policy of a `.cedar` file.
    Policy(Arc<str>),
}

/// One part of a condition that has to be true by itself for the rule to match.
#[derive(Debug, Clone, PartialEq)]
pub struct Conjunct {
    /// The part, as Cedar prints it.
    pub text: String,
    clause: Value,
}

/// What stands before an expression when it is wrapped into a policy, to be taken off the places of mistakes.
const HEAD: &str = "permit(principal, action, resource) when {\n";

impl Condition {
    /// Reads the value of a `when:` key: exactly one expression.
    ///
    /// # Errors
    /// Every [`CedarMistake`] found; ranges are bytes of `text`.
    pub fn parse(text: &str) -> Result<Self, Vec<CedarMistake>> {
        bounds::check(text).map_err(|mistake| vec![mistake])?;
        // On its own first: a text that closes the wrapping block and opens another is no expression.
        Expression::from_str(text).map_err(|errors| syntax_mistakes(&errors, 0, text.len()))?;
        let policy = parse_policy(&format!("{HEAD}{text}\n}};"), HEAD.len(), text.len())?;
        let clauses = clauses(&policy);
        if clauses.len() != 1 {
            return Err(vec![
                CedarMistake::new("cedar-syntax", "this is not one expression", 0..text.len())
                    .help("write one expression; join several with `&&`"),
            ]);
        }
        Self {
            source: Source::Expression(text.into()),
            clauses: clauses.into(),
        }
        .shaped()
    }

    /// Takes the clauses of a policy of a `.cedar` file; `text` is that policy.
    pub(super) fn of_policy(text: &str, policy: &Policy) -> Result<Self, Vec<CedarMistake>> {
        Self {
            source: Source::Policy(text.into()),
            clauses: clauses(policy).into(),
        }
        .shaped()
    }

    /// Refuses what no rule may do, wherever it stands.
    fn shaped(self) -> Result<Self, Vec<CedarMistake>> {
        let mut mistakes = Vec::new();
        let mut open: Vec<&Value> = self.clauses.iter().collect();
        while let Some(node) = open.pop() {
            // `context.x` is how the context is read: nothing below it is the context as a whole.
            if node
                .get(".")
                .and_then(|access| access.get("left"))
                .is_some_and(is_context)
            {
                continue;
            }
            if is_context(node) {
                mistakes.push(self.bare_context());
            } else if let Some(test) = node.get("in") {
                // Proofs replace what is named here by what leads to it; of any other use they would say nothing true.
                if is_profile_test(test) {
                    continue;
                }
                mistakes.push(self.profile_test());
            } else if entity_type(node) == Some("Stopgate::Profile") {
                mistakes.push(self.profile_test());
            } else if entity_type(node) == Some("Stopgate::User") {
                let mistake = CedarMistake::new(
                    "person-test",
                    "rules name profiles, not people",
                    self.find("User"),
                );
                mistakes.push(mistake.help("give the person a profile of their own and name that"));
            }
            open.extend(children(node));
        }
        mistakes.dedup();
        if mistakes.is_empty() {
            Ok(self)
        } else {
            Err(mistakes)
        }
    }

    fn profile_test(&self) -> CedarMistake {
        CedarMistake::new(
            "profile-test",
            "profiles are tested in another way than `principal in …` with profiles written out",
            self.find("in"),
        )
        .help(format!(
            "write `principal in {NAMESPACE}::Profile::\"name\"`; for sets use `.contains(…)`"
        ))
    }

    fn bare_context(&self) -> CedarMistake {
        CedarMistake::new(
            "bare-context",
            "the context is used as a whole",
            self.find("context"),
        )
        .help("name what you need of it, such as `context.input.amount_cents`")
    }

    /// The first place of `word` in the author's text, or all of it.
    pub(super) fn find(&self, word: &str) -> Range<usize> {
        let text = self.author_text();
        let found = bounds::tokens(text).ok().and_then(|tokens| {
            tokens
                .iter()
                .find(|token| token.text == word)
                .map(|token| token.range.clone())
        });
        found.unwrap_or(0..text.len())
    }

    pub(super) fn author_text(&self) -> &str {
        match &self.source {
            Source::Expression(text) | Source::Policy(text) => text,
        }
    }

    /// The policy that validates this condition for `action`, and how many bytes stand before the author's text in
    /// it. `None` for a rule of a `.cedar` file, whose own text is validated.
    pub(super) fn wrapped(&self, action: &str) -> Option<(String, usize)> {
        let Source::Expression(text) = &self.source else {
            return None;
        };
        let head = format!(
            "permit(principal, action == {NAMESPACE}::Action::{action:?}, resource) when {{\n"
        );
        Some((format!("{head}{text}\n}};"), head.len()))
    }

    pub(super) fn clauses(&self) -> &[Value] {
        &self.clauses
    }

    /// The condition as text: what the author wrote in `when:`, or the clauses as Cedar prints them.
    #[must_use]
    pub fn text(&self) -> String {
        match &self.source {
            Source::Expression(text) => text.to_string(),
            Source::Policy(_) => {
                let parts: Vec<String> = self
                    .conjuncts()
                    .into_iter()
                    .map(|conjunct| conjunct.text)
                    .collect();
                parts.join(" && ")
            }
        }
    }

    /// The parts that must each be true: operands of the top-level `&&`s of every `when`, and every `unless`.
    #[must_use]
    pub fn conjuncts(&self) -> Vec<Conjunct> {
        let mut conjuncts = Vec::new();
        for clause in self.clauses.iter() {
            let body = clause.get("body").cloned().unwrap_or_default();
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

    /// A condition of some of this one's conjuncts.
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
        }
    }

    /// Paths below `context` that are read, such as `["input", "amount_cents"]`.
    #[must_use]
    pub fn reads(&self) -> BTreeSet<Vec<String>> {
        let mut reads = BTreeSet::new();
        let mut open: Vec<&Value> = self.clauses.iter().collect();
        while let Some(node) = open.pop() {
            match path(node) {
                // What is below a path is the path itself.
                Some(path) => {
                    reads.insert(path);
                }
                None => open.extend(children(node)),
            }
        }
        reads
    }

    /// Whether anything in it reads `name` or asks if it is there, of whatever value.
    #[must_use]
    pub fn names_member(&self, name: &str) -> bool {
        let mut names = false;
        for clause in self.clauses.iter() {
            walk(clause, &mut |node| {
                let access = node.get(".").or_else(|| node.get("has"));
                let attr = access.and_then(|access| access.get("attr"));
                names |= attr.and_then(Value::as_str) == Some(name);
            });
        }
        names
    }

    /// Whether a `when` clause asks if something is there: in a rule that only restricts, absence then switches it off.
    #[must_use]
    pub fn asks_for_presence(&self) -> bool {
        let mut asks = false;
        for clause in self
            .clauses
            .iter()
            .filter(|clause| clause.get("kind").and_then(Value::as_str) == Some("when"))
        {
            walk(clause, &mut |node| asks |= node.get("has").is_some());
        }
        asks
    }

    /// Whether it reads the instant of the decision, by itself or with all of `context.time`.
    pub(super) fn reads_now(&self) -> bool {
        self.reads().iter().any(|read| match read.as_slice() {
            [time] => time == "time",
            [time, part, ..] => time == "time" && part != "business",
            [] => true,
        })
    }

    /// Profiles tested in the condition itself.
    #[must_use]
    pub fn profiles(&self) -> Vec<String> {
        let mut profiles = Vec::new();
        for clause in self.clauses.iter() {
            walk(clause, &mut |node| {
                let entity = node
                    .get("Value")
                    .and_then(|value| value.get("__entity"))
                    .unwrap_or(&Value::Null);
                let is_profile =
                    entity.get("type").and_then(Value::as_str) == Some("Stopgate::Profile");
                profiles.extend(
                    entity
                        .get("id")
                        .and_then(Value::as_str)
                        .filter(|_| is_profile)
                        .map(str::to_owned),
                );
            });
        }
        profiles
    }
}

/// The type of the entity that `node` is, if it is one.
fn entity_type(node: &Value) -> Option<&str> {
    node.get("__entity")?.get("type")?.as_str()
}

/// Whether the operands of an `in` are the principal and a profile, or a list of nothing but profiles.
fn is_profile_test(test: &Value) -> bool {
    let is_profile = |node: &Value| {
        let named = node.get("Value").and_then(entity_type);
        named == Some("Stopgate::Profile")
    };
    let right = test.get("right");
    let listed = right
        .and_then(|right| right.get("Set"))
        .and_then(Value::as_array);
    test.get("left") == Some(&json!({"Var": "principal"}))
        && match listed {
            Some(listed) => listed.iter().all(is_profile),
            None => right.is_some_and(is_profile),
        }
}

fn is_context(node: &Value) -> bool {
    node.get("Var").and_then(Value::as_str) == Some("context")
}

/// The path below `context` that `node` reads, if it is such a read.
fn path(node: &Value) -> Option<Vec<String>> {
    if is_context(node) {
        return Some(Vec::new());
    }
    let access = node.get(".").or_else(|| node.get("has"))?;
    let mut path = path(access.get("left")?)?;
    // `has` of several steps is written as an array of names.
    match access.get("attr")? {
        Value::String(name) => path.push(name.clone()),
        Value::Array(names) => {
            path.extend(names.iter().filter_map(Value::as_str).map(str::to_owned))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => return None,
    }
    Some(path)
}

fn children(node: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match node {
        Value::Array(all) => Box::new(all.iter()),
        Value::Object(members) => Box::new(members.values()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            Box::new(std::iter::empty())
        }
    }
}

/// Calls `visit` for `node` and everything below it. Depth is bounded by [`bounds`].
pub(super) fn walk(node: &Value, visit: &mut impl FnMut(&Value)) {
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        visit(node);
        open.extend(children(node));
    }
}

fn clauses(policy: &Policy) -> Vec<Value> {
    let tree = policy.to_json().unwrap_or_default();
    tree.get("conditions")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default()
}

/// Prints one expression of Cedar's syntax tree on one line, for people.
pub(super) fn print_expression(body: &Value) -> String {
    let text = print_exactly(body);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Prints one expression of Cedar's syntax tree, space in texts included.
pub(super) fn print_exactly(body: &Value) -> String {
    let policy = json!({
        "effect": "permit", "principal": {"op": "All"}, "action": {"op": "All"}, "resource": {"op": "All"},
        "conditions": [{"kind": "when", "body": body}],
    });
    let printed = Policy::from_json(None, policy)
        .map(|policy| policy.to_string())
        .unwrap_or_default();
    let inner = printed
        .split_once('{')
        .and_then(|(_, rest)| rest.rsplit_once('}'))
        .map_or("", |(inner, _)| inner);
    inner.trim().to_owned()
}

/// Parses one policy; places of mistakes are moved back by `offset` into an author's text of `length` bytes.
pub(super) fn parse_policy(
    text: &str,
    offset: usize,
    length: usize,
) -> Result<Policy, Vec<CedarMistake>> {
    Policy::parse(Some(PolicyId::new("rule")), text)
        .map_err(|errors| syntax_mistakes(&errors, offset, length))
}

/// One mistake for every error of Cedar's parser.
fn syntax_mistakes(
    errors: &cedar_policy::ParseErrors,
    offset: usize,
    length: usize,
) -> Vec<CedarMistake> {
    errors
        .iter()
        .map(|error| {
            let mut mistake = CedarMistake::new(
                "cedar-syntax",
                error.to_string(),
                range_of(error, offset, length),
            );
            mistake.help = error.help().map(|help| help.to_string());
            mistake
        })
        .collect()
}

/// Where a Cedar error points, in the author's text.
pub(super) fn range_of(
    error: &dyn miette::Diagnostic,
    offset: usize,
    length: usize,
) -> Range<usize> {
    let label = error.labels().and_then(|mut labels| labels.next());
    label.map_or(0..length, |label| {
        let start = label.offset().saturating_sub(offset).min(length);
        start..start.saturating_add(label.len()).min(length)
    })
}
