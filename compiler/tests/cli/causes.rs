//! What a report of the gate names as the cause of what it shows.

use crate::Desk;
use crate::sign::desk;

/// Lines of the report on what is not in `base`.
fn report(desk: &Desk) -> Vec<String> {
    let run = desk.run(&["diff", "p", "--base=base"]);
    assert_eq!(run.exit, 5, "{}", run.shown());
    run.stdout.lines().map(str::to_owned).collect()
}

/// What follows the finding about `who`, up to the next one.
fn below(lines: &[String], who: &str) -> String {
    let start = lines
        .iter()
        .position(|line| line.starts_with("    ") && line.contains(who) && line.contains(" can "));
    let start = start.unwrap_or_else(|| panic!("nothing about {who}: {lines:#?}"));
    let below = lines.iter().skip(start + 1);
    let below = below.take_while(|line| line.starts_with("      "));
    below.cloned().collect::<Vec<_>>().join("\n")
}

#[test]
fn who_holds_a_profile_is_named_beside_the_rule_that_changed_too() {
    // A ticket may be closed at night: what the desk changes already.
    let desk = desk();
    std::fs::remove_file(desk.path("p/waivers/2026-014.yaml")).expect("removed");
    let groups = "because of profiles.support-lead.groups";
    let lines = report(&desk);
    assert!(
        !below(&lines, "support-lead").contains("because of"),
        "{lines:#?}"
    );
    // And more people lead.
    desk.edit(
        "p/profiles.yaml",
        "groups: [support-leads]",
        "groups: [support-leads, interns]",
    );
    let lines = report(&desk);
    let interns = below(&lines, "members of interns ");
    assert!(interns.contains(groups), "{lines:#?}");
    let leads = below(&lines, "members of support-leads ");
    assert!(!leads.contains("because of"), "{lines:#?}");
    // What else changed is no cause of it.
    desk.edit("p/approvals.yaml", "hours: ", "hours: 00:00-23:00 # was ");
    let lines = report(&desk);
    let interns = below(&lines, "members of interns ");
    let cause = interns.lines().find(|line| line.contains("because of"));
    let cause = cause.unwrap_or_else(|| panic!("{lines:#?}"));
    assert!(cause.contains("profiles.support-lead.groups"), "{cause}");
    assert!(!cause.contains("calendar"), "{cause}");
}
