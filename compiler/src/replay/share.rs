//! How the seats of a route are shared among the people who can fill them.
//!
//! Of each request everybody takes an equal part of what they can: a seat is filled by those with the least to do in
//! that request, the seat with the fewest candidates first, and nobody fills two.

use std::collections::{BTreeMap, BTreeSet};

use stopgate_author::policy::Policy;
use stopgate_decide::directory::{Directory, Person};
use stopgate_decide::name::{ProfileName, RouteName};

/// Place of a person in the directory.
pub(super) type PersonAt = usize;

/// What is less than one approval in a million is none.
pub(super) const NOTHING: f64 = 1e-6;

/// Who can fill the seats of the routes of one policy.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    routes: BTreeMap<RouteName, Vec<Filled>>,
}

#[derive(Debug)]
struct Filled {
    people: BTreeSet<PersonAt>,
    votes: u32,
}

impl Candidates {
    /// Finds the candidates among the people of `directory` under the groups, the hierarchy and the routes of `policy`.
    pub(super) fn new(policy: &Policy, directory: &Directory) -> Self {
        let held: Vec<BTreeSet<&ProfileName>> = directory
            .people()
            .iter()
            .map(|person| held(policy, person))
            .collect();
        let mut routes = BTreeMap::new();
        for route in &policy.routes {
            let seats = route.seats.iter().map(|seat| {
                let fits = |profiles: &BTreeSet<&ProfileName>| {
                    seat.profiles.iter().any(|one| profiles.contains(one))
                };
                let people = held.iter().enumerate().filter(|(_, held)| fits(held));
                Filled {
                    people: people.map(|(at, _)| at).collect(),
                    votes: seat.votes,
                }
            });
            routes.insert(route.id.clone(), seats.collect());
        }
        Self { routes }
    }

    /// Returns whether `person` can fill a seat of `route`.
    pub(super) fn has(&self, route: &RouteName, person: PersonAt) -> bool {
        self.routes
            .get(route)
            .is_some_and(|seats| seats.iter().any(|seat| seat.people.contains(&person)))
    }

    /// Returns everybody's part of one request to `route` that `without` made, or `None` if the route's seats cannot be
    /// filled. `without` gets no part of it.
    pub(super) fn share(
        &self,
        route: &RouteName,
        without: Option<PersonAt>,
    ) -> Option<BTreeMap<PersonAt, f64>> {
        let mut seats: Vec<&Filled> = self.routes.get(route)?.iter().collect();
        seats.sort_by_key(|seat| seat.people.len());
        let mut parts: BTreeMap<PersonAt, f64> = BTreeMap::new();
        for seat in seats {
            let free = seat.people.iter().filter(|at| Some(**at) != without);
            fill(&mut parts, &free.copied().collect::<Vec<_>>(), seat.votes)?;
        }
        Some(parts)
    }
}

/// Returns the profiles that somebody holds, inherited ones included; somebody who has left holds none.
fn held<'p>(policy: &'p Policy, person: &Person) -> BTreeSet<&'p ProfileName> {
    let direct = policy
        .profiles
        .iter()
        .filter(|(_, profile)| person.active && !profile.groups.is_disjoint(&person.groups));
    policy.closure(direct.map(|(name, _)| name))
}

/// Spreads `votes` over `people` so that their parts become as level as they can, none above one. `None` means that
/// there are too few people.
fn fill(parts: &mut BTreeMap<PersonAt, f64>, people: &[PersonAt], votes: u32) -> Option<()> {
    let of = |parts: &BTreeMap<PersonAt, f64>, at: &PersonAt| parts.get(at).copied().unwrap_or(0.0);
    let room: f64 = people.iter().map(|at| 1.0 - of(parts, at)).sum();
    let wanted = f64::from(votes);
    if room + NOTHING < wanted {
        return None;
    }
    // The level to which everybody below it is filled up: between where they stand and one.
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    // Sixty halvings leave 2^-60 of the interval, far less than `NOTHING`.
    for _ in 0..60 {
        let level = f64::midpoint(low, high);
        let poured: f64 = people
            .iter()
            .map(|at| (level - of(parts, at)).max(0.0))
            .sum();
        if poured < wanted {
            low = level;
        } else {
            high = level;
        }
    }
    for at in people {
        let level = of(parts, at).max(high);
        parts.insert(*at, level);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(seats: &[(&[PersonAt], u32)]) -> Candidates {
        let seats = seats.iter().map(|(people, votes)| Filled {
            people: people.iter().copied().collect(),
            votes: *votes,
        });
        Candidates {
            routes: BTreeMap::from([(route(), seats.collect())]),
        }
    }

    fn route() -> RouteName {
        RouteName::new("r").expect("a name")
    }

    /// Returns the parts in percent.
    fn shared(
        seats: &[(&[PersonAt], u32)],
        without: Option<PersonAt>,
    ) -> Option<Vec<(PersonAt, i64)>> {
        let parts = candidates(seats).share(&route(), without)?;
        let percent = |part: f64| format!("{:.0}", part * 100.0).parse().expect("a number");
        Some(
            parts
                .into_iter()
                .map(|(at, part)| (at, percent(part)))
                .collect(),
        )
    }

    #[test]
    fn a_seat_is_shared_equally() {
        assert_eq!(
            shared(&[(&[0, 1, 2, 3], 1)], None),
            Some(vec![(0, 25), (1, 25), (2, 25), (3, 25)])
        );
        assert_eq!(
            shared(&[(&[0, 1, 2, 3], 2)], None),
            Some(vec![(0, 50), (1, 50), (2, 50), (3, 50)])
        );
    }

    #[test]
    fn who_asks_fills_no_seat() {
        assert_eq!(
            shared(&[(&[0, 1, 2], 1)], Some(1)),
            Some(vec![(0, 50), (2, 50)])
        );
        assert_eq!(shared(&[(&[0], 1)], Some(0)), None);
    }

    #[test]
    fn nobody_fills_two_seats() {
        // Only 0 can fill the second seat, so the first is 1's alone.
        assert_eq!(
            shared(&[(&[0, 1], 1), (&[0], 1)], None),
            Some(vec![(0, 100), (1, 100)])
        );
        assert_eq!(shared(&[(&[0], 1), (&[0], 1)], None), None);
        assert_eq!(shared(&[(&[0, 1], 3)], None), None);
    }
}
