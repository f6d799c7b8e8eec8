//! The keys of the issuers: files that somebody else writes, looked at again and again.
//!
//! A file that is missing or no key set changes nothing: the keys before stay in force, and the failure is told once
//! and counted as long as it lasts. Before the first good file an issuer has no keys, so none of its tokens verifies. A
//! key set replaces the one before whatever is wrong with single keys of it: those are told and counted, and a key that
//! is not in it any more has been withdrawn.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use stopgate_lang::digest::Digest;
use tokio::sync::watch;

use super::jwks::{InvalidKey, InvalidKeySet, KeySet, MAX_JWKS_BYTES};
use crate::config::IssuerConfig;

/// Most keys that one event names.
const TOLD: usize = 8;

/// What is said of a set without a key for us.
const NO_KEY: &str =
    "no key has a `kid` and is for RS256, ES256 (P-256) or Ed25519 (also called EdDSA)";

/// The keys of one issuer, and how the last look at their file went.
#[derive(Debug, Clone, Default)]
pub(super) struct Keys {
    /// Never without a key.
    pub(super) set: Option<Arc<KeySet>>,
    /// The last look found no key to verify with.
    pub(super) failing: bool,
    /// Keys of the last set that cannot be used.
    pub(super) unusable: usize,
}

/// Looks at the files. [`KeyFollower::run`] never ends by itself.
#[derive(Debug)]
pub struct KeyFollower(Vec<Followed>);

#[derive(Debug)]
struct Followed {
    issuer: String,
    file: PathBuf,
    keys: watch::Sender<Keys>,
    /// SHA-256 of the file that was read last, good or bad.
    seen: Option<Digest>,
    /// What was said about it last.
    told: Option<String>,
}

/// Why a file gives no keys.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot use {}", path.display())]
    Invalid {
        path: PathBuf,
        source: InvalidKeySet,
    },
}

impl KeyFollower {
    /// A follower of the files of `issuers` that has not looked yet, and the watches of what it finds.
    pub(super) fn new(
        issuers: &BTreeMap<String, IssuerConfig>,
    ) -> (Self, BTreeMap<String, watch::Receiver<Keys>>) {
        let (mut followed, mut watched) = (Vec::new(), BTreeMap::new());
        for (issuer, config) in issuers {
            let (keys, seen) = watch::channel(Keys::default());
            watched.insert(issuer.clone(), seen);
            followed.push(Followed {
                issuer: issuer.clone(),
                file: config.jwks.clone(),
                keys,
                seen: None,
                told: None,
            });
        }
        (Self(followed), watched)
    }

    /// Looks again and again, with `poll` in between. The first look is the caller's.
    pub async fn run(mut self, poll: Duration) {
        loop {
            tokio::time::sleep(poll).await;
            self.look().await;
        }
    }

    /// Looks at every file once. The whole file is read each time: its date and its length prove nothing.
    pub async fn look(&mut self) {
        for followed in &mut self.0 {
            followed.look().await;
        }
    }
}

impl Followed {
    async fn look(&mut self) {
        let file = self.file.clone();
        let found = tokio::task::spawn_blocking(move || read(&file)).await;
        // Without a panic there is an answer; after one, the next look tries again.
        let Ok(found) = found else { return };
        match found {
            Ok(bytes) => {
                let digest = Digest::of(&bytes);
                if self.seen == Some(digest) {
                    return;
                }
                self.seen = Some(digest);
                match KeySet::parse(&bytes) {
                    Ok(set) => self.take(set),
                    Err(source) => self.keep(&Unusable::Invalid {
                        path: self.file.clone(),
                        source,
                    }),
                }
            }
            Err(why) => {
                self.seen = None;
                self.keep(&why);
            }
        }
    }

    /// Puts `set` in force. An issuer that withdraws its last key has withdrawn it.
    fn take(&mut self, set: KeySet) {
        self.told = None;
        let (count, unusable) = (set.count(), set.unusable().len());
        if unusable > 0 {
            tracing::warn!(
                issuer = self.issuer,
                count = unusable,
                problem = listed(set.unusable()),
                "issuer's keys that cannot be used are passed over"
            );
        }
        if count > 0 {
            tracing::info!(issuer = self.issuer, keys = count, "issuer's keys in force");
        } else {
            tracing::error!(
                issuer = self.issuer,
                problem = NO_KEY,
                "issuer has no keys, none of its tokens verifies"
            );
        }
        self.keys.send_replace(Keys {
            set: (count > 0).then(|| Arc::new(set)),
            failing: count == 0,
            unusable,
        });
    }

    fn keep(&mut self, why: &Unusable) {
        let mut problem = why.to_string();
        let mut cause = why.source();
        while let Some(error) = cause {
            problem = format!("{problem}: {error}");
            cause = error.source();
        }
        if self.told.as_ref() != Some(&problem) {
            if self.keys.borrow().set.is_some() {
                tracing::error!(
                    issuer = self.issuer,
                    %problem,
                    "issuer's keys refused, the ones before stay in force"
                );
            } else {
                tracing::error!(
                    issuer = self.issuer,
                    %problem,
                    "issuer's keys refused, none of its tokens verifies"
                );
            }
            self.told = Some(problem);
        }
        self.keys.send_modify(|keys| keys.failing = true);
    }
}

/// The whole file, or of one that is longer than any key set enough to see that.
fn read(path: &Path) -> Result<Vec<u8>, Unusable> {
    let most = u64::try_from(MAX_JWKS_BYTES).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let read =
        File::open(path).and_then(|file| file.take(most.saturating_add(1)).read_to_end(&mut bytes));
    read.map_err(|source| Unusable::Read {
        path: path.to_owned(),
        source,
    })?;
    Ok(bytes)
}

/// The first of `keys`, for an event.
fn listed(keys: &[InvalidKey]) -> String {
    let told: Vec<_> = keys.iter().take(TOLD).map(ToString::to_string).collect();
    let more = keys.len().saturating_sub(TOLD);
    let end = if more > 0 {
        format!("; and {more} more")
    } else {
        String::new()
    };
    format!("{}{end}", told.join("; "))
}

#[cfg(test)]
mod tests;
