//! The Stopgate policy language.

pub mod attempt;
pub mod bundle;
pub mod calendar;
pub mod cedar;
pub mod change;
pub mod compile;
pub mod decide;
pub mod diagnostic;
pub mod digest;
mod document;
pub mod fact;
pub mod json;
pub mod lock;
pub mod name;
pub mod pointer;
pub mod policy;
pub mod record;
pub mod routing;
pub mod schema;
pub mod selector;
pub mod source;
pub mod summary;
pub mod surface;
pub mod testing;
pub mod tool_schema;
pub mod version;
pub mod waiver;
