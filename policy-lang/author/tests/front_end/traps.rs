//! Traps of YAML and of Cedar: texts that some reader takes for something else. Each is refused with the code that
//! says so, wherever in a repository it stands.

use std::collections::BTreeSet;

use crate::fixture::{Files, codes, compiled, edited, over_base};

/// What is written for the owner of the rules, and the one code that is printed.
const OWNERS: [(&str, &str); 33] = [
    ("yes", "ambiguous-scalar"),
    ("No", "ambiguous-scalar"),
    ("on", "ambiguous-scalar"),
    ("OFF", "ambiguous-scalar"),
    ("y", "ambiguous-scalar"),
    ("~", "ambiguous-scalar"),
    ("NULL", "ambiguous-scalar"),
    ("True", "ambiguous-scalar"),
    ("0o17", "ambiguous-scalar"),
    ("017", "ambiguous-scalar"),
    ("0x1F", "ambiguous-scalar"),
    ("0b11", "ambiguous-scalar"),
    ("1_000", "ambiguous-scalar"),
    ("+1", "ambiguous-scalar"),
    ("1e3", "ambiguous-scalar"),
    (".inf", "ambiguous-scalar"),
    (".NaN", "ambiguous-scalar"),
    ("190:20:30", "ambiguous-scalar"),
    ("=", "ambiguous-scalar"),
    ("true", "wrong-type"),
    ("12", "wrong-type"),
    ("1.5", "wrong-type"),
    ("null", "wrong-type"),
    ("2026-11-24", "wrong-type"),
    ("[a]", "wrong-type"),
    ("{a: b}", "wrong-type"),
    ("", "empty-value"),
    ("&o finance-risk", "yaml-anchor"),
    ("!!str finance-risk", "yaml-tag"),
    ("!local finance-risk", "yaml-tag"),
    ("!<tag:yaml.org,2002:str> finance-risk", "yaml-tag"),
    ("\"finance\\u200brisk\"", "invisible-character"),
    ("f\u{456}nance", "invalid-name"),
];

/// What stands in place of a line of the rules, and the codes that are printed.
const LINES: [(&str, &str, &[&str]); 28] = [
    (
        "owner: finance-risk",
        "owner: a\nowner: b",
        &["yaml-duplicate-key"],
    ),
    (
        "owner: finance-risk",
        "owner: a\n\"owner\": b",
        &["yaml-duplicate-key"],
    ),
    (
        "owner: finance-risk",
        "owner: a\n'own\u{65}r': b",
        &["yaml-duplicate-key"],
    ),
    (
        "owner: finance-risk",
        "owner: a\n\"own\\x65r\": b",
        &["yaml-duplicate-key"],
    ),
    (
        "owner: finance-risk",
        "Owner: finance-risk",
        &["unknown-key", "missing-key"],
    ),
    (
        "owner: finance-risk",
        "ownr: finance-risk",
        &["unknown-key", "missing-key"],
    ),
    (
        "owner: finance-risk",
        "? owner\n: finance-risk",
        &["missing-key", "yaml-key"],
    ),
    (
        "owner: finance-risk",
        "? [owner]\n: finance-risk",
        &["missing-key", "yaml-key"],
    ),
    (
        "owner: finance-risk",
        "<<: {owner: finance-risk}",
        &["missing-key", "yaml-merge-key"],
    ),
    ("owner: finance-risk", "owner: *o", &["yaml-alias"]),
    (
        "stopgate: 1",
        "%YAML 1.1\n---\nstopgate: 1",
        &["yaml-directive"],
    ),
    ("stopgate: 1", "stopgate: 2", &["unknown-format"]),
    ("stopgate: 1", "stopgate: 1.0", &["wrong-type"]),
    ("stopgate: 1", "stopgate: \"1\"", &["wrong-type"]),
    ("stopgate: 1", "stopgate: 01", &["ambiguous-scalar"]),
    ("stopgate: 1", "!rules\nstopgate: 1", &["yaml-tag"]),
    (
        "review_by: 2027-03-31",
        "review_by: 2027-3-31",
        &["invalid-date"],
    ),
    (
        "review_by: 2027-03-31",
        "review_by: 2027-02-30",
        &["invalid-date"],
    ),
    (
        "review_by: 2027-03-31",
        "review_by: 2027-03-31T00:00:00Z",
        &["invalid-date"],
    ),
    ("risk: low", "risk: LOW", &["unknown-word"]),
    ("risk: low", "risk: none", &["unknown-word"]),
    ("approval: automatic", "approval: auto", &["unknown-word"]),
    (
        "operations: [get_order, preview_refund]",
        "operations: get_order",
        &["wrong-type"],
    ),
    (
        "operations: [get_order, preview_refund]",
        "operations: [get_order, get_order]",
        &["duplicate-entry"],
    ),
    (
        "operations: [get_order, preview_refund]",
        "operations: ['*']",
        &["invalid-name"],
    ),
    (
        "operations: [get_order, preview_refund]",
        "operations: []",
        &["empty-list"],
    ),
    (
        "profiles: [support, finance]",
        "profiles: [support, finnance]",
        &["unknown-profile"],
    ),
    (
        "risk: low",
        "risk: low\n    unless: context.time.business",
        &["unknown-key"],
    ),
];

