//! JSON Schemas of the documents of a policy repository, from which editors complete and explain while one writes.
//!
//! They are made from the tables that the readers themselves open mappings with. A schema refuses nothing that the
//! compiler takes; what only the whole repository shows, such as a name that nobody declares, is the compiler's to say.

use serde_json::{Map, Value, json};

use crate::document::shape::{Bond, Field, Form, List, Shape, Spelling};
use crate::document::{approvals, catalog, profiles, reviews, rules, suites, waivers, workspace};

/// The dialect that editors know best.
const DIALECT: &str = "http://json-schema.org/draft-07/schema#";

/// A kind of document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentKind {
    /// `stopgate.yaml`
    Workspace,
    /// `profiles.yaml`
    Profiles,
    /// `approvals.yaml`
    Approvals,
    /// `catalog/TOOL.yaml`
    Catalog,
    /// `rules/TOOL.yaml`
    Rules,
    /// `tests/TOOL.yaml`
    Tests,
    /// `waivers/ID.yaml`
    Waivers,
    /// `reviews/ID.yaml`
    Reviews,
}

impl DocumentKind {
    /// Every kind, in the order in which a repository is best read.
    pub const ALL: [Self; 8] = [
        Self::Workspace,
        Self::Profiles,
        Self::Approvals,
        Self::Catalog,
        Self::Rules,
        Self::Tests,
        Self::Waivers,
        Self::Reviews,
    ];

    /// Returns the kind of the document at `path`, which is relative to the repository and written with `/`. Returns
    /// `None` if no document belongs there.
    #[must_use]
    pub fn from_path(path: &str) -> Option<Self> {
        match path {
            "stopgate.yaml" => Some(Self::Workspace),
            "profiles.yaml" => Some(Self::Profiles),
            "approvals.yaml" => Some(Self::Approvals),
            _ => match path.strip_suffix(".yaml")?.split_once('/')? {
                (_, file) if file.contains('/') => None,
                ("catalog", _) => Some(Self::Catalog),
                ("rules", _) => Some(Self::Rules),
                ("tests", _) => Some(Self::Tests),
                ("waivers", _) => Some(Self::Waivers),
                ("reviews", _) => Some(Self::Reviews),
                _ => None,
            },
        }
    }

    /// Returns the name of the file that holds the JSON Schema of this kind.
    #[must_use]
    pub const fn file(self) -> &'static str {
        match self {
            Self::Workspace => "stopgate.schema.json",
            Self::Profiles => "profiles.schema.json",
            Self::Approvals => "approvals.schema.json",
            Self::Catalog => "catalog.schema.json",
            Self::Rules => "rules.schema.json",
            Self::Tests => "tests.schema.json",
            Self::Waivers => "waivers.schema.json",
            Self::Reviews => "reviews.schema.json",
        }
    }

    const fn about(self) -> &'static str {
        match self {
            Self::Workspace => {
                "stopgate.yaml: whose policy it is, who names users, how far each channel goes"
            }
            Self::Profiles => "profiles.yaml: roles of users, and the groups they come from",
            Self::Approvals => "approvals.yaml: business time, who approves, and by when",
            Self::Catalog => "catalog/TOOL.yaml: a tool's server and what its operations do",
            Self::Rules => "rules/TOOL.yaml: what is granted, raised and forbidden",
            Self::Tests => "tests/TOOL.yaml: who does what, and the answer",
            Self::Waivers => {
                "waivers/ID.yaml: which loosenings reviewers let pass, why, and until when"
            }
            Self::Reviews => "reviews/ID.yaml: rules that were looked at, and when to look again",
        }
    }

    pub(crate) const fn shape(self) -> &'static Shape {
        match self {
            Self::Workspace => &workspace::SHAPE,
            Self::Profiles => &profiles::SHAPE,
            Self::Approvals => &approvals::SHAPE,
            Self::Catalog => &catalog::SHAPE,
            Self::Rules => &rules::SHAPE,
            Self::Tests => &suites::SHAPE,
            Self::Waivers => &waivers::SHAPE,
            Self::Reviews => &reviews::SHAPE,
        }
    }

    /// Makes the JSON Schema (draft 7) of documents of this kind.
    #[must_use]
    pub fn schema(self) -> Value {
        let mut schema = Map::new();
        schema.insert("$schema".to_owned(), DIALECT.into());
        schema.insert("description".to_owned(), self.about().into());
        schema.append(&mut mapping(self.shape()));
        schema.into()
    }

    /// Makes the text of the file that holds the JSON Schema of this kind, with line breaks, the last one included.
    #[must_use]
    pub fn text(self) -> String {
        format!("{:#}\n", self.schema())
    }
}

fn mapping(shape: &Shape) -> Map<String, Value> {
    let properties: Map<String, Value> = shape
        .fields
        .iter()
        .map(|field| (field.name.to_owned(), property(field)))
        .collect();
    let required: Vec<&str> = shape
        .fields
        .iter()
        .filter(|field| field.required)
        .map(|field| field.name)
        .collect();
    let mut schema = members(json!({
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    }));
    if !required.is_empty() {
        schema.insert("required".to_owned(), required.into());
    }
    for bond in shape.bonds {
        bind(&mut schema, bond);
    }
    schema
}

