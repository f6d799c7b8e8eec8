//! A channel of releases on a stage: the keys of everybody who signs, a trust root that names them, a store in a folder,
//! and a sidecar's configuration that follows it.
//!
//! ```text
//! root.key, ci.key, ana.key, eva.key, clock.key, night.key
//! policies/trust/root.dsse.json, root.dsse.json    the same root
//! channels/                                        the store
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::Output;

use anyhow::{Context as _, ensure};
use jiff::Timestamp;
use stopgate::key::SigningKey;
use stopgate::root::{Holders, first_with};
use stopgate_decide::bundle::dsse::Signature;
use stopgate_decide::digest::Digest;
use stopgate_decide::name::{ChannelName, OwnerName};
use stopgate_decide::supply::{
    Document, FormatOne, Release, ReleaseChange, SignOff, Signed, Unsealed,
};
use stopgate_decide::surface::Risk;
use stopgate_store::{
    Change, Directory, Item, Items as _, Key, Moved, Policies, StoredRelease, Write,
};

use crate::stage::{Stage, said};

/// The channel that is published to.
pub const CHANNEL: &str = "dev";

/// Those who sign, beside the holder of the root.
const SIGNERS: [&str; 5] = ["ci", "ana", "eva", "clock", "night"];

/// A channel on a stage.
#[derive(Debug)]
pub struct Channel<'s> {
    stage: &'s Stage,
    keys: BTreeMap<&'static str, SigningKey>,
}

impl<'s> Channel<'s> {
    /// Makes the keys and the root, and has the stage's sidecar follow the channel.
    ///
    /// # Errors
    /// Something cannot be written.
    pub fn new(stage: &'s Stage) -> anyhow::Result<Self> {
        let mut keys = BTreeMap::new();
        for name in SIGNERS {
            let key = SigningKey::generate()?;
            let path = stage.path(&format!("{name}.key"));
            // The stage comes with a key of its own, which signs for everything.
            let _none_or_gone = fs::remove_file(&path);
            key.write_new(&path)?;
            keys.insert(name, key);
        }
        let channel = Self { stage, keys };
        let held = |names: &[&'static str]| {
            let held = names.iter().map(|name| {
                let key = channel.keys.get(name).context("a key")?;
                Ok(((*name).to_owned(), key.public()?))
            });
            held.collect::<anyhow::Result<BTreeMap<_, _>>>()
        };
        let holders = Holders {
            publishers: held(&["ci"])?,
            reviewers: held(&["ana", "eva"])?,
            timestampers: held(&["clock"])?,
            stoppers: held(&["night"])?,
        };
        let root = SigningKey::generate()?;
        root.write_new(&stage.path("root.key"))?;
        let root = first_with(&root, "security", &holders, Timestamp::MAX)?;
        fs::write(stage.root(), &root)?;
        let beside = stage.policies().join("trust");
        fs::create_dir_all(&beside)?;
        fs::write(beside.join("root.dsse.json"), &root)?;
        let file = stage.path("sidecar.toml");
        let text = fs::read_to_string(&file)?;
        let bundle = format!("file:{}", stage.bundle().display());
        ensure!(text.contains(&bundle), "the stage follows another file");
        let text = text.replace(&bundle, &format!("dir:{}", channel.store_path().display()));
        fs::write(file, format!("organisation = \"acme-bank\"\n{text}"))?;
        Ok(channel)
    }

    /// Returns the folder of the store.
    #[must_use]
    pub fn store_path(&self) -> PathBuf {
        self.stage.path("channels")
    }

    /// Opens the store, as somebody who may write to it.
    ///
    /// # Errors
    /// There is none yet.
    pub fn store(&self) -> anyhow::Result<Directory> {
        Ok(Directory::open(self.store_path())?)
    }

