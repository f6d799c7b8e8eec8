//! Connections: how long each may last, what may arrive on it, and which service a request is for. hyper is used
//! directly because idle time and receive deadlines are limits that tonic's own server lacks.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustix::net::RecvFlags;
use stopgate_proto::v1::enforcement_service_server::EnforcementServiceServer;
use tokio::io::Interest;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tonic::server::NamedService;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::HealthService;
use tonic_reflection::server::v1::{ServerReflection, ServerReflectionServer};
use tower_service::Service as _;

use super::admission::{Admission, Places};
use super::body::{Held, Received};
use super::grpc::{Grpc, status};
use super::reset::Watched;
use crate::bounds::{
    ACCEPT_PAUSE, CONNECTION_WINDOW, GRACE, GREETING, KEEPALIVE, KEEPALIVE_ANSWER, MAX_AGE,
    MAX_ERROR_RESETS, MAX_HEADER_BYTES, MAX_IDLE, MAX_MESSAGE_BYTES, MAX_PENDING_RESETS,
    MAX_SEND_BUFFER, MAX_STREAMS, STREAM_WINDOW,
};
use crate::caller::{Caller, Callers};
use crate::metrics::Metrics;
use crate::seldom::Seldom;
use crate::undecided::Undecided;

/// Length of the first bytes of HTTP/2: `PRI * HTTP/2.0…`.
const GREETING_BYTES: usize = 24;

/// What operators are told when HTTP/2 refuses a request before anybody here sees it.
const UNREADABLE: &str = "a request was no HTTP/2 and got no answer; a gRPC client in Python, Ruby, PHP or C++ sends the \
    path of the socket as its `:authority`, which is none: give its channel the option `grpc.default_authority` with the \
    value `localhost`";

/// The gRPC door.
pub struct Door<R> {
    admission: Admission,
    services: Services<R>,
    unreadable: Arc<Seldom>,
}

impl<R: ServerReflection> Door<R> {
    /// Makes a door through which `callers` reach the services `grpc`, `health` and `reflection`.
    pub fn new(
        callers: Callers,
        grpc: Grpc,
        health: HealthServer<HealthService>,
        reflection: ServerReflectionServer<R>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let services = Services {
            enforcement: EnforcementServiceServer::new(grpc)
                .max_decoding_message_size(MAX_MESSAGE_BYTES)
                .max_encoding_message_size(MAX_MESSAGE_BYTES),
            health: health.max_decoding_message_size(MAX_MESSAGE_BYTES),
            reflection: reflection.max_decoding_message_size(MAX_MESSAGE_BYTES),
            metrics: Arc::clone(&metrics),
        };
        Self {
            admission: Admission::new(callers, metrics),
            services,
            unreadable: Arc::default(),
        }
    }

    /// Returns the places by which open connections are counted.
    #[must_use]
    pub fn places(&self) -> Arc<Places> {
        Arc::clone(&self.admission.places)
    }

    /// Serves `listener` until `draining` says otherwise. Then what is under way is ended, and cut off after [`GRACE`].
    pub async fn serve(self, listener: UnixListener, draining: watch::Receiver<bool>) {
        let mut connections = JoinSet::new();
        let mut told = draining.clone();
        let unaccepted = Seldom::default();
        loop {
            tokio::select! {
                () = told_to_drain(&mut told) => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        if let Some((caller, place)) = self.admission.admit(&stream) {
                            let (services, unreadable) = (self.services.clone(), Arc::clone(&self.unreadable));
                            connections.spawn(connection(stream, caller, services, draining.clone(), place, unreadable));
                        }
                    }
                    Err(error) => {
                        if let Some(passed_over) = unaccepted.tell() {
                            tracing::warn!(%error, passed_over, "connection not accepted");
                        }
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(_) = connections.join_next() => {}
            }
        }
        // Nobody new is kept waiting for a sidecar that goes: with the listener gone, connecting is refused at once.
        drop(listener);
        let ended = async { while connections.join_next().await.is_some() {} };
        if timeout(GRACE, ended).await.is_err() {
            tracing::warn!(connections = connections.len(), "connections cut");
        }
    }
}

async fn told_to_drain(draining: &mut watch::Receiver<bool>) {
    // Nobody left who could tell is the end too.
    let _told = draining.wait_for(|draining| *draining).await;
}

