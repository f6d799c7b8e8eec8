//! Random changes of small repositories, as the text an author would write.
//!
//! Everything is finite: two operations with three or four arguments of few values, three profiles, business time or
//! not, one agent that rules name. So trying every attempt decides what a change does. Floors ask for next to nothing,
//! so that every part of the surface moves on its own.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::fixture::{Files, sealed};
use crate::random::Random;

const PROFILES: [&str; 3] = ["p0", "p1", "p2"];
const RISKS: [&str; 3] = ["low", "medium", "high"];
const LEVELS: [&str; 3] = ["automatic", "supervisor", "committee"];
const KINDS: [&str; 3] = ["a", "b", "c"];
/// The operations: the second is the dry run of the first, so it takes the same arguments.
const OPERATIONS: [&str; 2] = ["act", "peek"];

/// A repository before it is written down.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Draft {
    rules: Vec<Rule>,
    /// Number of the next new rule.
    next: usize,
    /// Parents and groups of each profile.
    profiles: [Profile; 3],
    arguments: Arguments,
    /// Fields of the result of `act` that the catalog hides.
    masked: bool,
    /// The most rows of the result of `act`.
    rows: Option<u64>,
    /// Whether the floor of medium asks for a confirmation.
    confirmed: bool,
    guardrail: Guardrail,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Profile {
    inherits: BTreeSet<usize>,
    groups: BTreeSet<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Arguments {
    /// Greatest `size`.
    most: u64,
    /// How many of [`KINDS`] the argument `kind` may be.
    kinds: usize,
    /// Whether there is the optional argument `extra`.
    extra: bool,
    /// Whether there is the optional object `box`, with an optional truth in it.
    boxed: bool,
    /// Whether the catalog masks `box`, or what is in it.
    hidden: Hidden,
    /// How the fact `units` is computed of the argument `weight`, if there are these.
    units: Option<Units>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hidden {
    Nothing,
    Inner,
    Whole,
}

/// Two ways to count: in ones and in tenths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Units {
    Ones,
    Tenths,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    number: usize,
    operations: BTreeSet<&'static str>,
    profiles: BTreeSet<usize>,
    except: Option<usize>,
    does: Does,
    only_robot: bool,
    when: Option<Condition>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Does {
    Grant { risk: usize, asks: Asks },
    Raise(Asks),
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Asks {
    approval: usize,
    confirmation: bool,
    dry_run: bool,
    mask: bool,
    rows: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Guardrail {
    None,
    Never,
    Raise,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Condition {
    Less(u64),
    Equal(u64),
    Kind(&'static str),
    Business,
    Flag,
    Extra,
    /// What is in the box, asked for with one name at a time or with both.
    Boxed {
        short: bool,
    },
    /// Whether something is in the box.
    Filled {
        short: bool,
    },
    /// The size, taken out of a record around it.
    Wrapped(u64),
    Units(u64),
    Not(Box<Condition>),
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
}

/// Two repositories that differ in one place or two, and what kind of place the first is.
pub(crate) struct Change {
    /// The base's documents.
    pub(crate) base: Files,
    /// The head's documents.
    pub(crate) head: Files,
    /// What was changed.
    pub(crate) what: &'static str,
    /// Whether head hides what rules of the base ask for.
    pub(crate) retyped: bool,
    /// Whether the two compute a fact in another way.
    pub(crate) redefined: bool,
}

/// One random change.
pub(crate) fn change(random: &mut Random) -> Change {
    let base = Draft::new(random);
    loop {
        let mut head = base.clone();
        let what = head.edit(random);
        if random.one_in(3) {
            head.edit(random);
        }
        // Head may lose `extra` only if no rule of the base asks for it: else nothing is comparable.
        let lost = base.arguments.extra && !head.arguments.extra;
        let gone = base.arguments.boxed && !head.arguments.boxed;
        let comparable = !(lost && base.reads(Condition::reads_extra)
            || gone && base.reads(Condition::reads_box));
        if head != base && comparable {
            head.settle();
            return Change {
                // Under other types what a rule of the base asked for has no meaning: nothing else is said of it.
                retyped: base.arguments.hidden != head.arguments.hidden
                    && base.reads(Condition::reads_box),
                redefined: base.arguments.units != head.arguments.units,
                base: base.files(),
                head: head.files(),
                what,
            };
        }
    }
}

impl Draft {
    fn new(random: &mut Random) -> Self {
        let mut draft = Self {
            rules: Vec::new(),
            next: 0,
            profiles: [0, 1, 2].map(|at| Profile {
                // Only earlier ones, so that there is no circle.
                inherits: (0..at).filter(|_| random.one_in(4)).collect(),
                groups: BTreeSet::from([at]),
            }),
            arguments: Arguments {
                most: 1 + random.below(2),
                kinds: if random.one_in(2) { 2 } else { 3 },
                extra: false,
                boxed: false,
                hidden: Hidden::Nothing,
                units: None,
            },
            masked: random.one_in(3),
            rows: random.one_in(3).then(|| 5 + random.below(2)),
            confirmed: random.one_in(2),
            guardrail: random.pick(&[
                Guardrail::None,
                Guardrail::None,
                Guardrail::Never,
                Guardrail::Raise,
            ]),
        };
        // One of these at a time: every value of all of them is tried.
        match random.below(12) {
            0..3 => draft.arguments.extra = true,
            3 | 4 => draft.arguments.boxed = true,
            5 => draft.arguments.units = Some(Units::Ones),
            _ => {}
        }
        if random.one_in(6) {
            draft.profiles[0].groups.insert(2);
        }
        for _ in 0..3 + random.below(4) {
            draft.add(random);
        }
        draft
    }

    fn add(&mut self, random: &mut Random) {
        let rule = Rule::new(random, self.next, self.arguments);
        self.next += 1;
        self.rules.push(rule);
    }

    /// Changes one place; the word for it.
    fn edit(&mut self, random: &mut Random) -> &'static str {
        let place = usize::try_from(random.below(self.rules.len() as u64)).expect("small");
        let profile = usize::try_from(random.below(3)).expect("small");
        match random.below(22) {
            0 | 1 => {
                self.rules.remove(place);
                if self.rules.is_empty() {
                    self.add(random);
                }
                "a rule deleted"
            }
            2 => {
                self.add(random);
                "a rule added"
            }
            3 | 4 => {
                self.rules[place].when = condition(random, 2, self.arguments);
                "a condition"
            }
            5 => {
                self.rules[place].when = None;
                "a condition dropped"
            }
            6..9 => {
                self.rules[place].does = Does::new(random);
                "what a rule asks for"
            }
            9 => {
                let rule = &mut self.rules[place];
                rule.except = if rule.except.is_some() {
                    None
                } else {
                    Some(profile)
                };
                "an exception"
            }
            10 => {
                let rule = &mut self.rules[place];
                flip(&mut rule.profiles, profile);
                if rule.profiles.is_empty() {
                    rule.profiles.insert((profile + 1) % PROFILES.len());
                }
                "the profiles of a rule"
            }
            11 => {
                let child = 1 + profile % 2;
                let parent = usize::try_from(random.below(child as u64)).expect("small");
                flip(&mut self.profiles[child].inherits, parent);
                "inheritance"
            }
            12 => {
                let group = usize::try_from(random.below(3)).expect("small");
                flip(&mut self.profiles[profile].groups, group);
                "a mapping"
            }
            13 if !self.arguments.boxed && self.arguments.units.is_none() => {
                self.arguments.extra = !self.arguments.extra;
                "an argument"
            }
            13 | 14 => {
                self.arguments.kinds = 5 - self.arguments.kinds;
                "an enum"
            }
            15 => {
                self.arguments.most = 3 - self.arguments.most;
                "a bound"
            }
            16 => {
                self.masked = !self.masked;
                self.rows = random.one_in(2).then(|| 4 + random.below(4));
                "the catalog"
            }
            17 => {
                self.confirmed = !self.confirmed;
                "a floor"
            }
            18 | 19 if self.arguments.boxed => {
                self.arguments.hidden = random.pick(&[Hidden::Inner, Hidden::Whole]);
                // Often together with the guardrail that asked for it.
                if random.one_in(2) {
                    self.rules.retain(|rule| !rule.reads(Condition::reads_box));
                    if self.rules.is_empty() {
                        self.add(random);
                    }
                }
                "a masked argument"
            }
            18 | 19 if !self.arguments.extra && self.arguments.units.is_none() => {
                self.arguments.boxed = true;
                "an object"
            }
            20 if !self.arguments.extra && !self.arguments.boxed => {
                self.arguments.units = match self.arguments.units {
                    Some(Units::Ones) => Some(Units::Tenths),
                    Some(Units::Tenths) | None => Some(Units::Ones),
                };
                "a fact"
            }
            _ => {
                self.guardrail =
                    random.pick(&[Guardrail::None, Guardrail::Never, Guardrail::Raise]);
                "a guardrail"
            }
        }
    }

    /// Takes out what the compiler would refuse after an edit elsewhere.
    fn settle(&mut self) {
        let Arguments {
            extra,
            boxed,
            hidden,
            units,
            ..
        } = self.arguments;
        for rule in &mut self.rules {
            let unknown = !extra && rule.reads(Condition::reads_extra)
                || (!boxed || hidden != Hidden::Nothing) && rule.reads(Condition::reads_box)
                || units.is_none() && rule.reads(Condition::reads_units);
            if unknown {
                rule.when = None;
            }
        }
        for (at, profile) in self.profiles.iter_mut().enumerate() {
            if profile.groups.is_empty() {
                profile.groups.insert(at);
            }
        }
    }

    fn reads(&self, what: fn(&Condition) -> bool) -> bool {
        self.rules.iter().any(|rule| rule.reads(what))
    }

    fn closure(&self, profile: usize) -> BTreeSet<usize> {
        let parents = self.profiles[profile].inherits.iter();
        let mut closure: BTreeSet<usize> = parents.flat_map(|at| self.closure(*at)).collect();
        closure.insert(profile);
        closure
    }

    fn files(&self) -> Files {
        let functions = OPERATIONS.map(|name| self.function(name)).join(",");
        let functions = format!(r#"{{"contract": "1.0.0", "functions": [{functions}]}}"#);
        let files = [
            ("stopgate.yaml", self.workspace()),
            ("profiles.yaml", self.profiles()),
            ("approvals.yaml", APPROVALS.to_owned()),
            ("catalog/t.yaml", self.catalog()),
            ("catalog/t.functions.json", functions),
            ("rules/t.yaml", self.rules()),
            ("rules/guardrails.cedar", self.guardrail.text().to_owned()),
            ("tests/t.yaml", self.samples()),
        ];
        let files = files.map(|(path, text)| (path.to_owned(), text.into_bytes()));
        sealed(&files.into_iter().collect())
    }

    fn samples(&self) -> String {
        let weight = match self.arguments.units {
            Some(_) => ", weight: 1}",
            None => "}",
        };
        SAMPLES.replace('}', weight)
    }

    fn workspace(&self) -> String {
        let asked = if self.confirmed {
            ", require: [user_confirmation]"
        } else {
            ""
        };
        format!(
            "stopgate: 1\norganisation: acme\nidentity: [{{issuer: https://sso.acme.example/, audience: stopgate}}]\n\
             channels: {{dev: {{ceiling: high}}}}\nfloors:\n  medium: {{approval: automatic{asked}}}\n  \
             high: {{approval: automatic}}\n  critical: {{approval: automatic}}\n"
        )
    }

    fn profiles(&self) -> String {
        let mut text = String::from("stopgate: 1\nprofiles:\n");
        for (name, profile) in PROFILES.iter().zip(&self.profiles) {
            let groups = listed(&profile.groups, |at| format!("g{at}"));
            let _ = writeln!(text, "  {name}:\n    groups: [{groups}]");
            if !profile.inherits.is_empty() {
                let parents = listed(&profile.inherits, |at| PROFILES[*at].to_owned());
                let _ = writeln!(text, "    inherits: [{parents}]");
            }
        }
        text
    }

    fn catalog(&self) -> String {
        let mask = self.masked.then_some("mask: [/secret]".to_owned());
        let rows = self.rows;
        let rows = rows.map(|rows| format!("max_rows: {{pointer: /rows, rows: {rows}}}"));
        let result: Vec<String> = mask.into_iter().chain(rows).collect();
        let Arguments { hidden, units, .. } = self.arguments;
        let hidden = match hidden {
            Hidden::Nothing => "",
            Hidden::Inner => ", input: {mask: [/box/full]}",
            Hidden::Whole => ", input: {mask: [/box]}",
        };
        let units = match units {
            None => "",
            Some(Units::Ones) => ", facts: {units: number(/weight)}",
            Some(Units::Tenths) => ", facts: {units: \"minor(/weight, 1)\"}",
        };
        format!(
            "stopgate: 1\ntool: t\nowner: team\nserver: {{contract: 1.0.0, command: [server]}}\noperations:\n  \
             act: {{effect: write, dry_run: peek, result: {{{}}}{hidden}{units}}}\n  \
             peek: {{effect: read{hidden}{units}}}\n",
            result.join(", ")
        )
    }

    fn function(&self, name: &str) -> String {
        let Arguments {
            most,
            kinds,
            extra,
            boxed,
            units,
            ..
        } = self.arguments;
        let (weight, weighed) = match units {
            Some(_) => (r#", "weight": {"type": "number"}"#, r#", "weight""#),
            None => ("", ""),
        };
        let boxed = if boxed {
            r#", "box": {"type": "object", "properties": {"full": {"type": "boolean"}}, "additionalProperties": false}"#
        } else {
            ""
        };
        let extra = if extra {
            r#", "extra": {"type": "boolean"}"#
        } else {
            ""
        };
        let kinds = &KINDS[..kinds];
        format!(
            r#"{{"name": "{name}", "description": "", "inputSchema": {{"type": "object", "properties": {{
            "size": {{"type": "integer", "minimum": 0, "maximum": {most}}}, "kind": {{"type": "string", "enum": {kinds:?}}},
            "flag": {{"type": "boolean"}}{extra}{boxed}{weight}}}, "required": ["size", "kind"{weighed}], "additionalProperties": false}}}}"#
        )
    }

    fn rules(&self) -> String {
        let mut text =
            String::from("stopgate: 1\ntool: t\nowner: team\nreview_by: 2027-03-31\nrules:\n");
        for rule in &self.rules {
            let operations: Vec<&str> = rule.operations.iter().copied().collect();
            let profiles = listed(&rule.profiles, |at| PROFILES[*at].to_owned());
            let _ = writeln!(
                text,
                "  - id: r{}\n    operations: [{}]",
                rule.number,
                operations.join(", ")
            );
            let _ = writeln!(text, "    profiles: [{profiles}]");
            // Nobody can be excepted whom the rule does not reach.
            let reached = |at: &usize| !self.closure(*at).is_disjoint(&rule.profiles);
            if let Some(excepted) = rule.except.filter(reached) {
                let _ = writeln!(text, "    except: [{}]", PROFILES[excepted]);
            }
            rule.write(&mut text);
        }
        text
    }
}

const APPROVALS: &str = "stopgate: 1
calendar: {zone: Europe/Lisbon, days: [mon, tue, wed, thu, fri], hours: 09:00-18:00, holidays: []}
routes:
  - {id: one, level: supervisor, seats: [{profiles: [p0], votes: 1}]}
  - {id: two, level: committee, seats: [{profiles: [p0], votes: 2}]}
";

const SAMPLES: &str = "stopgate: 1
tool: t
now: 2026-11-24T10:00:00Z
channel: dev
samples:
  act: {size: 1, kind: a}
  peek: {size: 1, kind: a}
cases: []
";

fn listed(of: &BTreeSet<usize>, name: impl Fn(&usize) -> String) -> String {
    of.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn flip(set: &mut BTreeSet<usize>, one: usize) {
    if !set.remove(&one) {
        set.insert(one);
    }
}

impl Rule {
    fn new(random: &mut Random, number: usize, arguments: Arguments) -> Self {
        let mut operations: BTreeSet<&'static str> = BTreeSet::from(["act"]);
        if random.one_in(5) {
            operations.insert("peek");
        }
        let mut profiles: BTreeSet<usize> = (0..3).filter(|_| random.one_in(3)).collect();
        if profiles.is_empty() {
            profiles.insert(usize::try_from(random.below(3)).expect("small"));
        }
        Self {
            number,
            operations,
            profiles,
            except: random
                .one_in(5)
                .then(|| usize::try_from(random.below(3)).expect("small")),
            does: Does::new(random),
            only_robot: random.one_in(12),
            when: if random.one_in(3) {
                None
            } else {
                condition(random, 2, arguments)
            },
        }
    }

    fn reads(&self, what: fn(&Condition) -> bool) -> bool {
        self.when.as_ref().is_some_and(what)
    }

    fn write(&self, text: &mut String) {
        // The dry run has none of its own.
        let whole = !self.operations.contains("peek");
        match &self.does {
            Does::Grant { risk, asks } => {
                let approval = LEVELS[asks.approval];
                let _ = writeln!(text, "    risk: {}\n    approval: {approval}", RISKS[*risk]);
                let _ = write!(text, "{}", asks.lines(whole, "    "));
            }
            Does::Raise(asks) => {
                let approval = LEVELS[asks.approval.max(1)];
                let _ = writeln!(text, "    raise:\n      approval: {approval}");
                let _ = write!(text, "{}", asks.lines(whole, "      "));
            }
            Does::Never => text.push_str("    never: not here\n"),
        }
        if self.only_robot {
            text.push_str("    agents: [robot]\n");
        }
        if let Some(when) = &self.when {
            let _ = writeln!(text, "    when: |-\n      {}", when.text());
        }
    }
}

impl Does {
    fn new(random: &mut Random) -> Self {
        match random.below(8) {
            0 => Self::Never,
            1 | 2 => Self::Raise(Asks::new(random)),
            _ => Self::Grant {
                risk: usize::try_from(random.below(3)).expect("small"),
                asks: Asks::new(random),
            },
        }
    }
}

impl Asks {
    fn new(random: &mut Random) -> Self {
        Self {
            approval: usize::try_from(random.below(3)).expect("small"),
            confirmation: random.one_in(2),
            dry_run: random.one_in(3),
            mask: random.one_in(4),
            rows: random.one_in(5),
        }
    }

    fn lines(self, whole: bool, indent: &str) -> String {
        let mut required = Vec::new();
        if self.confirmation {
            required.push("user_confirmation");
        }
        if self.dry_run && whole {
            required.push("dry_run");
        }
        let mut text = String::new();
        if !required.is_empty() {
            let _ = writeln!(text, "{indent}require: [{}]", required.join(", "));
        }
        if self.mask {
            let _ = writeln!(text, "{indent}mask: [/name]");
        }
        if self.rows {
            let _ = writeln!(text, "{indent}max_rows: {{pointer: /rows, rows: 5}}");
        }
        text
    }
}

impl Guardrail {
    const fn text(self) -> &'static str {
        match self {
            Self::None => "// Nothing.\n",
            Self::Never => {
                "@id(\"night\") @owner(\"team\") @review_by(\"2027-03-31\")\n\
                 forbid (principal in Stopgate::Profile::\"p2\", action, resource) unless { context.time.business };\n"
            }
            Self::Raise => {
                "@id(\"night\") @owner(\"team\") @review_by(\"2027-03-31\") @approval(\"committee\")\n\
                 forbid (principal, action, resource) unless { context.time.business };\n"
            }
        }
    }
}

/// A condition; one in some is always true.
fn condition(random: &mut Random, depth: u32, arguments: Arguments) -> Option<Condition> {
    (!random.one_in(8)).then(|| some(random, depth, arguments))
}

fn some(random: &mut Random, depth: u32, arguments: Arguments) -> Condition {
    let Arguments {
        extra,
        boxed,
        hidden,
        units,
        ..
    } = arguments;
    if boxed && hidden == Hidden::Nothing && random.one_in(3) {
        let short = random.one_in(2);
        return if random.one_in(2) {
            Condition::Boxed { short }
        } else {
            Condition::Filled { short }
        };
    }
    if units.is_some() && random.one_in(3) {
        return Condition::Units(1 + random.below(12));
    }
    let inner = |random: &mut Random| Box::new(some(random, depth - 1, arguments));
    match random.below(if depth == 0 { 6 } else { 9 }) {
        0 if random.one_in(3) => Condition::Wrapped(1 + random.below(2)),
        0 => Condition::Less(1 + random.below(2)),
        1 => Condition::Equal(random.below(3)),
        2 => Condition::Kind(random.pick(&KINDS)),
        3 => Condition::Business,
        4 if extra => Condition::Extra,
        4 | 5 => Condition::Flag,
        6 => Condition::Not(inner(random)),
        7 => Condition::And(inner(random), inner(random)),
        _ => Condition::Or(inner(random), inner(random)),
    }
}

impl Condition {
    fn text(&self) -> String {
        match self {
            Self::Less(than) => format!("context.input.size < {than}"),
            Self::Equal(to) => format!("context.input.size == {to}"),
            Self::Kind(kind) => format!("context.input.kind == \"{kind}\""),
            Self::Business => "context.time.business".to_owned(),
            Self::Flag => "(context.input has flag && context.input.flag)".to_owned(),
            Self::Extra => "(context.input has extra && context.input.extra)".to_owned(),
            Self::Boxed { short: true } => {
                "(context.input has box.full && context.input.box.full)".to_owned()
            }
            Self::Boxed { short: false } => {
                "(context.input has box && context.input.box has full && context.input.box.full)"
                    .to_owned()
            }
            // No size is below nothing; without it Cedar would find a condition that asks and denies impossible.
            Self::Filled { short: true } => {
                "(context.input has box.full || context.input.size < 0)".to_owned()
            }
            Self::Filled { short: false } => {
                "((context.input has box && context.input.box has full) || context.input.size < 0)"
                    .to_owned()
            }
            Self::Wrapped(than) => format!("{{of: context.input.size}}.of < {than}"),
            Self::Units(than) => format!("context.facts.units < {than}"),
            Self::Not(inner) => format!("!({})", inner.text()),
            Self::And(one, other) => format!("({} && {})", one.text(), other.text()),
            Self::Or(one, other) => format!("({} || {})", one.text(), other.text()),
        }
    }

    fn reads_extra(&self) -> bool {
        self.any(&|one| matches!(one, Self::Extra))
    }

    fn reads_box(&self) -> bool {
        self.any(&|one| matches!(one, Self::Boxed { .. } | Self::Filled { .. }))
    }

    fn reads_units(&self) -> bool {
        self.any(&|one| matches!(one, Self::Units(_)))
    }

    fn any(&self, is: &dyn Fn(&Self) -> bool) -> bool {
        is(self)
            || match self {
                Self::Not(inner) => inner.any(is),
                Self::And(one, other) | Self::Or(one, other) => one.any(is) || other.any(is),
                Self::Less(_)
                | Self::Equal(_)
                | Self::Kind(_)
                | Self::Business
                | Self::Flag
                | Self::Extra
                | Self::Boxed { .. }
                | Self::Filled { .. }
                | Self::Wrapped(_)
                | Self::Units(_) => false,
            }
    }
}
