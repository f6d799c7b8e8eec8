//! `stopgate.v1.EnforcementService`: translates, and catches what goes wrong in between. It decides nothing.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use stopgate_proto::v1 as pb;
use stopgate_proto::v1::enforcement_service_server::EnforcementService;
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::caller::Caller;
use crate::enforce::{self, Enforcer, TraceId};
use crate::metrics::Metrics;
use crate::undecided::Undecided;

/// `domain` of every `google.rpc.ErrorInfo`.
const DOMAIN: &str = "stopgate";

/// The service behind the door.
#[derive(Debug)]
pub struct Grpc {
    enforcer: Arc<Enforcer>,
    metrics: Arc<Metrics>,
}

impl Grpc {
    /// Makes a service that answers with what `enforcer` decides, and counts in `metrics` the requests that get no
    /// decision.
    #[must_use]
    pub const fn new(enforcer: Arc<Enforcer>, metrics: Arc<Metrics>) -> Self {
        Self { enforcer, metrics }
    }

    fn undecided(&self, why: Undecided, message: &str) -> Status {
        self.metrics.undecided(why);
        status(why, message)
    }
}

/// Returns the status for a request that gets no decision. `message` holds no value of the request.
pub(super) fn status(why: Undecided, message: &str) -> Status {
    let code = match why {
        Undecided::NotAllowed => Code::Unauthenticated,
        Undecided::Malformed | Undecided::TooLarge => Code::InvalidArgument,
        Undecided::TooSlow => Code::DeadlineExceeded,
        Undecided::NoBundle | Undecided::Draining => Code::Unavailable,
        Undecided::Fault => Code::Internal,
    };
    let details = ErrorDetails::with_error_info(why.as_str().to_uppercase(), DOMAIN, []);
    Status::with_error_details(code, message, details)
}

const fn message(why: Undecided) -> &'static str {
    match why {
        Undecided::NotAllowed => "this caller may not ask for decisions",
        Undecided::Malformed => "the request is not what it has to be",
        Undecided::TooLarge => "the message is too long",
        Undecided::TooSlow => "the message did not arrive in time",
        Undecided::NoBundle => "no verified policy is in force",
        Undecided::Draining => "the sidecar is going away",
        Undecided::Fault => "the sidecar failed",
    }
}

fn caller<T>(request: &Request<T>) -> Option<Arc<Caller>> {
    request.extensions().get::<Arc<Caller>>().cloned()
}

/// Waits for `deciding` and returns what comes of it; a panic is a fault.
async fn settle<T>(deciding: impl Future<Output = Result<T, Undecided>>) -> Result<T, Undecided> {
    let mut deciding = pin!(deciding);
    poll_fn(|cx| {
        // What a panic leaves behind is dropped and not looked at again; what is shared is counters and locks, each
        // whole after every step.
        let polled = catch_unwind(AssertUnwindSafe(|| deciding.as_mut().poll(cx)));
        polled.unwrap_or_else(|_| {
            tracing::error!("request panicked");
            Poll::Ready(Err(Undecided::Fault))
        })
    })
    .await
}

#[tonic::async_trait]
impl EnforcementService for Grpc {
    async fn decide(
        &self,
        request: Request<pb::DecideRequest>,
    ) -> Result<Response<pb::DecideResponse>, Status> {
        let caller =
            caller(&request).ok_or_else(|| self.undecided(Undecided::NotAllowed, "nobody asks"))?;
        let trace = request
            .metadata()
            .get("traceparent")
            .and_then(|header| header.to_str().ok());
        // A header that is no trace is no reason to refuse: nothing is decided by it.
        let trace = trace.and_then(TraceId::of_traceparent);
        let request = enforce::Request::try_from(request.into_inner());
        let request = request
            .map_err(|invalid| self.undecided(Undecided::Malformed, &invalid.to_string()))?;
        let request = enforce::Request { trace, ..request };
        // No task of its own: a caller that goes away takes no record with it, which is on its way before anybody waits.
        let answered = settle(self.enforcer.decide(&caller, request)).await;
        match answered {
            Ok(answer) => Ok(Response::new(answer.into())),
            Err(why) => Err(self.undecided(why, message(why))),
        }
    }

    async fn get_status(
        &self,
        request: Request<pb::GetStatusRequest>,
    ) -> Result<Response<pb::GetStatusResponse>, Status> {
        caller(&request).ok_or_else(|| self.undecided(Undecided::NotAllowed, "nobody asks"))?;
        let pb::GetStatusRequest {} = request.into_inner();
        Ok(Response::new(self.enforcer.status().into()))
    }
}

#[cfg(test)]
mod tests;
