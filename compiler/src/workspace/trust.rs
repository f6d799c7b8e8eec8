//! What stands beside the documents and is none: signatures of reviewers, the trust root that says whose count, and the
//! file that says which binary judges.
//!
//! The compiler never sees them.

use super::bounds::{Document, MAX_DOCUMENT};

/// Folders whose documents reviewers sign; the signatures stand beside them.
pub(crate) const FOLDERS: [&str; 2] = ["reviews", "waivers"];
/// The folder of the trust root; nothing else in it is looked at.
pub(super) const TRUST: &str = "trust";
/// Its file.
pub(super) const ROOT_FILE: &str = "root.dsse.json";
/// The trust root of a repository.
pub(crate) const ROOT: &str = "trust/root.dsse.json";
/// The file that names the binaries which may judge the next change; it stands beside `stopgate.yaml`.
pub(crate) const VERSION: &str = ".stopgate-version";
/// How the name of a signature ends.
const SIGNATURE: &str = ".sig";

/// Signatures and trust root of a repository, nothing of it verified.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// `waivers/ID.KEYID.sig` and `reviews/ID.KEYID.sig`, in the order of their paths.
    pub signatures: Vec<Document>,
    /// `trust/root.dsse.json`, if it is there.
    pub root: Option<Vec<u8>>,
    /// `.stopgate-version`, if it is there.
    pub version: Option<Vec<u8>>,
}

impl Trust {
    /// Returns whether `path` is the trust root's.
    pub(super) fn is_root(path: &str) -> bool {
        path == ROOT
    }

    /// Returns what stands for a file that is longer than a document may be: zeros, one more than allowed, and none of
    /// the file's own bytes.
    pub(super) fn too_long() -> Vec<u8> {
        vec![0; usize::try_from(MAX_DOCUMENT).map_or(usize::MAX, |most| most.saturating_add(1))]
    }
}

/// Returns whether `name`, relative to the repository, is a signature's.
pub(crate) fn is_signature(name: &str) -> bool {
    let file = name.split_once('/').filter(|(folder, file)| {
        FOLDERS.contains(folder) && !file.contains('/') && !file.starts_with('.')
    });
    file.is_some_and(|(_, file)| file.ends_with(SIGNATURE))
}

/// Returns the path of the signature that `key` makes of the document `id` in `folder`.
#[must_use]
pub fn signature_path(folder: &str, id: &str, key: &str) -> String {
    format!("{folder}/{id}.{key}{SIGNATURE}")
}

/// Returns folder, id and key of a signature's file. Ids of keys hold no dot, so the last one separates them.
pub(crate) fn signature_parts(path: &str) -> Option<(&str, &str, &str)> {
    let (folder, file) = path.split_once('/')?;
    let (id, key) = file.strip_suffix(SIGNATURE)?.rsplit_once('.')?;
    Some((folder, id, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_whose_signature_of_what_it_is() {
        let path = signature_path("waivers", "2026.014", "0123");
        assert_eq!(path, "waivers/2026.014.0123.sig");
        assert_eq!(
            signature_parts(&path),
            Some(("waivers", "2026.014", "0123"))
        );
        assert_eq!(signature_parts("waivers/2026-014.sig"), None);
        for (name, is) in [
            ("waivers/2026-014.k1.sig", true),
            ("reviews/2027-Q1.k1.sig", true),
            ("waivers/.2026-014.k2.sig", false),
            ("waivers/old/2026-013.k1.sig", false),
            ("rules/2026-014.k1.sig", false),
            ("2026-014.k1.sig", false),
        ] {
            assert_eq!(is_signature(name), is, "{name}");
        }
    }
}
