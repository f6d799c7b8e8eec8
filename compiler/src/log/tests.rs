//! Files in any order, a break with its place, and nothing that looks like a check but is none.

use stopgate_decide::digest::Digest;
use stopgate_decide::record::{
    Fault, GapRecord, MaskKey, RecordVersion, StartRecord, StopRecord, file_name, no_line_before,
};

use super::*;

fn bodies() -> Vec<RecordBody> {
    let time = "2026-11-24T10:00:00Z".parse().expect("a time");
    let start = StartRecord {
        sidecar: "erp-7f".into(),
        software: "test".into(),
        mask_key: MaskKey::new(&[7; 32]).id(),
        dropped_bytes: 0,
    };
    vec![
        RecordBody::Start(start.clone()),
        RecordBody::Gap(GapRecord {
            count: 3,
            overloaded: 1,
            first: time,
            last: time,
        }),
        RecordBody::Start(start.clone()),
        RecordBody::Stop(StopRecord {
            sidecar: "erp-7f".into(),
        }),
        RecordBody::Start(start),
    ]
}

/// Makes a log with two records in each file.
fn log() -> (tempfile::TempDir, Vec<PathBuf>) {
    log_at(&["2026-11-24T10:00:00.5Z"; 5])
}

/// Makes a log with two records in each file, made at `times`.
fn log_at(times: &[&str; 5]) -> (tempfile::TempDir, Vec<PathBuf>) {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut seq, mut prev, mut paths) = (Seq::FIRST, no_line_before(), Vec::new());
    let mut times = times.iter();
    for pair in bodies().chunks(2) {
        let (first, mut text) = (seq, String::new());
        for body in pair {
            let time = times.next().expect("a time").parse().expect("a time");
            let line = Record {
                version: RecordVersion::CURRENT,
                stamp: Stamp { seq, time, prev },
                body: body.clone(),
            }
            .line();
            prev = Digest::compute(line.trim_end().as_bytes());
            seq = seq.next().expect("a number");
            text.push_str(&line);
        }
        paths.push(dir.path().join(file_name(first)));
        std::fs::write(paths.last().expect("a path"), text).expect("written");
    }
    (dir, paths)
}

#[test]
fn files_are_taken_in_the_order_of_their_records() {
    let (dir, mut paths) = log();
    paths.reverse();
    paths.push(paths[0].clone());
    for given in [vec![dir.path().to_owned()], paths] {
        let checked = verify(&given).expect("checked");
        assert_eq!(checked.broken, None);
        assert_eq!(
            (checked.files, checked.unrecorded, checked.unclean),
            (3, 3, 1)
        );
        assert_eq!(
            checked.records,
            BTreeMap::from([
                (RecordKind::Start, 3),
                (RecordKind::Gap, 1),
                (RecordKind::Stop, 1)
            ])
        );
        assert_eq!(checked.first.map(|stamp| stamp.seq.get()), Some(1));
        assert_eq!(checked.last.map(|stamp| stamp.seq.get()), Some(5));
    }
}

#[test]
fn i36_the_first_break_is_named_and_what_follows_does_not_count() {
    let (dir, paths) = log();
    let text = std::fs::read_to_string(&paths[0]).expect("read");
    std::fs::write(&paths[0], text.replace("\"count\":3", "\"count\":2")).expect("written");
    let checked = verify(&[dir.path().to_owned()]).expect("checked");
    let broken = checked.broken.expect("broken");
    assert_eq!(
        (broken.file, broken.line, broken.seq),
        (Seq::new(3), 1, Seq::new(3))
    );
    assert!(matches!(broken.fault, Fault::Prev { .. }));
    assert_eq!(checked.records.values().sum::<u64>(), 2);

    std::fs::remove_file(&paths[1]).expect("removed");
    let checked = verify(&[paths[0].clone(), paths[2].clone()]).expect("checked");
    assert!(matches!(
        checked.broken.expect("broken").fault,
        Fault::Seq { .. }
    ));

    std::fs::write(&paths[2], "").expect("written");
    let checked = verify(&[paths[2].clone()]).expect("checked");
    assert_eq!(
        (checked.broken, checked.last),
        (None, None),
        "a file that was begun and not yet written"
    );
}

/// Whether the log is whole does not hang on the clock; where it was set back, the lines are named.
#[test]
fn lines_with_times_that_run_backwards_are_named() {
    let times = [
        "2026-11-24T10:00:00Z",
        "2026-11-24T09:59:59.999999Z",
        "2026-11-24T09:59:59.999999Z",
        "2026-11-24T10:00:01Z",
        "2026-11-24T09:00:00Z",
    ];
    let (dir, _) = log_at(&times);
    let checked = verify(&[dir.path().to_owned()]).expect("checked");
    assert_eq!(checked.broken, None);
    let at = |at: usize| times[at].parse().expect("a time");
    let step = |file, line, record: usize| Step {
        file: Seq::new(file),
        line,
        seq: Seq::new(u64::try_from(record).expect("small") + 1).expect("a number"),
        time: at(record),
        before: at(record - 1),
    };
    assert_eq!(checked.backwards.count, 2);
    assert_eq!(checked.backwards.first, [step(1, 2, 1), step(5, 1, 4)]);
}

#[test]
fn what_is_no_log_is_an_error_and_not_a_good_log() {
    let (dir, paths) = log();
    let empty = tempfile::tempdir().expect("a directory");
    assert!(matches!(
        verify(&[empty.path().to_owned()]),
        Err(LogError::Empty { .. })
    ));
    let other = dir.path().join("today.jsonl");
    std::fs::copy(&paths[0], &other).expect("copied");
    assert!(matches!(verify(&[other]), Err(LogError::Name { .. })));
    let copy = empty.path().join(file_name(Seq::FIRST));
    std::fs::copy(&paths[0], &copy).expect("copied");
    assert!(matches!(
        verify(&[copy, paths[0].clone()]),
        Err(LogError::Twice { .. })
    ));
    let absent = dir.path().join(file_name(Seq::new(99).expect("a number")));
    assert!(matches!(verify(&[absent]), Err(LogError::Read { .. })));
}
