//! A reviewer's signature of a waiver or a review: what is shown, what is refused, and the file that comes of it.

use std::fmt::Write as _;

use jiff::civil::Date;
use stopgate_lang::bundle::dsse::Signature;
use stopgate_lang::name::RuleId;
use stopgate_lang::policy::Gate;
use stopgate_lang::waiver::{CellCover, Cover, Holder, Review, SettingCover, Statement, Waiver};

use crate::key::{KeyError, SigningKey};
use crate::waiver::{MAX_SIGNATURE_BYTES, Shortfall, days, signature_file};
use crate::workspace::Document;
use crate::{review, waiver};

/// What a reviewer can sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Paper {
    /// Loosenings that may pass.
    Waiver(Waiver),
    /// Rules that were looked at.
    Review(Review),
}

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The waiver would cover nothing today.
    #[error("the waiver `{id}` {why}")]
    Waiver {
        /// Which.
        id: String,
        /// Why.
        why: Shortfall,
    },
    /// The review says to look again at a day that has come.
    #[error("the review `{id}` says to look again on {next}, and that day has come")]
    Review {
        /// Which.
        id: String,
        /// That day.
        next: Date,
    },
    /// The signature would not be read.
    #[error("the document is too long to be signed; split it")]
    TooLong,
    /// The key does not work.
    #[error("the document cannot be signed")]
    Key(#[from] KeyError),
}

impl Paper {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Waiver(waiver) => waiver.id.as_str(),
            Self::Review(review) => review.id.as_str(),
        }
    }

    /// The folder it stands in.
    #[must_use]
    pub const fn folder(&self) -> &'static str {
        match self {
            Self::Waiver(_) => waiver::FOLDER,
            Self::Review(_) => review::FOLDER,
        }
    }

    /// What is signed.
    #[must_use]
    pub fn statement(&self) -> Statement {
        match self {
            Self::Waiver(waiver) => waiver.statement(),
            Self::Review(review) => review.statement(),
        }
    }

    /// All that it says, for the person who is about to sign it, on the day `today`.
    #[must_use]
    pub fn summary(&self, today: Date) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _always_fits = match self {
            Self::Waiver(waiver) => about_waiver(&mut out, waiver, today),
            Self::Review(review) => about_review(&mut out, review, today),
        };
        out
    }

    /// Signs it with `key`: the path of the signature, relative to the repository, and its bytes.
    ///
    /// # Errors
    /// [`SignError`] when the signature would be worth nothing on the day `today` (UTC) under `gate`, or the key does
    /// not work.
    pub fn sign(&self, key: &SigningKey, gate: Gate, today: Date) -> Result<Document, SignError> {
        self.refuse(gate, today)?;
        let statement = self.statement();
        let signature = Signature {
            key: key.public()?.id(),
            bytes: key.sign(&statement.signed_bytes()),
        };
        let (path, bytes) = signature_file(&statement, self.folder(), self.id(), signature);
        if bytes.len() > MAX_SIGNATURE_BYTES {
            return Err(SignError::TooLong);
        }
        Ok((path, bytes))
    }

    /// Whether its days have gone by, or are too many.
    ///
    /// # Errors
    /// [`SignError`] says which.
    pub fn refuse(&self, gate: Gate, today: Date) -> Result<(), SignError> {
        let id = self.id().to_owned();
        match self {
            Self::Waiver(waiver) => match days(waiver.expires, gate, today) {
                Some(why) => Err(SignError::Waiver { id, why }),
                None => Ok(()),
            },
            Self::Review(review) if review.next <= today => Err(SignError::Review {
                id,
                next: review.next,
            }),
            Self::Review(_) => Ok(()),
        }
    }
}

fn about_waiver(out: &mut String, waiver: &Waiver, today: Date) -> std::fmt::Result {
    writeln!(out, "waiver   {}", waiver.id)?;
    // A line break in a text must not begin what looks like another entry.
    let reason = waiver.reason.replace('\n', "\n           ");
    writeln!(out, "reason   {reason}")?;
    writeln!(
        out,
        "expires  {}{}",
        waiver.expires,
        away(waiver.expires, today)
    )?;
    for cover in &waiver.covers {
        match cover {
            Cover::Cell(CellCover {
                tool,
                operation,
                holder,
                rules,
                slice,
            }) => {
                writeln!(out, "covers   {tool}/{operation} for {}", people(holder))?;
                writeln!(out, "           by {}", ids(rules.iter()))?;
                writeln!(out, "           slice {slice}")?;
            }
            Cover::Setting(SettingCover { file, path, change }) => {
                let path = if path.is_empty() { "all" } else { path };
                writeln!(out, "covers   {} of {}", line(path), line(file))?;
                writeln!(out, "           change {change}")?;
            }
        }
    }
    Ok(())
}

fn about_review(out: &mut String, review: &Review, today: Date) -> std::fmt::Result {
    writeln!(out, "review   {}", review.id)?;
    writeln!(out, "next     {}{}", review.next, away(review.next, today))?;
    for rule in &review.rules {
        writeln!(out, "rule     {rule}")?;
    }
    Ok(())
}

fn people(holder: &Holder) -> String {
    match holder {
        Holder::Profiles(profiles) => {
            let names: Vec<&str> = profiles.iter().map(|name| name.as_str()).collect();
            names.join(" + ")
        }
        Holder::Groups(groups) => {
            let names: Vec<String> = groups.iter().map(|group| line(group)).collect();
            format!("members of {}", names.join(" + "))
        }
    }
}

/// A text on one line.
fn line(text: &str) -> String {
    text.replace('\n', " ")
}

fn ids<'a>(rules: impl Iterator<Item = &'a RuleId>) -> String {
    rules.map(RuleId::to_string).collect::<Vec<_>>().join(", ")
}

/// How far away `day` is, in words.
fn away(day: Date, today: Date) -> String {
    let days = day.duration_since(today).as_hours().checked_div(24);
    match days {
        Some(1) => " (tomorrow)".to_owned(),
        Some(days) if days > 1 => format!(" (in {days} days)"),
        Some(_) | None => " (has come)".to_owned(),
    }
}

#[cfg(test)]
mod tests;
