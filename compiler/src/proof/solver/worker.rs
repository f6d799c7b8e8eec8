//! The process that proves, from outside: started, asked, believed in nothing but whole answers, and ended.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::job::{GRACE, Job, JobAnswer, ProofQuestion, Subject, WorkerLine, WorkerOrder};
use crate::process::{Server, Silence};

/// Questions that one process is asked: it keeps something of each, and so does its solver, which gets slower. A solver
/// that was asked thousands of them kept 570 MiB after six minutes (`docs/benchmarks.md`).
const MOST_QUESTIONS: u64 = 128;

/// The hidden command that proves, and what it is told.
pub(crate) const COMMAND: &str = "__worker";

/// A running process, which is killed with all that it started when this goes.
pub(super) struct Worker {
    process: Server,
    asked: u64,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Missed {
    /// The process did not start.
    Start(std::io::Error),
    /// The question was not prepared in time.
    Preparing,
    /// The process ended while it prepared the question.
    Died,
    /// There was no answer in time, or the process ended before.
    Answering,
    /// What was said is no answer to what was asked.
    Odd,
}

impl Missed {
    /// Returns, in words, what happened to a question whose preparation had the time `preparing`.
    pub(super) fn how(&self, preparing: Duration) -> String {
        match self {
            Self::Start(error) => format!("the process that proves does not start: {error}"),
            Self::Preparing => format!("could not be prepared in {} s", preparing.as_secs_f32()),
            Self::Died => "could not be prepared: the process that does it ended".to_owned(),
            Self::Answering => "the process that proves gave no answer".to_owned(),
            Self::Odd => "the process that proves said something that is no answer".to_owned(),
        }
    }
}

impl Worker {
    /// Starts `program`, which is `stopgate`, to prove with `solver`; each step of a question may take `limit`.
    pub(super) fn start(
        program: &Path,
        solver: Option<&OsStr>,
        limit: Duration,
    ) -> std::io::Result<Self> {
        let mut command = Command::new(program);
        command.args([COMMAND, &limit.as_millis().to_string()]);
        command.args(solver);
        // Each answer has a deadline of its own.
        let process = Server::start(command, Instant::now())?;
        Ok(Self { process, asked: 0 })
    }

    /// Returns whether the process may be asked once more.
    pub(super) const fn is_fresh(&self) -> bool {
        self.asked < MOST_QUESTIONS
    }

    /// Asks one question. Whatever is said out of order, twice, or of another job is taken for no answer.
    ///
    /// # Errors
    /// [`Missed`], after which this process must not be asked again.
    pub(super) fn ask(
        &mut self,
        subject: &Subject,
        question: ProofQuestion<'_>,
        (preparing, solving): (Duration, Duration),
    ) -> Result<JobAnswer, Missed> {
        self.asked = self.asked.saturating_add(1);
        let number = self.asked;
        self.tell(&WorkerOrder::Job(Job {
            number,
            schema: subject.schema.as_str().into(),
            known: subject.known.as_slice().into(),
            question,
        }))?;
        // 1. That the question is prepared. What takes too long here can only be stopped with the process.
        match self.hear(preparing) {
            Ok(WorkerLine::Prepared(job)) if job == number => {}
            Err(Silence::TimedOut) => return Err(Missed::Preparing),
            Err(Silence::Ended) => return Err(Missed::Died),
            Ok(_) | Err(Silence::TooLong | Silence::Broken(_)) => return Err(Missed::Odd),
        }
        // It gives up by itself before: at its solver's limit and a grace.
        let solving = solving.saturating_add(GRACE).saturating_add(GRACE);
        // 2. The answer of the solver.
        let answer = match self.hear(solving) {
            Ok(WorkerLine::Answered { job, answer }) if job == number => answer,
            Err(Silence::TimedOut | Silence::Ended) => return Err(Missed::Answering),
            Ok(_) | Err(Silence::TooLong | Silence::Broken(_)) => return Err(Missed::Odd),
        };
        // 3. That nothing more comes: else an answer could be taken for that of the next question.
        self.tell(&WorkerOrder::Close(number))?;
        match self.hear(GRACE) {
            Ok(WorkerLine::Closed(job)) if job == number => Ok(answer),
            Err(Silence::TimedOut | Silence::Ended) => Err(Missed::Answering),
            Ok(_) | Err(Silence::TooLong | Silence::Broken(_)) => Err(Missed::Odd),
        }
    }

    fn tell(&self, told: &WorkerOrder<'_>) -> Result<(), Missed> {
        let line = serde_json::to_string(told).map_err(|_unwritten| Missed::Odd)?;
        self.process.say(line);
        Ok(())
    }

    /// Returns the next thing that the process says within `within`. A line that is not understood counts as too long.
    fn hear(&self, within: Duration) -> Result<WorkerLine, Silence> {
        let now = Instant::now();
        let deadline = now.checked_add(within).unwrap_or(now);
        let line = self.process.hear_before(deadline)?;
        serde_json::from_slice(&line).map_err(|_unread| Silence::TooLong)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.process.kill();
    }
}
