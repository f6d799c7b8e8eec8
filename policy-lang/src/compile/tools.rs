//! Catalogs beside their locks: every function is classified, every mask hides something, every dry run is one.

use std::collections::{BTreeMap, BTreeSet};

use super::names::Names;
use super::repository::Repository;
use crate::diagnostic::{Diagnostics, catalog as facts, names as naming, shape as say};
use crate::document::catalog::{CatalogDoc, DryRunDoc, OperationDoc};
use crate::json::Json;
use crate::lock::{Lock, LockedFunction};
use crate::name::{OperationName, ToolName};
use crate::pointer::Pointer;
use crate::policy::{DryRun, Operation, Tool};
use crate::source::{SourceMap, Span, Spanned};
use crate::surface::Effect;
use crate::tool_schema::{InputType, InvalidSchema};

/// The tools whose catalog and lock could be read, each as far as it is right.
pub(super) fn check(
    repository: &Repository,
    names: &Names,
    map: &SourceMap,
    dx: &mut Diagnostics,
) -> BTreeMap<ToolName, Tool> {
    let mut tools = BTreeMap::new();
    for (name, doc) in &repository.catalogs {
        let Some(doc) = doc else { continue };
        match repository.locks.get(name) {
            Some((_, Some(lock))) => {
                let catalog = Catalog {
                    tool: name,
                    doc,
                    lock,
                    names,
                };
                tools.extend(catalog.check(dx).map(|tool| (name.clone(), tool)));
            }
            Some((_, None)) => {}
            None => {
                let path = format!("catalog/{name}.lock.json");
                dx.push(say::missing_lock(doc.tool.span, &path, name.as_str()));
            }
        }
    }
    for (name, (file, _)) in &repository.locks {
        if !repository.catalogs.contains_key(name) {
            let help = format!("add catalog/{name}.yaml, or delete the lock");
            let path = map.file(*file).map_or("", |file| file.path());
            dx.push(say::misplaced_file(Span::beginning(*file), path, &help));
        }
    }
    tools
}

struct Catalog<'a> {
    tool: &'a ToolName,
    doc: &'a CatalogDoc,
    lock: &'a Lock,
    names: &'a Names,
}

