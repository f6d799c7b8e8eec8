//! A generated repository, compiled, and what it takes to compare its decisions.

use stopgate_author::compile::{Sources, compile};
use stopgate_author::policy::Policy;
use stopgate_decide::attempt::Attempt;
use stopgate_decide::bundle::Bundle;
use stopgate_decide::decide::{Decision, LimitNow, LimitedBy, Outcome, Situation, StopsInForce};
use stopgate_tests::generate::{Files, PROFILES, Shape, Try, repository};
use stopgate_tests::model::{Answer, Asked};
use stopgate_tests::random::Random;

/// A repository, its checked policy, and its bundle with and without the index.
pub(crate) struct Repository {
    files: Files,
    pub(crate) shape: Shape,
    pub(crate) policy: Policy,
    pub(crate) bundle: Bundle,
    pub(crate) unindexed: Bundle,
}

impl Repository {
    pub(crate) fn new(random: &mut Random) -> Self {
        let (files, shape) = repository(random);
        let policy = checked(&files);
        let (root, bytes) = stopgate::build::rehearsal(&policy).expect("a bundle");
        let bundle = Bundle::open(&bytes, &root).expect("a bundle");
        // The same bytes opened twice: what differs is the index alone.
        let unindexed = Bundle::open_without_index(&bytes, &root).expect("a bundle");
        Self {
            files,
            shape,
            policy,
            bundle,
            unindexed,
        }
    }

    /// The same with one more raise or never, which may reach everything.
    pub(crate) fn with_another_restriction(&self, random: &mut Random) -> Bundle {
        let kind = random.pick(&[
            "",
            "@approval(\"committee\")",
            "@require(\"user_confirmation\")",
        ]);
        // On everything: the rule reaches every operation of every tool.
        let bound = random.below(10);
        let rule = format!(
            "\n@id(\"one-more\") @owner(\"team\") @review_by(\"2027-03-31\") {kind}\n\
             forbid (principal, action, resource) when {{ context.input.size > {bound} }};\n"
        );
        self.with("rules/guardrails.cedar", &rule)
    }

    /// The same with one more grant.
    pub(crate) fn with_another_grant(&self, random: &mut Random) -> Bundle {
        let approval = random.pick(&["supervisor", "committee"]);
        // A medium grant on the one operation that every tool has, for a profile that may or may not be asked about.
        let profile = random.pick(&PROFILES);
        let rule = format!(
            "\n@id(\"one-more\") @owner(\"team\") @review_by(\"2027-03-31\") @risk(\"medium\") @approval(\"{approval}\")\n\
             permit (principal in Stopgate::Profile::\"{profile}\", action == Stopgate::Action::\"t0/preview\", resource);\n"
        );
        self.with("rules/guardrails.cedar", &rule)
    }

    fn with(&self, file: &str, more: &str) -> Bundle {
        let mut files = self.files.clone();
        files
            .entry(file.to_owned())
            .or_default()
            .extend(more.as_bytes());
        stopgate::build::rehearse(&checked(&files)).expect("a bundle")
    }

    /// What holds at the moment of `one`.
    pub(crate) fn situation(&self, one: &Try) -> Situation {
        Situation {
            now: one.now,
            limit: LimitNow {
                class: self.bundle.ceiling(one.channel, &one.attempt.tool),
                by: LimitedBy::Ceiling,
            },
            stops: StopsInForce::default(),
            evidence: one.evidence,
            enforces: one.enforces,
        }
    }

    /// Steps of `attempt` at most, counted from what the authors wrote; none where `decision` saw no operation.
    pub(crate) fn most_steps(&self, attempt: &Attempt, decision: &Decision) -> u64 {
        let seen = decision.seen();
        let (Some(tool), Some(operation), Ok(input)) =
            (&seen.tool, &seen.operation, &attempt.input)
        else {
            return 0;
        };
        let bytes = u64::try_from(input.bytes()).expect("a length");
        stopgate_author::cedar::most_steps(&self.policy, tool, operation, bytes)
            .expect("the policy has it")
    }

    /// The rules, for the message of a failing test.
    pub(crate) fn text(&self) -> String {
        let shown = self
            .files
            .iter()
            .filter(|(name, _)| name.starts_with("rules/") || *name == "profiles.yaml");
        shown
            .map(|(name, text)| format!("--- {name}\n{}", String::from_utf8_lossy(text)))
            .collect()
    }
}

pub(crate) fn checked(files: &Files) -> Policy {
    let compiled = compile(Sources::new(
        files
            .iter()
            .map(|(name, text)| (name.clone(), text.clone())),
    ));
    let rendered = || {
        compiled
            .diagnostics
            .iter()
            .map(|one| format!("{one:?}\n"))
            .collect::<String>()
    };
    match &compiled.policy {
        Some(policy) => policy.clone(),
        // The generator is wrong, not the compiler: it has to write what an author may write.
        None => panic!("a generated repository is refused:\n{}", rendered()),
    }
}

/// A decision in the words of the model.
pub(crate) fn plain(decision: &Decision) -> Answer {
    let result = match decision.outcome() {
        Outcome::Permit(_) => "permit".to_owned(),
        Outcome::Route(needs) => {
            format!(
                "route:{}",
                needs
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(",")
            )
        }
        Outcome::Reject(rejection) => format!("reject:{}", rejection.reason),
    };
    let rules = decision
        .rules()
        .iter()
        .map(|rule| rule.id.to_string())
        .collect();
    Answer {
        result,
        rules,
        surface: asked(decision),
    }
}

/// The surface of a decision in the words of the model.
pub(crate) fn asked(decision: &Decision) -> Option<Asked> {
    decision.surface().map(|surface| Asked {
        risk: surface.risk,
        approval: surface.approval,
        confirm: surface.user_confirmation,
        dry_run: surface.dry_run,
        masks: surface.masks.iter().map(ToString::to_string).collect(),
        rows: surface
            .max_rows
            .iter()
            .map(|(pointer, rows)| (pointer.to_string(), *rows))
            .collect(),
    })
}
