//! From a folder to a checked policy, or to every mistake in it; and what can be found in a policy that has none.

mod lint;
mod proof;

use std::path::Path;

use jiff::Timestamp;
use jiff::civil::Date;
use stopgate_author::compile::{Compiled, compile};
use stopgate_author::diagnostic::{Code, Diagnostic};
use stopgate_decide::bundle::TrustRoot;

pub use proof::Depth;

use crate::proof::Limits;
use crate::review::Reviews;
use crate::workspace::trust::Trust;
use crate::workspace::{self, WorkspaceError};

/// Reads and compiles the repository in `dir`.
///
/// # Errors
/// [`WorkspaceError`] when the folder cannot be read; mistakes in its documents are part of the result.
pub fn check(dir: &Path) -> Result<Compiled, WorkspaceError> {
    workspace::read(dir).map(|reading| compile(reading.sources()))
}

/// Returns the reviews of a repository with who signed them by the repository's own `trust`, as it stands at `now`.
/// Signatures that cannot be believed count for nothing, and a policy that does not compile has no reviews.
#[must_use]
pub fn signed_reviews(trust: &Trust, compiled: &Compiled, now: Timestamp) -> Reviews {
    let Some(policy) = &compiled.policy else {
        return Reviews::default();
    };
    let (reviews, organisation) = (&compiled.reviews, &policy.organisation);
    let root = trust.root.as_deref();
    let root = root.and_then(|bytes| TrustRoot::open(bytes, now).ok());
    Reviews::verified(reviews, &trust.signatures, organisation, root.as_ref())
}

/// Adds a warning to a valid policy's diagnostics where `trust` names who signs timestamps and the policy asks for none.
pub fn look_at_freshness(compiled: &mut Compiled, trust: &Trust) {
    let Some(policy) = &compiled.policy else {
        return;
    };
    let root = trust.root.as_deref();
    // Whatever its date: what is missing is missing then too.
    let root = root.and_then(|bytes| TrustRoot::open(bytes, Timestamp::MIN).ok());
    if policy.freshness.is_none()
        && root.is_some_and(|root| root.statement().roles.timestamp.is_some())
        && let Some((channel, span)) = compiled.places.channels.first_key_value()
    {
        let message =
            "the policy does not say how old it may be, and the trust root names timestampers";
        let label = format!(
            "`{channel}` goes on without an end while nothing proves that it is the newest"
        );
        let finding = Diagnostic::new(Code::NoFreshness, *span, message, label);
        let help = "state `freshness: {soft: 15m, hard: 24h}` in stopgate.yaml";
        compiled.diagnostics.push(finding.help(help));
    }
}

/// Adds to a valid policy's diagnostics what a date, signed reviews and the solver can say about it. Whether everything
/// that was asked was also answered. Commands that it prints name the repository as `folder`.
pub fn look_closer(
    compiled: &mut Compiled,
    (reviews, folder): (&Reviews, &Path),
    today: Date,
    depth: Depth,
    limits: &Limits,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> bool {
    let Some(policy) = &compiled.policy else {
        return true;
    };
    let (places, dx) = (&compiled.places, &mut compiled.diagnostics);
    lint::lint(policy, places, (reviews, folder), today, dx);
    let complete = proof::prove(policy, places, depth, limits, progress, dx);
    dx.sort(&compiled.sources);
    complete
}
