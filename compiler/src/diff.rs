//! The gate: what a change of policy does to decisions, proved, with a request that shows it.

mod model;

pub use model::{
    Answer, Cause, Cell, Class, Diff, Direction, Holder, OperationChange, Part, ProofReport,
    Request, Side, people,
};
