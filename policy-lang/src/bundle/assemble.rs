//! From a checked policy to the parts of a bundle, deterministically: the same policy gives the same bytes.

use std::collections::BTreeMap;

use crate::calendar::zone_data;
use crate::cedar::{FormError, ReadsNow, runtime_schema, slices};
use crate::decide::MatchKind;
use crate::digest::Digest;
use crate::fact::Fact;
use crate::json::Json;
use crate::policy::{Issuer, Operations, Policy, Rule, RuleKind};

use super::archive::{Parts, pack};
use super::compiled;
use super::dsse::{self, Envelope, Signature};
use super::parts::{
    CalendarPart, CatalogPart, CeilingPart, FactPart, IssuerPart, OperationPart, PolicyPart,
    ProfilePart, RulePart, SelectPart, SourcePart, SourcesPart, SurfacePart, ToolPart,
};
use super::{CATALOG, DECIDE, ENVELOPE, MANIFEST, POLICY, SCHEMA, SLICE_END, SLICES, SOURCES};

/// A bundle that nobody has signed yet. It decides nothing: only [`super::Bundle::open`] makes what `decide` takes.
#[derive(Debug, Clone)]
pub struct Unsigned {
    parts: Parts,
    digest: Digest,
    statement: Vec<u8>,
}

