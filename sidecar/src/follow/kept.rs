//! The bundle that was verified last, kept in `state_dir` for a start after the trust root's date.
//!
//! ```text
//! verified.json            which bundle, under which root, of whom, and when
//! verified.HEX.stopgate    the bundle itself, named by its digest
//! ```
//!
//! The note is written after the file that it names, each beside and renamed, so it never names half a bundle. It is
//! only a note: whoever starts from it verifies every signature again, under the root that it names and no other.
//!
//! The file is held open. Somebody who removes it takes its name away and not what is in it, so it can be written again,
//! also when the source has no such bundle any more.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::PathBuf;

use jiff::Timestamp;
use stopgate_decide::bundle::{TrustRoot, Verified};
use stopgate_decide::digest::Digest;
use stopgate_decide::json::{Json, Limits};
use stopgate_decide::name::OwnerName;

use crate::source::{self, Opened, Unreadable};

use super::look::{self, Unfit};
use super::put::{BESIDE, put};
use super::root::Root;

const NOTE: &str = "verified.json";
const BEGIN: &str = "verified.";
const END: &str = ".stopgate";

/// A note has some 300 bytes and five members.
const LIMITS: Limits = Limits {
    bytes: 4096,
    depth: 4,
    members: 16,
};

/// Where the bundle is kept.
#[derive(Debug, Clone)]
pub(super) struct Kept(PathBuf);

/// What was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) bundle: Digest,
    /// SHA-256 of the trust root's file.
    pub(super) root: Digest,
    pub(super) organisation: OwnerName,
    pub(super) time: Timestamp,
}

/// A bundle that is kept, and its file.
#[derive(Debug)]
pub(super) struct KeptBundle {
    pub(super) note: Note,
    opened: Opened,
}

/// Why what is held is not what a start would find.
#[derive(Debug)]
pub(super) enum Lost {
    /// This is gone, or is something else.
    Gone(PathBuf),
    /// Nobody can say, and to write it again would mend nothing.
    Unreadable(Unreadable),
}

/// Why a bundle is not kept.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotKept {
    #[error("cannot write to {}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

/// Why there is no bundle to start with after the root's date.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotLast {
    #[error(transparent)]
    Note(#[from] NoNote),
    #[error("the one in the state directory is of another root")]
    Root,
    #[error("the one in the state directory is another")]
    Other,
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error(transparent)]
    Unfit(#[from] Unfit),
}

/// Why there is no note to go by.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoNote {
    #[error("none is kept in the state directory")]
    None,
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error("{} is not as this program writes it", .0.display())]
    Invalid(PathBuf),
}

impl Note {
    fn text(&self) -> String {
        let text = |text: String| Json::String(text);
        let members = [
            ("stopgate_verified", Json::Integer(1)),
            ("bundle", text(self.bundle.to_string())),
            ("organisation", text(self.organisation.to_string())),
            ("root", text(self.root.to_string())),
            ("time", text(self.time.to_string())),
        ];
        let members = members.map(|(name, value)| (name.to_owned(), value));
        format!("{}\n", Json::Object(members.to_vec()).canonical())
    }

    /// Reads a note as [`Note::text`] writes it. Returns `None` for anything else.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let json = Json::parse(bytes, LIMITS).ok()?;
        let text = |name: &str| json.get(name).and_then(Json::as_str);
        let note = Self {
            bundle: text("bundle")?.parse().ok()?,
            root: text("root")?.parse().ok()?,
            organisation: text("organisation")?.parse().ok()?,
            time: text("time")?.parse().ok()?,
        };
        // One spelling, so that a note that somebody touched is none.
        (note.text().as_bytes() == bytes).then_some(note)
    }
}

impl Lost {
    /// Returns what became of a file that cannot be read: what is no file of ours is gone; what the system does not
    /// show may be there.
    fn from_unreadable(why: Unreadable) -> Self {
        match why {
            Unreadable::NotRegular { path, .. } | Unreadable::TooLong { path, .. } => {
                Self::Gone(path)
            }
            Unreadable::Io { path, source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Self::Gone(path)
            }
            Unreadable::Io { .. } | Unreadable::Replaceable(_) => Self::Unreadable(why),
        }
    }
}

impl Kept {
    /// Makes a place to keep the bundle in: `state_dir`, which belongs to this process.
    pub(super) fn new(state_dir: PathBuf) -> Self {
        Self(state_dir)
    }

    /// Returns the path at which the bundle called `digest` is kept.
    pub(super) fn file(&self, digest: Digest) -> PathBuf {
        self.0.join(name(digest))
    }

