//! `catalog/TOOL.yaml`: a tool's server, its operations and what they do, and the functions nobody may use.

use std::collections::BTreeMap;

use super::read::{Named, Record, list, named, set, unique};
use super::scalar::{max_rows, name, pointer, raw, text, word};
use crate::diagnostic::{Diagnostics, catalog as facts, shape as say};
use crate::name::{OperationName, OwnerName, ToolName};
use crate::pointer::Pointer;
use crate::source::node::{Node, Value};
use crate::source::{Span, Spanned};
use crate::surface::Effect;
use crate::version::Version;

pub(crate) struct CatalogDoc {
    pub(crate) tool: Spanned<ToolName>,
    pub(crate) owner: Option<OwnerName>,
    pub(crate) server: Option<ServerDoc>,
    pub(crate) operations: Named<OperationName, OperationDoc>,
    /// Where an operation could be added.
    pub(crate) operations_span: Span,
    pub(crate) unused: Vec<Spanned<String>>,
}

pub(crate) struct ServerDoc {
    pub(crate) contract: Option<Spanned<Version>>,
    pub(crate) command: Vec<String>,
    pub(crate) env: Vec<String>,
    pub(crate) prefix: String,
}

pub(crate) struct OperationDoc {
    pub(crate) effect: Spanned<Effect>,
    /// `mcp`: the server's function, if it is not prefix and name.
    pub(crate) function: Option<Spanned<String>>,
    pub(crate) dry_run: DryRunDoc,
    pub(crate) input_mask: Vec<Spanned<Pointer>>,
    pub(crate) result_mask: Vec<Spanned<Pointer>>,
    pub(crate) max_rows: BTreeMap<Pointer, u32>,
}

pub(crate) enum DryRunDoc {
    Unstated,
    By(Spanned<OperationName>),
    None {
        because: String,
    },
    /// Refused and reported.
    Broken,
}

pub(crate) fn read(root: &Node, dx: &mut Diagnostics) -> Option<CatalogDoc> {
    let keys = ["tool", "owner", "server", "operations", "unused"];
    let record = Record::document(root, "a catalog", &keys, dx)?;
    let tool = record.need("tool", dx).and_then(|node| name(node, dx));
    let owner = record.need("owner", dx).and_then(|node| name(node, dx));
    let server = record.need("server", dx).and_then(|node| server(node, dx));
    let operations = record
        .need("operations", dx)
        .map(|node| named(node, dx, operation));
    let operations_span = record
        .entry("operations")
        .map_or(record.place(), |(key, _)| key.span);
    let unused = record
        .get("unused")
        .map(|node| list(node, dx, text))
        .unwrap_or_default();
    Some(CatalogDoc {
        tool: tool?,
        owner: owner.map(|owner| owner.value),
        server,
        operations: operations.unwrap_or_default(),
        operations_span,
        unused: unique(unused, dx),
    })
}

fn server(node: &Node, dx: &mut Diagnostics) -> Option<ServerDoc> {
    let record = Record::open(
        node,
        "a server",
        &["contract", "command", "env", "prefix"],
        dx,
    )?;
    let contract = record
        .need("contract", dx)
        .and_then(|node| version(node, dx));
    let command = record.need("command", dx).map(|node| {
        if matches!(&node.value, Value::Sequence(entries) if entries.is_empty()) {
            dx.push(say::empty_list(node.span));
        }
        list(node, dx, |node, dx| {
            raw(node, dx).map(|scalar| scalar.text.clone())
        })
    });
    let env = record
        .get("env")
        .map(|node| unique(list(node, dx, variable), dx))
        .unwrap_or_default();
    let prefix = record
        .get("prefix")
        .and_then(|node| text(node, dx))
        .map(|text| text.value);
    Some(ServerDoc {
        contract,
        command: command?,
        env: env.into_iter().map(|name| name.value).collect(),
        prefix: prefix.unwrap_or_default(),
    })
}

