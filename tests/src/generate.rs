//! Random policy repositories, as the text an author would write, and random attempts on them.
//!
//! Everything goes through the front end, the compiler and the signature, as a real policy does. All operations take
//! the same arguments, so that guardrails may reach them all.

#![expect(
    clippy::expect_used,
    reason = "test support: a generator that is wrong has to stop the run"
)]

mod attempt;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use stopgate_author::lock::{Lock, LockedFunction, ServerIdentity};
use stopgate_author::policy::Floors;
use stopgate_decide::json::{Json, Limits};
use stopgate_decide::surface::{Approval, Effect, Risk};

pub use attempt::{Try, attempt, attempt_near};

use crate::random::Random;

/// Names of the profiles of every generated repository.
pub const PROFILES: [&str; 6] = ["p0", "p1", "p2", "p3", "p4", "p5"];
/// Ids of the agents that rules name.
pub const AGENTS: [&str; 2] = ["agent", "other, agent"];
/// Names of the channels.
pub const CHANNELS: [&str; 3] = ["dev", "prod", "closed"];
/// Words that the argument `word` accepts.
pub const WORDS: [&str; 3] = ["a", "b", "c"];
/// The arguments of every operation.
pub const INPUT_SCHEMA: &str = r#"{"type": "object", "properties": {
    "size": {"type": "integer", "minimum": 0, "maximum": 9},
    "word": {"type": "string", "enum": ["a", "b", "c"]},
    "flag": {"type": "boolean"},
    "note": {"type": "string", "maxLength": 20},
    "bag": {"type": "array", "items": {"type": "object"}}},
    "required": ["size", "word"], "additionalProperties": false}"#;

/// Operations that share one function: the argument `word` says which is meant, and a third word means none.
pub const SPLIT: [(&str, &str); 2] = [("split-a", "a"), ("split-b", "b")];
/// The function they share.
pub const SPLIT_FUNCTION: &str = "split";

/// A repository: files by path.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Tools, operations and effects of a generated repository, for the generators that use them.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Operations by tool, `preview` among them.
    pub tools: BTreeMap<String, BTreeMap<String, Effect>>,
    /// Direct parents of each profile.
    pub parents: BTreeMap<&'static str, Vec<&'static str>>,
}

impl Shape {
    fn inherits(&self, profile: &str, from: &str) -> bool {
        let parents = self
            .parents
            .get(profile)
            .map(Vec::as_slice)
            .unwrap_or_default();
        parents
            .iter()
            .any(|parent| *parent == from || self.inherits(parent, from))
    }
}

/// One repository.
pub fn repository(random: &mut Random) -> (Files, Shape) {
    // Each part is random within what the compiler accepts: a repository that is refused stops the run.
    let mut shape = Shape {
        tools: BTreeMap::new(),
        parents: parents(random),
    };
    // At least two operations and a preview for each tool, so that dry runs have something to point at.
    for tool in 0..=random.below(2) {
        let mut operations = BTreeMap::from([("preview".to_owned(), Effect::Read)]);
        for operation in 0..2 + random.below(3) {
            operations.insert(format!("o{operation}"), random.pick(Effect::ALL));
        }
        // The shared function is in every tool, or a function could stand for several operations nowhere.
        for (operation, _) in SPLIT {
            operations.insert(operation.to_owned(), random.pick(Effect::ALL));
        }
        shape.tools.insert(format!("t{tool}"), operations);
    }
    let mut files = Files::new();
    files.insert("stopgate.yaml".to_owned(), workspace(random).into_bytes());
    files.insert("profiles.yaml".to_owned(), profiles(&shape).into_bytes());
    files.insert("approvals.yaml".to_owned(), APPROVALS.as_bytes().to_vec());
    for (tool, operations) in &shape.tools {
        files.insert(
            format!("catalog/{tool}.yaml"),
            catalog(random, tool, operations).into_bytes(),
        );
        files.insert(
            format!("catalog/{tool}.lock.json"),
            lock(tool, operations).into_bytes(),
        );
        files.insert(
            format!("rules/{tool}.yaml"),
            rules(random, &shape, tool, operations).into_bytes(),
        );
        files.insert(
            format!("tests/{tool}.yaml"),
            samples(tool, operations).into_bytes(),
        );
    }
    files.insert(
        "rules/guardrails.cedar".to_owned(),
        guardrails(random, &shape).into_bytes(),
    );
    (files, shape)
}

