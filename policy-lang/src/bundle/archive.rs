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
    let mut left = bytes.len();
    // Raw: extensions of the format are not followed, above all sparse files, which stand for bytes that are not there.
    for entry in tar::Archive::new(bytes).entries().ok()?.raw(true) {
        let entry = entry.ok()?;
        if entry.header().entry_type() != tar::EntryType::Regular || parts.len() >= MAX_PARTS {
            return None;
        }
        let name = std::str::from_utf8(&entry.path_bytes()).ok()?.to_owned();
        // A header may claim any size; all parts together are not longer than the file they are in.
        let size = usize::try_from(entry.size()).ok()?;
        left = left.checked_sub(size)?;
        let mut content = Vec::with_capacity(size);
        entry.take(size as u64).read_to_end(&mut content).ok()?;
        parts.push((name, content));
    }
    (pack(&parts).ok()? == bytes).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_is_unpacked_and_nothing_else() {
        let parts = vec![
            ("a".to_owned(), vec![1; 700]),
            ("b/c".to_owned(), Vec::new()),
        ];
        let bytes = pack(&parts).expect("packed");
        assert_eq!(unpack(&bytes), Some(parts));
        assert_eq!(unpack(&[&bytes[..], &[0; 512]].concat()), None);
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 1;
            // Only a part's own bytes may differ; the manifest's digests answer for those.
            assert!(
                unpack(&other).is_none_or(|parts| pack(&parts).is_ok_and(|again| again == other)),
                "byte {at}"
            );
        }
    }

    /// A sparse member stands for zeros that are not in the file: half a megabyte of them would become gigabytes.
    #[test]
    fn a_sparse_member_is_refused_before_it_grows() {
        let mut header = tar::Header::new_gnu();
        header.set_path("bomb").expect("a path");
        header.set_entry_type(tar::EntryType::GNUSparse);
        header.set_size(0);
        let gnu = header.as_gnu_mut().expect("a GNU header");
        gnu.set_real_size(1 << 40);
        header.set_cksum();
        let mut bytes = header.as_bytes().to_vec();
        bytes.extend([0; 1024]);
        assert_eq!(unpack(&bytes), None);
    }

    #[test]
    fn a_size_beyond_the_file_is_refused() {
        let mut header = tar::Header::new_ustar();
        header.set_path("long").expect("a path");
        header.set_size(1 << 50);
        header.set_cksum();
        assert_eq!(unpack(header.as_bytes()), None);
    }
}
