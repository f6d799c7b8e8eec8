//! Verifying a token: a JWT in compact form, signed with RS256, ES256 or Ed25519, over values that are given, the time
//! included. It reads no clock, no file and no configuration.
//!
//! What is not understood is refused: another type, a critical header, a member twice, a claim of another kind than it
//! has to be. The algorithm is the key's; the header may only agree with it. No reason says a byte of the token.

mod seconds;

use std::time::Duration;

use self::seconds::Round;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jiff::{SignedDuration, Timestamp};
use stopgate_decide::attempt::Subject;
use stopgate_decide::json::{Json, Limits};
use stopgate_decide::organisation::Issuer;

use crate::bounds::{MAX_GROUPS, MAX_LABEL, MAX_SUBJECT, MAX_TOKEN_BYTES};

use super::jwks::{Algorithm, KeySet};

/// Of the header and of the claims: a member for each of the groups, and as deep as claims of issuers are nested, and
/// more.
const JSON_LIMITS: Limits = Limits {
    bytes: MAX_TOKEN_BYTES,
    depth: 16,
    members: 2048,
};

/// What the header may call the token. A logout token or one of our own permits is signed by somebody, too.
const TYPES: [&str; 3] = ["jwt", "at+jwt", "application/at+jwt"];

/// What an issuer's token has to agree with.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// The issuer, as the policy names it.
    pub issuer: &'a Issuer,
    /// Its keys.
    pub keys: &'a KeySet,
    /// How far its clock may be from ours.
    pub clock_skew: Duration,
}

/// A token taken apart. Nothing in it is believed yet.
pub struct Unverified<'a> {
    algorithm: Algorithm,
    key: String,
    claims: Json,
    issuer: String,
    signed: &'a [u8],
    signature: Vec<u8>,
}

/// What a verified token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The original user.
    pub subject: Subject,
    /// The user's groups at the issuer; at most [`MAX_GROUPS`].
    pub groups: Vec<String>,
    /// The agent that the token was made for, where the policy names a claim for it.
    pub agent: Option<String>,
    /// The `exp` of the token.
    pub expires: Timestamp,
}

macro_rules! refusals {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal,)+) => {
        /// Why a token does not verify. For operators; a caller is told less, see [`Refused::outside`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Refused {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Refused {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Returns the word for the reason in events and metrics.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }
        }
    };
}

refusals! {
    /// Longer than [`MAX_TOKEN_BYTES`].
    TooLong = "too_long",
    /// Not three parts of unpadded base64url, of which the first two are strict JSON objects.
    Malformed = "malformed",
    /// Its `typ` is another kind of token.
    Type = "type",
    /// It names headers that whoever does not know them has to refuse.
    Critical = "critical",
    /// Its `alg` is none of RS256, ES256, Ed25519 and EdDSA.
    Algorithm = "algorithm",
    /// The policy does not know its issuer, or there is no configuration for it.
    Issuer = "issuer",
    /// There are no keys of its issuer.
    NoKeys = "no_keys",
    /// It names no key.
    NoKeyId = "no_key_id",
    /// Its issuer has no such key.
    UnknownKey = "unknown_key",
    /// The key is for another algorithm than the header says.
    KeyMismatch = "key_mismatch",
    /// The signature is not of this key over these bytes.
    Signature = "signature",
    /// It is meant for somebody else.
    Audience = "audience",
    /// It never expires, or its times are no numbers of seconds.
    Times = "times",
    /// It has expired.
    Expired = "expired",
    /// It is not valid yet.
    NotYet = "not_yet",
    /// The subject's claim is no text of a sensible length.
    Subject = "subject",
    /// The groups' claim is neither a text nor a list of texts.
    Groups = "groups",
    /// There are more than [`MAX_GROUPS`] groups.
    TooManyGroups = "too_many_groups",
    /// The agent's claim, which the policy names, is missing or no text of a sensible length.
    Agent = "agent",
}

