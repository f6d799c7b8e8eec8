//! The rows of a bundle: what each profile meets at each operation, one item each, for people and for programs that read
//! one with a plain `GetItem`. No sidecar reads them.

use std::collections::{BTreeMap, BTreeSet};

use stopgate_decide::bundle::{Bundle, BundleCell};
use stopgate_decide::digest::Digest;
use stopgate_decide::name::{OperationName, ToolName};
use stopgate_decide::surface::Evidence;

use super::Policies;
use crate::{
    Change, Invalid, Item, Items, Key, Most, StoreError, TRANSACTION_WRITES, Value, Write,
};

const NUMBER: &str = "number";

/// Stands where the rows of a bundle are whole. No tool is called so.
const ALL: &str = "-";

/// Most rules that a row names of those with a condition, and of those without.
const MOST_RULES: usize = 100;

/// Most rows that are looked at beside those that there should be.
const STRANGE_ROWS: usize = 1000;

/// The rows of one bundle, by `tool/operation/profile`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    bundle: Digest,
    items: BTreeMap<String, Item>,
}

/// A row that is not as the bundle makes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OtherRow {
    /// `tool/operation/profile`
    pub place: String,
    /// What is wrong with it.
    pub other: OtherCell,
}

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum OtherCell {
    /// It is not there.
    Missing,
    /// It is there, and the bundle has no such cell.
    Extra,
    /// It is not the text of an item any more.
    Spoilt,
    /// It says something else: the attribute, what it should say, and what it says, where there is such an attribute.
    Changed {
        /// The first attribute that differs.
        attribute: String,
        /// What the bundle says.
        wanted: String,
        /// What is there.
        found: String,
    },
}

impl std::fmt::Display for OtherRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { place, other } = self;
        match other {
            OtherCell::Missing => write!(f, "{place} is missing"),
            OtherCell::Extra => write!(f, "{place} is one too many"),
            OtherCell::Spoilt => write!(f, "{place} is spoilt"),
            OtherCell::Changed {
                attribute,
                wanted,
                found,
            } => write!(f, "{place}: {attribute} is {found}, not {wanted}"),
        }
    }
}

impl Rows {
    /// Makes the rows of `bundle`.
    ///
    /// # Errors
    /// [`Invalid`] if a row is longer than any store takes.
    pub fn new(bundle: &Bundle) -> Result<Self, Invalid> {
        let items = bundle.cells().into_iter().map(|cell| {
            let place = format!("{}/{}/{}", cell.tool, cell.operation, cell.profile);
            Ok((place, item(&cell)?))
        });
        Ok(Self {
            bundle: bundle.digest(),
            items: items.collect::<Result<_, Invalid>>()?,
        })
    }

    /// Returns how many there are.
    #[must_use]
    pub fn number(&self) -> usize {
        self.items.len()
    }

    fn partition(&self) -> String {
        format!("ROWS#{}", self.bundle.hex())
    }

    /// Returns the item that says that all rows are there.
    fn all(&self) -> Result<(Key, Item), Invalid> {
        let number = u64::try_from(self.items.len()).unwrap_or(u64::MAX);
        let key = Key::new(self.partition(), ALL)?;
        Ok((key, Item::new([(NUMBER, Value::Number(number))])?))
    }
}

fn item(cell: &BundleCell) -> Result<Item, Invalid> {
    let surface = &cell.surface;
    let needs = surface.missing(&Evidence::NONE);
    let rule = |conditional: bool| {
        let rules = cell.rules.iter();
        let rules = rules.filter(move |rule| rule.conditional == conditional);
        let rules = rules.map(|rule| {
            let rule = &rule.rule;
            format!("{} {} {}", rule.kind.as_str(), rule.id, rule.location)
        });
        let mut rules: Vec<_> = rules.collect();
        // A row is for people to read, and no store takes one of any length.
        let more = rules.len().saturating_sub(MOST_RULES);
        rules.truncate(MOST_RULES);
        rules.extend((more > 0).then(|| format!("and {more} more")));
        Value::Texts(rules)
    };
    Item::new([
        ("answer", Value::Text(cell.answer().as_str().to_owned())),
        ("risk", Value::Text(surface.risk.as_str().to_owned())),
        (
            "approval",
            Value::Text(surface.approval.as_str().to_owned()),
        ),
        (
            "needs",
            Value::Texts(needs.iter().map(ToString::to_string).collect()),
        ),
        ("rules", rule(false)),
        ("conditional", rule(true)),
    ])
}

impl<S: Items> Policies<S> {
    /// Puts `rows`, unless they were put before: they are called by their bundle's digest.
    ///
    /// # Errors
    /// [`StoreError`]; they can be put again.
    pub fn put_rows(&self, rows: &Rows) -> Result<(), StoreError> {
        let (key, all) = rows.all()?;
        // A row that somebody spoilt is no reason to publish nothing.
        match self.0.get(&key) {
            Ok(Some(found)) if found == all => return Ok(()),
            Ok(_) | Err(StoreError::Spoilt { .. }) => {}
            Err(error) => return Err(error),
        }
        self.rewrite(rows)?;
        // After them, so that whoever finds it finds all of them.
        self.0.put_all(&[(key, all)])
    }

