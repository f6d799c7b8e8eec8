//! Running the decision tables, and everything they do not name.
//!
//! The policy becomes a bundle, is opened as the sidecar opens it, and every attempt goes through the same `decide`.
//! A pair of operation and profile that no case names is tried with everything there is to collect and has to be
//! rejected: what nobody thought of must not be open.

mod compare;

use std::collections::BTreeSet;

use stopgate_author::policy::Policy;
use stopgate_author::testing::{Case, TestSuite};
use stopgate_decide::attempt::{Attempt, Input, Subject, Target};
use stopgate_decide::bundle::Bundle;
use stopgate_decide::decide::{
    Decision, LimitNow, LimitedBy, Outcome, Reason, Situation, StopsInForce, decide,
};
use stopgate_decide::json::Json;
use stopgate_decide::name::{Location, OperationName, ProfileName, RuleId, ToolName};
use stopgate_decide::surface::{Enforces, Evidence};

pub use compare::Mismatch;
use compare::mismatch;
pub(crate) use compare::obligations_of;
pub use compare::result_words;

use crate::build::{BuildError, rehearse};
use crate::glob::Glob;

/// The agent of a case that names none.
const AGENT: &str = "test";

/// What a filter has to match for the unlisted pairs to be run.
pub const UNLISTED: &str = "unlisted";

/// Results of every suite.
#[derive(Debug, Clone)]
pub struct TestReport {
    /// By tool.
    pub suites: Vec<SuiteReport>,
    /// What the cases never touched.
    pub coverage: Coverage,
}

/// Results of one suite.
#[derive(Debug, Clone)]
pub struct SuiteReport {
    /// The tool.
    pub tool: ToolName,
    /// Path of the document.
    pub file: String,
    /// Its cases that were chosen, in the order of the file.
    pub cases: Vec<CaseReport>,
    /// Pairs that no case names.
    pub unlisted: Vec<Try>,
}

/// Results of one case.
#[derive(Debug, Clone)]
pub struct CaseReport {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub location: Location,
    /// Why it was not run.
    pub skipped: Option<String>,
    /// One for each person and operation; empty when skipped.
    pub tries: Vec<Try>,
}

/// One attempt.
#[derive(Debug, Clone)]
pub struct Try {
    /// Direct profiles of the person.
    pub profiles: BTreeSet<ProfileName>,
    /// What was tried.
    pub operation: OperationName,
    /// How it came out otherwise than expected, if it did.
    pub mismatch: Option<Mismatch>,
}

/// What the cases never touched. Unlisted pairs do not count as touched.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    /// Number of rules.
    pub rules: usize,
    /// Rules that matched in no case.
    pub unmatched: Vec<(RuleId, Location)>,
    /// Number of pairs of an operation and a profile that somebody can hold.
    pub pairs: usize,
    /// Pairs that no case names.
    pub unnamed: Vec<(ToolName, OperationName, ProfileName)>,
}

impl TestReport {
    /// Returns every attempt that was made.
    pub fn tries(&self) -> impl Iterator<Item = &Try> {
        self.suites.iter().flat_map(|suite| {
            suite
                .cases
                .iter()
                .flat_map(|case| &case.tries)
                .chain(&suite.unlisted)
        })
    }

    /// Returns the number of attempts that came out as expected.
    #[must_use]
    pub fn passed(&self) -> usize {
        self.tries()
            .filter(|tried| tried.mismatch.is_none())
            .count()
    }

    /// Returns the number of attempts that did not come out as expected.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.tries()
            .filter(|tried| tried.mismatch.is_some())
            .count()
    }

    /// Returns the number of cases that were not run.
    #[must_use]
    pub fn skipped(&self) -> usize {
        self.suites
            .iter()
            .flat_map(|suite| &suite.cases)
            .filter(|case| case.skipped.is_some())
            .count()
    }
}

/// Runs the cases that `filter` matches, and the unlisted pairs unless `filter` leaves them out.
///
/// # Errors
/// [`BuildError`] when the policy does not become a bundle.
pub fn test(
    policy: &Policy,
    suites: &[TestSuite],
    filter: Option<&Glob>,
) -> Result<TestReport, BuildError> {
    let bundle = rehearse(policy)?;
    let mut matched = BTreeSet::new();
    let reports = suites.iter().map(|suite| {
        Runner {
            policy,
            bundle: &bundle,
            suite,
        }
        .suite(filter, &mut matched)
    });
    let reports: Vec<SuiteReport> = reports.collect();
    Ok(TestReport {
        suites: reports,
        coverage: coverage(policy, suites, &matched),
    })
}

/// Returns the profiles that somebody can hold, because groups lead to them.
pub(crate) fn held(policy: &Policy) -> impl Iterator<Item = &ProfileName> {
    policy
        .profiles
        .iter()
        .filter(|(_, profile)| !profile.groups.is_empty())
        .map(|(name, _)| name)
}

