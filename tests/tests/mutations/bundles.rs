//! Spoilt bundles: as somebody without a key would make them, and as a publisher could who signs anything.

use std::collections::BTreeMap;

use jiff::Timestamp;
use stopgate::key::SigningKey;
use stopgate_author::compile::{Sources, compile};
use stopgate_decide::bundle::dsse::{self, Envelope, Signature};
use stopgate_decide::bundle::{Bundle, TrustRoot};
use stopgate_decide::digest::Digest;
use stopgate_decide::json::{Json, Limits};
use stopgate_tests::random::Random;

use crate::corpus::Corpus;
use crate::repositories::pick;
use crate::spoil::spoil;
use crate::worker::Came;

const BLOCK: usize = 512;
const MANIFEST: &str = "manifest.json";
const ENVELOPE: &str = "bundle.dsse.json";
const LIMITS: Limits = Limits {
    bytes: 16 << 20,
    depth: 40,
    members: 1 << 20,
};

/// A good bundle, and the key that signed it.
pub(crate) struct Bundles {
    key: SigningKey,
    root: TrustRoot,
    bytes: Vec<u8>,
    /// Without manifest and envelope.
    parts: Vec<(String, Vec<u8>)>,
    texts: Vec<Vec<u8>>,
    manifest: Json,
}

impl Bundles {
    pub(crate) fn new(corpus: &Corpus) -> Self {
        let policy = compile(Sources::new(corpus.reference().clone())).policy;
        let policy = policy.expect("the reference policies are good");
        let key = SigningKey::generate().expect("a key");
        let root = stopgate::root::first(&key, "tests", &BTreeMap::new(), Timestamp::MAX);
        let root = TrustRoot::open(&root.expect("a root"), Timestamp::UNIX_EPOCH).expect("a root");
        let bytes = stopgate::build::build(&policy, std::slice::from_ref(&key))
            .expect("a bundle")
            .bytes;
        let mut parts = unpack(&bytes);
        let (first, manifest) = parts.remove(0);
        let last = parts.pop().expect("an envelope");
        assert_eq!((first.as_str(), last.0.as_str()), (MANIFEST, ENVELOPE));
        let manifest = Json::parse(&manifest, LIMITS).expect("a manifest");
        let texts = parts.iter().map(|(_, text)| text.clone()).collect();
        let bundles = Self {
            key,
            root,
            bytes,
            parts,
            texts,
            manifest,
        };
        // Otherwise every spoilt bundle would be refused for how it was put together.
        assert!(
            bundles.signed(&bundles.parts) == bundles.bytes,
            "bundles are put together as the compiler does"
        );
        bundles
    }

    pub(crate) fn mutate(&self, random: &mut Random) -> Came {
        // Half of them stored and changed without a key, half signed again by one who may.
        if random.one_in(2) {
            let bytes = self.stored(random);
            let opened = Bundle::open(&bytes, &self.root);
            // Every change of a byte has to be noticed; a change that changes nothing is the file itself.
            assert_eq!(
                opened.is_ok(),
                bytes == self.bytes,
                "a bundle that nobody signed"
            );
            return came(opened.is_ok());
        }
        let mut parts = self.parts.clone();
        // Signed by a publisher: whatever opens is fine, whatever does not must be an error and no panic.
        for _ in 0..=random.below(2) {
            let (at, to) = (place(random, &parts), place(random, &parts));
            match random.below(8) {
                0 => {
                    parts[at]
                        .1
                        .clone_from(&self.parts[place(random, &self.parts)].1);
                }
                1 if parts.len() > 1 => {
                    parts.remove(at);
                }
                2 => {
                    let name = spoil(random, parts[at].0.as_bytes(), &self.texts);
                    // What fits into the header's field.
                    parts[at].0 = String::from_utf8_lossy(&name).chars().take(25).collect();
                }
                3 => parts.swap(at, to),
                _ => parts[at].1 = spoil(random, &parts[at].1, &self.texts),
            }
        }
        came(Bundle::open(&self.signed(&parts), &self.root).is_ok())
    }

    /// Whether a bundle opens in which `change` was made to the part called `changed`, signed by who may.
    pub(crate) fn opens_with(&self, changed: &str, change: impl Fn(&str) -> String) -> bool {
        let mut parts = self.parts.clone();
        let part = parts.iter_mut().find(|(name, _)| name == changed);
        let (_, bytes) = part.expect("a part");
        *bytes = change(std::str::from_utf8(bytes).expect("text")).into_bytes();
        Bundle::open(&self.signed(&parts), &self.root).is_ok()
    }

