//! Whether everything runs what git says: the commit, the head of the channel with all that it rests on, its timestamp, and
//! each sidecar.
//!
//! There are three answers and not two. What could not be looked at is never called the same.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use stopgate_client::Client;
use stopgate_client::wire::{RiskLimit, StopStatus};
use stopgate_decide::bundle::{Bundle, MAX_BUNDLE_BYTES, TrustRoot};
use stopgate_decide::digest::Digest;
use stopgate_decide::name::ChannelName;
use stopgate_decide::supply::{
    ChannelId, HeldRelease, Link, Marks, Release, SeenStops, Signed, Standing, StopInForce,
    StopsMoment, TimestampDocument, prove,
};
use stopgate_decide::surface::Limit;
use stopgate_store::{Items, NotNext, NotOffered, Policies, Rows, StoreError, offered};

/// Most rows that are named each by itself.
const NAMED_ROWS: usize = 10;

/// How long a sidecar has for its answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// What one look came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sameness {
    /// It is what it has to be: in words, what it is.
    Same(String),
    /// It is something else: in words, what.
    Different(String),
    /// Nobody can say, and why.
    Unknown(String),
}

/// The release that everything is compared with, verified as a sidecar verifies it that has seen nothing.
#[derive(Debug)]
pub struct Reference {
    /// As marks name it.
    pub held: HeldRelease,
    /// What it says.
    pub release: Release,
    bundle: Bundle,
}

/// Reads the head of `channel` and verifies everything that it rests on: documents, history, every byte of the bundle.
pub fn head<S: Items>(
    policies: &Policies<S>,
    channel: &ChannelName,
    root: &TrustRoot,
) -> (Option<Reference>, Sameness) {
    match verified(policies, channel, root) {
        Ok(reference) => {
            let HeldRelease {
                version, bundle, ..
            } = reference.held;
            let same = Sameness::Same(format!("version {version}, {bundle}"));
            (Some(reference), same)
        }
        Err(why) => (None, not_offered(&why)),
    }
}

fn verified<S: Items>(
    policies: &Policies<S>,
    channel: &ChannelName,
    root: &TrustRoot,
) -> Result<Reference, NotOffered> {
    let nothing = || NotOffered::Nothing(channel.clone());
    let stored = policies.head(channel)?.ok_or_else(nothing)?;
    // Whose channel it is, says its publisher.
    let link = Link::head(&stored.release, stored.sign_off.as_deref(), root)?;
    let wanted = ChannelId {
        organisation: link.release().document().organisation.clone(),
        channel: channel.clone(),
    };
    let marks = Marks::new(wanted.organisation.clone(), wanted.channel.clone(), root);
    let most = u64::try_from(MAX_BUNDLE_BYTES).unwrap_or(u64::MAX);
    let found = offered(policies, &wanted, root, &marks, None, most)?.ok_or_else(nothing)?;
    let release = found.link.release().document().clone();
    let refused = |why| NotOffered::Bundle {
        version: release.version.get(),
        why,
    };
    Ok(Reference {
        held: found.held(),
        bundle: found.bundle.load().map_err(refused)?,
        release,
    })
}

/// Says what a channel came to that offers nothing: what cannot be read is not known, and everything else is wrong.
fn not_offered(why: &NotOffered) -> Sameness {
    let message = chain(why);
    match why {
        NotOffered::Nothing(_) => Sameness::Unknown(message),
        NotOffered::Store(error) => from_store(error),
        NotOffered::Missing(_)
        | NotOffered::Refused(_)
        | NotOffered::Bundle { .. }
        | NotOffered::Looser { .. } => Sameness::Different(message),
    }
}

fn from_store(error: &StoreError) -> Sameness {
    let message = chain(error);
    match error {
        StoreError::Spoilt { .. } => Sameness::Different(message),
        StoreError::Conflict { .. } | StoreError::Unavailable { .. } | StoreError::Invalid(_) => {
            Sameness::Unknown(message)
        }
    }
}

