//! A stop that was seen holds on, whatever is offered afterwards, and comes back from a disk as it was.

use jiff::SignedDuration;

use super::super::stop::LONGEST_STOP;
use super::super::testing::{World, digest, now, wanted};
use super::*;

const SECOND: SignedDuration = SignedDuration::from_secs(1);

static NOTHING: BTreeSet<Digest> = BTreeSet::new();

fn at(world: &World, now: Timestamp) -> StopsMoment<'_> {
    StopsMoment {
        root: &world.root,
        listed: &NOTHING,
        now,
    }
}

/// Returns a stop called `id` as the night shift signed it.
fn stop(world: &World, id: &str, edit: impl FnOnce(&mut Stop)) -> Vec<u8> {
    let mut stop = world.stop();
    stop.id = id.parse().expect("a name");
    edit(&mut stop);
    world.sign(&stop, &["night"])
}

fn digest_of(world: &World, stop: &[u8]) -> Digest {
    let stop = Signed::<Stop>::read(stop, &world.root).expect("a stop");
    stop.digest()
}

fn limits(seen: &SeenStops, listed: &BTreeSet<Digest>, now: Timestamp) -> Vec<StopLimit> {
    let holding = seen.in_force(listed, now);
    holding.iter().map(|stop| stop.limit).collect()
}

#[test]
fn p8_a_stop_that_was_seen_holds_until_its_end_whatever_is_offered_since() {
    let world = World::new();
    let mut seen = SeenStops::new(wanted());
    let bytes = stop(&world, "INC-7", |_| ());
    assert_eq!(seen.see_stop(&bytes, &at(&world, now())), Ok(()));
    assert_eq!(seen.see_stop(&bytes, &at(&world, now())), Ok(()));
    // Nothing is offered any more, look after look.
    for hours in 0..24 {
        let later = now() + SignedDuration::from_hours(hours);
        seen.forget(&at(&world, later));
        assert_eq!(limits(&seen, &NOTHING, later), [StopLimit::ReadOnly]);
    }
    seen.forget(&at(&world, now() + LONGEST_STOP));
    assert_eq!(limits(&seen, &NOTHING, now() + LONGEST_STOP), []);
    // A clock that was wrong for one look has not taken it away.
    assert_eq!(limits(&seen, &NOTHING, now()), [StopLimit::ReadOnly]);
    let long_after = now() + LONGEST_STOP + KNOWN_AFTER;
    seen.forget(&at(&world, long_after));
    // What has long been over when it is seen first says nothing.
    let late = seen.see_stop(&bytes, &at(&world, long_after));
    assert_eq!(late, Ok(()));
    assert_eq!(seen, SeenStops::new(wanted()));
}

#[test]
fn p8_a_stop_that_is_listed_and_cannot_be_read_stops_everything() {
    let world = World::new();
    let mut seen = SeenStops::new(wanted());
    let bytes = stop(&world, "INC-7", |_| ());
    let listed = BTreeSet::from([digest_of(&world, &bytes)]);
    assert_eq!(limits(&seen, &listed, now()), [StopLimit::None]);
    let found = seen.see_stop(&bytes, &at(&world, now()));
    assert_eq!(found, Ok(()));
    assert_eq!(limits(&seen, &listed, now()), [StopLimit::ReadOnly]);
    // Its lift is kept as long as it is listed, also where the stop itself is not.
    let mut seen = SeenStops::new(wanted());
    let lift = world.lift(digest_of(&world, &bytes));
    let lift = world.sign(&lift, &["ci", "ana", "eva"]);
    assert_eq!(seen.see_lift(&lift, &at(&world, now())), Ok(()));
    assert_eq!(seen.see_lift(&lift, &at(&world, now())), Ok(()));
    seen.forget(&StopsMoment {
        listed: &listed,
        ..at(&world, now())
    });
    assert_eq!(limits(&seen, &listed, now()), []);
    seen.forget(&at(&world, now()));
    assert_eq!(limits(&seen, &listed, now()), [StopLimit::None]);
}

#[test]
fn a_stop_that_is_listed_longer_than_it_holds_stops_nothing_else() {
    let world = World::new();
    let bytes = stop(&world, "INC-7", |_| ());
    let listed = BTreeSet::from([digest_of(&world, &bytes)]);
    let over = StopsMoment {
        listed: &listed,
        ..at(&world, now() + LONGEST_STOP)
    };
    // Somebody who has known it, and somebody who sees it only now.
    for first in [now(), over.now] {
        let mut seen = SeenStops::new(wanted());
        let first = StopsMoment { now: first, ..over };
        assert_eq!(seen.see_stop(&bytes, &first), Ok(()));
        seen.forget(&over);
        assert_eq!(limits(&seen, &listed, over.now), []);
        let text = seen.text().expect("a text");
        let read = SeenStops::parse(text.as_bytes(), &wanted(), &world.root);
        assert_eq!(read, Ok((seen, Vec::new())));
    }
}

