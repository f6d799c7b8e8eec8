//! `not_looser`: what it says of edits that a hand judged, and that no decision contradicts it on random changes.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::Path;

use jiff::SignedDuration;
use stopgate_decide::bundle::{Bundle, MAX_BUNDLE_BYTES, MayBeLooser, Verified, not_looser};
use stopgate_decide::decide::{
    Decision, LimitNow, LimitedBy, Outcome, Situation, StopsInForce, decide,
};
use stopgate_decide::surface::{Limit, Need};
use stopgate_tests::generate::{Files, PROFILES, Try, attempt, repository};
use stopgate_tests::random::Random;
use stopgate_tests::{scale, stage};

use crate::judge::checked;
use crate::{is_at_most, rank};

mod edits;

use edits::{EDITS, Edit};

/// Random changes that are compared.
const PAIRS: u64 = 200;
/// Attempts that are decided before and after each of them.
const ATTEMPTS: u64 = 200;

/// A compiled repository: its bundle as it decides and as it is compared.
struct Side {
    bundle: Bundle,
    verified: Verified,
}

impl Side {
    fn new(files: &Files) -> Self {
        let (root, bytes) = stopgate::build::rehearsal(&checked(files)).expect("a bundle");
        let most = u64::try_from(MAX_BUNDLE_BYTES).expect("a length");
        let verified = Verified::read(Cursor::new(&bytes), &root, most, None).expect("a bundle");
        let verified = verified.expect("it is not known");
        Self {
            // What is compared also loads: whatever does not is refused before anybody asks.
            bundle: verified.load().expect("a bundle"),
            verified,
        }
    }

    /// Decides an attempt under a policy that is so old.
    fn decide(&self, one: &Try, age: SignedDuration) -> Decision {
        // Ceilings and limits of age are part of what is compared, so each side has its own.
        let ceiling = self.bundle.ceiling(one.channel, &one.attempt.tool);
        let fresh = self.bundle.freshness();
        let fresh = fresh.map_or(Limit::High, |freshness| freshness.limit(age));
        let situation = Situation {
            now: one.now,
            limit: LimitNow {
                class: ceiling.min(fresh),
                by: if fresh < ceiling {
                    LimitedBy::Freshness
                } else {
                    LimitedBy::Ceiling
                },
            },
            stops: StopsInForce::default(),
            evidence: one.evidence,
            enforces: one.enforces,
        };
        decide(&self.bundle, &one.attempt, &situation)
    }
}

/// The bank's repository with a limit of its policy's age. Its tests have no cases: these name rules that an edit takes
/// away.
pub(crate) fn bank() -> Files {
    let mut files = Files::new();
    let root = Path::new(stage::REFERENCE);
    for folder in ["", "catalog", "rules", "tests"] {
        for entry in std::fs::read_dir(root.join(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                let name = path.strip_prefix(root).expect("a path below").to_str();
                let text = std::fs::read_to_string(&path).expect("a text");
                let text = match (folder, text.split_once("\ncases:\n")) {
                    ("tests", Some((samples, _))) => format!("{samples}\ncases: []\n"),
                    _ => text,
                };
                files.insert(name.expect("a name").to_owned(), text.into_bytes());
            }
        }
    }
    files.remove("README.md");
    append(&mut files, WORKSPACE, FRESHNESS);
    files
}

impl Edit {
    fn made(&self, files: &Files) -> Files {
        let mut files = files.clone();
        for (file, from, to) in self.texts {
            let text = String::from_utf8(files[*file].clone()).expect("text");
            // An edit whose text has changed since tries nothing, and has to be mended.
            assert!(
                text.contains(from),
                "{}: {file} holds no {from:?}",
                self.about
            );
            let text = text.replacen(from, to, 1);
            files.insert((*file).to_owned(), text.into_bytes());
        }
        files
    }
}

