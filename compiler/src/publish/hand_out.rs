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
    /// Puts the trust root where sidecars find it that have the one before, unless it is there or is the first, which is given to
    /// each sidecar by hand. Returns what became of it, if anything was to be put.
    ///
    /// # Errors
    /// [`PublishError`]
    pub fn hand_out_root<S: Items>(
        &self,
        policies: &Policies<S>,
    ) -> Result<Option<RootOut>, PublishError> {
        let version = self.root.statement().version;
        let Some(file) = self.root_file.filter(|_| version > 1) else {
            return Ok(None);
        };
        match policies.put_root(self.root, file)? {
            HandedOut::There => return Ok(None),
            HandedOut::Other => return Err(PublishError::OtherRoot(version)),
            HandedOut::Put => {}
        }
        let before = version.saturating_sub(1);
        let follows = before == 1 || policies.root(before)?.is_some();
        Ok(Some(RootOut { version, follows }))
    }
}
