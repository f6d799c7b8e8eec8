//! The documents of a repository, each read by itself.

use std::collections::{BTreeMap, BTreeSet};

use stopgate_decide::name::{ProfileName, ReviewId, ToolName, WaiverId};

use crate::cedar::file::CedarRule;
use crate::diagnostic::{Code, Diagnostics, catalog as facts, rules, shape as say, text};
use crate::document;
use crate::document::approvals::ApprovalsDoc;
use crate::document::catalog::CatalogDoc;
use crate::document::condition::{self, TextPlace, diagnose};
use crate::document::profiles::ProfileDoc;
use crate::document::read::{AsKey, Named};
use crate::document::rules::RulesDoc;
use crate::document::suites::SuiteDoc;
use crate::document::workspace::Workspace;
use crate::lock::{Lock, LockProblem};
use crate::policy::Tool;
use crate::source::node::Node;
use crate::source::scan::{Tabs, scan};
use crate::source::{FileId, SourceMap, Span, Spanned, yaml};
use crate::waiver::{Review, Waiver};

use super::files::FileKind;
use super::{Server, Sources};

/// Every document by what it is about. `None` in a map: there is such a file, and it could not be read.
#[derive(Default)]
pub(super) struct Repository {
    pub(super) workspace: Option<Workspace>,
    /// Whether stopgate.yaml was read without a mistake.
    workspace_sound: bool,
    pub(super) profiles: Option<Named<ProfileName, ProfileDoc>>,
    /// Whether profiles.yaml was read without a mistake.
    pub(super) profiles_sound: bool,
    pub(super) approvals: Option<ApprovalsDoc>,
    pub(super) catalogs: BTreeMap<ToolName, Option<CatalogDoc>>,
    pub(super) locks: BTreeMap<ToolName, (FileId, Option<Lock>)>,
    pub(super) rules: BTreeMap<ToolName, (FileId, Option<RulesDoc>)>,
    pub(super) cedar_rules: BTreeMap<ToolName, (FileId, Option<Vec<CedarRule>>)>,
    pub(super) suites: BTreeMap<ToolName, (FileId, Option<SuiteDoc>)>,
    /// Tools whose rules and tests nobody asked for.
    pub(super) skipped: BTreeSet<ToolName>,
    pub(super) waivers: BTreeMap<WaiverId, Waiver>,
    pub(super) reviews: BTreeMap<ReviewId, (Span, Review)>,
}

impl Repository {
    pub(super) fn read(sources: &Sources, map: &mut SourceMap, dx: &mut Diagnostics) -> Self {
        let mut repository = Self::default();
        let mut missing = vec![
            (
                FileKind::Workspace,
                "stopgate.yaml",
                "it names channels and who may assert subjects",
            ),
            (
                FileKind::Profiles,
                "profiles.yaml",
                "rules are written for profiles",
            ),
            (
                FileKind::Approvals,
                "approvals.yaml",
                "it holds the business calendar",
            ),
        ];
        // 1. The files, in the order of their paths.
        for (path, bytes) in &sources.files {
            let kind = FileKind::from_path(path);
            // Also where the file cannot be read: it is there, and that is another mistake.
            missing.retain(|(wanted, ..)| *wanted != kind);
            // A command about a few tools skips the rules and tests of the others.
            if let (FileKind::Rules(tool) | FileKind::Tests(tool), Some(only)) =
                (&kind, &sources.only)
                && !only.contains(tool)
            {
                repository.skipped.insert(tool.clone());
                continue;
            }
            if kind != FileKind::Other {
                let id = map.add(path, bytes);
                repository.file(
                    kind,
                    &File {
                        id,
                        path,
                        bytes,
                        map,
                    },
                    dx,
                );
            }
        }
        // 2. What stands at a path and is no file that could be read.
        for (path, unread) in &sources.unread {
            let kind = FileKind::from_path(path);
            missing.retain(|(wanted, ..)| *wanted != kind);
            // Of a head nothing is left out in silence, whatever it is asked about.
            if let (FileKind::Rules(tool) | FileKind::Tests(tool), Some(only)) =
                (&kind, &sources.only)
                && sources.is_base
                && !only.contains(tool)
            {
                repository.skipped.insert(tool.clone());
                continue;
            }
            let id = map.add(path, b"");
            repository.unread(kind, id);
            dx.push(text::unread(Span::beginning(id), path, *unread));
        }
        // 3. The documents that every repository has.
        for (_, path, why) in missing {
            // There is no text to point at; an empty one stands in for the file that should be there.
            let id = map.add(path, b"");
            dx.push(say::missing_document(Span::beginning(id), path, why));
        }
        repository
    }

