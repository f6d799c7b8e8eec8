//! Another trust root: what is in force is verified once more under it, and what the old one alone vouched for ends.
//!
//! To take the policy away at once would leave everybody without one in the middle of replacing a key; to leave it would let
//! whoever stole a key that has left go on. So there is a quarter of an hour, and operators are told from its first moment.

use std::sync::Arc;

use jiff::Timestamp;
use stopgate_decide::record::{RecordBody, RootRecord};
use stopgate_decide::supply::UNVOUCHED;

use super::look::RefusedUpdate;
use super::{Follower, Updated};

impl Follower {
    /// Goes by the newest trust root from here on, if it is another one and the log takes it.
    pub(super) async fn take_root(&mut self) {
        let root = self.roots.borrow().clone();
        if root.digest == self.followed.root.digest {
            return;
        }
        let record = RecordBody::Root(RootRecord {
            sidecar: self.sidecar.clone(),
            channel: self.followed.channel.to_string(),
            root: root.digest,
            version: root.version(),
        });
        if let Err(error) = self.audit.append(&record).await {
            tracing::error!(%error, "trust root not recorded, it is taken at the next look");
            return;
        }
        if let Some(marks) = &mut self.marks {
            root.show(marks);
            self.write_marks().await;
        }
        self.keeper.go_by(&root);
        // What was refused under the old one may be good now.
        self.refused = None;
        self.told = None;
        let now = Timestamp::now();
        self.supply.send_modify(|supply| {
            supply.root = Some(Arc::clone(&root.trust));
            // Who listed may have left.
            supply.listed = Arc::default();
            if supply.active.is_some() {
                supply.standing.unvouched.get_or_insert(now);
            }
        });
        tracing::warn!(version = root.version(), root = %root.digest, "trust root in force");
        self.followed.root = root;
        self.proven_before = true;
    }

    /// Forgets what was proved under the trust root before, unless it `is_proven` under this one too: who signed may have
    /// left.
    pub(super) fn prove_again(&mut self, is_proven: bool) {
        if std::mem::take(&mut self.proven_before) && !is_proven {
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
