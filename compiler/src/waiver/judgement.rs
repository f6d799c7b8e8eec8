//! What came of judging waivers: values that reports render and exit codes are made of.

use std::collections::BTreeSet;

use jiff::civil::Date;
use stopgate_author::waiver::Cover;
use stopgate_decide::digest::Digest;
use stopgate_decide::name::{RuleId, WaiverId};

use super::{Signers, Spoilt};

/// What a waiver is good for under a base of which nobody can say whose policy it is.
pub(super) const UNBOUND: &str = "counts for nothing: the base's stopgate.yaml cannot be read, so no signature is bound to its organisation";

/// Whether one loosening may pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nobody has to sign at its risk.
    Free,
    /// A waiver covers it.
    Covered {
        /// Which.
        waiver: WaiverId,
    },
    /// It may not.
    Open {
        /// Reviewers that have to sign.
        needed: usize,
        /// Waivers that name it, and why each of them does not cover it.
        short: Vec<(WaiverId, Shortfall)>,
    },
}

/// Why a waiver that names a loosening does not cover it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Shortfall {
    /// Nobody can say whose policy the base is, so no signature can be bound to it.
    #[error("{}", UNBOUND)]
    Unbound,
    /// Its day has come.
    #[error("expired on {0}")]
    Expired(Date),
    /// It would hold too long.
    #[error("holds until {expires}, and may hold until {latest}")]
    TooLong {
        /// The day from which it would cover nothing.
        expires: Date,
        /// The latest such day that the gate lets through.
        latest: Date,
    },
    /// The base has it too: it was judged with the change that it came in with.
    #[error("was used when it came into the base: a new change takes a new waiver")]
    Spent,
    /// The base has it too, and too few reviewers of today signed it for it to have let this pass.
    #[error(
        "came into the base with {found} of {needed} reviewers' signatures that count: a new change takes a new waiver"
    )]
    Merged {
        /// Distinct keys of reviewers that signed.
        found: usize,
        /// How many it takes.
        needed: usize,
    },
    /// Its digest is of an older release, and nobody can make it again.
    #[error("was made by an older stopgate: let `stopgate diff` print it again, and sign again")]
    Older,
    /// What it names was changed after it was written.
    #[error("was written for another change: it covers {covered}, and what is there is {found}")]
    OtherContent {
        /// The digest in the waiver.
        covered: Digest,
        /// The digest of what the change brings.
        found: Digest,
    },
    /// Rules that it does not name make it looser too.
    #[error("does not name {}", rules.iter().map(RuleId::to_string).collect::<Vec<_>>().join(", "))]
    OtherRules {
        /// Those rules.
        rules: BTreeSet<RuleId>,
    },
    /// A signature of it is not what it has to be.
    #[error("has a signature that does not hold")]
    Spoilt,
    /// Too few reviewers signed.
    #[error("has {found} of {needed} reviewers' signatures")]
    Signatures {
        /// Distinct keys of reviewers that signed.
        found: usize,
        /// How many it takes.
        needed: usize,
    },
}

impl Shortfall {
    /// Returns whether nothing is missing but signatures.
    #[must_use]
    pub const fn is_of_signatures(&self) -> bool {
        matches!(self, Self::Signatures { .. })
    }
}

/// What one waiver is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaiverReport {
    /// Which.
    pub id: WaiverId,
    /// Why it is there, in its own words.
    pub reason: String,
    /// From this day on it covers nothing.
    pub expires: Date,
    /// All of it in a word.
    pub standing: Standing,
    /// Those of its covers that name nothing in this change.
    pub unused: Vec<Cover>,
    /// Who signed.
    pub signers: Signers,
}

/// What a waiver is good for, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It covers something in this change.
    Live,
    /// It names something in this change and does not cover it: each such loosening says why.
    Short,
    /// It names nothing in this change, and the base has it too: it did its work when it came in.
    Spent,
    /// It names nothing in this change, and the base has it too, without the signatures that it would have taken.
    Unsigned,
    /// It names nothing in this change, and the base has it too, of which nobody can say whose policy it is.
    Unbound,
    /// It names nothing in this change, and it is new.
    Unused,
    /// Its day has come.
    Expired,
    /// It would hold longer than the gate lets it.
    TooLong,
}

impl Standing {
    /// Returns the word for the standing.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Short => "short",
            Self::Spent => "spent",
            Self::Unsigned => "unsigned",
            Self::Unbound => "unbound",
            Self::Unused => "unused",
            Self::Expired => "expired",
            Self::TooLong => "too-long",
        }
    }

    /// Returns what the word means for whoever has to do something about the waiver.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Live => "lets what it names pass",
            Self::Short => "is not in force yet",
            Self::Spent => "was used when its change came into the base; there is nothing to do",
            Self::Unsigned => {
                "is in the base with too few signatures that count, so it lets nothing pass; delete it"
            }
            Self::Unbound => UNBOUND,
            Self::Unused => "names nothing in this change; delete it",
            Self::Expired => "its day has come; delete it, or change the day and have it signed",
            Self::TooLong => "would hold longer than gate.waiver_days lets it; change the day",
        }
    }
}

impl WaiverReport {
    /// Returns whether the waiver has to be mended or deleted before the change may pass.
    #[must_use]
    pub fn is_error(&self) -> bool {
        match self.standing {
            Standing::Live | Standing::Short => !self.unused.is_empty(),
            Standing::Spent | Standing::Unsigned | Standing::Unbound => false,
            Standing::Unused | Standing::Expired | Standing::TooLong => true,
        }
    }
}

/// What came of all waivers and loosenings together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// One verdict for each loosening, in their order.
    pub verdicts: Vec<Verdict>,
    /// One report for each waiver, in their order.
    pub waivers: Vec<WaiverReport>,
    /// Signature files of no waiver.
    pub stray: Vec<String>,
}

impl Judgement {
    /// Returns whether some loosening may not pass.
    #[must_use]
    pub fn is_open(&self) -> bool {
        let open = |verdict: &Verdict| match verdict {
            Verdict::Open { .. } => true,
            Verdict::Free | Verdict::Covered { .. } => false,
        };
        self.verdicts.iter().any(open)
    }

    /// Returns whether some waiver or signature has to be mended or deleted.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        !self.stray.is_empty() || self.waivers.iter().any(WaiverReport::is_error)
    }

    /// Returns the signatures that do not hold: trust has failed if there is one.
    pub fn spoilt(&self) -> impl Iterator<Item = &Spoilt> {
        self.waivers
            .iter()
            .flat_map(|waiver| &waiver.signers.spoilt)
    }
}
