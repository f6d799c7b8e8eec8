//! What the operations do. Previews and reads take `&self`, so that they cannot change anything; every side effect is
//! in the journal before it happens.

use std::collections::BTreeMap;

use acme_mcp::journal::Journal;
use serde_json::{Value, json};

use crate::arguments::{Departure, Leave, Number, Payroll, SalaryChange};
use crate::records::{self, Balance, Changed, Employee, Entered, Paid};

/// The employees of one run.
#[derive(Debug)]
pub(crate) struct Register {
    employees: BTreeMap<String, Employee>,
    leaves: u64,
    changes: u64,
    journal: Journal,
}

/// Why the HR system does not do what it was asked for. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("there is no employee {0}")]
    Absent(String),
    #[error("employee {0} has left")]
    Left(String),
    #[error("employee {employee_id} has {left_days} days of leave left")]
    TooLong { employee_id: String, left_days: u64 },
    #[error("{percent} % more than {old_cents} cents is not {new_cents} cents")]
    OtherSalary {
        percent: u64,
        old_cents: u64,
        new_cents: u64,
    },
    #[error("the journal cannot be written")]
    Journal(#[source] std::io::Error),
}

impl Register {
    /// A register with the first records; side effects go to `journal` too.
    pub(crate) fn new(journal: Journal) -> Self {
        Self {
            employees: records::employees(),
            leaves: 0,
            changes: 0,
            journal,
        }
    }

    pub(crate) fn balance(&self, employee_id: &Number) -> Result<Balance, Refusal> {
        let employee = self.present(employee_id)?;
        Ok(Balance {
            employee: employee.person.clone(),
            leave_days: employee.leave_days,
            taken_days: employee.taken_days,
            left_days: left_days(employee),
        })
    }

    pub(crate) fn enter_leave(&mut self, leave: &Leave) -> Result<Entered, Refusal> {
        let Leave {
            employee_id,
            first_day,
            days,
        } = leave;
        let employee = self.present(employee_id)?;
        let left_days = left_days(employee);
        let Some(left_after) = left_days.checked_sub(days.0) else {
            return Err(Refusal::TooLong {
                employee_id: employee_id.0.clone(),
                left_days,
            });
        };
        let count = self.leaves.saturating_add(1);
        let entered = Entered {
            leave_id: format!("L-{count}"),
            employee: employee.person.clone(),
            first_day: first_day.0.clone(),
            days: days.0,
            left_days: left_after,
        };
        // The journal first: an effect that cannot be written down does not happen.
        self.write(&json!({"effect": "create_leave_request", "leave": entered}))?;
        self.leaves = count;
        let employee = self.found(employee_id)?;
        employee.taken_days = employee.taken_days.saturating_add(days.0);
        Ok(entered)
    }

    /// What [`Register::change_salary`] would answer, without the number of the change.
    pub(crate) fn preview_salary(&self, change: &SalaryChange) -> Result<Changed, Refusal> {
        let SalaryChange {
            employee_id,
            increase_percent,
            new_salary_cents,
        } = change;
        let employee = self.present(employee_id)?;
        let (percent, old_cents) = (increase_percent.0, employee.salary_cents);
        // A policy bounds the percentage, so it has to be true: the new salary is not a second word on the same thing.
        let increase = old_cents.saturating_mul(percent).div_euclid(100);
        if old_cents.saturating_add(increase) != new_salary_cents.0 {
            return Err(Refusal::OtherSalary {
                percent,
                old_cents,
                new_cents: new_salary_cents.0,
            });
        }
        Ok(Changed {
            change_id: None,
            employee: employee.person.clone(),
            old_salary_cents: old_cents,
            new_salary_cents: new_salary_cents.0,
            increase_percent: percent,
        })
    }

    pub(crate) fn change_salary(&mut self, change: &SalaryChange) -> Result<Changed, Refusal> {
        let preview = self.preview_salary(change)?;
        let count = self.changes.saturating_add(1);
        let done = Changed {
            change_id: Some(format!("C-{count}")),
            ..preview
        };
        self.write(&json!({"effect": "change_salary", "change": done}))?;
        self.changes = count;
        self.found(&change.employee_id)?.salary_cents = done.new_salary_cents;
        Ok(done)
    }

    pub(crate) fn terminate(&mut self, departure: &Departure) -> Result<Value, Refusal> {
        let Departure {
            employee_id,
            last_day,
            reason,
        } = departure;
        let person = self.present(employee_id)?.person.clone();
        let done = json!({"employee": person, "last_day": last_day, "reason": reason});
        self.write(&json!({"effect": "terminate_employee", "departure": done}))?;
        self.found(employee_id)?.last_day = Some(last_day.0.clone());
        Ok(done)
    }

    /// Everybody's salary and account: what an agent must never carry away.
    pub(crate) fn payroll(&self, Payroll { month }: &Payroll) -> Value {
        let paid = self.employees.values().map(|employee| Paid {
            employee: employee.person.clone(),
            salary_cents: employee.salary_cents,
            iban: employee.iban.clone(),
        });
        json!({"month": month, "paid": paid.collect::<Vec<_>>()})
    }

    /// An employee who has not left.
    fn present(&self, employee_id: &Number) -> Result<&Employee, Refusal> {
        let employee = self.employees.get(&employee_id.0);
        let employee = employee.ok_or_else(|| Refusal::Absent(employee_id.0.clone()))?;
        if employee.last_day.is_some() {
            return Err(Refusal::Left(employee_id.0.clone()));
        }
        Ok(employee)
    }

    fn found(&mut self, employee_id: &Number) -> Result<&mut Employee, Refusal> {
        let employee = self.employees.get_mut(&employee_id.0);
        employee.ok_or_else(|| Refusal::Absent(employee_id.0.clone()))
    }

    fn write(&self, effect: &Value) -> Result<(), Refusal> {
        self.journal.write(effect).map_err(Refusal::Journal)
    }
}

fn left_days(employee: &Employee) -> u64 {
    employee.leave_days.saturating_sub(employee.taken_days)
}
