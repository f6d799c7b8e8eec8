//! Loosenings as cases of decision tables, to be pasted below `cases:`.
//!
//! Each expects what the base answered, so it holds before the change and fails after it. Pure text: nothing is decided
//! here. What a table cannot tell apart is said in a comment and is no case.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use stopgate_author::policy::Policy;
use stopgate_author::testing::TestSuite;
use stopgate_decide::json::Json;
use stopgate_decide::name::{ChannelName, Location, ProfileName, RuleId, ToolName};
use stopgate_decide::surface::{Evidence, Limit, Surface};

use crate::test::obligations_of;
use crate::words::free_name;
use crate::yaml::{flow, list, obligations, rules, scalar};

use super::cause::Cause;
use super::context::Version;
use super::model::{Answer, Cell, Diff, Holder, OperationChange};

/// Most characters of an argument in the name of a case.
const SHOWN: usize = 24;

/// Returns one test case for each loosened cell of `diff`, as YAML with one list for each tool. The text is empty where
/// nothing is looser.
#[must_use]
pub fn cases(diff: &Diff, base: Version<'_>, head: Version<'_>) -> String {
    let mut loosened: BTreeMap<&ToolName, Vec<(&OperationChange, &Cell)>> = BTreeMap::new();
    for change in &diff.operations {
        let cells = change.cells.iter().filter(|cell| cell.class.needs_review());
        let cells: Vec<_> = cells.map(|cell| (change, cell)).collect();
        if !cells.is_empty() {
            loosened.entry(&change.tool).or_default().extend(cells);
        }
    }
    let mut text = String::new();
    for (tool, cells) in loosened {
        let mut table = Table::new(tool.clone(), base, head);
        table.open(diff, &mut text);
        for (change, cell) in cells {
            table.cell(change, cell, &mut text);
        }
    }
    text
}

/// The decision table of one tool, as far as cases of it depend on it.
struct Table<'a> {
    tool: ToolName,
    base: &'a Policy,
    head: &'a Policy,
    suite: Option<&'a TestSuite>,
    /// Names of cases that there are.
    taken: BTreeSet<String>,
}

impl<'a> Table<'a> {
    fn new(tool: ToolName, base: Version<'a>, head: Version<'a>) -> Self {
        let suites = || base.suites.iter().chain(head.suites);
        let own = suites().filter(|suite| suite.tool == tool);
        let taken = own.flat_map(|suite| &suite.cases);
        Self {
            taken: taken.map(|case| case.name.clone()).collect(),
            suite: suites().find(|suite| suite.tool == tool),
            tool,
            base: base.policy,
            head: head.policy,
        }
    }

    /// Writes a comment that names the file to paste the cases into and the two sides that the cases tell apart.
    fn open(&self, diff: &Diff, text: &mut String) {
        let file = match self.suite {
            Some(suite) => suite.file.to_string(),
            None => format!("tests/{}.yaml", self.tool),
        };
        let gap = if text.is_empty() { "" } else { "\n" };
        let (base, head) = (&diff.base.name, &diff.head.name);
        line(
            text,
            format_args!(
                "{gap}# Paste below `cases:` of {file}. Each holds under {base:?} and fails under {head:?}."
            ),
        );
    }

    /// Writes the case of one cell, or a comment that says why no case can tell it.
    fn cell(&mut self, change: &OperationChange, cell: &Cell, text: &mut String) {
        let who = who(&cell.holder);
        let Some(told) = ToldApart::between(&cell.before, &cell.after) else {
            return line(
                text,
                format_args!(
                    "  # {} by {who}: only its risk differs, which no case can tell",
                    change.operation
                ),
            );
        };
        let (channel, highest) = self.channel();
        if let (Answer::Passes(surface), Some(operation)) = (
            &cell.before,
            self.base.operation(&self.tool, &change.operation),
        ) && surface.class(operation.effect) > highest
        {
            return line(
                text,
                format_args!(
                    "  # {} by {who}: no channel lets it through, so no case can tell",
                    change.operation
                ),
            );
        }
        self.case(told, channel, (change, cell), text);
    }

    /// Writes a case that expects what the base answered, with head's answer in a comment.
    fn case(
        &mut self,
        told: ToldApart,
        channel: Option<&ChannelName>,
        (change, cell): (&OperationChange, &Cell),
        text: &mut String,
    ) {
        let name = self.name(change, cell);
        line(text, format_args!("  - name: {}", scalar(&name)));
        if let Holder::Groups(_) = &cell.holder {
            let who = who(&cell.holder);
            line(
                text,
                format_args!(
                    "    # {who}, and the profiles that these lead to in head; a table knows no groups"
                ),
            );
        }
        let profiles = self.profiles(&cell.holder);
        let profiles = list(profiles.iter().map(|name| scalar(name.as_str())));
        line(text, format_args!("    as: {profiles}"));
        line(
            text,
            format_args!("    do: {}", scalar(change.operation.as_str())),
        );
        for left_out in self.left_out(change, cell) {
            line(
                text,
                format_args!(
                    "    # the sample has {left_out:?} and this request has not: take it out of the sample"
                ),
            );
        }
        line(
            text,
            format_args!("    input: {}", flow(&cell.request.input)),
        );
        if let Some(now) = cell.request.now {
            line(text, format_args!("    now: {now}"));
        }
        if let Some(channel) = channel {
            line(
                text,
                format_args!("    channel: {}", scalar(channel.as_str())),
            );
        }
        if let Some(agent) = &cell.request.agent {
            line(text, format_args!("    agent: {}", scalar(agent)));
        }
        let before = matched(cell, |cause| cause.before.as_ref());
        let after = matched(cell, |cause| cause.after.as_ref());
        line(
            text,
            format_args!(
                "    expect: {}",
                told.expect(&self.tool, &cell.before, &before)
            ),
        );
        line(
            text,
            format_args!(
                "    # under head: {}",
                told.expect(&self.tool, &cell.after, &after)
            ),
        );
    }

