//! What is read of a file before somebody trusted has signed for it, and how much of it.

use std::cell::RefCell;
use std::io::Cursor;
use std::path::Path;

use jiff::Timestamp;

use super::super::archive::pack;
use super::super::{Bundle, MAX_BUNDLE_BYTES, TrustRoot};
use super::*;

const MOST: u64 = MAX_BUNDLE_BYTES as u64;

/// Reads a bundle of a release, and the root that it is signed for.
fn released() -> (Vec<u8>, TrustRoot) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/compat/0.1.0");
    let root = std::fs::read(folder.join("root.dsse.json")).expect("a root");
    let root = TrustRoot::open(&root, Timestamp::UNIX_EPOCH).expect("a root");
    let bundle = std::fs::read(folder.join("policy.stopgate")).expect("a bundle");
    (bundle, root)
}

/// Makes a root under which nothing of ours is signed: it has another publisher.
fn stranger() -> TrustRoot {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let pair = Ed25519KeyPair::generate().expect("a key");
    let role = serde_json::json!({"keys": ["k1"], "threshold": 1});
    let public = STANDARD.encode(pair.public_key().as_ref());
    let statement = serde_json::json!({
        "stopgate_root": 1, "version": 1, "expires": "2999-01-01T00:00:00Z",
        "keys": {"k1": {"type": "ed25519", "public": public, "owner": "tests"}},
        "roles": {"root": role, "publisher": role},
    });
    let payload = statement.to_string().into_bytes();
    let message = dsse::signed_bytes(dsse::ROOT, &payload);
    let signature = dsse::Signature {
        key: "k1".to_owned(),
        bytes: pair.sign(&message).as_ref().to_vec(),
    };
    let envelope = Envelope {
        payload_type: dsse::ROOT.to_owned(),
        payload,
        signatures: vec![signature],
    };
    TrustRoot::open(&envelope.to_bytes(), Timestamp::UNIX_EPOCH).expect("a root")
}

/// A file whose readers are watched: which bytes they took, and what they do to the file by looking.
struct Watched<'a, F> {
    file: Cursor<Vec<u8>>,
    taken: &'a RefCell<Vec<std::ops::Range<u64>>>,
    sought: F,
}

impl<F> Read for Watched<'_, F> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let at = self.file.position();
        let read = self.file.read(into)?;
        self.taken.borrow_mut().push(at..at + read as u64);
        Ok(read)
    }
}

impl<F: FnMut(&mut Vec<u8>, u64)> Seek for Watched<'_, F> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let from = self.file.position();
        let at = self.file.seek(to)?;
        // Going back is what a reader does after it has looked through the headers.
        if at < from {
            (self.sought)(self.file.get_mut(), at);
        }
        Ok(at)
    }
}

/// Verifies a bundle, and returns the result with the number of bytes that were read.
fn watched(bytes: Vec<u8>, root: &TrustRoot) -> (Result<(), BundleError>, u64) {
    let taken = RefCell::default();
    let file = Watched {
        file: Cursor::new(bytes),
        taken: &taken,
        sought: |_: &mut Vec<u8>, _| {},
    };
    let came = Verified::read(file, root, MOST, None).map(|_| ());
    let taken = taken
        .borrow()
        .iter()
        .map(|range| range.end - range.start)
        .sum();
    (came, taken)
}

fn packed(parts: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let parts: Vec<_> = parts
        .iter()
        .map(|(name, bytes)| ((*name).to_owned(), bytes.clone()))
        .collect();
    let mut file = Vec::new();
    pack(&parts, &mut file).expect("packed");
    file
}

#[test]
fn what_was_read_is_written_byte_for_byte_and_loads() {
    let (bytes, root) = released();
    let verified = Verified::read(Cursor::new(&bytes), &root, MOST, None).expect("a bundle");
    let verified = verified.expect("it is not known");
    let mut written = Vec::new();
    verified.write(&mut written).expect("written");
    assert!(written == bytes);
    let bundle = verified.load().expect("a bundle");
    assert_eq!(bundle.digest(), verified.digest());
    assert_eq!(
        bundle.digest(),
        Bundle::open(&bytes, &root).expect("a bundle").digest()
    );
}

#[test]
fn t9_a_bundle_that_is_known_is_verified_whole_and_not_kept() {
    let (bytes, root) = released();
    let digest = Bundle::open(&bytes, &root).expect("a bundle").digest();
    let read = |bytes: &[u8], known| Verified::read(Cursor::new(bytes), &root, MOST, known);
    assert!(matches!(read(&bytes, Some(digest)), Ok(None)));
    assert!(matches!(
        read(&bytes, Some(Digest::compute(b""))),
        Ok(Some(_))
    ));
    // 61 is no multiple of a block, so headers and contents are both met.
    for at in (0..bytes.len()).step_by(61) {
        let mut other = bytes.clone();
        other[at] ^= 1;
        assert!(read(&other, Some(digest)).is_err(), "byte {at}");
    }
}

