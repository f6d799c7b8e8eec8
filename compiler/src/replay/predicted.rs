//! What `diff` has said of a change, beside what the change does to attempts on record: a flip that it has not predicted is
//! one that nobody signed for.

use std::collections::BTreeMap;

use serde_json::Value;
use stopgate_decide::name::{OperationName, ToolName};
use stopgate_decide::record::Seq;

use super::flips::{Flips, OperationFlips};
use crate::diff::{Class, Side};
use crate::proof::Direction;

/// What a run of `diff` has said, as its JSON has it.
#[derive(Debug)]
pub struct Predicted {
    commits: [Option<String>; 2],
    operations: BTreeMap<(ToolName, OperationName), Class>,
    /// Settings that it says are looser or stricter.
    settings: usize,
}

/// Why a file says nothing of a change.
#[derive(Debug, thiserror::Error)]
pub enum NotPredicted {
    /// It is no JSON.
    #[error("it is not JSON")]
    Json(#[from] serde_json::Error),
    /// It is something else.
    #[error("it is not what `stopgate diff --format json` prints{0}")]
    Other(&'static str),
    /// It is of another change.
    #[error("it compares {said}, and {asked} is replayed")]
    OtherChange {
        /// What it compares.
        said: String,
        /// What is replayed.
        asked: String,
    },
}

/// Flips that were not predicted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpredicted {
    /// Where; `None` at what is no operation of either policy.
    pub operation: Option<(ToolName, OperationName)>,
    /// Which way.
    pub direction: Direction,
    /// What was predicted for the operation: a word of `diff`.
    pub predicted: Class,
    /// How many there are.
    pub count: u64,
    /// The record of the first of them.
    pub first: Option<Seq>,
}

/// The flips that were not predicted, and what else may explain them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surprise {
    /// The flips.
    pub flips: Vec<Unpredicted>,
    /// Settings that the prediction lists, such as calendars and limits: a flip that comes from one of them is at no operation
    /// of its own.
    pub settings: usize,
}

impl Predicted {
    /// Reads what `stopgate diff --format json` has printed of the change between these two sides.
    ///
    /// # Errors
    /// [`NotPredicted`]
    pub fn parse(bytes: &[u8], sides: [&Side; 2]) -> Result<Self, NotPredicted> {
        let json: Value = serde_json::from_slice(bytes)?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        if json.get("stopgate").and_then(Value::as_u64) != Some(1)
            || json.get("command").and_then(Value::as_str) != Some("diff")
        {
            return Err(NotPredicted::Other(""));
        }
        let listed = |name: &str| json.get(name).and_then(Value::as_array);
        let (Some(operations), Some(settings)) = (listed("operations"), listed("settings")) else {
            return Err(NotPredicted::Other(
                ", or it ended before it compared anything",
            ));
        };
        let operation = |one: &Value| {
            let tool = one.get("tool")?.as_str()?.parse().ok()?;
            let operation = one.get("operation")?.as_str()?.parse().ok()?;
            let word = one.get("class")?.as_str()?;
            let class = Class::ALL
                .into_iter()
                .find(|class| class.as_str() == word)?;
            Some(((tool, operation), class))
        };
        let operations: Option<BTreeMap<_, _>> = operations.iter().map(operation).collect();
        let operations = operations.ok_or(NotPredicted::Other(", or another version did"))?;
        let commit = |side: &str| json.get(side)?.get("commit").and_then(text);
        let predicted = Self {
            commits: ["base", "head"].map(commit),
            operations,
            settings: settings.len(),
        };
        predicted.is_of(sides)?;
        Ok(predicted)
    }

    /// Checks that the prediction is for the change between these two sides, as far as both are commits.
    fn is_of(&self, sides: [&Side; 2]) -> Result<(), NotPredicted> {
        let asked = sides.map(|side| side.commit.as_ref());
        let differs = self.commits.iter().zip(asked).any(|(said, asked)| {
            let both = said.as_ref().zip(asked);
            both.is_some_and(|(said, asked)| said != asked)
        });
        if !differs {
            return Ok(());
        }
        let named = |commits: [Option<&String>; 2]| {
            let names = commits.map(|commit| commit.map_or("files", String::as_str));
            names.join(" with ")
        };
        Err(NotPredicted::OtherChange {
            said: named(self.commits.each_ref().map(Option::as_ref)),
            asked: named(asked),
        })
    }

    /// Returns the flips that were not predicted: at an operation that was called the same, or the other way than it was
    /// said to change.
    #[must_use]
    pub fn surprise(&self, flips: &Flips) -> Surprise {
        let mut found = Vec::new();
        for (operation, flips) in &flips.operations {
            let known = operation.as_ref();
            let predicted = known.and_then(|known| self.operations.get(known)).copied();
            let predicted = predicted.unwrap_or(Class::Same);
            for (direction, count) in [
                (Direction::Looser, flips.counts.looser),
                (Direction::Stricter, flips.counts.stricter),
            ] {
                if count > 0 && !allows(predicted, direction) {
                    found.push(Unpredicted {
                        operation: operation.clone(),
                        direction,
                        predicted,
                        count,
                        first: first(flips, direction),
                    });
                }
            }
        }
        Surprise {
            settings: if found.is_empty() { 0 } else { self.settings },
            flips: found,
        }
    }
}

/// Returns whether an operation of this class may answer so that it goes this way.
const fn allows(class: Class, direction: Direction) -> bool {
    match class {
        Class::Same => false,
        Class::Looser | Class::Added => matches!(direction, Direction::Looser),
        Class::Stricter | Class::Removed => matches!(direction, Direction::Stricter),
        // Nothing was proved of the last two, and reviewers signed for that.
        Class::Both | Class::Retyped | Class::Undecided => true,
    }
}

fn first(flips: &OperationFlips, direction: Direction) -> Option<Seq> {
    let samples = flips.kinds.values();
    let goes = samples.filter(|sample| sample.parts.iter().any(|(_, way)| *way == direction));
    goes.map(|sample| sample.first.seq).min()
}
