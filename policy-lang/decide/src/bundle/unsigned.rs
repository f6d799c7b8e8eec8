//! A bundle on its way out: parts, manifest, and the statement that publishers sign.

use crate::calendar::zone_data;
use crate::digest::Digest;
use crate::json::Json;

use super::archive::{Parts, pack};
use super::dsse::{self, Envelope, Signature};
use super::parts::BundleParts;
use super::{CATALOG, DECIDE, ENVELOPE, MANIFEST, POLICY, SCHEMA, SLICE_END, SLICES, SOURCES};

/// A bundle that nobody has signed yet. It decides nothing: only [`super::Bundle::open`] makes what `decide` takes.
#[derive(Debug, Clone)]
pub struct Unsigned {
    parts: Parts,
    digest: Digest,
    statement: Vec<u8>,
}

impl Unsigned {
    /// Writes the parts of a bundle, its manifest and the statement that publishers sign.
    ///
    /// # Errors
    /// When a part cannot be written as JSON.
    pub fn new(parts: &BundleParts) -> Result<Self, serde_json::Error> {
        // Whole destructuring: a part that is forgotten here would be missing from what is signed.
        let BundleParts {
            catalog,
            policy,
            schema,
            sources,
            slices,
        } = parts;
        let organisation = policy.organisation.as_str();
        let mut parts = vec![
            (CATALOG.to_owned(), serde_json::to_vec(catalog)?),
            (POLICY.to_owned(), serde_json::to_vec(policy)?),
            (SCHEMA.to_owned(), schema.clone().into_bytes()),
            (SOURCES.to_owned(), serde_json::to_vec(sources)?),
        ];
        // An empty slice would say nothing, and the index asks for none.
        let slices = slices.iter().filter(|(_, text)| !text.is_empty());
        parts.extend(slices.map(|(name, text)| {
            (
                format!("{SLICES}{name}{SLICE_END}"),
                text.clone().into_bytes(),
            )
        }));
        // The manifest lists its parts strictly ascending, and the reader checks it.
        parts.sort();
        let manifest = manifest(organisation, &parts).canonical().into_bytes();
        // The manifest is the bundle's name, so it is made after all parts and not listed in itself.
        let digest = Digest::compute(&manifest);
        parts.insert(0, (MANIFEST.to_owned(), manifest));
        let statement = statement(organisation, digest).canonical().into_bytes();
        Ok(Self {
            parts,
            digest,
            statement,
        })
    }

    /// Returns the digest of the bundle, which is the digest of its manifest. The manifest names the digest of every
    /// part.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns the name and the size in bytes of every part, the manifest included, in the order of the file.
    pub fn parts(&self) -> impl Iterator<Item = (&str, usize)> {
        self.parts
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.len()))
    }

    /// Returns the bytes that a publisher signs.
    #[must_use]
    pub fn signed_bytes(&self) -> Vec<u8> {
        dsse::signed_bytes(dsse::STATEMENT, &self.statement)
    }

    /// Writes the bundle file, with an envelope that holds `signatures` over [`Unsigned::signed_bytes`] as its last
    /// part.
    ///
    /// # Errors
    /// When a part's name is too long for the archive.
    pub fn finish(self, signatures: Vec<Signature>) -> std::io::Result<Vec<u8>> {
        let Self {
            mut parts,
            statement,
            ..
        } = self;
        let envelope = Envelope {
            payload_type: dsse::STATEMENT.to_owned(),
            payload: statement,
            signatures,
        };
        parts.push((ENVELOPE.to_owned(), envelope.to_bytes()));
        let mut file = Vec::new();
        pack(&parts, &mut file)?;
        Ok(file)
    }
}

fn object<const N: usize>(members: [(&str, Json); N]) -> Json {
    Json::Object(
        members
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

fn text(text: impl Into<String>) -> Json {
    Json::String(text.into())
}

fn manifest(organisation: &str, parts: &[(String, Vec<u8>)]) -> Json {
    let part = |(name, bytes): &(String, Vec<u8>)| {
        let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        object([
            ("name", text(name)),
            ("sha256", text(Digest::compute(bytes).hex())),
            ("size", Json::Integer(size)),
        ])
    };
    object([
        ("stopgate_bundle", Json::Integer(1)),
        ("organisation", text(organisation)),
        ("parts", Json::Array(parts.iter().map(part).collect())),
        ("requires", object([("decide", Json::Integer(DECIDE))])),
        ("zone_data", text(zone_data())),
    ])
}

/// Makes the in-toto statement that names the bundle by its digest. The statement holds no time and no machine, so that
/// builds are repeatable.
fn statement(organisation: &str, digest: Digest) -> Json {
    let subject = object([
        ("name", text(organisation)),
        ("digest", object([("sha256", text(digest.hex()))])),
    ]);
    object([
        ("_type", text("https://in-toto.io/Statement/v1")),
        ("subject", Json::Array(vec![subject])),
        ("predicateType", text("urn:stopgate:bundle:1")),
        (
            "predicate",
            object([(
                "compiler",
                text(concat!("stopgate ", env!("CARGO_PKG_VERSION"))),
            )]),
        ),
    ])
}