/// Returns the pairs of operation and profile that a suite names. Only a case with somebody who holds one profile says
/// something about that profile.
fn named(suite: &TestSuite) -> BTreeSet<(&OperationName, &ProfileName)> {
    // A case that is not run says nothing about its pairs.
    let run = suite.cases.iter().filter(|case| case.skip.is_none());
    let pairs = run.flat_map(|case| {
        let alone = case
            .people
            .iter()
            .filter(|person| person.len() == 1)
            .flatten();
        alone.flat_map(|profile| {
            case.operations
                .iter()
                .map(move |operation| (operation, profile))
        })
    });
    pairs.collect()
}

/// Returns whether a rejection with this reason says that the pair is closed. A rejection for the sample's sake says
/// nothing of other inputs.
const fn is_about_the_pair(reason: Reason) -> bool {
    match reason {
        Reason::InputInvalid | Reason::OperationMismatch | Reason::EvaluationError => false,
        Reason::SubjectUnverified
        | Reason::UnknownTool
        | Reason::UnknownOperation
        | Reason::UnknownProfile
        | Reason::DefinitionMismatch
        | Reason::NoRule
        | Reason::Forbidden
        | Reason::Ceiling
        | Reason::Obligation
        | Reason::PolicyStale
        | Reason::Stopped
        | Reason::AuditUnavailable
        | Reason::Overloaded => true,
    }
}

/// Returns the pairs of operation and profile of `suite`'s tool that no case names.
fn unnamed<'a>(
    policy: &'a Policy,
    suite: &'a TestSuite,
) -> Vec<(&'a OperationName, &'a ProfileName)> {
    let named = named(suite);
    let operations = policy
        .tools
        .get(&suite.tool)
        .into_iter()
        .flat_map(|tool| tool.operations.keys());
    let pairs =
        operations.flat_map(|operation| held(policy).map(move |profile| (operation, profile)));
    pairs.filter(|pair| !named.contains(pair)).collect()
}

fn coverage(policy: &Policy, suites: &[TestSuite], matched: &BTreeSet<RuleId>) -> Coverage {
    let operations: usize = policy
        .tools
        .values()
        .map(|tool| tool.operations.len())
        .sum();
    let unmatched = policy
        .rules
        .iter()
        .filter(|rule| !matched.contains(&rule.id));
    let of_suite = |suite: &TestSuite| -> Vec<_> {
        let pairs = unnamed(policy, suite).into_iter();
        pairs
            .map(|(operation, profile)| (suite.tool.clone(), operation.clone(), profile.clone()))
            .collect()
    };
    Coverage {
        rules: policy.rules.len(),
        unmatched: unmatched
            .map(|rule| (rule.id.clone(), rule.location.clone()))
            .collect(),
        pairs: operations.saturating_mul(held(policy).count()),
        unnamed: suites.iter().flat_map(of_suite).collect(),
    }
}

/// One suite over one bundle, and the policy that the bundle was made of.
#[derive(Clone, Copy)]
pub(crate) struct Runner<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) bundle: &'a Bundle,
    pub(crate) suite: &'a TestSuite,
}

