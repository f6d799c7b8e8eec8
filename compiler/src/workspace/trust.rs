//! What stands beside the documents and is none: signatures of reviewers, and the trust root that says whose count.
//!
//! The compiler never sees them. Links are refused here: what is signed stands where it is said to stand.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use super::{Budget, Document, Problem, READ_AT_MOST, WorkspaceError, io};

/// Folders whose documents reviewers sign; the signatures stand beside them.
pub(crate) const FOLDERS: [&str; 2] = ["reviews", "waivers"];
/// The trust root of a repository.
pub(crate) const ROOT: &str = "trust/root.dsse.json";
/// How the name of a signature ends.
const SIGNATURE: &str = ".sig";

/// Signatures and trust root of a repository, nothing of it verified.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// `waivers/ID.KEYID.sig` and `reviews/ID.KEYID.sig`, in the order of their paths; a long one is cut off.
    pub signatures: Vec<Document>,
    /// `trust/root.dsse.json`, if it is there; cut off likewise.
    pub root: Option<Vec<u8>>,
}

/// Reads the signatures and the trust root of the repository in `dir`.
///
/// # Errors
/// [`WorkspaceError`]; what is wrong with the signatures themselves is not known here.
pub fn read(dir: &Path) -> Result<Trust, WorkspaceError> {
    let mut names = Vec::new();
    let mut problems = Vec::new();
    for folder in FOLDERS {
        list(dir, folder, &mut names, &mut problems)?;
    }
    let root = regular(dir, ROOT, &mut problems)?;
    names.sort();
    if !problems.is_empty() {
        problems.sort();
        return Err(WorkspaceError::Refused { problems });
    }
    let mut budget = Budget::default();
    let mut trust = Trust::default();
    if root {
        trust.root = Some(bytes(dir, ROOT, &mut budget)?);
    }
    for name in names {
        let bytes = bytes(dir, &name, &mut budget)?;
        trust.signatures.push((name, bytes));
    }
    Ok(trust)
}

/// Adds the signatures in `folder` to `names`.
fn list(
    dir: &Path,
    folder: &str,
    names: &mut Vec<String>,
    problems: &mut Vec<Problem>,
) -> Result<(), WorkspaceError> {
    let path = dir.join(folder);
    match fs::symlink_metadata(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io(&path)(error)),
        Ok(found) if found.is_symlink() => {
            problems.push(Problem::Link(folder.to_owned()));
            return Ok(());
        }
        // What is no folder holds no signatures.
        Ok(found) if !found.is_dir() => return Ok(()),
        Ok(_) => {}
    }
    for entry in fs::read_dir(&path).map_err(io(&path))? {
        let entry = entry.map_err(io(&path))?;
        let file_name = entry.file_name();
        let name = format!("{folder}/{}", file_name.to_string_lossy());
        if !is_signature(&name) {
            continue;
        }
        if file_name.to_str().is_none() {
            problems.push(Problem::Name(name));
        } else if regular(dir, &name, problems)? {
            names.push(name);
        }
    }
    Ok(())
}

/// Whether there is a regular file called `name`; anything else of that name is a problem.
fn regular(dir: &Path, name: &str, problems: &mut Vec<Problem>) -> Result<bool, WorkspaceError> {
    let path = dir.join(name);
    let found = match fs::symlink_metadata(&path) {
        Ok(found) => found,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(false);
        }
        Err(error) => return Err(io(&path)(error)),
    };
    if found.is_symlink() {
        problems.push(Problem::Link(name.to_owned()));
    } else if !found.is_file() {
        problems.push(Problem::Special(name.to_owned()));
    }
    Ok(found.is_file())
}

fn bytes(dir: &Path, name: &str, budget: &mut Budget) -> Result<Vec<u8>, WorkspaceError> {
    let path = dir.join(name);
    let mut bytes = Vec::new();
    let file = File::open(&path).map_err(io(&path))?;
    file.take(READ_AT_MOST)
        .read_to_end(&mut bytes)
        .map_err(io(&path))?;
    budget.take(&bytes)
}

