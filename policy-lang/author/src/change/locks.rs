//! What differs between two locks of a tool. How grave each difference is, [`crate::lock`] knows.

use stopgate_decide::json::Json;
use stopgate_decide::name::Location;
use stopgate_decide::surface::Risk;

use crate::lock::{self, ChangeKind, Class, Lock, pretty};

use super::value::short;
use super::{Area, Both, Change, Effect};

/// Compares two locks. Compatible differences are listed, with the whole text where models read it; breaking ones have
/// to be signed.
pub(super) fn changes(both: Both<'_>) -> Vec<Change> {
    // A lock that cannot be read is no policy on either side; the compiler says so of head.
    let (Ok(base), Ok(head)) = (Lock::parse(both.base.bytes), Lock::parse(both.head.bytes)) else {
        return Vec::new();
    };
    let found = lock::changes(&base, &head);
    found.iter().map(|found| change(&both, found)).collect()
}

fn change(both: &Both<'_>, found: &lock::Change) -> Change {
    let lock::Change {
        function,
        place,
        kind,
        before,
        after,
    } = found;
    let (path, field) = match function {
        Some(function) => (
            format!("functions[{}]{place}", short(function)),
            "functions[]".to_owned(),
        ),
        None => {
            let place = place.trim_start_matches('/').replace('/', ".");
            (place.clone(), place)
        }
    };
    let at = |text: &str| Location {
        file: both.path.into(),
        line: line(text, function.as_deref()),
    };
    let at =
        |value: &Option<Json>, bytes| value.as_ref().map(|_| at(&String::from_utf8_lossy(bytes)));
    Change {
        file: both.path.to_owned(),
        path,
        field,
        before: before.as_ref().map(|value| print(*kind, value)),
        after: after.as_ref().map(|value| print(*kind, value)),
        note: Some(kind.describe()),
        effect: match kind.class() {
            Class::Compatible => Effect::Listed,
            Class::Breaking => Effect::Changed,
        },
        area: Area::Lock,
        before_at: at(before, both.base.bytes),
        after_at: at(after, both.head.bytes),
        risk: Risk::Medium,
        content: super::unbound(),
    }
}

/// Prints a value of a lock on one line. Descriptions and other words that models read are not shortened.
fn print(kind: ChangeKind, value: &Json) -> String {
    match kind {
        ChangeKind::Wording => pretty(value),
        ChangeKind::FunctionAdded | ChangeKind::FunctionRemoved => match value.get("description") {
            Some(description) => pretty(description),
            None => short(&pretty(value)),
        },
        ChangeKind::Order
        | ChangeKind::Instructions
        | ChangeKind::ServerVersion
        | ChangeKind::Protocol
        | ChangeKind::Annotations
        | ChangeKind::OptionalProperty
        | ChangeKind::SharedSchema
        | ChangeKind::ServerName
        | ChangeKind::PropertyRemoved
        | ChangeKind::RequiredProperty
        | ChangeKind::NowRequired
        | ChangeKind::NoLongerRequired
        | ChangeKind::Narrowed
        | ChangeKind::Widened
        | ChangeKind::Result
        | ChangeKind::Other => short(&pretty(value)),
    }
}

/// Returns the number of the line that names `function`, counted from 1. Returns 1 for the server itself, and for a
/// text that `stopgate lock` has not written.
fn line(text: &str, function: Option<&str>) -> u32 {
    let Some(function) = function else { return 1 };
    let name = format!(
        "\"name\": {},",
        Json::String(function.to_owned()).canonical()
    );
    // Two lists deep, as the lock is printed; a property of that name stands deeper.
    let at = text
        .lines()
        .position(|line| line.strip_prefix("        ") == Some(&name));
    u32::try_from(at.unwrap_or(0))
        .unwrap_or(u32::MAX)
        .saturating_add(1)
}