impl Reference {
    /// Returns whether a publisher has put another release at the head of the channel by now. What nobody signed moves nothing.
    pub fn has_moved<S: Items>(&self, policies: &Policies<S>, root: &TrustRoot) -> bool {
        let head = policies.head(&self.release.channel).ok().flatten();
        let head = head.and_then(|head| Signed::<Release>::read(&head.release, root).ok());
        head.is_some_and(|head| head.digest() != self.held.release)
    }

    /// Compares the bundle that a commit makes with the one that is in force.
    #[must_use]
    pub fn beside_commit(&self, bundle: Digest) -> Sameness {
        if bundle == self.held.bundle {
            Sameness::Same(bundle.to_string())
        } else {
            Sameness::Different(format!(
                "it makes {bundle}, and {} is in force, of commit {}",
                self.held.bundle, self.release.commit
            ))
        }
    }

    /// Compares the trust root of a commit with the one that sidecars come to.
    pub fn beside_root<S: Items>(
        &self,
        policies: &Policies<S>,
        trust: (&TrustRoot, &[u8]),
    ) -> Sameness {
        let (root, file) = trust;
        let version = root.statement().version;
        let (newer, not_next) = policies.newer_roots(root);
        if let Some(newest) = newer.last() {
            let newest = newest.trust.statement().version;
            return Sameness::Different(format!(
                "version {version}, and sidecars come to version {newest} in the store"
            ));
        }
        match not_next {
            Some(NotNext::Store(error)) => return from_store(&error),
            Some(NotNext::Refused { version, why }) => {
                return Sameness::Different(format!("version {version} in the store: {why}"));
            }
            None => {}
        }
        let told = format!("version {version}");
        for missing in 2..version {
            match policies.root(missing) {
                Ok(Some(_)) => {}
                Ok(None) => {
                    return Sameness::Different(format!(
                        "{told}, and version {missing} is missing in the store: whoever has an older one does not come to it; \
                         `stopgate publish` with the commit that has it puts it there"
                    ));
                }
                Err(error) => return from_store(&error),
            }
        }
        if version == 1 {
            // It is given to each sidecar by hand.
            return Sameness::Same(told);
        }
        match policies.root(version) {
            Ok(Some(there)) if there == file => Sameness::Same(told),
            Ok(Some(_)) => Sameness::Different(format!("{told}, and the store has another one")),
            Ok(None) => Sameness::Different(format!(
                "{told}, and the store does not have it: `stopgate publish` puts it there"
            )),
            Err(error) => from_store(&error),
        }
    }

    /// Judges the timestamp of the channel as sidecars do at the instant `now`.
    pub fn beside_timestamp<S: Items>(
        &self,
        policies: &Policies<S>,
        root: &TrustRoot,
        now: Timestamp,
    ) -> Sameness {
        let wanted = ChannelId {
            organisation: self.release.organisation.clone(),
            channel: self.release.channel.clone(),
        };
        let bytes = match policies.timestamp(&wanted.channel) {
            Ok(bytes) => bytes,
            Err(error) => return from_store(&error),
        };
        let freshness = self.bundle.freshness();
        let Some(bytes) = bytes else {
            return match freshness {
                Some(_) => {
                    Sameness::Different("there is none, and the policy asks for it".to_owned())
                }
                None => Sameness::Same("there is none, and the policy asks for none".to_owned()),
            };
        };
        let marks = Marks::new(wanted.organisation.clone(), wanted.channel.clone(), root);
        let proven = Signed::<TimestampDocument>::read(&bytes, root)
            .map_err(|why| chain(&why))
            .and_then(|document| {
                let in_force = Some(self.held);
                prove(&document, &wanted, root, &marks, in_force, now).map_err(|why| chain(&why))
            });
        let proven = match proven {
            Ok(proven) => proven,
            Err(why) => return Sameness::Different(why),
        };
        let standing = Standing {
            proven: Some(proven),
            ..Standing::default()
        };
        let age = now.duration_since(proven.issued).max(SignedDuration::ZERO);
        let told = format!("issued {}, {} s ago", proven.issued, age.as_secs());
        match standing.limit(freshness, now) {
            Limit::High => Sameness::Same(told),
            limit @ (Limit::None | Limit::ReadOnly | Limit::Low | Limit::Medium) => {
                Sameness::Different(format!("{told}: no more than {limit} passes"))
            }
        }
    }

