//! T28: who may connect, and what each caller may say.

use stopgate_client::{Client, No, Verdict};

use crate::support::{PATIENCE, Place, ask, eventually, get_order, request_with};

fn own_uid() -> u32 {
    rustix::process::getuid().as_raw()
}

#[tokio::test(flavor = "multi_thread")]
async fn t28_a_peer_that_is_no_caller_is_disconnected_and_counted() {
    let place = Place::new();
    let config = place.config().replace(
        &format!("uid = {}", own_uid()),
        &format!("uid = {}", own_uid() + 1),
    );
    let running = place.start_with(&config);
    match Client::connect(&running.socket).await {
        Err(_) => {}
        Ok(client) => {
            let verdict = client.decide(get_order(), PATIENCE).await;
            assert!(
                matches!(verdict, Verdict::No(No::Status { .. })),
                "{verdict:?}"
            );
        }
    }
    eventually("it is counted", || {
        running.metric(r#"stopgate_connections_turned_away_total{reason="peer"}"#) >= 1.0
    });
    assert!(
        running
            .records()
            .iter()
            .all(|record| record["kind"] != "decision")
    );
    let why = "connection closed: no [[callers]] table has the uid of this user";
    eventually("its operator can see why", || running.event(why).is_some());
    let said = running.event(why).expect("an event");
    assert_eq!(said["uid"], own_uid());
}

#[tokio::test(flavor = "multi_thread")]
async fn t15_nobody_speaks_for_a_subject_or_an_agent_without_leave() {
    let place = Place::new();
    let all = r#"may = ["decide", "assert_subject", "assert_agent"]"#;
    let other_agent = || request_with(|attempt| attempt.agent = "somebody-else".into());
    let own_agent = || request_with(|attempt| attempt.agent = "orchestrator".into());
    for (may, request, answer) in [
        (r#"["decide"]"#, get_order(), "subject_unverified"),
        (
            r#"["decide", "assert_agent"]"#,
            get_order(),
            "subject_unverified",
        ),
        (r#"["decide", "assert_subject"]"#, get_order(), "permit"),
        (r#"["decide", "assert_subject"]"#, own_agent(), "permit"),
        (
            r#"["decide", "assert_subject"]"#,
            other_agent(),
            "subject_unverified",
        ),
        (
            r#"["decide", "assert_subject", "assert_agent"]"#,
            other_agent(),
            "permit",
        ),
        (
            r#"["assert_subject", "assert_agent"]"#,
            get_order(),
            "Unauthenticated",
        ),
        ("[]", get_order(), "Unauthenticated"),
    ] {
        let running = place.start_with(&place.config().replace(all, &format!("may = {may}")));
        let client = running.client().await;
        assert_eq!(ask(&client, request).await, answer, "{may}");
        assert!(
            client.status(PATIENCE).await.is_ok(),
            "status is for every caller"
        );
        let records = running.records();
        let record = records.last().expect("a record");
        assert_eq!(
            record["kind"] == "decision",
            answer != "Unauthenticated",
            "{may}"
        );
        if answer == "subject_unverified" {
            assert!(record["attempt"]["subject"].is_null(), "nobody vouched");
            assert_eq!(record["attempt"]["agent"], "orchestrator");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_asks_only_about_its_tools_and_known_issuers() {
    let place = Place::new();
    let running = place.start_with(&place.config().replace(r#"["erp", "ghost"]"#, r#"["jira"]"#));
    let client = running.client().await;
    assert_eq!(ask(&client, get_order()).await, "unknown_tool");
    drop(running);

    let running = place.start();
    let client = running.client().await;
    let asserted = |change: fn(&mut stopgate_client::wire::AssertedSubject)| {
        request_with(|attempt| {
            if let Some(stopgate_client::wire::attempt::Subject::AssertedSubject(subject)) =
                &mut attempt.subject
            {
                change(subject);
            }
        })
    };
    for (request, answer) in [
        (
            asserted(|subject| subject.issuer = "https://sso.evil.example/".into()),
            "subject_unverified",
        ),
        (
            asserted(|subject| subject.issuer = "https://sso.acme.example".into()),
            "subject_unverified",
        ),
        (
            asserted(|subject| subject.groups = vec!["g".into(); 257]),
            "subject_unverified",
        ),
        (
            asserted(|subject| subject.groups = vec!["g".into(); 256]),
            "unknown_profile",
        ),
        (
            asserted(|subject| subject.groups = vec!["SG-SUPPORT".into()]),
            "unknown_profile",
        ),
        (
            asserted(|subject| subject.groups.clear()),
            "unknown_profile",
        ),
        (asserted(|subject| subject.id.clear()), "InvalidArgument"),
        (
            asserted(|subject| subject.id = "x".repeat(513)),
            "InvalidArgument",
        ),
    ] {
        assert_eq!(ask(&client, request).await, answer);
    }
}
