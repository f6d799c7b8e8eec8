//! One look at a file that is the policy source: what was found, or why nothing was. It changes nothing.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stopgate_decide::bundle::{BundleError, MAX_BUNDLE_BYTES, TrustRoot, Verified};
use stopgate_decide::digest::Digest;
use stopgate_decide::supply::{HeldRelease, MAX_DOCUMENT_BYTES};

use crate::source::{self, FileIdentity, Missed, Opened, Unreadable, chain, open};

use super::refusal::Refusal;

/// What is said of an update that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) why: Refusal,
    pub(super) message: String,
    pub(super) file: Option<FileIdentity>,
}

/// An update that cannot be used.
#[derive(Debug)]
pub(super) struct RefusedUpdate {
    pub(super) told: Box<Told>,
    pub(super) bundle: Option<Digest>,
}

/// What a look found.
#[derive(Debug)]
pub(super) enum FoundBundle {
    /// The bundle in force, and it is whole.
    InForce,
    /// A file that was refused before, and has not changed since.
    Again(Refusal),
    /// Another bundle.
    New(FoundNew),
}

/// The timestamp's bytes, if there is one, or why nobody can say.
pub(super) type FoundTimestamp = Result<Option<Vec<u8>>, String>;

/// A bundle that is not in force.
#[derive(Debug)]
pub(super) struct FoundNew {
    pub(super) verified: Arc<Verified>,
    /// The file that it is in, if it is in one.
    pub(super) file: Option<FileIdentity>,
    /// The release that names it, if one does.
    pub(super) release: Option<HeldRelease>,
    /// That release as it was signed.
    pub(super) release_file: Option<Arc<Vec<u8>>>,
}

/// Why a look found nothing.
#[derive(Debug)]
pub(super) enum NotFound {
    Unreadable(Unreadable),
    Bundle(Unfit, FileIdentity),
}

/// Why a file is not used as a bundle.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unfit {
    #[error("{} has {length} bytes, and `policy.max_bytes` is {most}: {}", path.display(), raise(*length))]
    TooLong {
        path: PathBuf,
        length: u64,
        most: u64,
    },
    #[error(transparent)]
    Bundle(#[from] BundleError),
}

/// Returns, in words, what makes room for a bundle of `length` bytes.
fn raise(length: u64) -> String {
    let most = u64::try_from(MAX_BUNDLE_BYTES).unwrap_or(u64::MAX);
    if length <= most {
        "raise it, or publish a smaller bundle".to_owned()
    } else {
        format!("no bundle may have more than {most}, whatever it says")
    }
}

/// Reads the bundle in the file that is open at `path` and verifies it, as [`Verified::read`] does. A file of more than
/// `most` bytes is refused.
pub(super) fn verified(
    opened: &Opened,
    path: &Path,
    root: &TrustRoot,
    most: u64,
    known: Option<Digest>,
) -> Result<Option<Verified>, Unfit> {
    // Before a byte of it is read. A file that grows after this is refused while it is read.
    let length = opened.length;
    if length > most {
        let path = path.to_owned();
        return Err(Unfit::TooLong { path, length, most });
    }
    Ok(Verified::read(&opened.file, root, most, known)?)
}

/// What a look needs to know.
pub(super) struct Look {
    pub(super) file: PathBuf,
    pub(super) root: Arc<TrustRoot>,
    pub(super) most: u64,
    pub(super) in_force: Option<Digest>,
    pub(super) refused: Option<(FileIdentity, Refusal)>,
}

impl Look {
    /// Reads the timestamp that stands beside the bundle, if one does.
    pub(super) fn timestamp(&self) -> FoundTimestamp {
        beside_timestamp(&self.file)
    }

    pub(super) fn look(&self) -> Result<FoundBundle, NotFound> {
        let opened = open(&self.file).map_err(NotFound::Unreadable)?;
        // The same file is refused for the same reason: it is not read again, which for a big one would be all the disk
        // does.
        let identity = opened.identity;
        match self.refused {
            Some((refused, why)) if refused == identity => return Ok(FoundBundle::Again(why)),
            Some(_) | None => {}
        }
        match verified(&opened, &self.file, &self.root, self.most, self.in_force) {
            Ok(None) => Ok(FoundBundle::InForce),
            Ok(Some(verified)) => Ok(FoundBundle::New(FoundNew {
                verified: Arc::new(verified),
                file: Some(identity),
                release: None,
                release_file: None,
            })),
            Err(error) => Err(NotFound::Bundle(error, identity)),
        }
    }
}

/// Reads the timestamp that stands beside the bundle in `file`, under its name with `.timestamp` behind it, if one does.
pub(super) fn beside_timestamp(file: &Path) -> FoundTimestamp {
    let mut path = file.as_os_str().to_owned();
    path.push(".timestamp");
    let most = u64::try_from(MAX_DOCUMENT_BYTES).unwrap_or(u64::MAX);
    match source::read(Path::new(&path), most) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(Unreadable::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(why) => Err(chain(&why)),
    }
}

impl RefusedUpdate {
    pub(super) fn new(why: Refusal, message: impl Into<String>) -> Self {
        Self {
            told: Box::new(Told {
                why,
                message: message.into(),
                file: None,
            }),
            bundle: None,
        }
    }

    pub(super) fn about(mut self, file: Option<FileIdentity>, bundle: Option<Digest>) -> Self {
        self.told.file = file;
        Self { bundle, ..self }
    }
}

impl From<Missed> for RefusedUpdate {
    fn from(missed: Missed) -> Self {
        Self::new(Refusal::SourceUnavailable, missed.to_string())
    }
}

impl From<NotFound> for RefusedUpdate {
    fn from(why: NotFound) -> Self {
        match why {
            NotFound::Unreadable(unreadable) => {
                let why = match &unreadable {
                    Unreadable::Replaceable(_) => Refusal::MayBeReplaced,
                    Unreadable::Io { .. }
                    | Unreadable::NotRegular { .. }
                    | Unreadable::TooLong { .. } => Refusal::SourceUnavailable,
                };
                Self::new(why, chain(&unreadable))
            }
            NotFound::Bundle(error, identity) => {
                let why = match &error {
                    Unfit::TooLong { .. } => Refusal::TooLong,
                    Unfit::Bundle(error) => error.into(),
                };
                Self::new(why, chain(&error)).about(Some(identity), None)
            }
        }
    }
}
