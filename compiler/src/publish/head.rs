//! What a release is put behind: the head of the channel, verified, whoever has left the trust root since.

use jiff::Timestamp;
use stopgate_decide::bundle::TrustRoot;
use stopgate_decide::supply::{Link, SupplyRefusal, trace};
use stopgate_store::{Items, Policies, StoredRelease};

use super::{Publication, PublishError, Replaced};

impl Publication<'_> {
    /// Verifies the head of the channel as sidecars do that have it in force.
    pub(super) fn head<S: Items>(
        &self,
        policies: &Policies<S>,
        stored: StoredRelease,
    ) -> Result<(Replaced, Link), PublishError> {
        let sign_off = stored.sign_off.as_deref();
        let link = match Link::head(&stored.release, sign_off, self.root) {
            Ok(link) => link,
            // Its publisher has left the root before anybody else published. Reviewers sign off what is published now.
            Err(why) if self.again => self.head_of_before(policies, &stored, why)?,
            Err(why) => return Err(PublishError::Head(why)),
        };
        // Reviewers who let it pass may have left.
        let link = match link.sign_off() {
            Some(_) => link,
            None => link.without_sign_off(),
        };
        match trace(std::slice::from_ref(&link), self.channel, &self.nobody()) {
            Ok(_) | Err(SupplyRefusal::NeverSignedOff(_)) => {}
            Err(why) => return Err(PublishError::Head(why)),
        }
        let release = link.release().document().clone();
        Ok((Replaced { stored, release }, link))
    }

    /// Reads a head whose publisher has left the root: under the newest of the roots before that vouches for it. `why` it
    /// does not verify under this one is the error if there is none: what nobody signed is followed by nothing.
    fn head_of_before<S: Items>(
        &self,
        policies: &Policies<S>,
        stored: &StoredRelease,
        why: SupplyRefusal,
    ) -> Result<Link, PublishError> {
        let (mut root, mut file) = (self.root.clone(), self.root_file.map(<[u8]>::to_vec));
        while let Some(after) = file.take() {
            let Some(version) = root.statement().version.checked_sub(1) else {
                break;
            };
            let found = policies.root(version)?.and_then(|found| {
                let before = TrustRoot::open(&found, Timestamp::MIN).ok()?;
                // The store is not trusted: it is the one before if its root keys have signed the one after.
                before.open_next(&after).ok()?;
                Some((before, found))
            });
            let Some((before, found)) = found else {
                break;
            };
            if let Ok(link) = Link::head(&stored.release, None, &before) {
                return Ok(link);
            }
            (root, file) = (before, Some(found));
        }
        Err(PublishError::Head(why))
    }
}
