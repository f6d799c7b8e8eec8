//! The shipped programs as their users meet them: a real sidecar on a Unix socket, asked through the Rust client.

mod decisions;
mod fail_closed;
mod faults;
mod kill9;
mod wire;
