//! What changed between two locks of a tool, and how large a step of its contract that is.
//!
//! Only what is known to be harmless counts as compatible. Everything else is breaking, widening included: a call
//! that was impossible when the rules were written is a call no rule was written for.

mod schema;

use std::collections::BTreeSet;

use stopgate_decide::json::Json;
use stopgate_decide::version::Version;

use super::{Lock, LockedFunction};

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The function whose definition changed; `None` when it is about the server.
    pub function: Option<String>,
    /// JSON Pointer into the definition, or into the lock; empty for the whole definition.
    pub place: String,
    /// What kind of difference it is.
    pub kind: ChangeKind,
    /// The value that was locked, if there was one.
    pub before: Option<Json>,
    /// The value that is offered now, if there is one.
    pub after: Option<Json>,
}

/// What kind of difference a [`Change`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChangeKind {
    /// A title, a description or another text that only people and models read.
    Wording,
    /// The same values in another order.
    Order,
    /// The server's instructions to models.
    Instructions,
    /// The version the server reports of itself.
    ServerVersion,
    /// The revision of the protocol that was spoken.
    Protocol,
    /// The server's own hints, which nothing trusts.
    Annotations,
    /// A function that was not there.
    FunctionAdded,
    /// A property that was not there and need not be given.
    OptionalProperty,
    /// A schema under `$defs` that was not there; it says nothing until another place refers to it.
    SharedSchema,
    /// Another server.
    ServerName,
    /// A function that is gone.
    FunctionRemoved,
    /// A property that is gone.
    PropertyRemoved,
    /// A property that was not there and has to be given.
    RequiredProperty,
    /// A property that could be left out and now has to be given.
    NowRequired,
    /// A property that had to be given and now can be left out.
    NoLongerRequired,
    /// A type, an enumeration or a bound that accepts less.
    Narrowed,
    /// A type, an enumeration or a bound that accepts more.
    Widened,
    /// What results look like: a member nobody masks may be among them.
    Result,
    /// Anything else.
    Other,
}

/// Whether callers and rules made for the lock still fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// They do.
    Compatible,
    /// They may not.
    Breaking,
}

/// A step of a contract's version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContractStep {
    /// For wording.
    Patch,
    /// For additions.
    Minor,
    /// For what breaks.
    Major,
}

impl ChangeKind {
    /// Returns the smallest step of the contract that a change of this kind asks for.
    #[must_use]
    pub const fn step(self) -> ContractStep {
        match self {
            Self::Wording | Self::Order | Self::Instructions | Self::ServerVersion => {
                ContractStep::Patch
            }
            Self::Protocol
            | Self::Annotations
            | Self::FunctionAdded
            | Self::OptionalProperty
            | Self::SharedSchema => ContractStep::Minor,
            Self::ServerName
            | Self::FunctionRemoved
            | Self::PropertyRemoved
            | Self::RequiredProperty
            | Self::NowRequired
            | Self::NoLongerRequired
            | Self::Narrowed
            | Self::Widened
            | Self::Result
            | Self::Other => ContractStep::Major,
        }
    }

    /// Returns whether a change of this kind is compatible or breaking. A change that asks for a major step is
    /// breaking.
    #[must_use]
    pub const fn class(self) -> Class {
        match self.step() {
            ContractStep::Patch | ContractStep::Minor => Class::Compatible,
            ContractStep::Major => Class::Breaking,
        }
    }

    /// Returns the word for the kind in reports for machines.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wording => "wording",
            Self::Order => "order",
            Self::Instructions => "instructions",
            Self::ServerVersion => "server-version",
            Self::Protocol => "protocol",
            Self::Annotations => "annotations",
            Self::FunctionAdded => "function-added",
            Self::OptionalProperty => "optional-property",
            Self::SharedSchema => "shared-schema",
            Self::ServerName => "server-name",
            Self::FunctionRemoved => "function-removed",
            Self::PropertyRemoved => "property-removed",
            Self::RequiredProperty => "required-property",
            Self::NowRequired => "now-required",
            Self::NoLongerRequired => "no-longer-required",
            Self::Narrowed => "narrowed",
            Self::Widened => "widened",
            Self::Result => "result",
            Self::Other => "other",
        }
    }

    /// Returns the words for the kind in reports for people.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Wording => "another text",
            Self::Order => "the same in another order",
            Self::Instructions => "other instructions to models",
            Self::ServerVersion => "another version of the server",
            Self::Protocol => "another revision of the protocol",
            Self::Annotations => "other hints of the server",
            Self::FunctionAdded => "a new function",
            Self::OptionalProperty => "a new optional property",
            Self::SharedSchema => "a new shared schema",
            Self::ServerName => "another server",
            Self::FunctionRemoved => "the function is gone",
            Self::PropertyRemoved => "the property is gone",
            Self::RequiredProperty => "a new property that has to be given",
            Self::NowRequired => "now has to be given",
            Self::NoLongerRequired => "need not be given any more",
            Self::Narrowed => "accepts less",
            Self::Widened => "accepts more: calls that no rule was written for",
            Self::Result => "other results: a mask may miss what is new in them",
            Self::Other => "not known to be harmless",
        }
    }
}

impl Class {
    /// Returns the word for the class in reports for machines and for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Compatible => "compatible",
            Self::Breaking => "breaking",
        }
    }
}

