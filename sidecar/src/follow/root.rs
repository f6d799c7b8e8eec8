//! The trust root: opened once at the start, and looked at ever after, so that a file that is gone, was changed or is
//! about to expire is seen before the next start needs it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use stopgate_decide::bundle::TrustRoot;
use stopgate_decide::bundle::root::TrustError;
use stopgate_decide::digest::Digest;

use crate::bounds::MAX_ROOT_BYTES;
use crate::metrics::Metrics;
use crate::source::{self, Looker, Missed, SourceName, Unreadable, chain};

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
    root: Root,
    deadline: Duration,
    looker: Looker,
    metrics: Arc<Metrics>,
    /// What was said about the file last.
    told: Option<String>,
    /// When its date was spoken of last.
    warned: Option<Timestamp>,
}

impl Root {
    /// Returns whether the root is past its date.
    #[must_use]
    pub fn expired(&self, now: Timestamp) -> bool {
        now >= self.trust.statement().expires
    }
}

impl RootFollower {
    /// Reads the root in `file`, expired or not, and makes the follower that goes on looking at it.
    ///
    /// # Errors
    /// [`RootError`]: it is not there within `deadline`, or not one to trust.
    pub async fn open(
        file: PathBuf,
        deadline: Duration,
        metrics: Arc<Metrics>,
    ) -> Result<(Self, Root), RootError> {
        let looker = Looker::new("look-root");
        metrics.sources.expect(SourceName::Root);
        let bytes = look(&looker, &file, deadline).await?;
        // Its date is not judged here: a bundle that was verified before it is past may still be started with.
        let trust = TrustRoot::open(&bytes, Timestamp::MIN);
        let trust = trust.map_err(|source| RootError::Untrusted {
            path: file.clone(),
            source,
        })?;
        let root = Root {
            trust: Arc::new(trust),
            digest: Digest::compute(&bytes),
        };
        let now = Timestamp::now();
        metrics.sources.succeeded(&SourceName::Root, now);
        let mut follower = Self {
            file,
            root: root.clone(),
            deadline,
            looker,
            metrics,
            told: None,
            warned: None,
        };
        follower.warn(now);
        Ok((follower, root))
    }

    /// Looks again and again, with `poll` in between.
    pub async fn run(mut self, poll: Duration) {
        loop {
            tokio::time::sleep(poll).await;
            self.warn(Timestamp::now());
            self.look().await;
        }
    }

    async fn look(&mut self) {
        // By its digest and not by its meaning: a root that says the same in other bytes is another file to the next
        // start.
        let problem = match look(&self.looker, &self.file, self.deadline).await {
            Ok(bytes) if Digest::compute(&bytes) == self.root.digest => None,
            Ok(_) => Some("it is another one than at the start".to_owned()),
            Err(error) => {
                if let RootError::Unreadable(Unreadable::Replaceable(replaceable)) = &error
                    && self.told.is_none()
                {
                    replaceable.tell();
                }
                Some(chain(&error))
            }
        };
        let Some(problem) = problem else {
            let now = Timestamp::now();
            self.metrics.sources.succeeded(&SourceName::Root, now);
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
                "trust root not as at the start, the one of the start stays in force until the next"
            );
            self.told = Some(problem);
        }
    }

    /// Warns operators of the root's date, once a day from a month before it.
    fn warn(&mut self, now: Timestamp) {
        let expires = self.root.trust.statement().expires;
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