    /// Reads the note of what was kept last.
    pub(super) fn note(&self) -> Result<Note, NoNote> {
        let path = self.0.join(NOTE);
        let most = u64::try_from(LIMITS.bytes).unwrap_or(u64::MAX);
        match source::read(&path, most) {
            Ok(bytes) => Note::parse(&bytes).ok_or(NoNote::Invalid(path)),
            Err(Unreadable::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Err(NoNote::None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Reads the bundle that was kept last and verifies it again. The bundle has to have been kept under `root` and to
    /// have at most `most` bytes.
    pub(super) fn last(&self, root: &Root, most: u64) -> Result<(Verified, KeptBundle), NotLast> {
        let note = self.note()?;
        if note.root != root.digest {
            return Err(NotLast::Root);
        }
        // The note says where to look and nothing else: signatures are verified over what is there now.
        let held = self.hold(note)?;
        let verified = self.verified(&held, &root.trust, most)?;
        Ok((verified, held))
    }

    /// Checks whether a start would find what is `held`.
    pub(super) fn look(&self, held: &KeptBundle) -> Result<(), Lost> {
        match self.note() {
            Ok(note) if note == held.note => {}
            Ok(_) | Err(NoNote::None | NoNote::Invalid(_)) => {
                return Err(Lost::Gone(self.0.join(NOTE)));
            }
            Err(NoNote::Unreadable(why)) => return Err(Lost::from_unreadable(why)),
        }
        // A start would open the name, so the name has to lead to the very file that was written, unchanged.
        let path = self.file(held.note.bundle);
        match source::open(&path) {
            Ok(found) if found.identity == held.opened.identity => Ok(()),
            Ok(_) => Err(Lost::Gone(path)),
            Err(why) => Err(Lost::from_unreadable(why)),
        }
    }

    /// Reads the bundle that is `held` and verifies it again, whatever became of its name.
    pub(super) fn verified(
        &self,
        held: &KeptBundle,
        root: &TrustRoot,
        most: u64,
    ) -> Result<Verified, NotLast> {
        let wanted = held.note.bundle;
        let found = look::verified(&held.opened, &self.file(wanted), root, most, None)?;
        found
            .filter(|found| found.digest() == wanted)
            .ok_or(NotLast::Other)
    }

    fn hold(&self, note: Note) -> Result<KeptBundle, Unreadable> {
        let opened = source::open(&self.file(note.bundle))?;
        Ok(KeptBundle { note, opened })
    }

    /// Writes `verified` and then `note`, and removes every other bundle that was kept. Returns what is kept now.
    pub(super) fn keep(&self, verified: &Verified, note: Note) -> Result<KeptBundle, NotKept> {
        // In a folder where others can replace what is written it would not be kept, and be written at each look.
        let place = self.0.join(NOTE);
        if let Err(Unreadable::Replaceable(why)) = source::open(&place)
            && why.path != place
        {
            return Err(Unreadable::Replaceable(why).into());
        }
        let written = self.write(verified, &note);
        written.map_err(|source| NotKept::Io {
            path: self.0.clone(),
            source,
        })?;
        Ok(self.hold(note)?)
    }

    fn write(&self, verified: &Verified, note: &Note) -> io::Result<()> {
        // The bundle, the note, the folder: after a power cut at any point the note names a whole bundle, or none is
        // named.
        let name = name(note.bundle);
        put(&self.0, &name, |file| verified.write(file))?;
        put(&self.0, NOTE, |file| file.write_all(note.text().as_bytes()))?;
        File::open(&self.0)?.sync_all()?;
        // Only then what was kept before goes, with what a crash left half written beside it.
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            let other = entry.file_name();
            let other = other.to_str().filter(|other| *other != name);
            let other = other.map(|other| other.strip_suffix(BESIDE).unwrap_or(other));
            if other.is_some_and(is_ours) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

fn name(digest: Digest) -> String {
    format!("{BEGIN}{}{END}", digest.hex())
}

/// Returns whether a file of this name is a bundle that was kept.
fn is_ours(name: &str) -> bool {
    let digest = name
        .strip_prefix(BEGIN)
        .and_then(|name| name.strip_suffix(END));
    digest.and_then(Digest::from_hex).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note() -> Note {
        Note {
            bundle: Digest::compute(b"bundle"),
            root: Digest::compute(b"root"),
            organisation: "acme-bank".parse().expect("a name"),
            time: "2026-11-30T10:00:00Z".parse().expect("a time"),
        }
    }

    #[test]
    fn a_note_has_one_spelling() {
        let text = note().text();
        assert_eq!(Note::parse(text.as_bytes()), Some(note()));
        for other in [
            text.trim_end().to_owned(),
            text.replace("\"stopgate_verified\":1", "\"stopgate_verified\":2"),
            text.replace("acme-bank", "Acme"),
            text.replace("10:00:00Z", "10:00:00+00:00"),
            text.replace('}', ",\"x\":1}"),
            String::new(),
        ] {
            assert_eq!(Note::parse(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn what_is_not_there_and_what_somebody_else_wrote_is_no_note() {
        let folder = tempfile::tempdir().expect("a folder");
        let kept = Kept::new(folder.path().to_owned());
        assert!(matches!(kept.note(), Err(NoNote::None)));
        fs::write(folder.path().join(NOTE), "{}").expect("written");
        assert!(matches!(kept.note(), Err(NoNote::Invalid(_))));
        fs::write(folder.path().join(NOTE), note().text()).expect("written");
        assert_eq!(kept.note().expect("a note"), note());
    }

    #[test]
    fn only_names_that_this_gives_are_its_own() {
        assert!(is_ours(&name(Digest::compute(b""))));
        for other in [
            "verified.json",
            "verified.stopgate",
            "verified.00.stopgate",
            "policy.stopgate",
            "mask.key",
        ] {
            assert!(!is_ours(other), "{other}");
        }
    }
}
