//! Why an update is refused, in one word of a closed list.

use stopgate_decide::bundle::BundleError;
use stopgate_decide::bundle::root::TrustError;

/// Why an update is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// A signature does not verify, or is by nobody who may sign.
    Signature,
    /// Too few keys signed.
    Threshold,
    /// The content is not what was signed.
    Digest,
    /// The trust root is past its date.
    Expired,
    /// It cannot be read, or needs a newer sidecar.
    Format,
    /// It does not name the configured channel.
    Channel,
    /// There is nothing at the source, it cannot be read, or reading it does not end.
    SourceUnavailable,
    /// It holds no rule.
    Empty,
    /// Its activation could not be recorded.
    AuditUnavailable,
    /// It is another organisation's.
    Organisation,
    /// It is longer than `policy.max_bytes`.
    TooLong,
    /// Somebody else could put another in its place.
    MayBeReplaced,
    /// It is older than one that was in force.
    Rollback,
    /// The releases of the channel do not fit together.
    History,
    /// It may be looser, and reviewers have not let it pass.
    NotSignedOff,
    /// Nobody can say which one was in force before.
    Marks,
    /// Nothing proves that it is the newest.
    Timestamp,
}

impl Refusal {
    /// Every reason.
    pub const ALL: [Self; 17] = [
        Self::Signature,
        Self::Threshold,
        Self::Digest,
        Self::Expired,
        Self::Format,
        Self::Channel,
        Self::SourceUnavailable,
        Self::Empty,
        Self::AuditUnavailable,
        Self::Organisation,
        Self::TooLong,
        Self::MayBeReplaced,
        Self::Rollback,
        Self::History,
        Self::NotSignedOff,
        Self::Marks,
        Self::Timestamp,
    ];

    /// Returns the word for the reason in records and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::Threshold => "threshold",
            Self::Digest => "digest",
            Self::Expired => "expired",
            Self::Format => "format",
            Self::Channel => "channel",
            Self::SourceUnavailable => "source_unavailable",
            Self::Empty => "empty",
            Self::AuditUnavailable => "audit_unavailable",
            Self::Organisation => "organisation",
            Self::TooLong => "too_long",
            Self::MayBeReplaced => "may_be_replaced",
            Self::Rollback => "rollback",
            Self::History => "history",
            Self::NotSignedOff => "not_signed_off",
            Self::Marks => "marks",
            Self::Timestamp => "timestamp",
        }
    }

    /// Returns whether the reason is about what is in the file, so that the same file is refused again.
    pub(super) const fn is_of_the_file(self) -> bool {
        match self {
            Self::Signature
            | Self::Threshold
            | Self::Digest
            | Self::Format
            | Self::Channel
            | Self::Empty
            | Self::Organisation
            | Self::TooLong => true,
            Self::Expired
            | Self::SourceUnavailable
            | Self::AuditUnavailable
            | Self::MayBeReplaced
            // Of a channel, and not of a file.
            | Self::Rollback
            | Self::History
            | Self::NotSignedOff
            | Self::Marks
            | Self::Timestamp => false,
        }
    }
}

impl From<&BundleError> for Refusal {
    fn from(error: &BundleError) -> Self {
        match error {
            BundleError::Format(_) | BundleError::Requires(_) => Self::Format,
            BundleError::Digest(_) => Self::Digest,
            BundleError::TooLong(_) => Self::TooLong,
            BundleError::Read(_) => Self::SourceUnavailable,
            BundleError::Trust(error) => error.into(),
        }
    }
}

impl From<&TrustError> for Refusal {
    fn from(error: &TrustError) -> Self {
        match error {
            TrustError::Format(_) => Self::Format,
            TrustError::Signature(_) | TrustError::Roles(_) => Self::Signature,
            TrustError::Threshold { .. } => Self::Threshold,
            TrustError::Expired(_) => Self::Expired,
        }
    }
}
