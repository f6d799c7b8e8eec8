//! Ways in. A door limits and translates; what it lets in is decided by [`crate::enforce`], and its wire types go no
//! further than itself.

mod admission;
mod body;
mod connection;
mod grpc;
pub mod probe;
mod reset;
pub mod socket;
mod translate;

pub use admission::Places;
pub use connection::Door;
pub use grpc::Grpc;
pub use translate::InvalidDecideRequest;

pub use crate::bounds::{MAX_CONNECTIONS, MAX_STREAMS};
