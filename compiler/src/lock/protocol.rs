//! The Model Context Protocol as far as a lock needs it: newline-delimited JSON-RPC on preserved bytes.
//!
//! Answers are read by the strict parser and definitions are taken as they stand in them. A typed client would drop
//! the members it does not know, and the digest has to cover those too. Both eras of the protocol are spoken.

use std::collections::BTreeMap;
use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use serde_json::{Value, json};
use stopgate_author::lock::{Lock, LockedFunction, ServerIdentity};
use stopgate_decide::digest::Digest;
use stopgate_decide::json::Json;

use crate::process::{Server, Silence};

use super::failure::{MAX_FUNCTIONS, MAX_MESSAGES, MAX_PAGES, Nonsense, ServerFailure};

/// Longest text a server may say about itself, or as a cursor, in bytes.
const MAX_TEXT: usize = 1024;
/// Revisions that begin with `initialize`, the newest last.
const LEGACY: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];
/// The first revision without it.
const MODERN: &str = "2026-07-28";

/// How a conversation begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Era {
    /// With `initialize`, up to revision 2025-11-25.
    Initialize,
    /// With `server/discover`, from revision 2026-07-28 on.
    Discover,
}

/// What a server offers.
pub(super) struct Offer {
    pub(super) protocol: String,
    pub(super) server: ServerIdentity,
    pub(super) instructions: Option<Digest>,
    pub(super) functions: BTreeMap<String, LockedFunction>,
}

/// Why there is no offer, before it is known how the server ended.
pub(super) struct Trouble {
    method: &'static str,
    kind: TroubleKind,
}

enum TroubleKind {
    Silence(Silence),
    Nonsense(Nonsense),
    Refused { code: i64, message: String },
}

impl Trouble {
    /// Adds how the server ended and the time that the exchange had, and takes values out of the server's words.
    pub(super) fn into_cause(
        self,
        status: io::Result<ExitStatus>,
        after: Duration,
        redact: impl Fn(&str) -> String,
    ) -> ServerFailure {
        let Self { method, kind } = self;
        match kind {
            TroubleKind::Silence(Silence::TimedOut) => ServerFailure::TimedOut { method, after },
            TroubleKind::Silence(Silence::Ended) => match status {
                Ok(status) => ServerFailure::Ended { method, status },
                Err(error) => ServerFailure::Read(error),
            },
            TroubleKind::Silence(Silence::Broken(error)) => ServerFailure::Read(error),
            TroubleKind::Silence(Silence::TooLong) => ServerFailure::Nonsense {
                method,
                what: Nonsense::LineTooLong,
            },
            TroubleKind::Nonsense(what) => ServerFailure::Nonsense { method, what },
            TroubleKind::Refused { code, message } => ServerFailure::Refused {
                method,
                code,
                message: redact(&message),
            },
        }
    }
}

/// Asks `server` who it is and what it offers.
pub(super) fn offer(server: &Server, era: Era) -> Result<Offer, Trouble> {
    let mut conversation = Conversation {
        server,
        era,
        asked: 0,
        heard: 0,
    };
    let (protocol, server, instructions) = match era {
        Era::Initialize => conversation.initialize()?,
        Era::Discover => conversation.discover()?,
    };
    Ok(Offer {
        protocol,
        server,
        instructions,
        functions: conversation.functions()?,
    })
}

type Introduction = (String, ServerIdentity, Option<Digest>);

struct Conversation<'a> {
    server: &'a Server,
    era: Era,
    /// Requests sent, which number them.
    asked: i64,
    /// Messages received.
    heard: usize,
}

