//! Spoilt arguments: parsed, digested, decided on.

use std::collections::BTreeSet;

use stopgate_author::compile::{Sources, compile};
use stopgate_decide::attempt::{Attempt, INPUT_LIMITS, Input, Subject, Target};
use stopgate_decide::bundle::Bundle;
use stopgate_decide::decide::{
    LimitNow, LimitedBy, Outcome, Reason, Situation, StopsInForce, decide,
};
use stopgate_decide::json::Json;
use stopgate_decide::name::ProfileName;
use stopgate_decide::surface::{Enforces, Evidence, Limit};
use stopgate_tests::random::Random;

use crate::corpus::Corpus;
use crate::repositories::pick;
use crate::spoil::spoil;
use crate::worker::Came;

/// Arguments that are good, and pieces of what is not.
const INPUTS: [&str; 10] = [
    r#"{"order_id": "A-1001", "amount_cents": 40000, "currency": "EUR"}"#,
    r#"{"order_id":"A-1001","amount_cents":40000,"currency":"EUR","bank_account":"GB33BUKB20201555555555"}"#,
    r#"{"order_id": "A-1001"}"#,
    r#"{"order_id": "A-1001", "note": "called back\nin the \"evening\" \u00e9\ud83d\ude00"}"#,
    r#"{"supplier_id": "S-1", "iban": "PT50000201231234567890154"}"#,
    r#"{"a": [1, 2.5, -3e2, true, false, null, {"b": {"c": []}}], "\u0061": 1}"#,
    r#"{"n": [9007199254740991, -9007199254740991, 0.1, 1E400, -0]}"#,
    "{}",
    "[]",
    "\"text\"",
];

/// The reference policies, opened, and whom to ask for.
pub(crate) struct Inputs {
    bundle: Bundle,
    operations: Vec<(String, String)>,
    profiles: BTreeSet<ProfileName>,
    texts: Vec<Vec<u8>>,
}

impl Inputs {
    pub(crate) fn new(corpus: &Corpus) -> Self {
        let policy = compile(Sources::new(corpus.reference().clone())).policy;
        let policy = policy.expect("the reference policies are good");
        let operations = policy.tools.iter().flat_map(|(tool, described)| {
            let names = described.operations.keys();
            names.map(|name| (tool.to_string(), name.to_string()))
        });
        let operations = operations.collect();
        // A few profiles, so that rules of several are asked.
        let profiles = policy.profiles.keys().take(4).cloned().collect();
        let bundle = stopgate::build::rehearse(&policy).expect("a bundle");
        let texts = INPUTS.map(|text| text.as_bytes().to_vec()).to_vec();
        Self {
            bundle,
            operations,
            profiles,
            texts,
        }
    }

    pub(crate) fn mutate(&self, random: &mut Random) -> Came {
        let text: &Vec<u8> = pick(random, &self.texts);
        let text = spoil(random, text, &self.texts);
        let input = Input::parse(&text);
        let came = match &input {
            Ok(input) => {
                let canonical = input.json().canonical();
                let again = Json::parse(canonical.as_bytes(), INPUT_LIMITS);
                // Canonical text that is parsed again has to be the same, or digests would not name one value.
                assert_eq!(again.map(|json| json.canonical()), Ok(canonical));
                Came::Accepted
            }
            Err(_) => Came::Refused,
        };
        let (tool, operation) = pick(random, &self.operations);
        let attempt = Attempt {
            subject: Subject {
                issuer: "https://sso.acme.example/".to_owned(),
                id: "00u1ab".to_owned(),
            },
            profiles: self.profiles.clone(),
            agent: "orchestrator".to_owned(),
            tool: tool.clone(),
            target: Target::Operation(operation.clone()),
            input,
            definition: None,
        };
        let situation = Situation {
            now: "2026-11-24T10:00:00Z".parse().expect("a time"),
            limit: LimitNow {
                class: Limit::High,
                by: LimitedBy::Ceiling,
            },
            stops: StopsInForce::default(),
            evidence: Evidence::ALL,
            enforces: Enforces::ALL,
        };
        let decision = decide(&self.bundle, &attempt, &situation);
        // Whatever the parser refuses is rejected with that reason, whatever the operation.
        if came == Came::Refused {
            let Outcome::Reject(rejection) = decision.outcome() else {
                panic!("a refused input passes: {attempt:?}");
            };
            assert_eq!(rejection.reason, Reason::InputInvalid, "{attempt:?}");
        }
        came
    }
}
