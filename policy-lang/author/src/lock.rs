//! The lock of a tool: what its server offers, as the server said it, pinned by digests that reviewers approved.
//!
//! The text is written by `stopgate lock` and never by hand. Reading it recomputes every digest, so a definition that
//! was edited in the file is refused. How the definitions are fetched is not known here.

mod change;
mod pretty;
mod read;

use std::collections::BTreeMap;
use std::fmt;

pub use change::{Change, ChangeKind, Class, ContractStep, changes, step_of};
pub use pretty::pretty;
pub use read::{LockError, LockProblem, Mistake};

use stopgate_decide::digest::Digest;
use stopgate_decide::json::{Json, Limits};
use stopgate_decide::name::ToolName;
use stopgate_decide::version::Version;

/// What one server offers, and the contract it was reviewed for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// The tool's name in the catalog.
    pub tool: ToolName,
    /// `server.contract` of the catalog when the lock was written.
    pub contract: Version,
    /// Who the server says it is. Unverified: it is shown to people and decides nothing.
    pub server: ServerIdentity,
    /// Revision of the Model Context Protocol that was spoken.
    pub protocol: String,
    /// SHA-256 of the instructions the server gives to models, if it gives any.
    pub instructions: Option<Digest>,
    /// Its functions, by name.
    pub functions: BTreeMap<String, LockedFunction>,
}

/// Name and version that a server reports of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerIdentity {
    /// Its name.
    pub name: String,
    /// Its version, in whatever form it likes.
    pub version: String,
}

/// One function of a server. Only [`LockedFunction::new`] makes one, so its digest is that of its definition.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LockedFunction {
    /// Digest of the definition without `_meta` and `icons`, which say nothing about calls.
    pub digest: Digest,
    /// The definition as the server sent it, members in their order, none left out.
    pub definition: Json,
    /// Its `inputSchema`, an object.
    pub input_schema: Json,
}

/// Why a value is not the definition of a function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDefinition {
    /// Not an object.
    #[error("a definition is an object")]
    NotAnObject,
    /// No `name`, or one that is no text.
    #[error("a definition has a `name`")]
    NoName,
    /// A name outside the alphabet of the protocol.
    #[error("a function's name has 1 to 128 characters of A-Z, a-z, 0-9, `_`, `-` and `.`")]
    Name,
    /// No `inputSchema`, or one that is no object.
    #[error("a definition has an `inputSchema`, which is an object")]
    NoInputSchema,
}

impl LockedFunction {
    /// Domain of the digest.
    pub const DOMAIN: &'static str = "stopgate-tool-v1";

    /// Makes the locked function of `definition`: checks the definition and computes its digest.
    ///
    /// # Errors
    /// [`InvalidDefinition`] when it lacks what every definition has.
    pub fn new(definition: Json) -> Result<Self, InvalidDefinition> {
        let Json::Object(members) = &definition else {
            return Err(InvalidDefinition::NotAnObject);
        };
        let name = definition
            .get("name")
            .and_then(Json::as_str)
            .ok_or(InvalidDefinition::NoName)?;
        // The protocol's alphabet and length for the names of functions.
        let alphabet = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if name.is_empty() || name.len() > 128 || !name.bytes().all(alphabet) {
            return Err(InvalidDefinition::Name);
        }
        let schema = definition
            .get("inputSchema")
            .filter(|schema| schema.as_object().is_some());
        let input_schema = schema.ok_or(InvalidDefinition::NoInputSchema)?.clone();
        // `_meta` and `icons` say nothing about calls: the digest passes over them.
        let pinned = members
            .iter()
            .filter(|(member, _)| member != "_meta" && member != "icons");
        let digest = Json::Object(pinned.cloned().collect()).digest(Self::DOMAIN);
        Ok(Self {
            digest,
            definition,
            input_schema,
        })
    }

    /// Returns the function's name on the server.
    #[must_use]
    pub fn name(&self) -> &str {
        // `new` has seen that there is one.
        self.definition
            .get("name")
            .and_then(Json::as_str)
            .unwrap_or_default()
    }
}

impl Lock {
    /// Version of the format.
    pub const FORMAT: i64 = 1;

    /// What a lock's text may be at most.
    pub const LIMITS: Limits = Limits {
        bytes: 1024 * 1024,
        depth: 32,
        members: 100_000,
    };

    /// Reads the text of a lock and recomputes every digest in it.
    ///
    /// # Errors
    /// [`LockError`] holds every mistake of the text, each with its place.
    pub fn parse(text: &[u8]) -> Result<Self, LockError> {
        read::lock(text)
    }
}

/// Prints the text of the file: functions sorted by name, two spaces, a newline at the end.
impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |text: &str| Json::String(text.to_owned());
        let object = |members: Vec<(&str, Json)>| {
            Json::Object(
                members
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect(),
            )
        };
        let function = |function: &LockedFunction| {
            object(vec![
                ("digest", text(&function.digest.to_string())),
                ("definition", function.definition.clone()),
            ])
        };
        let ServerIdentity { name, version } = &self.server;
        let lock = object(vec![
            ("stopgate", Json::Integer(Self::FORMAT)),
            ("tool", text(self.tool.as_str())),
            ("contract", text(&self.contract.to_string())),
            (
                "server",
                object(vec![("name", text(name)), ("version", text(version))]),
            ),
            ("protocol", text(&self.protocol)),
            (
                "instructions",
                self.instructions
                    .map_or(Json::Null, |digest| text(&digest.to_string())),
            ),
            (
                "functions",
                Json::Array(self.functions.values().map(function).collect()),
            ),
        ]);
        writeln!(f, "{}", pretty(&lock))
    }
}

#[cfg(test)]
mod tests;
