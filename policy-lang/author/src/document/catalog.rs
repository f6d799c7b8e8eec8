//! `catalog/TOOL.yaml`: a tool's server, its operations and what they do, and the functions nobody may use.

mod shape;

use std::collections::BTreeMap;

use self::shape::{INPUT, NO_DRY_RUN, OPERATION, RESULT, SELECT, SERVER};
use stopgate_decide::fact::{FactName, Projection};
use stopgate_decide::name::{OperationName, OwnerName, ToolName};
use stopgate_decide::pointer::Pointer;
use stopgate_decide::selector::Selector;
use stopgate_decide::summary::Summary;
use stopgate_decide::surface::Effect;
use stopgate_decide::version::Version;

use crate::diagnostic::{Code, Diagnostics, catalog as facts, shape as say};
use crate::source::node::{Node, Value};
use crate::source::{Span, Spanned};

use super::read::{Named, Record, list, mapping, max_rows, named, set, unique};
use super::scalar::{name, pointer, raw, text, word};

pub(crate) use self::shape::SHAPE;

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
    pub(crate) select: Option<SelectDoc>,
    pub(crate) facts: Vec<FactDoc>,
    /// Names of facts; whether they are declared is not looked at here.
    pub(crate) monotone: Vec<Spanned<FactName>>,
    pub(crate) dry_run: DryRunDoc,
    pub(crate) input_mask: Vec<Spanned<Pointer>>,
    pub(crate) result_mask: Vec<Spanned<Pointer>>,
    pub(crate) max_rows: BTreeMap<Pointer, u32>,
    pub(crate) summary: Option<Spanned<Summary>>,
    /// Amounts, each with its currency.
    pub(crate) money: Vec<(Spanned<String>, Spanned<String>)>,
}

pub(crate) struct SelectDoc {
    pub(crate) selector: Selector,
    pub(crate) pointer: Span,
    pub(crate) equals: Span,
}

pub(crate) struct FactDoc {
    pub(crate) name: FactName,
    pub(crate) projection: Spanned<Projection>,
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
    let record = Record::document(root, &SHAPE, dx)?;
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
    let record = Record::open(node, &SERVER, dx)?;
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
            let why: stopgate_decide::version::InvalidVersion = why;
            dx.push(say::invalid_text(
                node.span,
                &why.to_string(),
                "write it as `MAJOR.MINOR.PATCH`",
            ));
            None
        }
    }
}

/// Reads the name of an environment variable. A text that holds a value as well is refused, because values have no
/// place in a repository.
fn variable(node: &Node, dx: &mut Diagnostics) -> Option<Spanned<String>> {
    let text = &raw(node, dx)?.text;
    let fine =
        // A digit may stand anywhere but at the beginning.
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
    let record = Record::open(node, &OPERATION, dx)?;
    let effect = record.need("effect", dx).and_then(|node| word(node, dx));
    let function = record.get("mcp").and_then(|node| text(node, dx));
    let select = record.entry("select").map(|(key, node)| {
        // Without `mcp` the operation's name is that of its function, so no other operation could share it.
        if function.is_none() && record.get("mcp").is_none() {
            dx.push(facts::select_without_function(key.span));
        }
        select(node, dx)
    });
    let derived = record.get("facts").map(|node| derived(node, dx));
    let monotone = record.get("monotone").map(|node| set(node, dx, fact_name));
    let dry_run = dry_run(&record, dx);
    let summary = record.get("summary").map(|node| summary(node, dx));
    let money = record.get("money").map(|node| money(node, dx));
    let input = record
        .get("input")
        .and_then(|node| Record::open(node, &INPUT, dx));
    let input_mask = input
        .and_then(|input| input.get("mask"))
        .map(|node| set(node, dx, pointer))
        .unwrap_or_default();
    let result = record
        .get("result")
        .and_then(|node| Record::open(node, &RESULT, dx));
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
        // A selector that could not be read must not become an operation that everything selects.
        select: match select {
            Some(select) => Some(select?),
            None => None,
        },
        facts: derived.unwrap_or_default(),
        monotone: monotone.unwrap_or_default(),
        summary: summary.flatten(),
        money: money.unwrap_or_default(),
        dry_run,
        input_mask,
        result_mask: result_mask.unwrap_or_default(),
        max_rows: max_rows.unwrap_or_default(),
    })
}

