//! Text for people at a terminal or in a log.

mod diff;
mod explain;
mod matrix;
mod mutants;
mod replay;
mod test;

use std::fmt::Write as _;

use stopgate_author::compile::Compiled;

use crate::report::Paint;
use crate::words::count;

pub use diff::diff;
pub(crate) use explain::explain;
pub(crate) use matrix::matrix;
pub(crate) use mutants::mutants;
pub(crate) use replay::replay;
pub(crate) use test::test;

/// Returns every diagnostic with its place, then one line of totals.
pub(crate) fn check(compiled: &Compiled, colour: bool) -> String {
    let (errors, warnings) = compiled.diagnostics.counts();
    let mut out = compiled.diagnostics.render(&compiled.sources, colour);
    let totals = format!(
        "{}, {}, {}, {}",
        count(compiled.summary.files, "file"),
        count(compiled.summary.rules, "rule"),
        count(errors, "error"),
        count(warnings, "warning")
    );
    let paint = Paint::new(colour);
    let totals = match (errors, warnings) {
        (0, 0) => paint.good(&totals),
        (0, _) => paint.mind(&totals),
        _ => paint.bad(&totals),
    };
    line(&mut out, format_args!("{totals}"));
    out
}

/// Appends a line.
fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _always_fits = writeln!(out, "{text}");
}
