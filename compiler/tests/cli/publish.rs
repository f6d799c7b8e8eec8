//! A pipeline publishes to a channel, and reviewers sign off what may be looser.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use stopgate::key::SigningKey;
use stopgate::publish::seal;
use stopgate_decide::supply::{FormatOne, SignOff, Unsealed};
use stopgate_decide::surface::Risk;

use crate::{Desk, Run};

const PUBLISH: [&str; 8] = [
    "publish",
    "p",
    "--channel=prod",
    "--store=dir:channels",
    "--key=ci.key",
    "--format=text",
    "--rev=main",
    "-q",
];

/// A rule that only takes away.
const NEVER: &str = r#"@id("closed") @owner("security") @review_by("2099-01-01")
@description("closed for today")
forbid (principal, action == Stopgate::Action::"tickets/close_ticket", resource);
"#;

/// A committed repository whose root names a publisher, two reviewers, a timestamper and somebody who may stop.
pub(crate) fn desk() -> Desk {
    let desk = Desk::with_repository();
    for name in ["root", "ci", "ana", "eva", "clock", "night"] {
        assert_eq!(desk.run(&["keygen", name]).exit, 0);
    }
    let root = desk.run(&[
        "root",
        "--key=root.key",
        "--publisher=ci.pub",
        "--reviewer=ana.pub",
        "--reviewer=eva.pub",
        "--timestamp=clock.pub",
        "--stop=night.pub",
        "-o",
        "p/trust/root.dsse.json",
    ]);
    assert_eq!(root.exit, 0, "{}", root.shown());
    desk.commit("p");
    desk
}

/// Signs off the first policy as `name`, and returns the sign-off's file as a flag.
pub(crate) fn sign_off(desk: &Desk, name: &str) -> String {
    let file = format!("{name}.signoff");
    let key = format!("--key={name}.key");
    let command = [
        "signoff",
        "p",
        "--base=empty",
        "--rev=main",
        &key,
        "-o",
        &file,
    ];
    // Nobody is there to be asked, so it says what it would sign.
    let shown = desk.run(&command);
    assert_eq!(shown.exit, 8, "{}", shown.shown());
    let digest = shown
        .stderr
        .lines()
        .find_map(|line| line.strip_prefix("digest "));
    let yes = format!("--yes={}", digest.expect("a digest").trim());
    let signed = desk.run(&[&command[..], &[&yes]].concat());
    assert_eq!(signed.exit, 0, "{}", signed.shown());
    format!("--sign-off={file}")
}

fn publish(desk: &Desk, more: &[&str]) -> Run {
    desk.run(&[&PUBLISH[..], more].concat())
}

/// Publishes the first release.
fn begin(desk: &Desk) {
    let (ana, eva) = (sign_off(desk, "ana"), sign_off(desk, "eva"));
    let run = publish(desk, &[&ana, &eva]);
    assert_eq!(run.exit, 0, "{}", run.shown());
}

fn line<'r>(run: &'r Run, name: &str) -> &'r str {
    let found = run.stdout.lines().find_map(|line| line.strip_prefix(name));
    found
        .unwrap_or_else(|| panic!("no {name}: {}", run.shown()))
        .trim()
}

