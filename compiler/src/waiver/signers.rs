//! Who signed a document: its signature files, looked at under a trust root.

use std::collections::{BTreeMap, BTreeSet};

use stopgate_author::waiver::{Otherwise, Statement};
use stopgate_decide::bundle::TrustRoot;
use stopgate_decide::bundle::dsse::{self, Envelope, Signature};
use stopgate_decide::bundle::root::{Role, Worth};

use crate::workspace::Document;
use crate::workspace::trust::{signature_parts, signature_path};

/// Longest signature file, in bytes: the signed document is in it.
pub const MAX_SIGNATURE_BYTES: usize = 256 * 1024;

/// Who signed one document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signers {
    /// Ids of reviewers' keys whose signature counts; no public key twice, and where the root counts people, nobody.
    pub reviewers: BTreeSet<String>,
    /// Ids of keys that are no reviewers': named, never counted.
    pub unknown: BTreeSet<String>,
    /// Reviewers' signatures of this document that hold somewhere else: not counted, and nobody is suspected.
    pub elsewhere: Vec<Elsewhere>,
    /// Files that are no signature of what the document says: trust has failed.
    pub spoilt: Vec<Spoilt>,
}

/// A signature file that holds, and not here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file} {whence}")]
pub struct Elsewhere {
    /// Its path.
    pub file: String,
    /// Where it was made.
    pub whence: Whence,
}

/// Where a signature was made that does not hold here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Whence {
    /// It does not say where it holds.
    #[error("was made by an older stopgate: sign again")]
    Older,
    /// It says another organisation.
    #[error("was made for another organisation: it counts for nothing here")]
    Organisation,
    /// It says another role `root`.
    #[error("was made under a trust root with other root keys: sign again")]
    Root,
}

/// A signature file that is not what it has to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file} {flaw}")]
pub struct Spoilt {
    /// Its path.
    pub file: String,
    /// What is wrong with it.
    pub flaw: Flaw,
}

/// What can be wrong with a signature file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// It is too long, or no envelope with one signature.
    #[error("is no signature")]
    Format,
    /// Inside it names another key than its own name does.
    #[error("holds another key's signature than its name says")]
    OtherKey,
    /// What was signed is not what the document says now.
    #[error("signs something else than the document says now: sign it again, or delete the file")]
    OtherText,
    /// The key did not make it.
    #[error("does not verify")]
    Forged,
}

impl Signers {
    /// Finds who of `root` signed `statement`, the statement that the document `id` in `folder` makes. Without a root
    /// nobody counts.
    #[must_use]
    pub fn new(
        statement: &Statement,
        folder: &str,
        id: &str,
        signatures: &[Document],
        root: Option<&TrustRoot>,
    ) -> Self {
        let mut signers = Self::default();
        let mut publics: BTreeMap<[u8; 32], String> = BTreeMap::new();
        for (path, bytes) in signatures {
            let Some((_, _, key)) = signature_parts(path)
                .filter(|(in_folder, of, _)| *in_folder == folder && *of == id)
            else {
                continue;
            };
            let mut spoilt = |flaw| {
                let file = path.clone();
                signers.spoilt.push(Spoilt { file, flaw });
            };
            let (envelope, signature) = match opened(bytes, key) {
                Ok(opened) => opened,
                Err(flaw) => {
                    spoilt(flaw);
                    continue;
                }
            };
            let is_of = is_of(&envelope, statement);
            let own = dsse::signed_bytes(&envelope.payload_type, &envelope.payload);
            let worth = root.map(|root| root.worth(Role::Reviewer, &own, &signature));
            let whence = match statement.otherwise(&envelope.payload_type, &envelope.payload) {
                // The very statement is no other text either.
                Otherwise::Text => None,
                Otherwise::Older => Some(Whence::Older),
                Otherwise::Organisation => Some(Whence::Organisation),
                Otherwise::Root => Some(Whence::Root),
            };
            match (worth.unwrap_or(Worth::Unknown), whence) {
                (Worth::Unknown, _) => {
                    signers.unknown.insert(signature.key);
                }
                // What older releases signed is of no use whatever it is, so nobody has to look at it.
                (_, Some(whence @ Whence::Older)) | (Worth::Valid(_), Some(whence)) => {
                    let file = path.clone();
                    signers.elsewhere.push(Elsewhere { file, whence });
                }
                (Worth::Valid(public), None) if is_of => {
                    publics.insert(public, signature.key);
                }
                (Worth::Invalid, Some(_)) => spoilt(Flaw::Forged),
                (Worth::Invalid, None) if is_of => spoilt(Flaw::Forged),
                (Worth::Valid(_) | Worth::Invalid, None) => spoilt(Flaw::OtherText),
            }
        }
        signers.reviewers = publics.into_values().collect();
        if let Some(root) = root {
            root.keep_one_of_each(Role::Reviewer, &mut signers.reviewers);
        }
        signers
    }
}

/// Returns the one signature in the file that is named after `key`, with its envelope.
///
/// # Errors
/// [`Flaw`] if the file is too long, is no envelope of one signature, or holds another key's.
fn opened(bytes: &[u8], key: &str) -> Result<(Envelope, Signature), Flaw> {
    let short = Some(bytes).filter(|bytes| bytes.len() <= MAX_SIGNATURE_BYTES);
    let envelope = short.and_then(Envelope::from_bytes).ok_or(Flaw::Format)?;
    let [signature] = envelope.signatures.as_slice() else {
        return Err(Flaw::Format);
    };
    if signature.key != key {
        return Err(Flaw::OtherKey);
    }
    let signature = signature.clone();
    Ok((envelope, signature))
}

fn is_of(envelope: &Envelope, statement: &Statement) -> bool {
    envelope.payload_type == statement.payload_type && envelope.payload == statement.payload
}

/// Returns the signature files in `folder` whose documents are not there, given the `ids` of the documents that are.
pub(crate) fn stray<'a>(
    folder: &str,
    ids: impl IntoIterator<Item = &'a str>,
    signatures: &[Document],
) -> Vec<String> {
    let ids: BTreeSet<&str> = ids.into_iter().collect();
    let is_stray = |path: &&String| match signature_parts(path) {
        Some((in_folder, id, _)) => in_folder == folder && !ids.contains(id),
        None => path.split('/').next() == Some(folder),
    };
    let paths = signatures.iter().map(|(path, _)| path);
    paths.filter(is_stray).cloned().collect()
}

/// Makes the file that holds `signature` of the document `id` in `folder`: its path and its bytes.
#[must_use]
pub fn signature_file(
    statement: &Statement,
    folder: &str,
    id: &str,
    signature: Signature,
) -> Document {
    let path = signature_path(folder, id, &signature.key);
    let envelope = Envelope {
        payload_type: statement.payload_type.to_owned(),
        payload: statement.payload.clone(),
        signatures: vec![signature],
    };
    (path, envelope.to_bytes())
}
