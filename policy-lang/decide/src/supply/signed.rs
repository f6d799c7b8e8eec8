//! What all documents of a channel have in common: one spelling, a bounded length, and signatures that are verified
//! before anybody sees a member.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::bundle::dsse::{self, Envelope, Signature};
use crate::bundle::root::TrustError;
use crate::bundle::{DOCUMENT_LIMITS, TrustRoot};
use crate::digest::Digest;
use crate::json::Json;

/// Longest document with its signatures, in bytes.
pub const MAX_DOCUMENT_BYTES: usize = 64 * 1024;

/// A kind of document.
pub trait Document: Serialize + DeserializeOwned {
    /// What the kind is called in signatures, so that no document can be taken for one of another kind.
    const PAYLOAD_TYPE: &'static str;

    /// Checks what the types of the members cannot say.
    ///
    /// # Errors
    /// What is wrong, as the end of a sentence that begins with the document.
    fn check(&self) -> Result<(), &'static str>;

    /// Verifies that those signed who have to sign such a document, and returns the ids of their keys.
    ///
    /// # Errors
    /// As [`TrustRoot::verify`].
    fn verify(&self, root: &TrustRoot, envelope: &Envelope) -> Result<Vec<String>, TrustError>;
}

/// The number 1, the only version of a document that there is so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct FormatOne;

impl TryFrom<u32> for FormatOne {
    type Error = &'static str;

    fn try_from(number: u32) -> Result<Self, &'static str> {
        if number == 1 {
            Ok(Self)
        } else {
            Err("a later stopgate wrote it: its version is not 1")
        }
    }
}

impl From<FormatOne> for u32 {
    fn from(_: FormatOne) -> Self {
        1
    }
}

/// Why a document is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// It has more than [`MAX_DOCUMENT_BYTES`].
    #[error("the document has more than {MAX_DOCUMENT_BYTES} bytes")]
    TooLong,
    /// It is no envelope as this program writes them.
    #[error("the document is no signed envelope")]
    Envelope,
    /// It is a document of another kind.
    #[error("the document is of the kind `{}`", .0.escape_debug())]
    Kind(String),
    /// It does not have the members of its kind, or not in their one spelling.
    #[error("the document cannot be read: {0}")]
    Members(String),
    /// Its members do not hold together.
    #[error("the document {0}")]
    Contradiction(&'static str),
    /// It is not signed as the trust root asks.
    #[error("the document is not signed as the trust root asks")]
    Trust(#[from] TrustError),
    /// It is another document than the one that was named by its digest.
    #[error("the document is {found}, not {wanted}")]
    Other {
        /// The one that was named.
        wanted: Digest,
        /// What is there.
        found: Digest,
    },
}

/// A document that nobody has signed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsealed {
    payload_type: &'static str,
    payload: Vec<u8>,
}

impl Unsealed {
    /// Writes `document` in its one spelling.
    ///
    /// # Errors
    /// [`DocumentError::Contradiction`] or [`DocumentError::Members`] if nobody would read it.
    pub fn new<D: Document>(document: &D) -> Result<Self, DocumentError> {
        document.check().map_err(DocumentError::Contradiction)?;
        Ok(Self {
            payload_type: D::PAYLOAD_TYPE,
            payload: payload(document)?,
        })
    }

    /// Returns the digest by which other documents name it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::compute(&self.payload)
    }

    /// Returns the bytes that are signed.
    #[must_use]
    pub fn signed_bytes(&self) -> Vec<u8> {
        dsse::signed_bytes(self.payload_type, &self.payload)
    }

    /// Returns the document with `signatures` over [`Unsealed::signed_bytes`].
    #[must_use]
    pub fn seal(self, signatures: Vec<Signature>) -> Vec<u8> {
        Envelope {
            payload_type: self.payload_type.to_owned(),
            payload: self.payload,
            signatures,
        }
        .to_bytes()
    }
}

/// A document and where its word comes from. Only reading makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed<D> {
    document: D,
    digest: Digest,
    signers: Vec<String>,
}

impl<D: Document> Signed<D> {
    /// Reads a document and verifies that those signed it who have to, under `root`.
    ///
    /// # Errors
    /// [`DocumentError`]; no member of a refused document is used.
    pub fn read(bytes: &[u8], root: &TrustRoot) -> Result<Self, DocumentError> {
        let envelope = envelope::<D>(bytes)?;
        let document: D = members(&envelope)?;
        let signers = document.verify(root, &envelope)?;
        Ok(Self {
            digest: Digest::compute(&envelope.payload),
            document,
            signers,
        })
    }

    /// Reads the document that somebody who is trusted named by its `digest`. Its own signatures do not count: their
    /// keys may have left the root since.
    ///
    /// # Errors
    /// [`DocumentError::Other`] if it is another one, and the rest as [`Signed::read`] has it.
    pub fn read_named(bytes: &[u8], digest: Digest) -> Result<Self, DocumentError> {
        let envelope = envelope::<D>(bytes)?;
        let found = Digest::compute(&envelope.payload);
        if found != digest {
            return Err(DocumentError::Other {
                wanted: digest,
                found,
            });
        }
        Ok(Self {
            digest,
            document: members(&envelope)?,
            signers: Vec::new(),
        })
    }
}

impl<D> Signed<D> {
    /// Returns what it says.
    #[must_use]
    pub const fn document(&self) -> &D {
        &self.document
    }

    /// Returns the digest by which other documents name it: that of what is signed, whoever signed it.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns the ids of the keys that signed it; none of a document that was read by its digest.
    #[must_use]
    pub fn signers(&self) -> &[String] {
        &self.signers
    }
}

fn envelope<D: Document>(bytes: &[u8]) -> Result<Envelope, DocumentError> {
    if bytes.len() > MAX_DOCUMENT_BYTES {
        return Err(DocumentError::TooLong);
    }
    let envelope = Envelope::from_bytes(bytes).ok_or(DocumentError::Envelope)?;
    if envelope.payload_type == D::PAYLOAD_TYPE {
        Ok(envelope)
    } else {
        let kind = envelope.payload_type.chars().take(64).collect();
        Err(DocumentError::Kind(kind))
    }
}

fn members<D: Document>(envelope: &Envelope) -> Result<D, DocumentError> {
    let wrong = |error: &dyn std::fmt::Display| DocumentError::Members(error.to_string());
    // The strict parser first: another one may keep either of two members with one name.
    Json::parse(&envelope.payload, DOCUMENT_LIMITS).map_err(|error| wrong(&error))?;
    let document: D = serde_json::from_slice(&envelope.payload).map_err(|error| wrong(&error))?;
    // One spelling: times and numbers have many, and what is compared by its digest must not.
    if payload(&document)? != envelope.payload {
        return Err(wrong(&"it is not in its canonical form"));
    }
    document.check().map_err(DocumentError::Contradiction)?;
    Ok(document)
}

fn payload<D: Document>(document: &D) -> Result<Vec<u8>, DocumentError> {
    let wrong = |error: &dyn std::fmt::Display| DocumentError::Members(error.to_string());
    let text = serde_json::to_vec(document).map_err(|error| wrong(&error))?;
    let json = Json::parse(&text, DOCUMENT_LIMITS).map_err(|error| wrong(&error))?;
    Ok(json.canonical().into_bytes())
}
