//! What an organisation says of itself: whose tokens count, and what each channel lets through.

use std::collections::BTreeMap;

use crate::name::ToolName;
use crate::surface::Limit;

/// An identity provider, as `stopgate.yaml` names it: which of its tokens count, and which claims say what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// The issuer's URL, compared as text.
    pub issuer: String,
    /// Whom its tokens have to be meant for, compared as text.
    pub audience: String,
    /// The claim with the user's stable id.
    pub subject: String,
    /// The claim with the user's groups.
    pub groups: String,
    /// The claim with the agent's id; `None`: its tokens name no agent.
    pub agent: Option<String>,
}

/// What a channel lets through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ceiling {
    /// For every tool not named below.
    pub default: Limit,
    /// Instead of the default, for these tools.
    pub tools: BTreeMap<ToolName, Limit>,
}

impl Ceiling {
    /// Returns the ceiling for `tool`: its own, or the one for every tool that is not named.
    #[must_use]
    pub fn limit_for(&self, tool: &str) -> Limit {
        self.tools.get(tool).copied().unwrap_or(self.default)
    }
}
