//! What an answer means. [`Verdict::read`] is the only place where a wire message becomes a permit, and it makes one
//! only from an answer it understands completely and that accounts for itself: which bundle, which record, which grant.

use std::fmt;

use stopgate_proto::v1 as wire;

use crate::obligation::{NotApplied, Obligation, apply};

/// What to do about one attempt.
#[must_use]
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Act, and do every obligation.
    Permit(Permit),
    /// Do not act yet: something is missing.
    Route(Route),
    /// Do not act.
    No(No),
}

/// Leave to act once. Only [`Verdict::read`] makes one.
#[derive(Debug, Clone, PartialEq)]
pub struct Permit {
    obligations: Vec<Obligation>,
    explanation: Explanation,
}

/// What has to be collected before the action may run. Only [`Verdict::read`] makes one.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    needs: Vec<Need>,
    explanation: Explanation,
}

/// One thing that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Need {
    /// The original user confirms the exact call.
    UserConfirmation,
    /// The tool shows first what would happen.
    DryRun,
    /// People approve.
    Approval(Level),
}

/// Which people approve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Level {
    /// One person.
    Supervisor,
    /// Several people.
    Committee,
}

/// Where an answer comes from, for logs and for people.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// Name of the decision, also in the sidecar's record.
    pub decision: String,
    /// Digest of the one bundle that explains it.
    pub bundle_digest: String,
    /// Rules that matched, with their places.
    pub rules: Vec<wire::RuleReference>,
    /// What the matching rules ask for together.
    pub surface: Option<wire::Surface>,
}

/// Why not to act.
#[derive(Debug, Clone, PartialEq)]
pub enum No {
    /// The policy or the sidecar says no.
    Rejected {
        /// The typed reason; `Unspecified` also stands for one this client does not know.
        reason: wire::RejectReason,
        /// For a developer's log.
        message: String,
        /// Where the answer comes from.
        explanation: Box<Explanation>,
    },
    /// The sidecar could not decide, or could not be reached.
    Status {
        /// The gRPC status code.
        code: tonic::Code,
        /// For a developer's log.
        message: String,
    },
    /// No answer in time.
    Deadline,
    /// An answer that is not understood completely.
    Unclear(Unclear),
}

/// What is unclear about an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Unclear {
    /// It is about another request.
    #[error("the answer is about another request")]
    OtherRequest,
    /// It holds no result, or one of a kind this client does not know.
    #[error("the answer holds no result that this client knows")]
    UnsetResult,
    /// A permit obliges to something this client does not know.
    #[error("the permit obliges to something this client does not know")]
    UnknownObligation,
    /// A route asks for nothing, or for something this client does not know.
    #[error("the route asks for nothing, or for something this client does not know")]
    UnknownNeed,
    /// It does not say which bundle and record explain it, or a permit names no grant.
    #[error("the answer does not account for itself")]
    Unaccounted,
}

impl Verdict {
    /// Reads the sidecar's answer to the request with the id `request_id`. An answer that is not understood completely
    /// becomes a [`Verdict::No`].
    pub fn read(request_id: &str, response: wire::DecideResponse) -> Self {
        match Self::try_read(request_id, response) {
            Ok(verdict) => verdict,
            Err(unclear) => Self::No(No::Unclear(unclear)),
        }
    }

