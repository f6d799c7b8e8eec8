//! The solver, and whom it is asked through: a process of our own prepares each question and gives it to the solver.
//!
//! One such process for each prover, a fresh one after any failure, and a time for each step of each question. Whatever
//! is not a proof and not a counterexample is [`ProofVerdict::Unknown`] or [`ProofVerdict::Stopped`], with why.

mod job;
mod serve;
mod worker;
pub(crate) mod workers;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use stopgate_author::cedar::proof::Atom;

pub(crate) use job::{AtomEffect, Raw, STACK, Subject};
use job::{Body, JobAnswer, ProofQuestion};
pub(crate) use serve::serve;
pub(crate) use worker::COMMAND;
use worker::{Missed, Worker};

/// Names the solver's program where it is not `cvc5` on the path.
const VARIABLE: &str = "CVC5";
/// Most policies of one side of a question. A larger question is answered as unknown and never prepared.
const MOST_POLICIES: usize = 1000;
/// How long one rule alone may take to be prepared, where many together took too long.
const ALONE: Duration = Duration::from_secs(1);

/// The answer to a question.
#[derive(Debug)]
pub(crate) enum ProofVerdict {
    /// It holds for every request there is.
    Proved,
    /// It does not: here is a request.
    Refuted(Raw),
    /// Nothing is known of this question, and why.
    Unknown(String),
    /// Nothing is known, and asking more would not help.
    Stopped(Stop),
}

/// Why no more is asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stop {
    /// There is nothing to ask.
    NoSolver,
    /// The time for it is over.
    Over,
    /// A question could not be prepared, and how that went.
    Unprepared(String),
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSolver => write!(f, "there is no solver: {INSTALL}"),
            Self::Over => f.write_str("the time for proofs was over"),
            Self::Unprepared(how) => write!(f, "the proof {how}"),
        }
    }
}

/// Policies of one side of a question, with their effects.
#[derive(Debug, Default)]
pub(crate) struct Policies {
    all: Vec<Body>,
    bodies: BTreeSet<(AtomEffect, String)>,
}

impl Policies {
    /// Adds a policy to the side.
    pub(crate) fn add(&mut self, atom: &Atom, effect: AtomEffect) {
        self.all.push((effect, atom.body().to_owned()));
        self.bodies.insert((effect, atom.key().to_owned()));
    }

    /// Returns what tells two sides apart; sides with the same bodies allow the same.
    pub(crate) const fn bodies(&self) -> &BTreeSet<(AtomEffect, String)> {
        &self.bodies
    }
}

/// The program that solves, found once.
#[derive(Debug, Clone)]
pub(crate) struct Solver {
    program: OsString,
    /// Its name and version, as it says them itself.
    version: String,
}

/// There is no solver.
#[derive(Debug, thiserror::Error)]
#[error("there is no solver: {} does not run", program.display())]
struct NoSolver {
    program: PathBuf,
    #[source]
    source: std::io::Error,
}

/// How to get a solver.
pub const INSTALL: &str =
    "install cvc5, such as with `apt-get install cvc5`, or name its program in the variable CVC5";

impl Solver {
    /// Looks for the solver's program: the one that the variable names, otherwise `cvc5` on the path.
    fn find() -> Result<Self, NoSolver> {
        let program = std::env::var_os(VARIABLE).unwrap_or_else(|| "cvc5".into());
        let said = std::process::Command::new(&program)
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .map_err(|source| NoSolver {
                program: program.clone().into(),
                source,
            })?;
        let text = String::from_utf8_lossy(&said.stdout);
        let first = text.lines().next().unwrap_or_default();
        let version = first.trim_start_matches("This is ").trim();
        let version = version.split(" [").next().unwrap_or(version).to_owned();
        Ok(Self { program, version })
    }
}

/// What every prover is made of.
#[derive(Debug)]
pub(crate) struct Provers {
    /// The program `stopgate`, which proves as a process.
    program: PathBuf,
    solver: Option<Solver>,
    per_question: Duration,
}

impl Provers {
    /// Looks for the solver; `program` is the program `stopgate`, and each step of a question may take `per_question`.
    pub(crate) fn find(program: &Path, per_question: Duration) -> Self {
        Self {
            program: program.to_owned(),
            solver: Solver::find().ok(),
            per_question,
        }
    }

    /// Returns the solver's name and version, if there is a solver.
    pub(crate) fn version(&self) -> Option<&str> {
        self.solver.as_ref().map(|solver| solver.version.as_str())
    }

    /// Starts a process that proves.
    fn worker(&self) -> std::io::Result<Worker> {
        let solver = self
            .solver
            .as_ref()
            .map(|solver| solver.program.as_os_str());
        Worker::start(&self.program, solver, self.per_question)
    }

    /// Makes a prover, whose process starts with the first question.
    pub(crate) const fn prover(&self) -> Prover<'_> {
        Prover {
            provers: self,
            worker: None,
            asked: 0,
        }
    }
}

/// Asks questions, one after the other.
pub(crate) struct Prover<'p> {
    provers: &'p Provers,
    worker: Option<Worker>,
    /// Questions that the solver was asked so far.
    pub(crate) asked: usize,
}

