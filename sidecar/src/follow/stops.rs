//! The stops of the channel: looked at by themselves every three seconds, whatever becomes of the looks at the policy.
//!
//! A stop that was seen holds until its end, in memory and in `state_dir/stops.json`, also where it is not offered any
//! more or where the source is away. Whatever is in doubt stops: until somebody has looked for the first time, what the
//! newest timestamp lists and nobody can read, and what was kept and cannot be read back.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use stopgate_decide::bundle::TrustRoot;
use stopgate_decide::digest::Digest;
use stopgate_decide::name::{ChannelName, OwnerName};
use stopgate_decide::record::{RecordBody, RecordedStop, StopsRecord};
use stopgate_decide::supply::{
    ChannelId, MAX_DOCUMENT_BYTES, SEEN_STOPS_BYTES, SeenStops, StopInForce, StopsMoment,
};
use stopgate_store::{MAX_STOP_ITEMS, Policies, StoredStops};
use tokio::sync::watch;

use super::kept::put;
use super::{Followed, Supply};
use crate::audit::AuditLog;
use crate::config::Source;
use crate::metrics::Metrics;
use crate::source::{self, Looker, SourceName, Unreadable, chain};

/// What was seen, in `state_dir`.
const FILE: &str = "stops.json";

/// How long after a look the next one begins. Nobody configures it: an operator who stops something waits for it.
const POLL: Duration = Duration::from_secs(3);

/// The stops in force. Many decisions share them.
pub type StopsNow = Arc<[StopInForce]>;

/// Looks at the stops of the channel. [`StopFollower::run`] never ends by itself.
#[derive(Debug)]
pub struct StopFollower {
    sidecar: String,
    source: Source,
    root: Arc<TrustRoot>,
    organisation: Option<OwnerName>,
    channel: ChannelName,
    deadline: Duration,
    kept: PathBuf,
    state_dir: PathBuf,
    audit: AuditLog,
    metrics: Arc<Metrics>,
    supply: watch::Receiver<Supply>,
    stops: watch::Sender<StopsNow>,
    looker: Looker,
    /// What was seen; `None` until what was kept is read back.
    seen: Option<SeenStops>,
    /// Everything that was seen is on the disk.
    is_kept: bool,
    /// The log tells of stops since this process began.
    on_record: bool,
    /// What was said last of a look that failed.
    told: Option<String>,
}

/// What a look came to.
struct LookedAt {
    seen: Result<SeenStops, NotReadBack>,
    /// It holds more than before.
    is_new: bool,
    problems: Vec<String>,
}

/// Why nobody can say which stops were seen before.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be read back, so nobody can say which stops were seen: {why}", path.display())]
struct NotReadBack {
    path: PathBuf,
    why: String,
    /// What was read of it.
    digest: Digest,
}

/// What a look needs to know.
struct StopLook {
    source: Source,
    root: Arc<TrustRoot>,
    channel: ChannelId,
    kept: PathBuf,
    seen: Option<SeenStops>,
    listed: Arc<BTreeSet<Digest>>,
}

impl StopFollower {
    pub(super) fn new(
        followed: &Followed,
        sidecar: String,
        audit: AuditLog,
        metrics: Arc<Metrics>,
        supply: watch::Receiver<Supply>,
    ) -> (Self, watch::Receiver<StopsNow>) {
        let unknown = StopInForce::unreadable(Digest::compute(b""));
        let (stops, watched) = watch::channel(StopsNow::from([unknown]));
        metrics.sources.expect(SourceName::Stops);
        let follower = Self {
            sidecar,
            source: followed.policy.source.clone(),
            root: Arc::clone(&followed.root.trust),
            organisation: followed.organisation.clone(),
            channel: followed.channel.clone(),
            deadline: followed.policy.deadline.duration(),
            kept: followed.state_dir.join(FILE),
            state_dir: followed.state_dir.clone(),
            audit,
            metrics,
            supply,
            stops,
            looker: Looker::new("look-stops"),
            seen: None,
            is_kept: true,
            on_record: false,
            told: None,
        };
        (follower, watched)
    }

    /// Looks again and again, and at once where there is another policy or another list of stops. The first look is the
    /// caller's.
    pub async fn run(mut self) {
        loop {
            let poll = tokio::time::sleep(POLL);
            tokio::select! {
                () = poll => {}
                changed = self.supply.changed() => if changed.is_err() {
                    // Who follows the policy is gone, and the process ends because of that.
                    std::future::pending::<()>().await;
                }
            }
            self.look().await;
        }
    }

