//! The JSON parts of a bundle, member by member. Unknown members and versions are refused.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use jiff::civil::{Date, Time};
use serde::{Deserialize, Serialize};

use crate::calendar::{Day, End};
use crate::decide::MatchKind;
use crate::digest::Digest;
use crate::freshness::{Freshness, InvalidFreshness};
use crate::name::{ChannelName, OperationName, OwnerName, ProfileName, ToolName};
use crate::pointer::Pointer;
use crate::routing::{Deadlines, Route};
use crate::surface::{Approval, Effect, Limit, Requirement, Risk, Surface};

pub use super::compiled::{MemberPart, members};

/// Everything in a bundle but its manifest and its signatures.
pub struct BundleParts {
    /// `catalog.json`
    pub catalog: CatalogPart,
    /// `policy.json`
    pub policy: PolicyPart,
    /// `schema.cedarschema`
    pub schema: String,
    /// `sources.json`
    pub sources: SourcesPart,
    /// Cedar text of each slice, by `tool/operation` or [`crate::cedar::ANYWHERE`]. Empty ones are left out of the file.
    pub slices: BTreeMap<String, String>,
}

/// `catalog.json`
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogPart {
    /// Version of this part.
    pub stopgate_catalog: u32,
    /// Tools by name.
    pub tools: BTreeMap<ToolName, ToolPart>,
}

impl CatalogPart {
    /// The version that is written; see `stopgate_catalog`.
    pub const VERSION: u32 = 2;
}

/// A tool of the catalog.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolPart {
    /// Who answers for it.
    pub owner: OwnerName,
    /// The reviewed contract version, `major.minor.patch`.
    pub contract: String,
    /// Operations by name.
    pub operations: BTreeMap<OperationName, OperationPart>,
}

/// An operation of a tool.
#[derive(Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct OperationPart {
    /// The server's function that does it.
    pub function: String,
    /// Which inputs of the function mean this operation.
    pub select: Option<SelectPart>,
    /// Digest of the pinned definition.
    pub definition: Digest,
    /// What it does to the tool's data.
    pub effect: Effect,
    /// Compiled: what is learned about schemas later changes no answer of this bundle.
    pub input: Vec<MemberPart>,
    /// By name.
    pub facts: BTreeMap<String, FactPart>,
    /// The sentence that approvers read.
    pub summary: Option<String>,
    /// Arguments that are amounts, each with the argument that names its currency.
    pub money: BTreeMap<String, String>,
    /// Whether the schema part gives the operation's requests an instant.
    pub reads_now: bool,
}

/// A fact of an operation.
#[derive(Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct FactPart {
    /// As the catalog writes it.
    pub projection: String,
    /// Whether it may be absent from a request.
    pub optional: bool,
}

/// Which inputs of a function mean an operation.
#[derive(Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct SelectPart {
    /// Where the text stands in the input.
    pub pointer: Pointer,
    /// What the text has to be.
    pub equals: String,
}

/// `policy.json`
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyPart {
    /// Version of this part.
    pub stopgate_policy: u32,
    /// Who the policy belongs to.
    pub organisation: OwnerName,
    /// By URL.
    pub issuers: BTreeMap<String, IssuerPart>,
    /// Ceilings by channel.
    pub channels: BTreeMap<ChannelName, CeilingPart>,
    /// How old the policy may be. Without a limit the member is left out, as it is in every bundle from before there was
    /// one, so that the same policy keeps its bytes. Readers from before refuse a bundle that has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freshness: Option<FreshnessPart>,
    /// Longest input accepted, in bytes.
    pub input_bytes: usize,
    /// When it is business time.
    pub calendar: CalendarPart,
    /// Who is asked for approvals.
    pub routes: Vec<Route>,
    /// By when.
    pub deadlines: Deadlines,
    /// Profiles by name.
    pub profiles: BTreeMap<ProfileName, ProfilePart>,
    /// Each surface once; rules name them by place.
    pub surfaces: Vec<SurfacePart>,
    /// In order of their ids.
    pub rules: Vec<RulePart>,
}

impl PolicyPart {
    /// The version that is written; see `stopgate_policy`.
    pub const VERSION: u32 = 1;
}

/// The audience, and claims by what they say.
#[derive(Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct IssuerPart {
    /// Whom its tokens have to be meant for.
    pub audience: String,
    /// The claim with the user's stable id.
    pub subject: String,
    /// The claim with the user's groups.
    pub groups: String,
    /// The claim with the agent's id.
    pub agent: Option<String>,
}

/// What a channel lets through.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CeilingPart {
    /// For every tool that is not named.
    pub ceiling: Limit,
    /// Instead, for these tools.
    pub tools: BTreeMap<ToolName, Limit>,
}

/// How old the policy may be, in seconds since the newest timestamp of its channel.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct FreshnessPart {
    /// Beyond this age only actions up to class `low` pass.
    pub soft: i64,
    /// Beyond this age nothing passes.
    pub hard: i64,
}

/// When it is business time.
#[derive(Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct CalendarPart {
    /// Name of the time zone.
    pub zone: String,
    /// Business days.
    pub days: BTreeSet<Day>,
    /// When business begins.
    pub from: Time,
    /// When business ends.
    pub to: End,
    /// Days that are no business days.
    pub holidays: BTreeSet<Date>,
}

/// A role of people.
#[derive(Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct ProfilePart {
    /// Its direct parents.
    pub inherits: BTreeSet<ProfileName>,
    /// Identity-provider groups whose members hold it.
    pub groups: BTreeSet<String>,
}

