//! The gate's findings as every report shows them, and the verdict that all of them begin with.

use std::path::Path;

use stopgate_author::change::{Change, Effect};
use stopgate_decide::digest::Digest;

use crate::diff::{Cause, Cell, Class, Diff, Fate, OperationChange, REWRITTEN};
use crate::waiver::{Loosened, Loosening, ToSign};
use crate::words::{count, list};

use super::shown::{Mend, ShownWaiver};
use super::words::{name, setting_places};

/// Most documents that are named as the cause of a rule's matching otherwise.
const ELSEWHERE: usize = 6;

/// The gate's findings.
#[derive(Debug, Clone, Copy)]
pub struct GateReport<'a> {
    /// What the rules do.
    pub diff: &'a Diff,
    /// What changed beside the rules.
    pub settings: &'a [Change],
    /// The repository, as whoever reads the report names it in a command.
    pub folder: &'a Path,
    /// The waivers of head.
    pub waivers: &'a [ShownWaiver],
    /// What reviewers still have to sign.
    pub to_sign: Option<&'a ToSign>,
    /// Digest of the bundle that head makes, where it is known.
    pub bundle: Option<Digest>,
    /// Waivers and signatures that stop the change whatever it does.
    pub mend: &'a [Mend],
}

impl<'a> GateReport<'a> {
    /// Makes a report of the rules alone, without settings and waivers.
    #[must_use]
    pub fn new(diff: &'a Diff) -> Self {
        Self {
            diff,
            settings: &[],
            folder: Path::new("."),
            waivers: &[],
            to_sign: None,
            bundle: None,
            mend: &[],
        }
    }

    /// Returns the gravest class of all changes, settings included.
    #[must_use]
    pub fn class(&self) -> Class {
        let settings = self.settings.iter().map(|setting| match setting.effect {
            Effect::Looser | Effect::Changed => Class::Looser,
            Effect::Stricter => Class::Stricter,
            Effect::Listed => Class::Same,
        });
        settings.fold(self.diff.class(), Class::max)
    }

