//! A reviewer signs waivers and reviews: what is shown, what is written, and what is refused.

use jiff::{Timestamp, ToSpan as _, civil::Date, tz::TimeZone};
use serde_json::Value;
use stopgate::waiver::Signers;
use stopgate_author::waiver::Jurisdiction;
use stopgate_decide::bundle::TrustRoot;

use crate::Desk;

/// So many days from today.
pub(crate) fn day(days: i64) -> Date {
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    today.checked_add(days.days()).expect("a day")
}

/// A repository whose branch `base` has a trust root that `ana` reviews under. On `main` a ticket may since be closed at
/// night, and there are a waiver of that, as the gate drafts it, and a review.
pub(crate) fn desk() -> Desk {
    let desk = Desk::with_repository();
    for name in ["root", "ana", "eva"] {
        assert_eq!(desk.run(&["keygen", name]).exit, 0);
    }
    root(&desk, &["--reviewer=ana.pub"]);
    base(&desk);
    desk.edit(
        "p/rules/tickets.yaml",
        "\n    when: context.time.business",
        "",
    );
    for folder in ["p/waivers", "p/reviews"] {
        std::fs::create_dir(desk.path(folder)).expect("a folder");
    }
    waiver(&desk, day(20));
    let review = format!(
        "stopgate: 1\nreview: 2027-Q1\nnext: {}\nrules: [tickets/read]\n",
        day(200)
    );
    std::fs::write(desk.path("p/reviews/2027-Q1.yaml"), review).expect("written");
    desk.commit("p");
    desk
}

/// A new trust root with `reviewers`.
fn root(desk: &Desk, reviewers: &[&str]) {
    let file = "p/trust/root.dsse.json";
    if desk.path(file).exists() {
        std::fs::remove_file(desk.path(file)).expect("removed");
    }
    let root = [&["root", "--key=root.key", "-o", file], reviewers].concat();
    let root = desk.run(&root);
    assert_eq!(root.exit, 0, "{}", root.shown());
}

/// Commits the repository as it is, as what changes are compared with.
fn base(desk: &Desk) {
    desk.commit("p");
    desk.git("p", &["branch", "-f", "base"]);
}

/// The waiver that the gate drafts for what is not in `base`, with a reason and another day; committed.
fn waiver(desk: &Desk, expires: Date) {
    let file = desk.path("p/waivers/2026-014.yaml");
    if file.exists() {
        std::fs::remove_file(&file).expect("removed");
    }
    let found = desk.run(&["diff", "p", "--base=base", "--format=json"]);
    let json = found.json();
    let draft = json.pointer("/to_sign/waiver").and_then(Value::as_str);
    let draft = draft.unwrap_or_else(|| panic!("no draft: {}", found.shown()));
    let line = |line: &str| match line.split(' ').next() {
        Some("waiver:") => "waiver: 2026-014\n".to_owned(),
        Some("reason:") => "reason: The new charter.\n".to_owned(),
        Some("expires:") => format!("expires: {expires}\n"),
        _ => format!("{line}\n"),
    };
    std::fs::write(file, draft.lines().map(line).collect::<String>()).expect("written");
    desk.commit("p");
}

pub(crate) const WAIVER: [&str; 5] = [
    "sign",
    "p/waivers/2026-014.yaml",
    "--waiver",
    "--base=base",
    "--key=ana.key",
];
pub(crate) const REVIEW: [&str; 4] = [
    "sign",
    "p/reviews/2027-Q1.yaml",
    "--review",
    "--key=ana.key",
];

/// The digest that `command` wants to be agreed to.
pub(crate) fn digest(desk: &Desk, command: &[&str]) -> String {
    let run = desk.run(command);
    assert_eq!(run.exit, 8, "{}", run.shown());
    let digest = run
        .stderr
        .lines()
        .find_map(|line| line.strip_prefix("digest   "));
    digest
        .unwrap_or_else(|| panic!("{}", run.shown()))
        .to_owned()
}

/// Files beside the document that end with `.sig`.
fn signatures(desk: &Desk, folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(desk.path(folder)).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let names = names.map(|name| name.into_string().expect("UTF-8"));
    names.filter(|name| name.ends_with(".sig")).collect()
}

