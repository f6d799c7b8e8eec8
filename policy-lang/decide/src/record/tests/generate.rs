//! Records of every shape.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use proptest::option;
use proptest::prelude::*;

use crate::attempt::{Input, Subject};
use crate::decide::{LimitNow, LimitedBy, Reason, Rejection};
use crate::digest::Digest;
use crate::json::Json;
use crate::name::{ProfileName, RuleId};
use crate::pointer::Pointer;
use crate::record::*;
use crate::supply::{ReleaseVersion, StopLimit};
use crate::surface::{Approval, Enforces, Evidence, Limit, Need, Risk, Surface};

pub(super) fn record() -> impl Strategy<Value = Record> {
    // Up to the largest number that is kept exactly.
    let seq = (1..=(1_u64 << 53) - 1).prop_map(|seq| Seq::new(seq).expect("in range"));
    (seq, time(1), digest(), body()).prop_map(|(seq, time, prev, body)| Record {
        version: written(&body),
        stamp: Stamp { seq, time, prev },
        body,
    })
}

/// Returns a version of the format that has every member of `body`. Where older ones have them too, each is chosen for
/// some of the records.
fn written(body: &RecordBody) -> RecordVersion {
    let record = match body {
        RecordBody::Decision(record) => record,
        RecordBody::Stops(_) | RecordBody::Root(_) => return RecordVersion::V3,
        RecordBody::Bundle(record) => {
            return match record.change {
                BundleChange::Active { release: Some(_) } => RecordVersion::V3,
                BundleChange::Active { release: None } | BundleChange::Refused { .. } => {
                    RecordVersion::V1
                }
            };
        }
        RecordBody::Start(_) | RecordBody::Gap(_) | RecordBody::Stop(_) => {
            return RecordVersion::V1;
        }
    };
    let newer = match record.attempt.input {
        RecordedInput::Long { .. } => &RecordVersion::ALL[1..],
        RecordedInput::Clear { .. }
        | RecordedInput::Masked { .. }
        | RecordedInput::Withheld { .. }
        | RecordedInput::Refused { .. } => &RecordVersion::ALL,
    };
    newer[usize::try_from(record.latency_us).expect("32 bits") % newer.len()]
}

pub(super) fn body() -> impl Strategy<Value = RecordBody> {
    prop_oneof![
        8 => decision().prop_map(|record| RecordBody::Decision(Box::new(record))),
        1 => (text(), text(), keyed(), 0..1_u64 << 53).prop_map(|(sidecar, software, mask_key, dropped_bytes)| {
            RecordBody::Start(StartRecord { sidecar, software, mask_key, dropped_bytes })
        }),
        1 => (text(), text(), option::of(digest()), change()).prop_map(|(sidecar, channel, bundle, change)| {
            RecordBody::Bundle(BundleRecord { sidecar, channel, bundle, change })
        }),
        1 => (1..1_u64 << 53, any::<prop::sample::Index>(), time(1), time(1)).prop_map(|(count, of, first, last)| {
            // At most as many as `count`, whatever both are.
            let overloaded = u64::try_from(of.index(1000)).unwrap_or(0) * (count / 1000);
            RecordBody::Gap(GapRecord { count, overloaded, first, last })
        }),
        1 => text().prop_map(|sidecar| RecordBody::Stop(StopRecord { sidecar })),
        1 => (text(), text(), prop::collection::vec(stop(), 0..4)).prop_map(|(sidecar, channel, stops)| {
            RecordBody::Stops(StopsRecord { sidecar, channel, stops })
        }),
        1 => (text(), text(), digest(), 0..1_u64 << 53).prop_map(|(sidecar, channel, root, version)| {
            RecordBody::Root(RootRecord { sidecar, channel, root, version })
        }),
    ]
}

fn change() -> impl Strategy<Value = BundleChange> {
    let refused =
        (text(), text()).prop_map(|(reason, message)| BundleChange::Refused { reason, message });
    let version = (1..1_u64 << 53).prop_map(|version| ReleaseVersion::new(version).expect("one"));
    let active = option::of((version, digest()));
    let active = active.prop_map(|release| BundleChange::Active { release });
    prop_oneof![active, refused]
}

