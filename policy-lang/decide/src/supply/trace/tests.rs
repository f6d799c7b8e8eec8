//! What a sidecar is offered, and what it makes of it.

use super::super::testing::{World, digest, held, wanted};
use super::*;
use crate::name::OwnerName;

/// Looks at the newest of `history`, with those before it as far as they are asked for.
fn judged(history: &[Link], marks: &Marks) -> Result<Ground, SupplyRefusal> {
    let mut chain: Vec<Link> = history.last().cloned().into_iter().collect();
    loop {
        match trace(&chain, &wanted(), marks)? {
            Trace::Ends(ground) => return Ok(ground),
            Trace::Before { version, release } => {
                let before = history
                    .iter()
                    .find(|link| link.release().digest() == release);
                let before = before.expect("it is asked for what is there");
                assert_eq!(before.release().document().version, version);
                chain.push(before.clone());
            }
        }
    }
}

#[test]
fn t10_p1_what_was_in_force_is_never_put_in_force_again_after_something_newer() {
    let world = World::new();
    let history = world.history(&["one!", "two!", "three!"]);
    for (newest, seen) in (1..=3).flat_map(|seen| (1..=3).map(move |newest| (newest, seen))) {
        let marks = world.holding(&history[seen - 1]);
        let found = judged(&history[..newest], &marks);
        match newest.cmp(&seen) {
            std::cmp::Ordering::Less => assert!(
                matches!(found, Err(SupplyRefusal::Rollback { .. })),
                "{found:?}"
            ),
            std::cmp::Ordering::Equal => assert_eq!(found, Ok(Ground::InForce)),
            std::cmp::Ordering::Greater => assert_eq!(found, Ok(Ground::Steps(Vec::new()))),
        }
    }
}

#[test]
fn p1_the_same_version_with_other_content_is_refused() {
    let world = World::new();
    let one = world.history(&["one!"]).remove(0);
    let marks = world.holding(&one);
    let other = world.history(&["other!"]);
    let found = judged(&other, &marks);
    assert_eq!(found, Err(SupplyRefusal::Forked(ReleaseVersion::FIRST)));
}

#[test]
fn p1_a_release_is_for_one_channel_of_one_organisation() {
    let world = World::new();
    let release = world.release("one!", None);
    let elsewhere = |edit: fn(&mut Release)| {
        let mut release = release.clone();
        edit(&mut release);
        let link = world.link(&release, true);
        trace(&[link], &wanted(), &world.marks())
    };
    let found = elsewhere(|release| release.channel = "dev".parse().expect("a name"));
    assert!(
        matches!(found, Err(SupplyRefusal::Channel { .. })),
        "{found:?}"
    );
    let found = elsewhere(|release| release.organisation = "other".parse().expect("a name"));
    assert!(
        matches!(found, Err(SupplyRefusal::Organisation { .. })),
        "{found:?}"
    );
    assert_eq!(
        elsewhere(|_| ()),
        Ok(Trace::Ends(Ground::Steps(Vec::new())))
    );
}

#[test]
fn p2_what_nobody_signed_off_has_to_be_seen_not_to_be_looser() {
    let world = World::new();
    let history = world.history(&["one!", "two"]);
    let [one, two] = history.as_slice() else {
        panic!("two")
    };
    let not_looser = Ok(Ground::Steps(vec![UnsignedStep {
        base: held(one).bundle,
        bundle: held(two).bundle,
    }]));
    // Whether version 1 is in force, or was seen to be signed off.
    assert_eq!(judged(&history, &world.holding(one)), not_looser);
    assert_eq!(judged(&history, &world.marks()), not_looser);
    // The publisher's word does not count: the documents are the same whatever it says of the change.
    assert_eq!(
        two.release().document().change,
        super::super::ReleaseChange::Looser
    );
}

