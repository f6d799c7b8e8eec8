//! The text of a projection: `count(/records)`, `minor(/amount, 2)`, `keys(json(/additional_fields)/labels)`.

use std::str::FromStr;

use super::{MAX_SCALE, Place, Projection, View};
use crate::pointer::{InvalidPointer, Pointer, Step};

/// Why a text is not a projection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidProjection {
    /// Not `VIEW(PLACE)`.
    #[error("a fact is written `VIEW(POINTER)`")]
    Form,
    /// A view outside the closed list.
    #[error("there is no view `{0}`")]
    View(String),
    /// `minor` without a usable scale, or a scale elsewhere.
    #[error("only `minor` takes a second argument: the number of decimal places, 0 to {MAX_SCALE}")]
    Scale,
    /// A text that should point somewhere.
    #[error("{0}")]
    Pointer(#[from] InvalidPointer),
    /// `*` where one value is wanted.
    #[error("`*` stands for several values, which only `keys` joins")]
    Several,
}

impl FromStr for Projection {
    type Err = InvalidProjection;

    fn from_str(text: &str) -> Result<Self, InvalidProjection> {
        let (word, rest) = text.split_once('(').ok_or(InvalidProjection::Form)?;
        let inner = rest.strip_suffix(')').ok_or(InvalidProjection::Form)?;
        // From the end: the scale stands behind the last comma, and pointers have none.
        let (place, scale) = match inner.rsplit_once(',') {
            Some((place, scale)) => (place.trim(), Some(scale.trim())),
            None => (inner.trim(), None),
        };
        let view = match (word.trim(), scale) {
            ("count", None) => View::Count,
            ("keys", None) => View::Keys,
            ("text", None) => View::Text,
            ("number", None) => View::Number,
            ("minor", Some(scale)) => View::Minor {
                scale: decimal_places(scale).ok_or(InvalidProjection::Scale)?,
            },
            ("minor", None) | ("count" | "keys" | "text" | "number", Some(_)) => {
                return Err(InvalidProjection::Scale);
            }
            (other, _) => return Err(InvalidProjection::View(other.to_owned())),
        };
        let place = place_of(place)?;
        let several = |pointer: &Pointer| pointer.steps().any(|step| step == Step::Every);
        let (joined, single) = match &place {
            Place::Input(pointer) => (Some(pointer), None),
            Place::Hidden { text, at } => (at.as_ref(), Some(text)),
        };
        // A hidden text is one text, and of several values only names can be joined.
        if single.is_some_and(several) || (view != View::Keys && joined.is_some_and(several)) {
            return Err(InvalidProjection::Several);
        }
        Ok(Self { view, place })
    }
}

fn place_of(text: &str) -> Result<Place, InvalidProjection> {
    let Some(hidden) = text.strip_prefix("json(") else {
        return Ok(Place::Input(pointer(text)?));
    };
    // The first bracket closes `json(`: pointers have none.
    let (text, at) = hidden.split_once(')').ok_or(InvalidProjection::Form)?;
    let at = match at.trim() {
        "" => None,
        at => Some(pointer(at)?),
    };
    Ok(Place::Hidden {
        text: pointer(text.trim())?,
        at,
    })
}

/// Parses a pointer in a projection. A pointer with parentheses, commas or spaces is refused, because they could be
/// taken for the signs around it.
fn pointer(text: &str) -> Result<Pointer, InvalidProjection> {
    if text.contains(['(', ')', ',', ' ']) {
        return Err(InvalidProjection::Form);
    }
    Ok(Pointer::new(text)?)
}

fn decimal_places(text: &str) -> Option<u8> {
    let digit = text.len() == 1;
    let scale = text.parse().ok().filter(|_| digit)?;
    (scale <= MAX_SCALE).then_some(scale)
}
