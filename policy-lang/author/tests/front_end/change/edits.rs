//! The edits of `edits.yaml`, as the tests take them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

/// A text of a file, another in its place, and what that is: `PATH: BEFORE -> AFTER EFFECT`, with the risk of a
/// signature where one is needed. `-` stands for what is not there.
pub(crate) struct Edit {
    pub(crate) file: &'static str,
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
    pub(crate) said: &'static [&'static str],
}

/// What the file holds.
pub(crate) struct Edits {
    pub(crate) edits: Vec<Edit>,
    /// The fields that nothing is said of, because the proof judges them: the field, and an edit of it.
    pub(crate) proved: Vec<(&'static str, Edit)>,
    /// Fields of which no edit says anything, with the reason.
    pub(crate) untried: Vec<(&'static str, &'static str)>,
}

/// Read once, and kept as long as the tests run.
pub(crate) static EDITS: LazyLock<Edits> = LazyLock::new(|| {
    let written: Written = serde_yaml::from_str(include_str!("edits.yaml")).expect("edits.yaml");
    Edits {
        edits: written.edits.into_iter().flat_map(InFile::edits).collect(),
        proved: written.proved.into_iter().map(Proved::edit).collect(),
        untried: written
            .untried
            .into_iter()
            .map(|(field, why)| (kept(field), kept(why)))
            .collect(),
    }
});

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    edits: Vec<InFile>,
    proved: Vec<Proved>,
    untried: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InFile {
    file: String,
    edits: Vec<Said>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    from: String,
    to: String,
    said: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Proved {
    field: String,
    file: String,
    from: String,
    to: String,
}

fn kept(text: String) -> &'static str {
    text.leak()
}

impl InFile {
    fn edits(self) -> impl Iterator<Item = Edit> {
        let file = kept(self.file);
        self.edits.into_iter().map(move |edit| Edit {
            file,
            from: kept(edit.from),
            to: kept(edit.to),
            said: edit.said.into_iter().map(kept).collect::<Vec<_>>().leak(),
        })
    }
}

impl Proved {
    fn edit(self) -> (&'static str, Edit) {
        let edit = Edit {
            file: kept(self.file),
            from: kept(self.from),
            to: kept(self.to),
            said: &[],
        };
        (kept(self.field), edit)
    }
}