/// Whether `name`, relative to the repository, is a signature's.
pub(crate) fn is_signature(name: &str) -> bool {
    let file = name.split_once('/').filter(|(folder, file)| {
        FOLDERS.contains(folder) && !file.contains('/') && !file.starts_with('.')
    });
    file.is_some_and(|(_, file)| file.ends_with(SIGNATURE))
}

/// The file of the signature that `key` makes of the document `id` in `folder`.
#[must_use]
pub fn signature_path(folder: &str, id: &str, key: &str) -> String {
    format!("{folder}/{id}.{key}{SIGNATURE}")
}

/// Folder, id and key of a signature's file; keys have no dot in their ids.
pub(crate) fn signature_parts(path: &str) -> Option<(&str, &str, &str)> {
    let (folder, file) = path.split_once('/')?;
    let (id, key) = file.strip_suffix(SIGNATURE)?.rsplit_once('.')?;
    Some((folder, id, key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn repository(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a folder");
        for file in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, *file).expect("written");
        }
        dir
    }

    #[test]
    fn signatures_and_root_are_read_and_nothing_else() {
        let dir = repository(&[
            "stopgate.yaml",
            "waivers/2026-014.yaml",
            "waivers/2026-014.k1.sig",
            "waivers/2026-014.k0.sig",
            "waivers/.2026-014.k2.sig",
            "waivers/old/2026-013.k1.sig",
            "reviews/2027-Q1.k1.sig",
            "rules/2026-014.k1.sig",
            "2026-014.k1.sig",
            "trust/root.dsse.json",
            "trust/notes.yaml",
        ]);
        let trust = read(dir.path()).expect("read");
        let names: Vec<&str> = trust
            .signatures
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        let wanted = [
            "reviews/2027-Q1.k1.sig",
            "waivers/2026-014.k0.sig",
            "waivers/2026-014.k1.sig",
        ];
        assert_eq!(names, wanted);
        assert_eq!(trust.root.as_deref(), Some(ROOT.as_bytes()));
        let bare = repository(&["stopgate.yaml"]);
        assert_eq!(read(bare.path()).expect("read"), Trust::default());
    }

    #[test]
    fn links_special_files_and_folders_are_refused() {
        let dir = repository(&["stopgate.yaml", "waivers/1.k1.sig", "elsewhere/x.sig"]);
        symlink("1.k1.sig", dir.path().join("waivers/1.k2.sig")).expect("a link");
        fs::create_dir(dir.path().join("waivers/1.k3.sig")).expect("a folder");
        symlink("elsewhere", dir.path().join("reviews")).expect("a link");
        fs::create_dir(dir.path().join("trust")).expect("a folder");
        symlink("../elsewhere/x.sig", dir.path().join(ROOT)).expect("a link");
        let Err(WorkspaceError::Refused { problems }) = read(dir.path()) else {
            panic!("refused")
        };
        let wanted = [
            Problem::Link("reviews".into()),
            Problem::Link(ROOT.into()),
            Problem::Link("waivers/1.k2.sig".into()),
            Problem::Special("waivers/1.k3.sig".into()),
        ];
        assert_eq!(problems, wanted);
    }

    #[test]
    fn t4_a_long_signature_is_read_only_far_enough_to_know_that_it_is_long() {
        let dir = repository(&["stopgate.yaml", "waivers/1.k1.sig", ROOT]);
        for name in ["waivers/1.k1.sig", ROOT] {
            fs::write(dir.path().join(name), vec![b' '; 3 << 20]).expect("written");
        }
        let trust = read(dir.path()).expect("read");
        assert_eq!(trust.signatures[0].1.len() as u64, READ_AT_MOST);
        assert_eq!(trust.root.map(|root| root.len() as u64), Some(READ_AT_MOST));
    }

    #[test]
    fn a_file_says_whose_signature_of_what_it_is() {
        let path = signature_path("waivers", "2026.014", "0123");
        assert_eq!(path, "waivers/2026.014.0123.sig");
        assert_eq!(
            signature_parts(&path),
            Some(("waivers", "2026.014", "0123"))
        );
        assert_eq!(signature_parts("waivers/2026-014.sig"), None);
    }
}
