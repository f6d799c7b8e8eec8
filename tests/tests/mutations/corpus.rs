//! What is spoilt: the reference policies, the front end's good repository, and each of its bad ones.

use std::path::{Path, PathBuf};

use stopgate_tests::generate::Files;
use stopgate_tests::stage::REFERENCE;

/// Repositories, and the texts of all their documents to take pieces from.
pub(crate) struct Corpus {
    pub(crate) repositories: Vec<Files>,
    pub(crate) texts: Vec<Vec<u8>>,
}

impl Corpus {
    pub(crate) fn new() -> Self {
        let front_end = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policy-lang/author/tests");
        let base = read(&front_end.join("base"));
        let mut repositories = vec![read(Path::new(REFERENCE)), base.clone()];
        for path in entries(&front_end.join("diagnostics")) {
            if path.is_dir() {
                let mut files = base.clone();
                files.extend(read(&path));
                repositories.push(files);
            }
        }
        assert!(repositories.len() > 20, "the fixtures have moved");
        let mut texts: Vec<Vec<u8>> = repositories
            .iter()
            .flat_map(|files| files.values().cloned())
            .collect();
        // Most repositories are the base with one file changed, so the base's texts would be picked nearly always.
        texts.sort();
        texts.dedup();
        Self {
            repositories,
            texts,
        }
    }

    /// The reference policies, which are good.
    pub(crate) fn reference(&self) -> &Files {
        &self.repositories[0]
    }

    /// Those without a mistake.
    pub(crate) fn good(&self) -> &[Files] {
        &self.repositories[..2]
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder of fixtures");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    // The same corpus on every file system: mutations are found again by their number.
    paths.sort();
    paths
}

fn read(root: &Path) -> Files {
    let mut files = Files::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for path in entries(&folder) {
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(root).expect("a path below");
                let name = name.to_str().expect("a UTF-8 path").to_owned();
                files.insert(name, std::fs::read(&path).expect("a fixture"));
            }
        }
    }
    files
}
