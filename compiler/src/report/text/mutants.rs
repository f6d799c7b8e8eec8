//! What the decision tables did not notice, each with the case that would.

use super::line;
use crate::mutants::{MissingCase, Mutant, MutantReport, Survivor};
use crate::report::Paint;
use crate::words::count;

/// Returns the changes that no case noticed, those that mean nothing, then the score.
pub(crate) fn mutants(report: &MutantReport, least: Option<u8>, paint: Paint) -> String {
    let mut out = String::new();
    line(&mut out, format_args!("\n{}", paint.head("mutants")));
    let mut shown: Vec<&MissingCase> = Vec::new();
    for Survivor { case, .. } in &report.unnoticed {
        if shown.contains(&case) {
            continue;
        }
        shown.push(case);
        // One case may notice several.
        let its = report.unnoticed.iter().filter(|other| other.case == *case);
        for Survivor { mutant, .. } in its {
            one(&mut out, &paint.bad("✗"), mutant, paint);
        }
        let paste = format!(
            "no case notices; below `cases:` of {} this would:",
            case.file
        );
        line(&mut out, format_args!("    {}", paint.faint(&paste)));
        line(&mut out, format_args!("{}", case.yaml()));
    }
    for mutant in &report.equivalent {
        one(&mut out, "=", mutant, paint);
    }
    if !report.equivalent.is_empty() {
        let why = "=  no attempt was found that shows a difference, so it is not counted";
        line(&mut out, format_args!("    {}", paint.faint(why)));
    }
    totals(&mut out, report, least, paint);
    out
}

fn one(out: &mut String, mark: &str, mutant: &Mutant, paint: Paint) {
    let Mutant {
        location,
        subject,
        change,
    } = mutant;
    let place = paint.faint(&location.to_string());
    line(out, format_args!("  {mark} {subject}: {change}  {place}"));
}

fn totals(out: &mut String, report: &MutantReport, least: Option<u8>, paint: Paint) {
    let score = report.score();
    let enough = least.is_none_or(|least| score >= least);
    let asked = match least {
        Some(least) if !enough => format!(", below the {least} % asked for"),
        Some(_) | None => String::new(),
    };
    let totals = format!(
        "score {score} %{asked}: {} noticed, {} not; {} for which no attempt shows a difference",
        count(report.noticed, "mutant"),
        report.unnoticed.len(),
        report.equivalent.len()
    );
    let totals = match (enough, report.unnoticed.is_empty()) {
        (true, true) => paint.good(&totals),
        (true, false) => paint.mind(&totals),
        (false, _) => paint.bad(&totals),
    };
    line(out, format_args!("{totals}"));
}
