//! What a change means for somebody: a sentence that names the request which shows it.
//!
//! A sentence keeps our words and what came from a policy or a request apart, so that a renderer can mark the second
//! kind and nothing in it can pass for the first. It knows nothing of colours, Markdown or HTML.

use std::collections::BTreeSet;
use std::fmt;

use stopgate_decide::json::Json;
use stopgate_decide::name::ChannelName;
use stopgate_decide::summary::in_major_units;
use stopgate_decide::surface::{Approval, Surface};
use stopgate_decide::visible::visible;

use super::model::{
    Answer, Cell, Channels, Class, Direction, Holder, OperationChange, Part, Request, people,
};

/// Most arguments that a sentence lists.
const ARGUMENTS: usize = 6;
/// Most clauses that are joined into one sentence.
const CLAUSES: usize = 8;
/// Most characters of one quoted text; of an argument, fewer.
const QUOTED: usize = 200;
const ARGUMENT: usize = 60;

/// A sentence, in pieces and without a full stop.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sentence(Vec<Piece>);

/// A part of a [`Sentence`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Ours: letters and punctuation that no renderer has to escape for what they say.
    Words(String),
    /// From a policy or a request: one line, bounded, everything in it visible. To be escaped.
    Quoted(String),
}

impl Sentence {
    /// Returns the sentence's pieces, in order.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.0
    }

    fn words(mut self, words: &str) -> Self {
        if let Some(Piece::Words(before)) = self.0.last_mut() {
            before.push_str(words);
        } else {
            self.0.push(Piece::Words(words.to_owned()));
        }
        self
    }

    fn quoted(mut self, text: impl fmt::Display) -> Self {
        self.0
            .push(Piece::Quoted(visible(&text.to_string(), QUOTED)));
        self
    }

    fn then(self, other: Self) -> Self {
        other
            .0
            .into_iter()
            .fold(self, |sentence, piece| match piece {
                Piece::Words(words) => sentence.words(&words),
                Piece::Quoted(_) => {
                    let mut sentence = sentence;
                    sentence.0.push(piece);
                    sentence
                }
            })
    }

    /// Joins clauses as `a, b and c`. Clauses beyond the first [`CLAUSES`] are counted instead of listed.
    fn all(clauses: Vec<Self>) -> Self {
        let more = clauses.len().saturating_sub(CLAUSES);
        let mut clauses: Vec<Self> = clauses.into_iter().take(CLAUSES).collect();
        if more > 0 {
            clauses.push(said(&format!("{more} more")));
        }
        Self::each(clauses)
    }

    /// Joins clauses as `a, b and c`, all of them however many there are.
    fn each(clauses: Vec<Self>) -> Self {
        let last = clauses.len().saturating_sub(1);
        let joined = |sentence: Self, (at, clause): (usize, Self)| {
            let before = match at {
                0 => "",
                at if at == last => " and ",
                _ => ", ",
            };
            sentence.words(before).then(clause)
        };
        clauses
            .into_iter()
            .enumerate()
            .fold(Self::default(), joined)
    }
}

impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.0 {
            match piece {
                Piece::Words(text) | Piece::Quoted(text) => f.write_str(text)?,
            }
        }
        Ok(())
    }
}

fn said(words: &str) -> Sentence {
    Sentence::default().words(words)
}

/// Returns what `cell` of `change` says: who can or cannot do what any more, and what it was before.
#[must_use]
pub fn sentence(change: &OperationChange, cell: &Cell) -> Sentence {
    at_cell(holder(&cell.holder), change, cell)
}

/// Returns one sentence for `cells` of `change` that differ in nothing but the holder; see [`sentence`] for one.
#[must_use]
pub fn sentence_of_all(change: &OperationChange, cells: &[&Cell]) -> Sentence {
    match cells {
        [] => Sentence::default(),
        [cell] => sentence(change, cell),
        [cell, ..] => {
            let holders = cells.iter().map(|cell| holder(&cell.holder));
            let each = said("each of ").then(Sentence::each(holders.collect()));
            at_cell(each, change, cell)
        }
    }
}

