//! From a checked policy to the parts of a bundle, deterministically: the same policy gives the same bytes.

use std::collections::BTreeMap;

use stopgate_decide::bundle::Unsigned;
use stopgate_decide::bundle::parts::{
    BundleParts, CalendarPart, CatalogPart, CeilingPart, FactPart, IssuerPart, OperationPart,
    PolicyPart, ProfilePart, RulePart, SelectPart, SourcePart, SourcesPart, SurfacePart, ToolPart,
    members,
};
use stopgate_decide::decide::MatchKind;
use stopgate_decide::fact::Fact;
use stopgate_decide::organisation::Issuer;

use crate::cedar::{FormError, ReadsNow, runtime_schema, slices};
use crate::policy::{Operations, Policy, Rule, RuleKind};

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

/// Compiles `policy` into a bundle that only lacks signatures.
///
/// # Errors
/// [`AssembleError`]: the policy has passed its checks, so this is a fault of the compiler, not of the author.
pub fn assemble(policy: &Policy) -> Result<Unsigned, AssembleError> {
    let parts = BundleParts {
        catalog: catalog(policy),
        policy: policy_part(policy),
        schema: runtime_schema(policy),
        sources: sources(policy),
        slices: slices(policy)?,
    };
    Ok(Unsigned::new(&parts)?)
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
                input: members(&operation.input),
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
        stopgate_catalog: CatalogPart::VERSION,
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
        stopgate_policy: PolicyPart::VERSION,
        organisation: policy.organisation.clone(),
        issuers: policy.identity.iter().map(issuer_part).collect(),
        channels: channels.collect(),
        freshness: policy.freshness.map(Into::into),
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
        stopgate_sources: SourcesPart::VERSION,
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
