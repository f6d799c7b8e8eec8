//! From a signed bundle to the policy of a channel: the documents that say which bundle is in force where, and the one
//! judgement of them.
//!
//! A bundle says what a policy means and not where or since when it holds. Publishers say that with a [`Release`],
//! reviewers let a looser one pass with a [`SignOff`], and a [`TimestampDocument`] says that no newer release is being
//! withheld. A [`Stop`] lets less through for a while, until it ends or a [`Lift`] takes it back. Whoever follows a
//! channel keeps [`Marks`] of the newest that it has seen, so that nothing older is put in force again, and
//! [`SeenStops`], so that nobody ends a stop by taking it away.
//!
//! Everything here is pure: documents, marks and an instant come in, and a typed answer comes out. The sidecar and the
//! commands that publish, verify and compare share it, so none of them can be more trusting than another.

mod in_force;
mod marks;
mod release;
mod seen_stops;
mod sign_off;
mod signed;
mod standing;
mod stop;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod timestamp;
mod trace;

pub use in_force::{KnownStops, StopInForce, StopNote};
pub use marks::{HeldRelease, Marks};
pub use release::{Release, ReleaseChange, ReleaseVersion};
pub use seen_stops::{MAX_STOPS, SEEN_STOPS_BYTES, SeenStops, StopsMoment, UnreadStops};
pub use sign_off::SignOff;
pub use signed::{Document, DocumentError, FormatOne, MAX_DOCUMENT_BYTES, Signed, Unsealed};
pub use standing::{Proven, Standing, UNVOUCHED, is_newest, prove};
pub use stop::{LONGEST_STOP, Lift, MAX_STOP_REASON, Stop, StopLimit, read_lift, read_stop};
pub use timestamp::TimestampDocument;
pub use trace::{
    ChannelId, Ground, Link, MAX_STEPS_BACK, SupplyRefusal, Trace, UnsignedStep, trace,
};
