//! Selectors: how one function of a server is split into several operations by the text of one argument.
//!
//! The operation is derived from the input, never taken from the caller's word.

use crate::json::Json;
use crate::pointer::{Pointer, Step};
use crate::tool_schema::{InputType, Shape};

/// The text that an argument has when an operation is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// Where the argument stands.
    pub pointer: Pointer,
    /// Its text.
    pub equals: String,
}

/// Why no operation can be selected there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSelector {
    /// There is no such argument.
    #[error("the input has no argument there")]
    Unknown,
    /// It may be left out, and then nothing says what is meant.
    #[error("the argument may be left out, so it cannot say what is meant")]
    Optional,
    /// It is no text.
    #[error("the argument is no text")]
    NotText,
    /// The schema does not list the value.
    #[error("the tool definition does not list this value")]
    NotListed,
    /// The catalog masks the argument.
    #[error("the argument is masked, and the operation would tell what it says")]
    Masked,
}

/// Returns the text at `pointer` of `input`. Returns `None` if nothing or no text stands there, or if the pointer names
/// more than one place.
#[must_use]
pub fn text_at<'a>(pointer: &Pointer, input: &'a Json) -> Option<&'a str> {
    let mut value = input;
    for step in pointer.steps() {
        match step {
            Step::Key(key) => value = value.get(&key)?,
            Step::Every => return None,
        }
    }
    value.as_str()
}

impl Selector {
    /// Returns whether `input` means the selector's operation: whether the argument has exactly the selector's text.
    #[must_use]
    pub fn selects(&self, input: &Json) -> bool {
        text_at(&self.pointer, input) == Some(self.equals.as_str())
    }

    /// Checks the selector against the input that it reads: the argument has to be declared, required, a text that is
    /// not masked, and the selector's text one of its values.
    ///
    /// # Errors
    /// [`BadSelector`] says why no operation can be selected there.
    pub fn check(&self, input: &InputType) -> Result<(), BadSelector> {
        let mut steps = self.pointer.steps().peekable();
        let mut members = input;
        while let Some(step) = steps.next() {
            let Step::Key(key) = step else {
                // A selector that reads several places would have several answers.
                return Err(BadSelector::Unknown);
            };
            let member = members.member(&key).ok_or(BadSelector::Unknown)?;
            if member.opaque == Some(crate::tool_schema::Opaque::Masked) {
                return Err(BadSelector::Masked);
            }
            // An input without it would be no operation at all, or every one.
            if !member.required || member.nullable {
                return Err(BadSelector::Optional);
            }
            match (&member.shape, steps.peek()) {
                (Shape::Object(below), Some(_)) => members = below,
                (Shape::String { one_of, .. }, None) => {
                    let listed = |values: &Vec<String>| values.contains(&self.equals);
                    return match one_of.as_ref().is_none_or(listed) {
                        true => Ok(()),
                        false => Err(BadSelector::NotListed),
                    };
                }
                (
                    Shape::String { .. }
                    | Shape::Integer { .. }
                    | Shape::Number { .. }
                    | Shape::Boolean
                    | Shape::Array { .. }
                    | Shape::Object(_)
                    | Shape::Open { .. }
                    | Shape::Either(_)
                    | Shape::Listed(_)
                    | Shape::Anything,
                    _,
                ) => return Err(BadSelector::NotText),
            }
        }
        Err(BadSelector::Unknown)
    }
}
