//! What the author of a first catalog meets: every mistake at once, each with what to write instead.

use std::collections::BTreeSet;

use crate::fixture::{Files, base, codes, compiled, over_base, read, tests};

/// The base, and the catalog of a real server beside it: as written, and with `corrections` made.
fn with_catalog(corrections: &[(&str, &str)]) -> Files {
    let mut files = over_base(read(&tests().join("twelve")));
    let catalog = String::from_utf8(files["catalog/jira.yaml"].clone()).expect("text");
    let corrected = corrections.iter().fold(catalog, |catalog, (from, to)| {
        assert!(catalog.contains(from), "{from}");
        catalog.replacen(from, to, 1)
    });
    files.insert("catalog/jira.yaml".to_owned(), corrected.into_bytes());
    // The real lock, so that the catalog meets what a real server offers.
    let lock = tests().join("../../../policies/catalog/jira.lock.json");
    let lock = std::fs::read(lock).expect("the lock of the reference policies");
    files.insert("catalog/jira.lock.json".to_owned(), lock);
    assert_eq!(files.len(), base().len() + 2);
    files
}

#[test]
fn a_jira_catalog_with_twelve_mistakes_names_all_twelve() {
    let compiled = compiled(with_catalog(&[]));
    let found = codes(&compiled);
    assert_eq!(found.len(), 12, "{found:?}");
    // Twelve kinds, so none of them stands for another.
    assert_eq!(BTreeSet::from_iter(found).len(), 12, "of twelve kinds");
    for diagnostic in compiled.diagnostics.iter() {
        assert!(diagnostic.help.is_some(), "what to write instead");
    }
    insta::with_settings!({ omit_expression => true }, {
        insta::assert_snapshot!(compiled.diagnostics.render(&compiled.sources, false));
    });
}

#[test]
fn corrected_as_the_twelve_say_it_has_none() {
    let compiled = compiled(with_catalog(&[
        ("JIRA_USERNAME=desk", "JIRA_USERNAME"),
        ("serch", "search"),
        ("reads", "read"),
        ("[reporter/email]", "[/reporter/email]"),
        ("summary: {issue_key}", "summary: \"{issue_key}\""),
        ("{issuetype}", "{issue_type}"),
        ("    freshness: 5m\n", ""),
        ("keyz(", "keys("),
        (", words: count(/issue_key)", ", words: text(/issue_key)"),
        (
            "dry_run: none",
            "dry_run: none\n    because: Jira offers none",
        ),
        (
            "select: {pointer: /public, equals: \"true\"}",
            "summary: \"Comment on {issue_key}\"",
        ),
        ("  - delete_issue\n", ""),
    ]));
    assert_eq!(
        compiled.diagnostics.render(&compiled.sources, false),
        "",
        "every help was right"
    );
}
