//! The three layers of settings, laid over each other: file, environment, flags. The only file that knows TOML.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Overrides;
use super::caller::Callers;
use super::issuer::IssuerConfig;
use super::key::{Presence, SettingKey};
use super::mistake::{Mistake, Mistakes, nearest};
use super::table::{Entry, Table, Value};

const NO_CALLERS: &str = "`callers` is written as [[callers]] tables";

const NO_IDENTITY: &str =
    "`identity` is written as [identity.\"https://…\"] tables, one for each issuer";

/// Variables with this beginning are ours.
const PREFIX: &str = "STOPGATE_";

/// Settings as texts, the winning layer only, and the tables of callers.
pub(super) struct Layers {
    file: String,
    settings: BTreeMap<String, (String, String)>,
    callers: Vec<Table>,
    issuers: Vec<(String, Table)>,
}

impl Layers {
    pub(super) fn gather(
        file: &str,
        text: &str,
        overrides: &Overrides,
        mistakes: &mut Mistakes,
    ) -> Self {
        let mut layers = Self {
            file: file.to_owned(),
            settings: BTreeMap::new(),
            callers: Vec::new(),
            issuers: Vec::new(),
        };
        File { name: file, text }.read(&mut layers, mistakes);
        layers.environment(overrides, mistakes);
        for (key, value) in &overrides.flags {
            layers
                .settings
                .insert(key.path(), (format!("--{}", key.flag()), value.clone()));
        }
        layers
    }

    /// Returns what mistakes call the file.
    pub(super) fn file(&self) -> &str {
        &self.file
    }

    /// Takes out a setting and returns its place and its text, or those of its default; `None` if there is neither.
    pub(super) fn setting(&mut self, key: &'static SettingKey) -> Option<(String, String)> {
        self.settings.remove(&key.path()).or(match key.presence {
            Presence::Default(text) => Some(("default".to_owned(), text.to_owned())),
            Presence::Required | Presence::Optional => None,
        })
    }

    pub(super) fn callers(&mut self, mistakes: &mut Mistakes) -> Option<Callers> {
        Callers::read(&self.file, std::mem::take(&mut self.callers), mistakes)
    }

    pub(super) fn issuers(
        &mut self,
        mistakes: &mut Mistakes,
    ) -> Option<BTreeMap<String, IssuerConfig>> {
        IssuerConfig::read(std::mem::take(&mut self.issuers), mistakes)
    }

    fn environment(&mut self, overrides: &Overrides, mistakes: &mut Mistakes) {
        for (variable, value) in &overrides.environment {
            let variable = variable.to_string_lossy();
            if !variable.starts_with(PREFIX) {
                continue;
            }
            let known = SettingKey::ALL.map(|key| (key.variable(), key));
            let Some((_, key)) = known.iter().find(|(name, _)| *name == variable) else {
                let near = nearest(&variable, known.iter().map(|(name, _)| name.as_str()));
                mistakes.push(Mistake::new(
                    "environment",
                    format!("`{variable}` sets nothing{near}"),
                ));
                continue;
            };
            match value.to_str() {
                Some(text) => {
                    self.settings
                        .insert(key.path(), (variable.into_owned(), text.to_owned()));
                }
                None => mistakes.push(Mistake::new(
                    "environment",
                    format!("`{variable}` is not UTF-8"),
                )),
            }
        }
    }
}

struct File<'a> {
    name: &'a str,
    text: &'a str,
}

type Spot<'a> = Spanned<DeValue<'a>>;

