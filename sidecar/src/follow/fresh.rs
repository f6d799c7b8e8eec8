//! How new the policy in force is known to be: the newest timestamp, judged, and noted.
//!
//! It is judged beside what is in force and not beside what is offered: an update that is refused makes nothing older,
//! and a timestamp of a release that nobody could put in force makes nothing newer.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use stopgate_decide::freshness::Freshness;
use stopgate_decide::supply::{
    ChannelId, HeldRelease, Marks, Proven, Signed, SupplyRefusal, TimestampDocument, is_newest,
    prove,
};
use stopgate_decide::surface::Limit;

use super::look::{FoundTimestamp, RefusedUpdate};
use super::refusal::Refusal;
use super::{Follower, ListedStops};
use crate::source::chain;

/// Marks that say only that time has passed are written this seldom: it is how far a clock can be set back over a
/// restart without being noticed.
const NOTED: SignedDuration = SignedDuration::from_secs(60);

impl Follower {
    /// Notes that it is as late as it is, as far as the newest timestamp could last: a clock that was wrong once locks
    /// nobody out for longer than that. Whatever the look comes to, so that nobody stops the time by stopping the looks.
    pub(super) async fn pass_time(&mut self) {
        if self.unwritten {
            self.write_marks().await;
        }
        let freshness = {
            let supply = self.supply.borrow();
            supply
                .active
                .as_ref()
                .and_then(|active| active.bundle.freshness())
        };
        let (Some(freshness), Some(mut marks)) = (freshness, self.marks.clone()) else {
            return;
        };
        let Some(issued) = marks.issued else {
            return;
        };
        let last = issued
            .checked_add(freshness.hard())
            .unwrap_or(Timestamp::MAX);
        marks.see_time(Timestamp::now().min(last));
        self.stand(marks.time, None);
        self.note(marks).await;
    }

    /// Judges the timestamp that was found beside what is in force, and says from now on what its age lets through.
    ///
    /// # Errors
    /// It is none, proves nothing, or is so old that less passes because of that.
    pub(super) async fn prove(&mut self, found: FoundTimestamp) -> Result<(), RefusedUpdate> {
        let Some((channel, release, freshness)) = self.to_prove() else {
            // Nothing is in force, so nothing is too old.
            return Ok(());
        };
        let refused = |why: String| RefusedUpdate::new(Refusal::Timestamp, why);
        let Some(bytes) = found.map_err(refused)? else {
            let none = || refused("there is no timestamp of the channel".to_owned());
            return freshness.map_or(Ok(()), |_| Err(none()));
        };
        let mut marks = self.known_marks(&channel);
        let proven = self.judge(&bytes, &channel, &mut marks, release);
        // Under this trust root.
        self.proven_before &= proven.is_err();
        self.stand(marks.time, proven.as_ref().ok().copied());
        self.note(marks).await;
        let proven = proven?;
        // Operators hear of it before everything stops.
        let standing = self.supply.borrow().standing;
        match standing.limit(freshness, Timestamp::now()) {
            Limit::High => Ok(()),
            limit @ (Limit::None | Limit::ReadOnly | Limit::Low | Limit::Medium) => {
                Err(refused(format!(
                    "the newest timestamp is of {}: no more than {limit} passes",
                    proven.issued
                )))
            }
        }
    }

    /// Says which stops the newest timestamp lists.
    fn list(&self, listed: ListedStops) {
        self.supply.send_if_modified(|supply| {
            let is_new = *supply.listed != listed;
            let names_others = supply.listed.stops != listed.stops;
            if is_new {
                supply.listed = Arc::new(listed);
            }
            // Nobody is woken to hear that nothing has changed but the time.
            names_others
        });
    }

    /// Says what is known from now on.
    fn stand(&self, latest: Option<Timestamp>, proven: Option<Proven>) {
        self.supply.send_if_modified(|supply| {
            let before = supply.standing;
            supply.standing.latest = latest;
            supply.standing.proven = proven.or(before.proven);
            supply.standing != before
        });
    }

    fn judge(
        &self,
        bytes: &[u8],
        channel: &ChannelId,
        marks: &mut Marks,
        release: Option<HeldRelease>,
    ) -> Result<Proven, RefusedUpdate> {
        let root = &self.followed.root.trust;
        let refused = |why: SupplyRefusal| RefusedUpdate::new(Refusal::Timestamp, chain(&why));
        let document = Signed::<TimestampDocument>::read(bytes, root);
        let document = document.map_err(|why| {
            refused(SupplyRefusal::Document {
                what: "timestamp",
                why,
            })
        })?;
        let now = Timestamp::now();
        is_newest(&document, channel, marks, now).map_err(refused)?;
        // Whatever it says of releases: a stop counts also where the newest release is being withheld.
        let said = document.document();
        marks.issued = Some(said.issued);
        marks.see_time(said.issued);
        self.list(ListedStops {
            issued: Some(said.issued),
            stops: said.stops.clone(),
        });
        prove(&document, channel, root, marks, release, now).map_err(refused)
    }

    /// Returns whose channel it is, the release that is in force, and what its policy says of freshness; `None` while
    /// nothing is in force.
    fn to_prove(&self) -> Option<(ChannelId, Option<HeldRelease>, Option<Freshness>)> {
        let supply = self.supply.borrow();
        let active = supply.active.as_ref()?;
        let channel = ChannelId {
            organisation: active.bundle.organisation().clone(),
            channel: self.followed.channel.clone(),
        };
        Some((channel, active.release, active.bundle.freshness()))
    }

    /// Returns what was seen so far; of a bundle in a file, as long as this process runs.
    fn known_marks(&self, channel: &ChannelId) -> Marks {
        let ChannelId {
            organisation,
            channel,
        } = channel.clone();
        let new = || Marks::new(organisation, channel, &self.followed.root.trust);
        self.marks.clone().unwrap_or_else(new)
    }

    /// Keeps `marks`, on the disk too where they say more than what is there.
    async fn note(&mut self, marks: Marks) {
        let release = marks.release;
        let is_news = self.noted.is_none_or(|(issued, time)| {
            let is_later = match (marks.time, time) {
                (Some(time), Some(noted)) => time.duration_since(noted) >= NOTED,
                (time, _) => time.is_some(),
            };
            marks.issued > issued || is_later
        });
        self.marks = Some(marks);
        if is_news && release.is_some() {
            self.write_marks().await;
        }
    }
}
