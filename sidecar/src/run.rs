//! Wires the parts together, serves, and ends in good order: what was asked is answered, then the `stop` is recorded.

use std::fs;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use stopgate_lang::bundle::TrustRoot;
use stopgate_lang::bundle::root::TrustError;
use stopgate_proto::FILE_DESCRIPTOR_SET;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

use crate::audit::{AuditError, AuditLog, Fatal, OpenError, Options};
use crate::config::Config;
use crate::door::probe::{self, Probes};
use crate::door::socket::{self, SocketError};
use crate::door::{Door, Grpc};
use crate::enforce::Enforcer;
use crate::follow::Follower;
use crate::identity::Identity;
use crate::metrics::Metrics;
use crate::readiness::{Readiness, State};

/// The service whose health is reported, beside the empty name that stands for the whole.
const SERVICE: &str = "stopgate.v1.EnforcementService";

/// Longest trust root, in bytes.
const MAX_ROOT_BYTES: u64 = 1024 * 1024;

/// Why the sidecar does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The trust root cannot be read.
    #[error("cannot read the trust root {}", path.display())]
    RootFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The trust root is not one to trust.
    #[error("cannot trust the root {}", path.display())]
    Root {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: TrustError,
    },
    /// The log cannot be opened.
    #[error("cannot open the decision log")]
    Log(#[source] OpenError),
    /// The socket cannot be listened on.
    #[error("cannot listen for callers")]
    Socket(#[source] SocketError),
    /// The address of the probes cannot be listened on.
    #[error("cannot listen for probes on {address}")]
    Probes {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The system has no random bytes.
    #[error("the system has no random bytes")]
    Random,
    /// The description of the service cannot be served.
    #[error("cannot describe the service")]
    Reflection(#[source] tonic_reflection::server::Error),
    /// The start itself was ended.
    #[error("the start was interrupted")]
    Interrupted,
}

/// Why the sidecar ended otherwise than by being told to.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The log is dead: nothing could be recorded any more.
    #[error("the decision log failed")]
    Log(#[source] Fatal),
    /// The `stop` is not on record.
    #[error("the stop could not be recorded")]
    Stop(#[source] AuditError),
    /// The door ended by itself.
    #[error("the service ended by itself")]
    Door,
}

/// A sidecar that serves.
#[derive(Debug)]
pub struct Sidecar {
    audit: AuditLog,
    door: JoinHandle<()>,
    tasks: JoinSet<()>,
    draining: watch::Sender<bool>,
    probes: SocketAddr,
    socket: PathBuf,
}

impl Sidecar {
    /// Opens the log, looks once for a bundle and begins to serve, ready or not.
    ///
    /// # Errors
    /// [`StartError`] says what is in the way.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let (state_dir, options) = (config.state_dir.clone(), Options::new(config.name.clone()));
        let opened = tokio::task::spawn_blocking(move || AuditLog::open(&state_dir, options)).await;
        let (audit, found) = opened
            .map_err(|_| StartError::Interrupted)?
            .map_err(StartError::Log)?;
        tracing::info!(last = ?found.last.map(|(seq, _)| seq.get()), dropped_bytes = found.dropped_bytes, "log open");
        Self::start_with(config, audit).await
    }

    /// As [`Sidecar::start`], with a log that is open.
    ///
    /// # Errors
    /// [`StartError`] says what is in the way.
    pub async fn start_with(config: Config, audit: AuditLog) -> Result<Self, StartError> {
        let Config {
            name,
            channel,
            state_dir: _,
            listen,
            policy,
            events: _,
            identity,
            callers,
        } = config;
        let root = trust_root(&policy.root)?;
        let metrics = Arc::new(Metrics::default());
        let (mut follower, supply) = Follower::new(
            policy.source,
            root,
            channel.clone(),
            name.clone(),
            audit.clone(),
            Arc::clone(&metrics),
        );
        let (identity, mut keys) = Identity::new(&identity);
        let identity = Arc::new(identity);
        keys.look().await;
        follower.look().await;

        let (draining, told) = watch::channel(false);
        let state = State {
            supply,
            log: audit.health(),
            draining: told.clone(),
        };
        let enforcer = Enforcer::new(
            name,
            channel,
            state.clone(),
            audit.clone(),
            Arc::clone(&identity),
            Arc::clone(&metrics),
        );
        let enforcer = Arc::new(enforcer.map_err(|_| StartError::Random)?);
        let reporter = HealthReporter::new();
        report(&reporter, state.readiness()).await;
        let health = HealthServer::new(HealthService::from_health_reporter(reporter.clone()));
        let reflection = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .build_v1()
            .map_err(StartError::Reflection)?;
        let grpc = Grpc::new(enforcer, Arc::clone(&metrics));
        let door = Door::new(callers, grpc, health, reflection, Arc::clone(&metrics));

        let address = listen.metrics.address();
        let probing = |source| StartError::Probes { address, source };
        let listener = TcpListener::bind(address).await.map_err(probing)?;
        let address = listener.local_addr().map_err(probing)?;
        let callers = socket::listen(&listen.socket, listen.socket_group.as_deref())
            .map_err(StartError::Socket)?;
        let probes = Arc::new(Probes {
            metrics,
            audit: audit.clone(),
            identity,
            state: state.clone(),
            places: door.places(),
        });

        let mut tasks = JoinSet::new();
        tasks.spawn(follower.run(policy.poll.duration()));
        tasks.spawn(keys.run(policy.poll.duration()));
        tasks.spawn(probe::serve(listener, probes));
        tasks.spawn(keep_reporting(reporter, state.clone()));
        let door = tokio::spawn(door.serve(callers, told));
        tracing::info!(socket = %listen.socket.display(), probes = %address, readiness = state.readiness().as_str(), "serving");
        Ok(Self {
            audit,
            door,
            tasks,
            draining,
            probes: address,
            socket: listen.socket,
        })
    }

    /// Where probes are answered.
    #[must_use]
    pub const fn probes(&self) -> SocketAddr {
        self.probes
    }

    /// Serves until `stop` returns, then drains: ends what is under way, records the `stop`.
    ///
    /// # Errors
    /// [`Failed`]: the process has to end at once, and has not ended in good order.
    pub async fn run(mut self, stop: impl Future<Output = ()>) -> Result<(), Failed> {
        let log = self.audit.clone();
        tokio::select! {
            biased;
            fatal = log.fatal() => return Err(Failed::Log(fatal)),
            _ = &mut self.door => return Err(Failed::Door),
            () = stop => {}
        }
        tracing::info!("draining");
        self.draining.send_replace(true);
        tokio::select! {
            biased;
            fatal = log.fatal() => return Err(Failed::Log(fatal)),
            _ = &mut self.door => {}
        }
        self.tasks.shutdown().await;
        if let Err(error) = fs::remove_file(&self.socket) {
            tracing::warn!(%error, "socket not removed");
        }
        let last = log.close().await.map_err(Failed::Stop)?;
        tracing::info!(%last, "stopped");
        Ok(())
    }
}

fn trust_root(path: &std::path::Path) -> Result<TrustRoot, StartError> {
    let read = || -> io::Result<Vec<u8>> {
        if fs::metadata(path)?.len() > MAX_ROOT_BYTES {
            return Err(io::Error::other(format!(
                "it is longer than {MAX_ROOT_BYTES} bytes"
            )));
        }
        fs::read(path)
    };
    let bytes = read().map_err(|source| StartError::RootFile {
        path: path.to_owned(),
        source,
    })?;
    TrustRoot::open(&bytes, Timestamp::now()).map_err(|source| StartError::Root {
        path: path.to_owned(),
        source,
    })
}

async fn keep_reporting(reporter: HealthReporter, mut state: State) {
    let mut before = state.readiness();
    while state.changed().await {
        let now = state.readiness();
        if now != before {
            tracing::warn!(
                before = before.as_str(),
                now = now.as_str(),
                "readiness changed"
            );
            report(&reporter, now).await;
            before = now;
        }
    }
}

async fn report(reporter: &HealthReporter, readiness: Readiness) {
    let status = match readiness {
        Readiness::Ready => ServingStatus::Serving,
        Readiness::NoBundle | Readiness::LogUnwritable | Readiness::Draining => {
            ServingStatus::NotServing
        }
    };
    reporter.set_service_status("", status).await;
    reporter.set_service_status(SERVICE, status).await;
}
