//! Stops: what each of them rejects, and that none of them lets anything through.

use stopgate_decide::attempt::{Attempt, Input, Subject, Target};
use stopgate_decide::bundle::Bundle;
use stopgate_decide::decide::{
    Decision, LimitNow, LimitedBy, Outcome, Reason, Situation, StopsInForce, decide,
};
use stopgate_decide::digest::Digest;
use stopgate_decide::name::{OperationName, ToolName};
use stopgate_decide::supply::{StopInForce, StopLimit, StopNote};
use stopgate_decide::surface::{Enforces, Evidence, Limit};
use stopgate_tests::generate::{AGENTS, Try, attempt};
use stopgate_tests::random::Random;
use stopgate_tests::scale;

use crate::judge::{Repository, checked};
use crate::loosening::bank;
use crate::rank;

const LIMITS: [StopLimit; 4] = [
    StopLimit::None,
    StopLimit::ReadOnly,
    StopLimit::Low,
    StopLimit::Medium,
];

/// Random repositories, and attempts on each of them.
const BUNDLES: u64 = 100;
const ATTEMPTS: u64 = 200;

fn stop(
    tool: Option<&str>,
    operation: Option<&str>,
    agent: Option<&str>,
    limit: StopLimit,
) -> StopInForce {
    StopInForce {
        digest: Digest::compute(b"stop"),
        note: Some(StopNote {
            id: "INC-7".parse().expect("a name"),
            reason: "refunds go to one account".to_owned(),
        }),
        tool: tool.map(|name| name.parse().expect("a name")),
        operation: operation.map(|name| name.parse().expect("a name")),
        agent: agent.map(str::to_owned),
        limit,
        until: None,
    }
}

fn stops(stops: &[StopInForce], agent_is_vouched: bool) -> StopsInForce {
    StopsInForce {
        stops: stops.into(),
        agent_is_vouched,
        caller_agent: None,
    }
}

/// One attempt of each class on the bank's ERP, with everything collected that it takes.
struct Desk {
    bundle: Bundle,
}

