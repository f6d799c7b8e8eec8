//! The trust root: the file that the operator gives, and the roots that follow it, one version after the other.
//!
//! A next root comes as another file in the same place, or from the store, where publishers put it. It is taken if the root
//! keys of the one before have signed it, and kept in `state_dir`, so that a start with the old file goes on where this
//! sidecar was. The file is looked at ever after too: one that is gone, was changed or is about to expire is seen before the
//! next start needs it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use stopgate_decide::bundle::TrustRoot;
use stopgate_decide::bundle::root::TrustError;
use stopgate_decide::digest::Digest;
use stopgate_decide::supply::Marks;
use stopgate_store::{NextRoot, Policies, StoreAddress};
use tokio::sync::watch;

use crate::bounds::MAX_ROOT_BYTES;
use crate::config::{Config, Source};
use crate::metrics::Metrics;
use crate::seldom::Seldom;
use crate::source::{self, Looker, Missed, SourceName, Unreadable, chain};

use super::kept_roots::KeptRoots;

/// Operators are warned of its date from this time before it: a month is enough to gather whoever signs a new one.
const SOON: SignedDuration = SignedDuration::from_hours(30 * 24);

/// And again after this time: once a day is seen and does not drown what else is told.
const AGAIN: SignedDuration = SignedDuration::from_hours(24);

/// A trust root that holds together and is signed by itself; its date is another matter.
#[derive(Debug, Clone)]
pub struct Root {
    /// The keys.
    pub trust: Arc<TrustRoot>,
    /// SHA-256 of its file.
    pub digest: Digest,
    /// The roots that led here since the start, the oldest first.
    pub before: Vec<Arc<TrustRoot>>,
}

/// Why there is no root.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// The look at it came to nothing.
    #[error("cannot look at {}: {missed}", path.display())]
    Missed {
        /// The file.
        path: PathBuf,
        /// Why.
        missed: Missed,
    },
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// One that follows it was in force before, and cannot be come to any more.
    #[error(
        "the root {} is version {ours}, and version {seen} is kept in the state directory, where it does not lead: give the \
         newest root",
        path.display()
    )]
    Older {
        /// The file.
        path: PathBuf,
        /// The newest version that was come to.
        ours: u64,
        /// The newest version that was kept.
        seen: u64,
    },
    /// Nobody can say which one was in force before.
    #[error("cannot say which trust root was in force before: {0}")]
    Kept(String),
    /// It is not one to trust.
    #[error("cannot trust the root {}", path.display())]
    Untrusted {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: TrustError,
    },
}

/// Looks at the root. [`RootFollower::run`] never ends by itself.
#[derive(Debug)]
pub struct RootFollower {
    file: PathBuf,
    /// What the file held when that was taken.
    taken: Digest,
    store: Option<StoreAddress>,
    kept: KeptRoots,
    /// The roots that are not kept yet, the oldest first.
    unkept: Vec<NextRoot>,
    root: watch::Sender<Root>,
    deadline: Duration,
    looker: Looker,
    store_looker: Looker,
    keeper: Looker,
    metrics: Arc<Metrics>,
    /// What was said about the file last.
    told: Option<String>,
    /// What was said about roots in the store.
    refused: Seldom,
    /// When its date was spoken of last.
    warned: Option<Timestamp>,
}

impl Root {
    /// Returns whether the root is past its date.
    #[must_use]
    pub fn expired(&self, now: Timestamp) -> bool {
        now >= self.trust.statement().expires
    }

    /// Shows this root to `marks`, after those that led here: what each of them takes back is taken back.
    pub(super) fn show(&self, marks: &mut Marks) {
        for root in &self.before {
            marks.see_root(root);
        }
        marks.see_root(&self.trust);
    }

    pub(super) fn version(&self) -> u64 {
        self.trust.statement().version
    }

    fn followed_by(&self, next: &NextRoot) -> Self {
        let mut before = self.before.clone();
        before.push(Arc::clone(&self.trust));
        Self {
            trust: Arc::new(next.trust.clone()),
            digest: Digest::compute(&next.file),
            before,
        }
    }
}

