//! The checks that need every document: strict typing of each rule for each of its operations, opaque arguments, and
//! the caps that keep a decision fast.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;
use std::str::FromStr;

use cedar_policy::{Policy as CedarPolicy, PolicyId, PolicySet, Schema, ValidationMode, Validator};
use cedar_policy_core::ast::{
    self, ActionConstraint, Annotations, Effect, Eid, EntityUID, Name, PolicyID,
    PrincipalConstraint, ResourceConstraint, StaticPolicy,
};
use miette::Diagnostic;
use stopgate_decide::cedar::Scene;
use stopgate_decide::name::{OperationName, ProfileName, RuleId, ToolName};

use crate::policy::{Operation, Operations, Policy, Rule, RuleKind};

use super::schema::{author_schema, operation_schema, operations};
use super::text::range_of;
use super::{CedarMistake, Condition, NAMESPACE, action_id, cost};

mod reads;

use reads::{nearest, unknown_reads};

/// Most rules that one profile's closure may meet at one operation, so that deciding does not take long (T46 in
/// docs/reference/threats.md).
const MAX_RULES: usize = 64;
/// Most rules without a profile at one operation (T46 too): every attempt on the operation meets them all.
const MAX_UNSCOPED: usize = 16;

/// Fewest operations that are worth a thread of their own.
const SHARE: usize = 16;
/// The stack of such a thread, as large as that of the first: Cedar's validator recurses.
const STACK: usize = 8 << 20;

/// Checks every rule of `policy`. Ranges are bytes of the rule's condition text, or of the rule in a `.cedar` file.
#[must_use]
pub fn validate(policy: &Policy) -> Vec<(RuleId, CedarMistake)> {
    // 1. What reaches what, once for all operations.
    let reach = Reach::new(policy);
    let every: Vec<_> = operations(policy).collect();
    // 2. Each operation with the rules that reach it: the types of their conditions, their number, and what they cost
    // together.
    // Operations are independent of each other: each is validated under its own schema, in which only its action
    // exists.
    let mut mistakes = of_each(&every, |&(tool, name, operation), mistakes| {
        let cell = OperationRules {
            tool,
            name,
            operation,
            rules: reach.rules(tool, name),
        };
        cell.conditions(mistakes);
        cell.caps(&reach.closures, mistakes);
        let scene = Scene {
            input: &operation.input,
            facts: &operation.facts,
            input_bytes: policy.input_bytes,
        };
        mistakes.extend(cost::too_costly(&scene, (tool, name), &cell.rules));
    });
    // 3. Each rule as a whole, whatever its operations.
    whole_rules(policy, &mut mistakes);
    // 4. Every mistake once.
    // A rule on several operations makes the same mistake at each. Cedar finds mistakes in no order of its own.
    mistakes.sort_by(|(rule, one), (other, two)| {
        let key = |mistake: &CedarMistake| (mistake.range.start, mistake.range.end, mistake.code);
        let mistakes = || {
            key(one)
                .cmp(&key(two))
                .then_with(|| one.message.cmp(&two.message))
        };
        rule.cmp(other).then_with(mistakes)
    });
    let mut seen = BTreeSet::new();
    mistakes.retain(|(rule, mistake)| {
        seen.insert((
            rule.clone(),
            mistake.code,
            mistake.range.start,
            mistake.range.end,
        ))
    });
    mistakes
}

/// Returns what `find` finds in each of `items`, in their order, on as many processors as there are.
fn of_each<T: Sync, F: Send>(items: &[T], find: impl Fn(&T, &mut Vec<F>) + Sync) -> Vec<F> {
    let in_all = |items: &[T]| {
        let mut found = Vec::new();
        items.iter().for_each(|item| find(item, &mut found));
        found
    };
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let share = items.len().div_ceil(processors).max(SHARE);
    std::thread::scope(|scope| {
        let shares: Vec<_> = items
            .chunks(share)
            .map(|share| {
                let thread = std::thread::Builder::new().stack_size(STACK);
                (share, thread.spawn_scoped(scope, || in_all(share)))
            })
            .collect();
        // In the order of the shares and not of the threads: the same policy gives the same report.
        let found = shares.into_iter().map(|(share, thread)| match thread {
            Ok(thread) => thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            // The system gives no thread: nothing may be left out for that.
            Err(_) => in_all(share),
        });
        found.flatten().collect()
    })
}

