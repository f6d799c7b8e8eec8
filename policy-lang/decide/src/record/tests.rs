//! One record has one spelling, and a changed log is found out.

mod chain;
mod generate;
mod input;

use proptest::prelude::*;

use super::*;
use crate::json::{Json, Limits};

const NO_LIMITS: Limits = Limits {
    bytes: usize::MAX,
    depth: 64,
    members: usize::MAX,
};

/// The example of the reference page, wrapped as it stands there.
const EXAMPLE: &str = r#"{
  "v": 3, "seq": 4711, "time": "2026-11-24T10:00:00.123456Z", "kind": "decision",
  "prev": "sha256:77ab0000000000000000000000000000000000000000000000000000000077ab",
  "decision": "decisions/01JDGX3V9C", "request_id": "5b0e", "sidecar": "erp-7f",
  "bundle": "sha256:aa100000000000000000000000000000000000000000000000000000000aa100",
  "attempt": {
    "subject": {"issuer": "https://sso.acme.example/", "id": "00u1ab"}, "profiles": ["support-analyst"],
    "agent": "orchestrator", "tool": "erp", "operation": "create_refund", "session": "s-81",
    "input": {"order_id": "A-1001", "amount_cents": 50000, "currency": "EUR", "bank_account":
      {"$masked": "hmac:9c0000000000000000000000000000000000000000000000000000000000009c"}},
    "input_digest": "hmac:1f0c000000000000000000000000000000000000000000000000000000001f0c",
    "definition": "sha256:9f2a770000000000000000000000000000000000000000000000000000009f2a"
  },
  "context": {"facts": {}, "agent": {"id": "orchestrator"}, "time": {
    "now": "2026-11-24T10:00:00.123Z", "business": true}
  },
  "evidence": {"approval": "automatic", "user_confirmation": false, "dry_run": false},
  "limit": {"class": "high", "by": "ceiling"}, "enforces": ["mask", "max_rows"],
  "surface": {"risk": "medium", "approval": "supervisor", "require": ["user_confirmation"], "mask": [], "max_rows": null},
  "result": {"route": ["user_confirmation", "approval:supervisor"]},
  "rules": ["erp/refund-small"],
  "latency_us": 41
}"#;

fn canonical(text: &str) -> String {
    Json::parse(text.as_bytes(), NO_LIMITS)
        .expect("JSON")
        .canonical()
}

/// Returns `line` with the text of one member replaced.
fn with(line: &str, from: &str, to: &str) -> String {
    // A replacement of nothing would test the unchanged line.
    assert!(line.contains(from), "{from} is not in {line}");
    canonical(&line.replacen(from, to, 1))
}

#[test]
fn the_example_of_the_reference_is_a_record() {
    let line = canonical(EXAMPLE);
    let record = Record::parse(line.as_bytes()).expect("a record");
    assert_eq!(record.line(), format!("{line}\n"));
    assert_eq!(record.stamp.seq.get(), 4711);
    assert_eq!(record.body.kind(), RecordKind::Decision);
}

