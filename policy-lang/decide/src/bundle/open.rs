//! Loading a bundle whose every byte was verified. The only constructor of [`Bundle`] is here.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Cursor;
use std::sync::Arc;

use crate::calendar::Calendar;
use crate::cedar::schema::{Typed, schema_of_requests};
use crate::cedar::{
    ANYWHERE, Index, Layout, MOST_STEPS, PreparedSchema, ProfileAt, Scene, SlicePlaces, Steps,
};
use crate::decide::{MatchKind, MatchedRule};
use crate::digest::Digest;
use crate::freshness::Freshness;
use crate::name::{ChannelName, Location, OwnerName, ProfileName, ToolName};
use crate::organisation::{Ceiling, Issuer};
use crate::routing::{Deadlines, Route};
use crate::surface::Surface;

use super::catalog::{self, Tools};
use super::error::{BundleError, format, unknown_version};
use super::first;
use super::loaded::{LoadedOperation, LoadedProfile, LoadedRule, LoadedTool};
use super::parts::{CatalogPart, IssuerPart, PolicyPart, RulePart, SourcePart, SourcesPart};
use super::root::TrustRoot;
use super::verify::{Manifest, Verified};
use super::{CATALOG, CATALOG_OF, MAX_BUNDLE_BYTES, POLICY, SCHEMA, SLICE_END, SLICES, SOURCES};

mod accessors;

/// A verified policy, ready to decide. Immutable; share it behind an `Arc`.
#[derive(Debug)]
pub struct Bundle {
    digest: Digest,
    signers: Vec<String>,
    zone_data: Option<String>,
    organisation: OwnerName,
    issuers: BTreeMap<String, Issuer>,
    channels: BTreeMap<ChannelName, Ceiling>,
    freshness: Option<Freshness>,
    input_bytes: usize,
    calendar: Calendar,
    routes: Vec<Route>,
    deadlines: Deadlines,
    pub(super) groups: HashMap<String, BTreeSet<ProfileName>>,
    pub(super) profiles: Vec<LoadedProfile>,
    profile_places: BTreeMap<ProfileName, ProfileAt>,
    pub(super) tools: BTreeMap<ToolName, LoadedTool>,
    operations: Vec<LoadedOperation>,
    rules: Vec<LoadedRule>,
    surfaces: Vec<Surface>,
    schema: PreparedSchema,
    index: Index,
    /// What an attempt takes at most, by place of operation.
    steps: Vec<Steps>,
    /// Digest of the text of each slice that holds a rule, by `tool/operation` or [`ANYWHERE`].
    pub(super) slices: BTreeMap<String, Digest>,
}

impl Bundle {
    /// Verifies `bytes` with `root` and loads them.
    ///
    /// # Errors
    /// [`BundleError`]: the layout, a digest, a signature, the threshold, a version or a part is wrong.
    pub fn open(bytes: &[u8], root: &TrustRoot) -> Result<Self, BundleError> {
        Self::open_as(bytes, root, Opening::Bounded)
    }

    /// Opens a bundle as [`Bundle::open`] does, even when its decisions may cost more than a sidecar accepts. What a
    /// policy means does not depend on what it costs, and a change that makes a policy cheaper has to be compared with
    /// it.
    ///
    /// # Errors
    /// As [`Bundle::open`].
    pub fn open_to_compare(bytes: &[u8], root: &TrustRoot) -> Result<Self, BundleError> {
        Self::open_as(bytes, root, Opening::Unbounded)
    }

    /// Opens a bundle as [`Bundle::open`] does, but without the index: Cedar then validates every request and evaluates
    /// every rule with its scope for every attempt. This is slow; decisions with the index are tested and measured
    /// against it.
    ///
    /// # Errors
    /// As [`Bundle::open`].
    pub fn open_without_index(bytes: &[u8], root: &TrustRoot) -> Result<Self, BundleError> {
        Self::open_as(bytes, root, Opening::Whole)
    }

