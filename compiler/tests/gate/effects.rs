//! `stopgate check` against trying, on random policies: a grant is called superfluous if and only if no attempt is decided
//! otherwise without it.

use std::collections::BTreeSet;
use std::path::Path;

use jiff::civil::date;
use stopgate::check::{Depth, look_closer};
use stopgate::diff::{Class, Limits};
use stopgate::review::Reviews;
use stopgate_author::compile::{Sources, compile};
use stopgate_author::diagnostic::Code;
use stopgate_author::policy::RuleKind;

use crate::brute::{Side, judge};
use crate::generate::change;
use crate::random::Random;

/// Policies of a run.
const POLICIES: u64 = 50;
const SEED: u64 = 20_261_126;

#[test]
fn a_rule_has_no_effect_where_trying_finds_none() {
    let (mut idle, mut never, mut at_work) = (0, 0, 0);
    for number in 0..POLICIES {
        let files = change(&mut Random::new(SEED + number)).head;
        let with = Side::new(&files).expect("a policy");
        let mut compiled = compile(Sources::new(files));
        let (reviews, today) = (Reviews::default(), date(2026, 11, 26));
        let limits = Limits::by(env!("CARGO_BIN_EXE_stopgate"));
        let depth = Depth::Everything;
        let reviews = (&reviews, Path::new("."));
        let complete = look_closer(&mut compiled, reviews, today, depth, &limits, &|_, _| {});
        assert!(complete, "policy {number}");
        let named = |code: Code| -> BTreeSet<&str> {
            let found = compiled.diagnostics.iter().filter(|one| one.code == code);
            let id = found.filter_map(|one| one.message.split('`').nth(1));
            id.collect()
        };
        let (useless, unmatched) = (named(Code::NoEffect), named(Code::NeverMatches));
        for rule in &with.policy.rules {
            let id = rule.id.to_string();
            let without = with.without(&rule.id);
            let mut judged = judge(&without, &with).into_values();
            let same = judged.all(|one| one.class == Class::Same);
            let (is_useless, is_unmatched) = (useless.contains(&*id), unmatched.contains(&*id));
            match rule.kind {
                RuleKind::Grant(_) => {
                    assert_eq!(same, is_useless || is_unmatched, "policy {number}, {id}");
                }
                // Others may ask for as much; that is not told.
                RuleKind::Raise(_) | RuleKind::Never(_) => {
                    assert!(same || !is_unmatched, "policy {number}, {id}");
                    assert!(!is_useless, "policy {number}, {id}");
                }
            }
            idle += usize::from(is_useless);
            never += usize::from(is_unmatched);
            at_work += usize::from(!same);
        }
    }
    assert!(
        idle >= 5 && never >= 2 && at_work >= 50,
        "{idle} without effect, {never} never match, {at_work} at work"
    );
}
