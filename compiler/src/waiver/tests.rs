//! Tables: one change of a signed waiver, a root or a loosening a row, and what comes of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::date;
use stopgate_author::waiver::{CellCover, SettingCover, setting_digest};
use stopgate_decide::bundle::dsse::{self, Envelope, Signature};
use stopgate_decide::bundle::root::TrustError;
use stopgate_decide::name::{OwnerName, ProfileName, WaiverId};

mod holds;

use super::*;
use crate::key::SigningKey;
use crate::root::{first, first_with_reviewers};

const TODAY: Date = date(2026, 11, 25);

/// Keys of three reviewers, and of somebody who is none.
struct Keys {
    security: SigningKey,
    ana: SigningKey,
    eva: SigningKey,
    stranger: SigningKey,
}

impl Keys {
    fn new() -> Self {
        let key = || SigningKey::generate().expect("a key");
        Self {
            security: key(),
            ana: key(),
            eva: key(),
            stranger: key(),
        }
    }

    /// Makes a root with `reviewers`.
    fn root(&self, reviewers: &[&SigningKey]) -> TrustRoot {
        let named = reviewers.iter().enumerate().map(|(at, key)| {
            let public = key.public().expect("a public key");
            (format!("r{at}"), public)
        });
        let none = BTreeMap::new();
        let reviewers = named.collect();
        let root = first_with_reviewers(
            &self.security,
            "security",
            &none,
            &reviewers,
            Timestamp::MAX,
        );
        TrustRoot::open(&root.expect("a root"), Timestamp::UNIX_EPOCH).expect("opens")
    }
}

fn id(key: &SigningKey) -> String {
    key.public().expect("a public key").id()
}

fn profiles(names: &[&str]) -> BTreeSet<ProfileName> {
    let named = names.iter().map(|name| ProfileName::new(name));
    named.collect::<Result<_, _>>().expect("names")
}

fn rules(names: &[&str]) -> BTreeSet<RuleId> {
    let named = names.iter().map(|name| name.parse());
    named.collect::<Result<_, _>>().expect("ids")
}

fn slice() -> Digest {
    Digest::compute(b"head")
}

fn cell() -> CellCover {
    CellCover {
        tool: ToolName::new("erp").expect("a name"),
        operation: OperationName::new("create_refund").expect("a name"),
        holder: waiver::Holder::Profiles(profiles(&["support-analyst"])),
        rules: rules(&["erp/refund-small", "erp/refund-large"]),
        slice: SliceDigest::V3(slice()),
    }
}

fn seats() -> Digest {
    setting_digest("approvals.yaml", "routes[committee].seats", None, None)
}

fn setting() -> SettingCover {
    SettingCover {
        file: "approvals.yaml".to_owned(),
        path: "routes[committee].seats".to_owned(),
        change: seats(),
    }
}

fn waiver(covers: Vec<Cover>) -> Waiver {
    Waiver {
        id: WaiverId::new("2026-014").expect("an id"),
        reason: "The new charter.".to_owned(),
        expires: date(2026, 12, 20),
        covers,
    }
}

/// Makes one loosening of the cell that [`cell`] covers.
fn loosening(risk: Risk) -> Loosening {
    Loosening {
        what: Loosened::Cell {
            tool: ToolName::new("erp").expect("a name"),
            operation: OperationName::new("create_refund").expect("a name"),
            holder: Holder::Profiles(profiles(&["support-analyst"])),
            rules: rules(&["erp/refund-small"]),
            slice: slice(),
        },
        risk,
    }
}

fn organisation() -> OwnerName {
    OwnerName::new("acme-bank").expect("a name")
}

/// Returns where signatures hold that `root` judges.
fn holds(root: &TrustRoot) -> Jurisdiction {
    Jurisdiction::new(&organisation(), Some(root))
}

