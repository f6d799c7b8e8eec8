//! A draft reads back as what it was made of, and names nothing that a document cannot say.

use std::path::Path;

use jiff::Timestamp;
use jiff::civil::date;
use stopgate_author::compile::compile;
use stopgate_author::policy::Gate;
use stopgate_author::waiver::Jurisdiction;
use stopgate_decide::bundle::TrustRoot;
use stopgate_decide::digest::Digest;
use stopgate_decide::name::{OperationName, OwnerName, ProfileName, RuleId, ToolName};
use stopgate_decide::surface::Risk;

use crate::key::SigningKey;
use crate::root::first_with_reviewers;
use crate::workspace;

use super::super::{Signers, Standing};
use super::*;

const TODAY: Date = date(2026, 11, 26);

fn cell(holder: Holder, rules: &[&str]) -> Loosened {
    let rules = rules.iter().map(|rule| rule.parse::<RuleId>());
    Loosened::Cell {
        tool: ToolName::new("erp").expect("a name"),
        operation: OperationName::new("create_refund").expect("a name"),
        holder,
        rules: rules.collect::<Result<_, _>>().expect("ids"),
        slice: Digest::compute(b"head"),
    }
}

fn groups(names: &[&str]) -> Holder {
    Holder::Groups(names.iter().map(|name| (*name).to_owned()).collect())
}

fn setting(file: &str, path: &str) -> Loosened {
    Loosened::Setting {
        file: file.to_owned(),
        path: path.to_owned(),
        change: Digest::compute(path.as_bytes()),
    }
}

/// Returns what is to be signed of `open`, under a root that names ana and eva, beside a waiver of the same day.
fn to_sign(open: Vec<(Loosened, Verdict)>) -> Option<ToSign> {
    let key = || SigningKey::generate().expect("a key");
    let reviewers = ["ana", "eva"].map(|name| {
        let public = key().public().expect("a public key");
        (name.to_owned(), public)
    });
    let none = BTreeMap::new();
    let root = first_with_reviewers(&key(), "security", &none, &reviewers.into(), Timestamp::MAX);
    let root = TrustRoot::open(&root.expect("a root"), Timestamp::UNIX_EPOCH).expect("opens");
    judged(open, Some(&root), true)
}

fn judged(
    open: Vec<(Loosened, Verdict)>,
    root: Option<&TrustRoot>,
    is_bound: bool,
) -> Option<ToSign> {
    let judges = Judges {
        gate: Gate::DEFAULT,
        root,
        holds: is_bound
            .then(|| Jurisdiction::new(&OwnerName::new("acme-bank").expect("a name"), root)),
        known: &[],
    };
    let judged = open.into_iter().map(|(what, verdict)| {
        let risk = Risk::Medium;
        (Loosening { what, risk }, verdict)
    });
    let waivers = [report("2026-11-26", &[])];
    ToSign::new(&judges, &judged.collect::<Vec<_>>(), &waivers, TODAY)
}

/// Makes a waiver that `signers` signed.
fn report(id: &str, signers: &[&str]) -> WaiverReport {
    let mut by = Signers::default();
    by.reviewers
        .extend(signers.iter().map(|id| (*id).to_owned()));
    WaiverReport {
        id: WaiverId::new(id).expect("an id"),
        reason: "So.".to_owned(),
        expires: TODAY,
        standing: Standing::Short,
        unused: Vec::new(),
        signers: by,
    }
}

#[test]
fn whoever_signed_is_not_asked_again() {
    let key = || SigningKey::generate().expect("a key");
    let public = |key: &SigningKey| key.public().expect("a public key");
    let (ana, eva) = (key(), key());
    let reviewers =
        [("ana", &ana), ("eva", &eva)].map(|(name, key)| (name.to_owned(), public(key)));
    let none = BTreeMap::new();
    let root = first_with_reviewers(&key(), "s", &none, &reviewers.into(), Timestamp::MAX);
    let root = TrustRoot::open(&root.expect("a root"), Timestamp::UNIX_EPOCH).expect("opens");
    let judges = Judges {
        gate: Gate::DEFAULT,
        root: Some(&root),
        holds: Some(Jurisdiction::new(
            &OwnerName::new("acme-bank").expect("a name"),
            Some(&root),
        )),
        known: &[],
    };
    let left = |needed: usize, waivers: &[WaiverReport]| {
        let short = waivers.iter().map(|waiver| {
            let found = waiver.signers.reviewers.len();
            (waiver.id.clone(), Shortfall::Signatures { found, needed })
        });
        let verdict = Verdict::Open {
            needed,
            short: short.collect(),
        };
        let what = setting("approvals.yaml", "calendar");
        let judged = [(
            Loosening {
                what,
                risk: Risk::High,
            },
            verdict,
        )];
        ToSign::new(&judges, &judged, waivers, TODAY)
            .expect("something")
            .who()
    };
    let both = |of: &str| of == "of ana, eva";
    let eva_id = public(&eva).id();
    assert!(both(&left(2, &[report("1", &[])])));
    assert_eq!(left(2, &[report("1", &[&eva_id])]), "of ana");
    // Of two papers each may lack another.
    assert!(both(&left(
        2,
        &[report("1", &[&eva_id]), report("2", &[&public(&ana).id()])]
    )));
    let so_many = left(3, &[report("1", &[&eva_id])]);
    assert!(so_many.starts_with("more than there are"), "{so_many}");
}

fn open(needed: usize) -> Verdict {
    let short = Vec::new();
    Verdict::Open { needed, short }
}