/// Reviewers whose signature counts, as the gate reads it from disk.
fn counted(desk: &Desk, folder: &str) -> usize {
    let dir = desk.path("p");
    let trust = stopgate::workspace::read(&dir).expect("readable").trust;
    let root = TrustRoot::open(&trust.root.expect("a root"), Timestamp::now()).expect("opens");
    let compiled = stopgate::check::check(&dir).expect("readable");
    let (waivers, reviews) = (compiled.waivers.first(), compiled.reviews.first());
    let (Some(waiver), Some(review)) = (waivers, reviews) else {
        panic!(
            "one of each: {}",
            compiled.diagnostics.render(&compiled.sources, false)
        )
    };
    let policy = compiled.policy.as_ref().expect("a policy");
    let holds = Jurisdiction::new(&policy.organisation, Some(&root));
    let (statement, folder, id) = match folder {
        "p/waivers" => (waiver.statement(&holds), "waivers", waiver.id.as_str()),
        _ => (review.statement(&holds), "reviews", review.id.as_str()),
    };
    let signers = Signers::new(&statement, folder, id, &trust.signatures, Some(&root));
    assert_eq!(signers.spoilt, []);
    signers.reviewers.len()
}

#[test]
fn what_is_shown_is_what_is_signed() {
    let desk = desk();
    let waiver = std::fs::read_to_string(desk.path("p/waivers/2026-014.yaml")).expect("a waiver");
    let slice = waiver.trim_end().rsplit(' ').next().expect("a word");
    for (command, folder, shown) in [
        (
            &WAIVER[..],
            "p/waivers",
            format!(
                "waiver   2026-014\nreason   The new charter.\nexpires  {} (in 20 days)\n\
                 covers   tickets/close_ticket for support-lead\n           \
                   risk medium: support-lead can now call tickets/close_ticket with ticket_id = \"T-1\", reason = \"solved\" \
                   at 2026-11-24T18:00:00Z, outside business hours, with a supervisor and the user's confirmation \
                   at risk medium in dev only; before it was rejected (no_rule: no rule allows this with these \
                   arguments)\n           \
                   tickets/close, when: nothing instead of context.time.business\n           \
                   by tickets/close\n           slice {slice}\n\
                 takes    1 signature\n",
                day(20),
            ),
        ),
        (
            &REVIEW,
            "p/reviews",
            format!(
                "review   2027-Q1\nnext     {} (in 200 days)\nrule     tickets/read\n",
                day(200)
            ),
        ),
    ] {
        let asked = desk.run(command);
        assert_eq!(asked.exit, 8);
        assert!(asked.stderr.starts_with(&shown), "{}", asked.shown());
        let holds = "\nholds    for my-company, under the root role sha256:";
        assert!(asked.stderr.contains(holds), "{}", asked.shown());
        assert_eq!(signatures(&desk, folder), Vec::<String>::new());

        let digest = digest(&desk, command);
        let wrong = format!("--yes=sha256:{}", "0".repeat(64));
        let other = desk.run(&[command, &[&wrong]].concat());
        assert_eq!(other.exit, 8, "{}", other.shown());
        assert_eq!(signatures(&desk, folder), Vec::<String>::new());

        let yes = format!("--yes={digest}");
        let signed = desk.run(&[command, &[&yes]].concat());
        assert_eq!(signed.exit, 0, "{}", signed.shown());
        assert!(signed.stdout.starts_with(&shown), "{}", signed.shown());
        assert_eq!(signatures(&desk, folder).len(), 1);
        assert_eq!(counted(&desk, folder), 1);
        let again = desk.run(&[command, &[&yes]].concat());
        assert_eq!(again.stdout, signed.stdout, "signing again changes nothing");
        assert_eq!(signatures(&desk, folder).len(), 1);
    }
    assert_eq!(desk.run(&["check", "p"]).exit, 0);
}

#[test]
fn a_comment_leaves_the_digest_and_a_word_does_not() {
    let desk = desk();
    let before = digest(&desk, &WAIVER);
    desk.edit("p/waivers/2026-014.yaml", "covers:", "# as agreed\ncovers:");
    desk.commit("p");
    assert_eq!(digest(&desk, &WAIVER), before);
    desk.edit("p/waivers/2026-014.yaml", "new charter", "old charter");
    desk.commit("p");
    assert_ne!(digest(&desk, &WAIVER), before);
    let yes = format!("--yes={before}");
    let run = desk.run(&[&WAIVER[..], &[&yes]].concat());
    assert_eq!(run.exit, 8, "{}", run.shown());
}

/// Nothing is signed, and it is said why.
fn refuses(desk: &Desk, command: &[&str], said: &str) {
    let run = desk.run(command);
    assert_eq!(run.exit, 8, "{}", run.shown());
    assert!(run.stderr.contains(said), "{said}: {}", run.shown());
    assert_eq!(signatures(desk, "p/waivers"), Vec::<String>::new());
}

