//! Servers that are shell scripts, most of them bad ones.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use stopgate::lock::{FetchError, Nonsense, ServerFailure, fetch};
use stopgate_author::lock::Lock;
use stopgate_decide::json::Problem;

use super::{PATIENCE, environment, spec};

/// Asks a server that is a shell script; it may use the variables `OUT` and `ERP_TOKEN`.
fn script_within(
    timeout: Duration,
    script: &str,
    answers: &[&str],
    out: &Path,
) -> Result<Lock, FetchError> {
    let command: Vec<_> = ["sh", "-c", script, "sh"]
        .iter()
        .chain(answers)
        .copied()
        .collect();
    let variables = [
        ("ERP_TOKEN", "tok-0123456789"),
        ("OUT", out.to_str().expect("UTF-8")),
    ];
    let environment = environment("/usr/bin:/bin", &variables);
    fetch(
        &spec("erp", "1.0.0", &command, &["ERP_TOKEN", "OUT"]),
        &environment,
        timeout,
    )
}

fn script(script: &str) -> Result<Lock, FetchError> {
    script_within(PATIENCE, script, &[], Path::new("/dev/null"))
}

/// Asks a server that answers each request with the next of `answers`, which may be several lines.
fn answering(answers: &[&str]) -> Result<Lock, FetchError> {
    let server = r#"while read -r line; do case "$line" in *'"id"'*) printf '%s\n' "$1"; shift;; esac; done"#;
    script_within(PATIENCE, server, answers, Path::new("/dev/null"))
}

fn nonsense(result: Result<Lock, FetchError>) -> (&'static str, Nonsense) {
    match result.expect_err("nonsense").cause {
        ServerFailure::Nonsense { method, what } => (method, what),
        other => panic!("{other:?}"),
    }
}

const INITIALIZED: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18","capabilities":{},"serverInfo":{"name":"s","version":"1"}}}"#;

#[test]
fn a_server_that_hangs_is_killed_with_all_its_processes() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("pids");
    let hanging = r#"sleep 600 & echo $$ $! > "$OUT"; wait"#;
    let begun = Instant::now();
    let error = script_within(Duration::from_secs(2), hanging, &[], &out).expect_err("no answer");
    assert!(
        matches!(
            error.cause,
            ServerFailure::TimedOut {
                method: "initialize",
                ..
            }
        ),
        "{error:?}"
    );
    assert!(begun.elapsed() < Duration::from_secs(20));
    let pids = fs::read_to_string(out).expect("the script ran");
    let [leader, child] = pids.split_whitespace().collect::<Vec<_>>()[..] else {
        panic!("{pids}")
    };
    let stat = |pid: &str| fs::read_to_string(format!("/proc/{pid}/stat"));
    assert!(stat(leader).is_err(), "the server was reaped");
    // Whoever inherits its child reaps it; until then it may be a zombie, which runs no more.
    let until = Instant::now() + PATIENCE;
    while stat(child).is_ok_and(|stat| !stat.contains(") Z")) {
        assert!(Instant::now() < until, "{child} is still running");
        std::thread::yield_now();
    }
}

#[test]
fn a_server_that_ends_early_is_shown_with_its_last_words() {
    let error = script("echo 'no database' >&2; exit 3").expect_err("no answer");
    let ServerFailure::Ended {
        method: "initialize",
        status,
    } = error.cause
    else {
        panic!("{error:?}")
    };
    assert_eq!(
        (status.code(), error.stderr.as_str()),
        (Some(3), "no database")
    );

    let flood = "i=0; while [ $i -lt 3000 ]; do echo \"line $i\" >&2; i=$((i+1)); done; printf '\\033[2J' >&2";
    let error = script(flood).expect_err("no answer");
    assert!(
        error.stderr.len() <= 4096
            && error.stderr.contains("line 2999")
            && !error.stderr.contains('\u{1b}')
    );

    let silent = script("exec >&-; sleep 600").expect_err("no answer");
    assert!(
        matches!(silent.cause, ServerFailure::Ended { .. }),
        "{silent:?}"
    );
}

