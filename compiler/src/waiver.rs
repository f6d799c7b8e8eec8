//! Whether reviewers let a change's loosenings pass: waivers of the change, judged by the revision before it.
//!
//! Pure: days, documents, signatures and keys are values. Keys and numbers are the base's, because a change that brings
//! its own judges is judged by nobody. Whatever is doubtful covers nothing.

mod draft;
mod judgement;
mod signers;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Span;
use jiff::civil::Date;
use stopgate_author::change::Change;
use stopgate_author::policy::Gate;
use stopgate_author::waiver::{self, Cover, Jurisdiction, SliceDigest, Waiver};
use stopgate_decide::bundle::TrustRoot;
use stopgate_decide::bundle::root::{Role, RootRole, RootStatement};
use stopgate_decide::digest::Digest;
use stopgate_decide::name::{OperationName, RuleId, ToolName};
use stopgate_decide::surface::Risk;
use stopgate_decide::visible::visible;

use crate::diff::{Cell, Holder, OperationChange, holder};
use crate::workspace::Document;

pub use draft::ToSign;
pub use judgement::{Judgement, Shortfall, Standing, Verdict, WaiverReport};
use signers::stray;
pub use signers::{Elsewhere, Flaw, MAX_SIGNATURE_BYTES, Signers, Spoilt, Whence, signature_file};

/// The folder of waivers.
pub const FOLDER: &str = "waivers";

/// Most characters that are shown of a text that is not ours, and of the name of whoever holds a key.
const TEXT: usize = 300;
const OWNER: usize = 60;

/// What the revision before the change says about who may let what pass.
#[derive(Debug, Clone)]
pub struct Judges<'a> {
    /// Its gate.
    pub gate: Gate,
    /// Its trust root, verified; `None`: nobody can sign.
    pub root: Option<&'a TrustRoot>,
    /// Where signatures hold that it judges: its organisation, under its root. `None`: nobody can say whose policy it is,
    /// so that no signature holds.
    pub holds: Option<Jurisdiction>,
    /// Its waivers, which were judged when they came in.
    pub known: &'a [Waiver],
}

impl Judges<'_> {
    /// Returns how many reviewers the role itself asks for, whatever they sign; 0 without a trust root.
    fn least(&self) -> usize {
        let least = self.root.and_then(|root| root.threshold(Role::Reviewer));
        least.map_or(0, |least| usize::try_from(least).unwrap_or(usize::MAX))
    }

    /// Returns who holds the keys of reviewers whose signatures count, by the ids of the keys.
    #[must_use]
    pub fn reviewers(&self) -> BTreeMap<String, String> {
        let root = self.root.filter(|_| self.holds.is_some());
        let role = root.and_then(|root| {
            let statement = root.statement();
            Some((statement, statement.roles.reviewer.as_ref()?))
        });
        let of = |(statement, role): (&RootStatement, &RootRole)| {
            let ids = role.keys.iter();
            let held = ids.filter_map(|id| Some((id.clone(), statement.keys.get(id)?)));
            held.map(|(id, key)| (id, visible(&key.owner, OWNER)))
                .collect()
        };
        role.map_or_else(BTreeMap::new, of)
    }
}

/// Something that a change makes looser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loosening {
    /// What.
    pub what: Loosened,
    /// The higher risk of before and after.
    pub risk: Risk,
}

/// What can become looser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loosened {
    /// An operation, for somebody.
    Cell {
        /// Its tool.
        tool: ToolName,
        /// Its name.
        operation: OperationName,
        /// For whom.
        holder: Holder,
        /// The rules that make it so.
        rules: BTreeSet<RuleId>,
        /// Everything that decides about the operation before and after the change.
        slice: Digest,
    },
    /// A setting.
    Setting {
        /// The document, by its path.
        file: String,
        /// The place in it; empty for the document as a whole.
        path: String,
        /// [`waiver::setting_digest`] of the change.
        change: Digest,
    },
}

impl Loosened {
    /// Returns the loosened setting that `change` is.
    #[must_use]
    pub fn setting(change: &Change) -> Self {
        Self::Setting {
            file: change.file.clone(),
            path: change.path.clone(),
            change: change.content,
        }
    }
}

impl fmt::Display for Loosened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cell {
                tool,
                operation,
                holder,
                ..
            } => write!(f, "{}", Named::Cell(tool, operation, holder)),
            Self::Setting { file, path, .. } => write!(f, "{}", Named::Setting(file, path)),
        }
    }
}

/// What a waiver can be about, in words: `erp/create_refund for support`, `calendar.zone of approvals.yaml`.
pub(crate) enum Named<'a> {
    /// An operation, for somebody.
    Cell(&'a ToolName, &'a OperationName, &'a Holder),
    /// A place, in a document.
    Setting(&'a str, &'a str),
}

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cell(tool, operation, who) => {
                write!(f, "{tool}/{operation} for {}", holder(who))
            }
            Self::Setting(file, path) => {
                let path = if path.is_empty() { "all" } else { path };
                write!(f, "{} of {}", visible(path, TEXT), visible(file, TEXT))
            }
        }
    }
}