fn at_cell(who: Sentence, change: &OperationChange, cell: &Cell) -> Sentence {
    let call = Sentence::default()
        .quoted(format_args!("{}/{}", change.tool, change.operation))
        .then(request(change, &cell.request));
    match cell.class {
        Class::Same => {
            return said("for ")
                .then(who)
                .words(", ")
                .then(call)
                .words(" is answered as before");
        }
        Class::Retyped => {
            return said("nothing could be proved about ")
                .then(call)
                .words(" for ")
                .then(who);
        }
        Class::Undecided => {
            return said("it is not known what changes for ")
                .then(who)
                .words(" at ")
                .then(call);
        }
        Class::Stricter | Class::Added | Class::Removed | Class::Looser | Class::Both => {}
    }
    match (&cell.before, &cell.after) {
        (Answer::Rejected { reason, message }, Answer::Passes(after)) => {
            let can = if cell.class == Class::Added {
                " can call the new operation "
            } else {
                " can now call "
            };
            let now = who.words(can).then(call).words(" with ").then(needs(after));
            let now = now.words(" at risk ").words(after.risk.as_str());
            let now = now.then(in_channels(&cell.channels));
            if cell.class == Class::Added {
                return now;
            }
            now.words("; before it was rejected")
                .then(because(reason.as_str(), message))
        }
        (Answer::Passes(before), Answer::Rejected { reason, message }) => {
            let now = who.words(" can no longer call ").then(call);
            let now = if cell.class == Class::Removed {
                now.words(", which is gone")
            } else {
                now.then(because(reason.as_str(), message))
            };
            now.words("; before it passed with ").then(needs(before))
        }
        (Answer::Passes(before), Answer::Passes(after)) => moved(cell, who, call, before, after),
        (Answer::Rejected { .. }, Answer::Rejected { reason, message }) => {
            let still = said("for ").then(who).words(", ").then(call);
            still
                .words(" is rejected on both sides")
                .then(because(reason.as_str(), message))
        }
    }
}

/// Returns a holder's words: `support-analyst`, `somebody who is support-analyst and finance`, `members of sg-support`.
#[must_use]
pub fn holder(holder: &Holder) -> Sentence {
    // A name that could be read as several is put in quotes.
    let name = |name: String| {
        let is_one_word = !name.contains([' ', ',', '"']);
        let name = if is_one_word {
            name
        } else {
            format!("{name:?}")
        };
        Sentence::default().quoted(name)
    };
    let names = |names: Vec<String>| Sentence::each(names.into_iter().map(name).collect());
    match holder {
        Holder::Profiles(profiles) => {
            let all = names(profiles.iter().map(ToString::to_string).collect());
            match profiles.len() {
                0 => said("somebody without a profile"),
                1 => all,
                _ => said("somebody who is ").then(all),
            }
        }
        Holder::Groups(groups) if groups.is_empty() => said("somebody without a group"),
        Holder::Groups(groups) => said("members of ").then(names(groups.iter().cloned().collect())),
    }
}

/// Returns whether sentences leave out something of `input`, so that it has to be shown whole beside them.
#[must_use]
pub fn leaves_out(input: &Json) -> bool {
    let Some(members) = input.as_object() else {
        return true;
    };
    members.len() > ARGUMENTS
        || members.iter().any(|(name, value)| {
            name.chars().nth(ARGUMENT).is_some()
                || value.canonical().chars().nth(ARGUMENT).is_some()
        })
}

/// Returns the request's arguments, amounts in major units, agent and instant, such as
/// ` with amount_cents = 50001 (500.01 EUR), currency = "EUR",`. A comma ends a list.
fn request(change: &OperationChange, request: &Request) -> Sentence {
    let mut sentence = Sentence::default();
    let members = request.input.as_object().unwrap_or_default();
    let mut listed = 0_usize;
    for (name, value) in members.iter().take(ARGUMENTS) {
        sentence = sentence.words(if listed == 0 { " with " } else { ", " });
        sentence = sentence.quoted(format_args!(
            "{} = {}",
            visible(name, ARGUMENT),
            visible(&value.canonical(), ARGUMENT)
        ));
        let currency = change
            .money
            .get(name)
            .and_then(|name| request.input.get(name)?.as_str());
        if let (Some(units), Some(currency)) = (value.as_integer(), currency) {
            let amount = in_major_units(units, currency);
            sentence = sentence
                .words(" (")
                .quoted(format_args!("{amount} {}", visible(currency, 8)))
                .words(")");
        }
        listed = listed.saturating_add(1);
    }
    let more = members.len().saturating_sub(listed);
    if more > 0 {
        sentence = sentence.words(&format!(" and {more} more"));
    }
    if let Some(agent) = &request.agent {
        sentence = sentence.words(" through the agent ").quoted(agent);
    }
    if let Some(now) = request.now {
        let hours = if request.business { "in" } else { "outside" };
        sentence = sentence.words(&format!(" at {now}, {hours} business hours"));
    }
    if listed > 1 || request.now.is_some() {
        sentence = sentence.words(",");
    }
    sentence
}

