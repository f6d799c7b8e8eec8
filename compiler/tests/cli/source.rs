//! Where a command reads its policy: files, the index or a revision, and what is published and signed is a commit.

use std::process::Command;

use serde_json::Value;

use crate::{Desk, Run};

/// A repository of one commit in `p`.
fn desk() -> Desk {
    let desk = Desk::with_repository();
    desk.commit("p");
    desk
}

fn head(desk: &Desk) -> String {
    desk.git("p", &["rev-parse", "--short=12", "HEAD"])
}

fn loosen(desk: &Desk) {
    desk.edit(
        "p/rules/tickets.yaml",
        "\n    when: context.time.business",
        "",
    );
}

/// The first line of what is printed, which has to be the member `source` too.
fn source(desk: &Desk, args: &[&str]) -> String {
    let text = desk.run(args);
    let first = text.stdout.lines().next().unwrap_or_default().to_owned();
    let json = desk.run(&[args, &["--format=json"]].concat()).json();
    assert_eq!(json["source"], first.as_str(), "{args:?}: {}", text.shown());
    first
}

/// What `tickets/close` asks for at night, read as `args` say.
fn at_night(desk: &Desk, args: &[&str]) -> Value {
    let question = [
        "explain",
        "p",
        "--tool=tickets",
        "--operation=close_ticket",
        "--profile=support-lead",
        "--input={\"ticket_id\":\"T-1\",\"reason\":\"solved\"}",
        "--now=2026-11-24T23:00:00Z",
        "--format=json",
    ];
    let json = desk.run(&[&question[..], args].concat()).json();
    json["result"].clone()
}

#[test]
fn every_command_says_where_it_read_and_reads_there() {
    let desk = desk();
    let before = at_night(&desk, &[]);
    loosen(&desk);
    let after = at_night(&desk, &[]);
    assert_ne!(before, after);
    let commit = head(&desk);
    let explain = ["explain", "p", "--tool=tickets", "--operation=get_ticket"];
    for command in [
        &["check", "p"][..],
        &["test", "p"],
        &["matrix", "p"],
        &explain,
    ] {
        let said = |more: &[&str]| source(&desk, &[command, more].concat());
        assert_eq!(said(&[]), format!("files, 1 differs from {commit}"));
        assert_eq!(said(&["--staged"]), format!("staged, equal to {commit}"));
        assert_eq!(said(&["--rev=main"]), format!("main ({commit})"));
    }
    assert_eq!(at_night(&desk, &["--staged"]), before);
    assert_eq!(at_night(&desk, &["--rev=HEAD"]), before);
    desk.git("p", &["add", "-A"]);
    assert_eq!(at_night(&desk, &["--staged"]), after);
    assert_eq!(at_night(&desk, &["--rev=HEAD"]), before);
    desk.edit("p/profiles.yaml", "groups: [support]", "groups: [help]");
    std::fs::write(desk.path("p/waivers"), "no folder").expect("written");
    let said = source(&desk, &["check", "p"]);
    assert_eq!(said, format!("files, 2 differ from {commit}"));
    for (flags, exit) in [
        (&["--rev=HEAD", "--staged"][..], 2),
        (&["--rev=nowhere"], 2),
        (&["--rev=worktree"], 2),
        (&["--rev=HEAD", "--watch"], 2),
        (&["--rev=HEAD", "-q"], 0),
    ] {
        let run = desk.run(&[&["check", "p"], flags].concat());
        assert_eq!(run.exit, exit, "{flags:?}: {}", run.shown());
    }
}

#[test]
fn files_in_no_repository_or_beside_no_commit_say_so() {
    let desk = Desk::with_repository();
    let said = source(&desk, &["check", "p"]);
    assert_eq!(said, "files, in no git repository");
    let run = desk.run(&["check", "p", "--staged"]);
    assert_eq!(run.exit, 2, "{}", run.shown());
    desk.git("p", &["init", "-q"]);
    let said = source(&desk, &["check", "p"]);
    let why = "files, compared with no commit: there is no revision `HEAD`";
    assert_eq!(said, why);
}

#[test]
fn where_nothing_is_committed_it_is_said_how_to() {
    let desk = Desk::with_repository();
    desk.git("p", &["init", "-q", "-b", "main"]);
    let commit = "`git add` the folder, `git commit` it, and say it again";
    for args in [
        &["build", "p"][..],
        &["check", "p", "--rev=HEAD"],
        &["diff", "p", "--base=main"],
    ] {
        let run = desk.run(args);
        assert_eq!(run.exit, 2, "{args:?}: {}", run.shown());
        assert!(
            run.stderr.contains("there is no revision"),
            "{}",
            run.shown()
        );
        assert!(run.stderr.contains(commit), "{args:?}: {}", run.shown());
    }
    // A commit without the policy is no better.
    std::fs::write(desk.path("p/README.md"), "later\n").expect("written");
    desk.git("p", &["add", "README.md"]);
    desk.git("p", &["commit", "-q", "-m", "without the policy"]);
    let run = desk.run(&["build", "p"]);
    assert_eq!(run.exit, 2, "{}", run.shown());
    assert!(
        run.stderr.contains("`git add` and `git commit` it first"),
        "{}",
        run.shown()
    );
    // What is not there in a repository with commits is another matter.
    let run = desk.run(&["check", "p", "--rev=nowhere"]);
    assert!(!run.stderr.contains("git commit"), "{}", run.shown());
    desk.commit("p");
    assert_eq!(desk.run(&["build", "p"]).exit, 0);
}

