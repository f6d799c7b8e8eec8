//! Bundles as files: built alike by every process, worthless with one byte changed, swapped whole under load.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use stopgate_client::{Client, Verdict};
use stopgate_decide::bundle::{Bundle, TrustRoot};
use stopgate_tests::ask::{order, word};
use stopgate_tests::sidecar::{PATIENCE, Sidecar};
use stopgate_tests::stage::{Hours, Stage, said};

/// Swaps of the bundle under load.
const SWAPS: usize = 20;
const CALLERS: usize = 4;

fn stage() -> Stage {
    Stage::new("dev", Hours::Business).expect("a stage")
}

#[test]
fn i6_every_process_builds_the_same_bytes_and_gives_the_same_explanation() {
    let stage = stage();
    let built = fs::read(stage.bundle()).expect("a bundle");
    let explain = || {
        let input = r#"{"order_id":"A-1001","amount_cents":50001,"currency":"EUR"}"#;
        let output = stage.stopgate([
            "explain",
            "policies",
            "--tool=erp",
            "--operation=create_refund",
            "--profile=support-analyst,finance",
            // Whatever depends on the moment is given, so that two explanations can be the same.
            "--now=2026-11-24T20:00:00Z",
            "--format=json",
            "--input",
            input,
        ]);
        let output = output.expect("it runs");
        assert!(output.status.success(), "{}", said(&output));
        output.stdout
    };
    let explained = explain();
    // Each in a process of its own, with hash maps in another order.
    for _ in 0..5 {
        stage.publish().expect("it builds");
        assert!(
            fs::read(stage.bundle()).expect("a bundle") == built,
            "another build has other bytes"
        );
        assert_eq!(explain(), explained);
    }
}

#[test]
fn t9_no_byte_of_a_bundle_can_be_changed_cut_or_added() {
    let stage = stage();
    let root = fs::read(stage.root()).expect("a root");
    let root = TrustRoot::open(&root, Timestamp::now()).expect("it is trusted");
    let bytes = fs::read(stage.bundle()).expect("a bundle");
    assert!(Bundle::open(&bytes, &root).is_ok());
    let refused = |bytes: &[u8]| Bundle::open(bytes, &root).is_err();
    let half = bytes.len() / 2;
    std::thread::scope(|scope| {
        // In two threads, since every single byte has the whole bundle opened again.
        for part in [0..half, half..bytes.len()] {
            let (mut bytes, refused) = (bytes.clone(), &refused);
            scope.spawn(move || {
                for at in part {
                    // Another bit at each place, and the last bit is not the only one that counts.
                    bytes[at] ^= 1 << (at % 8);
                    assert!(refused(&bytes), "a bit of byte {at} is flipped");
                    bytes[at] ^= 1 << (at % 8);
                }
            });
        }
    });
    // 97 is no multiple of a block, so cuts fall everywhere in headers and contents.
    for length in (0..bytes.len()).step_by(97) {
        assert!(refused(&bytes[..length]), "cut at {length}");
    }
    // The archive ends with blocks of zeros, so more of these is the likeliest thing to pass.
    for more in [vec![0], vec![0; 512], bytes.clone()] {
        assert!(
            refused(&[bytes.as_slice(), &more].concat()),
            "{} bytes more",
            more.len()
        );
    }
}

#[test]
fn t46_more_rules_than_can_meet_in_time_do_not_build() {
    let stage = stage();
    let mut rules =
        String::from("stopgate: 1\ntool: erp\nowner: tests\nreview_by: 2099-01-01\nrules:\n");
    // One more than may meet in one cell.
    for number in 0..65 {
        let _always_fits = writeln!(
            rules,
            "  - {{id: r{number}, operations: [get_order], profiles: [support], risk: low, approval: automatic}}"
        );
    }
    fs::write(stage.policies().join("rules/erp.yaml"), rules).expect("written");
    let output = stage
        .stopgate(["build", "policies", "-o", "too-many.stopgate"])
        .expect("it runs");
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(
        said(&output).contains("too-many-rules"),
        "{}",
        said(&output)
    );
    assert!(!stage.path("too-many.stopgate").exists());
}

/// What each answer was, by the bundle that explains it.
type Answers = Arc<Mutex<BTreeMap<String, BTreeMap<String, usize>>>>;

async fn ask_until(client: Client, ended: Arc<AtomicBool>, answers: Answers) {
    while !ended.load(Ordering::Relaxed) {
        let verdict = client.decide(order("swap"), PATIENCE).await;
        let bundle = match &verdict {
            Verdict::Permit(permit) => permit.explanation().bundle_digest.clone(),
            Verdict::No(stopgate_client::No::Rejected { explanation, .. }) => {
                explanation.bundle_digest.clone()
            }
            Verdict::Route(_) | Verdict::No(_) => panic!("{}", word(&verdict)),
        };
        let mut answers = answers.lock().expect("not poisoned");
        *answers
            .entry(bundle)
            .or_default()
            .entry(word(&verdict))
            .or_default() += 1;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i17_each_answer_is_explained_by_the_one_bundle_it_names() {
    let stage = stage();
    // Two bundles that answer differently, so an answer shows which of them made it.
    let reading = fs::read(stage.bundle()).expect("a bundle");
    let guardrails = stage.policies().join("rules/guardrails.cedar");
    let mut text = fs::read_to_string(&guardrails).expect("guardrails");
    text.push_str(
        r#"
@id("no-reading") @owner("tests") @review_by("2099-01-01")
forbid (principal, action == Stopgate::Action::"erp/get_order", resource);
"#,
    );
    fs::write(guardrails, text).expect("written");
    stage.publish().expect("it builds");
    let not_reading = fs::read(stage.bundle()).expect("a bundle");

    let mut sidecar = Sidecar::start(&stage).await.expect("a sidecar");
    let (ended, answers) = (Arc::new(AtomicBool::new(false)), Answers::default());
    let mut callers = Vec::new();
    for _ in 0..CALLERS {
        let client = sidecar.client().await.expect("a connection");
        callers.push(tokio::spawn(ask_until(
            client,
            Arc::clone(&ended),
            Arc::clone(&answers),
        )));
    }
    let watch = sidecar.client().await.expect("a connection");
    // The next one only when this one is in force, or swaps could be left out.
    for bytes in [&reading, &not_reading].into_iter().cycle().take(SWAPS) {
        let before = watch
            .status(PATIENCE)
            .await
            .expect("a status")
            .bundle_digest;
        stage.publish_bytes(bytes).expect("written");
        let swapped = async |_: &Sidecar<'_>| {
            let status = watch.status(PATIENCE).await;
            status.is_ok_and(|status| status.bundle_digest != before)
        };
        sidecar
            .until("the bundle is swapped", swapped)
            .await
            .expect("swapped");
    }
    ended.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.expect("an answer each time");
    }
    let answers = answers.lock().expect("not poisoned");
    let words: Vec<Vec<&str>> = answers
        .values()
        .map(|by_word| by_word.keys().map(String::as_str).collect())
        .collect();
    assert_eq!(words.len(), 2, "{answers:?}");
    assert!(
        words.contains(&vec!["permit"]) && words.contains(&vec!["reject: forbidden"]),
        "{answers:?}"
    );
}
