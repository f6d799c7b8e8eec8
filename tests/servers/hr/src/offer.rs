//! What the server offers: the definitions of `definitions.json`, which are the contract of version 1.3.0.

use acme_mcp::Tool;
use acme_mcp::server::Introduction;

/// How the server introduces itself.
pub(crate) const INTRODUCTION: Introduction = Introduction {
    name: "acme-hr",
    contract: env!("CARGO_PKG_VERSION"),
    instructions: "Salaries are integers in minor units, a month. Preview a change of salary before you make it.",
};

/// The definitions.
pub(crate) fn definitions() -> Result<Vec<Tool>, serde_json::Error> {
    serde_json::from_str(include_str!("definitions.json"))
}
