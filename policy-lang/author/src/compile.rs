//! From the text of a whole repository to the checked [`Policy`]: the pass that every command begins with.
//!
//! Documents are read one by one, then looked at together: names, profiles, tools with their locks, surfaces, tests.
//! Every mistake of a run is reported, and a policy comes out only if there is none. Pure: text in, values out.

mod arguments;
mod drafts;
pub(crate) mod files;
mod hierarchy;
mod inheritance;
mod names;
mod profiles;
mod repository;
mod routes;
mod sources;
mod suites;
mod surfaces;
mod tools;

use std::collections::{BTreeMap, BTreeSet};

use drafts::Draft;
use files::FileKind;
use names::Names;
use repository::Repository;
use stopgate_decide::name::{
    ChannelName, OperationName, OwnerName, ProfileName, ReviewId, RuleId, ToolName,
};
use stopgate_decide::organisation::Ceiling;
use stopgate_decide::routing::Route;
use stopgate_decide::version::Version;

use crate::cedar::{self, CedarMistake};
use crate::diagnostic::{Code, Diagnostics, rules as facts, text};
use crate::document::condition::TextPlace;
use crate::policy::{Gate, Policy, Profile, Rule, Tool};
use crate::source::{SourceMap, Span};
use crate::testing::TestSuite;
use crate::waiver::{Review, Waiver};

pub use sources::Sources;

/// Returns the tools whose decisions can differ between two repositories that differ in the documents at `paths`;
/// `None` when that can be all tools.
#[must_use]
pub fn tools_of<'a>(paths: impl IntoIterator<Item = &'a str>) -> Option<BTreeSet<ToolName>> {
    let tool = |path| match FileKind::from_path(path) {
        FileKind::Catalog(tool)
        | FileKind::Lock(tool)
        | FileKind::Rules(tool)
        | FileKind::Tests(tool) => Some(Some(tool)),
        // What reviewers sign lets a change pass; it decides nothing.
        FileKind::Waiver(_) | FileKind::Review(_) | FileKind::Other => Some(None),
        FileKind::Workspace
        | FileKind::Profiles
        | FileKind::Approvals
        | FileKind::CedarRules(_)
        | FileKind::Misplaced(_) => None,
    };
    let tools: Option<Vec<Option<ToolName>>> = paths.into_iter().map(tool).collect();
    tools.map(|tools| tools.into_iter().flatten().collect())
}

/// What came of a repository.
#[derive(Debug)]
pub struct Compiled {
    /// The policy; `None` if anything is wrong.
    pub policy: Option<Policy>,
    /// What stopgate.yaml says of gates and whose policy it is, also where something else is wrong; `None` if anything in
    /// that document could not be read, for what is left out of it may be just that.
    pub judging: Option<(Gate, OwnerName)>,
    /// The tests, as far as they could be read.
    pub suites: Vec<TestSuite>,
    /// The waivers that could be read, by id. Nobody's signature was looked at.
    pub waivers: Vec<Waiver>,
    /// The reviews that could be read, by id. Nobody's signature was looked at.
    pub reviews: Vec<Review>,
    /// Every mistake and warning, in the order of the files.
    pub diagnostics: Diagnostics,
    /// The text that the diagnostics point into.
    pub sources: SourceMap,
    /// Where rules, operations and reviews stand, for later findings about them.
    pub places: Places,
    /// How servers are started, by tool, also where the lock is still missing.
    pub servers: BTreeMap<ToolName, Server>,
    /// How much there was.
    pub summary: Summary,
}

/// Where things are named in the text.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// Rules, by their ids.
    pub rules: BTreeMap<RuleId, Span>,
    /// Operations, in the catalog.
    pub operations: BTreeMap<(ToolName, OperationName), Span>,
    /// Reviews, by their ids.
    pub reviews: BTreeMap<ReviewId, Span>,
    /// Channels, in stopgate.yaml.
    pub channels: BTreeMap<ChannelName, Span>,
}

