//! A change of policy, read, compared and judged: what `diff` reports, and what `sign` shows to a reviewer.
//!
//! Nothing here prints: whoever compares is told how it goes, and why it did not.

mod revisions;

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::path::Path;

use jiff::Timestamp;
use jiff::civil::Date;
use revisions::RevisionPair;
use stopgate_author::change::{Area, Change, changes, replacements, trust_change, version_change};
use stopgate_author::compile::Compiled;
use stopgate_author::diagnostic::Severity;
use stopgate_author::policy::{self, Policy};
use stopgate_author::testing::TestSuite;
use stopgate_author::waiver::{Jurisdiction, Waiver};
use stopgate_decide::bundle::TrustRoot;
use stopgate_decide::digest::Digest;
use stopgate_decide::name::OwnerName;

use crate::build::digest;
use crate::diff::{Class, Diff, Limits, Side, Version, diff};
use crate::gate::Gate;
use crate::waiver::Judges;
use crate::words::{count, list};
use crate::workspace::Document;
pub(crate) use revisions::{About, CompareError, ReadRevision, Told, WORKTREE};

/// Two policies, what differs between them, and by whom that is judged.
pub(crate) struct Compared {
    /// `None` stands for no policy at all, or for one that means nothing any more.
    pub(crate) base: Option<Policed>,
    pub(crate) head: Policed,
    /// What the base says of gates, and whose policy it is: of a base that says neither, nobody's.
    judging: (policy::Gate, Option<OwnerName>),
    /// The base's trust root, verified.
    pub(crate) root: Option<TrustRoot>,
    /// Signatures of head, not verified.
    pub(crate) signatures: Vec<Document>,
    /// Digest of the bundle that head makes, where all of it was compiled and it is a commit.
    pub(crate) bundle: Option<Digest>,
    diff: Diff,
    settings: Vec<Change>,
    /// Head's.
    waivers: Vec<Waiver>,
    /// Waivers that the base has too.
    known: Vec<Waiver>,
}

/// A policy with its tests.
pub(crate) struct Policed {
    pub(crate) policy: Policy,
    suites: Vec<TestSuite>,
}

impl Policed {
    pub(crate) fn version(&self) -> Version<'_> {
        Version {
            policy: &self.policy,
            suites: &self.suites,
        }
    }
}

/// The base as far as it means anything.
struct BaseRead {
    side: Side,
    /// `None` where it does not compile any more.
    policed: Option<Policed>,
    judging: (policy::Gate, Option<OwnerName>),
    known: Vec<Waiver>,
    /// What nobody can compare with it.
    rewritten: Vec<Change>,
}

