//! Verifying a bundle file before anything in it costs more than reading it: what is signed is read first, within fixed
//! bounds, and only what a signature promised is kept.
//!
//! ```text
//! length -> manifest -> headers, by seeking -> envelope -> signatures -> each part: header, bytes, digest
//! ```
//!
//! It knows no file system: whoever calls gives it something to read. A file that changes meanwhile is refused or is
//! what was signed, for each byte that is kept was hashed after it was read.

use std::io::{self, Read, Seek, SeekFrom, Write};

use crate::calendar::is_zone_data;
use crate::digest::{Digest, Hasher};
use crate::json::Json;

use super::archive::{Archive, MAX_PARTS, Parts, Unreadable, pack};
use super::dsse::{self, Envelope};
use super::error::{BundleError, format};
use super::root::{Role, TrustRoot};
use super::{CATALOG_OF, DOCUMENT_LIMITS, ENVELOPE, MANIFEST};

/// Longest manifest, in bytes: room for fifty thousand parts ([`MAX_PARTS`]) of some 167 bytes each, name, digest and
/// size.
const MAX_MANIFEST_BYTES: u64 = 8 * 1024 * 1024;

/// Longest envelope, in bytes: one statement and more signatures than anybody collects.
const MAX_ENVELOPE_BYTES: u64 = 256 * 1024;

/// A bundle whose every byte was verified, and of which nothing was loaded yet.
#[derive(Debug)]
pub struct Verified {
    named: NamedBundle,
    signers: Vec<String>,
}

/// A bundle that is, byte for byte, the one that its digest names. Nobody says who signed it, so it can be compared with and
/// never be loaded.
#[derive(Debug)]
pub struct NamedBundle {
    digest: Digest,
    manifest: Manifest,
    /// All of them, the manifest first and the envelope last.
    parts: Parts,
}

/// What the manifest says beside its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Manifest {
    /// The version of the decision table that the bundle was compiled for.
    pub(super) decide: i64,
    /// The version of the compiler's zone data; the first table's manifests do not say it.
    pub(super) zone_data: Option<String>,
}

/// A part as the manifest lists it.
struct Listed {
    name: String,
    size: u64,
    digest: Digest,
}

impl From<Unreadable> for BundleError {
    fn from(why: Unreadable) -> Self {
        match why {
            Unreadable::Io(error) => Self::Read(error),
            Unreadable::NotPacked => format("not a bundle file"),
        }
    }
}

impl Verified {
    /// Reads a file of at most `most` bytes and verifies it with `root`. A bundle whose digest is `known` is verified
    /// all the same, but not kept: the answer is then `None`.
    ///
    /// # Errors
    /// [`BundleError`]: the file cannot be read, or its length, its layout, a digest, a signature, the threshold or what
    /// it requires is wrong.
    pub fn read(
        source: impl Read + Seek,
        root: &TrustRoot,
        most: u64,
        known: Option<Digest>,
    ) -> Result<Option<Self>, BundleError> {
        let publishers = |envelope: &[u8], digest| signers(envelope, digest, root);
        let (signers, named) = NamedBundle::read_vouched(source, most, known, publishers)?;
        Ok(named.map(|named| Self { named, signers }))
    }

    /// Writes the bundle file again, byte for byte as it was read.
    ///
    /// # Errors
    /// The writer's.
    pub fn write(&self, into: &mut impl Write) -> io::Result<()> {
        pack(&self.named.parts, into)
    }

    /// Returns the bundle, to be compared with another.
    #[must_use]
    pub const fn named(&self) -> &NamedBundle {
        &self.named
    }

    pub(super) const fn manifest(&self) -> &Manifest {
        &self.named.manifest
    }

    /// Returns the digest of the manifest, which is the bundle's name.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.named.digest
    }

    /// Returns the ids of the publisher keys that signed the bundle.
    #[must_use]
    pub fn signers(&self) -> &[String] {
        &self.signers
    }

    /// Returns every part, with its name, but the manifest and the envelope.
    pub(super) fn content(&self) -> &[(String, Vec<u8>)] {
        self.named.content()
    }
}

impl NamedBundle {
    /// Reads a file of at most `most` bytes, which has to be the bundle called `digest`. Who signed it does not count: a document
    /// that names the digest has to be believed.
    ///
    /// # Errors
    /// [`BundleError`]: the file cannot be read, is another bundle, or its length, its layout, a digest or what it requires is
    /// wrong.
    pub fn read(source: impl Read + Seek, digest: Digest, most: u64) -> Result<Self, BundleError> {
        let is_named = |_: &[u8], found| {
            (found == digest)
                .then_some(())
                .ok_or_else(|| BundleError::Digest(MANIFEST.to_owned()))
        };
        let ((), named) = Self::read_vouched(source, most, None, is_named)?;
        named.ok_or_else(|| format("there is nothing in it"))
    }

