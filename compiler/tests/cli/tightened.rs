//! Rules that got stricter: a base that was merged before them is mended by the next change, and locks nobody out.

use std::path::{Path, PathBuf};

use serde_json::Value;
use stopgate_author::diagnostic::{Code, Meaning};

use crate::sign::day;
use crate::{Desk, copy};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../policy-lang/author/tests")
}

/// Every repository that has a mistake of a tightened code, by the name of its fixture, made in `p` of a desk.
fn faulty() -> Vec<(Code, String, Desk)> {
    let mut all = Vec::new();
    for code in Code::ALL.iter().filter(|code| code.tightened().is_some()) {
        let entries = std::fs::read_dir(fixtures().join("diagnostics")).expect("the fixtures");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("an entry"))
            .filter(|entry| entry.path().is_dir())
            .map(|entry| entry.file_name().into_string().expect("UTF-8"))
            .filter(|name| name.split("--").next() == Some(code.as_str()))
            .collect();
        names.sort();
        let made = if *code == Code::NotPolicy {
            vec!["link".to_owned(), "submodule".to_owned()]
        } else {
            names
        };
        assert!(!made.is_empty(), "no fixture of {}", code.as_str());
        for name in made {
            all.push((*code, name.clone(), made_of(&name)));
        }
    }
    all
}

fn made_of(name: &str) -> Desk {
    let desk = Desk::new();
    copy(&fixtures().join("base"), &desk.path("p"));
    match name {
        "link" => {
            let rules = desk.path("p/rules/erp.yaml");
            std::fs::rename(&rules, desk.path("p/text")).expect("moved");
            std::os::unix::fs::symlink("../text", rules).expect("a link");
        }
        "submodule" => {
            desk.commit("p");
            let commit = desk.git("p", &["rev-parse", "HEAD"]);
            let entry = format!("160000,{commit},rules/guardrails.cedar");
            desk.git("p", &["update-index", "--add", "--cacheinfo", &entry]);
            desk.git("p", &["commit", "-q", "-m", "a submodule"]);
        }
        fixture => copy(
            &fixtures().join("diagnostics").join(fixture),
            &desk.path("p"),
        ),
    }
    desk
}

/// Trusts two reviewers, and commits the fault as `base` and what mends it as `main`.
fn mended(name: &str, desk: &Desk) {
    for key in ["root", "ana", "eva"] {
        assert_eq!(desk.run(&["keygen", key]).exit, 0);
    }
    let root = "p/trust/root.dsse.json";
    let _was_it_there = std::fs::remove_file(desk.path(root));
    let reviewers = ["--reviewer=ana.pub", "--reviewer=eva.pub"];
    let args = [&["root", "--key=root.key", "-o", root][..], &reviewers].concat();
    assert_eq!(desk.run(&args).exit, 0);
    if name == "submodule" {
        desk.git("p", &["add", "trust"]);
        desk.git("p", &["commit", "-q", "-m", "a root"]);
    } else {
        desk.commit("p");
    }
    desk.git("p", &["branch", "-f", "base"]);
    let kept = std::fs::read(desk.path(root)).expect("a root");
    for entry in std::fs::read_dir(desk.path("p")).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.ends_with(".git") {
            std::fs::remove_dir_all(path).expect("removed");
        } else if path.is_file() {
            std::fs::remove_file(path).expect("removed");
        }
    }
    copy(&fixtures().join("base"), &desk.path("p"));
    std::fs::create_dir_all(desk.path("p/trust")).expect("a folder");
    std::fs::write(desk.path(root), kept).expect("written");
    desk.git("p", &["rm", "-rq", "--cached", "."]);
    desk.commit("p");
}

fn judged(desk: &Desk) -> (i32, Value) {
    let diff = ["diff", "p", "--base=base", "--head=main", "--format=json"];
    let run = desk.run(&diff);
    (run.exit, run.json())
}