impl Conversation<'_> {
    fn initialize(&mut self) -> Result<Introduction, Trouble> {
        let method = "initialize";
        let [.., newest] = LEGACY;
        let params = json!({"protocolVersion": newest, "capabilities": {}, "clientInfo": client()});
        let result = self.request(method, params)?;
        let nonsense = |what| Trouble {
            method,
            kind: TroubleKind::Nonsense(what),
        };
        let revision = text(&result, "protocolVersion").map_err(nonsense)?;
        if !LEGACY.contains(&revision.as_str()) {
            return Err(nonsense(Nonsense::Revision(printable(&revision))));
        }
        let identity = result
            .get("serverInfo")
            .ok_or(nonsense(Nonsense::Member("serverInfo")))?;
        let identity = identity_of(identity).map_err(nonsense)?;
        let instructions = instructions_of(&result).map_err(nonsense)?;
        self.server
            .say(json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string());
        Ok((revision, identity, instructions))
    }

    fn discover(&mut self) -> Result<Introduction, Trouble> {
        let method = "server/discover";
        let result = self.request(method, json!({}))?;
        let nonsense = |what| Trouble {
            method,
            kind: TroubleKind::Nonsense(what),
        };
        let spoken = result.get("supportedVersions").and_then(Json::as_array);
        let spoken = spoken.ok_or(nonsense(Nonsense::Member("supportedVersions")))?;
        if !spoken
            .iter()
            .any(|revision| revision.as_str() == Some(MODERN))
        {
            let named: Vec<_> = spoken
                .iter()
                .filter_map(Json::as_str)
                .take(8)
                .map(printable)
                .collect();
            return Err(nonsense(Nonsense::Revision(named.join(", "))));
        }
        // Who the server is became a courtesy; a lock says so by empty texts.
        let identity = result
            .get("_meta")
            .and_then(|meta| meta.get("io.modelcontextprotocol/serverInfo"));
        let silent = ServerIdentity {
            name: String::new(),
            version: String::new(),
        };
        let identity = identity.map_or(Ok(silent), identity_of).map_err(nonsense)?;
        Ok((
            MODERN.to_owned(),
            identity,
            instructions_of(&result).map_err(nonsense)?,
        ))
    }

    fn functions(&mut self) -> Result<BTreeMap<String, LockedFunction>, Trouble> {
        let method = "tools/list";
        let nonsense = |what| Trouble {
            method,
            kind: TroubleKind::Nonsense(what),
        };
        let mut functions = BTreeMap::new();
        let mut cursor: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let page = self.request(
                method,
                cursor.map_or(json!({}), |cursor| json!({"cursor": cursor})),
            )?;
            let listed = page
                .get("tools")
                .and_then(Json::as_array)
                .ok_or(nonsense(Nonsense::Member("tools")))?;
            for definition in listed {
                let place = functions.len().saturating_add(1);
                let function = LockedFunction::new(definition.clone())
                    .map_err(|problem| nonsense(Nonsense::Definition { place, problem }))?;
                let name = function.name().to_owned();
                if functions.insert(name.clone(), function).is_some() {
                    return Err(nonsense(Nonsense::Twice(name)));
                }
                if functions.len() > MAX_FUNCTIONS {
                    return Err(nonsense(Nonsense::TooMany));
                }
            }
            cursor = match page.get("nextCursor") {
                // Some servers write an absent member as `null`.
                None | Some(Json::Null) if functions.is_empty() => {
                    return Err(nonsense(Nonsense::Empty));
                }
                None | Some(Json::Null) => return Ok(functions),
                Some(_) => Some(text(&page, "nextCursor").map_err(nonsense)?),
            };
        }
        Err(nonsense(Nonsense::TooMany))
    }

    /// Sends a request and waits for its result.
    fn request(&mut self, method: &'static str, mut params: Value) -> Result<Json, Trouble> {
        self.asked = self.asked.saturating_add(1);
        if let (Era::Discover, Some(params)) = (self.era, params.as_object_mut()) {
            let about = json!({
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo": client(),
            });
            params.insert("_meta".to_owned(), about);
        }
        let request =
            json!({"jsonrpc": "2.0", "id": self.asked, "method": method, "params": params});
        self.server.say(request.to_string());
        self.answer().map_err(|kind| Trouble { method, kind })
    }

    fn answer(&mut self) -> Result<Json, TroubleKind> {
        let nonsense = |what| Err(TroubleKind::Nonsense(what));
        loop {
            self.heard = self.heard.saturating_add(1);
            if self.heard > MAX_MESSAGES {
                return nonsense(Nonsense::TooTalkative);
            }
            let line = self.server.hear().map_err(TroubleKind::Silence)?;
            let message = Json::parse(&line, Lock::LIMITS)
                .map_err(|error| TroubleKind::Nonsense(Nonsense::Json(error)))?;
            if message.get("jsonrpc").and_then(Json::as_str) != Some("2.0") {
                return nonsense(Nonsense::NotAMessage);
            }
            match (message.get("method"), message.get("id")) {
                (Some(_), None) => {}
                (Some(method), Some(id)) => self.serve(method, id),
                (None, Some(id)) if id.as_integer() == Some(self.asked) => {
                    return result_of(&message);
                }
                (None, Some(_)) => return nonsense(Nonsense::OtherRequest),
                (None, None) => return nonsense(Nonsense::NotAMessage),
            }
        }
    }

    /// Answers a request of the server: it may ask whether anybody is there, and nothing else.
    fn serve(&self, method: &Json, id: &Json) {
        let answer = if method.as_str() == Some("ping") {
            r#""result":{}"#
        } else {
            r#""error":{"code":-32601,"message":"this client serves nothing"}"#
        };
        self.server
            .say(format!(r#"{{"jsonrpc":"2.0","id":{id},{answer}}}"#));
    }
}

fn client() -> Value {
    json!({"name": "stopgate", "version": env!("CARGO_PKG_VERSION")})
}

fn result_of(message: &Json) -> Result<Json, TroubleKind> {
    match (message.get("result"), message.get("error")) {
        (Some(result @ Json::Object(_)), None) => {
            // A later era may answer with a question; anything but a finished answer is refused.
            match result.get("resultType").map(Json::as_str) {
                None | Some(Some("complete")) => Ok(result.clone()),
                Some(_) => Err(TroubleKind::Nonsense(Nonsense::Member("resultType"))),
            }
        }
        (None, Some(error)) => {
            let code = error.get("code").and_then(Json::as_integer);
            let message = error.get("message").and_then(Json::as_str);
            let (Some(code), Some(message)) = (code, message) else {
                return Err(TroubleKind::Nonsense(Nonsense::Member("error")));
            };
            Err(TroubleKind::Refused {
                code,
                message: printable(message),
            })
        }
        _ => Err(TroubleKind::Nonsense(Nonsense::NotAMessage)),
    }
}

/// Returns the first 200 characters of a server's words, without those that a terminal would act on.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

fn text(object: &Json, member: &'static str) -> Result<String, Nonsense> {
    let text = object
        .get(member)
        .and_then(Json::as_str)
        .filter(|text| text.len() <= MAX_TEXT);
    text.map(str::to_owned).ok_or(Nonsense::Member(member))
}

fn identity_of(identity: &Json) -> Result<ServerIdentity, Nonsense> {
    Ok(ServerIdentity {
        name: text(identity, "name")?,
        version: text(identity, "version")?,
    })
}

fn instructions_of(result: &Json) -> Result<Option<Digest>, Nonsense> {
    match result.get("instructions") {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => Ok(Some(Digest::compute(text.as_bytes()))),
        Some(_) => Err(Nonsense::Member("instructions")),
    }
}
