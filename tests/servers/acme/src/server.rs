//! The MCP side: lists the definitions, and turns a call into one step of a [`System`].
//!
//! What is wrong with a call is a result with `isError`, so that a model reads it; only an unknown function is an
//! error of the protocol.

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation,
    JsonObject, ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Mutex;

/// What keeps the records, and does with them what a call asks for.
pub trait System: Send + 'static {
    /// Why the system does not do what it was asked for. Nothing was changed.
    type Refusal: std::error::Error;

    /// Calls `function` with `arguments`.
    ///
    /// # Errors
    /// [`CallError`]; nothing was changed, unless it is [`CallError::Result`].
    fn call(
        &mut self,
        function: &str,
        arguments: JsonObject,
    ) -> Result<Value, CallError<Self::Refusal>>;
}

/// Why a call has no result; `R` is the system's own no.
#[derive(Debug, thiserror::Error)]
pub enum CallError<R: std::error::Error> {
    /// No function of that name.
    #[error("there is no function {0}")]
    Unknown(String),
    /// Not what its schema allows.
    #[error("invalid arguments: {0}")]
    Arguments(serde_json::Error),
    /// The system does not do it.
    #[error("refused: {0}")]
    Refused(R),
    /// It was done, and cannot be shown.
    #[error("the result cannot be shown: {0}")]
    Result(serde_json::Error),
}

/// The arguments of a call as a type that allows no others.
///
/// # Errors
/// [`CallError::Arguments`].
pub fn parsed<T: DeserializeOwned, R: std::error::Error>(
    arguments: JsonObject,
) -> Result<T, CallError<R>> {
    serde_json::from_value(Value::Object(arguments)).map_err(CallError::Arguments)
}

/// What a system did, as the result of a call.
///
/// # Errors
/// [`CallError::Refused`], or [`CallError::Result`].
pub fn shown<R: std::error::Error>(
    result: Result<impl Serialize, R>,
) -> Result<Value, CallError<R>> {
    serde_json::to_value(result.map_err(CallError::Refused)?).map_err(CallError::Result)
}

/// How a server introduces itself.
#[derive(Debug, Clone, Copy)]
pub struct Introduction {
    /// Its name in the protocol.
    pub name: &'static str,
    /// Version of the contract that its definitions make.
    pub contract: &'static str,
    /// Told to models before they call anything.
    pub instructions: &'static str,
}

/// Serves `definitions` on stdin and stdout with `system` behind them, until the client goes.
///
/// # Errors
/// The conversation broke off.
pub async fn serve(
    introduction: Introduction,
    definitions: Vec<Tool>,
    system: impl System,
) -> anyhow::Result<()> {
    let counter = Counter {
        introduction,
        definitions,
        system: Mutex::new(system),
    };
    counter
        .serve(rmcp::transport::stdio())
        .await?
        .waiting()
        .await?;
    Ok(())
}

/// The counter that a system is asked over, one call at a time.
struct Counter<S> {
    introduction: Introduction,
    definitions: Vec<Tool>,
    system: Mutex<S>,
}

impl<S: System> ServerHandler for Counter<S> {
    fn get_info(&self) -> ServerConfig {
        let Introduction {
            name,
            contract,
            instructions,
        } = self.introduction;
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new(name, contract))
            .with_instructions(instructions)
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
        // The protocol allows a call without arguments.
        let arguments = request.arguments.unwrap_or_default();
        let answer = self.system.lock().await.call(&request.name, arguments);
        match answer {
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
