//! Body of `replay`.

use serde_json::{Value, json};
use stopgate_decide::decide::Decision;
use stopgate_decide::record::{RecordedResult, Seq};
use stopgate_decide::replay::Lost;

use crate::diff::{Direction, Part, Side};
use crate::replay::{
    Approver, Counts, Flip, Flips, Forecast, Load, OperationFlips, Otherwise, Peak, Question,
    Replayed, RouteLoad, Sample, Seen, Surprise, Unpredicted, User,
};

use super::{result, surface, words};

/// Approvers that are listed.
const APPROVERS: usize = 100;

/// Returns the body of `replay`: everything that was found.
pub(crate) fn replay(
    found: &Replayed,
    surprise: Option<&Surprise>,
    question: Question<'_>,
    [base, head]: [&Side; 2],
) -> Value {
    let Replayed {
        files,
        seen,
        torn,
        alike,
        flips,
        forecast,
    } = found;
    let torn = torn
        .as_ref()
        .map(|torn| json!({"file": torn.path.display().to_string(), "line": torn.line}));
    json!({
        "base": side(base),
        "head": side(head),
        "channel": question.channel,
        "files": files,
        "torn": torn,
        "attempts": attempts(seen),
        "alike_operations": alike,
        "recorded_otherwise": {
            "checked": seen.checked,
            "total": seen.otherwise,
            "by_calendar": seen.by_calendar,
            "examples": seen.examples.iter().map(otherwise).collect::<Vec<_>>(),
        },
        "flips": all_flips(flips),
        "approvals": approvals(forecast, question),
        "unpredicted": surprise.map(unpredicted),
    })
}

fn unpredicted(surprise: &Surprise) -> Value {
    let Surprise { flips, settings } = surprise;
    let flip = |flip: &Unpredicted| {
        let Unpredicted {
            operation,
            direction,
            predicted,
            count,
            first,
        } = flip;
        let named = operation.as_ref();
        json!({
            "tool": named.map(|(tool, _)| tool), "operation": named.map(|(_, operation)| operation),
            "direction": direction.word(), "predicted": predicted.as_str(), "count": count,
            "first": first.map(Seq::get),
        })
    };
    json!({"flips": flips.iter().map(flip).collect::<Vec<_>>(), "settings": settings})
}

fn side(side: &Side) -> Value {
    let Side { name, commit } = side;
    json!({"name": name, "commit": commit})
}

fn attempts(seen: &Seen) -> Value {
    let lost = Lost::ALL.map(|why| {
        let count = seen.lost.get(&why).copied().unwrap_or(0);
        (why.as_str().to_owned(), Value::from(count))
    });
    json!({
        "total": seen.attempts,
        "decided": seen.decided,
        "taken": seen.taken,
        "not_replayed": lost.into_iter().collect::<serde_json::Map<_, _>>(),
        "unrecorded": seen.unrecorded,
        "first": seen.first.map(|time| format!("{time:.3}")),
        "last": seen.last.map(|time| format!("{time:.3}")),
    })
}

fn otherwise(one: &Otherwise) -> Value {
    let recorded = match &one.recorded {
        RecordedResult::Permit => json!({"permit": {}}),
        RecordedResult::Route(needs) => json!({"route": words(needs)}),
        RecordedResult::Reject(rejection) => {
            json!({"reject": {"reason": rejection.reason.as_str(), "message": rejection.message}})
        }
    };
    json!({"record": one.seq.get(), "recorded": recorded, "decided": result(&one.decided)})
}

