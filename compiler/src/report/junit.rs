//! JUnit XML, as CI systems read it: one suite for each document, one case for each attempt.

use std::fmt::Write as _;

use crate::test::{CaseReport, SuiteReport, TestReport, Try};
use crate::words::list;

/// Returns the whole report as JUnit's XML.
pub(crate) fn test(report: &TestReport) -> String {
    let (tests, failures, skipped) = (
        report
            .passed()
            .saturating_add(report.failed())
            .saturating_add(report.skipped()),
        report.failed(),
        report.skipped(),
    );
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuites name=\"stopgate\" tests=\"{tests}\" failures=\"{failures}\" skipped=\"{skipped}\">\n"
    );
    for suite in &report.suites {
        one_suite(&mut out, suite);
    }
    out.push_str("</testsuites>\n");
    out
}

fn one_suite(out: &mut String, suite: &SuiteReport) {
    let tries = || {
        suite
            .cases
            .iter()
            .flat_map(|case| &case.tries)
            .chain(&suite.unlisted)
    };
    let skipped = suite
        .cases
        .iter()
        .filter(|case| case.skipped.is_some())
        .count();
    let tests = tries().count().saturating_add(skipped);
    let failures = tries().filter(|tried| tried.mismatch.is_some()).count();
    let file = escaped(&suite.file);
    line(
        out,
        format_args!(
            "  <testsuite name=\"{file}\" tests=\"{tests}\" failures=\"{failures}\" skipped=\"{skipped}\">"
        ),
    );
    for case in &suite.cases {
        one_case(out, case);
    }
    for tried in &suite.unlisted {
        one_try(out, "unlisted", "", tried, None);
    }
    line(out, format_args!("  </testsuite>"));
}

fn one_case(out: &mut String, case: &CaseReport) {
    if let Some(why) = &case.skipped {
        line(
            out,
            format_args!(
                "    <testcase classname=\"case\" name=\"{}\">",
                escaped(&case.name)
            ),
        );
        line(
            out,
            format_args!("      <skipped message=\"{}\"/>", escaped(why)),
        );
        line(out, format_args!("    </testcase>"));
    }
    for tried in &case.tries {
        one_try(
            out,
            "case",
            &format!("{}: ", case.name),
            tried,
            Some(case.location.to_string()),
        );
    }
}

fn one_try(out: &mut String, class: &str, before: &str, tried: &Try, place: Option<String>) {
    let name = escaped(&format!(
        "{before}{} as {}",
        tried.operation,
        list(&tried.profiles)
    ));
    let head = format!("    <testcase classname=\"{class}\" name=\"{name}\"");
    let Some(mismatch) = &tried.mismatch else {
        line(out, format_args!("{head}/>"));
        return;
    };
    line(out, format_args!("{head}>"));
    let message = format!("expected {}, got {}", mismatch.expected, mismatch.got);
    let mut body: Vec<String> = place.into_iter().collect();
    body.extend(mismatch.message.clone());
    body.extend(
        mismatch
            .rules
            .iter()
            .map(|rule| format!("{} {} {}", rule.kind.as_str(), rule.id, rule.location)),
    );
    line(
        out,
        format_args!(
            "      <failure message=\"{}\">{}</failure>",
            escaped(&message),
            escaped(&body.join("\n"))
        ),
    );
    line(out, format_args!("    </testcase>"));
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _always_fits = writeln!(out, "{text}");
}

/// Returns text as XML data; characters that XML cannot hold at all become U+FFFD.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
