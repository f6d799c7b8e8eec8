//! Timestamps: which release of a channel is the newest, signed again and again, so that nobody can hide a newer one.
//!
//! Whoever signs keeps marks of its own and never signs for less than it has signed for: a store that somebody puts back to
//! yesterday gets no fresh timestamp. It keeps the stops that it has seen too: whoever takes one out of the store does not
//! take it off the list.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use stopgate_decide::bundle::{MAX_BUNDLE_BYTES, TrustRoot};
use stopgate_decide::digest::Digest;
use stopgate_decide::name::ChannelName;
use stopgate_decide::supply::{
    ChannelId, DocumentError, FormatOne, Link, Marks, SEEN_STOPS_BYTES, SeenStops, Signed,
    StopsMoment, SupplyRefusal, TimestampDocument, Unsealed,
};
use stopgate_store::{Items, Moved, NotOffered, Policies, StoreError, offered};

use crate::key::{KeyError, SigningKey};
use crate::publish::seal;
use crate::whole;

/// How far this machine's clock may be behind what was signed before.
const CLOCK_BEHIND: SignedDuration = SignedDuration::from_secs(2);

/// Most bytes of marks that are read; they have some hundred.
const MARKS_BYTES: u64 = 4096;

/// What is signed, and by whom.
#[derive(Debug)]
pub struct Timestamper<'a> {
    /// For which channel; whose it is, its releases say.
    pub channel: &'a ChannelName,
    /// The newest trust root.
    pub root: &'a TrustRoot,
    /// The roots that led to it, the oldest first: what each of them takes back is taken back.
    pub before: &'a [TrustRoot],
    /// Keys of timestampers.
    pub keys: &'a [SigningKey],
    /// How long each timestamp proves anything.
    pub valid: SignedDuration,
    /// File with what was signed for before; beside it, with `.stops` behind its name, are the stops that were seen.
    pub marks: &'a Path,
}