#[test]
fn edits_pass_where_nothing_can_be_looser_and_are_named_where_it_may() {
    let bank = bank();
    let base = Side::new(&bank);
    let mut wrong = String::new();
    for edit in EDITS {
        let head = Side::new(&edit.made(&bank));
        let found = match not_looser(base.verified.named(), head.verified.named()) {
            Ok(()) => String::new(),
            Err(why) => why.to_string(),
        };
        if found != edit.said {
            wrong += &format!("{}: {found:?} instead of {:?}\n", edit.about, edit.said);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// What came of the pairs.
#[derive(Debug, Default)]
struct Counts {
    /// The two bundles are one.
    equal: u64,
    /// The newer bundle is another, and is said to be no looser.
    not_looser: u64,
    may_be_looser: u64,
    /// Of these, how many let an attempt through more easily: that trying can find it at all.
    seen_looser: u64,
    /// Attempts that were asked for more, or rejected, by a bundle that is no looser.
    seen_stricter: u64,
    /// How often each part was named.
    named: BTreeMap<String, u64>,
}

#[test]
fn no_attempt_passes_more_easily_where_a_bundle_is_not_looser() {
    let seed = scale::seed().expect("a number");
    let mut counts = Counts::default();
    for number in 0..PAIRS {
        // Each pair has a seed of its own, so that one can be made again without those before it.
        let mut random = Random::new(seed.wrapping_add(number.wrapping_mul(0x2_0000_0003)));
        let (mut files, shape) = repository(&mut random);
        if random.one_in(2) {
            append(&mut files, WORKSPACE, FRESHNESS);
        }
        let changed = changed(&mut random, &files);
        let (base, head) = (Side::new(&files), Side::new(&changed));
        let verdict = not_looser(base.verified.named(), head.verified.named());
        let (mut looser, mut stricter) = (0_u64, 0_u64);
        for _ in 0..ATTEMPTS {
            let one = attempt(&mut random, &shape);
            let age = SignedDuration::from_secs(random.pick(&AGES));
            let (before, after) = (base.decide(&one, age), head.decide(&one, age));
            stricter += u64::from(!is_no_looser(&after, &before));
            if is_no_looser(&before, &after) {
                continue;
            }
            looser += 1;
            assert!(
                verdict.is_err(),
                "seed {seed}, pair {number}\n{}\n{one:?} {age:?}\n{before:?}\n{after:?}",
                difference(&files, &changed)
            );
        }
        match verdict {
            Ok(()) if base.bundle.digest() == head.bundle.digest() => counts.equal += 1,
            Ok(()) => {
                counts.not_looser += 1;
                counts.seen_stricter += stricter;
            }
            Err(why) => {
                counts.may_be_looser += 1;
                counts.seen_looser += u64::from(looser > 0);
                *counts.named.entry(part(&why).to_owned()).or_default() += 1;
            }
        }
    }
    println!("{PAIRS} pairs, {counts:?}");
    // A generator that drifted to one verdict would prove nothing.
    assert!(counts.not_looser * 100 >= PAIRS * 20, "{counts:?}");
    assert!(counts.may_be_looser * 100 >= PAIRS * 20, "{counts:?}");
    assert!(counts.seen_looser * 100 >= PAIRS * 5, "{counts:?}");
    assert!(counts.seen_stricter > 0, "{counts:?}");
    assert!(counts.named.len() >= 5, "{counts:?}");
}

/// Whether `after` lets through no more than `before`, asks for no less, and attaches no less.
fn is_no_looser(before: &Decision, after: &Decision) -> bool {
    if rank(after.outcome()) < rank(before.outcome()) {
        return false;
    }
    match (before.outcome(), after.outcome()) {
        (_, Outcome::Reject(_)) => true,
        (Outcome::Route(needs), Outcome::Route(more)) => {
            let covers = |need: &Need, other: &Need| match (need, other) {
                (Need::Approval(level), Need::Approval(other)) => level <= other,
                (need, other) => need == other,
            };
            is_at_most(before.surface(), after.surface())
                && needs
                    .iter()
                    .all(|need| more.iter().any(|other| covers(need, other)))
        }
        (_, Outcome::Permit(_) | Outcome::Route(_)) => {
            is_at_most(before.surface(), after.surface())
        }
    }
}

/// The kind of part that is named.
const fn part(why: &MayBeLooser) -> &'static str {
    match why {
        MayBeLooser::Version => "version",
        MayBeLooser::Unreadable(_) => "unreadable",
        MayBeLooser::Organisation => "organisation",
        MayBeLooser::Issuer(_) => "issuer",
        MayBeLooser::NewChannel(_) => "new channel",
        MayBeLooser::Ceiling { .. } => "ceiling",
        MayBeLooser::DefaultCeiling(_) => "default ceiling",
        MayBeLooser::Freshness => "freshness",
        MayBeLooser::InputBytes => "input bytes",
        MayBeLooser::Calendar => "calendar",
        MayBeLooser::Routes => "routes",
        MayBeLooser::Deadlines => "deadlines",
        MayBeLooser::Profile(_) => "profile",
        MayBeLooser::Tool(_) => "tool",
        MayBeLooser::Operation { .. } => "operation",
        MayBeLooser::Schema => "schema",
        MayBeLooser::RuleGone(_) => "rule gone",
        MayBeLooser::RuleChanged(_) => "rule changed",
        MayBeLooser::NewGrant(_) => "new grant",
        MayBeLooser::Slice(_) => "slice",
    }
}

/// The files that differ, for the message of a failing test.
fn difference(base: &Files, head: &Files) -> String {
    let differing = head
        .iter()
        .filter(|(name, text)| base.get(*name) != Some(*text));
    let each = differing.map(|(name, text)| {
        let before = base.get(name).map(Vec::as_slice).unwrap_or_default();
        let [before, after] = [before, text].map(String::from_utf8_lossy);
        format!("--- {name} before\n{before}\n--- {name} after\n{after}\n")
    });
    each.collect()
}

const RULES: &str = "rules/t0.yaml";
const GUARDRAILS: &str = "rules/guardrails.cedar";
const WORKSPACE: &str = "stopgate.yaml";
/// The last line of a workspace that has a limit of its policy's age.
const FRESHNESS: &str = "freshness: {soft: 15m, hard: 24h}\n";
/// Ages in seconds of which each is in another place between the limits that are chosen.
const AGES: [i64; 5] = [0, 700, 1_000, 80_000, 100_000];

/// The same repository with one or two random changes, each of which may be looser, stricter, both, or nothing.
fn changed(random: &mut Random, files: &Files) -> Files {
    let mut files = files.clone();
    let times = 1 + random.below(2);
    for at in 0..times {
        let edit = random.below(18);
        // The first kinds can only make stricter, and are chosen as often as the others.
        match edit {
            0..=3 => append(&mut files, GUARDRAILS, &guardrail(random, at)),
            4..=5 => append(&mut files, RULES, &restriction(random, at)),
            6 => append(&mut files, GUARDRAILS, "// Another comment.\n"),
            7 => in_file(&mut files, RULES, |text| reordered(random, text)),
            8..=9 => in_file(&mut files, WORKSPACE, |text| with_ceiling(random, text)),
            10 => append(&mut files, RULES, &grant(random, at)),
            11 => in_file(&mut files, RULES, |text| without_a_rule(random, text)),
            12 => in_file(&mut files, RULES, |text| with_another_bound(random, text)),
            13 => in_file(&mut files, RULES, |text| with_another_profile(random, text)),
            14..=15 => in_file(&mut files, WORKSPACE, |text| with_freshness(random, &text)),
            16 => in_file(&mut files, "approvals.yaml", |text| {
                text.replace("[2026-12-25]", "[]")
            }),
            _ => in_file(&mut files, "catalog/t0.yaml", |text| {
                let mask = "    result: {mask: [/secret]}\n";
                if random.one_in(2) {
                    text.replacen(mask, "", 1)
                } else {
                    text.replace(mask, "") + mask
                }
            }),
        }
    }
    files
}

fn append(files: &mut Files, file: &str, text: &str) {
    in_file(files, file, |before| before + text);
}

fn in_file(files: &mut Files, file: &str, change: impl FnOnce(String) -> String) {
    let text = files.remove(file).expect("the repository has the file");
    let text = String::from_utf8(text).expect("text");
    files.insert(file.to_owned(), change(text).into_bytes());
}

/// A raise or a never for everybody, on everything or on one tool.
fn guardrail(random: &mut Random, at: u64) -> String {
    let kind = random.pick(&[
        "",
        "@approval(\"supervisor\")",
        "@approval(\"committee\")",
        "@require(\"user_confirmation\")",
    ]);
    let action = random.pick(&["action", "action in Stopgate::Action::\"@tool:t0\""]);
    // The last one fails for most sizes, and what fails is rejected.
    let condition = random.pick(&[
        "context.input.size > 4",
        "context.input.word == \"b\"",
        "context.input.size * 4611686018427387904 < 5",
    ]);
    format!(
        "@id(\"more{at}\") @owner(\"team\") @review_by(\"2027-03-31\") {kind}\n\
         forbid (principal, {action}, resource) when {{ {condition} }};\n"
    )
}

/// A raise or a never for one profile at one operation.
fn restriction(random: &mut Random, at: u64) -> String {
    let kind = random.pick(&["never: no more", "raise: {approval: committee}"]);
    let (operation, profile) = (
        random.pick(&["o0", "o1", "preview"]),
        random.pick(&PROFILES),
    );
    format!(
        "  - id: more{at}\n    operations: [{operation}]\n    profiles: [{profile}]\n    {kind}\n"
    )
}

fn grant(random: &mut Random, at: u64) -> String {
    let profile = random.pick(&PROFILES);
    format!(
        "  - id: more{at}\n    operations: [preview]\n    profiles: [{profile}]\n    risk: low\n    approval: automatic\n"
    )
}

/// Splits a rules document into what stands before the rules, and the rules.
fn split(text: &str) -> (String, Vec<String>) {
    let mut pieces = text.split("  - id: ").map(str::to_owned);
    (pieces.next().expect("a head"), pieces.collect())
}

fn joined((head, rules): (String, Vec<String>)) -> String {
    let rules = rules.iter().map(|rule| format!("  - id: {rule}"));
    head + &rules.collect::<String>()
}

fn place(random: &mut Random, rules: &[String]) -> usize {
    let rules = u64::try_from(rules.len()).expect("a length");
    usize::try_from(random.below(rules)).expect("a place")
}

fn reordered(random: &mut Random, text: String) -> String {
    let (head, mut rules) = split(&text);
    let at = place(random, &rules);
    rules.rotate_left(at);
    joined((head, rules))
}

fn without_a_rule(random: &mut Random, text: String) -> String {
    let (head, mut rules) = split(&text);
    let at = place(random, &rules);
    rules.remove(at);
    joined((head, rules))
}

fn with_another_bound(random: &mut Random, text: String) -> String {
    let bound = format!("size < {}", 1 + random.below(9));
    text.replacen(&format!("size < {}", 1 + random.below(9)), &bound, 1)
}

/// Gives one rule without exceptions one profile in the place of those that it names.
fn with_another_profile(random: &mut Random, text: String) -> String {
    let (head, mut rules) = split(&text);
    let at = place(random, &rules);
    let rule = &mut rules[at];
    // An exception has to be an heir of the profiles, which it might not be afterwards.
    if !rule.contains("except:") {
        let profile = random.pick(&PROFILES);
        let (before, after) = rule.split_once("    profiles: [").expect("profiles");
        let (_, after) = after.split_once("]\n").expect("their end");
        *rule = format!("{before}    profiles: [{profile}]\n{after}");
    }
    joined((head, rules))
}

fn with_ceiling(random: &mut Random, text: String) -> String {
    let ceiling = random.pick(&["none", "read_only", "low", "medium", "high"]);
    let (before, after) = text.split_once("  prod: {ceiling: ").expect("the channel");
    let (_, after) = after.split_once(',').expect("its tools");
    format!("{before}  prod: {{ceiling: {ceiling},{after}")
}

/// Another limit of the policy's age, or none.
fn with_freshness(random: &mut Random, text: &str) -> String {
    let limits = [
        "",
        FRESHNESS,
        "freshness: {soft: 10m, hard: 24h}\n",
        "freshness: {soft: 15m, hard: 20h}\n",
        "freshness: {soft: 20m, hard: 20h}\n",
        "freshness: {soft: 10m, hard: 2d}\n",
    ];
    let (before, _) = text.split_once("freshness: ").unwrap_or((text, ""));
    before.to_owned() + random.pick(&limits)
}
