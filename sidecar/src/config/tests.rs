//! Flags, environment and file: which wins, and that every mistake is told at once.

use super::*;

const GOOD: &str = r#"
channel = "prod"
state_dir = "/var/lib/stopgate"

[listen]
socket = "/run/stopgate/sidecar.sock"

[policy]
source = "file:/etc/stopgate/prod.stopgate"
root = "/etc/stopgate/root.dsse.json"

[[callers]]
uid = 990
agent = "orchestrator"
tools = ["erp", "jira"]
may = ["decide", "assert_subject"]
enforces = ["mask"]

[identity."https://sso.acme.example/"]
jwks = "/etc/stopgate/sso.jwks.json"
clock_skew = "1m"

[identity."https://login.acme.example/"]
jwks = "/etc/stopgate/login.jwks.json"
"#;

fn parse(text: &str) -> Result<Config, Vec<String>> {
    with(text, &Overrides::default())
}

fn with(text: &str, overrides: &Overrides) -> Result<Config, Vec<String>> {
    Config::parse("sidecar.toml", text, overrides)
        .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect())
}

fn variable(name: &str, value: &str) -> Overrides {
    Overrides {
        environment: vec![(name.into(), value.into())],
        flags: vec![],
    }
}

#[test]
fn a_good_file_says_what_it_says() {
    let config = parse(GOOD).expect("a good configuration");
    assert_eq!(config.channel.as_str(), "prod");
    assert_eq!(
        config.policy.source,
        Source::File("/etc/stopgate/prod.stopgate".into())
    );
    assert_eq!(config.policy.poll.duration().as_secs(), 5);
    assert_eq!(config.policy.max_bytes.bytes(), 32 << 20);
    assert_eq!(config.policy.deadline.duration().as_secs(), 10);
    assert_eq!(config.organisation, None);
    assert_eq!(
        config.listen.metrics.address().to_string(),
        "127.0.0.1:9464"
    );
    assert!(
        config.callers.get(0).is_none(),
        "nobody else, root included"
    );
    let skews: Vec<_> = config
        .identity
        .iter()
        .map(|(issuer, config)| (issuer.as_str(), config.clock_skew.duration().as_secs()))
        .collect();
    assert_eq!(
        skews,
        [
            ("https://login.acme.example/", 30),
            ("https://sso.acme.example/", 60)
        ]
    );
    let caller = config.callers.get(990).expect("the caller");
    assert_eq!(
        caller.may,
        May {
            decide: true,
            assert_subject: true,
            assert_agent: false
        }
    );
    assert_eq!(
        (caller.enforces.mask, caller.enforces.max_rows),
        (true, false)
    );
    assert_eq!(
        caller
            .tools
            .iter()
            .map(|tool| tool.as_str())
            .collect::<Vec<_>>(),
        ["erp", "jira"]
    );
}

#[test]
fn lengths_and_organisations_are_read_strictly() {
    let organisation = with(GOOD, &variable("STOPGATE_ORGANISATION", "acme-bank"));
    let organisation = organisation.expect("valid").organisation;
    assert_eq!(organisation.expect("one").as_str(), "acme-bank");
    for (text, bytes) in [("65536", 1 << 16), ("64KiB", 1 << 16), ("256MiB", 1 << 28)] {
        let config = with(GOOD, &variable("STOPGATE_POLICY_MAX_BYTES", text));
        assert_eq!(config.expect("valid").policy.max_bytes.bytes(), bytes);
    }
    for text in [
        "",
        "KiB",
        "1MB",
        "63KiB",
        "257MiB",
        "-1",
        "18014398509481984KiB",
        "1 MiB",
    ] {
        let config = with(GOOD, &variable("STOPGATE_POLICY_MAX_BYTES", text));
        assert_eq!(config.expect_err("a mistake").len(), 1, "{text}");
    }
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let mut overrides = variable("STOPGATE_CHANNEL", "dev");
    overrides.environment.push(("HOME".into(), "/root".into()));
    assert_eq!(
        with(GOOD, &overrides).expect("valid").channel.as_str(),
        "dev"
    );
    overrides.flags.push((&key::CHANNEL, "canary".into()));
    assert_eq!(
        with(GOOD, &overrides).expect("valid").channel.as_str(),
        "canary"
    );
    for key in SettingKey::ALL {
        assert!(key.variable().starts_with("STOPGATE_") && !key.flag().contains('_'));
        let wrong = with(GOOD, &variable(&key.variable(), "\u{1}\0")).expect_err("a mistake");
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        assert!(
            wrong[0].starts_with(&format!("{}: `{}` ", key.variable(), key.path())),
            "{wrong:?}"
        );
    }
}

