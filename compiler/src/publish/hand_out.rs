//! The trust root goes out with a release: from the commit to where sidecars come to it.

use stopgate_store::{HandedOut, Items, Policies};

use super::{Publication, PublishError};

/// A trust root that was handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RootOut {
    /// Its version.
    pub version: u64,
    /// The version before is there too, so that whoever has an older one comes to this one.
    pub follows: bool,
}

impl Publication<'_> {
    /// Puts the trust root where sidecars find it that have the one before, and returns what became of it, if it was not
    /// there. The first one is given to each sidecar by hand; it is put there with a release only, for publishers who come
    /// later, and not told of.
    ///
    /// # Errors
    /// [`PublishError`]
    pub fn hand_out_root<S: Items>(
        &self,
        policies: &Policies<S>,
        with_release: bool,
    ) -> Result<Option<RootOut>, PublishError> {
        let version = self.root.statement().version;
        let is_put = version > 1 || with_release;
        let Some(file) = self.root_file.filter(|_| is_put) else {
            return Ok(None);
        };
        match policies.put_root(self.root, file)? {
            HandedOut::There => return Ok(None),
            HandedOut::Other => return Err(PublishError::OtherRoot(version)),
            HandedOut::Put => {}
        }
        let before = version.saturating_sub(1);
        let follows = before <= 1 || policies.root(before)?.is_some();
        Ok((version > 1).then_some(RootOut { version, follows }))
    }

    /// Checks that the store has no root that follows this one: sidecars would refuse what is signed under it.
    ///
    /// # Errors
    /// [`PublishError::OlderRoot`]
    pub fn is_newest_root<S: Items>(&self, policies: &Policies<S>) -> Result<(), PublishError> {
        let (newer, _not_next) = policies.newer_roots(self.root);
        newer.last().map_or(Ok(()), |newest| {
            Err(PublishError::OlderRoot {
                ours: self.root.statement().version,
                newest: newest.trust.statement().version,
            })
        })
    }
}