const APPROVALS: &str = "stopgate: 1
calendar:
  zone: Europe/Lisbon
  days: [mon, tue, wed, thu, fri]
  hours: 09:00-18:00
  holidays: [2026-12-25]
routes:
  - {id: one, level: supervisor, seats: [{profiles: [p0], votes: 1}]}
  - {id: two, level: committee, seats: [{profiles: [p0], votes: 2}]}
";

fn workspace(random: &mut Random) -> String {
    // `dev` lets everything through, so that most answers come from rules; `closed` nothing.
    let ceiling = ["none", "read_only", "low", "medium", "high"];
    format!(
        "stopgate: 1\norganisation: acme\nidentity:\n  - issuer: https://sso.example/\n    audience: stopgate\nchannels:\n  dev: {{ceiling: high}}\n  \
         prod: {{ceiling: {}, tools: {{t0: {}}}}}\n  closed: {{ceiling: none}}\n",
        random.pick(&ceiling),
        random.pick(&ceiling)
    )
}

fn parents(random: &mut Random) -> BTreeMap<&'static str, Vec<&'static str>> {
    // Only earlier profiles, so that there is no cycle.
    let earlier = |at: usize| PROFILES.get(..at).unwrap_or_default();
    let chosen = |(at, name): (usize, &&'static str)| {
        (
            *name,
            random.some(earlier(at), 3).into_iter().copied().collect(),
        )
    };
    PROFILES.iter().enumerate().map(chosen).collect()
}

fn profiles(shape: &Shape) -> String {
    let mut text = String::from("stopgate: 1\nprofiles:\n");
    for (name, parents) in &shape.parents {
        let _ = writeln!(text, "  {name}:\n    groups: [g-{name}]");
        if !parents.is_empty() {
            let _ = writeln!(text, "    inherits: [{}]", parents.join(", "));
        }
    }
    text
}

fn catalog(random: &mut Random, tool: &str, operations: &BTreeMap<String, Effect>) -> String {
    let mut text = format!(
        "stopgate: 1\ntool: {tool}\nowner: team\nserver: {{contract: 1.0.0, command: [server], env: []}}\noperations:\n"
    );
    for (name, effect) in operations {
        let _ = writeln!(
            text,
            "  {name}:\n    effect: {effect}\n    facts: {{bags: count(/bag)}}"
        );
        if let Some(word) = selecting(name) {
            let select = format!("{{pointer: /word, equals: {word}}}");
            let _ = writeln!(text, "    mcp: {SPLIT_FUNCTION}\n    select: {select}");
        }
        // A preview has no dry run of its own.
        if name != "preview" {
            let _ = writeln!(text, "    dry_run: preview");
        }
        if random.one_in(6) {
            let _ = writeln!(text, "    result: {{mask: [/secret]}}");
        }
    }
    text
}

/// The word that selects `operation`, if it shares its function.
fn selecting(operation: &str) -> Option<&'static str> {
    let mut split = SPLIT.iter();
    split.find_map(|(name, word)| (*name == operation).then_some(*word))
}

