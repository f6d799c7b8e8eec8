//! How the steps of several rules add up.

use super::*;

#[test]
fn an_attempt_meets_no_more_profiles_than_a_subject_may_hold() {
    let profiles = (1..=40).map(Steps::fixed);
    let dearest: u64 = (25..=40).sum();
    assert_eq!(
        of_one_attempt(Steps::fixed(7), profiles),
        Steps::fixed(dearest + 7)
    );
    // Which are the dearest may depend on the input: at no length are there dearer ones.
    let mixed = (0..40).map(|at| Steps {
        fixed: at,
        each: 40 - at,
    });
    let together = of_one_attempt(Steps::default(), mixed.clone());
    for bytes in [0, 1, 2, 100] {
        let mut each: Vec<u64> = mixed.clone().map(|steps| steps.at(bytes)).collect();
        each.sort_unstable();
        assert!(together.at(bytes) >= each.iter().rev().take(MAX_PROFILES).sum());
    }
}
