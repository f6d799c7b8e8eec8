//! The key of the masks in `state_dir`: made on the first start, readable by its owner alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use stopgate_decide::record::MaskKey;

use super::error::{OpenError, failed};

const FILE: &str = "mask.key";

/// Reads the key in `state_dir`, or makes a new one if there is none. The directory is locked by this process already.
pub(super) fn load_or_make(state_dir: &Path) -> Result<MaskKey, OpenError> {
    let path = state_dir.join(FILE);
    match load(&path) {
        Ok(Some(key)) => Ok(key),
        Ok(None) => Err(OpenError::MaskKey { path }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let secret = secret()?;
            make(state_dir, &path, &secret).map_err(failed("write", &path))?;
            Ok(MaskKey::new(&secret))
        }
        Err(error) => Err(failed("read", &path)(error)),
    }
}

/// Makes a random key that is kept nowhere.
pub(super) fn random() -> Result<MaskKey, OpenError> {
    secret().map(|secret| MaskKey::new(&secret))
}

fn secret() -> Result<[u8; 32], OpenError> {
    let mut secret = [0; 32];
    SystemRandom::new()
        .fill(&mut secret)
        .map_err(|_| OpenError::Random)?;
    Ok(secret)
}

fn load(path: &Path) -> io::Result<Option<MaskKey>> {
    // A key that others could read hides nothing: whoever has it can try all account numbers.
    let others = fs::metadata(path)?.permissions().mode() & 0o077;
    let bytes = fs::read(path)?;
    let secret: Option<[u8; 32]> = bytes.try_into().ok();
    Ok(secret
        .filter(|_| others == 0)
        .map(|secret| MaskKey::new(&secret)))
}

/// Writes `secret` to a file beside `path` and renames that file to `path`, so that there is never half a key.
fn make(state_dir: &Path, path: &Path, secret: &[u8; 32]) -> io::Result<()> {
    let beside = state_dir.join(format!("{FILE}.new"));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(secret)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    File::open(state_dir)?.sync_all()
}