impl Catalog<'_> {
    fn check(&self, dx: &mut Diagnostics) -> Option<Tool> {
        let Self {
            tool,
            doc,
            lock,
            names: _,
        } = self;
        let server = doc.server.as_ref()?;
        if let Some(contract) = &server.contract
            && contract.value != lock.contract
        {
            dx.push(facts::contract_mismatch(
                contract.span,
                tool.as_str(),
                contract.value,
                lock.contract,
            ));
        }
        let mut taken: BTreeMap<String, Span> = BTreeMap::new();
        let mut functions: BTreeMap<&OperationName, (&OperationDoc, &LockedFunction)> =
            BTreeMap::new();
        for (name, operation) in &doc.operations.entries {
            let Some(operation) = operation else { continue };
            let span = operation
                .function
                .as_ref()
                .map_or(name.span, |function| function.span);
            let stated = operation
                .function
                .as_ref()
                .map(|function| function.value.clone());
            let function = stated.unwrap_or_else(|| format!("{}{}", server.prefix, name.value));
            let Some(locked) = self.function(&function, span, dx) else {
                continue;
            };
            if let Some(first) = taken.insert(function.clone(), span) {
                dx.push(facts::duplicate_function(span, &function, first));
            }
            functions.insert(&name.value, (operation, locked));
        }
        let mut unused = BTreeSet::new();
        for Spanned { value, span } in &doc.unused {
            // Named as operations are, without the prefix, or as the server names it.
            let prefixed = format!("{}{value}", server.prefix);
            let function = if lock.functions.contains_key(&prefixed) {
                prefixed
            } else {
                value.clone()
            };
            if self.function(&function, *span, dx).is_none() {
                continue;
            }
            if let Some(first) = taken.insert(function.clone(), *span) {
                dx.push(facts::duplicate_function(*span, &function, first));
            }
            unused.insert(function);
        }
        self.unclassified(&taken, &server.prefix, dx);
        let inherited = self.previews(&functions, dx);
        let operations = functions.iter().filter_map(|(name, (operation, locked))| {
            let more = inherited.get(name).into_iter().flatten().copied();
            Some((
                (*name).clone(),
                self.operation(name, operation, locked, more, dx)?,
            ))
        });
        Some(Tool {
            operations: operations.collect(),
            owner: doc.owner.clone()?,
            contract: server.contract.as_ref()?.value,
            prefix: server.prefix.clone(),
            unused,
        })
    }

    fn function(
        &self,
        function: &str,
        span: Span,
        dx: &mut Diagnostics,
    ) -> Option<&LockedFunction> {
        let found = self.lock.functions.get(function);
        if found.is_none() {
            let known = self.lock.functions.keys().map(String::as_str);
            naming::unknown(
                dx,
                span,
                &naming::Kind::function(self.tool.as_str()),
                function,
                known,
            );
        }
        found
    }

    fn unclassified(&self, taken: &BTreeMap<String, Span>, prefix: &str, dx: &mut Diagnostics) {
        // A broken operation may be the one that classifies a function.
        let operations = &self.doc.operations;
        if !operations.complete
            || operations
                .entries
                .iter()
                .any(|(_, operation)| operation.is_none())
        {
            return;
        }
        for function in self
            .lock
            .functions
            .keys()
            .filter(|function| !taken.contains_key(*function))
        {
            let name = function
                .strip_prefix(prefix)
                .filter(|name| OperationName::new(name).is_ok());
            dx.push(facts::unclassified_function(
                self.doc.operations_span,
                self.tool.as_str(),
                function,
                name,
            ));
        }
    }

    /// Checks every dry run. Returns the masks that previews inherit from what they preview.
    fn previews<'d>(
        &self,
        functions: &BTreeMap<&OperationName, (&'d OperationDoc, &LockedFunction)>,
        dx: &mut Diagnostics,
    ) -> BTreeMap<&'d OperationName, Vec<&'d Pointer>> {
        let mut inherited: BTreeMap<&OperationName, Vec<&Pointer>> = BTreeMap::new();
        for (name, (operation, locked)) in functions {
            let DryRunDoc::By(preview) = &operation.dry_run else {
                continue;
            };
            if !self.names.operation(self.tool, preview, dx) {
                continue;
            }
            let Some((previewing, preview_locked)) = functions.get(&preview.value) else {
                continue;
            };
            let (shown, effect) = (preview.value.as_str(), previewing.effect.value);
            if effect != Effect::Read {
                dx.push(facts::dry_run_not_read(
                    preview.span,
                    shown,
                    effect.as_str(),
                ));
            }
            let differing = differing(&locked.input_schema, &preview_locked.input_schema);
            if differing.is_empty() {
                let masks = operation.input_mask.iter().map(|pointer| &pointer.value);
                inherited.entry(&preview.value).or_default().extend(masks);
            } else {
                dx.push(facts::dry_run_arguments(
                    preview.span,
                    name.as_str(),
                    shown,
                    &differing,
                ));
            }
        }
        inherited
    }

    fn operation<'d>(
        &self,
        name: &OperationName,
        doc: &'d OperationDoc,
        locked: &LockedFunction,
        inherited: impl Iterator<Item = &'d Pointer>,
        dx: &mut Diagnostics,
    ) -> Option<Operation> {
        let function = locked.name();
        let schema = &locked.input_schema;
        for mask in &doc.input_mask {
            if let Err(InvalidSchema::UnknownMask(pointer)) =
                InputType::of(schema, &BTreeSet::from([mask.value.clone()]))
            {
                dx.push(facts::unknown_mask(mask.span, &pointer, function));
            }
        }
        let own = doc.input_mask.iter().map(|mask| &mask.value);
        let input_mask: BTreeSet<Pointer> = own.chain(inherited).cloned().collect();
        let input = match InputType::of(schema, &input_mask) {
            Ok(input) => Some(input),
            Err(InvalidSchema::UnknownMask(_)) => None,
            Err(why @ (InvalidSchema::NotAnObject | InvalidSchema::UndeclaredRequired(_))) => {
                let names = self.doc.operations.entries.iter().map(|(name, _)| name);
                let span = names
                    .into_iter()
                    .find(|known| known.value == *name)
                    .map(|name| name.span);
                dx.push(facts::unsupported_schema(
                    span.unwrap_or(self.doc.operations_span),
                    function,
                    &why.to_string(),
                ));
                None
            }
        };
        Some(Operation {
            function: function.to_owned(),
            definition: locked.digest,
            input_schema: schema.clone(),
            input: input?,
            effect: doc.effect.value,
            dry_run: match &doc.dry_run {
                DryRunDoc::Unstated => DryRun::Unstated,
                DryRunDoc::By(preview) => DryRun::By(preview.value.clone()),
                DryRunDoc::None { because } => DryRun::None {
                    because: because.clone(),
                },
                DryRunDoc::Broken => return None,
            },
            input_mask,
            result_mask: doc
                .result_mask
                .iter()
                .map(|mask| mask.value.clone())
                .collect(),
            max_rows: doc.max_rows.clone(),
        })
    }
}

/// Arguments that two schemas do not declare alike, words for people aside.
fn differing<'a>(a: &'a Json, b: &'a Json) -> Vec<&'a str> {
    let declared = |schema: &'a Json| {
        schema
            .get("properties")
            .and_then(Json::as_object)
            .unwrap_or_default()
    };
    let required = |schema: &'a Json, name: &str| {
        let names = schema
            .get("required")
            .and_then(Json::as_array)
            .unwrap_or_default();
        names.iter().any(|required| required.as_str() == Some(name))
    };
    let names: BTreeSet<&str> = declared(a)
        .iter()
        .chain(declared(b))
        .map(|(name, _)| name.as_str())
        .collect();
    let shape = |schema: &'a Json, name: &str| {
        let property = declared(schema)
            .iter()
            .find(|(declared, _)| declared == name);
        property.map(|(_, property)| (without_words(property).canonical(), required(schema, name)))
    };
    names
        .into_iter()
        .filter(|name| shape(a, name) != shape(b, name))
        .collect()
}

/// A schema without titles, descriptions and examples. A member of that name inside `properties` stays.
fn without_words(schema: &Json) -> Json {
    match schema {
        Json::Object(members) => {
            let kept = members.iter().filter(|(name, value)| {
                !(matches!(name.as_str(), "title" | "description" | "$comment")
                    && value.as_str().is_some())
                    && name != "examples"
            });
            Json::Object(
                kept.map(|(name, value)| (name.clone(), without_words(value)))
                    .collect(),
            )
        }
        Json::Array(elements) => Json::Array(elements.iter().map(without_words).collect()),
        Json::Null | Json::Bool(_) | Json::Integer(_) | Json::Decimal(_) | Json::String(_) => {
            schema.clone()
        }
    }
}
