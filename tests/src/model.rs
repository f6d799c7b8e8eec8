//! The reference model of a decision, written apart from the code it judges.
//!
//! It reads the checked documents and never a bundle, knows nothing of Cedar, the index or the compiled surfaces, and
//! evaluates conditions of its own small grammar. Where it and `decide` differ, one of them is wrong.

mod condition;

use std::collections::BTreeSet;

use stopgate_author::policy::{Operation, Operations, Policy, Rule, RuleKind, Tool};
use stopgate_decide::attempt::Target;
use stopgate_decide::name::ProfileName;
use stopgate_decide::surface::{Approval, Effect, Limit, Risk};

use crate::generate::{SPLIT, SPLIT_FUNCTION, Try, WORDS};

/// The model's answer, in plain words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// `permit`, `route:need,need` or `reject:reason`.
    pub result: String,
    /// Ids of the rules that matched or, after an error, failed.
    pub rules: BTreeSet<String>,
    /// risk, approval, confirmation, dry run, masks, rows: what the matching rules ask for together.
    pub surface: Option<Asked>,
}

/// The parts of a surface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Risk.
    pub risk: Risk,
    /// Approval.
    pub approval: Approval,
    /// Confirmation by the user.
    pub confirm: bool,
    /// Dry run.
    pub dry_run: bool,
    /// Pointers masked.
    pub masks: BTreeSet<String>,
    /// Pointer and rows of every limit.
    pub rows: BTreeSet<(String, u32)>,
}

/// What the documents say of `one`.
pub fn answer(policy: &Policy, one: &Try) -> Answer {
    let reject = |reason: &str| Answer {
        result: format!("reject:{reason}"),
        rules: BTreeSet::new(),
        surface: None,
    };
    // 1. The first line of the table: tool, operation, input and profiles, in the order in which `decide` asks for
    // them.
    let Some((tool_name, tool)) = policy
        .tools
        .iter()
        .find(|(name, _)| name.as_str() == one.attempt.tool)
    else {
        return reject("unknown_tool");
    };
    let (operation_name, operation) = match find(tool, one) {
        Ok(found) => found,
        Err(reason) => return reject(reason),
    };
    let Some(input) = arguments(&one.input) else {
        return reject("input_invalid");
    };
    let held = inherited(policy, &one.attempt.profiles);
    if held.is_empty() {
        return reject("unknown_profile");
    }
    // Business time is taken from the code under test: calendars have tests of their own.
    let business = policy.calendar.is_business(one.now);
    let facts = condition::Facts {
        n: input.0,
        word: input.1,
        business,
        bags: input.2,
    };
    let (mut matched, mut failed) = (Vec::new(), BTreeSet::new());
    // 2. Every rule in turn, without an index: its scope first, then its condition.
    for rule in &policy.rules {
        let here = match &rule.scope.operations {
            Operations::Listed(all) => all
                .iter()
                .any(|(tool, name)| tool == tool_name && name == operation_name),
            Operations::All => true,
        };
        let reached = rule
            .scope
            .profiles
            .as_ref()
            .is_none_or(|all| all.iter().any(|name| held.contains(name)));
        // Whoever holds an excepted profile is not reached, whatever else leads to the rule.
        let excepted = rule.scope.except.iter().any(|name| held.contains(name));
        let agents = rule.scope.agents.as_ref();
        let acting = agents.is_none_or(|all| all.contains(&one.attempt.agent));
        // Out of its scope a rule neither matches nor fails.
        if !here || !reached || excepted || !acting {
            continue;
        }
        let text = rule
            .condition
            .as_ref()
            .map(|condition| condition.text())
            .unwrap_or_default();
        match condition::holds(&text, &facts) {
            Some(true) => matched.push(rule),
            Some(false) => {}
            None => {
                failed.insert(rule.id.to_string());
            }
        }
    }
    // 3. One failure decides, whatever else matched.
    if !failed.is_empty() {
        return Answer {
            rules: failed,
            ..reject("evaluation_error")
        };
    }
    conclude(policy, tool_name.as_str(), operation, &matched, one)
}

