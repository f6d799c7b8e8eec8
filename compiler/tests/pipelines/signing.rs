//! What a comment tells reviewers to type, typed in a clone of their own.

use std::process::Output;

use serde_json::Value;

use crate::history::History;

/// The words of the command in `comment` that signs, with `key` in place of KEY.
fn signs(comment: &str, key: &str) -> Vec<String> {
    let mut quoted = comment.split('`');
    let command = quoted.find(|text| text.starts_with("stopgate sign "));
    let words = command.expect("a command").split(' ').skip(1);
    words.map(|word| word.replace("KEY", key)).collect()
}

/// `stopgate` in the clone `name`.
fn stopgate<'a>(
    history: &History,
    name: &str,
    args: impl IntoIterator<Item = &'a str>,
) -> (Option<i32>, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = history
        .command(env!("CARGO_BIN_EXE_stopgate"))
        .current_dir(history.path(name))
        .args(args)
        .output()
        .expect("stopgate starts");
    let said = [stdout, stderr].concat();
    let said = String::from_utf8(said).expect("UTF-8");
    (status.code(), said)
}

#[test]
fn the_command_of_a_comment_signs_in_a_clone_that_has_other_branches() {
    let history = History::new();
    for args in [
        &["keygen", "root", "-o", ".."][..],
        &["keygen", "ana", "-o", ".."],
        &[
            "root",
            "--key=../root.key",
            "--reviewer=../ana.pub",
            "--output=policies/trust/root.dsse.json",
        ],
    ] {
        let (exit, said) = stopgate(&history, "clone", args.iter().copied());
        assert_eq!(exit, Some(0), "{args:?}: {said}");
    }
    history.commit();
    history.git(&["switch", "--quiet", "--create", "change"]);
    history.edit(
        "policies/rules/tickets.yaml",
        "risk: medium\n    approval: supervisor",
        "risk: low\n    approval: supervisor",
    );
    history.commit();
    let verdict = history.gate_between("main", "change");
    assert_eq!(verdict.exit, 5, "{}", verdict.all());
    let comment = verdict.report("comment.md");
    let id = |name: &str| history.git(&["rev-parse", "--short=12", name]);
    let between = format!("From `{}` to `{}`:", id("main"), id("change"));
    assert!(comment.contains(&between), "{comment}");

    // A reviewer's clone has no branch `main`, and none that the gate works with.
    let clone = history.path("reviewer");
    let clone = clone.to_str().expect("UTF-8");
    history.git(&["clone", "--quiet", "--branch=change", ".", clone]);
    let git = |args: &[&str]| history.git(&[&["-C", clone], args].concat());
    assert_eq!(git(&["branch", "--format=%(refname:short)"]), "change");
    let sign = signs(&comment, "../ana.key");
    let report: Value = serde_json::from_str(&verdict.report("diff.json")).expect("JSON");
    let draft = report.pointer("/to_sign/waiver").and_then(Value::as_str);
    let draft = draft.expect("a draft");
    let waiver = draft.replacen(
        "reason: \"\"",
        "reason: \"Four weeks without a surprise.\"",
        1,
    );
    let file = history.path("reviewer").join(&sign[1]);
    std::fs::create_dir(file.parent().expect("a folder")).expect("a folder");
    std::fs::write(file, waiver).expect("written");
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message", "with a waiver"]);

    let words = || sign.iter().map(String::as_str);
    let (exit, asked) = stopgate(&history, "reviewer", words());
    assert_eq!(exit, Some(8), "nobody has agreed yet: {asked}");
    let digest = asked
        .lines()
        .find_map(|line| line.strip_prefix("digest   "));
    let digest = digest.unwrap_or_else(|| panic!("no digest: {asked}"));
    let (exit, said) = stopgate(&history, "reviewer", words().chain(["--yes", digest]));
    assert_eq!(exit, Some(0), "{said}");
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message", "signed by ana"]);
    let sides = ["-C", clone, "refs/remotes/origin/main", "change"];
    let verdict = history.judge(history.command("bash"), &sides);
    assert_eq!(verdict.exit, 0, "{}", verdict.all());
}
