//! What the MCP servers of the imaginary bank have in common, each of which stands for a system that a policy protects.
//!
//! A server is a [`System`](server::System) behind the protocol: its arguments are as strict as its schemas say
//! ([`argument`], held together by [`contract`]), and each of its side effects is in a [`journal`] before it happens,
//! so that a test can count them. Nothing here knows any one system, or Stopgate.

pub mod argument;
pub mod contract;
pub mod journal;
pub mod server;

/// The arguments of a call, and a function as the server lists it, in the words of the protocol's own library.
pub use rmcp::model::{JsonObject, Tool};
