//! What an operator says: a file, environment variables and flags, read once into a [`Config`].
//!
//! Every mistake of all three is reported at once. An unknown key is a mistake, and no key turns a check off. Nothing
//! here opens a socket or a log: whether a path is any good is found out by whoever uses it.

mod caller;
mod issuer;
mod key;
mod layers;
mod mistake;
mod table;
mod value;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use stopgate_decide::name::{ChannelName, OwnerName};

pub use caller::{CALLER_KEYS, Caller, Callers, May};
pub use issuer::{IDENTITY_KEYS, IssuerConfig};
pub use key::{Presence, SettingKey};
pub use mistake::{Mistake, Mistakes};
pub use table::TableKey;
pub use value::{ClockSkew, Deadline, LogFormat, Loopback, MaxBytes, Poll, Source};

use crate::source::{self, chain};
use layers::Layers;

/// Largest configuration file, in bytes.
pub const MAX_FILE_BYTES: u64 = 1024 * 1024;

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
    /// The signed bundle.
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

/// Where a setting was made outside the file.
#[derive(Debug, Default)]
pub struct Overrides {
    /// Variables of the environment; those that do not begin with `STOPGATE_` are not looked at.
    pub environment: Vec<(OsString, OsString)>,
    /// Values of flags.
    pub flags: Vec<(&'static SettingKey, String)>,
}

impl Config {
    /// Reads the file at `path` and lays `overrides` over it: flags over environment over file.
    ///
    /// # Errors
    /// Every mistake there is, each with its place.
    pub fn load(path: &Path, overrides: &Overrides) -> Result<Self, Mistakes> {
        let place = path.display().to_string();
        let refused = |problem: String| Err(Mistakes::one(Mistake::new(place.clone(), problem)));
        match source::read_unowned(path, MAX_FILE_BYTES) {
            Err(error) => refused(format!("cannot be read: {}", chain(&error))),
            Ok(bytes) => match String::from_utf8(bytes) {
                Ok(text) => {
                    let parsed = Self::parse(&place, &text, overrides)?;
                    Ok(Self {
                        file: Some(path.to_owned()),
                        ..parsed
                    })
                }
                Err(_) => refused("is not UTF-8".to_owned()),
            },
        }
    }

    /// Reads the `text` of a file that mistakes call `place`, and lays `overrides` over it, as [`Config::load`] does.
    ///
    /// # Errors
    /// Every mistake there is, each with its place.
    pub fn parse(place: &str, text: &str, overrides: &Overrides) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::default();
        let mut layers = Layers::gather(place, text, overrides, &mut mistakes);
        let identity = layers.issuers(&mut mistakes);
        let callers = layers.callers(&mut mistakes);
        let mut read = Reader {
            layers: &mut layers,
            mistakes: &mut mistakes,
        };

        let name = read.required(&key::NAME, value::label);
        let channel = read.required(&key::CHANNEL, value::channel);
        let organisation = read.optional(&key::ORGANISATION, value::organisation);
        let state_dir = read.required(&key::STATE_DIR, value::path);
        let socket = read.required(&key::SOCKET, value::socket);
        let socket_group = read.optional(&key::SOCKET_GROUP, value::label);
        let metrics = read.required(&key::METRICS, Loopback::parse);
        let source = read.required(&key::SOURCE, Source::parse);
        let root = read.required(&key::ROOT, value::path);
        let poll = read.required(&key::POLL, Poll::parse);
        let max_bytes = read.required(&key::MAX_BYTES, MaxBytes::parse);
        let deadline = read.required(&key::DEADLINE, Deadline::parse);
        let format = read.required(&key::LOG_FORMAT, LogFormat::parse);
        let level = read.required(&key::LOG_LEVEL, value::level);

        let config = || {
            Some(Self {
                file: None,
                name: name?,
                channel: channel?,
                organisation: organisation?,
                state_dir: state_dir?,
                listen: Listen {
                    socket: socket?,
                    socket_group: socket_group?,
                    metrics: metrics?,
                },
                policy: Policy {
                    source: source?,
                    root: root?,
                    poll: poll?,
                    max_bytes: max_bytes?,
                    deadline: deadline?,
                },
                events: Events {
                    format: format?,
                    level: level?,
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

/// Reads settings one by one and keeps going after a mistake.
struct Reader<'a> {
    layers: &'a mut Layers,
    mistakes: &'a mut Mistakes,
}

impl Reader<'_> {
    /// Reads the setting `key` with `parse`. Returns `None` after a mistake; a setting that is not made is one too.
    fn required<T>(
        &mut self,
        key: &'static SettingKey,
        parse: fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        match self.optional(key, parse)? {
            Some(value) => Some(value),
            None => {
                let problem = format!("`{}` is required: {}", key.path(), key.form);
                self.mistakes
                    .push(Mistake::new(self.layers.file(), problem));
                None
            }
        }
    }

    /// Reads the setting `key` with `parse`. Returns `None` after a mistake, and `Some(None)` if the setting is not
    /// made and has no default.
    fn optional<T>(
        &mut self,
        key: &'static SettingKey,
        parse: fn(&str) -> Result<T, String>,
    ) -> Option<Option<T>> {
        let Some((place, text)) = self.layers.setting(key) else {
            return Some(None);
        };
        match parse(&text) {
            Ok(value) => Some(Some(value)),
            Err(problem) => {
                self.mistakes
                    .push(Mistake::new(place, format!("`{}` {problem}", key.path())));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
