//! Texts of a policy or a request stay texts, whatever they hold, and a report stays as short as it has to be.

use stopgate::gate::GateReport;
use stopgate::report::{html, markdown, text};

use crate::made::{HOSTILE, Made, everything, hostile};
use crate::report;

/// Lines of the report, without everything that stands in a block or a span of code. A span ends where its fence comes
/// again, and has to do so on its line.
fn outside_of_code(markdown: &str) -> String {
    let mut outside = String::new();
    let mut in_block = false;
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            assert!(
                ["```yaml", "```"].contains(&line),
                "not a fence of ours: {line}"
            );
            in_block = !in_block;
        }
        if in_block || line == "```" {
            continue;
        }
        let mut rest = line;
        while let Some(start) = rest.find('`') {
            let (before, from) = rest.split_at(start);
            outside.push_str(before);
            let fence: String = from.chars().take_while(|c| *c == '`').collect();
            let (_, inside) = from.split_at(fence.len());
            let end = ends(inside, fence.len());
            let end = end.unwrap_or_else(|| panic!("a code span is not closed: {line}"));
            rest = inside.split_at(end).1.split_at(fence.len()).1;
        }
        outside.push_str(rest);
        outside.push('\n');
    }
    assert!(!in_block, "a block of code is not closed");
    outside
}

/// Where a run of exactly `length` backticks begins.
fn ends(text: &str, length: usize) -> Option<usize> {
    let mut at = 0;
    while let Some(found) = text.get(at..)?.find('`') {
        let start = at + found;
        let run = text.get(start..)?.chars().take_while(|c| *c == '`').count();
        if run == length {
            return Some(start);
        }
        at = start + run;
    }
    None
}

#[test]
fn nothing_of_others_is_markdown() {
    let markdown = markdown::diff(&report(&hostile()));
    let outside = outside_of_code(&markdown);
    for trace in [
        "script",
        "img",
        "@all",
        "#1",
        "x.example",
        "onerror",
        "&lt;",
        "\u{202e}",
        "\u{1b}",
    ] {
        assert!(!outside.contains(trace), "{trace:?} got out: {outside}");
    }
    assert!(
        markdown.contains("<img src=x onerror=alert(1)>"),
        "the text is not there at all"
    );
    // The only tags are ours, and they are closed.
    let tags = outside
        .split('<')
        .skip(1)
        .map(|tag| tag.split('>').next().unwrap_or(tag));
    for tag in tags {
        let ours = ["details", "/details", "summary", "/summary", "sub", "/sub"];
        assert!(ours.contains(&tag), "<{tag}>");
    }
    assert_eq!(
        outside.matches("<details>").count(),
        outside.matches("</details>").count()
    );
}

#[test]
fn mistakes_of_a_policy_are_a_block_of_code_whatever_they_hold() {
    let mistakes = format!("error[syntax]: no\n```\n{HOSTILE}\n");
    let comment = markdown::invalid(&mistakes);
    let (_, block) = comment.split_once("**\n\n").expect("a block");
    assert!(
        block.lines().all(|line| line.starts_with("    ")),
        "{comment}"
    );
    let long = markdown::invalid(&mistakes.repeat(10_000));
    assert!(long.chars().count() <= 60_000);
    assert!(long.ends_with("`stopgate check` prints all of it.\n"));
    let page = html::invalid(&mistakes);
    assert!(
        page.contains("error[syntax]: no") && !page.contains("<img"),
        "{page}"
    );
}

#[test]
fn nothing_of_others_moves_a_terminal() {
    let shown = text::diff(&report(&hostile()), false);
    let bad: Vec<char> = shown
        .chars()
        .filter(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}')
        .collect();
    assert!(bad.is_empty(), "{bad:?}");
    assert!(!shown.contains("\n# end"), "a text began a line");
    assert!(HOSTILE.contains('\u{1b}'));
}

/// A report with `number` times everything.
fn many(number: usize) -> Made {
    let mut made = everything();
    let one = made.diff.operations.clone();
    made.diff.operations = std::iter::repeat_n(one, number).flatten().collect();
    made
}

#[test]
fn a_comment_is_never_longer_than_code_hosts_take() {
    for made in [many(300), many(30), hostile()] {
        let report = report(&made);
        let markdown = markdown::diff(&report);
        assert!(markdown.chars().count() <= 60_000);
        assert_eq!(
            markdown.matches("<details>").count(),
            markdown.matches("</details>").count()
        );
        assert!(markdown.contains("<sub>Proof"));
    }
    let mut made = many(300);
    made.diff.failing.clear();
    made.diff.bugs.clear();
    let markdown = markdown::diff(&GateReport::new(&made.diff));
    assert!(markdown.contains("more"), "{markdown}");
    let rows = markdown.matches("- **`").count();
    let more = markdown
        .lines()
        .filter_map(|line| line.strip_prefix("- … and ")?.strip_suffix(" more"));
    let more: usize = more.filter_map(|number| number.parse::<usize>().ok()).sum();
    assert_eq!(
        rows + more,
        300 * everything().diff.operations.len(),
        "what is left out is counted"
    );
}
