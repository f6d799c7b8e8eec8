//! Differences of two JSON Schemas, keyword by keyword. It reads only what it can judge: any keyword it does not know
//! counts as breaking.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use stopgate_decide::json::Json;

use super::{Change, ChangeKind};

/// The differences of one function, collected.
pub(super) struct Findings<'a> {
    function: &'a str,
    pub(super) changes: Vec<Change>,
}

/// Returns the names of all members of both objects, sorted, each once. A value that is no object has no members.
pub(super) fn members_of<'a>(old: &'a Json, new: &'a Json) -> BTreeSet<&'a str> {
    let names = |value: &'a Json| {
        value
            .as_object()
            .unwrap_or_default()
            .iter()
            .map(|(name, _)| name.as_str())
    };
    names(old).chain(names(new)).collect()
}

/// Returns the JSON Pointer to `member` of the value at `place`.
pub(super) fn below(place: &str, member: &str) -> String {
    format!("{place}/{}", member.replace('~', "~0").replace('/', "~1"))
}

/// Returns whether both values have the same canonical JSON, as the digest sees them: the order of members does not
/// count.
pub(super) fn same(before: Option<&Json>, after: Option<&Json>) -> bool {
    before.map(Json::canonical) == after.map(Json::canonical)
}

/// Returns whether each of the two values is a text or absent.
pub(super) fn texts(before: Option<&Json>, after: Option<&Json>) -> bool {
    before.is_none_or(|value| value.as_str().is_some())
        && after.is_none_or(|value| value.as_str().is_some())
}

/// What more of a keyword's number means.
enum Bound {
    Lower,
    Upper,
}

impl<'a> Findings<'a> {
    pub(super) const fn new(function: &'a str) -> Self {
        Self {
            function,
            changes: Vec::new(),
        }
    }

    pub(super) fn push(
        &mut self,
        place: String,
        kind: ChangeKind,
        before: Option<&Json>,
        after: Option<&Json>,
    ) {
        self.changes.push(Change {
            function: Some(self.function.to_owned()),
            place,
            kind,
            before: before.cloned(),
            after: after.cloned(),
        });
    }

    /// Compares the schemas of two results and collects the differences. Texts for people and the order of values are
    /// reported as what they are; every other difference is [`ChangeKind::Result`].
    pub(super) fn output_schema(&mut self, place: &str, old: &Json, new: &Json) {
        let before = self.changes.len();
        self.input_schema(place, old, new);
        // Whether a result may be more or less makes no difference: a mask may miss whatever is new in it.
        for change in self.changes.iter_mut().skip(before) {
            if !matches!(change.kind, ChangeKind::Wording | ChangeKind::Order) {
                change.kind = ChangeKind::Result;
            }
        }
    }

    /// Compares the schemas of two inputs, or of two values inside them, and collects the differences. `place` is the
    /// JSON Pointer to the schemas.
    pub(super) fn input_schema(&mut self, place: &str, old: &Json, new: &Json) {
        // `true` and `false` are schemas too, and have no keywords to compare.
        if old.as_object().is_none() || new.as_object().is_none() {
            if !same(Some(old), Some(new)) {
                self.push(place.to_owned(), ChangeKind::Other, Some(old), Some(new));
            }
            return;
        }
        for keyword in members_of(old, new) {
            let (before, after) = (old.get(keyword), new.get(keyword));
            if !same(before, after) {
                self.keyword(below(place, keyword), keyword, (old, new), before, after);
            }
        }
    }

