//! Who acts and for whom, and on whose word: the user's identity provider's, or that of a caller that may give it.
//!
//! It sees what the request says of people and agents and nothing else: no argument can reach it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use stopgate_decide::attempt::{Attempt, Input, Subject, Target};
use stopgate_decide::bundle::Bundle;
use stopgate_decide::decide::{Reason, Rejection};
use stopgate_decide::name::ProfileName;

use crate::bounds::MAX_GROUPS;
use crate::caller::Caller;
use crate::identity::token::Refused;
use crate::identity::{Identity, SubjectToken};
use crate::metrics::{Metrics, TokenCheck};
use crate::seldom::SeldomEach;

use super::request::{AssertedSubject, Label, NamedSubject, Request};

/// A kind of refused token: the uid of the caller, and what is wrong. There are as many as callers and reasons.
pub(super) type RefusedToken = (u32, Refused);

/// Whom an attempt is by.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Principal {
    /// The original user; empty texts for nobody.
    pub(super) subject: Subject,
    /// The user's direct profiles.
    pub(super) profiles: BTreeSet<ProfileName>,
    /// The agent.
    pub(super) agent: String,
    /// Whether it is known which agent it is: the user's token names it, or the caller can name none but its own. A stop
    /// for one agent reaches every attempt of which that is not known.
    pub(super) agent_is_vouched: bool,
}

/// What a request says of people and agents.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named<'a> {
    pub(super) subject: Option<&'a NamedSubject>,
    pub(super) agent: Option<&'a Label>,
}

/// What principals are found by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Registrar<'a> {
    pub(super) identity: &'a Identity,
    pub(super) metrics: &'a Metrics,
    pub(super) bundle: &'a Bundle,
    pub(super) caller: &'a Caller,
    pub(super) refused: &'a SeldomEach<RefusedToken>,
    pub(super) now: Timestamp,
}

/// A subject that somebody vouches for.
struct Vouched {
    subject: Subject,
    profiles: BTreeSet<ProfileName>,
    /// The agent, if the one who vouches for the subject names it too.
    agent: Option<String>,
}

impl Principal {
    /// Makes an attempt of what is asked.
    pub(super) fn attempt(self, request: &Request) -> Attempt {
        let Self {
            subject,
            profiles,
            agent,
            agent_is_vouched: _,
        } = self;
        Attempt {
            subject,
            profiles,
            agent,
            tool: request.tool.as_str().to_owned(),
            // No operation has an empty name: nobody said what to do, so nothing known is to be done.
            target: request
                .target
                .clone()
                .unwrap_or_else(|| Target::Operation(String::new())),
            input: Input::parse(&request.input),
            definition: request.definition,
        }
    }
}

fn unverified(message: &str) -> Rejection {
    Rejection::new(Reason::SubjectUnverified, message)
}

impl Registrar<'_> {
    /// Returns whom the attempt is by. If nobody who may do so vouches for the subject, the attempt is by nobody, and a
    /// rejection comes with the answer.
    pub(super) fn principal(self, named: Named<'_>) -> (Principal, Result<(), Rejection>) {
        let found = self.vouched(named.subject).and_then(|vouched| {
            let agent_is_vouched = vouched.agent.is_some() || !self.caller.may.assert_agent;
            let agent = self.agent(vouched.agent, named.agent)?;
            Ok(Principal {
                subject: vouched.subject,
                profiles: vouched.profiles,
                agent,
                agent_is_vouched,
            })
        });
        match found {
            Ok(principal) => (principal, Ok(())),
            Err(rejection) => (self.nobody(named.agent), Err(rejection)),
        }
    }

    fn nobody(self, agent: Option<&Label>) -> Principal {
        // An agent that the caller may not name would be a lie in the record.
        let agent = agent.filter(|_| self.caller.may.assert_agent);
        Principal {
            subject: Subject {
                issuer: String::new(),
                id: String::new(),
            },
            profiles: BTreeSet::new(),
            agent: agent
                .map_or(self.caller.agent.as_str(), Label::as_str)
                .to_owned(),
            agent_is_vouched: false,
        }
    }

    fn vouched(self, named: Option<&NamedSubject>) -> Result<Vouched, Rejection> {
        match named {
            None => Err(unverified("the attempt names no subject")),
            Some(NamedSubject::Token(token)) => self.verified(token),
            Some(NamedSubject::Asserted(asserted)) => self.asserted(asserted),
        }
    }

    fn verified(self, token: &SubjectToken) -> Result<Vouched, Rejection> {
        match self.identity.verify(self.bundle, token, self.now) {
            Ok((verified, found)) => {
                self.metrics.token(TokenCheck::Good(found));
                Ok(Vouched {
                    subject: verified.subject.clone(),
                    profiles: self.profiles(&verified.groups),
                    agent: verified.agent.clone(),
                })
            }
            Err(refused) => {
                self.metrics.token(TokenCheck::Refused(refused));
                let uid = self.caller.uid;
                if let Some(passed_over) = self.refused.tell((uid, refused)) {
                    let reason = refused.as_str();
                    tracing::info!(reason, uid, passed_over, "token refused");
                }
                // The caller is told less than the operator: which check failed is a hint to whoever forges tokens.
                Err(unverified(refused.outside()))
            }
        }
    }

    fn asserted(self, asserted: &AssertedSubject) -> Result<Vouched, Rejection> {
        let AssertedSubject { subject, groups } = asserted;
        if !self.caller.may.assert_subject {
            return Err(unverified(
                "this caller may not name a subject on its own word",
            ));
        }
        // A caller's word stands for the word of an issuer that the policy knows, and for no other.
        if self.bundle.issuer(&subject.issuer).is_none() {
            return Err(unverified("the policy does not know the subject's issuer"));
        }
        if groups.len() > MAX_GROUPS {
            return Err(unverified("the subject is in too many groups"));
        }
        Ok(Vouched {
            subject: subject.clone(),
            profiles: self.profiles(groups),
            agent: None,
        })
    }

    fn profiles(self, groups: &[String]) -> BTreeSet<ProfileName> {
        self.bundle
            .profiles_of_groups(groups.iter().map(String::as_str))
    }

    /// Returns the agent that the token names, else the one that the request names, else the caller's own. Rejects the
    /// attempt if token and request name two that differ, or if the request names another than the caller's own and the
    /// caller may not do so.
    fn agent(self, by_token: Option<String>, named: Option<&Label>) -> Result<String, Rejection> {
        let Self { caller, .. } = self;
        match (by_token, named) {
            (Some(agent), Some(named)) if agent != named.as_str() => Err(unverified(
                "the attempt names another agent than the subject's token",
            )),
            (Some(agent), _) => Ok(agent),
            (None, Some(named)) if named.as_str() != caller.agent && !caller.may.assert_agent => {
                Err(unverified(
                    "this caller may not name another agent than its own",
                ))
            }
            (None, Some(named)) => Ok(named.as_str().to_owned()),
            (None, None) => Ok(caller.agent.clone()),
        }
    }
}
