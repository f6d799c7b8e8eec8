//! A reviewer's signature of a waiver or a review: what is shown, what is refused, and the file that comes of it.

use std::fmt::Write as _;

use jiff::civil::Date;
use stopgate_author::policy;
use stopgate_author::waiver::{
    CellCover, Cover, Jurisdiction, Review, SettingCover, Statement, Waiver,
};
use stopgate_decide::bundle::dsse::Signature;
use stopgate_decide::visible::visible;

use crate::diff::{Cause, Class, Holder, OperationChange, sentence};
use crate::gate::Gate;
use crate::gate::words::{ALSO, edits, opened, unmet};
use crate::key::{KeyError, SigningKey};
use crate::waiver::{
    Loosened, Loosening, MAX_SIGNATURE_BYTES, Shortfall, Standing, Verdict, about, days, names,
    signature_file,
};
use crate::words::{count, list};
use crate::workspace::Document;
use crate::{review, waiver};

/// Most characters that are shown of a value of a setting: more than there are.
const TEXT: usize = 20_000;

/// What a reviewer can sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Paper {
    /// Loosenings that may pass.
    Waiver(Waiver),
    /// Rules that were looked at.
    Review(Review),
}

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The waiver would cover nothing today.
    #[error("the waiver `{id}` {why}")]
    Waiver {
        /// Which.
        id: String,
        /// Why.
        why: Shortfall,
    },
    /// The review says to look again at a day that has come.
    #[error("the review `{id}` says to look again on {next}, and that day has come")]
    Review {
        /// Which.
        id: String,
        /// That day.
        next: Date,
    },
    /// The signature would not be read.
    #[error("the document is too long to be signed; split it")]
    TooLong,
    /// The key does not work.
    #[error("the document cannot be signed")]
    Key(#[from] KeyError),
}

impl Paper {
    /// Returns the document's id.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Waiver(waiver) => waiver.id.as_str(),
            Self::Review(review) => review.id.as_str(),
        }
    }

    /// Returns the folder that the document stands in.
    #[must_use]
    pub const fn folder(&self) -> &'static str {
        match self {
            Self::Waiver(_) => waiver::FOLDER,
            Self::Review(_) => review::FOLDER,
        }
    }

    /// Returns the statement that is signed, for where the signature `holds`.
    #[must_use]
    pub fn statement(&self, holds: &Jurisdiction) -> Statement {
        match self {
            Self::Waiver(waiver) => waiver.statement(holds),
            Self::Review(review) => review.statement(holds),
        }
    }

    /// Returns all that the document says, for the person who is about to sign it on the day `today`, with what the
    /// gate found about what the document names.
    #[must_use]
    pub fn summary(&self, today: Date, gate: Option<&Gate<'_>>) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _always_fits = match self {
            Self::Waiver(waiver) => about_waiver(&mut out, waiver, today, gate),
            Self::Review(review) => about_review(&mut out, review, today),
        };
        out
    }

    /// Signs the document with `key`, for where the signature `holds`. Returns the signature's path, relative to the
    /// repository, and its bytes.
    ///
    /// # Errors
    /// [`SignError`] when the signature would be worth nothing on the day `today` (UTC) under `gate`, or the key does
    /// not work.
    pub fn sign(
        &self,
        key: &SigningKey,
        holds: &Jurisdiction,
        gate: policy::Gate,
        today: Date,
    ) -> Result<Document, SignError> {
        self.refuse(gate, today)?;
        let statement = self.statement(holds);
        let signature = Signature {
            key: key.public()?.id(),
            bytes: key.sign(&statement.signed_bytes()),
        };
        let (path, bytes) = signature_file(&statement, self.folder(), self.id(), signature);
        if bytes.len() > MAX_SIGNATURE_BYTES {
            return Err(SignError::TooLong);
        }
        Ok((path, bytes))
    }

    /// Checks that the document's days have not gone by and are not too many.
    ///
    /// # Errors
    /// [`SignError`] says which.
    pub fn refuse(&self, gate: policy::Gate, today: Date) -> Result<(), SignError> {
        let id = self.id().to_owned();
        match self {
            Self::Waiver(waiver) => match days(waiver.expires, gate, today) {
                Some(why) => Err(SignError::Waiver { id, why }),
                None => Ok(()),
            },
            Self::Review(review) if review.next <= today => Err(SignError::Review {
                id,
                next: review.next,
            }),
            Self::Review(_) => Ok(()),
        }
    }
}

