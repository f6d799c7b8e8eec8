//! From a checked input to a Cedar request: typed values straight into Cedar, with one entity, the user, whose parents
//! are the closure of its profiles.
//!
//! Requests fit the bundle's schema because that is what the types say which the values are made by: it was compared
//! when the bundle was opened. Bundles of the first version are older than that comparison, and each of their requests
//! is validated by Cedar.
//!
//! Values and the request are made with the types of `cedar-policy-core`, which `cedar-policy` wraps: its public
//! interface takes expressions, interprets them to these values, and asks for that again with every request.

use std::collections::{BTreeMap, HashSet};
use std::str::FromStr;
use std::sync::Arc;

use cedar_policy::{EntityId, EntityTypeName, EntityUid as Uid, Schema};
use cedar_policy_core::ast::{
    Context, Entity, EntityUID, EntityUIDEntry, Expr, Literal, Name, PartialValue, Request,
    RequestSchema as _, SlotEnv, Value, ValueKind,
};
use cedar_policy_core::entities::{Entities, NoEntitiesSchema, TCComputation};
use cedar_policy_core::evaluator::Evaluator;
use cedar_policy_core::extensions::Extensions;

use crate::json::Json;
use crate::tool_schema::{InputType, Member, Shape};

use super::NAMESPACE;
use super::token::is_shallow;

/// A name of something in Cedar's eyes: cheap to hand to many requests.
pub(crate) type EntityUid = Arc<EntityUID>;

/// What requests under a bundle need of Cedar's names, and the schema where each of them has to be validated.
#[derive(Debug)]
pub(crate) struct PreparedSchema {
    schema: Option<Schema>,
    user: EntityUid,
    profile: EntityTypeName,
    tool: EntityTypeName,
    action: EntityTypeName,
    /// The function that makes an instant of its spelling.
    datetime: Name,
}

/// The store a request is evaluated with: the user, whose parents are the closure of its profiles.
#[derive(Debug)]
pub(crate) struct HolderEntities(Entities);

/// Everything a request is made of.
pub(crate) struct RequestParts<'a> {
    /// The operation's action.
    pub(crate) action: &'a EntityUid,
    /// The tool.
    pub(crate) tool: &'a EntityUid,
    /// The operation's input type; `input` has passed it.
    pub(crate) input_type: &'a InputType,
    /// The arguments.
    pub(crate) input: &'a Json,
    /// The facts of the input, by name; `None` where the operation declares none, which is not the same as none there.
    pub(crate) facts: Option<BTreeMap<String, Json>>,
    /// The instant of the decision.
    pub(crate) now: jiff::Timestamp,
    /// Whether a rule on the operation reads the instant: it is costly to hand over.
    pub(crate) reads_now: bool,
    /// Whether that is business time.
    pub(crate) business: bool,
    /// Id of the agent.
    pub(crate) agent: &'a str,
}

/// A request with the store it is evaluated with.
#[derive(Debug)]
pub struct Prepared<'a>(Evaluator<'a>);

impl Prepared<'_> {
    /// Returns whether `condition` is true; `None` when its evaluation fails or its value is no truth value.
    pub(super) fn holds(&self, condition: &Expr) -> Option<bool> {
        // The evaluator also computes values that are no truth values; the authorizer would call those an error, and
        // so does this.
        let value = self.0.interpret(condition, &SlotEnv::new()).ok()?;
        match value.value_kind() {
            ValueKind::Lit(literal) => match literal {
                Literal::Bool(truth) => Some(*truth),
                Literal::Long(_) | Literal::String(_) | Literal::EntityUID(_) => None,
            },
            ValueKind::Set(_) | ValueKind::Record(_) | ValueKind::ExtensionValue(_) => None,
        }
    }
}

impl PreparedSchema {
    /// Makes what requests need that are each validated against the schema `text`. Returns `None` when Cedar refuses
    /// the schema, or when its brackets nest too deep for Cedar's parser.
    pub(crate) fn validating(text: &str) -> Option<Self> {
        // A schema comes out of a file, and Cedar's parser of schemas recurses like the other one.
        if !is_shallow(text) {
            return None;
        }
        let schema = Schema::from_str(text).ok()?;
        Some(Self {
            schema: Some(schema),
            ..Self::new()?
        })
    }

