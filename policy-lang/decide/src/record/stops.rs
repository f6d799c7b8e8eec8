//! The record of the stops that are in force.

use jiff::Timestamp;

use super::event::NamedValues;
use super::members::Members;
use super::value::{RecordValue, object, printed, text, time};
use super::{InvalidRecord, RecordVersion};
use crate::digest::Digest;
use crate::json::Json;
use crate::name::{OperationName, StopId, ToolName};
use crate::supply::{StopInForce, StopLimit};

/// From here on these stops are in force, and no others. After a `start` none is, until the first such record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopsRecord {
    /// Name of the sidecar.
    pub sidecar: String,
    /// Channel it follows.
    pub channel: String,
    /// The stops.
    pub stops: Vec<RecordedStop>,
}

/// A stop as it is recorded. Its reason is in the document that the digest names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedStop {
    /// The document.
    pub digest: Digest,
    /// What people call it; `None` of a stop that cannot be read.
    pub id: Option<StopId>,
    /// The tool that it reaches; `None` for all.
    pub tool: Option<ToolName>,
    /// The operation that it reaches; `None` for all.
    pub operation: Option<OperationName>,
    /// The agent that it reaches; `None` for all.
    pub agent: Option<String>,
    /// The highest class of action that still passes.
    pub limit: StopLimit,
    /// When it ends, to the microsecond; `None` as long as it is listed.
    pub until: Option<Timestamp>,
}

impl From<&StopInForce> for RecordedStop {
    fn from(stop: &StopInForce) -> Self {
        let StopInForce {
            digest,
            note,
            tool,
            operation,
            agent,
            limit,
            until,
        } = stop.clone();
        Self {
            digest,
            id: note.map(|note| note.id),
            tool,
            operation,
            agent,
            limit,
            until,
        }
    }
}

impl StopsRecord {
    pub(super) fn members(&self) -> NamedValues<'_> {
        let Self {
            sidecar,
            channel,
            stops,
        } = self;
        let stops = stops.iter().map(RecordedStop::value).collect();
        vec![
            ("sidecar", text(sidecar)),
            ("channel", text(channel)),
            ("stops", RecordValue::List(stops)),
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
        let Json::Array(stops) = members.take("stops")? else {
            return Err(InvalidRecord::Value("stops"));
        };
        let stops = stops.into_iter().map(RecordedStop::read);
        let record = Self {
            sidecar: members.text("sidecar")?,
            channel: members.text("channel")?,
            stops: stops.collect::<Result<_, _>>()?,
        };
        members.finish()?;
        Ok(record)
    }
}

impl RecordedStop {
    fn value(&self) -> RecordValue<'_> {
        let Self {
            digest,
            id,
            tool,
            operation,
            agent,
            limit,
            until,
        } = self;
        let always = [("digest", printed(digest)), ("limit", text(limit.as_str()))];
        let rest = [
            ("id", id.as_ref().map(printed)),
            ("tool", tool.as_ref().map(printed)),
            ("operation", operation.as_ref().map(printed)),
            ("agent", agent.as_deref().map(text)),
            ("until", until.map(|until| time(until, 6))),
        ];
        let rest = rest
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        object(always.into_iter().chain(rest))
    }

    fn read(stop: Json) -> Result<Self, InvalidRecord> {
        let mut members = Members::from_json(stop, "stops")?;
        let stop = Self {
            digest: members.parsed("digest")?,
            id: members.optional_parsed("id")?,
            tool: members.optional_parsed("tool")?,
            operation: members.optional_parsed("operation")?,
            agent: members.optional_text("agent")?,
            limit: members.word("limit", StopLimit::from_word)?,
            until: members.optional_parsed("until")?,
        };
        members.finish()?;
        Ok(stop)
    }
}
