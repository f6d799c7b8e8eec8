//! A correct repository becomes the policy it says, and mistakes in several documents are reported together.

use jiff::SignedDuration;
use stopgate_author::compile::{Sources, compile};
use stopgate_author::policy::{DryRun, Operations, RuleKind};
use stopgate_author::testing::ExpectedResult;
use stopgate_author::waiver::{Cover, Holder, Jurisdiction};
use stopgate_decide::decide::Reason;
use stopgate_decide::freshness::Freshness;
use stopgate_decide::name::OwnerName;
use stopgate_decide::surface::{Approval, Effect, Evidence, Limit, Need, Risk};

use crate::fixture::{base, codes, compiled, edited, read, tests};

#[test]
fn the_base_means_what_it_says() {
    let compiled = compiled(base());
    assert_eq!(codes(&compiled), Vec::<&str>::new());
    let policy = compiled.policy.expect("a policy");
    assert_eq!(policy.organisation.as_str(), "acme-bank");
    assert_eq!(policy.channels["prod"].limit_for("erp"), Limit::High);
    assert_eq!(policy.channels["prod"].limit_for("jira"), Limit::Medium);
    let freshness = policy.freshness.expect("a limit of its age");
    assert_eq!(
        (freshness.soft(), freshness.hard()),
        (
            SignedDuration::from_mins(15),
            SignedDuration::from_hours(24)
        )
    );
    let erp = &policy.tools["erp"];
    assert_eq!(erp.operations.len(), 5);
    assert_eq!(erp.operations["create_refund"].effect, Effect::Irreversible);
    assert!(
        matches!(&erp.operations["create_refund"].dry_run, DryRun::By(preview) if preview.as_str() == "preview_refund")
    );
    assert!(matches!(
        erp.operations["purge_archive"].dry_run,
        DryRun::None { .. }
    ));
    let masked = &erp.operations["preview_refund"].input_mask;
    assert_eq!(
        masked.iter().map(|mask| mask.as_str()).collect::<Vec<_>>(),
        ["/bank_account"],
        "inherited by the preview"
    );

    let ids: Vec<String> = policy
        .rules
        .iter()
        .map(|rule| rule.id.to_string())
        .collect();
    assert_eq!(
        ids,
        [
            // Sorted by id, whichever file they come from.
            "erp/read-orders",
            "erp/refund-small",
            "erp/refund-too-large",
            "erp/refunds-after-hours",
            "guardrails/currency"
        ]
    );
    // The floor is not joined yet: this is what the author states.
    let small = &policy.rules[1];
    let RuleKind::Grant(stated) = &small.kind else {
        panic!("a grant")
    };
    assert_eq!(
        (stated.risk, stated.approval, stated.user_confirmation),
        (Risk::Medium, Approval::Supervisor, true)
    );
    assert_eq!(small.location.to_string(), "rules/erp.yaml:11");
    assert!(
        matches!(&policy.rules[2].kind, RuleKind::Never(why) if why == "treasury pays these by hand")
    );
    assert!(
        matches!(&policy.rules[3].kind, RuleKind::Raise(surface) if surface.approval == Approval::Committee)
    );
    assert!(
        matches!(&policy.rules[4].scope.operations, Operations::Listed(listed) if listed.len() == 1)
    );

    let [suite] = compiled.suites.as_slice() else {
        panic!("one suite")
    };
    let [route, read, never] = suite.cases.as_slice() else {
        panic!("three cases")
    };
    let needs = [Need::UserConfirmation, Need::Approval(Approval::Supervisor)].into();
    assert_eq!(route.expect.result, ExpectedResult::Route(needs));
    assert_eq!((read.people.len(), read.operations.len()), (2, 2));
    assert_eq!(never.evidence, Evidence::ALL);
    assert_eq!(
        never.expect.result,
        ExpectedResult::Reject(Reason::Forbidden)
    );
    let rules: Vec<String> = never
        .expect
        .rules
        .iter()
        .flatten()
        .map(ToString::to_string)
        .collect();
    assert_eq!(rules, ["erp/refund-small", "guardrails/currency"]);
    assert_eq!(compiled.servers["erp"].command, ["acme-erp-mcp"]);
}

#[test]
fn the_reference_repository_compiles() {
    let files = read(&tests().join("../../../policies"));
    let compiled = compiled(files);
    assert_eq!(compiled.diagnostics.render(&compiled.sources, false), "");
}

