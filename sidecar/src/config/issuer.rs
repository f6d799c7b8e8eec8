//! Issuers of tokens, as the operator knows them: where their keys are. Which of their tokens count is the policy's
//! business, and an issuer that the policy does not name is nobody.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::mistake::{Mistake, Mistakes};
use super::table::{Entry, Fields, Table, TableKey};
use super::value::{self, ClockSkew};

/// One `[identity."https://…"]` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerConfig {
    /// The issuer's keys: a JSON Web Key Set in a file that is looked at again and again.
    pub jwks: PathBuf,
    /// How far the issuer's clock may be from ours.
    pub clock_skew: ClockSkew,
}

/// Every key of an `[identity."https://…"]` table.
pub const IDENTITY_KEYS: [TableKey; 2] = [
    TableKey {
        name: "jwks",
        required: true,
        form: "a file",
        about: "The issuer's public keys, a JSON Web Key Set. Looked at as often as the policy; a file that is \
                no key set changes nothing and is reported, a key that cannot be used is passed over and reported.",
    },
    TableKey {
        name: "clock_skew",
        required: false,
        form: "a duration up to 5m; 30s if left out",
        about: "How far the issuer's clock may be from this one: `exp`, `nbf` and `iat` are read with this much grace.",
    },
];

impl IssuerConfig {
    /// Reads each of `tables`, which has its issuer's URL before it. Returns the issuers by URL, or `None` if one of
    /// the tables cannot be read.
    pub(super) fn read(
        tables: Vec<(String, Table)>,
        mistakes: &mut Mistakes,
    ) -> Option<BTreeMap<String, Self>> {
        let (mut issuers, mut whole) = (BTreeMap::new(), true);
        for (issuer, table) in tables {
            if !issuer.starts_with("https://") {
                let problem = format!("`{issuer}` is no https URL, as stopgate.yaml names issuers");
                mistakes.push(Mistake::new(&table.place, problem));
            }
            match Self::one(table, mistakes) {
                Some(config) => {
                    issuers.insert(issuer, config);
                }
                None => whole = false,
            }
        }
        whole.then_some(issuers)
    }

    fn one(mut table: Table, mistakes: &mut Mistakes) -> Option<Self> {
        let [jwks, clock_skew] = table.take("an identity", &IDENTITY_KEYS, mistakes);
        let mut field = Fields::new(&table.place, mistakes);
        let jwks = field.value(jwks, Entry::text).and_then(|(place, text)| {
            field.checked(
                &place,
                value::path(&text).map_err(|why| format!("`jwks` {why}")),
            )
        });
        let clock_skew = match clock_skew {
            (_, None) => Some(ClockSkew::DEFAULT),
            given @ (_, Some(_)) => field.value(given, Entry::text).and_then(|(place, text)| {
                field.checked(
                    &place,
                    ClockSkew::parse(&text).map_err(|why| format!("`clock_skew` {why}")),
                )
            }),
        };
        Some(Self {
            jwks: jwks?,
            clock_skew: clock_skew?,
        })
    }
}
