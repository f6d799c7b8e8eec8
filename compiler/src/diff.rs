//! The gate: what a change of policy does to decisions, proved, with a request that shows it.
//!
//! Operations whose slices are equal on both sides are left at that. The others are examined by workers, each with a
//! solver of its own. The two policies come in as checked values and are decided on as bundles; nothing here reads a
//! disk or a revision.

mod cause;
mod ceiling;
mod context;
mod emit;
mod examine;
mod model;
mod rewritten;
mod sentence;
mod shrink;
mod witness;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use stopgate_author::cedar::proof::{Flat, Holding};
use stopgate_author::policy::Policy;
use stopgate_decide::name::{OperationName, ProfileName, ToolName};

pub use crate::proof::{INSTALL, Limits};
pub use cause::{Cause, Edit, Fate};
pub use ceiling::Opened;
pub use context::Version;
pub use emit::cases;
pub use model::{
    Answer, Bug, Cell, Channels, Class, Diff, Direction, Failing, Holder, OperationChange, Part,
    ProofReport, Request, Side, people,
};
pub use rewritten::{NOTE as REWRITTEN, rewritten, workspace_rewritten};
pub use sentence::{Piece, Sentence, holder, leaves_out, sentence, sentence_of_all};

use crate::build::BuildError;
use crate::proof::slice::Reach;
use crate::proof::solver::Provers;
use crate::proof::solver::workers::each;
use crate::proof::stage::Stage;
use context::{Context, OperationKey};

/// Why two policies cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    /// One of them does not become a bundle.
    #[error("the {side} does not become a bundle")]
    Build {
        /// `base` or `head`.
        side: &'static str,
        /// Why.
        #[source]
        source: BuildError,
    },
    /// A rule of head has no normal form, so nobody could sign what it says.
    #[error("a rule of {tool}/{operation} has a form that cannot be signed")]
    Form {
        /// The tool.
        tool: ToolName,
        /// The operation.
        operation: OperationName,
    },
    /// The system gives no threads.
    #[error("no worker could be started")]
    Worker(#[source] std::io::Error),
}

/// Compares two policies; without a base everything of head is new. `progress` is told how many operations of how many
/// are done.
///
/// # Errors
/// [`DiffError`]; whatever could not be decided is part of the result.
pub fn diff(
    base: Option<Version<'_>>,
    head: Version<'_>,
    sides: (Side, Side),
    limits: &Limits,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Diff, DiffError> {
    let named = all_operations(base, head);
    let holding = match base {
        Some(base) if mapping(base.policy) != mapping(head.policy) => Holding::Groups,
        _ => Holding::Profiles,
    };
    let flat =
        |version: Option<Version<'_>>| version.map(|version| Flat::new(version.policy, holding));
    let head_flat = Flat::new(head.policy, holding);
    let base_flat = flat(base).unwrap_or_else(|| head_flat.clone());
    let mut context = Context {
        base,
        head,
        holding,
        same_people: base_flat == head_flat,
        flat: (base_flat, head_flat),
        reach: (
            base.map(|base| Reach::new(base.policy)),
            Reach::new(head.policy),
        ),
        stages: (
            Stage::new(None, &BTreeSet::new(), holding).map_err(|source| DiffError::Build {
                side: "base",
                source,
            })?,
            Stage::new(None, &BTreeSet::new(), holding).map_err(|source| DiffError::Build {
                side: "head",
                source,
            })?,
        ),
        until: Instant::now() + limits.whole,
        per_slice: limits.per_slice,
    };
    let differing: BTreeSet<OperationKey> = named
        .iter()
        .filter(|one| !context.is_same(one))
        .cloned()
        .collect();
    let stage = |side, policy: Option<&Policy>| {
        Stage::new(policy, &differing, holding).map_err(|source| DiffError::Build { side, source })
    };
    context.stages = (
        stage("base", base.map(|base| base.policy))?,
        stage("head", Some(head.policy))?,
    );
    let work: Vec<OperationKey> = differing.into_iter().collect();
    let provers = Provers::find(&limits.program, limits.per_slice);
    let (examined, queries) = each(
        &work,
        &provers,
        limits.workers,
        progress,
        |named, prover| context.examine(named, prover),
    )
    .map_err(DiffError::Worker)?;
    let examined = work.iter().zip(examined);
    let examined = examined.map(|(named, one)| one.unwrap_or_else(|| context.unexamined(named)));
    let mut proof = ProofReport {
        solver: provers.version().map(str::to_owned),
        operations: named.len(),
        queries,
        ..ProofReport::default()
    };
    let (mut operations, mut failing, mut bugs) = (Vec::new(), Vec::new(), Vec::new());
    for one in examined {
        operations.extend(one.change);
        failing.extend(one.failing);
        bugs.extend(one.bugs);
        proof.compared = proof.compared.saturating_add(usize::from(one.compared));
        proof.equal = proof.equal.saturating_add(one.equal);
    }
    let opened = base.map_or_else(Vec::new, |base| ceiling::opened(base.policy, head.policy));
    let (base, head) = sides;
    Ok(Diff {
        base,
        head,
        operations,
        opened,
        failing,
        bugs,
        proof,
    })
}

/// Returns the operations that at least one side has, by tool and name.
fn all_operations(base: Option<Version<'_>>, head: Version<'_>) -> BTreeSet<OperationKey> {
    let versions = [base, Some(head)].into_iter().flatten();
    let tools = versions.flat_map(|version| &version.policy.tools);
    tools
        .flat_map(|(tool, described)| {
            described
                .operations
                .keys()
                .map(move |name| (tool.clone(), name.clone()))
        })
        .collect()
}

/// Returns the groups that lead to each profile; a profile to which no group leads is left out.
fn mapping(policy: &Policy) -> BTreeMap<&ProfileName, &BTreeSet<String>> {
    let profiles = policy.profiles.iter();
    profiles
        .filter(|(_, profile)| !profile.groups.is_empty())
        .map(|(name, profile)| (name, &profile.groups))
        .collect()
}
