//! Why an attempt is answered as it is, and which rules nearly matched.

use stopgate_lang::attempt::Attempt;
use stopgate_lang::decide::{Decision, NearMiss, Situation, decide, near_misses};
use stopgate_lang::policy::Policy;

use crate::build::{BuildError, rehearse};

/// A decision and what would have made it another.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// What the sidecar would answer.
    pub decision: Decision,
    /// Rules that one false conjunct kept from matching, in the order of their ids.
    pub near: Vec<NearMiss>,
}

/// Explains `attempt` under `policy`, over a bundle opened as the sidecar opens it.
///
/// # Errors
/// [`BuildError`] when the policy does not become a bundle; every decision is an explanation.
pub fn explain(
    policy: &Policy,
    attempt: &Attempt,
    situation: &Situation,
) -> Result<Explanation, BuildError> {
    let bundle = rehearse(policy)?;
    let decision = decide(&bundle, attempt, situation);
    let near = near_misses(&bundle, policy, attempt, situation);
    Ok(Explanation { decision, near })
}
