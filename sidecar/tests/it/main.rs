//! The sidecar as a process: what callers, operators and attackers see of it.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod answers;
mod callers;
mod configurations;
mod costly;
mod identity;
mod limits;
mod reference;
mod shutdown;
mod sources;
mod supply;
mod support;
mod tokens;
