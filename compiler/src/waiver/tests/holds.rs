//! Where a signature holds: for one organisation, under one role `root`, and of no older release.

use super::*;

/// Makes the signature file of `key` for `waiver` and for where it `holds`.
fn for_place(waiver: &Waiver, holds: &Jurisdiction, key: &SigningKey) -> Document {
    let statement = waiver.statement(holds);
    let signature = Signature {
        key: id(key),
        bytes: key.sign(&statement.signed_bytes()),
    };
    signature_file(&statement, FOLDER, waiver.id.as_str(), signature)
}

fn elsewhere(judgement: &Judgement) -> Vec<Whence> {
    let all = judgement.waivers.iter();
    let all = all.flat_map(|waiver| &waiver.signers.elsewhere);
    all.map(|one| one.whence).collect()
}

#[test]
fn t1_a_signature_holds_for_one_organisation_under_one_root_role() {
    let keys = Keys::new();
    let root = keys.root(&[&keys.ana, &keys.eva]);
    // The same people and reviewers, and another key that signs the next root.
    let other = Keys {
        security: SigningKey::generate().expect("a key"),
        ..keys
    };
    let rotated = other.root(&[&other.ana, &other.eva]);
    assert_ne!(root.root_role(), rotated.root_role());
    let more = other.root(&[&other.ana, &other.eva, &other.stranger]);
    assert_eq!(
        rotated.root_role(),
        more.root_role(),
        "reviewers are another role"
    );

    let written = waiver(vec![Cover::Cell(cell())]);
    let waivers = std::slice::from_ref(&written);
    let loosenings = [loosening(Risk::Medium)];
    let shop = Jurisdiction::new(&OwnerName::new("acme-shop").expect("a name"), Some(&root));
    let short = Shortfall::Signatures {
        found: 0,
        needed: 1,
    };
    for (name, judge, holds, whence) in [
        ("here", &root, holds(&root), None),
        (
            "under the root of before",
            &rotated,
            holds(&root),
            Some(Whence::Root),
        ),
        (
            "under a root to come",
            &root,
            holds(&rotated),
            Some(Whence::Root),
        ),
        (
            "for another organisation",
            &root,
            shop,
            Some(Whence::Organisation),
        ),
    ] {
        let signatures = [for_place(&written, &holds, &other.ana)];
        let judgement = judged(Some(judge), waivers, &signatures, &loosenings);
        let wanted = match whence {
            None => covered(),
            Some(_) => open(1, short.clone()),
        };
        assert_eq!(judgement.verdicts, [wanted], "{name}");
        assert_eq!(elsewhere(&judgement), Vec::from_iter(whence), "{name}");
        assert_eq!(judgement.spoilt().count(), 0, "{name}: nobody is suspected");
        assert!(!judgement.has_errors(), "{name}");
    }

    // What says that it holds elsewhere and does not verify there is a forgery all the same.
    let (path, bytes) = for_place(&written, &holds(&rotated), &other.ana);
    let mut envelope = Envelope::from_bytes(&bytes).expect("an envelope");
    envelope.signatures[0].bytes[7] ^= 1;
    let signatures = [(path, envelope.to_bytes())];
    let judgement = judged(Some(&root), waivers, &signatures, &loosenings);
    assert_eq!(judgement.verdicts, [open(1, Shortfall::Spoilt)]);
    let flaws: Vec<Flaw> = judgement.spoilt().map(|spoilt| spoilt.flaw).collect();
    assert_eq!(flaws, [Flaw::Forged]);
}

