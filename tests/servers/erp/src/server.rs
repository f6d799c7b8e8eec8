//! The MCP side: lists the definitions, and turns a call into one step of the [`Ledger`].
//!
//! What is wrong with a call is a result with `isError`, so that a model reads it; only an unknown function is an
//! error of the protocol.

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation,
    JsonObject, ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Mutex;

use crate::arguments::{NewAccount, NewSupplier, Note, OfInvoice, OfOrder, Refund};
use crate::ledger::{Ledger, Refusal};
use crate::offer;

/// The server: what it offers and what it keeps.
#[derive(Debug)]
pub(crate) struct Erp {
    definitions: Vec<Tool>,
    ledger: Mutex<Ledger>,
}

/// Why a call has no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("there is no function {0}")]
    Unknown(String),
    #[error("invalid arguments: {0}")]
    Arguments(serde_json::Error),
    #[error("refused: {0}")]
    Refused(Refusal),
    #[error("the result cannot be shown: {0}")]
    Result(serde_json::Error),
}

impl Erp {
    /// A server that lists `definitions` and works on `ledger`.
    pub(crate) fn new(definitions: Vec<Tool>, ledger: Ledger) -> Self {
        Self {
            definitions,
            ledger: Mutex::new(ledger),
        }
    }
}

/// Calls `function`, which the definitions name, with `arguments`.
pub(crate) fn call(
    ledger: &mut Ledger,
    function: &str,
    arguments: JsonObject,
) -> Result<Value, CallError> {
    let arguments = Value::Object(arguments);
    match function {
        "get_order" => shown(ledger.order(&parsed::<OfOrder>(arguments)?.order_id)),
        "get_invoice" => shown(ledger.invoice(&parsed::<OfInvoice>(arguments)?.invoice_id)),
        "preview_refund" => shown(ledger.preview_refund(&parsed::<Refund>(arguments)?)),
        "create_refund" => shown(ledger.refund(&parsed::<Refund>(arguments)?)),
        "update_order_note" => shown(ledger.note(&parsed::<Note>(arguments)?)),
        "cancel_order" => shown(ledger.cancel(&parsed::<OfOrder>(arguments)?.order_id)),
        "preview_cancel" => shown(ledger.preview_cancel(&parsed::<OfOrder>(arguments)?.order_id)),
        "create_supplier" => shown(ledger.add_supplier(&parsed::<NewSupplier>(arguments)?)),
        "change_supplier_bank_account" => {
            shown(ledger.change_account(&parsed::<NewAccount>(arguments)?))
        }
        other => Err(CallError::Unknown(other.to_owned())),
    }
}

fn parsed<T: DeserializeOwned>(arguments: Value) -> Result<T, CallError> {
    serde_json::from_value(arguments).map_err(CallError::Arguments)
}

fn shown(result: Result<impl Serialize, Refusal>) -> Result<Value, CallError> {
    serde_json::to_value(result.map_err(CallError::Refused)?).map_err(CallError::Result)
}

impl ServerHandler for Erp {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("acme-erp", offer::CONTRACT))
            .with_instructions(offer::INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.definitions.clone()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let mut ledger = self.ledger.lock().await;
        match call(
            &mut ledger,
            &request.name,
            request.arguments.unwrap_or_default(),
        ) {
            Ok(result) => Ok(CallToolResult::structured(result).into()),
            Err(error @ CallError::Unknown(_)) => {
                Err(ErrorData::invalid_params(error.to_string(), None))
            }
            Err(error @ CallError::Result(_)) => {
                Err(ErrorData::internal_error(error.to_string(), None))
            }
            Err(error @ (CallError::Arguments(_) | CallError::Refused(_))) => {
                Ok(CallToolResult::error(vec![ContentBlock::text(error.to_string())]).into())
            }
        }
    }
}

#[cfg(test)]
mod tests;
