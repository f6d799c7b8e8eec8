//! A process that is spoken with: lines in, lines out, each before a deadline, and nothing left of it afterwards.
//!
//! It runs in a process group of its own, which is killed and reaped when the [`Server`] goes, however it goes. What
//! it prints is bounded: one line, the lines not yet read, the end of stderr.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// Longest line a server may print, in bytes.
pub(crate) const MAX_LINE: usize = 1024 * 1024;
/// How much of its stderr is kept, in bytes.
const MAX_STDERR: usize = 4096;
/// How long a server may take to end once its input is closed.
const GRACE: Duration = Duration::from_secs(1);

/// A running server.
pub(crate) struct Server {
    child: Child,
    /// `None` once its input is closed.
    input: Option<Sender<String>>,
    lines: Receiver<Heard>,
    stderr: Arc<Mutex<VecDeque<u8>>>,
    /// Disconnected when its stderr ended.
    stderr_end: Receiver<()>,
    deadline: Instant,
    status: Option<ExitStatus>,
}

/// Why there is no line.
#[derive(Debug)]
pub(crate) enum Silence {
    TimedOut,
    Ended,
    TooLong,
    Broken(io::Error),
}

/// How a server ended.
pub(crate) struct End {
    pub(crate) status: io::Result<ExitStatus>,
    /// The end of what it printed on stderr.
    pub(crate) stderr: String,
}

enum Heard {
    Line(Vec<u8>),
    TooLong,
    Broken(io::Error),
}

impl Server {
    /// Starts `command`; everything asked of the server has to be answered before `deadline`.
    pub(crate) fn start(mut command: Command, deadline: Instant) -> io::Result<Self> {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let mut child = command.spawn()?;
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        // From here on dropping the server ends the process.
        let (input, to_write) = mpsc::channel();
        let (heard, lines) = mpsc::sync_channel(4);
        let (stderr_open, stderr_end) = mpsc::sync_channel(0);
        let tail = Arc::new(Mutex::new(VecDeque::new()));
        let kept = Arc::clone(&tail);
        let server = Self {
            child,
            input: Some(input),
            lines,
            stderr: tail,
            stderr_end,
            deadline,
            status: None,
        };
        // Each pipe has its thread: a server that reads nothing, or prints without end, blocks only that thread.
        if let Some(stdin) = stdin {
            thread::Builder::new().spawn(move || write_lines(stdin, &to_write))?;
        }
        if let Some(stdout) = stdout {
            thread::Builder::new().spawn(move || read_lines(stdout, &heard))?;
        }
        if let Some(stderr) = stderr {
            thread::Builder::new().spawn(move || keep_tail(stderr, &kept, stderr_open))?;
        }
        Ok(server)
    }

    /// Queues one line for the server.
    pub(crate) fn say(&self, line: String) {
        if let Some(input) = &self.input {
            // A server that closed its input will not answer, which is noticed then.
            let _closed = input.send(line);
        }
    }

    /// Returns the next line that the server prints, without its end.
    pub(crate) fn hear(&self) -> Result<Vec<u8>, Silence> {
        self.hear_before(self.deadline)
    }

    /// Returns the next line that the server prints, if it does so before `deadline`.
    pub(crate) fn hear_before(&self, deadline: Instant) -> Result<Vec<u8>, Silence> {
        match self
            .lines
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            Ok(Heard::Line(line)) => Ok(line),
            Ok(Heard::TooLong) => Err(Silence::TooLong),
            Ok(Heard::Broken(error)) => Err(Silence::Broken(error)),
            Err(RecvTimeoutError::Timeout) => Err(Silence::TimedOut),
            Err(RecvTimeoutError::Disconnected) => Err(Silence::Ended),
        }
    }

    /// Closes the server's input, lets it end, and kills what is left.
    pub(crate) fn stop(mut self) -> End {
        let status = self.end();
        // The pipe is closed by now, unless a process left the group and holds it.
        let _open_still = self.stderr_end.recv_timeout(GRACE);
        let tail = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes: Vec<u8> = tail.iter().copied().collect();
        End {
            status,
            stderr: printable(&String::from_utf8_lossy(&bytes)),
        }
    }

    /// Kills the server and everything that it started, at once, and reaps it.
    pub(crate) fn kill(&mut self) {
        self.input = None;
        // Whoever asks for this wants it gone, not to know how it went.
        let _gone = self.reap();
    }

    fn end(&mut self) -> io::Result<ExitStatus> {
        if let Some(status) = self.status {
            return Ok(status);
        }
        self.input = None;
        // A process closes stderr last; whoever keeps it open gets no more than the grace.
        let until = Instant::now()
            .checked_add(GRACE)
            .map_or(self.deadline, |grace| grace.min(self.deadline));
        let left = || until.saturating_duration_since(Instant::now());
        while self.lines.recv_timeout(left()).is_ok() {}
        let _open_still = self.stderr_end.recv_timeout(left());
        self.reap()
    }

    fn reap(&mut self) -> io::Result<ExitStatus> {
        if let Some(status) = self.status {
            return Ok(status);
        }
        // The leader is not reaped yet, so its number still names this group and no other. That the group is
        // already empty is no error.
        let _gone = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let status = self.child.wait()?;
        self.status = Some(status);
        Ok(status)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nobody is left to tell; a second call does nothing.
        let _unreported = self.end();
    }
}

fn write_lines(mut stdin: impl Write, lines: &Receiver<String>) {
    while let Ok(mut line) = lines.recv() {
        line.push('\n');
        if stdin
            .write_all(line.as_bytes())
            .and_then(|()| stdin.flush())
            .is_err()
        {
            return;
        }
    }
}

fn read_lines(stdout: impl Read, heard: &SyncSender<Heard>) {
    let mut reader = BufReader::new(stdout);
    loop {
        let mut line = Vec::new();
        let limit = u64::try_from(MAX_LINE)
            .unwrap_or(u64::MAX)
            .saturating_add(1);
        let said = match reader.by_ref().take(limit).read_until(b'\n', &mut line) {
            Ok(0) => return,
            Ok(_) if line.last() == Some(&b'\n') => {
                line.pop();
                Heard::Line(line)
            }
            Ok(_) if line.len() > MAX_LINE => Heard::TooLong,
            // The server ended in the middle of a line.
            Ok(_) => Heard::Line(line),
            Err(error) => Heard::Broken(error),
        };
        let last = !matches!(said, Heard::Line(_));
        if heard.send(said).is_err() || last {
            return;
        }
    }
}

/// Keeps the end of what comes from `stderr` in `tail`; `open` is dropped when there is no more.
fn keep_tail(mut stderr: impl Read, tail: &Mutex<VecDeque<u8>>, open: SyncSender<()>) {
    let mut chunk = [0; 1024];
    while let Ok(count @ 1..) = stderr.read(&mut chunk) {
        let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.extend(chunk.iter().take(count));
        let excess = tail.len().saturating_sub(MAX_STDERR);
        tail.drain(..excess);
    }
    drop(open);
}

/// Returns `text` without characters that a terminal would act on.
fn printable(text: &str) -> String {
    let shown = |c: char| if c == '\n' || !c.is_control() { c } else { ' ' };
    text.trim().chars().map(shown).collect()
}
