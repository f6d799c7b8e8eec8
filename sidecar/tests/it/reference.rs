//! `docs/reference/configuration.md` and `docs/reference/reasons.md` are made from the code; with `BLESS=1` they are
//! rewritten.

use std::fmt::Write as _;
use std::path::Path;

use stopgate_decide::decide::Reason;
use stopgate_sidecar::config::{CALLER_KEYS, IDENTITY_KEYS, Presence, SettingKey, TableKey};
use stopgate_sidecar::exit;
use stopgate_sidecar::follow::Refusal;
use stopgate_sidecar::undecided::Undecided;

fn check(name: &str, made: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs/reference")
        .join(name);
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, made).expect("written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "docs/reference/{name} is stale: run this test with BLESS=1"
    );
}

fn table(page: &mut String, keys: &[TableKey]) {
    page.push_str("| key | value | required | what it does |\n|---|---|---|---|\n");
    for key in keys {
        let required = if key.required { "yes" } else { "no" };
        writeln!(
            page,
            "| `{}` | {} | {required} | {} |",
            key.name, key.form, key.about
        )
        .expect("written");
    }
}

/// Checks that whoever is woken by a word finds what to do about it.
#[test]
fn every_word_that_operators_meet_has_a_page() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guide/operate.md");
    let page = std::fs::read_to_string(path).expect("a page");
    let operators = [
        Reason::PolicyStale,
        Reason::AuditUnavailable,
        Reason::Overloaded,
        Reason::Stopped,
    ];
    let reasons = operators.map(Reason::as_str);
    for word in reasons.into_iter().chain(Refusal::ALL.map(Refusal::as_str)) {
        let heading = format!("\n### {word}\n");
        assert_eq!(page.matches(&heading).count(), 1, "{word}");
    }
}

#[test]
fn the_configuration_reference_is_current() {
    let mut page = String::from(
        "# sidecar.toml\n\n\
         `stopgate-sidecar --config sidecar.toml`. A flag wins over a variable of the environment, and that over the\n\
         file. An unknown key, variable or flag is an error, and every mistake is reported at once, with exit code 2.\n\
         No key turns a check off. Whose the files are that it names is checked too, at the start and at each look:\n\
         [trusted inputs](trusted-inputs.md). This page is generated from the code.\n\n\
         ```toml\n\
         channel = \"prod\"\n\
         state_dir = \"/var/lib/stopgate\"\n\n\
         [listen]\n\
         socket = \"/run/stopgate/sidecar.sock\"\n\n\
         [policy]\n\
         source = \"file:/etc/stopgate/prod.stopgate\"\n\
         root = \"/etc/stopgate/root.dsse.json\"\n\n\
         [identity.\"https://sso.acme.example/\"]\n\
         jwks = \"/etc/stopgate/sso.jwks.json\"\n\n\
         [[callers]]\n\
         uid = 990\n\
         agent = \"orchestrator\"\n\
         tools = [\"erp\"]\n\
         may = [\"decide\"]\n\
         enforces = [\"mask\", \"max_rows\"]\n\
         ```\n\n\
         ## Settings\n\n\
         | key | value | default | what it does | variable | flag |\n\
         |---|---|---|---|---|---|\n",
    );
    for key in SettingKey::ALL {
        let default = match key.presence {
            Presence::Required => "required".to_owned(),
            Presence::Optional => "–".to_owned(),
            Presence::Default(default) => format!("`{default}`"),
        };
        let (path, variable, flag) = (key.path(), key.variable(), key.flag());
        let line = format!(
            "| `{path}` | {} | {default} | {} | `{variable}` | `--{flag}` |",
            key.form, key.about
        );
        writeln!(page, "{line}").expect("written");
    }
    page.push_str(
        "\n## `[[callers]]`\n\n\
         One table for each local user that may connect; nobody else can, and what is not said is not allowed. These\n\
         keys stand in the file only.\n\n",
    );
    table(&mut page, &CALLER_KEYS);
    page.push_str(
        "\n## `[identity.\"https://…\"]`\n\n\
         One table for each issuer whose tokens name subjects, under its URL exactly as `stopgate.yaml` writes it. An\n\
         issuer that only one of the two knows is nobody. These keys stand in the file only.\n\n",
    );
    table(&mut page, &IDENTITY_KEYS);
    page.push_str("\n## Exit codes\n\n| code | meaning |\n|---|---|\n");
    for (code, meaning) in [
        (
            exit::DRAINED,
            "told to stop; what was under way was answered and the `stop` is on record",
        ),
        (
            exit::FAILED,
            "it could not start, or could not go on for a reason that is not its log's",
        ),
        (
            exit::USAGE,
            "the command line or the configuration is wrong, or somebody else could replace a file that is trusted",
        ),
        (
            exit::LOG_FAILED,
            "the decision log failed: nothing could be recorded, so nothing was answered any more",
        ),
    ] {
        writeln!(page, "| {code} | {meaning} |").expect("written");
    }
    check("configuration.md", &page);
}

