//! What the compiler cannot see by itself: the commit it is built from, and the files of the reference repository.

#[path = "build/version.rs"]
mod version;

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build/version.rs");
    version::tell();
    bank()
}

/// Writes the list of every file below `policies/`, with its text, for `stopgate init --example bank`.
fn bank() -> Result<(), Box<dyn Error>> {
    let package = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").ok_or("no package")?);
    let policies = package.join("../policies").canonicalize()?;
    // A folder counts with everything in it.
    println!("cargo::rerun-if-changed={}", policies.display());
    let mut files = Vec::new();
    collect(&policies, &policies, &mut files)?;
    // What stands at the top is read first.
    files.sort_by_key(|(name, _)| (name.contains('/'), name.clone()));
    let mut list = String::from("&[\n");
    for (name, path) in files {
        let path = path.to_str().ok_or("a path that is not UTF-8")?;
        writeln!(list, "    ({name:?}, include_str!({path:?})),")?;
    }
    list.push_str("]\n");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("no OUT_DIR")?);
    std::fs::write(out.join("bank.rs"), list)?;
    Ok(())
}

/// Adds every file below `folder` to `files`, by its name relative to `top`. What begins with a dot belongs to other
/// tools and is left out.
fn collect(
    top: &Path,
    folder: &Path,
    files: &mut Vec<(String, PathBuf)>,
) -> Result<(), Box<dyn Error>> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if entry.file_type()?.is_dir() {
            collect(top, &path, files)?;
        } else {
            let name = path.strip_prefix(top)?.to_str();
            files.push((name.ok_or("a name that is not UTF-8")?.to_owned(), path));
        }
    }
    Ok(())
}
