//! Catalogs beside their locks: every function is classified, every mask hides something, every dry run is one.

use std::collections::{BTreeMap, BTreeSet};

use stopgate_decide::fact::{Fact, FactName, View};
use stopgate_decide::json::Json;
use stopgate_decide::name::{OperationName, ToolName};
use stopgate_decide::pointer::Pointer;
use stopgate_decide::surface::Effect;
use stopgate_decide::tool_schema::{InputType, InvalidSchema};

use crate::diagnostic::{Diagnostics, catalog as facts, names as naming, shape as say};
use crate::document::catalog::{CatalogDoc, DryRunDoc, FactDoc, OperationDoc, SelectDoc};
use crate::lock::{Lock, LockedFunction};
use crate::policy::{DryRun, Operation, Tool};
use crate::source::{SourceMap, Span, Spanned};

use super::arguments::Arguments;
use super::names::Names;
use super::repository::Repository;

/// Returns the tools whose catalog and lock could both be read, each as far as it is right. What is wrong with the
/// others, and with locks that have no catalog, is reported.
pub(super) fn check(
    repository: &Repository,
    names: &Names,
    map: &SourceMap,
    dx: &mut Diagnostics,
) -> BTreeMap<ToolName, Tool> {
    let mut tools = BTreeMap::new();
    for (name, doc) in &repository.catalogs {
        // A catalog that could not be read has been reported where it stands.
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
            // So has such a lock.
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
            // The lock was reviewed for one version of the contract, and the catalog speaks of another.
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
        let mut shares: BTreeMap<String, Vec<Share<'_>>> = BTreeMap::new();
        let mut functions: BTreeMap<&OperationName, (&OperationDoc, &LockedFunction)> =
            BTreeMap::new();
        // 1. Each operation and its function in the lock.
        for (name, operation) in &doc.operations.entries {
            let Some(operation) = operation else { continue };
            let span = operation
                .function
                .as_ref()
                .map_or(name.span, |function| function.span);
            let stated = operation.function.as_ref();
            let function =
                self.full_name(stated.map_or(name.value.as_str(), |stated| &stated.value));
            let Some(locked) = self.function(&function, span, dx) else {
                continue;
            };
            shares.entry(function.clone()).or_default().push(Share {
                span,
                select: operation.select.as_ref(),
            });
            taken.entry(function).or_insert(span);
            functions.insert(&name.value, (operation, locked));
        }
        // 2. Functions of several operations: inputs have to tell these apart.
        for (function, shares) in &shares {
            told_apart(function, shares, dx);
        }
        // 3. Functions that are rejected on purpose.
        let mut unused = BTreeSet::new();
        for Spanned { value, span } in &doc.unused {
            let function = self.full_name(value);
            if self.function(&function, *span, dx).is_none() {
                continue;
            }
            if let Some(first) = taken.insert(function.clone(), *span) {
                dx.push(facts::duplicate_function(*span, &function, first));
            }
            unused.insert(function);
        }
        // 4. Functions about which nothing is said: whatever the server offers has to be classified.
        self.unclassified(&taken, &server.prefix, dx);
        // 5. Dry runs, which may hand masks on to the operations that preview.
        let inherited = self.previews(&functions, dx);
        // 6. The operations with everything that is known by now.
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

    /// Returns the server's name of a function. Catalogs may write it with or without the server's prefix.
    fn full_name(&self, written: &str) -> String {
        let prefix = self.doc.server.as_ref().map_or("", |server| &server.prefix);
        let prefixed = format!("{prefix}{written}");
        let known = |name: &str| self.lock.functions.contains_key(name);
        // Where both exist, the one with the prefix is meant.
        if known(written) && !known(&prefixed) {
            written.to_owned()
        } else {
            prefixed
        }
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
                &naming::NameKind::function(self.tool.as_str()),
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

    /// Checks every dry run, and returns for each preview the masks that it inherits from the operations it previews.
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
            // A preview shows what would happen with the same arguments, so it has to take them.
            let mut differing = differing(&locked.input_schema, &preview_locked.input_schema);
            // One input cannot select two operations.
            let selector =
                |doc: &'d OperationDoc| doc.select.as_ref().map(|select| &select.selector);
            if let Some(chosen) =
                selector(previewing).filter(|chosen| selector(operation) != Some(*chosen))
            {
                differing.push(chosen.pointer.as_str());
            }
            if differing.is_empty() {
                // What the operation hides in its input, the preview would show.
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

    /// Returns where the operation `name` is declared.
    fn place(&self, name: &OperationName) -> Span {
        let mut names = self.doc.operations.entries.iter().map(|(name, _)| name);
        let declared = names.find(|known| known.value == *name);
        declared.map_or(self.doc.operations_span, |name| name.span)
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
        // Each mask by itself, so that every one that names nothing is told at its own place.
        for mask in &doc.input_mask {
            if let Err(InvalidSchema::UnknownMask(pointer)) =
                InputType::from_schema(schema, &BTreeSet::from([mask.value.clone()]))
            {
                dx.push(facts::unknown_mask(mask.span, &pointer, function));
            }
        }
        let own = doc.input_mask.iter().map(|mask| &mask.value);
        let input_mask: BTreeSet<Pointer> = own.chain(inherited).cloned().collect();
        let input = match InputType::from_schema(schema, &input_mask) {
            Ok(input) => Some(input),
            // Of its own masks it was said above; what it inherits is named where the preview is.
            Err(InvalidSchema::UnknownMask(pointer)) => {
                if doc.input_mask.iter().all(|own| own.value != pointer) {
                    dx.push(facts::unknown_mask(self.place(name), &pointer, function));
                }
                None
            }
            Err(why @ (InvalidSchema::NotAnObject | InvalidSchema::UndeclaredRequired(_))) => {
                dx.push(facts::unsupported_schema(
                    self.place(name),
                    function,
                    &why.to_string(),
                ));
                None
            }
        };
        let input = input?;
        let arguments = Arguments {
            function,
            input: &input,
        };
        let select = match &doc.select {
            Some(select) => Some(arguments.select(select, dx)?),
            None => None,
        };
        let derived = doc.facts.iter().filter_map(|fact| arguments.fact(fact, dx));
        let derived: Vec<Fact> = derived.collect();
        let summary = arguments.summary(doc.summary.as_ref(), dx);
        let money = arguments.money(&doc.money, dx);
        Some(Operation {
            function: function.to_owned(),
            select,
            definition: locked.digest,
            input_schema: schema.clone(),
            input,
            facts: derived,
            monotone: monotone(doc, dx),
            summary,
            money,
            effect: doc.effect.value,
            dry_run: match &doc.dry_run {
                DryRunDoc::Unstated => DryRun::Unstated,
                DryRunDoc::By(preview) => DryRun::By(preview.value.clone()),
                DryRunDoc::None { because } => DryRun::None {
                    because: because.clone(),
                },
                // The mistake was told where the document was read.
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

/// Returns the facts that `doc` marks as monotone. A mark on what is no number, or no fact, is reported: only a number
/// can be more or less.
fn monotone(doc: &OperationDoc, dx: &mut Diagnostics) -> BTreeSet<FactName> {
    let is_number = |fact: &FactDoc| match fact.projection.value.view {
        View::Count | View::Number | View::Minor { .. } => true,
        View::Keys | View::Text => false,
    };
    let numbers = doc.facts.iter().filter(|fact| is_number(fact));
    let numbers: Vec<&str> = numbers.map(|fact| fact.name.as_str()).collect();
    let mut marked = BTreeSet::new();
    for Spanned { value: name, span } in &doc.monotone {
        match doc.facts.iter().find(|fact| fact.name == *name) {
            Some(fact) if is_number(fact) => {
                marked.insert(name.clone());
            }
            Some(_) => dx.push(facts::no_number(*span, name.as_str())),
            None => dx.push(facts::unknown_fact(*span, name.as_str(), &numbers)),
        }
    }
    marked
}

/// One operation of a function.
struct Share<'a> {
    span: Span,
    select: Option<&'a SelectDoc>,
}

/// Reports operations of one function that some input would not tell apart.
fn told_apart(function: &str, shares: &[Share<'_>], dx: &mut Diagnostics) {
    let Some((first, rest)) = shares.split_first() else {
        return;
    };
    // The first operation of a function may have no selector while it is the only one.
    for (at, one) in rest.iter().enumerate() {
        let Some(select) = one.select else {
            dx.push(match first.select {
                Some(_) => facts::selector_clash(one.span, function, first.span),
                None => facts::duplicate_function(one.span, function, first.span),
            });
            continue;
        };
        // Each is compared with all before it, so every pair is compared once.
        let earlier = shares.iter().take(at.saturating_add(1));
        let clash = earlier.into_iter().find(|other| {
            other.select.is_none_or(|other| {
                other.selector.pointer != select.selector.pointer
                    || other.selector.equals == select.selector.equals
            })
        });
        if let Some(clash) = clash {
            dx.push(facts::selector_clash(select.equals, function, clash.span));
        }
    }
}

/// Returns the names of the arguments that two schemas do not declare alike, words for people aside.
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

/// Returns a schema without words for people, such as `title` and `description`. Below `properties` such a name is an
/// argument and stays; so do the values under `enum`, `const` and `default`.
fn without_words(schema: &Json) -> Json {
    match schema {
        Json::Object(members) => {
            let words = ["title", "description", "$comment", "examples"];
            let kept = members
                .iter()
                .filter(|(name, _)| !words.contains(&name.as_str()));
            let inner = |(name, value): &(String, Json)| {
                let value = match name.as_str() {
                    "properties" | "patternProperties" | "$defs" | "definitions" => {
                        named_schemas(value)
                    }
                    "enum" | "const" | "default" | "required" => value.clone(),
                    // Everything else may hold schemas, and these have words too.
                    _ => without_words(value),
                };
                (name.clone(), value)
            };
            Json::Object(kept.map(inner).collect())
        }
        Json::Array(elements) => Json::Array(elements.iter().map(without_words).collect()),
        Json::Null | Json::Bool(_) | Json::Integer(_) | Json::Decimal(_) | Json::String(_) => {
            schema.clone()
        }
    }
}

/// Returns schemas by name, each without words for people; the names themselves stay.
fn named_schemas(schemas: &Json) -> Json {
    match schemas.as_object() {
        Some(members) => Json::Object(
            members
                .iter()
                .map(|(name, schema)| (name.clone(), without_words(schema)))
                .collect(),
        ),
        None => schemas.clone(),
    }
}
