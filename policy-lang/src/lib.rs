//! The Stopgate policy language.

pub mod attempt;
pub mod bundle;
pub mod calendar;
pub mod cedar;
pub mod decide;
pub mod digest;
pub mod json;
pub mod lock;
pub mod name;
pub mod pointer;
pub mod policy;
pub mod record;
pub mod surface;
pub mod tool_schema;
pub mod version;
