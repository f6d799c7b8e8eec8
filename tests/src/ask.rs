//! Requests as an orchestrator makes them, and answers as a table shows them.

use stopgate_client::wire::attempt::{Subject, Target};
use stopgate_client::wire::{AssertedSubject, Attempt, DecideRequest};
use stopgate_client::{No, Verdict};
use tonic::Code;

/// The issuer that the reference policies name.
pub const ISSUER: &str = "https://sso.acme.example/";

/// An attempt on the ERP by a member of `groups`.
#[must_use]
pub fn erp(request_id: &str, groups: &[&str], operation: &str, input: &str) -> DecideRequest {
    let operation = Target::Operation(operation.to_owned());
    attempt(request_id, groups, "erp", operation, input)
}

/// An attempt on `tool` by a member of `groups`.
#[must_use]
pub fn attempt(
    request_id: &str,
    groups: &[&str],
    tool: &str,
    target: Target,
    input: &str,
) -> DecideRequest {
    DecideRequest {
        request_id: request_id.to_owned(),
        attempt: Some(Attempt {
            subject: Some(Subject::AssertedSubject(AssertedSubject {
                id: "00u1ab".to_owned(),
                issuer: ISSUER.to_owned(),
                groups: groups.iter().copied().map(str::to_owned).collect(),
            })),
            tool: tool.to_owned(),
            target: Some(target),
            input: input.as_bytes().to_vec(),
            ..Attempt::default()
        }),
    }
}

/// A refund of `cents` euros by a support analyst.
#[must_use]
pub fn refund(request_id: &str, cents: u64) -> DecideRequest {
    let input = format!(r#"{{"order_id":"A-1001","amount_cents":{cents},"currency":"EUR"}}"#);
    erp(request_id, &["sg-support"], "create_refund", &input)
}

/// Looking up an order, which a support analyst may.
#[must_use]
pub fn order(request_id: &str) -> DecideRequest {
    erp(
        request_id,
        &["sg-support"],
        "get_order",
        r#"{"order_id":"A-1001"}"#,
    )
}

/// The answer in a word or a few: `permit`, `route: …`, `reject: forbidden`, `UNAVAILABLE`, `no answer in time`.
#[must_use]
pub fn word(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Permit(_) => "permit".to_owned(),
        Verdict::Route(route) => {
            let needs: Vec<String> = route.needs().iter().map(ToString::to_string).collect();
            format!("route: {}", needs.join(", "))
        }
        Verdict::No(No::Rejected { reason, .. }) => {
            let name = reason.as_str_name();
            let name = name.strip_prefix("REJECT_REASON_").unwrap_or(name);
            format!("reject: {}", name.to_ascii_lowercase())
        }
        // A client's deadline has two timers, the transport's and its own; which of them fires first says nothing.
        Verdict::No(No::Status {
            code: Code::Cancelled | Code::DeadlineExceeded,
            ..
        }) => No::Deadline.to_string(),
        Verdict::No(No::Status { code, .. }) => format!("{code:?}"),
        Verdict::No(no @ (No::Deadline | No::Unclear(_))) => no.to_string(),
    }
}