async fn connection<R: ServerReflection>(
    stream: UnixStream,
    caller: Arc<Caller>,
    services: Services<R>,
    mut draining: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
    unreadable: Arc<Seldom>,
) {
    // 1. The greeting, before hyper sees anything: hyper would wait for it without end.
    if !matches!(timeout(GREETING, greeted(&stream)).await, Ok(Ok(()))) {
        tracing::debug!(uid = caller.uid, "peer speaks no HTTP/2");
        return;
    }
    // 2. Each request knows its caller, whatever it says itself, and is counted as activity.
    let activity = Arc::new(Activity::new());
    let service = service_fn(|request| services.call(request, Arc::clone(&caller), &activity));
    let (uid, metrics) = (caller.uid, Arc::clone(&services.metrics));
    // 3. What HTTP/2 refuses reaches no service: it is seen in what is sent, or nobody would ever hear of it.
    let stream = Watched::new(TokioIo::new(stream), move || {
        metrics.undecided(Undecided::Malformed);
        if let Some(passed_over) = unreadable.tell() {
            tracing::warn!(uid, passed_over, "{UNREADABLE}");
        }
    });
    // 4. Every bound that hyper knows; the library's own defaults may change with its version.
    let mut http = http2::Builder::new(TokioExecutor::new());
    http.timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADER_BYTES)
        .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
        .max_local_error_reset_streams(MAX_ERROR_RESETS)
        .max_send_buf_size(MAX_SEND_BUFFER)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE_ANSWER);
    // 5. Until the peer ends it, or one of the reasons why this side does.
    let mut served = pin!(http.serve_connection(stream, service));
    let why = tokio::select! {
        ended = served.as_mut() => {
            if let Err(error) = ended {
                tracing::debug!(%error, uid = caller.uid, "connection ended");
            }
            return;
        }
        () = activity.idle() => "idle",
        () = sleep(MAX_AGE) => "age",
        () = told_to_drain(&mut draining) => "draining",
    };
    tracing::debug!(why, uid = caller.uid, "connection closing");
    // 6. What was asked before is answered; what is asked from here on is not begun, and the client knows that.
    served.as_mut().graceful_shutdown();
    // Cut off by dropping it when the peer does not let go.
    let _cut = timeout(GRACE, served).await;
}

/// Waits until the whole greeting has arrived, and leaves it in the stream.
async fn greeted(stream: &UnixStream) -> io::Result<()> {
    let arrived = || {
        let mut greeting = [0; GREETING_BYTES];
        let (_, arrived) = rustix::net::recv(stream, &mut greeting, RecvFlags::PEEK)?;
        if arrived == GREETING_BYTES {
            Ok(())
        } else {
            Err(io::ErrorKind::WouldBlock.into())
        }
    };
    loop {
        let ready = stream.ready(Interest::READABLE).await?;
        match stream.try_io(Interest::READABLE, arrived) {
            // A closed side stays ready for ever: without this, waiting for more would spin.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && ready.is_read_closed() => {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            settled => return settled,
        }
    }
}

/// What is under way on one connection.
struct Activity {
    requests: AtomicUsize,
    last: Mutex<Instant>,
}

/// One request under way.
struct RequestUnderWay(Arc<Activity>);

impl Activity {
    fn new() -> Self {
        Self {
            requests: AtomicUsize::new(0),
            last: Mutex::new(Instant::now()),
        }
    }

    fn enter(activity: &Arc<Self>) -> RequestUnderWay {
        activity.requests.fetch_add(1, Ordering::Relaxed);
        RequestUnderWay(Arc::clone(activity))
    }

