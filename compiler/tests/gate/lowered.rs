//! A table of every way in which a grant can ask for something, and every single step down from each row of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};

use stopgate::diff::Part;
use stopgate_decide::pointer::Pointer;
use stopgate_decide::surface::{Approval, Risk};

use crate::brute::Side;
use crate::fixture::{Files, sealed};
use crate::property::{Loosened, asked};

/// Operations that one change lowers.
const AT_ONCE: usize = 27;
const ROWS: u32 = 5;

/// What a grant asks for.
#[derive(Debug, Clone, Copy)]
struct Row {
    risk: Risk,
    approval: Approval,
    confirmation: bool,
    dry_run: bool,
    mask: bool,
    rows: Option<u32>,
}

impl Row {
    fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for risk in Risk::ALL.iter().copied() {
            for approval in Approval::ALL.iter().copied() {
                for bits in 0..16_u8 {
                    let bit = |at: u8| bits >> at & 1 == 1;
                    all.push(Self {
                        risk,
                        approval,
                        confirmation: bit(0),
                        dry_run: bit(1),
                        mask: bit(2),
                        rows: bit(3).then_some(ROWS),
                    });
                }
            }
        }
        all
    }

    /// Every row that asks for less in one part, with that part.
    fn lowered(self) -> Vec<(Part, Self)> {
        let at = |text: &str| Pointer::new(text).expect("a pointer");
        let risks = Risk::ALL.iter().copied().filter(|risk| *risk < self.risk);
        let risks = risks.map(|risk| (Part::Risk, Self { risk, ..self }));
        let approvals = Approval::ALL.iter().copied();
        let approvals = approvals.filter(|approval| *approval < self.approval);
        let approvals = approvals.map(|approval| (Part::Approval, Self { approval, ..self }));
        let mut all: Vec<_> = risks.chain(approvals).collect();
        if self.confirmation {
            let confirmation = false;
            all.push((
                Part::UserConfirmation,
                Self {
                    confirmation,
                    ..self
                },
            ));
        }
        if self.dry_run {
            let dry_run = false;
            all.push((Part::DryRun, Self { dry_run, ..self }));
        }
        if self.mask {
            let mask = false;
            all.push((Part::Mask(at("/name")), Self { mask, ..self }));
        }
        if self.rows.is_some() {
            for rows in [None, Some(ROWS + 1)] {
                all.push((Part::MaxRows(at("/rows")), Self { rows, ..self }));
            }
        }
        all
    }

    /// The rule of operation `number`.
    fn rule(self, number: usize) -> String {
        let Self { risk, approval, .. } = self;
        let required = [
            (self.confirmation, "user_confirmation"),
            (self.dry_run, "dry_run"),
        ];
        let required = required.into_iter().filter(|(is, _)| *is);
        let required: Vec<&str> = required.map(|(_, name)| name).collect();
        let mut text = format!(
            "  - id: r{number}\n    operations: [act{number}]\n    profiles: [p0]\n    risk: {risk}\n    approval: {approval}\n"
        );
        if !required.is_empty() {
            let _ = writeln!(text, "    require: [{}]", required.join(", "));
        }
        if self.mask {
            text += "    mask: [/name]\n";
        }
        if let Some(rows) = self.rows {
            let _ = writeln!(text, "    max_rows: {{pointer: /rows, rows: {rows}}}");
        }
        text
    }
}

