//! What differs between two repositories beside the decisions that a solver compares: settings, people, locks, tests.
//!
//! The YAML trees of both sides are walked together along the tables that the readers open mappings with, and every
//! difference is judged by what its field declares of itself ([`crate::document::loosens`]). Leaving a key out is the
//! same as stating its default; comments, spaces and the order of mappings and sets are no difference. Pure.
//!
//! A head that cannot be read yields nothing here, because [`crate::compile`] refuses it. A document of a base that
//! cannot be read any more is another one as a whole: nobody can say what it said.

mod cedar;
mod locks;
mod reference;
mod replaced;
mod sides;
mod trust;
mod value;
mod voters;
mod walk;

use std::collections::BTreeSet;

use stopgate_decide::digest::Digest;
use stopgate_decide::json::Json;
use stopgate_decide::name::Location;
use stopgate_decide::surface::Risk;

use crate::compile::Sources;
use crate::compile::files::FileKind;
use crate::diagnostic::Diagnostics;
use crate::schema::DocumentKind;
use crate::source::node::Node;
use crate::source::scan::{Tabs, scan};
use crate::source::{SourceMap, Span, yaml};
use crate::waiver::setting_digest;

pub use reference::{Setting, reference, settings};
pub use replaced::replacements;
pub use trust::{trust_change, version_change};

use voters::Voters;
use walk::Walk;

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Path of the file, relative to the repository.
    pub file: String,
    /// What differs in it, such as `channels.prod.ceiling`; empty for the document as a whole.
    pub path: String,
    /// The same without names and places, such as `channels.*.ceiling`: where the reference explains it.
    pub field: String,
    /// The value before, on one line; `None`: there was none.
    pub before: Option<String>,
    /// The value after, on one line; `None`: there is none any more.
    pub after: Option<String>,
    /// What kind of difference it is, where the values do not say it themselves.
    pub note: Option<&'static str>,
    /// What it does.
    pub effect: Effect,
    /// Among what it is reported.
    pub area: Area,
    /// Where the value stood in the base; `None` where it was left out.
    pub before_at: Option<Location>,
    /// Where the value stands in the head; `None` where it is left out.
    pub after_at: Option<Location>,
    /// Whose signature it takes, if [`Effect::needs_review`]: that of a change of this risk.
    pub risk: Risk,
    /// Digest of the place and of both documents, whole: what a waiver of it is bound to.
    pub content: Digest,
}

impl Change {
    /// Shortens the values of the change to what people can read. What a model reads of a function is left whole.
    fn shortened(mut self) -> Self {
        // Reviewers approve the words that a model reads, so they have to see all of them.
        if self.area == Area::Lock {
            return self;
        }
        (self.before, self.after) = match (self.before, self.after) {
            (Some(before), Some(after)) => {
                let (before, after) = value::beside(before, after);
                (Some(before), Some(after))
            }
            (before, after) => (
                before.as_deref().map(value::short),
                after.as_deref().map(value::short),
            ),
        };
        self
    }

    /// Binds the change to the two documents it is between, by a digest of its place and of the bytes of both. `None`
    /// stands for a side that has no such document.
    fn between(mut self, before: Option<&[u8]>, after: Option<&[u8]>) -> Self {
        // Of the bytes: a waiver of the change is void as soon as anything else in one of the documents changes.
        let document = |bytes: &[u8]| Json::String(Digest::compute(bytes).to_string());
        let (before, after) = (before.map(document), after.map(document));
        self.content = setting_digest(&self.file, &self.path, before.as_ref(), after.as_ref());
        self
    }
}

/// Returns the placeholder for the content of a change that [`Change::between`] has not bound to its documents yet.
fn unbound() -> Digest {
    Digest::compute(b"")
}

/// What a difference does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// It is shown, and nobody has to sign it.
    Listed,
    /// It can only let less through.
    Stricter,
    /// Nobody can say which way without looking; counts as looser.
    Changed,
    /// It can let more through.
    Looser,
}

impl Effect {
    /// Returns the word for the effect in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Listed => "listed",
            Self::Stricter => "stricter",
            Self::Changed => "changed",
            Self::Looser => "looser",
        }
    }

    /// Returns whether reviewers have to sign a difference with this effect.
    #[must_use]
    pub const fn needs_review(self) -> bool {
        match self {
            Self::Changed | Self::Looser => true,
            Self::Listed | Self::Stricter => false,
        }
    }
}

/// Among what a difference is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Area {
    /// What sidecars and approvals go by.
    Settings,
    /// The guard rails of the repository: tests, owners, days of review.
    GuardRails,
    /// What a server offers.
    Lock,
    /// Whose signatures count.
    TrustRoot,
}

/// Returns everything that differs between `base` and `head`, file by file, and within a file in the order of the
/// documents' fields.
#[must_use]
pub fn changes(base: &Sources, head: &Sources) -> Vec<Change> {
    // Once for all documents: a seat is stated in one of them, and who comes into it in another.
    let voters = Voters::new(base, head);
    let paths: BTreeSet<&String> = base.files().keys().chain(head.files().keys()).collect();
    let mut found = Vec::new();
    for path in paths {
        let (before, after) = (base.files().get(path), head.files().get(path));
        if before == after {
            continue;
        }
        let sides = Sides {
            path,
            base: before.map(|bytes| Document::new(path, bytes)),
            head: after.map(|bytes| Document::new(path, bytes)),
        };
        let changes = sides.changes(&voters).into_iter();
        found.extend(
            changes
                .map(|change| change.between(before.map(Vec::as_slice), after.map(Vec::as_slice)))
                .map(Change::shortened),
        );
    }
    found
}

