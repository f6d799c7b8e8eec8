//! `approvals.yaml`: the business calendar, who is asked for which level of approval, and by when.

use std::collections::BTreeSet;

use super::read::{Record, list, set};
use super::scalar::{date, hours, integer, name, raw, word};
use crate::calendar::{Calendar, Day, InvalidCalendar};
use crate::diagnostic::{Diagnostics, approvals as facts, shape as say};
use crate::name::{OperationName, ProfileName, RouteName, ToolName};
use crate::routing::{Deadlines, Duration};
use crate::source::node::{Node, Value};
use crate::source::{Span, Spanned};
use crate::surface::Approval;

/// Most people that one seat can ask for.
const MAX_VOTES: i64 = 20;

#[derive(Default)]
pub(crate) struct ApprovalsDoc {
    pub(crate) calendar: Option<Calendar>,
    pub(crate) deadlines: Option<Deadlines>,
    pub(crate) routes: Vec<RouteDoc>,
    /// Whether every route could be read.
    pub(crate) routes_sound: bool,
    /// Where a route could be added.
    pub(crate) routes_span: Option<Span>,
}

pub(crate) struct RouteDoc {
    pub(crate) id: Spanned<RouteName>,
    pub(crate) level: Approval,
    pub(crate) tools: Vec<Spanned<ToolName>>,
    pub(crate) operations: Vec<Spanned<OperationName>>,
    pub(crate) seats: Vec<SeatDoc>,
}

pub(crate) struct SeatDoc {
    pub(crate) profiles: Vec<Spanned<ProfileName>>,
    pub(crate) votes: u32,
}

pub(crate) fn read(root: &Node, dx: &mut Diagnostics) -> Option<ApprovalsDoc> {
    let keys = ["calendar", "deadlines", "routes"];
    let record = Record::document(root, "approvals.yaml", &keys, dx)?;
    let calendar = record
        .need("calendar", dx)
        .and_then(|node| calendar(node, dx));
    let deadlines = match record.get("deadlines") {
        Some(node) => deadlines(node, dx),
        None => Some(Deadlines::DEFAULT),
    };
    let mut stated = 0;
    let routes = record.get("routes").map(|node| {
        if let Value::Sequence(entries) = &node.value {
            stated = entries.len();
        }
        list(node, dx, route)
    });
    let routes = routes.unwrap_or_default();
    let key = record.entry("routes").or_else(|| record.entry("calendar"));
    Some(ApprovalsDoc {
        calendar,
        deadlines,
        routes_sound: routes.len() == stated,
        routes,
        routes_span: key.map(|(key, _)| key.span),
    })
}

fn calendar(node: &Node, dx: &mut Diagnostics) -> Option<Calendar> {
    let keys = ["zone", "days", "hours", "holidays"];
    let record = Record::open(node, "a calendar", &keys, dx)?;
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

fn deadlines(node: &Node, dx: &mut Diagnostics) -> Option<Deadlines> {
    let record = Record::open(node, "deadlines", &["confirm", "decide", "use"], dx)?;
    let mut of = |key, default| match record.get(key) {
        Some(node) => duration(node, dx),
        None => Some(default),
    };
    let (confirm, decide, consume) = (
        of("confirm", Deadlines::DEFAULT.confirm),
        of("decide", Deadlines::DEFAULT.decide),
        of("use", Deadlines::DEFAULT.consume),
    );
    Some(Deadlines {
        confirm: confirm?,
        decide: decide?,
        consume: consume?,
    })
}

fn duration(node: &Node, dx: &mut Diagnostics) -> Option<Duration> {
    let text = &raw(node, dx)?.text;
    text.parse()
        .map_err(|why: crate::routing::InvalidDuration| {
            dx.push(say::invalid_text(
                node.span,
                &why.to_string(),
                "write it as `30m` or `4bh`",
            ));
        })
        .ok()
}

fn route(node: &Node, dx: &mut Diagnostics) -> Option<RouteDoc> {
    let keys = ["id", "level", "tools", "operations", "seats"];
    let record = Record::open(node, "a route", &keys, dx)?;
    let id = record.need("id", dx).and_then(|node| name(node, dx));
    let level = record.need("level", dx).and_then(|node| level(node, dx));
    let tools = record.get("tools").map(|node| set(node, dx, name));
    let operations = record.entry("operations").map(|(key, node)| {
        if record.get("tools").is_none() {
            dx.push(facts::operations_without_tools(key.span));
        }
        set(node, dx, name)
    });
    let seats = record.need("seats", dx).map(|node| {
        if matches!(&node.value, Value::Sequence(entries) if entries.is_empty()) {
            dx.push(say::empty_list(node.span));
        }
        list(node, dx, seat)
    });
    Some(RouteDoc {
        id: id?,
        level: level?,
        tools: tools.unwrap_or_default(),
        operations: operations.unwrap_or_default(),
        seats: seats?,
    })
}

fn level(node: &Node, dx: &mut Diagnostics) -> Option<Approval> {
    let level = word::<Approval>(node, dx)?;
    if level.value == Approval::Automatic {
        dx.push(facts::automatic_route(node.span));
        return None;
    }
    Some(level.value)
}

fn seat(node: &Node, dx: &mut Diagnostics) -> Option<SeatDoc> {
    let record = Record::open(node, "a seat", &["profiles", "votes"], dx)?;
    let profiles = record.need("profiles", dx).map(|node| set(node, dx, name));
    let votes = record
        .need("votes", dx)
        .and_then(|node| integer(node, 1, MAX_VOTES, dx));
    Some(SeatDoc {
        profiles: profiles?,
        votes: u32::try_from(votes?).ok()?,
    })
}