impl RootFollower {
    /// Reads the root that `config` names, expired or not, goes on to the newest that follows it, kept or in the store, and
    /// makes the follower that goes on looking, with the watch of what it finds. Nothing is written yet.
    ///
    /// # Errors
    /// [`RootError`]: the file is not there within the deadline, or not one to trust.
    pub async fn open(
        config: &Config,
        metrics: Arc<Metrics>,
    ) -> Result<(Self, watch::Receiver<Root>), RootError> {
        let Config {
            policy, state_dir, ..
        } = config;
        let (file, deadline) = (policy.root.clone(), policy.deadline.duration());
        let looker = Looker::new("look-root");
        metrics.sources.expect(SourceName::Root);
        let bytes = look(&looker, &file, deadline).await?;
        // Its date is not judged here: a bundle that was verified before it is past may still be started with.
        let trust = TrustRoot::open(&bytes, Timestamp::MIN);
        let trust = trust.map_err(|source| RootError::Untrusted {
            path: file.clone(),
            source,
        })?;
        let digest = Digest::compute(&bytes);
        // What was given is kept too: whoever gives an older one later brings no key back.
        let given = NextRoot {
            trust: trust.clone(),
            file: bytes,
        };
        let (root, watched) = watch::channel(Root {
            trust: Arc::new(trust),
            digest,
            before: Vec::new(),
        });
        let now = Timestamp::now();
        metrics.sources.succeeded(&SourceName::Root, now);
        let mut follower = Self {
            file,
            taken: digest,
            store: match &policy.source {
                Source::Store(store) => Some(store.clone()),
                Source::File(_) => None,
            },
            kept: KeptRoots::new(state_dir.clone()),
            unkept: vec![given],
            root,
            deadline,
            looker,
            store_looker: Looker::new("look-roots"),
            keeper: Looker::new("keep-root"),
            metrics,
            told: None,
            refused: Seldom::default(),
            warned: None,
        };
        let seen = follower.read_back().await?;
        // A root that is withheld now is found by a later look.
        let (newer, _told) = follower.look_in_store().await;
        for next in newer {
            follower.put_in_force(&next);
            follower.unkept.push(next);
        }
        let ours = watched.borrow().version();
        if ours < seen {
            let path = follower.file;
            return Err(RootError::Older { path, ours, seen });
        }
        let given = watched
            .borrow()
            .before
            .first()
            .map(|given| given.statement().version);
        if let Some(given) = given {
            tracing::info!(version = ours, given, "trust root followed to the newest");
        }
        follower.warn(now);
        Ok((follower, watched))
    }

    /// Looks again and again, with `poll` in between.
    pub async fn run(mut self, poll: Duration) {
        loop {
            tokio::time::sleep(poll).await;
            self.look().await;
            self.keep().await;
            self.warn(Timestamp::now());
        }
    }

    async fn look(&mut self) {
        let problem = match look(&self.looker, &self.file, self.deadline).await {
            Ok(bytes) => match self.next_in_file(bytes) {
                Ok(next) => {
                    self.take(next).await;
                    None
                }
                Err(problem) => Some(problem),
            },
            Err(error) => {
                if let RootError::Unreadable(Unreadable::Replaceable(replaceable)) = &error
                    && self.told.is_none()
                {
                    replaceable.tell();
                }
                Some(chain(&error))
            }
        };
        let (newer, is_read) = self.look_in_store().await;
        self.take(newer).await;
        let Some(problem) = problem else {
            if is_read {
                let now = Timestamp::now();
                self.metrics.sources.succeeded(&SourceName::Root, now);
            } else {
                self.metrics.sources.failed(&SourceName::Root);
            }
            if self.told.take().is_some() {
                tracing::info!("trust root as at the start again");
            }
            return;
        };
        self.metrics.sources.failed(&SourceName::Root);
        if self.told.as_ref() != Some(&problem) {
            tracing::error!(
                file = %self.file.display(),
                %problem,
                "trust root not as at the start, the one in force stays until the next start"
            );
            self.told = Some(problem);
        }
    }

    /// Returns what the file holds, if that is another root than before and the next one.
    fn next_in_file(&mut self, bytes: Vec<u8>) -> Result<Option<NextRoot>, String> {
        // By its digest and not by its meaning: a root that says the same in other bytes is another file to the next start.
        let digest = Digest::compute(&bytes);
        let root = self.root.borrow().clone();
        // One that was come to before, in whatever bytes, is the file that lags behind.
        let is_known = |bytes: &[u8]| {
            let given = TrustRoot::open(bytes, Timestamp::MIN);
            given.is_ok_and(|given| {
                let mut known = root.before.iter().chain([&root.trust]);
                known.any(|known| known.statement() == given.statement())
            })
        };
        if digest == self.taken || is_known(&bytes) {
            self.taken = digest;
            return Ok(None);
        }
        let next = root.trust.open_next(&bytes).map_err(|why| {
            let version = root.version();
            format!("it is another one, which does not follow version {version}: {why}")
        })?;
        self.taken = digest;
        Ok(Some(NextRoot {
            trust: next,
            file: bytes,
        }))
    }

