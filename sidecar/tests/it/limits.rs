//! T27: what a hostile peer that is a caller can do, frame by frame, while an honest one goes on.

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use stopgate_sidecar::door::probe::MAX_PROBES;
use stopgate_sidecar::door::{MAX_CONNECTIONS, MAX_STREAMS};

use crate::support::{PATIENCE, Place, Running, ask, eventually, get_order, mounted, request};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// An HTTP/2 connection without manners.
struct Raw(UnixStream);

impl Raw {
    fn silent(running: &Running) -> Self {
        let stream = UnixStream::connect(&running.socket).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Self(stream)
    }

    fn greet(running: &Running) -> Self {
        let mut raw = Self::silent(running);
        raw.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        raw.frame(SETTINGS, 0, 0, &[]);
        raw
    }

    /// Whether the peer took it; a connection that is cut takes nothing.
    fn send(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).is_ok()
    }

    fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        let length = u32::try_from(payload.len())
            .expect("a short frame")
            .to_be_bytes();
        let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
        self.send(&[&head, payload].concat())
    }

    fn begin(&mut self, stream: u32, flags: u8) -> bool {
        self.frame(HEADERS, flags, stream, &headers())
    }

    /// Frames until the peer closes the connection: kind, stream and payload.
    fn frames(&mut self) -> Vec<(u8, u32, Vec<u8>)> {
        let mut frames = vec![];
        while let Some(frame) = self.next() {
            frames.push(frame);
        }
        frames
    }

    fn next(&mut self) -> Option<(u8, u32, Vec<u8>)> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).expect("a length")];
        self.0.read_exact(&mut payload).ok()?;
        Some((
            head[3],
            u32::from_be_bytes([head[5], head[6], head[7], head[8]]),
            payload,
        ))
    }

    /// Waits until the other side has closed both ways.
    fn is_cut(&mut self) -> bool {
        let mut left = Vec::new();
        let ended = self.0.read_to_end(&mut left);
        eventually("nothing is taken any more", || !self.send(b"x"));
        !ended.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }
}

/// A request's headers, as literals.
fn headers() -> Vec<u8> {
    headers_to("localhost")
}

/// The same, for `authority`.
fn headers_to(authority: &str) -> Vec<u8> {
    let mut block = vec![];
    for (name, value) in [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/stopgate.v1.EnforcementService/Decide"),
        (":authority", authority),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ] {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).expect("a short text"));
            block.extend(text.as_bytes());
        }
    }
    block
}

async fn honest(running: &Running) {
    assert_eq!(ask(&running.client().await, get_order()).await, "permit");
}