fn signed(waiver: &Waiver, root: &TrustRoot, keys: &[&SigningKey]) -> Vec<Document> {
    let statement = waiver.statement(&holds(root));
    let sign = |key: &&SigningKey| {
        let signature = Signature {
            key: id(key),
            bytes: key.sign(&statement.signed_bytes()),
        };
        signature_file(&statement, FOLDER, waiver.id.as_str(), signature)
    };
    keys.iter().map(sign).collect()
}

fn judged(
    root: Option<&TrustRoot>,
    waivers: &[Waiver],
    signatures: &[Document],
    loosenings: &[Loosening],
) -> Judgement {
    let judges = Judges {
        gate: Gate::DEFAULT,
        root,
        holds: Some(Jurisdiction::new(&organisation(), root)),
        known: &[],
    };
    judge(&judges, waivers, signatures, loosenings, TODAY)
}

fn covered() -> Verdict {
    Verdict::Covered {
        waiver: WaiverId::new("2026-014").expect("an id"),
    }
}

fn open(needed: usize, why: Shortfall) -> Verdict {
    let waiver = WaiverId::new("2026-014").expect("an id");
    Verdict::Open {
        needed,
        short: vec![(waiver, why)],
    }
}

fn unnamed(needed: usize) -> Verdict {
    Verdict::Open {
        needed,
        short: Vec::new(),
    }
}

#[test]
fn t1_as_many_reviewers_sign_as_the_risk_asks_for() {
    let keys = Keys::new();
    let root = keys.root(&[&keys.ana, &keys.eva]);
    let waivers = [waiver(vec![Cover::Cell(cell())])];
    let lenient = Gate {
        sign_off: stopgate_author::policy::SignOff {
            low: 0,
            medium: 1,
            high: 2,
        },
        ..Gate::DEFAULT
    };
    let short = |needed, found| open(needed, Shortfall::Signatures { found, needed });
    for (risk, signers, wanted) in [
        (Risk::Low, &[][..], Verdict::Free),
        (Risk::Medium, &[], short(1, 0)),
        (Risk::Medium, &[&keys.ana], covered()),
        (Risk::Medium, &[&keys.stranger], short(1, 0)),
        (Risk::High, &[], short(2, 0)),
        (Risk::High, &[&keys.ana], short(2, 1)),
        (Risk::High, &[&keys.ana, &keys.stranger], short(2, 1)),
        (Risk::High, &[&keys.ana, &keys.security], short(2, 1)),
        (Risk::High, &[&keys.ana, &keys.eva], covered()),
    ] {
        let judges = Judges {
            gate: lenient,
            root: Some(&root),
            holds: Some(holds(&root)),
            known: &[],
        };
        let signatures = signed(&waivers[0], &root, signers);
        let judgement = judge(&judges, &waivers, &signatures, &[loosening(risk)], TODAY);
        let row = format!("{risk:?}, {} signatures", signers.len());
        let is_open = matches!(wanted, Verdict::Open { .. });
        assert_eq!(judgement.verdicts, [wanted], "{row}");
        assert_eq!(judgement.is_open(), is_open, "{row}");
        let standing = if is_open {
            Standing::Short
        } else {
            Standing::Live
        };
        assert_eq!(judgement.waivers[0].standing, standing, "{row}");
        assert!(!judgement.has_errors(), "{row}");
        assert_eq!(judgement.spoilt().count(), 0, "{row}");
    }
}