#[test]
fn t9_nothing_of_a_part_is_read_before_a_signature_promises_it() {
    let (bytes, root) = released();
    let taken = RefCell::default();
    let file = Watched {
        file: Cursor::new(bytes.clone()),
        taken: &taken,
        sought: |_: &mut Vec<u8>, _| {},
    };
    let refused = Verified::read(file, &stranger(), MOST, None);
    assert!(matches!(refused, Err(BundleError::Trust(_))), "{refused:?}");
    // Of each part but the first and the last, its header and no byte more.
    let mut archive = Archive::new(Cursor::new(&bytes), bytes.len() as u64).expect("begun");
    let mut parts = 0;
    while let Ok((name, size)) = archive.header() {
        let content = archive.at()..archive.at() + size;
        let looked_at = taken
            .borrow()
            .iter()
            .any(|range| range.start < content.end && content.start < range.end);
        assert_eq!(
            looked_at,
            [MANIFEST, ENVELOPE].contains(&name.as_str()),
            "{name}"
        );
        archive.skip(size).expect("the next part");
        parts += 1;
    }
    assert!(parts > 5);
    // The same with the right root takes every byte.
    let (came, taken) = watched(bytes.clone(), &root);
    // More than there are: some are read a second time, after the signature.
    assert!(came.is_ok() && taken > bytes.len() as u64, "{came:?}");
}

#[test]
fn t9_a_file_of_any_size_is_refused_by_its_first_bytes() {
    let (bytes, root) = released();
    let zeros = |count: usize| vec![0; count];
    let most = usize::try_from(MAX_MANIFEST_BYTES).expect("a size");
    let longest = usize::try_from(MAX_ENVELOPE_BYTES).expect("a size");
    // What a file may cost before anybody has signed for it.
    for (file, message, at_most) in [
        (zeros(1 << 20), "not a bundle file", 512),
        (
            packed(&[(MANIFEST, zeros(most + 1))]),
            "the manifest is longer than 8388608 bytes",
            512,
        ),
        (
            packed(&[(MANIFEST, zeros(8)), (ENVELOPE, zeros(longest + 1))]),
            "the envelope is longer than 262144 bytes",
            3 * 512,
        ),
        (
            packed(&[("a", zeros(1 << 20)), (MANIFEST, zeros(8))]),
            "the manifest is not the first part",
            512,
        ),
        (
            packed(&[(MANIFEST, zeros(most)), (ENVELOPE, zeros(longest))]),
            "the envelope is not DSSE",
            MAX_MANIFEST_BYTES + MAX_ENVELOPE_BYTES + 4 * 512,
        ),
    ] {
        let (came, taken) = watched(file, &root);
        let said = came.expect_err("no bundle").to_string();
        assert_eq!(said, format!("the bundle's format is wrong: {message}"));
        assert!(taken <= at_most, "{message}: {taken} bytes");
    }
    // Empty parts are headers only, and the cheapest way to make a reader work.
    let many: Vec<_> = (0..=MAX_PARTS).map(|_| ("x", Vec::new())).collect();
    let many = packed(&[&[(MANIFEST, vec![])], many.as_slice()].concat());
    let said = watched(many, &root).0.expect_err("no bundle").to_string();
    assert!(said.ends_with("there are too many parts"), "{said}");

    // The limit is the caller's, and one byte less than the file has.
    let most = bytes.len() as u64 - 1;
    let long = Verified::read(Cursor::new(&bytes), &root, most, None);
    assert!(matches!(long, Err(BundleError::TooLong(is)) if is == most));
}

/// Checks that a file that is changed in the moment between its signature and its parts is not accepted changed.
#[test]
fn t9_a_file_that_changes_while_it_is_read_is_what_was_signed_or_nothing() {
    let (bytes, root) = released();
    let original = bytes.clone();
    for at in (0..bytes.len()).step_by(53) {
        let taken = RefCell::default();
        let file = Watched {
            file: Cursor::new(bytes.clone()),
            taken: &taken,
            // The second time that it goes back is after the signature.
            sought: {
                let mut times = 0;
                move |bytes: &mut Vec<u8>, _| {
                    times += 1;
                    if times == 2 {
                        bytes[at] ^= 1;
                    }
                }
            },
        };
        if let Ok(Some(verified)) = Verified::read(file, &root, MOST, None) {
            let mut written = Vec::new();
            verified.write(&mut written).expect("written");
            // Whatever is accepted is what was signed, wherever the change was made.
            assert!(written == original, "byte {at}");
        }
    }
}