#[test]
fn what_would_count_for_nothing_is_not_signed() {
    let desk = desk();
    let eva = [&WAIVER[..4], &["--key=eva.key"]].concat();
    refuses(
        &desk,
        &eva,
        "is no reviewer's in trust/root.dsse.json of base",
    );
    for (expires, said) in [(day(0), "expired on"), (day(31), "and may hold until")] {
        waiver(&desk, expires);
        refuses(&desk, &WAIVER, said);
    }
    desk.edit(
        "p/reviews/2027-Q1.yaml",
        &day(200).to_string(),
        &day(0).to_string(),
    );
    desk.commit("p");
    assert_eq!(desk.run(&REVIEW).exit, 8);

    waiver(&desk, day(20));
    let file = "p/waivers/2026-014.yaml";
    let whole = std::fs::read_to_string(desk.path(file)).expect("a waiver");
    let rules = "rules: [close]";
    let digit = whole.trim_end().chars().next_back().expect("a digit");
    let (slice, other) = (
        format!("{digit}\n"),
        if digit == '0' { "1\n" } else { "0\n" },
    );
    for (from, to, said) in [
        (
            "[support-lead]",
            "[support]",
            "names what is not in this change: tickets/close_ticket for support",
        ),
        (
            "close_ticket",
            "get_ticket",
            "names what is not in this change",
        ),
        (rules, "rules: [read]", "does not name tickets/close"),
        (slice.as_str(), other, "and what is there is sha256:"),
    ] {
        let at = whole.rfind(from).expect(from);
        let (before, after) = whole.split_at(at);
        let edited = format!("{before}{to}{}", after.split_at(from.len()).1);
        std::fs::write(desk.path(file), edited).expect("written");
        desk.commit("p");
        refuses(&desk, &WAIVER, said);
    }
}

#[test]
fn a_waiver_that_came_into_the_base_without_enough_signatures_is_not_signed_there() {
    let desk = desk();
    // It was merged by hand, with the change and without a signature, and its change is in the base now.
    base(&desk);
    desk.edit("p/profiles.yaml", "groups: [support]", "groups: [help]");
    desk.commit("p");
    let unsigned =
        "is in the base already and lets nothing pass there: name the revision before it as --base";
    refuses(&desk, &WAIVER, unsigned);
    let found = desk.run(&["diff", "p", "--base=base", "--format=json"]);
    let standing = &found.json()["waivers"][0]["standing"];
    assert_eq!(standing, "unsigned", "{}", found.shown());
    // It can be signed for the revision that it was written for; once that is merged too, it is spent.
    let first = desk.git("p", &["rev-list", "--max-parents=0", "HEAD"]);
    let based = format!("--base={first}");
    let sign = [
        &WAIVER[..3],
        &[based.as_str(), "--rev=base", "--key=ana.key"],
    ]
    .concat();
    let yes = format!("--yes={}", digest(&desk, &sign));
    let run = desk.run(&[&sign[..], &[yes.as_str()]].concat());
    assert_eq!(run.exit, 0, "{}", run.shown());
    base(&desk);
    let found = desk.run(&["diff", "p", "--base=base", "--format=json"]);
    let standing = &found.json()["waivers"][0]["standing"];
    assert_eq!(standing, "spent", "{}", found.shown());
    let run = desk.run(&WAIVER);
    assert_eq!(run.exit, 8, "{}", run.shown());
    assert!(
        run.stderr.contains("is in the base already"),
        "{}",
        run.shown()
    );
}

#[test]
fn the_commands_of_a_report_name_the_repository_as_it_was_named() {
    let desk = desk();
    let file = "waivers/2026-014.yaml";
    for (dir, from, named) in [
        ("p", ".", format!("p/{file}")),
        (".", "p", file.to_owned()),
        ("../p", "p", format!("../p/{file}")),
    ] {
        let said = desk.run_in(from, &["diff", dir, "--base=base"]);
        let sign = format!("`stopgate sign {named} --waiver --base base --key KEY`");
        assert!(said.stdout.contains(&sign), "{dir}: {}", said.shown());
        // As it stands there, it finds the document.
        let key = desk.path("ana.key");
        let key = key.to_str().expect("UTF-8");
        let run = ["sign", &named, "--waiver", "--base", "base", "--key", key];
        let run = desk.run_in(from, &run);
        assert!(
            run.stderr.contains("nobody is there to be asked"),
            "{}",
            run.shown()
        );
        let check = desk.run_in(from, &["check", dir]);
        let review = named.replace(file, "reviews/2027-Q1.yaml");
        let sign = format!("commit it, let reviewers sign it (`stopgate sign {review} --review");
        let said = check
            .stdout
            .replace("\n  │ ", " ")
            .replace("\n        ", " ");
        assert!(said.contains(&sign), "{dir}: {}", check.shown());
    }
}

