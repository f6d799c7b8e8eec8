//! Faults: each is an answer without a decision, counts once, and leaves a record or a count in the next gap.

use super::*;
use crate::audit::Options;
use crate::enforce::testing::{Stage, caller as a_caller};
use crate::testing::panic_at;

/// Asks for a decision about a subject that nobody vouches for, with a fault at the event `message`.
async fn ask_with_fault_at(stage: &Stage, message: &'static str) -> Result<(), Code> {
    let _faulty = panic_at(message);
    let grpc = Grpc::new(Arc::clone(&stage.enforcer), Arc::clone(&stage.metrics));
    let token = pb::attempt::Subject::SubjectToken("no token".to_owned());
    let operation = pb::attempt::Target::Operation("get_order".to_owned());
    let mut request = Request::new(pb::DecideRequest {
        request_id: "r".to_owned(),
        attempt: Some(pb::Attempt {
            tool: "erp".to_owned(),
            subject: Some(token),
            target: Some(operation),
            ..pb::Attempt::default()
        }),
    });
    request.extensions_mut().insert(Arc::new(a_caller()));
    let answered = EnforcementService::decide(&grpc, request).await;
    answered.map(|_| ()).map_err(|status| status.code())
}

const FAULT: &str = r#"undecided_total{reason="fault"} 1"#;

#[tokio::test]
async fn i34_a_fault_before_the_record_is_counted_in_a_gap_and_once_as_a_fault() {
    let stage = Stage::new(Options::new("erp-7f"));
    let answered = ask_with_fault_at(&stage, "token refused").await;
    assert_eq!(answered, Err(Code::Internal));
    assert_eq!(stage.counted(), [FAULT]);
    assert_eq!(stage.log.unrecorded(), 1, "at once, not when the log ends");
    let written = stage.written().await;
    assert_eq!((written.decisions.len(), written.gaps), (0, 1));
}

#[tokio::test]
async fn a_fault_after_the_record_leaves_it_and_is_counted_once_as_a_fault() {
    let stage = Stage::new(Options::new("erp-7f"));
    let answered = ask_with_fault_at(&stage, "decided").await;
    assert_eq!(answered, Err(Code::Internal));
    assert_eq!(stage.counted(), [FAULT]);
    let written = stage.written().await;
    assert_eq!((written.decisions.len(), written.gaps), (1, 0));
    assert_eq!(stage.log.unrecorded(), 0);
}

#[tokio::test]
async fn without_a_fault_the_same_request_is_answered_and_counted_as_that() {
    let stage = Stage::new(Options::new("erp-7f"));
    assert_eq!(ask_with_fault_at(&stage, "no such event").await, Ok(()));
    let answered = r#"answers_total{tool="erp",answer="reject",reason="subject_unverified"} 1"#;
    assert_eq!(stage.counted(), [answered]);
    assert_eq!(stage.written().await.decisions.len(), 1);
}

#[tokio::test]
async fn a_panic_is_a_fault_and_goes_no_further() {
    async fn faulty() -> Result<(), Undecided> {
        panic!("a fault in the handler")
    }
    assert_eq!(settle(faulty()).await, Err(Undecided::Fault));
    assert_eq!(settle(async { Ok(1) }).await, Ok(1));
    assert_eq!(status(Undecided::Fault, "").code(), Code::Internal);
}

#[test]
fn every_status_carries_its_reason() {
    for why in Undecided::ALL {
        let status = status(why, message(why));
        let details = status.get_error_details();
        let info = details.error_info().expect("an ErrorInfo");
        assert_eq!(
            (info.domain.as_str(), info.reason.to_lowercase().as_str()),
            (DOMAIN, why.as_str())
        );
        assert_ne!(status.code(), Code::Ok);
    }
}
