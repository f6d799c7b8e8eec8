//! Every pair, judged by trying and by the gate.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use stopgate::diff::{Class, Direction};
use stopgate_author::compile::{Sources, compile};
use stopgate_decide::json::{Json, Limits};

use crate::brute::{Judged, Key, Side, judge, moved, word};
use crate::domain::{One, instants};
use crate::fixture::{Expected, Files, Pair, Setting, pairs, sealed, shared};
use crate::history::{Cell, Channels, Said, Told, diff, history};

/// Changes that stop a pull request.
const REVIEW: i32 = 5;
/// Head is no policy, or one with a rule that may fail.
const INVALID: i32 = 3;

/// Does `check` for every pair, on every core; all that is wrong is told at once.
fn each(check: impl Fn(&Pair, &Files) -> Result<(), String> + Sync) {
    let (pairs, shared) = (pairs(), shared());
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(BTreeMap::new());
    let worker = || {
        while let Some(pair) = pairs.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(what) = check(pair, &shared) {
                wrong.lock().expect("a lock").insert(&pair.name, what);
            }
        }
    };
    let workers = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(worker);
        }
    });
    let wrong = wrong.into_inner().expect("a lock");
    let told = wrong.iter().map(|(name, what)| format!("\n{name}: {what}"));
    let told: String = told.collect();
    assert!(
        wrong.is_empty(),
        "{} of {}:{told}",
        wrong.len(),
        pairs.len()
    );
}

/// `expected` says whether it is written which risk it is of.
fn found(judged: &Judged, expected: Option<&Expected>) -> Expected {
    let people = |(part, people): (&_, &_)| (word(part), BTreeSet::clone(people));
    let told = matches!(
        judged.class,
        Class::Same | Class::Stricter | Class::Looser | Class::Both
    );
    // What is new, gone or typed otherwise is named and not compared.
    Expected {
        class: judged.class.as_str().to_owned(),
        risk: expected
            .and_then(|expected| expected.risk.as_ref())
            .and(judged.risk)
            .map(|risk| risk.as_str().to_owned()),
        looser: if told {
            judged.looser.iter().map(people).collect()
        } else {
            BTreeMap::new()
        },
        stricter: if told {
            judged.stricter.keys().map(word).collect()
        } else {
            BTreeSet::new()
        },
    }
}

fn key(text: &str) -> Key {
    let (tool, operation) = text.split_once('/').expect("tool/operation");
    (
        tool.parse().expect("a tool"),
        operation.parse().expect("an operation"),
    )
}

/// What the hand wrote is what trying finds.
fn tried(pair: &Pair, shared: &Files) -> Result<(), String> {
    let (base, head) = pair.sides(shared);
    let base = Side::new(&base).map_err(|why| format!("the base is refused\n{why}"))?;
    let head = match (Side::new(&head), pair.exit) {
        (Ok(head), _) => head,
        (Err(_), INVALID) => return Ok(()),
        (Err(why), _) => return Err(format!("the head is refused\n{why}")),
    };
    let judged = judge(&base, &head);
    let fails = judged.values().any(|one| one.fails);
    if fails != (pair.exit == INVALID) {
        return Err(format!("a rule of head fails: {fails}"));
    }
    if fails {
        return Ok(());
    }
    if (base.mapping() != head.mapping()) != pair.by_groups {
        return Err(format!("by_groups is not {}", pair.by_groups));
    }
    let found: BTreeMap<String, Expected> = judged
        .iter()
        .filter(|(_, one)| one.class != Class::Same)
        .map(|((tool, operation), one)| {
            let name = format!("{tool}/{operation}");
            let found = found(one, pair.operations.get(&name));
            (name, found)
        })
        .collect();
    if found != pair.operations {
        return Err(format!("found\n{found:#?}"));
    }
    let review = judged.values().any(|one| one.class.needs_review())
        || pair.settings.iter().any(Setting::needs_review);
    if review != (pair.exit == REVIEW) {
        return Err(format!("it ends with {}, and review: {review}", pair.exit));
    }
    shown(pair, &base, &head)
}

/// The attempt written by hand shows what is said about its operation.
fn shown(pair: &Pair, base: &Side, head: &Side) -> Result<(), String> {
    let loosened = pair.operations.values().any(|one| !one.looser.is_empty());
    let Some(shows) = &pair.shows else {
        return if loosened {
            Err("nothing shows it".to_owned())
        } else {
            Ok(())
        };
    };
    let one = One {
        input: json(&shows.input),
        now: instants(base, head)[usize::from(shows.night)],
        agent: shows.agent.clone().unwrap_or_else(|| "somebody".to_owned()),
    };
    let key = key(&shows.operation);
    let decide = |side: &Side| side.decide(&key, &shows.holder, pair.by_groups, &one);
    let (before, after) = (decide(base), decide(head));
    let wanted = if loosened {
        Direction::Looser
    } else {
        Direction::Stricter
    };
    let moved = moved(&before, &after);
    let shows = moved.iter().any(|(_, direction)| *direction == wanted);
    if shows {
        return Ok(());
    }
    Err(format!(
        "it does not show it: {moved:?}\n{before:#?}\n{after:#?}"
    ))
}

/// The channels in which the request of `cell` gets through, by trying.
fn channels(key: &Key, cell: &Cell, pair: &Pair, (base, head): (&Side, &Side)) -> Channels {
    let plain = || head.now(key).or_else(|| base.now(key));
    let agent = cell.request.agent.clone();
    let one = One {
        input: json(&cell.request.input),
        now: cell.request.now.or_else(plain).expect("an instant"),
        agent: agent.unwrap_or_else(|| "somebody".to_owned()),
    };
    let tried = |side: &Side| side.channels(key, cell.holder(), pair.by_groups, &one);
    Channels {
        before: tried(base),
        after: tried(head),
    }
}