#[test]
fn t1_what_an_older_release_signed_or_covered_asks_to_be_signed_again() {
    let keys = Keys::new();
    let root = keys.root(&[&keys.ana, &keys.eva]);
    let loosenings = [loosening(Risk::Medium)];
    let older = |waiver: &Waiver, key: &SigningKey| {
        let payload = br#"{"kind":"waiver","stopgate":1}"#.to_vec();
        let payload_type = dsse::OLDER[0].to_owned();
        let signature = Signature {
            key: id(key),
            bytes: key.sign(&dsse::signed_bytes(&payload_type, &payload)),
        };
        let path = signed(waiver, &root, &[key]).remove(0).0;
        let envelope = Envelope {
            payload_type,
            payload,
            signatures: vec![signature],
        };
        (path, envelope.to_bytes())
    };
    let written = waiver(vec![Cover::Cell(cell())]);
    let waivers = std::slice::from_ref(&written);
    let by_ana = older(&written, &keys.ana);
    let alone = std::slice::from_ref(&by_ana);
    let judgement = judged(Some(&root), waivers, alone, &loosenings);
    let short = Shortfall::Signatures {
        found: 0,
        needed: 1,
    };
    assert_eq!(judgement.verdicts, [open(1, short)]);
    assert_eq!(elsewhere(&judgement), [Whence::Older]);
    assert_eq!(judgement.spoilt().count(), 0);
    let said = judgement.waivers[0].signers.elsewhere[0].to_string();
    assert!(
        said.ends_with("was made by an older stopgate: sign again"),
        "{said}"
    );
    // Beside one of today it is in nobody's way.
    let both = [by_ana, signed(&written, &root, &[&keys.eva]).remove(0)];
    let judgement = judged(Some(&root), waivers, &both, &loosenings);
    assert_eq!(judgement.verdicts, [covered()]);
    assert!(!judgement.has_errors());

    let written = waiver(vec![Cover::Cell(CellCover {
        slice: SliceDigest::Older(slice()),
        ..cell()
    })]);
    let signatures = signed(&written, &root, &[&keys.ana, &keys.eva]);
    let waivers = std::slice::from_ref(&written);
    let judgement = judged(Some(&root), waivers, &signatures, &loosenings);
    assert_eq!(judgement.verdicts, [open(1, Shortfall::Older)]);
    assert_eq!(judgement.spoilt().count(), 0);
    assert!(
        Shortfall::Older
            .to_string()
            .contains("made by an older stopgate")
    );
}

#[test]
fn a_waiver_of_the_base_with_too_few_signatures_is_not_called_used() {
    let keys = Keys::new();
    let root = keys.root(&[&keys.ana, &keys.eva]);
    let written = waiver(vec![Cover::Cell(cell())]);
    let waivers = std::slice::from_ref(&written);
    for (signers, risk, why, standing) in [
        (
            &[][..],
            Risk::Medium,
            Shortfall::Merged {
                found: 0,
                needed: 1,
            },
            Standing::Unsigned,
        ),
        (
            &[&keys.ana],
            Risk::High,
            Shortfall::Merged {
                found: 1,
                needed: 2,
            },
            Standing::Spent,
        ),
        (
            &[&keys.ana],
            Risk::Medium,
            Shortfall::Spent,
            Standing::Spent,
        ),
        (
            &[&keys.ana, &keys.eva],
            Risk::High,
            Shortfall::Spent,
            Standing::Spent,
        ),
    ] {
        let judges = Judges {
            gate: Gate::DEFAULT,
            root: Some(&root),
            holds: Some(holds(&root)),
            known: waivers,
        };
        let signatures = signed(&written, &root, signers);
        let needed = usize::from(Gate::DEFAULT.sign_off.at(risk));
        let judgement = judge(&judges, waivers, &signatures, &[loosening(risk)], TODAY);
        let row = format!("{risk:?}, {} signatures", signers.len());
        assert_eq!(judgement.verdicts, [open(needed, why)], "{row}");
        let judgement = judge(&judges, waivers, &signatures, &[], TODAY);
        assert_eq!(judgement.waivers[0].standing, standing, "{row}");
        assert!(!judgement.has_errors(), "{row}");
    }
    assert!(!Standing::Unsigned.meaning().contains("used"));
}

#[test]
fn t1_under_a_base_that_is_nobodys_no_signature_counts() {
    let keys = Keys::new();
    let root = keys.root(&[&keys.ana, &keys.eva]);
    let written = waiver(vec![Cover::Cell(cell())]);
    let waivers = std::slice::from_ref(&written);
    let signatures = signed(&written, &root, &[&keys.ana, &keys.eva]);
    let judges = |known| Judges {
        gate: Gate::UNREAD,
        root: Some(&root),
        holds: None,
        known,
    };
    assert!(judges(&[]).reviewers().is_empty());
    let judge = |known, loosenings: &[Loosening]| {
        judge(&judges(known), waivers, &signatures, loosenings, TODAY)
    };
    // Whatever its risk, it takes as many as one of high risk, and nobody has let it pass.
    for risk in [Risk::Low, Risk::Medium, Risk::High] {
        let judgement = judge(&[], &[loosening(risk)]);
        assert_eq!(
            judgement.verdicts,
            [open(2, Shortfall::Unbound)],
            "{risk:?}"
        );
        assert_eq!(judgement.waivers[0].standing, Standing::Short);
    }
    assert_eq!(judge(&[], &[]).waivers[0].standing, Standing::Unused);
    // One that was merged is not told to be deleted: it may be good under a base that can be read.
    let merged = judge(waivers, &[]);
    assert_eq!(merged.waivers[0].standing, Standing::Unbound);
    assert!(!merged.has_errors());
}
