//! The directory of people: who there is, which accounts are whose, and which groups everybody is in.
//!
//! It is exported from the identity provider and is no policy. A person counts once, with however many accounts.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Deserialize;

use crate::attempt::Subject;

/// Longest directory, in bytes, that is read: room for a hundred thousand people of 160 bytes each.
pub const MAX_DIRECTORY_BYTES: usize = 16 * 1024 * 1024;

/// People by their accounts.
#[derive(Debug, Clone)]
pub struct Directory {
    as_of: Timestamp,
    people: Vec<Person>,
    accounts: BTreeMap<Subject, usize>,
}

/// Somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Stable id in the directory.
    pub id: String,
    /// For people.
    pub name: String,
    /// Whether they still work here; who does not fills no seat.
    pub active: bool,
    /// Groups at the identity provider.
    pub groups: BTreeSet<String>,
}

/// Why a text is no directory.
#[derive(Debug, thiserror::Error)]
pub enum InvalidDirectory {
    /// Not the JSON of one.
    #[error("this is no directory of people")]
    Json(#[from] serde_json::Error),
    /// A version that this reader does not know.
    #[error("the version of the directory is not 1")]
    Version,
    /// Two people with one id.
    #[error("the person `{}` stands there twice", .0.escape_debug())]
    Person(String),
    /// One account of two people, or twice of one.
    #[error("the account `{}` stands there twice", .0.escape_debug())]
    Account(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DirectoryDocument {
    stopgate_directory: u32,
    as_of: Timestamp,
    people: Vec<DirectoryEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DirectoryEntry {
    person: String,
    name: String,
    active: bool,
    groups: BTreeSet<String>,
    accounts: Vec<Account>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Account {
    issuer: String,
    subject: String,
}

impl Directory {
    /// Reads the JSON of a directory.
    ///
    /// # Errors
    /// [`InvalidDirectory`]; also where one account would be two people's.
    pub fn parse(text: &[u8]) -> Result<Self, InvalidDirectory> {
        let DirectoryDocument {
            stopgate_directory,
            as_of,
            people: entries,
        } = serde_json::from_slice(text)?;
        if stopgate_directory != 1 {
            return Err(InvalidDirectory::Version);
        }
        let (mut people, mut accounts) = (Vec::<Person>::new(), BTreeMap::new());
        let mut ids = BTreeSet::new();
        for entry in entries {
            let DirectoryEntry {
                person: id,
                name,
                active,
                groups,
                accounts: held,
            } = entry;
            if !ids.insert(id.clone()) {
                return Err(InvalidDirectory::Person(id));
            }
            for Account { issuer, subject } in held {
                let account = Subject {
                    issuer,
                    id: subject,
                };
                // Whoever acts is known by an account, so an account has to lead to one person.
                if accounts.contains_key(&account) {
                    return Err(InvalidDirectory::Account(account.id));
                }
                accounts.insert(account, people.len());
            }
            people.push(Person {
                id,
                name,
                active,
                groups,
            });
        }
        Ok(Self {
            as_of,
            people,
            accounts,
        })
    }

    /// Returns when the directory was exported.
    #[must_use]
    pub const fn as_of(&self) -> Timestamp {
        self.as_of
    }

    /// Returns everybody, in the order of the file.
    #[must_use]
    pub fn people(&self) -> &[Person] {
        &self.people
    }

    /// Returns the place, in [`Self::people`], of the person whose account `subject` is.
    #[must_use]
    pub fn person_of(&self, subject: &Subject) -> Option<usize> {
        self.accounts.get(subject).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(person: &str, subject: &str) -> String {
        format!(
            r#"{{"person": "{person}", "name": "N", "active": true, "groups": ["g"],
                "accounts": [{{"issuer": "https://sso.example/", "subject": "{subject}"}}]}}"#
        )
    }

    fn directory(people: &[String]) -> String {
        format!(
            r#"{{"stopgate_directory": 1, "as_of": "2026-11-24T08:00:00Z", "people": [{}]}}"#,
            people.join(", ")
        )
    }

    #[test]
    fn accounts_lead_to_people() {
        let text = directory(&[one("p-1", "a"), one("p-2", "b")]);
        let read = Directory::parse(text.as_bytes()).expect("a directory");
        let subject = |id: &str| Subject {
            issuer: "https://sso.example/".to_owned(),
            id: id.to_owned(),
        };
        assert_eq!(read.person_of(&subject("b")), Some(1));
        assert_eq!(read.person_of(&subject("c")), None);
        assert_eq!(read.people()[1].id, "p-2");
    }

    #[test]
    fn one_account_is_one_person() {
        let refused = |people: &[String]| Directory::parse(directory(people).as_bytes());
        assert!(matches!(
            refused(&[one("p-1", "a"), one("p-2", "a")]),
            Err(InvalidDirectory::Account(_))
        ));
        assert!(matches!(
            refused(&[one("p-1", "a"), one("p-1", "b")]),
            Err(InvalidDirectory::Person(_))
        ));
        let later =
            directory(&[]).replace("\"stopgate_directory\": 1", "\"stopgate_directory\": 2");
        assert!(matches!(
            Directory::parse(later.as_bytes()),
            Err(InvalidDirectory::Version)
        ));
        let more = directory(&[]).replace("\"people\"", "\"robots\": [], \"people\"");
        assert!(matches!(
            Directory::parse(more.as_bytes()),
            Err(InvalidDirectory::Json(_))
        ));
    }
}
