//! The gate against trying, on random changes over a finite domain: the same parts got looser for the same people.
//!
//! `STOPGATE_PAIRS` and `STOPGATE_SEED` change how many changes are judged and which.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use stopgate::diff::{Class, Direction, Limits, OperationChange, Part, diff};
use stopgate_decide::surface::Risk;

use crate::brute::{Judged, Key, People, Side, judge, smallest, word};
use crate::fixture::Files;
use crate::generate::{Change, change};
use crate::random::Random;

/// What is said of an operation that got looser.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Loosened {
    pub(crate) parts: BTreeSet<Part>,
    /// The smallest sets of people who see any of it.
    pub(crate) people: BTreeSet<People>,
    /// The highest risk of it, which says how many reviewers sign.
    pub(crate) risk: Option<Risk>,
}

/// What the gate says.
pub(crate) struct Said {
    /// Operations that got looser.
    pub(crate) loosened: BTreeMap<Key, Loosened>,
    /// Operations of which nothing is compared, because rules of the base ask for what has another type now.
    pub(crate) retyped: BTreeSet<Key>,
    /// Operations of which it does not know.
    pub(crate) undecided: BTreeSet<Key>,
}

/// Asks the gate.
///
/// # Errors
/// It found a rule that may fail, or no answer.
pub(crate) fn asked(base: &Side, head: &Side) -> Result<Said, String> {
    let named = |name: &str| stopgate::diff::Side {
        name: name.to_owned(),
        commit: None,
    };
    // As many changes are judged at once as there are processors.
    let limits = Limits {
        workers: 1,
        // On a machine that does something else as well, a solver may wait longer than it works.
        per_slice: Duration::from_secs(120),
        whole: Duration::from_secs(600),
        ..Limits::by(env!("CARGO_BIN_EXE_stopgate"))
    };
    let sides = (named("base"), named("head"));
    let found = diff(
        Some(base.version()),
        head.version(),
        sides,
        &limits,
        &|_, _| {},
    );
    let found = found.map_err(|why| why.to_string())?;
    if !found.failing.is_empty() || !found.bugs.is_empty() {
        return Err(format!("{found:#?}"));
    }
    let of = |class: Class| {
        let changes = found.operations.iter().filter(|one| one.class == class);
        let keys = changes.map(|one| (one.tool.clone(), one.operation.clone()));
        keys.collect::<BTreeSet<_>>()
    };
    let changes = found.operations.iter().map(loosened_by);
    let loosened = changes.filter(|(_, loosened)| !loosened.parts.is_empty());
    Ok(Said {
        loosened: loosened.collect(),
        retyped: of(Class::Retyped),
        undecided: of(Class::Undecided),
    })
}

fn loosened_by(change: &OperationChange) -> (Key, Loosened) {
    let (mut parts, mut people) = (BTreeSet::new(), BTreeSet::new());
    for cell in &change.cells {
        let looser = cell.parts.iter();
        let looser = looser.filter(|(_, direction)| *direction == Direction::Looser);
        let looser: Vec<&Part> = looser.map(|(part, _)| part).collect();
        if !looser.is_empty() {
            people.insert(cell.holder.names().map(str::to_owned).collect());
        }
        parts.extend(looser.into_iter().cloned());
    }
    let key = (change.tool.clone(), change.operation.clone());
    let loosened = Loosened {
        parts,
        people: smallest(&people),
        risk: Some(change.risk),
    };
    (key, loosened)
}

/// What trying finds, in the same words.
fn loosened(judged: &BTreeMap<Key, Judged>) -> BTreeMap<Key, Loosened> {
    let told = |(key, one): (&Key, &Judged)| {
        let people = one.looser.values().flatten().cloned().collect();
        let parts = one.looser.keys().cloned().collect();
        let loosened = Loosened {
            parts,
            people: smallest(&people),
            risk: one.risk,
        };
        (key.clone(), loosened)
    };
    let all = judged.iter().filter(|(_, one)| !one.looser.is_empty());
    all.map(told).collect()
}

/// How often each kind of change was seen: a generator that only deletes proves nothing.
#[derive(Debug, Default)]
struct Mix {
    pairs: u64,
    attempts: usize,
    by_class: BTreeMap<Class, u64>,
    by_edit: BTreeMap<&'static str, u64>,
    by_part: BTreeMap<String, u64>,
    /// Some part is looser only for people of two profiles or groups.
    only_together: u64,
    by_groups: u64,
    /// Head hides what the base asks for.
    retyped: u64,
    /// A fact is computed in another way.
    redefined: u64,
    /// Of those, the gate does not know.
    undecided: u64,
}

