//! Between the wire and the house: each message is taken apart whole, so that a new field does not compile until
//! somebody has decided what it means.

mod status;

use jiff::Timestamp;
use stopgate_decide::attempt::Target;
use stopgate_decide::decide::{MatchKind, MatchedRule, Outcome, Reason, Rejection};
use stopgate_decide::digest::Digest;
use stopgate_decide::surface::{Approval, Need, Risk, Surface};
use stopgate_proto::v1 as pb;

use crate::enforce::{
    Answer, AssertedSubject, Label, NamedSubject, OutOfBounds, Request, RequestId,
};
use crate::identity::SubjectToken;

/// Why a `DecideRequest` is malformed: the field, and what is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the field of its name")]
pub enum InvalidDecideRequest {
    RequestId(OutOfBounds),
    NoAttempt,
    Subject(OutOfBounds),
    Agent(OutOfBounds),
    Tool(OutOfBounds),
    Operation(OutOfBounds),
    McpTool(OutOfBounds),
    ToolDefinitionDigest,
}

impl std::fmt::Display for InvalidDecideRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::RequestId(why) => write!(f, "`request_id` {why}"),
            Self::NoAttempt => f.write_str("`attempt` is not set"),
            Self::Subject(why) => write!(f, "`id` or `issuer` of `attempt.asserted_subject` {why}"),
            Self::Agent(why) => write!(f, "`attempt.agent` {why}"),
            Self::Tool(why) => write!(f, "`attempt.tool` {why}"),
            Self::Operation(why) => write!(f, "`attempt.operation` {why}"),
            Self::McpTool(why) => write!(f, "`attempt.mcp_tool` {why}"),
            Self::ToolDefinitionDigest => {
                f.write_str("`attempt.tool_definition_digest` is not 32 bytes")
            }
        }
    }
}

impl TryFrom<pb::DecideRequest> for Request {
    type Error = InvalidDecideRequest;

    fn try_from(request: pb::DecideRequest) -> Result<Self, InvalidDecideRequest> {
        let pb::DecideRequest {
            request_id,
            attempt,
        } = request;
        let pb::Attempt {
            agent,
            tool,
            input,
            tool_definition_digest,
            subject,
            target,
        } = attempt.ok_or(InvalidDecideRequest::NoAttempt)?;
        Ok(Self {
            id: RequestId::new(request_id).map_err(InvalidDecideRequest::RequestId)?,
            trace: None,
            subject: subject.map(NamedSubject::try_from).transpose()?,
            // On this wire a text that is not set is empty: then the agent is the caller's own.
            agent: Some(agent)
                .filter(|agent| !agent.is_empty())
                .map(Label::new)
                .transpose()
                .map_err(InvalidDecideRequest::Agent)?,
            tool: Label::new(tool).map_err(InvalidDecideRequest::Tool)?,
            target: target.map(read_target).transpose()?,
            input,
            definition: match tool_definition_digest.as_slice() {
                [] => None,
                bytes => Some(
                    Digest::from_bytes(bytes).ok_or(InvalidDecideRequest::ToolDefinitionDigest)?,
                ),
            },
        })
    }
}

impl TryFrom<pb::attempt::Subject> for NamedSubject {
    type Error = InvalidDecideRequest;

    fn try_from(subject: pb::attempt::Subject) -> Result<Self, InvalidDecideRequest> {
        match subject {
            // Whatever it is: a token that does not verify is a decision, and on record.
            pb::attempt::Subject::SubjectToken(token) => Ok(Self::Token(SubjectToken::new(token))),
            pb::attempt::Subject::AssertedSubject(pb::AssertedSubject { id, issuer, groups }) => {
                AssertedSubject::new(issuer, id, groups)
                    .map(Self::Asserted)
                    .map_err(InvalidDecideRequest::Subject)
            }
        }
    }
}

