//! Every code has a repository that triggers it, a snapshot of what is printed, and a line in the reference.
//!
//! `tests/diagnostics/CODE/` and `CODE--VARIANT/` lie over `tests/base/`; what cannot be a readable file is made here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use stopgate_author::compile::{Compiled, Sources, compile};
use stopgate_author::diagnostic::{Code, Severity, reference};
use stopgate_author::source::Unread;

use crate::fixture::{Files, base, codes, compiled, edited, over_base, read, tests};

/// What compiling a repository cannot say: guards against mistakes of the compiler's own, which no author can trigger,
/// what takes a date or a proof, which `stopgate check` adds and its tests show, and what no text can be, which
/// [`what_is_no_text_is_a_mistake_of_its_own`] hands over.
const UNREACHABLE: [Code; 13] = [
    Code::CedarSchema,
    Code::Incomplete,
    Code::AboveEveryCeiling,
    Code::OperationWithoutRule,
    Code::RuleMayFail,
    Code::NeverMatches,
    Code::NoEffect,
    Code::NotMonotone,
    Code::Unproved,
    Code::ReviewOverdue,
    Code::ReviewNotSigned,
    Code::NotPolicy,
    Code::NoFreshness,
];

/// Repositories by the name of their fixture, which begins with the code it has to trigger.
fn repositories() -> BTreeMap<String, Files> {
    let mut all = made();
    for entry in std::fs::read_dir(tests().join("diagnostics")).expect("the fixtures") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .expect("a UTF-8 name")
                .to_owned();
            all.insert(name, over_base(read(&path)));
        }
    }
    all
}

/// What would be unreadable, or needs a digest.
fn made() -> BTreeMap<String, Files> {
    let bytes = |path: &str, bytes: Vec<u8>| over_base(Files::from([(path.to_owned(), bytes)]));
    let without = |path: &str| {
        let mut files = base();
        files.remove(path).expect("a file of the base");
        files
    };
    let calendar = String::from_utf8(base()["approvals.yaml"].clone()).expect("text");
    let rules = String::from_utf8(base()["rules/erp.yaml"].clone()).expect("text");
    // With the base's own rules these are more than the 64 that may meet.
    let mut many = rules.clone();
    for at in 0..64 {
        let _ = writeln!(
            many,
            "  - {{id: r{at}, operations: [get_order], profiles: [finance], raise: {{approval: supervisor}}}}"
        );
    }
    let mut guardrails = String::from_utf8(base()["rules/guardrails.cedar"].clone()).expect("text");
    // One more than may reach everybody at one operation.
    for at in 0..17 {
        let _ = writeln!(
            guardrails,
            "@id(\"g{at}\") @owner(\"security\") @review_by(\"2027-03-31\")\n\
             forbid (principal, action == Stopgate::Action::\"erp/get_order\", resource) when {{ context.time.business }};"
        );
    }
    BTreeMap::from([
        (
            "file-too-large".to_owned(),
            bytes("approvals.yaml", vec![b'#'; 1024 * 1024 + 1]),
        ),
        (
            "not-utf8".to_owned(),
            bytes(
                "approvals.yaml",
                [calendar.as_bytes(), b"# caf\xe9\n"].concat(),
            ),
        ),
        (
            "byte-order-mark".to_owned(),
            bytes(
                "approvals.yaml",
                ["\u{feff}", &calendar].concat().into_bytes(),
            ),
        ),
        (
            "tab".to_owned(),
            edited("approvals.yaml", "  zone", "\tzone"),
        ),
        (
            "tab--inside".to_owned(),
            edited("approvals.yaml", "zone: ", "zone:\t"),
        ),
        (
            "invisible-character".to_owned(),
            edited(
                "rules/erp.yaml",
                "owner: finance-risk",
                "owner: finance-risk # reviewed \u{202e}ksir on\u{202c}",
            ),
        ),
        ("missing-document".to_owned(), without("approvals.yaml")),
        (
            "missing-document--lock".to_owned(),
            without("catalog/erp.lock.json"),
        ),
        (
            "missing-document--tests".to_owned(),
            without("tests/erp.yaml"),
        ),
        (
            "lock-invalid".to_owned(),
            edited(
                "catalog/erp.lock.json",
                "Read one order.",
                "Read every order.",
            ),
        ),
        (
            "lock-invalid--json".to_owned(),
            edited("catalog/erp.lock.json", "{", "{,"),
        ),
        ("unsupported-schema".to_owned(), with_odd_schema()),
        (
            "dry-run-arguments--called-like-a-word".to_owned(),
            with_an_argument_called_examples(),
        ),
        (
            "too-many-rules".to_owned(),
            bytes("rules/erp.yaml", many.into_bytes()),
        ),
        (
            "too-many-guardrails".to_owned(),
            bytes("rules/guardrails.cedar", guardrails.into_bytes()),
        ),
    ])
}

