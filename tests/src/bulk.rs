//! Policies of many rules, for the benchmarks: made as checked values, because no author writes 100,000 rules, and as
//! text for what reads text.
//!
//! A rule is (operation, profile, condition). Whatever the size, the asked cell holds four rules, and two guardrails
//! without profile or operation reach everything; what grows is the number of operations and profiles around it.

#![expect(
    clippy::expect_used,
    reason = "test support: a generator that is wrong has to stop the run"
)]

mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use stopgate_author::cedar::Condition;
use stopgate_author::lock::LockedFunction;
use stopgate_author::policy::{
    DryRun, Floors, Gate, Operation, Operations, Policy, Profile, Rule, RuleKind, Scope, Tool,
};
use stopgate_decide::attempt::{Attempt, Input, Subject, Target};
use stopgate_decide::calendar::{Calendar, Day, End};
use stopgate_decide::decide::{LimitNow, LimitedBy, Situation, StopsInForce};
use stopgate_decide::json::{Json, Limits};
use stopgate_decide::name::{Location, ProfileName};
use stopgate_decide::organisation::{Ceiling, Issuer};
use stopgate_decide::routing::Deadlines;
use stopgate_decide::surface::{Approval, Effect, Enforces, Evidence, Limit, Risk, Surface};
use stopgate_decide::tool_schema::InputType;

pub use text::{Edit, Shape, repository};

/// Rules in each cell of operation and profile.
pub const PER_CELL: usize = 4;

/// The arguments of every operation: those of a refund.
const DEFINITION: &str = r#"{"name": "NAME", "description": "Refund part or all of a paid order.", "inputSchema": {
    "type": "object", "properties": {
        "order_id": {"type": "string", "minLength": 1, "maxLength": 40},
        "amount_cents": {"type": "integer", "minimum": 1, "maximum": 1000000000},
        "currency": {"type": "string", "enum": ["EUR", "GBP", "USD"]},
        "note": {"type": "string", "maxLength": 500},
        "bank_account": {"type": "string"}},
    "required": ["order_id", "amount_cents", "currency"], "additionalProperties": false}}"#;

/// The input of the asked attempt, as text.
pub const INPUT: &[u8] =
    br#"{"order_id": "A-1001", "amount_cents": 40000, "currency": "EUR", "bank_account": "GB33BUKB20201555555555"}"#;

/// A policy of at least `rules` rules, and of two guardrails.
///
/// # Panics
/// Never for the constants of this file.
#[must_use]
pub fn policy(rules: usize) -> Policy {
    let cells = rules.div_ceil(PER_CELL).max(1);
    // About as many operations as profiles, until there are a hundred profiles.
    let profiles = cells.isqrt().clamp(1, 100);
    let operations = cells.div_ceil(profiles);
    let names = |prefix: &str, count: usize| {
        (0..count)
            .map(|at| format!("{prefix}{at}"))
            .collect::<Vec<_>>()
    };
    let (profiles, operations) = (names("p", profiles), names("o", operations));
    let described = operations
        .iter()
        .map(|name| (parse(name), operation(name)))
        .collect();
    let tool = Tool {
        owner: parse("team"),
        contract: parse("1.0.0"),
        prefix: String::new(),
        operations: described,
        unused: BTreeSet::new(),
    };
    // One guardrail forbids and one raises, and neither matches the asked attempt: they cost and decide nothing.
    let mut all = vec![guardrail(
        "currency",
        "!([\"EUR\", \"GBP\"].contains(context.input.currency))",
        true,
    )];
    all.push(guardrail("night", "!(context.time.business)", false));
    for operation in &operations {
        for profile in &profiles {
            all.extend((0..PER_CELL).map(|at| rule(operation, profile, at)));
        }
    }
    // In the order of their ids, as the compiler leaves them.
    all.sort_by(|a, b| a.id.cmp(&b.id));
    let held = |name: &String| {
        let groups = BTreeSet::from([format!("g-{name}")]);
        (
            parse(name),
            Profile {
                description: None,
                inherits: BTreeSet::new(),
                groups,
            },
        )
    };
    Policy {
        organisation: parse("acme"),
        identity: vec![Issuer {
            issuer: "https://sso.example/".to_owned(),
            audience: "stopgate".to_owned(),
            // One issuer, since benchmarks ask with subjects that are asserted.
            subject: "sub".to_owned(),
            groups: "groups".to_owned(),
            agent: None,
        }],
        channels: BTreeMap::from([(
            parse("dev"),
            Ceiling {
                default: Limit::High,
                tools: BTreeMap::new(),
            },
        )]),
        floors: Floors::DEFAULT,
        freshness: None,
        input_bytes: 65_536,
        gate: Gate::DEFAULT,
        approvals_per_approver_per_day: 20,
        profiles: profiles.iter().map(held).collect(),
        calendar: calendar(),
        routes: Vec::new(),
        deadlines: Deadlines::DEFAULT,
        tools: BTreeMap::from([(parse("erp"), tool)]),
        rules: all,
    }
}

