//! Markdown for pull requests.

mod diff;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use stopgate_decide::name::ToolName;

use crate::matrix::{Becomes, Matrix, MatrixCell, Row};
use crate::words::list;

pub use diff::{diff, invalid};

/// Returns the matrix as one table for each tool.
pub(crate) fn matrix(matrix: &Matrix) -> String {
    let mut out = String::new();
    let tools: BTreeSet<&ToolName> = matrix.rows.iter().map(|row| &row.tool).collect();
    for tool in tools {
        let rows: Vec<&Row> = matrix.rows.iter().filter(|row| row.tool == *tool).collect();
        let _always_fits = writeln!(
            out,
            "## {tool}\n\n| operation | effect | everybody | {} |",
            profiles(matrix)
        );
        out.push_str(&"|---".repeat(matrix.profiles.len().saturating_add(3)));
        out.push_str("|\n");
        for row in &rows {
            let cells: Vec<String> = row.cells.iter().map(cell).collect();
            let _always_fits = writeln!(
                out,
                "| `{}` | {} | {} | {} |",
                row.operation,
                row.effect,
                cell(&row.everybody),
                cells.join(" | ")
            );
        }
        out.push('\n');
        for row in &rows {
            if let Some(because) = &row.no_dry_run {
                let _always_fits = writeln!(
                    out,
                    "`{}` has no dry run: {}\n",
                    row.operation,
                    escaped(because)
                );
            }
        }
    }
    pairs(&mut out, matrix);
    out.push_str(
        "`risk/approval` of what is granted, strictest first; `?` under a condition; `+approval` raises what another \
         rule grants; `never`: no evidence helps; – no rule, always rejected.\n",
    );
    out
}

/// Writes the pairs of profiles whose holder may do more or less than what the rules of each say.
fn pairs(out: &mut String, matrix: &Matrix) {
    if matrix.pairs.is_empty() {
        return;
    }
    out.push_str(
        "## Who holds two profiles\n\n| operation | profiles | becomes | without | left | no longer asked for |\n\
         |---|---|---|---|---|---|\n",
    );
    for pair in &matrix.pairs {
        let [one, other] = &pair.profiles;
        let becomes = match pair.becomes {
            Becomes::Looser => "**looser**",
            Becomes::Closed | Becomes::Same => pair.becomes.as_str(),
        };
        let _always_fits = writeln!(
            out,
            "| `{}/{}` | {one} + {other} | {becomes} | {} | {} | {} |",
            pair.tool,
            pair.operation,
            cell(&pair.without),
            cell(&pair.left),
            escaped(&list(&pair.no_longer))
        );
    }
    out.push_str(
        "\nEverybody else who holds several meets the rules of each; the strictest counts.\n\n",
    );
}

fn profiles(matrix: &Matrix) -> String {
    list(&matrix.profiles).replace(", ", " | ")
}

fn cell(cell: &MatrixCell) -> String {
    if cell.is_empty() {
        return "–".to_owned();
    }
    cell.iter()
        .map(|entry| format!("`{entry}`"))
        .collect::<Vec<_>>()
        .join("<br>")
}

/// Returns prose of a document with all ASCII punctuation escaped, because it must not become markup.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_ascii_punctuation() {
            out.push('\\');
        }
        out.push(if c == '\n' { ' ' } else { c });
    }
    out
}
