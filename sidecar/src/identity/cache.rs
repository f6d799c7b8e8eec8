//! Tokens that verified a moment ago, by their SHA-256. It saves the signature check and nothing else: an entry holds
//! for the terms it was made by, for a minute, and never past the token's `exp`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use stopgate_decide::digest::Digest;
use stopgate_decide::organisation::Issuer;

use crate::bounds::{CACHED_TOKEN_SECONDS, MAX_CACHED_TOKENS};

use super::jwks::KeySet;
use super::token::Verified;

/// A cache that is full is not swept more often than this: a sweep looks at every entry, with all who verify waiting.
const BETWEEN_SWEEPS: SignedDuration = SignedDuration::from_secs(1);

/// How a token was found to be good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Found {
    /// Its signature was checked.
    Fresh,
    /// It was checked less than a minute ago, by the same terms.
    Cached,
}

/// The tokens. Only verified ones come in, so nobody can fill it but the issuers.
#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<CachedToken>);

#[derive(Debug, Default)]
struct CachedToken {
    entries: HashMap<Digest, CacheEntry>,
    swept: Option<Timestamp>,
}

#[derive(Debug)]
struct CacheEntry {
    verified: Arc<Verified>,
    /// What it was verified by.
    issuer: Issuer,
    keys: Arc<KeySet>,
    /// From here on it holds; a clock that was set back is before it.
    from: Timestamp,
    /// Here it holds no more.
    until: Timestamp,
}

impl CacheEntry {
    fn holds(&self, now: Timestamp) -> bool {
        self.from <= now && now < self.until
    }
}

impl Cache {
    /// Returns what the token with the digest `token` says, if the entry still holds at `now` and `terms` gives for its
    /// issuer the terms that the token was verified by.
    pub(super) fn get<'a>(
        &self,
        token: &Digest,
        now: Timestamp,
        terms: impl FnOnce(&str) -> Option<(&'a Issuer, Arc<KeySet>)>,
    ) -> Option<Arc<Verified>> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = held.entries.get(token).filter(|entry| entry.holds(now))?;
        let (issuer, keys) = terms(&entry.issuer.issuer)?;
        // The very set of keys that the token was verified with: another set may have withdrawn one.
        let same = *issuer == entry.issuer && Arc::ptr_eq(&keys, &entry.keys);
        same.then(|| Arc::clone(&entry.verified))
    }

    /// Remembers what a token said when it was verified at `now`, by the terms of `issuer` and `keys`.
    pub(super) fn put(
        &self,
        token: Digest,
        verified: &Arc<Verified>,
        (issuer, keys): (&Issuer, Arc<KeySet>),
        now: Timestamp,
    ) {
        // Without any grace: what a token may say is over at its `exp`, and the clock's leeway is for the check itself.
        let until = now
            .checked_add(SignedDuration::from_secs(CACHED_TOKEN_SECONDS))
            .unwrap_or(now);
        let entry = CacheEntry {
            until: until.min(verified.expires),
            verified: Arc::clone(verified),
            issuer: issuer.clone(),
            keys,
            from: now,
        };
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.entries.len() >= MAX_CACHED_TOKENS {
            held.sweep(now);
        }
        // A cache that stays full costs a signature check for each further token, and nothing else.
        if held.entries.len() < MAX_CACHED_TOKENS && entry.holds(now) {
            held.entries.insert(token, entry);
        }
    }
}

impl CachedToken {
    /// Forgets the entries that no longer hold at `now`, but not more often than once in [`BETWEEN_SWEEPS`].
    fn sweep(&mut self, now: Timestamp) {
        let lately = self
            .swept
            .is_some_and(|swept| now.duration_since(swept).abs() < BETWEEN_SWEEPS);
        if !lately {
            self.swept = Some(now);
            self.entries.retain(|_, entry| entry.holds(now));
        }
    }
}

#[cfg(test)]
mod tests;
