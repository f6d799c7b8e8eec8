//! `lock` against real processes: the bank's own servers, and servers that hang, die, lie and talk too much.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "what the tests share fails as they do"
)]

mod cli;
mod committed;
mod erp;
mod servers;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use stopgate::lock::{Environment, ServerSpec};

/// Longer than any of these servers takes, so that only a server that hangs runs out of it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Folder with the bank's own servers, which cargo builds if they are not up to date.
fn servers_folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let built = Command::new(env!("CARGO"))
            .args([
                "build",
                "--quiet",
                "--workspace",
                "--bin",
                "acme-erp-mcp",
                "--bin",
                "acme-hr-mcp",
                "--message-format",
                "json-render-diagnostics",
            ])
            .output()
            .expect("cargo runs");
        assert!(
            built.status.success(),
            "{}",
            String::from_utf8_lossy(&built.stderr)
        );
        let messages = String::from_utf8(built.stdout).expect("UTF-8");
        let program = messages.lines().find_map(|line| {
            let message: serde_json::Value = serde_json::from_str(line).ok()?;
            Some(PathBuf::from(message["executable"].as_str()?))
        });
        program
            .expect("a binary")
            .parent()
            .expect("its folder")
            .to_owned()
    })
}

fn environment(path: &str, variables: &[(&str, &str)]) -> Environment {
    let fixed = [
        ("PATH", path),
        ("HOME", "/nowhere"),
        ("UNNAMED_SECRET", "not-for-servers"),
    ];
    let all = fixed.iter().chain(variables);
    all.map(|(name, value)| (OsString::from(name), OsString::from(value)))
        .collect()
}

fn spec(tool: &str, contract: &str, command: &[&str], env: &[&str]) -> ServerSpec {
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    ServerSpec {
        tool: tool.parse().expect("a name"),
        contract: contract.parse().expect("a version"),
        command: owned(command),
        env: owned(env),
    }
}