#[test]
fn a_waiver_is_signed_by_reviewers_of_the_base_and_not_of_the_change() {
    let desk = desk();
    let without = [&WAIVER[..3], &["--key=ana.key"]].concat();
    let run = desk.run(&without);
    assert_eq!(run.exit, 2, "{}", run.shown());
    assert!(run.stderr.contains("add --base REV"), "{}", run.shown());
    // The change makes eva a reviewer, and lets nobody be one.
    root(&desk, &["--reviewer=ana.pub", "--reviewer=eva.pub"]);
    desk.commit("p");
    let eva = [&WAIVER[..4], &["--key=eva.key"]].concat();
    refuses(
        &desk,
        &eva,
        "is no reviewer's in trust/root.dsse.json of base",
    );
    std::fs::remove_file(desk.path("p/trust/root.dsse.json")).expect("removed");
    desk.commit("p");
    let digest = digest(&desk, &WAIVER);
    assert!(digest.starts_with("sha256:"), "the base's root counts");
    // A base without a root lets nobody sign.
    base(&desk);
    refuses(
        &desk,
        &WAIVER,
        "base has no trust/root.dsse.json, so nobody can sign",
    );
    root(&desk, &["--reviewer=ana.pub"]);
    desk.commit("p");
    refuses(
        &desk,
        &WAIVER,
        "base has no trust/root.dsse.json, so nobody can sign",
    );
    // A root that does not verify is nobody's to sign: it would stop every change after it.
    std::fs::write(desk.path("p/trust/root.dsse.json"), "{}").expect("written");
    let run = desk.run(&["diff", "p", "--base=base"]);
    assert_eq!(run.exit, 8, "{}", run.shown());
    assert!(
        run.stderr.contains("the change brings this"),
        "{}",
        run.shown()
    );
}

#[test]
fn only_waivers_and_reviews_of_a_valid_repository_are_signed() {
    let desk = desk();
    for (exit, file) in [
        (2, "p/stopgate.yaml"),
        (2, "p/rules/tickets.yaml"),
        (2, "p/waivers/nowhere.yaml"),
        (2, "p/waivers"),
    ] {
        let run = desk.run(&["sign", file, "--waiver", "--key=ana.key"]);
        assert_eq!(run.exit, exit, "{file}: {}", run.shown());
    }
    let run = desk.run(&["sign", "p/waivers/2026-014.yaml", "--key=ana.key"]);
    assert_eq!(run.exit, 2, "{}", run.shown());
    desk.edit("p/waivers/2026-014.yaml", "reason:", "reasons:");
    desk.commit("p");
    let run = desk.run(&WAIVER);
    assert_eq!(run.exit, 3, "{}", run.shown());
    assert!(
        run.stdout.contains("did you mean `reason`?"),
        "{}",
        run.shown()
    );
}

#[test]
fn a_root_names_its_reviewers() {
    let desk = desk();
    let run = desk.run(&[
        "root",
        "--key=root.key",
        "--reviewer=ana.pub",
        "--reviewer=eva.pub",
    ]);
    assert_eq!(run.exit, 0, "{}", run.shown());
    let line = run
        .stdout
        .lines()
        .find(|line| line.starts_with("reviewer   "));
    let line = line.unwrap_or_else(|| panic!("{}", run.shown()));
    assert!(
        line.contains("(ana), ") && line.ends_with("(eva)"),
        "{line}"
    );
    let twice = desk.run(&[
        "root",
        "--key=root.key",
        "--reviewer=ana.pub",
        "--reviewer=ana.pub",
        "-o=other.json",
    ]);
    assert_eq!(twice.exit, 2, "{}", twice.shown());
}

/// Signs the waiver as ana, whatever it says.
fn sign_waiver(desk: &Desk) {
    let yes = format!("--yes={}", digest(desk, &WAIVER));
    let run = desk.run(&[&WAIVER[..], &[&yes]].concat());
    assert_eq!(run.exit, 0, "{}", run.shown());
}