    /// Returns the highest ceiling that a channel of the base has for this tool, and a channel that has it. The channel
    /// is `None` if the test suite's own channel has that ceiling already.
    fn channel(&self) -> (Option<&'a ChannelName>, Limit) {
        let ceilings = self.base.channels.iter();
        let ceilings =
            ceilings.map(|(name, ceiling)| (name, ceiling.limit_for(self.tool.as_str())));
        let highest = ceilings.clone().map(|(_, limit)| limit).max();
        let highest = highest.unwrap_or(Limit::ReadOnly);
        let own = self.suite.map(|suite| &suite.channel);
        let reach = ceilings.filter(|(_, limit)| *limit == highest);
        let reach: Vec<&ChannelName> = reach.map(|(name, _)| name).collect();
        let is_enough = own.is_some_and(|own| reach.contains(&own));
        let other = reach.first().copied().filter(|_| !is_enough);
        (other, highest)
    }

    /// Returns the profiles of `holder`; for groups, the profiles that the groups lead to under head.
    fn profiles(&self, holder: &Holder) -> BTreeSet<ProfileName> {
        match holder {
            Holder::Profiles(profiles) => profiles.clone(),
            Holder::Groups(groups) => {
                let profiles = self.head.profiles.iter();
                let led = profiles.filter(|(_, profile)| !profile.groups.is_disjoint(groups));
                led.map(|(name, _)| name.clone()).collect()
            }
        }
    }

    /// Returns the arguments of the sample that the request does not have: a case would add them unless it says
    /// otherwise.
    fn left_out(&self, change: &OperationChange, cell: &Cell) -> Vec<&'a str> {
        let members = self.sample(change).and_then(Json::as_object);
        let members = members.unwrap_or_default().iter();
        let missing = members.filter(|(name, _)| cell.request.input.get(name).is_none());
        missing.map(|(name, _)| name.as_str()).collect()
    }

    fn sample(&self, change: &OperationChange) -> Option<&'a Json> {
        self.suite
            .and_then(|suite| suite.samples.get(&change.operation))
    }

    /// Returns a name for a case that says who asked for what, and that no other case has. The name is added to the
    /// taken ones.
    fn name(&mut self, change: &OperationChange, cell: &Cell) -> String {
        let mut name = format!("{} by {}", change.operation, who(&cell.holder));
        let sample = self.sample(change);
        for (member, value) in cell.request.input.as_object().unwrap_or_default() {
            if sample.and_then(|sample| sample.get(member)) == Some(value) {
                continue;
            }
            let value = value
                .as_str()
                .map_or_else(|| value.canonical(), str::to_owned);
            let value: String = value.chars().take(SHOWN).collect();
            let _always_fits = write!(name, " with {member} {value}");
        }
        if let Some(now) = cell.request.now {
            let _always_fits = write!(name, " at {}", now.strftime("%H.%M"));
        }
        name.push_str(" is no easier");
        let free = free_name(name, |name| self.taken.contains(name));
        self.taken.insert(free.clone());
        free
    }
}

/// What of two answers a case can state so that it tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ToldApart {
    /// Whether it passes, and what has to be collected.
    Outcome,
    /// That and what is hidden or cut.
    Obligations,
}

impl ToldApart {
    fn between(before: &Answer, after: &Answer) -> Option<Self> {
        let (Answer::Passes(before), Answer::Passes(after)) = (before, after) else {
            return Some(Self::Outcome);
        };
        if obligations_of(before) != obligations_of(after) {
            return Some(Self::Obligations);
        }
        let needs = |surface: &Surface| surface.missing(&Evidence::NONE);
        (needs(before) != needs(after)).then_some(Self::Outcome)
    }

    fn expect(self, tool: &ToolName, answer: &Answer, ids: &BTreeSet<RuleId>) -> String {
        let surface = match answer {
            Answer::Rejected { reason, .. } => return format!("{{reject: {reason}}}"),
            Answer::Passes(surface) => surface,
        };
        let needs = surface.missing(&Evidence::NONE);
        let mut members = if needs.is_empty() {
            vec![format!("permit: {}", rules(tool, ids))]
        } else {
            let needs = needs.iter().map(|need| scalar(&need.to_string()));
            vec![format!("route: {}", list(needs))]
        };
        match self {
            Self::Outcome => {}
            Self::Obligations => {
                let obliged = obligations(&obligations_of(surface));
                members.push(format!("obligations: {obliged}"));
            }
        }
        format!("{{{}}}", members.join(", "))
    }
}

/// Returns the ids of the rules that matched on one side; `side` picks the side's place out of a cause.
fn matched(cell: &Cell, side: impl Fn(&Cause) -> Option<&Location>) -> BTreeSet<RuleId> {
    let matched = cell.because.iter().filter(|cause| side(cause).is_some());
    matched.map(|cause| cause.rule.clone()).collect()
}

/// Returns the names of profiles or groups on one line, whatever characters they hold.
fn who(holder: &Holder) -> String {
    let names: Vec<String> = holder
        .names()
        .map(|name| name.escape_debug().to_string())
        .collect();
    match (names.is_empty(), holder) {
        (true, _) => "nobody in particular".to_owned(),
        (false, Holder::Profiles(_)) => names.join(" and "),
        (false, Holder::Groups(_)) => format!("members of {}", names.join(" and ")),
    }
}

fn line(text: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _always_fits = writeln!(text, "{what}");
}
