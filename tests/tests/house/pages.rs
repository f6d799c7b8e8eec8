//! The pages for whoever changes the code name what exists: files, tests, types, keys of documents.
//!
//! A name in backticks is a path if it begins with a place of the top level, and a test if it has three underscores. In the
//! last column of a table of the glossary it is a type, `package::module::Type`, or a key, `document#path`.

use std::collections::BTreeSet;

use stopgate_author::change::settings;

use crate::{rows, tree};

const GLOSSARY: &str = "docs/glossary.md";
const PAGES: [&str; 3] = ["ARCHITECTURE.md", "CONTRIBUTING.md", GLOSSARY];

/// Longest architecture page, in lines: whoever is new reads all of it.
const LONGEST: usize = 150;

/// Folders of a policy repository that are called like a place of the top level.
const DOCUMENTS: [&str; 1] = ["tests/TOOL.yaml"];

/// Reads a page.
fn page(path: &str) -> String {
    std::fs::read_to_string(tree::top().join(path)).expect(path)
}

/// Returns every text between two backticks outside code blocks.
fn quoted(page: &str) -> Vec<&str> {
    // Every other piece is inside a code block.
    let outside = page.split("\n```").step_by(2);
    outside
        .flat_map(|text| text.split('`').skip(1).step_by(2))
        .collect()
}

/// Returns the path that `text` names, up to the first part that is a placeholder such as `NAME` or `CODE`; `None` for
/// a text that is no path.
fn path(text: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    let (first, rest) = text.split_once('/')?;
    // A first part that exists makes a path of it; others are paths of policy repositories.
    let is_path = text.chars().all(plain)
        && !DOCUMENTS.contains(&text)
        && (tree::top().join(first).exists() || rest.ends_with(".rs"));
    let is_placeholder = |part: &str| {
        let stem = part.split('.').next().unwrap_or_default();
        stem.len() > 1 && stem.chars().all(|c| c.is_ascii_uppercase())
    };
    // `NAME` and `CODE` stand for any file, so only what is before them has to exist.
    let named: Vec<&str> = text
        .split('/')
        .take_while(|part| !is_placeholder(part))
        .collect();
    is_path.then(|| named.join("/"))
}

/// Whether `text` is the name of a test.
fn is_test(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    text.chars().all(plain) && text.matches('_').count() >= 3
}

#[test]
fn the_pages_name_files_and_tests_that_exist() {
    let functions = rows::functions();
    let mut findings = Vec::new();
    let (mut paths, mut tests) = (0, 0);
    for at in PAGES {
        let text = page(at);
        for quoted in quoted(&text) {
            if let Some(path) = path(quoted) {
                paths += 1;
                if !tree::top().join(&path).exists() {
                    findings.push(format!("{at}: {quoted} does not exist"));
                }
            } else if is_test(quoted) {
                tests += 1;
                if !functions.contains_key(quoted) {
                    findings.push(format!("{at}: no test is called {quoted}"));
                }
            }
        }
    }
    assert!(paths > 100 && tests > 10, "{paths} paths, {tests} tests");
    tree::none(&findings, "a page for a newcomer names what is there");
}

#[test]
fn the_architecture_is_read_in_one_sitting() {
    let lines = page("ARCHITECTURE.md").lines().count();
    assert!(lines <= LONGEST, "{lines} lines");
}

#[test]
fn the_readme_leads_to_the_pages() {
    let readme = page("README.md");
    for at in PAGES {
        assert!(readme.contains(&format!("]({at})")), "{at}");
    }
}

/// A word of the glossary, and where it lives.
struct Word {
    word: String,
    places: Vec<String>,
}

/// Returns the rows of the glossary's tables.
fn words(page: &str) -> Vec<Word> {
    let rows = page.lines().filter(|line| line.starts_with("| "));
    let rows = rows.filter(|line| !line.starts_with("| word |"));
    rows.map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        assert_eq!(cells.len(), 3, "{line}");
        Word {
            word: cells[0].to_owned(),
            places: quoted(cells[2]).into_iter().map(str::to_owned).collect(),
        }
    })
    .collect()
}

