//! The solver: the only place that names symcc, and Cedar's own types.
//!
//! One solver process for each prover, a fresh one after any failure, and a time for each question. Whatever is not a
//! proof and not a counterexample is [`Verdict::Unknown`], with why.

pub(crate) mod workers;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use cedar_policy::{Effect, EntityUid, Policy, PolicySet, RequestEnv, Schema};
use cedar_policy_symcc::err::Error::SolverUnknown;
use cedar_policy_symcc::solver::LocalSolver;
use cedar_policy_symcc::{CedarSymCompiler, CompiledPolicy, CompiledPolicySet, Env};
use serde_json::Value;
use stopgate_lang::cedar::FormError;
use stopgate_lang::cedar::proof::Atom;
use tokio::process::Command;

/// Names the solver's program where it is not `cvc5` on the path.
const VARIABLE: &str = "CVC5";
/// Most policies of one side of a question.
const MOST_POLICIES: usize = 1000;
/// Questions that one process is asked: it keeps something of each, and gets slower.
const MOST_QUESTIONS: usize = 128;
/// What a stuck solver is given beyond its own limit.
const GRACE: Duration = Duration::from_secs(2);
/// Stack of a thread that compiles and encodes: both recurse over whole policies.
pub(crate) const STACK: usize = 64 << 20;

/// The answer to a question.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It holds for every request there is.
    Proved,
    /// It does not: here is a request.
    Refuted(Raw),
    /// Nothing is known, and why.
    Unknown(String),
}

/// A request as the solver made it up.
#[derive(Debug, Clone)]
pub(crate) struct Raw {
    /// What the principal holds, of what is known.
    pub(crate) held: Vec<String>,
    /// The context, in Cedar's JSON.
    pub(crate) context: Value,
}

/// What the requests of a question look like.
#[derive(Debug)]
pub(crate) struct Subject {
    /// Types.
    pub(crate) schema: Schema,
    /// The one kind of request.
    pub(crate) environment: RequestEnv,
    /// Everything that somebody may hold.
    pub(crate) known: Vec<String>,
}

/// Policies of one side of a question, with their effects.
#[derive(Debug, Default)]
pub(crate) struct Policies {
    policies: Vec<Policy>,
    bodies: BTreeSet<(AtomEffect, String)>,
}

impl Policies {
    /// Adds a policy.
    ///
    /// # Errors
    /// [`FormError`], which is a mistake of ours.
    pub(crate) fn add(&mut self, atom: &Atom, effect: AtomEffect) -> Result<(), FormError> {
        let id = format!("p{}", self.policies.len());
        let of_cedar = match effect {
            AtomEffect::Permit => Effect::Permit,
            AtomEffect::Forbid => Effect::Forbid,
        };
        self.policies.push(atom.policy(&id, of_cedar)?);
        self.bodies.insert((effect, atom.key().to_owned()));
        Ok(())
    }

    /// What tells two sides apart; sides with the same bodies allow the same.
    pub(crate) const fn bodies(&self) -> &BTreeSet<(AtomEffect, String)> {
        &self.bodies
    }

    /// Compiles this side for the requests of `subject`, for as many questions as it is a side of.
    ///
    /// # Errors
    /// Why it has no part in any question, as text.
    pub(crate) fn compile(&self, subject: &Subject) -> Result<Compiled, String> {
        let set = self.set()?;
        CompiledPolicySet::compile(&set, &subject.environment, &subject.schema)
            .map(Compiled)
            .map_err(|error| error.to_string())
    }

    fn set(&self) -> Result<PolicySet, String> {
        if self.policies.len() > MOST_POLICIES {
            return Err(format!(
                "{} rules reach it, more than the {MOST_POLICIES} that one proof is made of",
                self.policies.len()
            ));
        }
        PolicySet::from_policies(self.policies.iter().cloned()).map_err(|error| error.to_string())
    }
}

/// One side of a question, ready to be asked about.
pub(crate) struct Compiled(CompiledPolicySet);

/// How a body stands in a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum AtomEffect {
    /// It allows.
    Permit,
    /// It takes away.
    Forbid,
}

/// The program that solves, found once.
#[derive(Debug, Clone)]
pub(crate) struct Solver {
    program: OsString,
    /// Its name and version, as it says them itself.
    pub(crate) version: String,
    per_question: Duration,
}

/// There is no solver.
#[derive(Debug, thiserror::Error)]
#[error("there is no solver: {} does not run", program.display())]
pub(crate) struct NoSolver {
    program: PathBuf,
    #[source]
    source: std::io::Error,
}

/// How to get a solver.
pub const INSTALL: &str =
    "install cvc5, such as with `apt-get install cvc5`, or name its program in the variable CVC5";

impl Solver {
    /// Looks for the solver; each question may take `per_question`.
    ///
    /// # Errors
    /// [`NoSolver`]
    pub(crate) fn find(per_question: Duration) -> Result<Self, NoSolver> {
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
        Ok(Self {
            program,
            version,
            per_question,
        })
    }

    fn start(&self) -> Result<CedarSymCompiler<LocalSolver>, String> {
        let mut command = Command::new(&self.program);
        command
            .args(["--lang", "smt", "--strings-exp"])
            .arg(format!("--tlimit-per={}", self.per_question.as_millis()))
            .process_group(0)
            .kill_on_drop(true);
        let solver = LocalSolver::from_command(&mut command).map_err(|error| error.to_string())?;
        CedarSymCompiler::new(solver).map_err(|error| error.to_string())
    }
}

