//! Ending: in good order when told to, at once when the log fails, and never two on one log.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::{Place, ask, get_order, records, wait};

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_drains_and_loses_nothing_that_was_answered() {
    let place = Place::new();
    let mut running = place.start();
    let stop = Arc::new(AtomicBool::new(false));
    let mut askers = vec![];
    for _ in 0..8 {
        let (client, stop) = (running.client().await, Arc::clone(&stop));
        askers.push(tokio::spawn(async move {
            let (mut permits, mut told_off) = (0_usize, 0_usize);
            // On a busy machine the process may be gone before this one has asked again.
            while !stop.load(Ordering::Relaxed) || told_off == 0 {
                match ask(&client, get_order()).await.as_str() {
                    "permit" => permits += 1,
                    "Unavailable" => told_off += 1,
                    // The connection went away under the request.
                    "Unknown" | "Cancelled" | "Internal" => told_off += 1,
                    other => panic!("{other}"),
                }
            }
            (permits, told_off)
        }));
    }
    crate::support::eventually("there is load", || {
        running.metric(r#"stopgate_answers_total{tool="erp",answer="permit",reason=""}"#) > 200.0
    });
    running.terminate();
    assert_eq!(running.wait().code(), Some(0));
    stop.store(true, Ordering::Relaxed);
    let mut acknowledged = 0;
    for asker in askers {
        let (permits, told_off) = asker.await.expect("an asker");
        assert!(told_off > 0);
        acknowledged += permits;
    }
    let records = running.records();
    let recorded = records
        .iter()
        .filter(|record| record["result"]["permit"].is_object())
        .count();
    assert!(
        recorded >= acknowledged,
        "{recorded} recorded, {acknowledged} acknowledged"
    );
    assert_eq!(records.last().expect("a record")["kind"], "stop");
    assert!(!running.socket.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_at_a_time_and_a_crash_is_recovered_from() {
    let place = Place::new();
    let running = place.start();
    assert_eq!(ask(&running.client().await, get_order()).await, "permit");
    let mut second = place.spawn(&place.config());
    assert_eq!(
        wait(&mut second).code(),
        Some(1),
        "the log belongs to the first"
    );
    let elsewhere = place.config().replace("/state\"", "/other\"");
    let mut second = place.spawn(&elsewhere);
    assert_eq!(
        wait(&mut second).code(),
        Some(1),
        "the socket belongs to the first"
    );
    assert_eq!(ask(&running.client().await, get_order()).await, "permit");

    // Killed, not told: its socket stays behind and is replaced.
    drop(running);
    assert!(place.path("sidecar.sock").exists());
    let running = place.start();
    assert_eq!(ask(&running.client().await, get_order()).await, "permit");
    let kinds: Vec<_> = running
        .records()
        .iter()
        .map(|record| record["kind"].as_str().expect("a kind").to_owned())
        .collect();
    assert_eq!(
        kinds,
        [
            "start", "bundle", "decision", "decision", "start", "bundle", "decision"
        ]
    );
    assert_eq!(
        records(&place.path("other")).last().expect("a record")["kind"],
        "bundle"
    );
}