    fn open_as(bytes: &[u8], root: &TrustRoot, opening: Opening) -> Result<Self, BundleError> {
        let most = u64::try_from(MAX_BUNDLE_BYTES).unwrap_or(u64::MAX);
        // 1. Verify: the file is within its bounds, the publishers signed the manifest, and every part has the digest
        // that the manifest lists. Until here nothing of the content is interpreted; `Verified::read` numbers the parts
        // of this step.
        let verified = Verified::read(Cursor::new(bytes), root, most, None)?;
        // Only a bundle that is known already is not given back.
        let verified = verified.ok_or_else(|| format("nothing was read"))?;
        // 2. Load what was verified; see `Loader::load`.
        verified.load_as(opening)
    }
}

/// What a bundle is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opening {
    /// Decisions within a bound of cost.
    Bounded,
    /// Decisions whatever they cost.
    Unbounded,
    /// The same, of every rule for every attempt, and with each request validated.
    Whole,
}

impl Verified {
    /// Loads the parts.
    ///
    /// # Errors
    /// [`BundleError`]: a version or a part is wrong.
    pub fn load(&self) -> Result<Bundle, BundleError> {
        self.load_as(Opening::Bounded)
    }

    fn load_as(&self, opening: Opening) -> Result<Bundle, BundleError> {
        let content = self.content();
        let content: BTreeMap<&str, &[u8]> = content
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
            .collect();
        let loader = Loader {
            content: &content,
            manifest: self.manifest(),
            opening,
        };
        loader.load(self.digest(), self.signers().to_vec())
    }
}

/// Loads verified parts.
struct Loader<'a> {
    content: &'a BTreeMap<&'a str, &'a [u8]>,
    manifest: &'a Manifest,
    opening: Opening,
}

