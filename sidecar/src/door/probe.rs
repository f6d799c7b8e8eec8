//! `/metrics`, `/livez` and `/readyz` over HTTP/1.1 on a loopback address, and nothing else. Nothing that is asked
//! here can change anything.

mod crowd;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use self::crowd::Crowd;
use super::admission::Places;
use crate::audit::AuditLog;
use crate::bounds::{ACCEPT_PAUSE, MAX_PROBE_HEADER_BYTES, PROBE_DEADLINE, PROBE_HEADER_DEADLINE};
use crate::identity::Identity;
use crate::metrics::{Gauges, Metrics};
use crate::readiness::{Readiness, State};
use crate::seldom::Seldom;

pub use crate::bounds::MAX_PROBES;

/// What probes are answered from.
#[derive(Debug)]
pub struct Probes {
    /// The counters.
    pub metrics: Arc<Metrics>,
    /// The log, for what it could not record.
    pub audit: AuditLog,
    /// The verifier of tokens, for issuers without keys.
    pub identity: Arc<Identity>,
    /// What holds now.
    pub state: State,
    /// Places for gRPC connections.
    pub places: Arc<Places>,
}

/// Answers probes on `listener`, which has the address `address`; never ends by itself.
pub async fn serve(listener: TcpListener, address: SocketAddr, probes: Arc<Probes>) {
    let mut crowd = Crowd::new(MAX_PROBES, address);
    let unaccepted = Seldom::default();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // A probe never waits for a place: the one that has to go goes at once.
                crowd.make_room();
                let probes = Arc::clone(&probes);
                let answered = tokio::spawn(async move {
                    // A probe that fails is the prober's matter.
                    let _failed = timeout(PROBE_DEADLINE, answer(stream, &probes)).await;
                });
                crowd.enter(peer, answered.abort_handle());
            }
            Err(error) => {
                if let Some(passed_over) = unaccepted.tell() {
                    tracing::warn!(%error, passed_over, "probe not accepted");
                }
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn answer(stream: TcpStream, probes: &Probes) -> Result<(), hyper::Error> {
    let service =
        service_fn(|request| async move { Ok::<_, Infallible>(probes.respond(&request)) });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PROBE_HEADER_DEADLINE)
        .max_buf_size(MAX_PROBE_HEADER_BYTES)
        // One answer for one connection, so that no prober keeps a place between two probes.
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

impl Probes {
    fn respond(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        // A process that answers is alive, whatever it cannot do: what restarting does not mend is no reason to
        // restart.
        let (status, text) = match (request.method(), request.uri().path()) {
            (&Method::GET, "/livez") => (StatusCode::OK, "live\n".to_owned()),
            (&Method::GET, "/readyz") => {
                let readiness = self.state.readiness();
                let status = match readiness {
                    Readiness::Ready => StatusCode::OK,
                    Readiness::NoBundle | Readiness::LogUnwritable | Readiness::Draining => {
                        StatusCode::SERVICE_UNAVAILABLE
                    }
                };
                (status, format!("{}\n", readiness.as_str()))
            }
            (&Method::GET, "/metrics") => (StatusCode::OK, self.metrics.render(&self.gauges())),
            (_, "/livez" | "/readyz" | "/metrics") => {
                (StatusCode::METHOD_NOT_ALLOWED, "only GET\n".to_owned())
            }
            (_, _) => (
                StatusCode::NOT_FOUND,
                "only /metrics, /livez and /readyz\n".to_owned(),
            ),
        };
        let mut response = Response::new(Full::from(text));
        *response.status_mut() = status;
        let plain = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, plain);
        response
    }

    fn gauges(&self) -> Gauges {
        let supply = self.state.supply.borrow();
        Gauges {
            bundle: supply.active.is_some(),
            rules: supply
                .active
                .as_ref()
                .map_or(0, |active| active.bundle.rules_len()),
            failures: supply.failures,
            log_writable: self.state.log_writable(),
            unrecorded: self.audit.unrecorded(),
            ready: self.state.readiness() == Readiness::Ready,
            failing_issuers: self.identity.failing(),
            connections: self.places.taken(),
            log_room: self.audit.room(),
        }
    }
}
