//! Follows the policy source: looks at it again and again, verifies what it finds and swaps it in whole.
//!
//! A bad update changes nothing but is reported. A good one is recorded before it explains any decision, so each
//! decision in the log stands after the record of its bundle. Only [`Bundle::open`] makes what is swapped in.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use stopgate_lang::bundle::root::TrustError;
use stopgate_lang::bundle::{Bundle, BundleError, MAX_BUNDLE_BYTES, TrustRoot};
use stopgate_lang::digest::Digest;
use stopgate_lang::name::ChannelName;
use stopgate_lang::record::{BundleChange, BundleRecord, RecordBody};
use tokio::sync::watch;

use crate::audit::AuditLog;
use crate::config::Source;
use crate::metrics::Metrics;

/// The policy in force, and how its last update went.
#[derive(Debug, Clone, Default)]
pub struct Supply {
    /// What decides; `None` until the first good bundle.
    pub active: Option<Active>,
    /// Why the newest update was refused; `None` when it was not.
    pub refusal: Option<Refusal>,
    /// Looks in a row that found no good bundle.
    pub failures: u32,
}

/// A bundle in force.
#[derive(Debug, Clone)]
pub struct Active {
    /// The verified policy.
    pub bundle: Arc<Bundle>,
    /// Since when.
    pub since: Timestamp,
}

/// Why an update is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// A signature does not verify, or is by nobody who may sign.
    Signature,
    /// Too few keys signed.
    Threshold,
    /// The content is not what was signed.
    Digest,
    /// The trust root is past its date.
    Expired,
    /// It cannot be read, or needs a newer sidecar.
    Format,
    /// It does not name the configured channel.
    Channel,
    /// There is nothing at the source, or it cannot be read.
    SourceUnavailable,
    /// It holds no rule.
    Empty,
    /// Its activation could not be recorded.
    AuditUnavailable,
}

impl Refusal {
    /// Every reason.
    pub const ALL: [Self; 9] = [
        Self::Signature,
        Self::Threshold,
        Self::Digest,
        Self::Expired,
        Self::Format,
        Self::Channel,
        Self::SourceUnavailable,
        Self::Empty,
        Self::AuditUnavailable,
    ];

    /// The word for it in records and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::Threshold => "threshold",
            Self::Digest => "digest",
            Self::Expired => "expired",
            Self::Format => "format",
            Self::Channel => "channel",
            Self::SourceUnavailable => "source_unavailable",
            Self::Empty => "empty",
            Self::AuditUnavailable => "audit_unavailable",
        }
    }
}

impl From<&BundleError> for Refusal {
    fn from(error: &BundleError) -> Self {
        match error {
            BundleError::Format(_) | BundleError::Requires(_) | BundleError::TooLong(_) => {
                Self::Format
            }
            BundleError::Read(_) => Self::SourceUnavailable,
            BundleError::Digest(_) => Self::Digest,
            BundleError::Trust(error) => match error {
                TrustError::Format(_) => Self::Format,
                TrustError::Signature(_) | TrustError::Roles(_) => Self::Signature,
                TrustError::Threshold { .. } => Self::Threshold,
                TrustError::Expired(_) => Self::Expired,
            },
        }
    }
}

/// What a look found that cannot be used.
struct Refused {
    why: Refusal,
    message: String,
    bundle: Option<Digest>,
}

/// Looks at the source. [`Follower::run`] never ends by itself.
#[derive(Debug)]
pub struct Follower {
    file: PathBuf,
    root: Arc<TrustRoot>,
    channel: ChannelName,
    sidecar: String,
    audit: AuditLog,
    metrics: Arc<Metrics>,
    supply: watch::Sender<Supply>,
    /// SHA-256 of the file that was verified last, good or bad.
    verified: Option<Digest>,
}

impl Follower {
    /// A follower that has not looked yet, and the watch of what it finds.
    #[must_use]
    pub fn new(
        Source::File(file): Source,
        root: TrustRoot,
        channel: ChannelName,
        sidecar: String,
        audit: AuditLog,
        metrics: Arc<Metrics>,
    ) -> (Self, watch::Receiver<Supply>) {
        let (supply, watched) = watch::channel(Supply::default());
        let root = Arc::new(root);
        (
            Self {
                file,
                root,
                channel,
                sidecar,
                audit,
                metrics,
                supply,
                verified: None,
            },
            watched,
        )
    }

    /// Looks again and again, with `poll` in between. The first look is the caller's.
    pub async fn run(mut self, poll: Duration) {
        loop {
            tokio::time::sleep(poll).await;
            self.look().await;
        }
    }