#[test]
fn what_this_reader_does_not_know_is_refused() {
    let line = canonical(EXAMPLE);
    let refused = |line: &str| Record::parse(line.as_bytes()).expect_err(line);
    assert_eq!(
        refused(&with(&line, "\"v\":3", "\"v\":4")),
        InvalidRecord::Version
    );
    assert_eq!(
        refused(&with(&line, "\"v\":3", "\"v\":\"3\"")),
        InvalidRecord::Version
    );
    assert_eq!(
        refused(&with(&line, "\"kind\":\"decision\"", "\"kind\":\"vote\"")),
        InvalidRecord::Kind
    );
    assert_eq!(
        refused(&with(&line, "\"v\":3", "\"v\":3,\"w\":1")),
        InvalidRecord::UnknownMember("w".into())
    );
    assert_eq!(
        refused(&with(&line, "\"id\":\"00u1ab\",", "\"id\":\"x\",\"y\":1,")),
        InvalidRecord::UnknownMember("y".into())
    );
    assert_eq!(
        refused(&with(&line, "\"latency_us\":41,", "")),
        InvalidRecord::Missing("latency_us")
    );
    assert_eq!(
        refused(&with(&line, "\"class\":\"high\"", "\"class\":\"huge\"")),
        InvalidRecord::Value("class")
    );
    assert_eq!(
        refused(&with(&line, "\"seq\":4711", "\"seq\":0")),
        InvalidRecord::Value("seq")
    );
    assert_eq!(
        refused(&with(&line, "\"seq\":4711", "\"seq\":-1")),
        InvalidRecord::Value("seq")
    );
    assert_eq!(
        refused(&with(&line, "\"route\":[", "\"permit\":{},\"route\":[")),
        InvalidRecord::Value("result")
    );
    assert_eq!(
        refused(&with(
            &line,
            "\"user_confirmation\",\"approval",
            "\"a_nod\",\"approval"
        )),
        InvalidRecord::Value("result")
    );
}

/// Checks that what 0.1.0 wrote stays readable, and that what it never wrote is not read into it.
#[test]
fn a_record_is_read_in_the_version_that_it_names() {
    let line = canonical(EXAMPLE);
    for (version, named) in [
        (RecordVersion::V1, "\"v\":1"),
        (RecordVersion::V2, "\"v\":2"),
        (RecordVersion::V3, "\"v\":3"),
    ] {
        let line = with(&line, "\"v\":3", named);
        let record = Record::parse(line.as_bytes()).expect("a record");
        assert_eq!(record.version, version);
        assert_eq!(record.line(), format!("{line}\n"));
        agree(&record, &line);

        // What 0.1.0 never wrote: a length instead of the arguments.
        let (before, rest) = line.split_once("\"input\":").expect("an input");
        let (_, after) = rest.split_once("\"input_digest\"").expect("a digest of it");
        let long = format!("{before}\"input_bytes\":9000,\"input_digest\"{after}");
        let read = Record::parse(long.as_bytes());
        let skimmed = Skimmed::parse(long.as_bytes());
        match version {
            RecordVersion::V1 => {
                assert_eq!(
                    read,
                    Err(InvalidRecord::UnknownMember("input_bytes".into()))
                );
                assert!(skimmed.is_none());
            }
            RecordVersion::V2 | RecordVersion::V3 => {
                assert_eq!(read.expect("a record").line(), format!("{long}\n"));
                assert!(skimmed.is_some());
            }
        }
    }
}

#[test]
fn one_record_has_one_spelling() {
    let line = canonical(EXAMPLE);
    let other = |line: &str| {
        assert_eq!(
            Record::parse(line.as_bytes()),
            Err(InvalidRecord::NotCanonical),
            "{line}"
        )
    };
    // White space, needless digits, another offset, another order, a duplicate: each is the same value in another
    // spelling.
    other(&line.replacen(':', ": ", 1));
    other(&format!(" {line}"));
    other(&with(&line, ".123456Z", ".1234560Z"));
    other(&with(&line, "10:00:00.123Z", "10:00:00.1230Z"));
    other(&with(
        &line,
        "2026-11-24T10:00:00.123456Z",
        "2026-11-24T11:00:00.123456+01:00",
    ));
    other(&with(
        &line,
        "[\"mask\",\"max_rows\"]",
        "[\"max_rows\",\"mask\"]",
    ));
    other(&with(
        &line,
        "[\"mask\",\"max_rows\"]",
        "[\"mask\",\"mask\",\"max_rows\"]",
    ));
    other(&with(&line, "\"max_rows\":null", "\"max_rows\":{}"));
    other(&with(
        &line,
        "[\"support-analyst\"]",
        "[\"support-analyst\",\"finance\"]",
    ));
}

