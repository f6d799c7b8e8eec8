//! One explained decision as text: the answer first, then why, then what would change it.

use stopgate_lang::decide::{Kind, NearMiss, Outcome, Reason};
use stopgate_lang::surface::{Limit, Surface};

use super::line;
use crate::explain::Explanation;
use crate::report::{Paint, list};
use crate::test::result_words;

/// The explanation under `limit`, or under no ceiling when no channel was named.
pub(crate) fn explain(explained: &Explanation, limit: Option<Limit>, paint: Paint) -> String {
    let mut out = String::new();
    let Explanation { decision, near } = explained;
    let words = result_words(decision.outcome());
    let words = match decision.outcome() {
        Outcome::Permit(_) => paint.good(&words),
        Outcome::Route(_) => paint.mind(&words),
        Outcome::Reject(_) => paint.bad(&words),
    };
    line(&mut out, format_args!("{words}"));
    if let Outcome::Reject(rejection) = decision.outcome() {
        line(&mut out, format_args!("  {}", rejection.message));
    }
    if !decision.rules().is_empty() {
        line(
            &mut out,
            format_args!("\n{}", paint.head("rules that matched")),
        );
    }
    for rule in decision.rules() {
        let place = rule.location.to_string();
        line(
            &mut out,
            format_args!(
                "  {:<5}  {}  {}",
                rule.kind.as_str(),
                rule.id,
                paint.faint(&place)
            ),
        );
    }
    // Beside a never, and without a grant, it does not matter what else is asked for.
    let has = |kind| decision.rules().iter().any(|rule| rule.kind == kind);
    if let Some(surface) = decision.surface()
        && has(Kind::Grant)
        && !has(Kind::Never)
    {
        line(
            &mut out,
            format_args!(
                "\n{}  {}",
                paint.head("together they ask for"),
                surface_words(surface)
            ),
        );
    }
    if !near.is_empty() {
        line(
            &mut out,
            format_args!("\n{}", paint.head("rules that nearly matched")),
        );
    }
    for NearMiss { rule, conjunct } in near {
        let place = rule.location.to_string();
        line(
            &mut out,
            format_args!(
                "  {:<5}  {}  {}",
                rule.kind.as_str(),
                rule.id,
                paint.faint(&place)
            ),
        );
        line(
            &mut out,
            format_args!("         but this is false: {conjunct}"),
        );
    }
    line(
        &mut out,
        format_args!(
            "\n{}  {}",
            paint.head("what would change it"),
            change(decision.outcome())
        ),
    );
    if limit.is_none() {
        line(
            &mut out,
            format_args!(
                "{}",
                paint.faint("no --channel was named, so no ceiling was applied")
            ),
        );
    }
    out
}

fn change(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Permit(_) => "nothing more is needed".to_owned(),
        Outcome::Route(needs) => format!("it runs once this is collected too: {}", list(needs)),
        Outcome::Reject(rejection) if rejection.reason == Reason::Ceiling => {
            "no evidence; a channel with a higher ceiling".to_owned()
        }
        Outcome::Reject(_) => "no evidence; another request or another policy".to_owned(),
    }
}

fn surface_words(surface: &Surface) -> String {
    let Surface {
        risk,
        approval,
        user_confirmation: _,
        dry_run: _,
        masks,
        max_rows,
    } = surface;
    let mut words = vec![format!("risk {risk}"), format!("approval {approval}")];
    words.extend(surface.requirements().map(|what| what.to_string()));
    words.extend(masks.iter().map(|pointer| format!("mask {pointer}")));
    words.extend(
        max_rows
            .iter()
            .map(|(pointer, rows)| format!("at most {rows} of {pointer}")),
    );
    list(words)
}
