//! Signed reviews: which rules they give a later day, and whose signatures count for that.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::date;
use stopgate_author::waiver::Jurisdiction;
use stopgate_decide::bundle::dsse::Signature;
use stopgate_decide::name::{OwnerName, ReviewId};

use crate::key::SigningKey;
use crate::root::{first, first_with_reviewers};
use crate::waiver::signature_file;

use super::*;

fn review(id: &str, next: Date, rules: &[&str]) -> Review {
    let parsed = rules.iter().map(|rule| rule.parse());
    Review {
        id: ReviewId::new(id).expect("an id"),
        next,
        rules: parsed.collect::<Result<_, _>>().expect("ids"),
    }
}

fn organisation() -> OwnerName {
    OwnerName::new("acme-bank").expect("a name")
}

fn signed(review: &Review, root: &TrustRoot, key: &SigningKey) -> Document {
    let statement = review.statement(&Jurisdiction::new(&organisation(), Some(root)));
    let signature = Signature {
        key: key.public().expect("a public key").id(),
        bytes: key.sign(&statement.signed_bytes()),
    };
    signature_file(&statement, FOLDER, review.id.as_str(), signature)
}

#[test]
fn only_signed_reviews_move_a_day_and_only_on() {
    let key = || SigningKey::generate().expect("a key");
    let (security, ana, stranger) = (key(), key(), key());
    let none = BTreeMap::new();
    let reviewers = BTreeMap::from([("ana".to_owned(), ana.public().expect("a public key"))]);
    let open = |bytes: Vec<u8>| TrustRoot::open(&bytes, Timestamp::UNIX_EPOCH).expect("opens");
    let root = first_with_reviewers(&security, "s", &none, &reviewers, Timestamp::MAX);
    let root = open(root.expect("a root"));
    let rotated = first_with_reviewers(&key(), "s", &none, &reviewers, Timestamp::MAX);
    let rotated = open(rotated.expect("a root"));
    let old = open(first(&security, "s", &none, Timestamp::MAX).expect("a root"));

    let stated = date(2027, 3, 31);
    let next = date(2027, 6, 30);
    let q1 = review("2027-Q1", next, &["erp/refund-small"]);
    let earlier = review("2027-Q0", date(2027, 1, 1), &["erp/refund-small"]);
    let later = review("2027-Q2", date(2027, 9, 30), &["erp/refund-small"]);
    let elsewhere = review("2027-Q1", next, &["erp/refund-large"]);
    let longer = Review {
        next: date(2099, 1, 1),
        ..q1.clone()
    };
    let by_ana = |review: &Review| signed(review, &root, &ana);
    for (name, root, reviews, signatures, wanted) in [
        (
            "signed",
            Some(&root),
            vec![q1.clone()],
            vec![by_ana(&q1)],
            next,
        ),
        ("not signed", Some(&root), vec![q1.clone()], vec![], stated),
        (
            "by a stranger",
            Some(&root),
            vec![q1.clone()],
            vec![signed(&q1, &root, &stranger)],
            stated,
        ),
        (
            "by the root key",
            Some(&root),
            vec![q1.clone()],
            vec![signed(&q1, &root, &security)],
            stated,
        ),
        (
            "no reviewers",
            Some(&old),
            vec![q1.clone()],
            vec![by_ana(&q1)],
            stated,
        ),
        ("no root", None, vec![q1.clone()], vec![by_ana(&q1)], stated),
        (
            "under another root",
            Some(&rotated),
            vec![q1.clone()],
            vec![by_ana(&q1)],
            stated,
        ),
        (
            "changed afterwards",
            Some(&root),
            vec![longer],
            vec![by_ana(&q1)],
            stated,
        ),
        (
            "of another rule",
            Some(&root),
            vec![elsewhere.clone()],
            vec![by_ana(&elsewhere)],
            stated,
        ),
        (
            "not later",
            Some(&root),
            vec![earlier.clone()],
            vec![by_ana(&earlier)],
            stated,
        ),
        (
            "two",
            Some(&root),
            vec![q1.clone(), later.clone()],
            vec![by_ana(&q1), by_ana(&later)],
            later.next,
        ),
        (
            "two, one signed",
            Some(&root),
            vec![q1.clone(), later.clone()],
            vec![by_ana(&q1)],
            next,
        ),
    ] {
        let reviews = Reviews::verified(&reviews, &signatures, &organisation(), root);
        let rule = "erp/refund-small".parse().expect("an id");
        assert_eq!(reviews.review_by(&rule, stated), wanted, "{name}");
    }
}

#[test]
fn a_signature_that_does_not_hold_spoils_its_review() {
    let key = || SigningKey::generate().expect("a key");
    let (security, ana, eva) = (key(), key(), key());
    let public = |key: &SigningKey| key.public().expect("a public key");
    let reviewers = BTreeMap::from([
        ("ana".to_owned(), public(&ana)),
        ("eva".to_owned(), public(&eva)),
    ]);
    let root = first_with_reviewers(&security, "s", &BTreeMap::new(), &reviewers, Timestamp::MAX);
    let root = TrustRoot::open(&root.expect("a root"), Timestamp::UNIX_EPOCH).expect("opens");
    let q1 = review("2027-Q1", date(2027, 6, 30), &["erp/refund-small"]);
    let other = review("2027-Q1", date(2028, 6, 30), &["erp/refund-small"]);
    let signatures = [signed(&q1, &root, &ana), signed(&other, &root, &eva)];
    let reviews = Reviews::verified(&[q1], &signatures, &organisation(), Some(&root));
    let reviewed = &reviews.reviews[0];
    assert_eq!(
        reviewed.signers.reviewers,
        BTreeSet::from([public(&ana).id()])
    );
    assert_eq!(reviewed.signers.spoilt.len(), 1);
    assert!(!reviewed.is_signed());
}
