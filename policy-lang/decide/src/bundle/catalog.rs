//! The operations of a catalog, as its part describes them: compiled types, and nothing that is made again at load.

use std::collections::BTreeMap;

use super::compiled;
use super::error::{BundleError, format};
use super::loaded::{LoadedOperation, LoadedTool};
use super::parts::{CatalogPart, FactPart, OperationPart};
use crate::cedar::PreparedSchema;
use crate::digest::Digest;
use crate::fact::{Fact, FactName};
use crate::name::{OperationName, ToolName};
use crate::selector::Selector;
use crate::summary::InvalidSummary;
use crate::surface::Effect;
use crate::tool_schema::InputType;

/// An operation as a catalog of any version describes it.
pub(super) struct OperationIn {
    pub(super) function: String,
    pub(super) select: Option<Selector>,
    pub(super) definition: Digest,
    pub(super) effect: Effect,
    pub(super) input: InputType,
    pub(super) facts: Vec<Fact>,
    pub(super) summary: Option<String>,
    pub(super) money: BTreeMap<String, String>,
    pub(super) reads_now: bool,
}

impl CatalogPart {
    /// Returns every operation with the names of its tool and its own, tool by tool. An operation whose input or facts
    /// cannot be read is an error in its place.
    pub(super) fn operations(
        self,
    ) -> impl Iterator<Item = Result<(ToolName, OperationName, OperationIn), BundleError>> {
        self.tools.into_iter().flat_map(|(tool, part)| {
            part.operations.into_iter().map(move |(name, part)| {
                let operation = operation_of(part)
                    .ok_or_else(|| format(std::format!("the input of {tool}/{name}")))?;
                Ok((tool.clone(), name, operation))
            })
        })
    }
}

/// Reads the operation that `part` describes: types, projections and selectors are taken as the compiler made them, and
/// nothing is made again. Returns `None` if one of them is malformed.
fn operation_of(part: OperationPart) -> Option<OperationIn> {
    let fact = |(name, part): (String, FactPart)| {
        Some(Fact {
            name: FactName::new(&name).ok()?,
            projection: part.projection.parse().ok()?,
            optional: part.optional,
        })
    };
    Some(OperationIn {
        function: part.function,
        select: part.select.map(|select| Selector {
            pointer: select.pointer,
            equals: select.equals,
        }),
        definition: part.definition,
        effect: part.effect,
        input: compiled::input(part.input)?,
        facts: part.facts.into_iter().map(fact).collect::<Option<_>>()?,
        summary: part.summary,
        money: part.money,
        reads_now: part.reads_now,
    })
}

pub(super) type Tools = BTreeMap<ToolName, LoadedTool>;

/// Loads the operations that a catalog describes, one after the other. The operations of one tool have to stand
/// together.
pub(super) fn load(
    described: impl Iterator<Item = Result<(ToolName, OperationName, OperationIn), BundleError>>,
    schema: &PreparedSchema,
) -> Result<(Tools, Vec<LoadedOperation>), BundleError> {
    let (mut tools, mut operations) = (Tools::new(), Vec::new());
    for one in described {
        let (tool, name, operation) = one?;
        let loaded = tools.entry(tool.clone()).or_insert_with(|| LoadedTool {
            entity: schema.tool(tool.as_str()),
            operations: BTreeMap::new(),
            functions: BTreeMap::new(),
        });
        // The text was checked by the compiler, but a bundle is not trusted to come from ours.
        let summary = operation.summary.map(|text| text.parse()).transpose();
        let summary = summary.map_err(|why: InvalidSummary| {
            format(std::format!("the summary of {tool}/{name}: {why}"))
        })?;
        let (function, select) = (operation.function, operation.select);
        // Two operations that no input tells apart would leave the choice to the caller.
        if !loaded.classify(function.clone(), select.as_ref(), name.clone()) {
            return Err(format(std::format!(
                "two operations of {tool} are the function `{function}`"
            )));
        }
        let at = u32::try_from(operations.len()).map_err(|_| format("too many operations"))?;
        // As the type hides: of what is open, single places cannot be told apart.
        let input_mask = operation.input.masked();
        operations.push(LoadedOperation {
            action: schema.action(&std::format!("{tool}/{name}")),
            select,
            definition: operation.definition,
            effect: operation.effect,
            input: operation.input,
            facts: operation.facts,
            summary,
            money: operation.money,
            input_mask,
            reads_now: operation.reads_now,
        });
        loaded.operations.insert(name, at);
    }
    Ok((tools, operations))
}