/// A repository with one operation and one rule for each row.
fn files(rows: &[Row]) -> Files {
    let numbered = || rows.iter().enumerate();
    let rules: String = numbered().map(|(number, row)| row.rule(number)).collect();
    let operations =
        numbered().map(|(number, _)| format!("  act{number}: {{effect: write, dry_run: peek}}\n"));
    let operations: String = operations.collect();
    let samples = numbered().map(|(number, _)| format!("  act{number}: {{}}\n"));
    let samples: String = samples.collect();
    let function = |name: String| {
        format!(
            r#"{{"name": "{name}", "description": "", "inputSchema": {{"type": "object", "properties": {{}}, "additionalProperties": false}}}}"#
        )
    };
    let functions = numbered().map(|(number, _)| function(format!("act{number}")));
    let functions: Vec<String> = functions.chain([function("peek".to_owned())]).collect();
    let files = [
        (
            "stopgate.yaml",
            "stopgate: 1\norganisation: acme\nidentity: [{issuer: https://sso.acme.example/, audience: stopgate}]\n\
             channels: {dev: {ceiling: high}}\nfloors:\n  medium: {approval: automatic}\n  high: {approval: automatic}\n  \
             critical: {approval: automatic}\n"
                .to_owned(),
        ),
        ("profiles.yaml", "stopgate: 1\nprofiles:\n  p0: {groups: [g0]}\n".to_owned()),
        (
            "approvals.yaml",
            "stopgate: 1\ncalendar: {zone: Europe/Lisbon, days: [mon, tue, wed, thu, fri], hours: 09:00-18:00, holidays: []}\n\
             routes:\n  - {id: one, level: supervisor, seats: [{profiles: [p0], votes: 1}]}\n  \
             - {id: two, level: committee, seats: [{profiles: [p0], votes: 2}]}\n"
                .to_owned(),
        ),
        (
            "catalog/t.yaml",
            format!(
                "stopgate: 1\ntool: t\nowner: team\nserver: {{contract: 1.0.0, command: [server]}}\noperations:\n  \
                 peek: {{effect: read}}\n{operations}"
            ),
        ),
        (
            "catalog/t.functions.json",
            format!(
                r#"{{"contract": "1.0.0", "functions": [{}]}}"#,
                functions.join(",")
            ),
        ),
        (
            "rules/t.yaml",
            format!("stopgate: 1\ntool: t\nowner: team\nreview_by: 2027-03-31\nrules:\n{rules}"),
        ),
        (
            "tests/t.yaml",
            format!(
                "stopgate: 1\ntool: t\nnow: 2026-11-24T10:00:00Z\nchannel: dev\nsamples:\n  peek: {{}}\n{samples}cases: []\n"
            ),
        ),
    ];
    let files = files.map(|(path, text)| (path.to_owned(), text.into_bytes()));
    sealed(&files.into_iter().collect())
}

/// Lowers each of `steps` in an operation of its own, and looks at what the gate says of each.
fn is_named(steps: &[(Row, Part, Row)]) {
    let before: Vec<Row> = steps.iter().map(|(before, _, _)| *before).collect();
    let after: Vec<Row> = steps.iter().map(|(_, _, after)| *after).collect();
    let side = |rows: &[Row]| Side::new(&files(rows)).unwrap_or_else(|why| panic!("{why}"));
    let said = asked(&side(&before), &side(&after)).unwrap_or_else(|why| panic!("{why}"));
    assert!(said.retyped.is_empty() && said.undecided.is_empty());
    let said = said.loosened;
    let wanted = steps.iter().enumerate().map(|(number, (before, part, _))| {
        let key = (
            "t".parse().expect("a tool"),
            format!("act{number}").parse().expect("an operation"),
        );
        let loosened = Loosened {
            parts: BTreeSet::from([part.clone()]),
            people: BTreeSet::from([BTreeSet::from(["p0".to_owned()])]),
            risk: Some(before.risk),
        };
        (key, loosened)
    });
    let wanted: BTreeMap<_, _> = wanted.collect();
    assert_eq!(said, wanted);
}

#[test]
fn t1_every_single_lowering_in_a_table_is_named() {
    let rows = Row::all();
    let steps = rows.iter().flat_map(|row| {
        let lowered = row.lowered().into_iter();
        lowered.map(|(part, after)| (*row, part, after))
    });
    let steps: Vec<_> = steps.collect();
    assert_eq!((rows.len(), steps.len()), (144, 648));
    let changes: Vec<_> = steps.chunks(AT_ONCE).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(|| {
                while let Some(steps) = changes.get(next.fetch_add(1, Ordering::Relaxed)) {
                    is_named(steps);
                }
            });
        }
    });
}
