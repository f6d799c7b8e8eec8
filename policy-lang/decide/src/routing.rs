//! Who is asked, and by when: routes, their seats, and deadlines, as `approvals.yaml` states them.
//!
//! A route is chosen by level, tool and operation, never by a rule, so an attempt has one route a level at most.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::name::{OperationName, ProfileName, RouteName, ToolName};
use crate::surface::Approval;

/// People who can be asked for one level of approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Its name.
    pub id: RouteName,
    /// What its approval counts as; never automatic.
    pub level: Approval,
    /// Tools it answers for; empty is all.
    pub tools: BTreeSet<ToolName>,
    /// Operations of those tools it answers for; empty is all.
    pub operations: BTreeSet<OperationName>,
    /// All of them have to be filled, each by different people. Never empty.
    pub seats: Vec<Seat>,
}

/// Votes that have to come from holders of certain profiles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seat {
    /// Who fills it holds one of these, itself or by inheritance. Never empty.
    pub profiles: BTreeSet<ProfileName>,
    /// How many different people have to vote; at least one.
    pub votes: u32,
}

impl Route {
    /// Returns how specific the route is for `operation` of `tool` at `level`: one for naming tools and one for naming
    /// operations, so 0 to 2. Returns `None` if the route does not answer for them.
    fn specificity(
        &self,
        level: Approval,
        tool: &ToolName,
        operation: &OperationName,
    ) -> Option<u8> {
        let Self {
            id: _,
            level: answered,
            tools,
            operations,
            seats: _,
        } = self;
        // Empty names everything, so such a route answers and is less specific.
        let reaches_tool = tools.is_empty() || tools.contains(tool);
        let reaches_operation = operations.is_empty() || operations.contains(operation);
        let reaches = *answered == level && reaches_tool && reaches_operation;
        reaches
            .then_some(u8::from(!tools.is_empty()).saturating_add(u8::from(!operations.is_empty())))
    }
}

/// Returns those of `routes` that answer for `operation` of `tool` at `level` and are the most specific to do so. In a
/// sound policy that is one route.
#[must_use]
pub fn most_specific<'r>(
    routes: &'r [Route],
    level: Approval,
    tool: &ToolName,
    operation: &OperationName,
) -> Vec<&'r Route> {
    let of = |route: &&Route| route.specificity(level, tool, operation);
    let best = routes.iter().filter_map(|route| of(&route)).max();
    routes
        .iter()
        .filter(|route| best.is_some() && of(route) == best)
        .collect()
}

/// By when something has to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deadlines {
    /// For the user's confirmation and the dry run.
    pub confirm: Duration,
    /// For people to vote.
    pub decide: Duration,
    /// From approved to used.
    #[serde(rename = "use")]
    pub consume: Duration,
}

impl Deadlines {
    /// What holds when `approvals.yaml` states none.
    pub const DEFAULT: Self = Self {
        confirm: Duration {
            amount: 30,
            unit: Unit::Minutes,
        },
        decide: Duration {
            amount: 4,
            unit: Unit::BusinessHours,
        },
        consume: Duration {
            amount: 15,
            unit: Unit::Minutes,
        },
    };
}

/// A length of time, as documents write it: `30m`, `4bh`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Duration {
    amount: u32,
    unit: Unit,
}

/// What a [`Duration`] counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// `s`
    Seconds,
    /// `m`
    Minutes,
    /// `h`
    Hours,
    /// `d`: 24 hours.
    Days,
    /// `bh`: hours of the business calendar.
    BusinessHours,
}

/// Not a duration of documents.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a duration is a whole number above 0 and a unit: s, m, h, d, or bh for business hours; a year at most"
)]
pub struct InvalidDuration;

impl Unit {
    const ALL: [Self; 5] = [
        Self::Seconds,
        Self::Minutes,
        Self::Hours,
        Self::Days,
        Self::BusinessHours,
    ];

    const fn word(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Minutes => "m",
            Self::Hours => "h",
            Self::Days => "d",
            Self::BusinessHours => "bh",
        }
    }

    const fn seconds(self) -> u32 {
        match self {
            Self::Seconds => 1,
            Self::Minutes => 60,
            Self::Hours | Self::BusinessHours => 3_600,
            Self::Days => 86_400,
        }
    }

    /// Returns how many of this unit a duration may count: as many as make a year.
    const fn a_year(self) -> u32 {
        match self {
            Self::Seconds => 31_536_000,
            Self::Minutes => 525_600,
            Self::Hours | Self::BusinessHours => 8_760,
            Self::Days => 365,
        }
    }
}

