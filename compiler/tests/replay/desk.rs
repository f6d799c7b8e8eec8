//! The bank's policies in a git repository, and logs as a sidecar under them would have written.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use stopgate_decide::attempt::{Attempt, Input, Subject, Target};
use stopgate_decide::bundle::Bundle;
use stopgate_decide::decide::{
    Decision, LimitNow, LimitedBy, Outcome, Situation, StopsInForce, decide,
};
use stopgate_decide::digest::Digest;
use stopgate_decide::record::{
    DecisionRecord, MaskKey, Record, RecordBody, RecordVersion, RecordedAttempt, RecordedContext,
    RecordedInput, RecordedResult, Sent, Seq, Stamp, no_line_before,
};
use stopgate_decide::supply::{StopInForce, StopLimit};
use stopgate_decide::surface::{Enforces, Evidence, Limit};
use tempfile::TempDir;

use crate::copy::copy;

/// A folder with the repository in `p`, whose first commit is tagged `base`, and logs.
pub(crate) struct Desk {
    folder: TempDir,
    bundle: Bundle,
}

/// What a run left.
pub(crate) struct Run {
    pub(crate) exit: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// The JSON object on stdout, which fits its schema.
    pub(crate) fn json(&self) -> serde_json::Value {
        let json: serde_json::Value = serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}{}", self.stdout, self.stderr));
        let schema =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/schemas/replay.json");
        let schema = serde_json::from_slice(&fs::read(schema).expect("a schema")).expect("JSON");
        let schema = jsonschema::validator_for(&schema).expect("a schema");
        let mistakes: Vec<String> = schema
            .iter_errors(&json)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(mistakes.is_empty(), "{mistakes:#?}\n{json:#}");
        json
    }
}

/// One question of a caller.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) user: &'static str,
    pub(crate) profile: &'static str,
    pub(crate) operation: &'static str,
    pub(crate) input: String,
    pub(crate) now: &'static str,
}

