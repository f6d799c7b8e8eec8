//! Conditions: Cedar expressions over the request, kept as Cedar's own syntax tree so that no form is ever made by
//! gluing text.

use std::collections::BTreeSet;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use cedar_policy::Expression;
use cedar_policy_core::ast::Expr;
use serde_json::{Value, json};

use stopgate_decide::cedar::token::tokens;

use super::node::{Node, UnknownForm, plain};
use super::parsed::{Parsed, ParsedTexts, wrapped};
use super::text::{parse_policy, syntax_mistakes};
use super::{CedarMistake, NAMESPACE, bounds};

mod conjunct;

pub use conjunct::Conjunct;

/// When a rule matches: the `when` and `unless` clauses of one rule. Every node of them is one that [`Node`] knows, and
/// a `has` asks for one name.
#[derive(Debug, Clone)]
pub struct Condition {
    source: Source,
    clauses: Arc<[Value]>,
    /// What Cedar evaluates, of which the cost is counted; `None` of a rule of a `.cedar` file without clauses.
    pub(super) expression: Option<Arc<Expr>>,
    /// How many bytes stand before the author's text in what the places of `expression` count in.
    pub(super) offset: usize,
}

impl PartialEq for Condition {
    /// Compares what two conditions say; where a text was parsed is no part of what it says.
    fn eq(&self, other: &Self) -> bool {
        let Self {
            source,
            clauses,
            expression,
            // Otherwise the same condition would differ from itself at another place in a file, which `diff` would
            // call a change.
            offset: _,
        } = self;
        (source, clauses, expression) == (&other.source, &other.clauses, &other.expression)
    }
}

/// The author's text, which the validator is given so that its messages point into it.
#[derive(Debug, Clone, PartialEq)]
enum Source {
    /// The value of a `when:` key: one expression.
    Expression(Arc<str>),
    /// A whole policy of a `.cedar` file.
    Policy(Arc<str>),
}

impl Condition {
    /// Reads the value of a `when:` key: exactly one expression.
    ///
    /// # Errors
    /// Every [`CedarMistake`] found; ranges are bytes of `text`.
    pub fn parse(text: &str) -> Result<Self, Vec<CedarMistake>> {
        Self::parse_among(text, &ParsedTexts::default())
    }

    /// Reads the value of a `when:` key as [`Condition::parse`] does, faster where `texts` has it.
    ///
    /// # Errors
    /// Every [`CedarMistake`] found; ranges are bytes of `text`.
    pub fn parse_among(text: &str, texts: &ParsedTexts) -> Result<Self, Vec<CedarMistake>> {
        // The bounds come first: Cedar's parser recurses, and aborts the process where the stack ends.
        bounds::check(text).map_err(|mistake| vec![mistake])?;
        let parsed = texts.one(text).ok_or_else(|| no_expression(text))?;
        Self::new(Source::Expression(text.into()), &parsed)?.shaped()
    }

    /// Takes the clauses of a policy of a `.cedar` file; `text` is that policy.
    pub(super) fn of_policy(text: &str, policy: &Parsed) -> Result<Self, Vec<CedarMistake>> {
        Self::new(Source::Policy(text.into()), policy)?.shaped()
    }

    /// Makes a condition of what Cedar read in one policy, with each clause in the one way in which we write it. A form
    /// of Cedar that rules may not use is a mistake.
    fn new(source: Source, parsed: &Parsed) -> Result<Self, Vec<CedarMistake>> {
        let mut condition = Self {
            source,
            clauses: Arc::new([]),
            expression: parsed.expression.clone(),
            offset: parsed.offset,
        };
        match clauses(&parsed.tree) {
            Ok(clauses) => {
                condition.clauses = clauses.into();
                Ok(condition)
            }
            Err(form) => {
                let message = format!("{} is not a form of Cedar that rules may use", form.what());
                let mistake = CedarMistake::new("cedar-form", message, condition.find("has"));
                Err(vec![mistake.help(
                    "write it in another way: proofs would have to know what it means",
                )])
            }
        }
    }

