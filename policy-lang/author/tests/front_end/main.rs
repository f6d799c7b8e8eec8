//! The front end from outside: whole repositories in, policies and diagnostics out.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod change;
mod diagnostics;
mod fixture;
mod hostile;
mod repository;
mod schemas;
mod traps;
mod twelve;
