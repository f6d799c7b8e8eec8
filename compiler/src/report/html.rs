//! One HTML page that needs nothing else: what a change does, and who may do what, before and after.
//!
//! It loads nothing and sends nothing. Its policy for the browser allows the one style and the one script below, by
//! their digests, so that a text which got past the escaping would still not run. It reads without its script; the
//! script filters, opens details and lets the keyboard move.

mod changes;
mod grid;
mod markup;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use grid::Grid;
use markup::Markup;
use stopgate_decide::digest::Digest;

use crate::diff::Class;
use crate::gate::GateReport;
use crate::matrix::{Becomes, Matrix};
use crate::report::gate::Findings;
use crate::words::list;

const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");

/// Returns the page of `stopgate matrix`: who may do what.
#[must_use]
pub fn matrix(matrix: &Matrix) -> String {
    let mut page = Markup::default();
    begin(&mut page, "stopgate matrix: who may do what");
    page.raw("<header><h1>Who may do what</h1>");
    theme(&mut page);
    page.raw("</header>\n<main>\n");
    let grid = Grid::of_one(matrix);
    filters(&mut page, &grid, &[]);
    page.raw("<section aria-labelledby=map><h2 id=map>Operations by profiles</h2>\n");
    grid.write(&mut page);
    page.raw("</section>\n");
    pairs(&mut page, matrix, "");
    end(page)
}

/// Returns the page of `stopgate diff`: the gate's findings over what was allowed before and what is allowed now.
#[must_use]
pub fn diff(report: &GateReport<'_>, base: &Matrix, head: &Matrix) -> String {
    let Findings {
        headline,
        verdict,
        class,
        facts,
        sections,
        proof,
    } = Findings::new(report);
    let mut page = Markup::default();
    begin(&mut page, &format!("stopgate diff: {headline}"));
    page.open("header", &[("class", changes::tone(class))]);
    page.raw("<h1>").text(headline);
    page.raw("</h1><div><p class=verdict>").text(&verdict);
    page.raw("</p><p class=sides>");
    for (at, fact) in facts.iter().enumerate() {
        page.raw(if at == 0 { "" } else { " · " });
        changes::line(&mut page, fact);
    }
    page.raw("</p></div>");
    theme(&mut page);
    page.raw("</header>\n<main>\n");
    let grid = Grid::of_two(report, base, head);
    let here = Class::ALL.into_iter().rev();
    let here = here.filter(|class| !report.of_class(&[*class]).is_empty());
    filters(&mut page, &grid, &here.collect::<Vec<_>>());
    // The map of everything stands between what has to be acted on and what has only to be known.
    let (to_know, to_act): (Vec<_>, Vec<_>) =
        sections.iter().partition(|section| section.fold.is_some());
    for section in to_act {
        changes::section(&mut page, section);
    }
    page.raw(
        "<section aria-labelledby=map><h2 id=map>Operations by profiles, before and after</h2>\n",
    );
    grid.write(&mut page);
    page.raw("</section>\n");
    for section in to_know {
        changes::section(&mut page, section);
    }
    pairs(
        &mut page,
        head,
        "After the change, whether it did anything to them or not.",
    );
    page.raw("<footer>");
    changes::line(&mut page, &proof);
    page.raw("</footer>\n");
    end(page)
}

/// Returns the page for a policy that does not compile, of which nothing else can be said; `mistakes` is what
/// `stopgate check` prints.
#[must_use]
pub fn invalid(mistakes: &str) -> String {
    let mut page = Markup::default();
    begin(&mut page, "stopgate diff: invalid");
    page.open("header", &[("class", changes::tone(Class::Looser))]);
    page.raw("<h1>invalid</h1><div><p class=verdict>the policy does not compile, so nothing can be compared</p></div>");
    theme(&mut page);
    page.raw("</header>\n<main>\n<pre>")
        .text(mistakes)
        .raw("</pre>\n");
    end(page)
}