/// Returns a reason in brackets, such as ` (forbidden: treasury pays these by hand)`.
fn because(reason: &str, message: &str) -> Sentence {
    said(" (")
        .words(reason)
        .words(": ")
        .quoted(message)
        .words(")")
}

/// Returns what has to be collected before a request passes, such as `a supervisor and the user's confirmation`.
fn needs(surface: &Surface) -> Sentence {
    let mut needs = Vec::new();
    if surface.approval > Approval::Automatic {
        needs.push(said(people(surface.approval)));
    }
    needs.extend(
        surface
            .user_confirmation
            .then(|| said("the user's confirmation")),
    );
    needs.extend(surface.dry_run.then(|| said("a dry run")));
    if needs.is_empty() {
        needs.push(said(people(Approval::Automatic)));
    }
    Sentence::all(needs)
}

/// Returns the sentence for a request that passes on both sides with another surface.
fn moved(
    cell: &Cell,
    who: Sentence,
    call: Sentence,
    before: &Surface,
    after: &Surface,
) -> Sentence {
    let parts = |wanted| {
        let mut parts: Vec<&Part> = cell
            .parts
            .iter()
            .filter(|(_, way)| *way == wanted)
            .map(|(part, _)| part)
            .collect();
        parts.sort_by_key(|part| **part == Part::Risk);
        parts
    };
    let (looser, stricter) = (parts(Direction::Looser), parts(Direction::Stricter));
    if looser.is_empty() {
        let now = said("for ").then(who).words(", ").then(call).words(" now ");
        let now = now.then(asks_for(&stricter, before, after));
        return now.then(moved_in_channels(&cell.channels));
    }
    let (now, was) = asks_less(&looser, before, after);
    let mut sentence = who
        .words(" can now call ")
        .then(call)
        .words(" ")
        .then(now)
        .words("; before ")
        .then(was);
    if let Some(still) = asks_still(before, after) {
        sentence = sentence.words("; it still needs ").then(still);
    }
    if !stricter.is_empty() {
        sentence = sentence
            .words("; but it now ")
            .then(asks_for(&stricter, before, after));
    }
    let label_alone = cell.parts.iter().all(|(part, _)| *part == Part::Risk);
    if label_alone && cell.channels.before == cell.channels.after {
        return sentence.words("; no channel lets more through because of that");
    }
    sentence.then(moved_in_channels(&cell.channels))
}

/// Returns where a request that was rejected everywhere passes now, such as ` in dev only`. The result is empty where
/// every channel lets the request through.
fn in_channels(Channels { after, shut, .. }: &Channels) -> Sentence {
    match (after.is_empty(), shut.is_empty()) {
        (_, true) => Sentence::default(),
        (true, false) => said(", which is above the ceiling of every channel"),
        (false, false) => said(" in ").then(named(after)).words(" only"),
    }
}

/// Returns how the ceilings treat a request that passes on both sides, such as
/// `; in prod the ceiling rejected it, and does not any more`.
fn moved_in_channels(channels: &Channels) -> Sentence {
    let Channels {
        before,
        were_shut,
        after,
        shut,
    } = channels;
    if before.is_empty() && after.is_empty() && !shut.is_empty() {
        return said("; it is above the ceiling of every channel");
    }
    // A channel that is new opened for everything.
    let opened: BTreeSet<ChannelName> = after.intersection(were_shut).cloned().collect();
    let closed: BTreeSet<ChannelName> = before.intersection(shut).cloned().collect();
    let mut sentence = Sentence::default();
    if !opened.is_empty() {
        let opens = said("; in ").then(named(&opened));
        sentence = opens.words(" the ceiling rejected it before and no longer does");
    }
    if !closed.is_empty() {
        let closes = sentence.words("; in ").then(named(&closed));
        sentence = closes.words(" the ceiling rejects it now");
    }
    sentence
}

