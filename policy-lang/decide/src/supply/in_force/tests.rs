//! When a stop holds, to the second, and what it reaches.

use jiff::SignedDuration;

use super::super::testing::{World, digest, now, wanted};
use super::super::{Document as _, SupplyRefusal, read_lift, read_stop};
use super::*;

const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// What is known here of one stop, which was seen for the first time at an instant, or never before.
struct Case {
    world: World,
    stops: Vec<Signed<Stop>>,
    lifts: Vec<Signed<Lift>>,
    first_seen: BTreeMap<Digest, Timestamp>,
}

impl Case {
    fn new(edit: impl FnOnce(&mut Stop), first_seen: Option<Timestamp>) -> Self {
        let world = World::new();
        let mut stop = world.stop();
        edit(&mut stop);
        let stop = world.signed_stop(&stop);
        let seen = first_seen.map(|seen| (stop.digest(), seen));
        Self {
            world,
            first_seen: seen.into_iter().collect(),
            stops: vec![stop],
            lifts: Vec::new(),
        }
    }

    fn judge<T>(&self, judge: impl FnOnce(KnownStops<'_>) -> T) -> T {
        judge(KnownStops {
            channel: &wanted(),
            stops: &self.stops,
            lifts: &self.lifts,
            first_seen: &self.first_seen,
        })
    }

    fn holds(&self, now: Timestamp) -> bool {
        let found = self.judge(|known| known.in_force(now));
        assert!(found.len() <= 1, "{found:?}");
        !found.is_empty()
    }
}

#[test]
fn a_stop_holds_until_its_end_and_not_a_second_longer() {
    let hour = SignedDuration::from_hours(1);
    let case = Case::new(|stop| stop.expires = now() + hour, Some(now()));
    assert!(case.holds(now()));
    assert!(case.holds(now() + hour - SECOND));
    assert!(!case.holds(now() + hour));
    assert!(!case.holds(now() + hour + SECOND));
    let [found] = &case.judge(|known| known.in_force(now()))[..] else {
        panic!("one stop")
    };
    assert_eq!(found.until, Some(now() + hour));
    assert_eq!(found.limit, StopLimit::ReadOnly);
    let note = found.note.as_ref().expect("it can be read");
    assert_eq!(note.id.as_str(), "INC-7");
    assert_eq!(note.reason, "refunds go to one account");
}

#[test]
fn a_stop_from_the_future_holds_at_once_and_for_a_day_at_most() {
    let years = SignedDuration::from_hours(24 * 365 * 10);
    let future = |stop: &mut Stop| {
        stop.issued = now() + years;
        stop.expires = now() + years + LONGEST_STOP;
    };
    // Nobody has seen it before this very moment.
    assert!(Case::new(future, None).holds(now()));
    let case = Case::new(future, Some(now()));
    assert!(case.holds(now()));
    assert!(case.holds(now() + LONGEST_STOP - SECOND));
    assert!(!case.holds(now() + LONGEST_STOP));
    assert!(!case.holds(now() + LONGEST_STOP + SECOND));
    // Not even once its own time has come.
    assert!(!case.holds(now() + years + SECOND));
    // By a clock that was set back it holds too, and at the end of all time nothing overflows.
    assert!(case.holds(now() - SECOND));
    assert!(case.holds(Timestamp::MIN));
    let last = Case::new(|_| (), Some(Timestamp::MAX));
    assert!(last.holds(now()));
    assert!(!last.holds(Timestamp::MAX));
}

#[test]
fn a_lift_ends_the_stop_that_it_names_and_no_other() {
    let mut case = Case::new(|_| (), Some(now()));
    let mut other = case.world.stop();
    other.id = "INC-8".parse().expect("a name");
    let other = case.world.signed_stop(&other);
    let lift = |case: &Case, edit: fn(&mut Lift), stop| {
        let mut lift = case.world.lift(stop);
        edit(&mut lift);
        let bytes = case.world.sign(&lift, &["ci", "ana", "eva"]);
        Signed::<Lift>::read(&bytes, &case.world.root).expect("a lift")
    };
    let own = case.stops[0].digest();
    let elsewhere = |lift: &mut Lift| lift.channel = "dev".parse().expect("a name");
    case.lifts = vec![
        lift(&case, |_| (), other.digest()),
        lift(&case, elsewhere, own),
    ];
    assert!(case.holds(now()));
    case.stops.push(other);
    assert!(case.holds(now()), "the other one is lifted");
    case.lifts.push(lift(&case, |_| (), own));
    assert!(!case.holds(now()));
}

#[test]
fn stops_and_lifts_of_another_channel_are_refused_and_count_for_nothing() {
    let dev = |stop: &mut Stop| stop.channel = "dev".parse().expect("a name");
    let case = Case::new(dev, Some(now()));
    assert!(!case.holds(now()));
    let world = &case.world;
    let root = &world.root;
    let bytes = world.sign(case.stops[0].document(), &["night"]);
    let refused = read_stop(&bytes, &wanted(), root).map(|_| ());
    assert!(matches!(refused, Err(SupplyRefusal::Channel { .. })));
    let mut lift = world.lift(digest("stop"));
    lift.organisation = "other".parse().expect("a name");
    let bytes = world.sign(&lift, &["ci", "ana", "eva"]);
    let refused = read_lift(&bytes, &wanted(), root).map(|_| ());
    assert!(matches!(refused, Err(SupplyRefusal::Organisation { .. })));
    let own = world.sign(&world.stop(), &["night"]);
    assert!(read_stop(&own, &wanted(), root).is_ok());
    let own = world.sign(&world.lift(digest("stop")), &["ci", "ana", "eva"]);
    assert!(read_lift(&own, &wanted(), root).is_ok());
    let refused = read_stop(&own, &wanted(), root).map(|_| ());
    assert!(matches!(refused, Err(SupplyRefusal::Document { .. })));
}

#[test]
fn p8_a_stop_that_is_listed_and_cannot_be_read_stops_the_whole_channel() {
    let mut case = Case::new(|_| (), Some(now()));
    let own = case.stops[0].digest();
    let gone = digest("withheld");
    let listed = BTreeSet::from([own, gone]);
    let found = case.judge(|known| known.withheld(&listed));
    let [found] = found.as_slice() else {
        panic!("one is withheld: {found:?}")
    };
    assert_eq!((found.digest, found.limit), (gone, StopLimit::None));
    assert_eq!((&found.until, &found.note), (&None, &None));
    for (tool, operation) in [("erp", "get_order"), ("hr", "hire")] {
        let (tool, operation) = (tool.parse().expect("a name"), operation.parse());
        assert!(found.reaches(
            &tool,
            &operation.expect("a name"),
            [Some("bot"), None],
            true
        ));
    }
    // One that ended is no secret, and neither is one that was lifted.
    assert!(!case.holds(now() + LONGEST_STOP));
    let bytes = case
        .world
        .sign(&case.world.lift(gone), &["ci", "ana", "eva"]);
    let lift = Signed::<Lift>::read(&bytes, &case.world.root).expect("a lift");
    case.lifts.push(lift);
    assert_eq!(case.judge(|known| known.withheld(&listed)), []);
    // A stop of another channel is no reading of one of ours.
    let dev = Case::new(|stop| stop.channel = "dev".parse().expect("a name"), None);
    let listed = BTreeSet::from([dev.stops[0].digest()]);
    assert_eq!(dev.judge(|known| known.withheld(&listed)).len(), 1);
}

#[test]
fn p18_a_stop_reaches_what_it_names_and_every_agent_that_nobody_vouches_for() {
    let stop = |tool: Option<&str>, operation: Option<&str>, agent: Option<&str>| {
        let edit = |stop: &mut Stop| {
            stop.tool = tool.map(|name| name.parse().expect("a name"));
            stop.operation = operation.map(|name| name.parse().expect("a name"));
            stop.agent = agent.map(str::to_owned);
        };
        let found = Case::new(edit, Some(now())).judge(|known| known.in_force(now()));
        found.into_iter().next().expect("it holds")
    };
    let reaches = |stop: &StopInForce, vouched| {
        let tries = [
            ("erp", "refund", "bot"),
            ("erp", "note", "bot"),
            ("hr", "refund", "bot"),
            ("erp", "refund", "Bot"),
        ];
        tries.map(|(tool, operation, agent)| {
            let (tool, operation) = (tool.parse().expect("a name"), operation.parse());
            let operation = operation.expect("a name");
            // As the attempt's own agent, and as the caller behind it.
            let own = stop.reaches(&tool, &operation, [Some(agent), None], vouched);
            let behind = stop.reaches(&tool, &operation, [Some("nobody"), Some(agent)], vouched);
            assert_eq!(own, behind);
            own
        })
    };
    let (erp, refund, bot) = (Some("erp"), Some("refund"), Some("bot"));
    for (stop, vouched, not_vouched) in [
        (stop(None, None, None), [true; 4], [true; 4]),
        (
            stop(erp, None, None),
            [true, true, false, true],
            [true, true, false, true],
        ),
        (
            stop(erp, refund, None),
            [true, false, false, true],
            [true, false, false, true],
        ),
        (stop(None, None, bot), [true, true, true, false], [true; 4]),
        (
            stop(erp, refund, bot),
            [true, false, false, false],
            [true, false, false, true],
        ),
    ] {
        assert_eq!(reaches(&stop, true), vouched, "{stop:?}");
        assert_eq!(reaches(&stop, false), not_vouched, "{stop:?}");
    }
}

#[test]
fn a_stop_says_what_it_may_say() {
    let world = World::new();
    let checked = |edit: &dyn Fn(&mut Stop)| {
        let mut stop = world.stop();
        edit(&mut stop);
        stop.check()
    };
    let reason = |text: String| checked(&|stop| stop.reason.clone_from(&text));
    let agent = |text: &str| checked(&|stop| stop.agent = Some(text.to_owned()));
    let erp = |stop: &mut Stop| stop.tool = Some("erp".parse().expect("a name"));
    let refund = |stop: &mut Stop| stop.operation = Some("refund".parse().expect("a name"));
    let fine = [
        checked(&|_| ()),
        checked(&|stop| stop.expires = stop.issued + SECOND),
        checked(&erp),
        checked(&|stop| {
            erp(stop);
            refund(stop);
        }),
        reason("x".to_owned()),
        reason("é".repeat(500)),
        agent("https://agents.example/refunds"),
        agent(&"x".repeat(256)),
    ];
    let refused = [
        checked(&|stop| stop.expires = stop.issued),
        checked(&|stop| stop.expires = stop.issued - SECOND),
        checked(&|stop| stop.expires = stop.issued + LONGEST_STOP + SECOND),
        checked(&|stop| stop.expires = stop.issued + LONGEST_STOP + SignedDuration::from_nanos(1)),
        checked(&refund),
        reason(String::new()),
        reason("   ".to_owned()),
        reason("é".repeat(501)),
        reason("two\nlines".to_owned()),
        reason("tab\there".to_owned()),
        reason("turned \u{202e}round".to_owned()),
        reason("zero\u{200b}width".to_owned()),
        agent(""),
        agent("bot\u{7}"),
        agent(&"x".repeat(257)),
    ];
    assert!(fine.iter().all(Result::is_ok), "{fine:?}");
    assert!(refused.iter().all(Result::is_err), "{refused:?}");
}

#[test]
fn there_is_no_stop_that_lets_everything_through() {
    let text = |word: &str| serde_json::from_str::<StopLimit>(&format!("\"{word}\"")).is_ok();
    for (word, taken) in [
        ("none", true),
        ("read_only", true),
        ("low", true),
        ("medium", true),
        ("high", false),
        ("None", false),
        ("", false),
    ] {
        assert_eq!(text(word), taken, "{word}");
    }
    let limits = [
        StopLimit::None,
        StopLimit::ReadOnly,
        StopLimit::Low,
        StopLimit::Medium,
    ];
    // In the order of the limits that they stand for, and in their words.
    for (limit, meant) in limits.into_iter().zip(crate::surface::Limit::ALL) {
        assert_eq!(crate::surface::Limit::from(limit), *meant);
        let word = serde_json::to_value(limit).expect("a word");
        assert_eq!(word, meant.as_str());
    }
    assert!(limits.is_sorted());
}
