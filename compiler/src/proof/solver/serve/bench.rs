//! What is kept between jobs, and how each kind of question is asked.

use std::collections::HashMap;
use std::ffi::OsString;
use std::rc::Rc;
use std::str::FromStr as _;
use std::sync::mpsc;
use std::time::Duration;

use cedar_policy::{Effect, EntityUid, Policy, PolicyId, PolicySet, RequestEnv, Schema};
use cedar_policy_symcc::err::Error::SolverUnknown;
use cedar_policy_symcc::solver::WriterSolver;
use cedar_policy_symcc::{CedarSymCompiler, CompiledPolicy, CompiledPolicySet, Env};
use stopgate_author::cedar::proof;

use super::super::job::{
    AtomEffect, Body, Job, JobAnswer, ProofQuestion, Raw, WorkerLine, WorkerOrder,
};
use super::limits::{ProcessLimits, say};
use super::whole::Whole;

/// Everything that is kept between jobs.
pub(super) struct Bench {
    solver: Option<OsString>,
    limit: Duration,
    running: Option<CedarSymCompiler<Whole>>,
    /// The types of the last job.
    types: Option<(String, Rc<Types>)>,
    /// The right side of the last job that had one, under its types: it stays while people are left out on the left.
    right: Option<(Vec<Body>, CompiledPolicySet)>,
    /// Bodies that were read.
    policies: HashMap<Body, Policy>,
}

/// Types of requests.
struct Types {
    schema: Schema,
    environment: RequestEnv,
}

impl Types {
    fn parse(text: &str) -> Result<Self, String> {
        let schema = Schema::from_str(text).map_err(|error| error.to_string())?;
        let mut environments = schema.request_envs();
        let environment = match (environments.next(), environments.next()) {
            (Some(only), None) => only,
            _ => return Err("an operation has one kind of request".to_owned()),
        };
        drop(environments);
        Ok(Self {
            schema,
            environment,
        })
    }

    fn policy(&self, policy: &Policy) -> Result<CompiledPolicy, String> {
        CompiledPolicy::compile(policy, &self.environment, &self.schema)
            .map_err(|error| error.to_string())
    }

    fn set(&self, policies: Vec<Policy>) -> Result<CompiledPolicySet, String> {
        let set = PolicySet::from_policies(policies).map_err(|error| error.to_string())?;
        CompiledPolicySet::compile(&set, &self.environment, &self.schema)
            .map_err(|error| error.to_string())
    }
}

impl Bench {
    pub(super) fn new(solver: Option<OsString>, limit: Duration) -> Self {
        Self {
            solver,
            limit,
            running: None,
            types: None,
            right: None,
            policies: HashMap::new(),
        }
    }

    /// Answers jobs until there are no more, or until one cannot be understood or an answer cannot be told.
    pub(super) async fn work(&mut self, limits: &ProcessLimits, queue: &mpsc::Receiver<String>) {
        while let Ok(line) = queue.recv() {
            let done = match serde_json::from_str(&line) {
                Ok(WorkerOrder::Job(job)) => self.job(limits, &job).await,
                Ok(WorkerOrder::Close(job)) => say(&WorkerLine::Closed(job)),
                Err(error) => Err(error.into()),
            };
            if done.is_err() {
                return;
            }
        }
    }

    async fn job(&mut self, limits: &ProcessLimits, job: &Job<'_>) -> std::io::Result<()> {
        limits.renew()?;
        let mut said = false;
        let answer = self.answer(job, &mut said).await;
        if !said {
            say(&WorkerLine::Prepared(job.number))?;
        }
        say(&WorkerLine::Answered {
            job: job.number,
            answer: answer.unwrap_or_else(JobAnswer::Unknown),
        })
    }

    /// Prepares and asks the question of a job. Types, policies and the right side are kept: many questions in a row
    /// differ in their left sides only.
    async fn answer(&mut self, job: &Job<'_>, said: &mut bool) -> Result<JobAnswer, String> {
        let types = self.types(&job.schema)?;
        match &job.question {
            ProofQuestion::Implies { left, right } => {
                let left = types.set(self.policies(left)?)?;
                let right = match self.right.take().filter(|(bodies, _)| **bodies == **right) {
                    Some(known) => known,
                    None => (right.to_vec(), types.set(self.policies(right)?)?),
                };
                let answer = self.ask(job, said, async |solver| {
                    solver
                        .check_implies_with_counterexample_opt(&left, &right.1)
                        .await
                });
                let answer = answer.await;
                self.right = Some(right);
                answer
            }
            ProofQuestion::NeverFails(body) => {
                let body = types.policy(&self.policy(body)?)?;
                let ask = async |solver: &mut CedarSymCompiler<Whole>| {
                    solver
                        .check_never_errors_with_counterexample_opt(&body)
                        .await
                };
                self.ask(job, said, ask).await
            }
            ProofQuestion::NeverMatches(body) => {
                let body = types.policy(&self.policy(body)?)?;
                let ask = async |solver: &mut CedarSymCompiler<Whole>| {
                    solver
                        .check_never_matches_with_counterexample_opt(&body)
                        .await
                };
                self.ask(job, said, ask).await
            }
            ProofQuestion::Fits(bodies) => {
                let fits = |body: &String| {
                    let policy = self.policy(body);
                    policy.is_ok_and(|policy| types.policy(&policy).is_ok())
                };
                Ok(JobAnswer::Fits(bodies.iter().map(fits).collect()))
            }
            ProofQuestion::Prepare(body) => {
                let body = types.policy(&self.policy(body)?)?;
                prepare(&body).await
            }
        }
    }

