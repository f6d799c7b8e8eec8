//! The decision log: typed records and the one line of canonical JSON that each of them is.
//!
//! A line is the canonical form of one object and a newline. `prev` is the SHA-256 of the line before, without its
//! newline, also over the border of two files; the first record of all has the SHA-256 of no bytes. So a changed,
//! inserted, moved or missing line is found at the line after it; only the last lines can be cut unseen.
//!
//! Reading is strict: an unknown version, kind or member is refused, and a line must be exactly what its own record
//! would be written as, so one record has one spelling. Nothing here reads a clock or a file.

mod chain;
mod decision;
mod event;
mod input;
mod lattice;
mod line;
mod members;
mod skim;
mod stops;
mod value;

pub use chain::{Break, Chain, Fault, file_name, first_seq_of};
pub use decision::{DecisionRecord, RecordedAttempt, RecordedContext, RecordedResult};
pub use event::{BundleChange, BundleRecord, GapRecord, RootRecord, StartRecord, StopRecord};
pub use stops::{RecordedStop, StopsRecord};

pub use input::{KeyedDigest, LONG_REFUSED_BYTES, MaskKey, RecordedInput, Sent, is_mask};
pub use line::Encoded;
pub use skim::{Answered, Skimmed};

use jiff::Timestamp;

use crate::digest::Digest;
use crate::json::{InvalidJson, MAX_SAFE_INTEGER};

/// Why a line is not a record. No value of the line is named: it may be what a mask would have hidden.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRecord {
    /// Not strict JSON.
    #[error("the line is not strict JSON")]
    Json(#[from] InvalidJson),
    /// A version of the format that this reader does not know.
    #[error("the version of the record is not one from 1 to {}", RecordVersion::CURRENT.number())]
    Version,
    /// A kind that this reader does not know.
    #[error("the kind of the record is unknown")]
    Kind,
    /// A member that is always there is not.
    #[error("the member `{0}` is missing")]
    Missing(&'static str),
    /// A member with a value it cannot have.
    #[error("the member `{0}` has a value it cannot have")]
    Value(&'static str),
    /// A member that this reader does not know.
    #[error("the member `{}` is unknown", .0.escape_debug())]
    UnknownMember(String),
    /// The right record in other bytes.
    #[error("the line is not the canonical form of its record")]
    NotCanonical,
}

/// A version of the format, the member `v` of every record. All are read, the last is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordVersion {
    /// A keyed digest says nothing of where its value stood; every accepted input is shown or withheld.
    V1,
    /// A keyed digest is one of a tool, an operation and a place; a long input of a refused attempt is left out.
    V2,
    /// A bundle is put in force by a release, and stops and other trust roots are on record.
    V3,
}

impl RecordVersion {
    /// Every version, oldest first.
    pub const ALL: [Self; 3] = [Self::V1, Self::V2, Self::V3];

    /// The version that is written.
    pub const CURRENT: Self = Self::V3;

    /// Returns the number in the member `v`.
    #[must_use]
    pub const fn number(self) -> i64 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
            Self::V3 => 3,
        }
    }

    /// Returns the version that a number stands for; `None` if it is none that this reader knows.
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|version| version.number() == number)
    }
}

/// Longest line, newline included, in bytes: four times the longest input, since masks and the rest of the record need
/// room beside it. Writers refuse what readers would.
pub const MAX_LINE_BYTES: usize = 1024 * 1024;

/// Place of a record in the log, counted from 1 without a hole over all files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(u64);

impl Seq {
    /// The first record of a log.
    pub const FIRST: Self = Self(1);

    /// Makes a place of a number, if every JSON reader keeps the number exactly: 1 to 2^53−1.
    #[must_use]
    pub const fn new(number: u64) -> Option<Self> {
        if number >= 1 && number <= MAX_SAFE_INTEGER.unsigned_abs() {
            Some(Self(number))
        } else {
            None
        }
    }

    /// Returns the place as a number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns the place after this one; `None` at the end of all places.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        Self::new(self.0.saturating_add(1))
    }
}

impl std::fmt::Display for Seq {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What only the writer of the log knows of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Its place.
    pub seq: Seq,
    /// When it was written; whole microseconds, finer parts are not kept.
    pub time: Timestamp,
    /// Digest of the line before.
    pub prev: Digest,
}

/// Returns the `prev` of the first record, which has no line before it: the digest of no bytes.
#[must_use]
pub fn no_line_before() -> Digest {
    Digest::compute(b"")
}

/// One record of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The format that it is written in.
    pub version: RecordVersion,
    /// Place, time and link.
    pub stamp: Stamp,
    /// What happened.
    pub body: RecordBody,
}

/// What a record tells, by its member `kind`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordBody {
    /// `start`: the log was opened.
    Start(StartRecord),
    /// `bundle`: another bundle is in force, or one was refused.
    Bundle(BundleRecord),
    /// `decision`: an attempt and its answer.
    Decision(Box<DecisionRecord>),
    /// `gap`: attempts that were rejected and could not be recorded.
    Gap(GapRecord),
    /// `stop`: the log was closed in good order.
    Stop(StopRecord),
    /// `stops`: these stops are in force from now on, and no others.
    Stops(StopsRecord),
    /// `root`: another trust root is in force.
    Root(RootRecord),
}

/// The kinds of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordKind {
    /// [`RecordBody::Start`]
    Start,
    /// [`RecordBody::Bundle`]
    Bundle,
    /// [`RecordBody::Decision`]
    Decision,
    /// [`RecordBody::Gap`]
    Gap,
    /// [`RecordBody::Stop`]
    Stop,
    /// [`RecordBody::Stops`]
    Stops,
    /// [`RecordBody::Root`]
    Root,
}

impl RecordKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Start,
        Self::Bundle,
        Self::Decision,
        Self::Gap,
        Self::Stop,
        Self::Stops,
        Self::Root,
    ];

    /// Returns the word for the kind in the member `kind`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Bundle => "bundle",
            Self::Decision => "decision",
            Self::Gap => "gap",
            Self::Stop => "stop",
            Self::Stops => "stops",
            Self::Root => "root",
        }
    }

    /// Returns the kind that a word stands for; `None` if it is no such word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl RecordBody {
    /// Returns the kind of the record.
    #[must_use]
    pub const fn kind(&self) -> RecordKind {
        match self {
            Self::Start(_) => RecordKind::Start,
            Self::Bundle(_) => RecordKind::Bundle,
            Self::Decision(_) => RecordKind::Decision,
            Self::Gap(_) => RecordKind::Gap,
            Self::Stop(_) => RecordKind::Stop,
            Self::Stops(_) => RecordKind::Stops,
            Self::Root(_) => RecordKind::Root,
        }
    }
}

#[cfg(test)]
mod tests;
