//! One look at the stops of a channel: those of the source, the list of the newest timestamp, and those that were kept.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use stopgate_decide::bundle::TrustRoot;
use stopgate_decide::digest::Digest;
use stopgate_decide::supply::{
    ChannelId, MAX_DOCUMENT_BYTES, MAX_STOPS, Marks, SEEN_STOPS_BYTES, SeenStops, Signed,
    StopsMoment, TimestampDocument, is_newest,
};
use stopgate_store::{Policies, StoredStops};

use crate::config::Source;
use crate::follow::ListedStops;
use crate::follow::look::beside_timestamp;
use crate::source::{self, Unreadable, chain};

/// Most files that are read beside a bundle.
const MOST_FILES: usize = 4 * MAX_STOPS;

/// What a look came to.
pub(super) struct LookedAt {
    pub(super) seen: SeenStops,
    pub(super) listed: Option<ListedStops>,
    /// The store or the folder was read.
    pub(super) is_read: bool,
    pub(super) problems: Vec<String>,
}

/// Why nobody can say which stops were seen before.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be read back, so nobody can say which stops were seen: {why}", path.display())]
pub(super) struct NotReadBack {
    pub(super) path: PathBuf,
    pub(super) why: String,
    /// What was read of it.
    pub(super) digest: Digest,
}

/// What a look needs to know.
pub(super) struct StopLook {
    pub(super) source: Source,
    pub(super) root: Arc<TrustRoot>,
    pub(super) channel: ChannelId,
    pub(super) seen: SeenStops,
    pub(super) listed: Arc<ListedStops>,
}

/// Reads what was seen before this process began, and what of it does not count any more.
pub(super) fn read_back(
    path: PathBuf,
    channel: &ChannelId,
    root: &TrustRoot,
) -> Result<(SeenStops, Vec<String>), NotReadBack> {
    let most = u64::try_from(SEEN_STOPS_BYTES).unwrap_or(u64::MAX);
    let bytes = match source::read(&path, most) {
        Ok(bytes) => bytes,
        Err(Unreadable::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Ok((SeenStops::new(channel.clone()), Vec::new()));
        }
        Err(why) => {
            let (why, digest) = (chain(&why), Digest::compute(b""));
            return Err(NotReadBack { path, why, digest });
        }
    };
    match SeenStops::parse(&bytes, channel, root) {
        Ok((seen, left_out)) => {
            let left_out = left_out.iter().map(|why| chain(why)).collect();
            Ok((seen, left_out))
        }
        Err(why) => {
            let (why, digest) = (why.to_string(), Digest::compute(&bytes));
            Err(NotReadBack { path, why, digest })
        }
    }
}

impl StopLook {
    pub(super) fn look(self) -> LookedAt {
        let now = Timestamp::now();
        // Before the stops: a stop is there before a timestamp lists it.
        let listed = self.newer_list(now);
        let at = StopsMoment {
            root: &self.root,
            listed: &listed.as_ref().unwrap_or(&self.listed).stops,
            now,
        };
        let mut seen = self.seen.clone();
        let mut problems = Vec::new();
        let stored = self.stored(now);
        let is_read = stored.is_ok();
        match stored {
            Ok(stored) => {
                // What is refused stops nothing: nobody who may only write to the source does.
                let refused = stored.show(&mut seen, &at);
                problems.extend(refused.iter().map(|why| chain(why)));
                problems.extend(stored.spoilt);
            }
            Err(why) => problems.push(why),
        }
        seen.forget(&at);
        problems.sort();
        problems.dedup();
        LookedAt {
            seen,
            listed,
            is_read,
            problems,
        }
    }

    /// Returns what the timestamp of the source lists, if that is newer than what is known. What is wrong with it, those
    /// who look at the policy tell.
    fn newer_list(&self, now: Timestamp) -> Option<ListedStops> {
        let bytes = match &self.source {
            Source::Store(store) => {
                let store = store.open().ok()?;
                Policies::new(store).timestamp(&self.channel.channel).ok()?
            }
            Source::File(bundle) => beside_timestamp(bundle).ok()?,
        };
        let document = Signed::<TimestampDocument>::read(&bytes?, &self.root).ok()?;
        let ChannelId {
            organisation,
            channel,
        } = self.channel.clone();
        let mut marks = Marks::new(organisation, channel, &self.root);
        marks.issued = self.listed.issued;
        is_newest(&document, &self.channel, &marks, now).ok()?;
        let said = document.document();
        Some(ListedStops {
            issued: Some(said.issued),
            stops: said.stops.clone(),
        })
    }

    fn stored(&self, now: Timestamp) -> Result<StoredStops, String> {
        // Under a root that lets nobody stop there is nothing to find.
        if self.root.statement().roles.stop.is_none() {
            return Ok(StoredStops::default());
        }
        match &self.source {
            Source::Store(store) => {
                let store = store.open().map_err(|why| chain(&why))?;
                let stops = Policies::new(store).stops(&self.channel.channel, now);
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
        if at >= MOST_FILES {
            let many = io::Error::other(format!("there are more than {MOST_FILES} files"));
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
