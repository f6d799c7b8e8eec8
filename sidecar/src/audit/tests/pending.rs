//! Decisions that do not get as far as their record: they panic, are dropped, or take longer than the end waits.

use super::*;

fn enqueue(pending: Pending<'_>, name: &str) -> Result<Receipt, AuditError> {
    let RecordBody::Decision(record) = decision(name) else {
        panic!("not a decision");
    };
    pending.enqueue(*record, 1000)
}

#[tokio::test]
async fn a_decision_that_panics_is_counted() {
    let disk = Disk::default();
    let log = open(&disk, Options::new("erp-7f"));
    let deciding = log.clone();
    let decided = tokio::spawn(async move {
        let _pending = deciding.announce().expect("open");
        panic!("a fault in the middle of a decision")
    });
    assert!(decided.await.is_err_and(|error| error.is_panic()));
    assert_eq!(log.unrecorded(), 1);
    eventually("the gap is written by itself", || {
        contents(&disk.durable()).gaps == 1
    })
    .await;
    let pending = log.announce().expect("open");
    enqueue(pending, "after")
        .expect("in the queue")
        .wait()
        .await
        .expect("recorded");
    log.close().await.expect("a stop");
    let found = contents(&disk.durable());
    assert_eq!((found.gaps, found.decisions.len()), (1, 1));
    assert_eq!(log.unrecorded(), 1);
}

#[tokio::test]
async fn the_end_waits_for_decisions_under_way() {
    let disk = Disk::default();
    let log = open(&disk, Options::new("erp-7f"));
    let pending = log.announce().expect("open");
    let closing = log.clone();
    let closed = tokio::spawn(async move { closing.close().await });
    tokio::task::yield_now().await;
    enqueue(pending, "last")
        .expect("in the queue")
        .wait()
        .await
        .expect("recorded");
    closed.await.expect("no panic").expect("a stop");
    let found = contents(&disk.durable());
    assert_eq!(
        found.kinds,
        [RecordKind::Start, RecordKind::Decision, RecordKind::Stop]
    );
    assert_eq!(log.announce().err(), Some(AuditError::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_decision_that_outlasts_the_end_is_counted_and_leaves_no_record() {
    let disk = Disk::default();
    let log = open(&disk, Options::new("erp-7f"));
    let late = log.announce().expect("open");
    let dropped = log.announce().expect("open");
    log.close().await.expect("a stop");
    assert_eq!(enqueue(late, "late").err(), Some(AuditError::Closed));
    drop(dropped);
    let found = contents(&disk.durable());
    assert_eq!(
        found.kinds,
        [RecordKind::Start, RecordKind::Gap, RecordKind::Stop]
    );
    assert_eq!((found.gaps, log.unrecorded()), (2, 2));
}

#[tokio::test]
async fn a_receipt_that_nobody_waits_with_takes_no_record_back() {
    let disk = Disk::default();
    let log = open(&disk, Options::new("erp-7f"));
    disk.hold(true);
    let pending = log.announce().expect("open");
    drop(enqueue(pending, "left").expect("in the queue"));
    let pending = log.announce().expect("open");
    let mut wait = Box::pin(enqueue(pending, "waited").expect("in the queue").wait());
    assert!(poll_once(wait.as_mut()).is_pending());
    drop(wait);
    disk.hold(false);
    log.close().await.expect("a stop");
    let found = contents(&disk.durable());
    assert_eq!(
        (found.decisions.len(), found.gaps, log.unrecorded()),
        (2, 0, 0)
    );
}