impl File<'_> {
    /// Returns the file and the line that byte `offset` is in, such as `sidecar.toml:7`.
    fn place(&self, offset: usize) -> String {
        let before = self.text.as_bytes().iter().take(offset);
        let line = before
            .filter(|byte| **byte == b'\n')
            .count()
            .saturating_add(1);
        format!("{}:{line}", self.name)
    }

    fn read(&self, layers: &mut Layers, mistakes: &mut Mistakes) {
        let (document, errors) = DeTable::parse_recoverable(self.text);
        for error in &errors {
            let place = error
                .span()
                .map_or_else(|| self.name.to_owned(), |span| self.place(span.start));
            mistakes.push(Mistake::new(place, error.message()));
        }
        for (name, value) in document.get_ref() {
            let place = self.place(name.span().start);
            let name = name.get_ref().as_ref();
            match (name, value.get_ref()) {
                ("callers", DeValue::Array(tables)) => {
                    for table in tables.iter() {
                        match self.table(table) {
                            Some(table) => layers.callers.push(table),
                            None => mistakes
                                .push(Mistake::new(self.place(table.span().start), NO_CALLERS)),
                        }
                    }
                }
                ("callers", _) => mistakes.push(Mistake::new(place, NO_CALLERS)),
                ("identity", DeValue::Table(issuers)) => {
                    for (issuer, table) in issuers.iter() {
                        match self.table(table) {
                            // Headed by its name: what it spans is the bare table.
                            Some(table) => layers.issuers.push((
                                issuer.get_ref().to_string(),
                                Table {
                                    place: self.place(issuer.span().start),
                                    ..table
                                },
                            )),
                            None => mistakes
                                .push(Mistake::new(self.place(issuer.span().start), NO_IDENTITY)),
                        }
                    }
                }
                ("identity", _) => mistakes.push(Mistake::new(place, NO_IDENTITY)),
                (section, DeValue::Table(table))
                    if SettingKey::ALL
                        .iter()
                        .any(|key| key.section == Some(section)) =>
                {
                    for (name, value) in table.iter() {
                        let place = self.place(name.span().start);
                        self.setting(
                            place,
                            Some(section),
                            name.get_ref().as_ref(),
                            value,
                            layers,
                            mistakes,
                        );
                    }
                }
                (name, _) => self.setting(place, None, name, value, layers, mistakes),
            }
        }
    }

    fn setting(
        &self,
        place: String,
        section: Option<&str>,
        name: &str,
        value: &Spot<'_>,
        layers: &mut Layers,
        mistakes: &mut Mistakes,
    ) {
        let Some(key) = SettingKey::ALL
            .into_iter()
            .find(|key| key.section == section && key.name == name)
        else {
            let path =
                section.map_or_else(|| name.to_owned(), |section| format!("{section}.{name}"));
            let sections = SettingKey::ALL
                .iter()
                .filter_map(|key| key.section.map(str::to_owned));
            let known: Vec<_> = SettingKey::ALL
                .iter()
                .map(|key| key.path())
                .chain(sections)
                .collect();
            let near = nearest(
                &path,
                known
                    .iter()
                    .map(String::as_str)
                    .chain(["callers", "identity"]),
            );
            mistakes.push(Mistake::new(place, format!("`{path}` is no setting{near}")));
            return;
        };
        match value.get_ref().as_str() {
            Some(text) => {
                layers.settings.insert(key.path(), (place, text.to_owned()));
            }
            None => mistakes.push(Mistake::new(
                place,
                format!("`{}` is not a text in quotes", key.path()),
            )),
        }
    }

    fn table(&self, table: &Spot<'_>) -> Option<Table> {
        let entries = table.get_ref().as_table()?.iter().map(|(name, value)| {
            let entry = Entry {
                place: self.place(name.span().start),
                value: self.value(value),
            };
            (name.get_ref().to_string(), entry)
        });
        Some(Table {
            place: self.place(table.span().start),
            entries: entries.collect(),
        })
    }

    fn value(&self, value: &Spot<'_>) -> Value {
        match value.get_ref() {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map_or(Value::Other, Value::Integer),
            DeValue::Array(elements) => {
                let text = |element: &Spot<'_>| {
                    let place = self.place(element.span().start);
                    element
                        .get_ref()
                        .as_str()
                        .map(|text| (place, text.to_owned()))
                };
                elements
                    .iter()
                    .map(text)
                    .collect::<Option<_>>()
                    .map_or(Value::Other, Value::Texts)
            }
            DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Table(_) => {
                Value::Other
            }
        }
    }
}