#[test]
fn a_clear_input_must_have_its_own_digest() {
    let input = crate::attempt::Input::parse(br#"{"a": 1}"#).expect("JSON");
    let clear = format!(
        "\"input\":{{\"a\":1}},\"input_digest\":\"{}\"",
        input.digest()
    );
    let line = canonical(EXAMPLE);
    let (before, rest) = line.split_once("\"input\":").expect("an input");
    let (_, after) = rest.split_once(",\"operation\"").expect("an operation");
    let line = format!("{before}{clear},\"operation\"{after}");
    Record::parse(line.as_bytes()).expect("a record");
    // Same length, same keys: only the digest can show it.
    let changed = line.replace("{\"a\":1}", "{\"a\":2}");
    assert_eq!(
        Record::parse(changed.as_bytes()),
        Err(InvalidRecord::Value("input_digest"))
    );
}

#[test]
fn numbers_of_records_are_those_that_json_keeps() {
    assert_eq!(Seq::new(0), None);
    let last = Seq::new((1 << 53) - 1).expect("the last number");
    assert_eq!(Seq::new(1 << 53), None);
    assert_eq!(last.next(), None);
    assert_eq!(Seq::FIRST.next(), Seq::new(2));
}

/// Checks that a quick look at a line sees what is there, or says that it cannot tell.
fn agree(record: &Record, line: &str) {
    let Some(skimmed) = Skimmed::parse(line.as_bytes()) else {
        return;
    };
    let RecordBody::Decision(body) = &record.body else {
        panic!("no decision: {line}")
    };
    assert_eq!(body.evidence, crate::surface::Evidence::NONE);
    assert_eq!(skimmed.seq, record.stamp.seq);
    assert_eq!(skimmed.bundle, body.bundle.to_string());
    let attempt = &body.attempt;
    assert_eq!(skimmed.tool, attempt.tool);
    assert_eq!(skimmed.operation, attempt.operation.as_deref());
    assert_eq!(skimmed.function, attempt.function.as_deref());
    let subject = attempt.subject.as_ref();
    let subject = subject.map(|subject| (subject.issuer.as_str(), subject.id.as_str()));
    assert_eq!(skimmed.subject, subject);
    assert_eq!((skimmed.now, skimmed.limit), (body.context.now, body.limit));
    let answer = match &body.result {
        RecordedResult::Permit => Answered::Permit,
        RecordedResult::Route(needs) => {
            Answered::Route(needs.iter().rev().find_map(|need| match need {
                crate::surface::Need::Approval(level) => Some(*level),
                crate::surface::Need::UserConfirmation | crate::surface::Need::DryRun => None,
            }))
        }
        RecordedResult::Reject(rejection) => Answered::Reject(rejection.reason),
    };
    assert_eq!(skimmed.answer, answer);
}

#[test]
fn a_quick_look_sees_plain_records_and_refuses_others() {
    let line = canonical(EXAMPLE);
    let record = Record::parse(line.as_bytes()).expect("a record");
    assert!(Skimmed::parse(line.as_bytes()).is_some());
    agree(&record, &line);
    // What it cannot see plainly it leaves to the whole reader.
    for (from, to) in [
        ("\"v\":3", "\"v\":4"),
        ("\"v\":3", "\"v\":3,\"w\":1"),
        ("\"latency_us\":41,", ""),
        ("\"approval\":\"automatic\"", "\"approval\":\"committee\""),
        ("\"kind\":\"decision\"", "\"kind\":\"vote\""),
        ("\"class\":\"high\"", "\"class\":\"huge\""),
    ] {
        assert!(
            Skimmed::parse(with(&line, from, to).as_bytes()).is_none(),
            "{to}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back_as_the_same_value(record in generate::record()) {
        let line = record.line();
        let bare = line.strip_suffix('\n').expect("a newline");
        prop_assert!(!bare.contains('\n'));
        prop_assert_eq!(canonical(bare), bare);
        prop_assert!(line.len() <= record.body.encode().max_len());
        agree(&record, bare);
        prop_assert_eq!(Record::parse(bare.as_bytes()), Ok(record));
    }
}