fn undecided(running: &Running, reason: &str) -> f64 {
    running.metric(&format!("stopgate_undecided_total{{reason=\"{reason}\"}}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn t27_what_is_too_long_or_too_slow_is_cut_off() {
    let place = Place::new();
    let running = place.start();
    let client = running.client().await;

    // The longest input is looked at, one byte more is not, and no message is longer than its limit.
    let padded = |bytes: usize| {
        let input = r#"{"order_id":"A-1001"}"#;
        request(
            "get_order",
            &format!("{input}{}", " ".repeat(bytes - input.len())),
        )
    };
    assert_eq!(ask(&client, padded(64 * 1024)).await, "permit");
    assert_eq!(ask(&client, padded(64 * 1024 + 1)).await, "input_invalid");
    assert_eq!(ask(&client, padded(256 * 1024 + 1)).await, "input_invalid");
    assert_eq!(ask(&client, padded(330 * 1024)).await, "InvalidArgument");
    assert_eq!(undecided(&running, "too_large"), 1.0);

    let mut raw = Raw::greet(&running);
    assert!(raw.begin(1, END_HEADERS));
    assert!(
        raw.frame(DATA, 0, 1, &[0, 0xff, 0xff, 0xff, 0xff]),
        "4 GiB are announced"
    );
    eventually("the length is not believed", || {
        undecided(&running, "too_large") == 2.0
    });

    assert!(raw.begin(3, END_HEADERS));
    eventually("a message that does not come", || {
        undecided(&running, "too_slow") == 1.0
    });
    assert!(raw.begin(5, END_HEADERS));
    assert!(raw.frame(DATA, 0, 5, &[0, 0, 0, 0, 9, 1]));
    eventually("a message that stops", || {
        undecided(&running, "too_slow") == 2.0
    });

    assert!(raw.begin(7, END_HEADERS));
    assert!(raw.frame(
        DATA,
        END_STREAM,
        7,
        &[&[0, 0, 0, 0, 16][..], &[0xff; 16]].concat()
    ));
    eventually("noise is malformed", || {
        undecided(&running, "malformed") == 1.0
    });
    assert_eq!(undecided(&running, "fault"), 0.0);
    honest(&running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t27_slow_greetings_and_headers_are_cut_off() {
    let place = Place::new();
    let running = place.start();
    let begun = Instant::now();
    let mut gone = Raw::silent(&running);
    assert!(gone.send(b"PRI"));
    drop(gone);
    eventually("one that goes is not waited for", || {
        running.metric("stopgate_connections") == 0.0
    });
    assert!(begun.elapsed() < Duration::from_secs(3));
    let mut silent = Raw::silent(&running);
    let mut half = Raw::silent(&running);
    assert!(half.send(b"PRI * HTTP/2.0\r\n"));
    let mut http1 = Raw::silent(&running);
    assert!(http1.send(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n"));
    // In the middle of a header block nothing else may be sent, so not even an answer to a ping.
    let mut headless = Raw::greet(&running);
    assert!(headless.frame(HEADERS, 0, 1, &headers()[..20]));
    for raw in [&mut silent, &mut half, &mut http1, &mut headless] {
        assert!(raw.is_cut());
    }
    eventually("their places are free", || {
        running.metric("stopgate_connections") == 0.0
    });
    honest(&running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t27_connections_and_streams_are_counted() {
    let place = Place::new();
    let running = place.start();
    let held: Vec<_> = (0..MAX_CONNECTIONS).map(|_| Raw::greet(&running)).collect();
    eventually("every place is taken", || {
        running.metric("stopgate_connections")
            == f64::from(u32::try_from(MAX_CONNECTIONS).expect("few"))
    });
    assert!(Raw::silent(&running).is_cut());
    assert!(running.metric(r#"stopgate_connections_turned_away_total{reason="limit"}"#) >= 1.0);
    drop(held);
    eventually("every place is free", || {
        running.metric("stopgate_connections") == 0.0
    });

    let mut raw = Raw::greet(&running);
    for stream in 0..=MAX_STREAMS {
        assert!(raw.begin(2 * stream + 1, END_HEADERS));
    }
    let last = 2 * MAX_STREAMS + 1;
    loop {
        let (kind, stream, payload) = raw.next().expect("an answer");
        if (kind, stream) == (RST_STREAM, last) {
            assert_eq!(payload, [0, 0, 0, 7], "REFUSED_STREAM");
            break;
        }
    }
    honest(&running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t27_each_caller_has_places_of_its_own() {
    let place = Place::new();
    let other = rustix::process::getuid().as_raw() + 1;
    let config = format!(
        "{}[[callers]]\nuid = {other}\nagent = \"other\"\ntools = [\"erp\"]\nmay = [\"decide\"]\n",
        place.config()
    );
    let running = place.start_with(&config);
    let half = MAX_CONNECTIONS / 2;
    let held: Vec<_> = (0..half).map(|_| Raw::greet(&running)).collect();
    eventually("its half is taken", || {
        running.metric("stopgate_connections") == f64::from(u32::try_from(half).expect("few"))
    });
    for _ in 0..3 {
        assert!(Raw::silent(&running).is_cut());
    }
    assert!(running.metric(r#"stopgate_connections_turned_away_total{reason="limit"}"#) >= 3.0);
    // However often it is turned away, one line says so, some time after it is counted.
    let said = || running.events().matches("has no place left").count();
    eventually("one line says so", || said() > 0);
    assert_eq!(said(), 1, "{}", running.events());
    drop(held);
    eventually("its places are free", || {
        running.metric("stopgate_connections") == 0.0
    });
    honest(&running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t27_a_caller_that_records_more_than_its_share_is_rejected_and_counted() {
    let place = Place::new();
    let config = place.config() + "record_bytes_per_second = 1024\n";
    let running = place.start_with(&config);
    let client = running.client().await;
    // A caller that was silent may have a MiB at once: some hundred records.
    let mut answers = Vec::new();
    while answers.last().is_none_or(|last| last == "permit") {
        assert!(answers.len() < 2_000, "its records are not bounded");
        answers.push(ask(&client, get_order()).await);
    }
    assert_eq!(answers.last().map(String::as_str), Some("overloaded"));
    assert!(answers.len() > 100, "{} answers", answers.len());
    eventually("a gap tells of it", || {
        let records = running.records();
        let gap = records.iter().find(|record| record["kind"] == "gap");
        gap.is_some_and(|gap| gap["overloaded"].as_u64() >= Some(1))
    });
    assert_eq!(running.get("/readyz").0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn t27_probes_are_answered_however_many_say_nothing() {
    let place = Place::new();
    let running = place.start();
    let address = running.event("serving").expect("an event")["probes"].clone();
    let address = address.as_str().expect("an address");
    assert!(running.metric("stopgate_log_disk_size_bytes") > 0.0);
    let mut silent = Vec::new();
    for _ in 0..4 {
        for _ in 0..MAX_PROBES {
            silent.push(std::net::TcpStream::connect(address).expect("a connection"));
        }
        let begun = Instant::now();
        for path in ["/livez", "/readyz", "/metrics"] {
            assert_eq!(running.get(path).0, 200);
        }
        // Silence is not waited for: one such probe may take seconds.
        assert!(
            begun.elapsed() < Duration::from_secs(1),
            "{:?}",
            begun.elapsed()
        );
    }
}

/// What every client of gRPC's C core sends over a Unix socket if it is told nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_http_refuses_is_counted_and_its_mend_is_named_once() {
    let place = Place::new();
    let running = place.start();
    for authority in ["%2Frun%2Fstopgate%2Fsidecar.sock", "%2Fx"] {
        let mut raw = Raw::greet(&running);
        assert!(raw.frame(HEADERS, END_HEADERS, 1, &headers_to(authority)));
        loop {
            let (kind, stream, payload) = raw.next().expect("an answer");
            if (kind, stream) == (RST_STREAM, 1) {
                assert_eq!(payload, [0, 0, 0, 1], "PROTOCOL_ERROR");
                break;
            }
        }
    }
    eventually("both are counted", || {
        undecided(&running, "malformed") == 2.0
    });
    let named = || running.events().matches("grpc.default_authority").count();
    eventually("the mend is named", || named() == 1);
    honest(&running).await;
    assert_eq!(named(), 1, "{}", running.events());
}

#[tokio::test(flavor = "multi_thread")]
async fn t27_floods_end_the_connection_and_nothing_else() {
    let place = Place::new();
    let running = place.start();
    // CVE-2023-44487: requests that are reset as soon as they are made.
    let mut raw = Raw::greet(&running);
    for stream in (1..20_000).step_by(2) {
        if !(raw.begin(stream, END_HEADERS) && raw.frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])) {
            break;
        }
    }
    let frames = raw.frames();
    assert!(
        frames
            .iter()
            .any(|(kind, _, payload)| *kind == GOAWAY && payload[4..8] == [0, 0, 0, 11]),
        "ENHANCE_YOUR_CALM"
    );
    honest(&running).await;

    // Headers without end.
    let mut raw = Raw::greet(&running);
    assert!(raw.frame(HEADERS, END_STREAM, 1, &headers()));
    let filler = [&[0, 1, b'x', 127, 0xff, 0x1e][..], &[b'y'; 4094]].concat();
    while raw.frame(CONTINUATION, 0, 1, &filler) {}
    assert!(raw.is_cut());
    honest(&running).await;

    // Frames without bytes.
    let mut raw = Raw::greet(&running);
    assert!(raw.begin(1, END_HEADERS));
    for _ in 0..100_000 {
        if !raw.frame(DATA, 0, 1, &[]) {
            break;
        }
    }
    honest(&running).await;
    assert_eq!(running.get("/readyz").0, 200);
}

/// On a file system of its own, which is small. Only root can mount.
#[tokio::test(flavor = "multi_thread")]
async fn t36_a_small_disk_is_told_of_at_the_start_and_attempts_are_decided_all_the_same() {
    let place = Place::new();
    let metric = |running: &Running| running.metric("stopgate_log_disk_low");
    let said = "the disk of the log is nearly full; when it is full, every attempt is rejected";
    std::fs::create_dir(place.path("state")).expect("a folder");
    std::fs::write(place.path("sidecar.toml"), place.config()).expect("a configuration");
    let (state, config) = (place.path("state"), place.path("sidecar.toml"));
    let (state, config) = (state.display(), config.display().to_string());
    let script = format!("mount -t tmpfs -o size=100m,mode=0700 none {state}");
    let sidecar = env!("CARGO_BIN_EXE_stopgate-sidecar");
    let Some(mut command) = mounted(&script, &[sidecar, "--config", &config]) else {
        return;
    };
    let running = place.watch(command.spawn().expect("a process"));
    eventually("it serves", || running.event("serving").is_some());
    let event = running.event(said).expect("it is told before it serves");
    assert_eq!(event["size_bytes"], 100 * 1024 * 1024);
    assert!(event["free_bytes"].as_u64() < event["size_bytes"].as_u64());
    assert!(metric(&running) > 0.0);
    assert_eq!(ask(&running.client().await, get_order()).await, "permit");
}
