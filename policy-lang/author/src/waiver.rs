//! What reviewers sign beside a policy: waivers, which let named loosenings pass, and reviews, which say that rules
//! were looked at.
//!
//! Signed is the canonical JSON of the checked value, and where it holds: comments and layout of the document mean
//! nothing, everything else does. Whose signatures count is a matter of the trust root, not of this module. Nothing of it is in a bundle.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use stopgate_decide::bundle::{DOCUMENT_LIMITS, TrustRoot, dsse};
use stopgate_decide::digest::{Digest, InvalidDigest};
use stopgate_decide::json::Json;
use stopgate_decide::name::{
    OperationName, OwnerName, ProfileName, ReviewId, RuleId, ToolName, WaiverId,
};

/// Version of what is signed.
const FORMAT: i64 = 2;
/// The members of what is signed that say where it holds.
const ORGANISATION: &str = "organisation";
const ROOT: &str = "root";
/// What stands before a slice's digest.
const V3: &str = "v3:";
/// The purpose of digests of changed settings.
const SETTING: &str = "stopgate-setting";

/// `waivers/ID.yaml`: loosenings that may pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiver {
    /// Its id, the stem of its file.
    pub id: WaiverId,
    /// Why, for people; not blank.
    pub reason: String,
    /// From this day on (UTC) it covers nothing.
    pub expires: Date,
    /// What may pass; never empty, no loosening twice.
    pub covers: Vec<Cover>,
}

/// One loosening that may pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cover {
    /// Of an operation, for somebody.
    Cell(CellCover),
    /// Of a setting.
    Setting(SettingCover),
}

/// A looser operation, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellCover {
    /// The tool.
    pub tool: ToolName,
    /// Its operation.
    pub operation: OperationName,
    /// For whom.
    pub holder: Holder,
    /// The only rules that may be the cause; never empty.
    pub rules: BTreeSet<RuleId>,
    /// Everything that decides about the operation before and after the change.
    pub slice: SliceDigest,
}

/// What a [`CellCover`] is bound to, by the release that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SliceDigest {
    /// `v3:sha256:…`, as this release makes it.
    V3(Digest),
    /// `sha256:…`, made of what Cedar and Rust print: nobody can make it again, so it covers nothing.
    Older(Digest),
}

impl fmt::Display for SliceDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V3(digest) => write!(f, "{V3}{digest}"),
            Self::Older(digest) => digest.fmt(f),
        }
    }
}

impl FromStr for SliceDigest {
    type Err = InvalidDigest;
    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        match text.strip_prefix(V3) {
            Some(digest) => digest.parse().map(Self::V3),
            None => text.parse().map(Self::Older),
        }
    }
}

/// Somebody, by all that counts of them; never nobody.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    /// With exactly these profiles directly.
    Profiles(BTreeSet<ProfileName>),
    /// In exactly these groups of the identity provider.
    Groups(BTreeSet<String>),
}

/// A changed setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingCover {
    /// The document, by its path.
    pub file: String,
    /// The place in it, as `stopgate diff` prints it; empty for the document as a whole.
    pub path: String,
    /// [`setting_digest`] of the change.
    pub change: Digest,
}

/// `reviews/ID.yaml`: rules that were looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// Its id, the stem of its file.
    pub id: ReviewId,
    /// The day by which the rules have to be looked at again.
    pub next: Date,
    /// The rules; never empty.
    pub rules: BTreeSet<RuleId>,
}

/// Where a signature holds: for whose policy, and under whose root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jurisdiction {
    /// Whose policy it is about.
    pub organisation: OwnerName,
    /// [`TrustRoot::root_role`] of the root that it is judged by; `None` where there is none, and nobody can sign.
    pub root: Option<Digest>,
}

impl Jurisdiction {
    /// Makes the jurisdiction of signatures that are judged by `root` in the policy of `organisation`.
    #[must_use]
    pub fn new(organisation: &OwnerName, root: Option<&TrustRoot>) -> Self {
        Self {
            organisation: organisation.clone(),
            root: root.map(TrustRoot::root_role),
        }
    }
}

/// What was signed instead of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Otherwise {
    /// A payload of an older release, which does not say where it holds.
    Older,
    /// The same for another organisation.
    Organisation,
    /// The same under another root.
    Root,
    /// Another text.
    Text,
}

/// What a signature is made over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// What kind of payload it is; signed too.
    pub payload_type: &'static str,
    /// Canonical JSON.
    pub payload: Vec<u8>,
}

impl Statement {
    fn new(payload_type: &'static str, holds: &Jurisdiction, members: Vec<(&str, Json)>) -> Self {
        let Jurisdiction { organisation, root } = holds;
        let first = vec![
            ("stopgate", Json::Integer(FORMAT)),
            (ORGANISATION, text(organisation)),
            // A statement under no root names none: it cannot be counted, and cannot be mistaken for one that can.
            (ROOT, root.map_or(Json::Null, text)),
        ];
        let payload = object([first, members].concat());
        Self {
            payload_type,
            payload: payload.canonical().into_bytes(),
        }
    }