#[test]
fn t1_no_key_counts_twice_whatever_it_is_called() {
    let keys = Keys::new();
    // The same key file, renamed: one signature file, one signer.
    let waivers = [waiver(vec![Cover::Cell(cell())])];
    let root = keys.root(&[&keys.ana, &keys.eva]);
    let signatures = signed(&waivers[0], &root, &[&keys.ana, &keys.ana]);
    let judgement = judged(Some(&root), &waivers, &signatures, &[loosening(Risk::High)]);
    let short = Shortfall::Signatures {
        found: 1,
        needed: 2,
    };
    assert_eq!(judgement.verdicts, [open(2, short)]);

    // Under another file name it is no signature.
    let (path, bytes) = signatures[0].clone();
    let other = path.replace(&id(&keys.ana), &id(&keys.eva));
    let twice = [(path, bytes.clone()), (other.clone(), bytes)];
    let judgement = judged(Some(&root), &waivers, &twice, &[loosening(Risk::High)]);
    assert_eq!(judgement.verdicts, [open(2, Shortfall::Spoilt)]);
    let flaw = Flaw::OtherKey;
    let spoilt: Vec<&Spoilt> = judgement.spoilt().collect();
    assert_eq!(spoilt, [&Spoilt { file: other, flaw }]);

    // A root that lists one key under two ids does not open, so nobody signs under it.
    let bytes = first(&keys.security, "s", &BTreeMap::new(), Timestamp::MAX).expect("a root");
    let mut envelope = Envelope::from_bytes(&bytes).expect("an envelope");
    let mut statement: serde_json::Value = serde_json::from_slice(&envelope.payload).expect("JSON");
    let own = id(&keys.security);
    statement["keys"]["again"] = statement["keys"][&own].clone();
    statement["roles"]["reviewer"] = serde_json::json!({"keys": [own, "again"], "threshold": 2});
    envelope.payload = serde_json::to_vec(&statement).expect("JSON");
    let message = dsse::signed_bytes(&envelope.payload_type, &envelope.payload);
    envelope.signatures[0].bytes = keys.security.sign(&message);
    let opened = TrustRoot::open(&envelope.to_bytes(), Timestamp::UNIX_EPOCH);
    assert!(matches!(opened, Err(TrustError::Roles(_))), "{opened:?}");
}

#[test]
fn t1_only_reviewers_of_the_base_count() {
    let keys = Keys::new();
    let waivers = [waiver(vec![Cover::Cell(cell())])];
    let signatures = signed(&waivers[0], &keys.root(&[&keys.ana]), &[&keys.stranger]);
    let loosenings = [loosening(Risk::Medium)];
    let base = keys.root(&[&keys.ana]);
    let head = keys.root(&[&keys.ana, &keys.stranger]);
    let old = first(&keys.security, "s", &BTreeMap::new(), Timestamp::MAX).expect("a root");
    let old = TrustRoot::open(&old, Timestamp::UNIX_EPOCH).expect("opens");
    let short = Shortfall::Signatures {
        found: 0,
        needed: 1,
    };
    for (name, root, wanted) in [
        ("base", Some(&base), open(1, short.clone())),
        ("without the role", Some(&old), open(1, short.clone())),
        ("no root", None, open(1, short)),
        ("head, as the next base", Some(&head), covered()),
    ] {
        let judgement = judged(root, &waivers, &signatures, &loosenings);
        assert_eq!(judgement.verdicts[0], wanted, "{name}");
        let unknown = &judgement.waivers[0].signers.unknown;
        assert_eq!(
            unknown.contains(&id(&keys.stranger)),
            wanted != covered(),
            "{name}"
        );
        assert_eq!(
            judgement.spoilt().count(),
            0,
            "{name}: unknown is not spoilt"
        );
    }
}

