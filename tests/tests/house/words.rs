//! What names and sentences the code uses, counted: `ci/measures` prints the table, and no count here may get worse.
//!
//! Only what people write for the programs is counted: tests, benches and generated code are left out. The code is read
//! line by line as rustfmt leaves it, which is all that is needed to find a name or the sentence above it.

use std::collections::BTreeMap;

use crate::tree;

/// Most names that stand for several types in one crate. It may only fall.
const MOST_NAMES_OF_SEVERAL_TYPES: usize = 10;

/// The sources of one crate.
const CRATES: [&str; 6] = [
    "policy-lang/decide/src/",
    "policy-lang/author/src/",
    "compiler/src/",
    "sidecar/src/",
    "store/src/",
    "proto/clients/rust/src/",
];

/// What is counted in all crates together.
#[derive(Default)]
struct Words {
    functions: usize,
    one_word: usize,
    bare_of: Vec<String>,
    documented: usize,
    /// Functions whose text begins with something else.
    begin_otherwise: Vec<String>,
    lines: usize,
    comments: usize,
    /// Of each type name: where it is defined, in one crate.
    types: BTreeMap<(&'static str, String), Vec<String>>,
}

impl Words {
    fn count() -> Self {
        let mut words = Self::default();
        for file in tree::rust() {
            let of_tests = file.path.ends_with("tests.rs") || file.path.contains("/tests/");
            if let Some(home) = CRATES.iter().find(|home| file.path.starts_with(**home))
                && !of_tests
            {
                words.file(home, &file);
            }
        }
        words
    }

    fn file(&mut self, home: &'static str, file: &tree::File) {
        let mut doc: Option<&str> = None;
        for (at, line) in file.text.lines().enumerate() {
            let text = line.trim_start();
            // Tests at the end of a file are left out with everything behind them.
            if text.starts_with("#[cfg(test)]") && line.starts_with('#') {
                return;
            }
            if let Some(said) = text.strip_prefix("/// ") {
                doc = doc.or(Some(said));
            } else if text.starts_with("//!") || text.is_empty() {
                doc = None;
            } else if text.starts_with("//") {
                self.comments += 1;
                self.lines += 1;
            } else {
                self.lines += 1;
                self.item(home, &format!("{}:{}", file.path, at + 1), line, doc);
                if !text.starts_with('#') {
                    doc = None;
                }
            }
        }
    }

    fn item(&mut self, home: &'static str, place: &str, line: &str, doc: Option<&str>) {
        let words: Vec<&str> = line
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .filter(|word| {
                !word.is_empty() && !["pub", "crate", "super", "in", "self"].contains(word)
            })
            .collect();
        let words: Vec<&str> = words
            .into_iter()
            .skip_while(|word| ["const", "async", "unsafe"].contains(word))
            .collect();
        let [kind, name, ..] = words.as_slice() else {
            return;
        };
        match *kind {
            "fn" if line.contains(&format!("fn {name}")) => {
                self.functions += 1;
                self.one_word += usize::from(!name.contains('_'));
                if *name == "of" {
                    self.bare_of.push(place.to_owned());
                }
                self.documented += usize::from(doc.is_some());
                let other = doc.filter(|doc| !begins_with_verb(doc));
                self.begin_otherwise
                    .extend(other.map(|doc| format!("{place}: {doc}")));
            }
            "struct" | "enum" | "union" | "type"
                if !line.trim_start().starts_with("type") || !line.starts_with(' ') =>
            {
                let of_name = self.types.entry((home, (*name).to_owned()));
                of_name.or_default().push(place.to_owned());
            }
            _ => {}
        }
    }

    fn names_of_several_types(&self) -> Vec<String> {
        let several = self.types.iter().filter(|(_, places)| places.len() > 1);
        several
            .map(|((home, name), places)| format!("{home} {name}: {}", places.join(", ")))
            .collect()
    }
}

/// Whether a sentence begins as "Returns …" does.
fn begins_with_verb(doc: &str) -> bool {
    let first = doc.split([' ', ',', '.', ':']).next().unwrap_or_default();
    let other = [
        "This", "Its", "Names", "Places", "Rules", "As", "Is", "Whose", "Us",
    ];
    first.len() > 2
        && first.chars().next().is_some_and(char::is_uppercase)
        && first.chars().skip(1).all(char::is_lowercase)
        && first.ends_with('s')
        && !first.ends_with("ss")
        && !other.contains(&first)
}

#[test]
fn measures() {
    let words = Words::count();
    let share = |part: usize, of: usize| {
        let tenths = part.saturating_mul(1000) / of.max(1);
        format!("{}.{} %", tenths / 10, tenths % 10)
    };
    let several = words.names_of_several_types();
    let begins = words.documented - words.begin_otherwise.len();
    for (what, count) in [
        ("functions", words.functions.to_string()),
        (
            "functions of one word",
            share(words.one_word, words.functions),
        ),
        ("functions called `of`", words.bare_of.len().to_string()),
        ("documented functions", words.documented.to_string()),
        (
            "whose text begins with a verb",
            share(begins, words.documented),
        ),
        (
            "names of several types in one crate",
            several.len().to_string(),
        ),
        ("lines of code and comments", words.lines.to_string()),
        (
            "lines that are comments",
            share(words.comments, words.lines),
        ),
    ] {
        println!("{what:<40}{count:>8}");
    }
    assert!(words.functions > 2000, "the code was not found");
}

#[test]
fn no_function_is_called_of() {
    tree::none(
        &Words::count().bare_of,
        "a constructor says what it makes of what: new, from_x, read, build",
    );
}

#[test]
fn docs_of_functions_begin_with_a_verb() {
    tree::none(
        &Words::count().begin_otherwise,
        "a function's text begins with what the function does: Returns …, Reads …, Checks whether …",
    );
}

#[test]
fn few_names_stand_for_several_types() {
    let several = Words::count().names_of_several_types();
    if several.len() > MOST_NAMES_OF_SEVERAL_TYPES {
        tree::none(
            &several,
            "a type's name says what it is, and is its own in the crate",
        );
    }
}
