//! Arguments inside objects, and the two ways to ask for them: `a has b && a.b has c` and `a has b.c` are one question.

use stopgate::diff::Limits;
use stopgate::explain::explain;
use stopgate::mutants::mutants;
use stopgate_author::compile::{Sources, compile};
use stopgate_author::policy::Policy;
use stopgate_decide::attempt::{Attempt, Input, Subject, Target};
use stopgate_decide::decide::{LimitNow, LimitedBy, Situation, StopsInForce};
use stopgate_decide::surface::{Enforces, Evidence, Limit};

use crate::brute::Side;
use crate::fixture::{Files, sealed};
use crate::history::{diff, history};
use crate::random::Random;

/// A repository of one operation, whose optional `order` holds an optional `note` and an object `deep`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pay<'a> {
    /// The condition of the one grant.
    pub(crate) when: &'a str,
    /// A policy of `rules/guardrails.cedar`, without its annotations.
    pub(crate) guardrail: &'a str,
    /// Arguments that the catalog masks.
    pub(crate) mask: &'a str,
    /// Facts of the catalog.
    pub(crate) facts: &'a str,
    /// What the tests' sample has beside the amount.
    pub(crate) sample: &'a str,
}

impl Pay<'_> {
    /// The repository's documents.
    pub(crate) fn files(self) -> Files {
        let Self {
            when,
            guardrail,
            mask,
            facts,
            sample,
        } = self;
        let mask = match mask {
            "" => String::new(),
            pointer => format!(", input: {{mask: [{pointer}]}}"),
        };
        let facts = match facts {
            "" => String::new(),
            facts => format!(", facts: {{{facts}}}"),
        };
        let when = match when {
            "" => String::new(),
            when => format!("    when: |-\n      {when}\n"),
        };
        let guardrail = match guardrail {
            "" => "// Nothing.\n".to_owned(),
            text => format!("@id(\"guard\") @owner(\"team\") @review_by(\"2027-03-31\")\n{text}\n"),
        };
        let files = [
            (
                "stopgate.yaml",
                "stopgate: 1\norganisation: acme\nidentity: [{issuer: https://sso.acme.example/, audience: stopgate}]\n\
                 channels: {dev: {ceiling: high}}\n"
                    .to_owned(),
            ),
            (
                "profiles.yaml",
                "stopgate: 1\nprofiles: {clerk: {groups: [clerks]}}\n".to_owned(),
            ),
            (
                "approvals.yaml",
                "stopgate: 1\ncalendar: {zone: Europe/Lisbon, days: [mon, tue], hours: 09:00-18:00, holidays: []}\n"
                    .to_owned(),
            ),
            (
                "catalog/pay.yaml",
                format!(
                    "stopgate: 1\ntool: pay\nowner: team\nserver: {{contract: 1.0.0, command: [server]}}\noperations:\n  \
                     pay: {{effect: read{mask}{facts}}}\n"
                ),
            ),
            ("catalog/pay.functions.json", FUNCTIONS.to_owned()),
            (
                "rules/pay.yaml",
                format!(
                    "stopgate: 1\ntool: pay\nowner: team\nreview_by: 2027-03-31\nrules:\n  - id: pays\n    operations: \
                     [pay]\n    profiles: [clerk]\n    risk: low\n    approval: automatic\n{when}"
                ),
            ),
            ("rules/guardrails.cedar", guardrail),
            (
                "tests/pay.yaml",
                format!(
                    "stopgate: 1\ntool: pay\nnow: 2026-11-24T10:00:00Z\nchannel: dev\nsamples:\n  pay: {{amount: 1{sample}}}\ncases: []\n"
                ),
            ),
        ];
        let files = files.map(|(path, text)| (path.to_owned(), text.into_bytes()));
        sealed(&files.into_iter().collect())
    }
}

const FUNCTIONS: &str = r#"{"contract": "1.0.0", "functions": [{"name": "pay", "description": "", "inputSchema": {
    "type": "object", "required": ["amount"], "additionalProperties": false, "properties": {
        "amount": {"type": "integer", "minimum": 0},
        "order": {"type": "object", "additionalProperties": false, "properties": {
            "note": {"type": "string"},
            "deep": {"type": "object", "additionalProperties": false, "properties": {"x": {"type": "boolean"}}}
        }}
    }
}}]}"#;

