//! What an operator says: a file, environment variables and flags, read once into a [`Config`].
//!
//! Every mistake of all three is reported at once. An unknown key is a mistake, and no key turns a check off. Nothing
//! here opens a socket or a log: whether a path is any good is found out by whoever uses it.

mod key;
mod layers;
mod reader;
mod tables;
mod value;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use stopgate_decide::name::{ChannelName, OwnerName};

pub use key::{CALLER_KEYS, IDENTITY_KEYS, Presence, SettingKey, TableKey};
pub use layers::Overrides;
pub use reader::Mistakes;
pub use tables::IssuerConfig;
pub use value::{ClockSkew, Deadline, LogFormat, Loopback, MaxBytes, Poll, Source};

pub use crate::caller::{Caller, Callers, May};

use crate::bounds::MAX_CONFIGURATION_BYTES;
use crate::source::{self, chain};
use layers::Layers;
use reader::{ConfigFile, Reader};

/// Everything the sidecar is told from outside.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file that it was read from, if it was.
    pub file: Option<PathBuf>,
    /// Name of this sidecar in records.
    pub name: String,
    /// The channel whose ceilings hold.
    pub channel: ChannelName,
    /// Whose bundles are taken; `None`: whosever the root's publishers sign.
    pub organisation: Option<OwnerName>,
    /// Where the log lives. One process at a time.
    pub state_dir: PathBuf,
    /// Where callers and probes find it.
    pub listen: Listen,
    /// Where policy comes from, and whom it has to be signed by.
    pub policy: Policy,
    /// How events are written to standard error.
    pub events: Events,
    /// Where the keys of issuers are, by URL. Empty: no token verifies.
    pub identity: BTreeMap<String, IssuerConfig>,
    /// Who may connect. Never empty.
    pub callers: Callers,
}

/// Where callers and probes find the sidecar.
#[derive(Debug, Clone)]
pub struct Listen {
    /// The Unix socket.
    pub socket: PathBuf,
    /// Group that may connect too; name or number. `None`: only the sidecar's own user and root.
    pub socket_group: Option<String>,
    /// Address of `/metrics`, `/livez` and `/readyz`.
    pub metrics: Loopback,
}

/// Where policy comes from.
#[derive(Debug, Clone)]
pub struct Policy {
    /// A signed bundle, or the releases of a channel.
    pub source: Source,
    /// The trust root: a file that only the operator can write.
    pub root: PathBuf,
    /// Time between two looks at a source.
    pub poll: Poll,
    /// Longest bundle.
    pub max_bytes: MaxBytes,
    /// Longest time that one look may take.
    pub deadline: Deadline,
}

/// How events are written to standard error.
#[derive(Debug, Clone, Copy)]
pub struct Events {
    /// For people or for machines.
    pub format: LogFormat,
    /// The least severe ones written.
    pub level: tracing::Level,
}

impl Config {
    /// Reads the file at `path` and lays `overrides` over it: flags over environment over file.
    ///
    /// # Errors
    /// Every mistake there is, each with its place.
    pub fn load(path: &Path, overrides: &Overrides) -> Result<Self, Mistakes> {
        let place = path.display().to_string();
        let bytes = source::read_unowned(path, MAX_CONFIGURATION_BYTES);
        let text = bytes
            .map_err(|error| format!("cannot be read: {}", chain(&error)))
            .and_then(|bytes| String::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned()));
        let mut mistakes = Mistakes::default();
        let text = mistakes.take(&place, text).ok_or(mistakes)?;
        let parsed = Self::parse(&place, &text, overrides)?;
        Ok(Self {
            file: Some(path.to_owned()),
            ..parsed
        })
    }

    /// Reads the `text` of a file that mistakes call `place`, and lays `overrides` over it, as [`Config::load`] does.
    ///
    /// # Errors
    /// Every mistake there is, each with its place.
    pub fn parse(place: &str, text: &str, overrides: &Overrides) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::default();
        let file = ConfigFile { name: place, text };
        let layers = Layers::gather(file, overrides, &mut mistakes);
        let identity = tables::issuers(file, layers.issuers, &mut mistakes);
        let callers = tables::callers(file, layers.callers, &mut mistakes);
        let mut read = Reader {
            file,
            place,
            entries: layers.settings,
            mistakes: &mut mistakes,
        };

        let name = read.text(&key::NAME, value::label);
        let channel = read.text(&key::CHANNEL, value::channel);
        let organisation = read.text(&key::ORGANISATION, value::organisation);
        let state_dir = read.text(&key::STATE_DIR, value::path);
        let socket = read.text(&key::SOCKET, value::socket);
        let socket_group = read.text(&key::SOCKET_GROUP, value::label);
        let metrics = read.text(&key::METRICS, Loopback::parse);
        let source = read.text(&key::SOURCE, Source::parse);
        if matches!(source, Some(Some(Source::Store(_)))) && matches!(organisation, Some(None)) {
            let problem = "`organisation` is required where `policy.source` is a store, which can hold those of several";
            read.mistakes.push(place, problem.to_owned());
        }
        let root = read.text(&key::ROOT, value::path);
        let poll = read.text(&key::POLL, Poll::parse);
        let max_bytes = read.text(&key::MAX_BYTES, MaxBytes::parse);
        let deadline = read.text(&key::DEADLINE, Deadline::parse);
        let format = read.text(&key::LOG_FORMAT, LogFormat::parse);
        let level = read.text(&key::LOG_LEVEL, value::level);

        // Everything was read by now, so every mistake is known before the first one ends this.
        let config = || {
            Some(Self {
                file: None,
                name: name.flatten()?,
                channel: channel.flatten()?,
                organisation: organisation?,
                state_dir: state_dir.flatten()?,
                listen: Listen {
                    socket: socket.flatten()?,
                    socket_group: socket_group?,
                    metrics: metrics.flatten()?,
                },
                policy: Policy {
                    source: source.flatten()?,
                    root: root.flatten()?,
                    poll: poll.flatten()?,
                    max_bytes: max_bytes.flatten()?,
                    deadline: deadline.flatten()?,
                },
                events: Events {
                    format: format.flatten()?,
                    level: level.flatten()?,
                },
                identity: identity?,
                callers: callers?,
            })
        };
        match config() {
            Some(config) if mistakes.is_empty() => Ok(config),
            Some(_) | None => Err(mistakes),
        }
    }
}

#[cfg(test)]
mod tests;
