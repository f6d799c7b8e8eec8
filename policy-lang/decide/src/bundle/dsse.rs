//! DSSE envelopes (Dead Simple Signing Envelope 1.0): a payload, its type, and a list of signatures over both.
//!
//! The envelope has one spelling, canonical JSON, so that no byte of it is left unchecked.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::json::Json;

use super::DOCUMENT_LIMITS;

/// Payload type of a bundle's statement.
pub const STATEMENT: &str = "application/vnd.in-toto+json";
/// Payload type of a trust root.
pub const ROOT: &str = "application/vnd.stopgate.root+json";
/// Payload type of a waiver.
pub const WAIVER: &str = "application/vnd.stopgate.waiver+json;v=2";
/// Payload type of a review.
pub const REVIEW: &str = "application/vnd.stopgate.review+json;v=2";
/// Payload types of waivers and reviews that did not say where they hold: they count nowhere any more.
pub const OLDER: [&str; 2] = [
    "application/vnd.stopgate.waiver+json",
    "application/vnd.stopgate.review+json",
];

/// One signature and the id of the key that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Id of the key in the trust root.
    pub key: String,
    /// Raw signature bytes.
    pub bytes: Vec<u8>,
}

/// A payload with its signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// What kind of payload it is; signed too.
    pub payload_type: String,
    /// What is signed.
    pub payload: Vec<u8>,
    /// Who signed.
    pub signatures: Vec<Signature>,
}

/// Returns the bytes that a signature covers: DSSE's pre-authentication encoding of the payload and its type.
#[must_use]
pub fn signed_bytes(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    // The lengths make the encoding unambiguous: no byte can move from the type to the payload.
    let head = format!(
        "DSSEv1 {} {payload_type} {} ",
        payload_type.len(),
        payload.len()
    );
    [head.as_bytes(), payload].concat()
}

impl Envelope {
    /// Writes the envelope as canonical JSON with a newline behind it.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let text = |text: &str| Json::String(text.to_owned());
        let signatures = self.signatures.iter().map(|signature| {
            Json::Object(vec![
                ("keyid".to_owned(), text(&signature.key)),
                (
                    "sig".to_owned(),
                    Json::String(STANDARD.encode(&signature.bytes)),
                ),
            ])
        });
        let envelope = Json::Object(vec![
            (
                "payload".to_owned(),
                Json::String(STANDARD.encode(&self.payload)),
            ),
            ("payloadType".to_owned(), text(&self.payload_type)),
            ("signatures".to_owned(), Json::Array(signatures.collect())),
        ]);
        let mut bytes = envelope.canonical().into_bytes();
        bytes.push(b'\n');
        bytes
    }

    /// Reads what [`Envelope::to_bytes`] writes; returns `None` for anything else, another spelling of the same
    /// envelope included.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let json = Json::parse(bytes, DOCUMENT_LIMITS).ok()?;
        let text = |name: &str| json.get(name).and_then(Json::as_str);
        let signature = |json: &Json| {
            Some(Signature {
                key: json.get("keyid")?.as_str()?.to_owned(),
                bytes: STANDARD.decode(json.get("sig")?.as_str()?).ok()?,
            })
        };
        let envelope = Self {
            payload_type: text("payloadType")?.to_owned(),
            payload: STANDARD.decode(text("payload")?).ok()?,
            signatures: json
                .get("signatures")?
                .as_array()?
                .iter()
                .map(signature)
                .collect::<Option<_>>()?,
        };
        // Base64 and JSON have many spellings. Comparing with the one that would be written refuses all others at
        // once, unknown members included.
        (envelope.to_bytes() == bytes).then_some(envelope)
    }
}