impl Refused {
    /// Returns what the caller is told: whether a fresh token helps, and nothing about the check that failed.
    #[must_use]
    pub const fn outside(self) -> &'static str {
        match self {
            // Only said of a token whose signature is good.
            Self::Expired => "the subject's token has expired",
            Self::TooLong
            | Self::Malformed
            | Self::Type
            | Self::Critical
            | Self::Algorithm
            | Self::Issuer
            | Self::NoKeys
            | Self::NoKeyId
            | Self::UnknownKey
            | Self::KeyMismatch
            | Self::Signature
            | Self::Audience
            | Self::Times
            | Self::NotYet
            | Self::Subject
            | Self::Groups
            | Self::TooManyGroups
            | Self::Agent => "the subject's token does not verify",
        }
    }
}

impl<'a> Unverified<'a> {
    /// Takes the text `token` apart.
    ///
    /// # Errors
    /// [`Refused`] for what is wrong before any key is looked at.
    pub fn parse(token: &'a str) -> Result<Self, Refused> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Refused::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Refused::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(Refused::Malformed)?;
        // A third full stop is in the claims then, where base64url has none.
        let (header, claims) = (object(header)?, object(claims)?);
        let signature = BASE64.decode(signature).map_err(|_| Refused::Malformed)?;

        // What the header says is looked at before the signature, because it decides what is verified and how. So only
        // what is understood whole goes on.
        if header.get("crit").is_some() {
            return Err(Refused::Critical);
        }
        match header.get("typ").map(Json::as_str) {
            None => {}
            Some(Some(kind)) if TYPES.contains(&kind.to_ascii_lowercase().as_str()) => {}
            Some(_) => return Err(Refused::Type),
        }
        let algorithm = header.get("alg").and_then(Json::as_str);
        let algorithm = algorithm
            .and_then(Algorithm::named)
            .ok_or(Refused::Algorithm)?;
        let key = header.get("kid").and_then(Json::as_str);
        let key = key.filter(|key| !key.is_empty()).ok_or(Refused::NoKeyId)?;
        let issuer = claims.get("iss").and_then(Json::as_str);
        Ok(Self {
            algorithm,
            key: key.to_owned(),
            issuer: issuer.ok_or(Refused::Issuer)?.to_owned(),
            claims,
            signed: signed.as_bytes(),
            signature,
        })
    }

    /// Returns the issuer that the token names. The name is not verified and serves only to find the terms that the
    /// token has to be verified by.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Verifies the token by `terms` as of `now`.
    ///
    /// # Errors
    /// [`Refused`] for the first thing that is wrong; nothing a token says is looked at before its signature.
    pub fn verify(&self, terms: Terms<'_>, now: Timestamp) -> Result<Verified, Refused> {
        let Terms {
            issuer,
            keys,
            clock_skew,
        } = terms;
        if self.issuer != issuer.issuer {
            return Err(Refused::Issuer);
        }
        // The key decides about the algorithm. A header that could choose would have an RSA key taken for a secret.
        let key = keys.get(&self.key).ok_or(Refused::UnknownKey)?;
        if key.algorithm() != self.algorithm {
            return Err(Refused::KeyMismatch);
        }
        if !key.verifies(self.signed, &self.signature) {
            return Err(Refused::Signature);
        }
        // From here on the claims are the issuer's own.
        if !self.is_for(&issuer.audience) {
            return Err(Refused::Audience);
        }
        let expires = self.times(clock_skew, now)?;
        let id = self.text(&issuer.subject, MAX_SUBJECT);
        let agent = issuer.agent.as_ref().map(|claim| {
            self.text(claim, MAX_LABEL)
                .map(str::to_owned)
                .ok_or(Refused::Agent)
        });
        Ok(Verified {
            subject: Subject {
                issuer: issuer.issuer.clone(),
                id: id.ok_or(Refused::Subject)?.to_owned(),
            },
            groups: self.groups(&issuer.groups)?,
            agent: agent.transpose()?,
            expires,
        })
    }