impl BaseRead {
    /// Compiles the base. Where it does not compile any more, everything of `head` is re-written.
    fn compile(
        base: ReadRevision,
        head: &Policy,
        tell: &dyn Fn(Told<'_>),
    ) -> Result<Self, CompareError> {
        let mut compiled = base.compile(tell);
        // Nothing that head says stands in for it: who is judged would choose the judge.
        let judging = match compiled.judging.take() {
            Some((gate, organisation)) => (gate, Some(organisation)),
            None => (policy::Gate::UNREAD, None),
        };
        let policy = compiled.policy.take();
        let mut rewritten = Vec::new();
        if policy.is_none() {
            let who = match &judging {
                (_, Some(_)) => "reviewers sign what head says",
                (_, None) => {
                    "whose policy it is cannot be said, and people merge by hand what mends it"
                }
            };
            let why = broken(&base.side.name, &compiled);
            tell(Told::Lost(&format!("{why}: {who}")));
            rewritten = base.rewritten(head, judging.1.is_some())?;
        }
        Ok(Self {
            side: base.side,
            policed: policy.map(|policy| Policed {
                policy,
                suites: compiled.suites,
            }),
            judging,
            known: compiled.waivers,
            rewritten,
        })
    }
}

impl Compared {
    /// Reads and compares two revisions of the repository at `dir`, as it is at `now`. `tell` is told how that goes.
    ///
    /// # Errors
    /// [`CompareError`]; a base that does not compile is none.
    pub(crate) fn read(
        dir: &Path,
        names: (&str, &str),
        about: About,
        limits: &Limits,
        now: Timestamp,
        tell: &(dyn Fn(Told<'_>) + Sync),
    ) -> Result<Self, CompareError> {
        let RevisionPair { base, head } = RevisionPair::read(dir, names, about)?;
        // 1. Who is trusted: the base's root judges, and the one that head brings has to be fit to judge after it.
        let trusted = base.as_ref().map(|base| &base.reading.trust);
        let trusted = trusted.and_then(|trust| trust.root.clone());
        let open = |bytes| TrustRoot::open(bytes, now);
        let root = trusted.as_deref().map(open).transpose();
        let root = root.map_err(CompareError::Root)?;
        let presented = head.reading.trust.clone();
        // Nobody may sign away that somebody can be trusted: a root that does not hold would stop every later change.
        let brought = presented.root.as_deref();
        if let Some(bytes) = brought.filter(|bytes| trusted.as_deref() != Some(*bytes)) {
            open(bytes).map_err(CompareError::Brought)?;
        }
        // 2. What changed beside the rules. A first policy has nothing that it could loosen.
        let sources = base.as_ref().map(|base| (base.sources(), head.sources()));
        let mut settings = sources.as_ref().map_or_else(Vec::new, |(before, after)| {
            let mut settings = changes(before, after);
            settings.extend(trust_change(trusted.as_deref(), brought));
            let others = !settings.is_empty();
            let judged_by = base
                .as_ref()
                .and_then(|base| base.reading.trust.version.as_deref());
            settings.extend(version_change(
                judged_by,
                presented.version.as_deref(),
                others,
            ));
            settings
        });
        // 3. Head, which has to compile. Of a part of head no bundle is ever made, and of files on a disk none that is
        // published.
        let mut compiled = head.compile(tell);
        let Some(policy) = compiled.policy.take() else {
            return Err(CompareError::Invalid(Box::new((compiled, head.source))));
        };
        let whole = about == About::Everything && head.side.commit.is_some();
        let bundle = whole.then(|| digest(&policy)).transpose()?;
        let (waivers, head_side) = (compiled.waivers, head.side);
        let head = Policed {
            policy,
            suites: compiled.suites,
        };
        // 4. The base, which may mean nothing any more: what is then meant stands among the settings.
        let base = base.map(|base| BaseRead::compile(base, &head.policy, tell));
        let base = base.transpose()?;
        let is_lost = base.as_ref().is_some_and(|base| base.policed.is_none());
        // A first policy has nothing that could be signed before it.
        let first = || BaseRead {
            side: Side::empty(),
            policed: None,
            judging: (
                policy::Gate::DEFAULT,
                Some(head.policy.organisation.clone()),
            ),
            known: Vec::new(),
            rewritten: Vec::new(),
        };
        let BaseRead {
            side: base_side,
            policed: base,
            judging,
            known,
            rewritten,
        } = base.unwrap_or_else(first);
        settings.extend(rewritten);
        if let (Some((before, after)), Some(base)) = (&sources, &base) {
            settings.extend(replacements((&base.policy, before), (&head.policy, after)));
        }
        // What a report has no room for is the least grave.
        settings.sort_by_key(|one| {
            let is_trust = one.area == Area::TrustRoot;
            (!one.effect.needs_review(), !is_trust, Reverse(one.risk))
        });
        // 5. What the rules do.
        let mut diff = diff(
            base.as_ref().map(Policed::version),
            head.version(),
            (base_side, head_side),
            limits,
            &|done, all| tell(Told::Proved(done, all)),
        )?;
        if is_lost {
            // They are not new: what they were cannot be compared, and stands among the settings.
            diff.operations.retain(|one| one.class != Class::Added);
        }
        Ok(Self {
            root,
            bundle,
            diff,
            judging,
            base,
            head,
            settings,
            waivers,
            known,
            signatures: presented.signatures,
        })
    }

    /// Returns head's waiver of this id, as it was compared.
    pub(crate) fn waiver(&self, id: &str) -> Option<&Waiver> {
        self.waivers.iter().find(|waiver| waiver.id.as_str() == id)
    }

    /// Returns what the change was compared with: a name and a commit.
    pub(crate) const fn base_side(&self) -> &Side {
        &self.diff.base
    }

    /// Returns where signatures hold that the base judges; `None` if nobody can say whose policy it is.
    pub(crate) fn holds(&self) -> Option<Jurisdiction> {
        let organisation = self.judging.1.as_ref()?;
        Some(Jurisdiction::new(organisation, self.root.as_ref()))
    }

    /// Returns what the base says of gates.
    pub(crate) const fn gate(&self) -> policy::Gate {
        self.judging.0
    }

    /// Judges the change on the day `today` (UTC) by the base's keys and numbers, as if `signatures` were all there are.
    pub(crate) fn judged(&self, signatures: &[Document], today: Date) -> Gate<'_> {
        let judges = Judges {
            gate: self.gate(),
            root: self.root.as_ref(),
            holds: self.holds(),
            known: &self.known,
        };
        Gate::judge(
            &self.diff,
            &self.settings,
            &judges,
            &self.waivers,
            signatures,
            today,
        )
    }
}

/// Returns a sentence about a base that does not compile any more, with the codes of its errors.
pub(crate) fn broken(revision: &str, compiled: &Compiled) -> String {
    let (errors, _) = compiled.diagnostics.counts();
    let codes = compiled.diagnostics.iter().filter_map(|found| {
        let is_error = found.severity() == Severity::Error;
        is_error.then_some(found.code.as_str())
    });
    let codes: BTreeSet<&str> = codes.collect();
    format!(
        "the base, revision `{revision}`, has {} of its own ({}), so nothing can be compared with it",
        count(errors, "error"),
        list(codes)
    )
}