#[test]
fn mistakes_of_all_documents_are_reported_at_once() {
    let mut files = edited("rules/erp.yaml", "risk: medium", "risk: medum");
    for (path, from, to) in [
        ("stopgate.yaml", "ceiling: high", "ceiling: hihg"),
        ("profiles.yaml", "inherits: [support]", "inherits: [suport]"),
        (
            "catalog/erp.yaml",
            "dry_run: preview_refund",
            "dry_run: preview_refnud",
        ),
        ("tests/erp.yaml", "channel: dev", "channel: staging"),
        ("approvals.yaml", "Europe/Lisbon", "Europe/Lisboa"),
        ("rules/guardrails.cedar", "@owner(\"finance-risk\") ", ""),
    ] {
        files.insert(path.to_owned(), edited(path, from, to)[path].clone());
    }
    let compiled = compiled(files);
    let mut found = codes(&compiled);
    found.sort_unstable();
    let expected = [
        "cedar-annotation",
        "invalid-calendar",
        "unknown-channel",
        "unknown-operation",
        "unknown-profile",
        "unknown-word",
        "unknown-word",
    ];
    assert_eq!(
        found,
        expected,
        "{}",
        compiled.diagnostics.render(&compiled.sources, false)
    );
}

#[test]
fn a_mistake_in_a_condition_points_into_the_yaml_file() {
    // Line and column of `currency`, for each of the ways in which YAML can write one text.
    for (written, place) in [
        ("when: context.input.amount_cents <= currency", (17, 41)),
        ("when: \"context.input.amount_cents <= currency\"", (17, 42)),
        ("when: 'context.input.amount_cents <= currency'", (17, 42)),
        (
            "when: |-\n      context.input.amount_cents\n        <= currency",
            (19, 12),
        ),
        (
            "when: >-\n      context.input.amount_cents\n      <= currency",
            (19, 10),
        ),
        (
            "when: context.input.amount_cents\n      <= currency",
            (18, 10),
        ),
    ] {
        let compiled = compiled(edited(
            "rules/erp.yaml",
            "when: context.input.amount_cents <= 50000",
            written,
        ));
        let json = compiled.diagnostics.to_json(&compiled.sources);
        let label = &json[0]["labels"][0];
        let found = (label["line"].as_u64(), label["column"].as_u64());
        assert_eq!(found, (Some(place.0), Some(place.1)), "{written}\n{json:#}");
    }
}

#[test]
fn what_a_change_needs_is_stated_or_the_default_and_never_less_at_a_higher_risk() {
    let gate = |written: &str| {
        let all = "gate:\n  sign_off: {low: 0, medium: 1, high: 2}\n  waiver_days: 30\n";
        let compiled = compiled(edited("stopgate.yaml", all, written));
        compiled.policy.map(|policy| {
            let asked = Risk::ALL.iter().map(|risk| policy.gate.sign_off.at(*risk));
            (asked.collect::<Vec<_>>(), policy.gate.waiver_days)
        })
    };
    for (written, sign_off, days) in [
        ("", [1, 1, 2], 30),
        ("gate: {waiver_days: 366}\n", [1, 1, 2], 366),
        ("gate: {waiver_days: 1, sign_off: {low: 0}}\n", [0, 1, 2], 1),
        (
            "gate: {sign_off: {low: 0, medium: 0, high: 1}}\n",
            [0, 0, 1],
            30,
        ),
        (
            "gate: {sign_off: {low: 16, medium: 16, high: 16}}\n",
            [16, 16, 16],
            30,
        ),
    ] {
        assert_eq!(gate(written), Some((sign_off.to_vec(), days)), "{written}");
    }
    // Out of bounds, or fewer reviewers for a higher risk.
    for refused in [
        "gate: {sign_off: {high: 0}}\n",
        "gate: {sign_off: {low: -1}}\n",
        "gate: {sign_off: {high: 17}}\n",
        "gate: {sign_off: {low: 2}}\n",
        "gate: {sign_off: {medium: 3}}\n",
        "gate: {sign_off: {high: 2.0}}\n",
        "gate: {sign_off: 2}\n",
        "gate: {waiver_days: 0}\n",
        "gate: {waiver_days: 367}\n",
        "gate: {waivers: 3}\n",
        "gate: []\n",
    ] {
        assert_eq!(gate(refused), None, "{refused}");
    }
}

#[test]
fn waivers_and_reviews_are_read_and_no_comment_changes_what_is_signed() {
    let path = "waivers/2026-014.yaml";
    let one = compiled(base());
    let [waiver] = one.waivers.as_slice() else {
        panic!("one waiver")
    };
    assert_eq!(waiver.covers.len(), 3);
    let Cover::Cell(cell) = &waiver.covers[0] else {
        panic!("a cell")
    };
    let rules: Vec<String> = cell.rules.iter().map(ToString::to_string).collect();
    assert_eq!(rules, ["erp/refund-small", "guardrails/currency"]);
    let groups = ["SG Night Shift".to_owned(), "sg-support".to_owned()];
    let Cover::Cell(second) = &waiver.covers[1] else {
        panic!("a cell")
    };
    assert_eq!(second.holder, Holder::Groups(groups.into()));
    assert!(
        matches!(&waiver.covers[2], Cover::Setting(setting) if setting.file == "approvals.yaml")
    );

    let holds = Jurisdiction {
        organisation: OwnerName::new("acme-bank").expect("a name"),
        root: None,
    };
    let signed = |files| compiled(files).waivers[0].statement(&holds);
    // The same rules in another order and spelling, with a comment.
    let order = "rules: [guardrails/currency, \"erp/refund-small\"] # as before";
    let same = edited(path, "rules: [refund-small, guardrails/currency]", order);
    assert_eq!(signed(same), waiver.statement(&holds));
    // The reason is prose, and is signed all the same.
    let other = edited(path, "600.00", "900.00");
    assert_ne!(signed(other), waiver.statement(&holds));

    let [review] = one.reviews.as_slice() else {
        panic!("one review")
    };
    assert_eq!(review.id.as_str(), "2027-Q1");
    assert_eq!(review.next.to_string(), "2027-06-30");
    let rules: Vec<String> = review.rules.iter().map(ToString::to_string).collect();
    assert_eq!(rules, ["erp/refund-small", "guardrails/currency"]);
}

