//! `ci/pipelines/`: what users copy, run as their pipelines would run it.

#![expect(clippy::expect_used, reason = "what the tests share fails as they do")]

#[path = "../shared/copy.rs"]
mod copy;
mod double;
mod history;
mod hosts;
mod signing;
mod verdicts;
