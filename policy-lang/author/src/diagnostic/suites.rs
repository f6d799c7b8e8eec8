//! Facts about tests: samples and cases.

use super::{Code, Diagnostic};
use crate::source::Span;

pub(crate) fn no_sample(span: Span, tool: &str, operation: &str, rule: Span) -> Diagnostic {
    let message = format!("a rule grants `{operation}`, and the tests have no sample of it");
    Diagnostic::new(Code::NoSample, span, message, "no sample here")
        .also(rule, "granted here")
        .help(format!(
            "add `{operation}: {{…}}`, one valid input, to `samples:` of tests/{tool}.yaml"
        ))
}

pub(crate) fn invalid_sample(span: Span, operation: &str, why: &str) -> Diagnostic {
    Diagnostic::new(
        Code::InvalidSample,
        span,
        format!("this is no valid input of `{operation}`: {why}"),
        "not valid",
    )
    .help("make it fit the input schema in the lock; cases state only what differs from it")
}

pub(crate) fn duplicate_case(span: Span, name: &str, first: Span) -> Diagnostic {
    Diagnostic::new(
        Code::DuplicateCase,
        span,
        format!("two cases are called `{name}`"),
        "again here",
    )
    .also(first, "first here")
    .help("rename one of them; reports name cases")
}

pub(crate) fn case_people(span: Span, both: bool) -> Diagnostic {
    let message = if both {
        "this case has `as` and `each`"
    } else {
        "this case says nowhere who acts"
    };
    Diagnostic::new(Code::CasePeople, span, message, "").help(
        "write `as: [a, b]` for one person who holds both, or `each: [a, b]` for one person each",
    )
}

pub(crate) fn case_expectation(span: Span, found: usize) -> Diagnostic {
    let message = if found == 0 {
        "this case expects nothing"
    } else {
        "this case expects several outcomes at once"
    };
    Diagnostic::new(Code::CaseExpectation, span, message, "")
        .help("write exactly one of `permit: [rules]`, `route: [needs]` and `reject: reason`")
}
