//! What the gate found, in the words that every report uses.

use stopgate_author::change::{Area, Change};
use stopgate_decide::name::Location;
use stopgate_decide::visible::visible;

use crate::diff::{Bug, Cause, Failing, Fate, Opened, ProofReport};
use crate::words::{count, list};

/// Most characters of a text that is not ours: a place, a name, a question.
const TEXT: usize = 300;
/// Most characters of what a rule says in a report. Whoever signs is shown all of it: `stopgate sign` has a bound of its own.
pub(crate) const EDIT: usize = 600;
/// Characters that are shown on each side of a difference, so that it can be found in the document.
const AROUND: usize = 40;

/// What stands before rules that no request shown meets.
pub(crate) const ALSO: &str = "other changes to this operation, not shown by an example:";

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

/// Returns where a setting stands on the two sides: `rules/erp.yaml:14 in head only`.
fn places(before: Option<&Location>, after: Option<&Location>) -> String {
    let place = |location: &Location| visible(&location.to_string(), TEXT);
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
