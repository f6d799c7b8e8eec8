//! The JSON parts of a bundle, member by member. Unknown members and versions are refused.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, Time};
use serde::{Deserialize, Serialize};

use super::compiled::MemberPart;
use crate::calendar::{Day, End};
use crate::decide::MatchKind;
use crate::digest::Digest;
use crate::name::{ChannelName, OperationName, OwnerName, ProfileName, ToolName};
use crate::pointer::Pointer;
use crate::routing::{Deadlines, Route};
use crate::surface::{Approval, Effect, Limit, Requirement, Risk, Surface};

/// `catalog.json`
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CatalogPart {
    pub(super) stopgate_catalog: u32,
    pub(super) tools: BTreeMap<ToolName, ToolPart>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ToolPart {
    pub(super) owner: OwnerName,
    pub(super) contract: String,
    pub(super) operations: BTreeMap<OperationName, OperationPart>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OperationPart {
    pub(super) function: String,
    /// Which inputs of the function mean this operation.
    pub(super) select: Option<SelectPart>,
    pub(super) definition: Digest,
    pub(super) effect: Effect,
    /// Compiled: what is learned about schemas later changes no answer of this bundle.
    pub(super) input: Vec<MemberPart>,
    /// By name.
    pub(super) facts: BTreeMap<String, FactPart>,
    pub(super) summary: Option<String>,
    pub(super) money: BTreeMap<String, String>,
    /// Whether the schema part gives the operation's requests an instant.
    pub(super) reads_now: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FactPart {
    /// As the catalog writes it.
    pub(super) projection: String,
    pub(super) optional: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SelectPart {
    pub(super) pointer: Pointer,
    pub(super) equals: String,
}

/// `policy.json`
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyPart {
    pub(super) stopgate_policy: u32,
    pub(super) organisation: OwnerName,
    /// By URL.
    pub(super) issuers: BTreeMap<String, IssuerPart>,
    pub(super) channels: BTreeMap<ChannelName, CeilingPart>,
    pub(super) input_bytes: usize,
    pub(super) calendar: CalendarPart,
    pub(super) routes: Vec<Route>,
    pub(super) deadlines: Deadlines,
    pub(super) profiles: BTreeMap<ProfileName, ProfilePart>,
    /// Each surface once; rules name them by place.
    pub(super) surfaces: Vec<SurfacePart>,
    pub(super) rules: Vec<RulePart>,
}

/// The audience, and claims by what they say.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IssuerPart {
    pub(super) audience: String,
    pub(super) subject: String,
    pub(super) groups: String,
    pub(super) agent: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CeilingPart {
    pub(super) ceiling: Limit,
    pub(super) tools: BTreeMap<ToolName, Limit>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CalendarPart {
    pub(super) zone: String,
    pub(super) days: BTreeSet<Day>,
    pub(super) from: Time,
    pub(super) to: End,
    pub(super) holidays: BTreeSet<Date>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProfilePart {
    pub(super) inherits: BTreeSet<ProfileName>,
    pub(super) groups: BTreeSet<String>,
}

#[derive(Serialize, Deserialize, PartialEq, Eq, PartialOrd, Ord, Clone)]
#[serde(deny_unknown_fields)]
pub(super) struct SurfacePart {
    pub(super) risk: Risk,
    pub(super) approval: Approval,
    pub(super) require: BTreeSet<Requirement>,
    pub(super) mask: BTreeSet<Pointer>,
    pub(super) max_rows: BTreeMap<Pointer, u32>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RulePart {
    pub(super) id: String,
    pub(super) kind: MatchKind,
    /// Of a never: the reason shown. Else empty.
    pub(super) reason: String,
    /// Of a grant: its surface at each operation, floors and the catalog's masks included.
    pub(super) at: BTreeMap<String, usize>,
    /// Of a raise: its surface, the same everywhere.
    pub(super) everywhere: Option<usize>,
}

/// `sources.json`
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SourcesPart {
    pub(super) stopgate_sources: u32,
    pub(super) rules: BTreeMap<String, SourcePart>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SourcePart {
    pub(super) file: String,
    pub(super) line: u32,
    pub(super) owner: OwnerName,
    pub(super) review_by: Date,
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
