//! What a permit obliges to, and doing it: hiding fields of a result and cutting its arrays.
//!
//! The rule is that doubt hides. A place that does not exist needs nothing. A place that may exist where the
//! pointer cannot see it (an array where a member was named, text where an object was expected, something else
//! where rows were to be cut) is an error, and after an error nothing of the result is left to read.

use std::cmp::Reverse;

use serde_json::Value;
use stopgate_proto::v1 as wire;

/// What stands where something was hidden.
pub const MARKER: &str = "***";

/// Something that must happen with a result before anyone reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obligation {
    /// Hide these places.
    MaskFields(Vec<Target>),
    /// Leave at most so many elements of the arrays there.
    LimitRows(Target, usize),
}

/// A checked JSON Pointer (RFC 6901) of at least one step, in which `*` stands for every element or member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    text: String,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Every,
    Key(String),
}

/// An obligation that this client cannot do, because it does not know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the obligation is not one that this client knows")]
pub struct UnknownObligation(());

/// An obligation could not be done on this result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotApplied {
    /// What the pointer is about may lie where it cannot be found.
    #[error("the result is not shaped as `{pointer}` expects: it meets {found} at step {step}")]
    Shape {
        /// The obligation's pointer.
        pointer: String,
        /// The step that does not fit, counted from 1; one more than there are steps means the place itself.
        step: usize,
        /// What is there.
        found: &'static str,
    },
}

impl Target {
    /// Makes the target that `pointer` names, after checking it.
    ///
    /// # Errors
    /// [`UnknownObligation`] when it is no pointer, or names the whole document.
    pub fn new(pointer: &str) -> Result<Self, UnknownObligation> {
        let rest = pointer.strip_prefix('/').ok_or(UnknownObligation(()))?;
        let steps: Option<Vec<_>> = rest.split('/').map(Step::read).collect();
        Ok(Self {
            text: pointer.to_owned(),
            steps: steps.ok_or(UnknownObligation(()))?,
        })
    }

    /// Returns the pointer as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Calls `act` on every place of `root` that the pointer names. `act` fails with what it found instead of what it
    /// expects.
    fn visit(
        &self,
        root: &mut Value,
        act: &mut dyn FnMut(&mut Value) -> Result<(), &'static str>,
    ) -> Result<(), NotApplied> {
        walk(root, &self.steps, act).map_err(|(left, found)| NotApplied::Shape {
            pointer: self.text.clone(),
            step: self.steps.len().saturating_sub(left).saturating_add(1),
            found,
        })
    }
}

impl Step {
    fn read(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Every);
        }
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if c == '~' && !matches!(chars.next(), Some('0' | '1')) {
                return None;
            }
        }
        Some(Self::Key(text.replace("~1", "/").replace("~0", "~")))
    }
}

/// Reads `key` as an array index as RFC 6901 writes it, without sign and leading zero. Returns `None` for any other
/// key.
fn index(key: &str) -> Option<usize> {
    let plain =
        key == "0" || (!key.starts_with('0') && key.bytes().all(|byte| byte.is_ascii_digit()));
    if plain { key.parse().ok() } else { None }
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Calls `act` on every place of `value` that `steps` lead to; a place that does not exist is passed over. Fails with
/// the number of steps that were left and with what stands there instead.
fn walk(
    value: &mut Value,
    steps: &[Step],
    act: &mut dyn FnMut(&mut Value) -> Result<(), &'static str>,
) -> Result<(), (usize, &'static str)> {
    let left = steps.len();
    let Some((step, rest)) = steps.split_first() else {
        return act(value).map_err(|found| (left, found));
    };
    match (value, step) {
        (Value::Array(elements), Step::Every) => elements
            .iter_mut()
            .try_for_each(|element| walk(element, rest, act)),
        (Value::Object(members), Step::Every) => members
            .values_mut()
            .try_for_each(|member| walk(member, rest, act)),
        (Value::Object(members), Step::Key(key)) => members
            .get_mut(key)
            .map_or(Ok(()), |member| walk(member, rest, act)),
        (Value::Array(elements), Step::Key(key)) => match index(key) {
            Some(index) => elements
                .get_mut(index)
                .map_or(Ok(()), |element| walk(element, rest, act)),
            // Objects inside the array may hold the member; which, the pointer does not say.
            None => Err((left, "an array")),
        },
        // Nothing is below these.
        (Value::Null | Value::Bool(_) | Value::Number(_), _) => Ok(()),
        // Already hidden by another pointer.
        (Value::String(text), _) if text == MARKER => Ok(()),
        // The text may be JSON that holds the member.
        (Value::String(_), _) => Err((left, "text")),
    }
}

/// Does every obligation on `result`: hides each masked place behind [`MARKER`], whatever is there, and cuts each array
/// to the rows that are allowed, the first ones.
///
/// A place that does not exist is fine. Only JSON is seen: text that holds JSON has to be parsed by the caller first.
///
/// # Errors
/// [`NotApplied`] when an obligation cannot be done; `result` is then `null`, because nothing of it may be read.
pub fn apply(obligations: &[Obligation], result: &mut Value) -> Result<(), NotApplied> {
    let done = apply_all(obligations, result);
    if done.is_err() {
        *result = Value::Null;
    }
    done
}

fn apply_all(obligations: &[Obligation], result: &mut Value) -> Result<(), NotApplied> {
    // Rows first, and deeper masks first: what is hidden can no longer be walked through.
    let mut masks = Vec::new();
    for obligation in obligations {
        match obligation {
            Obligation::LimitRows(target, rows) => {
                target.visit(result, &mut |value| match value {
                    Value::Array(elements) => {
                        elements.truncate(*rows);
                        Ok(())
                    }
                    Value::Null => Ok(()),
                    other @ (Value::Bool(_)
                    | Value::Number(_)
                    | Value::String(_)
                    | Value::Object(_)) => Err(kind(other)),
                })?
            }
            Obligation::MaskFields(targets) => masks.extend(targets),
        }
    }
    masks.sort_by_key(|target| Reverse(target.steps.len()));
    for target in masks {
        target.visit(result, &mut |value| {
            *value = Value::from(MARKER);
            Ok(())
        })?;
    }
    Ok(())
}

impl TryFrom<wire::Obligation> for Obligation {
    type Error = UnknownObligation;

    fn try_from(wire::Obligation { kind }: wire::Obligation) -> Result<Self, UnknownObligation> {
        match kind {
            Some(wire::obligation::Kind::MaskFields(wire::MaskFields { pointers }))
                if !pointers.is_empty() =>
            {
                let targets: Result<_, _> = pointers
                    .iter()
                    .map(|pointer| Target::new(pointer))
                    .collect();
                Ok(Self::MaskFields(targets?))
            }
            Some(wire::obligation::Kind::LimitRows(wire::LimitRows { pointer, max_rows })) => {
                let rows = usize::try_from(max_rows).map_err(|_| UnknownObligation(()))?;
                Ok(Self::LimitRows(Target::new(&pointer)?, rows))
            }
            Some(wire::obligation::Kind::MaskFields(_)) | None => Err(UnknownObligation(())),
        }
    }
}