    fn types(&mut self, schema: &str) -> Result<Rc<Types>, String> {
        if let Some((_, types)) = self.types.as_ref().filter(|(text, _)| text == schema) {
            return Ok(Rc::clone(types));
        }
        let types = Rc::new(Types::parse(schema)?);
        self.types = Some((schema.to_owned(), Rc::clone(&types)));
        self.right = None;
        Ok(types)
    }

    fn policy(&mut self, body: &str) -> Result<Policy, String> {
        self.read(&(AtomEffect::Permit, body.to_owned()))
    }

    fn policies(&mut self, bodies: &[Body]) -> Result<Vec<Policy>, String> {
        let bodies = bodies.iter().enumerate();
        let policies = bodies.map(|(at, body)| {
            let policy = self.read(body)?;
            Ok(policy.new_id(PolicyId::new(format!("p{at}"))))
        });
        policies.collect()
    }

    fn read(&mut self, body: &Body) -> Result<Policy, String> {
        if let Some(known) = self.policies.get(body) {
            return Ok(known.clone());
        }
        let (effect, text) = body;
        let effect = match effect {
            AtomEffect::Permit => Effect::Permit,
            AtomEffect::Forbid => Effect::Forbid,
        };
        let policy = proof::policy(text, effect).map_err(|error| error.to_string())?;
        self.policies.insert(body.clone(), policy.clone());
        Ok(policy)
    }

    /// Asks the solver, in a fresh process after any failure and after the process has had its share of the processor.
    async fn ask(
        &mut self,
        job: &Job<'_>,
        said: &mut bool,
        question: impl AsyncFnOnce(
            &mut CedarSymCompiler<Whole>,
        ) -> cedar_policy_symcc::err::Result<Option<Env>>,
    ) -> Result<JobAnswer, String> {
        let program = self.solver.as_ref();
        let program = program.ok_or_else(|| "there is no solver".to_owned())?;
        let kept = self.running.take();
        let mut running = match kept.filter(|running| running.solver().is_fresh()) {
            Some(running) => running,
            None => Whole::start(program, self.limit)
                .map_err(|error| error.to_string())
                .and_then(|solver| {
                    CedarSymCompiler::new(solver).map_err(|error| error.to_string())
                })?,
        };
        running.solver_mut().begin(job.number);
        let answer = question(&mut running).await;
        *said = running.solver().said();
        match answer {
            Ok(answer) => {
                // After a failure the process is not asked again: what it would say belongs to nothing.
                self.running = Some(running);
                match answer {
                    None => Ok(JobAnswer::Proved),
                    Some(env) => raw(&env, &job.known).map(JobAnswer::Refuted),
                }
            }
            Err(SolverUnknown) => Err("the solver did not come to an end".to_owned()),
            Err(error) => Err(running.solver().late().map_or_else(
                || error.to_string(),
                |limit| format!("the solver did not answer within {} s", limit.as_secs()),
            )),
        }
    }
}

/// Prepares the question whether a body can be evaluated, and gives it to no solver: what counts is that it can be
/// prepared.
async fn prepare(body: &CompiledPolicy) -> Result<JobAnswer, String> {
    let nobody = WriterSolver {
        w: tokio::io::sink(),
    };
    let mut compiler = CedarSymCompiler::new(nobody).map_err(|error| error.to_string())?;
    match compiler
        .check_never_errors_with_counterexample_opt(body)
        .await
    {
        Ok(_) | Err(SolverUnknown) => Ok(JobAnswer::Done),
        Err(error) => Err(error.to_string()),
    }
}

/// Returns what is kept of a counterexample: what the principal holds of what is `known`, and the context.
fn raw(env: &Env, known: &[String]) -> Result<Raw, String> {
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
        held: known.iter().filter(holds).cloned().collect(),
        context,
    })
}
