//! The rules of the house that a compiler does not hold: which package may know which, what lies where, and that
//! every threat and invariant the documentation lists has its test.
//!
//! These tests read the repository and decide nothing about policies.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod circles;
mod dependencies;
mod files;
mod pages;
mod rows;
mod tree;
mod words;
