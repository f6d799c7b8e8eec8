//! The version a binary prints: its package's, with the commit and its date when it is built from this repository.
//!
//! Shared by the build scripts of the binaries. A source tree without git, or inside somebody else's repository, has
//! the package's version alone; nothing here fails a build.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Sets `BUILT_VERSION` for the crate that is built, such as `0.1.0 (88057ea8c1d2 2026-11-22)`. Cargo hands the
/// variable on to programs that it runs, so its name must not look like a setting of the sidecar.
pub(crate) fn tell() {
    let package = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let version = match commit() {
        Some(commit) => format!("{package} ({commit})"),
        None => package,
    };
    println!("cargo::rustc-env=BUILT_VERSION={version}");
}

/// Returns the id and the date of the commit, and names to cargo the files of git that say when it is another one.
fn commit() -> Option<String> {
    let package = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR")?);
    let top = package.parent()?;
    let ours = PathBuf::from(git(top, &["rev-parse", "--show-toplevel"])?);
    if ours.canonicalize().ok()? != top.canonicalize().ok()? {
        return None;
    }
    let commit = git(
        top,
        &["show", "-s", "--abbrev=12", "--format=%h %cs", "HEAD"],
    )?;
    // A work tree has a HEAD of its own; a branch is a file of the repository they share, or a line of packed-refs.
    let branch = git(top, &["symbolic-ref", "-q", "HEAD"]);
    for name in ["HEAD", "packed-refs"].into_iter().chain(branch.as_deref()) {
        let file = git(top, &["rev-parse", "--git-path", name]).map(|path| top.join(path));
        // Cargo takes a file that is not there for one that has just changed.
        if let Some(file) = file.filter(|file| file.exists()) {
            println!("cargo::rerun-if-changed={}", file.display());
        }
    }
    Some(commit)
}

/// Returns what git answers; `None` when there is no git, or git refuses.
fn git(folder: &Path, args: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(args)
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
