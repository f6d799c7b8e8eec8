//! What every report of the gate shows, and the words and numbers that all of them begin with.

use std::collections::BTreeSet;

use jiff::civil::Date;
use stopgate_lang::change::{Change, Effect};
use stopgate_lang::name::{OperationName, ToolName};
use stopgate_lang::policy::Location;
use stopgate_lang::summary::visible;

use crate::diff::{Class, Diff, OperationChange, ProofReport};
use crate::report::{count, list};

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
    /// Its last day.
    pub expires: Date,
    /// Whether it counts.
    pub standing: Standing,
    /// Operations whose loosening it covers.
    pub covers: BTreeSet<(ToolName, OperationName)>,
    /// Ids of the keys that signed it.
    pub signers: Vec<String>,
}

/// Whether a waiver counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It covers what it names.
    Live,
    /// Its last day is over.
    Expired,
    /// It covers nothing that changed.
    Unused,
}

impl Standing {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Expired => "expired",
            Self::Unused => "unused",
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

    /// What the class means for a reviewer.
    pub(crate) fn verdict(&self) -> &'static str {
        match self.class() {
            Class::Same => "no decision changes",
            Class::Stricter => "nobody can do more; something asks for more",
            Class::Added => "nobody can do more with what there was; operations are new",
            Class::Removed => "nobody can do more; operations are gone",
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
        let of = |class: Class| {
            let changes = self.diff.operations.iter();
            let these: Vec<&OperationChange> =
                changes.filter(|change| change.class == class).collect();
            let waived = these.iter().filter(|change| self.waived(change).is_some());
            let waived = waived.count();
            let waived = match waived {
                0 => String::new(),
                waived => format!(" ({waived} waived)"),
            };
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
            let these = self
                .settings
                .iter()
                .filter(|setting| setting.effect == effect);
            let these = these.count();
            (these > 0).then(|| format!("{these} {}", effect.as_str()))
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

    /// The live waiver that covers `change`, where it needs one.
    pub(crate) fn waived(&self, change: &OperationChange) -> Option<&'a Waiver> {
        let covers = |waiver: &&Waiver| {
            let named = waiver.covers.iter();
            let mut named = named
                .filter(|(tool, operation)| *tool == change.tool && *operation == change.operation);
            waiver.standing == Standing::Live && named.next().is_some()
        };
        let mut waivers = self.waivers.iter().filter(covers);
        waivers.next().filter(|_| change.class.needs_review())
    }

    /// The operations of one of `classes`, in the order of the comparison.
    pub(crate) fn of_class(&self, classes: &[Class]) -> Vec<&'a OperationChange> {
        let changes = self.diff.operations.iter();
        changes
            .filter(|change| classes.contains(&change.class))
            .collect()
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
