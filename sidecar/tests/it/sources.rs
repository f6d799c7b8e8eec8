//! T9, T11, T12, T70: the files that decisions rest on, when they never end, are huge, another's, or anybody's to
//! replace; and what is still there after the trust root's date.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use stopgate_client::{Client, wire};

use crate::support::{
    ISSUER, Key, PATIENCE, Place, Policy, Running, ask, eventually, get_order, mounted, wait,
};
use crate::tokens::{Provider, get_order_of};

const OTHER: &str = "https://login.acme.example/";

/// A caller that may do everything, two issuers, and nothing that anybody else could replace.
fn config(place: &Place) -> String {
    let path = |name: &str| place.path(name).display().to_string();
    format!(
        "{}[identity.\"{ISSUER}\"]\njwks = \"{}\"\n[identity.\"{OTHER}\"]\njwks = \"{}\"\n",
        place.config(),
        path("jwks.json"),
        path("login.json")
    )
}

fn pipe(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("a pipe");
}

async fn status(client: &Client) -> wire::GetStatusResponse {
    client.status(PATIENCE).await.expect("a status")
}

pub(crate) async fn until(
    client: &Client,
    what: &str,
    holds: impl Fn(&wire::GetStatusResponse) -> bool,
) -> wire::GetStatusResponse {
    let begun = std::time::Instant::now();
    loop {
        let now = status(client).await;
        if holds(&now) {
            return now;
        }
        assert!(begun.elapsed() < PATIENCE, "never: {what}: {now:?}");
    }
}

/// Failures in a row of each source, by its kind and issuer.
fn failures(status: &wire::GetStatusResponse) -> Vec<(&'static str, &str, bool)> {
    let sources = status.sources.iter();
    sources
        .map(|it| {
            let kind = it.kind().as_str_name();
            let kind = kind.trim_start_matches("SOURCE_KIND_");
            (kind, it.issuer.as_str(), it.consecutive_failures > 0)
        })
        .collect()
}

fn series(metric: &str, kind: &str, issuer: &str) -> String {
    format!("{metric}{{source=\"{kind}\",issuer=\"{issuer}\"}}")
}

#[tokio::test(flavor = "multi_thread")]
async fn t11_a_pipe_in_place_of_any_source_is_seen_and_the_others_go_on() {
    let (place, provider) = (Place::new(), Provider::new("k1"));
    for file in ["jwks.json", "login.json"] {
        fs::write(place.path(file), provider.jwks()).expect("a key set");
    }
    let running = place.start_with(&config(&place));
    let client = running.client().await;
    let all = [
        ("BUNDLE", "bundle", "", "prod.stopgate"),
        ("ROOT", "root", "", "root.dsse.json"),
        ("KEY_SET", "key_set", OTHER, "login.json"),
        ("KEY_SET", "key_set", ISSUER, "jwks.json"),
    ];
    let expected = |failing: Option<&str>| {
        let looked_at = all.map(|(wire, _, issuer, file)| (wire, issuer, Some(file) == failing));
        let guarded = ["SOCKET", "STATE_DIR", "CONFIGURATION", "STOPS"];
        let guarded = guarded.map(|name| (name, "", false));
        [looked_at.as_slice(), guarded.as_slice()].concat()
    };
    assert_eq!(failures(&status(&client).await), expected(None));
    let token = provider.token(serde_json::json!({}));
    for (_, kind, issuer, file) in all {
        let (path, aside) = (place.path(file), place.path("aside"));
        fs::rename(&path, &aside).expect("renamed");
        pipe(&path);
        let now = until(&client, "the pipe is seen", |now| {
            failures(now) == expected(Some(file))
        })
        .await;
        assert!(now.sources.iter().all(|it| it.last_success_time.is_some()));
        assert!(running.metric(&series("stopgate_failed_looks", kind, issuer)) >= 1.0);
        let problem = format!("{} is a pipe, not a regular file", path.display());
        eventually("it is told", || running.events().contains(&problem));

        // Every other source is looked at as before: each takes a change.
        let before = status(&client).await;
        if file != "prod.stopgate" {
            let policy = Policy::base().with(
                "rules/erp.yaml",
                "review_by: 2027-03-31",
                if file == "root.dsse.json" {
                    "review_by: 2027-04-01"
                } else if file == "login.json" {
                    "review_by: 2027-04-02"
                } else {
                    "review_by: 2027-04-03"
                },
            );
            place.publish(&policy.build(&place.key));
            until(&client, "the bundle is swapped", |now| {
                now.bundle_digest != before.bundle_digest
            })
            .await;
        }
        if file != "jwks.json" {
            let rotated = Provider::new("k1");
            fs::write(place.path("next"), rotated.jwks()).expect("a key set");
            fs::rename(place.path("next"), place.path("jwks.json")).expect("renamed");
            let revoked = async || ask(&client, get_order_of(&token)).await == "subject_unverified";
            let begun = std::time::Instant::now();
            while !revoked().await {
                assert!(begun.elapsed() < PATIENCE, "the key is still believed");
            }
            fs::write(place.path("next"), provider.jwks()).expect("a key set");
            fs::rename(place.path("next"), place.path("jwks.json")).expect("renamed");
            let begun = std::time::Instant::now();
            while ask(&client, get_order_of(&token)).await != "permit" {
                assert!(begun.elapsed() < PATIENCE, "the key is not believed");
            }
        }
        assert_eq!(ask(&client, get_order()).await, "permit");
        if file != "prod.stopgate" {
            fs::rename(&aside, &path).expect("renamed");
        } else {
            place.publish(&fs::read(&aside).expect("a bundle"));
        }
        until(&client, "it is well again", |now| {
            failures(now) == expected(None)
        })
        .await;
    }
}

