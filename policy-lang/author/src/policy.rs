//! The checked policy: what the documents of a repository mean, resolved and typed, before any compiled form.
//!
//! The front ends make it, the forms, the bundle, `matrix`, `explain` and the reference model read it. Every name in
//! it is known to exist. It knows nothing of text, YAML or the disk.

use std::collections::{BTreeMap, BTreeSet};

use stopgate_decide::calendar::Calendar;
use stopgate_decide::digest::Digest;
use stopgate_decide::fact::{Fact, FactName};
use stopgate_decide::freshness::Freshness;
use stopgate_decide::json::Json;
use stopgate_decide::name::{
    ChannelName, Location, OperationName, OwnerName, ProfileName, RuleId, ToolName,
};
use stopgate_decide::organisation::{Ceiling, Issuer};
use stopgate_decide::pointer::Pointer;
use stopgate_decide::routing::{Deadlines, Route};
use stopgate_decide::selector::Selector;
use stopgate_decide::summary::Summary;
use stopgate_decide::surface::{Approval, Effect, Risk, Surface};
use stopgate_decide::tool_schema::InputType;
use stopgate_decide::version::Version;

use crate::cedar::Condition;

/// Everything a policy repository says.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Who the policy belongs to.
    pub organisation: OwnerName,
    /// Issuers whose tokens may name a subject.
    pub identity: Vec<Issuer>,
    /// Ceilings by channel. Never empty.
    pub channels: BTreeMap<ChannelName, Ceiling>,
    /// What every grant asks for at least.
    pub floors: Floors,
    /// How old the policy may be; `None`: its age takes nothing away.
    pub freshness: Option<Freshness>,
    /// Longest input accepted, in bytes.
    pub input_bytes: usize,
    /// What a change of this policy needs. Not part of a bundle.
    pub gate: Gate,
    /// Most approvals that one person is asked for in a day; at least 1. Forecasts are held against it, not decisions.
    pub approvals_per_approver_per_day: u32,
    /// Profiles, their hierarchy and the groups they come from.
    pub profiles: BTreeMap<ProfileName, Profile>,
    /// When it is business time.
    pub calendar: Calendar,
    /// Who is asked for approvals. Exactly one is most specific wherever a rule asks for a level.
    pub routes: Vec<Route>,
    /// By when.
    pub deadlines: Deadlines,
    /// Tools by name.
    pub tools: BTreeMap<ToolName, Tool>,
    /// Rules in order of their ids; ids are unique.
    pub rules: Vec<Rule>,
}

/// A minimum that is joined into grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Floor {
    /// At least this risk.
    pub risk: Risk,
    /// At least this approval.
    pub approval: Approval,
    /// The user's confirmation.
    pub user_confirmation: bool,
    /// A dry run.
    pub dry_run: bool,
}

impl Floor {
    /// Asks for nothing.
    pub const NOTHING: Self = Self {
        risk: Risk::Low,
        approval: Approval::Automatic,
        user_confirmation: false,
        dry_run: false,
    };
}

/// Floors by risk and by effect (`floors:` of `stopgate.yaml`). Floors only ever add.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Floors {
    /// For grants at low risk.
    pub low: Floor,
    /// For grants at medium risk.
    pub medium: Floor,
    /// For grants at high risk.
    pub high: Floor,
    /// For operations with effect read.
    pub read: Floor,
    /// For operations with effect write.
    pub write: Floor,
    /// For operations with effect irreversible.
    pub irreversible: Floor,
    /// For grants at high risk on irreversible operations.
    pub critical: Floor,
}

impl Floors {
    /// What holds when `stopgate.yaml` states no floors.
    pub const DEFAULT: Self = Self {
        low: Floor::NOTHING,
        medium: Floor {
            approval: Approval::Supervisor,
            user_confirmation: true,
            ..Floor::NOTHING
        },
        high: Floor {
            approval: Approval::Committee,
            user_confirmation: true,
            ..Floor::NOTHING
        },
        read: Floor::NOTHING,
        write: Floor::NOTHING,
        irreversible: Floor {
            risk: Risk::Medium,
            ..Floor::NOTHING
        },
        critical: Floor {
            dry_run: true,
            ..Floor::NOTHING
        },
    };

