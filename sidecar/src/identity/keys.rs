//! The keys of the issuers: files that somebody else writes, looked at again and again.
//!
//! A file that is missing or no key set changes nothing: the keys before stay in force, and the failure is told once
//! and counted as long as it lasts. Before the first good file an issuer has no keys, so none of its tokens verifies. A
//! key set replaces the one before whatever is wrong with single keys of it: those are told and counted, and a key that
//! is not in it any more has been withdrawn.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use stopgate_decide::digest::Digest;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::bounds::MAX_JWKS_BYTES;
use crate::config::IssuerConfig;
use crate::metrics::Metrics;
use crate::source::{self, Looker, SourceName, Unreadable, chain};

use super::jwks::{InvalidKey, InvalidKeySet, KeySet};

/// Most keys that one event names: a line that people can read. The metric has the whole number.
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
}

/// Looks at the files. [`KeyFollower::run`] never ends by itself.
#[derive(Debug)]
pub struct KeyFollower(Vec<FollowedKeys>);

#[derive(Debug)]
struct FollowedKeys {
    source: SourceName,
    file: PathBuf,
    deadline: Duration,
    looker: Looker,
    metrics: Arc<Metrics>,
    keys: watch::Sender<Keys>,
    /// SHA-256 of the file that was read last, good or bad, and why it is no set.
    seen: Option<(Digest, Option<InvalidKeySet>)>,
    /// What was said about it last.
    told: Option<String>,
}

/// Why a file gives no keys.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error("cannot use {}", path.display())]
    Invalid {
        path: PathBuf,
        source: InvalidKeySet,
    },
}

/// What a look found.
enum KeyLook {
    /// The file that was seen before.
    Same,
    /// Another file, and what it holds.
    Other(Digest, Result<KeySet, InvalidKeySet>),
}

impl KeyFollower {
    /// Makes a follower of the files of `issuers` that has not looked yet, and the watches of what it finds, by issuer.
    /// A look has failed after `deadline`.
    pub(super) fn new(
        issuers: &BTreeMap<String, IssuerConfig>,
        deadline: Duration,
        metrics: &Arc<Metrics>,
    ) -> (Self, BTreeMap<String, watch::Receiver<Keys>>) {
        let (mut followed, mut watched) = (Vec::new(), BTreeMap::new());
        for (issuer, config) in issuers {
            let (keys, seen) = watch::channel(Keys::default());
            watched.insert(issuer.clone(), seen);
            let source = SourceName::KeySet(issuer.clone());
            metrics.sources.expect(source.clone());
            followed.push(FollowedKeys {
                source,
                file: config.jwks.clone(),
                deadline,
                looker: Looker::new("look-keys"),
                metrics: Arc::clone(metrics),
                keys,
                seen: None,
                told: None,
            });
        }
        (Self(followed), watched)
    }

    /// Looks again and again, with `poll` in between, at each file for itself. The first look is the caller's.
    pub async fn run(self, poll: Duration) {
        let mut all: JoinSet<()> = self
            .0
            .into_iter()
            .map(|mut followed| async move {
                loop {
                    tokio::time::sleep(poll).await;
                    followed.look().await;
                }
            })
            .collect();
        // None of them ends unless it panics, and then this ends too, so that it is noticed.
        if all.join_next().await.is_none() {
            std::future::pending().await
        }
    }

    /// Looks at every file once, at all of them at the same time. Each file is read whole each time, because its date
    /// and its length prove nothing.
    pub async fn look(&mut self) {
        let mut all: JoinSet<FollowedKeys> = std::mem::take(&mut self.0)
            .into_iter()
            .map(|mut followed| async move {
                followed.look().await;
                followed
            })
            .collect();
        while let Some(followed) = all.join_next().await {
            // A task that was cancelled has nothing to give back, and nobody waits for it.
            self.0.extend(followed);
        }
    }
}

