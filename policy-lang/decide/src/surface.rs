//! What a decision asks for and attaches, as lattices: ordered, joined part by part, and only by the functions here.
//!
//! Joining can only make stricter. No part has a default that opens: a surface is made from all its parts.

use std::collections::{BTreeMap, BTreeSet};

use crate::pointer::Pointer;

macro_rules! words {
    // One list makes order, words and meanings, so that none of them can be forgotten for a new value.
    ($($(#[$doc:meta])* $name:ident { $(#[doc = $meaning:literal] $variant:ident = $word:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $(#[doc = $meaning] #[serde(rename = $word)] $variant,)* }

        impl $name {
            /// Every value, least strict first.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Returns the word for the value in documents, records and messages.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// Returns what the value means, in a sentence.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning.trim_ascii(),)* }
            }

            /// Returns the value that a word stands for; `None` for any other text, because nothing is guessed.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == word)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    )*};
}

words! {
    /// How much harm a wrong call could do.
    Risk { /// Little harm.
        Low = "low", /// Some harm.
        Medium = "medium", /// Much harm.
        High = "high", }
    /// Which people must say yes. `committee` contains `supervisor`.
    Approval { /// Nobody is asked.
        Automatic = "automatic", /// The people of a route for supervisors.
        Supervisor = "supervisor", /// The people of a route for committees.
        Committee = "committee", }
    /// What an operation does to the tool's data.
    Effect { /// It changes nothing.
        Read = "read", /// A change that can be undone.
        Write = "write", /// A change that cannot.
        Irreversible = "irreversible", }
    /// The highest class of action that is let through: a channel's ceiling, or what freshness still allows.
    Limit { /// Nothing at all.
        None = "none", /// Effect read at low risk.
        ReadOnly = "read_only", /// Up to low risk.
        Low = "low", /// Up to medium risk.
        Medium = "medium", /// Everything.
        High = "high", }
    /// Something to collect before an action may run, other than people's approval.
    Requirement { /// The original user says yes to the exact call.
        UserConfirmation = "user_confirmation", /// The tool has shown what would happen.
        DryRun = "dry_run", }
}

/// What has been collected for an attempt. It comes from our own stores; no caller sends it and no rule reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evidence {
    /// Highest level that people have approved.
    pub approval: Approval,
    /// The original user confirmed the exact call.
    pub user_confirmation: bool,
    /// The dry run succeeded and its result is part of what was approved.
    pub dry_run: bool,
}

impl Evidence {
    /// Nothing collected yet.
    pub const NONE: Self = Self {
        approval: Approval::Automatic,
        user_confirmation: false,
        dry_run: false,
    };
    /// Everything there is to collect.
    pub const ALL: Self = Self {
        approval: Approval::Committee,
        user_confirmation: true,
        dry_run: true,
    };
}

/// One thing that is missing from the evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// The original user has to confirm.
    UserConfirmation,
    /// The dry run has to be made.
    DryRun,
    /// People have to approve at this level.
    Approval(Approval),
}

impl std::fmt::Display for Need {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UserConfirmation => f.pad("user_confirmation"),
            Self::DryRun => f.pad("dry_run"),
            Self::Approval(level) => f.pad(&format!("approval:{level}")),
        }
    }
}

/// risk × approval × confirmation × dry run × masks × row limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surface {
    /// How much harm a wrong call could do.
    pub risk: Risk,
    /// Which people must say yes.
    pub approval: Approval,
    /// The original user must confirm.
    pub user_confirmation: bool,
    /// The dry run must succeed first.
    pub dry_run: bool,
    /// Fields of the result to hide.
    pub masks: BTreeSet<Pointer>,
    /// Arrays of the result to cut, and the most rows left; fewer is stricter.
    pub max_rows: BTreeMap<Pointer, u32>,
}

impl Surface {
    /// The least strict surface: the neutral element of [`Surface::join`]. It is what "asks for nothing" means,
    /// never what "nothing is known" means.
    pub const BOTTOM: Self = Self {
        risk: Risk::Low,
        approval: Approval::Automatic,
        user_confirmation: false,
        dry_run: false,
        masks: BTreeSet::new(),
        max_rows: BTreeMap::new(),
    };

    /// Makes `self` at least as strict as `other` in every part. The result may be stricter than both.
    pub fn join(&mut self, other: &Self) {
        // Taken apart whole: a new part of a surface does not compile until somebody says how it is joined.
        let Self {
            risk,
            approval,
            user_confirmation,
            dry_run,
            masks,
            max_rows,
        } = other;
        self.risk = self.risk.max(*risk);
        self.approval = self.approval.max(*approval);
        self.user_confirmation |= *user_confirmation;
        self.dry_run |= *dry_run;
        self.masks.extend(masks.iter().cloned());
        for (pointer, rows) in max_rows {
            self.max_rows
                .entry(pointer.clone())
                // Fewer rows show less, so the smaller number is the stricter one.
                .and_modify(|now| *now = (*now).min(*rows))
                .or_insert(*rows);
        }
    }

    /// Returns whether `self` is at most as strict as `other` in every part.
    #[must_use]
    pub fn is_at_most(&self, other: &Self) -> bool {
        // Joining with something that asks for no more changes nothing.
        let mut joined = other.clone();
        joined.join(self);
        joined == *other
    }

    /// Returns what the surface asks for beside people's approval, in the order in which it is collected.
    pub fn requirements(&self) -> impl Iterator<Item = Requirement> + use<> {
        [
            (self.user_confirmation, Requirement::UserConfirmation),
            (self.dry_run, Requirement::DryRun),
        ]
        .into_iter()
        .filter_map(|(asked, what)| asked.then_some(what))
    }

    /// Returns what is missing from the evidence, in the order in which it is collected. If nothing is, the action may
    /// run.
    #[must_use]
    pub fn missing(&self, evidence: &Evidence) -> Vec<Need> {
        let mut needs = Vec::new();
        if self.user_confirmation && !evidence.user_confirmation {
            needs.push(Need::UserConfirmation);
        }
        if self.dry_run && !evidence.dry_run {
            needs.push(Need::DryRun);
        }
        // Last: people are asked only when everything they should see has been collected.
        if self.approval > evidence.approval {
            needs.push(Need::Approval(self.approval));
        }
        needs
    }

    /// Returns the class that ceilings are compared with: `read_only` for a low-risk read, else the risk.
    #[must_use]
    pub const fn class(&self, effect: Effect) -> Limit {
        match (self.risk, effect) {
            (Risk::Low, Effect::Read) => Limit::ReadOnly,
            (Risk::Low, Effect::Write | Effect::Irreversible) => Limit::Low,
            (Risk::Medium, Effect::Read | Effect::Write | Effect::Irreversible) => Limit::Medium,
            (Risk::High, Effect::Read | Effect::Write | Effect::Irreversible) => Limit::High,
        }
    }

    /// Returns whether a door that enforces `enforces` can do what this surface obliges to.
    #[must_use]
    pub fn is_enforceable_by(&self, enforces: Enforces) -> bool {
        (self.masks.is_empty() || enforces.mask) && (self.max_rows.is_empty() || enforces.max_rows)
    }
}

/// What the asking door does with results. What it does not say, it does not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Enforces {
    /// It hides fields.
    pub mask: bool,
    /// It cuts arrays.
    pub max_rows: bool,
}

impl Enforces {
    /// A door that passes results on as they are.
    pub const NOTHING: Self = Self {
        mask: false,
        max_rows: false,
    };
    /// A door that does every obligation there is.
    pub const ALL: Self = Self {
        mask: true,
        max_rows: true,
    };
}