impl Loader<'_> {
    fn part(&self, name: &str) -> Result<&[u8], BundleError> {
        self.content
            .get(name)
            .copied()
            .ok_or_else(|| format(std::format!("`{name}` is missing")))
    }

    fn json<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T, BundleError> {
        serde_json::from_slice(self.part(name)?)
            .map_err(|error| format(std::format!("`{name}`: {error}")))
    }

    fn text(&self, name: &str) -> Result<&str, BundleError> {
        std::str::from_utf8(self.part(name)?)
            .map_err(|_| format(std::format!("`{name}` is not text")))
    }

    fn load(&self, digest: Digest, signers: Vec<String>) -> Result<Bundle, BundleError> {
        // 2.1. The types: the Cedar schema, the tools and the operations of the catalog.
        let (schema, tools, operations) = self.types()?;
        // 2.2. The policy and where its rules are written, both of a version that is known.
        let policy: PolicyPart = self.json(POLICY)?;
        let sources: SourcesPart = self.json(SOURCES)?;
        let versions = (policy.stopgate_policy, sources.stopgate_sources);
        if versions != (PolicyPart::VERSION, SourcesPart::VERSION) {
            return Err(unknown_version());
        }
        let PolicyPart {
            organisation,
            issuers,
            channels,
            freshness,
            input_bytes,
            calendar,
            routes,
            deadlines,
            profiles,
            surfaces,
            rules,
            ..
        } = policy;
        // 2.3. The rules: each has its source, and names only operations and surfaces that exist.
        let rules = load_rules(rules, sources.rules, &tools, surfaces.len())?;
        // 2.4. What time says: how old the policy may be, and the calendar, with the time zone data of this program.
        let freshness = freshness.map(Freshness::try_from).transpose();
        let freshness = freshness.map_err(|error| format(std::format!("`{POLICY}`: {error}")))?;
        let calendar = Calendar::new(
            &calendar.zone,
            calendar.days,
            (calendar.from, calendar.to),
            calendar.holidays,
        )
        .map_err(|error| format(error.to_string()))?;
        // 2.5. The people: which profiles a group of the identity provider stands for, and what each profile inherits.
        let mut groups: HashMap<String, BTreeSet<ProfileName>> = HashMap::new();
        for (name, profile) in &profiles {
            for group in &profile.groups {
                groups
                    .entry(group.clone())
                    .or_default()
                    .insert(name.clone());
            }
        }
        let inherits = profiles
            .into_iter()
            .map(|(name, profile)| (name, profile.inherits))
            .collect();
        let (profiles, profile_places) = load_profiles(&inherits, &schema)?;
        // 2.6. The Cedar text of the rules, sorted into an index by operation and profile. Rules stand at the places
        // that the steps before gave them.
        let places = SlicePlaces {
            rules: &rules
                .iter()
                .zip(0_u32..)
                .map(|(rule, at)| (rule.reference.id.to_string(), at))
                .collect(),
            operations: &operation_places(&tools),
            profiles: &profiles
                .iter()
                .zip(0_u32..)
                .map(|(profile, at)| (profile.entity.clone(), at))
                .collect(),
        };
        let slices = self.slices()?;
        let layout = match self.opening {
            Opening::Bounded | Opening::Unbounded => Layout::Buckets,
            Opening::Whole => Layout::Whole,
        };
        let index = Index::load(&slices, &places, &schema, layout)
            .map_err(|error| format(error.to_string()))?;
        // 2.7. The cost: refuse rules that could take more steps than a sidecar accepts. Without a bound nobody waits
        // for an answer, and nobody asks what it costs.
        let steps = match self.opening {
            Opening::Bounded => most_steps(&index, &tools, &operations, input_bytes)?,
            Opening::Unbounded | Opening::Whole => Vec::new(),
        };
        // 2.8. All that was read, in one value that does not change any more.
        let channels = channels.into_iter().map(|(name, ceiling)| {
            (
                name,
                Ceiling {
                    default: ceiling.ceiling,
                    tools: ceiling.tools,
                },
            )
        });
        Ok(Bundle {
            digest,
            signers,
            zone_data: self.manifest.zone_data.clone(),
            organisation,
            issuers: issuers.into_iter().map(load_issuer).collect(),
            channels: channels.collect(),
            freshness,
            input_bytes,
            calendar,
            routes,
            deadlines,
            groups,
            profiles,
            profile_places,
            tools,
            operations,
            rules,
            surfaces: surfaces.into_iter().map(Surface::from).collect(),
            schema,
            index,
            steps,
            slices: slices
                .into_iter()
                .map(|(name, text)| (name, Digest::compute(text.as_bytes())))
                .collect(),
        })
    }

    /// Loads the catalog and the schema of the requests that its types make. The catalog has to be of the version that
    /// goes with the decision table the bundle was compiled for. From version 2 on the schema part has to say what the
    /// catalog's types say; for version 1 each request is validated against the schema instead.
    fn types(&self) -> Result<(PreparedSchema, Tools, Vec<LoadedOperation>), BundleError> {
        let refused = || format(std::format!("`{SCHEMA}`"));
        // Nothing below may accept a catalog of another version than the table asks for: the two versions make types
        // differently, so the same schema could permit different inputs.
        let mut versions = CATALOG_OF.iter();
        let wanted = versions.find(|(decide, _)| *decide == self.manifest.decide);
        let wanted = wanted.map(|(_, version)| *version);
        // Version 1: types are made from the tools' schemas by the frozen reader, so nobody has checked that the
        // schema part says the same. Cedar therefore validates every request (docs/decisions/0013).
        if wanted == Some(1) {
            let schema = PreparedSchema::validating(self.text(SCHEMA)?).ok_or_else(refused)?;
            let part: first::CatalogPart = self.json(CATALOG)?;
            if part.stopgate_catalog != 1 {
                return Err(unknown_version());
            }
            let (tools, operations) = catalog::load(part.operations(), &schema)?;
            return Ok((schema, tools, operations));
        }
        // From version 2 on requests fit by construction, since the schema part equals what the types write (checked
        // below). Only the layout for comparison still validates.
        let schema = match self.opening {
            Opening::Bounded | Opening::Unbounded => PreparedSchema::new(),
            Opening::Whole => PreparedSchema::validating(self.text(SCHEMA)?),
        };
        let schema = schema.ok_or_else(refused)?;
        let part: CatalogPart = self.json(CATALOG)?;
        if Some(part.stopgate_catalog) != wanted {
            return Err(unknown_version());
        }
        let (tools, operations) = catalog::load(part.operations(), &schema)?;
        // Byte for byte: two texts that mean the same would need a comparison of parsed schemas, which has to be
        // right too.
        if self.text(SCHEMA)? != written_schema(&tools, &operations) {
            return Err(format("the schema is not that of the catalog's types"));
        }
        Ok((schema, tools, operations))
    }

    /// Returns the Cedar text of each slice by `tool/operation` or [`ANYWHERE`]. A part that is neither a slice nor one
    /// of the documents of a bundle is refused.
    fn slices(&self) -> Result<BTreeMap<String, &str>, BundleError> {
        let mut slices = BTreeMap::new();
        for name in self.content.keys() {
            // The documents are read by name elsewhere. Whatever is left has to be a slice, so no part is carried
            // that nobody reads.
            if [CATALOG, POLICY, SCHEMA, SOURCES].contains(name) {
                continue;
            }
            let slice = name
                .strip_prefix(SLICES)
                .and_then(|name| name.strip_suffix(SLICE_END));
            // A slice is named after its operation, `tool/operation`; the one without a slash holds the rules for
            // everywhere.
            let slice = slice.filter(|slice| *slice == ANYWHERE || slice.contains('/'));
            let slice =
                slice.ok_or_else(|| format(std::format!("`{name}` is no part of a bundle")))?;
            slices.insert(slice.to_owned(), self.text(name)?);
        }
        Ok(slices)
    }
}