/// What a match asks for and attaches.
#[derive(Serialize, Deserialize, PartialEq, Eq, PartialOrd, Ord, Clone)]
#[serde(deny_unknown_fields)]
pub struct SurfacePart {
    /// How much harm a wrong call could do.
    pub risk: Risk,
    /// Which people must say yes.
    pub approval: Approval,
    /// What else has to be collected.
    pub require: BTreeSet<Requirement>,
    /// Fields of the result to hide.
    pub mask: BTreeSet<Pointer>,
    /// Arrays of the result to cut.
    pub max_rows: BTreeMap<Pointer, u32>,
}

/// What a match of a rule means.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RulePart {
    /// The rule's id.
    pub id: String,
    /// What it does where it matches.
    pub kind: MatchKind,
    /// Of a never: the reason shown. Else empty.
    pub reason: String,
    /// Of a grant: its surface at each operation, floors and the catalog's masks included.
    pub at: BTreeMap<String, usize>,
    /// Of a raise: its surface, the same everywhere.
    pub everywhere: Option<usize>,
}

/// `sources.json`
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourcesPart {
    /// Version of this part.
    pub stopgate_sources: u32,
    /// By the ids of the rules.
    pub rules: BTreeMap<String, SourcePart>,
}

impl SourcesPart {
    /// The version that is written; see `stopgate_sources`.
    pub const VERSION: u32 = 1;
}

/// Where a rule stands, and who answers for it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourcePart {
    /// Path of its document, with `/`.
    pub file: String,
    /// Line, counted from 1.
    pub line: u32,
    /// Who answers for it.
    pub owner: OwnerName,
    /// When it has to be looked at again.
    pub review_by: Date,
}

impl From<Freshness> for FreshnessPart {
    fn from(freshness: Freshness) -> Self {
        // A fraction of a second would be cut off, which makes the limit shorter and never longer.
        Self {
            soft: freshness.soft().as_secs(),
            hard: freshness.hard().as_secs(),
        }
    }
}

impl TryFrom<FreshnessPart> for Freshness {
    type Error = InvalidFreshness;

    fn try_from(part: FreshnessPart) -> Result<Self, InvalidFreshness> {
        let FreshnessPart { soft, hard } = part;
        Self::new(
            SignedDuration::from_secs(soft),
            SignedDuration::from_secs(hard),
        )
    }
}

impl From<&Surface> for SurfacePart {
    fn from(surface: &Surface) -> Self {
        let Surface {
            risk,
            approval,
            // Both are in `requirements()`. They are named here so that a new field of a surface does not compile
            // until it is a member of the part.
            user_confirmation: _,
            dry_run: _,
            masks,
            max_rows,
        } = surface;
        Self {
            risk: *risk,
            approval: *approval,
            require: surface.requirements().collect(),
            mask: masks.clone(),
            max_rows: max_rows.clone(),
        }
    }
}

impl From<SurfacePart> for Surface {
    fn from(part: SurfacePart) -> Self {
        let SurfacePart {
            risk,
            approval,
            require,
            mask,
            max_rows,
        } = part;
        Self {
            risk,
            approval,
            user_confirmation: require.contains(&Requirement::UserConfirmation),
            dry_run: require.contains(&Requirement::DryRun),
            masks: mask,
            max_rows,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A policy part as every compiler before `freshness` wrote it.
    const WITHOUT: &str = concat!(
        r#"{"stopgate_policy":1,"organisation":"acme","issuers":{},"channels":{"dev":{"ceiling":"high","tools":{}}},"#,
        r#""input_bytes":100,"calendar":{"zone":"UTC","days":[],"from":"09:00:00","to":"18:00:00","holidays":[]},"#,
        r#""routes":[],"deadlines":{"confirm":"30m","decide":"4bh","use":"15m"},"profiles":{},"surfaces":[],"rules":[]}"#,
    );

    fn read(text: &str) -> serde_json::Result<PolicyPart> {
        serde_json::from_str(text)
    }

    #[test]
    fn a_policy_that_may_be_of_any_age_keeps_its_bytes() {
        let part = read(WITHOUT).expect("a part");
        assert!(part.freshness.is_none());
        assert_eq!(serde_json::to_string(&part).expect("JSON"), WITHOUT);
    }

    #[test]
    fn ages_are_written_in_whole_seconds_and_read_within_their_bounds() {
        let text = |ages: &str| {
            WITHOUT.replace(
                r#""input_bytes""#,
                &format!(r#""freshness":{ages},"input_bytes""#),
            )
        };
        let ages = SignedDuration::from_secs(900);
        let ages = Freshness::new(ages, SignedDuration::from_hours(24)).expect("a limit");
        let mut part = read(WITHOUT).expect("a part");
        part.freshness = Some(ages.into());
        let written = serde_json::to_string(&part).expect("JSON");
        assert_eq!(written, text(r#"{"soft":900,"hard":86400}"#));
        let load = |text: &str| {
            let part = read(text).ok()?.freshness?;
            Freshness::try_from(part).ok()
        };
        assert_eq!(load(&written), Some(ages));
        assert!(load(&text(r#"{"soft":1,"hard":1}"#)).is_some());
        for refused in [
            r#"{"soft":0,"hard":1}"#,
            r#"{"soft":-1,"hard":1}"#,
            r#"{"soft":2,"hard":1}"#,
            r#"{"soft":1,"hard":-9223372036854775808}"#,
        ] {
            assert!(read(&text(refused)).is_ok(), "{refused}");
            assert_eq!(load(&text(refused)), None, "{refused}");
        }
        for unread in [
            r#"{"soft":900}"#,
            r#"{"hard":900}"#,
            r#"{"soft":900,"hard":900,"more":1}"#,
            r#"{"soft":1.5,"hard":900}"#,
            r#"{"soft":"15m","hard":900}"#,
            r#"{"soft":1,"hard":9223372036854775808}"#,
        ] {
            assert!(read(&text(unread)).is_err(), "{unread}");
        }
    }
}