    /// Looks once.
    pub async fn look(&mut self) {
        let (organisation, listed) = {
            let supply = self.supply.borrow_and_update();
            let active = supply.active.as_ref();
            let organisation = active.map(|active| active.bundle.organisation().clone());
            (organisation, Arc::clone(&supply.listed))
        };
        // Of a bundle in a file only the bundle says whose it is. Before that nothing passes anyway.
        let Some(organisation) = self.organisation.clone().or(organisation) else {
            return;
        };
        let look = StopLook {
            source: self.source.clone(),
            root: Arc::clone(&self.root),
            channel: ChannelId {
                organisation,
                channel: self.channel.clone(),
            },
            kept: self.kept.clone(),
            seen: self.seen.clone(),
            listed: Arc::clone(&listed),
        };
        let looked = self.looker.look(self.deadline, move || look.look()).await;
        let problems = match looked {
            Ok(LookedAt {
                seen: Ok(seen),
                is_new,
                problems,
            }) => {
                self.is_kept &= !is_new;
                self.seen = Some(seen);
                problems
            }
            Ok(LookedAt { seen: Err(why), .. }) => {
                self.hold(vec![StopInForce::unreadable(why.digest)]).await;
                vec![why.to_string()]
            }
            Err(missed) => vec![missed.to_string()],
        };
        // Also where the look came to nothing: what was seen goes on, and ends in its time.
        if let Some(seen) = &self.seen {
            let holding = seen.in_force(&listed, Timestamp::now());
            self.hold(holding).await;
            self.keep().await;
        }
        self.tell(problems);
    }

    /// Puts these stops in force, and no others, and records it.
    async fn hold(&mut self, stops: Vec<StopInForce>) {
        if **self.stops.borrow() == *stops {
            return;
        }
        // First in force, then on record: no disk of ours holds up a stop. What it stops is recorded with its limit.
        self.stops.send_replace(StopsNow::from(stops.as_slice()));
        self.metrics.stops(stops.len());
        // After a start none is in force until a record says so.
        if stops.is_empty() && !self.on_record {
            return;
        }
        self.on_record = true;
        tracing::warn!(
            stops = ?stops.iter().map(told).collect::<Vec<_>>(),
            "stops in force changed"
        );
        let record = RecordBody::Stops(StopsRecord {
            sidecar: self.sidecar.clone(),
            channel: self.channel.to_string(),
            stops: stops.iter().map(RecordedStop::from).collect(),
        });
        if let Err(error) = self.audit.append(&record).await {
            tracing::error!(%error, "stops not recorded");
        }
    }

    /// Writes what was seen, if the disk has less. What it does not take is tried again at the next look.
    async fn keep(&mut self) {
        let Some(seen) = self.seen.clone().filter(|_| !self.is_kept) else {
            return;
        };
        let state_dir = self.state_dir.clone();
        let write = move || write(&state_dir, &seen);
        let problem = match self.looker.look(self.deadline, write).await {
            Ok(Ok(())) => {
                self.is_kept = true;
                return;
            }
            Ok(Err(error)) => error.to_string(),
            Err(missed) => missed.to_string(),
        };
        tracing::error!(%problem, "stops that were seen are not kept: a start now would have to find them again");
    }

    fn tell(&mut self, problems: Vec<String>) {
        if problems.is_empty() {
            self.told = None;
            let now = Timestamp::now();
            return self.metrics.sources.succeeded(&SourceName::Stops, now);
        }
        self.metrics.sources.failed(&SourceName::Stops);
        let problem = problems.join("; ");
        if self.told.as_ref() != Some(&problem) {
            tracing::error!(%problem, "stops of the channel not all read, those that were seen hold on");
            self.told = Some(problem);
        }
    }
}

/// Returns what operators are told of a stop.
fn told(stop: &StopInForce) -> String {
    let name = stop.note.as_ref().map(|note| note.id.as_str());
    let name = name.unwrap_or("one that cannot be read");
    format!("{name} lets {} through", stop.limit.as_str())
}

fn write(state_dir: &Path, seen: &SeenStops) -> io::Result<()> {
    let text = seen.text();
    let text = text.ok_or_else(|| io::Error::other("the stops cannot be written as JSON"))?;
    put(state_dir, FILE, |file| file.write_all(text.as_bytes()))?;
    fs::File::open(state_dir)?.sync_all()
}

