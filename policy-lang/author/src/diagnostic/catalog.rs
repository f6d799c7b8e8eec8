//! Facts about catalogs and their locks.

use stopgate_decide::fact::{BadTarget, InvalidProjection};
use stopgate_decide::pointer::Pointer;
use stopgate_decide::selector::BadSelector;
use stopgate_decide::version::Version;

use crate::source::Span;

use super::names::nearest;
use super::shape::alternatives;
use super::{Code, Diagnostic};

pub(crate) fn lock_invalid(span: Span, tool: &str, why: &str) -> Diagnostic {
    Diagnostic::new(
        Code::LockInvalid,
        span,
        format!("this lock cannot be used: {why}"),
        "",
    )
    .help(format!(
        "run `stopgate lock {tool}` again; a lock is never written by hand"
    ))
}

pub(crate) fn contract_mismatch(
    span: Span,
    tool: &str,
    stated: Version,
    locked: Version,
) -> Diagnostic {
    let message = format!(
        "the lock of `{tool}` was reviewed for contract {locked}, and the catalog says {stated}"
    );
    Diagnostic::new(
        Code::ContractMismatch,
        span,
        message,
        "not the lock's version",
    )
    .help(format!(
        "run `stopgate lock {tool}` again, or write {locked}"
    ))
}

pub(crate) fn unclassified_function(
    operations: Span,
    tool: &str,
    function: &str,
    name: Option<&str>,
) -> Diagnostic {
    let message = format!(
        "the server of `{tool}` has a function `{function}` that is neither an operation nor unused"
    );
    let operation = name.map_or_else(
        || format!("NAME: {{mcp: {function}, effect: …}}"),
        |name| format!("{name}: {{effect: …}}"),
    );
    Diagnostic::new(
        Code::UnclassifiedFunction,
        operations,
        message,
        format!("`{function}` is not here"),
    )
    .help(format!(
        "add `{operation}` with what it does, or list it: `unused: [{function}]`"
    ))
}

pub(crate) fn duplicate_function(span: Span, function: &str, first: Span) -> Diagnostic {
    let message = format!("the function `{function}` is used in two places of this catalog");
    Diagnostic::new(Code::DuplicateFunction, span, message, "again here")
        .also(first, "first here")
        .help("keep one of the two; a function is one operation, or unused")
}

pub(crate) fn unsupported_schema(span: Span, function: &str, why: &str) -> Diagnostic {
    let message = format!("the input of `{function}` cannot be checked: {why}");
    Diagnostic::new(Code::UnsupportedSchema, span, message, "this operation")
        .help(format!("ask the server's owner for a closed object of typed members, or list `{function}` under `unused`"))
}

pub(crate) fn unknown_mask(span: Span, pointer: &Pointer, function: &str) -> Diagnostic {
    let message = format!("the input of `{function}` has nothing at `{pointer}`");
    Diagnostic::new(Code::UnknownMask, span, message, "hides nothing")
        .help("correct the pointer: a mask that hides nothing is worse than none")
}

pub(crate) fn dry_run_reason(span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::DryRunReason,
        span,
        "`dry_run: none` needs a reason",
        "",
    )
    .help("add `because:` and say why the system offers none; reviewers and approvers read it")
}

pub(crate) fn dry_run_not_read(span: Span, preview: &str, effect: &str) -> Diagnostic {
    let message = format!("a dry run changes nothing, and `{preview}` has effect {effect}");
    Diagnostic::new(Code::DryRunNotRead, span, message, "no dry run")
        .help("name an operation with `effect: read`")
}

pub(crate) fn dry_run_arguments(
    span: Span,
    operation: &str,
    preview: &str,
    differing: &[&str],
) -> Diagnostic {
    let named: Vec<String> = differing.iter().map(|name| format!("`{name}`")).collect();
    let message = format!(
        "`{preview}` takes other arguments than `{operation}`: they differ in {}",
        named.join(", ")
    );
    Diagnostic::new(
        Code::DryRunArguments,
        span,
        message,
        "not the same arguments",
    )
    .help("name an operation with the same arguments, or say `dry_run: none` with `because:`")
}

