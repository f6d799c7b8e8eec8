//! T47: no configuration opens the gate. Whatever is configured, a permit comes from a verified rule, to a caller that
//! may ask for it; and whatever is wrong is an exit with code 2 before anything is opened.

use proptest::prelude::*;
use stopgate_client::{Client, Verdict};
use stopgate_sidecar::audit::{AuditLog, Options};
use stopgate_sidecar::config::{Config, Overrides, SettingKey as Setting};
use stopgate_sidecar::run::Sidecar;

use crate::support::{Key, PATIENCE, Place, Policy, get_order, wait};

/// One way to configure a sidecar.
#[derive(Debug, Clone)]
struct Configured {
    may: Vec<&'static str>,
    tools: Vec<&'static str>,
    enforces: Vec<&'static str>,
    own_uid: bool,
    trusted: bool,
    channel: &'static str,
    extra: Option<(String, String)>,
}

fn configured() -> impl Strategy<Value = Configured> {
    // Each word is kept more often than not, so that one configuration of eight earns a permit and a run of 256 without
    // one is no accident that happens.
    let words = |words: &'static [&'static str]| {
        proptest::collection::vec(proptest::bool::weighted(0.8), words.len()).prop_map(
            move |kept| {
                let words = std::iter::zip(words, kept).filter(|(_, kept)| *kept);
                words.map(|(word, _)| *word).collect::<Vec<_>>()
            },
        )
    };
    let setting = proptest::sample::select(Setting::ALL.to_vec()).prop_map(|key| key.variable());
    // Values that open something in other programs.
    let value = proptest::sample::select(vec![
        "",
        "*",
        "true",
        "off",
        "none",
        "allow",
        "0.0.0.0:0",
        "file:/dev/null",
    ]);
    let extra = proptest::option::weighted(0.3, (setting, value.prop_map(str::to_owned)));
    let callers = (
        words(&["decide", "assert_subject", "assert_agent"]),
        words(&["erp", "jira"]),
        words(&["mask", "max_rows"]),
    );
    let own_uid = proptest::bool::weighted(0.8);
    let channel = proptest::sample::select(vec!["dev", "prod", "closed", "nowhere"]);
    (
        callers,
        own_uid,
        proptest::bool::weighted(0.7),
        channel,
        extra,
    )
        .prop_map(
            |((may, tools, enforces), own_uid, trusted, channel, extra)| Configured {
                may,
                tools,
                enforces,
                own_uid,
                trusted,
                channel,
                extra,
            },
        )
}

fn text(configured: &Configured, place: &Place) -> String {
    let list = |words: &[&str]| format!("{words:?}");
    let uid = rustix::process::getuid().as_raw();
    let base = place.config();
    let (settings, _) = base.split_once("[[callers]]").expect("callers");
    let uid = if configured.own_uid { uid } else { uid + 1 };
    let root = if configured.trusted {
        "root.dsse.json"
    } else {
        "stranger.dsse.json"
    };
    settings
        .replace(
            "channel = \"dev\"",
            &format!("channel = {:?}", configured.channel),
        )
        .replace("root.dsse.json", root)
        + &format!(
            "[[callers]]\nuid = {uid}\nagent = \"a\"\ntools = {}\nmay = {}\nenforces = {}\n",
            list(&configured.tools),
            list(&configured.may),
            list(&configured.enforces)
        )
}

#[test]
fn t47_no_configuration_permits_without_a_verified_rule() {
    let place = Place::new();
    let masked = "get_order: {effect: read, result: {mask: [/customer/tax_id]}}";
    let closed = "  dev: {ceiling: high}\n  closed: {ceiling: none}";
    let policy = Policy::base()
        .with("catalog/erp.yaml", "get_order: {effect: read}", masked)
        .with("stopgate.yaml", "  dev: {ceiling: high}", closed);
    place.publish(&policy.build(&place.key));
    std::fs::write(
        place.path("stranger.dsse.json"),
        Key::new("k1").root("2999-01-01T00:00:00Z"),
    )
    .expect("a root");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let permits = std::cell::Cell::new(0_u32);

    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 256,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let checked = runner.run(&configured(), |configured| {
        let environment = configured
            .extra
            .clone()
            .map(|(name, value)| (name.into(), value.into()));
        let overrides = Overrides {
            environment: environment.into_iter().collect(),
            flags: vec![],
        };
        let Ok(config) = Config::parse("sidecar.toml", &text(&configured, &place), &overrides)
        else {
            return Ok(());
        };
        let permit = runtime.block_on(async {
            let audit = AuditLog::discarding(Options::new("fuzz")).expect("a log");
            let socket = config.listen.socket.clone();
            let Ok(sidecar) = Sidecar::start_with(config, audit).await else {
                return None;
            };
            let answered = async {
                match Client::connect(&socket).await {
                    Ok(client) => client.decide(get_order(), PATIENCE).await.permit(),
                    Err(_) => None,
                }
            };
            let permit = answered.await;
            sidecar.run(std::future::ready(())).await.expect("drained");
            permit
        });
        let Configured {
            may,
            tools,
            enforces,
            own_uid,
            trusted,
            channel,
            extra: _,
        } = &configured;
        let earned = *own_uid
            && *trusted
            && may.contains(&"decide")
            && may.contains(&"assert_subject")
            && tools.contains(&"erp")
            && enforces.contains(&"mask");
        if let Some(permit) = permit {
            prop_assert!(earned, "not earned");
            let [rule] = permit.explanation().rules.as_slice() else {
                panic!("one rule")
            };
            prop_assert_eq!(rule.rule.as_str(), "erp/read-orders");
            permits.set(permits.get() + 1);
        } else {
            // Nothing else stands in the way of an earned permit, so the property is about something.
            let open = matches!(*channel, "dev" | "prod") && configured.extra.is_none();
            prop_assert!(!(earned && open), "not permitted");
        }
        Ok(())
    });
    checked.expect("no configuration opens the gate");
    assert!(permits.get() > 8, "{} of 256 permit", permits.get());
}

#[test]
fn every_mistake_ends_the_start_with_code_2() {
    let place = Place::new();
    let good = place.config();
    for (from, to) in [
        ("channel = \"dev\"", ""),
        ("channel = \"dev\"", "fail_open = \"true\""),
        ("format = \"json\"", "format = \"json\"\naudit = \"off\""),
        ("poll = \"50ms\"", "poll = \"0s\""),
        ("127.0.0.1:0", "0.0.0.0:0"),
        ("source = \"file:", "source = \"http:"),
        ("may = [\"decide\"", "may = [\"permit\""),
        ("[[callers]]", "[callers]"),
        ("state_dir", "state_dir = \"/tmp\"\nstate_dir"),
    ] {
        assert!(good.contains(from));
        let mut child = place.spawn(&good.replacen(from, to, 1));
        assert_eq!(wait(&mut child).code(), Some(2), "{to}");
        assert!(!place.path("state").exists(), "nothing was opened");
    }
}

#[test]
fn a_verdict_is_never_a_permit_by_default() {
    let verdict = Verdict::read("r", stopgate_client::wire::DecideResponse::default());
    assert!(verdict.permit().is_none());
}
