//! Keeps the bundle in force for a start after the trust root's date, and notices when somebody takes it away.
//!
//! It works apart from the looks at the source: a disk of ours that hangs holds up no update. As long as nobody can say
//! that a start would find the bundle, the metric says that it is not kept.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use stopgate_decide::bundle::{TrustRoot, Verified};

use crate::config::Policy;
use crate::metrics::Metrics;
use crate::seldom::Seldom;
use crate::source::{Looker, chain};

use super::kept::{Kept, KeptBundle, Lost, Note};
use super::root::Root;

/// Keeps what it is told to keep.
#[derive(Debug)]
pub(super) struct Keeper {
    pub(super) kept: Kept,
    root: Arc<TrustRoot>,
    most: u64,
    deadline: Duration,
    looker: Looker,
    metrics: Arc<Metrics>,
    keeping: Keeping,
    /// Why the bundle in force is not kept, as it was said last.
    problem: Option<String>,
    taken_away: Seldom,
}

/// The bundle in force, as far as it is kept.
#[derive(Debug)]
enum Keeping {
    /// None is in force.
    Nothing,
    /// It was kept.
    Held(Arc<KeptBundle>),
    /// It could not be written.
    Unwritten(Arc<Verified>, Note),
    /// It was kept, and is in no file of ours any more; the source may have it.
    Spoilt(Note),
}

/// The bundle that was verified last, for a start after the root's date.
#[derive(Debug)]
pub struct Last {
    pub(super) verified: Verified,
    pub(super) held: KeptBundle,
}

impl Last {
    /// Reads the bundle that was kept in `state_dir` under this very `root`, and verifies it again.
    ///
    /// # Errors
    /// Why there is none, or not one to use.
    pub async fn read(state_dir: &Path, policy: &Policy, root: &Root) -> Result<Self, String> {
        let kept = Kept::new(state_dir.to_owned());
        let (root, most) = (root.clone(), policy.max_bytes.bytes());
        let looked = Looker::new("look-kept")
            .look(policy.deadline.duration(), move || kept.last(&root, most))
            .await;
        let found = looked.map_err(|missed| missed.to_string())?;
        let (verified, held) = found.map_err(|why| chain(&why))?;
        Ok(Self { verified, held })
    }
}

