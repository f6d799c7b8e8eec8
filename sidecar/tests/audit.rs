//! The log on a real disk: one process at a time, found again after any end, also that of SIGKILL. T34, T36, I33, I37.

#![expect(
    clippy::expect_used,
    reason = "a test fails by panicking, in its helpers too"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use stopgate_decide::record::{
    BundleChange, BundleRecord, Chain, RecordBody, RecordKind, Seq, first_seq_of,
};
use stopgate_sidecar::audit::{AuditError, AuditLog, Fatal, LOG_DIR, OpenError, Options};

const CHILD_DIR: &str = "AUDIT_TEST_STATE_DIR";

/// A record that is known by its name.
fn body(name: &str) -> RecordBody {
    let change = BundleChange::Active { release: None };
    RecordBody::Bundle(BundleRecord {
        sidecar: "erp-7f".into(),
        channel: name.into(),
        bundle: None,
        change,
    })
}

fn small_files() -> Options {
    Options {
        file_bytes: 16 * 1024,
        ..Options::new("erp-7f")
    }
}

fn log_files(state_dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(state_dir.join(LOG_DIR)).expect("a log");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    files
}

/// Reads the whole log, which must be sound: the number of every named record, and the kinds in order.
fn read(state_dir: &Path) -> (BTreeMap<String, Seq>, Vec<RecordKind>) {
    let (mut chain, mut named, mut kinds) = (Chain::new(), BTreeMap::new(), Vec::new());
    for path in log_files(state_dir) {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a name");
        chain
            .file(first_seq_of(name).expect("a file of the log"))
            .expect("not empty");
        for line in fs::read(&path)
            .expect("read")
            .split_inclusive(|byte| *byte == b'\n')
        {
            let record = chain.line(line).expect("sound");
            kinds.push(record.body.kind());
            if let RecordBody::Bundle(BundleRecord { channel, .. }) = record.body {
                assert_eq!(
                    named.insert(channel, record.stamp.seq),
                    None,
                    "recorded twice"
                );
            }
        }
    }
    (named, kinds)
}

