//! The harness of the end-to-end tests, the demo and the load generator: real programs in temporary folders, started
//! with an empty environment and ended by process id.
//!
//! It knows how programs are started and spoken to, never what they should answer: that is said where it is asked.

pub mod programs;
pub mod scale;
