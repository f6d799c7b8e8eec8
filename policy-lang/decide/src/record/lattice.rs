//! The lattices of a decision as members of its record: evidence, limit, enforcement, surface, needs.

use std::collections::{BTreeMap, BTreeSet};

use super::InvalidRecord;
use super::members::Members;
use super::value::Object;
use crate::decide::{LimitNow, LimitedBy};
use crate::json::Json;
use crate::pointer::Pointer;
use crate::surface::{Approval, Enforces, Evidence, Limit, Need, Requirement, Risk, Surface};

pub(super) fn need_from_word(word: &str) -> Option<Need> {
    // Words are made by `Display` in one place; a second list of them could differ from it.
    let approvals = Approval::ALL.iter().copied().map(Need::Approval);
    [Need::UserConfirmation, Need::DryRun]
        .into_iter()
        .chain(approvals)
        .find(|need| need.to_string() == word)
}

pub(super) fn evidence(evidence: Evidence, mut out: Object<'_, '_>) {
    let Evidence {
        approval,
        user_confirmation,
        dry_run,
    } = evidence;
    out.text("approval", approval.as_str());
    out.truth("dry_run", dry_run);
    out.truth("user_confirmation", user_confirmation);
    out.end();
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

pub(super) fn limit(limit: LimitNow, mut out: Object<'_, '_>) {
    let LimitNow { class, by } = limit;
    out.text("by", by.as_str());
    out.text("class", class.as_str());
    out.end();
}

pub(super) fn read_limit(mut members: Members) -> Result<LimitNow, InvalidRecord> {
    let limit = LimitNow {
        class: members.word("class", Limit::from_word)?,
        by: members.word("by", LimitedBy::from_word)?,
    };
    members.finish()?;
    Ok(limit)
}

/// Writes the member `enforces` into `out`.
pub(super) fn enforces(enforces: Enforces, out: &mut Object<'_, '_>) {
    let Enforces { mask, max_rows } = enforces;
    let words = [(mask, "mask"), (max_rows, "max_rows")];
    let words = words.into_iter().filter(|(does, _)| *does);
    out.texts("enforces", words.map(|(_, word)| word));
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

/// Writes a surface into `out`. Its member `require` lists the confirmation and the dry run; `max_rows` maps pointers
/// to rows, or is `null` for no limit.
pub(super) fn surface<'n>(surface: &'n Surface, mut out: Object<'_, 'n>) {
    let Surface {
        risk,
        approval,
        user_confirmation: _,
        dry_run: _,
        masks,
        max_rows,
    } = surface;
    out.text("approval", approval.as_str());
    out.texts("mask", masks.iter().map(Pointer::as_str));
    // An empty object and no limit would be two spellings of one thing; `null` is the one that was chosen.
    if max_rows.is_empty() {
        out.null("max_rows");
    } else {
        let mut limits = out.object("max_rows");
        for (pointer, rows) in max_rows {
            limits.count(pointer.as_str(), u64::from(*rows));
        }
        limits.end();
    }
    out.texts("require", surface.requirements().map(Requirement::as_str));
    out.text("risk", risk.as_str());
    out.end();
}

pub(super) fn read_surface(value: Json) -> Result<Option<Surface>, InvalidRecord> {
    if value == Json::Null {
        return Ok(None);
    }
    let mut members = Members::from_json(value, "surface")?;
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
    // A pointer names one limit. That no name stands twice is the JSON parser's work.
    rows.map(|(pointer, rows)| {
        Some((
            Pointer::new(pointer).ok()?,
            u32::try_from(rows.as_integer()?).ok()?,
        ))
    })
    .collect()
}