fn load_issuer((issuer, part): (String, IssuerPart)) -> (String, Issuer) {
    let IssuerPart {
        audience,
        subject,
        groups,
        agent,
    } = part;
    let loaded = Issuer {
        issuer: issuer.clone(),
        audience,
        subject,
        groups,
        agent,
    };
    (issuer, loaded)
}

fn load_rules(
    parts: Vec<RulePart>,
    mut sources: BTreeMap<String, SourcePart>,
    tools: &BTreeMap<ToolName, LoadedTool>,
    surfaces: usize,
) -> Result<Vec<LoadedRule>, BundleError> {
    let mut rules = Vec::with_capacity(parts.len());
    let mut files: HashMap<String, Arc<str>> = HashMap::new();
    for part in parts {
        let wrong = || format(std::format!("the rule `{}`", part.id));
        // Each source is used up by one rule, so that a source left over at the end shows that a rule is missing.
        let source = sources.remove(&part.id).ok_or_else(wrong)?;
        let mut at = HashMap::new();
        for (operation, surface) in &part.at {
            let (tool, name) = operation.split_once('/').ok_or_else(wrong)?;
            let place = tools
                .get(tool)
                .and_then(|tool| tool.operations.get(name))
                .ok_or_else(wrong)?;
            at.insert(*place, *surface);
        }
        // Each kind has its own place for a surface. A grant without operations would never match, and a raise
        // without a surface would ask for nothing, so both are refused rather than read as harmless.
        let whole = match part.kind {
            MatchKind::Grant => !at.is_empty() && part.everywhere.is_none(),
            MatchKind::Raise => at.is_empty() && part.everywhere.is_some(),
            MatchKind::Never => {
                at.is_empty() && part.everywhere.is_none() && !part.reason.is_empty()
            }
        };
        // Surfaces are named by place. A place beyond the list would make `decide` reject at run time; it is found
        // here.
        if !whole
            || at
                .values()
                .chain(&part.everywhere)
                .any(|place| *place >= surfaces)
        {
            return Err(wrong());
        }
        // Thousands of rules stand in a few files, so their names are shared.
        let file = files
            .entry(source.file.clone())
            .or_insert_with(|| source.file.as_str().into())
            .clone();
        let reference = MatchedRule {
            id: part.id.parse().map_err(|_| wrong())?,
            location: Location {
                file,
                line: source.line,
            },
            kind: part.kind,
        };
        rules.push(LoadedRule {
            reference,
            reason: part.reason,
            at,
            everywhere: part.everywhere,
        });
    }
    // `alike` and the records rely on the order of ids, and strictly ascending ids are unique as well.
    let unique = rules.is_sorted_by(|a, b| a.reference.id < b.reference.id);
    if unique && sources.is_empty() {
        Ok(rules)
    } else {
        Err(format("rules are not unique, sorted and all there"))
    }
}