impl<'a> Runner<'a> {
    /// Returns how each attempt differs from what is expected, or `None` where it does not: first for every case that
    /// is run, then for every pair that no case names.
    pub(crate) fn mismatches(self) -> impl Iterator<Item = Option<Mismatch>> + use<'a> {
        let run = self.suite.cases.iter().filter(|case| case.skip.is_none());
        let of_cases = run.flat_map(move |case| {
            case.people.iter().flat_map(move |person| {
                let tries = case.operations.iter();
                tries.map(move |operation| {
                    mismatch(&case.expect, &self.decide(Some(case), person, operation))
                })
            })
        });
        let unlisted = unnamed(self.policy, self.suite).into_iter();
        of_cases.chain(
            unlisted.map(move |(operation, profile)| self.unlisted(operation, profile).mismatch),
        )
    }

    fn suite(&self, filter: Option<&Glob>, matched: &mut BTreeSet<RuleId>) -> SuiteReport {
        let chosen = |name: &str| filter.is_none_or(|filter| filter.matches(name));
        let cases = self.suite.cases.iter().filter(|case| chosen(&case.name));
        let cases = cases.map(|case| self.case(case, matched)).collect();
        let unlisted = if chosen(UNLISTED) {
            unnamed(self.policy, self.suite)
        } else {
            Vec::new()
        };
        SuiteReport {
            tool: self.suite.tool.clone(),
            file: self.suite.file.to_string(),
            cases,
            unlisted: unlisted
                .into_iter()
                .map(|(operation, profile)| self.unlisted(operation, profile))
                .collect(),
        }
    }

    /// Runs one case, and notes the rules that matched in `matched`.
    fn case(&self, case: &Case, matched: &mut BTreeSet<RuleId>) -> CaseReport {
        let pairs = case.people.iter().flat_map(|person| {
            case.operations
                .iter()
                .map(move |operation| (person, operation))
        });
        let tries = pairs
            .filter(|_| case.skip.is_none())
            .map(|(person, operation)| {
                let decision = self.decide(Some(case), person, operation);
                matched.extend(decision.rules().iter().map(|rule| rule.id.clone()));
                Try {
                    profiles: person.clone(),
                    operation: operation.clone(),
                    mismatch: mismatch(&case.expect, &decision),
                }
            });
        CaseReport {
            name: case.name.clone(),
            location: case.location.clone(),
            tries: tries.collect(),
            skipped: case.skip.clone(),
        }
    }

    /// Tries a pair that no case names, with all evidence and through every agent that rules name: it has to be
    /// rejected.
    fn unlisted(&self, operation: &OperationName, profile: &ProfileName) -> Try {
        let profiles = BTreeSet::from([profile.clone()]);
        // A rule for some agents alone must not hide that the pair is open for these.
        let named = self.policy.rules.iter();
        let named = named.flat_map(|rule| rule.scope.agents.iter().flatten());
        let agents: BTreeSet<&str> = named.map(String::as_str).chain([AGENT]).collect();
        let open = |agent: &str| {
            let decision = self.decide_as(agent, None, &profiles, operation);
            match decision.outcome() {
                Outcome::Reject(rejection) if is_about_the_pair(rejection.reason) => None,
                Outcome::Reject(_) | Outcome::Permit(_) | Outcome::Route(_) => Some(Mismatch {
                    expected: "reject, because no case names this pair".to_owned(),
                    got: result_words(decision.outcome()),
                    message: (agent != AGENT).then(|| format!("through the agent {agent}")),
                    rules: decision.rules().to_vec(),
                }),
            }
        };
        let mismatch = agents.into_iter().find_map(open);
        Try {
            profiles,
            operation: operation.clone(),
            mismatch,
        }
    }

    /// Decides one attempt: of a case, or of an unlisted pair with all evidence.
    pub(crate) fn decide(
        &self,
        case: Option<&Case>,
        profiles: &BTreeSet<ProfileName>,
        operation: &OperationName,
    ) -> Decision {
        let agent = case.and_then(|case| case.agent.as_deref());
        self.decide_as(agent.unwrap_or(AGENT), case, profiles, operation)
    }

    /// Decides one attempt through `agent`, with what the case leaves open taken from the suite.
    fn decide_as(
        &self,
        agent: &str,
        case: Option<&Case>,
        profiles: &BTreeSet<ProfileName>,
        operation: &OperationName,
    ) -> Decision {
        let Self {
            policy,
            bundle,
            suite,
        } = self;
        let sample = suite.samples.get(operation);
        let input = match case {
            Some(case) => sent(sample, case),
            None => merged(sample, None),
        };
        let channel = case
            .and_then(|case| case.channel.as_ref())
            .unwrap_or(&suite.channel);
        let attempt = Attempt {
            subject: Subject {
                issuer: policy
                    .identity
                    .first()
                    .map(|issuer| issuer.issuer.clone())
                    .unwrap_or_default(),
                id: "test".to_owned(),
            },
            profiles: profiles.clone(),
            agent: agent.to_owned(),
            tool: suite.tool.to_string(),
            target: Target::Operation(operation.to_string()),
            input: Input::parse(input.canonical().as_bytes()),
            definition: None,
        };
        let situation = Situation {
            now: case.and_then(|case| case.now).unwrap_or(suite.now),
            limit: LimitNow {
                class: bundle.ceiling(channel.as_str(), suite.tool.as_str()),
                by: LimitedBy::Ceiling,
            },
            stops: StopsInForce::default(),
            evidence: case.map_or(Evidence::ALL, |case| case.evidence),
            enforces: case.map_or(Enforces::ALL, |case| case.enforces),
        };
        decide(bundle, &attempt, &situation)
    }
}

/// Returns the input that `case` sends: the sample without what the case leaves out, and with the case's own members.
pub(crate) fn sent(sample: Option<&Json>, case: &Case) -> Json {
    let members = sample.and_then(Json::as_object).unwrap_or_default().iter();
    let left = members.filter(|(name, _)| !case.without.contains(name));
    let left = Json::Object(left.cloned().collect());
    merged(Some(&left), case.input.as_ref())
}

/// Returns the sample with the members of `over` put in place of its own.
pub(crate) fn merged(sample: Option<&Json>, over: Option<&Json>) -> Json {
    let members = |json: Option<&Json>| {
        json.and_then(Json::as_object)
            .map(<[_]>::to_vec)
            .unwrap_or_default()
    };
    let over = members(over);
    let mut merged = members(sample);
    merged.retain(|(name, _)| !over.iter().any(|(other, _)| other == name));
    merged.extend(over);
    Json::Object(merged)
}
