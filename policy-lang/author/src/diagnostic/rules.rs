//! Facts about rules: their kind, their surface beside floors and the catalog, whom they reach, and their Cedar texts,
//! worded by the module that reads Cedar.

use super::{Code, Diagnostic};
use crate::cedar::CedarMistake;
use crate::source::Span;

pub(crate) fn rule_kind(rule: Span, stated: &[(Span, &str)]) -> Diagnostic {
    let help = "write `risk` with `approval` (a grant), or `raise: {…}`, or `never: reason`";
    match stated.split_first() {
        None => Diagnostic::new(
            Code::RuleKind,
            rule,
            "this rule grants nothing, raises nothing and forbids nothing",
            "",
        )
        .help(help),
        Some(((span, key), rest)) => {
            let first = Diagnostic::new(
                Code::RuleKind,
                *span,
                "this rule is several kinds of rule at once",
                format!("`{key}` makes it one"),
            );
            let all = rest.iter().fold(first, |made, (span, key)| {
                made.also(*span, format!("`{key}` makes it another"))
            });
            all.help(format!("keep one kind: {help}"))
        }
    }
}

pub(crate) fn raise_nothing(span: Span) -> Diagnostic {
    Diagnostic::new(Code::RaiseNothing, span, "this raise raises nothing", "")
        .help("give it `approval: supervisor` or above, `require`, `mask` or `max_rows`")
}

/// Words the mistake that a grant states `stated` for `part` where `floor` is the least. `operation` is one for which
/// that floor holds.
pub(crate) fn below_floor(
    span: Span,
    part: &str,
    stated: &str,
    floor: &str,
    operation: &str,
) -> Diagnostic {
    let message = format!("{part} {stated} is below the floor: {operation} needs at least {floor}");
    Diagnostic::new(Code::BelowFloor, span, message, "below the floor").help(format!(
        "write `{part}: {floor}`; floors are in stopgate.yaml"
    ))
}

pub(crate) fn dry_run_missing(span: Span, tool: &str, operation: &str, asker: &str) -> Diagnostic {
    let message =
        format!("{asker} asks for a dry run of `{operation}`, and catalog/{tool}.yaml names none");
    Diagnostic::new(Code::DryRunMissing, span, message, "needs a dry run").help(format!(
        "give `{operation}` in catalog/{tool}.yaml a `dry_run: PREVIEW` with effect read and the same arguments, \
         or `dry_run: none` with `because:`"
    ))
}

pub(crate) fn dry_run_waived(span: Span, tool: &str, operation: &str) -> Diagnostic {
    let message =
        format!("a dry run is asked for, and catalog/{tool}.yaml says that `{operation}` has none");
    Diagnostic::new(Code::DryRunWaived, span, message, "cannot be had").help(format!(
        "take `dry_run` out, or `{operation}` out of this rule"
    ))
}

pub(crate) fn except_unreached(span: Span, profile: &str) -> Diagnostic {
    let message = format!("this rule does not reach `{profile}` anyway");
    Diagnostic::new(
        Code::ExceptUnreached,
        span,
        message,
        "excepted from nothing",
    )
    .help(
        "delete it from `except`; a rule reaches the profiles it names and those that inherit them",
    )
}

pub(crate) fn unscoped_grant(span: Span, id: &str) -> Diagnostic {
    Diagnostic::new(
        Code::UnscopedGrant,
        span,
        format!("the grant `{id}` names no profile"),
        "everybody would get it",
    )
    .help("name the profile: `principal in Stopgate::Profile::\"name\"`")
}

/// Words the mistake that YAML does not read a condition as one text. `written` is what stands behind `when:`.
pub(crate) fn condition_needs_block(span: Span, written: &str) -> Diagnostic {
    Diagnostic::new(
        Code::ConditionNeedsBlock,
        span,
        "YAML does not read this condition as one text",
        "not a plain scalar",
    )
    .help(format!(
        "write it as a block:\n\n    when: |-\n      {written}\n"
    ))
}

/// Words the warning that the grant `light` of `profile` has no effect, because the profile inherits the stricter grant
/// `strict`.
pub(crate) fn pointless(
    light: Span,
    light_id: &str,
    strict: Span,
    strict_id: &str,
    profile: &str,
    operation: &str,
) -> Diagnostic {
    let message = format!(
        "`{light_id}` has no effect for `{profile}` at {operation}: `{strict_id}`, which it inherits, asks for as much or more"
    );
    Diagnostic::new(Code::PointlessRule, light, message, "the lighter rule")
        .also(strict, "the inherited one; the stricter always counts")
        .help(format!("write `except: [{profile}]` into `{strict_id}`, or let both profiles inherit a common base"))
}

pub(crate) fn empty_group(span: Span, group: &str) -> Diagnostic {
    Diagnostic::new(
        Code::EmptyList,
        span,
        format!("no operation is in `{group}`, so this rule reaches nothing"),
        "",
    )
    .help("delete the rule, or name operations that exist")
}

pub(crate) fn unknown_group(span: Span, group: &str) -> Diagnostic {
    Diagnostic::new(
        Code::UnknownOperation,
        span,
        format!("there is no action group `{group}`"),
        "no such group",
    )
    .help("the groups are `@read`, `@write`, `@irreversible` and `@tool:NAME`")
}

pub(crate) fn unknown_action(span: Span, action: &str) -> Diagnostic {
    let message = format!("`{}` is no action", action.escape_debug());
    Diagnostic::new(
        Code::UnknownOperation,
        span,
        message,
        "not `tool/operation`",
    )
    .help("write `Stopgate::Action::\"tool/operation\"`, or a group such as `@write`")
}

/// Makes a diagnostic of `mistake`, whose range is `span` in its file. A mistake with a code that is not registered
/// stays an error.
pub(crate) fn cedar_mistake(mistake: &CedarMistake, span: Span) -> Diagnostic {
    let CedarMistake {
        code,
        message,
        help,
        range: _,
    } = mistake;
    let code = Code::from_name(code).unwrap_or(Code::CedarSyntax);
    let diagnostic = Diagnostic::new(code, span, message.clone(), "");
    diagnostic.help(help.clone().unwrap_or_else(|| code.advice().to_owned()))
}