    /// Returns the roots in the store that follow, and whether it could be said which there are.
    async fn look_in_store(&self) -> (Vec<NextRoot>, bool) {
        let Some(store) = self.store.clone() else {
            return (Vec::new(), true);
        };
        let root = Arc::clone(&self.root.borrow().trust);
        let look = move || match store.open() {
            Ok(store) => Policies::new(store).newer_roots(&root),
            Err(why) => (Vec::new(), Some(why.into())),
        };
        let (newer, problem) = match self.store_looker.look(self.deadline, look).await {
            Ok((newer, problem)) => (newer, problem.map(|why| chain(&why))),
            Err(missed) => (Vec::new(), Some(missed.to_string())),
        };
        let Some(problem) = problem else {
            self.refused.reset();
            return (newer, true);
        };
        if let Some(passed_over) = self.refused.tell() {
            tracing::warn!(%problem, passed_over, "nobody can say whether there is a newer trust root in the store");
        }
        (newer, false)
    }

    /// Goes on from the file to the newest root that was kept, and returns the newest version that was.
    async fn read_back(&mut self) -> Result<u64, RootError> {
        let (kept, root) = (self.kept.clone(), Arc::clone(&self.root.borrow().trust));
        let read = move || (kept.newest(), kept.read(&root));
        let looked = self.looker.look(self.deadline, read).await;
        let (newest, (newer, problem)) =
            looked.map_err(|missed| RootError::Kept(missed.to_string()))?;
        for next in newer {
            self.put_in_force(&next);
        }
        if let Some(problem) = problem {
            tracing::warn!(%problem, "a trust root that was kept is not gone on to");
        }
        newest.map_err(|error| RootError::Kept(error.to_string()))
    }

    /// Takes the roots in `next`, the oldest first: they are kept, and then the last one is to go by.
    async fn take(&mut self, next: impl IntoIterator<Item = NextRoot>) {
        let next: Vec<_> = next.into_iter().collect();
        self.unkept.extend_from_slice(&next);
        self.keep().await;
        // All at once: the date of one in between says nothing.
        self.root.send_if_modified(|root| {
            for next in &next {
                *root = root.followed_by(next);
            }
            !next.is_empty()
        });
    }

    fn put_in_force(&self, next: &NextRoot) {
        self.root.send_modify(|root| *root = root.followed_by(next));
    }

    /// Keeps what was taken and is not kept yet. What the disk does not take is tried again at the next look: no disk of ours
    /// holds up a root that takes a key away for longer than a look may last.
    pub(crate) async fn keep(&mut self) {
        if self.unkept.is_empty() {
            return;
        }
        let (kept, unkept) = (self.kept.clone(), self.unkept.clone());
        let write = move || kept.write(&unkept);
        let problem = match self.keeper.look(self.deadline, write).await {
            Ok(Ok(())) => {
                self.unkept.clear();
                return;
            }
            Ok(Err(error)) => error.to_string(),
            Err(missed) => missed.to_string(),
        };
        tracing::error!(%problem, "trust root in force not kept: a start now would have to find it again");
    }

    /// Warns operators of the root's date, once a day from a month before it.
    fn warn(&mut self, now: Timestamp) {
        let expires = self.root.borrow().trust.statement().expires;
        let left = expires.duration_since(now);
        let soon = left <= SOON;
        self.metrics.sources.root_expires(expires, soon);
        if !soon {
            self.warned = None;
            return;
        }
        // Without regard to the sign: a clock that is set back does not silence it for as long as it was wrong.
        let lately = |warned: Timestamp| now.duration_since(warned).abs() < AGAIN;
        if self.warned.is_some_and(lately) {
            return;
        }
        self.warned = Some(now);
        if left > SignedDuration::ZERO {
            let days = left.as_hours() / 24;
            tracing::warn!(%expires, days, "trust root expires soon");
        } else {
            tracing::error!(%expires, "trust root expired, no other bundle is taken");
        }
    }
}

async fn look(looker: &Looker, file: &Path, deadline: Duration) -> Result<Vec<u8>, RootError> {
    let path = file.to_owned();
    let found = looker
        .look(deadline, move || source::read(&path, MAX_ROOT_BYTES))
        .await;
    match found {
        Ok(read) => Ok(read?),
        Err(missed) => Err(RootError::Missed {
            path: file.to_owned(),
            missed,
        }),
    }
}

#[cfg(test)]
mod tests;
