//! The table of keys: what each is called, what holds without it, what its value looks like and what it means. The
//! reader, the environment, the flags, `--help` and the reference page all go by it.

/// What holds when a key is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It has to be there.
    Required,
    /// Nothing.
    Optional,
    /// This value.
    Default(&'static str),
}

/// One setting: a single text, which a variable of the environment or a flag can give too.
#[derive(Debug, PartialEq, Eq)]
pub struct SettingKey {
    name: &'static str,
    /// What holds when it is not set.
    pub presence: Presence,
    /// What a value looks like.
    pub form: &'static str,
    /// What it does.
    pub about: &'static str,
}

/// One key of a table that repeats, such as `[[callers]]`. It can be set in the file only.
#[derive(Debug, PartialEq, Eq)]
pub struct TableKey {
    /// Its name.
    pub name: &'static str,
    /// Whether it has to be there.
    pub required: bool,
    /// What a value looks like.
    pub form: &'static str,
    /// What it does.
    pub about: &'static str,
}

/// A row of the table of keys.
pub(super) trait Row {
    /// Returns the key's name in mistakes, what holds without the key, and what its value looks like.
    fn row(&self) -> (&'static str, Presence, &'static str);
}

/// Makes a constant of each setting, and the list of all.
macro_rules! settings {
    ($($key:ident: $name:literal, $presence:expr, $form:literal, $about:literal;)+) => {
        $(pub(super) const $key: SettingKey =
            SettingKey { name: $name, presence: $presence, form: $form, about: $about };)+

        impl SettingKey {
            /// Every setting, in the order of the reference page.
            pub const ALL: [&'static Self; [$($name),+].len()] = [$(&$key),+];
        }
    };
}

settings! {
    CHANNEL: "channel", Presence::Required, "a channel of stopgate.yaml",
        "Channel whose ceilings hold. A bundle that does not name it is refused.";
    ORGANISATION: "organisation", Presence::Optional, "the organisation of stopgate.yaml",
        "Whose bundles are taken. One of another organisation is refused, whoever signed it.";
    STATE_DIR: "state_dir", Presence::Required, "a folder",
        "Holds the decision log, the bundle that was verified last, and what was seen: the channel's marks and stops, and \
         the trust roots. One process at a time; created with mode 0700 if it is missing.";
    NAME: "name", Presence::Default("sidecar"), "1 to 64 printable characters",
        "Name of this sidecar in its records.";
    SOCKET: "listen.socket", Presence::Required, "a path of at most 107 bytes",
        "Unix socket of the gRPC service, created with mode 0600. Its folder must not be writable by others.";
    SOCKET_GROUP: "listen.socket_group", Presence::Optional, "a group of /etc/group, or its number",
        "Group that may connect too: the socket gets mode 0660. Callers are still checked by uid.";
    METRICS: "listen.metrics", Presence::Default("127.0.0.1:9464"), "a loopback address and a port",
        "Where GET /metrics, /livez and /readyz are answered, and nothing else.";
    SOURCE: "policy.source", Presence::Required, "file:PATH, dir:FOLDER or dynamodb:TABLE",
        "A signed bundle in a file, which a new one is renamed over; or a store that `stopgate publish` writes to, whose \
         releases of the channel are followed and never go back.";
    ROOT: "policy.root", Presence::Required, "a file",
        "The trust root: only bundles signed as it asks are ever used. Looked at as often as the policy, and so is the store: \
         the next version is taken when the root keys of this one have signed it; any other change is reported.";
    POLL: "policy.poll", Presence::Default("5s"), "a duration from 50ms to 1h",
        "Time between two looks at the bundle, the root and each key set.";
    MAX_BYTES: "policy.max_bytes", Presence::Default("32MiB"), "a number of bytes from 64KiB to 256MiB",
        "Longest bundle. A longer file is refused before it is read.";
    DEADLINE: "policy.deadline", Presence::Default("10s"), "a duration from 100ms to 10m",
        "Longest time that reading the bundle, the root or a key set may take. A look that takes longer has failed.";
    LOG_FORMAT: "log.format", Presence::Default("text"), "text or json",
        "Format of the events on standard error. They are not the decision log.";
    LOG_LEVEL: "log.level", Presence::Default("info"), "error, warn, info, debug or trace",
        "Least severe events written.";
}

/// Makes a list of the keys of a table.
macro_rules! table {
    ($($name:literal, $required:literal, $form:literal, $about:literal;)+) => {
        [$(TableKey { name: $name, required: $required, form: $form, about: $about }),+]
    };
}

/// Every key of a `[[callers]]` table: its name, whether it is required, its form, its meaning.
pub const CALLER_KEYS: [TableKey; 6] = table! {
    "uid", true, "a number",
        "The user that connections of this caller come from, as the kernel reports it. Unique.";
    "agent", true, "1 to 64 printable characters",
        "The agent's id when an attempt names none.";
    "tools", true, "a list of names",
        "Tools it may ask about; any other is an unknown tool to it.";
    "may", true, "a list of `decide`, `assert_subject`, `assert_agent`",
        "What it may do: ask for decisions, name the subject on its own word, name another agent than its own. An empty \
         list leaves status and health.";
    "enforces", false, "a list of `mask`, `max_rows`",
        "What it does with results. A decision that obliges to more is a rejection here.";
    "record_bytes_per_second", false, "a number from 1024 on",
        "Bytes of record that it may cause in a second; what is beyond is rejected as `overloaded` and counted. A record \
         has about 1.5 KiB and the arguments. Left out: its part of 64 MiB, at least 1 MiB.";
};

/// Every key of an `[identity."https://…"]` table, in the same way.
pub const IDENTITY_KEYS: [TableKey; 2] = table! {
    "jwks", true, "a file",
        "The issuer's public keys, a JSON Web Key Set. Looked at as often as the policy; a file that is no key set \
         changes nothing and is reported, a key that cannot be used is passed over and reported.";
    "clock_skew", false, "a duration up to 5m; 30s if left out",
        "How far the issuer's clock may be from this one: `exp`, `nbf` and `iat` are read with this much grace.";
};

impl SettingKey {
    /// Returns the setting's name as mistakes give it: `section.name`, or `name` at the top level.
    #[must_use]
    pub const fn path(&self) -> &'static str {
        self.name
    }

    /// Returns the table of the file that the setting stands in, and its name there; `None` is the top level.
    pub(super) fn in_file(&self) -> (Option<&'static str>, &'static str) {
        match self.name.split_once('.') {
            Some((section, name)) => (Some(section), name),
            None => (None, self.name),
        }
    }

    /// Returns the name of the environment variable that overrides the file.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("STOPGATE_{}", self.name.replace('.', "_").to_uppercase())
    }

    /// Returns the name of the flag that overrides the variable, without the dashes before it.
    #[must_use]
    pub fn flag(&self) -> String {
        self.name.replace(['.', '_'], "-")
    }
}

impl Row for SettingKey {
    fn row(&self) -> (&'static str, Presence, &'static str) {
        (self.name, self.presence, self.form)
    }
}

impl Row for TableKey {
    fn row(&self) -> (&'static str, Presence, &'static str) {
        let presence = match self.required {
            true => Presence::Required,
            false => Presence::Optional,
        };
        (self.name, presence, self.form)
    }
}
