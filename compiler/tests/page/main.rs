//! The HTML page in a browser: it breaks no rule of its own policy, filters, obeys the keyboard, shows what was found,
//! and runs nothing that a policy or a request brings along.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what the tests share fails as they do"
)]

mod browser;
#[path = "../reports/made.rs"]
mod made;
mod policies;

use std::path::Path;

use browser::Browser;
use made::{HOSTILE, Made, everything, hostile};
use policies::{after, before, canary};
use serde_json::{Value, json};
use stopgate::gate::GateReport;
use stopgate::report::html;
use stopgate_decide::digest::Digest;

/// The gate's page about `made`, over two small policies.
fn gate(made: &Made) -> String {
    let report = GateReport {
        diff: &made.diff,
        settings: &made.settings,
        folder: Path::new("policies"),
        waivers: &made.waivers,
        to_sign: made.to_sign.as_ref(),
        bundle: Some(Digest::compute(b"head")),
        mend: &made.mend,
    };
    html::diff(&report, &before(), &after())
}

const ROWS: &str = "[...document.querySelectorAll('#grid tbody tr')].filter(row => !row.hidden).map(row => row.dataset.name)";
const FOCUSED: &str = "(() => { const at = document.activeElement; return [at.parentElement.dataset.name ?? null, at.cellIndex ?? null, at.id] })()";

#[test]
fn filters_narrow_the_grid_and_the_findings() {
    let mut browser = Browser::open(&gate(&everything()));
    let all = browser.eval(ROWS).as_array().expect("rows").len();
    let findings = "[...document.querySelectorAll('details.op')].filter(op => !op.hidden).map(op => op.dataset.name)";
    assert_eq!(
        browser.eval("document.getElementById('shown').textContent"),
        format!("{all} of {all} operations")
    );

    browser.eval("document.getElementById('filter-text').focus()");
    browser.insert("helpdesk-bot");
    assert_eq!(
        browser.eval(ROWS),
        json!(["erp/create_refund"]),
        "found by a word of its request"
    );
    assert_eq!(browser.eval(findings), json!(["erp/create_refund"]));
    for _ in 0.."helpdesk-bot".len() {
        browser.press("Backspace");
    }
    assert_eq!(browser.eval(ROWS).as_array().map(Vec::len), Some(all));

    // A select is set and says so, as a person's choice does.
    let choose = |id: &str, value: &str| {
        format!(
            "(() => {{ const at = document.getElementById('{id}'); at.value = '{value}'; at.dispatchEvent(new Event('input', {{bubbles: true}})) }})()"
        )
    };
    browser.eval(&choose("filter-class", "stricter"));
    assert_eq!(browser.eval(ROWS), json!(["erp/cancel_order"]));
    browser.eval(&choose("filter-class", ""));
    browser.eval(&choose("filter-tool", "hr"));
    let hr = browser.eval(ROWS);
    let hr = hr.as_array().expect("rows");
    assert!(
        !hr.is_empty()
            && hr
                .iter()
                .all(|name| name.as_str().is_some_and(|name| name.starts_with("hr/")))
    );
    browser.eval(&choose("filter-tool", ""));
    browser.eval("document.getElementById('filter-changed').click()");
    let changed = browser.eval(ROWS);
    let changed = changed.as_array().expect("rows");
    assert!(changed.len() < all && changed.contains(&json!("erp/create_refund")));
    assert!(
        !changed.contains(&json!("erp/get_order")),
        "what is as before stays away"
    );
    browser.no_complaints();
}

#[test]
fn the_keyboard_reaches_every_cell_and_its_request() {
    let mut browser = Browser::open(&gate(&everything()));
    browser.eval("document.getElementById('filter-changed').focus()");
    // Past the findings above the grid, whose folds are in the order too.
    let mut steps = 0;
    while browser.eval("document.activeElement.closest('#grid tbody') === null")
        == Value::Bool(true)
    {
        browser.press("Tab");
        steps += 1;
        assert!(steps < 100, "the grid is not in the order of the keyboard");
    }
    let first = browser.eval(ROWS)[0].clone();
    assert_eq!(browser.eval(FOCUSED), json!([first, 0, ""]));
    browser.press("ArrowLeft");
    browser.press("ArrowUp");
    assert_eq!(
        browser.eval(FOCUSED),
        json!([first, 0, ""]),
        "it stays at the edge"
    );
    let rows = browser.eval(ROWS);
    let refund = rows
        .as_array()
        .and_then(|rows| rows.iter().position(|name| name == "erp/create_refund"));
    for _ in 0..refund.expect("the refund") {
        browser.press("ArrowDown");
    }
    browser.press("End");
    let last = browser.eval("document.querySelectorAll('#grid thead th').length - 1");
    assert_eq!(
        browser.eval(FOCUSED),
        json!(["erp/create_refund", last, ""])
    );
    browser.press("ArrowLeft");
    let titles =
        browser.eval("[...document.querySelectorAll('#grid thead th')].map(th => th.textContent)");
    let analyst = titles
        .as_array()
        .and_then(|titles| titles.iter().position(|title| title == "support-analyst"));
    while browser.eval("document.activeElement.cellIndex") != json!(analyst) {
        browser.press("ArrowLeft");
    }
    browser.press("Enter");
    assert_eq!(browser.eval("document.activeElement.id"), "panel");
    let panel = browser.eval("document.getElementById('panel').innerText");
    let panel = panel.as_str().expect("text");
    for shown in [
        "erp/create_refund · support-analyst",
        "amount_cents",
        "50001",
        "500.01 EUR",
        "before it needed a committee",
        "rules/erp.yaml:12",
        "rules before",
        "rules now",
    ] {
        assert!(panel.contains(shown), "{shown:?} is not in {panel}");
    }
    assert!(
        !panel.contains("helpdesk-bot"),
        "the finding of another holder"
    );
    browser.press("Escape");
    assert_eq!(
        browser.eval("document.getElementById('panel').hidden"),
        true
    );
    assert_eq!(
        browser.eval(FOCUSED),
        json!(["erp/create_refund", analyst, ""]),
        "back where it was"
    );
    browser.no_complaints();
}