/// Returns what `cover` is about, in words.
pub(crate) fn about(cover: &Cover) -> String {
    match cover {
        Cover::Cell(cell) => {
            let holder = match &cell.holder {
                waiver::Holder::Profiles(names) => Holder::Profiles(names.clone()),
                waiver::Holder::Groups(names) => Holder::Groups(names.clone()),
            };
            Named::Cell(&cell.tool, &cell.operation, &holder).to_string()
        }
        Cover::Setting(setting) => Named::Setting(&setting.file, &setting.path).to_string(),
    }
}

impl Loosening {
    /// Returns the loosening that `cell` of `change` is. Whatever else is found about the same people belongs to it,
    /// and so does every rule that was changed: a waiver lets all of it pass.
    #[must_use]
    pub fn cell(change: &OperationChange, cell: &Cell) -> Self {
        let cells = change.cells.iter();
        let of_them =
            cells.filter(|other| other.class.needs_review() && other.holder == cell.holder);
        let causes = of_them
            .flat_map(|other| &other.because)
            .chain(&change.changed);
        let rules = causes.map(|cause| cause.rule.clone());
        Self {
            what: Loosened::Cell {
                tool: change.tool.clone(),
                operation: change.operation.clone(),
                holder: cell.holder.clone(),
                rules: rules.collect(),
                slice: change.slice,
            },
            risk: change.risk,
        }
    }
}

/// Judges `loosenings` by the `waivers` and `signatures` of the change, on the day `today` (UTC).
#[must_use]
pub fn judge(
    judges: &Judges<'_>,
    waivers: &[Waiver],
    signatures: &[Document],
    loosenings: &[Loosening],
    today: Date,
) -> Judgement {
    let mut papers: Vec<JudgedWaiver<'_>> = waivers
        .iter()
        .map(|waiver| JudgedWaiver::read(waiver, judges, signatures, today))
        .collect();
    let verdicts = loosenings
        .iter()
        .map(|loosening| verdict(judges, &mut papers, loosening))
        .collect();
    let ids = waivers.iter().map(|waiver| waiver.id.as_str());
    Judgement {
        verdicts,
        stray: stray(FOLDER, ids, signatures),
        waivers: papers.into_iter().map(JudgedWaiver::report).collect(),
    }
}

/// Returns what the waivers make of one loosening. Every waiver is asked, even after one covers, so that each knows
/// what it names.
fn verdict(judges: &Judges<'_>, papers: &mut [JudgedWaiver<'_>], loosening: &Loosening) -> Verdict {
    let asked = judges.gate.sign_off.at(loosening.risk);
    let needed = usize::from(asked).max(judges.least());
    let mut covered = None;
    let mut short = Vec::new();
    for paper in papers {
        let Some(answer) = paper.covers(&loosening.what, needed, asked == 0) else {
            continue;
        };
        let id = &paper.waiver.id;
        match answer {
            Ok(()) => covered = covered.or_else(|| Some(id.clone())),
            Err(why) => short.push((id.clone(), why)),
        }
    }
    match covered {
        _ if asked == 0 => Verdict::Free,
        Some(waiver) => Verdict::Covered { waiver },
        None => Verdict::Open { needed, short },
    }
}

/// A waiver while it is judged.
struct JudgedWaiver<'a> {
    waiver: &'a Waiver,
    /// Signatures of it can hold.
    is_bound: bool,
    signers: Signers,
    /// Fewer signatures let nothing pass, whatever it is.
    least: usize,
    /// The base has it too.
    known: bool,
    /// Why its days do not let it cover anything.
    days: Option<Shortfall>,
    /// For each of its covers, whether it names something in this change.
    named: Vec<bool>,
    live: bool,
}

impl<'a> JudgedWaiver<'a> {
    fn read(waiver: &'a Waiver, judges: &Judges<'_>, signatures: &[Document], today: Date) -> Self {
        let id = waiver.id.as_str();
        let holds = judges.holds.as_ref();
        let signers = holds.map(|holds| {
            let statement = waiver.statement(holds);
            Signers::new(&statement, FOLDER, id, signatures, judges.root)
        });
        Self {
            waiver,
            is_bound: signers.is_some(),
            least: judges.least().max(1),
            known: judges.known.contains(waiver),
            signers: signers.unwrap_or_default(),
            days: days(waiver.expires, judges.gate, today),
            named: vec![false; waiver.covers.len()],
            live: false,
        }
    }