fn json(value: &serde_json::Value) -> Json {
    let limits = Limits {
        bytes: 4096,
        depth: 8,
        members: 200,
    };
    Json::parse(value.to_string().as_bytes(), limits).expect("JSON")
}

/// What the gate says is what the hand wrote, and the channels that it names are those.
fn gated(pair: &Pair, shared: &Files) -> Result<(), String> {
    let (base, head) = pair.sides(shared);
    let repository = history(&base, &head);
    let sides = || Ok::<_, String>((Side::new(&base)?, Side::new(&head)?));
    let Said {
        exit,
        answer,
        printed,
    } = diff(repository.path());
    if exit != pair.exit {
        return Err(format!("it ended with {exit}\n{printed}"));
    }
    if exit == INVALID {
        let why = pair.refused.as_ref().ok_or("it is not written why")?;
        return match printed.contains(why) {
            true => Ok(()),
            false => Err(format!("it is not refused for {why}\n{printed}")),
        };
    }
    let mut told = answer.told();
    told.retain(|_, one| one.class != "same");
    let names = |one: &BTreeSet<String>| one.clone();
    for (operation, expected) in &pair.operations {
        let told = told.remove(operation);
        let told = told.ok_or_else(|| format!("nothing about {operation}\n{printed}"))?;
        let all = expected.looser.values().flatten().cloned().collect();
        let compared = matches!(expected.class.as_str(), "stricter" | "looser" | "both");
        let wanted = Told {
            class: expected.class.clone(),
            risk: expected.risk.as_ref().unwrap_or(&told.risk).clone(),
            looser: expected.looser.keys().cloned().collect(),
            stricter: names(&expected.stricter),
            people: crate::brute::smallest(&all),
            by_groups: pair.by_groups,
        };
        if told.class != wanted.class || (compared && told != wanted) {
            return Err(format!(
                "{operation}: {told:#?}\nand not {wanted:#?}\n{printed}"
            ));
        }
    }
    let opened = answer.opened();
    if opened != pair.opened {
        return Err(format!("ceilings open {opened:?}\n{printed}"));
    }
    let took: BTreeSet<String> = answer.cells().filter_map(|(_, cell)| cell.took()).collect();
    if pair.took.as_ref().is_some_and(|wanted| took != *wanted) {
        return Err(format!("requests took {took:?}\n{printed}"));
    }
    let (base, head) = sides()?;
    for (operation, cell) in answer.cells() {
        let found = channels(&key(&operation), cell, pair, (&base, &head));
        if found != cell.channels {
            return Err(format!(
                "{operation} gets through in {found:?}\nand not {cell:#?}"
            ));
        }
    }
    if !told.is_empty() {
        return Err(format!("more changed: {told:#?}\n{printed}"));
    }
    let listed: Vec<Setting> = answer.settings.into_iter().map(Setting::from).collect();
    if let Some(missing) = pair.settings.iter().find(|one| !listed.contains(one)) {
        return Err(format!("{missing:?} is not listed\n{printed}"));
    }
    let mut signed = listed.iter().filter(|one| one.needs_review());
    if let Some(more) = signed.find(|one| !pair.settings.contains(one)) {
        return Err(format!("{more:?} is listed, too\n{printed}"));
    }
    Ok(())
}

#[test]
fn what_the_hand_wrote_about_a_change_is_what_trying_finds() {
    each(tried);
}

#[test]
fn t1_to_t3_i19_the_gate_says_about_a_change_what_the_hand_wrote() {
    each(gated);
}

#[test]
fn every_kind_of_answer_is_among_the_pairs() {
    let pairs = pairs();
    assert!(pairs.len() >= 60, "only {} pairs", pairs.len());
    let classes: BTreeSet<&str> = pairs
        .iter()
        .flat_map(|pair| pair.operations.values())
        .map(|one| one.class.as_str())
        .collect();
    let wanted = ["added", "both", "looser", "re-typed", "removed", "stricter"];
    assert_eq!(classes, BTreeSet::from(wanted));
    let parts: BTreeSet<&str> = pairs
        .iter()
        .flat_map(|pair| pair.operations.values())
        .flat_map(|one| one.looser.keys())
        .map(|part| part.split(' ').next().unwrap_or_default())
        .collect();
    let wanted = [
        "approval",
        "dry_run",
        "mask",
        "max_rows",
        "passing",
        "risk",
        "user_confirmation",
    ];
    assert_eq!(parts, BTreeSet::from(wanted));
    let together = |one: &Expected| {
        let mut people = one.looser.values().flatten();
        people.any(|set| set.len() > 1)
    };
    let mut all = pairs.iter().flat_map(|pair| pair.operations.values());
    assert!(
        all.any(together),
        "no loosening is seen by two profiles only"
    );
    for pair in &pairs {
        assert!(!pair.about.is_empty(), "{} says nothing", pair.name);
    }
}

#[test]
fn the_shared_repository_passes_its_own_tests() {
    let compiled = compile(Sources::new(sealed(&shared())));
    let policy = compiled.policy.as_ref();
    let policy = policy
        .unwrap_or_else(|| panic!("{}", compiled.diagnostics.render(&compiled.sources, false)));
    assert_eq!(
        compiled.diagnostics.iter().count(),
        0,
        "{:#?}",
        compiled.diagnostics
    );
    let report = stopgate::test::test(policy, &compiled.suites, None).expect("a report");
    assert_eq!(report.failed(), 0, "{report:#?}");
}