/// Asks questions, one after the other.
pub(crate) struct Prover {
    solver: Solver,
    runtime: tokio::runtime::Runtime,
    running: Option<CedarSymCompiler<LocalSolver>>,
    /// Questions asked so far.
    pub(crate) asked: usize,
}

impl Prover {
    /// A prover; its solver starts with the first question.
    ///
    /// # Errors
    /// When the system gives no runtime.
    pub(crate) fn new(solver: Solver) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        Ok(Self {
            solver,
            runtime,
            running: None,
            asked: 0,
        })
    }

    /// Whether `right` allows everything that `left` allows.
    pub(crate) fn implies(
        &mut self,
        subject: &Subject,
        left: &Compiled,
        right: &Compiled,
    ) -> Verdict {
        let (Compiled(left), Compiled(right)) = (left, right);
        self.ask(subject, async |solver| {
            solver
                .check_implies_with_counterexample_opt(left, right)
                .await
        })
    }

    /// Whether `right` allows everything that `left` allows, for sides that have a part in no other question.
    pub(crate) fn implies_once(
        &mut self,
        subject: &Subject,
        left: &Policies,
        right: &Policies,
    ) -> Verdict {
        match (left.compile(subject), right.compile(subject)) {
            (Ok(left), Ok(right)) => self.implies(subject, &left, &right),
            (Err(why), _) | (_, Err(why)) => Verdict::Unknown(why),
        }
    }

    /// Whether `atom` can be evaluated for every request that no guard stands for.
    pub(crate) fn never_fails(
        &mut self,
        subject: &Subject,
        atom: &Atom,
        guards: &[Atom],
    ) -> Verdict {
        match one(subject, atom, guards) {
            Ok(compiled) => self.ask(subject, async |solver| {
                solver
                    .check_never_errors_with_counterexample_opt(&compiled)
                    .await
            }),
            Err(why) => Verdict::Unknown(why),
        }
    }

    /// Whether `atom` matches no request at all that no guard stands for.
    pub(crate) fn never_matches(
        &mut self,
        subject: &Subject,
        atom: &Atom,
        guards: &[Atom],
    ) -> Verdict {
        match one(subject, atom, guards) {
            Ok(compiled) => self.ask(subject, async |solver| {
                solver
                    .check_never_matches_with_counterexample_opt(&compiled)
                    .await
            }),
            Err(why) => Verdict::Unknown(why),
        }
    }

    /// Whether the types of `subject` fit `atom`.
    pub(crate) fn fits(subject: &Subject, atom: &Atom) -> bool {
        let policy = atom.policy("rule", Effect::Permit);
        policy.is_ok_and(|policy| {
            CompiledPolicy::compile(&policy, &subject.environment, &subject.schema).is_ok()
        })
    }

    fn ask(
        &mut self,
        subject: &Subject,
        question: impl AsyncFnOnce(
            &mut CedarSymCompiler<LocalSolver>,
        ) -> cedar_policy_symcc::err::Result<Option<Env>>,
    ) -> Verdict {
        if self.asked.is_multiple_of(MOST_QUESTIONS) {
            self.running = None;
        }
        self.asked = self.asked.saturating_add(1);
        let limit = self.solver.per_question.saturating_add(GRACE);
        let (solver, running) = (&self.solver, &mut self.running);
        let answer = self.runtime.block_on(async {
            let mut ready = match running.take() {
                Some(ready) => ready,
                None => solver.start()?,
            };
            let asked = tokio::time::timeout(limit, question(&mut ready)).await;
            match asked {
                Ok(Ok(answer)) => {
                    // After a failure the process is not asked again: what it would say belongs to nothing.
                    *running = Some(ready);
                    Ok(answer)
                }
                Ok(Err(SolverUnknown)) => Err("the solver did not come to an end".to_owned()),
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err(format!(
                    "the solver did not answer within {} s",
                    limit.as_secs()
                )),
            }
        });
        match answer {
            Ok(None) => Verdict::Proved,
            Ok(Some(env)) => raw(&env, subject).map_or_else(Verdict::Unknown, Verdict::Refuted),
            Err(why) => Verdict::Unknown(why),
        }
    }
}

/// One body behind guards, compiled.
fn one(subject: &Subject, atom: &Atom, guards: &[Atom]) -> Result<CompiledPolicy, String> {
    let policy = atom.policy_behind("rule", Effect::Permit, guards);
    let policy = policy.map_err(|error| error.to_string())?;
    CompiledPolicy::compile(&policy, &subject.environment, &subject.schema)
        .map_err(|error| error.to_string())
}

/// What is kept of a counterexample: what the principal holds of what is known, and the context.
fn raw(env: &Env, subject: &Subject) -> Result<Raw, String> {
    let unusable = || "the solver's request has no principal or no context".to_owned();
    let principal = env.request.principal().ok_or_else(unusable)?;
    let context = env.request.context().ok_or_else(unusable)?;
    let context = context.to_json_value().map_err(|error| error.to_string())?;
    let holds = |held: &&String| {
        let profile =
            EntityUid::from_json(serde_json::json!({"type": "Stopgate::Profile", "id": held}));
        profile.is_ok_and(|profile| env.entities.is_ancestor_of(&profile, principal))
    };
    Ok(Raw {
        held: subject.known.iter().filter(holds).cloned().collect(),
        context,
    })
}