    /// Returns the verdict in a word: `invalid`, `to-mend`, or the gravest class.
    pub(crate) fn word(&self) -> &'static str {
        if !self.diff.failing.is_empty() {
            "invalid"
        } else if self.only_waits_for_mending() {
            "to-mend"
        } else {
            self.class().as_str()
        }
    }

    /// Returns the verdict in a few words for people; programs read [`GateReport::word`].
    pub(crate) fn headline(&self) -> &'static str {
        match self.word() {
            word if word == self.class().as_str() => self.class().in_words(),
            word => word,
        }
    }

    /// Returns whether nothing stops the change but waivers and signatures that have to be mended.
    pub(crate) fn only_waits_for_mending(&self) -> bool {
        let class = self.class();
        let passes = match class {
            Class::Same | Class::Stricter | Class::Added | Class::Removed => true,
            Class::Looser | Class::Both => self.is_signed(),
            Class::Retyped | Class::Undecided => false,
        };
        passes && !self.mend.is_empty()
    }

    /// Returns what the verdict means for a reviewer.
    pub(crate) fn verdict(&self) -> String {
        let verdict = self.of_class_alone();
        if self.mend.is_empty() {
            return verdict;
        }
        let mend = count(self.mend.len(), "file");
        format!("{verdict}; {mend} beside the policy must be mended or deleted")
    }

    fn of_class_alone(&self) -> String {
        let sign = self
            .to_sign
            .map_or_else(|| "reviewers have to sign".to_owned(), ToSign::have_to_sign);
        if !self.diff.failing.is_empty() {
            return "rules may fail to evaluate, which rejects every attempt that they reach"
                .to_owned();
        }
        let words = match self.class() {
            Class::Same => "no decision changes",
            Class::Stricter => "nobody can do more; something asks for more",
            Class::Added => "nobody can do more with what there was; operations are new",
            Class::Removed => "nobody can do more; operations are gone",
            Class::Looser | Class::Both if self.is_signed() => {
                "somebody can do more, or needs less for it; reviewers have signed all of that"
            }
            Class::Looser | Class::Both if self.is_rewritten() => {
                return format!(
                    "the base is not valid under the rules of this release, so the change cannot be compared with it; {sign}"
                );
            }
            Class::Looser | Class::Both if !self.diff.class().needs_review() => {
                let what = if self.diff.opened.is_empty() {
                    "no rule got looser; settings or tests changed that need a signature"
                } else {
                    "a ceiling lets through more of what rules grant"
                };
                return format!("{what}; {sign}");
            }
            Class::Looser | Class::Both => {
                return format!("somebody can do more, or needs less for it; {sign}");
            }
            Class::Retyped => {
                "rules of the base do not fit the new types of arguments, so they cannot be compared and no waiver can cover that: change the rules first, then the types"
            }
            Class::Undecided
                if self
                    .diff
                    .operations
                    .iter()
                    .any(|change| change.class.needs_review()) =>
            {
                "one proof did not finish, so this change cannot be cleared; what is shown as looser is certain"
            }
            Class::Undecided => "one proof did not finish, so this change cannot be cleared",
        };
        words.to_owned()
    }

    /// Returns whether operations are re-written, because nobody could compare them.
    fn is_rewritten(&self) -> bool {
        let mut settings = self.settings.iter();
        settings.any(|setting| setting.note == Some(REWRITTEN))
    }

    /// Counts what changed: `operations: 2 looser (1 waived), 1 stricter; settings: 1 looser`, or `nothing changed`.
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
            (!these.is_empty()).then(|| format!("{} {}{waived}", these.len(), class.in_words()))
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

    /// Returns the waiver that covers `cell` of `change`, if the cell needs a review and there is one.
    pub(crate) fn covering(
        &self,
        change: &OperationChange,
        cell: &Cell,
    ) -> Option<&'a ShownWaiver> {
        let what = Loosening::cell(change, cell).what;
        let mut waivers = self.waivers.iter();
        let waiver = waivers.find(|waiver| waiver.covers.contains(&what));
        waiver.filter(|_| cell.class.needs_review())
    }

    /// Groups the cells of `change` that differ in nothing but the holder, and that one waiver covers or none.
    pub(crate) fn grouped<'c>(&self, change: &'c OperationChange) -> Vec<Vec<&'c Cell>> {
        let mut groups: Vec<Vec<&Cell>> = Vec::new();
        for cell in &change.cells {
            let waiver = self.covering(change, cell);
            let is_like = |group: &&mut Vec<&Cell>| {
                let first = group.first();
                first.is_some_and(|first| {
                    first.is_like(cell) && self.covering(change, first) == waiver
                })
            };
            match groups.iter_mut().find(is_like) {
                Some(group) => group.push(cell),
                None => groups.push(vec![cell]),
            }
        }
        groups
    }

    /// Returns the waiver that covers a setting, if the setting needs a review and there is one.
    pub(crate) fn covering_setting(&self, setting: &Change) -> Option<&'a ShownWaiver> {
        let what = Loosened::setting(setting);
        let mut waivers = self.waivers.iter();
        let waiver = waivers.find(|waiver| waiver.covers.contains(&what));
        waiver.filter(|_| setting.effect.needs_review())
    }

    /// Returns whether waivers cover everything that makes a reviewer sign for `change`.
    fn waived(&self, change: &OperationChange) -> bool {
        let mut open = change
            .cells
            .iter()
            .filter(|cell| cell.class.needs_review())
            .peekable();
        let decided = change.class.needs_review() && change.undecided.is_empty();
        decided && open.peek().is_some() && open.all(|cell| self.covering(change, cell).is_some())
    }

    /// Returns whether waivers cover everything that makes a reviewer sign. Whether the change may be merged is the
    /// gate's answer, which looks at the waivers themselves too.
    fn is_signed(&self) -> bool {
        let mut operations = self.diff.operations.iter();
        let mut settings = self.settings.iter();
        operations.all(|change| !change.class.needs_review() || self.waived(change))
            && settings.all(|setting| {
                !setting.effect.needs_review() || self.covering_setting(setting).is_some()
            })
    }

    /// Returns the changed documents because of which rules match differently or ask for something else although their
    /// own text is the same: who is who, what a fact is, when it is business time, what every grant asks for. `None` if
    /// there are none.
    pub(crate) fn elsewhere(&self, change: &OperationChange, cell: &Cell) -> Option<String> {
        let causes = &cell.because;
        let any = |is: &dyn Fn(&Cause) -> bool| causes.iter().any(is);
        // Who is who; what is known of a call; what every grant asks for, where each rule does what it did.
        let people = any(&|cause| cause.moved);
        let world = any(&Cause::is_from_elsewhere);
        let asked = !people && !world && causes.iter().all(|cause| cause.fate == Fate::Kept);
        let catalog = format!("catalog/{}.yaml", change.tool);
        let settings = self.settings.iter().filter(|setting| {
            let of_catalog = setting.file == catalog;
            (people || world) && setting.file == "profiles.yaml"
                || world && (of_catalog || setting.path.starts_with("calendar"))
                || asked && (of_catalog || setting.path.starts_with("floors"))
        });
        let places =
            settings.map(|setting| format!("{} ({})", name(setting), setting_places(setting)));
        let places: Vec<String> = places.take(ELSEWHERE).collect();
        (!places.is_empty()).then(|| format!("because of {}", list(places)))
    }

    /// Returns the operations of one of `classes`, in the order of the comparison.
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
