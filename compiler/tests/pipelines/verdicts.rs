//! Changes of policy on a bare clone, judged by the gate with the shipped `stopgate` and a solver.

use crate::history::History;

#[test]
fn t1_a_label_that_is_lowered_asks_for_a_review_and_names_the_operation() {
    let history = History::of_the_bank();
    history.edit(
        "policies/rules/erp.yaml",
        "operations: [change_supplier_bank_account]\n    profiles: [finance-manager]\n    risk: high",
        "operations: [change_supplier_bank_account]\n    profiles: [finance-manager]\n    risk: low",
    );
    history.commit();
    let verdict = history.gate();
    assert_eq!(verdict.exit, 5, "{}", verdict.all());
    for report in [
        "comment.md",
        "diff.txt",
        "diff.md",
        "diff.json",
        "diff.sarif",
        "diff.html",
    ] {
        assert!(
            verdict
                .report(report)
                .contains("change_supplier_bank_account"),
            "{report}: {}",
            verdict.report(report)
        );
    }
    assert!(
        verdict
            .report("diff.sarif")
            .contains("policies/rules/erp.yaml")
    );
}

#[test]
fn t2_other_words_for_the_same_are_fine() {
    let history = History::new();
    history.edit(
        "policies/rules/tickets.yaml",
        "when: context.input.reason == \"other\"",
        "when: |-\n      !(context.input.reason != \"other\")",
    );
    history.commit();
    let verdict = history.gate();
    assert_eq!(verdict.exit, 0, "{}", verdict.all());
}

#[test]
fn i19_without_a_solver_nothing_is_promised() {
    let history = History::new();
    history.edit(
        "policies/rules/tickets.yaml",
        "when: context.input.reason == \"other\"",
        "when: |-\n      !(context.input.reason != \"other\")",
    );
    history.commit();
    let mut bash = history.command("bash");
    bash.env("CVC5", "/nowhere/cvc5");
    let verdict = history.judge(bash, &["HEAD^", "HEAD"]);
    assert_eq!(verdict.exit, 6, "{}", verdict.all());
    assert!(verdict.report("comment.md").contains("no solver"));
}

#[test]
fn what_is_not_proved_in_its_time_is_undecided() {
    let history = History::new();
    history.edit(
        "policies/rules/tickets.yaml",
        "when: context.input.reason == \"other\"",
        "when: |-\n      !(context.input.reason != \"other\")",
    );
    history.commit();
    for (time, exit) in [("1ms", 6), ("5m", 0), ("soon", 2)] {
        let verdict = history.judge(history.command("bash"), &["-t", time, "HEAD^", "HEAD"]);
        assert_eq!(verdict.exit, exit, "{time}: {}", verdict.all());
    }
}

#[test]
fn a_policy_that_is_invalid_says_where() {
    let history = History::new();
    history.edit("policies/rules/tickets.yaml", "risk: low", "risk: lowest");
    history.commit();
    let verdict = history.gate();
    assert_eq!(verdict.exit, 3, "{}", verdict.all());
    assert!(verdict.report("comment.md").contains("rules/tickets.yaml"));
}

#[test]
fn where_nothing_can_be_compared_the_comment_says_why() {
    let history = History::new();
    history.write("policies/trust/root.dsse.json", "{}");
    history.commit();
    let verdict = history.gate();
    assert_eq!(verdict.exit, 8, "{}", verdict.all());
    let comment = verdict.report("comment.md");
    assert!(comment.contains("Nothing was compared"), "{comment}");
    assert!(comment.contains("\n    error: "), "{comment}");
    assert!(comment.contains("trust/root.dsse.json"), "{comment}");
}

#[test]
fn t2_attributes_of_a_change_hide_nothing_from_the_gate() {
    let history = History::new();
    history.write("policies/rules/hidden.yaml", "stopgate: 1\nrules: lowest\n");
    history.write("policies/.gitattributes", "rules export-ignore\n");
    history.write(
        ".gitattributes",
        "[attr]hide export-ignore\n*.yaml hide\npolicies/rules/* export-ignore\n",
    );
    history.commit();
    let verdict = history.gate();
    assert_eq!(verdict.exit, 3, "{}", verdict.all());
    assert!(verdict.report("check.txt").contains("rules/hidden.yaml"));
}

#[test]
fn t8_only_the_binary_that_the_base_names_may_judge() {
    let version = env!("CARGO_PKG_VERSION");
    let digest = "0".repeat(64);
    for pinned in ["", "0.0.9", &format!("{version} sha256:{digest}")] {
        let history = History::new();
        history.write("policies/.stopgate-version", pinned);
        history.commit();
        // What the change says of it counts from the next change on.
        history.write("policies/.stopgate-version", version);
        history.commit();
        let verdict = history.gate();
        assert_eq!(verdict.exit, 1, "{pinned:?}: {}", verdict.all());
        assert!(verdict.report("comment.md").contains(".stopgate-version"));
    }
}

