//! JSON bodies of the commands; their schemas are in `docs/reference/schemas/`.

mod diff;
mod replay;

use serde_json::{Value, json};
use stopgate_author::compile::Compiled;
use stopgate_author::near_miss::NearMiss;
use stopgate_decide::decide::{Decision, MatchedRule, Outcome};
use stopgate_decide::surface::{Limit, Need, Surface};

use crate::explain::{Asked, Explanation, Next};
use crate::matrix::{Asks, Entry, Matrix, MatrixCell, Pair, Row};
use crate::mutants::{Mutant, MutantReport, Survivor};
use crate::test::{CaseReport, Mismatch, SuiteReport, TestReport, Try};

pub use diff::diff;
pub(crate) use replay::replay;

/// Returns the body of `check`, and of every command whose policy turns out invalid.
pub(crate) fn check(compiled: &Compiled) -> Value {
    let (errors, warnings) = compiled.diagnostics.counts();
    json!({
        "files": compiled.summary.files,
        "rules": compiled.summary.rules,
        "errors": errors,
        "warnings": warnings,
        "diagnostics": compiled.diagnostics.to_json(&compiled.sources),
    })
}

/// Returns the body of `test`; `coverage` and `mutants` are null unless asked for.
pub(crate) fn test(report: &TestReport, coverage: bool, mutants: Option<&MutantReport>) -> Value {
    let coverage = coverage.then(|| {
        let covered = &report.coverage;
        let unmatched = covered.unmatched.iter();
        let unnamed = covered.unnamed.iter();
        json!({
            "rules": covered.rules,
            "unmatched": unmatched
                .map(|(rule, place)| json!({"rule": rule.to_string(), "file": &*place.file, "line": place.line}))
                .collect::<Vec<_>>(),
            "pairs": covered.pairs,
            "unnamed": unnamed
                .map(|(tool, operation, profile)| json!({"tool": tool, "operation": operation, "profile": profile}))
                .collect::<Vec<_>>(),
        })
    });
    json!({
        "passed": report.passed(),
        "failed": report.failed(),
        "skipped": report.skipped(),
        "suites": report.suites.iter().map(suite).collect::<Vec<_>>(),
        "coverage": coverage,
        "mutants": mutants.map(judged),
    })
}

fn judged(report: &MutantReport) -> Value {
    let equivalent = report.equivalent.iter().map(|mutant| {
        let Mutant {
            location,
            subject,
            change,
        } = mutant;
        json!({"subject": subject, "change": change, "file": &*location.file, "line": location.line})
    });
    let unnoticed = report.unnoticed.iter().map(|Survivor { mutant, case }| {
        let Mutant {
            location,
            subject,
            change,
        } = mutant;
        json!({
            "subject": subject, "change": change, "file": &*location.file, "line": location.line,
            "case": {"file": case.file, "yaml": case.yaml()},
        })
    });
    json!({
        "score": report.score(),
        "noticed": report.noticed,
        "unnoticed": unnoticed.collect::<Vec<_>>(),
        "equivalent": equivalent.collect::<Vec<_>>(),
    })
}

fn suite(suite: &SuiteReport) -> Value {
    let case = |case: &CaseReport| {
        json!({
            "name": case.name,
            "file": &*case.location.file,
            "line": case.location.line,
            "skipped": case.skipped,
            "tries": case.tries.iter().map(one_try).collect::<Vec<_>>(),
        })
    };
    json!({
        "tool": suite.tool,
        "file": suite.file,
        "cases": suite.cases.iter().map(case).collect::<Vec<_>>(),
        "unlisted": suite.unlisted.iter().map(one_try).collect::<Vec<_>>(),
    })
}

fn one_try(tried: &Try) -> Value {
    let Try {
        profiles,
        operation,
        mismatch,
    } = tried;
    let mismatch = mismatch.as_ref().map(|mismatch| {
        let Mismatch {
            expected,
            got,
            message,
            rules: matched,
        } = mismatch;
        json!({"expected": expected, "got": got, "message": message, "rules": rules(matched)})
    });
    json!({"profiles": profiles, "operation": operation, "mismatch": mismatch})
}

fn rules(rules: &[MatchedRule]) -> Vec<Value> {
    let rule = |MatchedRule { id, location, kind }: &MatchedRule| json!({"rule": id.to_string(), "kind": kind, "file": &*location.file, "line": location.line});
    rules.iter().map(rule).collect()
}