#[test]
fn p2_a_sign_off_is_for_one_change() {
    let world = World::new();
    let release = world.release("one!", None);
    let sign_off = world.sign_off(&release);
    let bytes = world.sign(&release, &["ci"]);
    let other = |edit: fn(&mut SignOff)| {
        let mut sign_off = sign_off.clone();
        edit(&mut sign_off);
        let sign_off = world.sign(&sign_off, &["eva"]);
        Link::offered(&bytes, Some(&sign_off), &world.root).map(|_| ())
    };
    assert_eq!(other(|_| ()), Ok(()));
    let refused = Err(SupplyRefusal::OtherSignOff(ReleaseVersion::FIRST));
    assert_eq!(other(|it| it.bundle = digest("other")), refused);
    assert_eq!(other(|it| it.base = Some(digest("other"))), refused);
    assert_eq!(
        other(|it| it.organisation = OwnerName::new("other").expect("a name")),
        refused
    );
    // Signed by a publisher, it is no sign-off.
    let sign_off = world.sign(&sign_off, &["ci"]);
    let found = Link::offered(&bytes, Some(&sign_off), &world.root);
    assert!(
        matches!(
            found,
            Err(SupplyRefusal::Document {
                what: "sign-off",
                ..
            })
        ),
        "{found:?}"
    );
}

#[test]
fn p2_the_sign_off_of_a_change_that_was_taken_back_does_not_serve_twice() {
    let world = World::new();
    // Reviewers let `tight` become `loose`; then it was taken back, and something stricter came.
    let history = world.history(&["tight!", "loose!", "tight", "tighter"]);
    let now = history.last().expect("one");
    let marks = world.holding(now);
    // A thief with the publisher's key brings `loose` back with the old sign-off, and says that `tight` was the base.
    let mut release = world.release("loose!", Some(now));
    release.base = Some(held(&history[0]).bundle);
    let thief = world.link(&release, true);
    let found = judged(&[history.clone(), vec![thief]].concat(), &marks);
    assert!(matches!(found, Err(SupplyRefusal::History(_))), "{found:?}");
    // And the same for somebody who has seen nothing yet.
    let mut release = world.release("loose!", Some(now));
    release.base = Some(held(&history[0]).bundle);
    let thief = world.link(&release, true);
    let found = judged(&[history, vec![thief]].concat(), &world.marks());
    assert!(matches!(found, Err(SupplyRefusal::History(_))), "{found:?}");
}

#[test]
fn p2_a_history_that_a_publisher_made_up_makes_no_old_sign_off_fit() {
    let world = World::new();
    let history = world.history(&["tight!", "loose!", "tight", "tighter"]);
    let marks = world.holding(history.last().expect("one"));
    // Version 4 once more, as another: nobody has to sign what is only history.
    let other = world.release("tight", Some(&history[2]));
    let other = world.link(&other, false);
    let fitting = world.link(&world.release("loose!", Some(&other)), true);
    let forked = [&history[..3], &[other, fitting]].concat();
    let found = judged(&forked, &marks);
    let four = ReleaseVersion::new(4).expect("a version");
    assert_eq!(found, Err(SupplyRefusal::Forked(four)));
    // Or a version 5 in between, which no sidecar would take: it is a step that has to be seen not to be looser.
    let between = world.link(&world.release("tight", history.last()), false);
    let fitting = world.link(&world.release("loose!", Some(&between)), true);
    let longer = [&history[..], &[between.clone(), fitting]].concat();
    let found = judged(&longer, &marks);
    let step = UnsignedStep {
        base: held(&history[3]).bundle,
        bundle: held(&between).bundle,
    };
    assert_eq!(found, Ok(Ground::Steps(vec![step])));
}

#[test]
fn p4_a_root_of_the_first_format_is_none_for_channels() {
    let world = World::new();
    let first = |root: &mut crate::bundle::root::RootStatement| {
        root.stopgate_root = 1;
        root.roles.timestamp = None;
        root.roles.stop = None;
        root.roles.reviewer.as_mut().expect("there").threshold_high = None;
    };
    let file = world.root_file(first, &["root"]);
    let root = TrustRoot::open(&file, super::super::testing::now()).expect("a root");
    let release = world.sign(&world.release("one!", None), &["ci"]);
    let found = Link::offered(&release, None, &root).map(|_| ());
    assert_eq!(found, Err(SupplyRefusal::FirstFormat));
}