    /// The stored file, changed by somebody without a key.
    fn stored(&self, random: &mut Random) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        let (at, to) = (place(random, &bytes), place(random, &bytes));
        match random.below(5) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes.truncate(at),
            2 => {
                // Whole blocks, since headers and contents begin at these.
                let block = BLOCK * (at / BLOCK);
                let end = bytes.len().min(block + BLOCK);
                bytes.drain(block..end);
            }
            3 => {
                let (from, to) = (BLOCK * (at / BLOCK), BLOCK * (to / BLOCK));
                let block = bytes[from..bytes.len().min(from + BLOCK)].to_vec();
                bytes.splice(to..to, block);
            }
            _ => {
                let mut parts = unpack(&bytes);
                let (at, to) = (place(random, &parts), place(random, &parts));
                let text = parts[to].1.clone();
                parts[at].1 = text;
                bytes = pack(&parts);
            }
        }
        bytes
    }

    /// A bundle of `parts` that a trusted key has signed.
    fn signed(&self, parts: &[(String, Vec<u8>)]) -> Vec<u8> {
        let text = |text: &str| Json::String(text.to_owned());
        let listed = parts.iter().map(|(name, bytes)| {
            Json::Object(vec![
                ("name".to_owned(), text(name)),
                ("sha256".to_owned(), text(&Digest::compute(bytes).hex())),
                (
                    "size".to_owned(),
                    Json::Integer(i64::try_from(bytes.len()).expect("small")),
                ),
            ])
        });
        let Json::Object(mut members) = self.manifest.clone() else {
            panic!("a manifest is an object")
        };
        members.retain(|(name, _)| name != "parts");
        members.push(("parts".to_owned(), Json::Array(listed.collect())));
        let manifest = Json::Object(members).canonical().into_bytes();
        // The statement is made by replacing the digest, so that all else in it stays as the compiler wrote it.
        let statement = std::str::from_utf8(&self.envelope().payload)
            .expect("a statement")
            .replace(
                &Digest::compute(&self.manifest.canonical().into_bytes()).hex(),
                &Digest::compute(&manifest).hex(),
            );
        let payload = statement.into_bytes();
        let bytes = self
            .key
            .sign(&dsse::signed_bytes(dsse::STATEMENT, &payload));
        let envelope = Envelope {
            payload_type: dsse::STATEMENT.to_owned(),
            payload,
            signatures: vec![Signature {
                key: self.key.public().expect("a key").id(),
                bytes,
            }],
        };
        let mut all = vec![(MANIFEST.to_owned(), manifest)];
        all.extend(parts.iter().cloned());
        all.push((ENVELOPE.to_owned(), envelope.to_bytes()));
        pack(&all)
    }

    fn envelope(&self) -> Envelope {
        let (_, envelope) = unpack(&self.bytes).pop().expect("an envelope");
        Envelope::from_bytes(&envelope).expect("an envelope")
    }
}

const fn came(opened: bool) -> Came {
    if opened {
        Came::Accepted
    } else {
        Came::Refused
    }
}

fn place<T>(random: &mut Random, all: &[T]) -> usize {
    let places: Vec<usize> = (0..all.len()).collect();
    *pick(random, &places)
}

/// The entries of a tar file as bundles are: one header block each, no extensions.
fn unpack(mut bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut parts = Vec::new();
    // Read by hand, so that the test does not lean on the reader that it tries.
    while let Some((header, rest)) = bytes.split_first_chunk::<BLOCK>() {
        let field = |range: std::ops::Range<usize>| {
            let text = String::from_utf8_lossy(&header[range]).into_owned();
            text.trim_end_matches(['\0', ' ']).to_owned()
        };
        let (name, size) = (field(0..100), field(124..136));
        if name.is_empty() {
            break;
        }
        let size = usize::from_str_radix(&size, 8).expect("an octal size");
        let (content, rest) = rest.split_at(size);
        parts.push((name, content.to_vec()));
        bytes = rest
            .get(size.next_multiple_of(BLOCK) - size..)
            .unwrap_or_default();
    }
    parts
}

fn pack(parts: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, content) in parts {
        let mut header = [0; BLOCK];
        let mut put =
            |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
        put(0, name);
        put(100, "0000644\0");
        put(108, "0000000\0");
        put(116, "0000000\0");
        put(124, &format!("{:011o}\0", content.len()));
        put(136, "00000000000\0");
        put(148, "        ");
        put(156, "0");
        put(257, "ustar\u{0}00");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        // The sum counts the field itself as spaces.
        header[148..156].copy_from_slice(format!("{sum:07o}\0").as_bytes());
        bytes.extend(header);
        bytes.extend(content);
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    }
    bytes.resize(bytes.len() + 2 * BLOCK, 0);
    bytes
}
