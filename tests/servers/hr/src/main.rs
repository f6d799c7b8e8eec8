//! The HR system of the imaginary bank, as an MCP server on stdin and stdout.
//!
//! It stands for the systems that a policy protects: employees, their leave and their salaries in memory, arguments as
//! strict as its schemas say, and side effects that a test can count. It knows nothing of Stopgate.
//!
//! One test aid comes from the environment: `HR_JOURNAL` names a file to which every side effect appends one line of
//! JSON before it happens.

mod arguments;
mod offer;
mod records;
mod register;
mod system;

use acme_mcp::journal::Journal;
use acme_mcp::server::serve;

use crate::register::Register;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let register = Register::new(Journal::of_variable("HR_JOURNAL"));
    serve(offer::INTRODUCTION, offer::definitions()?, register).await
}
