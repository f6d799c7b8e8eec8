//! The shipped programs as their users meet them: a real sidecar on a Unix socket, asked through the Rust client.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod bundles;
mod canaries;
mod decisions;
mod drift;
mod dynamodb;
mod fail_closed;
mod faults;
mod identity;
mod kill9;
mod languages;
mod readme;
mod rotation;
mod stops;
mod supply;
mod wire;