    /// Returns whether the token is meant for `audience`: whether its `aud` is that text, or a list of texts with that
    /// text among them.
    fn is_for(&self, audience: &str) -> bool {
        match self.claims.get("aud") {
            Some(Json::String(only)) => only == audience,
            Some(Json::Array(listed)) => {
                // One entry that is no text makes the list none of audiences: who wrote it meant something else.
                listed.iter().all(|entry| entry.as_str().is_some())
                    && listed.iter().any(|entry| entry.as_str() == Some(audience))
            }
            Some(
                Json::Null | Json::Bool(_) | Json::Integer(_) | Json::Decimal(_) | Json::Object(_),
            )
            | None => false,
        }
    }

    /// Returns the `exp`, if the token is valid at `now`: before the `exp` and not before the `nbf` and the `iat`,
    /// where the issuer's clock may be `skew` away from ours. Fractions of a second are rounded so that the token is
    /// valid for less time.
    fn times(&self, skew: Duration, now: Timestamp) -> Result<Timestamp, Refused> {
        let instant = |claim: &str, round| match self.claims.get(claim) {
            None => Ok(None),
            Some(value) => seconds::whole(value, round)
                .and_then(|seconds| Timestamp::from_second(seconds).ok())
                .map(Some)
                .ok_or(Refused::Times),
        };
        let expires = instant("exp", Round::Down)?.ok_or(Refused::Times)?;
        let begins = [instant("nbf", Round::Up)?, instant("iat", Round::Up)?];
        // A leeway that is too long to be a duration is none.
        let skew = SignedDuration::try_from(skew).unwrap_or(SignedDuration::ZERO);
        if now.duration_since(expires) >= skew {
            return Err(Refused::Expired);
        }
        let early = |begins: &Timestamp| begins.duration_since(now) > skew;
        if begins.iter().flatten().any(early) {
            return Err(Refused::NotYet);
        }
        Ok(expires)
    }

    /// Returns the claim called `claim`, if it is a text of 1 to `most` bytes.
    fn text(&self, claim: &str, most: usize) -> Option<&str> {
        self.claims
            .get(claim)?
            .as_str()
            .filter(|text| (1..=most).contains(&text.len()))
    }

    /// Returns the user's groups in the claim called `claim`. A token without the claim is of somebody in no group. A
    /// claim that is one text is one group: some issuers write a list only where there are two.
    fn groups(&self, claim: &str) -> Result<Vec<String>, Refused> {
        let Some(groups) = self.claims.get(claim) else {
            return Ok(Vec::new());
        };
        if let Some(only) = groups.as_str() {
            return Ok(vec![only.to_owned()]);
        }
        let groups = groups.as_array().ok_or(Refused::Groups)?;
        // Not the first so many: which of them lead to a profile, and to which raises, would be chance.
        if groups.len() > MAX_GROUPS {
            return Err(Refused::TooManyGroups);
        }
        let texts = groups
            .iter()
            .map(|group| group.as_str().map(str::to_owned))
            .collect::<Option<_>>();
        texts.ok_or(Refused::Groups)
    }
}

/// Reads a part of the token that has to be an object. Padding and bits that mean nothing are refused, so that one
/// value has one spelling.
fn object(part: &str) -> Result<Json, Refused> {
    let bytes = BASE64.decode(part).map_err(|_| Refused::Malformed)?;
    let json = Json::parse(&bytes, JSON_LIMITS).map_err(|_| Refused::Malformed)?;
    match json {
        Json::Object(_) => Ok(json),
        Json::Null
        | Json::Bool(_)
        | Json::Integer(_)
        | Json::Decimal(_)
        | Json::String(_)
        | Json::Array(_) => Err(Refused::Malformed),
    }
}

#[cfg(test)]
mod tests;