/// The base with a function whose input is no object.
fn with_odd_schema() -> Files {
    use stopgate_author::lock::{Lock, LockedFunction};
    use stopgate_decide::json::Json;
    let mut files = base();
    let mut lock = Lock::parse(&files["catalog/erp.lock.json"]).expect("the base's lock");
    let text = br#"{"name": "get_order", "inputSchema": {"type": "string"}}"#;
    let definition = Json::parse(text, Lock::LIMITS).expect("JSON");
    lock.functions.insert(
        "get_order".to_owned(),
        LockedFunction::new(definition).expect("a definition"),
    );
    files.insert(
        "catalog/erp.lock.json".to_owned(),
        lock.to_string().into_bytes(),
    );
    files
}

/// An argument of the operation that its preview does not have, called like a keyword of schemas that says nothing.
fn with_an_argument_called_examples() -> Files {
    use stopgate_author::lock::{Lock, LockedFunction};
    use stopgate_decide::json::Json;
    let mut files = edited(
        "catalog/erp.yaml",
        "input: {mask: [/bank_account]}",
        "input: {mask: [/to/examples]}",
    );
    let mut lock = Lock::parse(&files["catalog/erp.lock.json"]).expect("the base's lock");
    for (name, more) in [
        ("create_refund", r#", "examples": {"type": "string"}"#),
        ("preview_refund", ""),
    ] {
        let text = format!(
            r#"{{"name": "{name}", "inputSchema": {{"type": "object", "properties": {{
                "order_id": {{"type": "string"}}, "amount_cents": {{"type": "integer", "minimum": 1}},
                "currency": {{"type": "string", "enum": ["EUR", "GBP", "USD"]}},
                "to": {{"type": "object", "properties": {{"iban": {{"type": "string"}}{more}}}, "additionalProperties": false}}}},
                "required": ["order_id", "amount_cents", "currency"], "additionalProperties": false}}}}"#
        );
        let definition = Json::parse(text.as_bytes(), Lock::LIMITS).expect("JSON");
        let function = LockedFunction::new(definition).expect("a definition");
        lock.functions.insert(name.to_owned(), function);
    }
    files.insert(
        "catalog/erp.lock.json".to_owned(),
        lock.to_string().into_bytes(),
    );
    files
}

fn code_of(fixture: &str) -> &str {
    fixture.split("--").next().unwrap_or(fixture)
}