fn version(node: &Node, dx: &mut Diagnostics) -> Option<Spanned<Version>> {
    match raw(node, dx)?.text.parse() {
        Ok(version) => Some(Spanned::new(version, node.span)),
        Err(why) => {
            let why: crate::version::InvalidVersion = why;
            dx.push(say::invalid_text(
                node.span,
                &why.to_string(),
                "write it as `MAJOR.MINOR.PATCH`",
            ));
            None
        }
    }
}

/// The name of an environment variable; its value has no place in a repository.
fn variable(node: &Node, dx: &mut Diagnostics) -> Option<Spanned<String>> {
    let text = &raw(node, dx)?.text;
    let fine =
        |at: usize, c: char| c == '_' || c.is_ascii_alphabetic() || (at > 0 && c.is_ascii_digit());
    if !text.chars().enumerate().all(|(at, c)| fine(at, c)) {
        let help = "name the variable only; `stopgate lock` passes its value on, and values do not belong into git";
        dx.push(say::invalid_text(
            node.span,
            "this is not the name of an environment variable",
            help,
        ));
        return None;
    }
    Some(Spanned::new(text.clone(), node.span))
}

fn operation(node: &Node, dx: &mut Diagnostics) -> Option<OperationDoc> {
    let keys = ["effect", "mcp", "dry_run", "because", "input", "result"];
    let record = Record::open(node, "an operation", &keys, dx)?;
    let effect = record.need("effect", dx).and_then(|node| word(node, dx));
    let function = record.get("mcp").and_then(|node| text(node, dx));
    let dry_run = dry_run(&record, dx);
    let input = record
        .get("input")
        .and_then(|node| Record::open(node, "input", &["mask"], dx));
    let input_mask = input
        .and_then(|input| input.get("mask"))
        .map(|node| set(node, dx, pointer))
        .unwrap_or_default();
    let result = record
        .get("result")
        .and_then(|node| Record::open(node, "result", &["mask", "max_rows"], dx));
    let result_mask = result
        .as_ref()
        .and_then(|result| result.get("mask"))
        .map(|node| set(node, dx, pointer));
    let max_rows = result
        .as_ref()
        .and_then(|result| result.get("max_rows"))
        .map(|node| max_rows(node, dx));
    Some(OperationDoc {
        effect: effect?,
        function,
        dry_run,
        input_mask,
        result_mask: result_mask.unwrap_or_default(),
        max_rows: max_rows.unwrap_or_default(),
    })
}

fn dry_run(record: &Record<'_>, dx: &mut Diagnostics) -> DryRunDoc {
    let because = record.entry("because");
    let reason = because.map(|(_, node)| text(node, dx));
    let Some(node) = record.get("dry_run") else {
        if let Some((key, _)) = because {
            let help = "write `dry_run: none` beside it, or delete it";
            dx.push(say::misplaced_key(
                key.span,
                "because",
                "it says why there is no dry run",
                help,
            ));
        }
        return DryRunDoc::Unstated;
    };
    // `none` is a word here, so no operation of that name can be a dry run.
    let is_none = matches!(&node.value, Value::Scalar(scalar) if scalar.text == "none");
    match (is_none, reason) {
        (true, Some(Some(because))) => DryRunDoc::None {
            because: because.value,
        },
        (true, Some(None)) => DryRunDoc::Broken,
        (true, None) => {
            dx.push(facts::dry_run_reason(node.span));
            DryRunDoc::Broken
        }
        (false, reason) => {
            if let (Some(_), Some((key, _))) = (reason, because) {
                let help = "delete it, or write `dry_run: none`";
                dx.push(say::misplaced_key(
                    key.span,
                    "because",
                    "there is a dry run",
                    help,
                ));
            }
            name(node, dx).map_or(DryRunDoc::Broken, DryRunDoc::By)
        }
    }
}
