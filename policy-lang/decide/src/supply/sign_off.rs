//! The sign-off: reviewers let a change pass from one bundle to another, wherever the one is the policy.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::signed::{Document, FormatOne};
use crate::bundle::TrustRoot;
use crate::bundle::dsse::Envelope;
use crate::bundle::root::TrustError;
use crate::digest::Digest;
use crate::name::OwnerName;
use crate::surface::Risk;

/// What reviewers sign after they have seen what the gate says of the change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignOff {
    /// Version of the document.
    #[serde(rename = "stopgate_signoff")]
    pub format: FormatOne,
    /// Whose policy it is.
    pub organisation: OwnerName,
    /// The bundle that is replaced, which may be the same; none where there was no policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Digest>,
    /// The bundle that replaces it.
    pub bundle: Digest,
    /// The highest risk at which it is looser. At `high` it takes the reviewers that the root asks for there.
    pub risk: Risk,
    /// The waivers that the gate was shown.
    pub waivers: BTreeSet<Digest>,
}

impl Document for SignOff {
    const PAYLOAD_TYPE: &'static str = "application/vnd.stopgate.signoff+json";

    /// Checks nothing: a bundle may replace itself too, when it is published once more because a publisher's key leaves.
    fn check(&self) -> Result<(), &'static str> {
        Ok(())
    }

    fn verify(&self, root: &TrustRoot, envelope: &Envelope) -> Result<Vec<String>, TrustError> {
        root.verify_reviewers(self.risk, envelope)
    }
}