#[test]
fn a_server_that_prints_something_else_is_refused() {
    let (_, what) = nonsense(script("echo 'Listening on stdio'"));
    assert!(
        matches!(what, Nonsense::Json(error) if error.problem == Problem::Syntax),
        "{what:?}"
    );
    let (_, what) = nonsense(script("head -c 2097152 /dev/zero | tr '\\0' a; sleep 600"));
    assert_eq!(what, Nonsense::LineTooLong);
    let (_, what) = nonsense(script(
        r#"echo '{"jsonrpc":"2.0","id":1,"\u0069d":1,"result":{}}'"#,
    ));
    assert!(
        matches!(what, Nonsense::Json(error) if error.problem == Problem::Duplicate),
        "{what:?}"
    );
    let (_, what) = nonsense(script(
        r#"yes '{"jsonrpc":"2.0","method":"notifications/message"}'"#,
    ));
    assert_eq!(what, Nonsense::TooTalkative);

    let cases = [
        (
            r#"[{"jsonrpc":"2.0","id":1,"result":{}}]"#,
            Nonsense::NotAMessage,
        ),
        (
            r#"{"jsonrpc":"1.0","id":1,"result":{}}"#,
            Nonsense::NotAMessage,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#,
            Nonsense::NotAMessage,
        ),
        (
            r#"{"jsonrpc":"2.0","id":2,"result":{}}"#,
            Nonsense::OtherRequest,
        ),
        (
            r#"{"jsonrpc":"2.0","id":"1","result":{}}"#,
            Nonsense::OtherRequest,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32022}}"#,
            Nonsense::Member("error"),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2031-01-01"}}"#,
            Nonsense::Revision("2031-01-01".into()),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25"}}"#,
            Nonsense::Member("serverInfo"),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{"resultType":"input_required"}}"#,
            Nonsense::Member("resultType"),
        ),
    ];
    for (answer, wanted) in cases {
        assert_eq!(
            nonsense(answering(&[answer])),
            ("initialize", wanted),
            "{answer}"
        );
    }
}

#[test]
fn a_list_that_cannot_be_trusted_is_refused() {
    let cases = [
        (r"{}", Nonsense::Member("tools")),
        (r#"{"tools":[]}"#, Nonsense::Empty),
        (
            r#"{"tools":[{"name":"a","inputSchema":{}}],"nextCursor":7}"#,
            Nonsense::Member("nextCursor"),
        ),
        (
            r#"{"tools":[{"name":"a","inputSchema":{}},{"name":"a","inputSchema":{}}]}"#,
            Nonsense::Twice("a".into()),
        ),
    ];
    for (result, wanted) in cases {
        let answer = format!(r#"{{"jsonrpc":"2.0","id":2,"result":{result}}}"#);
        assert_eq!(
            nonsense(answering(&[INITIALIZED, &answer])),
            ("tools/list", wanted),
            "{result}"
        );
    }
    let (_, what) = nonsense(answering(&[
        INITIALIZED,
        r#"{"jsonrpc":"2.0","id":2,"result":{"tools":[{"name":"a","inputSchema":{}},{"name":"b"}]}}"#,
    ]));
    assert!(
        matches!(what, Nonsense::Definition { place: 2, .. }),
        "{what:?}"
    );

    let endless = r#"n=0; while read -r line; do case "$line" in *'"id"'*) n=$((n+1));; *) continue;; esac
        case $n in 1) printf '%s\n' "$1";;
        *) printf '{"jsonrpc":"2.0","id":%s,"result":{"tools":[],"nextCursor":"x"}}\n' $n;; esac; done"#;
    let (_, what) = nonsense(script_within(
        PATIENCE,
        endless,
        &[INITIALIZED],
        Path::new("/dev/null"),
    ));
    assert_eq!(what, Nonsense::TooMany);

    let deep = format!(
        "{}{}",
        r#"{"items":"#.repeat(29),
        "{}".to_owned() + &"}".repeat(29)
    );
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":2,"result":{{"tools":[{{"name":"a","inputSchema":{deep}}}]}}}}"#
    );
    let (_, what) = nonsense(answering(&[INITIALIZED, &deep]));
    assert!(
        matches!(what, Nonsense::Json(error) if error.problem == Problem::TooDeep),
        "{what:?}"
    );
}

#[test]
fn pages_are_joined_and_no_member_of_a_definition_is_dropped() {
    let first = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{}}
{"jsonrpc":"2.0","id":"theirs","method":"ping"}"#;
    let lock = answering(&[
        first,
        INITIALIZED,
        r#"{"jsonrpc":"2.0","id":2,"result":{"tools":[{"x-vendor":{"z":1,"a":0.10},"name":"b","inputSchema":{}}],"nextCursor":"p2"}}"#,
        r#"{"jsonrpc":"2.0","id":3,"result":{"tools":[{"name":"a","inputSchema":{},"_meta":{"k":1}}],"nextCursor":null}}"#,
    ])
    .expect("a lock");
    assert_eq!(lock.functions.keys().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(
        (lock.protocol.as_str(), lock.instructions),
        ("2025-06-18", None)
    );
    let text = lock.to_string();
    let places = ["x-vendor", "\"z\": 1", "\"a\": 0.10", "\"name\": \"b\""]
        .map(|part| text.find(part).expect(part));
    assert!(places.is_sorted(), "{text}");
    assert!(text.contains("_meta"));
}

