//! From a checked input to a Cedar request: typed values straight into Cedar, validated against the schema, with one
//! entity, the user, whose parents are the closure of its profiles.

use std::collections::BTreeMap;
use std::str::FromStr;

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression,
    Schema,
};

use crate::json::Json;
use crate::tool_schema::{InputType, Member, Shape};

use super::NAMESPACE;
use super::bounds::is_shallow;

/// The schema of a bundle, ready to validate requests, with the type names that requests need.
#[derive(Debug)]
pub(crate) struct PreparedSchema {
    schema: Schema,
    user: EntityUid,
    profile: EntityTypeName,
    tool: EntityTypeName,
    action: EntityTypeName,
}

/// The store a request is evaluated with: the user, whose parents are the closure of its profiles.
#[derive(Debug)]
pub(crate) struct Holder(Entities);

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

/// A validated request and the store it is evaluated with.
#[derive(Debug)]
pub(crate) struct Prepared<'a> {
    pub(super) request: Request,
    pub(super) entities: &'a Entities,
}

impl PreparedSchema {
    /// Reads the schema part of a bundle; `None` when Cedar refuses it.
    pub(crate) fn new(text: &str) -> Option<Self> {
        if !is_shallow(text) {
            return None;
        }
        let schema = Schema::from_str(text).ok()?;
        let name = |kind| EntityTypeName::from_str(&format!("{NAMESPACE}::{kind}")).ok();
        Some(Self {
            schema,
            // Rules name profiles and never people, so one id stands for every subject and no byte that a caller
            // sends can be the principal.
            user: EntityUid::from_type_name_and_id(name("User")?, EntityId::new("subject")),
            profile: name("Profile")?,
            tool: name("Tool")?,
            action: name("Action")?,
        })
    }

    /// The entity of a profile.
    pub(crate) fn profile(&self, name: &str) -> EntityUid {
        EntityUid::from_type_name_and_id(self.profile.clone(), EntityId::new(name))
    }

    /// The entity of a tool.
    pub(crate) fn tool(&self, name: &str) -> EntityUid {
        EntityUid::from_type_name_and_id(self.tool.clone(), EntityId::new(name))
    }

    /// The action `tool/operation`.
    pub(crate) fn action(&self, id: &str) -> EntityUid {
        EntityUid::from_type_name_and_id(self.action.clone(), EntityId::new(id))
    }

    /// The store for somebody who holds `profiles`, inherited ones included.
    pub(crate) fn holder(&self, profiles: impl IntoIterator<Item = EntityUid>) -> Option<Holder> {
        let user = Entity::new_no_attrs(self.user.clone(), profiles.into_iter().collect());
        Entities::from_entities([user], None).ok().map(Holder)
    }

    /// Builds and validates the request. `None` when Cedar refuses it, which rejects the attempt.
    pub(crate) fn prepare<'a>(
        &self,
        parts: RequestParts<'_>,
        holder: &'a Holder,
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
        let now = reads_now.then(|| {
            (
                "now".to_owned(),
                RestrictedExpression::new_datetime(datetime(now)),
            )
        });
        let business = (
            "business".to_owned(),
            RestrictedExpression::new_bool(business),
        );
        let time = RestrictedExpression::new_record(now.into_iter().chain([business]));
        let agent = RestrictedExpression::new_record([(
            "id".to_owned(),
            RestrictedExpression::new_string(agent.to_owned()),
        )]);
        let facts = match facts {
            None => None,
            Some(facts) => Some(("facts".to_owned(), of_facts(&facts)?)),
        };
        let context = Context::from_pairs(facts.into_iter().chain([
            ("input".to_owned(), record(input_type, input.as_object()?)?),
            ("time".to_owned(), time.ok()?),
            ("agent".to_owned(), agent.ok()?),
        ]));
        let user = self.user.clone();
        let request = Request::new(
            user,
            action.clone(),
            tool.clone(),
            context.ok()?,
            Some(&self.schema),
        );
        Some(Prepared {
            request: request.ok()?,
            entities: &holder.0,
        })
    }
}

/// Facts are whole numbers, texts, and sets of texts.
fn of_facts(facts: &BTreeMap<String, Json>) -> Option<RestrictedExpression> {
    let mut pairs = Vec::with_capacity(facts.len());
    for (name, value) in facts {
        let value = match value {
            Json::Array(texts) => {
                RestrictedExpression::new_set(texts.iter().map(scalar).collect::<Option<Vec<_>>>()?)
            }
            Json::Null
            | Json::Bool(_)
            | Json::Integer(_)
            | Json::Decimal(_)
            | Json::String(_)
            | Json::Object(_) => scalar(value)?,
        };
        pairs.push((name.clone(), value));
    }
    RestrictedExpression::new_record(pairs).ok()
}

/// Cedar's own spelling of an instant, in milliseconds.
fn datetime(now: jiff::Timestamp) -> String {
    now.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

fn record(of: &InputType, given: &[(String, Json)]) -> Option<RestrictedExpression> {
    let mut pairs = Vec::with_capacity(given.len());
    for member in of.members().iter().filter(|member| member.opaque.is_none()) {
        let value = given
            .iter()
            .find(|(name, _)| *name == member.name)
            .map(|(_, value)| value);
        match value {
            None => {}
            // Accepted only where the definition allows it, and then the same as absent.
            Some(Json::Null) => {}
            Some(value) => pairs.push((member.name.clone(), of_member(member, value)?)),
        }
    }
    RestrictedExpression::new_record(pairs).ok()
}

fn of_member(member: &Member, value: &Json) -> Option<RestrictedExpression> {
    match (&member.shape, value) {
        (Shape::Object(members), Json::Object(given)) => record(members, given),
        (Shape::Array { .. }, Json::Array(elements)) => {
            let elements = elements.iter().map(scalar).collect::<Option<Vec<_>>>()?;
            Some(RestrictedExpression::new_set(elements))
        }
        (Shape::String { .. } | Shape::Integer { .. } | Shape::Boolean, scalar_value) => {
            scalar(scalar_value)
        }
        // The input passed its type and opaque members are left out: no other pair is left.
        (Shape::Object(_) | Shape::Array { .. } | Shape::Number { .. } | Shape::Anything, _) => {
            None
        }
    }
}

fn scalar(value: &Json) -> Option<RestrictedExpression> {
    match value {
        Json::Bool(truth) => Some(RestrictedExpression::new_bool(*truth)),
        Json::Integer(number) => Some(RestrictedExpression::new_long(*number)),
        Json::String(text) => Some(RestrictedExpression::new_string(text.clone())),
        Json::Null | Json::Decimal(_) | Json::Array(_) | Json::Object(_) => None,
    }
}
