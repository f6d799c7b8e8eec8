//! A change of policy, read, compared and judged: what `diff` reports, and what `sign` shows to a reviewer.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::path::Path;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
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
use crate::reader::Source;
use crate::report::count;
use crate::waiver::Judges;
use crate::workspace::Document;

use super::console::{CommandAnswer, Console, Failure};
use super::progress::Progress;
use super::revisions::{About, RevisionPair};

/// Two policies, what differs between them, and by whom that is judged.
pub(super) struct Compared {
    /// `None` stands for no policy at all, or for one that means nothing any more.
    pub(super) base: Option<Policed>,
    pub(super) head: Policed,
    /// What the base says of gates, and whose policy it is: of a base that says neither, nobody's.
    judging: (policy::Gate, Option<OwnerName>),
    /// The base's trust root, verified.
    pub(super) root: Option<TrustRoot>,
    /// Signatures of head, not verified.
    pub(super) signatures: Vec<Document>,
    /// Digest of the bundle that head makes, where all of it was compiled and it is a commit.
    pub(super) bundle: Option<Digest>,
    diff: Diff,
    settings: Vec<Change>,
    /// Head's.
    waivers: Vec<Waiver>,
    /// Waivers that the base has too.
    known: Vec<Waiver>,
}

/// A policy with its tests.
pub(super) struct Policed {
    pub(super) policy: Policy,
    suites: Vec<TestSuite>,
}

impl Policed {
    pub(super) fn version(&self) -> Version<'_> {
        Version {
            policy: &self.policy,
            suites: &self.suites,
        }
    }
}

impl Compared {
    /// Reads and compares two revisions of the repository at `dir`; `invalid` answers for a head that does not compile.
    pub(super) fn read(
        dir: &Path,
        (base_name, head_name): (&str, &str),
        about: About,
        limits: &Limits,
        invalid: impl FnOnce(&Compiled, &Source) -> Result<CommandAnswer, Failure>,
        console: &Console,
    ) -> Result<Self, Failure> {
        let RevisionPair { base, head } = RevisionPair::read(dir, (base_name, head_name), about)?;
        let trusted = base.as_ref().map(|base| &base.reading.trust);
        let trusted = trusted.and_then(|trust| trust.root.clone());
        let root = trusted.as_deref().map(root).transpose()?;
        let presented = head.reading.trust.clone();
        // Nobody may sign away that somebody can be trusted: a root that does not hold would stop every later change.
        let brought = presented.root.as_deref();
        if let Some(bytes) = brought.filter(|bytes| trusted.as_deref() != Some(*bytes)) {
            let opened = TrustRoot::open(bytes, Timestamp::now());
            opened.map_err(|error| {
                let help =
                    "the change brings this trust/root.dsse.json; nobody could be judged by it";
                Failure::untrusted(error).with_help(help)
            })?;
        }
        // A first policy has nothing that it could loosen.
        let sources = base.as_ref().map(|base| (base.sources(), head.sources()));
        let mut settings = sources.as_ref().map_or_else(Vec::new, |(before, after)| {
            let mut settings = changes(before, after);
            settings.extend(trust_change(trusted.as_deref(), presented.root.as_deref()));
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
        let mut compiled = head.compile(console);
        let Some(policy) = compiled.policy.take() else {
            return Err(Failure::Answered(invalid(&compiled, &head.source)?));
        };
        // Of a part of head no bundle is ever made, and of files on a disk none that is published.
        let whole = about == About::Everything && head.side.commit.is_some();
        let bundle = whole.then(|| digest(&policy)).transpose()?;
        let head_side = head.side;
        let head = Policed {
            policy,
            suites: compiled.suites,
        };
        // A first policy has nothing that could be signed before it.
        let own = Some(head.policy.organisation.clone());
        let mut judging = (policy::Gate::DEFAULT, own);
        let (mut known, mut base_side) = (Vec::new(), Side::empty());
        let mut is_lost = false;
        let base = match base {
            None => None,
            Some(base) => {
                let mut compiled = base.compile(console);
                // Nothing that head says stands in for it: who is judged would choose the judge.
                judging = match compiled.judging.take() {
                    Some((gate, organisation)) => (gate, Some(organisation)),
                    None => (policy::Gate::UNREAD, None),
                };
                known.append(&mut compiled.waivers);
                let policy = compiled.policy.take();
                if policy.is_none() {
                    is_lost = true;
                    let who = match &judging {
                        (_, Some(_)) => "reviewers sign what head says",
                        (_, None) => {
                            "whose policy it is cannot be said, and people merge by hand what mends it"
                        }
                    };
                    let why = broken(base_name, &compiled);
                    console.progress(format_args!("{why}: {who}"));
                    let rewritten = base.rewritten(&head.policy, judging.1.is_some());
                    settings.extend(rewritten.map_err(Failure::failed)?);
                }
                base_side = base.side;
                policy.map(|policy| Policed {
                    policy,
                    suites: compiled.suites,
                })
            }
        };
        if let (Some((before, after)), Some(base)) = (&sources, &base) {
            settings.extend(replacements((&base.policy, before), (&head.policy, after)));
        }
        // What a report has no room for is the least grave.
        settings.sort_by_key(|one| {
            let is_trust = one.area == Area::TrustRoot;
            (!one.effect.needs_review(), !is_trust, Reverse(one.risk))
        });
        let progress = Progress::new(console);
        let found = diff(
            base.as_ref().map(Policed::version),
            head.version(),
            (base_side, head_side),
            limits,
            &|done, of| progress.tell(done, of, "operations"),
        );
        let mut diff = found.map_err(Failure::failed)?;
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
            waivers: compiled.waivers,
            known,
            signatures: presented.signatures,
        })
    }

