//! Business time: the calendar of `approvals.yaml`, in the policy's own zone, from the crate's own zone data.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

/// When it is business time.
#[derive(Debug, Clone, PartialEq)]
pub struct Calendar {
    zone: TimeZone,
    days: BTreeSet<Day>,
    from: Time,
    to: Time,
    holidays: BTreeSet<Date>,
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

    /// The word for it in documents.
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

    const fn of(day: Weekday) -> Self {
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
    /// A calendar in the IANA zone `zone`; business time begins at `from` and ends just before `to`.
    ///
    /// # Errors
    /// [`InvalidCalendar`] for an unknown zone, no days, or hours that end before they begin.
    pub fn new(
        zone: &str,
        days: BTreeSet<Day>,
        (from, to): (Time, Time),
        holidays: BTreeSet<Date>,
    ) -> Result<Self, InvalidCalendar> {
        let unknown = || InvalidCalendar::Zone(zone.to_owned());
        let zone = jiff::tz::db().get(zone).map_err(|_| unknown())?;
        if days.is_empty() {
            return Err(InvalidCalendar::NoDays);
        }
        if from >= to {
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

    /// The day of `now` in the policy's zone.
    #[must_use]
    pub fn date(&self, now: Timestamp) -> Date {
        self.zone.to_datetime(now).date()
    }

    /// Whether `now` is business time.
    #[must_use]
    pub fn is_business(&self, now: Timestamp) -> bool {
        let there = self.zone.to_datetime(now);
        self.days.contains(&Day::of(there.weekday()))
            && !self.holidays.contains(&there.date())
            && (self.from..self.to).contains(&there.time())
    }

    /// Name of the zone.
    #[must_use]
    pub fn zone(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// Days of business.
    #[must_use]
    pub const fn days(&self) -> &BTreeSet<Day> {
        &self.days
    }

    /// First instant of a business day, and the first one after it.
    #[must_use]
    pub const fn hours(&self) -> (Time, Time) {
        (self.from, self.to)
    }

    /// Days that are none.
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
            (time(9, 0, 0, 0), time(18, 0, 0, 0)),
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
}
