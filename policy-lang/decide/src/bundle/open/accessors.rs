//! What a loaded bundle says when it is asked: its own names and digests, and its parts by place.

use std::collections::BTreeSet;

use crate::calendar::Calendar;
use crate::cedar::{Index, PreparedSchema, ProfileAt};
use crate::digest::Digest;
use crate::freshness::Freshness;
use crate::json::Json;
use crate::name::{OperationName, OwnerName, ProfileName, ToolName};
use crate::organisation::Issuer;
use crate::pointer::Pointer;
use crate::routing::{Deadlines, Route, most_specific};
use crate::surface::{Approval, Limit, Surface};

use super::{Bundle, LoadedOperation, LoadedProfile, LoadedRule, LoadedTool};

impl Bundle {
    /// Returns the digest of the manifest, which is the bundle's name.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns the ids of the publisher keys that signed the bundle.
    #[must_use]
    pub fn signers(&self) -> &[String] {
        &self.signers
    }

    /// Returns the version of the time zone data that the compiler of the bundle had, such as `2026a`; `None` for
    /// bundles of the first decision table, which do not say it.
    #[must_use]
    pub fn zone_data(&self) -> Option<&str> {
        self.zone_data.as_deref()
    }

    /// Returns the organisation whose policy this is.
    #[must_use]
    pub const fn organisation(&self) -> &OwnerName {
        &self.organisation
    }

    /// Returns whether the policy names `channel`.
    #[must_use]
    pub fn has_channel(&self, channel: &str) -> bool {
        self.channels.contains_key(channel)
    }

    /// Returns the ceiling of `channel` for `tool`. A channel that the policy does not name lets nothing through.
    #[must_use]
    pub fn ceiling(&self, channel: &str, tool: &str) -> Limit {
        self.channels
            .get(channel)
            // No ceiling is known, so nothing is let through.
            .map_or(Limit::None, |ceiling| ceiling.limit_for(tool))
    }

    /// Returns the ceiling of `channel` for tools that the channel does not name.
    #[must_use]
    pub fn default_ceiling(&self, channel: &str) -> Limit {
        self.channels
            .get(channel)
            .map_or(Limit::None, |ceiling| ceiling.default)
    }

    /// Returns how old the policy may be, by the newest timestamp of its channel; `None` if it says nothing of that, and
    /// then its age takes nothing away.
    #[must_use]
    pub const fn freshness(&self) -> Option<Freshness> {
        self.freshness
    }

    /// Returns what the policy says of the identity provider with the URL `issuer`; `None` if that provider may name no
    /// subject.
    #[must_use]
    pub fn issuer(&self, issuer: &str) -> Option<&Issuer> {
        self.issuers.get(issuer)
    }

    /// Returns the number of rules.
    #[must_use]
    pub fn rules_len(&self) -> usize {
        self.rules.len()
    }

    /// Returns the names of the tools of the catalog.
    pub fn tool_names(&self) -> impl Iterator<Item = &ToolName> {
        self.tools.keys()
    }

    /// Returns the profiles that `groups` stand for, without what these inherit. Groups that no profile names are
    /// ignored.
    #[must_use]
    pub fn profiles_of_groups<'a>(
        &self,
        groups: impl IntoIterator<Item = &'a str>,
    ) -> BTreeSet<ProfileName> {
        groups
            .into_iter()
            .filter_map(|group| self.groups.get(group))
            .flatten()
            .cloned()
            .collect()
    }

    /// Returns the places to hide when a record shows an input of `operation`; `None` if the record must not show the
    /// input at all. An input that does not `fit` may be meant for any other operation or hold its values under any
    /// name, so it is shown only if no operation of the catalog hides anything.
    #[must_use]
    pub fn recorded_masks(
        &self,
        tool: &str,
        operation: &str,
        fits: bool,
    ) -> Option<&BTreeSet<Pointer>> {
        let at = self.tools.get(tool)?.operations.get(operation)?;
        let own = &self.operation(*at)?.input_mask;
        let hides = |operation: &LoadedOperation| !operation.input_mask.is_empty();
        (fits || !self.operations.iter().any(hides)).then_some(own)
    }

    /// Returns the route that says who is asked for an approval of `level` at an operation; `None` where no rule asks.
    #[must_use]
    pub fn route(
        &self,
        level: Approval,
        tool: &ToolName,
        operation: &OperationName,
    ) -> Option<&Route> {
        // The compiler has seen that there is one; any other number is no answer.
        match most_specific(&self.routes, level, tool, operation).as_slice() {
            [route] => Some(route),
            _ => None,
        }
    }

    /// Returns how long confirmations, votes and approved calls may take.
    #[must_use]
    pub const fn deadlines(&self) -> Deadlines {
        self.deadlines
    }

    /// Writes what an approver reads of an attempt on an operation, from its arguments alone; `None` if the operation
    /// is unknown or its catalog states no summary.
    #[must_use]
    pub fn summary(&self, tool: &str, operation: &str, input: &Json) -> Option<String> {
        let at = self.tools.get(tool)?.operations.get(operation)?;
        let operation = self.operation(*at)?;
        Some(operation.summary.as_ref()?.render(input, &operation.money))
    }

    pub(crate) fn tool(&self, name: &str) -> Option<(&ToolName, &LoadedTool)> {
        self.tools.get_key_value(name)
    }

    pub(crate) fn operation(&self, at: u32) -> Option<&LoadedOperation> {
        self.operations.get(usize::try_from(at).ok()?)
    }

    pub(crate) fn rule(&self, at: u32) -> Option<&LoadedRule> {
        self.rules.get(usize::try_from(at).ok()?)
    }

    /// Returns what the rule at place `rule` adds at the operation at place `operation`; `None` for a never or an
    /// unknown place.
    pub(crate) fn surface(&self, rule: u32, operation: u32) -> Option<&Surface> {
        let rule = self.rule(rule)?;
        // A grant has its surface by operation, a raise one for all.
        let place = rule.at.get(&operation).copied().or(rule.everywhere)?;
        self.surfaces.get(place)
    }

    /// Returns the profile called `name`.
    pub(crate) fn profile_named(&self, name: &ProfileName) -> Option<&LoadedProfile> {
        self.profile(*self.profile_places.get(name)?)
    }

    pub(crate) fn profile(&self, at: ProfileAt) -> Option<&LoadedProfile> {
        self.profiles.get(usize::try_from(at).ok()?)
    }

    /// Returns when it is business time.
    #[must_use]
    pub const fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    pub(crate) const fn input_bytes(&self) -> usize {
        self.input_bytes
    }

    pub(crate) const fn schema(&self) -> &PreparedSchema {
        &self.schema
    }

    /// Returns the most steps that an attempt on `operation` of `tool` can take with an input of so many bytes; `None` if
    /// the bundle has no such operation.
    #[must_use]
    pub fn most_steps(&self, tool: &str, operation: &str, bytes: usize) -> Option<u64> {
        let (_, tool) = self.tool(tool)?;
        let at = tool.operations.get(operation)?;
        Some(self.steps(*at, bytes))
    }

    /// Returns the most steps that an attempt on the operation at place `at` can take with an input of so many bytes;
    /// `u64::MAX` where the steps were not counted.
    pub(crate) fn steps(&self, at: u32, bytes: usize) -> u64 {
        let steps = usize::try_from(at).ok().and_then(|at| self.steps.get(at));
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        // Not counted counts as costly: such an attempt delays nobody else.
        steps.map_or(u64::MAX, |steps| steps.at(bytes))
    }

    pub(crate) const fn index(&self) -> &Index {
        &self.index
    }
}
