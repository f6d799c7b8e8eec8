//! Callers that leave: the record is on its way before anybody waits, and each request counts as what became of it.

use std::task::Poll;

use stopgate_decide::supply::Standing;

use super::testing::{Stage, caller, request};
use super::*;
use crate::audit::Options;
use crate::audit::tests::poll_once;
use crate::identity::SubjectToken;
use crate::testing::Heard;

const PERMIT: &str = r#"{tool="erp",answer="permit",reason=""} 1"#;

/// Makes a request whose caller leaves as soon as it would have to wait.
async fn left(stage: &Stage) {
    stage.disk.hold(true);
    let caller = caller();
    let mut deciding = Box::pin(stage.enforcer.decide(&caller, request()));
    assert!(
        poll_once(deciding.as_mut()).is_pending(),
        "nothing is answered before its record is on the disk"
    );
    drop(deciding);
}

#[tokio::test]
async fn i34_a_caller_that_leaves_at_once_leaves_its_record() {
    let stage = Stage::new(Options::new("erp-7f"));
    left(&stage).await;
    stage.disk.hold(false);
    let written = stage.written().await;
    assert_eq!((written.decisions.len(), written.gaps), (1, 0));
}

#[tokio::test]
async fn a_caller_that_leaves_is_counted_once_and_not_as_answered() {
    let stage = Stage::new(Options::new("erp-7f"));
    left(&stage).await;
    let expected = [format!("callers_left_total{PERMIT}")];
    assert_eq!(stage.counted(), expected, "before the record is there");
    stage.disk.hold(false);
    stage.written().await;
    assert_eq!(stage.counted(), expected, "and after");
    assert_eq!(stage.log.unrecorded(), 0);
}

#[tokio::test]
async fn a_caller_that_stays_is_counted_once_and_as_answered() {
    let stage = Stage::new(Options::new("erp-7f"));
    let answer = stage.enforcer.decide(&caller(), request()).await;
    let answer = answer.expect("a decision");
    assert!(matches!(answer.decision.outcome(), Outcome::Permit(_)));
    assert_eq!(stage.counted(), [format!("answers_total{PERMIT}")]);
    assert_eq!(stage.written().await.decisions.len(), 1);
}

#[tokio::test]
async fn what_the_queue_refuses_is_answered_at_once_and_nobody_left() {
    let stage = Stage::new(Options {
        waiting_bytes: 1,
        ..Options::new("erp-7f")
    });
    let caller = caller();
    let mut deciding = Box::pin(stage.enforcer.decide(&caller, request()));
    let Poll::Ready(Ok(answer)) = poll_once(deciding.as_mut()) else {
        panic!("there is nothing to wait for");
    };
    let Outcome::Reject(rejection) = answer.decision.outcome() else {
        panic!("an answer without a record");
    };
    assert_eq!(rejection.reason, Reason::Overloaded);
    let overloaded = r#"answers_total{tool="erp",answer="reject",reason="overloaded"} 1"#;
    assert_eq!(stage.counted(), [overloaded]);
    let written = stage.written().await;
    assert_eq!((written.decisions.len(), written.gaps), (0, 1));
}

#[tokio::test]
async fn decisions_over_budget_are_all_rejected_and_told_once_a_minute_with_a_count() {
    let (stage, heard) = (Stage::new(Options::new("erp-7f")), Heard::begin());
    let active = stage.enforcer.status().supply.active;
    let bundle = active.expect("a policy in force").bundle;
    let mut told = Vec::new();
    for round in 0..5 {
        if round == 4 {
            stage.enforcer.over_budget.let_time_pass();
        }
        let now = Timestamp::UNIX_EPOCH;
        let mut question =
            stage
                .enforcer
                .question(&caller(), (&bundle, Standing::default()), &request(), now);
        question.clock = Clock::after(2 * DECIDE_BUDGET);
        let considered = stage.enforcer.consider(&bundle, question);
        let Outcome::Reject(rejection) = considered.decision.outcome() else {
            panic!("it took too long");
        };
        assert_eq!(rejection.reason, Reason::Overloaded);
        told.push(heard.take("decision over budget"));
    }
    let counted = |line: &Vec<String>, count| {
        matches!(line.as_slice(), [line] if line.contains("tool=\"erp\"")
            && line.ends_with(&format!(" passed_over={count}")))
    };
    assert!(counted(&told[0], 0) && counted(&told[4], 3), "{told:?}");
    assert!(told[1..4].iter().all(Vec::is_empty), "{told:?}");
}

#[tokio::test]
async fn refused_tokens_are_told_once_a_minute_for_each_caller() {
    let (stage, heard) = (Stage::new(Options::new("erp-7f")), Heard::begin());
    for (uid, expected) in [(1, 1), (1, 0), (2, 1), (1, 0), (2, 0)] {
        let caller = Caller { uid, ..caller() };
        let request = Request {
            subject: Some(NamedSubject::Token(SubjectToken::new("none".to_owned()))),
            ..request()
        };
        let answer = stage.enforcer.decide(&caller, request).await;
        let answer = answer.expect("a decision");
        assert!(matches!(answer.decision.outcome(), Outcome::Reject(_)));
        let told = heard.take("token refused");
        assert_eq!(told.len(), expected, "{told:?}");
        assert!(told.iter().all(|line| line.contains(&format!("uid={uid}"))));
    }
}