#[test]
fn a_draft_with_a_reason_is_the_waiver_of_all_that_is_open() {
    let profile = ProfileName::new("yes").expect("a name");
    let to_sign = to_sign(vec![
        (
            cell(
                Holder::Profiles([profile].into()),
                &["erp/refund-small", "guardrails/night"],
            ),
            open(1),
        ),
        (
            cell(
                groups(&["null", "a: b", "it's \"so\"", "é #x"]),
                &["erp/refund-small"],
            ),
            open(2),
        ),
        // The same people at another risk: a waiver names nobody twice.
        (
            cell(
                groups(&["null", "a: b", "it's \"so\"", "é #x"]),
                &["erp/refund-large"],
            ),
            open(1),
        ),
        (
            setting("tests/erp.yaml", "cases[one cent: more].input"),
            open(1),
        ),
        (setting("trust/root.dsse.json", ""), open(2)),
        (setting("stopgate.yaml", "floors"), Verdict::Free),
    ]);
    let to_sign = to_sign.expect("something to sign");
    assert_eq!((to_sign.needed, to_sign.beyond), (2, 0));
    let draft = to_sign.draft().expect("a draft");
    let minimal = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/minimal");
    let compiled = |draft: &str| {
        let mut reading = workspace::read(&minimal).expect("a repository");
        let draft = (to_sign.file(), draft.as_bytes().to_vec());
        reading.documents.push(draft);
        compile(reading.sources())
    };
    assert!(
        compiled(&draft).policy.is_none(),
        "without a reason it is no waiver"
    );
    let compiled = compiled(&draft.replace("reason: \"\"", "reason: The new charter."));
    let mistakes = compiled.diagnostics.render(&compiled.sources, false);
    assert!(compiled.policy.is_some(), "{mistakes}");
    let wanted = stopgate_author::waiver::Waiver {
        id: WaiverId::new("2026-11-26-2").expect("an id"),
        reason: "The new charter.".to_owned(),
        expires: date(2026, 12, 10),
        covers: to_sign.covers,
    };
    assert_eq!(compiled.waivers, [wanted]);
}

#[test]
fn what_no_waiver_can_name_is_counted_and_what_lacks_signatures_is_not_drafted_again() {
    let nobody = Holder::Profiles(BTreeSet::new());
    let waiver = WaiverId::new("2026-014").expect("an id");
    let short = |why| Verdict::Open {
        needed: 2,
        short: vec![(waiver.clone(), why)],
    };
    let signatures = Shortfall::Signatures {
        found: 1,
        needed: 2,
    };
    let to_sign = to_sign(vec![
        (cell(nobody, &["erp/refund-small"]), open(1)),
        (cell(groups(&["a"]), &[]), open(1)),
        (
            cell(groups(&["a\u{202e}b"]), &["erp/refund-small"]),
            open(1),
        ),
        (setting("approvals.yaml", "routes[lead]"), short(signatures)),
        (
            setting("approvals.yaml", "calendar"),
            short(Shortfall::Spent),
        ),
    ]);
    let to_sign = to_sign.expect("something to sign");
    assert_eq!((to_sign.needed, to_sign.beyond), (2, 3));
    let draft = to_sign.draft().expect("a draft");
    assert!(draft.contains("path: calendar\n"), "{draft}");
    assert_eq!(draft.matches("  - ").count(), 1, "{draft}");
    assert_eq!(to_sign.have_to_sign(), "2 reviewers have to sign");
    let mut steps = to_sign.steps("main", Path::new("policies")).into_iter();
    let wanted = [
        "3 of these changes cannot be covered by a waiver",
        "policies/waivers/2026-014.yaml has 1 of 2 signatures: `stopgate sign policies/waivers/2026-014.yaml --waiver --base main --key KEY`, and commit the signature",
        "save the waiver below as policies/waivers/2026-11-26-2.yaml, give it a reason, commit it, `stopgate sign policies/waivers/2026-11-26-2.yaml --waiver --base main --key KEY`, and commit the signature",
    ];
    assert!(steps.by_ref().eq(wanted), "{to_sign:?}");
}

#[test]
fn only_what_is_left_is_asked_for_and_nothing_where_nobody_can_sign() {
    let waiver = WaiverId::new("2026-014").expect("an id");
    let short = Verdict::Open {
        needed: 2,
        short: vec![(
            waiver,
            Shortfall::Signatures {
                found: 1,
                needed: 2,
            },
        )],
    };
    let what = || setting("approvals.yaml", "calendar");
    let left = to_sign(vec![(what(), short)]).expect("something to sign");
    assert_eq!(left.have_to_sign(), "1 more reviewer has to sign");
    assert_eq!(
        (left.draft(), left.steps("main", Path::new(".")).len()),
        (None, 1)
    );
    let nobody = judged(vec![(what(), open(1))], None, true).expect("something to sign");
    assert_eq!(nobody.have_to_sign(), "1 reviewer would have to sign");
    assert!(nobody.who().starts_with("nobody can: "));
    assert_eq!(
        (nobody.draft(), nobody.steps("main", Path::new(".")).len()),
        (None, 1)
    );
    let unbound = judged(vec![(what(), open(2))], None, false).expect("something to sign");
    assert_eq!(unbound.have_to_sign(), "2 reviewers would have to sign");
    let who = unbound.who();
    assert!(who.starts_with("nobody can: the base's stopgate.yaml cannot be read"));
    let steps = unbound.steps("main", Path::new("."));
    assert_eq!((unbound.draft(), steps.len()), (None, 1));
    assert!(
        steps[0].starts_with("mend stopgate.yaml first"),
        "{steps:?}"
    );
}

#[test]
fn nothing_open_is_nothing_to_sign() {
    assert_eq!(to_sign(Vec::new()), None);
    let waiver = WaiverId::new("2026-014").expect("an id");
    let covered = Verdict::Covered { waiver };
    let what = setting("approvals.yaml", "calendar");
    assert_eq!(to_sign(vec![(what, covered)]), None);
}
