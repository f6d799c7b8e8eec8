//! The records that are not decisions: what happened to the log itself and to the policy in force.

use jiff::Timestamp;

use super::input::KeyedDigest;
use super::members::{Members, variant};
use super::value::{RecordValue, count, object, printed, text, time};
use super::{InvalidRecord, RecordVersion};
use crate::digest::Digest;
use crate::supply::ReleaseVersion;

pub(super) type NamedValues<'a> = Vec<(&'static str, RecordValue<'a>)>;

/// The log was opened. A `start` that follows anything but a `stop` tells of a process that ended otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartRecord {
    /// Name of the sidecar.
    pub sidecar: String,
    /// Name and version of the software that writes.
    pub software: String,
    /// Names the key of the masks: keyed digests of two stretches compare if these are equal.
    pub mask_key: KeyedDigest,
    /// Bytes of a torn tail that were dropped; nobody had been told that they were written. Zero: there was none.
    pub dropped_bytes: u64,
}

impl StartRecord {
    pub(super) fn members(&self) -> NamedValues<'_> {
        let Self {
            sidecar,
            software,
            mask_key,
            dropped_bytes,
        } = self;
        vec![
            ("sidecar", text(sidecar)),
            ("software", text(software)),
            ("mask_key", printed(mask_key)),
            (
                "recovered",
                object([("dropped_bytes", count(*dropped_bytes))]),
            ),
        ]
    }

    pub(super) fn read(mut members: Members) -> Result<Self, InvalidRecord> {
        // Taken apart and finished by itself: an unknown member inside it is refused too.
        let mut recovered = members.object("recovered")?;
        let record = Self {
            sidecar: members.text("sidecar")?,
            software: members.text("software")?,
            mask_key: members.parsed("mask_key")?,
            dropped_bytes: recovered.number("dropped_bytes")?,
        };
        recovered.finish()?;
        members.finish()?;
        Ok(record)
    }
}

/// A bundle was found by the sidecar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleRecord {
    /// Name of the sidecar.
    pub sidecar: String,
    /// Channel it follows.
    pub channel: String,
    /// The bundle; `None` if it was too broken to have a digest.
    pub bundle: Option<Digest>,
    /// What became of it.
    pub change: BundleChange,
}

/// What became of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BundleChange {
    /// It explains every decision from here on.
    Active {
        /// The release that put it in force; `None` of a bundle that is followed as a file.
        release: Option<(ReleaseVersion, Digest)>,
    },
    /// It changed nothing.
    Refused {
        /// Why, as a word of a closed list.
        reason: String,
        /// Why, for people.
        message: String,
    },
}

impl BundleRecord {
    pub(super) fn members(&self) -> NamedValues<'_> {
        let Self {
            sidecar,
            channel,
            bundle,
            change,
        } = self;
        let result = match change {
            BundleChange::Active { release: None } => ("active", object([])),
            BundleChange::Active {
                release: Some((version, release)),
            } => (
                "active",
                object([
                    ("release", printed(release)),
                    ("version", count(version.get())),
                ]),
            ),
            BundleChange::Refused { reason, message } => (
                "refused",
                object([("reason", text(reason)), ("message", text(message))]),
            ),
        };
        let mut members = vec![
            ("sidecar", text(sidecar)),
            ("channel", text(channel)),
            ("result", object([result])),
        ];
        members.extend(bundle.map(|bundle| ("bundle", printed(bundle))));
        members
    }

    pub(super) fn read(
        version: RecordVersion,
        mut members: Members,
    ) -> Result<Self, InvalidRecord> {
        let (word, value) = variant(members.take("result")?, "result")?;
        let mut inner = Members::from_json(value, "result")?;
        let change = match word.as_str() {
            "active" => BundleChange::Active {
                release: match version {
                    RecordVersion::V1 | RecordVersion::V2 => None,
                    RecordVersion::V3 => release(&mut inner)?,
                },
            },
            "refused" => BundleChange::Refused {
                reason: inner.text("reason")?,
                message: inner.text("message")?,
            },
            _ => return Err(InvalidRecord::Value("result")),
        };
        inner.finish()?;
        let record = Self {
            sidecar: members.text("sidecar")?,
            channel: members.text("channel")?,
            bundle: members.optional_parsed("bundle")?,
            change,
        };
        members.finish()?;
        Ok(record)
    }
}