impl Keeper {
    /// Makes a keeper in `state_dir` of bundles that `root` vouches for, within the bounds of `policy`. It keeps
    /// nothing yet.
    pub(super) fn new(
        state_dir: PathBuf,
        root: &Root,
        policy: &Policy,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            kept: Kept::new(state_dir),
            root: Arc::clone(&root.trust),
            most: policy.max_bytes.bytes(),
            deadline: policy.deadline.duration(),
            looker: Looker::new("keep-bundle"),
            metrics,
            keeping: Keeping::Nothing,
            problem: None,
            taken_away: Seldom::default(),
        }
    }

    /// Returns whether the bundle in force, as it is kept, verifies under another trust root.
    pub(super) async fn is_good_under(&self, root: &Root) -> bool {
        let Keeping::Held(held) = &self.keeping else {
            return false;
        };
        let work = {
            let (kept, held) = (self.kept.clone(), Arc::clone(held));
            let (root, most) = (Arc::clone(&root.trust), self.most);
            move || kept.verified(&held, &root, most).is_ok()
        };
        self.looker.look(self.deadline, work).await.unwrap_or(false)
    }

    /// Goes by another trust root from here on. Whether the bundle in force is good under it has to be seen, so it is read
    /// from the source once more.
    pub(super) fn go_by(&mut self, root: &Root) {
        self.root = Arc::clone(&root.trust);
        let note = match &self.keeping {
            Keeping::Nothing => return,
            Keeping::Held(held) => &held.note,
            Keeping::Unwritten(_, note) | Keeping::Spoilt(note) => note,
        };
        self.metrics.sources.kept(false);
        self.keeping = Keeping::Spoilt(Note {
            root: root.digest,
            ..note.clone()
        });
    }

    /// Returns whether the bundle in force has to be read from the source to be kept again.
    pub(super) const fn is_spoilt(&self) -> bool {
        matches!(self.keeping, Keeping::Spoilt(_))
    }

    /// Takes over `held`, the bundle in force, which a start has found or which was just written.
    pub(super) fn hold(&mut self, held: KeptBundle) {
        self.keeping = Keeping::Held(Arc::new(held));
        self.is_kept();
    }

    /// Looks whether the bundle in force is still kept, and keeps it again if it is not.
    pub(super) async fn look(&mut self) {
        let held = match &self.keeping {
            Keeping::Unwritten(verified, note) => {
                self.keep(Arc::clone(verified), note.clone()).await;
                return;
            }
            Keeping::Held(held) => Arc::clone(held),
            Keeping::Nothing | Keeping::Spoilt(_) => return,
        };
        let work = {
            let (kept, held) = (self.kept.clone(), Arc::clone(&held));
            move || kept.look(&held)
        };
        // Only what is known to be gone is written again. Where nobody can say, writing would mend nothing, and might
        // put a bundle where others can replace it.
        match self.looker.look(self.deadline, work).await {
            Ok(Ok(())) => self.is_kept(),
            Ok(Err(Lost::Gone(path))) => self.write_again(&held, &path).await,
            Ok(Err(Lost::Unreadable(why))) => self.is_not_kept(chain(&why)),
            Err(missed) => self.is_not_kept(missed.to_string()),
        }
    }

    /// Writes what is `held` once more, because `gone` was taken away or replaced.
    async fn write_again(&mut self, held: &Arc<KeptBundle>, gone: &Path) {
        self.metrics.sources.kept(false);
        self.metrics.kept_was_removed();
        if let Some(passed_over) = self.taken_away.tell() {
            tracing::warn!(
                file = %gone.display(),
                passed_over,
                "bundle kept for a start after the trust root's date was removed or changed, it is written again"
            );
        }
        // From the file that is still held open, if that is whole; the source may have another bundle by now.
        let work = {
            let (kept, held) = (self.kept.clone(), Arc::clone(held));
            let (root, most) = (Arc::clone(&self.root), self.most);
            move || kept.verified(&held, &root, most)
        };
        match self.looker.look(self.deadline, work).await {
            Ok(Ok(verified)) => self.keep(Arc::new(verified), held.note.clone()).await,
            Ok(Err(why)) => {
                self.keeping = Keeping::Spoilt(held.note.clone());
                self.is_not_kept(chain(&why));
            }
            Err(missed) => self.is_not_kept(missed.to_string()),
        }
    }

    /// Keeps `verified`, the bundle in force as the source has it, if the one that was kept is spoilt.
    pub(super) async fn keep_again(&mut self, verified: Arc<Verified>) {
        if let Keeping::Spoilt(note) = &self.keeping {
            self.keep(verified, note.clone()).await;
        }
    }

    /// Keeps `verified`, which is in force, as `note` says. If that fails, the next look tries again.
    pub(super) async fn keep(&mut self, verified: Arc<Verified>, note: Note) {
        let work = {
            let (kept, verified, note) = (self.kept.clone(), Arc::clone(&verified), note.clone());
            move || kept.keep(&verified, note)
        };
        let problem = match self.looker.look(self.deadline, work).await {
            Ok(Ok(held)) => {
                self.hold(held);
                return;
            }
            Ok(Err(why)) => chain(&why),
            Err(missed) => missed.to_string(),
        };
        // The bundle stays in memory until a disk takes it: the source may not have it at the next look.
        self.keeping = Keeping::Unwritten(verified, note);
        self.is_not_kept(problem);
    }

    /// Notes that a start after the root's date would find the bundle in force.
    fn is_kept(&mut self) {
        self.metrics.sources.kept(true);
        if self.problem.take().is_some() {
            tracing::info!("bundle in force kept again");
        }
    }

    /// Notes that a start after the root's date would not find the bundle in force, and tells operators why, once for
    /// each `problem`.
    fn is_not_kept(&mut self, problem: String) {
        self.metrics.sources.kept(false);
        if self.problem.as_ref() != Some(&problem) {
            tracing::error!(%problem, "bundle in force not kept for a start after the trust root's date");
            self.problem = Some(problem);
        }
    }
}