    /// Refuses what no rule may do, whatever its operation: test profiles in another way than `principal in …`, name
    /// people, the action or the resource, use the context or one of its parts as a whole, or be too large for a proof.
    /// Every mistake is reported, each once in its place.
    fn shaped(self) -> Result<Self, Vec<CedarMistake>> {
        let mut mistakes = Vec::new();
        // 1. Single nodes: what they test, and what they name.
        for node in self.nodes() {
            // An `in` is looked at as a whole; what it names is no mistake of its own, so `nodes` goes no further
            // down.
            if is_other_test(&node) {
                // Proofs replace what is named here by what leads to it; of any other use they would say nothing true.
                mistakes.push(self.profile_test());
            } else if let Node::Var(var @ ("action" | "resource")) = node {
                // A proof is about one operation of one tool, and has neither.
                mistakes.push(self.action_test(var));
            }
            match node.entity() {
                // Profiles that are part of an allowed test are below an `in` and never come here.
                None => {}
                Some(("Stopgate::Profile", _)) => mistakes.push(self.profile_test()),
                Some(("Stopgate::User", _)) => {
                    // All subjects are one entity (docs/decisions/0006), so a test of a person would be true of
                    // everybody or of nobody.
                    let mistake = CedarMistake::new(
                        "person-test",
                        "rules name profiles, not people",
                        self.find("User"),
                    );
                    mistakes
                        .push(mistake.help("give the person a profile of their own and name that"));
                }
                Some((kind, _)) => {
                    // The last part of the type is the word that stands in the author's text.
                    let word = kind.rsplit("::").next().unwrap_or(kind);
                    mistakes.push(self.action_test(word));
                }
            }
        }
        // 2. The size of a proof about the whole condition.
        if let Some((size, most)) = bounds::too_large(&self.clauses) {
            mistakes.push(self.unprovable(size, most));
        }
        // 3. Records that are used as a whole.
        for path in self.wholes() {
            // What lies at the top of the context is a record of several things, whatever the operation.
            if path.len() <= 1 {
                mistakes.push(self.bare_context(&path));
            }
        }
        // 4. One mistake of a kind in one place: several nodes may point there.
        let mut seen = BTreeSet::new();
        mistakes.retain(|mistake| seen.insert((mistake.code, mistake.range.start)));
        if mistakes.is_empty() {
            Ok(self)
        } else {
            Err(mistakes)
        }
    }

    fn unprovable(&self, size: u64, most: u64) -> CedarMistake {
        CedarMistake::new(
            "proof-too-large",
            format!("a proof about this rule is {size} steps large, more than the {most} that are accepted"),
            0..self.author_text().len(),
        )
        .help("sums, `if`s and mixed `&&` and `||` inside each other double it: split the rule, or take a fact for the sum")
    }

