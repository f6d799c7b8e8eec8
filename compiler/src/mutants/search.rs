//! The attempt that tells a policy from its mutant.
//!
//! Rules that match and what they ask for do not depend on the evidence, so nothing is collected: what is missing then
//! shows all of it. Attempts vary in who, what, when, which agent and which channel, in rounds from the likely to the
//! unlikely; the number of attempts is bounded.

use std::collections::BTreeSet;

use jiff::Timestamp;
use stopgate_author::cedar::Condition;
use stopgate_author::policy::{Policy, Rule};
use stopgate_author::testing::{Case, Expect, ExpectedResult, TestSuite};
use stopgate_decide::bundle::Bundle;
use stopgate_decide::decide::Reason;
use stopgate_decide::json::Json;
use stopgate_decide::name::{ChannelName, OperationName, ProfileName};
use stopgate_decide::surface::{Enforces, Evidence};
use stopgate_decide::tool_schema::{InputType, Member};

use crate::test::{Runner, held, merged, sent};
use crate::turns::{Turns, across, with};

use super::edit::PolicyEdit;
use super::paste::{self, MissingCase, StatedDecision};

/// Most attempts that one round decides. A round that comes to the bound has found nothing, and the next one begins; a
/// mutant that no round tells from the policy is taken as equivalent.
const MOST: usize = 2000;

/// A policy and its mutant, each with its bundle.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sides<'a> {
    pub(super) before: (&'a Policy, &'a Bundle),
    pub(super) after: (&'a Policy, &'a Bundle),
}

/// Finds a case of one of `suites` that comes out differently under the mutant, which `edit` makes, than under the
/// policy, or `None` if the search finds no such case.
pub(super) fn case(
    sides: Sides<'_>,
    suites: &[TestSuite],
    edit: &PolicyEdit,
) -> Option<MissingCase> {
    let Sides { before, after } = sides;
    suites.iter().find_map(|suite| {
        let runner = |(policy, bundle)| Runner {
            policy,
            bundle,
            suite,
        };
        MutantSearch {
            before: runner(before),
            after: runner(after),
            edit,
        }
        .rounds()
    })
}

struct MutantSearch<'a> {
    before: Runner<'a>,
    after: Runner<'a>,
    edit: &'a PolicyEdit,
}

/// What is varied in one round.
struct Round<'a> {
    people: Vec<BTreeSet<ProfileName>>,
    conditions: Vec<&'a Condition>,
    channels: Vec<Option<ChannelName>>,
}