/// Returns why a signature of `waiver` would let nothing pass, or not all that the waiver names, whoever signs beside.
/// `None` means that it is worth something.
#[must_use]
pub fn worthless(gate: &Gate<'_>, waiver: &Waiver) -> Option<String> {
    if !gate.diff.failing.is_empty() {
        return Some("rules of the change may fail to evaluate, so nothing is known".to_owned());
    }
    let mut doubtful = gate
        .diff
        .operations
        .iter()
        .filter(|change| !change.undecided.is_empty() || change.class == Class::Retyped);
    if let Some(change) = doubtful.next() {
        let (tool, operation) = (&change.tool, &change.operation);
        return Some(format!(
            "not everything that changes at {tool}/{operation} is known"
        ));
    }
    let id = &waiver.id;
    let Some(report) = gate.waivers.iter().find(|report| report.id == *id) else {
        return Some(format!(
            "the waiver `{id}` is none of those that were compared"
        ));
    };
    let named = list(report.unused.iter().map(about));
    if !named.is_empty() {
        return Some(format!(
            "the waiver `{id}` names what is not in this change: {named}"
        ));
    }
    for (Loosening { what, .. }, verdict) in &gate.judged {
        let Verdict::Open { short, .. } = verdict else {
            continue;
        };
        let mut mine = short.iter().filter(|(other, _)| other == id);
        if let Some((_, why)) = mine.find(|(_, why)| !why.is_of_signatures()) {
            return Some(format!("the waiver `{id}` {why}: {what}"));
        }
    }
    match report.standing {
        Standing::Spent => Some(format!("the waiver `{id}` {}", Shortfall::Spent)),
        Standing::Unsigned => Some(format!(
            "the waiver `{id}` is in the base already and lets nothing pass there: name the revision before it as --base"
        )),
        Standing::Unbound => Some(format!("the waiver `{id}` {}", Shortfall::Unbound)),
        Standing::Live
        | Standing::Short
        | Standing::Unused
        | Standing::Expired
        | Standing::TooLong => None,
    }
}

/// Returns what the gate found about what `cover` names, each in a sentence.
fn found(gate: &Gate<'_>, cover: &Cover) -> Vec<String> {
    let cells = gate.diff.operations.iter().flat_map(|change| {
        let cells = change.cells.iter().filter(|cell| cell.class.needs_review());
        let named = cells.filter(|cell| names(cover, &Loosening::cell(change, cell).what));
        named.flat_map(|cell| {
            let risk = change.risk;
            let said = format!("risk {risk}: {}", sentence(change, cell));
            std::iter::once(said).chain(cell.because.iter().flat_map(rewritten))
        })
    });
    // Whatever is signed of an operation lets all of its changed rules pass, whoever else meets them in what is shown.
    let is_by = |change: &OperationChange, holder: &Holder| {
        let mut cells = change.cells.iter().filter(|cell| cell.class.needs_review());
        cells
            .any(|cell| cell.holder == *holder && names(cover, &Loosening::cell(change, cell).what))
    };
    let is_named =
        |change: &&OperationChange| change.cells.iter().any(|cell| is_by(change, &cell.holder));
    let also = gate.diff.operations.iter().filter(is_named);
    let also = also.flat_map(|change| change.unmet(move |holder| is_by(change, holder)));
    let also = also.flat_map(|cause| {
        let (place, words) = unmet(cause);
        let said = format!("{ALSO} {} {place} {words}", cause.rule);
        std::iter::once(said).chain(rewritten(cause))
    });
    let settings = gate.settings.iter().filter(|setting| {
        let Cover::Setting(cover) = cover else {
            return false;
        };
        setting.effect.needs_review() && cover.file == setting.file && cover.path == setting.path
    });
    let settings = settings.map(|setting| {
        let value = |value: &Option<String>| {
            let value = value.as_deref().unwrap_or("nothing");
            visible(value, TEXT)
        };
        let (before, after) = (value(&setting.before), value(&setting.after));
        let effect = setting.effect.as_str();
        let note = setting
            .note
            .map_or_else(String::new, |note| format!(", {note}"));
        let risk = setting.risk;
        format!("risk {risk}, {effect}{note}: {after} instead of {before}")
    });
    // Whatever ceilings let through belongs to whatever is signed of them.
    let openings =
        gate.diff.opened.iter().filter(
            |_| matches!(cover, Cover::Setting(cover) if cover.path.starts_with("channels")),
        );
    let openings = openings.map(opened);
    cells.chain(also).chain(settings).chain(openings).collect()
}