/// A file of one side, in a map of its own.
struct Document<'a> {
    bytes: &'a [u8],
    map: SourceMap,
    whole: Span,
}

impl<'a> Document<'a> {
    fn new(path: &str, bytes: &'a [u8]) -> Self {
        let mut map = SourceMap::default();
        let file = map.add(path, bytes);
        Self {
            bytes,
            map,
            whole: Span::beginning(file),
        }
    }

    /// Parses the document into a tree; returns `None` if anything in it is refused.
    fn yaml(&self) -> Option<Node> {
        let mut dx = Diagnostics::default();
        let text = scan(self.whole.file, self.bytes, Tabs::Refused, &mut dx)?;
        let root = yaml::parse(self.whole.file, &text, &mut dx);
        root.filter(|_| !dx.has_errors())
    }

    /// Describes a document that is new or gone, by its number of lines.
    fn lines(&self) -> String {
        let lines = self.bytes.iter().filter(|byte| **byte == b'\n').count();
        format!("a document of {lines} lines")
    }
}

/// One path on both sides.
struct Sides<'a> {
    path: &'a str,
    base: Option<Document<'a>>,
    head: Option<Document<'a>>,
}

impl Sides<'_> {
    fn changes(&self, voters: &Voters) -> Vec<Change> {
        let kind = match FileKind::from_path(self.path) {
            FileKind::Workspace => DocumentKind::Workspace,
            FileKind::Profiles => DocumentKind::Profiles,
            FileKind::Approvals => DocumentKind::Approvals,
            FileKind::Catalog(_) => DocumentKind::Catalog,
            FileKind::Rules(_) => DocumentKind::Rules,
            FileKind::Tests(_) => DocumentKind::Tests,
            FileKind::Review(_) => DocumentKind::Reviews,
            FileKind::Lock(_) => {
                return self
                    .both()
                    .map_or_else(|| self.whole(Whole::LOCK), locks::changes);
            }
            FileKind::CedarRules(_) => {
                return self
                    .both()
                    .map_or_else(|| self.whole(Whole::RULES), cedar::changes);
            }
            // Waivers are reported with who signed them.
            FileKind::Waiver(_) | FileKind::Other | FileKind::Misplaced(_) => return Vec::new(),
        };
        // One side has no such document, so there is nothing to walk along.
        let Some(both) = self.both() else {
            return self.whole(Whole::from_kind(kind));
        };
        // A head that cannot be read is no policy: the compiler reports it.
        let Some(after) = both.head.yaml() else {
            return Vec::new();
        };
        // Nobody can say what the base said here, so the worse of the two effects holds.
        let Some(before) = both.base.yaml() else {
            return self.whole(Whole::from_kind(kind).at_worst());
        };
        let mut walk = Walk::new(&both, voters);
        walk.document(kind.shape(), &before, &after);
        walk.found
    }

    fn both(&self) -> Option<Both<'_>> {
        Some(Both {
            path: self.path,
            base: self.base.as_ref()?,
            head: self.head.as_ref()?,
        })
    }

    /// Returns the one change that a document makes by being new or gone as a whole.
    fn whole(&self, whole: Whole) -> Vec<Change> {
        let Whole {
            added,
            removed,
            area,
            risk,
        } = whole;
        let at = |document: &Document<'_>| document.map.location(document.whole);
        vec![Change {
            file: self.path.to_owned(),
            path: String::new(),
            field: String::new(),
            before: self.base.as_ref().map(Document::lines),
            after: self.head.as_ref().map(Document::lines),
            note: None,
            effect: if self.head.is_some() { added } else { removed },
            area,
            before_at: self.base.as_ref().map(at),
            after_at: self.head.as_ref().map(at),
            risk,
            content: unbound(),
        }]
    }
}

/// A file that both sides have.
struct Both<'a> {
    path: &'a str,
    base: &'a Document<'a>,
    head: &'a Document<'a>,
}

/// What a document that is new or gone does.
struct Whole {
    added: Effect,
    removed: Effect,
    area: Area,
    risk: Risk,
}

impl Whole {
    /// The proof judges which operations and rules that adds or takes away.
    const RULES: Self = Self {
        added: Effect::Listed,
        removed: Effect::Listed,
        area: Area::Settings,
        risk: Risk::Medium,
    };
    /// It comes and goes with the tool's catalog.
    const LOCK: Self = Self {
        area: Area::Lock,
        ..Self::RULES
    };

    /// Takes whatever there was for gone.
    fn at_worst(self) -> Self {
        Self {
            // The larger effect counts: what was there may have been what mattered.
            added: self.added.max(self.removed),
            ..self
        }
    }

    const fn from_kind(kind: DocumentKind) -> Self {
        match kind {
            // Every repository has these three, so the other side is no policy at all.
            DocumentKind::Workspace | DocumentKind::Profiles | DocumentKind::Approvals => Self {
                added: Effect::Changed,
                removed: Effect::Changed,
                area: Area::Settings,
                risk: Risk::High,
            },
            DocumentKind::Catalog | DocumentKind::Rules | DocumentKind::Waivers => Self::RULES,
            // It counts by the signatures of reviewers.
            DocumentKind::Reviews => Self {
                area: Area::GuardRails,
                ..Self::RULES
            },
            DocumentKind::Tests => Self {
                // Tests that come make nothing looser. Tests that go may be the ones that would have noticed.
                added: Effect::Listed,
                removed: Effect::Looser,
                area: Area::GuardRails,
                risk: Risk::Medium,
            },
        }
    }
}

#[cfg(test)]
mod tests;
