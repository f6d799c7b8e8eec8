//! What the repository consists of: the files git knows or would add, as text.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A file of the repository.
pub(crate) struct File {
    /// Path from the top, with `/`.
    pub(crate) path: String,
    /// What it says; empty where it is not UTF-8.
    pub(crate) text: String,
}

/// The top of the repository.
pub(crate) fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ lies in the repository")
        .to_owned()
}

/// Every file, ignored ones aside.
pub(crate) fn files() -> Vec<File> {
    let listed = Command::new("git")
        // What git ignores is nobody's to read; what it would add is checked before it is added.
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(top())
        .output()
        .expect("git runs");
    assert!(
        listed.status.success(),
        "git ls-files: {}",
        String::from_utf8_lossy(&listed.stderr)
    );
    let paths = String::from_utf8(listed.stdout).expect("paths are UTF-8");
    let mut files: Vec<File> = paths
        .split_terminator('\0')
        // Deleted and not yet committed.
        .filter(|path| top().join(path).exists())
        .map(|path| File {
            path: path.to_owned(),
            text: String::from_utf8(std::fs::read(top().join(path)).expect("a readable file"))
                .unwrap_or_default(),
        })
        .collect();
    assert!(files.len() > 50, "only {} files found", files.len());
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// Every Rust file that people write.
pub(crate) fn rust() -> Vec<File> {
    files()
        .into_iter()
        .filter(|file| file.path.ends_with(".rs") && !file.path.starts_with("proto/src/gen/"))
        .collect()
}

/// Fails with every finding at once.
pub(crate) fn none(findings: &[String], rule: &str) {
    assert!(findings.is_empty(), "{rule}\n  {}", findings.join("\n  "));
}