#[test]
fn it_is_a_grid_for_those_who_listen() {
    let mut browser = Browser::open(&html::matrix(&after()));
    let tree = browser.ask("Accessibility.getFullAXTree", json!({}));
    let nodes = tree["nodes"].as_array().expect("nodes");
    let count = |role: &str| {
        nodes
            .iter()
            .filter(|node| node["role"]["value"] == role)
            .count()
    };
    let rows = after().rows.len();
    assert_eq!(count("grid"), 1);
    assert_eq!(
        count("rowheader"),
        rows + after().pairs.len(),
        "of both tables"
    );
    assert_eq!(
        count("gridcell"),
        rows * (after().profiles.len() + 1),
        "everybody has a column too"
    );
    browser.no_complaints();
}

#[test]
fn dark_follows_the_system_until_somebody_chooses() {
    let mut browser = Browser::open(&html::matrix(&after()));
    let back = "getComputedStyle(document.body).backgroundColor";
    let light = browser.eval(back);
    let features = json!({"features": [{"name": "prefers-color-scheme", "value": "dark"}]});
    browser.ask("Emulation.setEmulatedMedia", features);
    let dark = browser.eval(back);
    assert_ne!(light, dark);
    browser.eval("document.getElementById('theme').click()");
    assert_eq!(browser.eval(back), light);
    browser.ask("Emulation.setEmulatedMedia", json!({"media": "print"}));
    assert_eq!(
        browser.eval("getComputedStyle(document.getElementById('filters')).display"),
        "none"
    );
    browser.no_complaints();
}

#[test]
fn nothing_of_others_runs_or_becomes_markup() {
    for page in [gate(&hostile()), html::matrix(&canary())] {
        let mut browser = Browser::open(&page);
        // Every cell of the grid is opened, so that the copies in the panel are seen too.
        browser.eval(
            "for (const cell of document.querySelectorAll('#grid tbody :is(td, th)')) cell.click()",
        );
        let counts = "[document.images.length, document.scripts.length, document.styleSheets.length, document.querySelectorAll('[onerror], iframe, object, embed, base, link').length]";
        assert_eq!(browser.eval(counts), json!([0, 1, 1, 0]));
        let shown = browser.eval("document.body.textContent");
        let shown = shown.as_str().expect("text");
        assert!(
            shown.contains("<img src=x onerror=alert(1)>"),
            "the text is shown as text"
        );
        assert!(!shown.contains('\u{202e}') && HOSTILE.contains('\u{202e}'));
        browser.no_complaints();
    }
}

#[test]
fn what_the_policy_of_the_page_forbids_is_blocked() {
    // A page that somebody broke: the browser has to complain, or the other tests see nothing.
    let broken = gate(&everything()).replace(
        "<main>",
        "<main><script>document.title = 'taken'</script><img src=x onerror=alert(1)>",
    );
    let mut browser = Browser::open(&broken);
    assert_eq!(browser.eval("document.title"), "stopgate diff: invalid");
    assert!(browser.complaints() >= 2);
}

#[test]
fn it_reads_without_its_script() {
    let page = gate(&everything());
    let mut browser = Browser::without_scripts(&page);
    let tree = browser.ask("Accessibility.getFullAXTree", json!({}));
    let nodes = tree["nodes"].as_array().expect("nodes");
    let names: Vec<&str> = nodes
        .iter()
        .filter_map(|node| node["name"]["value"].as_str())
        .collect();
    let all = names.join(" ");
    for shown in [
        "committee",
        "50001",
        "rules/erp.yaml",
        "request and answers",
    ] {
        assert!(all.contains(shown), "{shown} is not there");
    }
    assert!(
        !all.contains("only what changed"),
        "a filter that does nothing"
    );
}
