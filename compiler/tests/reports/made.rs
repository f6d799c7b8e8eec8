//! Comparisons written by hand: one with every class, part and section, and one in which every text is hostile.

use std::collections::{BTreeMap, BTreeSet};

use stopgate::diff::{
    Answer, Bug, Cause, Cell, Channels, Class, Diff, Direction, Edit, Failing, Fate, Holder,
    Opened, OperationChange, Part, ProofReport, Request, Side,
};
use stopgate::gate::{Mend, ShownWaiver};
use stopgate::waiver::{Loosened, Loosening, Standing, ToSign};
use stopgate_author::change::{Area, Change, Effect};
use stopgate_author::waiver::{self, CellCover, Cover, SettingCover, SliceDigest};
use stopgate_decide::decide::{MatchKind, Reason};
use stopgate_decide::digest::Digest;
use stopgate_decide::json::{Json, Limits};
use stopgate_decide::name::{
    ChannelName, Location, OperationName, ProfileName, ToolName, WaiverId,
};
use stopgate_decide::pointer::Pointer;
use stopgate_decide::surface::{Approval, Risk, Surface};

/// What tries to be markup, a script, a mention, a table, an escape sequence or another order of letters.
pub(crate) const HOSTILE: &str = "</script></style><img src=x onerror=alert(1)>`` ` @all #1 | [a](http://x.example) \"'&lt; ]]> \u{1b}[31m\u{202e}\n# end";

/// A whole report.
pub(crate) struct Made {
    pub(crate) diff: Diff,
    pub(crate) settings: Vec<Change>,
    pub(crate) waivers: Vec<ShownWaiver>,
    pub(crate) to_sign: Option<ToSign>,
    pub(crate) mend: Vec<Mend>,
}

pub(crate) fn place(file: &str, line: u32) -> Location {
    Location {
        file: file.into(),
        line,
    }
}

pub(crate) fn tool(name: &str) -> ToolName {
    ToolName::new(name).expect("a name")
}

pub(crate) fn operation_name(name: &str) -> OperationName {
    OperationName::new(name).expect("a name")
}

pub(crate) fn profiles(names: &[&str]) -> Holder {
    let names = names.iter();
    Holder::Profiles(
        names
            .map(|name| ProfileName::new(name).expect("a name"))
            .collect(),
    )
}

fn pointer(text: &str) -> Pointer {
    Pointer::new(text).expect("a pointer")
}

pub(crate) fn input(text: &str) -> Json {
    let limits = Limits {
        bytes: 65_536,
        depth: 32,
        members: 4_096,
    };
    Json::parse(text.as_bytes(), limits).expect("JSON")
}

pub(crate) fn request(text: &str) -> Request {
    Request {
        input: input(text),
        agent: None,
        now: None,
        business: true,
    }
}

pub(crate) fn surface(risk: Risk, approval: Approval) -> Surface {
    Surface {
        risk,
        approval,
        ..Surface::BOTTOM
    }
}

/// Channels that let the answers before and after through, and that do not any more.
pub(crate) fn channels(before: &[&str], after: &[&str], shut: &[&str]) -> Channels {
    let named = |names: &[&str]| -> BTreeSet<ChannelName> {
        let names = names.iter();
        names
            .map(|name| ChannelName::new(name).expect("a name"))
            .collect()
    };
    Channels {
        before: named(before),
        were_shut: named(after).difference(&named(before)).cloned().collect(),
        after: named(after),
        shut: named(shut),
    }
}

pub(crate) fn rejected(reason: Reason, message: &str) -> Answer {
    Answer::Rejected {
        reason,
        message: message.to_owned(),
    }
}

fn edit(before: &str, after: &str) -> Edit {
    Edit {
        what: "when",
        before: before.to_owned(),
        after: after.to_owned(),
    }
}

