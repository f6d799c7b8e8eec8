//! T27: attempts that may take long wait for each other and for nobody else, and nobody waits for them.

use std::time::{Duration, Instant};

use crate::support::{Place, Policy, ask, get_order, request};

/// Characters that a long text is compared with again and again: some five million steps, far below what is accepted.
const PATTERN: usize = 200;

/// Length of that text. All of them together fit the window of one connection.
const TEXT: usize = 24 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn t27_costly_attempts_keep_nobody_waiting() {
    let place = Place::new();
    let raise = format!(
        "\nrules:\n  - id: long-names\n    operations: [get_order]\n    profiles: [support, finance]\n    \
         raise: {{approval: committee}}\n    when: context.input.order_id like \"*{}b*\"\n",
        "a".repeat(PATTERN)
    );
    let policy = Policy::base().with("rules/erp.yaml", "\nrules:\n", &raise);
    place.publish(&policy.build(&place.key));
    let running = place.start();
    let input = format!("{{\"order_id\":\"{}\"}}", "a".repeat(TEXT));

    // The same operation with a short input is decided on the spot.
    let client = running.client().await;
    assert_eq!(ask(&client, get_order()).await, "permit");

    let asked = 16;
    let flood: Vec<_> = (0..asked)
        .map(|_| {
            let (client, input) = (client.clone(), input.clone());
            tokio::spawn(async move { ask(&client, request("get_order", &input)).await })
        })
        .collect();
    let mut cheap = 0;
    while flood.iter().any(|one| !one.is_finished()) || cheap < 10 {
        let begun = Instant::now();
        assert_eq!(ask(&client, get_order()).await, "permit");
        assert_eq!(running.get("/readyz").0, 200);
        assert!(running.get("/metrics").1.contains("stopgate_answers_total"));
        assert!(begun.elapsed() < Duration::from_secs(5), "somebody waited");
        cheap += 1;
    }
    let mut answers = Vec::new();
    for one in flood {
        answers.push(one.await.expect("an answer"));
    }
    let count = |word: &str| answers.iter().filter(|answer| *answer == word).count();
    assert_eq!(count("permit") + count("overloaded"), asked, "{answers:?}");
    assert!(
        count("permit") >= 5,
        "those that found a place: {answers:?}"
    );
    assert!(
        count("overloaded") > 0,
        "more than wait were asked at once: {answers:?}"
    );

    // Each is on record, those that were turned away too.
    let records = running.records();
    let decisions = records.iter().filter(|record| record["kind"] == "decision");
    assert_eq!(decisions.count(), 1 + asked + cheap);
}