    /// Returns the least surface that a grant of `risk` on an operation of `effect` can have. Floors of every risk up
    /// to the resulting one apply, so the result grows with the risk and commutes with the join of surfaces.
    #[must_use]
    pub fn at(&self, risk: Risk, effect: Effect) -> Floor {
        let by_effect = match effect {
            Effect::Read => self.read,
            Effect::Write => self.write,
            Effect::Irreversible => self.irreversible,
        };
        let mut risk = risk.max(by_effect.risk);
        // A floor may raise the risk, which brings in the next floor: three levels, so three rounds are a fixpoint.
        let mut floor = by_effect;
        for _ in Risk::ALL {
            floor = by_effect;
            for (level, by_risk) in [
                (Risk::Low, self.low),
                (Risk::Medium, self.medium),
                (Risk::High, self.high),
            ] {
                // A floor of a lower risk holds for higher ones too.
                if level <= risk {
                    floor = floor.join(by_risk);
                }
            }
            if risk == Risk::High && effect == Effect::Irreversible {
                floor = floor.join(self.critical);
            }
            floor.risk = floor.risk.max(risk);
            risk = floor.risk;
        }
        floor
    }
}

impl Floor {
    /// Joins both floors: the stricter of the two in every part.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        Self {
            risk: self.risk.max(other.risk),
            approval: self.approval.max(other.approval),
            user_confirmation: self.user_confirmation || other.user_confirmation,
            dry_run: self.dry_run || other.dry_run,
        }
    }
}

/// What a change needs (`gate:` of `stopgate.yaml`). The revision before the change says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gate {
    /// How many reviewers sign a loosening.
    pub sign_off: SignOff,
    /// How many days from today a waiver may hold, at least 1.
    pub waiver_days: u16,
}

impl Gate {
    /// What holds when `stopgate.yaml` states no gate.
    pub const DEFAULT: Self = Self {
        sign_off: SignOff {
            low: 1,
            medium: 1,
            high: 2,
        },
        waiver_days: 30,
    };

    /// What judges where nobody can read what was stated: whatever its risk, a loosening takes as many reviewers as one
    /// of high risk.
    pub const UNREAD: Self = {
        let high = Self::DEFAULT.sign_off.high;
        Self {
            sign_off: SignOff {
                low: high,
                medium: high,
                high,
            },
            waiver_days: Self::DEFAULT.waiver_days,
        }
    };
}

/// How many reviewers sign a loosening, by the higher risk of before and after. Never fewer for a higher risk, and
/// at least one for high.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignOff {
    /// At low risk; 0: nobody has to.
    pub low: u8,
    /// At medium risk; 0: nobody has to.
    pub medium: u8,
    /// At high risk.
    pub high: u8,
}

impl SignOff {
    /// Returns how many reviewers sign a loosening at `risk`.
    #[must_use]
    pub const fn at(&self, risk: Risk) -> u8 {
        match risk {
            Risk::Low => self.low,
            Risk::Medium => self.medium,
            Risk::High => self.high,
        }
    }
}

/// A role of the original user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// For people.
    pub description: Option<String>,
    /// Direct parents: their rules reach this profile too, strictness included. Acyclic.
    pub inherits: BTreeSet<ProfileName>,
    /// Identity-provider groups whose members hold it. Empty: it is only inherited.
    pub groups: BTreeSet<String>,
}

/// A system acted on, as the catalog and its lock describe it.
#[derive(Debug, Clone)]
pub struct Tool {
    /// Who answers for it.
    pub owner: OwnerName,
    /// The reviewed contract version, `major.minor.patch`.
    pub contract: Version,
    /// Put before an operation's name to get the server's function name.
    pub prefix: String,
    /// Operations by name.
    pub operations: BTreeMap<OperationName, Operation>,
    /// Functions of the lock that are rejected on purpose.
    pub unused: BTreeSet<String>,
}

/// What is done in a tool.
#[derive(Debug, Clone)]
pub struct Operation {
    /// The server's function that does it.
    pub function: String,
    /// Which inputs of that function mean this operation; `None` is all of them.
    pub select: Option<Selector>,
    /// Digest of the pinned definition.
    pub definition: Digest,
    /// The definition's `inputSchema`, from which `input` was made.
    pub input_schema: Json,
    /// Types and bounds of the arguments.
    pub input: InputType,
    /// Typed views of the input, in order of their names.
    pub facts: Vec<Fact>,
    /// Facts of which more never makes an attempt looser; a promise about the rules that only a proof keeps, so it is
    /// in no bundle.
    pub monotone: BTreeSet<FactName>,
    /// What it does to the tool's data.
    pub effect: Effect,
    /// How a dry run of it is made.
    pub dry_run: DryRun,
    /// Arguments that records keep only as keyed digests; no rule can read them.
    pub input_mask: BTreeSet<Pointer>,
    /// Fields of every result to hide.
    pub result_mask: BTreeSet<Pointer>,
    /// Arrays of every result to cut.
    pub max_rows: BTreeMap<Pointer, u32>,
    /// What an approver reads.
    pub summary: Option<Summary>,
    /// Arguments that are amounts in minor units, each with the argument that names its currency.
    pub money: BTreeMap<String, String>,
}