/// What reaches what, looked up once: a policy of many rules must not cost their number for each of its operations.
struct Reach<'p> {
    /// Places of the rules that name each operation, in the order of the policy.
    listed: BTreeMap<&'p (ToolName, OperationName), Vec<usize>>,
    /// Places of the rules that name none.
    everywhere: Vec<usize>,
    rules: &'p [Rule],
    /// Each profile with all that it inherits.
    closures: Vec<(&'p ProfileName, BTreeSet<&'p ProfileName>)>,
}

impl<'p> Reach<'p> {
    fn new(policy: &'p Policy) -> Self {
        let (mut listed, mut everywhere) = (BTreeMap::<_, Vec<usize>>::new(), Vec::new());
        for (at, rule) in policy.rules.iter().enumerate() {
            match &rule.scope.operations {
                Operations::Listed(operations) => {
                    for operation in operations {
                        listed.entry(operation).or_default().push(at);
                    }
                }
                Operations::All => everywhere.push(at),
            }
        }
        let profiles = policy.profiles.keys();
        Self {
            listed,
            everywhere,
            rules: &policy.rules,
            closures: profiles
                .map(|profile| (profile, policy.closure([profile])))
                .collect(),
        }
    }

    /// Returns the rules that can reach an operation, in the order of the policy.
    fn rules(&self, tool: &ToolName, name: &OperationName) -> Vec<&'p Rule> {
        let named = self.listed.get(&(tool.clone(), name.clone()));
        let mut places: Vec<usize> = named.into_iter().flatten().copied().collect();
        places.extend(&self.everywhere);
        // In the order of the policy, so that a cap names the first rule that is too many.
        places.sort_unstable();
        places
            .into_iter()
            .filter_map(|at| self.rules.get(at))
            .collect()
    }
}

/// One operation and the rules that can reach it.
struct OperationRules<'p> {
    tool: &'p ToolName,
    name: &'p OperationName,
    operation: &'p Operation,
    rules: Vec<&'p Rule>,
}