#[test]
fn a_binary_that_the_base_lists_may_judge() {
    let history = History::new();
    let binary = env!("CARGO_BIN_EXE_stopgate");
    let sum = history.command("sha256sum").arg(binary).output();
    let sum = String::from_utf8(sum.expect("sha256sum starts").stdout).expect("UTF-8");
    let digest = sum.split(' ').next().expect("a digest");
    let pinned = format!("{}\nsha256:{digest}\n", env!("CARGO_PKG_VERSION"));
    history.write("policies/.stopgate-version", &pinned);
    history.commit();
    history.write("policies/README.md", "a change of nothing\n");
    history.commit();
    let verdict = history.gate();
    assert_eq!(verdict.exit, 0, "{}", verdict.all());
}

#[test]
fn what_is_not_there_or_not_on_top_of_the_base_cannot_be_judged() {
    let history = History::new();
    history.git(&["switch", "--quiet", "--create", "change"]);
    history.write("policies/README.md", "a change of nothing\n");
    history.commit();
    history.git(&["switch", "--quiet", "main"]);
    history.write("policies/NOTES.md", "meanwhile\n");
    history.commit();
    for (base, head, why) in [
        ("nowhere", "main", "no revision nowhere"),
        ("main", "nowhere", "no revision nowhere"),
        ("main", "--all", "no revision --all"),
        ("main", "change", "does not contain"),
    ] {
        let verdict = history.gate_between(base, head);
        assert_eq!(verdict.exit, 1, "{base}..{head}: {}", verdict.all());
        assert!(verdict.stderr.contains(why), "{}", verdict.all());
    }
    history.git(&["rm", "--quiet", "policies/.stopgate-version"]);
    history.commit();
    history.write("policies/.stopgate-version", env!("CARGO_PKG_VERSION"));
    history.commit();
    let verdict = history.gate();
    assert_eq!(verdict.exit, 1, "nobody may judge: {}", verdict.all());
    let line = concat!("; write ", env!("CARGO_PKG_VERSION"), " into it");
    assert!(
        verdict.report("comment.md").contains(line),
        "{}",
        verdict.all()
    );
    assert!(!verdict.stderr.contains("fatal:"), "{}", verdict.all());
    history.git(&["rm", "--quiet", "-r", "policies"]);
    history.commit();
    let verdict = history.gate();
    assert_eq!(verdict.exit, 1, "no policy left: {}", verdict.all());
}

/// Whoever may push a tag does not choose the judge: a tag stands before the branch of its name.
#[test]
fn t8_a_name_that_is_also_a_tag_judges_nothing() {
    let history = History::new();
    history.git(&["update-ref", "refs/remotes/origin/main", "HEAD"]);
    history.write("policies/README.md", "a change of nothing\n");
    history.commit();
    history.git(&["tag", "origin/main"]);
    let verdict = history.judge(history.command("bash"), &["origin/main", "HEAD"]);
    assert_ne!(verdict.exit, 0, "{}", verdict.all());
    assert!(
        verdict.stderr.contains("names more than one commit"),
        "{}",
        verdict.all()
    );
    let verdict = history.judge(
        history.command("bash"),
        &["refs/remotes/origin/main", "HEAD"],
    );
    assert_eq!(verdict.exit, 0, "{}", verdict.all());
}

