//! What a change does, by trying: every attempt of a [`Domain`] is decided on both sides and the answers compared.
//!
//! It knows the definition of looser and nothing of how the gate proves it. Nothing is collected, nothing is above the
//! ceiling and the door does everything, so an answer depends on the rules alone.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use stopgate::diff::{Class, Direction, Part, Version};
use stopgate_author::compile::{Sources, compile};
use stopgate_author::policy::{Operation, Policy};
use stopgate_author::testing::TestSuite;
use stopgate_decide::attempt::{Attempt, Input, Subject, Target};
use stopgate_decide::bundle::Bundle;
use stopgate_decide::decide::{
    Decision, LimitNow, LimitedBy, Outcome, Reason, Situation, StopsInForce, decide,
};
use stopgate_decide::name::{OperationName, ProfileName, RuleId, ToolName};
use stopgate_decide::surface::{Enforces, Evidence, Limit, Risk, Surface};
use stopgate_decide::tool_schema::{Member, Shape};

use crate::domain::{Domain, One, conditions};
use crate::fixture::Files;

/// An operation and its tool.
pub(crate) type Key = (ToolName, OperationName);
/// People: names of profiles, or of groups.
pub(crate) type People = BTreeSet<String>;

/// A compiled revision.
pub(crate) struct Side {
    pub(crate) policy: Policy,
    suites: Vec<TestSuite>,
    bundle: Bundle,
}

impl Side {
    /// Compiles `files`.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(crate) fn new(files: &Files) -> Result<Self, String> {
        let copy = files
            .iter()
            .map(|(path, text)| (path.clone(), text.clone()));
        let compiled = compile(Sources::new(copy));
        let Some(policy) = compiled.policy else {
            return Err(compiled.diagnostics.render(&compiled.sources, false));
        };
        let bundle = stopgate::build::rehearse(&policy).expect("a bundle");
        Ok(Self {
            policy,
            suites: compiled.suites,
            bundle,
        })
    }

    /// The same revision without one of its rules.
    pub(crate) fn without(&self, rule: &RuleId) -> Self {
        let mut policy = self.policy.clone();
        policy.rules.retain(|one| one.id != *rule);
        Self {
            bundle: stopgate::build::rehearse(&policy).expect("a bundle"),
            suites: self.suites.clone(),
            policy,
        }
    }

    /// What the gate is asked about.
    pub(crate) fn version(&self) -> Version<'_> {
        Version {
            policy: &self.policy,
            suites: &self.suites,
        }
    }

    /// The answer to `one`, asked by `people`.
    pub(crate) fn decide(
        &self,
        key: &Key,
        people: &People,
        by_groups: bool,
        one: &One,
    ) -> Decision {
        self.decide_below(Limit::High, key, people, by_groups, one)
    }

    /// The same where nothing above `ceiling` gets through.
    fn decide_below(
        &self,
        ceiling: Limit,
        key: &Key,
        people: &People,
        by_groups: bool,
        one: &One,
    ) -> Decision {
        let attempt = Attempt {
            subject: Subject {
                issuer: "https://sso.acme.example/".to_owned(),
                id: "somebody".to_owned(),
            },
            profiles: self.profiles(people, by_groups),
            agent: one.agent.clone(),
            tool: key.0.to_string(),
            target: Target::Operation(key.1.to_string()),
            input: Input::parse(one.input.canonical().as_bytes()),
            definition: None,
        };
        let situation = Situation {
            now: one.now,
            limit: LimitNow {
                class: ceiling,
                by: LimitedBy::Ceiling,
            },
            stops: StopsInForce::default(),
            evidence: Evidence::NONE,
            enforces: Enforces::ALL,
        };
        decide(&self.bundle, &attempt, &situation)
    }

    /// The channels in which `one` gets through, asked by `people`.
    pub(crate) fn channels(
        &self,
        key: &Key,
        people: &People,
        by_groups: bool,
        one: &One,
    ) -> BTreeSet<String> {
        let all = self.policy.channels.iter();
        let open = all.filter(|(_, ceiling)| {
            let ceiling = ceiling.limit_for(key.0.as_str());
            let decision = self.decide_below(ceiling, key, people, by_groups, one);
            !matches!(decision.outcome(), Outcome::Reject(_))
        });
        open.map(|(name, _)| name.to_string()).collect()
    }

    /// When the first table about the tool of `key` is played.
    pub(crate) fn now(&self, key: &Key) -> Option<Timestamp> {
        let mut suites = self.suites.iter();
        Some(suites.find(|suite| suite.tool == key.0)?.now)
    }

    fn profiles(&self, people: &People, by_groups: bool) -> BTreeSet<ProfileName> {
        if by_groups {
            let groups = people.iter().map(String::as_str);
            return self.bundle.profiles_of_groups(groups);
        }
        let names = people.iter().map(|name| name.parse());
        names.map(|name| name.expect("a profile")).collect()
    }

    fn operations(&self) -> impl Iterator<Item = (Key, &Operation)> {
        self.policy.tools.iter().flat_map(|(tool, described)| {
            let operations = described.operations.iter();
            operations.map(|(name, operation)| ((tool.clone(), name.clone()), operation))
        })
    }

    pub(crate) fn operation(&self, (tool, name): &Key) -> Option<&Operation> {
        self.policy.operation(tool, name)
    }

    /// Whether a server's function of that name was in the catalog, of whatever tool and in whatever way.
    fn offers(&self, function: &str) -> bool {
        self.policy.tools.values().any(|tool| {
            let mut operations = tool.operations.values();
            tool.unused.contains(function)
                || operations.any(|operation| operation.function == function)
        })
    }

    /// The highest risk of anything that passes at `function`, under whatever name; high where nothing does.
    fn former_risk(&self, function: &str) -> Option<Risk> {
        let operations = self.operations();
        let behind = operations.filter(|(_, operation)| operation.function == function);
        let risks = behind.map(|(key, _)| {
            let domain = Domain::of(self, self, &key);
            let people = domain.people.iter();
            let risks = people.flat_map(|people| {
                let attempts = domain.attempts();
                let decided = attempts.map(|one| self.decide(&key, people, domain.by_groups, &one));
                let risks = decided.filter_map(|decision| surface(&decision).map(|asks| asks.risk));
                risks.max()
            });
            risks.max().unwrap_or(Risk::High)
        });
        let mut tools = self.policy.tools.values();
        let unused = tools.any(|tool| tool.unused.contains(function));
        risks.chain(unused.then_some(Risk::High)).max()
    }

    /// Groups and the profiles that each gives.
    pub(crate) fn mapping(&self) -> BTreeMap<&str, BTreeSet<&ProfileName>> {
        let mut mapping: BTreeMap<&str, BTreeSet<&ProfileName>> = BTreeMap::new();
        for (name, profile) in &self.policy.profiles {
            for group in &profile.groups {
                mapping.entry(group).or_default().insert(name);
            }
        }
        mapping
    }
}