/// Returns what a rule says differently, one line for each of its parts.
fn rewritten(cause: &Cause) -> Vec<String> {
    let edits = edits(cause, TEXT).into_iter();
    let edits = edits
        .map(|(what, now, before)| format!("{}, {what}: {now} instead of {before}", cause.rule));
    edits.collect()
}

/// Returns how many reviewers have to sign `waiver`.
fn needed(gate: &Gate<'_>, waiver: &Waiver) -> usize {
    let named = |what: &Loosened| waiver.covers.iter().any(|cover| names(cover, what));
    let needed = gate
        .judged
        .iter()
        .map(|(Loosening { what, .. }, verdict)| match verdict {
            Verdict::Open { needed, .. } if named(what) => *needed,
            Verdict::Open { .. } | Verdict::Covered { .. } | Verdict::Free => 0,
        });
    needed.max().unwrap_or(0)
}

fn about_waiver(
    out: &mut String,
    waiver: &Waiver,
    today: Date,
    gate: Option<&Gate<'_>>,
) -> std::fmt::Result {
    writeln!(out, "waiver   {}", waiver.id)?;
    // A line break in a text must not begin what looks like another entry.
    let reason = waiver.reason.replace('\n', "\n           ");
    writeln!(out, "reason   {reason}")?;
    writeln!(
        out,
        "expires  {}{}",
        waiver.expires,
        away(waiver.expires, today)
    )?;
    for cover in &waiver.covers {
        writeln!(out, "covers   {}", about(cover))?;
        let found = gate.map_or_else(Vec::new, |gate| found(gate, cover));
        for sentence in found {
            writeln!(out, "           {sentence}")?;
        }
        match cover {
            Cover::Cell(CellCover { rules, slice, .. }) => {
                writeln!(out, "           by {}", list(rules))?;
                writeln!(out, "           slice {slice}")?;
            }
            Cover::Setting(SettingCover { change, .. }) => {
                writeln!(out, "           change {change}")?;
            }
        }
    }
    if let Some(gate) = gate {
        writeln!(out, "takes    {}", count(needed(gate, waiver), "signature"))?;
    }
    Ok(())
}

fn about_review(out: &mut String, review: &Review, today: Date) -> std::fmt::Result {
    writeln!(out, "review   {}", review.id)?;
    writeln!(out, "next     {}{}", review.next, away(review.next, today))?;
    for rule in &review.rules {
        writeln!(out, "rule     {rule}")?;
    }
    Ok(())
}

/// Returns how far away `day` is, in words.
fn away(day: Date, today: Date) -> String {
    let days = day.duration_since(today).as_hours().checked_div(24);
    match days {
        Some(1) => " (tomorrow)".to_owned(),
        Some(days) if days > 1 => format!(" (in {days} days)"),
        Some(_) | None => " (has come)".to_owned(),
    }
}

#[cfg(test)]
mod tests;
