//! Whether a newer bundle may let through more than an older one, told from what their parts say: nothing is decided,
//! proved or loaded.
//!
//! It errs on one side. What passes is equal or stricter for every attempt, evidence, instant and subject; what does
//! not pass may still be stricter, and people have to look at it. Parts are compared as they were signed, so that
//! nothing has to stay in memory for it. Both bundles still have to load: what loading refuses is not looked for again
//! here.
//!
//! Why it holds: everything that a decision reads is equal in both bundles, except that head may have more raises and
//! nevers, lower ceilings, and a shorter limit of its age. A rule is evaluated by itself, so those that base has match and
//! fail as before; one that only head has adds to what is asked, forbids, or fails, and each of these is stricter.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;

use super::parts::{
    CatalogPart, CeilingPart, FreshnessPart, OperationPart, PolicyPart, RulePart, SurfacePart,
    ToolPart,
};
use super::verify::{Manifest, NamedBundle};
use super::{CATALOG, DECIDE, POLICY, SCHEMA, SLICE_END, SLICES, SOURCES};
use crate::cedar::token::{Token, split, tokens};
use crate::decide::MatchKind;
use crate::name::{ChannelName, OperationName, ProfileName, ToolName};
use crate::surface::Limit;

/// The first part of a newer bundle that nobody can vouch for without a proof: it may be looser than the older one's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MayBeLooser {
    /// One of the bundles was compiled for an earlier decision table, or has a part of an earlier version.
    #[error("one of the bundles is of a version that is not compared")]
    Version,
    /// A part is missing or is not what it has to be. Such a bundle does not load either.
    #[error("the part `{0}` of one of the bundles cannot be read")]
    Unreadable(String),
    /// The policies belong to different organisations.
    #[error("the policy is of another organisation")]
    Organisation,
    /// An identity provider was added, changed or taken away.
    #[error("what the policy says of the issuer `{0}` has changed")]
    Issuer(String),
    /// A channel was added that lets something through.
    #[error("the channel `{0}` is new and lets something through")]
    NewChannel(ChannelName),
    /// A channel's ceiling for a tool is higher.
    #[error("the ceiling of channel `{channel}` for `{tool}` is higher")]
    Ceiling {
        /// The channel.
        channel: ChannelName,
        /// The tool that one of the bundles names.
        tool: ToolName,
    },
    /// A channel's ceiling for the tools that it does not name is higher.
    #[error("the ceiling of channel `{0}` for tools that it does not name is higher")]
    DefaultCeiling(ChannelName),
    /// The limit of the policy's age is longer, or was taken away.
    #[error("the policy may be older than before")]
    Freshness,
    /// The longest input that is accepted is another.
    #[error("the longest input that is accepted has changed")]
    InputBytes,
    /// Business time is another.
    #[error("the business calendar has changed")]
    Calendar,
    /// Other people may be asked for approvals.
    #[error("the routes of approvals have changed")]
    Routes,
    /// Something may take longer, or less long.
    #[error("the deadlines of approvals have changed")]
    Deadlines,
    /// A profile was added or taken away, or inherits from others or belongs to other groups.
    #[error("who holds the profile `{0}`, or what it inherits, has changed")]
    Profile(ProfileName),
    /// A tool was added to the catalog or taken away.
    #[error("the tool `{0}` is new in the catalog or was taken away")]
    Tool(ToolName),
    /// An operation was added, changed or taken away.
    #[error("what the catalog says of `{tool}/{operation}` has changed")]
    Operation {
        /// The tool.
        tool: ToolName,
        /// The operation.
        operation: OperationName,
    },
    /// The types of requests are written otherwise.
    #[error("the schema of requests has changed")]
    Schema,
    /// A rule is not there any more. Grants are no exception: what one of them asks for is joined into what the others
    /// let through.
    #[error("the rule `{0}` was taken away")]
    RuleGone(String),
    /// A rule has another kind, reason, surface, scope or condition, or stands at other operations.
    #[error("the rule `{0}` was changed")]
    RuleChanged(String),
    /// A grant was added.
    #[error("the grant `{0}` is new")]
    NewGrant(String),
    /// The Cedar text of the rules at an operation is not as it is printed, or names an unknown rule.
    #[error("the text of the rules in `{0}` is not as the compiler prints it")]
    Slice(String),
}