/// Whose turn it is, what happened, what to do.
const fn reason(reason: Reason) -> (&'static str, &'static str, &'static str) {
    match reason {
        Reason::SubjectUnverified => (
            "caller, operator",
            "Nobody vouches for the original user: the attempt names none, its token does not verify or has expired, the \
             caller may not name one (or not this agent) on its own word, the policy does not know the issuer, or there \
             are too many groups.",
            "Send the user's token. The sidecar's events and `stopgate_tokens_total` say why one does not verify. List \
             the issuer in `stopgate.yaml` and in `sidecar.toml`; give the caller `assert_subject` or `assert_agent`.",
        ),
        Reason::UnknownTool => (
            "caller, operator",
            "The catalog has no such tool, or this caller may not ask about it.",
            "Check the name; add the tool to the caller's `tools`, or a catalog file to the policy.",
        ),
        Reason::UnknownOperation => (
            "caller, policy author",
            "The tool's catalog has no such operation or function, or it is listed as `unused`, or none was named.",
            "Check the name; add the operation to the catalog if it is to be allowed at all.",
        ),
        Reason::UnknownProfile => (
            "identity administrator, policy author",
            "None of the user's groups stands for a profile, or they stand for more than 16.",
            "Map one of the user's groups in `profiles.yaml`, or put the user into a mapped group.",
        ),
        Reason::OperationMismatch => (
            "caller",
            "The operation that was named is not the one that the arguments select: one function of the server does \
             several things, and an argument says which.",
            "Name the function and let the operation be derived, or name the operation that the arguments mean.",
        ),
        Reason::DefinitionMismatch => (
            "tool owner",
            "The tool definition that the caller sees is not the one that was reviewed.",
            "Find out why the server changed. Run `stopgate lock --check`, review what it shows, lock again.",
        ),
        Reason::InputInvalid => (
            "caller",
            "The arguments are not one strict JSON object, too long, or not what the tool's definition asks for.",
            "The message says what and where, without the value. Send exactly the text that will be executed.",
        ),
        Reason::NoRule => (
            "policy author",
            "No rule grants this operation to this user's profiles with this input.",
            "If it should be possible, write a grant. `stopgate explain` shows which rule nearly matched.",
        ),
        Reason::Forbidden => (
            "nobody",
            "A rule says never. The message is the rule's own reason, and no evidence helps.",
            "Do something else. The rule that matched is in the answer, with its file and line.",
        ),
        Reason::Ceiling => (
            "release manager",
            "The class of the action is above what the channel lets through for this tool.",
            "Wait for the next rollout phase, or raise the ceiling in `stopgate.yaml`.",
        ),
        Reason::Obligation => (
            "caller, operator",
            "The decision obliges to masks or row limits that the caller does not say it enforces.",
            "Make the caller apply obligations (the clients do), then list them in its `enforces`.",
        ),
        Reason::EvaluationError => (
            "policy author",
            "A rule could not be evaluated. The rules that failed are in the answer.",
            "Correct the rule; until then everything it reaches is rejected.",
        ),
        Reason::PolicyStale => (
            "operator",
            "The policy in force is too old for this class of action.",
            "Find out why no newer policy arrives.",
        ),
        Reason::AuditUnavailable => (
            "operator",
            "The decision could not be recorded, so there is none.",
            "Free the disk or repair it. Ask again once `/readyz` says ready.",
        ),
        Reason::Overloaded => (
            "operator",
            "Too many records wait for the disk, too many costly attempts of this caller wait, or the decision took too long.",
            "Ask again later. If it stays, spread the load or use a faster disk.",
        ),
        Reason::Stopped => (
            "operator",
            "An operator's stop reaches this attempt, for its tool, operation or agent or for the whole channel, and the \
             class of the action is above what the stop lets through. The message names the stop and gives its reason.",
            "Ask again once the stop has ended, which it does within a day, or was lifted. A stop that cannot be read has \
             no name: see why it does not arrive.",
        ),
    }
}

const fn undecided(why: Undecided) -> (&'static str, &'static str, &'static str) {
    match why {
        Undecided::NotAllowed => (
            "UNAUTHENTICATED",
            "The caller may not ask for decisions.",
            "Add `decide` to its `may`.",
        ),
        Undecided::Malformed => (
            "INVALID_ARGUMENT",
            "A field is missing, too long or not what it has to be.",
            "The message names the field.",
        ),
        Undecided::TooLarge => (
            "INVALID_ARGUMENT",
            "The message is longer than 320 KiB.",
            "Send less.",
        ),
        Undecided::TooSlow => (
            "DEADLINE_EXCEEDED",
            "The message did not arrive within 100 ms.",
            "Send it whole.",
        ),
        Undecided::NoBundle => (
            "UNAVAILABLE",
            "No verified bundle is in force.",
            "`GetStatus` says why the newest one was refused.",
        ),
        Undecided::Draining => (
            "UNAVAILABLE",
            "The sidecar is going away.",
            "Ask the next one.",
        ),
        Undecided::Fault => (
            "INTERNAL",
            "The sidecar failed while it worked on this request.",
            "Report it.",
        ),
    }
}

