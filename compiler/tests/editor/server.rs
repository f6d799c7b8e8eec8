//! The YAML language server that most editors use, over its standard input and output, as an editor speaks to it.

use std::io::{BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Longest wait for one answer, on a machine with much else to do.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running server, and the folder it was opened on.
pub(crate) struct Server {
    process: Child,
    input: ChildStdin,
    messages: Receiver<Value>,
    folder: PathBuf,
    requests: u64,
}

impl Server {
    /// Starts the server of `ci/package.json` on `folder`, as an editor that fetches no schema from anywhere.
    pub(crate) fn start(folder: &Path) -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../ci/node_modules/yaml-language-server/bin/yaml-language-server");
        assert!(
            program.is_file(),
            "the YAML language server is not installed: run ci/setup"
        );
        let mut process = Command::new("node")
            .arg(program)
            .arg("--stdio")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node starts");
        let input = process.stdin.take().expect("a pipe");
        let output = process.stdout.take().expect("a pipe");
        let (send, messages) = channel();
        // Ends with the server's output.
        std::thread::spawn(move || {
            let mut output = BufReader::new(output);
            while let Some(message) = message(&mut output) {
                if send.send(message).is_err() {
                    return;
                }
            }
        });
        let mut server = Self {
            process,
            input,
            messages,
            folder: folder.to_owned(),
            requests: 0,
        };
        let root = server.uri("");
        let capabilities = json!({
            "workspace": {"configuration": true},
            "textDocument": {"hover": {"contentFormat": ["markdown"]}},
        });
        server.ask(
            "initialize",
            json!({"processId": std::process::id(), "rootUri": root, "capabilities": capabilities}),
        );
        server.send(json!({"method": "initialized", "params": {}}));
        server
    }

    /// Opens the document `name` with `text`, and returns what the server says against it.
    pub(crate) fn open(&mut self, name: &str, text: &str) -> Vec<String> {
        let uri = self.uri(name);
        let document = json!({"uri": uri, "languageId": "yaml", "version": 1, "text": text});
        self.send(json!({"method": "textDocument/didOpen", "params": {"textDocument": document}}));
        let published = self.wait(|message| {
            message["method"] == "textDocument/publishDiagnostics"
                && message["params"]["uri"] == uri.as_str()
        });
        let diagnostics = published["params"]["diagnostics"].as_array();
        diagnostics
            .expect("diagnostics")
            .iter()
            .map(|found| {
                let line = found["range"]["start"]["line"].as_u64().expect("a line");
                let message = found["message"].as_str().expect("a message");
                format!("{}: {message}", line + 1)
            })
            .collect()
    }

    /// What the server offers at a place of an open document, both counted from 0.
    pub(crate) fn completions(&mut self, name: &str, line: usize, column: usize) -> Vec<String> {
        let answer = self.ask("textDocument/completion", self.place(name, line, column));
        let items = answer["items"].as_array().expect("items");
        items
            .iter()
            .map(|item| item["label"].as_str().expect("a label").to_owned())
            .collect()
    }

    /// What the server explains at a place of an open document, both counted from 0.
    pub(crate) fn hover(&mut self, name: &str, line: usize, column: usize) -> String {
        let answer = self.ask("textDocument/hover", self.place(name, line, column));
        answer["contents"]["value"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    fn place(&self, name: &str, line: usize, column: usize) -> Value {
        json!({
            "textDocument": {"uri": self.uri(name)},
            "position": {"line": line, "character": column},
        })
    }

    fn uri(&self, name: &str) -> String {
        format!("file://{}", self.folder.join(name).display())
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.requests += 1;
        let id = self.requests;
        self.send(json!({"id": id, "method": method, "params": params}));
        let answer = self.wait(|message| message["id"] == id && message.get("method").is_none());
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// The next message that is `wanted`; what the server asks meanwhile is answered.
    fn wait(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let message = self.messages.recv_timeout(left).expect("an answer in time");
            if wanted(&message) {
                return message;
            }
            if let (Some(id), Some(method)) = (message.get("id"), message.get("method")) {
                let result = if method == "workspace/configuration" {
                    settings(&message["params"]["items"])
                } else {
                    Value::Null
                };
                self.send(json!({"id": id, "result": result}));
            }
        }
    }

    fn send(&mut self, mut message: Value) {
        message["jsonrpc"] = "2.0".into();
        let body = message.to_string();
        write!(self.input, "Content-Length: {}\r\n\r\n{body}", body.len())
            .and_then(|()| self.input.flush())
            .expect("the server reads");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// The editor's settings, one for each that is asked for: no schema but the documents' own.
fn settings(asked: &Value) -> Value {
    let setting = |asked: &Value| match asked["section"].as_str() {
        Some("yaml") => json!({
            "validate": true, "hover": true, "completion": true, "schemaStore": {"enable": false},
        }),
        _ => Value::Null,
    };
    asked
        .as_array()
        .into_iter()
        .flatten()
        .map(setting)
        .collect()
}

/// One message, or nothing at the end of the output.
fn message(output: &mut impl std::io::BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.parse().ok()?;
            }
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    output.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}
