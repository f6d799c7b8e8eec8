//! How old a policy may be, and what its age still lets through.
//!
//! Nobody here looks at a clock: whoever follows a channel knows how old its newest timestamp is, and judges the clock
//! that says so.

use jiff::SignedDuration;

use crate::surface::Limit;

/// Shortest age that can be set. Bundles say ages in whole seconds, and at 0 no policy would ever be fresh.
const SHORTEST: SignedDuration = SignedDuration::from_secs(1);

/// How old the policy of a channel may be, counted from the newest timestamp of the channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    soft: SignedDuration,
    hard: SignedDuration,
}

/// Two ages that are no limit of a policy's age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`soft` is a second at least, and `hard` is no shorter than `soft`")]
pub struct InvalidFreshness;

impl Freshness {
    /// Makes the limit: beyond `soft` only actions up to class `low` pass, beyond `hard` nothing does.
    ///
    /// # Errors
    /// [`InvalidFreshness`]: `soft` is shorter than a second, or `hard` shorter than `soft`.
    pub fn new(soft: SignedDuration, hard: SignedDuration) -> Result<Self, InvalidFreshness> {
        if soft < SHORTEST || hard < soft {
            return Err(InvalidFreshness);
        }
        Ok(Self { soft, hard })
    }

    /// Returns the age up to which everything passes that ceilings and rules let through.
    #[must_use]
    pub const fn soft(self) -> SignedDuration {
        self.soft
    }

    /// Returns the age up to which actions pass at all.
    #[must_use]
    pub const fn hard(self) -> SignedDuration {
        self.hard
    }

    /// Returns the highest class that a policy of this age lets through. A negative age, of a timestamp from the future,
    /// counts as fresh: it says that a clock is wrong, which is judged where clocks are compared.
    #[must_use]
    pub fn limit(self, age: SignedDuration) -> Limit {
        if age <= self.soft {
            Limit::High
        } else if age <= self.hard {
            Limit::Low
        } else {
            Limit::None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: i64) -> SignedDuration {
        SignedDuration::from_secs(seconds)
    }

    #[test]
    fn an_older_policy_lets_less_through() {
        let (soft, hard) = (900, 86_400);
        let freshness = Freshness::new(seconds(soft), seconds(hard)).expect("a limit");
        for (age, limit) in [
            (seconds(0), Limit::High),
            (seconds(soft - 1), Limit::High),
            (seconds(soft), Limit::High),
            (SignedDuration::new(soft, 1), Limit::Low),
            (seconds(soft + 1), Limit::Low),
            (seconds(hard - 1), Limit::Low),
            (seconds(hard), Limit::Low),
            (SignedDuration::new(hard, 1), Limit::None),
            (seconds(hard + 1), Limit::None),
            (SignedDuration::MAX, Limit::None),
        ] {
            assert_eq!(freshness.limit(age), limit, "{age:?}");
        }
    }

    #[test]
    fn a_timestamp_from_the_future_is_fresh() {
        let freshness = Freshness::new(seconds(60), seconds(60)).expect("a limit");
        for age in [seconds(-1), SignedDuration::new(0, -1), SignedDuration::MIN] {
            assert_eq!(freshness.limit(age), Limit::High, "{age:?}");
        }
    }

    #[test]
    fn where_both_ages_are_one_nothing_passes_beyond_it() {
        let freshness = Freshness::new(seconds(60), seconds(60)).expect("a limit");
        assert_eq!(freshness.limit(seconds(60)), Limit::High);
        assert_eq!(freshness.limit(seconds(61)), Limit::None);
    }

    #[test]
    fn no_limit_is_shorter_than_a_second_or_ends_before_it_begins() {
        for (soft, hard) in [
            (seconds(0), seconds(60)),
            (seconds(-60), seconds(60)),
            (SignedDuration::from_millis(999), seconds(60)),
            (seconds(60), seconds(59)),
            (seconds(60), seconds(-60)),
        ] {
            assert_eq!(Freshness::new(soft, hard), Err(InvalidFreshness));
        }
        let shortest = Freshness::new(seconds(1), seconds(1)).expect("a limit");
        assert_eq!((shortest.soft(), shortest.hard()), (seconds(1), seconds(1)));
    }
}
