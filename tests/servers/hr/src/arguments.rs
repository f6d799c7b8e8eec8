//! Arguments as the schemas of `definitions.json` allow them, and nothing else: unknown, missing, `null` and
//! out-of-bounds values do not parse. A test holds this file and the schemas together.

use acme_mcp::argument::{Text, Whole};
use serde::{Deserialize, Serialize};

/// Number of an employee.
pub(crate) type Number = Text<3, 20>;

/// A day, written `2026-11-24`, or text as long.
pub(crate) type Day = Text<10, 10>;

/// A month, written `2026-11`, or text as long.
pub(crate) type Month = Text<7, 7>;

/// Money in minor units, from 0.01 to a million.
pub(crate) type Cents = Whole<1, 100_000_000>;

/// Why somebody leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reason {
    Resignation,
    Retirement,
    Dismissal,
}

/// Of `get_leave_balance`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfEmployee {
    pub(crate) employee_id: Number,
}

/// Of `create_leave_request`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Leave {
    pub(crate) employee_id: Number,
    pub(crate) first_day: Day,
    pub(crate) days: Whole<1, 90>,
}

/// Of `preview_salary_change` and `change_salary`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SalaryChange {
    pub(crate) employee_id: Number,
    pub(crate) increase_percent: Whole<1, 50>,
    pub(crate) new_salary_cents: Cents,
}

/// Of `terminate_employee`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Departure {
    pub(crate) employee_id: Number,
    pub(crate) last_day: Day,
    pub(crate) reason: Reason,
}

/// Of `export_payroll`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Payroll {
    pub(crate) month: Month,
}