    /// Makes what requests need of which the types are known to be those of the schema. Returns `None` only if Cedar
    /// did not take our names.
    pub(crate) fn new() -> Option<Self> {
        let name = |kind| EntityTypeName::from_str(&format!("{NAMESPACE}::{kind}")).ok();
        Some(Self {
            schema: None,
            // Rules name profiles and never people, so one id stands for every subject and no byte that a caller
            // sends can be the principal.
            user: uid(&name("User")?, "subject"),
            profile: name("Profile")?,
            tool: name("Tool")?,
            action: name("Action")?,
            datetime: Name::parse_unqualified_name("datetime").ok()?,
        })
    }

    /// Returns the entity of the profile `name`.
    pub(crate) fn profile(&self, name: &str) -> EntityUid {
        uid(&self.profile, name)
    }

    /// Returns the entity of the tool `name`.
    pub(crate) fn tool(&self, name: &str) -> EntityUid {
        uid(&self.tool, name)
    }

    /// Returns the action `tool/operation`.
    pub(crate) fn action(&self, id: &str) -> EntityUid {
        uid(&self.action, id)
    }

    /// Makes the store for somebody who holds `profiles`, inherited ones included. Returns `None` if Cedar refuses the
    /// store.
    pub(crate) fn holder(
        &self,
        profiles: impl IntoIterator<Item = EntityUid>,
    ) -> Option<HolderEntities> {
        let parents: HashSet<EntityUID> = profiles.into_iter().map(Arc::unwrap_or_clone).collect();
        let user = EntityUID::clone(&self.user);
        let user = Entity::new_with_attr_partial_value(user, [], HashSet::new(), parents, []);
        // Profiles are no entities of the store, so whatever has a parent has no grandparent: this is the closure.
        let store = Entities::from_entities(
            [user],
            None::<&NoEntitiesSchema>,
            TCComputation::AssumeAlreadyComputed,
            Extensions::all_available(),
        );
        store.ok().map(HolderEntities)
    }

    /// Builds the request, and validates the request where that is needed. Returns `None` when the request cannot be
    /// made, which rejects the attempt.
    pub(crate) fn prepare<'a>(
        &self,
        parts: RequestParts<'_>,
        holder: &'a HolderEntities,
    ) -> Option<Prepared<'a>> {
        let RequestParts {
            action,
            tool,
            input_type,
            input,
            facts,
            now,
            reads_now,
            business,
            agent,
        } = parts;
        let extensions = Extensions::all_available();
        // 1. The context: the instant where a rule reads it, the facts where the operation has any, input, time and
        // agent.
        let now = match reads_now {
            true => Some(("now", self.instant(now)?)),
            false => None,
        };
        let time = now.into_iter().chain([("business", Value::from(business))]);
        let facts = match facts {
            Some(facts) => Some(("facts", of_facts(&facts)?)),
            None => None,
        };
        let context = facts.into_iter().chain([
            // `as_object`: the input passed its type, which is always an object; anything else makes no request.
            ("input", record(input_type, input.as_object()?)?),
            ("time", Value::record(time, None)),
            ("agent", Value::record([("id", Value::from(agent))], None)),
        ]);
        let ValueKind::Record(context) = ValueKind::record(context) else {
            return None;
        };
        // 2. The request: the user, the action, the tool and the context.
        // Unchecked by Cedar: the types that made the values are those of the schema (docs/decisions/0013).
        let request = Request::new_unchecked(
            known(&self.user),
            known(action),
            known(tool),
            Some(Context::Value(context)),
        );
        // 3. Its validation, where each request is validated.
        if let Some(schema) = &self.schema {
            let schema = schema.as_ref();
            schema.validate_request(&request, extensions).ok()?;
        }
        Some(Prepared(Evaluator::new(request, &holder.0, extensions)))
    }

    /// Returns the instant as Cedar's own function makes it of the instant's spelling.
    fn instant(&self, now: jiff::Timestamp) -> Option<Value> {
        let function = Extensions::all_available().func(&self.datetime).ok()?;
        match function.call(&[Value::from(datetime(now))]).ok()? {
            PartialValue::Value(value) => Some(value),
            PartialValue::Residual(_) => None,
        }
    }
}

