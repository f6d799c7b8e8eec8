//! Both sides as bundles that were opened as the sidecar opens them: what a request gets is only ever said by `decide`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use stopgate_author::cedar::proof::Holding;
use stopgate_author::policy::{DryRun, Operations, Policy};
use stopgate_decide::attempt::{Attempt, Input, Subject, Target};
use stopgate_decide::bundle::Bundle;
use stopgate_decide::decide::{
    LimitNow, LimitedBy, MatchedRule, Outcome, Reason, Situation, StopsInForce, decide,
};
use stopgate_decide::json::Json;
use stopgate_decide::name::{OperationName, ProfileName, ToolName};
use stopgate_decide::surface::{Enforces, Evidence, Limit, Surface};

use crate::build::{BuildError, rehearse};

use super::parts::Answer;

/// The agent of a request that names none.
pub(crate) const AGENT: &str = "agent";

/// A request in all its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trial {
    /// What is held directly.
    pub(crate) held: BTreeSet<String>,
    pub(crate) input: Json,
    pub(crate) agent: String,
    pub(crate) now: Timestamp,
}

/// One side, ready to decide.
pub(crate) struct Stage {
    bundle: Option<Bundle>,
    operations: BTreeSet<(ToolName, OperationName)>,
    holding: Holding,
}

impl Stage {
    /// Builds a bundle of what `policy` says about `operations`, and nothing else. A side without a policy rejects
    /// everything.
    ///
    /// # Errors
    /// [`BuildError`] if the policy does not become a bundle.
    pub(crate) fn new(
        policy: Option<&Policy>,
        operations: &BTreeSet<(ToolName, OperationName)>,
        holding: Holding,
    ) -> Result<Self, BuildError> {
        let Some(policy) = policy else {
            return Ok(Self {
                bundle: None,
                operations: BTreeSet::new(),
                holding,
            });
        };
        let operations: BTreeSet<_> = operations
            .iter()
            .filter(|(tool, name)| policy.operation(tool, name).is_some())
            .cloned()
            .collect();
        Ok(Self {
            bundle: Some(rehearse(&about(policy, &operations))?),
            operations,
            holding,
        })
    }

    /// Returns the answer that `trial` gets at an operation, and the rules that matched.
    pub(crate) fn answer(
        &self,
        (tool, operation): (&ToolName, &OperationName),
        trial: &Trial,
    ) -> (Answer, Vec<MatchedRule>) {
        let known = self.operations.contains(&(tool.clone(), operation.clone()));
        let Some(bundle) = self.bundle.as_ref().filter(|_| known) else {
            let answer = Answer::Rejected {
                reason: Reason::UnknownOperation,
                message: "the tool has no such operation".to_owned(),
            };
            return (answer, Vec::new());
        };
        let profiles = match self.holding {
            Holding::Profiles => {
                let names = trial
                    .held
                    .iter()
                    .filter_map(|name| ProfileName::new(name).ok());
                names.collect()
            }
            Holding::Groups => bundle.profiles_of_groups(trial.held.iter().map(String::as_str)),
        };
        let attempt = Attempt {
            subject: Subject {
                issuer: String::new(),
                id: "somebody".to_owned(),
            },
            profiles,
            agent: trial.agent.clone(),
            tool: tool.to_string(),
            target: Target::Operation(operation.to_string()),
            input: Input::parse(trial.input.canonical().as_bytes()),
            definition: None,
        };
        // Ceilings are settings and compared as such: here everything is let through that is not rejected for itself.
        let situation = Situation {
            now: trial.now,
            limit: LimitNow {
                class: Limit::High,
                by: LimitedBy::Ceiling,
            },
            stops: StopsInForce::default(),
            evidence: Evidence::NONE,
            enforces: Enforces::ALL,
        };
        let decision = decide(bundle, &attempt, &situation);
        let rules = decision.rules().to_vec();
        let answer = match (decision.outcome(), decision.surface()) {
            (Outcome::Reject(rejection), _) => Answer::Rejected {
                reason: rejection.reason,
                message: rejection.message.clone(),
            },
            (Outcome::Permit(_) | Outcome::Route(_), Some(surface)) => {
                Answer::Passes(surface.clone())
            }
            (Outcome::Permit(_) | Outcome::Route(_), None) => Answer::Passes(Surface::BOTTOM),
        };
        (answer, rules)
    }
}

/// Returns `policy` without everything that has no say about `operations`. Operations that are dry runs of `operations`
/// stay, because a bundle names them.
fn about(policy: &Policy, operations: &BTreeSet<(ToolName, OperationName)>) -> Policy {
    let mut kept = operations.clone();
    for (tool, name) in operations {
        if let Some(DryRun::By(other)) = policy.operation(tool, name).map(|one| &one.dry_run) {
            kept.insert((tool.clone(), other.clone()));
        }
    }
    let rules = policy.rules.iter().filter_map(|rule| {
        let mut rule = rule.clone();
        if let Operations::Listed(listed) = &mut rule.scope.operations {
            listed.retain(|one| kept.contains(one));
            if listed.is_empty() {
                return None;
            }
        }
        Some(rule)
    });
    let tools = policy.tools.iter().filter_map(|(name, tool)| {
        let mut tool = tool.clone();
        tool.operations
            .retain(|operation, _| kept.contains(&(name.clone(), operation.clone())));
        (!tool.operations.is_empty()).then(|| (name.clone(), tool))
    });
    let tools: BTreeMap<_, _> = tools.collect();
    let mut channels = policy.channels.clone();
    for ceiling in channels.values_mut() {
        ceiling.tools.retain(|tool, _| tools.contains_key(tool));
    }
    Policy {
        rules: rules.collect(),
        tools,
        channels,
        ..policy.clone()
    }
}
