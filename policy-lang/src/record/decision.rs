//! A decision record: everything that `decide` read and everything it said, so that it can be asked again offline.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::input::RecordedInput;
use super::lattice;
use super::members::{Members, variant};
use super::value::{Value, count, object, printed, text, texts, time};
use super::{InvalidRecord, Version};
use crate::attempt::Subject;
use crate::decide::{LimitNow, Reason, Rejection};
use crate::digest::Digest;
use crate::json::Json;
use crate::name::{ProfileName, RuleId};
use crate::surface::{Enforces, Evidence, Need, Surface};

/// One attempt and its answer.
///
/// `result` is an object with one member: `{"permit": {}}`, `{"route": ["user_confirmation", …]}` with what is
/// missing in the order it is collected, or `{"reject": {"reason": "no_rule", "message": "…"}}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionRecord {
    /// Name of the decision, `decisions/…`; the answer carries it too.
    pub decision: String,
    /// The caller's own id of its request; it only correlates.
    pub request_id: String,
    /// Trace id that came with the request.
    pub trace: Option<String>,
    /// Name of the sidecar.
    pub sidecar: String,
    /// The one bundle that explains the answer.
    pub bundle: Digest,
    /// What was to be done.
    pub attempt: RecordedAttempt,
    /// What conditions could read besides the input.
    pub context: RecordedContext,
    /// What had been collected.
    pub evidence: Evidence,
    /// The highest class that was let through.
    pub limit: LimitNow,
    /// What the asking door does with results.
    pub enforces: Enforces,
    /// What the matching rules ask for together; `null` if the answer came before any rule matched.
    pub surface: Option<Surface>,
    /// The answer.
    pub result: RecordedResult,
    /// Rules that matched; after an evaluation error, those that failed.
    pub rules: Vec<RuleId>,
    /// From the arrival of the request to the answer, without the log, in microseconds.
    pub latency_us: u32,
}

/// The attempt as it came, and what was found out about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedAttempt {
    /// The original user; left out if nobody vouched for one.
    pub subject: Option<Subject>,
    /// The subject's direct profiles.
    pub profiles: BTreeSet<ProfileName>,
    /// The software acting.
    pub agent: String,
    /// The system acted on, as the caller named it.
    pub tool: String,
    /// The operation: named by the caller, or derived from its function. Left out if there is none.
    pub operation: Option<String>,
    /// The server's function; left out if the caller named the operation instead.
    pub function: Option<String>,
    /// Conversation or task; left out if the caller named none.
    pub session: Option<String>,
    /// The arguments.
    pub input: RecordedInput,
    /// Digest of the tool definition, the caller's or the pinned one; left out if there is neither.
    pub definition: Option<Digest>,
}

/// What conditions could read besides the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedContext {
    /// The catalog's typed views of the input.
    pub facts: BTreeMap<String, Json>,
    /// `context.agent.id`
    pub agent: String,
    /// `context.time.now`; whole milliseconds.
    pub now: Timestamp,
    /// `context.time.business`; left out if the answer came before the calendar was asked.
    pub business: Option<bool>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordedResult {
    /// It may run.
    Permit,
    /// It needs these first.
    Route(Vec<Need>),
    /// It may not run.
    Reject(Rejection),
}

impl DecisionRecord {
    pub(super) fn members(&self) -> Vec<(&'static str, Value<'_>)> {
        let Self {
            decision,
            request_id,
            trace,
            sidecar,
            bundle,
            attempt,
            context,
            ..
        } = self;
        let Self {
            evidence,
            limit,
            enforces,
            surface,
            result,
            rules,
            latency_us,
            ..
        } = self;
        let mut members = vec![
            ("decision", text(decision)),
            ("request_id", text(request_id)),
            ("sidecar", text(sidecar)),
            ("bundle", printed(bundle)),
            ("attempt", attempt.value()),
            ("context", context.value()),
            ("evidence", lattice::evidence(*evidence)),
            ("limit", lattice::limit(*limit)),
            ("enforces", lattice::enforces(*enforces)),
            (
                "surface",
                surface.as_ref().map_or(Value::Null, lattice::surface),
            ),
            ("result", result.value()),
            ("rules", texts(rules.iter().map(ToString::to_string))),
            ("latency_us", count(u64::from(*latency_us))),
        ];
        members.extend(trace.as_ref().map(|trace| ("trace", text(trace))));
        members
    }