    /// Notes that something was asked just now. A request that may go on for ever, such as a watch of health, counts at
    /// its beginning only: from then on the connection is as idle as without it.
    fn touch(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn last(&self) -> Instant {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there has been no request for [`MAX_IDLE`].
    async fn idle(&self) {
        loop {
            let busy = self.requests.load(Ordering::Relaxed) > 0;
            let since = if busy { Instant::now() } else { self.last() };
            // As long as something is under way, it is looked at again after the same time: an end in between counts
            // from its own instant, which is then the last.
            let until = since + MAX_IDLE;
            if until <= Instant::now() {
                return;
            }
            sleep_until(until).await;
        }
    }
}

impl Drop for RequestUnderWay {
    fn drop(&mut self) {
        self.0.touch();
        self.0.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The services behind the door.
struct Services<R> {
    enforcement: EnforcementServiceServer<Grpc>,
    health: HealthServer<HealthService>,
    reflection: ServerReflectionServer<R>,
    metrics: Arc<Metrics>,
}

impl<R> Clone for Services<R> {
    fn clone(&self) -> Self {
        Self {
            enforcement: self.enforcement.clone(),
            health: self.health.clone(),
            reflection: self.reflection.clone(),
            metrics: Arc::clone(&self.metrics),
        }
    }
}

type Answered = Result<Response<Held<Option<RequestUnderWay>>>, Infallible>;

impl<R: ServerReflection> Services<R> {
    fn call(
        &self,
        mut request: Request<Incoming>,
        caller: Arc<Caller>,
        activity: &Arc<Activity>,
    ) -> impl Future<Output = Answered> + Send + 'static + use<R> {
        let mut services = self.clone();
        request.extensions_mut().insert(caller);
        let path = request.uri().path();
        // Only what asks for decisions keeps a connection: a watch of health would keep it for ever.
        let asks = path
            .trim_start_matches('/')
            .starts_with(EnforcementServiceServer::<Grpc>::NAME);
        activity.touch();
        let active = asks.then(|| Activity::enter(activity));
        async move {
            let path = request
                .uri()
                .path()
                .strip_prefix('/')
                .and_then(|path| path.split_once('/'));
            let bounded = |request: Request<Incoming>, metrics| {
                request.map(|body| Received::new(body, metrics))
            };
            // Reflection is a stream of requests, which has no one message to wait for; each of its messages is
            // bounded.
            let response = match path.map(|(service, _)| service) {
                Some(name) if name == EnforcementServiceServer::<Grpc>::NAME => {
                    let metrics = Arc::clone(&services.metrics);
                    let answered = services.enforcement.call(bounded(request, metrics)).await;
                    answered.map(|response| decoded(response, &services.metrics))
                }
                Some(name) if name == HealthServer::<HealthService>::NAME => {
                    services
                        .health
                        .call(bounded(request, services.metrics))
                        .await
                }
                Some(name) if name == ServerReflectionServer::<R>::NAME => {
                    services.reflection.call(request).await
                }
                Some(_) | None => Ok(tonic::Status::unimplemented("no such service").into_http()),
            };
            response.map(|response| response.map(|body| Held::new(body, active)))
        }
    }
}

/// Returns `response`, or the status of [`Undecided::Malformed`] if tonic could not decode the message. tonic calls
/// that an internal error, the one such that carries no details of ours.
fn decoded(
    response: Response<tonic::body::Body>,
    metrics: &Metrics,
) -> Response<tonic::body::Body> {
    let headers = response.headers();
    let internal = headers
        .get(tonic::Status::GRPC_STATUS)
        .is_some_and(|code| code == "13");
    if internal && !headers.contains_key("grpc-status-details-bin") {
        metrics.undecided(Undecided::Malformed);
        return status(
            Undecided::Malformed,
            "the message is not what the method takes",
        )
        .into_http();
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn t27_what_only_listens_is_no_activity() {
        let activity = Arc::new(Activity::new());
        tokio::time::advance(MAX_IDLE / 2).await;
        activity.touch();
        let watched = Instant::now();
        activity.idle().await;
        assert_eq!(watched.elapsed(), MAX_IDLE);
    }

    #[tokio::test(start_paused = true)]
    async fn t27_a_connection_is_idle_only_without_requests() {
        let activity = Arc::new(Activity::new());
        let begun = Instant::now();
        let request = Activity::enter(&activity);
        assert!(
            timeout(MAX_IDLE * 10, activity.idle()).await.is_err(),
            "a request is under way"
        );
        drop(request);
        let ended = Instant::now();
        activity.idle().await;
        assert!(ended.elapsed() >= MAX_IDLE && ended.elapsed() < MAX_IDLE * 2);
        assert!(begun.elapsed() < MAX_IDLE * 13);
    }
}
