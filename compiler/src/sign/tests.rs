//! What is put before a signer, and what is not signed because it would count for nothing.

use jiff::civil::date;
use stopgate_author::waiver::{self, SliceDigest};
use stopgate_decide::digest::Digest;
use stopgate_decide::name::{OperationName, OwnerName, ReviewId, ToolName, WaiverId};

use super::*;

const TODAY: Date = date(2026, 11, 25);

fn waiver(expires: Date) -> Waiver {
    let cell = CellCover {
        tool: ToolName::new("erp").expect("a name"),
        operation: OperationName::new("create_refund").expect("a name"),
        holder: waiver::Holder::Groups(["SG Night".to_owned(), "sg-support".to_owned()].into()),
        rules: ["erp/refund-small".parse().expect("an id")].into(),
        slice: SliceDigest::V3(Digest::compute(b"slice")),
    };
    let setting = SettingCover {
        file: "approvals.yaml".to_owned(),
        path: "routes[committee].seats".to_owned(),
        change: Digest::compute(b"change"),
    };
    Waiver {
        id: WaiverId::new("2026-014").expect("an id"),
        reason: "The charter.\nexpires  2026-11-26 (tomorrow)".to_owned(),
        expires,
        covers: vec![Cover::Cell(cell), Cover::Setting(setting)],
    }
}

#[test]
fn no_text_of_the_document_looks_like_an_entry_of_the_summary() {
    let paper = Paper::Waiver(waiver(date(2026, 12, 20)));
    let wanted = format!(
        "waiver   2026-014\n\
         reason   The charter.\n           expires  2026-11-26 (tomorrow)\n\
         expires  2026-12-20 (in 25 days)\n\
         covers   erp/create_refund for members of \"SG Night\" and sg-support\n           \
           by erp/refund-small\n           slice v3:{}\n\
         covers   routes[committee].seats of approvals.yaml\n           change {}\n",
        Digest::compute(b"slice"),
        Digest::compute(b"change")
    );
    assert_eq!(paper.summary(TODAY, None), wanted);
}

#[test]
fn what_would_count_for_nothing_is_not_signed() {
    let key = SigningKey::generate().expect("a key");
    let organisation = OwnerName::new("acme-bank").expect("a name");
    let holds = Jurisdiction::new(&organisation, None);
    let review = |next| {
        let rules = ["erp/refund-small".parse().expect("an id")].into();
        let id = ReviewId::new("2027-Q1").expect("an id");
        Paper::Review(Review { id, next, rules })
    };
    let on = |expires| Paper::Waiver(waiver(expires));
    for (name, paper, signed) in [
        ("expired", on(date(2026, 11, 24)), false),
        ("today", on(TODAY), false),
        ("tomorrow", on(date(2026, 11, 26)), true),
        ("in 30 days", on(date(2026, 12, 25)), true),
        ("in 31 days", on(date(2026, 12, 26)), false),
        ("a review of the past", review(TODAY), false),
        ("a review", review(date(2027, 6, 30)), true),
    ] {
        let made = paper.sign(&key, &holds, policy::Gate::DEFAULT, TODAY);
        assert_eq!(made.is_ok(), signed, "{name}: {made:?}");
        if let Ok((path, _)) = made {
            let id = key.public().expect("a public key").id();
            assert_eq!(path, format!("{}/{}.{id}.sig", paper.folder(), paper.id()));
        }
    }
    let mut long = waiver(date(2026, 12, 20));
    long.covers = (0..2_000).flat_map(|_| long.covers.clone()).collect();
    let made = Paper::Waiver(long).sign(&key, &holds, policy::Gate::DEFAULT, TODAY);
    assert!(matches!(made, Err(SignError::TooLong)), "{made:?}");
}