/// Operation, profile, input, class.
type Row = (&'static str, &'static str, &'static str, Limit);

const CLASSES: [Row; 4] = [
    (
        "get_order",
        "support",
        r#"{"order_id":"A-1001"}"#,
        Limit::ReadOnly,
    ),
    (
        "update_order_note",
        "support",
        r#"{"order_id":"A-1001","note":"called back"}"#,
        Limit::Low,
    ),
    (
        "create_refund",
        "support-analyst",
        r#"{"order_id":"A-1001","amount_cents":4900,"currency":"EUR"}"#,
        Limit::Medium,
    ),
    (
        "create_refund",
        "support-analyst",
        r#"{"order_id":"A-1001","amount_cents":60000,"currency":"EUR"}"#,
        Limit::High,
    ),
];

impl Desk {
    fn new() -> Self {
        let bundle = stopgate::build::rehearse(&checked(&bank()));
        Self {
            bundle: bundle.expect("a bundle"),
        }
    }

    fn decide(
        &self,
        (operation, profile, input, _): Row,
        (class, by): (Limit, LimitedBy),
        stops: StopsInForce,
    ) -> Decision {
        let attempt = Attempt {
            subject: Subject {
                issuer: "https://sso.acme.example/".to_owned(),
                id: "ana".to_owned(),
            },
            profiles: [profile.parse().expect("a name")].into(),
            agent: "orchestrator".to_owned(),
            tool: "erp".to_owned(),
            target: Target::Operation(operation.to_owned()),
            input: Input::parse(input.as_bytes()),
            definition: None,
        };
        let situation = Situation {
            now: "2026-11-24T10:00:00Z".parse().expect("business time"),
            limit: LimitNow { class, by },
            stops,
            evidence: Evidence::ALL,
            enforces: Enforces::ALL,
        };
        decide(&self.bundle, &attempt, &situation)
    }
}

const HIGH: (Limit, LimitedBy) = (Limit::High, LimitedBy::Ceiling);

fn reason(decision: &Decision) -> Option<Reason> {
    match decision.outcome() {
        Outcome::Permit(_) => None,
        Outcome::Route(needs) => panic!("everything is collected: {needs:?}"),
        Outcome::Reject(rejection) => Some(rejection.reason),
    }
}

#[test]
fn p18_a_stop_rejects_what_it_reaches_above_its_limit_and_nothing_else() {
    let desk = Desk::new();
    let (erp, bot) = (Some("erp"), Some("bot"));
    for row in CLASSES {
        let (operation, _, _, class) = row;
        assert_eq!(
            reason(&desk.decide(row, HIGH, StopsInForce::default())),
            None
        );
        let own = Some("orchestrator");
        let reaching = [
            (None, None, None, true),
            (erp, None, None, true),
            (erp, Some(operation), None, true),
            (None, None, own, true),
            (None, None, own, false),
            (erp, Some(operation), own, true),
            // Nobody vouches that it is another agent.
            (None, None, bot, false),
            (erp, Some(operation), bot, false),
        ];
        let passing_by = [
            (Some("hr"), None, None, false),
            (Some("hr"), Some(operation), None, false),
            (erp, Some("cancel_order"), None, false),
            (None, None, bot, true),
            (erp, Some(operation), bot, true),
            (Some("hr"), None, own, true),
        ];
        for limit in LIMITS {
            let below = class > Limit::from(limit);
            for (tool, operation, agent, vouched) in reaching {
                let stop = stop(tool, operation, agent, limit);
                let found = desk.decide(row, HIGH, stops(std::slice::from_ref(&stop), vouched));
                assert_eq!(
                    reason(&found),
                    below.then_some(Reason::Stopped),
                    "{row:?} {stop:?} {vouched}"
                );
                let lowered = LimitNow {
                    class: limit.into(),
                    by: LimitedBy::Stop,
                };
                assert_eq!(found.seen().limit, Some(lowered));
            }
            for (tool, operation, agent, vouched) in passing_by {
                let stop = stop(tool, operation, agent, limit);
                let found = desk.decide(row, HIGH, stops(std::slice::from_ref(&stop), vouched));
                assert_eq!(reason(&found), None, "{row:?} {stop:?} {vouched}");
                let limit = found.seen().limit.expect("it was reached");
                assert_eq!(limit.by, LimitedBy::Ceiling);
            }
        }
    }
}

#[test]
fn the_lowest_limit_counts_and_of_equal_ones_the_stop_is_told() {
    let desk = Desk::new();
    let [_, note, small, large] = CLASSES;
    let by = |row, limit: (Limit, LimitedBy), stop_limits: &[StopLimit]| {
        let all: Vec<_> = stop_limits
            .iter()
            .map(|limit| stop(None, None, None, *limit))
            .collect();
        reason(&desk.decide(row, limit, stops(&all, true)))
    };
    let medium = [StopLimit::Medium];
    for set_by in [LimitedBy::Ceiling, LimitedBy::Freshness] {
        let own = match set_by {
            LimitedBy::Ceiling => Reason::Ceiling,
            LimitedBy::Freshness => Reason::PolicyStale,
            LimitedBy::Stop => Reason::Stopped,
        };
        assert_eq!(
            by(large, (Limit::Medium, set_by), &medium),
            Some(Reason::Stopped)
        );
        assert_eq!(by(large, (Limit::Low, set_by), &medium), Some(own));
        assert_eq!(by(small, (Limit::Medium, set_by), &medium), None);
        assert_eq!(by(note, (Limit::None, set_by), &medium), Some(own));
        let two = [StopLimit::Medium, StopLimit::None];
        assert_eq!(by(note, (Limit::High, set_by), &two), Some(Reason::Stopped));
    }
    // A record holds the limit and not the stop, and that is enough to decide again.
    let recorded = (Limit::Low, LimitedBy::Stop);
    assert_eq!(by(small, recorded, &[]), Some(Reason::Stopped));
    assert_eq!(by(note, recorded, &[]), None);
}

#[test]
fn a_caller_hears_which_stop_it_is_and_why() {
    let desk = Desk::new();
    let [.., large] = CLASSES;
    let said = |stops: StopsInForce| match desk.decide(large, HIGH, stops).outcome() {
        Outcome::Reject(rejection) => rejection.message.clone(),
        Outcome::Permit(_) | Outcome::Route(_) => panic!("it is stopped"),
    };
    let mut stop = stop(None, None, None, StopLimit::Low);
    assert_eq!(
        said(stops(std::slice::from_ref(&stop), true)),
        "class high is above what the stop `INC-7` lets through, low: refunds go to one account"
    );
    if let Some(note) = &mut stop.note {
        note.reason = "turned \u{202e}round\n".to_owned();
    }
    assert_eq!(
        said(stops(std::slice::from_ref(&stop), true)),
        r"class high is above what the stop `INC-7` lets through, low: turned \u{202e}round\u{a}"
    );
    stop.note = None;
    stop.limit = StopLimit::None;
    assert_eq!(
        said(stops(&[stop], true)),
        "class high is above what a stop lets through, none"
    );
}

/// What was seen of the random stops: a generator that stops nothing, or everything, proves nothing.
#[derive(Debug, Default)]
struct Counts {
    attempts: u64,
    /// Rejected by a stop, of what passed without any.
    newly_stopped: u64,
    /// Rejected by the stop that was added last.
    by_one_more: u64,
    /// Passing although a stop reaches them.
    under_a_stop: u64,
    /// Stopped, and named by a function of the server.
    derived: u64,
}

#[test]
fn p18_no_stop_lets_anything_through_and_one_more_even_less() {
    let seed = scale::seed().expect("a number");
    let mut counts = Counts::default();
    for number in 0..BUNDLES {
        // Each bundle has a seed of its own, so that one can be made again without those before it.
        let mut random = Random::new(seed.wrapping_add(number.wrapping_mul(0x3_0000_0005)));
        let repository = Repository::new(&mut random);
        for _ in 0..ATTEMPTS {
            let one = attempt(&mut random, &repository.shape);
            counts.judge(&mut random, &repository, &one, (seed, number));
        }
    }
    println!("{counts:?}");
    let share = |count: u64| count * 1000 / counts.attempts;
    assert!(share(counts.newly_stopped) >= 50, "{counts:?}");
    assert!(share(counts.by_one_more) >= 10, "{counts:?}");
    assert!(share(counts.under_a_stop) >= 10, "{counts:?}");
    assert!(counts.derived > 0, "{counts:?}");
}

impl Counts {
    fn judge(&mut self, random: &mut Random, repository: &Repository, one: &Try, at: (u64, u64)) {
        let mut situation = repository.situation(one);
        let decide = |situation: &Situation| decide(&repository.bundle, &one.attempt, situation);
        let free = decide(&situation);
        let seen = free.seen();
        let target = seen.tool.as_ref().zip(seen.operation.as_ref());
        let vouched = random.one_in(2);
        let times = random.below(4);
        let mut all: Vec<_> = (0..times).map(|_| near(random, target)).collect();
        situation.stops = stops(&all, vouched);
        let few = decide(&situation);
        all.push(near(random, target));
        situation.stops = stops(&all, vouched);
        let many = decide(&situation);
        let context = || {
            let (seed, number) = at;
            format!(
                "seed {seed}, bundle {number}\n{all:?} {vouched}\n{one:?}\n{free:?}\n{few:?}\n{many:?}"
            )
        };

        // A stop rejects, or it changes nothing: no answer, no rule, no surface.
        assert!(is_stopped_or_equal(&free, &few), "{}", context());
        assert!(is_stopped_or_equal(&few, &many), "{}", context());
        assert!(rank(few.outcome()) >= rank(free.outcome()), "{}", context());
        assert!(rank(many.outcome()) >= rank(few.outcome()), "{}", context());

        // What is recorded of it is all that it takes to decide again.
        let again = Situation {
            limit: many.seen().limit.unwrap_or(situation.limit),
            stops: StopsInForce::default(),
            ..situation.clone()
        };
        let again = decide(&again);
        assert!(is_the_same(&again, &many), "{}", context());

        // The limit is the lowest of the ceiling and of the stops that reach the attempt, counted here anew.
        let reaching = |stop: &&StopInForce| reaches(stop, target, &one.attempt.agent, vouched);
        let lowest = all
            .iter()
            .filter(reaching)
            .map(|stop| Limit::from(stop.limit))
            .min();
        if let Some(found) = many.seen().limit {
            let ceiling = situation.limit.class;
            let expected = lowest.map_or(ceiling, |lowest| lowest.min(ceiling));
            assert_eq!(found.class, expected, "{}", context());
            let by_stop = lowest.is_some_and(|lowest| lowest <= ceiling);
            assert_eq!(found.by == LimitedBy::Stop, by_stop, "{}", context());
        }

        self.attempts += 1;
        let passes = |decision: &Decision| !matches!(decision.outcome(), Outcome::Reject(_));
        self.newly_stopped += u64::from(passes(&free) && !passes(&many));
        self.by_one_more += u64::from(passes(&few) && !passes(&many));
        self.under_a_stop += u64::from(lowest.is_some() && passes(&many));
        let function = matches!(one.attempt.target, Target::Function(_));
        let named = all.iter().any(|stop| stop.operation.is_some());
        self.derived += u64::from(function && named && passes(&free) && !passes(&many));
    }
}

/// A random stop, at the operation that is asked about or elsewhere.
fn near(random: &mut Random, target: Option<(&ToolName, &OperationName)>) -> StopInForce {
    let tools = [target.map_or("t0", |(tool, _)| tool.as_str()), "t0", "t1"];
    let operations = [
        target.map_or("preview", |(_, name)| name.as_str()),
        "preview",
    ];
    let tool = random.one_in(2).then(|| random.pick(&tools));
    let operation = (tool.is_some() && random.one_in(2)).then(|| random.pick(&operations));
    let agent = random.one_in(3).then(|| random.pick(&AGENTS));
    stop(tool, operation, agent, random.pick(&LIMITS))
}

fn reaches(
    stop: &StopInForce,
    target: Option<(&ToolName, &OperationName)>,
    agent: &str,
    vouched: bool,
) -> bool {
    let Some((tool, operation)) = target else {
        return false;
    };
    let other_tool = stop.tool.as_ref().is_some_and(|named| named != tool);
    let other = stop
        .operation
        .as_ref()
        .is_some_and(|named| named != operation);
    let other_agent = vouched && stop.agent.as_ref().is_some_and(|named| named != agent);
    !(other_tool || other || other_agent)
}

fn is_stopped_or_equal(before: &Decision, after: &Decision) -> bool {
    let stopped = matches!(after.outcome(), Outcome::Reject(why) if why.reason == Reason::Stopped);
    let unchanged = before.rules() == after.rules() && before.surface() == after.surface();
    unchanged && (stopped || before.outcome() == after.outcome())
}

/// Messages are for people and are not compared, as in a replay.
fn is_the_same(one: &Decision, other: &Decision) -> bool {
    let answer = match (one.outcome(), other.outcome()) {
        (Outcome::Reject(one), Outcome::Reject(other)) => one.reason == other.reason,
        (one, other) => one == other,
    };
    answer && one.rules() == other.rules() && one.surface() == other.surface()
}
