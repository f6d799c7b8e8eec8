//! What a follower is told to follow, and whether a bundle is one for this sidecar.

use std::collections::BTreeSet;
use std::path::PathBuf;

use stopgate_decide::bundle::Bundle;
use stopgate_decide::name::{ChannelName, OwnerName};

use crate::config::Policy;

use super::look::RefusedUpdate;
use super::refusal::Refusal;
use super::root::Root;

/// What is followed, and what it has to agree with.
#[derive(Debug)]
pub struct Followed {
    /// Where bundles come from, and the bounds of a look.
    pub policy: Policy,
    /// Whom they have to be signed by.
    pub root: Root,
    /// Whose they have to be, if that is said.
    pub organisation: Option<OwnerName>,
    /// The channel that they have to name.
    pub channel: ChannelName,
    /// Issuers of tokens that the operator gives keys for.
    pub issuers: BTreeSet<String>,
    /// Where the one in force is kept.
    pub state_dir: PathBuf,
}

impl Followed {
    /// Checks whether `bundle` is one for this sidecar: of its organisation, with its channel, and with a rule.
    pub(super) fn agrees(&self, bundle: &Bundle) -> Result<(), RefusedUpdate> {
        let Self {
            organisation,
            channel,
            ..
        } = self;
        if let Some(ours) = organisation
            && ours != bundle.organisation()
        {
            let theirs = bundle.organisation();
            let message = format!("the bundle is of the organisation `{theirs}`, not of `{ours}`");
            return Err(RefusedUpdate::new(Refusal::Organisation, message));
        }
        if !bundle.has_channel(channel.as_str()) {
            let message = format!("the bundle does not name the channel `{channel}`");
            return Err(RefusedUpdate::new(Refusal::Channel, message));
        }
        // It would reject everything, which nobody publishes on purpose.
        if bundle.rules_len() == 0 {
            return Err(RefusedUpdate::new(
                Refusal::Empty,
                "the bundle holds no rule",
            ));
        }
        Ok(())
    }
}
