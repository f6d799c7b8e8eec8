//! Locks as they are written and read back, and the class of each change of a definition.

use std::collections::BTreeSet;

use super::*;

fn json(text: &str) -> Json {
    Json::parse(text.as_bytes(), Lock::LIMITS).expect("strict JSON")
}

const REFUND: &str = r#"{
    "name": "create_refund", "title": "Refund", "description": "Refund an order.", "icons": [],
    "inputSchema": {
        "type": "object", "additionalProperties": false, "required": ["order_id", "amount"],
        "properties": {
            "order_id": {"type": "string", "minLength": 1, "maxLength": 40},
            "amount": {"type": "integer", "minimum": 1, "maximum": 1000},
            "currency": {"enum": ["EUR", "GBP"]},
            "lines": {"type": "array", "items": {"type": "object", "properties": {"sku": {"type": ["string", "null"]}}}}
        }
    },
    "outputSchema": {"type": "object", "properties": {"id": {"type": "string"}}},
    "annotations": {"destructiveHint": true}
}"#;

fn lock_of(definitions: &[&str]) -> Lock {
    let functions = definitions
        .iter()
        .map(|text| LockedFunction::new(json(text)).expect("a definition"));
    Lock {
        tool: ToolName::new("erp").expect("a name"),
        contract: "2.1.0".parse().expect("a version"),
        server: ServerIdentity {
            name: "acme-erp".into(),
            version: "2.1.0".into(),
        },
        protocol: "2025-11-25".into(),
        instructions: Some(Digest::compute(b"be careful")),
        functions: functions
            .map(|function| (function.name().to_owned(), function))
            .collect(),
    }
}

#[test]
fn what_is_written_is_read_back_and_written_again_to_the_same_bytes() {
    let lock = lock_of(&[
        REFUND,
        r#"{"inputSchema":{},"name":"a","x-vendor":{"z":1,"a":1.50}}"#,
    ]);
    let text = lock.to_string();
    assert!(text.starts_with(
        "{\n  \"stopgate\": 1,\n  \"tool\": \"erp\",\n  \"contract\": \"2.1.0\",\n  \"server\": {\n"
    ));
    assert!(text.ends_with("}\n") && !text.ends_with("\n\n"));
    let (a, refund) = (text.find("\"x-vendor\""), text.find("\"create_refund\""));
    assert!(a < refund, "functions are sorted by name");
    assert!(
        text.find("\"z\": 1,") < text.find("\"a\": 1.50"),
        "members keep their order, numbers their text"
    );
    let back = Lock::parse(text.as_bytes()).expect("a lock");
    assert_eq!(back, lock);
    assert_eq!(back.to_string(), text);
}

