//! Reviews that were signed: they move on the day by which a rule has to be looked at again.
//!
//! Pure. A review that too few reviewers signed moves nothing.

use jiff::civil::Date;
use stopgate_author::waiver::{Jurisdiction, Review};
use stopgate_decide::bundle::TrustRoot;
use stopgate_decide::bundle::root::Role;
use stopgate_decide::digest::Digest;
use stopgate_decide::name::{OwnerName, RuleId};

use crate::waiver::Signers;
use crate::workspace::Document;

/// The folder of reviews.
pub const FOLDER: &str = "reviews";

/// All reviews of a repository, with who signed them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reviews {
    /// Each of them.
    pub reviews: Vec<Reviewed>,
}

/// One review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reviewed {
    /// What it says.
    pub review: Review,
    /// The digest of what reviewers sign.
    pub digest: Digest,
    /// Reviewers that have to sign; `None`: the root has no reviewers, so nobody can.
    pub needed: Option<usize>,
    /// Who signed.
    pub signers: Signers,
}

impl Reviewed {
    /// Returns whether enough reviewers signed the review, and no signature of it is spoilt.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        let enough = |needed| self.signers.reviewers.len() >= needed;
        self.signers.spoilt.is_empty() && self.needed.is_some_and(enough)
    }
}

impl Reviews {
    /// Checks the signatures of `reviews` of `organisation` under `root`. As many reviewers have to sign as the root's
    /// role says.
    #[must_use]
    pub fn verified(
        reviews: &[Review],
        signatures: &[Document],
        organisation: &OwnerName,
        root: Option<&TrustRoot>,
    ) -> Self {
        let holds = Jurisdiction::new(organisation, root);
        let needed = root.and_then(|root| root.threshold(Role::Reviewer));
        let needed = needed.map(|needed| usize::try_from(needed).unwrap_or(usize::MAX));
        let reviewed = |review: &Review| {
            let statement = review.statement(&holds);
            let id = review.id.as_str();
            Reviewed {
                review: review.clone(),
                digest: statement.digest(),
                needed,
                signers: Signers::new(&statement, FOLDER, id, signatures, root),
            }
        };
        Self {
            reviews: reviews.iter().map(reviewed).collect(),
        }
    }

    /// Returns the day by which `rule`, which states `review_by` itself, has to be looked at again. It is the latest of
    /// that day and of the `next` of each signed review that lists the rule.
    #[must_use]
    pub fn review_by(&self, rule: &RuleId, review_by: Date) -> Date {
        let signed = self.reviews.iter().filter(|reviewed| reviewed.is_signed());
        let listing = signed.filter(|reviewed| reviewed.review.rules.contains(rule));
        listing
            .map(|reviewed| reviewed.review.next)
            .fold(review_by, Date::max)
    }
}

#[cfg(test)]
mod tests;