fn all_flips(flips: &Flips) -> Value {
    let Flips {
        counts,
        kinds,
        parts,
        operations,
        users,
        others,
    } = flips;
    let kinds = kinds.iter().map(
        |((from, to), count)| json!({"from": from.as_str(), "to": to.as_str(), "count": count}),
    );
    let parts = parts.iter().map(|((part, way), count)| {
        json!({"part": part.to_string(), "direction": way.word(), "count": count})
    });
    let operations = operations.iter().map(|(named, flips)| {
        let named = named.as_ref();
        json!({
            "tool": named.map(|(tool, _)| tool), "operation": named.map(|(_, operation)| operation),
            "counts": counted(flips.counts), "kinds": samples(flips),
        })
    });
    let users = users.iter().map(|User { subject, counts }| {
        json!({"issuer": subject.issuer, "id": subject.id, "counts": counted(*counts)})
    });
    json!({
        "counts": counted(*counts),
        "kinds": kinds.collect::<Vec<_>>(),
        "parts": parts.collect::<Vec<_>>(),
        "operations": operations.collect::<Vec<_>>(),
        "users": users.collect::<Vec<_>>(),
        "other_users": others,
    })
}

fn samples(flips: &OperationFlips) -> Vec<Value> {
    let sample = |((from, to), sample): (&(crate::replay::Word, crate::replay::Word), &Sample)| {
        let Sample {
            count,
            parts,
            first,
        } = sample;
        json!({
            "from": from.as_str(), "to": to.as_str(), "count": count,
            "parts": parts.iter().map(part).collect::<Vec<_>>(), "first": flip(first),
        })
    };
    flips.kinds.iter().map(sample).collect()
}

fn counted(counts: Counts) -> Value {
    let Counts {
        total,
        looser,
        stricter,
    } = counts;
    json!({"total": total, "looser": looser, "stricter": stricter})
}

fn part((part, way): &(Part, Direction)) -> Value {
    json!({"part": part.to_string(), "direction": way.word()})
}

fn flip(flip: &Flip) -> Value {
    let Flip {
        seq,
        time,
        subject,
        profiles,
        agent,
        operation: _,
        before,
        after,
    } = flip;
    let subject = subject
        .as_ref()
        .map(|subject| json!({"issuer": subject.issuer, "id": subject.id}));
    json!({
        "record": seq.get(), "time": format!("{time:.3}"), "subject": subject, "profiles": profiles, "agent": agent,
        "before": answer(before), "after": answer(after),
    })
}

fn answer(decision: &Decision) -> Value {
    let rules = decision.rules().iter().map(|rule| rule.id.to_string());
    json!({
        "result": result(decision), "surface": decision.surface().map(surface), "rules": rules.collect::<Vec<_>>(),
    })
}

fn approvals(forecast: &Forecast, question: Question<'_>) -> Value {
    let Forecast {
        budget,
        days,
        routes,
        approvers,
        over,
    } = forecast;
    let routes = routes.iter().map(|route| {
        let RouteLoad {
            route,
            level,
            before,
            after,
        } = route;
        json!({"route": route, "level": level, "before": load(before), "after": load(after)})
    });
    let directory = question.directory.map(|directory| {
        json!({"as_of": format!("{:.0}", directory.as_of()), "people": directory.people().len()})
    });
    let listed = approvers.as_ref().map(|approvers| {
        let listed = approvers.iter().take(APPROVERS).map(|one| {
            let Approver {
                person,
                name,
                before,
                after,
            } = one;
            json!({"person": person, "name": name, "before": peak(before), "after": peak(after)})
        });
        listed.collect::<Vec<_>>()
    });
    json!({
        "budget": budget, "over": over, "days": days, "directory": directory, "routes": routes.collect::<Vec<_>>(),
        "approvers": listed,
    })
}

fn load(load: &Load) -> Value {
    let Load {
        requests,
        busiest,
        unfilled,
    } = load;
    let busiest =
        busiest.map(|(day, requests)| json!({"day": day.to_string(), "requests": requests}));
    json!({"requests": requests, "busiest": busiest, "unfilled": unfilled})
}

fn peak(peak: &Peak) -> Value {
    let Peak { total, busiest } = peak;
    let busiest =
        busiest.map(|(day, load)| json!({"day": day.to_string(), "approvals": rounded(load)}));
    json!({"approvals": rounded(*total), "busiest": busiest})
}

/// Rounds a number to hundredths, which are enough to see whether it is too much.
fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}
