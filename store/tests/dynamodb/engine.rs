//! Amazon's DynamoDB Local, as `ci/setup` has fetched it: a process on the loopback interface, in memory.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// How long the process may take to start on a busy machine.
const START: Duration = Duration::from_secs(60);

/// The running process. Its standard input ends with this process, and then it ends too.
pub(crate) struct Engine {
    _process: Child,
    pub(crate) port: u16,
}

impl Engine {
    /// Starts the process and waits until it listens.
    pub(crate) fn start() -> Self {
        // Both packages that have these tests stand beside each other.
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let jars = top.join("target/tools/dynamodb-local");
        assert!(jars.is_dir(), "DynamoDB Local is not there: run ci/setup");
        let mut native = OsString::from("-Djava.library.path=");
        native.push(&jars);
        let mut process = Command::new("java")
            .arg("-Xmx512m")
            .arg(native)
            .arg("-cp")
            .arg(jars.join("*"))
            .arg(top.join("store/tests/dynamodb/Loopback.java"))
            .args(["-inMemory", "-sharedDb", "-disableTelemetry"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("java");
        let (said, port) = mpsc::channel();
        let output = process.stdout.take().expect("a pipe");
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let port = line.strip_prefix("port ");
                if let Some(port) = port.and_then(|port| port.parse().ok()) {
                    let _ = said.send(port);
                }
            }
        });
        let Ok(port) = port.recv_timeout(START) else {
            let _ = process.kill();
            panic!("DynamoDB Local did not start");
        };
        Self {
            _process: process,
            port,
        }
    }
}