fn lock(tool: &str, operations: &BTreeMap<String, Effect>) -> String {
    let limits = Limits {
        bytes: 4096,
        depth: 8,
        members: 100,
    };
    let function = |name: &String| {
        let text =
            format!(r#"{{"name": {name:?}, "description": "", "inputSchema": {INPUT_SCHEMA}}}"#);
        let definition = Json::parse(text.as_bytes(), limits).expect("a definition");
        (
            name.clone(),
            LockedFunction::new(definition).expect("a function"),
        )
    };
    let lock = Lock {
        // Made by the shipped types, so digests are right and the format is the current one.
        tool: tool.parse().expect("a name"),
        contract: "1.0.0".parse().expect("a version"),
        server: ServerIdentity {
            name: tool.to_owned(),
            version: "1.0.0".to_owned(),
        },
        protocol: "2025-11-25".to_owned(),
        instructions: None,
        functions: operations
            .keys()
            // One definition for both operations that share the function.
            .filter(|name| selecting(name).is_none())
            .chain([&SPLIT_FUNCTION.to_owned()])
            .map(function)
            .collect(),
    };
    lock.to_string()
}

fn samples(tool: &str, operations: &BTreeMap<String, Effect>) -> String {
    let mut text =
        format!("stopgate: 1\ntool: {tool}\nnow: 2026-11-24T10:00:00Z\nchannel: dev\nsamples:\n");
    for name in operations.keys() {
        let word = selecting(name).unwrap_or("a");
        let _ = writeln!(text, "  {name}: {{size: 1, word: {word}}}");
    }
    text.push_str("cases: []\n");
    text
}

fn rules(
    random: &mut Random,
    shape: &Shape,
    tool: &str,
    operations: &BTreeMap<String, Effect>,
) -> String {
    let mut text =
        format!("stopgate: 1\ntool: {tool}\nowner: team\nreview_by: 2027-03-31\nrules:\n");
    let all: Vec<&String> = operations.keys().collect();
    // Enough rules that several match an attempt, and few enough that a run has many repositories.
    for at in 0..8 + random.below(9) {
        let mut named: BTreeSet<&str> = random
            .some(&all, 3)
            .into_iter()
            .map(|name| name.as_str())
            .collect();
        // A rule has to name an operation.
        if named.is_empty() {
            named.insert(random.pick(&all).as_str());
        }
        let _ = writeln!(
            text,
            "  - id: r{at}\n    operations: [{}]",
            named.iter().copied().collect::<Vec<_>>().join(", ")
        );
        scope(random, shape, &mut text);
        let effects = named
            .iter()
            .filter_map(|name| operations.get(*name))
            .copied();
        // Nevers are rare, or nothing would pass.
        match random.below(16) {
            0 => text.push_str("    never: not here\n"),
            1..4 => {
                let _ = writeln!(
                    text,
                    "    raise: {}",
                    raise(random, named.contains("preview"))
                );
            }
            _ => grant(random, &effects.collect::<Vec<_>>(), &mut text),
        }
        if random.one_in(8) {
            // One agent's name has a comma and a space in it, which a list that is glued as text would split.
            let _ = writeln!(text, "    agents: [{:?}]", random.pick(&AGENTS));
        }
        if random.one_in(2) {
            let _ = writeln!(text, "    when: |-\n      {}", condition(random, 2));
        }
    }
    text
}

fn scope(random: &mut Random, shape: &Shape, text: &mut String) {
    let mut reached: BTreeSet<&str> = random.some(&PROFILES, 2).into_iter().copied().collect();
    if reached.is_empty() {
        reached.insert(random.pick(&PROFILES));
    }
    let _ = writeln!(
        text,
        "    profiles: [{}]",
        reached.iter().copied().collect::<Vec<_>>().join(", ")
    );
    // Only an heir can be excepted: an exception that the rule does not reach is refused.
    let heir = |name: &&&str| {
        !reached.contains(**name) && reached.iter().any(|from| shape.inherits(name, from))
    };
    let heirs: Vec<&&str> = PROFILES.iter().filter(heir).collect();
    if !heirs.is_empty() && random.one_in(3) {
        let _ = writeln!(text, "    except: [{}]", random.pick(&heirs));
    }
}

/// A raise; the preview operation has no dry run of its own, so nothing may ask for one there.
fn raise(random: &mut Random, of_preview: bool) -> &'static str {
    let all = [
        "{approval: supervisor}",
        "{approval: committee}",
        "{require: [user_confirmation]}",
        "{require: [dry_run]}",
    ];
    random.pick(
        all.get(..all.len() - usize::from(of_preview))
            .unwrap_or_default(),
    )
}

