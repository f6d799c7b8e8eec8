//! How many approvals the two policies ask people for, on which day, and of whom.
//!
//! A routed attempt that needs an approval is one request to one route. Without a directory nobody knows how many
//! people share a route: then it counts as if the fewest that can fill it did, so that each of them has every request.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use stopgate_decide::attempt::Subject;
use stopgate_decide::name::{OperationName, RouteName, ToolName};
use stopgate_decide::surface::Approval;

use super::question::{Question, ReplayError};
use super::share::{Candidates, NOTHING, PersonAt};

/// Most days of a forecast: eleven years. A log of more days is refused, because requests are counted by day.
const DAYS: usize = 4_018;

/// Which policy asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum AskingSide {
    Before,
    After,
}

/// Something of each day, before and after.
type BySide<T> = [BTreeMap<Date, T>; 2];

/// One request for an approval.
#[derive(Debug, Clone)]
pub(super) struct ApprovalRequest<'r> {
    pub(super) level: Approval,
    pub(super) tool: &'r ToolName,
    pub(super) operation: &'r OperationName,
    pub(super) subject: Option<&'r Subject>,
    pub(super) now: Timestamp,
}

/// Requests that meet the same people on the same day.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    side: AskingSide,
    /// Where no route answers, which no checked policy has, only the level is known.
    route: Option<RouteName>,
    level: Approval,
    day: Date,
    /// Who asked, if they could fill a seat themselves.
    without: Option<PersonAt>,
}

/// Requests, added up.
#[derive(Debug, Default)]
pub(super) struct Requests {
    counts: BTreeMap<Key, u64>,
    days: BTreeSet<Date>,
}

/// Says where requests go.
#[derive(Debug)]
pub(super) struct Planner<'a> {
    question: Question<'a>,
    candidates: Option<[Candidates; 2]>,
}

/// What people will be asked.
#[derive(Debug, Clone)]
pub struct Forecast {
    /// Most approvals that one person is asked for in a day, by the base.
    pub budget: u32,
    /// Days with attempts.
    pub days: usize,
    /// Requests by route.
    pub routes: Vec<RouteLoad>,
    /// Approvals by person, most first; `None` without a directory.
    pub approvers: Option<Vec<Approver>>,
    /// Whether head asks too much of somebody, or somebody who is not there.
    pub over: bool,
}

/// Requests to one route.
#[derive(Debug, Clone)]
pub struct RouteLoad {
    /// The route; `None` if none answers.
    pub route: Option<RouteName>,
    /// What it is asked for.
    pub level: Approval,
    /// Under the base.
    pub before: Load,
    /// Under head.
    pub after: Load,
}

/// Requests over the whole log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// All of them.
    pub requests: u64,
    /// The day with the most, the first of several.
    pub busiest: Option<(Date, u64)>,
    /// Requests for which the directory has not enough people.
    pub unfilled: u64,
}

/// Somebody who is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Approver {
    /// Id in the directory.
    pub person: String,
    /// For people.
    pub name: String,
    /// Under the base.
    pub before: Peak,
    /// Under head.
    pub after: Peak,
}

/// One person's approvals. Who shares a seat with two others has a third of each.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Peak {
    /// All of them.
    pub total: f64,
    /// The day with the most, the first of several.
    pub busiest: Option<(Date, f64)>,
}

impl Requests {
    /// Notes a day on which something was attempted.
    pub(super) fn day(&mut self, day: Date) {
        self.days.insert(day);
    }

    pub(super) fn add(&mut self, other: Self) -> Result<(), ReplayError> {
        self.days.extend(other.days);
        if self.days.len() > DAYS {
            return Err(ReplayError::Days(DAYS));
        }
        for (key, count) in other.counts {
            let sum = self.counts.entry(key).or_insert(0);
            *sum = sum.saturating_add(count);
        }
        Ok(())
    }

    /// Makes the forecast for `question`.
    pub(super) fn forecast(self, question: Question<'_>) -> Forecast {
        let budget = question.base.policy.approvals_per_approver_per_day;
        let planner = Planner::new(question);
        let mut routes = self.routes();
        let approvers = planner.candidates.as_ref().map(|candidates| {
            let people = self.people(candidates, &mut routes);
            approvers(&people, question)
        });
        let most = f64::from(budget) + NOTHING;
        let over = match &approvers {
            Some(approvers) => {
                let tired = |one: &Approver| one.after.busiest.is_some_and(|(_, load)| load > most);
                approvers.iter().any(tired) || routes.iter().any(|route| route.after.unfilled > 0)
            }
            None => routes.iter().any(|route| {
                let busiest = route.after.busiest;
                busiest.is_some_and(|(_, requests)| requests > u64::from(budget))
            }),
        };
        Forecast {
            budget,
            days: self.days.len(),
            routes,
            approvers,
            over,
        }
    }

