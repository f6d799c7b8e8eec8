//! What is counted is on the page, in the format that is scraped.

use stopgate_decide::decide::{Reason, Rejection};

use crate::source::SourceName;

use super::*;

fn page(metrics: &Metrics) -> String {
    let room = Room {
        free: 1000,
        size: 9000,
    };
    page_with(metrics, Some(room))
}

fn page_with(metrics: &Metrics, log_room: Option<Room>) -> String {
    metrics.render(&Gauges {
        bundle: true,
        rules: 3,
        failures: 0,
        log_writable: true,
        unrecorded: 0,
        ready: true,
        failing_issuers: 0,
        connections: 1,
        log_room,
    })
}

fn unknown_tool() -> Outcome {
    Outcome::Reject(Rejection::new(Reason::UnknownTool, ""))
}

#[test]
fn t41_names_of_callers_make_no_series() {
    let metrics = Metrics::default();
    let tool = ToolName::new("erp").expect("a name");
    metrics.learn([&tool]);
    metrics.answered("erp", &unknown_tool(), Duration::ZERO);
    metrics.answered("x", &unknown_tool(), Duration::ZERO);
    let series = page(&metrics).lines().count();
    for number in 0..100_000_u32 {
        metrics.answered(
            &format!("tool-{number}"),
            &unknown_tool(),
            Duration::from_micros(u64::from(number)),
        );
    }
    let after = page(&metrics);
    assert_eq!(after.lines().count(), series);
    let others =
        "stopgate_answers_total{tool=\"other\",answer=\"reject\",reason=\"unknown_tool\"} 100001";
    assert!(after.contains(others), "{after}");
}

#[test]
fn t41_tools_of_the_policy_are_bounded_too() {
    let metrics = Metrics::default();
    let tools: Vec<_> = (0..10_000)
        .map(|n| ToolName::new(&format!("tool-{n}")).expect("a name"))
        .collect();
    metrics.learn(&tools);
    for tool in &tools {
        for reason in Reason::ALL {
            let outcome = Outcome::Reject(Rejection::new(reason, ""));
            metrics.answered(tool.as_str(), &outcome, Duration::ZERO);
            drop(metrics.waiting(tool.as_str(), &outcome));
        }
    }
    assert!(page(&metrics).lines().count() < 4_000);
}

#[test]
fn each_source_has_its_series_from_the_beginning_and_a_root_its_date() {
    let metrics = Metrics::default();
    let at = |seconds| jiff::Timestamp::from_second(seconds).expect("a time");
    let odd = SourceName::KeySet("https://a.example/\"\\".to_owned());
    for source in [SourceName::Bundle, SourceName::Root, odd.clone()] {
        metrics.sources.expect(source);
    }
    metrics.sources.failed(&SourceName::Bundle);
    metrics.sources.succeeded(&SourceName::Bundle, at(77));
    metrics.sources.failed(&odd);
    metrics.sources.failed(&odd);
    metrics.sources.unusable(&odd, 3);
    metrics.sources.root_expires(at(99), true);
    let page = page(&metrics);
    let issuer = r#"issuer="https://a.example/\"\\""#;
    for line in [
        r#"stopgate_last_successful_look_timestamp_seconds{source="bundle",issuer=""} 77"#,
        r#"stopgate_last_successful_look_timestamp_seconds{source="root",issuer=""} 0"#,
        r#"stopgate_failed_looks{source="bundle",issuer=""} 0"#,
        &format!(r#"stopgate_failed_looks{{source="key_set",{issuer}}} 2"#),
        &format!(r#"stopgate_unusable_keys{{source="key_set",{issuer}}} 3"#),
        "stopgate_root_expires_timestamp_seconds 99",
        "stopgate_root_expires_soon 1",
        "stopgate_bundle_kept 0",
    ] {
        assert!(page.lines().any(|found| found == line), "{line} in\n{page}");
    }
}

#[test]
fn buckets_are_cumulative() {
    let metrics = Metrics::default();
    for micros in [1, 7, 7, 1_000_000] {
        metrics.decided(Duration::from_micros(micros));
    }
    let page = page(&metrics);
    for line in [
        "stopgate_decide_seconds_bucket{le=\"0.000005\"} 1",
        "stopgate_decide_seconds_bucket{le=\"0.00001\"} 3",
        "stopgate_decide_seconds_bucket{le=\"0.25\"} 3",
        "stopgate_decide_seconds_bucket{le=\"+Inf\"} 4",
        "stopgate_decide_seconds_count 4",
    ] {
        assert!(page.lines().any(|found| found == line), "{line} in\n{page}");
    }
}

#[test]
fn who_leaves_is_no_answer_and_who_stays_has_not_left() {
    let metrics = Metrics::default();
    let tool = ToolName::new("erp").expect("a name");
    metrics.learn([&tool]);
    drop(metrics.waiting("erp", &unknown_tool()));
    metrics.waiting("erp", &unknown_tool()).over();
    metrics.answered("erp", &unknown_tool(), Duration::ZERO);
    let page = page(&metrics);
    let labels = "{tool=\"erp\",answer=\"reject\",reason=\"unknown_tool\"}";
    for line in [
        format!("stopgate_answers_total{labels} 1"),
        format!("stopgate_callers_left_total{labels} 1"),
        "stopgate_answer_seconds_count 1".to_owned(),
    ] {
        assert!(page.lines().any(|found| found == line), "{line} in\n{page}");
    }
}

#[test]
fn t36_the_page_says_how_much_room_the_disk_of_the_log_has_and_whether_that_is_little() {
    let page = |free| {
        let size = 1 << 30;
        page_with(&Metrics::default(), Some(Room { free, size }))
    };
    for (free, low) in [(1 << 29, 0), ((1 << 27) - 1, 1), (0, 1)] {
        let page = page(free);
        for line in [
            format!("stopgate_log_disk_free_bytes {free}"),
            "stopgate_log_disk_size_bytes 1073741824".to_owned(),
            format!("stopgate_log_disk_low {low}"),
        ] {
            assert!(page.lines().any(|found| found == line), "{line} in\n{page}");
        }
    }
    let unknown = page_with(&Metrics::default(), None);
    assert!(!unknown.contains("stopgate_log_disk"), "nobody has looked");
}