#[test]
fn t8_no_secret_of_the_pipeline_is_in_what_it_says() {
    const CANARY: &str = "canary-5f1c9e";
    let secrets = ["GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "STOPGATE_KEY"];
    let history = History::of_the_bank();
    history.edit("policies/rules/erp.yaml", "risk: high", "risk: medium");
    history.commit();
    history.write("policies/rules/erp.yaml", "risk: high\n");
    history.commit();
    for (base, head, exit) in [
        ("HEAD~2", "HEAD^", 5),
        ("HEAD~2", "HEAD", 3),
        ("HEAD^", "nowhere", 1),
    ] {
        let mut bash = history.command("bash");
        bash.envs(secrets.map(|name| (name, CANARY)));
        let verdict = history.judge(bash, &[base, head]);
        assert_eq!(verdict.exit, exit, "{}", verdict.all());
        let written = verdict.written();
        assert!(!written.is_empty());
        for (name, text) in written {
            assert!(!text.contains(CANARY), "{name}: {text}");
        }
    }
}

#[test]
fn t8_the_work_tree_is_not_what_is_judged() {
    let history = History::new();
    history.write("policies/README.md", "a change of nothing\n");
    history.commit();
    history.edit("policies/rules/tickets.yaml", "risk: low", "risk: lowest");
    let verdict = history.judge(history.command("bash"), &["HEAD^", "HEAD"]);
    assert_eq!(verdict.exit, 0, "{}", verdict.all());

    std::fs::remove_dir_all(history.path("clone/policies")).expect("removed");
    std::os::unix::fs::symlink("elsewhere", history.path("clone/policies")).expect("a link");
    let verdict = history.judge(history.command("bash"), &["HEAD^", "HEAD"]);
    assert_eq!(verdict.exit, 0, "{}", verdict.all());
}

#[test]
fn a_clone_without_the_base_cannot_tell() {
    let history = History::new();
    for note in ["one", "two"] {
        history.write("policies/README.md", note);
        history.commit();
    }
    let (base, head) = (
        history.git(&["rev-parse", "HEAD~2"]),
        history.git(&["rev-parse", "HEAD"]),
    );
    let shallow = history.path("shallow");
    let shallow = shallow.to_str().expect("UTF-8");
    let origin = format!("file://{}", history.path("clone").display());
    history.git(&["clone", "--quiet", "--depth=1", &origin, shallow]);
    let verdict = history.judge(history.command("bash"), &["-C", shallow, &base, &head]);
    assert_eq!(verdict.exit, 1, "{}", verdict.all());
}

#[test]
fn t9_the_gate_names_the_bundle_and_nothing_else_is_built() {
    let history = History::new();
    history.edit(
        "policies/rules/tickets.yaml",
        "risk: medium\n    approval: supervisor",
        "risk: low\n    approval: supervisor",
    );
    history.commit();
    let verdict = history.gate();
    assert_eq!(verdict.exit, 5, "{}", verdict.all());
    let bundle = verdict.report("bundle.txt");
    let bundle = bundle.trim();
    assert!(bundle.starts_with("sha256:"), "{}", verdict.all());
    for report in ["comment.md", "diff.txt", "diff.json", "diff.html"] {
        assert!(verdict.report(report).contains(bundle), "{report}");
    }
    for (revision, exit) in [("HEAD", 0), ("HEAD^", 7)] {
        let built = history
            .command(env!("CARGO_BIN_EXE_stopgate"))
            .args(["build", "policies", "--rev", revision, "--expect", bundle])
            .output()
            .expect("stopgate starts");
        assert_eq!(built.status.code(), Some(exit), "{revision}: {built:?}");
    }
}

#[test]
fn t2_links_in_the_policy_are_refused_and_those_beside_it_are_not() {
    let history = History::new();
    let link = |to: &str, name: &str| {
        let name = history.path("clone").join(name);
        std::os::unix::fs::symlink(to, name).expect("a link");
    };
    link("policies/rules", "rules");
    history.commit();
    let verdict = history.gate();
    assert_eq!(verdict.exit, 0, "{}", verdict.all());
    // The folder leads to one text for git's objects, and to another for whoever follows it.
    link("../policies", "policies/rules/up");
    link("up/../rules/tickets.yaml", "policies/rules/more.yaml");
    history.commit();
    let verdict = history.gate();
    assert_eq!(verdict.exit, 3, "{}", verdict.all());
    for name in ["rules/up", "rules/more.yaml"] {
        let said = format!("`{name}` is not policy: link");
        assert!(verdict.report("check.txt").contains(&said), "{name}");
        assert!(verdict.report("diff.txt").contains(&said), "{name}");
    }
}

#[test]
fn objects_of_another_kind_are_refused_with_their_name() {
    let history = History::new();
    let wide = history.path("wide");
    let wide = wide.to_str().expect("UTF-8");
    history.git(&["init", "--quiet", "--object-format=sha256", wide]);
    history.git(&["-C", wide, "commit", "--quiet", "--allow-empty", "-m", "a"]);
    let verdict = history.judge(history.command("bash"), &["-C", wide, "HEAD", "HEAD"]);
    assert_eq!(verdict.exit, 2, "{}", verdict.all());
    assert!(verdict.report("comment.md").contains("SHA-256"));
}

#[test]
fn a_partial_clone_is_told_what_to_type_and_judged_after_it() {
    let history = History::new();
    history.write("policies/README.md", "a change of nothing\n");
    history.commit();
    history.git(&["config", "uploadpack.allowFilter", "true"]);
    let partial = history.path("partial");
    let partial = partial.to_str().expect("UTF-8");
    let origin = format!("file://{}", history.path("clone").display());
    let filter = ["clone", "--quiet", "--no-checkout", "--filter=blob:none"];
    history.git(&[&filter[..], &[&origin, partial]].concat());
    let args = ["-C", partial, "HEAD^", "HEAD"];
    let verdict = history.judge(history.command("bash"), &args);
    assert_eq!(verdict.exit, 1, "{}", verdict.all());
    let command = "git fetch --refetch --no-filter";
    assert!(verdict.report("comment.md").contains(command));
    // Where only the policy itself is missing, the steps say it.
    for file in [
        "HEAD^:policies/.stopgate-version",
        "HEAD:policies/.stopgate-version",
    ] {
        history.git(&["-C", partial, "cat-file", "-p", file]);
    }
    let verdict = history.judge(history.command("bash"), &args);
    assert_eq!(verdict.exit, 1, "{}", verdict.all());
    assert!(
        verdict.report("comment.md").contains(command),
        "{}",
        verdict.all()
    );
    history.git(&[
        "-C",
        partial,
        "fetch",
        "--quiet",
        "--refetch",
        "--no-filter",
    ]);
    let verdict = history.judge(history.command("bash"), &args);
    assert_eq!(verdict.exit, 0, "{}", verdict.all());
}
