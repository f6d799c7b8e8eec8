//! The heat map: what rules ask for, operations by profiles, on one side or on two.

use std::collections::{BTreeMap, BTreeSet};

use stopgate_decide::name::{OperationName, ProfileName, ToolName};

use crate::diff::{Cell, Class, Holder, OperationChange};
use crate::gate::GateReport;
use crate::matrix::{Asks, Entry, Matrix, MatrixCell, Row};
use crate::words::list;

use super::changes::{finding_id, tone};
use super::markup::Markup;

const EMPTY: &MatrixCell = &Vec::new();

/// A column: everybody, somebody who holds one profile, or those whom no single profile describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column<'a> {
    Everybody,
    Profile(&'a ProfileName),
    Several,
}

/// One policy as the map reads it: a cell for each operation and column.
type Place<'a> = (&'a ToolName, &'a OperationName);

#[derive(Debug)]
struct Policy<'a> {
    rows: BTreeMap<Place<'a>, &'a Row>,
    columns: BTreeMap<&'a ProfileName, usize>,
}

impl<'a> Policy<'a> {
    fn new(matrix: &'a Matrix) -> Self {
        let rows = matrix.rows.iter();
        let columns = matrix.profiles.iter().enumerate();
        Self {
            rows: rows.map(|row| ((&row.tool, &row.operation), row)).collect(),
            columns: columns.map(|(at, profile)| (profile, at)).collect(),
        }
    }

    fn cell(&self, place: Place<'a>, column: Column<'a>) -> &'a MatrixCell {
        let Some(row) = self.rows.get(&place) else {
            return EMPTY;
        };
        match column {
            Column::Everybody => &row.everybody,
            Column::Profile(profile) => {
                let at = self.columns.get(profile);
                at.and_then(|at| row.cells.get(*at)).unwrap_or(EMPTY)
            }
            Column::Several => EMPTY,
        }
    }
}

/// A change with its place in the comparison, and its holders by what they meet, as the findings are.
type Changed<'a> = (usize, &'a OperationChange, Vec<Vec<&'a Cell>>);

/// The map.
#[derive(Debug)]
pub(super) struct Grid<'a> {
    before: Option<Policy<'a>>,
    after: Policy<'a>,
    columns: Vec<Column<'a>>,
    rows: BTreeSet<Place<'a>>,
    changes: BTreeMap<Place<'a>, Changed<'a>>,
}

impl<'a> Grid<'a> {
    /// Makes the grid of one policy.
    pub(super) fn of_one(matrix: &'a Matrix) -> Self {
        Self::new(None, matrix, BTreeMap::new())
    }

    /// Makes the grid of a policy before and after a change.
    pub(super) fn of_two(report: &GateReport<'a>, base: &'a Matrix, head: &'a Matrix) -> Self {
        let changes = report.diff.operations.iter().enumerate();
        let changes = changes.map(|(at, change)| {
            let place = (&change.tool, &change.operation);
            (place, (at, change, report.grouped(change)))
        });
        Self::new(Some(base), head, changes.collect())
    }

    fn new(
        before: Option<&'a Matrix>,
        after: &'a Matrix,
        changes: BTreeMap<Place<'a>, Changed<'a>>,
    ) -> Self {
        let both = || before.into_iter().chain([after]);
        let profiles: BTreeSet<&ProfileName> = both().flat_map(|side| &side.profiles).collect();
        let mut columns = Vec::new();
        if both().any(|side| side.rows.iter().any(|row| !row.everybody.is_empty())) {
            columns.push(Column::Everybody);
        }
        columns.extend(profiles.iter().map(|profile| Column::Profile(profile)));
        let cells = || changes.values().flat_map(|(_, change, _)| &change.cells);
        // Whoever has no column of their own.
        if cells().any(|cell| column_of(&cell.holder, &profiles) == Column::Several) {
            columns.push(Column::Several);
        }
        let rows = both().flat_map(|side| &side.rows);
        let rows = rows.map(|row| (&row.tool, &row.operation));
        Self {
            before: before.map(Policy::new),
            after: Policy::new(after),
            columns,
            rows: rows.chain(changes.keys().copied()).collect(),
            changes,
        }
    }

