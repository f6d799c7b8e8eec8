//! Ed25519 signing keys in PKCS#8 PEM files that only their owner can read.
//!
//! Private bytes stay in here: a key signs, shows its public half, and writes itself once when it is made.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use stopgate_decide::digest::Digest;

const PRIVATE: &str = "PRIVATE KEY";
const PUBLIC: &str = "PUBLIC KEY";
/// `SubjectPublicKeyInfo` of every Ed25519 key up to its 32 raw bytes (RFC 8410).
const SPKI: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];
/// A PKCS#8 Ed25519 key is about 120 bytes of PEM; nothing near this limit is one.
const MAX_FILE: u64 = 4096;

/// A key that can sign.
pub struct SigningKey(Ed25519KeyPair);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(***)")
    }
}

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It cannot be read or written.
    #[error("key file {} cannot be used", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Others can read it.
    #[error("key file {} can be read by others than its owner (mode {mode:04o})", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It holds something else than a private key.
    #[error("{} is not an unencrypted Ed25519 private key in PKCS#8 PEM", path.display())]
    NotAKey {
        /// The file.
        path: PathBuf,
    },
    /// It holds the half of a key that everybody may know, which cannot sign.
    #[error("{} is the public half of a key; signing takes the private one, such as NAME.key", path.display())]
    PublicHalf {
        /// The file.
        path: PathBuf,
    },
    /// It holds something else than a public key.
    #[error("{} is not an Ed25519 public key in PEM", path.display())]
    NotPublic {
        /// The file.
        path: PathBuf,
    },
    /// The machine gave no random bytes, or the library refused.
    #[error("the crypto library could not make or use a key")]
    Crypto,
}

impl SigningKey {
    /// Makes a new key from the machine's random bytes.
    ///
    /// # Errors
    /// [`KeyError::Crypto`] when there are none.
    pub fn generate() -> Result<Self, KeyError> {
        Ed25519KeyPair::generate()
            .map(Self)
            .map_err(|_| KeyError::Crypto)
    }

    /// Reads the key in `path`, which nobody but its owner may be able to read.
    ///
    /// # Errors
    /// [`KeyError`] when the file cannot be read, is exposed, or holds anything else than one key.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let io = |source| KeyError::Io {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(io)?;
        let mode = file.metadata().map_err(io)?.permissions().mode() & 0o777;
        // A public half may be read by everybody, so that is not what is wrong with it.
        if PublicKey::read(path).is_ok() {
            return Err(KeyError::PublicHalf {
                path: path.to_owned(),
            });
        }
        if mode & 0o077 != 0 {
            return Err(KeyError::Exposed {
                path: path.to_owned(),
                mode,
            });
        }
        let der = read_pem(file, PRIVATE).map_err(io)?;
        let pair = der.and_then(|der| Ed25519KeyPair::from_pkcs8(&der).ok());
        pair.map(Self).ok_or_else(|| KeyError::NotAKey {
            path: path.to_owned(),
        })
    }

    /// Writes the key to a new file that only its owner can read, and waits until it is on disk.
    ///
    /// # Errors
    /// [`KeyError::Io`] when the file exists or cannot be written.
    pub fn write_new(&self, path: &Path) -> Result<(), KeyError> {
        let der: Pkcs8V1Der<'_> = self.0.as_der().map_err(|_| KeyError::Crypto)?;
        write_pem(path, 0o600, PRIVATE, der.as_ref())
    }

    /// Returns the public half of the key.
    ///
    /// # Errors
    /// [`KeyError::Crypto`] when the library hands out anything else than 32 bytes.
    pub fn public(&self) -> Result<PublicKey, KeyError> {
        self.0
            .public_key()
            .as_ref()
            .try_into()
            .map(PublicKey)
            .map_err(|_| KeyError::Crypto)
    }

    /// Signs `message` and returns the 64 raw bytes of the signature.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }
}

