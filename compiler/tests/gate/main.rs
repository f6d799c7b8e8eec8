//! The judge of the gate: what a change of policy does, found without a solver, against what the gate says.
//!
//! `pairs` are changes written by hand with what they do; `property` makes changes up, `effects` takes rules
//! away, and `lowered` takes every single step down in a table. All but the last are judged by trying every
//! attempt of a finite domain on both sides. Nothing of the gate is used for that but the words of its answer.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what the tests share fails as they do"
)]

mod brute;
mod domain;
mod effects;
mod fixture;
mod generate;
mod history;
mod lowered;
mod objects;
mod pairs;
mod property;
#[path = "../../../tests/src/random.rs"]
pub mod random;