impl Prover<'_> {
    /// Asks whether `right` allows everything that `left` allows. Nothing is prepared after `end`.
    pub(crate) fn implies(
        &mut self,
        subject: &Subject,
        (left, right): (&Policies, &Policies),
        end: Instant,
    ) -> ProofVerdict {
        let most = left.all.len().max(right.all.len());
        if most > MOST_POLICIES {
            return ProofVerdict::Unknown(format!(
                "{most} rules reach it, more than the {MOST_POLICIES} that one proof is made of"
            ));
        }
        let (left, right) = ((&*left.all).into(), (&*right.all).into());
        self.ask(subject, ProofQuestion::Implies { left, right }, end)
    }

    /// Asks whether `body` can be evaluated for every request.
    pub(crate) fn never_fails(
        &mut self,
        subject: &Subject,
        body: &Atom,
        end: Instant,
    ) -> ProofVerdict {
        let question = ProofQuestion::NeverFails(body.body().into());
        self.ask(subject, question, end)
    }

    /// Asks whether `body` matches no request at all.
    pub(crate) fn never_matches(
        &mut self,
        subject: &Subject,
        body: &Atom,
        end: Instant,
    ) -> ProofVerdict {
        let question = ProofQuestion::NeverMatches(body.body().into());
        self.ask(subject, question, end)
    }

    /// Returns, for each of `bodies`, whether the types of `subject` fit it.
    ///
    /// # Errors
    /// Why that is not known.
    pub(crate) fn fits<'a>(
        &mut self,
        subject: &Subject,
        bodies: impl IntoIterator<Item = &'a Atom>,
    ) -> Result<Vec<bool>, String> {
        let bodies = bodies.into_iter().map(|body| body.body().to_owned());
        let bodies: Vec<String> = bodies.collect();
        let count = bodies.len();
        let within = self.provers.per_question;
        match self.tell(subject, ProofQuestion::Fits(bodies), within) {
            Ok(JobAnswer::Fits(fits)) if fits.len() == count => Ok(fits),
            Ok(JobAnswer::Unknown(why)) => Err(why),
            Ok(
                JobAnswer::Fits(_) | JobAnswer::Done | JobAnswer::Proved | JobAnswer::Refuted(_),
            ) => Err(odd()),
            Err(missed @ (Missed::Preparing | Missed::Died)) => {
                Err(format!("it {}", missed.how(within)))
            }
            Err(missed @ (Missed::Start(_) | Missed::Answering | Missed::Odd)) => {
                Err(missed.how(within))
            }
        }
    }

    /// Finds the first of `rules` that cannot be prepared alone within [`ALONE`]. The largest are tried first.
    pub(crate) fn slow<'a, Id>(
        &mut self,
        subject: &Subject,
        rules: impl IntoIterator<Item = (Id, &'a Atom)>,
    ) -> Option<Id> {
        let rules = rules.into_iter().map(|(id, body)| (id, body.body()));
        let mut rules: Vec<_> = rules.collect();
        rules.sort_by_key(|(_, body)| std::cmp::Reverse(body.len()));
        let slow = rules.into_iter().find(|(_, body)| {
            let told = self.tell(subject, ProofQuestion::Prepare((*body).into()), ALONE);
            matches!(told, Err(Missed::Preparing | Missed::Died))
        });
        slow.map(|(id, _)| id)
    }

    /// Asks one question, in the time that is left until `end`. What would stop every other question too is told apart
    /// from what is not known of this one.
    fn ask(
        &mut self,
        subject: &Subject,
        question: ProofQuestion<'_>,
        end: Instant,
    ) -> ProofVerdict {
        if self.provers.solver.is_none() {
            return ProofVerdict::Stopped(Stop::NoSolver);
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return ProofVerdict::Stopped(Stop::Over);
        }
        self.asked = self.asked.saturating_add(1);
        let whole = self.provers.per_question;
        match self.tell(subject, question, whole.min(left)) {
            Ok(JobAnswer::Proved) => ProofVerdict::Proved,
            Ok(JobAnswer::Refuted(raw)) => ProofVerdict::Refuted(raw),
            Ok(JobAnswer::Unknown(why)) => ProofVerdict::Unknown(why),
            Ok(JobAnswer::Fits(_) | JobAnswer::Done) => ProofVerdict::Unknown(odd()),
            Err(Missed::Preparing) if left < whole => ProofVerdict::Stopped(Stop::Over),
            Err(missed @ (Missed::Preparing | Missed::Died)) => {
                ProofVerdict::Stopped(Stop::Unprepared(missed.how(whole)))
            }
            Err(missed @ (Missed::Start(_) | Missed::Answering | Missed::Odd)) => {
                ProofVerdict::Unknown(missed.how(whole))
            }
        }
    }

    /// Asks the process, which is a fresh one after anything but an answer, and after many questions.
    fn tell(
        &mut self,
        subject: &Subject,
        question: ProofQuestion<'_>,
        preparing: Duration,
    ) -> Result<JobAnswer, Missed> {
        let kept = self.worker.take().filter(Worker::is_fresh);
        let mut worker = match kept {
            Some(worker) => worker,
            None => self.provers.worker().map_err(Missed::Start)?,
        };
        let answer = worker.ask(subject, question, (preparing, self.provers.per_question))?;
        self.worker = Some(worker);
        Ok(answer)
    }
}

/// Returns what is said of an answer that cannot be understood.
fn odd() -> String {
    Missed::Odd.how(Duration::ZERO)
}
