//! What a look at the source finds, whatever the source is: a file, or a channel of releases.

use std::path::PathBuf;
use std::sync::Arc;

use stopgate_decide::supply::ChannelId;
use stopgate_store::StoreAddress;

use crate::config::Source;
use crate::source::{Unreadable, chain};

use super::Follower;
use super::channel::{ChannelLook, FoundChannel, NewRelease};
use super::look::{FoundBundle, FoundNew, FoundTimestamp, Look, NotFound, RefusedUpdate};
use super::refusal::Refusal;

impl Follower {
    /// Looks at the source, whatever that is, and returns what was found and the timestamp beside it.
    pub(super) async fn found(&mut self) -> (Result<FoundBundle, RefusedUpdate>, FoundTimestamp) {
        match self.followed.policy.source.clone() {
            Source::File(file) => self.found_file(file).await,
            Source::Store(store) => self.found_release(store).await,
        }
    }

    async fn found_release(
        &mut self,
        store: StoreAddress,
    ) -> (Result<FoundBundle, RefusedUpdate>, FoundTimestamp) {
        // A store can hold the channels of several organisations, so the configuration asks for one.
        let Some(organisation) = self.followed.organisation.clone() else {
            let message = "`organisation` is not configured";
            let refused = RefusedUpdate::new(Refusal::Organisation, message);
            return (Err(refused), Err(message.to_owned()));
        };
        let in_force = {
            let supply = self.supply.borrow();
            let release = supply.active.as_ref().and_then(|active| active.release);
            release.map(|held| held.release)
        };
        let look = ChannelLook {
            store,
            channel: ChannelId {
                organisation,
                channel: self.followed.channel.clone(),
            },
            root: self.followed.root.clone(),
            marks: self.marks.clone(),
            kept: self.kept_marks.clone(),
            most: self.followed.policy.max_bytes.bytes(),
            // Of the one in force nothing is read into memory, unless it has to be kept again, or its release was never seen.
            in_force: in_force.filter(|_| !self.keeper.is_spoilt() && self.release_file.is_some()),
        };
        let deadline = self.followed.policy.deadline.duration();
        let looked = self.looker.look(deadline, move || look.look()).await;
        let found = match looked {
            Ok(Ok(found)) => found,
            Ok(Err(why)) => {
                let message = chain(&why);
                return (Err(why.into()), Err(message));
            }
            Err(missed) => {
                let message = missed.to_string();
                return (Err(missed.into()), Err(message));
            }
        };
        let FoundChannel {
            marks,
            timestamp,
            new,
        } = found;
        self.marks = Some(marks);
        let new = new.map(|new| match new {
            None => FoundBundle::InForce,
            Some(NewRelease {
                held,
                verified,
                file,
            }) => FoundBundle::New(FoundNew {
                verified,
                file: None,
                release: Some(held),
                release_file: Some(Arc::new(file)),
            }),
        });
        let timestamp = timestamp.map_err(|why| chain(&why));
        (new.map_err(Into::into), timestamp)
    }

    async fn found_file(
        &self,
        file: PathBuf,
    ) -> (Result<FoundBundle, RefusedUpdate>, FoundTimestamp) {
        // Of the one in force nothing is read into memory, unless it has to be kept again.
        let in_force = self.in_force().filter(|_| !self.keeper.is_spoilt());
        let look = Look {
            file,
            root: Arc::clone(&self.followed.root.trust),
            most: self.followed.policy.max_bytes.bytes(),
            in_force,
            refused: self.refused,
        };
        let deadline = self.followed.policy.deadline.duration();
        let looked = self
            .looker
            .look(deadline, move || (look.look(), look.timestamp()))
            .await;
        let (found, timestamp) = match looked {
            Ok(looked) => looked,
            Err(missed) => {
                let message = missed.to_string();
                return (Err(missed.into()), Err(message));
            }
        };
        let found = found.map_err(|why| {
            // Who could replace it is told with the command that mends it, once as long as it lasts.
            if let NotFound::Unreadable(Unreadable::Replaceable(replaceable)) = &why
                && self.supply.borrow().refusal != Some(Refusal::MayBeReplaced)
            {
                replaceable.tell();
            }
            why.into()
        });
        (found, timestamp)
    }
}