    /// Reads a file of at most `most` bytes whose envelope and digest `vouch` for what it holds. A bundle whose digest is
    /// `known` is verified all the same, but not kept: it is then `None`.
    fn read_vouched<T>(
        mut source: impl Read + Seek,
        most: u64,
        known: Option<Digest>,
        vouch: impl FnOnce(&[u8], Digest) -> Result<T, BundleError>,
    ) -> Result<(T, Option<Self>), BundleError> {
        // 1.1. The length, before anything is read.
        let length = source.seek(SeekFrom::End(0)).map_err(BundleError::Read)?;
        if length > most {
            return Err(BundleError::TooLong(most));
        }
        let mut archive = Archive::new(source, length).map_err(BundleError::Read)?;
        // 1.2. The manifest, which is the first part, and the envelope, which is the last: both of bounded length. What
        // is between is passed over by its headers.
        let manifest = manifest(&mut archive)?;
        let first = archive.at();
        let (last, envelope) = envelope(&mut archive)?;
        // 1.3. The signatures: publishers signed a statement that names this very manifest. Or its digest, which somebody
        // named who is believed.
        let digest = Digest::compute(&manifest);
        let vouched = vouch(&envelope, digest)?;
        // 1.4. What the manifest says. From here on the manifest is a publisher's word.
        let (said, listed) = read_manifest(&manifest)?;
        // 1.5. Each part between manifest and envelope: its header, its bytes and its digest are those that the
        // manifest lists.
        let mut archive = archive.from(first)?;
        // A known bundle is verified all the same: it is known by its manifest, and the file may still hold other
        // parts.
        let keep = known != Some(digest);
        let mut parts = Parts::new();
        if keep {
            parts.push((MANIFEST.to_owned(), manifest));
        }
        for part in listed {
            let content = part.content(&mut archive, keep)?;
            parts.extend(content.map(|content| (part.name, content)));
        }
        // 1.6. No part is there that the manifest does not list.
        if archive.at() != last {
            return Err(format("the parts are not those of the manifest"));
        }
        if !keep {
            return Ok((vouched, None));
        }
        parts.push((ENVELOPE.to_owned(), envelope));
        let named = Self {
            digest,
            manifest: said,
            parts,
        };
        Ok((vouched, Some(named)))
    }

    pub(super) const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Returns the digest of the manifest, which is the bundle's name.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns every part, with its name, but the manifest and the envelope.
    pub(super) fn content(&self) -> &[(String, Vec<u8>)] {
        match self.parts.as_slice() {
            [_, content @ .., _] => content,
            [] | [_] => &[],
        }
    }
}

impl Listed {
    /// Reads the part that begins here and checks that its name, size and digest are the listed ones. Returns its bytes
    /// if they are to be kept.
    fn content(
        &self,
        archive: &mut Archive<impl Read + Seek>,
        keep: bool,
    ) -> Result<Option<Vec<u8>>, BundleError> {
        // Name, size or digest: whichever is wrong, the part is not the one that was signed for.
        let wrong = || BundleError::Digest(self.name.clone());
        // The size is compared before anything is allocated, so a part costs no more memory than the publisher signed
        // for.
        if !archive.is(&self.name, self.size)? {
            return Err(wrong());
        }
        let (content, digest) = if keep {
            let content = archive.content(self.size)?;
            let digest = Digest::compute(&content);
            (Some(content), digest)
        } else {
            let mut hasher = Hasher::default();
            archive.pass(self.size, |chunk| hasher.update(chunk))?;
            (None, hasher.finish())
        };
        if digest == self.digest {
            Ok(content)
        } else {
            Err(wrong())
        }
    }
}

/// Reads the manifest, which has to be the first part and at most [`MAX_MANIFEST_BYTES`] long.
fn manifest(archive: &mut Archive<impl Read + Seek>) -> Result<Vec<u8>, BundleError> {
    let (name, size) = archive.header()?;
    if name != MANIFEST {
        return Err(format("the manifest is not the first part"));
    }
    if size > MAX_MANIFEST_BYTES {
        return Err(format(std::format!(
            "the manifest is longer than {MAX_MANIFEST_BYTES} bytes"
        )));
    }
    Ok(archive.content(size)?)
}

