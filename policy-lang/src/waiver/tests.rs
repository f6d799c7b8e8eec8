//! What a waiver's signature is over, byte by byte.

use super::*;

fn digest(byte: u8) -> Digest {
    Digest::of(&[byte])
}

fn set<T: std::str::FromStr + Ord>(texts: &[&str]) -> BTreeSet<T> {
    let parsed = texts.iter().map(|text| text.parse().ok());
    parsed.collect::<Option<_>>().expect("names")
}

fn cell() -> CellCover {
    CellCover {
        tool: ToolName::new("erp").expect("a name"),
        operation: OperationName::new("create_refund").expect("a name"),
        holder: Holder::Profiles(set(&["support-analyst"])),
        rules: set(&["erp/refund-small"]),
        slice: digest(1),
    }
}

fn setting() -> SettingCover {
    SettingCover {
        file: "approvals.yaml".to_owned(),
        path: "routes[refund-committee].seats".to_owned(),
        change: digest(2),
    }
}

fn waiver(covers: Vec<Cover>) -> Waiver {
    Waiver {
        id: WaiverId::new("2026-014").expect("an id"),
        reason: "The new customer charter.".to_owned(),
        expires: jiff::civil::date(2026, 12, 20),
        covers,
    }
}

fn review() -> Review {
    Review {
        id: ReviewId::new("2026-014").expect("an id"),
        next: jiff::civil::date(2026, 12, 20),
        rules: set(&["erp/refund-small"]),
    }
}

#[test]
fn what_is_signed_is_spelt_out() {
    let statement = waiver(vec![Cover::Cell(cell()), Cover::Setting(setting())]).statement();
    let payload = String::from_utf8(statement.payload.clone()).expect("UTF-8");
    let wanted = format!(
        concat!(
            r#"{{"covers":[{{"operation":"create_refund","profiles":["support-analyst"],"rules":["erp/refund-small"],"#,
            r#""slice":"{}","tool":"erp"}},"#,
            r#"{{"change":"{}","file":"approvals.yaml","path":"routes[refund-committee].seats"}}],"#,
            r#""expires":"2026-12-20","kind":"waiver","reason":"The new customer charter.","stopgate":1,"#,
            r#""waiver":"2026-014"}}"#
        ),
        digest(1),
        digest(2)
    );
    assert_eq!(payload, wanted);
    let head = "DSSEv1 36 application/vnd.stopgate.waiver+json ";
    assert!(statement.signed_bytes().starts_with(head.as_bytes()));
    let payload = String::from_utf8(review().statement().payload).expect("UTF-8");
    let wanted = r#"{"kind":"review","next":"2026-12-20","review":"2026-014","rules":["erp/refund-small"],"stopgate":1}"#;
    assert_eq!(payload, wanted);
}

#[test]
fn every_part_of_a_document_changes_what_is_signed() {
    let base = waiver(vec![Cover::Cell(cell()), Cover::Setting(setting())]);
    let with_cell = |cell: CellCover| waiver(vec![Cover::Cell(cell), Cover::Setting(setting())]);
    let with_setting = |setting| waiver(vec![Cover::Cell(cell()), Cover::Setting(setting)]);
    let reviewed = |id: &str, next, rules: &[&str]| Review {
        id: ReviewId::new(id).expect("an id"),
        next,
        rules: set(rules),
    };
    let next = review().next;
    let statements = [
        base.statement(),
        Waiver {
            id: WaiverId::new("2026-015").expect("an id"),
            ..base.clone()
        }
        .statement(),
        Waiver {
            reason: "Another.".to_owned(),
            ..base.clone()
        }
        .statement(),
        Waiver {
            expires: jiff::civil::date(2026, 12, 21),
            ..base.clone()
        }
        .statement(),
        waiver(vec![Cover::Cell(cell())]).statement(),
        with_cell(CellCover {
            tool: ToolName::new("hr").expect("a name"),
            ..cell()
        })
        .statement(),
        with_cell(CellCover {
            operation: OperationName::new("get_order").expect("a name"),
            ..cell()
        })
        .statement(),
        with_cell(CellCover {
            holder: Holder::Profiles(set(&["support-analyst", "finance"])),
            ..cell()
        })
        .statement(),
        with_cell(CellCover {
            holder: Holder::Groups(set(&["support-analyst"])),
            ..cell()
        })
        .statement(),
        with_cell(CellCover {
            rules: set(&["erp/refund-small", "erp/refund-large"]),
            ..cell()
        })
        .statement(),
        with_cell(CellCover {
            slice: digest(3),
            ..cell()
        })
        .statement(),
        with_setting(SettingCover {
            file: "profiles.yaml".to_owned(),
            ..setting()
        })
        .statement(),
        with_setting(SettingCover {
            path: "routes".to_owned(),
            ..setting()
        })
        .statement(),
        with_setting(SettingCover {
            change: digest(3),
            ..setting()
        })
        .statement(),
        review().statement(),
        reviewed("x", next, &["erp/refund-small"]).statement(),
        reviewed(
            "2026-014",
            jiff::civil::date(2027, 1, 1),
            &["erp/refund-small"],
        )
        .statement(),
        reviewed("2026-014", next, &["erp/refund-large"]).statement(),
    ];
    let digests: BTreeSet<Digest> = statements.iter().map(Statement::digest).collect();
    assert_eq!(digests.len(), statements.len());
}

#[test]
fn a_changed_setting_is_told_from_every_other() {
    let json =
        |text: &str| Json::parse(text.as_bytes(), crate::attempt::INPUT_LIMITS).expect("JSON");
    let (one, two, null) = (json("1"), json("2"), Json::Null);
    let digests = [
        setting_digest("a.yaml", "x", Some(&one), Some(&two)),
        setting_digest("b.yaml", "x", Some(&one), Some(&two)),
        setting_digest("a.yaml", "y", Some(&one), Some(&two)),
        setting_digest("a.yaml", "x", Some(&two), Some(&one)),
        setting_digest("a.yaml", "x", None, Some(&two)),
        setting_digest("a.yaml", "x", Some(&null), Some(&two)),
        setting_digest("a.yaml", "x", Some(&one), None),
        setting_digest("a.yaml", "x", None, None),
    ];
    let distinct: BTreeSet<Digest> = digests.into_iter().collect();
    assert_eq!(distinct.len(), digests.len());
    let again = setting_digest("a.yaml", "x", Some(&json("1")), Some(&json("2")));
    assert_eq!(again, digests[0]);
}