/// How `stopgate diff` ends, and what it says of the operation.
fn judged(base: Pay<'_>, head: Pay<'_>) -> (i32, String) {
    let folder = history(&base.files(), &head.files());
    let said = diff(folder.path());
    let told = said.answer.told();
    let class = told.get("pay/pay").map(|told| told.class.clone());
    (said.exit, class.unwrap_or_else(|| said.printed.clone()))
}

#[test]
fn t2_a_guardrail_that_goes_while_its_argument_is_hidden_is_never_passed() {
    let questions = [
        [
            "context.input has order && context.input.order has note",
            "context.input has order.note",
        ],
        [
            "context.input has order && context.input.order has deep && context.input.order.deep has x",
            "context.input has order.deep.x",
        ],
    ];
    for question in questions.iter().flatten() {
        let granted = format!("!({question})");
        let forbidden = format!("forbid (principal, action, resource) unless {{ !({question}) }};");
        let inside = if question.contains("deep") {
            "/order/deep/x"
        } else {
            "/order/note"
        };
        for mask in [inside, "/order"] {
            let head = Pay {
                mask,
                ..Pay::default()
            };
            let by_grant = Pay {
                when: &granted,
                ..Pay::default()
            };
            let by_forbid = Pay {
                guardrail: &forbidden,
                ..Pay::default()
            };
            for base in [by_grant, by_forbid] {
                assert_eq!(
                    judged(base, head),
                    (5, "re-typed".to_owned()),
                    "{question}, {mask}"
                );
            }
        }
    }
}

/// A question, written with one name at a time or with several.
fn spelt(random: &mut Random, depth: u32) -> (String, String) {
    let both = |text: &str| (text.to_owned(), text.to_owned());
    if depth == 0 || random.one_in(3) {
        let note = "context.input has order && context.input.order has note";
        let deep = "context.input has order && context.input.order has deep && context.input.order.deep has x";
        return match random.below(5) {
            0 => both("context.input.amount > 100"),
            1 => (
                format!("({note})"),
                "context.input has order.note".to_owned(),
            ),
            2 => (
                format!("({deep})"),
                "context.input has order.deep.x".to_owned(),
            ),
            3 => (
                format!("({note} && context.input.order.note == \"urgent\")"),
                "(context.input has order.note && context.input.order.note == \"urgent\")"
                    .to_owned(),
            ),
            _ => (
                format!("({deep} && context.input.order.deep.x)"),
                "(context.input has order.deep.x && context.input.order[\"deep\"].x)".to_owned(),
            ),
        };
    }
    let (left, right) = (spelt(random, depth - 1), spelt(random, depth - 1));
    let join = |word: &str| {
        (
            format!("({} {word} {})", left.0, right.0),
            format!("({} {word} {})", left.1, right.1),
        )
    };
    match random.below(3) {
        0 => (format!("!({})", left.0), format!("!({})", left.1)),
        1 => join("&&"),
        _ => join("||"),
    }
}

const INPUTS: [&str; 4] = [
    r#"{"amount":1}"#,
    r#"{"amount":101,"order":{}}"#,
    r#"{"amount":101,"order":{"note":"urgent"}}"#,
    r#"{"amount":1,"order":{"deep":{"x":false}}}"#,
];

/// What is decided for `input`, and what would have made it another.
fn explained(policy: &Policy, input: &str) -> String {
    let attempt = Attempt {
        subject: Subject {
            issuer: "https://sso.acme.example/".to_owned(),
            id: "somebody".to_owned(),
        },
        profiles: ["clerk".parse().expect("a profile")].into(),
        agent: "agent".to_owned(),
        tool: "pay".to_owned(),
        target: Target::Operation("pay".to_owned()),
        input: Input::parse(input.as_bytes()),
        definition: None,
    };
    let situation = Situation {
        now: "2026-11-24T10:00:00Z".parse().expect("an instant"),
        limit: LimitNow {
            class: Limit::High,
            by: LimitedBy::Ceiling,
        },
        stops: StopsInForce::default(),
        evidence: Evidence::NONE,
        enforces: Enforces::ALL,
    };
    let explanation = explain(policy, &attempt, &situation).expect("an explanation");
    format!(
        "{:?} {:?}",
        explanation.decision.outcome(),
        explanation.near
    )
}

