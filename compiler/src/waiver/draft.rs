//! The waiver that a change still lacks, written out: nobody copies digests by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use jiff::Span;
use jiff::civil::Date;
use stopgate_author::waiver::{self, CellCover, Cover, SettingCover, SliceDigest};
use stopgate_decide::name::WaiverId;
use stopgate_decide::visible::visible;

use crate::diff::Holder;
use crate::words::{agree, count, list as listed, path, word};
use crate::yaml::{list, rules as rules_of, scalar};

use super::{Judges, Loosened, Loosening, Shortfall, Verdict, WaiverReport};

/// Days that a drafted waiver holds, unless the gate lets it hold fewer.
const DAYS: u16 = 14;

/// What reviewers have to sign before a change may pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToSign {
    /// Whether signatures can hold at all: whose policy the base is can be said.
    pub is_bound: bool,
    /// As many reviewers as the gravest of it takes.
    pub needed: usize,
    /// Who holds the keys of reviewers in the base's trust root.
    pub reviewers: Vec<String>,
    /// Those of them whose signature is still missing somewhere.
    pub left: Vec<String>,
    /// Waivers that lack nothing but signatures, each with how many it has and how many it takes.
    pub short: BTreeMap<WaiverId, (usize, usize)>,
    /// What no waiver names as it is; empty if waivers only lack signatures.
    pub covers: Vec<Cover>,
    /// Loosenings that no waiver can name: for nobody in particular, or by no rule.
    pub beyond: usize,
    /// The id of the draft, which no waiver has.
    pub id: String,
    /// The first day on which the draft covers nothing.
    pub expires: Date,
}

impl ToSign {
    /// Returns what is left to sign of `judged` loosenings, or `None` if that is nothing. A draft gets an id that none
    /// of `waivers` has.
    #[must_use]
    pub fn new(
        judges: &Judges<'_>,
        judged: &[(Loosening, Verdict)],
        waivers: &[WaiverReport],
        today: Date,
    ) -> Option<Self> {
        let (mut most, mut covers, mut beyond) = (None, Vec::new(), 0_usize);
        let mut all_short: BTreeMap<WaiverId, (usize, usize)> = BTreeMap::new();
        for (loosening, verdict) in judged {
            let Verdict::Open { needed, short } = verdict else {
                continue;
            };
            most = most.max(Some(*needed));
            let signatures = short.iter().filter_map(|(id, why)| match why {
                Shortfall::Signatures { found, needed } => Some((id, (*found, *needed))),
                Shortfall::Expired(_)
                | Shortfall::TooLong { .. }
                | Shortfall::Unbound
                | Shortfall::Spent
                | Shortfall::Merged { .. }
                | Shortfall::Older
                | Shortfall::OtherContent { .. }
                | Shortfall::OtherRules { .. }
                | Shortfall::Spoilt => None,
            });
            let mut is_named = short.iter().any(|(_, why)| *why == Shortfall::Spoilt);
            for (id, (found, needed)) in signatures {
                is_named = true;
                let known = all_short.entry(id.clone()).or_insert((found, needed));
                known.1 = known.1.max(needed);
            }
            if is_named {
                continue;
            }
            match cover(&loosening.what) {
                Some(cover) => add(&mut covers, cover),
                None => beyond = beyond.saturating_add(1),
            }
        }
        let reviewers = judges.reviewers();
        let taken: BTreeSet<&str> = waivers.iter().map(|waiver| waiver.id.as_str()).collect();
        let only_short = covers.is_empty() && beyond == 0;
        let open: Vec<&WaiverReport> = waivers
            .iter()
            .filter(|waiver| only_short && all_short.contains_key(&waiver.id))
            .collect();
        // Whoever signed all that lacks signatures can do no more for it.
        let can = |id: &String| {
            open.is_empty()
                || open
                    .iter()
                    .any(|waiver| !waiver.signers.reviewers.contains(id))
        };
        let left = reviewers.iter().filter(|(id, _)| can(id));
        let left = by_name(left.map(|(_, owner)| owner.clone()));
        let days = Span::new().try_days(DAYS.min(judges.gate.waiver_days));
        let expires = days.and_then(|days| today.checked_add(days));
        let numbered = (2..).map(|number: u32| format!("{today}-{number}"));
        let mut ids = std::iter::once(today.to_string()).chain(numbered);
        Some(Self {
            is_bound: judges.holds.is_some(),
            needed: most?,
            left,
            reviewers: by_name(reviewers.into_values()),
            short: all_short,
            covers,
            beyond,
            id: ids.find(|id| !taken.contains(id.as_str()))?,
            // Where the calendar ends the draft says a day that the gate refuses.
            expires: expires.unwrap_or(today),
        })
    }

