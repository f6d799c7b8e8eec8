//! Reports of the gate over comparisons that are written by hand: every class, every part, hostile texts, very many.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "what the tests share fails as they do"
)]

mod made;
mod markup;

use std::path::Path;

use insta::assert_snapshot;
use made::{Made, everything, hostile};
use serde_json::Value;
use stopgate::diff::{Class, sentence};
use stopgate::gate::GateReport;
use stopgate::matrix::Matrix;
use stopgate::report::{html, json, markdown, sarif, text};
use stopgate::waiver::Loosened;
use stopgate_author::change::Change;
use stopgate_decide::digest::Digest;

fn report(made: &Made) -> GateReport<'_> {
    GateReport {
        diff: &made.diff,
        settings: &made.settings,
        folder: Path::new("policies"),
        waivers: &made.waivers,
        to_sign: made.to_sign.as_ref(),
        bundle: Some(Digest::compute(b"head")),
        mend: &made.mend,
    }
}

#[test]
fn everything_as_text() {
    assert_snapshot!(text::diff(&report(&everything()), false));
}

#[test]
fn everything_as_markdown() {
    assert_snapshot!(markdown::diff(&report(&everything())));
}

#[test]
fn everything_as_json() {
    let json = json::diff(&report(&everything()));
    assert_snapshot!(serde_json::to_string_pretty(&json).expect("JSON"));
}

#[test]
fn everything_as_sarif() {
    let sarif = sarif::diff(&report(&everything()), Path::new("policies"));
    assert_snapshot!(serde_json::to_string_pretty(&sarif).expect("JSON"));
}

/// How every section begins, in text and on the page, and in Markdown: in the order of everybody.
const SECTIONS: [(&str, &str); 16] = [
    ("rules that may fail", "#### Rules that may fail"),
    ("to be mended", "#### To be mended"),
    ("2 reviewers have to sign", "#### 2 reviewers have to sign"),
    ("ceilings", "#### Ceilings"),
    ("looser", "#### Looser"),
    ("undecided", "#### Undecided"),
    ("re-typed", "#### Re-typed"),
    ("settings to be signed", "#### Settings to be signed"),
    ("waivers", "<summary>6 waivers"),
    ("stricter", "<summary>1 operation stricter"),
    ("added", "<summary>1 operation added"),
    ("removed", "<summary>1 operation removed"),
    ("same", "<summary>1 operation same"),
    ("other settings", "<summary>2 other settings"),
    ("bugs of the gate", "<summary>1 bug of the gate"),
    (
        "the waiver to be signed",
        "<summary>The waiver to be signed",
    ),
];

#[test]
fn text_markdown_and_page_have_all_sections_in_one_order() {
    let made = everything();
    let none = Matrix::empty();
    let inks = [
        text::diff(&report(&made), false),
        markdown::diff(&report(&made)),
        html::diff(&report(&made), &none, &none),
    ];
    let heads = SECTIONS.map(|(title, markdown)| {
        let (text, page) = (format!("\n\n{title}"), format!("<h2>{title}"));
        [text, markdown.to_owned(), page]
    });
    for (ink, said) in inks.iter().enumerate() {
        let places = heads.iter().map(|head| {
            let place = said.find(&head[ink]);
            place.unwrap_or_else(|| panic!("{:?} is not there: {said}", head[ink]))
        });
        assert!(places.is_sorted(), "{said}");
    }
}

#[test]
fn nothing_is_said_in_three_lines() {
    let mut made = everything();
    made.diff.operations.clear();
    made.diff.failing.clear();
    made.diff.bugs.clear();
    assert_snapshot!(text::diff(&GateReport::new(&made.diff), false));
}

