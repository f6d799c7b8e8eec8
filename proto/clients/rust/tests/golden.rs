//! Walks the golden answers that the clients of every language share: `golden.json` (encoded answer → verdict) and
//! `obligations.json` (obligations on a result → what is left of it).

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use prost::Message as _;
use serde_json::{Value, json};
use stopgate_client::{No, Obligation, Target, Unclear, Verdict, apply, wire};

fn shared(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

fn read(name: &str) -> Value {
    let text = std::fs::read_to_string(shared(name)).expect("a readable table");
    let table: Value = serde_json::from_str(&text).expect("valid JSON");
    assert_eq!(table["stopgate_golden"], 1, "a known version");
    table
}

fn describe(obligation: &Obligation) -> Value {
    match obligation {
        Obligation::MaskFields(targets) => {
            json!({"mask": targets.iter().map(Target::as_str).collect::<Vec<_>>()})
        }
        Obligation::LimitRows(target, rows) => json!({"limit_rows": target.as_str(), "rows": rows}),
    }
}

fn verdict(verdict: &Verdict) -> Value {
    match verdict {
        Verdict::Permit(permit) => {
            json!({"permit": permit.obligations().iter().map(describe).collect::<Vec<_>>()})
        }
        Verdict::Route(route) => {
            json!({"route": route.needs().iter().map(ToString::to_string).collect::<Vec<_>>()})
        }
        Verdict::No(No::Rejected { reason, .. }) => json!({"no": reason.as_str_name()}),
        Verdict::No(No::Status { code, .. }) => json!({"no": format!("status {}", *code as i32)}),
        Verdict::No(No::Deadline) => json!({"no": "deadline"}),
        Verdict::No(No::Unclear(unclear)) => json!({"no": match unclear {
            Unclear::OtherRequest => "other request",
            Unclear::UnsetResult => "unset result",
            Unclear::UnknownObligation => "unknown obligation",
            Unclear::UnknownNeed => "unknown need",
            Unclear::Unaccounted => "unaccounted",
        }}),
    }
}

#[test]
fn every_golden_answer_means_what_the_table_says() {
    let table = read("golden.json");
    let cases = table["cases"].as_array().expect("cases");
    assert!(cases.len() >= 30);
    for case in cases {
        let bytes = BASE64
            .decode(case["response"].as_str().expect("base64"))
            .expect("valid base64");
        let request_id = case["request_id"].as_str().expect("an id");
        let read = match wire::DecideResponse::decode(bytes.as_slice()) {
            Ok(response) => Verdict::read(request_id, response),
            // What every gRPC library reports for a message it cannot decode.
            Err(_) => Verdict::No(No::from(&tonic::Status::internal("undecodable"))),
        };
        assert_eq!(verdict(&read), case["expect"], "{}", case["name"]);
    }
}

#[test]
fn every_obligation_leaves_what_the_table_says() {
    for case in read("obligations.json")["cases"].as_array().expect("cases") {
        let obligations: Vec<Obligation> = case["obligations"]
            .as_array()
            .expect("obligations")
            .iter()
            .map(|text| match text["mask"].as_array() {
                Some(pointers) => Obligation::MaskFields(
                    pointers
                        .iter()
                        .map(|at| Target::new(at.as_str().expect("text")).expect("a pointer"))
                        .collect(),
                ),
                None => Obligation::LimitRows(
                    Target::new(text["limit_rows"].as_str().expect("text")).expect("a pointer"),
                    usize::try_from(text["rows"].as_u64().expect("a count"))
                        .expect("a small count"),
                ),
            })
            .collect();
        let mut result = case["result"].clone();
        let done = apply(&obligations, &mut result);
        assert_eq!(result, case["left"], "{}", case["name"]);
        assert_eq!(
            done.is_err(),
            case["fails"] == true,
            "{}: {done:?}",
            case["name"]
        );
    }
}

/// The readable source of `golden.json`; with `BLESS=1` the table is rewritten from it.
#[test]
fn the_table_is_what_its_source_encodes() {
    let cases: Vec<Value> = source()
        .into_iter()
        .map(|(name, response, expect)| {
            json!({"name": name, "request_id": REQUEST, "response": BASE64.encode(response), "expect": expect})
        })
        .collect();
    let table = json!({
        "stopgate_golden": 1,
        "about": "response: an encoded stopgate.v1.DecideResponse (base64) to the request request_id. \
                  Every client reads it as expect says; `status N` is the gRPC status of an undecodable message.",
        "cases": cases,
    });
    let made = format!("{table:#}\n");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(shared("golden.json"), &made).expect("a written table");
    }
    let kept = std::fs::read_to_string(shared("golden.json")).unwrap_or_default();
    assert!(
        made == kept,
        "golden.json is stale: run this test with BLESS=1"
    );
}

