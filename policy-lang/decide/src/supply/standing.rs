//! How new the policy in force is known to be, and what may pass because of that.

use jiff::{SignedDuration, Timestamp};

use super::marks::{HeldRelease, Marks};
use super::signed::Signed;
use super::timestamp::TimestampDocument;
use super::trace::{ChannelId, SupplyRefusal};
use crate::bundle::TrustRoot;
use crate::freshness::Freshness;
use crate::surface::Limit;

/// How far a clock may be behind what was told of the time before: more is no drift between two machines' clocks, it was
/// set back.
const CLOCK_BEHIND: SignedDuration = SignedDuration::from_secs(2);

/// How long a policy goes on that a new trust root does not vouch for any more: long enough for publishers to sign it again,
/// short enough for whoever stole the key that has left.
pub const UNVOUCHED: SignedDuration = SignedDuration::from_mins(15);

/// Until when a release was known to be the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proven {
    /// When that was signed.
    pub issued: Timestamp,
    /// From this instant on it proves nothing.
    pub expires: Timestamp,
    /// The trust root that was the newest then is the one that is known here, or older.
    pub root_is_newest: bool,
}

/// What is known of the time, and of the policy in force at it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// The newest proof; `None` before the first.
    pub proven: Option<Proven>,
    /// The latest instant that was ever told of; `None` before the first.
    pub latest: Option<Timestamp>,
    /// Since when the policy does not verify under the trust root in force; `None` as long as it does.
    pub unvouched: Option<Timestamp>,
}

impl Standing {
    /// Returns the highest class of action that the age of the policy lets through at the instant `now`. A policy that
    /// says nothing of freshness is never too old, as long as the trust root in force vouches for it.
    #[must_use]
    pub fn limit(&self, freshness: Option<Freshness>, now: Timestamp) -> Limit {
        let is_over = |since| now.duration_since(since).abs() >= UNVOUCHED;
        if self.unvouched.is_some_and(is_over) {
            return Limit::None;
        }
        let Some(freshness) = freshness else {
            return Limit::High;
        };
        // Whoever sets the clock back would make an old policy look new.
        let is_behind = |latest| now.duration_since(latest) < SignedDuration::ZERO - CLOCK_BEHIND;
        if self.latest.is_some_and(is_behind) {
            return Limit::None;
        }
        let Some(proven) = self.proven else {
            return Limit::None;
        };
        let limit = freshness.limit(now.duration_since(proven.issued));
        // A signer who writes ten years gains nothing, and one who writes a minute is heard. A newer root may have dropped
        // the very key that signed what is in force.
        if now >= proven.expires || !proven.root_is_newest {
            limit.min(Limit::Low)
        } else {
            limit
        }
    }
}

/// How far a timestamp may be ahead of our clock: as far as a clock may be behind. One that is taken from further away would
/// make our own clock look set back and stop everything until then; refused, it is looked at again once it is time.
const CLOCK_AHEAD: SignedDuration = CLOCK_BEHIND;

/// Judges whether a timestamp is to be heard at the instant `now` by somebody with these `marks`: what it lists then
/// counts, whichever release is in force.
///
/// # Errors
/// [`SupplyRefusal`]: it is not of the channel that is `wanted`, from the future, or older than one that was seen.
pub fn is_newest(
    timestamp: &Signed<TimestampDocument>,
    wanted: &ChannelId,
    marks: &Marks,
    now: Timestamp,
) -> Result<(), SupplyRefusal> {
    let said = timestamp.document();
    wanted.is_of(&said.organisation, &said.channel)?;
    if said.issued.duration_since(now) > CLOCK_AHEAD {
        let issued = said.issued;
        return Err(SupplyRefusal::Future { issued, now });
    }
    if let Some(seen) = marks.issued.filter(|seen| said.issued < *seen) {
        return Err(SupplyRefusal::OlderTimestamp {
            offered: said.issued,
            seen,
        });
    }
    Ok(())
}