#[test]
fn the_example_of_the_contract_reads_as_written() {
    let mut change = made::refund();
    let mut cell = change.cells.swap_remove(0);
    cell.request = made::request(r#"{"amount_cents": 50001}"#);
    let said = sentence(&change, &cell).to_string();
    let wanted = "support-analyst can now call erp/create_refund with amount_cents = 50001 with a supervisor; before it needed a committee";
    assert_eq!(said, wanted);
}

#[test]
fn a_setting_that_asks_for_less_makes_the_verdict() {
    let mut made = everything();
    made.diff
        .operations
        .retain(|change| change.class == Class::Stricter);
    assert_eq!(report(&made).class(), Class::Looser);
    made.settings
        .retain(|setting| !setting.effect.needs_review());
    assert_eq!(report(&made).class(), Class::Stricter);
}

#[test]
fn what_only_waits_for_mending_is_not_called_the_same() {
    let mut made = everything();
    made.diff.failing.clear();
    made.diff.operations.clear();
    made.settings.clear();
    made.to_sign = None;
    let mend = made::stray();
    for (format, text) in [
        ("text", text::diff(&report(&made), false)),
        ("markdown", markdown::diff(&report(&made))),
        ("json", json::diff(&report(&made)).to_string()),
        (
            "sarif",
            sarif::diff(&report(&made), Path::new("p")).to_string(),
        ),
    ] {
        assert!(text.contains(&mend.file), "{format}: {text}");
        assert!(text.contains("to-mend"), "{format}: {text}");
        assert!(!text.contains("same:"), "{format}: {text}");
    }
    made.mend.clear();
    assert!(text::diff(&report(&made), false).starts_with("same: no decision changes\n"));
}

#[test]
fn a_rule_that_is_shown_with_a_request_is_not_listed_again() {
    let mut made = everything();
    let also = "other changes to this operation";
    let text = |made: &Made| text::diff(&GateReport::new(&made.diff), false);
    let change = made.diff.operations.iter_mut();
    let mut change = change.filter(|change| change.class == Class::Stricter);
    let change = change.next().expect("something stricter");
    let cause = change.cells.iter().flat_map(|cell| &cell.because).next();
    let cause = cause.expect("a cause").clone();
    change.changed = vec![cause.clone()];
    let only = change.clone();
    made.diff.operations = vec![only.clone()];
    assert!(!text(&made).contains(also), "{}", text(&made));
    // Met by nothing that is shown, it is.
    let mut other = cause;
    other.rule = "erp/nobody-meets-it".parse().expect("an id");
    made.diff.operations[0].changed.push(other);
    assert_eq!(text(&made).matches(also).count(), 1);
    assert_eq!(text(&made).matches("erp/nobody-meets-it").count(), 1);
}

#[test]
fn the_headline_says_when_all_is_signed_and_only_then() {
    let mut made = everything();
    made.diff.failing.clear();
    made.diff.operations.clear();
    let headline = |made: &Made| {
        let text = text::diff(&report(made), false);
        text.lines().next().expect("a line").to_owned()
    };
    assert!(headline(&made).starts_with("looser: "));
    assert!(headline(&made).contains("; 2 reviewers have to sign; 1 file beside the policy "));
    let waivers = made.waivers.clone();
    let is_covered = |setting: &Change| {
        let what = Loosened::setting(setting);
        waivers.iter().any(|waiver| waiver.covers.contains(&what))
    };
    made.settings
        .retain(|setting| !setting.effect.needs_review() || is_covered(setting));
    made.to_sign = None;
    assert_eq!(report(&made).class(), Class::Looser);
    // What is signed passes only without what has to be mended.
    let mend = std::mem::take(&mut made.mend);
    assert!(headline(&made).ends_with("; reviewers have signed all of that"));
    made.mend = mend;
    assert!(
        headline(&made).starts_with("to-mend: "),
        "{}",
        headline(&made)
    );
}

fn valid(schema: &jsonschema::Validator, json: &Value) {
    let mistakes: Vec<String> = schema
        .iter_errors(json)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(mistakes.is_empty(), "{mistakes:#?}");
}

#[test]
fn json_fits_its_schema() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/schemas/diff.json");
    let schema: Value =
        serde_json::from_slice(&std::fs::read(path).expect("a schema")).expect("JSON");
    jsonschema::meta::validate(&schema).expect("a schema");
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    for made in [everything(), hostile()] {
        let mut body = json::diff(&report(&made));
        let members = body.as_object_mut().expect("an object");
        members.insert("stopgate".to_owned(), 1.into());
        members.insert("command".to_owned(), "diff".into());
        members.insert("exit".to_owned(), 5.into());
        valid(&schema, &body);
        // It takes no more than is printed.
        let members = body.as_object_mut().expect("an object");
        members.insert("more".to_owned(), 1.into());
        assert!(!schema.is_valid(&body));
    }
}

#[test]
fn sarif_fits_the_standard() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/sarif-schema-2.1.0.json");
    let bytes = std::fs::read(path).expect("the SARIF schema: run ci/setup first");
    let mut schema: Value = serde_json::from_slice(&bytes).expect("JSON");
    // The standard's pattern of a language has one bracket too many, which strict readers refuse; we state no language.
    for place in ["run", "toolComponent"] {
        let language = schema.pointer_mut(&format!("/definitions/{place}/properties/language"));
        let language = language.and_then(Value::as_object_mut).expect("language");
        language.remove("pattern").expect("a pattern");
    }
    let options = jsonschema::options().should_validate_formats(true);
    let schema = options.build(&schema).expect("a schema");
    for made in [everything(), hostile()] {
        let sarif = sarif::diff(&report(&made), Path::new("policies"));
        valid(&schema, &sarif);
        let results = sarif.pointer("/runs/0/results").and_then(Value::as_array);
        let results = results.expect("results");
        for rule in [
            "may-fail",
            "looser",
            "re-typed",
            "undecided",
            "setting-looser",
            "to-mend",
        ] {
            assert!(
                results.iter().any(|result| result["ruleId"] == rule),
                "{rule}"
            );
        }
    }
}
