//! Whether a server takes exactly what its schemas allow: each property at its bounds, beyond them, and left out.
//!
//! For the tests of the servers. It knows the keywords that their schemas use, and fails on any other.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use crate::Tool;

/// Where the server behind `refuses` and the schemas of `definitions` differ, one line each. `refuses` says whether
/// the server takes the arguments for invalid; `samples` has one valid call of each function.
///
/// # Errors
/// A schema that cannot be judged, or a function without a sample.
pub fn breaches(
    definitions: &[Tool],
    samples: &BTreeMap<&str, Value>,
    refuses: impl Fn(&str, &Value) -> bool,
) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for definition in definitions {
        let (name, schema) = (definition.name.as_ref(), &definition.input_schema);
        let sample = samples
            .get(name)
            .and_then(Value::as_object)
            .with_context(|| format!("{name} has no sample"))?;
        let mut expect = |refused: bool, arguments: Value| {
            if refuses(name, &arguments) != refused {
                let verb = if refused { "takes" } else { "refuses" };
                found.push(format!("{name} {verb} {arguments}"));
            }
        };
        let with = |property: &str, value: Value| {
            // Every other property keeps the sample's value, so that a refusal is about this one.
            let mut arguments = sample.clone();
            arguments.insert(property.to_owned(), value);
            Value::Object(arguments)
        };
        expect(false, Value::Object(sample.clone()));
        // No property of ours is called that.
        expect(true, with("surprise", json!(1)));
        if schema.get("additionalProperties") != Some(&json!(false)) {
            bail!("the schema of {name} is open");
        }
        let required = schema.get("required").and_then(Value::as_array);
        let required = required.context("no required properties")?;
        let properties = schema.get("properties").and_then(Value::as_object);
        for (property, schema) in properties.context("no properties")? {
            let (forbidden, allowed) =
                values(schema).with_context(|| format!("{property} of {name}"))?;
            for value in forbidden {
                expect(true, with(property, value));
            }
            for value in allowed {
                expect(false, with(property, value));
            }
            let mut without = sample.clone();
            without.remove(property);
            let needed = required.contains(&json!(property));
            expect(needed, Value::Object(without));
        }
    }
    Ok(found)
}

/// Values that the schema of a property forbids, and the extreme ones it allows.
fn values(schema: &Value) -> anyhow::Result<(Vec<Value>, Vec<Value>)> {
    let number = |name: &str| {
        let value = schema.get(name).and_then(Value::as_u64);
        value.with_context(|| format!("no {name}"))
    };
    let kind = schema.get("type").and_then(Value::as_str);
    match (kind, schema.get("enum").and_then(Value::as_array)) {
        (Some("string"), Some(listed)) => {
            let wrong = vec![json!("none of them"), json!(""), json!(null), json!(1)];
            Ok((wrong, listed.clone()))
        }
        (Some("string"), None) => {
            let text = |length: u64| Ok::<_, anyhow::Error>("x".repeat(usize::try_from(length)?));
            let (min, max) = (number("minLength")?, number("maxLength")?);
            let (short, long) = (text(min.saturating_sub(1))?, text(max.saturating_add(1))?);
            let wrong = vec![
                json!(short),
                json!(long),
                json!(null),
                json!(1),
                json!(["x"]),
            ];
            Ok((wrong, vec![json!(text(min)?), json!(text(max)?)]))
        }
        (Some("integer"), None) => {
            let (min, max) = (number("minimum")?, number("maximum")?);
            // In a wider type: a minimum of 0 has a value below it too.
            let below = i128::from(min).saturating_sub(1);
            let wrong = vec![
                json!(i64::try_from(below)?),
                json!(max.saturating_add(1)),
                json!(1.5),
                json!("1"),
                json!(null),
            ];
            Ok((wrong, vec![json!(min), json!(max)]))
        }
        _ => bail!("no schema of ours is like {schema}"),
    }
}