    /// Returns the bytes that a signature covers.
    #[must_use]
    pub fn signed_bytes(&self) -> Vec<u8> {
        dsse::signed_bytes(self.payload_type, &self.payload)
    }

    /// Returns what `payload` of the kind `payload_type` is, given that it is not this statement.
    #[must_use]
    pub fn otherwise(&self, payload_type: &str, payload: &[u8]) -> Otherwise {
        if dsse::OLDER.contains(&payload_type) {
            return Otherwise::Older;
        }
        let own = Json::parse(&self.payload, DOCUMENT_LIMITS);
        let other = Json::parse(payload, DOCUMENT_LIMITS);
        let (true, Ok(Json::Object(mut own)), Ok(other)) =
            (payload_type == self.payload_type, own, other)
        else {
            return Otherwise::Text;
        };
        // Takes over the organisation and the root of the other text, and notes which of the two differ.
        let mut differs = [ORGANISATION, ROOT].map(|name| {
            let there = other.get(name).cloned().unwrap_or(Json::Null);
            let here = own.iter_mut().find(|(member, _)| member == name);
            let here = here.map(|(_, value)| std::mem::replace(value, there.clone()));
            here != Some(there)
        });
        // Whatever else differs is another text.
        if Json::Object(own).canonical().into_bytes() != payload {
            differs = [false, false];
        }
        match differs {
            [true, _] => Otherwise::Organisation,
            [false, true] => Otherwise::Root,
            [false, false] => Otherwise::Text,
        }
    }

    /// Returns the digest that a reviewer compares before signing: SHA-256 of all that is signed.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::compute(&self.signed_bytes())
    }
}

impl Waiver {
    /// Makes the statement that the waiver's reviewers sign, for the jurisdiction `holds`.
    #[must_use]
    pub fn statement(&self, holds: &Jurisdiction) -> Statement {
        let Self {
            id,
            reason,
            expires,
            covers,
        } = self;
        let members = vec![
            ("kind", text("waiver")),
            ("waiver", text(id)),
            ("reason", text(reason)),
            ("expires", text(expires)),
            (
                "covers",
                Json::Array(covers.iter().map(Cover::json).collect()),
            ),
        ];
        Statement::new(dsse::WAIVER, holds, members)
    }
}

impl Review {
    /// Makes the statement that the review's reviewers sign, for the jurisdiction `holds`.
    #[must_use]
    pub fn statement(&self, holds: &Jurisdiction) -> Statement {
        let Self { id, next, rules } = self;
        let members = vec![
            ("kind", text("review")),
            ("review", text(id)),
            ("next", text(next)),
            ("rules", texts(rules)),
        ];
        Statement::new(dsse::REVIEW, holds, members)
    }
}

impl Cover {
    /// Returns the whole cover as JSON, as it is signed.
    fn json(&self) -> Json {
        match self {
            Self::Cell(CellCover {
                tool,
                operation,
                holder,
                rules,
                slice,
            }) => object(vec![
                ("tool", text(tool)),
                ("operation", text(operation)),
                holder.member(),
                ("rules", texts(rules)),
                ("slice", text(slice)),
            ]),
            Self::Setting(SettingCover { file, path, change }) => object(vec![
                ("file", text(file)),
                ("path", text(path)),
                ("change", text(change)),
            ]),
        }
    }

    /// Returns what the cover allows a change of, as JSON without the change: tool, operation and holder, or file and
    /// path of a setting.
    pub(crate) fn about(&self) -> Json {
        match self {
            Self::Cell(cell) => object(vec![
                ("tool", text(&cell.tool)),
                ("operation", text(&cell.operation)),
                cell.holder.member(),
            ]),
            Self::Setting(setting) => object(vec![
                ("file", text(&setting.file)),
                ("path", text(&setting.path)),
            ]),
        }
    }
}

impl Holder {
    fn member(&self) -> (&'static str, Json) {
        match self {
            Self::Profiles(profiles) => ("profiles", texts(profiles)),
            Self::Groups(groups) => ("groups", texts(groups)),
        }
    }
}

/// Returns the digest that a [`SettingCover`] is bound to: of the place `path` in the document `file`, and of what
/// stands there before and after the change. `None` stands for nothing, which is something else than `null`. The values
/// have to be whole: a value that is cut for people to read would let others through that are cut to the same.
#[must_use]
pub fn setting_digest(
    file: &str,
    path: &str,
    before: Option<&Json>,
    after: Option<&Json>,
) -> Digest {
    let mut members = vec![("file", text(file)), ("path", text(path))];
    members.extend(before.map(|before| ("before", before.clone())));
    members.extend(after.map(|after| ("after", after.clone())));
    object(members).digest(SETTING)
}

fn text(value: impl std::fmt::Display) -> Json {
    Json::String(value.to_string())
}

fn texts<T: std::fmt::Display>(values: &BTreeSet<T>) -> Json {
    Json::Array(values.iter().map(text).collect())
}

fn object(members: Vec<(&str, Json)>) -> Json {
    let members = members.into_iter();
    Json::Object(
        members
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

#[cfg(test)]
mod tests;
