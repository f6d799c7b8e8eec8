//! Another trust root: what is in force is verified once more under it, and what the old one alone vouched for ends.
//!
//! To take the policy away at once would leave everybody without one in the middle of replacing a key; to leave it would let
//! whoever stole a key that has left go on. So there is a quarter of an hour, and operators are told from its first moment.

use std::sync::Arc;

use jiff::Timestamp;
use stopgate_decide::record::{RecordBody, RootRecord};
use stopgate_decide::supply::{Release, Signed, UNVOUCHED};

use super::look::RefusedUpdate;
use super::refusal::Refusal;
use super::root::Root;
use super::{Follower, Updated};

impl Follower {
    /// Goes by the newest trust root from here on, if it is another one. Returns whether it is the one to go by: as long as
    /// the log does not take it, nothing is looked at.
    pub(super) async fn take_root(&mut self) -> bool {
        let root = self.roots.borrow().clone();
        let is_other = root.digest != self.followed.root.digest;
        if !is_other && self.root_recorded {
            return true;
        }
        let record = RecordBody::Root(RootRecord {
            sidecar: self.sidecar.clone(),
            channel: self.followed.channel.to_string(),
            root: root.digest,
            version: root.version(),
        });
        if let Err(error) = self.audit.append(&record).await {
            let message = format!("the trust root in force cannot be recorded: {error}");
            let refused = RefusedUpdate::new(Refusal::AuditUnavailable, message);
            self.refuse(refused).await;
            return false;
        }
        self.root_recorded = true;
        if !is_other {
            return true;
        }
        if let Some(marks) = &mut self.marks {
            root.show(marks);
            self.write_marks().await;
        }
        // Before anything is asked of a store, which may be away: what is in force is here.
        let is_vouched = self.is_vouched(&root).await;
        self.keeper.go_by(&root);
        // What was refused under the old one may be good now.
        self.refused = None;
        self.told = None;
        let now = Timestamp::now();
        self.supply.send_modify(|supply| {
            supply.root = Some(Arc::clone(&root.trust));
            if is_vouched {
                supply.standing.unvouched = None;
            } else if supply.active.is_some() {
                supply.standing.unvouched.get_or_insert(now);
            }
        });
        tracing::warn!(version = root.version(), root = %root.digest, "trust root in force");
        self.followed.root = root;
        self.proven_before = true;
        true
    }

    /// Returns whether what is in force verifies under `root`: the release that put it in force, or else the bundle as it is
    /// kept.
    async fn is_vouched(&self, root: &Root) -> bool {
        let release = {
            let supply = self.supply.borrow();
            supply.active.as_ref().and_then(|active| active.release)
        };
        match (release, &self.release_file) {
            (Some(held), Some(file)) => Signed::<Release>::read(file, &root.trust)
                .is_ok_and(|release| release.digest() == held.release),
            // Of one that was begun with, only the store has the release.
            (Some(_), None) => false,
            (None, _) => self.keeper.is_good_under(root).await,
        }
    }

    /// Forgets what was proved under the trust root before and not under this one: who signed may have left.
    pub(super) fn prove_again(&mut self) {
        if std::mem::take(&mut self.proven_before) {
            self.supply
                .send_modify(|supply| supply.standing.proven = None);
        }
    }

    /// Notes whether the look that came to `updated` found what is in force, or something else, under the trust root, and
    /// tells operators when it did not.
    pub(super) fn vouch(&mut self, updated: &Result<Updated, RefusedUpdate>) {
        let Some(since) = self.supply.borrow().standing.unvouched else {
            return;
        };
        if matches!(updated, Ok(Updated::Well)) {
            self.unvouched.reset();
            self.supply
                .send_modify(|supply| supply.standing.unvouched = None);
            return;
        }
        if let Some(passed_over) = self.unvouched.tell() {
            let version = self.followed.root.version();
            let end = since.checked_add(UNVOUCHED).unwrap_or(Timestamp::MAX);
            tracing::error!(
                root = version,
                %end,
                passed_over,
                "bundle in force not verified under the trust root, nothing passes from then on"
            );
        }
    }
}