/// Returns the body of `explain`.
pub(crate) fn explain(explained: &Explanation, limit: Option<Limit>) -> Value {
    let Explanation {
        decision,
        near,
        next,
        useless,
        asked,
        alone,
    } = explained;
    let next = next
        .iter()
        .map(|Next { given, decision }| json!({"given": words(given), "result": result(decision)}));
    let asked = asked.as_ref().map(|Asked { route, within, summary }| {
        json!({"route": route.id, "level": route.level, "seats": route.seats, "within": within, "summary": summary})
    });
    let alone = alone.iter().map(|(profile, decision)| {
        json!({"profile": profile, "result": result(decision), "rules": rules(decision.rules())})
    });
    let seen = decision.seen();
    let facts = seen.facts.iter().map(|(name, value)| {
        let value = serde_json::from_str(&value.canonical()).unwrap_or(Value::Null);
        (name.clone(), value)
    });
    let near = near.iter().map(|NearMiss { rule: MatchedRule { id, location, kind }, conjunct }| {
        json!({
            "rule": id.to_string(), "kind": kind, "file": &*location.file, "line": location.line, "false": conjunct,
        })
    });
    json!({
        "result": result(decision),
        "operation": seen.operation,
        "profiles": seen.profiles,
        "business": seen.business,
        "facts": facts.collect::<serde_json::Map<_, _>>(),
        "limit": limit,
        "surface": decision.surface().map(surface),
        "rules": rules(decision.rules()),
        "near": near.collect::<Vec<_>>(),
        "next": next.collect::<Vec<_>>(),
        "useless": words(useless),
        "asked": asked,
        "alone": alone.collect::<Vec<_>>(),
    })
}

fn words(needs: &[Need]) -> Vec<String> {
    needs.iter().map(ToString::to_string).collect()
}

fn result(decision: &Decision) -> Value {
    match decision.outcome() {
        Outcome::Permit(_) => json!({"permit": {}}),
        Outcome::Route(needs) => json!({"route": words(needs)}),
        Outcome::Reject(rejection) => {
            json!({"reject": {"reason": rejection.reason.as_str(), "message": rejection.message}})
        }
    }
}

fn surface(surface: &Surface) -> Value {
    let Surface {
        risk,
        approval,
        user_confirmation: _,
        dry_run: _,
        masks,
        max_rows,
    } = surface;
    json!({
        "risk": risk, "approval": approval, "require": surface.requirements().collect::<Vec<_>>(),
        "mask": masks, "max_rows": max_rows,
    })
}

/// Returns the body of `matrix`.
pub(crate) fn matrix(matrix: &Matrix) -> Value {
    let row = |row: &Row| {
        let cells = matrix.profiles.iter().zip(&row.cells);
        json!({
            "tool": row.tool,
            "operation": row.operation,
            "effect": row.effect,
            "no_dry_run": row.no_dry_run,
            "everybody": cell(&row.everybody),
            "profiles": cells.map(|(profile, entries)| (profile.to_string(), cell(entries))).collect::<serde_json::Map<_, _>>(),
        })
    };
    let pair = |pair: &Pair| {
        json!({
            "tool": pair.tool,
            "operation": pair.operation,
            "profiles": pair.profiles,
            "without": cell(&pair.without),
            "left": cell(&pair.left),
            "no_longer": pair.no_longer,
            "becomes": pair.becomes.as_str(),
        })
    };
    json!({
        "rows": matrix.rows.iter().map(row).collect::<Vec<_>>(),
        "pairs": matrix.pairs.iter().map(pair).collect::<Vec<_>>(),
    })
}

fn cell(cell: &MatrixCell) -> Value {
    let entry = |Entry {
                     asks,
                     conditional,
                     rules,
                 }: &Entry| {
        let (risk, approval) = match asks {
            Asks::Grant(risk, approval) => (Some(risk), Some(approval)),
            Asks::Raise(approval) => (None, Some(approval)),
            Asks::Never => (None, None),
        };
        json!({
            "kind": asks.kind(), "risk": risk, "approval": approval, "conditional": conditional,
            "rules": rules.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    };
    cell.iter().map(entry).collect()
}

/// Returns `object` with the members of `more` added; null adds none.
pub(crate) fn with(mut object: Value, more: Value) -> Value {
    if let (Some(members), Value::Object(more)) = (object.as_object_mut(), more) {
        members.extend(more);
    }
    object
}
