//! I37: all that was acknowledged is kept, only what was not is dropped, and damage is never taken for a crash.

use std::path::PathBuf;

use stopgate_decide::record::{
    RecordBody, RecordKind, RecordVersion, Stamp, StopRecord, no_line_before,
};

use super::*;

/// A log of `counts` records in files, one after the other.
struct Log {
    dir: tempfile::TempDir,
    files: Vec<(PathBuf, Vec<u8>)>,
}

impl Log {
    fn new(counts: &[u64]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let (mut seq, mut prev, mut files) = (Seq::FIRST, no_line_before(), Vec::new());
        for count in counts {
            let (first, mut bytes) = (seq, Vec::new());
            for at in 0..*count {
                let body = RecordBody::Stop(StopRecord {
                    sidecar: format!("erp @{at} é"),
                });
                assert_eq!(body.kind(), RecordKind::Stop);
                let time = "2026-11-24T10:00:00.123456Z".parse().expect("a time");
                let line = Record {
                    version: RecordVersion::CURRENT,
                    stamp: Stamp { seq, time, prev },
                    body,
                }
                .line();
                prev = Digest::compute(line.trim_end_matches('\n').as_bytes());
                seq = seq.next().expect("a number");
                bytes.extend_from_slice(line.as_bytes());
            }
            let path = dir.path().join(file_name(first));
            fs::write(&path, &bytes).expect("written");
            files.push((path, bytes));
        }
        Self { dir, files }
    }

    fn recover(&self) -> Result<ResumePoint, OpenError> {
        recover(self.dir.path())
    }

    /// Puts `bytes` into the last file.
    fn write_last(&self, bytes: &[u8]) {
        fs::write(&self.files.last().expect("a file").0, bytes).expect("written");
    }

    fn read_last(&self) -> Vec<u8> {
        fs::read(&self.files.last().expect("a file").0).expect("read")
    }
}

fn last(found: &ResumePoint) -> u64 {
    found.last.map_or(0, |(seq, _)| seq.get())
}

fn lines(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.iter().filter(|byte| **byte == b'\n').count()).expect("small")
}

#[test]
fn a_new_log_begins_at_the_beginning() {
    let log = Log::new(&[]);
    let found = log.recover().expect("opened");
    assert_eq!(
        (last(&found), found.file_len, found.dropped_bytes),
        (0, None, 0)
    );
}

#[test]
fn i37_a_log_cut_at_any_byte_keeps_every_whole_line() {
    let log = Log::new(&[2, 3]);
    let bytes = log.files[1].1.clone();
    for len in 0..=bytes.len() {
        log.write_last(&bytes[..len]);
        let found = log.recover().expect("opened");
        let whole = lines(&bytes[..len]);
        assert_eq!(last(&found), 2 + whole, "cut at {len}");
        let kept = bytes[..len]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        assert_eq!(log.read_last(), &bytes[..kept]);
        assert_eq!(
            found.dropped_bytes,
            u64::try_from(len - kept).expect("small")
        );
    }
}

#[test]
fn a_flipped_bit_is_never_taken_for_a_crash() {
    let log = Log::new(&[2, 3]);
    let bytes = log.files[1].1.clone();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            log.write_last(&changed);
            match log.recover() {
                Err(OpenError::Broken { source, .. }) => assert!(source.line <= 3, "{source}"),
                Err(error) => panic!("byte {at} bit {bit}: {error}"),
                // A last record that is still one: nothing after it can tell.
                Ok(found) => assert!(
                    lines(&bytes[..at]) == 2 && last(&found) == 5,
                    "byte {at} bit {bit}"
                ),
            }
            assert_eq!(log.read_last(), changed, "evidence is left alone");
        }
    }
}

#[test]
fn the_file_before_the_last_one_is_checked_too() {
    let log = Log::new(&[2, 2, 2]);
    let (path, bytes) = &log.files[1];
    fs::write(path, &bytes[..bytes.len() - 10]).expect("written");
    let Err(OpenError::Broken { source, .. }) = log.recover() else {
        panic!("refused")
    };
    assert_eq!(source.fault, Fault::Torn);
    fs::remove_file(path).expect("removed");
    let Err(OpenError::Broken { source, .. }) = log.recover() else {
        panic!("refused")
    };
    assert!(matches!(source.fault, Fault::Seq { .. }), "{source}");
}

#[test]
fn blocks_that_never_reached_the_disk_are_a_crash() {
    let log = Log::new(&[1, 30]);
    let bytes = log.files[1].1.clone();
    let sectors = bytes.len() / 512;
    assert!(sectors >= 8, "{sectors} sectors");
    for (from, to) in [(2, 3), (2, 6), (3, sectors), (0, 1)] {
        let mut torn = bytes.clone();
        torn[from * 512..to * 512].fill(0);
        log.write_last(&torn);
        let found = log.recover().expect("opened");
        assert_eq!(
            last(&found),
            1 + lines(&bytes[..from * 512]),
            "zeros in sectors {from}..{to}"
        );
    }
    // Not on the borders of sectors: somebody did that.
    for (from, to) in [(1025, 1536), (1024, 1500)] {
        let mut torn = bytes.clone();
        torn[from..to].fill(0);
        log.write_last(&torn);
        assert!(
            matches!(log.recover(), Err(OpenError::Broken { .. })),
            "zeros in bytes {from}..{to}"
        );
    }
}

#[test]
fn a_long_tail_is_no_crash() {
    let log = Log::new(&[2]);
    let mut bytes = log.files[0].1.clone();
    bytes.resize(bytes.len() + MAX_BATCH_BYTES + 1, 0);
    log.write_last(&bytes);
    assert!(matches!(log.recover(), Err(OpenError::Broken { .. })));
}

#[test]
fn an_empty_last_file_is_continued_if_it_is_the_right_one() {
    let log = Log::new(&[2]);
    let empty = |seq| {
        log.dir
            .path()
            .join(file_name(Seq::new(seq).expect("a number")))
    };
    fs::write(empty(3), b"").expect("written");
    let found = log.recover().expect("opened");
    assert_eq!((last(&found), found.file_len), (2, Some(0)));
    drop(found);
    fs::rename(empty(3), empty(4)).expect("renamed");
    assert!(matches!(log.recover(), Err(OpenError::Broken { .. })));
}

#[test]
fn other_files_are_left_alone() {
    let log = Log::new(&[2]);
    fs::write(log.dir.path().join("00000000000000000003.jsonl.gz"), b"x").expect("written");
    assert_eq!(last(&log.recover().expect("opened")), 2);
}