#[test]
fn t1_a_cover_is_about_one_loosening_to_the_letter() {
    let keys = Keys::new();
    let root = keys.root(&[&keys.ana]);
    let verdict = |cover: Cover, what: Loosening| {
        let waivers = [waiver(vec![cover])];
        let signatures = signed(&waivers[0], &root, &[&keys.ana]);
        judged(Some(&root), &waivers, &signatures, &[what]).verdicts
    };
    let by = |change: &dyn Fn(&mut CellCover)| {
        let mut cell = cell();
        change(&mut cell);
        verdict(Cover::Cell(cell), loosening(Risk::Medium))
    };
    assert_eq!(by(&|_| {}), [covered()]);
    let hr = |cell: &mut CellCover| cell.tool = ToolName::new("hr").expect("a name");
    let other = OperationName::new("get_order").expect("a name");
    let more = waiver::Holder::Profiles(profiles(&["support-analyst", "finance"]));
    let groups = waiver::Holder::Groups(BTreeSet::from(["support-analyst".to_owned()]));
    assert_eq!(by(&hr), [unnamed(1)]);
    assert_eq!(by(&|cell| cell.operation = other.clone()), [unnamed(1)]);
    assert_eq!(by(&|cell| cell.holder = more.clone()), [unnamed(1)]);
    assert_eq!(by(&|cell| cell.holder = groups.clone()), [unnamed(1)]);
    let before = Digest::compute(b"before");
    let content = Shortfall::OtherContent {
        covered: before,
        found: slice(),
    };
    assert_eq!(
        by(&|cell| cell.slice = SliceDigest::V3(before)),
        [open(1, content)]
    );
    let unnamed_rule = Shortfall::OtherRules {
        rules: rules(&["erp/refund-small"]),
    };
    let large = |cell: &mut CellCover| cell.rules = rules(&["erp/refund-large"]);
    assert_eq!(by(&large), [open(1, unnamed_rule)]);

    let changed = |file: &str, path: &str, change| Loosening {
        what: Loosened::Setting {
            file: file.to_owned(),
            path: path.to_owned(),
            change,
        },
        risk: Risk::Medium,
    };
    let SettingCover { file, path, .. } = setting();
    let content = Shortfall::OtherContent {
        covered: seats(),
        found: before,
    };
    for (what, wanted) in [
        (changed(&file, &path, seats()), covered()),
        (changed("stopgate.yaml", &path, seats()), unnamed(1)),
        (changed(&file, "routes", seats()), unnamed(1)),
        (changed(&file, &path, before), open(1, content)),
        (loosening(Risk::Medium), unnamed(1)),
    ] {
        assert_eq!(
            verdict(Cover::Setting(setting()), what.clone()),
            [wanted],
            "{what:?}"
        );
    }
    let a_setting = changed(&file, &path, seats());
    assert_eq!(verdict(Cover::Cell(cell()), a_setting), [unnamed(1)]);
}

#[test]
fn days_go_by_and_are_not_too_many() {
    let keys = Keys::new();
    let root = keys.root(&[&keys.ana]);
    let latest = date(2026, 12, 25);
    for (expires, standing, why) in [
        (date(2026, 11, 24), Standing::Expired, None),
        (TODAY, Standing::Expired, None),
        (date(2026, 11, 26), Standing::Live, None),
        (latest, Standing::Live, None),
        (date(2026, 12, 26), Standing::TooLong, Some(latest)),
        (Date::MAX, Standing::TooLong, Some(latest)),
    ] {
        let waivers = [Waiver {
            expires,
            ..waiver(vec![Cover::Cell(cell())])
        }];
        let signatures = signed(&waivers[0], &root, &[&keys.ana]);
        let loosenings = [loosening(Risk::Medium)];
        let judgement = judged(Some(&root), &waivers, &signatures, &loosenings);
        let wanted = match (standing, why) {
            (Standing::Live, _) => covered(),
            (_, Some(latest)) => open(1, Shortfall::TooLong { expires, latest }),
            (_, None) => open(1, Shortfall::Expired(expires)),
        };
        assert_eq!(judgement.verdicts, [wanted], "{expires}");
        assert_eq!(judgement.waivers[0].standing, standing, "{expires}");
        assert_eq!(
            judgement.has_errors(),
            standing != Standing::Live,
            "{expires}"
        );
    }
}