impl MutantSearch<'_> {
    /// Searches in rounds, from the likeliest attempts to the widest choice, for one that tells the mutant from the
    /// policy.
    fn rounds(&self) -> Option<MissingCase> {
        let own = self.own_conditions();
        let all: Vec<&Condition> = self.conditions(|_| true);
        let here = vec![None];
        let elsewhere = || {
            let channels = self.before.policy.channels.keys();
            channels
                .filter(|channel| **channel != self.before.suite.channel)
                .map(|channel| Some(channel.clone()))
                .collect()
        };
        // The cheapest rounds first: the first difference ends the search.
        let rounds = [
            // 1. People of one profile, and the values that the changed rule's own conditions name.
            (self.singles(), own.clone(), here.clone()),
            // 2. The same in each of the other channels.
            (self.singles(), own.clone(), elsewhere()),
            // 3. The values of every rule's conditions.
            (self.singles(), all.clone(), here.clone()),
            // 4. People of two profiles.
            (self.pairs(), own, here),
            // 5. All of it at once, in each of the other channels.
            (self.pairs(), all, elsewhere()),
        ];
        rounds
            .into_iter()
            .find_map(|(people, conditions, channels)| {
                self.round(&Round {
                    people,
                    conditions,
                    channels,
                })
            })
    }

    /// Tries every combination of what `round` varies until one differs, or until [`MOST`] were tried.
    fn round(&self, round: &Round<'_>) -> Option<MissingCase> {
        let mut left = MOST;
        let instants = self.instants();
        let agents = self.agents(&round.conditions);
        for operation in self.operations() {
            for (input, without) in self.inputs(operation, &round.conditions) {
                for person in &round.people {
                    for (now, channel, agent) in product(&instants, &round.channels, &agents) {
                        left = left.checked_sub(1)?;
                        let case = Case {
                            name: String::new(),
                            people: vec![person.clone()],
                            operations: vec![operation.clone()],
                            input: input.clone(),
                            without: without.clone(),
                            evidence: Evidence::NONE,
                            enforces: Enforces::ALL,
                            now: *now,
                            channel: channel.clone(),
                            agent: agent.clone(),
                            // Asked for nothing: what comes out is what will be expected.
                            expect: Expect {
                                result: ExpectedResult::Reject(Reason::NoRule),
                                rules: None,
                                obligations: None,
                            },
                            skip: None,
                            location: stopgate_decide::name::Location {
                                file: self.before.suite.file.clone(),
                                line: 1,
                            },
                        };
                        let decide =
                            |runner: &Runner<'_>| runner.decide(Some(&case), person, operation);
                        let before = decide(&self.before);
                        let (was, is) = (
                            StatedDecision::from_decision(&before),
                            StatedDecision::from_decision(&decide(&self.after)),
                        );
                        if was != is {
                            let suite = self.before.suite;
                            return Some(paste::missing(suite, &case, &before, (&was, &is)));
                        }
                    }
                }
            }
        }
        None
    }

    fn operations(&self) -> impl Iterator<Item = &OperationName> {
        let tool = self.before.policy.tools.get(&self.before.suite.tool);
        tool.into_iter().flat_map(|tool| tool.operations.keys())
    }

    /// Returns the rule as it was and as it is, where a rule was changed; otherwise nothing.
    fn changed_rules(&self) -> Vec<&Rule> {
        let id = match self.edit {
            PolicyEdit::Remove(id) => id,
            PolicyEdit::Rule(rule) => &rule.id,
            PolicyEdit::Operation(..) | PolicyEdit::Floors(_) => return Vec::new(),
        };
        [self.before.policy, self.after.policy]
            .into_iter()
            .flat_map(|policy| policy.rules.iter().filter(move |rule| rule.id == *id))
            .collect()
    }

    fn own_conditions(&self) -> Vec<&Condition> {
        let changed = self.changed_rules();
        self.conditions(|rule| changed.iter().any(|changed| changed.id == rule.id))
    }

    fn conditions(&self, of: impl Fn(&Rule) -> bool) -> Vec<&Condition> {
        [self.before.policy, self.after.policy]
            .into_iter()
            .flat_map(|policy| &policy.rules)
            .filter(|rule| of(rule))
            .filter_map(|rule| rule.condition.as_ref())
            .collect()
    }

    /// Returns people of one profile whom the change can concern.
    fn singles(&self) -> Vec<BTreeSet<ProfileName>> {
        let concerned = self.concerned();
        concerned
            .into_iter()
            .map(|profile| BTreeSet::from([profile.clone()]))
            .collect()
    }

    /// Returns people of two profiles, one of which the change can concern.
    fn pairs(&self) -> Vec<BTreeSet<ProfileName>> {
        let concerned = self.concerned();
        let mut pairs = BTreeSet::new();
        for one in concerned {
            let others = held(self.before.policy).filter(|other| *other != one);
            pairs.extend(others.map(|other| BTreeSet::from([one.clone(), other.clone()])));
        }
        pairs.into_iter().collect()
    }

    fn concerned(&self) -> Vec<&ProfileName> {
        let changed = self.changed_rules();
        let policy = self.before.policy;
        let everybody =
            changed.is_empty() || changed.iter().any(|rule| rule.scope.profiles.is_none());
        held(policy)
            .filter(|profile| {
                let closure = policy.closure([*profile]);
                let named = |rule: &&Rule| {
                    let named = rule.scope.profiles.iter().flatten();
                    named.into_iter().any(|name| closure.contains(name))
                };
                everybody || changed.iter().any(named)
            })
            .collect()
    }

    /// Returns the suite's instant, as `None`, and the first one after it on the other side of business time.
    fn instants(&self) -> Vec<Option<Timestamp>> {
        let other = across(&self.before.policy.calendar, self.before.suite.now);
        [None].into_iter().chain(other.map(Some)).collect()
    }

    /// Returns the agent of the tests, as `None`, and every agent that the changed rule or a condition may ask for.
    fn agents(&self, conditions: &[&Condition]) -> Vec<Option<String>> {
        let asks = |condition: &&&Condition| {
            let reads = condition.reads();
            reads
                .iter()
                .any(|read| read.first().is_some_and(|first| first == "agent"))
        };
        let mut named: BTreeSet<String> = conditions
            .iter()
            .filter(asks)
            .flat_map(|condition| condition.constants().texts)
            .collect();
        let rules = self.changed_rules();
        let of_rules = rules.iter().filter_map(|rule| rule.scope.agents.as_ref());
        named.extend(of_rules.flatten().cloned());
        [None]
            .into_iter()
            .chain(named.into_iter().map(Some))
            .collect()
    }

    /// Returns what cases would write as `input` and `without`, for the sample and every case's input, turned around
    /// the conditions' constants. Only valid inputs are in it.
    fn inputs(
        &self,
        operation: &OperationName,
        conditions: &[&Condition],
    ) -> Vec<(Option<Json>, BTreeSet<String>)> {
        let suite = self.before.suite;
        let Some(described) = self.before.policy.operation(&suite.tool, operation) else {
            return Vec::new();
        };
        let sample = merged(suite.samples.get(operation), None);
        let turns = Turns::new(described, conditions.iter().copied());
        let mut found = turns.inputs(&sample);
        let written = suite
            .cases
            .iter()
            .filter(|case| case.input.is_some() || !case.without.is_empty())
            .filter(|case| case.operations.contains(operation));
        for case in written {
            found.extend(turns.inputs(&sent(Some(&sample), case)));
        }
        found.extend(left_out(&described.input, &sample));
        let mut seen = BTreeSet::new();
        let valid = found
            .into_iter()
            .filter(|input| described.input.check(input).is_ok() && seen.insert(input.canonical()));
        let told = valid.map(|input| (over(&sample, &input), without(&sample, &input)));
        told.collect()
    }
}