#[test]
fn what_one_person_can_be_asked_for_in_a_day_is_20_unless_it_is_said() {
    let of = |limits: &str| {
        let files = edited(
            "stopgate.yaml",
            "stopgate: 1\n",
            &format!("stopgate: 1\n{limits}"),
        );
        let compiled = compiled(files);
        let policy = compiled.policy.as_ref().ok_or_else(|| codes(&compiled))?;
        Ok::<_, Vec<&str>>(policy.approvals_per_approver_per_day)
    };
    assert_eq!(of(""), Ok(20));
    assert_eq!(of("limits: {input_bytes: 1024}\n"), Ok(20));
    assert_eq!(of("limits: {approvals_per_approver_per_day: 1}\n"), Ok(1));
    assert_eq!(
        of("limits: {approvals_per_approver_per_day: 1000}\n"),
        Ok(1000)
    );
    for wrong in ["0", "1001"] {
        let limits = format!("limits: {{approvals_per_approver_per_day: {wrong}}}\n");
        assert_eq!(of(&limits), Err(vec!["invalid-number"]), "{wrong}");
    }
}

#[test]
fn how_old_a_policy_may_be_is_said_by_the_clock_and_within_bounds_or_not_at_all() {
    let read = |freshness: &str| {
        let files = edited(
            "stopgate.yaml",
            "freshness: {soft: 15m, hard: 24h}\n",
            freshness,
        );
        let compiled = compiled(files);
        let policy = compiled.policy.as_ref().ok_or_else(|| codes(&compiled))?;
        let ages = |limit: Freshness| (limit.soft().as_secs(), limit.hard().as_secs());
        Ok::<_, Vec<&str>>(policy.freshness.map(ages))
    };
    assert_eq!(read(""), Ok(None));
    for (soft, hard, seconds) in [
        ("1m", "1m", (60, 60)),
        ("60s", "31d", (60, 2_678_400)),
        ("24h", "1d", (86_400, 86_400)),
        ("90s", "744h", (90, 2_678_400)),
    ] {
        let ages = read(&format!("freshness: {{soft: {soft}, hard: {hard}}}\n"));
        assert_eq!(ages, Ok(Some(seconds)), "{soft} {hard}");
    }
    for (freshness, found) in [
        ("{soft: 59s, hard: 24h}", vec!["invalid-text"]),
        ("{soft: 86401s, hard: 31d}", vec!["invalid-text"]),
        ("{soft: 15m, hard: 2678401s}", vec!["invalid-text"]),
        ("{soft: 15m, hard: 59s}", vec!["invalid-text"]),
        ("{soft: 15m, hard: 899s}", vec!["freshness-order"]),
        ("{soft: 0m, hard: 24h}", vec!["invalid-text"]),
        ("{soft: 015m, hard: 24h}", vec!["invalid-text"]),
        ("{soft: 1bh, hard: 24h}", vec!["invalid-text"]),
        ("{soft: 15, hard: 24h}", vec!["wrong-type"]),
        (
            "{soft: 0s, hard: 400d}",
            vec!["invalid-text", "invalid-text"],
        ),
        ("{soft: 15m}", vec!["missing-key"]),
        ("{hard: 24h}", vec!["missing-key"]),
        ("{}", vec!["missing-key", "missing-key"]),
        ("15m", vec!["wrong-type"]),
        ("[15m, 24h]", vec!["wrong-type"]),
    ] {
        let read = read(&format!("freshness: {freshness}\n"));
        assert_eq!(read, Err(found), "{freshness}");
    }
}

#[test]
fn every_command_counts_the_same_files() {
    let files = base();
    let documents = files.len();
    assert_eq!(compiled(files.clone()).summary.files, documents);
    // A document that is missing is no file, and one that is no policy is none either.
    let mut fewer = files.clone();
    fewer.remove("profiles.yaml");
    assert_eq!(compiled(fewer).summary.files, documents - 1);
    let mut more = files.clone();
    more.insert("README.md".to_owned(), b"# no policy".to_vec());
    assert_eq!(compiled(more).summary.files, documents);
    // Nor does it depend on what of it a comparison needs.
    let none = std::collections::BTreeSet::new();
    let some = compile(Sources::new(files).about(none));
    assert_eq!(some.summary.files, documents);
    assert!(some.summary.rules < compiled(base()).summary.rules);
}