    /// Returns every node of the clauses, but those that stand below a test of profiles, right or wrong.
    fn nodes(&self) -> Vec<Node<'_>> {
        let mut nodes = Vec::new();
        let mut open: Vec<&Value> = self.bodies().collect();
        while let Some(tree) = open.pop() {
            let Ok(node) = Node::read(tree) else { continue };
            if !is_profile_test(&node) && !is_other_test(&node) {
                open.extend(node.operands());
            }
            nodes.push(node);
        }
        nodes
    }

    /// Returns the expression of each clause.
    pub(super) fn bodies(&self) -> impl Iterator<Item = &Value> {
        self.clauses.iter().filter_map(|clause| clause.get("body"))
    }

    /// Returns the paths below `context` that are used for the value that is there, and neither to read something below
    /// the path nor to ask for it. Asking what the context itself holds counts as a use of the whole context.
    pub(super) fn wholes(&self) -> BTreeSet<Vec<String>> {
        let mut wholes = BTreeSet::new();
        let mut open: Vec<&Value> = self.bodies().collect();
        while let Some(tree) = open.pop() {
            // Reading a path is one use; what lies on the way to it is not a use of the whole.
            if let Some(mut path) = path(tree) {
                let asks = matches!(Node::read(tree), Ok(Node::Has { .. }));
                // What the context itself holds is no question: it is the same for every request.
                if asks && path.len() == 1 {
                    path.clear();
                }
                if !asks || path.is_empty() {
                    wholes.insert(path);
                }
            } else if let Ok(node) = Node::read(tree) {
                open.extend(node.operands());
            }
        }
        wholes
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

    /// Makes the mistake that the record at `path` is used as a value of its own.
    pub(super) fn bare_context(&self, path: &[String]) -> CedarMistake {
        let (message, word) = match path.last() {
            None => ("the context is used as a whole".to_owned(), "context"),
            Some(last) => {
                let path = path.join(".");
                (
                    format!("`context.{path}` is used as a whole"),
                    last.as_str(),
                )
            }
        };
        CedarMistake::new("bare-context", message, self.find(word))
            .help("name what you need of it, such as `context.input.amount_cents`")
    }

    fn action_test(&self, word: &str) -> CedarMistake {
        CedarMistake::new(
            "action-test",
            "a condition names the action or the resource",
            self.find(word),
        )
        .help("name the operation in the scope; write a rule for each of those that differ")
    }

    /// Returns the first place of `word` in the author's text, or all of the text if `word` is no token of it.
    pub(super) fn find(&self, word: &str) -> Range<usize> {
        // Tokens, not a search in the text: the word may also stand in a comment or inside a literal.
        let text = self.author_text();
        let found = tokens(text).ok().and_then(|tokens| {
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

    /// Returns whether this is the value of a `when:` key, which is validated wherever its rule can be used.
    pub(super) const fn is_when(&self) -> bool {
        matches!(self.source, Source::Expression(_))
    }

    pub(super) fn clauses(&self) -> &[Value] {
        &self.clauses
    }

    /// Writes the condition as text: what the author wrote in `when:`, or the clauses as Cedar prints them.
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

    /// Returns the paths below `context` that are read or asked for, such as `["input", "amount_cents"]`.
    #[must_use]
    pub fn reads(&self) -> BTreeSet<Vec<String>> {
        reads_of(self.bodies())
    }

    /// Returns whether anything in the condition reads a member called `name` or asks if one is there, of whatever
    /// value. A node that is not understood counts as doing so.
    #[must_use]
    pub fn names_member(&self, name: &str) -> bool {
        self.bodies().any(|body| {
            // A walk that stops at a node it does not know would say no where it knows nothing.
            any_node(body, &mut |node| match node {
                Ok(Node::Get { name: read, .. }) => *read == name,
                Ok(Node::Has { names, .. }) => names.contains(&name),
                Ok(_) => false,
                Err(_) => true,
            })
        })
    }

    /// Returns whether a `when` clause asks if something is there. In a rule that only restricts, absence then switches
    /// the rule off. A node that is not understood counts as asking.
    #[must_use]
    pub fn asks_for_presence(&self) -> bool {
        let clauses = self.clauses.iter();
        let mut when =
            clauses.filter(|clause| clause.get("kind").and_then(Value::as_str) == Some("when"));
        when.any(|clause| {
            let asks = &mut |node: &Result<Node<'_>, UnknownForm>| {
                matches!(node, Ok(Node::Has { .. }) | Err(_))
            };
            clause.get("body").is_some_and(|body| any_node(body, asks))
        })
    }

    /// Returns whether the condition reads the instant of the decision, by itself or with all of `context.time`.
    pub(super) fn reads_now(&self) -> bool {
        self.reads().iter().any(|read| match read.as_slice() {
            [time] => time == "time",
            // Only `business` is a truth value that is always handed over. Everything else below `time`, and `time`
            // itself, is or holds the instant.
            [time, part, ..] => time == "time" && part != "business",
            [] => true,
        })
    }

    /// Returns the names of the profiles that the condition itself tests.
    #[must_use]
    pub fn profiles(&self) -> Vec<String> {
        let mut profiles = Vec::new();
        for body in self.bodies() {
            any_node(body, &mut |node| {
                if let Ok(Some(("Stopgate::Profile", id))) = node.as_ref().map(Node::entity) {
                    profiles.push(id.to_owned());
                }
                false
            });
        }
        profiles
    }
}

/// Returns whether `node` asks if the principal is in a profile, or in one of a list of nothing but profiles.
fn is_profile_test(node: &Node<'_>) -> bool {
    let Node::Binary("in", [left, right]) = node else {
        return false;
    };
    // A profile in the list beside anything else could not be flattened to what leads to it.
    let is_profile = |tree: &Value| {
        let entity = Node::read(tree).ok().and_then(|node| node.entity());
        entity.is_some_and(|(kind, _)| kind == "Stopgate::Profile")
    };
    Node::read(left) == Ok(Node::Var("principal"))
        && match Node::read(right) {
            Ok(Node::Set(listed)) => listed.iter().all(is_profile),
            Ok(_) | Err(_) => is_profile(right),
        }
}

/// Returns whether `node` is an `in` that is neither a test of profiles nor a test of the action.
fn is_other_test(node: &Node<'_>) -> bool {
    let Node::Binary("in", [left, _]) = node else {
        return false;
    };
    Node::read(left) != Ok(Node::Var("action")) && !is_profile_test(node)
}

/// Returns the path below `context` that `tree` reads or asks for; `None` if `tree` is no such read.
fn path(tree: &Value) -> Option<Vec<String>> {
    match Node::read(tree).ok()? {
        Node::Var("context") => Some(Vec::new()),
        Node::Get { left, name } => {
            let mut path = path(left)?;
            path.push(name.to_owned());
            Some(path)
        }
        Node::Has { left, names } => {
            let mut path = path(left)?;
            path.extend(names.into_iter().map(str::to_owned));
            Some(path)
        }
        Node::Literal(_)
        | Node::Var(_)
        | Node::Unary(..)
        | Node::Binary(..)
        | Node::Like { .. }
        | Node::Is { .. }
        | Node::If(_)
        | Node::Set(_)
        | Node::Record(_)
        | Node::Call { .. } => None,
    }
}

/// Returns the paths below `context` that are read or asked for in `trees`.
fn reads_of<'t>(trees: impl IntoIterator<Item = &'t Value>) -> BTreeSet<Vec<String>> {
    let mut reads = BTreeSet::new();
    let mut open: Vec<&Value> = trees.into_iter().collect();
    while let Some(tree) = open.pop() {
        match path(tree) {
            // What is below a path is the path itself.
            Some(path) => {
                reads.insert(path);
            }
            None => {
                open.extend(Node::read(tree).map_or_else(|_| Vec::new(), |node| node.operands()))
            }
        }
    }
    reads
}

/// Returns whether `is` says yes to `tree` or to anything below it. Depth is bounded by [`bounds`].
pub(super) fn any_node(
    tree: &Value,
    is: &mut impl FnMut(&Result<Node<'_>, UnknownForm>) -> bool,
) -> bool {
    let mut open = vec![tree];
    while let Some(tree) = open.pop() {
        let node = Node::read(tree);
        if is(&node) {
            return true;
        }
        open.extend(node.map_or_else(|_| Vec::new(), |node| node.operands()));
    }
    false
}

/// Returns what is wrong with a text that is not one expression. The message about the text by itself is better than
/// the one about the policy that is written around the text.
fn no_expression(text: &str) -> Vec<CedarMistake> {
    if let Err(errors) = Expression::from_str(text) {
        return syntax_mistakes(&errors, 0, text.len());
    }
    // Taken by itself it is an expression, but not where it stands in a policy.
    let (policy, offset) = wrapped(text);
    parse_policy(&policy, offset, text.len())
        .err()
        .unwrap_or_else(|| {
            let message = "this is not one expression";
            let mistake = CedarMistake::new("cedar-syntax", message, 0..text.len());
            vec![mistake.help("write one expression; join several with `&&`")]
        })
}

/// Reads the clauses of a policy in Cedar's JSON, and writes each in the one way in which we write it.
fn clauses(policy: &Value) -> Result<Vec<Value>, UnknownForm> {
    let unknown = || UnknownForm::new("the policy");
    let clauses = policy.get("conditions").and_then(Value::as_array);
    let clause = |clause: &Value| {
        // A kind of clause that Cedar adds later is refused, not taken for a `when`.
        let kind = clause.get("kind").and_then(Value::as_str);
        let kind = kind.filter(|kind| ["when", "unless"].contains(kind));
        let body = clause.get("body").ok_or_else(unknown)?;
        // Written in one way, so that a signature and a proof do not depend on how Cedar prints it.
        Ok(json!({"kind": kind.ok_or_else(unknown)?, "body": plain(body)?}))
    };
    clauses.ok_or_else(unknown)?.iter().map(clause).collect()
}