#[test]
fn p3_who_slept_goes_back_to_what_it_has_or_to_what_was_signed_off() {
    let world = World::new();
    let history = world.history(&["one!", "two", "three", "four!", "five", "six"]);
    let bundle = |at: usize| held(&history[at - 1]).bundle;
    // From the top: each change that nobody signed off, as one step as far as it goes.
    let step = |base, to| UnsignedStep {
        base: bundle(base),
        bundle: bundle(to),
    };
    for (asleep_at, steps) in [
        (1, vec![step(4, 6), step(1, 3)]),
        (2, vec![step(4, 6), step(2, 3)]),
        (3, vec![step(4, 6)]),
        (4, vec![step(4, 6)]),
        (5, vec![step(5, 6)]),
    ] {
        let marks = world.holding(&history[asleep_at - 1]);
        let found = judged(&history, &marks);
        assert_eq!(found, Ok(Ground::Steps(steps)), "asleep at {asleep_at}");
    }
    // Who has seen nothing begins at what was signed off.
    let fresh = judged(&history, &world.marks());
    assert_eq!(fresh, Ok(Ground::Steps(vec![step(4, 6)])));
    // What was signed off itself needs nothing before it but its own base.
    assert_eq!(
        judged(&history[..4], &world.marks()),
        Ok(Ground::Steps(Vec::new()))
    );
}

#[test]
fn p3_nobody_goes_back_further_than_ten_releases() {
    let world = World::new();
    for strict in 1..=12 {
        let names: Vec<String> = (0..strict).map(|at| format!("strict-{at}")).collect();
        let bundles: Vec<&str> = ["zero!"]
            .into_iter()
            .chain(names.iter().map(String::as_str))
            .collect();
        let history = world.history(&bundles);
        let found = judged(&history, &world.marks());
        if strict <= MAX_STEPS_BACK {
            let step = UnsignedStep {
                base: held(&history[0]).bundle,
                bundle: held(history.last().expect("one")).bundle,
            };
            assert_eq!(found, Ok(Ground::Steps(vec![step])));
        } else {
            let newest = history.last().expect("one").release().document().version;
            assert_eq!(found, Err(SupplyRefusal::TooFarBack(newest)), "{strict}");
        }
    }
}

#[test]
fn a_first_release_that_nobody_signed_off_is_no_ground() {
    let world = World::new();
    for bundles in [vec!["one"], vec!["one", "two"]] {
        let history = world.history(&bundles);
        let found = judged(&history, &world.marks());
        assert!(
            matches!(found, Err(SupplyRefusal::NeverSignedOff(_))),
            "{found:?}"
        );
    }
}

#[test]
fn a_history_that_does_not_fit_together_is_refused_whatever_is_put_behind_the_head() {
    let world = World::new();
    let history = world.history(&["one!", "two", "three"]);
    let [one, two, three] = history.as_slice() else {
        panic!("three")
    };
    let marks = world.marks();
    for behind in [vec![one], vec![three], vec![two, two], vec![two, three]] {
        let chain: Vec<Link> = std::iter::once(three).chain(behind).cloned().collect();
        let found = trace(&chain, &wanted(), &marks);
        assert!(matches!(found, Err(SupplyRefusal::History(_))), "{found:?}");
    }
    // A document that is read because another one names it has to be that one.
    let bytes = world.sign(one.release().document(), &["ci"]);
    let other = Link::before(&bytes, two.release().digest(), None, &world.root);
    assert!(
        matches!(
            other,
            Err(SupplyRefusal::Document {
                why: DocumentError::Other { .. },
                ..
            })
        ),
        "{other:?}"
    );
    // And needs no signature of a key that may be gone.
    let unsigned = world.sign(one.release().document(), &[]);
    let named = Link::before(&unsigned, one.release().digest(), None, &world.root);
    assert!(named.is_ok());
    assert!(Link::offered(&unsigned, None, &world.root).is_err());
}