/// A refund in business hours by a support analyst.
pub(crate) fn refund(cents: u64) -> Asked {
    Asked {
        user: "ana",
        profile: "support-analyst",
        operation: "create_refund",
        input: format!(r#"{{"order_id":"A-1001","amount_cents":{cents},"currency":"EUR"}}"#),
        now: "2026-11-24T10:00:00Z",
    }
}

/// A note on an order by a support lead.
pub(crate) fn note(user: &'static str) -> Asked {
    Asked {
        user,
        profile: "support-lead",
        operation: "update_order_note",
        input: r#"{"order_id":"A-1001","note":"called back"}"#.to_owned(),
        now: "2026-11-24T10:00:00Z",
    }
}

pub(crate) fn git(dir: &Path, args: &[&str]) {
    let output = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.com"])
        .args(args)
        .current_dir(dir)
        .output()
        .expect("git runs");
    assert!(output.status.success(), "git {args:?}: {output:?}");
}

impl Desk {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies");
        copy(&policies, &folder.path().join("p"));
        let top = folder.path().join("p");
        git(&top, &["init", "-q", "-b", "main"]);
        git(&top, &["add", "-A"]);
        git(&top, &["commit", "-qm", "base"]);
        git(&top, &["tag", "base"]);
        let compiled = stopgate::check::check(&top).expect("read");
        let bundle = stopgate::build::rehearse(&compiled.policy.expect("a policy"));
        Self {
            folder,
            bundle: bundle.expect("a bundle"),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Replaces `from`, which has to be there, in a file of the repository.
    pub(crate) fn edit(&self, name: &str, from: &str, to: &str) {
        let path = self.path("p").join(name);
        let text = fs::read_to_string(&path).expect("a file");
        assert!(text.contains(from), "{name} has no {from:?}");
        fs::write(path, text.replacen(from, to, 1)).expect("written");
    }

    /// Writes the log `name`: what the sidecar answers to `asked` under the base.
    pub(crate) fn log(&self, name: &str, asked: &[Asked]) {
        let records = asked.iter().map(|asked| self.record(asked)).collect();
        self.write(name, records);
    }

    /// Writes `records` as the log `name`.
    pub(crate) fn write(&self, name: &str, records: Vec<DecisionRecord>) {
        let (mut seq, mut prev, mut text) = (Seq::FIRST, no_line_before(), String::new());
        for record in records {
            let stamp = Stamp {
                seq,
                time: record.context.now,
                prev,
            };
            let body = RecordBody::Decision(Box::new(record));
            let line = Record {
                version: RecordVersion::CURRENT,
                stamp,
                body,
            }
            .line();
            prev = Digest::compute(line.trim_end().as_bytes());
            seq = seq.next().expect("a place");
            text.push_str(&line);
        }
        fs::write(self.path(name), text).expect("written");
    }

    /// The record of one question, as the sidecar writes it.
    pub(crate) fn record(&self, asked: &Asked) -> DecisionRecord {
        self.record_under(asked, StopsInForce::default())
    }

    /// The record of one question that was asked while a stop of the channel let through no more than `limit`.
    pub(crate) fn stopped_record(&self, asked: &Asked, limit: StopLimit) -> DecisionRecord {
        let stop = StopInForce {
            digest: Digest::compute(b"stop"),
            note: None,
            tool: None,
            operation: None,
            agent: None,
            limit,
            until: None,
        };
        let stops = StopsInForce {
            stops: [stop].into(),
            agent_is_vouched: true,
            caller_agent: None,
        };
        self.record_under(asked, stops)
    }

    fn record_under(&self, asked: &Asked, stops: StopsInForce) -> DecisionRecord {
        let attempt = Attempt {
            subject: Subject {
                issuer: "https://sso.acme.example/".to_owned(),
                id: asked.user.to_owned(),
            },
            profiles: [asked.profile.parse().expect("a name")].into(),
            agent: "orchestrator".to_owned(),
            tool: "erp".to_owned(),
            target: Target::Operation(asked.operation.to_owned()),
            input: Input::parse(asked.input.as_bytes()),
            definition: None,
        };
        let situation = Situation {
            now: asked.now.parse().expect("an instant"),
            limit: LimitNow {
                class: Limit::High,
                by: LimitedBy::Ceiling,
            },
            stops,
            evidence: Evidence::NONE,
            enforces: Enforces::ALL,
        };
        let decision = decide(&self.bundle, &attempt, &situation);
        self.recorded(&attempt, asked, &situation, &decision)
    }

    fn recorded(
        &self,
        attempt: &Attempt,
        asked: &Asked,
        situation: &Situation,
        decision: &Decision,
    ) -> DecisionRecord {
        let seen = decision.seen();
        let masks = self
            .bundle
            .recorded_masks("erp", asked.operation, seen.input_fits);
        let key = MaskKey::new(&[7; 32]);
        let sent = Sent {
            input: &attempt.input,
            text: asked.input.as_bytes(),
            tool: "erp",
            operation: Some(asked.operation),
            masks,
            rejected: matches!(decision.outcome(), Outcome::Reject(_)),
        };
        DecisionRecord {
            decision: "decisions/1".to_owned(),
            request_id: "r".to_owned(),
            trace: None,
            sidecar: "erp-1".to_owned(),
            bundle: self.bundle.digest(),
            attempt: RecordedAttempt {
                subject: Some(attempt.subject.clone()),
                profiles: attempt.profiles.clone(),
                agent: attempt.agent.clone(),
                tool: attempt.tool.clone(),
                operation: Some(asked.operation.to_owned()),
                function: None,
                session: None,
                input: RecordedInput::new(&sent, &key),
                definition: seen.definition,
            },
            context: RecordedContext {
                facts: seen.facts.clone(),
                agent: attempt.agent.clone(),
                now: situation.now,
                business: seen.business,
            },
            evidence: situation.evidence,
            limit: seen.limit.unwrap_or(situation.limit),
            enforces: situation.enforces,
            surface: decision.surface().cloned(),
            result: match decision.outcome() {
                Outcome::Permit(_) => RecordedResult::Permit,
                Outcome::Route(needs) => RecordedResult::Route(needs.clone()),
                Outcome::Reject(rejection) => RecordedResult::Reject(rejection.clone()),
            },
            rules: decision
                .rules()
                .iter()
                .map(|rule| rule.id.clone())
                .collect(),
            latency_us: 40,
        }
    }

    /// Runs `stopgate replay` with `args`.
    pub(crate) fn run(&self, args: &[&str]) -> Run {
        let output = Command::new(env!("CARGO_BIN_EXE_stopgate"))
            .arg("replay")
            .args(args)
            .current_dir(self.folder.path())
            .env_clear()
            .output()
            .expect("stopgate starts");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Run {
            exit: output.status.code().expect("not killed"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Replays `log` against the base, as JSON.
    pub(crate) fn replay(&self, log: &str) -> Run {
        self.run(&["p", "--log", log, "--base", "base", "--format=json"])
    }
}