impl Places {
    fn new(repository: &Repository, drafts: &[Draft]) -> Self {
        let rules = drafts
            .iter()
            .map(|draft| (draft.rule.id.clone(), draft.id_span));
        let catalogs = repository.catalogs.iter();
        let catalogs = catalogs.filter_map(|(tool, doc)| Some((tool, doc.as_ref()?)));
        let operations = catalogs.flat_map(|(tool, doc)| {
            let names = doc.operations.entries.iter();
            names.map(move |(name, _)| ((tool.clone(), name.value.clone()), name.span))
        });
        let reviews = repository.reviews.iter();
        let reviews = reviews.map(|(id, (span, _))| (id.clone(), *span));
        let channels = repository.workspace.iter();
        let channels = channels.flat_map(|workspace| &workspace.channels.entries);
        let channels = channels.map(|(name, _)| (name.value.clone(), name.span));
        Self {
            operations: operations.collect(),
            reviews: reviews.collect(),
            rules: rules.collect(),
            channels: channels.collect(),
        }
    }
}

/// How `stopgate lock` starts a tool's server, and the contract it is reviewed for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Program and arguments; no shell.
    pub command: Vec<String>,
    /// Names of the environment variables it is given.
    pub env: Vec<String>,
    /// The reviewed contract version.
    pub contract: Version,
}

/// How much was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Documents of the repository, whichever of them were compiled.
    pub files: usize,
    /// Rules in them that could be read.
    pub rules: usize,
}

/// Reads and checks a repository. Every mistake is reported in the answer, and a policy is in it only if there is none.
#[must_use]
pub fn compile(sources: Sources) -> Compiled {
    let mut dx = Diagnostics::default();
    let mut map = SourceMap::default();
    let paths = sources.files.keys();
    let documents = paths.filter(|path| FileKind::from_path(path) != FileKind::Other);
    let documents = documents.count();
    // 1. Every document by itself, whatever is wrong with the others.
    let repository = Repository::read(&sources, &mut map, &mut dx);
    // 2. The names that exist. What a broken document declares is unknown, so that one mistake makes no others.
    let names = Names::new(&repository);
    // 3. Tools and profiles before rules, which name them and whose conditions have the types of arguments.
    let tools = tools::check(&repository, &names, &map, &mut dx);
    let profiles = profiles::check(&repository, &names, &mut dx);
    // 4. Rules of both front ends in one list, then what they ask for, and the tests about them.
    let drafts = drafts::drafts(&repository, &names, &map, &mut dx);
    let floors = repository
        .workspace
        .as_ref()
        .map(|workspace| workspace.floors);
    surfaces::check(&drafts, floors, &names, profiles.as_ref(), &mut dx);
    let suites = suites::check(&repository, &names, &tools, &drafts, &map, &mut dx);

    // 5. What rules ask of people, beside the routes that answer.
    let approvals = repository.approvals.as_ref();
    let routes = routes::check(approvals, &drafts, floors, &names, &mut dx);

    // 6. The policy, as far as it could be read: later checks find more mistakes in it.
    let whole = repository.is_whole(&tools);
    let policy = assemble(
        &repository,
        &names,
        tools,
        profiles,
        routes,
        &drafts,
        &mut dx,
    );
    if let Some(policy) = &policy {
        // 7. What can only be asked of all documents together.
        inheritance::check(policy, &drafts, &mut dx);
        validate(policy, &drafts, &mut dx);
    }
    // A rule or an operation that is left out without a word could be the one that forbids.
    let complete = |policy: &Policy| whole && policy.rules.len() == repository.stated_rules();
    if !sources.is_prevented(&dx) && !policy.as_ref().is_some_and(complete) {
        let id = map.add("", b"");
        dx.push(text::incomplete(Span::beginning(id)));
    }
    // 8. What was counted and where things stand, for whoever reports.
    let summary = Summary {
        files: documents,
        rules: drafts.len(),
    };
    let servers = repository.servers();
    let places = Places::new(&repository, &drafts);
    let judging = repository.sound_workspace().and_then(|workspace| {
        let organisation = workspace.organisation.clone()?;
        Some((workspace.gate, organisation))
    });
    let reviews = repository.reviews.into_values();
    let reviews = reviews.map(|(_, review)| review).collect();
    // Last: passes report in the order in which they look, people read in the order of the files.
    dx.sort(&map);
    Compiled {
        policy: policy.filter(|_| !sources.is_prevented(&dx)),
        judging,
        suites,
        waivers: repository.waivers.into_values().collect(),
        reviews,
        diagnostics: dx,
        sources: map,
        places,
        servers,
        summary,
    }
}

