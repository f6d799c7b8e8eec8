//! Follows the policy source: looks at it again and again, verifies what it finds and swaps it in whole.
//!
//! A bad update changes nothing but is reported. A good one is recorded before it explains any decision, so each
//! decision in the log stands after the record of its bundle. Only [`stopgate_decide::bundle::Verified::load`] makes what
//! is swapped in.

mod begin;
mod channel;
mod followed;
mod found;
mod fresh;
mod keeper;
mod kept;
mod kept_roots;
mod look;
mod marks;
mod put;
pub(crate) mod refusal;
mod root;
mod stops;
mod vouched;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use keeper::Keeper;
use kept::Note;
use look::{FoundBundle, FoundNew, RefusedUpdate, Told};
use marks::KeptMarks;
use stopgate_decide::bundle::{Bundle, TrustRoot, Verified};
use stopgate_decide::digest::Digest;
use stopgate_decide::name::OwnerName;
use stopgate_decide::record::{BundleChange, BundleRecord, RecordBody};
use stopgate_decide::supply::{HeldRelease, Marks, Standing};
use tokio::sync::watch;

use crate::audit::AuditLog;
use crate::bounds::LOAD_DEADLINE;
use crate::metrics::Metrics;
use crate::seldom::{Seldom, SeldomEach};
use crate::source::{FileIdentity, Looker, SourceName, chain};

pub use followed::Followed;
pub use keeper::Last;
pub use refusal::Refusal;
pub use root::{Root, RootError, RootFollower};
pub use stops::{StopFollower, StopsNow};

/// A file that changed less than this many seconds ago may change again without looking another: the coarsest clocks of
/// file systems tick once in two seconds.
const SETTLED: i64 = 2;

/// The policy in force, and how its last update went.
#[derive(Debug, Clone, Default)]
pub struct Supply {
    /// What decides; `None` until the first good bundle.
    pub active: Option<Active>,
    /// Why the newest update was refused; `None` when it was not.
    pub refusal: Option<Refusal>,
    /// Looks in a row that found no good bundle.
    pub failures: u32,
    /// How new the one in force is known to be.
    pub standing: Standing,
    /// Stops that the newest timestamp lists.
    pub listed: Arc<ListedStops>,
    /// The trust root that all of this is judged by; `None` before there is one.
    pub root: Option<Arc<TrustRoot>>,
}

/// What a timestamp lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListedStops {
    /// When it was issued; `None` before the first.
    pub issued: Option<Timestamp>,
    /// The stops.
    pub stops: BTreeSet<Digest>,
}

/// What an update came to that was not refused.
enum Updated {
    /// What was found is in force.
    Well,
    /// It was refused before, and for the same reason.
    Again(Refusal),
}

/// A bundle in force.
#[derive(Debug, Clone)]
pub struct Active {
    /// The verified policy.
    pub bundle: Arc<Bundle>,
    /// The release that made it the channel's policy; `None` of a bundle that is followed as a file.
    pub release: Option<HeldRelease>,
    /// Since when.
    pub since: Timestamp,
}

/// Looks at the source. [`Follower::run`] never ends by itself.
#[derive(Debug)]
pub struct Follower {
    followed: Followed,
    /// The trust root to go by from the next look on.
    roots: watch::Receiver<Root>,
    sidecar: String,
    audit: AuditLog,
    metrics: Arc<Metrics>,
    supply: watch::Sender<Supply>,
    looker: Looker,
    keeper: Keeper,
    /// A file that was refused for what is in it.
    refused: Option<(FileIdentity, Refusal)>,
    /// What was said last of an update that was refused.
    told: Option<Told>,
    /// Refusals that are on record already.
    recorded: SeldomEach<Refusal>,
    /// That the trust root does not vouch for the policy.
    unvouched: Seldom,
    /// What is known of its age was proved under the trust root before.
    proven_before: bool,
    /// The log tells which trust root is in force, if it is another one than the operator gave.
    root_recorded: bool,
    /// The signed release that is in force, if it was found by this process.
    release_file: Option<Arc<Vec<u8>>>,
    kept_marks: KeptMarks,
    /// What was seen of the channel; `None` until somebody could look.
    marks: Option<Marks>,
    /// In the marks that were written last: when the newest timestamp was issued, and the time.
    noted: Option<(Option<Timestamp>, Option<Timestamp>)>,
    /// The marks say more than the disk does.
    unwritten: bool,
}

