//! Stopgate at run time: decides every attempt, records it durably, and only then answers.
//!
//! ```text
//! door/     sockets, gRPC and probes: they only translate and limit
//! enforce   caller -> attempt -> decide -> record -> answer, as one plain async function
//! identity  token -> subject, groups and agent, by the keys of issuers
//! source    files that others put in place: who could, and what never ends
//! follow    policy source -> verified bundle -> watch channel
//! audit     the decision log: what is not on disk is not answered
//! config    what the operator says, checked once
//! caller    who may ask, and what for
//! bounds    what anybody may cost, and why that much
//! metrics   what is counted, by labels that are closed lists
//! ```
//!
//! Whatever fails on the way ends in a rejection or in no answer, never in a permit: a permit is a value that only
//! [`stopgate_decide::decide::decide`] makes, and only a recorded one leaves.

pub mod audit;
pub mod bounds;
pub mod caller;
pub mod config;
pub mod door;
pub mod enforce;
pub mod exit;
pub mod follow;
pub mod identity;
pub mod metrics;
pub mod readiness;
pub mod run;
mod seldom;
pub mod source;
#[cfg(test)]
mod testing;
pub mod undecided;