    /// Compares the rows that people read with what the bundle in force says.
    pub fn beside_rows<S: Items>(&self, policies: &Policies<S>) -> Sameness {
        let rows = match Rows::new(&self.bundle) {
            Ok(rows) => rows,
            Err(why) => return Sameness::Unknown(why.to_string()),
        };
        match policies.other_rows(&rows) {
            Err(error) => from_store(&error),
            Ok(other) if other.is_empty() => Sameness::Same(format!("{} rows", rows.number())),
            Ok(other) => {
                let named: Vec<_> = other
                    .iter()
                    .take(NAMED_ROWS)
                    .map(ToString::to_string)
                    .collect();
                let more = other.len().saturating_sub(NAMED_ROWS);
                let more = if more == 0 {
                    String::new()
                } else {
                    format!("; and {more} more")
                };
                Sameness::Different(format!("{}{more}", named.join("; ")))
            }
        }
    }

    /// Judges the stops of the channel as a sidecar does that sees it for the first time at the instant `now`, and returns
    /// those in force.
    pub fn beside_stops<S: Items>(
        &self,
        policies: &Policies<S>,
        root: &TrustRoot,
        now: Timestamp,
    ) -> (Vec<StopInForce>, Sameness) {
        let wanted = ChannelId {
            organisation: self.release.organisation.clone(),
            channel: self.release.channel.clone(),
        };
        let read = policies.stops(&wanted.channel, now);
        let read = read.and_then(|stops| Ok((stops, policies.timestamp(&wanted.channel)?)));
        let (stored, timestamp) = match read {
            Ok(read) => read,
            Err(error) => return (Vec::new(), from_store(&error)),
        };
        let timestamp = timestamp.map(|bytes| Signed::<TimestampDocument>::read(&bytes, root));
        let listed = timestamp.and_then(Result::ok);
        let listed = listed.map_or_else(BTreeSet::new, |read| read.document().stops.clone());
        let at = StopsMoment {
            root,
            listed: &listed,
            now,
        };
        let mut seen = SeenStops::new(wanted);
        let refused = stored.show(&mut seen, &at);
        let holding = seen.in_force(&listed, now);
        let unreadable = holding.iter().filter(|stop| stop.note.is_none());
        let mut wrong: Vec<String> = refused.iter().map(|why| chain(why)).collect();
        wrong.extend(stored.spoilt);
        wrong
            .extend(unreadable.map(|stop| format!("{} is listed and cannot be read", stop.digest)));
        let names: Vec<_> = holding.iter().map(stop_name).collect();
        let told = match names.as_slice() {
            [] => "none in force".to_owned(),
            names => format!("in force: {}", names.join(", ")),
        };
        let sameness = if wrong.is_empty() {
            Sameness::Same(told)
        } else {
            Sameness::Different(format!("{told}; what does not count: {}", wrong.join("; ")))
        };
        (holding, sameness)
    }

