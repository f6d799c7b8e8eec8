//! Reading a lock's text: every member known, every digest recomputed, every mistake reported with its place.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use stopgate_decide::digest::Digest;
use stopgate_decide::json::{InvalidJson, Json};

use super::{InvalidDefinition, Lock, LockedFunction, ServerIdentity};

/// Why a text is not a lock: at least one mistake, in the order of the text's members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockError {
    /// The mistakes, never none.
    pub mistakes: Vec<Mistake>,
}

/// One mistake in a lock's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// JSON Pointer to the wrong value; empty for the whole text.
    pub place: String,
    /// What is wrong with it.
    pub problem: LockProblem,
}

/// What can be wrong in a lock's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockProblem {
    /// Not strict JSON.
    #[error("{0}")]
    Json(InvalidJson),
    /// A format this version does not know.
    #[error("this version reads locks of format {}", Lock::FORMAT)]
    Format,
    /// A member that has to be there is not.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A member that no lock has.
    #[error("a lock has no member `{0}`")]
    Unknown(String),
    /// A value of the wrong kind or form.
    #[error("this has to be {0}")]
    Expected(&'static str),
    /// A definition that is none.
    #[error("{0}")]
    Definition(InvalidDefinition),
    /// A definition that is not the one that was reviewed.
    #[error(
        "the definition of `{function}` has the digest {found}: it was changed after it was locked"
    )]
    Digest {
        /// The function's name.
        function: String,
        /// Digest of the definition as it stands.
        found: Digest,
    },
    /// Two functions of one name.
    #[error("`{0}` is locked twice")]
    Twice(String),
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, problem } = self;
        if place.is_empty() {
            write!(f, "{problem}")
        } else {
            write!(f, "{place}: {problem}")
        }
    }
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, mistake) in self.mistakes.iter().enumerate() {
            write!(f, "{}{mistake}", if at == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for LockError {}

pub(super) fn lock(text: &[u8]) -> Result<Lock, LockError> {
    let mut mistakes = Mistakes(Vec::new());
    let lock = Json::parse(text, Lock::LIMITS)
        .map_err(|error| mistakes.push("", LockProblem::Json(error)))
        .ok()
        .and_then(|document| document_of(&document, &mut mistakes));
    // A lock with one mistake is no lock, even where its members could be read.
    match lock {
        Some(lock) if mistakes.0.is_empty() => Ok(lock),
        _ => Err(LockError {
            mistakes: mistakes.0,
        }),
    }
}

struct Mistakes(Vec<Mistake>);

impl Mistakes {
    fn push(&mut self, place: impl Into<String>, problem: LockProblem) {
        self.0.push(Mistake {
            place: place.into(),
            problem,
        });
    }

    /// Returns the members `names` of the object at `place`, in the order of `names`. Reports each of `names` that is
    /// absent and each other member; reports a value that is no object, and returns `None` for it.
    fn members<'a, const N: usize>(
        &mut self,
        object: &'a Json,
        place: &str,
        names: [&'static str; N],
    ) -> Option<[Option<&'a Json>; N]> {
        let Some(members) = object.as_object() else {
            self.push(place, LockProblem::Expected("an object"));
            return None;
        };
        // Every unknown member is told, so an author sees at once what a newer version wrote.
        for (name, _) in members {
            if !names.contains(&name.as_str()) {
                self.push(place, LockProblem::Unknown(name.clone()));
            }
        }
        Some(names.map(|name| {
            let found = object.get(name);
            if found.is_none() {
                self.push(place, LockProblem::Missing(name));
            }
            found
        }))
    }

    fn text(&mut self, value: Option<&Json>, place: &str) -> Option<String> {
        let value = value?;
        if value.as_str().is_none() {
            self.push(place, LockProblem::Expected("a text"));
        }
        value.as_str().map(str::to_owned)
    }

    fn parsed<T: FromStr>(
        &mut self,
        value: Option<&Json>,
        place: &str,
        form: &'static str,
    ) -> Option<T> {
        let value = value?;
        let parsed = value.as_str().and_then(|text| text.parse().ok());
        if parsed.is_none() {
            self.push(place, LockProblem::Expected(form));
        }
        parsed
    }
}

const DIGEST: &str = "`sha256:` and 64 lower-case hexadecimal digits";

fn document_of(document: &Json, mistakes: &mut Mistakes) -> Option<Lock> {
    // The format first: a lock of another format is not judged by the rules of this one.
    if let Some(format) = document.get("stopgate")
        && format.as_integer() != Some(Lock::FORMAT)
    {
        mistakes.push("/stopgate", LockProblem::Format);
        return None;
    }
    let names = [
        "stopgate",
        "tool",
        "contract",
        "server",
        "protocol",
        "instructions",
        "functions",
    ];
    let [_, tool, contract, server, protocol, instructions, functions] =
        mistakes.members(document, "", names)?;
    let tool = mistakes.parsed(tool, "/tool", "the name of a tool");
    let contract = mistakes.parsed(contract, "/contract", "a version such as `2.1.0`");
    let server = server.and_then(|server| identity_of(server, mistakes));
    let protocol = mistakes.text(protocol, "/protocol");
    // A server without instructions has `null` there; the member is never left out.
    let instructions = match instructions {
        Some(Json::Null) => Some(None),
        other => mistakes.parsed(other, "/instructions", DIGEST).map(Some),
    };
    let functions = functions.and_then(|functions| functions_of(functions, mistakes));
    Some(Lock {
        tool: tool?,
        contract: contract?,
        server: server?,
        protocol: protocol?,
        instructions: instructions?,
        functions: functions?,
    })
}

fn identity_of(server: &Json, mistakes: &mut Mistakes) -> Option<ServerIdentity> {
    let [name, version] = mistakes.members(server, "/server", ["name", "version"])?;
    let name = mistakes.text(name, "/server/name");
    let version = mistakes.text(version, "/server/version");
    Some(ServerIdentity {
        name: name?,
        version: version?,
    })
}

fn functions_of(
    functions: &Json,
    mistakes: &mut Mistakes,
) -> Option<BTreeMap<String, LockedFunction>> {
    let Some(elements) = functions.as_array() else {
        mistakes.push("/functions", LockProblem::Expected("an array"));
        return None;
    };
    let mut by_name = BTreeMap::new();
    for (at, element) in elements.iter().enumerate() {
        let place = format!("/functions/{at}");
        let Some(function) = function_of(element, &place, mistakes) else {
            // The next function may have mistakes of its own.
            continue;
        };
        let name = function.name().to_owned();
        // A server that offers one name twice leaves open which of the two a call means.
        if by_name.insert(name.clone(), function).is_some() {
            mistakes.push(place, LockProblem::Twice(name));
        }
    }
    Some(by_name)
}

fn function_of(element: &Json, place: &str, mistakes: &mut Mistakes) -> Option<LockedFunction> {
    let [digest, definition] = mistakes.members(element, place, ["digest", "definition"])?;
    let digest: Option<Digest> = mistakes.parsed(digest, &format!("{place}/digest"), DIGEST);
    let place = format!("{place}/definition");
    let function = LockedFunction::new(definition?.clone())
        .map_err(|error| mistakes.push(place.clone(), LockProblem::Definition(error)))
        .ok()?;
    // The text is never edited by hand, so a digest that does not fit shows that somebody did.
    if digest? != function.digest {
        let name = function.name().to_owned();
        mistakes.push(
            place,
            LockProblem::Digest {
                function: name,
                found: function.digest,
            },
        );
        return None;
    }
    Some(function)
}