/// Checks that every attempt that `head` permits or routes, `base` permits or routes too, asking for no more: the same
/// policy, with more raises and nevers, lower ceilings and a shorter limit of its age at most. Where a rule stands in its
/// file, who owns it and when it is reviewed do not count. Both bundles have to be of the current decision table, unless
/// they are one bundle.
///
/// What no bundle holds is not compared, although the gate asks for signatures when it changes: floors that no rule
/// needs, tests, owners, what a catalog says of servers, and the gate's own settings.
///
/// # Errors
/// [`MayBeLooser`], the first part that may be looser. That does not say that it is.
pub fn not_looser(base: &NamedBundle, head: &NamedBundle) -> Result<(), MayBeLooser> {
    // The digest stands for every part, so this is one bundle, whoever signed it.
    if base.digest() == head.digest() {
        return Ok(());
    }
    let (base, head) = (Compared::read(base)?, Compared::read(head)?);
    compare_catalogs(&base.catalog, &head.catalog)?;
    compare_settings(&base.policy, &head.policy)?;
    // Byte for byte: conditions that are equal as text mean the same only where types are the same.
    if base.schema != head.schema {
        return Err(MayBeLooser::Schema);
    }
    let added = compare_rules(&base.policy, &head.policy)?;
    compare_slices(&base.slices, &head.slices, &added)
}

/// The parts of a bundle that are compared.
struct Compared<'v> {
    catalog: CatalogPart,
    policy: PolicyPart,
    schema: &'v [u8],
    /// By `tool/operation` or [`crate::cedar::ANYWHERE`].
    slices: BTreeMap<&'v str, &'v [u8]>,
}

impl<'v> Compared<'v> {
    fn read(verified: &'v NamedBundle) -> Result<Self, MayBeLooser> {
        let Manifest {
            decide,
            // It says what the compiler knew. Decisions read the zone data of the program that decides.
            zone_data: _,
        } = verified.manifest();
        // Under the first table the types of inputs are made at load, so equal parts would not be the whole meaning.
        if *decide != DECIDE {
            return Err(MayBeLooser::Version);
        }
        let content = verified.content().iter();
        let mut parts: BTreeMap<&str, &[u8]> = content
            .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
            .collect();
        let mut take = |name| parts.remove(name).ok_or_else(|| unreadable(name));
        let catalog: CatalogPart = json(CATALOG, take(CATALOG)?)?;
        let policy: PolicyPart = json(POLICY, take(POLICY)?)?;
        let schema = take(SCHEMA)?;
        // Files, lines, owners and days of review: no decision reads them.
        take(SOURCES)?;
        let versions = (catalog.stopgate_catalog, policy.stopgate_policy);
        if versions != (CatalogPart::VERSION, PolicyPart::VERSION) {
            return Err(MayBeLooser::Version);
        }
        // Whatever is left has to be a slice: a part that is not known cannot be vouched for.
        let slice = |(name, text): (&'v str, &'v [u8])| {
            let slice = name.strip_prefix(SLICES);
            let slice = slice.and_then(|name| name.strip_suffix(SLICE_END));
            Ok((slice.ok_or_else(|| unreadable(name))?, text))
        };
        let slices = parts.into_iter().map(slice).collect::<Result<_, _>>()?;
        Ok(Self {
            catalog,
            policy,
            schema,
            slices,
        })
    }
}

fn unreadable(name: &str) -> MayBeLooser {
    MayBeLooser::Unreadable(name.to_owned())
}

fn json<T: DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T, MayBeLooser> {
    serde_json::from_slice(bytes).map_err(|_| unreadable(name))
}

/// Returns the first key whose value is not the same in both maps, or that only one of them has.
fn differing<'m, K: Ord, V: PartialEq>(
    base: &'m BTreeMap<K, V>,
    head: &'m BTreeMap<K, V>,
) -> Option<&'m K> {
    let mut keys = base.keys().chain(head.keys());
    keys.find(|key| base.get(key) != head.get(key))
}

/// Compares what tools offer. Everything that is said of an operation has to be the same, the words for approvers
/// included: people say yes to what they read.
fn compare_catalogs(base: &CatalogPart, head: &CatalogPart) -> Result<(), MayBeLooser> {
    let CatalogPart {
        // It was compared with the one that is known.
        stopgate_catalog: _,
        tools,
    } = base;
    let names: BTreeSet<&ToolName> = tools.keys().chain(head.tools.keys()).collect();
    for tool in names {
        let (Some(before), Some(after)) = (tools.get(tool), head.tools.get(tool)) else {
            return Err(MayBeLooser::Tool(tool.clone()));
        };
        if let Some(operation) = differing(operations(before), operations(after)) {
            return Err(MayBeLooser::Operation {
                tool: tool.clone(),
                operation: operation.clone(),
            });
        }
    }
    Ok(())
}

/// Returns what counts of a tool.
fn operations(tool: &ToolPart) -> &BTreeMap<OperationName, OperationPart> {
    let ToolPart {
        // For people: loading a bundle keeps neither.
        owner: _,
        contract: _,
        operations,
    } = tool;
    operations
}