    /// Records that there is such a document, of which nothing is known.
    fn unread(&mut self, kind: FileKind, id: FileId) {
        match kind {
            FileKind::Catalog(tool) => drop(self.catalogs.insert(tool, None)),
            FileKind::Lock(tool) => drop(self.locks.insert(tool, (id, None))),
            FileKind::Rules(tool) => drop(self.rules.insert(tool, (id, None))),
            FileKind::CedarRules(stem) => drop(self.cedar_rules.insert(stem, (id, None))),
            FileKind::Tests(tool) => drop(self.suites.insert(tool, (id, None))),
            FileKind::Workspace
            | FileKind::Profiles
            | FileKind::Approvals
            | FileKind::Waiver(_)
            | FileKind::Review(_)
            | FileKind::Misplaced(_)
            | FileKind::Other => {}
        }
    }

    fn file(&mut self, kind: FileKind, file: &File<'_>, dx: &mut Diagnostics) {
        let id = file.id;
        match kind {
            FileKind::Workspace => {
                // A count before and after tells whether this document made a mistake, whatever the others did.
                let (before, _) = dx.counts();
                self.workspace = file
                    .yaml(dx)
                    .and_then(|root| document::workspace::read(&root, dx));
                self.workspace_sound = dx.counts().0 == before;
            }
            FileKind::Profiles => {
                let before = dx.counts();
                self.profiles = file
                    .yaml(dx)
                    .and_then(|root| document::profiles::read(&root, dx));
                self.profiles_sound = dx.counts() == before;
            }
            FileKind::Approvals => {
                self.approvals = file
                    .yaml(dx)
                    .and_then(|root| document::approvals::read(&root, dx))
            }
            FileKind::Catalog(tool) => {
                let doc = file
                    .yaml(dx)
                    .and_then(|root| document::catalog::read(&root, dx));
                // A catalog under another tool's name would be looked up by it.
                let doc = doc.filter(|doc| file.is_about(&doc.tool, &tool, dx));
                self.catalogs.insert(tool, doc);
            }
            FileKind::Lock(tool) => {
                let lock = file.lock(&tool, dx);
                self.locks.insert(tool, (id, lock));
            }
            FileKind::Rules(tool) => {
                let doc = file
                    .yaml_with_conditions(dx)
                    .and_then(|root| document::rules::read(&root, file.text(), dx));
                let doc = doc.filter(|doc| file.is_about(&doc.tool, &tool, dx));
                self.rules.insert(tool, (id, doc));
            }
            FileKind::CedarRules(stem) => {
                let rules = file.cedar(dx);
                self.cedar_rules.insert(stem, (id, rules));
            }
            FileKind::Tests(tool) => {
                let doc = file
                    .yaml(dx)
                    .and_then(|root| document::suites::read(&root, dx));
                let doc = doc.filter(|doc| file.is_about(&doc.tool, &tool, dx));
                self.suites.insert(tool, (id, doc));
            }
            FileKind::Waiver(stem) => {
                let waiver = file
                    .yaml(dx)
                    .and_then(|root| document::waivers::read(&root, dx));
                let waiver = waiver.filter(|(id, _)| file.is_called(id, &stem, "waiver", dx));
                self.waivers
                    .extend(waiver.map(|(_, waiver)| (stem, waiver)));
            }
            FileKind::Review(stem) => {
                let review = file
                    .yaml(dx)
                    .and_then(|root| document::reviews::read(&root, dx));
                let review = review.filter(|(id, _)| file.is_called(id, &stem, "review", dx));
                self.reviews
                    .extend(review.map(|(id, review)| (stem, (id.span, review))));
            }
            FileKind::Misplaced(help) => {
                dx.push(say::misplaced_file(Span::beginning(id), file.path, &help))
            }
            FileKind::Other => {}
        }
    }

    /// Returns `stopgate.yaml`, where nothing of it had to be left out.
    pub(super) fn sound_workspace(&self) -> Option<&Workspace> {
        self.workspace.as_ref().filter(|_| self.workspace_sound)
    }

    /// Returns whether `tools` holds every operation of every catalog.
    pub(super) fn is_whole(&self, tools: &BTreeMap<ToolName, Tool>) -> bool {
        self.catalogs
            .iter()
            // By number: an operation that was left out is missing in one of the two.
            .all(|(name, doc)| match (doc, tools.get(name)) {
                (Some(doc), Some(tool)) => {
                    doc.operations.complete && doc.operations.entries.len() == tool.operations.len()
                }
                (Some(_) | None, _) => false,
            })
    }

    /// Counts the rules that are stated, those that could not be read included.
    pub(super) fn stated_rules(&self) -> usize {
        let yaml = self.rules.values().filter_map(|(_, doc)| doc.as_ref());
        let yaml: usize = yaml.map(|doc| doc.ids.len()).sum();
        let cedar = self.cedar_rules.values();
        let cedar: usize = cedar
            .filter_map(|(_, rules)| rules.as_ref())
            .map(Vec::len)
            .sum();
        yaml.saturating_add(cedar)
    }

