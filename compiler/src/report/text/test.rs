//! Decision tables as text: a line for each case, and for what failed everything needed to mend it.

use stopgate_decide::name::Location;

use crate::report::Paint;
use crate::test::{CaseReport, Coverage, SuiteReport, TestReport, Try};
use crate::words::{count, list};

use super::line;

/// Returns the whole report; `coverage` adds what no case touched.
pub(crate) fn test(report: &TestReport, coverage: bool, paint: Paint) -> String {
    let mut out = String::new();
    for suite in &report.suites {
        one_suite(&mut out, suite, paint);
    }
    if coverage {
        what_was_covered(&mut out, &report.coverage, paint);
    }
    let (passed, failed, skipped) = (report.passed(), report.failed(), report.skipped());
    let skipped = if skipped == 0 {
        String::new()
    } else {
        format!(", {} skipped", count(skipped, "case"))
    };
    let totals = format!("{passed} passed, {failed} failed{skipped}");
    line(
        &mut out,
        format_args!(
            "{}",
            if failed == 0 {
                paint.good(&totals)
            } else {
                paint.bad(&totals)
            }
        ),
    );
    out
}

fn one_suite(out: &mut String, suite: &SuiteReport, paint: Paint) {
    line(out, format_args!("{}", paint.head(&suite.file)));
    for case in &suite.cases {
        one_case(out, case, paint);
    }
    if !suite.unlisted.is_empty() {
        let open: Vec<&Try> = suite
            .unlisted
            .iter()
            .filter(|tried| tried.mismatch.is_some())
            .collect();
        let pairs = count(suite.unlisted.len(), "pair");
        if open.is_empty() {
            line(
                out,
                format_args!(
                    "  {} {pairs} that no case names, all rejected",
                    paint.good("✓")
                ),
            );
        } else {
            line(
                out,
                format_args!(
                    "  {} open: {} of {pairs} that no case names",
                    paint.bad("✗"),
                    open.len()
                ),
            );
            failures(out, open.into_iter(), None, paint);
        }
    }
    out.push('\n');
}

fn one_case(out: &mut String, case: &CaseReport, paint: Paint) {
    if let Some(why) = &case.skipped {
        line(
            out,
            format_args!(
                "  {} {}  {}",
                paint.mind("-"),
                case.name,
                paint.mind(&format!("skipped: {why}"))
            ),
        );
        return;
    }
    let good = case.tries.iter().all(|tried| tried.mismatch.is_none());
    let mark = if good {
        paint.good("✓")
    } else {
        paint.bad("✗")
    };
    let number = if case.tries.len() > 1 {
        format!("  ({})", case.tries.len())
    } else {
        String::new()
    };
    line(
        out,
        format_args!("  {mark} {}{}", case.name, paint.faint(&number)),
    );
    failures(out, case.tries.iter(), Some(&case.location), paint);
}

fn failures<'a>(
    out: &mut String,
    tries: impl Iterator<Item = &'a Try>,
    place: Option<&Location>,
    paint: Paint,
) {
    for Try {
        profiles,
        operation,
        mismatch,
    } in tries
    {
        let Some(mismatch) = mismatch else { continue };
        let who = if profiles.is_empty() {
            "somebody without a profile".to_owned()
        } else {
            list(profiles)
        };
        let place = place
            .map(|place| format!("  {}", paint.faint(&place.to_string())))
            .unwrap_or_default();
        line(out, format_args!("      {operation} as {who}{place}"));
        line(
            out,
            format_args!("        expected  {}", paint.good(&mismatch.expected)),
        );
        line(
            out,
            format_args!("        got       {}", paint.bad(&mismatch.got)),
        );
        if let Some(message) = &mismatch.message {
            line(out, format_args!("                  {message}"));
        }
        for rule in &mismatch.rules {
            let (id, kind, place) = (&rule.id, rule.kind.as_str(), rule.location.to_string());
            line(
                out,
                format_args!("        {kind:<5}     {id}  {}", paint.faint(&place)),
            );
        }
    }
}

fn what_was_covered(out: &mut String, coverage: &Coverage, paint: Paint) {
    line(out, format_args!("{}", paint.head("coverage")));
    let matched = coverage.rules.saturating_sub(coverage.unmatched.len());
    line(
        out,
        format_args!(
            "  {matched} of {} matched in a case",
            count(coverage.rules, "rule")
        ),
    );
    for (rule, place) in &coverage.unmatched {
        line(
            out,
            format_args!("    never: {rule}  {}", paint.faint(&place.to_string())),
        );
    }
    let named = coverage.pairs.saturating_sub(coverage.unnamed.len());
    line(
        out,
        format_args!(
            "  {named} of {} named by a case",
            count(coverage.pairs, "pair")
        ),
    );
    let mut open = coverage.unnamed.iter().peekable();
    while let Some((tool, operation, profile)) = open.next() {
        let mut profiles = vec![profile];
        while let Some((_, _, profile)) = open.next_if(|(t, o, _)| (t, o) == (tool, operation)) {
            profiles.push(profile);
        }
        line(
            out,
            format_args!("    never: {tool}/{operation} as {}", list(profiles)),
        );
    }
    out.push('\n');
}