/// Conditions, and the one code that is printed.
const CONDITIONS: [(&str, &str); 22] = [
    ("context.input.amount_cents = 1", "cedar-syntax"),
    (
        "context.input.amount_cents <= 1 };\npermit (principal, action, resource) when { true",
        "cedar-syntax",
    ),
    ("true } unless { false", "cedar-syntax"),
    ("true; forbid(principal,action,resource)", "cedar-syntax"),
    (
        "context.input.amount_cents <= 1 /* said twice */",
        "cedar-syntax",
    ),
    ("context == {}", "bare-context"),
    ("context has input", "bare-context"),
    (
        "principal in Stopgate::Profile::\"nobody\"",
        "unknown-profile",
    ),
    ("resource in Stopgate::Profile::\"finance\"", "profile-test"),
    ("principal == Stopgate::User::\"subject\"", "person-test"),
    ("?principal == principal", "cedar-syntax"),
    ("context.input.reason == \"x\"", "cedar-type"),
    ("context.input.amount_cents == \"x\"", "cedar-type"),
    (
        "context.input.amount_cents > 99999999999999999999",
        "cedar-syntax",
    ),
    ("context.input.amount_cents", "cedar-type"),
    (
        "context.input.currency like context.input.order_id",
        "cedar-syntax",
    ),
    ("context.input.amount > 1", "unknown-argument"),
    ("context.input has amount", "unknown-argument"),
    ("context.facts.rows == 1", "unknown-argument"),
    (
        "context.evidence.approval == \"supervisor\"",
        "unknown-argument",
    ),
    ("context.input has bank_account", "opaque-argument"),
    (
        "context.input.currency == \"E\u{202e}UR\"",
        "invisible-character",
    ),
];