    fn rewrite(&self, rows: &Rows) -> Result<(), StoreError> {
        let partition = rows.partition();
        let items = rows.items.iter();
        let items = items.map(|(place, item)| Ok((Key::new(&partition, place)?, item.clone())));
        let items = items.collect::<Result<Vec<_>, Invalid>>()?;
        self.0.put_all(&items)
    }

    /// Returns whether the bundle called `bundle` has a row for `tool`, or for that operation of it; `None` if it has no
    /// rows, or not all of them.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn has_row(
        &self,
        bundle: Digest,
        tool: &ToolName,
        operation: Option<&OperationName>,
    ) -> Result<Option<bool>, StoreError> {
        let partition = format!("ROWS#{}", bundle.hex());
        if self.0.get(&Key::new(&partition, ALL)?)?.is_none() {
            return Ok(None);
        }
        let operation = operation.map_or_else(String::new, |operation| format!("{operation}/"));
        let found = self
            .0
            .query(&partition, &format!("{tool}/{operation}"), 1)?;
        Ok(Some(!found.is_empty()))
    }

    /// Compares `rows` with what is stored.
    ///
    /// # Errors
    /// [`StoreError`]; nobody knows then whether any differ.
    pub fn other_rows(&self, rows: &Rows) -> Result<Vec<OtherRow>, StoreError> {
        let most = Most {
            items: rows.items.len().saturating_add(STRANGE_ROWS),
            bytes: usize::MAX,
        };
        let found = self.0.query_each(&rows.partition(), "", most)?;
        let mut found: BTreeMap<String, Result<Item, StoreError>> = found.into_iter().collect();
        let (_, all) = rows.all()?;
        let mut other = BTreeSet::new();
        let mut tell = |place: &str, found| {
            let place = place.to_owned();
            other.insert(OtherRow {
                place,
                other: found,
            });
        };
        let stated = [(ALL, &all)].into_iter();
        let wanted = rows
            .items
            .iter()
            .map(|(place, item)| (place.as_str(), item));
        for (place, wanted) in stated.chain(wanted) {
            match found.remove(place) {
                None => tell(place, OtherCell::Missing),
                Some(Ok(found)) if found == *wanted => {}
                Some(Ok(found)) => tell(place, changed(wanted, &found)),
                Some(Err(_)) => tell(place, OtherCell::Spoilt),
            }
        }
        for (place, found) in &found {
            let what = match found {
                Ok(_) => OtherCell::Extra,
                Err(_) => OtherCell::Spoilt,
            };
            tell(place, what);
        }
        Ok(other.into_iter().collect())
    }

    /// Makes the stored rows what `rows` are, whatever somebody made of them, and returns how many were something else.
    ///
    /// # Errors
    /// [`StoreError`]; what was mended until then is mended.
    pub fn mend_rows(&self, rows: &Rows) -> Result<usize, StoreError> {
        let other = self.other_rows(rows)?;
        let partition = rows.partition();
        let is_extra = |row: &&OtherRow| !rows.items.contains_key(&row.place) && row.place != ALL;
        let extra = other.iter().filter(is_extra).map(|row| {
            Ok(Write {
                key: Key::new(&partition, &row.place)?,
                condition: Vec::new(),
                change: Change::Delete,
            })
        });
        let extra = extra.collect::<Result<Vec<_>, Invalid>>()?;
        for some in extra.chunks(TRANSACTION_WRITES) {
            self.0.transact(some)?;
        }
        if !other.is_empty() {
            self.rewrite(rows)?;
            self.0.put_all(&[rows.all()?])?;
        }
        Ok(other.len())
    }
}

/// Returns where two items differ first.
fn changed(wanted: &Item, found: &Item) -> OtherCell {
    let both = wanted.attributes().chain(found.attributes());
    let names: BTreeSet<&str> = both.map(|(name, _)| name).collect();
    let mut differing = names
        .into_iter()
        .filter(|name| wanted.attribute(name) != found.attribute(name));
    let name = differing.next().unwrap_or_default();
    let told = |item: &Item| {
        item.attribute(name)
            .map_or_else(|| "missing".to_owned(), told)
    };
    OtherCell::Changed {
        attribute: name.to_owned(),
        wanted: told(wanted),
        found: told(found),
    }
}

/// Returns a value in words, as short as it tells something.
fn told(value: &Value) -> String {
    let text = match value {
        Value::Text(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bytes(bytes) => format!("{} bytes", bytes.len()),
        Value::Texts(texts) => format!("[{}]", texts.join(", ")),
    };
    stopgate_decide::visible::visible(&text, 100)
}