/// Everything that was said, at a start that comes to nothing.
fn refused_start(place: &Place, config: &str) -> (Option<i32>, String) {
    let mut child = place.spawn(config);
    let code = wait(&mut child).code();
    let mut said = String::new();
    let mut stderr = child.stderr.take().expect("a pipe");
    std::io::Read::read_to_string(&mut stderr, &mut said).expect("text");
    (code, said)
}

#[tokio::test(flavor = "multi_thread")]
async fn t11_after_the_roots_date_the_bundle_verified_last_is_started_with_and_no_other() {
    let place = Place::new();
    // Long enough for one start, short enough to wait for.
    let expires = Timestamp::now() + SignedDuration::from_secs(8);
    fs::write(
        place.path("root.dsse.json"),
        place.key.root(&expires.to_string()),
    )
    .expect("a root");
    let (config, good) = (place.config(), place.path("prod.stopgate"));
    let before = {
        let running = place.start();
        let client = running.client().await;
        let before = until(&client, "a bundle is in force", |now| {
            !now.bundle_digest.is_empty()
        })
        .await;
        eventually("it is kept", || {
            running.metric("stopgate_bundle_kept") > 0.0
        });
        assert!(running.metric("stopgate_root_expires_soon") > 0.0);
        eventually("it is told", || {
            running.event("trust root expires soon").is_some()
        });
        let at = before.root_expire_time.expect("a date");
        assert_eq!(at.seconds, expires.as_second());
        let zone_data = stopgate_decide::calendar::zone_data();
        assert_eq!(before.zone_data, zone_data);
        assert_eq!(before.bundle_zone_data, zone_data);
        until(&client, "the root expires", |now| {
            now.bundle_refusal() == wire::BundleRefusal::Expired
        })
        .await;
        assert_eq!(ask(&client, get_order()).await, "permit");
        before.bundle_digest
    };

    // Another bundle lies there, and even the old one is not taken from there.
    let kept = fs::read(&good).expect("a bundle");
    let changed = Policy::base().with(
        "rules/erp.yaml",
        "profiles: [support, finance]",
        "profiles: [finance]",
    );
    place.publish(&changed.build(&place.key));
    {
        let running = place.start();
        let client = running.client().await;
        let now = until(&client, "a look has failed", |now| {
            now.consecutive_failures > 2
        })
        .await;
        assert_eq!(now.bundle_digest, before);
        assert_eq!(now.bundle_refusal(), wire::BundleRefusal::Expired);
        assert_eq!(ask(&client, get_order()).await, "permit");
        let said =
            "trust root expired: started with the bundle that was verified last, no other is taken";
        eventually("it is told", || running.event(said).is_some());
        assert_eq!(running.event(said).expect("an event")["digest"], before);
    }

    // Whatever is wrong with what was kept, there is nothing to start with.
    let state = place.path("state");
    let file = fs::read_dir(&state)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .find(|path| path.extension().is_some_and(|end| end == "stopgate"));
    let file = file.expect("a bundle");
    assert!(fs::read(&file).expect("a bundle") == kept, "byte for byte");
    let note = fs::read_to_string(state.join("verified.json")).expect("a note");
    let mut flipped = kept.clone();
    let at = flipped
        .windows(8)
        .position(|window| window == b"treasury")
        .expect("it is there");
    flipped[at] ^= 1;
    let other = Policy::base().build(&Key::new("k1"));
    let root = fs::read_to_string(place.path("root.dsse.json")).expect("a root");
    let another = place.key.root("2020-01-01T00:00:00Z");
    for (what, bundle, note, root) in [
        ("a bit", flipped.as_slice(), note.as_str(), root.as_bytes()),
        ("another publisher", &other, &note, root.as_bytes()),
        ("no note", &kept, "", root.as_bytes()),
        (
            "another digest",
            &kept,
            &note.replace("\"bundle\":\"sha256:", "\"bundle\":\"sha256:0"),
            root.as_bytes(),
        ),
        ("another root", &kept, &note, &another),
    ] {
        fs::write(&file, bundle).expect("written");
        fs::write(state.join("verified.json"), note).expect("written");
        fs::write(place.path("root.dsse.json"), root).expect("written");
        let (code, said) = refused_start(&place, &config);
        assert_eq!(code, Some(1), "{what}: {said}");
        assert!(
            said.contains("there is no bundle that was verified before"),
            "{what}: {said}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t12_a_bundle_of_another_organisation_is_refused_whoever_signed_it() {
    let place = Place::new();
    let named = |name: &str| {
        place.config().replace(
            "channel =",
            &format!("organisation = \"{name}\"\nchannel ="),
        )
    };
    let running = place.start_with(&named("acme-bank"));
    let client = running.client().await;
    assert_eq!(ask(&client, get_order()).await, "permit");
    let before = status(&client).await.bundle_digest;
    let other = Policy::base().with(
        "stopgate.yaml",
        "organisation: acme-bank",
        "organisation: other-bank",
    );
    place.publish(&other.build(&place.key));
    let now = until(&client, "it is refused", |now| {
        now.bundle_refusal() == wire::BundleRefusal::Organisation
    })
    .await;
    assert_eq!(now.bundle_digest, before);
    assert_eq!(ask(&client, get_order()).await, "permit");
    drop(running);
    let running = place.start_with(&named("acme-bank"));
    let client = running.client().await;
    assert_eq!(ask(&client, get_order()).await, "Unavailable");
    let said = "bundle refused, none is in force";
    eventually("it is told", || running.event(said).is_some());
    assert_eq!(
        running.event(said).expect("an event")["reason"],
        "organisation"
    );
}

/// Peak of the memory of a process, in bytes.
fn peak(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).expect("a status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kilobytes: u64 = kilobytes
        .and_then(|text| text.parse().ok())
        .expect("a number");
    kilobytes * 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn t9_no_file_costs_more_memory_than_a_good_bundle_and_a_little() {
    let place = Place::new();
    // As long a file as can be configured: the default would refuse these by their length alone.
    let config = place.config();
    let largest = config.replace("poll =", "max_bytes = \"256MiB\"\npoll =");
    let running = place.start_with(&largest);
    let client = running.client().await;
    let good = status(&client).await.bundle_digest;
    assert!(!good.is_empty());
    let before = peak(running.id());
    let long = 250 << 20;
    let bundle = fs::read(place.path("prod.stopgate")).expect("a bundle");
    // A header that is right for what follows: only its size is another.
    let header = |name: &str, size: u64| {
        let mut header = vec![0; 512];
        let mut put =
            |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
        put(0, name);
        put(100, "0000644\0");
        put(108, "0000000\0");
        put(116, "0000000\0");
        put(124, &format!("{size:011o}\0"));
        put(136, "00000000000\0");
        put(148, "        ");
        put(156, "0");
        put(257, "ustar\u{0}00");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:07o}\0").as_bytes());
        header
    };
    let manifest = header("manifest.json", (8 << 20) - 1024);
    let rest = u64::try_from(long - (8 << 20) - 2048).expect("a size");
    let unsigned = |path: &Path| {
        use std::os::unix::fs::FileExt as _;
        let file = fs::File::options().write(true).open(path).expect("a file");
        let write = |bytes: &[u8], at: u64| file.write_all_at(bytes, at).expect("written");
        write(&manifest, 0);
        write(&header("slices/x", rest), (8 << 20) - 512);
    };
    let appended = |path: &Path| fs::write(path, &bundle).expect("written");
    for (what, fill) in [
        ("zeros", &(|_: &Path| {}) as &dyn Fn(&Path)),
        ("an unsigned manifest", &unsigned),
        ("a good one with zeros after it", &appended),
    ] {
        let fresh = place.path("next");
        fs::File::create(&fresh).expect("a file");
        fill(&fresh);
        let file = fs::File::options()
            .write(true)
            .open(&fresh)
            .expect("a file");
        file.set_len(u64::try_from(long).expect("a size"))
            .expect("a length");
        fs::rename(&fresh, place.path("prod.stopgate")).expect("renamed");
        let now = until(&client, what, |now| {
            now.bundle_refusal() == wire::BundleRefusal::Format && now.consecutive_failures > 3
        })
        .await;
        assert_eq!(now.bundle_digest, good);
        place.publish(&bundle);
        until(&client, "the good one is back", |now| {
            now.consecutive_failures == 0
        })
        .await;
    }
    let grown = peak(running.id()).saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes more");
    drop(running);

    let running = place.start_with(&config);
    let client = running.client().await;
    fs::File::create(place.path("next"))
        .and_then(|file| file.set_len(1 << 30))
        .expect("a file");
    fs::rename(place.path("next"), place.path("prod.stopgate")).expect("renamed");
    until(&client, "it is too long", |now| {
        now.bundle_refusal() == wire::BundleRefusal::TooLong
    })
    .await;
}

fn set(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
}

#[test]
fn t70_nothing_starts_on_what_somebody_else_could_replace() {
    let (place, provider) = (Place::new(), Provider::new("k1"));
    for folder in ["config", "keys", "trust", "bundles", "sockets"] {
        fs::create_dir(place.path(folder)).expect("a folder");
    }
    fs::write(place.path("keys/jwks.json"), provider.jwks()).expect("a key set");
    fs::rename(
        place.path("root.dsse.json"),
        place.path("trust/root.dsse.json"),
    )
    .expect("moved");
    fs::rename(
        place.path("prod.stopgate"),
        place.path("bundles/prod.stopgate"),
    )
    .expect("moved");
    fs::create_dir(place.path("state")).expect("a folder");
    let config = place
        .config_for_tokens()
        .replace("/jwks.json", "/keys/jwks.json")
        .replace("/root.dsse.json", "/trust/root.dsse.json")
        .replace("/prod.stopgate", "/bundles/prod.stopgate")
        .replace("/sidecar.sock", "/sockets/sidecar.sock");
    for (open, mode, back) in [
        ("keys", 0o777, 0o755),
        ("keys/jwks.json", 0o666, 0o644),
        ("trust", 0o773, 0o755),
        ("trust/root.dsse.json", 0o646, 0o644),
        ("bundles", 0o777, 0o755),
        ("bundles/prod.stopgate", 0o622, 0o644),
        ("sockets", 0o777, 0o755),
        ("state", 0o1777, 0o700),
        ("sidecar.toml", 0o666, 0o644),
        ("", 0o777, 0o700),
    ] {
        fs::write(place.path("sidecar.toml"), &config).expect("a configuration");
        set(&place.path(open), mode);
        let (code, said) = refused_start(&place, &config);
        assert_eq!(code, Some(2), "{open}: {said}");
        let event = said
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .find(|event| event["fields"]["message"] == "may_be_replaced")
            .unwrap_or_else(|| panic!("{open}: {said}"));
        let path = place.path(open).display().to_string();
        assert_eq!(
            event["fields"]["path"],
            path.trim_end_matches('/'),
            "{said}"
        );
        assert_eq!(event["fields"]["by"], "everybody", "{said}");
        let mend = format!("`chmod go-w {}`", path.trim_end_matches('/'));
        assert_eq!(event["fields"]["mend"], mend, "{said}");
        assert!(!place.path("state/log").exists(), "nothing was opened");
        set(&place.path(open), back);
    }
    let running = place.start_with(&config);
    assert!(running.event("serving").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn t70_what_becomes_replaceable_is_not_read_and_what_is_in_force_stays() {
    let (place, provider) = (Place::new(), Provider::new("k1"));
    fs::create_dir(place.path("keys")).expect("a folder");
    fs::create_dir(place.path("bundles")).expect("a folder");
    fs::create_dir(place.path("sockets")).expect("a folder");
    fs::write(place.path("keys/jwks.json"), provider.jwks()).expect("a key set");
    fs::rename(
        place.path("prod.stopgate"),
        place.path("bundles/prod.stopgate"),
    )
    .expect("moved");
    let config = place
        .config_for_tokens()
        .replace("/jwks.json", "/keys/jwks.json")
        .replace("/sidecar.sock", "/sockets/sidecar.sock")
        .replace("/prod.stopgate", "/bundles/prod.stopgate");
    let running = place.watch(place.spawn(&config));
    eventually("it serves", || running.event("serving").is_some());
    let socket = place.path("sockets/sidecar.sock");
    let client = Client::connect(&socket).await.expect("a connection");
    let token = provider.token(serde_json::json!({}));
    assert_eq!(ask(&client, get_order_of(&token)).await, "permit");
    for folder in ["keys", "bundles", "sockets", "state"] {
        set(&place.path(folder), 0o777);
    }
    // What is put there now is somebody's.
    let stranger = Provider::new("k1");
    fs::write(place.path("keys/jwks.json"), stranger.jwks()).expect("a key set");
    let now = until(&client, "all are told", |now| {
        let failing = failures(now).into_iter().filter(|(_, _, failing)| *failing);
        let failing: Vec<_> = failing.map(|(kind, _, _)| kind).collect();
        failing == ["BUNDLE", "KEY_SET", "SOCKET", "STATE_DIR"]
    })
    .await;
    assert_eq!(now.bundle_refusal(), wire::BundleRefusal::MayBeReplaced);
    eventually("it is told", || running.event("may_be_replaced").is_some());
    assert_eq!(ask(&client, get_order_of(&token)).await, "permit");
    let forged = stranger.token(serde_json::json!({}));
    assert_eq!(
        ask(&client, get_order_of(&forged)).await,
        "subject_unverified"
    );
}

/// As Kubernetes mounts what a ConfigMap holds: links through `..data` in a folder that everybody may write, on a mount
/// that nobody here can. Only root can mount.
#[test]
fn t70_links_on_a_mount_that_is_read_only_pass_whatever_its_modes_say() {
    let place = Place::new();
    let mount = place.path("mounted");
    fs::create_dir_all(mount.join("..2026_11_30")).expect("folders");
    for file in ["root.dsse.json", "prod.stopgate"] {
        fs::rename(place.path(file), mount.join("..2026_11_30").join(file)).expect("moved");
        std::os::unix::fs::symlink(format!("..data/{file}"), mount.join(file)).expect("a link");
    }
    std::os::unix::fs::symlink("..2026_11_30", mount.join("..data")).expect("a link");
    for folder in [mount.clone(), mount.join("..2026_11_30")] {
        set(&folder, 0o777);
    }
    if rustix::process::geteuid().is_root() {
        for given in ["..2026_11_30/prod.stopgate", "..data"] {
            std::os::unix::fs::lchown(mount.join(given), Some(1000), None).expect("given away");
        }
    }
    let config = place
        .config()
        .replace("/root.dsse.json", "/mounted/root.dsse.json")
        .replace("/prod.stopgate", "/mounted/prod.stopgate");
    let (code, said) = refused_start(&place, &config);
    assert_eq!(code, Some(2), "{said}");

    let path = mount.display();
    let script = format!("mount --bind {path} {path} && mount -o remount,bind,ro {path}");
    let sidecar = env!("CARGO_BIN_EXE_stopgate-sidecar");
    let config = place.path("sidecar.toml").display().to_string();
    let Some(mut command) = mounted(&script, &[sidecar, "--config", &config]) else {
        return;
    };
    let child = command.spawn().expect("a process");
    let running: Running = place.watch(child);
    eventually("it serves", || running.event("serving").is_some());
    assert_eq!(
        running.event("serving").expect("an event")["readiness"],
        "ready"
    );
}

/// Nobody can replace what is not there, and nobody can connect to it either.
#[test]
fn a_socket_that_is_gone_is_a_failed_look() {
    let place = Place::new();
    let running = place.start_with(&config(&place));
    fs::remove_file(&running.socket).expect("removed");
    let failed = series("stopgate_failed_looks", "socket", "");
    eventually("the look fails", || running.metric(&failed) >= 1.0);
    eventually("it is told", || running.events().contains("is gone"));
}

#[test]
fn t11_a_kept_bundle_that_somebody_removes_is_kept_again() {
    let place = Place::new();
    let running = place.start();
    let kept = || {
        let files = fs::read_dir(place.path("state")).expect("a folder");
        let files = files.map(|file| file.expect("a file").path());
        let is_kept = |path: &std::path::PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.starts_with("verified.") && !name.ends_with(".new"))
        };
        files.filter(is_kept).collect::<Vec<_>>()
    };
    let is_kept = || running.metric("stopgate_bundle_kept") > 0.0;
    eventually("it is kept", || kept().len() == 2 && is_kept());
    // The source has another file by now: what is kept is the one in force.
    fs::remove_file(place.path("prod.stopgate")).expect("removed");
    let good = kept();
    for file in &good {
        fs::remove_file(file).expect("removed");
    }
    let said = "bundle kept for a start after the trust root's date was removed or changed, it is written again";
    eventually("it is told", || running.event(said).is_some());
    eventually("it is kept again", || {
        let mut now = kept();
        now.sort();
        let mut good = good.clone();
        good.sort();
        now == good && is_kept()
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_no_bundle_knows_is_told_once_for_each_bundle() {
    let place = Place::new();
    let running = place.start_with(&config(&place));
    let client = running.client().await;
    let said =
        "the bundle does not name these issuers of `[identity]`, none of their tokens verifies";
    let told = || running.events().matches(said).count();
    assert_eq!(told(), 1, "{}", running.events());
    let line = running.events();
    let line = line
        .lines()
        .find(|line| line.contains(said))
        .expect("a line");
    assert!(line.contains(OTHER) && !line.contains(ISSUER), "{line}");
    for (at, day) in [(2, "2027-04-01"), (3, "2027-04-02")] {
        let before = status(&client).await;
        let policy = Policy::base().with("rules/erp.yaml", "2027-03-31", day);
        place.publish(&policy.build(&place.key));
        until(&client, "the bundle is swapped", |now| {
            now.bundle_digest != before.bundle_digest
        })
        .await;
        eventually("it is told", || told() == at);
    }
    // Looks that find the same one say nothing.
    let looked = status(&client).await.sources[0].last_success_time;
    until(&client, "it is looked at again", |now| {
        now.sources[0].last_success_time != looked
    })
    .await;
    assert_eq!(told(), 3);
    let known = Policy::base().with(
        "stopgate.yaml",
        "channels:",
        &format!("  - issuer: {OTHER}\n    audience: stopgate\nchannels:"),
    );
    let before = status(&client).await;
    place.publish(&known.build(&place.key));
    until(&client, "the bundle is swapped", |now| {
        now.bundle_digest != before.bundle_digest
    })
    .await;
    assert_eq!(told(), 3, "it is known now");
}

/// What is missing is looked for before anything is made, and what is said mends it.
#[test]
fn a_start_that_comes_to_nothing_makes_nothing() {
    let place = Place::new();
    let root = fs::read(place.path("root.dsse.json")).expect("a root");
    let expired = place.key.root("2020-01-01T00:00:00Z");
    let config = place.config();
    let moved = config.replace("/sidecar.sock", "/run/stopgate/sidecar.sock");
    let grouped = config.replace("metrics =", "socket_group = \"no such group\"\nmetrics =");
    let folder = place.path("run/stopgate").display().to_string();
    for (root, config, said) in [
        (None, &config, "there is no trust root"),
        (Some(&b"{}".to_vec()), &config, "there is no trust root"),
        (
            Some(&expired),
            &config,
            "there is no bundle that was verified before",
        ),
        (Some(&root), &grouped, "there is no group `no such group`"),
        (
            Some(&root),
            &moved,
            &format!("there is no folder {folder} for the socket: `mkdir -p -m 0755 {folder}`"),
        ),
    ] {
        match root {
            Some(root) => fs::write(place.path("root.dsse.json"), root).expect("written"),
            None => fs::remove_file(place.path("root.dsse.json")).expect("removed"),
        }
        let (code, events) = refused_start(&place, config);
        assert_eq!(code, Some(1), "{events}");
        assert!(events.contains(said), "{said}: {events}");
        assert!(!place.path("state").exists(), "{said}");
    }
    let made = std::process::Command::new("mkdir")
        .args(["-p", "-m", "0755", &folder])
        .status();
    assert!(made.expect("mkdir").success());
    let running = place.watch(place.spawn(&moved));
    eventually("it serves", || running.event("serving").is_some());
}
