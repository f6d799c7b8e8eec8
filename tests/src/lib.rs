//! The harness of the end-to-end tests, the demo and the load generator, and what the property tests are made of.
//!
//! ```text
//! programs, stage, sidecar    real programs in temporary folders, with an empty environment, ended by process id
//! channel                     releases on a stage, and everybody who signs them
//! oidc                        a real identity provider whose users log in
//! ask, log                    what an orchestrator sends, what an auditor reads
//! generate, model, random     random repositories and attempts, and the reference model that judges them
//! scale                       how much of it
//! ```
//!
//! It knows how programs are started and spoken to, never what they should answer: that is said where it is asked.

pub mod ask;
pub mod bulk;
pub mod channel;
pub mod generate;
pub mod log;
pub mod model;
pub mod oidc;
pub mod programs;
pub mod random;
pub mod scale;
pub mod sidecar;
pub mod stage;
