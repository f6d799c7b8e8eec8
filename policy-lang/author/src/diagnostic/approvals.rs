//! Facts about who is asked for an action, who signs a change, and when a policy is too old.

use super::{Code, Diagnostic};
use crate::source::Span;

pub(crate) fn automatic_route(span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::UnknownWord,
        span,
        "nobody is asked for an automatic approval",
        "no level of people",
    )
    .help("write `supervisor` or `committee`")
}

pub(crate) fn operations_without_tools(span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::MisplacedKey,
        span,
        "`operations` names operations of no tool",
        "of which tool?",
    )
    .help("add `tools:` to the route and name the tool they belong to")
}

/// Words the mistake that the rule at `asked` asks for `level` and no route answers. `routes` is the place of the
/// routes.
pub(crate) fn no_route(asked: Span, level: &str, operation: &str, routes: Span) -> Diagnostic {
    let message = format!("nobody is asked for the approval `{level}` of {operation}");
    Diagnostic::new(Code::NoRoute, asked, message, "asks for it")
        .also(routes, "no route answers")
        .help(format!(
            "add a route to approvals.yaml, such as `{{id: {level}, level: {level}, seats: [{{profiles: [PROFILE], votes: 1}}]}}`"
        ))
}

pub(crate) fn ambiguous_route(
    span: Span,
    id: &str,
    other: Span,
    other_id: &str,
    what: &str,
) -> Diagnostic {
    let message = format!("the routes `{id}` and `{other_id}` are equally specific for {what}");
    Diagnostic::new(Code::AmbiguousRoute, span, message, "one of them")
        .also(other, "the other")
        .help("name `tools`, or `tools` with `operations`, in one of them so that it is the more specific")
}

pub(crate) fn duplicate_route(span: Span, id: &str, first: Span) -> Diagnostic {
    let message = format!("two routes have the id `{id}`");
    Diagnostic::new(Code::DuplicateEntry, span, message, "again here")
        .also(first, "first here")
        .help("give one of them another id; records name routes by their ids")
}

/// Words the mistake that fewer reviewers (`few`) sign at the risk `higher` than at the risk `lower` (`many`). One of
/// the two numbers may be the default.
pub(crate) fn sign_off_order(
    span: Span,
    lower: &str,
    many: u8,
    higher: &str,
    few: u8,
) -> Diagnostic {
    let message =
        format!("more reviewers sign at {lower} risk ({many}) than at {higher} risk ({few})");
    Diagnostic::new(Code::SignOffOrder, span, message, "").help(format!(
        "write `{higher}: {many}` or more; left out, `low` and `medium` are 1 and `high` is 2"
    ))
}

/// Words the mistake that the age `hard`, beyond which nothing passes, is shorter than `soft`, beyond which little does.
pub(crate) fn freshness_order(hard: Span, soft: Span) -> Diagnostic {
    Diagnostic::new(
        Code::FreshnessOrder,
        hard,
        "`hard` is shorter than `soft`",
        "nothing passes from here on",
    )
    .also(soft, "only class `low` and below from here on")
    .help("make `hard` as long as `soft` or longer")
}

/// Words the mistake that a cover is repeated at `span`, which stands at `first` already.
pub(crate) fn repeated_cover(span: Span, first: Span) -> Diagnostic {
    Diagnostic::new(
        Code::DuplicateEntry,
        span,
        "this loosening is covered twice",
        "the repetition",
    )
    .also(first, "first covered here")
    .help("delete one of the two")
}
