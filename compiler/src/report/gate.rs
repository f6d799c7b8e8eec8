//! What every report of the gate shows, and the words and numbers that all of them begin with.

mod elsewhere;
mod headline;

use std::path::Path;

use jiff::civil::Date;
use stopgate_author::change::{Area, Change, Effect};
use stopgate_decide::digest::Digest;
use stopgate_decide::name::Location;
use stopgate_decide::visible::visible;

use crate::diff::{
    Bug, Cause, Cell, Class, Diff, Failing, Fate, Opened, OperationChange, ProofReport, REWRITTEN,
};
use crate::report::{count, list};
use crate::waiver::{Loosened, Loosening, Standing, ToSign};

pub use elsewhere::Mend;
use elsewhere::places;

/// Most characters of a text that is not ours, of what a rule says in a report, and of what is shown around a difference.
const TEXT: usize = 300;
pub(crate) const EDIT: usize = 600;
const AROUND: usize = 40;

/// What stands before rules that no request shown meets.
pub(crate) const ALSO: &str = "other changes to this operation, not shown by an example:";

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
    pub waivers: &'a [Waiver],
    /// What reviewers still have to sign.
    pub to_sign: Option<&'a ToSign>,
    /// Digest of the bundle that head makes, where it is known.
    pub bundle: Option<Digest>,
    /// Waivers and signatures that stop the change whatever it does.
    pub mend: &'a [Mend],
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
    /// What it covers of this change, to the letter.
    pub covers: Vec<Loosened>,
    /// Why it does not cover something that it names.
    pub lacks: Vec<String>,
    /// Ids of the keys that signed it, each with who holds it.
    pub signers: Vec<(String, String)>,
}

/// Returns the name of a changed setting: its path in the document, or the document itself if all of it changed.
pub(crate) fn name(setting: &Change) -> String {
    let name = if setting.path.is_empty() {
        &setting.file
    } else {
        &setting.path
    };
    visible(name, TEXT)
}

/// Returns the word for what a setting is reported among, such as `guard rail`.
pub(crate) fn area(setting: &Change) -> &'static str {
    match setting.area {
        Area::GuardRails if setting.file.starts_with("tests/") => "test",
        Area::Settings => "setting",
        Area::GuardRails => "guard rail",
        Area::Lock => "lock",
        Area::TrustRoot => "trust root",
    }
}

/// Returns where a setting stands on both sides, or the document in which it is left out.
pub(crate) fn setting_places(setting: &Change) -> String {
    match (&setting.before_at, &setting.after_at) {
        (None, None) => visible(&setting.file, TEXT),
        (before, after) => places(before.as_ref(), after.as_ref()),
    }
}

impl Waiver {
    /// Returns who signed the waiver, each with the id of the key, or `nobody`.
    pub(crate) fn signed_by(&self) -> String {
        let signers = self.signers.iter();
        let signers = signers.map(|(id, owner)| visible(&format!("{owner} ({id})"), TEXT));
        let signers = list(signers);
        if signers.is_empty() {
            "nobody".to_owned()
        } else {
            signers
        }
    }

    /// Returns what the waiver covers, in one line; empty if that is nothing.
    pub(crate) fn named(&self) -> String {
        visible(&list(&self.covers), 1_000)
    }
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
    pub(crate) fn covering(&self, change: &OperationChange, cell: &Cell) -> Option<&'a Waiver> {
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
    pub(crate) fn covering_setting(&self, setting: &Change) -> Option<&'a Waiver> {
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

/// Returns how the proofs were made, in one line.
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
        "{compared} of {} had to be compared: {asked}, {equal} with equal sides",
        count(*operations, "operation")
    )
}

/// Returns what a raised ceiling lets through, in words.
pub(crate) fn opened(opened: &Opened) -> String {
    let Opened {
        channel,
        tool,
        operations,
    } = opened;
    let operations = operations.iter().map(|name| format!("{tool}/{name}"));
    format!(
        "in {channel} the higher ceiling now lets through what rules grant for {}",
        list(operations)
    )
}

