//! Rules by (action, profile): a request reads only the policies whose scope it can satisfy.
//!
//! A policy that no read bucket holds has a false scope, so it neither matches nor fails: the union over the buckets
//! equals the whole set, in what matches and in what fails. This holds because the match form has permits only.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use cedar_policy::{
    ActionConstraint, Authorizer, Effect, EntityUid, Policy, PolicyId, PolicySet,
    PrincipalConstraint, ResourceConstraint,
};

use super::bounds::printed;
use super::form::ANYWHERE;
use super::request::{Prepared, PreparedSchema};

/// Place of a rule in the bundle's list of rules.
pub(crate) type RuleAt = u32;

/// Place of an operation in the bundle's list of operations.
pub(crate) type OperationAt = u32;

/// Place of a profile in the bundle's list of profiles.
pub(crate) type ProfileAt = u32;

/// What the names in slices stand for: lookups at run time are by place.
pub(crate) struct Places<'a> {
    pub(crate) rules: &'a HashMap<String, RuleAt>,
    pub(crate) operations: &'a HashMap<String, OperationAt>,
    pub(crate) profiles: &'a HashMap<EntityUid, ProfileAt>,
}

/// Policies of one action, or of none.
#[derive(Debug, Default)]
struct Buckets {
    anybody: PolicySet,
    by_profile: HashMap<ProfileAt, PolicySet>,
}

/// Every policy of a bundle, by action and profile.
#[derive(Debug)]
pub(crate) struct Index {
    by_action: HashMap<OperationAt, Buckets>,
    anywhere: Buckets,
    authorizer: Authorizer,
}

/// Which rules matched and which failed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Matches {
    pub(crate) matched: BTreeSet<RuleAt>,
    pub(crate) failed: BTreeSet<RuleAt>,
}

/// Why the slices of a bundle cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("slice `{0}` is not Cedar text")]
    Syntax(String),
    #[error("slice `{0}` holds a policy that is not in match form")]
    NotMatchForm(String),
    #[error("slice `{0}` is of no operation, or holds a policy of no known rule or profile")]
    Unknown(String),
    #[error("rule {0} stands in no slice")]
    MissingRule(RuleAt),
}

impl Buckets {
    /// Adds `policy` under its principal; whether it is in match form.
    fn add(
        &mut self,
        policy: &Policy,
        rule: RuleAt,
        profiles: &HashMap<EntityUid, ProfileAt>,
    ) -> bool {
        let set = match policy.principal_constraint() {
            PrincipalConstraint::Any => &mut self.anybody,
            PrincipalConstraint::In(profile) => match profiles.get(&profile) {
                Some(at) => self.by_profile.entry(*at).or_default(),
                None => return false,
            },
            PrincipalConstraint::Eq(_)
            | PrincipalConstraint::Is(_)
            | PrincipalConstraint::IsIn(..) => return false,
        };
        // One rule has one policy a profile, so its place is a fresh id within the bucket.
        set.add(policy.new_id(PolicyId::new(rule.to_string())))
            .is_ok()
    }

    fn read<'a>(&'a self, profiles: &'a [ProfileAt]) -> impl Iterator<Item = &'a PolicySet> {
        let anybody = (!self.anybody.is_empty()).then_some(&self.anybody);
        anybody.into_iter().chain(
            profiles
                .iter()
                .filter_map(|profile| self.by_profile.get(profile)),
        )
    }
}

