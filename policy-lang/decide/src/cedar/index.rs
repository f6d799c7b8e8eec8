//! Rules by (action, profile): a request reads only the conditions of rules whose scope it satisfies.
//!
//! A policy that no read bucket holds has a false scope, so it neither matches nor fails; of one that a read bucket
//! holds the scope is true, so its condition alone says whether it matches or fails. The union over the buckets equals
//! the whole set, in what matches and in what fails. This holds because the match form has permits only.
//!
//! What is kept of a policy is its rule and its condition, which Cedar's evaluator takes as it is: its authorizer would
//! join the two again for each policy of each request.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use cedar_policy::Policy as WholePolicy;
use cedar_policy_core::ast::{
    ActionConstraint, AnyId, Effect, EntityReference, Expr, Policy, PrincipalOrResourceConstraint,
};
use cedar_policy_core::parser::parse_policyset;

use super::ANYWHERE;
use super::cost::{Scene, Steps, of_one_attempt};
use super::request::{EntityUid, Prepared, PreparedSchema};
use super::token::printed;

/// Most bytes that Cedar's parser is given at once, unless one policy is longer. It makes its lexer anew for every call
/// and recovers from mistakes the slower, the more text there is.
const AT_ONCE: usize = 64 * 1024;

/// Stack that slices are read on, in bytes, which only costs what is used of it. Cedar's parser takes some 20 KiB of it
/// for each bracket inside another, and a printed rule has more brackets than its author wrote.
const STACK: usize = 32 * 1024 * 1024;

/// Place of a rule in the bundle's list of rules.
pub(crate) type RuleAt = u32;

/// Place of an operation in the bundle's list of operations.
pub(crate) type OperationAt = u32;

/// Place of a profile in the bundle's list of profiles.
pub(crate) type ProfileAt = u32;

/// What the names in slices stand for: lookups at run time are by place.
pub(crate) struct SlicePlaces<'a> {
    pub(crate) rules: &'a HashMap<String, RuleAt>,
    pub(crate) operations: &'a HashMap<String, OperationAt>,
    pub(crate) profiles: &'a HashMap<EntityUid, ProfileAt>,
}

/// A rule and what has to hold for it to match.
#[derive(Debug)]
struct Ready {
    rule: RuleAt,
    /// A rule without one matches wherever its scope does.
    condition: Option<Arc<Expr>>,
}

/// Rules of one action, or of none.
#[derive(Debug, Default)]
struct Buckets {
    anybody: Vec<Ready>,
    by_profile: HashMap<ProfileAt, Vec<Ready>>,
}

/// Every policy of a bundle, by action and profile.
#[derive(Debug, Default)]
pub(crate) struct Index {
    by_action: HashMap<OperationAt, Buckets>,
    anywhere: Buckets,
}

/// How the policies of a bundle are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// By action and profile, as decisions read them.
    Buckets,
    /// All of them for every request, and Cedar evaluates each scope: what the buckets are tested against.
    Whole,
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
    #[error("there is no thread to read the slices on")]
    Thread,
}

impl Buckets {
    fn add(&mut self, profile: Option<ProfileAt>, ready: Ready) {
        match profile {
            None => self.anybody.push(ready),
            Some(profile) => self.by_profile.entry(profile).or_default().push(ready),
        }
    }

    fn read<'a>(&'a self, profiles: &'a [ProfileAt]) -> impl Iterator<Item = &'a Ready> {
        // A rule of two profiles that are both held is read twice. Matches are sets, so it counts once.
        let named = profiles
            .iter()
            .filter_map(|profile| self.by_profile.get(profile));
        self.anybody.iter().chain(named.flatten())
    }

    fn all(&self) -> impl Iterator<Item = &Ready> {
        self.anybody
            .iter()
            .chain(self.by_profile.values().flatten())
    }

    /// Gives back the memory that the lists hold and do not use.
    fn shrink(&mut self) {
        self.anybody.shrink_to_fit();
        self.by_profile.values_mut().for_each(Vec::shrink_to_fit);
        self.by_profile.shrink_to_fit();
    }
}

/// One slice on its way into the index.
struct Slice<'a> {
    name: &'a str,
    /// The action of all its policies; `None` of those that name none.
    action: Option<EntityUid>,
    places: &'a SlicePlaces<'a>,
    annotation: &'a AnyId,
    /// Which rules stand there already, for which profile.
    seen: HashSet<(Option<ProfileAt>, RuleAt)>,
}

