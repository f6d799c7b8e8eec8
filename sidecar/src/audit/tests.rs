//! The writer over a disk that fails on command. T34, T36, I33, I34, I37.

mod faults;
pub(crate) mod faulty;
mod load;
mod pending;

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use faulty::Disk;
use jiff::Timestamp;
use stopgate_decide::attempt::Input;
use stopgate_decide::decide::{LimitNow, LimitedBy};
use stopgate_decide::record::{
    BundleChange, BundleRecord, DecisionRecord, MAX_LINE_BYTES, Record, RecordedAttempt,
    RecordedContext, RecordedInput, RecordedResult, Sent,
};
use stopgate_decide::surface::{Enforces, Evidence, Limit};

use super::*;

/// Makes a decision that is known by `name`.
pub(super) fn decision(name: &str) -> RecordBody {
    let key = MaskKey::new(&[7; 32]);
    let text = br#"{"order_id": "A-1001"}"#;
    let sent = Sent {
        input: &Input::parse(text),
        text,
        tool: "erp",
        operation: Some("get_order"),
        masks: Some(&BTreeSet::new()),
        rejected: false,
    };
    RecordBody::Decision(Box::new(DecisionRecord {
        decision: format!("decisions/{name}"),
        request_id: "r".to_owned(),
        trace: None,
        sidecar: "erp-7f".to_owned(),
        bundle: Digest::compute(b"bundle"),
        attempt: RecordedAttempt {
            subject: None,
            profiles: BTreeSet::new(),
            agent: "orchestrator".to_owned(),
            tool: "erp".to_owned(),
            operation: Some("get_order".to_owned()),
            function: None,
            session: None,
            input: RecordedInput::new(&sent, &key),
            definition: None,
        },
        context: RecordedContext {
            facts: BTreeMap::new(),
            agent: "orchestrator".to_owned(),
            now: Timestamp::UNIX_EPOCH,
            business: Some(true),
        },
        evidence: Evidence::NONE,
        limit: LimitNow {
            class: Limit::High,
            by: LimitedBy::Ceiling,
        },
        enforces: Enforces::NOTHING,
        surface: None,
        result: RecordedResult::Permit,
        rules: Vec::new(),
        latency_us: 41,
    }))
}

fn bundle() -> RecordBody {
    RecordBody::Bundle(BundleRecord {
        sidecar: "erp-7f".to_owned(),
        channel: "prod".to_owned(),
        bundle: Some(Digest::compute(b"bundle")),
        change: BundleChange::Active { release: None },
    })
}

/// Opens a log on `disk`.
pub(crate) fn open(disk: &Disk, options: Options) -> AuditLog {
    let key = MaskKey::new(&[7; 32]);
    AuditLog::begin(disk.clone(), Position::after(None, None), 0, key, options).expect("a log")
}

fn small_files() -> Options {
    // Two decisions fill a file.
    Options {
        file_bytes: 2000,
        ..Options::new("erp-7f")
    }
}

/// What stands in a sound log.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub(crate) decisions: BTreeMap<String, Seq>,
    pub(crate) gaps: u64,
    overloaded: u64,
    kinds: Vec<RecordKind>,
}

/// Reads `files`, which must be one unbroken chain from the first record on.
pub(crate) fn contents(files: &BTreeMap<Seq, Vec<u8>>) -> Contents {
    let mut chain = stopgate_decide::record::Chain::new();
    let mut contents = Contents::default();
    for (first, bytes) in files {
        chain
            .file(*first)
            .expect("a file that is not empty before another");
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let Record {
                version: _,
                stamp,
                body,
            } = chain.line(line).expect("a sound line");
            contents.kinds.push(body.kind());
            match body {
                RecordBody::Decision(decision) => {
                    let twice = contents.decisions.insert(decision.decision, stamp.seq);
                    assert_eq!(twice, None, "a decision was recorded twice");
                }
                RecordBody::Gap(gap) => {
                    contents.gaps += gap.count;
                    contents.overloaded += gap.overloaded;
                    assert!(gap.first <= gap.last && gap.last <= stamp.time);
                }
                RecordBody::Start(_)
                | RecordBody::Bundle(_)
                | RecordBody::Stop(_)
                | RecordBody::Stops(_)
                | RecordBody::Root(_) => {}
            }
        }
    }
    contents
}

/// Waits until `holds`, and fails if that takes unreasonably long.
async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let waited = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waited)
        .await
        .expect(what);
}

/// Lets `future` run to its first wait, or to its end.
pub(crate) fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}
