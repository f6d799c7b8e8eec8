//! The matrix as columns of text. Profiles that no rule of a tool reaches are named below instead of shown empty.

use std::collections::BTreeSet;

use stopgate_decide::name::ToolName;

use crate::matrix::{Becomes, Matrix, MatrixCell, Row};
use crate::report::Paint;
use crate::words::list;

use super::line;

const LEGEND: &str = "\
risk/approval of what is granted, strictest first; ? under a condition; +approval raises what another rule grants;
never: no evidence helps; – no rule, always rejected";

/// Returns the tables, one for each tool, and the pairs of profiles.
pub(crate) fn matrix(matrix: &Matrix, paint: Paint) -> String {
    let mut out = String::new();
    let tools: BTreeSet<&ToolName> = matrix.rows.iter().map(|row| &row.tool).collect();
    for tool in tools {
        let rows: Vec<&Row> = matrix.rows.iter().filter(|row| row.tool == *tool).collect();
        table(&mut out, matrix, tool, &rows, paint);
    }
    pairs(&mut out, matrix, paint);
    line(&mut out, format_args!("{}", paint.faint(LEGEND)));
    out
}

/// Writes the pairs of profiles whose holder may do more or less than what the rules of each say.
fn pairs(out: &mut String, matrix: &Matrix, paint: Paint) {
    if matrix.pairs.is_empty() {
        return;
    }
    line(
        out,
        format_args!("{}", paint.head("who holds two profiles")),
    );
    for pair in &matrix.pairs {
        let [one, other] = &pair.profiles;
        let word = pair.becomes.as_str();
        let becomes = match pair.becomes {
            Becomes::Looser => paint.bad(word),
            Becomes::Closed => paint.mind(word),
            Becomes::Same => paint.faint(word),
        };
        let rules = |cell: &MatrixCell| list(cell.iter().flat_map(|entry| &entry.rules));
        line(
            out,
            format_args!(
                "{}/{} as {one} + {other}: {becomes}",
                pair.tool, pair.operation
            ),
        );
        let mut more = |what: &str, cell: &MatrixCell| {
            let entries = lines(cell).join(" ");
            let rules = paint.faint(&rules(cell));
            let text = format!("  {what}  {entries}  {rules}");
            line(out, format_args!("{}", text.trim_end()));
        };
        more("without", &pair.without);
        more("left   ", &pair.left);
        if !pair.no_longer.is_empty() {
            let no_longer = list(&pair.no_longer);
            line(out, format_args!("  no longer asked for: {no_longer}"));
        }
    }
    let rest = "everybody else who holds several meets the rules of each; the strictest counts";
    line(out, format_args!("{}\n", paint.faint(rest)));
}

/// A column: its title and the lines of each row's cell.
struct TextColumn {
    title: String,
    cells: Vec<Vec<String>>,
}

impl TextColumn {
    fn width(&self) -> usize {
        let lines = self.cells.iter().flatten().chain([&self.title]);
        lines.map(|line| line.chars().count()).max().unwrap_or(0)
    }
}

fn lines(cell: &MatrixCell) -> Vec<String> {
    if cell.is_empty() {
        vec!["–".to_owned()]
    } else {
        cell.iter().map(ToString::to_string).collect()
    }
}

fn table(out: &mut String, matrix: &Matrix, tool: &ToolName, rows: &[&Row], paint: Paint) {
    let named = |row: &&Row| vec![row.operation.to_string(), format!("  {}", row.effect)];
    let mut columns = vec![TextColumn {
        title: tool.to_string(),
        cells: rows.iter().map(named).collect(),
    }];
    if rows.iter().any(|row| !row.everybody.is_empty()) {
        let cells = rows.iter().map(|row| lines(&row.everybody)).collect();
        columns.push(TextColumn {
            title: "everybody".to_owned(),
            cells,
        });
    }
    let mut nobody = Vec::new();
    for (at, profile) in matrix.profiles.iter().enumerate() {
        let cells: Vec<Option<&MatrixCell>> = rows.iter().map(|row| row.cells.get(at)).collect();
        if cells.iter().flatten().all(|cell| cell.is_empty()) {
            nobody.push(profile);
        } else {
            let cells = cells
                .into_iter()
                .map(|cell| cell.map(lines).unwrap_or_default())
                .collect();
            columns.push(TextColumn {
                title: profile.to_string(),
                cells,
            });
        }
    }
    let widths: Vec<usize> = columns.iter().map(TextColumn::width).collect();
    let titles: Vec<&str> = columns.iter().map(|column| column.title.as_str()).collect();
    line(
        out,
        format_args!("{}", paint.head(&padded(&titles, &widths))),
    );
    for at in 0..rows.len() {
        let height = columns
            .iter()
            .filter_map(|column| column.cells.get(at))
            .map(Vec::len)
            .max()
            .unwrap_or(0);
        for y in 0..height {
            let cell = |column: &TextColumn| {
                column
                    .cells
                    .get(at)
                    .and_then(|lines| lines.get(y))
                    .cloned()
                    .unwrap_or_default()
            };
            let cells: Vec<String> = columns.iter().map(cell).collect();
            let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
            line(out, format_args!("{}", padded(&cells, &widths)));
        }
    }
    for row in rows {
        if let Some(because) = &row.no_dry_run {
            line(
                out,
                format_args!("{}: no dry run, because {because}", row.operation),
            );
        }
    }
    if !nobody.is_empty() {
        line(out, format_args!("no rule reaches: {}", list(nobody)));
    }
    out.push('\n');
}

fn padded(cells: &[&str], widths: &[usize]) -> String {
    let cells = cells
        .iter()
        .zip(widths)
        .map(|(cell, width)| format!("{cell:<width$}"));
    cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}