/// How the effect of an operation can be seen before it happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DryRun {
    /// Nothing is said: a rule or floor that asks for a dry run does not compile for it.
    Unstated,
    /// By this operation of the same tool: effect read, same arguments.
    By(OperationName),
    /// The system offers none, and this is why; the floor's dry run is waived.
    None {
        /// The catalog's `because`.
        because: String,
    },
}

/// A rule, whichever front end it came from.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Unique in the repository.
    pub id: RuleId,
    /// What it does where it matches.
    pub kind: RuleKind,
    /// Which attempts it looks at.
    pub scope: Scope,
    /// When it matches; `None` is always.
    pub condition: Option<Condition>,
    /// For people.
    pub description: Option<String>,
    /// Who answers for it.
    pub owner: OwnerName,
    /// When it has to be looked at again.
    pub review_by: jiff::civil::Date,
    /// Where it stands.
    pub location: Location,
}

/// The three kinds of rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleKind {
    /// Lets through, for what the surface asks. As stated: floors and the catalog's masks are not joined yet.
    Grant(Surface),
    /// Grants nothing; adds to the surface of what is granted. Never [`Surface::BOTTOM`].
    Raise(Surface),
    /// No evidence helps. The text is the reason shown.
    Never(String),
}

/// Which attempts a rule looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The operations named, or everything (guardrails only, never grants).
    pub operations: Operations,
    /// Profiles it reaches, with all that inherit them; `None` is everybody (guardrails only).
    pub profiles: Option<BTreeSet<ProfileName>>,
    /// Profiles it does not reach, although it reaches a profile they hold too.
    pub except: BTreeSet<ProfileName>,
    /// Agents it reaches, by their ids; `None` is all.
    pub agents: Option<BTreeSet<String>>,
}

/// The operations of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operations {
    /// These; action groups are already expanded. Never empty.
    Listed(BTreeSet<(ToolName, OperationName)>),
    /// Every operation there is.
    All,
}

impl Operations {
    /// Returns whether `operation` of `tool` is one of these operations.
    #[must_use]
    pub fn contains(&self, tool: &ToolName, operation: &OperationName) -> bool {
        match self {
            Self::Listed(listed) => listed.contains(&(tool.clone(), operation.clone())),
            Self::All => true,
        }
    }
}

impl Policy {
    /// Returns the profiles `direct` and everything they inherit, as far as the policy knows them.
    #[must_use]
    pub fn closure<'a>(
        &'a self,
        direct: impl IntoIterator<Item = &'a ProfileName>,
    ) -> BTreeSet<&'a ProfileName> {
        let mut closure = BTreeSet::new();
        let mut open: Vec<&ProfileName> = direct.into_iter().collect();
        while let Some(name) = open.pop() {
            if let Some((name, profile)) = self.profiles.get_key_value(name)
                // A profile may be inherited on several ways and is followed once.
                && closure.insert(name)
            {
                open.extend(&profile.inherits);
            }
        }
        closure
    }

    /// Returns the operation `operation` of `tool`; `None` if the policy has none of these names.
    #[must_use]
    pub fn operation(&self, tool: &ToolName, operation: &OperationName) -> Option<&Operation> {
        self.tools.get(tool)?.operations.get(operation)
    }

    /// Returns what `rule` adds to the surface of an attempt on `operation`; `None` for a never. For grants, floors and
    /// the catalog's masks are joined in.
    #[must_use]
    pub fn surface(&self, rule: &Rule, operation: &Operation) -> Option<Surface> {
        // As the bundle holds it: the sidecar joins nothing of this again.
        match &rule.kind {
            RuleKind::Grant(stated) => Some(self.floored(stated, operation)),
            RuleKind::Raise(stated) => Some(stated.clone()),
            RuleKind::Never(_) => None,
        }
    }

    fn floored(&self, stated: &Surface, operation: &Operation) -> Surface {
        let floor = self.floors.at(stated.risk, operation.effect);
        // A dry run that the tool cannot make is waived by the catalog, with its reason.
        let waived = matches!(operation.dry_run, DryRun::None { .. });
        let mut surface = Surface {
            risk: floor.risk,
            approval: floor.approval,
            user_confirmation: floor.user_confirmation,
            dry_run: floor.dry_run && !waived,
            masks: operation.result_mask.clone(),
            max_rows: operation.max_rows.clone(),
        };
        // The rule may ask for more than the floor, never for less.
        surface.join(stated);
        surface
    }
}
