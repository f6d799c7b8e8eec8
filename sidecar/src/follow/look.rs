//! One look at the policy source: what was found, or why nothing was. It changes nothing.

use std::path::PathBuf;
use std::sync::Arc;

use stopgate_lang::bundle::{BundleError, TrustRoot, Verified};
use stopgate_lang::digest::Digest;

use super::Refusal;
use crate::source::{Identity, Missed, Unreadable, chain, open};

/// What is said of an update that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) why: Refusal,
    pub(super) message: String,
    pub(super) file: Option<Identity>,
}

/// An update that cannot be used.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) told: Box<Told>,
    pub(super) bundle: Option<Digest>,
}

/// What a look found.
#[derive(Debug)]
pub(super) enum Found {
    /// The bundle in force, and it is whole.
    InForce,
    /// A file that was refused before, and has not changed since.
    Again(Refusal),
    /// Another bundle, and its file.
    New(Arc<Verified>, Identity),
}

/// Why a look found nothing.
#[derive(Debug)]
pub(super) enum NotFound {
    Unreadable(Unreadable),
    Bundle(BundleError, Identity),
}

/// What a look needs to know.
pub(super) struct Look {
    pub(super) file: PathBuf,
    pub(super) root: Arc<TrustRoot>,
    pub(super) most: u64,
    pub(super) in_force: Option<Digest>,
    pub(super) refused: Option<(Identity, Refusal)>,
}

impl Look {
    pub(super) fn look(&self) -> Result<Found, NotFound> {
        let opened = open(&self.file).map_err(NotFound::Unreadable)?;
        let identity = opened.identity;
        match self.refused {
            Some((refused, why)) if refused == identity => return Ok(Found::Again(why)),
            Some(_) | None => {}
        }
        let verified = Verified::read(&opened.file, &self.root, self.most, self.in_force);
        match verified {
            Ok(None) => Ok(Found::InForce),
            Ok(Some(verified)) => Ok(Found::New(Arc::new(verified), identity)),
            Err(error) => Err(NotFound::Bundle(error, identity)),
        }
    }
}

impl Refused {
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

    pub(super) fn about(mut self, file: Identity, bundle: Option<Digest>) -> Self {
        self.told.file = Some(file);
        Self { bundle, ..self }
    }
}

impl From<Missed> for Refused {
    fn from(missed: Missed) -> Self {
        Self::new(Refusal::SourceUnavailable, missed.to_string())
    }
}

impl From<NotFound> for Refused {
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
                Self::new(Refusal::from(&error), chain(&error)).about(identity, None)
            }
        }
    }
}
