//! Who the original user is, on the word of a token: a JWT of an issuer that the policy names and the operator has
//! given keys for. Both have to know the issuer; neither alone opens anything.
//!
//! It knows no wire and no attempt, and decides nothing: it says who, or why not. A token is shown nowhere.

mod cache;
pub mod jwks;
mod keys;
pub mod token;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cache::Cache;
use jiff::Timestamp;
use keys::Keys;
use stopgate_decide::bundle::Bundle;
use stopgate_decide::digest::Digest;
use token::{Refused, Terms, Unverified, Verified};
use tokio::sync::watch;

use crate::bounds::MAX_TOKEN_BYTES;
use crate::config::IssuerConfig;
use crate::metrics::Metrics;

pub use cache::Found;
pub use keys::KeyFollower;

/// A user's token, as it came. A bearer secret: it has no way to be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct SubjectToken(String);

/// Verifies tokens. Shared behind an `Arc`.
#[derive(Debug)]
pub struct Identity {
    issuers: BTreeMap<String, Configured>,
    cache: Cache,
}

/// An issuer that the operator has given keys for.
#[derive(Debug)]
struct Configured {
    clock_skew: Duration,
    keys: watch::Receiver<Keys>,
}

impl SubjectToken {
    /// Makes a token of whatever text a caller sent; [`Identity::verify`] judges it.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for SubjectToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Identity {
    /// Makes an identity that verifies by the keys of `issuers`, and the follower that brings these keys. A look of the
    /// follower has failed after `deadline`.
    #[must_use]
    pub fn new(
        issuers: &BTreeMap<String, IssuerConfig>,
        deadline: Duration,
        metrics: &Arc<Metrics>,
    ) -> (Self, KeyFollower) {
        let (follower, mut watched) = KeyFollower::new(issuers, deadline, metrics);
        let configured = issuers.iter().filter_map(|(issuer, config)| {
            let configured = Configured {
                clock_skew: config.clock_skew.duration(),
                keys: watched.remove(issuer)?,
            };
            Some((issuer.clone(), configured))
        });
        let identity = Self {
            issuers: configured.collect(),
            cache: Cache::default(),
        };
        (identity, follower)
    }

    /// Returns what `token` says, if the token is good by `bundle` and by its issuer's keys as of `now`, and whether
    /// its signature was checked now or a moment ago.
    ///
    /// # Errors
    /// [`Refused`] for the first thing that is wrong.
    pub fn verify(
        &self,
        bundle: &Bundle,
        token: &SubjectToken,
        now: Timestamp,
    ) -> Result<(Arc<Verified>, Found), Refused> {
        let SubjectToken(token) = token;
        // Before the digest, so that nobody makes the sidecar hash more than this.
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Refused::TooLong);
        }
        // 1. A token that was verified a moment ago by these very terms.
        let digest = Digest::compute(token.as_bytes());
        let cached = self.cache.get(&digest, now, |issuer| {
            Some((bundle.issuer(issuer)?, self.issuers.get(issuer)?.set()?))
        });
        if let Some(verified) = cached {
            return Ok((verified, Found::Cached));
        }
        // 2. Who it says that it is by, to find the terms it has to be verified by. Nothing is believed yet.
        let unverified = Unverified::parse(token)?;
        let issuer = bundle.issuer(unverified.issuer());
        let configured = self.issuers.get(unverified.issuer());
        // 3. Policy and operator both have to know the issuer.
        let (Some(issuer), Some(configured)) = (issuer, configured) else {
            return Err(Refused::Issuer);
        };
        let keys = configured.set().ok_or(Refused::NoKeys)?;
        let terms = Terms {
            issuer,
            keys: &keys,
            clock_skew: configured.clock_skew,
        };
        // 4. The signature, and then the claims.
        let verified = Arc::new(unverified.verify(terms, now)?);
        self.cache.put(digest, &verified, (issuer, keys), now);
        Ok((verified, Found::Fresh))
    }

    /// Returns how many issuers had no keys to verify with at the last look.
    #[must_use]
    pub fn failing(&self) -> usize {
        let failing = |configured: &&Configured| configured.keys.borrow().failing;
        self.issuers.values().filter(failing).count()
    }
}

impl Configured {
    fn set(&self) -> Option<Arc<jwks::KeySet>> {
        self.keys.borrow().set.clone()
    }
}

#[cfg(test)]
mod testing;