/// Returns `sample` without each argument that may be left out, and with null for each one that may be null.
fn left_out(of: &InputType, sample: &Json) -> Vec<Json> {
    let path = |member: &Member| [member.name.clone()];
    let members = of.members().iter();
    let given = members.filter(|member| sample.get(&member.name).is_some());
    let absent = given.clone().filter(|member| !member.required);
    let absent = absent.map(|member| with(sample, &path(member), None));
    let null = given.filter(|member| member.nullable);
    let null = null.map(|member| with(sample, &path(member), Some(&Json::Null)));
    absent.chain(null).collect()
}

/// Returns the names of the members of `sample` that `input` does not have.
fn without(sample: &Json, input: &Json) -> BTreeSet<String> {
    let members = sample.as_object().unwrap_or_default().iter();
    let missing = members.filter(|(name, _)| input.get(name).is_none());
    missing.map(|(name, _)| name.clone()).collect()
}

/// Returns the members of `input` that differ from those of `sample`, or `None` when there are none.
fn over(sample: &Json, input: &Json) -> Option<Json> {
    let members = input.as_object().unwrap_or_default().iter();
    let over: Vec<_> = members
        .filter(|(name, value)| sample.get(name) != Some(value))
        .cloned()
        .collect();
    (!over.is_empty()).then_some(Json::Object(over))
}

fn product<'a, A, B, C>(
    first: &'a [A],
    second: &'a [B],
    third: &'a [C],
) -> impl Iterator<Item = (&'a A, &'a B, &'a C)> {
    first.iter().flat_map(move |a| {
        second
            .iter()
            .flat_map(move |b| third.iter().map(move |c| (a, b, c)))
    })
}
