//! The reference page of directions: what every field of every document declares, for reviewers.

use std::fmt::Write as _;

use crate::document::shape::{Entries, Field, Form, List, Loosens, Shape, Weight};
use crate::schema::DocumentKind;

/// What one field declares of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The documents it stands in, such as `catalog/TOOL.yaml`.
    pub document: &'static str,
    /// Its path, such as `channels.*.ceiling`: `*` stands for a name, `[]` for an entry of a list.
    pub field: String,
    /// The word for which way it loosens.
    pub direction: &'static str,
    /// Which changes of it are grave, in words; empty where none is.
    pub grave: String,
    /// Whether it is among the guard rails of the repository.
    pub guards: bool,
    /// What it means to an author of a policy.
    pub meaning: &'static str,
}

/// Returns every field of every document, in the order of the tables that documents are read with.
#[must_use]
pub fn settings() -> Vec<Setting> {
    let mut found = Vec::new();
    for kind in DocumentKind::ALL {
        let at = TablePlace {
            document: document(kind),
            path: String::new(),
            grave: String::new(),
            guards: false,
        };
        collect(kind.shape(), &at, &mut found);
    }
    found
}

const fn document(kind: DocumentKind) -> &'static str {
    match kind {
        DocumentKind::Workspace => "stopgate.yaml",
        DocumentKind::Profiles => "profiles.yaml",
        DocumentKind::Approvals => "approvals.yaml",
        DocumentKind::Catalog => "catalog/TOOL.yaml",
        DocumentKind::Rules => "rules/TOOL.yaml",
        DocumentKind::Tests => "tests/TOOL.yaml",
        DocumentKind::Waivers => "waivers/ID.yaml",
        DocumentKind::Reviews => "reviews/ID.yaml",
    }
}

/// Where the tables are being read, and what holds for all below.
struct TablePlace {
    document: &'static str,
    path: String,
    grave: String,
    guards: bool,
}

fn collect(shape: &Shape, at: &TablePlace, found: &mut Vec<Setting>) {
    for field in shape.fields {
        let dot = if at.path.is_empty() { "" } else { "." };
        let grave = grave(field);
        let here = TablePlace {
            document: at.document,
            path: format!("{}{dot}{}", at.path, field.name),
            grave: match grave.is_empty() {
                true => at.grave.clone(),
                false => grave,
            },
            guards: at.guards || field.guards,
        };
        found.push(Setting {
            document: here.document,
            field: here.path.clone(),
            direction: field.loosens.as_str(),
            grave: here.grave.clone(),
            guards: here.guards,
            meaning: field.doc,
        });
        if let Some((shape, suffix)) = below(&field.form) {
            let path = format!("{}{suffix}", here.path);
            // What an entry says of itself holds below it; what a value says does not.
            let grave = match field.weight {
                Weight::Word(_) => String::new(),
                Weight::Usual | Weight::Grave | Weight::Entry { .. } => here.grave.clone(),
            };
            collect(
                shape,
                &TablePlace {
                    path,
                    grave,
                    ..here
                },
                found,
            );
        }
    }
}

/// Returns the mapping with known keys that lies below a value of this form, and how the path to the mapping goes on
/// from the value; `None` where there is no such mapping.
fn below(form: &Form) -> Option<(&'static Shape, &'static str)> {
    match form {
        Form::Record(shape) => Some((shape, "")),
        Form::Named {
            value: Form::Record(shape),
            ..
        } => Some((shape, ".*")),
        Form::List(List {
            of: Form::Record(shape),
            entries: Entries::Keyed(_) | Entries::Alike,
            ..
        }) => Some((shape, "[]")),
        Form::Named { .. }
        | Form::List(_)
        | Form::Open { .. }
        | Form::Version(_)
        | Form::Raw
        | Form::Text { .. }
        | Form::Spelt(_)
        | Form::Word(_)
        | Form::Integer { .. }
        | Form::Truth
        | Form::Either(_)
        | Form::Object => None,
    }
}

fn grave(field: &Field) -> String {
    match field.weight {
        Weight::Usual => String::new(),
        Weight::Grave => "always".to_owned(),
        Weight::Word(word) => format!("where it says `{word}` before or after"),
        Weight::Entry { key, word } => {
            format!("in an entry whose `{key}` is `{word}` before or after")
        }
    }
}

/// Writes the reference page of directions, as Markdown.
#[must_use]
pub fn reference() -> String {
    let mut page = String::from(INTRODUCTION);
    for direction in Loosens::ALL {
        let _ = writeln!(page, "- `{}`: {}.", direction.as_str(), direction.meaning());
    }
    page.push_str(BESIDE);
    let mut document = "";
    for setting in settings() {
        if setting.document != document {
            document = setting.document;
            let _ = write!(
                page,
                "\n## {document}\n\n| field | looser | signed as high | meaning |\n|---|---|---|---|\n"
            );
        }
        let Setting {
            document: _,
            field,
            direction,
            grave,
            guards,
            meaning,
        } = setting;
        let meaning = meaning.replace('|', "\\|");
        let guard = if guards { ", guard rail" } else { "" };
        let _ = writeln!(
            page,
            "| `{field}` | {direction}{guard} | {grave} | {meaning} |"
        );
    }
    page
}

const INTRODUCTION: &str = "# Which way each setting loosens\n\n\
    What `stopgate diff` says about a change that is no decision of a rule. Every field of every document declares which \
    change of it can let more through; a field that declares nothing does not compile. A loosening takes the signature \
    of a change of medium risk, or of high risk where the table says so. This page is generated from the tables that \
    the compiler reads documents with; a test keeps it current.\n\n";

const BESIDE: &str = "\n\
    A key that is left out is compared as its default. The order of mappings and sets, comments and spaces are no \
    change. An entry with another name is another entry: one was taken away and one added. Durations compare by their \
    length, `60m` is `1h`; as many business hours as hours end no sooner, so `4bh` is more than `4h`, and what depends \
    on the calendar counts as looser. A guard rail that is added is shown and takes no signature. An addition \
    under `voters` is signed as high if people come by it into a seat of a committee, as medium if into \
    another seat.\n\n\
    Beside the fields:\n\n\
    - A whole `tests/TOOL.yaml` taken away is looser; a whole catalog, rules document or lock that comes or goes is \
    shown, because the proof judges its operations and rules.\n\
    - `catalog/TOOL.lock.json`: a breaking difference counts as looser, a compatible one is shown; a description is \
    shown in full, because it is what the model reads.\n\
    - `rules/NAME.cedar`: `@owner` and `@review_by` as in rules documents, `@description` is shown.\n\
    - `waivers/ID.yaml`: it counts by the signatures of the base's reviewers, as a whole.\n\
    - `reviews/ID.yaml`: it is shown, and moves a day once reviewers of the trust root beside it have signed it.\n\
    - `trust/root.dsse.json`: any difference counts as looser and is signed as high.\n\
    - `.stopgate-version`: it names who judges the next change, so any difference is signed as high. It belongs in a change of its own.\n";