    /// Returns where the draft belongs, relative to the repository.
    #[must_use]
    pub fn file(&self) -> String {
        format!("{}/{}.yaml", super::FOLDER, self.id)
    }

    /// Returns how many signatures are missing, and whether there are some already.
    fn missing(&self) -> (usize, bool) {
        let left = self.short.values();
        let left = left.map(|(found, needed)| needed.saturating_sub(*found));
        let left = left
            .max()
            .filter(|_| self.covers.is_empty() && self.beyond == 0);
        left.map_or((self.needed, false), |left| (left, left < self.needed))
    }

    /// Returns how many have to sign, in words, such as `2 reviewers have to sign` or `1 more reviewer has to sign`.
    #[must_use]
    pub fn have_to_sign(&self) -> String {
        let (number, has_some) = self.missing();
        let noun = if has_some {
            "more reviewer"
        } else {
            "reviewer"
        };
        // Where nobody can, nobody is told to.
        let have = match self.is_bound && !self.reviewers.is_empty() {
            true => agree(&number, "has", "have"),
            false => "would have",
        };
        format!("{} {have} to sign", count(number, noun))
    }

    /// Returns who can sign, in words.
    #[must_use]
    pub fn who(&self) -> String {
        if !self.is_bound {
            "nobody can: the base's stopgate.yaml cannot be read, so no signature is bound to its organisation"
                .to_owned()
        } else if self.reviewers.is_empty() {
            "nobody can: the base has no trust root that names reviewers".to_owned()
        } else if self.left.len() < self.missing().0 {
            let people = listed(&self.reviewers);
            format!("more than there are: the base's trust root names {people}")
        } else {
            format!("of {}", listed(&self.left))
        }
    }

    /// Returns what to do, one step a line. `base` is what the change was compared with and `folder` the repository, both
    /// as the reader names them.
    #[must_use]
    pub fn steps(&self, base: &str, folder: &Path) -> Vec<String> {
        let base = word(base);
        let sign = |file: &str| format!("`stopgate sign {file} --waiver --base {base} --key KEY`");
        let mut steps = Vec::new();
        if !self.is_bound {
            let mend = "mend stopgate.yaml first, by a change that people merge by hand: no waiver counts before";
            steps.push(mend.to_owned());
            return steps;
        }
        if self.beyond > 0 {
            steps.push(format!(
                "{} of these changes cannot be covered by a waiver",
                self.beyond
            ));
        }
        if self.reviewers.is_empty() {
            steps.push(
                "bring one in first, by a change that people merge by hand: no waiver counts before"
                    .to_owned(),
            );
            return steps;
        }
        for (id, (found, needed)) in &self.short {
            let file = path(folder, &format!("{}/{id}.yaml", super::FOLDER));
            let sign = sign(&file);
            steps.push(format!(
                "{file} has {found} of {needed} signatures: {sign}, and commit the signature"
            ));
        }
        if !self.covers.is_empty() {
            let file = path(folder, &self.file());
            let sign = sign(&file);
            steps.push(format!(
                "save the waiver below as {file}, give it a reason, commit it, {sign}, and commit the signature"
            ));
        }
        steps
    }

