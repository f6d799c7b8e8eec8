//! Properties of the decision over random repositories: the reference model, and what follows from the semantics.
//!
//! `STOPGATE_ATTEMPTS` and `STOPGATE_SEED` change how many attempts are made and which.

#![cfg(test)]

#[path = "properties/judge.rs"]
mod judge;
#[path = "properties/loosening.rs"]
mod loosening;
#[path = "properties/stops.rs"]
mod stops;

use std::collections::BTreeSet;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};

use judge::{Repository, asked, plain};
use stopgate_author::cedar::Condition;
use stopgate_decide::bundle::Bundle;
use stopgate_decide::decide::{MatchKind, Outcome, Reason, decide, most_steps};
use stopgate_decide::surface::{Evidence, Limit, Surface};
use stopgate_tests::generate::{attempt, attempt_near};
use stopgate_tests::random::Random;
use stopgate_tests::{bulk, model, scale};

/// Bundles of one run at least; more when there are more attempts.
const BUNDLES: u64 = 500;
/// Attempts on each bundle whose cost is counted on both sides.
const COUNTED: u64 = 20;
/// At most this many attempts on one bundle.
const PER_BUNDLE: u64 = 5_000;

/// How often each kind of answer was seen: a generator that only makes rejections proves nothing.
#[derive(Debug, Default)]
struct Mix {
    attempts: u64,
    permits: u64,
    routes: u64,
    rejections: u64,
    several_profiles: u64,
    errors: u64,
    reasons: BTreeSet<Reason>,
}

impl Mix {
    fn count(&mut self, outcome: &Outcome, profiles: usize) {
        self.attempts += 1;
        self.several_profiles += u64::from(profiles > 1);
        match outcome {
            Outcome::Permit(_) => self.permits += 1,
            Outcome::Route(_) => self.routes += 1,
            Outcome::Reject(rejection) => {
                self.rejections += 1;
                self.errors += u64::from(rejection.reason == Reason::EvaluationError);
                self.reasons.insert(rejection.reason);
            }
        }
    }

    /// Puts `attempts` of one random repository to every property.
    fn judge(&mut self, seed: u64, number: u64, attempts: u64) {
        // Each bundle has a seed of its own, so that one can be made again without those before it.
        let mut random = Random::new(seed.wrapping_add(number.wrapping_mul(0x1_0000_0001)));
        let repository = Repository::new(&mut random);
        let stricter = repository.with_another_restriction(&mut random);
        let wider = repository.with_another_grant(&mut random);
        for nth in 0..attempts {
            let one = attempt(&mut random, &repository.shape);
            let situation = repository.situation(&one);
            let decision = decide(&repository.bundle, &one.attempt, &situation);
            // Printed only where something is wrong: a repository, an attempt and the answer.
            let context = || {
                format!(
                    "seed {seed}, bundle {number}\n{}\n{one:?}\n{decision:?}",
                    repository.text()
                )
            };
            self.count(decision.outcome(), decision.seen().profiles.len());

            // What authors' rules are counted to cost is never less than what the bundle's are: what is accepted opens.
            if nth < COUNTED {
                let bundles = most_steps(&repository.bundle, &one.attempt);
                let authors = repository.most_steps(&one.attempt, &decision);
                assert!(bundles <= authors, "{bundles} > {authors}: {}", context());
            }

            // I4, I20: the compiled policy says what the documents say.
            let expected = model::answer(&repository.policy, &one);
            assert_eq!(plain(&decision), expected, "{}", context());

            // I1: nothing passes without a grant that matched.
            let grants = decision
                .rules()
                .iter()
                .filter(|rule| rule.kind == MatchKind::Grant)
                .count();
            // Whatever is not rejected passes, now or when something has been collected.
            let passes = !matches!(decision.outcome(), Outcome::Reject(_));
            assert!(!passes || grants > 0, "{}", context());

            // I5: the index changes nothing.
            assert_eq!(
                decide(&repository.unindexed, &one.attempt, &situation),
                decision,
                "{}",
                context()
            );

            // I6: nor does asking again.
            assert_eq!(
                decide(&repository.bundle, &one.attempt, &situation),
                decision,
                "{}",
                context()
            );

            // I7, I8: text that no rule reads changes nothing, and never the profiles.
            let near = attempt_near(&mut random, &one);
            assert_eq!(
                decide(&repository.bundle, &near.attempt, &situation),
                decision,
                "{}",
                context()
            );

            // I9: less evidence or a lower ceiling opens nothing; M, E and s do not depend on the evidence.
            let mut poorer = situation.clone();
            poorer.evidence = Evidence::NONE;
            let without = decide(&repository.bundle, &one.attempt, &poorer);
            assert_eq!(
                (without.rules(), without.surface()),
                (decision.rules(), decision.surface()),
                "{}",
                context()
            );
            assert!(
                rank(without.outcome()) >= rank(decision.outcome()),
                "{}",
                context()
            );
            poorer.evidence = situation.evidence;
            // The next lower ceiling: any lower one would open less still.
            poorer.limit.class = Limit::ALL
                .iter()
                .copied()
                .filter(|limit| *limit < situation.limit.class)
                .max()
                .unwrap_or(Limit::None);
            assert!(
                rank(decide(&repository.bundle, &one.attempt, &poorer).outcome())
                    >= rank(decision.outcome()),
                "{}",
                context()
            );

            // I3: one more raise or never only makes stricter; one more grant never lowers what a grant asked for.
            let restricted = decide(&stricter, &one.attempt, &situation);
            assert!(
                rank(restricted.outcome()) >= rank(decision.outcome()),
                "{}\n{restricted:?}",
                context()
            );
            assert!(
                is_at_most(decision.surface(), restricted.surface()),
                "{}\n{restricted:?}",
                context()
            );
            let widened = decide(&wider, &one.attempt, &situation);
            // Only where something was granted before: the first grant may of course let through what nothing did.
            if grants > 0 {
                assert!(
                    is_at_most(decision.surface(), widened.surface()),
                    "{}\n{widened:?}",
                    context()
                );
                assert!(
                    rank(widened.outcome()) >= rank(decision.outcome()),
                    "{}\n{widened:?}",
                    context()
                );
            }
        }
    }

