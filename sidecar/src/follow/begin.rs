//! A start while the store may be away: the release that was in force when this sidecar ended, as far as it was kept.
//!
//! It is what the marks name, and verified again. Nothing newer than the marks is on this disk, so nothing is gone back
//! to; how new it is, the next timestamp has to prove.

use std::sync::Arc;

use stopgate_decide::supply::{ChannelId, HeldRelease, Marks};

use super::Follower;
use super::keeper::Last;
use crate::config::Source;
use crate::source::chain;

impl Follower {
    /// Puts the bundle that was verified last in force, although the root is past its date. No other bundle will be put
    /// in force.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub async fn start_from(&mut self, last: Last) -> Result<(), String> {
        let Last { verified, held } = last;
        let digest = verified.digest();
        // A bundle that was good for the start before is held to what this start is configured for.
        let activated = self.put_in_force(&Arc::new(verified), None).await;
        activated.map_err(|refused| refused.told.message)?;
        tracing::warn!(
            %digest,
            verified = %held.note.time,
            "trust root expired: started with the bundle that was verified last, no other is taken"
        );
        self.keeper.hold(held);
        let refused = self.expired();
        self.refuse(refused).await;
        Ok(())
    }

    /// Puts the release that was in force last in force again, if it was one of a store, and is kept. Whatever is wrong
    /// with it, the looks that follow find the channel's own.
    pub async fn begin(&mut self) {
        let Source::Store(_) = &self.followed.policy.source else {
            return;
        };
        // Where nothing was ever in force, there is nothing to say.
        let Some((marks, held)) = self.in_force_before().await else {
            return;
        };
        let last = Last::read(
            &self.followed.state_dir,
            &self.followed.policy,
            &self.followed.root,
        );
        let last = match last.await {
            Ok(last) if last.verified.digest() == held.bundle => last,
            Ok(_) => {
                return self.tell("the bundle that is kept is not the one that the marks name");
            }
            Err(why) => return self.tell(&why),
        };
        self.marks = Some(marks);
        match self
            .put_in_force(&Arc::new(last.verified), Some(held))
            .await
        {
            Ok(_) => self.keeper.hold(last.held),
            Err(refused) => self.tell(&refused.told.message),
        }
    }

    /// Returns the marks, and the release that they name as the one that was in force last.
    async fn in_force_before(&self) -> Option<(Marks, HeldRelease)> {
        let channel = ChannelId {
            organisation: self.followed.organisation.clone()?,
            channel: self.followed.channel.clone(),
        };
        let (kept, root) = (
            self.kept_marks.clone(),
            Arc::clone(&self.followed.root.trust),
        );
        let deadline = self.followed.policy.deadline.duration();
        let read = self
            .looker
            .look(deadline, move || kept.read(&channel, &root))
            .await;
        match read {
            Ok(Ok(mut marks)) => {
                let (ours, seen) = (self.followed.root.trust.statement().version, marks.root);
                if ours < seen {
                    // The first look says so, and takes nothing.
                    self.tell(&format!("the trust root is version {ours}, not {seen}"));
                    return None;
                }
                // A root that takes back versions takes back what was in force too.
                self.followed.root.show(&mut marks);
                let held = marks.release?;
                Some((marks, held))
            }
            // The first look says so, and takes nothing.
            Ok(Err(why)) => {
                self.tell(&chain(&why));
                None
            }
            Err(missed) => {
                self.tell(&missed.to_string());
                None
            }
        }
    }

    fn tell(&self, problem: &str) {
        tracing::warn!(
            problem,
            "started without the release that was in force last: the store is asked for the channel's"
        );
    }
}
