//! What an entry of a tree says that it is.

use git2::TreeEntry;

/// The mode of a symbolic link in a tree.
pub(super) const LINK: u32 = 0o120_000;
/// The mode of a submodule's commit in a tree.
pub(super) const SUBMODULE: u32 = 0o160_000;

/// Returns the mode of an entry, as it stands in its tree.
pub(super) fn mode(entry: &TreeEntry<'_>) -> u32 {
    u32::try_from(entry.filemode_raw()).unwrap_or_default()
}