fn stop() -> impl Strategy<Value = RecordedStop> {
    let reach = (option::of(word()), option::of(word()), option::of(text()));
    let rest = (option::of(word()), of(&StopLimit::ALL), option::of(time(1)));
    (digest(), reach, rest).prop_map(|(digest, (tool, operation, agent), (id, limit, until))| {
        RecordedStop {
            digest,
            id: id.map(|id| id.parse().expect("an id")),
            tool: tool.map(|tool| tool.parse().expect("a tool")),
            operation: operation.map(|operation| operation.parse().expect("an operation")),
            agent,
            limit,
            until,
        }
    })
}

fn decision() -> impl Strategy<Value = DecisionRecord> {
    let who = (
        text(),
        text(),
        option::of(text()),
        text(),
        digest(),
        attempt(),
    );
    let limit = (of(Limit::ALL), of(&LimitedBy::ALL));
    let limit = limit.prop_map(|(class, by)| LimitNow { class, by });
    let enforces = any::<(bool, bool)>().prop_map(|(mask, max_rows)| Enforces { mask, max_rows });
    let asked = (context(), evidence(), limit, enforces);
    let rule = (word(), word())
        .prop_map(|(home, name)| format!("{home}/{name}").parse::<RuleId>().expect("an id"));
    let said = (
        option::of(surface()),
        result(),
        prop::collection::vec(rule, 0..4),
        any::<u32>(),
    );
    (who, asked, said).prop_map(|(who, asked, said)| {
        let (decision, request_id, trace, sidecar, bundle, attempt) = who;
        let (context, evidence, limit, enforces) = asked;
        let (surface, result, rules, latency_us) = said;
        DecisionRecord {
            decision,
            request_id,
            trace,
            sidecar,
            bundle,
            attempt,
            context,
            evidence,
            limit,
            enforces,
            surface,
            result,
            rules,
            latency_us,
        }
    })
}

fn attempt() -> impl Strategy<Value = RecordedAttempt> {
    let subject = (text(), text()).prop_map(|(issuer, id)| Subject { issuer, id });
    let profile = word().prop_map(|name| ProfileName::new(&name).expect("a name"));
    let who = (
        option::of(subject),
        prop::collection::btree_set(profile, 0..4),
        text(),
        text(),
    );
    let what = (
        option::of(text()),
        option::of(text()),
        option::of(text()),
        input(),
        option::of(digest()),
    );
    (who, what).prop_map(
        |((subject, profiles, agent, tool), (operation, function, session, input, definition))| {
            RecordedAttempt {
                subject,
                profiles,
                agent,
                tool,
                operation,
                function,
                session,
                input,
                definition,
            }
        },
    )
}

fn input() -> impl Strategy<Value = RecordedInput> {
    // Masks are unknown now and then, as for an operation that nobody knows.
    let kept = (input_text(), masks(), option::weighted(0.9, Just(())));
    let kept = kept.prop_map(|(text, masks, known)| {
        let key = MaskKey::new(&[7; 32]);
        let sent = Sent {
            input: &Input::parse(&text),
            text: &text,
            tool: "erp",
            operation: Some("create_refund"),
            masks: known.map(|()| &masks),
            rejected: true,
        };
        RecordedInput::new(&sent, &key)
    });
    let long =
        (0..1_u64 << 53, keyed()).prop_map(|(bytes, digest)| RecordedInput::Long { bytes, digest });
    prop_oneof![9 => kept, 1 => long]
}

/// Makes the text of an input: mostly JSON, sometimes cut off, sometimes any bytes.
fn input_text() -> impl Strategy<Value = Vec<u8>> {
    let object = prop::collection::btree_map(word(), json(), 0..5);
    let object = object
        .prop_map(|members| {
            Json::Object(members.into_iter().collect())
                .canonical()
                // Cut off anywhere: an input that is no JSON any more.
                .into_bytes()
        })
        .boxed();
    let cut = (object.clone(), any::<prop::sample::Index>())
        .prop_map(|(text, at)| text[..at.index(text.len())].to_vec());
    prop_oneof![8 => object, 1 => cut, 1 => any::<Vec<u8>>()]
}