/// What the gate finds and what tests would notice.
fn verdicts(base: &str, head: &str) -> String {
    let files = |when| {
        Pay {
            when,
            ..Pay::default()
        }
        .files()
    };
    let sides = [base, head].map(|when| Side::new(&files(when)));
    let [Ok(before), Ok(after)] = sides else {
        // A condition that can never be true is refused, however it is spelt.
        return "refused".to_owned();
    };
    let named = |name: &str| stopgate::diff::Side {
        name: name.to_owned(),
        commit: None,
    };
    let sides = (named("base"), named("head"));
    let quick = Limits {
        workers: 1,
        ..Limits::by(env!("CARGO_BIN_EXE_stopgate"))
    };
    let found = stopgate::diff::diff(
        Some(before.version()),
        after.version(),
        sides,
        &quick,
        &|_, _| {},
    );
    let found = found.expect("a comparison");
    let said: Vec<String> = found
        .operations
        .iter()
        .map(|one| {
            let cells = one
                .cells
                .iter()
                .map(|cell| format!("{:?} {:?}", cell.parts, cell.request));
            format!(
                "{:?} {:?} {:?} {:?}",
                one.class,
                one.undecided,
                one.notes,
                cells.collect::<Vec<_>>()
            )
        })
        .collect();
    let compiled = compile(Sources::new(files(head)));
    let policy = compiled.policy.expect("a policy");
    let report =
        mutants(&policy, &compiled.suites, &compiled.sources, &|_, _| {}).expect("mutants");
    let unnoticed = report.unnoticed.iter().map(|one| format!("{one:?}"));
    let explained = INPUTS.iter().map(|input| explained(&policy, input));
    let lines = unnoticed.chain(explained).collect::<Vec<_>>();
    format!(
        "{said:#?}\n{}\n{lines:#?}\n{:#?}",
        report.noticed, report.equivalent
    )
}

#[test]
fn t2_how_a_question_is_spelt_changes_no_verdict() {
    let random = &mut Random::new(20_261_130);
    let (mut different, mut refused) = (0, 0);
    for number in 0..12 {
        let ((base, short_base), (head, short_head)) = (spelt(random, 2), spelt(random, 2));
        let (long, short) = (verdicts(&base, &head), verdicts(&short_base, &short_head));
        assert_eq!(long, short, "{number}: {base} → {head}");
        different += usize::from(base != short_base || head != short_head);
        refused += usize::from(long == "refused");
    }
    assert!(different > 5, "{different} of 12 ask for several names");
    assert!(refused < 4, "{refused} of 12 are refused");
}

