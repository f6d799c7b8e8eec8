//! What the gate found, as sections of the page.

use super::markup::Markup;
use crate::diff::{Class, Piece};
use crate::report::sections::{Item, Line, Mark, Point, Section, Span, Topic};

/// Above so many points a section's operations are folded.
const OPEN: usize = 12;

/// Returns the CSS classes that colour something of `class`.
pub(super) const fn tone(class: Class) -> &'static str {
    match class {
        Class::Same => "mark same",
        Class::Stricter => "mark stricter",
        Class::Added | Class::Removed => "mark moved",
        Class::Looser | Class::Both => "mark looser",
        Class::Retyped | Class::Undecided => "mark doubt",
    }
}

/// Returns the HTML id of what the `group`th holders of the `change`th operation meet.
pub(super) fn finding_id(change: usize, group: usize) -> String {
    format!("f{change}-{group}")
}

/// Writes a section. What has to be acted on is open, unless there is much of it.
pub(super) fn section(page: &mut Markup, section: &Section<'_>) {
    page.raw("<section class=findings><h2>");
    line(page, &section.title);
    page.raw("</h2>\n");
    let open = section.fold.is_none() && section.points.len() <= OPEN;
    points(page, &section.points, open);
    page.raw("</section>\n");
}

/// Writes points, with those that stand in a row as a list.
fn points(page: &mut Markup, points: &[Point<'_>], open: bool) {
    for row in points.chunk_by(|one, next| is_listed(one) && is_listed(next)) {
        let listed = row.first().is_some_and(is_listed);
        page.raw(if listed { "<ul class=because>" } else { "" });
        for point in row {
            page.raw(if listed { "<li>" } else { "" });
            self::point(page, point, open);
        }
        page.raw(if listed { "</ul>\n" } else { "" });
    }
}

const fn is_listed(point: &Point<'_>) -> bool {
    match point {
        Point::Line(_) => true,
        Point::Item(item) => matches!(item.about, Topic::Unmet | Topic::Other),
        Point::Table(_) | Point::Details(..) | Point::Copy(_) => false,
    }
}

fn point(page: &mut Markup, point: &Point<'_>, open: bool) {
    match point {
        Point::Line(said) => line(page, said),
        Point::Item(item) => self::item(page, item, open),
        Point::Table(rows) => table(page, rows),
        Point::Details(title, rows) => {
            page.raw("<details class=more><summary>").raw(title);
            page.raw("</summary>\n");
            table(page, rows);
            page.raw("</details>\n");
        }
        Point::Copy(text) => {
            page.raw("<details class=more><summary>to be copied</summary><pre>");
            page.text(text).raw("</pre></details>\n");
        }
    }
}

fn item(page: &mut Markup, item: &Item<'_>, open: bool) {
    match item.about {
        Topic::Operation(at, change) => {
            let (id, name) = (
                format!("o{at}"),
                format!("{}/{}", change.tool, change.operation),
            );
            let mut attributes = vec![
                ("class", "op"),
                ("id", &id),
                ("data-name", &name),
                ("data-tool", change.tool.as_str()),
                ("data-class", change.class.as_str()),
            ];
            attributes.extend(open.then_some(("open", "")));
            page.open("details", &attributes).raw("<summary>");
            page.open("span", &[("class", tone(change.class))]);
            page.text(change.class.in_words()).raw("</span> ");
            line(page, &item.head);
            page.raw("</summary>\n");
            points(page, &item.points, open);
            page.raw("</details>\n");
        }
        Topic::Finding(at, group, class) => {
            let id = finding_id(at, group);
            page.open("article", &[("id", &id), ("data-class", class.as_str())]);
            page.raw("<p class=sentence>");
            line(page, &item.head);
            page.raw("</p>\n");
            points(page, &item.points, open);
            page.raw("</article>\n");
        }
        Topic::Unmet | Topic::Other => {
            line(page, &item.head);
            points(page, &item.points, open);
        }
    }
}

fn table(page: &mut Markup, rows: &[(Line, Line)]) {
    page.raw("<table class=request><tbody>");
    for (label, value) in rows {
        page.raw("<tr><th scope=row>");
        line(page, label);
        page.raw("<td>");
        line(page, value);
        page.raw("</tr>");
    }
    page.raw("</tbody></table>\n");
}

/// Writes a line. What is not ours stands as code, so that it cannot pass for what is.
pub(super) fn line(page: &mut Markup, line: &Line) {
    for Span { piece, mark } in &line.0 {
        let tone = match mark {
            Mark::Gap => {
                page.raw(" ");
                continue;
            }
            Mark::Plain => "plain",
            Mark::Strong => "strong",
            Mark::Good => "mark stricter",
            Mark::Bad => "mark looser",
            Mark::Mind => "waived",
            Mark::Faint => "faint",
        };
        let class = &[("class", tone)];
        match piece {
            Piece::Words(words) if *mark == Mark::Plain => page.text(words),
            Piece::Words(words) => page.open("span", class).text(words).raw("</span>"),
            Piece::Quoted(text) => page.open("code", class).text(text).raw("</code>"),
        };
    }
}