impl OperationRules<'_> {
    fn conditions(&self, mistakes: &mut Vec<(RuleId, CedarMistake)>) {
        let mut set = ast::PolicySet::new();
        let mut wrapped = BTreeMap::new();
        for (at, &rule) in self.rules.iter().enumerate() {
            let Some(condition) = &rule.condition else {
                continue;
            };
            let mut unreadable = self.opaque_reads(condition);
            unreadable.extend(self.whole_objects(condition));
            if condition.is_when() {
                // Rules of `.cedar` files may name groups, and a read that only some of the group's operations know
                // is fine there.
                unreadable.extend(unknown_reads(condition, &[self.operation]));
            }
            // What the validator would say of an opaque argument is that it is not there: said better already.
            if condition.is_when() && unreadable.is_empty() {
                // By its place: of two rules with one id, which is a mistake of its own, both are validated.
                let id = PolicyId::new(at.to_string());
                let policy = self.policy(&id, condition);
                if policy.is_some_and(|policy| set.add_static(policy).is_ok()) {
                    wrapped.insert(id, (rule, condition.offset, condition.author_text().len()));
                } else {
                    unreadable.push(not_validated(condition));
                }
            }
            mistakes.extend(
                unreadable
                    .into_iter()
                    .map(|mistake| (rule.id.clone(), mistake)),
            );
        }
        let schema = operation_schema(self.tool, self.name, self.operation);
        let place = |id: &PolicyId| {
            wrapped
                .get(id)
                .map(|(rule, offset, length)| (*rule, *offset, *length))
        };
        run(&schema, &set.into(), place, mistakes);
    }

    /// Makes the policy that validates `condition` for this operation. Places in the policy count in the text that was
    /// parsed. Returns `None` if Cedar does not take the policy.
    fn policy(&self, id: &PolicyId, condition: &Condition) -> Option<StaticPolicy> {
        let expression = condition.expression.as_deref()?;
        let kind = Name::from_str(&format!("{NAMESPACE}::Action")).ok()?;
        let action = Eid::new(action_id(self.tool, self.name));
        let whole = expression.source_loc()?;
        let policy = StaticPolicy::new(
            PolicyID::from_string(id),
            Some(whole.span((0, whole.src.len()))),
            Annotations::new(),
            Effect::Permit,
            PrincipalConstraint::any(),
            ActionConstraint::is_eq(EntityUID::from_components(kind.into(), action, None)),
            ResourceConstraint::any(),
            Some(expression.clone()),
        );
        policy.ok()
    }

    fn caps(
        &self,
        closures: &[(&ProfileName, BTreeSet<&ProfileName>)],
        mistakes: &mut Vec<(RuleId, CedarMistake)>,
    ) {
        let too_many = |rule: &Rule, code, message: String, help: &str| {
            // No place in the condition is to blame: the number of rules is.
            (
                rule.id.clone(),
                CedarMistake::new(code, message, 0..0).help(help),
            )
        };
        // Rules for everybody are met by every attempt, so fewer of them are accepted.
        let unscoped: Vec<&Rule> = self
            .rules
            .iter()
            .filter(|rule| rule.scope.profiles.is_none())
            .copied()
            .collect();
        if let Some(rule) = unscoped.get(MAX_UNSCOPED) {
            let message = format!(
                "{} rules without a profile reach {}/{}, more than the {MAX_UNSCOPED} that are accepted",
                unscoped.len(),
                self.tool,
                self.name
            );
            mistakes.push(too_many(
                rule,
                "too-many-guardrails",
                message,
                "join their conditions, or name the profiles",
            ));
        }
        if self.rules.len() <= MAX_RULES {
            return;
        }
        // Nobody meets more rules than there are, so profiles are looked at only where there are many. One profile with
        // too many is enough to say.
        for (profile, closure) in closures {
            let met: Vec<&Rule> = self
                .rules
                .iter()
                .filter(|rule| {
                    rule.scope
                        .profiles
                        // A rule for everybody meets this profile too.
                        .as_ref()
                        .is_none_or(|all| all.iter().any(|one| closure.contains(one)))
                })
                .copied()
                .collect();
            if let Some(rule) = met.get(MAX_RULES) {
                let message = format!(
                    "{} rules meet the profile {profile} at {}/{}, more than the {MAX_RULES} that are accepted",
                    met.len(),
                    self.tool,
                    self.name
                );
                mistakes.push(too_many(
                    rule,
                    "too-many-rules",
                    message,
                    "join rules that ask for the same",
                ));
                return;
            }
        }
    }
}