/// What a shell tells of the way that it went is looked at too: the folder is the same, and its name for others is not.
#[test]
fn t1_a_folder_that_a_shell_entered_through_a_link_is_refused() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("top")).expect("a folder");
    assert_eq!(desk.run(&["init", "top/policies"]).exit, 0);
    std::os::unix::fs::symlink("policies", desk.path("top/way")).expect("a link");
    std::os::unix::fs::symlink("top", desk.path("aside")).expect("a link");
    desk.commit("top");
    let in_shell = |folder: &str, command: &str| {
        let output = Command::new("/bin/sh")
            .args(["-c", &format!("cd \"$1\" && exec \"$2\" {command}"), "sh"])
            .arg(desk.path(folder))
            .arg(env!("CARGO_BIN_EXE_stopgate"))
            .env_clear()
            .output()
            .expect("a shell");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        (output.status.code(), text(output.stderr))
    };
    for command in [
        "diff . --base main",
        "check --rev HEAD",
        "check --staged",
        "build",
    ] {
        let (exit, said) = in_shell("top/way", command);
        assert_eq!(exit, Some(2), "{command}: {said}");
        assert!(said.contains("leads through the link"), "{command}: {said}");
        // The same folder by its own name, and by a link that no repository has.
        for folder in ["top/policies", "aside/policies"] {
            let (exit, said) = in_shell(folder, command);
            assert_eq!(exit, Some(0), "{folder}: {command}: {said}");
            let _built = std::fs::remove_file(desk.path("top/policies/policy.stopgate"));
        }
    }
}

fn build(desk: &Desk, args: &[&str]) -> Run {
    desk.run(&[&["build", "p", "--format=json"], args].concat())
}

#[test]
fn t1_what_is_built_is_a_commit_and_files_only_where_they_are_it() {
    let desk = desk();
    let commit = head(&desk);
    let clean = build(&desk, &[]);
    assert_eq!(clean.exit, 0, "{}", clean.shown());
    assert_eq!(clean.json()["source"], format!("HEAD ({commit})"));
    let digest = clean.json()["digest"].clone();
    std::fs::remove_file(desk.path("policy.stopgate")).expect("built");

    // Other ends of lines are the same text; what is built has those of the commit.
    let rules = std::fs::read_to_string(desk.path("p/rules/tickets.yaml")).expect("a file");
    let carried = rules.replace('\n', "\r\n");
    std::fs::write(desk.path("p/rules/tickets.yaml"), carried).expect("written");
    assert_eq!(build(&desk, &[]).json()["digest"], digest);
    std::fs::write(desk.path("p/rules/tickets.yaml"), &rules).expect("written");

    let refused = |what: &str| {
        let run = build(&desk, &["-o", "never.stopgate"]);
        assert_eq!(run.exit, 2, "{what}: {}", run.shown());
        assert!(run.stderr.contains(what), "{what}: {}", run.shown());
        assert!(run.stderr.contains("--rev HEAD"), "{}", run.shown());
        assert!(!desk.path("never.stopgate").exists(), "{what}");
        let named = build(&desk, &["--rev=HEAD"]);
        assert_eq!(named.json()["digest"], digest, "{what}: {}", named.shown());
    };
    loosen(&desk);
    refused("rules/tickets.yaml differs");
    desk.git("p", &["add", "-A"]);
    refused("rules/tickets.yaml differs");
    desk.git("p", &["reset", "-q", "--hard"]);
    // What git is told to pass over is policy all the same.
    for how in ["--assume-unchanged", "--skip-worktree"] {
        desk.git("p", &["update-index", how, "rules/tickets.yaml"]);
        loosen(&desk);
        assert_eq!(desk.git("p", &["status", "--porcelain"]), "");
        refused("rules/tickets.yaml differs");
        let undone = how.replace("--", "--no-");
        desk.git("p", &["update-index", &undone, "rules/tickets.yaml"]);
        desk.git("p", &["reset", "-q", "--hard"]);
    }
    std::fs::write(desk.path("p/.git/info/exclude"), "extra*\n").expect("written");
    std::fs::write(desk.path("p/rules/extra.cedar"), "").expect("written");
    assert_eq!(desk.git("p", &["status", "--porcelain"]), "");
    refused("rules/extra.cedar differs");
    std::fs::remove_file(desk.path("p/rules/extra.cedar")).expect("removed");
    std::fs::remove_file(desk.path("p/approvals.yaml")).expect("removed");
    refused("approvals.yaml differs");
}

