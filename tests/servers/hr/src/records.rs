//! What the HR system keeps, as results show it, and the few records every run begins with.

use std::collections::BTreeMap;

use serde::Serialize;

/// An employee as most results show one. The national number is in all of them, so that a mask has something to hide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Person {
    pub(crate) employee_id: String,
    pub(crate) name: String,
    pub(crate) national_id: String,
}

/// Everything that is kept about an employee.
#[derive(Debug, Clone)]
pub(crate) struct Employee {
    pub(crate) person: Person,
    pub(crate) salary_cents: u64,
    pub(crate) iban: String,
    pub(crate) leave_days: u64,
    pub(crate) taken_days: u64,
    pub(crate) last_day: Option<String>,
}

/// Days of leave, this year.
#[derive(Debug, Serialize)]
pub(crate) struct Balance {
    pub(crate) employee: Person,
    pub(crate) leave_days: u64,
    pub(crate) taken_days: u64,
    pub(crate) left_days: u64,
}

/// Leave that was entered.
#[derive(Debug, Serialize)]
pub(crate) struct Entered {
    pub(crate) leave_id: String,
    pub(crate) employee: Person,
    pub(crate) first_day: String,
    pub(crate) days: u64,
    pub(crate) left_days: u64,
}

/// What a change of salary does, or would do; only one that was made has a number.
#[derive(Debug, Serialize)]
pub(crate) struct Changed {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) change_id: Option<String>,
    pub(crate) employee: Person,
    pub(crate) old_salary_cents: u64,
    pub(crate) new_salary_cents: u64,
    pub(crate) increase_percent: u64,
}

/// One line of a payroll.
#[derive(Debug, Serialize)]
pub(crate) struct Paid {
    pub(crate) employee: Person,
    pub(crate) salary_cents: u64,
    pub(crate) iban: String,
}

/// Employees that every run begins with, by number.
pub(crate) fn employees() -> BTreeMap<String, Employee> {
    let employee =
        |number: &str, name: &str, national_id: &str, salary_cents, iban: &str| Employee {
            person: Person {
                employee_id: number.to_owned(),
                name: name.to_owned(),
                national_id: national_id.to_owned(),
            },
            salary_cents,
            iban: iban.to_owned(),
            leave_days: 22,
            taken_days: 8,
            last_day: None,
        };
    let employees = [
        employee(
            "E-100",
            "Inês Duarte",
            "PT-12345678-9",
            250_000,
            "PT50000201231234567890154",
        ),
        employee(
            "E-101",
            "Tom Whitfield",
            "QQ-123456-C",
            310_000,
            "GB29NWBK60161331926819",
        ),
        employee(
            "E-102",
            "Marta Sousa",
            "PT-87654321-0",
            480_000,
            "PT50003506831234567890122",
        ),
    ];
    employees
        .into_iter()
        .map(|employee| (employee.person.employee_id.clone(), employee))
        .collect()
}
