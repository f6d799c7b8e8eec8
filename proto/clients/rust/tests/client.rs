//! A sidecar that is away, silent or speaks something else is a no, in time.

use std::time::{Duration, Instant};

use stopgate_client::{Client, ConnectError, No, Verdict, wire};
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixListener;

const DEADLINE: Duration = Duration::from_millis(300);

fn request() -> wire::DecideRequest {
    wire::DecideRequest {
        request_id: "r".into(),
        attempt: None,
    }
}

#[tokio::test]
async fn nobody_there_is_no_connection() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = Client::connect(&folder.path().join("sidecar.sock"))
        .await
        .expect_err("nobody is there");
    assert!(matches!(error, ConnectError::Transport(_)));
}

#[tokio::test]
async fn silence_is_a_no_when_the_deadline_has_passed() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("sidecar.sock");
    let listener = UnixListener::bind(&socket).expect("a socket");
    let client = Client::connect(&socket).await.expect("a connection");
    let begun = Instant::now();
    assert_eq!(
        client.decide(request(), DEADLINE).await,
        Verdict::No(No::Deadline)
    );
    assert!(begun.elapsed() >= DEADLINE);
    assert_eq!(client.status(DEADLINE).await, Err(No::Deadline));
    drop(listener);
}

#[tokio::test]
async fn noise_and_an_end_are_a_no() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("sidecar.sock");
    let listener = UnixListener::bind(&socket).expect("a socket");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _gone = stream
                .write_all(b"HTTP/1.1 200 OK\r\n\r\n{\"allow\":true}")
                .await;
        }
    });
    let client = Client::connect(&socket).await.expect("a connection");
    for _ in 0..3 {
        let verdict = client.decide(request(), Duration::from_secs(20)).await;
        assert!(
            matches!(verdict, Verdict::No(No::Status { .. })),
            "{verdict:?}"
        );
    }
}