pub(crate) fn cause(
    rule: &str,
    kind: MatchKind,
    before: Option<(&str, u32)>,
    after: Option<(&str, u32)>,
) -> Cause {
    Cause {
        rule: rule.parse().expect("an id"),
        kind,
        before: before.map(|(file, line)| place(file, line)),
        after: after.map(|(file, line)| place(file, line)),
        fate: match (before, after) {
            (None, _) => Fate::Added,
            (Some(_), None) => Fate::Deleted,
            (Some(before), Some(after)) if before == after => Fate::Kept,
            (Some(_), Some(_)) => Fate::Changed(vec![edit("amount <= 500", "amount <= 600")]),
        },
        moved: false,
    }
}

pub(crate) fn operation(name: &str, class: Class, risk: Risk, cells: Vec<Cell>) -> OperationChange {
    let (tool_name, name) = name.split_once('/').expect("tool/operation");
    OperationChange {
        tool: tool(tool_name),
        operation: operation_name(name),
        class,
        slice: Digest::compute(name.as_bytes()),
        risk,
        cells,
        changed: Vec::new(),
        undecided: Vec::new(),
        notes: Vec::new(),
        money: BTreeMap::new(),
    }
}

const RULES: &str = "rules/erp.yaml";

/// One refund by an analyst, for which a supervisor is enough now.
pub(crate) fn refund() -> OperationChange {
    let mut both_before = surface(Risk::High, Approval::Committee);
    both_before.user_confirmation = true;
    let mut both_after = surface(Risk::High, Approval::Automatic);
    both_after.dry_run = true;
    let cells = vec![
        Cell {
            holder: profiles(&["support-analyst"]),
            class: Class::Looser,
            parts: vec![(Part::Approval, Direction::Looser)],
            request: request(r#"{"amount_cents": 50001, "currency": "EUR", "order_id": "A-1001"}"#),
            before: Answer::Passes(surface(Risk::High, Approval::Committee)),
            after: Answer::Passes(surface(Risk::High, Approval::Supervisor)),
            channels: channels(&["dev"], &["dev"], &["prod"]),
            because: vec![
                cause(
                    "erp/refund-small",
                    MatchKind::Grant,
                    None,
                    Some((RULES, 12)),
                ),
                cause(
                    "erp/refund-large",
                    MatchKind::Grant,
                    Some((RULES, 21)),
                    None,
                ),
                cause(
                    "erp/refunds-after-hours",
                    MatchKind::Raise,
                    Some((RULES, 30)),
                    Some((RULES, 30)),
                ),
            ],
        },
        Cell {
            holder: profiles(&["finance", "support-analyst"]),
            class: Class::Both,
            parts: vec![
                (Part::Approval, Direction::Looser),
                (Part::UserConfirmation, Direction::Looser),
                (Part::DryRun, Direction::Stricter),
            ],
            request: Request {
                agent: Some("helpdesk-bot".to_owned()),
                now: Some("2026-11-24T20:00:00Z".parse().expect("an instant")),
                business: false,
                ..request(r#"{"amount_cents": 50001}"#)
            },
            before: Answer::Passes(both_before),
            after: Answer::Passes(both_after),
            channels: channels(&["dev"], &["dev", "prod"], &[]),
            because: vec![cause(
                "erp/refund-large",
                MatchKind::Grant,
                Some((RULES, 21)),
                Some((RULES, 23)),
            )],
        },
    ];
    let mut change = operation("erp/create_refund", Class::Both, Risk::High, cells);
    change.changed = vec![
        cause(
            "erp/refund-in-dollars",
            MatchKind::Never,
            Some((RULES, 51)),
            None,
        ),
        cause(
            "erp/refund-abroad",
            MatchKind::Grant,
            Some((RULES, 61)),
            Some((RULES, 62)),
        ),
    ];
    change.money = BTreeMap::from([("amount_cents".to_owned(), "currency".to_owned())]);
    change
}

/// Everything that a comparison can find, once.
pub(crate) fn everything() -> Made {
    let mut hidden = surface(Risk::Medium, Approval::Supervisor);
    hidden.masks = BTreeSet::from([pointer("/customer/tax_id"), pointer("/payment/iban")]);
    hidden.max_rows = BTreeMap::from([(pointer("/records"), 50), (pointer("/log"), 10)]);
    hidden.dry_run = true;
    let mut shown = surface(Risk::Low, Approval::Supervisor);
    shown.masks = BTreeSet::from([pointer("/payment/iban")]);
    shown.max_rows = BTreeMap::from([(pointer("/records"), 500)]);
    let turn = |way| {
        vec![
            (Part::Risk, way),
            (Part::DryRun, way),
            (Part::Mask(pointer("/customer/tax_id")), way),
            (Part::MaxRows(pointer("/log")), way),
            (Part::MaxRows(pointer("/records")), way),
        ]
    };
    let long = r#"{"a": 1, "b": "two", "c": [1, 2, 3], "d": {"e": null}, "f": 1.50, "g": true, "h": "and so on"}"#;
    let one = |holder, class, parts, text: &str, before, after| Cell {
        holder,
        class,
        parts,
        request: request(text),
        channels: match &after {
            Answer::Passes(_) => channels(&[], &["dev"], &["pilot", "prod"]),
            Answer::Rejected { .. } => Channels::default(),
        },
        before,
        after,
        because: vec![cause(
            "crm/read",
            MatchKind::Grant,
            Some(("rules/crm.yaml", 4)),
            Some(("rules/crm.yaml", 5)),
        )],
    };
    let groups =
        |names: &[&str]| Holder::Groups(names.iter().map(|name| (*name).to_owned()).collect());
    let passing = vec![(Part::Passing, Direction::Looser)];
    let closing = vec![(Part::Passing, Direction::Stricter)];
    let low = || Answer::Passes(surface(Risk::Low, Approval::Automatic));
    let operations = vec![
        operation(
            "crm/delete_records",
            Class::Looser,
            Risk::Medium,
            vec![
                one(
                    groups(&["sg-finance", "sg-support"]),
                    Class::Looser,
                    passing.clone(),
                    r#"{"count": 1}"#,
                    rejected(Reason::Forbidden, "treasury does these by hand"),
                    Answer::Passes(hidden.clone()),
                ),
                one(
                    profiles(&[]),
                    Class::Looser,
                    passing.clone(),
                    "{}",
                    rejected(Reason::NoRule, "no rule allows this with these arguments"),
                    low(),
                ),
            ],
        ),
        operation(
            "crm/query_records",
            Class::Looser,
            Risk::Medium,
            vec![one(
                profiles(&["finance"]),
                Class::Looser,
                turn(Direction::Looser),
                long,
                Answer::Passes(hidden.clone()),
                Answer::Passes(shown.clone()),
            )],
        ),
        refund(),
        operation(
            "erp/cancel_order",
            Class::Stricter,
            Risk::Medium,
            vec![
                one(
                    profiles(&["support-analyst"]),
                    Class::Stricter,
                    turn(Direction::Stricter),
                    r#"{"order_id": "A-1001"}"#,
                    Answer::Passes(shown),
                    Answer::Passes(hidden),
                ),
                one(
                    groups(&["sg-support"]),
                    Class::Stricter,
                    closing.clone(),
                    r#"{"order_id": "A-1001"}"#,
                    low(),
                    rejected(Reason::Forbidden, "not by telephone"),
                ),
            ],
        ),
        operation(
            "erp/archive_order",
            Class::Added,
            Risk::Low,
            vec![one(
                profiles(&["support-analyst"]),
                Class::Added,
                passing,
                r#"{"order_id": "A-1001"}"#,
                rejected(Reason::UnknownOperation, "no such operation"),
                low(),
            )],
        ),
        operation(
            "erp/print_order",
            Class::Removed,
            Risk::Low,
            vec![one(
                profiles(&["support-analyst"]),
                Class::Removed,
                closing,
                r#"{"order_id": "A-1001"}"#,
                low(),
                rejected(Reason::UnknownOperation, "no such operation"),
            )],
        ),
        OperationChange {
            notes: vec![
                "rule hr/raise-salary reads increase_percent, which is now a string".to_owned(),
            ],
            ..operation("hr/change_salary", Class::Retyped, Risk::High, Vec::new())
        },
        OperationChange {
            undecided: vec![
                "approval at most supervisor, for manager: no answer within 10 s".to_owned(),
            ],
            ..operation(
                "hr/create_leave_request",
                Class::Undecided,
                Risk::Medium,
                Vec::new(),
            )
        },
        OperationChange {
            notes: vec!["its function is now called get_leave".to_owned()],
            ..operation("hr/get_leave_balance", Class::Same, Risk::Low, Vec::new())
        },
    ];
    let diff = Diff {
        base: Side {
            name: "origin/main".to_owned(),
            commit: Some("0123456789abcdef0123456789abcdef01234567".to_owned()),
        },
        head: Side {
            name: "worktree".to_owned(),
            commit: None,
        },
        operations,
        opened: vec![Opened {
            channel: ChannelName::new("prod").expect("a name"),
            tool: tool("hr"),
            operations: BTreeSet::from([operation_name("change_salary")]),
        }],
        failing: vec![Failing {
            rule: "erp/refund-sum".parse().expect("an id"),
            location: place(RULES, 40),
            tool: tool("erp"),
            operation: operation_name("create_refund"),
        }],
        bugs: vec![Bug {
            tool: tool("hr"),
            operation: operation_name("create_leave_request"),
            asked: "approval at most supervisor".to_owned(),
            request: "{}".to_owned(),
        }],
        proof: ProofReport {
            solver: Some("cvc5 1.3.1".to_owned()),
            operations: 38,
            compared: 9,
            queries: 96,
            equal: 300,
        },
    };
    Made {
        diff,
        settings: settings(),
        waivers: waivers(),
        to_sign: Some(to_sign()),
        mend: vec![stray()],
    }
}

fn settings() -> Vec<Change> {
    let setting = |path: &str, before: Option<&str>, after: Option<&str>, effect| Change {
        file: "approvals.yaml".to_owned(),
        path: path.to_owned(),
        field: path.to_owned(),
        note: None,
        area: Area::Settings,
        before: before.map(str::to_owned),
        after: after.map(str::to_owned),
        effect,
        before_at: before.map(|_| place("approvals.yaml", 17)),
        after_at: after.map(|_| place("approvals.yaml", 18)),
        risk: Risk::High,
        content: Digest::compute(path.as_bytes()),
    };
    vec![
        setting(
            "routes.refund-committee.seats.1.votes",
            Some("2"),
            Some("1"),
            Effect::Looser,
        ),
        setting(
            "calendar.zone",
            Some("Europe/Lisbon"),
            Some("Europe/Berlin"),
            Effect::Changed,
        ),
        setting("deadlines.use", Some("15m"), Some("10m"), Effect::Stricter),
        Change {
            note: Some("deleted"),
            area: Area::GuardRails,
            ..setting(
                "tests.erp.refund-in-dollars",
                Some("reject: forbidden"),
                None,
                Effect::Looser,
            )
        },
        setting(
            "catalog.erp.owner",
            None,
            Some("finance-systems"),
            Effect::Listed,
        ),
    ]
}

fn waivers() -> Vec<ShownWaiver> {
    let waiver = |id: &str, standing, signers: &[&str]| ShownWaiver {
        id: id.to_owned(),
        file: format!("waivers/{id}.yaml"),
        reason: "refunds up to 600.00 follow the new customer charter".to_owned(),
        expires: "2026-12-20".parse().expect("a date"),
        standing,
        covers: Vec::new(),
        lacks: Vec::new(),
        signers: signers
            .iter()
            .map(|signer| (format!("k-{signer}"), (*signer).to_owned()))
            .collect(),
    };
    let refund = refund();
    let refund = Loosening::cell(&refund, refund.cells.first().expect("a cell")).what;
    let zone = settings().remove(1);
    vec![
        ShownWaiver {
            covers: vec![refund, Loosened::setting(&zone)],
            ..waiver("2026-014", Standing::Live, &["anna", "ben"])
        },
        ShownWaiver {
            lacks: vec!["has 1 of 2 reviewers' signatures".to_owned()],
            ..waiver("2026-008", Standing::Short, &["anna"])
        },
        waiver("2026-009", Standing::Expired, &["anna"]),
        waiver("2026-010", Standing::Unused, &[]),
        waiver("2026-011", Standing::TooLong, &[]),
        waiver("2026-003", Standing::Spent, &["anna"]),
    ]
}

/// Two reviewers have to sign an operation and a setting.
/// A signature of a waiver that is not there.
pub(crate) fn stray() -> Mend {
    Mend {
        file: "waivers/2026-001.0123456789abcdef.sig".to_owned(),
        what: "is the signature of no waiver: delete it".to_owned(),
    }
}

fn to_sign() -> ToSign {
    let profiles = [ProfileName::new("finance").expect("a name")];
    let rules = ["crm/read".parse().expect("an id")];
    ToSign {
        is_bound: true,
        needed: 2,
        reviewers: ["anna", "ben", "eva"].map(str::to_owned).into(),
        left: ["anna", "ben", "eva"].map(str::to_owned).into(),
        short: BTreeMap::from([(WaiverId::new("2026-008").expect("an id"), (1, 2))]),
        covers: vec![
            Cover::Cell(CellCover {
                tool: tool("crm"),
                operation: operation_name("query_records"),
                holder: waiver::Holder::Profiles(profiles.into()),
                rules: rules.into(),
                slice: SliceDigest::V3(Digest::compute(b"query_records")),
            }),
            Cover::Setting(SettingCover {
                file: "approvals.yaml".to_owned(),
                path: "routes.refund-committee.seats.1.votes".to_owned(),
                change: Digest::compute(b"routes.refund-committee.seats.1.votes"),
            }),
        ],
        beyond: 1,
        id: "2026-11-25".to_owned(),
        expires: "2026-12-09".parse().expect("a date"),
    }
}

/// A report in which every text that is not a checked name is [`HOSTILE`].
pub(crate) fn hostile() -> Made {
    let hostile = || HOSTILE.to_owned();
    let mut made = everything();
    let text =
        serde_json::json!({HOSTILE: HOSTILE, "amount_cents": 1, "currency": HOSTILE}).to_string();
    for change in &mut made.diff.operations {
        change.undecided = vec![hostile()];
        change.notes = vec![hostile()];
        for cell in &mut change.cells {
            cell.request.input = input(&text);
            cell.request.agent = Some(hostile());
            if let Holder::Groups(groups) = &mut cell.holder {
                *groups = BTreeSet::from([hostile()]);
            }
            for answer in [&mut cell.before, &mut cell.after] {
                if let Answer::Rejected { message, .. } = answer {
                    *message = hostile();
                }
            }
            for cause in cell.because.iter_mut().chain(&mut change.changed) {
                cause.after = Some(place(HOSTILE, 1));
                cause.fate = Fate::Changed(vec![edit(HOSTILE, &HOSTILE.repeat(9))]);
            }
        }
    }
    for setting in &mut made.settings {
        (setting.file, setting.path) = (hostile(), hostile());
        (setting.before, setting.after) = (Some(hostile()), Some(hostile()));
        (setting.before_at, setting.after_at) = (None, None);
    }
    for waiver in &mut made.waivers {
        (waiver.id, waiver.file, waiver.reason) = (hostile(), hostile(), hostile());
        waiver.signers = vec![(hostile(), hostile())];
        waiver.lacks = vec![hostile()];
    }
    for mend in &mut made.mend {
        (mend.file, mend.what) = (hostile(), hostile());
    }
    for cover in made
        .to_sign
        .iter_mut()
        .flat_map(|to_sign| &mut to_sign.covers)
    {
        match cover {
            Cover::Cell(cell) => cell.holder = waiver::Holder::Groups([hostile()].into()),
            Cover::Setting(setting) => (setting.file, setting.path) = (hostile(), hostile()),
        }
    }
    for bug in &mut made.diff.bugs {
        (bug.asked, bug.request) = (hostile(), hostile());
    }
    for failing in &mut made.diff.failing {
        failing.location = place(HOSTILE, 1);
    }
    made.diff.base.name = hostile();
    made.diff.head.commit = Some(hostile());
    made.diff.proof.solver = Some(hostile());
    made
}