#[test]
fn what_covers_nothing_is_an_error_unless_the_base_has_it_too() {
    let keys = Keys::new();
    let root = keys.root(&[&keys.ana]);
    let both = waiver(vec![Cover::Cell(cell()), Cover::Setting(setting())]);
    let signatures = signed(&both, &root, &[&keys.ana]);
    let one = [loosening(Risk::Medium)];
    let own = vec![both.clone()];
    let edited = Waiver {
        reason: "Another.".to_owned(),
        ..both.clone()
    };
    let before = vec![edited];
    let none = Vec::new();
    for (name, known, loosenings, standing, unused, error) in [
        ("new, unused", &none, &[][..], Standing::Unused, 2, true),
        ("new, half used", &none, &one, Standing::Live, 1, true),
        ("of the base, unused", &own, &[], Standing::Spent, 0, false),
        (
            "of the base, named again",
            &own,
            &one,
            Standing::Short,
            0,
            false,
        ),
        ("edited, unused", &before, &[], Standing::Unused, 2, true),
    ] {
        let judges = Judges {
            gate: Gate::DEFAULT,
            root: Some(&root),
            holds: Some(holds(&root)),
            known,
        };
        let waivers = std::slice::from_ref(&both);
        let judgement = judge(&judges, waivers, &signatures, loosenings, TODAY);
        let report = &judgement.waivers[0];
        assert_eq!(report.standing, standing, "{name}");
        assert_eq!(report.unused.len(), unused, "{name}");
        assert_eq!(judgement.has_errors(), error, "{name}");
        // What a change of before let pass is taken back by whoever tightened it since.
        assert_eq!(judgement.is_open(), standing == Standing::Short, "{name}");
    }
    let judgement = judged(Some(&root), &[], &signatures, &[]);
    assert_eq!(
        judgement.stray,
        [signatures[0].0.clone()],
        "whose waiver is gone"
    );
    assert!(judgement.has_errors());
}

#[test]
fn t1_a_signature_that_does_not_hold_ends_trust_and_covers_nothing() {
    let keys = Keys::new();
    let root = keys.root(&[&keys.ana, &keys.eva]);
    let written = waiver(vec![Cover::Cell(cell())]);
    let good = signed(&written, &root, &[&keys.ana, &keys.eva]);
    let changed = Waiver {
        reason: "Another.".to_owned(),
        ..written.clone()
    };
    let by_ana = &good[0];
    let with = |bytes: Vec<u8>| vec![(by_ana.0.clone(), bytes), good[1].clone()];
    let envelope = Envelope::from_bytes(&by_ana.1).expect("an envelope");
    let edited = |change: &dyn Fn(&mut Envelope)| {
        let mut envelope = envelope.clone();
        change(&mut envelope);
        with(envelope.to_bytes())
    };
    let twice = |envelope: &mut Envelope| {
        let again = envelope.signatures[0].clone();
        envelope.signatures.push(again);
    };
    let nothing = |envelope: &mut Envelope| envelope.signatures.clear();
    let flipped = |envelope: &mut Envelope| envelope.signatures[0].bytes[9] ^= 1;
    let cut = |envelope: &mut Envelope| envelope.signatures[0].bytes.truncate(63);
    let retyped = |envelope: &mut Envelope| envelope.payload_type = dsse::REVIEW.to_owned();
    let repaid =
        |envelope: &mut Envelope| envelope.payload = changed.statement(&holds(&root)).payload;
    let spaced = [b" ".as_slice(), &by_ana.1].concat();
    let long = vec![b' '; MAX_SIGNATURE_BYTES + 1];
    for (name, waiver, signatures, flaw) in [
        (
            "reason changed after signing",
            &changed,
            good.clone(),
            Flaw::OtherText,
        ),
        (
            "payload of another text",
            &written,
            edited(&repaid),
            Flaw::OtherText,
        ),
        (
            "another kind of payload",
            &written,
            edited(&retyped),
            Flaw::OtherText,
        ),
        ("a flipped bit", &written, edited(&flipped), Flaw::Forged),
        ("cut short", &written, edited(&cut), Flaw::Forged),
        (
            "two signatures in one file",
            &written,
            edited(&twice),
            Flaw::Format,
        ),
        (
            "no signature in it",
            &written,
            edited(&nothing),
            Flaw::Format,
        ),
        ("another spelling", &written, with(spaced), Flaw::Format),
        ("empty", &written, with(Vec::new()), Flaw::Format),
        ("too long", &written, with(long), Flaw::Format),
    ] {
        let waivers = std::slice::from_ref(waiver);
        let loosenings = [loosening(Risk::Medium)];
        let judgement = judged(Some(&root), waivers, &signatures, &loosenings);
        assert_eq!(judgement.verdicts, [open(1, Shortfall::Spoilt)], "{name}");
        let first = judgement.spoilt().next().map(|spoilt| spoilt.flaw);
        assert_eq!(first, Some(flaw), "{name}");
    }
    let untouched = judged(
        Some(&root),
        std::slice::from_ref(&written),
        &good,
        &[loosening(Risk::High)],
    );
    assert_eq!(untouched.verdicts, [covered()]);
    assert_eq!(untouched.spoilt().count(), 0);
}

