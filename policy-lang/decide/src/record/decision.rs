//! A decision record: everything that `decide` read and everything it said, so that it can be asked again offline.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::input::RecordedInput;
use super::lattice;
use super::members::{Members, variant};
use super::value::Object;
use super::{InvalidRecord, RecordKind, RecordVersion};
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
    /// Writes everything but the stamp, and says where its members belong: `prev`, `seq` and `time`.
    pub(super) fn write<'n>(
        &'n self,
        version: RecordVersion,
        out: &mut Object<'_, 'n>,
    ) -> [usize; 3] {
        let Self {
            decision,
            request_id,
            trace,
            sidecar,
            bundle,
            attempt,
            context,
            evidence,
            limit,
            enforces,
            surface,
            result,
            rules,
            latency_us,
        } = self;
        // From here on in the order of the names, with gaps for the members of the stamp (`prev`, `seq`, `time`).
        attempt.write(out.object("attempt"));
        out.printed("bundle", bundle);
        context.write(out.object("context"));
        out.text("decision", decision);
        lattice::enforces(*enforces, out);
        lattice::evidence(*evidence, out.object("evidence"));
        out.text("kind", RecordKind::Decision.as_str());
        out.count("latency_us", u64::from(*latency_us));
        lattice::limit(*limit, out.object("limit"));
        let prev = out.place();
        out.text("request_id", request_id);
        result.write(out.object("result"));
        out.all_printed("rules", rules);
        let seq = out.place();
        out.text("sidecar", sidecar);
        match surface {
            Some(surface) => lattice::surface(surface, out.object("surface")),
            None => out.null("surface"),
        }
        let time = out.place();
        out.optional_text("trace", trace.as_deref());
        out.number("v", version.number());
        // The text ends with a comma, as it does after every member, which `Encoded::write` takes away.
        out.place();
        [prev, seq, time]
    }

    pub(super) fn read(
        version: RecordVersion,
        mut members: Members,
    ) -> Result<Self, InvalidRecord> {
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
    fn write<'n>(&'n self, mut out: Object<'_, 'n>) {
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
        out.text("agent", agent);
        if let Some(definition) = definition {
            out.printed("definition", definition);
        }
        out.optional_text("function", function.as_deref());
        input.write(&mut out);
        out.optional_text("operation", operation.as_deref());
        out.texts("profiles", profiles.iter().map(ProfileName::as_str));
        out.optional_text("session", session.as_deref());
        if let Some(Subject { issuer, id }) = subject {
            let mut subject = out.object("subject");
            subject.text("id", id);
            subject.text("issuer", issuer);
            subject.end();
        }
        out.text("tool", tool);
        out.end();
    }

    fn read(version: RecordVersion, mut members: Members) -> Result<Self, InvalidRecord> {
        let subject = members
            .optional("subject")
            .map(|value| Members::from_json(value, "subject"))
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
    fn write<'n>(&'n self, mut out: Object<'_, 'n>) {
        let Self {
            facts,
            agent,
            now,
            business,
        } = self;
        let mut acting = out.object("agent");
        acting.text("id", agent);
        acting.end();
        let mut views = out.object("facts");
        for (name, fact) in facts {
            views.json(name, fact);
        }
        views.end();
        let mut clock = out.object("time");
        if let Some(business) = business {
            clock.truth("business", *business);
        }
        clock.time("now", *now, 3);
        clock.end();
        out.end();
    }

    fn read(mut members: Members) -> Result<Self, InvalidRecord> {
        let Json::Object(facts) = members.take("facts")? else {
            return Err(InvalidRecord::Value("facts"));
        };
        let (mut agent, mut clock) = (members.object("agent")?, members.object("time")?);
        // Three objects are opened before the values are read, and each has to be used up.
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
    fn write(&self, mut out: Object<'_, '_>) {
        match self {
            Self::Permit => out.object("permit").end(),
            Self::Route(needs) => out.all_printed("route", needs),
            Self::Reject(Rejection { reason, message }) => {
                let mut reject = out.object("reject");
                reject.text("message", message);
                reject.text("reason", reason.as_str());
                reject.end();
            }
        }
        out.end();
    }

    fn read(value: Json) -> Result<Self, InvalidRecord> {
        const INVALID: InvalidRecord = InvalidRecord::Value("result");
        let (word, value) = variant(value, "result")?;
        match word.as_str() {
            "permit" => Members::from_json(value, "result")?
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
                let mut members = Members::from_json(value, "result")?;
                let reason = members.word("reason", Reason::from_word)?;
                let result = Self::Reject(Rejection::new(reason, members.text("message")?));
                members.finish().map(|()| result)
            }
            _ => Err(INVALID),
        }
    }
}