    /// Returns whether the waiver covers `what`, or what it lacks to do so; `None` if it does not name `what`.
    /// `needed` reviewers have to have signed, unless the loosening passes `free`. The cover is marked as named, and
    /// the waiver as live if it covers.
    fn covers(
        &mut self,
        what: &Loosened,
        needed: usize,
        free: bool,
    ) -> Option<Result<(), Shortfall>> {
        let covers = self.waiver.covers.iter().zip(&mut self.named);
        let (cover, named) = covers.into_iter().find(|(cover, _)| names(cover, what))?;
        *named = true;
        let found = self.signers.reviewers.len();
        let answer = match (&self.days, fits(cover, what)) {
            _ if !self.is_bound => Err(Shortfall::Unbound),
            // Days come first: what has expired, or would hold too long, covers nothing.
            (Some(days), _) => Err(days.clone()),
            // It came in with a change of its own: what was taken back since is another one, and takes another waiver.
            (None, _) if self.known && found < needed && !free => {
                Err(Shortfall::Merged { found, needed })
            }
            (None, _) if self.known => Err(Shortfall::Spent),
            // What it covers has to be exactly what the change brings, in the same rules.
            (None, Err(other)) => Err(other),
            // Beside a spoilt signature the good ones do not count.
            (None, Ok(())) if !self.signers.spoilt.is_empty() => Err(Shortfall::Spoilt),
            (None, Ok(())) if found < needed && !free => {
                Err(Shortfall::Signatures { found, needed })
            }
            (None, Ok(())) => Ok(()),
        };
        self.live |= answer.is_ok();
        Some(answer)
    }

    /// Returns what became of the waiver once all loosenings were judged.
    fn report(self) -> WaiverReport {
        let covers = self.waiver.covers.iter().zip(&self.named);
        let unused: Vec<Cover> = covers
            .filter(|(_, named)| !**named)
            .map(|(cover, _)| cover.clone())
            .collect();
        let names_something = self.named.contains(&true);
        let known = self.known;
        let standing = match self.days {
            _ if known && !names_something && !self.is_bound => Standing::Unbound,
            Some(Shortfall::Expired(_)) => Standing::Expired,
            Some(_) => Standing::TooLong,
            None if self.live => Standing::Live,
            None if names_something => Standing::Short,
            None if known && self.signers.reviewers.len() < self.least => Standing::Unsigned,
            None if known => Standing::Spent,
            None => Standing::Unused,
        };
        WaiverReport {
            id: self.waiver.id.clone(),
            reason: self.waiver.reason.clone(),
            expires: self.waiver.expires,
            standing,
            // What the base has too was judged whole when it came in.
            unused: if known { Vec::new() } else { unused },
            signers: self.signers,
        }
    }
}

/// Returns why something that holds until `expires` holds for nothing today, or `None` if it holds.
pub(crate) fn days(expires: Date, gate: Gate, today: Date) -> Option<Shortfall> {
    if expires <= today {
        return Some(Shortfall::Expired(expires));
    }
    // Where the calendar ends nobody can say, so it is too long.
    let days = Span::new().try_days(gate.waiver_days);
    let latest = days.and_then(|days| today.checked_add(days));
    let latest = latest.unwrap_or(today);
    (expires > latest).then_some(Shortfall::TooLong { expires, latest })
}

/// Returns whether `cover` names `what`, whatever has become of it.
pub(crate) fn names(cover: &Cover, what: &Loosened) -> bool {
    match (cover, what) {
        (
            Cover::Cell(cover),
            Loosened::Cell {
                tool,
                operation,
                holder,
                ..
            },
        ) => cover.tool == *tool && cover.operation == *operation && is(&cover.holder, holder),
        (Cover::Setting(cover), Loosened::Setting { file, path, .. }) => {
            cover.file == *file && cover.path == *path
        }
        (Cover::Cell(_), Loosened::Setting { .. }) | (Cover::Setting(_), Loosened::Cell { .. }) => {
            false
        }
    }
}

fn is(covered: &waiver::Holder, holder: &Holder) -> bool {
    match (covered, holder) {
        (waiver::Holder::Profiles(covered), Holder::Profiles(held)) => covered == held,
        (waiver::Holder::Groups(covered), Holder::Groups(held)) => covered == held,
        (waiver::Holder::Profiles(_), Holder::Groups(_))
        | (waiver::Holder::Groups(_), Holder::Profiles(_)) => false,
    }
}

/// Checks that `cover`, which names `what`, is about exactly what the change brings.
///
/// # Errors
/// [`Shortfall`] if the cover is of an older format, of other content, or leaves out rules.
fn fits(cover: &Cover, what: &Loosened) -> Result<(), Shortfall> {
    let covered = match cover {
        Cover::Cell(cover) => match cover.slice {
            SliceDigest::V3(slice) => slice,
            SliceDigest::Older(_) => return Err(Shortfall::Older),
        },
        Cover::Setting(cover) => cover.change,
    };
    let found = match what {
        Loosened::Cell { slice, .. } => *slice,
        Loosened::Setting { change, .. } => *change,
    };
    if covered != found {
        return Err(Shortfall::OtherContent { covered, found });
    }
    if let (Cover::Cell(cover), Loosened::Cell { rules, .. }) = (cover, what) {
        let rules: BTreeSet<RuleId> = rules.difference(&cover.rules).cloned().collect();
        if !rules.is_empty() {
            return Err(Shortfall::OtherRules { rules });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
