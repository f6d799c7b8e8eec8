//! The values a decision is made of. Only `decide` can make a [`Permit`].

use std::collections::BTreeMap;

use super::LimitNow;
use crate::digest::Digest;
use crate::json::Json;
use crate::name::Location;
use crate::name::{OperationName, ProfileName, RuleId, ToolName};
use crate::surface::{Need, Surface};

/// The answer to one attempt, with what explains it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Decision {
    outcome: Outcome,
    pub(super) rules: Vec<MatchedRule>,
    pub(super) surface: Option<Surface>,
    pub(super) seen: Seen,
}

/// Permit, route or reject.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// The action may run, with the obligations of the permit.
    Permit(Permit),
    /// The action may run once this is collected; in the order it is collected, never empty.
    Route(Vec<Need>),
    /// No evidence will help.
    Reject(Rejection),
}

/// Proof that `decide` let an attempt through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    surface: Surface,
}

impl Permit {
    pub(super) const fn new(surface: Surface) -> Self {
        Self { surface }
    }

    /// Returns the surface that the evidence covered. Its masks and row limits are the obligations of whoever runs the
    /// action.
    #[must_use]
    pub const fn surface(&self) -> &Surface {
        &self.surface
    }
}

/// Why an attempt is rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// For machines.
    pub reason: Reason,
    /// For a developer's log; holds no argument value.
    pub message: String,
}

impl Rejection {
    /// Makes a rejection. Other parts of the program make one when the policy had no say, such as when a log cannot be
    /// written.
    #[must_use]
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
        }
    }
}

/// Reasons of a rejection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Nobody vouches for the subject.
    SubjectUnverified,
    /// The tool is not in the catalog.
    UnknownTool,
    /// The operation or function is not in the tool's catalog.
    UnknownOperation,
    /// The subject holds no profile, or too many.
    UnknownProfile,
    /// The input selects another operation than the one named.
    OperationMismatch,
    /// The tool definition is not the reviewed one.
    DefinitionMismatch,
    /// The input is not strict JSON, or not what the definition asks for.
    InputInvalid,
    /// No rule grants it.
    NoRule,
    /// A never matched.
    Forbidden,
    /// Above the channel's ceiling.
    Ceiling,
    /// The caller cannot do what the surface obliges to.
    Obligation,
    /// A rule could not be evaluated.
    EvaluationError,
    /// The policy is too old for this class.
    PolicyStale,
    /// The decision could not be recorded.
    AuditUnavailable,
    /// Too much at once.
    Overloaded,
    /// An operator's stop lets nothing of this class through.
    Stopped,
}

impl Reason {
    /// Every reason, in the order of the wire.
    pub const ALL: [Self; 16] = [
        Self::SubjectUnverified,
        Self::UnknownTool,
        Self::UnknownOperation,
        Self::UnknownProfile,
        Self::OperationMismatch,
        Self::DefinitionMismatch,
        Self::InputInvalid,
        Self::NoRule,
        Self::Forbidden,
        Self::Ceiling,
        Self::Obligation,
        Self::EvaluationError,
        Self::PolicyStale,
        Self::AuditUnavailable,
        Self::Overloaded,
        Self::Stopped,
    ];

    /// Returns the name of the reason on the wire, in lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SubjectUnverified => "subject_unverified",
            Self::UnknownTool => "unknown_tool",
            Self::UnknownOperation => "unknown_operation",
            Self::UnknownProfile => "unknown_profile",
            Self::OperationMismatch => "operation_mismatch",
            Self::DefinitionMismatch => "definition_mismatch",
            Self::InputInvalid => "input_invalid",
            Self::NoRule => "no_rule",
            Self::Forbidden => "forbidden",
            Self::Ceiling => "ceiling",
            Self::Obligation => "obligation",
            Self::EvaluationError => "evaluation_error",
            Self::PolicyStale => "policy_stale",
            Self::AuditUnavailable => "audit_unavailable",
            Self::Overloaded => "overloaded",
            Self::Stopped => "stopped",
        }
    }

    /// Returns the reason that a word stands for; `None` if it is no such word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// A rule that matched, or after an evaluation error one that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchedRule {
    /// Its id.
    pub id: RuleId,
    /// Where it stands.
    pub location: Location,
    /// What it does.
    pub kind: MatchKind,
}

/// The three kinds of rule.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum MatchKind {
    /// Lets through.
    Grant,
    /// Asks for more.
    Raise,
    /// Forbids.
    Never,
}

impl MatchKind {
    /// Returns the word for the kind in documents and records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Raise => "raise",
            Self::Never => "never",
        }
    }
}

/// What was found out about an attempt on the way to its answer; what is `None` or empty was not reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The tool.
    pub tool: Option<ToolName>,
    /// The operation, derived from the function where the caller named that.
    pub operation: Option<OperationName>,
    /// The pinned definition.
    pub definition: Option<Digest>,
    /// Whether the input was found to be one of the operation: selected by it, and of its type. Until then nobody knows
    /// whose masks would hide what is in it.
    pub input_fits: bool,
    /// The typed views of the input that rules could read.
    pub facts: BTreeMap<String, Json>,
    /// The subject's profiles, inherited ones included.
    pub profiles: Vec<ProfileName>,
    /// Whether it was business time.
    pub business: Option<bool>,
    /// The highest class that was let through, and what set it, after the stops that reach the attempt.
    pub limit: Option<LimitNow>,
}

impl Decision {
    // An early return that forgot its answer would leave a rejection here, never a permit.
    pub(super) fn undecided() -> Self {
        let outcome = Outcome::Reject(Rejection::new(
            Reason::EvaluationError,
            "no answer was reached",
        ));
        Self {
            outcome,
            rules: Vec::new(),
            surface: None,
            seen: Seen::default(),
        }
    }

    pub(super) fn conclude(self, outcome: Outcome) -> Self {
        Self { outcome, ..self }
    }

    /// Makes the decision of an attempt that was rejected before any rule was asked.
    pub fn rejected(rejection: Rejection) -> Self {
        Self::undecided().conclude(Outcome::Reject(rejection))
    }

    /// Returns the answer: permit, route or reject.
    pub const fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// Returns the rules that matched, in the order of their ids; after an evaluation error, the rules that failed.
    #[must_use]
    pub fn rules(&self) -> &[MatchedRule] {
        &self.rules
    }

    /// Returns what the matching rules ask for together; `None` when no rule was asked or none matched.
    #[must_use]
    pub const fn surface(&self) -> Option<&Surface> {
        self.surface.as_ref()
    }

    /// Returns what was found out about the attempt on the way to its answer.
    #[must_use]
    pub const fn seen(&self) -> &Seen {
        &self.seen
    }
}
