//! The verdict on a change: what it makes looser, and whether reviewers have let that pass.
//!
//! Keys and numbers are those of the base, because a change that brings its own judges is judged by nobody. Whatever is
//! doubtful is not let pass.

use std::collections::BTreeSet;

use jiff::civil::Date;
use stopgate_lang::change::Change;
use stopgate_lang::waiver::Waiver;

use crate::diff::{Class, Diff};
use crate::report;
use crate::waiver::{Judgement, Judges, Loosened, Loosening, Spoilt, Verdict, WaiverReport, judge};
use crate::workspace::Document;

/// Everything that was found about a change, and what reviewers said of it.
#[derive(Debug)]
pub struct Gate {
    /// What it does to decisions.
    pub diff: Diff,
    /// What else it changes.
    pub settings: Vec<Change>,
    /// Waivers, as reports show them.
    pub waivers: Vec<report::Waiver>,
    /// Something looser that nobody let pass.
    pub is_open: bool,
    /// Waivers or signatures that have to be mended or deleted.
    pub has_errors: bool,
    /// Signatures that do not hold.
    pub spoilt: Vec<Spoilt>,
    /// Signature files of no waiver.
    pub stray: Vec<String>,
}

impl Gate {
    /// Judges what was found by the waivers and signatures of head.
    #[must_use]
    pub fn judge(
        diff: Diff,
        settings: Vec<Change>,
        judges: &Judges<'_>,
        waivers: &[Waiver],
        signatures: &[Document],
        today: Date,
    ) -> Self {
        let loosenings = loosenings(&diff, &settings);
        let judgement = judge(judges, waivers, signatures, &loosenings, today);
        // Of what has no meaning under the new types nothing is known that a waiver could name.
        let retyped = diff
            .operations
            .iter()
            .any(|change| change.class == Class::Retyped);
        Self {
            is_open: judgement.is_open() || retyped,
            has_errors: judgement.has_errors(),
            spoilt: judgement.spoilt().cloned().collect(),
            stray: judgement.stray.clone(),
            waivers: shown(&loosenings, judgement),
            diff,
            settings,
        }
    }
}

/// Everything that has to be signed.
fn loosenings(diff: &Diff, settings: &[Change]) -> Vec<Loosening> {
    let cells = diff.operations.iter().flat_map(|change| {
        let cells = change.cells.iter().filter(|cell| cell.class.needs_review());
        cells.map(move |cell| Loosening::cell(change, cell))
    });
    let settings = settings
        .iter()
        .filter(|change| change.effect.needs_review());
    let settings = settings.map(|change| Loosening {
        what: Loosened::Setting {
            file: change.file.clone(),
            path: change.path.clone(),
            change: change.content,
        },
        risk: change.risk,
    });
    cells.chain(settings).collect()
}

/// The waivers as reports show them: with what each of them really covers.
fn shown(loosenings: &[Loosening], judgement: Judgement) -> Vec<report::Waiver> {
    let Judgement {
        verdicts, waivers, ..
    } = judgement;
    let one = |waiver: WaiverReport| {
        let (mut cells, mut settings) = (BTreeSet::new(), BTreeSet::new());
        let mut lacks: Vec<String> = waiver
            .signers
            .spoilt
            .iter()
            .map(ToString::to_string)
            .collect();
        for (loosening, verdict) in loosenings.iter().zip(&verdicts) {
            match verdict {
                Verdict::Covered { waiver: by } if *by == waiver.id => match &loosening.what {
                    Loosened::Cell {
                        tool,
                        operation,
                        holder,
                        ..
                    } => drop(cells.insert((tool.clone(), operation.clone(), holder.clone()))),
                    Loosened::Setting { file, path, .. } => {
                        settings.insert((file.clone(), path.clone()));
                    }
                },
                Verdict::Open { short, .. } => {
                    let mine = short.iter().filter(|(id, _)| *id == waiver.id);
                    lacks.extend(mine.map(|(_, why)| why.to_string()));
                }
                Verdict::Covered { .. } | Verdict::Free => {}
            }
        }
        lacks.dedup();
        report::Waiver {
            file: format!("{}/{}.yaml", crate::waiver::FOLDER, waiver.id),
            id: waiver.id.to_string(),
            reason: waiver.reason,
            expires: waiver.expires,
            standing: waiver.standing,
            cells,
            settings,
            lacks,
            signers: waiver.signers.reviewers.into_iter().collect(),
        }
    };
    waivers.into_iter().map(one).collect()
}
