//! A real identity provider: npm `oidc-provider`, at which users log in and get tokens. Ended by its process id.
//!
//! The protocol with it is in `tests/servers/oidc/provider.mjs`: a key set first, then a token for each line.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::sidecar::PATIENCE;

/// Its program.
const PROVIDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/servers/oidc/provider.mjs");

/// A provider that runs. Dropped: killed.
#[derive(Debug)]
pub struct Oidc {
    child: Child,
    orders: ChildStdin,
    lines: Receiver<String>,
    jwks: String,
}

impl Oidc {
    /// Starts it and waits until it has published its keys.
    ///
    /// # Errors
    /// It does not start, as when `ci/setup` has not run.
    pub fn start() -> anyhow::Result<Self> {
        let mut child = Command::new("node")
            .arg(PROVIDER)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .context("node cannot be started")?;
        let orders = child.stdin.take().context("no standard input")?;
        let answers = child.stdout.take().context("no standard output")?;
        let (told, lines) = channel();
        // A thread reads, so that waiting for a line can have a deadline.
        std::thread::spawn(move || {
            // Ends with the process, or when nobody listens any more.
            for line in BufReader::new(answers).lines().map_while(Result::ok) {
                if told.send(line).is_err() {
                    return;
                }
            }
        });
        let mut oidc = Self {
            child,
            orders,
            lines,
            jwks: String::new(),
        };
        oidc.jwks = oidc.line().context("has ci/setup run?")?;
        Ok(oidc)
    }

    /// Its key set, as it publishes it.
    #[must_use]
    pub fn jwks(&self) -> &str {
        &self.jwks
    }

    /// Logs `account` in and gives its token, signed with `algorithm`.
    ///
    /// # Errors
    /// The provider refuses.
    pub fn token(&mut self, algorithm: &str, account: &str) -> anyhow::Result<String> {
        writeln!(self.orders, "{algorithm} {account}")?;
        let answer: Value = serde_json::from_str(&self.line()?)?;
        let Some(token) = answer.get("token").and_then(Value::as_str) else {
            bail!("no token for {account}: {answer}");
        };
        Ok(token.to_owned())
    }

    fn line(&self) -> anyhow::Result<String> {
        self.lines
            .recv_timeout(PATIENCE)
            .context("the identity provider says nothing")
    }
}

impl Drop for Oidc {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _status = self.child.wait();
    }
}
