//! What came of a tool, for people and for programs.

use std::fmt::{self, Write as _};

use serde::Serialize;
use stopgate_author::lock::{Change, ContractStep, pretty};
use stopgate_decide::json::Json;
use stopgate_decide::name::ToolName;

use crate::lock::{Comparison, FetchError, OverwriteVerdict};

use super::{LockAction, Outcome, ToolReport};

impl Outcome {
    const fn status(&self) -> &'static str {
        match self {
            Self::Failed(_) => "failed",
            Self::First(_) => "written",
            Self::Missing => "missing",
            Self::Unreadable(_) => "unreadable",
            Self::Compared { done, .. } => match done {
                LockAction::Nothing => "same",
                LockAction::Written => "written",
                LockAction::Shown => "differs",
                LockAction::Refused => "refused",
            },
        }
    }
}

impl ToolReport {
    /// Returns what follows for the author, in one sentence.
    fn advice(&self) -> String {
        let Self { tool, command, .. } = self;
        match &self.outcome {
            Outcome::Failed(_) => format!("nothing is known about the server of {tool}"),
            Outcome::First(lock) => format!(
                "locked {} functions of {} {} for contract {}",
                lock.functions.len(),
                lock.server.name,
                lock.server.version,
                lock.contract
            ),
            Outcome::Missing => {
                format!("there is no catalog/{tool}.lock.json; run `{command}`")
            }
            Outcome::Unreadable(_) => {
                format!(
                    "restore catalog/{tool}.lock.json from git, or delete it to lock {tool} anew"
                )
            }
            Outcome::Compared { comparison, done } => {
                comparison_advice((tool, command), comparison, *done)
            }
        }
    }

    /// Returns the tool's part of the JSON object.
    pub(super) fn as_json(&self) -> serde_json::Result<impl Serialize> {
        let (comparison, error, stderr) = match &self.outcome {
            Outcome::Failed(error) => (None, Some(chain(error)), Some(error.stderr.as_str())),
            Outcome::Unreadable(error) => (None, Some(error.clone()), None),
            Outcome::Compared { comparison, .. } => (Some(comparison), None, None),
            Outcome::First(_) | Outcome::Missing => (None, None, None),
        };
        let changes = comparison
            .map(|comparison| comparison.changes.as_slice())
            .unwrap_or_default();
        Ok(ToolJson {
            tool: self.tool.as_str(),
            status: self.outcome.status(),
            advice: self.advice(),
            locked: comparison.map(|comparison| comparison.locked.to_string()),
            catalog: comparison.map(|comparison| comparison.catalog.to_string()),
            step: comparison
                .and_then(Comparison::step)
                .map(ContractStep::as_str),
            changes: changes
                .iter()
                .map(ChangeJson::new)
                .collect::<Result<_, _>>()?,
            error,
            stderr,
        })
    }
}

fn comparison_advice(
    (tool, command): (&ToolName, &str),
    comparison: &Comparison,
    done: LockAction,
) -> String {
    let Comparison {
        locked, catalog, ..
    } = comparison;
    let because = match comparison.step() {
        Some(step) => format!(
            "the changes ask for a {} step of the contract",
            step.as_str()
        ),
        None => "the contract is another".to_owned(),
    };
    match comparison.verdict() {
        OverwriteVerdict::Same => match done {
            LockAction::Written => {
                "nothing that counts changed; the lock was brought up to date".to_owned()
            }
            LockAction::Nothing | LockAction::Shown | LockAction::Refused => {
                format!("nothing changed since contract {locked}")
            }
        },
        OverwriteVerdict::StepTaken => match done {
            LockAction::Written => format!("locked for contract {catalog}, which was {locked}"),
            LockAction::Nothing | LockAction::Shown | LockAction::Refused => format!(
                "{because}, which catalog/{tool}.yaml took to {catalog}; run `{command}` and review the lock"
            ),
        },
        OverwriteVerdict::StepMissing(least) => format!(
            "{because}: review them, write `contract: {least}` or later into catalog/{tool}.yaml, which says {catalog}, \
             and run `{command}`"
        ),
        OverwriteVerdict::WentBack => format!(
            "catalog/{tool}.yaml says contract {catalog}; the lock was written for {locked}, and contracts do not go back"
        ),
    }
}

impl fmt::Display for ToolReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tool, outcome, .. } = self;
        writeln!(f, "{tool}: {}", outcome.status())?;
        match outcome {
            Outcome::Failed(error) => {
                writeln!(f, "  {}", chain(error))?;
                for line in error.stderr.lines() {
                    writeln!(f, "  | {line}")?;
                }
            }
            Outcome::Unreadable(error) => writeln!(f, "  {error}")?,
            Outcome::Compared { comparison, .. } => {
                for change in &comparison.changes {
                    write_change(f, change)?;
                }
            }
            Outcome::First(_) | Outcome::Missing => {}
        }
        writeln!(f, "  {}", self.advice())
    }
}

fn write_change(f: &mut fmt::Formatter<'_>, change: &Change) -> fmt::Result {
    let Change {
        function,
        place,
        kind,
        before,
        after,
    } = change;
    let mut where_ = function.clone().unwrap_or_else(|| "server".to_owned());
    if !place.is_empty() {
        // Writing to a string cannot fail.
        let _always_fits = write!(where_, " {place}");
    }
    writeln!(
        f,
        "  {:<10}  {where_}: {}",
        kind.class().as_str(),
        kind.describe()
    )?;
    for (sign, value) in [('-', before), ('+', after)] {
        for line in value.as_ref().map(pretty).unwrap_or_default().lines() {
            writeln!(f, "    {sign} {line}")?;
        }
    }
    Ok(())
}

fn chain(error: &FetchError) -> String {
    let mut message = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        // Writing to a string cannot fail.
        let _always_fits = write!(message, ": {error}");
        source = error.source();
    }
    message
}

#[derive(Serialize)]
struct ToolJson<'a> {
    tool: &'a str,
    status: &'static str,
    advice: String,
    locked: Option<String>,
    catalog: Option<String>,
    step: Option<&'static str>,
    changes: Vec<ChangeJson<'a>>,
    error: Option<String>,
    stderr: Option<&'a str>,
}

#[derive(Serialize)]
struct ChangeJson<'a> {
    function: Option<&'a str>,
    place: &'a str,
    kind: &'static str,
    class: &'static str,
    step: &'static str,
    before: Option<serde_json::Value>,
    after: Option<serde_json::Value>,
}

impl<'a> ChangeJson<'a> {
    fn new(change: &'a Change) -> serde_json::Result<Self> {
        let Change {
            function,
            place,
            kind,
            before,
            after,
        } = change;
        let value = |json: &Option<Json>| {
            json.as_ref()
                .map(|json| serde_json::from_str(&pretty(json)))
                .transpose()
        };
        Ok(Self {
            function: function.as_deref(),
            place,
            kind: kind.as_str(),
            class: kind.class().as_str(),
            step: kind.step().as_str(),
            before: value(before)?,
            after: value(after)?,
        })
    }
}