/// What a change does to an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judged {
    /// In a word.
    pub(crate) class: Class,
    /// Parts that got looser, each with the smallest sets of people who see it.
    pub(crate) looser: BTreeMap<Part, BTreeSet<People>>,
    /// The same for stricter.
    pub(crate) stricter: BTreeMap<Part, BTreeSet<People>>,
    /// The highest risk, on either side, of an attempt that got looser.
    pub(crate) risk: Option<Risk>,
    /// Whether a rule of head fails somewhere.
    pub(crate) fails: bool,
    /// Attempts that were decided on both sides.
    pub(crate) attempts: usize,
}

/// Judges every operation of either side.
pub(crate) fn judge(base: &Side, head: &Side) -> BTreeMap<Key, Judged> {
    let all = base.operations().chain(head.operations());
    let keys: BTreeSet<Key> = all.map(|(key, _)| key).collect();
    let of = |key: Key| {
        let judged = operation(base, head, &key);
        (key, judged)
    };
    keys.into_iter().map(of).collect()
}

fn operation(base: &Side, head: &Side, key: &Key) -> Judged {
    let domain = Domain::of(base, head, key);
    let mut seen: BTreeMap<(Part, Direction), BTreeSet<People>> = BTreeMap::new();
    let (mut fails, mut attempts, mut risk) = (false, 0, None);
    for people in &domain.people {
        for one in domain.attempts() {
            let before = base.decide(key, people, domain.by_groups, &one);
            let after = head.decide(key, people, domain.by_groups, &one);
            fails |= failed(&after);
            attempts += 1;
            for moved in moved(&before, &after) {
                if moved.1 == Direction::Looser {
                    let sides = [&before, &after].map(|side| surface(side).map(|asks| asks.risk));
                    risk = sides.into_iter().chain([risk]).max().flatten();
                }
                seen.entry(moved).or_default().insert(people.clone());
            }
        }
    }
    let towards = |direction| {
        let mine = seen.iter().filter(|((_, to), _)| *to == direction);
        let parts = mine.map(|((part, _), people)| (part.clone(), smallest(people)));
        parts.collect::<BTreeMap<_, _>>()
    };
    let (looser, stricter) = (towards(Direction::Looser), towards(Direction::Stricter));
    if let (None, Some(new)) = (base.operation(key), head.operation(key)) {
        risk = risk.max(base.former_risk(&new.function));
    }
    let class = match (base.operation(key), head.operation(key)) {
        (None, Some(new)) if !base.offers(&new.function) => Class::Added,
        (Some(_), None) => Class::Removed,
        (Some(was), Some(is)) if retyped(base, key, was, is) => Class::Retyped,
        (None | Some(_), Some(_)) | (None, None) => {
            match (looser.is_empty(), stricter.is_empty()) {
                (true, true) => Class::Same,
                (true, false) => Class::Stricter,
                (false, true) => Class::Looser,
                (false, false) => Class::Both,
            }
        }
    };
    Judged {
        class,
        looser,
        stricter,
        risk,
        fails,
        attempts,
    }
}