/// Reads the envelope, which has to be the last part, and returns it with the position of its header in the file. The
/// parts before it are passed over without reading their content.
fn envelope(archive: &mut Archive<impl Read + Seek>) -> Result<(u64, Vec<u8>), BundleError> {
    // Where the parts end is known only from their headers, so all of these are read before any content is.
    for _ in 0..MAX_PARTS {
        let at = archive.at();
        let (name, size) = archive.header()?;
        if name != ENVELOPE {
            archive.skip(size)?;
            continue;
        }
        if size > MAX_ENVELOPE_BYTES {
            return Err(format(std::format!(
                "the envelope is longer than {MAX_ENVELOPE_BYTES} bytes"
            )));
        }
        let envelope = archive.content(size)?;
        // Nothing may follow the envelope: what stood there would be covered by no signature.
        archive.ends()?;
        return Ok((at, envelope));
    }
    Err(format("there are too many parts"))
}

/// Checks that publishers signed the envelope and that its statement names the manifest with this `digest`. Returns the
/// ids of the keys that signed.
fn signers(envelope: &[u8], digest: Digest, root: &TrustRoot) -> Result<Vec<String>, BundleError> {
    let envelope =
        Envelope::from_bytes(envelope).ok_or_else(|| format("the envelope is not DSSE"))?;
    if envelope.payload_type != dsse::STATEMENT {
        return Err(format("the envelope holds no statement"));
    }
    // The signatures cover the payload as bytes, so they are checked before the payload is parsed.
    let signers = root.verify(Role::Publisher, &envelope)?;
    let statement = Json::parse(&envelope.payload, DOCUMENT_LIMITS)
        .map_err(|error| format(error.to_string()))?;
    let subject = statement
        .get("subject")
        .and_then(Json::as_array)
        .unwrap_or_default();
    // in-toto allows several subjects. A statement about several things would be valid beside any of them.
    let [subject] = subject else {
        return Err(format("the statement names not exactly one subject"));
    };
    let named = subject
        .get("digest")
        .and_then(|digest| digest.get("sha256"))
        .and_then(Json::as_str);
    let known =
        statement.get("predicateType").and_then(Json::as_str) == Some("urn:stopgate:bundle:1");
    if !known {
        return Err(format("the statement is not about a bundle"));
    }
    if named.and_then(Digest::from_hex) == Some(digest) {
        Ok(signers)
    } else {
        Err(BundleError::Digest(MANIFEST.to_owned()))
    }
}

/// Reads what the manifest says and the parts that it lists, in their order. The manifest has to be canonical JSON and
/// of a version that is known.
fn read_manifest(manifest: &[u8]) -> Result<(Manifest, Vec<Listed>), BundleError> {
    let json = Json::parse(manifest, DOCUMENT_LIMITS).map_err(|error| format(error.to_string()))?;
    // One spelling: a manifest that is parsed differently by another reader would be another bundle under the same
    // digest.
    if json.canonical().as_bytes() != manifest
        || json.get("stopgate_bundle").and_then(Json::as_integer) != Some(1)
    {
        return Err(format("the manifest is of an unknown version"));
    }
    let requires = json
        .get("requires")
        .and_then(|requires| requires.get("decide"))
        .and_then(Json::as_integer);
    let decide = requires.ok_or_else(|| format("the manifest does not say what it requires"))?;
    // A later version may have lines in its table that this program would not go through.
    if CATALOG_OF.iter().all(|(known, _)| *known != decide) {
        return Err(BundleError::Requires(decide));
    }
    let zone_data = json.get("zone_data").and_then(Json::as_str);
    // Zone data decides what is business time, and so what rules say.
    if decide >= 2 && !zone_data.is_some_and(is_zone_data) {
        return Err(format(
            "the manifest does not say which zone data it was compiled with",
        ));
    }
    let said = Manifest {
        decide,
        zone_data: zone_data.map(str::to_owned),
    };
    let listed = json
        .get("parts")
        .and_then(Json::as_array)
        .unwrap_or_default();
    let listed: Option<Vec<_>> = listed.iter().map(one).collect();
    listed
        // Strictly ascending, so no name stands twice and no part can stand for two.
        .filter(|listed| listed.is_sorted_by(|a, b| a.name < b.name))
        .map(|listed| (said, listed))
        .ok_or_else(|| format("the manifest does not list its parts in order"))
}

fn one(entry: &Json) -> Option<Listed> {
    Some(Listed {
        name: entry.get("name")?.as_str()?.to_owned(),
        size: u64::try_from(entry.get("size")?.as_integer()?).ok()?,
        digest: Digest::from_hex(entry.get("sha256")?.as_str()?)?,
    })
}

#[cfg(test)]
mod tests;