/// Makes the policy from what could be read. If there were mistakes, it is enough to look for more of them; if there
/// were none, it is the real policy. Returns `None` where a part is missing that no policy can do without.
fn assemble(
    repository: &Repository,
    names: &Names,
    tools: BTreeMap<ToolName, Tool>,
    profiles: Option<BTreeMap<ProfileName, Profile>>,
    routes: Vec<Route>,
    drafts: &[Draft],
    dx: &mut Diagnostics,
) -> Option<Policy> {
    let workspace = repository.workspace.as_ref()?;
    let approvals = repository.approvals.as_ref()?;
    let mut channels = BTreeMap::new();
    for (name, channel) in &workspace.channels.entries {
        let Some(channel) = channel else { continue };
        let mut tools = BTreeMap::new();
        for (tool, limit) in &channel.tools {
            if names.tool(tool, dx) {
                tools.extend(limit.map(|limit| (tool.value.clone(), limit)));
            }
        }
        channels.insert(
            name.value.clone(),
            Ceiling {
                default: channel.ceiling,
                tools,
            },
        );
    }
    // Cedar would say of an operation whose tool is broken that there is none.
    let whole = repository.is_whole(&tools);
    let in_cedar_file = |draft: &Draft| matches!(draft.place, Some(TextPlace::File { .. }));
    let usable = drafts.iter().filter(|draft| whole || !in_cedar_file(draft));
    let mut rules: Vec<Rule> = usable.map(|draft| draft.rule.clone()).collect();
    // By id: the order of files and of front ends is no part of a policy.
    rules.sort_by(|a, b| a.id.cmp(&b.id));
    Some(Policy {
        organisation: workspace.organisation.clone()?,
        identity: workspace.identity.clone(),
        channels,
        floors: workspace.floors,
        freshness: workspace.freshness,
        input_bytes: workspace.limits.input_bytes,
        approvals_per_approver_per_day: workspace.limits.approvals_per_approver_per_day,
        gate: workspace.gate,
        profiles: profiles?,
        calendar: approvals.calendar.clone()?,
        routes,
        deadlines: approvals.deadlines?,
        tools,
        rules,
    })
}

/// Asks Cedar whether every condition fits the types of its operations, and reports those that do not.
fn validate(policy: &Policy, drafts: &[Draft], dx: &mut Diagnostics) {
    // Of two drafts of one id, which is a mistake of its own, the last is told of.
    let by_id: BTreeMap<_, _> = drafts.iter().map(|draft| (&draft.rule.id, draft)).collect();
    let mistakes = cedar::validate(policy);
    // Of an argument that rules cannot read Cedar knows nothing; what follows from that is no second mistake.
    let is = |mistake: &CedarMistake, codes: [Code; 2]| {
        codes.iter().any(|code| code.as_str() == mistake.code)
    };
    let unreadable: BTreeSet<RuleId> = mistakes
        .iter()
        .filter(|(_, mistake)| is(mistake, [Code::OpaqueArgument, Code::UnknownArgument]))
        .map(|(id, _)| id.clone())
        .collect();
    for (id, mistake) in mistakes {
        let follows = is(&mistake, [Code::CedarType, Code::CedarImpossible]);
        let Some(draft) = by_id
            .get(&id)
            .filter(|_| !(follows && unreadable.contains(&id)))
        else {
            continue;
        };
        // A mistake without a place of its own is about the rule as a whole.
        let span = match &draft.place {
            Some(place) if !mistake.range.is_empty() => place.span_at(&mistake.range),
            _ => draft.id_span,
        };
        dx.push(facts::cedar_mistake(&mistake, span));
    }
}
