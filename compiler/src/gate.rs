//! The verdict on a change: what it makes looser, and whether reviewers have let that pass.
//!
//! Keys and numbers are those of the base, because a change that brings its own judges is judged by nobody. Whatever is
//! doubtful is not let pass.

mod report;
mod shown;
pub(crate) mod words;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use stopgate_author::change::Change;
use stopgate_author::waiver::Waiver;

use crate::diff::{Class, Diff};
use crate::waiver::{
    Judges, Loosened, Loosening, Spoilt, Standing, ToSign, Verdict, WaiverReport, about, judge,
};
use crate::words::list;
use crate::workspace::Document;
pub use report::GateReport;
pub use shown::{Mend, ShownWaiver};

/// Everything that was found about a change, and what reviewers said of it.
#[derive(Debug)]
pub struct Gate<'a> {
    /// What it does to decisions.
    pub diff: &'a Diff,
    /// What else it changes.
    pub settings: &'a [Change],
    /// Everything that is looser, with what became of it.
    pub judged: Vec<(Loosening, Verdict)>,
    /// What each waiver of head is good for.
    pub waivers: Vec<WaiverReport>,
    /// What reviewers still have to sign.
    pub to_sign: Option<ToSign>,
    /// Who holds the keys of reviewers, by the ids of these.
    owners: BTreeMap<String, String>,
    /// Something looser that nobody let pass.
    pub is_open: bool,
    /// Waivers or signatures that have to be mended or deleted.
    pub has_errors: bool,
    /// Signature files of no waiver.
    pub stray: Vec<String>,
}

impl<'a> Gate<'a> {
    /// Judges the findings of a comparison by the waivers and signatures of head, on the day `today` (UTC).
    #[must_use]
    pub fn judge(
        diff: &'a Diff,
        settings: &'a [Change],
        judges: &Judges<'_>,
        waivers: &[Waiver],
        signatures: &[Document],
        today: Date,
    ) -> Self {
        let loosenings = loosenings(diff, settings);
        let judgement = judge(judges, waivers, signatures, &loosenings, today);
        // Of what has no meaning under the new types nothing is known that a waiver could name.
        let retyped = diff
            .operations
            .iter()
            .any(|change| change.class == Class::Retyped);
        let is_open = judgement.is_open() || retyped;
        let has_errors = judgement.has_errors();
        let judged: Vec<_> = loosenings.into_iter().zip(judgement.verdicts).collect();
        Self {
            to_sign: ToSign::new(judges, &judged, &judgement.waivers, today),
            owners: judges.reviewers(),
            is_open,
            has_errors,
            judged,
            waivers: judgement.waivers,
            stray: judgement.stray,
            diff,
            settings,
        }
    }

    /// Returns the signatures that do not hold: trust has failed if there is one.
    pub fn spoilt(&self) -> impl Iterator<Item = &Spoilt> {
        self.waivers
            .iter()
            .flat_map(|waiver| &waiver.signers.spoilt)
    }

    /// Returns the waivers and signatures that have to be mended or deleted, whatever the change does.
    #[must_use]
    pub fn mend(&self) -> Vec<Mend> {
        let spoilt = self.spoilt().map(|spoilt| Mend {
            file: spoilt.file.clone(),
            what: spoilt.flaw.to_string(),
        });
        let stray = self.stray.iter().map(|file| Mend {
            file: file.clone(),
            what: "is the signature of no waiver: delete it".to_owned(),
        });
        let errors = self.waivers.iter().filter(|waiver| waiver.is_error());
        let errors = errors.map(|waiver| Mend {
            file: format!("{}/{}.yaml", crate::waiver::FOLDER, waiver.id),
            what: if matches!(waiver.standing, Standing::Live | Standing::Short) {
                "names what is not in this change: leave that out, and have it signed again"
                    .to_owned()
            } else {
                waiver.standing.meaning().to_owned()
            },
        });
        spoilt.chain(stray).chain(errors).collect()
    }

    /// Returns the waivers as reports show them, with what each of them really covers, and why not more.
    #[must_use]
    pub fn shown(&self) -> Vec<ShownWaiver> {
        self.waivers.iter().map(|one| self.one(one)).collect()
    }

    /// Returns the waiver as reports show it: what it covers, and what it lacks to cover the rest of what it names.
    fn one(&self, waiver: &WaiverReport) -> ShownWaiver {
        let mut covers = Vec::new();
        let mut short: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (Loosening { what, .. }, verdict) in &self.judged {
            match verdict {
                Verdict::Covered { waiver: by } if *by == waiver.id => {
                    if !covers.contains(what) {
                        covers.push(what.clone());
                    }
                }
                Verdict::Open { short: all, .. } => {
                    let mine = all.iter().filter(|(id, _)| *id == waiver.id);
                    for (_, why) in mine {
                        let named = short.entry(why.to_string()).or_default();
                        named.insert(what.to_string());
                    }
                }
                Verdict::Covered { .. } | Verdict::Free => {}
            }
        }
        let mut lacks: Vec<String> = waiver
            .signers
            .spoilt
            .iter()
            .map(ToString::to_string)
            .collect();
        let said = |(why, named): (String, BTreeSet<String>)| format!("{why}: {}", list(named));
        lacks.extend(short.into_iter().map(said));
        if waiver.standing == Standing::Short {
            let elsewhere = waiver.signers.elsewhere.iter();
            lacks.extend(elsewhere.map(ToString::to_string));
        }
        // A waiver of nothing at all says so by its standing.
        if !covers.is_empty() || !lacks.is_empty() {
            let unused = waiver.unused.iter();
            lacks.extend(
                unused.map(|cover| format!("names nothing in this change: {}", about(cover))),
            );
        }
        ShownWaiver {
            file: format!("{}/{}.yaml", crate::waiver::FOLDER, waiver.id),
            id: waiver.id.to_string(),
            reason: waiver.reason.clone(),
            expires: waiver.expires,
            standing: waiver.standing,
            covers,
            lacks,
            signers: {
                let ids = waiver.signers.reviewers.iter();
                let owner = |id: &String| self.owners.get(id).cloned().unwrap_or_default();
                ids.map(|id| (id.clone(), owner(id))).collect()
            },
        }
    }
}

/// Returns everything that has to be signed.
fn loosenings(diff: &Diff, settings: &[Change]) -> Vec<Loosening> {
    let cells = diff.operations.iter().flat_map(|change| {
        let cells = change.cells.iter().filter(|cell| cell.class.needs_review());
        cells.map(move |cell| Loosening::cell(change, cell))
    });
    let settings = settings
        .iter()
        .filter(|change| change.effect.needs_review());
    let settings = settings.map(|change| Loosening {
        what: Loosened::setting(change),
        risk: change.risk,
    });
    cells.chain(settings).collect()
}
