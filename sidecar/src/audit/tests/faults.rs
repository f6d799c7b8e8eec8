//! Every call to the disk fails once, in every way.

use rustix::io::Errno;

use super::faulty::{Call, Trouble};
use super::*;

const ATTEMPTS: usize = 12;

/// Lives a log's life: records a dozen decisions one after the other, a bundle among them, over several files. Returns
/// what was answered to each decision.
async fn live(log: &AuditLog) -> Vec<(String, Result<Seq, AuditError>)> {
    let mut answers = Vec::new();
    for at in 0..ATTEMPTS {
        let name = format!("decisions/{at}");
        answers.push((name, log.append(&decision(&at.to_string())).await));
        if at == 5 {
            // Its loss is the follower's business; here it only takes part.
            let _either_way = log.append(&bundle()).await;
        }
    }
    answers
}

/// Returns whether a failure of this call with this error means that nobody knows what is on the disk.
fn is_fatal(call: Call, trouble: Trouble) -> bool {
    match call {
        Call::Sync | Call::SyncDirectory | Call::Truncate | Call::Verify => {
            matches!(trouble, Trouble::Error(errno) if errno != Errno::INTR)
        }
        Call::Create | Call::Preallocate | Call::Write => false,
    }
}

/// Runs one life with `troubles` and checks everything that must hold whatever happens.
async fn survive(troubles: &[(usize, Trouble)]) {
    let disk = Disk::default();
    for (call, trouble) in troubles {
        disk.trouble_at(*call, *trouble);
    }
    let log = open(&disk, small_files());
    let answers = live(&log).await;
    let stopped = log.close().await;
    let calls = disk.calls();

    // I33: whoever was told `Ok` finds the record on the disk, under its number.
    let durable = contents(&disk.durable());
    for (name, answer) in &answers {
        if let Ok(seq) = answer {
            assert_eq!(durable.decisions.get(name), Some(seq), "{troubles:?}");
        }
    }

    let died = troubles.iter().find(|(at, trouble)| {
        calls
            .get(*at)
            .is_some_and(|(call, _)| is_fatal(*call, *trouble))
    });
    if let Some((at, _)) = died {
        // T36: nothing is tried again after the first flush that failed, and nothing is recorded any more.
        assert_eq!(calls.len(), at + 1, "{troubles:?}");
        let fatal = tokio::time::timeout(Duration::from_secs(10), log.fatal())
            .await
            .expect("the death is told");
        assert!(
            matches!(fatal, Fatal::Flush(_) | Fatal::Undo(_) | Fatal::Replaced(_)),
            "{fatal}"
        );
        assert_eq!(stopped, Err(AuditError::Closed));
        assert_eq!(log.append(&decision("late")).await, Err(AuditError::Closed));
        return;
    }
    // I34: every attempt has a record or is counted; only a stop that is lost takes a count along.
    let rejected = answers.iter().filter(|(_, answer)| answer.is_err()).count();
    assert_eq!(durable.decisions.len() + rejected, ATTEMPTS, "{troubles:?}");
    let rejected = u64::try_from(rejected).expect("small");
    if stopped == Err(AuditError::Unavailable) {
        assert!(durable.gaps <= rejected, "{troubles:?}");
        return;
    }
    stopped.expect("the log got well by itself");
    assert_eq!(durable.gaps, rejected, "{troubles:?}");
    assert_eq!(durable.overloaded, 0);
    assert_eq!(
        (durable.kinds.first(), durable.kinds.last()),
        (Some(&RecordKind::Start), Some(&RecordKind::Stop))
    );
    assert_eq!(
        disk.durable(),
        disk.now(),
        "what a reader sees is what survives"
    );
}

#[tokio::test]
async fn t36_i34_a_fault_at_every_call() {
    survive(&[]).await;
    let disk = Disk::default();
    let log = open(&disk, small_files());
    live(&log).await;
    log.close().await.expect("a stop");
    let calls = disk.calls().len();
    assert!(calls > 40, "{calls} calls are too few to be worth it");
    assert!(disk.durable().len() > 4, "several files");

    let errors = [
        Errno::NOSPC,
        Errno::DQUOT,
        Errno::IO,
        Errno::INTR,
        Errno::ROFS,
        Errno::NOENT,
        Errno::MFILE,
    ];
    let troubles = errors
        .into_iter()
        .map(Trouble::Error)
        .chain([Trouble::Short, Trouble::Nothing]);
    for trouble in troubles {
        for call in 0..calls {
            survive(&[(call, trouble)]).await;
        }
    }
}