    fn keyword(
        &mut self,
        place: String,
        keyword: &str,
        (old, new): (&Json, &Json),
        before: Option<&Json>,
        after: Option<&Json>,
    ) {
        match (keyword, before, after) {
            ("title" | "description" | "$comment", ..) if texts(before, after) => {
                self.push(place, ChangeKind::Wording, before, after);
            }
            ("examples", ..) => self.push(place, ChangeKind::Wording, before, after),
            // These two are read with the schema around them: `required` says which properties have to be given.
            ("properties", ..) => self.properties(&place, old, new),
            ("required", ..) => self.required(&place, old, new),
            ("$defs" | "definitions", ..) => self.shared(&place, before, after),
            // Only where both sides are schemas. Elsewhere it is one value in the place of another.
            ("items" | "additionalProperties", Some(Json::Object(_)), Some(Json::Object(_))) => {
                if let (Some(before), Some(after)) = (before, after) {
                    self.input_schema(&place, before, after);
                }
            }
            (
                // Only lists of one length can be compared place by place.
                "anyOf" | "oneOf" | "allOf" | "prefixItems",
                Some(Json::Array(old)),
                Some(Json::Array(new)),
            ) if old.len() == new.len() => {
                for (at, (old, new)) in old.iter().zip(new).enumerate() {
                    self.input_schema(&below(&place, &at.to_string()), old, new);
                }
            }
            _ => {
                let kind = restriction(keyword, before, after);
                self.push(place, kind, before, after);
            }
        }
    }

    fn properties(&mut self, place: &str, old_schema: &Json, new_schema: &Json) {
        let empty = Json::Object(Vec::new());
        let old = old_schema.get("properties").unwrap_or(&empty);
        let new = new_schema.get("properties").unwrap_or(&empty);
        if old.as_object().is_none() || new.as_object().is_none() {
            return self.push(place.to_owned(), ChangeKind::Other, Some(old), Some(new));
        }
        let required = required_of(new_schema);
        for name in members_of(old, new) {
            let place = below(place, name);
            match (old.get(name), new.get(name)) {
                (Some(old), Some(new)) => self.input_schema(&place, old, new),
                (before @ Some(_), None) => {
                    self.push(place, ChangeKind::PropertyRemoved, before, None)
                }
                (None, after) => {
                    // An unreadable `required` may require it.
                    let optional = required
                        .as_ref()
                        .is_some_and(|required| !required.contains(name));
                    let kind = if optional {
                        ChangeKind::OptionalProperty
                    } else {
                        ChangeKind::RequiredProperty
                    };
                    self.push(place, kind, None, after);
                }
            }
        }
    }

    fn required(&mut self, place: &str, old: &Json, new: &Json) {
        let (before, after) = (old.get("required"), new.get("required"));
        let (Some(was), Some(is)) = (required_of(old), required_of(new)) else {
            return self.push(place.to_owned(), ChangeKind::Other, before, after);
        };
        // The same names in another order are no change of what has to be given.
        if was == is {
            return self.push(place.to_owned(), ChangeKind::Order, before, after);
        }
        let has = |schema: &Json, name: &str| {
            schema
                .get("properties")
                .is_some_and(|all| all.get(name).is_some())
        };
        // A property that came or went is reported where it stands.
        let came = |name: &str| has(new, name) && !has(old, name);
        let went = |name: &str| has(old, name) && !has(new, name);
        for name in is.difference(&was).filter(|name| !came(name)) {
            self.push(
                place.to_owned(),
                ChangeKind::NowRequired,
                None,
                Some(&Json::String((*name).to_owned())),
            );
        }
        for name in was.difference(&is).filter(|name| !went(name)) {
            self.push(
                place.to_owned(),
                ChangeKind::NoLongerRequired,
                Some(&Json::String((*name).to_owned())),
                None,
            );
        }
    }

    fn shared(&mut self, place: &str, before: Option<&Json>, after: Option<&Json>) {
        let empty = Json::Object(Vec::new());
        let (old, new) = (before.unwrap_or(&empty), after.unwrap_or(&empty));
        if old.as_object().is_none() || new.as_object().is_none() {
            return self.push(place.to_owned(), ChangeKind::Other, before, after);
        }
        for name in members_of(old, new) {
            let place = below(place, name);
            match (old.get(name), new.get(name)) {
                (Some(old), Some(new)) => self.input_schema(&place, old, new),
                (None, after) => self.push(place, ChangeKind::SharedSchema, None, after),
                // Whatever referred to it now refers to nothing.
                (before, None) => self.push(place, ChangeKind::Other, before, None),
            }
        }
    }
}

