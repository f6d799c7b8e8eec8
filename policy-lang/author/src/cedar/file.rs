//! `rules/*.cedar`: hand-written rules in three shapes and no other. A `permit` with `@risk` and `@approval` is a
//! grant, a `forbid` with `@approval` or `@require` a raise, a bare `forbid` a never.

use std::collections::BTreeSet;
use std::ops::Range;

use cedar_policy::{Effect, Policy};
use stopgate_decide::cedar::token::{Token, split, tokens};
use stopgate_decide::name::{OwnerName, RuleName};
use stopgate_decide::surface::{Approval, Requirement, Risk, Surface};

use crate::policy::RuleKind;

use super::bounds;
use super::text::parse_policy;
use super::{CedarMistake, Condition};

mod scope;

/// A rule of a `.cedar` file. Names of operations and profiles are still text: the file does not know the catalog.
#[derive(Debug, Clone)]
pub struct CedarRule {
    /// From `@id`.
    pub id: RuleName,
    /// From `@owner`.
    pub owner: OwnerName,
    /// From `@review_by`.
    pub review_by: jiff::civil::Date,
    /// From `@description`.
    pub description: Option<String>,
    /// What it does where it matches, as stated.
    pub kind: RuleKind,
    /// What its scope says of the action and the resource.
    pub operations: CedarOperations,
    /// The profile of its scope, and where it stands; `None` is everybody.
    pub profile: Option<(String, Range<usize>)>,
    /// Its clauses. Always there, for the validator; it may have no clause.
    pub condition: Condition,
    /// Bytes of the file that hold the rule, annotations included.
    pub range: Range<usize>,
}

/// The actions of a rule's scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CedarOperations {
    /// Everything: a scope with a bare `action`.
    All,
    /// `tool/operation`s and action groups such as `@write`, and where they stand.
    Listed(Vec<(String, Range<usize>)>),
}

/// Reads the rules of a whole `.cedar` file.
///
/// # Errors
/// Every mistake in the file; ranges are bytes of `text`.
pub fn parse(text: &str) -> Result<Vec<CedarRule>, Vec<CedarMistake>> {
    let tokens = tokens(text).map_err(|not_closed| vec![not_closed.into()])?;
    let (mut rules, mut mistakes) = (Vec::new(), Vec::new());
    for piece in split(&tokens) {
        match one(text, piece) {
            Ok(rule) => rules.push(rule),
            Err(found) => mistakes.extend(found),
        }
    }
    if mistakes.is_empty() {
        Ok(rules)
    } else {
        Err(mistakes)
    }
}

fn one(text: &str, tokens: &[Token<'_>]) -> Result<CedarRule, Vec<CedarMistake>> {
    let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else {
        return Err(Vec::new());
    };
    let range = first.range.start..last.range.end;
    let source = text.get(range.clone()).unwrap_or_default();
    // What is found in one policy counts from its first byte; editors and reports want the place in the file.
    let shift = |mut mistake: CedarMistake| {
        mistake.range = mistake.range.start.saturating_add(range.start)
            ..mistake.range.end.saturating_add(range.start);
        mistake
    };
    let shifted = |mistakes: Vec<CedarMistake>| mistakes.into_iter().map(shift).collect::<Vec<_>>();
    // 1. The bounds, before Cedar's parser, which recurses, sees the text.
    bounds::check_tokens(tokens).map_err(|mistake| vec![mistake])?;
    // 2. No template: a `?` outside quotes is a slot. The mistake stands there and says what to write.
    if let Some(slot) = tokens.iter().position(|token| token.text == "?") {
        let place = tokens
            .get(slot)
            .map_or(range.clone(), |token| token.range.clone());
        let mistake = CedarMistake::new("cedar-template", "templates are not rules", place);
        return Err(vec![mistake.help(
            "name the profile: `principal in Stopgate::Profile::\"name\"`",
        )]);
    }
    // 3. Cedar's parser. What it says of a place counts from the beginning of this policy.
    let (policy, parsed) = parse_policy(source, 0, source.len()).map_err(shifted)?;
    let policy = Policy::from(policy);
    let cx = Piece {
        tokens,
        range: range.clone(),
    };
    // 4. Each part of the policy by itself, so that one mistake does not hide those of another part.
    let mut mistakes = Vec::new();
    let annotations = cx.annotations(&policy, &mut mistakes);
    let profile = cx.principal(&policy, &mut mistakes);
    let operations = cx.operations(&policy, &mut mistakes);
    let condition = Condition::of_policy(source, &parsed)
        .map_err(|found| mistakes.extend(shifted(found)))
        .ok();
    // 5. A rule only if every part was read and nothing was wrong with any.
    match (annotations, profile, operations, condition) {
        (Some(annotations), Some(profile), Some(operations), Some(condition))
            if mistakes.is_empty() =>
        {
            let Annotations {
                id,
                owner,
                review_by,
                description,
                kind,
            } = annotations;
            Ok(CedarRule {
                id,
                owner,
                review_by,
                description,
                kind,
                operations,
                profile,
                condition,
                range,
            })
        }
        _ => Err(mistakes),
    }
}

struct Annotations {
    id: RuleName,
    owner: OwnerName,
    review_by: jiff::civil::Date,
    description: Option<String>,
    kind: RuleKind,
}

const KNOWN: [&str; 7] = [
    "id",
    "owner",
    "review_by",
    "description",
    "risk",
    "approval",
    "require",
];

/// One policy's tokens, for the places of mistakes.
struct Piece<'t, 'a> {
    tokens: &'t [Token<'a>],
    range: Range<usize>,
}

