//! The search for everything that is looser, or stricter, in one operation: level by level, each counterexample shown by
//! both bundles, until the solver proves that nobody is left.

use std::collections::BTreeSet;

use stopgate_author::cedar::proof::{self, Atom, Holding};
use stopgate_decide::name::ProfileName;
use stopgate_decide::surface::Risk;

use crate::proof::slice::{Form, Level, Slice};
use crate::proof::solver::{AtomEffect, Policies, ProofVerdict};
use crate::proof::stage::{AGENT, Trial};
use crate::proof::{Ask, parts_between};

use super::super::cause::Cause;
use super::super::model::{Answer, Bug, Cell, Channels, Class, Direction, Holder, Request};
use super::super::shrink::{fewest, shrink};
use super::examination::Examination;

/// Most questions in a row about one level. Each of them but the last finds somebody, who is left out of the next. At
/// the bound the level is undecided, never settled: the bound costs an answer and never hides a loosening.
const MOST_CELLS: usize = 64;

/// Sets of holders in a row that show nothing before the search stops trying more of them without the solver. A set
/// that is not tried is not lost: the solver is asked for whoever is left. Each try decides requests at
/// every number beside a constant under both bundles, so many misses would cost more than that question.
const MOST_MISSES: usize = 8;
/// Most cells that a search holds before it stops looking for more without the solver. Cells found that way cost no
/// question, so there may be more of them than [`MOST_CELLS`]; again the solver is asked for whoever is left.
const MOST_LIKE: usize = 256;

/// The search for everything that is looser, or stricter, in one operation.
pub(super) struct Search<'e, 'a> {
    examination: &'e Examination<'a>,
    direction: Direction,
    pub(super) cells: Vec<Cell>,
    pub(super) undecided: BTreeSet<String>,
    /// What is not known and takes no signature.
    pub(super) notes: BTreeSet<String>,
    pub(super) bugs: Vec<Bug>,
    pub(super) equal: usize,
    /// Questions of this direction that are proved, by the bodies of their sides.
    proved: BTreeSet<(Bodies, Bodies)>,
}

/// The bodies of one side of a question.
type Bodies = BTreeSet<(AtomEffect, String)>;

impl<'e, 'a> Search<'e, 'a> {
    /// Makes a search that has found nothing yet.
    pub(super) const fn new(examination: &'e Examination<'a>, direction: Direction) -> Self {
        Self {
            examination,
            direction,
            cells: Vec::new(),
            undecided: BTreeSet::new(),
            notes: BTreeSet::new(),
            bugs: Vec::new(),
            equal: 0,
            proved: BTreeSet::new(),
        }
    }