/// Returns the names under `required`, none when the keyword is absent; `None` when its value is not a list of texts.
fn required_of(schema: &Json) -> Option<BTreeSet<&str>> {
    schema
        .get("required")
        .map_or(Some(BTreeSet::new()), |required| {
            required.as_array()?.iter().map(Json::as_str).collect()
        })
}

/// Returns how a keyword that restricts values changed from `before` to `after`, of which `None` is an absent keyword.
/// Every kind but [`ChangeKind::Order`] is breaking; the breaking kinds differ only in what people are told.
fn restriction(keyword: &str, before: Option<&Json>, after: Option<&Json>) -> ChangeKind {
    let bound = match keyword {
        "minimum" | "exclusiveMinimum" | "minLength" | "minItems" | "minProperties" => {
            Some(Bound::Lower)
        }
        "maximum" | "exclusiveMaximum" | "maxLength" | "maxItems" | "maxProperties" => {
            Some(Bound::Upper)
        }
        "enum" | "type" | "const" | "pattern" | "format" | "multipleOf" => None,
        "additionalProperties" => return openness(before, after),
        _ => return ChangeKind::Other,
    };
    // A keyword that came accepts less than before, and one that went accepts more.
    let (before, after) = match (before, after) {
        (Some(before), Some(after)) => (before, after),
        (None, _) => return ChangeKind::Narrowed,
        (_, None) => return ChangeKind::Widened,
    };
    if let Some(bound) = bound {
        // Numbers with a point are not compared.
        let (Some(before), Some(after)) = (before.as_integer(), after.as_integer()) else {
            return ChangeKind::Other;
        };
        return match (bound, after.cmp(&before)) {
            (Bound::Lower, Ordering::Greater) | (Bound::Upper, Ordering::Less) => {
                ChangeKind::Narrowed
            }
            (Bound::Lower, Ordering::Less) | (Bound::Upper, Ordering::Greater) => {
                ChangeKind::Widened
            }
            // Does not occur: equal whole numbers have one canonical form, and that was compared before.
            (_, Ordering::Equal) => ChangeKind::Other,
        };
    }
    // What is left lists values or is one value; one in the place of another may accept anything.
    let (was, is) = (accepted(keyword, before), accepted(keyword, after));
    match (is.is_subset(&was), was.is_subset(&is)) {
        (true, true) => ChangeKind::Order,
        (true, false) => ChangeKind::Narrowed,
        (false, true) => ChangeKind::Widened,
        (false, false) => ChangeKind::Other,
    }
}

/// Returns the alternatives that `type` or `enum` names, as canonical JSON; of any other keyword, its one value. The
/// type `number` includes `integer`.
fn accepted(keyword: &str, value: &Json) -> BTreeSet<String> {
    let single = std::slice::from_ref(value);
    // A `const` or a `pattern` that happens to be an array is one value, not several.
    let alternatives = if matches!(keyword, "type" | "enum") {
        value.as_array().unwrap_or(single)
    } else {
        single
    };
    let mut names: BTreeSet<_> = alternatives.iter().map(Json::canonical).collect();
    if keyword == "type" && names.contains("\"number\"") {
        names.insert("\"integer\"".to_owned());
    }
    names
}

/// Returns how `additionalProperties` changed. An absent keyword means that everything is accepted.
fn openness(before: Option<&Json>, after: Option<&Json>) -> ChangeKind {
    let open = |value: Option<&Json>| value.map_or(Some(true), Json::as_bool);
    // A schema in the place of a truth value may accept anything.
    match (open(before), open(after)) {
        (Some(true), Some(false)) => ChangeKind::Narrowed,
        (Some(false), Some(true)) => ChangeKind::Widened,
        (Some(false), Some(false)) | (None, _) | (_, None) => ChangeKind::Other,
        (Some(true), Some(true)) => ChangeKind::Order,
    }
}
