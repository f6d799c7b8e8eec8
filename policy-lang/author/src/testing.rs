//! Decision tables: what `tests/TOOL.yaml` says should come out of [`stopgate_decide::decide`].
//!
//! The types only; running them takes a bundle and is the compiler's business, through the same `decide` as
//! everywhere. Every name in a suite is known to exist.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use stopgate_decide::decide::Reason;
use stopgate_decide::json::Json;
use stopgate_decide::name::{ChannelName, Location, OperationName, ProfileName, RuleId, ToolName};
use stopgate_decide::pointer::Pointer;
use stopgate_decide::surface::{Enforces, Evidence, Need};

/// The tests of one tool.
#[derive(Debug, Clone)]
pub struct TestSuite {
    /// The tool.
    pub tool: ToolName,
    /// When attempts happen, unless a case says otherwise.
    pub now: Timestamp,
    /// Whose ceiling holds, unless a case says otherwise.
    pub channel: ChannelName,
    /// One valid input for each operation; an object.
    pub samples: BTreeMap<OperationName, Json>,
    /// The cases, in the order of the file.
    pub cases: Vec<Case>,
    /// Path of the document, such as `tests/erp.yaml`.
    pub file: Arc<str>,
}

/// One row: every person tries every operation, and each attempt has to come out as expected.
#[derive(Debug, Clone)]
pub struct Case {
    /// Unique in the suite.
    pub name: String,
    /// Direct profiles of each person; never empty. An empty set is somebody without a profile.
    pub people: Vec<BTreeSet<ProfileName>>,
    /// What they try; never empty.
    pub operations: Vec<OperationName>,
    /// An object whose members replace those of the sample, top level only.
    pub input: Option<Json>,
    /// Members of the sample that are not sent.
    pub without: BTreeSet<String>,
    /// What has been collected.
    pub evidence: Evidence,
    /// What the asking door does with results; everything, unless the case says less.
    pub enforces: Enforces,
    /// Instead of the suite's.
    pub now: Option<Timestamp>,
    /// Instead of the suite's.
    pub channel: Option<ChannelName>,
    /// Id of the acting software, if it matters.
    pub agent: Option<String>,
    /// What has to come out.
    pub expect: Expect,
    /// Why the case is not run, if it is not.
    pub skip: Option<String>,
    /// Where it stands.
    pub location: Location,
}

/// What has to come out of an attempt. What is stated is compared completely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expect {
    /// The outcome.
    pub result: ExpectedResult,
    /// Exactly the rules that match, if stated.
    pub rules: Option<BTreeSet<RuleId>>,
    /// Exactly the obligations of the surface, if stated.
    pub obligations: Option<Obligations>,
}

/// An outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExpectedResult {
    /// It may run.
    Permit,
    /// This is missing, and nothing else.
    Route(BTreeSet<Need>),
    /// No, and why.
    Reject(Reason),
}

/// What a permit obliges the door to do with the result.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Obligations {
    /// Fields to hide.
    pub mask: BTreeSet<Pointer>,
    /// Arrays to cut.
    pub max_rows: BTreeMap<Pointer, u32>,
}
