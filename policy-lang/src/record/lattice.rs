//! The lattices of a decision as members of its record: evidence, limit, enforcement, surface, needs.

use std::collections::{BTreeMap, BTreeSet};

use super::InvalidRecord;
use super::members::Members;
use super::value::{Value, count, object, text, texts};
use crate::decide::{LimitNow, LimitedBy};
use crate::json::Json;
use crate::pointer::Pointer;
use crate::surface::{Approval, Enforces, Evidence, Limit, Need, Requirement, Risk, Surface};

pub(super) fn need_from_word(word: &str) -> Option<Need> {
    let approvals = Approval::ALL.iter().copied().map(Need::Approval);
    [Need::UserConfirmation, Need::DryRun]
        .into_iter()
        .chain(approvals)
        .find(|need| need.to_string() == word)
}

pub(super) fn evidence(evidence: Evidence) -> Value<'static> {
    let Evidence {
        approval,
        user_confirmation,
        dry_run,
    } = evidence;
    object([
        ("approval", text(approval.as_str())),
        ("user_confirmation", Value::Bool(user_confirmation)),
        ("dry_run", Value::Bool(dry_run)),
    ])
}

pub(super) fn read_evidence(mut members: Members) -> Result<Evidence, InvalidRecord> {
    let evidence = Evidence {
        approval: members.word("approval", Approval::from_word)?,
        user_confirmation: members.truth("user_confirmation")?,
        dry_run: members.truth("dry_run")?,
    };
    members.finish()?;
    Ok(evidence)
}

pub(super) fn limit(limit: LimitNow) -> Value<'static> {
    let LimitNow { class, by } = limit;
    object([("class", text(class.as_str())), ("by", text(by.as_str()))])
}

pub(super) fn read_limit(mut members: Members) -> Result<LimitNow, InvalidRecord> {
    let by = |word: &str| {
        [LimitedBy::Ceiling, LimitedBy::Freshness]
            .into_iter()
            .find(|by| by.as_str() == word)
    };
    let limit = LimitNow {
        class: members.word("class", Limit::from_word)?,
        by: members.word("by", by)?,
    };
    members.finish()?;
    Ok(limit)
}

pub(super) fn enforces(enforces: Enforces) -> Value<'static> {
    let Enforces { mask, max_rows } = enforces;
    texts(
        [(mask, "mask"), (max_rows, "max_rows")]
            .into_iter()
            .filter(|(does, _)| *does)
            .map(|(_, word)| word),
    )
}

pub(super) fn read_enforces(members: &mut Members) -> Result<Enforces, InvalidRecord> {
    let known = |word: &str| {
        ["mask", "max_rows"]
            .into_iter()
            .find(|known| *known == word)
    };
    let words: BTreeSet<&str> = members.list("enforces", known)?;
    Ok(Enforces {
        mask: words.contains("mask"),
        max_rows: words.contains("max_rows"),
    })
}

/// `require` lists the confirmation and the dry run; `max_rows` maps pointers to rows, or is `null` for no limit.
pub(super) fn surface(surface: &Surface) -> Value<'_> {
    let Surface {
        risk,
        approval,
        user_confirmation: _,
        dry_run: _,
        masks,
        max_rows,
    } = surface;
    let rows = max_rows
        .iter()
        .map(|(pointer, rows)| (pointer.as_str(), count(u64::from(*rows))));
    object([
        ("risk", text(risk.as_str())),
        ("approval", text(approval.as_str())),
        (
            "require",
            texts(surface.requirements().map(Requirement::as_str)),
        ),
        ("mask", texts(masks.iter().map(Pointer::as_str))),
        (
            "max_rows",
            if max_rows.is_empty() {
                Value::Null
            } else {
                object(rows)
            },
        ),
    ])
}

pub(super) fn read_surface(value: Json) -> Result<Option<Surface>, InvalidRecord> {
    if value == Json::Null {
        return Ok(None);
    }
    let mut members = Members::of(value, "surface")?;
    let required: BTreeSet<Requirement> = members.list("require", Requirement::from_word)?;
    let surface = Surface {
        risk: members.word("risk", Risk::from_word)?,
        approval: members.word("approval", Approval::from_word)?,
        user_confirmation: required.contains(&Requirement::UserConfirmation),
        dry_run: required.contains(&Requirement::DryRun),
        masks: members.list("mask", |pointer| Pointer::new(pointer).ok())?,
        max_rows: read_max_rows(&members.take("max_rows")?)
            .ok_or(InvalidRecord::Value("max_rows"))?,
    };
    members.finish()?;
    Ok(Some(surface))
}

fn read_max_rows(value: &Json) -> Option<BTreeMap<Pointer, u32>> {
    if *value == Json::Null {
        return Some(BTreeMap::new());
    }
    let rows = value.as_object()?.iter();
    rows.map(|(pointer, rows)| {
        Some((
            Pointer::new(pointer).ok()?,
            u32::try_from(rows.as_integer()?).ok()?,
        ))
    })
    .collect()
}
