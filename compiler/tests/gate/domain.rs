//! The attempts that a change is tried with: finite, and enough to reach both sides of everything a rule compares.
//!
//! Values come from the text of the conditions and from the schemas of both sides: every number with its neighbours,
//! every text and one that nobody names, every listed value, every optional argument left out.

use std::collections::BTreeSet;

use jiff::Timestamp;
use stopgate_author::policy::{Operation, Policy, Rule};
use stopgate_decide::json::{Json, MAX_SAFE_INTEGER};
use stopgate_decide::tool_schema::{Member, Shape};

use crate::brute::{Key, People, Side};

/// Most inputs of one operation: more is a fixture that is too rich.
const MOST: usize = 4000;
/// A text and an agent that no rule names.
const OTHER: &str = "somebody";
/// Longest array that is tried.
const LONGEST: i64 = 20;
/// Instants in and out of business time of the calendars that fixtures have.
const INSTANTS: [&str; 4] = [
    "2026-11-24T10:00:00Z",
    "2026-11-24T22:00:00Z",
    "2026-11-22T10:00:00Z",
    "2026-11-24T03:00:00Z",
];

/// What varies.
pub(crate) struct Domain {
    /// Who: every set of them, the empty one aside.
    pub(crate) people: Vec<People>,
    /// Whether they are groups.
    pub(crate) by_groups: bool,
    inputs: Vec<Json>,
    instants: Vec<Timestamp>,
    agents: Vec<String>,
}

/// One attempt, whoever makes it.
pub(crate) struct One {
    pub(crate) input: Json,
    pub(crate) now: Timestamp,
    pub(crate) agent: String,
}

impl Domain {
    /// The attempts on the operation `key` that `base` and `head` may answer differently.
    pub(crate) fn of(base: &Side, head: &Side, key: &Key) -> Self {
        let mut texts = conditions(&base.policy, key);
        texts.extend(conditions(&head.policy, key));
        let by_groups = base.mapping() != head.mapping();
        let mut agents = BTreeSet::from([OTHER.to_owned()]);
        let asking = texts.iter().filter(|text| text.contains("context.agent"));
        agents.extend(asking.flat_map(|text| quoted(text)));
        for policy in [&base.policy, &head.policy] {
            let named = reaching(policy, key).filter_map(|rule| rule.scope.agents.as_ref());
            agents.extend(named.flatten().cloned());
        }
        Self {
            people: sets(&holders(base, head, by_groups)),
            by_groups,
            inputs: inputs(base.operation(key), head.operation(key), &texts),
            instants: instants(base, head),
            agents: agents.into_iter().collect(),
        }
    }

    /// Every combination.
    pub(crate) fn attempts(&self) -> impl Iterator<Item = One> + '_ {
        self.inputs.iter().flat_map(move |input| {
            self.instants.iter().flat_map(move |now| {
                self.agents.iter().map(move |agent| One {
                    input: input.clone(),
                    now: *now,
                    agent: agent.clone(),
                })
            })
        })
    }
}

/// An instant in business time under both calendars, and one out of it.
pub(crate) fn instants(base: &Side, head: &Side) -> Vec<Timestamp> {
    let instants = INSTANTS.map(|text| text.parse::<Timestamp>().expect("an instant"));
    let at = |business: bool| {
        let agreed = |now: &&Timestamp| {
            let calendars = [&base.policy.calendar, &head.policy.calendar];
            calendars
                .iter()
                .all(|one| one.is_business(**now) == business)
        };
        *instants
            .iter()
            .find(agreed)
            .expect("both calendars agree somewhere")
    };
    vec![at(true), at(false)]
}

/// The text of every condition that can be asked about the operation.
pub(crate) fn conditions(policy: &Policy, key: &Key) -> Vec<String> {
    let conditions = reaching(policy, key).filter_map(|rule| rule.condition.as_ref());
    conditions.map(|condition| condition.text()).collect()
}

fn reaching<'a>(policy: &'a Policy, (tool, operation): &Key) -> impl Iterator<Item = &'a Rule> {
    let rules = policy.rules.iter();
    rules.filter(|rule| rule.scope.operations.contains(tool, operation))
}