/// Why no timestamp was signed.
#[derive(Debug, thiserror::Error)]
pub enum TimestampError {
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nothing was published yet.
    #[error("nothing was published to the channel yet, so there is nothing to sign for")]
    Nothing,
    /// The head is not one to sign for.
    #[error("the head of the channel is not one to sign for")]
    Refused(#[from] SupplyRefusal),
    /// Sidecars would not put it in force.
    #[error("the head of the channel is not one to sign for")]
    NotOffered(#[from] NotOffered),
    /// The document cannot be made, or not with these keys.
    #[error("the timestamp cannot be signed")]
    Document(#[from] DocumentError),
    /// A key does not work.
    #[error("the timestamp cannot be signed")]
    Key(#[from] KeyError),
    /// What was signed before is not known.
    #[error("{} does not say what was signed for before", path.display())]
    Marks {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Somebody hides the trust root that was signed for before, or gives an older one.
    #[error("the trust root is version {ours}, and version {seen} was signed for before")]
    OlderRoot {
        /// The version that was come to.
        ours: u64,
        /// The version before.
        seen: u64,
    },
    /// The clock of this machine went back.
    #[error("the clock says {now}, and {before} was signed already: it was set back")]
    Clock {
        /// What the clock says.
        now: Timestamp,
        /// What was signed.
        before: Timestamp,
    },
    /// Somebody else signed a newer one meanwhile.
    #[error("the store holds a timestamp that was issued later")]
    Later,
}

impl Timestamper<'_> {
    /// Signs for the head of the channel as it is at the instant `now`, and puts the timestamp into the store.
    ///
    /// # Errors
    /// [`TimestampError`]; the timestamp before stays where it is.
    pub fn sign<S: Items>(
        &self,
        policies: &Policies<S>,
        now: Timestamp,
    ) -> Result<TimestampDocument, TimestampError> {
        let head = policies.head(self.channel)?;
        let head = head.ok_or(TimestampError::Nothing)?;
        let link = Link::head(&head.release, head.sign_off.as_deref(), self.root)?;
        let wanted = ChannelId {
            organisation: link.release().document().organisation.clone(),
            channel: self.channel.clone(),
        };
        let mut marks = self.read_marks(&wanted)?;
        if let Some(before) = marks.issued
            && now.duration_since(before) < SignedDuration::ZERO - CLOCK_BEHIND
        {
            return Err(TimestampError::Clock { now, before });
        }
        // Never for less than before, and for nothing that a sidecar with these marks would not take: who has seen nothing
        // yet goes by what is signed here.
        let known = marks.release.map(|held| held.release);
        let most = u64::try_from(MAX_BUNDLE_BYTES).unwrap_or(u64::MAX);
        let found = offered(policies, &wanted, self.root, &marks, known, most)?;
        let held = found.map(|found| found.held()).or(marks.release);
        let held = held.ok_or(TimestampError::Nothing)?;
        let stops = self.stops(policies, &wanted, now)?;
        // Strictly later than the one before, whatever the clock's finest step is.
        let after = marks.issued.map_or(Timestamp::MIN, |before| {
            let step = SignedDuration::from_micros(1);
            before.checked_add(step).unwrap_or(Timestamp::MAX)
        });
        let issued = now.max(after);
        let ChannelId {
            organisation,
            channel,
        } = wanted;
        let document = TimestampDocument {
            format: FormatOne,
            organisation,
            channel,
            version: held.version,
            release: held.release,
            root: self.root.statement().version,
            enrolments: BTreeSet::new(),
            stops,
            issued,
            expires: issued.checked_add(self.valid).unwrap_or(Timestamp::MAX),
        };
        let bytes = seal(Unsealed::new(&document)?, self.keys)?;
        // As sidecars will read it: with a key that may sign timestamps.
        Signed::<TimestampDocument>::read(&bytes, self.root)?;
        // Noted before anybody can see it: what was signed for is known even if this ends here.
        marks.see_release(held);
        marks.issued = Some(issued);
        marks.see_time(issued);
        self.write_marks(&marks)?;
        match policies.put_timestamp(self.channel, bytes, issued)? {
            Moved::Here => {}
            Moved::Overtaken => return Err(TimestampError::Later),
        }
        // By a clock that is held to what was signed before. What cannot be taken away now, the next turn takes away.
        let _next_time = policies.tidy_stops(self.channel, now);
        Ok(document)
    }

    /// Returns the stops in force at the instant `now`: those in the store, and those that were there before.
    fn stops<S: Items>(
        &self,
        policies: &Policies<S>,
        wanted: &ChannelId,
        now: Timestamp,
    ) -> Result<BTreeSet<Digest>, TimestampError> {
        if self.root.statement().roles.stop.is_none() {
            return Ok(BTreeSet::new());
        }
        let path = self.stops_path();
        let unread = |source| TimestampError::Marks {
            path: path.clone(),
            source,
        };
        let most = u64::try_from(SEEN_STOPS_BYTES).unwrap_or(u64::MAX);
        let mut seen = match whole::read(&path, most).map_err(unread)? {
            None => SeenStops::new(wanted.clone()),
            Some(bytes) => {
                let read = SeenStops::parse(&bytes, wanted, self.root);
                read.map_err(|why| unread(std::io::Error::other(why)))?.0
            }
        };
        let before = seen.clone();
        let at = StopsMoment {
            root: self.root,
            listed: &BTreeSet::new(),
            now,
        };
        // Where nobody can say which stops there are, nothing is signed: what is not listed would not be missed.
        let stored = policies.stops(self.channel, now)?;
        // What does not verify stops nothing.
        let _refused = stored.show(&mut seen, &at);
        seen.forget(&at);
        if seen != before {
            let text = seen.text();
            let text = text.ok_or_else(|| std::io::Error::other("the stops cannot be written"));
            let written = text.and_then(|text| whole::write(&path, text.as_bytes()));
            written.map_err(unread)?;
        }
        Ok(seen.to_list(now))
    }

    fn stops_path(&self) -> PathBuf {
        let mut path = self.marks.as_os_str().to_owned();
        path.push(".stops");
        path.into()
    }

    fn read_marks(&self, wanted: &ChannelId) -> Result<Marks, TimestampError> {
        let unread = |source| TimestampError::Marks {
            path: self.marks.to_owned(),
            source,
        };
        let ChannelId {
            organisation,
            channel,
        } = wanted.clone();
        let spoilt = || unread(std::io::Error::other("it is not as this program writes it"));
        let Some(bytes) = whole::read(self.marks, MARKS_BYTES).map_err(unread)? else {
            return Ok(Marks::new(organisation, channel, self.root));
        };
        let mut marks = Marks::parse(&bytes).ok_or_else(spoilt)?;
        if marks.organisation != organisation || marks.channel != channel {
            let other = std::io::Error::other("it is of another channel: name a file for each");
            return Err(unread(other));
        }
        let (ours, seen) = (self.root.statement().version, marks.root);
        if ours < seen {
            return Err(TimestampError::OlderRoot { ours, seen });
        }
        for root in self.before {
            marks.see_root(root);
        }
        marks.see_root(self.root);
        Ok(marks)
    }

    fn write_marks(&self, marks: &Marks) -> Result<(), TimestampError> {
        let text = marks.text();
        let text = text.ok_or_else(|| std::io::Error::other("the marks cannot be written"));
        let written = text.and_then(|text| whole::write(self.marks, text.as_bytes()));
        written.map_err(|source| TimestampError::Marks {
            path: self.marks.to_owned(),
            source,
        })
    }
}