fn property(field: &Field) -> Value {
    let mut schema = Map::new();
    schema.insert("description".to_owned(), field.doc.into());
    if field.doc.contains('`') {
        // Editors print the backticks of a plain description.
        schema.insert("markdownDescription".to_owned(), field.doc.into());
    }
    schema.append(&mut form(&field.form));
    schema.into()
}

fn bind(schema: &mut Map<String, Value>, bond: &Bond) {
    match bond {
        Bond::OneOf { keys, help } => {
            // Editors print `errorMessage` instead of their own words; validators pass over it.
            let alternatives: Vec<Value> = keys
                .iter()
                .map(|key| json!({"required": [key], "errorMessage": help}))
                .collect();
            schema.insert("oneOf".to_owned(), alternatives.into());
        }
        Bond::Beside { key, other } => depend(schema, key, json!([other])),
        // Draft 7 has no word for "not beside", so the other key forbids this one.
        Bond::Apart { key, other } => depend(schema, other, json!({"properties": {*key: false}})),
        Bond::While { key, other, word } => {
            let says = json!({"required": [other], "properties": {*other: {"const": word}}});
            schema.insert("if".to_owned(), says);
            schema.insert("then".to_owned(), json!({"required": [key]}));
            schema.insert("else".to_owned(), json!({"properties": {*key: false}}));
        }
        Bond::HereOrInEach { key, list, help } => {
            let each = json!({"required": [key], "errorMessage": help});
            let choice = json!({"anyOf": [
                {"required": [key], "errorMessage": help},
                {"properties": {*list: {"items": each}}},
            ]});
            if let Value::Array(all) = schema
                .entry("allOf")
                .or_insert_with(|| Value::Array(Vec::new()))
            {
                all.push(choice);
            }
        }
        Bond::Something => {
            // At least one key, whichever it is.
            schema.insert("minProperties".to_owned(), 1.into());
        }
    }
}

fn depend(schema: &mut Map<String, Value>, key: &str, on: Value) {
    if let Value::Object(dependencies) = schema
        .entry("dependencies")
        .or_insert_with(|| Map::new().into())
    {
        dependencies.insert(key.to_owned(), on);
    }
}

fn form(form: &Form) -> Map<String, Value> {
    match form {
        Form::Version(number) => members(json!({"type": "integer", "const": number})),
        // At least one character that is no white space.
        Form::Raw => members(json!({"type": "string", "pattern": "\\S"})),
        // What stands around a text is not counted: the line end of a block is no part of it.
        Form::Text { most } => {
            let between = most.saturating_sub(2);
            let pattern = format!("^\\s*\\S(?:[\\s\\S]{{0,{between}}}\\S)?\\s*$");
            members(json!({"type": "string", "pattern": pattern}))
        }
        Form::Spelt(spelling) => spelt(spelling),
        Form::Word(meanings) => {
            let (words, meanings): (Vec<String>, Vec<&str>) = meanings()
                .into_iter()
                .map(|known| (known.word, known.meaning))
                .unzip();
            let mut schema = members(json!({"enum": words}));
            if meanings.iter().all(|meaning| !meaning.is_empty()) {
                schema.insert("enumDescriptions".to_owned(), meanings.into());
            }
            schema
        }
        Form::Integer { least, most } => {
            members(json!({"type": "integer", "minimum": least, "maximum": most}))
        }
        Form::Truth => members(json!({"type": "boolean"})),
        Form::List(list) => elements(list),
        Form::Named { key, value, empty } => {
            let mut schema = members(json!({
                "type": "object",
                "propertyNames": spelt(key),
                "additionalProperties": self::form(value),
            }));
            if !empty {
                schema.insert("minProperties".to_owned(), 1.into());
            }
            schema
        }
        Form::Open { value } => {
            members(json!({"type": "object", "additionalProperties": self::form(value)}))
        }
        Form::Record(shape) => mapping(shape),
        Form::Either(forms) => {
            let forms: Vec<Value> = forms.iter().map(|form| self::form(form).into()).collect();
            members(json!({"anyOf": forms}))
        }
        Form::Object => members(json!({"type": "object"})),
    }
}

fn elements(list: &List) -> Map<String, Value> {
    let List {
        of,
        empty,
        unique,
        entries: _,
    } = list;
    let mut schema = members(json!({"type": "array", "items": form(of)}));
    if !empty {
        schema.insert("minItems".to_owned(), 1.into());
    }
    if *unique {
        schema.insert("uniqueItems".to_owned(), true.into());
    }
    schema
}

fn spelt(spelling: &Spelling) -> Map<String, Value> {
    let Spelling {
        pattern,
        examples,
        help,
        order: _,
    } = spelling;
    let mut schema =
        members(json!({"type": "string", "pattern": pattern, "patternErrorMessage": help}));
    if !examples.is_empty() {
        schema.insert("examples".to_owned(), json!(examples));
    }
    schema
}

/// Returns the members of `object`, which is written out as an object where this is called.
fn members(object: Value) -> Map<String, Value> {
    match object {
        Value::Object(members) => members,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    }
}