    /// Searches all of `levels`, and returns the search with what it found.
    pub(super) fn levels(mut self, levels: &BTreeSet<Level>, ask: &mut Ask<'_, '_>) -> Self {
        // What is looser is allowed by head and not by the base; what is stricter, the other way round. Each question
        // is whether everything that the left side allows is allowed by the right side too.
        let examination = self.examination;
        let (left, right) = match self.direction {
            Direction::Looser => (&examination.after, &examination.before),
            Direction::Stricter => (&examination.before, &examination.after),
        };
        // An operation that a side does not have is rejected there, whatever its types say.
        let nothing = Slice::nothing();
        let (left, right) = match (self.direction, examination.base) {
            (Direction::Stricter, None) => (&nothing, right),
            (Direction::Looser, None) => (left, &nothing),
            (Direction::Looser | Direction::Stricter, Some(_)) => (left, right),
        };
        // Passing at all is the first of the levels. If it differs, the others are asked among what passes on both
        // sides.
        let (left_passing, right_passing) =
            (left.form(&Level::Passing), right.form(&Level::Passing));
        let mut proved = BTreeSet::new();
        let mut differs = false;
        for level in levels {
            // 1. Without the solver: the left form is within the right one as it is written.
            let (form, other) = (left.form(level), right.form(level));
            if form.is_within(&other) {
                self.equal = self.equal.saturating_add(1);
                continue;
            }
            // What holds of one pair of forms holds of the same pair at another level.
            let keys = |form: &Form<'_>| -> Vec<String> {
                let all = form.permits.keys().map(|key| format!("+{key}"));
                all.chain(form.forbids.keys().map(|key| format!("-{key}")))
                    .collect()
            };
            let pair = (keys(&form), keys(&other));
            if proved.contains(&pair) {
                self.equal = self.equal.saturating_add(1);
                continue;
            }
            // 2. With the solver, for whoever is not known yet to differ at this level.
            let among =
                (differs && *level != Level::Passing).then_some((&left_passing, &right_passing));
            // With somebody left out the answer is about one part only.
            let of_everybody = self.blocked(level).is_empty();
            let found = self.level(level, &form, &other, among, ask);
            if !found && of_everybody {
                proved.insert(pair);
            }
            differs |= found && *level == Level::Passing;
        }
        self
    }

    /// Searches for everybody for whom `level` differs, and returns whether there is somebody. `form` is the left side
    /// at this level, `other` the right side; `among` are both sides' forms of passing, if only what passes on both
    /// sides counts.
    fn level(
        &mut self,
        level: &Level,
        form: &Form<'_>,
        other: &Form<'_>,
        among: Option<(&Form<'_>, &Form<'_>)>,
        ask: &mut Ask<'_, '_>,
    ) -> bool {
        let mut found = false;
        // Whoever was found is blocked on the left: the right stays as it is.
        let right = right_of(form, other);
        for _ in 0..MOST_CELLS {
            // 1. Who is left: whoever holds as much as somebody who was found at this level is not asked about again.
            let blocked = self.blocked(level);
            let left = match among {
                None => self.left(form, other, &blocked),
                Some((_, passing)) => self.left_among(form, other, passing, &blocked),
            };
            let verdict = self.ask((&left, &right), ask);
            // 2. Nobody is left: the level is settled.
            if let ProofVerdict::Proved = verdict {
                // Of whoever is left out only one request was looked at, whatever level it was found at.
                if !blocked.is_empty() && self.direction == Direction::Looser {
                    self.graver(level, form, other, among, ask);
                }
                return found;
            }
            // 3. Somebody may be left: what both bundles confirm becomes a cell, anything else is recorded as not known.
            let Some(trial) = self.taken(level, verdict, Risk::Low) else {
                return found;
            };
            found = true;
            // 4. Others who stand in the same row are found by deciding, which is cheaper than asking.
            self.others(level, &trial);
        }
        self.undecided.insert(format!(
            "{}: more than {MOST_CELLS} sets of holders",
            self.what(level)
        ));
        found
    }

    /// Asks whether everything that `left` allows is allowed by `right`. A question that was proved before is not asked
    /// again: where the same people are left out, two levels may lead to the same question.
    fn ask(
        &mut self,
        (left, right): (&Policies, &Policies),
        ask: &mut Ask<'_, '_>,
    ) -> ProofVerdict {
        let question = (left.bodies().clone(), right.bodies().clone());
        if self.proved.contains(&question) {
            return ProofVerdict::Proved;
        }
        let verdict = ask.ask(|prover, subject, end| prover.implies(subject, (left, right), end));
        if let ProofVerdict::Proved = verdict {
            self.proved.insert(question);
        }
        verdict
    }

    /// Takes what the solver says about `level`, and returns the attempt that shows a difference there, at `least` at
    /// this risk. Whatever is neither shown nor proved is recorded as undecided.
    fn taken(&mut self, level: &Level, verdict: ProofVerdict, least: Risk) -> Option<Trial> {
        // 1. Only a counterexample is worth a look.
        let raw = match verdict {
            // That asking stopped is said once of all questions.
            ProofVerdict::Proved | ProofVerdict::Stopped(_) => return None,
            ProofVerdict::Unknown(why) => {
                self.undecided
                    .insert(format!("{}: {why}", self.what(level)));
                return None;
            }
            ProofVerdict::Refuted(raw) => raw,
        };
        // 2. It is rebuilt as attempts; then with facts brought to what rules name, where the sides compute them in two
        // ways and the solver can make up values that no input gives.
        let (maker, known) = (&self.examination.maker, &self.examination.known);
        let shown = self.shown(level, maker.trials(&raw), least);
        let by_facts = || self.shown(level, maker.trials_by_facts(&raw, known), least);
        let shown = shown.or_else(by_facts);
        // 3. What no bundle confirms is told: as a limit of what the solver knows, or as a bug of the gate.
        if let (None, Some(why)) = (&shown, self.examination.maker.redefined()) {
            // The solver knows no more of them than that they are two numbers or texts.
            let why = format!("{}: {why}", self.what(level));
            match self.direction {
                Direction::Looser => self.undecided.insert(why),
                // Nobody signs for what is stricter.
                Direction::Stricter => self.notes.insert(format!("it is not known {why}")),
            };
        } else if shown.is_none() {
            self.undecided.insert(format!(
                "{}: the solver named a request that does not show it under both bundles",
                self.what(level)
            ));
            self.bugs
                .push(Bug::new(self.examination.named, self.what(level), &raw));
        }
        shown
    }

    /// Looks among everybody for a request that is looser in `level` at a higher risk than all that was found: the
    /// highest risk decides how many reviewers sign.
    fn graver(
        &mut self,
        level: &Level,
        form: &Form<'_>,
        other: &Form<'_>,
        among: Option<(&Form<'_>, &Form<'_>)>,
        ask: &mut Ask<'_, '_>,
    ) {
        let examination = self.examination;
        // What is not there at medium is not there at high.
        for least in [Risk::Medium, Risk::High] {
            let known = |cell: &Cell| risk_between(&cell.before, &cell.after) >= Some(least);
            if self.cells.iter().any(known) {
                continue;
            }
            // An attempt of this risk meets a rule that asks for it, on a side where it passes: what the base rejects has no
            // risk there.
            let before = examination.before.rules.iter();
            let before = before.filter(|_| *level != Level::Passing);
            let rules = examination.after.rules.iter().chain(before);
            let grave = rules.filter(|rule| {
                let asks = rule.asks.as_ref();
                asks.is_some_and(|surface| surface.risk >= least)
            });
            let grave: Vec<&Atom> = grave.map(|rule| &rule.body).collect();
            if grave.is_empty() {
                continue;
            }
            let allowed = proof::by_both(form.permits.values().copied(), grave);
            let form = Form {
                permits: std::iter::once((allowed.key(), &allowed)).collect(),
                forbids: form.forbids.clone(),
            };
            let left = match among {
                None => self.left(&form, other, &[]),
                Some((_, passing)) => self.left_among(&form, other, passing, &[]),
            };
            let verdict = self.ask((&left, &right_of(&form, other)), ask);
            if let ProofVerdict::Proved = verdict {
                return;
            }
            self.taken(level, verdict, least);
        }
    }

    fn what(&self, level: &Level) -> String {
        let word = self.direction.word();
        format!("whether it is {word} in {}", level.part())
    }

    /// Returns an atom for each holder for whom `level` is known to differ: whoever holds as much or more is left out.
    fn blocked(&self, level: &Level) -> Vec<Atom> {
        let known = self.cells.iter();
        let known = known.filter(|cell| differ(self.direction, level, &cell.before, &cell.after));
        known
            .map(|cell| proof::holders_of_all(cell.holder.names()))
            .collect()
    }

    fn left(&self, form: &Form<'_>, other: &Form<'_>, blocked: &[Atom]) -> Policies {
        let mut left = Policies::default();
        for atom in form.permits_against(other) {
            left.add(atom, AtomEffect::Permit);
        }
        let own = form.forbids.values().copied();
        for atom in own.chain(&self.examination.domain).chain(blocked) {
            left.add(atom, AtomEffect::Forbid);
        }
        left
    }

    /// Returns the left side of a question at a level, limited to the attempts that also pass on the right side.
    fn left_among(
        &self,
        form: &Form<'_>,
        other: &Form<'_>,
        passing: &Form<'_>,
        blocked: &[Atom],
    ) -> Policies {
        let mut left = Policies::default();
        let both = proof::by_both(
            form.permits_against(other),
            passing.permits.values().copied(),
        );
        left.add(&both, AtomEffect::Permit);
        let own = form
            .forbids
            .values()
            .copied()
            .chain(passing.forbids.values().copied());
        for atom in own.chain(&self.examination.domain).chain(blocked) {
            left.add(atom, AtomEffect::Forbid);
        }
        left
    }

    /// Returns the plainest attempt like one of `trials` that differs at `level` under both bundles, at `least` of this
    /// risk. The attempt is added to the cells. `None` means that the bundles confirm none of them.
    fn shown(&mut self, level: &Level, trials: Vec<Trial>, least: Risk) -> Option<Trial> {
        let (examination, direction) = (self.examination, self.direction);
        let shows = |trial: &Trial| {
            let (before, after) = examination.answers(trial);
            differ(direction, level, &before, &after)
                && risk_between(&before, &after) >= Some(least)
        };
        let trial = shrink(trials.into_iter().find(shows)?, &examination.known, shows);
        self.add(&trial);
        Some(trial)
    }

    /// Looks for other holders for whom a request like `trial` shows the same, without the solver, which is then asked
    /// for what is left. Where rules come in rows, one for each profile, that finds most of what there is. Each set
    /// that is tried holds what somebody found holds, with one name in place of another.
    fn others(&mut self, level: &Level, trial: &Trial) {
        let examination = self.examination;
        let direction = self.direction;
        let shows = |trial: &Trial| {
            let (before, after) = examination.answers(trial);
            differ(direction, level, &before, &after)
        };
        // Whoever is found is a new place to go on from, so a whole row is found from one member.
        let mut tried = BTreeSet::new();
        let mut misses = 0;
        let mut open = vec![trial.clone()];
        while let Some(trial) = open.pop() {
            for held in instead(&trial.held, &examination.subject.known) {
                if misses == MOST_MISSES || self.cells.len() >= MOST_LIKE {
                    return;
                }
                if self.is_known(level, &held) || !tried.insert(held.clone()) {
                    continue;
                }
                match examination.near(&trial, held).into_iter().find(shows) {
                    Some(found) => {
                        let found = fewest(found, shows);
                        self.add(&found);
                        open.push(found);
                        misses = 0;
                    }
                    None => misses += 1,
                }
            }
        }
    }

    /// Returns whether `level` is known to differ for people who hold no more than `held`.
    fn is_known(&self, level: &Level, held: &BTreeSet<String>) -> bool {
        let mut known = self.cells.iter();
        known.any(|cell| {
            differ(self.direction, level, &cell.before, &cell.after)
                && cell.holder.names().all(|name| held.contains(name))
        })
    }

    /// Records what `trial` shows as a cell, decided anew under both bundles.
    fn add(&mut self, trial: &Trial) {
        let examination = self.examination;
        let (before, after) = &examination.context.stages;
        let (tool, operation) = examination.named;
        let at = (tool, operation);
        let ((before, met), (after, meets)) = (before.answer(at, trial), after.answer(at, trial));
        let parts = parts_between(&before, &after);
        let looser = parts
            .iter()
            .any(|(_, direction)| *direction == Direction::Looser);
        let stricter = parts
            .iter()
            .any(|(_, direction)| *direction == Direction::Stricter);
        let names = trial.held.iter();
        let holder = match examination.context.holding {
            Holding::Profiles => Holder::Profiles(
                names
                    .filter_map(|name| ProfileName::new(name).ok())
                    .collect(),
            ),
            Holding::Groups => Holder::Groups(names.cloned().collect()),
        };
        let calendar = &examination.context.head.policy.calendar;
        self.cells.push(Cell {
            holder,
            class: match (looser, stricter) {
                (true, true) => Class::Both,
                (true, false) => Class::Looser,
                (false, _) => Class::Stricter,
            },
            parts,
            channels: Channels::between(
                at,
                (examination.context.base.map(|base| base.policy), &before),
                (examination.context.head.policy, &after),
            ),
            because: Cause::between(
                &met,
                &meets,
                |rule| examination.fate(rule),
                |rule| examination.moved(rule, &trial.held),
            ),
            before,
            after,
            request: Request {
                business: calendar.is_business(trial.now),
                now: (examination.known.now != Some(trial.now)).then_some(trial.now),
                agent: (trial.agent != AGENT).then(|| trial.agent.clone()),
                input: trial.input.clone(),
            },
        });
    }
}