/// Rules of a Cedar file, with their annotations, and the codes that are printed.
const CEDAR: [(&str, &[&str]); 20] = [
    (
        "permit (principal, action, resource);",
        &["cedar-annotation", "cedar-shape"],
    ),
    (
        "@id(\"x\") @owner(\"o\") @review_by(\"2027-03-31\")\npermit (principal, action, resource);",
        &["cedar-shape"],
    ),
    (
        "@id(\"x\") @owner(\"o\") @review_by(\"2027-03-31\") @risk(\"low\") @approval(\"automatic\")\npermit (principal, action == Stopgate::Action::\"erp/get_order\", resource);",
        &["unscoped-grant"],
    ),
    (
        "@id(\"x\") @owner(\"o\") @review_by(\"2027-03-31\") @risk(\"low\") @approval(\"automatic\")\npermit (principal in Stopgate::Profile::\"finance\", action, resource);",
        &["cedar-shape"],
    ),
    (
        "@id(\"x\") @owner(\"o\") @review_by(\"2027-03-31\") @risk(\"low\") @approval(\"automatic\")\npermit (principal in Stopgate::Profile::\"finance\", action in Stopgate::Action::\"@read\", resource);",
        &["cedar-shape"],
    ),
    (
        "@id(\"x\") @owner(\"o\") @review_by(\"2027-03-31\") @risk(\"low\")\nforbid (principal, action, resource);",
        &["cedar-shape"],
    ),
    (
        "@id(\"x\") @owner(\"o\") @review_by(\"2027-03-31\") @approval(\"automatic\")\nforbid (principal, action, resource);",
        &["cedar-shape"],
    ),
    (
        "@id(\"x\") @owner(\"o\") @review_by(\"2027-03-31\") @approval(\"\")\nforbid (principal, action, resource);",
        &["cedar-annotation"],
    ),
    (
        "@id(\"x\") @owner(\"o\") @review_by(\"2027-03-31\") @aproval(\"committee\")\nforbid (principal, action, resource);",
        &["cedar-annotation"],
    ),
    (
        "@id(\"x\") @owner(\"o\") @review_by(\"2027-03-31\") @approval(\"Committee\")\nforbid (principal, action, resource);",
        &["cedar-annotation"],
    ),
    (
        "@id(\"x\") @id(\"y\") @owner(\"o\") @review_by(\"2027-03-31\")\nforbid (principal, action, resource);",
        &["cedar-syntax"],
    ),
    (
        "@id(\"x\") @owner(\"o\") @review_by(\"soon\")\nforbid (principal, action, resource);",
        &["cedar-annotation"],
    ),
    (
        "@id(\"x/y\") @owner(\"o\") @review_by(\"2027-03-31\")\nforbid (principal, action, resource);",
        &["cedar-annotation"],
    ),
    (
        "@id(\"x\") @owner(\"o\") @review_by(\"2027-03-31\")\nforbid (principal == ?principal, action, resource);",
        &["cedar-template"],
    ),
    (
        "@id(\"x\") @owner(\"o\") @review_by(\"2027-03-31\")\nforbid (principal in Stopgate::Profile::\"nobody\", action, resource);",
        &["unknown-profile"],
    ),
    (
        "@id(\"x\") @owner(\"o\") @review_by(\"2027-03-31\")\nforbid (principal, action == Stopgate::Action::\"erp/nothing\", resource);",
        &["unknown-operation"],
    ),
    (
        "@id(\"x\") @owner(\"o\") @review_by(\"2027-03-31\")\nforbid (principal, action in Stopgate::Action::\"@all\", resource);",
        &["unknown-operation"],
    ),
    (
        "@id(\"x\") @owner(\"o\") @review_by(\"2027-03-31\")\nforbid (principal == Stopgate::User::\"ana\", action, resource);",
        &["profile-test"],
    ),
    (
        "@id(\"x\") @owner(\"o\") @review_by(\"2027-03-31\")\nforbid (principal, action, resource) when { context.input.amount_cents > 1 };",
        &["cedar-type"],
    ),
    (
        "@id(\"x\") @owner(\"o\") @review_by(\"2027-03-31\")\nforbid (principal, action == Stopgate::Action::\"erp/create_refund\", resource) when { context.input has reason };",
        &["absence-switches-off"],
    ),
];

fn printed(files: Files) -> Vec<&'static str> {
    codes(&compiled(files))
}

#[test]
fn t6_values_that_readers_take_differently_are_refused() {
    let wrong: Vec<String> = OWNERS
        .iter()
        .filter_map(|(owner, code)| {
            // Exactly one: a text that is refused twice was looked at after it was refused.
            let found = printed(edited("rules/erp.yaml", "finance-risk", owner));
            (found != [*code]).then(|| format!("owner: {owner}: {found:?}, not {code}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn t6_lines_that_readers_take_differently_are_refused() {
    let wrong: Vec<String> = LINES
        .iter()
        .filter_map(|(from, to, codes)| {
            let found: BTreeSet<&str> = printed(edited("rules/erp.yaml", from, to))
                .into_iter()
                .collect();
            let expected: BTreeSet<&str> = codes.iter().copied().collect();
            (found != expected).then(|| format!("{to}: {found:?}, not {expected:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn t4_conditions_that_mean_something_else_are_refused() {
    let wrong: Vec<String> = CONDITIONS
        .iter()
        .filter_map(|(condition, code)| {
            // In a block scalar, so that the text is Cedar's and no trap of YAML.
            let block = condition.replace('\n', "\n      ");
            let files = edited(
                "rules/erp.yaml",
                "when: context.input.amount_cents <= 50000",
                &format!("when: |-\n      {block}"),
            );
            let found: BTreeSet<&str> = printed(files).into_iter().collect();
            (found != BTreeSet::from([*code]))
                .then(|| format!("{condition}: {found:?}, not {code}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn t4_rules_in_cedar_that_are_none_of_the_three_are_refused() {
    let wrong: Vec<String> = CEDAR
        .iter()
        .filter_map(|(text, codes)| {
            let files = Files::from([(
                "rules/guardrails.cedar".to_owned(),
                text.as_bytes().to_vec(),
            )]);
            // The base's tests name the rule that stood there.
            let found: BTreeSet<&str> = printed(over_base(files))
                .into_iter()
                .filter(|code| *code != "unknown-rule")
                .collect();
            let codes: BTreeSet<&str> = codes.iter().copied().collect();
            (found != codes).then(|| format!("{text}: {found:?}, not {codes:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