fn masks() -> impl Strategy<Value = BTreeSet<Pointer>> {
    prop::collection::btree_set(
        // Few names, so that masks meet members often.
        "(/([a-c]|0|\\*)){1,3}".prop_map(|text| Pointer::new(&text).expect("a pointer")),
        0..3,
    )
}

fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        (-(1_i64 << 53) + 1..1_i64 << 53).prop_map(Json::Integer),
        // Numbers with a fraction or an exponent, which keep their text.
        "-?[1-9][0-9]{0,3}\\.[0-9]{1,4}(e-?[0-9])?".prop_map(|text| Json::Decimal(text.into())),
        text().prop_map(Json::String),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        // Now and then a member that claims to be a mask.
        let name = prop_oneof![8 => word(), 2 => text(), 1 => Just("$masked".to_owned())];
        let object = prop::collection::btree_map(name, inner.clone(), 0..4);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Json::Array),
            object.prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

fn context() -> impl Strategy<Value = RecordedContext> {
    let facts = prop::collection::btree_map(word(), json(), 0..3);
    // Whole milliseconds, as records keep the instant.
    (facts, text(), time(1000), option::of(any::<bool>())).prop_map(
        |(facts, agent, now, business)| RecordedContext {
            facts,
            agent,
            now,
            business,
        },
    )
}

fn evidence() -> impl Strategy<Value = Evidence> {
    (of(Approval::ALL), any::<(bool, bool)>()).prop_map(
        |(approval, (user_confirmation, dry_run))| Evidence {
            approval,
            user_confirmation,
            dry_run,
        },
    )
}

fn surface() -> impl Strategy<Value = Surface> {
    let rows: BoxedStrategy<BTreeMap<Pointer, u32>> = (masks(), any::<u32>())
        .prop_map(|(pointers, rows)| {
            pointers
                .into_iter()
                .map(|pointer| (pointer, rows))
                .collect()
        })
        .boxed();
    (of(Risk::ALL), evidence(), masks(), rows).prop_map(|(risk, evidence, masks, max_rows)| {
        let Evidence {
            approval,
            user_confirmation,
            dry_run,
        } = evidence;
        Surface {
            risk,
            approval,
            user_confirmation,
            dry_run,
            masks,
            max_rows,
        }
    })
}

fn result() -> impl Strategy<Value = RecordedResult> {
    let needs = [Need::UserConfirmation, Need::DryRun]
        .into_iter()
        .chain(Approval::ALL.iter().copied().map(Need::Approval));
    let needs = prop::collection::vec(prop::sample::select(needs.collect::<Vec<_>>()), 0..4);
    let reject =
        (of(&Reason::ALL), text()).prop_map(|(reason, message)| Rejection::new(reason, message));
    prop_oneof![
        Just(RecordedResult::Permit),
        needs.prop_map(RecordedResult::Route),
        reject.prop_map(RecordedResult::Reject),
    ]
}

fn of<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    prop::sample::select(all)
}

fn word() -> impl Strategy<Value = String> {
    // Mostly short names from a small alphabet, so that members and masks meet; sometimes any name.
    prop_oneof![3 => "[a-c]", 1 => "[a-z0-9][a-z0-9_.-]{0,63}"]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![2 => "[a-zA-Z0-9 /:._-]{0,20}", 1 => any::<String>()]
}

/// Makes a time in whole steps of `step` microseconds.
fn time(step: i64) -> impl Strategy<Value = Timestamp> {
    // Up to the end of the year 9999.
    (0..253_402_300_799_i64 * 1_000_000 / step)
        .prop_map(move |at| Timestamp::from_microsecond(at * step).expect("a time"))
}

fn digest() -> impl Strategy<Value = Digest> {
    any::<[u8; 32]>().prop_map(|bytes| Digest::from_bytes(&bytes).expect("32 bytes"))
}

fn keyed() -> impl Strategy<Value = KeyedDigest> {
    any::<[u8; 32]>().prop_map(|secret| MaskKey::new(&secret).id())
}
