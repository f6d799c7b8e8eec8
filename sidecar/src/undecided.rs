//! Why a request gets no decision at all: the caller does not act, and asks again if it likes. A rejection is not in
//! here, because a rejection is a decision.

/// Why there is no decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Undecided {
    /// The caller may not ask for decisions.
    NotAllowed,
    /// A field is missing, too long or not what it has to be.
    Malformed,
    /// The message is longer than the limit.
    TooLarge,
    /// The message did not arrive in time.
    TooSlow,
    /// No verified bundle is in force.
    NoBundle,
    /// The sidecar is going away.
    Draining,
    /// The sidecar failed while it worked on this request.
    Fault,
}

impl Undecided {
    /// Every reason.
    pub const ALL: [Self; 7] = [
        Self::NotAllowed,
        Self::Malformed,
        Self::TooLarge,
        Self::TooSlow,
        Self::NoBundle,
        Self::Draining,
        Self::Fault,
    ];

    /// Returns the word for the reason in metrics; in capitals the word is the `reason` of `google.rpc.ErrorInfo`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotAllowed => "not_allowed",
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::TooSlow => "too_slow",
            Self::NoBundle => "no_bundle",
            Self::Draining => "draining",
            Self::Fault => "fault",
        }
    }
}