#[tokio::test]
async fn t36_i34_two_faults_at_every_pair_of_calls() {
    for first in 0..24 {
        for second in first + 1..first + 6 {
            for (one, other) in [
                (Trouble::Error(Errno::NOSPC), Trouble::Error(Errno::NOSPC)),
                (Trouble::Short, Trouble::Error(Errno::NOSPC)),
                (Trouble::Error(Errno::NOSPC), Trouble::Error(Errno::IO)),
                (Trouble::Error(Errno::INTR), Trouble::Error(Errno::INTR)),
            ] {
                survive(&[(first, one), (second, other)]).await;
            }
        }
    }
}

#[tokio::test]
async fn a_file_system_without_reservation_is_fine() {
    let disk = Disk::default();
    let log = open(&disk, Options::new("erp-7f"));
    // create, sync_directory, preallocate of the start have been made; a new disk meets the refusal first.
    log.close().await.expect("a stop");
    let disk = Disk::default();
    disk.trouble_at(2, Trouble::Error(Errno::OPNOTSUPP));
    let log = open(&disk, small_files());
    live(&log)
        .await
        .into_iter()
        .for_each(|(name, answer)| assert!(answer.is_ok(), "{name}"));
    log.close().await.expect("a stop");
    let asked = disk
        .calls()
        .iter()
        .filter(|(call, _)| *call == Call::Preallocate)
        .count();
    assert_eq!(asked, 1, "not asked again");
}

#[tokio::test]
async fn t36_a_full_disk_is_seen_and_left_behind() {
    let disk = Disk::default();
    let log = open(&disk, small_files());
    let first = log.append(&decision("first")).await.expect("recorded");
    assert!(log.is_writable());

    disk.set_capacity(Some(0));
    for at in 0..3 {
        assert_eq!(
            log.append(&decision(&format!("lost-{at}"))).await,
            Err(AuditError::Unavailable)
        );
        assert!(!log.is_writable());
    }
    disk.set_capacity(None);
    // Nobody appends: the log finds out by itself.
    eventually("the log gets well by itself", || log.is_writable()).await;
    let next = log.append(&decision("next")).await.expect("recorded");
    assert_eq!(
        next.get(),
        first.get() + 2,
        "the gap is the one record between them"
    );
    log.close().await.expect("a stop");
    let contents = contents(&disk.durable());
    assert_eq!(contents.gaps, 3);
    assert_eq!(
        contents.kinds,
        [
            RecordKind::Start,
            RecordKind::Decision,
            RecordKind::Gap,
            RecordKind::Decision,
            RecordKind::Stop
        ]
    );
}

#[tokio::test]
async fn t36_a_disk_that_is_full_from_the_beginning_gets_its_start_later() {
    let disk = Disk::default();
    disk.set_capacity(Some(0));
    let log = open(&disk, Options::new("erp-7f"));
    assert!(!log.is_writable());
    assert_eq!(
        log.append(&decision("lost")).await,
        Err(AuditError::Unavailable)
    );
    disk.set_capacity(None);
    log.append(&decision("kept")).await.expect("recorded");
    log.close().await.expect("a stop");
    assert_eq!(
        contents(&disk.durable()).kinds,
        [
            RecordKind::Start,
            RecordKind::Gap,
            RecordKind::Decision,
            RecordKind::Stop
        ]
    );
}

#[tokio::test]
async fn t36_the_room_on_the_disk_is_known_before_it_is_full() {
    let disk = Disk::default();
    disk.set_capacity(Some(1024 * 1024 * 1024));
    let log = open(&disk, Options::new("erp-7f"));
    let room = log.room().expect("the writer has looked");
    assert_eq!(room.size, 1024 * 1024 * 1024);
    assert!(room.free < room.size && !room.is_low(), "{room:?}");

    let disk = Disk::default();
    disk.set_capacity(Some(1024 * 1024));
    let log = open(&disk, Options::new("erp-7f"));
    assert!(log.is_writable(), "it is not full yet");
    assert!(log.room().is_some_and(Room::is_low));
}

#[tokio::test]
async fn a_panic_of_the_thread_is_told_and_nothing_is_recorded_after() {
    for call in 0..10 {
        let disk = Disk::default();
        disk.trouble_at(call, Trouble::Panic);
        let log = open(&disk, Options::new("erp-7f"));
        let answer = log.append(&decision("a")).await;
        let again = log.append(&decision("b")).await;
        assert_eq!(again, Err(AuditError::Closed), "call {call}");
        assert_eq!(answer.is_ok(), call == 9, "call {call}");
        let fatal = tokio::time::timeout(Duration::from_secs(10), log.fatal())
            .await
            .expect("the death is told");
        assert!(matches!(fatal, Fatal::Panicked));
    }
}