fn select(node: &Node, dx: &mut Diagnostics) -> Option<SelectDoc> {
    let record = Record::open(node, &SELECT, dx)?;
    let place = record
        .need("pointer", dx)
        .and_then(|node| pointer(node, dx));
    let equals = record.need("equals", dx).and_then(|node| text(node, dx));
    let (place, equals) = (place?, equals?);
    Some(SelectDoc {
        selector: Selector {
            pointer: place.value,
            equals: equals.value,
        },
        pointer: place.span,
        equals: equals.span,
    })
}

fn derived(node: &Node, dx: &mut Diagnostics) -> Vec<FactDoc> {
    let mut read = Vec::new();
    for (key, node) in mapping(node, dx).unwrap_or_default() {
        let name = named_fact(&key.text, key.span, dx);
        let projection = raw(node, dx).and_then(|scalar| {
            scalar
                .text
                .parse()
                .map_err(|why| dx.push(facts::invalid_fact(node.span, &why)))
                .ok()
        });
        read.extend(name.zip(projection).map(|(name, projection)| FactDoc {
            name,
            projection: Spanned::new(projection, node.span),
        }));
    }
    // In order of their names, so that the order in a document is no part of a policy.
    read.sort_by(|a, b| a.name.cmp(&b.name));
    read
}

fn fact_name(node: &Node, dx: &mut Diagnostics) -> Option<Spanned<FactName>> {
    let name = named_fact(&raw(node, dx)?.text, node.span, dx)?;
    Some(Spanned::new(name, node.span))
}

fn named_fact(text: &str, span: Span, dx: &mut Diagnostics) -> Option<FactName> {
    let name = FactName::new(text).map_err(|why| {
        let help = "write a name such as `rows` or `field_names`";
        dx.push(say::invalid_text(span, &why.to_string(), help));
    });
    name.ok()
}

fn summary(node: &Node, dx: &mut Diagnostics) -> Option<Spanned<Summary>> {
    // `{amount} to {name}` without quotes is a mapping to YAML.
    if let Value::Sequence(_) | Value::Mapping(_) = &node.value {
        // What the mapping it was read as lacks is no second mistake.
        dx.retract(Code::EmptyValue, node.span);
        dx.push(facts::template_needs_quotes(node.span));
        return None;
    }
    let text = text(node, dx)?;
    match text.value.parse() {
        Ok(summary) => Some(Spanned::new(summary, node.span)),
        Err(why) => {
            let why: stopgate_decide::summary::InvalidSummary = why;
            dx.push(facts::invalid_summary(node.span, &why.to_string()));
            None
        }
    }
}

fn money(node: &Node, dx: &mut Diagnostics) -> Vec<(Spanned<String>, Spanned<String>)> {
    let mut read = Vec::new();
    for (key, node) in mapping(node, dx).unwrap_or_default() {
        let amount = Spanned::new(key.text.clone(), key.span);
        read.extend(text(node, dx).map(|currency| (amount, currency)));
    }
    read
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
        // Left out says less than `none`: floors that ask for a dry run then do not compile.
        return DryRunDoc::Unstated;
    };
    // `none` is a word here, so no operation of that name can be a dry run.
    let is_none = matches!(&node.value, Value::Scalar(scalar) if scalar.text == NO_DRY_RUN);
    match (is_none, reason) {
        (true, Some(Some(because))) => DryRunDoc::None {
            because: because.value,
        },
        // The reason is there and broken, which was told.
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