#[tokio::test]
async fn a_log_goes_on_where_it_was_left() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut answers = BTreeMap::new();
    for round in 0..3 {
        let (log, recovered) = AuditLog::open(dir.path(), small_files()).expect("opened");
        assert!(log.is_writable());
        let (named, kinds) = read(dir.path());
        assert_eq!(named, answers);
        assert_eq!(recovered.dropped_bytes, 0);
        let start = recovered.last.map_or(0, |(last, _)| last.get()) + 1;
        assert_eq!(
            u64::try_from(kinds.len()).expect("small"),
            start,
            "the start stands already"
        );
        for at in 0..100 {
            let name = format!("{round}-{at}");
            let seq = log.append(&body(&name)).await.expect("recorded");
            answers.insert(name, seq);
        }
        log.close().await.expect("a stop");
    }
    let (named, kinds) = read(dir.path());
    assert_eq!(named, answers);
    assert_eq!(
        kinds
            .iter()
            .filter(|kind| **kind == RecordKind::Stop)
            .count(),
        3
    );
    let files = log_files(dir.path());
    assert!(files.len() > 3, "{} files", files.len());
    for file in files {
        let metadata = fs::metadata(&file).expect("metadata");
        assert!(
            metadata.len() <= 16 * 1024,
            "{} is too long",
            file.display()
        );
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn one_process_at_a_time() {
    let dir = tempfile::tempdir().expect("a directory");
    let (log, _) = AuditLog::open(dir.path(), small_files()).expect("opened");
    assert!(matches!(
        AuditLog::open(dir.path(), small_files()),
        Err(OpenError::Locked { .. })
    ));
    log.close().await.expect("a stop");
    let (log, _) = AuditLog::open(dir.path(), small_files()).expect("opened");
    log.close().await.expect("a stop");
}

#[tokio::test]
async fn the_key_of_the_masks_stays_and_is_nobody_elses() {
    let dir = tempfile::tempdir().expect("a directory");
    let id = |log: &AuditLog| log.mask_key().id();
    let (log, _) = AuditLog::open(dir.path(), small_files()).expect("opened");
    let first = id(&log);
    log.close().await.expect("a stop");
    let (log, _) = AuditLog::open(dir.path(), small_files()).expect("opened");
    assert_eq!(id(&log), first);
    log.close().await.expect("a stop");

    let path = dir.path().join("mask.key");
    assert_eq!(
        fs::metadata(&path).expect("metadata").permissions().mode() & 0o777,
        0o600
    );
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("set");
    assert!(matches!(
        AuditLog::open(dir.path(), small_files()),
        Err(OpenError::MaskKey { .. })
    ));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("set");
    fs::write(&path, b"short").expect("written");
    assert!(matches!(
        AuditLog::open(dir.path(), small_files()),
        Err(OpenError::MaskKey { .. })
    ));
}

#[tokio::test]
async fn a_torn_tail_is_dropped_and_the_start_says_so() {
    let dir = tempfile::tempdir().expect("a directory");
    let (log, _) = AuditLog::open(dir.path(), Options::new("erp-7f")).expect("opened");
    log.append(&body("kept")).await.expect("recorded");
    log.close().await.expect("a stop");
    let path = log_files(dir.path()).pop().expect("a file");
    let mut file = fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .expect("opened");
    file.write_all(br#"{"attempt":{"agent""#).expect("written");
    let (log, recovered) = AuditLog::open(dir.path(), Options::new("erp-7f")).expect("opened");
    assert_eq!(recovered.dropped_bytes, 19);
    log.close().await.expect("a stop");
    let text = fs::read_to_string(&path).expect("read");
    assert_eq!(
        text.matches("\"recovered\":{\"dropped_bytes\":19}").count(),
        1
    );
    read(dir.path());
}

#[tokio::test]
async fn a_changed_log_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().expect("a directory");
    let (log, _) = AuditLog::open(dir.path(), Options::new("erp-7f")).expect("opened");
    log.append(&body("before")).await.expect("recorded");
    log.close().await.expect("a stop");
    let path = log_files(dir.path()).pop().expect("a file");
    let changed = fs::read_to_string(&path)
        .expect("read")
        .replace("before", "behind");
    fs::write(&path, &changed).expect("written");
    let Err(OpenError::Broken { source, .. }) = AuditLog::open(dir.path(), Options::new("erp-7f"))
    else {
        panic!("a changed log was opened");
    };
    assert_eq!((source.line, source.seq), (3, Seq::new(3)));
    assert_eq!(fs::read_to_string(&path).expect("read"), changed);
}

#[tokio::test]
async fn t36_a_log_that_was_deleted_is_the_end() {
    let dir = tempfile::tempdir().expect("a directory");
    let (log, _) = AuditLog::open(dir.path(), Options::new("erp-7f")).expect("opened");
    log.append(&body("before")).await.expect("recorded");
    fs::remove_dir_all(dir.path().join(LOG_DIR)).expect("removed");
    assert_eq!(log.append(&body("after")).await, Err(AuditError::Closed));
    let fatal = tokio::time::timeout(Duration::from_secs(10), log.fatal())
        .await
        .expect("told");
    assert!(matches!(fatal, Fatal::Replaced(_)), "{fatal}");
}

/// Whatever somebody does to the file under the process, nobody is told that anything is recorded there after it.
#[tokio::test]
async fn t36_a_log_that_was_cut_moved_or_replaced_is_the_end() {
    type Harm = fn(&Path, &Path);
    let harms: [(&str, Harm); 6] = [
        ("cut", |_, file| {
            let file = fs::OpenOptions::new().write(true).open(file);
            file.expect("opened").set_len(10).expect("cut");
        }),
        ("emptied", |_, file| fs::write(file, "").expect("emptied")),
        ("longer", |_, file| {
            let file = fs::OpenOptions::new().append(true).open(file);
            file.expect("opened").write_all(b"{}\n").expect("written");
        }),
        ("moved", |state, file| {
            fs::rename(file, state.join("moved")).expect("moved");
        }),
        ("replaced by its copy", |state, file| {
            fs::copy(file, state.join("copy")).expect("copied");
            fs::rename(state.join("copy"), file).expect("replaced");
        }),
        ("with its folder moved", |state, _| {
            fs::rename(state.join(LOG_DIR), state.join("elsewhere")).expect("moved");
        }),
    ];
    for (what, harm) in harms {
        let dir = tempfile::tempdir().expect("a directory");
        let (log, _) = AuditLog::open(dir.path(), Options::new("erp-7f")).expect("opened");
        log.append(&body("before")).await.expect("recorded");
        let [file] = log_files(dir.path()).try_into().expect("one file");
        harm(dir.path(), &file);
        assert_eq!(
            log.append(&body("after")).await,
            Err(AuditError::Closed),
            "{what}"
        );
        let fatal = tokio::time::timeout(Duration::from_secs(10), log.fatal())
            .await
            .expect("told");
        assert!(matches!(fatal, Fatal::Replaced(_)), "{what}: {fatal}");
    }
}

#[tokio::test]
async fn t36_two_processes_cannot_write_one_log_whatever_the_path() {
    let dirs = [(); 4].map(|()| tempfile::tempdir().expect("a directory"));
    let [first, by_folder, by_file, by_state] = dirs.each_ref().map(tempfile::TempDir::path);
    let (log, _) = AuditLog::open(first, Options::new("erp-7f")).expect("opened");
    log.append(&body("before")).await.expect("recorded");
    let [file] = log_files(first).try_into().expect("one file");

    symlink(first.join(LOG_DIR), by_folder.join(LOG_DIR)).expect("a link to the folder");
    fs::create_dir(by_file.join(LOG_DIR)).expect("a folder");
    let same = by_file
        .join(LOG_DIR)
        .join(file.file_name().expect("a name"));
    fs::hard_link(&file, &same).expect("another name of the file");
    symlink(first, by_state.join("state")).expect("a link to everything");
    for state in [by_folder, by_file, &by_state.join("state"), first] {
        let again = AuditLog::open(state, Options::new("erp-7f"));
        let locked = matches!(again, Err(OpenError::Locked { .. }));
        assert!(locked, "{}: {again:?}", state.display());
    }
    log.append(&body("after")).await.expect("recorded");
    log.close().await.expect("a stop");
    AuditLog::open(by_folder, Options::new("erp-7f")).expect("free again");
}

#[test]
fn t34_i33_every_acknowledged_record_survives_sigkill() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut acknowledged = BTreeMap::new();
    let rounds = 8;
    for round in 0..rounds {
        let mut child = spawn(dir.path(), round);
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        // Killed in the middle of its work: more lines come until the pipe is empty.
        let mut seen = 0;
        for line in lines {
            let line = line.expect("a line");
            if let Some((name, seq)) = line
                .strip_prefix("ack ")
                .and_then(|line| line.split_once(' '))
            {
                let seq = seq.parse().ok().and_then(Seq::new).expect("a number");
                acknowledged.insert(name.to_owned(), seq);
                seen += 1;
            }
            if seen == 40 + 25 * round {
                child.kill().expect("killed");
                seen += 1;
            }
        }
        let status = child.wait().expect("ended");
        assert!(!status.success(), "the child ended by itself: {status}");
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let (log, _) =
            AuditLog::open(dir.path(), small_files()).expect("opened without a manual step");
        log.close().await.expect("a stop");
    });
    let (named, kinds) = read(dir.path());
    assert!(
        acknowledged.len() >= 8 * 40,
        "{} acknowledged",
        acknowledged.len()
    );
    for (name, seq) in &acknowledged {
        assert_eq!(named.get(name), Some(seq), "{name} is lost");
    }
    let count = |wanted| kinds.iter().filter(|kind| **kind == wanted).count();
    assert_eq!((count(RecordKind::Start), count(RecordKind::Stop)), (9, 1));
}

/// This test binary again, as a process that only appends.
fn spawn(state_dir: &Path, round: usize) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("this binary"));
    command.args([
        "--exact",
        "child_appends_until_killed",
        "--ignored",
        "--nocapture",
    ]);
    command
        .env(CHILD_DIR, state_dir)
        .env("AUDIT_TEST_ROUND", round.to_string());
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child")
}

#[test]
#[ignore = "the child of the kill test, started by it"]
fn child_appends_until_killed() {
    let Some(dir) = std::env::var_os(CHILD_DIR) else {
        return;
    };
    let round = std::env::var("AUDIT_TEST_ROUND").expect("a round");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let (log, _) = AuditLog::open(Path::new(&dir), small_files()).expect("opened");
        println!();
        let mut tasks = Vec::new();
        for task in 0..16 {
            let (log, round) = (log.clone(), round.clone());
            tasks.push(tokio::spawn(async move {
                for at in 0.. {
                    let name = format!("{round}-{task}-{at}");
                    let seq = log.append(&body(&name)).await.expect("recorded");
                    println!("ack {name} {seq}");
                }
            }));
        }
        for task in tasks {
            task.await.expect("no panic");
        }
    });
}
