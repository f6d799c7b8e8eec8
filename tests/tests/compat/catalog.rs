//! A bundle whose catalog carries schemas (`stopgate_catalog: 1`) keeps the answers that it gave; the same policy, compiled
//! now, carries types and checks what is understood since.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use stopgate::build::rehearse;
use stopgate_author::compile::{Sources, compile};
use stopgate_decide::attempt::{Attempt, Input, Subject, Target};
use stopgate_decide::bundle::{Bundle, TrustRoot};
use stopgate_decide::calendar::{is_zone_data, zone_data};
use stopgate_decide::decide::{
    LimitNow, LimitedBy, Outcome, Reason, Situation, StopsInForce, decide,
};
use stopgate_decide::surface::{Enforces, Evidence, Limit};

use super::artefacts;

fn home() -> PathBuf {
    super::home().join(super::FORMATS).join("catalog-1")
}

/// As it was built by the last compiler that wrote that version.
fn first() -> Bundle {
    let read = |name: &str| fs::read(home().join(name)).expect("a file");
    let root = TrustRoot::open(&read("root.dsse.json"), artefacts::now()).expect("a root");
    Bundle::open(&read("policy.stopgate"), &root).expect("a bundle")
}

/// The same policy, compiled now.
fn second() -> Bundle {
    // The policy's text lies beside the bundle, so that both say the same to a reader.
    let mut files = BTreeMap::new();
    collect(&home().join("policies"), "", &mut files);
    let compiled = compile(Sources::new(files));
    let policy = compiled.policy.expect("a policy");
    rehearse(&policy).expect("a bundle")
}

fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .expect("UTF-8");
        let name = format!("{prefix}{name}");
        if path.is_dir() {
            collect(&path, &format!("{name}/"), files);
        } else {
            files.insert(name, fs::read(&path).expect("a file"));
        }
    }
}

/// The reason why `input` is rejected; `None` if it is permitted.
fn rejected(bundle: &Bundle, input: &str) -> Option<Reason> {
    let attempt = Attempt {
        subject: Subject {
            issuer: "https://sso.acme.example/".to_owned(),
            id: "somebody".to_owned(),
        },
        profiles: ["clerk".parse().expect("a profile")].into(),
        agent: "agent".to_owned(),
        tool: "pay".to_owned(),
        target: Target::Operation("pay".to_owned()),
        input: Input::parse(input.as_bytes()),
        definition: None,
    };
    let situation = Situation {
        now: artefacts::now(),
        limit: LimitNow {
            class: Limit::High,
            by: LimitedBy::Ceiling,
        },
        stops: StopsInForce::default(),
        evidence: Evidence::NONE,
        enforces: Enforces::ALL,
    };
    match decide(bundle, &attempt, &situation).outcome() {
        Outcome::Permit(_) => None,
        Outcome::Reject(why) => Some(why.reason),
        Outcome::Route(_) => panic!("no rule asks anybody: {input}"),
    }
}

#[test]
fn a_bundle_keeps_its_answers_whatever_is_learned_about_schemas() {
    let (first, second) = (first(), second());
    // Refused by what is understood now, and let through by the bundle that was compiled before.
    for input in [
        r#"{"amount":1,"price":"text"}"#,
        r#"{"amount":1,"price":{"x":1}}"#,
        r#"{"amount":1,"qty":"text"}"#,
        r#"{"amount":1,"qty":5.5}"#,
        r#"{"amount":1,"uniq":7}"#,
        r#"{"amount":1,"prio":5}"#,
        r#"{"amount":1,"one":"nope"}"#,
        r#"{"amount":1,"open":{"id":"x"}}"#,
        r#"{"amount":1,"text":"null"}"#,
        r#"{"amount":1,"text":" null "}"#,
    ] {
        assert_eq!(rejected(&first, input), None, "{input}");
        assert_eq!(
            rejected(&second, input),
            Some(Reason::InputInvalid),
            "{input}"
        );
    }
    for input in [
        r#"{"amount":1}"#,
        r#"{"amount":1,"price":0.5,"qty":5,"uniq":["a"],"prio":"hi","one":"a","open":{"id":1},"text":"x"}"#,
        r#"{"amount":1,"text":null}"#,
        r#"{"amount":1,"open":{"more":[]}}"#,
    ] {
        assert_eq!(rejected(&first, input), None, "{input}");
        assert_eq!(rejected(&second, input), None, "{input}");
    }
    for (input, why) in [
        (r#"{"amount":100}"#, Reason::NoRule),
        (r#"{"amount":1.5}"#, Reason::InputInvalid),
        (r#"{"amount":1,"more":1}"#, Reason::InputInvalid),
        (r#"{"amount":1,"open":"text"}"#, Reason::InputInvalid),
    ] {
        assert_eq!(rejected(&first, input), Some(why), "{input}");
        assert_eq!(rejected(&second, input), Some(why), "{input}");
    }
}

#[test]
fn bundles_say_the_zone_data_of_their_compiler_from_the_second_on() {
    assert_eq!(first().zone_data(), None);
    assert!(is_zone_data(zone_data()));
    assert_eq!(second().zone_data(), Some(zone_data()));
}
