//! The committed code under `src/gen/` is exactly what the `.proto` files generate; with `BLESS=1` it is rewritten.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use prost::Message as _;

const PROTO: &str = "stopgate/v1/enforcement.proto";

fn crate_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Writes `stopgate.v1.rs` and the descriptors that server reflection serves.
fn generate(into: &Path) {
    let mut compiler = protox::Compiler::new([crate_dir()]).expect("an include folder");
    compiler.include_imports(true).include_source_info(true);
    compiler.open_file(PROTO).expect("a valid proto file");
    let mut files = compiler.file_descriptor_set();
    tonic_prost_build::configure()
        .build_client(true)
        .build_server(true)
        .build_transport(false)
        // Holds a token and arguments: `redacted.rs` prints it.
        .skip_debug(["stopgate.v1.Attempt"])
        .out_dir(into)
        .compile_fds(files.clone())
        .expect("generated code");
    // Comments are for people, who have the `.proto` file.
    for file in &mut files.file {
        file.source_code_info = None;
    }
    fs::write(into.join("stopgate.v1.bin"), files.encode_to_vec()).expect("written descriptors");
}

#[test]
fn committed_code_is_what_the_proto_files_generate() {
    let fresh = tempfile::tempdir().expect("a temporary folder");
    generate(fresh.path());
    let committed = crate_dir().join("src/gen");
    for name in ["stopgate.v1.rs", "stopgate.v1.bin"] {
        let made = fs::read(fresh.path().join(name)).expect("a generated file");
        let path = committed.join(name);
        if std::env::var_os("BLESS").is_some() {
            fs::write(&path, &made).expect("a written file");
        }
        let kept = fs::read(&path).unwrap_or_default();
        assert!(
            made == kept,
            "{} is stale: run this test with BLESS=1",
            path.display()
        );
    }
}
