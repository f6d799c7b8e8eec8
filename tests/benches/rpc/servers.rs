//! What is asked: sidecars as they are shipped, and a bare service that answers what a sidecar once answered. Each has
//! a runtime of its own, made as the sidecar's `main` makes it, in the process of the callers.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use anyhow::Context as _;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use jiff::Timestamp;
use stopgate::key::SigningKey;
use stopgate_client::wire as pb;
use stopgate_proto::v1::enforcement_service_server::{
    EnforcementService, EnforcementServiceServer,
};
use stopgate_sidecar::audit::{AuditLog, LOG_DIR, Options};
use stopgate_sidecar::config::{Config, Overrides};
use stopgate_sidecar::run::Sidecar;
use stopgate_tests::bulk;
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::codegen::tokio_stream::Stream;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use crate::load;

/// A folder with a signed policy, in which servers start.
pub(crate) struct Place<'f> {
    folder: &'f Path,
}

/// An attempt of somebody who holds one profile.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) operation: String,
    pub(crate) profile: String,
    pub(crate) input: String,
}

/// A server.
pub(crate) struct Served {
    name: &'static str,
    runtime: Runtime,
    socket: PathBuf,
    log: PathBuf,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<anyhow::Result<()>>,
}

impl<'f> Place<'f> {
    /// Makes the policy, signs it and writes it down.
    pub(crate) fn new(folder: &'f Path, rules: usize) -> anyhow::Result<Self> {
        let key = SigningKey::generate()?;
        let root = stopgate::root::first(&key, "bench", &BTreeMap::new(), Timestamp::MAX)?;
        fs::write(folder.join("root.dsse.json"), root)?;
        let built = stopgate::build::build(&bulk::policy(rules), &[key])?;
        fs::write(folder.join("policy.stopgate"), built.bytes)?;
        Ok(Self { folder })
    }

    /// A sidecar whose log goes to the disk, or nowhere.
    pub(crate) fn sidecar(&self, name: &'static str, disk: bool) -> anyhow::Result<Served> {
        let (folder, uid) = (self.folder.display(), rustix::process::getuid().as_raw());
        // A socket has 108 bytes of path at most, so names are short.
        let socket = self.folder.join(format!("{name}.sock"));
        let state = self.folder.join(name);
        let text = format!(
            r#"channel = "dev"
state_dir = "{folder}/{name}"
listen = {{socket = "{}", metrics = "127.0.0.1:0"}}
policy = {{source = "file:{folder}/policy.stopgate", root = "{folder}/root.dsse.json"}}
[[callers]]
uid = {uid}
agent = "orchestrator"
tools = ["erp"]
may = ["decide", "assert_subject"]
enforces = ["mask", "max_rows"]
"#,
            socket.display()
        );
        let config = Config::parse("bench", &text, &Overrides::default())
            .map_err(|mistakes| anyhow::anyhow!("{mistakes}"))?;
        let options = Options::new(name);
        let log = if disk {
            AuditLog::open(&state, options)?.0
        } else {
            AuditLog::discarding(options)?
        };
        let runtime = runtime()?;
        // A runtime of its own, so that servers do not share threads with their callers.
        let sidecar = runtime.block_on(Sidecar::start_with(config, log))?;
        let (stop, stopped) = oneshot::channel();
        let ended = runtime.spawn(async move {
            // A sender that is gone means the same.
            let stopped = async { drop(stopped.await) };
            Ok(sidecar.run(stopped).await?)
        });
        Ok(Served {
            name,
            runtime,
            socket,
            log: state.join(LOG_DIR),
            stop,
            ended,
        })
    }

    /// A service of the same messages that does nothing: `answer` to everything. tonic's own server, as it comes.
    pub(crate) fn bare(&self, answer: pb::DecideResponse) -> anyhow::Result<Served> {
        let (runtime, socket, listener) = self.listen("bare")?;
        let (stop, stopped) = oneshot::channel();
        let service = EnforcementServiceServer::new(Bare(answer));
        let ended = runtime.spawn(async move {
            // A sender that is gone means the same.
            let stopped = async { drop(stopped.await) };
            let server = Server::builder();
            let served = server.serve_with_incoming_shutdown(service, Accepted(listener), stopped);
            Ok(served.await?)
        });
        Ok(Served {
            name: "bare",
            runtime,
            socket,
            log: PathBuf::new(),
            stop,
            ended,
        })
    }

