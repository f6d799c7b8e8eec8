//! A record as a line of bytes, and back.
//!
//! Writing is in two steps, so that the single writer of the log only glues: [`RecordBody::encode`] renders what is
//! known beforehand, [`Encoded::line`] adds the stamp.

use super::members::Members;
use super::value::{Object, RecordValue, count, printed, text, time};
use super::{
    InvalidRecord, MAX_LINE_BYTES, Record, RecordBody, RecordKind, RecordVersion, Seq, Stamp,
};
use crate::json::{Json, Limits};

/// Bounds of a line: an input (depth 32, 4,096 members, each of which may be masked) inside a record.
const LINE_LIMITS: Limits = Limits {
    bytes: MAX_LINE_BYTES,
    depth: 40,
    members: 16_384,
};

/// Room in bytes for the line of a usual decision, so that its text is not moved while it is written. A longer line is
/// written all the same.
const USUAL_LEN: usize = 1536;

/// Members of the stamp, in their order: text that is already there goes around them.
const STAMP: [&str; 3] = ["prev", "seq", "time"];

/// A body whose members are rendered and sorted; only the stamp is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// `"name":value,` for each member of the body.
    text: String,
    /// Where each member of the stamp belongs.
    places: [usize; STAMP.len()],
    kind: RecordKind,
}

impl RecordBody {
    /// Renders everything but the stamp, in the version of the format that is written.
    #[must_use]
    pub fn encode(&self) -> Encoded {
        self.encode_as(RecordVersion::CURRENT)
    }

    fn encode_as(&self, version: RecordVersion) -> Encoded {
        let mut members = match self {
            Self::Start(record) => record.members(),
            Self::Bundle(record) => record.members(),
            Self::Decision(record) => {
                // Decisions are nearly all records, so they write their members in order and sort nothing.
                let mut rendered = String::with_capacity(USUAL_LEN);
                let places = record.write(version, &mut Object::bare(&mut rendered));
                return Encoded {
                    text: rendered,
                    places,
                    kind: RecordKind::Decision,
                };
            }
            Self::Gap(record) => record.members(),
            Self::Stop(record) => record.members(),
            Self::Stops(record) => record.members(),
            Self::Root(record) => record.members(),
        };
        members.extend([
            ("v", RecordValue::Integer(version.number())),
            ("kind", text(self.kind().as_str())),
        ]);
        members.sort_unstable_by_key(|(name, _)| *name);
        let mut rendered = String::with_capacity(USUAL_LEN);
        let mut places = [0; STAMP.len()];
        for (name, mut value) in members {
            push_name(&mut rendered, name);
            value.write(&mut rendered);
            rendered.push(',');
            for (place, stamp) in places.iter_mut().zip(STAMP) {
                // The last place with a smaller name before it is where the member of the stamp belongs.
                if name < stamp {
                    *place = rendered.len();
                }
            }
        }
        Encoded {
            text: rendered,
            places,
            kind: self.kind(),
        }
    }

    fn read(
        version: RecordVersion,
        kind: RecordKind,
        members: Members,
    ) -> Result<Self, InvalidRecord> {
        Ok(match kind {
            RecordKind::Start => Self::Start(super::StartRecord::read(members)?),
            RecordKind::Bundle => Self::Bundle(super::BundleRecord::read(version, members)?),
            RecordKind::Decision => {
                Self::Decision(Box::new(super::DecisionRecord::read(version, members)?))
            }
            RecordKind::Gap => Self::Gap(super::GapRecord::read(members)?),
            RecordKind::Stop => Self::Stop(super::StopRecord::read(members)?),
            RecordKind::Stops => Self::Stops(super::StopsRecord::read(version, members)?),
            RecordKind::Root => Self::Root(super::RootRecord::read(version, members)?),
        })
    }
}

impl Encoded {
    /// Returns an upper bound of the line's length in bytes, newline included.
    #[must_use]
    pub const fn max_len(&self) -> usize {
        // Braces, newline, and the stamp: 16 + 40 + 85 bytes at most, with names and commas.
        const ROUND: usize = 192;
        self.text.len().saturating_add(ROUND)
    }

    /// Returns the kind of the record.
    #[must_use]
    pub const fn kind(&self) -> RecordKind {
        self.kind
    }

    /// Writes the line, newline included.
    #[must_use]
    pub fn line(&self, stamp: &Stamp) -> String {
        let mut line = String::with_capacity(self.max_len());
        self.write(stamp, &mut line);
        line
    }

    /// Appends the line, newline included, to `out`.
    pub fn write(&self, stamp: &Stamp, out: &mut String) {
        let Stamp {
            seq,
            time: at,
            prev,
        } = stamp;
        let stamp = [printed(prev), count(seq.get()), time(*at, 6)];
        out.push('{');
        let mut written = 0;
        for ((name, mut value), place) in STAMP.into_iter().zip(stamp).zip(self.places) {
            out.push_str(self.text.get(written..place).unwrap_or_default());
            push_name(out, name);
            value.write(out);
            out.push(',');
            written = place;
        }
        out.push_str(self.text.get(written..).unwrap_or_default());
        // The comma after the last member.
        out.pop();
        out.push_str("}\n");
    }
}

fn push_name(out: &mut String, name: &str) {
    out.push('"');
    out.push_str(name);
    out.push_str("\":");
}

impl Record {
    /// Writes the line, newline included, in the record's own version of the format.
    #[must_use]
    pub fn line(&self) -> String {
        self.body.encode_as(self.version).line(&self.stamp)
    }

    /// Reads a line without its newline.
    ///
    /// # Errors
    /// [`InvalidRecord`] if it is anything but exactly what [`Record::line`] writes.
    pub fn parse(line: &[u8]) -> Result<Self, InvalidRecord> {
        let record = Self::read(line)?;
        // A line that says the same in other words would have another digest, and the chain would not hold.
        if record.line().strip_suffix('\n').map(str::as_bytes) == Some(line) {
            Ok(record)
        } else {
            Err(InvalidRecord::NotCanonical)
        }
    }

    /// Reads a line without its newline, in whatever spelling. It costs half as much as [`Record::parse`], and is for
    /// readers to whom it matters what a log says, not that each line stands as it was written.
    ///
    /// # Errors
    /// [`InvalidRecord`] if it is no record.
    pub fn read(line: &[u8]) -> Result<Self, InvalidRecord> {
        let mut members = Members::from_json(Json::parse(line, LINE_LIMITS)?, "record")?;
        // Version and kind first: what the other members mean depends on them.
        let version = members.take("v")?.as_integer();
        let version = version
            .and_then(RecordVersion::from_number)
            .ok_or(InvalidRecord::Version)?;
        let kind = members.take("kind")?;
        let kind = kind
            .as_str()
            .and_then(RecordKind::from_word)
            .ok_or(InvalidRecord::Kind)?;
        let seq = Seq::new(members.number("seq")?).ok_or(InvalidRecord::Value("seq"))?;
        let stamp = Stamp {
            seq,
            time: members.parsed("time")?,
            prev: members.parsed("prev")?,
        };
        Ok(Self {
            version,
            stamp,
            // What is left over is refused there, so no member goes unread.
            body: RecordBody::read(version, kind, members)?,
        })
    }
}