const fn refusal(why: Refusal) -> (&'static str, &'static str) {
    match why {
        Refusal::Signature => (
            "A signature does not verify, or is by a key that may not publish. A changed manifest shows here too.",
            "Sign it with a publisher's key of the root, or put the right root in place.",
        ),
        Refusal::Threshold => ("Too few keys signed.", "Collect the missing signatures."),
        Refusal::Digest => (
            "A part is not what was signed.",
            "Fetch it again; if it stays, somebody changed it.",
        ),
        Refusal::Expired => (
            "The trust root is past its date.",
            "Put a new root in place and start again. Until then a start goes on with the bundle that was verified last.",
        ),
        Refusal::Format => (
            "It is no bundle, or needs a newer sidecar.",
            "Build it again, or update the sidecar.",
        ),
        Refusal::Channel => (
            "It does not name the configured channel.",
            "Correct `channel`, or add it to the policy.",
        ),
        Refusal::SourceUnavailable => (
            "There is nothing at the source, it is no regular file, it cannot be read, or reading it did not end within \
             `policy.deadline`.",
            "Publish a bundle there; the event says what is in the way.",
        ),
        Refusal::Empty => ("It holds no rule.", "Build a policy with rules."),
        Refusal::AuditUnavailable => (
            "Its activation could not be recorded.",
            "Free the disk or repair it.",
        ),
        Refusal::Organisation => (
            "It is of another organisation than `organisation` names.",
            "Publish a bundle of yours, or correct `organisation`.",
        ),
        Refusal::TooLong => (
            "It is longer than `policy.max_bytes`.",
            "Raise that, if the bundle is yours; the event says how long it is.",
        ),
        Refusal::MayBeReplaced => (
            "Somebody else than the sidecar's user and root could put another in its place.",
            "Correct the owner or the mode: the event `may_be_replaced` gives the command as `mend`, and \
             [this page](trusted-inputs.md) the reason.",
        ),
        Refusal::Rollback => (
            "An older release than one that was in force is at the head of the channel, or the trust root is older than one before.",
            "Find out who wrote to the store, and put the newest release back. To go back on purpose, publish the older \
             commit as a new version.",
        ),
        Refusal::History => (
            "The releases of the channel do not fit together: two of one version, or one that does not follow the one \
             before.",
            "As for `rollback`.",
        ),
        Refusal::NotSignedOff => (
            "It may be looser than what is in force, and reviewers have not signed that off.",
            "`stopgate publish --plan` says what may be looser: have it signed off, and publish it again.",
        ),
        Refusal::Marks => (
            "`marks.json` in `state_dir`, which says what was in force before, cannot be read or was changed.",
            "Restore it. Whoever takes the file away decides that nothing was in force before.",
        ),
        Refusal::Timestamp => (
            "Nothing proves that what is in force is the newest: the policy states `freshness`, and the channel's timestamp is \
             missing, older than one that was seen, or tells of a newer release. What is in force stays; the older it is, the \
             less passes.",
            "See that `stopgate timestamp` runs. If it tells of a newer release, find out why this sidecar does not see that.",
        ),
    }
}

#[test]
fn the_reference_of_reasons_is_current() {
    let mut page = String::from(
        "# Reasons\n\n\
         Three kinds of no. A *rejection* is a decision: the call succeeds, the attempt is on record, and the answer\n\
         carries one of the reasons below. A *status* means that nothing was decided; the caller does not act and may\n\
         ask again. A *refusal* is about a bundle, not about an attempt. This page is generated from the code.\n\n\
         ## Rejections\n\n\
         `REJECT_REASON_…` on the wire; in lower case in records, tests and metrics.\n\n\
         | reason | whose turn | what happened | what to do |\n\
         |---|---|---|---|\n",
    );
    for known in Reason::ALL {
        let (who, what, act) = reason(known);
        writeln!(page, "| `{known}` | {who} | {what} | {act} |").expect("written");
    }
    page.push_str(
        "\n## Statuses\n\n\
         The details hold a `google.rpc.ErrorInfo` with the domain `stopgate` and the reason in capitals. A peer whose\n\
         uid is in no `[[callers]]`, and one connection too many, get no status: they are disconnected and counted.\n\n\
         | reason | status | what happened | what to do |\n\
         |---|---|---|---|\n",
    );
    for why in Undecided::ALL {
        let (status, what, act) = undecided(why);
        writeln!(
            page,
            "| `{}` | {status} | {what} | {act} |",
            why.as_str().to_uppercase()
        )
        .expect("written");
    }
    page.push_str(
        "\n## Refusals of bundles\n\n\
         `BUNDLE_REFUSAL_…` in `GetStatus`; in lower case in records and metrics. The bundle in force stays.\n\n\
         | reason | what happened | what to do |\n\
         |---|---|---|\n",
    );
    for why in Refusal::ALL {
        let (what, act) = refusal(why);
        writeln!(page, "| `{}` | {what} | {act} |", why.as_str()).expect("written");
    }
    check("reasons.md", &page);
}