#[test]
fn an_argument_that_was_left_out_is_one_part_of_a_near_miss() {
    let when = "context.input has order && context.input.order has note && context.input.order.note == \"urgent\"";
    let compiled = compile(Sources::new(
        Pay {
            when,
            ..Pay::default()
        }
        .files(),
    ));
    let policy = compiled.policy.expect("a policy");
    let near = |input: &str| explained(&policy, input);
    let absent = near(r#"{"amount":1,"order":{}}"#);
    let part = r#"context.input.order has note && context.input.order.note == \"urgent\""#;
    assert!(absent.contains(part), "{absent}");
    let whole = near(r#"{"amount":1}"#);
    assert!(
        whole.contains(&format!("context.input has order && {part}")),
        "{whole}"
    );
    let wrong = near(r#"{"amount":1,"order":{"note":"x"}}"#);
    assert!(
        wrong.contains(r#"conjunct: "context.input.order.note == \"urgent\""#),
        "{wrong}"
    );
}

#[test]
fn mutants_are_tried_without_what_the_sample_may_leave_out() {
    let files = Pay {
        when: "context.input has order",
        sample: ", order: {note: hi}",
        ..Pay::default()
    };
    let with = |more: &str| {
        let mut files = files.files();
        let tests = files.get_mut("tests/pay.yaml").expect("tests");
        let text = String::from_utf8(tests.clone()).expect("UTF-8");
        let cases = format!(
            "cases:\n  - {{name: pays, as: [clerk], do: pay, expect: {{permit: [pays]}}}}\n{more}"
        );
        *tests = text.replace("cases: []\n", &cases).into_bytes();
        let compiled = compile(Sources::new(files));
        let policy = compiled.policy.expect("a policy");
        mutants(&policy, &compiled.suites, &compiled.sources, &|_, _| {}).expect("mutants")
    };
    let report = with("");
    let mut unnoticed = report.unnoticed.iter();
    let left_out = unnoticed.find(|one| one.mutant.change.contains("context.input has order"));
    let left_out = left_out.unwrap_or_else(|| panic!("{report:#?}"));
    let case = left_out.case.yaml();
    assert!(case.contains("    without: [order]\n"), "{case}");
    // Pasted, it is a case, and notices.
    let again = with(&case);
    assert_eq!(again.noticed, report.noticed + 1, "{again:#?}");
}

#[test]
fn a_fact_that_is_computed_in_another_way_is_shown_or_said_and_is_no_bug() {
    let cents = |facts, when| Pay {
        when,
        facts,
        ..Pay::default()
    };
    let (minor, number) = (r#"cents: "minor(/amount, 2)""#, "cents: number(/amount)");
    let said = |base: Pay<'_>, head: Pay<'_>| {
        let said = diff(history(&base.files(), &head.files()).path());
        assert!(said.printed.contains("\"bugs\": []"), "{}", said.printed);
        assert!(!said.printed.contains("is kept in"), "{}", said.printed);
        said
    };
    // An amount of 50 is 5000 cents to the base, and 50 to head.
    let few = "context.facts.cents < 100";
    let looser = said(cents(minor, few), cents(number, few));
    assert_eq!(looser.exit, 5, "{}", looser.printed);
    let told = looser.answer.told();
    let told = told.get("pay/pay").expect("told");
    assert_eq!(told.class, "looser", "{}", looser.printed);
    // These two decide alike, which nobody knows who takes the two facts for two numbers.
    let alike = said(
        cents(minor, "context.facts.cents < 10000"),
        cents(number, few),
    );
    assert_eq!(alike.exit, 6, "{}", alike.printed);
    assert!(
        alike
            .printed
            .contains("base and head compute cents from the input in another way"),
        "{}",
        alike.printed
    );
}

#[test]
fn t2_objects_are_read_by_their_members_alone() {
    let refused = |when: &str, mask: &str| {
        let files = Pay {
            when,
            mask,
            ..Pay::default()
        }
        .files();
        Side::new(&files).err().unwrap_or_default()
    };
    for (when, mask) in [
        ("!({o: context.input}.o has typo)", ""),
        ("!({o: context.input}.o has order.note)", "/order/note"),
        (
            "!((if context.time.business then context.input else context.input) has order.note)",
            "/order/note",
        ),
        (
            "!(context.input has order && {o: context.input.order}.o has note)",
            "/order/note",
        ),
        ("context.input == context.input", ""),
        (
            "context.input has order && context.input.order == context.input.order",
            "",
        ),
        (
            "context.input has order.deep && [context.input.order.deep].isEmpty()",
            "",
        ),
    ] {
        let said = refused(when, mask);
        // A `has` of several names after such a thing is refused for that first.
        let why =
            if when.contains("has order.note)") && !when.contains("context.input has order.note") {
                "cedar-form"
            } else {
                "bare-context"
            };
        assert!(said.starts_with(why), "{when}: {said}");
    }
    // A value in a record of one's own is no object of the input.
    assert_eq!(refused("{a: context.input.amount}.a > 5", ""), "");
    assert_eq!(
        refused(
            "context.input has order.note && context.input.order.note like \"a*\"",
            ""
        ),
        ""
    );
}
