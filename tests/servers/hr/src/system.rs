//! Which step of the [`Register`] each function is.

use acme_mcp::JsonObject;
use acme_mcp::server::{CallError, System, parsed, shown};
use serde_json::Value;

use crate::arguments::{Departure, Leave, OfEmployee, Payroll, SalaryChange};
use crate::register::{Refusal, Register};

impl System for Register {
    type Refusal = Refusal;

    fn call(
        &mut self,
        function: &str,
        arguments: JsonObject,
    ) -> Result<Value, CallError<Self::Refusal>> {
        match function {
            "get_leave_balance" => {
                shown(self.balance(&parsed::<OfEmployee, _>(arguments)?.employee_id))
            }
            "create_leave_request" => shown(self.enter_leave(&parsed::<Leave, _>(arguments)?)),
            "preview_salary_change" => {
                shown(self.preview_salary(&parsed::<SalaryChange, _>(arguments)?))
            }
            "change_salary" => shown(self.change_salary(&parsed::<SalaryChange, _>(arguments)?)),
            "terminate_employee" => shown(self.terminate(&parsed::<Departure, _>(arguments)?)),
            "export_payroll" => Ok(self.payroll(&parsed::<Payroll, _>(arguments)?)),
            other => Err(CallError::Unknown(other.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests;
