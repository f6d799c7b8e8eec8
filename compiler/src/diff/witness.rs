//! From a request that the solver made up to an attempt that somebody could make.
//!
//! Nothing of the solver's is taken on trust: the attempt is rebuilt in the shape that the sidecar would receive, and
//! whether it shows anything is for both bundles to say. Of what a rule cannot see there is no value in the solver's
//! request; the tests' samples have one.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use stopgate_author::cedar::proof::OTHERWISE;
use stopgate_author::policy::Operation;
use stopgate_decide::calendar::Calendar;
use stopgate_decide::fact::Fact;
use stopgate_decide::json::Json;
use stopgate_decide::tool_schema::{InputType, Member, Shape, Widening};

use crate::proof::solver::Raw;
use crate::proof::stage::Trial;
use crate::turns::{across, with, with_fact};

use super::shrink::Known;

/// Attempts made by bringing facts to values, after which no more are made; each is decided under both bundles. If none
/// of them shows the difference, it is told as not known.
const MOST_BY_FACTS: usize = 2000;

/// Most characters that a text is made longer by: no bound of a schema makes us write a book.
const LONGEST_PADDING: usize = 1024;

/// What requests of one operation are rebuilt with.
pub(super) struct Maker<'a> {
    pub(super) head: &'a Operation,
    /// Facts that the base computes otherwise.
    pub(super) base_facts: Vec<&'a Fact>,
    /// What only head accepts and rules cannot see.
    pub(super) flags: Vec<Widening>,
    /// A valid input, from the tests or made up.
    pub(super) sample: Json,
    /// Instants worth trying, the likeliest first.
    pub(super) instants: Vec<Timestamp>,
    pub(super) calendars: Vec<&'a Calendar>,
}