impl ContractStep {
    /// Returns the word for the step in reports for machines and for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Patch => "patch",
            Self::Minor => "minor",
            Self::Major => "major",
        }
    }

    /// Returns whether the contract goes forward from `from` to `to` by at least this step.
    #[must_use]
    // A larger step than the one that is asked for counts too.
    pub fn is_taken(self, from: Version, to: Version) -> bool {
        match self {
            Self::Patch => to > from,
            Self::Minor => (to.major, to.minor) > (from.major, from.minor),
            Self::Major => to.major > from.major,
        }
    }

    /// Returns the smallest version that takes this step from `version`.
    #[must_use]
    pub const fn after(self, version: Version) -> Version {
        let Version {
            major,
            minor,
            patch,
        } = version;
        match self {
            Self::Patch => Version {
                patch: patch.saturating_add(1),
                ..version
            },
            Self::Minor => Version {
                major,
                minor: minor.saturating_add(1),
                patch: 0,
            },
            Self::Major => Version {
                major: major.saturating_add(1),
                minor: 0,
                patch: 0,
            },
        }
    }
}

/// Returns the largest step that any of `changes` asks for; `None` when there are no changes.
#[must_use]
pub fn step_of(changes: &[Change]) -> Option<ContractStep> {
    changes.iter().map(|change| change.kind.step()).max()
}

/// Returns everything that differs between `old` and `new`, the server first, then function by function. There is no
/// difference exactly when the tool, the server's name and version, protocol, instructions and all digests are equal;
/// the contract is not compared.
#[must_use]
pub fn changes(old: &Lock, new: &Lock) -> Vec<Change> {
    let mut changes = server_changes(old, new);
    let names: BTreeSet<_> = old.functions.keys().chain(new.functions.keys()).collect();
    for name in names {
        let whole = |kind, before: Option<&Json>, after: Option<&Json>| Change {
            function: Some(name.clone()),
            place: String::new(),
            kind,
            before: before.cloned(),
            after: after.cloned(),
        };
        match (old.functions.get(name), new.functions.get(name)) {
            // Equal digests mean equal definitions, except for what the digest passes over.
            (Some(old), Some(new)) if old.digest == new.digest => {}
            (Some(old), Some(new)) => {
                let found = definition_changes(name, old, new);
                // The digests differ and no difference was found, which is not known to be harmless.
                if found.is_empty() {
                    changes.push(whole(
                        ChangeKind::Other,
                        Some(&old.definition),
                        Some(&new.definition),
                    ));
                }
                changes.extend(found);
            }
            (Some(old), None) => changes.push(whole(
                ChangeKind::FunctionRemoved,
                Some(&old.definition),
                None,
            )),
            (None, Some(new)) => changes.push(whole(
                ChangeKind::FunctionAdded,
                None,
                Some(&new.definition),
            )),
            (None, None) => {}
        }
    }
    changes
}

fn server_changes(old: &Lock, new: &Lock) -> Vec<Change> {
    let text = |text: &str| Some(Json::String(text.to_owned()));
    let instructions = |lock: &Lock| {
        lock.instructions
            .and_then(|digest| text(&digest.to_string()))
    };
    let parts = [
        (
            "/tool",
            ChangeKind::Other,
            text(old.tool.as_str()),
            text(new.tool.as_str()),
        ),
        (
            "/server/name",
            ChangeKind::ServerName,
            text(&old.server.name),
            text(&new.server.name),
        ),
        (
            "/server/version",
            ChangeKind::ServerVersion,
            text(&old.server.version),
            text(&new.server.version),
        ),
        (
            "/protocol",
            ChangeKind::Protocol,
            text(&old.protocol),
            text(&new.protocol),
        ),
        (
            "/instructions",
            ChangeKind::Instructions,
            instructions(old),
            instructions(new),
        ),
    ];
    let changed = parts
        .into_iter()
        .filter(|(_, _, before, after)| before != after);
    changed
        .map(|(place, kind, before, after)| Change {
            function: None,
            place: place.to_owned(),
            kind,
            before,
            after,
        })
        .collect()
}

fn definition_changes(name: &str, old: &LockedFunction, new: &LockedFunction) -> Vec<Change> {
    let mut found = schema::Findings::new(name);
    // Members of both sides: one that came is as much of a change as one that went.
    for member in schema::members_of(&old.definition, &new.definition) {
        let (before, after) = (old.definition.get(member), new.definition.get(member));
        let place = schema::below("", member);
        if schema::same(before, after) {
            continue;
        }
        match (member, before, after) {
            // The digest passes over these.
            ("_meta" | "icons", ..) => {}
            ("inputSchema", Some(before), Some(after)) => found.input_schema(&place, before, after),
            ("outputSchema", Some(before), Some(after)) => {
                found.output_schema(&place, before, after)
            }
            ("outputSchema", ..) => found.push(place, ChangeKind::Result, before, after),
            ("annotations", ..) => found.push(place, ChangeKind::Annotations, before, after),
            // A `title` that is no text is no wording: nobody knows what it is.
            ("title" | "description", ..) if schema::texts(before, after) => {
                found.push(place, ChangeKind::Wording, before, after);
            }
            // A member of a definition that this version does not know may say anything.
            _ => found.push(place, ChangeKind::Other, before, after),
        }
    }
    found.changes
}
