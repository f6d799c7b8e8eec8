//! `reviews/ID.yaml`: rules that reviewers looked at, and when they have to be looked at again.

use stopgate_decide::name::{ReviewId, RuleId};

use crate::diagnostic::{Diagnostics, shape as say};
use crate::source::Spanned;
use crate::source::node::Node;
use crate::waiver::Review;

use super::read::{Record, STOPGATE, set};
use super::scalar::{date, form, name, raw};
use super::shape::{Field, Form, Loosens, Shape, Spelling};

/// `reviews/ID.yaml`.
pub(crate) const SHAPE: Shape = Shape {
    what: "a review",
    fields: &[
        STOPGATE,
        Field::required(
            "review",
            Loosens::Outside,
            form::FILED,
            "The review's id; the file has the same name.",
        ),
        Field::required(
            "next",
            Loosens::Nothing,
            form::DATE,
            "The day by which the rules have to be looked at again, instead of their `review_by` where that is earlier.",
        )
        .guards(),
        Field::required(
            "rules",
            Loosens::Nothing,
            Form::set(&Form::Spelt(RULE)),
            "The rules that were looked at, as `FILE/ID`.",
        )
        .guards(),
    ],
    bonds: &[],
};

const RULE: Spelling = Spelling {
    pattern: "^[a-z0-9][a-z0-9_.-]{0,63}/[a-z0-9][a-z0-9_.-]{0,63}$",
    examples: &["erp/refund-small", "guardrails/currency"],
    help: "write a rule's full id, such as `erp/refund-small`",
    order: None,
};

/// Reads a review, and returns it beside the place of its id.
pub(crate) fn read(root: &Node, dx: &mut Diagnostics) -> Option<(Spanned<ReviewId>, Review)> {
    let record = Record::document(root, &SHAPE, dx)?;
    let id: Option<Spanned<ReviewId>> = record.need("review", dx).and_then(|node| name(node, dx));
    let next = record.need("next", dx).and_then(|node| date(node, dx));
    let rules = record.need("rules", dx).map(|node| set(node, dx, rule));
    let id = id?;
    let review = Review {
        id: id.value.clone(),
        next: next?,
        rules: rules?
            .iter()
            .map(|written| written.value.parse().ok())
            .collect::<Option<_>>()?,
    };
    Some((id, review))
}

fn rule(node: &Node, dx: &mut Diagnostics) -> Option<Spanned<String>> {
    let written = &raw(node, dx)?.text;
    if written.parse::<RuleId>().is_err() {
        dx.push(say::invalid_text(
            node.span,
            "this is no rule's full id",
            RULE.help,
        ));
        return None;
    }
    Some(Spanned::new(written.clone(), node.span))
}
