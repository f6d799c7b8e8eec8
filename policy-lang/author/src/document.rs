//! The documents of a policy repository, one file for each kind: from a YAML tree to a checked value with places.
//!
//! A document is checked by itself here; whether the names in it exist is the business of [`crate::compile`]. Every
//! reader reports all it finds and keeps what it understood, so that a mistake in one rule does not hide the next.

pub(crate) mod approvals;
pub(crate) mod catalog;
pub(crate) mod condition;
pub(crate) mod freshness;
pub(crate) mod gate;
pub(crate) mod loosens;
pub(crate) mod profiles;
pub(crate) mod read;
pub(crate) mod reviews;
pub(crate) mod rules;
pub(crate) mod scalar;
pub(crate) mod shape;
pub(crate) mod suites;
pub(crate) mod waivers;
pub(crate) mod workspace;
