//! A temporary folder with everything a sidecar needs: a copy of the reference policies, a key, a trust root, a
//! bundle that `stopgate build` made, and a configuration.
//!
//! ```text
//! policies/     the copy, free to be changed
//! ci.key        signs bundles and the root
//! root.dsse.json, policy.stopgate, sidecar.toml, sidecar.sock, state/
//! ```

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, ensure};
use jiff::Timestamp;
use stopgate::key::SigningKey;

use crate::programs::Programs;

/// The reference policies of the repository.
pub const REFERENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../policies");

/// An orchestrator that may do everything on every system of the bank.
pub const CALLER: &str = r#"agent = "orchestrator"
tools = ["erp", "hr", "jira", "salesforce"]
may = ["decide", "assert_subject", "assert_agent"]
enforces = ["mask", "max_rows"]
"#;

/// An orchestrator that hands on what its users' tokens say, and the file with their issuer's keys.
pub const CALLER_WITH_TOKENS: &str = r#"agent = "orchestrator"
tools = ["erp"]
may = ["decide"]
enforces = ["mask", "max_rows"]

[identity."https://sso.acme.example/"]
jwks = "jwks.json"
"#;

/// What time it is for the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hours {
    /// Business time, now and for hours.
    Business,
    /// Not business time, now and for hours.
    AfterHours,
}

/// The folder; it goes away with the value.
#[derive(Debug)]
pub struct Stage {
    folder: tempfile::TempDir,
    programs: &'static Programs,
}

impl Stage {
    /// A stage whose bundle is built from the reference policies, for `channel`, with `hours` instead of the bank's.
    ///
    /// # Errors
    /// Something could not be built or written.
    pub fn new(channel: &str, hours: Hours) -> anyhow::Result<Self> {
        let stage = Self::empty()?;
        copy(Path::new(REFERENCE), &stage.policies())?;
        stage.set_hours(hours)?;
        let key = SigningKey::generate()?;
        key.write_new(&stage.path("ci.key"))?;
        // The first key signs roots and bundles alike.
        let root = stopgate::root::first(&key, "tests", &BTreeMap::new(), Timestamp::MAX)?;
        fs::write(stage.root(), root)?;
        stage.configure(channel, rustix::process::getuid().as_raw(), CALLER)?;
        stage.publish()?;
        Ok(stage)
    }

    /// A stage with the root and the configuration of this one, in a folder of its own: for a second sidecar that follows
    /// the same.
    ///
    /// # Errors
    /// Something cannot be written.
    pub fn beside(&self) -> anyhow::Result<Self> {
        let other = Self::empty()?;
        fs::copy(self.root(), other.root())?;
        let (ours, theirs) = (self.folder.path(), other.folder.path());
        let text = fs::read_to_string(self.path("sidecar.toml"))?;
        // What is followed stays where it is; all the rest is this sidecar's own.
        let lines = text.lines().map(|line| {
            if line.starts_with("source =") {
                line.to_owned()
            } else {
                line.replace(&ours.display().to_string(), &theirs.display().to_string())
            }
        });
        let text: String = lines.map(|line| line + "\n").collect();
        fs::write(other.path("sidecar.toml"), text)?;
        Ok(other)
    }

    fn empty() -> anyhow::Result<Self> {
        // Whatever the user's own is: a file that a group may write is nobody's to trust.
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
        let folder = tempfile::Builder::new().prefix("stopgate-").tempdir()?;
        Ok(Self {
            folder,
            programs: Programs::built()?,
        })
    }

    /// Somewhere in the folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The copy of the policies.
    #[must_use]
    pub fn policies(&self) -> PathBuf {
        self.path("policies")
    }

    /// The bundle that a sidecar follows.
    #[must_use]
    pub fn bundle(&self) -> PathBuf {
        self.path("policy.stopgate")
    }