    /// Returns head's waiver of this id, as it was compared.
    pub(super) fn waiver(&self, id: &str) -> Option<&Waiver> {
        self.waivers.iter().find(|waiver| waiver.id.as_str() == id)
    }

    /// Returns what the change was compared with: a name and a commit.
    pub(super) const fn base_side(&self) -> &Side {
        &self.diff.base
    }

    /// Returns where signatures hold that the base judges; `None` if nobody can say whose policy it is.
    pub(super) fn holds(&self) -> Option<Jurisdiction> {
        let organisation = self.judging.1.as_ref()?;
        Some(Jurisdiction::new(organisation, self.root.as_ref()))
    }

    /// Returns what the base says of gates.
    pub(super) const fn gate(&self) -> policy::Gate {
        self.judging.0
    }

    /// Judges the change today by the base's keys and numbers, as if `signatures` were all there are.
    pub(super) fn judged(&self, signatures: &[Document]) -> Gate<'_> {
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
            today(),
        )
    }
}

/// Returns today's date in UTC, as days of waivers are meant.
pub(super) fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}

/// Opens the base's trust root.
///
/// # Errors
/// [`Failure`] if the root cannot be believed.
fn root(bytes: &[u8]) -> Result<TrustRoot, Failure> {
    TrustRoot::open(bytes, Timestamp::now()).map_err(|error| {
        Failure::untrusted(error)
            .with_help("the base's trust/root.dsse.json is what waivers are judged by")
    })
}

/// Returns a sentence about a base that does not compile any more, with the codes of its errors.
pub(super) fn broken(revision: &str, compiled: &Compiled) -> String {
    let (errors, _) = compiled.diagnostics.counts();
    let codes = compiled.diagnostics.iter().filter_map(|found| {
        let is_error = found.severity() == Severity::Error;
        is_error.then_some(found.code.as_str())
    });
    let codes: BTreeSet<&str> = codes.collect();
    let codes: Vec<&str> = codes.into_iter().collect();
    format!(
        "the base, revision `{revision}`, has {} of its own ({}), so nothing can be compared with it",
        count(errors, "error"),
        codes.join(", ")
    )
}
