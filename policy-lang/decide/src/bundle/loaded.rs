//! What an opened bundle holds of profiles, tools, operations and rules. `open` makes it, `decide` reads it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::cedar::{EntityUid, HolderEntities, ProfileAt};
use crate::decide::MatchedRule;
use crate::digest::Digest;
use crate::fact::Fact;
use crate::name::{OperationName, ProfileName};
use crate::pointer::Pointer;
use crate::selector::Selector;
use crate::summary::Summary;
use crate::surface::Effect;
use crate::tool_schema::InputType;

/// A profile and all that it inherits.
#[derive(Debug)]
pub(crate) struct LoadedProfile {
    pub(crate) name: ProfileName,
    /// Itself and all it inherits, in order.
    pub(crate) closure: Vec<ProfileAt>,
    pub(crate) entity: EntityUid,
    /// The store for somebody who holds just this one: most people do.
    pub(crate) alone: HolderEntities,
}

/// A tool of the catalog.
#[derive(Debug)]
pub(crate) struct LoadedTool {
    pub(crate) entity: EntityUid,
    /// Places in the bundle's list of operations.
    pub(crate) operations: BTreeMap<OperationName, u32>,
    /// What each of the server's functions means.
    pub(crate) functions: BTreeMap<String, LoadedFunction>,
}

/// What a function of the server means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum LoadedFunction {
    /// This operation, whatever the input.
    One(OperationName),
    /// The operation that the text at the pointer names.
    Selected {
        pointer: Pointer,
        by_text: BTreeMap<String, OperationName>,
    },
}

impl LoadedFunction {
    /// Returns every operation that an attempt on this function can turn out to be.
    pub(crate) fn operations(&self) -> Box<dyn Iterator<Item = &OperationName> + '_> {
        match self {
            Self::One(name) => Box::new(std::iter::once(name)),
            Self::Selected { by_text, .. } => Box::new(by_text.values()),
        }
    }
}

impl LoadedTool {
    /// Records that `function` means the operation `name`, for the inputs that `select` picks out if there is a
    /// selector. Returns whether inputs still tell all operations of the function apart; if not, the tool cannot be
    /// loaded.
    pub(super) fn classify(
        &mut self,
        function: String,
        select: Option<&Selector>,
        name: OperationName,
    ) -> bool {
        use std::collections::btree_map::Entry;
        match (self.functions.entry(function), select) {
            // Without a selector the function is this operation alone.
            (Entry::Vacant(free), None) => {
                free.insert(LoadedFunction::One(name));
                true
            }
            (Entry::Vacant(free), Some(select)) => {
                // The first selector of a function sets the pointer that all the others have to share.
                free.insert(LoadedFunction::Selected {
                    pointer: select.pointer.clone(),
                    by_text: BTreeMap::from([(select.equals.clone(), name)]),
                });
                true
            }
            (Entry::Occupied(mut taken), Some(select)) => match taken.get_mut() {
                // A function that means one operation for every input leaves none for a selector to pick out.
                LoadedFunction::One(_) => false,
                LoadedFunction::Selected { pointer, by_text } => {
                    // All selectors read one place, and no text stands for two operations. Otherwise one input would
                    // be two operations, and the caller could choose the laxer one.
                    *pointer == select.pointer
                        && by_text.insert(select.equals.clone(), name).is_none()
                }
            },
            // A second operation without a selector would take inputs that the others select.
            (Entry::Occupied(_), None) => false,
        }
    }
}

/// An operation of the catalog.
#[derive(Debug)]
pub(crate) struct LoadedOperation {
    pub(crate) action: EntityUid,
    pub(crate) select: Option<Selector>,
    pub(crate) definition: Digest,
    pub(crate) effect: Effect,
    pub(crate) input: InputType,
    pub(crate) facts: Vec<Fact>,
    pub(crate) summary: Option<Summary>,
    pub(crate) money: BTreeMap<String, String>,
    pub(crate) input_mask: BTreeSet<Pointer>,
    pub(crate) reads_now: bool,
}

/// A rule, without what Cedar holds of it.
#[derive(Debug)]
pub(crate) struct LoadedRule {
    pub(crate) reference: MatchedRule,
    /// Of a never.
    pub(crate) reason: String,
    /// Of a grant: places of surfaces by place of operation.
    pub(super) at: HashMap<u32, usize>,
    /// Of a raise.
    pub(super) everywhere: Option<usize>,
}