/// Returns whether two answers differ at `level` itself. Of one part several levels may be crossed, each by other
/// requests: that one needs nobody in place of a supervisor says nothing of one that needed a committee.
fn differ(direction: Direction, level: &Level, before: &Answer, after: &Answer) -> bool {
    let (less, more) = match direction {
        Direction::Looser => (after, before),
        Direction::Stricter => (before, after),
    };
    match (less, more) {
        (Answer::Passes(less), Answer::Passes(more)) => level.allows(less) && !level.allows(more),
        (Answer::Passes(_), Answer::Rejected { .. }) => *level == Level::Passing,
        (Answer::Rejected { .. }, _) => false,
    }
}

/// Returns every set that is `held` with one of `known` in place of one that is held.
fn instead<'k>(
    held: &'k BTreeSet<String>,
    known: &'k [String],
) -> impl Iterator<Item = BTreeSet<String>> + 'k {
    let others = known.iter().filter(|one| !held.contains(*one));
    others.flat_map(move |one| {
        held.iter().map(move |left_out| {
            let kept = held.iter().filter(|other| *other != left_out);
            kept.chain([one]).cloned().collect()
        })
    })
}

/// Returns the higher risk of two answers, or `None` if neither passes.
pub(super) fn risk_between(before: &Answer, after: &Answer) -> Option<Risk> {
    let risk = |answer: &Answer| match answer {
        Answer::Passes(surface) => Some(surface.risk),
        Answer::Rejected { .. } => None,
    };
    risk(before).max(risk(after))
}

/// Returns the right side of a question whose left side is `form`. What the left takes away already is not repeated.
/// Where all permits of the left are permits on the right too, the right permits everything but what only it takes
/// away, because nothing else can make a difference.
fn right_of(form: &Form<'_>, other: &Form<'_>) -> Policies {
    let mut side = Policies::default();
    if form.permits_within(other) {
        side.add(&Atom::always(), AtomEffect::Permit);
    } else {
        for atom in other.permits.values() {
            side.add(atom, AtomEffect::Permit);
        }
    }
    for atom in other.forbids_beyond(form) {
        side.add(atom, AtomEffect::Forbid);
    }
    side
}