/// Takes the release that put a bundle in force, both of whose members are there or none.
fn release(members: &mut Members) -> Result<Option<(ReleaseVersion, Digest)>, InvalidRecord> {
    let version = members.optional_number("version")?;
    let release = members.optional_parsed("release")?;
    match (version.map(ReleaseVersion::new), release) {
        (None, None) => Ok(None),
        (Some(Some(version)), Some(release)) => Ok(Some((version, release))),
        (Some(_), _) | (None, Some(_)) => Err(InvalidRecord::Value("result")),
    }
}

/// Attempts that were rejected and left no record of their own. It is the first record after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GapRecord {
    /// How many; at least one.
    pub count: u64,
    /// How many of them were turned away because too many were waiting; for the others the disk refused.
    pub overloaded: u64,
    /// When the first of them was rejected; whole microseconds.
    pub first: Timestamp,
    /// When the last of them was rejected; whole microseconds.
    pub last: Timestamp,
}

impl GapRecord {
    pub(super) fn members(&self) -> NamedValues<'_> {
        let Self {
            count: attempts,
            overloaded,
            first,
            last,
        } = self;
        vec![
            ("count", count(*attempts)),
            ("overloaded", count(*overloaded)),
            ("first", time(*first, 6)),
            ("last", time(*last, 6)),
        ]
    }

    pub(super) fn read(mut members: Members) -> Result<Self, InvalidRecord> {
        let record = Self {
            count: members.number("count")?,
            overloaded: members.number("overloaded")?,
            first: members.parsed("first")?,
            last: members.parsed("last")?,
        };
        members.finish()?;
        // A gap of nothing has no reason to be there, and a part cannot be more than the whole.
        if record.count == 0 || record.overloaded > record.count {
            return Err(InvalidRecord::Value("count"));
        }
        Ok(record)
    }
}

/// The log was closed after the last answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopRecord {
    /// Name of the sidecar.
    pub sidecar: String,
}

impl StopRecord {
    pub(super) fn members(&self) -> NamedValues<'_> {
        let Self { sidecar } = self;
        vec![("sidecar", text(sidecar))]
    }

    pub(super) fn read(mut members: Members) -> Result<Self, InvalidRecord> {
        let record = Self {
            sidecar: members.text("sidecar")?,
        };
        members.finish()?;
        Ok(record)
    }
}

/// From here on another trust root says whose signatures count: the one that follows the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootRecord {
    /// Name of the sidecar.
    pub sidecar: String,
    /// Channel it follows.
    pub channel: String,
    /// SHA-256 of the root's file.
    pub root: Digest,
    /// Version of the root; below 2^53.
    pub version: u64,
}

impl RootRecord {
    pub(super) fn members(&self) -> NamedValues<'_> {
        let Self {
            sidecar,
            channel,
            root,
            version,
        } = self;
        vec![
            ("sidecar", text(sidecar)),
            ("channel", text(channel)),
            ("root", printed(root)),
            ("version", count(*version)),
        ]
    }

    pub(super) fn read(
        version: RecordVersion,
        mut members: Members,
    ) -> Result<Self, InvalidRecord> {
        match version {
            RecordVersion::V1 | RecordVersion::V2 => return Err(InvalidRecord::Kind),
            RecordVersion::V3 => {}
        }
        let record = Self {
            sidecar: members.text("sidecar")?,
            channel: members.text("channel")?,
            root: members.parsed("root")?,
            version: members.number("version")?,
        };
        members.finish()?;
        Ok(record)
    }
}
