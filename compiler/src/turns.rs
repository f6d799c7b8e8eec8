//! Requests turned to other values, for whoever looks for one that two policies answer differently: mutants try all
//! that may matter, the gate brings a solver's request to values that somebody could send.

mod fact;
mod input;
mod near;

pub(crate) use fact::with_fact;
pub(crate) use input::{Turns, with};
pub(crate) use near::{across, around};