/// The half of a key that everybody may know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Reads the public key in `path`.
    ///
    /// # Errors
    /// [`KeyError`] when the file cannot be read or holds anything else.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let io = |source| KeyError::Io {
            path: path.to_owned(),
            source,
        };
        let der = read_pem(File::open(path).map_err(io)?, PUBLIC).map_err(io)?;
        let raw = der.and_then(|der| der.strip_prefix(&SPKI).and_then(|raw| raw.try_into().ok()));
        raw.map(Self).ok_or_else(|| KeyError::NotPublic {
            path: path.to_owned(),
        })
    }

    /// Writes the key to a new file that everybody can read.
    ///
    /// # Errors
    /// [`KeyError::Io`] when the file exists or cannot be written.
    pub fn write_new(&self, path: &Path) -> Result<(), KeyError> {
        write_pem(
            path,
            0o644,
            PUBLIC,
            &[SPKI.as_slice(), self.0.as_slice()].concat(),
        )
    }

    /// Returns the key's id in trust roots and signatures: the first 16 hexadecimal digits of the SHA-256 of the key's
    /// raw bytes. The id depends on nothing but the key, so a renamed file still signs as what it is.
    #[must_use]
    pub fn id(&self) -> String {
        Digest::compute(&self.0).hex().chars().take(16).collect()
    }
}

/// The raw bytes in standard base64, as the trust root lists them.
impl std::fmt::Display for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

/// Returns the bytes of the one PEM block in `file`, or `None` when the file is not one block of `label`.
fn read_pem(file: File, label: &str) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut bytes)?;
    let Ok(text) = String::from_utf8(bytes) else {
        return Ok(None);
    };
    let body = text
        .trim()
        .strip_prefix(&format!("-----BEGIN {label}-----"));
    let body = body.and_then(|body| body.strip_suffix(&format!("-----END {label}-----")));
    Ok(body.and_then(|body| {
        STANDARD
            .decode(body.split_ascii_whitespace().collect::<String>())
            .ok()
    }))
}

fn write_pem(path: &Path, mode: u32, label: &str, der: &[u8]) -> Result<(), KeyError> {
    let pem = format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        STANDARD.encode(der)
    );
    let write = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(path)?;
        file.write_all(pem.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|source| KeyError::Io {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_from_its_file_and_is_written_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ci.key");
        let key = SigningKey::generate().expect("a key");
        key.write_new(&path).expect("written");
        assert!(
            matches!(key.write_new(&path), Err(KeyError::Io { .. })),
            "never overwritten"
        );
        let again = SigningKey::read(&path).expect("read");
        let public = key.public().expect("a public key");
        assert_eq!(again.public().expect("a public key"), public);
        let path = folder.path().join("ci.pub");
        public.write_new(&path).expect("written");
        assert_eq!(PublicKey::read(&path).expect("read"), public);
        let half = SigningKey::read(&path);
        assert!(matches!(half, Err(KeyError::PublicHalf { .. })), "{half:?}");
        assert_eq!(again.sign(b"x"), key.sign(b"x"));
        assert_eq!(format!("{again:?}"), "SigningKey(***)");
    }

    #[test]
    fn exposed_and_foreign_files_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ci.key");
        SigningKey::generate()
            .expect("a key")
            .write_new(&path)
            .expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).expect("mode");
        assert!(matches!(
            SigningKey::read(&path),
            Err(KeyError::Exposed { mode: 0o640, .. })
        ));
        for text in [
            "",
            "nonsense",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            "\u{fffd}",
        ] {
            let other = folder.path().join("other.key");
            std::fs::write(&other, text).expect("written");
            std::fs::set_permissions(&other, std::fs::Permissions::from_mode(0o600)).expect("mode");
            assert!(
                matches!(SigningKey::read(&other), Err(KeyError::NotAKey { .. })),
                "{text}"
            );
        }
    }
}