#[test]
fn t1_signatures_of_two_waivers_are_not_added_up() {
    let keys = Keys::new();
    let root = keys.root(&[&keys.ana, &keys.eva]);
    let one = waiver(vec![Cover::Cell(cell())]);
    let two = Waiver {
        id: WaiverId::new("2026-015").expect("an id"),
        ..one.clone()
    };
    let mut signatures = signed(&one, &root, &[&keys.ana]);
    signatures.extend(signed(&two, &root, &[&keys.eva]));
    let loosenings = [loosening(Risk::High)];
    let waivers = [one, two];
    let judgement = judged(Some(&root), &waivers, &signatures, &loosenings);
    let Verdict::Open { needed: 2, short } = &judgement.verdicts[0] else {
        panic!("open: {:?}", judgement.verdicts)
    };
    assert_eq!(short.len(), 2);
    let free = [loosening(Risk::Medium)];
    let judgement = judged(Some(&root), &waivers, &signatures, &free);
    assert_eq!(judgement.verdicts, [covered()], "the first of the two");
    assert!(!judgement.has_errors(), "both cover it");
}

#[test]
fn a_root_may_ask_for_more_than_the_gate() {
    let keys = Keys::new();
    let root = keys.root(&[&keys.ana, &keys.eva]);
    let mut statement = root.statement().clone();
    if let Some(reviewer) = &mut statement.roles.reviewer {
        reviewer.threshold = 2;
    }
    let payload = serde_json::to_vec(&statement).expect("JSON");
    let signature = Signature {
        key: id(&keys.security),
        bytes: keys
            .security
            .sign(&dsse::signed_bytes(dsse::ROOT, &payload)),
    };
    let envelope = Envelope {
        payload_type: dsse::ROOT.to_owned(),
        payload,
        signatures: vec![signature],
    };
    let root = TrustRoot::open(&envelope.to_bytes(), Timestamp::UNIX_EPOCH).expect("opens");
    let waivers = [waiver(vec![Cover::Cell(cell())])];
    let loosenings = [loosening(Risk::Low)];
    let signatures = signed(&waivers[0], &root, &[&keys.ana]);
    let judgement = judged(Some(&root), &waivers, &signatures, &loosenings);
    let short = Shortfall::Signatures {
        found: 1,
        needed: 2,
    };
    assert_eq!(judgement.verdicts, [open(2, short)]);
    let signatures = signed(&waivers[0], &root, &[&keys.ana, &keys.eva]);
    let judgement = judged(Some(&root), &waivers, &signatures, &loosenings);
    assert_eq!(judgement.verdicts, [covered()]);
}

#[test]
fn t1_no_changed_bit_of_a_signature_file_leaves_it_a_signature() {
    let keys = Keys::new();
    let root = keys.root(&[&keys.ana]);
    let waivers = [waiver(vec![Cover::Cell(cell())])];
    let good = signed(&waivers[0], &root, &[&keys.ana]);
    let loosenings = [loosening(Risk::Medium)];
    let judgement = judged(Some(&root), &waivers, &good, &loosenings);
    assert_eq!(judgement.verdicts, [covered()]);
    for at in 0..good[0].1.len() {
        for bit in 0..8 {
            let mut spoilt = good.clone();
            spoilt[0].1[at] ^= 1 << bit;
            let judgement = judged(Some(&root), &waivers, &spoilt, &loosenings);
            assert_eq!(
                judgement.verdicts,
                [open(1, Shortfall::Spoilt)],
                "byte {at}, bit {bit}"
            );
        }
    }
}