const REQUEST: &str = "5b0e9a3e-6f0a-4c8e-9f2b-0d5a7c1e2f30";

fn answer(result: Option<wire::decide_response::Result>) -> wire::DecideResponse {
    wire::DecideResponse {
        decision: "decisions/01JDGX3V9C".into(),
        bundle_digest: "sha256:aa".into(),
        decide_time: Some(Default::default()),
        rules: vec![rule(wire::RuleKind::Grant as i32)],
        result,
        surface: None,
        request_id: REQUEST.into(),
    }
}

fn rule(kind: i32) -> wire::RuleReference {
    wire::RuleReference {
        rule: "erp/read-orders".into(),
        file: "rules/erp.yaml".into(),
        line: 6,
        kind,
    }
}

fn permit(obligations: Vec<wire::Obligation>) -> wire::DecideResponse {
    answer(Some(wire::decide_response::Result::Permit(wire::Permit {
        obligations,
    })))
}

fn mask(pointers: &[&str]) -> wire::Obligation {
    let pointers = pointers.iter().map(ToString::to_string).collect();
    wire::Obligation {
        kind: Some(wire::obligation::Kind::MaskFields(wire::MaskFields {
            pointers,
        })),
    }
}

fn rows(pointer: &str, max_rows: i32) -> wire::Obligation {
    let pointer = pointer.to_owned();
    wire::Obligation {
        kind: Some(wire::obligation::Kind::LimitRows(wire::LimitRows {
            pointer,
            max_rows,
        })),
    }
}

fn route(needs: &[(i32, i32)]) -> wire::DecideResponse {
    let needs = needs
        .iter()
        .map(|(kind, level)| wire::Need {
            kind: *kind,
            level: *level,
        })
        .collect();
    answer(Some(wire::decide_response::Result::Route(wire::Route {
        needs,
    })))
}

fn reject(reason: i32) -> wire::DecideResponse {
    let message = "not today".to_owned();
    answer(Some(wire::decide_response::Result::Reject(wire::Reject {
        reason,
        message,
    })))
}