/// Checks each rule as a whole, whatever its operations: profiles that do not exist, restrictions that absence switches
/// off, and the types of rules of `.cedar` files, which are validated as they were written, groups and all.
fn whole_rules(policy: &Policy, mistakes: &mut Vec<(RuleId, CedarMistake)>) {
    // The rules of `.cedar` files: together, under a schema that has the groups.
    let mut set = PolicySet::new();
    let mut by_id = BTreeMap::new();
    for (at, rule) in policy.rules.iter().enumerate() {
        let Some(condition) = &rule.condition else {
            continue;
        };
        // Nobody is in a profile that does not exist, so a misspelt one would quietly switch the rule off.
        for name in condition.profiles() {
            if policy.profiles.keys().all(|known| known.as_str() != name) {
                let message = format!("there is no profile `{name}`");
                let known = policy.profiles.keys().map(ProfileName::as_str);
                let help = nearest(known, &name).map_or_else(
                    || "name one of profiles.yaml".to_owned(),
                    |nearest| {
                        format!("did you mean `{nearest}`? Profiles are declared in profiles.yaml")
                    },
                );
                let place = condition.find(&name);
                let mistake = CedarMistake::new("unknown-profile", message, place).help(help);
                mistakes.push((rule.id.clone(), mistake));
            }
        }
        // A grant that absence switches off is stricter, a restriction is not.
        let restricts = !matches!(rule.kind, RuleKind::Grant(_));
        if restricts && condition.asks_for_presence() {
            let message = "this rule does not apply when the argument is left out";
            let mistake = CedarMistake::new("absence-switches-off", message, condition.find("has"));
            mistakes.push((
                rule.id.clone(),
                mistake.help("ask in `unless` what must hold, so that absence is stricter"),
            ));
        }
        // Values of `when:` keys are validated operation by operation.
        if condition.is_when() {
            continue;
        }
        let reached: Vec<&Operation> = operations(policy)
            .filter(|(tool, name, _)| rule.scope.operations.contains(tool, name))
            .map(|(_, _, operation)| operation)
            .collect();
        let unknown = unknown_reads(condition, &reached);
        mistakes.extend(
            unknown
                .into_iter()
                .map(|mistake| (rule.id.clone(), mistake)),
        );
        let id = PolicyId::new(at.to_string());
        let policy = CedarPolicy::parse(Some(id.clone()), condition.author_text());
        if policy.is_ok_and(|policy| set.add(policy).is_ok()) {
            by_id.insert(id, (rule, 0, condition.author_text().len()));
        } else {
            mistakes.push((rule.id.clone(), not_validated(condition)));
        }
    }
    if by_id.is_empty() {
        return;
    }
    let place = |id: &PolicyId| {
        by_id
            .get(id)
            .map(|(rule, offset, length)| (*rule, *offset, *length))
    };
    run(&author_schema(policy), &set, place, mistakes);
}

/// Makes the mistake that Cedar's validator cannot be given `condition`: what is not validated must not pass.
fn not_validated(condition: &Condition) -> CedarMistake {
    let message = "this condition cannot be given to Cedar's validator";
    CedarMistake::new("cedar-schema", message, 0..condition.author_text().len())
}

/// Validates `set` strictly against `schema`, and adds to `mistakes` what is wrong; warnings are mistakes too. `place`
/// tells of a policy its rule, and where in the policy the author's text begins and how long it is.
fn run<'p>(
    schema: &str,
    set: &PolicySet,
    place: impl Fn(&PolicyId) -> Option<(&'p Rule, usize, usize)>,
    mistakes: &mut Vec<(RuleId, CedarMistake)>,
) {
    let Ok(schema) = Schema::from_str(schema) else {
        // Our own text: a schema that Cedar refuses must not validate anything.
        let message = "the types of this operation cannot be written for Cedar";
        let rules = set.policies().filter_map(|policy| place(policy.id()));
        mistakes.extend(rules.map(|(rule, _, length)| {
            (
                rule.id.clone(),
                CedarMistake::new("cedar-schema", message, 0..length),
            )
        }));
        return;
    };
    let result = Validator::new(schema).validate(set, ValidationMode::Strict);
    let mut say = |id: &PolicyId, problem: &dyn Diagnostic, code| {
        let Some((rule, offset, length)) = place(id) else {
            return;
        };
        let text = problem.to_string();
        // Cedar names the policy by its id, which is a number of ours and tells an author nothing.
        let message = text
            .strip_prefix(&format!("for policy `{id}`, "))
            .unwrap_or(&text)
            .to_owned();
        let mut mistake = CedarMistake::new(code, message, range_of(problem, offset, length));
        mistake.help = problem.help().map(|help| help.to_string());
        mistakes.push((rule.id.clone(), mistake));
    };
    for error in result.validation_errors() {
        say(error.policy_id(), error, "cedar-type");
    }
    // Such as a condition that is always false: its rule would never match, and nobody means that.
    for warning in result.validation_warnings() {
        say(warning.policy_id(), warning, "cedar-impossible");
    }
}