impl Maker<'_> {
    /// Returns attempts that may be what the solver's request `raw` means, the plainest first.
    pub(super) fn trials(&self, raw: &Raw) -> Vec<Trial> {
        // 1. What is taken as it stands: who holds what, which agent, which side of business time. What the request leaves
        // out may be anything.
        let held: BTreeSet<String> = raw.held.iter().cloned().collect();
        let at = |path: &[&str]| {
            path.iter()
                .try_fold(&raw.context, |value, name| value.get(name))
        };
        let agent = at(&["agent", "id"])
            .and_then(Value::as_str)
            .unwrap_or_default();
        let business = at(&["time", "business"])
            .and_then(Value::as_bool)
            .unwrap_or(true);
        let now = at(&["time", "now"]).and_then(instant);
        // 2. What has to be rebuilt: each input that may be meant, at each instant that may be. Plain inputs are outside,
        // so that an odd instant is tried before an odd text.
        let mut trials = Vec::new();
        for input in self.inputs(&raw.context) {
            for now in self.instants(now, business) {
                trials.push(Trial {
                    held: held.clone(),
                    input: input.clone(),
                    agent: agent.to_owned(),
                    now,
                });
            }
        }
        trials
    }

    /// Returns attempts like [`Self::trials`], in which each fact that both sides compute differently is brought to
    /// each of the values that rules name. No further attempt is taken up after [`MOST_BY_FACTS`].
    pub(super) fn trials_by_facts(&self, raw: &Raw, known: &Known) -> Vec<Trial> {
        let named = |fact: &&Fact| self.base_facts.iter().any(|base| base.name == fact.name);
        let facts = self.head.facts.iter().filter(named);
        let facts: Vec<&Fact> = facts.chain(self.base_facts.iter().copied()).collect();
        let mut trials = Vec::new();
        for trial in self.trials(raw) {
            for fact in &facts {
                let inputs = known
                    .constants()
                    .filter_map(|value| with_fact(&fact.projection, &trial.input, &value));
                trials.extend(inputs.map(|input| Trial {
                    input,
                    ..trial.clone()
                }));
            }
            if trials.len() >= MOST_BY_FACTS {
                break;
            }
        }
        trials
    }

    /// Returns why the solver may have named a request that nobody can make: base and head compute the same facts
    /// differently. It is `None` if they compute all facts alike.
    pub(super) fn redefined(&self) -> Option<String> {
        let names: Vec<&str> = self
            .base_facts
            .iter()
            .map(|fact| fact.name.as_str())
            .collect();
        (!names.is_empty()).then(|| {
            format!(
                "base and head compute {} from the input in another way, and the solver named a request in which they \
                 have values that no input gives them",
                names.join(", ")
            )
        })
    }

    /// Returns the instants worth trying that are on the wanted side of business time, at most twelve of ours: each is
    /// tried with every input. The solver's own comes last, because it is any instant that fits.
    fn instants(&self, now: Option<Timestamp>, business: bool) -> impl Iterator<Item = Timestamp> {
        let right = move |now: &Timestamp| {
            self.calendars
                .iter()
                .all(|calendar| calendar.is_business(*now) == business)
        };
        let mut seen = BTreeSet::new();
        let plain = self.instants.iter().copied().filter(right);
        let mut all: Vec<Timestamp> = plain.filter(|now| seen.insert(*now)).take(12).collect();
        let own = now.filter(right).filter(|now| !all.contains(now));
        all.extend(own);
        all.into_iter()
    }

    /// Returns inputs that may be what the solver means: with its own texts, with the sample's, and with texts made
    /// longer; each also with what only head accepts, if the solver set that.
    fn inputs(&self, context: &Value) -> Vec<Json> {
        // 1. The arguments that rules see as the solver has them, the others as the sample has them; facts by changing the
        // arguments that they are computed from.
        let given = context.get("input").unwrap_or(&Value::Null);
        let base = built(&self.head.input, given, &self.sample);
        let base = self.with_facts(base, context.get("facts").unwrap_or(&Value::Null));
        // 2. Texts that mean nothing to a rule, or only in part, may be too short or too long for the tool.
        let mut inputs = vec![base.clone()];
        for other in Other::ALL {
            let changed = with_texts(&self.head.input, &base, Some(&self.sample), other);
            if !inputs.contains(&changed) {
                inputs.push(changed);
            }
        }
        // 3. What only head accepts and no rule can see stands in the request as flags.
        let set = |number: usize| {
            let flag = context
                .get("only_head")
                .and_then(|flags| flags.get(format!("flag{number}")));
            flag.and_then(Value::as_bool) == Some(true)
        };
        let plain = inputs.len();
        for (number, widening) in self.flags.iter().enumerate() {
            if set(number) {
                let more = inputs
                    .iter()
                    .take(plain)
                    .map(|input| with(input, &widening.path, widening.value.as_ref()));
                let more: Vec<Json> = more.collect();
                inputs.extend(more);
            }
        }
        inputs
    }

    /// Returns `input` changed so that facts have the values that the solver gives them, the base's own ones first.
    fn with_facts(&self, input: Json, given: &Value) -> Json {
        let own = self
            .head
            .facts
            .iter()
            .map(|fact| (fact, fact.name.to_string()));
        let base = self
            .base_facts
            .iter()
            .map(|fact| (*fact, format!("{}{OTHERWISE}", fact.name)));
        base.chain(own).fold(input, |input, (fact, name)| {
            let wanted = given.get(&name).and_then(json);
            let changed = wanted.and_then(|wanted| with_fact(&fact.projection, &input, &wanted));
            changed.unwrap_or(input)
        })
    }
}

/// Returns the instants at which decisions may differ: those of the tests, those around every instant that a condition
/// names, and after each of these the next one on the other side of business time.
pub(super) fn instants(
    tests: impl IntoIterator<Item = Timestamp>,
    named: impl IntoIterator<Item = Timestamp>,
    calendars: &[&Calendar],
) -> Vec<Timestamp> {
    let moved = |now: Timestamp, by: SignedDuration| now.checked_add(by).ok();
    let mut starts: Vec<Timestamp> = tests.into_iter().collect();
    if starts.is_empty() {
        starts.extend("2026-01-05T12:00:00Z".parse::<Timestamp>());
    }
    for instant in named {
        let around = [0, -1, 1, 3_600_000, -3_600_000];
        starts.extend(
            around
                .into_iter()
                .filter_map(|by| moved(instant, SignedDuration::from_millis(by))),
        );
    }
    let mut all = starts.clone();
    for start in starts {
        all.extend(
            calendars
                .iter()
                .filter_map(|calendar| across(calendar, start)),
        );
    }
    all
}

/// Returns an input of the type `of` with the values of `given` for the arguments that rules see, and the values of
/// `sample` for the others.
fn built(of: &InputType, given: &Value, sample: &Json) -> Json {
    let mut members = Vec::new();
    for member in of.members() {
        let sampled = sample.get(&member.name);
        if member.opaque.is_some() {
            if member.required {
                let plain = sampled
                    .cloned()
                    .or_else(|| of.plain().get(&member.name).cloned());
                members.extend(plain.map(|value| (member.name.clone(), value)));
            }
            continue;
        }
        match given.get(&member.name) {
            Some(value) => {
                let value = of_member(member, value, sampled);
                members.extend(value.map(|value| (member.name.clone(), value)));
            }
            // Null counts as absent, and something has to be there.
            None if member.required => members.push((member.name.clone(), Json::Null)),
            None => {}
        }
    }
    Json::Object(members)
}