#[test]
fn a_server_of_the_later_era_is_asked_in_its_own_way() {
    let modern = r#"while read -r line; do case "$line" in
        *'"method":"initialize"'*) printf '{"jsonrpc":"2.0","id":1,"error":{"code":-32022,"message":"no"}}\n';;
        *server/discover*clientCapabilities*) printf '%s\n' "$1";;
        *tools/list*clientCapabilities*) printf '%s\n' "$2";;
        esac; done"#;
    let discovered = r#"{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","supportedVersions":["2026-07-28"],"instructions":"hi","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"m","version":"3"}}}}"#;
    let listed = r#"{"jsonrpc":"2.0","id":2,"result":{"resultType":"complete","tools":[{"name":"a","inputSchema":{}}],"ttlMs":0}}"#;
    let lock = script_within(
        PATIENCE,
        modern,
        &[discovered, listed],
        Path::new("/dev/null"),
    )
    .expect("a lock");
    assert_eq!(
        (lock.protocol.as_str(), lock.server.name.as_str()),
        ("2026-07-28", "m")
    );

    let newer = discovered.replace("2026-07-28", "2028-01-01");
    let (method, what) = nonsense(script_within(
        PATIENCE,
        modern,
        &[&newer, listed],
        Path::new("/dev/null"),
    ));
    assert_eq!(
        (method, what),
        ("server/discover", Nonsense::Revision("2028-01-01".into()))
    );
}

#[test]
fn t40_a_server_gets_the_named_variables_only_and_no_value_comes_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("environment");
    let error = script_within(
        PATIENCE,
        r#"env > "$OUT"; echo "bad token $ERP_TOKEN" >&2; exit 1"#,
        &[],
        &out,
    );
    let error = error.expect_err("no answer");
    assert_eq!(error.stderr, "bad token $ERP_TOKEN");
    let seen = fs::read_to_string(out).expect("the script ran");
    let names: BTreeSet<_> = seen
        .lines()
        .filter_map(|line| line.split('=').next())
        .collect();
    // The last three are the shell's own.
    let allowed = BTreeSet::from([
        "PATH",
        "HOME",
        "ERP_TOKEN",
        "OUT",
        "PWD",
        "SHLVL",
        "_",
        "OLDPWD",
    ]);
    assert!(names.is_subset(&allowed), "{names:?}");

    let refusing = r#"read -r line; printf '{"jsonrpc":"2.0","id":1,"error":{"code":7,"message":"%s"}}\n' $ERP_TOKEN"#;
    let ServerFailure::Refused {
        code: 7, message, ..
    } = script(refusing).expect_err("refused").cause
    else {
        panic!()
    };
    assert_eq!(message, "$ERP_TOKEN");

    let leaking = r#"{"jsonrpc":"2.0","id":2,"result":{"tools":[{"name":"a","inputSchema":{},"description":"as tok-0123456789"}]}}"#;
    let leaked = answering(&[INITIALIZED, leaking]).expect_err("refused");
    assert!(matches!(leaked.cause, ServerFailure::Secret(variable) if variable == "ERP_TOKEN"));
}

#[test]
fn a_program_is_found_on_path_and_nowhere_else() {
    let start = |command: &[&str], path: &str| {
        fetch(
            &spec("erp", "1.0.0", command, &[]),
            &environment(path, &[]),
            PATIENCE,
        )
        .expect_err("not started")
        .cause
    };
    assert!(matches!(start(&[], "/bin"), ServerFailure::NoProgram));
    assert!(matches!(start(&[""], "/bin"), ServerFailure::NoProgram));
    assert!(matches!(
        start(&["/bin/sh"], "/bin"),
        ServerFailure::Path(_)
    ));
    assert!(matches!(
        start(&["./server"], "/bin"),
        ServerFailure::Path(_)
    ));
    assert!(matches!(
        start(&["sh; true"], "/bin"),
        ServerFailure::NotFound(_)
    ));
    assert!(matches!(
        start(&["Cargo.toml"], ".:/bin"),
        ServerFailure::NotFound(_)
    ));
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("plain"), "not executable").expect("written");
    assert!(matches!(
        start(&["plain"], folder.path().to_str().expect("UTF-8")),
        ServerFailure::NotFound(_)
    ));
}
