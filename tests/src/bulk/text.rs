//! The same size of policy as text, as authors would have written it: what `check` has to read.

use std::fmt::Write as _;

use stopgate_lang::json::{Json, Limits};
use stopgate_lang::lock::{Lock, LockedFunction, ServerIdentity};

use super::{DEFINITION, PER_CELL, parse};
use crate::generate::Files;

/// Profiles of the repository.
const PROFILES: usize = 25;
/// Operations of each of its tools.
const OPERATIONS: usize = 10;

/// A repository of at least `rules` rules: 10 operations a tool, 25 profiles, and in each cell
/// of operation and profile as many rules as in [`super::policy`], each with another condition.
///
/// # Panics
/// Never for the constants of this file.
#[must_use]
pub fn repository(rules: usize) -> Files {
    let tools = rules.div_ceil(OPERATIONS * PROFILES * PER_CELL).max(1);
    let mut files = Files::from([
        ("stopgate.yaml".to_owned(), WORKSPACE.into()),
        ("approvals.yaml".to_owned(), APPROVALS.into()),
        ("profiles.yaml".to_owned(), profiles().into_bytes()),
        ("rules/guardrails.cedar".to_owned(), GUARDRAILS.into()),
    ]);
    for at in 0..tools {
        let tool = format!("t{at}");
        for (path, text) in [
            (format!("catalog/{tool}.yaml"), catalog(&tool)),
            (format!("catalog/{tool}.lock.json"), lock(&tool)),
            (format!("rules/{tool}.yaml"), self::rules(&tool, at)),
            (format!("tests/{tool}.yaml"), samples(&tool)),
        ] {
            files.insert(path, text.into_bytes());
        }
    }
    files
}

const WORKSPACE: &str = "stopgate: 1
organisation: acme
identity:
  - issuer: https://sso.example/
channels:
  dev: {ceiling: high}
";

const APPROVALS: &str = "stopgate: 1
calendar:
  zone: Europe/Lisbon
  days: [mon, tue, wed, thu, fri]
  hours: 09:00-18:00
  holidays: []
";

const GUARDRAILS: &str = r#"@id("currency") @owner("security") @review_by("2027-03-31") @description("not in this currency")
forbid (principal, action, resource)
unless { ["EUR", "GBP"].contains(context.input.currency) };

@id("night") @owner("security") @review_by("2027-03-31") @approval("supervisor")
forbid (principal, action, resource)
unless { context.time.business };
"#;

fn profiles() -> String {
    let mut text = String::from("stopgate: 1\nprofiles:\n");
    for at in 0..PROFILES {
        let _ = writeln!(text, "  p{at}:\n    groups: [g-p{at}]");
    }
    text
}

fn catalog(tool: &str) -> String {
    let mut text = format!(
        "stopgate: 1\ntool: {tool}\nowner: team\nserver: {{contract: 1.0.0, command: [server], env: []}}\noperations:\n"
    );
    for at in 0..OPERATIONS {
        let _ = writeln!(
            text,
            "  o{at}:\n    effect: write\n    input: {{mask: [/bank_account]}}"
        );
    }
    text
}

fn lock(tool: &str) -> String {
    let limits = Limits {
        bytes: 8192,
        depth: 8,
        members: 100,
    };
    let function = |at| {
        let name = format!("o{at}");
        let definition = DEFINITION.replace("NAME", &name);
        let definition = Json::parse(definition.as_bytes(), limits).expect("a definition");
        (name, LockedFunction::new(definition).expect("a function"))
    };
    Lock {
        tool: parse(tool),
        contract: parse("1.0.0"),
        server: ServerIdentity {
            name: tool.to_owned(),
            version: "1.0.0".to_owned(),
        },
        protocol: "2025-11-25".to_owned(),
        instructions: None,
        functions: (0..OPERATIONS).map(function).collect(),
    }
    .to_string()
}

fn samples(tool: &str) -> String {
    let mut text =
        format!("stopgate: 1\ntool: {tool}\nnow: 2026-11-24T10:00:00Z\nchannel: dev\nsamples:\n");
    for at in 0..OPERATIONS {
        let _ = writeln!(
            text,
            "  o{at}: {{order_id: A-1001, amount_cents: 40000, currency: EUR}}"
        );
    }
    text.push_str("cases: []\n");
    text
}

/// The rules of the tool at place `tool`; no two have the same bounds.
fn rules(name: &str, tool: usize) -> String {
    let mut text =
        format!("stopgate: 1\ntool: {name}\nowner: team\nreview_by: 2027-03-31\nrules:\n");
    for operation in 0..OPERATIONS {
        for profile in 0..PROFILES {
            let cell = (tool * OPERATIONS + operation) * PROFILES + profile;
            for at in 0..PER_CELL {
                let bound = cell * PER_CELL + at + 1;
                let (asks, when) = match at {
                    0 => (
                        "risk: low\n    approval: automatic",
                        format!(
                            "context.input.amount_cents > 0 && context.input.amount_cents <= {bound}"
                        ),
                    ),
                    1 => (
                        "risk: low\n    approval: automatic",
                        format!(
                            "context.input.amount_cents <= {bound} && context.input.currency == \"EUR\""
                        ),
                    ),
                    2 => (
                        "raise: {require: [user_confirmation]}",
                        format!("context.input.order_id like \"A-{bound}*\""),
                    ),
                    _ => (
                        "risk: high\n    approval: committee\n    require: [user_confirmation]",
                        format!("context.input.amount_cents > {bound}"),
                    ),
                };
                let _ = writeln!(
                    text,
                    "  - id: o{operation}.p{profile}.{at}\n    operations: [o{operation}]\n    profiles: [p{profile}]\n    {asks}\n    when: |-\n      {when}"
                );
            }
        }
    }
    text
}