/// Compares what a policy says beside its rules. All of it has to be the same, no ceiling may be higher, and the policy
/// may get no older than before.
fn compare_settings(base: &PolicyPart, head: &PolicyPart) -> Result<(), MayBeLooser> {
    let PolicyPart {
        // It was compared with the one that is known.
        stopgate_policy: _,
        organisation,
        issuers,
        channels,
        freshness,
        input_bytes,
        calendar,
        routes,
        deadlines,
        profiles,
        // Compared where rules name them.
        surfaces: _,
        // Compared one by one.
        rules: _,
    } = base;
    if *organisation != head.organisation {
        return Err(MayBeLooser::Organisation);
    }
    if let Some(issuer) = differing(issuers, &head.issuers) {
        return Err(MayBeLooser::Issuer(issuer.clone()));
    }
    compare_ceilings(channels, &head.channels)?;
    if may_get_older(*freshness, head.freshness) {
        return Err(MayBeLooser::Freshness);
    }
    // A shorter one is stricter. It is told like a longer one, as the calendar and the deadlines are: whoever changes
    // a limit has people look at it.
    if *input_bytes != head.input_bytes {
        return Err(MayBeLooser::InputBytes);
    }
    if *calendar != head.calendar {
        return Err(MayBeLooser::Calendar);
    }
    if *routes != head.routes {
        return Err(MayBeLooser::Routes);
    }
    if *deadlines != head.deadlines {
        return Err(MayBeLooser::Deadlines);
    }
    // One profile more is no less dangerous than one less: rules with exceptions stop reaching whoever holds it.
    if let Some(profile) = differing(profiles, &head.profiles) {
        return Err(MayBeLooser::Profile(profile.clone()));
    }
    Ok(())
}

/// Compares what the channels let through. A channel that is not named lets nothing through, so one that goes is
/// stricter, and one that comes has to let nothing through.
fn compare_ceilings(
    base: &BTreeMap<ChannelName, CeilingPart>,
    head: &BTreeMap<ChannelName, CeilingPart>,
) -> Result<(), MayBeLooser> {
    for (channel, after) in head {
        let before = base.get(channel);
        let of_tool = |tool| before.map_or(Limit::None, |before| ceiling_for(before, tool));
        // Every tool, in the catalog or not, is named by one of the two or has the default of both.
        let named = after.tools.keys();
        let mut named = named.chain(before.iter().flat_map(|before| before.tools.keys()));
        let higher = named.find(|tool| ceiling_for(after, tool) > of_tool(tool));
        let default = before.map_or(Limit::None, |before| before.ceiling);
        let why = match higher {
            Some(tool) => MayBeLooser::Ceiling {
                channel: channel.clone(),
                tool: tool.clone(),
            },
            None if after.ceiling > default => MayBeLooser::DefaultCeiling(channel.clone()),
            None => continue,
        };
        return Err(match before {
            Some(_) => why,
            None => MayBeLooser::NewChannel(channel.clone()),
        });
    }
    Ok(())
}

/// Returns whether some age lets less through under the limit `before` than under the limit `after`; `None` is no limit.
fn may_get_older(before: Option<FreshnessPart>, after: Option<FreshnessPart>) -> bool {
    match (before, after) {
        // Whatever comes takes something away.
        (None, None | Some(_)) => false,
        (Some(_), None) => true,
        (Some(before), Some(after)) => {
            let FreshnessPart { soft, hard } = after;
            soft > before.soft || hard > before.hard
        }
    }
}

/// Returns the ceiling for `tool`: its own, or the one for every tool that is not named.
fn ceiling_for(part: &CeilingPart, tool: &ToolName) -> Limit {
    let CeilingPart { ceiling, tools } = part;
    tools.get(tool).copied().unwrap_or(*ceiling)
}

/// What the match of a rule is worth, wherever it matches.
#[derive(PartialEq, Eq)]
struct RuleWorth<'p> {
    kind: MatchKind,
    reason: &'p str,
    at: BTreeMap<&'p str, &'p SurfacePart>,
    everywhere: Option<&'p SurfacePart>,
}

impl<'p> RuleWorth<'p> {
    /// Reads what a match of `rule` is worth under `policy`. Returns an error if the policy has no surface at a place
    /// that the rule names: two places without a surface are not two equal surfaces.
    fn read(rule: &'p RulePart, policy: &'p PolicyPart) -> Result<Self, MayBeLooser> {
        let RulePart {
            id: _,
            kind,
            reason,
            at,
            everywhere,
        } = rule;
        let surface = |place: usize| {
            let surface = policy.surfaces.get(place);
            surface.ok_or_else(|| unreadable(POLICY))
        };
        let at = at
            .iter()
            .map(|(operation, place)| Ok((operation.as_str(), surface(*place)?)));
        Ok(Self {
            kind: *kind,
            reason,
            at: at.collect::<Result<_, _>>()?,
            everywhere: everywhere.map(surface).transpose()?,
        })
    }
}

