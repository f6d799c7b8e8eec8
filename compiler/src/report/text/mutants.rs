//! What the decision tables did not notice, each with the case that would.

use super::line;
use crate::mutants::{Mutant, MutantReport, Survivor};
use crate::report::{Paint, count};

/// The changes that no case noticed, those that mean nothing, then the score.
pub(crate) fn mutants(report: &MutantReport, least: Option<u8>, paint: Paint) -> String {
    let mut out = String::new();
    line(&mut out, format_args!("\n{}", paint.head("mutants")));
    let mut file = None;
    for Survivor { mutant, case } in &report.unnoticed {
        one(&mut out, &paint.bad("✗"), mutant, paint);
        if file != Some(&case.file) {
            let paste = format!("no case notices; paste below `cases:` of {}", case.file);
            line(&mut out, format_args!("    {}", paint.faint(&paste)));
            file = Some(&case.file);
        }
        line(&mut out, format_args!("{}", case.yaml));
    }
    for mutant in &report.equivalent {
        one(&mut out, "=", mutant, paint);
    }
    if !report.equivalent.is_empty() {
        let why = "=  no attempt was found that tells it from the policy, so it is not counted";
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
        "score {score} %{asked}: {} noticed, {} not; {} that nothing tells apart",
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