fn conclude(
    policy: &Policy,
    tool: &str,
    operation: &Operation,
    matched: &[&Rule],
    one: &Try,
) -> Answer {
    let rules = matched.iter().map(|rule| rule.id.to_string()).collect();
    let asked = together(operation, matched);
    let surface = (!matched.is_empty()).then(|| asked.clone());
    let say = |result: String| Answer {
        result,
        rules,
        surface,
    };
    // 4. A never before everything else, then whether anything was granted at all.
    if matched
        .iter()
        .any(|rule| matches!(rule.kind, RuleKind::Never(_)))
    {
        return say("reject:forbidden".to_owned());
    }
    if !matched
        .iter()
        .any(|rule| matches!(rule.kind, RuleKind::Grant(_)))
    {
        return say("reject:no_rule".to_owned());
    }
    // 5. The ceiling. A channel that the policy does not know lets nothing through.
    let channel = policy
        .channels
        .iter()
        .find(|(name, _)| name.as_str() == one.channel)
        .map(|(_, ceiling)| ceiling);
    let ceiling = channel.map_or(Limit::None, |ceiling| {
        ceiling
            .tools
            .iter()
            .find(|(name, _)| name.as_str() == tool)
            .map_or(ceiling.default, |(_, limit)| *limit)
    });
    // Numbers instead of the order of the enums, which is a part of what is tested.
    let class = match (asked.risk, operation.effect) {
        (Risk::Low, Effect::Read) => 1,
        (Risk::Low, _) => 2,
        (Risk::Medium, _) => 3,
        (Risk::High, _) => 4,
    };
    let allowed = match ceiling {
        Limit::None => 0,
        Limit::ReadOnly => 1,
        Limit::Low => 2,
        Limit::Medium => 3,
        Limit::High => 4,
    };
    if class > allowed {
        return say("reject:ceiling".to_owned());
    }
    // 6. Obligations, before anything is asked for.
    if (!asked.masks.is_empty() && !one.enforces.mask)
        || (!asked.rows.is_empty() && !one.enforces.max_rows)
    {
        return say("reject:obligation".to_owned());
    }
    // 7. What is missing, in the order in which it is collected.
    let mut needs = Vec::new();
    if asked.confirm && !one.evidence.user_confirmation {
        needs.push("user_confirmation".to_owned());
    }
    if asked.dry_run && !one.evidence.dry_run {
        needs.push("dry_run".to_owned());
    }
    if asked.approval > one.evidence.approval {
        needs.push(format!("approval:{}", asked.approval));
    }
    say(if needs.is_empty() {
        "permit".to_owned()
    } else {
        format!("route:{}", needs.join(","))
    })
}

/// Strictest of everything, with the default floors: medium is confirmed and supervised, high is confirmed and
/// decided by a committee, what is irreversible is at least medium and, at high risk, tried first.
fn together(operation: &Operation, matched: &[&Rule]) -> Asked {
    let mut asked = Asked {
        risk: Risk::Low,
        approval: Approval::Automatic,
        confirm: false,
        dry_run: false,
        masks: BTreeSet::new(),
        rows: BTreeSet::new(),
    };
    let mut granted = false;
    for rule in matched {
        let surface = match &rule.kind {
            RuleKind::Grant(surface) => {
                granted = true;
                surface
            }
            RuleKind::Raise(surface) => surface,
            RuleKind::Never(_) => continue,
        };
        asked.risk = asked.risk.max(surface.risk);
        asked.approval = asked.approval.max(surface.approval);
        asked.confirm |= surface.user_confirmation;
        asked.dry_run |= surface.dry_run;
        asked
            .masks
            .extend(surface.masks.iter().map(|pointer| pointer.to_string()));
        // Limits of one pointer are collected and not joined: generated rules all state the same number.
        asked.rows.extend(
            surface
                .max_rows
                .iter()
                .map(|(pointer, rows)| (pointer.to_string(), *rows)),
        );
    }
    // Floors are those of grants. A raise alone asks for what it says and nothing more.
    if granted {
        asked.masks.extend(
            operation
                .result_mask
                .iter()
                .map(|pointer| pointer.to_string()),
        );
        // In this order: the effect may raise the risk, and the risk brings its floors.
        if operation.effect == Effect::Irreversible {
            asked.risk = asked.risk.max(Risk::Medium);
        }
        if asked.risk >= Risk::Medium {
            asked.confirm = true;
            asked.approval = asked.approval.max(Approval::Supervisor);
        }
        if asked.risk == Risk::High {
            asked.approval = Approval::Committee;
            asked.dry_run |= operation.effect == Effect::Irreversible;
        }
    }
    asked
}