fn rules_by_id(policy: &PolicyPart) -> Result<BTreeMap<&str, &RulePart>, MayBeLooser> {
    let rules = policy.rules.iter();
    let rules: BTreeMap<&str, &RulePart> = rules.map(|rule| (rule.id.as_str(), rule)).collect();
    // Of two rules with one id, only one would be looked at.
    if rules.len() == policy.rules.len() {
        Ok(rules)
    } else {
        Err(unreadable(POLICY))
    }
}

/// Compares what the matches of rules are worth: each rule of `base` is there and worth the same, and each rule that is
/// new is a raise or a never. Returns the ids of the new ones.
fn compare_rules<'p>(
    base: &'p PolicyPart,
    head: &'p PolicyPart,
) -> Result<BTreeSet<&'p str>, MayBeLooser> {
    let (before, after) = (rules_by_id(base)?, rules_by_id(head)?);
    for (id, rule) in &before {
        let twin = after
            .get(id)
            .ok_or_else(|| MayBeLooser::RuleGone((*id).to_owned()))?;
        if RuleWorth::read(rule, base)? != RuleWorth::read(twin, head)? {
            return Err(MayBeLooser::RuleChanged((*id).to_owned()));
        }
    }
    let mut added = BTreeSet::new();
    for (id, rule) in after {
        if before.contains_key(id) {
            continue;
        }
        match rule.kind {
            MatchKind::Grant => return Err(MayBeLooser::NewGrant(id.to_owned())),
            // Neither lets anything through that is not granted, and a surface that is joined is never lower.
            MatchKind::Raise | MatchKind::Never => added.insert(id),
        };
    }
    Ok(added)
}

/// Compares when rules match: in each slice every policy of `base` stands as it did, to the byte, and every other one is
/// of a rule that was `added`.
fn compare_slices(
    base: &BTreeMap<&str, &[u8]>,
    head: &BTreeMap<&str, &[u8]>,
    added: &BTreeSet<&str>,
) -> Result<(), MayBeLooser> {
    let names: BTreeSet<&str> = base.keys().chain(head.keys()).copied().collect();
    for name in names {
        // A slice without rules is left out of a bundle.
        let [before, after] = [base, head].map(|slices| slices.get(name).copied().unwrap_or(&[]));
        // Most slices are equal as a whole, and need not be split.
        if before == after {
            continue;
        }
        let strange = || MayBeLooser::Slice(name.to_owned());
        let before = policies(before).ok_or_else(strange)?;
        let after = policies(after).ok_or_else(strange)?;
        // A policy of one of base's rules that is written otherwise, is missing, or stands where it did not stand.
        let gone = before.iter().find(|(text, _)| !after.contains_key(*text));
        let came = after
            .iter()
            .find(|(text, rule)| !before.contains_key(*text) && !added.contains(*rule));
        if let Some((_, rule)) = gone.or(came) {
            return Err(MayBeLooser::RuleChanged((*rule).to_owned()));
        }
    }
    Ok(())
}

/// Splits the text of a slice into its policies and returns the rule of each by the policy's text. Returns `None` if the
/// text is not as the compiler prints it.
fn policies(text: &[u8]) -> Option<BTreeMap<&str, &str>> {
    let text = std::str::from_utf8(text).ok()?;
    let tokens = tokens(text).ok()?;
    // Only spaces and line ends between tokens. Comments end in other places for Cedar than for us, and behind the end
    // of one a policy could be hidden that we do not see.
    let ends = tokens.iter().map(|token| token.range.end);
    let starts = tokens.iter().map(|token| token.range.start);
    let mut gaps = std::iter::once(0)
        .chain(ends)
        .zip(starts.chain([text.len()]))
        .map(|(from, to)| text.get(from..to));
    let plain = |gap: &str| gap.bytes().all(|byte| byte == b' ' || byte == b'\n');
    if !gaps.all(|gap| gap.is_some_and(plain)) {
        return None;
    }
    let policy = |tokens: &[Token<'_>]| {
        let (first, last) = (tokens.first()?, tokens.last()?);
        text.get(first.range.start..last.range.end)
    };
    split(&tokens)
        .map(|tokens| Some((policy(tokens)?, annotated_rule(tokens)?)))
        .collect()
}

/// Returns the rule that the policy is annotated with: `@rule("ID")`, and no other annotation. Returns `None` for
/// anything else, such as an id with an escape, which Cedar would read as another text.
fn annotated_rule<'t>(policy: &[Token<'t>]) -> Option<&'t str> {
    let [at, name, open, id, close, effect, ..] = policy else {
        return None;
    };
    let around = [at, name, open, close, effect].map(|token| token.text);
    if around != ["@", "rule", "(", ")", "permit"] {
        return None;
    }
    let id = id.text.strip_prefix('"')?.strip_suffix('"')?;
    (!id.contains('\\')).then_some(id)
}

#[cfg(test)]
mod tests;
