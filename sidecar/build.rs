//! What the compiler cannot see by itself: the commit the sidecar is built from.

#[path = "../compiler/build/version.rs"]
mod version;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../compiler/build/version.rs");
    version::tell();
}