/// Whether a line of `text` begins to define `name`: as an item, or as an entry of an enum or of a macro's list.
fn defines(text: &str, name: &str) -> bool {
    text.lines().any(|line| {
        let line = line.trim_start();
        // `pub(crate)` and its like stand before the keyword.
        let item = line.strip_prefix("pub").map_or(line, |rest| {
            let rest = match rest.strip_prefix('(') {
                Some(rest) => rest.split_once(')').map_or("", |(_, rest)| rest),
                None => rest,
            };
            rest.trim_start()
        });
        let keywords = ["struct ", "enum ", "trait ", "type ", "fn "];
        let declared = keywords.iter().find_map(|word| item.strip_prefix(word));
        let rest = declared.unwrap_or(item).strip_prefix(name);
        rest.is_some_and(|rest| match declared {
            Some(_) => !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'),
            // Entries of enums, and names in the lists of macros, have no keyword before them.
            None => [",", "(", " {", " =", " SMALL", " ANY"]
                .iter()
                .any(|after| rest.starts_with(after)),
        })
    })
}

/// Whether `place`, such as `compiler::diff::model::Class::Looser`, is defined in the module that it names or below it.
fn lives(place: &str, files: &[tree::File]) -> bool {
    let segments: Vec<&str> = place.split("::").collect();
    let is_module = |segment: &&str| !segment.starts_with(|c: char| c.is_ascii_uppercase());
    let modules = segments.iter().copied().take_while(is_module).count();
    // The last segment of a function is no module.
    let modules = modules.min(segments.len() - 1);
    let (modules, names) = segments.split_at(modules);
    let [package, within @ ..] = modules else {
        return false;
    };
    let stem = format!("{package}/src/{}", within.join("/"));
    let (file, folder) = (format!("{stem}.rs"), format!("{stem}/"));
    !within.is_empty()
        && files.iter().any(|one| {
            (one.path == file || one.path.starts_with(&folder))
                && names.iter().all(|name| defines(&one.text, name))
        })
}

#[test]
fn every_word_of_the_glossary_is_a_type_or_a_key_that_exists() {
    let files = tree::rust();
    let keys: BTreeSet<String> = settings()
        .into_iter()
        .map(|setting| format!("{}#{}", setting.document, setting.field))
        .collect();
    let words = words(&page(GLOSSARY));
    assert!(words.len() > 80, "{} words", words.len());
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    for Word { word, places } in &words {
        if !seen.insert(word) {
            findings.push(format!("{word} stands twice"));
        }
        if places.is_empty() {
            findings.push(format!("{word} lives nowhere"));
        }
        for place in places {
            let exists = match place.contains('#') {
                true => keys.contains(place),
                false => lives(place, &files),
            };
            if !exists {
                findings.push(format!("{word}: there is no {place}"));
            }
        }
    }
    tree::none(&findings, "a word means something that exists");
}

#[test]
fn what_does_not_exist_is_found() {
    let files = tree::rust();
    for (place, is_there) in [
        ("policy-lang/decide::surface::Surface", true),
        ("policy-lang/decide::surface::Surfac", false),
        ("policy-lang/decide::decide::Surface", false),
        ("policy-lang/author::Surface", false),
        ("policy-lang/decide::name::ChannelName", true),
        ("compiler::diff::model::Class::Looser", true),
        ("compiler::diff::model::Class::Louder", false),
        ("policy-lang/author::cedar::form::match_form", true),
        ("policy-lang/author::cedar::form::no_form", false),
    ] {
        assert_eq!(lives(place, &files), is_there, "{place}");
    }
    for (text, named) in [
        (
            "policy-lang/author/src/lib.rs",
            Some("policy-lang/author/src/lib.rs"),
        ),
        ("nowhere/lib.rs", Some("nowhere/lib.rs")),
        ("compiler/src/cli/NAME.rs", Some("compiler/src/cli")),
        ("rules/TOOL.yaml", None),
        ("tests/TOOL.yaml", None),
        ("permit/route", None),
    ] {
        assert_eq!(path(text).as_deref(), named, "{text}");
    }
}