impl FollowedKeys {
    async fn look(&mut self) {
        let (file, seen) = (self.file.clone(), self.seen.map(|(digest, _)| digest));
        let found = self.looker.look(self.deadline, move || find(&file, seen));
        match found.await {
            Err(missed) => self.keep(missed.to_string()),
            Ok(Err(unreadable)) => {
                // Whatever can be read there next is new.
                self.seen = None;
                if let Unreadable::Replaceable(replaceable) = &unreadable
                    && self.told.is_none()
                {
                    replaceable.tell();
                }
                self.keep(chain(&unreadable));
            }
            Ok(Ok(found)) => {
                if let KeyLook::Other(digest, read) = found {
                    self.seen = Some((digest, read.as_ref().err().copied()));
                    if let Ok(set) = read {
                        self.take(set);
                    }
                }
                // What was seen before is judged as before: a bad file fails each time, and is parsed once.
                match self.seen {
                    Some((_, Some(source))) => {
                        let path = self.file.clone();
                        self.keep(chain(&Unusable::Invalid { path, source }));
                    }
                    Some((_, None)) | None => self.well(),
                }
            }
        }
    }

    /// Notes that the file holds the set in force.
    fn well(&mut self) {
        // A set without a key for us is as it should be read, and yet no success: nobody's token verifies.
        let none = self.keys.borrow().set.is_none();
        if none {
            self.metrics.sources.failed(&self.source);
        } else {
            let now = Timestamp::now();
            self.metrics.sources.succeeded(&self.source, now);
        }
        self.told = None;
        self.keys.send_if_modified(|keys| {
            let changed = keys.failing != none;
            keys.failing = none;
            changed
        });
    }

    /// Puts `set` in force. An issuer that withdraws its last key has withdrawn it.
    fn take(&mut self, set: KeySet) {
        let issuer = self.source.issuer();
        let (count, unusable) = (set.count(), set.unusable().len());
        self.metrics.sources.unusable(&self.source, unusable);
        if unusable > 0 {
            tracing::warn!(
                issuer,
                count = unusable,
                problem = listed(set.unusable()),
                "issuer's keys that cannot be used are passed over"
            );
        }
        if count > 0 {
            tracing::info!(issuer, keys = count, "issuer's keys in force");
        } else {
            tracing::error!(
                issuer,
                problem = NO_KEY,
                "issuer has no keys, none of its tokens verifies"
            );
        }
        self.keys.send_replace(Keys {
            set: (count > 0).then(|| Arc::new(set)),
            failing: count == 0,
        });
    }

    /// Notes that a look failed with `problem`. The keys in force stay in force, and a problem that lasts is told once.
    fn keep(&mut self, problem: String) {
        self.metrics.sources.failed(&self.source);
        let issuer = self.source.issuer();
        if self.told.as_ref() != Some(&problem) {
            if self.keys.borrow().set.is_some() {
                tracing::error!(
                    issuer,
                    %problem,
                    "issuer's keys refused, the ones before stay in force"
                );
            } else {
                tracing::error!(
                    issuer,
                    %problem,
                    "issuer's keys refused, none of its tokens verifies"
                );
            }
            self.told = Some(problem);
        }
        self.keys.send_modify(|keys| keys.failing = true);
    }
}

/// Reads the file and returns what it holds, unless its digest is the one that was `seen`.
fn find(file: &Path, seen: Option<Digest>) -> Result<KeyLook, Unreadable> {
    let most = u64::try_from(MAX_JWKS_BYTES).unwrap_or(u64::MAX);
    let bytes = source::read(file, most)?;
    let digest = Digest::compute(&bytes);
    if seen == Some(digest) {
        Ok(KeyLook::Same)
    } else {
        Ok(KeyLook::Other(digest, KeySet::parse(&bytes)))
    }
}

/// Lists the first [`TOLD`] of `keys` with what is wrong with each, for an event, and how many more there are.
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