#[test]
fn t1_a_base_that_rules_got_stricter_for_ends_no_comparison() {
    for (code, name, desk) in faulty() {
        mended(&name, &desk);
        let check = desk.run(&["check", "p", "--rev=base", "--format=json"]);
        assert_eq!(check.exit, 3, "{name}: {}", check.shown());
        let found = check.json()["diagnostics"].clone();
        let found = found.as_array().expect("a list").iter();
        let is_it = |one: &Value| one["code"] == code.as_str();
        assert!(found.clone().any(is_it), "{name}: {}", check.shown());
        let (exit, answer) = judged(&desk);
        match code.tightened() {
            Some(Meaning::Kept) => assert!([0, 5].contains(&exit), "{name}: {answer}"),
            Some(Meaning::Lost) => {
                assert_eq!(exit, 5, "{name}: {answer}");
                let settings = answer["settings"].as_array().expect("a list").iter();
                let paths = settings.filter(|one| one["risk"] == "high");
                let mut paths = paths.filter_map(|one| one["path"].as_str());
                let is_rewritten = paths.any(|path| path == "re-written.create_refund");
                assert!(is_rewritten, "{name}: {answer}");
            }
            None => panic!("{name}"),
        }
        // As a head it is a mistake like any other.
        let back = desk.run(&["diff", "p", "--base=main", "--head=base"]);
        assert_eq!(back.exit, 3, "{name}: {}", back.shown());
    }
}

#[test]
fn t1_what_cannot_be_compared_is_let_pass_by_two_and_bound_to_the_base() {
    let desk = made_of("link");
    mended("link", &desk);
    let (_, answer) = judged(&desk);
    let draft = answer.pointer("/to_sign/waiver").and_then(Value::as_str);
    let draft = draft.unwrap_or_else(|| panic!("no draft: {answer}"));
    let id = draft.lines().find_map(|line| line.strip_prefix("waiver: "));
    let id = id.expect("an id").trim_matches('"');
    let file = format!("p/waivers/{id}.yaml");
    std::fs::create_dir_all(desk.path("p/waivers")).expect("a folder");
    let text = draft.replace("reason: \"\"", "reason: Links are files now.");
    std::fs::write(desk.path(&file), text).expect("written");
    desk.commit("p");
    for (key, exit) in [("ana", 5), ("eva", 0)] {
        let (now, answer) = judged(&desk);
        assert_eq!(now, 5, "before {key} signed: {answer}");
        let key = format!("--key={key}.key");
        let sign = ["sign", &file, "--waiver", "--base=base", &key];
        let shown = desk.run(&sign);
        let digest = shown
            .stderr
            .lines()
            .find_map(|line| line.strip_prefix("digest   "));
        let yes = format!(
            "--yes={}",
            digest.unwrap_or_else(|| panic!("{}", shown.shown()))
        );
        let signed = desk.run(&[&sign[..], &[&yes]].concat());
        assert_eq!(signed.exit, 0, "{}", signed.shown());
        desk.commit("p");
        let (now, answer) = judged(&desk);
        assert_eq!(now, exit, "{answer}");
    }
    // Another base, with the same head, is another change.
    desk.git("p", &["checkout", "-q", "base"]);
    desk.edit("p/text", "stopgate: 1", "stopgate: 1 # otherwise");
    desk.commit("p");
    desk.git("p", &["checkout", "-q", "main"]);
    assert_eq!(judged(&desk).0, 5);
}

/// The operations that are named, each with its class.
fn classes(answer: &Value) -> Vec<(&str, &str)> {
    let operations = answer["operations"].as_array().expect("a list").iter();
    let named = operations.map(|one| (one["operation"].as_str(), one["class"].as_str()));
    let named = named.map(|(operation, class)| operation.zip(class).expect("texts"));
    named.collect()
}

/// Whether something is said to be re-written, which nobody compares.
fn is_rewritten(answer: &Value) -> bool {
    let mut settings = answer["settings"].as_array().expect("a list").iter();
    settings.any(|one| one["field"] == "re-written.*")
}

