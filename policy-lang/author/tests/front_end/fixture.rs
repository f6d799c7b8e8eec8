//! The good repository of `tests/base`, and ways to spoil it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use stopgate_author::compile::{Compiled, Sources, compile};

pub(crate) type Files = BTreeMap<String, Vec<u8>>;

pub(crate) fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// Every file under `root`, by its path relative to it.
pub(crate) fn read(root: &Path) -> Files {
    let mut files = Files::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).expect("a readable directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path
                    .strip_prefix(root)
                    .expect("a path below")
                    .to_str()
                    .expect("a UTF-8 path");
                files.insert(
                    name.replace('\\', "/"),
                    std::fs::read(&path).expect("a readable file"),
                );
            }
        }
    }
    files
}

pub(crate) fn base() -> Files {
    read(&tests().join("base"))
}

/// The base with `files` instead of its own.
pub(crate) fn over_base(files: Files) -> Files {
    let mut all = base();
    all.extend(files);
    all
}

/// The base with `from` replaced by `to` in `path`.
pub(crate) fn edited(path: &str, from: &str, to: &str) -> Files {
    let mut files = base();
    let text = String::from_utf8(files[path].clone()).expect("text");
    assert!(text.contains(from), "{path} holds no {from:?}");
    files.insert(path.to_owned(), text.replacen(from, to, 1).into_bytes());
    files
}

pub(crate) fn compiled(files: Files) -> Compiled {
    compile(Sources::new(files))
}

/// Codes of everything found.
pub(crate) fn codes(compiled: &Compiled) -> Vec<&'static str> {
    compiled
        .diagnostics
        .iter()
        .map(|found| found.code.as_str())
        .collect()
}