#[test]
fn the_digest_covers_everything_but_metadata_and_icons() {
    let digest = |text: &str| {
        LockedFunction::new(json(text))
            .expect("a definition")
            .digest
    };
    let plain = digest(r#"{"name":"f","inputSchema":{}}"#);
    assert_eq!(
        plain,
        digest(r#"{"icons":[1],"inputSchema":{},"_meta":{"a":1},"name":"f"}"#)
    );
    assert_ne!(plain, digest(r#"{"name":"f","inputSchema":{},"x":null}"#));
    assert_ne!(
        plain,
        digest(r#"{"name":"f","inputSchema":{"_meta":{}}}"#),
        "only at the top"
    );
    // Written out, since locks that were committed years ago have to keep their digests.
    let canonical = r#"["stopgate-tool-v1",{"inputSchema":{},"name":"f"}]"#;
    assert_eq!(plain, Digest::compute(canonical.as_bytes()));
}

#[test]
fn t25_a_flipped_byte_anywhere_in_a_definition_is_refused() {
    let text = lock_of(&[REFUND]).to_string();
    let start = text
        .find("\"name\": \"create_refund\"")
        .expect("the definition");
    let end = text.rfind("destructiveHint").expect("its end");
    let mut refused = 0;
    // Only the definition: what stands around it is covered by no digest.
    for at in start..end {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 0x01;
        match Lock::parse(&bytes) {
            Err(_) => refused += 1,
            // White space between members, and what the digest leaves out on purpose.
            Ok(lock) => assert_eq!(lock.functions, lock_of(&[REFUND]).functions, "byte {at}"),
        }
    }
    // If most bytes were white space, the test would show little.
    assert!(refused > 500, "{refused}");
}

#[test]
fn every_mistake_of_a_lock_is_reported_with_its_place() {
    let good = lock_of(&[r#"{"name":"f","inputSchema":{}}"#]).to_string();
    let bad = good
        .replace("\"erp\"", "\"Erp\"")
        .replace("\"2.1.0\",\n  \"server\"", "\"2.1\",\n  \"server\"")
        .replace("\"protocol\"", "\"protokol\"")
        .replace("\"name\": \"f\"", "\"name\": \"g\"");
    let error = Lock::parse(bad.as_bytes()).expect_err("a lock with mistakes");
    let places: Vec<_> = error
        .mistakes
        .iter()
        .map(|mistake| mistake.place.as_str())
        .collect();
    assert_eq!(
        // What is wrong with the members as a whole comes first, then each in the order of the file.
        places,
        ["", "", "/tool", "/contract", "/functions/0/definition"]
    );
    let found: Vec<_> = error
        .mistakes
        .iter()
        .map(|mistake| &mistake.problem)
        .collect();
    assert!(matches!(
        found[..],
        [
            LockProblem::Unknown(_),
            LockProblem::Missing("protocol"),
            LockProblem::Expected(_),
            LockProblem::Expected(_),
            LockProblem::Digest { .. }
        ]
    ));

    let problem = |text: &str| {
        Lock::parse(text.as_bytes())
            .expect_err("refused")
            .mistakes
            .remove(0)
            .problem
    };
    assert_eq!(
        problem(&good.replace("\"stopgate\": 1", "\"stopgate\": 2")),
        LockProblem::Format
    );
    assert!(matches!(
        problem("{\"stopgate\": 1, \"stopgate\": 1}"),
        LockProblem::Json(_)
    ));
    assert_eq!(problem("[]"), LockProblem::Expected("an object"));
    let (_, functions) = good
        .split_once("\"functions\": [\n")
        .expect("the functions");
    let element = functions.strip_suffix("\n  ]\n}\n").expect("the end");
    let twice = good.replace(element, &format!("{element},\n{element}"));
    assert_eq!(problem(&twice), LockProblem::Twice("f".into()));
}

#[test]
fn definitions_without_a_name_or_a_schema_are_refused() {
    let cases = [
        ("[]", InvalidDefinition::NotAnObject),
        (r#"{"inputSchema":{}}"#, InvalidDefinition::NoName),
        (r#"{"name":1,"inputSchema":{}}"#, InvalidDefinition::NoName),
        (
            r#"{"name":"a\u202eb","inputSchema":{}}"#,
            InvalidDefinition::Name,
        ),
        (r#"{"name":"","inputSchema":{}}"#, InvalidDefinition::Name),
        (r#"{"name":"f"}"#, InvalidDefinition::NoInputSchema),
        (
            r#"{"name":"f","inputSchema":true}"#,
            InvalidDefinition::NoInputSchema,
        ),
    ];
    for (text, why) in cases {
        assert_eq!(LockedFunction::new(json(text)), Err(why), "{text}");
    }
}

/// Returns the place and kind of every change when `from` in the refund's definition becomes `to`.
fn edit(from: &str, to: &str) -> Vec<(String, ChangeKind)> {
    assert!(REFUND.contains(from), "{from}");
    let (old, new) = (
        lock_of(&[REFUND]),
        lock_of(&[&REFUND.replacen(from, to, 1)]),
    );
    changes(&old, &new)
        .into_iter()
        .map(|change| (change.place, change.kind))
        .collect()
}

#[test]
fn each_change_of_a_definition_is_classified() {
    let input = "/inputSchema/properties";
    let cases = [
        // The text of the refund that changes, what it becomes, and the place and kind that are reported.
        (
            "Refund an order.",
            "Refund.",
            "/description".to_owned(),
            ChangeKind::Wording,
        ),
        // An empty place stands for no change at all: icons are not compared.
        ("\"icons\": [],", "", String::new(), ChangeKind::Order),
        (
            "true}",
            "false}",
            "/annotations".into(),
            ChangeKind::Annotations,
        ),
        (
            "\"title\": \"Refund\"",
            "\"title\": 1",
            "/title".into(),
            ChangeKind::Other,
        ),
        (
            "{\"enum\"",
            "{\"title\": \"x\", \"enum\"",
            format!("{input}/currency/title"),
            ChangeKind::Wording,
        ),
        (
            "\"lines\":",
            "\"note\": {}, \"lines\":",
            format!("{input}/note"),
            ChangeKind::OptionalProperty,
        ),
        (
            "\"currency\": {\"enum\": [\"EUR\", \"GBP\"]},",
            "",
            format!("{input}/currency"),
            ChangeKind::PropertyRemoved,
        ),
        (
            "\"EUR\", \"GBP\"",
            "\"GBP\", \"EUR\"",
            format!("{input}/currency/enum"),
            ChangeKind::Order,
        ),
        (
            "\"EUR\", \"GBP\"",
            "\"EUR\"",
            format!("{input}/currency/enum"),
            ChangeKind::Narrowed,
        ),
        (
            "\"EUR\", \"GBP\"",
            "\"EUR\", \"GBP\", \"USD\"",
            format!("{input}/currency/enum"),
            ChangeKind::Widened,
        ),
        (
            "\"EUR\", \"GBP\"",
            "\"EUR\", \"USD\"",
            format!("{input}/currency/enum"),
            ChangeKind::Other,
        ),
        (
            "1000",
            "999",
            format!("{input}/amount/maximum"),
            ChangeKind::Narrowed,
        ),
        (
            "1000",
            "1001",
            format!("{input}/amount/maximum"),
            ChangeKind::Widened,
        ),
        (
            ", \"maximum\": 1000",
            "",
            format!("{input}/amount/maximum"),
            ChangeKind::Widened,
        ),
        (
            "\"minimum\": 1,",
            "\"minimum\": 2,",
            format!("{input}/amount/minimum"),
            ChangeKind::Narrowed,
        ),
        (
            "\"minimum\": 1,",
            "\"minimum\": 1.0,",
            format!("{input}/amount/minimum"),
            ChangeKind::Other,
        ),
        (
            "\"integer\"",
            "\"number\"",
            format!("{input}/amount/type"),
            ChangeKind::Widened,
        ),
        (
            "\"integer\"",
            "\"string\"",
            format!("{input}/amount/type"),
            ChangeKind::Other,
        ),
        (
            "\"amount\"]",
            "\"amount\", \"currency\"]",
            "/inputSchema/required".into(),
            ChangeKind::NowRequired,
        ),
        (
            ", \"amount\"]",
            "]",
            "/inputSchema/required".into(),
            ChangeKind::NoLongerRequired,
        ),
        (
            "\"order_id\", \"amount\"]",
            "\"amount\", \"order_id\"]",
            "/inputSchema/required".into(),
            ChangeKind::Order,
        ),
        (
            "Properties\": false",
            "Properties\": true",
            "/inputSchema/additionalProperties".into(),
            ChangeKind::Widened,
        ),
        (
            "[\"string\", \"null\"]",
            "[\"string\"]",
            format!("{input}/lines/items/properties/sku/type"),
            ChangeKind::Narrowed,
        ),
        (
            "\"minLength\": 1,",
            "\"minLength\": 1, \"pattern\": \"^A\",",
            format!("{input}/order_id/pattern"),
            ChangeKind::Narrowed,
        ),
        (
            "\"minLength\": 1,",
            "\"minLength\": 1, \"default\": \"A\",",
            format!("{input}/order_id/default"),
            ChangeKind::Other,
        ),
        (
            "{\"id\": {",
            "{\"iban\": {}, \"id\": {",
            "/outputSchema/properties/iban".into(),
            ChangeKind::Result,
        ),
        (
            "\"annotations\"",
            "\"execution\": {}, \"annotations\"",
            "/execution".into(),
            ChangeKind::Other,
        ),
    ];
    let mut kinds = BTreeSet::new();
    for (from, to, place, kind) in cases {
        let found = edit(from, to);
        if place.is_empty() {
            assert_eq!(found, [], "{from} -> {to}");
        } else {
            assert_eq!(found, [(place, kind)], "{from} -> {to}");
            kinds.insert(kind);
        }
    }
    // Both at once: a property that is new, and that is required.
    let required = REFUND.replace("\"amount\"]", "\"amount\", \"reason\"]");
    let required = required.replace(
        "\"lines\":",
        "\"reason\": {\"type\": \"string\"}, \"lines\":",
    );
    let found = changes(&lock_of(&[REFUND]), &lock_of(&[&required]));
    assert!(
        matches!(found.as_slice(), [Change { kind: ChangeKind::RequiredProperty, place, .. }] if place.ends_with("/reason"))
    );
    kinds.insert(ChangeKind::RequiredProperty);

    let shared = |defs: &str| format!(r#"{{"name":"f","inputSchema":{{"$defs":{defs}}}}}"#);
    let kinds_of = |old: &str, new: &str| -> Vec<_> {
        let found = changes(&lock_of(&[old]), &lock_of(&[new]));
        found.into_iter().map(|change| change.kind).collect()
    };
    assert_eq!(
        kinds_of(&shared("{}"), &shared(r#"{"A":{}}"#)),
        [ChangeKind::SharedSchema]
    );
    assert_eq!(
        kinds_of(&shared(r#"{"A":{}}"#), &shared("{}")),
        [ChangeKind::Other]
    );
    assert_eq!(
        kinds_of(
            &shared(r#"{"A":{"title":"a"}}"#),
            &shared(r#"{"A":{"title":"b"}}"#)
        ),
        [ChangeKind::Wording]
    );
    let empty_properties = r#"{"name":"f","inputSchema":{"properties":{}}}"#;
    assert_eq!(
        kinds_of(r#"{"name":"f","inputSchema":{}}"#, empty_properties),
        [ChangeKind::Other],
        "doubt is breaking"
    );
    for kind in [
        ChangeKind::Narrowed,
        ChangeKind::Widened,
        ChangeKind::Result,
        ChangeKind::NowRequired,
        ChangeKind::RequiredProperty,
    ] {
        assert!(kinds.contains(&kind) && kind.class() == Class::Breaking);
    }
}

#[test]
fn changes_of_the_server_and_of_the_set_of_functions_are_listed() {
    let old = lock_of(&[REFUND, r#"{"name":"gone","inputSchema":{}}"#]);
    let mut new = lock_of(&[REFUND, r#"{"name":"new","inputSchema":{}}"#]);
    new.server = ServerIdentity {
        name: "other".into(),
        version: "3".into(),
    };
    new.protocol = "2026-07-28".into();
    new.instructions = None;
    new.contract = "9.0.0".parse().expect("a version");
    let found: Vec<_> = changes(&old, &new)
        .into_iter()
        .map(|change| change.kind)
        .collect();
    let wanted = [
        ChangeKind::ServerName,
        ChangeKind::ServerVersion,
        ChangeKind::Protocol,
        ChangeKind::Instructions,
        ChangeKind::FunctionRemoved,
        ChangeKind::FunctionAdded,
    ];
    assert_eq!(found, wanted);
    // The largest of all steps that the changes ask for.
    assert_eq!(step_of(&changes(&old, &new)), Some(ContractStep::Major));
    assert_eq!(step_of(&changes(&old, &old)), None);
}

#[test]
fn a_step_is_taken_by_that_step_or_a_larger_one() {
    let version = |text: &str| text.parse::<Version>().expect("a version");
    let from = version("2.1.3");
    let cases = [
        ("2.1.3", None),
        ("2.1.2", None),
        ("1.9.9", None),
        ("2.0.9", None),
        ("2.1.4", Some(ContractStep::Patch)),
        ("2.2.0", Some(ContractStep::Minor)),
        ("3.0.0", Some(ContractStep::Major)),
    ];
    for (to, largest) in cases {
        for step in [
            ContractStep::Patch,
            ContractStep::Minor,
            ContractStep::Major,
        ] {
            assert_eq!(
                step.is_taken(from, version(to)),
                largest >= Some(step),
                "{to} {step:?}"
            );
        }
    }
    for step in [
        ContractStep::Patch,
        ContractStep::Minor,
        ContractStep::Major,
    ] {
        assert!(step.is_taken(from, step.after(from)));
    }
}
