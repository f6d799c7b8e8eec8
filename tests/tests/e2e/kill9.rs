//! The sidecar is killed under load, again and again: whatever a caller was told is in the log.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use stopgate_client::{Client, No, Verdict};
use stopgate_decide::record::{Record, RecordBody, RecordedResult};
use stopgate_tests::ask::{order, refund};
use stopgate_tests::random::Random;
use stopgate_tests::sidecar::{PATIENCE, Sidecar};
use stopgate_tests::stage::{Hours, Stage};
use stopgate_tests::{log, scale};

const CALLERS: u64 = 8;
/// A kill comes after this many answers at most, so at any moment of a batch.
const MOST_ANSWERS: usize = 300;

/// What callers were told: the decision's name, and whether it was a permit.
type Told = Arc<Mutex<BTreeMap<String, bool>>>;

/// Asks until the sidecar is gone.
async fn caller(client: Client, next: Arc<AtomicU64>, told: Told) {
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let id = format!("load-{number}");
        let request = if number.is_multiple_of(2) {
            order(&id)
        } else {
            refund(&id, number % 60_000 + 1)
        };
        // Whatever has an explanation was told, refusals too.
        let (decision, permit) = match client.decide(request, PATIENCE).await {
            Verdict::Permit(permit) => (permit.explanation().decision.clone(), true),
            Verdict::Route(route) => (route.explanation().decision.clone(), false),
            Verdict::No(No::Rejected { explanation, .. }) => (explanation.decision, false),
            // Nothing was told: such an attempt may be in the log or not.
            Verdict::No(No::Status { .. } | No::Deadline | No::Unclear(_)) => return,
        };
        told.lock().expect("not poisoned").insert(decision, permit);
    }
}

/// Every decision of the log, and whether it was a permit.
fn recorded(records: &[Record]) -> BTreeMap<&str, bool> {
    let permit = |result: &RecordedResult| matches!(result, RecordedResult::Permit);
    log::decisions(records)
        .map(|it| (it.decision.as_str(), permit(&it.result)))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn t34_i33_kill9_loses_no_answer_that_was_given() {
    let (kills, seed) = (
        scale::kills().expect("a number"),
        scale::seed().expect("a number"),
    );
    let stage = Stage::new("dev", Hours::Business).expect("a stage");
    let mut random = Random::new(seed);
    let told = Told::default();
    let next = Arc::new(AtomicU64::new(0));
    for kill in 0..kills {
        let mut sidecar = Sidecar::start(&stage).await.expect("a sidecar");
        let before = told.lock().expect("not poisoned").len();
        let mut callers = Vec::new();
        for _ in 0..CALLERS {
            let client = sidecar.client().await.expect("a connection");
            callers.push(tokio::spawn(caller(
                client,
                Arc::clone(&next),
                Arc::clone(&told),
            )));
        }
        let after = before
            + 1
            + usize::try_from(random.next() % MOST_ANSWERS as u64).expect("a small number");
        let enough = async |_: &Sidecar<'_>| told.lock().expect("not poisoned").len() >= after;
        sidecar
            .until("enough was answered", enough)
            .await
            .expect("answers");
        sidecar.kill().await.expect("it ran");
        for caller in callers {
            caller.await.expect("no panic");
        }
        let answers = told.lock().expect("not poisoned").len() - before;
        println!("kill {}: {answers} answers before it", kill + 1);
    }
    // The last start recovers; then the log is whole, and holds every answer as it was given.
    let sidecar = Sidecar::start(&stage).await.expect("a sidecar");
    assert!(sidecar.terminate().await.expect("it ends").success());
    let records = log::records(&stage.log()).expect("a whole log");
    let recorded = recorded(&records);
    let told = told.lock().expect("not poisoned");
    // The other way round is fine: a record whose answer never left.
    let lost: Vec<_> = told
        .iter()
        .filter(|(decision, permit)| recorded.get(decision.as_str()) != Some(permit))
        .collect();
    assert!(lost.is_empty(), "told, but not in the log: {lost:?}");
    let starts = records
        .iter()
        .filter(|record| matches!(record.body, RecordBody::Start(_)))
        .count();
    assert_eq!(starts as u64, kills + 1);
    println!(
        "{kills} kills: {} answers given, {} decisions recorded, none lost",
        told.len(),
        recorded.len()
    );
}
