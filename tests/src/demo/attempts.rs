//! The agents' day: two dozen attempts on four systems through the client, and the answer that each must get.

use std::time::Instant;

use anyhow::ensure;
use stopgate_client::wire::DecideRequest;
use stopgate_client::wire::attempt::Target;
use stopgate_client::{Client, No, Obligation, Verdict};
use stopgate_tests::ask::{attempt, erp, order, refund, word};
use stopgate_tests::sidecar::{GLANCE, Sidecar};
use stopgate_tests::stage::{CALLER, Hours, Stage};

use crate::PATIENCE;
use crate::faults::UNKILLED;
use crate::screen::{Row, Screen};

/// One attempt: what it is, the request, and how the answer must begin.
type Line = (&'static str, DecideRequest, &'static str);

/// One attempt on a system that is named: group, system, what is called there, arguments.
type Told = (&'static str, [&'static str; 4], &'static str);

const REFUND: &str = r#"{"order_id":"A-1001","amount_cents":40000,"currency":"EUR"}"#;

/// A morning at the desks: tickets, customers, people.
const MORNING: [Told; 12] = [
    (
        "read a ticket",
        [
            "sg-support",
            "jira",
            "get_issue",
            r#"{"issue_key":"SUP-12"}"#,
        ],
        "permit",
    ),
    (
        "a note among colleagues",
        [
            "sg-support",
            "jira",
            "add_comment",
            r#"{"issue_key":"SUP-12","body":"Asked the branch","public":false}"#,
        ],
        "permit",
    ),
    (
        "the same note, for the customer",
        [
            "sg-support",
            "jira",
            "add_comment",
            r#"{"issue_key":"SUP-12","body":"Asked the branch"}"#,
        ],
        "reject: no_rule",
    ),
    (
        "read a ticket of the security team",
        [
            "sg-support",
            "jira",
            "get_issue",
            r#"{"issue_key":"SEC-4"}"#,
        ],
        "reject: forbidden",
    ),
    (
        "move a ticket on",
        [
            "sg-support",
            "jira",
            "transition_issue",
            r#"{"issue_key":"SUP-12","transition_id":"31"}"#,
        ],
        "route: user_confirmation, approval:supervisor",
    ),
    (
        "close a customer's case",
        [
            "sg-support",
            "salesforce",
            "salesforce_dml_records()",
            r#"{"operation":"update","objectName":"Case","records":[{"Id":"500A1","Status":"Closed"}]}"#,
        ],
        "permit",
    ),
    (
        "close two cases at once",
        [
            "sg-support",
            "salesforce",
            "salesforce_dml_records()",
            r#"{"operation":"update","objectName":"Case","records":[{"Id":"500A1","Status":"Closed"},{"Id":"500A2","Status":"Closed"}]}"#,
        ],
        "reject: no_rule",
    ),
    (
        "call it an update, and delete",
        [
            "sg-support-leads",
            "salesforce",
            "update_records",
            r#"{"operation":"delete","objectName":"Contact","records":[{"Id":"003A1"}]}"#,
        ],
        "reject: operation_mismatch",
    ),
    (
        "forget a person who asked for it",
        [
            "sg-support-leads",
            "salesforce",
            "delete_records",
            r#"{"operation":"delete","objectName":"Contact","records":[{"Id":"003A1"}]}"#,
        ],
        "route: user_confirmation, approval:committee",
    ),
    (
        "how much leave is left",
        [
            "sg-managers",
            "hr",
            "get_leave_balance",
            r#"{"employee_id":"E-100"}"#,
        ],
        "permit",
    ),
    (
        "a salary, by HR's assistant",
        [
            "sg-hr",
            "hr",
            "change_salary",
            r#"{"employee_id":"E-100","increase_percent":5,"new_salary_cents":262500}"#,
        ],
        "route: user_confirmation, dry_run, approval:committee",
    ),
    (
        "half as much again",
        [
            "sg-hr",
            "hr",
            "change_salary",
            r#"{"employee_id":"E-100","increase_percent":50,"new_salary_cents":375000}"#,
        ],
        "reject: forbidden",
    ),
];

fn morning() -> Vec<Line> {
    let line = |(at, (what, [group, tool, called, input], expected)): (usize, Told)| {
        // A server's function, from which the operation is derived, or one of ours.
        let target = match called.strip_suffix("()") {
            Some(function) => Target::McpTool(function.to_owned()),
            None => Target::Operation(called.to_owned()),
        };
        let mut request = attempt(&format!("m{at}"), &[group], tool, target, input);
        if let (Some(attempt), "hr") = (&mut request.attempt, tool) {
            attempt.agent = "hr-assistant".to_owned();
        }
        (what, request, expected)
    };
    MORNING.into_iter().enumerate().map(line).collect()
}

