//! Whether a projection can be computed from the inputs that a schema describes, and whether it may be absent.

use super::{Place, Projection, View};
use crate::pointer::{Pointer, Step};
use crate::tool_schema::{InputType, Member, Opaque, Shape};

/// Why a fact cannot be taken from a function's input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTarget {
    /// The schema declares no such argument.
    #[error("the input has no argument at `{0}`")]
    Unknown(Pointer),
    /// The catalog masks it: what records hide, rules do not see.
    #[error("`{0}` is masked, and a fact would put it into records")]
    Masked(Pointer),
    /// What is there has another type.
    #[error("what `{0}` points at {1}")]
    Type(Pointer, &'static str),
}

impl Projection {
    /// Checks the projection against the type of the input it is computed from. Returns whether an optional argument
    /// lies on the way.
    ///
    /// # Errors
    /// [`BadTarget`]
    pub fn check(&self, input: &InputType) -> Result<bool, BadTarget> {
        let pointer = self.place.of_input();
        let steps: Vec<Step> = pointer.steps().collect();
        let Found {
            shape,
            rest,
            optional,
        } = find(input, &steps).map_err(|why| match why {
            NotFound::Unknown => BadTarget::Unknown(pointer.clone()),
            NotFound::Masked => BadTarget::Masked(pointer.clone()),
        })?;
        // Where the schema says nothing the input decides, and an input that does not fit rejects its attempt.
        let fits = match (&self.place, shape) {
            (_, shape) if is_untold(shape, rest) => Ok(()),
            (Place::Hidden { .. }, Shape::String { .. }) if rest.is_empty() => Ok(()),
            (Place::Hidden { .. }, _) => Err("is no text that could hide JSON"),
            (Place::Input(_), shape) => fits(self.view, shape, rest),
        };
        fits.map_err(|why| BadTarget::Type(pointer.clone(), why))?;
        Ok(optional)
    }
}

struct Found<'a> {
    shape: &'a Shape,
    /// Steps below the last declared member.
    rest: &'a [Step],
    optional: bool,
}

enum NotFound {
    Unknown,
    Masked,
}

/// Follows `steps` through declared members, and returns the shape they lead to with the steps that are left.
fn find<'a>(input: &'a InputType, steps: &'a [Step]) -> Result<Found<'a>, NotFound> {
    // `*` at the first step would be every argument, and no fact is about all of them.
    let Some((Step::Key(first), rest)) = steps.split_first() else {
        return Err(NotFound::Unknown);
    };
    let member = input.member(first).ok_or(NotFound::Unknown)?;
    // A fact goes into records in clear text, so it must not be made of what is masked.
    if member.opaque == Some(Opaque::Masked) {
        return Err(NotFound::Masked);
    }
    let optional = is_optional(member);
    match &member.shape {
        Shape::Object(members) if !rest.is_empty() => {
            let below = find(members, rest)?;
            // Optional anywhere on the way is optional at its end.
            Ok(Found {
                optional: optional || below.optional,
                ..below
            })
        }
        shape @ (Shape::String { .. }
        | Shape::Integer { .. }
        | Shape::Number { .. }
        | Shape::Boolean
        | Shape::Array { .. }
        | Shape::Object(_)
        | Shape::Open { .. }
        | Shape::Either(_)
        | Shape::Listed(_)
        | Shape::Anything) => Ok(Found {
            shape,
            rest,
            optional,
        }),
    }
}

/// Returns whether the schema leaves open what lies at `rest` below a value of this shape, so that only an input can
/// show it.
fn is_untold(shape: &Shape, rest: &[Step]) -> bool {
    match shape {
        Shape::Anything | Shape::Either(_) | Shape::Listed(_) => true,
        Shape::Open { .. } => !rest.is_empty(),
        // Places in lists of single values are no targets.
        Shape::Array { element, .. } => {
            !rest.is_empty()
                && !matches!(
                    **element,
                    Shape::String { .. } | Shape::Integer { .. } | Shape::Boolean
                )
        }
        Shape::String { .. }
        | Shape::Integer { .. }
        | Shape::Number { .. }
        | Shape::Boolean
        | Shape::Object(_) => false,
    }
}

/// Returns whether inputs without `member`, or with null for it, are accepted.
pub(super) const fn is_optional(member: &Member) -> bool {
    !member.required || member.nullable
}

fn fits(view: View, shape: &Shape, rest: &[Step]) -> Result<(), &'static str> {
    let fine = match (view, shape) {
        (View::Count, Shape::Array { .. })
        | (View::Keys, Shape::Object(_) | Shape::Open { .. })
        | (View::Text, Shape::String { .. })
        | (View::Number, Shape::Integer { .. } | Shape::Number { .. })
        | (View::Minor { .. }, Shape::Integer { .. } | Shape::Number { .. }) => rest.is_empty(),
        (_, _) => false,
    };
    if fine {
        return Ok(());
    }
    Err(match view {
        View::Count => "is no array that could be counted",
        View::Keys => "is no object whose members have names",
        View::Text => "is no text",
        View::Number => "is no whole number",
        View::Minor { .. } => "is no number",
    })
}
