//! What an earlier release wrote, this one reads: every folder of `tests/compat/` holds a bundle, its trust root, a
//! file of a decision log and the answers that were given then.
//!
//! `STOPGATE_RELEASE=0.1.0 cargo test -p stopgate-tests --test compat` writes the folder of a release, which is then
//! committed and never changed (`docs/reference/versioning.md`).

#![cfg(test)]

mod artefacts;
mod catalog;

use std::fs;
use std::path::{Path, PathBuf};

use artefacts::{Answers, BUNDLE, LOG, ROOT};
use stopgate_decide::bundle::{Bundle, TrustRoot};
use stopgate_tests::log;

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("compat")
}

/// Vectors of single formats, which the tests of those formats read.
const FORMATS: &str = "formats";

/// The folders, each named like the release that wrote it.
fn releases() -> Vec<PathBuf> {
    let entries = fs::read_dir(home()).expect("tests/compat");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut releases: Vec<PathBuf> = paths
        .filter(|path| path.is_dir() && !path.ends_with(FORMATS))
        .collect();
    releases.sort();
    releases
}

#[test]
fn everything_that_a_release_wrote_is_read_and_means_the_same() {
    // Written and then read in the same run, so what is committed has been read once.
    if let Some(release) = std::env::var_os("STOPGATE_RELEASE") {
        let folder = home().join(release);
        assert!(!folder.exists(), "{} is written once", folder.display());
        artefacts::write(&folder);
    }
    let releases = releases();
    assert!(!releases.is_empty(), "no release has left anything");
    for release in releases {
        let place = release.display();
        let root = fs::read(release.join(ROOT)).expect("a root");
        let root =
            TrustRoot::open(&root, artefacts::now()).unwrap_or_else(|why| panic!("{place}: {why}"));
        let bundle = fs::read(release.join(BUNDLE)).expect("a bundle");
        let bundle = Bundle::open(&bundle, &root).unwrap_or_else(|why| panic!("{place}: {why}"));

        let then = fs::read_to_string(release.join(Answers::FILE)).expect("answers");
        let now = Answers::of(&bundle);
        assert_eq!(
            now.to_string(),
            then,
            "{place}: the same bundle gives other answers"
        );

        let records =
            log::records(&release.join(LOG)).unwrap_or_else(|why| panic!("{place}: {why:#}"));
        let decisions: Vec<_> = log::decisions(&records).collect();
        let asked: Vec<&str> = decisions
            .iter()
            .map(|record| record.request_id.as_str())
            .collect();
        // The log is of the same attempts, in their order.
        assert_eq!(asked, Answers::attempts().collect::<Vec<_>>(), "{place}");
        for record in decisions {
            assert_eq!(record.bundle, bundle.digest(), "{place}");
        }
    }
}