impl Slice<'_> {
    /// Returns the profile and the rule of `policy`. A policy that is not in match form, or whose rule and profile
    /// stand in the slice already, is an error, and so is one of no known rule.
    fn place(&mut self, policy: &Policy) -> Result<(Option<ProfileAt>, RuleAt), LoadError> {
        // The rule first: a policy of a rule that is not in the bundle is told as such, whatever its form.
        let rule = policy
            .annotation(self.annotation)
            .and_then(|id| self.places.rules.get(id.as_ref()));
        let rule = *rule.ok_or_else(|| LoadError::Unknown(self.name.to_owned()))?;
        // The match form: the action is that of the slice, the resource is anything, the principal is anybody or in a
        // known profile, and the effect is a permit. The index keeps no scope, so one that says anything else would be
        // lost.
        let scoped = match (policy.action_constraint(), &self.action) {
            (ActionConstraint::Any, None) => true,
            (ActionConstraint::Eq(named), Some(action)) => named == action,
            (ActionConstraint::Any | ActionConstraint::Eq(_) | ActionConstraint::In(_), _) => false,
        };
        let anything =
            *policy.resource_constraint().as_inner() == PrincipalOrResourceConstraint::Any;
        let profile = match policy.principal_constraint().into_inner() {
            PrincipalOrResourceConstraint::Any => Some(None),
            PrincipalOrResourceConstraint::In(EntityReference::EUID(profile)) => {
                self.places.profiles.get(&profile).map(|at| Some(*at))
            }
            // A slot is a template's, and `==` or `is` says something about a person, who is one entity for
            // everybody.
            PrincipalOrResourceConstraint::In(EntityReference::Slot(_))
            | PrincipalOrResourceConstraint::Eq(_)
            | PrincipalOrResourceConstraint::Is(_)
            | PrincipalOrResourceConstraint::IsIn(..) => None,
        };
        // Only permits: a forbid would hide matches of other rules, and buckets could not be asked apart
        // (docs/decisions/0002).
        let permit = policy.effect() == Effect::Permit && policy.is_static();
        match profile {
            // The same rule twice for one profile would be evaluated and paid for twice in every decision.
            Some(profile) if permit && scoped && anything && self.seen.insert((profile, rule)) => {
                Ok((profile, rule))
            }
            Some(_) | None => Err(LoadError::NotMatchForm(self.name.to_owned())),
        }
    }
}

/// Parses the policies of a slice's text, many at once although they were printed one by one. Returns `None` if the
/// text is not as we print it, or if Cedar does not find each of the policies.
fn parse(text: &str) -> Option<Vec<Policy>> {
    let mut policies = Vec::new();
    let mut left = printed(text)?.into_iter().peekable();
    while let Some(first) = left.next() {
        let (mut together, mut count) = (first.to_owned(), 1_usize);
        let fits = |next: &&str, so_far: &String| next.len().saturating_add(so_far.len()) < AT_ONCE;
        while let Some(next) = left.next_if(|next| fits(next, &together)) {
            together.push('\n');
            together.push_str(next);
            count = count.saturating_add(1);
        }
        // A text that Cedar takes for more or fewer policies than were printed is not the text that we printed.
        let before = policies.len();
        policies.extend(parse_policyset(&together).ok()?.into_policies());
        if policies.len().checked_sub(before) != Some(count) {
            return None;
        }
    }
    Some(policies)
}

impl Index {
    /// Loads the slices: Cedar text by `tool/operation` or [`ANYWHERE`]. Every rule has to be in some slice. The slices
    /// are read on a stack of their own, whatever stack this is called on.
    pub(crate) fn load(
        slices: &BTreeMap<String, &str>,
        places: &SlicePlaces<'_>,
        schema: &PreparedSchema,
        layout: Layout,
    ) -> Result<Self, LoadError> {
        std::thread::scope(|scope| {
            let reader = std::thread::Builder::new().stack_size(STACK);
            let reading = reader.spawn_scoped(scope, || Self::read(slices, places, schema, layout));
            let reading = reading.map_err(|_| LoadError::Thread)?;
            // A panic of the parser refuses the bundle and ends no process.
            reading.join().unwrap_or(Err(LoadError::Thread))
        })
    }

