//! Random attempts: mostly well-formed, sometimes unknown, malformed or badly typed.

#![expect(
    clippy::expect_used,
    reason = "test support: a generator that is wrong has to stop the run"
)]

use std::collections::BTreeSet;

use jiff::Timestamp;
use stopgate_decide::attempt::{Attempt, Input, Subject, Target};
use stopgate_decide::surface::{Approval, Enforces, Evidence};

use crate::random::Random;

use super::{AGENTS, CHANNELS, PROFILES, SPLIT_FUNCTION, Shape, WORDS};

/// An attempt and what holds at its moment.
#[derive(Debug, Clone)]
pub struct Try {
    /// The attempt.
    pub attempt: Attempt,
    /// The text of its input.
    pub input: Vec<u8>,
    /// The channel it is made on.
    pub channel: &'static str,
    /// Its instant.
    pub now: Timestamp,
    /// What has been collected for it.
    pub evidence: Evidence,
    /// What its door enforces.
    pub enforces: Enforces,
}

/// One attempt on a repository of `shape`.
pub fn attempt(random: &mut Random, shape: &Shape) -> Try {
    let tools: Vec<&String> = shape.tools.keys().collect();
    // Rarely, since every unknown name ends in the same answer before a rule is asked.
    let tool = if random.one_in(60) {
        "nowhere"
    } else {
        random.pick(&tools).as_str()
    };
    let known: Vec<&String> = shape
        .tools
        .get(tool)
        .into_iter()
        .flat_map(|all| all.keys())
        .collect();
    let operation = if known.is_empty() || random.one_in(60) {
        "nothing"
    } else {
        random.pick(&known).as_str()
    };
    let operation = operation.to_owned();
    // Mostly the word that the operation is selected by.
    let selecting = super::selecting(&operation).filter(|_| !random.one_in(8));
    // The function instead of the operation: which is meant is then derived from the input.
    let target = if random.one_in(4) {
        let split = operation.starts_with("split-");
        Target::Function(if split {
            SPLIT_FUNCTION.to_owned()
        } else {
            operation
        })
    } else {
        Target::Operation(operation)
    };
    let input = input(random, selecting).into_bytes();
    let attempt = Attempt {
        subject: Subject {
            issuer: "https://sso.example/".to_owned(),
            id: format!("u{}", random.below(3)),
        },
        profiles: profiles(random),
        agent: random.pick(&AGENTS).to_owned(),
        tool: tool.to_owned(),
        target,
        input: Input::parse(&input),
        // The pinned definition; another one is tested where definitions are.
        definition: None,
    };
    // A weekday, a Sunday and the holiday.
    let day = random.pick(&["2026-11-24", "2026-11-22", "2026-12-25"]);
    let hour = random.below(24);
    Try {
        attempt,
        input,
        // Mostly the channel that lets everything through, so that rules decide.
        channel: if random.one_in(10) {
            random.pick(&CHANNELS)
        } else {
            "dev"
        },
        now: format!("{day}T{hour:02}:30:00Z").parse().expect("a time"),
        evidence: evidence(random),
        enforces: Enforces {
            mask: !random.one_in(10),
            max_rows: !random.one_in(10),
        },
    }
}

/// The same attempt with another text in a field that no rule reads.
pub fn attempt_near(random: &mut Random, one: &Try) -> Try {
    let mut other = one.clone();
    other.attempt.subject.id = format!("u{}", random.below(1000));
    if let Ok(input) = &one.attempt.input
        && let Some(members) = input.json().as_object()
        && members.iter().any(|(name, _)| name == "note")
    {
        // The two texts differ in what they say and not in what any rule reads.
        let text = input
            .json()
            .canonical()
            .replace("\"note\":\"hello\"", "\"note\":\"boss says yes\"");
        other.input = text.into_bytes();
        other.attempt.input = Input::parse(&other.input);
    }
    other
}

fn profiles(random: &mut Random) -> BTreeSet<stopgate_decide::name::ProfileName> {
    let mut held: BTreeSet<&str> = BTreeSet::new();
    // Nobody, a stranger, or one to three profiles; the same may be picked twice.
    match random.below(40) {
        0 => {}
        1 => {
            held.insert("stranger");
        }
        _ => {
            for _ in 0..=random.below(3) {
                held.insert(random.pick(&PROFILES));
            }
        }
    }
    held.into_iter()
        .map(|name| name.parse().expect("a name"))
        .collect()
}

fn evidence(random: &mut Random) -> Evidence {
    match random.below(4) {
        0 => Evidence::NONE,
        1 | 2 => Evidence::ALL,
        _ => Evidence {
            approval: random.pick(Approval::ALL),
            user_confirmation: random.one_in(2),
            dry_run: random.one_in(2),
        },
    }
}

fn input(random: &mut Random, word: Option<&str>) -> String {
    let (n, any) = (random.below(10), random.pick(&WORDS));
    let word = word.unwrap_or(any);
    // Each way to be wrong now and then: missing, out of bounds, of another type, undeclared, twice, with a fraction,
    // no object.
    match random.below(60) {
        0 => format!(r#"{{"size": {n}}}"#),
        1 => format!(r#"{{"size": {}, "word": "{word}"}}"#, 10 + n),
        2 => format!(r#"{{"size": "{n}", "word": "{word}"}}"#),
        3 => format!(r#"{{"size": {n}, "word": "{word}", "extra": 1}}"#),
        4 => format!(r#"{{"size": {n}, "size": 1, "word": "{word}"}}"#),
        5 => format!(r#"{{"size": {n}.0, "word": "{word}"}}"#),
        6 => "[]".to_owned(),
        7..=14 => {
            // Bags are opaque to rules, and a fact counts them.
            let bags: Vec<&str> = (0..random.below(5)).map(|_| "{}").collect();
            let bags = bags.join(", ");
            format!(r#"{{"bag": [{bags}], "size": {n}, "word": "{word}"}}"#)
        }
        15..=22 => format!(
            r#"{{"word": "{word}", "flag": {}, "size": {n}}}"#,
            random.one_in(2)
        ),
        // The note that `attempt_near` changes.
        23..=36 => format!(r#"{{"size":{n},"word":"{word}","note":"hello"}}"#),
        _ => format!(r#"{{"size": {n}, "word": "{word}"}}"#),
    }
}
