//! The ERP of the imaginary bank, as an MCP server on stdin and stdout.
//!
//! It stands for the systems that a policy protects: orders, refunds, invoices and suppliers in memory, arguments as
//! strict as its schemas say, and side effects that a test can count. It knows nothing of Stopgate.
//!
//! Two test aids come from the environment: `ERP_JOURNAL` names a file to which every side effect appends one line of
//! JSON before it happens, and `ERP_VARIANT` alters the definitions it lists (see [`offer::Variant`]).

mod arguments;
mod ledger;
mod offer;
mod records;
mod system;

use acme_mcp::journal::Journal;
use acme_mcp::server::serve;
use anyhow::Context;

use crate::ledger::Ledger;
use crate::offer::Variant;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let variant = match std::env::var("ERP_VARIANT") {
        Ok(name) => name.parse().context("ERP_VARIANT")?,
        Err(std::env::VarError::NotPresent) => Variant::Reviewed,
        Err(error) => return Err(error).context("ERP_VARIANT"),
    };
    let ledger = Ledger::new(Journal::of_variable("ERP_JOURNAL"));
    serve(offer::INTRODUCTION, offer::definitions(variant)?, ledger).await
}