#[test]
fn every_code_has_a_fixture_and_every_fixture_triggers_its_code_alone() {
    let mut covered: BTreeSet<&str> = UNREACHABLE.iter().map(|code| code.as_str()).collect();
    let repositories = repositories();
    let mut wrong = String::new();
    for (fixture, files) in &repositories {
        let code = Code::from_name(code_of(fixture))
            .unwrap_or_else(|| panic!("{fixture} is named after no code"));
        covered.insert(code.as_str());
        let compiled = compiled(files.clone());
        let found: BTreeSet<_> = codes(&compiled).into_iter().collect();
        // Alone: a mistake that brings others along hides what has to be mended.
        if found != BTreeSet::from([code.as_str()]) {
            let _ = writeln!(wrong, "{fixture}: {found:?}\n{}", rendered(&compiled));
            continue;
        }
        assert_eq!(
            compiled.policy.is_none(),
            code.severity() == Severity::Error,
            "{fixture}"
        );
        for diagnostic in compiled.diagnostics.iter() {
            assert!(!diagnostic.labels.is_empty(), "{fixture}: no place");
            assert!(diagnostic.help.is_some(), "{fixture}: no help");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    for code in Code::ALL {
        assert!(
            covered.contains(code.as_str()),
            "no fixture triggers {}",
            code.as_str()
        );
    }
}

#[test]
fn what_is_printed_for_every_fixture_is_reviewed() {
    for (fixture, files) in repositories() {
        let compiled = compiled(files);
        insta::with_settings!({ snapshot_path => tests().join("diagnostics"), prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(fixture, rendered(&compiled));
        });
    }
}

fn rendered(compiled: &Compiled) -> String {
    compiled.diagnostics.render(&compiled.sources, false)
}

#[test]
fn what_is_no_text_is_a_mistake_of_its_own() {
    let mut shown = String::new();
    for unread in [
        Unread::Link,
        Unread::Submodule,
        Unread::LfsPointer,
        Unread::Mode(0o100_600),
        Unread::Long(1 << 30),
    ] {
        for path in ["rules/erp.yaml", "profiles.yaml", "catalog", "trust"] {
            let mut files = base();
            files.remove(path);
            let sources = Sources::new(files).with_unread([(path.to_owned(), unread)]);
            let compiled = compile(sources.clone());
            assert!(compiled.policy.is_none(), "{path}: {unread:?}");
            let code = match unread {
                Unread::Long(_) => Code::FileTooLarge,
                Unread::Link | Unread::Submodule | Unread::LfsPointer | Unread::Mode(_) => {
                    Code::NotPolicy
                }
            };
            assert!(
                codes(&compiled).contains(&code.as_str()),
                "{path}: {unread:?}"
            );
            // As a base it means nothing either: what stands there is not known.
            assert!(compile(sources.of_a_base()).policy.is_none(), "{path}");
            if path == "rules/erp.yaml" {
                shown.push_str(&rendered(&compiled));
            }
        }
    }
    insta::with_settings!({ snapshot_path => tests().join("diagnostics"), prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("not-policy", shown);
    });
}

#[test]
fn colour_only_adds_escapes_and_json_says_the_same() {
    let compiled = compiled(edited("rules/erp.yaml", "risk: medium", "risk: medum"));
    let plain = rendered(&compiled);
    let coloured = compiled.diagnostics.render(&compiled.sources, true);
    assert!(coloured.contains('\u{1b}') && !plain.contains('\u{1b}'));
    let expected = serde_json::json!([{
        "code": "unknown-word",
        "severity": "error",
        "message": "unknown word `medum`",
        "help": "did you mean `medium`? write `low`, `medium` or `high`",
        "labels": [{
            "file": "rules/erp.yaml", "line": 14, "column": 11, "end_line": 14, "end_column": 16,
            "text": "not a known word",
        }],
    }]);
    assert_eq!(compiled.diagnostics.to_json(&compiled.sources), expected);
}

#[test]
fn nothing_hidden_is_printed() {
    let hidden = "owner: finance-risk # \u{1b}[2J \u{202e} \u{ad} \u{e0041} \u{7f}";
    let compiled = compiled(edited("rules/erp.yaml", "owner: finance-risk", hidden));
    let printed =
        rendered(&compiled) + &compiled.diagnostics.to_json(&compiled.sources).to_string();
    for c in ['\u{1b}', '\u{202e}', '\u{ad}', '\u{e0041}', '\u{7f}'] {
        assert!(!printed.contains(c), "U+{:04X}", u32::from(c));
    }
    assert_eq!(codes(&compiled), ["invisible-character"; 5]);
}

#[test]
fn the_reference_page_is_current() {
    let path = tests().join("../../../docs/reference/diagnostics.md");
    let made = reference();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &made).expect("a writable page");
    }
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        page == made,
        "run the tests with BLESS=1 to write docs/reference/diagnostics.md again"
    );
}

#[test]
fn codes_are_kebab_case_and_unique() {
    let names: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(names.len(), Code::ALL.len());
    for name in names {
        assert!(
            name.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'),
            "{name}"
        );
        assert_eq!(Code::from_name(name).map(Code::as_str), Some(name));
    }
}
