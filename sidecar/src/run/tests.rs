//! A part that panics ends the process: each is made to, by a fault at an event of its own.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use super::*;
use crate::config::Overrides;
use crate::exit;
use crate::follow::tests::{keep_released, released, root_file};
use crate::testing::{Heard, panic_at};

/// Longest time that a part may take to notice what was done.
const PATIENCE: Duration = Duration::from_secs(60);

/// Makes the folder of a sidecar: everything it needs, and one issuer without a key set.
fn place() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, bytes: Vec<u8>| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
    };
    write("root.dsse.json", root_file("2999-01-01T00:00:00Z"));
    write("prod.stopgate", released("policy.stopgate"));
    write("jwks.json", br#"{"keys": []}"#.to_vec());
    folder
}

fn config(folder: &Path) -> Config {
    let place = folder.display();
    let text = format!(
        "channel = \"dev\"\nstate_dir = \"{place}/state\"\n\
         [listen]\nsocket = \"{place}/socket\"\nmetrics = \"127.0.0.1:0\"\n\
         [policy]\nsource = \"file:{place}/prod.stopgate\"\nroot = \"{place}/root.dsse.json\"\npoll = \"50ms\"\n\
         [identity.\"https://sso.acme.example/\"]\njwks = \"{place}/jwks.json\"\n\
         [[callers]]\nuid = 1\nagent = \"a\"\ntools = []\nmay = []\n"
    );
    Config::parse("sidecar.toml", &text, &Overrides::default()).expect("valid")
}

#[tokio::test]
async fn t11_a_part_that_panics_ends_the_process() {
    for (part, event, removed) in [
        (
            "bundle",
            "bundle refused, the one before stays in force",
            "prod.stopgate",
        ),
        (
            "trust root",
            "trust root not as at the start, the one in force stays until the next start",
            "root.dsse.json",
        ),
        (
            "places",
            "nobody can say any more that this is ours",
            "socket",
        ),
        (
            "key sets",
            "issuer's keys refused, none of its tokens verifies",
            "jwks.json",
        ),
        ("health", "readiness changed", ""),
    ] {
        let folder = place();
        let put_aside = part == "health";
        let bundle = folder.path().join("prod.stopgate");
        if put_aside {
            fs::rename(&bundle, folder.path().join("aside")).expect("renamed");
        }
        let sidecar = Sidecar::start(config(folder.path()))
            .await
            .expect("it serves");
        let _faulty = panic_at(event);
        if put_aside {
            fs::rename(folder.path().join("aside"), &bundle).expect("renamed");
        } else {
            fs::remove_file(folder.path().join(removed)).expect("removed");
        }
        let running = tokio::time::timeout(PATIENCE, sidecar.run(std::future::pending()));
        let ended = running.await.expect("it ends");
        assert!(
            matches!(ended, Err(Failed::Part(named)) if named == part),
            "{part}: {ended:?}"
        );
        assert_eq!(
            exit::code(&ended),
            std::process::ExitCode::from(exit::FAILED)
        );
    }
}

/// What panics above goes on for as long as nothing does: the end is the fault's, not the change's.
#[tokio::test]
async fn without_a_fault_the_same_changes_end_nothing() {
    let folder = place();
    let sidecar = Sidecar::start(config(folder.path()))
        .await
        .expect("it serves");
    let metrics = sidecar.probes();
    for file in ["prod.stopgate", "root.dsse.json", "socket", "jwks.json"] {
        fs::remove_file(folder.path().join(file)).expect("removed");
    }
    let seen = async {
        let failed = |page: &str| {
            let looks = page
                .lines()
                .filter(|line| line.starts_with("stopgate_failed_looks{"));
            looks.filter(|line| !line.ends_with(" 0")).count()
        };
        while failed(&page(metrics).await) < 4 {}
    };
    let ended = tokio::time::timeout(PATIENCE, sidecar.run(seen)).await;
    assert!(matches!(ended, Ok(Ok(()))), "{ended:?}");
}

/// A log that is long takes a while to open: the root's date may come after the start has looked for what it stands on, and
/// before it serves.
#[tokio::test]
async fn a_start_that_outlasts_the_roots_date_looks_again_for_the_bundle_that_was_kept() {
    for kept in [true, false] {
        let folder = place();
        let root = root_file("2020-01-01T00:00:00Z");
        fs::write(folder.path().join("root.dsse.json"), &root).expect("written");
        let state = folder.path().join("state");
        fs::create_dir(&state).expect("a folder");
        keep_released(&state, &root);
        let config = config(folder.path());
        let found = Ground::find(&config).await.expect("a bundle is kept");
        assert!(found.last.is_some(), "the date is past");
        // What the same start would have found before the date.
        let before = Ground {
            last: None,
            ..found
        };
        if !kept {
            fs::remove_file(state.join("verified.json")).expect("removed");
        }
        let audit = AuditLog::discarding(Options::new("tests")).expect("a log");
        let heard = Heard::begin();
        let started = Sidecar::start_on(before, config, audit).await;
        if kept {
            let sidecar = started.expect("it serves");
            let said = "trust root expired: started with the bundle that was verified last";
            assert_eq!(heard.take(said).len(), 1);
            let serving = heard.take("serving");
            assert!(
                matches!(serving.as_slice(), [line] if line.contains("readiness=\"ready\"")),
                "{serving:?}"
            );
            let ended = sidecar.run(std::future::ready(())).await;
            assert!(ended.is_ok(), "{ended:?}");
        } else {
            assert!(
                matches!(started, Err(StartError::Expired { .. })),
                "{started:?}"
            );
            assert!(!folder.path().join("socket").exists());
        }
    }
}

async fn page(probes: SocketAddr) -> String {
    let asked = tokio::task::spawn_blocking(move || {
        let mut stream = std::net::TcpStream::connect(probes)?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n")?;
        io::read_to_string(stream)
    });
    asked.await.expect("no panic").expect("a page")
}
