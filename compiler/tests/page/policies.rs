//! Two small policies as the page shows them, and one with a text that tries to be markup.

use stopgate::matrix::{Asks, Becomes, Entry, Matrix, MatrixCell, Pair, Row};
use stopgate_decide::name::ProfileName;
use stopgate_decide::surface::{Approval, Effect, Risk};

use crate::made::{HOSTILE, operation_name, tool};

fn grant(risk: Risk, approval: Approval, conditional: bool, rule: &str) -> Entry {
    Entry {
        asks: Asks::Grant(risk, approval),
        conditional,
        rules: vec![rule.parse().expect("an id")],
    }
}

fn other(asks: Asks, rule: &str) -> Entry {
    Entry {
        asks,
        conditional: true,
        rules: vec![rule.parse().expect("an id")],
    }
}

fn row(name: &str, effect: Effect, everybody: MatrixCell, cells: [MatrixCell; 3]) -> Row {
    let (tool_name, name) = name.split_once('/').expect("tool/operation");
    Row {
        tool: tool(tool_name),
        operation: operation_name(name),
        effect,
        no_dry_run: None,
        everybody,
        cells: cells.into(),
    }
}

fn profile(name: &str) -> ProfileName {
    ProfileName::new(name).expect("a name")
}

fn policy(refund: MatrixCell) -> Matrix {
    let read = || {
        vec![grant(
            Risk::Low,
            Approval::Automatic,
            false,
            "erp/read-orders",
        )]
    };
    let raise = || {
        vec![other(
            Asks::Raise(Approval::Supervisor),
            "erp/external-agents",
        )]
    };
    let hr = || {
        vec![grant(
            Risk::High,
            Approval::Committee,
            true,
            "hr/raise-salary",
        )]
    };
    let cancel = || {
        vec![grant(
            Risk::Medium,
            Approval::Supervisor,
            false,
            "erp/cancel-order",
        )]
    };
    let nothing = Vec::new;
    let rows = vec![
        row(
            "crm/delete_records",
            Effect::Irreversible,
            raise(),
            [nothing(), nothing(), nothing()],
        ),
        row(
            "crm/query_records",
            Effect::Read,
            nothing(),
            [read(), nothing(), read()],
        ),
        row(
            "erp/cancel_order",
            Effect::Irreversible,
            raise(),
            [nothing(), nothing(), cancel()],
        ),
        row(
            "erp/create_refund",
            Effect::Irreversible,
            raise(),
            [refund.clone(), nothing(), refund],
        ),
        row(
            "erp/get_order",
            Effect::Read,
            nothing(),
            [read(), nothing(), read()],
        ),
        row(
            "hr/change_salary",
            Effect::Write,
            nothing(),
            [nothing(), hr(), nothing()],
        ),
        row(
            "hr/create_leave_request",
            Effect::Write,
            nothing(),
            [nothing(), hr(), nothing()],
        ),
        row(
            "hr/get_leave_balance",
            Effect::Read,
            nothing(),
            [nothing(), read(), nothing()],
        ),
    ];
    let pair = Pair {
        tool: tool("erp"),
        operation: operation_name("cancel_order"),
        profiles: [profile("finance"), profile("support-analyst")],
        without: cancel(),
        left: read(),
        no_longer: vec!["dry_run".to_owned()],
        becomes: Becomes::Looser,
    };
    Matrix {
        profiles: ["finance", "hr-partner", "support-analyst"]
            .map(profile)
            .into(),
        rows,
        pairs: vec![pair],
    }
}

fn never() -> Entry {
    other(Asks::Never, "erp/refund-too-large")
}

/// Refunds need a committee.
pub(crate) fn before() -> Matrix {
    policy(vec![
        never(),
        grant(Risk::High, Approval::Committee, true, "erp/refund-large"),
    ])
}

/// Refunds need a supervisor.
pub(crate) fn after() -> Matrix {
    policy(vec![
        never(),
        grant(Risk::High, Approval::Supervisor, true, "erp/refund-small"),
    ])
}

/// One whose free texts are hostile.
pub(crate) fn canary() -> Matrix {
    let mut matrix = after();
    for row in &mut matrix.rows {
        row.no_dry_run = Some(HOSTILE.to_owned());
    }
    for pair in &mut matrix.pairs {
        pair.no_longer = vec![HOSTILE.to_owned()];
    }
    matrix
}
