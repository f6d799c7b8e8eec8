//! The threats and invariants of the documentation have tests, and the tests have rows.
//!
//! A row is a table row whose first cell is an id (`T34`, `I33`, `P2`); its last cell names test functions in backticks.
//! A test that proves a row begins with its id: `t34_…`, `i33_…`, `t34_i33_…`, `i1_to_i11_…`.

use std::collections::{BTreeMap, BTreeSet};

use crate::tree;

const PAGES: [&str; 2] = ["docs/reference/threats.md", "docs/reference/invariants.md"];

/// Ids a test function's name begins with; `i1_to_i3_` is three of them.
fn ids_of(function: &str) -> Vec<String> {
    let mut ids = Vec::new();
    let mut last: Option<(char, u32)> = None;
    let mut range = false;
    for word in function.split('_') {
        let letter = word
            .chars()
            .next()
            .filter(|first| matches!(first, 't' | 'i' | 'p'));
        let number = letter.and_then(|letter| word.strip_prefix(letter)?.parse().ok());
        match (letter.zip(number), last) {
            (Some((letter, to)), Some((before, from))) if range && letter == before => {
                ids.extend(
                    (from + 1..=to)
                        // Words up to the first one that is no id: what follows says what the test tries.
                        .map(|number| format!("{}{number}", letter.to_ascii_uppercase())),
                );
                (last, range) = (Some((letter, to)), false);
            }
            // `i1_to_i3` is a range; in `t1_i3` each id stands by itself.
            (Some((letter, number)), _) => {
                ids.push(format!("{}{number}", letter.to_ascii_uppercase()));
                last = Some((letter, number));
            }
            (None, Some(_)) if word == "to" => range = true,
            (None, _) => break,
        }
    }
    ids
}

/// Every function of the repository's Rust code, with the file it stands in.
pub(crate) fn functions() -> BTreeMap<String, String> {
    let mut functions = BTreeMap::new();
    for file in tree::rust() {
        for line in file.text.lines() {
            let line = line.trim_start().trim_start_matches("async ");
            if let Some(rest) = line.strip_prefix("fn ") {
                let name: String = rest
                    .chars()
                    .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                    .collect();
                functions.insert(name, file.path.clone());
            }
        }
    }
    functions
}

/// Rows by id: the tests they name.
fn rows() -> BTreeMap<String, Vec<String>> {
    let mut rows = BTreeMap::new();
    for page in PAGES {
        let text = std::fs::read_to_string(tree::top().join(page)).expect(page);
        for line in text.lines().filter(|line| line.starts_with("| ")) {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let id = cells[0];
            if ids_of(&id.to_ascii_lowercase()).is_empty() {
                continue;
            }
            let last = cells[cells.len() - 1];
            let tests = last
                .split('`')
                .skip(1)
                .step_by(2)
                .map(str::to_owned)
                .collect();
            assert!(
                rows.insert(id.to_owned(), tests).is_none(),
                "{page}: {id} stands twice"
            );
        }
    }
    assert!(rows.len() > 20, "only {} rows found", rows.len());
    rows
}

#[test]
fn every_row_names_tests_that_exist() {
    let functions = functions();
    let mut findings = Vec::new();
    for (id, tests) in rows() {
        if tests.is_empty() {
            findings.push(format!("{id} names no test"));
        }
        for test in tests {
            if !functions.contains_key(&test) {
                findings.push(format!("{id} names {test}, which does not exist"));
            }
        }
    }
    tree::none(&findings, "a row is a promise with a test");
}

#[test]
fn every_test_named_after_a_row_is_in_that_row() {
    let rows = rows();
    let mut findings = Vec::new();
    for (function, file) in functions() {
        for id in BTreeSet::from_iter(ids_of(&function)) {
            if !rows.get(&id).is_some_and(|tests| tests.contains(&function)) {
                findings.push(format!("{file}: {function} is not in row {id}"));
            }
        }
    }
    tree::none(&findings, "whoever reads a row finds all its tests");
}
