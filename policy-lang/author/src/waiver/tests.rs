//! What a waiver's signature is over, byte by byte.

use super::*;

fn digest(byte: u8) -> Digest {
    Digest::compute(&[byte])
}

fn set<T: std::str::FromStr + Ord>(texts: &[&str]) -> BTreeSet<T> {
    let parsed = texts.iter().map(|text| text.parse().ok());
    parsed.collect::<Option<_>>().expect("names")
}

fn holds() -> Jurisdiction {
    Jurisdiction {
        organisation: OwnerName::new("acme-bank").expect("a name"),
        root: Some(digest(9)),
    }
}

fn cell() -> CellCover {
    CellCover {
        tool: ToolName::new("erp").expect("a name"),
        operation: OperationName::new("create_refund").expect("a name"),
        holder: Holder::Profiles(set(&["support-analyst"])),
        rules: set(&["erp/refund-small"]),
        slice: SliceDigest::V3(digest(1)),
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
    let statement =
        waiver(vec![Cover::Cell(cell()), Cover::Setting(setting())]).statement(&holds());
    let payload = String::from_utf8(statement.payload.clone()).expect("UTF-8");
    // Written out byte by byte: whoever signs elsewhere has to come to the same bytes.
    let wanted = format!(
        concat!(
            r#"{{"covers":[{{"operation":"create_refund","profiles":["support-analyst"],"rules":["erp/refund-small"],"#,
            r#""slice":"v3:{}","tool":"erp"}},"#,
            r#"{{"change":"{}","file":"approvals.yaml","path":"routes[refund-committee].seats"}}],"#,
            r#""expires":"2026-12-20","kind":"waiver","organisation":"acme-bank","reason":"The new customer charter.","#,
            r#""root":"{}","stopgate":2,"waiver":"2026-014"}}"#
        ),
        digest(1),
        digest(2),
        digest(9)
    );
    assert_eq!(payload, wanted);
    let head = "DSSEv1 40 application/vnd.stopgate.waiver+json;v=2 ";
    assert!(statement.signed_bytes().starts_with(head.as_bytes()));
    let payload = String::from_utf8(review().statement(&holds()).payload).expect("UTF-8");
    let wanted = format!(
        concat!(
            r#"{{"kind":"review","next":"2026-12-20","organisation":"acme-bank","review":"2026-014","#,
            r#""root":"{}","rules":["erp/refund-small"],"stopgate":2}}"#
        ),
        digest(9)
    );
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
    // Each differs from the first in one part, or is of another kind.
    let statements = [
        base.statement(&holds()),
        Waiver {
            id: WaiverId::new("2026-015").expect("an id"),
            ..base.clone()
        }
        .statement(&holds()),
        Waiver {
            reason: "Another.".to_owned(),
            ..base.clone()
        }
        .statement(&holds()),
        Waiver {
            expires: jiff::civil::date(2026, 12, 21),
            ..base.clone()
        }
        .statement(&holds()),
        waiver(vec![Cover::Cell(cell())]).statement(&holds()),
        with_cell(CellCover {
            tool: ToolName::new("hr").expect("a name"),
            ..cell()
        })
        .statement(&holds()),
        with_cell(CellCover {
            operation: OperationName::new("get_order").expect("a name"),
            ..cell()
        })
        .statement(&holds()),
        with_cell(CellCover {
            holder: Holder::Profiles(set(&["support-analyst", "finance"])),
            ..cell()
        })
        .statement(&holds()),
        with_cell(CellCover {
            holder: Holder::Groups(set(&["support-analyst"])),
            ..cell()
        })
        .statement(&holds()),
        with_cell(CellCover {
            rules: set(&["erp/refund-small", "erp/refund-large"]),
            ..cell()
        })
        .statement(&holds()),
        with_cell(CellCover {
            slice: SliceDigest::V3(digest(3)),
            ..cell()
        })
        .statement(&holds()),
        with_setting(SettingCover {
            file: "profiles.yaml".to_owned(),
            ..setting()
        })
        .statement(&holds()),
        with_setting(SettingCover {
            path: "routes".to_owned(),
            ..setting()
        })
        .statement(&holds()),
        with_setting(SettingCover {
            change: digest(3),
            ..setting()
        })
        .statement(&holds()),
        base.statement(&Jurisdiction {
            organisation: OwnerName::new("acme-shop").expect("a name"),
            ..holds()
        }),
        base.statement(&Jurisdiction {
            root: Some(digest(8)),
            ..holds()
        }),
        base.statement(&Jurisdiction {
            root: None,
            ..holds()
        }),
        with_cell(CellCover {
            slice: SliceDigest::Older(digest(1)),
            ..cell()
        })
        .statement(&holds()),
        review().statement(&Jurisdiction {
            root: Some(digest(8)),
            ..holds()
        }),
        review().statement(&holds()),
        reviewed("x", next, &["erp/refund-small"]).statement(&holds()),
        reviewed(
            "2026-014",
            jiff::civil::date(2027, 1, 1),
            &["erp/refund-small"],
        )
        .statement(&holds()),
        reviewed("2026-014", next, &["erp/refund-large"]).statement(&holds()),
    ];
    // No two are equal, so each part is signed.
    let digests: BTreeSet<Digest> = statements.iter().map(Statement::digest).collect();
    assert_eq!(digests.len(), statements.len());
}

#[test]
fn a_changed_setting_is_told_from_every_other() {
    let json = |text: &str| {
        Json::parse(text.as_bytes(), stopgate_decide::attempt::INPUT_LIMITS).expect("JSON")
    };
    let (one, two, null) = (json("1"), json("2"), Json::Null);
    let digests = [
        setting_digest("a.yaml", "x", Some(&one), Some(&two)),
        setting_digest("b.yaml", "x", Some(&one), Some(&two)),
        setting_digest("a.yaml", "y", Some(&one), Some(&two)),
        setting_digest("a.yaml", "x", Some(&two), Some(&one)),
        setting_digest("a.yaml", "x", None, Some(&two)),
        // `null` is a value: before the change something stood there.
        setting_digest("a.yaml", "x", Some(&null), Some(&two)),
        setting_digest("a.yaml", "x", Some(&one), None),
        setting_digest("a.yaml", "x", None, None),
    ];
    let distinct: BTreeSet<Digest> = digests.into_iter().collect();
    assert_eq!(distinct.len(), digests.len());
    let again = setting_digest("a.yaml", "x", Some(&json("1")), Some(&json("2")));
    assert_eq!(again, digests[0]);
}

#[test]
fn what_was_signed_for_elsewhere_is_told_from_another_text() {
    let base = waiver(vec![Cover::Cell(cell())]);
    let own = base.statement(&holds());
    let by = |organisation: &str, root: Option<Digest>| {
        let organisation = OwnerName::new(organisation).expect("a name");
        Jurisdiction { organisation, root }
    };
    let other = Waiver {
        reason: "Another.".to_owned(),
        ..base.clone()
    };
    let told = |statement: &Statement| own.otherwise(statement.payload_type, &statement.payload);
    for (name, statement, wanted) in [
        (
            "another organisation",
            base.statement(&by("acme-shop", Some(digest(9)))),
            Otherwise::Organisation,
        ),
        (
            "another root",
            base.statement(&by("acme-bank", Some(digest(8)))),
            Otherwise::Root,
        ),
        (
            "no root",
            base.statement(&by("acme-bank", None)),
            Otherwise::Root,
        ),
        (
            // The organisation is named if both differ.
            "another organisation and root",
            base.statement(&by("acme-shop", Some(digest(8)))),
            Otherwise::Organisation,
        ),
        ("another text", other.statement(&holds()), Otherwise::Text),
        (
            "another text elsewhere",
            other.statement(&by("acme-shop", Some(digest(8)))),
            Otherwise::Text,
        ),
        (
            "another kind",
            review().statement(&by("acme-shop", None)),
            Otherwise::Text,
        ),
    ] {
        assert_eq!(told(&statement), wanted, "{name}");
    }
    for older in dsse::OLDER {
        assert_eq!(own.otherwise(older, b"{}"), Otherwise::Older, "{older}");
    }
    // Of the same value, but no canonical text.
    let spaced = [b" ", own.payload.as_slice()].concat();
    assert_eq!(
        own.otherwise(own.payload_type, &spaced),
        Otherwise::Text,
        "one spelling"
    );
    assert_eq!(own.otherwise(own.payload_type, b"no JSON"), Otherwise::Text);
}

#[test]
fn a_slice_says_which_release_made_it() {
    let digest = digest(1);
    let older: SliceDigest = digest.to_string().parse().expect("a digest");
    assert_eq!(older, SliceDigest::Older(digest));
    let new: SliceDigest = format!("v3:{digest}").parse().expect("a digest");
    assert_eq!(new, SliceDigest::V3(digest));
    for slice in [older, new] {
        assert_eq!(slice.to_string().parse::<SliceDigest>(), Ok(slice));
    }
    for refused in ["", "v3:", "v2:", "v4:", "V3:", "v3:v3:"] {
        let text = if refused.is_empty() {
            String::new()
        } else {
            format!("{refused}{digest}")
        };
        let read = text.parse::<SliceDigest>();
        assert_eq!(read.is_ok(), refused == "v3:", "{text}");
    }
}