    /// The same on hyper's HTTP/2 alone, which the sidecar serves with too.
    pub(crate) fn hyper(&self, answer: pb::DecideResponse) -> anyhow::Result<Served> {
        let (runtime, socket, listener) = self.listen("hyper")?;
        let (stop, mut stopped) = oneshot::channel();
        let service = EnforcementServiceServer::new(Bare(answer));
        let ended = runtime.spawn(async move {
            loop {
                let (stream, _) = tokio::select! {
                    accepted = listener.accept() => accepted?,
                    _ = &mut stopped => return Ok(()),
                };
                let service = TowerToHyperService::new(service.clone());
                tokio::spawn(
                    http2::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Ok(Served {
            name: "hyper",
            runtime,
            socket,
            log: PathBuf::new(),
            stop,
            ended,
        })
    }

    fn listen(&self, name: &str) -> anyhow::Result<(Runtime, PathBuf, UnixListener)> {
        let socket = self.folder.join(format!("{name}.sock"));
        let runtime = runtime()?;
        // A listener belongs to the runtime in which it is made.
        let entered = runtime.enter();
        let listener = UnixListener::bind(&socket)?;
        drop(entered);
        Ok((runtime, socket, listener))
    }
}

impl Asked {
    /// Returns the refund of the other benchmark.
    pub(crate) fn usual() -> Self {
        Self {
            operation: "o0".to_owned(),
            profile: "p0".to_owned(),
            input: String::from_utf8_lossy(bulk::INPUT).into_owned(),
        }
    }

    /// Writes it as a caller asks for it.
    pub(crate) fn request(&self) -> pb::DecideRequest {
        let attempt = bulk::attempt(1);
        pb::DecideRequest {
            request_id: "5b0e9a3e-6f0a-4c8e-9f2b-0d5a7c1e2f30".to_owned(),
            attempt: Some(pb::Attempt {
                subject: Some(pb::attempt::Subject::AssertedSubject(pb::AssertedSubject {
                    id: attempt.subject.id,
                    issuer: attempt.subject.issuer,
                    groups: vec![format!("g-{}", self.profile)],
                })),
                tool: attempt.tool,
                target: Some(pb::attempt::Target::Operation(self.operation.clone())),
                input: self.input.clone().into_bytes(),
                ..pb::Attempt::default()
            }),
        }
    }
}

/// Connections as tonic's server takes them.
struct Accepted(UnixListener);

impl Stream for Accepted {
    type Item = std::io::Result<UnixStream>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let accepted = ready!(self.0.poll_accept(cx));
        Poll::Ready(Some(accepted.map(|(stream, _)| stream)))
    }
}

fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
}

impl Served {
    pub(crate) fn name(&self) -> &str {
        self.name
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Asks one request and returns the answer.
    pub(crate) fn answer(
        &self,
        clients: &Runtime,
        request: pb::DecideRequest,
    ) -> anyhow::Result<pb::DecideResponse> {
        clients.block_on(async {
            let mut service = load::connect(&self.socket).await?;
            Ok(service.decide(request).await?.into_inner())
        })
    }

    /// Asks the usual one, which has to pass, and returns the answer.
    pub(crate) fn first_answer(&self, clients: &Runtime) -> anyhow::Result<pb::DecideResponse> {
        let answer = self.answer(clients, Asked::usual().request())?;
        load::passed(&answer)?;
        Ok(answer)
    }

    /// Returns the length of the record of one answer, in bytes.
    pub(crate) fn line_of_one_answer(&self, clients: &Runtime) -> anyhow::Result<usize> {
        self.first_answer(clients)?;
        let file = fs::read_dir(&self.log)?.next().context("no log")??;
        let log = fs::read_to_string(file.path())?;
        let line = log.lines().last().context("an empty log")?;
        // The newline too.
        Ok(line.len() + 1)
    }

    /// Ends it, and says how it ended.
    pub(crate) fn end(self) -> anyhow::Result<()> {
        // One that is gone already says so below.
        let _gone = self.stop.send(());
        let ended = self.runtime.block_on(self.ended)?;
        self.runtime.shutdown_background();
        ended
    }
}

/// The bare service.
struct Bare(pb::DecideResponse);

#[tonic::async_trait]
impl EnforcementService for Bare {
    async fn decide(
        &self,
        request: Request<pb::DecideRequest>,
    ) -> Result<Response<pb::DecideResponse>, Status> {
        Ok(Response::new(pb::DecideResponse {
            request_id: request.into_inner().request_id,
            ..self.0.clone()
        }))
    }

    async fn get_status(
        &self,
        _: Request<pb::GetStatusRequest>,
    ) -> Result<Response<pb::GetStatusResponse>, Status> {
        Err(Status::unimplemented("nobody asks"))
    }
}
