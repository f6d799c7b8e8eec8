//! The file: an uncompressed POSIX tar with one spelling. What was read is written again and compared, so that no
//! byte of it can differ from what the parts alone determine.

use std::io::Read as _;

use super::MAX_BUNDLE_BYTES;

/// Parts by name, in the order of the file.
pub(super) type Parts = Vec<(String, Vec<u8>)>;

/// Most parts of one bundle.
const MAX_PARTS: usize = 50_000;

/// Writes `parts` in the order given: all times zero, mode 0644, no owner.
pub(super) fn pack(parts: &[(String, Vec<u8>)]) -> std::io::Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    builder.mode(tar::HeaderMode::Deterministic);
    for (name, bytes) in parts {
        let mut header = tar::Header::new_ustar();
        header.set_path(name)?;
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        builder.append(&header, bytes.as_slice())?;
    }
    builder.into_inner()
}

/// Reads a file that [`pack`] wrote; `None` for anything else.
pub(super) fn unpack(bytes: &[u8]) -> Option<Parts> {
    if bytes.len() > MAX_BUNDLE_BYTES {
        return None;
    }
    let mut parts = Parts::new();
    for entry in tar::Archive::new(bytes).entries().ok()? {
        let entry = entry.ok()?;
        let name = std::str::from_utf8(&entry.path_bytes()).ok()?.to_owned();
        let mut content = Vec::new();
        // A header may claim any size; no part is longer than the file it is in.
        entry
            .take(bytes.len() as u64)
            .read_to_end(&mut content)
            .ok()?;
        parts.push((name, content));
        if parts.len() > MAX_PARTS {
            return None;
        }
    }
    (pack(&parts).ok()? == bytes).then_some(parts)
}
