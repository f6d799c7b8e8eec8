//! Shrinking a request by evaluation: fewer profiles, fewer arguments, values that the tests or the rules themselves
//! name. Whatever is tried has to show the same thing under both bundles, so no guess can mislead.

use std::collections::BTreeSet;

use jiff::Timestamp;
use stopgate_author::cedar::{Condition, Constants};
use stopgate_decide::json::Json;

use crate::proof::stage::{AGENT, Trial};
use crate::turns::{around, with};

/// Most requests that are decided to shrink one. At the bound the best request so far is kept, which shows the same and
/// is only less plain.
const MOST: usize = 2000;

/// Values that people know: of the tests' sample, and around the constants of the rules of both sides.
pub(super) struct Known {
    pub(super) sample: Json,
    pub(super) now: Option<Timestamp>,
    numbers: Vec<i64>,
    texts: BTreeSet<String>,
}

impl Known {
    /// Collects the values that people know: of the `sample`, and of `conditions` with the numbers beside theirs, and 0
    /// and 1.
    pub(super) fn new<'a>(
        sample: Json,
        now: Option<Timestamp>,
        conditions: impl IntoIterator<Item = &'a Condition>,
    ) -> Self {
        let mut all = Constants::default();
        for condition in conditions {
            let Constants { numbers, texts } = condition.constants();
            all.numbers.extend(numbers);
            all.texts.extend(texts);
        }
        let mut numbers = around(all.numbers);
        numbers.extend([0, 1]);
        let mut numbers: Vec<i64> = numbers.into_iter().collect();
        numbers.sort_by_key(|number| (number.unsigned_abs(), *number < 0));
        Self {
            sample,
            now,
            numbers,
            texts: all.texts,
        }
    }

    /// Returns the numbers of the rules with their neighbours, and the texts of the rules.
    pub(super) fn constants(&self) -> impl Iterator<Item = Json> + '_ {
        let numbers = self.numbers.iter().copied().map(Json::Integer);
        numbers.chain(self.texts.iter().cloned().map(Json::String))
    }

    /// Returns how far a value is from what people know, to be compared; less is better.
    fn rank(&self, value: &Json, sampled: Option<&Json>) -> (u8, u64, usize) {
        if sampled == Some(value) {
            return (0, 0, 0);
        }
        match value {
            Json::Bool(truth) => (1, u64::from(*truth), 0),
            Json::Integer(number) => {
                let known = self.numbers.contains(number);
                (
                    if known { 1 } else { 2 },
                    number.unsigned_abs(),
                    usize::from(*number < 0),
                )
            }
            Json::String(text) => (if self.texts.contains(text) { 1 } else { 2 }, 0, text.len()),
            Json::Null => (1, 0, 0),
            Json::Array(elements) => (2, 0, elements.len()),
            Json::Decimal(_) | Json::Object(_) => (2, 0, 0),
        }
    }

    /// Returns the values that may stand in place of `value` and rank better, the sample's first, then those of the
    /// rules.
    fn instead(&self, value: &Json, sampled: Option<&Json>) -> Vec<Json> {
        let mut all: Vec<Json> = sampled.cloned().into_iter().collect();
        match value {
            Json::Bool(_) => all.push(Json::Bool(false)),
            Json::Integer(number) => {
                all.extend(self.numbers.iter().copied().map(Json::Integer));
                all.extend([number / 2, number - number.signum()].map(Json::Integer));
            }
            Json::String(text) => {
                all.extend(self.texts.iter().cloned().map(Json::String));
                all.extend([String::new(), "example".to_owned()].map(Json::String));
                all.extend(
                    text.char_indices()
                        .nth(1)
                        .and_then(|(at, _)| text.get(..at))
                        .map(|first| Json::String(first.to_owned())),
                );
            }
            Json::Array(elements) => {
                let without = |at: usize| {
                    let mut fewer = elements.clone();
                    fewer.remove(at);
                    Json::Array(fewer)
                };
                all.extend((0..elements.len()).map(without));
            }
            Json::Null | Json::Decimal(_) | Json::Object(_) => {}
        }
        let rank = self.rank(value, sampled);
        all.retain(|other| self.rank(other, sampled) < rank);
        all
    }
}

/// Returns the plainest request that still `shows` what `trial` does.
pub(super) fn shrink(trial: Trial, known: &Known, mut shows: impl FnMut(&Trial) -> bool) -> Trial {
    let mut left = MOST;
    let mut best = trial;
    // Greedy: the first plainer request that shows the same is what the next ones are made from.
    loop {
        let better = simpler(&best, known).into_iter().find(|simpler| {
            left = left.saturating_sub(1);
            left > 0 && shows(simpler)
        });
        match better {
            Some(better) => best = better,
            None => return best,
        }
    }
}

/// Returns `trial` by somebody who holds as little of what is held as still `shows` the same, but at least one name.
pub(super) fn fewest(trial: Trial, shows: impl Fn(&Trial) -> bool) -> Trial {
    let mut best = trial;
    for one in best.held.clone() {
        let mut fewer = best.clone();
        fewer.held.remove(&one);
        if !fewer.held.is_empty() && shows(&fewer) {
            best = fewer;
        }
    }
    best
}

/// Returns the requests that are one step plainer than `trial`.
fn simpler(trial: &Trial, known: &Known) -> Vec<Trial> {
    let mut all = Vec::new();
    let mut with_held = |held: BTreeSet<String>| {
        all.push(Trial {
            held,
            ..trial.clone()
        });
    };
    // With many, halves first: one by one takes long.
    if trial.held.len() > 4 {
        let half = trial.held.len() / 2;
        with_held(trial.held.iter().take(half).cloned().collect());
        with_held(trial.held.iter().skip(half).cloned().collect());
    }
    for one in trial.held.iter().filter(|_| trial.held.len() > 1) {
        with_held(
            trial
                .held
                .iter()
                .filter(|other| *other != one)
                .cloned()
                .collect(),
        );
    }
    let mut with_input = |input: Json| {
        all.push(Trial {
            input,
            ..trial.clone()
        });
    };
    if trial.input != known.sample {
        with_input(known.sample.clone());
    }
    let mut paths = Vec::new();
    members(&trial.input, &mut Vec::new(), &mut paths);
    for (path, value) in &paths {
        let sampled = at(&known.sample, path);
        if sampled.is_none() {
            with_input(with(&trial.input, path, None));
        }
        for other in known.instead(value, sampled) {
            with_input(with(&trial.input, path, Some(&other)));
        }
    }
    if trial.agent != AGENT {
        all.push(Trial {
            agent: AGENT.to_owned(),
            ..trial.clone()
        });
        let named = known
            .texts
            .iter()
            .filter(|_| !known.texts.contains(&trial.agent));
        all.extend(named.map(|agent| Trial {
            agent: agent.clone(),
            ..trial.clone()
        }));
    }
    all.extend(known.now.filter(|now| *now != trial.now).map(|now| Trial {
        now,
        ..trial.clone()
    }));
    all
}

/// Adds every member of an object in `json`, the innermost too, to `found`, with the path to it.
fn members(json: &Json, path: &mut Vec<String>, found: &mut Vec<(Vec<String>, Json)>) {
    for (name, value) in json.as_object().unwrap_or_default() {
        path.push(name.clone());
        found.push((path.clone(), value.clone()));
        members(value, path, found);
        path.pop();
    }
}

fn at<'a>(json: &'a Json, path: &[String]) -> Option<&'a Json> {
    path.iter().try_fold(json, |json, name| json.get(name))
}
