//! `freshness:` of stopgate.yaml: how old the policy of a channel may be before less and less passes under it.

use jiff::SignedDuration;
use stopgate_decide::freshness::Freshness;
use stopgate_decide::routing::Duration;

use super::read::Record;
use super::scalar::{longer, raw};
use super::shape::{Field, Form, Loosens, Shape, Spelling};
use crate::diagnostic::{Diagnostics, approvals as facts, shape as say};
use crate::source::Spanned;
use crate::source::node::Node;

/// From when to when an age can be set, as documents write it and as a length.
struct AgeBounds {
    least: &'static str,
    most: &'static str,
    from: SignedDuration,
    to: SignedDuration,
}

/// Every policy gets a minute old, because timestamps are signed about once a minute. With more than a day, actions of any
/// risk would run under the policy of yesterday.
const SOFT: AgeBounds = AgeBounds {
    least: "1m",
    most: "24h",
    from: SignedDuration::from_mins(1),
    to: SignedDuration::from_hours(24),
};

/// At most a month, however many days it has: a longer limit would stop nobody. That `hard` is no shorter than `soft` is
/// looked at when both are known.
const HARD: AgeBounds = AgeBounds {
    least: "1m",
    most: "31d",
    from: SignedDuration::from_mins(1),
    to: SignedDuration::from_hours(31 * 24),
};

pub(crate) const SHAPE: Shape = Shape {
    what: "freshness",
    fields: &[
        Field::required(
            "soft",
            Loosens::Higher,
            AGE,
            "Beyond this age only actions up to class `low` pass. From 1m to 24h.",
        ),
        Field::required(
            "hard",
            Loosens::Higher,
            AGE,
            "Beyond this age nothing passes. As long as `soft` or longer, 31d at most.",
        ),
    ],
    bonds: &[],
};

/// A policy ages at night too, so business hours are no age.
const AGE: Form = Form::Spelt(Spelling {
    pattern: "^[1-9][0-9]*(s|m|h|d)$",
    examples: &["15m", "24h"],
    help: AGE_HELP,
    order: Some(longer),
});

/// What to write for an age.
const AGE_HELP: &str = "write a whole number and a unit, `s`, `m`, `h` or `d`, such as `15m`";

/// Reads how old the policy may be. What cannot be read is reported, and the answer is `None`.
pub(crate) fn read(node: &Node, dx: &mut Diagnostics) -> Option<Freshness> {
    let record = Record::open(node, &SHAPE, dx)?;
    // Both are read before one of them ends it: two mistakes are told at once.
    let soft = record
        .need("soft", dx)
        .and_then(|node| age(node, &SOFT, dx));
    let hard = record
        .need("hard", dx)
        .and_then(|node| age(node, &HARD, dx));
    let (soft, hard) = (soft?, hard?);
    let freshness = Freshness::new(soft.value, hard.value).ok();
    if freshness.is_none() {
        // Of what is refused for two ages, the bounds of each leave only this.
        dx.push(facts::freshness_order(hard.span, soft.span));
    }
    freshness
}

fn age(node: &Node, bounds: &AgeBounds, dx: &mut Diagnostics) -> Option<Spanned<SignedDuration>> {
    let text = &raw(node, dx)?.text;
    let duration: Option<Duration> = text.parse().ok();
    let Some(age) = duration.and_then(Duration::by_clock) else {
        let why = "an age is a whole number above 0 and a unit: s, m, h or d; a year at most";
        dx.push(say::invalid_text(node.span, why, AGE_HELP));
        return None;
    };
    let AgeBounds {
        least,
        most,
        from,
        to,
    } = bounds;
    if age < *from || age > *to {
        let help = format!("write an age from `{least}` to `{most}`");
        dx.push(say::invalid_text(
            node.span,
            "this age is outside its range",
            &help,
        ));
        return None;
    }
    Some(Spanned::new(age, node.span))
}
