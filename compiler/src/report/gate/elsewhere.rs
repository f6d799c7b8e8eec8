//! What a change does elsewhere than in the rules, as the cause of what rules do, and what has to be mended beside it.

use stopgate_decide::name::Location;
use stopgate_decide::visible::visible;

use crate::diff::{Cause, Cell, Fate, OperationChange};

use super::{GateReport, TEXT, name, setting_places};

/// Most documents that are named as the cause of a rule's matching otherwise.
const ELSEWHERE: usize = 6;

/// A waiver or a signature that has to be mended or deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mend {
    /// Its file, relative to the repository.
    pub file: String,
    /// What is wrong with it, and what to do.
    pub what: String,
}

impl std::fmt::Display for Mend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { file, what } = self;
        f.write_str(&visible(&format!("{file} {what}"), TEXT))
    }
}

impl GateReport<'_> {
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
        (!places.is_empty()).then(|| format!("because of {}", places.join(", ")))
    }
}

/// Returns where a setting stands on the two sides: `rules/erp.yaml:14 in head only`.
pub(super) fn places(before: Option<&Location>, after: Option<&Location>) -> String {
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