/// Judges a timestamp at the instant `now`, for somebody with these `marks`, who has the release `in_force` of the channel
/// that is `wanted`; `None` stands for a bundle that no release names.
///
/// # Errors
/// [`SupplyRefusal`], as [`is_newest`], or it tells of another newest release.
pub fn prove(
    timestamp: &Signed<TimestampDocument>,
    wanted: &ChannelId,
    root: &TrustRoot,
    marks: &Marks,
    in_force: Option<HeldRelease>,
    now: Timestamp,
) -> Result<Proven, SupplyRefusal> {
    is_newest(timestamp, wanted, marks, now)?;
    let said = timestamp.document();
    if let Some(held) = in_force {
        // An older one was the newest when this was signed: the release in force has come since.
        if said.version > held.version {
            return Err(SupplyRefusal::Withheld {
                named: said.version,
                held: held.version,
            });
        }
        if said.version == held.version && said.release != held.release {
            return Err(SupplyRefusal::Forked(said.version));
        }
    }
    Ok(Proven {
        issued: said.issued,
        expires: said.expires,
        root_is_newest: said.root <= root.statement().version,
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{World, held, now, wanted};
    use super::*;

    const MINUTE: SignedDuration = SignedDuration::from_mins(1);

    fn freshness() -> Freshness {
        Freshness::new(
            SignedDuration::from_mins(15),
            SignedDuration::from_hours(24),
        )
        .expect("two ages")
    }

    fn standing() -> Standing {
        Standing {
            proven: Some(Proven {
                issued: now(),
                expires: now() + SignedDuration::from_hours(48),
                root_is_newest: true,
            }),
            latest: Some(now()),
            unvouched: None,
        }
    }

    #[test]
    fn t11_p11_what_passes_falls_with_the_age_of_the_newest_timestamp() {
        let second = SignedDuration::from_secs(1);
        let at = |after: SignedDuration| standing().limit(Some(freshness()), now() + after);
        let (soft, hard) = (freshness().soft(), freshness().hard());
        for (after, limit) in [
            (SignedDuration::ZERO, Limit::High),
            (soft - second, Limit::High),
            (soft, Limit::High),
            (soft + second, Limit::Low),
            (hard, Limit::Low),
            (hard + second, Limit::None),
            (SignedDuration::from_hours(24 * 365 * 10), Limit::None),
        ] {
            assert_eq!(at(after), limit, "{after}");
        }
        // A policy that states no limit has none, and one that does has it before the first timestamp too.
        assert_eq!(standing().limit(None, Timestamp::MAX), Limit::High);
        let nothing = Standing::default();
        assert_eq!(nothing.limit(Some(freshness()), now()), Limit::None);
    }

    #[test]
    fn t33_p12_a_clock_that_was_set_back_permits_nothing() {
        let behind = |by: SignedDuration| standing().limit(Some(freshness()), now() - by);
        assert_eq!(behind(SignedDuration::from_secs(2)), Limit::High);
        for by in [
            SignedDuration::from_millis(2_001),
            MINUTE,
            SignedDuration::from_hours(24 * 365 * 10),
        ] {
            assert_eq!(behind(by), Limit::None, "{by}");
        }
    }

    #[test]
    fn p11_a_timestamp_can_shorten_its_life_and_not_lengthen_it() {
        let with = |expires| {
            let mut standing = standing();
            standing.proven.as_mut().expect("there").expires = expires;
            move |after| standing.limit(Some(freshness()), now() + after)
        };
        let short = with(now() + MINUTE);
        assert_eq!(short(MINUTE - SignedDuration::from_secs(1)), Limit::High);
        assert_eq!(short(MINUTE), Limit::Low);
        let long = with(Timestamp::MAX);
        assert_eq!(long(freshness().soft() + MINUTE), Limit::Low);
    }

    #[test]
    fn p5_a_root_that_is_withheld_makes_the_policy_stale() {
        let mut standing = standing();
        standing.proven.as_mut().expect("there").root_is_newest = false;
        assert_eq!(standing.limit(Some(freshness()), now()), Limit::Low);
    }

    #[test]
    fn p6_a_policy_that_the_root_does_not_vouch_for_ends_after_a_while() {
        let standing = Standing {
            unvouched: Some(now()),
            ..standing()
        };
        let second = SignedDuration::from_secs(1);
        for (after, limit) in [
            (SignedDuration::ZERO, Limit::High),
            (UNVOUCHED - second, Limit::High),
            (UNVOUCHED, Limit::None),
            // Nobody gains by setting the clock back.
            (SignedDuration::ZERO - UNVOUCHED, Limit::None),
        ] {
            assert_eq!(standing.limit(None, now() + after), limit, "{after}");
        }
        assert_eq!(
            standing.limit(Some(freshness()), now() + UNVOUCHED),
            Limit::None
        );
    }

    #[test]
    fn t11_a_timestamp_is_of_the_channel_and_never_older_than_another() {
        let world = World::new();
        let history = world.history(&["one!", "two"]);
        let [one, two] = history.as_slice() else {
            panic!("two")
        };
        let read = |edit: fn(&mut TimestampDocument)| {
            let mut document = world.timestamp(two);
            edit(&mut document);
            let bytes = world.sign(&document, &["clock"]);
            Signed::<TimestampDocument>::read(&bytes, &world.root).expect("a timestamp")
        };
        let judge = |edit: fn(&mut TimestampDocument), link| {
            let mut marks = world.marks();
            marks.issued = Some(now());
            prove(
                &read(edit),
                &wanted(),
                &world.root,
                &marks,
                Some(held(link)),
                now(),
            )
        };
        let proven = judge(|_| (), two).expect("it is one");
        assert_eq!(proven.issued, now());
        assert!(proven.root_is_newest);
        assert!(judge(|it| it.expires = Timestamp::MAX, two).is_ok());
        // What is taken never makes our own clock look set back.
        let ahead = judge(|it| it.issued = now() + CLOCK_AHEAD, two).expect("it is one");
        let standing = Standing {
            proven: Some(ahead),
            latest: Some(ahead.issued),
            unvouched: None,
        };
        assert_eq!(standing.limit(Some(freshness()), now()), Limit::High);
        for (edit, why) in [
            (
                (|it| it.channel = "dev".parse().expect("a name")) as fn(&mut TimestampDocument),
                "another channel",
            ),
            (
                |it| it.organisation = "other".parse().expect("a name"),
                "another organisation",
            ),
            (
                |it| it.issued = now() - SignedDuration::from_micros(1),
                "older",
            ),
            (
                |it| it.release = super::super::testing::digest("other"),
                "two of one version",
            ),
            (
                |it| {
                    it.issued = now() + SignedDuration::from_millis(2_001);
                    it.expires = Timestamp::MAX;
                },
                "from the future",
            ),
        ] {
            assert!(judge(edit, two).is_err(), "{why}");
        }
        // A newer release is withheld; one that came after the timestamp is not.
        assert!(matches!(
            judge(|_| (), one),
            Err(SupplyRefusal::Withheld { .. })
        ));
        let mut earlier = world.timestamp(one);
        earlier.issued = now();
        let bytes = world.sign(&earlier, &["clock"]);
        let earlier = Signed::<TimestampDocument>::read(&bytes, &world.root).expect("a timestamp");
        let proven = prove(
            &earlier,
            &wanted(),
            &world.root,
            &world.marks(),
            Some(held(two)),
            now(),
        );
        assert!(proven.is_ok());
        // What names a newer root than ours says that ours may be withheld.
        let proven = judge(|it| it.root = 2, two).expect("it is one");
        assert!(!proven.root_is_newest);
    }
}
