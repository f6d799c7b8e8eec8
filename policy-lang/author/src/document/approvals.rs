//! `approvals.yaml`: the business calendar, who is asked for which level of approval, and by when.

use std::collections::BTreeSet;

use stopgate_decide::calendar::{Calendar, Day, InvalidCalendar};
use stopgate_decide::name::{OperationName, ProfileName, RouteName, ToolName};
use stopgate_decide::routing::{Deadlines, Duration};
use stopgate_decide::surface::Approval;

use crate::diagnostic::{Diagnostics, approvals as facts, shape as say};
use crate::source::node::{Node, Value};
use crate::source::{Span, Spanned};

use super::read::{Record, STOPGATE, list, set};
use super::scalar::{Word as _, date, form, hours, integer, longer, name, raw, word};
use super::shape::{
    Absent, Bond, Entries, Field, Form, List, Loosens, Shape, Spelling, Weight, WordMeaning,
};

/// Most people that one seat can ask for.
const MAX_VOTES: i64 = 20;

/// `approvals.yaml`.
pub(crate) const SHAPE: Shape = Shape {
    what: "approvals.yaml",
    fields: &[
        STOPGATE,
        Field::required(
            "calendar",
            Loosens::Within,
            Form::Record(&CALENDAR),
            "When it is business time: what `context.time.business` means in rules, and what business hours are.",
        ).weighs(Weight::Grave),
        Field::optional(
            "deadlines",
            Loosens::Within,
            Form::Record(&DEADLINES),
            "By when an approval has to get on; what is late expires.",
        ),
        Field::optional(
            "routes",
            Loosens::Any,
            Form::list(&Form::Record(&ROUTE), Entries::Keyed("id")),
            "Who is asked. For each level, tool and operation exactly one route answers: the most specific.",
        ).absent(Absent::Same("[]")).weighs(Weight::Entry { key: "level", word: Approval::Committee.as_str() }),
    ],
    bonds: &[],
};

const CALENDAR: Shape = Shape {
    what: "a calendar",
    fields: &[
        Field::required(
            "zone",
            Loosens::Any,
            Form::Raw,
            "Time zone of days and hours, by its IANA name such as `Europe/Lisbon`.",
        ),
        Field::required(
            "days",
            Loosens::Any,
            Form::set(&form::word::<Day>()),
            "Days of the week with business hours.",
        ),
        Field::required(
            "hours",
            Loosens::Any,
            form::HOURS,
            "Business hours of such a day, from the first minute to just before the last.",
        ),
        Field::optional(
            "holidays",
            Loosens::Any,
            Form::list(&form::DATE, Entries::Set),
            "Dates without business hours. Left out: none.",
        )
        .absent(Absent::Same("[]")),
    ],
    bonds: &[],
};

const DEADLINES: Shape = Shape {
    what: "deadlines",
    fields: &[
        Field::optional(
            "confirm",
            Loosens::Higher,
            DURATION,
            "How long the user's confirmation and the dry run may take. Left out: 30m.",
        )
        .absent(Absent::Same("30m")),
        Field::optional(
            "decide",
            Loosens::Higher,
            DURATION,
            "How long the people of a route may take. Left out: 4bh, four business hours.",
        )
        .absent(Absent::Same("4bh")),
        Field::optional(
            "use",
            Loosens::Higher,
            DURATION,
            "How long an approved call may wait before it runs. Left out: 15m.",
        )
        .absent(Absent::Same("15m")),
    ],
    bonds: &[],
};

const DURATION: Form = Form::Spelt(Spelling {
    pattern: "^[1-9][0-9]*(s|m|h|d|bh)$",
    examples: &["30m", "4bh"],
    help: "write a whole number and a unit, `s`, `m`, `h`, `d` or `bh` for business hours, such as `30m` or `4bh`",
    order: Some(longer),
});

const ROUTE: Shape = Shape {
    what: "a route",
    fields: &[
        Field::required(
            "id",
            Loosens::Outside,
            form::NAME,
            "Name of the route, unique in the document.",
        ),
        Field::required(
            "level",
            Loosens::Any,
            Form::Word(levels),
            "The level of approval for which this route is asked.",
        ),
        Field::optional(
            "tools",
            Loosens::Any,
            Form::set(&form::NAME),
            "Tools that the route answers for. Left out: every tool without a route of its own.",
        ),
        Field::optional(
            "operations",
            Loosens::Any,
            Form::set(&form::NAME),
            "Operations of `tools` that the route answers for. Left out: all of them.",
        ),
        Field::required(
            "seats",
            Loosens::Removed,
            Form::List(List {
                of: &Form::Record(&SEAT),
                empty: false,
                unique: false,
                entries: Entries::Alike,
            }),
            "All seats have to be filled, by different people. The requester fills none, and one rejection is final.",
        ),
    ],
    bonds: &[Bond::Beside {
        key: "operations",
        other: "tools",
    }],
};

const SEAT: Shape = Shape {
    what: "a seat",
    fields: &[
        Field::required(
            "profiles",
            Loosens::Added,
            Form::set(&form::NAME),
            "Who can fill the seat: people who hold one of these profiles.",
        ),
        Field::required(
            "votes",
            Loosens::Lower,
            Form::Integer {
                least: 1,
                most: MAX_VOTES,
            },
            "How many different people have to say yes in this seat.",
        ),
    ],
    bonds: &[],
};

/// Returns the levels of approval that ask somebody: all but the automatic one.
fn levels() -> Vec<WordMeaning> {
    let asks = |level: &&Approval| **level != Approval::Automatic;
    let meaning = |level: &Approval| WordMeaning {
        word: level.word().to_owned(),
        meaning: level.meaning(),
    };
    Approval::ALL.iter().filter(asks).map(meaning).collect()
}

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
    let record = Record::document(root, &SHAPE, dx)?;
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
            // As many as were written: one that cannot be read may be the one that answers.
            stated = entries.len();
        }
        list(node, dx, route)
    });
    let routes = routes.unwrap_or_default();
    // Where a missing route would be added.
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
    let record = Record::open(node, &CALENDAR, dx)?;
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
    // The empty list was told of already.
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
    let record = Record::open(node, &DEADLINES, dx)?;
    // Each deadline has its own default, so one that is stated changes no other.
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
        .map_err(|why: stopgate_decide::routing::InvalidDuration| {
            dx.push(say::invalid_text(
                node.span,
                &why.to_string(),
                "write it as `30m` or `4bh`",
            ));
        })
        .ok()
}

fn route(node: &Node, dx: &mut Diagnostics) -> Option<RouteDoc> {
    let record = Record::open(node, &ROUTE, dx)?;
    let id = record.need("id", dx).and_then(|node| name(node, dx));
    let level = record.need("level", dx).and_then(|node| level(node, dx));
    let tools = record.get("tools").map(|node| set(node, dx, name));
    let operations = record.entry("operations").map(|(key, node)| {
        // Operations have names in their tool only.
        if record.get("tools").is_none() {
            dx.push(facts::operations_without_tools(key.span));
        }
        set(node, dx, name)
    });
    let seats = record.need("seats", dx).map(|node| {
        // A route without seats would be approved by nobody at all.
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
    let record = Record::open(node, &SEAT, dx)?;
    let profiles = record.need("profiles", dx).map(|node| set(node, dx, name));
    let votes = record
        .need("votes", dx)
        .and_then(|node| integer(node, 1, MAX_VOTES, dx));
    Some(SeatDoc {
        profiles: profiles?,
        votes: u32::try_from(votes?).ok()?,
    })
}
