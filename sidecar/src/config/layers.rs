//! The three layers of settings, laid over each other: file, environment, flags.

use std::borrow::Cow;
use std::ffi::OsString;

use toml::de::{DeTable, DeValue};

use super::key::SettingKey;
use super::reader::{ConfigFile, Entries, Mistakes};

const NO_CALLERS: &str = "`callers` is written as [[callers]] tables";

const NO_IDENTITY: &str =
    "`identity` is written as [identity.\"https://…\"] tables, one for each issuer";

/// Where a setting was made outside the file.
#[derive(Debug, Default)]
pub struct Overrides {
    /// Variables of the environment; those that do not begin with `STOPGATE_` are not looked at.
    pub environment: Vec<(OsString, OsString)>,
    /// Values of flags.
    pub flags: Vec<(&'static SettingKey, String)>,
}

/// Settings as texts, of each the winning layer only, and the tables that stand in the file only, each with its place.
#[derive(Default)]
pub(super) struct Layers<'a> {
    pub(super) settings: Entries<'a>,
    pub(super) callers: Vec<(String, DeTable<'a>)>,
    pub(super) issuers: Vec<(String, String, DeTable<'a>)>,
}

impl<'a> Layers<'a> {
    /// Gathers the settings of `file` and lays `overrides` over them.
    pub(super) fn gather(
        file: ConfigFile<'a>,
        overrides: &'a Overrides,
        mistakes: &mut Mistakes,
    ) -> Self {
        let mut layers = Self::default();
        // What can be read of a file that is no TOML is read all the same.
        let (document, errors) = DeTable::parse_recoverable(file.text);
        for error in &errors {
            let place = error.span().map(|span| file.place(span));
            mistakes.push(place.as_deref().unwrap_or(file.name), error.message());
        }
        for (name, entry) in file.entries(document.into_inner()) {
            layers.take(file, &name, entry, mistakes);
        }
        // Each layer takes the place of what the ones before said, wherever that was.
        layers.environment(&overrides.environment, mistakes);
        for (key, value) in &overrides.flags {
            layers.lay(key, format!("--{}", key.flag()), value);
        }
        layers
    }

    fn lay(&mut self, key: &SettingKey, place: String, text: &'a str) {
        let value = DeValue::String(Cow::Borrowed(text));
        self.settings.insert(key.path().to_owned(), (place, value));
    }

    /// Takes over what is called `name` at the top level of the file.
    fn take(
        &mut self,
        file: ConfigFile<'a>,
        name: &str,
        (place, value): (String, DeValue<'a>),
        mistakes: &mut Mistakes,
    ) {
        let is_section = |key: &&SettingKey| key.in_file().0 == Some(name);
        match (name, value) {
            ("callers", DeValue::Array(tables)) => {
                for table in tables {
                    let place = file.place(table.span());
                    if let DeValue::Table(table) = table.into_inner() {
                        self.callers.push((place, table));
                    } else {
                        mistakes.push(&place, NO_CALLERS);
                    }
                }
            }
            ("callers", _) => mistakes.push(&place, NO_CALLERS),
            ("identity", DeValue::Table(issuers)) => {
                for (issuer, (place, table)) in file.entries(issuers) {
                    if let DeValue::Table(table) = table {
                        self.issuers.push((issuer, place, table));
                    } else {
                        mistakes.push(&place, NO_IDENTITY);
                    }
                }
            }
            ("identity", _) => mistakes.push(&place, NO_IDENTITY),
            (section, DeValue::Table(table)) if SettingKey::ALL.iter().any(is_section) => {
                for (name, entry) in file.entries(table) {
                    self.setting((Some(section), &name), entry, mistakes);
                }
            }
            (name, value) => self.setting((None, name), (place, value), mistakes),
        }
    }

    fn setting(
        &mut self,
        name: (Option<&str>, &str),
        (place, value): (String, DeValue<'a>),
        mistakes: &mut Mistakes,
    ) {
        let known = SettingKey::ALL.into_iter();
        let Some(key) = known.clone().find(|key| key.in_file() == name) else {
            let (section, name) = name;
            let path = section.map_or_else(|| name.to_owned(), |table| format!("{table}.{name}"));
            let sections = known.clone().filter_map(|key| key.in_file().0);
            let known = known.map(SettingKey::path).chain(sections);
            let known = known.chain(["callers", "identity"]);
            return mistakes.unknown(&place, &path, "is no setting", known);
        };
        if value.is_str() {
            self.settings.insert(key.path().to_owned(), (place, value));
        } else {
            // Told although a later layer may have a text: the file is wrong all the same.
            mistakes.push(&place, format!("`{}` is not a text in quotes", key.path()));
        }
    }

    fn environment(&mut self, variables: &'a [(OsString, OsString)], mistakes: &mut Mistakes) {
        let known = SettingKey::ALL.map(|key| (key.variable(), key));
        for (variable, value) in variables {
            let variable = variable.to_string_lossy();
            // Others are not ours to judge.
            if !variable.starts_with("STOPGATE_") {
                continue;
            }
            let found = known.iter().find(|(name, _)| *name == variable);
            match (found, value.to_str()) {
                (Some((name, key)), Some(text)) => self.lay(key, name.clone(), text),
                (Some((name, _)), None) => {
                    mistakes.push("environment", format!("`{name}` is not UTF-8"));
                }
                (None, _) => {
                    let names = known.iter().map(|(name, _)| name.as_str());
                    mistakes.unknown("environment", &variable, "sets nothing", names);
                }
            }
        }
    }
}
