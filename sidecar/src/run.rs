//! Wires the parts together, serves, and ends in good order: what was asked is answered, then the `stop` is recorded.

mod parts;

use std::fs;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use stopgate_proto::FILE_DESCRIPTOR_SET;
use stopgate_store::StoreAddress;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

use crate::audit::{AuditError, AuditLog, Fatal, OpenError, Options};
use crate::config::{Config, Source};
use crate::door::probe::{self, Probes};
use crate::door::socket::{self, SocketError};
use crate::door::{Door, Grpc};
use crate::enforce::{Enforcer, Unready};
use crate::follow::{Followed, Follower, Last, Root, RootError, RootFollower};
use crate::identity::Identity;
use crate::metrics::Metrics;
use crate::readiness::{Readiness, State};
use crate::source::{self, Guard, Kind, Looker, MayBeReplaced, Missed, SourceName, Stopped};

use parts::Parts;

/// The service whose health is reported, beside the empty name that stands for the whole.
const SERVICE: &str = "stopgate.v1.EnforcementService";

/// Why the sidecar does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Somebody else could put something in the place of these.
    #[error("{}", listed(.0))]
    MayBeReplaced(Vec<MayBeReplaced>),
    /// Nobody can say who could put what in the place of the files that are trusted.
    #[error("cannot look at who owns the files that are trusted: {0}")]
    Owners(Missed),
    /// There is no trust root.
    #[error("there is no trust root")]
    Root(#[source] RootError),
    /// The trust root is past its date, and there is no bundle to start with all the same.
    #[error(
        "the trust root {} expired at {at}, and there is no bundle that was verified before: {why}",
        path.display()
    )]
    Expired {
        /// The file.
        path: PathBuf,
        /// Its date.
        at: Timestamp,
        /// Why the bundle that was kept cannot be used.
        why: String,
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
    /// Nothing could be decided.
    #[error("cannot decide")]
    Unready(#[source] Unready),
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
    /// A part that looks at a source, answers probes or reports ended by itself.
    #[error("the part `{0}` of the sidecar goes on for ever and ended by itself")]
    Part(&'static str),
}

/// A sidecar that serves.
#[derive(Debug)]
pub struct Sidecar {
    audit: AuditLog,
    door: JoinHandle<()>,
    parts: Parts,
    draining: watch::Sender<bool>,
    probes: SocketAddr,
    socket: PathBuf,
}

/// What there has to be before anything is made: a start that comes to nothing leaves nothing behind.
struct Ground {
    metrics: Arc<Metrics>,
    root_follower: RootFollower,
    roots: watch::Receiver<Root>,
    /// What is started with after the root's date.
    last: Option<Last>,
}

impl Ground {
    /// Looks at the trust root, at the bundle for a start after the root's date, and at the place of the socket, and
    /// makes nothing.
    async fn find(config: &Config) -> Result<Self, StartError> {
        let Config { listen, .. } = config;
        // 1.1. The root first: without one nothing could ever be trusted, and everything else would be in vain.
        let metrics = Arc::new(Metrics::default());
        let opened = RootFollower::open(config, Arc::clone(&metrics)).await;
        let (root_follower, roots) = opened.map_err(StartError::Root)?;
        let root = roots.borrow().clone();
        // 1.2. After the root's date only the bundle that was kept can be started with, and it is there or it is not.
        let last = last_kept(config, &root).await?;
        // 1.3. A socket that cannot be made is found out before a log says that the sidecar started.
        socket::look(&listen.socket, listen.socket_group.as_deref()).map_err(StartError::Socket)?;
        Ok(Self {
            metrics,
            root_follower,
            roots,
            last,
        })
    }
}

/// Reads the bundle that a start after the date of `root` needs, and returns `None` before that date.
async fn last_kept(config: &Config, root: &Root) -> Result<Option<Last>, StartError> {
    let Config { policy, .. } = config;
    if !root.expired(Timestamp::now()) {
        return Ok(None);
    }
    let last = Last::read(&config.state_dir, policy, root).await;
    let last = last.map_err(|why| expired(&policy.root, root, why))?;
    Ok(Some(last))
}

fn expired(file: &Path, root: &Root, why: String) -> StartError {
    StartError::Expired {
        path: file.to_owned(),
        at: root.trust.statement().expires,
        why,
    }
}

impl Sidecar {
    /// Opens the log, looks once for a bundle and begins to serve, ready or not. Whatever can be looked at is looked at
    /// before anything is made: a start without a root makes no state directory.
    ///
    /// # Errors
    /// [`StartError`] says what is in the way.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        // 1. What can be looked at without making anything; see `Ground::find`.
        let ground = Ground::find(&config).await?;
        // 2. The log, with its `start`: from here on this process is the one that records. All of its last two files is
        // read, on a thread that may wait for a disk.
        let state_dir = config.state_dir.clone();
        let options = Options {
            callers: config.callers.record_rates(),
            ..Options::new(config.name.clone())
        };
        let opened = tokio::task::spawn_blocking(move || AuditLog::open(&state_dir, options)).await;
        let (audit, found) = opened
            .map_err(|_| StartError::Interrupted)?
            .map_err(StartError::Log)?;
        tracing::info!(last = ?found.last.map(|(seq, _)| seq.get()), dropped_bytes = found.dropped_bytes, "log open");
        Self::start_on(ground, config, audit).await
    }

    /// Starts a sidecar as [`Sidecar::start`] does, with the log `audit`, which is open.
    ///
    /// # Errors
    /// [`StartError`] says what is in the way.
    pub async fn start_with(config: Config, audit: AuditLog) -> Result<Self, StartError> {
        let ground = Ground::find(&config).await?;
        Self::start_on(ground, config, audit).await
    }

    async fn start_on(ground: Ground, config: Config, audit: AuditLog) -> Result<Self, StartError> {
        let Ground {
            metrics,
            mut root_follower,
            roots,
            last,
        } = ground;
        let root = roots.borrow().clone();
        // 3. A log that is long takes a while to open, and the root's date may have come meanwhile. Without this second
        // look the sidecar would serve without a bundle until somebody starts it again.
        let last = match last {
            Some(last) => Some(last),
            None => last_kept(&config, &root).await?,
        };
        // 4. The parts that look at sources. None of them has looked yet, so nothing is waited for.
        let guarded = guarded(&config);
        let Config {
            file: _,
            name,
            channel,
            organisation,
            state_dir,
            listen,
            policy,
            events: _,
            identity,
            callers,
        } = config;
        let (poll, deadline) = (policy.poll.duration(), policy.deadline.duration());
        let guards: Vec<_> = guarded
            .into_iter()
            .map(|(source, path, kind)| Guard::new(source, path, kind, deadline, &metrics))
            .collect();
        let issuers = identity.keys().cloned().collect();
        let (identity, mut keys) = Identity::new(&identity, deadline, &metrics);
        let identity = Arc::new(identity);
        let root_file = policy.root.clone();
        let followed = Followed {
            policy,
            root: root.clone(),
            organisation,
            channel: channel.clone(),
            issuers,
            state_dir,
        };
        let (mut follower, supply) = Follower::new(
            followed,
            roots,
            name.clone(),
            audit.clone(),
            Arc::clone(&metrics),
        );
        let (mut stop_follower, stops) = follower.stops();
        // Before what is seen under them: marks of a root that is not kept would be of no use to the next start.
        root_follower.keep().await;
        // 5. The first look, before anybody can ask: a sidecar that could be ready never says that it is not.
        let first = async {
            match last {
                Some(last) => follower.start_from(last).await,
                None => {
                    follower.begin().await;
                    follower.look().await;
                    Ok(())
                }
            }
        };
        // At the same time: what hangs holds up nothing else.
        let ((), first) = tokio::join!(keys.look(), first);
        first.map_err(|why| expired(&root_file, &root, why))?;
        // After the policy: only now it is known whose channel it is, and which stops the newest timestamp lists.
        stop_follower.look().await;

        // 6. What decides, and what answers for it. Readiness is a view of the supply and the log, so all that ask for
        // it are told the same.
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
            stops,
        );
        let enforcer = Arc::new(enforcer.map_err(StartError::Unready)?);
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

        // 7. The ways in, the socket of the callers last: whoever can connect is answered.
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

        // 8. Everything that goes on for ever begins only now: what failed before this has no task to end.
        let mut parts = Parts::default();
        parts.begin("bundle", follower.run(poll));
        parts.begin("stops", stop_follower.run());
        parts.begin("trust root", root_follower.run(poll));
        for guard in guards {
            parts.begin("places", guard.run(poll));
        }
        parts.begin("key sets", keys.run(poll));
        parts.begin("probes", probe::serve(listener, address, probes));
        parts.begin("health", keep_reporting(reporter, state.clone()));
        let door = tokio::spawn(door.serve(callers, told));
        tracing::info!(socket = %listen.socket.display(), probes = %address, readiness = state.readiness().as_str(), "serving");
        Ok(Self {
            audit,
            door,
            parts,
            draining,
            probes: address,
            socket: listen.socket,
        })
    }

    /// Returns the address where probes are answered.
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
        // 1. Serve until told to stop. The log comes first: with a dead log nothing may be answered any more, whatever
        // else happened at the same time.
        tokio::select! {
            biased;
            fatal = log.fatal() => return Err(Failed::Log(fatal)),
            _ = &mut self.door => return Err(Failed::Door),
            part = self.parts.one_ended() => return Err(Failed::Part(part)),
            () = stop => {}
        }
        // 2. Refuse new requests and new connections, and end what is under way; the door has a deadline for that.
        tracing::info!("draining");
        self.draining.send_replace(true);
        tokio::select! {
            biased;
            fatal = log.fatal() => return Err(Failed::Log(fatal)),
            _ = &mut self.door => {}
        }
        // 3. Nobody is left to answer, so nothing has to be looked at or probed.
        self.parts.end().await;
        if let Err(error) = fs::remove_file(&self.socket) {
            tracing::warn!(%error, "socket not removed");
        }
        // 4. The `stop` is the last record. A log without one says that the process did not end in good order.
        let last = log.close().await.map_err(Failed::Stop)?;
        tracing::info!(%last, "stopped");
        Ok(())
    }
}

