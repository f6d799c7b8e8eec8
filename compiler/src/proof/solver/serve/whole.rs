//! The solver's process, which is given each question as a whole.

use std::ffi::OsStr;
use std::time::{Duration, Instant};

use cedar_policy_symcc::SmtLibScript as _;
use cedar_policy_symcc::solver::{Decision, DecisionWithModel, LocalSolver, Solver, SolverError};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::process::Command;

use super::super::job::{GRACE, WorkerLine};
use super::limits::say;

/// How long one process is asked: its share of the processor is that of one question, and it may be in the middle of
/// one when this is over.
const BUSY: Duration = Duration::from_secs(1);

/// A solver that is given a question once that is written: only then its time begins.
pub(super) struct Whole {
    solver: LocalSolver,
    script: Vec<u8>,
    /// The job whose question is written next.
    job: u64,
    /// Of which it is said that it is prepared.
    said: bool,
    limit: Duration,
    /// It did not answer in time.
    late: bool,
    /// How long it was asked.
    busy: Duration,
}

impl Whole {
    pub(super) fn start(program: &OsStr, limit: Duration) -> Result<Self, SolverError> {
        let mut command = Command::new(program);
        command
            .args(["--lang", "smt", "--strings-exp"])
            .arg(format!("--tlimit-per={}", limit.as_millis()))
            .kill_on_drop(true);
        Ok(Self {
            solver: LocalSolver::from_command(&mut command)?,
            script: Vec::new(),
            job: 0,
            said: false,
            limit: limit.saturating_add(GRACE),
            late: false,
            busy: Duration::ZERO,
        })
    }

    /// Returns whether the solver may be asked once more.
    pub(super) fn is_fresh(&self) -> bool {
        self.busy < BUSY
    }

    /// Takes the next question as that of `job`.
    pub(super) const fn begin(&mut self, job: u64) {
        (self.job, self.said) = (job, false);
    }

    /// Returns whether it was said that the question is prepared.
    pub(super) const fn said(&self) -> bool {
        self.said
    }

    /// Returns how long the solver had, if it did not answer in that time.
    pub(super) fn late(&self) -> Option<Duration> {
        self.late.then_some(self.limit)
    }
}

impl Solver for Whole {
    fn smtlib_input(&mut self) -> &mut (dyn AsyncWrite + Unpin + Send) {
        &mut self.script
    }

    async fn enable_models(&mut self) -> Result<(), SolverError> {
        Ok(self.script.set_option("produce-models", "true").await?)
    }

    async fn check_sat(&mut self) -> Result<Decision, SolverError> {
        Ok(match self.check_sat_with_model().await? {
            DecisionWithModel::Sat { .. } => Decision::Sat,
            DecisionWithModel::Unsat => Decision::Unsat,
            DecisionWithModel::Unknown => Decision::Unknown,
        })
    }

    async fn check_sat_with_model(&mut self) -> Result<DecisionWithModel, SolverError> {
        self.said = true;
        say(&WorkerLine::Prepared(self.job))?;
        let script = std::mem::take(&mut self.script);
        let solver = &mut self.solver;
        let begun = Instant::now();
        let asked = tokio::time::timeout(self.limit, async {
            solver.smtlib_input().write_all(&script).await?;
            solver.check_sat_with_model().await
        });
        let answer = asked.await;
        self.busy = self.busy.saturating_add(begun.elapsed());
        answer.unwrap_or_else(|_over| {
            self.late = true;
            Err(SolverError::SolverMarkedFailed)
        })
    }
}