/// Writes everything up to the body, with the content security policy that the browser has to keep.
fn begin(page: &mut Markup, title: &str) {
    let digest = |text: &str| STANDARD.encode(Digest::compute(text.as_bytes()).as_bytes());
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'; \
         require-trusted-types-for 'script'",
        digest(STYLE),
        digest(SCRIPT)
    );
    page.raw("<!doctype html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n");
    page.open(
        "meta",
        &[
            ("http-equiv", "Content-Security-Policy"),
            ("content", &policy),
        ],
    );
    page.raw("\n<meta name=viewport content=\"width=device-width,initial-scale=1\">\n<meta name=referrer content=no-referrer>\n<title>");
    page.text(title)
        .raw("</title>\n<style>")
        .raw(STYLE)
        .raw("</style>\n</head>\n<body>\n");
}

fn end(mut page: Markup) -> String {
    page.raw("</main>\n");
    page.raw(
        "<aside id=panel tabindex=-1 aria-labelledby=panel-title hidden><button type=button id=close>close <kbd>Esc</kbd></button>\
         <h2 id=panel-title></h2><div id=panel-body></div></aside>\n",
    );
    page.raw("<script>")
        .raw(SCRIPT)
        .raw("</script>\n</body>\n</html>\n");
    page.into_text()
}

fn theme(page: &mut Markup) {
    page.raw("<button type=button id=theme data-script hidden>dark or light</button>");
}

/// Writes the form that narrows the page down; it works only with the script.
fn filters(page: &mut Markup, grid: &Grid<'_>, classes: &[Class]) {
    page.raw(
        "<form id=filters role=search data-script hidden><label>find <input id=filter-text type=search \
         placeholder=\"operation, profile, rule, value\"></label><label>tool <select id=filter-tool><option value=\"\">all</option>",
    );
    for tool in grid.tools() {
        page.raw("<option>").text(tool.as_str()).raw("</option>");
    }
    page.raw("</select></label>");
    if !classes.is_empty() {
        page.raw("<label>class <select id=filter-class><option value=\"\">all</option>");
        for class in classes {
            page.open("option", &[("value", class.as_str())]);
            page.text(class.in_words()).raw("</option>");
        }
        page.raw("</select></label><label><input id=filter-changed type=checkbox> only what changed</label>");
    }
    page.raw("<output id=shown></output></form>\n");
}

/// Writes the pairs of profiles for which holding both is not the same as holding each.
fn pairs(page: &mut Markup, matrix: &Matrix, when: &'static str) {
    if matrix.pairs.is_empty() {
        return;
    }
    page.raw(
        "<section aria-labelledby=pairs><h2 id=pairs>Who holds two profiles</h2>\n<p class=legend>",
    );
    page.raw(when).raw(
        "</p>\n<div class=scroll><table class=plain><thead><tr>\
         <th scope=col>operation<th scope=col>profiles<th scope=col>holding both is<th scope=col>without<th scope=col>left\
         <th scope=col>not asked for then</tr></thead><tbody>\n",
    );
    for pair in &matrix.pairs {
        let [one, other] = &pair.profiles;
        page.raw("<tr><th scope=row>")
            .text(pair.tool.as_str())
            .raw("/")
            .text(pair.operation.as_str());
        page.raw("<td>")
            .text(one.as_str())
            .raw(" + ")
            .text(other.as_str());
        let tone = match pair.becomes {
            Becomes::Looser => "mark looser",
            Becomes::Closed => "mark stricter",
            Becomes::Same => "mark",
        };
        page.raw("<td>").open("span", &[("class", tone)]);
        page.text(pair.becomes.as_str()).raw("</span><td>");
        grid::entries(page, &pair.without);
        page.raw("<td>");
        grid::entries(page, &pair.left);
        page.raw("<td>")
            .quoted(&list(&pair.no_longer))
            .raw("</tr>\n");
    }
    page.raw(
        "</tbody></table></div><p class=legend>Everybody else who holds several meets the rules of each; the strictest \
         counts.</p></section>\n",
    );
}