    fn try_read(request_id: &str, response: wire::DecideResponse) -> Result<Self, Unclear> {
        let wire::DecideResponse {
            decision,
            bundle_digest,
            decide_time: _,
            rules,
            result,
            surface,
            request_id: echo,
        } = response;
        if echo != request_id {
            return Err(Unclear::OtherRequest);
        }
        let result = result.ok_or(Unclear::UnsetResult)?;
        // An answer accounts for itself by its record, its bundle and a rule that grants. A rejection need not: nothing
        // happens on its account.
        let granted = rules
            .iter()
            .any(|rule| rule.kind() == wire::RuleKind::Grant);
        let accounted = !decision.is_empty() && !bundle_digest.is_empty() && granted;
        let explanation = Explanation {
            decision,
            bundle_digest,
            rules,
            surface,
        };
        match result {
            wire::decide_response::Result::Permit(wire::Permit { obligations }) => {
                let obligations: Result<_, _> =
                    obligations.into_iter().map(Obligation::try_from).collect();
                let obligations = obligations.map_err(|_| Unclear::UnknownObligation)?;
                if !accounted {
                    return Err(Unclear::Unaccounted);
                }
                Ok(Self::Permit(Permit {
                    obligations,
                    explanation,
                }))
            }
            wire::decide_response::Result::Route(wire::Route { needs }) => {
                let needs: Option<Vec<_>> = needs.into_iter().map(Need::read).collect();
                let needs = needs
                    .filter(|needs| !needs.is_empty())
                    .ok_or(Unclear::UnknownNeed)?;
                if !accounted {
                    return Err(Unclear::Unaccounted);
                }
                Ok(Self::Route(Route { needs, explanation }))
            }
            wire::decide_response::Result::Reject(reject) => {
                let reason = reject.reason();
                let wire::Reject { reason: _, message } = reject;
                Ok(Self::No(No::Rejected {
                    reason,
                    message,
                    explanation: Box::new(explanation),
                }))
            }
        }
    }

    /// Returns the permit, if the verdict is one.
    #[must_use]
    pub fn permit(self) -> Option<Permit> {
        match self {
            Self::Permit(permit) => Some(permit),
            Self::Route(_) | Self::No(_) => None,
        }
    }
}

impl Permit {
    /// Returns what has to be done with the result before anyone reads it.
    #[must_use]
    pub fn obligations(&self) -> &[Obligation] {
        &self.obligations
    }

    /// Returns where the permit comes from.
    #[must_use]
    pub const fn explanation(&self) -> &Explanation {
        &self.explanation
    }

    /// Does every obligation on `result`; see [`apply`].
    ///
    /// # Errors
    /// [`NotApplied`] when one cannot be done; `result` is then `null`, because nothing of it may be read.
    pub fn apply(&self, result: &mut serde_json::Value) -> Result<(), NotApplied> {
        apply(&self.obligations, result)
    }
}

impl Route {
    /// Returns what is missing before the action may run; never empty.
    #[must_use]
    pub fn needs(&self) -> &[Need] {
        &self.needs
    }

    /// Returns where the route comes from.
    #[must_use]
    pub const fn explanation(&self) -> &Explanation {
        &self.explanation
    }
}

impl Need {
    fn read(need: wire::Need) -> Option<Self> {
        match (need.kind(), need.level()) {
            (wire::NeedKind::UserConfirmation, _) => Some(Self::UserConfirmation),
            (wire::NeedKind::DryRun, _) => Some(Self::DryRun),
            (wire::NeedKind::Approval, wire::ApprovalLevel::Supervisor) => {
                Some(Self::Approval(Level::Supervisor))
            }
            (wire::NeedKind::Approval, wire::ApprovalLevel::Committee) => {
                Some(Self::Approval(Level::Committee))
            }
            (
                wire::NeedKind::Approval,
                wire::ApprovalLevel::Unspecified | wire::ApprovalLevel::Automatic,
            )
            | (wire::NeedKind::Unspecified, _) => None,
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::UserConfirmation => "user_confirmation",
            Self::DryRun => "dry_run",
            Self::Approval(Level::Supervisor) => "approval:supervisor",
            Self::Approval(Level::Committee) => "approval:committee",
        })
    }
}

impl From<&tonic::Status> for No {
    fn from(status: &tonic::Status) -> Self {
        Self::Status {
            code: status.code(),
            message: status.message().to_owned(),
        }
    }
}

impl fmt::Display for No {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected {
                reason,
                message,
                explanation: _,
            } => {
                write!(f, "{}: {message}", reason.as_str_name())
            }
            Self::Status { code, message } => write!(f, "not decided ({code:?}): {message}"),
            Self::Deadline => f.write_str("no answer in time"),
            Self::Unclear(unclear) => unclear.fmt(f),
        }
    }
}

impl std::error::Error for No {}
