//! The marks of the channel, kept in `state_dir/marks.json`: what keeps an older release from being put in force after a
//! restart.

use std::io::{self, Write as _};
use std::path::PathBuf;

use stopgate_decide::bundle::TrustRoot;
use stopgate_decide::supply::{ChannelId, Marks};

use crate::source::{self, Unreadable};

use super::put::put;

const FILE: &str = "marks.json";

/// Most bytes of marks that are read; they have some hundred.
const MOST: u64 = 4096;

/// Where the marks are kept.
#[derive(Debug, Clone)]
pub(super) struct KeptMarks(PathBuf);

/// Why nobody can say what was seen before.
#[derive(Debug, thiserror::Error)]
pub(super) enum UnreadMarks {
    #[error("cannot say which version was in force before")]
    Unreadable(#[from] Unreadable),
    #[error("{} is not as this program writes it, so nobody can say which version was in force before", .0.display())]
    Invalid(PathBuf),
    #[error("{} is of another channel: each sidecar has a state_dir of its own", .0.display())]
    OtherChannel(PathBuf),
}

impl KeptMarks {
    /// Makes a place for marks in `state_dir`, which belongs to this process.
    pub(super) fn new(state_dir: PathBuf) -> Self {
        Self(state_dir)
    }

    /// Reads what was seen of `channel`; where nothing ever was, nobody has been there before.
    pub(super) fn read(&self, channel: &ChannelId, root: &TrustRoot) -> Result<Marks, UnreadMarks> {
        let path = self.0.join(FILE);
        let bytes = match source::read(&path, MOST) {
            Ok(bytes) => bytes,
            Err(Unreadable::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                let ChannelId {
                    organisation,
                    channel,
                } = channel.clone();
                return Ok(Marks::new(organisation, channel, root));
            }
            Err(why) => return Err(why.into()),
        };
        // Marks that somebody touched are none, and no marks would let an old release through.
        let marks = Marks::parse(&bytes).ok_or_else(|| UnreadMarks::Invalid(path.clone()))?;
        if marks.organisation == channel.organisation && marks.channel == channel.channel {
            Ok(marks)
        } else {
            Err(UnreadMarks::OtherChannel(path))
        }
    }

    /// Writes `marks`, so that they hold after a power cut.
    pub(super) fn write(&self, marks: &Marks) -> io::Result<()> {
        let text = marks.text();
        let text = text.ok_or_else(|| io::Error::other("the marks cannot be written as JSON"))?;
        put(&self.0, FILE, |file| file.write_all(text.as_bytes()))?;
        std::fs::File::open(&self.0)?.sync_all()
    }
}