#[test]
fn a_channel_begins_with_a_sign_off_and_goes_on_without_one_where_nothing_is_looser() {
    let desk = desk();
    // A plan writes nothing, not even a store.
    let run = publish(&desk, &["--plan"]);
    assert_eq!(run.exit, 1, "{}", run.shown());
    let run = publish(&desk, &[]);
    assert_eq!(run.exit, 5, "{}", run.shown());
    assert!(run.stdout.contains("--base empty"), "{}", run.shown());

    let (ana, eva) = (sign_off(&desk, "ana"), sign_off(&desk, "eva"));
    // It is the first policy, so it may be looser at risk high, and that takes both.
    let run = publish(&desk, &[&ana]);
    assert_eq!(run.exit, 8, "{}", run.shown());
    let run = publish(&desk, &[&ana, &eva, "--plan"]);
    assert_eq!((run.exit, line(&run, "planned")), (0, "nothing is written"));
    let run = publish(&desk, &[&ana, &eva]);
    assert_eq!(
        (run.exit, line(&run, "version")),
        (0, "1"),
        "{}",
        run.shown()
    );
    // Once is enough.
    let run = publish(&desk, &[]);
    assert_eq!(run.exit, 0, "{}", run.shown());
    assert!(line(&run, "unchanged").contains("since version 1"));

    fs::write(desk.path("p/rules/guard.cedar"), NEVER).expect("written");
    desk.commit("p");
    let run = publish(&desk, &[]);
    assert_eq!(
        (run.exit, line(&run, "version")),
        (0, "2"),
        "{}",
        run.shown()
    );

    // Gone again, it may be looser, and yesterday's sign-offs are for another change.
    fs::remove_file(desk.path("p/rules/guard.cedar")).expect("removed");
    desk.commit("p");
    let run = publish(&desk, &[]);
    assert_eq!(run.exit, 5, "{}", run.shown());
    assert!(run.stdout.contains("guard/closed"), "{}", run.shown());
    let run = publish(&desk, &[&ana, &eva]);
    assert_eq!(run.exit, 8, "{}", run.shown());
    assert!(run.stderr.contains("from no policy"), "{}", run.shown());
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_written() {
    let desk = desk();
    let begins = [
        (vec!["--key=ana.key"], 8),
        (
            vec![
                "--expect=sha256:0000000000000000000000000000000000000000000000000000000000000000",
            ],
            7,
        ),
        (vec!["--sign-off=ci.pub"], 8),
        (vec!["--sign-off=nowhere"], 2),
    ];
    for (more, exit) in begins {
        let run = publish(&desk, &more);
        assert_eq!(run.exit, exit, "{more:?}: {}", run.shown());
        assert!(
            !desk
                .path("channels")
                .join("items")
                .join("HEAD%23prod")
                .exists()
        );
    }
    let run = desk.run(&[
        "publish",
        "p",
        "--channel=nowhere",
        "--store=dir:channels",
        "--key=ci.key",
    ]);
    assert_eq!(run.exit, 2, "{}", run.shown());
    let run = desk.run(&[
        "publish",
        "p",
        "--channel=prod",
        "--store=s3:x",
        "--key=ci.key",
    ]);
    assert_eq!(run.exit, 2, "{}", run.shown());
    // A sign-off is a reviewer's, and of what the gate lets pass.
    let run = desk.run(&["signoff", "p", "--base=empty", "--rev=main", "--key=ci.key"]);
    assert_eq!(run.exit, 8, "{}", run.shown());
    // Without a root of the second format nobody can say who may sign a timestamp, but a release is one all the same.
    fs::remove_file(desk.path("p/trust/root.dsse.json")).expect("removed");
    desk.commit("p");
    let run = publish(&desk, &[]);
    assert_eq!(run.exit, 8, "{}", run.shown());
}

fn head(desk: &Desk) -> PathBuf {
    desk.path("channels/items/HEAD%23prod/-.item")
}

#[test]
fn nothing_is_put_behind_a_head_that_no_publisher_signed() {
    let desk = desk();
    begin(&desk);
    fs::write(desk.path("p/rules/guard.cedar"), NEVER).expect("written");
    desk.commit("p");
    let kept = fs::read(head(&desk)).expect("a head");
    // A file that is not as the store writes it.
    let mut spoilt = kept.clone();
    *spoilt.last_mut().expect("a byte") ^= 1;
    fs::write(head(&desk), spoilt).expect("written");
    let run = publish(&desk, &[]);
    assert_eq!(run.exit, 7, "{}", run.shown());
    fs::write(head(&desk), &kept).expect("written");
    // A root that does not know the pipeline that published before.
    fs::remove_file(desk.path("p/trust/root.dsse.json")).expect("removed");
    assert_eq!(desk.run(&["keygen", "other"]).exit, 0);
    let root = desk.run(&[
        "root",
        "--key=root.key",
        "--publisher=other.pub",
        "--reviewer=ana.pub",
        "--reviewer=eva.pub",
        "--timestamp=clock.pub",
        "-o",
        "p/trust/root.dsse.json",
    ]);
    assert_eq!(root.exit, 0, "{}", root.shown());
    desk.commit("p");
    let run = desk.run(&[
        "publish",
        "p",
        "--channel=prod",
        "--store=dir:channels",
        "--key=other.key",
    ]);
    assert_eq!(run.exit, 8, "{}", run.shown());
    assert_eq!(fs::read(head(&desk)).expect("a head"), kept);
}

/// Every publisher is told whether it is its release that the channel has.
#[test]
fn p1_of_many_publishers_at_once_each_version_is_of_one() {
    let desk = desk();
    begin(&desk);
    // Branches of one start, each with another guardrail.
    const PUBLISHERS: usize = 8;
    for number in 0..PUBLISHERS {
        let branch = format!("b{number}");
        desk.git("p", &["checkout", "-q", "-b", &branch, "main"]);
        let rule = NEVER.replace("\"closed\"", &format!("\"closed-{number}\""));
        fs::write(desk.path("p/rules/guard.cedar"), rule).expect("written");
        desk.git("p", &["add", "-A"]);
        desk.git("p", &["commit", "-q", "-m", &branch]);
    }
    let exits = std::thread::scope(|scope| {
        let publishers: Vec<_> = (0..PUBLISHERS)
            .map(|number| {
                let desk = &desk;
                scope.spawn(move || {
                    let rev = format!("--rev=b{number}");
                    let run = desk.run(&[
                        "publish",
                        "p",
                        "--channel=prod",
                        "--store=dir:channels",
                        "--key=ci.key",
                        &rev,
                    ]);
                    assert!(
                        run.exit == 0 || run.stderr.contains("conflict") || run.exit == 5,
                        "{}",
                        run.shown()
                    );
                    run.exit
                })
            })
            .collect();
        let exits = publishers.into_iter().map(|publisher| publisher.join());
        exits
            .map(|exit| exit.expect("it ended"))
            .collect::<Vec<_>>()
    });
    let published = exits.iter().filter(|exit| **exit == 0).count();
    assert!(published >= 1, "{exits:?}");
    // One release for each that was told so, and none beside them.
    let history = desk.path("channels/items/HIST%23prod");
    let versions = fs::read_dir(history).expect("a history").count();
    assert_eq!(versions, 1 + published, "{exits:?}");
}

/// Writes a sign-off of both reviewers, at risk high, as they would make it where the gate has passed the change.
fn signed_off(desk: &Desk, base: &str, bundle: &str) -> String {
    let document = SignOff {
        format: FormatOne,
        organisation: "my-company".parse().expect("a name"),
        base: Some(base.parse().expect("a digest")),
        bundle: bundle.parse().expect("a digest"),
        risk: Risk::High,
        waivers: BTreeSet::new(),
    };
    let keys = ["ana", "eva"].map(|name| {
        let key = SigningKey::read(&desk.path(&format!("{name}.key")));
        key.expect("a key")
    });
    let unsealed = Unsealed::new(&document).expect("a sign-off");
    let bytes = seal(unsealed, &keys).expect("signed");
    fs::write(desk.path("both.signoff"), bytes).expect("written");
    "--sign-off=both.signoff".to_owned()
}

#[test]
fn p16_going_back_is_a_new_version_of_the_very_bundle_and_is_signed_off_like_any_other() {
    let desk = desk();
    begin(&desk);
    fs::write(desk.path("p/rules/guard.cedar"), NEVER).expect("written");
    desk.commit("p");
    let second = publish(&desk, &[]);
    assert_eq!(second.exit, 0, "{}", second.shown());
    let back = |to: &str, more: &[&str]| {
        let to = format!("--to={to}");
        let command = [
            "rollback",
            "p",
            "--channel=prod",
            "--store=dir:channels",
            "--key=ci.key",
            &to,
        ];
        desk.run(&[&command[..], more].concat())
    };
    for (to, exit) in [("3", 1), ("0", 2), ("x", 2)] {
        let run = back(to, &[]);
        assert_eq!(run.exit, exit, "{to}: {}", run.shown());
    }
    let run = back("2", &[]);
    assert!(line(&run, "unchanged").contains("since version 2"));
    let run = back("1", &[]);
    assert_eq!(run.exit, 5, "{}", run.shown());
    assert!(run.stdout.contains("guard/closed"), "{}", run.shown());
    let first = line(&run, "bundle").to_owned();
    let sign_off = signed_off(&desk, line(&second, "bundle"), &first);
    let run = back("1", &[&sign_off]);
    assert_eq!(
        (run.exit, line(&run, "version")),
        (0, "3"),
        "{}",
        run.shown()
    );
    assert_eq!(line(&run, "bundle"), first);
    // What is published again needs nothing of the present policy, and its history holds together.
    let run = publish(&desk, &["--plan"]);
    assert_eq!(
        (run.exit, line(&run, "version")),
        (0, "4"),
        "{}",
        run.shown()
    );
}

#[test]
fn what_a_channel_has_is_published_again_once_a_reviewer_has_agreed() {
    let desk = desk();
    begin(&desk);
    let run = publish(&desk, &["--again"]);
    assert_eq!(run.exit, 5, "{}", run.shown());
    assert!(run.stdout.contains("--again"), "{}", run.shown());
    let again = |more: &[&str]| {
        let command = ["signoff", "p", "--base=main", "--rev=main", "--key=ana.key"];
        desk.run(&[&command[..], &["-o", "again.signoff"], more].concat())
    };
    let run = again(&[]);
    assert_eq!(run.exit, 2, "{}", run.shown());
    assert!(run.stderr.contains("--again"), "{}", run.shown());
    let run = again(&["--again"]);
    assert_eq!(run.exit, 8, "{}", run.shown());
    let digest = run
        .stderr
        .lines()
        .find_map(|line| line.strip_prefix("digest "));
    let yes = format!("--yes={}", digest.expect("a digest").trim());
    let run = again(&["--again", &yes]);
    assert_eq!(run.exit, 0, "{}", run.shown());
    let run = publish(&desk, &["--again", "--sign-off=again.signoff"]);
    assert_eq!(
        (run.exit, line(&run, "version")),
        (0, "2"),
        "{}",
        run.shown()
    );
    // What is no repetition is not signed off as one.
    fs::write(desk.path("p/rules/guard.cedar"), NEVER).expect("written");
    desk.commit("p");
    let run = publish(&desk, &["--again"]);
    assert_eq!(run.exit, 2, "{}", run.shown());
    let command = ["signoff", "p", "--base=main~1", "--again", "--key=ana.key"];
    let run = desk.run(&command);
    assert_eq!(run.exit, 2, "{}", run.shown());
}