fn read_target(target: pb::attempt::Target) -> Result<Target, InvalidDecideRequest> {
    match target {
        pb::attempt::Target::Operation(name) => {
            let name = Label::new(name).map_err(InvalidDecideRequest::Operation)?;
            Ok(Target::Operation(name.into_string()))
        }
        pb::attempt::Target::McpTool(name) => {
            let name = Label::new(name).map_err(InvalidDecideRequest::McpTool)?;
            Ok(Target::Function(name.into_string()))
        }
    }
}

impl From<Answer> for pb::DecideResponse {
    fn from(answer: Answer) -> Self {
        let Answer {
            name,
            request,
            bundle,
            time,
            decision,
        } = answer;
        Self {
            decision: name,
            bundle_digest: bundle.to_string(),
            decide_time: Some(timestamp(time)),
            rules: decision.rules().iter().map(rule).collect(),
            result: Some(result(decision.outcome())),
            surface: decision.surface().map(surface),
            request_id: request.as_str().to_owned(),
        }
    }
}

fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: time.as_second(),
        nanos: time.subsec_nanosecond(),
    }
}

fn rule(rule: &MatchedRule) -> pb::RuleReference {
    let MatchedRule { id, location, kind } = rule;
    let kind = match kind {
        MatchKind::Grant => pb::RuleKind::Grant,
        MatchKind::Raise => pb::RuleKind::Raise,
        MatchKind::Never => pb::RuleKind::Never,
    };
    pb::RuleReference {
        rule: id.to_string(),
        file: location.file.to_string(),
        line: i32::try_from(location.line).unwrap_or(i32::MAX),
        kind: kind.into(),
    }
}

fn result(outcome: &Outcome) -> pb::decide_response::Result {
    match outcome {
        Outcome::Permit(permit) => pb::decide_response::Result::Permit(pb::Permit {
            obligations: obligations(permit.surface()),
        }),
        Outcome::Route(needs) => pb::decide_response::Result::Route(pb::Route {
            needs: needs.iter().map(need).collect(),
        }),
        Outcome::Reject(Rejection {
            reason: why,
            message,
        }) => pb::decide_response::Result::Reject(pb::Reject {
            reason: reason(*why).into(),
            message: message.clone(),
        }),
    }
}

fn surface(surface: &Surface) -> pb::Surface {
    let Surface {
        risk,
        approval,
        user_confirmation,
        dry_run,
        masks: _,
        max_rows: _,
    } = surface;
    // What is left out above is in the obligations: the wire says it once.
    let risk = match risk {
        Risk::Low => pb::Risk::Low,
        Risk::Medium => pb::Risk::Medium,
        Risk::High => pb::Risk::High,
    };
    pb::Surface {
        risk: risk.into(),
        approval: level(*approval).into(),
        user_confirmation: *user_confirmation,
        dry_run: *dry_run,
        obligations: obligations(surface),
    }
}

fn obligations(surface: &Surface) -> Vec<pb::Obligation> {
    let mut obligations = Vec::new();
    if !surface.masks.is_empty() {
        let pointers = surface.masks.iter().map(ToString::to_string).collect();
        let kind = pb::obligation::Kind::MaskFields(pb::MaskFields { pointers });
        obligations.push(pb::Obligation { kind: Some(kind) });
    }
    obligations.extend(surface.max_rows.iter().map(|(pointer, rows)| {
        // The wire's greatest number is stricter than a greater one.
        let max_rows = i32::try_from(*rows).unwrap_or(i32::MAX);
        let kind = pb::obligation::Kind::LimitRows(pb::LimitRows {
            pointer: pointer.to_string(),
            max_rows,
        });
        pb::Obligation { kind: Some(kind) }
    }));
    obligations
}

const fn level(approval: Approval) -> pb::ApprovalLevel {
    match approval {
        Approval::Automatic => pb::ApprovalLevel::Automatic,
        Approval::Supervisor => pb::ApprovalLevel::Supervisor,
        Approval::Committee => pb::ApprovalLevel::Committee,
    }
}

