//! Waivers and what has to be mended beside a policy, as far as reports show them.

use std::fmt;

use jiff::civil::Date;
use stopgate_decide::visible::visible;

use crate::waiver::{Loosened, Standing};
use crate::words::list;

/// Most characters of a text that is not ours, and of the list of all that a waiver covers.
const TEXT: usize = 300;
const COVERS: usize = 1_000;

/// A waiver, as far as a report shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownWaiver {
    /// Its name.
    pub id: String,
    /// Its document, relative to the repository.
    pub file: String,
    /// Why the loosening is wanted.
    pub reason: String,
    /// From this day on it covers nothing.
    pub expires: Date,
    /// What it is good for.
    pub standing: Standing,
    /// What it covers of this change, to the letter.
    pub covers: Vec<Loosened>,
    /// Why it does not cover something that it names.
    pub lacks: Vec<String>,
    /// Ids of the keys that signed it, each with who holds it.
    pub signers: Vec<(String, String)>,
}

impl ShownWaiver {
    /// Returns who signed the waiver, each with the id of the key, or `nobody`.
    pub(crate) fn signed_by(&self) -> String {
        let signers = self.signers.iter();
        let signers = signers.map(|(id, owner)| visible(&format!("{owner} ({id})"), TEXT));
        let signers = list(signers);
        if signers.is_empty() {
            "nobody".to_owned()
        } else {
            signers
        }
    }

    /// Returns what the waiver covers, in one line; empty if that is nothing.
    pub(crate) fn named(&self) -> String {
        visible(&list(&self.covers), COVERS)
    }
}

/// A waiver or a signature that has to be mended or deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mend {
    /// Its file, relative to the repository.
    pub file: String,
    /// What is wrong with it, and what to do.
    pub what: String,
}

impl fmt::Display for Mend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, what } = self;
        f.write_str(&visible(&format!("{file} {what}"), TEXT))
    }
}
