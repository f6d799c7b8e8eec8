//! Replay for people: how much was seen, what flips, what it costs people, and the verdict last.

use std::fmt::Write as _;

use stopgate_decide::calendar::zone_data;
use stopgate_decide::decide::{Decision, Outcome};
use stopgate_decide::name::{OperationName, ToolName};
use stopgate_decide::record::RecordedResult;
use stopgate_decide::replay::Lost;
use stopgate_decide::visible::visible;

use crate::diff::Side;
use crate::replay::{
    Counts, Flip, Flips, Forecast, Load, Peak, Question, Replayed, RouteLoad, Seen, Surprise,
};
use crate::report::{Paint, named_side};
use crate::words::{count, list};

use super::line;

/// Users and approvers that are shown.
const SHOWN: usize = 10;

/// Characters of a name or an id that are shown: whoever runs an issuer can call its users anything.
const NAME: usize = 128;

/// Returns everything that was found.
pub(crate) fn replay(
    found: &Replayed,
    surprise: Option<&Surprise>,
    (question, [base, head]): (Question<'_>, [&Side; 2]),
    paint: Paint,
) -> String {
    let mut out = String::new();
    line(
        &mut out,
        format_args!(
            "{}",
            paint.head(&format!("{} against {}", side(head), side(base)))
        ),
    );
    seen(&mut out, found);
    flips(&mut out, &found.flips, paint);
    approvals(&mut out, &found.forecast, question, paint);
    if let Some(surprise) = surprise {
        unpredicted(&mut out, surprise, paint);
    }
    out
}

fn unpredicted(out: &mut String, surprise: &Surprise, paint: Paint) {
    let Surprise { flips, settings } = surprise;
    if flips.is_empty() {
        return line(
            out,
            format_args!("{}", paint.good("every flip was predicted")),
        );
    }
    for flip in flips {
        let name = operation_name(flip.operation.as_ref());
        let title = format!("not predicted: {name} is {}", flip.direction.word());
        let predicted = flip.predicted.as_str();
        let first = flip
            .first
            .map_or_else(String::new, |seq| format!(", first at record {seq}"));
        line(
            out,
            format_args!(
                "{}  {} where `{predicted}` was predicted{first}",
                paint.bad(&title),
                count(flip.count, "attempt")
            ),
        );
    }
    if *settings > 0 {
        line(
            out,
            format_args!(
                "  the prediction lists {}, which may explain it",
                count(
                    u64::try_from(*settings).unwrap_or(u64::MAX),
                    "changed setting"
                )
            ),
        );
    }
}

fn operation_name(named: Option<&(ToolName, OperationName)>) -> String {
    named.map_or_else(
        || "an operation that neither policy knows".to_owned(),
        |(tool, operation)| format!("{tool}/{operation}"),
    )
}

fn side(side: &Side) -> String {
    match named_side(side) {
        (name, Some(commit)) => format!("{name} ({commit})"),
        (name, None) => name.to_owned(),
    }
}

fn seen(out: &mut String, found: &Replayed) {
    let Seen {
        attempts,
        decided,
        taken,
        lost,
        unrecorded,
        checked,
        otherwise,
        by_calendar,
        examples,
        first,
        last,
    } = &found.seen;
    let span = match (first, last) {
        (Some(first), Some(last)) => format!(", {first:.0} to {last:.0}"),
        (Some(_) | None, _) => String::new(),
    };
    line(
        out,
        format_args!("{} on record{span}", count(*attempts, "attempt")),
    );
    let lost_all = lost
        .values()
        .fold(0_u64, |sum, count| sum.saturating_add(*count));
    line(
        out,
        format_args!(
            "  {decided} decided again, {taken} taken as recorded where both policies are alike, {lost_all} not replayed"
        ),
    );
    for (why, count) in lost {
        let what = match why {
            Lost::Unasked => "were answered before any policy was asked",
            Lost::Masked => "hide an argument that may decide",
            Lost::Withheld => "were recorded without their input",
            Lost::Unreproduced => "were refused for something that is not in the record",
        };
        line(out, format_args!("    {count} {what}"));
    }
    if *unrecorded > 0 {
        line(
            out,
            format_args!(
                "  {} left no record of their own",
                count(*unrecorded, "attempt")
            ),
        );
    }
    if *checked > 0 {
        line(
            out,
            format_args!(
                "  {checked} compared with the base's own answer, {otherwise} recorded with another answer"
            ),
        );
    }
    if *by_calendar > 0 {
        line(
            out,
            format_args!(
                "    {by_calendar} of them read the calendar otherwise: this program has zone data {}, and the `--version` of \
                 the sidecar names another",
                zone_data()
            ),
        );
    }
    for one in examples {
        let recorded = match &one.recorded {
            RecordedResult::Permit => "permit".to_owned(),
            RecordedResult::Route(needs) => format!("route: {}", list(needs)),
            RecordedResult::Reject(rejection) => format!("reject: {}", rejection.reason),
        };
        let seq = one.seq;
        let decided = outcome(&one.decided);
        line(
            out,
            format_args!("    record {seq} says {recorded}, the base {decided}"),
        );
    }
}

fn flips(out: &mut String, flips: &Flips, paint: Paint) {
    let Flips {
        counts,
        kinds,
        parts,
        operations,
        users,
        others,
    } = flips;
    if counts.total == 0 {
        line(out, format_args!("\n{}", paint.good("no answer flips")));
        return;
    }
    let title = format!("{}: {}", count(counts.total, "flip"), ways(*counts));
    line(out, format_args!("\n{}", paint.head(&title)));
    let kinds = kinds
        .iter()
        .map(|((from, to), count)| format!("{} → {} {count}", from.as_str(), to.as_str()));
    line(out, format_args!("  {}", list(kinds)));
    if !parts.is_empty() {
        let parts = parts
            .iter()
            .map(|((part, way), count)| format!("{part} {} {count}", way.word()));
        line(out, format_args!("  {}", list(parts)));
    }
    for (named, flips) in operations {
        let name = operation_name(named.as_ref());
        line(
            out,
            format_args!("{name}  {}: {}", flips.counts.total, ways(flips.counts)),
        );
        for ((from, to), sample) in &flips.kinds {
            let (from, to) = (from.as_str(), to.as_str());
            line(out, format_args!("  {from} → {to}  {}", sample.count));
            first(out, &sample.first, paint);
        }
    }
    line(out, format_args!("by user"));
    for user in users.iter().take(SHOWN) {
        line(
            out,
            format_args!(
                "  {}  {}: {}",
                visible(&user.subject.id, NAME),
                user.counts.total,
                ways(user.counts)
            ),
        );
    }
    let rest = users.iter().skip(SHOWN).map(|user| user.counts.total);
    let rest = rest.fold(*others, u64::saturating_add);
    if rest > 0 {
        line(out, format_args!("  others  {rest}"));
    }
}

fn ways(counts: Counts) -> String {
    let Counts {
        total: _,
        looser,
        stricter,
    } = counts;
    format!("{looser} looser, {stricter} stricter")
}

/// Writes the first flip of a kind: whose it is, and both answers.
fn first(out: &mut String, flip: &Flip, paint: Paint) {
    let who = flip
        .subject
        .as_ref()
        .map_or_else(|| "nobody".to_owned(), |subject| visible(&subject.id, NAME));
    let profiles = list(&flip.profiles);
    let place = format!("    first: record {}, {who} ({profiles})", flip.seq);
    line(out, format_args!("{}", paint.faint(&place)));
    for (when, decision) in [("before", &flip.before), ("after ", &flip.after)] {
        line(out, format_args!("      {when}  {}", answer(decision)));
    }
}

/// Returns an answer with everything in which two answers can differ.
fn answer(decision: &Decision) -> String {
    let mut text = outcome(decision);
    if let (Outcome::Permit(_) | Outcome::Route(_), Some(surface)) =
        (decision.outcome(), decision.surface())
    {
        let _always_fits = write!(text, "; risk {}", surface.risk);
        if !surface.masks.is_empty() {
            let _always_fits = write!(text, "; mask {}", list(&surface.masks));
        }
        for (pointer, rows) in &surface.max_rows {
            let _always_fits = write!(text, "; at most {rows} of {pointer}");
        }
    }
    let rules = decision.rules();
    if !rules.is_empty() {
        let _always_fits = write!(text, "  [{}]", list(rules.iter().map(|rule| &rule.id)));
    }
    text
}

fn outcome(decision: &Decision) -> String {
    match decision.outcome() {
        Outcome::Permit(_) => "permit".to_owned(),
        Outcome::Route(needs) => format!("route: {}", list(needs)),
        Outcome::Reject(rejection) => format!("reject: {}", rejection.reason),
    }
}

fn approvals(out: &mut String, forecast: &Forecast, question: Question<'_>, paint: Paint) {
    let Forecast {
        budget,
        days,
        routes,
        approvers,
        over,
    } = forecast;
    let days = count(*days, "day");
    line(
        out,
        format_args!("\n{}", paint.head(&format!("approvals over {days}"))),
    );
    if routes.is_empty() {
        line(out, format_args!("  nobody is asked"));
    }
    for RouteLoad {
        route,
        level,
        before,
        after,
    } in routes
    {
        let route = route.as_ref().map_or("no route", |route| route.as_str());
        line(
            out,
            format_args!("  {route} ({level}): {} → {}", load(before), load(after)),
        );
        if after.unfilled > 0 {
            let unfilled = count(after.unfilled, "request");
            let text = format!("    {unfilled} that too few people can approve");
            line(out, format_args!("{}", paint.bad(&text)));
        }
    }
    match (approvers, question.directory) {
        (Some(approvers), Some(directory)) => {
            let people = directory.people().len();
            line(
                out,
                format_args!(
                    "by person, of {people} in the directory of {:.0}",
                    directory.as_of()
                ),
            );
            for one in approvers.iter().take(SHOWN) {
                let (before, after) = (peak(&one.before), peak(&one.after));
                line(
                    out,
                    format_args!(
                        "  {} {}: {before} → {after}",
                        visible(&one.person.to_string(), NAME),
                        visible(&one.name.to_string(), NAME)
                    ),
                );
            }
            let rest = approvers.len().saturating_sub(SHOWN);
            if rest > 0 {
                line(out, format_args!("  and {rest} with less"));
            }
        }
        (Some(_) | None, _) if !routes.is_empty() => line(
            out,
            format_args!(
                "  nobody knows how many share a route, so each of its people counts with all of them: --directory"
            ),
        ),
        (Some(_) | None, _) => {}
    }
    let verdict = if *over {
        paint.bad(&format!(
            "over the budget of {budget} approvals a person and day"
        ))
    } else {
        paint.good(&format!(
            "within the budget of {budget} approvals a person and day"
        ))
    };
    line(out, format_args!("{verdict}"));
}

fn load(load: &Load) -> String {
    match load.busiest {
        Some((day, requests)) => format!("{}, {requests} on {day}", load.requests),
        None => "0".to_owned(),
    }
}

fn peak(peak: &Peak) -> String {
    match peak.busiest {
        Some((day, load)) => format!("{:.1}, {load:.1} on {day}", peak.total),
        None => "0".to_owned(),
    }
}