#[test]
fn t1_a_base_that_is_too_costly_is_compared_by_what_it_says() {
    let desk = made_of("rule-too-costly");
    let rules = std::fs::read_to_string(desk.path("p/rules/erp.yaml")).expect("a file");
    let costly = rules.split('"').find(|part| part.starts_with("*of the"));
    let text = costly.expect("the pattern").trim_matches('*').to_owned();
    mended("rule-too-costly", &desk);
    // What the mended rule gives and takes is proved, as of any other change.
    let (exit, answer) = judged(&desk);
    assert_eq!(exit, 5, "{answer}");
    assert_eq!(classes(&answer), [("create_refund", "both")], "{answer}");
    assert!(!is_rewritten(&answer), "{answer}");
    // A mended rule that asks for more than the costly one takes nobody's signature.
    desk.edit(
        "p/rules/erp.yaml",
        "context.input.amount_cents <= 50000",
        &format!("context.input has reason && context.input.reason == \"{text}\""),
    );
    desk.commit("p");
    let (exit, answer) = judged(&desk);
    assert_eq!(exit, 0, "{answer}");
    assert_eq!(
        classes(&answer),
        [("create_refund", "stricter")],
        "{answer}"
    );
}

/// Makes `p/stopgate.yaml` a document that nobody can read all of.
fn spoil(desk: &Desk, how: &str) {
    let file = "p/stopgate.yaml";
    match how {
        "a link" => {
            std::fs::rename(desk.path(file), desk.path("text")).expect("moved");
            std::os::unix::fs::symlink("../text", desk.path(file)).expect("a link");
        }
        "no YAML" => desk.edit(file, "organisation:", "organisation: ["),
        "nobody's" => desk.edit(file, "organisation: acme-bank\n", ""),
        "said twice" => desk.edit(
            file,
            "organisation: acme-bank\n",
            "organisation: acme-bank\norganisation: acme-shop\n",
        ),
        "no numbers" => desk.edit(file, "high: 2}", "high: many}"),
        other => panic!("{other}"),
    }
}

#[test]
fn t1_a_base_whose_settings_cannot_be_read_is_judged_by_nothing_that_head_says() {
    for how in ["a link", "no YAML", "nobody's", "said twice", "no numbers"] {
        let desk = Desk::new();
        copy(&fixtures().join("base"), &desk.path("p"));
        spoil(&desk, how);
        mended(how, &desk);
        // Head asks for as little as there is, and brings a waiver.
        desk.edit(
            "p/stopgate.yaml",
            "{low: 0, medium: 1, high: 2}",
            "{low: 0, medium: 0, high: 1}",
        );
        let waiver = format!(
            "stopgate: 1\nwaiver: 2026-099\nreason: So.\nexpires: {}\ncovers:\n  - file: stopgate.yaml\n    path: \
             re-written\n    change: sha256:{}\n",
            day(10),
            "0".repeat(64)
        );
        std::fs::write(desk.path("p/waivers/2026-099.yaml"), waiver).expect("written");
        desk.commit("p");
        let (exit, answer) = judged(&desk);
        assert_eq!(exit, 5, "{how}: {answer}");
        let settings = answer["settings"].as_array().expect("a list").iter();
        let paths = settings.filter(|one| one["risk"] == "high");
        let paths: Vec<&Value> = paths.map(|one| &one["path"]).collect();
        for path in ["re-written", "re-written.create_refund"] {
            assert!(paths.iter().any(|one| *one == path), "{how}: {answer}");
        }
        let to_sign = &answer["to_sign"];
        assert_eq!(to_sign["needed"], 2, "{how}: {to_sign}");
        assert_eq!(to_sign["reviewers"], Value::Array(Vec::new()), "{how}");
        assert_eq!(to_sign["waiver"], Value::Null, "{how}");
        let text = desk.run(&["diff", "p", "--base=base", "--head=main"]);
        let said = "nobody can: the base's stopgate.yaml cannot be read";
        assert!(text.stdout.contains(said), "{how}: {}", text.shown());
        let hand = "by a change that people merge by hand";
        assert!(text.stdout.contains(hand), "{how}: {}", text.shown());
        let sign = [
            "sign",
            "p/waivers/2026-099.yaml",
            "--waiver",
            "--base=base",
            "--key=ana.key",
        ];
        let run = desk.run(&sign);
        assert_eq!(run.exit, 8, "{how}: {}", run.shown());
        let refused = "stopgate.yaml of base cannot be read";
        assert!(run.stderr.contains(refused), "{how}: {}", run.shown());
    }
}