impl Follower {
    /// Makes a follower that has not looked yet, and the watch of what it finds. It goes by the newest of `roots`.
    #[must_use]
    pub fn new(
        followed: Followed,
        roots: watch::Receiver<Root>,
        sidecar: String,
        audit: AuditLog,
        metrics: Arc<Metrics>,
    ) -> (Self, watch::Receiver<Supply>) {
        let (supply, watched) = watch::channel(Supply {
            root: Some(Arc::clone(&followed.root.trust)),
            ..Supply::default()
        });
        metrics.sources.expect(SourceName::Bundle);
        let keeper = Keeper::new(
            followed.state_dir.clone(),
            &followed.root,
            &followed.policy,
            Arc::clone(&metrics),
        );
        let kept_marks = KeptMarks::new(followed.state_dir.clone());
        let follower = Self {
            keeper,
            kept_marks,
            marks: None,
            noted: None,
            unwritten: false,
            recorded: SeldomEach::default(),
            unvouched: Seldom::default(),
            proven_before: false,
            root_recorded: followed.root.before.is_empty(),
            release_file: None,
            followed,
            roots,
            sidecar,
            audit,
            metrics,
            supply,
            looker: Looker::new("look-bundle"),
            refused: None,
            told: None,
        };
        (follower, watched)
    }

    /// Makes a follower of the channel's stops, which has not looked yet, and the watch of those in force. Until it has
    /// looked everything is stopped.
    #[must_use]
    pub fn stops(&self) -> (StopFollower, watch::Receiver<StopsNow>) {
        StopFollower::new(
            &self.followed,
            self.sidecar.clone(),
            self.audit.clone(),
            Arc::clone(&self.metrics),
            self.supply.subscribe(),
        )
    }