/// Why a policy cannot be assembled.
#[derive(Debug, thiserror::Error)]
pub enum AssembleError {
    /// A rule without a match form.
    #[error("a rule cannot be compiled")]
    Form(#[from] FormError),
    /// A part that cannot be written as JSON.
    #[error("a part cannot be written")]
    Json(#[from] serde_json::Error),
}

/// Compiles `policy` into the parts of a bundle, its manifest and the statement that publishers sign.
///
/// # Errors
/// [`AssembleError`]: the policy has passed its checks, so this is a fault of the compiler, not of the author.
pub fn assemble(policy: &Policy) -> Result<Unsigned, AssembleError> {
    let mut parts = vec![
        (CATALOG.to_owned(), serde_json::to_vec(&catalog(policy))?),
        (POLICY.to_owned(), serde_json::to_vec(&policy_part(policy))?),
        (SCHEMA.to_owned(), runtime_schema(policy).into_bytes()),
        (SOURCES.to_owned(), serde_json::to_vec(&sources(policy))?),
    ];
    // An empty slice would say nothing, and the index asks for none.
    let slices = slices(policy)?
        .into_iter()
        .filter(|(_, text)| !text.is_empty());
    parts.extend(
        slices.map(|(name, text)| (format!("{SLICES}{name}{SLICE_END}"), text.into_bytes())),
    );
    // The manifest lists its parts strictly ascending, and the reader checks it.
    parts.sort();
    let manifest = manifest(policy, &parts).canonical().into_bytes();
    // The manifest is the bundle's name, so it is made after all parts and not listed in itself.
    let digest = Digest::compute(&manifest);
    parts.insert(0, (MANIFEST.to_owned(), manifest));
    let statement = statement(policy, digest).canonical().into_bytes();
    Ok(Unsigned {
        parts,
        digest,
        statement,
    })
}

fn object<const N: usize>(members: [(&str, Json); N]) -> Json {
    Json::Object(
        members
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

fn text(text: impl Into<String>) -> Json {
    Json::String(text.into())
}

fn manifest(policy: &Policy, parts: &[(String, Vec<u8>)]) -> Json {
    let part = |(name, bytes): &(String, Vec<u8>)| {
        let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        object([
            ("name", text(name)),
            ("sha256", text(Digest::compute(bytes).hex())),
            ("size", Json::Integer(size)),
        ])
    };
    object([
        ("stopgate_bundle", Json::Integer(1)),
        ("organisation", text(policy.organisation.as_str())),
        ("parts", Json::Array(parts.iter().map(part).collect())),
        ("requires", object([("decide", Json::Integer(DECIDE))])),
        ("zone_data", text(zone_data())),
    ])
}

/// Makes the in-toto statement that names the bundle by its digest. The statement holds no time and no machine, so that
/// builds are repeatable.
fn statement(policy: &Policy, digest: Digest) -> Json {
    let subject = object([
        ("name", text(policy.organisation.as_str())),
        ("digest", object([("sha256", text(digest.hex()))])),
    ]);
    object([
        ("_type", text("https://in-toto.io/Statement/v1")),
        ("subject", Json::Array(vec![subject])),
        ("predicateType", text("urn:stopgate:bundle:1")),
        (
            "predicate",
            object([(
                "compiler",
                text(concat!("stopgate ", env!("CARGO_PKG_VERSION"))),
            )]),
        ),
    ])
}

fn fact_part(fact: &Fact) -> (String, FactPart) {
    let Fact {
        name,
        projection,
        optional,
    } = fact;
    let part = FactPart {
        projection: projection.to_string(),
        optional: *optional,
    };
    (name.to_string(), part)
}

fn catalog(policy: &Policy) -> CatalogPart {
    let reads_now = ReadsNow::new(policy);
    let mut tools = BTreeMap::new();
    for (tool_name, tool) in &policy.tools {
        let mut operations = BTreeMap::new();
        for (name, operation) in &tool.operations {
            let part = OperationPart {
                function: operation.function.clone(),
                select: operation.select.as_ref().map(|select| SelectPart {
                    pointer: select.pointer.clone(),
                    equals: select.equals.clone(),
                }),
                definition: operation.definition,
                effect: operation.effect,
                input: compiled::members(&operation.input),
                facts: operation.facts.iter().map(fact_part).collect(),
                summary: operation.summary.as_ref().map(ToString::to_string),
                money: operation.money.clone(),
                reads_now: reads_now.contains(tool_name, name),
            };
            operations.insert(name.clone(), part);
        }
        let part = ToolPart {
            owner: tool.owner.clone(),
            contract: tool.contract.to_string(),
            operations,
        };
        // Ordered maps throughout: the same policy gives the same bytes (I6).
        tools.insert(tool_name.clone(), part);
    }
    CatalogPart {
        // The catalog's version goes with the table's, in `CATALOG_OF`.
        stopgate_catalog: 2,
        tools,
    }
}

fn policy_part(policy: &Policy) -> PolicyPart {
    let channels = policy.channels.iter().map(|(name, ceiling)| {
        (
            name.clone(),
            CeilingPart {
                ceiling: ceiling.default,
                tools: ceiling.tools.clone(),
            },
        )
    });
    let profiles = policy.profiles.iter().map(|(name, profile)| {
        (
            name.clone(),
            ProfilePart {
                inherits: profile.inherits.clone(),
                groups: profile.groups.clone(),
            },
        )
    });
    let (from, to) = policy.calendar.hours();
    // One list for all rules: many grants share a surface, and a place in the list is shorter than the surface.
    let mut surfaces = Surfaces::default();
    let rules = policy
        .rules
        .iter()
        .map(|rule| rule_part(policy, rule, &mut surfaces))
        .collect();
    PolicyPart {
        stopgate_policy: 1,
        organisation: policy.organisation.clone(),
        issuers: policy.identity.iter().map(issuer_part).collect(),
        channels: channels.collect(),
        input_bytes: policy.input_bytes,
        calendar: CalendarPart {
            zone: policy.calendar.zone().to_owned(),
            days: policy.calendar.days().clone(),
            from,
            to,
            holidays: policy.calendar.holidays().clone(),
        },
        routes: policy.routes.clone(),
        deadlines: policy.deadlines,
        profiles: profiles.collect(),
        surfaces: surfaces.listed,
        rules,
    }
}

fn issuer_part(issuer: &Issuer) -> (String, IssuerPart) {
    let Issuer {
        issuer,
        audience,
        subject,
        groups,
        agent,
    } = issuer.clone();
    let part = IssuerPart {
        audience,
        subject,
        groups,
        agent,
    };
    (issuer, part)
}

/// Each distinct surface once, in order of first use.
#[derive(Default)]
struct Surfaces {
    places: BTreeMap<SurfacePart, usize>,
    listed: Vec<SurfacePart>,
}

impl Surfaces {
    fn place(&mut self, surface: SurfacePart) -> usize {
        let next = self.listed.len();
        let place = *self.places.entry(surface.clone()).or_insert(next);
        if place == next {
            self.listed.push(surface);
        }
        place
    }
}

fn rule_part(policy: &Policy, rule: &Rule, surfaces: &mut Surfaces) -> RulePart {
    let mut part = RulePart {
        id: rule.id.to_string(),
        kind: rule.kind.kind(),
        reason: String::new(),
        at: BTreeMap::new(),
        everywhere: None,
    };
    match &rule.kind {
        RuleKind::Never(reason) => part.reason.clone_from(reason),
        RuleKind::Raise(surface) => part.everywhere = Some(surfaces.place(surface.into())),
        RuleKind::Grant(_) => {
            // A grant names its operations: the front ends refuse one that does not.
            if let Operations::Listed(listed) = &rule.scope.operations {
                for (tool, name) in listed {
                    let operation = policy.operation(tool, name);
                    // The surface already holds the floors and the catalog's masks, so the sidecar has nothing to add
                    // and nothing to forget.
                    let surface = operation.and_then(|operation| policy.surface(rule, operation));
                    part.at.extend(surface.map(|surface| {
                        (format!("{tool}/{name}"), surfaces.place((&surface).into()))
                    }));
                }
            }
        }
    }
    part
}

fn sources(policy: &Policy) -> SourcesPart {
    let source = |rule: &Rule| SourcePart {
        file: rule.location.file.to_string(),
        line: rule.location.line,
        owner: rule.owner.clone(),
        review_by: rule.review_by,
    };
    let rules = policy
        .rules
        .iter()
        .map(|rule| (rule.id.to_string(), source(rule)));
    SourcesPart {
        stopgate_sources: 1,
        rules: rules.collect(),
    }
}

impl RuleKind {
    /// Returns which of the three kinds of rule this is, without what the rule asks for.
    #[must_use]
    pub const fn kind(&self) -> MatchKind {
        match self {
            Self::Grant(_) => MatchKind::Grant,
            Self::Raise(_) => MatchKind::Raise,
            Self::Never(_) => MatchKind::Never,
        }
    }
}

impl Unsigned {
    /// Returns the digest of the bundle, which is the digest of its manifest. The manifest names the digest of every
    /// part.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns the name and the size in bytes of every part, the manifest included, in the order of the file.
    pub fn parts(&self) -> impl Iterator<Item = (&str, usize)> {
        self.parts
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.len()))
    }

    /// Returns the bytes that a publisher signs.
    #[must_use]
    pub fn signed_bytes(&self) -> Vec<u8> {
        dsse::signed_bytes(dsse::STATEMENT, &self.statement)
    }

    /// Writes the bundle file, with an envelope that holds `signatures` over [`Unsigned::signed_bytes`] as its last
    /// part.
    ///
    /// # Errors
    /// When a part's name is too long for the archive.
    pub fn finish(self, signatures: Vec<Signature>) -> std::io::Result<Vec<u8>> {
        let Self {
            mut parts,
            statement,
            ..
        } = self;
        let envelope = Envelope {
            payload_type: dsse::STATEMENT.to_owned(),
            payload: statement,
            signatures,
        };
        parts.push((ENVELOPE.to_owned(), envelope.to_bytes()));
        let mut file = Vec::new();
        pack(&parts, &mut file)?;
        Ok(file)
    }
}