    /// Runs `stopgate publish` for the policies as they are, with `more` arguments.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn publish(&self, more: &[&str]) -> anyhow::Result<Output> {
        let always = [
            "publish",
            "policies",
            "--channel",
            CHANNEL,
            "--store",
            "dir:channels",
            "--key",
            "ci.key",
        ];
        self.stage.stopgate(always.iter().chain(more))
    }

    /// Runs `stopgate stop` as the night shift, with `more` arguments.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn stop(&self, more: &[&str]) -> anyhow::Result<Output> {
        let always = [
            "stop",
            "--channel",
            CHANNEL,
            "--store",
            "dir:channels",
            "--root",
            "root.dsse.json",
            "--key",
            "night.key",
        ];
        self.stage.stopgate(always.iter().chain(more))
    }

    /// Publishes the policies as they are, with a sign-off by both reviewers.
    ///
    /// # Errors
    /// It is refused.
    pub fn publish_signed_off(&self) -> anyhow::Result<StoredRelease> {
        let base = self.head()?.map(|head| head.bundle);
        let file = self.sign_off(base, self.built()?)?;
        let file = file.display().to_string();
        let output = self.publish(&["--sign-off", &file])?;
        ensure!(output.status.success(), "{}", said(&output));
        self.head()?.context("it was published")
    }

    /// Returns the digest of the bundle that the policies make as they are.
    ///
    /// # Errors
    /// They do not build.
    pub fn built(&self) -> anyhow::Result<Digest> {
        let output = self
            .stage
            .stopgate(["build", "policies", "-o", "unsigned.stopgate"])?;
        ensure!(output.status.success(), "{}", said(&output));
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().find_map(|line| line.strip_prefix("digest"));
        Ok(line.context("a digest")?.trim().parse()?)
    }

    /// Writes the sign-off of both reviewers for a change, at risk high, and returns its file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn sign_off(&self, base: Option<Digest>, bundle: Digest) -> anyhow::Result<PathBuf> {
        let document = SignOff {
            format: FormatOne,
            organisation: OwnerName::new("acme-bank")?,
            base,
            bundle,
            risk: Risk::High,
            waivers: BTreeSet::new(),
        };
        let file = self.stage.path("reviewers.signoff");
        fs::write(&file, self.sign(&document, &["ana", "eva"])?)?;
        Ok(file)
    }

    /// Signs a document with the keys of these people.
    ///
    /// # Errors
    /// The document contradicts itself, or nobody is called so.
    pub fn sign<D: Document>(&self, document: &D, names: &[&str]) -> anyhow::Result<Vec<u8>> {
        let unsealed = Unsealed::new(document)?;
        let message = unsealed.signed_bytes();
        let signature = |name: &&str| {
            let key = self.keys.get(name).context("a key")?;
            Ok(Signature {
                key: key.public()?.id(),
                bytes: key.sign(&message),
            })
        };
        let signatures = names.iter().map(signature);
        Ok(unsealed.seal(signatures.collect::<anyhow::Result<_>>()?))
    }

    /// Puts what the history has of a version at the head, as somebody does who may write to the store and nothing else.
    ///
    /// # Errors
    /// There is no such version.
    pub fn put_back(&self, version: u64) -> anyhow::Result<()> {
        let history = Key::new(format!("HIST#{CHANNEL}"), format!("{version:020}"))?;
        let item = self.store()?.get(&history)?;
        self.put_head(item.context("it is in the history")?)
    }

    /// Changes a row of the bundle at the head, as somebody does who may write to the store: `edit` gets what there is.
    ///
    /// # Errors
    /// Nothing was published, or the store cannot be written.
    pub fn edit_row(
        &self,
        place: &str,
        edit: impl FnOnce(Option<Item>) -> anyhow::Result<Change>,
    ) -> anyhow::Result<()> {
        let bundle = self.head()?.context("something was published")?.bundle;
        let key = Key::new(format!("ROWS#{}", bundle.hex()), place)?;
        let store = self.store()?;
        let change = edit(store.get(&key)?)?;
        let condition = Vec::new();
        let write = Write {
            key,
            condition,
            change,
        };
        Ok(store.transact(&[write])?)
    }

    /// Puts an item at the head, whatever is there.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn put_head(&self, head: Item) -> anyhow::Result<()> {
        let write = Write {
            key: Key::new(format!("HEAD#{CHANNEL}"), "-")?,
            condition: Vec::new(),
            change: Change::Put(head),
        };
        Ok(self.store()?.transact(&[write])?)
    }

    /// Makes the release that a thief with the pipeline's key makes of the policies as they are: it calls itself stricter,
    /// and nobody signed it off. Its bundle is in the store, and the release is not.
    ///
    /// # Errors
    /// The policies do not build, or nothing was published before.
    pub fn stolen(&self) -> anyhow::Result<Release> {
        let build = [
            "build",
            "policies",
            "-o",
            "stolen.stopgate",
            "--key",
            "ci.key",
        ];
        let built = self.stage.stopgate(build)?;
        ensure!(built.status.success(), "{}", said(&built));
        let bundle = self.built()?;
        let head = self.head()?.context("something was published")?;
        let file = fs::read(self.stage.path("stolen.stopgate"))?;
        Policies::new(self.store()?).put_bundle(bundle, &file, head.at)?;
        let before = Signed::<Release>::read_named(&head.release, head.digest)?;
        Ok(Release {
            version: head.version.next().context("a version")?,
            bundle,
            base: Some(head.bundle),
            previous: Some(head.digest),
            change: ReleaseChange::Stricter,
            risk: None,
            ..before.document().clone()
        })
    }

    /// Makes a release the head, as somebody does who has the pipeline's key.
    ///
    /// # Errors
    /// The store cannot be written, or the head moved.
    pub fn publish_stolen(
        &self,
        release: &Release,
        sign_off: Option<Vec<u8>>,
    ) -> anyhow::Result<()> {
        let head = self.head()?;
        let stored = StoredRelease {
            version: release.version,
            bundle: release.bundle,
            digest: Unsealed::new(release)?.digest(),
            release: self.sign(release, &["ci"])?,
            sign_off,
            at: Timestamp::now(),
        };
        let moved =
            Policies::new(self.store()?).move_head(&release.channel, head.as_ref(), &stored)?;
        ensure!(moved == Moved::Here, "the head moved");
        Ok(())
    }

    /// Reads the head of the channel; `None` before the first release.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn head(&self) -> anyhow::Result<Option<StoredRelease>> {
        if !self.store_path().exists() {
            return Ok(None);
        }
        let policies = Policies::new(self.store()?);
        Ok(policies.head(&ChannelName::new(CHANNEL)?)?)
    }
}
