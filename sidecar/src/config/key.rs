//! The list of settings. The file, the environment, the flags, `--help` and the reference page are all made from it.

/// One setting that is a single text.
#[derive(Debug, PartialEq, Eq)]
pub struct SettingKey {
    /// Table of the file it stands in; `None` is the top level.
    pub section: Option<&'static str>,
    /// Its name there.
    pub name: &'static str,
    /// What holds when it is not set.
    pub presence: Presence,
    /// What a value looks like.
    pub form: &'static str,
    /// What it does.
    pub about: &'static str,
}

/// What holds when a setting is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It has to be made.
    Required,
    /// Nothing.
    Optional,
    /// This value.
    Default(&'static str),
}

pub(super) const NAME: SettingKey = SettingKey {
    section: None,
    name: "name",
    presence: Presence::Default("sidecar"),
    form: "1 to 64 printable characters",
    about: "Name of this sidecar in its records.",
};
pub(super) const CHANNEL: SettingKey = SettingKey {
    section: None,
    name: "channel",
    presence: Presence::Required,
    form: "a channel of stopgate.yaml",
    about: "Channel whose ceilings hold. A bundle that does not name it is refused.",
};
pub(super) const ORGANISATION: SettingKey = SettingKey {
    section: None,
    name: "organisation",
    presence: Presence::Optional,
    form: "the organisation of stopgate.yaml",
    about: "Whose bundles are taken. One of another organisation is refused, whoever signed it.",
};
pub(super) const STATE_DIR: SettingKey = SettingKey {
    section: None,
    name: "state_dir",
    presence: Presence::Required,
    form: "a folder",
    about: "Holds the decision log and the bundle that was verified last. One process at a time; created with mode 0700 if \
            it is missing.",
};
pub(super) const SOCKET: SettingKey = SettingKey {
    section: Some("listen"),
    name: "socket",
    presence: Presence::Required,
    form: "a path of at most 107 bytes",
    about: "Unix socket of the gRPC service, created with mode 0600. Its folder must not be writable by others.",
};
pub(super) const SOCKET_GROUP: SettingKey = SettingKey {
    section: Some("listen"),
    name: "socket_group",
    presence: Presence::Optional,
    form: "a group of /etc/group, or its number",
    about: "Group that may connect too: the socket gets mode 0660. Callers are still checked by uid.",
};
pub(super) const METRICS: SettingKey = SettingKey {
    section: Some("listen"),
    name: "metrics",
    presence: Presence::Default("127.0.0.1:9464"),
    form: "a loopback address and a port",
    about: "Where GET /metrics, /livez and /readyz are answered, and nothing else.",
};
pub(super) const SOURCE: SettingKey = SettingKey {
    section: Some("policy"),
    name: "source",
    presence: Presence::Required,
    form: "file:PATH",
    about: "The signed bundle. A new one is put in place by renaming it over the old one.",
};
pub(super) const ROOT: SettingKey = SettingKey {
    section: Some("policy"),
    name: "root",
    presence: Presence::Required,
    form: "a file",
    about: "The trust root as it is at the start: only bundles signed as it asks are ever used. Looked at as often as the \
            policy; one that changes is reported, and taken at the next start.",
};
pub(super) const POLL: SettingKey = SettingKey {
    section: Some("policy"),
    name: "poll",
    presence: Presence::Default("5s"),
    form: "a duration from 50ms to 1h",
    about: "Time between two looks at the bundle, the root and each key set.",
};
pub(super) const MAX_BYTES: SettingKey = SettingKey {
    section: Some("policy"),
    name: "max_bytes",
    presence: Presence::Default("32MiB"),
    form: "a number of bytes from 64KiB to 256MiB",
    about: "Longest bundle. A longer file is refused before it is read.",
};
pub(super) const DEADLINE: SettingKey = SettingKey {
    section: Some("policy"),
    name: "deadline",
    presence: Presence::Default("10s"),
    form: "a duration from 100ms to 10m",
    about: "Longest time that reading the bundle, the root or a key set may take. A look that takes longer has failed.",
};
pub(super) const LOG_FORMAT: SettingKey = SettingKey {
    section: Some("log"),
    name: "format",
    presence: Presence::Default("text"),
    form: "text or json",
    about: "Format of the events on standard error. They are not the decision log.",
};
pub(super) const LOG_LEVEL: SettingKey = SettingKey {
    section: Some("log"),
    name: "level",
    presence: Presence::Default("info"),
    form: "error, warn, info, debug or trace",
    about: "Least severe events written.",
};

impl SettingKey {
    /// Every setting, in the order of the reference page.
    pub const ALL: [&'static Self; 14] = [
        &CHANNEL,
        &ORGANISATION,
        &STATE_DIR,
        &NAME,
        &SOCKET,
        &SOCKET_GROUP,
        &METRICS,
        &SOURCE,
        &ROOT,
        &POLL,
        &MAX_BYTES,
        &DEADLINE,
        &LOG_FORMAT,
        &LOG_LEVEL,
    ];

    /// Returns the setting's name as mistakes give it: `section.name`, or `name` at the top level.
    #[must_use]
    pub fn path(&self) -> String {
        self.section.map_or_else(
            || self.name.to_owned(),
            |section| format!("{section}.{}", self.name),
        )
    }

    /// Returns the name of the environment variable that overrides the file.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("STOPGATE_{}", self.path().replace('.', "_").to_uppercase())
    }

    /// Returns the name of the flag that overrides the variable, without the dashes before it.
    #[must_use]
    pub fn flag(&self) -> String {
        self.path().replace(['.', '_'], "-")
    }
}