    /// Returns the tools that the grid shows.
    pub(super) fn tools(&self) -> BTreeSet<&'a ToolName> {
        self.rows.iter().map(|(tool, _)| *tool).collect()
    }

    /// Writes the grid, with what its words mean.
    pub(super) fn write(&self, page: &mut Markup) {
        page.raw("<div class=scroll><table id=grid aria-label=\"operations by profiles\"><thead><tr><th scope=col>operation");
        for column in &self.columns {
            page.raw("<th scope=col>").text(match column {
                Column::Everybody => "everybody",
                Column::Profile(profile) => profile.as_str(),
                Column::Several => "several or none",
            });
        }
        page.raw("</tr></thead>\n<tbody>\n");
        for place in &self.rows {
            self.row(page, *place);
        }
        page.raw(
            "</tbody></table></div>\n<p class=legend><span class=\"e low automatic\">risk/approval</span> of what is granted, \
             strictest first · <span class=\"e high committee\">deeper</span> means more people · ? under a condition · \
             <span class=\"e raise\">+approval</span> raises what another rule grants · <span class=\"e never\">never</span> no \
             evidence helps · – no rule, always rejected",
        );
        if self.before.is_some() {
            page.raw(
                " · <del>struck through</del> before · <span class=mark>rewritten</span> other rules, and nothing found \
                 about this profile alone",
            );
        }
        page.raw("</p>\n");
        for place in &self.rows {
            let because = self
                .after
                .rows
                .get(place)
                .and_then(|row| row.no_dry_run.as_ref());
            if let Some(because) = because {
                page.raw("<p class=legend><code>")
                    .text(place.0.as_str())
                    .raw("/")
                    .text(place.1.as_str());
                page.raw("</code> has no dry run: ")
                    .quoted(because)
                    .raw("</p>\n");
            }
        }
    }

    fn row(&self, page: &mut Markup, place: Place<'a>) {
        let change = self.changes.get(&place);
        let class = change.map_or(Class::Same, |(_, change, _)| change.class);
        let name = format!("{}/{}", place.0, place.1);
        let mut attributes = vec![
            ("data-name", name.as_str()),
            ("data-tool", place.0.as_str()),
        ];
        let own;
        if let Some((at, change, _)) = change {
            own = format!("o{at}");
            attributes.push(("data-class", change.class.as_str()));
            attributes.push(("data-findings", &own));
        }
        page.open("tr", &attributes)
            .raw("<th scope=row>")
            .text(&name);
        let side = self.after.rows.get(&place);
        let side = side.or_else(|| self.before.as_ref()?.rows.get(&place));
        if let Some(row) = side {
            page.raw(" <small>")
                .text(row.effect.as_str())
                .raw("</small>");
        }
        if class != Class::Same {
            page.raw(" ").open("span", &[("class", tone(class))]);
            page.text(class.in_words()).raw("</span>");
        }
        for column in &self.columns {
            self.cell(page, place, *column, change);
        }
        page.raw("</tr>\n");
    }

    fn cell(
        &self,
        page: &mut Markup,
        place: Place<'a>,
        column: Column<'a>,
        change: Option<&Changed<'a>>,
    ) {
        let after = self.after.cell(place, column);
        let before = self
            .before
            .as_ref()
            .map(|before| before.cell(place, column));
        let differs = before.is_some_and(|before| words(before) != words(after));
        let (class, findings) = self.found(column, change);
        page.raw("<td");
        if !findings.is_empty() {
            page.raw(" data-findings=\"")
                .text(&findings.join(" "))
                .raw("\"");
        }
        page.raw(">");
        if let (Some(first), Some(class)) = (findings.first(), class) {
            let target = format!("#{first}");
            page.open("a", &[("class", tone(class)), ("href", &target)]);
            page.text(class.in_words()).raw("</a>");
        } else if differs {
            page.raw("<span class=mark>rewritten</span>");
        }
        if let (true, Some(before)) = (differs, before) {
            page.raw("<del>");
            entries(page, before);
            page.raw("</del>");
        }
        if column != Column::Several {
            entries(page, after);
        }
    }

    /// Returns the gravest class of what was found of `change` in `column`, and the ids of their findings.
    fn found(
        &self,
        column: Column<'a>,
        change: Option<&Changed<'a>>,
    ) -> (Option<Class>, Vec<String>) {
        let Some((at, _, groups)) = change else {
            return (None, Vec::new());
        };
        let shown = self.columns.iter().filter_map(|column| match column {
            Column::Profile(profile) => Some(*profile),
            Column::Everybody | Column::Several => None,
        });
        let profiles: BTreeSet<&ProfileName> = shown.collect();
        let found = groups.iter().enumerate().filter_map(|(group, cells)| {
            let mut cells = cells.iter();
            let cell = cells.find(|cell| column_of(&cell.holder, &profiles) == column)?;
            Some((cell.class, finding_id(*at, group)))
        });
        let (classes, ids): (Vec<Class>, Vec<String>) = found.unzip();
        (classes.into_iter().max(), ids)
    }
}

/// Returns the column for a holder: the profile's own if the holder is exactly one profile that is shown.
fn column_of<'a>(holder: &'a Holder, shown: &BTreeSet<&'a ProfileName>) -> Column<'a> {
    match holder {
        Holder::Profiles(profiles) if profiles.len() == 1 => {
            let only = profiles.iter().find(|profile| shown.contains(profile));
            only.map_or(Column::Several, Column::Profile)
        }
        Holder::Profiles(_) | Holder::Groups(_) => Column::Several,
    }
}

fn words(cell: &MatrixCell) -> Vec<String> {
    cell.iter().map(ToString::to_string).collect()
}

/// Writes the entries of a cell, each with the rules it comes from.
pub(super) fn entries(page: &mut Markup, cell: &MatrixCell) {
    if cell.is_empty() {
        page.raw("<span class=none>–</span>");
    }
    for entry in cell {
        let Entry {
            asks,
            conditional: _,
            rules,
        } = entry;
        let class = match asks {
            Asks::Grant(risk, approval) => format!("e {risk} {approval}"),
            Asks::Raise(_) => "e raise".to_owned(),
            Asks::Never => "e never".to_owned(),
        };
        page.open("span", &[("class", &class), ("title", &list(rules))]);
        page.text(&entry.to_string()).raw("</span>");
    }
}
