//! Taking apart the objects of a record. Every member is named once, and none may be left over.

use std::str::FromStr;

use super::InvalidRecord;
use crate::json::Json;

/// The members of an object that nobody has taken yet.
pub(super) struct Members(Vec<(String, Json)>);

impl Members {
    /// Opens `json`, which stands in the member `name`, as an object. An error if it is none.
    pub(super) fn from_json(json: Json, name: &'static str) -> Result<Self, InvalidRecord> {
        if let Json::Object(members) = json {
            Ok(Self(members))
        } else {
            Err(InvalidRecord::Value(name))
        }
    }

    /// Takes the value of `name`, if there is one.
    pub(super) fn optional(&mut self, name: &str) -> Option<Json> {
        let at = self.0.iter().position(|(member, _)| member == name)?;
        // Order does not matter here: what is taken is looked up by name, and what is left over is an error anyway.
        Some(self.0.swap_remove(at).1)
    }

    /// Takes the value of `name`; an error if there is none.
    pub(super) fn take(&mut self, name: &'static str) -> Result<Json, InvalidRecord> {
        self.optional(name).ok_or(InvalidRecord::Missing(name))
    }

    /// Takes the object in `name`.
    pub(super) fn object(&mut self, name: &'static str) -> Result<Self, InvalidRecord> {
        Self::from_json(self.take(name)?, name)
    }

    /// Takes the string in `name`.
    pub(super) fn text(&mut self, name: &'static str) -> Result<String, InvalidRecord> {
        string(self.take(name)?, name)
    }

    /// Takes the string in `name`, if there is one.
    pub(super) fn optional_text(
        &mut self,
        name: &'static str,
    ) -> Result<Option<String>, InvalidRecord> {
        self.optional(name)
            .map(|value| string(value, name))
            .transpose()
    }

    /// Takes the string in `name` and parses it.
    pub(super) fn parsed<T: FromStr>(&mut self, name: &'static str) -> Result<T, InvalidRecord> {
        parse(&self.take(name)?, name)
    }

    /// Takes the string in `name` and parses it, if there is one.
    pub(super) fn optional_parsed<T: FromStr>(
        &mut self,
        name: &'static str,
    ) -> Result<Option<T>, InvalidRecord> {
        self.optional(name)
            .map(|value| parse(&value, name))
            .transpose()
    }

    /// Takes the word in `name` and returns the value that `of` gives for it.
    pub(super) fn word<T>(
        &mut self,
        name: &'static str,
        of: impl Fn(&str) -> Option<T>,
    ) -> Result<T, InvalidRecord> {
        self.take(name)?
            .as_str()
            .and_then(of)
            .ok_or(InvalidRecord::Value(name))
    }

    /// Takes the list of words in `name`, each read by `of`.
    pub(super) fn list<T, C: FromIterator<T>>(
        &mut self,
        name: &'static str,
        of: impl Fn(&str) -> Option<T>,
    ) -> Result<C, InvalidRecord> {
        let value = self.take(name)?;
        let elements = value.as_array().ok_or(InvalidRecord::Value(name))?;
        let read = elements
            .iter()
            .map(|element| element.as_str().and_then(&of));
        read.collect::<Option<C>>()
            .ok_or(InvalidRecord::Value(name))
    }

    /// Takes the number in `name`. Where `T` has no sign, a negative number is an error.
    pub(super) fn number<T: TryFrom<i64>>(
        &mut self,
        name: &'static str,
    ) -> Result<T, InvalidRecord> {
        let number = self
            .take(name)?
            .as_integer()
            .and_then(|number| T::try_from(number).ok());
        number.ok_or(InvalidRecord::Value(name))
    }

    /// Takes the number in `name`, if there is one.
    pub(super) fn optional_number<T: TryFrom<i64>>(
        &mut self,
        name: &'static str,
    ) -> Result<Option<T>, InvalidRecord> {
        let Some(value) = self.optional(name) else {
            return Ok(None);
        };
        let number = value
            .as_integer()
            .and_then(|number| T::try_from(number).ok());
        number.map(Some).ok_or(InvalidRecord::Value(name))
    }

    /// Takes the truth value in `name`.
    pub(super) fn truth(&mut self, name: &'static str) -> Result<bool, InvalidRecord> {
        self.take(name)?.as_bool().ok_or(InvalidRecord::Value(name))
    }

    /// Takes the truth value in `name`, if there is one.
    pub(super) fn optional_truth(
        &mut self,
        name: &'static str,
    ) -> Result<Option<bool>, InvalidRecord> {
        let value = self.optional(name);
        value
            .map(|value| value.as_bool().ok_or(InvalidRecord::Value(name)))
            .transpose()
    }

    /// Checks that no member is left. One that this version does not know may change what the others mean, so it is an
    /// error.
    pub(super) fn finish(self) -> Result<(), InvalidRecord> {
        self.0
            .into_iter()
            .next()
            .map_or(Ok(()), |(name, _)| Err(InvalidRecord::UnknownMember(name)))
    }
}

/// Returns the name and the value of the only member of an object, which stands for an enum in the member `name`.
pub(super) fn variant(json: Json, name: &'static str) -> Result<(String, Json), InvalidRecord> {
    let Members(mut members) = Members::from_json(json, name)?;
    // Exactly one member, or two answers could stand in one record.
    match (members.pop(), members.is_empty()) {
        (Some(member), true) => Ok(member),
        _ => Err(InvalidRecord::Value(name)),
    }
}

fn string(value: Json, name: &'static str) -> Result<String, InvalidRecord> {
    if let Json::String(text) = value {
        Ok(text)
    } else {
        Err(InvalidRecord::Value(name))
    }
}

fn parse<T: FromStr>(value: &Json, name: &'static str) -> Result<T, InvalidRecord> {
    value
        .as_str()
        .and_then(|text| text.parse().ok())
        .ok_or(InvalidRecord::Value(name))
}