impl Piece<'_, '_> {
    /// Returns where `@name` stands; if it does not, where the word `permit` or `forbid` stands, or else the whole
    /// rule.
    fn annotation(&self, name: &str) -> Range<usize> {
        let found = self.tokens.windows(2).find_map(|pair| match pair {
            [at, word] if at.text == "@" && word.text == name => {
                Some(at.range.start..word.range.end)
            }
            _ => None,
        });
        found.unwrap_or(self.head())
    }

    /// Returns where the word `permit` or `forbid` stands, or the whole rule.
    fn head(&self) -> Range<usize> {
        let head = self
            .tokens
            .iter()
            .find(|token| matches!(token.text, "permit" | "forbid"));
        head.map_or(self.range.clone(), |token| token.range.clone())
    }

    /// Returns where the entity id `id` is written, or the whole rule.
    fn entity(&self, id: &str) -> Range<usize> {
        let quoted = format!("\"{id}\"");
        let found = self.tokens.iter().find(|token| token.text == quoted);
        found.map_or(self.range.clone(), |token| token.range.clone())
    }

    fn annotations(
        &self,
        policy: &Policy,
        mistakes: &mut Vec<CedarMistake>,
    ) -> Option<Annotations> {
        let problem = |name: &str, message: String, help: &str| {
            CedarMistake::new("cedar-annotation", message, self.annotation(name)).help(help)
        };
        for (name, value) in policy.annotations() {
            if !KNOWN.contains(&name) {
                let help = format!(
                    "the annotations are {}",
                    KNOWN.map(|known| format!("@{known}")).join(", ")
                );
                mistakes.push(problem(
                    name,
                    format!("`@{name}` is not an annotation of rules"),
                    &help,
                ));
            } else if value.is_empty() {
                mistakes.push(problem(
                    name,
                    format!("`@{name}` is empty"),
                    "write its value in `(\"…\")`",
                ));
            }
        }
        let mut required = |name: &'static str, help: &str| {
            let value = policy.annotation(name).filter(|value| !value.is_empty());
            if value.is_none() && policy.annotation(name).is_none() {
                mistakes.push(problem(name, format!("`@{name}` is missing"), help));
            }
            value
        };
        let id = required("id", "every rule has an id, such as @id(\"currency\")");
        let owner = required(
            "owner",
            "every rule has an owner, such as @owner(\"finance-risk\")",
        );
        let review_by = required(
            "review_by",
            "every rule has a date, such as @review_by(\"2027-03-31\")",
        );
        let mut parsed = AnnotationReader {
            mistakes,
            problem: &problem,
        };
        let id = parsed.value("id", id, |text| {
            RuleName::new(text).map_err(|error| error.to_string())
        });
        let owner = parsed.value("owner", owner, |text| {
            OwnerName::new(text).map_err(|error| error.to_string())
        });
        let review_by = parsed.value("review_by", review_by, |text| {
            text.parse()
                .map_err(|_| "a date is written 2027-03-31".to_owned())
        });
        let words = |all: Vec<&str>| format!("write one of {}", all.join(", "));
        let present = |name: &str| policy.annotation(name).filter(|value| !value.is_empty());
        let risk = parsed.value("risk", present("risk"), |text| {
            Risk::from_word(text)
                .ok_or_else(|| words(Risk::ALL.iter().map(|risk| risk.as_str()).collect()))
        });
        let approval = parsed.value("approval", present("approval"), |text| {
            Approval::from_word(text)
                .ok_or_else(|| words(Approval::ALL.iter().map(|level| level.as_str()).collect()))
        });
        let require = parsed.value("require", present("require"), |text| {
            let each = text
                .split(',')
                .map(|word| Requirement::from_word(word.trim()));
            each.collect::<Option<BTreeSet<_>>>()
                .ok_or_else(|| "write user_confirmation, dry_run, or both with a comma".to_owned())
        });
        let stated = StatedSurface {
            risk,
            approval,
            require,
        };
        let description = present("description").map(str::to_owned);
        // Last, since which of the three kinds it is depends on which annotations are there.
        let kind = self.kind(policy, &stated, description.as_deref(), mistakes);
        Some(Annotations {
            id: id?,
            owner: owner?,
            review_by: review_by?,
            description,
            kind: kind?,
        })
    }

    fn kind(
        &self,
        policy: &Policy,
        stated: &StatedSurface,
        description: Option<&str>,
        mistakes: &mut Vec<CedarMistake>,
    ) -> Option<RuleKind> {
        let shape = |message: &str, place, help: &str| {
            CedarMistake::new("cedar-shape", message, place).help(help)
        };
        let given = |name| policy.annotation(name).is_some();
        let mut surface = Surface::BOTTOM;
        surface.approval = stated.approval.unwrap_or(Approval::Automatic);
        for requirement in stated.require.iter().flatten() {
            match requirement {
                Requirement::UserConfirmation => surface.user_confirmation = true,
                Requirement::DryRun => surface.dry_run = true,
            }
        }
        match policy.effect() {
            Effect::Permit => {
                for name in ["risk", "approval"] {
                    if !given(name) {
                        let message = format!("this permit has no `@{name}`");
                        mistakes.push(shape(
                            &message,
                            self.head(),
                            "a permit needs @risk and @approval",
                        ));
                    }
                }
                // A grant without a risk would be at the lowest one, so there is no default.
                surface.risk = stated.risk?;
                stated.approval.map(|_| RuleKind::Grant(surface))
            }
            // No forbid of Cedar's: what stands beside it says whether it asks for more or is final.
            Effect::Forbid if given("risk") => {
                let help = "a forbid with @approval or @require raises, a bare forbid is final; neither has a risk";
                mistakes.push(shape("a forbid has no risk", self.annotation("risk"), help));
                None
            }
            Effect::Forbid if given("approval") || given("require") => {
                if surface == Surface::BOTTOM
                    && (stated.approval.is_some() || stated.require.is_some())
                {
                    let help = "ask for supervisor or committee, or @require something";
                    mistakes.push(shape(
                        "this raise asks for nothing",
                        self.annotation("approval"),
                        help,
                    ));
                    return None;
                }
                Some(RuleKind::Raise(surface))
            }
            Effect::Forbid => Some(RuleKind::Never(
                // The reason is shown to people, so a never has one.
                description.unwrap_or("a guardrail forbids this").to_owned(),
            )),
        }
    }
}

/// What the annotations of the surface say.
struct StatedSurface {
    risk: Option<Risk>,
    approval: Option<Approval>,
    require: Option<BTreeSet<Requirement>>,
}

/// Reads annotation values and collects what is wrong with them.
struct AnnotationReader<'m, P> {
    mistakes: &'m mut Vec<CedarMistake>,
    problem: &'m P,
}

impl<P: Fn(&str, String, &str) -> CedarMistake> AnnotationReader<'_, P> {
    fn value<T>(
        &mut self,
        name: &str,
        text: Option<&str>,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        match parse(text?) {
            Ok(value) => Some(value),
            Err(help) => {
                self.mistakes.push((self.problem)(
                    name,
                    format!("`@{name}` has no such value"),
                    &help,
                ));
                None
            }
        }
    }
}