fn uid(of_type: &EntityTypeName, id: &str) -> EntityUid {
    let uid = Uid::from_type_name_and_id(of_type.clone(), EntityId::new(id));
    Arc::new(uid.into())
}

fn known(uid: &EntityUid) -> EntityUIDEntry {
    EntityUIDEntry::Known {
        euid: Arc::clone(uid),
        loc: None,
    }
}

/// Makes the record of facts, which are whole numbers, texts, and sets of texts. Returns `None` if one is something
/// else.
fn of_facts(facts: &BTreeMap<String, Json>) -> Option<Value> {
    let of_fact = |value: &Json| match value {
        Json::Array(texts) => set(texts),
        Json::Null
        | Json::Bool(_)
        | Json::Integer(_)
        | Json::Decimal(_)
        | Json::String(_)
        | Json::Object(_) => scalar(value),
    };
    let mut pairs = Vec::with_capacity(facts.len());
    for (name, value) in facts {
        pairs.push((name.as_str(), of_fact(value)?));
    }
    Some(Value::record(pairs, None))
}

/// Writes an instant in Cedar's own spelling, in milliseconds.
fn datetime(now: jiff::Timestamp) -> String {
    now.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// Makes the record of those declared members of an object that rules can read. Returns `None` if a value does not have
/// its member's shape, or if a member is declared twice.
fn record(of: &InputType, given: &[(String, Json)]) -> Option<Value> {
    let mut pairs = Vec::with_capacity(given.len());
    // What rules cannot read is not in the request at all, so no condition can depend on it by accident.
    for member in of.members().iter().filter(|member| member.opaque.is_none()) {
        let value = given
            .iter()
            .find(|(name, _)| *name == member.name)
            .map(|(_, value)| value);
        match value {
            None => {}
            // Accepted only where the definition allows it, and then the same as absent.
            Some(Json::Null) => {}
            Some(value) => pairs.push((member.name.as_str(), of_member(member, value)?)),
        }
    }
    // A record made of pairs keeps one of two members with one name, so their number shows a duplicate.
    let count = pairs.len();
    let record = Value::record(pairs, None);
    // A type that declares a member twice says two things about it.
    match record.value_kind() {
        ValueKind::Record(members) if members.len() == count => Some(record),
        ValueKind::Record(_)
        | ValueKind::Lit(_)
        | ValueKind::Set(_)
        | ValueKind::ExtensionValue(_) => None,
    }
}

fn of_member(member: &Member, value: &Json) -> Option<Value> {
    match (&member.shape, value) {
        (Shape::Object(members), Json::Object(given)) => record(members, given),
        (Shape::Array { .. }, Json::Array(elements)) => set(elements),
        (Shape::String { .. } | Shape::Integer { .. } | Shape::Boolean, scalar_value) => {
            scalar(scalar_value)
        }
        // The input passed its type and opaque members are left out: no other pair is left.
        (
            Shape::Object(_)
            | Shape::Array { .. }
            | Shape::Number { .. }
            | Shape::Open { .. }
            | Shape::Either(_)
            | Shape::Listed(_)
            | Shape::Anything,
            _,
        ) => None,
    }
}

fn set(elements: &[Json]) -> Option<Value> {
    let elements = elements.iter().map(scalar).collect::<Option<Vec<_>>>()?;
    Some(Value::set(elements, None))
}

fn scalar(value: &Json) -> Option<Value> {
    match value {
        Json::Bool(truth) => Some(Value::from(*truth)),
        Json::Integer(number) => Some(Value::from(*number)),
        Json::String(text) => Some(Value::from(text.as_str())),
        Json::Null | Json::Decimal(_) | Json::Array(_) | Json::Object(_) => None,
    }
}