fn named(channels: &BTreeSet<ChannelName>) -> Sentence {
    let names = channels.iter().map(|name| Sentence::default().quoted(name));
    Sentence::all(names.collect())
}

/// Returns what has to be collected both before and after, or `None` if that is nothing.
fn asks_still(before: &Surface, after: &Surface) -> Option<Sentence> {
    let both = Surface {
        approval: if before.approval == after.approval {
            after.approval
        } else {
            Approval::Automatic
        },
        user_confirmation: before.user_confirmation && after.user_confirmation,
        dry_run: before.dry_run && after.dry_run,
        ..Surface::BOTTOM
    };
    (both != Surface::BOTTOM).then(|| needs(&both))
}

/// Returns what a request needs now and what it needed before, such as `with a supervisor` and `it needed a committee`,
/// for parts that got looser.
fn asks_less(parts: &[&Part], before: &Surface, after: &Surface) -> (Sentence, Sentence) {
    let (mut now, mut needed, mut was) = (Vec::new(), Vec::new(), Vec::new());
    let mut risk = Sentence::default();
    for part in parts {
        match part {
            // Both sides pass.
            Part::Passing => {}
            Part::Approval => {
                now.push(said("with ").words(people(after.approval)));
                needed.push(said(people(before.approval)));
            }
            Part::UserConfirmation => {
                now.push(said("without the user's confirmation"));
                needed.push(said("the user's confirmation"));
            }
            Part::DryRun => {
                now.push(said("without a dry run"));
                needed.push(said("a dry run"));
            }
            Part::Risk => {
                risk = said("at risk ").words(after.risk.as_str());
                was.push(said("its risk was ").words(before.risk.as_str()));
            }
            Part::Mask(pointer) => {
                now.push(said("with ").quoted(pointer).words(" shown"));
                was.push(Sentence::default().quoted(pointer).words(" was hidden"));
            }
            Part::MaxRows(pointer) => {
                let rows = |surface: &Surface| surface.max_rows.get(pointer).copied();
                let most = rows(after).map_or_else(
                    || "every row".to_owned(),
                    |rows| format!("up to {rows} rows"),
                );
                now.push(said("with ").words(&most).words(" of ").quoted(pointer));
                let least = rows(before)
                    .map_or_else(|| "every row".to_owned(), |rows| format!("at most {rows}"));
                was.push(said(&least).words(" of ").quoted(pointer));
            }
        }
    }
    if !needed.is_empty() {
        was.insert(0, said("it needed ").then(Sentence::all(needed)));
    }
    let now = match (now.is_empty(), risk == Sentence::default()) {
        (true, _) => risk,
        (false, true) => Sentence::all(now),
        (false, false) => Sentence::all(now).words(", ").then(risk),
    };
    (now, Sentence::all(was))
}

/// Returns what stricter parts need now: `needs a committee instead of a supervisor and hides /iban`.
fn asks_for(parts: &[&Part], before: &Surface, after: &Surface) -> Sentence {
    let (mut needs, mut does) = (Vec::new(), Vec::new());
    for part in parts {
        match part {
            Part::Passing => {}
            Part::Approval => {
                let instead = said(people(after.approval)).words(" instead of ");
                needs.push(instead.words(people(before.approval)));
            }
            Part::UserConfirmation => needs.push(said("the user's confirmation")),
            Part::DryRun => needs.push(said("a dry run")),
            Part::Risk => {
                let risk = said("has risk ").words(after.risk.as_str());
                does.push(risk.words(" instead of ").words(before.risk.as_str()));
            }
            Part::Mask(pointer) => does.push(said("hides ").quoted(pointer)),
            Part::MaxRows(pointer) => {
                let rows = after.max_rows.get(pointer).copied().unwrap_or(0);
                let fewer = said(&format!("shows at most {rows} rows of ")).quoted(pointer);
                does.push(match before.max_rows.get(pointer) {
                    Some(rows) => fewer.words(&format!(" instead of {rows}")),
                    None => fewer,
                });
            }
        }
    }
    if !needs.is_empty() {
        does.insert(0, said("needs ").then(Sentence::all(needs)));
    }
    Sentence::all(does)
}
