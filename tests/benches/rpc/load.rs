//! Callers that ask again as soon as they have their answer, and how long each answer took.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::time::{ClockId, clock_gettime};
use stopgate_client::wire::decide_response::Result as Outcome;
use stopgate_client::wire::{DecideRequest, DecideResponse};
use stopgate_proto::v1::enforcement_service_client::EnforcementServiceClient;
use tokio::runtime::Runtime;
use tonic::transport::{Channel, Endpoint};

/// Part of a measurement that comes before it and does not count.
const WARM_UP: u32 = 5;

/// Somebody who asks one question, again and again.
pub(crate) trait Caller: Send + 'static {
    /// Asks it and waits for the answer, which has to be the right one.
    fn ask(&mut self) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// How many ask, over how many connections.
pub(crate) struct Load {
    pub(crate) callers: usize,
    pub(crate) connections: usize,
}

/// What came of it.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    /// Answers in one second.
    pub(crate) per_second: f64,
    /// Processor time of the whole process for one answer, callers included.
    pub(crate) processor: Duration,
    /// Sorted.
    times: Vec<Duration>,
}

impl Measured {
    pub(crate) fn new(mut times: Vec<Duration>, span: Duration) -> Self {
        times.sort_unstable();
        #[expect(
            clippy::cast_precision_loss,
            reason = "a benchmark counts less than 2^52"
        )]
        let per_second = times.len() as f64 / span.as_secs_f64();
        Self {
            per_second,
            processor: Duration::ZERO,
            times,
        }
    }

    /// The time that `per_mille` of all stayed within.
    pub(crate) fn at(&self, per_mille: usize) -> Duration {
        // Of an empty list it is no time at all.
        let last = self.times.len().saturating_sub(1);
        let at = (self.times.len() * per_mille / 1000).min(last);
        self.times.get(at).copied().unwrap_or_default()
    }
}

impl Load {
    /// Asks for `span`, after a warm-up, over fresh connections.
    pub(crate) fn run(
        &self,
        clients: &Runtime,
        socket: &Path,
        request: &DecideRequest,
        span: Duration,
    ) -> anyhow::Result<Measured> {
        clients.block_on(async {
            let mut services = Vec::new();
            for _ in 0..self.connections {
                services.push(connect(socket).await?);
            }
            let callers = services.iter().cycle().take(self.callers);
            let callers = callers.map(|service| Grpc {
                service: service.clone(),
                request: request.clone(),
            });
            measure(callers.collect(), span, processor_time).await
        })
    }
}

/// Lets `callers` ask for `span`, after a warm-up; `processor` tells the time of all processes that take part.
pub(crate) async fn measure<C: Caller>(
    callers: Vec<C>,
    span: Duration,
    processor: impl Fn() -> anyhow::Result<Duration>,
) -> anyhow::Result<Measured> {
    let before = processor()?;
    // Callers start at once, and what was asked before this does not count.
    let from = Instant::now() + span / WARM_UP;
    let asking = callers
        .into_iter()
        .map(|caller| asks(caller, from, from + span));
    let asking: Vec<_> = asking.map(tokio::spawn).collect();
    let (mut times, mut answers) = (Vec::new(), 0);
    for one in asking {
        let (own, all) = one.await??;
        times.extend(own);
        answers += all;
    }
    // Warm-up included, since processor time is only known as a whole.
    let processor = processor()?.saturating_sub(before) / answers.max(1);
    Ok(Measured {
        processor,
        ..Measured::new(times, span)
    })
}

/// A caller of a service of ours.
struct Grpc {
    service: EnforcementServiceClient<Channel>,
    request: DecideRequest,
}

impl Caller for Grpc {
    async fn ask(&mut self) -> anyhow::Result<()> {
        let answer = self.service.decide(self.request.clone()).await?;
        passed(answer.get_ref())
    }
}

pub(crate) async fn connect(socket: &Path) -> anyhow::Result<EnforcementServiceClient<Channel>> {
    let address = format!("unix:{}", socket.display());
    let channel = Endpoint::from_shared(address)?.connect().await?;
    Ok(EnforcementServiceClient::new(channel))
}

/// Reads the processor time of this process: of the callers and of whatever answers them here.
pub(crate) fn processor_time() -> anyhow::Result<Duration> {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Ok(Duration::try_from(time)?)
}

/// Asks until the time is over; returns the times that count, and how many answers there were in all.
async fn asks<C: Caller>(
    mut caller: C,
    from: Instant,
    until: Instant,
) -> anyhow::Result<(Vec<Duration>, u32)> {
    let (mut times, mut answers) = (Vec::new(), 0);
    loop {
        let asked = Instant::now();
        caller.ask().await?;
        let answered = Instant::now();
        answers += 1;
        // Too late for the span, but it did take processor time.
        if answered > until {
            return Ok((times, answers));
        }
        // By when it was asked, so that a slow answer that began in the warm-up is left out.
        if asked >= from {
            times.push(answered - asked);
        }
    }
}

/// A rejection would be measured as something quicker than a decision.
pub(crate) fn passed(answer: &DecideResponse) -> anyhow::Result<()> {
    match answer
        .result
        .as_ref()
        .context("an answer without a result")?
    {
        Outcome::Permit(_) | Outcome::Route(_) => Ok(()),
        Outcome::Reject(reject) => bail!("rejected: {}", reject.message),
    }
}
