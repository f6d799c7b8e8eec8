//! `approvals.yaml`: of it, the business calendar.

use std::collections::BTreeSet;

use super::read::{Record, list, set};
use super::scalar::{date, hours, raw, word};
use crate::calendar::{Calendar, Day, InvalidCalendar};
use crate::diagnostic::{Diagnostics, shape as say};
use crate::source::node::Node;

pub(crate) fn read(root: &Node, dx: &mut Diagnostics) -> Option<Calendar> {
    let record = Record::document(root, "approvals.yaml", &["calendar"], dx)?;
    let keys = ["zone", "days", "hours", "holidays"];
    let record = Record::open(record.need("calendar", dx)?, "a calendar", &keys, dx)?;
    let zone = record
        .need("zone", dx)
        .and_then(|node| Some((raw(node, dx)?, node.span)));
    let days = record
        .need("days", dx)
        .map(|node| (set(node, dx, word::<Day>), node.span));
    let span = record.get("hours").map(|node| node.span);
    let hours = record.need("hours", dx).and_then(|node| hours(node, dx));
    let holidays = record
        .get("holidays")
        .map(|node| list(node, dx, date))
        .unwrap_or_default();

    let ((zone, zone_span), (days, days_span)) = (zone?, days?);
    let days: BTreeSet<Day> = days.into_iter().map(|day| day.value).collect();
    let no_days = days.is_empty();
    match Calendar::new(&zone.text, days, hours?, holidays.into_iter().collect()) {
        Ok(calendar) => Some(calendar),
        Err(InvalidCalendar::NoDays) if no_days => None,
        Err(why) => {
            let (span, help) = match why {
                InvalidCalendar::Zone(_) => (zone_span, "write a name such as `Europe/Lisbon`"),
                InvalidCalendar::NoDays => (days_span, "name at least one day"),
                InvalidCalendar::Hours => (span?, "write hours of one day, such as `09:00-18:00`"),
            };
            dx.push(say::invalid_calendar(span, &why.to_string(), help));
            None
        }
    }
}
