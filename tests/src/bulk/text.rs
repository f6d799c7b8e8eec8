//! The same size of policy as text, as authors would have written it: what `check` has to read.

use std::fmt::Write as _;

use stopgate_author::lock::{Lock, LockedFunction, ServerIdentity};
use stopgate_decide::json::{Json, Limits};

use crate::generate::Files;

use super::{DEFINITION, PER_CELL, parse};

/// Operations of each tool.
const OPERATIONS: usize = 10;

/// How many there are of what.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Each with ten operations.
    pub tools: usize,
    /// In each cell of operation and profile are as many rules as in [`super::policy`].
    pub profiles: usize,
}

/// In what a repository is not the plain one of its shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    /// In nothing.
    Nothing,
    /// One rule of all has a bound that is higher by one.
    OneRule,
    /// One rule of every operation has.
    OneRuleOfEach,
    /// Every rule that compares a number has.
    EveryBound,
    /// The guardrail that reaches everybody everywhere lets another currency pass.
    Guardrail,
}

impl Shape {
    /// The number of operations.
    #[must_use]
    pub const fn operations(self) -> usize {
        self.tools * OPERATIONS
    }

    /// The number of rules, guardrails left out.
    #[must_use]
    pub const fn rules(self) -> usize {
        self.operations() * self.profiles * PER_CELL
    }

    /// The documents, no two rules of them with the same condition.
    ///
    /// # Panics
    /// Never for the constants of this file.
    #[must_use]
    pub fn repository(self, edit: Edit) -> Files {
        // The one edit outside the rules of a tool: it reaches everybody everywhere, so every slice changes.
        let guardrails = match edit {
            Edit::Guardrail => GUARDRAILS.replace(r#""GBP"]"#, r#""GBP", "USD"]"#),
            Edit::Nothing | Edit::OneRule | Edit::OneRuleOfEach | Edit::EveryBound => {
                GUARDRAILS.to_owned()
            }
        };
        let mut files = Files::from([
            ("stopgate.yaml".to_owned(), WORKSPACE.into()),
            ("approvals.yaml".to_owned(), APPROVALS.into()),
            (
                "profiles.yaml".to_owned(),
                profiles(self.profiles).into_bytes(),
            ),
            ("rules/guardrails.cedar".to_owned(), guardrails.into_bytes()),
        ]);
        for at in 0..self.tools {
            let tool = format!("t{at}");
            for (path, text) in [
                (format!("catalog/{tool}.yaml"), catalog(&tool)),
                (format!("catalog/{tool}.lock.json"), lock(&tool)),
                (format!("rules/{tool}.yaml"), self.rules_of(&tool, at, edit)),
                (format!("tests/{tool}.yaml"), samples(&tool)),
            ] {
                files.insert(path, text.into_bytes());
            }
        }
        files
    }
}

/// A repository of at least `rules` rules for 25 profiles.
///
/// # Panics
/// Never for the constants of this file.
#[must_use]
pub fn repository(rules: usize) -> Files {
    // With ten operations and four rules in a cell that is a thousand rules for each tool.
    let profiles = 25;
    let tools = rules.div_ceil(OPERATIONS * profiles * PER_CELL).max(1);
    Shape { tools, profiles }.repository(Edit::Nothing)
}

const WORKSPACE: &str = "stopgate: 1
organisation: acme
identity:
  - {issuer: https://sso.example/, audience: stopgate, subject: sub, groups: groups}
channels:
  dev: {ceiling: high}
";

const APPROVALS: &str = "stopgate: 1
calendar:
  zone: Europe/Lisbon
  days: [mon, tue, wed, thu, fri]
  hours: 09:00-18:00
  holidays: []
routes:
  - {id: supervisor, level: supervisor, seats: [{profiles: [p0], votes: 1}]}
  - {id: committee, level: committee, seats: [{profiles: [p1, p2], votes: 2}]}
";

const GUARDRAILS: &str = r#"@id("currency") @owner("security") @review_by("2027-03-31") @description("not in this currency")
forbid (principal, action, resource)
unless { ["EUR", "GBP"].contains(context.input.currency) };

@id("night") @owner("security") @review_by("2027-03-31") @approval("supervisor")
forbid (principal, action, resource)
unless { context.time.business };
"#;

fn profiles(count: usize) -> String {
    let mut text = String::from("stopgate: 1\nprofiles:\n");
    for at in 0..count {
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

impl Shape {
    /// The rules of the tool at place `tool`; no two have the same bounds.
    fn rules_of(self, name: &str, tool: usize, edit: Edit) -> String {
        let mut text =
            format!("stopgate: 1\ntool: {name}\nowner: team\nreview_by: 2027-03-31\nrules:\n");
        for operation in 0..OPERATIONS {
            for profile in 0..self.profiles {
                let cell = (tool * OPERATIONS + operation) * self.profiles + profile;
                for at in 0..PER_CELL {
                    let rule = cell * PER_CELL + at;
                    // No two rules have one bound, so none is proved together with another because their texts are
                    // the same.
                    let bound = rule + 1 + usize::from(edit.moves(rule, profile * PER_CELL + at));
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
}

impl Edit {
    /// Whether the bound of a rule is moved: the rule's place among all, and among those of its operation.
    const fn moves(self, of_all: usize, of_operation: usize) -> bool {
        match self {
            Self::Nothing | Self::Guardrail => false,
            Self::OneRule => of_all == 0,
            Self::OneRuleOfEach => of_operation == 0,
            // The third rule of a cell is about a text.
            Self::EveryBound => of_operation % PER_CELL != 2,
        }
    }
}