/// A grant at or above its floors: stating less is refused.
fn grant(random: &mut Random, effects: &[Effect], text: &mut String) {
    // Low risk more often than not: higher ones end in routes, and permits have to be seen too.
    let mut risk = random.pick(&[
        Risk::Low,
        Risk::Low,
        Risk::Low,
        Risk::Low,
        Risk::Medium,
        Risk::High,
    ]);
    let floor = |risk: Risk| {
        effects
            .iter()
            .map(move |effect| Floors::DEFAULT.at(risk, *effect))
    };
    // The floor of an effect may raise the risk, and then the floor of that risk counts.
    risk = floor(risk).map(|floor| floor.risk).max().unwrap_or(risk);
    let least = floor(risk)
        .map(|floor| floor.approval)
        .max()
        .unwrap_or(Approval::Automatic);
    let approval = if random.one_in(5) {
        random.pick(Approval::ALL)
    } else {
        least
    }
    // Stating less than the floor is a mistake, so the floor is the least that is stated.
    .max(least);
    let _ = writeln!(text, "    risk: {risk}\n    approval: {approval}");
    if random.one_in(6) {
        text.push_str("    require: [user_confirmation]\n");
    }
    if random.one_in(8) {
        text.push_str("    max_rows: {pointer: /rows, rows: 5}\n");
    }
}

/// A condition of six forms: a bound on `size`, a test of `word`, business time, a bound on a fact, not, and. A seventh
/// fails to evaluate for some inputs.
fn condition(random: &mut Random, depth: u32) -> String {
    // No brackets at the bottom, so that every condition ends.
    let choices = if depth == 0 { 4 } else { 7 };
    match random.below(choices) {
        0 => format!("context.input.size < {}", 1 + random.below(9)),
        1 => format!("context.input.word == \"{}\"", random.pick(&WORDS)),
        2 => "context.time.business".to_owned(),
        3 => format!(
            "(context.facts has bags && context.facts.bags < {})",
            random.below(4)
        ),
        4 => format!("!({})", condition(random, depth.saturating_sub(1))),
        // The product does not fit for sizes above 1: a rule that fails for some inputs only.
        _ if random.one_in(20) => "context.input.size * 4611686018427387904 < 5".to_owned(),
        _ => format!(
            "({} && {})",
            condition(random, depth.saturating_sub(1)),
            condition(random, depth.saturating_sub(1))
        ),
    }
}

fn guardrails(random: &mut Random, shape: &Shape) -> String {
    let mut text = String::from("// Rules of the whole organisation.\n");
    for at in 0..random.below(3) {
        let action = match random.below(4) {
            0 => "action".to_owned(),
            1 => {
                // A group without operations is refused.
                let effects: BTreeSet<Effect> = shape
                    .tools
                    .values()
                    .flat_map(BTreeMap::values)
                    .copied()
                    .collect();
                let groups = effects
                    .into_iter()
                    .map(|effect| format!("Stopgate::Action::\"@{effect}\""));
                let groups: Vec<String> = groups.filter(|_| random.one_in(2)).collect();
                if groups.is_empty() {
                    "action".to_owned()
                } else {
                    format!("action in [{}]", groups.join(", "))
                }
            }
            2 => "action in Stopgate::Action::\"@tool:t0\"".to_owned(),
            _ => {
                let named = shape
                    .tools
                    .iter()
                    .flat_map(|(tool, all)| all.keys().map(move |name| format!("{tool}/{name}")));
                let named: Vec<String> = named.collect();
                let named: Vec<&String> = named.iter().collect();
                format!("action == Stopgate::Action::\"{}\"", random.pick(&named))
            }
        };
        // Two of three are for everybody, which only Cedar files can say.
        let principal = match random.below(3) {
            0 => format!(
                "principal in Stopgate::Profile::\"{}\"",
                random.pick(&PROFILES)
            ),
            _ => "principal".to_owned(),
        };
        let kind = random.pick(&[
            "",
            "@approval(\"supervisor\")",
            "@approval(\"committee\")",
            "@require(\"user_confirmation\")",
        ]);
        // Both clauses, since one is negated where the other is not.
        let clause = random.pick(&["when", "unless"]);
        let condition = condition(random, 1);
        let _ = writeln!(
            text,
            "@id(\"g{at}\") @owner(\"team\") @review_by(\"2027-03-31\") {kind}\nforbid ({principal}, {action}, resource)\n{clause} {{ {condition} }};"
        );
    }
    text
}