fn need(need: &Need) -> pb::Need {
    let (kind, level) = match need {
        Need::UserConfirmation => (
            pb::NeedKind::UserConfirmation,
            pb::ApprovalLevel::Unspecified,
        ),
        Need::DryRun => (pb::NeedKind::DryRun, pb::ApprovalLevel::Unspecified),
        Need::Approval(approval) => (pb::NeedKind::Approval, level(*approval)),
    };
    pb::Need {
        kind: kind.into(),
        level: level.into(),
    }
}

const fn reason(reason: Reason) -> pb::RejectReason {
    match reason {
        Reason::SubjectUnverified => pb::RejectReason::SubjectUnverified,
        Reason::UnknownTool => pb::RejectReason::UnknownTool,
        Reason::UnknownOperation => pb::RejectReason::UnknownOperation,
        Reason::UnknownProfile => pb::RejectReason::UnknownProfile,
        Reason::OperationMismatch => pb::RejectReason::OperationMismatch,
        Reason::DefinitionMismatch => pb::RejectReason::DefinitionMismatch,
        Reason::InputInvalid => pb::RejectReason::InputInvalid,
        Reason::NoRule => pb::RejectReason::NoRule,
        Reason::Forbidden => pb::RejectReason::Forbidden,
        Reason::Ceiling => pb::RejectReason::Ceiling,
        Reason::Obligation => pb::RejectReason::Obligation,
        Reason::EvaluationError => pb::RejectReason::EvaluationError,
        Reason::PolicyStale => pb::RejectReason::PolicyStale,
        Reason::AuditUnavailable => pb::RejectReason::AuditUnavailable,
        Reason::Overloaded => pb::RejectReason::Overloaded,
        Reason::Stopped => pb::RejectReason::Stopped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_name_on_the_wire() {
        for known in Reason::ALL {
            let wire = reason(known).as_str_name();
            assert_eq!(
                wire,
                format!("REJECT_REASON_{}", known.as_str().to_uppercase())
            );
        }
    }

    #[test]
    fn a_malformed_request_is_told_which_field() {
        let attempt = || pb::Attempt {
            tool: "erp".into(),
            ..Default::default()
        };
        let request = |attempt| pb::DecideRequest {
            request_id: "r".into(),
            attempt: Some(attempt),
        };
        let subject = |id: String| {
            let subject = pb::AssertedSubject {
                id,
                issuer: "i".into(),
                groups: vec![],
            };
            Some(pb::attempt::Subject::AssertedSubject(subject))
        };
        let operation = |name: String| Some(pb::attempt::Target::Operation(name));
        let long = "x".repeat(1000);
        for (request, field) in [
            (
                pb::DecideRequest {
                    request_id: String::new(),
                    attempt: Some(attempt()),
                },
                "`request_id`",
            ),
            (
                pb::DecideRequest {
                    request_id: "r".into(),
                    attempt: None,
                },
                "`attempt`",
            ),
            (request(pb::Attempt::default()), "`attempt.tool`"),
            (
                request(pb::Attempt {
                    tool: long.clone(),
                    ..attempt()
                }),
                "`attempt.tool`",
            ),
            (
                request(pb::Attempt {
                    agent: long.clone(),
                    ..attempt()
                }),
                "`attempt.agent`",
            ),
            (
                request(pb::Attempt {
                    target: operation(String::new()),
                    ..attempt()
                }),
                "`attempt.operation`",
            ),
            (
                request(pb::Attempt {
                    subject: subject(long),
                    ..attempt()
                }),
                "`id` or `issuer`",
            ),
            (
                request(pb::Attempt {
                    tool_definition_digest: vec![0; 31],
                    ..attempt()
                }),
                "`attempt.tool_definition",
            ),
        ] {
            let invalid = Request::try_from(request)
                .expect_err("a malformed request")
                .to_string();
            assert!(invalid.starts_with(field), "{invalid}");
        }
        assert!(Request::try_from(request(attempt())).is_ok());
    }
}