/// Profiles that a group gives, or where the groups changed, groups.
fn holders(base: &Side, head: &Side, by_groups: bool) -> BTreeSet<String> {
    let mapping = |side: &Side| -> BTreeSet<String> {
        if by_groups {
            let groups = side.mapping();
            return groups.into_keys().map(str::to_owned).collect();
        }
        let profiles = side.policy.profiles.iter();
        let held = profiles.filter(|(_, profile)| !profile.groups.is_empty());
        held.map(|(name, _)| name.to_string()).collect()
    };
    let mut holders = mapping(base);
    holders.extend(mapping(head));
    holders
}

fn sets(names: &BTreeSet<String>) -> Vec<People> {
    assert!(names.len() <= 6, "too many to try every set of {names:?}");
    let chosen = |set: usize| {
        let names = names.iter().enumerate();
        let named = names.filter(|(at, _)| set >> at & 1 == 1);
        named.map(|(_, name)| name.clone()).collect()
    };
    (1..1_usize << names.len()).map(chosen).collect()
}

/// Every combination of the arguments' values.
fn inputs(before: Option<&Operation>, after: Option<&Operation>, texts: &[String]) -> Vec<Json> {
    let sides: Vec<&Operation> = before.into_iter().chain(after).collect();
    let all = sides.iter().flat_map(|side| side.input.members());
    let names: BTreeSet<&str> = all.map(|member| member.name.as_str()).collect();
    let mut inputs = vec![Vec::new()];
    for name in names {
        let members: Vec<Option<&Member>> =
            sides.iter().map(|side| side.input.member(name)).collect();
        let selects = |side: &&Operation| {
            let pointer = side.select.as_ref().map(|select| select.pointer.as_str());
            pointer == Some(format!("/{name}").as_str())
        };
        let chosen = sides.iter().any(selects);
        let values = values(&members, chosen, texts);
        let with = |input: &Vec<(String, Json)>, value: &Option<Json>| {
            let mut input = input.clone();
            input.extend(value.clone().map(|value| (name.to_owned(), value)));
            input
        };
        inputs = inputs
            .iter()
            .flat_map(|input| {
                values
                    .iter()
                    .map(|value| with(input, value))
                    .collect::<Vec<_>>()
            })
            .collect();
    }
    let inputs: Vec<Json> = inputs.into_iter().map(Json::Object).collect();
    let accepted = |input: &Json| sides.iter().any(|side| side.input.check(input).is_ok());
    let inputs: Vec<Json> = inputs.into_iter().filter(accepted).collect();
    assert!(inputs.len() <= MOST, "{} inputs", inputs.len());
    inputs
}

/// Values of one argument as both sides declare it; `None` is to leave it out. `chosen`: it selects the operation.
fn values(members: &[Option<&Member>], chosen: bool, texts: &[String]) -> Vec<Option<Json>> {
    let mut values: Vec<Option<Json>> = Vec::new();
    let mut add = |value: Option<Json>| {
        if !values.contains(&value) {
            values.push(value);
        }
    };
    let declared: Vec<&Member> = members.iter().flatten().copied().collect();
    let same = declared.len() == members.len() && declared.windows(2).all(|two| two[0] == two[1]);
    let read = declared.iter().any(|member| {
        let opened = member.opaque.is_some();
        chosen || opened || texts.iter().any(|text| text.contains(&member.name))
    });
    for member in &declared {
        let mut all = of_shape(&member.shape, texts);
        if same && !read {
            // Nobody can tell one from another.
            all.truncate(1);
        }
        all.into_iter().for_each(|value| add(Some(value)));
    }
    if declared.len() < members.len() || declared.iter().any(|member| !member.required) {
        add(None);
    }
    values
}

