//! What decides: a policy as a signed bundle, and what each attempt of an agent gets under it.
//!
//! Everything here is pure. Bytes and times come in as values and values go out; no file, clock, network or environment
//! variable is looked at. The sidecar (`sidecar/`) and every command that decides stand on this crate. Nothing in it
//! knows of YAML or of authors' mistakes: `stopgate_author` makes policies and hands them over as bundles.
//! `ARCHITECTURE.md` at the top of the repository shows how the parts work together, `docs/glossary.md` says what each
//! word means.
//!
//! The modules, in an order in which they can be read:
//!
//! 1. **The values of a decision.** [`name`] (who and what is named, and where it stands), [`surface`] (risk, approval
//!    and all else that an answer asks for, and how two of them are joined), [`attempt`] (what an agent wants to do),
//!    [`json`], [`pointer`], [`digest`] and [`version`] (arguments and how they are named).
//! 2. **The decision.** [`decide`]: one function from a bundle, an attempt and a situation to an answer. [`cedar`]
//!    finds which rules match. [`tool_schema`], [`fact`] and [`selector`] say what rules can read of the arguments,
//!    [`calendar`] when it is business time, [`organisation`] whose tokens count and what a channel lets through,
//!    [`freshness`] what the age of the policy still lets through.
//! 3. **People.** [`routing`] says who is asked for an approval and by when, [`summary`] what these people read (in
//!    [`visible`] characters), [`directory`] who they are.
//! 4. **The bundle.** [`bundle`]: a policy as one signed file, and the only way back from that file to something that
//!    `decide` takes. [`supply`]: which bundle is the policy of a channel, and that it never goes back.
//! 5. **The record.** [`record`]: the lines of the decision log and their chain. [`replay`]: from a record back to the
//!    attempt.
//!
//! What several rules ask for is joined part by part, so the result can be stricter than each of them:
//!
//! ```
//! use stopgate_decide::surface::{Approval, Risk, Surface};
//!
//! let mut asked = Surface { risk: Risk::Medium, ..Surface::BOTTOM };
//! asked.join(&Surface { approval: Approval::Committee, ..Surface::BOTTOM });
//! assert_eq!((asked.risk, asked.approval), (Risk::Medium, Approval::Committee));
//! ```

pub mod attempt;
pub mod bundle;
pub mod calendar;
pub mod cedar;
pub mod decide;
pub mod digest;
pub mod directory;
pub mod fact;
pub mod freshness;
pub mod json;
pub mod name;
pub mod organisation;
pub mod pointer;
pub mod record;
pub mod replay;
pub mod routing;
pub mod selector;
pub mod summary;
pub mod supply;
pub mod surface;
pub mod tool_schema;
pub mod version;
pub mod visible;