fn source() -> Vec<(String, Vec<u8>, Value)> {
    let mut cases = Vec::new();
    let mut case = |name: &str, response: &wire::DecideResponse, expect: Value| {
        cases.push((name.to_owned(), response.encode_to_vec(), expect));
    };
    let no = |why: &str| json!({"no": why});

    case("a permit", &permit(vec![]), json!({"permit": []}));
    case(
        "a permit with both obligations",
        &permit(vec![
            mask(&["/customer/tax_id", "/items/*/iban"]),
            rows("/items", 50),
        ]),
        json!({"permit": [{"mask": ["/customer/tax_id", "/items/*/iban"]}, {"limit_rows": "/items", "rows": 50}]}),
    );
    case(
        "no rows at all",
        &permit(vec![rows("/items", 0)]),
        json!({"permit": [{"limit_rows": "/items", "rows": 0}]}),
    );
    case(
        "an obligation of an unknown kind",
        &permit(vec![wire::Obligation { kind: None }]),
        no("unknown obligation"),
    );
    case(
        "one known obligation, one unknown",
        &permit(vec![mask(&["/a"]), wire::Obligation { kind: None }]),
        no("unknown obligation"),
    );
    case(
        "a mask of nothing",
        &permit(vec![mask(&[])]),
        no("unknown obligation"),
    );
    case(
        "a mask of everything",
        &permit(vec![mask(&[""])]),
        no("unknown obligation"),
    );
    case(
        "a mask that is no pointer",
        &permit(vec![mask(&["a"])]),
        no("unknown obligation"),
    );
    case(
        "a pointer with a wrong escape",
        &permit(vec![mask(&["/a~2"])]),
        no("unknown obligation"),
    );
    case(
        "rows that are no count",
        &permit(vec![rows("/items", -1)]),
        no("unknown obligation"),
    );
    case(
        "rows of nothing",
        &permit(vec![rows("", 5)]),
        no("unknown obligation"),
    );

    case(
        "a route to the user",
        &route(&[(1, 0)]),
        json!({"route": ["user_confirmation"]}),
    );
    case(
        "a route to everybody",
        &route(&[(1, 0), (2, 0), (3, 3)]),
        json!({"route": ["user_confirmation", "dry_run", "approval:committee"]}),
    );
    case(
        "a route to a supervisor",
        &route(&[(3, 2)]),
        json!({"route": ["approval:supervisor"]}),
    );
    case(
        "a route that asks for nothing",
        &route(&[]),
        no("unknown need"),
    );
    case("a need of no kind", &route(&[(0, 0)]), no("unknown need"));
    case(
        "a need of an unknown kind",
        &route(&[(1, 0), (4, 0)]),
        no("unknown need"),
    );
    case(
        "an approval by nobody",
        &route(&[(3, 1)]),
        no("unknown need"),
    );
    case(
        "an approval at no level",
        &route(&[(3, 0)]),
        no("unknown need"),
    );
    case(
        "an approval at an unknown level",
        &route(&[(3, 9)]),
        no("unknown need"),
    );

    // Every reason there is, whoever adds one: their numbers have gaps and stay small.
    let known = |number| wire::RejectReason::try_from(number).ok();
    let reasons = (1..1000).filter_map(|number| Some((number, known(number)?)));
    for (reason, known) in reasons {
        case(
            &format!("a rejection, {}", known.as_str_name()),
            &reject(reason),
            no(known.as_str_name()),
        );
    }
    case(
        "a rejection without a reason",
        &reject(0),
        no("REJECT_REASON_UNSPECIFIED"),
    );
    case(
        "a rejection for an unknown reason",
        &reject(999),
        no("REJECT_REASON_UNSPECIFIED"),
    );

    case("no result", &answer(None), no("unset result"));
    case(
        "an empty message",
        &wire::DecideResponse::default(),
        no("other request"),
    );
    for (name, echo) in [
        (
            "an answer to another request",
            "5b0e9a3e-6f0a-4c8e-9f2b-0d5a7c1e2f31",
        ),
        ("an answer to no request", ""),
        (
            "an answer to a request in other letters",
            "5B0E9A3E-6F0A-4C8E-9F2B-0D5A7C1E2F30",
        ),
    ] {
        case(
            name,
            &wire::DecideResponse {
                request_id: echo.into(),
                ..permit(vec![])
            },
            no("other request"),
        );
    }
    case(
        "a permit that names no bundle",
        &wire::DecideResponse {
            bundle_digest: String::new(),
            ..permit(vec![])
        },
        no("unaccounted"),
    );
    case(
        "a permit without a record",
        &wire::DecideResponse {
            decision: String::new(),
            ..permit(vec![])
        },
        no("unaccounted"),
    );
    case(
        "a permit without a rule",
        &wire::DecideResponse {
            rules: vec![],
            ..permit(vec![])
        },
        no("unaccounted"),
    );
    case(
        "a permit by a raise and a rule of an unknown kind",
        &wire::DecideResponse {
            rules: vec![rule(2), rule(7)],
            ..permit(vec![])
        },
        no("unaccounted"),
    );

    let mut later = answer(None).encode_to_vec();
    // Field 15, a message: a result that a later version may know.
    later.extend([0x7a, 0x00]);
    cases.push((
        "a result of an unknown kind".into(),
        later,
        no("unset result"),
    ));
    let mut two = permit(vec![]).encode_to_vec();
    two.extend(
        answer(Some(wire::decide_response::Result::Reject(
            wire::Reject::default(),
        )))
        .encode_to_vec(),
    );
    cases.push((
        "a permit and then a rejection".into(),
        two,
        no("REJECT_REASON_UNSPECIFIED"),
    ));
    let whole = permit(vec![mask(&["/a"])]).encode_to_vec();
    let cut = whole
        .split_last()
        .map(|(_, cut)| cut.to_vec())
        .unwrap_or_default();
    cases.push(("a message cut short".into(), cut, no("status 13")));
    cases.push(("no message at all".into(), Vec::new(), no("other request")));
    cases.push(("noise".into(), vec![0xff; 16], no("status 13")));
    cases
}
