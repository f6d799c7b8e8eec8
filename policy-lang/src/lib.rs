//! The Stopgate policy language: what the documents of a policy repository mean, and what each attempt of an agent gets.
//!
//! Everything here is pure. Texts, bytes and times come in as values and values go out; no file, clock, network or
//! environment variable is looked at. The command line (`compiler/`) and the sidecar (`sidecar/`) bring these in.
//! `ARCHITECTURE.md` at the top of the repository shows how the three work together, `docs/glossary.md` says what each
//! word means.
//!
//! The modules, in an order in which they can be read:
//!
//! 1. **The values of a decision.** [`name`] (who and what is named), [`surface`] (risk, approval and all else that an
//!    answer asks for, and how two of them are joined), [`attempt`] (what an agent wants to do), [`json`], [`pointer`],
//!    [`digest`] and [`version`] (arguments and how they are named).
//! 2. **The decision.** [`decide`]: one function from a bundle, an attempt and a situation to an answer. [`cedar`]
//!    finds which rules match. [`tool_schema`], [`fact`] and [`selector`] say what rules can read of the arguments,
//!    [`calendar`] when it is business time.
//! 3. **The policy.** [`policy`] is the checked policy, which everything but `decide` works on; [`routing`] says who is
//!    asked for an approval and by when, [`summary`] what these people read, [`directory`] who the people are.
//! 4. **From text to policy.** `source` (bytes, strict YAML, places), `document` (one table of keys and one reader for
//!    each kind of document), [`compile`] (the documents together), [`lock`] (what a server offers, pinned),
//!    [`diagnostic`] (what an author is told), [`schema`] (the same tables for editors), [`testing`] (test tables).
//! 5. **The bundle.** [`bundle`]: a policy as one signed file, and the only way back from that file to something that
//!    `decide` takes.
//! 6. **Around it.** [`change`] (what differs between two repositories beside the rules), [`waiver`] (what reviewers
//!    sign), [`record`] (the decision log), [`replay`] (from a record back to the attempt).
//!
//! What several rules ask for is joined part by part, so the result can be stricter than each of them:
//!
//! ```
//! use stopgate_lang::surface::{Approval, Risk, Surface};
//!
//! let mut asked = Surface { risk: Risk::Medium, ..Surface::BOTTOM };
//! asked.join(&Surface { approval: Approval::Committee, ..Surface::BOTTOM });
//! assert_eq!((asked.risk, asked.approval), (Risk::Medium, Approval::Committee));
//! ```

pub mod attempt;
pub mod bundle;
pub mod calendar;
pub mod cedar;
pub mod change;
pub mod compile;
pub mod decide;
pub mod diagnostic;
pub mod digest;
pub mod directory;
mod document;
pub mod fact;
pub mod json;
pub mod lock;
pub mod name;
pub mod pointer;
pub mod policy;
pub mod record;
pub mod replay;
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