impl Mix {
    fn judge(&mut self, seed: u64, number: u64) {
        let mut random = Random::new(seed.wrapping_add(number.wrapping_mul(0x1_0000_0001)));
        let Change {
            base,
            head,
            what,
            retyped,
            redefined,
        } = change(&mut random);
        let context = || format!("seed {seed}, pair {number}, {what}\n{}", text(&base, &head));
        let compiled =
            |files| Side::new(files).unwrap_or_else(|why| panic!("{why}\n{}", context()));
        let (before, after) = (compiled(&base), compiled(&head));
        let judged = judge(&before, &after);
        self.count(what, &judged, before.mapping() != after.mapping());
        let said = asked(&before, &after);
        let mut said = said.unwrap_or_else(|why| panic!("{why}\n{}", context()));
        // What is hidden from rules of the base stops a change whatever it does; a fact that both sides compute in
        // another way may leave it undecided, and nothing else may.
        assert!(retyped || said.retyped.is_empty(), "{}", context());
        assert!(redefined || said.undecided.is_empty(), "{}", context());
        self.retyped += u64::from(!said.retyped.is_empty());
        self.redefined += u64::from(redefined);
        self.undecided += u64::from(!said.undecided.is_empty());
        let stopped = |key: &Key| said.retyped.contains(key) || said.undecided.contains(key);
        let mut found = loosened(&judged);
        found.retain(|key, _| !stopped(key));
        let mut told = std::mem::take(&mut said.loosened);
        told.retain(|key, _| !stopped(key));
        if redefined {
            // An input that has no fact on one side is refused there, which no proof knows; the fact itself is a changed
            // setting that is signed. What is said is true all the same.
            for (key, said) in &told {
                let true_of = found.get(key).map(|one| said.parts.is_subset(&one.parts));
                assert_eq!(true_of, Some(true), "{}", context());
            }
            return;
        }
        assert_eq!(told, found, "{}", context());
    }

    fn count(&mut self, what: &'static str, judged: &BTreeMap<Key, Judged>, by_groups: bool) {
        self.pairs += 1;
        *self.by_edit.entry(what).or_default() += 1;
        self.by_groups += u64::from(by_groups);
        let class = judged.values().map(|one| one.class).max();
        *self
            .by_class
            .entry(class.unwrap_or(Class::Same))
            .or_default() += 1;
        let mut together = false;
        for one in judged.values() {
            assert!(!one.fails, "no condition of the grammar fails");
            self.attempts += one.attempts;
            for (part, people) in &one.looser {
                *self.by_part.entry(word(part)).or_default() += 1;
                together |= people.iter().all(|set| set.len() > 1);
            }
        }
        self.only_together += u64::from(together);
    }

    fn add(&mut self, other: Self) {
        self.pairs += other.pairs;
        self.attempts += other.attempts;
        self.only_together += other.only_together;
        self.by_groups += other.by_groups;
        self.retyped += other.retyped;
        self.redefined += other.redefined;
        self.undecided += other.undecided;
        for (class, count) in other.by_class {
            *self.by_class.entry(class).or_default() += count;
        }
        for (edit, count) in other.by_edit {
            *self.by_edit.entry(edit).or_default() += count;
        }
        for (part, count) in other.by_part {
            *self.by_part.entry(part).or_default() += count;
        }
    }

    fn assert_fair(&self) {
        let share = |class| self.by_class.get(&class).copied().unwrap_or(0) * 100 / self.pairs;
        let least = [
            (Class::Same, 10),
            (Class::Stricter, 10),
            (Class::Looser, 10),
            (Class::Both, 10),
        ];
        for (class, percent) in least {
            assert!(
                share(class) >= percent,
                "too few are {}: {self:#?}",
                class.as_str()
            );
        }
        assert!(
            self.by_part.len() >= 7,
            "not every part got looser: {self:#?}"
        );
        assert!(
            self.by_edit.len() >= 18,
            "not every place was changed: {self:#?}"
        );
        assert!(
            self.only_together > 0,
            "none is seen by two profiles only: {self:#?}"
        );
        assert!(self.by_groups > 0, "no mapping was changed: {self:#?}");
        assert!(
            self.retyped > 0,
            "nothing that is asked for is hidden: {self:#?}"
        );
        assert!(self.redefined > 0, "no fact was changed: {self:#?}");
        assert!(
            self.undecided * 50 <= self.pairs,
            "too much is undecided: {self:#?}"
        );
    }
}

/// The documents that differ, for the message of a failing test.
fn text(base: &Files, head: &Files) -> String {
    let show = |side: &str, files: &Files, other: &Files| -> String {
        let rules = |path: &str| path.starts_with("rules/") || path == "profiles.yaml";
        let shown = files
            .iter()
            .filter(|(path, bytes)| rules(path) || other.get(*path) != Some(bytes));
        shown
            .map(|(path, bytes)| format!("--- {side} {path}\n{}", String::from_utf8_lossy(bytes)))
            .collect()
    };
    show("base", base, head) + &show("head", head, base)
}

fn number(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().expect("a number"),
        Err(_) => default,
    }
}

#[test]
fn t1_t2_i19_on_random_changes_the_gate_names_the_parts_that_trying_finds() {
    let pairs = number("STOPGATE_PAIRS", 1_000);
    let seed = number("STOPGATE_SEED", 20_261_124);
    let next = AtomicU64::new(0);
    let worker = || {
        let mut mix = Mix::default();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= pairs {
                return mix;
            }
            mix.judge(seed, number);
            if (number + 1).is_multiple_of(5_000) {
                println!("pair {} of {pairs}", number + 1);
            }
        }
    };
    let workers = std::thread::available_parallelism().map_or(1, NonZero::get);
    let mix = std::thread::scope(|scope| {
        let running: Vec<_> = (0..workers).map(|_| scope.spawn(worker)).collect();
        running.into_iter().fold(Mix::default(), |mut all, worker| {
            match worker.join() {
                Ok(mix) => all.add(mix),
                Err(panic) => std::panic::resume_unwind(panic),
            }
            all
        })
    });
    println!("seed {seed}, {mix:#?}");
    mix.assert_fair();
}