    /// Returns how servers are started, by tool, as far as the catalogs say it.
    pub(super) fn servers(&self) -> BTreeMap<ToolName, Server> {
        let server = |doc: &CatalogDoc| {
            let server = doc.server.as_ref()?;
            let contract = server.contract.as_ref()?.value;
            Some(Server {
                command: server.command.clone(),
                env: server.env.clone(),
                contract,
            })
        };
        let catalogs = self.catalogs.iter();
        catalogs
            .filter_map(|(tool, doc)| Some((tool.clone(), server(doc.as_ref()?)?)))
            .collect()
    }
}

/// One file while it is read.
struct File<'a> {
    id: FileId,
    path: &'a str,
    bytes: &'a [u8],
    map: &'a SourceMap,
}

impl File<'_> {
    fn text(&self) -> &str {
        self.map.file(self.id).map_or("", |file| file.text())
    }

    fn yaml(&self, dx: &mut Diagnostics) -> Option<Node> {
        let text = scan(self.id, self.bytes, Tabs::Refused, dx)?;
        yaml::parse(self.id, &text, dx)
    }

    /// Parses the file as [`Self::yaml`] does, but replaces what YAML reports about a condition without quotes by how
    /// to write the condition.
    fn yaml_with_conditions(&self, dx: &mut Diagnostics) -> Option<Node> {
        let mut found = Diagnostics::default();
        let root = self.yaml(&mut found);
        let is_yaml = |code| {
            matches!(
                code,
                Code::YamlSyntax | Code::YamlTag | Code::YamlAnchor | Code::YamlAlias
            )
        };
        let file = self.map.file(self.id);
        let conditions = match file.filter(|_| found.iter().any(|found| is_yaml(found.code))) {
            Some(file) => condition::unquoted(self.id, file),
            None => Vec::new(),
        };
        let line = |span: Span| self.map.location(span).line;
        let lines: Vec<u32> = conditions.iter().map(|(span, _)| line(*span)).collect();
        let explained = |label: &crate::diagnostic::Label| lines.contains(&line(label.span));
        for diagnostic in found.iter() {
            // What YAML says of such a line is about signs that are Cedar's, and would lead an author astray.
            if !(is_yaml(diagnostic.code) && diagnostic.labels.first().is_some_and(explained)) {
                dx.push(diagnostic.clone());
            }
        }
        for (span, written) in conditions {
            dx.push(rules::condition_needs_block(span, &written));
        }
        root
    }

    fn cedar(&self, dx: &mut Diagnostics) -> Option<Vec<CedarRule>> {
        let text = scan(self.id, self.bytes, Tabs::Allowed, dx)?;
        match crate::cedar::file::parse(&text) {
            Ok(rules) => Some(rules),
            Err(mistakes) => {
                let place = TextPlace::File {
                    file: self.id,
                    offset: 0,
                };
                for mistake in &mistakes {
                    dx.push(diagnose(mistake, &place));
                }
                None
            }
        }
    }

    fn lock(&self, tool: &ToolName, dx: &mut Diagnostics) -> Option<Lock> {
        match Lock::parse(self.bytes) {
            // A lock of another tool under this name would pin functions that nobody reviewed for it.
            Ok(lock) if lock.tool == *tool => Some(lock),
            Ok(lock) => {
                dx.push(say::file_name_mismatch(
                    Span::beginning(self.id),
                    "tool",
                    lock.tool.as_str(),
                    self.path,
                ));
                None
            }
            Err(error) => {
                for mistake in &error.mistakes {
                    // The others name their place in the document themselves.
                    let at = if let LockProblem::Json(error) = &mistake.problem {
                        error.offset
                    } else {
                        0
                    };
                    let span = Span::new(self.id, at..at);
                    dx.push(facts::lock_invalid(
                        span,
                        tool.as_str(),
                        &mistake.to_string(),
                    ));
                }
                None
            }
        }
    }

    fn is_about(&self, stated: &Spanned<ToolName>, stem: &ToolName, dx: &mut Diagnostics) -> bool {
        self.is_called(stated, stem, "tool", dx)
    }

    /// Checks whether what the document says under `key` is its file's name, and reports it if not.
    fn is_called<N: PartialEq + AsKey>(
        &self,
        stated: &Spanned<N>,
        stem: &N,
        key: &str,
        dx: &mut Diagnostics,
    ) -> bool {
        let fits = stated.value == *stem;
        if !fits {
            dx.push(say::file_name_mismatch(
                stated.span,
                key,
                stated.value.as_key(),
                self.path,
            ));
        }
        fits
    }
}
