//! The shipped programs, built before the first of them is started: no run can meet a missing or a stale one.
//!
//! Why they are built here: `docs/decisions/0004-tests-build-the-programs-they-start.md`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context as _, anyhow, bail, ensure};

/// Paths of the programs, all of one build with the profile of this process.
#[derive(Debug)]
pub struct Programs {
    stopgate: PathBuf,
    sidecar: PathBuf,
    erp: PathBuf,
    hr: PathBuf,
}

const STOPGATE: &str = "stopgate";
const SIDECAR: &str = "stopgate-sidecar";
const ERP: &str = "acme-erp-mcp";
const HR: &str = "acme-hr-mcp";

impl Programs {
    /// Builds them, once a process.
    ///
    /// # Errors
    /// Says which command failed; cargo's own words are on standard error.
    pub fn built() -> anyhow::Result<&'static Self> {
        // Once for all tests of a process, and an error is kept: the next test says the same.
        static BUILT: OnceLock<Result<Programs, String>> = OnceLock::new();
        let built = BUILT.get_or_init(|| Self::build().map_err(|error| format!("{error:#}")));
        built.as_ref().map_err(|error| anyhow!("{error}"))
    }

    /// The command line.
    #[must_use]
    pub fn stopgate(&self) -> &Path {
        &self.stopgate
    }

    /// The sidecar.
    #[must_use]
    pub fn sidecar(&self) -> &Path {
        &self.sidecar
    }

    /// The ERP's MCP server.
    #[must_use]
    pub fn erp(&self) -> &Path {
        &self.erp
    }

    /// The HR system's MCP server.
    #[must_use]
    pub fn hr(&self) -> &Path {
        &self.hr
    }

    fn build() -> anyhow::Result<Self> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command
            .args([
                "build",
                "--locked",
                // As JSON, since only cargo knows where an executable lies.
                "--message-format=json-render-diagnostics",
            ])
            // The whole workspace is selected so that features resolve as they did for the caller.
            .arg("--workspace")
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::null())
            .stderr(Stdio::inherit());
        for program in [STOPGATE, SIDECAR, ERP, HR] {
            command.args(["--bin", program]);
        }
        command.args(["--profile", &own_profile()?]);
        let built = command
            .output()
            .with_context(|| format!("cannot run {command:?}"))?;
        ensure!(built.status.success(), "{command:?} failed");
        let find = |program| {
            executable(&built.stdout, program)
                .with_context(|| format!("{command:?} built no {program}"))
        };
        Ok(Self {
            stopgate: find(STOPGATE)?,
            sidecar: find(SIDECAR)?,
            erp: find(ERP)?,
            hr: find(HR)?,
        })
    }
}

/// Returns the profile that this process was built with. Cargo names the folder of a profile after it, but for `debug`,
/// and puts tests and benches one folder deeper.
fn own_profile() -> anyhow::Result<String> {
    let own = std::env::current_exe().context("this process has no file")?;
    let folders = own.ancestors().skip(1).filter_map(Path::file_name);
    let mut folders = folders.filter_map(|name| name.to_str());
    match folders.find(|name| *name != "deps") {
        Some("debug") => Ok("dev".to_owned()),
        Some(profile) => Ok(profile.to_owned()),
        None => bail!("{} lies in no folder of a profile", own.display()),
    }
}

/// The executable of `program` among cargo's messages, one JSON object a line.
fn executable(messages: &[u8], program: &str) -> Option<PathBuf> {
    messages
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<serde_json::Value>(line).ok())
        .filter(|message| {
            message
                .pointer("/target/name")
                .is_some_and(|name| name == program)
        })
        .find_map(|message| message.get("executable")?.as_str().map(PathBuf::from))
}
