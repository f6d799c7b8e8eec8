//! What every report of the gate shows, and the words and numbers that all of them begin with.

use std::collections::BTreeSet;

use jiff::civil::Date;
use stopgate_lang::change::{Area, Change, Effect};
use stopgate_lang::name::{OperationName, ToolName};
use stopgate_lang::policy::Location;
use stopgate_lang::summary::visible;

use crate::diff::{Bug, Cell, Class, Diff, Failing, Holder, OperationChange, ProofReport, holder};
use crate::report::{count, list};
use crate::waiver::Standing;

/// The gate's findings.
#[derive(Debug, Clone, Copy)]
pub struct GateReport<'a> {
    /// What the rules do.
    pub diff: &'a Diff,
    /// What changed beside the rules.
    pub settings: &'a [Change],
    /// The waivers of head.
    pub waivers: &'a [Waiver],
}

/// A waiver, as far as a report shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiver {
    /// Its name.
    pub id: String,
    /// Its document, relative to the repository.
    pub file: String,
    /// Why the loosening is wanted.
    pub reason: String,
    /// From this day on it covers nothing.
    pub expires: Date,
    /// What it is good for.
    pub standing: Standing,
    /// What it covers of this change: an operation, for somebody.
    pub cells: BTreeSet<(ToolName, OperationName, Holder)>,
    /// What it covers of this change: settings, each by its file and path.
    pub settings: BTreeSet<(String, String)>,
    /// Why it does not cover something that it names.
    pub lacks: Vec<String>,
    /// Ids of the keys that signed it.
    pub signers: Vec<String>,
}

/// Which value of which document.
pub(crate) fn name(setting: &Change) -> String {
    let name = if setting.path.is_empty() {
        &setting.file
    } else {
        &setting.path
    };
    visible(name, 300)
}

/// Among what a setting is reported.
pub(crate) const fn area(setting: &Change) -> &'static str {
    match setting.area {
        Area::Settings => "setting",
        Area::GuardRails => "guard rail",
        Area::Lock => "lock",
        Area::TrustRoot => "trust root",
    }
}

/// Where a setting stands, or in which document it is left out.
pub(crate) fn setting_places(setting: &Change) -> String {
    match (&setting.before_at, &setting.after_at) {
        (None, None) => visible(&setting.file, 300),
        (before, after) => places(before.as_ref(), after.as_ref()),
    }
}

/// Where a setting stands, and what a waiver of it is bound to, if it takes one.
pub(crate) fn sealed(setting: &Change) -> String {
    let places = setting_places(setting);
    if setting.effect.needs_review() {
        format!("{places}  change {}", setting.content)
    } else {
        places
    }
}

impl Waiver {
    /// What it covers, one after the other.
    pub(crate) fn covers(&self) -> String {
        let cells = self.cells.iter();
        let cells =
            cells.map(|(tool, operation, who)| format!("{tool}/{operation} for {}", holder(who)));
        let settings = self.settings.iter();
        let settings =
            settings.map(|(file, path)| visible(format!("{path} of {file}").trim_start(), 300));
        let all = list(cells.chain(settings));
        if all.is_empty() {
            "nothing in this change".to_owned()
        } else {
            visible(&all, 1_000)
        }
    }
}

impl<'a> GateReport<'a> {
    /// A report of the rules alone.
    #[must_use]
    pub const fn of(diff: &'a Diff) -> Self {
        Self {
            diff,
            settings: &[],
            waivers: &[],
        }
    }

    /// The gravest class there is, settings included.
    #[must_use]
    pub fn class(&self) -> Class {
        let settings = self.settings.iter().map(|setting| match setting.effect {
            Effect::Looser | Effect::Changed => Class::Looser,
            Effect::Stricter => Class::Stricter,
            Effect::Listed => Class::Same,
        });
        settings.fold(self.diff.class(), Class::max)
    }