/// The sets of which no smaller one is there too.
pub(crate) fn smallest(all: &BTreeSet<People>) -> BTreeSet<People> {
    let smaller = |one: &People| {
        let mut others = all.iter();
        others.any(|other| other != one && other.is_subset(one))
    };
    all.iter().filter(|one| !smaller(one)).cloned().collect()
}

/// Whether a rule of the base that reads an argument has no meaning for head: it is typed otherwise, or it was always
/// there and need not be any more. Who reads an optional argument asks first whether it is there. Where head hides it,
/// asking has no meaning either.
fn retyped(base: &Side, key: &Key, was: &Operation, is: &Operation) -> bool {
    let texts = conditions(&base.policy, key);
    let always = |member: &Member| member.required && !member.nullable;
    was.input.members().iter().any(|before| {
        let read = format!("context.input.{}", before.name);
        let reads = |text: &String| {
            let mut after = text.split(&read).skip(1);
            after.any(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
        };
        let asked = format!("context.input has {}", before.name);
        let after = is.input.member(&before.name);
        let hidden = after.is_some_and(|after| before.opaque.is_none() && after.opaque.is_some());
        if hidden && texts.iter().any(|text| text.contains(&asked)) {
            return true;
        }
        let fits = match after {
            Some(after) => {
                same_type(&before.shape, &after.shape) && (always(after) || !always(before))
            }
            None => !always(before),
        };
        !fits && texts.iter().any(reads)
    })
}

fn same_type(one: &Shape, other: &Shape) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
}

/// Whether a rule could not be evaluated.
fn failed(decision: &Decision) -> bool {
    matches!(decision.outcome(), Outcome::Reject(why) if why.reason == Reason::EvaluationError)
}

/// What it takes, unless it is rejected.
fn surface(decision: &Decision) -> Option<&Surface> {
    match decision.outcome() {
        Outcome::Reject(_) => None,
        Outcome::Permit(_) | Outcome::Route(_) => decision.surface(),
    }
}

/// The parts that differ between two answers to one attempt.
pub(crate) fn moved(before: &Decision, after: &Decision) -> Vec<(Part, Direction)> {
    let (was, is) = match (surface(before), surface(after)) {
        (None, None) => return Vec::new(),
        (None, Some(_)) => return vec![(Part::Passing, Direction::Looser)],
        (Some(_), None) => return vec![(Part::Passing, Direction::Stricter)],
        (Some(was), Some(is)) => (was, is),
    };
    let mut moved = Vec::new();
    let mut compare = |part: Part, order: std::cmp::Ordering| match order {
        std::cmp::Ordering::Less => moved.push((part, Direction::Looser)),
        std::cmp::Ordering::Equal => {}
        std::cmp::Ordering::Greater => moved.push((part, Direction::Stricter)),
    };
    compare(Part::Risk, is.risk.cmp(&was.risk));
    compare(Part::Approval, is.approval.cmp(&was.approval));
    let confirmed = is.user_confirmation.cmp(&was.user_confirmation);
    compare(Part::UserConfirmation, confirmed);
    compare(Part::DryRun, is.dry_run.cmp(&was.dry_run));
    for place in was.masks.union(&is.masks) {
        let order = is.masks.contains(place).cmp(&was.masks.contains(place));
        compare(Part::Mask(place.clone()), order);
    }
    let limited = was.max_rows.keys().chain(is.max_rows.keys());
    for place in limited.collect::<BTreeSet<_>>() {
        // More rows are looser, and no limit is looser than any.
        let rows = |side: &Surface| {
            side.max_rows
                .get(place)
                .copied()
                .map_or(u64::MAX, u64::from)
        };
        let order = rows(was).cmp(&rows(is));
        compare(Part::MaxRows(place.clone()), order);
    }
    moved
}

/// The word for a part, as pairs write it.
pub(crate) fn word(part: &Part) -> String {
    match part {
        Part::Passing => "passing".to_owned(),
        Part::Risk => "risk".to_owned(),
        Part::Approval => "approval".to_owned(),
        Part::UserConfirmation => "user_confirmation".to_owned(),
        Part::DryRun => "dry_run".to_owned(),
        Part::Mask(place) => format!("mask {place}"),
        Part::MaxRows(place) => format!("max_rows {place}"),
    }
}
