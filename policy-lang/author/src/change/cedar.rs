//! What differs between two `.cedar` files beside the decisions: who answers for a rule, and when it is reviewed.

use std::cmp::Ordering;

use stopgate_decide::surface::Risk;

use crate::cedar::file::{CedarRule, parse};
use crate::diagnostic::Diagnostics;
use crate::source::Span;
use crate::source::scan::{Tabs, scan};

use super::value::short;
use super::{Area, Both, Change, Document, Effect};

/// Compares the annotations of rules that both sides have. The rules themselves are left to the proof.
pub(super) fn changes(both: Both<'_>) -> Vec<Change> {
    let (Some(base), Some(head)) = (rules(both.base), rules(both.head)) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for old in &base {
        // Names are unique in their file. A rule under another name is looked for elsewhere (`replaced`).
        let Some(new) = head.iter().find(|new| new.id == old.id) else {
            continue;
        };
        let later = match new.review_by.cmp(&old.review_by) {
            // An earlier day asks for a review sooner, which takes no signature.
            Ordering::Greater => Effect::Looser,
            Ordering::Less | Ordering::Equal => Effect::Listed,
        };
        let dates = (old.review_by.to_string(), new.review_by.to_string());
        let owners = (old.owner.to_string(), new.owner.to_string());
        let text = |rule: &CedarRule| rule.description.clone().unwrap_or_default();
        let texts = (text(old), text(new));
        for (name, (before, after), effect, area) in [
            ("owner", owners, Effect::Changed, Area::GuardRails),
            ("review_by", dates, later, Area::GuardRails),
            ("description", texts, Effect::Listed, Area::Settings),
        ] {
            if before == after {
                continue;
            }
            let at = |side: &Document<'_>, rule: &CedarRule| {
                let span = Span::new(side.whole.file, rule.range.clone());
                side.map.location(span)
            };
            let print = |text: String| (!text.is_empty()).then(|| short(&text));
            found.push(Change {
                file: both.path.to_owned(),
                path: format!("{}.{name}", old.id),
                field: format!("@{name}"),
                before: print(before),
                after: print(after),
                note: None,
                effect,
                area,
                before_at: Some(at(both.base, old)),
                after_at: Some(at(both.head, new)),
                risk: Risk::Medium,
                content: super::unbound(),
            });
        }
    }
    found
}

fn rules(document: &Document<'_>) -> Option<Vec<CedarRule>> {
    let mut dx = Diagnostics::default();
    let text = scan(document.whole.file, document.bytes, Tabs::Allowed, &mut dx)?;
    parse(&text).ok().filter(|_| !dx.has_errors())
}
