//! The pipeline files: what they run, run here, and what a file that may be changed by a pull request must not hold.

use std::path::PathBuf;

use crate::history::{History, Verdict, top};

/// The files, and how each host tells a job what it judges.
const HOSTS: [&str; 3] = ["github.yml", "gitlab.yml", "codebuild.yml"];

fn text(host: &str) -> String {
    let path = top().join("ci/pipelines").join(host);
    std::fs::read_to_string(path).expect("a pipeline file")
}

/// The commands of a file that call the gate: the block that holds them.
fn commands(host: &str) -> String {
    let text = text(host);
    let depth = |line: &str| line.len() - line.trim_start().len();
    let call = text
        .find("ci/pipelines/gate\"")
        .expect("a call of the gate");
    let (before, _) = text.split_at(call);
    let start = before.rfind("|\n").expect("the block's beginning") + 2;
    let (above, block) = text.split_at(start);
    let outer = depth(above.lines().last().unwrap_or_default());
    let block = block.lines().take_while(|line| depth(line) > outer);
    block
        .map(|line| format!("{}\n", line.trim_start()))
        .collect()
}

/// Runs the commands of `host` in a clone of a lowered label, as the host would.
fn run(host: &str) -> Verdict {
    let history = History::new();
    history.git(&["switch", "--quiet", "--create", "change"]);
    history.edit(
        "policies/rules/tickets.yaml",
        "risk: medium\n    approval: supervisor",
        "risk: low\n    approval: supervisor",
    );
    // What the change makes of the gate is not asked.
    history.write("ci/pipelines/gate", "exit 0\n");
    history.write("stopgate-gate/comment.md", "<!-- stopgate -->\nsame\n");
    history.commit();
    history.git(&["switch", "--quiet", "main"]);
    history.git(&["merge", "--quiet", "--no-ff", "change"]);
    let merge = history.git(&["rev-parse", "HEAD"]);
    history.git(&["switch", "--quiet", "--detach"]);
    history.git(&["branch", "--quiet", "--force", "main", "main^"]);
    let clone = history.path("clone");
    history.git(&["remote", "add", "origin", clone.to_str().expect("UTF-8")]);
    history.git(&["fetch", "--quiet", "origin"]);
    let output = history
        .command("bash")
        .args(["-e", "-c", &commands(host)])
        .env("BASE", format!("{merge}^1"))
        .env("HEAD", &merge)
        .env("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main")
        .env("CI_COMMIT_SHA", &merge)
        .env("CODEBUILD_WEBHOOK_BASE_REF", "refs/heads/main")
        .env("CODEBUILD_RESOLVED_SOURCE_VERSION", &merge)
        .output()
        .expect("bash starts");
    let reports: PathBuf = clone.join("stopgate-gate");
    let verdict = history.verdict(&output, reports);
    assert!(
        verdict.report("comment.md").contains("close_ticket"),
        "{host}: {}",
        verdict.all()
    );
    verdict
}

#[test]
fn every_pipeline_fails_a_change_that_lowers_a_label_and_the_gate() {
    for host in HOSTS {
        assert_eq!(run(host).exit, 5, "{host}");
    }
}

#[test]
fn t8_pipelines_name_actions_by_digest_and_hold_no_secret() {
    let mut digests = 0;
    for host in HOSTS {
        for line in text(host).lines() {
            let line = line.trim().trim_start_matches("- ");
            let named = line.strip_prefix("uses: ").map(|action| ('@', 40, action));
            let named =
                named.or_else(|| line.strip_prefix("image: ").map(|image| (':', 64, image)));
            if let Some((separator, length, name)) = named {
                let name = name.split(' ').next().unwrap_or_default();
                let digest = name.rsplit(separator).next().unwrap_or_default();
                let hexadecimal = digest.chars().all(|c| c.is_ascii_hexdigit());
                assert!(hexadecimal && digest.len() == length, "{host}: {line}");
                digests += 1;
            }
            for never in [
                "pull_request_target",
                "workflow_run",
                "secrets.",
                "write-all",
            ] {
                assert!(!line.contains(never), "{host}: {line}");
            }
        }
    }
    assert_eq!(digests, 7, "actions and images");
    // What was judged against another branch is not judged.
    for (host, only) in [
        (
            "github.yml",
            "pull_request:\n    branches: [main]\n    types: [opened, synchronize, reopened, edited]\n",
        ),
        (
            "gitlab.yml",
            "\"merge_request_event\" && $CI_MERGE_REQUEST_TARGET_BRANCH_NAME == $CI_DEFAULT_BRANCH\n",
        ),
        (
            "codebuild.yml",
            "[ \"$CODEBUILD_WEBHOOK_BASE_REF\" = refs/heads/main ]\n",
        ),
    ] {
        assert!(text(host).contains(only), "{host}");
    }
    let github = text("github.yml");
    assert!(github.contains("\npermissions: {}\n"));
    assert!(github.contains("persist-credentials: false"));
    // What a change can put words into never stands in a command.
    let (_, gate) = github.split_once("jobs:").expect("jobs");
    for block in gate.split("run: |").skip(1) {
        let block = block.split("\n      - ").next().unwrap_or_default();
        assert!(!block.contains("${{"), "{block}");
    }
}