fn in_business_hours() -> Vec<Line> {
    let input = |text: &str| text.to_owned();
    let large = input(r#"{"order_id":"A-1001","amount_cents":20000000,"currency":"EUR"}"#);
    let dollars = input(r#"{"order_id":"A-1001","amount_cents":40000,"currency":"USD"}"#);
    let hostile =
        input(r#"{"order_id":"A-1001","amount_cents":1,"currency":"EUR","amount_cents":9000000}"#);
    let mut changed = refund("d10", 40_000);
    if let Some(attempt) = &mut changed.attempt {
        attempt.tool_definition_digest = vec![0; 32];
    }
    let (analyst, both) = (["sg-support"], ["sg-support", "sg-finance"]);
    vec![
        ("look up an order", order("d1"), "permit"),
        (
            "refund 400.00 EUR",
            refund("d2", 40_000),
            "route: user_confirmation, approval:supervisor",
        ),
        (
            "refund 500.01 EUR",
            refund("d3", 50_001),
            "route: user_confirmation, dry_run, approval:committee",
        ),
        (
            "refund 200,000.00 EUR",
            erp("d4", &analyst, "create_refund", &large),
            "reject: forbidden",
        ),
        (
            "refund 400.00 USD",
            erp("d5", &analyst, "create_refund", &dollars),
            "reject: forbidden",
        ),
        (
            "drop all orders",
            erp("d6", &analyst, "drop_orders", "{}"),
            "reject: unknown_operation",
        ),
        (
            "a refund, by HR",
            erp("d7", &["sg-hr"], "create_refund", REFUND),
            "reject: no_rule",
        ),
        (
            "a refund, by support + finance",
            erp("d8", &both, "create_refund", REFUND),
            "route: user_confirmation",
        ),
        (
            "an amount given twice",
            erp("d9", &analyst, "create_refund", &hostile),
            "reject: input_invalid",
        ),
        (
            "a tool that changed since review",
            changed,
            "reject: definition_mismatch",
        ),
    ]
}

/// Plays the attempts; the sidecar is restarted where the story needs another channel.
pub(crate) async fn play(
    stage: &Stage,
    sidecar: Sidecar<'_>,
    screen: &Screen,
) -> anyhow::Result<()> {
    screen.title("What the agent tries");
    let mut rows = Vec::new();
    let client = sidecar.client().await?;
    // The first exchange on a connection costs more than the ones after it.
    client.status(PATIENCE).await.ok();
    for line in morning().into_iter().chain(in_business_hours()) {
        rows.push(ask(&client, line).await?);
    }

    stage.set_hours(Hours::AfterHours)?;
    swap(stage, &client).await?;
    let night = (
        "refund 400.00 EUR, at night",
        refund("d11", 40_000),
        "route: user_confirmation, approval:committee",
    );
    rows.push(ask(&client, night).await?);
    stage.set_hours(Hours::Business)?;
    stage.publish()?;
    ensure!(
        sidecar.terminate().await?.success(),
        "the sidecar did not end well"
    );

    // First weeks of a new system: agents look, people act.
    stage.configure("pilot", rustix::process::getuid().as_raw(), CALLER)?;
    let pilot = Sidecar::start_under(stage, &UNKILLED).await?;
    let line = (
        "refund 400.00 EUR, channel pilot",
        refund("d12", 40_000),
        "reject: ceiling",
    );
    rows.push(ask(&pilot.client().await?, line).await?);
    ensure!(
        pilot.terminate().await?.success(),
        "the sidecar did not end well"
    );
    stage.configure("dev", rustix::process::getuid().as_raw(), CALLER)?;
    screen.table(&rows);
    Ok(())
}

/// Publishes the policies as they are now and waits until the sidecar decides by them.
pub(crate) async fn swap(stage: &Stage, client: &Client) -> anyhow::Result<()> {
    let digest = async || {
        client
            .status(PATIENCE)
            .await
            .map(|status| status.bundle_digest)
            .unwrap_or_default()
    };
    let before = digest().await;
    stage.publish()?;
    let start = Instant::now();
    while digest().await == before {
        ensure!(
            start.elapsed() < PATIENCE,
            "the sidecar does not take the new bundle"
        );
        tokio::time::sleep(GLANCE).await;
    }
    Ok(())
}

async fn ask(client: &Client, (what, request, expected): Line) -> anyhow::Result<Row> {
    let start = Instant::now();
    let verdict = client.decide(request, PATIENCE).await;
    let took = start.elapsed();
    let answer = word(&verdict);
    ensure!(
        answer.starts_with(expected),
        "{what}: {answer}, where the story says {expected}"
    );
    let (decision, why, missing) = tell(&verdict);
    Ok(Row {
        attempt: what.to_owned(),
        decision,
        why,
        missing,
        took,
    })
}

/// The answer as the table has it: decision, why, and what is missing or to be done.
fn tell(verdict: &Verdict) -> (&'static str, String, String) {
    match verdict {
        Verdict::Permit(permit) => {
            let duties: Vec<String> = permit.obligations().iter().map(duty).collect();
            ("permit", rules(permit.explanation()), duties.join(", "))
        }
        Verdict::Route(route) => {
            let needs: Vec<String> = route.needs().iter().map(ToString::to_string).collect();
            ("route", rules(route.explanation()), needs.join(", "))
        }
        Verdict::No(No::Rejected {
            message,
            explanation,
            ..
        }) => {
            let rules = rules(explanation);
            (
                "reject",
                if rules.is_empty() {
                    message.clone()
                } else {
                    rules
                },
                no(verdict),
            )
        }
        Verdict::No(_) => ("reject", String::new(), no(verdict)),
    }
}

fn no(verdict: &Verdict) -> String {
    word(verdict).replace("reject: ", "final: ")
}

fn duty(obligation: &Obligation) -> String {
    match obligation {
        Obligation::MaskFields(fields) => {
            let names: Vec<&str> = fields.iter().map(|field| field.as_str()).collect();
            match names.as_slice() {
                [_] | [_, _] => format!("mask {}", names.join(" ")),
                many => format!("mask {} fields", many.len()),
            }
        }
        Obligation::LimitRows(rows, most) => format!("at most {most} of {}", rows.as_str()),
    }
}

fn rules(explanation: &stopgate_client::Explanation) -> String {
    let places: Vec<String> = explanation
        .rules
        .iter()
        .map(|rule| format!("{}:{}", rule.file, rule.line))
        .collect();
    places.join(", ")
}