    /// Returns the draft as YAML, or `None` if it would be worth nothing. Its reason is still to be written: an empty
    /// one is refused.
    #[must_use]
    pub fn draft(&self) -> Option<String> {
        if self.covers.is_empty() || self.reviewers.is_empty() {
            return None;
        }
        let mut text = format!(
            "stopgate: 1\nwaiver: \"{}\"\nreason: \"\"  # why this may pass; it is signed too\nexpires: {}\ncovers:\n",
            self.id, self.expires
        );
        for cover in &self.covers {
            // Writing to a string cannot fail.
            let _always_fits = match cover {
                Cover::Cell(cell) => write_cell(&mut text, cell),
                Cover::Setting(setting) => write_setting(&mut text, setting),
            };
        }
        Some(text)
    }
}

/// Returns the people, in the order of their names.
fn by_name(people: impl Iterator<Item = String>) -> Vec<String> {
    let mut people: Vec<String> = people.collect();
    people.sort();
    people
}

/// Adds `cover`, to one of the same people if there is one: a waiver names nothing twice.
fn add(covers: &mut Vec<Cover>, cover: Cover) {
    let Cover::Cell(cell) = cover else {
        return covers.push(cover);
    };
    for other in covers.iter_mut() {
        if let Cover::Cell(other) = other
            && (&other.tool, &other.operation, &other.holder)
                == (&cell.tool, &cell.operation, &cell.holder)
        {
            other.rules.extend(cell.rules);
            return;
        }
    }
    covers.push(Cover::Cell(cell));
}

/// Returns the cover of `what`, or `None` if a document cannot say it.
fn cover(what: &Loosened) -> Option<Cover> {
    let can_be_written = |text: &String| visible(text, usize::MAX) == *text;
    match what {
        Loosened::Cell {
            tool,
            operation,
            holder,
            rules,
            slice,
        } => {
            let holder = match holder {
                Holder::Profiles(profiles) => waiver::Holder::Profiles(profiles.clone()),
                Holder::Groups(groups) if groups.iter().all(can_be_written) => {
                    waiver::Holder::Groups(groups.clone())
                }
                Holder::Groups(_) => return None,
            };
            let is_somebody = match &holder {
                waiver::Holder::Profiles(profiles) => !profiles.is_empty(),
                waiver::Holder::Groups(groups) => !groups.is_empty(),
            };
            let cell = CellCover {
                tool: tool.clone(),
                operation: operation.clone(),
                holder,
                rules: rules.clone(),
                slice: SliceDigest::V3(*slice),
            };
            (is_somebody && !rules.is_empty()).then_some(Cover::Cell(cell))
        }
        Loosened::Setting { file, path, change } => {
            let setting = SettingCover {
                file: file.clone(),
                path: path.clone(),
                change: *change,
            };
            [file, path]
                .into_iter()
                .all(can_be_written)
                .then_some(Cover::Setting(setting))
        }
    }
}

/// Returns `text` as YAML on one line, whatever is in it.
fn plain(text: &str) -> String {
    scalar(&visible(text, usize::MAX))
}

fn write_cell(text: &mut String, cell: &CellCover) -> std::fmt::Result {
    let CellCover {
        tool,
        operation,
        holder,
        rules,
        slice,
    } = cell;
    let (key, names): (_, BTreeSet<&str>) = match holder {
        waiver::Holder::Profiles(names) => {
            ("profiles", names.iter().map(|name| name.as_str()).collect())
        }
        waiver::Holder::Groups(names) => ("groups", names.iter().map(String::as_str).collect()),
    };
    let names = list(names.into_iter().map(plain));
    let rules = rules_of(tool, rules);
    writeln!(text, "  - tool: {}", scalar(tool.as_str()))?;
    writeln!(text, "    operation: {}", scalar(operation.as_str()))?;
    writeln!(text, "    {key}: {names}")?;
    writeln!(text, "    rules: {rules}")?;
    writeln!(text, "    slice: {slice}")
}

fn write_setting(text: &mut String, setting: &SettingCover) -> std::fmt::Result {
    let SettingCover { file, path, change } = setting;
    writeln!(text, "  - file: {}", plain(file))?;
    if !path.is_empty() {
        writeln!(text, "    path: {}", plain(path))?;
    }
    writeln!(text, "    change: {change}")
}

#[cfg(test)]
mod tests;