    fn routes(&self) -> Vec<RouteLoad> {
        let mut daily: BTreeMap<(Option<&RouteName>, Approval), BySide<u64>> = BTreeMap::new();
        for (key, count) in &self.counts {
            let [before, after] = daily.entry((key.route.as_ref(), key.level)).or_default();
            let days = match key.side {
                AskingSide::Before => before,
                AskingSide::After => after,
            };
            let sum = days.entry(key.day).or_insert(0);
            *sum = sum.saturating_add(*count);
        }
        let load = |days: BTreeMap<Date, u64>| Load {
            requests: days.values().fold(0, |sum, day| sum.saturating_add(*day)),
            busiest: first_most(days, |a, b| a > b),
            unfilled: 0,
        };
        let routes = daily
            .into_iter()
            .map(|((route, level), [before, after])| RouteLoad {
                route: route.cloned(),
                level,
                before: load(before),
                after: load(after),
            });
        routes.collect()
    }

    /// Returns everybody's approvals of each day, before and after. Requests that nobody can take are counted in
    /// `routes`.
    fn people(
        &self,
        [before, after]: &[Candidates; 2],
        routes: &mut [RouteLoad],
    ) -> BTreeMap<PersonAt, BySide<f64>> {
        let mut people: BTreeMap<PersonAt, BySide<f64>> = BTreeMap::new();
        let mut known = BTreeMap::new();
        for (key, count) in &self.counts {
            let candidates = match key.side {
                AskingSide::Before => before,
                AskingSide::After => after,
            };
            let same = (key.side, key.route.as_ref(), key.without);
            let parts = known.entry(same).or_insert_with(|| {
                let route = key.route.as_ref()?;
                candidates.share(route, key.without)
            });
            let Some(parts) = parts else {
                let here = |one: &&mut RouteLoad| one.route == key.route && one.level == key.level;
                if let Some(route) = routes.iter_mut().find(here) {
                    let load = match key.side {
                        AskingSide::Before => &mut route.before,
                        AskingSide::After => &mut route.after,
                    };
                    load.unfilled = load.unfilled.saturating_add(*count);
                }
                continue;
            };
            for (person, part) in parts {
                let [before, after] = people.entry(*person).or_default();
                let days = match key.side {
                    AskingSide::Before => before,
                    AskingSide::After => after,
                };
                *days.entry(key.day).or_insert(0.0) += *part * as_float(*count);
            }
        }
        people
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a day of more than 2^53 requests is not near a budget"
)]
const fn as_float(count: u64) -> f64 {
    count as f64
}

fn approvers(people: &BTreeMap<PersonAt, BySide<f64>>, question: Question<'_>) -> Vec<Approver> {
    let directory = question.directory.map(|directory| directory.people());
    let peak = |days: &BTreeMap<Date, f64>| Peak {
        total: days.values().sum(),
        busiest: first_most(days.clone(), |a, b| *a > *b + NOTHING),
    };
    let named = people.iter().filter_map(|(at, [before, after])| {
        let person = directory?.get(*at)?;
        Some(Approver {
            person: person.id.clone(),
            name: person.name.clone(),
            before: peak(before),
            after: peak(after),
        })
    });
    let mut approvers: Vec<Approver> = named.collect();
    let load = |one: &Approver| one.after.busiest.map_or(0.0, |(_, load)| load);
    approvers.sort_by(|a, b| {
        let most = load(b).total_cmp(&load(a));
        most.then_with(|| a.person.cmp(&b.person))
    });
    approvers
}

/// Returns the day with the most, the first of several with as many.
fn first_most<T>(days: BTreeMap<Date, T>, more: impl Fn(&T, &T) -> bool) -> Option<(Date, T)> {
    days.into_iter()
        .reduce(|most, day| if more(&day.1, &most.1) { day } else { most })
}

impl<'a> Planner<'a> {
    pub(super) fn new(question: Question<'a>) -> Self {
        let candidates = question.directory.map(|directory| {
            [question.base, question.head].map(|side| Candidates::new(&side.policy, directory))
        });
        Self {
            question,
            candidates,
        }
    }

    /// Returns the day of an instant, in the time zone of the base.
    pub(super) fn day(&self, now: Timestamp) -> Date {
        self.question.base.policy.calendar.date(now)
    }

    /// Counts the requests of one attempt, before and after.
    pub(super) fn plan(
        &self,
        [before, after]: [Option<ApprovalRequest<'_>>; 2],
        requests: &mut Requests,
    ) {
        for (side, ask) in [(AskingSide::Before, before), (AskingSide::After, after)] {
            let Some(ask) = ask else { continue };
            let version = match side {
                AskingSide::Before => self.question.base,
                AskingSide::After => self.question.head,
            };
            let route = version.bundle.route(ask.level, ask.tool, ask.operation);
            let key = Key {
                side,
                without: self.asker(side, route.map(|route| &route.id), ask.subject),
                route: route.map(|route| route.id.clone()),
                level: ask.level,
                day: self.day(ask.now),
            };
            let sum = requests.counts.entry(key).or_insert(0);
            *sum = sum.saturating_add(1);
        }
    }

    /// Returns who asked, if that person is a candidate of the route too.
    fn asker(
        &self,
        side: AskingSide,
        route: Option<&RouteName>,
        subject: Option<&Subject>,
    ) -> Option<PersonAt> {
        let [before, after] = self.candidates.as_ref()?;
        let candidates = match side {
            AskingSide::Before => before,
            AskingSide::After => after,
        };
        let person = self.question.directory?.person_of(subject?)?;
        candidates.has(route?, person).then_some(person)
    }
}