/// Writes the Cedar schema of the requests that inputs of these operations make.
fn written_schema(tools: &Tools, operations: &[LoadedOperation]) -> String {
    let of_tool = |(tool, loaded)| typed(tool, loaded, operations);
    schema_of_requests(tools.iter().flat_map(of_tool))
}

fn typed<'a>(
    tool: &'a ToolName,
    loaded: &'a LoadedTool,
    operations: &'a [LoadedOperation],
) -> impl Iterator<Item = Typed<'a>> {
    loaded.operations.iter().filter_map(move |(name, at)| {
        let operation = operations.get(usize::try_from(*at).ok()?)?;
        Some(Typed {
            tool,
            name,
            input: &operation.input,
            facts: &operation.facts,
            reads_now: operation.reads_now,
        })
    })
}

/// Counts the most steps that an attempt on each operation can take, by place of operation, and refuses rules that take
/// more than [`MOST_STEPS`] for the longest input. The check is made of a signed bundle too: a signature says who wrote
/// the rules, not that they are cheap.
fn most_steps(
    index: &Index,
    tools: &BTreeMap<ToolName, LoadedTool>,
    operations: &[LoadedOperation],
    input_bytes: usize,
) -> Result<Vec<Steps>, BundleError> {
    let each = operations.iter().zip(0_u32..).map(|(operation, at)| {
        let scene = Scene {
            input: &operation.input,
            facts: &operation.facts,
            input_bytes,
        };
        // Two counts for each operation: the rules alone are compared with the bound, and what is done before rules
        // are asked is added only to tell where an attempt is decided.
        (index.steps(at, &scene), scene.before_rules())
    });
    let each: Vec<(Steps, Steps)> = each.collect();
    let longest = u64::try_from(input_bytes).unwrap_or(u64::MAX);
    for (name, at) in operation_places(tools) {
        let of_rules = usize::try_from(at).ok().and_then(|at| each.get(at));
        // An operation that was not counted is refused like one that costs too much.
        if of_rules.is_none_or(|(of_rules, _)| of_rules.at(longest) > MOST_STEPS) {
            return Err(format(std::format!(
                "the rules on {name} take more steps than are accepted"
            )));
        }
    }
    let together = each
        .into_iter()
        .map(|(of_rules, before)| of_rules.and(before));
    Ok(together.collect())
}

fn operation_places(tools: &BTreeMap<ToolName, LoadedTool>) -> HashMap<String, u32> {
    let each = |(tool, loaded): (&ToolName, &LoadedTool)| {
        loaded
            .operations
            .iter()
            .map(|(name, at)| (std::format!("{tool}/{name}"), *at))
            .collect::<Vec<_>>()
    };
    tools.iter().flat_map(each).collect()
}

fn load_profiles(
    inherits: &BTreeMap<ProfileName, BTreeSet<ProfileName>>,
    schema: &PreparedSchema,
) -> Result<(Vec<LoadedProfile>, BTreeMap<ProfileName, ProfileAt>), BundleError> {
    let places: BTreeMap<ProfileName, ProfileAt> = inherits.keys().cloned().zip(0..).collect();
    let mut profiles = Vec::with_capacity(inherits.len());
    for name in inherits.keys() {
        let wrong = || format(std::format!("the profile `{name}`"));
        // Walks the inheritance. A cycle ends because a profile that is in the closure already is not opened again.
        let (mut closure, mut open) = (BTreeSet::new(), vec![name]);
        while let Some(next) = open.pop() {
            if closure.insert(*places.get(next).ok_or_else(wrong)?) {
                open.extend(inherits.get(next).ok_or_else(wrong)?);
            }
        }
        // Names ascend as places do, so the store is made in one order whatever was held.
        let names = inherits
            .keys()
            .zip(0..)
            .filter(|(_, at)| closure.contains(at))
            .map(|(name, _)| name);
        let alone = schema
            .holder(names.map(|name| schema.profile(name.as_str())))
            .ok_or_else(wrong)?;
        let entity = schema.profile(name.as_str());
        profiles.push(LoadedProfile {
            name: name.clone(),
            closure: closure.into_iter().collect(),
            entity,
            alone,
        });
    }
    Ok((profiles, places))
}