/// Returns, in words, that a rule may fail to evaluate, and where.
pub(crate) fn failing(failing: &Failing) -> String {
    let Failing {
        rule,
        location,
        tool,
        operation,
    } = failing;
    let place = visible(&location.to_string(), TEXT);
    format!("{rule} may fail to evaluate at {tool}/{operation}, {place}")
}

/// Returns, in words, that the solver named a request which no bundle confirms.
pub(crate) fn bug(bug: &Bug) -> String {
    let Bug {
        tool,
        operation,
        asked,
        request: _,
    } = bug;
    let asked = visible(asked, TEXT);
    format!(
        "{tool}/{operation}, asked {asked}: the solver named a request that the bundles do not confirm"
    )
}

/// Returns where a rule stands, and words for what became of the rule and of its matching the request.
pub(crate) fn matching(cause: &Cause) -> (String, String) {
    let place = |location: &Location| visible(&location.to_string(), TEXT);
    let (place, words) = match (&cause.before, &cause.after) {
        (Some(_), Some(after)) => (place(after), "matches as before"),
        (Some(before), None) => (place(before), "no longer matches"),
        (None, Some(after)) => (place(after), "matches now, did not before"),
        (None, None) => ("no place".to_owned(), ""),
    };
    let words = match cause.fate {
        Fate::Added => "is new".to_owned(),
        Fate::Deleted => "in the base, was deleted".to_owned(),
        Fate::Changed(_) => format!("changed, {words}"),
        Fate::Kept => words.to_owned(),
    };
    (place, words)
}

/// Returns where a rule stands that no shown request meets, and what became of the rule.
pub(crate) fn unmet(cause: &Cause) -> (String, &'static str) {
    let place = cause.after.as_ref().or(cause.before.as_ref());
    let place = place.map_or_else(String::new, |place| visible(&place.to_string(), TEXT));
    let words = match cause.fate {
        Fate::Added => "is new",
        Fate::Deleted => "in the base, was deleted",
        Fate::Changed(_) => "changed",
        Fate::Kept => "",
    };
    (place, words)
}

/// Returns what a rule says differently: the key, the text now and the text before, each of at most `most` characters.
/// Of long texts the alike beginnings and ends are left out, and what is cut is counted.
pub(crate) fn edits(cause: &Cause, most: usize) -> Vec<(&'static str, String, String)> {
    let edits = match &cause.fate {
        Fate::Changed(edits) => edits.as_slice(),
        Fate::Added | Fate::Deleted | Fate::Kept => &[],
    };
    let edits = edits.iter().map(|edit| {
        let (before, after) = (letters(&edit.before), letters(&edit.after));
        let first = alike(before.iter().zip(&after));
        let rest = before.len().min(after.len()).saturating_sub(first);
        let last = alike(before.iter().rev().zip(after.iter().rev())).min(rest);
        let ends = (first, last);
        (
            edit.what,
            part(&after, ends, most),
            part(&before, ends, most),
        )
    });
    edits.collect()
}

fn letters(text: &str) -> Vec<char> {
    text.chars().collect()
}

fn alike<'c>(pairs: impl Iterator<Item = (&'c char, &'c char)>) -> usize {
    pairs.take_while(|(before, after)| before == after).count()
}

/// Returns what is left of a text without its `first` and `last` letters, which it shares with another one.
fn part(text: &[char], (first, last): (usize, usize), most: usize) -> String {
    if text.is_empty() {
        return "nothing".to_owned();
    }
    if text.len() <= most {
        return visible(&text.iter().collect::<String>(), most);
    }
    let from = first.saturating_sub(AROUND);
    let to = text.len().saturating_sub(last.saturating_sub(AROUND));
    let middle: String = text.iter().take(to).skip(from).collect();
    let dots = |is_cut: bool| if is_cut { "…" } else { "" };
    let cut = middle.chars().count().saturating_sub(most);
    let counted = match cut {
        0 => dots(to < text.len()).to_owned(),
        cut => format!(" ({cut} more characters)"),
    };
    format!("{}{}{counted}", dots(from > 0), visible(&middle, most))
}