    pub(super) fn read(version: Version, mut members: Members) -> Result<Self, InvalidRecord> {
        let record = Self {
            decision: members.text("decision")?,
            request_id: members.text("request_id")?,
            trace: members.optional_text("trace")?,
            sidecar: members.text("sidecar")?,
            bundle: members.parsed("bundle")?,
            attempt: RecordedAttempt::read(version, members.object("attempt")?)?,
            context: RecordedContext::read(members.object("context")?)?,
            evidence: lattice::read_evidence(members.object("evidence")?)?,
            limit: lattice::read_limit(members.object("limit")?)?,
            enforces: lattice::read_enforces(&mut members)?,
            surface: lattice::read_surface(members.take("surface")?)?,
            result: RecordedResult::read(members.take("result")?)?,
            rules: members.list("rules", |rule| rule.parse().ok())?,
            latency_us: members.number("latency_us")?,
        };
        members.finish()?;
        Ok(record)
    }
}

impl RecordedAttempt {
    fn value(&self) -> Value<'_> {
        let Self {
            subject,
            profiles,
            agent,
            tool,
            operation,
            function,
            session,
            input,
            definition,
        } = self;
        let mut members = vec![
            ("profiles", texts(profiles.iter().map(ProfileName::as_str))),
            ("agent", text(agent)),
            ("tool", text(tool)),
        ];
        members.extend(subject.as_ref().map(|Subject { issuer, id }| {
            (
                "subject",
                object([("issuer", text(issuer)), ("id", text(id))]),
            )
        }));
        members.extend(
            operation
                .as_ref()
                .map(|operation| ("operation", text(operation))),
        );
        members.extend(
            function
                .as_ref()
                .map(|function| ("function", text(function))),
        );
        members.extend(session.as_ref().map(|session| ("session", text(session))));
        members.extend(definition.map(|definition| ("definition", printed(definition))));
        members.extend(input.members());
        object(members)
    }

    fn read(version: Version, mut members: Members) -> Result<Self, InvalidRecord> {
        let subject = members
            .optional("subject")
            .map(|value| Members::of(value, "subject"))
            .transpose()?;
        let attempt = Self {
            subject: subject.map(read_subject).transpose()?,
            profiles: members.list("profiles", |profile| ProfileName::new(profile).ok())?,
            agent: members.text("agent")?,
            tool: members.text("tool")?,
            operation: members.optional_text("operation")?,
            function: members.optional_text("function")?,
            session: members.optional_text("session")?,
            input: RecordedInput::read(version, &mut members)?,
            definition: members.optional_parsed("definition")?,
        };
        members.finish()?;
        Ok(attempt)
    }
}

fn read_subject(mut members: Members) -> Result<Subject, InvalidRecord> {
    let subject = Subject {
        issuer: members.text("issuer")?,
        id: members.text("id")?,
    };
    members.finish()?;
    Ok(subject)
}

impl RecordedContext {
    fn value(&self) -> Value<'_> {
        let Self {
            facts,
            agent,
            now,
            business,
        } = self;
        let facts = facts
            .iter()
            .map(|(name, fact)| (name.as_str(), Value::Json(fact)));
        let business = business.map(|business| ("business", Value::Bool(business)));
        let clock = [("now", time(*now, 3))].into_iter().chain(business);
        object([
            ("facts", object(facts)),
            ("agent", object([("id", text(agent))])),
            ("time", object(clock)),
        ])
    }

    fn read(mut members: Members) -> Result<Self, InvalidRecord> {
        let Json::Object(facts) = members.take("facts")? else {
            return Err(InvalidRecord::Value("facts"));
        };
        let (mut agent, mut clock) = (members.object("agent")?, members.object("time")?);
        let context = Self {
            facts: facts.into_iter().collect(),
            agent: agent.text("id")?,
            now: clock.parsed("now")?,
            business: clock.optional_truth("business")?,
        };
        [agent, clock, members]
            .into_iter()
            .try_for_each(Members::finish)?;
        Ok(context)
    }
}

impl RecordedResult {
    fn value(&self) -> Value<'_> {
        object([match self {
            Self::Permit => ("permit", object([])),
            Self::Route(needs) => ("route", texts(needs.iter().map(ToString::to_string))),
            Self::Reject(Rejection { reason, message }) => (
                "reject",
                object([
                    ("reason", text(reason.as_str())),
                    ("message", text(message)),
                ]),
            ),
        }])
    }

    fn read(value: Json) -> Result<Self, InvalidRecord> {
        const INVALID: InvalidRecord = InvalidRecord::Value("result");
        let (word, value) = variant(value, "result")?;
        match word.as_str() {
            "permit" => Members::of(value, "result")?
                .finish()
                .map(|()| Self::Permit),
            "route" => {
                let needs = value
                    .as_array()
                    .ok_or(INVALID)?
                    .iter()
                    .map(|need| need.as_str().and_then(lattice::need_from_word));
                needs.collect::<Option<_>>().map(Self::Route).ok_or(INVALID)
            }
            "reject" => {
                let mut members = Members::of(value, "result")?;
                let reason = members.word("reason", Reason::from_word)?;
                let result = Self::Reject(Rejection::new(reason, members.text("message")?));
                members.finish().map(|()| result)
            }
            _ => Err(INVALID),
        }
    }
}
