//! Ways in. A door limits and translates; what it lets in is decided by [`crate::enforce`], and its wire types go no
//! further than itself.

mod body;
mod connection;
mod grpc;
mod places;
pub mod probe;
mod reset;
pub mod socket;
mod translate;

use std::time::Duration;

pub use connection::Door;
pub use grpc::Grpc;
pub use places::Places;
pub use translate::InvalidDecideRequest;

/// Longest gRPC message, in bytes: the longest input there is, and room for the rest.
pub const MAX_MESSAGE_BYTES: usize = 320 * 1024;

/// Longest time from a request's headers to the end of its message.
pub const RECEIVE_DEADLINE: Duration = Duration::from_millis(100);

/// Most connections at a time, of all callers together; each has its part.
pub const MAX_CONNECTIONS: usize = 64;

/// Most requests under way on one connection.
pub const MAX_STREAMS: u32 = 32;

/// A connection without a request for this long is closed. A stream that only listens, such as one that watches health,
/// is no request.
pub const MAX_IDLE: Duration = Duration::from_secs(30);

/// A connection this old is closed; its caller opens another.
pub const MAX_AGE: Duration = Duration::from_secs(30 * 60);

/// What is under way on a connection that closes has this long to end.
pub const GRACE: Duration = Duration::from_secs(5);