    /// Looks again and again, with `poll` in between, and at once where there is another trust root. The first look is the
    /// caller's.
    pub async fn run(mut self, poll: Duration) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(poll) => {}
                changed = self.roots.changed() => if changed.is_err() {
                    // Who follows the root is gone, and the process ends because of that.
                    std::future::pending::<()>().await;
                }
            }
            self.look().await;
        }
    }

    /// Looks once. The whole file is read each time: its date and its length prove nothing.
    pub async fn look(&mut self) {
        // 1. What is kept, also when nothing new may be taken: it is for the very time after the root's date.
        self.keeper.look().await;
        self.pass_time().await;
        if !self.take_root().await {
            return;
        }
        // 2. The root's date, by the clock of each look: a refusal for it ends when a clock that was wrong is set back.
        if self.followed.root.expired(Timestamp::now()) {
            self.prove_again();
            let refused = self.expired();
            self.refuse(refused).await;
            return;
        }
        // 3. The file. What was refused before is counted again and not read; what is in force already is not loaded
        // again, and is kept again if what was kept is spoilt.
        let (found, timestamp) = self.found().await;
        let updated = self.update(found).await;
        self.vouch(&updated);
        // 5. Whether what is in force now is known to be new. It is that whatever was offered.
        let proven = self.prove(timestamp).await;
        self.prove_again();
        match updated {
            Ok(Updated::Again(why)) => self.count(why),
            Ok(Updated::Well) => match proven {
                Ok(()) => self.well(),
                Err(refused) => self.refuse(refused).await,
            },
            Err(refused) => self.refuse(refused).await,
        }
    }

    /// Puts what was found in force, if it is something else and can be.
    async fn update(
        &mut self,
        found: Result<FoundBundle, RefusedUpdate>,
    ) -> Result<Updated, RefusedUpdate> {
        match found? {
            FoundBundle::InForce => {}
            FoundBundle::Again(why) => return Ok(Updated::Again(why)),
            FoundBundle::New(new) if self.is_in_force(&new) => {
                self.keeper.keep_again(new.verified).await;
                self.release_file = new.release_file;
                // A root that took versions back took its mark.
                let marked = self.marks.as_ref().and_then(|marks| marks.release);
                if let Some(release) = new.release.filter(|release| marked != Some(*release)) {
                    self.mark(release).await;
                }
            }
            FoundBundle::New(new) => {
                // 4. Another bundle: it is put in force whole, or the one before stays.
                let activated = self.activate(&new).await;
                let digest = Some(new.verified.digest());
                activated.map_err(|refused| refused.about(new.file, digest))?;
                self.release_file = new.release_file;
            }
        }
        Ok(Updated::Well)
    }

    fn expired(&self) -> RefusedUpdate {
        let expires = self.followed.root.trust.statement().expires;
        let message = format!("the trust root expired at {expires}");
        RefusedUpdate::new(Refusal::Expired, message)
    }

    fn in_force(&self) -> Option<Digest> {
        let supply = self.supply.borrow();
        supply.active.as_ref().map(|active| active.bundle.digest())
    }

    /// Returns whether `new` is what is in force: the same bundle by the same release.
    fn is_in_force(&self, new: &FoundNew) -> bool {
        let supply = self.supply.borrow();
        supply.active.as_ref().is_some_and(|active| {
            active.bundle.digest() == new.verified.digest() && active.release == new.release
        })
    }

    /// Puts `new` in force and keeps it.
    async fn activate(&mut self, new: &FoundNew) -> Result<(), RefusedUpdate> {
        let FoundNew {
            verified, release, ..
        } = new;
        // Kept after it is in force, and whether that works or not: no disk of ours holds up a revocation.
        let organisation = self.put_in_force(verified, *release).await?;
        let note = Note {
            bundle: verified.digest(),
            root: self.followed.root.digest,
            organisation,
            time: Timestamp::now(),
        };
        self.keeper.keep(Arc::clone(verified), note).await;
        Ok(())
    }

    /// Puts `verified` in force, which `release` names, and returns the organisation that the bundle is of.
    async fn put_in_force(
        &mut self,
        verified: &Arc<Verified>,
        release: Option<HeldRelease>,
    ) -> Result<OwnerName, RefusedUpdate> {
        // Loading parses and indexes rules for as long as a bundle is big, so it is done where nobody waits.
        let to_load = Arc::clone(verified);
        let loaded = self
            .looker
            .look(LOAD_DEADLINE, move || to_load.load())
            .await?;
        let bundle =
            loaded.map_err(|error| RefusedUpdate::new(Refusal::from(&error), chain(&error)))?;
        self.followed.agrees(&bundle)?;
        let digest = bundle.digest();
        // If it cannot be recorded nothing is wrong with the bundle: the next look tries it again.
        let change = BundleChange::Active {
            release: release.map(|held| (held.version, held.release)),
        };
        let recorded = self.record(Some(digest), change).await;
        recorded
            .map_err(|error| RefusedUpdate::new(Refusal::AuditUnavailable, error.to_string()))?;
        self.metrics.learn(bundle.tool_names());
        let version = release.map(|held| held.version.get());
        tracing::info!(%digest, version, rules = bundle.rules_len(), signers = ?bundle.signers(), "bundle active");
        let issuers = &self.followed.issuers;
        let unknown = issuers.iter().filter(|name| bundle.issuer(name).is_none());
        let unknown: Vec<_> = unknown.collect();
        if !unknown.is_empty() {
            tracing::warn!(
                issuers = ?unknown,
                %digest,
                "the bundle does not name these issuers of `[identity]`, none of their tokens verifies: name them in \
                 stopgate.yaml, or take them out of sidecar.toml"
            );
        }
        let organisation = bundle.organisation().clone();
        if let Some(release) = release {
            self.mark(release).await;
        }
        // Swapped last, in one step: whoever decides sees the old one or the new one, and the record of either is
        // before.
        let active = Some(Active {
            bundle: Arc::new(bundle),
            release,
            since: Timestamp::now(),
        });
        // A timestamp that was good for the release before is good for this one: a release may be newer than it.
        self.supply.send_modify(|supply| {
            supply.active = active;
            supply.refusal = None;
            supply.failures = 0;
        });
        Ok(organisation)
    }

    /// Takes note that `release` is put in force. If the disk does not take the note, operators are told and the release
    /// is put in force all the same: no disk of ours holds up a stricter policy.
    async fn mark(&mut self, release: HeldRelease) {
        let Some(marks) = &mut self.marks else {
            return;
        };
        marks.see_release(release);
        self.write_marks().await;
    }

    /// Writes the marks. If the disk does not take them, operators are told, nothing waits for it, and each look tries
    /// again.
    async fn write_marks(&mut self) {
        let Some(marks) = self.marks.clone() else {
            return;
        };
        let noted = (marks.issued, marks.time);
        self.unwritten = true;
        let kept = self.kept_marks.clone();
        let deadline = self.followed.policy.deadline.duration();
        let written = self.looker.look(deadline, move || kept.write(&marks)).await;
        let problem = match written {
            Ok(Ok(())) => {
                self.noted = Some(noted);
                self.unwritten = false;
                return;
            }
            Ok(Err(error)) => error.to_string(),
            Err(missed) => missed.to_string(),
        };
        tracing::error!(
            %problem,
            "what was seen of the channel is not noted: a start now would know less of it"
        );
    }

    /// Notes that the source holds the bundle in force.
    fn well(&mut self) {
        self.refused = None;
        self.told = None;
        let now = Timestamp::now();
        self.metrics.sources.succeeded(&SourceName::Bundle, now);
        // Who watches is woken only by a change: this happens at each look.
        self.supply.send_if_modified(|supply| {
            let refused = supply.refusal.take().is_some() || supply.failures > 0;
            supply.failures = 0;
            refused
        });
    }

    async fn refuse(&mut self, RefusedUpdate { told, bundle }: RefusedUpdate) {
        let told = *told;
        let why = told.why;
        // A file that was written just now can be written again before its clock moves.
        let now = Timestamp::now().as_second();
        self.refused = told
            .file
            .filter(|file| why.is_of_the_file() && now.saturating_sub(file.changed()) > SETTLED)
            .map(|file| (file, why));
        self.count(why);
        if self.told.as_ref() == Some(&told) {
            return;
        }
        let message = told.message.clone();
        // Where nothing can be read, the record says so once, whatever the system's words for it are.
        let recorded = told.file.is_none()
            && self
                .told
                .as_ref()
                .is_some_and(|before| before.file.is_none() && before.why == why);
        // And whoever can write to the source cannot fill the disk by being refused for one thing after the other.
        let recorded = recorded || (told.file.is_none() && self.recorded.tell(why).is_none());
        self.told = Some(told);
        // `message` is what the event itself is called.
        if self.in_force().is_some() {
            tracing::error!(reason = why.as_str(), problem = %message, "bundle refused, the one before stays in force");
        } else {
            tracing::error!(reason = why.as_str(), problem = %message, "bundle refused, none is in force");
        }
        if recorded {
            return;
        }
        let change = BundleChange::Refused {
            reason: why.as_str().to_owned(),
            message,
        };
        if let Err(error) = self.record(bundle, change).await {
            tracing::error!(%error, "refusal not recorded");
        }
    }

    fn count(&self, why: Refusal) {
        self.metrics.refused(why);
        self.metrics.sources.failed(&SourceName::Bundle);
        self.supply.send_modify(|supply| {
            supply.refusal = Some(why);
            supply.failures = supply.failures.saturating_add(1);
        });
    }

    async fn record(
        &self,
        bundle: Option<Digest>,
        change: BundleChange,
    ) -> Result<(), crate::audit::AuditError> {
        let (sidecar, channel) = (self.sidecar.clone(), self.followed.channel.to_string());
        let record = BundleRecord {
            sidecar,
            channel,
            bundle,
            change,
        };
        self.audit
            .append(&RecordBody::Bundle(record))
            .await
            .map(|_| ())
    }
}

#[cfg(test)]
pub(crate) mod tests;
