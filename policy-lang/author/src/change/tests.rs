//! The tables make sense: what a field declares fits what can stand there.

use stopgate_decide::surface::Risk;

use crate::compile::Sources;
use crate::document::shape::{Absent, Entries, Field, Form, List, Loosens, Shape};
use crate::schema::DocumentKind;

use super::value::stated;
use super::{Effect, changes};

/// Returns every field of every document, with the mapping it stands in.
fn fields() -> Vec<(&'static Shape, &'static Field)> {
    let mut found = Vec::new();
    let mut open: Vec<&'static Shape> = DocumentKind::ALL.iter().map(|kind| kind.shape()).collect();
    while let Some(shape) = open.pop() {
        for field in shape.fields {
            found.push((shape, field));
            let mut forms = vec![&field.form];
            while let Some(form) = forms.pop() {
                match form {
                    Form::Record(shape) => open.push(shape),
                    Form::Named { value, .. } | Form::Open { value } => forms.push(value),
                    Form::List(list) => forms.push(list.of),
                    Form::Either(several) => forms.extend(*several),
                    Form::Version(_)
                    | Form::Raw
                    | Form::Text { .. }
                    | Form::Spelt(_)
                    | Form::Word(_)
                    | Form::Integer { .. }
                    | Form::Truth
                    | Form::Object => {}
                }
            }
        }
    }
    found
}

/// Returns whether one value of this form can be more than another.
fn is_ordered(form: &Form) -> bool {
    match form {
        Form::Word(_) | Form::Integer { .. } => true,
        Form::Spelt(spelling) => spelling.order.is_some(),
        Form::Named { value, .. } => is_ordered(value),
        Form::Version(_)
        | Form::Raw
        | Form::Text { .. }
        | Form::Truth
        | Form::List(_)
        | Form::Open { .. }
        | Form::Record(_)
        | Form::Either(_)
        | Form::Object => false,
    }
}

#[test]
fn every_direction_fits_its_form() {
    let fields = fields();
    assert!(fields.len() > 90, "{} fields", fields.len());
    for (shape, field) in fields {
        let name = format!("`{}` of {}", field.name, shape.what);
        let leaves_out = |inner: &Shape| inner.fields.iter().all(|field| !field.required);
        let fits = match (field.loosens, &field.form) {
            (Loosens::Lower | Loosens::Higher, form) => is_ordered(form),
            // Half of such a mapping would be compared with nothing.
            (Loosens::Within, Form::Record(inner)) => field.required || leaves_out(inner),
            (Loosens::Within, _) => false,
            (Loosens::Removed | Loosens::Added | Loosens::Voters, Form::List(list)) => {
                list.entries != Entries::Ordered
            }
            (Loosens::Removed | Loosens::Added | Loosens::Voters, _)
            | (Loosens::Any | Loosens::Proved | Loosens::Nothing | Loosens::Outside, _) => true,
        };
        assert!(fits, "{name} cannot be {}", field.loosens.as_str());
    }
}

#[test]
fn what_holds_for_a_key_that_is_left_out_can_stand_there() {
    for (shape, field) in fields() {
        let name = format!("`{}` of {}", field.name, shape.what);
        let fits = match field.absent {
            Absent::Unsaid => true,
            Absent::Same(yaml) => stated(yaml).is_some(),
            Absent::Above => fields().iter().any(|(above, other)| {
                other.name == field.name
                    && records_in_lists(above).any(|inner| inner.what == shape.what)
            }),
            Absent::Below => records_in_lists(shape).any(|inner| {
                let same = |other: &Field| other.name == field.name;
                let above = |other: &Field| other.absent == Absent::Above;
                inner.fields.iter().any(|other| same(other) && above(other))
            }),
            Absent::Beside(key) => shape.fields.iter().any(|other| other.name == key),
        };
        assert!(
            fits && !(field.required && field.absent != Absent::Unsaid),
            "{name}"
        );
    }
}

/// Returns the mappings that lists of `shape` hold.
fn records_in_lists(shape: &Shape) -> impl Iterator<Item = &'static Shape> {
    let lists = shape.fields.iter().filter_map(|field| field.form.as_list());
    lists.filter_map(|list| list.of.as_record())
}

#[test]
fn a_name_of_an_entry_is_part_of_the_entry() {
    for (_, field) in fields() {
        if let Form::List(List {
            entries: Entries::Keyed(key),
            of: Form::Record(inner),
            ..
        }) = &field.form
        {
            let named = inner.fields.iter().find(|inner| inner.name == *key);
            assert_eq!(
                named.map(|key| (key.loosens, key.required)),
                Some((Loosens::Outside, true))
            );
        }
    }
}

/// A base can be merged before a rule was made that refuses it: what it said is not known, and is not passed over.
#[test]
fn t1_a_document_of_the_base_that_nobody_can_read_is_another_one_as_a_whole() {
    let of = |path: &str, text: &str| Sources::new([(path.to_owned(), text.as_bytes().to_vec())]);
    for (path, effect, risk) in [
        ("stopgate.yaml", Effect::Changed, Risk::High),
        ("profiles.yaml", Effect::Changed, Risk::High),
        ("approvals.yaml", Effect::Changed, Risk::High),
        ("tests/erp.yaml", Effect::Looser, Risk::Medium),
        // What the rules and the catalog decide is proved, or said to be re-written.
        ("rules/erp.yaml", Effect::Listed, Risk::Medium),
        ("catalog/erp.yaml", Effect::Listed, Risk::Medium),
    ] {
        let (base, head) = (
            of(path, "stopgate: 1\nstopgate: 1\n"),
            of(path, "stopgate: 1\n"),
        );
        let found = changes(&base, &head);
        let found: Vec<_> = found
            .iter()
            .map(|change| (change.path.as_str(), change.effect, change.risk))
            .collect();
        assert_eq!(found, [("", effect, risk)], "{path}");
        assert_eq!(
            changes(&head, &base),
            [],
            "{path}: a head that is refused anyway"
        );
    }
}
