//! The stops of the channel: looked at by themselves every three seconds, whatever becomes of the looks at the policy.
//!
//! A stop that was seen holds until its end, in memory and in `state_dir/stops.json`, also where it is not offered any
//! more or where the source is away. Whatever is in doubt stops: until somebody has looked for the first time, what the
//! newest timestamp lists and nobody can read, and what was kept and cannot be read back.

mod look;

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
use stopgate_decide::record::{RecordBody, RecordedStop, Seq, StopsRecord};
use stopgate_decide::supply::{ChannelId, LONGEST_STOP, SeenStops, StopInForce};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::put::put;
use super::{Followed, ListedStops, Supply};
use crate::audit::{AuditError, AuditLog};
use crate::config::Source;
use crate::metrics::Metrics;
use crate::seldom::Seldom;
use crate::source::{Looker, SourceName, chain};

use look::{StopLook, read_back};

/// What was seen, in `state_dir`.
const FILE: &str = "stops.json";

/// How long after a look the next one begins. Nobody configures it: an operator who stops something waits for it.
const POLL: Duration = Duration::from_secs(3);

/// Most problems of a look that are named each by itself.
const NAMED_PROBLEMS: usize = 10;

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
    state_dir: PathBuf,
    audit: AuditLog,
    metrics: Arc<Metrics>,
    supply: watch::Receiver<Supply>,
    stops: watch::Sender<StopsNow>,
    looker: Looker,
    keeper: Looker,
    /// What was seen; `None` until what was kept is read back.
    seen: Option<SeenStops>,
    /// What the newest timestamp lists, by these looks or by those at the policy.
    listed: Arc<ListedStops>,
    /// Everything that was seen is on the disk.
    is_kept: bool,
    /// The stops that the log tells of; after a start it tells of none.
    recorded: StopsNow,
    /// Stops on their way to the log.
    recording: Option<(StopsNow, JoinHandle<Result<Seq, AuditError>>)>,
    problems: Seldom,
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
        metrics.stops(1);
        let follower = Self {
            sidecar,
            source: followed.policy.source.clone(),
            root: Arc::clone(&followed.root.trust),
            organisation: followed.organisation.clone(),
            channel: followed.channel.clone(),
            deadline: followed.policy.deadline.duration(),
            state_dir: followed.state_dir.clone(),
            audit,
            metrics,
            supply,
            stops,
            looker: Looker::new("look-stops"),
            keeper: Looker::new("keep-stops"),
            seen: None,
            listed: Arc::default(),
            is_kept: true,
            recorded: StopsNow::from([]),
            recording: None,
            problems: Seldom::default(),
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
        let mut problems = Vec::new();
        let (organisation, root) = {
            let supply = self.supply.borrow_and_update();
            let active = supply.active.as_ref();
            // Whoever looked last at the timestamp may have seen the newer one.
            if supply.listed.issued > self.listed.issued {
                self.listed = Arc::clone(&supply.listed);
            }
            let organisation = active.map(|active| active.bundle.organisation().clone());
            (organisation, supply.root.clone())
        };
        // What was listed under another trust root goes on until there is a newer list: whoever hides that lets nothing through.
        if let Some(root) = root.filter(|root| !Arc::ptr_eq(root, &self.root)) {
            self.seen = self.seen.take().map(|seen| {
                let (seen, left_out) = seen.under(&root);
                problems.extend(left_out.iter().map(|why| chain(why)));
                seen
            });
            self.root = root;
            self.is_kept = false;
        }
        // Of a bundle in a file only the bundle says whose it is. Before that nothing passes anyway.
        let Some(organisation) = self.organisation.clone().or(organisation) else {
            return;
        };
        let channel = ChannelId {
            organisation,
            channel: self.channel.clone(),
        };
        // 1. What was seen before this process began: by itself, so that no source that hangs keeps it back.
        if self.seen.is_none() {
            match self.read_back(&channel).await {
                Ok((seen, left_out)) => {
                    self.seen = Some(seen);
                    problems.extend(left_out);
                    self.hold();
                }
                Err(problem) => {
                    self.record().await;
                    return self.tell(false, vec![problem]);
                }
            }
        }
        // 2. The timestamp and the stops of the source.
        let mut is_read = false;
        if let Some(seen) = self.seen.clone() {
            let look = StopLook {
                source: self.source.clone(),
                root: Arc::clone(&self.root),
                channel,
                seen,
                listed: Arc::clone(&self.listed),
            };
            match self.looker.look(self.deadline, move || look.look()).await {
                Ok(looked) => {
                    self.is_kept &= self.seen.as_ref() == Some(&looked.seen);
                    self.seen = Some(looked.seen);
                    self.listed = looked.listed.map_or(Arc::clone(&self.listed), Arc::new);
                    is_read = looked.is_read;
                    problems.extend(looked.problems);
                }
                Err(missed) => problems.push(missed.to_string()),
            }
        }
        // 3. Also where the look came to nothing: what was seen goes on, and ends in its time. First in force, then on
        // record and kept: no disk of ours holds up a stop.
        self.hold();
        self.record().await;
        self.keep().await;
        self.tell(is_read, problems);
    }

    /// Puts what was seen in force, and what is listed and was not seen.
    fn hold(&self) {
        let Some(seen) = &self.seen else {
            return;
        };
        let now = Timestamp::now();
        // A stop that is listed ends within a day, whether or not anybody signs another list.
        let is_over = |issued: Timestamp| {
            issued
                .checked_add(LONGEST_STOP)
                .is_ok_and(|over| over <= now)
        };
        let nothing = BTreeSet::new();
        let listed = match self.listed.issued {
            Some(issued) if is_over(issued) => &nothing,
            Some(_) | None => &self.listed.stops,
        };
        self.put_in_force(&seen.in_force(listed, now));
    }

    fn put_in_force(&self, stops: &[StopInForce]) {
        if **self.stops.borrow() == *stops {
            return;
        }
        self.stops.send_replace(StopsNow::from(stops));
        self.metrics.stops(stops.len());
        // That there is none at a start is nothing to tell.
        if !(stops.is_empty() && self.recorded.is_empty()) {
            let told: Vec<_> = stops.iter().map(told).collect();
            tracing::warn!(stops = ?told, "stops in force changed");
        }
    }

    /// Sees to it that the log tells of what is in force, and waits for no disk.
    async fn record(&mut self) {
        if let Some((stops, recording)) = self.recording.take() {
            if !recording.is_finished() {
                self.recording = Some((stops, recording));
                return;
            }
            match recording.await {
                Ok(Ok(_)) => self.recorded = stops,
                Ok(Err(error)) => tracing::error!(%error, "stops not recorded"),
                Err(error) => tracing::error!(%error, "stops not recorded"),
            }
        }
        let now = Arc::clone(&self.stops.borrow());
        if now == self.recorded {
            return;
        }
        let record = RecordBody::Stops(StopsRecord {
            sidecar: self.sidecar.clone(),
            channel: self.channel.to_string(),
            stops: now.iter().map(RecordedStop::from).collect(),
        });
        let audit = self.audit.clone();
        let recording = tokio::spawn(async move { audit.append(&record).await });
        self.recording = Some((now, recording));
    }

    /// Writes what was seen, if the disk has less. What it does not take is tried again at the next look.
    async fn keep(&mut self) {
        let Some(seen) = self.seen.clone().filter(|_| !self.is_kept) else {
            return;
        };
        let state_dir = self.state_dir.clone();
        let write = move || write(&state_dir, &seen);
        let problem = match self.keeper.look(self.deadline, write).await {
            Ok(Ok(())) => {
                self.is_kept = true;
                return;
            }
            Ok(Err(error)) => error.to_string(),
            Err(missed) => missed.to_string(),
        };
        tracing::error!(%problem, "stops that were seen are not kept: a start now would have to find them again");
    }

    /// Reads what was seen before this process began, and returns what of it does not count any more. If it cannot be
    /// read, everything stops.
    async fn read_back(&self, channel: &ChannelId) -> Result<(SeenStops, Vec<String>), String> {
        let (channel, root) = (channel.clone(), Arc::clone(&self.root));
        let path = self.state_dir.join(FILE);
        let work = move || read_back(path, &channel, &root);
        match self.keeper.look(self.deadline, work).await {
            Ok(Ok(read)) => Ok(read),
            Ok(Err(why)) => {
                self.put_in_force(&[StopInForce::unreadable(why.digest)]);
                Err(why.to_string())
            }
            Err(missed) => Err(missed.to_string()),
        }
    }

    /// Tells operators of problems, at most once a minute, and counts the look.
    fn tell(&self, is_read: bool, problems: Vec<String>) {
        if is_read {
            let now = Timestamp::now();
            self.metrics.sources.succeeded(&SourceName::Stops, now);
        } else {
            self.metrics.sources.failed(&SourceName::Stops);
        }
        if problems.is_empty() {
            return self.problems.reset();
        }
        if let Some(passed_over) = self.problems.tell() {
            let more = problems.len().saturating_sub(NAMED_PROBLEMS);
            let named: Vec<_> = problems.into_iter().take(NAMED_PROBLEMS).collect();
            let problems = named.join("; ");
            tracing::error!(
                %problems,
                more,
                passed_over,
                "stops of the channel not all read, those that were seen hold on"
            );
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
