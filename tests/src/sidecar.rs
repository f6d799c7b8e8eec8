//! A running `stopgate-sidecar`: started in a process group of its own, waited for, and ended by its id.

use std::fs::File;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use stopgate_client::Client;

use crate::stage::Stage;

/// Longest wait for something that takes milliseconds on an idle machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Time between two looks at something that is waited for.
pub const GLANCE: Duration = Duration::from_millis(5);

/// A sidecar on a stage. Dropped: killed.
#[derive(Debug)]
pub struct Sidecar<'a> {
    stage: &'a Stage,
    child: Child,
}

impl<'a> Sidecar<'a> {
    /// Starts it and waits until it decides.
    ///
    /// # Errors
    /// It ended, or did not become ready within [`PATIENCE`]; its events are in the message.
    pub async fn start(stage: &'a Stage) -> anyhow::Result<Self> {
        Self::start_under(stage, &[]).await
    }

    /// As [`Sidecar::start`], as the last argument of the command `wrapper`, such as `strace`.
    ///
    /// # Errors
    /// As [`Sidecar::start`].
    pub async fn start_under(stage: &'a Stage, wrapper: &[&str]) -> anyhow::Result<Self> {
        let mut sidecar = Self::launch(stage, wrapper)?;
        // It listens before it has a bundle, so a connection alone says nothing.
        sidecar
            .until("it is ready", async |sidecar| {
                let Ok(client) = sidecar.client().await else {
                    return false;
                };
                let status = client.status(Duration::from_secs(1)).await;
                status.is_ok_and(|status| !status.bundle_digest.is_empty())
            })
            .await?;
        Ok(sidecar)
    }

    /// Starts it and waits for nothing.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn launch(stage: &'a Stage, wrapper: &[&str]) -> anyhow::Result<Self> {
        let program = stage.programs().sidecar();
        let mut command = match wrapper {
            [] => Command::new(program),
            [first, rest @ ..] => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
        };
        let events = File::create(stage.events())?;
        let child = command
            .arg("--config")
            .arg(stage.path("sidecar.toml"))
            // The sidecar refuses variables it does not know; the tests' own are among them.
            .env_clear()
            .current_dir(stage.path(""))
            // A group of its own: a signal reaches the wrapper and what runs under it, and nothing else.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(events)
            .spawn()
            .with_context(|| format!("{command:?} cannot be started"))?;
        Ok(Self { stage, child })
    }

    /// A connection of its own.
    ///
    /// # Errors
    /// Nothing listens.
    pub async fn client(&self) -> anyhow::Result<Client> {
        Ok(Client::connect(&self.stage.socket()).await?)
    }

    /// Waits until it listens, which is after its socket has the mode it is to have. Whoever may not be served is let
    /// in by the kernel all the same.
    ///
    /// # Errors
    /// As [`Sidecar::until`].
    pub async fn listening(&mut self) -> anyhow::Result<()> {
        self.until("it listens", async |sidecar| {
            UnixStream::connect(sidecar.stage.socket()).is_ok()
        })
        .await
    }

    /// Looks again and again until `done`.
    ///
    /// # Errors
    /// The sidecar ended, or [`PATIENCE`] did; its events are in the message.
    pub async fn until(
        &mut self,
        what: &str,
        mut done: impl AsyncFnMut(&Self) -> bool,
    ) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        // Looked at before the process is, so that what happened just before its end counts.
        while !done(self).await {
            if let Some(status) = self.child.try_wait()? {
                bail!(
                    "waiting until {what}: the sidecar ended with {status}\n{}",
                    self.events()
                );
            }
            if Instant::now() > deadline {
                bail!("waiting until {what}: given up\n{}", self.events());
            }
            tokio::time::sleep(GLANCE).await;
        }
        Ok(())
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// It still runs after [`PATIENCE`].
    pub async fn ended(&mut self) -> anyhow::Result<ExitStatus> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() > deadline {
                bail!("the sidecar does not end\n{}", self.events());
            }
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// Asks it to drain and waits for its end.
    ///
    /// # Errors
    /// It does not end.
    pub async fn terminate(mut self) -> anyhow::Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.ended().await
    }

    /// Kills it where it stands and waits until it is gone.
    ///
    /// # Errors
    /// It is gone already.
    pub async fn kill(mut self) -> anyhow::Result<()> {
        self.signal(Signal::KILL)?;
        self.ended().await?;
        Ok(())
    }

    /// Sends `signal` to it and to whatever it runs under.
    ///
    /// # Errors
    /// It is gone already.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        Ok(kill_process_group(self.pid()?, signal)?)
    }

    /// Its process id, which is also the id of its process group.
    ///
    /// # Errors
    /// It never started.
    pub fn pid(&self) -> anyhow::Result<Pid> {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        id.context("the process has no id")
    }

    /// Returns the events that it has written so far.
    #[must_use]
    pub fn events(&self) -> String {
        read(&self.stage.events())
    }
}

impl Drop for Sidecar<'_> {
    fn drop(&mut self) {
        // The group exists as long as the child was not waited for.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _gone_already = self.signal(Signal::KILL);
            let _status = self.child.wait();
        }
    }
}

fn read(path: &Path) -> String {
    std::fs::read(path).map_or_else(
        |error| error.to_string(),
        |bytes| String::from_utf8_lossy(&bytes).into_owned(),
    )
}