    /// All of it in a word.
    pub(crate) fn word(&self) -> &'static str {
        if self.diff.failing.is_empty() {
            self.class().as_str()
        } else {
            "invalid"
        }
    }

    /// What the word means for a reviewer.
    pub(crate) fn verdict(&self) -> &'static str {
        if !self.diff.failing.is_empty() {
            return "rules may fail to evaluate, which rejects every attempt that they reach";
        }
        match self.class() {
            Class::Same => "no decision changes",
            Class::Stricter => "nobody can do more; something asks for more",
            Class::Added => "nobody can do more with what there was; operations are new",
            Class::Removed => "nobody can do more; operations are gone",
            Class::Looser | Class::Both if self.is_signed() => {
                "somebody can do more, or needs less for it; reviewers have signed all of that"
            }
            Class::Looser | Class::Both => {
                "somebody can do more, or needs less for it; reviewers have to sign"
            }
            Class::Retyped => {
                "rules of the base mean nothing under the new types, so nothing is proved about them; reviewers have to sign"
            }
            Class::Undecided
                if self
                    .diff
                    .operations
                    .iter()
                    .any(|change| change.class.needs_review()) =>
            {
                "a proof did not come to its end, so nothing more is promised; what is looser is certain"
            }
            Class::Undecided => "a proof did not come to its end, so nothing is promised",
        }
    }

    /// `operations: 2 looser (1 waived), 1 stricter; settings: 1 looser`, or that nothing changed.
    pub(crate) fn totals(&self) -> String {
        let mut groups = Vec::new();
        if !self.diff.failing.is_empty() {
            groups.push(format!(
                "{} may fail",
                count(self.diff.failing.len(), "rule")
            ));
        }
        let of = |class: Class| {
            let changes = self.diff.operations.iter();
            let these: Vec<&OperationChange> =
                changes.filter(|change| change.class == class).collect();
            let waived = these.iter().filter(|change| self.waived(change));
            let waived = also_waived(waived.count());
            (!these.is_empty()).then(|| format!("{} {}{waived}", these.len(), class.as_str()))
        };
        let operations = list(Class::ALL.into_iter().rev().filter_map(of));
        if !operations.is_empty() {
            groups.push(format!("operations: {operations}"));
        }
        let effects = [
            Effect::Looser,
            Effect::Changed,
            Effect::Stricter,
            Effect::Listed,
        ];
        let of = |effect: Effect| {
            let these = self.settings.iter();
            let these: Vec<&Change> = these.filter(|setting| setting.effect == effect).collect();
            let waived = these
                .iter()
                .filter(|setting| self.covering_setting(setting).is_some());
            let waived = also_waived(waived.count());
            (!these.is_empty()).then(|| format!("{} {}{waived}", these.len(), effect.as_str()))
        };
        let settings = list(effects.into_iter().filter_map(of));
        if !settings.is_empty() {
            groups.push(format!("settings: {settings}"));
        }
        if groups.is_empty() {
            "nothing changed".to_owned()
        } else {
            groups.join("; ")
        }
    }

    /// The waiver that covers what becomes of somebody, where it needs one.
    pub(crate) fn covering(&self, change: &OperationChange, cell: &Cell) -> Option<&'a Waiver> {
        let named = (
            change.tool.clone(),
            change.operation.clone(),
            cell.holder.clone(),
        );
        let mut waivers = self.waivers.iter();
        let waiver = waivers.find(|waiver| waiver.cells.contains(&named));
        waiver.filter(|_| cell.class.needs_review())
    }

    /// The waiver that covers a setting, where it needs one.
    pub(crate) fn covering_setting(&self, setting: &Change) -> Option<&'a Waiver> {
        let named = (setting.file.clone(), setting.path.clone());
        let mut waivers = self.waivers.iter();
        let waiver = waivers.find(|waiver| waiver.settings.contains(&named));
        waiver.filter(|_| setting.effect.needs_review())
    }

    /// Whether waivers cover everything that makes a reviewer sign for `change`.
    fn waived(&self, change: &OperationChange) -> bool {
        let mut open = change
            .cells
            .iter()
            .filter(|cell| cell.class.needs_review())
            .peekable();
        let decided = change.class.needs_review() && change.undecided.is_empty();
        decided && open.peek().is_some() && open.all(|cell| self.covering(change, cell).is_some())
    }

    /// Whether waivers cover everything that makes a reviewer sign. Whether the change may be merged is the gate's
    /// answer, which looks at the waivers themselves too.
    fn is_signed(&self) -> bool {
        let mut operations = self.diff.operations.iter();
        let mut settings = self.settings.iter();
        operations.all(|change| !change.class.needs_review() || self.waived(change))
            && settings.all(|setting| {
                !setting.effect.needs_review() || self.covering_setting(setting).is_some()
            })
    }

    /// The operations of one of `classes`, in the order of the comparison.
    pub(crate) fn of_class(&self, classes: &[Class]) -> Vec<&'a OperationChange> {
        let changes = self.diff.operations.iter();
        changes
            .filter(|change| classes.contains(&change.class))
            .collect()
    }
}

fn also_waived(number: usize) -> String {
    match number {
        0 => String::new(),
        number => format!(" ({number} waived)"),
    }
}

/// How the proofs were made, in a line.
pub(crate) fn proof(proof: &ProofReport) -> String {
    let ProofReport {
        solver,
        operations,
        compared,
        queries,
        equal,
    } = proof;
    let asked = match solver {
        Some(solver) => format!("{} to {}", count(*queries, "question"), visible(solver, 80)),
        None => "no solver asked".to_owned(),
    };
    format!(
        "{compared} of {} compared, {asked}, {equal} with equal sides",
        count(*operations, "operation")
    )
}

/// A rule that may fail, in words.
pub(crate) fn failing(failing: &Failing) -> String {
    let Failing {
        rule,
        location,
        tool,
        operation,
    } = failing;
    let place = visible(&location.to_string(), 300);
    format!("{rule} may fail to evaluate at {tool}/{operation}, {place}")
}

/// A request that the solver named and no bundle confirmed, in words.
pub(crate) fn bug(bug: &Bug) -> String {
    let Bug {
        tool,
        operation,
        asked,
        request: _,
    } = bug;
    let asked = visible(asked, 300);
    format!(
        "{tool}/{operation}, asked {asked}: the solver named a request that the bundles do not confirm"
    )
}

/// Where a cause or a setting stands on the two sides: `rules/erp.yaml:14 in head only`.
pub(crate) fn places(before: Option<&Location>, after: Option<&Location>) -> String {
    let place = |location: &Location| visible(&location.to_string(), 300);
    match (before, after) {
        (Some(before), Some(after)) if before == after => format!("{} on both sides", place(after)),
        (Some(before), Some(after)) => {
            format!("{} in the base, {} in head", place(before), place(after))
        }
        (Some(before), None) => format!("{} in the base only", place(before)),
        (None, Some(after)) => format!("{} in head only", place(after)),
        (None, None) => "no place".to_owned(),
    }
}