/// Commits the repository as it is, and brings `what` of it into what changes are compared with.
fn into_base(desk: &Desk, what: &str) {
    desk.commit("p");
    desk.git("p", &["checkout", "-q", "base"]);
    desk.git("p", &["checkout", "-q", "main", "--", what]);
    desk.commit("p");
    desk.git("p", &["checkout", "-q", "main"]);
}

/// The gate of what is not in `base` ends with `exit`, and says `said`.
fn gate(desk: &Desk, exit: i32, said: &str) {
    let run = desk.run(&["diff", "p", "--base=base"]);
    assert_eq!(run.exit, exit, "{}", run.shown());
    assert!(run.stdout.contains(said), "{said}: {}", run.shown());
}

#[test]
fn t1_a_rotated_root_key_and_an_older_release_void_open_waivers() {
    let desk = desk();
    sign_waiver(&desk);
    gate(&desk, 0, "reviewers have signed all of that");

    // The base's root is another one: the same reviewer, another key that signs the next root.
    for name in ["root.key", "root.pub", "p/trust/root.dsse.json"] {
        std::fs::remove_file(desk.path(name)).expect("removed");
    }
    assert_eq!(desk.run(&["keygen", "root"]).exit, 0);
    root(&desk, &["--reviewer=ana.pub"]);
    into_base(&desk, "trust");
    gate(
        &desk,
        5,
        "was made under a trust root with other root keys: sign again",
    );
    sign_waiver(&desk);
    gate(&desk, 0, "reviewers have signed all of that");

    // Another organisation with the same people, keys and rules.
    desk.edit(
        "p/stopgate.yaml",
        "organisation: my-company",
        "organisation: shop",
    );
    into_base(&desk, "stopgate.yaml");
    gate(
        &desk,
        5,
        "was made for another organisation: it counts for nothing here",
    );
    sign_waiver(&desk);
    gate(&desk, 0, "reviewers have signed all of that");

    // A waiver as older releases wrote it.
    desk.edit("p/waivers/2026-014.yaml", "slice: v3:", "slice: ");
    for file in signatures(&desk, "p/waivers") {
        std::fs::remove_file(desk.path(&format!("p/waivers/{file}"))).expect("removed");
    }
    desk.commit("p");
    gate(&desk, 5, "was made by an older stopgate");
    refuses(&desk, &WAIVER, "was made by an older stopgate");
}

#[test]
fn a_stray_signature_and_another_judge_are_seen_and_named() {
    let desk = desk();
    for file in ["p/waivers/2026-014.yaml", "p/reviews/2027-Q1.yaml"] {
        std::fs::remove_file(desk.path(file)).expect("removed");
    }
    desk.git("p", &["checkout", "--quiet", "base", "--", "rules"]);
    gate(&desk, 0, "same: no decision changes\n");
    let stray = "waivers/2026-001.0123456789abcdef.sig";
    std::fs::write(desk.path(&format!("p/{stray}")), "{}").expect("written");
    gate(
        &desk,
        5,
        "to-mend: no decision changes; 1 file beside the policy must be mended or deleted\n",
    );
    gate(
        &desk,
        5,
        &format!("{stray} is the signature of no waiver: delete it"),
    );
    std::fs::remove_file(desk.path(&format!("p/{stray}"))).expect("removed");

    let version = desk.path("p/.stopgate-version");
    std::fs::write(&version, "0.1.0\n").expect("written");
    let new = "guard rail .stopgate-version: another version of stopgate judges the next changes, by its own zone data\n    before  not there\n";
    gate(&desk, 5, new);
    base(&desk);
    gate(&desk, 0, "same: no decision changes\n");
    std::fs::write(&version, "0.2.0\nsha256:93be\n").expect("written");
    gate(
        &desk,
        5,
        "    before  0.1.0\n    now     0.2.0; sha256:93be\n",
    );
    gate(&desk, 5, "changed (risk high)");
    let run = desk.run(&["diff", "p", "--base=base"]);
    let draft = "  - file: \".stopgate-version\"\n    change: sha256:";
    assert!(run.stdout.contains(draft), "{}", run.shown());
    // With anything else in the same change it is said that it belongs in one of its own.
    desk.edit(
        "p/stopgate.yaml",
        "organisation: my-company",
        "organisation: shop",
    );
    gate(&desk, 5, "put this into a change of its own");
    std::fs::remove_file(&version).expect("removed");
    gate(&desk, 5, "    now     not there\n");
}
