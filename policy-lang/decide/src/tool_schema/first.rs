//! What catalogs of version 1 said of a tool's schema, as it was when bundles carried the schema itself.
//!
//! Frozen: a bundle of that version keeps the answers that it gave, whatever is learned about schemas since. Nothing
//! here is mended.

use super::{InputType, InvalidSchema, Member, Opaque, Shape, as_double, is_writable};
use crate::json::Json;

/// Reads `schema`, which is of an object.
pub(super) fn members_of(schema: &Json) -> Result<InputType, InvalidSchema> {
    let declared = schema
        .get("properties")
        .and_then(Json::as_object)
        .unwrap_or_default();
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Json::as_array)
        .unwrap_or_default()
        .iter()
        .filter_map(Json::as_str)
        .collect();
    if let Some(name) = required
        .iter()
        .find(|name| declared.iter().all(|(declared, _)| declared != *name))
    {
        return Err(InvalidSchema::UndeclaredRequired((*name).to_owned()));
    }
    let members = declared
        .iter()
        .map(|(name, schema)| member_of(name, schema, required.contains(&name.as_str())));
    Ok(InputType {
        members: members.collect::<Result<_, _>>()?,
        null_texts: true,
    })
}

fn member_of(name: &str, schema: &Json, required: bool) -> Result<Member, InvalidSchema> {
    let (schema, nullable) = without_null(schema);
    let (shape, opaque) = match schema {
        Some(schema) => shape_of(&schema)?,
        None => (Shape::Anything, Some(Opaque::Untyped)),
    };
    let opaque = if is_writable(name) {
        opaque
    } else {
        Some(Opaque::Name)
    };
    Ok(Member {
        name: name.to_owned(),
        required,
        nullable,
        shape,
        opaque,
    })
}

/// Keywords that say nothing about which values are accepted, or that are documented as not checked.
const SILENT: [&str; 12] = [
    "title",
    "description",
    "default",
    "examples",
    "format",
    "pattern",
    "deprecated",
    "readOnly",
    "writeOnly",
    "$comment",
    "$schema",
    "contentMediaType",
];

/// Takes `null` out of a schema's alternatives. `None` when what is left is not one schema.
fn without_null(schema: &Json) -> (Option<Json>, bool) {
    let Some(members) = schema.as_object() else {
        // A schema that is no object was open to null then.
        return (None, true);
    };
    if let Some(types) = schema.get("type").and_then(Json::as_array) {
        let (nulls, others): (Vec<&Json>, Vec<&Json>) =
            types.iter().partition(|one| one.as_str() == Some("null"));
        let [only] = others.as_slice() else {
            return (None, !nulls.is_empty());
        };
        let renamed = members.iter().map(|(name, value)| {
            (
                name.clone(),
                if name == "type" {
                    (*only).clone()
                } else {
                    value.clone()
                },
            )
        });
        return (Some(Json::Object(renamed.collect())), !nulls.is_empty());
    }
    if let Some(alternatives) = schema.get("anyOf").and_then(Json::as_array) {
        let is_null = |one: &&Json| one.get("type").and_then(Json::as_str) == Some("null");
        let (nulls, others): (Vec<&Json>, Vec<&Json>) = alternatives.iter().partition(is_null);
        let alone = members
            .iter()
            // Only where nothing else stands beside it; otherwise the alternatives are not all that is said.
            .all(|(name, _)| name == "anyOf" || SILENT.contains(&name.as_str()));
        return match others.as_slice() {
            [only] if alone => (Some((*only).clone()), !nulls.is_empty()),
            _ => (None, true),
        };
    }
    (Some(schema.clone()), false)
}

/// A scalar or an array, of which the type is known.
type FirstTyped = (Shape, Option<Opaque>);