/// Returns the things that are guarded although nothing is read from them again, and what kind each has to be.
fn guarded(config: &Config) -> Vec<(SourceName, PathBuf, Kind)> {
    let file = config.file.clone();
    let mut guarded = vec![
        (
            SourceName::Socket,
            config.listen.socket.clone(),
            Kind::Place,
        ),
        (SourceName::StateDir, config.state_dir.clone(), Kind::Folder),
    ];
    guarded.extend(file.map(|file| (SourceName::Configuration, file, Kind::File)));
    guarded
}

/// Looks at who could put something else in the place of what is trusted: the configuration and everything that it
/// names.
///
/// # Errors
/// [`StartError::MayBeReplaced`] with all that somebody could replace.
pub async fn check_owners(config: &Config) -> Result<(), StartError> {
    let mut inputs = vec![(config.policy.root.clone(), Kind::File)];
    match &config.policy.source {
        Source::File(bundle) => inputs.push((bundle.clone(), Kind::File)),
        // A store is not trusted: whatever somebody puts into it is verified, and never older than what was seen.
        Source::Store(StoreAddress::Directory(_) | StoreAddress::DynamoDb { .. }) => {}
    }
    let guarded = guarded(config).into_iter();
    inputs.extend(guarded.map(|(_, path, kind)| (path, kind)));
    let key_sets = config.identity.values();
    inputs.extend(key_sets.map(|issuer| (issuer.jwks.clone(), Kind::File)));
    let work = move || {
        let exposed = |(path, kind): &(PathBuf, Kind)| match source::walk(path, *kind) {
            Err(Stopped::Replaceable(replaceable)) => Some(replaceable),
            // Whoever needs it says what is wrong with it.
            Ok(_) | Err(Stopped::Io { .. }) => None,
        };
        inputs.iter().filter_map(exposed).collect::<Vec<_>>()
    };
    let looker = Looker::new("look-owners");
    let exposed = looker.look(config.policy.deadline.duration(), work).await;
    let mut exposed = exposed.map_err(StartError::Owners)?;
    // One open folder is on the way to many files.
    exposed.sort_by(|a, b| a.path.cmp(&b.path));
    exposed.dedup();
    if exposed.is_empty() {
        return Ok(());
    }
    exposed.iter().for_each(MayBeReplaced::tell);
    Err(StartError::MayBeReplaced(exposed))
}

fn listed(exposed: &[MayBeReplaced]) -> String {
    let exposed: Vec<_> = exposed.iter().map(ToString::to_string).collect();
    exposed.join("; ")
}

async fn keep_reporting(reporter: HealthReporter, mut state: State) {
    let mut before = state.readiness();
    // The state may change and change back between two looks; who watches health is told of what holds, not of each
    // step.
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
    // The log or the supply is gone, which ends the process with a reason of its own.
    std::future::pending().await
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

#[cfg(test)]
mod tests;
