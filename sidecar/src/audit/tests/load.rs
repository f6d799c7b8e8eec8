//! Many at once: one flush for all that wait, no endless queue, nothing uncounted.

use super::faulty::Call;
use super::*;

/// Starts `count` appends and waits until all of them are in the queue or answered.
async fn start(
    log: &AuditLog,
    count: usize,
) -> Vec<tokio::task::JoinHandle<Result<Seq, AuditError>>> {
    let mut tasks = Vec::new();
    for at in 0..count {
        let log = log.clone();
        tasks.push(tokio::spawn(async move {
            log.append(&decision(&at.to_string())).await
        }));
    }
    // On one thread every task has run to its first wait when this one has let all others go first this often.
    for _ in 0..count {
        tokio::task::yield_now().await;
    }
    tasks
}

#[tokio::test]
async fn everything_that_waits_is_flushed_at_once() {
    let disk = Disk::default();
    let log = open(&disk, Options::new("erp-7f"));
    let flushes = || {
        disk.calls()
            .iter()
            .filter(|(call, _)| *call == Call::Sync)
            .count()
    };
    assert_eq!(flushes(), 1, "the start");
    disk.hold(true);
    let tasks = start(&log, 200).await;
    disk.hold(false);
    for (at, task) in tasks.into_iter().enumerate() {
        let seq = task.await.expect("no panic").expect("recorded");
        assert_eq!(
            seq.get(),
            u64::try_from(at).expect("small") + 2,
            "in the order of the calls"
        );
    }
    assert!(flushes() <= 4, "{} flushes for 200 records", flushes());
    log.close().await.expect("a stop");
    assert_eq!(contents(&disk.durable()).decisions.len(), 200);
}

#[tokio::test]
async fn i42_what_does_not_fit_into_the_queue_is_refused_at_once_and_counted() {
    let by_records = Options {
        waiting_records: 8,
        ..Options::new("erp-7f")
    };
    let by_bytes = Options {
        waiting_bytes: 8192,
        ..Options::new("erp-7f")
    };
    for options in [by_records, by_bytes] {
        let disk = Disk::default();
        let log = open(&disk, options);
        disk.hold(true);
        let tasks = start(&log, 50).await;
        let refused = tasks.iter().filter(|task| task.is_finished()).count();
        assert!(
            (20..50).contains(&refused),
            "{refused} of 50 were refused while the disk was busy"
        );
        log.shed();
        disk.hold(false);
        let (mut recorded, mut overloaded) = (0, 0);
        for task in tasks {
            match task.await.expect("no panic") {
                Ok(_) => recorded += 1,
                Err(error) => {
                    assert_eq!(error, AuditError::Overloaded);
                    overloaded += 1;
                }
            }
        }
        assert_eq!(refused, overloaded);
        log.close().await.expect("a stop");
        let contents = contents(&disk.durable());
        assert_eq!(contents.decisions.len(), recorded);
        assert_eq!(
            (contents.gaps, contents.overloaded),
            (u64::try_from(overloaded).expect("small") + 1, contents.gaps)
        );
    }
}

#[tokio::test]
async fn a_gap_is_written_although_nobody_appends() {
    let disk = Disk::default();
    let log = open(&disk, Options::new("erp-7f"));
    log.shed();
    eventually("the gap is written", || contents(&disk.durable()).gaps == 1).await;
    assert!(log.is_writable());
}

#[tokio::test]
async fn a_record_that_no_reader_would_take_is_refused() {
    let disk = Disk::default();
    let log = open(&disk, Options::new("erp-7f"));
    let long = decision(&"x".repeat(MAX_LINE_BYTES));
    assert_eq!(log.append(&long).await, Err(AuditError::TooLong));
    log.append(&decision("short")).await.expect("recorded");
    log.close().await.expect("a stop");
    assert_eq!(contents(&disk.durable()).gaps, 1);
}

#[tokio::test]
async fn a_caller_that_goes_away_takes_no_record_along() {
    let disk = Disk::default();
    let log = open(&disk, Options::new("erp-7f"));
    disk.hold(true);
    let tasks = start(&log, 10).await;
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
    disk.hold(false);
    log.close().await.expect("a stop");
    assert_eq!(contents(&disk.durable()).decisions.len(), 10);
}

#[tokio::test]
async fn after_the_stop_nothing_is_recorded() {
    let disk = Disk::default();
    let log = open(&disk, Options::new("erp-7f"));
    log.close().await.expect("a stop");
    assert_eq!(log.append(&decision("late")).await, Err(AuditError::Closed));
    assert_eq!(log.close().await, Err(AuditError::Closed));
    let fatal = tokio::time::timeout(Duration::from_millis(20), log.fatal()).await;
    assert!(fatal.is_err(), "a good end is no death");
}

#[tokio::test]
async fn the_discarding_log_does_the_work_and_keeps_nothing() {
    let log = AuditLog::discarding(Options::new("bench")).expect("a log");
    assert_eq!(log.append(&decision("a")).await.map(Seq::get), Ok(2));
    log.close().await.expect("a stop");
}