fn shape_of(schema: &Json) -> Result<FirstTyped, InvalidSchema> {
    const ANYTHING: FirstTyped = (Shape::Anything, Some(Opaque::Untyped));
    let Some(members) = schema.as_object() else {
        return Ok(ANYTHING);
    };
    let only = |known: &[&str]| {
        members.iter().all(|(name, _)| {
            name == "type" || known.contains(&name.as_str()) || SILENT.contains(&name.as_str())
        })
    };
    let size = |name: &str, absent: usize| match schema.get(name) {
        None => Some(absent),
        Some(value) => value
            .as_integer()
            .and_then(|number| usize::try_from(number).ok()),
    };
    let kind = schema.get("type").and_then(Json::as_str);
    let shape = match kind {
        Some("string") if only(&["enum", "minLength", "maxLength"]) => string(schema, size),
        Some("integer")
            if only(&[
                "enum",
                "minimum",
                "maximum",
                "exclusiveMinimum",
                "exclusiveMaximum",
            ]) =>
        {
            integer(schema)
        }
        Some("number") if only(&["minimum", "maximum"]) => number(schema),
        Some("boolean") if only(&[]) => Some((Shape::Boolean, None)),
        Some("array") if only(&["items", "minItems", "maxItems"]) => array(schema, size)?,
        Some("object") if only(&["properties", "required", "additionalProperties"]) => {
            return object(schema);
        }
        // Whatever was not understood whole accepted anything; the present reader still checks what it understands.
        _ => None,
    };
    Ok(shape.unwrap_or(ANYTHING))
}

fn string(schema: &Json, size: impl Fn(&str, usize) -> Option<usize>) -> Option<FirstTyped> {
    let one_of = match schema.get("enum") {
        None => None,
        Some(values) => Some(
            values
                .as_array()?
                .iter()
                .map(|value| value.as_str().map(str::to_owned))
                .collect::<Option<_>>()?,
        ),
    };
    Some((
        Shape::String {
            one_of,
            min: size("minLength", 0)?,
            max: size("maxLength", usize::MAX)?,
        },
        None,
    ))
}

fn integer(schema: &Json) -> Option<FirstTyped> {
    let bound = |name: &str, absent: i64| match schema.get(name) {
        None => Some(absent),
        Some(value) => value.as_integer(),
    };
    let one_of = match schema.get("enum") {
        None => None,
        Some(values) => Some(
            values
                .as_array()?
                .iter()
                .map(Json::as_integer)
                .collect::<Option<_>>()?,
        ),
    };
    let above = bound("exclusiveMinimum", i64::MIN)?.saturating_add(1);
    let below = bound("exclusiveMaximum", i64::MAX)?.saturating_sub(1);
    let (min, max) = (
        bound("minimum", i64::MIN)?.max(above),
        bound("maximum", i64::MAX)?.min(below),
    );
    Some((Shape::Integer { one_of, min, max }, None))
}

fn number(schema: &Json) -> Option<FirstTyped> {
    let bound = |name: &str, absent: f64| match schema.get(name) {
        None => Some(absent),
        Some(value) => as_double(value),
    };
    let (min, max) = (
        bound("minimum", f64::NEG_INFINITY)?,
        bound("maximum", f64::INFINITY)?,
    );
    Some((Shape::Number { min, max }, Some(Opaque::Number)))
}

fn array(
    schema: &Json,
    size: impl Fn(&str, usize) -> Option<usize>,
) -> Result<Option<FirstTyped>, InvalidSchema> {
    let Some(items) = schema.get("items") else {
        return Ok(None);
    };
    let element = match shape_of(items)? {
        (element @ (Shape::String { .. } | Shape::Integer { .. } | Shape::Boolean), None) => {
            Box::new(element)
        }
        _ => return Ok(None),
    };
    let sizes = (size("minItems", 0), size("maxItems", usize::MAX));
    let (Some(min), Some(max)) = sizes else {
        return Ok(None);
    };
    Ok(Some((Shape::Array { element, min, max }, None)))
}

fn object(schema: &Json) -> Result<FirstTyped, InvalidSchema> {
    if schema.get("additionalProperties").and_then(Json::as_bool) == Some(false) {
        Ok((Shape::Object(members_of(schema)?), None))
    } else {
        Ok((Shape::Anything, Some(Opaque::Open)))
    }
}