/// The operation that the attempt means, or why there is none. Of operations that share a function, the input's word
/// says which it is, and it has to be the named one.
fn find<'a>(
    tool: &'a Tool,
    one: &Try,
) -> Result<(&'a stopgate_decide::name::OperationName, &'a Operation), &'static str> {
    let shares = |name: &str| SPLIT.iter().any(|(shared, _)| *shared == name);
    let named = match &one.attempt.target {
        Target::Operation(name) => name.clone(),
        Target::Function(function) if function == SPLIT_FUNCTION => {
            meant(&one.input)?.ok_or("unknown_operation")?.to_owned()
        }
        // A function that is shared is called by its own name and never by that of an operation.
        Target::Function(function) if shares(function) => return Err("unknown_operation"),
        Target::Function(function) => function.clone(),
    };
    let mut operations = tool.operations.iter();
    let found = operations.find(|(name, _)| name.as_str() == named);
    let found = found.ok_or("unknown_operation")?;
    // The named operation has to be the one that the input means.
    if shares(&named) && meant(&one.input)? != Some(named.as_str()) {
        return Err("operation_mismatch");
    }
    Ok(found)
}

/// The operation of the shared function that an input's word stands for.
fn meant(text: &[u8]) -> Result<Option<&'static str>, &'static str> {
    let value = strict(text).ok_or("input_invalid")?;
    let word = value.get("word").and_then(|word| word.as_str());
    let mut split = SPLIT.iter();
    Ok(split.find_map(|(name, selecting)| (Some(*selecting) == word).then_some(*name)))
}

/// What another JSON parser reads. It keeps the last of two equal members, so two of them make the text longer than
/// what it read.
fn strict(text: &[u8]) -> Option<serde_json::Value> {
    let value: serde_json::Value = serde_json::from_slice(text).ok()?;
    // Every member has a quote and a colon behind its name, and no value of a generated input has both.
    let written = String::from_utf8_lossy(text).matches("\":").count();
    let members = value.as_object().map_or(0, serde_json::Map::len);
    (written == members).then_some(value)
}

/// Size, word and number of bags of a valid input; `None` for an invalid one.
fn arguments(text: &[u8]) -> Option<(i64, String, Option<i64>)> {
    let value = strict(text)?;
    let members = value.as_object()?;
    // Any member that is not known makes the input invalid, and so does one of another type.
    let known = members.iter().all(|(name, value)| match name.as_str() {
        "size" => value.as_i64().is_some_and(|n| (0..=9).contains(&n)),
        "word" => value.as_str().is_some_and(|word| WORDS.contains(&word)),
        "flag" => value.is_boolean(),
        "note" => value
            .as_str()
            .is_some_and(|note| note.chars().count() <= 20),
        "bag" => value.is_array(),
        _ => false,
    });
    let bags = members.get("bag").and_then(|bag| bag.as_array());
    let read = Some((
        members.get("size")?.as_i64()?,
        members.get("word")?.as_str()?.to_owned(),
        bags.and_then(|bags| i64::try_from(bags.len()).ok()),
    ));
    read.filter(|_| known)
}

fn inherited(policy: &Policy, direct: &BTreeSet<ProfileName>) -> BTreeSet<ProfileName> {
    let mut held: BTreeSet<ProfileName> = direct
        .iter()
        .filter(|name| policy.profiles.contains_key(*name))
        .cloned()
        .collect();
    // To a fixpoint, in the plainest way there is: the code under test walks the hierarchy otherwise.
    loop {
        let parents: Vec<ProfileName> = held
            .iter()
            .filter_map(|name| policy.profiles.get(name))
            .flat_map(|profile| profile.inherits.clone())
            .collect();
        let before = held.len();
        held.extend(parents);
        if held.len() == before {
            return held;
        }
    }
}
