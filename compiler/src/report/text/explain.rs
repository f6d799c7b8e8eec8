//! One explained decision as text: the answer first, then why, then what would change it.

use stopgate_author::near_miss::NearMiss;
use stopgate_decide::decide::{Decision, MatchKind, Outcome, Reason};
use stopgate_decide::name::ProfileName;
use stopgate_decide::routing::{Route, Seat};
use stopgate_decide::surface::{Limit, Surface};

use crate::explain::{Asked, Explanation};
use crate::report::Paint;
use crate::test::result_words;
use crate::words::list;

use super::line;

/// Returns the explanation under `limit`, or under no ceiling when no channel was named.
pub(crate) fn explain(explained: &Explanation, limit: Option<Limit>, paint: Paint) -> String {
    let mut out = String::new();
    let Explanation {
        decision,
        near,
        next: _,
        useless: _,
        asked,
        alone: _,
    } = explained;
    let words = result_words(decision.outcome());
    let words = match decision.outcome() {
        Outcome::Permit(_) => paint.good(&words),
        Outcome::Route(_) => paint.mind(&words),
        Outcome::Reject(_) => paint.bad(&words),
    };
    line(&mut out, format_args!("{words}"));
    if let Outcome::Reject(rejection) = decision.outcome() {
        let held = &decision.seen().profiles;
        let whose = match rejection.reason == Reason::NoRule && !held.is_empty() {
            true => format!(" for {}", list(held)),
            false => String::new(),
        };
        line(&mut out, format_args!("  {}{whose}", rejection.message));
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
        && has(MatchKind::Grant)
        && !has(MatchKind::Never)
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
    if let Some(Asked {
        route,
        within,
        summary,
    }) = asked
    {
        let head = paint.head("who is asked");
        let seats = seats(route);
        line(
            &mut out,
            format_args!("\n{head}  {}: {seats}, within {within}", route.id),
        );
        if let Some(summary) = summary {
            line(&mut out, format_args!("  they read: {summary}"));
        }
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
    changes(&mut out, explained, paint);
    alone(&mut out, explained, paint);
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

/// Returns whose votes fill the seats of `route`.
fn seats(route: &Route) -> String {
    let seat = |seat: &Seat| {
        let profiles: Vec<&str> = seat.profiles.iter().map(ProfileName::as_str).collect();
        format!("{} of {}", seat.votes, profiles.join(" or "))
    };
    let seats: Vec<String> = route.seats.iter().map(seat).collect();
    seats.join(" and ")
}

/// Writes the next answer after each step, and the steps that would not help.
fn changes(out: &mut String, explained: &Explanation, paint: Paint) {
    let Explanation { next, useless, .. } = explained;
    let head = paint.head("what would change it");
    let none = match explained.decision.outcome() {
        Outcome::Route(_) => None,
        Outcome::Permit(_) => Some("nothing more is needed"),
        Outcome::Reject(rejection) if rejection.reason == Reason::Ceiling => {
            Some("no evidence; a channel with a higher ceiling")
        }
        Outcome::Reject(_) => Some("no evidence; another request or another policy"),
    };
    if let Some(words) = none {
        line(out, format_args!("\n{head}  {words}"));
        return;
    }
    line(out, format_args!("\n{head}"));
    let all = next.len().saturating_sub(1);
    let steps = next.iter().enumerate().map(|(at, step)| {
        let given = if at == all && at > 0 {
            "all of these".to_owned()
        } else {
            list(&step.given)
        };
        (
            format!("with {given}"),
            result_words(step.decision.outcome()),
        )
    });
    columns(out, &steps.collect::<Vec<_>>());
    if !useless.is_empty() {
        let words = format!("would not help: {}", list(useless));
        line(out, format_args!("  {}", paint.faint(&words)));
    }
}

/// Writes what each profile would get by itself, for people who hold several.
fn alone(out: &mut String, explained: &Explanation, paint: Paint) {
    if explained.alone.is_empty() {
        return;
    }
    let head = paint.head("with one of the profiles alone");
    line(out, format_args!("\n{head}"));
    let answer = |decision: &Decision| {
        let rules = list(decision.rules().iter().map(|rule| &rule.id));
        let answer = result_words(decision.outcome());
        let both = format!("{answer}  {}", paint.faint(&rules));
        both.trim_end().to_owned()
    };
    let each = explained.alone.iter();
    let each = each.map(|(profile, decision)| (profile.to_string(), answer(decision)));
    columns(out, &each.collect::<Vec<_>>());
}

fn columns(out: &mut String, lines: &[(String, String)]) {
    let width = lines.iter().map(|(left, _)| left.len()).max().unwrap_or(0);
    for (left, right) in lines {
        line(out, format_args!("  {left:<width$}  {right}"));
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
