//! I36: any change of a log is found, with its place.

use jiff::Timestamp;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::generate;
use crate::record::*;

/// Makes lines of a log from its first record on, of every kind a few.
fn log(records: usize) -> Vec<String> {
    // The same log in every run: a byte that fails can be looked at again.
    let mut runner = TestRunner::deterministic();
    let (mut lines, mut seq, mut prev) = (Vec::new(), Seq::FIRST, no_line_before());
    let time: Timestamp = "2026-11-24T10:00:00.000001Z".parse().expect("a time");
    while lines.len() < records {
        let body = generate::body()
            .new_tree(&mut runner)
            .expect("a body")
            .current();
        let line = Record {
            version: RecordVersion::CURRENT,
            stamp: Stamp { seq, time, prev },
            body,
        }
        .line();
        // Short ones, because every byte is tried.
        if line.len() < 1500 {
            prev = crate::digest::Digest::compute(line.trim_end_matches('\n').as_bytes());
            seq = seq.next().expect("a number");
            lines.push(line);
        }
    }
    lines
}

/// Checks one file.
fn verify(bytes: &[u8]) -> Result<Chain, Break> {
    let mut chain = Chain::new();
    chain.file(Seq::FIRST)?;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        chain.line(line)?;
    }
    Ok(chain)
}

#[test]
fn i36_every_flipped_bit_is_found_at_its_line_or_the_next() {
    let lines = log(5);
    let bytes = lines.concat().into_bytes();
    let whole = verify(&bytes).expect("a good log");
    let last_line = bytes.len() - lines[4].len();
    let mut line = 1;
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            match verify(&changed) {
                // Either the line itself is wrong, or it is another good line and the digest in the next one shows
                // it.
                Err(broken) => assert!(
                    broken.line == line || broken.line == line + 1,
                    "byte {at}: {broken}"
                ),
                // Nothing follows the last line; only its digest, kept elsewhere, can tell.
                Ok(chain) => assert!(
                    at >= last_line && chain.head() != whole.head(),
                    "byte {at} bit {bit}"
                ),
            }
        }
        line += u64::from(bytes[at] == b'\n');
    }
}

#[test]
fn i36_every_dropped_swapped_doubled_or_cut_line_is_found() {
    let lines = log(6);
    let fault = |lines: &[&String]| {
        verify(
            lines
                .iter()
                .copied()
                .cloned()
                .collect::<String>()
                .as_bytes(),
        )
        .map(|_| ())
    };
    let seq = |number| Seq::new(number).expect("a number");
    for at in 0..lines.len() {
        let place = u64::try_from(at).expect("small") + 1;
        let mut dropped: Vec<_> = lines.iter().collect();
        dropped.remove(at);
        let mut doubled: Vec<_> = lines.iter().collect();
        doubled.insert(at, &lines[at]);
        let broken = fault(&doubled).expect_err("doubled");
        assert_eq!((broken.line, broken.seq), (place + 1, Some(seq(place + 1))));
        assert_eq!(
            broken.fault,
            Fault::Seq {
                expected: seq(place + 1),
                found: seq(place)
            }
        );
        // Without its last line a log is whole. Only the head that is kept elsewhere tells.
        if at + 1 < lines.len() {
            let broken = fault(&dropped).expect_err("dropped");
            assert_eq!((broken.line, broken.seq), (place, Some(seq(place))));
            assert_eq!(
                broken.fault,
                Fault::Seq {
                    expected: seq(place),
                    found: seq(place + 1)
                }
            );
            let mut swapped: Vec<_> = lines.iter().collect();
            swapped.swap(at, at + 1);
            assert_eq!(fault(&swapped).expect_err("swapped").line, place);
        }
    }
}