#[test]
fn a_stop_from_the_future_does_not_begin_anew_every_day() {
    let world = World::new();
    let mut seen = SeenStops::new(wanted());
    let years = SignedDuration::from_hours(24 * 365 * 10);
    let bytes = stop(&world, "INC-7", |stop| {
        stop.issued = now() + years;
        stop.expires = now() + years + LONGEST_STOP;
    });
    for (after, holds) in [
        (SignedDuration::ZERO, true),
        (LONGEST_STOP - SECOND, true),
        (LONGEST_STOP, false),
        (LONGEST_STOP * 2, false),
        (years, false),
    ] {
        let later = now() + after;
        seen.forget(&at(&world, later));
        assert!(seen.see_stop(&bytes, &at(&world, later)).is_ok());
        assert_eq!(!seen.in_force(&NOTHING, later).is_empty(), holds, "{after}");
        // It is known all the time, also over a restart.
        let text = seen.text().expect("a text");
        let read = SeenStops::parse(text.as_bytes(), &wanted(), &world.root);
        assert_eq!(read, Ok((seen.clone(), Vec::new())));
    }
}

#[test]
fn one_stop_more_than_can_be_kept_stops_everything_until_there_is_room() {
    let world = World::new();
    let mut seen = SeenStops::new(wanted());
    for number in 0..MAX_STOPS {
        let bytes = stop(&world, &format!("INC-{number}"), |stop| {
            stop.limit = StopLimit::Medium;
        });
        assert_eq!(seen.see_stop(&bytes, &at(&world, now())), Ok(()));
    }
    let all = limits(&seen, &NOTHING, now());
    assert_eq!(all, [StopLimit::Medium; MAX_STOPS]);
    let more = stop(&world, "more", |stop| {
        stop.limit = StopLimit::Medium;
        stop.expires = now() + LONGEST_STOP * 2 + SECOND;
        stop.issued = now() + LONGEST_STOP + SECOND;
    });
    let found = seen.see_stop(&more, &at(&world, now()));
    assert_eq!(found, Ok(()));
    assert!(limits(&seen, &NOTHING, now()).contains(&StopLimit::None));
    seen.forget(&at(&world, now() + SECOND));
    assert!(limits(&seen, &NOTHING, now()).contains(&StopLimit::None));
    // All of these fit where they are kept.
    let text = seen.text().expect("a text");
    assert!(SeenStops::parse(text.as_bytes(), &wanted(), &world.root).is_ok());
    let later = now() + LONGEST_STOP + KNOWN_AFTER;
    seen.forget(&at(&world, later));
    assert!(seen.see_stop(&more, &at(&world, later)).is_ok());
    assert_eq!(limits(&seen, &NOTHING, later), [StopLimit::Medium]);
}

#[test]
fn what_was_seen_is_read_back_as_it_was_written_and_in_no_other_way() {
    let world = World::new();
    let mut seen = SeenStops::new(wanted());
    let bytes = stop(&world, "INC-7", |_| ());
    assert!(seen.see_stop(&bytes, &at(&world, now())).is_ok());
    let lift = world.sign(&world.lift(digest("another")), &["ci", "ana", "eva"]);
    assert!(seen.see_lift(&lift, &at(&world, now())).is_ok());
    let text = seen.text().expect("a text");
    let read = |text: &str| SeenStops::parse(text.as_bytes(), &wanted(), &world.root);
    assert_eq!(read(&text), Ok((seen.clone(), Vec::new())));
    for other in [
        String::new(),
        text.trim_end().to_owned(),
        format!("{text}\n"),
        format!(" {text}"),
        text.replace("\"lifts\"", "\"lifted\""),
        text.replace("\"stopgate_seen_stops\":1", "\"stopgate_seen_stops\":2"),
    ] {
        assert_eq!(read(&other), Err(UnreadStops::Invalid), "{other}");
    }
    let mut dev = wanted();
    dev.channel = "dev".parse().expect("a name");
    let read = SeenStops::parse(text.as_bytes(), &dev, &world.root);
    assert_eq!(read, Err(UnreadStops::OtherChannel));
    // Under a root that does not know who signed, nothing of it is left, and that is told.
    let stranger = World::new();
    let (left, told) = SeenStops::parse(text.as_bytes(), &wanted(), &stranger.root).expect("some");
    assert_eq!(left, SeenStops::new(wanted()));
    assert_eq!(told.len(), 2);
}

#[test]
fn what_is_no_stop_of_the_channel_changes_nothing() {
    let world = World::new();
    let mut seen = SeenStops::new(wanted());
    let good = stop(&world, "INC-7", |_| ());
    let elsewhere = stop(&world, "INC-7", |stop| {
        stop.channel = "dev".parse().expect("a name");
    });
    let lift = world.sign(&world.lift(digest("one")), &["ci", "ana", "eva"]);
    let ana = world.sign(&world.stop(), &["ana"]);
    for bytes in [&elsewhere, &lift, &ana, &Vec::new()] {
        assert!(seen.see_stop(bytes, &at(&world, now())).is_err());
    }
    for signers in [&["night"][..], &["ci"], &["ana", "eva"], &["ci", "ana"]] {
        let bytes = world.sign(&world.lift(digest_of(&world, &good)), signers);
        assert!(seen.see_lift(&bytes, &at(&world, now())).is_err());
    }
    assert_eq!(seen, SeenStops::new(wanted()));
    assert!(seen.see_stop(&good, &at(&world, now())).is_ok());
    let digest = digest_of(&world, &good);
    assert_eq!(seen.to_list(now()), BTreeSet::from([digest]));
    let lift = world.sign(&world.lift(digest), &["ci", "ana", "eva"]);
    assert_eq!(seen.see_lift(&lift, &at(&world, now())), Ok(()));
    assert_eq!(seen.to_list(now()), BTreeSet::new());
}
