//! A server that answers each request as a script says, or fails to in every way that a network knows.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use stopgate_store::DynamoDb;

/// What becomes of a request that was read.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// It is answered, with this status and body.
    Answer(u16, String),
    /// It is never answered.
    Silence,
    /// The answer stops behind its headers.
    HeadersOnly,
    /// The answer comes with a byte each second.
    Drip,
    /// The connection is closed.
    Close,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) operation: String,
    pub(crate) body: String,
}

impl Request {
    /// Returns the text of the member `name` wherever it stands.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let (_, rest) = self.body.split_once(&format!("\"{name}\":\""))?;
        rest.split('"').next()
    }
}

/// The server, and what it was asked.
#[derive(Debug)]
pub(crate) struct Fake {
    pub(crate) port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
}

type Script = dyn Fn(usize, &Request) -> Reply + Send + Sync;

impl Fake {
    /// Starts a server that answers by `script`, which is given each request with its number.
    pub(crate) fn start(script: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (script, seen): (Arc<Script>, _) = (Arc::new(script), Arc::clone(&requests));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (script, seen) = (Arc::clone(&script), Arc::clone(&seen));
                // Ends with the client's end of the connection.
                thread::spawn(move || serve(&stream, &*script, &seen));
            }
        });
        Self { port, requests }
    }

    /// Starts a server that answers all requests alike.
    pub(crate) fn always(reply: Reply) -> Self {
        Self::start(move |_, _| reply.clone())
    }

    /// Starts a server that gives `replies` in turn, and the last one for ever.
    pub(crate) fn in_turn(replies: impl Into<Vec<Reply>>) -> Self {
        let replies = replies.into();
        Self::start(move |at, _| replies[at.min(replies.len() - 1)].clone())
    }

    /// Opens the store that the server plays.
    pub(crate) fn store(&self) -> DynamoDb {
        DynamoDb::with_config("table".parse().unwrap(), &super::config(self.port))
    }

    /// Returns all requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(mut stream: &TcpStream, script: &Script, seen: &Mutex<Vec<Request>>) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader) {
        let at = {
            let mut seen = seen.lock().unwrap();
            seen.push(request.clone());
            seen.len() - 1
        };
        let head = |status: u16, length: usize| {
            format!(
                "HTTP/1.1 {status} Said\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {length}\r\n\r\n"
            )
        };
        let sent = match script(at, &request) {
            Reply::Answer(status, body) => {
                stream.write_all((head(status, body.len()) + &body).as_bytes())
            }
            Reply::Silence => Ok(()),
            Reply::HeadersOnly => stream.write_all(head(200, 60).as_bytes()),
            Reply::Drip => head(200, 60).bytes().try_for_each(|byte| {
                stream.write_all(&[byte])?;
                thread::sleep(Duration::from_secs(1));
                Ok(())
            }),
            Reply::Close => return,
        };
        if sent.is_err() {
            return;
        }
    }
}

/// Reads a request; `None` if the client has gone.
fn read(reader: &mut BufReader<&TcpStream>) -> Option<Request> {
    let (mut length, mut operation) = (0, String::new());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(": ") {
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().ok()?,
                "x-amz-target" => operation = value.split('.').nth(1)?.to_owned(),
                _ => {}
            }
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = String::from_utf8(body).ok()?;
    Some(Request { operation, body })
}
