//! How much may stand in a policy repository, and what a document is to whoever reads it.

/// Longest document in bytes, as the front end has it.
pub(crate) const MAX_DOCUMENT: u64 = 1024 * 1024;
/// Most files that are read. A repository with more files, bytes, depth or entries is refused as a whole.
pub(super) const MAX_FILES: usize = 4096;
/// Most bytes of all of them together.
pub(super) const MAX_TOTAL: usize = 256 * 1024 * 1024;
/// Folders inside each other.
pub(super) const MAX_DEPTH: usize = 8;
/// Most entries of folders that a walk meets, whatever they are.
pub(super) const MAX_ENTRIES: usize = 1 << 17;

/// A file's path relative to the repository, with `/`, and its bytes.
pub type Document = (String, Vec<u8>);
