//! What becomes of operations where the base says nothing any more that could be compared: rules got stricter, and the
//! base was merged before. Nothing is proved about them; that head says what is meant is for reviewers of high risk.

use std::collections::BTreeSet;

use stopgate_author::cedar::proof::{Flat, Holding};
use stopgate_author::change::{Area, Change, Effect};
use stopgate_author::policy::Policy;
use stopgate_author::waiver::setting_digest;
use stopgate_decide::json::Json;
use stopgate_decide::name::ToolName;
use stopgate_decide::surface::Risk;

use crate::proof::slice::said::{self, Decides};
use crate::proof::slice::{Reach, Slice};

use super::DiffError;

/// What such a change is called in reports.
pub const NOTE: &str = "re-written: the base is not valid under the rules of this release, so nothing could be compared";

/// Where a repository says whose it is.
const WORKSPACE: &str = "stopgate.yaml";

/// Returns a change for every operation of `head`, or of `tools` alone. A signature of it is bound to the base's `tree`, which is
/// all that can be said of it, and to everything that decides about the operation in head.
///
/// # Errors
/// [`DiffError::Form`] where a rule of head has no normal form.
pub fn rewritten(
    head: &Policy,
    tools: Option<&BTreeSet<ToolName>>,
    tree: &str,
) -> Result<Vec<Change>, DiffError> {
    // Which groups a profile has is part of what nobody can compare.
    let holding = Holding::Groups;
    let (flat, reach, none) = (Flat::new(head, holding), Reach::new(head), BTreeSet::new());
    let mut changes = Vec::new();
    for (tool, described) in &head.tools {
        if tools.is_some_and(|tools| !tools.contains(tool)) {
            continue;
        }
        for (name, operation) in &described.operations {
            let named = (tool.clone(), name.clone());
            let slice = Slice::new(&reach, (&named, operation), &flat, operation, &none, 0);
            let is = Decides {
                slice: &slice,
                operation,
                flat: &flat,
            };
            let slice = said::digest(holding, None, is).map_err(|_unknown| DiffError::Form {
                tool: tool.clone(),
                operation: name.clone(),
            })?;
            let (file, path) = (format!("catalog/{tool}.yaml"), format!("re-written.{name}"));
            let text = |text: String| Json::String(text);
            let (before, after) = (text(tree.to_owned()), text(slice.to_string()));
            changes.push(Change {
                content: setting_digest(&file, &path, Some(&before), Some(&after)),
                after: Some(format!("what {slice} stands for")),
                ..change(file, path, tree)
            });
        }
    }
    Ok(changes)
}

/// Returns the change of `stopgate.yaml` where the base's could not be read, whatever operations `head` has. Nobody can
/// sign this change, because nobody can say whose policy the base was.
#[must_use]
pub fn workspace_rewritten(head: &Policy, tree: &str) -> Change {
    let organisation = head.organisation.to_string();
    let (file, path) = (WORKSPACE.to_owned(), "re-written".to_owned());
    let (before, after) = (tree.to_owned(), organisation.clone());
    let [before, after] = [before, after].map(Json::String);
    Change {
        content: setting_digest(&file, &path, Some(&before), Some(&after)),
        after: Some(format!("the settings of {organisation}")),
        ..change(file, path, tree)
    }
}

/// Makes a change of high risk from what nobody can read any more in the base's `tree`.
fn change(file: String, path: String, tree: &str) -> Change {
    Change {
        content: setting_digest(&file, &path, None, None),
        file,
        path,
        field: "re-written.*".to_owned(),
        before: Some(format!("what tree {tree} says")),
        after: None,
        note: Some(NOTE),
        effect: Effect::Changed,
        area: Area::GuardRails,
        before_at: None,
        after_at: None,
        risk: Risk::High,
    }
}
