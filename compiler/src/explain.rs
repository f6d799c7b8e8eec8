//! Why an attempt is answered as it is, what would change the answer, and what each of several profiles would get alone.

use std::collections::BTreeSet;

use stopgate_author::near_miss::{NearMiss, near_misses};
use stopgate_author::policy::Policy;
use stopgate_decide::attempt::Attempt;
use stopgate_decide::bundle::Bundle;
use stopgate_decide::decide::{Decision, Outcome, Situation, decide};
use stopgate_decide::name::ProfileName;
use stopgate_decide::routing::{Duration, Route};
use stopgate_decide::surface::{Approval, Evidence, Need};

use crate::build::{BuildError, rehearse};

/// A decision and what would have made it another.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// What the sidecar would answer.
    pub decision: Decision,
    /// Rules that one false conjunct kept from matching, in the order of their ids.
    pub near: Vec<NearMiss>,
    /// What the answer becomes when missing evidence is given: each by itself, then all of it. Empty unless routed.
    pub next: Vec<Next>,
    /// Evidence that is not there and would change nothing, whatever else is collected. Empty when permitted.
    pub useless: Vec<Need>,
    /// Who is asked, if people are missing.
    pub asked: Option<Asked>,
    /// What somebody with only one of the attempt's profiles would get, if there are several.
    pub alone: Vec<(ProfileName, Decision)>,
}

/// Who is asked for the approval that is missing.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The route that answers.
    pub route: Route,
    /// By when they have to.
    pub within: Duration,
    /// What they read, if the catalog has a summary.
    pub summary: Option<String>,
}

/// The answer after a step.
#[derive(Debug, Clone)]
pub struct Next {
    /// What is collected in addition.
    pub given: Vec<Need>,
    /// What the answer is then.
    pub decision: Decision,
}

/// Everything that can be collected, in the order it is.
const NEEDS: [Need; 4] = [
    Need::UserConfirmation,
    Need::DryRun,
    Need::Approval(Approval::Supervisor),
    Need::Approval(Approval::Committee),
];

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
    let (next, useless) = match decision.outcome() {
        Outcome::Route(needs) => (
            next(&bundle, attempt, situation, needs),
            useless(needs, &situation.evidence),
        ),
        Outcome::Reject(_) => (Vec::new(), useless(&[], &situation.evidence)),
        Outcome::Permit(_) => (Vec::new(), Vec::new()),
    };
    Ok(Explanation {
        alone: alone(&bundle, attempt, situation),
        asked: asked(&bundle, attempt, &decision),
        decision,
        near,
        next,
        useless,
    })
}

fn asked(bundle: &Bundle, attempt: &Attempt, decision: &Decision) -> Option<Asked> {
    let Outcome::Route(needs) = decision.outcome() else {
        return None;
    };
    let level = needs.iter().find_map(|need| match need {
        Need::Approval(level) => Some(*level),
        Need::UserConfirmation | Need::DryRun => None,
    })?;
    let seen = decision.seen();
    let (tool, operation) = (seen.tool.as_ref()?, seen.operation.as_ref()?);
    let input = attempt.input.as_ref().ok()?;
    Some(Asked {
        route: bundle.route(level, tool, operation)?.clone(),
        within: bundle.deadlines().decide,
        summary: bundle.summary(tool.as_str(), operation.as_str(), input.json()),
    })
}

fn next(bundle: &Bundle, attempt: &Attempt, situation: &Situation, needs: &[Need]) -> Vec<Next> {
    let mut steps: Vec<Vec<Need>> = needs.iter().map(|need| vec![*need]).collect();
    if needs.len() > 1 {
        steps.push(needs.to_vec());
    }
    let step = |given: Vec<Need>| {
        let situation = Situation {
            evidence: given.iter().fold(situation.evidence, with),
            ..situation.clone()
        };
        let decision = decide(bundle, attempt, &situation);
        Next { given, decision }
    };
    steps.into_iter().map(step).collect()
}

fn with(evidence: Evidence, need: &Need) -> Evidence {
    match need {
        Need::UserConfirmation => Evidence {
            user_confirmation: true,
            ..evidence
        },
        Need::DryRun => Evidence {
            dry_run: true,
            ..evidence
        },
        Need::Approval(level) => Evidence {
            approval: evidence.approval.max(*level),
            ..evidence
        },
    }
}

/// Returns what is neither asked for nor there. The rules that match do not depend on evidence, so it never will be
/// asked for. An approval below the one that is asked for counts as nothing.
fn useless(needs: &[Need], evidence: &Evidence) -> Vec<Need> {
    let there = |need: &Need| with(*evidence, need) == *evidence;
    let asked = |given: &Need| {
        needs.iter().any(|need| match (need, given) {
            // A higher level contains the one that is asked for.
            (Need::Approval(asked), Need::Approval(given)) => asked <= given,
            _ => need == given,
        })
    };
    NEEDS
        .into_iter()
        .filter(|need| !there(need) && !asked(need))
        .collect()
}

fn alone(
    bundle: &Bundle,
    attempt: &Attempt,
    situation: &Situation,
) -> Vec<(ProfileName, Decision)> {
    if attempt.profiles.len() < 2 {
        return Vec::new();
    }
    let one = |profile: &ProfileName| {
        let attempt = Attempt {
            profiles: BTreeSet::from([profile.clone()]),
            ..attempt.clone()
        };
        (profile.clone(), decide(bundle, &attempt, situation))
    };
    attempt.profiles.iter().map(one).collect()
}
