//! Whether the decision tables would notice: the policy with one thing changed, judged by the same tables.
//!
//! A mutant is made on the checked policy, becomes a bundle like any other and is decided by the same `decide`. It is
//! noticed when some attempt of the tables comes out otherwise than before. For one that is not, an attempt is looked
//! for that tells the two policies apart, and handed out as a case to paste; where none is found, the change is taken
//! for one that means nothing, and not counted. Only the operations that a change reaches are compiled and tried.

mod cut;
mod edit;
mod make;
mod paste;
mod place;
mod search;

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};

use cut::{ReachedOperations, cut, cut_suites};
use make::Candidate;
use stopgate_author::policy::Policy;
use stopgate_author::source::SourceMap;
use stopgate_author::testing::TestSuite;
use stopgate_decide::bundle::Bundle;

use crate::build::{BuildError, rehearse};
use crate::test::{Mismatch, Runner};
pub use make::Mutant;
pub use paste::MissingCase;
use search::Sides;

/// What came of all mutants.
#[derive(Debug, Clone, Default)]
pub struct MutantReport {
    /// How many changed the result of some case.
    pub noticed: usize,
    /// Those that changed none although an attempt tells them apart, in the order of the files.
    pub unnoticed: Vec<Survivor>,
    /// Those that no attempt was found to tell apart, in the order of the files.
    pub equivalent: Vec<Mutant>,
}

impl MutantReport {
    /// Returns the percentage of the mutants that mean something which were noticed, rounded down; 100 when there are
    /// none.
    #[must_use]
    pub fn score(&self) -> u8 {
        let all = self.noticed.saturating_add(self.unnoticed.len());
        let percent = self.noticed.saturating_mul(100).checked_div(all);
        percent.map_or(100, |percent| u8::try_from(percent).unwrap_or(100))
    }
}

/// A mutant that no case noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survivor {
    /// The change.
    pub mutant: Mutant,
    /// The case that would notice.
    pub case: MissingCase,
}

/// What is told about a run that takes long: mutants judged so far, and how many there are.
pub type ProgressFn<'a> = dyn Fn(usize, usize) + Sync + 'a;

/// Judges `suites`, which pass, by every mutant of `policy`; `sources` says where things stand.
///
/// # Errors
/// [`BuildError`] when a policy does not become a bundle.
pub fn mutants(
    policy: &Policy,
    suites: &[TestSuite],
    sources: &SourceMap,
    progress: &ProgressFn<'_>,
) -> Result<MutantReport, BuildError> {
    let groups = make::groups(policy, sources);
    let all = groups.iter().map(|(_, group)| group.len()).sum();
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        let mut verdicts = Vec::new();
        while let Some((reach, group)) = groups.get(next.fetch_add(1, Ordering::Relaxed)) {
            let judge = MutantJudge::new(policy, suites, reach)?;
            for candidate in group {
                verdicts.push((candidate.mutant.clone(), judge.verdict(candidate)?));
                progress(done.fetch_add(1, Ordering::Relaxed).saturating_add(1), all);
            }
        }
        Ok::<_, BuildError>(verdicts)
    };
    let workers = std::thread::available_parallelism().map_or(1, NonZero::get);
    let verdicts = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .map(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect::<Result<Vec<_>, _>>()
    })?;
    Ok(report(verdicts.into_iter().flatten()))
}

fn report(verdicts: impl Iterator<Item = (Mutant, MutantVerdict)>) -> MutantReport {
    let mut report = MutantReport::default();
    for (mutant, verdict) in verdicts {
        match verdict {
            MutantVerdict::Noticed => report.noticed = report.noticed.saturating_add(1),
            MutantVerdict::Unnoticed(case) => report.unnoticed.push(Survivor { mutant, case }),
            MutantVerdict::Equivalent => report.equivalent.push(mutant),
        }
    }
    report
        .unnoticed
        .sort_by(|one, other| one.mutant.cmp(&other.mutant));
    report.equivalent.sort();
    name_apart(&mut report.unnoticed);
    report
}

/// Numbers the names of cases that have one name and are not the same case.
fn name_apart(survivors: &mut [Survivor]) {
    let mut taken: BTreeMap<(String, String), String> = BTreeMap::new();
    for Survivor { case, .. } in survivors {
        let name = case.name.clone();
        let mut number = 1_u32;
        loop {
            let key = (case.file.clone(), case.name.clone());
            match taken.get(&key) {
                Some(body) if *body != case.body => {
                    number = number.saturating_add(1);
                    case.name = format!("{name} {number}");
                }
                Some(_) => break,
                None => {
                    taken.insert(key, case.body.clone());
                    break;
                }
            }
        }
    }
}

enum MutantVerdict {
    Noticed,
    Unnoticed(MissingCase),
    Equivalent,
}

/// The policy as it is, cut down to what a group of mutants reaches, and how its cases come out.
struct MutantJudge {
    policy: Policy,
    bundle: Bundle,
    suites: Vec<TestSuite>,
    results: Vec<Option<Mismatch>>,
}

impl MutantJudge {
    fn new(
        policy: &Policy,
        suites: &[TestSuite],
        reach: &ReachedOperations,
    ) -> Result<Self, BuildError> {
        let policy = cut(policy, reach);
        let bundle = rehearse(&policy)?;
        let suites = cut_suites(suites, reach);
        let results = suites
            .iter()
            .flat_map(|suite| results(&policy, &bundle, suite).collect::<Vec<_>>())
            .collect();
        Ok(Self {
            policy,
            bundle,
            suites,
            results,
        })
    }

    /// Returns what the cases make of a mutant: noticed, or unnoticed with a case that would notice it, or equivalent
    /// if neither a case nor the search tells it from the policy.
    fn verdict(&self, candidate: &Candidate) -> Result<MutantVerdict, BuildError> {
        let mutant = candidate.edit.apply(&self.policy);
        if candidate.edit.is_idle(&self.policy, &mutant) {
            return Ok(MutantVerdict::Equivalent);
        }
        let bundle = rehearse(&mutant)?;
        let now = self
            .suites
            .iter()
            .flat_map(|suite| results(&mutant, &bundle, suite));
        if !now.eq(self.results.iter().cloned()) {
            return Ok(MutantVerdict::Noticed);
        }
        let sides = Sides {
            before: (&self.policy, &self.bundle),
            after: (&mutant, &bundle),
        };
        let found = search::case(sides, &self.suites, &candidate.edit);
        Ok(found.map_or(MutantVerdict::Equivalent, MutantVerdict::Unnoticed))
    }
}

/// Returns how each attempt of `suite` differs from what is expected, in the suite's order; `None` where it does not.
fn results<'a>(
    policy: &'a Policy,
    bundle: &'a Bundle,
    suite: &'a TestSuite,
) -> impl Iterator<Item = Option<Mismatch>> + 'a {
    let runner = Runner {
        policy,
        bundle,
        suite,
    };
    runner.mismatches()
}