    fn read(
        slices: &BTreeMap<String, &str>,
        places: &SlicePlaces<'_>,
        schema: &PreparedSchema,
        layout: Layout,
    ) -> Result<Self, LoadError> {
        let syntax = |name: &String| LoadError::Syntax(name.clone());
        let mut index = Self::default();
        let mut seen = BTreeSet::new();
        let annotation: AnyId = "rule"
            .parse()
            .map_err(|_| LoadError::Syntax("@rule".to_owned()))?;
        // 1. Slice after slice.
        for (name, text) in slices {
            // 1.1. The operation that the slice is of, and the lists for its rules.
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
            let mut slice = Slice {
                name,
                action,
                places,
                annotation: &annotation,
                seen: HashSet::new(),
            };
            // 1.2. Its policies, each of a known rule and profile and none twice. The scope is then known from the
            // place in the index, so the condition alone is kept; whole policies keep both as one condition.
            for policy in parse(text).ok_or_else(|| syntax(name))? {
                let (profile, rule) = slice.place(&policy)?;
                seen.insert(rule);
                match layout {
                    Layout::Buckets => {
                        let condition = policy.non_scope_constraints_arc().map(Arc::clone);
                        buckets.add(profile, Ready { rule, condition });
                    }
                    Layout::Whole => {
                        let condition = Some(Arc::new(policy.condition()));
                        buckets.add(None, Ready { rule, condition });
                    }
                }
            }
            buckets.shrink();
        }
        // 2. Whole policies in one list for every request.
        if layout == Layout::Whole {
            let each = std::mem::take(&mut index.by_action).into_values();
            index
                .anywhere
                .anybody
                .extend(each.flat_map(|buckets| buckets.anybody));
        }
        // 3. Every rule stands somewhere: one that was left out of a bundle would otherwise just never match.
        match places.rules.values().find(|rule| !seen.contains(rule)) {
            Some(missing) => Err(LoadError::MissingRule(*missing)),
            None => Ok(index),
        }
    }

    /// Returns the rules that match and those that fail for `request` on an operation, by a user who holds `profiles`,
    /// which are the whole closure with inherited profiles.
    pub(crate) fn matches(
        &self,
        request: &Prepared<'_>,
        operation: OperationAt,
        profiles: &[ProfileAt],
    ) -> Matches {
        let mut matches = Matches::default();
        let own = self.by_action.get(&operation).into_iter();
        let own = own.flat_map(|buckets| buckets.read(profiles));
        for Ready { rule, condition } in own.chain(self.anywhere.read(profiles)) {
            let holds = match condition {
                Some(condition) => request.holds(condition),
                None => Some(true),
            };
            match holds {
                Some(true) => matches.matched.insert(*rule),
                Some(false) => false,
                None => matches.failed.insert(*rule),
            };
        }
        matches
    }

    /// Returns the rules that can match a request on an operation by a user who holds `profiles`, which are the whole
    /// closure, and whether each of them has a condition.
    pub(crate) fn reach(
        &self,
        operation: OperationAt,
        profiles: &[ProfileAt],
    ) -> BTreeMap<RuleAt, bool> {
        let own = self.by_action.get(&operation).into_iter();
        let own = own.flat_map(|buckets| buckets.read(profiles));
        let reaching = own.chain(self.anywhere.read(profiles));
        reaching
            .map(|ready| (ready.rule, ready.condition.is_some()))
            .collect()
    }

    /// Counts the most steps that the rules of one operation take for one attempt. `scene` says what the requests on
    /// the operation can hold.
    pub(crate) fn steps(&self, operation: OperationAt, scene: &Scene<'_>) -> Steps {
        // What hits every attempt: the lists for anybody in the operation's own buckets and in those for everywhere.
        let buckets = || {
            let own = self.by_action.get(&operation).into_iter();
            own.chain([&self.anywhere])
        };
        let sum = |ready: &[Ready]| {
            let each = ready
                .iter()
                .map(|ready| scene.of_condition(ready.condition.as_deref()));
            each.fold(Steps::default(), Steps::and)
        };
        let anybody = buckets().map(|buckets| sum(&buckets.anybody));
        let mut by_profile: HashMap<ProfileAt, Steps> = HashMap::new();
        for (profile, ready) in buckets().flat_map(|buckets| &buckets.by_profile) {
            let so_far = by_profile.entry(*profile).or_default();
            *so_far = so_far.and(sum(ready));
        }
        of_one_attempt(
            anybody.fold(Steps::default(), Steps::and),
            by_profile.into_values(),
        )
    }

    /// Returns every rule in the slice of an operation, or with `None` every rule that names no operation.
    pub(crate) fn rules(&self, operation: Option<OperationAt>) -> BTreeSet<RuleAt> {
        let buckets = match operation {
            Some(at) => self.by_action.get(&at),
            None => Some(&self.anywhere),
        };
        let ready = buckets.into_iter().flat_map(Buckets::all);
        ready.map(|ready| ready.rule).collect()
    }
}

impl Prepared<'_> {
    /// Returns whether one of `policies` is satisfied; `None` when one of them fails.
    #[must_use]
    pub fn satisfies(&self, policies: &[WholePolicy]) -> Option<bool> {
        // Every policy is asked, also when one is satisfied already: a failure in another one must not be hidden by
        // the order.
        let each = policies.iter().map(|policy| {
            let policy: &Policy = policy.as_ref();
            self.holds(&policy.condition())
        });
        let each = each.collect::<Option<Vec<bool>>>()?;
        Some(each.into_iter().any(|satisfied| satisfied))
    }
}