impl Duration {
    /// Returns how many units the duration counts.
    #[must_use]
    pub const fn amount(self) -> u32 {
        self.amount
    }

    /// Returns the unit that the duration counts.
    #[must_use]
    pub const fn unit(self) -> Unit {
        self.unit
    }
}

impl Duration {
    /// Returns how long the duration lasts by the clock; `None` for business hours, which pass as the calendar says.
    #[must_use]
    pub fn by_clock(self) -> Option<SignedDuration> {
        let seconds = i64::try_from(self.seconds()).ok()?;
        (self.unit != Unit::BusinessHours).then(|| SignedDuration::from_secs(seconds))
    }

    /// Compares when the two durations end if both begin together, whatever the calendar says; returns `None` where it
    /// depends on the calendar. Business hours pass no faster than other hours, so as many of them end no sooner, while
    /// fewer of them can end before or after.
    #[must_use]
    pub fn compare(self, other: Self) -> Option<Ordering> {
        let by_clock = self.seconds().cmp(&other.seconds());
        match (
            self.unit == Unit::BusinessHours,
            other.unit == Unit::BusinessHours,
        ) {
            // One clock counts both.
            (true, true) | (false, false) => Some(by_clock),
            // Business time may stand still: as many hours of it or more end later, fewer may do either.
            (true, false) => by_clock.is_ge().then_some(Ordering::Greater),
            (false, true) => by_clock.is_le().then_some(Ordering::Less),
        }
    }

    /// Returns the length in seconds, as if all of it were business time.
    fn seconds(self) -> u64 {
        u64::from(self.amount).saturating_mul(u64::from(self.unit.seconds()))
    }
}

impl FromStr for Duration {
    type Err = InvalidDuration;

    fn from_str(text: &str) -> Result<Self, InvalidDuration> {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let word = text.strip_prefix(digits).ok_or(InvalidDuration)?;
        let unit = Unit::ALL.into_iter().find(|unit| unit.word() == word);
        let unit = unit.ok_or(InvalidDuration)?;
        // One spelling a duration: no sign, no leading zero.
        let amount = digits.parse::<u32>().map_err(|_| InvalidDuration)?;
        if amount == 0 || amount > unit.a_year() || amount.to_string() != digits {
            return Err(InvalidDuration);
        }
        Ok(Self { amount, unit })
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.amount, self.unit.word())
    }
}

impl Serialize for Duration {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_compare_where_the_calendar_has_no_say() {
        let compare = |a: &str, b: &str| {
            let duration = |text: &str| text.parse::<Duration>().unwrap();
            duration(a).compare(duration(b))
        };
        for (a, b, ordering) in [
            ("60m", "1h", Some(Ordering::Equal)),
            ("1d", "24h", Some(Ordering::Equal)),
            ("45s", "1m", Some(Ordering::Less)),
            ("2bh", "4bh", Some(Ordering::Less)),
            ("4h", "4bh", Some(Ordering::Less)),
            ("4h", "5bh", Some(Ordering::Less)),
            ("4h", "3bh", None),
            ("4bh", "8h", None),
            ("365d", "1s", Some(Ordering::Greater)),
        ] {
            assert_eq!(compare(a, b), ordering, "{a} {b}");
            let reversed = ordering.map(Ordering::reverse);
            assert_eq!(compare(b, a), reversed, "{b} {a}");
        }
    }

    #[test]
    fn only_durations_by_the_clock_have_a_length_without_the_calendar() {
        for (text, seconds) in [
            ("45s", Some(45)),
            ("15m", Some(900)),
            ("24h", Some(86_400)),
            ("1d", Some(86_400)),
            ("365d", Some(31_536_000)),
            ("4bh", None),
        ] {
            let duration: Duration = text.parse().unwrap();
            let length = seconds.map(SignedDuration::from_secs);
            assert_eq!(duration.by_clock(), length, "{text}");
        }
    }

    #[test]
    fn durations_have_one_spelling() {
        for fine in ["30m", "4bh", "15s", "1h", "365d"] {
            assert_eq!(fine.parse::<Duration>().unwrap().to_string(), fine);
        }
        for wrong in [
            "",
            "m",
            "0m",
            "04h",
            "+4h",
            "4 h",
            "4H",
            "366d",
            "4w",
            "4b",
            "-4h",
            "4294967296s",
        ] {
            assert!(wrong.parse::<Duration>().is_err(), "{wrong}");
        }
    }
}
