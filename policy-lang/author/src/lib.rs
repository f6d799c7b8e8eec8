//! What authors write: the documents of a policy repository, and everything that is made of them before a bundle
//! decides.
//!
//! Everything here is pure. Texts, bytes and times come in as values and values go out; no file, clock, network or
//! environment variable is looked at. The command line (`compiler/`) brings these in. The sidecar never needs this crate:
//! it stands on `stopgate_decide` alone, in whose words the policy is written here.
//!
//! The modules, in an order in which they can be read:
//!
//! 1. **The policy.** [`policy`] is the checked policy: what the documents mean, resolved and typed.
//! 2. **From text to policy.** [`source`] (bytes, strict YAML, places), `document` (one table of keys and one reader for
//!    each kind of document), [`cedar`] (conditions and rules in Cedar), [`compile`] (the documents together), [`lock`]
//!    (what a server offers, pinned), [`diagnostic`] (what an author is told), [`schema`] (the same tables for editors),
//!    [`testing`] (test suites).
//! 3. **From policy to bundle.** [`mod@assemble`].
//! 4. **Around it.** [`change`] (what differs between two repositories beside the rules), [`waiver`] (what reviewers
//!    sign), [`near_miss`] (which rule almost matched).

pub mod assemble;
pub mod cedar;
pub mod change;
pub mod compile;
pub mod diagnostic;
mod document;
pub mod lock;
pub mod near_miss;
pub mod policy;
pub mod schema;
pub mod source;
pub mod testing;
pub mod waiver;