    fn add(&mut self, other: Self) {
        let Self {
            attempts,
            permits,
            routes,
            rejections,
            several_profiles,
            errors,
            reasons,
        } = other;
        self.attempts += attempts;
        self.permits += permits;
        self.routes += routes;
        self.rejections += rejections;
        self.several_profiles += several_profiles;
        self.errors += errors;
        self.reasons.extend(reasons);
    }

    fn assert_fair(&self) {
        // In percent. A generator that drifted to one kind of answer would make every property true.
        let share = |count: u64| count * 100 / self.attempts;
        assert!(share(self.permits) >= 15, "too few permits: {self:?}");
        assert!(share(self.routes) >= 15, "too few routes: {self:?}");
        assert!(share(self.rejections) >= 15, "too few rejections: {self:?}");
        assert!(
            share(self.several_profiles) >= 20,
            "too few with several profiles: {self:?}"
        );
        assert!(self.errors > 0, "no evaluation failed: {self:?}");
        assert!(self.reasons.len() >= 8, "too few reasons: {self:?}");
    }
}

/// Every attempt is put to the reference model and to each property, so that all of them see the same mix.
#[test]
fn i1_to_i11_hold_and_the_reference_model_agrees() {
    let attempts = scale::attempts().expect("a number");
    let seed = scale::seed().expect("a number");
    let bundles = BUNDLES.max(attempts / PER_BUNDLE);
    let each = attempts.div_ceil(bundles);
    let next = AtomicU64::new(0);
    let worker = || {
        let mut mix = Mix::default();
        loop {
            // A counter instead of shares: bundles take differently long.
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= bundles {
                return mix;
            }
            mix.judge(seed, number, each);
        }
    };
    let workers = std::thread::available_parallelism().map_or(1, NonZero::get);
    let mix = std::thread::scope(|scope| {
        let running: Vec<_> = (0..workers).map(|_| scope.spawn(worker)).collect();
        running.into_iter().fold(Mix::default(), |mut all, worker| {
            // A failed assertion in a worker ends the run with its own message.
            match worker.join() {
                Ok(mix) => all.add(mix),
                Err(panic) => std::panic::resume_unwind(panic),
            }
            all
        })
    });
    println!("{bundles} bundles, {mix:?}");
    mix.assert_fair();
}

/// Permit, route, reject: later is stricter.
const fn rank(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Permit(_) => 0,
        Outcome::Route(_) => 1,
        Outcome::Reject(_) => 2,
    }
}

fn is_at_most(before: Option<&Surface>, after: Option<&Surface>) -> bool {
    match (before, after) {
        (Some(before), Some(after)) => before.is_at_most(after),
        // An answer without a surface came before the rules: nothing was let through.
        (_, None) | (None, _) => true,
    }
}

/// I2, T3: a rule that cannot be evaluated rejects, also one that would not have mattered.
#[test]
fn i2_t3_a_failing_rule_rejects_whatever_else_matches() {
    let mut random = Random::new(2);
    let mut failures = 0;
    // Until enough attempts failed, however many it takes: failing rules are rare.
    while failures < 200 {
        let repository = Repository::new(&mut random);
        for _ in 0..200 {
            let one = attempt(&mut random, &repository.shape);
            let mut situation = repository.situation(&one);
            // With all evidence, so that a failure is the only thing that can stop it.
            situation.evidence = Evidence::ALL;
            let decision = decide(&repository.bundle, &one.attempt, &situation);
            if let Outcome::Reject(rejection) = decision.outcome()
                && rejection.reason == Reason::EvaluationError
            {
                failures += 1;
                assert_eq!(
                    asked(&decision),
                    None,
                    "no surface is shown for what could not be evaluated"
                );
                assert!(
                    !decision.rules().is_empty(),
                    "the rules that failed are named"
                );
            }
        }
    }
}

/// T27: a signature says who wrote a bundle, not that it is cheap to decide by.
#[test]
fn t27_a_bundle_is_not_trusted_to_be_cheap() {
    let with = |characters: usize| {
        let mut policy = bulk::policy(1);
        let pattern = "a".repeat(characters);
        let condition = Condition::parse(&format!("context.input.note like \"*{pattern}\""));
        for rule in &mut policy.rules {
            rule.condition = Some(condition.clone().expect("a condition"));
        }
        // The compiler's checks are passed by: these rules were never text of a repository.
        let (root, bytes) = stopgate::build::rehearsal(&policy).expect("a bundle");
        let rehearsed = stopgate::build::rehearse(&policy).map(|bundle| bundle.rules_len());
        assert_eq!(rehearsed.ok(), Some(6), "what it means can be compared");
        Bundle::open(&bytes, &root).map(|bundle| bundle.rules_len())
    };
    // Notes have 2,000 bytes at most, and six rules meet at the one operation.
    assert_eq!(with(2_000).ok(), Some(6));
    let refused = with(3_000).expect_err("more than 2^25 steps");
    let why = refused.to_string();
    assert!(why.contains("more steps than are accepted"), "{why}");
}
