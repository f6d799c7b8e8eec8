//! A new policy repository from the templates compiled into the binary.
//!
//! Nothing is ever overwritten: if one of the files is there already, none is written.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::editor;

macro_rules! template {
    ($($path:literal)*) => { &[$(($path, include_str!(concat!("../templates/minimal/", $path))),)*] };
}

/// The smallest repository that shows one of everything: paths and texts, in the order they are best read.
pub const MINIMAL: &[(&str, &str)] = template!(
    "stopgate.yaml"
    "profiles.yaml"
    "approvals.yaml"
    "catalog/tickets.yaml"
    "catalog/tickets.lock.json"
    "rules/tickets.yaml"
    "tests/tickets.yaml"
);

/// The reference repository: an imaginary bank, complete with locks and tests. Every file of `policies/`, gathered when
/// the binary is built.
pub const BANK: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/bank.rs"));

/// Why no repository was written.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// Some of the files exist.
    #[error("{}, and nothing is overwritten", in_the_way(paths))]
    Exists {
        /// The files that are in the way.
        paths: Vec<PathBuf>,
    },
    /// The disk failed.
    #[error("{} cannot be written", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Writes `template` below `dir`, with what editors need to complete and explain the documents, and returns what was
/// written. The folder is made if it is not there.
///
/// # Errors
/// [`InitError::Exists`] before anything is written; [`InitError::Io`] names the file that could not be.
pub fn init(dir: &Path, template: &[(&str, &str)]) -> Result<Vec<PathBuf>, InitError> {
    let mut files: Vec<(PathBuf, String)> = template
        .iter()
        .map(|(path, text)| (dir.join(path), editor::wired(path, text)))
        .collect();
    let folder = dir.join(editor::FOLDER);
    files.extend(editor::schemas().map(|(name, text)| (folder.join(name), text)));
    let paths: Vec<PathBuf> = files
        .iter()
        .map(|(path, _)| path.clone())
        .filter(|path| path.symlink_metadata().is_ok())
        .collect();
    if !paths.is_empty() {
        return Err(InitError::Exists { paths });
    }
    for (path, text) in &files {
        write_new(path, text).map_err(|source| InitError::Io {
            path: path.clone(),
            source,
        })?;
    }
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

/// Returns which files are in the way, in words: the first by its name, and how many there are.
fn in_the_way(paths: &[PathBuf]) -> String {
    let first = paths.first().map(|path| path.display().to_string());
    let first = first.unwrap_or_default();
    match paths.len() {
        0 | 1 => format!("{first} is there already"),
        many => format!("{many} files are there already, such as {first}"),
    }
}

fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)?
        .write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use stopgate_author::lock::Lock;

    #[test]
    fn the_template_lock_is_what_stopgate_lock_would_write() {
        let (_, text) = MINIMAL
            .iter()
            .find(|(path, _)| path.ends_with(".lock.json"))
            .expect("a lock");
        let lock = Lock::parse(text.as_bytes()).expect("a valid lock");
        assert_eq!(lock.to_string(), *text);
    }

    #[test]
    fn one_file_in_the_way_stops_all_of_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = folder.path().join("policies");
        std::fs::create_dir_all(dir.join("rules")).expect("a folder");
        std::fs::write(dir.join("rules/tickets.yaml"), "mine").expect("written");
        let error = init(&dir, MINIMAL).expect_err("refused");
        let mine = dir.join("rules/tickets.yaml").display().to_string();
        assert_eq!(
            error.to_string(),
            format!("{mine} is there already, and nothing is overwritten")
        );
        assert!(
            matches!(error, InitError::Exists { paths } if paths == [dir.join("rules/tickets.yaml")])
        );
        assert!(!dir.join("stopgate.yaml").exists());
        std::fs::write(dir.join("stopgate.yaml"), "mine").expect("written");
        let error = init(&dir, MINIMAL).expect_err("refused").to_string();
        let first = dir.join("stopgate.yaml").display().to_string();
        assert_eq!(
            error,
            format!("2 files are there already, such as {first}, and nothing is overwritten")
        );
    }
}