fn of_member(member: &Member, value: &Value, sampled: Option<&Json>) -> Option<Json> {
    match &member.shape {
        Shape::Object(members) => Some(built(
            members,
            value,
            sampled.unwrap_or(&Json::Object(Vec::new())),
        )),
        Shape::Array { min, .. } => {
            let mut elements = value
                .as_array()?
                .iter()
                .map(json)
                .collect::<Option<Vec<_>>>()?;
            // A set has lost what was there twice.
            if let Some(last) = elements.last().cloned() {
                elements.resize((*min).max(elements.len()), last);
            }
            Some(Json::Array(elements))
        }
        Shape::String { .. }
        | Shape::Integer { .. }
        | Shape::Number { .. }
        | Shape::Boolean
        | Shape::Open { .. }
        | Shape::Either(_)
        | Shape::Listed(_)
        | Shape::Anything => json(value),
    }
}

/// What stands in place of a text of the solver's that is free but for its length.
#[derive(Debug, Clone, Copy)]
enum Other {
    /// The sample's.
    Sampled,
    /// The same, made as long as it has to be at its end.
    Longer,
    /// The same, made as long as it has to be at its beginning.
    LongerBefore,
}

impl Other {
    const ALL: [Self; 3] = [Self::Sampled, Self::Longer, Self::LongerBefore];

    /// Returns what stands in place of `text`, of which at least `min` characters are wanted.
    fn text(self, text: &str, min: usize, sampled: Option<&Json>) -> String {
        let missing = min.saturating_sub(text.chars().count());
        let missing = "x".repeat(missing.min(LONGEST_PADDING));
        match self {
            Self::Sampled => sampled.and_then(Json::as_str).unwrap_or(text).to_owned(),
            Self::Longer => format!("{text}{missing}"),
            Self::LongerBefore => format!("{missing}{text}"),
        }
    }
}

/// Returns `input` with another text wherever its type leaves the text free.
fn with_texts(of: &InputType, input: &Json, sample: Option<&Json>, other: Other) -> Json {
    let member = |(name, value): &(String, Json)| {
        let sampled = sample.and_then(|sample| sample.get(name));
        let shape = of.member(name).map(|member| &member.shape);
        let value = match (shape, value) {
            (
                Some(Shape::String {
                    one_of: None, min, ..
                }),
                Json::String(text),
            ) => Json::String(other.text(text, *min, sampled)),
            (Some(Shape::Object(members)), Json::Object(_)) => {
                with_texts(members, value, sampled, other)
            }
            _ => value.clone(),
        };
        (name.clone(), value)
    };
    Json::Object(
        input
            .as_object()
            .unwrap_or_default()
            .iter()
            .map(member)
            .collect(),
    )
}

/// Returns the value of Cedar's JSON if it is a boolean, an integer, a text, or a set of these.
fn json(value: &Value) -> Option<Json> {
    match value {
        Value::Bool(truth) => Some(Json::Bool(*truth)),
        Value::Number(number) => number.as_i64().map(Json::Integer),
        Value::String(text) => Some(Json::String(text.clone())),
        Value::Array(elements) => elements
            .iter()
            .map(json)
            .collect::<Option<Vec<_>>>()
            .map(Json::Array),
        Value::Null | Value::Object(_) => None,
    }
}

/// Returns the instant that Cedar writes as a date, or as a date and an offset in milliseconds.
fn instant(value: &Value) -> Option<Timestamp> {
    let call = value.get("__extn")?;
    match call.get("fn")?.as_str()? {
        "datetime" => {
            let text = call.get("arg")?.as_str()?;
            let whole = if text.contains('T') {
                text.to_owned()
            } else {
                format!("{text}T00:00:00Z")
            };
            whole.parse().ok()
        }
        "offset" => {
            let [from, by] = call.get("args")?.as_array()?.as_slice() else {
                return None;
            };
            let by = by
                .get("__extn")
                .filter(|by| by.get("fn").and_then(Value::as_str) == Some("duration"))?;
            let by = by.get("arg")?.as_str()?.strip_suffix("ms")?.parse().ok()?;
            instant(from)?
                .checked_add(SignedDuration::from_millis(by))
                .ok()
        }
        _ => None,
    }
}