fn of_shape(shape: &Shape, texts: &[String]) -> Vec<Json> {
    let numbers = || texts.iter().flat_map(|text| numbers(text));
    match shape {
        Shape::Integer { one_of, min, max } => {
            let listed = one_of.iter().flatten().copied();
            let safe = |bound: &i64| (*bound).clamp(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER);
            let all = numbers().chain([safe(min), safe(max)]).chain(listed);
            let all: BTreeSet<i64> = all.flat_map(around).collect();
            let within = |number: &i64| (-MAX_SAFE_INTEGER..=MAX_SAFE_INTEGER).contains(number);
            // The accepted ones first.
            let (inside, outside): (Vec<i64>, Vec<i64>) = all
                .into_iter()
                .filter(within)
                .partition(|number| (*min..=*max).contains(number));
            inside
                .into_iter()
                .chain(outside)
                .map(Json::Integer)
                .collect()
        }
        Shape::String { one_of, .. } => {
            let all: Vec<String> = match one_of {
                Some(listed) => listed.clone(),
                None => {
                    let named = texts.iter().flat_map(|text| quoted(text));
                    [OTHER.to_owned()].into_iter().chain(named).collect()
                }
            };
            all.into_iter().map(Json::String).collect()
        }
        Shape::Boolean => vec![Json::Bool(false), Json::Bool(true)],
        // Only facts see it, and they count.
        Shape::Anything | Shape::Array { .. } => {
            let lengths: BTreeSet<i64> = numbers().chain([0]).flat_map(around).collect();
            let lengths = lengths
                .into_iter()
                .filter(|length| (0..=LONGEST).contains(length));
            let array = |length| (0..length).map(|_| Json::Object(Vec::new())).collect();
            lengths.map(|length| Json::Array(array(length))).collect()
        }
        Shape::Object(members) => {
            let mut objects = vec![Vec::new()];
            for member in members.members() {
                let mut values: Vec<Option<Json>> = of_shape(&member.shape, texts)
                    .into_iter()
                    .map(Some)
                    .collect();
                if !member.required {
                    values.push(None);
                }
                let with = |object: &Vec<(String, Json)>, value: &Option<Json>| {
                    let mut object = object.clone();
                    object.extend(value.clone().map(|value| (member.name.clone(), value)));
                    object
                };
                let each = |object: &Vec<(String, Json)>| {
                    values
                        .iter()
                        .map(|value| with(object, value))
                        .collect::<Vec<_>>()
                };
                objects = objects.iter().flat_map(each).collect();
            }
            objects.into_iter().map(Json::Object).collect()
        }
        // Those at its ends, and those that facts are compared with.
        Shape::Number { min, max } => {
            let safe = |bound: f64| (bound as i64).clamp(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER);
            let all: BTreeSet<i64> = [*min, *max]
                .map(safe)
                .into_iter()
                .chain(numbers())
                // Where one side counts in ones and the other in tenths, both are near their constants; no fact of tenths
                // can be computed at the ends.
                .chain(numbers().map(|number| number / 10))
                .chain([0])
                .flat_map(around)
                .collect();
            // Facts may count in tenths.
            let tenths: BTreeSet<i64> = numbers().chain([0]).flat_map(around).collect();
            let tenths = tenths.into_iter().filter(|tenth| tenth % 10 != 0);
            let tenth = |tenth: i64| {
                let (sign, size) = (if tenth < 0 { "-" } else { "" }, tenth.unsigned_abs());
                Json::Decimal(format!("{sign}{}.{}", size / 10, size % 10).into())
            };
            let tenths = tenths.map(tenth);
            all.into_iter().map(Json::Integer).chain(tenths).collect()
        }
        Shape::Open { .. } | Shape::Either(_) | Shape::Listed(_) => {
            panic!("no fixture has an argument of this type")
        }
    }
}

fn around(number: i64) -> [i64; 3] {
    [number, number.saturating_sub(1), number.saturating_add(1)]
}

/// The whole numbers in a condition, texts aside.
fn numbers(condition: &str) -> Vec<i64> {
    let outside: String = condition.split('"').step_by(2).collect();
    let words = outside.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.filter_map(|word| word.parse().ok()).collect()
}

/// The texts in a condition; a pattern with something in place of its stars.
fn quoted(condition: &str) -> Vec<String> {
    let inside = condition.split('"').skip(1).step_by(2);
    inside.map(|text| text.replace('*', "x")).collect()
}