impl Index {
    /// Loads the slices: Cedar text by `tool/operation` or [`ANYWHERE`]. Every rule has to be in some slice.
    pub(crate) fn load(
        slices: &BTreeMap<String, &str>,
        places: &Places<'_>,
        schema: &PreparedSchema,
    ) -> Result<Self, LoadError> {
        let mut index = Self {
            by_action: HashMap::new(),
            anywhere: Buckets::default(),
            authorizer: Authorizer::new(),
        };
        let mut seen = BTreeSet::new();
        for (name, text) in slices {
            let action = (name != ANYWHERE).then(|| schema.action(name));
            let buckets = match &action {
                Some(_) => {
                    let at = places
                        .operations
                        .get(name)
                        .ok_or_else(|| LoadError::Unknown(name.clone()))?;
                    index.by_action.entry(*at).or_default()
                }
                None => &mut index.anywhere,
            };
            let printed = printed(text).ok_or_else(|| LoadError::Syntax(name.clone()))?;
            for policy in printed {
                let policy = Policy::parse(None, policy);
                let policy = &policy.map_err(|_| LoadError::Syntax(name.clone()))?;
                let rule = policy
                    .annotation("rule")
                    .and_then(|id| places.rules.get(id));
                let rule = *rule.ok_or_else(|| LoadError::Unknown(name.clone()))?;
                let scoped = match (policy.action_constraint(), &action) {
                    (ActionConstraint::Any, None) => true,
                    (ActionConstraint::Eq(named), Some(action)) => named == *action,
                    (
                        ActionConstraint::Any | ActionConstraint::Eq(_) | ActionConstraint::In(_),
                        _,
                    ) => false,
                };
                let permit = policy.effect() == Effect::Permit
                    && policy.resource_constraint() == ResourceConstraint::Any;
                if !(permit && scoped && buckets.add(policy, rule, places.profiles)) {
                    return Err(LoadError::NotMatchForm(name.clone()));
                }
                seen.insert(rule);
            }
        }
        match places.rules.values().find(|rule| !seen.contains(rule)) {
            Some(missing) => Err(LoadError::MissingRule(*missing)),
            None => Ok(index),
        }
    }

    /// The rules that match or fail for `request` on an operation by a user who holds `profiles`, the whole closure.
    pub(crate) fn matches(
        &self,
        request: &Prepared<'_>,
        operation: OperationAt,
        profiles: &[ProfileAt],
    ) -> Matches {
        let mut matches = Matches::default();
        let own = self
            .by_action
            .get(&operation)
            .into_iter()
            .flat_map(|buckets| buckets.read(profiles));
        for set in own.chain(self.anywhere.read(profiles)) {
            self.collect(set, request, &mut matches);
        }
        matches
    }

    /// Every rule that a request on an operation can meet, or with `None` every rule that names no operation.
    pub(crate) fn rules(&self, operation: Option<OperationAt>) -> BTreeSet<RuleAt> {
        let buckets = match operation {
            Some(at) => self.by_action.get(&at),
            None => Some(&self.anywhere),
        };
        let sets = buckets
            .into_iter()
            .flat_map(|buckets| buckets.by_profile.values().chain([&buckets.anybody]));
        sets.flat_map(PolicySet::policies)
            .filter_map(|policy| place(policy.id()))
            .collect()
    }

    /// The same policies without buckets: every request then reads all of them.
    pub(crate) fn without_buckets(mut self) -> Self {
        let mut whole = PolicySet::new();
        let buckets = self.by_action.values().chain([&self.anywhere]);
        let sets =
            buckets.flat_map(|buckets| buckets.by_profile.values().chain([&buckets.anybody]));
        for (at, policy) in sets.flat_map(PolicySet::policies).enumerate() {
            // The rule's place, a dot, and a number that makes the id unique in the whole set.
            let added = whole.add(policy.new_id(PolicyId::new(format!("{}.{at}", policy.id()))));
            debug_assert!(added.is_ok(), "ids are numbered");
        }
        self.by_action.clear();
        self.anywhere = Buckets {
            anybody: whole,
            by_profile: HashMap::new(),
        };
        self
    }

    /// Whether one of `policies` is satisfied; `None` when one fails.
    pub(crate) fn is_satisfied(
        &self,
        request: &Prepared<'_>,
        policies: Vec<Policy>,
    ) -> Option<bool> {
        let set = PolicySet::from_policies(policies).ok()?;
        let response = self
            .authorizer
            .is_authorized(&request.request, &set, request.entities);
        response
            .diagnostics()
            .errors()
            .next()
            .is_none()
            .then(|| response.diagnostics().reason().next().is_some())
    }

    fn collect(&self, set: &PolicySet, request: &Prepared<'_>, matches: &mut Matches) {
        let response = self
            .authorizer
            .is_authorized(&request.request, set, request.entities);
        for id in response.diagnostics().reason() {
            match place(id) {
                Some(rule) => matches.matched.insert(rule),
                // Not one of our ids: nothing is known about what matched, so it counts as a failure.
                None => matches.failed.insert(RuleAt::MAX),
            };
        }
        for error in response.diagnostics().errors() {
            let cedar_policy::AuthorizationError::PolicyEvaluationError(error) = error;
            matches
                .failed
                .insert(place(error.policy_id()).unwrap_or(RuleAt::MAX));
        }
    }
}

/// The rule of one of our own ids.
fn place(id: &PolicyId) -> Option<RuleAt> {
    let id: &str = id.as_ref();
    id.split('.').next().and_then(|place| place.parse().ok())
}