    /// Looks once. The whole file is read each time: its date and its length prove nothing.
    pub async fn look(&mut self) {
        let file = self.file.clone();
        let read = blocking(move || read(&file)).await;
        match read.and_then(|read| read.map_err(|error| error.to_string())) {
            Err(message) => {
                self.verified = None;
                self.refuse(Refused {
                    why: Refusal::SourceUnavailable,
                    message,
                    bundle: None,
                })
                .await;
            }
            Ok((_, sum)) if self.verified == Some(sum) && !self.expires_now() => self.unchanged(),
            Ok((bytes, sum)) => {
                self.verified = Some(sum);
                if let Err(refused) = self.activate(bytes).await {
                    self.refuse(refused).await;
                }
            }
        }
    }

    async fn activate(&mut self, bytes: Vec<u8>) -> Result<(), Refused> {
        let refused = |why, message: String, bundle| Refused {
            why,
            message,
            bundle,
        };
        let root = Arc::clone(&self.root);
        let now = Timestamp::now();
        if now >= root.statement().expires {
            let message = format!("the trust root expired at {}", root.statement().expires);
            return Err(refused(Refusal::Expired, message, None));
        }
        let opened = blocking(move || Bundle::open(&bytes, &root)).await;
        let opened = opened.map_err(|message| refused(Refusal::Format, message, None))?;
        let bundle = opened.map_err(|error| {
            let chain = std::error::Error::source(&error)
                .map_or_else(String::new, |source| format!(": {source}"));
            refused(Refusal::from(&error), format!("{error}{chain}"), None)
        })?;
        let digest = bundle.digest();
        if !bundle.has_channel(self.channel.as_str()) {
            let message = format!("the bundle does not name the channel `{}`", self.channel);
            return Err(refused(Refusal::Channel, message, Some(digest)));
        }
        if bundle.rules_len() == 0 {
            return Err(refused(
                Refusal::Empty,
                "the bundle holds no rule".to_owned(),
                Some(digest),
            ));
        }
        if let Err(error) = self.record(Some(digest), BundleChange::Active).await {
            // Nothing is wrong with the bundle: the next look tries it again.
            self.verified = None;
            return Err(refused(
                Refusal::AuditUnavailable,
                error.to_string(),
                Some(digest),
            ));
        }
        self.metrics.learn(bundle.tool_names());
        tracing::info!(%digest, rules = bundle.rules_len(), signers = ?bundle.signers(), "bundle active");
        let active = Some(Active {
            bundle: Arc::new(bundle),
            since: now,
        });
        self.supply.send_replace(Supply {
            active,
            refusal: None,
            failures: 0,
        });
        Ok(())
    }

    /// Whether the trust root has expired and nobody has been told.
    fn expires_now(&self) -> bool {
        let told = self.supply.borrow().refusal == Some(Refusal::Expired);
        !told && Timestamp::now() >= self.root.statement().expires
    }

    /// The same file as before: still good, or refused once more.
    fn unchanged(&self) {
        let refusal = self.supply.borrow().refusal;
        if let Some(why) = refusal {
            self.count(why);
        }
    }

    async fn refuse(
        &self,
        Refused {
            why,
            message,
            bundle,
        }: Refused,
    ) {
        let again = why == Refusal::SourceUnavailable && self.supply.borrow().refusal == Some(why);
        self.count(why);
        if again {
            return;
        }
        // `message` is what the event itself is called.
        tracing::error!(reason = why.as_str(), problem = %message, "bundle refused, the one before stays in force");
        let change = BundleChange::Refused {
            reason: why.as_str().to_owned(),
            message,
        };
        if let Err(error) = self.record(bundle, change).await {
            tracing::error!(%error, "refusal not recorded");
        }
    }

    fn count(&self, why: Refusal) {
        self.metrics.refused(why);
        self.supply.send_modify(|supply| {
            supply.refusal = Some(why);
            supply.failures = supply.failures.saturating_add(1);
        });
    }

    async fn record(
        &self,
        bundle: Option<Digest>,
        change: BundleChange,
    ) -> Result<(), crate::audit::AuditError> {
        let (sidecar, channel) = (self.sidecar.clone(), self.channel.to_string());
        let record = BundleRecord {
            sidecar,
            channel,
            bundle,
            change,
        };
        self.audit
            .append(&RecordBody::Bundle(record))
            .await
            .map(|_| ())
    }
}

/// Runs `work` off the threads that answer callers; a panic in it is a message.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| format!("verification ended early: {error}"))
}

/// The whole file and its SHA-256, if it is not longer than any bundle.
fn read(file: &Path) -> std::io::Result<(Vec<u8>, Digest)> {
    let most = u64::try_from(MAX_BUNDLE_BYTES).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    File::open(file)?
        .take(most.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if bytes.len() > MAX_BUNDLE_BYTES {
        return Err(std::io::Error::other("the file is longer than any bundle"));
    }
    let sum = Digest::of(&bytes);
    Ok((bytes, sum))
}