pub(crate) fn select_without_function(span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::MisplacedKey,
        span,
        "a selector splits a function, and this operation names none",
        "of which function?",
    )
    .help("add `mcp:` with the server's function, without the prefix")
}

pub(crate) fn selector_target(span: Span, function: &str, why: BadSelector) -> Diagnostic {
    let message = format!("this cannot select an operation of `{function}`: {why}");
    Diagnostic::new(Code::SelectorTarget, span, message, "").help(match why {
        BadSelector::Unknown => "point at one of the arguments in the lock",
        BadSelector::Optional | BadSelector::NotText | BadSelector::Masked => {
            "point at a required text argument that is not masked"
        }
        BadSelector::NotListed => "write one of the values that the lock lists",
    })
}

/// Words the mistake that no input tells two operations of `function` apart. `first` is the place of the earlier one.
pub(crate) fn selector_clash(span: Span, function: &str, first: Span) -> Diagnostic {
    let message = format!("two operations of `{function}` cannot be told apart");
    Diagnostic::new(Code::SelectorClash, span, message, "one of them")
        .also(first, "the other")
        .help(
            "give each `select` with the same pointer and a value of its own, or keep one of them",
        )
}

pub(crate) fn invalid_fact(span: Span, why: &InvalidProjection) -> Diagnostic {
    Diagnostic::new(Code::InvalidFact, span, format!("this is no fact: {why}"), "").help(
        "write `count(/P)`, `keys(/P)`, `text(/P)`, `number(/P)` or \"minor(/P, 2)\"; for JSON inside a text `keys(json(/P))`",
    )
}

/// Words the mistake that `monotone` names a fact which the operation does not derive. `numbers` are the facts that it
/// could name.
pub(crate) fn unknown_fact(span: Span, name: &str, numbers: &[&str]) -> Diagnostic {
    let help = match (nearest(name, numbers.iter().copied()), numbers.is_empty()) {
        (Some(near), _) => format!("did you mean `{near}`? name facts of this operation"),
        (None, false) => format!("write {}", alternatives(numbers.iter().copied())),
        (None, true) => "derive a `count`, `number` or `minor` under `facts` first".to_owned(),
    };
    let message = format!("this operation has no fact `{name}`");
    Diagnostic::new(Code::FactTarget, span, message, "no such fact").help(help)
}

/// Words the mistake that `monotone` names a fact of which there is no more and no less.
pub(crate) fn no_number(span: Span, name: &str) -> Diagnostic {
    let message = format!("there is no more or less of the fact `{name}`");
    Diagnostic::new(Code::FactTarget, span, message, "not a number")
        .help("name facts made by `count`, `number` or `minor`")
}

pub(crate) fn fact_target(span: Span, function: &str, why: &BadTarget) -> Diagnostic {
    let message = format!("this cannot be taken from the input of `{function}`: {why}");
    Diagnostic::new(Code::FactTarget, span, message, "").help(match why {
        BadTarget::Unknown(_) => "point at one of the arguments in the lock",
        BadTarget::Masked(_) => "take the mask away, or leave the fact out",
        BadTarget::Type(..) => {
            "`count` takes arrays, `keys` objects, `text` texts, `number` and `minor` numbers; rules read the \
             other arguments as `context.input`"
        }
    })
}

pub(crate) fn invalid_summary(span: Span, why: &str) -> Diagnostic {
    Diagnostic::new(
        Code::InvalidSummary,
        span,
        format!("this summary cannot be shown: {why}"),
        "",
    )
    .help("name top-level arguments in braces, such as \"Refund {amount_cents} {currency}\"")
}

pub(crate) fn invalid_money(span: Span, why: &str) -> Diagnostic {
    Diagnostic::new(
        Code::InvalidSummary,
        span,
        format!("this is no money: {why}"),
        "",
    )
    .help("write `money: {AMOUNT: CURRENCY}`: an integer argument in minor units, and the text argument with its currency")
}

pub(crate) fn template_needs_quotes(span: Span) -> Diagnostic {
    Diagnostic::new(
        Code::TemplateNeedsQuotes,
        span,
        "YAML reads this summary as a mapping, because it begins with a brace",
        "not a text",
    )
    .help("put the whole summary into double quotes")
}