    /// Asks the sidecar at `socket` what it enforces, whether it goes by this version of the trust root, and whether it enforces
    /// these `stops` and no others.
    pub async fn beside_sidecar(
        &self,
        socket: &Path,
        root: &TrustRoot,
        stops: &[StopInForce],
    ) -> Sameness {
        let asked = async {
            let client = Client::connect(socket).await.map_err(|why| chain(&why))?;
            client.status(PATIENCE).await.map_err(|why| why.to_string())
        };
        // A socket that takes the connection and never answers is one that nobody could look at.
        let status = match tokio::time::timeout(PATIENCE.saturating_mul(2), asked).await {
            Ok(Ok(status)) => status,
            Ok(Err(why)) => return Sameness::Unknown(why),
            Err(_) => return Sameness::Unknown("it does not answer".to_owned()),
        };
        let version = i64::try_from(self.held.version.get()).unwrap_or(i64::MAX);
        // What passes where the policy is new enough.
        let ceiling = self.bundle.default_ceiling(self.release.channel.as_str());
        let of_all = stops.iter().filter(|stop| stop.reaches_all());
        let limit = match of_all
            .map(|stop| stop.limit.into())
            .fold(ceiling, Limit::min)
        {
            Limit::None => RiskLimit::None,
            Limit::ReadOnly => RiskLimit::ReadOnly,
            Limit::Low => RiskLimit::Low,
            Limit::Medium => RiskLimit::Medium,
            Limit::High => RiskLimit::High,
        };
        let refusal = status.bundle_refusal().as_str_name();
        let refusal = refusal.strip_prefix("BUNDLE_REFUSAL_").unwrap_or(refusal);
        let (channel, bundle) = (self.release.channel.as_str(), self.held.bundle.to_string());
        if status.channel != channel {
            Sameness::Different(format!("it follows the channel {:?}", status.channel))
        } else if status.bundle_digest.is_empty() {
            Sameness::Different(format!("nothing is in force: {refusal}"))
        } else if status.bundle_digest != bundle || status.bundle_version != version {
            Sameness::Different(format!(
                "version {}, {} ({refusal})",
                status.bundle_version,
                // Another program wrote it.
                status.bundle_digest.escape_debug()
            ))
        } else if refusal != "UNSPECIFIED" {
            Sameness::Different(format!(
                "version {version}, and it refuses what it is offered: {refusal}"
            ))
        } else if u64::try_from(status.root_version) != Ok(root.statement().version) {
            Sameness::Different(format!(
                "version {version}, and it goes by version {} of the trust root",
                status.root_version
            ))
        } else if let Some(other) = other_stop(&status.stops, stops) {
            Sameness::Different(format!("version {version}, and {other}"))
        } else if status.risk_limit() != limit {
            let passes = status.risk_limit().as_str_name();
            let passes = passes.strip_prefix("RISK_LIMIT_").unwrap_or(passes);
            let passes = passes.to_ascii_lowercase();
            Sameness::Different(format!(
                "version {version}, and no more than {passes} passes"
            ))
        } else {
            Sameness::Same(format!("version {version}"))
        }
    }
}

/// Returns what people call a stop, or its digest where nobody can read it.
fn stop_name(stop: &StopInForce) -> String {
    let digest = stop.digest;
    let note = stop.note.as_ref();
    note.map_or_else(
        || digest.to_string(),
        |note| format!("{} ({digest})", note.id),
    )
}

/// Says which stop a sidecar enforces and should not, or does not enforce and should.
fn other_stop(enforced: &[StopStatus], stops: &[StopInForce]) -> Option<String> {
    let is_enforced = |stop: &&StopInForce| {
        let digest = stop.digest.to_string();
        !enforced.iter().any(|status| status.digest == digest)
    };
    if let Some(missing) = stops.iter().find(is_enforced) {
        return Some(format!(
            "it does not enforce the stop {}",
            stop_name(missing)
        ));
    }
    let is_known = |status: &&StopStatus| {
        !stops
            .iter()
            .any(|stop| stop.digest.to_string() == status.digest)
    };
    let extra = enforced.iter().find(is_known)?;
    let name = if extra.id.is_empty() {
        &extra.digest
    } else {
        &extra.id
    };
    // Another program wrote it.
    let name = name.escape_debug();
    Some(format!(
        "it enforces the stop {name}, which the store does not have"
    ))
}

/// Returns an error and all that caused it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
