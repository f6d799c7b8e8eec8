//! `stopgate diff --report FORMAT=FILE`: one comparison in several formats, each as `--format` prints it.

use crate::Desk;

const FORMATS: [&str; 5] = ["text", "markdown", "json", "sarif", "html"];

/// Compares once with a report in each format, and looks whether each is what a run of its own prints: its exit code.
fn agree(desk: &Desk) -> i32 {
    let reports = FORMATS.map(|format| format!("--report={format}=of.{format}"));
    let mut args = vec!["diff", "p", "--base=HEAD"];
    args.extend(reports.iter().map(String::as_str));
    let run = desk.run(&args);
    for format in FORMATS {
        let report = desk.path(&format!("of.{format}"));
        let written = std::fs::read_to_string(&report).expect("a report");
        let alone = desk.run(&["diff", "p", "--base=HEAD", &format!("--format={format}")]);
        assert_eq!(alone.exit, run.exit, "{}", alone.shown());
        assert_eq!(alone.stdout, written, "{format}");
        if format == "text" {
            assert_eq!(run.stdout, written);
        }
        std::fs::remove_file(report).expect("it was there");
    }
    run.exit
}

#[test]
fn one_comparison_is_told_in_every_format_as_it_would_be_alone() {
    let desk = Desk::new();
    desk.edit("rules/tickets.yaml", "risk: medium", "risk: low");
    assert_eq!(agree(&desk), 5);
    desk.edit("rules/tickets.yaml", "risk: low", "risk: lowest");
    assert_eq!(agree(&desk), 3);
}

#[test]
fn a_report_that_cannot_be_written_ends_the_run_before_it_begins() {
    let desk = Desk::new();
    std::fs::write(desk.path("mine.json"), "mine").expect("written");
    for (reports, why) in [
        (&["json=mine.json"][..], "mine.json is there already"),
        (&["json=a", "html=a"], "a is named for two things"),
        (
            &["json"],
            "write a format and a file, such as html=gate.html",
        ),
        (
            &["json="],
            "write a format and a file, such as html=gate.html",
        ),
        (
            &["htm=a"],
            "\"htm\" is no format; there are text, markdown, json, sarif, html",
        ),
    ] {
        let reports = reports.iter().flat_map(|report| ["--report", report]);
        let args: Vec<_> = ["diff", "p", "--base=HEAD"]
            .into_iter()
            .chain(reports)
            .collect();
        let run = desk.run(&args);
        assert_eq!(run.exit, 2, "{}", run.shown());
        assert!(run.stderr.contains(why), "{}", run.shown());
        assert!(!desk.path("a").exists());
    }
    let kept = std::fs::read_to_string(desk.path("mine.json"));
    assert_eq!(kept.expect("a file"), "mine");
}