#[test]
fn every_mistake_is_reported_at_once_and_in_its_place() {
    let text = r#"
chanel = "prod"
state_dir = 7
[listen]
socket = "/run/stopgate/sidecar.sock"
metrics = "0.0.0.0:9464"
tcp = "127.0.0.1:50051"
[policy]
source = "s3:stopgate-policy"
root = ""
poll = "1ms"
[identity."http://sso.acme.example/"]
jkws = "/etc/stopgate/sso.jwks.json"
clock_skew = "6m"
[[callers]]
uid = -1
agent = ""
tools = ["ERP"]
may = ["decide", "decide", "asert_subject"]
enforce = ["mask"]
[[callers]]
uid = 4294967295
agent = "a"
tools = "erp"
"#;
    let overrides = variable("STOPGATE_LISTEN_SOCKETS", "x");
    let found = with(text, &overrides).expect_err("mistakes");
    let expected = [
        "sidecar.toml:2: `chanel` is no setting (did you mean `channel`?)",
        "sidecar.toml:3: `state_dir` is not a text in quotes",
        "sidecar.toml:7: `listen.tcp` is no setting",
        "sidecar.toml:12: `http://sso.acme.example/` is no https URL, as stopgate.yaml names issuers",
        "sidecar.toml:13: `jkws` is no key of an identity (did you mean `jwks`?)",
        "sidecar.toml:12: `jwks` is required: a file",
        "sidecar.toml:14: `clock_skew` is longer than 5m",
        "environment: `STOPGATE_LISTEN_SOCKETS` sets nothing (did you mean `STOPGATE_LISTEN_SOCKET`?)",
        "sidecar.toml:20: `enforce` is no key of a caller (did you mean `enforces`?)",
        "sidecar.toml:16: -1 is no uid",
        "sidecar.toml:17: `agent` is not 1 to 64 printable ASCII characters",
        "sidecar.toml:18: `ERP` is no name of a tool: `E` is not allowed at position 1 of a name",
        "sidecar.toml:19: `decide` stands there twice",
        "sidecar.toml:19: `may` cannot hold `asert_subject` (did you mean `assert_subject`?): it lists decide, assert_subject, assert_agent",
        "sidecar.toml:22: 4294967295 is no uid",
        "sidecar.toml:24: `tools` is not a list of names",
        "sidecar.toml:21: `may` is required: a list of `decide`, `assert_subject`, `assert_agent`",
        "sidecar.toml: `channel` is required: a channel of stopgate.yaml",
        "sidecar.toml: `state_dir` is required: a folder",
        "sidecar.toml:6: `listen.metrics` is not a loopback address: what it serves is for this machine",
        "sidecar.toml:9: `policy.source` names neither a file, such as file:prod.stopgate, nor a store, such as dir:channels",
        "sidecar.toml:10: `policy.root` is no path",
        "sidecar.toml:11: `policy.poll` is not between 50ms and 1h",
    ];
    for line in expected {
        assert!(
            found.iter().any(|found| found == line),
            "missing: {line}\nfound: {found:#?}"
        );
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

#[test]
fn what_is_not_toml_is_reported_with_its_line() {
    let found =
        parse("channel = \"prod\"\nstate_dir = \nchannel = \"dev\"\n").expect_err("mistakes");
    assert!(
        found
            .iter()
            .any(|line| line.starts_with("sidecar.toml:2: ")),
        "{found:#?}"
    );
    assert!(
        found
            .iter()
            .any(|line| line.starts_with("sidecar.toml:3: ")),
        "{found:#?}"
    );
}

#[test]
fn the_same_uid_twice_and_no_caller_at_all_are_mistakes() {
    let twice = format!("{GOOD}[[callers]]\nuid = 990\nagent = \"b\"\ntools = []\nmay = []\n");
    let found = parse(&twice).expect_err("a mistake");
    assert_eq!(
        found,
        ["sidecar.toml:25: uid 990 is in another [[callers]] table too"]
    );
    let none = GOOD.split("[[callers]]").next().expect("a beginning");
    assert!(parse(none).expect_err("a mistake")[0].contains("nobody can connect"));
}

#[test]
fn issuers_are_written_as_tables_with_their_url() {
    let form = "`identity` is written as [identity.\"https://…\"] tables, one for each issuer";
    for wrong in [
        GOOD.split("[identity")
            .next()
            .map_or_else(String::new, |good| format!("identity = 7\n{good}")),
        GOOD.replace("[identity.\"https://sso.acme.example/\"]", "[identity]"),
        GOOD.replace("[identity.\"https://sso.acme.example/\"]", "[[identity]]"),
    ] {
        let found = parse(&wrong).expect_err("mistakes");
        assert!(found.iter().any(|line| line.ends_with(form)), "{found:#?}");
    }
    let none = GOOD.split("[identity").next().expect("a beginning");
    assert!(parse(none).expect("valid").identity.is_empty());
}

#[test]
fn a_store_is_followed_for_one_organisation() {
    let store = GOOD.replace("file:/etc/stopgate/prod.stopgate", "dir:/var/lib/channels");
    let mistakes = parse(&store).expect_err("a store can hold those of several");
    assert!(
        mistakes[0].contains("`organisation` is required"),
        "{mistakes:?}"
    );
    let named = format!("organisation = \"acme-bank\"\n{store}");
    let config = parse(&named).expect("a good configuration");
    let folder = stopgate_store::StoreAddress::Directory("/var/lib/channels".into());
    assert_eq!(config.policy.source, Source::Store(folder));
}
