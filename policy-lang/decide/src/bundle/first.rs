//! `catalog.json` of version 1, which carried the schemas of tools: its members, and what they said then.
//!
//! Frozen with [`InputType::of_version_1`]: a bundle of that version keeps the answers that it gave. Nothing writes it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::catalog::OperationIn;
use super::error::format;
use super::parts::SelectPart;
use super::{BundleError, DOCUMENT_LIMITS};
use crate::digest::Digest;
use crate::fact::{Fact, FactName, Projection};
use crate::json::Json;
use crate::name::{OperationName, OwnerName, ToolName};
use crate::pointer::Pointer;
use crate::selector::Selector;
use crate::surface::Effect;
use crate::tool_schema::InputType;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CatalogPart {
    pub(super) stopgate_catalog: u32,
    tools: BTreeMap<ToolName, ToolPart>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ToolPart {
    #[serde(rename = "owner")]
    _owner: OwnerName,
    #[serde(rename = "contract")]
    _contract: String,
    operations: BTreeMap<OperationName, OperationPart>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OperationPart {
    function: String,
    select: Option<SelectPart>,
    definition: Digest,
    effect: Effect,
    /// As the lock had it: numbers keep their text.
    input_schema: Box<RawValue>,
    input_mask: BTreeSet<Pointer>,
    /// Projections by name, as the catalog wrote them.
    facts: BTreeMap<String, String>,
    summary: Option<String>,
    money: BTreeMap<String, String>,
    reads_now: bool,
}

impl CatalogPart {
    /// Returns every operation with the names of its tool and its own, tool by tool. An operation whose schema,
    /// selector or facts cannot be read is an error in its place.
    pub(super) fn operations(
        self,
    ) -> impl Iterator<Item = Result<(ToolName, OperationName, OperationIn), BundleError>> {
        self.tools.into_iter().flat_map(|(tool, part)| {
            part.operations.into_iter().map(move |(name, part)| {
                let wrong =
                    |why: String| format(std::format!("the input schema of {tool}/{name}: {why}"));
                let operation = operation(part).map_err(wrong)?;
                Ok((tool.clone(), name, operation))
            })
        })
    }
}

fn operation(part: OperationPart) -> Result<OperationIn, String> {
    let schema = Json::parse(part.input_schema.get().as_bytes(), DOCUMENT_LIMITS);
    let schema = schema.map_err(|error| error.to_string())?;
    // The frozen reader of that version, whatever the present one has learned since.
    let input =
        InputType::of_version_1(&schema, &part.input_mask).map_err(|error| error.to_string())?;
    let select = part.select.map(|select| Selector {
        pointer: select.pointer,
        equals: select.equals,
    });
    // The present compiler checks selectors and facts before it writes them; this version's were checked when they
    // were loaded.
    if let Some(Err(why)) = select.as_ref().map(|select| select.check(&input)) {
        return Err(std::format!("its selector: {why}"));
    }
    let facts = facts(part.facts, &input).ok_or("its facts")?;
    Ok(OperationIn {
        function: part.function,
        select,
        definition: part.definition,
        effect: part.effect,
        input,
        facts,
        summary: part.summary,
        money: part.money,
        reads_now: part.reads_now,
    })
}

/// Reads facts from their names and projections; returns `None` if one is no projection of `input`.
fn facts(parts: BTreeMap<String, String>, input: &InputType) -> Option<Vec<Fact>> {
    let load = |(name, projection): (String, String)| {
        let projection: Projection = projection.parse().ok()?;
        Some(Fact {
            name: FactName::new(&name).ok()?,
            optional: projection.check(input).ok()?,
            projection,
        })
    };
    parts.into_iter().map(load).collect()
}