    /// The trust root.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.path("root.dsse.json")
    }

    /// The socket of a sidecar on this stage.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.path("sidecar.sock")
    }

    /// The folder with the decision log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.path("state/log")
    }

    /// Where a sidecar on this stage writes its events.
    #[must_use]
    pub fn events(&self) -> PathBuf {
        self.path("sidecar.events")
    }

    /// The programs that play here.
    #[must_use]
    pub const fn programs(&self) -> &'static Programs {
        self.programs
    }

    /// Makes it business time, or not, whenever this runs: in a zone where it is about noon now, every minute of the
    /// day but the last is business time, or only the first.
    ///
    /// # Errors
    /// The calendar cannot be written.
    pub fn set_hours(&self, hours: Hours) -> anyhow::Result<()> {
        let (from, to) = match hours {
            Hours::Business => ("00:00", "23:59"),
            Hours::AfterHours => ("00:00", "00:01"),
        };
        // The hour now, moved to noon: hours before and behind it are the same day.
        let now = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).hour();
        // Etc/GMT-5 is five hours *ahead* of Greenwich.
        let zone = format!("Etc/GMT{:+}", i32::from(now) - 12);
        let text = format!(
            "stopgate: 1\ncalendar:\n  zone: {zone}\n  days: [mon, tue, wed, thu, fri, sat, sun]\n  \
             hours: {from}-{to}\n  holidays: []\n"
        );
        // Whoever is asked, and by when, stays.
        let path = self.policies().join("approvals.yaml");
        let before = fs::read_to_string(&path)?;
        let rest = before
            .lines()
            .skip_while(|line| !line.starts_with("deadlines:") && !line.starts_with("routes:"));
        let rest: Vec<&str> = rest.collect();
        Ok(fs::write(path, format!("{text}{}\n", rest.join("\n")))?)
    }

    /// Writes the configuration: `channel` is followed, and only `uid` may connect, as the caller that `caller` says.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn configure(&self, channel: &str, uid: u32, caller: &str) -> anyhow::Result<()> {
        let place = self.folder.path().display();
        let text = format!(
            r#"channel = "{channel}"
state_dir = "{place}/state"

[listen]
socket = "{place}/sidecar.sock"
metrics = "127.0.0.1:0"

[policy]
source = "file:{place}/policy.stopgate"
root = "{place}/root.dsse.json"
poll = "50ms"

[[callers]]
uid = {uid}
{caller}"#
        );
        Ok(fs::write(self.path("sidecar.toml"), text)?)
    }

    /// Builds the policies as they are now and puts the bundle in place, whole.
    ///
    /// # Errors
    /// They do not build.
    pub fn publish(&self) -> anyhow::Result<()> {
        let fresh = self.path("fresh.stopgate");
        let (policies, key) = (self.policies(), self.path("ci.key"));
        let built = self.stopgate([
            OsStr::new("build"),
            policies.as_os_str(),
            OsStr::new("-o"),
            fresh.as_os_str(),
            OsStr::new("--key"),
            key.as_os_str(),
        ])?;
        ensure!(built.status.success(), "stopgate build: {}", said(&built));
        // By renaming, as a publisher does: a sidecar never sees half a file.
        Ok(fs::rename(fresh, self.bundle())?)
    }

    /// Puts `bytes` where the bundle is, whole.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn publish_bytes(&self, bytes: &[u8]) -> anyhow::Result<()> {
        let fresh = self.path("fresh.stopgate");
        fs::write(&fresh, bytes)?;
        Ok(fs::rename(fresh, self.bundle())?)
    }

    /// Runs `stopgate` to its end.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn stopgate<S: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = S>,
    ) -> anyhow::Result<Output> {
        Command::new(self.programs.stopgate())
            .args(args)
            .current_dir(self.folder.path())
            // Nothing of the user's environment: variables of the tests' own change what programs do.
            .env_clear()
            .stdin(Stdio::null())
            .output()
            .context("stopgate cannot be started")
    }
}

/// Everything a program printed, for a message.
#[must_use]
pub fn said(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    format!("{}\n{out}{err}", output.status)
}

/// Copies a folder with all that is in it to a place where nothing is, for its owner only.
///
/// # Errors
/// Something cannot be read or written.
pub fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    // The sidecar checks the modes of folders on the way to its files.
    fs::DirBuilder::new().mode(0o700).create(to)?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}
