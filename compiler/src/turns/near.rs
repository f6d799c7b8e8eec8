//! Values on the other side of where an answer may change: numbers beside a constant, hours beside business time.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use stopgate_decide::calendar::Calendar;

/// Hours within which every calendar has both business time and none: it repeats week by week, and one week may be a
/// holiday.
const HOURS: i64 = 24 * 14;

/// Returns every number with its two neighbours: a comparison changes its mind at its constant or beside it.
pub(crate) fn around(numbers: impl IntoIterator<Item = i64>) -> BTreeSet<i64> {
    let beside = |number: i64| [number.saturating_sub(1), number, number.saturating_add(1)];
    numbers.into_iter().flat_map(beside).collect()
}

/// Returns the first full hour after `start` on the other side of business time, or `None` if there is none near.
pub(crate) fn across(calendar: &Calendar, start: Timestamp) -> Option<Timestamp> {
    let business = calendar.is_business(start);
    let hours = (1..HOURS).map(SignedDuration::from_hours);
    let mut later = hours.filter_map(|hours| start.checked_add(hours).ok());
    later.find(|later| calendar.is_business(*later) != business)
}