#[test]
fn a_torn_tail_is_found_at_every_length() {
    let lines = log(3);
    let bytes = lines.concat().into_bytes();
    for len in 0..bytes.len() {
        let whole = bytes[..len].iter().filter(|byte| **byte == b'\n').count();
        match verify(&bytes[..len]) {
            // A cut between two lines leaves a shorter log that is whole.
            Ok(chain) => assert!(
                len == 0 && chain.head().is_none() || bytes[len - 1] == b'\n',
                "{len}"
            ),
            Err(broken) => {
                assert_eq!(broken.fault, Fault::Torn, "{len}");
                assert_eq!(broken.line, u64::try_from(whole).expect("small") + 1);
            }
        }
    }
}

#[test]
fn a_rewritten_record_is_found_by_its_follower() {
    let mut lines = log(3);
    let mut record = Record::parse(lines[1].trim_end_matches('\n').as_bytes()).expect("a record");
    record.body = RecordBody::Stop(StopRecord {
        sidecar: "another".into(),
    });
    lines[1] = record.line();
    let broken = verify(lines.concat().as_bytes()).expect_err("rewritten");
    assert!(
        matches!(broken.fault, Fault::Prev { .. }) && broken.line == 3,
        "{broken}"
    );
    assert!(
        broken
            .to_string()
            .starts_with("00000000000000000001.jsonl:3: record 3: the line before"),
        "{broken}"
    );
}

#[test]
fn files_continue_each_other() {
    let lines = log(4);
    let seq = |number| Seq::new(number).expect("a number");
    let mut chain = Chain::new();
    chain.file(seq(1)).expect("a file");
    chain.line(lines[0].as_bytes()).expect("a line");
    chain.line(lines[1].as_bytes()).expect("a line");

    let mut missing = chain.clone();
    missing.file(seq(4)).expect("a file");
    let broken = missing
        .line(lines[3].as_bytes())
        .expect_err("a file is missing");
    assert_eq!(
        broken.fault,
        Fault::Seq {
            expected: seq(3),
            found: seq(4)
        }
    );

    // The name says 4 and the record in it says 3.
    let mut renamed = chain.clone();
    renamed.file(seq(4)).expect("a file");
    let broken = renamed
        .line(lines[2].as_bytes())
        .expect_err("a file was renamed");
    assert_eq!(
        broken.fault,
        Fault::File {
            named: seq(4),
            found: seq(3)
        }
    );

    let mut empty = chain.clone();
    empty.file(seq(3)).expect("a file");
    assert_eq!(
        empty.file(seq(4)).expect_err("an empty file").fault,
        Fault::Empty
    );

    chain.file(seq(3)).expect("a file");
    chain.line(lines[2].as_bytes()).expect("a line");
    assert_eq!(chain.head().map(|(last, _)| last), Some(seq(3)));
}

#[test]
fn a_log_whose_older_files_were_archived_begins_where_it_begins() {
    let lines = log(4);
    let mut chain = Chain::new();
    chain.file(Seq::new(3).expect("a number")).expect("a file");
    chain.line(lines[2].as_bytes()).expect("taken as it is");
    chain.line(lines[3].as_bytes()).expect("continues");
    // But the first of all has nothing before it, whatever it says.
    let first = Record::parse(lines[0].trim_end_matches('\n').as_bytes()).expect("a record");
    let forged = Record {
        stamp: Stamp {
            prev: crate::digest::Digest::compute(b"x"),
            ..first.stamp
        },
        ..first
    };
    assert!(matches!(
        verify(forged.line().as_bytes()).expect_err("forged").fault,
        Fault::Prev { .. }
    ));
}

#[test]
fn names_of_files_are_twenty_digits() {
    let seq = Seq::new(4711).expect("a number");
    assert_eq!(file_name(seq), "00000000000000004711.jsonl");
    assert_eq!(first_seq_of("00000000000000004711.jsonl"), Some(seq));
    for other in [
        "4711.jsonl",
        "00000000000000000000.jsonl",
        "0000000000000000471x.jsonl",
        "00000000000000004711.json",
        "99999999999999999999.jsonl",
    ] {
        assert_eq!(first_seq_of(other), None, "{other}");
    }
}