fn parse<T: FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("a constant")
}

fn calendar() -> Calendar {
    let hour = |hour| jiff::civil::time(hour, 0, 0, 0);
    let days = Day::ALL.into_iter().take(5).collect();
    Calendar::new(
        "Europe/Lisbon",
        days,
        (hour(9), End::At(hour(18))),
        BTreeSet::new(),
    )
    .expect("a calendar")
}

fn operation(name: &str) -> Operation {
    let limits = Limits {
        bytes: 8192,
        depth: 8,
        members: 100,
    };
    let definition =
        Json::parse(DEFINITION.replace("NAME", name).as_bytes(), limits).expect("JSON");
    let function = LockedFunction::new(definition).expect("a definition");
    // A masked argument, so that recording the attempt does its work too.
    let input_mask = BTreeSet::from(
        ["/bank_account"]
            .map(|text| stopgate_decide::pointer::Pointer::new(text).expect("a pointer")),
    );
    Operation {
        function: name.to_owned(),
        select: None,
        facts: Vec::new(),
        monotone: BTreeSet::new(),
        summary: None,
        money: BTreeMap::new(),
        definition: function.digest,
        input: InputType::from_schema(&function.input_schema, &input_mask).expect("a schema"),
        input_schema: function.input_schema,
        effect: Effect::Write,
        dry_run: DryRun::Unstated,
        input_mask,
        result_mask: BTreeSet::new(),
        max_rows: BTreeMap::new(),
    }
}

fn rule(operation: &str, profile: &str, at: usize) -> Rule {
    // Three of the four match the asked input; bounds differ so that no two rules are the same text.
    let conditions = [
        "context.input.amount_cents > 0 && context.input.amount_cents <= 50000".to_owned(),
        "context.input.amount_cents <= 100000 && context.input.currency == \"EUR\"".to_owned(),
        "context.input.order_id like \"A-*\"".to_owned(),
        format!("context.input.amount_cents > {}", 50_000 + at),
    ];
    let condition = conditions.get(at).map_or("true", String::as_str);
    let surface = Surface {
        risk: Risk::Low,
        ..Surface::BOTTOM
    };
    let kind = match at {
        2 => RuleKind::Raise(Surface {
            user_confirmation: true,
            ..Surface::BOTTOM
        }),
        3 => RuleKind::Grant(Surface {
            risk: Risk::High,
            approval: Approval::Committee,
            user_confirmation: true,
            ..surface
        }),
        _ => RuleKind::Grant(surface),
    };
    Rule {
        id: parse(&format!("erp/{operation}.{profile}.{at}")),
        kind,
        scope: Scope {
            operations: Operations::Listed(BTreeSet::from([(parse("erp"), parse(operation))])),
            profiles: Some(BTreeSet::from([parse(profile)])),
            except: BTreeSet::new(),
            agents: None,
        },
        condition: Some(Condition::parse(condition).expect("a condition")),
        description: None,
        owner: parse("team"),
        review_by: jiff::civil::date(2027, 3, 31),
        location: Location {
            file: "rules/erp.yaml".into(),
            line: 1,
        },
    }
}

fn guardrail(name: &str, condition: &str, never: bool) -> Rule {
    let raise = Surface {
        approval: Approval::Supervisor,
        ..Surface::BOTTOM
    };
    Rule {
        id: parse(&format!("guardrails/{name}")),
        kind: if never {
            RuleKind::Never("not in this currency".to_owned())
        } else {
            RuleKind::Raise(raise)
        },
        scope: Scope {
            operations: Operations::All,
            profiles: None,
            except: BTreeSet::new(),
            agents: None,
        },
        condition: Some(Condition::parse(condition).expect("a condition")),
        description: None,
        owner: parse("security"),
        review_by: jiff::civil::date(2027, 3, 31),
        location: Location {
            file: "rules/guardrails.cedar".into(),
            line: 1,
        },
    }
}

/// The asked attempt, by somebody who holds the first `profiles` profiles.
///
/// # Panics
/// Never for the constants of this file.
#[must_use]
pub fn attempt(profiles: usize) -> Attempt {
    Attempt {
        subject: Subject {
            issuer: "https://sso.example/".to_owned(),
            id: "00u1ab".to_owned(),
        },
        profiles: (0..profiles)
            .map(|at| parse::<ProfileName>(&format!("p{at}")))
            .collect(),
        agent: "orchestrator".to_owned(),
        tool: "erp".to_owned(),
        target: Target::Operation("o0".to_owned()),
        input: Input::parse(INPUT),
        definition: None,
    }
}

/// A weekday at ten, no evidence, a door that enforces everything, nothing above the ceiling.
///
/// # Panics
/// Never for the constants of this file.
#[must_use]
pub fn situation() -> Situation {
    Situation {
        now: parse("2026-11-24T10:00:00Z"),
        limit: LimitNow {
            class: Limit::High,
            by: LimitedBy::Ceiling,
        },
        stops: StopsInForce::default(),
        evidence: Evidence::NONE,
        enforces: Enforces::ALL,
    }
}