impl StopLook {
    fn look(self) -> LookedAt {
        let now = Timestamp::now();
        let mut problems = Vec::new();
        let read = match self.seen.clone() {
            Some(seen) => Ok(seen),
            None => self.read_back(&mut problems),
        };
        let mut seen = match read {
            Ok(seen) => seen,
            Err(why) => {
                return LookedAt {
                    seen: Err(why),
                    is_new: false,
                    problems,
                };
            }
        };
        let before = seen.clone();
        let at = StopsMoment {
            root: &self.root,
            listed: &self.listed,
            now,
        };
        match self.stored() {
            Ok(StoredStops {
                stops,
                lifts,
                spoilt,
            }) => {
                // What is refused stops nothing: nobody who may only write to the source does.
                let refused = stops.iter().map(|stop| seen.see_stop(stop, &at));
                let mut refused: Vec<_> = refused.filter_map(Result::err).collect();
                let lifts = lifts.iter().map(|lift| seen.see_lift(lift, &at));
                refused.extend(lifts.filter_map(Result::err));
                problems.extend(refused.iter().map(|why| chain(why)));
                problems.extend(spoilt.iter().map(|item| format!("{item} is spoilt")));
            }
            Err(why) => problems.push(why),
        }
        seen.forget(&at);
        let is_new = before != seen;
        problems.sort();
        problems.dedup();
        LookedAt {
            seen: Ok(seen),
            is_new,
            problems,
        }
    }

    /// Reads what was seen before this process began.
    fn read_back(&self, problems: &mut Vec<String>) -> Result<SeenStops, NotReadBack> {
        let not = |why: String, bytes: &[u8]| NotReadBack {
            path: self.kept.clone(),
            why,
            digest: Digest::compute(bytes),
        };
        let most = u64::try_from(SEEN_STOPS_BYTES).unwrap_or(u64::MAX);
        let bytes = match source::read(&self.kept, most) {
            Ok(bytes) => bytes,
            Err(Unreadable::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(SeenStops::new(self.channel.clone()));
            }
            Err(why) => return Err(not(chain(&why), b"")),
        };
        let (seen, left_out) = SeenStops::parse(&bytes, &self.channel, &self.root)
            .map_err(|why| not(why.to_string(), &bytes))?;
        problems.extend(left_out.iter().map(|why| chain(why)));
        Ok(seen)
    }

    fn stored(&self) -> Result<StoredStops, String> {
        // Under a root that lets nobody stop there is nothing to find.
        if self.root.statement().roles.stop.is_none() {
            return Ok(StoredStops::default());
        }
        match &self.source {
            Source::Store(store) => {
                let store = store.open().map_err(|why| chain(&why))?;
                let stops = Policies::new(store).stops(&self.channel.channel);
                stops.map_err(|why| chain(&why))
            }
            Source::File(bundle) => {
                let mut folder = bundle.clone().into_os_string();
                folder.push(".stops");
                beside(Path::new(&folder)).map_err(|why| chain(&why))
            }
        }
    }
}

/// Reads the stops and lifts in `folder`, files whose names end with `.stop` and `.lift`; none where there is no folder.
fn beside(folder: &Path) -> Result<StoredStops, Unreadable> {
    let mut stored = StoredStops::default();
    let failed = |source| Unreadable::Io {
        action: "look at",
        path: folder.to_owned(),
        source,
    };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(stored),
        Err(error) => return Err(failed(error)),
    };
    let most = u64::try_from(MAX_DOCUMENT_BYTES).unwrap_or(u64::MAX);
    for (at, entry) in entries.enumerate() {
        if at >= MAX_STOP_ITEMS {
            let many = io::Error::other(format!("there are more than {MAX_STOP_ITEMS} files"));
            return Err(failed(many));
        }
        let path = entry.map_err(failed)?.path();
        let into = match path.extension().and_then(|extension| extension.to_str()) {
            Some("stop") => &mut stored.stops,
            Some("lift") => &mut stored.lifts,
            Some(_) | None => continue,
        };
        // Whoever could replace it has no key: what verifies is what somebody signed.
        match source::read_unowned(&path, most) {
            Ok(document) => into.push(document),
            Err(why) => stored.spoilt.push(chain(&why)),
        }
    }
    Ok(stored)
}
