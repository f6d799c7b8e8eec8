//! Every label of a metric and the words that it can have. Each is a closed list; what is no word of it, such as a tool
//! that no policy names, has one word together.
//!
//! The lists themselves stand with whoever decides by them; only here are they labels.

use stopgate_decide::decide::{Outcome, Reason};

use crate::follow::Refusal;
use crate::identity::Found;
use crate::identity::token::Refused;
use crate::source::SourceName;
use crate::undecided::Undecided;

/// The tool of all that have no series of their own.
pub(super) const OTHER_TOOL: &str = "other";

/// A closed list of values that something is counted by.
pub(super) trait MetricLabel: Copy + Ord {
    /// Returns every value: each has its counter from the beginning, so that a first event is a rise that is seen.
    fn all() -> impl Iterator<Item = Self>;

    /// Returns the value as it stands between the braces of a series.
    fn label(self) -> String;
}

/// What was decided about an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum AnswerLabel {
    Permit,
    Route,
    Reject(Reason),
}

/// Why a connection was turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TurnedAway {
    /// Its uid is no caller's.
    Peer,
    /// There are too many connections.
    Limit,
}

/// How a token was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TokenCheck {
    /// It verified.
    Good(Found),
    /// It did not.
    Refused(Refused),
}

impl AnswerLabel {
    pub(super) const fn from_outcome(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Permit(_) => Self::Permit,
            Outcome::Route(_) => Self::Route,
            Outcome::Reject(rejection) => Self::Reject(rejection.reason),
        }
    }
}

impl MetricLabel for AnswerLabel {
    fn all() -> impl Iterator<Item = Self> {
        let rejections = Reason::ALL.into_iter().map(Self::Reject);
        [Self::Permit, Self::Route].into_iter().chain(rejections)
    }

    fn label(self) -> String {
        let (answer, reason) = match self {
            Self::Permit => ("permit", ""),
            Self::Route => ("route", ""),
            Self::Reject(reason) => ("reject", reason.as_str()),
        };
        format!("answer=\"{answer}\",reason=\"{reason}\"")
    }
}

impl MetricLabel for Undecided {
    fn all() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter()
    }

    fn label(self) -> String {
        format!("reason=\"{}\"", self.as_str())
    }
}

impl MetricLabel for TurnedAway {
    fn all() -> impl Iterator<Item = Self> {
        [Self::Peer, Self::Limit].into_iter()
    }

    fn label(self) -> String {
        let reason = match self {
            Self::Peer => "peer",
            Self::Limit => "limit",
        };
        format!("reason=\"{reason}\"")
    }
}

impl MetricLabel for Refusal {
    fn all() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter()
    }

    fn label(self) -> String {
        format!("reason=\"{}\"", self.as_str())
    }
}

impl MetricLabel for TokenCheck {
    fn all() -> impl Iterator<Item = Self> {
        let good = [Found::Fresh, Found::Cached].map(Self::Good);
        let refused = Refused::ALL.iter().copied().map(Self::Refused);
        good.into_iter().chain(refused)
    }

    fn label(self) -> String {
        let result = match self {
            Self::Good(Found::Fresh) => "fresh",
            Self::Good(Found::Cached) => "cached",
            Self::Refused(refused) => refused.as_str(),
        };
        format!("result=\"{result}\"")
    }
}

/// Returns the labels of a source. An issuer's name is the configuration's, so there are as many as that names.
pub(super) fn of_source(source: &SourceName) -> String {
    // What a label's value cannot hold is escaped: backslashes, quotes and line ends.
    let issuer = source.issuer();
    let issuer = issuer.replace('\\', "\\\\").replace('"', "\\\"");
    let issuer = issuer.replace('\n', "\\n");
    format!("source=\"{}\",issuer=\"{issuer}\"", source.kind())
}