#[test]
fn t9_a_bundle_that_was_not_expected_is_not_written() {
    let desk = desk();
    desk.git("p", &["branch", "base"]);
    loosen(&desk);
    desk.commit("p");
    let gate = |args: &[&str]| {
        let fixed = ["diff", "p", "--base=base", "--head=main", "--format=json"];
        desk.run(&[&fixed[..], args].concat()).json()
    };
    assert_eq!(gate(&[])["bundle"], Value::Null, "of a part none is made");
    let judged = gate(&["--digest"])["bundle"].clone();
    let judged = judged.as_str().expect("a digest");
    let page = format!("html={}", desk.path("gate.html").display());
    let page = gate(&["--report", &page]);
    assert_eq!(page["bundle"], judged);
    for format in ["text", "markdown", "html"] {
        let fixed = ["diff", "p", "--base=base", "--head=main", "--digest"];
        let run = desk.run(&[&fixed[..], &["--format", format]].concat());
        let said = format!("ead makes the bundle {judged}");
        let plain = run.stdout.replace('`', "");
        assert!(plain.contains(&said), "{format}: {}", run.shown());
    }
    let files = ["diff", "p", "--base=base", "--digest", "--format=json"];
    assert_eq!(desk.run(&files).json()["bundle"], Value::Null);

    let expect = format!("--expect={judged}");
    let other = build(&desk, &["--rev=base", &expect]);
    assert_eq!(other.exit, 7, "{}", other.shown());
    assert!(!desk.path("policy.stopgate").exists());
    let same = build(&desk, &["--rev=main", &expect]);
    assert_eq!(same.exit, 0, "{}", same.shown());
    assert_eq!(same.json()["digest"], judged);
    assert_eq!(build(&desk, &["--expect=sha256:1"]).exit, 2);
}

#[test]
fn t1_two_steps_through_the_work_tree_publish_nothing() {
    let desk = desk();
    // The author shows reviewers files that are fine, and leaves others for whoever builds.
    loosen(&desk);
    desk.git("p", &["commit", "-qam", "looser"]);
    desk.git("p", &["branch", "looser"]);
    desk.git("p", &["reset", "-q", "--hard", "HEAD~1"]);
    let shown = desk.run(&["diff", "p", "--base=HEAD"]);
    assert_eq!(shown.exit, 0, "{}", shown.shown());
    desk.git("p", &["checkout", "-q", "looser", "--", "rules"]);
    desk.git(
        "p",
        &["update-index", "--skip-worktree", "rules/tickets.yaml"],
    );
    let built = build(&desk, &[]);
    assert_eq!(built.exit, 2, "{}", built.shown());
    // Merged after all, it is what the gate judges on the way.
    desk.git(
        "p",
        &["update-index", "--no-skip-worktree", "rules/tickets.yaml"],
    );
    desk.git("p", &["reset", "-q", "--hard", "looser"]);
    let judged = desk.run(&["diff", "p", "--base=HEAD~1", "--head=HEAD"]);
    assert_eq!(judged.exit, 5, "{}", judged.shown());
}

#[test]
fn what_is_read_is_named_with_its_digest_for_whoever_asks() {
    let desk = desk();
    let run = desk.run(&["check", "p", "-v"]);
    let named = run.stderr.lines().filter(|line| line.starts_with("read "));
    assert_eq!(named.count(), 7, "{}", run.shown());
    assert!(!desk.run(&["check", "p"]).stderr.contains("read "));
}

#[test]
fn what_git_can_do_and_is_not_read_comes_with_the_command_that_mends_it() {
    let sparse = ["sparse-checkout", "init", "--cone", "--sparse-index"];
    for (made, mend) in [
        (
            vec![&["update-index", "--split-index"][..]],
            "git update-index --no-split-index",
        ),
        (
            vec![&sparse, &["sparse-checkout", "set", "rules"]],
            "git sparse-checkout reapply --no-sparse-index",
        ),
        (
            vec![&["init", "-q", "--separate-git-dir=../history.git"]],
            "git config core.worktree \"$(git rev-parse --show-toplevel)\"",
        ),
    ] {
        let desk = desk();
        for args in made {
            desk.git("p", args);
        }
        let check = || desk.run(&["check", "p", "--staged", "-q"]);
        let refused = check();
        assert_ne!(refused.exit, 0, "{}", refused.shown());
        assert!(refused.stderr.contains(mend), "{}", refused.shown());
        let mended = std::process::Command::new("sh")
            .args(["-c", mend])
            .current_dir(desk.path("p"))
            .status();
        assert!(mended.expect("a shell").success(), "{mend}");
        let read = check();
        assert_eq!(read.exit, 0, "{}", read.shown());
    }
}
