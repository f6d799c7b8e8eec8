//! How a comparison is told at the console, and the ways out when there is none.

use jiff::tz::TimeZone;
use jiff::{Timestamp, civil::Date};
use stopgate_author::compile::Summary;

use super::console::{Console, Failure};
use super::exit::Exit;
use super::progress::Progress;
use super::source::detail;
use crate::compared::{CompareError, Told};

/// Returns what tells `console` how a comparison goes.
pub(super) fn telling(console: &Console) -> impl Fn(Told<'_>) + Sync {
    let progress = Progress::new(console);
    move |told| match told {
        Told::Read(name, reading) => detail(reading, name, console),
        Told::Compiled(name, Summary { files, rules }) => console.detail(format_args!(
            "read {files} files of {name} and compiled {rules} rules"
        )),
        Told::Lost(why) => console.progress(format_args!("{why}")),
        Told::Proved(done, all) => progress.tell(done, all, "operations"),
    }
}

/// Returns today's date in UTC, as days of waivers are meant.
pub(super) fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}

impl From<CompareError> for Failure {
    fn from(error: CompareError) -> Self {
        match error {
            CompareError::Read(error) => error.into(),
            CompareError::Files => Self::usage(error).with_help(
                "who changes a policy would choose what it is judged by; to compare the files on the disk with the last \
                 commit, say --base HEAD",
            ),
            CompareError::Root(error) => Self::untrusted(error)
                .with_help("the base's trust/root.dsse.json is what waivers are judged by"),
            CompareError::Brought(error) => Self::untrusted(error).with_help(
                "the change brings this trust/root.dsse.json; nobody could be judged by it",
            ),
            CompareError::Invalid(_) => Self::new(Exit::Invalid, error),
            CompareError::Build(error) => error.into(),
            CompareError::Diff(error) => Self::failed(error),
        }
    }
}
